"""Scores are made again without the image that is judged only where it was shown how they were made."""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reassess.aggregation.aggregate import by_calibration, by_em, by_majority, by_mean
from reassess.aggregation.curves import precision_recall
from reassess.aggregation.golden import golden_truth
from reassess.aggregation.golden_items import image_folds
from reassess.aggregation.provenance import (
    Provenance,
    find_provenance,
    known_provenance,
    likely_makings,
)
from reassess.aggregation.recipe import real_scores
from reassess.core.benchmark import REAL_RECIPE
from reassess.core.classes import Classes
from reassess.core.items import Items
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError
from tests.helpers import message, votes_of


@pytest.fixture(scope="module")
def answers(real_votes: Callable[[str], Votes]) -> tuple[Votes, Votes, Votes]:
    """The votes on golden pairs in the main job, the experts', and the raters' golden ones."""
    votes, experts, raters = (real_votes(f"{name}.npz") for name in ("raters", "golden", "raters_golden"))
    return votes.restrict(votes.find(experts.items)), experts, raters


def origin_of(
    scores: Scores, answers: Sequence[Votes], original: LabelSets | None = None, **options: Any
) -> Provenance:
    votes, experts, _ = answers
    return find_provenance(scores, *answers, likely_makings(votes, experts, original, **options))


def test_the_published_scores_follow_from_the_votes_and_are_honest_without_each_image(
    real_scores: Scores, answers: tuple[Any, ...], real_original: LabelSets
) -> None:
    """Average precision 0.8910; precision and recall at 0.8 unchanged."""
    origin = origin_of(real_scores, answers, real_original, published=REAL_RECIPE)
    assert (origin.making.by_golden, origin.golden_images) == (True, 155)
    golden = golden_truth(answers[1])
    curve = precision_recall(origin.left_out(), golden, in_sample=False)
    assert round(curve.average_precision, 4) == 0.8910
    point = curve.at(0.8)
    assert (round(point.precision.value, 5), round(point.recall.value, 5)) == (0.89767, 0.77823)


def test_of_the_raters_alone_the_original_label_is_left_out_again(
    answers: tuple[Any, ...], real_original: LabelSets
) -> None:
    alone = real_scores(*answers, None)
    origin = origin_of(alone, answers, real_original, published=REAL_RECIPE)
    assert round(precision_recall(alone, golden_truth(answers[1])).average_precision, 4) == 0.8940
    assert round(precision_recall(origin.left_out(), golden_truth(answers[1])).average_precision, 4) == 0.8916


def test_every_rule_that_is_given_is_tried(answers: tuple[Any, ...]) -> None:
    other = replace(REAL_RECIPE, experts_at_least=4)
    scores = real_scores(*answers, None, recipe=other)
    again = origin_of(scores, answers, published=REAL_RECIPE, at_least=4)
    assert np.abs(again.making.make(*answers).values - scores.values).max() <= 1e-12
    with pytest.raises(DataError):
        origin_of(scores, answers, published=REAL_RECIPE)


def test_in_as_many_folds_as_images_each_image_is_left_out_alone(answers: tuple[Any, ...]) -> None:
    origin = origin_of(real_scores(*answers, None), answers, published=REAL_RECIPE)
    np.testing.assert_array_equal(origin.left_out(image_folds(155, 155)).values, origin.left_out().values)


def test_scores_that_do_not_follow_from_the_votes_are_refused(real_scores: Scores, answers: tuple[Any, ...]) -> None:
    with pytest.raises(DataError) as caught:
        origin_of(Scores(real_scores.questions, real_scores.values**2), answers, published=REAL_RECIPE)
    text = re.sub(r"found:   0\.\d+", "found:   0.xxx", str(caught.value))
    assert text == (
        "method that made these scores was not found\n"
        "  allowed: a difference of at most 1e-06 on every golden item\n"
        "  found:   0.xxx\n"
        "  fix:     give the votes, golden answers and original labels of which they were made; scores that were made "
        "with other options, such as another pooling, cannot be made again"
    )


# --- a small world --------------------------------------------------------------------------------------------------

PAIRS = Questions.from_columns(["a", "b"], np.array([1, 1]))


def votes(items: Items = PAIRS) -> Votes:
    return Votes.from_columns(
        items,
        np.repeat([0, 1], 5),
        np.tile(np.arange(5), 2),
        np.repeat([2, 0], 5),
        tuple("vwxyz"),
        ("no", "maybe", "yes"),
    )


