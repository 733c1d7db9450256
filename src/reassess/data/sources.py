"""Lookup and download of known data.

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

from reassess.data.catalogue import SOURCES, KnownFile, Source
from reassess.data.downloads import download, download_member
from reassess.errors import DataError, Fix, OutputError, ReassessWarning, SourceError
from reassess.formats.files import as_path, exists, sha256, write_to_temporary
from reassess.text import suggest_name


def is_offline() -> bool:
    """Return whether REASSESS_OFFLINE turns the network off: it is set, and not to 0."""
    return os.environ.get("REASSESS_OFFLINE", "0") not in ("", "0")


def cache_folder() -> Path:
    """Return the folder for downloads: REASSESS_CACHE, or else the user's cache folder for `reassess`."""
    if text := os.environ.get("REASSESS_CACHE"):
        return _folder(text)
    from platformdirs import user_cache_path

    return user_cache_path("reassess")


def find(name: str) -> Path | None:
    """Find the first file of a known source on this machine, and check its hash; None if it is missing."""
    return _find_local(_source_named(name).files[0])[0]


def find_all(name: str) -> tuple[Path, ...] | None:
    """Find all files of a known source on this machine, in their order; None if any is missing."""
    files = _source_named(name).files
    paths = tuple(path for file in files if (path := _find_local(file)[0]))
    return paths if len(paths) == len(files) else None


def fetch(name: str, *, progress: bool = False) -> Path:
    """Return the path of a known source; download it if it is not on this machine.

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
    SourceError
        No place has the file; the message gives the reason for each place.
    OutputError
        The cache folder cannot be written.
    """
    source = _source_named(name)
    return _fetch(source, source.files[0], progress)


def fetch_all(name: str, *, progress: bool = False) -> tuple[Path, ...]:
    """Return the paths of all files of a known source, in their order; otherwise like `fetch`."""
    source = _source_named(name)
    return tuple(_fetch(source, file, progress) for file in source.files)


def resolve(text: str, *, progress: bool = False) -> Path:
    """Return an existing path, or the file of a known source, which is downloaded if it is missing."""
    path = as_path(text)
    if text and exists(path):
        return path
    if text in SOURCES:
        return fetch(text, progress=progress)
    raise DataError(
        "file-not-found",
        "file not found",
        where=text or "''",
        allowed=f"a path, or one of {', '.join(SOURCES)}",
        fix=suggest_name(text, SOURCES) or "check the path",
    )


def _source_named(name: str) -> Source:
    if name not in SOURCES:
        raise DataError(
            "unknown-source",
            "unknown source",
            allowed=", ".join(SOURCES),
            found=repr(name),
            fix=suggest_name(name, SOURCES),
        )
    return SOURCES[name]


def _find_local(file: KnownFile) -> tuple[Path | None, list[str]]:
    """Find a file on this machine; return also why each place before it was not used."""
    reasons = []
    for place, path, reason in _local_places(file):
        if path is None or not exists(path) or not path.is_file():
            reasons.append(f"{place}: {reason or f'{path} not found'}")
        elif not os.access(path, os.R_OK):
            _warn(f"{path} is skipped: it cannot be read")
            reasons.append(f"{place}: {path} cannot be read")
        elif difference := _hash_difference(file, path):
            _warn(f"{path} is skipped: {difference}")
            reasons.append(f"{place}: {path}: {difference}")
        else:
            return path, reasons
    return None, reasons


def _local_places(file: KnownFile) -> Iterator[tuple[str, Path | None, str]]:
    """Yield each place on this machine with the path of the file, or the reason why it has no path."""
    folders = [folder for folder in os.environ.get("REASSESS_DATA", "").split(os.pathsep) if folder]
    if not folders:
        yield "REASSESS_DATA", None, "not set"
    for folder in map(_folder, folders):
        if exists(folder):
            yield "REASSESS_DATA", folder / file.name, ""
        else:
            _warn_of_missing(folder)
            yield "REASSESS_DATA", None, f"folder {folder} not found"
    yield "cache", cache_folder() / file.name, ""
    if file.wheel:  # the package is located without importing it
        top, _, rest = file.wheel.path.partition("/")
        spec = find_spec(top)
        installed = f"installed package {file.wheel.package}"
        if spec is None or spec.submodule_search_locations is None:
            yield installed, None, "not installed"
        else:
            yield from ((installed, Path(folder) / rest, "") for folder in spec.submodule_search_locations)


