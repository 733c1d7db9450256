"""Evaluations as ``reassess evaluate --json`` writes them, read as rows of a leaderboard."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reassess.errors import DataError, at
from reassess.formats.labels import read_json
from reassess.intervals import Proportion
from reassess.leaderboard import Entry

__all__ = ["read_entries"]

_SCHEMA = "reassess/evaluate"
_VERSION = 1


def read_entries(paths: Sequence[Path]) -> Iterator[Entry]:
    """Each evaluation of some documents: top-1 accuracies of a model that is called by its file.

    Raises
    ------
    DataError
        A file holds no evaluations; one has no original accuracy; they are of different numbers of images.
    """
    first: tuple[str, tuple[int, int]] | None = None
    for path in paths:
        with at(path):
            for model, original, real in _evaluations(read_json(path)):
                images = real.n, original.n
                first = first or (model, images)
                if images != first[1]:
                    raise DataError(
                        "evaluations of different images cannot be compared",
                        where=model,
                        allowed="{:,} images by ReaL and {:,} by original labels, as of {}".format(*first[1], first[0]),
                        found="{:,} and {:,}".format(*images),
                        mend="evaluate all models on the same images",
                    )
                yield Entry(model, 100 * original.hits / original.n, 100 * real.hits / real.n)


def _evaluations(document: Any) -> Iterator[tuple[str, Proportion, Proportion]]:
    """Model, original and ReaL accuracy at 1 of each evaluation of a document."""
    try:
        if (document["schema"], document["version"]) != (_SCHEMA, _VERSION):
            raise _not_evaluations(f"{document['schema']}, version {document['version']}")
        for result in document["results"]:
            model = str(result["file"])
            with at(model):
                yield model, _top1(result, "original"), _top1(result, "real")
    except (KeyError, TypeError) as error:
        raise _not_evaluations(f"a document without {error}" if isinstance(error, KeyError) else None) from error


def _top1(result: dict[str, Any], name: str) -> Proportion:
    parts = result[name]
    if parts is None or "1" not in parts:
        why = result.get(f"{name}_reason") if parts is None else f"top {', '.join(parts)} only"
        raise DataError(
            f"an evaluation without {name} top-1 accuracy", found=why, mend="evaluate the model again, with --topk 1,5"
        )
    hits, n = parts["1"]["hits"], parts["1"]["n"]
    if not (isinstance(hits, int) and isinstance(n, int) and 0 <= hits <= n):
        raise _not_evaluations(f"{name}: {hits} hits of {n}")
    if not n:
        raise DataError(f"an evaluation in which no image has {name} accuracy", mend="leave it out")
    return Proportion(hits, n)


def _not_evaluations(found: str | None) -> DataError:
    return DataError(
        "the document does not hold evaluations",
        allowed=f"{_SCHEMA}, version {_VERSION}: what reassess evaluate --json writes",
        found=found,
        mend="evaluate the models again with --json, or give a table with the columns model, original and real",
    )
