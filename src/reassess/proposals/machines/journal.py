"""The journal of a run: a line for each request, written before anything else is done with its answer."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from reassess.data.run_records import describe_how_to_start_again
from reassess.errors import DataError
from reassess.formats.files import convert_os_errors

JOURNAL = "answers.jsonl"
_NOT_ANSWERED = -1


class Journal:
    """The lines of requests that were asked; texts of answers are not in memory.

    In memory are the positions of the lines, whether a request was asked in vain, and the names and hashes of images.
    The first line has what the probe found. Each further line has the number of an answered request in the key
    ``request``, or of a request without an answer in the key ``tried``. A last line without a line break was
    interrupted, and is removed.
    """

    def __init__(self, path: Path, n_requests: int, file: BinaryIO) -> None:
        self.path = path
        self.probe: dict[str, Any] | None = None
        self.n_tokens = 0  # of all answers and the probe
        self.most_tokens = 0  # of one answer or the probe
        self.image_hashes: dict[str, str] = {}  # of images with an answered request
        self.n_answered = 0
        self.is_tried: npt.NDArray[np.bool_] = np.zeros(n_requests, np.bool_)  # whether it was rejected, or failed
        self._file = file
        self._offsets: npt.NDArray[np.int64] = np.full(n_requests, _NOT_ANSWERED)

    @classmethod
    @contextmanager
    def open(cls, path: Path, n_requests: int) -> "Iterator[Journal]":
        """Open the journal of a new or interrupted run until the end of the block."""
        with convert_os_errors(path):
            file = path.open("a+b")
        with file:
            journal = cls(path, n_requests, file)
            journal._read_lines()
            yield journal

    def is_answered(self, request: int) -> bool:
        """Return whether the journal has the answer to a request."""
        return bool(self._offsets[request] != _NOT_ANSWERED)

    def add_probe(self, probe: dict[str, Any]) -> None:
        """Write what the probe found."""
        self._write({"probe": probe})
        self._index_line({"probe": probe}, 0)

    def add(self, entry: dict[str, Any]) -> None:
        """Write the answer to a request."""
        self._index_line(entry, self._write(entry))

    def add_try(self, request: int, kind: str) -> None:
        """Write that a request was rejected, or failed at each try."""
        self._write({"tried": request, "kind": kind})
        self.is_tried[request] = True

    def read(self, request: int) -> dict[str, Any] | None:
        """Read the line of a request; None if the request is not answered."""
        if not self.is_answered(request):
            return None
        self._file.seek(int(self._offsets[request]))
        entry: dict[str, Any] = json.loads(self._file.readline())
        return entry

    def _write(self, entry: dict[str, Any]) -> int:
        """Append a line, and return its position."""
        with convert_os_errors(self.path):
            offset = self._file.seek(0, 2)
            self._file.write(encode_line(entry))
            self._file.flush()
        return offset

    def _read_lines(self) -> None:
        self._file.seek(0)
        offset = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                self._file.truncate(offset)
                break
            try:
                self._index_line(json.loads(line), offset)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
                raise DataError(
                    "damaged-file",
                    "file of an unfinished run is damaged",
                    where=f"{self.path}, line {number}",
                    fix=describe_how_to_start_again(self.path.parent),
                ) from error
            offset += len(line)

    def _index_line(self, entry: dict[str, Any], offset: int) -> None:
        if "tried" in entry:
            self.is_tried[self._check_number(entry["tried"])] = True
            return
        n_tokens = sum(entry.get("probe", entry)["tokens"])
        if "probe" in entry:
            self.probe = entry["probe"]
        else:
            request = self._check_number(entry["request"])
            self.image_hashes[entry["image"]] = entry["image_sha256"]
            self._offsets[request] = offset
            self.n_answered += 1
        self.n_tokens += n_tokens
        self.most_tokens = max(self.most_tokens, n_tokens)

    def _check_number(self, request: int) -> int:
        """Return the number of a request; raise `IndexError` if there is no such request."""
        if not 0 <= request < self._offsets.size:
            raise IndexError(request)
        return request


def encode_line(entry: dict[str, Any]) -> bytes:
    """Encode a line of JSON; a lone surrogate becomes an escape sequence of JSON."""
    return json.dumps(entry, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
