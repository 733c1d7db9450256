"""Leaderboard files: tables of results, timm's tables, and output of ``reassess evaluate --json``."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reassess.core import Leaderboard, LeaderboardRow
from reassess.core.checks import check_range, find_first_duplicate
from reassess.errors import DataError, Fix, add_error_place
from reassess.formats.files import as_path, check_suffix
from reassess.formats.json_files import read_json
from reassess.formats.tables import (
    TABLE_SUFFIXES,
    describe_row_place,
    find_column,
    read_table,
    refuse_missing_values,
    to_floats,
    to_integers,
    to_text,
)
from reassess.numeric import Proportion
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl


_THOUSANDS = r"^\d{1,3}(,\d{3})+(\.\d*)?$"
_ROUNDING = 0.0015  # three numbers are each rounded to three decimals
_ModelKey = tuple[str, int | None]  # model and image size


def read_leaderboard(*paths: str | Path, family_pattern: re.Pattern[str] = Leaderboard.family_pattern) -> Leaderboard:
    r"""Read a leaderboard from one or more files.

    Parameters
    ----------
    paths
        Each file is a table (CSV, TSV, JSON lines, Parquet) with the columns model, original and real, in percent; or
        the JSON output of ``reassess evaluate --json``; or one of two tables that timm publishes. One of timm's tables
        has the top-1 accuracy on ImageNet, the other has the top-1 accuracy by ReaL and the difference of both. Both
        must be given, and are joined on model and img_size. Tables may also have the columns img_size and param_count
        (in millions).
    family_pattern
        As for `Leaderboard`.

    Returns
    -------
    Leaderboard
        Its `dropped_row_counts` counts rows that are in only one of timm's two tables. Its label set is the label set
        of the JSON files; ReaL without JSON files, or with timm's tables.

    Raises
    ------
    DataError
        A file does not contain a leaderboard; a model is listed twice; or evaluations differ in their images or label
        sets.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "models.csv"
    >>> _ = path.write_text("model,original,real\na,76.1,82.9\nb,79.5,84.6\n")
    >>> read_leaderboard(path)
    Leaderboard(2 rows, 2 models)
    """
    files = [as_path(path) for path in paths]
    kinds = {path: check_suffix(path, (*TABLE_SUFFIXES, ".json"), "a leaderboard") for path in files}
    tables = [_ResultTable(path, read_table(path, text_columns=("model",))) for path in files if kinds[path] != ".json"]
    rows = [row for table in tables if table.has_original_and_reassessed_accuracy for row in table.leaderboard_rows()]
    halves = [table for table in tables if not table.has_original_and_reassessed_accuracy]
    joined_rows, dropped_row_counts = _join_tables(halves) if halves else ([], {})
    evaluated_rows, label_set = _read_evaluations([path for path in files if kinds[path] == ".json"])
    label_set = Leaderboard.label_set if halves or label_set is None else label_set
    with add_error_place(join_first(files)):
        return Leaderboard((*rows, *joined_rows, *evaluated_rows), dropped_row_counts, family_pattern, label_set)


@dataclass(frozen=True)
class _ResultTable:
    """A table with a row per model and image size. It has original accuracies, ReaL accuracies, or both accuracies."""

    path: Path
    table: "pl.DataFrame"

    @property
    def has_original_and_reassessed_accuracy(self) -> bool:
        return "real" in self.table.columns or "top1" not in self.table.columns

    @property
    def has_reassessed_accuracy(self) -> bool:
        return "top1_diff" in self.table.columns

    @cached_property
    def model_keys(self) -> list[_ModelKey]:
        """The model and image size of each row."""
        models = self.table[find_column(self.path, self.table, "model")]
        refuse_missing_values(self.path, models)
        sizes = self.table["img_size"] if "img_size" in self.table.columns else None
        image_sizes = [None] * len(models) if sizes is None else to_integers(self.path, sizes).to_list()
        return list(zip(models.to_list(), image_sizes, strict=True))

    @property
    def parameter_counts(self) -> list[float | None]:
        """The number of parameters of each model, in millions."""
        if "param_count" not in self.table.columns:
            return [None] * self.table.height
        return [None if math.isnan(value) else value for value in self.read_numbers("param_count")]

    def read_numbers(self, heading: str) -> list[float]:
        """Return the numbers of a column, with or without commas between thousands; NaN for an empty cell."""
        text = to_text(self.path, self.table[heading])
        thousands = text.str.contains(_THOUSANDS).fill_null(value=False)  # other commas may be decimal, as in 25,6
        return to_floats(self.path, text.str.replace_all(",", "").zip_with(thousands, text).fill_null("nan")).to_list()

    def read_percentages(self, heading: str) -> list[float]:
        """Return a column of accuracies in percent."""
        values = to_floats(self.path, self.table[find_column(self.path, self.table, heading)])
        check_range(
            values.to_numpy(),
            0,
            100,
            value_name="accuracy in percent",
            where=lambda row: describe_row_place(self.path, row, heading),
        )
        if max(values) <= 1:
            raise DataError(
                "out-of-range",
                "column has fractions, but accuracies must be in percent",
                where=f"{self.path}, column {heading}",
                allowed="0 to 100",
                found=f"at most {max(values):g}",
                fix="multiply the column by 100",
            )
        return values.to_list()

    def leaderboard_rows(self) -> Iterator[LeaderboardRow]:
        """Yield the rows of a table that has original and ReaL accuracies."""
        original = self.read_percentages("original")
        real = self.read_percentages("real")
        parameters = self.parameter_counts
        with add_error_place(self.path):
            for (model, size), row in self.row_numbers.items():
                yield LeaderboardRow(
                    model=model,
                    original_accuracy=original[row],
                    reassessed_accuracy=real[row],
                    image_size=size,
                    parameters=parameters[row],
                )

    @cached_property
    def row_numbers(self) -> dict[_ModelKey, int]:
        """The row number of each model and image size."""
        if repeat := find_first_duplicate(self.model_keys):
            raise DataError(
                "duplicate-name",
                "model is named twice",
                where=describe_row_place(self.path, repeat[1]),
                found=f"{_format_model_key(self.model_keys[repeat[0]])}, as in "
                f"{describe_row_place(self.path, repeat[0])}",
                fix="keep one row for each model and image size",
            )
        return {key: row for row, key in enumerate(self.model_keys)}


def _join_tables(tables: Sequence[_ResultTable]) -> tuple[list[LeaderboardRow], dict[str, int]]:
    """Join a table of original and a table of ReaL accuracies. Also count rows that are in only one of the tables."""
    originals, reals = (
        [half for half in tables if not half.has_reassessed_accuracy],
        [half for half in tables if half.has_reassessed_accuracy],
    )
    if (len(originals), len(reals)) != (1, 1):
        raise DataError(
            "one-table",
            "tables with the column top1 are read in pairs",
            where=join_first([half.path for half in tables]),
            allowed="one table of ImageNet accuracies (without top1_diff), and one of ReaL accuracies (with top1_diff)",
            found=f"{len(originals)} without top1_diff, {len(reals)} with it",
            fix="give both, or a table with the columns model, original and real",
        )
    (original,), (real,) = originals, reals
    both = [key for key in original.row_numbers if key in real.row_numbers]
    if not both:
        raise DataError(
            "nothing-in-common",
            "the two tables have no model in common",
            where=f"{original.path} and {real.path}",
            found=f"{_format_model_key(original.model_keys[0])} and {_format_model_key(real.model_keys[0])}",
            fix="use both tables of one release",
        )
    accuracies, real_accuracies = original.read_percentages("top1"), real.read_percentages("top1")
    parameters, differences = original.parameter_counts, real.read_numbers("top1_diff")
    joined_rows = []
    for key in both:
        row, real_row = original.row_numbers[key], real.row_numbers[key]
        with add_error_place(original.path):
            joined_row = LeaderboardRow(
                model=key[0],
                original_accuracy=accuracies[row],
                reassessed_accuracy=real_accuracies[real_row],
                image_size=key[1],
                parameters=parameters[row],
            )
        _check_accuracy_difference(real.path, real_row, joined_row, differences[real_row])
        joined_rows.append(joined_row)
    unmatched = {half.path: len(half.row_numbers) - len(both) for half in (original, real)}
    return joined_rows, {f"only in {path}": count for path, count in unmatched.items() if count}


def _check_accuracy_difference(path: Path, row_number: int, joined_row: LeaderboardRow, top1_diff: float) -> None:
    """Raise if top1_diff is not the difference of the accuracies: the tables are from two releases."""
    expected = joined_row.reassessed_accuracy - joined_row.original_accuracy
    if abs(expected - top1_diff) > _ROUNDING:
        raise DataError(
            "different-tables",
            "the two tables do not belong together",
            where=f"{describe_row_place(path, row_number)}, {joined_row}",
            allowed=f"top1_diff {expected:.3f}, the difference of the two accuracies",
            found=f"top1_diff {top1_diff:g}",
            fix="use both tables of one release",
        )


def _format_model_key(key: _ModelKey) -> str:
    return key[0] if key[1] is None else f"{key[0]} at {key[1]}"


_SCHEMA = "reassess/evaluate"
_VERSION = 1


def _read_evaluations(paths: Sequence[Path]) -> tuple[list[LeaderboardRow], str | None]:
    """Read the JSON of evaluations; also return the name of their label set. Models are named after files."""
    rows: list[LeaderboardRow] = []
    first: _Evaluation | None = None
    for path in paths:
        with add_error_place(path):
            for result in _parse_evaluations(read_json(path)):
                first = first or result
                _check_comparable(first, result)
                accuracies = (
                    100 * result.original_proportion.hits / result.original_proportion.n,
                    100 * result.reassessed_proportion.hits / result.reassessed_proportion.n,
                )
                rows.append(LeaderboardRow(result.model, *accuracies))
    return rows, None if first is None else first.label_set


@dataclass(frozen=True)
class _Evaluation:
    """A model's top-1 accuracy by original labels and by a label set."""

    model: str
    label_set: str
    original_proportion: Proportion
    reassessed_proportion: Proportion


