"""From votes to scores: one function for every method, and the table of the methods."""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.baselines import by_majority, by_mean
from reassess.aggregation.calibration import posterior
from reassess.aggregation.em_inputs import POOLING, natural_truths
from reassess.aggregation.golden import expert_truth
from reassess.aggregation.methods import Aggregation, by_calibration, by_em, by_real_recipe, prepare
from reassess.aggregation.support import GoldenTrial, try_on_golden, warn_of_doubt
from reassess.core import REAL_RECIPE, VALIDITY, LabelSets, Posterior, RaterModel, Scores, Votes
from reassess.core.checks import check_known, check_type
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.text import counted, some

AUTO = "auto"
_GOLDEN = ("experts", "rater_golden", "at_least")
_MATRICES = ("smoothing", "pooling")
_WITHOUT_USUAL = {"experts", "rater_golden", "truths_are_answers"}  # they follow from the files, see `_record`


@dataclass(frozen=True)
class Method:
    """A row of `METHODS`. Its name and the options that differ from `usual` are recorded as `Scores.method`."""

    summary: str  # in a few words, for help pages
    compute: Callable[..., Aggregation]  # takes votes, and options by name
    of_all_votes: bool  # whether the scores of an image depend on votes on images that are not golden
    biased_by_stop: bool  # whether votes that a stop rule ended bias the scores
    options: tuple[str, ...] = ()  # the arguments of `aggregate` that it takes
    needs: tuple[str, ...] = ()  # options that it cannot be without
    usual: Mapping[str, Any] = field(default_factory=dict)  # the value of each option that is recorded

    def __post_init__(self) -> None:
        """Raise `ValueError` if scores could not be made again as they were."""
        silent = set(self.options) - set(self.usual) - _WITHOUT_USUAL
        if silent:
            raise ValueError(f"a method needs the usual value of each option to record: {', '.join(sorted(silent))}")
        defaults = {name: each.default for name, each in signature(self.compute).parameters.items()}
        others = [name for name in self.options if defaults.get(name, ...) != self.usual.get(name, defaults.get(name))]
        if others := [name for name in others if name != "original" or name not in defaults]:
            raise ValueError(f"options are arguments of the function, with the same defaults: {', '.join(others)}")


METHODS: Mapping[str, Method] = {
    "calibrated": Method(
        "raters are measured on golden answers",
        by_calibration,
        of_all_votes=False,
        biased_by_stop=False,
        options=(*_GOLDEN, "original", "truths_are_answers", *_MATRICES),
        needs=("experts",),
        usual={"original": False, "at_least": None, "smoothing": 0.0, "pooling": POOLING},
    ),
    "em": Method(
        "Dawid and Skene's EM",
        by_em,
        of_all_votes=True,
        biased_by_stop=False,
        options=(*_GOLDEN, "truths_are_answers", *_MATRICES),
        usual={"at_least": None, "smoothing": 0.0, "pooling": POOLING},
    ),
    "mean": Method("of no 0, maybe 0.5, yes 1", by_mean, of_all_votes=False, biased_by_stop=True),
    "majority": Method("the share of each answer, or class", by_majority, of_all_votes=False, biased_by_stop=True),
    "imagenet-real": Method(
        "as ReaL's scores were made",
        by_real_recipe,
        of_all_votes=False,
        biased_by_stop=False,
        options=(*_GOLDEN, "original", *_MATRICES),
        needs=("experts",),
        usual={
            "original": True,
            "at_least": REAL_RECIPE.experts_at_least,
            "smoothing": REAL_RECIPE.smoothing,
            "pooling": REAL_RECIPE.pooling,
        },
    ),
}


