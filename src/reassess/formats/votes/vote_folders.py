"""Votes in a folder of Parquet files, read once into arrays that are mapped from temporary files.

A segment is a group of successive rows on the same item. Items are numbered by first appearance, and an item's votes
keep their order, so that the result depends only on the rows, and not on how they are split into files. If each item
has one segment, the segments are the items. Otherwise, segments are split on disk by a hash of their item, so that
equal items can be found in memory.
"""

import errno
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Id, Votes
from reassess.core.answers import answer_dtype
from reassess.core.items import parse_ids
from reassess.errors import DataError, OutputError
from reassess.formats.files import as_path
from reassess.formats.question_columns import class_ids_from_texts
from reassess.formats.tables import describe_row_place
from reassess.formats.votes.stored_names import CLASS, ROWS_PER_BLOCK, StoredNames, TextIds
from reassess.formats.votes.temporary_tables import TemporaryTable
from reassess.formats.votes.vote_batches import ANSWER, RATER, Batch, VoteFolder, normalize_class
from reassess.formats.votes.vote_tables import order_answers
from reassess.numeric.arrays import create_mapped_array, split_rows
from reassess.text import format_bytes

if TYPE_CHECKING:
    import polars as pl

_BYTES_PER_VOTE = 48  # in temporary files, if each vote is on another item, without the names of items
_MAX_ANSWERS = 1 << 16
_SEGMENTS_PER_PART = 1 << 20
_ROWS_PER_PART_BLOCK = 1 << 13  # small, because each part collects a block in memory
_FIRST_VOTE, _SEGMENT, _PART = "first vote", "segment", "part"


def read_vote_folder(
    folder: str | Path,
    *,
    answers: Sequence[Id] | None = None,
    temporary_folder: str | Path,
    report: Callable[[str], object] = lambda _: None,
) -> Votes:
    """Read votes from a folder of Parquet files, without loading them into memory.

    Parameters
    ----------
    folder
        A folder of Parquet files with the same columns, as for `read_votes`: rater and answer, and image and class, or
        item. The files are read in the order of their names. Files whose name starts with ``_`` or ``.`` are ignored.
    answers
        All possible answers, for questions from invalid to valid; by default the answers in the files.
    temporary_folder
        The folder for temporary files. They are removed with the votes.
    report
        Is called with the disk space that the temporary files need.

    Returns
    -------
    Votes whose `items` are names in a file, and whose arrays are mapped from files.

    Raises
    ------
    DataError
        A file is not a Parquet file of votes, or is damaged, or has other columns than the first file; a value is
        missing; an answer is unknown; two names mean the same image; or the votes choose one class per image.
    OutputError
        The disk of the temporary folder has not enough space.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import polars as pl
    >>> folder = Path(mkdtemp())
    >>> table = pl.DataFrame({"item": ["x", "y", "x"], "rater": ["ann", "ann", "bo"], "answer": ["no", "yes", "no"]})
    >>> table.write_parquet(folder / "votes.parquet")
    >>> votes = read_vote_folder(folder, temporary_folder=mkdtemp())
    >>> votes.sizes, votes.items.take_items(np.array([1, 0]))
    (array([2, 1]), ('y', 'x'))
    """
    source, temporary = VoteFolder(as_path(folder)), as_path(temporary_folder)
    n_rows = source.count_rows()
    if not n_rows:
        raise DataError("empty-file", "files have no rows", where=source.path, fix="write the files again")
    _check_disk_space(source, n_rows, temporary, report)
    with convert_full_disk_errors(temporary):
        rows = _RowReader(source, n_rows, temporary)
        for batch in source.iterate_batches():
            rows.add_batch(batch)
        return rows.make_votes(answers)


