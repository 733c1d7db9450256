"""Vote archives: a one-hot tensor (raters, questions, answers), read and written in blocks."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from reassess.core import KNOWN_ANSWERS, Classes, Id, Questions, Votes
from reassess.core.checks import check_length, check_shape
from reassess.core.items import parse_id
from reassess.errors import DataError, OutputError
from reassess.formats.archives import Archive, open_archive, read_array_header
from reassess.formats.question_columns import image_and_class_texts, questions_from_info_array

_BLOCK = 1 << 20  # bytes of the tensor per block
_INFO_ROWS = 1 << 14  # rows of info per block
_DTYPE_BY_WIDTH = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
_ANSWERS = "answers"
_SHAPES = {"ids": "raters", _ANSWERS: "answers"}


def read_vote_archive(path: Path, answers: Sequence[Id] | None, classes: Classes | None) -> Votes:
    """Read votes from an archive; see `reassess.read_votes`."""
    with open_archive(path) as archive:
        questions = _read_questions(archive, path, classes)
        raters = _read_ids(archive, path, "ids")
        names = answers or (_read_ids(archive, path, _ANSWERS) if _ANSWERS in archive else None)
        tensor = _read_tensor(archive, path, questions, raters)
    votes = Votes.from_columns(
        questions,
        tensor.items,
        tensor.raters,
        tensor.answers,
        raters,
        _choose_answer_names(tensor.n_answers, names, path),
    )
    if (cell := _find_rater_with_two_votes(votes)) is not None:
        item, rater = cell
        raise DataError(
            "two-answers",
            "rater has two answers to one question",
            where=f"{path}, rater {votes.raters[rater]}, {votes.describe_item(item)}",
            allowed="one answer or none",
            fix="if raters vote several times on an item, write the votes as a table",
        )
    return votes


def _read_questions(archive: Archive, path: Path, classes: Classes | None) -> Questions:
    """Read the questions from the array "info", in blocks because the whole array needs too much memory."""
    with archive.open_array(archive.find_first_array("info")) as stream:
        header = read_array_header(stream, path, "info")
        archive.check_array_size("info", stream, header)
        dtype, shape, is_fortran = header
        if dtype.kind == "U" and len(shape) == 2 and shape[1] == 2 and shape[0] and not is_fortran:
            try:
                return _questions_from_blocks(_read_question_blocks(stream, dtype), path, classes)
            except DataError:
                pass  # below, an error names the row, and names without a class list make their own list
    return questions_from_info_array(archive["info"], path, classes)


def _read_question_blocks(stream: IO[bytes], dtype: np.dtype[Any]) -> Iterator[npt.NDArray[Any]]:
    width = 2 * dtype.itemsize
    while block := stream.read(_INFO_ROWS * width):
        yield np.frombuffer(block, dtype).astype(dtype.newbyteorder("="), copy=False).reshape(-1, 2)


def _questions_from_blocks(blocks: Iterator[npt.NDArray[Any]], path: Path, classes: Classes | None) -> Questions:
    known = classes or Classes()
    position: dict[str, int] = {}
    image_ids, class_ids = [], []
    for block in blocks:
        block_questions = questions_from_info_array(block, path, known)
        if block_questions.classes != known:
            raise DataError("different-classes", "blocks of the file have different class lists")
        rows = np.array([position.setdefault(name, len(position)) for name in block_questions.images], np.int32)
        image_ids.append(rows[block_questions.image_ids])
        class_ids.append(block_questions.class_ids)
    return Questions(
        images=tuple(position), image_ids=np.concatenate(image_ids), class_ids=np.concatenate(class_ids), classes=known
    )


def _read_ids(archive: Archive, path: Path, name: str) -> tuple[Id, ...]:
    ids = archive[archive.find_first_array(name)]
    check_shape(ids, (_SHAPES[name],), value_name=name, kind="integers or text", where=f"{path}, array {name}")
    return tuple(parse_id(value) if isinstance(value, str) else int(value) for value in ids.tolist())


@dataclass(frozen=True)
class _OneHotVotes:
    """The votes of a one-hot tensor: the indices of each 1 in the tensor, and the number of answers."""

    n_answers: int
    raters: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    answers: npt.NDArray[np.int32]


def _read_tensor(archive: Archive, path: Path, questions: Questions, raters: Sequence[Id]) -> _OneHotVotes:
    with archive.open_array(archive.find_first_array("tensor")) as stream:
        header = read_array_header(stream, path, "tensor")
        dtype, shape, is_fortran = header
        _check_layout(path, dtype, shape, questions, raters)
        archive.check_array_size("tensor", stream, header)
        parts, size = [np.empty((3, 0), np.int32)], 0
        for length, at, values in _read_nonzero(stream, dtype):
            cells = np.unravel_index(at + size, shape, order="F" if is_fortran else "C")
            if (values != 1).any():
                bad = int(np.argmax(values != 1))
                where = f"{path}, rater {raters[cells[0][bad]]}, {questions.describe_question(int(cells[1][bad]))}"
                raise DataError("not-votes", "tensor is not binary", where=where, allowed="0 and 1", found=values[bad])
            parts.append(np.array(cells, np.int32))
            size += length
    ones = np.concatenate(parts, axis=1)
    return _OneHotVotes(shape[2], *(ones[:, np.lexsort(ones[::-1])] if is_fortran else ones))


def _check_layout(
    path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], questions: Questions, raters: Sequence[Id]
) -> None:
    fits = len(shape) == 3 and shape[:2] == (len(raters), len(questions)) and shape[2] > 0
    if not fits or dtype.kind not in "buif" or dtype.itemsize not in _DTYPE_BY_WIDTH:
        raise DataError(
            "not-votes",
            "array does not have the shape or the type of votes",
            where=f"{path}, array tensor",
            allowed=f"numbers of shape ({len(raters)} raters, {len(questions)} questions, answers)",
            found=f"{dtype} {shape}",
            fix="this array has one number per question, so it contains scores: read the archive as scores"
            if len(shape) == 1
            else None,
        )


def _read_nonzero(
    stream: IO[bytes], dtype: np.dtype[Any]
) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[Any]]]:
    """Yield for each block: the number of values, the positions of nonzero values, and the nonzero values."""
    # Comparing bits as integers is faster than flatnonzero of floats.
    word = _DTYPE_BY_WIDTH[dtype.itemsize]
    while block := stream.read(_BLOCK):
        at = np.flatnonzero(np.frombuffer(block, word) != 0)
        values = np.frombuffer(block, dtype)[at]
        is_nonzero = values != 0  # the bits of -0 are not 0
        yield len(block) // dtype.itemsize, at[is_nonzero], values[is_nonzero]


def _choose_answer_names(n_answers: int, names: Sequence[Id] | None, path: Path) -> tuple[Id, ...]:
    if names is None:
        return KNOWN_ANSWERS if n_answers == len(KNOWN_ANSWERS) else tuple(range(n_answers))
    check_length(len(names), n_answers, plural_name="names of answers", item_name="answer in the tensor", where=path)
    return tuple(names)


def _find_rater_with_two_votes(votes: Votes) -> tuple[int, int] | None:
    """Find a rater who votes twice on an item; return the positions of the item and the rater, or None."""
    items = votes.item_ids
    cells = items * np.int64(len(votes.raters)) + votes.rater_ids
    cells.sort()
    duplicates = np.flatnonzero(cells[1:] == cells[:-1])
    return divmod(int(cells[duplicates[0]]), len(votes.raters)) if duplicates.size else None


def check_fits_archive(path: Path, votes: Votes) -> None:
    """Raise `OutputError` if an archive cannot store these votes."""
    found = None
    if not isinstance(votes.items, Questions):
        problem = "archives store only votes on (image, class) questions"
    elif votes.seconds is not None:
        problem = "archives cannot store times of votes"
    elif len({isinstance(name, str) for name in votes.raters}) > 1:
        problem = "archives store ids of one type: numbers or text"
    elif (cell := _find_rater_with_two_votes(votes)) is not None:
        problem = "archives store one vote per rater and item"
        found = f"rater {votes.raters[cell[1]]} on {votes.describe_item(cell[0])}"
    else:
        return
    raise OutputError("not-in-archive", problem, where=path, found=found, fix="write a .parquet or .csv table")


def write_vote_archive(path: Path, votes: Votes) -> None:
    """Write votes as an archive; `check_fits_archive` says which votes fit."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        _write_tensor(file, votes)
        _write_array(file, "info", image_and_class_texts(cast(Questions, votes.items)))
        _write_array(file, "ids", np.array(votes.raters))
        if votes.answers != _choose_answer_names(len(votes.answers), None, path):
            _write_array(file, _ANSWERS, np.array(votes.answers))


def _write_array(file: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
    with file.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as stream:
        np.lib.format.write_array(stream, array, allow_pickle=False)


def _write_tensor(file: zipfile.ZipFile, votes: Votes) -> None:
    shape = len(votes.raters), len(votes.items), len(votes.answers)
    positions = np.ravel_multi_index((votes.rater_ids, votes.item_ids, votes.answer_ids), shape)
    positions.sort()
    block = np.zeros(_BLOCK // 8)
    with file.open(zipfile.ZipInfo("tensor.npy"), "w", force_zip64=True) as stream:
        header = {"descr": "<f8", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, int(np.prod(shape, dtype=np.int64)), block.size):
            first, last = np.searchsorted(positions, (start, start + block.size))
            ones = positions[first:last] - start
            block[ones] = 1
            stream.write(block[: np.prod(shape, dtype=np.int64) - start].data)
            block[ones] = 0
