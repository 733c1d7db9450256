"""Facts about a benchmark that only its owner knows, in the block "release" of benchmark.json."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

from reassess.core.checks import check_known
from reassess.errors import DataError

ReleaseFacts = Mapping[str, Any]  # values of some of `RELEASE_FACTS`
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?")
_SPDX_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]*")


class ReleaseFact(NamedTuple):
    """A fact of the owner: what to write, and the check of its value."""

    instruction: str
    is_valid: Callable[[Any], bool]
    allowed: str  # a valid value, in words


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"https?://[^\s]+", value) is not None


def _is_license(value: Any) -> bool:
    return _is_address(value) or (isinstance(value, str) and _SPDX_ID.fullmatch(value) is not None)


def _text_fact(instruction: str) -> ReleaseFact:
    return ReleaseFact(instruction, _is_text, "a text")


RELEASE_FACTS: Mapping[str, ReleaseFact] = {
    "description": _text_fact("what the dataset is, in a few sentences"),
    "license": ReleaseFact(
        "the licence: an SPDX id such as CC-BY-4.0, or an address",
        _is_license,
        "an SPDX id, or an address that starts with https://",
    ),
    "creators": ReleaseFact("the people or groups that made the dataset", _is_list_of_texts, "a list of names"),
    "url": ReleaseFact("the address of the dataset", _is_address, "an address that starts with https://"),
    "version": ReleaseFact(
        "the version, such as 1.0.0",
        lambda value: isinstance(value, str) and _VERSION.fullmatch(value) is not None,
        "three numbers, such as 1.0.0",
    ),
    "published": ReleaseFact("the date of publication", _is_date, "a date, such as 2026-12-01"),
    "citation": _text_fact("how to cite the dataset, in BibTeX"),
    "funding": _text_fact("who paid for the dataset"),
    "collection": _text_fact("how, where and when the images were collected"),
    "derived_from": _text_fact("the datasets or sources that the images come from"),
    "synthetic": ReleaseFact("whether images are synthetic", lambda value: isinstance(value, bool), "true or false"),
    "platform": _text_fact("where raters answered"),
    "guidelines": _text_fact("the instructions that raters read"),
    "demographics": _text_fact("who the raters are, how they were recruited and paid"),
    "consent": _text_fact("whether raters, and people in images, agreed to publication"),
    "sensitive": _text_fact("personal or sensitive information in the images"),
    "biases": _text_fact("known biases of the images and labels"),
    "limitations": _text_fact("what the dataset cannot be used for"),
    "uses": _text_fact("what the dataset is for"),
    "impact": _text_fact("effects on people and society, good and bad"),
    "maintenance": _text_fact("who corrects errors, and how to report them"),
}


def check_release_facts(facts: ReleaseFacts) -> None:
    """Raise `DataError` for an unknown fact, or a value that does not fit."""
    check_known(list(facts), RELEASE_FACTS, value_name="fact about a release")
    for key, value in facts.items():
        fact = RELEASE_FACTS[key]
        if not fact.is_valid(value):
            raise DataError(
                "wrong-fact",
                f"fact about the release does not fit: {key}, {fact.instruction}",
                allowed=fact.allowed,
                found=repr(value),
                fix="correct it, or remove it",
            )
