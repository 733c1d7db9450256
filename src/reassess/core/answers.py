"""The answers that raters can give, in their order."""

from collections.abc import Sequence

import numpy as np

from reassess.core.items import Id
from reassess.errors import DataError
from reassess.text import some

__all__ = ["KNOWN_ANSWERS", "answer_type", "known_weights", "ordered_answers", "united_answers"]

KNOWN_ANSWERS = ("no", "maybe", "yes")
_KNOWN_WEIGHTS = {"no": 0.0, "maybe": 0.5, "yes": 1.0}


def answer_type(answers: int) -> type[np.unsignedinteger]:
    """The smallest type that numbers so many answers."""
    return np.uint8 if answers <= 1 << 8 else np.uint16 if answers <= 1 << 16 else np.uint32


def ordered_answers(answers: Sequence[Id]) -> tuple[Id, ...]:
    """Different answers in their order: no < maybe < yes is known, numbers and other text are sorted.

    >>> ordered_answers(["yes", "no"]), ordered_answers([4, 1, 2]), ordered_answers(["cat", "bird"])
    (('no', 'yes'), (1, 2, 4), ('bird', 'cat'))
    """
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
                "votes with answers in different orders cannot be joined",
                found=f"{some(first)} and {some(second)}",
                mend="read both with one list of answers",
            )
    return united