def test_golden_pairs_without_a_score_or_without_votes_are_refused() -> None:
    few = Scores(Questions.from_columns(["a"], np.array([1])), np.array([0.5]))
    three = votes(), votes(), votes()
    assert "\n  found:   golden items without a score\n" in message(origin_of, few, three)
    elsewhere = votes(Questions.from_columns(["c", "d"], np.array([1, 1])))
    assert message(origin_of, few, (elsewhere, votes(), votes())) == (
        "no golden item has a vote\n"
        "  fix:     check that all files name the items alike, or give the raters' votes on golden items"
    )


def test_an_origin_that_cannot_be_shown_is_none() -> None:
    scores = real_scores(votes(), votes(), votes(), None, recipe=REAL_RECIPE)
    three = votes(), votes(), votes()
    found = known_provenance(scores, *three, likely_makings(*three[:2], published=REAL_RECIPE))
    assert found is not None
    assert found.making.by_golden
    others = Scores(scores.questions, np.full(2, 0.5))
    assert known_provenance(others, *three, likely_makings(*three[:2], published=REAL_RECIPE)) is None


def test_what_makes_a_way_impossible_is_told_where_no_other_is_found() -> None:
    """Raters voted on a golden pair that no expert judged."""
    one = votes().restrict(np.array([0]))
    scores = Scores(PAIRS, np.array([0.25, 0.5]))
    assert "; and one way is none: raters voted on golden pairs that no expert judged\n" in message(
        origin_of, scores, (votes(), one, votes())
    )


def test_folds_are_even_seeded_and_hold_every_image() -> None:
    folds = image_folds(155, 10)
    assert sorted(np.bincount(folds).tolist()) == [15] * 5 + [16] * 5
    np.testing.assert_array_equal(folds, image_folds(155, 10))
    assert (folds != image_folds(155, 10, seed=1)).any()


@pytest.mark.parametrize("folds", [1, 0, 8])
def test_a_number_of_folds_that_cannot_be_is_refused(folds: int) -> None:
    with pytest.raises(DataError) as caught:
        image_folds(7, folds)
    assert str(caught.value) == (
        f"number of folds out of range\n  allowed: 2 to 7, the number of images\n  found:   {folds}"
    )


# --- every method, left out ------------------------------------------------------------------------------------------

NAMES = ("ant", "bee", "cow")
IMAGES = tuple(f"{i}.png" for i in range(16))
CLASSES = Classes.from_texts(NAMES)
# Three raters choose a class for each image, and are right three times of four; an expert judges nine images.
RNG = np.random.default_rng(1)
TRUTH = RNG.integers(0, 3, 16)
CHOICES = [
    (i, r, int(TRUTH[i]) if RNG.random() < 0.75 else int(RNG.integers(0, 3))) for i in range(16) for r in range(3)
]
GOLDEN = [(i, 0, int(TRUTH[i])) for i in range(9)]


def choices(rows: Sequence[Sequence[int]], raters: Sequence[str] = ("ann", "bo", "cy")) -> Votes:
    return votes_of(rows, IMAGES, raters, NAMES, classes=CLASSES)


def expert(rows: Sequence[Sequence[int]]) -> Votes:
    """One expert's class of some images, made of rows and not cut from other votes."""
    places = [(place, 0, answer) for place, (_, _, answer) in enumerate(rows)]
    return votes_of(places, tuple(IMAGES[i] for i, _, _ in rows), ("eve",), NAMES, classes=CLASSES)


def asked(rows: Sequence[Sequence[int]], images: Sequence[int], raters: Sequence[str], answers: Sequence[str]) -> Votes:
    """The same as answers to three questions on each image: yes to one class and no to the others."""
    questions = Questions.from_columns(
        [IMAGES[i] for i in images for _ in NAMES], np.tile(np.arange(3), len(images)), CLASSES
    )
    place = {image: row for row, image in enumerate(images)}
    votes = [(3 * place[i] + c, r, 2 * (c == chosen)) for i, r, chosen in rows for c in range(3)]
    return votes_of(votes, questions, raters, answers)


WORDS = ("no", "maybe", "yes")
SINGLE = (choices(CHOICES), lambda rows: expert(rows))
ASKED = (
    asked(CHOICES, range(16), ("ann", "bo", "cy"), WORDS),
    lambda rows: asked(rows, [i for i, _, _ in rows], ("eve",), WORDS),
)
METHODS: dict[str, Callable[[Votes, Votes], Scores]] = {
    "calibrated": lambda votes, experts: by_calibration(votes, experts, at_least=1).scores,
    "em with golden items": lambda votes, experts: by_em(votes, experts=experts, at_least=1).scores,
    "em": lambda votes, _: by_em(votes).scores,
    "majority": lambda votes, _: by_majority(votes).scores,
    "mean": lambda votes, _: by_mean(votes).scores,
}
BY_GOLDEN = ("calibrated", "em with golden items")


