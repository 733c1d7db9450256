"""What a run has finished, in a folder beside its output, so that it can go on after an interruption."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from reassess.data.image_sources import ImageSource
from reassess.errors import DataError
from reassess.formats.files import writing
from reassess.formats.tables import read_table, write_table
from reassess.text import counted, some

__all__ = ["Shard", "Shards", "begin_run", "end_run"]

_RECORD, _IMAGES = "run.json", "images.parquet"
_VERSION = 1


@dataclass(frozen=True, eq=False)
class Shard:
    """The scores of some images that follow one another.

    Parameters
    ----------
    rows
        int64, shape (images,): those that could be read.
    scores
        float16, shape (images, outputs).
    reasons
        Why each of the others could not, by row.
    moved
        Images of which another class is the best once scores are rounded to float16.
    """

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float16]
    reasons: Mapping[int, str]
    moved: int

    @classmethod
    def joined(cls, parts: "Sequence[Shard]") -> "Shard":
        """Parts that follow one another as one."""
        return cls(
            rows=np.concatenate([part.rows for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            reasons={row: reason for part in parts for row, reason in part.reasons.items()},
            moved=sum(part.moved for part in parts),
        )


@dataclass(frozen=True)
class Shards:
    """The shards of one model in a folder, by their numbers.

    Parameters
    ----------
    folder
        Where they lie.
    images
        Of how many images they are together.
    size
        Images of each shard, the last one apart.
    """

    folder: Path
    images: int
    size: int

    @property
    def count(self) -> int:
        """How many shards there are in the end."""
        return -(-self.images // self.size)

    def rows(self, number: int) -> range:
        """The images of a shard."""
        return range(self.images)[number * self.size : (number + 1) * self.size]

    def pending(self) -> list[int]:
        """The shards that are not there."""
        return [number for number in range(self.count) if not self._path(number).exists()]

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
        """All shards in order."""
        for number in range(self.count):
            path = self._path(number)
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                    reasons = dict(zip(held["unreadable"].tolist(), held["reasons"].tolist(), strict=True))
                    shard = Shard(held["rows"], held["scores"], reasons, int(held["moved"]))
            except (ValueError, KeyError, EOFError, BadZipFile) as error:
                raise DataError(
                    "a shard is damaged", where=path, mend=f"remove it to have it made anew: rm {path}"
                ) from error
            yield shard

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def begin_run(folder: Path, run: Mapping[str, Any], images: ImageSource) -> None:
    """Begin a run in a folder, or go on with the one that is there.

    Parameters
    ----------
    folder
        The run's own.
    run
        What the scores depend on, apart from the images: numbers, texts and objects of them.
    images
        The images.

    Raises
    ------
    DataError
        The run that is there was of other things, which the message names; or the folder is none of a run.
    """
    run = {"schema": "reassess/predict-run", "version": _VERSION, **run}
    now = _stamps(images)
    if (folder / _RECORD).exists():
        changes = [*_changes(_recorded(folder / _RECORD), run), *_changed_images(folder / _IMAGES, now)]
        if not changes:
            return
        if any(folder.rglob("*.npz")):  # else nothing was finished that would be lost
            raise DataError(
                "the run that was interrupted was another one",
                where=folder,
                found="\n".join(changes),
                mend=f"call it as before to go on, or begin anew: rm -r {folder}",
            )
    elif folder.is_file() or any(path.name != _IMAGES for path in folder.glob("[!.]*")):
        raise DataError("something else is in the way", where=folder, mend="move it, or choose another name")
    folder.mkdir(exist_ok=True)
    import polars as pl

    columns = {"image": list(now), **dict(zip(("size", "changed"), np.array(list(now.values())).T, strict=True))}
    write_table(folder / _IMAGES, pl.DataFrame(columns), force=True)
    with writing(folder / _RECORD, force=True) as temporary:
        temporary.write_text(json.dumps(run, indent=2), encoding="utf-8")


def end_run(folder: Path) -> None:
    """Remove what a run kept, its record last, so that a run that is stopped here can be begun again."""
    for shards in filter(Path.is_dir, list(folder.iterdir())):
        shutil.rmtree(shards)
    shutil.rmtree(folder)


def _recorded(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            "the record of a run is damaged", where=path, mend=f"begin anew: rm -r {path.parent}"
        ) from error


def _stamps(images: ImageSource) -> dict[str, tuple[int, int]]:
    return {name: images.stamp(row) for row, name in enumerate(images.names)}


def _changes(before: Any, now: Any, name: str = "") -> Iterator[str]:
    """What differs between two objects, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*before, *now)):
            yield from _changes(before.get(key), now.get(key), f"{name}, {key}" if name else key)
    elif before != now:
        yield f"{name}: {_in_words(before)} before, {_in_words(now)} now"


def _in_words(value: object) -> str:
    if isinstance(value, str):
        return value
    return "nothing" if value is None else "another one" if isinstance(value, dict) else json.dumps(value)


def _changed_images(path: Path, now: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    table = read_table(path, text=("image",))
    before = {image: (size, changed) for image, size, changed in table.iter_rows()}
    kinds = {
        "changed": [image for image in now if image in before and now[image] != before[image]],
        "new": [image for image in now if image not in before],
        "gone": [image for image in before if image not in now],
    }
    for kind, names in kinds.items():
        if names:
            yield f"{counted(len(names), 'image')} {kind}: {some(names, most=3)}"
    if list(before) != list(now) and not any(kinds.values()):
        yield "the images are in another order"
