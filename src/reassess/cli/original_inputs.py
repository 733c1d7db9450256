"""Original labels and votes on images, for commands that judge no model by label sets."""

from collections.abc import Mapping
from pathlib import Path

from reassess.cli.common import Call
from reassess.cli.judges import Judges
from reassess.cli.part_inputs import joined_parts, needed_part, read_classes_of, read_original_of
from reassess.core.benchmark import Benchmark
from reassess.core.class_lists import Classed
from reassess.core.items import Id
from reassess.core.labels import LabelSets
from reassess.data.loading import load_votes
from reassess.errors import DataError
from reassess.formats.archives import MAX_BYTES

__all__ = ["load_original_judges"]


def load_original_judges(
    call: Call,
    benchmark: Benchmark,
    original: str | None,
    votes: Mapping[str, str | None],
    *,
    answers: tuple[Id, ...] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Judges:
    """The original labels, if there are any, and votes, in one list of classes.

    Parameters
    ----------
    call, benchmark, original
        The command's call, its benchmark, and the original labels as given; None for the benchmark's own.
    votes
        Which of the parts ``votes`` and ``golden`` are read, each as given; None for the benchmark's own.
    answers, max_bytes
        As for `judges.load_judges`.
    """
    classes = read_classes_of(call, benchmark)
    given: dict[str, tuple[Path, Classed]] = {}
    if (of_original := read_original_of(call, benchmark, original, classes)) is not None:
        given["original"] = of_original
    for part, source in votes.items():
        try:
            path = needed_part(call, benchmark, part, source)
        except DataError as error:
            if source is None:
                error.mend = f"give --{part} FILE; or {error.mend}"
            raise
        order = answers or benchmark.answers
        given[part] = path, load_votes(path, answers=order, classes=classes, max_bytes=max_bytes)
    parts = joined_parts(given, benchmark, classes) if given else {}
    return Judges(
        benchmark=benchmark,
        by_default=False,
        files={part: path for part, (path, _) in given.items()},
        naming=next((path for path, _ in given.values()), None),
        sets={None: parts.get("original", LabelSets.from_lists([], [], classes))},
        original=parts.get("original"),
        scores=None,
        votes=parts.get("votes"),
        experts=parts.get("golden"),
        rater_golden=None,
        reviewed=None,
    )
