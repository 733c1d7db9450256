"""Lists of outputs: unknown classes, blank lines, and lists that correct swapped class names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, UnknownClasses
from reassess.errors import ReassessWarning
from reassess.formats import read_predictions
from reassess.formats.predictions.output_lists import read_output_classes
from tests.helpers import File, Refused, warned, write_csv

ANIMALS = Classes(
    4,
    ("n00000001", "n00000002", "n00000003", "n00000004"),
    ("ant", "bee, honeybee", "cat", "dog"),
    synonyms=(("emmet",), (), ("tom",), ()),
)
SPELLINGS = (("ant", "emmet", "N00000001"), ("bee", "honeybee", "n00000002"), ("Cat", "tom"), ("dog", "n00000004"))


@given(st.permutations(range(4)), st.lists(st.permutations(range(4)), min_size=1, max_size=5), st.data())
def test_list_corrects_swapped_class_names(
    scratch: Path, class_of: list[int], rows: list[list[int]], data: st.DataObject
) -> None:
    """For any name or synonym of a class, in the file and in the list."""
    lists = [[data.draw(st.sampled_from(SPELLINGS[i])) for i in row] for row in rows]
    path = write_csv(
        scratch / "best.csv", "image,prediction_1,prediction_2", [(i, *row[:2]) for i, row in enumerate(lists)]
    )
    name_pairs = [[data.draw(st.sampled_from(SPELLINGS[i])) for i in pair] for pair in enumerate(class_of)]
    outputs = ["\t".join(pair) for pair in name_pairs]
    read = read_predictions(path, ANIMALS, outputs=outputs)
    assert read.class_ids.tolist() == [[class_of[i] for i in row[:2]] for row in rows]
    assert read.has_class_names
    assert read.detected_format.endswith("ids from 'prediction_1' to 'prediction_2', class names corrected by a list")
    scores = np.random.default_rng(0).random((len(rows), 4))
    headings = [data.draw(st.sampled_from(names)) for names in SPELLINGS]
    path = write_csv(
        scratch / "scores.csv", ",".join(["image", *headings]), [(i, *row) for i, row in enumerate(scores)]
    )
    read = read_predictions(path, ANIMALS, outputs=outputs)
    assert (read.output_class_ids.tolist(), read.scores.tolist(), read.has_class_names) == (
        class_of,
        scores.tolist(),
        True,
    )


def test_classes_missing_from_the_list_are_unchanged(file: File) -> None:
    path = file("p.csv", "image,prediction\n1,ant\n2,bee\n3,cat\n")
    assert read_predictions(path, ANIMALS, outputs=["cat\tdog", "dog\tcat"]).ids.tolist() == [[0], [1], [3]]
    assert read_predictions(
        path, Classes.from_texts(["ant", "bee", "cat"]), outputs=["ant\tcat", "cat\tant"]
    ).ids.tolist() == [[2], [1], [0]]


@pytest.mark.parametrize(
    ("content", "by_name"),
    [
        ("image,prediction\n1,ant\n2,bee\n", True),
        ("image,prediction\n1,0\n2,1\n", False),
        ("image,ant,bee\n1,0.5,0.25\n", True),
        ("image,0,1,2,3\n1,0.5,0.25,0,0\n", False),
        ("image,label,index\n1,ant,0\n2,bee,1\n", False),
    ],
)
def test_by_name_says_whether_a_file_has_class_names(file: File, content: str, by_name: bool) -> None:
    assert read_predictions(file("p.csv", content), ANIMALS).has_class_names == by_name


LISTED = ["cat", "anteater", "ant", "wolf", "bee", "-"]


@pytest.mark.parametrize("name", ["p.npy", "p.csv", "p.npz"])
@pytest.mark.parametrize("unknown_class", ["wrong", "drop"])
def test_ids_of_ignored_outputs_are_dropped_and_counted(name: str, unknown_class: Any, tmp_path: Path) -> None:
    """As in files of scores, ignored outputs have no rank. An image without another prediction is wrong."""
    ids = np.array([[1, 0], [2, 4], [3, 1], [5, 3]])
    np.save(tmp_path / "p.npy", ids)
    np.savez(tmp_path / "p.npz", ids=ids)
    write_csv(tmp_path / "p.csv", "image,prediction_1,prediction_2", [(i, *row) for i, row in enumerate(ids.tolist())])
    text = (
        "5 predictions with 3 unknown class names, dropped: anteater, wolf, -; "
        "2 images without another prediction, counted as wrong"
    )
    with warned(f"{tmp_path / name}: {text}"):
        read = read_predictions(tmp_path / name, ANIMALS, outputs=LISTED, unknown_class=unknown_class)
    assert read.class_ids.tolist() == [[2, -1], [0, 1], [-1, -1], [-1, -1]]
    assert read.unknown_classes == UnknownClasses(5, ("anteater", "wolf", "-"))
    assert read.detected_format.endswith(f"; 3 outputs ignored (unknown class): anteater, wolf, -; {text}")


def test_ignored_outputs_without_predictions_give_no_warning(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.array([0, 2]))
    read = read_predictions(tmp_path / "p.npy", ANIMALS, outputs=["cat", "anteater", "ant"])
    assert (read.class_ids.tolist(), read.unknown_classes) == ([[2], [0]], UnknownClasses())
    assert read.detected_format == "npy 2, top-1 ids; 1 output ignored (unknown class): anteater"


@pytest.mark.parametrize("name", ["p.npy", "p.csv", "s.npy"])
def test_unknown_outputs_raise_with_error(name: str, refused: Refused, tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.array([0, 2]))
    np.save(tmp_path / "s.npy", np.zeros((2, 6)))
    write_csv(tmp_path / "p.csv", "image,prediction", [("a", 0), ("b", 2)])
    assert refused(read_predictions, tmp_path / name, ANIMALS, outputs=LISTED, unknown_class="error") == (
        "unknown-class at the list of outputs"
    )


@pytest.mark.parametrize(("outputs", "line"), [(["cat", "", "ant"], 2), (["cat", "ant", " "], 3), ([""], 1)])
def test_blank_line_in_list_of_outputs_raises(outputs: list[str], line: int, refused: Refused, file: File) -> None:
    assert refused(read_predictions, file("p.csv", "image,prediction\na,0\n"), ANIMALS, outputs=outputs) == (
        f"missing-value at the list of outputs, line {line}"
    )


def test_numbers_are_ids_in_every_rank_column(file: File) -> None:
    """Even if only some of the columns have only numbers."""
    classes = Classes(4, names=("0", "1", "2", "other"))
    path = file("p.csv", "image,prediction_1,prediction_2,prediction_3\na,0,other,1\nb,2,1,jar\n")
    with pytest.warns(ReassessWarning, match="1 prediction with 1 unknown class name, counted as wrong: jar"):
        assert read_predictions(path, classes).class_ids.tolist() == [[0, 3, 1], [2, 1, -1]]


def test_number_among_names_is_a_class_name(file: File) -> None:
    """A class may be named 1, and output 1 may be another class."""
    classes = Classes(3, names=("0", "1", "other"))
    path = file("p.csv", "image,prediction\na,other\nb,1\n")
    assert read_predictions(path, classes).ids.tolist() == [[2], [1]]
    assert read_predictions(
        file("q.csv", "image,prediction\na,0\nb,1\n"), classes, outputs=["1", "0", "other"]
    ).class_ids.tolist() == [[1], [0]]


@pytest.mark.parametrize("numbers", ["1,2,9", "1.5,2,9"])
def test_ignored_column_warns_for_scores_of_any_type(numbers: str, refused: Refused, file: File) -> None:
    path = file("s.csv", f"image,cat,dog,fox\na,{numbers}\nb,{numbers.replace('2', '3')}\n")
    if "." in numbers:  # next to floats, a column of whole numbers may be a width
        assert read_predictions(path, ANIMALS).top_classes(1)[0].tolist() == [[3], [3]]
        return
    text = "a column that is not a class has the highest score in 2 of 2 rows"
    with warned(f"{path}: {text}; such columns are ignored: fox"):
        read_predictions(path, ANIMALS)
    assert refused(read_predictions, path, ANIMALS, unknown_class="error") == "unknown-class at s.csv"


@pytest.mark.parametrize("name", ["p.npy", "p.csv"])
def test_list_of_names_raises_for_a_file_with_ids(name: str, refused: Refused, tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.array([0, 1]))
    write_csv(tmp_path / "p.csv", "image,prediction", [("a", 0), ("b", 1)])
    for classes, outputs in ((ANIMALS, ["ant\tbee", "bee\tant"]), (None, ["0\t1", "1\t0"])):
        assert refused(read_predictions, tmp_path / name, classes, outputs=outputs) == f"unused-option at {name}"


@pytest.mark.parametrize(
    ("outputs", "error"),
    [
        (["ant\tbee", "bee\tcat"], "wrong-items at the list of outputs"),
        (["ant\tbee", "emmet\tant"], "duplicate-class at the list of outputs"),
    ],
    ids=["one side only", "twice"],
)
def test_list_of_names_that_is_not_one_to_one_raises(
    outputs: list[str], error: str, refused: Refused, file: File
) -> None:
    path = file("p.csv", "image,prediction\n1,ant\n2,bee\n")
    assert refused(read_predictions, path, ANIMALS, outputs=outputs) == error


@pytest.mark.parametrize(
    "header", ["output,class", '"Output","class"', " output , class", "output\tclass", '"output", "class"']
)
def test_headings_of_a_table_of_outputs_may_have_quotes_and_blanks(header: str, file: File) -> None:
    tab = "\t" if "\t" in header else ","
    assert read_output_classes(file("o.csv", f"{header}\n0-1{tab}cat\n2{tab}bee\n")) == {0: "cat", 1: "cat", 2: "bee"}


@pytest.mark.parametrize("header", ["output;class", "class,output", "output,class,name", "class | output"])
def test_other_headings_of_a_table_of_outputs_raise(header: str, refused: Refused, file: File) -> None:
    path = file("o.csv", f"{header}\n0,cat\n")
    assert refused(read_output_classes, path) == f"wrong-row at {path.name}, line 1"
    path = file("o.csv", "output class\nclass\n")
    assert read_output_classes(path) == ["output class", "class"]
