"""Reviews with valid, unclear and wrong classes, in JSON and tables."""

import json
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, LabelSets, MultiLabels
from reassess.data import read_labels
from reassess.errors import ReassessWarning
from reassess.formats import read_label_file
from tests.helpers import File, Needs, Refused, labels_of

SETS = {
    "valid": {"a.png": {3, 7}, "b.png": set(), "c.png": {7}},
    "unclear": {"a.png": {4}, "b.png": set(), "c.png": set()},
    "wrong": {"a.png": {0}, "b.png": set(), "c.png": {3}},
}
JSON = (
    '{"a.png": {"valid": [7, 3], "unclear": [4], "wrong": [0], "problematic": false}, "b.png": {"problematic": true},'
    ' "c.png": {"valid": [7], "wrong": [3]}}'
)
CSV = (
    "image,class,answer\na.png,7,valid\nb.png,,problematic\nc.png,3,wrong\na.png,0,wrong\na.png,4,unclear\n"
    "a.png,3,valid\nc.png,7,valid\n"
)
JSONL = "".join(
    f'{{"image": "{image}", "class": {class_id or "null"}, "answer": "{answer}"}}\n'
    for image, class_id, answer in (line.split(",") for line in CSV.splitlines()[1:])
)
# The format of the 20,000 reviewed images of ImageNet.
PUBLISHED = """\
id,category,original_label,proposed_labels,manually_validated,unclear_multi_labels,wrong_multi_labels,is_problematic
a.png,M,3,"3, 7",True,4,0,False
b.png,Z,5,,True,,,True
c.png,A,7,7,True,,3,False
"""
LISTS = "image\tvalid\tunclear\twrong\tproblematic\na.png\t7,3\t4\t0\t0\nb.png\t\t\t\t1\nc.png\t7\t\t3\t\n"


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", JSON), ("a.csv", CSV), ("a.jsonl", JSONL), ("b.csv", PUBLISHED), ("a.tsv", LISTS)]
)
def test_every_format_is_read_alike(file: File, name: str, content: Any) -> None:
    labels = read_label_file(file(name, content))
    assert {kind: dict(getattr(labels, kind).classes_by_image()) for kind in SETS} == SETS
    assert dict(zip(labels.valid.images, labels.is_problematic.tolist(), strict=True)) == {
        "a.png": False,
        "b.png": True,
        "c.png": False,
    }


@pytest.mark.parametrize("content", ["image,class,wrong\na,1,2\n", '{"a": [1], "b": []}', "{}", "image,class\na,1\n"])
def test_label_sets_are_not_read_as_reviews(file: File, content: str) -> None:
    path = file(f"a.{'json' if content[0] == '{' else 'csv'}", content)
    assert not isinstance(read_label_file(path, read_original=lambda: labels_of({})), MultiLabels)


REVIEWS = st.dictionaries(
    st.sampled_from(["a.png", "b.png", "c.png", "d.png"]),
    st.fixed_dictionaries({kind: st.lists(st.integers(0, 5), max_size=4) for kind in SETS}),
    min_size=1,
)


@given(REVIEWS)
def test_duplicate_class_counts_as_valid_before_unclear_before_wrong(
    scratch: Path, reviews: dict[str, dict[str, list[int]]]
) -> None:
    json_file, table, rows = scratch / "r.json", scratch / "r.parquet", scratch / "r.csv"
    json_file.write_text(json.dumps(reviews))
    cells = {kind: [", ".join(map(str, review[kind])) or None for review in reviews.values()] for kind in SETS}
    pl.DataFrame({"id": list(reviews), **cells}, schema_overrides=dict.fromkeys(SETS, pl.String)).write_parquet(table)
    long = [(image, i, kind) for image, review in reviews.items() for kind, ids in review.items() for i in ids]
    lines = [f"{image},{i},{kind}" for image, i, kind in long]
    rows.write_text("\n".join(["image,class,answer", *lines, *(f"{image},,problematic" for image in reviews)]) + "\n")
    duplicated = [
        image for image, review in reviews.items() if any(len(ids) > len(set(ids)) for ids in review.values())
    ]
    in_two = [
        image
        for image, review in reviews.items()
        if any(sum(i in ids for ids in review.values()) > 1 for i in range(6))
    ]
    for path in (json_file, table, rows):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = read_label_file(path)
        for image, review in reviews.items():
            valid, unclear, wrong = (set(review[kind]) for kind in SETS)
            parts = found.valid[image], found.unclear[image], found.wrong[image]
            assert tuple(map(set, parts)) == (valid, unclear - valid, wrong - valid - unclear)
        texts = [str(entry.message) for entry in caught if entry.category is ReassessWarning]
        counts = [len(images) for images in (in_two, duplicated) if images]
        assert [int(text.split(" image")[0].split("(")[-1]) for text in texts] == counts


