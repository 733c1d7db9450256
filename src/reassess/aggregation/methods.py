"""The methods that compute scores from votes: each takes votes, and returns an `Aggregation`.

Of votes for one class per image, each gives the probability of each class, as the score of an (image, class) question.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import calibrate, posterior
from reassess.aggregation.candidate_classes import CandidateFit, calibrated_on_candidates, fit_many_classes
from reassess.aggregation.dawid_skene import fit_dawid_skene
from reassess.aggregation.em_inputs import POOLING, Pinned, many_classes, natural_truths
from reassess.aggregation.golden import ExpertTruth, expert_truth
from reassess.aggregation.golden_items import golden_part, with_more_votes
from reassess.aggregation.recipe import calibrated_recipe, score_by_recipe
from reassess.aggregation.support import GoldenTrial, try_on_golden, warn_of_doubt, warn_unless_clear
from reassess.core import REAL_RECIPE, VALIDITY, Id, LabelSets, Posterior, Questions, RaterModel, Recipe, Scores, Votes
from reassess.core.checks import check_type
from reassess.core.items import take_items
from reassess.core.scores import UNKNOWN_METHOD
from reassess.core.votes import align_votes
from reassess.errors import DataError, ReassessWarning
from reassess.text import Shown, some

_CONTRADICTED = 0.2  # of many classes, the share of items with a clear majority that is worth a warning
_CHECK_TOLERANCE, _CHECK_ITERATIONS = 1e-4, 300  # of fits that only check the requested one
_AN_ITEM = 0.5  # a truth that is expected of fewer items is one that EM has given up

Trial = Callable[[], GoldenTrial]


def _no_doubt(_: Trial | None = None) -> None:
    """The check of a method without warnings."""


@dataclass(frozen=True, eq=False, repr=False)
class Aggregation(Shown):
    """What a method computed from votes.

    Of votes for one class per image, the items are the (image, class) questions of classes that someone chose or that
    have at least 1e-6, and the truths invalid and valid.
    """

    posterior: Posterior  # the probability of each truth, or answer, for each item
    model: RaterModel | None = None  # the raters' matrices and the prior, if the method has them
    facts: dict[str, Any] = field(default_factory=dict)  # what else there is to say, by name
    golden: Votes | None = None  # the experts' answers that were used
    by_experts: ExpertTruth | None = None  # the truth of the golden items that was used
    label_votes: Votes | None = None  # the votes of the original labels, on the same items
    method: str = UNKNOWN_METHOD  # as `Scores.method`
    # Warns where the scores cannot be trusted, which may take longer than the scores; may be given a trial on golden
    # items.
    check: Callable[..., None] = _no_doubt

    @property
    def _headline(self) -> str:
        return f"Aggregation({self.method}, {self.posterior})"

    @property
    def scores(self) -> Scores:
        """The probability of the last truth, or answer, of (image, class) questions; `DataError` for plain items.

        They say which questions, or images, experts' answers made them, and by which method.
        """
        scores = replace(self.posterior.scores(self.posterior.truths[-1]), method=self.method)
        if self.golden is None:
            return scores
        if self.golden.classes is None:
            return replace(scores, golden=self.golden.find(scores.questions) >= 0)
        on_images = self.golden.find(scores.images) >= 0
        return replace(scores, golden=on_images[scores.questions.image_ids])


# --- with golden answers ----------------------------------------------------------------------------------------------


def prepare(
    votes: Votes, experts: Votes, rater_golden: Votes | None, truths_are_answers: bool | None
) -> tuple[Votes, Votes, Votes, bool]:
    """Put votes, experts' and golden votes on whole scales of common classes; and say whether truths are answers."""
    check_type(Votes, votes, experts)
    are_answers = natural_truths(votes) != VALIDITY if truths_are_answers is None else truths_are_answers
    golden = golden_part(votes, experts, rater_golden).on_full_scale()
    votes, experts, golden = align_votes(votes.on_full_scale(), experts, golden)
    return votes, experts, golden, are_answers


