"""Which method makes scores where nobody asks for one."""

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from reassess.aggregation import Aggregation, aggregate
from reassess.core import Classes, Items, LabelSets, Votes
from reassess.formats import read_vote_file
from tests.helpers import RealFile, code_of, message, votes_of

Ints = npt.NDArray[np.int64]
ANSWERS = ("cat", "dog")


def crowd(rights: list[float], *, items: int = 400, seed: int = 0) -> tuple[Votes, Ints]:
    """Everyone votes on every item, each with an accuracy; and the truth of the items."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, items)
    rows, raters = np.divmod(np.arange(items * len(rights)), len(rights))
    answers = np.where(rng.random(rows.size) < np.array(rights)[raters], truth[rows], 1 - truth[rows])
    return Votes.from_columns(range(items), rows, raters, answers, range(len(rights)), ANSWERS), truth


def expert(items: Items, truth: Ints, answers: tuple[str, ...] = ANSWERS) -> Votes:
    """One expert's answers on some items."""
    return votes_of([(row, 0, answer) for row, answer in enumerate(truth.tolist())], items, ("eve",), answers)


def copied() -> tuple[Votes, Ints]:
    """Two raters know the truth; three others copy from one who guesses, and EM takes what they share for the truth."""
    votes, truth = crowd([0.9, 0.9, 0.5, 0.5, 0.5])
    answers = np.where(votes.rater_ids > 2, votes.answer_ids[votes.item_ids * 5 + 2], votes.answer_ids)
    return replace(votes, answer_ids=answers), truth


def test_calibrated_is_taken_where_it_is_better_by_more_than_a_standard_error() -> None:
    votes, truth = copied()
    experts = expert(range(100), truth[:100])
    result = aggregate(votes, experts=experts)
    assert result.method == "calibrated"
    assert re.fullmatch(
        "calibrated: of 100 golden items, left out in 10 folds, calibrated is correct on [0-9]+ and em on [0-9]+, "
        "a difference of more than one standard error",
        result.facts["choice"],
    )
    assert result.posterior.values.tolist() == aggregate(votes, "calibrated", experts=experts).posterior.values.tolist()


@pytest.mark.filterwarnings("ignore:the votes do not support")
def test_one_more_correct_golden_item_is_not_more_than_a_standard_error() -> None:
    for seed in (4, 7):
        votes, truth = crowd([0.8, 0.7, 0.7, 0.6, 0.6], items=100, seed=seed)
        result = aggregate(votes, experts=expert(range(8), truth[:8]))
        numbers = dict(re.findall("(em|calibrated)(?: is correct)? on ([0-9]+)", result.facts["choice"]))
        assert int(numbers["calibrated"]) - int(numbers["em"]) == 1
        assert result.method == "em"


def test_the_choice_does_not_depend_on_the_order_of_golden_items() -> None:
    votes, truth = copied()
    experts = expert(range(100), truth[:100])
    turned = experts.restrict(np.random.default_rng(1).permutation(100))
    assert aggregate(votes, experts=turned).facts["choice"] == aggregate(votes, experts=experts).facts["choice"]


def test_without_golden_answers_it_is_em_and_for_counts_the_majority() -> None:
    votes, truth = crowd([0.8, 0.7, 0.6], items=20)
    assert aggregate(votes).facts == aggregate(votes, "em").facts
    counts = replace(votes, raters=(), rater_ids=np.full(len(votes), -1, np.int32))
    assert aggregate(counts).facts == aggregate(counts, "majority").facts
    for golden, choice in (
        (20, "calibrated: all items with votes are golden, and em would repeat the golden answers"),
        (1, "em: 1 golden item cannot show which method is better"),
    ):
        assert aggregate(votes, experts=expert(range(golden), truth[:golden])).facts["choice"] == choice
    for make in (partial(aggregate, method="em"), aggregate):
        assert message(make, votes, experts=expert(("x",), truth[:1])) == (
            "no golden item has a vote\n"
            "  fix:     check that all files name the items alike, or give the raters' votes on golden items"
        )
    for more in ({"original": LabelSets.from_lists(["a"], [[0]])}, {"rater_golden": votes}, {"at_least": 2}):
        assert code_of(aggregate, votes, **more) == "missing-golden"


def test_votes_for_one_class_an_image_are_judged_by_the_most_probable_class() -> None:
    rng, images = np.random.default_rng(0), tuple(f"{row}.png" for row in range(300))
    classes, truth = Classes.from_texts(["ant", "bee", "cat"]), rng.integers(0, 3, 300)
    rows, raters = np.divmod(np.arange(1_500), 5)
    knows = rng.random(1_500) < np.array([0.9, 0.8, 0.6, 0.5, 0.4])[raters]
    answers = np.where(knows, truth[rows], rng.integers(0, 3, 1_500))
    votes = Votes.from_columns(images, rows, raters, answers, range(5), classes.texts, classes=classes)
    experts = replace(expert(images[:50], truth[:50], classes.texts), classes=classes)
    choice = aggregate(votes, experts=experts).facts["choice"]
    numbers = re.match("em: of 50 golden items, left out in 10 folds, em is correct on ([0-9]+) and", choice)
    assert int(numbers[1]) >= 40


