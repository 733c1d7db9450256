"""What a terminal of some width shows, and what a pipe gets: lines break between words, and tables fit."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reassess.cli import screen
from reassess.cli.common import Call
from tests.helpers import Run

HEADINGS = ["file", "first number %", "second number", "third"]
ROWS: list[list[str | None]] = [
    ["a_long_name_of_a_file.npz", "12,345,678", "0.123 to 0.456", "99"],
    *[["b.npz", "1", None, "7"]] * 5,
]
Printed = Callable[..., list[str]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Printed:
    """The lines that a terminal of some width shows."""

    def call(width: int | None, rows: list[list[str | None]] = ROWS) -> list[str]:
        monkeypatch.setattr(screen, "terminal_width", lambda **_: width)
        screen.print_table(HEADINGS, rows)
        return capsys.readouterr().out.splitlines()

    return call


@pytest.mark.parametrize("width", range(24, 100, 7))
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(printed: Printed, width: int) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    assert lines == [line.rstrip() for line in lines]
    for number in ("12,345,678", "0.123 to 0.456", "99", "7", "first", "second", "third"):
        assert any(number in line for line in lines), number


def test_a_pipe_gets_a_table_as_it_is(printed: Printed) -> None:
    assert printed(None)[:4] == [
        "file                        first number %    second number   third",
        "───────────────────────────────────────────────────────────────────",
        "a_long_name_of_a_file.npz       12,345,678   0.123 to 0.456      99",
        "b.npz                                    1                -       7",
    ]


def test_a_text_breaks_between_words_and_after_what_joins_those_of_a_name(printed: Printed) -> None:
    assert printed(52)[:5] == [
        "                      first",
        "file               number %    second number   third",
        "────────────────────────────────────────────────────",
        "a_long_name_     12,345,678   0.123 to 0.456      99",
        "of_a_file.npz",
    ]


def test_few_rows_become_columns(printed: Printed) -> None:
    assert printed(45, ROWS[:1]) == [
        "file            a_long_name_of_a_file.npz",
        "─────────────────────────────────────────",
        "first number %                 12,345,678",
        "second number              0.123 to 0.456",
        "third                                  99",
    ]


def test_long_names_stand_above_their_rows(printed: Printed) -> None:
    assert printed(43, ROWS[:1] * 5)[:6] == [
        "file",
        "   first number %    second number   third",
        "──────────────────────────────────────────",
        "a_long_name_of_a_file.npz",
        "       12,345,678   0.123 to 0.456      99",
        "a_long_name_of_a_file.npz",
    ]


def test_a_text_that_is_wider_than_the_terminal_loses_its_middle(printed: Printed) -> None:
    lines = printed(40, [["a" * 300, "1", "2", "3"]])
    assert max(map(len, lines)) <= 40
    assert any("a…a" in line for line in lines)


def test_what_does_not_fit_follows_below_beside_the_first_column(printed: Printed) -> None:
    assert printed(32, ROWS[:1] * 5)[-4:] == [
        "a_long_name_of_a_file.npz     99",
        "a_long_name_of_a_file.npz     99",
        "a_long_name_of_a_file.npz     99",
        "a_long_name_of_a_file.npz     99",
    ]
    assert printed(32)[11:15] == [
        "file               second number",
        "────────────────────────────────",
        "a_long_name_of_   0.123 to 0.456",
        "a_file.npz",
    ]


def test_a_table_without_rows_has_its_headings(printed: Printed) -> None:
    assert printed(None, []) == ["file   first number %   second number   third", "─" * 45]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (None, "  where:   a-long-name.csv, row 3 of a table\n"),
        (24, "  where:\n    a-long-name.csv, row\n    3 of a table\n"),
    ],
)
def test_a_line_breaks_between_words_and_goes_on_further_in(
    width: int | None, expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "terminal_width", lambda **_: width)
    screen.say("  where:   a-long-name.csv, row 3 of a table")
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(("verbose", "last"), [(False, ["5", "and 2 more notes (--verbose)"]), (True, ["6", "7"])])
def test_five_notes_are_shown_an_equal_one_once(
    verbose: bool, last: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    call = Call(verbose=verbose)
    for text in "11234567":
        call.note(text)
    call.print_notes()
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[1], lines[-2:]) == ("1", "2", last)


def test_notes_are_not_shown_to_who_asks_for_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    call = Call(quiet=True)
    call.note("a")
    call.tell("b")
    call.print_notes()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("verbose", "expected"), [(False, 2), (True, 3)])
def test_few_rows_of_many_are_shown_and_how_to_see_all(
    verbose: bool, expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    call = Call(verbose=verbose)
    assert (call.first_rows(3, 2, "classes"), call.first_rows(2, 2, "classes")) == (expected, 2)
    assert capsys.readouterr().out == ("" if verbose else "the first 2 of 3 classes (--verbose shows all)\n")


MISTAKES = """
file                        mistakes   rated and rejected
─────────────────────────────────────────────────────────
vit_large_patch16_384.csv          0                    0
good.csv                           1                    1
"""
AT_80 = """\
                  judged
                   top-1                  original                          left
file                   %            95 %   top-1 %    soft  recall  scored   out
────────────────────────────────────────────────────────────────────────────────
vit_large_         100.0  34.24 to 100.0         -  0.9000       -       2     1
patch16_384.csv
good.csv           50.00   9.45 to 90.55         -  0.5500       -       2     1
"""
PIPED = """\
file                        judged top-1 %             95 %   original top-1 %     soft   recall   scored   left out
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
vit_large_patch16_384.csv            100.0   34.24 to 100.0                  -   0.9000        -        2          1
good.csv                             50.00    9.45 to 90.55                  -   0.5500        -        2          1
"""


@pytest.mark.parametrize(("width", "expected"), [(80, AT_80), (None, PIPED)])
def test_evaluate_as_a_whole(
    width: int | None, expected: str, folder: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "judged.json").write_text(json.dumps({"1.jpg": ["cup"], "2.jpg": ["cup", "mug"], "3.jpg": []}))
    scores = "1.jpg,cup,0.9\n1.jpg,mug,0.2\n2.jpg,cup,0.9\n2.jpg,mug,0.9\n"
    (folder / "scores.csv").write_text(f"image,class,score\n{scores}")
    for name, said in (("vit_large_patch16_384", "cup"), ("good", "mug")):
        (folder / f"{name}.csv").write_text(f"image,prediction\n1.jpg,{said}\n2.jpg,mug\n3.jpg,cup\n")
    monkeypatch.setattr(screen, "terminal_width", lambda **_: width)
    files = ["vit_large_patch16_384.csv", "good.csv"]
    result = run("evaluate", *files, "--labels", "judged.json", "--scores", "scores.csv", "--quiet")
    assert result.out == expected + MISTAKES
