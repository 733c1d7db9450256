"""Checks of files before reading, hashes, and atomic writes, which never leave an incomplete file."""

import hashlib
import os
import tempfile
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from reassess.errors import DataError, Fix, OutputError, ReassessError, UnreadableFileError

TEMPORARY_PREFIX = ".reassess-"  # prefix of incomplete files
_DAY_SECONDS = 24 * 60 * 60
_SUFFIX_BY_MAGIC = {
    b"PK\x03\x04": ".npz",
    b"\x93NUMPY": ".npy",
    b"PAR1": ".parquet",
    b"\x1f\x8b": ".gz",
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
}
_TEXT_SUFFIXES = (".json", ".jsonl", ".csv", ".tsv", ".txt")
_REPLACEMENTS = dict.fromkeys((".xlsx", ".xls", ".ods"), (".csv",)) | dict.fromkeys(
    (".pkl", ".pickle"), (".npz", ".csv")
)
_HEAD_BYTES = 512
_BINARY_BYTES = set(range(32)) - set(b"\t\n\r\f") | {127}
_current_block: ContextVar["_AtomicBlock | None"] = ContextVar("_current_block", default=None)


def as_path(value: object) -> Path:
    """Convert a string or a path to a `Path`; `DataError` for any other value."""
    if not isinstance(value, str | os.PathLike):
        raise DataError("not-a-path", "not a path of a file", allowed="a string or a Path", found=type(value).__name__)
    return Path(value)


exists, _is_folder = os.path.exists, os.path.isdir  # Path.exists raises an error if a name is too long


def _refuse_folder(path: Path) -> None:
    if _is_folder(path):
        raise DataError(
            "folder-not-file", "a folder was given instead of a file", where=path, fix="give a file in the folder"
        )


def check_input(path: Path) -> None:
    """Raise `UnreadableFileError` unless `path` is a file that can be read and is not empty."""
    _refuse_folder(path)
    if not exists(path):
        beside = sorted(path.parent.glob("*")) if _is_folder(path.parent) else []
        same_suffix = [neighbour.name for neighbour in beside if neighbour.suffix == path.suffix][:5]
        same_stem = [str(file) for file in beside if path.stem and file.stem == path.stem and not _is_folder(file)]
        raise UnreadableFileError(
            "file-not-found",
            "file not found",
            where=path,
            found=f"in the same folder: {', '.join(same_suffix)}" if same_suffix else None,
            fix=f"did you mean {' or '.join(same_stem[:3])}?" if same_stem else "check the path",
        )
    if not os.access(path, os.R_OK):
        raise UnreadableFileError("unreadable-file", "file cannot be read", where=path, fix="check its permissions")
    if not path.is_file():
        raise UnreadableFileError(
            "not-a-file", "a pipe or a device was given instead of a file", where=path, fix="save its content to a file"
        )
    if path.stat().st_size == 0:
        raise UnreadableFileError("empty-file", "file is empty", where=path, fix="write the file again")
    if path.suffix.lower() in (*_TEXT_SUFFIXES, ".toml"):
        _refuse_sparse_file(path)


