"""Effects of stop rules: votes are replayed in random order, to count saved votes and changed labels."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import posterior
from reassess.aggregation.em import rater_answer_codes, to_kernel_layout
from reassess.aggregation.golden_predictions import GoldenPredictions
from reassess.aggregation.stop_errors import StopErrors, measure_stop_errors
from reassess.core import VALIDITY, RaterModel, StopRule, Votes
from reassess.core.checks import check_range
from reassess.core.items import require_questions
from reassess.errors import DataError, ReassessWarning
from reassess.text import Printable, join_first

DEFAULT_STOP_RULES = tuple(StopRule(low, 1 - low) for low in (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2))
_N_ORDERS = 10
_Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class StopReplay(Printable):
    """Used votes and changed labels under a stop rule, for several random orders of the votes."""

    rule: StopRule
    golden_errors: StopErrors | None  # golden questions that the rule closes wrongly; None without golden questions
    power: float  # tempering power: the rule counts each vote this number of times
    threshold: float  # a class with at least this probability is valid
    n_votes: int  # all votes
    n_questions: int  # questions with votes
    n_used_votes: _Counts  # votes used before the rule stops, shape (orders,)
    n_changed_labels: _Counts  # questions decided differently by all votes and by the used votes, shape (orders,)
    n_labels_in_both: _Counts  # labels kept by all votes and by the used votes, shape (orders,)
    n_changed_images: _Counts  # images whose label set differs, shape (orders,)

    @property
    def share_of_votes_used(self) -> float:
        """Share of the votes that are used before the rule stops; the mean over random orders of the votes."""
        return float(self.n_used_votes.mean()) / self.n_votes

    @property
    def label_jaccard_index(self) -> float:
        """Jaccard index of two label sets: from all votes, and from votes before the stop; mean over random orders."""
        n_in_either = self.n_labels_in_both + self.n_changed_labels
        return float(
            np.divide(self.n_labels_in_both, n_in_either, out=np.ones(n_in_either.shape), where=n_in_either > 0).mean()
        )

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "low": self.rule.low,
            "high": self.rule.high,
            "at_least": self.rule.min_votes,
            "tempering_power": self.power,
            "threshold": self.threshold,
            "votes": self.n_votes,
            "questions": self.n_questions,
            "share_taken": self.share_of_votes_used,
            "labels_in_common": self.label_jaccard_index,
            "taken": self.n_used_votes.tolist(),
            "changed": self.n_changed_labels.tolist(),
            "kept": self.n_labels_in_both.tolist(),
            "images_changed": self.n_changed_images.tolist(),
            "golden": None if self.golden_errors is None else self.golden_errors.to_json(),
        }


def warn_of_early_stop(rule: StopRule, consequence: str) -> None:
    """Warn that a stop rule ended the voting early; `consequence` ends the sentence, and says what follows.

    An early stop biases scores: questions where the first raters agreed have few votes, and other questions have many.
    """
    warnings.warn(
        f"votes stopped early (stop {rule.low:g}, {rule.high:g}): {consequence}",
        ReassessWarning,
        stacklevel=2,
    )


def replay_stops(
    votes: Votes,
    model: RaterModel,
    rules: Sequence[StopRule] = DEFAULT_STOP_RULES,
    *,
    threshold: float,
    initial_votes: Votes | None = None,
    max_votes_per_question: int | None = None,
    golden: GoldenPredictions | None = None,
    n_orders: int = _N_ORDERS,
    seed: int = 0,
    show_progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> tuple[StopReplay, ...]:
    """Replay votes on (image, class) questions in random orders, and stop each question by each rule.

    Parameters
    ----------
    votes
        The raters' votes.
    model
        The rater model, fixed from the first vote on, as if raters had been measured on golden questions before.
    rules
        Stop rules; each gives one result.
    threshold
        A class with at least this probability is valid.
    initial_votes
        Votes that exist before the raters' votes, such as `original_label_votes`.
    max_votes_per_question
        Largest number of votes per question; by default all.
    golden
        The raters' votes on golden questions. With them, each rule counts each vote as often as golden answers support
        (the tempering power), and closes golden questions too, to count wrong answers. Otherwise each vote counts once.
        The power changes which votes are used, but not the probabilities that labels are made from.
    n_orders, seed
        Number of random orders, and their seed.
    show_progress
        A function that wraps the iterable over orders, to show progress.

    Examples
    --------
    >>> from reassess.core import Questions
    >>> matrix = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> model = RaterModel((), ("invalid", "valid"), ("no", "yes"), np.empty((0, 2, 2)), matrix, np.array([0.5, 0.5]))
    >>> questions = Questions.from_columns(["a.png", "b.png"], np.array([0, 0]))
    >>> item, rater, answer = np.repeat([0, 1], 4), np.tile(np.arange(4), 2), np.repeat([1, 0], 4)
    >>> votes = Votes.from_columns(questions, item, rater, answer, ("ann", "bo", "cy", "di"), ("no", "yes"))
    >>> (replay,) = replay_stops(votes, model, [StopRule.parse("0.05,0.95")], threshold=0.8, n_orders=1)
    >>> replay.share_of_votes_used, replay.n_changed_labels
    (0.5, array([0]))
    """
    from reassess.numeric.vote_kernels import apply_stop_rule, draw_vote_orders_and_write_p_valid

    questions = require_questions(votes.items)
    check_range(threshold, 0, 1, value_name="threshold")
    check_range(n_orders, 1, value_name="number of orders")
    if model.truths != VALIDITY:
        raise DataError(
            "wrong-model",
            "stop rule needs a rater model with the truths invalid and valid",
            found=join_first(model.truths),
        )
    if not len(votes):
        raise DataError("missing-votes", "votes to replay are missing")
    max_used = int(votes.sizes.max()) if max_votes_per_question is None else max_votes_per_question
    check_range(max_used, 1, value_name="most votes of a question")
    power = 1.0 if golden is None else golden.find_power(max_used)
    start_probabilities = (
        np.full(len(questions), model.prior[1])
        if initial_votes is None
        else posterior(initial_votes, model).probabilities_of(VALIDITY[1])
    )
    model_votes = votes.with_possible_answers(model.answers)
    codes, table = rater_answer_codes(model_votes), to_kernel_layout(model.matrices_of(model_votes.raters))
    final_probabilities = posterior(votes, model, extra_votes=initial_votes).probabilities_of(VALIDITY[1])
    running_probabilities, tempered_probabilities = np.empty((2, len(model_votes)))
    n_used, tempered_at_stop = np.empty(len(questions), np.int64), np.empty(len(questions))
    counts = np.empty((len(rules), 4, n_orders), np.int64)
    for order in show_progress(range(n_orders)):
        draws = np.random.default_rng((seed, order)).random(len(model_votes))
        for each_table, probabilities in ((table, running_probabilities), (table**power, tempered_probabilities)):
            draw_vote_orders_and_write_p_valid(
                model_votes.indptr, codes, each_table, start_probabilities, draws, probabilities
            )
        for row, rule in enumerate(rules):
            apply_stop_rule(
                model_votes.indptr,
                tempered_probabilities,
                start_probabilities,
                rule.low,
                rule.high,
                rule.min_votes,
                max_used,
                n_used,
                tempered_at_stop,
            )
            last_vote = model_votes.indptr[:-1] + n_used - 1
            stopped_probabilities = np.where(n_used > 0, running_probabilities[last_vote], start_probabilities)
            # If all votes were used, take their exact result: another order of multiplication rounds differently.
            final = np.where(n_used < model_votes.sizes, stopped_probabilities, final_probabilities)
            is_valid, is_valid_by_all = final >= threshold, final_probabilities >= threshold
            is_changed = is_valid != is_valid_by_all
            images = np.unique(questions.image_ids[is_changed]).size
            counts[row, :, order] = n_used.sum(), is_changed.sum(), (is_valid & is_valid_by_all).sum(), images
    n_questions = int(np.count_nonzero(model_votes.sizes))
    errors = (
        [None] * len(rules)
        if golden is None
        else measure_stop_errors(golden, rules, power=power, max_votes_per_question=max_used, seed=seed)
    )
    return tuple(
        StopReplay(rule, rule_errors, power, threshold, len(model_votes), n_questions, *of_rule)
        for rule, rule_errors, of_rule in zip(rules, errors, counts, strict=True)
    )