class _RowReader:
    """Arrays of votes in the order of the files, and the segments: successive rows on the same item."""

    def __init__(self, source: VoteFolder, n_rows: int, temporary: Path) -> None:
        self._source, self._temporary = source, temporary
        self._raters, self._answers, self._classes = TextIds(), TextIds(), TextIds(normalize_class)
        self._rater_ids = create_mapped_array(temporary, n_rows, np.int32)
        self._answer_ids = create_mapped_array(temporary, n_rows, np.uint16)
        self._answer_counts: Counter[int] = Counter()
        self._first_rows: list[tuple[Path, int]] = []  # file and row where each answer appears first
        self._segments = TemporaryTable(temporary, ROWS_PER_BLOCK)
        self._last_item: pl.DataFrame | None = None
        self._n_votes = 0

    def add_batch(self, batch: Batch) -> None:
        """Add the next rows of votes in the order of the files."""
        import polars as pl

        items = batch.table.select(self._source.item_columns)
        if self._source.are_questions:
            items = items.with_columns(pl.Series(CLASS, self._classes.find_or_add(batch.table[CLASS]), dtype=pl.Int32))
        is_vote = batch.table[RATER].is_not_null()
        is_first = _find_segment_starts(items, self._last_item)
        self._last_item = items.tail(1)
        votes_before = self._n_votes + np.cumsum(is_vote.to_numpy()) - is_vote.to_numpy()
        self._segments.append(items.with_columns(pl.Series(_FIRST_VOTE, votes_before)).filter(pl.Series(is_first)))
        votes = batch.table.filter(is_vote)
        rows = slice(self._n_votes, self._n_votes + len(votes))
        self._rater_ids[rows] = self._raters.find_or_add(votes[RATER])
        answer_ids = self._answers.find_or_add(votes[ANSWER])
        self._n_votes = rows.stop
        if len(self._answers.ids) > _MAX_ANSWERS:
            raise DataError(
                "too-many", "too many different answers", where=batch.path, allowed=f"up to {_MAX_ANSWERS:,}"
            )
        self._answer_ids[rows] = answer_ids
        unique, first, counts = np.unique(answer_ids, return_index=True, return_counts=True)
        self._answer_counts.update(dict(zip(unique.tolist(), counts.tolist(), strict=True)))
        vote_rows = batch.first_row + np.flatnonzero(is_vote.to_numpy())
        for number, at in zip(unique.tolist(), first.tolist(), strict=True):
            if number == len(self._first_rows):
                self._first_rows.append((batch.path, int(vote_rows[at])))

    def make_votes(self, answers: Sequence[Id] | None) -> Votes:
        """Return the votes, grouped by item."""
        if not self._n_votes:
            raise DataError(
                "missing-votes", "files have no votes", where=self._source.path, fix="export the votes again"
            )
        order, position_in_order = order_answers(
            self._source.path,
            parse_ids(self._answers.ids),
            [self._answer_counts[number] for number in range(len(self._answers.ids))],
            lambda number: describe_row_place(*self._first_rows[number]),
            answers,
            items_are_questions=self._source.are_questions,
        )
        answer_ids = create_mapped_array(self._temporary, self._n_votes, answer_dtype(len(order)))
        for rows in split_rows(self._n_votes):
            answer_ids[rows] = position_in_order[self._answer_ids[rows]]
        del self._answer_ids
        columns = _group_by_item(self._segments, self._rater_ids[: self._n_votes], answer_ids, self._temporary)
        class_ids, classes = self._find_classes()
        items = StoredNames(self._temporary, columns.pop("names"), class_ids, classes)
        if items.are_questions:
            items.check_image_names(f"{self._source.path}, the questions")
        return Votes(items=items, raters=parse_ids(self._raters.ids), answers=order, **columns)

    def _find_classes(self) -> tuple[npt.NDArray[np.int64], Classes | None]:
        """Return the class ids, in order of first appearance, and the class list; None if items have no class."""
        if not self._source.are_questions:
            return np.zeros(0, np.int64), None
        id_of, classes = class_ids_from_texts(self._source.path, list(self._classes.ids), None)
        return np.array([id_of[text] for text in self._classes.ids], np.int64), classes


def _find_segment_starts(items: "pl.DataFrame", last_item: "pl.DataFrame | None") -> npt.NDArray[np.bool_]:
    """Return whether each row is on another item than the row before; `last_item` is the item before the first row."""
    import polars as pl

    is_first = (
        items.select(pl.any_horizontal(pl.all() != pl.all().shift(1)))
        .to_series()
        .fill_null(True)
        .to_numpy(writable=True)
    )
    is_first[0] = last_item is None or not items.head(1).equals(last_item)
    return is_first