def aggregate(
    votes: Votes,
    method: str = AUTO,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    truths_are_answers: bool | None = None,
    at_least: int | None = None,
    smoothing: float | None = None,
    pooling: float | None = None,
) -> Aggregation:
    """Compute scores from votes.

    Methods
    -------
    - ``calibrated`` measures each rater on golden items, and then takes one Bayes posterior.
    - ``em`` finds the raters' matrices, the prior and the posteriors from the votes, see `fit_dawid_skene`. Golden
      items stay at the experts' truth.
    - ``majority`` takes the share of each answer; of (image, class) questions, the share of yes.
    - ``mean`` takes the mean of no 0, maybe 0.5, yes 1. Numbers count in proportion, other words evenly spaced.
    - ``imagenet-real`` computes scores as ImageNet ReaL did: ``calibrated`` with that benchmark's numbers.
    - ``auto`` takes em without golden answers, or the majority for counts of votes without raters. With golden answers
      and votes on other items, it takes em too, unless calibrated is correct on more golden items, by more than one
      standard error of the paired difference. Golden images (or plain items) are split into 10 folds for this. Both
      methods judge each fold without its golden answers.

    Parameters
    ----------
    votes
        The votes. Of votes for one class per image, each class gets the score of an (image, class) question.
    method
        The name of a method.
    experts
        The experts' votes on golden items.
    rater_golden
        The raters' votes on golden items; by default those among `votes`.
    original
        Original labels, which vote as one more rater on (image, class) questions. For calibrated and imagenet-real.
    truths_are_answers
        Whether an item can be any of the answers, instead of valid or invalid; by default False for (image, class)
        questions, and True otherwise. For calibrated and em.
    at_least
        Number of experts who must agree; by default more than half of those who answered the item, for imagenet-real 3.
    smoothing
        Votes added to each cell of each matrix's counts; by default 0, for imagenet-real 1.
    pooling
        Votes of the mean matrix added to each row of each rater's counts; by default 4, for imagenet-real 0.

    Returns
    -------
    Aggregation
        Its `scores` say how they were made. `posterior` has the probabilities of plain items, `model` the raters'
        matrices, and `facts` what else there is to say, such as the reason for the choice of ``auto``.

    Raises
    ------
    DataError
        Unknown method; an option that the method does not take, or one that it needs is missing; no golden item was
        voted on; the votes have no raters, or more than 4,096 classes, and the method needs a rater model.

    Warns
    -----
    ReassessWarning
        Of em and calibrated: a truth has no item left, all golden items have one truth, or neither the votes nor golden
        items support that the method decides against the votes' majority.
    ConvergenceWarning
        EM did not converge.

    Examples
    --------
    >>> item, rater = np.repeat(np.arange(9), 3), np.tile(np.arange(3), 9)
    >>> answer = np.where(rater == 2, 0, item % 2)
    >>> votes = Votes.from_columns(range(9), item, rater, answer, ("ann", "bo", "cy"), ("cat", "dog"))
    >>> aggregate(votes, method="majority").posterior.most_likely()
    array([0, 1, 0, 1, 0, 1, 0, 1, 0])
    >>> one = np.zeros(4, int)
    >>> experts = Votes.from_columns(range(4), np.arange(4), one, np.arange(4) % 2, ("eve",), ("cat", "dog"))
    >>> aggregate(votes, experts=experts).facts["choice"]
    'em: of 4 golden items, left out in 4 folds, em is correct on 4 and calibrated on 4'
    """
    check_type(Votes, votes)
    check_known([method], (AUTO, *METHODS), thing="method")
    given: dict[str, Any] = {
        "experts": experts,
        "rater_golden": rater_golden,
        "original": original,
        "truths_are_answers": truths_are_answers,
        "at_least": at_least,
        "smoothing": smoothing,
        "pooling": pooling,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if method != AUTO:
        _check_options(method, options)
    if experts is None and not options.keys().isdisjoint(("original", "rater_golden", "at_least")):
        raise DataError(
            "missing-golden",
            "original labels, votes on golden items and a number of experts need golden answers",
            fix="give the experts' votes, or leave the others out",
        )
    result = _by_auto(votes, **options) if method == AUTO else _named(method, votes, options)
    result.check()
    return result


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    method = METHODS[name]
    unused = [option for option in options if option not in method.options]
    if unused:
        raise DataError(
            "unused-option",
            f"method {name} does not use {unused[0]}",
            allowed=some(method.options, most=9) or "votes",
            fix=f"leave out {unused[0]}, or choose another method",
        )
    if any(need not in options for need in method.needs):
        raise DataError(
            "missing-golden",
            f"method {name} needs golden answers",
            fix="give the experts' votes on golden items, or choose another method",
        )


# --- how scores were made ---------------------------------------------------------------------------------------------


def _record(name: str, options: Mapping[str, Any], votes: Votes) -> str:
    """How scores are made, as `parse_method` reads it: the method, and each option that is not as usual."""
    values = {**options, "original": "original" in options}
    usual = {**METHODS[name].usual, "truths_are_answers": natural_truths(votes) != VALIDITY}
    unusual = {key: values[key] for key in usual if key in values and values[key] != usual[key]}
    return ", ".join([name, *(f"{key}={json.dumps(value)}" for key, value in unusual.items())])


def parse_method(text: str) -> tuple[str, dict[str, Any]]:
    """Read how scores were made: the method, and the options that are not as usual."""
    name, *parts = text.split(", ")
    check_known([name], METHODS, thing="method")
    options: dict[str, Any] = {}
    for part in parts:
        option, _, value = part.partition("=")
        try:
            check_known([option], METHODS[name].options, thing=f"option of method {name}")
            options[option] = json.loads(value)
        except json.JSONDecodeError as error:
            raise DataError(
                "unknown-method",
                "method has an option without a value",
                allowed="calibrated, pooling=2",
                found=repr(text),
            ) from error
    return name, options


def is_method_known(scores: Scores) -> bool:
    """Whether the scores say how they were made, by one of `METHODS`."""
    return scores.method.partition(", ")[0] in METHODS


def uses_golden(scores: Scores) -> bool:
    """Whether experts' answers made the scores, by their method, which is known."""
    method = METHODS[parse_method(scores.method)[0]]
    return "experts" in method.needs or ("experts" in method.options and scores.golden is not None)


def remake(
    scores: Scores, votes: Votes, *, experts: Votes, rater_golden: Votes | None, original: LabelSets | None
) -> Aggregation:
    """Compute scores in the recorded way, perhaps with fewer golden answers; without warnings."""
    if not is_method_known(scores):
        raise DataError(
            "unknown-method",
            "how these scores were made is unknown",
            allowed=some(tuple(METHODS), most=9),
            found=None if scores.method == UNKNOWN_METHOD else scores.method,
            fix=Fix("name the method: {method}", method='"NAME"'),
        )
    name, options = parse_method(scores.method)
    if options.pop("original", METHODS[name].usual.get("original")):
        if original is None:
            raise DataError(
                "missing-original",
                "these scores were made with original labels",
                found=scores.method,
                fix="give the original labels",
            )
        options["original"] = original
    if uses_golden(scores):
        options |= {"experts": experts, "rater_golden": rater_golden}
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):  # given when the scores were made
        return METHODS[name].compute(votes, **options)


