"""The method that makes scores where nobody asks for one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregate import Aggregation, by_calibration, by_em, by_majority, fit_em
from reassess.aggregation.calibration import POOLING, natural_truths
from reassess.aggregation.expert_truth import expert_truth
from reassess.aggregation.golden_items import golden_part
from reassess.aggregation.posteriors import posterior
from reassess.aggregation.support import GoldenTrial, try_on_golden, warn_of_doubt
from reassess.core.checks import check_type
from reassess.core.labels import LabelSets
from reassess.core.posterior import Posterior
from reassess.core.rater_model import VALIDITY, RaterModel
from reassess.core.votes import Votes, in_common_classes
from reassess.errors import DataError
from reassess.text import counted

__all__ = ["by_default"]


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
    check_type(Votes, votes)
    given: dict[str, Any] = {"truths_are_answers": truths_are_answers, "smoothing": smoothing, "pooling": pooling}
    if experts is None:
        if original is not None or rater_golden is not None or at_least is not None:
            raise DataError(
                "no-golden-answers",
                "original labels, votes on golden items and a number of experts need golden answers",
                fix="give experts, or leave the others out",
            )
        return _named("majority", by_majority(votes)) if votes.anonymous else _named("em", by_em(votes, **given))
    check_type(Votes, experts)
    votes.require_raters("a rater model")
    answers = natural_truths(votes) != VALIDITY if truths_are_answers is None else truths_are_answers
    golden = golden_part(votes, experts, rater_golden).on_whole_scale()
    votes, experts, golden = in_common_classes(votes.on_whole_scale(), experts, golden)
    given |= {"rater_golden": golden, "at_least": at_least, "truths_are_answers": answers}

    def calibrated(judged: Votes, some: Votes) -> Aggregation:
        return by_calibration(judged, some, original=original, **given)

    if original is not None:
        return _named("calibrated", calibrated(votes, experts), "only calibrated takes original labels as votes")
    if not (votes.sizes[experts.find(votes.items) < 0] > 0).any():
        reason = "all items with votes are golden, and em would repeat the golden answers"
        return _named("calibrated", calibrated(votes, experts), reason)
    truths = votes.answers if answers else VALIDITY
    truth = expert_truth(experts, truths, at_least=at_least).values
    judges: dict[str, Callable[[Votes, Votes], Posterior]] = {
        "em": lambda _, some: fit_em(votes, experts=some, **given)[0].posterior,
        "calibrated": lambda judged, some: calibrated(judged, some).posterior,
    }
    trial = try_on_golden(votes, experts, golden, truths, truth, judges)
    method = "calibrated" if trial.is_better("calibrated", "em", errors=1) else "em"
    if method == "em":
        result, warn = fit_em(votes, experts=experts, **given)
        warn(lambda: trial)
    else:
        result = calibrated(votes, experts)
        known = np.append(truth, -1)[experts.find(votes.items)]
        _warn_of_calibrated(votes, result, known, trial)
    return _named(method, result, _reason(trial, method))


def _named(method: str, result: Aggregation, reason: str = "") -> Aggregation:
    facts = {"method": method} | ({"choice": f"{method}: {reason}"} if reason else {})
    return replace(result, facts=facts | result.facts)


def _warn_of_calibrated(votes: Votes, result: Aggregation, known: npt.NDArray[np.int64], trial: GoldenTrial) -> None:
    if result.model is not None:
        model = result.model

        def apply(some: Votes) -> tuple[RaterModel, Posterior]:
            return model, posterior(some, model)

        warn_of_doubt(votes, apply(votes)[1], known, apply, method="calibrated", trial=lambda: trial)


def _reason(trial: GoldenTrial, method: str) -> str:
    """Why this is the default method."""
    if not trial.folds:
        what = "golden image" if trial.of_images else "golden item"
        return f"{counted(np.unique(trial.unit).size, what)} cannot show which method is better"
    other = "em" if method == "calibrated" else "calibrated"
    first, second = (f"{trial.correct[each].sum():,.0f}" for each in (method, other))
    of_all = f"of {counted(trial.unit.size, 'golden item')}, left out in {trial.folds} folds"
    result = f"{of_all}, {method} is correct on {first} and {other} on {second}"
    if method == "calibrated":
        return f"{result}, a difference of more than one standard error"
    if trial.correct["calibrated"].sum() > trial.correct["em"].sum():
        return f"{result}, a difference of at most one standard error"
    return result
