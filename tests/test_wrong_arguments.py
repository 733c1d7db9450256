"""Arguments of a wrong kind in Python: one clear error each, and no wrong result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import (
    Classes,
    LabelSets,
    Questions,
    read_collapsed,
    read_groups,
    read_labels,
    read_multi_labels,
    read_original,
    read_predictions,
    read_scores,
    read_votes,
)
from tests.helpers import message

READERS: list[Callable[..., Any]] = [
    read_collapsed,
    read_groups,
    read_labels,
    read_multi_labels,
    read_original,
    read_predictions,
    read_scores,
    read_votes,
]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: Classes.from_texts("cat"),
            "one text was given as names of classes\n  found:   'cat'\n  to mend: ['cat']",
        ),
        (lambda: Classes(2, names="ab"), "one text was given as class names\n  found:   'ab'\n  to mend: ['ab']"),
        (lambda: Classes(2, wnids="ab"), "one text was given as wnids\n  found:   'ab'\n  to mend: ['ab']"),
        (
            lambda: Classes(2, names=("a", "b"), synonyms=("xy", "z")),
            "one text was given as synonyms of a class\n  found:   'xy'\n  to mend: ['xy']",
        ),
        (
            lambda: Classes("2"),
            "wrong type of the number of classes\n  allowed: integers of shape ()\n  found:   <U1 ()",
        ),
        (
            lambda: Classes(2.5),
            "wrong type of the number of classes\n  allowed: integers of shape ()\n  found:   float64 ()",
        ),
        (
            lambda: Classes(-1),
            "number of classes out of range\n  allowed: 0 to 2147483648\n  found:   -1",
        ),
        (
            lambda: LabelSets.from_lists(["a", "b"], [[0], [1, 1.7]]),
            "a class id is not a whole number\n  where:   image b\n  found:   1.7",
        ),
        (
            lambda: LabelSets.from_lists(["a", "b"], [["cat"], [1]]),
            "a class id is not a whole number\n  where:   image a\n  found:   'cat'",
        ),
        (
            lambda: Questions.from_columns(["a"], np.array([0, 1])),
            "wrong number of class ids\n  allowed: 1, one for each name of an image\n  found:   2",
        ),
        (
            lambda: LabelSets.from_lists(["a.png"], [[0]]).find("a.png"),
            "one text was given as names of images\n  found:   'a.png'\n  to mend: ['a.png']",
        ),
    ],
)
def test_what_would_be_taken_for_something_else_is_refused(make: Callable[[], object], expected: str) -> None:
    assert message(make) == expected


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize("given", [["cat", "dog"], "cat", 2])
def test_names_are_no_list_of_classes(read: Callable[..., Any], given: Any) -> None:
    assert message(read, Path("any.csv"), classes=given) == (
        f"these are no classes\n  allowed: Classes\n  found:   {type(given).__name__}\n"
        '  to mend: classes=Classes(2, names=("cat", "dog")), or those of read_classes(FILE) or open_benchmark(FOLDER)'
    )


def test_numbers_of_numpy_are_numbers() -> None:
    assert Classes(np.int64(2), names=("cat", "dog")).label(1) == "dog"
    assert LabelSets.from_lists(["a"], [np.array([1, 0], np.uint8)]).sets() == {"a": {0, 1}}
