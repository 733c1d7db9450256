"""The method that makes scores where nobody asks for one."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import POOLING, natural_truths
from reassess.aggregation.expert_truth import expert_truth
from reassess.aggregation.golden_items import golden_part
from reassess.aggregation.methods import Aggregation, by_calibration, by_em, by_majority, fit_em
from reassess.aggregation.posteriors import posterior
from reassess.aggregation.provenance import image_folds
from reassess.aggregation.support import by_votes, places_by_name, warn_of_doubt
from reassess.core.items import Id, find_items, take_items
from reassess.core.kinds import check_kind
from reassess.core.labels import LabelSets
from reassess.core.rater_model import VALIDITY
from reassess.core.votes import Votes, in_common_classes
from reassess.errors import DataError, ReassessWarning
from reassess.text import counted

__all__ = ["by_default"]

_FOLDS = 10  # em is fitted once for each: a fold per golden image would take hundreds of fits
_CLEAR = 3  # standard errors by which golden answers show more than the votes can
_FEWEST = 2  # golden images, or plain items, so that some are left when one is left out


def by_default(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    truths_are_answers: bool | None = None,
    at_least: int | None = None,
    smoothing: float = 0.0,
    pooling: float = POOLING,
) -> Aggregation:
    """Make scores by the default method: em, calibrated or the majority, and say why.

    Without golden answers it is `by_em`, and `by_majority` for counts of votes without raters. With golden answers
    and votes on other items, it is `by_em` too, unless `by_calibration` is correct on more golden items by more than
    one standard error. Golden images are split into 10 folds (plain items too); each fold is judged by both methods
    without its golden answers. The standard error is that of the paired difference, with images as units. `by_em` is
    fitted once for each fold.

    Parameters
    ----------
    votes, experts, truths_are_answers, at_least, smoothing, pooling
        As for `by_em`.
    rater_golden
        The raters' votes on golden items, where these are apart.
    original
        Original labels, which vote as one more rater; only `by_calibration` takes them.

    Returns
    -------
    Aggregation
        Its facts say the `method`, and with golden answers the reason, as `choice`.

    Raises
    ------
    DataError
        As for the method; `original`, `rater_golden` or `at_least` are given without `experts`.

    Examples
    --------
    >>> item, rater = np.repeat(np.arange(9), 3), np.tile(np.arange(3), 9)
    >>> answer = np.where(rater == 2, 0, item % 2)
    >>> votes = Votes.from_columns(range(9), item, rater, answer, ("ann", "bo", "cy"), ("cat", "dog"))
    >>> one = np.zeros(4, int)
    >>> experts = Votes.from_columns(range(4), np.arange(4), one, np.arange(4) % 2, ("eve",), ("cat", "dog"))
    >>> by_default(votes, experts=experts).facts["choice"]
    'em: of 4 golden items, left out in 4 folds, em is correct on 4 and calibrated on 4'
    """
    check_kind(Votes, votes)
    given: dict[str, Any] = {"truths_are_answers": truths_are_answers, "smoothing": smoothing, "pooling": pooling}
    if experts is None:
        if original is not None or rater_golden is not None or at_least is not None:
            raise DataError(
                "original labels, votes on golden items and a number of experts need golden answers",
                mend="give experts, or leave the others out",
            )
        return _named("majority", by_majority(votes)) if votes.anonymous else _named("em", by_em(votes, **given))
    check_kind(Votes, experts)
    votes.require_raters("a rater model")
    answers = natural_truths(votes) != VALIDITY if truths_are_answers is None else truths_are_answers
    golden = golden_part(votes, experts, rater_golden).on_whole_scale()
    votes, experts, golden = in_common_classes(votes.on_whole_scale(), experts, golden)
    given |= {"rater_golden": golden, "at_least": at_least, "truths_are_answers": answers}

    def em(some: Votes) -> tuple[Aggregation, Callable[[], None]]:
        return fit_em(votes, experts=some, **given)

    def calibrated(judged: Votes, some: Votes) -> Aggregation:
        return by_calibration(judged, some, original=original, **given)

    if original is not None:
        return _named("calibrated", calibrated(votes, experts), "only calibrated takes original labels as votes")
    if not (votes.sizes[experts.find(votes.items) < 0] > 0).any():
        reason = "all items with votes are golden, and em would repeat the golden answers"
        return _named("calibrated", calibrated(votes, experts), reason)
    truths = votes.answers if answers else VALIDITY
    truth = expert_truth(experts, truths, at_least=at_least).values
    trial = _try(votes, experts, golden, truths, truth, em, calibrated)
    method = "calibrated" if trial.is_better("calibrated", "em", errors=1) else "em"
    if method == "em":
        result, warn = em(experts)
    else:
        result = calibrated(votes, experts)
        known = np.append(truth, -1)[experts.find(votes.items)]
        warn = partial(_warn_of_calibrated, votes, result, known)
    if not trial.is_better(method, "majority", errors=_CLEAR):
        warn()
    return _named(method, result, trial.words(method))


def _named(method: str, result: Aggregation, reason: str = "") -> Aggregation:
    facts = {"method": method} | ({"choice": f"{method}: {reason}"} if reason else {})
    return replace(result, facts=facts | result.facts)


def _warn_of_calibrated(votes: Votes, result: Aggregation, known: npt.NDArray[np.int64]) -> None:
    if result.model is not None:
        model = result.model
        warn_of_doubt(
            votes, posterior(votes, model), known, lambda some: (model, posterior(some, model)), method="calibrated"
        )


@dataclass(frozen=True)
class _Trial:
    """On which golden items each method is correct when their golden answers are left out.

    `correct` holds numbers from 0 to 1, shape (golden items,), by method; `unit` is the image of each, or the item.
    """

    correct: dict[str, npt.NDArray[np.float64]]
    unit: npt.NDArray[np.int64]
    folds: int
    of_images: bool

    def is_better(self, method: str, other: str, *, errors: int) -> bool:
        """Whether a method is correct on more, by more than so many standard errors of the paired difference."""
        differences = np.bincount(self.unit, self.correct[method] - self.correct[other])
        more, units = differences.sum(), differences.size
        # That of a sum whose variance has n - 1 in its denominator, without its root: whole numbers stay whole.
        return bool(more > 0 and more**2 * (units - 1 + errors**2) > errors**2 * units * (differences**2).sum())

    def words(self, method: str) -> str:
        """Why this is the default method."""
        if not self.folds:
            what = "golden image" if self.of_images else "golden item"
            return f"{counted(np.unique(self.unit).size, what)} cannot show which method is better"
        other = "em" if method == "calibrated" else "calibrated"
        first, second = (f"{self.correct[each].sum():,.0f}" for each in (method, other))
        of_all = f"of {counted(self.unit.size, 'golden item')}, left out in {self.folds} folds"
        result = f"{of_all}, {method} is correct on {first} and {other} on {second}"
        if method == "calibrated":
            return f"{result}, a difference of more than one standard error"
        if self.correct["calibrated"].sum() > self.correct["em"].sum():
            return f"{result}, a difference of at most one standard error"
        return result


def _try(
    votes: Votes,
    experts: Votes,
    golden: Votes,
    truths: Sequence[Id],
    truth: npt.NDArray[np.int64],
    em: Callable[[Votes], tuple[Aggregation, Callable[[], None]]],
    calibrated: Callable[[Votes, Votes], Aggregation],
) -> _Trial:
    """Both methods, and the majority, on golden items of a known truth `truth`, in folds."""
    rows = np.flatnonzero((truth >= 0) & _has_votes(votes, experts) & _has_votes(golden, experts))
    units = places_by_name(experts)
    numbers, unit = np.unique(units[rows], return_inverse=True)
    correct = {method: np.zeros(rows.size) for method in ("em", "calibrated", "majority")}
    folds = min(_FOLDS, numbers.size)
    if folds < _FEWEST:
        return _Trial(correct, unit, 0, bool(experts.images))
    fold = image_folds(numbers.size, folds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReassessWarning)
        for number in range(folds):
            others = experts.without(np.flatnonzero(np.isin(units, numbers[fold == number])))
            out = np.flatnonzero(fold[unit] == number)
            judged, known = votes.restrict(votes.find(take_items(experts.items, rows[out]))), truth[rows[out]]
            correct["em"][out] = _is_correct(em(others)[0], judged, known)
            correct["calibrated"][out] = _is_correct(calibrated(judged, others), judged, known)
            correct["majority"][out] = by_votes(judged, truths)[np.arange(out.size), known]
    return _Trial(correct, unit, folds, bool(experts.images))


def _has_votes(votes: Votes, experts: Votes) -> npt.NDArray[np.bool_]:
    """Whether each of the experts' items has votes."""
    return np.append(votes.sizes, 0)[votes.find(experts.items)] > 0


def _is_correct(result: Aggregation, judged: Votes, truth: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether the most probable truth of each judged item is its truth."""
    if judged.classes is None:
        best = result.posterior.most_likely()[find_items(result.posterior.items, judged.items)]
        return np.asarray(best == truth)
    scores = result.scores
    order = np.lexsort((-scores.questions.class_ids, scores.values, scores.questions.image_ids))
    last = np.searchsorted(scores.questions.image_ids[order], scores.questions.rows_of(judged.images), side="right") - 1
    return np.asarray(scores.questions.class_ids[order[last]] == judged.class_ids[truth])
