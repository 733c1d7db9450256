"""Methods that compute scores from votes: each takes votes, and returns an `Aggregation`.

For votes for one class per image, the probability of each class is the score of an (image, class) question.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation.bcc import fit_bcc
from reassess.aggregation.candidate_classes import CandidateFit
from reassess.aggregation.candidate_fits import (
    fit_bcc_on_candidates,
    fit_dawid_skene_on_candidates,
    fit_one_accuracy_on_candidates,
)
from reassess.aggregation.candidate_stacking import fit_stacking_on_candidates
from reassess.aggregation.dawid_skene import DawidSkeneFit, fit_dawid_skene, fit_one_accuracy_per_rater
from reassess.aggregation.em_inputs import (
    DEFAULT_POOLING,
    PinnedItems,
    check_class_count,
    check_matrix_size,
    default_possible_truths,
    has_many_classes,
)
from reassess.aggregation.golden import ExpertTruth, expert_truth
from reassess.aggregation.golden_items import add_missing_golden_votes, align_with_golden, find_truth_of_items
from reassess.aggregation.stacking import fit_stacking
from reassess.aggregation.support import (
    GoldenCrossValidation,
    cross_validate_on_golden,
    sample_items_for_checks,
    warn_if_unreliable,
    warn_unless_golden_supports_method,
)
from reassess.core import (
    VALIDITY,
    Id,
    Posterior,
    RaterModel,
    Scores,
    Votes,
)
from reassess.core.image_names import match_images
from reassess.core.items import StoredItems, merge_items, require_questions, take_items
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import ReassessWarning
from reassess.text import Printable, join_first

_MIN_CONTRADICTED_SHARE = 0.2  # warn if em decides against this share of the clear majorities, with many classes
_CHECK_TOLERANCE, _CHECK_MAX_ITERATIONS = 1e-4, 300  # for fits that only check the result
_MIN_EXPECTED_ITEMS = 0.5  # EM has dropped a truth if it expects fewer items with it

CrossValidate = Callable[[], GoldenCrossValidation]


def _do_not_warn(_: CrossValidate | None = None) -> None:
    """Do nothing: the default of `Aggregation.warn_if_unreliable`."""


@dataclass(frozen=True, eq=False, repr=False)
class Aggregation(Printable):
    """The scores of a method, with the raters' matrices and other results.

    For votes for one class per image, the truths are invalid and valid. The items are the (image, class) questions of
    classes with a vote, or with a probability of at least 1e-6.
    """

    posterior: Posterior  # probability of each truth, or answer, for each item
    model: RaterModel | None = None  # the raters' matrices and the prior, if the method has them
    facts: dict[str, Any] = field(default_factory=dict)  # other results, by name
    expert_votes: Votes | None = None  # the experts' answers used
    expert_truth: ExpertTruth | None = None  # the truth of golden items used
    original_label_votes: Votes | None = None  # votes of the original labels, on the same items
    method: str = UNKNOWN_METHOD  # as `Scores.method`
    # Warns if the scores cannot be trusted; may take longer than the scores. An optional argument returns a
    # cross-validation on golden items that was made before.
    warn_if_unreliable: Callable[..., None] = _do_not_warn

    @property
    def _headline(self) -> str:
        return f"Aggregation({self.method}, {self.posterior})"

    @property
    def scores(self) -> Scores:
        """Scores of the questions: each score is the probability that the class is valid.

        With other truths, such as yes and no, the score is the probability of the truth that is last in the list. The
        scores record the method, and which questions or images have experts' answers.
        """
        scores = replace(self.posterior.to_scores(self.posterior.truths[-1]), method=self.method)
        if self.expert_votes is None:
            return scores
        if self.expert_votes.classes is None:
            return replace(scores, is_golden=self.expert_votes.find_positions(scores.questions) >= 0)
        on_images = self.expert_votes.find_positions(scores.images) >= 0
        return replace(scores, is_golden=on_images[scores.questions.image_ids])

    def scores_with_experts(self, votes: Votes) -> Scores:
        """Return the scores, and add scores of golden images without raters' votes: 1 if valid by experts, else 0.

        An image gets the experts' scores only if each of its golden questions is decided: enough experts answered it,
        and their votes are not tied. `votes` are all ordinary votes, before `with_golden_votes` removes any.
        """
        scores, experts, truth = self.scores, self.expert_votes, self.expert_truth
        if experts is None or truth is None or experts.classes is not None:
            return scores
        questions = require_questions(experts.items)
        has_scores = (match_images(questions.images, scores.images) >= 0) | (
            match_images(questions.images, votes.images) >= 0
        )
        rows = find_questions_decided_by_experts(experts, truth, has_scores)
        united, _ = merge_items(scores.questions, take_items(questions, rows))
        return replace(
            scores,
            questions=require_questions(united),
            values=np.append(scores.values, truth.truth_ids[rows] == len(self.posterior.truths) - 1),
            is_golden=None if scores.is_golden is None else np.append(scores.is_golden, np.ones(rows.size, np.bool_)),
        )


def find_questions_decided_by_experts(
    experts: Votes, truth: ExpertTruth, has_scores: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Find the golden questions of images without scores. Images with an undecided question are skipped.

    `has_scores`, shape (images,), says which images of the golden questions raters voted on.
    """
    questions = require_questions(experts.items)
    is_tie = (truth.truth_ids == 0) & (2 * experts.count_supporting_votes() == experts.sizes)
    is_decided = ~has_scores
    is_decided[questions.image_ids[is_tie | (truth.truth_ids < 0)]] = False
    return np.flatnonzero(is_decided[questions.image_ids])


