"""Candidates sort their rows, and reject contradictory rows."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Candidates, Questions
from tests.helpers import fault_of

IMAGES, SOURCES = ("b.png", "a.png", "never.png"), ("vit", "original", "alex", "silent")
ROWS = np.array([(0, 5, 0), (0, 5, 1), (0, 2, 2), (1, 5, 0), (1, 0, 1), (1, 0, 2)])


def candidates_of(rows: npt.NDArray[Any], **options: Any) -> Candidates:
    return Candidates.from_columns(IMAGES, rows[:, 0], rows[:, 1], SOURCES, rows[:, 2], **options)


@given(st.permutations(range(len(ROWS))))
def test_rows_are_sorted_by_image_class_and_source(order: list[int]) -> None:
    candidates = candidates_of(ROWS[order], ranks=np.arange(len(ROWS))[order])
    questions = candidates.questions
    assert questions.images == ("b.png", "a.png")
    assert candidates.sources == ("original", "alex", "vit")
    assert candidates.models == ("alex", "vit")
    assert questions.image_ids.tolist() == [0, 0, 1, 1]
    assert questions.class_ids.tolist() == [2, 5, 0, 5]
    assert candidates.question_ids.tolist() == [0, 1, 1, 2, 2, 3]
    assert candidates.source_ids.tolist() == [1, 0, 2, 0, 1, 2]
    assert candidates.ranks.tolist() == [2, 1, 0, 4, 5, 3]
    assert candidates.is_proposed_by_source.tolist() == [
        [False, True, False],
        [True, False, True],
        [True, True, False],
        [False, False, True],
    ]


def test_part_drops_images_and_sources_without_rows() -> None:
    part = candidates_of(ROWS).select_rows(np.array([0, 1]))
    assert (part.questions.images, part.sources, part.questions.class_ids.tolist()) == (
        ("b.png",),
        ("original", "alex"),
        [2, 5],
    )


QUESTION = Questions.from_columns(["a.png"], np.array([1]))
NO_ROW, ONE_ROW = [np.zeros(0, np.int32)] * 3, [np.zeros(1, np.int32)] * 3


@pytest.mark.parametrize(
    ("call", "code", "found"),
    [
        (lambda: candidates_of(ROWS[[0, 0]]), "duplicate-question", None),
        (lambda: candidates_of(ROWS, ranks=np.full(6, -1)), "out-of-range", "-1"),
        (lambda: candidates_of(ROWS, probabilities=np.full(6, 1.5)), "out-of-range", "1.5"),
        (lambda: Candidates.from_columns(IMAGES, ROWS[:, 0], ROWS[:5, 1], SOURCES, ROWS[:, 2]), "wrong-length", "5"),
        (lambda: candidates_of(ROWS - np.array([0, 5, 0])), "out-of-range", "-3"),
        (lambda: Candidates(QUESTION, ("vit",), *NO_ROW, np.zeros(0)), "missing-value", None),
        (lambda: Candidates(QUESTION, ("vit", "vit"), *ONE_ROW, np.zeros(1)), "duplicate-name", "vit"),
        (lambda: Candidates(QUESTION, ("vit",), *ONE_ROW, np.zeros(1), ("a", "b")), "wrong-length", "2"),
    ],
)
def test_contradictory_rows_raise(call: Any, code: str, found: str | None) -> None:
    assert fault_of(call) == (code, found)


def test_candidates_from_questions_have_no_sources() -> None:
    candidates = Candidates.from_questions(QUESTION)
    assert (len(candidates), candidates.sources, candidates.n_models_ranking_first.tolist()) == (1, (), [0])
    assert repr(candidates) == "Candidates(1 candidate for 1 image)"
