"""Proposals as a noun: rows in order whatever theirs, and contradictions refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core.proposals import Proposals
from reassess.core.questions import Questions

IMAGES, SOURCES = ("b.png", "a.png", "never.png"), ("vit", "original", "alex", "silent")
ROWS = np.array([(0, 5, 0), (0, 5, 1), (0, 2, 2), (1, 5, 0), (1, 0, 1), (1, 0, 2)])


def proposals_of(rows: npt.NDArray[Any], **options: Any) -> Proposals:
    return Proposals.from_rows(IMAGES, rows[:, 0], rows[:, 1], SOURCES, rows[:, 2], **options)


@given(st.permutations(range(len(ROWS))))
def test_rows_stand_by_image_class_and_source_whatever_their_order(order: list[int]) -> None:
    proposals = proposals_of(ROWS[order], ranks=np.arange(len(ROWS))[order])
    questions = proposals.questions
    assert questions.images == ("b.png", "a.png")
    assert proposals.sources == ("original", "alex", "vit")
    assert proposals.models == ("alex", "vit")
    assert questions.image_ids.tolist() == [0, 0, 1, 1]
    assert questions.class_ids.tolist() == [2, 5, 0, 5]
    assert proposals.question_ids.tolist() == [0, 1, 1, 2, 2, 3]
    assert proposals.source_ids.tolist() == [1, 0, 2, 0, 1, 2]
    assert proposals.ranks.tolist() == [2, 1, 0, 4, 5, 3]
    assert proposals.by_source.tolist() == [
        [False, True, False],
        [True, False, True],
        [True, True, False],
        [False, False, True],
    ]


def test_a_part_leaves_out_images_and_sources_without_rows() -> None:
    part = proposals_of(ROWS).part(np.array([0, 1]))
    assert (part.questions.images, part.sources, part.questions.class_ids.tolist()) == (
        ("b.png",),
        ("original", "alex"),
        [2, 5],
    )


def test_arrays_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        proposals_of(ROWS).ranks[0] = 1


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda: proposals_of(ROWS[[0, 0]]),
            ("source proposes a class twice for one image\n  where:   image b.png, class 5, source vit"),
        ),
        (
            lambda: proposals_of(ROWS, ranks=np.full(6, -1)),
            ("rank out of range\n  where:   image b.png, class 2, source alex\n  allowed: 0 or more\n  found:   -1"),
        ),
        (
            lambda: proposals_of(ROWS, probabilities=np.full(6, 1.5)),
            (
                "probability out of range\n"
                "  where:   image b.png, class 2, source alex\n"
                "  allowed: 0 to 1\n"
                "  found:   1.5"
            ),
        ),
        (
            lambda: Proposals.from_rows(IMAGES, ROWS[:, 0], ROWS[:5, 1], SOURCES, ROWS[:, 2]),
            ("wrong number of class ids\n  allowed: 6, one for each row\n  found:   5"),
        ),
        (
            lambda: proposals_of(ROWS - np.array([0, 5, 0])),
            ("class id out of range\n  where:   image b.png\n  allowed: 0 to 2147483647\n  found:   -3"),
        ),
        (
            lambda: Proposals(
                Questions.from_columns(["a.png"], np.array([1])), ("vit",), *[np.zeros(0, np.int32)] * 3, np.zeros(0)
            ),
            ("candidate has no source\n  fix:     leave it out"),
        ),
        (
            lambda: Proposals(
                Questions.from_columns(["a.png"], np.array([1])),
                ("vit", "vit"),
                *[np.zeros(1, np.int32)] * 3,
                np.zeros(1),
            ),
            ("a source is named twice\n  found:   vit"),
        ),
    ],
)
def test_what_are_no_proposals_is_refused(refused_text: Callable[..., str], call: Any, expected: str) -> None:
    assert refused_text(call) == expected
