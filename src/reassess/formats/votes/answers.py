"""The answers of a table of votes: those that the file holds, in the order that is known or given."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from reassess.core.answers import KNOWN_ANSWERS, are_known, folded, ordered_answers
from reassess.core.items import Id
from reassess.errors import DataError, ReassessWarning
from reassess.formats.tables import place
from reassess.text import counted, some

__all__ = ["place_answers"]

_FROM_LEAST = "from what speaks least for the class to what speaks most"
_GIVE_ALL = f"give all answers, {_FROM_LEAST}: answers=[...], or answers in benchmark.json"
_USUAL_CODES = (0, 1)


def place_answers(
    path: Path,
    given: tuple[Id, ...],
    answer_ids: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    answers: Sequence[Id] | None,
    *,
    on_questions: bool,
) -> tuple[tuple[Id, ...], npt.NDArray[np.int64]]:
    """All answers in their order, and the position of each vote's answer there.

    Parameters
    ----------
    path
        The file, for messages.
    given
        The different answers in the file, as they are spelt.
    answer_ids
        Position of each vote's answer in `given`.
    rows
        The row of each vote in the table.
    answers
        All answers in their order. Of votes on questions they count only where the file has some of them: experts may
        have answered on another scale.
    on_questions
        Whether the votes are on (image, class) questions: answers are then known whatever their spelling, and it must
        be known how they speak for the class.

    Raises
    ------
    DataError
        An answer is none of those that can be given; the message counts them all.
    """
    keys = [folded(answer) for answer in given] if on_questions or are_known(given) else list(given)
    fits = answers and (not on_questions or {folded(answer) for answer in answers} & set(keys))
    if answers and fits:
        order = tuple(answers)
    else:
        order = _scale(path, keys) if on_questions else ordered_answers(tuple(dict.fromkeys(keys)))
    spelt_alike = on_questions or are_known(order)
    position = {folded(answer) if spelt_alike else answer: i for i, answer in enumerate(order)}
    if not set(keys) <= position.keys():
        unknown = [key not in position for key in keys]
        _refuse(path, given, answer_ids, rows, unknown, order if fits else None, on_questions=on_questions)
    return order, np.array([position[key] for key in keys], np.int64)[answer_ids]


def _scale(path: Path, keys: Sequence[Id]) -> tuple[Id, ...]:
    """The scale of answers whose order is known: no, maybe, yes, or whole numbers."""
    numbers = sorted({key for key in keys if isinstance(key, int)})
    if set(keys) & set(KNOWN_ANSWERS) or not numbers:
        return KNOWN_ANSWERS
    if len(set(keys)) == len(numbers) > 1 and tuple(numbers) != _USUAL_CODES:
        warnings.warn(
            f"{path}: the answers {some(numbers, most=10)} are taken for all that were possible, {_FROM_LEAST}; if "
            f"there are others, {_GIVE_ALL}",
            ReassessWarning,
            stacklevel=2,
        )
    return tuple(numbers)


def _refuse(
    path: Path,
    given: Sequence[Id],
    answer_ids: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    unknown: Sequence[bool],
    allowed: Sequence[Id] | None,
    *,
    on_questions: bool,
) -> NoReturn:
    counts = np.bincount(answer_ids, minlength=len(given)).tolist()
    votes = sorted(zip(given, counts, unknown, strict=True), key=lambda one: -one[1])
    other, known = (
        [f"{answer!r} ({counted(n, 'vote')})" for answer, n, bad in votes if bad is of] for of in (True, False)
    )
    first = int(np.argmax(np.array(unknown)[answer_ids]))
    raise DataError(
        "unknown answer" if allowed else "it is not known how an answer speaks for the class",
        where=place(path, int(rows[first])),
        allowed=some(allowed, most=10) if allowed else "no, maybe and yes; whole numbers; or others in a given order",
        found=some(other) + (f"; and {some(known)}" if known else ""),
        mend=f"correct it, or {_GIVE_ALL}" if on_questions else None,
    )