def _refuse_sparse_file(path: Path) -> None:
    """Raise if a text file has a hole: a part that was never written, and would be read as zero bytes."""
    if not hasattr(os, "SEEK_HOLE"):
        return
    with path.open("rb") as file, suppress(OSError):  # OSError: the file system cannot find holes
        size = os.fstat(file.fileno()).st_size
        hole = os.lseek(file.fileno(), 0, os.SEEK_HOLE)
        if hole < size:
            raise UnreadableFileError(
                "damaged-file",
                "part of the file was never written",
                where=path,
                found=f"a hole from byte {hole:,} on, in {size:,} bytes",
                fix="get or write the file again",
            )


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file."""
    check_input(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise utf8_error(path, error) from error
    return text.removesuffix("\n").split("\n")  # splitlines would also split at characters such as U+2028


def utf8_error(path: Path, error: UnicodeDecodeError) -> DataError:
    """Make the error for a text file that is not UTF-8."""
    found = f"the byte {error.object[error.start]:#04x}"
    return DataError(
        "not-utf-8", "file is not UTF-8 text", where=path, found=found, fix=suggest_suffix(path) or "save it as UTF-8"
    )


def suggest_suffix(path: Path) -> str | None:
    """Suggest a suffix that fits a file's first bytes; None if the file's suffix fits, or no known suffix fits."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    kinds = [suffix for magic, suffix in _SUFFIX_BY_MAGIC.items() if head.startswith(magic)]
    with suppress(UnicodeDecodeError):
        text = getincrementaldecoder("utf-8")().decode(head)  # the head may end within a character
        if not kinds and not set(head) & _BINARY_BYTES:
            kinds = [".json" if text.lstrip()[:1] in ("{", "[") else ".csv"]
    if not kinds or path.suffix.lower() in (*kinds, *(_TEXT_SUFFIXES if kinds[0] in _TEXT_SUFFIXES else ())):
        return None
    fix = "unpack it" if kinds[0] == ".gz" else f"rename it to {path.stem}{kinds[0]}"
    return f"if this is a {kinds[0][1:]} file, {fix}"


def check_suffix(path: Path, allowed: Collection[str], content_name: str, *, fix: str | None = None) -> str:
    """Return the suffix of `path` in lower case; `UnreadableFileError` if this suffix is not allowed.

    An allowed suffix can have two parts, such as .labelstudio.json. The error has `fix` if no other fix is known.
    """
    suffix = "".join(path.suffixes[-2:]).lower()
    if suffix not in allowed:
        suffix = path.suffix.lower()
    if suffix not in allowed:
        _refuse_folder(path)
        raise UnreadableFileError(
            "wrong-suffix",
            f"wrong kind of file for {content_name}",
            where=path,
            allowed=", ".join(allowed),
            found=suffix or "no suffix",
            fix=next((f"save it as {kind}" for kind in _REPLACEMENTS.get(suffix, ()) if kind in allowed), fix),
        )
    return suffix


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_output(path: Path, *, force: bool = False) -> None:
    """Raise `OutputError` if `path` cannot be written, or exists without `force`."""
    with convert_os_errors(path), suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        path.stat()  # fails if a name is too long, or a link points to itself
    if _is_folder(path):
        raise OutputError("output-is-folder", "output path is a folder", where=path, fix="give the path of a file")
    if exists(path) and not path.is_file():
        raise OutputError(
            "output-is-device", "output path is a pipe or a device", where=path, fix="give the path of a file"
        )
    if exists(path) and not force:
        raise _output_exists_error(path)
    folder = Path(os.path.realpath(path)).parent if path.is_symlink() else path.parent
    if not _is_folder(folder):
        raise OutputError(
            "folder-not-found", "folder of the output file does not exist", where=path, fix=f"mkdir -p {folder}"
        )
    if not os.access(folder, os.W_OK):
        raise OutputError(
            "output-not-writable", "folder of the output file is not writable", where=path, fix="choose another folder"
        )