def by_real_recipe(
    votes: Votes,
    *,
    experts: Votes,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    at_least: int | None = REAL_RECIPE.experts_at_least,
    smoothing: float = REAL_RECIPE.smoothing,
    pooling: float = REAL_RECIPE.pooling,
) -> Aggregation:
    """Compute scores as ImageNet ReaL did, or with other numbers."""
    recipe = replace(REAL_RECIPE, experts_at_least=at_least, smoothing=smoothing, pooling=pooling)
    return _by_recipe(votes, experts, golden_part(votes, experts, rater_golden), original, recipe)


def _by_recipe(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, recipe: Recipe
) -> Aggregation:
    check_type(Votes, votes, experts, rater_golden)
    scores, model, label_votes = score_by_recipe(votes, experts, rater_golden, original, recipe=recipe)
    values = np.stack([1 - scores.values, scores.values], axis=1)
    result = Posterior(items=scores.questions, truths=VALIDITY, values=values)
    truth = expert_truth(experts, at_least=recipe.experts_at_least)
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
    """Measure each rater on golden items, then take one Bayes posterior."""
    votes, experts, golden, truths_are_answers = prepare(votes, experts, rater_golden, truths_are_answers)
    if isinstance(votes.items, Questions) and not truths_are_answers:
        recipe = calibrated_recipe(at_least=at_least, smoothing=smoothing, pooling=pooling)
        return _by_recipe(votes, experts, golden, original, recipe)
    if original is not None:
        raise DataError(
            "not-on-questions", "original labels can vote only on (image, class) questions", fix="leave them out"
        )
    truths = votes.answers if truths_are_answers else VALIDITY
    truth = expert_truth(experts, truths, at_least=at_least)
    rows = experts.find(golden.items)
    known = np.where(rows >= 0, truth.values[rows], -1)
    if truths_are_answers and many_classes(votes):
        fit = calibrated_on_candidates(votes, golden, known, smoothing=smoothing, pooling=pooling)
        facts = _without_votes(votes, fit)
        return Aggregation(posterior=fit.of(votes), facts=facts, golden=experts, by_experts=truth)
    model = calibrate(golden, known, truths=truths, smoothing=smoothing, pooling=pooling)
    result, facts = _by_class(votes, posterior(votes, model))
    made = Aggregation(posterior=result, model=model, facts=facts, golden=experts, by_experts=truth)
    return replace(made, check=partial(_warn_of_one_truth, truth)) if truths == VALIDITY else made


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
    """Find matrices, prior and posteriors from the votes; golden items stay at the experts' truth.

    Golden votes that are apart count as votes on golden items of known truth, unless the rater has a vote on the item.
    """
    known, truth, try_em = np.full(len(votes.items), -1), None, None
    if experts is None:
        votes = votes.on_full_scale()
        if truths_are_answers is None:
            truths_are_answers = natural_truths(votes) != VALIDITY
    else:
        votes, experts, golden, truths_are_answers = prepare(votes, experts, rater_golden, truths_are_answers)
    truths = votes.answers if truths_are_answers else VALIDITY
    if experts is not None:
        truth = expert_truth(experts, truths, at_least=at_least)
        rows = votes.find(experts.items)
        known[rows[rows >= 0]] = truth.values[rows >= 0]
        options: dict[str, Any] = {"smoothing": smoothing, "pooling": pooling, "at_least": at_least}
        em = partial(by_em, votes, rater_golden=golden, truths_are_answers=truths_are_answers, **options)
        judges = {"em": lambda _, others: em(experts=others).posterior}
        try_em = partial(try_on_golden, votes, experts, golden, truths, truth.values, judges)
        votes = with_more_votes(votes, golden, np.flatnonzero(known >= 0))
    if truths_are_answers and many_classes(votes):
        many = fit_many_classes(votes, known, smoothing=smoothing, pooling=pooling)
        facts = _facts(many.history, many.converged) | _without_votes(votes, many)
        check_many = partial(_warn_of_many, votes, many, known, try_em)
        return Aggregation(many.of(votes), facts=facts, golden=experts, by_experts=truth, check=check_many)
    pinned = None if experts is None else Pinned.to_truths(np.arange(known.size), known, truths=len(truths))
    fit = partial(fit_dawid_skene, truths=truths, smoothing=smoothing, pooling=pooling, pinned=pinned)
    fitted = fit(votes)
    result, more = _by_class(votes, fitted.posterior, experts)
    facts = _facts(fitted.history, fitted.converged) | more

    def check(trial: Trial | None = None) -> None:
        _warn_of_lost_truths(truths, fitted.posterior.values[votes.sizes > 0].sum(axis=0))

        def fit_some(some: Votes) -> tuple[RaterModel, Posterior]:
            of_some = fit(some, tolerance=_CHECK_TOLERANCE, max_iterations=_CHECK_ITERATIONS)
            return of_some.model, of_some.posterior

        warn_of_doubt(votes, fitted.posterior, known, fit_some, method="em", trial=trial or try_em)

    return Aggregation(result, fitted.model, facts, golden=experts, by_experts=truth, check=check)


