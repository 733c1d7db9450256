"""Output for terminals of different widths and for pipes: wrapped lines and fitted tables."""

import json
import os
import subprocess
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import click
import pytest
from rich.cells import cell_len

from reassess.cli import screen
from reassess.cli.command_run import CommandRun
from tests.helpers import Runner

HEADINGS = ["file", "first number %", "second number", "third"]
ROWS: list[list[str | None]] = [
    ["a_long_name_of_a_file.npz", "12,345,678", "0.123 to 0.456", "99"],
    *[["b.npz", "1", None, "7"]] * 5,
]
TableLines = Callable[..., list[str]]


@pytest.fixture
def table_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> TableLines:
    """Return the lines of a table at some width."""

    def run(width: int, rows: list[list[str | None]] = ROWS) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        screen.print_table(HEADINGS, rows)
        return capsys.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize("width", range(40, 100, 7))
@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        ROWS[:1],
        [["a" * 300, "1", "2", "3"]],
        [["a" * 300 + ".png", "1", "2", "3"]],
        [["語_" * 9, "1", "2 to 3", None]],
    ],
)
def test_lines_fit_the_terminal_and_numbers_stay_whole(
    table_lines: TableLines, width: int, rows: list[list[str | None]]
) -> None:
    lines = table_lines(width, rows)
    assert max(map(cell_len, lines)) <= width
    assert lines == [line.rstrip() for line in lines]
    for number in filter(None, chain.from_iterable(row[1:] for row in rows)):
        assert any(number in line for line in lines), number


@pytest.mark.parametrize(
    ("width", "rows", "expected"),
    [
        pytest.param(
            100,
            ROWS,
            [
                "file                        first number %    second number   third",
                "───────────────────────────────────────────────────────────────────",
                "a_long_name_of_a_file.npz       12,345,678   0.123 to 0.456      99",
                "b.npz                                    1                -       7",
            ],
            id="wide enough",
        ),
        pytest.param(100, [], ["file   first number %   second number   third", "─" * 45], id="no rows"),
        pytest.param(
            52,
            ROWS,
            [
                "                      first",
                "file               number %    second number   third",
                "────────────────────────────────────────────────────",
                "a_long_name_     12,345,678   0.123 to 0.456      99",
                "of_a_file.npz",
            ],
            id="names break after underscores, and headings between words",
        ),
        pytest.param(
            36,
            ROWS[:1],
            [
                "                   a_long_name_",
                "file              of_a_file.npz",
                "───────────────────────────────",
                "first number %       12,345,678",
                "second number    0.123 to 0.456",
                "third                        99",
            ],
            id="few rows become columns",
        ),
        pytest.param(
            32,
            ROWS,
            [
                "                           first",
                "file                    number %",
                "────────────────────────────────",
                "a_long_name_of_a_     12,345,678",
                "file.npz",
                *["b.npz                          1"] * 5,
                "",
                "file        second number  third",
            ],
            id="numbers that do not fit follow below",
        ),
    ],
)
def test_table_layout_follows_the_width(
    table_lines: TableLines, width: int, rows: list[list[str | None]], expected: list[str]
) -> None:
    assert table_lines(width, rows)[: len(expected)] == expected


def test_a_cell_is_one_line_and_only_file_names_are_long(table_lines: TableLines) -> None:
    for name, expected in (
        ("a\nb\tc", r"a\nb\tc"),
        (f"n1 {'b' * 200}", f"n1 {'b' * 40}…{'b' * 40}"),
        ("c/" + "d" * 200, "c/" + "d" * 200),
        (f"{'e' * 200}.jpg", f"{'e' * 200}.jpg"),
    ):
        assert table_lines(300, [[name, "1", "2", "3"]])[2].split("   ")[0] == expected


