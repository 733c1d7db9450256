"""Shared fixtures: real data, and the command line in this process. Skips may count as failures."""

import gc
import os
import sys
from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import ExitStack
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import settings

from reassess.cli import main
from reassess.cli.screen import format_message
from reassess.core import LabelSets, Leaderboard, Scores, Votes
from reassess.data import loading, read_labels, read_original_labels, read_scores
from reassess.errors import MissingPackageError, ReassessError, ReassessWarning
from reassess.formats import read_leaderboard, read_vote_file
from tests.helpers import Run, chromium, print_fitting

# Doctests of these modules are not collected if the package is missing; their other tests are skipped with a reason.
_NEEDED_PACKAGES = {
    "data/scanning": "PIL",
    "proposals/image_models": "PIL",
    "proposals/inference": "PIL",
    "proposals/preprocessing": "PIL",
    "report/writing": "jinja2",
}
_CAMPAIGN_PATHS = ["tests/annotation", "tests/cli/commands/annotate", "src/reassess/annotation"]
_CAMPAIGN_PACKAGES = ("sqlalchemy", "alembic", "starlette", "uvicorn", "jinja2", "PIL", "httpx2")
_MACHINE_PATHS = ["tests/proposals/machines", "tests/cli/commands/test_rate.py"]
_IMAGE_PATHS = ["tests/fuzz", "tests/cli/commands/test_scan.py", "tests/data/test_scanning.py"]
collect_ignore = [
    "src/reassess/annotation/store/migrations",  # only Alembic runs these modules
    "tests/integrations/keras_on_a_backend.py",  # test_keras.py runs it once per backend
    "src/reassess/integrations",  # collecting would import all frameworks: test_doctests.py runs the examples
    *(
        f"src/reassess/{name}.py"
        for name, package in _NEEDED_PACKAGES.items()
        if find_spec(package) is None and not os.environ.get("REASSESS_REQUIRE_ALL")
    ),
    *(
        _CAMPAIGN_PATHS
        if None in map(find_spec, _CAMPAIGN_PACKAGES) and not os.environ.get("REASSESS_REQUIRE_ALL")
        else []
    ),
    *(_MACHINE_PATHS if find_spec("openai") is None and not os.environ.get("REASSESS_REQUIRE_ALL") else []),
    *(_IMAGE_PATHS if find_spec("PIL") is None and not os.environ.get("REASSESS_REQUIRE_ALL") else []),
]

os.environ.pop("COLUMNS", None)  # readline sets it in the process that starts the workers of pytest-xdist

settings.register_profile("random", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True, max_examples=50)  # the same input in each run
settings.load_profile("same" if os.environ.get("CI") else "random")

