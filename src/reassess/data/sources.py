"""Where known data comes from: the places that may hold it, and in which order they are asked.

The places, in order: the folders of REASSESS_DATA, the cache, an installed package; then, over the network, the public
repository and a wheel on the user's package index. What comes over the network is checked and kept in the cache.
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
from reassess.formats.files import as_path, exists, sha256, writing
from reassess.text import nearest


def is_offline() -> bool:
    """Whether the network is off: REASSESS_OFFLINE is set, and not to 0."""
    return os.environ.get("REASSESS_OFFLINE", "0") not in ("", "0")


def cache_folder() -> Path:
    """The folder that keeps what was fetched: REASSESS_CACHE, or else the user's own cache folder for `reassess`."""
    if chosen := os.environ.get("REASSESS_CACHE"):
        return _folder(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("reassess")


def find(name: str) -> Path | None:
    """The first file of a known source if this machine has it, its hash checked; the network is not used."""
    return _look(_known(name).files[0])[0]


def find_all(name: str) -> tuple[Path, ...] | None:
    """All files of a known source in their order, if this machine has every one; otherwise as `find`."""
    paths = tuple(path for file in _known(name).files if (path := _look(file)[0]))
    return paths if len(paths) == len(_known(name).files) else None


def fetch(name: str, *, progress: bool = False) -> Path:
    """The file of a known source, over the network if this machine does not have it; of several files, the first.

    Parameters
    ----------
    name
        One of `SOURCES`.
    progress
        Draw progress on standard error, if that is a terminal.

    Returns
    -------
    A path whose hash was checked.

    Raises
    ------
    DataError
        There is no such source.
    SourceError
        No place has the file; the message lists the places, and why each failed.
    OutputError
        The cache folder cannot be written.
    """
    source = _known(name)
    return _fetch(source, source.files[0], progress)


def fetch_all(name: str, *, progress: bool = False) -> tuple[Path, ...]:
    """All files of a known source in their order; otherwise as `fetch`."""
    source = _known(name)
    return tuple(_fetch(source, file, progress) for file in source.files)


def resolve(text: str, *, progress: bool = False) -> Path:
    """The file that a user means: a path that exists, or a known source, downloaded if need be."""
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
        fix=nearest(text, SOURCES) or "check the path",
    )


def _known(name: str) -> Source:
    if name not in SOURCES:
        raise DataError(
            "unknown-source", "unknown source", allowed=", ".join(SOURCES), found=repr(name), fix=nearest(name, SOURCES)
        )
    return SOURCES[name]


def _look(file: KnownFile) -> tuple[Path | None, list[str]]:
    """The file that was found first, and why each place before it has none."""
    reasons = []
    for place, path, why in _local_places(file):
        if path is None or not exists(path) or not path.is_file():
            reasons.append(f"{place}: {why or f'no {path}'}")
        elif not os.access(path, os.R_OK):
            _warn(f"{path} cannot be read and is passed over")
            reasons.append(f"{place}: {path} cannot be read")
        elif wrong := _wrong_hash(file, path):
            _warn(f"{path} is not the known {file.name} and is passed over: {wrong}")
            reasons.append(f"{place}: {path} is another file: {wrong}")
        else:
            return path, reasons
    return None, reasons


def _local_places(file: KnownFile) -> Iterator[tuple[str, Path | None, str]]:
    """Places on this machine, and where in each the file would be; if there can be none, why."""
    folders = [folder for folder in os.environ.get("REASSESS_DATA", "").split(os.pathsep) if folder]
    if not folders:
        yield "REASSESS_DATA", None, "not set"
    for folder in map(_folder, folders):
        if exists(folder):
            yield "REASSESS_DATA", folder / file.name, ""
        else:
            _warn_of_missing(folder)
            yield "REASSESS_DATA", None, f"there is no folder {folder}"
    yield "cache", cache_folder() / file.name, ""
    if file.wheel:  # in the package as it is installed, which is found and not imported
        top, _, rest = file.wheel.path.partition("/")
        spec = find_spec(top)
        installed = f"installed package {file.wheel.package}"
        if spec is None or spec.submodule_search_locations is None:
            yield installed, None, "not installed"
        else:
            yield from ((installed, Path(folder) / rest, "") for folder in spec.submodule_search_locations)


@cache
def _warn_of_missing(folder: Path) -> None:
    _warn(f"REASSESS_DATA names the folder {folder}, which is not there")


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user, so it is a name like any other
        return Path(text)


def _fetch(source: Source, file: KnownFile, progress: bool) -> Path:
    path, reasons = _look(file)
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
            return _into_cache(file, place, get)
        except SourceError as error:
            reasons.append(f"{place}: {error.what}")
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


def _into_cache(file: KnownFile, place: str, get: Callable[[Path], None]) -> Path:
    """Get a file under a temporary name, check it, then give it its own; other processes may do the same."""
    folder = _make_cache()
    with writing(folder / file.name, force=True) as temporary:
        try:
            get(temporary)
        except OSError as error:  # of the network or of a program, so that the next place is asked
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
    if wrong := _wrong_hash(file, path):
        _warn(f"the {place} holds another {file.name}, which is not used: {wrong}")
        fix = None if file.sha256 else f"if a new {file.name} was published, remove {_record(file)}"
        raise SourceError("download", f"contains another file: {wrong}", fix=fix)
    if _expected(file) is None:
        _record_hash(file, path)


def _wrong_hash(file: KnownFile, path: Path) -> str | None:
    expected = _expected(file)
    if expected is None or (digest := sha256(path)) == expected:
        return None
    return f"its sha256 is {digest}, the known one {expected}"


def _expected(file: KnownFile) -> str | None:
    """The published hash; for a file that has none, that of the copy which was downloaded first."""
    if file.sha256:
        return file.sha256
    record = _record(file)
    if not exists(record):
        return None
    try:
        return next(iter(record.read_text(encoding="ascii").split()), None)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("unreadable-file", "recorded hash cannot be read", where=record, fix="remove it") from error


def _record(file: KnownFile) -> Path:
    return cache_folder() / f"{file.name}.sha256"


def _record_hash(file: KnownFile, path: Path) -> None:
    """Record the hash of a first download, unless it is plainly a network's web page about itself."""
    with path.open("rb") as content:
        if content.read(1) in (b"", b"<"):
            raise SourceError("download", "sent an empty file or a web page instead")
    digest = sha256(path)
    with writing(_record(file), force=True) as temporary:
        temporary.write_text(f"{digest}  {file.name}\n", encoding="ascii")
    _warn(f"{file.name} has no published hash; {digest} is recorded in {_record(file)} and holds from now on")


def _warn(text: str) -> None:
    warnings.warn(text, ReassessWarning, stacklevel=3)
