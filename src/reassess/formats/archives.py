"""Numpy files as data and nothing else: mapped where stored as they are, else read with a limit; pickles refused."""

import lzma
import math
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_known, check_unique
from reassess.errors import DataError
from reassess.formats.files import check_input, other_suffix

_LIMIT = "REASSESS_MAX_BYTES"

_BLOCK = 1 << 24
_LOCAL_HEAD, _LENGTHS_AT = 30, 26  # bytes of a member's own head in a zip file; where in it the lengths of the rest are
_MOST_ROWS = 2**63 - 1  # that numpy counts
_MOST_EMPTY = 10**6  # texts without a letter: an array of them takes no bytes in the file, and many in memory
_LAST_CHARACTER = 0x10FFFF  # of Unicode
_VERSIONS = ((1, 0), (2, 0), (3, 0))
_BAD_HEAD = (ValueError, TypeError, ArithmeticError, SyntaxError, tokenize.TokenError, MemoryError, RecursionError)
# What reading a member of a zip file may raise: also for one with a password, and for a name that cannot be decoded.
BROKEN_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, RuntimeError, UnicodeDecodeError),
)


def read_npy(path: Path) -> npt.NDArray[Any]:
    """The array of an npy file, mapped from disk and not read."""
    check_input(path)
    _refuse_pickle(path)
    with path.open("rb") as file:
        dtype, shape, fortran = read_header(file, path)
        head = file.tell()
        held = path.stat().st_size - head
    _check_length(path, dtype, shape, held)
    order: Literal["C", "F"] = "F" if fortran else "C"
    try:
        return np.memmap(path, dtype, "r", head, shape, order) if held else np.empty(shape, dtype)
    except (*_BAD_HEAD, OSError) as error:
        raise _unreadable(path, error) from error


