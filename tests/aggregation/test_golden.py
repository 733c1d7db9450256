"""Golden truth, and the raters' votes on golden items."""

from collections.abc import Callable

import numpy as np
import pytest

from reassess.aggregation import (
    GoldenQuestions,
    GoldenVotesWithTruth,
    find_allowed_golden_answers,
    golden_truth,
    golden_votes,
    rater_reliability,
    select_golden_votes,
    with_golden_votes,
)
from reassess.aggregation.golden_items import find_golden_vote_files
from reassess.core import IMAGENET, Benchmark, Items, Questions, Votes
from reassess.errors import ReassessWarning
from tests.helpers import code_of, fault_of, scores_of, votes_of

PAIRS = Questions.from_columns(["a", "a", "b"], np.array([1, 2, 1]))


def experts(rows: list[tuple[int, int, int]], items: Items = PAIRS) -> Votes:
    return votes_of(rows, items, (1, 2, 3, 4), ("no", "yes"))


HALF = experts([(0, r, int(r < 2)) for r in range(4)] + [(1, r, int(r < 3)) for r in range(4)])
ALL_NO = votes_of([(0, 0, 0)], PAIRS, (1,), ("no",))


def test_golden_votes_record_possible_truths() -> None:
    """Experts may have another list of answers; the truth is a position in the raters' list."""
    raters = votes_of([(0, 0, 0), (1, 0, 2), (2, 0, 1)], answers=("bird", "cat", "fish"))
    expert = votes_of([(0, 0, 1), (1, 0, 0)], answers=("fish", "bird"))
    golden = golden_votes(expert, raters)
    assert (golden.truths, golden.truth_ids.tolist()) == (("bird", "cat", "fish"), [0, 2, -1])
    assert golden_votes(HALF, HALF).truths == ("invalid", "valid")
    assert fault_of(golden_votes, raters, expert) == ("unknown-name", "'cat'")


def test_raters_are_measured_with_truths_of_golden_votes() -> None:
    """The separate golden votes have fewer answers than the main votes, in another order."""
    main = votes_of([(0, 0, 0), (1, 0, 1), (2, 0, 2)], answers=("bird", "cat", "fish"))
    separate = votes_of([(0, 0, 1), (1, 0, 0), (2, 0, 0)], answers=("fish", "bird"))
    result = rater_reliability(main, golden_votes(separate, separate), resamples=10)
    assert result.truths == ("fish", "bird")
    assert (result.raters[0].accuracy.hits, result.raters[0].accuracy.n) == (3, 3)
    assert result.prior.tolist() == [2 / 3, 1 / 3]
    golden = GoldenVotesWithTruth(separate, np.array([1, 0, 0]))
    with_truths = rater_reliability(main, golden, truths=("fish", "bird"), resamples=10)
    assert with_truths.to_json() == result.to_json()


def test_golden_answers_are_those_of_raters() -> None:
    assert find_allowed_golden_answers(HALF) == ("no", "maybe", "yes")
    assert find_allowed_golden_answers(experts([(0, 0, 1)], ("x",))) == ("no", "yes")
    assert find_allowed_golden_answers(votes_of([(0, 0, 0)], PAIRS, (1,), ("cat", "dog"))) == ("cat", "dog")


def test_golden_votes_default_to_golden_items_among_votes() -> None:
    votes = votes_of([(0, 0, 0), (1, 1, 2), (2, 0, 1)])
    expert = votes_of([(0, 0, 2), (1, 0, 2), (2, 0, 2)], ("z", "y", "w", "open"))
    with pytest.warns(ReassessWarning, match="^1 of 4 golden items have no votes and are not used: item w$"):
        golden = select_golden_votes(votes, expert)
    assert [(golden.items[row], golden.votes_on(row)) for row in range(2)] == [
        ("z", (("ann", "maybe"),)),
        ("y", (("bo", "yes"),)),
    ]
    assert select_golden_votes(votes, expert, expert) is expert


def test_rater_golden_votes_of_benchmark_need_its_own_experts() -> None:
    own = {"golden": "imagenet-real-golden", "rater-golden": "imagenet-real-raters-golden"}
    assert find_golden_vote_files(IMAGENET) == find_golden_vote_files(IMAGENET, "imagenet-real-golden") == own
    assert (
        find_golden_vote_files(IMAGENET, "mine.csv")
        == find_golden_vote_files(Benchmark(), "mine.csv")
        == {"golden": "mine.csv"}
    )
    assert find_golden_vote_files(Benchmark()) == {}


