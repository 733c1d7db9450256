"""The answers that raters can give, in their order.

Answers to (image, class) questions are a scale, from what speaks least for the class to what speaks most: no, maybe,
yes; whole numbers; or others, of which the order is given.
"""

from collections.abc import Sequence

import numpy as np

from reassess.core.checks import check_unique
from reassess.core.items import Id, normal_id
from reassess.errors import DataError, Fix
from reassess.text import composed, some

KNOWN_ANSWERS = ("no", "maybe", "yes")
_KNOWN_WEIGHTS = {"no": 0.0, "maybe": 0.5, "yes": 1.0}


def answer_type(answers: int) -> type[np.unsignedinteger]:
    """The smallest type that numbers so many answers."""
    return np.uint8 if answers <= 1 << 8 else np.uint16 if answers <= 1 << 16 else np.uint32


def folded(answer: Id) -> Id:
    """An answer in small letters, without blanks around it, each accent in one form; numbers as int."""
    return normal_id(composed(answer.strip().casefold())) if isinstance(answer, str) else answer


def are_known(answers: Sequence[Id]) -> bool:
    """Whether each of some answers is no, maybe or yes, in whatever spelling."""
    return {folded(answer) for answer in answers} <= set(KNOWN_ANSWERS)


def as_scale(answers: Sequence[Id]) -> tuple[Id, ...]:
    """Answers to (image, class) questions in a given order, the known ones in their usual spelling."""
    keys = [folded(answer) for answer in answers]
    check_unique(keys, thing="an answer")
    places = [KNOWN_ANSWERS.index(str(key)) for key in keys if key in KNOWN_ANSWERS]
    if places != sorted(places):
        raise DataError(
            "wrong-answer-order",
            "no, maybe and yes are in another order",
            allowed=" before ".join(KNOWN_ANSWERS),
            found=some(answers),
        )
    if len(places) == len(keys):
        return tuple(KNOWN_ANSWERS[place] for place in places)
    if len(keys) == 1:
        raise DataError(
            "unknown-answer-order",
            "a single answer does not show whether it is for or against a class",
            allowed="two answers or more, from what speaks least to what speaks most for the class",
            found=answers[0],
            fix=Fix("give all possible answers in this order, such as {answers}", answers="[0, 1]"),
        )
    return tuple(answers)


def whole_scale(answers: tuple[Id, ...]) -> tuple[Id, ...]:
    """A scale with the answers that were never given: no, maybe, yes if it has only these."""
    return KNOWN_ANSWERS if are_known(answers) else answers


def top_answer(scale: tuple[Id, ...]) -> Id:
    """The answer of a scale that speaks most for the class, also if nobody gave it."""
    return whole_scale(scale)[-1]


def scale_weights(scale: tuple[Id, ...]) -> list[float]:
    """How much each answer of a scale speaks for the class, from 0 to 1: evenly, except ascending numbers."""
    known = known_weights(scale)
    if known is not None:
        return known
    are_numbers = all(isinstance(answer, int) for answer in scale) and list(scale) == sorted(scale)
    values = np.array(scale if are_numbers else range(len(scale)), np.float64)
    weights: list[float] = ((values - values[0]) / (values[-1] - values[0])).tolist()
    return weights


def ordered_answers(answers: Sequence[Id]) -> tuple[Id, ...]:
    """Different answers in their order: no < maybe < yes is known, numbers and other text are sorted."""
    if set(answers) <= set(KNOWN_ANSWERS):
        return tuple(answer for answer in KNOWN_ANSWERS if answer in answers)
    return tuple(sorted(answers, key=lambda answer: (isinstance(answer, str), answer)))


def known_weights(answers: Sequence[Id]) -> list[float] | None:
    """The weights no 0, maybe 0.5, yes 1, where these are the answers."""
    return [_KNOWN_WEIGHTS[str(answer)] for answer in answers] if set(answers) <= set(KNOWN_ANSWERS) else None


def united_answers(first: tuple[Id, ...], second: tuple[Id, ...]) -> tuple[Id, ...]:
    """One order for both lists of answers: the longer one if it holds the other, else the order of the words."""
    for longer, shorter in ((first, second), (second, first)):
        if tuple(answer for answer in longer if answer in shorter) == shorter:
            return longer
    united = ordered_answers(tuple(dict.fromkeys((*first, *second))))
    for answers in (first, second):
        if tuple(answer for answer in united if answer in answers) != answers:
            raise DataError(
                "different-answers",
                "votes have answers in different orders",
                found=f"{some(first)} and {some(second)}",
                fix="read both with one list of answers",
            )
    return united
