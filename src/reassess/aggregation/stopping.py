"""Effects of stop rules: votes replayed in random order, to count saved votes and changed labels."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import posterior
from reassess.aggregation.em import code_table, vote_codes
from reassess.core import VALIDITY, RaterModel, StopRule, Votes
from reassess.core.checks import check_range
from reassess.core.items import require_questions
from reassess.errors import DataError, ReassessWarning
from reassess.text import Printable, join_first

DEFAULT_RULES = tuple(StopRule(low, 1 - low) for low in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1))
_ORDERS = 10
_Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class StopReplay(Printable):
    """Used votes and changed labels under a stop rule, for several random orders of the votes."""

    rule: StopRule
    threshold: float  # a class with at least this probability is valid
    votes: int  # all votes
    questions: int  # questions with votes
    taken: _Counts  # votes used before the rule stops, shape (orders,)
    changed: _Counts  # questions decided differently by all votes and by the used votes, shape (orders,)
    kept: _Counts  # labels kept by all votes and by the used votes, shape (orders,)
    images_changed: _Counts  # images whose label set differs, shape (orders,)

    @property
    def share_taken(self) -> float:
        """Share of votes used, the mean over orders."""
        return float(self.taken.mean()) / self.votes

    @property
    def labels_in_common(self) -> float:
        """Jaccard index of the labels from all votes and from the used votes, the mean over orders."""
        either = self.kept + self.changed
        return float(np.divide(self.kept, either, out=np.ones(either.shape), where=either > 0).mean())

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "low": self.rule.low,
            "high": self.rule.high,
            "at_least": self.rule.min_votes,
            "threshold": self.threshold,
            "votes": self.votes,
            "questions": self.questions,
            "share_taken": self.share_taken,
            "labels_in_common": self.labels_in_common,
            **{name: getattr(self, name).tolist() for name in ("taken", "changed", "kept", "images_changed")},
        }


def warn_of_stop(rule: StopRule, consequence: str) -> None:
    """Warn that voting stopped early, and name the consequence.

    The bias: questions where the first raters agreed have few votes, and questions where they disagreed have many.
    """
    warnings.warn(
        f"votes stopped early (stop {rule.low:g}, {rule.high:g}): {consequence}",
        ReassessWarning,
        stacklevel=2,
    )


def replay_stops(
    votes: Votes,
    model: RaterModel,
    rules: Sequence[StopRule] = DEFAULT_RULES,
    *,
    threshold: float,
    first: Votes | None = None,
    at_most: int | None = None,
    orders: int = _ORDERS,
    seed: int = 0,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
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
    first
        Votes that exist before the raters' votes, such as `original_votes`.
    at_most
        Largest number of votes per question; by default all.
    orders, seed
        Number of random orders, and their seed.
    track
        Wraps the numbers of the orders, for example to show progress.

    Examples
    --------
    >>> from reassess.core import Questions
    >>> matrix = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> model = RaterModel((), ("invalid", "valid"), ("no", "yes"), np.empty((0, 2, 2)), matrix, np.array([0.5, 0.5]))
    >>> questions = Questions.from_columns(["a.png", "b.png"], np.array([0, 0]))
    >>> item, rater, answer = np.repeat([0, 1], 4), np.tile(np.arange(4), 2), np.repeat([1, 0], 4)
    >>> votes = Votes.from_columns(questions, item, rater, answer, ("ann", "bo", "cy", "di"), ("no", "yes"))
    >>> (replay,) = replay_stops(votes, model, [StopRule.parse("0.05,0.95")], threshold=0.8, orders=1)
    >>> replay.share_taken, replay.changed
    (0.5, array([0]))
    """
    from reassess.numeric.vote_kernels import apply_stop_rule, shuffle_votes

    questions = require_questions(votes.items)
    check_range(threshold, 0, 1, value_name="threshold")
    check_range(orders, 1, value_name="number of orders")
    if model.truths != VALIDITY:
        raise DataError(
            "wrong-model", "stop rule needs a model of valid and invalid classes", found=join_first(model.truths)
        )
    if not len(votes):
        raise DataError("missing-votes", "votes to replay are missing")
    most = int(votes.sizes.max()) if at_most is None else at_most
    check_range(most, 1, value_name="most votes of a question")
    start = (
        np.full(len(questions), model.prior[1])
        if first is None
        else posterior(first, model).probabilities_of(VALIDITY[1])
    )
    cast = votes.with_answers(model.answers)
    codes, table = vote_codes(cast), code_table(model.matrices_of(cast.raters))
    by_all = posterior(votes, model, extra=None if first is None else (first, model)).probabilities_of(VALIDITY[1])
    path, taken, valid = np.empty(len(cast)), np.empty(len(questions), np.int64), np.empty(len(questions))
    counts = np.empty((len(rules), 4, orders), np.int64)
    for order in track(range(orders)):
        draws = np.random.default_rng((seed, order)).random(len(cast))
        shuffle_votes(cast.indptr, codes, table, start, draws, path)
        for row, rule in enumerate(rules):
            apply_stop_rule(cast.indptr, path, start, rule.low, rule.high, rule.min_votes, most, taken, valid)
            # If all votes were used, take their exact result: another order of multiplication rounds differently.
            final = np.where(taken < cast.sizes, valid, by_all)
            is_valid, is_valid_by_all = final >= threshold, by_all >= threshold
            is_changed = is_valid != is_valid_by_all
            images = np.unique(questions.image_ids[is_changed]).size
            counts[row, :, order] = taken.sum(), is_changed.sum(), (is_valid & is_valid_by_all).sum(), images
    n_questions = int(np.count_nonzero(cast.sizes))
    return tuple(
        StopReplay(rule, threshold, len(cast), n_questions, *of_rule)
        for rule, of_rule in zip(rules, counts, strict=True)
    )
