"""The folder of an unfinished run, so that the run can continue after an interruption, or on several machines."""

import hashlib
import os
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reassess.data.image_sources import ImageSource
from reassess.data.leases import LeaseHolder, hold_lease, list_lease_holders
from reassess.data.run_records import (
    ImageSizes,
    describe_changes,
    describe_how_to_start_again,
    describe_image_changes,
    digest_image_sizes,
    read_image_sizes,
    read_json,
    read_run_record,
    write_image_sizes,
    write_json,
)
from reassess.data.shards import Shards
from reassess.data.shares import RunShare
from reassess.errors import DataError, OutputError
from reassess.formats.files import TEMPORARY_PREFIX, exists, sha256
from reassess.text import count_noun, join_first

_RECORD_FILE, _OUTPUTS_FILE, _IMAGES_PREFIX = "run.json", "outputs.json", "images-"
_LEASES_FOLDER, _SHARDS_FOLDER = "leases", "shards"
_RECORD_VERSION = 4
_WHOLE_RUN = "run"  # name of the lease of the process that writes the output
_START = "start"  # name of the lease of the process that starts or removes the run, one at a time
_SECONDS_BETWEEN_TRIES = 0.1  # to get this lease


@dataclass(frozen=True)
class UnfinishedRun:
    """The folder of an unfinished run, with its settings, its images and its shards."""

    command: str  # such as "predict"
    output: Path  # output of the run; the folder is beside it
    journal_name: str | None = None  # file in the folder with the results of a run without shards

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return self.output.with_name(f"{self.output.name}.unfinished")

    def shard_folder(self, name: str = "") -> Path:
        """Return the folder for the shards of a part of the run."""
        return self.folder / _SHARDS_FOLDER / name

    def has_written_output(self, path: Path) -> bool:
        """Return whether this run wrote a file before it was interrupted."""
        records = [self.folder / _RECORD_FILE, self.folder / _OUTPUTS_FILE]
        if not all(map(exists, records)) or not exists(path) or not path.is_file():
            return False
        digest = read_json(self.folder / _OUTPUTS_FILE).get(self._relative_path(path))
        return digest is not None and digest == sha256(path)

    @contextmanager
    def allow_existing_outputs(self, share: RunShare | None) -> Iterator[None]:
        """In the block, which checks the outputs, ignore existing outputs if a share continues a run.

        If the run of a share has not started, an existing output raises an `OutputError` that does not advise `force`.
        """
        try:
            yield
        except OutputError as error:
            if share is None or error.code != "output-exists":
                raise
            if not exists(self.folder / _RECORD_FILE):
                raise OutputError(
                    error.code,
                    "output file exists already, so its run is complete",
                    where=error.where,
                    fix="to start another run, choose another name",
                ) from error

    @property
    def temporary_prefix(self) -> str:
        """The start of the names of temporary files, the same for all runs with this output."""
        return hashlib.sha256(os.fsencode(self.output.name)).hexdigest()[:8]

    def record_outputs_and_remove_old_outputs(self, temporary_path_of: Mapping[Path, Path]) -> None:
        """Record hashes of output files before they are moved into place, and remove older output files.

        `temporary_path_of` maps the final path of each output to its temporary path. The removed files are
        the output files of an interrupted run.
        """
        for path in filter(self.has_written_output, temporary_path_of):
            Path(os.path.realpath(path)).unlink()
        hashes = {self._relative_path(path): sha256(temporary) for path, temporary in temporary_path_of.items()}
        write_json(self.folder / _OUTPUTS_FILE, hashes, force=True)

    @contextmanager
    def start_or_continue(
        self,
        settings: Mapping[str, Any],
        image_sets: Mapping[str, ImageSource],
        shards: Sequence[Shards],
        share: RunShare | None,
    ) -> Iterator[None]:
        """Start a run in the folder or continue the interrupted run, and lock the run until the end of the block.

        Several shares can run at the same time; without a share, this process must be the only one. Images without
        results, such as unreadable images, may have changed; their shards are computed again. If the run is stopped,
        the exception has a note about the finished part. Without results, the folder is removed.
        """
        self._refuse_folder_with_other_files()
        self._refuse_files_in_place_of_folders(shards)
        schema = {"schema": f"reassess/{self.command}-run", "version": _RECORD_VERSION}
        sizes = {name: images.read_file_sizes() for name, images in image_sets.items()}
        digests = {name: digest_image_sizes(sizes_of_set) for name, sizes_of_set in sizes.items()}
        with ExitStack() as lease, ExitStack() as start_lease:
            start_lease.enter_context(self._hold_start_lease())
            lease.enter_context(self._hold_lease(share))
            is_ours = False
            try:
                with start_lease:  # it ends before images are read
                    is_alone = not self._find_other_processes(share)
                    self._write_or_check_record({**schema, **settings, "images": digests}, sizes, is_alone=is_alone)
                    for part in shards:
                        part.folder.mkdir(parents=True, exist_ok=True)
                del sizes  # of up to millions of images
                if is_alone and (changes := _remove_shards_of_changed_images(shards, compares_content=share is None)):
                    raise self._images_changed_error(changes)
                is_ours = True
                yield
            except BaseException as error:
                if isinstance(error, DataError) and not is_ours:  # the folder belongs to another run
                    raise
                if self._has_results():
                    error.add_note(f"{self.folder} contains the finished part; run the same command again to continue.")
                else:
                    with suppress(OSError), self._hold_start_lease():
                        if not self._find_other_processes(share):
                            self._remove_files()
                raise

    def remove_folder(self) -> None:
        """Remove the folder of the run."""
        with self._hold_start_lease():
            self._remove_files()

    def _remove_files(self) -> None:
        (self.folder / _RECORD_FILE).unlink(missing_ok=True)
        with suppress(OSError):  # for example if the folder contains other files
            shutil.rmtree(self.folder / _SHARDS_FOLDER, ignore_errors=True)
            temporary = self.folder.glob(f"{TEMPORARY_PREFIX}*")  # files of a killed process
            images = self.folder.glob(f"{_IMAGES_PREFIX}*")
            for path in (*temporary, *images, *self._journal, self.folder / _OUTPUTS_FILE):
                path.unlink(missing_ok=True)
            shutil.rmtree(self.folder / _LEASES_FOLDER, ignore_errors=True)  # last: until then, no share can start
            self.folder.rmdir()

    @contextmanager
    def _hold_start_lease(self) -> Iterator[None]:
        """Wait for the lease of the process that starts or removes the run, and hold it during the block."""
        with ExitStack() as lease:
            while True:
                with suppress(FileExistsError):
                    self.folder.mkdir()
                try:
                    lease.enter_context(hold_lease(self.folder / _LEASES_FOLDER, _START))
                    break
                except (FileExistsError, FileNotFoundError):  # another process has the lease, or removes the folder
                    time.sleep(_SECONDS_BETWEEN_TRIES)
            yield

    @contextmanager
    def _hold_lease(self, share: RunShare | None) -> Iterator[None]:
        """Hold the lease of a share or of the whole run; raise `DataError` if another process holds this lease."""
        folder, name = self.folder / _LEASES_FOLDER, _lease_name(share)
        with ExitStack() as stack:
            try:
                stack.enter_context(hold_lease(folder, name))
            except FileExistsError as error:
                raise self._in_use_error(
                    [each for each in list_lease_holders(folder) if each.lease_name == name]
                ) from error
            others = self._find_other_processes(share)
            if others and (share is None or any(each.lease_name == _WHOLE_RUN for each in others)):
                raise self._in_use_error(others)
            yield

    def _find_other_processes(self, share: RunShare | None) -> list[LeaseHolder]:
        """List the processes that hold the lease of another share or of the whole run."""
        holders = list_lease_holders(self.folder / _LEASES_FOLDER)
        return [each for each in holders if each.lease_name not in (_lease_name(share), _START)]

    def _in_use_error(self, holders: Sequence[LeaseHolder]) -> DataError:
        other_output = "" if self._has_results() else ", or choose another output file"
        return DataError(
            "in-use",
            "another process is computing this output file",
            where=self.folder,
            found=join_first(list(map(str, holders)), max_items=3) or None,
            fix="wait for the end of that process (two minutes, if the process or its computer has failed)"
            + other_output,
        )

    def _has_results(self) -> bool:
        """Return whether the folder contains shards or a journal that is not empty."""
        journal = self._journal
        return any(self.folder.rglob("[!.]*.npz")) or any(path.stat().st_size for path in journal if path.is_file())

    @property
    def _journal(self) -> list[Path]:
        """The path of the journal; an empty list for a run without a journal."""
        return [] if self.journal_name is None else [self.folder / self.journal_name]

    def _write_or_check_record(
        self, record: Mapping[str, Any], sizes: Mapping[str, ImageSizes], *, is_alone: bool
    ) -> None:
        """Start a new run, or check that the unfinished run has the same settings and images."""
        path = self.folder / _RECORD_FILE
        recorded = read_run_record(path) if os.path.lexists(path) else None
        setting_changes, image_changes = [], []
        if recorded is not None:
            setting_changes = [*describe_changes({**recorded, "images": None}, {**record, "images": None})]
        if recorded is not None and not setting_changes:
            image_changes = [*self._describe_image_changes(recorded, record, sizes, compares_sizes=not is_alone)]
        if is_alone and (recorded is None or ((setting_changes or image_changes) and not self._has_results())):
            shutil.rmtree(self.folder / _SHARDS_FOLDER, ignore_errors=True)  # of an earlier run; no results are lost
            (self.folder / _OUTPUTS_FILE).unlink(missing_ok=True)
        elif recorded is None and self._has_results():
            raise DataError(
                "different-run",
                "folder contains results of a run, but the file with its settings is missing",
                where=self.folder,
                fix=describe_how_to_start_again(self.folder),
            )
        elif setting_changes:
            raise self._different_run_error(
                "unfinished run has other settings", setting_changes, "use the same settings"
            )
        elif image_changes:
            raise self._images_changed_error(image_changes)
        if recorded != record:
            for name, sizes_of_set in sizes.items():
                write_image_sizes(self._images_path(record["images"][name]), sizes_of_set)
            write_json(path, record, force=True)

    def _images_changed_error(self, changes: Sequence[str]) -> DataError:
        return self._different_run_error("images have changed", changes, "restore the images")

    def _different_run_error(self, problem: str, changes: Sequence[str], remedy: str) -> DataError:
        return DataError(
            "different-run",
            problem,
            where=self.folder,
            found="\n".join(changes),
            fix=f"{remedy} to continue, or {describe_how_to_start_again(self.folder)}",
        )

    def _describe_image_changes(
        self,
        recorded: Mapping[str, Any],
        record: Mapping[str, Any],
        sizes: Mapping[str, ImageSizes],
        *,
        compares_sizes: bool,
    ) -> Iterator[str]:
        """Describe the differences between the images of the recorded run and of this run."""
        old_digests = recorded["images"]
        if old_digests == record["images"]:
            return
        for name, sizes_of_set in sizes.items():
            old_sizes = read_image_sizes(self._images_path(str(old_digests.get(name))))
            yield from describe_image_changes(old_sizes, sizes_of_set, compares_sizes=compares_sizes)

    def _images_path(self, digest: str) -> Path:
        """Return the path of the table of images with this digest."""
        return self.folder / f"{_IMAGES_PREFIX}{digest}.parquet"

    def _refuse_folder_with_other_files(self) -> None:
        """Raise `DataError` if the folder is not a folder, or contains files that no run has written."""
        own_names = {_RECORD_FILE, _OUTPUTS_FILE, _LEASES_FOLDER, _SHARDS_FOLDER, self.journal_name}
        if _is_not_folder(self.folder) or (
            not (self.folder / _RECORD_FILE).exists()
            and any(
                path.name not in own_names and not path.name.startswith(_IMAGES_PREFIX)
                for path in self.folder.glob("[!.]*")
            )
        ):
            raise DataError(
                "output-exists",
                "folder of the run contains other files, or is a file or a broken link",
                where=self.folder,
                fix="move it, or choose another name",
            )

    def _refuse_files_in_place_of_folders(self, shards: Sequence[Shards]) -> None:
        """Raise `DataError` if a folder in the run's folder is a file or a broken link."""
        for path in (self.folder / _LEASES_FOLDER, self.shard_folder(), *(part.folder for part in shards)):
            if _is_not_folder(path):
                raise DataError(
                    "damaged-file",
                    "a folder of an unfinished run is a file or a broken link",
                    where=path,
                    fix=f"remove it, and run the command again: rm {shlex.quote(str(path))}",
                )

    def _relative_path(self, path: Path) -> str:
        """Return a path relative to the folder of the output."""
        return path.relative_to(self.output.parent).as_posix()


def _is_not_folder(path: Path) -> bool:
    """Return whether a path is a file, or a link without a target."""
    return os.path.lexists(path) and not path.is_dir()


def _lease_name(share: RunShare | None) -> str:
    return _WHOLE_RUN if share is None else str(share)


def _remove_shards_of_changed_images(shards: Sequence[Shards], *, compares_content: bool) -> list[str]:
    """Find images that have changed since their shard was computed.

    If an image was unreadable, remove its shard. If it was readable, name the image in the returned message.
    """
    changed_names: dict[str, None] = {}
    for part in shards:
        changed = part.find_changed_rows(compares_content=compares_content)
        with_results = part.find_rows_with_results(changed)
        changed_names |= {part.images.names[row]: None for row in sorted(with_results)}
        part.remove_shards_with_rows(set(changed) - with_results)
    return [
        f"{count_noun(len(changed_names), 'image')} changed: {join_first(list(changed_names), max_items=3)}"
    ] * bool(changed_names)
