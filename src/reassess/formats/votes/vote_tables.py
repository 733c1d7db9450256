"""Votes as a long table with a row per vote; `vote_counts` reads those without raters."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from reassess.core import KNOWN_ANSWERS, Classes, Id, Items, Questions, Votes
from reassess.core.answers import are_known, folded, ordered_answers
from reassess.core.items import normal_ids
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.formats.question_columns import columns_of_questions, ids_of_column, ids_of_texts
from reassess.formats.tables import factorize, find_column, floats, locate_row, read_table, refuse_missing
from reassess.formats.votes.vote_counts import count_table, holds_counts, named_answers, read_counts
from reassess.text import counted, some

if TYPE_CHECKING:
    import polars as pl


_FROM_LEAST = "from what speaks least for the class to what speaks most"
_GIVE_ALL = Fix(f"give all answers, {_FROM_LEAST}: {{answers}}, or answers in benchmark.json", answers="[...]")
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
    """All answers in their order, and the position of each vote's answer there."""
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
            ReassessWarning(
                f"{path}: the answers {some(numbers, most=10)} are taken for all that were possible, {_FROM_LEAST}",
                Fix.join(", ", "if there are others", _GIVE_ALL),
            ),
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
        "unknown-answer" if allowed else "unknown-answer-order",
        "unknown answer" if allowed else "answer is neither for nor against the class",
        where=locate_row(path, int(rows[first])),
        allowed=some(allowed, most=10) if allowed else "no, maybe and yes; whole numbers; or others in a given order",
        found=some(other) + (f"; and {some(known)}" if known else ""),
        fix=Fix.join(", or ", "correct it", _GIVE_ALL) if on_questions else None,
    )


_ITEM, _RATER, _ANSWER = ("item", "task", "question"), ("rater", "worker"), ("answer", "label")


def read_vote_table(
    path: Path, answers: Sequence[Id] | None, classes: Classes | None = None, *, once: bool = False
) -> Votes:
    """Votes of a table. See `formats.votes.read_votes`."""
    table = read_table(path, text=("image", *_ITEM, *_RATER, *_ANSWER))
    names = set(table.columns)
    if not names & {*_ITEM, *_RATER, *_ANSWER} and holds_counts(table):
        _refuse_scale(path, answers, classes)
        return read_counts(path, table, answers, _listed(path, answers, classes))
    for_classes = "image" in names and not names & {"class", *_ITEM}
    items, item_ids = _items_of(path, table, classes, are_images=for_classes)
    rater = table[find_column(path, table, *_RATER)]
    answer = table[find_column(path, table, *_ANSWER)]
    refuse_missing(path, rater, needed=answer.is_not_null())
    refuse_missing(path, answer, needed=rater.is_not_null())
    cast = rater.is_not_null()  # the other rows name an item without votes
    if not cast.any():
        raise DataError("missing-votes", "table has no votes", where=path, fix="write it again")
    raters, rater_ids = coded_ids(rater.filter(cast))
    voted = cast.to_numpy()
    columns: dict[str, Any] = {"items": items, "item_ids": item_ids[voted], "rater_ids": rater_ids, "raters": raters}
    if "seconds" in names:
        columns["seconds"] = floats(path, table["seconds"]).cast(float).fill_null(np.nan).to_numpy()[voted]
    if for_classes:
        _refuse_yes_and_no(path, answer.filter(cast), classes)
        _refuse_scale(path, answers, classes)
        class_ids, listed = ids_of_column(path, answer.filter(cast), _listed(path, answers, classes))
        return Votes.from_columns(**columns, **named_answers(path, class_ids, listed, answers))
    given, answer_ids = coded_ids(answer.filter(cast))
    on_questions = isinstance(items, Questions)
    rows = np.flatnonzero(voted)
    order, placed = place_answers(path, given, answer_ids, rows, answers, on_questions=on_questions)
    if once:
        _refuse_two_answers(path, item_ids[voted] * len(raters) + rater_ids, answer.filter(cast), placed, rows)
    return Votes.from_columns(**columns, answer_ids=placed, answers=order)


def _refuse_two_answers(
    path: Path,
    cells: npt.NDArray[np.int64],
    given: "pl.Series",
    answer_ids: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
) -> None:
    """Refuse different answers in one cell, of a rater and an item."""
    order = np.argsort(cells, kind="stable")
    changed = np.flatnonzero((np.diff(cells[order]) == 0) & (np.diff(answer_ids[order]) != 0))
    if changed.size:
        first, again = order[changed[0] : changed[0] + 2].tolist()
        raise DataError(
            "two-answers",
            "rater gives two answers to one question",
            where=locate_row(path, int(rows[first])),
            found=f"{given[first]}, and {given[again]} in {locate_row(path, int(rows[again])).removeprefix(f'{path}, ')}",
            fix="leave out the one that does not hold",
        )


