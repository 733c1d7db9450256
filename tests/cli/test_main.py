"""The command line as a whole: exit codes, help and error messages."""

import errno
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import numpy as np
import pytest

from reassess import __version__
from reassess.cli import root_command
from reassess.cli.help_pages import COMMANDS
from tests.helpers import Run, Runner, in_one_line, leaves, message_of, output_of, python

LINES = {name: line for lines in COMMANDS.values() for name, line in lines.items()}
NAMES = tuple(root_command.list_commands(click.Context(root_command)))


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command(flag: str, run: Runner) -> None:
    out = output_of(run(flag))
    for lines in COMMANDS.values():
        for name, line in lines.items():
            assert f"{name} {line}" in in_one_line(out)


@pytest.mark.parametrize(("name", "line"), LINES.items())
def test_help_of_a_command_contains_its_line_in_the_list(name: str, line: str, run: Runner) -> None:
    out = output_of(run(*name.split(), "--help"))
    assert out.startswith(f"Usage: reassess {name} ")
    assert line in in_one_line(out)


@pytest.mark.parametrize("name", NAMES)
def test_commands_have_the_common_options(name: str) -> None:
    command = root_command.get_command(click.Context(root_command), name)
    for leaf in leaves(command).values():
        options = {option for param in leaf.params for option in param.opts}
        assert {"--json", "--quiet", "--verbose"} <= options
        assert ("--force" in options) == any(getattr(param.type, "is_output", False) for param in leaf.params)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("given", "why"), [("", "The path is empty."), ("a\0b", "The path contains a null byte.")])
def test_impossible_paths_are_rejected(name: str, given: str, why: str) -> None:
    command = root_command.get_command(click.Context(root_command), name)
    for leaf in leaves(command).values():
        for param in leaf.params:
            if isinstance(param.type, click.Path):
                with pytest.raises(click.BadParameter) as caught:
                    param.type.convert(given, param, None)
                assert caught.value.message == why


@pytest.mark.parametrize("argv", [(), ("annotate",)], ids=" ".join)
def test_call_without_a_command_prints_help(argv: tuple[str, ...], run: Runner) -> None:
    assert run(*argv) == Run(2, "", run(*argv, "--help").out.rstrip("\n") + "\n")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full exists on Linux only")
def test_full_output_is_one_error_without_buffering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    command = f"{sys.executable} -m reassess fetch >/dev/full"
    full = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (full.returncode, full.stderr) == (1, FULL)


def test_interrupt_during_imports_prints_stopped(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")  # replaces the package
    result = python("-m", "reassess", code=130, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert (result.out, result.err) == ("", "Stopped.\n")


def test_package_runs_as_a_module() -> None:
    assert python("-m", "reassess", "--version").out == f"reassess, version {__version__}\n"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "Usage: reassess"),
        (["nonsense"], "Error: No such command 'nonsense'."),
        (["--nonsense"], "--nonsense"),
        (["evaluate"], "Error: Missing argument 'FILE...'."),
        (["evaluate", "a.npy", "--match", "guess"], "Error: Invalid value for '--match'"),
        (["evaluate", "a.npy", "--by", "random"], "Error: Invalid value for '--by'"),
        (
            ["evaluate", "a.npy", "--threshold", "0.5", "--labels", "s.npz", "--scores", "t.npz"],
            "Error: --threshold makes labels from one file of scores: give either --scores or --labels.",
        ),
        (
            ["evaluate", "a.npy", "--threshold", "0.5", "--scores", "none"],
            "Error: With --threshold, labels are made from scores, so --scores cannot be none.",
        ),
        (
            ["evaluate", "a.npy", "--threshold", "0.5,0.8", "--details", "o.csv"],
            "Error: --details cannot be used with several thresholds.",
        ),
        (
            ["evaluate", "a.npy", "--threshold", "0.5,0.8", "--by", "class"],
            "Error: With several thresholds, --by needs --json.",
        ),
    ],
)
def test_usage_error_has_exit_code_2_and_a_reason(argv: list[str], expected: str, run: Runner) -> None:
    assert expected in message_of(run(*argv), 2)