def test_warning_counts_classes_in_two_lists(file: File) -> None:
    table = 'id,proposed_labels,wrong_multi_labels,unclear_multi_labels\na,"3, 7",3,7\nb,"1, 1",1,1\nc,2,,\n'
    path = file("a.csv", table)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = read_label_file(path)
    assert [str(entry.message) for entry in caught] == [
        f"{path}: a class is in two lists; the first of valid, unclear and wrong counts (2 images): "
        "a (3: valid, wrong), b (1: valid, unclear, wrong)",
        f"{path}: a class is listed twice in one list, and counts once (1 image): b (1)",
    ]
    assert repr(found) == "MultiLabels(3 images, 4 valid labels, 0 unclear, 0 wrong, 0 problematic images)"


def test_cell_may_be_empty_or_end_in_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {"image": ["a", "b"], "valid": ["3, 1,", ""], "wrong": [" ", "4, "], "problematic": ["", ""]}
    ).write_parquet(path)
    labels = read_label_file(path)
    assert labels.valid.classes_by_image() == {"a": {1, 3}, "b": set()}
    assert labels.wrong.classes_by_image() == {"a": set(), "b": {4}}


def test_answers_ignore_case_and_blanks(file: File) -> None:
    rows = read_label_file(file("a.csv", "image,class,answer\na,1,Valid \na,2, UNCLEAR\nb,,Problematic\n"))
    lists = read_label_file(file("b.csv", "image,valid,unclear,problematic\na,1,2, False\nb,,,TRUE \n"))
    for labels in (rows, lists):
        assert (labels.valid["a"], labels.unclear["a"], labels.is_problematic.tolist()) == ((1,), (2,), [False, True])


def test_class_name_may_contain_a_semicolon(file: File) -> None:
    classes = Classes(2, names=("salt; pepper", "cup"))
    assert read_label_file(file("a.csv", "image,valid\na,salt; pepper\n"), classes=classes).valid["a"] == (0,)


def test_classes_may_be_names(file: File) -> None:
    labels = read_label_file(file("a.json", '{"a": {"valid": ["mug"], "wrong": ["cup", "pot"]}, "b": {}}'))
    assert labels.valid.classes.names == labels.unclear.classes.names == ("cup", "mug", "pot")
    assert (labels.valid["a"], labels.unclear["a"], labels.wrong["a"], labels.valid["b"]) == ((1,), (), (0, 2), ())


def test_wnids_on_validation_images_are_classes_of_imagenet(needs: Needs, file: File, real_labels: LabelSets) -> None:
    needs("timm")
    wnid = real_labels.classes.wnids[285]
    name = "ILSVRC2012_val_00000007.JPEG"
    labels = read_labels(file("a.json", f'{{"{name}": {{"valid": ["{wnid}"], "wrong": ["n01440764"]}}}}'))
    assert (labels.valid[name], labels.wrong[name]) == ((285,), (0,))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", '{"a": {"valid": 1}}', "wrong-json at a.json, image a"),
        ("a.json", '{"a": [1], "b": {"valid": [2]}}', "wrong-json at a.json, image a"),
        ("a.json", f'{{"a": {{"valid": [0, {2**31}, {2**31}]}}}}', "out-of-range at a.json, image a"),
        *(("a.csv", f'image,valid\na,"{cell}"\n', "missing-value at a.csv") for cell in ("3,,1", "3,,", ",3", ",")),
        ("a.csv", "Image Number,Correct ID\n1,1\n", "missing-original at a.csv"),
        ("a.json", '{"a": {"problematic": 1}}', "wrong-json at a.json, image a"),
        ("a.json", '{"a": {"correct": [1]}}', "wrong-json at a.json, image a"),
        ("a.json", '{"a": {"valid": [1], "wrong": ["cup"]}}', "ids-and-names at a.json"),
        (
            "a.csv",
            "id,valid,is_problematic\na,1,False\nb,1,maybe\n",
            "wrong-type at a.csv, line 3, column is_problematic",
        ),
        ("a.csv", "id,valid\na,1\na,2\n", "duplicate-image at a.csv, the label set"),
        ("a.csv", 'id,valid\na,"cat, 3"\n', "ids-and-names at a.csv"),
        ("a.csv", 'id,valid\na,"cat,,dog"\n', "missing-value at a.csv"),
        ("a.csv", "id,valid,wrong\na,1,\nb,2,cat; dog\n", "wrong-row at a.csv, line 3, column wrong"),
        ("a.csv", "picture,valid\na,1\n", "missing-column at a.csv"),
        ("a.csv", "image,class,answer\na,1,valid\na,,valid\n", "wrong-row at a.csv, line 3"),
        ("a.csv", "image,class,answer\na,1,problematic\n", "wrong-row at a.csv, line 2"),
        ("a.csv", "image,class,answer\na,1,\n", "missing-value at a.csv, line 2, column answer"),
    ],
)
def test_invalid_reviews_raise(refused: Refused, file: File, name: str, content: str, expected: str) -> None:
    assert refused(read_label_file, file(name, content)) == expected
