"""Methods that compute scores from votes: each takes votes, and returns an `Aggregation`.

For votes for one class per image, the probability of each class is the score of an (image, class) question.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import calibrate, posterior
from reassess.aggregation.candidate_classes import CandidateFit, calibrate_on_candidates, fit_many_classes
from reassess.aggregation.dawid_skene import fit_dawid_skene
from reassess.aggregation.em_inputs import POOLING, Pinned, default_truths, has_many_classes
from reassess.aggregation.golden import ExpertTruth, expert_truth
from reassess.aggregation.golden_items import golden_part, with_more_votes
from reassess.aggregation.recipe import calibrated_recipe, score_by_recipe
from reassess.aggregation.support import GoldenTrial, try_on_golden, warn_of_doubt, warn_unless_clear
from reassess.core import REAL_RECIPE, VALIDITY, Id, LabelSets, Posterior, Questions, RaterModel, Recipe, Scores, Votes
from reassess.core.checks import check_type
from reassess.core.image_names import match_images
from reassess.core.items import merge_items, require_questions, take_items
from reassess.core.scores import UNKNOWN_METHOD
from reassess.core.votes import align_votes
from reassess.errors import DataError, ReassessWarning
from reassess.text import Printable, join_first

_CONTRADICTED = 0.2  # warn if em decides against this share of the clear majorities, with many classes
_CHECK_TOLERANCE, _CHECK_ITERATIONS = 1e-4, 300  # for fits that only check the result
_HALF_ITEM = 0.5  # EM has dropped a truth if it expects fewer items with it

Trial = Callable[[], GoldenTrial]


def _check_nothing(_: Trial | None = None) -> None:
    """The check of a method without warnings."""


@dataclass(frozen=True, eq=False, repr=False)
class Aggregation(Printable):
    """The result of a method.

    For votes for one class per image, the truths are invalid and valid. The items are the (image, class) questions of
    classes with a vote, or with a probability of at least 1e-6.
    """

    posterior: Posterior  # probability of each truth, or answer, for each item
    model: RaterModel | None = None  # the raters' matrices and the prior, if the method has them
    facts: dict[str, Any] = field(default_factory=dict)  # other results, by name
    golden: Votes | None = None  # the experts' answers used
    by_experts: ExpertTruth | None = None  # the truth of golden items used
    label_votes: Votes | None = None  # votes of the original labels, on the same items
    method: str = UNKNOWN_METHOD  # as `Scores.method`
    # Warns if the scores cannot be trusted; may take longer than the scores. An optional argument is a trial on golden
    # items, if there is one already.
    check: Callable[..., None] = _check_nothing

    @property
    def _headline(self) -> str:
        return f"Aggregation({self.method}, {self.posterior})"

    @property
    def scores(self) -> Scores:
        """Scores: the probability of the last truth, or answer; `DataError` for plain items.

        They record the method, and the questions or images with experts' answers.
        """
        scores = replace(self.posterior.to_scores(self.posterior.truths[-1]), method=self.method)
        if self.golden is None:
            return scores
        if self.golden.classes is None:
            return replace(scores, is_golden=self.golden.find(scores.questions) >= 0)
        on_images = self.golden.find(scores.images) >= 0
        return replace(scores, is_golden=on_images[scores.questions.image_ids])

    def scores_with_experts(self, votes: Votes) -> Scores:
        """Scores, and the experts' truth of golden images without raters' votes: 0 or 1.

        An image has them only if each of its golden questions is decided: experts who agree on it, or enough of them.
        `votes` are all votes of the main job, before `with_golden_votes` removes any.
        """
        scores, experts, truth = self.scores, self.golden, self.by_experts
        if experts is None or truth is None or experts.classes is not None:
            return scores
        questions = require_questions(experts.items)
        is_tie = (truth.values == 0) & (2 * experts.count_support() == experts.sizes)
        is_open = is_tie | (truth.values < 0)
        is_decided = (match_images(questions.images, scores.images) < 0) & (
            match_images(questions.images, votes.images) < 0
        )
        is_decided[questions.image_ids[is_open]] = False
        rows = np.flatnonzero(is_decided[questions.image_ids])
        united, _ = merge_items(scores.questions, take_items(questions, rows))
        return replace(
            scores,
            questions=require_questions(united),
            values=np.append(scores.values, truth.values[rows] == len(self.posterior.truths) - 1),
            is_golden=None if scores.is_golden is None else np.append(scores.is_golden, np.ones(rows.size, np.bool_)),
        )


# --- with golden answers ----------------------------------------------------------------------------------------------


def prepare(
    votes: Votes, experts: Votes, rater_golden: Votes | None, truths_are_answers: bool | None
) -> tuple[Votes, Votes, Votes, bool]:
    """Align the answers and classes of votes, experts and golden votes; also return whether truths are answers."""
    check_type(Votes, votes, experts)
    are_answers = default_truths(votes) != VALIDITY if truths_are_answers is None else truths_are_answers
    golden = golden_part(votes, experts, rater_golden).with_full_scale()
    votes, experts, golden = align_votes(votes.with_full_scale(), experts, golden)
    return votes, experts, golden, are_answers


def by_real_recipe(
    votes: Votes,
    *,
    experts: Votes,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    at_least: int | None = REAL_RECIPE.min_experts,
    smoothing: float = REAL_RECIPE.smoothing,
    pooling: float = REAL_RECIPE.pooling,
) -> Aggregation:
    """Compute scores as ImageNet ReaL did, or by the same recipe with other options."""
    recipe = replace(REAL_RECIPE, min_experts=at_least, smoothing=smoothing, pooling=pooling)
    return _by_recipe(votes, experts, golden_part(votes, experts, rater_golden), original, recipe)


def _by_recipe(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, recipe: Recipe
) -> Aggregation:
    check_type(Votes, votes, experts, rater_golden)
    scores, model, label_votes = score_by_recipe(votes, experts, rater_golden, original, recipe=recipe)
    values = np.stack([1 - scores.values, scores.values], axis=1)
    result = Posterior(items=scores.questions, truths=VALIDITY, values=values)
    truth = expert_truth(experts, at_least=recipe.min_experts)
    check = partial(_warn_of_one_truth, truth)
    return Aggregation(result, model, golden=experts, by_experts=truth, label_votes=label_votes, check=check)


def by_calibration(
    votes: Votes,
    *,
    experts: Votes,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    truths_are_answers: bool | None = None,
    at_least: int | None = None,
    smoothing: float = 0.0,
    pooling: float = POOLING,
) -> Aggregation:
    """Measure each rater on golden items, then compute posteriors by Bayes' rule."""
    votes, experts, golden, truths_are_answers = prepare(votes, experts, rater_golden, truths_are_answers)
    if isinstance(votes.items, Questions) and not truths_are_answers:
        recipe = calibrated_recipe(at_least=at_least, smoothing=smoothing, pooling=pooling)
        return _by_recipe(votes, experts, golden, original, recipe)
    if original is not None:
        raise DataError(
            "not-on-questions", "original labels can vote only on (image, class) questions", fix="remove them"
        )
    truths = votes.answers if truths_are_answers else VALIDITY
    truth = expert_truth(experts, truths, at_least=at_least)
    rows = experts.find(golden.items)
    item_truth = np.where(rows >= 0, truth.values[rows], -1)
    if truths_are_answers and has_many_classes(votes):
        fit = calibrate_on_candidates(votes, golden, item_truth, smoothing=smoothing, pooling=pooling)
        facts = _count_without_votes(votes, fit)
        return Aggregation(posterior=fit.of(votes), facts=facts, golden=experts, by_experts=truth)
    model = calibrate(golden, item_truth, truths=truths, smoothing=smoothing, pooling=pooling)
    values, facts = _by_class(votes, posterior(votes, model))
    result = Aggregation(posterior=values, model=model, facts=facts, golden=experts, by_experts=truth)
    return replace(result, check=partial(_warn_of_one_truth, truth)) if truths == VALIDITY else result


