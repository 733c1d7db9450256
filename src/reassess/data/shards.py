"""Shards: files with the results of a computation on some images each, so that an interruption loses little."""

import shlex
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os.path import lexists
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.data.image_sources import FILE_VERSION_DTYPE, FileVersions, ImageSource, UnreadableReason
from reassess.data.shares import RunShare
from reassess.errors import DataError
from reassess.formats.files import write_to_temporary

_REASON_FIELDS = ("unreadable", "reasons")


@dataclass(frozen=True, eq=False)
class Shard:
    """A file with the results of a computation on some consecutive images."""

    rows: range  # the images
    file_versions: FileVersions  # shape (images,): the files that were read
    unreadable_reasons: Mapping[int, UnreadableReason]  # why images have no results, by row
    results: Mapping[str, npt.NDArray[Any]]  # the results by name, with a row for each readable image

    @classmethod
    def from_parts(cls, parts: "Sequence[Shard]") -> "Shard":
        """Join consecutive parts of a shard."""
        return cls(
            rows=range(parts[0].rows.start, parts[-1].rows.stop),
            file_versions=np.concatenate([part.file_versions for part in parts]),
            unreadable_reasons={row: reason for part in parts for row, reason in part.unreadable_reasons.items()},
            results={name: np.concatenate([part.results[name] for part in parts]) for name in parts[0].results},
        )

    @property
    def readable_rows(self) -> list[int]:
        """Rows of the images that have results."""
        return [row for row in self.rows if row not in self.unreadable_reasons]


