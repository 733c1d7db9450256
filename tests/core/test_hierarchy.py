"""Class hierarchies: paths from the root, in any order of rows; circles raise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, Hierarchy
from tests.helpers import fault_of

CLASSES = Classes(3, wnids=("n00000001", "n00000002", "n00000003"), names=("poodle, dog", "tabby", "cup"))
PAIRS = [("n00000001", "dog kind"), ("tabby", "cat kind"), ("dog kind", "animal"), (" cat kind", "animal")]


@given(st.permutations(PAIRS))
def test_paths_do_not_depend_on_order_of_rows(pairs: list[tuple[str, str]]) -> None:
    hierarchy = Hierarchy.from_pairs(pairs, CLASSES)
    assert [hierarchy.path_from_root(c) for c in range(3)] == [
        ("animal", "dog kind", "n00000001"),
        ("animal", "cat kind", "tabby"),
        (),
    ]
    assert hierarchy.n_ignored_parents == 0


def test_class_can_be_an_inner_node_with_several_names() -> None:
    hierarchy = Hierarchy.from_pairs([("cup", "Tabby"), ("n00000002", "animal")], CLASSES)
    assert hierarchy.path_from_root(2) == ("animal", "Tabby", "cup")
    assert hierarchy.path_from_root(1) == ("animal", "Tabby")
    assert Hierarchy.from_pairs([("2", "vessel")], Classes()).path_from_root(2) == ("vessel", "2")


def test_first_of_several_parents_is_used() -> None:
    pairs = [("cup", "vessel"), ("cup", "prize"), ("cup", "prize"), ("cup", "vessel")]
    hierarchy = Hierarchy.from_pairs(pairs, CLASSES)
    assert (hierarchy.path_from_root(2), hierarchy.n_ignored_parents) == (("vessel", "cup"), 1)


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([("cup", "cup")], "cup is a cup"),
        ([("cup", "vessel"), ("vessel", "thing"), ("thing", "vessel")], "vessel is a thing is a vessel"),
    ],
)
def test_circle_raises(pairs: list[tuple[str, str]], found: str) -> None:
    assert fault_of(Hierarchy.from_pairs, pairs, CLASSES) == ("circle", found)


def test_path_of_5000_parents_is_found() -> None:
    pairs = [(str(n), str(n + 1)) for n in range(5_000)]
    assert len(Hierarchy.from_pairs(pairs, Classes(1)).path_from_root(0)) == 5_001
    assert np.array(Hierarchy.from_pairs(pairs, Classes(1)).path_from_root(0))[0] == "5000"
