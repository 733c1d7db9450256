"""What csv, json and numpy read by themselves, beside what a reader made of a file."""

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
    rows = [json.loads(line, object_pairs_hook=_once) for line in _lines(path)]
    assert {heading for row in rows for heading in row} == set(headings)
    yield from ([row.get(heading) for heading in headings] for row in rows)


def _lines(path: Path) -> list[bytes]:
    """The lines that are not blank; a carriage return within one is a blank of JSON's."""
    return [line for line in path.read_bytes().split(b"\n") if line.strip()]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a key twice was read"
    return dict(pairs)


def _same(value: Any, told: Any) -> bool:
    """Whether a cell holds what stands in the file, as text or as a number."""
    if value is None or told is None or isinstance(value, list | dict):
        return value is told or isinstance(value, list | dict)
    if isinstance(told, list | dict):
        return json.loads(value) == told
    if isinstance(value, float):
        return float(told) == value or (math.isnan(value) and math.isnan(float(told)))
    if isinstance(value, bool) or isinstance(told, bool):
        return str(value).lower() == str(told).lower()
    if isinstance(value, int):
        return int(told) == value
    return value == str(told) or (not isinstance(told, str) and float(value) == told)  # a number among texts


def check_labels(path: Path, labels: LabelSets | MultiLabels) -> None:
    """Label sets by id are those that json finds; null is of an image that was never rated."""
    if path.suffix != ".json" or isinstance(labels, MultiLabels) or labels.classes.texts:
        return
    document = {image: ids for image, ids in json.loads(path.read_bytes()).items() if ids is not None}
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
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # that Python 2 wrote it
            array = np.load(path)
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            array = next(arrays[name] for name in arrays if name not in _NAMES)
    elif path.suffix == ".pt":
        array = _tensor(path)
    else:
        return
    held = predictions.ids if predictions.scores is None else predictions.scores
    assert held is not None
    if predictions.dtype == "bfloat16":
        held = as_floats(held)
    np.testing.assert_array_equal(np.asarray(held).reshape(array.shape), array)


def check_candidates(path: Path, candidates: Candidates) -> None:
    """Each row of the table is one, and no candidate has a probability or a rank that the table lacks."""
    table = read_table(path, text=("image", "source"))
    if "source" not in table.columns:
        assert len(candidates) == table.height
        return
    assert candidates.question_ids.size == table.height
    assert set(candidates.sources) == set(table["source"])
    for heading, held in (("rank", candidates.ranks > 0), ("probability", ~np.isnan(candidates.probabilities))):
        given = table[heading].is_not_null().sum() if heading in table.columns else 0
        assert np.count_nonzero(held) == given, heading


def check_folds(path: Path, folds: Folds) -> None:
    """Each row of the table is one, with its fold."""
    if path.suffix != ".parquet":
        rows = list(_rows(path))
        assert list(map(_id, folds.images)) == [_id(row["image"]) for row in rows]
        for held, row in zip(folds.numbers.tolist(), rows, strict=True):
            assert held in (
                float(row["fold"]),
                Fraction(row["fold"]),
            )  # a large one as it stands, or as the nearest float


def check_duplicates(path: Path, duplicates: Duplicates) -> None:
    """Each row of the table is one, with its number where it has one."""
    if path.suffix != ".parquet":
        told = [(row["set"], row["image"], float(row["group"] or 0), row["kind"]) for row in _rows(path)]
        sets = [duplicates.sets[i] for i in duplicates.set_ids.tolist()]
        assert list(zip(sets, duplicates.images, duplicates.groups.tolist(), duplicates.kinds, strict=True)) == told


def check_tasks(path: Path, tasks: Tasks) -> None:
    """The lines, and the classes of each, are those that json finds."""
    lines = [json.loads(line.decode("utf-8-sig")) for line in _lines(path)]
    assert [line["task"] for line in lines] == tasks.numbers.tolist()
    assert [line["image"] for line in lines] == [tasks.image(task) for task in range(len(tasks))]
    assert [len(line["classes"]) for line in lines] == tasks.sizes.tolist()


_NAMES = ("names", "filenames", "paths")


def _tensor(path: Path) -> np.ndarray[Any, Any]:
    """What torch itself loads; of a type that numpy lacks, as float32."""
    import torch

    loaded = torch.load(path, weights_only=True)
    held = loaded if isinstance(loaded, dict) else {"": loaded}
    tensor = next(value for name, value in held.items() if isinstance(value, torch.Tensor) and name not in _NAMES)
    array: np.ndarray[Any, Any] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy()
    return array


def check_votes(path: Path, votes: Votes) -> None:
    """Votes of an archive stand where numpy finds a 1; of a table, in as many rows for each rater and each answer."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            tensor = arrays["tensor"]
        held = np.zeros(tensor.shape, np.int64)
        np.add.at(held, (votes.rater_ids, votes.item_ids, votes.answer_ids), 1)
        np.testing.assert_array_equal(held, tensor)
    elif path.suffix != ".parquet":
        rows = list(_rows(path))
        rater, answer = (next((name for name in names if name in rows[0]), None) for names in _OF_VOTES)
        if rater is None or answer is None:  # counts
            return
        cast = [row for row in rows if row[rater] is not None]
        assert _counts(votes.raters, votes.rater_ids) == Counter(_id(row[rater]) for row in cast)
        if votes.classes is None:
            told = (row[answer] for row in cast)
            known = {"no", "maybe", "yes"}  # however they are written
            answers = (text.lower() if str(text).lower() in known else text for text in told)
            assert _counts(votes.answers, votes.answer_ids) == Counter(map(_id, answers))


_OF_VOTES = (("rater", "worker"), ("answer", "label"))


def _counts(names: Any, ids: Any) -> Counter[Any]:
    return Counter(_id(names[i]) for i in ids.tolist())


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a table of text, by heading."""
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in _lines(path)]
        headings = list(dict.fromkeys(heading for line in lines for heading in line))
        yield from ({heading: line.get(heading) for heading in headings} for line in lines)
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        heading = next(csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t"))
    yield from (dict(zip(heading, row, strict=True)) for row in _csv_rows(path))


def _id(value: Any) -> Any:
    """A number as such, however it is written; a text without the blanks around it, as is the name `nan`."""
    if isinstance(value, list | dict):
        return json.dumps(value)
    try:
        number = float(value)
    except ValueError:
        return str(value).strip()
    return str(value).strip() if math.isnan(number) else number
