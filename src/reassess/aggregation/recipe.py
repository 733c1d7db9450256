"""The recipe of ImageNet ReaL's scores: confusion matrices from golden questions, then Bayes' rule."""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import calibrate, posterior
from reassess.aggregation.em import normalize_rows
from reassess.aggregation.em_inputs import DEFAULT_POOLING
from reassess.aggregation.golden import expert_validity
from reassess.core import (
    KNOWN_ANSWERS,
    REAL_RECIPE,
    VALIDITY,
    Id,
    LabelSets,
    Posterior,
    Questions,
    RaterModel,
    ScoreRecipe,
    Scores,
    Votes,
)
from reassess.core.checks import check_all_valid
from reassess.core.items import require_questions
from reassess.core.labels import check_one_label_each


def imagenet_real_scores(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, *, recipe: ScoreRecipe = REAL_RECIPE
) -> Scores:
    """Compute scores of (image, class) questions as ImageNet ReaL did."""
    return score_by_recipe(votes, experts, rater_golden, original, recipe=recipe).posterior.to_scores()


class RecipeScores(NamedTuple):
    """Posteriors of questions, with the rater model and the original labels' votes that they come from."""

    posterior: Posterior
    rater_model: RaterModel  # with the original label as the last rater, if it votes
    original_label_votes: Votes | None


def score_by_recipe(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, *, recipe: ScoreRecipe = REAL_RECIPE
) -> RecipeScores:
    """Compute scores of (image, class) questions as ImageNet ReaL did, with the options in `recipe`.

    Each rater's confusion matrix is measured on golden questions; a rater without golden answers has the mean matrix.
    The original label is one more rater. The score is the posterior probability of "valid".

    Source: Beyer et al., arXiv 2006.07159, section 3. The paper leaves some details open; they were found by
    reproducing the published scores.
    """
    models = estimate_rater_and_label_models(experts, rater_golden, original, recipe)
    label_votes = None
    if original is not None:
        label_votes = original_label_votes(
            require_questions(votes.items),
            original,
            class_id_limit=recipe.n_classes_with_original_vote,
            answers=models.rater_model.answers,
        )
    result = posterior(
        votes,
        models.rater_model,
        prior=models.prior,
        extra_votes=label_votes,
        extra_model=models.original_label_model,
    )
    return RecipeScores(result, models.model_of_raters_and_original_label, label_votes)


def calibrated_recipe(
    *, min_experts: int | None = None, smoothing: float = 0.0, pooling: float = DEFAULT_POOLING
) -> ScoreRecipe:
    """Return the recipe of the method ``calibrated``, for (image, class) questions."""
    return ScoreRecipe(
        min_experts=min_experts,
        min_experts_on_original=min_experts,
        n_classes_with_original_vote=None,
        smoothing=smoothing,
        pooling=pooling,
    )


def original_label_votes(
    questions: Questions,
    original: LabelSets,
    *,
    class_id_limit: int | None = None,
    answers: tuple[Id, ...] = KNOWN_ANSWERS,
) -> Votes:
    """Return original labels as votes of one rater: yes for the label, no for other classes."""
    rows = original.find(questions.images)[questions.image_ids]
    original = original.convert_to_classes(questions.classes)
    check_one_label_each(original)
    has_vote = rows >= 0 if class_id_limit is None else (rows >= 0) & (questions.class_ids < class_id_limit)
    item_ids = np.flatnonzero(has_vote)
    is_label = questions.class_ids[item_ids] == original.indices[rows[item_ids]]
    answer_ids = np.where(is_label, len(answers) - 1, 0)
    return Votes.from_columns(
        items=questions,
        item_ids=item_ids,
        rater_ids=np.zeros(item_ids.size, np.int32),
        answer_ids=answer_ids,
        raters=("original label",),
        answers=answers,
    )


@dataclass(frozen=True)
class RaterAndLabelModels:
    """The prior, the raters' confusion matrices and the original label's matrix, measured on golden questions."""

    prior: npt.NDArray[np.float64]
    rater_model: RaterModel
    original_label_model: RaterModel | None

    @property
    def model_of_raters_and_original_label(self) -> RaterModel:
        """The confusion matrices of all raters, with the original label as the last rater."""
        raters, label = self.rater_model, self.original_label_model
        return replace(
            raters,
            raters=raters.raters if label is None else (*raters.raters, *label.raters),
            matrices=raters.matrices if label is None else np.concatenate([raters.matrices, label.matrices]),
            prior=self.prior,
        )


def estimate_rater_and_label_models(
    experts: Votes, rater_golden: Votes, original: LabelSets | None, recipe: ScoreRecipe
) -> RaterAndLabelModels:
    """Estimate the prior, and the confusion matrices of raters and original label, from golden questions."""
    check_all_valid(
        experts.find_positions(rater_golden.items) >= 0,
        value_name="raters' golden votes are on questions without experts' votes",
        name_of=rater_golden.describe_item,
        fix="use the experts' and the raters' golden votes of the same release",
    )
    questions, golden = require_questions(experts.items), rater_golden.with_no_maybe_yes()
    truth = expert_validity(experts, min_experts=recipe.min_experts)
    prior = normalize_rows(np.bincount(truth[truth >= 0], minlength=len(VALIDITY)), recipe.pooling / len(VALIDITY))
    measure = partial(calibrate, smoothing=recipe.smoothing, pooling=recipe.pooling)
    raters = measure(golden, truth[experts.find_positions(golden.items)])
    if original is None:
        return RaterAndLabelModels(prior, raters, original_label_model=None)
    label_truth = expert_validity(experts, min_experts=recipe.min_experts_on_original)
    label_votes = original_label_votes(questions, original, answers=golden.answers)
    return RaterAndLabelModels(prior, raters, measure(label_votes, label_truth))
