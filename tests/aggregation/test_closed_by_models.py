"""Questions that votes of models answer alone: the error holds in simulations, and bad input raises."""

import numpy as np
import pytest

from reassess.aggregation import ClosedByModels, close_by_models, score_model_votes
from reassess.core import Questions, Votes
from reassess.errors import DataError

ANSWERS = ("no", "yes")


def _make_questions(count: int, start: int = 0) -> Questions:
    return Questions.from_columns([f"{number:05}.png" for number in range(start, start + count)], np.zeros(count, int))


def _draw(
    rng: np.random.Generator, n_golden: int, n_questions: int, hard: float
) -> tuple[Votes, Votes, Questions, np.ndarray]:
    """Draw votes of three models that all guess on hard questions, experts, questions and their truth."""
    n = n_golden + n_questions
    truth = rng.integers(0, 2, n)
    guess, is_hard = rng.integers(0, 2, n), rng.random(n) < hard
    rates = np.array([0.05, 0.1, 0.15])
    answers = np.where(rng.random((n, 3)) < rates, 1 - truth[:, None], truth[:, None])
    answers = np.where(is_hard[:, None], guess[:, None], answers)
    items, raters = np.indices((n, 3)).reshape(2, -1)
    votes = Votes.from_columns(_make_questions(n), items, raters, answers.ravel(), ("a", "b", "c"), ANSWERS)
    rows = np.arange(n_golden)
    experts = Votes.from_columns(_make_questions(n_golden), rows, 0 * rows, truth[:n_golden], ("eve",), ANSWERS)
    return votes, experts, _make_questions(n_questions, n_golden), truth[n_golden:]


def _share_wrong(closed: ClosedByModels, votes: Votes, experts: Votes, truth: np.ndarray) -> float:
    scores = score_model_votes(votes, experts, votes.items).values[-truth.size :]
    return float(((scores >= 0.5) != truth)[closed.is_closed].mean())


def test_error_is_at_most_the_allowed_error_in_95_percent_of_runs() -> None:
    shares, n_closed = [], []
    for seed in range(40):
        votes, experts, questions, truth = _draw(np.random.default_rng(seed), 300, 2_000, 0.1)
        closed = close_by_models(votes, experts, questions, 0.12)
        n_closed.append(closed.is_closed.sum())
        if closed.is_closed.any():
            shares.append(_share_wrong(closed, votes, experts, truth))
            assert closed.highest_error <= 0.12
            assert closed.n_golden_wrong / closed.n_golden_closed < closed.highest_error
    assert (np.array(shares) > 0.12).mean() <= 0.1  # 40 runs
    assert np.mean(n_closed) > 500


def test_few_golden_questions_close_nothing() -> None:
    votes, experts, questions, _ = _draw(np.random.default_rng(0), 100, 50, 0)
    closed = close_by_models(votes, experts, questions, 0.05)
    assert (closed.limit, closed.highest_error, closed.is_closed.any()) == (None, None, False)
    assert (closed.n_golden, closed.n_golden_closed) == (100, 0)
    assert 0.05 < closed.lowest_supported_error < 0.2


def test_questions_without_votes_stay_open() -> None:
    votes, experts, _, _ = _draw(np.random.default_rng(1), 300, 10, 0)
    votes = votes.select_items(np.arange(310))
    blank = Votes.from_columns(_make_questions(5, 400), *[np.zeros(0, int)] * 3, (), ANSWERS)
    closed = close_by_models(votes.append(blank), experts, _make_questions(200, 300), 0.2)
    assert closed.limit is not None
    assert np.flatnonzero(closed.is_closed).max() < 10
    assert closed.to_json()["questions"] == closed.is_closed.sum() > 0


@pytest.mark.parametrize("error", [-0.1, 1.5, float("nan")])
def test_error_out_of_range_raises(error: float) -> None:
    votes, experts, questions, _ = _draw(np.random.default_rng(0), 30, 5, 0)
    with pytest.raises(DataError, match="error"):
        close_by_models(votes, experts, questions, error)


def test_golden_answers_are_needed() -> None:
    votes, experts, questions, _ = _draw(np.random.default_rng(0), 30, 5, 0)
    for missing in (None, experts.select_items(np.zeros(0, int))):
        with pytest.raises(DataError, match="votes of models need golden answers"):
            close_by_models(votes, missing, questions, 0.1)


def test_order_of_golden_questions_does_not_matter() -> None:
    votes, experts, questions, _ = _draw(np.random.default_rng(2), 300, 200, 0.1)
    order = np.random.default_rng(3).permutation(300)
    names = [experts.items.images[row] for row in order]
    shuffled = Votes.from_columns(
        Questions.from_columns(names, np.zeros(300, int)),
        np.arange(300),
        np.zeros(300, int),
        experts.answer_ids[order],
        ("eve",),
        ANSWERS,
    )
    results = [close_by_models(votes, each, questions, 0.12).to_json() for each in (experts, shuffled)]
    assert results[0] == pytest.approx(results[1])


def test_votes_that_do_not_show_the_error_of_models_raise() -> None:
    votes, experts, questions, _ = _draw(np.random.default_rng(4), 120, 50, 0)
    rows = np.arange(len(votes.items))

    def vote_too(rater: str, items: np.ndarray) -> Votes:
        extra = Votes.from_columns(
            Questions.from_columns([votes.items.images[row] for row in items], np.zeros(items.size, int)),
            np.arange(items.size),
            np.zeros(items.size, int),
            np.ones(items.size, int),
            (rater,),
            ANSWERS,
        )
        return votes.append(extra)

    for changed, message in (
        (vote_too("eve", rows), "expert is also one of the models"),
        (vote_too("oracle", rows[:120]), "model has votes on golden questions only, or on other questions only"),
        (vote_too("new", rows[120:]), "model has votes on golden questions only, or on other questions only"),
        (vote_too("a", rows), "model has several votes on one question"),
    ):
        with pytest.raises(DataError, match=message):
            close_by_models(changed, experts, questions, 0.2)
    with pytest.raises(DataError, match="no question of the tasks has votes of models"):
        close_by_models(votes, experts, _make_questions(3, 900), 0.2)
    with pytest.raises(DataError, match="fewer than two golden images"):
        close_by_models(votes, experts.select_items(np.arange(1)), questions, 0.2)