@dataclass(frozen=True, eq=False)
class Shards:
    """The shards of a computation: each numbered file has the results of some images."""

    images: ImageSource
    folder: Path  # folder of the files
    shard_size: int  # images per shard; the last shard may have fewer
    has_valid_results: Callable[[Shard], bool]  # whether the results have the right names, types and shapes
    n_earlier_shards: int = 0  # shards of the run's earlier sets or models; shares divide all shards of the run

    @property
    def n_shards(self) -> int:
        """Number of shards of a complete run."""
        return -(-len(self.images) // self.shard_size)

    def rows_of_shard(self, number: int) -> range:
        """Return the rows of the images in a shard."""
        return range(len(self.images))[number * self.shard_size : (number + 1) * self.shard_size]

    def shard_numbers(self, share: RunShare | None = None) -> list[int]:
        """List the numbers of all shards; with `share`, only of the shards in this share."""
        numbers = range(self.n_shards)
        return [number for number in numbers if share is None or share.includes(self.n_earlier_shards + number)]

    def missing_shard_numbers(self, share: RunShare | None = None) -> list[int]:
        """List the numbers of the missing shards; with `share`, only of the shards in this share."""
        existing = set(self._existing_shard_numbers())
        return [number for number in self.shard_numbers(share) if number not in existing]

    def count_finished_shards(self, share: RunShare | None = None) -> int:
        """Count the finished shards; with `share`, only the shards in this share.

        A file that is cut off, or is not a shard, does not count. The results in the files are not read.
        """
        return sum(zipfile.is_zipfile(self._shard_path(number)) for number in self.shard_numbers(share))

    def count_images(self, share: RunShare | None = None) -> int:
        """Count the images of all shards; with `share`, only of the shards in this share."""
        return sum(len(self.rows_of_shard(number)) for number in self.shard_numbers(share))

    def write(self, number: int, shard: Shard) -> None:
        """Write a shard, completely or not at all."""
        with write_to_temporary(self._shard_path(number), force=True) as temporary:
            arrays = {
                "rows": np.array([shard.rows.start, shard.rows.stop]),
                "stamps": shard.file_versions,
                "unreadable": np.array(list(shard.unreadable_reasons), np.int64),
                "reasons": np.array(list(shard.unreadable_reasons.values()), str),
            }
            np.savez(temporary, allow_pickle=False, **arrays, **shard.results)

    def check_worker_read_same_files(self, shard: Shard) -> None:
        """Raise `DataError` if a worker could not read an image file, or has read another file."""
        for row, file_version in zip(shard.rows, shard.file_versions, strict=True):
            if not self.images.has_same_file(row, file_version, compares_content=True):
                size, own_size = int(file_version["size"]), self.images.size_and_mtime(row)[0]
                raise DataError(
                    "different-files",
                    "worker does not have the same image file as this computer",
                    where=f"image {self.images.names[row]}",
                    allowed=f"{own_size:,} bytes",
                    found="no file" if size < 0 else f"{size:,} bytes" if size != own_size else "another content",
                    fix="store the images where all workers can read them, under the same path",
                )

    def read_all(self) -> Iterator[Shard]:
        """Read all shards in order; `DataError` for a damaged shard."""
        return map(self._read, self.shard_numbers())

    def remove_damaged_shards(self, share: RunShare | None = None) -> list[Path]:
        """Remove shards that are damaged or do not fit the run, only of this `share`; return their paths."""
        numbers = sorted({*self._existing_shard_numbers()} & {*self.shard_numbers(share)})
        damaged = [self._shard_path(number) for number in numbers if self._read_intact(number) is None]
        for path in damaged:
            _remove_shard(path)
        return damaged

    def find_rows_with_results(self, rows: Iterable[int]) -> set[int]:
        """Return the rows that have results in an intact shard."""
        rows = set(rows)
        numbers = set(self._existing_shard_numbers()) & {row // self.shard_size for row in rows}
        shards = filter(None, map(self._read_intact, numbers))
        return rows.intersection(row for shard in shards for row in shard.readable_rows)

    def find_changed_rows(self, *, compares_content: bool) -> list[int]:
        """List the rows of images whose files have changed since their shard was written."""
        shards = filter(None, map(self._read_intact, self._existing_shard_numbers()))
        return [
            row
            for shard in shards
            for row, file_version in zip(shard.rows, shard.file_versions, strict=True)
            if not self.images.has_same_file(row, file_version, compares_content=compares_content)
        ]

    def remove_shards_with_rows(self, rows: Iterable[int]) -> None:
        """Remove the shards that contain any of these rows, so that the shards are computed again."""
        for number in {row // self.shard_size for row in rows}:
            _remove_shard(self._shard_path(number))

    def _existing_shard_numbers(self) -> list[int]:
        """List the numbers of the shards that exist."""
        return [number for number in range(self.n_shards) if lexists(self._shard_path(number))]

    def _read_intact(self, number: int) -> Shard | None:
        """Read a shard; None if the shard is damaged."""
        try:
            return self._read(number)
        except DataError:
            return None

    def _read(self, number: int) -> Shard:
        """Read a shard; raise `DataError` if the shard is damaged."""
        path = self._shard_path(number)
        if not path.is_file():  # for example a folder
            raise _damaged_error(path)
        with path.open("rb") as file:
            try:
                with np.load(file, allow_pickle=False) as arrays:
                    shard = _make_shard(dict(arrays))
                has_these_rows = shard.rows == self.rows_of_shard(number)
                is_valid = has_these_rows and _is_complete(shard) and self.has_valid_results(shard)
            except Exception as error:  # zipfile and numpy raise many types of errors for damaged files
                raise _damaged_error(path) from error
        if not is_valid:
            raise _damaged_error(path)
        return shard

    def _shard_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


class ShardCounts(NamedTuple):
    """The number of shards of a run, and how many are done."""

    shards: int
    done: int

    @classmethod
    def from_run(cls, shards: Iterable[Shards], share: RunShare | None = None) -> "ShardCounts":
        """Count the shards of all parts of a run; with `share`, only the shards in this share."""
        counts = [(len(part.shard_numbers(share)), part.count_finished_shards(share)) for part in shards]
        return cls(*map(sum, zip(*counts, strict=True)))


def _make_shard(arrays: dict[str, npt.NDArray[Any]]) -> Shard:
    """Create a shard from the arrays of its file."""
    rows, file_versions = range(*arrays.pop("rows").tolist()), arrays.pop("stamps")
    unreadable, reasons = (arrays.pop(name) for name in _REASON_FIELDS)
    unreadable_rows = unreadable.astype(np.int64, casting="safe").tolist()
    return Shard(rows, file_versions, dict(zip(unreadable_rows, reasons.astype(str).tolist(), strict=True)), arrays)


def _is_complete(shard: Shard) -> bool:
    """Return whether each image of a shard has results or a reason why it cannot be read."""
    n_readable = len(shard.rows) - len(shard.unreadable_reasons)
    return (
        shard.file_versions.dtype == FILE_VERSION_DTYPE
        and shard.file_versions.shape == (len(shard.rows),)
        and all(row in shard.rows for row in shard.unreadable_reasons)
        and all(len(result) == n_readable for result in shard.results.values())
    )


def _remove_shard(path: Path) -> None:
    """Remove a shard; raise `DataError` if this is not possible, for example because it is a folder."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            "damaged-file",
            "shard is damaged and cannot be removed",
            where=path,
            found=error.strerror,
            fix=f"remove it, and run the command again: rm -r {shlex.quote(str(path))}",
        ) from error


def _damaged_error(path: Path) -> DataError:
    """Create the error for a damaged shard."""
    return DataError(
        "damaged-file", "shard is damaged", where=path, fix="run the command again, which computes the shard again"
    )
