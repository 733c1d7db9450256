"""All methods on votes that a rater model cannot use, or barely: counts, no votes, one answer, too many classes."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reassess.aggregation import METHODS, aggregate
from reassess.core import Questions, Votes
from reassess.errors import ConvergenceWarning, ReassessWarning
from tests.helpers import code_of, message, votes_of

RATER_MODELS = ("em", "onecoin", "ibcc", "ebcc", "stacking")


def draw_question_votes(seed: int) -> tuple[Votes, Votes]:
    """Four raters' votes on 60 (image, class) questions, and an expert's votes on a third of them."""
    rng = np.random.default_rng(seed)
    questions = Questions.from_columns(np.repeat([f"{i}.png" for i in range(20)], 3), np.tile([0, 1, 2], 20))
    truth = rng.integers(0, 2, 60)
    item, rater = np.divmod(np.arange(240), 4)
    answers = np.where(rng.random(240) < 0.8, truth[item], 1 - truth[item])
    votes = Votes.from_columns(questions, item, rater, answers, "abcd", ("no", "yes"))
    experts = votes_of([(row, 0, int(truth[row])) for row in range(60)], questions, ("eve",), ("no", "yes"))
    return votes, experts.select_items(np.arange(20))


@pytest.mark.filterwarnings("ignore::reassess.ReassessWarning")
@pytest.mark.parametrize("method", [name for name in METHODS if "experts" in METHODS[name].options])
def test_golden_questions_keep_experts_truth_and_probabilities_are_at_most_one(method: str) -> None:
    for seed in range(4):
        votes, experts = draw_question_votes(seed)
        result = aggregate(votes, method, experts=experts, min_experts=1)
        values = result.posterior.values
        assert ((values >= 0) & (values <= 1)).all()
        assert result.scores.values.max() <= 1
        if method in RATER_MODELS:
            assert result.scores.values[:20].tolist() == experts.answer_ids.tolist()


def make_counts(votes: Votes) -> Votes:
    return replace(votes, raters=(), rater_ids=np.full(len(votes), -1, np.int32))


@pytest.mark.parametrize("method", RATER_MODELS)
def test_counts_without_raters_raise(method: str) -> None:
    votes, experts = draw_question_votes(0)
    for options in ({}, {"experts": experts}):
        text = message(aggregate, make_counts(votes), method, **options)
        assert text.startswith("EM needs votes with raters\n")
        assert text.endswith("or use method majority")


@pytest.mark.parametrize("method", [*RATER_MODELS, "auto"])
def test_missing_votes_raise(method: str) -> None:
    for votes in (votes_of([], (), (), ()), votes_of([], ("x",), (), ("cat", "dog")), votes_of([], ("x",), "ab", "yn")):
        assert message(aggregate, votes, method) == "votes are missing\n  fix:     give at least one vote"


@pytest.mark.parametrize("method", [*RATER_MODELS, "majority", "calibrated"])
def test_single_answer_is_certain(method: str) -> None:
    votes = votes_of([(item, rater, 0) for item in range(5) for rater in range(3)], range(5), "abc", ("cat",))
    experts = votes_of([(0, 0, 0)], range(5), ("eve",), ("cat",))
    options = {"experts": experts} if "experts" in METHODS[method].required_options else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert aggregate(votes, method, **options).posterior.values.tolist() == [[1.0]] * 5


@pytest.mark.parametrize("method", RATER_MODELS)
def test_too_many_classes_raise(method: str) -> None:
    votes = votes_of([(0, 0, 0), (1, 0, 1)], range(2), "a", range(4_097))
    assert code_of(aggregate, votes, method) == "too-many"


def test_onecoin_warns_if_it_does_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reassess.aggregation.dawid_skene.ONE_ACCURACY_MAX_ITERATIONS", 1)
    votes = draw_question_votes(0)[0]
    with pytest.warns(ConvergenceWarning):
        aggregate(votes, "onecoin")


def test_experts_without_majority_decide_nothing() -> None:
    """Two experts disagree on each item: calibrated has no truth, and the default does not count these items."""
    votes = votes_of([(item, rater, item % 2) for item in range(8) for rater in range(3)], range(8), "abc", "xy")
    experts = votes_of([(item, rater, rater) for item in range(8) for rater in range(2)], range(8), "ef", "xy")
    text = message(aggregate, votes, "calibrated", experts=experts)
    assert text.startswith("experts' answers do not decide the truth of any golden item\n")
    assert "8 golden items undecided" in text
    assert text.endswith("fix:     get more experts' answers")
    assert aggregate(votes, experts=experts).method == "stacking"


def test_votes_of_the_raters_as_golden_answers_warn() -> None:
    rows = [(item, rater, (item + rater // 2) % 2) for item in range(8) for rater in range(3)]
    votes = votes_of(rows, range(8), "abc", "xy")
    with pytest.warns(ReassessWarning, match="^the experts' votes are the raters' votes, so they do not show"):
        assert aggregate(votes, experts=votes).method == "calibrated"
    tied = votes_of([*rows, (0, 3, 1)], range(8), "abcd", "xy")
    with pytest.warns(ReassessWarning, match="^the experts' votes are the raters' votes"):
        assert aggregate(tied, experts=tied).method == "stacking"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"tempering": 1}, "wrong-type"),
        ({"tempering": "no"}, "wrong-type"),
        ({"truths_are_answers": 0}, "wrong-type"),
        ({"pooling": "2"}, "not-a-number"),
        ({"pooling": True}, "not-a-number"),
        ({"smoothing": [1]}, "not-a-number"),
        ({"smoothing": np.nan}, "out-of-range"),
        ({"min_experts": 1.5}, "not-a-number"),
        ({"experts": [1]}, "wrong-type"),
        ({"rater_golden": "votes.csv"}, "wrong-type"),
        ({"original": {"a": 1}}, "wrong-type"),
    ],
)
def test_option_of_wrong_type_raises(options: dict[str, Any], code: str) -> None:
    votes, experts = draw_question_votes(0)
    assert code_of(aggregate, votes, "calibrated", **{"experts": experts, **options}) == code


def test_numpy_values_are_recorded_as_python_values() -> None:
    votes, experts = draw_question_votes(0)
    options = {"pooling": np.float32(2), "min_experts": np.int64(1), "tempering": np.bool_(True)}
    assert aggregate(votes, "calibrated", experts=experts, **options).method == (
        "calibrated, min_experts=1, tempering=true, pooling=2.0"
    )


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_tempering_false_is_the_default_of_every_method(method: str) -> None:
    votes, experts = draw_question_votes(0)
    options = {} if method == "auto" or not METHODS[method].required_options else {"experts": experts}
    options |= {"min_experts": 1} if options else {}
    assert "tempering" not in aggregate(votes, method, tempering=False, **options).method


def test_unused_option_names_the_methods_that_use_it() -> None:
    votes, experts = draw_question_votes(0)
    assert message(aggregate, votes, experts=experts, tempering=True) == (
        "stacking always tempers\n  fix:     remove tempering, or choose another method"
    )
    assert message(aggregate, votes, pooling=1.0) == (
        "method stacking does not use pooling\n"
        "  allowed: pooling with calibrated, em, ibcc, ebcc and imagenet-real\n"
        "  fix:     remove pooling, or choose another method"
    )


@pytest.mark.parametrize("method", ["ibcc", "ebcc"])
def test_prior_of_zero_raises(method: str) -> None:
    votes, _ = draw_question_votes(0)
    assert message(aggregate, votes, method, pooling=0).startswith("pooling must be above 0 for ibcc and ebcc\n")
    many = votes_of([(0, 0, 0), (1, 0, 1)], range(2), "a", range(300))
    assert message(aggregate, many, method, pooling=0).startswith("pooling must be above 0 for ibcc and ebcc\n")
    assert aggregate(votes, method, pooling=0, smoothing=1).facts["converged"]
