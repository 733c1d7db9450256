"""Known data: lookup order, downloads, hash checks, and a fix in every error."""

import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from reassess.data import SOURCES, KnownFile, Source, downloads, sources
from reassess.data.catalogue import WheelMember
from reassess.errors import ReassessWarning
from tests.helpers import GOOD, GOOD_SHA, Needs, RealFile, message, no_network, no_package, warned

OTHER = b"other bytes\n"
LARGE = bytes(range(256)) * 4096
OTHER_SHA = hashlib.sha256(OTHER).hexdigest()
BOTH = f"its sha256 is {OTHER_SHA}, expected {GOOD_SHA}"
WHEEL = WheelMember("reassess-toy", "reassess_toy/info/toy-in-the-wheel.txt")
NAMES = (
    "imagenet-real, imagenet-real-scores, imagenet-real-raters, imagenet-real-golden, imagenet-real-raters-golden, "
    "imagenet-original, imagenet-classes, imagenet-collapsed, imagenet-train-clean, imagenet-ecologists, "
    "imagenetv2-labels, imagenet-mistakes, imagenet-flaws, imagenet-flaws-groups, imagenet-flaws-classes"
)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        if self.path not in self.server.files:
            self.send_error(404)
            return
        content, length = self.server.files[self.path]
        self.send_response(302 if self.server.redirects_to else 200)
        if self.server.redirects_to:
            self.send_header("Location", self.server.redirects_to)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        pause = self.server.pause
        for part in [content[i : i + 1] for i in range(len(content))] if pause else [content]:
            self.wfile.write(part)
            time.sleep(pause)

    def log_message(self, *args: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    """A public repository on this computer; `files` maps paths to (content, declared length)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, tuple[bytes, int]] = {}
        self.redirects_to: str | None = None
        self.pause = 0.0  # seconds after each byte

    def holds(self, content: bytes, *, declared: int | None = None) -> str:
        self.files["/toy.txt"] = (content, len(content) if declared is None else declared)
        return f"http://127.0.0.1:{self.server_port}/toy.txt"


@pytest.fixture
def repository() -> Iterator[_Server]:
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a machine without data: no REASSESS_DATA, an empty cache, and an empty package index."""
    monkeypatch.delenv("REASSESS_DATA", raising=False)
    monkeypatch.setenv("REASSESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path / "cache"


def add_toy(
    monkeypatch: pytest.MonkeyPatch,
    url: str | None = None,
    *,
    digest: str | None = GOOD_SHA,
    wheel: WheelMember | None = None,
) -> None:
    """Add the known source toy."""
    source = Source("toy", "a toy", (KnownFile("toy.txt", digest, url, wheel),), "CC0-1.0", "nobody")
    monkeypatch.setitem(SOURCES, "toy", source)


def data_folder(path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    path.mkdir(parents=True)
    (path / "toy.txt").write_bytes(content)
    monkeypatch.setenv("REASSESS_DATA", str(path))
    return path


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def build_wheel(folder: Path, content: bytes = GOOD, member: str = WHEEL.path) -> None:
    """Write the smallest wheel that pip accepts, with one member."""
    info = "reassess_toy-1.0.dist-info"
    with zipfile.ZipFile(folder / "reassess_toy-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: reassess-toy\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


needs_pip = pytest.mark.skipif(find_spec("pip") is None, reason="pip is not installed in this environment")


# The catalogue


def test_catalogue_is_consistent() -> None:
    assert ", ".join(SOURCES) == NAMES
    assert all(name == source.name for name, source in SOURCES.items())
    files = [file for source in SOURCES.values() for file in source.files]
    assert [file.name for file in files if file.sha256 is None] == ["fnames_clean.txt"]
    assert {len(file.sha256) for file in files if file.sha256 is not None} == {64}
    assert all(file.url or file.wheel for file in files)
    assert len({file.name for file in files}) == len(set(files))
    assert [name for name, source in SOURCES.items() if source.licence not in ("Apache-2.0", "MIT")] == [
        "imagenet-flaws",
        "imagenet-flaws-groups",
        "imagenet-flaws-classes",
    ]
    # No votes and no scores come from a wheel.
    from_wheels = [name for name, source in SOURCES.items() if all(file.wheel for file in source.files)]
    assert from_wheels == ["imagenet-real", "imagenet-original", "imagenet-classes", "imagenet-collapsed"]


# Places on this computer


def test_places_are_tried_in_order(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of REASSESS_DATA come first, in their order and without subfolders; then the cache."""
    add_toy(monkeypatch)
    assert sources.find_first_file_of_source("toy") is sources.find_all_files_of_source("toy") is None
    cache.mkdir()
    (cache / "toy.txt").write_bytes(GOOD)
    assert sources.find_first_file_of_source("toy") == cache / "toy.txt"
    first, second, below = (data_folder(tmp_path / name, GOOD, monkeypatch) for name in ("a", "b", "c/below"))
    monkeypatch.setenv("REASSESS_DATA", os.pathsep.join(map(str, (below.parent, first, second))))
    assert sources.find_first_file_of_source("toy") == first / "toy.txt"


def test_missing_folder_of_reassess_data_warns_once(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_folder(tmp_path / "there", GOOD, monkeypatch)
    missing = tmp_path / "missing"
    monkeypatch.setenv("REASSESS_DATA", os.pathsep.join([str(missing), str(tmp_path / "there")]))
    add_toy(monkeypatch)
    with warned(f"REASSESS_DATA: folder {missing} not found"):
        assert (
            sources.find_first_file_of_source("toy")
            == sources.find_first_file_of_source("toy")
            == tmp_path / "there" / "toy.txt"
        )
    (tmp_path / "there" / "toy.txt").unlink()
    monkeypatch.setenv("REASSESS_OFFLINE", "1")
    assert f"REASSESS_DATA: folder {missing} not found\n" in message(sources.fetch, "toy")


def test_unexpected_file_in_reassess_data_is_skipped_with_a_warning(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_toy(monkeypatch)
    cache.mkdir()
    (cache / "toy.txt").write_bytes(GOOD)
    path = data_folder(tmp_path / "data", OTHER, monkeypatch) / "toy.txt"
    with warned(f"{path} is skipped: {BOTH}"):
        assert sources.find_first_file_of_source("toy") == cache / "toy.txt"


def test_installed_package_is_found_without_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "reassess_toy"
    (package / "info").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "info" / "toy-in-the-wheel.txt").write_bytes(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    add_toy(monkeypatch, wheel=WHEEL)
    assert sources.find_first_file_of_source("toy") == package / "info" / "toy-in-the-wheel.txt"
    assert "reassess_toy" not in sys.modules


def test_folder_of_an_unknown_user_is_an_ordinary_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REASSESS_DATA", "~no-such-user/data")
    monkeypatch.setenv("REASSESS_CACHE", "~no-such-user/cache")
    assert sources.cache_folder() == Path("~no-such-user/cache")
    with pytest.warns(ReassessWarning, match=r"folder ~no-such-user/data not found"):
        assert sources.find_first_file_of_source("imagenet-real-scores") is None


def test_unreadable_file_is_skipped_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scores.npz"
    path.write_bytes(b"x")
    monkeypatch.setenv("REASSESS_DATA", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.R_OK)
    with warned(f"{path} is skipped: it cannot be read"):
        assert sources.find_first_file_of_source("imagenet-real-scores") is None


def test_damaged_hash_record_raises(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(exist_ok=True)
    (cache / "fnames_clean.txt").write_text("x")
    record = cache / "fnames_clean.txt.sha256"
    record.write_bytes(b"\xff\xfe")
    assert message(sources.find_first_file_of_source, "imagenet-train-clean") == (
        f"file that stores the hash of a download cannot be read\n  where:   {record}\n  fix:     remove this file"
    )


def test_cache_is_the_user_cache_without_reassess_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REASSESS_CACHE", "elsewhere")
    assert sources.cache_folder() == Path("elsewhere")
    monkeypatch.delenv("REASSESS_CACHE")
    assert sources.cache_folder().is_absolute()
    assert "reassess" in sources.cache_folder().parts


def test_find_all_returns_all_files_or_none(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tuple(KnownFile(name, GOOD_SHA) for name in ("a.txt", "b.txt"))
    monkeypatch.setitem(SOURCES, "toy", Source("toy", "two files", files, "CC0-1.0", "nobody"))
    cache.mkdir()
    (cache / "a.txt").write_bytes(GOOD)
    assert sources.find_first_file_of_source("toy") == cache / "a.txt"
    assert sources.find_all_files_of_source("toy") is None
    (cache / "b.txt").write_bytes(GOOD)
    assert (
        sources.find_all_files_of_source("toy")
        == sources.fetch_source_files("toy")
        == (cache / "a.txt", cache / "b.txt")
    )


# What the user names


def test_existing_path_comes_before_a_known_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_toy(monkeypatch)
    folder = data_folder(tmp_path / "data", GOOD, monkeypatch)
    monkeypatch.setenv("REASSESS_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    assert sources.resolve_path_or_source("toy") == folder / "toy.txt"
    Path("toy").write_bytes(OTHER)
    assert sources.resolve_path_or_source("toy") == Path("toy")
    assert message(sources.resolve_path_or_source, "lables/real.json") == (
        f"file not found\n  where:   lables/real.json\n  allowed: a path, or one of {', '.join(SOURCES)}\n"
        "  fix:     check the path"
    )


@pytest.mark.parametrize(
    "function",
    [sources.find_first_file_of_source, sources.find_all_files_of_source, sources.fetch, sources.fetch_source_files],
)
def test_unknown_source_raises(function: Any) -> None:
    assert message(function, "imagenet-rael") == (
        f"unknown source\n  allowed: {NAMES}\n  found:   'imagenet-rael'\n  fix:     did you mean imagenet-real?"
    )


# The public repository


def test_download_is_kept_in_the_cache(repository: _Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_toy(monkeypatch, repository.holds(LARGE), digest=sha(LARGE))
    assert sources.fetch("toy") == cache / "toy.txt"
    assert (cache / "toy.txt").read_bytes() == LARGE
    repository.files.clear()
    assert sources.find_first_file_of_source("toy") == sources.fetch("toy") == cache / "toy.txt"
    assert files_in(cache) == ["toy.txt"]


def test_changed_file_in_the_cache_is_downloaded_again(
    repository: _Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_toy(monkeypatch, repository.holds(GOOD))
    cache.mkdir()
    (cache / "toy.txt").write_bytes(OTHER)
    with pytest.warns(ReassessWarning, match=rf"toy\.txt is skipped: {BOTH}$"):
        sources.fetch("toy")
    assert (cache / "toy.txt").read_bytes() == GOOD


def check_failure(places: str, fix: str) -> None:
    """Check that a fetch raises with these places and this fix, and leaves the cache unchanged."""
    cache = sources.cache_folder()
    before = files_in(cache)
    assert message(sources.fetch, "toy") == (
        "toy could not be downloaded\n  where:   toy.txt\n  found:   REASSESS_DATA: not set\n"
        f"           cache: {cache / 'toy.txt'} not found\n           {places}\n"
        f"  fix:     {fix} into a folder and name that folder in REASSESS_DATA"
    )
    assert files_in(cache) == before


def check_reason(url: str, reason: str, fix: str = "") -> None:
    check_failure(f"public repository: {reason}", f"{fix}put toy.txt ({url})")


def test_error_for_a_wrong_hash_names_both_hashes(repository: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    add_toy(monkeypatch, url := repository.holds(OTHER))
    with warned(f"toy.txt from the public repository is not used: {BOTH}"):
        check_reason(url, f"file differs from the expected file: {BOTH}")


@pytest.mark.parametrize(
    ("content", "how", "reason"),
    [
        (GOOD[:5], {"declared": len(GOOD)}, "connection closed in the middle of the file"),
        (b"", {"declared": len(GOOD)}, "connection closed in the middle of the file"),
        (None, {}, "server answered 404 Not Found"),
        (GOOD * 4, {"pause": 0.05}, "server did not send the whole file within 1 s"),
        (LARGE, {"_MAX_BYTES": 1000}, "server sends more than 1,000 bytes"),
        (b"", {"digest": None}, "server sent an empty file or a web page instead of the file"),
        (
            b"<html>Please log in</html>",
            {"digest": None},
            "server sent an empty file or a web page instead of the file",
        ),
        (GOOD, {"redirects_to": "gopher://x/toy.txt"}, "No connection adapters were found for 'gopher://x/toy.txt'"),
        (GOOD, {"redirects_to": "http://["}, "Invalid IPv6 URL"),
        (GOOD, {"redirects_to": "http://x:99999999/"}, "Port out of range 0-65535"),
        (GOOD, {"redirects_to": "/toy.txt"}, "Exceeded 30 redirects."),
    ],
)
def test_wrong_response_of_a_host_is_not_used(
    content: bytes | None, how: dict[str, Any], reason: str, repository: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = repository.holds(content or b"", declared=how.get("declared"))
    add_toy(monkeypatch, url, digest=how.get("digest", GOOD_SHA))
    if content is None:
        repository.files.clear()
    repository.redirects_to, repository.pause = how.get("redirects_to"), how.get("pause", 0.0)
    if repository.pause:
        monkeypatch.setattr(downloads, "_READ_TIMEOUT", 0.3)
        monkeypatch.setattr(downloads, "_MIN_BYTES_PER_SECOND", 100)
    monkeypatch.setattr(downloads, "_MAX_BYTES", how.get("_MAX_BYTES", downloads._MAX_BYTES))
    check_reason(url, reason)


def test_error_without_a_network_has_a_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    add_toy(monkeypatch, url := f"http://127.0.0.1:{closed_port()}/toy.txt")
    check_reason(url, "cannot be reached")


def test_host_that_accepts_no_connection_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_CONNECT_TIMEOUT", 0.2)
    with socket.socket() as full, socket.socket() as caller, socket.socket() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for connection in (caller, waiting):  # they fill the queue, so the next connection gets no answer
            connection.setblocking(False)
            connection.connect_ex(full.getsockname())
        add_toy(monkeypatch, url := f"http://127.0.0.1:{full.getsockname()[1]}/toy.txt")
        check_reason(url, "no answer in time")


def test_host_that_never_answers_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_RESPONSE_TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        add_toy(monkeypatch, url := f"http://127.0.0.1:{silent.getsockname()[1]}/toy.txt")
        start = time.monotonic()
        check_reason(url, "server did not respond within 0.2 s")
    assert time.monotonic() - start < 5


def test_interrupted_download_leaves_no_file(repository: _Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_toy(monkeypatch, repository.holds(GOOD))

    def interrupted(url: str, path: Path, *, progress: bool) -> None:
        path.write_bytes(GOOD[:5])
        raise KeyboardInterrupt

    monkeypatch.setattr(sources, "download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sources.fetch("toy")
    assert files_in(cache) == []


def unwritable(folder: Path, reason: str) -> str:
    return (
        "cache folder cannot be written\n"
        f"  where:   {folder}\n  found:   {reason}\n"
        "  fix:     set REASSESS_CACHE to a folder that can be written"
    )


def test_unwritable_cache_raises(
    repository: _Server, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_toy(monkeypatch, repository.holds(GOOD))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REASSESS_CACHE", str(tmp_path / "file" / "cache"))
    assert message(sources.fetch, "toy") == unwritable(tmp_path / "file" / "cache", "Not a directory")
    monkeypatch.setenv("REASSESS_CACHE", str(cache))
    monkeypatch.setattr(os, "access", lambda *_: False)  # root can write anywhere
    assert message(sources.fetch, "toy") == unwritable(cache, "Permission denied")


_FETCH_TOY = """
import sys
from reassess.data import sources
from reassess.data.catalogue import SOURCES, KnownFile, Source

SOURCES["toy"] = Source("toy", "a toy", (KnownFile("toy.txt", sys.argv[2], sys.argv[1]),), "CC0-1.0", "nobody")
print(sources.fetch("toy"))
"""


def test_simultaneous_downloads_succeed(repository: _Server, cache: Path) -> None:
    command = [sys.executable, "-c", _FETCH_TOY, repository.holds(LARGE), sha(LARGE)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0] for process in processes] == [f"{cache / 'toy.txt'}\n"] * 3
    assert (cache / "toy.txt").read_bytes() == LARGE
    assert files_in(cache) == ["toy.txt"]


@pytest.mark.parametrize(
    ("terminal", "progress", "is_drawn"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_progress_is_drawn_only_on_request_and_on_a_terminal(
    terminal: bool,
    progress: bool,
    is_drawn: bool,
    repository: _Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    add_toy(monkeypatch, repository.holds(LARGE), digest=sha(LARGE))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    sources.fetch("toy", progress=progress)
    output = capsys.readouterr()
    assert output.out == ""
    assert ("toy.txt" in output.err) == bool(output.err) == is_drawn


# A file without a published hash


def test_hash_of_the_first_download_is_recorded_with_a_warning(
    repository: _Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_toy(monkeypatch, repository.holds(GOOD), digest=None)
    with warned(
        f"toy.txt has no published hash: the hash of this download, {GOOD_SHA}, is recorded in "
        f"{cache / 'toy.txt.sha256'}, and later copies must have the same"
    ):
        sources.fetch("toy")
    assert (cache / "toy.txt.sha256").read_text() == f"{GOOD_SHA}  toy.txt\n"
    assert sources.find_first_file_of_source("toy") == cache / "toy.txt"
    (cache / "toy.txt").unlink()
    assert sources.fetch("toy") == cache / "toy.txt"  # without a second warning


def test_download_that_differs_from_the_recorded_hash_raises(
    repository: _Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_toy(monkeypatch, url := repository.holds(OTHER), digest=None)
    cache.mkdir()
    (cache / "toy.txt.sha256").write_text(f"{GOOD_SHA}  toy.txt\n")
    fix = f"if a new toy.txt was published, remove {cache / 'toy.txt.sha256'};\n           or "
    with pytest.warns(ReassessWarning, match=r"^toy\.txt from the public repository is not used"):
        check_reason(url, f"file differs from the expected file: {BOTH}", fix)


def test_file_placed_by_the_user_needs_no_recorded_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_toy(monkeypatch, digest=None)
    folder = data_folder(tmp_path / "data", OTHER, monkeypatch)
    assert sources.find_first_file_of_source("toy") == folder / "toy.txt"


# The package index


@needs_pip
def test_package_index_is_tried_after_the_repository(
    tmp_path: Path, cache: Path, repository: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(tmp_path)
    add_toy(monkeypatch, repository.holds(b"<html>This page is blocked</html>"), wheel=WHEEL)
    with pytest.warns(ReassessWarning, match=r"^toy\.txt from the public repository is not used"):
        assert sources.fetch("toy") == cache / "toy.txt"
    assert (cache / "toy.txt").read_bytes() == GOOD
    assert files_in(cache) == ["toy.txt"]


def check_index(reason: str, fix: str = "") -> None:
    check_failure(
        f"installed package reassess-toy: not installed\n           package index: {reason}",
        f"{fix}put toy.txt (reassess_toy/info/toy-in-the-wheel.txt in the wheel of reassess-toy)",
    )


@needs_pip
def test_package_missing_from_the_index_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    add_toy(monkeypatch, wheel=WHEEL)
    check_index("pip: No matching distribution found for reassess-toy")


@pytest.mark.parametrize(
    ("wheel", "reason"),
    [
        ({"member": "reassess_toy/x.txt"}, f"reassess_toy-1.0-py3-none-any.whl does not contain {WHEEL.path}"),
        ({"content": OTHER}, f"file differs from the expected file: {BOTH}"),
    ],
)
@pytest.mark.filterwarnings("ignore:toy.txt from the package index is not used")
def test_wheel_without_the_file_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheel: dict[str, Any], reason: str
) -> None:
    build_wheel(tmp_path, **wheel)
    monkeypatch.setattr(downloads, "_download_wheel", lambda *_: next(tmp_path.glob("*.whl")))
    add_toy(monkeypatch, wheel=WHEEL)
    check_index(reason)


def present(package: str) -> str:
    return package


def test_missing_or_failing_pip_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    add_toy(monkeypatch, wheel=WHEEL)
    monkeypatch.setattr(downloads, "find_spec", no_package)
    how = "install pip (uv pip install pip, or python -m ensurepip);\n           or "
    check_index("pip is needed, but not installed", how)
    monkeypatch.setattr(downloads, "find_spec", present)
    monkeypatch.setattr(sys, "executable", "false")
    check_index("pip: ended with code 1")


# Offline


def test_offline_error_lists_every_place_without_network_access(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_toy(monkeypatch, "http://127.0.0.1:1/toy.txt", wheel=WHEEL)
    monkeypatch.setattr(sources, "download", no_network)
    monkeypatch.setattr(sources, "download_wheel_member", no_network)
    monkeypatch.setenv("REASSESS_OFFLINE", "1")
    expected = (
        "toy is not on this computer, and the network is off\n  where:   toy.txt\n  found:   REASSESS_DATA: {}\n"
        f"           cache: {cache / 'toy.txt'} not found\n"
        "           installed package reassess-toy: not installed\n"
        "  fix:     reassess fetch toy, without REASSESS_OFFLINE;\n"
        "           or put toy.txt (http://127.0.0.1:1/toy.txt) into a folder and name that folder in REASSESS_DATA"
    )
    assert message(sources.resolve_path_or_source, "toy") == expected.format("not set")
    path = data_folder(tmp_path / "data", OTHER, monkeypatch) / "toy.txt"
    with pytest.warns(ReassessWarning, match="is skipped"):
        assert message(sources.resolve_path_or_source, "toy") == expected.format(f"{path}: {BOTH}")
    assert files_in(cache) == []


# The real files


@pytest.mark.parametrize("name", [*list(SOURCES)[:6], "imagenet-ecologists", "imagenetv2-labels", "imagenet-mistakes"])
def test_real_file_is_found_in_reassess_data(name: str, real_file: RealFile, monkeypatch: pytest.MonkeyPatch) -> None:
    path = real_file(SOURCES[name].files[0].name)
    monkeypatch.setenv("REASSESS_DATA", str(path.parent))
    assert sources.find_first_file_of_source(name) == path


@pytest.mark.parametrize("name", ["imagenet-real", "imagenet-classes"])
def test_installed_timm_contains_the_known_files(name: str, needs: Needs) -> None:
    needs("timm")
    paths = sources.find_all_files_of_source(name)
    assert all(path.parts[-4:-1] == ("timm", "data", "_info") for path in paths)
