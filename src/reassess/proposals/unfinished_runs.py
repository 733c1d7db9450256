"""The folder of an unfinished run, so that the run can continue after an interruption."""

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
from reassess.formats.files import TEMPORARY_PREFIX, exists, sha256, write_to_temporary
from reassess.formats.tables import read_table, write_table
from reassess.proposals.shards import Shards
from reassess.text import count_noun, join_first

_SHA256 = re.compile("[0-9a-f]{64}")
_HASH_DIGITS = 12  # digits of a hash to show
_RECORD_FILE, _IMAGES_FILE, _OUTPUTS_FILE, _LOCK_FILE, _SHARDS_FOLDER = (
    "run.json",
    "images.parquet",
    "outputs.json",
    "lock",
    "shards",
)
_RECORD_VERSION = 3
SizeAndTime = tuple[int, int]  # size in bytes and modification time of a file


def describe_changes(recorded: Any, current: Any, name: str = "") -> Iterator[str]:
    """Describe the differences between two JSON objects, one per line."""
    if isinstance(recorded, dict) and isinstance(current, dict):
        both = [key for key in recorded if key in current]
        removed, new = (
            [key for key in document if key not in both and isinstance(document[key], dict)]
            for document in (recorded, current)
        )
        if removed and new:
            yield f"{name}: {join_first(removed)} before, {join_first(new)} now"
        elif removed or new:
            yield f"{name} {'missing' if removed else 'new'}: {join_first(removed or new)}"
        for key in dict.fromkeys((*recorded, *current)):
            if key not in (*removed, *new):
                yield from describe_changes(recorded.get(key), current.get(key), f"{name}, {key}" if name else key)
    elif {type(recorded), type(current)} == {dict, type(None)}:
        parent, _, key = name.rpartition(", ")
        change = f"without {key} before, with one now" if recorded is None else f"with {key} before, without one now"
        yield f"{parent}: {change}" if parent else change
    elif recorded != current:
        yield f"{name}: {_format_value(recorded)} before, {_format_value(current)} now"


def _format_value(value: object) -> str:
    """Format a value, and shorten a hash."""
    if isinstance(value, str):
        return value[:_HASH_DIGITS] if _SHA256.fullmatch(value) else value
    return "none" if value is None else json.dumps(value)


def describe_image_changes(recorded: Mapping[str, SizeAndTime], current: Mapping[str, SizeAndTime]) -> Iterator[str]:
    """Describe the differences between two sets of images, by size and time of their files."""
    kinds = {
        "changed": [image for image in current if image in recorded and current[image] != recorded[image]],
        "new": [image for image in current if image not in recorded],
        "missing": [image for image in recorded if image not in current],
    }
    for kind, names in kinds.items():
        if names:
            yield f"{count_noun(len(names), 'image')} {kind}: {join_first(names, max_items=3)}"
    if list(recorded) != list(current) and not any(kinds.values()):
        yield "images are in another order"


def read_file_stamps(path: Path) -> dict[str, SizeAndTime]:
    """Read the recorded size and modification time of each image file of a run, by image name."""
    import polars as pl

    try:
        table = read_table(path, text_columns=("image",))
        stamps = table.drop("image").to_numpy()
        check_shape(stamps, ("images", 2), value_name="the stamps", kind="integers")
        return dict(zip(table["image"].to_list(), map(tuple, stamps.tolist()), strict=True))
    except (DataError, pl.exceptions.PolarsError) as error:
        raise DataError(
            "damaged-file", "record of a run is damaged", where=path, fix=f"start again: rm -r {path.parent}"
        ) from error


