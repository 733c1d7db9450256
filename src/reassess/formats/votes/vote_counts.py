"""Vote counts per class, without raters: a row per image and class, or a column per class."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Id, Votes
from reassess.core.checks import check_known, check_range, find_first_duplicate
from reassess.errors import DataError, ReassessWarning
from reassess.formats.question_columns import class_ids_from_column, class_ids_from_texts
from reassess.formats.tables import describe_row_place, refuse_missing_values, to_integers, to_text
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl


_IMAGE, _CLASS, _COUNT = "image", "class", "count"
_FIX = (
    f"write counts with a row per image and a column per class, or with the columns {_IMAGE}, {_CLASS} and {_COUNT}; "
    f"write votes with the columns {_IMAGE}, rater and answer"
)

IntArray = npt.NDArray[np.int64]
_MAX_VOTES = 1_000_000_000


class _Counts(NamedTuple):
    """Numbers of votes for an image and a class; `image_ids` are positions in `images`."""

    images: tuple[str, ...]
    image_ids: IntArray
    class_ids: IntArray
    counts: IntArray
    classes: Classes


class ClassAnswers(NamedTuple):
    """The arguments of `Votes` for votes whose answers are classes: answer of each vote, all answers, class list."""

    answer_ids: IntArray
    answers: tuple[Id, ...]
    classes: Classes


def has_vote_counts(table: "pl.DataFrame") -> bool:
    """Return whether a table without raters and answers has vote counts, in one or several columns."""
    names = set(table.columns)
    return _IMAGE in names and ({_CLASS, _COUNT} <= names or len(names - {_IMAGE, _CLASS}) > 1)


def read_counts(path: Path, table: "pl.DataFrame", answers: Sequence[Id] | None, classes: Classes | None) -> Votes:
    """Read votes from a table of counts; see `reassess.read_votes`."""
    refuse_missing_values(path, table[_IMAGE])
    read = _read_long if _is_long_format(path, table, classes) else _read_wide
    images, image_ids, class_ids, counts, classes = read(path, table, classes)
    if not counts.any():
        raise DataError("missing-votes", "table has no votes", where=path, fix="export the votes again")
    if counts.max() > _MAX_VOTES or counts.sum() > _MAX_VOTES:
        raise DataError(
            "out-of-range",
            "too many votes",
            where=path,
            allowed=f"{_MAX_VOTES:,} votes in all",
            found=f"a count of {counts.max():,}",
            fix="check that the numbers are counts of votes",
        )
    class_answers = make_class_answers(path, np.repeat(class_ids, counts), classes, answers, candidate_ids=class_ids)
    return Votes.from_columns(
        items=images,
        item_ids=np.repeat(image_ids, counts),
        rater_ids=np.full(counts.sum(), -1, np.int32),
        raters=(),
        **class_answers._asdict(),
    )


def _is_long_format(path: Path, table: "pl.DataFrame", classes: Classes | None) -> bool:
    """Return whether all counts are in the column "count"; `DataError` if other columns may also be counts."""
    names = [name for name in table.columns if name not in (_IMAGE, _CLASS)]
    if _COUNT not in names:
        return False
    others = [name for name in names if name != _COUNT and table[name].dtype.is_numeric()]
    if (
        classes is not None
        and classes.wnids_or_names
        and all(classes.find(name) is not None for name in (_COUNT, *others))
    ):
        return False
    if others:
        raise DataError(
            "ambiguous-column",
            f"table has the column {_COUNT!r} and other columns of numbers, so it is unclear which columns count votes",
            where=path,
            found=join_first([_COUNT, *others]),
            fix=f"delete {_COUNT} if the other columns count votes per class; otherwise delete the other columns",
        )
    return _CLASS in table.columns


def _read_long(path: Path, table: "pl.DataFrame", classes: Classes | None) -> _Counts:
    """Read counts from a table with a row per image and class."""
    class_ids, classes = class_ids_from_column(path, table[_CLASS], classes)
    position: dict[str, int] = {}
    names = table[_IMAGE].to_list()
    image_ids = np.fromiter((position.setdefault(name, len(position)) for name in names), np.int64, len(names))
    if repeat := find_first_duplicate(list(zip(names, class_ids.tolist(), strict=True))):
        row = repeat[1]
        raise DataError(
            "duplicate-class",
            "class is counted twice for an image",
            where=describe_row_place(path, row),
            found=f"image {names[row]}, class {table[_CLASS][row]}",
            fix="add the two counts",
        )
    return _Counts(tuple(position), image_ids, class_ids, _parse_counts(path, table[_COUNT]), classes)


def _read_wide(path: Path, table: "pl.DataFrame", classes: Classes | None) -> _Counts:
    """Read counts from a table with a column per class.

    Counts of 0 are omitted, except for the first image: its counts of 0 keep the classes without votes.
    """
    images = tuple(table[_IMAGE].to_list())
    if repeat := find_first_duplicate(images):
        row = repeat[1]
        raise DataError(
            "duplicate-image", "image is listed twice", where=describe_row_place(path, row), found=images[row], fix=_FIX
        )
    headings = [name for name in table.columns if name not in (_IMAGE, _CLASS)]
    id_of, classes = _ids_of_headings(path, headings, classes)

    def iterate_nonzero_counts() -> Iterator[tuple[IntArray, IntArray, IntArray]]:
        for name, class_id in sorted(id_of.items(), key=lambda item: item[1]):
            try:
                counts = _parse_counts(path, table[name])
            except DataError as error:
                error.fix = error.fix or _FIX
                raise
            rows = np.union1d(np.flatnonzero(counts), [0])
            yield rows, np.full(rows.size, class_id), counts[rows]

    image_ids, class_ids, counts = (np.concatenate(arrays) for arrays in zip(*iterate_nonzero_counts(), strict=True))
    if classes.has_local_ids:
        labels = set(to_text(path, table[_CLASS])) if _CLASS in table.columns else set()
        unconfirmed = [name for name in headings if name not in labels]
        if unconfirmed:
            warnings.warn(
                f"{path}: without a class list, each of these columns counts as a class: "
                f"{join_first(unconfirmed, max_items=5)}",
                ReassessWarning,
                stacklevel=2,
            )
    return _Counts(images, image_ids, class_ids, counts, classes)


def _ids_of_headings(path: Path, headings: Sequence[str], classes: Classes | None) -> tuple[dict[str, int], Classes]:
    """Return the class id of each column of counts, by its heading, and the class list."""
    if classes is not None and classes.wnids_or_names:
        unknown = [name for name in headings if classes.id_of(name, where=str(path)) < 0]
        if unknown:
            raise DataError(
                "unknown-column",
                "heading of a column of counts is not a class",
                where=path,
                allowed=classes.allowed_names_text,
                found=join_first(unknown, max_items=3),
                fix="delete columns that are not counts, or add the class to the class list",
            )
    return class_ids_from_texts(path, headings, classes)


def _parse_counts(path: Path, series: "pl.Series") -> IntArray:
    """Convert a column of counts to int64; `DataError` if a value is not a whole number of at least 0."""
    counts = to_integers(path, series)
    refuse_missing_values(path, counts)
    values = np.asarray(counts.to_numpy(), np.int64)
    check_range(values, 0, value_name="count", where=lambda row: describe_row_place(path, row, series.name))
    return values


def make_class_answers(
    path: Path,
    class_ids: IntArray,
    classes: Classes,
    answers: Sequence[Id] | None,
    *,
    candidate_ids: IntArray | None = None,
) -> ClassAnswers:
    """Make answers from the class id of each vote.

    By default, all answers are the classes in `candidate_ids`, or the classes with votes.
    """
    candidate_ids = class_ids if candidate_ids is None else candidate_ids
    check_range(candidate_ids, 0, classes.largest_id, value_name="class id", where=path)
    if answers:
        order = np.array(
            list(class_ids_from_texts(path, [str(answer) for answer in answers], classes)[0].values()), np.int64
        )
    else:
        order = np.unique(candidate_ids)
    names = classes.ids_to_answers(order.tolist())
    check_known(classes.ids_to_answers(np.unique(class_ids).tolist()), names, value_name="answer", where=path)
    ascending = np.argsort(order)
    answer_ids = ascending[np.searchsorted(order[ascending], class_ids)]
    return ClassAnswers(answer_ids, names, classes)


def make_count_table(votes: Votes) -> "pl.DataFrame":
    """Return a table of vote counts per image and class; an image without votes has a count of 0."""
    import polars as pl

    width = len(votes.answers)
    cells, counts = np.unique(votes.item_ids * width + votes.answer_ids, return_counts=True)
    empty = np.flatnonzero(votes.sizes == 0) * width
    cells, counts = np.concatenate([cells, empty]), np.concatenate([counts, np.zeros(empty.size, np.int64)])
    return pl.DataFrame(
        {
            _IMAGE: pl.Series(votes.images, dtype=pl.String).gather(cells // width),
            _CLASS: pl.Series(list(votes.answers)).gather(cells % width),
            _COUNT: counts,
        }
    )
