"""Tables with a row per vote. The module `vote_counts` reads tables without raters."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from reassess.core import KNOWN_ANSWERS, Classes, Id, Items, Questions, Votes
from reassess.core.answers import are_known_answers, normalize_answer, sort_answers
from reassess.core.items import list_names, parse_ids
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.formats.question_columns import class_ids_from_column, class_ids_from_texts, columns_from_questions
from reassess.formats.tables import (
    describe_row_place,
    find_column,
    find_unique_values,
    read_table,
    refuse_missing_values,
    to_nullable_floats,
)
from reassess.formats.votes.other_vote_tables import has_rater_columns, name_tasks_as_images, unpivot_rater_columns
from reassess.formats.votes.vote_counts import has_vote_counts, make_class_answers, make_count_table, read_counts
from reassess.text import count_noun, join_first

if TYPE_CHECKING:
    import polars as pl


_LIST_ALL_ANSWERS = Fix(
    "list all answers, from invalid to valid: {answers}, or answers in benchmark.json", answers="[...]"
)
_NO_AND_YES = (0, 1)


def order_answers(
    path: Path,
    unique_answers: tuple[Id, ...],
    counts: Sequence[int],
    locate: Callable[[int], str],
    answers: Sequence[Id] | None,
    *,
    items_are_questions: bool,
) -> tuple[tuple[Id, ...], npt.NDArray[np.int64]]:
    """Return all possible answers, sorted, and the position of each of `unique_answers` among them.

    The unique answers are in order of first appearance. `counts` has the number of votes of each, and `locate` returns
    the place of its first vote.
    """
    keys = (
        [normalize_answer(answer) for answer in unique_answers]
        if items_are_questions or are_known_answers(unique_answers)
        else list(unique_answers)
    )
    fits = answers and (not items_are_questions or {normalize_answer(answer) for answer in answers} & set(keys))
    if answers and fits:
        order = tuple(answers)
    else:
        order = _infer_answer_order(path, keys) if items_are_questions else sort_answers(tuple(dict.fromkeys(keys)))
    ignores_case = items_are_questions or are_known_answers(order)
    position = {normalize_answer(answer) if ignores_case else answer: i for i, answer in enumerate(order)}
    if not set(keys) <= position.keys():
        unknown = [key not in position for key in keys]
        allowed = order if fits else None
        where = locate(unknown.index(True))
        _refuse_unknown_answers(
            where, unique_answers, counts, unknown, allowed, items_are_questions=items_are_questions
        )
    return order, np.array([position[key] for key in keys], np.int64)


def _infer_answer_order(path: Path, keys: Sequence[Id]) -> tuple[Id, ...]:
    """Return all answers, from invalid to valid: no, maybe, yes, or the whole numbers in the votes."""
    numbers = sorted({key for key in keys if isinstance(key, int)})
    if set(keys) & set(KNOWN_ANSWERS) or not numbers:
        return KNOWN_ANSWERS
    if len(set(keys)) == len(numbers) > 1 and tuple(numbers) != _NO_AND_YES:
        warnings.warn(
            ReassessWarning(
                f"{path}: assuming that these are all answers, from invalid to valid: "
                f"{join_first(numbers, max_items=10)}",
                Fix.join(", ", "if other answers were possible", _LIST_ALL_ANSWERS),
            ),
            stacklevel=2,
        )
    return tuple(numbers)


def _refuse_unknown_answers(
    where: str,
    unique_answers: Sequence[Id],
    counts: Sequence[int],
    is_unknown_answer: Sequence[bool],
    allowed: Sequence[Id] | None,
    *,
    items_are_questions: bool,
) -> NoReturn:
    by_count = sorted(zip(unique_answers, counts, is_unknown_answer, strict=True), key=lambda row: -row[1])
    bad, good = (
        [f"{answer!r} ({count_noun(n, 'vote')})" for answer, n, is_unknown in by_count if is_unknown is kind]
        for kind in (True, False)
    )
    raise DataError(
        "unknown-answer" if allowed else "unknown-answer-order",
        "unknown answer",
        where=where,
        allowed=join_first(allowed, max_items=10) if allowed else "no, maybe, yes; or only whole numbers",
        found=join_first(bad) + (f"; known answers: {join_first(good)}" if good else ""),
        fix=Fix.join(", or ", "correct it", _LIST_ALL_ANSWERS) if items_are_questions else None,
    )


ITEM_NAMES = ("item", "task", "question")
RATER_NAMES, ANSWER_NAMES = ("rater", "worker", "annotator"), ("answer", "label")


def read_vote_table(
    path: Path, answers: Sequence[Id] | None, classes: Classes | None = None, *, raise_if_contradictory: bool = False
) -> Votes:
    """Read votes from a table; see `reassess.read_votes`."""
    table = read_table(path, text_columns=("image", *ITEM_NAMES, *RATER_NAMES, *ANSWER_NAMES))
    return votes_from_table(path, table, answers, classes, raise_if_contradictory=raise_if_contradictory)


def votes_from_table(
    path: Path,
    table: "pl.DataFrame",
    answers: Sequence[Id] | None,
    classes: Classes | None,
    *,
    raise_if_contradictory: bool = False,
) -> Votes:
    """Make votes from a table; see `reassess.read_votes`."""
    named = {*ITEM_NAMES, *RATER_NAMES, *ANSWER_NAMES}
    if not named & set(table.columns) and has_rater_columns(table, classes):
        table = unpivot_rater_columns(path, table)
    if "task" in table.columns:
        table = name_tasks_as_images(table, find_column(path, table, *ANSWER_NAMES), classes)
    names = set(table.columns)
    if not names & named and has_vote_counts(table):
        _refuse_answers_that_are_not_classes(path, answers, classes)
        return read_counts(path, table, answers, _find_classes(path, answers, classes))
    answers_are_classes = "image" in names and not names & {"class", *ITEM_NAMES}
    items, item_ids = _read_items(path, table, classes, are_images=answers_are_classes)
    rater = table[find_column(path, table, *RATER_NAMES, fix="add the column (who gave the answer)")]
    answer = table[find_column(path, table, *ANSWER_NAMES)]
    refuse_missing_values(path, rater, is_needed=answer.is_not_null())
    refuse_missing_values(path, answer, is_needed=rater.is_not_null())
    is_vote = rater.is_not_null()  # other rows are items without votes
    if not is_vote.any():
        raise DataError("missing-votes", "table has no votes", where=path, fix="export the votes again")
    raters, rater_ids = factorize_ids(rater.filter(is_vote))
    voted = is_vote.to_numpy()
    columns: dict[str, Any] = {"items": items, "item_ids": item_ids[voted], "rater_ids": rater_ids, "raters": raters}
    if "seconds" in names:
        columns["seconds"] = to_nullable_floats(path, table["seconds"]).cast(float).fill_null(np.nan).to_numpy()[voted]
    if answers_are_classes:
        _refuse_yes_or_no_without_class(path, answer.filter(is_vote), classes)
        _refuse_answers_that_are_not_classes(path, answers, classes)
        class_ids, classes = class_ids_from_column(path, answer.filter(is_vote), _find_classes(path, answers, classes))
        return Votes.from_columns(**columns, **make_class_answers(path, class_ids, classes, answers)._asdict())
    unique_answers, answer_ids = factorize_ids(answer.filter(is_vote))
    items_are_questions = isinstance(items, Questions)
    rows = np.flatnonzero(voted)
    order, position_in_order = order_answers(
        path,
        unique_answers,
        np.bincount(answer_ids, minlength=len(unique_answers)).tolist(),
        lambda unique_id: describe_row_place(path, int(rows[np.argmax(answer_ids == unique_id)])),
        answers,
        items_are_questions=items_are_questions,
    )
    ordered_ids = position_in_order[answer_ids]
    if raise_if_contradictory:
        _refuse_two_answers(path, item_ids[voted] * len(raters) + rater_ids, answer.filter(is_vote), ordered_ids, rows)
    return Votes.from_columns(**columns, answer_ids=ordered_ids, answers=order)


def _refuse_two_answers(
    path: Path,
    pair_ids: npt.NDArray[np.int64],
    answers: "pl.Series",
    answer_ids: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
) -> None:
    """Raise if a rater has two different answers to one question.

    `pair_ids` has a number for each pair of item and rater.
    """
    order = np.argsort(pair_ids, kind="stable")
    changed = np.flatnonzero((np.diff(pair_ids[order]) == 0) & (np.diff(answer_ids[order]) != 0))
    if changed.size:
        first, again = order[changed[0] : changed[0] + 2].tolist()
        second_place = describe_row_place(path, int(rows[again])).removeprefix(f"{path}, ")
        raise DataError(
            "two-answers",
            "rater has two answers to one question",
            where=describe_row_place(path, int(rows[first])),
            found=f"{answers[first]}, and {answers[again]} in {second_place}",
            fix="delete one of the two answers",
        )


def _find_classes(path: Path, answers: Sequence[Id] | None, classes: Classes | None) -> Classes | None:
    """Return the class list, or make one from `answers`; None if the list must be made from the file."""
    if classes is not None or not answers:
        return classes
    return class_ids_from_texts(path, [str(answer) for answer in answers], None)[1]


def _read_items(
    path: Path, table: "pl.DataFrame", classes: Classes | None, *, are_images: bool
) -> tuple[Items, npt.NDArray[np.int64]]:
    """Return the items in order of first appearance, and the position of each row's item."""
    if "image" in table.columns and "class" in table.columns:
        image = table["image"]
        refuse_missing_values(path, image)
        class_ids, classes = class_ids_from_column(path, table["class"], classes)
        _, image_ids = factorize_ids(image)
        keys = (image_ids << 32) + class_ids
        _, first, ids = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rows = first[order]
        images = [str(name) for name in image.gather(rows).to_list()]
        return Questions.from_columns(images, class_ids[rows], classes), np.argsort(order)[ids]
    item = table["image" if are_images else find_item_column(path, table)]
    refuse_missing_values(path, item)
    ids, item_ids = factorize_ids(item)
    return tuple(map(str, ids)) if are_images else ids, item_ids


