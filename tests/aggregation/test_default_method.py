"""The default method, and its warnings."""

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation import Aggregation, aggregate
from reassess.core import Classes, Items, LabelSets, Votes
from tests.helpers import RealFile, code_of, message, read_public_crowd, votes_of

Ints = npt.NDArray[np.int64]
ANSWERS = ("cat", "dog")


def crowd(accuracies: list[float], *, items: int = 400, seed: int = 0) -> tuple[Votes, Ints]:
    """Votes of every rater on every item, by accuracy; and the truth of the items."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, items)
    rows, raters = np.divmod(np.arange(items * len(accuracies)), len(accuracies))
    answers = np.where(rng.random(rows.size) < np.array(accuracies)[raters], truth[rows], 1 - truth[rows])
    return Votes.from_columns(range(items), rows, raters, answers, range(len(accuracies)), ANSWERS), truth


def expert(items: Items, truth: Ints, answers: tuple[str, ...] = ANSWERS) -> Votes:
    """One expert's answers on some items."""
    return votes_of([(row, 0, answer) for row, answer in enumerate(truth.tolist())], items, ("eve",), answers)


def copied_votes() -> tuple[Votes, Ints]:
    """Two raters know the truth. Two others copy from one who guesses, and EM takes their answers for the truth."""
    votes, truth = crowd([0.9, 0.9, 0.5, 0.5, 0.5])
    answers = np.where(votes.rater_ids > 2, votes.answer_ids[votes.item_ids * 5 + 2], votes.answer_ids)
    return replace(votes, answer_ids=answers), truth


def test_auto_is_stacking_with_and_without_golden_answers() -> None:
    votes, truth = crowd([0.8, 0.7, 0.6], items=40)
    experts = expert(range(10), truth[:10])
    for options in ({}, {"experts": experts}):
        default, stacking = aggregate(votes, **options), aggregate(votes, "stacking", **options)
        assert default.method == stacking.method == "stacking"
        assert default.facts == stacking.facts
        assert default.posterior.values.tolist() == stacking.posterior.values.tolist()
    assert list(default.facts["weights"]) == ["majority", "onecoin", "em", "ebcc", "calibrated"]
    assert sum(default.facts["weights"].values()) == pytest.approx(1)
    assert (default.facts["predicted_votes"], default.facts["predicted_golden_items"]) == (120, 10)


def test_auto_takes_majority_for_counts_and_calibrated_for_golden_items_only() -> None:
    votes, truth = crowd([0.8, 0.7, 0.6], items=20)
    counts = replace(votes, raters=(), rater_ids=np.full(len(votes), -1, np.int32))
    assert aggregate(counts).facts == {"choice": "majority: votes without raters", "ties": 0, "without_votes": 0}
    all_golden = aggregate(votes, experts=expert(range(20), truth))
    assert all_golden.facts["choice"] == (
        "calibrated: all items with votes are golden, and stacking would repeat the golden answers"
    )
    for make in (partial(aggregate, method="em"), aggregate):
        assert message(make, votes, experts=expert(("x",), truth[:1])) == (
            "no golden item has a vote\n"
            "  fix:     use the same item names in all files, or give the raters' votes on golden items"
        )
    for more in ({"original": LabelSets.from_lists(["a"], [[0]])}, {"rater_golden": votes}, {"min_experts": 2}):
        assert code_of(aggregate, votes, **more) == "missing-golden"
    assert code_of(aggregate, votes, pooling=2) == "unused-option"


@pytest.mark.filterwarnings("ignore:2 raters with 40% of the votes agree more")  # the only two raters who do not copy
def test_golden_answers_show_that_most_raters_copy() -> None:
    votes, truth = copied_votes()
    experts = expert(range(100), truth[:100])
    em, default = (aggregate(votes, method, experts=experts) for method in ("em", "auto"))
    shares = [np.mean(result.posterior.most_likely()[100:] == truth[100:]) for result in (em, default)]
    assert shares[0] < 0.7 < 0.85 < shares[1]
    shuffled = experts.select_items(np.random.default_rng(1).permutation(100))
    assert aggregate(votes, experts=shuffled).facts == default.facts