def test_the_raters_golden_votes_are_votes_of_em_unless_the_rater_has_one_on_the_item() -> None:
    votes, truth = crowd([0.9, 0.8, 0.7, 0.7], items=100)
    experts, golden = expert(range(20), truth[:20]), votes.restrict(np.arange(20))
    of_two = np.flatnonzero((votes.item_ids >= 20) | (votes.rater_ids > 0))
    columns = votes.item_ids[of_two], votes.rater_ids[of_two], votes.answer_ids[of_two]
    main = Votes.from_columns(votes.items, *columns, votes.raters, votes.answers)
    whole = aggregate(votes, "em", experts=experts).posterior.values
    assert aggregate(main, "em", experts=experts, rater_golden=golden).posterior.values == pytest.approx(
        whole, abs=1e-9
    )
    assert aggregate(main, "em", experts=experts).posterior.values != pytest.approx(whole, abs=1e-9)
    assert aggregate(votes, "em", experts=experts, rater_golden=golden).posterior.values.tolist() == whole.tolist()


@pytest.mark.parametrize("seed", [1, 3])
def test_a_few_misleading_golden_items_do_not_turn_two_answers_round(seed: int) -> None:
    """Of 2,000 items raters of very different skill have five votes each; most votes on golden items are no help."""
    rng = np.random.default_rng(seed)
    truth, skill = rng.integers(0, 2, 2_000), rng.beta(2.2, 1.9, 200)
    cast = np.argsort(rng.random((2_000, 200)), axis=1)[:, :5].ravel()
    rows = np.repeat(np.arange(2_000), 5)
    is_right = rng.random(rows.size) < skill[cast]
    answers = np.where(is_right, truth[rows], 1 - truth[rows])
    votes = Votes.from_columns(range(2_000), rows, cast, answers, range(200), ANSWERS)
    golden = rng.choice(np.flatnonzero(np.bincount(rows, is_right) <= 3), 20, replace=False)
    result = aggregate(votes, "em", experts=expert(tuple(golden.tolist()), truth[golden]))
    assert np.mean(result.posterior.most_likely() == truth) > 0.75


def one_vote_each(seed: int) -> tuple[Votes, Ints]:
    """500 items of 10 classes with a vote each, by 10 raters who are right in 70 %."""
    rng = np.random.default_rng(seed)
    truth, raters = rng.integers(0, 10, 500), rng.integers(0, 10, 500)
    answers = np.where(rng.random(500) < 0.7, truth, (truth + rng.integers(1, 10, 500)) % 10)
    return Votes.from_columns(range(500), np.arange(500), raters, answers, range(10), range(10)), truth


def few_are_positive(seed: int) -> tuple[Votes, Ints]:
    """1,000 items, 2 % of them positive, with five votes by raters who are right in 75 %."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(1_000) < 0.02).astype(np.int64)
    cast = np.argsort(rng.random((1_000, 20)), axis=1)[:, :5].ravel()
    rows = np.repeat(np.arange(1_000), 5)
    answers = np.where(rng.random(5_000) < 0.75, truth[rows], 1 - truth[rows])
    return Votes.from_columns(range(1_000), rows, cast, answers, range(20), ANSWERS), truth


def two_votes_each(seed: int) -> tuple[Votes, Ints]:
    """600 items of 30 classes with two votes, by 30 raters, of whom a fifth say anything: few votes for a matrix."""
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
    """600 items with a vote each, by three raters; one of them says the opposite of what is correct."""
    rng = np.random.default_rng(seed)
    truth, raters = rng.integers(0, 2, 600), rng.integers(0, 3, 600)
    answers = np.where(rng.random(600) < np.array([0.9, 0.9, 0.1])[raters], truth, 1 - truth)
    return Votes.from_columns(range(600), np.arange(600), raters, answers, range(3), ANSWERS), truth


def most_say_the_same(seed: int, *, each: int, positive: float, said: float) -> tuple[Votes, Ints]:
    """800 items with a few votes by 18 raters: 8 are right in 80 to 95 %, and 10 say dog with one probability."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(800) < positive).astype(np.int64)
    accuracy = np.array([0.95, 0.92, 0.9, 0.88, 0.85, 0.85, 0.8, 0.8])
    cast = np.argsort(rng.random((800, 18)), axis=1)[:, :each].ravel()
    rows = np.repeat(np.arange(800), each)
    is_right = rng.random(rows.size) < accuracy[cast % 8]
    answers = np.where(cast < 8, np.where(is_right, truth[rows], 1 - truth[rows]), rng.random(rows.size) < said)
    return Votes.from_columns(range(800), rows, cast, answers, range(18), ANSWERS), truth


