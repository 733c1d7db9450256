"""Commands check their outputs before the work begins."""

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reassess.cli.packages import EXTRA_MODULES
from tests.helpers import Needs, Runner, message_of, picture, write_csv, write_files

ROOT = Path(__file__).parents[2]
MODELS = "one.npz two.npz --benchmark pets"
PREDICTIONS = "prediction_inputs.read_predictions"
RATE = "ask.jsonl --benchmark pets --model m --endpoint http://localhost:8000/v1"
# Command without its output, output option, suffix, an input file, and the function in reassess.cli that does the work.
COMMANDS: dict[str, tuple[str, str, str, str, str]] = {
    "evaluate --details": (f"evaluate {MODELS}", "--details", ".csv", "one.npz", PREDICTIONS),
    "evaluate": (f"evaluate {MODELS}", "-o", ".tex", "one.npz", PREDICTIONS),
    "compare": (f"compare {MODELS}", "--details", ".csv", "one.npz", PREDICTIONS),
    "report": (f"report {MODELS}", "-o", ".html", "one.npz", PREDICTIONS),
    "report --chart": (f"report {MODELS} --chart taxonomy", "-o", ".svg", "one.npz", PREDICTIONS),
    "propose --unasked": (f"propose {MODELS} --unasked", "-o", ".csv", "two.npz", PREDICTIONS),
    "propose": (f"propose {MODELS}", "-o", ".csv", "two.npz", PREDICTIONS),
    "propose --details": (f"propose {MODELS} --choose recall=0.9", "--details", ".svg", "two.npz", PREDICTIONS),
    "clean": (f"clean {MODELS}", "-o", ".txt", "two.npz", PREDICTIONS),
    "clean --details": (f"clean {MODELS} -o c.txt", "--details", ".csv", "two.npz", PREDICTIONS),
    "clean --page": (f"clean {MODELS} -o c.txt --images pets/images", "--page", ".html", "two.npz", PREDICTIONS),
    "curve": ("curve s.csv --benchmark pets", "-o", ".svg", "s.csv", "commands.curve_command.measure_file_curves"),
    "leaderboard": ("leaderboard t.csv", "-o", ".svg", "t.csv", "commands.leaderboard_command.fit_trend"),
    "labels": ("labels s.csv --threshold 0.5", "-o", ".csv", "s.csv", "commands.labels_command.label_sets"),
    "labels of sets": ("labels l.csv m.csv", "-o", ".csv", "l.csv", "commands.labels_command.label_agreement"),
    "raters": ("raters votes.csv", "-o", ".csv", "votes.csv", "commands.raters_command.rater_reliability"),
    "folds": ("folds --benchmark pets", "-o", ".csv", "", "commands.folds_command.make_folds"),
    "tasks": ("tasks proposals.csv", "-o", ".jsonl", "proposals.csv", "commands.tasks_command.make_tasks"),
    "scan": ("scan pets/images", "-o", ".csv", "", "commands.scan_command.scan_images"),
    "rate": (f"rate {RATE}", "-o", ".csv", "ask.jsonl", "commands.rate_command.ask_model"),
    "aggregate": ("aggregate votes.csv --method em", "-o", ".csv", "votes.csv", "aggregate_inputs.aggregate"),
}


class WorkedError(Exception):
    """Raised when the work begins."""


def work(*_: object, **__: object) -> None:
    raise WorkedError


@pytest.fixture
def here(folder: Path, needs: Needs) -> Path:
    """A benchmark with an image, two models, scores, votes, label sets, a leaderboard and candidates."""
    needs("PIL")
    rng = np.random.default_rng(0)
    images = [f"{row}.png" for row in range(12)]
    pairs = [(image, name) for image in images for name in ("cat", "dog")]
    write_files(
        folder,
        {
            "pets/images/0.png": picture(0, "PNG"),
            "pets/classes.txt": "cat\ndog\n",
            "pets/scores.csv": "image,class,score\n0.png,cat,0.9\n",
            "proposals.csv": "image,class,source\n0.png,cat,x\n",
            "ask.jsonl": '{"task": 0, "image": "0.png", "classes": [{"class": "cat"}]}\n',
            "t.csv": "model,original,real\n" + "".join(f"m{i},{70 + i},{80 + i / 2}\n" for i in range(9)),
        },
    )
    for name in ("pets/original.csv", "pets/labels.csv", "l.csv", "m.csv"):
        write_csv(name, "image,class", [(image, "cat") for image in images])
    for name, head, answers in (
        ("pets/golden.csv", "image,class,rater,answer", ("x,yes", "x,no")),
        ("votes.csv", "image,class,rater,answer", ("a,yes", "b,no")),
        ("s.csv", "image,class,score", ("0.9", "0.1")),
    ):
        write_csv(name, head, [(*pair, *answers[row % 2].split(",")) for row, pair in enumerate(pairs)])
    for name in ("one", "two"):
        np.savez(f"{name}.npz", scores=rng.normal(size=(12, 2)).astype(np.float32), names=images)
    return folder