def test_weights_depend_on_golden_items_with_as_many_votes_as_other_items() -> None:
    """Golden items have 30 votes, and other items 3. With 30 votes, the majority is worse than one-coin."""
    votes, truth = crowd([0.9] * 3 + [0.6] * 27)
    order = np.argsort(np.random.default_rng(0).random((400, 30))).ravel()
    keep = (votes.item_ids < 100) | (order < 3)
    columns = votes.item_ids[keep], votes.rater_ids[keep], votes.answer_ids[keep]
    thinned = Votes.from_columns(votes.items, *columns, votes.raters, votes.answers)
    assert aggregate(thinned, experts=expert(range(100), truth[:100])).facts["weights"]["majority"] > 0.3


def test_em_adds_golden_votes_once_per_rater_and_item() -> None:
    votes, truth = crowd([0.9, 0.8, 0.7, 0.7], items=100)
    experts, golden = expert(range(20), truth[:20]), votes.select_items(np.arange(20))
    kept = np.flatnonzero((votes.item_ids >= 20) | (votes.rater_ids > 0))  # without rater 0 on golden items
    columns = votes.item_ids[kept], votes.rater_ids[kept], votes.answer_ids[kept]
    main = Votes.from_columns(votes.items, *columns, votes.raters, votes.answers)
    whole = aggregate(votes, "em", experts=experts).posterior.values
    assert aggregate(main, "em", experts=experts, rater_golden=golden).posterior.values == pytest.approx(
        whole, abs=1e-9
    )
    assert aggregate(main, "em", experts=experts).posterior.values != pytest.approx(whole, abs=1e-9)
    assert aggregate(votes, "em", experts=experts, rater_golden=golden).posterior.values.tolist() == whole.tolist()


@pytest.mark.parametrize("seed", [1, 3])
def test_few_misleading_golden_items_do_not_reverse_truths(seed: int) -> None:
    """2,000 items with five votes each, by raters of very different skill; most votes on golden items are wrong."""
    rng = np.random.default_rng(seed)
    truth, skill = rng.integers(0, 2, 2_000), rng.beta(2.2, 1.9, 200)
    cast = np.argsort(rng.random((2_000, 200)), axis=1)[:, :5].ravel()
    rows = np.repeat(np.arange(2_000), 5)
    is_correct = rng.random(rows.size) < skill[cast]
    answers = np.where(is_correct, truth[rows], 1 - truth[rows])
    votes = Votes.from_columns(range(2_000), rows, cast, answers, range(200), ANSWERS)
    golden = rng.choice(np.flatnonzero(np.bincount(rows, is_correct) <= 3), 20, replace=False)
    result = aggregate(votes, "em", experts=expert(tuple(golden.tolist()), truth[golden]))
    assert np.mean(result.posterior.most_likely() == truth) > 0.75


def one_vote_each(seed: int) -> tuple[Votes, Ints]:
    """500 items of 10 classes with one vote each, by 10 raters who are correct in 70 %."""
    rng = np.random.default_rng(seed)
    truth, raters = rng.integers(0, 10, 500), rng.integers(0, 10, 500)
    answers = np.where(rng.random(500) < 0.7, truth, (truth + rng.integers(1, 10, 500)) % 10)
    return Votes.from_columns(range(500), np.arange(500), raters, answers, range(10), range(10)), truth


