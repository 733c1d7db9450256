"""What a stop rule would have saved, and changed: votes replayed in random order."""

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
from reassess.core.items import as_questions
from reassess.errors import DataError, ReassessWarning
from reassess.text import Shown, some

USUAL_RULES = tuple(StopRule(low, 1 - low) for low in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1))
_ORDERS = 10
_Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class StopReplay(Shown):
    """What a stop rule would have saved, and changed, in some random orders of the votes."""

    rule: StopRule
    threshold: float  # a class with at least this probability is valid
    votes: int  # all votes
    questions: int  # questions that have votes
    taken: _Counts  # votes that were taken, shape (orders,)
    changed: _Counts  # questions decided differently by all votes and by those taken, shape (orders,)
    kept: _Counts  # labels that both keep, shape (orders,)
    images_changed: _Counts  # images whose label set differs, shape (orders,)

    @property
    def share_taken(self) -> float:
        """Share of the votes that were taken, the mean of the orders."""
        return float(self.taken.mean()) / self.votes

    @property
    def labels_in_common(self) -> float:
        """Of the labels that all votes keep or those taken do, the share that both keep, the mean of the orders."""
        either = self.kept + self.changed
        return float(np.divide(self.kept, either, out=np.ones(either.shape), where=either > 0).mean())

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "low": self.rule.low,
            "high": self.rule.high,
            "at_least": self.rule.at_least,
            "threshold": self.threshold,
            "votes": self.votes,
            "questions": self.questions,
            "share_taken": self.share_taken,
            "labels_in_common": self.labels_in_common,
            **{name: getattr(self, name).tolist() for name in ("taken", "changed", "kept", "images_changed")},
        }


def warn_of_stop(rule: StopRule, what: str) -> None:
    """Warn that the votes were ended by a rule, and of `what` follows.

    Questions on which the first raters agreed have few votes, and those on which they did not have many.
    """
    warnings.warn(
        f"the votes were ended by what they said (stop {rule.low:g}, {rule.high:g}): {what}",
        ReassessWarning,
        stacklevel=2,
    )


def replay_stops(
    votes: Votes,
    model: RaterModel,
    rules: Sequence[StopRule] = USUAL_RULES,
    *,
    threshold: float,
    first: Votes | None = None,
    at_most: int | None = None,
    orders: int = _ORDERS,
    seed: int = 0,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> tuple[StopReplay, ...]:
    """Replay votes on (image, class) questions in random orders, and end each question where a rule says so.

    `model` is taken as known from the first vote on, as where raters were measured on golden questions before. A class
    is kept as valid from the probability `threshold` on. `first` are votes that are there before the raters', such as
    `original_votes`; `at_most` is how many votes of a question could be taken, by default all. `track` passes on the
    numbers of the orders, so that progress can be shown. There is one result for each rule.

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
    from reassess.numeric.vote_kernels import follow, stop_early

    questions = as_questions(votes.items)
    check_range(threshold, 0, 1, what="threshold")
    check_range(orders, 1, what="number of orders")
    if model.truths != VALIDITY:
        raise DataError("wrong-model", "stop rule needs a model of valid and invalid classes", found=some(model.truths))
    if not len(votes):
        raise DataError("missing-votes", "there are no votes to replay")
    most = int(votes.sizes.max()) if at_most is None else at_most
    check_range(most, 1, what="most votes of a question")
    start = np.full(len(questions), model.prior[1]) if first is None else posterior(first, model).of(VALIDITY[1])
    cast = votes.with_answers(model.answers)
    codes, table = vote_codes(cast), code_table(model.matrices_of(cast.raters))
    by_all = posterior(votes, model, extra=None if first is None else (first, model)).of(VALIDITY[1])
    path, taken, valid = np.empty(len(cast)), np.empty(len(questions), np.int64), np.empty(len(questions))
    counts = np.empty((len(rules), 4, orders), np.int64)
    for order in track(range(orders)):
        draws = np.random.default_rng((seed, order)).random(len(cast))
        follow(cast.indptr, codes, table, start, draws, path)
        for row, rule in enumerate(rules):
            stop_early(cast.indptr, path, start, rule.low, rule.high, rule.at_least, most, taken, valid)
            ended = np.where(taken < cast.sizes, valid, by_all)  # not by the rounding of another order
            one, other = ended >= threshold, by_all >= threshold
            changed = one != other
            images = np.unique(questions.image_ids[changed]).size
            counts[row, :, order] = taken.sum(), changed.sum(), (one & other).sum(), images
    asked = int(np.count_nonzero(cast.sizes))
    return tuple(
        StopReplay(rule, threshold, len(cast), asked, *of_rule) for rule, of_rule in zip(rules, counts, strict=True)
    )
