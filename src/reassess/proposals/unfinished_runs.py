"""What a run keeps beside its output until it is complete, so that it can go on after an interruption."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from reassess.core.checks import check_shape
from reassess.data import ImageSource
from reassess.errors import DataError
from reassess.formats.file_lock import LockedError, take_lock
from reassess.formats.files import TEMPORARY, exists, sha256, writing
from reassess.formats.tables import read_table, write_table
from reassess.proposals.shards import Shards
from reassess.text import counted, some

_SHA256 = re.compile("[0-9a-f]{64}")
_HASH = 12  # digits of a hash, as for inputs
_RECORD, _IMAGES, _OUTPUTS, _LOCK, _SHARDS = "run.json", "images.parquet", "outputs.json", "lock", "shards"
_VERSION = 3


def changes_of(before: Any, now: Any, name: str = "") -> Iterator[str]:
    """Differences of two objects; of objects missing in one of them, such as models, only the names."""
    if isinstance(before, dict) and isinstance(now, dict):
        both = [key for key in before if key in now]
        gone, new = ([key for key in one if key not in both and isinstance(one[key], dict)] for one in (before, now))
        if gone and new:
            yield f"{name}: {some(gone)} before, {some(new)} now"
        elif gone or new:
            yield f"{name} {'gone' if gone else 'new'}: {some(gone or new)}"
        for key in dict.fromkeys((*before, *now)):
            if key not in (*gone, *new):
                yield from changes_of(before.get(key), now.get(key), f"{name}, {key}" if name else key)
    elif {type(before), type(now)} == {dict, type(None)}:
        above, _, own = name.rpartition(", ")
        has = f"without {own} before, with one now" if before is None else f"with {own} before, without one now"
        yield f"{above}: {has}" if above else has
    elif before != now:
        yield f"{name}: {_in_words(before)} before, {_in_words(now)} now"


def _in_words(value: object) -> str:
    if isinstance(value, str):
        return value[:_HASH] if _SHA256.fullmatch(value) else value
    return "none" if value is None else json.dumps(value)


def changed_images(before: Mapping[str, tuple[int, int]], now: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """What differs between images, each with the size and the time of change of its file."""
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


def recorded_images(path: Path) -> dict[str, tuple[int, int]]:
    """The images of a table of a run, each with the size and the time of change of its file."""
    import polars as pl

    try:
        table = read_table(path, text=("image",))
        stamps = table.drop("image").to_numpy()
        check_shape(stamps, ("images", 2), what="the stamps", kind="integers")
        return dict(zip(table["image"].to_list(), map(tuple, stamps.tolist()), strict=True))
    except (DataError, pl.exceptions.PolarsError) as error:
        raise DataError(
            "damaged-file", "record of a run is damaged", where=path, fix=f"begin anew: rm -r {path.parent}"
        ) from error


@dataclass(frozen=True)
class Unfinished:
    """The folder of a run: the record of what its scores depend on, its images, and its shards."""

    output: Path  # where the run writes in the end; the folder lies beside it

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.output.with_name(f"{self.output.name}.unfinished")

    def shards(self, file: Path) -> Path:
        """The folder of the shards that become a file."""
        return self.folder / _SHARDS / file.stem

    def has_written(self, path: Path) -> bool:
        """Whether a file is one that this run made, and was stopped before its end."""
        records = [self.folder / _RECORD, self.folder / _OUTPUTS]
        if not all(map(exists, records)) or not exists(path) or not path.is_file():
            return False
        made = _recorded(self.folder / _OUTPUTS).get(self._key(path))
        return made is not None and made == sha256(path)

    @property
    def mark(self) -> str:
        """Mark of the temporary files of a run with this output."""
        return hashlib.sha256(os.fsencode(self.output.name)).hexdigest()[:8]

    def note_outputs(self, files: Mapping[Path, Path]) -> None:
        """Record files that are about to take their places: the hash of each, which is complete at another path.

        Files of a run that was stopped after it wrote them are removed.
        """
        for key in _recorded(self.folder / _OUTPUTS) if exists(self.folder / _OUTPUTS) else ():
            if self.has_written(path := self.output.parent / key):
                Path(os.path.realpath(path)).unlink()
        hashes = {self._key(path): sha256(complete) for path, complete in files.items()}
        _write_json(self.folder / _OUTPUTS, hashes)

    @contextmanager
    def begun(self, run: Mapping[str, Any], images: ImageSource, shards: Sequence[Shards]) -> Iterator[None]:
        """Begin a run, or go on with the one that is there; no other process can meanwhile.

        Images without scores, such as unreadable ones, may have changed; their shards are then made anew. If the run is
        stopped, a note of the exception says what is kept; if nothing was finished, nothing is.
        """
        self._refuse_other()
        with _locked(self.folder / _LOCK):
            is_ours = False
            try:
                self._record({"schema": "reassess/predict-run", "version": _VERSION, **run}, images, shards)
                (self.folder / _SHARDS).mkdir(exist_ok=True)
                is_ours = True
                yield
            except BaseException as error:
                if isinstance(error, DataError) and not is_ours:  # another run is there
                    raise
                if self._has_shards():
                    error.add_note(f"{self.folder} has what was finished; the same call goes on from there.")
                else:
                    with suppress(OSError):
                        self.end()
                raise

    def end(self) -> None:
        """Remove what the run kept: its record first, without which the rest is of no run."""
        (self.folder / _RECORD).unlink(missing_ok=True)
        with suppress(OSError):  # such as for what else was put there
            shutil.rmtree(self.folder / _SHARDS)
            left = self.folder.glob(f"{TEMPORARY}*")  # by a process that was killed
            for path in (*left, *(self.folder / name for name in (_IMAGES, _OUTPUTS, _LOCK))):
                path.unlink(missing_ok=True)
            self.folder.rmdir()

    def _has_shards(self) -> bool:
        return any(self.folder.rglob("[!.]*.npz"))

    def _record(self, run: Mapping[str, Any], images: ImageSource, shards: Sequence[Shards]) -> None:
        now = {name: images.stamp(row) for row, name in enumerate(images.names)}
        if (self.folder / _RECORD).exists():
            before = recorded_images(self.folder / _IMAGES)
            changes = [*changes_of(_recorded(self.folder / _RECORD), run)]
            renewed = [] if changes else _renewed(before, now, shards)
            changes += changed_images(before | {images.names[row]: now[images.names[row]] for row in renewed}, now)
            if not changes:
                if renewed:
                    for each in shards:
                        each.remove(renewed)
                    self._write_images(now)
                return
            if self._has_shards():  # else nothing was finished that would be lost
                raise DataError(
                    "different-run",
                    "interrupted run had other settings",
                    where=self.folder,
                    found="\n".join(changes),
                    fix=f"call it as before to go on, or begin anew: rm -r {self.folder}",
                )
        # Begin anew, without what an earlier run left.
        if (self.folder / _SHARDS).is_dir():
            shutil.rmtree(self.folder / _SHARDS)
        (self.folder / _OUTPUTS).unlink(missing_ok=True)
        self._write_images(now)
        _write_json(self.folder / _RECORD, run)

    def _write_images(self, now: Mapping[str, tuple[int, int]]) -> None:
        import polars as pl

        stamps = zip(("size", "changed"), np.array(list(now.values())).T, strict=True)
        write_table(self.folder / _IMAGES, pl.DataFrame({"image": list(now), **dict(stamps)}), force=True)

    def _refuse_other(self) -> None:
        """Refuse a file, or a folder with files of something else."""
        own = {_RECORD, _IMAGES, _OUTPUTS, _LOCK, _SHARDS}
        if self.folder.is_file() or (
            not (self.folder / _RECORD).exists() and any(path.name not in own for path in self.folder.glob("[!.]*"))
        ):
            raise DataError(
                "output-exists", "another file is in the way", where=self.folder, fix="move it, or choose another name"
            )

    def _key(self, path: Path) -> str:
        return path.relative_to(self.output.parent).as_posix()


def _renewed(
    before: Mapping[str, tuple[int, int]], now: Mapping[str, tuple[int, int]], shards: Sequence[Shards]
) -> list[int]:
    """Rows of changed images without scores in a shard; none if the images are not the same."""
    if list(before) != list(now):
        return []
    changed = {row for row, name in enumerate(now) if now[name] != before[name]}
    return sorted(changed.difference(*(each.scored(changed) for each in shards)))


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    with writing(path, force=True) as temporary:
        temporary.write_text(json.dumps(document, indent=2), encoding="utf-8")


def _recorded(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict):
        raise DataError(
            "damaged-file", "record of a run is damaged", where=path, fix=f"begin anew: rm -r {path.parent}"
        )
    return held


def _locked(path: Path) -> TextIO:
    """Hold the lock of a run until the returned file is closed; `DataError` if another process holds it."""
    path.parent.mkdir(exist_ok=True)
    try:
        return take_lock(path, is_optional=True)
    except LockedError as error:
        raise DataError(
            "in-use",
            "another run is writing this output",
            where=path.parent,
            found=str(error) if error.holder else None,
            fix="wait until it has ended, or choose another output",
        ) from error
