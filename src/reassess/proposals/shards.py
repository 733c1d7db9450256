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
    """The scores of some successive images."""

    rows: npt.NDArray[np.int64]  # (images,): rows of the readable images
    scores: npt.NDArray[np.float16]  # float16, shape (images, outputs)
    reasons: Mapping[int, str]  # why the other images are unreadable, by row
    moved: int  # images with another best class once scores are rounded to float16

    @classmethod
    def joined(cls, parts: "Sequence[Shard]") -> "Shard":
        """Join successive parts."""
        return cls(
            rows=np.concatenate([part.rows for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            reasons={row: reason for part in parts for row, reason in part.reasons.items()},
            moved=sum(part.moved for part in parts),
        )

    def is_of(self, images: range, outputs: int) -> bool:
        """Return whether it has each of these images, once and in order, and this number of outputs."""
        return (
            self.scores.dtype == np.float16
            and self.scores.shape == (len(self.rows), outputs)
            and not np.isnan(self.scores).any()
            and sorted([*self.rows.tolist(), *self.reasons]) == list(images)
            and bool((np.diff(self.rows) > 0).all())
            and 0 <= self.moved <= len(self.rows)
        )


@dataclass(frozen=True)
class Shards:
    """The shards of a model in a folder, by number."""

    folder: Path  # folder of the files
    images: int  # all images
    size: int  # images per shard; the last shard may have fewer
    outputs: int  # number of outputs of the model

    @property
    def count(self) -> int:
        """Number of shards of a complete run."""
        return -(-self.images // self.size)

    def rows(self, number: int) -> range:
        """Return the rows of the images of a shard."""
        return range(self.images)[number * self.size : (number + 1) * self.size]

    def pending(self) -> list[int]:
        """List the missing shards."""
        existing = set(self._existing())
        return [number for number in range(self.count) if number not in existing]

    def write(self, number: int, shard: Shard) -> None:
        """Write a shard, completely or not at all."""
        with write_to_temporary(self._path(number), force=True) as temporary:
            np.savez(
                temporary,
                rows=shard.rows,
                scores=shard.scores,
                unreadable=np.array(list(shard.reasons), np.int64),
                reasons=np.array(list(shard.reasons.values()), str),
                moved=shard.moved,
            )

    def read(self) -> Iterator[Shard]:
        """Read all shards in order; `DataError` for a damaged shard."""
        return map(self._read, range(self.count))

    def remove_damaged(self) -> list[Path]:
        """Remove shards that are damaged, or have other images or outputs; return their paths."""
        damaged = [self._path(number) for number in self._existing() if self._read_intact(number) is None]
        for path in damaged:
            path.unlink()
        return damaged

    def with_scores(self, images: Iterable[int]) -> set[int]:
        """Return the given images that have scores in a shard."""
        images = set(images)
        numbers = set(self._existing()) & {image // self.size for image in images}
        shards = filter(None, map(self._read_intact, numbers))
        return images.intersection(row for shard in shards for row in shard.rows.tolist())

    def remove(self, images: Iterable[int]) -> None:
        """Remove the shards with some images, so that they are computed again."""
        for number in {image // self.size for image in images}:
            self._path(number).unlink(missing_ok=True)

    def _existing(self) -> list[int]:
        return [number for number in range(self.count) if self._path(number).exists()]

    def _read_intact(self, number: int) -> Shard | None:
        """Read a shard; None if it is damaged."""
        try:
            return self._read(number)
        except DataError:
            return None

    def _read(self, number: int) -> Shard:
        path = self._path(number)
        with path.open("rb") as file:
            try:
                with np.load(file, allow_pickle=False) as arrays:
                    shard = _make_shard(arrays)
                fits = shard.is_of(self.rows(number), self.outputs)
            except Exception as error:  # zipfile and numpy raise many types of errors for damaged files
                raise self._damaged(path) from error
        if not fits:
            raise self._damaged(path)
        return shard

    def _damaged(self, path: Path) -> DataError:
        return DataError(
            "damaged-file", "shard is damaged", where=path, fix="run the command again, which computes the shard again"
        )

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def _make_shard(arrays: Mapping[str, npt.NDArray[Any]]) -> Shard:
    rows, unreadable = (arrays[name].astype(np.int64, casting="safe") for name in ("rows", "unreadable"))
    reasons = dict(zip(unreadable.tolist(), arrays["reasons"].astype(str).tolist(), strict=True))
    return Shard(rows=rows, scores=arrays["scores"], reasons=reasons, moved=int(arrays["moved"]))
