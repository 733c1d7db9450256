"""Common behaviour of data types: their arrays are read-only, and a missing result has a reason."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from reassess.core import Candidates, Classes, Cleaning, Duplicates, Folds, LabelNoise, Questions, Scores, Tasks
from reassess.errors import DataError, MissingResult
from tests.helpers import labels_of, votes_of

QUESTIONS = Questions.from_columns(["a.png", "b.png"], np.array([1, 0]))
TWO = np.arange(2)
INSTANCES: tuple[Any, ...] = (
    QUESTIONS,
    labels_of({"a": {1}}),
    votes_of([(0, 0, 1)], seconds=np.ones(1)),
    Scores(QUESTIONS, np.ones(2)),
    Tasks(QUESTIONS, np.arange(3), TWO, ["why"] * 2),
    Folds(("a", "b"), TWO),
    Candidates.from_columns(["a", "b"], TWO, TWO, ["vit"], np.zeros(2, int)),
    Duplicates.from_columns(["a"], ["a.png"], [0], ["tiny"]),
    LabelNoise(0.25, np.eye(2), 1.0, Classes(2)),
    Cleaning(("a", "b"), TWO.astype(np.int32), TWO > 0, TWO / 2, TWO.astype(np.int32), ("why",) * 2, Classes(2)),
)


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda instance: type(instance).__name__)
def test_arrays_are_read_only(instance: Any) -> None:
    arrays = [value for field in fields(instance) if isinstance(value := getattr(instance, field.name), np.ndarray)]
    assert arrays
    assert not any(array.flags.writeable for array in arrays)


def test_reason_of_missing_result_comes_from_error() -> None:
    error = DataError("code", "no golden question is valid", where="golden.csv", found="3 pairs", fix="judge more")
    assert str(MissingResult.from_error(error)) == "no golden question is valid: 3 pairs"
    assert str(MissingResult.from_error(DataError("code", "votes are missing"))) == "votes are missing"
