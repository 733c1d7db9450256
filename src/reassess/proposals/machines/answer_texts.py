"""Read the answers of a model: JSON, or text by a few rules."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reassess.core import KNOWN_ANSWERS

OFF_THE_LIST = "off the list"  # the text does not give one of the three answers
MISSING = "missing"  # the answer to one of the classes is missing

_THOUGHTS = re.compile(r"\A.*?</think>", re.DOTALL)
_CODE_FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.DOTALL)
_MARKS = " \t\n\r\"'`*_.,;:!?()[]"
_WORD = "|".join(KNOWN_ANSWERS)
_ANY_WORD = re.compile(rf"\b({_WORD})\b", re.IGNORECASE)
_FIRST_WORD = re.compile(rf"\A[\"'`*_]*({_WORD})[\"'`*_]*[.,;:!\n]", re.IGNORECASE)
_LAST_WORD = re.compile(  # at the start of a sentence, since "I doubt that the answer is yes" is another answer
    rf"(?:^|[.!?] *)[\"'`*_]*(?:(?:the|my|final) )*answer(?: is|:)[\s\"'`*_]*({_WORD})[\s\"'`*_.!]*\Z",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBERED_LINE = re.compile(r"\A[\s*_-]*(\d+)[.:)\s*_]+(.*)\Z")


def read_answer(text: str) -> str:
    """Read the answer to one question: no, maybe or yes, or else `OFF_THE_LIST`.

    These texts are the answer yes; upper and lower case do not matter:

    - a JSON object whose only key, or key ``answer``, has the value "yes"
    - only the word, with or without quotes, punctuation or Markdown
    - the word at the start, before a punctuation mark or line break: "Yes, the tail of a cat."
    - the word at the end, in a sentence that starts with "answer:" or "the answer is": "I see a tail. Answer: yes"

    A text with two of the words no, maybe and yes is off the list, wherever they are. Code fences around the text, and
    text up to ``</think>``, are removed first. A text with ``<think>`` and no end of the thoughts is off the list.

    >>> [read_answer(text) for text in ('{"answer": "yes"}', "**Maybe**", "No. It is a dog.", "no doubt")]
    ['yes', 'maybe', 'no', 'off the list']
    """
    text = _remove_wrapping(text)
    document = _parse_json(text)
    if isinstance(document, dict):
        values = _fold_keys(document)
        value = next(iter(values.values())) if len(values) == 1 else values.get("answer")
        return _read_word(value)
    return _read_text(text)


def read_task_answers(text: str, names: Sequence[str]) -> list[str]:
    """Read the answers to numbered classes: for each class no, maybe or yes, or else `OFF_THE_LIST` or `MISSING`.

    The text is a JSON object, or has a line such as ``2. yes`` for each class; the text after the number is read as by
    `read_answer`. In an object, the keys are the numbers from 1, or the `names` of the classes, in any order. A list in
    the key ``answers``, or without an object, has the answers in order. If a name is the number of another class, as
    for digits, all keys must be names, or all must be numbers from 1, and not both.

    >>> read_task_answers('{"2": "no", "1": "yes"}', ["cat", "dog"])
    ['yes', 'no']
    >>> read_task_answers("1. yes", ["cat", "dog"])
    ['yes', 'missing']
    """
    text = _remove_wrapping(text)
    document = _parse_json(text)
    if isinstance(document, dict):
        document = _fold_keys(document)
        inner = document.get("answers")
        document = _fold_keys(inner) if isinstance(inner, dict) else inner if isinstance(inner, list) else document
    if isinstance(document, list):
        # A list of another length could skip any class.
        return [_read_value(value) for value in document] if len(document) == len(names) else [MISSING] * len(names)
    if isinstance(document, dict):
        answers = {key: _read_value(value) for key, value in document.items()}
    else:
        answers = _read_lines(text)
    return _answers_in_order(answers, [name.strip().casefold() for name in names])


def _answers_in_order(answers: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Find the answer to each class, whose key is its number from 1, or its name."""
    numbers = [str(number) for number in range(1, len(names) + 1)]
    if any(name in numbers and name != number for number, name in zip(numbers, names, strict=True)):
        are_names, are_numbers = sorted(answers) == sorted(names), sorted(answers) == sorted(numbers)
        if are_names == are_numbers:
            return [OFF_THE_LIST] * len(names)
        return [answers[key] for key in (names if are_names else numbers)]
    return [
        answers.get(number, answers.get(name, MISSING) if names.count(name) == 1 else MISSING)
        for number, name in zip(numbers, names, strict=True)
    ]


def _read_lines(text: str) -> dict[str, str]:
    """Read numbered lines; two lines with one number and different answers are off the list."""
    answers: dict[str, str] = {}
    for number, line_text in _numbered_lines(text):
        answer = _read_text(line_text)
        if answers.setdefault(str(number), answer) != answer:
            answers[str(number)] = OFF_THE_LIST
    return answers


def _numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    for line in text.splitlines():
        match = _NUMBERED_LINE.match(line)
        if match is not None and len(match[1]) < 5:
            yield int(match[1]), match[2]


def remove_thoughts(text: str) -> str:
    """Remove the thoughts of a reasoning model; nothing is left if they have no end."""
    text = _THOUGHTS.sub("", text, count=1).strip()
    return "" if "<think>" in text else text


def _remove_wrapping(text: str) -> str:
    """Remove the thoughts of a reasoning model, and code fences."""
    text = remove_thoughts(text)
    match = _CODE_FENCE.match(text)
    return text if match is None else match[1].strip()


def _parse_json(text: str) -> Any:
    """Parse a text as JSON; None if it is not JSON, or has a key twice with different values."""
    try:
        return json.loads(text, object_pairs_hook=_refuse_two_values)
    except (ValueError, RecursionError):
        return None


def _refuse_two_values(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if document.setdefault(key, value) != value:
            raise ValueError(f"key {key!r} has two values")
    return document


def _fold_keys(document: dict[str, Any]) -> dict[str, Any]:
    return {key.strip().casefold(): value for key, value in document.items()}


def _read_value(value: object) -> str:
    """Read the JSON value of one of several answers."""
    return MISSING if value is None else _read_word(value)


def _read_word(value: object) -> str:
    """Read a JSON value; only a string can be an answer, or an object with the only key answer."""
    if isinstance(value, dict) and len(value) == 1:
        value = _fold_keys(value).get("answer")
    return _read_text(value) if isinstance(value, str) else OFF_THE_LIST


def _read_text(text: str) -> str:
    text = "\n".join(line.strip() for line in text.splitlines() if line.strip())
    if len({word.casefold() for word in _ANY_WORD.findall(text)}) != 1:
        return OFF_THE_LIST
    word = text.strip(_MARKS).casefold()
    if word in KNOWN_ANSWERS:
        return word
    found = {match[1].casefold() for match in (_FIRST_WORD.match(text), _LAST_WORD.search(text)) if match is not None}
    return found.pop() if len(found) == 1 else OFF_THE_LIST
