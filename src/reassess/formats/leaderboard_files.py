"""Leaderboards as files: tables of results, published ones too, and what ``reassess evaluate --json`` prints."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reassess.core import Leaderboard, LeaderboardRow
from reassess.core.checks import check_range, first_repeat
from reassess.errors import DataError, Fix, at
from reassess.formats.files import as_path, suffix_of
from reassess.formats.json_files import read_json
from reassess.formats.tables import (
    TABLE_SUFFIXES,
    as_text,
    column,
    integers,
    numbers,
    place,
    read_table,
    refuse_missing,
)
from reassess.numeric import Proportion
from reassess.text import some

if TYPE_CHECKING:
    import polars as pl


_THOUSANDS = r"^\d{1,3}(,\d{3})+(\.\d*)?$"
_ROUNDING = 0.0015  # of three figures with three decimals each
_Key = tuple[str, int | None]


def read_leaderboard(*paths: str | Path, family: re.Pattern[str] = Leaderboard.family) -> Leaderboard:
    r"""The leaderboard of one or several files.

    Parameters
    ----------
    paths
        Each is one of: a table (CSV, TSV, JSON lines, Parquet) with the columns model, original and real, in percent;
        a document of ``reassess evaluate --json``; or the two tables that timm publishes, one with top-1 accuracy on
        ImageNet and one with top-1 accuracy by ReaL and its difference to the other, joined on model and img_size.
        Tables may hold img_size and param_count (in millions) too.
    family
        As for `Leaderboard`.

    Returns
    -------
    Leaderboard; its `rows_dropped` counts the rows that only one of two joined tables has. Its label set is that of the
    documents; ReaL where there are none, or tables of timm's.

    Raises
    ------
    DataError
        A file does not hold a leaderboard; a model stands twice; evaluations are of different images or by
        different label sets.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "models.csv"
    >>> _ = path.write_text("model,original,real\na,76.1,82.9\nb,79.5,84.6\n")
    >>> read_leaderboard(path)
    Leaderboard(2 rows, 2 models)
    """
    files = [as_path(path) for path in paths]
    kinds = {path: suffix_of(path, (*TABLE_SUFFIXES, ".json"), "a leaderboard") for path in files}
    tables = [_Table(path, read_table(path, text=("model",))) for path in files if kinds[path] != ".json"]
    entries = [entry for table in tables if table.is_whole for entry in table.entries()]
    halves = [table for table in tables if not table.is_whole]
    joined, rows_dropped = _joined(halves) if halves else ([], {})
    evaluated, label_set = read_entries([path for path in files if kinds[path] == ".json"])
    label_set = Leaderboard.label_set if halves or label_set is None else label_set
    with at(some(files)):
        return Leaderboard((*entries, *joined, *evaluated), rows_dropped, family, label_set)


@dataclass(frozen=True)
class _Table:
    """A table with a row for each model and image size: of both accuracies, or of one."""

    path: Path
    table: "pl.DataFrame"

    @property
    def is_whole(self) -> bool:
        return "real" in self.table.columns or "top1" not in self.table.columns

    @property
    def is_real(self) -> bool:
        return "top1_diff" in self.table.columns

    @cached_property
    def keys(self) -> list[_Key]:
        """Model and image size of each row."""
        models = self.table[column(self.path, self.table, "model")]
        refuse_missing(self.path, models)
        sizes = self.table["img_size"] if "img_size" in self.table.columns else None
        known = [None] * len(models) if sizes is None else integers(self.path, sizes).to_list()
        return list(zip(models.to_list(), known, strict=True))

    @property
    def parameters(self) -> list[float | None]:
        """Millions of parameters, written as 1,013.01 where they are thousands."""
        if "param_count" not in self.table.columns:
            return [None] * self.table.height
        return [None if math.isnan(value) else value for value in self.known("param_count")]

    def known(self, heading: str) -> list[float]:
        """The numbers of a column, with or without commas between thousands; NaN where there is none."""
        text = as_text(self.path, self.table[heading])
        thousands = text.str.contains(_THOUSANDS).fill_null(value=False)  # else a comma may be that of 25,6
        return numbers(self.path, text.str.replace_all(",", "").zip_with(thousands, text).fill_null("nan")).to_list()

    def percent(self, heading: str) -> list[float]:
        """The accuracies of a column."""
        values = numbers(self.path, self.table[column(self.path, self.table, heading)])
        check_range(
            values.to_numpy(), 0, 100, what="accuracy in percent", where=lambda row: place(self.path, row, heading)
        )
        if max(values) <= 1:
            raise DataError(
                "out-of-range",
                "accuracies are fractions, not percent",
                where=f"{self.path}, column {heading}",
                allowed="0 to 100",
                found=f"none above {max(values):g}",
                fix="multiply them by 100",
            )
        return values.to_list()

    def entries(self) -> Iterator[LeaderboardRow]:
        """The rows of a table of both accuracies."""
        original = self.percent("original")
        real = self.percent("real")
        parameters = self.parameters
        with at(self.path):
            for (model, size), row in self.rows.items():
                yield LeaderboardRow(
                    model=model, original=original[row], real=real[row], image_size=size, parameters=parameters[row]
                )

    @cached_property
    def rows(self) -> dict[_Key, int]:
        """Row of each model and image size."""
        if repeat := first_repeat(self.keys):
            raise DataError(
                "duplicate-name",
                "model is named twice",
                where=place(self.path, repeat[1]),
                found=f"{_in_words(self.keys[repeat[0]])}, as in {place(self.path, repeat[0])}",
                fix="keep one row for each model and image size",
            )
        return {key: row for row, key in enumerate(self.keys)}


def _joined(halves: Sequence[_Table]) -> tuple[list[LeaderboardRow], dict[str, int]]:
    """The rows of a table of original accuracy and one of ReaL accuracy; how many only one of them has."""
    pair = [half for half in halves if not half.is_real], [half for half in halves if half.is_real]
    if tuple(map(len, pair)) != (1, 1):
        raise DataError(
            "one-table",
            "tables with only the accuracy column top1 come in pairs",
            where=some([half.path for half in halves]),
            allowed="one of ImageNet, and one of ReaL, which has the column top1_diff too",
            found=f"{len(pair[0])} without top1_diff, {len(pair[1])} with it",
            fix="give both, or a table with the columns model, original and real",
        )
    (original,), (real,) = pair
    both = [key for key in original.rows if key in real.rows]
    if not both:
        raise DataError(
            "nothing-in-common",
            "the two tables have no model in common",
            where=f"{original.path} and {real.path}",
            found=f"{_in_words(original.keys[0])} and {_in_words(real.keys[0])}",
            fix="take both from one release",
        )
    accuracies, real_accuracies = original.percent("top1"), real.percent("top1")
    parameters, differences = original.parameters, real.known("top1_diff")
    entries = []
    for key in both:
        row, real_row = original.rows[key], real.rows[key]
        with at(original.path):
            entry = LeaderboardRow(
                model=key[0],
                original=accuracies[row],
                real=real_accuracies[real_row],
                image_size=key[1],
                parameters=parameters[row],
            )
        _check_difference(real.path, real_row, entry, differences[real_row])
        entries.append(entry)
    only = {half.path: len(half.rows) - len(both) for half in (original, real)}
    return entries, {f"only in {path}": count for path, count in only.items() if count}


def _check_difference(path: Path, row: int, entry: LeaderboardRow, stated: float) -> None:
    """Refuse tables that are not of one release, by the difference of accuracies that one of them states."""
    if abs(entry.real - entry.original - stated) > _ROUNDING:
        raise DataError(
            "different-tables",
            "the two tables do not belong together",
            where=f"{place(path, row)}, {entry}",
            allowed=f"the difference of the two accuracies, {entry.real - entry.original:.3f}",
            found=f"top1_diff {stated:g}",
            fix="take both from one release",
        )


def _in_words(key: _Key) -> str:
    return key[0] if key[1] is None else f"{key[0]} at {key[1]}"


_SCHEMA = "reassess/evaluate"
_VERSION = 1


def read_entries(paths: Sequence[Path]) -> tuple[list[LeaderboardRow], str | None]:
    """The evaluations of some documents, models named after their files; and their label set."""
    entries: list[LeaderboardRow] = []
    first: _Evaluation | None = None
    for path in paths:
        with at(path):
            for one in _evaluations(read_json(path)):
                first = first or one
                _refuse_others(first, one)
                accuracies = 100 * one.original.hits / one.original.n, 100 * one.real.hits / one.real.n
                entries.append(LeaderboardRow(one.model, *accuracies))
    return entries, None if first is None else first.label_set


@dataclass(frozen=True)
class _Evaluation:
    """A model, the label set that judges it, and its accuracy at 1 by original labels and by that set."""

    model: str
    label_set: str
    original: Proportion
    real: Proportion


def _refuse_others(first: _Evaluation, other: _Evaluation) -> None:
    """Refuse an evaluation by another label set or of other images than the first."""
    if other.label_set != first.label_set:
        raise DataError(
            "different-labels",
            "evaluations with different label sets cannot be compared",
            where=other.model,
            allowed=f"{first.label_set}, as of {first.model}",
            found=other.label_set,
            fix="evaluate all models by the same labels",
        )
    n, original_n = first.real.n, first.original.n
    if (other.real.n, other.original.n) != (n, original_n):
        raise DataError(
            "different-images",
            "evaluations on different images cannot be compared",
            where=other.model,
            allowed=f"{n:,} images by {first.label_set} and {original_n:,} by original labels, as of {first.model}",
            found=f"{other.real.n:,} and {other.original.n:,}",
            fix="evaluate all models on the same images",
        )


def _evaluations(document: Any) -> Iterator[_Evaluation]:
    try:
        if (document["schema"], document["version"]) != (_SCHEMA, _VERSION):
            raise _not_evaluations(f"{document['schema']}, version {document['version']}")
        for result in document["results"]:
            model = str(result["file"])
            with at(model):
                label_set = str(result.get("label_set", Leaderboard.label_set))
                yield _Evaluation(model, label_set, _top1(result, "original"), _top1(result, "real"))
    except (KeyError, TypeError) as error:
        raise _not_evaluations(f"a document without {error}" if isinstance(error, KeyError) else None) from error


def _top1(result: dict[str, Any], name: str) -> Proportion:
    parts = result[name]
    if parts is None or "1" not in parts:
        why = result.get(f"{name}_reason") if parts is None else f"top {', '.join(parts)} only"
        raise DataError(
            "missing-accuracy",
            f"evaluation has no {name} top-1 accuracy",
            found=why,
            fix=Fix("evaluate the model again with {top_k}", top_k="[1, 5]"),
        )
    hits, n = parts["1"]["hits"], parts["1"]["n"]
    if not (isinstance(hits, int) and isinstance(n, int) and 0 <= hits <= n):
        raise _not_evaluations(f"{name}: {hits} hits of {n}")
    if not n:
        raise DataError("missing-accuracy", f"no image of the evaluation has {name} accuracy", fix="leave it out")
    return Proportion(hits, n)


def _not_evaluations(found: str | None) -> DataError:
    return DataError(
        "wrong-json",
        "document has no evaluations",
        allowed=f"{_SCHEMA}, version {_VERSION}: what reassess evaluate --json writes",
        found=found,
        fix="evaluate the models again with --json, or give a table with the columns model, original and real",
    )
