"""Files of label sets and original labels: round trips and errors."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reassess.core import Classes, LabelSets
from reassess.core.image_names import validation_image_names
from reassess.errors import DataError
from reassess.formats import read_label_file, read_original_file, write_labels
from reassess.text import to_nfc
from tests.helpers import File, RealFile, Refused, labels_of, warned

SUFFIXES = (".json", ".csv", ".tsv", ".jsonl", ".parquet")
odd_names = st.sampled_from(
    ["00012.png", "a b, c.png", 'say "hi".png', "it's.png", "#1;\t.png", "null", "1.0", "é/日本.png"]
)
names = odd_names | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=10).map(
    to_nfc
)
sets = st.dictionaries(names, st.sets(st.integers(0, 2**31 - 1), max_size=4), min_size=1, max_size=8)


# --- round trips ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(sets)
def test_empty_sets_and_unrated_images_survive_round_trip(scratch: Path, suffix: Any, expected: Any) -> None:
    path = scratch / f"labels{suffix}"
    write_labels(path, labels_of(expected), force=True)
    labels = read_label_file(path)
    assert labels.classes_by_image() == expected
    assert labels.images == tuple(expected)  # in the order of writing
    assert labels["unrated"] == (tuple(sorted(expected["unrated"])) if "unrated" in expected else None)


def test_true_and_false_are_class_names(file: File) -> None:
    labels = read_label_file(file("a.csv", "image,class\na,true\nb,FALSE\n"))
    assert [labels.classes.short_name(labels[image][0]) for image in ("a", "b")] == ["true", "FALSE"]


words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6)
class_names = st.sampled_from(["dog", "dog, hound", "Dog", " dog", 'a "b"', "null", "n01440764", "true", "1.5"]) | words
wnids = st.integers(0, 9).map("n0144076{}".format)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(st.data())
def test_classes_named_only_in_the_file_survive_round_trip(scratch: Path, suffix: Any, data: Any) -> None:
    """Wnids and names survive, except for blanks around them and their form of Unicode."""
    kind = data.draw(st.sampled_from([class_names, wnids]))
    expected = data.draw(st.dictionaries(names, st.sets(kind, max_size=4), min_size=1, max_size=6))
    (scratch / "first.json").write_text(json.dumps({name: list(texts) for name, texts in expected.items()}))
    try:
        with warnings.catch_warnings(action="ignore"):  # about names that differ only in case
            labels = read_label_file(scratch / "first.json")
    except DataError:  # numbers among the names
        return
    path = scratch / f"labels{suffix}"
    write_labels(path, labels, force=True)
    with warnings.catch_warnings(action="ignore"):
        result = read_label_file(path)
    assert result.classes == labels.classes
    assert result.classes_by_image() == labels.classes_by_image()
    if labels.indices.size and labels.classes != Classes():
        texts = result.classes.wnids or result.classes.names
        assert {name: {texts[i] for i in ids} for name, ids in result.classes_by_image().items()} == {
            name: {to_nfc(text.strip()) for text in texts} for name, texts in expected.items()
        }


def test_class_names_ignore_blanks_but_not_case(file: File) -> None:
    path = file("a.csv", "image,class\na,cat\nb, cat\nc,Cat\nd,cat \n")
    with warned(f"{path}: names that differ only in case are different classes: Cat and cat"):
        labels = read_label_file(path)
    assert labels.classes.names == ("Cat", "cat")
    assert labels.classes_by_image() == {"a": {1}, "b": {1}, "c": {0}, "d": {1}}


NUMBER_LIKE = st.text("019.+-eE_ ", min_size=1, max_size=4) | st.sampled_from(
    ["true", "False", "nan", "NaN", "-inf", "Infinity", "null", "None", "1e5", "5.", ".5", "0x1", "2021-01-01", "12:30"]
)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(
    names=st.lists(NUMBER_LIKE, min_size=1, max_size=4, unique_by=lambda name: name.strip().casefold()),
    has_local_ids=st.booleans(),
)
def test_number_like_class_names_survive_round_trip(
    scratch: Path, suffix: Any, names: list[str], has_local_ids: bool
) -> None:
    """Each file has only one class, so that its column could be read as numbers."""
    assume(all(name.strip() for name in names))
    try:
        classes = Classes.from_texts(names) if has_local_ids else Classes(len(names), names=tuple(names))
    except DataError:
        return
    for class_id in range(len(names)):
        labels = labels_of({"a": {class_id}, "b": set()}, classes)
        write_labels(scratch / f"labels{suffix}", labels, force=True)
        assert (
            read_label_file(scratch / f"labels{suffix}", classes=classes).classes_by_image()
            == labels.classes_by_image()
        )
        if has_local_ids:
            result = read_label_file(scratch / f"labels{suffix}")
            assert result.classes.names == (classes.names[class_id],)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_classes_of_a_class_list_are_written_as_ids(tmp_path: Path, suffix: Any) -> None:
    labels = labels_of({"a": {0, 2}, "b": set()}, Classes(3, ("n01", "n02", "n03"), ("cat", "dog", "crane")))
    write_labels(tmp_path / f"labels{suffix}", labels)
    result = read_label_file(tmp_path / f"labels{suffix}")
    assert (result.classes, result.classes_by_image()) == (Classes(), labels.classes_by_image())


def test_validation_labels_with_wnids_are_written_as_list(tmp_path: Path) -> None:
    classes = Classes(2, wnids=("n01440764", "n01443537"), has_local_ids=True)
    images = validation_image_names()
    write_labels(tmp_path / "real.json", LabelSets.from_lists(images, [[i % 2] for i in range(50_000)], classes))
    assert json.loads((tmp_path / "real.json").read_text())[:2] == [["n01440764"], ["n01443537"]]
    assert read_label_file(tmp_path / "real.json").classes == classes


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_real_labels_survive_round_trip(real_labels: LabelSets, tmp_path: Path, suffix: Any) -> None:
    path = tmp_path / f"real{suffix}"
    write_labels(path, real_labels)
    labels = read_label_file(path)
    assert labels.images == real_labels.images
    assert np.array_equal(labels.indptr, real_labels.indptr)
    assert np.array_equal(labels.indices, real_labels.indices)


def test_all_validation_images_are_written_as_list_in_validation_order(tmp_path: Path) -> None:
    images = [f"val/{name.removesuffix('.JPEG')}_n01440764.png" for name in reversed(validation_image_names())]
    labels = LabelSets.from_lists(images, [[i] for i in range(50_000)])
    write_labels(tmp_path / "real.json", labels)
    document = json.loads((tmp_path / "real.json").read_text())
    assert (len(document), document[0], document[-1]) == (50_000, [49_999], [0])
    write_labels(tmp_path / "less.json", LabelSets.from_lists(images[1:], [[]] * 49_999))
    document = json.loads((tmp_path / "less.json").read_text())
    assert (type(document), len(document)) == (dict, 49_999)


# --- reading --------------------------------------------------------------------------------------------------------


def test_null_is_an_unrated_image(file: File) -> None:
    labels = read_label_file(file("a.json", '{"a.png": null, "b.png": [], "c.png": [3, 1]}'))
    assert labels.classes_by_image() == {"b.png": frozenset(), "c.png": frozenset({1, 3})}
    lists = read_label_file(file("b.json", json.dumps([None, [], [3, 1], *[[0]] * 49_997])))
    first, second, third = (lists[name] for name in validation_image_names()[:3])
    assert (first, second, third) == (None, (), (1, 3))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "image,class\na,285\nb,\nc,1\nc,0\n"),
        ("floats.csv", "image,class\na,285.0\nb,\nc,1.0\nc,0.0\n"),
        ("quoted.csv", '"image","class"\n"a","285"\n"b",""\n"c","1"\n"c","0"\n'),
        ("windows.csv", "\ufeffimage,class\r\na,285\r\nb,\r\nc,1\r\nc,0\r\n"),
        ("other-columns.csv", "class,image,size\n285,a,.9\n,b,.1\n1,c,.9\n0,c,.8\n"),
        (
            "a.jsonl",
            '{"image":"a","class":285}\n{"image":"b","class":null}\n{"image":"c","class":1}\n{"image":"c","class":0}\n',
        ),
        ("text.json", '{"a": ["285"], "b": [], "c": ["1", "0"]}'),
        ("mark.json", '\ufeff{"a": [285], "b": [], "c": [1, 0]}'),
    ],
)
def test_equivalent_files_are_read_alike(file: File, name: str, content: str) -> None:
    expected = {"a": frozenset({285}), "b": frozenset(), "c": frozenset({0, 1})}
    assert read_label_file(file(name, content)).classes_by_image() == expected


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt64, pl.Float32, pl.Float64])
def test_ids_of_every_dtype_are_read(tmp_path: Path, dtype: Any) -> None:
    table = {"image": ["a", "b"], "class": pl.Series([7, None], dtype=dtype)}
    pl.DataFrame(table).write_parquet(tmp_path / "a.parquet")
    assert read_label_file(tmp_path / "a.parquet").classes_by_image() == {"a": frozenset({7}), "b": frozenset()}


def test_wnids_are_numbered_in_sorted_order(file: File) -> None:
    labels = read_label_file(file("a.json", '{"a": ["n02123045", "n01440764"], "b": ["n01443537", "n01440764"]}'))
    assert labels.classes == Classes(3, wnids=("n01440764", "n01443537", "n02123045"), has_local_ids=True)
    assert labels.classes_by_image() == {"a": frozenset({0, 2}), "b": frozenset({0, 1})}


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", "", "empty-file at a.json"),
        ("a.json", '{"a": [1], "b": [2', "not-json at a.json"),
        ("a.json", b'{"\xff": [1]}', "not-json at a.json"),
        ("a.json", '{"a": [1], "b": {"c": "' + 80 * "x" + '"}}', "wrong-json at a.json, image a"),
        ("a.json", '{"a": [[1]]}', "ids-and-names at a.json"),
        ("a.json", '{"a": [1.0]}', "ids-and-names at a.json"),
        ("a.json", '{"a": [NaN]}', "ids-and-names at a.json"),
        ("a.json", '{"a": [true, 1]}', "ids-and-names at a.json"),
        ("a.json", '{"a": [null]}', "ids-and-names at a.json"),
        ("a.json", '{"a": ["cat", 1]}', "ids-and-names at a.json"),
        ("a.json", '{"a": ["n01440764", "1"]}', "ids-and-names at a.json"),
        ("a.json", '{"a": ["cat", ""]}', "missing-value at a.json"),
        ("a.json", '{"a": [3, -1]}', "out-of-range at a.json, image a"),
        ("a.json", '{"a": [99999999999999999999]}', "out-of-range at a.json, image a"),
        (
            "a.json",
            '{"x/ILSVRC2012_val_00000001.JPEG": [1], "ILSVRC2012_val_00000001.png": [2]}',
            "duplicate-image at a.json, the label set",
        ),
        ("a.csv", "image,class\na,1\n,2\n", "missing-value at a.csv, line 3, column image"),
        ("a.jsonl", '{"image": "a", "class": true}\n', "ids-and-names at a.jsonl"),
        ("a.csv", "image,class\na,10\nb,cat\nc,9\n", "ids-and-names at a.csv"),
        ("a.csv", "image,class\na,-1\nb,nan\n", "out-of-range at a.csv"),
        ("a.json", f'{{"a": ["{"9" * 5000}"]}}', "out-of-range at a.json"),
        ("a.json", f'{{"a": [{"9" * 5000}]}}', "not-json at a.json"),
        ("a.json", "[" * 100_000, "not-json at a.json"),
        ("a.csv", "image,class\na,cat\na,dog\na,dog\n", "duplicate-class at a.csv, image a"),
    ],
)
def test_file_without_label_sets_raises(refused: Refused, file: File, name: str, content: Any, expected: Any) -> None:
    assert refused(read_label_file, file(name, content)) == expected


@pytest.mark.parametrize("classes", [None, Classes(), Classes(4, names=("0", "1", "two", "3.0")), Classes(4)])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"a": ["1"], "b": [], "c": ["+3", " 1 "]}'),
        ("a.json", '{"a": ["1.0"], "b": [], "c": ["3e0", "01"]}'),
        ("a.csv", "image,class\na,1\nb,\nc,3\nc,1\n"),
        ("a.csv", "image,class\na,1.0\nb,\nc,3.0\nc,1\n"),
        ("a.csv", "image,class\na, 1\nb,\nc, 3\nc,1\n"),
    ],
)
def test_numbers_are_ids_in_any_notation(file: File, name: str, content: str, classes: Classes | None) -> None:
    labels = read_label_file(file(name, content), classes=classes)
    assert labels.classes_by_image() == {"a": frozenset({1}), "b": frozenset(), "c": frozenset({1, 3})}


def test_ids_for_classes_known_only_by_name_raise(refused: Refused, file: File) -> None:
    classes = Classes.from_texts(["cat", "dog"])
    for name, content in (("a.csv", "image,class\na,1\n"), ("b.json", '{"a": [1]}'), ("c.json", '{"a": ["1"]}')):
        assert refused(read_label_file, file(name, content), classes=classes) == f"ids-of-names at {name}"
    assert read_label_file(file("d.json", '{"a": []}'), classes=classes).classes == classes


def test_names_are_looked_up_in_class_list(refused: Refused, file: File) -> None:
    classes = Classes(3, names=("dog", "bird", "cat"), synonyms=(("hound",), (), ()))
    labels = read_label_file(file("a.csv", "image,class\na,cat\na,Hound\nb,\n"), classes=classes)
    assert (labels.classes_by_image(), labels.classes) == ({"a": frozenset({0, 2}), "b": frozenset()}, classes)
    assert (
        read_label_file(file("i.json", '{"a": [2, 0], "b": []}'), classes=classes).classes_by_image()
        == labels.classes_by_image()
    )
    assert refused(read_label_file, file("c.csv", "image,class\na,cow\n"), classes=classes) == "unknown-class at c.csv"


def test_existing_label_file_needs_force(refused: Refused, file: File) -> None:
    path = file("a.json", "old")
    assert refused(write_labels, path, labels_of({"a": {1}})) == "output-exists at a.json"
    assert path.read_text() == "old"


# --- original labels ------------------------------------------------------------------------------------------------


def test_real_original_labels_are_positions_of_sorted_wnids(real_file: RealFile, real_original: LabelSets) -> None:
    lines = real_file("validation_labels.txt").read_text().split()
    wnids = sorted(set(lines))
    assert real_original.images == validation_image_names()
    assert real_original.indices.tolist() == [wnids.index(line) for line in lines]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_of_ids_is_in_validation_order(file: File, end: str) -> None:
    labels = read_original_file(file("a.txt", end.join(map(str, range(50_000)))))
    assert labels.images == validation_image_names()
    assert labels.indices.tolist() == list(range(50_000))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"a": 285, "b": 0}'),
        ("a.csv", "image,class\na,285\nb,0\n"),
        ("a.jsonl", '{"image": "a", "class": 285}\n{"image": "b", "class": 0}\n'),
    ],
)
def test_original_labels_with_names_are_read_from_every_format(file: File, name: str, content: str) -> None:
    assert read_original_file(file(name, content)).classes_by_image() == {"a": frozenset({285}), "b": frozenset({0})}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"n01440764\n\xff\n", "not-utf-8 at a.txt"),
        ("a.txt", "1\n" * 49_999 + "n01440764", "ids-and-names at a.txt"),
        ("a.txt", "1\n" * 49_999 + "²", "ids-and-names at a.txt"),
        ("a.json", '{"a": null}', "ids-and-names at a.json"),
        ("a.csv", "image,class\na,1\na,2\n", "not-one-label at a.csv, image a"),
    ],
)
def test_file_without_original_labels_raises(
    refused: Refused, file: File, name: str, content: Any, expected: Any
) -> None:
    assert refused(read_original_file, file(name, content)) == expected


@pytest.mark.parametrize(
    "content",
    [
        *(f"image,class,{heading}\na,1,0\n" for heading in ("count", "rater", "score", "probability", "answer")),
        "image,class,cat,dog\na,cat,3,17\n",
        "image,cat,dog\na,3,17\n",
    ],
)
def test_votes_scores_and_counts_are_not_read_as_labels(refused: Refused, file: File, content: str) -> None:
    """Otherwise all rejected classes would be valid, or the original label would be the label set."""
    path = file("c.csv", content)
    code = "wrong-row at c.csv, line 2" if "answer" in content else "not-labels at c.csv"
    assert refused(read_label_file, path) == code
    if "class,cat" in content:
        assert read_original_file(path).classes_by_image() == {"a": frozenset({0})}
    else:
        assert refused(read_original_file, path).startswith("not-labels" if "class" in content else "missing-column")
