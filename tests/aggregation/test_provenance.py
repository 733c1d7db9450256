"""Scores are made again without the image that is judged only where it was shown how they were made."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reassess.aggregation.curves import precision_recall
from reassess.aggregation.golden import golden_truth
from reassess.aggregation.provenance import find_provenance, image_folds, known_provenance
from reassess.aggregation.recipe import real_scores
from reassess.core.items import Items
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.recipe import REAL_RECIPE
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError


@pytest.fixture(scope="module")
def answers(real_votes: Callable[[str], Votes]) -> tuple[Votes, Votes, Votes]:
    """The votes on golden pairs in the main job, the experts', and the raters' golden ones."""
    votes, experts, raters = (real_votes(f"{name}.npz") for name in ("raters", "golden", "raters_golden"))
    return votes.restrict(votes.find(experts.items)), experts, raters


def test_the_published_scores_follow_from_the_votes_and_are_honest_without_each_image(
    real_scores: Scores, answers: tuple[Any, ...], real_original: LabelSets
) -> None:
    """Average precision 0.8910; precision and recall at 0.8 unchanged."""
    origin = find_provenance(real_scores, *answers, real_original)
    assert (origin.recipe, origin.original is real_original, origin.golden_images) == (REAL_RECIPE, True, 155)
    golden = golden_truth(answers[1])
    curve = precision_recall(origin.left_out(), golden, in_sample=False)
    assert round(curve.average_precision, 4) == 0.8910
    point = curve.at(0.8)
    assert (round(point.precision.value, 5), round(point.recall.value, 5)) == (0.89767, 0.77823)


def test_of_the_raters_alone_the_original_label_is_left_out_again(
    answers: tuple[Any, ...], real_original: LabelSets
) -> None:
    alone = real_scores(*answers, None)
    origin = find_provenance(alone, *answers, real_original)
    assert origin.original is None
    assert round(precision_recall(alone, golden_truth(answers[1])).average_precision, 4) == 0.8940
    assert round(precision_recall(origin.left_out(), golden_truth(answers[1])).average_precision, 4) == 0.8916


def test_every_rule_that_is_given_is_tried(answers: tuple[Any, ...]) -> None:
    other = replace(REAL_RECIPE, experts_at_least=4)
    scores = real_scores(*answers, None, recipe=other)
    assert find_provenance(scores, *answers, None, recipes=[REAL_RECIPE, other]).recipe == other
    with pytest.raises(DataError):
        find_provenance(scores, *answers, None)


def test_in_as_many_folds_as_images_each_image_is_left_out_alone(answers: tuple[Any, ...]) -> None:
    origin = find_provenance(real_scores(*answers, None), *answers, None)
    np.testing.assert_array_equal(origin.left_out(image_folds(155, 155)).values, origin.left_out().values)


def test_scores_that_do_not_follow_from_the_votes_are_refused(real_scores: Scores, answers: tuple[Any, ...]) -> None:
    with pytest.raises(DataError) as caught:
        find_provenance(Scores(real_scores.questions, real_scores.values**2), *answers, None)
    message = re.sub(r"found:   0\.\d+", "found:   0.xxx", str(caught.value))
    assert message == (
        "these scores do not follow from the votes by any rules that were tried, and cannot be made again without an "
        "image\n"
        "  allowed: a difference of at most 1e-06 on every golden pair\n"
        "  found:   0.xxx\n"
        "  to mend: give the votes, golden answers and original labels of which they were made; only scores by raters "
        "measured on golden answers can be made again"
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
    with pytest.raises(DataError) as caught:
        find_provenance(few, votes(), votes(), votes(), None)
    assert "\n  found:   golden pairs without a score\n" in str(caught.value)
    elsewhere = votes(Questions.from_columns(["c", "d"], np.array([1, 1])))
    with pytest.raises(DataError) as caught:
        find_provenance(few, elsewhere, votes(), votes(), None)
    assert str(caught.value) == (
        "no golden item was voted on\n"
        "  to mend: check that all files name the items alike, or give the raters' votes on golden items"
    )


def test_an_origin_that_cannot_be_shown_is_none() -> None:
    scores = real_scores(votes(), votes(), votes(), None, recipe=REAL_RECIPE)
    assert known_provenance(scores, votes(), votes(), votes(), None).recipe == REAL_RECIPE
    others = Scores(scores.questions, np.full(2, 0.5))
    assert known_provenance(others, votes(), votes(), votes(), None) is None


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