# --- em ---------------------------------------------------------------------------------------------------------------


class _PreparedVotes(NamedTuple):
    """Votes with the golden items' truth, for methods that estimate raters from all votes."""

    votes: Votes  # with golden votes
    truths: tuple[Id, ...]
    truth_ids: npt.NDArray[np.int64]  # position of each item's truth; -1 if unknown
    experts: Votes | None
    expert_truth: ExpertTruth | None
    ordinary_votes: Votes  # without golden votes
    rater_golden: Votes | None

    @property
    def pinned_items(self) -> PinnedItems | None:
        """The golden items, with the experts' truth; None without experts."""
        return None if self.experts is None else PinnedItems.from_truth_ids(self.truth_ids, n_truths=len(self.truths))

    @property
    def uses_candidates(self) -> bool:
        """Whether the truth of an item is one of its candidate classes, because there are many classes."""
        are_in_memory = not isinstance(self.votes.items, StoredItems)
        return are_in_memory and self.truths == self.votes.answers and has_many_classes(self.votes)


def _prepare_votes(
    votes: Votes,
    experts: Votes | None,
    rater_golden: Votes | None,
    truths_are_answers: bool | None,
    min_experts: int | None,
) -> _PreparedVotes:
    """Align votes with golden votes, and find the truth of golden items.

    Separate golden votes are added to the votes on golden items, unless the rater already has a vote on the item.
    """
    if experts is None:
        votes = votes.with_no_maybe_yes()
        unknown: npt.NDArray[np.int64] = np.broadcast_to(np.array(-1), len(votes.items))
        are_answers = default_possible_truths(votes) != VALIDITY if truths_are_answers is None else truths_are_answers
        return _PreparedVotes(votes, votes.answers if are_answers else VALIDITY, unknown, None, None, votes, None)
    votes, experts, golden, are_answers = align_with_golden(votes, experts, rater_golden, truths_are_answers)
    truths = votes.answers if are_answers else VALIDITY
    truth = expert_truth(experts, truths, min_experts=min_experts)
    truth_ids = find_truth_of_items(votes, experts, truth.truth_ids)
    all_votes = add_missing_golden_votes(votes, golden, np.flatnonzero(truth_ids >= 0))
    return _PreparedVotes(all_votes, truths, truth_ids, experts, truth, votes, golden)