class Archive(Mapping[str, npt.NDArray[Any]]):
    """The arrays of an npz file, each read when it is asked for."""

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path = path
        self._file = file
        names = [info.filename.removesuffix(".npy") for info in file.infolist()]
        check_unique(names, thing="an array", where=path, fix="write the file again")
        self._members = dict(zip(names, file.infolist(), strict=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members  # without reading the array

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        with self.stream(name) as stream:
            dtype, shape, fortran = read_header(stream, self.path, name)
            held, head = self.check_length(name, stream, dtype, shape), stream.tell()
            mapped = self._mapped(name, head, dtype)
            content, start = (_content(stream, held), 0) if mapped is None else (mapped, head)
            try:
                array: npt.NDArray[Any] = np.ndarray(shape, dtype, content, start, order="F" if fortran else "C")
                _check_text(array)
                return array
            except (ValueError, TypeError) as error:  # a shape of no bytes that numpy cannot hold, or not of numbers
                raise _unreadable(self.path, error) from error

    def _mapped(self, name: str, head: int, dtype: np.dtype[Any]) -> npt.NDArray[np.uint8] | None:
        """The npy file of an array that is stored as it is, mapped from disk and checked; None where it is to be read.

        It is also read where it is damaged, which ends in an error.
        """
        info = self._members[name]
        with self.path.open("rb") as file:
            file.seek(info.header_offset + _LENGTHS_AT)
            start = info.header_offset + _LOCAL_HEAD + sum(struct.unpack("<HH", file.read(4)))
        is_whole = info.compress_size == info.file_size > head and start + info.file_size <= self.path.stat().st_size
        if info.compress_type != zipfile.ZIP_STORED or not is_whole or (start + head) % dtype.alignment:
            return None
        mapped = np.memmap(self.path, np.uint8, "r", start, info.file_size)
        return mapped if zlib.crc32(mapped.data) == info.CRC else None

    def check_length(self, name: str, stream: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
        """How many bytes follow the head of an array's npy file; `DataError` if dtype and shape say otherwise."""
        held = self._members[name].file_size - stream.tell()
        _check_length(f"{self.path}, array {name}", dtype, shape, held)
        return held

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        """The bytes of one array's npy file, inflated as they are read."""
        try:
            with self._file.open(self._members[name]) as stream:
                yield stream
        except DataError:
            raise
        except BROKEN_ZIP as error:
            raise _unreadable(self.path, error) from error

    def name_of(self, *names: str) -> str:
        """The first of some names of which there is an array."""
        for name in names:
            if name in self:
                return name
        raise DataError(
            "missing-array",
            "array is missing in the archive",
            where=self.path,
            allowed=" or ".join(names),
            found=", ".join(self) or "no array",
        )


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """The arrays of an npz file."""
    check_input(path)
    _refuse_pickle(path)
    try:
        file = zipfile.ZipFile(path)
    except (*BROKEN_ZIP, ValueError) as error:
        raise _unreadable(path, error) from error
    with file:
        check_declared(path, file)
        yield Archive(path, file)


def check_declared(path: Path, file: zipfile.ZipFile) -> None:
    """Raise `DataError` if an archive declares more than the limit once inflated."""
    check_size(path, "archive", sum(info.file_size for info in file.infolist()))


def check_size(path: Path, thing: str, declared: int, allowed: int | None = None) -> None:
    """Raise `DataError` if a part of a file declares more bytes than are allowed, by default by REASSESS_MAX_BYTES."""
    allowed = max_bytes() if allowed is None else allowed
    if declared > allowed:
        raise DataError(
            "too-large",
            f"{thing} is too large",
            where=path,
            allowed=f"{allowed:,} bytes",
            found=f"{declared:,} bytes",
            fix=f"if you trust the file: {_LIMIT}={declared}",
        )


def max_bytes() -> int:
    """The size of the largest archive, unpacked: REASSESS_MAX_BYTES, or 8 GiB."""
    text = os.environ.get(_LIMIT, "").strip()
    if not text:
        return 8 << 30
    check_known([text], [text] if text.isdecimal() and int(text) else [], thing=f"value of {_LIMIT}")
    return int(text)


def _content(stream: IO[bytes], size: int) -> bytearray:
    """The next bytes of a stream, which are not held twice."""
    content = bytearray()
    while part := stream.read(min(_BLOCK, size - len(content))):
        content += part
    return content


def read_header(stream: IO[bytes], path: Path, name: str | None = None) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    """Type, shape and Fortran order from the head of an npy file, or of an array in an archive, which is consumed."""
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _VERSIONS:
            raise ValueError(f"npy version {version[0]}.{version[1]} is not known")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # files of Python 2 take longer
            shape, fortran, dtype = read(stream)
        if not all(0 <= size <= _MOST_ROWS for size in shape):
            raise ValueError(f"no array has the shape {shape}")
    except _BAD_HEAD as error:
        raise _unreadable(path, error) from error
    if dtype.hasobject:
        raise _pickled(path, "the file" if name is None else f"array {name}")
    if not dtype.itemsize and math.prod(shape) > _MOST_EMPTY:
        raise _unreadable(path, ValueError(f"{math.prod(shape):,} values of {dtype} take no bytes"))
    return dtype, shape, fortran


def _check_text(array: npt.NDArray[Any]) -> None:
    """Raise `ValueError` if a text holds what is no character: of it numpy makes a text that breaks Python."""
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        codes = array.ravel("K").view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if codes.max() > _LAST_CHARACTER:
            raise ValueError(f"no character has the number {codes.max():#x}")


def _check_length(where: object, dtype: np.dtype[Any], shape: tuple[int, ...], held: int) -> None:
    declared = math.prod(shape) * dtype.itemsize
    if declared != held:
        raise DataError(
            "damaged-file",
            "array is shorter than declared",
            where=where,
            allowed=f"{declared:,} bytes for {dtype} {shape}",
            found=f"{held:,} bytes",
            fix="get or write the file again",
        )


def _refuse_pickle(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(1) == b"\x80":
            raise _pickled(path, "the file")


def _unreadable(path: Path, error: Exception) -> DataError:
    if "Python objects" in str(error):
        return _pickled(path, "the file")
    kind = path.suffix.lower().lstrip(".")
    return DataError(
        "damaged-file",
        f"file is not a complete {kind} file",
        where=path,
        found=(str(error).splitlines() or [type(error).__name__])[0].rstrip("."),
        fix=other_suffix(path) or "get or write the file again",
    )


def _pickled(path: Path, what: str) -> DataError:
    return DataError(
        "pickle",
        "file contains pickled Python objects, which are never loaded: unpickling can run any code",
        where=f"{path}, {what}",
        allowed="arrays of numbers or text",
        fix="save plain arrays, such as np.save(path, array.astype('float32')) or names.astype(str)",
    )