_REQUIRE_ALL = bool(os.environ.get("REASSESS_REQUIRE_ALL"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first, so that no worker has them left at the end."""
    items.sort(key=lambda item: item.path.name != "test_examples.py")


def pytest_collection_finish() -> None:
    """Collect garbage less often: the objects of modules and tests are many, and stay until the end."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Turn skipped tests into failures if REASSESS_REQUIRE_ALL is set."""
    outcome = yield
    report = outcome.get_result()
    if _REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and REASSESS_REQUIRE_ALL is set: {report.longrepr}"


@pytest.fixture(scope="session", autouse=True)
def _read_published_files_once() -> Iterator[None]:
    """Let the commands and functions of a process share what they read from a published file.

    What a reader returns cannot be changed. Tables are read each time: one of them is joined to other labels.
    """
    with ExitStack() as stack:
        for name in ("read_label_file", "read_original_file", "read_score_file", "read_vote_file"):
            stack.enter_context(patch.object(loading, name, _reading_published_once(getattr(loading, name))))
        yield


def _reading_published_once(read: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a reader; files outside the folders of published data are read each time."""
    folders = {Path(folder) for folder in os.environ.get("REASSESS_DATA", "").split(os.pathsep) if folder}
    results: dict[Hashable, Any] = {}

    def call(path: str | Path, *, answers: Any = None, classes: Any = None, **options: Any) -> Any:
        options |= {name: value for name, value in (("answers", answers), ("classes", classes)) if value is not None}
        if Path(path).parent not in folders or Path(path).suffix not in (".json", ".npz", ".txt"):
            return read(path, **options)
        key = str(path), classes, None if answers is None else tuple(answers), options.get("once")
        if key not in results:
            results[key] = read(path, **options)
        return results[key]

    return call


@pytest.fixture(scope="session")
def real_file() -> Callable[[str], Path]:
    """Return the path of a file in REASSESS_DATA; skip the test if it is missing."""
    folders = [Path(folder) for folder in os.environ.get("REASSESS_DATA", "").split(os.pathsep) if folder]

    def find(name: str) -> Path:
        for folder in folders:
            if (folder / name).exists():
                return folder / name
        pytest.skip(f"{name} is not in a folder of REASSESS_DATA")

    return find


@pytest.fixture(scope="session")
def real_labels(real_file: Callable[[str], Path]) -> LabelSets:
    """The ReaL labels."""
    return read_labels(real_file("real.json")).evaluation_labels


@pytest.fixture(scope="session")
def real_original(real_file: Callable[[str], Path]) -> LabelSets:
    """The original labels of ImageNet's validation images."""
    return read_original_labels(real_file("validation_labels.txt"))


@pytest.fixture(scope="session")
def real_scores(real_file: Callable[[str], Path]) -> Scores:
    """The scores of the ReaL labels."""
    return read_scores(real_file("scores.npz"))


@pytest.fixture(scope="session")
def real_votes(real_file: Callable[[str], Path]) -> Callable[[str], Votes]:
    """Return the published votes of a file, which is read once."""
    return cache(lambda name: read_vote_file(real_file(name)))


@pytest.fixture(scope="session")
def real_leaderboard(real_file: Callable[[str], Path]) -> Leaderboard:
    """The accuracies of timm's models by original labels and by ReaL."""
    return read_leaderboard(real_file("results-imagenet.csv"), real_file("results-imagenet-real.csv"))


@pytest.fixture(autouse=True)
def _data_of_examples(request: pytest.FixtureRequest) -> None:
    """Skip doctests that read real data if it is missing."""
    if isinstance(request.node, pytest.DoctestItem) and request.node.name.startswith("reassess.data.loading"):
        request.getfixturevalue("real_files")


@pytest.fixture(scope="session")
def real_files(real_file: Callable[[str], Path]) -> None:
    """Skip the test if a file that examples read is missing."""
    for name in ("real.json", "validation_labels.txt", "scores.npz", "raters.npz", "golden.npz"):
        real_file(name)


@pytest.fixture(scope="session")
def needs() -> Callable[[str], None]:
    """Skip the test if an optional package is not installed."""

    def check(package: str) -> None:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed: make test EXTRAS=all")

    return check


@pytest.fixture(scope="session")
def browser(needs: Callable[[str], None]) -> Iterator[Any]:
    """A browser for all tests of a process, which can have only one."""
    for package in ("playwright", "axe_playwright_python"):
        needs(package)
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def report_extra(needs: Callable[[str], None]) -> None:
    """Skip the test if the packages for reports are not installed."""
    for package in ("matplotlib", "jinja2", "PIL"):
        needs(package)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], needs: Callable[[str], None]) -> Callable[..., Run]:
    """Run the command line in this process; skip the test if a command needs a missing package.

    Every text and table is checked at two widths, and printed as for a wide output unless COLUMNS is set.
    """

    def call(*argv: str | Path) -> Run:
        errors: list[ReassessError] = []

        def record(message: ReassessError | ReassessWarning) -> str:
            if isinstance(message, ReassessError):
                errors.append(message)
            return format_message(message)

        capsys.readouterr()
        with patch("reassess.cli.format_message", record), patch("reassess.cli.screen._print_rendered", print_fitting):
            code = main([str(arg) for arg in argv])
        captured = capsys.readouterr()
        error = errors[-1] if errors else None
        if isinstance(error, MissingPackageError):
            module = error.problem.split()[1].replace("pillow", "PIL")
            if module not in sys.modules:  # a test may hide a module by setting it to None
                needs(module)
        return Run(code, captured.out, captured.err, None if error is None else error.code)

    return call


@pytest.fixture
def no_known_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide all known data, and the network."""
    monkeypatch.setenv("REASSESS_OFFLINE", "1")
    monkeypatch.setenv("REASSESS_DATA", "")
    monkeypatch.setenv("REASSESS_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.setattr("reassess.data.sources.find_spec", {}.get)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Return the code of the error that a call raises, and its place, relative to the test's folder."""

    def call(function: Callable[..., object], *args: object, **options: object) -> str:
        with pytest.raises(ReassessError) as error:
            function(*args, **options)
        where = str(error.value.where).replace(f"{tmp_path}/", "").replace(str(tmp_path), "DIR")
        return error.value.code if error.value.where is None else f"{error.value.code} at {where}"

    return call


@pytest.fixture
def refused_text(tmp_path: Path) -> Callable[..., str]:
    """Return the message of the error that a call raises, with DIR for the test's folder."""

    def call(function: Callable[..., object], *args: object, **options: object) -> str:
        with pytest.raises(ReassessError) as error:
            function(*args, **options)
        return str(error.value).replace(str(tmp_path), "DIR")

    return call