def test_questions_are_valid_if_enough_experts_agree() -> None:
    golden = golden_truth(HALF)
    assert (golden.questions.images, golden.questions.class_ids.tolist()) == (("a",), [1, 2])
    assert golden.is_valid.tolist() == [False, True]
    assert golden_truth(HALF, min_experts=2).is_valid.tolist() == [True, True]
    assert golden_votes(ALL_NO, HALF).truth_ids.tolist() == [0, -1, -1]


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "plain items": (lambda: golden_truth(experts([(0, 0, 1)], ("x",))), "not-on-questions"),
    "no votes": (lambda: golden_truth(experts([])), "missing-votes"),
    "too many experts": (lambda: golden_truth(HALF, min_experts=5), "out-of-range"),
    "no valid question": (lambda: golden_truth(experts([(0, 0, 0), (1, 0, 0)])), "missing-golden"),
    "yes is not in the file": (lambda: golden_truth(ALL_NO), "missing-golden"),
    "empty": (
        lambda: GoldenQuestions(Questions.from_columns([], np.empty(0, int)), np.empty(0, bool)),
        "missing-golden",
    ),
    "another shape": (lambda: GoldenQuestions(PAIRS, np.array([True])), "wrong-shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_golden_answers_raise(name: str) -> None:
    make, code = BAD[name]
    assert code_of(make) == code


def test_golden_items_without_other_votes_get_golden_votes() -> None:
    """Golden items with other votes do not; new items come last, and raters are joined by id."""
    votes = votes_of([(0, 0, 2), (0, 1, 2)], ("x", "y"))
    golden = votes_of([(0, 0, 0), (1, 1, 0), (2, 0, 1), (2, 1, 2)], ("x", "y", "g", "h"), ("bo", "cy"))
    rated = with_golden_votes(votes, golden)
    assert rated.items == ("x", "y", "g")
    assert [rated.votes_on(row) for row in range(3)] == [
        (("ann", "yes"), ("bo", "yes")),
        (("cy", "no"),),
        (("bo", "maybe"), ("cy", "yes")),
    ]
    assert with_golden_votes(rated, golden) is rated


def test_image_with_unanswered_golden_question_stays_unrated() -> None:
    """Also if it has votes on suggested classes, but not if the main job has a golden question on it."""
    questions = Questions.from_columns(list("aabbccdeeff"), np.array([1, 2, 1, 2, 1, 2, 1, 1, 2, 1, 2]))
    expert = votes_of([(row, 0, 2) for row in (0, 1, 2, 3, 4, 5, 7, 8)], questions, ("eve",))  # not on d and f
    golden = votes_of([(0, 0, 0), (1, 0, 0), (2, 0, 0), (4, 0, 0), (6, 0, 0), (9, 0, 0)], questions)
    votes = votes_of([(0, 0, 2), (1, 0, 2)], Questions.from_columns(["c", "e"], np.array([7, 1])))

    def items_of(*experts: Votes) -> list[tuple[str, int]]:
        joined = with_golden_votes(votes, golden, *experts)
        assert with_golden_votes(joined, golden, *experts) is joined
        items = joined.items
        return [(items.images[i], c) for i, c in zip(items.image_ids, items.class_ids.tolist(), strict=True)]

    with pytest.warns(
        ReassessWarning,
        match=r"^golden questions have no raters' votes, so other votes on their images are not used \(1\): c$",
    ):
        assert items_of(expert) == [("e", 1), ("a", 1), ("a", 2), ("d", 1)]
    assert items_of() == [("c", 7), ("e", 1), ("a", 1), ("a", 2), ("b", 1), ("c", 1), ("d", 1), ("f", 1)]
    more = votes_of([(0, 0, 2)], Questions.from_columns(["b"], np.array([2])))
    assert with_golden_votes(more, golden, expert).images == ("b", "a", "d")  # main and golden votes cover all of b


def test_votes_do_not_change_if_nothing_is_added() -> None:
    votes = votes_of([(0, 0, 2), (1, 0, 2), (2, 1, 0)])
    assert with_golden_votes(votes, None) is votes
    assert with_golden_votes(votes, votes_of([(0, 0, 0)])) is votes
    counts = votes_of([(0, -1, 0)], ("g",), ())
    assert with_golden_votes(votes, counts) is votes
    assert with_golden_votes(counts, votes) is counts
    nothing = votes_of([], ())
    assert with_golden_votes(nothing, votes).votes_on(2) == (("bo", "no"),)


def test_golden_questions_without_votes_and_scores_are_removed() -> None:
    golden = GoldenQuestions(PAIRS, np.array([True, False, True]))
    scores = scores_of({("a", 1): 0.5, ("a", 7): 0.5})
    voted = votes_of([(0, 0, 0)], Questions.from_columns(["b"], np.array([1])))
    kept = golden.without_unrated_questions(voted, [scores])
    assert (kept.questions.images, kept.questions.class_ids.tolist()) == (("a", "b"), [1, 1])
    assert (kept.is_valid.tolist(), kept.n_unrated, kept.to_json()["unrated"]) == ([True, True], 1, 1)
    other = scores_of({("a", 1): 0.5, ("a", 2): 0.5, ("b", 1): 0.5})
    assert golden.without_unrated_questions(voted, [other]) is golden
    assert len(golden.without_unrated_questions(voted, [other, scores])) == 2  # a question must be in all scores
    image = GoldenQuestions(PAIRS, np.array([True, False, True]), has_one_class_per_image=True)
    assert len(image.without_unrated_questions(voted, [scores])) == 3  # all classes of a rated image stay
    assert len(image.without_unrated_questions(votes_of([], ()), [scores])) == 2
