"""Shards: files with the scores of some images each, so that an interrupted run loses little."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError
from reassess.formats.files import write_to_temporary


@dataclass(frozen=True, eq=False)
class Shard:
    """The scores of some consecutive images, stored in one file."""

    rows: npt.NDArray[np.int64]  # (images,): rows of the readable images
    scores: npt.NDArray[np.float16]  # float16, shape (images, outputs)
    unreadable_reasons: Mapping[int, str]  # why the other images are unreadable, by row
    n_top1_changed_by_rounding: int  # images whose best class changes when scores are rounded to float16

    @classmethod
    def from_parts(cls, parts: "Sequence[Shard]") -> "Shard":
        """Join consecutive parts of a shard."""
        return cls(
            rows=np.concatenate([part.rows for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            unreadable_reasons={row: reason for part in parts for row, reason in part.unreadable_reasons.items()},
            n_top1_changed_by_rounding=sum(part.n_top1_changed_by_rounding for part in parts),
        )

    def has_exactly_rows(self, rows: range, n_outputs: int) -> bool:
        """Return whether the shard has exactly the images at `rows`, in order, and this number of outputs."""
        return (
            self.scores.dtype == np.float16
            and self.scores.shape == (len(self.rows), n_outputs)
            and not np.isnan(self.scores).any()
            and sorted([*self.rows.tolist(), *self.unreadable_reasons]) == list(rows)
            and bool((np.diff(self.rows) > 0).all())
            and 0 <= self.n_top1_changed_by_rounding <= len(self.rows)
        )


@dataclass(frozen=True)
class Shards:
    """The files with a model's scores, called shards: each numbered file has the scores of some images."""

    folder: Path  # folder of the files
    n_images: int  # all images
    shard_size: int  # images per shard; the last shard may have fewer
    n_outputs: int  # number of outputs of the model

    @property
    def n_shards(self) -> int:
        """Number of shards of a complete run."""
        return -(-self.n_images // self.shard_size)

    def rows_of_shard(self, number: int) -> range:
        """Return the rows of the images in a shard."""
        return range(self.n_images)[number * self.shard_size : (number + 1) * self.shard_size]

    def missing_shard_numbers(self) -> list[int]:
        """List the numbers of the shards that are missing."""
        existing = set(self._existing_shard_numbers())
        return [number for number in range(self.n_shards) if number not in existing]

    def write(self, number: int, shard: Shard) -> None:
        """Write a shard, completely or not at all."""
        with write_to_temporary(self._path(number), force=True) as temporary:
            np.savez(
                temporary,
                rows=shard.rows,
                scores=shard.scores,
                unreadable=np.array(list(shard.unreadable_reasons), np.int64),
                reasons=np.array(list(shard.unreadable_reasons.values()), str),
                moved=shard.n_top1_changed_by_rounding,
            )

    def read_all(self) -> Iterator[Shard]:
        """Read all shards in order; `DataError` for a damaged shard."""
        return map(self._read, range(self.n_shards))

    def remove_damaged(self) -> list[Path]:
        """Remove shards that are damaged or do not fit the run; return their paths."""
        damaged = [self._path(number) for number in self._existing_shard_numbers() if self._read_intact(number) is None]
        for path in damaged:
            path.unlink()
        return damaged

    def find_rows_with_scores(self, rows: Iterable[int]) -> set[int]:
        """Return the rows that have scores in an intact shard."""
        rows = set(rows)
        numbers = set(self._existing_shard_numbers()) & {image // self.shard_size for image in rows}
        shards = filter(None, map(self._read_intact, numbers))
        return rows.intersection(row for shard in shards for row in shard.rows.tolist())

    def remove_shards_with_rows(self, rows: Iterable[int]) -> None:
        """Remove the shards that contain any of these rows, so that they are computed again."""
        for number in {image // self.shard_size for image in rows}:
            self._path(number).unlink(missing_ok=True)

    def _existing_shard_numbers(self) -> list[int]:
        """List the numbers of the shards that exist."""
        return [number for number in range(self.n_shards) if self._path(number).exists()]

    def _read_intact(self, number: int) -> Shard | None:
        """Read a shard; None if it is damaged."""
        try:
            return self._read(number)
        except DataError:
            return None

    def _read(self, number: int) -> Shard:
        """Read a shard, and raise `DataError` if it is damaged."""
        path = self._path(number)
        with path.open("rb") as file:
            try:
                with np.load(file, allow_pickle=False) as arrays:
                    shard = _make_shard(arrays)
                fits = shard.has_exactly_rows(self.rows_of_shard(number), self.n_outputs)
            except Exception as error:  # zipfile and numpy raise many types of errors for damaged files
                raise self._damaged_error(path) from error
        if not fits:
            raise self._damaged_error(path)
        return shard

    def _damaged_error(self, path: Path) -> DataError:
        """Create the error for a damaged shard."""
        return DataError(
            "damaged-file", "shard is damaged", where=path, fix="run the command again, which computes the shard again"
        )

    def _path(self, number: int) -> Path:
        """Return the path of a shard."""
        return self.folder / f"{number:06d}.npz"


def _make_shard(arrays: Mapping[str, npt.NDArray[Any]]) -> Shard:
    """Create a shard from the arrays of its file."""
    rows, unreadable = (arrays[name].astype(np.int64, casting="safe") for name in ("rows", "unreadable"))
    unreadable_reasons = dict(zip(unreadable.tolist(), arrays["reasons"].astype(str).tolist(), strict=True))
    return Shard(
        rows=rows,
        scores=arrays["scores"],
        unreadable_reasons=unreadable_reasons,
        n_top1_changed_by_rounding=int(arrays["moved"]),
    )
