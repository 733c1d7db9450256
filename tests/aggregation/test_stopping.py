"""Replays of votes under a stop rule: a slow reference, invariances, and known results of ReaL's votes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import (
    StopReplay,
    golden_truth,
    measure_stop_errors,
    posterior,
    predict_golden_questions,
    replay_stops,
)
from reassess.aggregation.recipe import score_by_recipe
from reassess.core import VALIDITY, LabelSets, Questions, RaterModel, StopRule, Votes
from tests.helpers import WORDS, RealVotes, fault_of, votes_of

RATERS = ("ann", "bo", "cy", "di", "eve")
MODEL = RaterModel(
    raters=RATERS[:4],
    truths=VALIDITY,
    answers=WORDS,
    matrices=np.array(
        [
            [[0.8, 0.15, 0.05], [0.1, 0.2, 0.7]],
            [[0.6, 0.3, 0.1], [0.3, 0.3, 0.4]],
            [[0.9, 0.05, 0.05], [0.05, 0.05, 0.9]],
            [[1 / 3, 1 / 3, 1 / 3], [1 / 3, 1 / 3, 1 / 3]],
        ]
    ),
    fallback_matrix=np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]),
    prior=np.array([0.8, 0.2]),
)
ITEMS = 6
QUESTIONS = Questions.from_columns([f"{i // 2}.png" for i in range(ITEMS)], np.arange(ITEMS))
rows = st.lists(
    st.tuples(st.integers(0, ITEMS - 1), st.integers(0, len(RATERS) - 1), st.integers(0, 2)), min_size=1, max_size=60
)
bounds = st.tuples(st.floats(0.001, 0.4), st.floats(0.6, 0.999), st.integers(1, 4)).map(lambda x: StopRule(*x))


def replay(votes: Votes, *rules: StopRule, **options: object) -> tuple[StopReplay, ...]:
    return replay_stops(votes, MODEL, rules, **({"threshold": 0.8, "n_orders": 3} | options))


@given(rows, bounds, st.none() | st.integers(1, 6))
def test_equal_votes_stop_when_posterior_leaves_bounds(
    random_rows: list[tuple[int, int, int]], rule: StopRule, at_most: int | None
) -> None:
    """All votes on an item have the same rater and answer, so every order is the same."""
    of_item = {item: (rater, answer) for item, rater, answer in random_rows}
    same = [(item, *of_item[item]) for item, _, _ in random_rows]
    taken, is_kept = slow_replay(votes_of(same, QUESTIONS, RATERS), rule, at_most)
    by_all = posterior(votes_of(same, QUESTIONS, RATERS), MODEL).probabilities_of("valid") >= 0.8
    (result,) = replay(votes_of(same, QUESTIONS, RATERS), rule, max_votes_per_question=at_most)
    assert result.n_used_votes.tolist() == [taken] * 3
    assert result.n_changed_labels.tolist() == [int((by_all != is_kept).sum())] * 3
    assert result.n_labels_in_both.tolist() == [int((by_all & is_kept).sum())] * 3


def slow_replay(votes: Votes, rule: StopRule, at_most: int | None) -> tuple[int, np.ndarray]:
    """Count the votes used in their order, and find whether each label is kept at threshold 0.8."""
    taken, kept = 0, []
    for item in range(ITEMS):
        own = slice(votes.indptr[item], votes.indptr[item + 1])
        cast = [(0, *vote) for vote in zip(votes.rater_ids[own], votes.answer_ids[own], strict=True)]
        for n in range(len(cast) + 1):
            (valid,) = posterior(votes_of(cast[:n], ("x",), RATERS), MODEL).probabilities_of("valid")
            if n in (len(cast), at_most) or rule.is_closed(valid, n):
                break
        taken += n
        kept.append(valid >= 0.8)
    return taken, np.array(kept)


@given(rows, st.integers(0, 3))
def test_stricter_rule_uses_at_least_as_many_votes(random_rows: list[tuple[int, int, int]], seed: int) -> None:
    votes = votes_of(random_rows, QUESTIONS, RATERS)
    rules = [StopRule(0.2, 0.7), StopRule(0.05, 0.95), StopRule(0.001, 0.999), StopRule(0, 1)]
    taken = np.array([each.n_used_votes for each in replay(votes, *rules, seed=seed)])
    assert (np.diff(taken, axis=0) >= 0).all()
    never = replay(votes, rules[-1], seed=seed)[0]
    assert (never.n_used_votes == len(votes)).all()
    assert not never.n_changed_labels.any()
    assert never.share_of_votes_used == never.label_jaccard_index == 1


@given(rows)
def test_first_votes_act_as_prior(random_rows: list[tuple[int, int, int]]) -> None:
    votes = votes_of(random_rows, QUESTIONS, RATERS)
    first = votes_of([(item, 2, 2) for item in range(ITEMS)], QUESTIONS, RATERS)
    prior = posterior(first.select_items(np.array([0])), MODEL).values[0]
    as_prior = RaterModel(RATERS[:4], VALIDITY, WORDS, MODEL.matrices, MODEL.fallback_matrix, prior)
    rule = StopRule(0.05, 0.95)
    (result,) = replay(votes, rule, initial_votes=first)
    (expected,) = replay_stops(votes, as_prior, [rule], threshold=0.8, n_orders=3)
    assert result.n_used_votes.tolist() == expected.n_used_votes.tolist()


def test_orders_are_random_and_the_same_for_a_seed() -> None:
    rng = np.random.default_rng(0)
    cast = [(item, rater, int(rng.integers(3))) for item in range(ITEMS) for rater in range(5)]
    votes = votes_of(cast, QUESTIONS, RATERS)
    one, again, other = (
        replay(votes, StopRule(0.1, 0.9), n_orders=20, seed=seed)[0].n_used_votes for seed in (0, 0, 1)
    )
    assert one.tolist() == again.tolist() != other.tolist()
    assert len(set(one.tolist())) > 1


OTHER = RaterModel((), ("cat", "dog"), WORDS, np.empty((0, 2, 3)), MODEL.fallback_matrix, MODEL.prior)
ONE_VOTE = votes_of([(0, 0, 0)], QUESTIONS, RATERS)


@pytest.mark.parametrize(
    ("votes", "model", "options", "expected"),
    [
        (votes_of([], QUESTIONS, RATERS), MODEL, {}, ("missing-votes", None)),
        (votes_of([(0, 0, 0)]), MODEL, {}, ("not-on-questions", None)),
        (ONE_VOTE, MODEL, {"threshold": 2}, ("out-of-range", "2")),
        (ONE_VOTE, MODEL, {"n_orders": 0}, ("out-of-range", "0")),
        (ONE_VOTE, MODEL, {"max_votes_per_question": 0}, ("out-of-range", "0")),
        (ONE_VOTE, OTHER, {}, ("wrong-model", "cat, dog")),
    ],
)
def test_invalid_replay_raises(
    votes: Votes, model: RaterModel, options: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    assert fault_of(replay_stops, votes, model, **{"threshold": 0.8, **options}) == expected


def test_replay_of_real_votes_is_reproduced(real_votes: RealVotes, real_original: LabelSets) -> None:
    """The table is of one random order, from other code: share of votes, changed questions, labels in common."""
    votes, experts, golden = map(real_votes, ("raters.npz", "golden.npz", "raters_golden.npz"))
    _, model, labels = score_by_recipe(votes, experts, golden, real_original)
    table = [
        (0.005, 0.819, 4, 0.9999),
        (0.01, 0.725, 84, 0.9974),
        (0.02, 0.621, 460, 0.986),
        (0.05, 0.498, 1938, 0.942),
    ]
    rules = [StopRule(low, 1 - low) for low, *_ in table]
    replays = replay_stops(votes, model, rules, threshold=0.8, initial_votes=labels)
    for result, (_, share, changed, common) in zip(replays, table, strict=True):
        assert result.share_of_votes_used == pytest.approx(share, abs=0.0006)
        assert result.n_changed_labels.mean() == pytest.approx(changed, abs=3 * result.n_changed_labels.std() + 1)
        assert result.label_jaccard_index == pytest.approx(common, abs=0.002)
        assert (result.n_votes, result.n_questions) == (924_810, 184_962)


def test_tempered_rule_closes_few_golden_questions_wrongly(real_votes: RealVotes) -> None:
    """Without tempering, more of ReaL's closed golden questions are wrong than each rule allows."""
    golden = golden_truth(real_votes("golden.npz"))
    votes = real_votes("raters_golden.npz")
    predictions = predict_golden_questions(
        votes.select_items(votes.find_positions(golden.questions)), golden.is_valid.astype(int)
    )
    power, rules = predictions.find_power(5), [StopRule(0.02, 0.98), StopRule(0.05, 0.95)]
    assert power == pytest.approx(0.4, abs=0.03)
    plain, tempered = (
        [
            (each.n_closed / 1135, each.share_wrong)
            for each in measure_stop_errors(predictions, rules, power=each_power, max_votes_per_question=5)
        ]
        for each_power in (1.0, power)
    )
    assert plain == [pytest.approx((0.875, 0.05), abs=0.01), pytest.approx((0.934, 0.067), abs=0.01)]
    assert tempered[1] == pytest.approx((0.68, 0.026), abs=0.05)
    assert tempered[0][1] < 0.03
