"""Numpy files without pickled objects.

Arrays are memory-mapped. Compressed arrays are read, up to a size limit.
"""

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
from typing import IO, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_known, check_unique
from reassess.errors import DataError
from reassess.formats.files import check_input, suggest_suffix

_LIMIT_VARIABLE = "REASSESS_MAX_BYTES"

_BLOCK = 1 << 24
# Zip local file header: its fixed size, and the offset of the lengths of file name and extra field, in bytes.
_LOCAL_HEADER, _LENGTHS_OFFSET = 30, 26
_MAX_DIMENSION = 2**63 - 1  # in numpy
_MAX_EMPTY_TEXTS = 10**6  # empty strings: an array of them takes no bytes in the file, but many in memory
_LAST_CODE_POINT = 0x10FFFF  # of Unicode
_VERSIONS = ((1, 0), (2, 0), (3, 0))
_HEADER_ERRORS = (ValueError, TypeError, ArithmeticError, SyntaxError, tokenize.TokenError, MemoryError, RecursionError)
# Errors while reading a zip member. RuntimeError: it has a password. UnicodeDecodeError: its name cannot be decoded.
ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, RuntimeError, UnicodeDecodeError),
)


def read_npy(path: Path) -> npt.NDArray[Any]:
    """Memory-map the array of an npy file."""
    check_input(path)
    _refuse_pickle(path)
    with path.open("rb") as file:
        dtype, shape, is_fortran = read_array_header(file, path)
        header_size = file.tell()
        size = path.stat().st_size - header_size
    _check_array_size(path, dtype, shape, size)
    order: Literal["C", "F"] = "F" if is_fortran else "C"
    try:
        return np.memmap(path, dtype, "r", header_size, shape, order) if size else np.empty(shape, dtype)
    except (*_HEADER_ERRORS, OSError) as error:
        raise _damaged_archive_error(path, error) from error


