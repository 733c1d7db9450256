"""Golden truth is what enough experts said."""

from collections.abc import Callable

import numpy as np
import pytest

from reassess.aggregation.golden import Golden, golden_truth
from reassess.core.items import Items
from reassess.core.questions import Questions
from reassess.core.votes import Votes
from reassess.errors import DataError
from tests.helpers import votes_of

PAIRS = Questions.from_columns(["a", "a", "b"], np.array([1, 2, 1]))


def experts(rows: list[tuple[int, int, int]], items: Items = PAIRS) -> Votes:
    return votes_of(rows, items, (1, 2, 3, 4), ("no", "yes"))


HALF = experts([(0, r, int(r < 2)) for r in range(4)] + [(1, r, int(r < 3)) for r in range(4)])


def test_by_default_more_than_half_of_the_experts_make_a_pair_valid() -> None:
    assert golden_truth(HALF).valid.tolist() == [False, True]
    assert golden_truth(HALF, at_least=2).valid.tolist() == [True, True]


def test_a_pair_that_no_expert_judged_is_left_out() -> None:
    golden = golden_truth(HALF)
    assert (golden.questions.images, golden.questions.class_ids.tolist()) == (("a",), [1, 2])


def test_the_released_golden_answers_make_248_of_1135_pairs_valid(real_votes: Callable[[str], Votes]) -> None:
    answers = real_votes("golden.npz")
    assert repr(golden_truth(answers)) == "Golden(1,135 pairs on 155 images, 248 valid)"
    assert golden_truth(answers, at_least=3).positives == 248


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "plain items": (
        lambda: golden_truth(experts([(0, 0, 1)], ("x",))),
        "the experts' votes are not on (image, class) questions\n  to mend: give the columns image and class",
    ),
    "no votes": (
        lambda: golden_truth(experts([])),
        "the experts gave no votes\n  to mend: give the golden answers",
    ),
    "too many experts": (
        lambda: golden_truth(HALF, at_least=5),
        "number of experts out of range\n  allowed: 1 to 4\n  found:   5",
    ),
    "none valid": (
        lambda: golden_truth(experts([(0, 0, 0), (1, 0, 0)])),
        "no golden pair is valid\n"
        "  found:   2 pairs that are not valid\n"
        "  to mend: without a valid pair there is no recall: let fewer experts be enough, or judge more pairs",
    ),
    "empty": (
        lambda: Golden(Questions.from_columns([], np.empty(0, int)), np.empty(0, bool)),
        "there is no golden pair\n  to mend: without golden pairs there is nothing to measure by",
    ),
    "another shape": (
        lambda: Golden(PAIRS, np.array([True])),
        "wrong shape of the truth of golden pairs\n  allowed: shape (3,)\n  found:   shape (1,)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_golden_answers_are_refused(name: str) -> None:
    make, message = BAD[name]
    with pytest.raises(DataError) as caught:
        make()
    assert str(caught.value) == message
