"""Files as such: the checks before reading, the hash, and writing that never leaves half a file."""

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

TEMPORARY = ".reassess-"  # begins the names of files that are not complete yet
_DAY = 24 * 60 * 60  # seconds
# How files of some kinds begin; and those of text, of which the beginnings are alike.
_BEGINS = {
    b"PK\x03\x04": ".npz",
    b"\x93NUMPY": ".npy",
    b"PAR1": ".parquet",
    b"\x1f\x8b": ".gz",
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
}
_TEXTS = (".json", ".jsonl", ".csv", ".tsv", ".txt")
_INSTEAD = dict.fromkeys((".xlsx", ".xls", ".ods"), (".csv",)) | dict.fromkeys((".pkl", ".pickle"), (".npz", ".csv"))
_MOST_BYTES = 512
_NO_TEXT = set(range(32)) - set(b"\t\n\r\f") | {127}
_together: ContextVar["_Together | None"] = ContextVar("_together", default=None)


def as_path(given: object) -> Path:
    """The path of a file that a caller gives; `DataError` if it is not a path."""
    if not isinstance(given, str | os.PathLike):
        raise DataError("not-a-path", "not a path of a file", allowed="a text or a Path", found=type(given).__name__)
    return Path(given)


exists, _is_folder = os.path.exists, os.path.isdir  # where a name is too long, a Path raises an error


def _refuse_folder(path: Path) -> None:
    if _is_folder(path):
        raise DataError(
            "folder-not-file", "a folder was given instead of a file", where=path, fix="name one file in it"
        )


def check_input(path: Path) -> None:
    """Raise `UnreadableFileError` unless `path` is a file that can be read and is not empty."""
    _refuse_folder(path)
    if not exists(path):
        near = (
            sorted(p.name for p in path.parent.glob("*") if p.suffix == path.suffix)[:5]
            if _is_folder(path.parent)
            else []
        )
        raise UnreadableFileError(
            "file-not-found",
            "file not found",
            where=path,
            found=f"beside it: {', '.join(near)}" if near else None,
            fix="check the path",
        )
    if not os.access(path, os.R_OK):
        raise UnreadableFileError("unreadable-file", "file cannot be read", where=path, fix="check its permissions")
    if not path.is_file():
        raise UnreadableFileError(
            "not-a-file", "a pipe or a device was given instead of a file", where=path, fix="write it to a file"
        )
    if path.stat().st_size == 0:
        raise UnreadableFileError("empty-file", "file is empty", where=path, fix="write it again")
    if path.suffix.lower() in (*_TEXTS, ".toml"):
        _refuse_hole(path)


