"""The possible answers of raters, in order.

Answers to (image, class) questions form a scale from invalid to valid: no, maybe, yes; whole numbers; or other answers,
whose order the user specifies.
"""

from collections.abc import Sequence

import numpy as np

from reassess.core.checks import check_unique
from reassess.core.items import Id, parse_id
from reassess.errors import DataError, Fix
from reassess.text import join_first, to_nfc

KNOWN_ANSWERS = ("no", "maybe", "yes")
_KNOWN_WEIGHTS = {"no": 0.0, "maybe": 0.5, "yes": 1.0}


def answer_dtype(n_answers: int) -> type[np.unsignedinteger]:
    """Return the smallest integer type that can hold the ids of `n_answers` answers."""
    return np.uint8 if n_answers <= 1 << 8 else np.uint16 if n_answers <= 1 << 16 else np.uint32


def normalize_answer(answer: Id) -> Id:
    """Normalize an answer: lower case, Unicode NFC, without surrounding blanks; numbers as int."""
    return parse_id(to_nfc(answer.strip().casefold())) if isinstance(answer, str) else answer


def are_known_answers(answers: Sequence[Id]) -> bool:
    """Return whether all answers are "no", "maybe" or "yes", ignoring case and blanks."""
    return {normalize_answer(answer) for answer in answers} <= set(KNOWN_ANSWERS)


def check_answer_scale(answers: Sequence[Id]) -> tuple[Id, ...]:
    """Check that a list of possible answers goes from invalid to valid; return it, with no, maybe, yes in lower case.

    The answers are to (image, class) questions. `DataError` if no, maybe and yes are in another order, or if there is a
    single answer, which could mean valid or invalid.
    """
    keys = [normalize_answer(answer) for answer in answers]
    check_unique(keys, value_name="an answer")
    positions = [KNOWN_ANSWERS.index(str(key)) for key in keys if key in KNOWN_ANSWERS]
    if positions != sorted(positions):
        raise DataError(
            "wrong-answer-order",
            "no, maybe and yes are in another order",
            allowed=" before ".join(KNOWN_ANSWERS),
            found=join_first(answers),
        )
    if len(positions) == len(keys):
        return tuple(KNOWN_ANSWERS[position] for position in positions)
    if len(keys) == 1:
        raise DataError(
            "unknown-answer-order",
            "a single answer could mean valid or invalid",
            allowed="two answers or more, from invalid to valid",
            found=answers[0],
            fix=Fix("list all possible answers in this order, such as {answers}", answers="[0, 1]"),
        )
    return tuple(answers)


def extend_to_no_maybe_yes(answers: tuple[Id, ...]) -> tuple[Id, ...]:
    """Return (no, maybe, yes) if all answers are among these three words; otherwise return the answers."""
    return KNOWN_ANSWERS if are_known_answers(answers) else answers


def highest_answer(scale: tuple[Id, ...]) -> Id:
    """Return the answer that most supports that a class is valid, even if nobody gave this answer."""
    return extend_to_no_maybe_yes(scale)[-1]


def weigh_answers(scale: tuple[Id, ...]) -> list[float]:
    """Return a weight for each answer: 0 if it says that the class is invalid, 1 if it says that the class is valid.

    The weights are linear in the answers if these are ascending numbers, and evenly spaced otherwise.
    """
    known = standard_answer_weights(scale)
    if known is not None:
        return known
    are_numbers = all(isinstance(answer, int) for answer in scale) and list(scale) == sorted(scale)
    values = np.array(scale if are_numbers else range(len(scale)), np.float64)
    weights: list[float] = ((values - values[0]) / (values[-1] - values[0])).tolist()
    return weights


def sort_answers(answers: Sequence[Id]) -> tuple[Id, ...]:
    """Sort distinct answers: no < maybe < yes. Sort any other answers by value, numbers first."""
    if set(answers) <= set(KNOWN_ANSWERS):
        return tuple(answer for answer in KNOWN_ANSWERS if answer in answers)
    return tuple(sorted(answers, key=lambda answer: (isinstance(answer, str), answer)))


def standard_answer_weights(answers: Sequence[Id]) -> list[float] | None:
    """Return the weights of no (0), maybe (0.5) and yes (1); None if another word is among the answers."""
    return [_KNOWN_WEIGHTS[str(answer)] for answer in answers] if set(answers) <= set(KNOWN_ANSWERS) else None


def merge_answers(first: tuple[Id, ...], second: tuple[Id, ...]) -> tuple[Id, ...]:
    """Merge two lists of answers.

    If one list contains the answers of the other list in the same order, return the longer list; otherwise return all
    answers, sorted.
    """
    for longer, shorter in ((first, second), (second, first)):
        if tuple(answer for answer in longer if answer in shorter) == shorter:
            return longer
    merged = sort_answers(tuple(dict.fromkeys((*first, *second))))
    for answers in (first, second):
        if tuple(answer for answer in merged if answer in answers) != answers:
            raise DataError(
                "different-answers",
                "votes have answers in different orders",
                found=f"{join_first(first)} and {join_first(second)}",
                fix="read both files with the same list of answers",
            )
    return merged
