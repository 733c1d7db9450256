"""A check that the write-ahead log of a served SQLite file still contains all commits."""

import os
import weakref
from contextlib import suppress
from functools import lru_cache
from time import sleep
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_HEADER = 32  # bytes: magic, version, page size, checkpoint number, two salts, two checksums
_FRAME = 24  # bytes before each page: page number, database size if it ends a commit, two salts, two checksums
_MAGIC = (0x377F0682, 0x377F0683)  # checksums of little-endian words, and of big-endian ones
_PAUSE = 0.1  # seconds: a program that is writing the log changes its time sooner
_FEWEST, _MOST = 8, 64  # frames that are read at a time


class _Place(NamedTuple):
    """The end of a commit."""

    end: int  # in bytes
    checksum: bytes  # of everything before it


class _State(NamedTuple):
    header: bytes
    stat: tuple[int, int]  # size and time
    own: _Place  # last commit of this process
    last: _Place | None  # last commit of any process, if another one has written since


class LogFile:
    """A log, as this process left it. Other processes may add commits to it, but not change it.

    SQLite trusts its index of the log, and does not read again what it wrote. So it acknowledges changes after a
    damaged page, and a kill loses them. SQLite takes no lock on the log itself, so this process may open and close the
    log, unlike the database and the index of the log.

    A log with commits may still be empty for SQLite: it restarts a log first in the index. A process that is killed
    then leaves the old log, all of which is in the database, while another process keeps the index.
    """

    def __init__(self, path: str, *, is_empty: bool = False) -> None:
        self._file = os.open(path, os.O_RDWR)
        self._close = weakref.finalize(self, os.close, self._file)
        stat, header = _stat(self._file), os.pread(self._file, _HEADER, 0)
        self._state, self._pages = _State(header, stat, _start(header), None), bytearray()
        self._note(stat, header, _start(header) if is_empty else self._last_commit(header, _start(header)))

    def close(self) -> None:
        """Close the log; later calls raise `OSError`."""
        self._close()
        self._file = -1  # the system gives the number to another file

    @property
    def end(self) -> int:
        """The end of the last commit of this process, in bytes."""
        return self._state.own.end

    def is_kept(self, *, has_committed: bool = False, thorough: bool = False) -> bool:
        """Whether all commits of this process are still there."""
        before = None
        while (found := self._fault(has_committed, thorough)) is not None:
            if found == before:
                return False
            before = found
            sleep(_PAUSE)
        return True

    def has_lost_header(self) -> bool:
        """Whether only the header was overwritten, so that SQLite can still move the log into the file."""
        return os.pread(self._file, _HEADER, 0) != self._state.header and self._has_pages()

    def cut(self) -> None:
        """Cut the log to the part that SQLite would read again, so that it moves no damaged page into the file."""
        header = self._state.header
        is_same = os.pread(self._file, _HEADER, 0) == header
        os.truncate(self._file, self._last_commit(header, _start(header)).end if is_same else 0)

    def _fault(self, has_committed: bool, thorough: bool) -> tuple[int, int] | None:
        """None if the log is unchanged; otherwise its size and time, also while another program is writing it."""
        before, stat, header = self._state, _stat(self._file), os.pread(self._file, _HEADER, 0)
        is_same = stat == before.stat and header == before.header
        if is_same and not thorough:
            return None
        own, known = before.own, before.last or before.own
        if header != before.header:
            if not _may_follow(header, before):
                return stat
            own = known = _start(header)
        elif not self._has_pages():
            return stat
        last = self._last_commit(header, own)
        if has_committed and last == known and not is_same:
            return stat
        self._note(stat, header, last if has_committed else own, last)
        return None

    def _note(self, stat: tuple[int, int], header: bytes, own: _Place, last: _Place | None = None) -> None:
        if _stat(self._file) == stat:  # otherwise a program is writing, and the next check reads everything again
            set_time_back(self._file)
            stat = _stat(self._file)
        if header != self._state.header:
            self._pages.clear()
        known = _HEADER + len(self._pages)
        self._pages += os.pread(self._file, own.end - known, known)
        self._state = _State(header, stat, own, last)

    def _has_pages(self) -> bool:
        """Whether the pages of this process's commits equal their copy in memory."""
        return os.pread(self._file, len(self._pages), _HEADER) == self._pages

    def _last_commit(self, header: bytes, place: _Place) -> _Place:
        """The last commit after a place whose pages all have correct checksums."""
        if not _is_valid(header):  # SQLite reads nothing after it
            return place
        size, salts = _FRAME + int.from_bytes(header[8:12], "big"), np.frombuffer(header, ">u4", 2, 16)
        at, before, count = place.end, np.frombuffer(place.checksum, ">u4").astype(np.uint32), _FEWEST
        while frames := len(content := os.pread(self._file, count * size, at)) // size:
            heads = np.frombuffer(content, ">u4", frames * size // 4).reshape(frames, -1)[:, : _FRAME // 4]
            sums = heads[:, 4:].astype(np.uint32)
            sums_before = np.concatenate([before[None], sums])[:-1]
            found = _checksums(_words(header, content[: frames * size], frames), sums_before, of_frames=True)
            is_good = (heads[:, 2:4] == salts).all(axis=1) & (found == sums).all(axis=1)
            good = frames if is_good.all() else int(is_good.argmin())
            if len(commits := heads[:good, 1].nonzero()[0]):
                end = int(commits[-1] + 1) * size
                place = _Place(at + end, content[end - size + 16 : end - size + _FRAME])
            if good < count:
                break
            at, before, count = at + count * size, sums[-1], min(2 * count, _MOST)
        return place


def set_time_back(file: int | str) -> None:
    """Set the time of a file to one that no other program sets, even within the same tick of the system's clock."""
    with suppress(OSError):  # such as a file of another user
        found = os.stat(file)  # noqa: PTH116
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns - 1))