def find_item_column(path: Path, table: "pl.DataFrame") -> str:
    """Return the name of the column that identifies the items; raise unless exactly one column does."""
    if not set(ITEM_NAMES) & set(table.columns) or "class" in table.columns:
        raise DataError(
            "missing-column",
            "column 'image' is missing" if "class" in table.columns else "column 'item' is missing",
            where=path,
            allowed=f"{', '.join(ITEM_NAMES)}; image and class; or only image, if answers are classes",
            found=", ".join(table.columns[:12]),
            fix="rename the column, or add it",
        )
    return find_column(path, table, *ITEM_NAMES)


def _refuse_yes_or_no_without_class(path: Path, answers: "pl.Series", classes: Classes | None) -> None:
    """Raise if the answers are yes or no, but the table has no class column, so the questions are unknown."""
    unique = answers.unique().to_list()
    are_classes = classes is not None and all(classes.find(answer) is not None for answer in unique)
    if are_known_answers(unique) and not are_classes:
        raise DataError(
            "missing-column",
            "answers are yes or no, but column 'class' is missing",
            where=path,
            allowed="a column class, or classes as answers",
            found=join_first(sorted(unique)),
            fix="add the column; if yes and no are classes, list them in classes.txt",
        )


def _refuse_answers_that_are_not_classes(path: Path, answers: Sequence[Id] | None, classes: Classes | None) -> None:
    """Raise if the answers in the file are classes, but the allowed `answers` are words such as yes and no."""
    texts = [str(answer) for answer in answers or ()]
    are_not_classes = (
        are_known_answers(texts) if classes is None else all(classes.id_of(text, where=str(path)) < 0 for text in texts)
    )
    if texts and are_not_classes:
        raise DataError(
            "not-on-questions",
            "votes choose one class per image, but should answer (image, class) questions",
            where=path,
            allowed=f"a column class, and the answers {join_first(texts)}",
            fix="add the column class to this file, or list class names as the possible answers",
        )


