"""Questions: (image, class) pairs, each once."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Questions

pairs = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 2**31 - 1)), max_size=20, unique=True)


def of(pairs: Sequence[tuple[str, int]]) -> Questions:
    return Questions.from_columns([image for image, _ in pairs], np.array([c for _, c in pairs], np.int64))


@given(pairs)
def test_the_order_and_the_pairs_are_kept(pairs: Any) -> None:
    questions = of(pairs)
    images = [questions.images[i] for i in questions.image_ids]
    assert list(zip(images, questions.class_ids.tolist(), strict=True)) == pairs


@given(pairs, pairs)
def test_a_question_is_found_where_it_is_and_minus_1_where_it_was_not_asked(asked: Any, wanted: Any) -> None:
    questions = of(asked)
    images = [image for image, _ in wanted]
    row_of = dict(zip("abcdef", questions.rows_of("abcdef"), strict=True))
    rows = np.array([row_of[image] for image in images], np.int64)
    places = questions.find(rows, np.array([c for _, c in wanted], np.int64))
    assert places.tolist() == [asked.index(pair) if pair in asked else -1 for pair in wanted]


def test_a_question_that_is_asked_twice_is_an_error(refused: Callable[..., str]) -> None:
    assert refused(lambda: of([("a", 7), ("b", 7), ("a", 7)])) == "duplicate-question at image a, class 7"


@pytest.mark.parametrize("class_id", [-1, 2**31, 2**32 + 7])
def test_an_id_that_no_class_has_is_an_error_and_never_wraps(refused: Callable[..., str], class_id: Any) -> None:
    assert refused(lambda: of([("a", 7), ("b", class_id)])) == "out-of-range at image b"


def test_one_image_under_two_names_is_an_error(refused: Callable[..., str]) -> None:
    names = ["ILSVRC2012_val_00000001.png", "ILSVRC2012_val_00000001.JPEG"]
    assert refused(lambda: Questions.from_columns(names, np.array([1, 2]))) == "duplicate-image at the questions"