def aggregate_by_em(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    min_experts: int | None = None,
    smoothing: float = 0.0,
    pooling: float = DEFAULT_POOLING,
) -> Aggregation:
    """Estimate the raters' matrices and the truths from the votes by EM; golden items keep the experts' truth."""
    prepared = _prepare_votes(votes, experts, rater_golden, truths_are_answers, min_experts)
    votes, truths, truth_ids, experts, truth, *_ = prepared
    cross_validate_em = None
    if experts is not None and truth is not None and prepared.rater_golden is not None:
        options: dict[str, Any] = {"smoothing": smoothing, "pooling": pooling, "min_experts": min_experts}
        options |= {"rater_golden": prepared.rater_golden, "truths_are_answers": truths != VALIDITY}
        em = partial(aggregate_by_em, prepared.ordinary_votes, **options)
        cross_validate_em = partial(
            cross_validate_on_golden,
            prepared.ordinary_votes,
            experts,
            prepared.rater_golden,
            truths,
            truth.truth_ids,
            {"em": lambda _, others: em(experts=others).posterior},
        )
    truths_are_answers = truths == votes.answers
    if truths_are_answers:
        check_class_count(votes)
    if prepared.uses_candidates:
        candidate_fit = fit_dawid_skene_on_candidates(votes, truth_ids, smoothing=smoothing, pooling=pooling)
        check_candidates = partial(
            _warn_if_candidates_are_unreliable, votes, candidate_fit, truth_ids, cross_validate_em
        )
        return replace(_make_candidate_aggregation(prepared, candidate_fit), warn_if_unreliable=check_candidates)
    has_experts = experts is not None

    def fit_votes(votes: Votes, truth_ids: npt.NDArray[np.int64], **limits: Any) -> DawidSkeneFit:
        """Fit the model to votes on items, some of them with a known truth."""
        pinned = PinnedItems.from_truth_ids(truth_ids, n_truths=len(truths)) if has_experts else None
        return fit_dawid_skene(votes, truths=truths, smoothing=smoothing, pooling=pooling, pinned=pinned, **limits)

    fit = fit_votes(votes, truth_ids)
    values, counts = convert_to_question_posterior_and_count_unrated(votes, fit.posterior, experts)
    facts = _make_em_facts(fit.objective_history, fit.has_converged) | counts

    def warn_if_em_is_unreliable(earlier_cross_validation: CrossValidate | None = None) -> None:
        """Warn if some truth has no items after EM, or if neither votes nor golden answers support EM's decisions."""
        expected_items = sum(
            fit.posterior.values[rows][block.sizes > 0].sum(axis=0) for rows, block in votes.split_into_blocks()
        )
        _warn_about_truths_without_items(truths, np.asarray(expected_items))
        checked = sample_items_for_checks(votes, fit.posterior, truth_ids)

        def fit_coarsely(votes: Votes) -> tuple[RaterModel, Posterior]:
            """Fit the model to the votes with a coarse tolerance."""
            coarse = fit_votes(
                votes, checked.truth_ids, tolerance=_CHECK_TOLERANCE, max_iterations=_CHECK_MAX_ITERATIONS
            )
            return coarse.model, coarse.posterior

        warn_if_unreliable(
            *checked,
            fit_coarsely,
            method="em",
            cross_validate=earlier_cross_validation or cross_validate_em,
        )

    return Aggregation(
        values, fit.model, facts, expert_votes=experts, expert_truth=truth, warn_if_unreliable=warn_if_em_is_unreliable
    )


def aggregate_by_one_accuracy(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    min_experts: int | None = None,
) -> Aggregation:
    """Estimate one accuracy per rater and the truths from the votes by EM; golden items keep the experts' truth."""
    prepared = _prepare_votes(votes, experts, rater_golden, truths_are_answers, min_experts)
    if prepared.uses_candidates:
        return _make_candidate_aggregation(prepared, fit_one_accuracy_on_candidates(prepared.votes, prepared.truth_ids))
    check_matrix_size(prepared.votes, prepared.truths)
    fit = fit_one_accuracy_per_rater(prepared.votes, prepared.truths, prepared.pinned_items)
    facts = _make_em_facts(fit.objective_history, fit.has_converged)
    return _make_aggregation(prepared, fit.posterior, fit.model, facts)


def aggregate_by_bcc(
    votes: Votes,
    *,
    subtypes: int,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    min_experts: int | None = None,
    smoothing: float = 0.0,
    pooling: float = DEFAULT_POOLING,
) -> Aggregation:
    """Estimate raters and truths by variational Bayes, see `fit_bcc`; golden items keep the experts' truth.

    With many classes, each truth has only one subtype, see `candidate_fits`.
    """
    prepared = _prepare_votes(votes, experts, rater_golden, truths_are_answers, min_experts)
    if prepared.uses_candidates:
        candidate_fit = fit_bcc_on_candidates(prepared.votes, prepared.truth_ids, smoothing=smoothing, pooling=pooling)
        return _make_candidate_aggregation(prepared, candidate_fit)
    check_matrix_size(prepared.votes, prepared.truths)
    fit = fit_bcc(
        prepared.votes,
        subtypes=subtypes,
        truths=prepared.truths,
        pinned=prepared.pinned_items,
        smoothing=smoothing,
        pooling=pooling,
    )
    facts = _make_em_facts(fit.bound_history, fit.has_converged)
    return _make_aggregation(prepared, fit.posterior, fit.model, facts)


def aggregate_by_stacking(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    min_experts: int | None = None,
) -> Aggregation:
    """Compute the weighted mean of several methods, see `fit_stacking`; golden items keep the experts' truth."""
    prepared = _prepare_votes(votes, experts, rater_golden, truths_are_answers, min_experts)
    if prepared.uses_candidates:
        check_class_count(prepared.votes)
        candidate_fit, weights = fit_stacking_on_candidates(prepared.votes, prepared.truth_ids)
        return _make_candidate_aggregation(prepared, candidate_fit, weights.facts)
    check_matrix_size(prepared.votes, prepared.truths)
    fit = fit_stacking(prepared.votes, truths=prepared.truths, truth_ids=prepared.truth_ids)
    return _make_aggregation(prepared, fit.posterior, fit.model, fit.weights.facts)


