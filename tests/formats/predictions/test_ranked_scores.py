"""Tables with prediction_1..k and score_1..k of all classes are read as scores."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, Predictions
from reassess.formats import read_predictions, write_predictions

NAMED = Classes(4, names=("cat", "dog", "fox", "cup"))


@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from(["float16", "float32", "float64"]))
def test_scores_of_all_classes_survive_round_trip(
    tmp_path_factory: pytest.TempPathFactory, seed: int, by_name: bool, dtype: str
) -> None:
    """With many ties, and classes masked by -inf."""
    classes = NAMED if by_name else Classes(4)
    values = np.random.default_rng(seed).choice([-np.inf, 0.0, 0.25, 1.5], (6, 4)).astype(dtype)
    path = tmp_path_factory.mktemp("p") / "model.parquet"
    write_predictions(path, Predictions.from_scores(values, list("abcdef"), classes=classes))
    again = read_predictions(path, classes)
    assert np.array_equal(again.scores, values)
    assert again.detected_format == "parquet, image names from 'image', scores of all 4 classes"
    assert again.has_class_names == by_name
    assert again.top_classes(4)[0].tolist() == Predictions.from_scores(values).top_classes(4)[0].tolist()


@pytest.mark.parametrize(
    ("table", "classes"),
    [
        (
            {"prediction_1": ["cat"], "prediction_2": ["dog"], "score_1": [0.5], "score_2": [0.25]},
            NAMED,
        ),  # two of four classes
        (
            {"prediction_1": [0], "prediction_2": [1], "score_1": [0.5], "score_2": [0.25]},
            Classes(),
        ),  # number of classes unknown
        ({"prediction_1": [0], "prediction_2": [1], "score_1": [0.5]}, Classes(2)),
        ({"prediction_1": [0], "prediction_2": [1], "score_1": [0.25], "score_2": [0.5]}, Classes(2)),  # not sorted
        ({"prediction_1": [1], "prediction_2": [0], "score_1": [0.5], "score_2": [0.5]}, Classes(2)),
        ({"prediction_1": [0], "prediction_2": [1], "score_1": [0.5], "score_2": [None]}, Classes(2)),
        ({"prediction_1": [0], "prediction_2": [1], "score_1": [0.5], "score_2": [np.nan]}, Classes(2)),
        ({"prediction_1": [0], "prediction_2": [1], "score_1": ["high"], "score_2": ["low"]}, Classes(2)),
        ({"label_0": [0], "label_1": [1], "score_1": [0.5], "score_2": [0.25]}, Classes(2)),
    ],
)
def test_only_ids_are_read_if_scores_are_incomplete(
    tmp_path: Path, table: dict[str, list[object]], classes: Classes
) -> None:
    pl.DataFrame({"image": ["a.png"], **table}).write_parquet(tmp_path / "model.parquet")
    predictions = read_predictions(tmp_path / "model.parquet", classes)
    assert predictions.scores is None
    assert predictions.ids.shape == (1, 2)