@cache
def _warn_of_missing(folder: Path) -> None:
    _warn(f"REASSESS_DATA: folder {folder} not found")


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # unknown user, as in ~nobody/data: not a home folder
        return Path(text)


def _fetch(source: Source, file: KnownFile, progress: bool) -> Path:
    path, reasons = _find_local(file)
    if path:
        return path
    if is_offline():
        raise SourceError(
            "offline",
            f"{source.name} is not on this machine, and the network is off",
            where=file.name,
            found="\n".join(reasons),
            fix=f"reassess fetch {source.name}, without REASSESS_OFFLINE;\nor {_by_hand(file)}",
        )
    fixes = []
    for place, get in _remote_places(file, progress):
        try:
            return _download_to_cache(file, place, get)
        except SourceError as error:
            reasons.append(f"{place}: {error.problem}")
            fixes += [error.fix] if error.fix else []
    raise SourceError(
        "download",
        f"{source.name} could not be downloaded",
        where=file.name,
        found="\n".join(reasons),
        fix=Fix.join(";\nor ", *fixes, _by_hand(file)),
    )


def _by_hand(file: KnownFile) -> str:
    origin = file.url or (file.wheel and f"{file.wheel.path} in the wheel of {file.wheel.package}")
    return f"put {file.name} ({origin}) into a folder and name that folder in REASSESS_DATA"


def _remote_places(file: KnownFile, progress: bool) -> Iterator[tuple[str, Callable[[Path], None]]]:
    if file.url:
        yield "public repository", partial(download, file.url, progress=progress)
    if file.wheel and file.wheel.published:
        yield "package index", partial(download_member, file.wheel.package, file.wheel.path, progress=progress)


def _download_to_cache(file: KnownFile, place: str, get: Callable[[Path], None]) -> Path:
    """Download a file under a temporary name, check and rename it; safe with several processes at once."""
    folder = _make_cache()
    with write_to_temporary(folder / file.name, force=True) as temporary:
        try:
            get(temporary)
        except OSError as error:  # a SourceError, so that the next place is tried
            raise SourceError("download", error.strerror or str(error)) from error
        _verify(file, temporary, place)
    return folder / file.name


def _make_cache() -> Path:
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


def _verify(file: KnownFile, path: Path, place: str) -> None:
    if difference := _hash_difference(file, path):
        _warn(f"{file.name} from the {place} is not used: {difference}")
        fix = None if file.sha256 else f"if a new {file.name} was published, remove {_recorded_hash_path(file)}"
        raise SourceError("download", f"file has other content: {difference}", fix=fix)
    if _expected_hash(file) is None:
        _record_hash(file, path)


def _hash_difference(file: KnownFile, path: Path) -> str | None:
    """Say how the hash of a file differs from the expected one; None if it does not."""
    expected = _expected_hash(file)
    if expected is None or (digest := sha256(path)) == expected:
        return None
    return f"its sha256 is {digest}, expected {expected}"


def _expected_hash(file: KnownFile) -> str | None:
    """Return the published hash, or else the hash recorded at the first download; None before that."""
    if file.sha256:
        return file.sha256
    record = _recorded_hash_path(file)
    if not exists(record):
        return None
    try:
        return next(iter(record.read_text(encoding="ascii").split()), None)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("unreadable-file", "recorded hash cannot be read", where=record, fix="remove it") from error


def _recorded_hash_path(file: KnownFile) -> Path:
    return cache_folder() / f"{file.name}.sha256"


def _record_hash(file: KnownFile, path: Path) -> None:
    """Record the hash of a first download; raise if it is a web page, such as a network's login page."""
    with path.open("rb") as content:
        if content.read(1) in (b"", b"<"):
            raise SourceError("download", "sent an empty file or a web page instead")
    digest = sha256(path)
    with write_to_temporary(_recorded_hash_path(file), force=True) as temporary:
        temporary.write_text(f"{digest}  {file.name}\n", encoding="ascii")
    _warn(
        f"{file.name} has no published hash: the hash of this download, {digest}, is recorded in "
        f"{_recorded_hash_path(file)}, and later copies must have the same"
    )


def _warn(text: str) -> None:
    warnings.warn(text, ReassessWarning, stacklevel=3)