def test_next_command_can_be_copied(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    name = "it's a\n new\\\u202e \udcff file.csv"
    for words in ([name, "x y z"], ["a b c d e f g h i j k l", "it's"]):
        run = CommandRun()
        run.suggest_command(*words)
        run.print_notes()
        line = capsys.readouterr().out.removeprefix("next: reassess")
        printed = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout
        assert [os.fsdecode(part) for part in printed.split(b"\0")[:-1]] == words


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        ("0", "  where:   a-long-name.csv, row 3 of a table\n"),
        ("24", "  where:\n    a-long-name.csv, row\n    3 of a table\n"),
    ],
)
def test_long_lines_wrap_with_an_indent(
    width: str, expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    screen.print_text("  where:   a-long-name.csv, row 3 of a table")
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(("verbose", "last"), [(False, ["5", "and 2 more notes (--verbose)"]), (True, ["6", "7"])])
def test_first_five_notes_are_printed_without_repeats(
    verbose: bool, last: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = CommandRun(verbose=verbose)
    for text in "11234567":
        run.add_note(text)
    run.print_notes()
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[1], lines[-2:]) == ("1", "2", last)


def test_quiet_hides_notes(capsys: pytest.CaptureFixture[str]) -> None:
    run = CommandRun(quiet=True)
    run.add_note("a")
    run.print_line("b")
    run.print_notes()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("verbose", "expected"), [(False, 2), (True, 3)])
def test_hidden_rows_are_counted(verbose: bool, expected: int, capsys: pytest.CaptureFixture[str]) -> None:
    run = CommandRun(verbose=verbose)
    assert (run.limit_printed_rows(3, 2, "classes"), run.limit_printed_rows(2, 2, "classes")) == (expected, 2)
    assert capsys.readouterr().out == ("" if verbose else "the first 2 of 3 classes (--verbose shows all)\n")


@pytest.mark.parametrize(
    ("terminal", "environment", "expected"),
    [
        (True, {"TERM": "xterm"}, ["a  1", "b  \x1b[1m22\x1b[0m"]),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, ["a  1", "b  22"]),
        (False, {"TERM": "xterm"}, ["a  1", "b  22"]),
    ],
)
def test_best_number_is_bold_on_a_terminal(
    terminal: bool,
    environment: dict[str, str],
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(screen, "is_terminal", lambda **_: terminal)
    monkeypatch.setattr(click.utils, "should_strip_ansi", lambda *_: False)
    screen.print_table(["x", "n"], [["a", "1"], ["b", "22"]], best_columns=["n"])
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[2:]] == [
        " ".join(line.split()) for line in expected
    ]


MISTAKES = """
file                     mistakes   asked and rejected
──────────────────────────────────────────────────────
vit_large_clip_336.csv          0                    0
good.csv                        1                    1
"""
AT_80 = """\
                judged
                 top-1                  original                             not
file                 %            95 %   top-1 %    soft  recall  scored  scored
────────────────────────────────────────────────────────────────────────────────
vit_large_       100.0  34.24 to 100.0         -  0.9000       -       2       1
clip_336.csv
good.csv         50.00   9.45 to 90.55         -  0.5500       -       2       1
"""


def test_whole_output_of_evaluate(folder: Path, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "judged.json").write_text(json.dumps({"1.jpg": ["cup"], "2.jpg": ["cup", "mug"], "3.jpg": []}))
    scores = "1.jpg,cup,0.9\n1.jpg,mug,0.2\n2.jpg,cup,0.9\n2.jpg,mug,0.9\n"
    (folder / "scores.csv").write_text(f"image,class,score\n{scores}")
    for name, predicted in (("vit_large_clip_336", "cup"), ("good", "mug")):
        (folder / f"{name}.csv").write_text(f"image,prediction\n1.jpg,{predicted}\n2.jpg,mug\n3.jpg,cup\n")
    monkeypatch.setenv("COLUMNS", "80")
    files = ["vit_large_clip_336.csv", "good.csv"]
    result = run("evaluate", *files, "--labels", "judged.json", "--scores", "scores.csv", "--quiet")
    assert result.out == AT_80 + MISTAKES
