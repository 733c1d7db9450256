"""Methods that need golden answers: raters measured on golden items, and the recipe of the ReaL scores."""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np

from reassess.aggregation.aggregation_result import Aggregation, convert_to_question_posterior_and_count_unrated
from reassess.aggregation.calibration import calibrate, posterior
from reassess.aggregation.candidate_fits import calibrate_on_candidates
from reassess.aggregation.em_inputs import DEFAULT_POOLING, check_class_count, has_many_classes
from reassess.aggregation.golden import ExpertTruth, expert_truth
from reassess.aggregation.golden_items import align_with_golden, select_golden_votes
from reassess.aggregation.prepared_votes import count_images_without_votes
from reassess.aggregation.recipe import calibrated_recipe, score_by_recipe
from reassess.core import REAL_RECIPE, VALIDITY, LabelSets, ScoreRecipe, Votes
from reassess.core.checks import check_type
from reassess.core.items import are_questions, require_questions
from reassess.errors import DataError, ReassessWarning


def aggregate_by_imagenet_real(
    votes: Votes,
    *,
    experts: Votes,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    min_experts: int | None = REAL_RECIPE.min_experts,
    smoothing: float = REAL_RECIPE.smoothing,
    pooling: float = REAL_RECIPE.pooling,
) -> Aggregation:
    """Compute scores as ImageNet ReaL did, or by the same method with other options."""
    recipe = replace(REAL_RECIPE, min_experts=min_experts, smoothing=smoothing, pooling=pooling)
    return _aggregate_by_recipe(votes, experts, select_golden_votes(votes, experts, rater_golden), original, recipe)


def _aggregate_by_recipe(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, recipe: ScoreRecipe
) -> Aggregation:
    """Compute scores of (image, class) questions as ImageNet ReaL did, with the options in `recipe`."""
    check_type(Votes, votes, experts, rater_golden)
    if not are_questions(votes.items):
        require_questions(votes.items)
    result, model, label_votes = score_by_recipe(votes, experts, rater_golden, original, recipe=recipe)
    truth = expert_truth(experts, min_experts=recipe.min_experts)
    check = partial(_warn_if_one_truth, truth)
    return Aggregation(
        result,
        model,
        expert_votes=experts,
        expert_truth=truth,
        original_label_votes=label_votes,
        warn_if_unreliable=check,
    )


def aggregate_by_calibration(
    votes: Votes,
    *,
    experts: Votes,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    truths_are_answers: bool | None = None,
    min_experts: int | None = None,
    smoothing: float = 0.0,
    pooling: float = DEFAULT_POOLING,
) -> Aggregation:
    """Measure each rater on golden items, then compute posteriors by Bayes' rule."""
    votes, experts, golden, truths_are_answers = align_with_golden(votes, experts, rater_golden, truths_are_answers)
    if are_questions(votes.items) and not truths_are_answers:
        recipe = calibrated_recipe(min_experts=min_experts, smoothing=smoothing, pooling=pooling)
        return _aggregate_by_recipe(votes, experts, golden, original, recipe)
    if original is not None:
        raise DataError(
            "not-on-questions",
            "original labels count as votes only on (image, class) questions",
            fix="remove the original labels",
        )
    truths = votes.answers if truths_are_answers else VALIDITY
    truth = expert_truth(experts, truths, min_experts=min_experts)
    truth.require_decided_items()
    rows = experts.find_positions(golden.items)
    truth_ids = np.where(rows >= 0, truth.truth_ids[rows], -1)
    if truths_are_answers:
        check_class_count(votes)
    if truths_are_answers and has_many_classes(votes):
        fit = calibrate_on_candidates(votes, golden, truth_ids, smoothing=smoothing, pooling=pooling)
        facts = count_images_without_votes(votes, fit)
        return Aggregation(posterior=fit.to_posterior(votes), facts=facts, expert_votes=experts, expert_truth=truth)
    model = calibrate(golden, truth_ids, truths=truths, smoothing=smoothing, pooling=pooling)
    values, facts = convert_to_question_posterior_and_count_unrated(votes, posterior(votes, model))
    result = Aggregation(posterior=values, model=model, facts=facts, expert_votes=experts, expert_truth=truth)
    return replace(result, warn_if_unreliable=partial(_warn_if_one_truth, truth)) if truths == VALIDITY else result


def _warn_if_one_truth(truth: ExpertTruth) -> None:
    """Warn if all golden items have the same truth."""
    values = np.unique(truth.truth_ids[truth.truth_ids >= 0])
    if values.size == 1:
        present, missing = VALIDITY[values[0]], VALIDITY[1 - values[0]]
        warnings.warn(
            f"all golden items are {present}: answers to {missing} items were not measured, so good and bad raters "
            "cannot be distinguished",
            ReassessWarning,
            stacklevel=3,
        )