def factorize_ids(series: "pl.Series") -> tuple[tuple[Id, ...], npt.NDArray[np.int64]]:
    """Return the unique ids, in order of first appearance, and the position of each row's id."""
    values, codes = find_unique_values(series)
    return parse_ids(values), codes


def make_vote_table(votes: Votes) -> "pl.DataFrame":
    """Return a table with a row per vote or count, and a row per item without votes."""
    import polars as pl

    if votes.is_anonymous:
        return make_count_table(votes)
    item_ids = np.repeat(np.arange(len(votes.items)), np.maximum(votes.sizes, 1))
    vote = np.full(item_ids.size, -1)
    vote[votes.sizes[item_ids] > 0] = np.arange(len(votes))
    vote_rows = pl.Series(vote).replace(-1, None)
    if isinstance(votes.items, Questions):
        item_columns = columns_from_questions(votes.items, item_ids)
    else:
        item_columns = {
            "item" if votes.classes is None else "image": _ids_to_text(list_names(votes.items)).gather(item_ids)
        }
    columns = {
        **item_columns,
        "rater": _ids_to_text(votes.raters).gather(pl.Series(votes.rater_ids).gather(vote_rows)),
        "answer": _ids_to_text(votes.answers).gather(pl.Series(votes.answer_ids).gather(vote_rows)),
    }
    if votes.seconds is not None:
        columns["seconds"] = pl.Series(votes.seconds).fill_nan(None).gather(vote_rows)
    return pl.DataFrame(columns)


def _ids_to_text(ids: Sequence[Id]) -> "pl.Series":
    import polars as pl

    if any(isinstance(name, str) for name in ids):
        return pl.Series([str(name) for name in ids], dtype=pl.String)
    return pl.Series(ids, dtype=pl.Int64)
