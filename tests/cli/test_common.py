"""Tables on a terminal that is too narrow for them."""

import pytest
from rich.console import Console

from reassess.cli import common

HEADINGS = ["file", "first number %", "second number", "third"]
ROWS = [["a-long-name-of-a-file.npz", "12,345,678", "0.123 to 0.456", "99"], ["b.npz", "1", None, "7"]]


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    monkeypatch.setattr(common, "console", lambda: Console(width=width, highlight=False))
    common.print_table(HEADINGS, ROWS)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("width", range(30, 100, 7))
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    lines = printed(capsys, monkeypatch, width)
    assert max(map(len, lines)) <= width
    for number in ("12,345,678", "0.123 to 0.456", "99", "7", "first", "second", "third"):
        assert any(number in line for line in lines), number


def test_what_does_not_fit_follows_below_beside_the_first_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(capsys, monkeypatch, 50) == [
        "                            first",
        "file                     number %    second number",
        "──────────────────────────────────────────────────",
        "a-long-name-of-a-fil   12,345,678   0.123 to 0.456",
        "e.npz",
        "b.npz                           1                -",
        "file                        third",
        "─────────────────────────────────",
        "a-long-name-of-a-file.npz      99",
        "b.npz                           7",
    ]


def test_a_table_without_rows_has_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    common.print_table(HEADINGS, [])
    assert capsys.readouterr().out.split() == [*" ".join(HEADINGS).split(), rule_below(HEADINGS)]


def rule_below(headings: list[str]) -> str:
    """The line below the headings."""
    return "─" * (sum(map(len, headings)) + 3 * (len(headings) - 1))