@pytest.fixture
def error_of(here: Path, run: Runner, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return the error of a command that fails before its work."""

    def call(command: str, output: str, *options: str) -> str:
        argv, option, _, _, begins = COMMANDS[command]
        monkeypatch.setattr(f"reassess.cli.{begins}", work)
        result = run(*argv.split(), option, output, *options)
        assert result.code in (1, 2), result
        assert "Traceback" not in result.err
        return result.err

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_work_can_be_intercepted(
    here: Path, run: Runner, monkeypatch: pytest.MonkeyPatch, command: str, report_extra: None
) -> None:
    argv, option, suffix, _, begins = COMMANDS[command]
    monkeypatch.setattr(f"reassess.cli.{begins}", work)
    with pytest.raises(WorkedError):
        run(*argv.split(), option, f"out{suffix}")


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_suffix_is_rejected_first(error_of: Callable[..., str], command: str) -> None:
    assert "wrong kind of file for " in error_of(command, "out.xyz")


@pytest.mark.parametrize("command", COMMANDS)
def test_existing_file_is_rejected_first(error_of: Callable[..., str], command: str, report_extra: None) -> None:
    suffix = COMMANDS[command][2]
    Path(f"out{suffix}").write_text("")
    assert "output file exists" in error_of(command, f"out{suffix}")


@pytest.mark.parametrize("command", COMMANDS)
def test_impossible_output_path_is_rejected_first(
    error_of: Callable[..., str], command: str, report_extra: None
) -> None:
    suffix = COMMANDS[command][2]
    Path(f"folder{suffix}").mkdir()
    Path(f"dangling{suffix}").symlink_to(Path("nowhere") / f"x{suffix}")
    Path(f"loop{suffix}").symlink_to(f"loop{suffix}")
    for place, expected in (
        (f"folder{suffix}", "output path is a folder"),
        (f"nowhere/out{suffix}", "folder of the output file does not exist"),
        (f"dangling{suffix}", "folder of the output file does not exist"),
        (f"loop{suffix}", "output file cannot be written"),
        (f"{'n' * 300}{suffix}", "output file cannot be written"),
    ):
        assert expected in error_of(command, place), place


@pytest.mark.parametrize("command", [name for name, (*_, given, _) in COMMANDS.items() if given])
def test_input_is_rejected_as_output_first(error_of: Callable[..., str], command: str, report_extra: None) -> None:
    """Under any name, also with --force."""
    suffix, given = COMMANDS[command][2:4]
    Path(f"out{suffix}").symlink_to(given)
    assert "output file is also an input" in error_of(command, f"out{suffix}", "--force")


def test_two_outputs_cannot_be_the_same_file(error_of: Callable[..., str]) -> None:
    Path("link").symlink_to(".")
    assert "two results would be written to the same file" in error_of(
        "propose --details", "link/out.csv", "-o", "out.csv"
    )


@pytest.mark.parametrize("command", [name for name, (_, _, suffix, *_) in COMMANDS.items() if suffix == ".svg"])
def test_missing_package_for_figures_is_named_first(
    error_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    expected = "package matplotlib is missing (for drawing a figure)\n  fix:     pip install 'reassess"
    assert expected in error_of(command, "out.svg")


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
@pytest.mark.parametrize("command", ["report", "clean --page"])
def test_missing_package_for_pages_is_named_first(
    error_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch, command: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert f"package {package} is missing" in error_of(command, "out.html")


@pytest.mark.parametrize(
    ("argv", "module", "package", "extra"),
    [
        ("predict onnx:none.onnx timm:none --images none -o out", "timm", "timm", "timm"),
        ("predict torchvision:none --images none -o out.npy", "torch", "torch", "torchvision"),
        ("predict python:none:f --images none -o out.npy", "PIL", "pillow", "scan"),
        ("scan none -o out.csv", "PIL", "pillow", "scan"),
        ("clean none.npz --original none -o out.csv --method confident", "cleanlab", "cleanlab", "confident"),
        ("clean none.npz --original none -o out.csv --page out.html --images none", "PIL", "pillow", "report"),
        ("rate none.jsonl --model m --endpoint http://localhost:8000/v1 -o out.csv", "openai", "openai", "machine"),
        ("annotate create out.db none.csv", "starlette", "starlette", "annotate"),
        ("annotate serve none.db", "uvicorn", "uvicorn", "annotate"),
    ],
)
def test_missing_package_is_named_before_a_missing_input(
    argv: str,
    module: str,
    package: str,
    extra: str,
    folder: Path,
    run: Runner,
    needs: Needs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for other in {*EXTRA_MODULES[extra]} - {module}:
        needs(other)
    monkeypatch.setitem(sys.modules, module, None)
    error = message_of(run(*argv.split()))
    assert error.startswith(f"Error: package {package} is missing")
    assert f"pip install 'reassess[{extra}]'" in error


def test_checked_packages_equal_the_extras() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, modules in EXTRA_MODULES.items():
        named = " ".join([*extras[extra], *extras["torch"]]).replace("pillow", "PIL")
        assert [module for module in modules if module not in named and module != "PIL"] == []


def test_probabilities_of_items_need_a_table(error_of: Callable[..., str]) -> None:
    write_csv("votes.csv", "item,rater,answer", [("x", "a", "cat"), ("x", "b", "dog")])
    assert "wrong kind of file for a table" in error_of("aggregate", "out.npz")
