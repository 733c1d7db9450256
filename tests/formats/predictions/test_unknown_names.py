"""Predicted names that are not classes: counted as wrong, dropped, or an error."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, LabelSets, Predictions, UnknownClasses
from reassess.errors import ReassessWarning
from reassess.evaluation import evaluate, find_outcomes
from reassess.formats import read_predictions, write_predictions
from tests.helpers import File, Refused, write_csv

WHOLE = Classes(
    4,
    ("n00000001", "n00000002", "n00000003", "n00000004"),
    ("tench, Tinca tinca", "tabby, tabby cat", "crane", "crane"),
    synonyms=(("doctor fish",), (), (), ()),
)
RANKED = Classes(4, names=("bowl", "cup", "mug", "plate"), has_local_ids=True)
SPELLINGS = {
    WHOLE: (
        ("n00000001", "TENCH", "tinca tinca", "Doctor fish", "tench, tinca tinca"),
        ("Tabby cat", "N00000002", "tabby"),
        ("n00000003",),
        ("n00000004",),
    ),
    RANKED: (("bowl", "Bowl"), ("cup", " cup"), ("mug", "MUG"), ("plate", "plate ")),
}
UNKNOWN = ("saucer", "jar", "n99999999", "it's")


def read(path: Path, classes: Classes, unknown_class: Any = "wrong") -> tuple[Predictions, list[str]]:
    """Return the predictions and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        predictions = read_predictions(path, classes, unknown_class=unknown_class)
    assert {warning.category for warning in caught} <= {ReassessWarning}
    texts = [str(warning.message).removeprefix(f"{path}: ") for warning in caught]
    assert all(("\n  fix: correct the names" in text) == (unknown_class == "wrong") for text in texts)
    return predictions, [text.split("\n")[0] for text in texts]


# --- laws -----------------------------------------------------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn) -> tuple[Classes, list[list[int | str]], list[list[str]]]:
    """Draw classes, rows of class ids and unknown names, and a spelling of each entry."""
    classes, k = draw(st.sampled_from([WHOLE, RANKED])), draw(st.integers(1, 4))
    entries = st.one_of(st.integers(0, 3), st.sampled_from(UNKNOWN))
    row = st.lists(entries, min_size=k, max_size=k).filter(has_unique_ids)
    rows = draw(st.lists(row, min_size=1, max_size=6).filter(lambda rows: any(map(only_ids, rows))))
    spellings = [
        [draw(st.sampled_from(SPELLINGS[classes][entry] if isinstance(entry, int) else [entry])) for entry in row]
        for row in rows
    ]
    return classes, rows, spellings


def only_ids(row: list[int | str]) -> list[int]:
    return [entry for entry in row if isinstance(entry, int)]


def has_unique_ids(row: list[int | str]) -> bool:
    return len(only_ids(row)) == len(set(only_ids(row)))


def expected_ids(row: list[int | str], unknown_class: str) -> list[int]:
    """Return the class ids of a row, name by name."""
    ids: list[int] = []
    for entry in row:
        if isinstance(entry, int):
            ids.append(entry)
        elif unknown_class == "wrong":
            ids.append(-1)
    while len(ids) < len(row):
        ids.append(-1)
    return ids


def write(folder: Path, rows: list[list[str]], as_list: bool) -> Path:
    """Write a table with a column per rank, or with one column of lists."""
    path = folder / "p.csv"
    if as_list and len(rows[0]) > 1:
        lists = ["[" + " ".join(repr(name) for name in row) + "]" for row in rows]
        return write_csv(path, "image,prediction", [(f"{i}.png", text) for i, text in enumerate(lists)])
    headings = ",".join(["image", *(f"prediction_{rank + 1}" for rank in range(len(rows[0])))])
    return write_csv(path, headings, [(f"{i}.png", *row) for i, row in enumerate(rows)])


