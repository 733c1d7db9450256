"""Balanced accuracy: its interval, and how likely ways to answer reach a bar, by simulation and by enumeration."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from reassess.numeric import BLIND_ANSWERS, BalancedAccuracy, probability_to_reach

BAR, QUESTIONS, ROUNDS = 0.7, 18, 10_000


def rounds(invalid: tuple[float, ...], valid: tuple[float, ...]) -> float:
    """Share of simulated rounds with 18 valid and 18 invalid questions that reach the bar."""
    rng = np.random.default_rng(0)
    counts = np.stack([rng.multinomial(QUESTIONS, answers, ROUNDS) for answers in (invalid, valid)], axis=1)
    return sum(BalancedAccuracy.from_confusion(one).reaches(BAR) for one in counts) / ROUNDS


@pytest.mark.parametrize("name", BLIND_ANSWERS)
def test_who_does_not_look_hardly_passes(name: str) -> None:
    answers = BLIND_ANSWERS[name]
    passed, exact = rounds(answers, answers), probability_to_reach(BAR, QUESTIONS, QUESTIONS, [answers] * 2)
    assert passed <= (0 if name.startswith("always") else 0.01)
    assert passed == pytest.approx(exact, abs=4 * np.sqrt(exact / ROUNDS))


@pytest.mark.parametrize("maybe", [0.0, 0.05])
def test_who_is_correct_in_90_percent_passes(maybe: float) -> None:
    wrong = 0.1 - maybe
    invalid, valid = (0.9, maybe, wrong), (wrong, maybe, 0.9)
    assert rounds(invalid, valid) >= 0.98
    assert probability_to_reach(BAR, QUESTIONS, QUESTIONS, [invalid, valid]) >= 0.98


@pytest.mark.parametrize("bar", [0.5, 0.7, 0.75, 1.0])
@pytest.mark.parametrize(("n_invalid", "n_valid"), [(1, 1), (2, 3), (4, 1)])
def test_the_chance_is_that_of_all_possible_answers(bar: float, n_invalid: int, n_valid: int) -> None:
    matrix = np.array([[0.6, 0.3, 0.1], [0.25, 0.05, 0.7]])
    truths = [0] * n_invalid + [1] * n_valid
    total = 0.0
    for answers in product(range(3), repeat=len(truths)):
        confusion = np.zeros((2, 3), int)
        np.add.at(confusion, (truths, list(answers)), 1)
        total += BalancedAccuracy.from_confusion(confusion).reaches(bar) * float(np.prod(matrix[truths, list(answers)]))
    assert probability_to_reach(bar, n_invalid, n_valid, matrix.tolist()) == pytest.approx(total, abs=1e-12)


def test_without_questions_of_both_truths_nobody_reaches_a_bar() -> None:
    assert probability_to_reach(0.0, 5, 0, [(1.0, 0.0, 0.0)] * 2) == 0
    one = BalancedAccuracy.from_confusion([[3, 0, 0], [0, 0, 0]])
    assert (one.value, one.interval, one.specificity, one.sensitivity, one.reaches(0.0)) == (
        None,
        None,
        1.0,
        None,
        False,
    )


@pytest.mark.parametrize(("n_invalid", "n_valid"), [(3, 3), (4, 9), (18, 18)])
def test_the_interval_covers_the_accuracy(n_invalid: int, n_valid: int) -> None:
    """Over all numbers of correct answers: about 95 % on average over raters, and seldom much less for one of them."""
    numbers = [range(n + 1) for n in (n_invalid, n_valid)]
    bounds = np.array([[BalancedAccuracy(a, b, n_invalid, n_valid).interval for b in numbers[1]] for a in numbers[0]])
    assert (bounds[..., 0] >= 0).all()
    assert (bounds[..., 1] <= 1).all()
    covered = []
    for shares in product(np.linspace(0.5, 0.98, 9), repeat=2):
        chances = [binom.pmf(list(n), len(n) - 1, share) for n, share in zip(numbers, shares, strict=True)]
        there = (bounds[..., 0] <= np.mean(shares)) & (np.mean(shares) <= bounds[..., 1])
        covered.append(float((np.outer(*chances) * there).sum()))
    assert 0.93 <= np.mean(covered) <= 0.97
    assert min(covered) >= 0.82
