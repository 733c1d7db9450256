"""A check that the write-ahead log of a served SQLite file still contains all commits."""

import os
import weakref
from contextlib import suppress
from functools import lru_cache
from time import sleep
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_HEADER_SIZE = 32  # bytes: magic, version, page size, checkpoint number, two salts, two checksums
_FRAME_HEADER_SIZE = (
    24  # bytes before each page: page number, database size if it ends a commit, two salts, two checksums
)
_MAGIC_NUMBERS = (0x377F0682, 0x377F0683)  # checksums of little-endian words, and of big-endian ones
_PAUSE_SECONDS = 0.1  # seconds; while another program is writing the log, its time changes within this pause
_MIN_FRAMES, _MAX_FRAMES = 8, 64  # frames to read at a time


class _LogPosition(NamedTuple):
    """A position in a write-ahead log, between two commits."""

    position: int  # in bytes
    checksum: bytes  # checksum of everything before the position


class _SizeAndTime(NamedTuple):
    """The size and modification time of a write-ahead log."""

    n_bytes: int
    mtime_ns: int


class _LogState(NamedTuple):
    """The write-ahead log as this process last saw it."""

    header: bytes
    size_and_time: _SizeAndTime
    own_commit: _LogPosition  # last commit of this process
    last_commit: _LogPosition | None  # last commit of any process, if another process has written later


class WriteAheadLog:
    """The write-ahead log of an SQLite file, to check that it still contains all commits.

    Other processes may append commits, but not change earlier ones.

    SQLite does not read the pages again that it wrote to the log. If another program damages a page, SQLite still
    confirms the next changes, but they are lost if the process is killed: reading the log stops at the damaged page.

    This process may open and close the log, since SQLite takes no lock on it. (SQLite locks the database and the index
    of the log. Closing one of them would release these locks.)

    SQLite can regard a log with commits as empty (`is_empty`): to restart a log, it changes the index first. If a
    process is killed at that moment, the old log stays, although all its pages are in the database.
    """

    def __init__(self, path: str, *, is_empty: bool = False) -> None:
        self._file = os.open(path, os.O_RDWR)
        self._close = weakref.finalize(self, os.close, self._file)
        size_and_time, header = _read_size_and_time(self._file), os.pread(self._file, _HEADER_SIZE, 0)
        self._state, self._pages = (
            _LogState(header, size_and_time, _get_start_of_first_commit(header), None),
            bytearray(),
        )
        self._remember_state(
            size_and_time,
            header,
            _get_start_of_first_commit(header)
            if is_empty
            else self._find_last_commit(header, _get_start_of_first_commit(header)),
        )

    def close(self) -> None:
        """Close the write-ahead log; later calls raise `OSError`."""
        self._close()
        self._file = -1  # the system may reuse the number for another file

    @property
    def log_position_after_own_commits(self) -> int:
        """Position in the write-ahead log after the last commit of this process, in bytes."""
        return self._state.own_commit.position

    def contains_all_commits_of_this_process(
        self, *, has_new_commit: bool = False, must_reread_pages: bool = False
    ) -> bool:
        """Return whether the write-ahead log still contains all commits of this process.

        `has_new_commit`: this process has committed since the last call. `must_reread_pages`: read the pages again,
        even if the size and time of the log are unchanged.
        """
        last_change = None
        while (
            current_change := self._get_size_and_time_if_changed_by_others(has_new_commit, must_reread_pages)
        ) is not None:
            if current_change == last_change:
                return False
            last_change = current_change
            sleep(_PAUSE_SECONDS)
        return True

    def is_only_header_changed(self) -> bool:
        """Return whether the write-ahead log has a changed header, and unchanged database pages of this process."""
        return os.pread(self._file, _HEADER_SIZE, 0) != self._state.header and self._are_own_log_pages_unchanged()

    def truncate_after_last_valid_commit(self) -> None:
        """Truncate the write-ahead log after its last valid commit, so that no damaged page gets into the database."""
        header = self._state.header
        is_same = os.pread(self._file, _HEADER_SIZE, 0) == header
        os.truncate(
            self._file, self._find_last_commit(header, _get_start_of_first_commit(header)).position if is_same else 0
        )

    def _get_size_and_time_if_changed_by_others(
        self, has_new_commit: bool, must_reread_pages: bool
    ) -> _SizeAndTime | None:
        """Return the log's size and time if another program changed the write-ahead log; otherwise None."""
        earlier, size_and_time, header = (
            self._state,
            _read_size_and_time(self._file),
            os.pread(self._file, _HEADER_SIZE, 0),
        )
        is_same = size_and_time == earlier.size_and_time and header == earlier.header
        if is_same and not must_reread_pages:
            return None
        own_commit, last_known = earlier.own_commit, earlier.last_commit or earlier.own_commit
        if header != earlier.header:
            if not _is_restart_header(header, earlier):
                return size_and_time
            own_commit = last_known = _get_start_of_first_commit(header)
        elif not self._are_own_log_pages_unchanged():
            return size_and_time
        last_commit = self._find_last_commit(header, own_commit)
        if has_new_commit and last_commit == last_known and not is_same:
            return size_and_time
        self._remember_state(size_and_time, header, last_commit if has_new_commit else own_commit, last_commit)
        return None

    def _remember_state(
        self,
        size_and_time: _SizeAndTime,
        header: bytes,
        own_commit: _LogPosition,
        last_commit: _LogPosition | None = None,
    ) -> None:
        # A different size or time means that another program is writing. Then the next check reads everything again.
        if _read_size_and_time(self._file) == size_and_time:
            make_file_1_ns_older(self._file)
            size_and_time = _read_size_and_time(self._file)
        if header != self._state.header:
            self._pages.clear()
        start = _HEADER_SIZE + len(self._pages)
        self._pages += os.pread(self._file, own_commit.position - start, start)
        self._state = _LogState(header, size_and_time, own_commit, last_commit)

    def _are_own_log_pages_unchanged(self) -> bool:
        """Compare this process's pages in the write-ahead log with a copy in memory; return whether they are equal."""
        return os.pread(self._file, len(self._pages), _HEADER_SIZE) == self._pages

    def _find_last_commit(self, header: bytes, start: _LogPosition) -> _LogPosition:
        """Find the end of the last commit after `start` whose pages all have correct checksums."""
        last = start
        if not _is_valid_header(header):  # SQLite ignores a log with an invalid header
            return last
        size, salts = _FRAME_HEADER_SIZE + int.from_bytes(header[8:12], "big"), np.frombuffer(header, ">u4", 2, 16)
        position, checksum_before, n_frames = (
            start.position,
            np.frombuffer(start.checksum, ">u4").astype(np.uint32),
            _MIN_FRAMES,
        )
        while frames := len(content := os.pread(self._file, n_frames * size, position)) // size:
            heads = np.frombuffer(content, ">u4", frames * size // 4).reshape(frames, -1)[:, : _FRAME_HEADER_SIZE // 4]
            sums = heads[:, 4:].astype(np.uint32)
            sums_before = np.concatenate([checksum_before[None], sums])[:-1]
            computed = _compute_checksums(
                _read_uint32_words(header, content[: frames * size], frames), sums_before, has_frame_headers=True
            )
            is_good = (heads[:, 2:4] == salts).all(axis=1) & (computed == sums).all(axis=1)
            good = frames if is_good.all() else int(is_good.argmin())
            if len(commits := heads[:good, 1].nonzero()[0]):
                end = int(commits[-1] + 1) * size
                last = _LogPosition(position + end, content[end - size + 16 : end - size + _FRAME_HEADER_SIZE])
            if good < n_frames:
                break
            position, checksum_before, n_frames = position + n_frames * size, sums[-1], min(2 * n_frames, _MAX_FRAMES)
        return last


def make_file_1_ns_older(file: int | str) -> None:
    """Set the modification time of a file back by 1 ns. Then even an immediate write changes this time."""
    with suppress(OSError):  # for example a file of another user
        stat = os.stat(file)  # noqa: PTH116
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns - 1))