# --- em ---------------------------------------------------------------------------------------------------------------


def by_em(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    at_least: int | None = None,
    smoothing: float = 0.0,
    pooling: float = POOLING,
) -> Aggregation:
    """Estimate matrices, prior and posteriors from the votes by EM; golden items keep the experts' truth.

    Separate golden votes are added to the votes on golden items, unless the rater already has a vote on the item.
    """
    item_truth, truth, try_em = np.full(len(votes.items), -1), None, None
    if experts is None:
        votes = votes.with_full_scale()
        if truths_are_answers is None:
            truths_are_answers = default_truths(votes) != VALIDITY
    else:
        votes, experts, golden, truths_are_answers = prepare(votes, experts, rater_golden, truths_are_answers)
    truths = votes.answers if truths_are_answers else VALIDITY
    if experts is not None:
        truth = expert_truth(experts, truths, at_least=at_least)
        rows = votes.find(experts.items)
        item_truth[rows[rows >= 0]] = truth.values[rows >= 0]
        options: dict[str, Any] = {"smoothing": smoothing, "pooling": pooling, "at_least": at_least}
        em = partial(by_em, votes, rater_golden=golden, truths_are_answers=truths_are_answers, **options)
        methods = {"em": lambda _, others: em(experts=others).posterior}
        try_em = partial(try_on_golden, votes, experts, golden, truths, truth.values, methods)
        votes = with_more_votes(votes, golden, np.flatnonzero(item_truth >= 0))
    if truths_are_answers and has_many_classes(votes):
        candidate_fit = fit_many_classes(votes, item_truth, smoothing=smoothing, pooling=pooling)
        facts = _facts(candidate_fit.history, candidate_fit.converged) | _count_without_votes(votes, candidate_fit)
        check_candidates = partial(_check_candidates, votes, candidate_fit, item_truth, try_em)
        return Aggregation(
            candidate_fit.of(votes), facts=facts, golden=experts, by_experts=truth, check=check_candidates
        )
    pinned = None if experts is None else Pinned.to_truths(np.arange(item_truth.size), item_truth, truths=len(truths))
    fit_votes = partial(fit_dawid_skene, truths=truths, smoothing=smoothing, pooling=pooling, pinned=pinned)
    fit = fit_votes(votes)
    values, counts = _by_class(votes, fit.posterior, experts)
    facts = _facts(fit.history, fit.converged) | counts

    def check(trial: Trial | None = None) -> None:
        _warn_of_lost_truths(truths, fit.posterior.values[votes.sizes > 0].sum(axis=0))

        def fit_coarsely(votes: Votes) -> tuple[RaterModel, Posterior]:
            coarse = fit_votes(votes, tolerance=_CHECK_TOLERANCE, max_iterations=_CHECK_ITERATIONS)
            return coarse.model, coarse.posterior

        warn_of_doubt(votes, fit.posterior, item_truth, fit_coarsely, method="em", trial=trial or try_em)

    return Aggregation(values, fit.model, facts, golden=experts, by_experts=truth, check=check)