@dataclass(frozen=True)
class UnfinishedRun:
    """The folder of an unfinished run, with its settings, its images and its shards."""

    output: Path  # output of the run; the folder is beside it

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return self.output.with_name(f"{self.output.name}.unfinished")

    def shard_folder(self, file: Path) -> Path:
        """Return the folder with the shards of an output file."""
        return self.folder / _SHARDS_FOLDER / file.stem

    def has_written(self, path: Path) -> bool:
        """Return whether this run wrote a file before it was interrupted."""
        records = [self.folder / _RECORD_FILE, self.folder / _OUTPUTS_FILE]
        if not all(map(exists, records)) or not exists(path) or not path.is_file():
            return False
        digest = _read_json(self.folder / _OUTPUTS_FILE).get(self._relative_path(path))
        return digest is not None and digest == sha256(path)

    @property
    def temporary_prefix(self) -> str:
        """A prefix of the names of temporary files, the same for all runs with this output."""
        return hashlib.sha256(os.fsencode(self.output.name)).hexdigest()[:8]

    def record_outputs_and_remove_old(self, files: Mapping[Path, Path]) -> None:
        """Record hashes of output files before they are moved into place, and remove older output files.

        `files` maps final to temporary paths. The removed files are the output files of an interrupted run.
        """
        for key in _read_json(self.folder / _OUTPUTS_FILE) if exists(self.folder / _OUTPUTS_FILE) else ():
            if self.has_written(path := self.output.parent / key):
                Path(os.path.realpath(path)).unlink()
        hashes = {self._relative_path(path): sha256(temporary) for path, temporary in files.items()}
        _write_json(self.folder / _OUTPUTS_FILE, hashes)

    @contextmanager
    def locked_run(self, settings: Mapping[str, Any], images: ImageSource, shards: Sequence[Shards]) -> Iterator[None]:
        """Lock the folder during a block, and start a run in it or continue the interrupted run.

        Images without scores, such as unreadable images, may have changed; their shards are computed again. If the run
        is stopped, the exception has a note about the finished part. Without a finished shard, the folder is removed.
        """
        self._check_folder()
        with _lock_run(self.folder / _LOCK_FILE):
            is_ours = False
            try:
                self._start_or_continue(
                    {"schema": "reassess/predict-run", "version": _RECORD_VERSION, **settings}, images, shards
                )
                (self.folder / _SHARDS_FOLDER).mkdir(exist_ok=True)
                is_ours = True
                yield
            except BaseException as error:
                if isinstance(error, DataError) and not is_ours:  # the folder belongs to another run
                    raise
                if self._has_shards():
                    error.add_note(f"{self.folder} contains the finished part; run the same again to continue.")
                else:
                    with suppress(OSError):
                        self.remove_folder()
                raise

    def remove_folder(self) -> None:
        """Remove the folder of the run."""
        (self.folder / _RECORD_FILE).unlink(missing_ok=True)
        with suppress(OSError):  # for example if the folder contains other files
            shutil.rmtree(self.folder / _SHARDS_FOLDER)
            temporary = self.folder.glob(f"{TEMPORARY_PREFIX}*")  # files of a killed process
            for path in (*temporary, *(self.folder / name for name in (_IMAGES_FILE, _OUTPUTS_FILE, _LOCK_FILE))):
                path.unlink(missing_ok=True)
            self.folder.rmdir()

    def _has_shards(self) -> bool:
        """Return whether the folder contains shards."""
        return any(self.folder.rglob("[!.]*.npz"))

    def _start_or_continue(self, settings: Mapping[str, Any], images: ImageSource, shards: Sequence[Shards]) -> None:
        """Start a new run, or check that the interrupted run has the same settings and images."""
        current = {name: images.size_and_mtime(row) for row, name in enumerate(images.names)}
        if (self.folder / _RECORD_FILE).exists():
            recorded = read_file_stamps(self.folder / _IMAGES_FILE)
            changes = [*describe_changes(_read_json(self.folder / _RECORD_FILE), settings)]
            renewed_rows = [] if changes else _find_changed_images_without_scores(recorded, current, shards)
            changes += describe_image_changes(
                recorded | {images.names[row]: current[images.names[row]] for row in renewed_rows}, current
            )
            if not changes:
                if renewed_rows:
                    for model_shards in shards:
                        model_shards.remove_shards_with_rows(renewed_rows)
                    self._write_images(current)
                return
            if self._has_shards():  # without finished shards, nothing is lost
                raise DataError(
                    "different-run",
                    "interrupted run had other settings",
                    where=self.folder,
                    found="\n".join(changes),
                    fix=f"use the same settings to continue, or start again: rm -r {self.folder}",
                )
        # Start a new run, without files of an earlier run.
        if (self.folder / _SHARDS_FOLDER).is_dir():
            shutil.rmtree(self.folder / _SHARDS_FOLDER)
        (self.folder / _OUTPUTS_FILE).unlink(missing_ok=True)
        self._write_images(current)
        _write_json(self.folder / _RECORD_FILE, settings)

    def _write_images(self, stamps_by_image: Mapping[str, SizeAndTime]) -> None:
        """Write the table of images, with the size and time of each file."""
        import polars as pl

        stamps = zip(("size", "changed"), np.array(list(stamps_by_image.values())).T, strict=True)
        write_table(
            self.folder / _IMAGES_FILE, pl.DataFrame({"image": list(stamps_by_image), **dict(stamps)}), force=True
        )

    def _check_folder(self) -> None:
        """Raise `DataError` if the folder is a file, or contains other files."""
        own_names = {_RECORD_FILE, _IMAGES_FILE, _OUTPUTS_FILE, _LOCK_FILE, _SHARDS_FOLDER}
        if self.folder.is_file() or (
            not (self.folder / _RECORD_FILE).exists()
            and any(path.name not in own_names for path in self.folder.glob("[!.]*"))
        ):
            raise DataError(
                "output-exists",
                "folder of the run contains other files, or is a file",
                where=self.folder,
                fix="move it, or choose another name",
            )

    def _relative_path(self, path: Path) -> str:
        """Return a path relative to the folder of the output."""
        return path.relative_to(self.output.parent).as_posix()


def _find_changed_images_without_scores(
    recorded: Mapping[str, SizeAndTime], current: Mapping[str, SizeAndTime], shards: Sequence[Shards]
) -> list[int]:
    """Find the rows of images whose files changed since the run started, and that are not scored yet."""
    if list(recorded) != list(current):
        return []
    changed = {row for row, name in enumerate(current) if current[name] != recorded[name]}
    return sorted(changed.difference(*(model_shards.find_rows_with_scores(changed) for model_shards in shards)))


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file."""
    with write_to_temporary(path, force=True) as temporary:
        temporary.write_text(json.dumps(document, indent=2), encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, and raise `DataError` if the file is damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise DataError(
            "damaged-file", "record of a run is damaged", where=path, fix=f"start again: rm -r {path.parent}"
        )
    return document


def _lock_run(path: Path) -> TextIO:
    """Lock a run until the returned file is closed."""
    path.parent.mkdir(exist_ok=True)
    try:
        return take_lock(path, requires_lock_support=False)
    except LockedError as error:
        raise DataError(
            "in-use",
            "another run is writing this output",
            where=path.parent,
            found=str(error) if error.holder else None,
            fix="wait until it has ended, or choose another output",
        ) from error