def few_are_positive(seed: int) -> tuple[Votes, Ints]:
    """1,000 items, 2 % of them positive, with five votes each by raters who are correct in 75 %."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(1_000) < 0.02).astype(np.int64)
    cast = np.argsort(rng.random((1_000, 20)), axis=1)[:, :5].ravel()
    rows = np.repeat(np.arange(1_000), 5)
    answers = np.where(rng.random(5_000) < 0.75, truth[rows], 1 - truth[rows])
    return Votes.from_columns(range(1_000), rows, cast, answers, range(20), ANSWERS), truth


def two_votes_each(seed: int) -> tuple[Votes, Ints]:
    """600 items of 30 classes with two votes each, by 30 raters; a fifth of them guess. Matrices have few votes."""
    rng = np.random.default_rng(seed)
    truth, accuracy = rng.integers(0, 30, 600), rng.beta(8, 2, 30)
    accuracy[rng.random(30) < 0.2] = 1 / 30
    activity = np.log(rng.permutation(np.arange(1.0, 31)) ** -0.8)
    cast = np.argsort(-(activity + rng.gumbel(size=(600, 30))), axis=1)[:, :2].ravel()
    rows = np.repeat(np.arange(600), 2)
    other = (truth[rows] + rng.integers(1, 30, rows.size)) % 30
    answers = np.where(rng.random(rows.size) < accuracy[cast], truth[rows], other)
    return Votes.from_columns(range(600), rows, cast, answers, range(30), range(30)), truth


def one_rater_is_against(seed: int) -> tuple[Votes, Ints]:
    """600 items with one vote each, by three raters; one of them mostly gives the opposite answer."""
    rng = np.random.default_rng(seed)
    truth, raters = rng.integers(0, 2, 600), rng.integers(0, 3, 600)
    answers = np.where(rng.random(600) < np.array([0.9, 0.9, 0.1])[raters], truth, 1 - truth)
    return Votes.from_columns(range(600), np.arange(600), raters, answers, range(3), ANSWERS), truth


def most_say_the_same(seed: int, *, each: int, positive: float, dog_share: float) -> tuple[Votes, Ints]:
    """800 items with a few votes each by 18 raters: 8 are correct in 80 to 95 %, and 10 say dog at random."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(800) < positive).astype(np.int64)
    accuracy = np.array([0.95, 0.92, 0.9, 0.88, 0.85, 0.85, 0.8, 0.8])
    cast = np.argsort(rng.random((800, 18)), axis=1)[:, :each].ravel()
    rows = np.repeat(np.arange(800), each)
    is_correct = rng.random(rows.size) < accuracy[cast % 8]
    answers = np.where(cast < 8, np.where(is_correct, truth[rows], 1 - truth[rows]), rng.random(rows.size) < dog_share)
    return Votes.from_columns(range(800), rows, cast, answers, range(18), ANSWERS), truth