def _warn_of_many(
    votes: Votes, fit: CandidateFit, known: npt.NDArray[np.int64], try_em: Trial | None, trial: Trial | None = None
) -> None:
    chosen = np.unique(fit.candidates.classes)
    names = [votes.answers[i] for i in chosen.tolist()]
    _warn_of_lost_truths(names, fit.candidates.counts(fit.posterior).items[0][chosen])
    against, clear = _contradicted_candidates(votes, fit, known)
    if against and against >= _CONTRADICTED * clear:
        doubt = (
            f"em contradicts more than half of the votes on {against:,} of {clear:,} items that have such a majority: "
            "look at some of them, and take majority or more pooling unless em is right there"
        )
        warn_unless_clear(doubt, "em", trial or try_em)


def _facts(history: npt.NDArray[np.float64], converged: bool) -> dict[str, Any]:
    return {"iterations": history.size, "converged": converged, "objective": float(history[-1])}


def _without_votes(votes: Votes, fit: CandidateFit) -> dict[str, int]:
    """How many images have no candidate."""
    return {} if votes.classes is None else {"without_votes": len(votes.items) - fit.candidates.starts.size}


# --- both -----------------------------------------------------------------------------------------------------------


def _by_class(votes: Votes, result: Posterior, golden: Votes | None = None) -> tuple[Posterior, dict[str, int]]:
    """Of votes for classes, whether each class is valid: also if it is next to impossible, but someone chose it.

    An image without votes has none, unless it is golden; how many these are is a fact. Other items stay as they are.
    """
    if result.classes is None:
        return result, {}
    given = votes.counts() > 0
    rated = votes.sizes > 0
    if golden is not None:
        rated |= golden.find(votes.items) >= 0
    rows = np.flatnonzero(rated)
    kept = replace(result, items=take_items(result.items, rows), values=result.values[rows])
    return kept.on_questions(always=given[rows]), {"without_votes": rated.size - rows.size}


def _warn_of_one_truth(truth: ExpertTruth, _: Trial | None = None) -> None:
    known = np.unique(truth.values[truth.values >= 0])
    if known.size == 1:
        one, other = VALIDITY[known[0]], VALIDITY[1 - known[0]]
        warnings.warn(
            f"all golden items of known truth are {one}: how raters answer on {other} ones was not measured, and "
            "nothing tells a good rater from a bad one",
            ReassessWarning,
            stacklevel=3,
        )


def _warn_of_lost_truths(truths: Sequence[Id], items: npt.NDArray[np.float64]) -> None:
    """Warn of truths that fewer expected items have than one, of those with votes."""
    lost = [str(truth) for truth, count in zip(truths, items.tolist(), strict=True) if count < _AN_ITEM]
    if lost:
        warnings.warn(
            f"em leaves no item to {some(lost)}: the raters' mistakes explain every vote without it. Golden items keep "
            "truths apart",
            ReassessWarning,
            stacklevel=4,
        )


def _contradicted_candidates(votes: Votes, fit: CandidateFit, known: npt.NDArray[np.int64]) -> tuple[int, int]:
    """On how many items EM decides against more than half of the votes, and how many have such a majority of two."""
    pairs = fit.candidates
    clear = (pairs.shares() > 1 / 2) & (votes.sizes[pairs.items] > 1) & (known[pairs.items] < 0)
    against = clear & (fit.posterior < pairs.highest(fit.posterior))
    return int(np.count_nonzero(against)), int(np.count_nonzero(clear))