@contextmanager
def write_to_temporary(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary path; if the block succeeds, move the file to `path`, or to the target of a link."""
    check_output(path, force=force)
    block, pending = _current_block.get(), None
    try:
        with convert_os_errors(path):
            pending = _PendingFile.create(path, force, block)
            yield pending.temporary_path
            umask = os.umask(0)
            os.umask(umask)
            pending.temporary_path.chmod(0o666 & ~umask)
            if block is None:
                pending.move_to_final_path()
            else:
                block.files.append(pending)
    finally:
        if pending is not None and (block is None or pending not in block.files):
            pending.temporary_path.unlink(missing_ok=True)


@contextmanager
def atomic_writes(
    *, before_move: Callable[[Mapping[Path, Path]], object] = lambda _: None, temporary_prefix: str | None = None
) -> Iterator[None]:
    """Write several files together: the files appear at the end of the block, and only if all files are complete.

    It applies to each file that `write_to_temporary` writes in the block. Before any file is moved to its path,
    `before_move` is called with the temporary path of each file. Temporary files that an earlier block with the same
    `temporary_prefix` left behind are removed first.
    """
    block = _AtomicBlock(temporary_prefix)
    token = _current_block.set(block)
    try:
        try:
            yield
        finally:
            _current_block.reset(token)
        for first, second in pairwise(sorted(block.files, key=lambda file: file.final_path)):
            if first.final_path == second.final_path:
                raise OutputError(
                    "two-outputs-one-file",
                    "two results would be written to the same file",
                    where=f"{first.requested_path} and {second.requested_path}",
                    fix="give two different paths",
                )
        before_move({file.requested_path: file.temporary_path for file in block.files})
        for file in block.files:
            with convert_os_errors(file.requested_path):
                file.move_to_final_path()
    finally:
        for file in block.files:
            file.temporary_path.unlink(missing_ok=True)


def find_current_output_path(path: Path) -> Path:
    """Return the file where an output is now: a temporary file until the `atomic_writes` block ends, then `path`."""
    files = block.files if (block := _current_block.get()) else []
    return next((file.temporary_path for file in files if file.requested_path == path), path)


@dataclass(frozen=True)
class _PendingFile:
    """An output that is written to a temporary path, and then moved to its path, or to the target of a link."""

    requested_path: Path
    final_path: Path
    temporary_path: Path
    force: bool

    @classmethod
    def create(cls, path: Path, force: bool, block: "_AtomicBlock | None") -> "_PendingFile":
        target = Path(os.path.realpath(path))
        _remove_old_temporary_files(target.parent)
        if block is not None:
            block.remove_leftover_files(target.parent)
        prefix = TEMPORARY_PREFIX if block is None else block.prefix_of_temporary_files
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=target.parent)
        os.close(handle)
        return cls(path, target, Path(name), force)

    def move_to_final_path(self) -> None:
        """Move the temporary file to its final path; replace an existing file only with `force`."""
        if self.force:
            self.temporary_path.replace(self.final_path)
            return
        try:
            self.final_path.hardlink_to(self.temporary_path)  # unlike a rename, never replaces a file
        except FileExistsError as error:
            raise _output_exists_error(self.requested_path) from error
        except OSError:  # the file system has no hard links
            try:
                self.final_path.touch(exist_ok=False)
            except FileExistsError as error:
                raise _output_exists_error(self.requested_path) from error
            self.temporary_path.replace(self.final_path)


@dataclass
class _AtomicBlock:
    """The files of an `atomic_writes` block, which are moved to their final paths together."""

    temporary_prefix: str | None
    files: list[_PendingFile] = field(default_factory=list)

    @property
    def prefix_of_temporary_files(self) -> str:
        """The first characters of the names of all temporary files in this `atomic_writes` block."""
        return TEMPORARY_PREFIX + ("" if self.temporary_prefix is None else f"{self.temporary_prefix}-")

    def remove_leftover_files(self, folder: Path) -> None:
        """Remove temporary files that an earlier, interrupted `atomic_writes` left in a folder, by their prefix."""
        if self.temporary_prefix is not None:
            own_files = {file.temporary_path for file in self.files}
            for path in set(folder.glob(f"{self.prefix_of_temporary_files}*")) - own_files:
                path.unlink(missing_ok=True)


@contextmanager
def convert_os_errors(path: Path) -> Iterator[None]:
    """Raise an `OutputError` instead of an `OSError` in the block."""
    try:
        yield
    except ReassessError:
        raise
    except OSError as error:
        raise OutputError(
            "output-not-writable",
            "output file cannot be written",
            where=path,
            found=error.strerror or str(error),
            fix="make room, or choose another name or folder",
        ) from error


def _remove_old_temporary_files(folder: Path) -> None:
    """Remove temporary files in a folder if their last change is more than a day ago."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _DAY_SECONDS:
                path.unlink()


def _output_exists_error(path: Path) -> OutputError:
    return OutputError(
        "output-exists", "output file exists", where=path, fix=Fix("choose another name, or {force}", force=True)
    )
