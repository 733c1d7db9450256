"""Scores of golden pairs by models that were measured without the image being judged: an honest curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from reassess.aggregation.recipe import possible, real_scores, real_scores_left_out
from reassess.core.checks import check_range
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.recipe import REAL_RECIPE, Recipe
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError

__all__ = ["Provenance", "find_provenance", "image_folds"]

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
        return len(cast(Questions, self.experts.items).images)  # or there would be no scores

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
    """Show that scores follow from votes by the recipe of ReaL, with the original label as one more rater or without.

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
        The scores do not follow by any of the rules.
    """
    asked = votes.find(experts.items)
    votes = votes.restrict(asked[asked >= 0])
    pairs = votes.items
    if not (isinstance(pairs, Questions) and len(pairs)):
        raise DataError("no golden pair was voted on", mend="check that all files name the images alike")
    known = scores.at(scores.questions.rows_of(pairs.images)[pairs.image_ids], pairs.class_ids)
    nearest = np.inf
    for recipe in possible(recipes, experts):
        for label in (original, None) if original is not None else (None,):
            made = real_scores(votes, experts, rater_golden, label, recipe=recipe)
            farthest = float(np.abs(made.values - known).max())  # NaN, where a pair has no score, is never near
            if farthest <= _SAME:
                return Provenance(
                    votes=votes, experts=experts, rater_golden=rater_golden, original=label, recipe=recipe
                )
            nearest = min(nearest, farthest)
    raise DataError(
        "these scores do not follow from the votes by the recipe of ReaL, and cannot be made again without an image",
        allowed=f"a difference of at most {_SAME:g} on every golden pair",
        found=f"{nearest:.3g}" if np.isfinite(nearest) else "golden pairs without a score",
        mend="give the votes, golden answers and original labels of which they were made",
    )


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
