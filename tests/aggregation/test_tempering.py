"""Tempering: golden answers make the probabilities of a method less or more certain."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation import (
    METHODS,
    Aggregation,
    aggregate,
    golden_truth,
    measure_curves,
)
from reassess.core import Classes, Questions, Votes
from reassess.data import read_votes
from tests.helpers import RealFile, code_of

ANSWERS = ("cat", "dog", "fox")
Ints = npt.NDArray[np.int64]
TEMPERED = tuple(name for name, method in METHODS.items() if "tempering" in method.options)


def simulate(seed: int = 0, *, items: int = 600, per_item: int = 6, misleading: float = 0.3) -> tuple[Votes, Ints]:
    """Votes of good raters, who all choose the same wrong answer for a share of the items; and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, items)
    seen = np.where(rng.random(items) < misleading, (truth + rng.integers(1, 3, items)) % 3, truth)
    raters = np.concatenate([rng.choice(12, per_item, replace=False) for _ in range(items)])
    rows = np.repeat(np.arange(items), per_item)
    answers = np.where(rng.random(rows.size) < 0.8, seen[rows], rng.integers(0, 3, rows.size))
    names = [f"{row:04}.png" for row in range(items)]
    return Votes.from_columns(names, rows, raters, answers, range(12), ANSWERS), truth


def experts_on(votes: Votes, truth: Ints, n_golden: int) -> Votes:
    """One expert's answers on the first items."""
    rows, items = np.arange(n_golden), votes.items[:n_golden]
    return Votes.from_columns(items, rows, 0 * rows, truth[rows], ("eve",), ANSWERS, classes=votes.classes)


def on_images(votes: Votes) -> Votes:
    """The same votes, for one class per image."""
    images = [f"{row:04}.png" for row in range(len(votes.items))]
    return Votes.from_columns(
        images,
        votes.item_ids,
        votes.rater_ids,
        votes.answer_ids,
        votes.raters,
        ANSWERS,
        classes=Classes(count=3, names=ANSWERS),
    )


def log_loss(result: Aggregation, truth: Ints, first: int) -> float:
    """The log loss on items without golden answers."""
    return float(-np.log(np.maximum(result.posterior.values, 1e-6)[np.arange(first, truth.size), truth[first:]]).mean())


def power_of(result: Aggregation) -> float:
    return float(result.facts["tempering_power"])


@pytest.mark.parametrize("method", sorted(set(TEMPERED) - {"imagenet-real"}))
def test_probabilities_agree_better_with_the_truth_if_raters_share_mistakes(method: str) -> None:
    votes, truth = simulate()
    experts = experts_on(votes, truth, 100)
    plain, tempered = (aggregate(votes, method, experts=experts, tempering=each) for each in (False, True))
    assert power_of(tempered) < 0.7
    assert log_loss(tempered, truth, 100) < log_loss(plain, truth, 100) - 0.2
    assert tempered.posterior.values.sum(axis=1) == pytest.approx(1)
    assert (tempered.posterior.most_likely()[100:] == plain.posterior.most_likely()[100:]).mean() > 0.95
    assert tempered.method == f"{method}, tempering=true"


def test_tempered_probabilities_are_the_likelihood_to_a_power_times_the_prior() -> None:
    votes, truth = simulate(items=80)
    experts = experts_on(votes, truth, 30)
    plain, tempered = (aggregate(votes, "calibrated", experts=experts, tempering=each) for each in (False, True))
    assert plain.model is not None
    log_odds = [
        np.log(values / plain.model.prior) - np.log(values[:, :1] / plain.model.prior[0])
        for values in (plain.posterior.values, tempered.posterior.values)
    ]
    powers = log_odds[1][:, 1:] / log_odds[0][:, 1:]
    assert powers == pytest.approx(powers[0, 0])
    assert powers[0, 0] == pytest.approx(power_of(tempered), rel=1e-6)


def test_power_is_one_if_raters_err_independently() -> None:
    powers = []
    for seed in range(4):
        votes, truth = simulate(seed, misleading=0)
        powers.append(power_of(aggregate(votes, "em", experts=experts_on(votes, truth, 200), tempering=True)))
    assert 0.8 < np.exp(np.mean(np.log(powers))) < 1.25


def test_few_golden_items_change_the_power_little() -> None:
    powers = []
    for n_golden in (5, 20, 300):
        votes, truth = simulate(1)
        powers.append(power_of(aggregate(votes, "em", experts=experts_on(votes, truth, n_golden), tempering=True)))
    assert powers[0] > powers[2]
    assert powers[2] < 0.5


@pytest.mark.parametrize("n_golden", [20, 100])
def test_one_class_per_image_gives_the_same_as_plain_items(n_golden: int) -> None:
    votes, truth = simulate()
    images = on_images(votes)
    plain = aggregate(votes, "onecoin", experts=experts_on(votes, truth, n_golden), tempering=True)
    classes = aggregate(images, "onecoin", experts=experts_on(images, truth, n_golden), tempering=True)
    assert power_of(classes) == power_of(plain)
    questions, valid = classes.posterior.items, classes.posterior.values[:, 1]
    assert isinstance(questions, Questions)
    assert valid == pytest.approx(plain.posterior.values[questions.image_ids, questions.class_ids])
    assert np.bincount(questions.image_ids, valid) == pytest.approx(1, abs=1e-5)
    assert classes.scores.is_golden is not None
    assert np.unique(questions.image_ids[classes.scores.is_golden]).tolist() == list(range(n_golden))