@given(tables(), st.sampled_from(["wrong", "drop"]), st.booleans())
def test_ids_and_counts_equal_slow_reference(
    scratch: Path, table: tuple[Classes, list[list[int | str]], list[list[str]]], unknown_class: str, as_list: bool
) -> None:
    classes, rows, spellings = table
    predictions, warned = read(write(scratch, spellings, as_list), classes, unknown_class)
    assert predictions.class_ids.tolist() == [expected_ids(row, unknown_class) for row in rows]
    names = [entry for row in rows for entry in row if isinstance(entry, str)]
    assert predictions.unknown_classes.n_predictions == len(names)
    assert set(predictions.unknown_classes.names) == set(names)
    assert len(predictions.unknown_classes.names) == len(set(names))
    assert len(warned) == bool(names)
    assert all(predictions.detected_format.endswith(f"; {text}") for text in warned)


@given(tables(), st.sampled_from(["wrong", "drop"]), st.data())
def test_ranks_and_hits_equal_slow_reference(
    scratch: Path, table: tuple[Classes, list[list[int | str]], list[list[str]]], unknown_class: str, data: Any
) -> None:
    """The rank of the best valid class counts all names before it, except names that are dropped."""
    classes, rows, spellings = table
    sets = data.draw(st.lists(st.sets(st.integers(0, 3), min_size=1), min_size=len(rows), max_size=len(rows)))
    labels = LabelSets.from_lists([f"{i}.png" for i in range(len(rows))], [sorted(ids) for ids in sets], classes)
    predictions, _ = read(write(scratch, spellings, as_list=False), classes, unknown_class)
    outcomes, k = find_outcomes(predictions, labels), len(rows[0])
    ids = [expected_ids(row, unknown_class) for row in rows]
    ranks = [
        min([row.index(class_id) for class_id in valid if class_id in row], default=k)
        for row, valid in zip(ids, sets, strict=True)
    ]

    assert outcomes.best_ranks.tolist() == ranks
    assert outcomes.top1.tolist() == [row[0] for row in ids]
    for top, part in evaluate(predictions, labels, top_k=range(1, k + 1)).real_accuracy.items():
        assert (part.hits, part.n) == (sum(rank < top for rank in ranks), len(rows))


@given(tables())
def test_error_raises_only_for_unknown_names(
    scratch: Path, table: tuple[Classes, list[list[int | str]], list[list[str]]]
) -> None:
    classes, rows, spellings = table
    path = write(scratch, spellings, as_list=False)
    if any(isinstance(entry, str) for row in rows for entry in row):
        with pytest.raises(ValueError, match="unknown class"):
            read(path, classes, "error")
    else:
        assert read(path, classes, "error")[0].class_ids.tolist() == rows


# --- messages -------------------------------------------------------------------------------------------------------

TOP_2 = (
    "image,prediction_1,prediction_2\n"
    "a,saucer,tabby cat\nb,n00000003,jar\nc,Saucer,tin\nd,tub,tench\ne,tench,n00000004\n"
)
SOURCE = "csv, image names from 'image', top-2 ids from 'prediction_1' to 'prediction_2'; "
COUNTED = "5 predictions with 4 unknown class names, {}: saucer, tub, jar and 1 more"


def test_wrong_warns_with_counts_and_three_examples(file: File) -> None:
    """Names that differ only in case count as one name."""
    predictions, warned = read(file("p.csv", TOP_2), WHOLE)
    assert predictions.class_ids.tolist() == [[-1, 1], [2, -1], [-1, -1], [-1, 0], [0, 3]]
    assert predictions.unknown_classes == UnknownClasses(5, ("saucer", "tub", "jar", "tin"))
    assert warned == [COUNTED.format("counted as wrong")]
    assert predictions.detected_format == SOURCE + warned[0]


