"""Golden truth is what enough experts said."""

from collections.abc import Callable

import numpy as np
import pytest

from reassess.aggregation import (
    Golden,
    GoldenVotes,
    golden_answers,
    golden_part,
    golden_truth,
    golden_votes,
    rater_reliability,
    with_golden_votes,
)
from reassess.aggregation.golden_items import golden_sources
from reassess.core import IMAGENET, Benchmark, Items, Questions, Votes
from reassess.errors import ReassessWarning
from tests.helpers import code_of, fault_of, scores_of, votes_of

PAIRS = Questions.from_columns(["a", "a", "b"], np.array([1, 2, 1]))


def experts(rows: list[tuple[int, int, int]], items: Items = PAIRS) -> Votes:
    return votes_of(rows, items, (1, 2, 3, 4), ("no", "yes"))


HALF = experts([(0, r, int(r < 2)) for r in range(4)] + [(1, r, int(r < 3)) for r in range(4)])
ALL_NO = votes_of([(0, 0, 0)], PAIRS, (1,), ("no",))


def test_golden_votes_say_what_their_truth_stands_for() -> None:
    """The experts' list of answers may be another: the truth is a place among the raters' answers."""
    raters = votes_of([(0, 0, 0), (1, 0, 2), (2, 0, 1)], answers=("bird", "cat", "fish"))
    judges = votes_of([(0, 0, 1), (1, 0, 0)], answers=("fish", "bird"))
    golden = golden_votes(judges, raters)
    assert (golden.truths, golden.truth.tolist()) == (("bird", "cat", "fish"), [0, 2, -1])
    assert golden_votes(HALF, HALF).truths == ("invalid", "valid")
    assert fault_of(golden_votes, raters, judges) == ("unknown-name", "'cat'")


def test_raters_are_measured_by_the_truths_of_the_golden_votes() -> None:
    """Golden votes apart, in which one answer of the main votes never occurs, and others stand in another order."""
    main = votes_of([(0, 0, 0), (1, 0, 1), (2, 0, 2)], answers=("bird", "cat", "fish"))
    apart = votes_of([(0, 0, 1), (1, 0, 0), (2, 0, 0)], answers=("fish", "bird"))
    result = rater_reliability(main, golden_votes(apart, apart), resamples=10)
    assert result.truths == ("fish", "bird")
    assert (result.raters[0].correct.hits, result.raters[0].correct.n) == (3, 3)
    assert result.prior.tolist() == [2 / 3, 1 / 3]
    named = rater_reliability(main, GoldenVotes(apart, np.array([1, 0, 0])), truths=("fish", "bird"), resamples=10)
    assert named.to_json() == result.to_json()


def test_golden_votes_are_read_with_the_answers_that_raters_have() -> None:
    assert golden_answers(HALF) == ("no", "maybe", "yes")
    assert golden_answers(experts([(0, 0, 1)], ("x",))) == ("no", "yes")
    assert golden_answers(votes_of([(0, 0, 0)], PAIRS, (1,), ("cat", "dog"))) == ("cat", "dog")


def test_raters_golden_votes_are_those_given_or_else_those_among_the_votes() -> None:
    votes = votes_of([(0, 0, 0), (1, 1, 2), (2, 0, 1)])
    judges = votes_of([(0, 0, 2), (1, 0, 2)], ("z", "y", "w"))
    with pytest.warns(ReassessWarning, match="^1 of 3 golden items are not among the votes, and are not used: item w$"):
        among = golden_part(votes, judges)
    assert [(among.items[row], among.on(row)) for row in range(2)] == [
        ("z", (("ann", "maybe"),)),
        ("y", (("bo", "yes"),)),
    ]
    assert golden_part(votes, judges, judges) is judges


def test_a_benchmarks_rater_golden_votes_go_with_its_own_experts_alone() -> None:
    own = {"golden": "imagenet-real-golden", "rater-golden": "imagenet-real-raters-golden"}
    assert golden_sources(IMAGENET) == golden_sources(IMAGENET, "imagenet-real-golden") == own
    assert golden_sources(IMAGENET, "mine.csv") == golden_sources(Benchmark(), "mine.csv") == {"golden": "mine.csv"}
    assert golden_sources(Benchmark()) == {}


