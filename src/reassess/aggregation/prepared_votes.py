"""The input of methods that estimate raters from all votes, and the result from their fits."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregation_result import Aggregation, convert_to_question_posterior_and_count_unrated
from reassess.aggregation.candidate_classes import CandidateFit
from reassess.aggregation.em_inputs import (
    PinnedItems,
    check_class_count,
    check_has_votes,
    default_possible_truths,
    has_many_classes,
)
from reassess.aggregation.golden import ExpertTruth, expert_truth
from reassess.aggregation.golden_items import add_missing_golden_votes, align_with_golden, find_truth_of_items
from reassess.core import VALIDITY, Id, Posterior, RaterModel, Votes
from reassess.core.items import StoredItems


class PreparedVotes(NamedTuple):
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


def prepare_votes(
    votes: Votes,
    experts: Votes | None,
    rater_golden: Votes | None,
    truths_are_answers: bool | None,
    min_experts: int | None,
) -> PreparedVotes:
    """Align votes with golden votes, and find the truth of golden items.

    Separate golden votes are added to the votes on golden items, unless the rater already has a vote on the item.
    Raise `DataError` if votes are missing, if they are counts without raters, or if there are too many classes.
    """
    votes.require_raters("EM")
    if experts is None:
        votes = votes.with_no_maybe_yes()
        unknown: npt.NDArray[np.int64] = np.broadcast_to(np.array(-1), len(votes.items))
        are_answers = default_possible_truths(votes) != VALIDITY if truths_are_answers is None else truths_are_answers
        truths = votes.answers if are_answers else VALIDITY
        prepared = PreparedVotes(votes, truths, unknown, None, None, votes, None)
    else:
        votes, experts, golden, are_answers = align_with_golden(votes, experts, rater_golden, truths_are_answers)
        truths = votes.answers if are_answers else VALIDITY
        truth = expert_truth(experts, truths, min_experts=min_experts)
        truth_ids = find_truth_of_items(votes, experts, truth.truth_ids)
        all_votes = add_missing_golden_votes(votes, golden, np.flatnonzero(truth_ids >= 0))
        prepared = PreparedVotes(all_votes, truths, truth_ids, experts, truth, votes, golden)
    check_has_votes(prepared.votes)
    if prepared.truths == prepared.votes.answers:
        check_class_count(prepared.votes)
    return prepared


def make_aggregation(
    prepared: PreparedVotes, posterior: Posterior, model: RaterModel | None, facts: dict[str, Any]
) -> Aggregation:
    """Make the result of a method from its posterior."""
    values, counts = convert_to_question_posterior_and_count_unrated(prepared.votes, posterior, prepared.experts)
    return Aggregation(values, model, facts | counts, expert_votes=prepared.experts, expert_truth=prepared.expert_truth)


def make_candidate_aggregation(
    prepared: PreparedVotes, fit: CandidateFit, facts: dict[str, Any] | None = None
) -> Aggregation:
    """Make the result of a method from its fit to candidate classes; by default with the facts of EM."""
    facts = facts or make_em_facts(fit.objective_history, fit.has_converged)
    return Aggregation(
        fit.to_posterior(prepared.votes),
        facts=facts | count_images_without_votes(prepared.votes, fit),
        expert_votes=prepared.experts,
        expert_truth=prepared.expert_truth,
    )


def make_em_facts(objective_history: npt.NDArray[np.float64], has_converged: bool) -> dict[str, Any]:
    """Return the number of iterations, whether EM converged, and the objective, for `Aggregation.facts`."""
    return {"iterations": objective_history.size, "converged": has_converged, "objective": float(objective_history[-1])}


def count_images_without_votes(votes: Votes, fit: CandidateFit) -> dict[str, int]:
    """Return the number of images without votes, for `Aggregation.facts`; {} if the items are not images."""
    if votes.classes is None:
        return {}
    return {"without_votes": len(votes.items) - fit.candidates.first_candidate_of_item.size}