def _check_candidates(
    votes: Votes, fit: CandidateFit, item_truth: npt.NDArray[np.int64], try_em: Trial | None, trial: Trial | None = None
) -> None:
    classes = np.unique(fit.candidates.classes)
    names = [votes.answers[i] for i in classes.tolist()]
    _warn_of_lost_truths(names, fit.candidates.counts(fit.posterior).items[0][classes])
    against, clear = _count_contradictions(votes, fit, item_truth)
    if against and against >= _CONTRADICTED * clear:
        doubt = (
            f"em decides against more than half of the votes on {against:,} of the {clear:,} items with such a "
            "majority: look at some of these items; if em is wrong there, use majority or more pooling"
        )
        warn_unless_clear(doubt, "em", trial or try_em)


def _facts(history: npt.NDArray[np.float64], converged: bool) -> dict[str, Any]:
    return {"iterations": history.size, "converged": converged, "objective": float(history[-1])}


def _count_without_votes(votes: Votes, fit: CandidateFit) -> dict[str, int]:
    """Count the images without candidates."""
    return {} if votes.classes is None else {"without_votes": len(votes.items) - fit.candidates.starts.size}


# --- both -------------------------------------------------------------------------------------------------------------


def _by_class(votes: Votes, result: Posterior, golden: Votes | None = None) -> tuple[Posterior, dict[str, int]]:
    """Convert a posterior over classes to questions, without unrated images; and count these images."""
    if result.classes is None:
        return result, {}
    has_vote = votes.counts() > 0
    is_rated = votes.sizes > 0
    if golden is not None:
        is_rated |= golden.find(votes.items) >= 0
    rows = np.flatnonzero(is_rated)
    rated = replace(result, items=take_items(result.items, rows), values=result.values[rows])
    return rated.to_questions(is_always_asked=has_vote[rows]), {"without_votes": is_rated.size - rows.size}


def _warn_of_one_truth(truth: ExpertTruth, _: Trial | None = None) -> None:
    values = np.unique(truth.values[truth.values >= 0])
    if values.size == 1:
        present, missing = VALIDITY[values[0]], VALIDITY[1 - values[0]]
        warnings.warn(
            f"all golden items are {present}: answers to {missing} items were not measured, so good and bad raters "
            "cannot be distinguished",
            ReassessWarning,
            stacklevel=3,
        )


def _warn_of_lost_truths(truths: Sequence[Id], items: npt.NDArray[np.float64]) -> None:
    """Warn of truths with almost no expected items."""
    lost = [str(truth) for truth, count in zip(truths, items.tolist(), strict=True) if count < _HALF_ITEM]
    if lost:
        warnings.warn(
            f"em leaves no item to {join_first(lost)}: it explains all votes for this truth as mistakes. Golden items "
            "prevent this",
            ReassessWarning,
            stacklevel=4,
        )


def _count_contradictions(votes: Votes, fit: CandidateFit, item_truth: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Count items where EM decides against more than half of at least two votes, and items with such a majority."""
    pairs = fit.candidates
    clear = (pairs.shares() > 1 / 2) & (votes.sizes[pairs.items] > 1) & (item_truth[pairs.items] < 0)
    against = clear & (fit.posterior < pairs.highest(fit.posterior))
    return int(np.count_nonzero(against)), int(np.count_nonzero(clear))
