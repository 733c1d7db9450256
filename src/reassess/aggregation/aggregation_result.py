"""The result of a method that computes scores from votes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden import ExpertTruth
from reassess.core import (
    Posterior,
    RaterModel,
    Scores,
    Votes,
)
from reassess.core.image_names import match_images
from reassess.core.items import merge_items, require_questions, take_items
from reassess.core.scores import UNKNOWN_METHOD
from reassess.text import Printable


def _do_not_warn() -> None:
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
    # Warns if the scores cannot be trusted; may take longer than the scores.
    warn_if_unreliable: Callable[[], None] = _do_not_warn

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