def run(votes: Votes, experts: Votes | None = None, method: str = "em") -> tuple[Aggregation, list[str]]:
    """Run a method; also return its warnings that the votes do not support it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = aggregate(votes, method, experts=experts)
    texts = [str(each.message) for each in caught]
    return result, [text for text in texts if text.startswith("the votes do not support")]


def doubts(votes: Votes) -> list[str]:
    return run(votes)[1]


def accuracy(values: npt.NDArray[np.float64], truth: Ints) -> float:
    """The share of items where the truth has the highest value; ties count in part."""
    best = values == values.max(axis=1, keepdims=True)
    return float(np.mean(best[np.arange(truth.size), truth] / best.sum(axis=1)))


def lead_and_doubts(votes: Votes, truth: Ints) -> tuple[float, int]:
    """The accuracy of the majority minus that of em, and the number of warnings."""
    em, texts = run(votes)
    return accuracy(votes.answer_shares(), truth) - accuracy(em.posterior.values, truth), len(texts)


@pytest.mark.parametrize("draw", [one_vote_each, few_are_positive, two_votes_each])
def test_em_warns_if_worse_than_majority(draw: Callable[[int], tuple[Votes, Ints]]) -> None:
    leads = {seed: lead_and_doubts(*draw(seed)) for seed in range(4)}
    assert max(lead for lead, _ in leads.values()) > 0.05
    assert [seed for seed, (lead, count) in leads.items() if count != int(lead > 0.02)] == []


def test_warning_counts_items_in_any_order() -> None:
    votes, _ = few_are_positive(2)
    rng = np.random.default_rng(2)
    order, items, raters = rng.permutation(len(votes)), rng.permutation(1_000), rng.permutation(20)
    other = Votes.from_columns(
        tuple(votes.items[row] for row in items),
        np.argsort(items)[votes.item_ids][order],
        np.argsort(raters)[votes.rater_ids][order],
        votes.answer_ids[order],
        tuple(votes.raters[row] for row in raters),
        votes.answers,
    )
    (text,) = doubts(votes)
    assert doubts(other) == [text]
    assert re.fullmatch(
        "the votes do not support em: it decides against their majority on 3[0-9]{2} of 1,000 items. By a simpler "
        "model, with one accuracy per rater, 2[0-9]{2} fewer items are correct than by majority, and em does not "
        "predict the votes much better. Use majority, or get more votes per item",
        text,
    )


@pytest.mark.parametrize(
    ("each", "positive", "dog_share", "expected"), [(2, 0.37, 0.9, 0), (5, 0.37, 0.9, 0), (3, 0.1, 0.1, 1)]
)
def test_raters_with_one_answer_do_not_cause_warning_if_em_is_better(
    each: int, positive: float, dog_share: float, expected: int
) -> None:
    """In the last case, most items are cats, and ten raters nearly always say cat."""
    lead, count = lead_and_doubts(*most_say_the_same(0, each=each, positive=positive, dog_share=dog_share))
    assert lead > 0.02 if expected else lead < -0.1
    assert count == expected


@pytest.mark.parametrize("with_classes", [False, True])
def test_golden_answers_can_prevent_warning(with_classes: bool) -> None:
    votes, truth = one_rater_is_against(2)
    classes = Classes.from_texts(ANSWERS) if with_classes else None
    if classes is not None:
        images = tuple(f"{row}.png" for row in range(600))
        votes = replace(votes, items=images, answers=classes.wnids_or_names, classes=classes)

    def experts_on(rows: int) -> Votes:
        return replace(expert(votes.items[:rows], truth[:rows], votes.answers), classes=classes)

    (text,) = run(votes, experts_on(12))[1]
    assert "most items have one vote" in text
    assert run(votes, experts_on(100))[1] == []


SMALL = ("ms", "rte", "sentiment", "sp", "web", "zencrowd-us")
SETS = ("fact-eval", "relevance", *SMALL)


@pytest.mark.filterwarnings("ignore:the votes do not support", "ignore:.*no method is reliable")
@pytest.mark.parametrize(
    ("sets", "golden", "expected"), [(SETS, 0, (0.8058, 0.8350, 0.8467)), (SMALL, 100, (0.8352, 0.8751, 0.8917))]
)
def test_accuracy_and_log_loss_on_public_sets(
    real_file: RealFile, sets: tuple[str, ...], golden: int, expected: tuple[float, ...]
) -> None:
    """`expected` has the mean accuracies over the sets, of majority, em and the default."""
    results, losses = [], []
    for name in sets:
        votes, truth = read_public_crowd(real_file(name))
        rows = np.flatnonzero((truth >= 0) & (votes.sizes > 0))
        golden_rows = np.random.default_rng(0).choice(rows, golden, replace=False)
        others = np.setdiff1d(rows, golden_rows)
        golden_items = tuple(votes.items[row] for row in golden_rows)
        experts = expert(golden_items, truth[golden_rows], votes.answers) if golden else None
        default, em = (run(votes, experts, method)[0] for method in ("auto", "em"))
        each = (votes.answer_shares(), em.posterior.values, default.posterior.values)
        accuracies = [accuracy(values[others], truth[others]) for values in each]
        assert accuracies[-1] >= accuracies[0] - max(0.01, 2 / others.size)  # fact-eval has a truth for 55 items
        of_truth = default.posterior.values[others, truth[others]]
        results.append(accuracies)
        losses.append(-np.log(np.maximum(of_truth, 1e-6)).mean())
    assert np.mean(results, axis=0).tolist() == pytest.approx(expected, abs=1e-4)
    assert np.mean(losses) < 0.5