def tried(
    votes: Votes, experts: Votes | None = None, make: Callable[..., Aggregation] = aggregate
) -> tuple[Aggregation, list[str]]:
    """What a method makes, by default the default one, and its warnings that the votes do not support it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = make(votes, experts=experts)
    told = [str(each.message) for each in caught]
    return result, [text for text in told if text.startswith("the votes do not support")]


def doubts(votes: Votes) -> list[str]:
    return tried(votes)[1]


def accuracy(values: npt.NDArray[np.float64], truth: Ints) -> float:
    """The share of items whose highest value is the truth's; equal values count in part."""
    best = values == values.max(axis=1, keepdims=True)
    return float(np.mean(best[np.arange(truth.size), truth] / best.sum(axis=1)))


def lead_and_doubts(votes: Votes, truth: Ints) -> tuple[float, int]:
    """By how much the majority is more often correct than em, and how many warnings there are."""
    em, told = tried(votes)
    return accuracy(votes.fractions(), truth) - accuracy(em.posterior.values, truth), len(told)


@pytest.mark.parametrize("draw", [one_vote_each, few_are_positive, two_votes_each])
def test_em_that_is_worse_than_the_majority_says_so(draw: Callable[[int], tuple[Votes, Ints]]) -> None:
    leads = {seed: lead_and_doubts(*draw(seed)) for seed in range(4)}
    assert max(lead for lead, _ in leads.values()) > 0.05
    assert [seed for seed, (lead, told) in leads.items() if told != int(lead > 0.02)] == []


def test_the_warning_says_how_many_items_are_concerned_in_any_order_of_items_raters_and_votes() -> None:
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
    (told,) = doubts(votes)
    assert doubts(other) == [told]
    assert re.fullmatch(
        "the votes do not support em: it decides against their majority on 3[0-9]{2} of 1,000 items. A simpler model, "
        "with one accuracy for each rater, expects 2[0-9]{2} fewer items to be correct than by the majority, and em "
        "does not predict the votes much better. Take majority, or get more votes on each item",
        told,
    )


@pytest.mark.parametrize(
    ("each", "positive", "said", "expected"), [(2, 0.37, 0.9, 0), (5, 0.37, 0.9, 0), (3, 0.1, 0.1, 1)]
)
def test_raters_who_mostly_give_one_answer_silence_the_warning_unless_the_majority_profits_from_them(
    each: int, positive: float, said: float, expected: int
) -> None:
    """In the last case most items are cats, and ten raters nearly always say so."""
    lead, told = lead_and_doubts(*most_say_the_same(0, each=each, positive=positive, said=said))
    assert lead > 0.02 if expected else lead < -0.1
    assert told == expected


def test_golden_answers_that_show_that_em_is_better_silence_the_warning_also_where_em_is_named() -> None:
    votes, truth = one_rater_is_against(2)
    few, named = expert(range(12), truth[:12]), partial(aggregate, method="em")
    (told,) = tried(votes, few)[1]
    assert "most items have one vote" in told
    assert tried(votes, few, named)[1] == [told]
    for make in (aggregate, named):
        result, none = tried(votes, expert(range(100), truth[:100]), make)
        assert none == []
        assert np.mean(result.posterior.most_likely()[100:] == truth[100:]) > 0.85


SMALL = ("ms", "rte", "sentiment", "sp", "web", "zencrowd-us")
SETS = ("fact-eval", "relevance", *SMALL)


def public(folder: Path, most: int = 5_000) -> tuple[Votes, Ints]:
    """The votes of a public set, at random on so many items, and the truth of each item; -1 where it is not known."""
    votes = read_vote_file(folder / "label.csv")
    names = {str(answer): row for row, answer in enumerate(votes.answers)}
    known = dict(pl.read_csv(folder / "truth.csv", infer_schema=False).rows())
    if len(votes.items) > most:
        votes = votes.restrict(np.random.default_rng(0).choice(len(votes.items), most, replace=False))
    return votes, np.array([names[known[str(item)]] if str(item) in known else -1 for item in votes.items])


@pytest.mark.filterwarnings("ignore:the votes do not support")
@pytest.mark.parametrize(
    ("sets", "golden", "expected"), [(SETS, 0, (0.8058, 0.8350, 0.8350)), (SMALL, 100, (0.8352, 0.8751, 0.8872))]
)
def test_on_public_sets_the_default_is_better_than_the_majority_or_says_that_it_may_not_be(
    real_file: RealFile, sets: tuple[str, ...], golden: int, expected: tuple[float, ...]
) -> None:
    """The accuracies are means over the sets, of the majority, em and the default."""
    found = []
    for name in sets:
        votes, truth = public(real_file(name))
        judged = np.flatnonzero((truth >= 0) & (votes.sizes > 0))
        chosen = np.random.default_rng(0).choice(judged, golden, replace=False)
        others = np.setdiff1d(judged, chosen)
        experts = expert(tuple(votes.items[row] for row in chosen), truth[chosen], votes.answers) if golden else None
        default, told = tried(votes, experts)
        em = aggregate(votes, "em", experts=experts) if golden else default
        each = (votes.fractions(), em.posterior.values, default.posterior.values)
        accuracies = [accuracy(values[others], truth[others]) for values in each]
        assert told or accuracies[-1] > accuracies[0] - 0.02
        found.append(accuracies)
    assert np.mean(found, axis=0).tolist() == pytest.approx(expected, abs=1e-4)