def test_items_order_and_golden_order_do_not_matter() -> None:
    votes, truth = simulate(items=120)
    experts = experts_on(votes, truth, 40)
    first = aggregate(votes, "em", experts=experts, tempering=True)
    order = np.random.default_rng(0).permutation(120)
    other = aggregate(
        votes.select_items(order), "em", experts=experts.select_items(np.arange(40)[::-1]), tempering=True
    )
    assert power_of(other) == pytest.approx(power_of(first), rel=1e-3)
    assert other.posterior.values == pytest.approx(first.posterior.values[order], abs=1e-5)


def test_golden_item_whose_truth_nobody_chose_does_not_decide_the_power() -> None:
    rng = np.random.default_rng(0)
    n, classes = 900, 260
    truth = rng.integers(0, classes, n)
    raters = np.concatenate([rng.choice(20, 4, replace=False) for _ in range(n)])
    rows = np.repeat(np.arange(n), 4)
    answers = np.where(rng.random(rows.size) < 0.85, truth[rows], rng.integers(0, classes, rows.size))
    votes = Votes.from_columns(range(n), rows, raters, answers, range(20), range(classes))
    golden = np.arange(60)
    powers = []
    for is_odd in (False, True):
        answers_of_expert = truth[:60].copy()
        if is_odd:
            answers_of_expert[0] = np.setdiff1d(np.arange(classes), answers[rows == 0])[0]
        experts = Votes.from_columns(range(60), golden, 0 * golden, answers_of_expert, ("eve",), range(classes))
        powers.append(power_of(aggregate(votes, "onecoin", experts=experts, tempering=True)))
    assert powers[1] == pytest.approx(powers[0], rel=0.2)


@pytest.mark.parametrize("method", ["calibrated", "stacking"])
def test_names_of_raters_hardly_matter_if_golden_items_have_more_votes(method: str) -> None:
    """All raters answered the golden items, and three raters each other item."""
    rng = np.random.default_rng(0)
    accuracies, n, n_golden = np.linspace(0.98, 0.55, 10), 400, 40
    truth = rng.integers(0, 3, n)
    pairs = [(row, r) for row in range(n) for r in (range(10) if row < n_golden else rng.choice(10, 3, replace=False))]
    rows, raters = np.array(pairs).T
    answers = np.where(rng.random(rows.size) < accuracies[raters], truth[rows], rng.integers(0, 3, rows.size))
    powers = []
    for seed in range(4):
        names = [f"r{name}" for name in np.random.default_rng(seed).permutation(10)]
        votes = Votes.from_columns([f"{row}" for row in range(n)], rows, raters, answers, names, ANSWERS)
        options = {} if method == "stacking" else {"tempering": True}
        powers.append(power_of(aggregate(votes, method, experts=experts_on(votes, truth, n_golden), **options)))
    assert max(powers) < 2 * min(powers)


def test_golden_questions_of_one_image_stay_together_and_golden_votes_may_be_separate() -> None:
    rng = np.random.default_rng(0)
    images, n = [f"{row // 2}.png" for row in range(400)], 400
    valid = rng.random(n) < 0.4
    rows, raters = np.repeat(np.arange(n), 5), np.tile(np.arange(5), n)
    answers = np.where(rng.random(rows.size) < 0.85, valid[rows], ~valid[rows]).astype(np.int64)
    questions = Questions.from_columns(images, np.tile([0, 1], n // 2))
    votes = Votes.from_columns(questions, rows, raters, answers, range(5), ("no", "yes"))
    golden = votes.select_items(np.arange(100))
    expert = np.zeros(100, np.int64)
    experts = Votes.from_columns(
        golden.items, np.arange(100), expert, valid[:100].astype(np.int64), ("e",), ("no", "yes")
    )
    others = votes.select_items(np.arange(100, n))
    separate = aggregate(others, "calibrated", experts=experts, rater_golden=golden, tempering=True)
    together = aggregate(votes, "calibrated", experts=experts, tempering=True)
    assert separate.facts == together.facts
    assert separate.posterior.values == pytest.approx(together.posterior.values[100:])


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda votes, _: aggregate(votes, "em", tempering=True), "missing-golden"),
        (lambda votes, truth: aggregate(votes, "em", experts=experts_on(votes, truth, 4), tempering=True), "too-few"),
        (lambda votes, _: aggregate(votes, "majority", tempering=True), "unused-option"),
        (lambda votes, _: aggregate(votes, "stacking", tempering=True), "unused-option"),
    ],
)
def test_missing_golden_answers_and_other_methods_raise(call: Callable[[Votes, Ints], object], code: str) -> None:
    votes, truth = simulate(items=60)
    assert code_of(call, votes, truth) == code


def test_real_scores_agree_better_with_golden_answers(real_file: RealFile) -> None:
    for name in ("raters.npz", "golden.npz", "raters_golden.npz", "validation_labels.txt"):
        real_file(name)
    votes, experts = read_votes(), read_votes("imagenet-real-golden")
    options = {"experts": experts, "rater_golden": read_votes("imagenet-real-raters-golden")}
    losses, precisions = {}, {}
    for tempering in (False, True):
        scores = aggregate(votes, "calibrated", tempering=tempering, **options).scores
        _, curve = measure_curves("ReaL", scores, golden_truth(experts), votes=votes, leave_out=10, **options)
        losses[tempering], precisions[tempering] = curve.curve.calibration().log_loss, curve.curve.average_precision
    assert losses[False] > 0.3
    assert losses[True] < 0.22
    assert precisions[True] == pytest.approx(precisions[False], abs=0.003)
