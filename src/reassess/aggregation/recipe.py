"""How ImageNet ReaL's scores follow from the votes: confusion matrices from golden pairs, then one Bayes posterior."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import calibrate, posterior
from reassess.aggregation.em import row_shares
from reassess.aggregation.expert_truth import expert_validity
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.benchmark import REAL_RECIPE, Recipe
from reassess.core.checks import check_all
from reassess.core.items import Id, as_questions
from reassess.core.labels import LabelSets, check_original
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY, RaterModel
from reassess.core.scores import Scores
from reassess.core.votes import Votes

__all__ = ["makings", "model_with_labels", "original_votes", "real_model", "real_scores", "scores_by_experts"]


def makings(
    recipes: Sequence[Recipe], experts: Votes, original: LabelSets | None
) -> Iterator[tuple[Recipe, LabelSets | None]]:
    """Every way in which scores may have been made: each recipe, with the original labels and without.

    Recipes that ask for more experts than there are do not count; all do where each asks for more, so that an error
    says why.
    """
    most = int(experts.sizes.max(initial=0))
    for recipe in [recipe for recipe in recipes if (recipe.experts_at_least or 1) <= most] or recipes:
        if original is not None:
            yield recipe, original
        yield recipe, None


def real_scores(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, *, recipe: Recipe = REAL_RECIPE
) -> Scores:
    """Scores of (image, class) questions as ImageNet ReaL made them.

    Each rater's confusion matrix is measured on the golden pairs; a rater without golden answers has the mean matrix.
    The original label is one more rater. The score is the posterior probability of "valid".

    Notes
    -----
    Source: Beyer et al., arXiv 2006.07159, section 3; the details follow from reproducing the published scores.
    """
    return scores_by_experts(votes, experts, rater_golden, original, recipe=recipe)(experts)


def scores_by_experts(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, *, recipe: Recipe = REAL_RECIPE
) -> Callable[[Votes], Scores]:
    """What makes the scores of `real_scores` of the experts' votes, or of some of them, again and again."""
    golden = _Golden.of(experts, rater_golden, original)
    label = _label_votes(votes, original, recipe, golden.raters.answers)
    return lambda some: _score(votes, label, _measure(replace(golden, experts=some), recipe))


def real_model(
    experts: Votes, rater_golden: Votes, original: LabelSets | None, *, recipe: Recipe = REAL_RECIPE
) -> RaterModel:
    """The rater model behind `real_scores`: the measured matrix of each rater and of the original label."""
    measured = _measure(_Golden.of(experts, rater_golden, original), recipe)
    raters, label = measured.raters, measured.label
    return replace(
        raters,
        raters=raters.raters if label is None else (*raters.raters, *label.raters),
        matrices=raters.matrices if label is None else np.concatenate([raters.matrices, label.matrices]),
        prior=measured.prior,
    )


def model_with_labels(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, *, recipe: Recipe = REAL_RECIPE
) -> tuple[RaterModel, Votes | None]:
    """`real_model`, and the votes of the original labels that count in `real_scores`; None without labels."""
    model = real_model(experts, rater_golden, original, recipe=recipe)
    return model, _label_votes(votes, original, recipe, model.answers)


def original_votes(
    questions: Questions,
    original: LabelSets,
    *,
    below: int | None = None,
    answers: tuple[Id, ...] = KNOWN_ANSWERS,
) -> Votes:
    """Votes of the original label: yes on the image's own class, no on its other classes."""
    rows = original.find(questions.images)[questions.image_ids]
    original = original.in_classes(questions.classes)
    check_original(original)
    voted = rows >= 0 if below is None else (rows >= 0) & (questions.class_ids < below)
    item_ids = np.flatnonzero(voted)
    own = questions.class_ids[item_ids] == original.indices[rows[item_ids]]
    answer_ids = np.where(own, len(answers) - 1, 0)
    return Votes.from_columns(
        items=questions,
        item_ids=item_ids,
        rater_ids=np.zeros(item_ids.size, np.int32),
        answer_ids=answer_ids,
        raters=("original label",),
        answers=answers,
    )


@dataclass(frozen=True)
class _Golden:
    """All votes on golden pairs: of experts, of raters, and of the original label where that is at hand."""

    experts: Votes
    raters: Votes
    label: Votes | None

    @classmethod
    def of(cls, experts: Votes, raters: Votes, original: LabelSets | None) -> "_Golden":
        check_all(
            experts.find(raters.items) >= 0,
            what="raters voted on golden pairs that no expert judged",
            name_of=raters.at,
            fix="take the experts' and the raters' golden votes from one release",
        )
        pairs, raters = as_questions(experts.items), raters.on_whole_scale()
        label = None if original is None else original_votes(pairs, original, answers=raters.answers)
        return cls(experts=experts, raters=raters, label=label)


@dataclass(frozen=True)
class _Measured:
    prior: npt.NDArray[np.float64]
    raters: RaterModel
    label: RaterModel | None


def _measure(golden: _Golden, recipe: Recipe) -> _Measured:
    truth = expert_validity(golden.experts, at_least=recipe.experts_at_least)
    prior = row_shares(np.bincount(truth[truth >= 0], minlength=len(VALIDITY)), recipe.pooling / len(VALIDITY))
    rater_truth = truth[golden.experts.find(golden.raters.items)]
    measure = partial(calibrate, smoothing=recipe.smoothing, pooling=recipe.pooling)
    raters = measure(golden.raters, rater_truth)
    if golden.label is None:
        return _Measured(prior=prior, raters=raters, label=None)
    label_truth = expert_validity(golden.experts, at_least=recipe.original_experts_at_least)
    return _Measured(prior=prior, raters=raters, label=measure(golden.label, label_truth))


def _label_votes(votes: Votes, original: LabelSets | None, recipe: Recipe, answers: tuple[Id, ...]) -> Votes | None:
    if original is None:
        return None
    return original_votes(as_questions(votes.items), original, below=recipe.original_below, answers=answers)


def _score(votes: Votes, label: Votes | None, measured: _Measured) -> Scores:
    extra = None if label is None or measured.label is None else (label, measured.label)
    return posterior(votes, measured.raters, prior=measured.prior, extra=extra).scores()
