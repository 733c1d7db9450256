"""Label sets with what is valid, unclear and wrong are read from JSON and tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reassess.core.labels import LabelSets
from reassess.data.loading import load_multi_labels
from reassess.formats.multi_labels import holds_multi_labels, read_multi_labels

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
NEITHER = (
    "a row holds neither an answer to a class nor a problematic image\n"
    "  where:   DIR/a.csv, row {}\n"
    "  allowed: valid, unclear or wrong with a class, or problematic without one\n"
    "  found:   {}"
)
SHAPE = (
    "the JSON does not hold multi-label sets\n"
    "  where:   DIR/a.json{}\n"
    "  allowed: for each image lists of classes, valid, unclear and wrong, and problematic: true or false\n"
    "  found:   {}"
)


@pytest.mark.parametrize(("name", "content"), [("a.json", JSON), ("a.csv", CSV), ("a.jsonl", JSONL)])
def test_every_format_gives_the_same(file: Callable[..., Path], name: str, content: Any) -> None:
    labels = read_multi_labels(file(name, content))
    assert {kind: dict(getattr(labels, kind).sets()) for kind in SETS} == SETS
    assert dict(zip(labels.valid.images, labels.problematic.tolist(), strict=True)) == {
        "a.png": False,
        "b.png": True,
        "c.png": False,
    }


@pytest.mark.parametrize(
    ("name", "content", "holds"),
    [
        ("a.json", JSON, True),
        ("a.csv", CSV, True),
        ("a.jsonl", JSONL, True),
        ("a.json", '{"a": [1], "b": {"valid": [2]}}', True),
        ("a.json", '{"a": [1], "b": []}', False),
        ("a.json", "{}", False),
        ("a.json", "[[1], [2]]", False),
        ("a.csv", "image,class\na,1\n", False),
    ],
)
def test_such_files_are_told_from_plain_label_sets(
    file: Callable[..., Path], name: str, content: Any, holds: bool
) -> None:
    assert holds_multi_labels(file(name, content)) is holds


def test_classes_may_be_called_by_name(file: Callable[..., Path]) -> None:
    labels = read_multi_labels(file("a.json", '{"a": {"valid": ["mug"], "wrong": ["cup", "pot"]}, "b": {}}'))
    assert labels.valid.classes.names == labels.unclear.classes.names == ("cup", "mug", "pot")
    assert (labels.valid["a"], labels.unclear["a"], labels.wrong["a"], labels.valid["b"]) == ((1,), (), (0, 2), ())


def test_wnids_of_imagenets_images_are_imagenets_classes(
    needs: Callable[[str], None], file: Callable[..., Path], real_labels: LabelSets
) -> None:
    needs("timm")
    wnid = real_labels.classes.wnids[285]
    name = "ILSVRC2012_val_00000007.JPEG"
    labels = load_multi_labels(file("a.json", f'{{"{name}": {{"valid": ["{wnid}"], "wrong": ["n01440764"]}}}}'))
    assert (labels.valid[name], labels.wrong[name]) == ((285,), (0,))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", "[1]", SHAPE.format("", "[1]")),
        ("a.json", '{"a": [1]}', SHAPE.format(", image a", "[1]")),
        ("a.json", '{"a": {"valid": 1}}', SHAPE.format(", image a", '{"valid": 1}')),
        ("a.json", '{"a": {"problematic": 1}}', SHAPE.format(", image a", '{"problematic": 1}')),
        ("a.json", '{"a": {"correct": [1]}}', SHAPE.format(", image a", '{"correct": [1]}')),
        (
            "a.json",
            '{"a": {"valid": [1], "wrong": [1]}}',
            "a class is named twice for one image\n  where:   DIR/a.json, image a\n  allowed: each class once\n"
            "  found:   1",
        ),
        (
            "a.json",
            '{"a": {"valid": [1], "wrong": ["cup"]}}',
            "classes are neither all ids nor all names\n  where:   DIR/a.json\n  allowed: whole numbers, or text\n"
            "  found:   int, str",
        ),
        ("a.csv", "image,class,answer\na,1,maybe\n", NEITHER.format(0, "maybe with class 1")),
        ("a.csv", "image,class,answer\na,1,valid\na,,valid\n", NEITHER.format(1, "valid without a class")),
        ("a.csv", "image,class,answer\na,1,problematic\n", NEITHER.format(0, "problematic with class 1")),
        (
            "a.csv",
            "image,class,answer\na,1,\n",
            "a value is missing\n  where:   DIR/a.csv, row 0, column answer\n"
            "  to mend: fill it in, or leave the row out",
        ),
        (
            "a.csv",
            "image,class\na,1\n",
            "the table has no column for the answer\n  where:   DIR/a.csv\n  allowed: answer\n"
            "  found:   image, class\n  to mend: rename the column",
        ),
        (
            "a.txt",
            "a",
            "a multi-label set cannot be kept in a file of this kind\n  where:   DIR/a.txt\n"
            "  allowed: .json, .csv, .tsv, .jsonl, .parquet\n  found:   .txt",
        ),
    ],
)
def test_what_holds_no_multi_label_sets_is_refused(
    refused: Callable[..., str], file: Callable[..., Path], name: str, content: str, expected: Any
) -> None:
    assert refused(read_multi_labels, file(name, content)) == expected
