"""Numpy files as data and nothing else: npy mapped from disk, npz members read with a limit, pickles never loaded."""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError
from reassess.formats.files import check_input

__all__ = ["MAX_BYTES", "Archive", "open_archive", "read_header", "read_npy", "write_npz"]

MAX_BYTES = 8 << 30


def read_npy(path: Path) -> npt.NDArray[Any]:
    """The array of an npy file, mapped from disk and not read."""
    check_input(path)
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except ValueError as error:
        raise _unreadable(path, error) from error


class Archive(Mapping[str, npt.NDArray[Any]]):
    """The arrays of an npz file, each read when it is asked for."""

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path = path
        self._file = file
        self._members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members  # without reading the array

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        with self.stream(name) as stream:
            dtype, shape, fortran = read_header(stream, self.path, name)
            content = np.frombuffer(bytearray(stream.read()), dtype)
            if content.size != np.prod(shape, dtype=np.int64):
                raise DataError(
                    "an array is cut short",
                    where=f"{self.path}, array {name}",
                    allowed=f"{np.prod(shape, dtype=np.int64):,} values",
                    found=f"{content.size:,} values",
                    mend="get the file again",
                )
            return content.reshape(shape, order="F" if fortran else "C")

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        """The bytes of one array's npy file, inflated as they are read."""
        try:
            with self._file.open(self._members[name]) as stream:
                yield stream
        except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise _unreadable(self.path, error) from error
        except Exception as error:  # zlib.error has no public base class of its own
            if type(error).__module__ == "zlib":
                raise _unreadable(self.path, error) from error
            raise

    def first_of(self, *names: str) -> npt.NDArray[Any]:
        """The first of some arrays that is there."""
        for name in names:
            if name in self:
                return self[name]
        raise DataError(
            "an array is missing in the archive",
            where=self.path,
            allowed=" or ".join(names),
            found=", ".join(self) or "no array",
        )


@contextmanager
def open_archive(path: Path, *, max_bytes: int = MAX_BYTES) -> Iterator[Archive]:
    """The arrays of an npz file.

    Raises
    ------
    DataError
        The file is missing, empty, cut short or no zip archive; it declares more than `max_bytes`; an array holds
        Python objects.
    """
    check_input(path)
    try:
        with zipfile.ZipFile(path) as file:
            declared = sum(info.file_size for info in file.infolist())
            if declared > max_bytes:
                raise DataError(
                    "the archive declares more than is allowed",
                    where=path,
                    allowed=f"{max_bytes:,} bytes",
                    found=f"{declared:,} bytes",
                    mend=f"if you trust the file, pass --max-bytes {declared}",
                )
            yield Archive(path, file)
    except zipfile.BadZipFile as error:
        raise _unreadable(path, error) from error


def read_header(stream: IO[bytes], path: Path, name: str) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    """Type, shape and Fortran order from the head of an npy file, which is consumed."""
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except ValueError as error:
        raise _unreadable(path, error) from error
    if dtype.hasobject:
        raise _pickled(path, f"array {name}")
    return dtype, shape, fortran


def write_npz(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays as a compressed npz file."""
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _unreadable(path: Path, error: Exception) -> DataError:
    if "pickle" in str(error) or "object arrays" in str(error).lower():
        return _pickled(path, "the file")
    kind = path.suffix.lower().lstrip(".")
    return DataError(
        f"the file is not a whole {kind} file",
        where=path,
        found=str(error).rstrip("."),
        mend="get or write the file again",
    )


def _pickled(path: Path, what: str) -> DataError:
    return DataError(
        "the file holds pickled Python objects, which are never loaded: unpickling can run any code",
        where=f"{path}, {what}",
        allowed="arrays of numbers or text",
        mend="save plain arrays, such as np.save(path, array.astype('float32')) or names.astype(str)",
    )
