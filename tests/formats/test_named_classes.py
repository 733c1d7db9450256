"""Predictions for classes that are known only by the names in the labels: ids have no meaning."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reassess.core import Classes
from reassess.core.classes import ADD_CLASS_LIST
from reassess.errors import ReassessWarning
from reassess.formats import read_label_file, read_predictions
from tests.helpers import NAME_OUTPUTS, File, Refused, code_of, warned

NAMED = Classes(3, names=("bowl", "cup", "mug"), has_local_ids=True)
SORTED = ", in the sorted order of the 3 classes in the labels"


def test_label_file_with_names_has_local_ids(file: File) -> None:
    assert read_label_file(file("l.json", json.dumps({"a": ["mug", "cup"], "b": ["bowl"]}))).classes == NAMED
    assert read_label_file(file("n.json", json.dumps({"a": [2, 1], "b": [0]}))).classes == Classes()


# --- ids ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", [[0, 2], [[0, 1], [2, 1]]])
def test_array_of_ids_raises(refused_text: Refused, tmp_path: Path, ids: list[int] | list[list[int]]) -> None:
    np.save(tmp_path / "p.npy", np.array(ids))
    assert refused_text(read_predictions, tmp_path / "p.npy", NAMED) == (
        "class ids cannot be used: only class names are known\n  where:   DIR/p.npy\n"
        f"  found:   bowl, cup and 1 more, and ids\n  fix:     {NAME_OUTPUTS}; or name the classes; or {ADD_CLASS_LIST}"
    )
    numbered = {"outputs": ["0", "1", "2"]}  # numbers do not name the outputs either
    assert code_of(read_predictions, tmp_path / "p.npy", NAMED, **numbered) == "unknown-class"


@pytest.mark.parametrize(
    ("content", "column"),
    [
        ("image,prediction\na,0\nb,2\n", "prediction"),
        ("image,prediction\na,0.0\nb,2.0\n", "prediction"),
        ("image,prediction\na,[0 1]\nb,[2 1]\n", "prediction"),
        ("image,prediction_1,prediction_2\na,0,1\nb,2,1\n", "prediction_1 to prediction_2"),
        ("image,label,index\na,0,0\nb,2,2\n", "label to index"),
    ],
)
def test_columns_of_ids_raise(refused: Refused, file: File, content: str, column: str) -> None:
    assert refused(read_predictions, file("p.csv", content), NAMED) == f"ids-of-names at p.csv, column {column}"


def test_ids_are_read_with_list_of_outputs(file: File, tmp_path: Path) -> None:
    outputs = ["mug", "saucer", "bowl", "cup"]
    np.save(tmp_path / "p.npy", np.array([[0, 1], [2, 3]]))
    with pytest.warns(ReassessWarning, match="1 prediction with 1 unknown class name, dropped: saucer"):
        predictions = read_predictions(tmp_path / "p.npy", NAMED, outputs=outputs)
    assert predictions.class_ids.tolist() == [[2, -1], [0, 1]]
    table = file("p.csv", "image,prediction\na,0\nb,3\n")
    assert read_predictions(table, NAMED, outputs=outputs).class_ids.tolist() == [[2], [1]]


@pytest.mark.parametrize(
    "content",
    [
        "image,index,label\na,7,mug\nb,3,bowl\n",  # as timm's inference script writes them
        "image,label,prediction\na,7,mug\nb,3,bowl\n",
        "image,index_0,label_0\na,7,mug\nb,3,bowl\n",
        "image,prediction,top1\na,7,mug\nb,3,bowl\n",
    ],
)
def test_columns_of_names_are_preferred_to_ids(file: File, content: str) -> None:
    assert read_predictions(file("p.csv", content), NAMED).class_ids.tolist() == [[2], [0]]


# --- names ----------------------------------------------------------------------------------------------------------


def test_predictions_without_known_name_raise(refused: Refused, file: File) -> None:
    top1 = file("p.csv", "image,prediction\na,saucer\nb,jar\n")
    assert refused(read_predictions, top1, NAMED) == "unknown-class at p.csv, column prediction"
    top2 = file("p.csv", "image,prediction_1,prediction_2\na,saucer,jar\n")
    assert refused(read_predictions, top2, NAMED) == "unknown-class at p.csv, column prediction_1 to prediction_2"


# --- scores ---------------------------------------------------------------------------------------------------------


def test_one_output_per_class_is_read_in_sorted_order(file: File, tmp_path: Path) -> None:
    scores = np.array([[0.1, 0.2, 0.7]], np.float32)
    np.save(tmp_path / "p.npy", scores)
    predictions = read_predictions(tmp_path / "p.npy", NAMED)
    assert (predictions.top_classes(1)[0].tolist(), predictions.detected_format) == (
        [[2]],
        f"npy 1x3, float32 scores{SORTED}",
    )
    for headings in ("0,1,2", "prob_0,prob_1,prob_2"):
        predictions = read_predictions(file("p.csv", f"image,{headings}\na,.1,.2,.7\n"), NAMED)
        assert predictions.top_classes(1)[0].tolist() == [[2]]
        assert predictions.detected_format == (
            f"csv, image names from 'image', scores from a column per class, 3 classes{SORTED}"
        )
    pl.DataFrame({"image": ["a"], "prob": [[0.1, 0.2, 0.7]]}).write_parquet(tmp_path / "p.parquet")
    predictions = read_predictions(tmp_path / "p.parquet", NAMED)
    assert predictions.detected_format.endswith(f"scores of 3 outputs from 'prob'{SORTED}")


@pytest.mark.parametrize("outputs", [2, 4])
def test_wrong_number_of_outputs_raises(refused: Refused, file: File, tmp_path: Path, outputs: int) -> None:
    np.save(tmp_path / "p.npy", np.zeros((1, outputs)))
    assert refused(read_predictions, tmp_path / "p.npy", NAMED) == "wrong-outputs at p.npy"
    headings = ",".join(f"prob_{i}" for i in range(outputs))
    table = file("p.csv", f"image,{headings}\na{',.1' * outputs}\n")
    assert refused(read_predictions, table, NAMED) == "wrong-outputs at p.csv"


def test_score_columns_with_names_may_have_any_order(file: File) -> None:
    predictions = read_predictions(file("p.csv", "image,mug,saucer,bowl\na,.1,.3,.3\n"), NAMED)
    assert predictions.top_classes(2)[0].tolist() == [[0, 2]]
    assert predictions.detected_format == (
        "csv, image names from 'image', scores from a column per class, 2 classes; "
        "1 column ignored (unknown class): saucer"
    )


def test_ignored_column_with_highest_score_warns(file: File) -> None:
    path = file("p.csv", ",image,mug,saucer,bowl,jar,split\n5,a,.1,.9,.3,.0,val\n6,b,.1,.2,.3,.0,val\n")
    text = "a column that is not a class has the highest score in 1 of 2 rows"
    for unknown_class in ("wrong", "drop"):
        with warned(f"{path}: {text}; such columns are ignored: saucer"):
            predictions = read_predictions(path, NAMED, unknown_class=unknown_class)
        assert predictions.top_classes(2)[0].tolist() == [[0, 2], [0, 2]]