def _make_aggregation(
    prepared: _PreparedVotes, posterior: Posterior, model: RaterModel | None, facts: dict[str, Any]
) -> Aggregation:
    """Make the result of a method from its posterior."""
    values, counts = convert_to_question_posterior_and_count_unrated(prepared.votes, posterior, prepared.experts)
    return Aggregation(values, model, facts | counts, expert_votes=prepared.experts, expert_truth=prepared.expert_truth)


def _make_candidate_aggregation(
    prepared: _PreparedVotes, fit: CandidateFit, facts: dict[str, Any] | None = None
) -> Aggregation:
    """Make the result of a method from its fit to candidate classes; by default with the facts of EM."""
    facts = facts or _make_em_facts(fit.objective_history, fit.has_converged)
    return Aggregation(
        fit.to_posterior(prepared.votes),
        facts=facts | count_images_without_votes(prepared.votes, fit),
        expert_votes=prepared.experts,
        expert_truth=prepared.expert_truth,
    )


def _warn_if_candidates_are_unreliable(
    votes: Votes,
    fit: CandidateFit,
    truth_ids: npt.NDArray[np.int64],
    cross_validate_em: CrossValidate | None,
    earlier_cross_validation: CrossValidate | None = None,
) -> None:
    """Warn if some class has no items after EM, or if EM decides against many clear majorities."""
    classes = np.unique(fit.candidates.class_of_candidate)
    names = [votes.answers[i] for i in classes.tolist()]
    expected_items = fit.candidates.compute_expected_counts(fit.posterior).expected_items[0]
    _warn_about_truths_without_items(names, expected_items[classes])
    n_against, n_clear = _count_contradictions(votes, fit, truth_ids)
    if n_against and n_against >= _MIN_CONTRADICTED_SHARE * n_clear:
        doubt = (
            f"em decides against more than half of the votes on {n_against:,} of the {n_clear:,} items with such a "
            "majority: look at some of these items; if em is wrong there, use majority or more pooling"
        )
        warn_unless_golden_supports_method(doubt, "em", earlier_cross_validation or cross_validate_em)


def _make_em_facts(objective_history: npt.NDArray[np.float64], has_converged: bool) -> dict[str, Any]:
    """Return the number of iterations, whether EM converged, and the objective, for `Aggregation.facts`."""
    return {"iterations": objective_history.size, "converged": has_converged, "objective": float(objective_history[-1])}


def count_images_without_votes(votes: Votes, fit: CandidateFit) -> dict[str, int]:
    """Return the number of images without votes, for `Aggregation.facts`; {} if the items are not images."""
    if votes.classes is None:
        return {}
    return {"without_votes": len(votes.items) - fit.candidates.first_candidate_of_item.size}


# --- both -------------------------------------------------------------------------------------------------------------


def convert_to_question_posterior_and_count_unrated(
    votes: Votes, result: Posterior, experts: Votes | None = None
) -> tuple[Posterior, dict[str, int]]:
    """Convert a posterior over the classes of images to a posterior of (image, class) questions.

    Also return the number of unrated images, for `Aggregation.facts`.
    """
    if result.classes is None:
        return result, {}
    has_vote = votes.counts() > 0
    is_rated = votes.sizes > 0
    if experts is not None:
        is_rated |= experts.find_positions(votes.items) >= 0
    rows = np.flatnonzero(is_rated)
    rated = replace(result, items=take_items(result.items, rows), values=result.values[rows])
    return rated.to_question_posterior(is_always_asked=has_vote[rows]), {"without_votes": is_rated.size - rows.size}


def _warn_about_truths_without_items(truths: Sequence[Id], expected_items: npt.NDArray[np.float64]) -> None:
    """Warn about truths that EM gives to almost no item."""
    lost = [
        str(truth) for truth, count in zip(truths, expected_items.tolist(), strict=True) if count < _MIN_EXPECTED_ITEMS
    ]
    if lost:
        warnings.warn(
            f"em gives no item the truth {join_first(lost)}: it explains all votes for this truth as mistakes. Golden "
            "items prevent this",
            ReassessWarning,
            stacklevel=4,
        )


def _count_contradictions(votes: Votes, fit: CandidateFit, truth_ids: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Count items where EM contradicts a clear majority of the votes, and all items with a clear majority."""
    candidates = fit.candidates
    is_clear = (
        (candidates.compute_vote_shares() > 1 / 2)
        & (votes.sizes[candidates.item_of_candidate] > 1)
        & (truth_ids[candidates.item_of_candidate] < 0)
    )
    is_against = is_clear & (fit.posterior < candidates.max_over_candidates_of_item(fit.posterior))
    return int(np.count_nonzero(is_against)), int(np.count_nonzero(is_clear))
