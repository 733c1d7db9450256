"""Scores of golden pairs by models that were measured without the image being judged: an honest curve."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden import Golden
from reassess.aggregation.golden_items import golden_part
from reassess.aggregation.methods import by_calibration
from reassess.aggregation.recipe import makings, real_scores, real_scores_left_out
from reassess.core.checks import check_range
from reassess.core.items import as_questions
from reassess.core.labels import LabelSets
from reassess.core.recipe import REAL_RECIPE, Recipe
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError

__all__ = ["Provenance", "find_provenance", "image_folds", "known_provenance", "made_by_calibration"]

_SAME = 1e-6  # scores in a table may be rounded


@dataclass(frozen=True, eq=False)
class Provenance:
    """The votes, the golden answers and the rules from which scores were shown to follow.

    Parameters
    ----------
    votes
        The raters' votes on the golden pairs in the main job.
    experts, rater_golden, original, recipe
        See `reassess.aggregation.recipe.real_scores`.
    """

    votes: Votes
    experts: Votes
    rater_golden: Votes
    original: LabelSets | None
    recipe: Recipe

    @property
    def golden_images(self) -> int:
        """Number of images of golden pairs."""
        return len(as_questions(self.experts.items).images)

    def left_out(self, folds: npt.NDArray[np.integer] | None = None) -> Scores:
        """Scores of the golden pairs, those of each image measured without it; or without the images of its fold."""
        return real_scores_left_out(
            self.votes, self.experts, self.rater_golden, self.original, recipe=self.recipe, folds=folds
        )


def find_provenance(
    scores: Scores,
    votes: Votes,
    experts: Votes,
    rater_golden: Votes,
    original: LabelSets | None,
    *,
    recipes: Sequence[Recipe] = (REAL_RECIPE,),
) -> Provenance:
    """Show by which rules scores follow from votes, with the original label as one more rater or without.

    Parameters
    ----------
    scores
        The scores; they are compared on the golden pairs.
    votes, experts, rater_golden, original
        See `reassess.aggregation.recipe.real_scores`.
    recipes
        The rules to try; those that ask for more experts than there are do not count.

    Raises
    ------
    DataError
        The scores do not follow by any of the rules; no golden pair is among the votes.
    """
    votes = golden_part(votes, experts)
    pairs = as_questions(votes.items)
    values = scores.at(scores.questions.rows_of(pairs.images)[pairs.image_ids], pairs.class_ids)
    nearest = np.inf
    for recipe, labels in makings(recipes, experts, original):
        remade = real_scores(votes, experts, rater_golden, labels, recipe=recipe)
        farthest = float(np.abs(remade.values - values).max())  # NaN, where a pair has no score, is never near
        if farthest <= _SAME:
            return Provenance(votes=votes, experts=experts, rater_golden=rater_golden, original=labels, recipe=recipe)
        nearest = min(nearest, farthest)
    raise DataError(
        "these scores do not follow from the votes by any rules that were tried, and cannot be made again without an "
        "image",
        allowed=f"a difference of at most {_SAME:g} on every golden pair",
        found=f"{nearest:.3g}" if np.isfinite(nearest) else "golden pairs without a score",
        mend="give the votes, golden answers and original labels of which they were made; only scores by raters "
        "measured on golden answers can be made again",
    )


def known_provenance(
    scores: Scores,
    votes: Votes,
    experts: Votes,
    rater_golden: Votes,
    original: LabelSets | None,
    *,
    recipes: Sequence[Recipe] = (REAL_RECIPE,),
) -> Provenance | None:
    """As `find_provenance`, and None where the scores cannot be shown to follow from the votes."""
    try:
        return find_provenance(scores, votes, experts, rater_golden, original, recipes=recipes)
    except DataError:
        return None


def made_by_calibration(
    scores: Scores, golden: Golden, votes: Votes, experts: Votes, rater_golden: Votes, *, at_least: int | None = None
) -> bool:
    """Whether scores of votes for one class an image are those of `by_calibration` with these golden answers.

    They are then in-sample. Where they are not the same, they may still have been made so with another smoothing.

    Parameters
    ----------
    scores
        The scores; they are compared on the golden pairs.
    golden
        Golden truth by the experts, `golden_truth`.
    votes, experts, rater_golden, at_least
        See `by_calibration`.

    Raises
    ------
    DataError
        No golden image is among the votes; a golden image has no score.

    Examples
    --------
    >>> from reassess.core.classes import Classes
    >>> from reassess.aggregation.golden import golden_truth
    >>> two, classes = np.array([0, 1]), Classes.from_texts(["cat", "dog"])
    >>> votes = Votes.from_columns(("a", "b"), two, 0 * two, two, ("ann",), ("cat", "dog"), classes=classes)
    >>> scores = by_calibration(votes, votes).scores
    >>> golden = golden_truth(votes, among=[scores.questions])
    >>> made_by_calibration(scores, golden, votes, votes, votes)
    True
    """
    if votes.anonymous or rater_golden.anonymous:
        return False
    on_golden = golden_part(votes, experts)
    again = by_calibration(on_golden, experts, rater_golden=rater_golden, at_least=at_least).scores
    if (again.questions.rows_of(golden.questions.images) < 0).any():
        return False
    return bool(np.abs(golden.values_of(again) - golden.values_of(scores)).max() <= _SAME)


def image_folds(images: int, folds: int, *, seed: int = 0) -> npt.NDArray[np.int64]:
    """A fold for each image, at random and as even as can be.

    Raises
    ------
    DataError
        Fewer than 2 folds, or more than images.

    Examples
    --------
    >>> np.bincount(image_folds(7, 3))
    array([3, 2, 2])
    """
    check_range(folds, 2, images, what="number of folds", high_is="the number of images")
    return np.random.default_rng(seed).permutation(np.arange(images) % folds)
