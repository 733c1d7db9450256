"""How ImageNet ReaL's scores follow from the votes: confusion matrices from golden pairs, then one Bayes posterior."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import calibrate, expert_truth
from reassess.aggregation.posteriors import posterior
from reassess.core.image_names import join
from reassess.core.items import Id, take_items
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY, RaterModel
from reassess.core.recipe import REAL_RECIPE, Recipe
from reassess.core.scores import Scores
from reassess.core.votes import KNOWN_ANSWERS, Votes
from reassess.errors import DataError
from reassess.text import some

__all__ = ["original_votes", "possible", "real_model", "real_scores", "real_scores_left_out"]


def possible(recipes: Sequence[Recipe], experts: Votes) -> Sequence[Recipe]:
    """The recipes that ask for no more experts than there are; all where none does, so that an error says why."""
    most = int(experts.sizes.max(initial=0))
    return [recipe for recipe in recipes if recipe.experts_at_least <= most] or recipes


def real_scores(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, *, recipe: Recipe = REAL_RECIPE
) -> Scores:
    """Scores of (image, class) questions as ImageNet ReaL made them.

    Each rater's confusion matrix is measured on the golden pairs; a rater without golden answers has the mean matrix.
    The original label is one more rater. The score is the posterior probability of "valid".

    Parameters
    ----------
    votes
        The raters' votes on the questions; answers no, maybe, yes.
    experts
        The experts' votes on the golden pairs.
    rater_golden
        The raters' votes on golden pairs, apart from their votes in the main job.
    original
        Original labels; None leaves them out: the raters alone.
    recipe
        The rules.

    Raises
    ------
    DataError
        Raters voted on a golden pair that no expert judged; the questions are no (image, class) pairs.

    Notes
    -----
    Source: Beyer et al., arXiv 2006.07159, section 3; the details were found by reproducing the published scores.
    """
    golden = _Golden.of(experts, rater_golden, original)
    return _score(votes, _label_votes(votes, original, recipe), _measure(golden, recipe))


def real_model(
    experts: Votes, rater_golden: Votes, original: LabelSets | None, *, recipe: Recipe = REAL_RECIPE
) -> RaterModel:
    """The rater model behind `real_scores`: each rater's measured matrix, and the original label's as one more rater.

    Parameters
    ----------
    experts, rater_golden, original, recipe
        See `real_scores`.
    """
    measured = _measure(_Golden.of(experts, rater_golden, original), recipe)
    raters, label = measured.raters, measured.label
    return replace(
        raters,
        raters=raters.raters if label is None else (*raters.raters, *label.raters),
        matrices=raters.matrices if label is None else np.concatenate([raters.matrices, label.matrices]),
        prior=measured.prior,
    )


def real_scores_left_out(
    votes: Votes,
    experts: Votes,
    rater_golden: Votes,
    original: LabelSets | None,
    *,
    recipe: Recipe = REAL_RECIPE,
    folds: npt.NDArray[np.integer] | None = None,
) -> Scores:
    """Scores of the golden pairs, those of each image by models that were measured without the image.

    Prior, confusion matrices, fallback and the original label's matrix are all measured again. Golden pairs that are
    not among the questions are left out.

    Parameters
    ----------
    votes, experts, rater_golden, original, recipe
        See `real_scores`.
    folds
        Integers, shape (images of the golden pairs,): images of one number are left out together; by default each
        image alone.
    """
    golden = _Golden.of(experts, rater_golden, original)
    pairs = _questions(experts)
    label = _label_votes(votes, original, recipe)
    fold_of = np.arange(len(pairs.images)) if folds is None else np.asarray(folds)
    fold = fold_of[pairs.image_ids]
    rows = votes.find(pairs)
    values = np.empty(len(pairs))
    for number in np.unique(fold[rows >= 0]).tolist():
        judged = (fold == number) & (rows >= 0)
        models = _measure(golden.restrict(np.flatnonzero(fold != number)), recipe)
        part = rows[judged]
        values[judged] = _score(votes.restrict(part), None if label is None else label.restrict(part), models).values
    kept = np.flatnonzero(rows >= 0)
    return Scores(cast(Questions, take_items(pairs, kept)), values[kept])


def original_votes(
    questions: Questions,
    original: LabelSets,
    *,
    below: int | None = None,
    answers: tuple[Id, ...] = KNOWN_ANSWERS,
) -> Votes:
    """Votes of the original label: yes on the image's own class, no on its other classes.

    Parameters
    ----------
    questions
        The questions to vote on.
    original
        Original labels; on an image without one there is no vote.
    below
        There are votes only on classes with a lower id; None votes on all.
    answers
        The possible answers, among them no and yes.
    """
    image_rows = join(questions.images, original.images, known_where="the original labels")
    if (original.sizes != 1).any():
        row = int(np.argmax(original.sizes != 1))
        labels_of_image = f"{original.sizes[row]} on {original.images[row]}"
        raise DataError("not one original label an image", allowed="1", found=labels_of_image)
    rows = image_rows[questions.image_ids]
    voted = rows >= 0 if below is None else (rows >= 0) & (questions.class_ids < below)
    item_ids = np.flatnonzero(voted)
    own = questions.class_ids[item_ids] == original.indices[rows[item_ids]]
    answer_ids = np.where(own, answers.index("yes"), answers.index("no"))
    return Votes.from_columns(
        questions, item_ids, np.zeros(item_ids.size, np.int32), answer_ids, ("original label",), answers
    )


@dataclass(frozen=True)
class _Golden:
    """All votes on golden pairs: of experts, of raters, and of the original label where that is at hand."""

    experts: Votes
    raters: Votes
    label: Votes | None

    @classmethod
    def of(cls, experts: Votes, raters: Votes, original: LabelSets | None) -> "_Golden":
        rows = experts.find(raters.items)
        if (rows < 0).any():
            raise DataError(
                "raters voted on golden pairs that no expert judged",
                found=some([raters.at(row) for row in np.flatnonzero(rows < 0).tolist()]),
                mend="take the experts' and the raters' golden votes from one release",
            )
        label = None if original is None else original_votes(_questions(experts), original, answers=raters.answers)
        return cls(experts=experts, raters=raters, label=label)

    def restrict(self, rows: npt.NDArray[np.integer]) -> "_Golden":
        """The votes on the experts' items at some rows."""
        kept = np.isin(self.experts.find(self.raters.items), rows)
        label = None if self.label is None else self.label.restrict(rows)
        return _Golden(
            experts=self.experts.restrict(rows), raters=self.raters.restrict(np.flatnonzero(kept)), label=label
        )