def _stat(file: int) -> tuple[int, int]:
    found = os.fstat(file)
    return found.st_size, found.st_mtime_ns


def _start(header: bytes) -> _Place:
    return _Place(_HEADER, header[24:])


def _may_follow(header: bytes, before: _State) -> bool:
    """Whether SQLite could have written a header to restart the log, after all of it was moved into the file."""
    salt, salt_before = (int.from_bytes(one[16:20], "big") for one in (header, before.header))
    return _is_valid(header) and (before.own.end == _HEADER or salt == (salt_before + 1) % (1 << 32))


@lru_cache(2)
def _is_valid(header: bytes) -> bool:
    if len(header) != _HEADER or int.from_bytes(header[:4], "big") not in _MAGIC:
        return False
    sums = _checksums(_words(header, header[:24]), np.zeros((1, 2), np.uint32), of_frames=False)
    return sums.astype(">u4").tobytes() == header[24:]


def _words(header: bytes, content: bytes, rows: int = 1) -> NDArray[np.uint32]:
    """Rows of words, in the byte order of the magic number."""
    kind = ">u4" if header[3] & 1 else "<u4"
    return np.frombuffer(content, kind).reshape(rows, -1).astype(np.uint32, copy=False)


def _checksums(words: NDArray[np.uint32], before: NDArray[np.uint32], *, of_frames: bool) -> NDArray[np.uint32]:
    """SQLite's checksums of rows of words, each continued from an earlier one.

    Words x, y change it from (a, b) to (a + b + x, a + 2b + x + y). So Fibonacci numbers are the weights of the words.
    """
    weights = _weights(words.shape[1], of_frames=of_frames)
    a, b = before[:, 0], before[:, 1]
    return np.stack([words.dot(one[1:]) + a * one[1] + b * one[0] for one in weights], axis=1)


@lru_cache(4)
def _weights(count: int, *, of_frames: bool) -> NDArray[np.uint32]:
    numbers = [0, 1]
    while len(numbers) < count + 2:
        numbers.append((numbers[-1] + numbers[-2]) % (1 << 32))
    weights = np.array([numbers[:-1], numbers[1:]], np.uint32)[:, ::-1]
    if of_frames:  # their salts and checksums have no weight
        weights = np.concatenate([weights[:, 4:7], np.zeros((2, 4), np.uint32), weights[:, 7:]], axis=1)
    return np.ascontiguousarray(weights)