# --- the default method -----------------------------------------------------------------------------------------------


def _by_auto(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    truths_are_answers: bool | None = None,
    at_least: int | None = None,
    **matrices: float,
) -> Aggregation:
    """Choose the method, say why, and compute scores by it."""
    given: dict[str, Any] = matrices | (
        {} if truths_are_answers is None else {"truths_are_answers": truths_are_answers}
    )
    if experts is None:
        return _named("majority", votes, {}) if votes.anonymous else _named("em", votes, given)
    votes.require_raters("a rater model")
    votes, experts, golden, answers = prepare(votes, experts, rater_golden, truths_are_answers)
    given |= {"rater_golden": golden, "at_least": at_least, "truths_are_answers": answers}
    with_labels = given | ({} if original is None else {"original": original})
    if original is not None:
        reason = "only calibrated takes original labels as votes"
        return _named("calibrated", votes, with_labels | {"experts": experts}, reason)
    if not (votes.sizes[experts.find(votes.items) < 0] > 0).any():
        reason = "all items with votes are golden, and em would repeat the golden answers"
        return _named("calibrated", votes, given | {"experts": experts}, reason)
    truths = votes.answers if answers else VALIDITY
    truth = expert_truth(experts, truths, at_least=at_least).values
    judges: dict[str, Callable[[Votes, Votes], Posterior]] = {
        "em": lambda _, some: by_em(votes, experts=some, **given).posterior,
        "calibrated": lambda judged, some: by_calibration(judged, experts=some, **given).posterior,
    }
    trial = try_on_golden(votes, experts, golden, truths, truth, judges)
    method = "calibrated" if trial.is_better("calibrated", "em", errors=1) else "em"
    result = _named(method, votes, given | {"experts": experts}, _reason(trial, method))
    if method == "em":
        return replace(result, check=partial(result.check, lambda: trial))
    known = np.append(truth, -1)[experts.find(votes.items)]
    return replace(result, check=partial(_check_calibrated, result, votes, known, trial))


def _named(name: str, votes: Votes, options: Mapping[str, Any], reason: str = "") -> Aggregation:
    result = METHODS[name].compute(votes, **options)
    facts = {"choice": f"{name}: {reason}"} if reason else {}
    return replace(result, method=_record(name, options, votes), facts=facts | result.facts)


def _check_calibrated(result: Aggregation, votes: Votes, known: npt.NDArray[np.int64], trial: GoldenTrial) -> None:
    """Give the warnings of calibrated, and one more if golden answers do not support it."""
    result.check()
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