@dataclass(frozen=True)
class _Measured:
    prior: npt.NDArray[np.float64]
    raters: RaterModel
    label: RaterModel | None


def _measure(golden: _Golden, recipe: Recipe) -> _Measured:
    truth = expert_truth(golden.experts, at_least=recipe.experts_at_least)
    known = truth[truth >= 0]
    prior = np.bincount(known, minlength=len(VALIDITY)) / known.size
    rater_truth = truth[golden.experts.find(golden.raters.items)]
    raters = calibrate(golden.raters, rater_truth, smoothing=recipe.smoothing)
    if golden.label is None:
        return _Measured(prior=prior, raters=raters, label=None)
    label_truth = expert_truth(golden.experts, at_least=recipe.original_experts_at_least)
    return _Measured(prior=prior, raters=raters, label=calibrate(golden.label, label_truth, smoothing=recipe.smoothing))


def _label_votes(votes: Votes, original: LabelSets | None, recipe: Recipe) -> Votes | None:
    if original is None:
        return None
    return original_votes(_questions(votes), original, below=recipe.original_below)


def _score(votes: Votes, label: Votes | None, measured: _Measured) -> Scores:
    extra = None if label is None or measured.label is None else (label, measured.label)
    return posterior(votes, measured.raters, prior=measured.prior, extra=extra).scores()


def _questions(votes: Votes) -> Questions:
    if isinstance(votes.items, Questions):
        return votes.items
    raise DataError("the votes are not on (image, class) questions", mend="give the columns image and class")