def test_invalid_file_has_exit_code_1_and_one_message(run: Runner, tmp_path: Path, no_known_data: None) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text("not json")
    error = message_of(run("evaluate", tmp_path / "a.npy", "--labels", labels))
    assert error.startswith(f"Error: file is not JSON\n  where:   {labels}\n")
    assert error.count("Error") == 1


def test_interrupt_prints_stopped(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("reassess.cli.commands.evaluate_command"), "load_evaluation_inputs", interrupted)
    result = run("evaluate", "a.npy")
    assert (result.code, result.out, result.err.strip()) == (130, "", "Stopped.")


def test_control_characters_in_files_are_escaped(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_known_data: None
) -> None:
    monkeypatch.chdir(tmp_path)
    cat, dog, image = "\x1b[2J[bold]cat[/]", "\u202edog", "\x1b[31m[red]a"
    Path("labels.json").write_text(json.dumps({image: [cat], "b": [dog]}))
    Path("[red]model[bold].csv").write_text(f"image,prediction\n{image},{cat}\nb,{cat}\n")
    result = run("evaluate", "[red]model[bold].csv", "--labels", "labels.json", "--by", "class", "--quiet")
    assert result.code == 0
    *_, title, _, _, second, first = result.out.splitlines()
    assert title.strip() == "[red]model[bold].csv"
    assert first.split()[:2] == ["0", r"\x1b[2J[bold]cat[/]"]
    assert second.split()[:2] == ["1", r"\u202edog"]
    assert r"\x1b[2J[bold]cat[/] (1)" in second
    lines = run("show", image, "--labels", "labels.json").out.splitlines()
    assert (lines[0], lines[2]) == (r"image      \x1b[31m[red]a", r"valid      0 \x1b[2J[bold]cat[/]")
    Path("c.csv").write_text(f"image,prediction\n\x1b]0;pwned\x07,{cat}\n")
    assert run("evaluate", "c.csv", "--labels", "labels.json").err == (
        "Error: 1 of 1 images are not in the label sets\n  where:   c.csv\n"
        "  allowed: \\x1b[31m[red]a and 1 more\n  found:   \\x1b]0;pwned\\x07\n"
        "  fix:     check the names, or do not count such images: --ignore-unknown\n"
    )


FULL = "Error: output cannot be written\n  where:   standard output\n  found:   No space left on device\n"
MEMORY = "Error: not enough memory\n  fix:     use a computer with more memory, or less data at a time\n"


@pytest.mark.parametrize(
    ("error", "expected"), [(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), FULL), (MemoryError(), MEMORY)]
)
def test_full_disk_and_full_memory_are_one_error(
    run: Runner, monkeypatch: pytest.MonkeyPatch, no_known_data: None, error: BaseException, expected: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("reassess.cli.commands.fetch_command.print_table", full)
    result = run("fetch")
    assert (result.code, result.err) == (1, expected)


def test_empty_name_is_not_the_default(run: Runner, no_known_data: None) -> None:
    result = run("evaluate", "a.npy", "--labels", "")
    assert (result.code, result.err.splitlines()[:2]) == (1, ["Error: file not found", "  where:   ''"])


def test_file_with_another_suffix_is_suggested(folder: Path, run: Runner, no_known_data: None) -> None:
    for name in ("good.npy", "bad.npy", "other.csv"):
        (folder / name).touch()
    (folder / "good").mkdir()
    (folder / "l.csv").write_text("image,class\na.png,0\n")
    assert run("evaluate", "good.csv", "--labels", "l.csv").err.endswith("  fix:     did you mean good.npy?\n")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("9", "fix:     if you trust the file: REASSESS_MAX_BYTES="),
        *((given, "Error: unknown value of REASSESS_MAX_BYTES\n") for given in ("-1", "much")),
    ],
)
def test_error_for_a_large_archive_names_the_environment_variable(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez_compressed("scores.npz", tensor=np.array([0.5]), info=np.array([["a.png", "0"]]))
    monkeypatch.setenv("REASSESS_MAX_BYTES", given)
    assert expected in message_of(run("labels", "scores.npz", "--threshold", "0.5", "-o", "l.json"))
