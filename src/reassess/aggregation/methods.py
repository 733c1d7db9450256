"""The table of methods, and the text that records a method with its options."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

from reassess.aggregation.aggregation_result import Aggregation
from reassess.aggregation.baselines import aggregate_by_majority, aggregate_by_mean
from reassess.aggregation.bcc import DEFAULT_SUBTYPES
from reassess.aggregation.classifier import compute_with_classifier
from reassess.aggregation.dependence import compute_with_discount
from reassess.aggregation.em_inputs import DEFAULT_POOLING, default_possible_truths
from reassess.aggregation.em_method import aggregate_by_em
from reassess.aggregation.golden_methods import aggregate_by_calibration, aggregate_by_imagenet_real
from reassess.aggregation.model_methods import aggregate_by_bcc, aggregate_by_one_accuracy, aggregate_by_stacking
from reassess.aggregation.stacking_weights import check_weights
from reassess.aggregation.tempering import compute_tempered
from reassess.core import REAL_RECIPE, VALIDITY, LabelSets, Predictions, Votes
from reassess.core.checks import check_known, check_number, check_type, check_unique
from reassess.errors import DataError, Fix
from reassess.text import join_and

_GOLDEN_OPTIONS = ("experts", "rater_golden", "min_experts")
_MATRIX_OPTIONS = ("smoothing", "pooling")
STACKING = "stacking"
TEMPERING = "tempering"  # the option of all methods that take golden answers and do not temper anyway
DEPENDENCE = "dependence"  # an option of calibrated
WEIGHTS = "weights"  # an option of stacking
CLASSIFIER = "classifier"  # an option of all methods with a model of raters, except imagenet-real
_COMMON_OPTIONS = (TEMPERING, DEPENDENCE, CLASSIFIER)  # of `compute_by_method`, not of the functions of methods
_GOLDEN_DEFAULTS = {"min_experts": None, TEMPERING: False, CLASSIFIER: False}
_MATRIX_DEFAULTS = {**_GOLDEN_DEFAULTS, "smoothing": 0.0, "pooling": DEFAULT_POOLING}
# The values of these options depend on the files, see `format_method`.
_OPTIONS_WITHOUT_DEFAULT = {"experts", "rater_golden", "truths_are_answers"}
_ARE_VOTES = {"experts", "rater_golden"}
_ARE_DATA = ("original", CLASSIFIER)  # scores record only whether they were given
_ARE_BOOLEANS = {TEMPERING, DEPENDENCE, "truths_are_answers"}


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
            if name not in _COMMON_OPTIONS
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
        options=(
            *_GOLDEN_OPTIONS,
            TEMPERING,
            DEPENDENCE,
            CLASSIFIER,
            "original",
            "truths_are_answers",
            *_MATRIX_OPTIONS,
        ),
        required_options=("experts",),
        defaults={"original": False, DEPENDENCE: False, **_MATRIX_DEFAULTS},
    ),
    "em": Method(
        "Dawid and Skene's EM",
        aggregate_by_em,
        uses_all_votes=True,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, TEMPERING, CLASSIFIER, "truths_are_answers", *_MATRIX_OPTIONS),
        defaults=_MATRIX_DEFAULTS,
    ),
    "onecoin": Method(
        "EM with one accuracy per rater",
        aggregate_by_one_accuracy,
        uses_all_votes=True,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, TEMPERING, CLASSIFIER, "truths_are_answers"),
        defaults=_GOLDEN_DEFAULTS,
    ),
    "ibcc": Method(
        "Dawid and Skene's model by variational Bayes",
        partial(aggregate_by_bcc, subtypes=1),
        uses_all_votes=True,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, TEMPERING, CLASSIFIER, "truths_are_answers", *_MATRIX_OPTIONS),
        defaults=_MATRIX_DEFAULTS,
    ),
    "ebcc": Method(
        "ibcc, where raters may err together on some items",
        partial(aggregate_by_bcc, subtypes=DEFAULT_SUBTYPES),
        uses_all_votes=True,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, TEMPERING, CLASSIFIER, "truths_are_answers", *_MATRIX_OPTIONS),
        defaults=_MATRIX_DEFAULTS,
    ),
    STACKING: Method(
        "weighted mean of majority, onecoin, em and ebcc",
        aggregate_by_stacking,
        uses_all_votes=True,
        is_biased_by_early_stopping=False,
        options=(*_GOLDEN_OPTIONS, CLASSIFIER, "truths_are_answers", WEIGHTS),
        defaults={"min_experts": None, CLASSIFIER: False, WEIGHTS: None},
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
        options=(*_GOLDEN_OPTIONS, TEMPERING, "original", *_MATRIX_OPTIONS),
        required_options=("experts",),
        defaults={
            "original": True,
            TEMPERING: False,
            "min_experts": REAL_RECIPE.min_experts,
            "smoothing": REAL_RECIPE.smoothing,
            "pooling": REAL_RECIPE.pooling,
        },
    ),
}


def check_option(name: str, value: Any) -> Any:
    """Check the type of an option of `aggregate`, and return it as a Python value."""
    value = value.item() if isinstance(value, np.generic) else value
    if name in _ARE_VOTES:
        check_type(Votes, value, value_name=name)
    elif name == "original":
        check_type(LabelSets, value, value_name=name)
    elif name == CLASSIFIER:
        check_type(Predictions, value, value_name=name, fix="read_predictions(FILE)")
    elif name in _ARE_BOOLEANS:
        check_type(bool, value, value_name=name, fix="give True or False")
    elif name == WEIGHTS:
        check_weights(value)
    elif name == "min_experts":
        check_number(value, 1, value_name="number of experts", is_whole=True)
    else:
        check_number(value, 0, value_name=name)
    return value


def unused_option_error(method_name: str, option: str) -> DataError:
    """Create the error that a method does not take an option; it names the methods that take it."""
    if (method_name, option) == (STACKING, TEMPERING):
        fix = Fix("remove {tempering}, or choose another method", tempering=None)
        return DataError("unused-option", "stacking always tempers", fix=fix)
    return DataError(
        "unused-option",
        f"method {method_name} does not use {option}",
        allowed=f"{option} with {join_and(list_methods_with(option), max_items=9)}",
        fix=f"remove {option}, or choose another method",
    )


def list_methods_with(option: str) -> list[str]:
    """List the names of the methods that take an option."""
    return [name for name, method in METHODS.items() if option in method.options]


def compute_by_method(
    method_name: str,
    votes: Votes,
    *,
    tempering: bool = False,
    dependence: bool = False,
    classifier: Predictions | None = None,
    **options: Any,
) -> Aggregation:
    """Compute scores by a method; discount raters that err together, add a classifier, and temper, if asked to."""
    compute = METHODS[method_name].compute
    if dependence:
        compute = partial(compute_with_discount, compute)
    if classifier is not None:
        return compute_with_classifier(compute, votes, options, predictions=classifier)
    return compute_tempered(compute, votes, options) if tempering else compute(votes, **options)


def format_method(method_name: str, options: Mapping[str, Any], votes: Votes) -> str:
    """Format a method, and the options that differ from the defaults, as the text that `parse_method` reads."""
    values = {**options, **{name: name in options for name in _ARE_DATA}}
    defaults = {**METHODS[method_name].defaults, "truths_are_answers": default_possible_truths(votes) != VALIDITY}
    changes = {key: values[key] for key in defaults if key in values and values[key] != defaults[key]}
    return ", ".join(
        [method_name, *(f"{key}={json.dumps(value, separators=(',', ':'))}" for key, value in changes.items())]
    )


def parse_method(text: str) -> tuple[str, dict[str, Any]]:
    """Parse the method that scores record, such as "em, pooling=2", into its name and options."""
    name, *parts = text.split(", ")
    check_known([name], METHODS, value_name="method")
    allowed = [option for option in METHODS[name].options if option not in _ARE_VOTES]
    options: dict[str, Any] = {}
    for part in parts:
        option, _, value = part.partition("=")
        check_known([option], allowed, value_name=f"option of method {name}")
        check_unique([*options, option], value_name=f"option of method {name}")
        try:
            options[option] = json.loads(value)
        except json.JSONDecodeError as error:
            raise DataError(
                "unknown-method",
                "method has an option without a value",
                allowed="calibrated, pooling=2",
                found=repr(text),
            ) from error
        if option in _ARE_DATA:
            check_type(bool, options[option], value_name=option)
        else:
            check_option(option, options[option])
    return name, options


def add_weights(method: str, facts: Mapping[str, Any]) -> str:
    """Add the weights and the power that stacking found to the text of its method; other methods stay as they are."""
    if method.partition(", ")[0] != STACKING:
        return method
    weights = json.dumps({**facts["weights"], "power": facts["tempering_power"]}, separators=(",", ":"))
    return f"{remove_weights(method)}, {WEIGHTS}={weights}"


def remove_weights(method: str) -> str:
    """Remove the weights of stacking from the text of a method."""
    return ", ".join(part for part in method.split(", ") if not part.startswith(f"{WEIGHTS}="))