class Archive(Mapping[str, npt.NDArray[Any]]):
    """The arrays of an npz file, read on access."""

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path = path
        self._file = file
        names = [info.filename.removesuffix(".npy") for info in file.infolist()]
        check_unique(names, value_name="an array", where=path, fix="write the file again")
        self._members = dict(zip(names, file.infolist(), strict=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members  # without reading the array

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        with self.open_array(name) as stream:
            header = read_array_header(stream, self.path, name)
            self.check_array_size(name, stream, header)
            dtype, shape, is_fortran = header
            size, header_size = math.prod(shape) * dtype.itemsize, stream.tell()
            mapped = self._memory_map_array(name, header_size, dtype)
            content, start = (_read_in_blocks(stream, size), 0) if mapped is None else (mapped, header_size)
            try:
                array: npt.NDArray[Any] = np.ndarray(shape, dtype, content, start, order="F" if is_fortran else "C")
                _check_code_points(array)
                return array
            except (ValueError, TypeError) as error:  # numpy rejects the shape
                raise _damaged_archive_error(self.path, error) from error

    def _memory_map_array(self, name: str, header_size: int, dtype: np.dtype[Any]) -> npt.NDArray[np.uint8] | None:
        """Memory-map an uncompressed array; return None if the array is compressed, misaligned or damaged."""
        info = self._members[name]
        with self.path.open("rb") as file:
            file.seek(info.header_offset + _LENGTHS_OFFSET)
            start = info.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", file.read(4)))
        is_whole = (
            info.compress_size == info.file_size > header_size and start + info.file_size <= self.path.stat().st_size
        )
        if info.compress_type != zipfile.ZIP_STORED or not is_whole or (start + header_size) % dtype.alignment:
            return None
        mapped = np.memmap(self.path, np.uint8, "r", start, info.file_size)
        return mapped if zlib.crc32(mapped.data) == info.CRC else None

    def check_array_size(self, name: str, stream: IO[bytes], header: "ArrayHeader") -> None:
        """Raise `DataError` if the bytes after an array's header do not fit its dtype and shape."""
        size = self._members[name].file_size - stream.tell()
        _check_array_size(f"{self.path}, array {name}", header.dtype, header.shape, size)

    @contextmanager
    def open_array(self, name: str) -> Iterator[IO[bytes]]:
        """Open the npy file of one array as a stream of decompressed bytes."""
        try:
            with self._file.open(self._members[name]) as stream:
                yield stream
        except DataError:
            raise
        except ZIP_ERRORS as error:
            raise _damaged_archive_error(self.path, error) from error

    def find_first_array(self, *possible_names: str) -> str:
        """Return the first of `possible_names` that is the name of an array in the archive; `DataError` if none is."""
        for name in possible_names:
            if name in self:
                return name
        raise DataError(
            "missing-array",
            "array is missing in the archive",
            where=self.path,
            allowed=" or ".join(possible_names),
            found=", ".join(self) or "no array",
        )


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an npz file."""
    check_input(path)
    _refuse_pickle(path)
    try:
        file = zipfile.ZipFile(path)
    except (*ZIP_ERRORS, ValueError) as error:
        raise _damaged_archive_error(path, error) from error
    with file:
        check_unpacked_size(path, file)
        yield Archive(path, file)


def check_unpacked_size(path: Path, file: zipfile.ZipFile) -> None:
    """Raise `DataError` if an archive is larger than the limit when unpacked."""
    check_size(path, "archive", sum(info.file_size for info in file.infolist()))


def check_size(path: Path, content_name: str, n_bytes: int, max_allowed: int | None = None) -> None:
    """Raise `DataError` if more than `max_allowed` bytes are declared; the default is REASSESS_MAX_BYTES."""
    max_allowed = max_bytes() if max_allowed is None else max_allowed
    if n_bytes > max_allowed:
        raise DataError(
            "too-large",
            f"{content_name} is too large",
            where=path,
            allowed=f"{max_allowed:,} bytes",
            found=f"{n_bytes:,} bytes",
            fix=f"if you trust the file: {_LIMIT_VARIABLE}={n_bytes}",
        )


def max_bytes() -> int:
    """Return the size limit of unpacked archives in bytes: REASSESS_MAX_BYTES, or 8 GiB."""
    text = os.environ.get(_LIMIT_VARIABLE, "").strip()
    if not text:
        return 8 << 30
    check_known([text], [text] if text.isdecimal() and int(text) else [], value_name=f"value of {_LIMIT_VARIABLE}")
    return int(text)


def _read_in_blocks(stream: IO[bytes], size: int) -> bytearray:
    """Read `size` bytes block by block, so that no byte is in memory twice."""
    content = bytearray()
    while block := stream.read(min(_BLOCK, size - len(content))):
        content += block
    return content


class ArrayHeader(NamedTuple):
    """The header of an npy file; `is_fortran` is true if the array has Fortran order."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    is_fortran: bool


def read_array_header(stream: IO[bytes], path: Path, name: str | None = None) -> ArrayHeader:
    """Read the header of an npy stream; `name` is the name of an array in an archive."""
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _VERSIONS:
            raise ValueError(f"npy version {version[0]}.{version[1]} is unknown")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # numpy warns about files of Python 2
            shape, is_fortran, dtype = read(stream)
        if not all(0 <= size <= _MAX_DIMENSION for size in shape):
            raise ValueError(f"invalid shape {shape}")
    except _HEADER_ERRORS as error:
        raise _damaged_archive_error(path, error) from error
    if dtype.hasobject:
        raise _pickle_error(path, "the file" if name is None else f"array {name}")
    if not dtype.itemsize and math.prod(shape) > _MAX_EMPTY_TEXTS:
        raise _damaged_archive_error(
            path, ValueError(f"{math.prod(shape):,} values of type {dtype}, which has 0 bytes")
        )
    return ArrayHeader(dtype, shape, is_fortran)


def _check_code_points(array: npt.NDArray[Any]) -> None:
    """Raise `ValueError` for code points outside Unicode, because they would crash Python."""
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        codes = array.ravel("K").view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if codes.max() > _LAST_CODE_POINT:
            raise ValueError(f"{codes.max():#x} is not a Unicode code point")


def _check_array_size(where: object, dtype: np.dtype[Any], shape: tuple[int, ...], size: int) -> None:
    declared = math.prod(shape) * dtype.itemsize
    if declared != size:
        raise DataError(
            "damaged-file",
            "array is shorter than declared",
            where=where,
            allowed=f"{declared:,} bytes for {dtype} {shape}",
            found=f"{size:,} bytes",
            fix="get or write the file again",
        )


def _refuse_pickle(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(1) == b"\x80":
            raise _pickle_error(path, "the file")


def _damaged_archive_error(path: Path, error: Exception) -> DataError:
    if "Python objects" in str(error):
        return _pickle_error(path, "the file")
    kind = path.suffix.lower().lstrip(".")
    return DataError(
        "damaged-file",
        f"file is not a complete {kind} file",
        where=path,
        found=(str(error).splitlines() or [type(error).__name__])[0].rstrip("."),
        fix=suggest_suffix(path) or "get or write the file again",
    )


def _pickle_error(path: Path, content: str) -> DataError:
    return DataError(
        "pickle",
        "file contains pickled Python objects, which are never loaded: unpickling can run any code",
        where=f"{path}, {content}",
        allowed="arrays of numbers or text",
        fix="save plain arrays, such as np.save(path, array.astype('float32')) or names.astype(str)",
    )