def _group_by_item(
    segments: TemporaryTable, rater_ids: npt.NDArray[np.int32], answer_ids: npt.NDArray[Any], temporary: Path
) -> dict[str, Any]:
    """Group votes by item; return a dict with the names of the items, and the arrays for a `Votes` object."""
    segment_starts = create_mapped_array(temporary, len(segments) + 1, np.int64)
    hashes = create_mapped_array(temporary, len(segments), np.uint64)
    for start, frame in segments.iterate_blocks():
        segment_starts[start : start + len(frame)] = frame[_FIRST_VOTE].to_numpy()
        hashes[start : start + len(frame)] = frame.drop(_FIRST_VOTE).hash_rows().to_numpy()
    segment_starts[-1] = rater_ids.size
    hashes.sort()
    if not any((hashes[rows][1:] == hashes[rows][:-1]).any() for rows in _overlapping_blocks(len(segments))):
        return {"names": segments, "indptr": segment_starts, "rater_ids": rater_ids, "answer_ids": answer_ids}
    from reassess.numeric.vote_kernels import assign_item_ids_to_segments, group_segments_by_item

    item_of_segment = _find_first_segments(segments, temporary)
    n_items = assign_item_ids_to_segments(item_of_segment)
    columns = {
        "indptr": create_mapped_array(temporary, n_items + 1, np.int64),
        "rater_ids": create_mapped_array(temporary, rater_ids.size, rater_ids.dtype),
        "answer_ids": create_mapped_array(temporary, answer_ids.size, answer_ids.dtype),
    }
    group_segments_by_item(item_of_segment, segment_starts, rater_ids, answer_ids, *columns.values())
    return {"names": _select_first_segment_of_each_item(segments, item_of_segment, temporary), **columns}


def _overlapping_blocks(n_rows: int) -> Iterator[slice]:
    """Split rows into blocks that share a row with the next block, so that all neighbours are compared."""
    return (slice(rows.start, min(rows.stop + 1, n_rows)) for rows in split_rows(n_rows))


def _find_first_segments(segments: TemporaryTable, temporary: Path) -> npt.NDArray[np.int64]:
    """For each segment, find the first segment on the same item. A segment is successive rows on the same item."""
    import polars as pl

    n_parts = -(-len(segments) // _SEGMENTS_PER_PART)
    parts = [TemporaryTable(temporary, _ROWS_PER_PART_BLOCK) for _ in range(n_parts)]
    for start, frame in segments.iterate_blocks():
        keys = frame.drop(_FIRST_VOTE)
        part = (keys.hash_rows() % n_parts).alias(_PART)
        numbered = keys.with_row_index(_SEGMENT, start).with_columns(pl.col(_SEGMENT).cast(pl.Int64), part)
        for (number,), rows in numbered.partition_by(_PART, as_dict=True, include_key=False).items():
            parts[int(number)].append(rows)
    first_segments = create_mapped_array(temporary, len(segments), np.int64)
    for part_file in parts:
        if len(part_file):
            table = pl.concat([frame for _, frame in part_file.iterate_blocks()])
            first = table.select(
                pl.col(_SEGMENT).min().over([name for name in table.columns if name != _SEGMENT])
            ).to_series()
            first_segments[table[_SEGMENT].to_numpy()] = first.to_numpy()
    return first_segments


def _select_first_segment_of_each_item(
    segments: TemporaryTable, item_of_segment: npt.NDArray[np.int64], temporary: Path
) -> TemporaryTable:
    """Select the first segment of each item. A segment is successive rows on the same item."""
    import polars as pl

    names, n_items = TemporaryTable(temporary, ROWS_PER_BLOCK), 0
    for start, frame in segments.iterate_blocks():
        highest = np.maximum.accumulate(np.append(n_items - 1, item_of_segment[start : start + len(frame)]))
        names.append(frame.filter(pl.Series(highest[1:] > highest[:-1])))
        n_items = int(highest[-1]) + 1
    return names


def _check_disk_space(source: VoteFolder, n_rows: int, temporary: Path, report: Callable[[str], object]) -> None:
    """Report how much disk space the temporary files need, and raise `OutputError` if the disk has less free space."""
    needed = _BYTES_PER_VOTE * n_rows + 3 * sum(path.stat().st_size for path in source.files)
    free = shutil.disk_usage(temporary).free
    report(f"{n_rows:,} rows; temporary files need up to {format_bytes(needed)} of disk space in {temporary}")
    if needed > free:
        raise _full_disk_error(temporary, format_bytes(needed), format_bytes(free))


@contextmanager
def convert_full_disk_errors(temporary: Path) -> Iterator[None]:
    """Raise an `OutputError` if the disk of the temporary folder is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise _full_disk_error(temporary, None, error.strerror) from error


def _full_disk_error(folder: Path, needed: str | None, found: str | None) -> OutputError:
    return OutputError(
        "disk-full",
        "not enough disk space for temporary files",
        where=folder,
        allowed=needed and f"{needed} free",
        found=found,
        fix="free space on the disk, choose an output folder on another disk, or set TMPDIR",
    )
