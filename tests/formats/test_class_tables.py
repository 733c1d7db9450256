"""Tables of collapsed classes and of groups: classes by id, wnid or name; and the table of ImageNet."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import reassess
from reassess.core.classes import Classes
from reassess.data.loading import load_collapsed
from reassess.formats.class_tables import read_collapsed, read_groups

KITCHEN = Classes(3, wnids=("n00000001", "n00000002", "n00000003"), names=("cup", "mug, beaker", "pot"))
NO_CLASS = (
    "a class is not one of the benchmark's\n  where:   DIR/{}\n  found:   {}\n"
    "  to mend: name the class by id, wnid or name"
)


def test_classes_are_called_by_id_wnid_or_name(file: Callable[..., Path]) -> None:
    path = file("a.csv", "class,also,reason\nbeaker,0,a beaker is a cup\nn00000003,cup,\n")
    assert read_collapsed(path, KITCHEN).tolist() == [[1, 0], [2, 0]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"0": "drink", "mug": "drink", "n00000003": "cook"}'),
        ("a.csv", "class,group\ncup,drink\n1,drink\npot,cook\n"),
        (
            "a.jsonl",
            '{"class": "0", "group": "drink"}\n{"class": "1", "group": "drink"}\n{"class": "pot", "group": "cook"}',
        ),
    ],
)
def test_groups_are_read_from_every_format(file: Callable[..., Path], name: str, content: str) -> None:
    assert read_groups(file(name, content), KITCHEN) == {0: "drink", 1: "drink", 2: "cook"}


def test_groups_may_be_numbers_in_a_table_and_classes_may_be_left_out(file: Callable[..., Path]) -> None:
    assert read_groups(file("a.csv", "class,group\n2,007\n"), Classes()) == {2: "007"}


@pytest.mark.parametrize(
    ("read", "name", "content", "expected"),
    [
        (read_collapsed, "a.csv", "class,also\ncup,mug\nfork,3\n", NO_CLASS.format("a.csv", "fork")),
        (read_collapsed, "a.csv", "class,also\ncup,mug\ncup,3\n", NO_CLASS.format("a.csv", "3")),
        (
            read_collapsed,
            "a.csv",
            "class,also\ncup,mug\nbeaker,1\n",
            "a class is collapsed into itself\n  where:   DIR/a.csv, row 1\n  found:   mug",
        ),
        (
            read_collapsed,
            "a.csv",
            "class,also\ncup,\n",
            "a value is missing\n  where:   DIR/a.csv, row 0, column also\n  to mend: fill it in, or leave the row out",
        ),
        (
            read_collapsed,
            "a.csv",
            "a,b\ncup,mug\n",
            "the table has no column for the class\n  where:   DIR/a.csv\n  allowed: class\n  found:   a, b\n"
            "  to mend: rename the column",
        ),
        (
            read_groups,
            "a.csv",
            "class,group\nmug,x\n1,y\n",
            "a class is in two groups\n  where:   DIR/a.csv, class mug\n  found:   x and y",
        ),
        (read_groups, "a.json", '{"fork": "x"}', NO_CLASS.format("a.json", "fork")),
        (
            read_groups,
            "a.json",
            '{"cup": 1}',
            "the JSON does not hold groups\n  where:   DIR/a.json\n"
            "  allowed: an object from class to name of the group",
        ),
        (
            read_groups,
            "a.txt",
            "cup",
            "groups of classes cannot be kept in a file of this kind\n  where:   DIR/a.txt\n"
            "  allowed: .json, .csv, .tsv, .jsonl, .parquet\n  found:   .txt",
        ),
    ],
)
def test_what_is_no_such_table_is_refused(
    refused: Callable[..., str], file: Callable[..., Path], read: Any, name: str, content: str, expected: Any
) -> None:
    assert refused(read, file(name, content), KITCHEN) == expected


def test_a_name_that_two_classes_share_is_refused(refused: Callable[..., str], file: Callable[..., Path]) -> None:
    classes = Classes(2, names=("crane", "crane, bird"))
    assert refused(read_groups, file("a.json", '{"crane": "x"}'), classes) == (
        "a class name is shared by two classes\n"
        "  where:   DIR/a.json\n"
        "  found:   'crane': 0 crane, 1 crane, bird\n"
        "  to mend: name the class by its wnid or id"
    )


def test_every_pair_of_imagenets_table_has_a_reason_a_source_and_the_wnids_of_its_ids(
    real_file: Callable[[str], Path],
) -> None:
    wnids = sorted(set(real_file("validation_labels.txt").read_text().split()))
    with (Path(reassess.__file__).parent / "data" / "imagenet_collapsed.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert (row["class_wnid"], row["also_wnid"]) == (wnids[int(row["class"])], wnids[int(row["also"])])
        assert row["reason"]
        assert row["source"].startswith("Vasudevan et al. 2022")
    pairs = [tuple(pair) for pair in load_collapsed().tolist()]
    assert pairs == [(int(row["class"]), int(row["also"])) for row in rows]
    assert len(set(pairs)) == len(pairs) == 29
    assert all(0 <= class_id < 1000 for pair in pairs for class_id in pair)