def _check_comparable(first: _Evaluation, evaluation: _Evaluation) -> None:
    """Raise if an evaluation has another label set or other images than the first evaluation."""
    if evaluation.label_set != first.label_set:
        raise DataError(
            "different-labels",
            "evaluations with different label sets cannot be compared",
            where=evaluation.model,
            allowed=f"{first.label_set}, as for {first.model}",
            found=evaluation.label_set,
            fix="evaluate all models with the same labels",
        )
    n, original_n = first.reassessed_proportion.n, first.original_proportion.n
    if (evaluation.reassessed_proportion.n, evaluation.original_proportion.n) != (n, original_n):
        raise DataError(
            "different-images",
            "evaluations on different images cannot be compared",
            where=evaluation.model,
            allowed=f"{n:,} images with {first.label_set} labels and {original_n:,} with original labels, "
            f"as for {first.model}",
            found=f"{evaluation.reassessed_proportion.n:,} and {evaluation.original_proportion.n:,}",
            fix="evaluate all models on the same images",
        )


def _parse_evaluations(document: Any) -> Iterator[_Evaluation]:
    try:
        if (document["schema"], document["version"]) != (_SCHEMA, _VERSION):
            raise _not_evaluations_error(f"{document['schema']}, version {document['version']}")
        for result in document["results"]:
            model = str(result["file"])
            with add_error_place(model):
                label_set = str(result.get("label_set", Leaderboard.label_set))
                yield _Evaluation(model, label_set, _read_top1(result, "original"), _read_top1(result, "real"))
    except (KeyError, TypeError) as error:
        raise _not_evaluations_error(f"a document without {error}" if isinstance(error, KeyError) else None) from error


def _read_top1(result: dict[str, Any], labels_name: Literal["original", "real"]) -> Proportion:
    by_k = result[labels_name]
    if by_k is None or "1" not in by_k:
        why = result.get(f"{labels_name}_reason") if by_k is None else f"top {', '.join(by_k)} only"
        raise DataError(
            "missing-accuracy",
            f"evaluation has no {labels_name} top-1 accuracy",
            found=why,
            fix=Fix("evaluate the model again with {top_k}", top_k="[1, 5]"),
        )
    hits, n = by_k["1"]["hits"], by_k["1"]["n"]
    if not (isinstance(hits, int) and isinstance(n, int) and 0 <= hits <= n):
        raise _not_evaluations_error(f"{labels_name}: {hits} hits of {n}")
    if not n:
        problem = f"evaluation has no images for {labels_name} accuracy"
        raise DataError("missing-accuracy", problem, fix="remove this model")
    return Proportion(hits, n)


def _not_evaluations_error(found_text: str | None) -> DataError:
    return DataError(
        "wrong-json",
        "document has no evaluations",
        allowed=f"{_SCHEMA}, version {_VERSION}, from `reassess evaluate --json`",
        found=found_text,
        fix="evaluate the models again with --json, or give a table with the columns model, original and real",
    )