def _listed(path: Path, answers: Sequence[Id] | None, classes: Classes | None) -> Classes | None:
    """The list in which classes are looked up: as given, or that of all answers; None where the file makes it."""
    if classes is not None or not answers:
        return classes
    return ids_of_texts(path, [str(answer) for answer in answers], None)[1]


def _items_of(
    path: Path, table: "pl.DataFrame", classes: Classes | None, *, are_images: bool
) -> tuple[Items, npt.NDArray[np.int64]]:
    """The items in the order in which they first come, and the position of each row's item."""
    if "image" in table.columns and "class" in table.columns:
        image = table["image"]
        refuse_missing(path, image)
        class_ids, classes = ids_of_column(path, table["class"], classes)
        _, image_ids = coded_ids(image)
        keys = (image_ids << 32) + class_ids
        _, first, ids = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rows = first[order]
        images = [str(name) for name in image.gather(rows).to_list()]
        return Questions.from_columns(images, class_ids[rows], classes), np.argsort(order)[ids]
    item = table["image" if are_images else _item_column(path, table)]
    refuse_missing(path, item)
    ids, item_ids = coded_ids(item)
    return tuple(map(str, ids)) if are_images else ids, item_ids


def _item_column(path: Path, table: "pl.DataFrame") -> str:
    if not set(_ITEM) & set(table.columns) or "class" in table.columns:
        raise DataError(
            "missing-column",
            "column 'image' is missing" if "class" in table.columns else "column with items is missing",
            where=path,
            allowed=f"image and class; image alone, where answers are classes; or {', '.join(_ITEM)}",
            found=", ".join(table.columns[:12]),
            fix="rename the columns",
        )
    return find_column(path, table, *_ITEM)


def _refuse_yes_and_no(path: Path, answers: "pl.Series", classes: Classes | None) -> None:
    """Refuse answers to questions in a table that does not say which classes these were about."""
    given = answers.unique().to_list()
    named = classes is not None and all(classes.find(answer) is not None for answer in given)
    if are_known(given) and not named:
        raise DataError(
            "missing-column",
            "answers are yes or no, but no column has the class",
            where=path,
            allowed="a column class; or, without it, classes as answers",
            found=some(sorted(given)),
            fix="add the column class; if the classes are called so, list them in classes.txt",
        )


def _refuse_scale(path: Path, answers: Sequence[Id] | None, classes: Classes | None) -> None:
    """Refuse the answers to questions, such as yes and no, for votes that are for one class an image."""
    texts = [str(answer) for answer in answers or ()]
    no_class = are_known(texts) if classes is None else all(classes.id_of(text, where=str(path)) < 0 for text in texts)
    if texts and no_class:
        raise DataError(
            "not-on-questions",
            "votes are for one class per image, not on (image, class) questions",
            where=path,
            allowed=f"a column class, and the answers {some(texts)}",
            fix="give this file and the votes that go with it the columns image and class, or both image alone",
        )


def coded_ids(series: "pl.Series") -> tuple[tuple[Id, ...], npt.NDArray[np.int64]]:
    """The different ids of a column of text, in the order in which they first come, and each row's position there."""
    values, codes = factorize(series)
    return normal_ids(values), codes


def vote_table(votes: Votes) -> "pl.DataFrame":
    """A row a vote; an item without votes has one row with neither rater nor answer. Of counts, a row for each."""
    import polars as pl

    if votes.anonymous:
        return count_table(votes)
    item_ids = np.repeat(np.arange(len(votes.items)), np.maximum(votes.sizes, 1))
    vote = np.full(item_ids.size, -1)
    vote[votes.sizes[item_ids] > 0] = np.arange(len(votes))
    vote_rows = pl.Series(vote).replace(-1, None)
    if isinstance(votes.items, Questions):
        of_items = columns_of_questions(votes.items, item_ids)
    else:
        of_items = {"item" if votes.classes is None else "image": _texts(votes.items).gather(item_ids)}
    columns = {
        **of_items,
        "rater": _texts(votes.raters).gather(pl.Series(votes.rater_ids).gather(vote_rows)),
        "answer": _texts(votes.answers).gather(pl.Series(votes.answer_ids).gather(vote_rows)),
    }
    if votes.seconds is not None:
        columns["seconds"] = pl.Series(votes.seconds).fill_nan(None).gather(vote_rows)
    return pl.DataFrame(columns)


def _texts(ids: Sequence[Id]) -> "pl.Series":
    import polars as pl

    if any(isinstance(name, str) for name in ids):
        return pl.Series([str(name) for name in ids], dtype=pl.String)
    return pl.Series(ids, dtype=pl.Int64)
