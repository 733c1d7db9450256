"""Class lists, and tables of collapsed classes, groups and hierarchies, by id, wnid or name."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reassess
from reassess.core import IMAGENET, Classes
from reassess.core.class_names import parse_class_id
from reassess.data import read_collapsed_classes
from reassess.errors import ReassessWarning
from reassess.formats import read_class_file, read_class_pairs, read_groups, read_hierarchy, write_classes
from tests.helpers import File, RealFile, Refused

KITCHEN = Classes(3, wnids=("n00000001", "n00000002", "n00000003"), names=("cup", "mug, beaker", "pot"))


def test_classes_are_read_by_id_wnid_or_name(file: File) -> None:
    path = file("a.csv", "class,also,reason\nbeaker,0,a beaker is a cup\nn00000003,cup,\n")
    assert read_class_pairs(path, KITCHEN).tolist() == [[1, 0], [2, 0]]


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
def test_groups_are_read_from_every_format(file: File, name: str, content: str) -> None:
    assert read_groups(file(name, content), KITCHEN) == {0: "drink", 1: "drink", 2: "cook"}
    assert read_groups(file("b.csv", "class,group\n2,007\n"), Classes()) == {2: "007"}


def test_problem_groups_are_named_after_their_first_classes(file: File) -> None:
    """The form of the known source imagenet-flaws-groups."""
    groups: list[Any] = [
        {"category": [3], "classes": {"435": "bathtub, bathing tub", "876": "tub, vat"}},
        {"category": [1, 6], "classes": {"1": "a", "2": "b", "3": "c", "4": "d", "5": "e"}},
    ]
    found = read_groups(file("clusters.json", json.dumps(groups)), IMAGENET.classes)
    assert found[435] == found[876] == "bathtub, tub (3)"
    assert [found[class_id] for class_id in range(1, 6)] == ["a, b, c and 2 more (1 and 6)"] * 5


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({"category": [3]}, "wrong-json at a.json, group 1"),
        ({"category": "3", "classes": {"1": "a"}}, "wrong-json at a.json, group 1"),
        ({"category": [], "classes": {"1": "a"}}, "wrong-json at a.json, group 1"),
        ({"category": [3], "classes": {}}, "wrong-json at a.json, group 1"),
        ({"category": [3], "classes": {"1": ", a"}}, "wrong-json at a.json, group 1"),
        ({"category": [True], "classes": {"1": "a"}}, "wrong-json at a.json, group 1"),
        ({"category": [3], "classes": {"1": " "}}, "wrong-json at a.json, group 1"),
        ([], "wrong-json at a.json, group 1"),
        ({"category": [3], "classes": {"1000": "a"}}, "unknown-class at a.json"),
    ],
)
def test_wrong_problem_groups_raise(refused: Refused, file: File, group: Any, expected: str) -> None:
    assert refused(read_groups, file("a.json", json.dumps([group])), IMAGENET.classes) == expected


def test_problem_groups_with_the_same_first_classes_are_different_groups(file: File) -> None:
    groups = [{"category": [1], "classes": {class_id: "crane"}} for class_id in ("1", "2", "1")]
    found = read_groups(file("a.json", json.dumps(groups)), IMAGENET.classes)
    assert found == {1: "crane (1)", 2: "crane (1), group 2"}


def test_groups_need_names_and_spaces_around_names_do_not_count(refused: Refused, file: File) -> None:
    for number, document in enumerate(({}, [], {"1": " "})):
        assert refused(read_groups, file(f"{number}.json", json.dumps(document)), Classes()) == (
            f"wrong-json at {number}.json"
        )
    assert refused(read_groups, file("a.json", '{"1": "\\ud800"}'), Classes()) == "invalid-text at a.json"
    assert read_groups(file("a.csv", "class,group\n1,x\n2, x\n"), Classes()) == {1: "x", 2: "x"}


def test_quoted_names_are_read_in_the_order_of_the_wnids(file: File) -> None:
    """The form of the known source imagenet-flaws-classes; two classes may share a name."""
    wnids = file("wnids.txt", "n00000001\nn00000002\nn00000003\nn00000004\n")
    text = "'missile',\n\"Geoffroy's spider monkey\",\n'bikini', # two-piece bikini\n'missile'"
    found = read_class_file(wnids, file("names.txt", text))
    assert found.names == ("missile", "Geoffroy's spider monkey", "bikini", "missile")
    assert found.wnids[1] == "n00000002"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'a',\n'b'", "wrong-length at names.txt"),
        ("'a',\nb,\n'c'", "wrong-row at names.txt, line 2"),
        ("'a',\n'',\n'c'", "wrong-row at names.txt, line 2"),
        ("'a',\n'b\",\n'c'", "wrong-row at names.txt, line 2"),
    ],
)
def test_wrong_quoted_names_raise(refused: Refused, file: File, text: str, expected: str) -> None:
    wnids = file("wnids.txt", "n00000001\nn00000002\nn00000003\n")
    assert refused(read_class_file, wnids, file("names.txt", text)) == expected


@pytest.mark.parametrize(
    ("read", "name", "content", "expected"),
    [
        (read_class_pairs, "a.csv", "class,also\ncup,mug\nfork,3\n", "unknown-class at a.csv"),
        (read_class_pairs, "a.csv", "class,also\ncup,mug\ncup,3\n", "unknown-class at a.csv"),
        (read_class_pairs, "a.csv", "class,also\ncup,\n", "missing-value at a.csv, line 2, column also"),
        (read_class_pairs, "a.csv", "a,b\ncup,mug\n", "missing-column at a.csv"),
    ],
)
def test_invalid_table_of_collapsed_classes_raises(
    refused: Refused, file: File, read: Any, name: str, content: str, expected: Any
) -> None:
    assert refused(read, file(name, content), KITCHEN) == expected


def test_unknown_and_ambiguous_names_raise(refused: Refused, file: File) -> None:
    path = file("a.json", '{"crane": "x"}')
    assert refused(read_groups, path, Classes()) == "unknown-class at a.json"
    assert (
        refused(read_groups, path, Classes(2, names=("crane, machine", "crane, bird"))) == "duplicate-class at a.json"
    )


def test_imagenet_collapsed_pairs_have_reason_source_and_wnids(real_file: RealFile) -> None:
    wnids = sorted(set(real_file("validation_labels.txt").read_text().split()))
    with (Path(reassess.__file__).parent / "data" / "imagenet_collapsed.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert (row["class_wnid"], row["also_wnid"]) == (wnids[int(row["class"])], wnids[int(row["also"])])
        assert row["reason"]
        assert row["source"].startswith("Vasudevan et al. 2022")
    pairs = [tuple(pair) for pair in read_collapsed_classes().tolist()]
    np.testing.assert_array_equal(IMAGENET.find_collapsed_classes(IMAGENET.classes), pairs)
    assert pairs == [(int(row["class"]), int(row["also"])) for row in rows]
    assert len(set(pairs)) == len(pairs) == 29
    assert all(0 <= class_id < 1000 for pair in pairs for class_id in pair)


# Names that differ by more than case; none of them is a wnid.
NAMES = st.lists(
    st.text("abcxyz 09ä;", min_size=1).filter(lambda text: text == text.strip()),
    min_size=1,
    max_size=6,
    unique_by=str.casefold,
).filter(lambda names: all(parse_class_id(name) in (None, class_id) for class_id, name in enumerate(names)))


@given(names=NAMES)
def test_each_line_is_a_class(scratch: Path, names: list[str]) -> None:
    (scratch / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    classes = read_class_file(scratch / "classes.txt")
    assert classes == Classes(len(names), names=tuple(names))
    assert [classes.find(name) for name in names] == list(range(len(names)))


@given(names=NAMES, order=st.randoms(use_true_random=False))
def test_ids_of_a_table_set_the_order_of_classes(scratch: Path, names: list[str], order: Any) -> None:
    rows = [{"id": class_id, "name": name, "definition": "any"} for class_id, name in enumerate(names)]
    order.shuffle(rows)
    (scratch / "classes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read_class_file(scratch / "classes.jsonl") == Classes(len(names), names=tuple(names))


def test_wnids_and_synonyms_are_read_from_a_table(file: File) -> None:
    path = file(
        "classes.csv", "name,wnid,synonyms\ncup,n00000003,\n1,n00000001,one; single ;\nPot,n00000002,pot;kettle\n"
    )
    classes = read_class_file(path)
    assert classes == Classes(
        3,
        wnids=("n00000003", "n00000001", "n00000002"),
        names=("cup", "1", "Pot"),
        synonyms=((), ("one", "single"), ("pot", "kettle")),
    )
    assert [classes.find(text) for text in ("n00000003", "SINGLE", "kettle", "1")] == [0, 1, 2, 1]


def test_class_names_may_be_the_numbers_of_their_ids(file: File) -> None:
    path = file("classes.txt", "".join(f"{class_id:02}\n" for class_id in range(12)))
    classes = read_class_file(path)
    assert [classes.find(text) for text in ("00", "10", "11")] == [0, 10, 11]
    assert [classes.id_of(text, where="") for text in ("3", "10.0", "12")] == [3, 10, -1]


def test_words_give_names_to_wnids(file: File) -> None:
    path = file("classes.txt", "n00000002\nn00000001\n")
    assert read_class_file(path) == Classes(2, wnids=("n00000002", "n00000001"))
    words = file("words.txt", "n1\tcrane, bird\nn2\tother\nn3\tcrane\n")
    assert read_class_file(file("wnids.txt", "n1\nn3\n"), words) == Classes(2, ("n1", "n3"), ("crane, bird", "crane"))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "id,name\n1,cup\n0,\n", "missing-value at a.csv, class 0"),
        ("a.csv", "id,name\n1,cup\n0,cup\n", "duplicate-class at a.csv, class 1"),
        ("a.csv", "name,synonyms\ncup,mug;beaker\npot,Beaker\n", "duplicate-class at a.csv, class 1"),
        ("a.csv", "id,name\n1,cup\n2,pot\n", "out-of-range at a.csv, line 3, column id"),
        ("a.csv", "name,wnid\ncup,\npot,n00000001\n", "missing-value at a.csv, line 2, column wnid"),
        ("a.txt", "cup\n1.0\nNaN\n1e5\n", "number-as-name at a.txt"),
        ("a.csv", "id,name\n1,7\n0,cup\n", "number-as-name at a.csv"),
        ("a.csv", "name,synonyms\ncup,\nmug,beaker; -3 \n", "number-as-name at a.csv"),
        ("a.csv", "name,wnid\ncup,0\nmug,5\n", "number-as-name at a.csv"),
    ],
)
def test_invalid_class_list_raises(refused: Refused, file: File, name: str, content: str, expected: str) -> None:
    assert refused(read_class_file, file(name, content)) == expected


def test_hierarchy_is_read_by_name_wnid_or_id(file: File) -> None:
    path = file("h.csv", "child,parent\nbeaker,vessel\n0,vessel\nvessel,thing\nn00000003,pots\n")
    hierarchy = read_hierarchy(path, KITCHEN)
    assert [hierarchy.path_from_root(c) for c in range(3)] == [
        ("thing", "vessel", "0"),
        ("thing", "vessel", "beaker"),
        ("pots", "n00000003"),
    ]


def test_ignored_parents_are_counted(file: File) -> None:
    path = file("h.csv", "child,parent\ncup,vessel\ncup,prize\npot,vessel\npot,drug\n")
    with pytest.warns(
        ReassessWarning, match=r"h\.csv: 2 further parents ignored: only the first parent of a child counts$"
    ):
        assert read_hierarchy(path, KITCHEN).path_from_root(0) == ("vessel", "cup")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("child,parent\ncat,animal\n", "unknown-class at h.csv"),
        ("child,parent\ncup,vessel\npot, \n", "missing-value at h.csv, line 3, column parent"),
    ],
)
def test_invalid_hierarchy_raises(refused: Refused, file: File, text: str, expected: str) -> None:
    path = file("h.csv", text)
    assert refused(read_hierarchy, path, KITCHEN) == expected


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_classes_survive_round_trip(suffix: str, tmp_path: Path) -> None:
    """Classes with wnids may share names."""
    classes = Classes(
        4,
        wnids=("n01440764", "n01443537", "n00000001", "n00000002"),
        names=("tench", "goldfish, Carassius", "crane", "crane"),
        synonyms=((), ("carp", "koi"), ("lift",), ("lift", "bird")),
        definitions=("a freshwater fish", "", "", ""),
    )
    write_classes(tmp_path / f"classes{suffix}", classes)
    read = read_class_file(tmp_path / f"classes{suffix}")
    assert (read, read.synonyms, read.definitions) == (classes, classes.synonyms, classes.definitions)


def test_writing_classes_without_names_raises(refused_text: Refused, tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    assert refused_text(write_classes, path, Classes(2)) == "classes have no names\n  fix:     name every class"
    assert not path.exists()