def test_class_that_is_spelled_like_an_unknown_name_is_suggested(file: File) -> None:
    path = file("p.csv", "image,prediction\na,tenhc\nb,saucer\nc,Tench\n")
    with pytest.warns(ReassessWarning, match=r"saucer\n  fix: correct the names .tenhc: did you mean tench\?., or unk"):
        read_predictions(path, WHOLE)


def test_drop_warns_with_number_of_images_without_prediction(file: File) -> None:
    predictions, warned = read(file("p.csv", TOP_2), WHOLE, "drop")
    assert predictions.class_ids.tolist() == [[1, -1], [2, -1], [-1, -1], [0, -1], [0, 3]]
    assert predictions.unknown_classes == UnknownClasses(5, ("saucer", "tub", "jar", "tin"))
    assert warned == [COUNTED.format("dropped") + "; 1 image without another prediction, counted as wrong"]
    assert predictions.detected_format == SOURCE + warned[0]
    _, warned = read(file("q.csv", "image,prediction_1,prediction_2\na,jar,tench\n"), WHOLE, "drop")
    assert warned == ["1 prediction with 1 unknown class name, dropped: jar"]


@pytest.mark.parametrize("unknown_class", ["wrong", "error", "drop"])
def test_known_names_and_ids_give_no_warning(file: File, unknown_class: str) -> None:
    for content in ("image,prediction\na,tench\nb,Tabby Cat\n", "image,prediction\na,0\nb,1\n"):
        predictions, warned = read(file("p.csv", content), WHOLE, unknown_class)
        assert (predictions.class_ids.tolist(), predictions.unknown_classes, warned) == (
            [[0], [1]],
            UnknownClasses(),
            [],
        )


@pytest.mark.parametrize("unknown_class", ["wrong", "error", "drop"])
def test_only_unknown_names_or_an_ambiguous_name_raise(refused: Refused, file: File, unknown_class: str) -> None:
    for content, code in (("a,jar\nb,saucer\n", "unknown-class"), ("a,tench\nb,Crane\nc,jar\n", "duplicate-class")):
        path = file("p.csv", f"image,prediction\n{content}")
        assert refused(read_predictions, path, WHOLE, unknown_class=unknown_class) == (
            f"{code} at p.csv, column prediction"
        )


def test_error_names_the_columns(refused: Refused, file: File) -> None:
    path = file("p.csv", TOP_2)
    assert refused(read_predictions, path, WHOLE, unknown_class="ignore") == "unknown-name"
    assert refused(read_predictions, path, WHOLE, unknown_class="error") == (
        "unknown-class at p.csv, column prediction_1 to prediction_2"
    )


def test_second_column_with_another_class_raises(refused: Refused, file: File) -> None:
    """In a second column, only class names count, since it may have another meaning."""
    assert refused(read_predictions, file("p.csv", "image,prediction,top1\na,tench,jar\nb,tub,tabby\n"), WHOLE) == (
        "ambiguous-column at p.csv, line 3"
    )
    for content in ("image,prediction,top1\na,tench,jar\nb,tabby,tub\n", "image,prediction,top1\na,0,jar\nb,1,tabby\n"):
        predictions, warned = read(file("q.csv", content), WHOLE)
        assert (predictions.class_ids.tolist(), warned) == ([[0], [1]], [])


def test_unknown_classes_cannot_be_written_to_npy(refused: Refused, file: File, tmp_path: Path) -> None:
    predictions, _ = read(file("p.csv", TOP_2), WHOLE)
    assert refused(write_predictions, tmp_path / "out.npy", predictions) == "missing-outputs at out.npy"
    assert not (tmp_path / "out.npy").exists()


def test_ignored_outputs_move_last_but_unknown_classes_stay() -> None:
    unknown = UnknownClasses(2, ("jar",))
    predictions = Predictions.from_ids(
        [[0, -1, 2], [-1, 1, 2]], output_class_ids=np.array([-1, 5, 7]), unknown_classes=unknown
    )
    assert predictions.class_ids.tolist() == [[-1, 7, -1], [-1, 5, 7]]
