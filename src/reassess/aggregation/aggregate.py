"""Compute scores from votes: one function for every method, and the table of methods."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import signature
from typing import Any

from reassess.aggregation.aggregation_result import Aggregation
from reassess.aggregation.baselines import aggregate_by_majority, aggregate_by_mean
from reassess.aggregation.bcc import DEFAULT_SUBTYPES
from reassess.aggregation.em_inputs import DEFAULT_POOLING, default_possible_truths
from reassess.aggregation.em_method import aggregate_by_em
from reassess.aggregation.golden_items import align_with_golden, count_votes_on
from reassess.aggregation.golden_methods import aggregate_by_calibration, aggregate_by_imagenet_real
from reassess.aggregation.model_methods import aggregate_by_bcc, aggregate_by_one_accuracy, aggregate_by_stacking
from reassess.aggregation.tempering import compute_tempered
from reassess.core import REAL_RECIPE, VALIDITY, LabelSets, Votes
from reassess.core.checks import check_known, check_type
from reassess.errors import DataError
from reassess.text import join_and, join_first

AUTO = "auto"
_STACKING = "stacking"
_GOLDEN_OPTIONS = ("experts", "rater_golden", "min_experts")
_MATRIX_OPTIONS = ("smoothing", "pooling")
# These options have no effect without experts' golden votes.
_NEEDS_EXPERTS = {
    "original": "original labels",
    "rater_golden": "raters' golden votes",
    "min_experts": "a minimum number of experts",
    "tempering": "tempering",
}
_TEMPERING = "tempering"  # the option of all methods that take golden answers and do not temper anyway
# The values of these options depend on the files, see `_format_method`.
_OPTIONS_WITHOUT_DEFAULT = {"experts", "rater_golden", "truths_are_answers"}


@dataclass(frozen=True)
class Method:
    """A method that computes scores from votes, with its options."""

    summary: str  # a few words, for help pages
    compute: Callable[..., Aggregation]  # takes votes, and options as keywords
    uses_all_votes: bool  # whether the scores of a golden image depend on votes on other images
    is_biased_by_early_stopping: bool  # whether the scores are biased if a stop rule ended the voting
    options: tuple[str, ...] = ()  # the arguments of `aggregate` that the method takes
    required_options: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)  # the default of each option that scores record

    def __post_init__(self) -> None:
        """Raise `ValueError` if an option has no default, or a default that differs from that of `compute`."""
        missing = set(self.options) - set(self.defaults) - _OPTIONS_WITHOUT_DEFAULT
        if missing:
            raise ValueError(f"each option of a method needs a default; without one: {', '.join(sorted(missing))}")
        arguments = {name: each.default for name, each in signature(self.compute).parameters.items()}
        differing = [
            name
            for name in self.options
            if name != _TEMPERING
            and arguments.get(name, ...) != self.defaults.get(name, arguments.get(name))
            and (name != "original" or name not in arguments)
        ]
        if differing:
            raise ValueError(f"defaults of the method and of its function differ: {', '.join(differing)}")


METHODS: Mapping[str, Method] = {
    "calibrated": Method(
        "raters measured on golden answers",
        aggregate_by_calibration,
        uses_all_votes=False,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, _TEMPERING, "original", "truths_are_answers", *_MATRIX_OPTIONS),
        required_options=("experts",),
        defaults={
            "original": False,
            "min_experts": None,
            _TEMPERING: False,
            "smoothing": 0.0,
            "pooling": DEFAULT_POOLING,
        },
    ),
    "em": Method(
        "Dawid and Skene's EM",
        aggregate_by_em,
        uses_all_votes=True,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, _TEMPERING, "truths_are_answers", *_MATRIX_OPTIONS),
        defaults={"min_experts": None, _TEMPERING: False, "smoothing": 0.0, "pooling": DEFAULT_POOLING},
    ),
    "onecoin": Method(
        "EM with one accuracy per rater",
        aggregate_by_one_accuracy,
        uses_all_votes=True,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, _TEMPERING, "truths_are_answers"),
        defaults={"min_experts": None, _TEMPERING: False},
    ),
    "ibcc": Method(
        "Dawid and Skene's model by variational Bayes",
        partial(aggregate_by_bcc, subtypes=1),
        uses_all_votes=True,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, _TEMPERING, "truths_are_answers", *_MATRIX_OPTIONS),
        defaults={"min_experts": None, _TEMPERING: False, "smoothing": 0.0, "pooling": DEFAULT_POOLING},
    ),
    "ebcc": Method(
        "ibcc, where raters may err together on some items",
        partial(aggregate_by_bcc, subtypes=DEFAULT_SUBTYPES),
        uses_all_votes=True,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, _TEMPERING, "truths_are_answers", *_MATRIX_OPTIONS),
        defaults={"min_experts": None, _TEMPERING: False, "smoothing": 0.0, "pooling": DEFAULT_POOLING},
    ),
    "stacking": Method(
        "weighted mean of majority, onecoin, em and ebcc",
        aggregate_by_stacking,
        uses_all_votes=True,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, "truths_are_answers"),
        defaults={"min_experts": None},
    ),
    "mean": Method(
        "average of no 0, maybe 0.5, yes 1", aggregate_by_mean, uses_all_votes=False, is_biased_by_early_stopping=True
    ),
    "majority": Method(
        "share of each answer, or class", aggregate_by_majority, uses_all_votes=False, is_biased_by_early_stopping=True
    ),
    "imagenet-real": Method(
        "the recipe of the ReaL scores",
        aggregate_by_imagenet_real,
        uses_all_votes=False,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, _TEMPERING, "original", *_MATRIX_OPTIONS),
        required_options=("experts",),
        defaults={
            "original": True,
            _TEMPERING: False,
            "min_experts": REAL_RECIPE.min_experts,
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
    min_experts: int | None = None,
    smoothing: float | None = None,
    pooling: float | None = None,
    tempering: bool | None = None,
) -> Aggregation:
    """Compute scores from votes.

    Methods
    -------
    - ``calibrated`` measures each rater on golden items, and then computes the posterior of each item by Bayes' rule.
    - ``em`` estimates the raters' matrices, the prior and the posteriors from the votes, see `fit_dawid_skene`. Golden
      items keep the experts' truth.
    - ``onecoin`` is ``em`` for a simpler model, where each rater has one accuracy.
    - ``ibcc`` and ``ebcc`` fit the model of ``em`` by variational Bayes, see `fit_bcc`. With ``ebcc``, each truth has
      subtypes, so that raters can make the same mistakes on the items of a subtype.
    - ``stacking`` is the weighted mean of ``majority``, ``onecoin``, ``em`` and ``ebcc``; with golden answers, also of
      ``calibrated``. The weights depend on how well each method predicts votes and truths that it has not seen. Then
      the probabilities are raised to a power. Raters who seem to copy from each other count as one, see `find_copies`.
    - ``majority`` computes the share of each answer; for (image, class) questions, the share of yes.
    - ``mean`` computes the mean answer: no 0, maybe 0.5, yes 1. Answers that are numbers are scaled to 0 to 1; other
      answers are evenly spaced.
    - ``imagenet-real`` computes scores as ImageNet ReaL did: by ``calibrated``, with the options of ImageNet ReaL.
    - ``auto`` is stacking; calibrated with original labels, or if all items with votes are golden; and majority for
      votes without the names of raters.

    Parameters
    ----------
    votes
        The votes. Votes for one class per image give a score to each (image, class) question.
    method
        The name of a method.
    experts
        The experts' votes on golden items.
    rater_golden
        The raters' votes on golden items; by default taken from `votes`.
    original
        Original labels, which vote as one more rater on (image, class) questions. For calibrated and imagenet-real.
    truths_are_answers
        If True, the truth of an item is one of the answers; if False, it is valid or invalid. By default False for
        (image, class) questions, and True otherwise. For the methods with a rater model.
    min_experts
        Number of experts who must agree; by default more than half of the item's experts, for imagenet-real 3.
    smoothing
        Pseudo-votes added to each cell of each rater's counts; by default 0, for imagenet-real 1.
    pooling
        Pseudo-votes added to each row of each rater's counts, distributed as in the mean matrix; by default 4, for
        imagenet-real 0.
    tempering
        If True, probabilities are made less or more certain, so that they agree with golden answers. By default False;
        stacking always does this.

    Returns
    -------
    Aggregation
        `scores` record how they were made, `posterior` has the probability of each truth of each item, `model` the
        raters' matrices, and `facts` other results, such as the reason for the choice of ``auto``.

    Raises
    ------
    DataError
        The method is unknown; it does not take an option, or a required option is missing; no golden item has a vote;
        the method needs a rater model, and the votes have no raters, or more than 4,096 classes.

    Warns
    -----
    ReassessWarning
        By em: a truth has no item left, or em decides against the majority of the votes, and neither the votes nor
        golden items support this. By calibrated and imagenet-real: all golden items have the same truth. By stacking:
        raters seem to copy from each other.
    ConvergenceWarning
        EM did not converge.

    Examples
    --------
    >>> import numpy as np
    >>> item, rater = np.repeat(np.arange(9), 3), np.tile(np.arange(3), 9)
    >>> answer = np.where(rater == 2, 0, item % 2)
    >>> votes = Votes.from_columns(range(9), item, rater, answer, ("ann", "bo", "cy"), ("cat", "dog"))
    >>> aggregate(votes, method="majority").posterior.most_likely()
    array([0, 1, 0, 1, 0, 1, 0, 1, 0])
    >>> one = np.zeros(4, int)
    >>> experts = Votes.from_columns(range(4), np.arange(4), one, np.arange(4) % 2, ("eve",), ("cat", "dog"))
    >>> aggregate(votes, experts=experts).method
    'stacking'
    """
    check_type(Votes, votes)
    check_known([method], (AUTO, *METHODS), value_name="method")
    arguments: dict[str, Any] = {
        "experts": experts,
        "rater_golden": rater_golden,
        "original": original,
        "truths_are_answers": truths_are_answers,
        "min_experts": min_experts,
        "smoothing": smoothing,
        "pooling": pooling,
        "tempering": tempering,
    }
    options = {name: value for name, value in arguments.items() if value is not None}
    name, reason = _choose_default_method(votes, options) if method == AUTO else (method, "")
    _check_options(name, options)
    result = _run_method(name, votes, options, reason)
    result.warn_if_unreliable()
    return result


def _check_options(method_name: str, options: Mapping[str, Any]) -> None:
    """Raise `DataError` if a method does not take an option, or if golden answers are missing."""
    method = METHODS[method_name]
    unused = [option for option in options if option not in method.options]
    if unused:
        raise DataError(
            "unused-option",
            f"method {method_name} does not use {unused[0]}",
            allowed=join_first(method.options, max_items=9) or "votes",
            fix=f"remove {unused[0]}, or choose another method",
        )
    if any(need not in options for need in method.required_options):
        raise DataError(
            "missing-golden",
            f"method {method_name} needs golden answers",
            fix="give the experts' votes on golden items, or choose another method",
        )
    unusable = [] if "experts" in options else [words for name, words in _NEEDS_EXPERTS.items() if name in options]
    if unusable:
        raise DataError(
            "missing-golden",
            "experts' golden votes are missing",
            found=f"{join_and(unusable)}, only used together with experts' golden votes",
            fix="give the experts' votes on golden items, or remove these options",
        )


def _format_method(method_name: str, options: Mapping[str, Any], votes: Votes) -> str:
    """Format a method, and the options that differ from the defaults, as the text that `parse_method` reads."""
    values = {**options, "original": "original" in options}
    defaults = {**METHODS[method_name].defaults, "truths_are_answers": default_possible_truths(votes) != VALIDITY}
    changes = {key: values[key] for key in defaults if key in values and values[key] != defaults[key]}
    return ", ".join([method_name, *(f"{key}={json.dumps(value)}" for key, value in changes.items())])


# --- the default method -----------------------------------------------------------------------------------------------


def _choose_default_method(votes: Votes, options: Mapping[str, Any]) -> tuple[str, str]:
    """Choose a method for votes and golden answers; also return the reason, or "" if it is the usual method."""
    if "original" in options:
        return "calibrated", "only calibrated takes original labels as votes"
    experts = options.get("experts")
    if experts is None:
        return ("majority", "votes without raters") if votes.is_anonymous else (_STACKING, "")
    votes.require_raters("a rater model")
    arguments = (options.get(name) for name in ("rater_golden", "truths_are_answers"))
    votes, experts, *_ = align_with_golden(votes, experts, *arguments)
    if len(votes) == count_votes_on(experts.items, votes).sum():
        return "calibrated", "all items with votes are golden, and stacking would repeat the golden answers"
    return _STACKING, ""


def _run_method(method_name: str, votes: Votes, options: Mapping[str, Any], reason: str = "") -> Aggregation:
    """Compute scores with a method; record the method, its options and the reason why the method was chosen."""
    result = compute_by_method(method_name, votes, **options)
    facts = {"choice": f"{method_name}: {reason}"} if reason else {}
    return replace(result, method=_format_method(method_name, options, votes), facts=facts | result.facts)


def compute_by_method(method_name: str, votes: Votes, *, tempering: bool = False, **options: Any) -> Aggregation:
    """Compute scores with a method, and temper them if asked."""
    compute = METHODS[method_name].compute
    return compute_tempered(compute, votes, options) if tempering else compute(votes, **options)


def parse_method(text: str) -> tuple[str, dict[str, Any]]:
    """Parse the method that scores record, such as "em, pooling=2", into its name and options."""
    name, *parts = text.split(", ")
    check_known([name], METHODS, value_name="method")
    options: dict[str, Any] = {}
    for part in parts:
        option, _, value = part.partition("=")
        try:
            check_known([option], METHODS[name].options, value_name=f"option of method {name}")
            options[option] = json.loads(value)
        except json.JSONDecodeError as error:
            raise DataError(
                "unknown-method",
                "method has an option without a value",
                allowed="calibrated, pooling=2",
                found=repr(text),
            ) from error
    return name, options