def test_pairs_are_valid_by_enough_of_the_experts_who_judged_them() -> None:
    golden = golden_truth(HALF)
    assert (golden.questions.images, golden.questions.class_ids.tolist()) == (("a",), [1, 2])
    assert golden.valid.tolist() == [False, True]
    assert golden_truth(HALF, at_least=2).valid.tolist() == [True, True]
    assert golden_votes(ALL_NO, HALF).truth.tolist() == [0, -1, -1]


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "plain items": (lambda: golden_truth(experts([(0, 0, 1)], ("x",))), "not-on-questions"),
    "no votes": (lambda: golden_truth(experts([])), "missing-votes"),
    "too many experts": (lambda: golden_truth(HALF, at_least=5), "out-of-range"),
    "none valid": (lambda: golden_truth(experts([(0, 0, 0), (1, 0, 0)])), "missing-golden"),
    "yes is not in the file": (lambda: golden_truth(ALL_NO), "missing-golden"),
    "empty": (lambda: Golden(Questions.from_columns([], np.empty(0, int)), np.empty(0, bool)), "missing-golden"),
    "another shape": (lambda: Golden(PAIRS, np.array([True])), "wrong-shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_golden_answers_are_refused(name: str) -> None:
    make, code = BAD[name]
    assert code_of(make) == code


def test_golden_items_without_other_votes_have_their_golden_votes() -> None:
    """Such as have other votes do not; new items come after the others, and raters are joined by their ids."""
    votes = votes_of([(0, 0, 2), (0, 1, 2)], ("x", "y"))
    golden = votes_of([(0, 0, 0), (1, 1, 0), (2, 0, 1), (2, 1, 2)], ("x", "y", "g", "h"), ("bo", "cy"))
    rated = with_golden_votes(votes, golden)
    assert rated.items == ("x", "y", "g")
    assert [rated.on(row) for row in range(3)] == [
        (("ann", "yes"), ("bo", "yes")),
        (("cy", "no"),),
        (("bo", "maybe"), ("cy", "yes")),
    ]
    assert with_golden_votes(rated, golden) is rated


def test_an_image_of_which_some_golden_questions_were_asked_stays_unrated() -> None:
    """So does one with votes on other classes, such as are suggested: not if the main job has golden questions too."""
    asked = Questions.from_columns(list("aabbccdee"), np.array([1, 2, 1, 2, 1, 2, 1, 1, 2]))
    judged = votes_of([(row, 0, 2) for row in (0, 1, 2, 3, 4, 5, 7, 8)], asked, ("eve",))  # and not on d
    golden = votes_of([(0, 0, 0), (1, 0, 0), (2, 0, 0), (4, 0, 0), (6, 0, 0)], asked)
    votes = votes_of([(0, 0, 2), (1, 0, 2)], Questions.from_columns(["c", "e"], np.array([7, 1])))

    def rated(*experts: Votes) -> list[tuple[str, int]]:
        joined = with_golden_votes(votes, golden, *experts)
        assert with_golden_votes(joined, golden, *experts) is joined
        items = joined.items
        return [(items.images[i], c) for i, c in zip(items.image_ids, items.class_ids.tolist(), strict=True)]

    with pytest.warns(ReassessWarning, match=r"^golden questions have no votes, so images stay unrated \(1\): c$"):
        assert rated(judged) == [("e", 1), ("a", 1), ("a", 2), ("d", 1)]
    assert rated() == [("c", 7), ("e", 1), ("a", 1), ("a", 2), ("b", 1), ("c", 1), ("d", 1)]
    more = votes_of([(0, 0, 2)], Questions.from_columns(["b"], np.array([2])))
    assert with_golden_votes(more, golden, judged).images == ("b", "a", "d")  # b is rated in full by both


def test_votes_stay_as_they_are_where_there_is_nothing_to_join() -> None:
    votes = votes_of([(0, 0, 2), (1, 0, 2), (2, 1, 0)])
    assert with_golden_votes(votes, None) is votes
    assert with_golden_votes(votes, votes_of([(0, 0, 0)])) is votes
    counts = votes_of([(0, -1, 0)], ("g",), ())
    assert with_golden_votes(votes, counts) is votes
    assert with_golden_votes(counts, votes) is counts
    nothing = votes_of([], ())
    assert with_golden_votes(nothing, votes).on(2) == (("bo", "no"),)


def test_pairs_without_votes_and_without_a_score_are_left_out() -> None:
    golden = Golden(PAIRS, np.array([True, False, True]))
    scores = scores_of({("a", 1): 0.5, ("a", 7): 0.5})
    voted = votes_of([(0, 0, 0)], Questions.from_columns(["b"], np.array([1])))
    kept = golden.without_unrated(voted, [scores])
    assert (kept.questions.images, kept.questions.class_ids.tolist()) == (("a", "b"), [1, 1])
    assert (kept.valid.tolist(), kept.unrated, kept.to_json()["unrated"]) == ([True, True], 1, 1)
    other = scores_of({("a", 1): 0.5, ("a", 2): 0.5, ("b", 1): 0.5})
    assert golden.without_unrated(voted, [other]) is golden
    assert len(golden.without_unrated(voted, [other, scores])) == 2  # each file must have it
    image = Golden(PAIRS, np.array([True, False, True]), exclusive=True)
    assert len(image.without_unrated(voted, [scores])) == 3  # every class of an image that is rated
    assert len(image.without_unrated(votes_of([], ()), [scores])) == 2