def _refuse_hole(path: Path) -> None:
    """Refuse a text with a part that was never written: it is read as zeros, of which there may be any number."""
    if not hasattr(os, "SEEK_HOLE"):
        return
    with path.open("rb") as file, suppress(OSError):  # OSError: the file system does not know of holes
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
    """The lines of a text file, one name a line."""
    check_input(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error
    return text.removesuffix("\n").split("\n")  # and not splitlines, for which some letters of names end a line


def not_utf8(path: Path, error: UnicodeDecodeError) -> DataError:
    """What is wrong with a file of text that cannot be decoded."""
    found = f"the byte {error.object[error.start]:#04x}"
    return DataError(
        "not-utf-8", "file is not UTF-8 text", where=path, found=found, fix=other_suffix(path) or "save it as UTF-8"
    )


def other_suffix(path: Path) -> str | None:
    """The kind of a file by its first bytes, as a way to mend another suffix; None if they tell nothing else."""
    with path.open("rb") as file:
        begins = file.read(_MOST_BYTES)
    kinds = [suffix for magic, suffix in _BEGINS.items() if begins.startswith(magic)]
    with suppress(UnicodeDecodeError):
        text = getincrementaldecoder("utf-8")().decode(begins)  # which may end in the middle of a letter
        if not kinds and not set(begins) & _NO_TEXT:
            kinds = [".json" if text.lstrip()[:1] in ("{", "[") else ".csv"]
    if not kinds or path.suffix.lower() in (*kinds, *(_TEXTS if kinds[0] in _TEXTS else ())):
        return None
    fix = "unpack it" if kinds[0] == ".gz" else f"call it {path.stem}{kinds[0]}"
    return f"it looks like a {kinds[0][1:]} file: if it is one, {fix}"


def suffix_of(path: Path, known: Collection[str], thing: str) -> str:
    """The suffix of `path` in lower case; `UnreadableFileError` if `thing` has no file of that kind."""
    suffix = path.suffix.lower()
    if suffix not in known:
        _refuse_folder(path)
        raise UnreadableFileError(
            "wrong-suffix",
            f"wrong kind of file for {thing}",
            where=path,
            allowed=", ".join(known),
            found=suffix or "no suffix",
            fix=next((f"save it as {kind}" for kind in _INSTEAD.get(suffix, ()) if kind in known), None),
        )
    return suffix


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_output(path: Path, *, force: bool = False) -> None:
    """Raise `OutputError` if `path` cannot be written, or exists and `force` is not given."""
    with _no_output(path), suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        path.stat()  # which fails of a name that is too long, and of a link that leads round in a circle
    if _is_folder(path):
        raise OutputError("output-is-folder", "output path is a folder", where=path, fix="name a file")
    if exists(path) and not path.is_file():
        raise OutputError("output-is-device", "output path is a pipe or a device", where=path, fix="name a file")
    if exists(path) and not force:
        raise _exists(path)
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
def writing(path: Path, *, force: bool = False) -> Iterator[Path]:
    """A temporary path, which takes the place of `path`, or of its target, when the block ends well."""
    check_output(path, force=force)
    together, written = _together.get(), None
    try:
        with _no_output(path):
            written = _Written.begun(path, force, together)
            yield written.temporary
            umask = os.umask(0)
            os.umask(umask)
            written.temporary.chmod(0o666 & ~umask)
            if together is None:
                written.place()
            else:
                together.written.append(written)
    finally:
        if written is not None and (together is None or written not in together.written):
            written.temporary.unlink(missing_ok=True)


@contextmanager
def write_atomically(
    *, before: Callable[[Mapping[Path, Path]], object] = lambda _: None, mark: str | None = None
) -> Iterator[None]:
    """Files that are written in the block take their places at its end, when all of them are complete."""
    together = _Together(mark)
    written = together.written
    token = _together.set(together)
    try:
        try:
            yield
        finally:
            _together.reset(token)
        for one, other in pairwise(sorted(written, key=lambda one: one.target)):
            if one.target == other.target:
                raise OutputError(
                    "two-outputs-one-file",
                    "two outputs are the same file",
                    where=f"{one.path} and {other.path}",
                    fix="name two files",
                )
        before({one.path: one.temporary for one in written})
        for one in written:
            with _no_output(one.path):
                one.place()
    finally:
        for one in written:
            one.temporary.unlink(missing_ok=True)


def path_in_block(path: Path) -> Path:
    """Where a file of a `write_atomically` block is before the block ends; any other path as it is."""
    together = _together.get()
    return next((one.temporary for one in together.written if one.path == path), path) if together else path


@dataclass(frozen=True)
class _Written:
    """A file that is written to a temporary path, in the folder of its target."""

    path: Path
    target: Path
    temporary: Path
    force: bool

    @classmethod
    def begun(cls, path: Path, force: bool, together: "_Together | None") -> "_Written":
        target = Path(os.path.realpath(path))
        _remove_left(target.parent)
        prefix = TEMPORARY if together is None else together.prefix_in(target.parent)
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=target.parent)
        os.close(handle)
        return cls(path, target, Path(name), force)

    def place(self) -> None:
        """Take the place of the target; only with `force` if there is a file by now."""
        if self.force:
            self.temporary.replace(self.target)
            return
        try:
            self.target.hardlink_to(self.temporary)  # never in the place of a file
        except FileExistsError as error:
            raise _exists(self.path) from error
        except OSError:  # the file system has no such links
            try:
                self.target.touch(exist_ok=False)
            except FileExistsError as error:
                raise _exists(self.path) from error
            self.temporary.replace(self.target)


@dataclass
class _Together:
    """Files that take their places together."""

    mark: str | None
    written: list[_Written] = field(default_factory=list)

    def prefix_in(self, folder: Path) -> str:
        """How the names of its temporary files begin; those of an earlier block are no longer in the folder."""
        if self.mark is None:
            return TEMPORARY
        prefix = f"{TEMPORARY}{self.mark}-"
        own = {one.temporary for one in self.written}
        for path in folder.glob(f"{prefix}*"):
            if path not in own:
                path.unlink(missing_ok=True)
        return prefix


@contextmanager
def _no_output(path: Path) -> Iterator[None]:
    """An error of the system as one about the output."""
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


def _remove_left(folder: Path) -> None:
    """Remove temporary files that no process writes to any more: of a day ago."""
    for path in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _DAY:
                path.unlink()


def _exists(path: Path) -> OutputError:
    return OutputError(
        "output-exists", "output file exists", where=path, fix=Fix("choose another name, or {force}", force=True)
    )
