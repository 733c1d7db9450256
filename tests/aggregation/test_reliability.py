"""Reliability of raters: counts, measures, flags and invariances."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import GoldenVotesWithTruth, golden_votes, rater_reliability
from reassess.aggregation.reliability import find_correct_answers
from reassess.core import VALIDITY, Items, Questions, Votes
from reassess.errors import DependentRatersWarning
from reassess.numeric import Proportion
from reassess.numeric.information import mutual_information
from tests.helpers import WORDS, code_of, message, votes_of

MATRICES = {
    "good": [[0.93, 0.04, 0.03], [0.10, 0.15, 0.75]],
    "fair": [[0.84, 0.06, 0.10], [0.40, 0.20, 0.40]],
    "random": [[0.78, 0.07, 0.15], [0.78, 0.07, 0.15]],
    "constant": [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
}
PRIOR = np.array([0.75, 0.25])


def questions_of(items: int, per_image: int = 5) -> Questions:
    return Questions.from_columns([f"{i // per_image}.png" for i in range(items)], np.arange(items))


def cast(rng: np.random.Generator, truth: npt.NDArray[Any], names: Sequence[str], *, each: int | None = None) -> Votes:
    """Votes on questions by raters named after their matrix; `each` raters per question, by default all."""
    matrices = np.array([MATRICES[name.split()[0]] for name in names])
    answers = (rng.random((len(names), truth.size, 1)) > np.cumsum(matrices, axis=2)[:, truth, :-1]).sum(axis=-1)
    rows = np.repeat(np.arange(truth.size), each or len(names))
    raters = np.argsort(rng.random((truth.size, len(names))), axis=1)[:, : each or len(names)].ravel()
    return Votes.from_columns(questions_of(truth.size), rows, raters, answers[raters, rows], names, WORDS)


def by_name(result: Any) -> dict[Any, Any]:
    return {rater.rater: rater for rater in result.raters}


NAMES = (*(f"good {i}" for i in range(8)), *(f"fair {i}" for i in range(8)), "random", "constant")


def simulated(seed: int = 0, main: int = 4_000, golden: int = 1_000) -> tuple[Votes, Any]:
    rng = np.random.default_rng(seed)
    truth, golden_truth = (rng.choice(2, n, p=PRIOR) for n in (main, golden))
    return cast(rng, truth, NAMES, each=5), GoldenVotesWithTruth(cast(rng, golden_truth, NAMES), golden_truth)


def test_only_uninformative_raters_are_flagged_on_golden_items() -> None:
    raters = by_name(rater_reliability(*simulated()))
    assert {name: rater.flags for name, rater in raters.items() if rater.flags} == {
        "random": ("uninformative",),
        "constant": ("uninformative", "one answer"),
    }


def test_interval_covers_true_information_on_golden_items() -> None:
    inside = []
    for seed in range(10):
        for name, rater in by_name(rater_reliability(*simulated(seed, main=100), seed=seed)).items():
            true = float(mutual_information(MATRICES[name.split()[0]], PRIOR))
            inside.append(rater.information.low <= true <= rater.information.high)
    assert np.mean(inside) >= 0.90  # 180 intervals; intervals of the same simulation share a prior
    once, again, other = (rater_reliability(*simulated(main=200, golden=200), seed=seed) for seed in (1, 1, 2))
    assert once.to_json() == again.to_json()
    assert by_name(once)["good 0"].information != by_name(other)["good 0"].information


def test_em_flags_same_raters_and_recovers_matrices() -> None:
    result = rater_reliability(simulated()[0])
    assert not result.has_golden_truth
    assert result.prior[1] == pytest.approx(0.25, abs=0.03)
    raters = by_name(result)
    assert {name for name, rater in raters.items() if "uninformative" in rater.flags} == {"random", "constant"}
    for name, rater in raters.items():
        np.testing.assert_allclose(rater.confusion_matrix, MATRICES[name.split()[0]], atol=0.08)
        assert rater.accuracy is None


def test_worst_rater_comes_first_and_unmeasured_last() -> None:
    votes, golden = simulated(main=500)
    silent = Votes.from_columns(questions_of(1), *np.zeros((3, 1), np.int64), ("silent",), WORDS)
    result = rater_reliability(votes.append(silent), golden)
    assert {rater.rater for rater in result.raters_by_information[:2]} == {"random", "constant"}
    bits = [rater.information.bits for rater in result.raters_by_information[:-1]]
    assert bits == sorted(bits)
    last = result.raters_by_information[-1]
    assert (last.rater, last.information, last.accuracy, last.confusion_matrix) == ("silent", None, None, [None, None])
    assert last.n_votes == 1


def test_copying_pair_warns() -> None:
    rng = np.random.default_rng(0)
    votes = cast(rng, rng.choice(2, 900, p=PRIOR), tuple(f"good {i}" for i in range(12)))
    answer_ids = votes.answer_ids.copy()
    answer_ids[votes.rater_ids == 11] = answer_ids[votes.rater_ids == 0]
    with pytest.warns(DependentRatersWarning) as caught:
        result = rater_reliability(replace(votes, answer_ids=answer_ids))
    (pair,) = result.dependence.pairs
    assert (pair.raters, len(caught)) == (("good 0", "good 11"), 1)
    assert str(caught[0].message) == (
        "raters are not independent given the truth: in the votes, 1 of 66 pairs agree more often than their confusion "
        "matrices and the other pairs explain: good 0 and good 11 (900 of 900, "
        f"{pair.expected_agreements:.0f} expected)"
    )


def test_correct_answers_are_yes_on_valid_and_no_on_invalid() -> None:
    assert find_correct_answers(VALIDITY, WORDS, [0, 0.5, 1]).tolist() == [[True, False, False], [False, False, True]]
    assert find_correct_answers(VALIDITY, ("yes", "no"), [1, 0]).tolist() == [[False, True], [True, False]]
    assert find_correct_answers((1, 2), (1, 2, 3), None).tolist() == [[True, False, False], [False, True, False]]
    assert find_correct_answers(VALIDITY, (0, 1), None) is None
    assert find_correct_answers(VALIDITY, ("maybe", "yes"), [0.5, 1]) is None
    assert find_correct_answers(("cat", "dog"), ("cat", "bird"), None) is None


def test_answers_of_a_rater_are_counted() -> None:
    """Ann has two votes on y: both are counted, and the first is compared with her golden vote."""
    questions = questions_of(3, per_image=1)
    rows = [(0, 0, 2), (1, 0, 0), (1, 0, 1), (2, 0, 1), (0, 1, 0)]
    votes = votes_of(rows, questions, seconds=np.array([1.0, 2.0, 4.0, 9.0, np.nan]))
    golden = [(0, 0, 2), (1, 0, 1), (1, 0, 0), (2, 0, 0), (0, 2, 2)]
    golden_votes = votes_of(golden, questions, raters=("ann", "cy", "di"))
    result = rater_reliability(votes, GoldenVotesWithTruth(golden_votes, np.array([1, 0, -1])))
    ann, bo, di = (by_name(result)[name] for name in ("ann", "bo", "di"))
    assert ann.answer_counts.tolist() == [1, 2, 1]
    assert ann.answer_shares == pytest.approx([1 / 4, 1 / 2, 1 / 4])
    assert ann.confusion_counts.tolist() == [[1, 1, 0], [0, 0, 1]]  # the truth of z is unknown
    assert ann.confusion_matrix == [[0.5, 0.5, 0], [0, 0, 1]]
    assert (ann.accuracy, ann.self_agreement, ann.mean_and_median_seconds) == (
        Proportion(2, 3),
        Proportion(1, 3),
        (4, 3),
    )
    assert (bo.mean_and_median_seconds, bo.accuracy, bo.information, bo.self_agreement) == (None, None, None, None)
    assert bo.confusion_matrix == [None, None]
    assert bo.flags == ()
    assert (di.n_votes, di.answer_shares, di.accuracy, di.confusion_matrix) == (
        0,
        None,
        Proportion(1, 1),
        [None, [0, 0, 1]],
    )
    assert di.flags == ("uninformative", "few")
    assert [rater.rater for rater in result.raters] == ["ann", "bo", "di"]
    assert result.prior.tolist() == [0.5, 0.5]


def test_answers_only_in_golden_votes_are_added_in_order() -> None:
    votes = votes_of([(0, 0, 0), (1, 0, 1)], questions_of(3), answers=("no", "yes"))
    golden = votes_of([(0, 0, 1), (1, 0, 2)], questions_of(3))
    result = rater_reliability(votes, GoldenVotesWithTruth(golden, np.array([0, 1, 0])))
    assert result.answers == WORDS
    assert result.raters[0].answer_counts.tolist() == [1, 0, 1]
    assert result.raters[0].confusion_counts.tolist() == [[0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("no", "of", "flagged"), [(98, 100, False), (99, 100, True), (100, 100, True), (20, 20, True), (19, 19, False)]
)
def test_one_answer_is_flagged_from_99_percent_of_20_votes(no: int, of: int, flagged: bool) -> None:
    rows = [(i, 0, 0 if i < no else 2) for i in range(of)]
    votes = votes_of(rows, questions_of(100))
    golden = votes_of([(0, 0, 0), (1, 0, 2)], questions_of(100))
    ann = rater_reliability(votes, GoldenVotesWithTruth(golden, np.arange(100) % 2)).raters[0]
    assert ("one answer" in ann.flags) == flagged


@pytest.mark.parametrize(("items", "per_image", "few"), [(40, 1, False), (39, 1, True), (40, 2, False), (57, 3, True)])
def test_few_votes_on_a_truth_and_few_images_are_flagged(items: int, per_image: int, few: bool) -> None:
    """Golden votes that are the main votes are not compared with themselves."""
    truth = np.arange(items) % 2
    votes = votes_of([(i, 0, 2 * t) for i, t in enumerate(truth)], questions_of(items, per_image))
    result = rater_reliability(votes, GoldenVotesWithTruth(votes, truth))
    assert ("few" in result.raters[0].flags) == few
    assert (result.golden_dependence, result.raters[0].self_agreement) == (None, None)
    assert (result.alpha, result.dependence.n_tested) == (None, 0)


def test_plain_items_have_answers_as_truths() -> None:
    for items, answers, expected in (
        (("x", "y", "z"), ("cat", "dog"), ("cat", "dog")),
        (("x", "y", "z"), WORDS, WORDS),
        (questions_of(3), WORDS, VALIDITY),
        (questions_of(3), (0, 1), VALIDITY),
    ):
        votes = votes_of([], items, answers=answers)
        assert golden_votes(votes, votes).truths == expected


def test_grouped_images_give_same_interval() -> None:
    rng = np.random.default_rng(0)
    truth = rng.choice(2, 6_000, p=PRIOR)
    votes = cast(rng, truth, ("fair",))
    information = rater_reliability(votes, GoldenVotesWithTruth(votes, truth)).raters[0].information
    true = float(mutual_information(MATRICES["fair"], PRIOR))
    assert information.low <= true <= information.high
    nats = math.log(2)
    error = (information.high - information.low) / 2 / 1.96
    joint = PRIOR[:, None] * np.array(MATRICES["fair"])
    surprise = np.log(np.array(MATRICES["fair"]) / joint.sum(axis=0)) / nats
    plain = math.sqrt(((joint * surprise**2).sum() - true**2) / 6_000)  # delta method
    assert error == pytest.approx(plain, rel=0.15)


ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)
TRUTH = st.permutations([0, 0, 1, 1, -1, 0])


def measured(rows: Sequence[Sequence[int]], truth: Sequence[int], items: Items, raters: Sequence[str | int]) -> Any:
    votes = votes_of(rows, items, raters)
    if not any(truth[row[0]] >= 0 for row in rows):
        return None
    return rater_reliability(votes, GoldenVotesWithTruth(votes, np.array(truth)), resamples=50)


def plain_names(rater: Any) -> Any:
    return [(*row.to_json().items(),)[1:] for row in rater.raters]


@given(ROWS, TRUTH)
def test_names_of_raters_and_items_do_not_matter(rows: Any, truth: Any) -> None:
    before = measured(rows, truth, questions_of(6), ("ann", "bo", "cy"))
    images = Questions.from_columns([f"other {i // 5}.png" for i in range(6)], np.arange(6) + 100)
    after = measured(rows, truth, images, (7, 3, 5))
    if before is not None:
        assert plain_names(before) == plain_names(after)
        assert before.alpha == after.alpha
        json.dumps(before.to_json(), allow_nan=False)


THREE = questions_of(3, per_image=1)
OF_THREE = votes_of([(0, 0, 2), (1, 0, 0)], THREE)
BAD = [
    (OF_THREE, [0, 0, -1], "one-truth"),
    (OF_THREE, [-1, -1, 1], "missing-golden"),
    (OF_THREE, [1, 0], "wrong-shape"),
    (OF_THREE, [1, 2, 0], "out-of-range"),
    (votes_of([(0, 0, 2)]), [1, 0, 0], "different-votes"),
    (votes_of([]), None, "missing-votes"),
]


@pytest.mark.parametrize(("votes", "truth", "code"), BAD)
def test_bad_votes_and_truths_raise(votes: Votes, truth: list[int] | None, code: str) -> None:
    golden = None if truth is None else GoldenVotesWithTruth(OF_THREE, np.array(truth))
    assert code_of(rater_reliability, votes, golden) == code
    if code == "one-truth":
        assert message(rater_reliability, votes, golden) == (
            "all golden items have the same truth, so raters cannot be measured\n"
            "  allowed: golden items of at least two truths\n  found:   only invalid\n"
            "  fix:     add golden answers on other items, or remove them all"
        )


def test_equal_answers_have_no_information_and_no_alpha() -> None:
    rows = [(i, r, 0) for i in range(30) for r in range(2)]
    result = rater_reliability(votes_of(rows, questions_of(30, per_image=1)))
    assert repr(result) == "Reliability(2 raters, 2 flagged, ordinal alpha not defined)"
    for rater in result.raters:
        assert rater.flags == ("uninformative", "one answer")
        assert rater.information.to_json() == {"bits": 0, "low": 0, "high": 0}
    json.dumps(result.to_json(), allow_nan=False)
    rows = [(i, r, i % 2) for i in range(60) for r in range(3)]
    emu = votes_of(rows, range(60), range(3), ("cat", "dog", "emu"))
    result = rater_reliability(emu)  # a class without votes has its own row
    assert result.prior == pytest.approx([0.5, 0.5, 0], abs=1e-3)
    json.dumps(result.to_json(), allow_nan=False)


def test_dropped_truth_does_not_flag_few_votes() -> None:
    rows = [(i, r, int(i == r == 0)) for i in range(60) for r in range(3)]
    result = rater_reliability(votes_of(rows, questions_of(60, per_image=1), raters=("a", "b", "c")))
    assert 0 < result.prior[1] * 60 < 0.5
    assert not any("few" in rater.flags for rater in result.raters)
