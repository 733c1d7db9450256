"""Files as such: the checks before reading, the hash, and writing that never leaves half a file."""

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from reassess.errors import DataError, OutputError, ReassessError

__all__ = ["check_input", "check_output", "exists", "not_utf8", "read_lines", "sha256", "suffix_of", "writing"]


def exists(path: str | Path) -> bool:
    """Whether there is a file or folder at `path`; one that cannot be, such as a name too long, is not there."""
    return os.path.exists(path)  # noqa: PTH110 - of such a name, a Path raises an error


def _is_folder(path: Path) -> bool:
    return exists(path) and path.is_dir()


def check_input(path: Path) -> None:
    """Raise `DataError` unless `path` is a file that can be read and is not empty."""
    if _is_folder(path):
        raise DataError("a folder was given where a file is read", where=path, mend="name one file in it")
    if not exists(path):
        near = (
            sorted(p.name for p in path.parent.glob("*") if p.suffix == path.suffix)[:5]
            if _is_folder(path.parent)
            else []
        )
        raise DataError(
            "no such file",
            where=path,
            found=f"beside it: {', '.join(near)}" if near else None,
            mend="check the path",
        )
    if not os.access(path, os.R_OK):
        raise DataError("the file cannot be read", where=path, mend="check its permissions")
    if not path.is_file():
        raise DataError("a pipe or a device was given where a file is read", where=path, mend="write it to a file")
    if path.stat().st_size == 0:
        raise DataError("the file is empty", where=path, mend="write it again")


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
    return DataError("the file is not UTF-8 text", where=path, found=found, mend="save it as UTF-8")


def suffix_of(path: Path, known: Collection[str], thing: str) -> str:
    """The suffix of `path` in lower case; `DataError` if `thing` has no file of that kind."""
    suffix = path.suffix.lower()
    if suffix not in known:
        raise DataError(
            f"wrong kind of file for {thing}",
            where=path,
            allowed=", ".join(known),
            found=suffix or "no suffix",
        )
    return suffix


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_output(path: Path, *, force: bool = False) -> None:
    """Raise `OutputError` if `path` cannot be written, or exists and `force` is not given."""
    if _is_folder(path):
        raise OutputError("the output path is a folder", where=path, mend="name a file")
    if exists(path) and not path.is_file():
        raise OutputError("the output path is a pipe or a device", where=path, mend="name a file")
    if exists(path) and not force:
        raise OutputError(
            "the output file exists", where=path, mend="choose another name, or overwrite it with --force"
        )
    if not _is_folder(path.parent):
        raise OutputError("the folder of the output file does not exist", where=path, mend=f"mkdir -p {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise OutputError("the folder of the output file cannot be written", where=path, mend="choose another folder")


@contextmanager
def writing(path: Path, *, force: bool = False) -> Iterator[Path]:
    """A temporary path beside `path` with the same suffix, which takes its place when the block ends well.

    Where `path` is a link, the file that it leads to is written, and the link stays.

    Raises
    ------
    OutputError
        As `check_output`; or the disk is full, or the like.
    """
    check_output(path, force=force)
    target = Path(os.path.realpath(path))
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=".reassess-", suffix=path.suffix, dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    except ReassessError:
        raise
    except OSError as error:
        raise OutputError(
            "the output file cannot be written",
            where=path,
            found=error.strerror or str(error),
            mend="make room, or choose another name or folder",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