def table(scores: Scores, images: Sequence[str] = IMAGES) -> dict[tuple[str, int], float]:
    questions = scores.questions
    pairs = zip([questions.images[i] for i in questions.image_ids], questions.class_ids.tolist(), strict=True)
    return {pair: v for pair, v in zip(pairs, scores.values.tolist(), strict=True) if pair[0] in images}


@pytest.mark.filterwarnings("ignore:em leaves no item")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("world", [SINGLE, ASKED], ids=["single", "asked"])
def test_leaving_an_image_out_is_making_the_scores_anew_of_the_other_golden_answers(world: Any, method: str) -> None:
    """Of each golden image, against the method itself on golden answers that never held the image."""
    votes, experts_of = world
    make, experts = METHODS[method], experts_of(GOLDEN)
    scores, rater_golden = make(votes, experts), votes.restrict(votes.find(experts.items))
    origin = origin_of(scores, (votes, experts, rater_golden), em=True)
    assert origin.making.by_golden is (method in BY_GOLDEN)
    folds = image_folds(9, 3)
    for left_out, fold_of in ((origin.left_out(), np.arange(9)), (origin.left_out(folds), folds)):
        expected: dict[tuple[str, int], float] = {}
        for fold in range(fold_of.max() + 1):
            others = [row for row, number in zip(GOLDEN, fold_of, strict=True) if number != fold]
            judged = [IMAGES[row[0]] for row, number in zip(GOLDEN, fold_of, strict=True) if number == fold]
            expected |= table(make(votes, experts_of(others)), judged)
        assert table(left_out) == pytest.approx(expected, abs=1e-12)
        given = table(scores, [IMAGES[i] for i, _, _ in GOLDEN])
        assert (table(left_out) == pytest.approx(given, abs=1e-9)) is (method not in BY_GOLDEN)


def test_em_s_warnings_are_not_repeated_for_each_image() -> None:
    few = choices([(0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 0, 0)], ("ann",))
    experts = expert([(0, 0, 0), (1, 0, 0)])
    with pytest.warns(match="em leaves no item to"):
        scores = by_em(few, experts=experts).scores
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        origin_of(scores, (few, experts, few), em=True).left_out()


def test_a_class_that_the_left_out_expert_alone_names_stays_a_class_and_is_not_the_image_s() -> None:
    votes = votes_of([row for row in CHOICES if row[2] < 2], IMAGES, ("ann", "bo", "cy"), NAMES[:2], classes=CLASSES)
    experts = expert([(0, 0, 2), (1, 0, 0), (2, 0, 1)])
    origin = origin_of(by_calibration(votes, experts).scores, (votes, experts, votes))
    left_out = table(origin.left_out())
    assert 0 < left_out[IMAGES[0], 2] < 0.02  # of the prior's shared items alone: no other golden image is of it
    assert sum(left_out[IMAGES[0], i] for i in range(3)) == pytest.approx(1)


def test_the_only_golden_image_cannot_be_left_out() -> None:
    votes, experts = choices(CHOICES), expert(GOLDEN[:1])
    origin = origin_of(by_calibration(votes, experts).scores, (votes, experts, votes))
    assert message(origin.left_out) == (
        "number of golden images, or folds out of range\n  allowed: 2 or more\n  found:   1"
    )


def test_progress_is_told_fold_by_fold() -> None:
    votes, experts = SINGLE[0], expert(GOLDEN)
    origin = origin_of(by_calibration(votes, experts).scores, (votes, experts, votes))
    told: list[int] = []

    def track(numbers: Sequence[int]) -> Iterator[int]:
        for number in numbers:
            told.append(number)
            yield number

    assert table(origin.left_out(image_folds(9, 3), track=track)) == table(origin.left_out(image_folds(9, 3)))
    assert told == [0, 1, 2]


def test_counts_are_of_no_rater_who_could_be_measured() -> None:
    counted = replace(choices(CHOICES), raters=(), rater_ids=np.full(len(CHOICES), -1, np.int32))
    assert [making.by_golden for making in likely_makings(counted, expert(GOLDEN), em=True)] == [False]
