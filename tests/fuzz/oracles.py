"""What csv, json and numpy read by themselves, beside what a reader made of a file."""

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from reassess.core.labels import LabelSets
from reassess.core.predictions import Predictions
from reassess.core.proposals import Proposals
from reassess.core.scores import Scores
from reassess.core.tasks import Tasks
from reassess.formats.tables import read_table

__all__ = ["check_labels", "check_predictions", "check_proposals", "check_scores", "check_table", "check_tasks"]


def check_table(path: Path, table: pl.DataFrame) -> None:
    """A table of text holds what the csv module, or json line by line, finds in the file."""
    suffix = path.suffix
    if suffix == ".parquet":
        return
    rows = list(_json_rows(path, table.columns) if suffix == ".jsonl" else _csv_rows(path))
    assert table.height == len(rows), f"{table.height} rows of {len(rows)}"
    for read, row in zip(table.rows(), rows, strict=True):
        for heading, value, told in zip(table.columns, read, row, strict=True):
            assert _same(value, told), f"column {heading!r}: {value!r} for {told!r}"


def _csv_rows(path: Path) -> Iterator[list[Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = (row for row in csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t", strict=True) if row)
        next(rows, None)
        yield from ([field or None for field in row] for row in rows)


def _json_rows(path: Path, headings: list[str]) -> Iterator[list[Any]]:
    rows = [json.loads(line, object_pairs_hook=_once) for line in path.read_bytes().splitlines() if line.strip()]
    assert {heading for row in rows for heading in row} == set(headings)
    yield from ([row.get(heading) for heading in headings] for row in rows)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a key twice was read"
    return dict(pairs)


def _same(value: Any, told: Any) -> bool:
    """Whether a cell holds what stands in the file, as text or as a number."""
    if value is None or told is None or isinstance(value, list | dict):
        return value is told or isinstance(value, list | dict)
    if isinstance(value, float):
        return float(told) == value or (math.isnan(value) and math.isnan(float(told)))
    if isinstance(value, bool) or isinstance(told, bool):
        return str(value).lower() == str(told).lower()
    if isinstance(value, int):
        return int(told) == value
    return value == told if isinstance(told, str) else float(value) == told  # a number among texts


def check_labels(path: Path, labels: LabelSets) -> None:
    """Label sets by id are those that json finds."""
    if path.suffix != ".json" or labels.classes.texts:
        return
    document = json.loads(path.read_bytes())
    assert list(document) == list(labels.images)
    for row, ids in enumerate(document.values()):
        held = labels.indices[labels.indptr[row] : labels.indptr[row + 1]].tolist()
        assert sorted(set(map(int, ids))) == held, f"{held} for {ids}"


def check_scores(path: Path, scores: Scores) -> None:
    """Scores of an archive are the numbers that numpy reads."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            name = next(name for name in ("tensor", "scores", "probability") if name in arrays)
            np.testing.assert_array_equal(scores.values, arrays[name].astype(np.float64))


def check_predictions(path: Path, predictions: Predictions) -> None:
    """Scores and ids of numpy's files are the numbers that numpy reads."""
    if path.suffix == ".npy":
        array = np.load(path)
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            array = next(arrays[name] for name in arrays if name not in ("names", "filenames", "paths"))
    else:
        return
    held = predictions.ids if predictions.scores is None else predictions.scores
    assert held is not None
    np.testing.assert_array_equal(np.asarray(held).reshape(array.shape), array)


def check_proposals(path: Path, proposals: Proposals) -> None:
    """Each row of the table is one, and none has a probability or a rank that the table lacks."""
    table = read_table(path, text=("image", "source"))
    assert proposals.question_ids.size == table.height
    assert set(proposals.sources) == set(table["source"])
    for heading, held in (("rank", proposals.ranks > 0), ("probability", ~np.isnan(proposals.probabilities))):
        given = table[heading].is_not_null().sum() if heading in table.columns else 0
        assert np.count_nonzero(held) == given, heading


def check_tasks(path: Path, tasks: Tasks) -> None:
    """The lines, and the classes of each, are those that json finds."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    assert [line["task"] for line in lines] == tasks.numbers.tolist()
    assert [line["image"] for line in lines] == [tasks.image(task) for task in range(len(tasks))]
    assert [len(line["classes"]) for line in lines] == tasks.sizes.tolist()
