"""Checks of what a reader returned, against the standard csv and json modules and numpy."""

import csv
import json
import math
import warnings
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from reassess.core import Candidates, Duplicates, Folds, LabelSets, MultiLabels, Predictions, Scores, Tasks, Votes
from reassess.formats.tables import read_table
from reassess.numeric.arrays import as_floats


def check_table(path: Path, table: pl.DataFrame) -> None:
    """Check a table against the csv module, or against json line by line."""
    suffix = path.suffix
    if suffix == ".parquet":
        return
    rows = list(_json_rows(path, table.columns) if suffix == ".jsonl" else _csv_rows(path))
    assert table.height == len(rows), f"{table.height} rows of {len(rows)}"
    for read, row in zip(table.rows(), rows, strict=True):
        for heading, value, expected in zip(table.columns, read, row, strict=True):
            assert _is_same(value, expected), f"column {heading!r}: {value!r} for {expected!r}"


def _csv_rows(path: Path) -> Iterator[list[Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = (row for row in csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t", strict=True) if row)
        next(rows, None)
        yield from ([field or None for field in row] for row in rows)


def _json_rows(path: Path, headings: list[str]) -> Iterator[list[Any]]:
    rows = [json.loads(line, object_pairs_hook=_unique_keys) for line in _lines(path)]
    assert {heading for row in rows for heading in row} == set(headings)
    yield from ([row.get(heading) for heading in headings] for row in rows)


def _lines(path: Path) -> list[bytes]:
    """Return the lines that are not blank; inside a line, JSON treats a carriage return as a blank."""
    return [line for line in path.read_bytes().split(b"\n") if line.strip()]


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a duplicate key was read"
    return dict(pairs)


def _is_same(value: Any, expected: Any) -> bool:
    """Return whether a cell has the value in the file, as text or as a number."""
    if value is None or expected is None or isinstance(value, list | dict):
        return value is expected or isinstance(value, list | dict)
    if isinstance(expected, list | dict):
        return json.loads(value) == expected
    if isinstance(value, float):
        return float(expected) == value or (math.isnan(value) and math.isnan(float(expected)))
    if isinstance(value, bool) or isinstance(expected, bool):
        return str(value).lower() == str(expected).lower()
    if isinstance(value, int):
        return int(expected) == value
    # A number among texts.
    return value == str(expected) or (not isinstance(expected, str) and float(value) == expected)


def check_labels(path: Path, labels: LabelSets | MultiLabels) -> None:
    """Check label sets by id against json; null means an unrated image."""
    if path.suffix != ".json" or isinstance(labels, MultiLabels) or labels.classes.wnids_or_names:
        return
    content = json.loads(path.read_bytes())
    if isinstance(content.get("labels"), dict):  # of FiftyOne
        return
    document = {image: ids for image, ids in content.items() if ids is not None}
    assert list(document) == list(labels.images)
    for row, ids in enumerate(document.values()):
        label_ids = labels.indices[labels.indptr[row] : labels.indptr[row + 1]].tolist()
        assert sorted(set(map(int, ids))) == label_ids, f"{label_ids} for {ids}"


def check_scores(path: Path, scores: Scores) -> None:
    """Check the scores of an archive against numpy."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            name = next(name for name in ("tensor", "scores", "probability") if name in arrays)
            np.testing.assert_array_equal(scores.values, arrays[name].astype(np.float64))


def check_predictions(path: Path, predictions: Predictions) -> None:
    """Check scores and ids of array files against numpy and torch."""
    if path.suffix == ".npy":
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # about files of Python 2
            array = np.load(path)
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            array = next(arrays[name] for name in arrays if name not in _NAMES)
    elif path.suffix == ".pt":
        array = _tensor(path)
    else:
        return
    values = predictions.ids if predictions.scores is None else predictions.scores
    assert values is not None
    if predictions.dtype == "bfloat16":
        values = as_floats(values)
    np.testing.assert_array_equal(np.asarray(values).reshape(array.shape), array)


def check_candidates(path: Path, candidates: Candidates) -> None:
    """Check that each row is a candidate, and that ranks and probabilities are from the table."""
    table = read_table(path, text_columns=("image", "source"))
    if "source" not in table.columns:
        assert len(candidates) == table.height
        return
    assert candidates.question_ids.size == table.height
    assert set(candidates.sources) == set(table["source"])
    for heading, is_known in (("rank", candidates.ranks > 0), ("probability", ~np.isnan(candidates.probabilities))):
        expected = table[heading].is_not_null().sum() if heading in table.columns else 0
        assert np.count_nonzero(is_known) == expected, heading


def check_folds(path: Path, folds: Folds) -> None:
    """Check the image and the fold of each row."""
    if path.suffix != ".parquet":
        rows = list(_rows(path))
        assert list(map(_id, folds.images)) == [_id(row["image"]) for row in rows]
        for number, row in zip(folds.fold_numbers.tolist(), rows, strict=True):
            # A large number is read exactly, or as the nearest float.
            assert number in (float(row["fold"]), Fraction(row["fold"]))


def check_duplicates(path: Path, duplicates: Duplicates) -> None:
    """Check the set, image, group and kind of each row."""
    if path.suffix != ".parquet":
        expected = [(row["set"], row["image"], float(row["group"] or 0), row["kind"]) for row in _rows(path)]
        sets = [duplicates.sets[i] for i in duplicates.set_ids.tolist()]
        assert (
            list(zip(sets, duplicates.images, duplicates.group_numbers.tolist(), duplicates.kinds, strict=True))
            == expected
        )


def check_tasks(path: Path, tasks: Tasks) -> None:
    """Check the tasks, and their numbers of classes, against json."""
    lines = [json.loads(line.decode("utf-8-sig")) for line in _lines(path)]
    assert [line["task"] for line in lines] == tasks.task_numbers.tolist()
    assert [line["image"] for line in lines] == [tasks.image_of(task) for task in range(len(tasks))]
    assert [len(line["classes"]) for line in lines] == tasks.sizes.tolist()


_NAMES = ("names", "filenames", "paths")


def _tensor(path: Path) -> np.ndarray[Any, Any]:
    """Load the tensor with torch, bfloat16 as float32."""
    import torch

    loaded = torch.load(path, weights_only=True)
    content = loaded if isinstance(loaded, dict) else {"": loaded}
    tensor = next(value for name, value in content.items() if isinstance(value, torch.Tensor) and name not in _NAMES)
    array: np.ndarray[Any, Any] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy()
    return array


def check_votes(path: Path, votes: Votes) -> None:
    """Check the votes of an archive against numpy, and the votes per rater and per answer of a table."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            tensor = arrays["tensor"]
        one_hot = np.zeros(tensor.shape, np.int64)
        np.add.at(one_hot, (votes.rater_ids, votes.item_ids, votes.answer_ids), 1)
        np.testing.assert_array_equal(one_hot, tensor)
    elif path.suffix not in (".parquet", ".json"):
        rows = list(_rows(path))
        rater, answer = (next((name for name in names if name in rows[0]), None) for names in _VOTE_HEADINGS)
        if rater is None or answer is None:  # counts
            return
        vote_rows = [row for row in rows if row[rater] is not None]
        assert _counts(votes.raters, votes.rater_ids) == Counter(_id(row[rater]) for row in vote_rows)
        if votes.classes is None:
            texts = (row[answer] for row in vote_rows)
            known = {"no", "maybe", "yes"}  # in any case
            answers = (text.lower() if str(text).lower() in known else text for text in texts)
            assert _counts(votes.answers, votes.answer_ids) == Counter(map(_id, answers))


_VOTE_HEADINGS = (("rater", "worker"), ("answer", "label"))


def _counts(names: Any, ids: Any) -> Counter[Any]:
    return Counter(_id(names[i]) for i in ids.tolist())


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a text table, by heading."""
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in _lines(path)]
        headings = list(dict.fromkeys(heading for line in lines for heading in line))
        yield from ({heading: line.get(heading) for heading in headings} for line in lines)
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        heading = next(csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t"))
    yield from (dict(zip(heading, row, strict=True)) for row in _csv_rows(path))


def _id(value: Any) -> Any:
    """Convert an id to a number, or else to a text without blanks around it; `nan` is a text."""
    if isinstance(value, list | dict):
        return json.dumps(value)
    try:
        number = float(value)
    except ValueError:
        return str(value).strip()
    return str(value).strip() if math.isnan(number) else number
