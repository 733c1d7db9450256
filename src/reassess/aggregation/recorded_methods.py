"""How scores were made: read a recorded method, and compute scores by it again."""

import json
import warnings
from typing import Any

from reassess.aggregation.aggregate import METHODS
from reassess.aggregation.methods import Aggregation
from reassess.core import LabelSets, Scores, Votes
from reassess.core.checks import check_known
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.text import some


def parse_method(text: str) -> tuple[str, dict[str, Any]]:
    """Read a recorded method: its name, and the options that differ from the defaults."""
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
    """Return whether the scores record one of `METHODS`."""
    return scores.method.partition(", ")[0] in METHODS


def uses_golden(scores: Scores) -> bool:
    """Return whether the recorded method used experts' answers; the scores must record one."""
    method = METHODS[parse_method(scores.method)[0]]
    return "experts" in method.needs or ("experts" in method.options and scores.golden is not None)


def remake(
    scores: Scores, votes: Votes, *, experts: Votes, rater_golden: Votes | None, original: LabelSets | None
) -> Aggregation:
    """Compute scores again by their recorded method, without warnings, for example with fewer golden answers."""
    if not is_method_known(scores):
        raise DataError(
            "unknown-method",
            "the method of these scores is unknown",
            allowed=some(tuple(METHODS), most=9),
            found=None if scores.method == UNKNOWN_METHOD else scores.method,
            fix=Fix("name the method: {method}", method='"NAME"'),
        )
    name, options = parse_method(scores.method)
    if options.pop("original", METHODS[name].defaults.get("original")):
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
    # The same warnings were shown when the scores were made.
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        return METHODS[name].compute(votes, **options)
