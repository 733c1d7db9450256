"""The scores of a model in shards, so that a run that is interrupted loses little."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError
from reassess.formats.files import writing


@dataclass(frozen=True, eq=False)
class Shard:
    """The scores of some images that follow one another."""

    rows: npt.NDArray[np.int64]  # (images,): readable images
    scores: npt.NDArray[np.float16]  # float16, shape (images, outputs)
    reasons: Mapping[int, str]  # why each other image is unreadable, by row
    moved: int  # images with another best class once scores are rounded to float16

    @classmethod
    def joined(cls, parts: "Sequence[Shard]") -> "Shard":
        """Parts that follow one another as one."""
        return cls(
            rows=np.concatenate([part.rows for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            reasons={row: reason for part in parts for row, reason in part.reasons.items()},
            moved=sum(part.moved for part in parts),
        )

    def is_of(self, images: range, outputs: int) -> bool:
        """Whether it has each of these images, once and in order, and this number of outputs."""
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
    """The shards of one model in a folder, by their numbers."""

    folder: Path  # of the files
    images: int  # all images
    size: int  # images of each shard, except the last one
    outputs: int  # how many outputs the model has

    @property
    def count(self) -> int:
        """How many shards there are in the end."""
        return -(-self.images // self.size)

    def rows(self, number: int) -> range:
        """The images of a shard."""
        return range(self.images)[number * self.size : (number + 1) * self.size]

    def pending(self) -> list[int]:
        """The shards that are not there."""
        there = set(self._there())
        return [number for number in range(self.count) if number not in there]

    def write(self, number: int, shard: Shard) -> None:
        """Write a shard, whole or not at all."""
        with writing(self._path(number), force=True) as temporary:
            np.savez(
                temporary,
                rows=shard.rows,
                scores=shard.scores,
                unreadable=np.array(list(shard.reasons), np.int64),
                reasons=np.array(list(shard.reasons.values()), str),
                moved=shard.moved,
            )

    def read(self) -> Iterator[Shard]:
        """All shards in order; `DataError` for one that is damaged."""
        return map(self._read, range(self.count))

    def remove_damaged(self) -> list[Path]:
        """Remove the shards that are damaged, or of other images or outputs, so that they are made anew."""
        damaged = [self._path(number) for number in self._there() if self._whole(number) is None]
        for path in damaged:
            path.unlink()
        return damaged

    def scored(self, images: Iterable[int]) -> set[int]:
        """Those images that have scores in a shard."""
        images = set(images)
        there = set(self._there()) & {image // self.size for image in images}
        whole = filter(None, map(self._whole, there))
        return images.intersection(row for shard in whole for row in shard.rows.tolist())

    def remove(self, images: Iterable[int]) -> None:
        """Remove the shards of some images, so that they are made anew."""
        for number in {image // self.size for image in images}:
            self._path(number).unlink(missing_ok=True)

    def _there(self) -> list[int]:
        return [number for number in range(self.count) if self._path(number).exists()]

    def _whole(self, number: int) -> Shard | None:
        """A shard; None if it is damaged."""
        try:
            return self._read(number)
        except DataError:
            return None

    def _read(self, number: int) -> Shard:
        path = self._path(number)
        with path.open("rb") as file:
            try:
                with np.load(file, allow_pickle=False) as held:
                    shard = _shard_of(held)
                fits = shard.is_of(self.rows(number), self.outputs)
            except Exception as error:  # zipfile and numpy raise whatever their parts raise on damaged files
                raise self._damaged(path) from error
        if not fits:
            raise self._damaged(path)
        return shard

    def _damaged(self, path: Path) -> DataError:
        return DataError("damaged-file", "shard is damaged", where=path, fix="call the command again: it is made anew")

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def _shard_of(held: Mapping[str, npt.NDArray[Any]]) -> Shard:
    rows, unreadable = (held[name].astype(np.int64, casting="safe") for name in ("rows", "unreadable"))
    reasons = dict(zip(unreadable.tolist(), held["reasons"].astype(str).tolist(), strict=True))
    return Shard(rows=rows, scores=held["scores"], reasons=reasons, moved=int(held["moved"]))