def _read_size_and_time(file: int) -> _SizeAndTime:
    """Return the size and modification time of an open file."""
    stat = os.fstat(file)
    return _SizeAndTime(stat.st_size, stat.st_mtime_ns)


def _get_start_of_first_commit(log_header: bytes) -> _LogPosition:
    """Return the position and checksum after the header of a write-ahead log, where the first commit starts."""
    return _LogPosition(_HEADER_SIZE, log_header[24:])


def _is_restart_header(header: bytes, earlier: _LogState) -> bool:
    """Return whether this header starts a new log after SQLite copied the old write-ahead log into the database."""
    salt, salt_before = (int.from_bytes(content[16:20], "big") for content in (header, earlier.header))
    return _is_valid_header(header) and (
        earlier.own_commit.position == _HEADER_SIZE or salt == (salt_before + 1) % (1 << 32)
    )


@lru_cache(2)
def _is_valid_header(header: bytes) -> bool:
    if len(header) != _HEADER_SIZE or int.from_bytes(header[:4], "big") not in _MAGIC_NUMBERS:
        return False
    sums = _compute_checksums(
        _read_uint32_words(header, header[:24]), np.zeros((1, 2), np.uint32), has_frame_headers=False
    )
    return sums.astype(">u4").tobytes() == header[24:]


def _read_uint32_words(log_header: bytes, content: bytes, n_rows: int = 1) -> NDArray[np.uint32]:
    """Read rows of 32-bit integers; the magic number in the header of the log tells their byte order."""
    dtype = ">u4" if log_header[3] & 1 else "<u4"
    return np.frombuffer(content, dtype).reshape(n_rows, -1).astype(np.uint32, copy=False)


def _compute_checksums(
    words: NDArray[np.uint32], checksums_before: NDArray[np.uint32], *, has_frame_headers: bool
) -> NDArray[np.uint32]:
    """Compute SQLite's running checksum after each row of words, from the checksum before each row."""
    # Two words x, y change a checksum (a, b) to (a + b + x, a + 2b + x + y). So the weights of the words are Fibonacci
    # numbers.
    weights = _compute_weights_of_sqlite_checksum(words.shape[1], has_frame_headers=has_frame_headers)
    a, b = checksums_before[:, 0], checksums_before[:, 1]
    return np.stack([words.dot(row[1:]) + a * row[1] + b * row[0] for row in weights], axis=1)


@lru_cache(4)
def _compute_weights_of_sqlite_checksum(n_words: int, *, has_frame_headers: bool) -> NDArray[np.uint32]:
    """Compute the weights of 32-bit integers in the two halves of SQLite's checksum."""
    numbers = [0, 1]
    while len(numbers) < n_words + 2:
        numbers.append((numbers[-1] + numbers[-2]) % (1 << 32))
    weights = np.array([numbers[:-1], numbers[1:]], np.uint32)[:, ::-1]
    if has_frame_headers:  # salts and checksums of frames have no weight
        weights = np.concatenate([weights[:, 4:7], np.zeros((2, 4), np.uint32), weights[:, 7:]], axis=1)
    return np.ascontiguousarray(weights)
