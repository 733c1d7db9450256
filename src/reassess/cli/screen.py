"""What a terminal shows: lines that break between words, and tables that fit; a pipe gets every line whole."""

import re
import sys
from collections.abc import Iterable, Sequence
from shutil import get_terminal_size
from textwrap import wrap

import click

from reassess.text import plain, shortened

__all__ = ["print_table", "say", "terminal_width"]

_GAPS = 3, 2  # between the columns of a table; the second where the first is too wide
_FEW_ROWS = 4  # so many may stand side by side, each as a column
# A text breaks after a blank, and after what joins the words of a name; a list after its commas, a path after its
# folders; and not within a number.
_PIECES = re.compile(r".+?(?:\s+|(?<=\w)[-_/](?!\d)|$)")
_OF_LIST, _OF_PATH = re.compile(r".+?(?:, |$)"), re.compile(r".+?(?:\s+|/|$)")
_LONGEST = 24  # letters of a thing in a list that is not broken
_KEPT, _HELD = re.compile(r"(?<=\d) (?=%)|(?<=[=<>]) (?=[\d.])| (?=[=<>]+ [\d.])"), "\0"  # blanks at which no line ends
_Rows = list[list[str]]


def terminal_width(*, err: bool = False) -> int | None:
    """The columns of the terminal that shows standard output, or standard error; None if none does."""
    stream = sys.stderr if err else sys.stdout
    return get_terminal_size().columns if stream is not None and stream.isatty() else None  # None: closed


def say(text: str, *, err: bool = False) -> None:
    """Print a line or lines to standard output or standard error, on a terminal broken between words."""
    width = terminal_width(err=err)
    lines = plain(text).split("\n")
    click.echo(
        "\n".join(lines if width is None else [part for line in lines for part in _broken(line, width)]), err=err
    )


def _broken(line: str, width: int) -> list[str]:
    """The parts of a line, further ones moved in.

    >>> _broken("  where:   a.csv, row 3", 18)
    ['  where:   a.csv,', '    row 3']
    >>> _broken("right in 97.5 %, p = 0.5", 14)
    ['right in', '  97.5 %,', '  p = 0.5']
    """
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    kept = _KEPT.sub(_HELD, line)
    parts = wrap(kept, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]
    return [part.replace(_HELD, " ") for part in parts]


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    text_columns: int = 1,
) -> None:
    """Print a table; the first `text_columns` columns are flushed left, numbers right.

    Where a terminal is too narrow, the table takes the form with the fewest lines: texts break between words; few rows
    become columns; the first text of each row stands above the rest of it; or the columns that are left over follow
    below, beside the first ones again. Numbers stay whole; a text that is wider than the terminal loses its middle.
    """
    names = [plain(heading) for heading in headings]
    cells = [["-" if cell is None else plain(str(cell)) for cell in row] for row in rows]
    if title is not None:
        say(title)
    width = terminal_width()
    click.echo("\n".join(_lines(names, cells, text_columns, width)))


def _lines(names: list[str], cells: _Rows, texts: int, width: int | None) -> list[str]:
    """The lines of the table as it is; where it does not fit, in the form that takes the fewest."""
    whole = [max(map(_cells, column)) for column in zip(names, *cells, strict=True)]
    if width is None or _total(whole, _GAPS[0]) <= width:
        return _drawn(names, cells, texts, whole, _GAPS[0])
    cells = [[*(shortened(text, width - 1) for text in row[:texts]), *row[texts:]] for row in cells]
    forms = [*_forms(names, cells, texts, width), _side_by_side(names, cells, texts, width)]
    if texts == 1 and len(cells) <= _FEW_ROWS:
        first, *others = ([name, *column] for name, *column in zip(names, *cells, strict=True))
        forms.insert(0, _fitted(first, others, 1, width, _GAPS[1]))
    return min((form for form in forms if form is not None), key=len)


def _forms(names: list[str], cells: _Rows, texts: int, width: int) -> list[list[str] | None]:
    """The lines of a table with all its columns, in each form; None for one that is too wide."""
    forms = [_fitted(names, cells, texts, width, gap) for gap in _GAPS]
    return [*forms, *(_named_above(names, cells, texts, width, gap) for gap in _GAPS)] if texts else forms


def _cells(text: str) -> int:
    """The columns that a text takes; signs of Chinese and others take two."""
    from rich.cells import cell_len

    return len(text) if text.isascii() else cell_len(text)


def _pieces(text: str) -> list[str]:
    """The parts of a text between which it may be broken.

    >>> _pieces("1 yes, 2 maybe"), _pieces("/data/a_b.csv"), _pieces("vit_large 384")
    (['1 yes, ', '2 maybe'], ['/data/', 'a_b.csv'], ['vit_', 'large ', '384'])
    """
    things = _OF_LIST.findall(text)
    if len(things) > 1 and max(map(len, things)) <= _LONGEST:
        return things
    return (_OF_PATH if "/" in text else _PIECES).findall(text)


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _least(names: list[str], cells: _Rows, texts: int) -> list[int]:
    """The least width of each column: of the longest piece of a text, of a whole number, of a word of the heading."""
    least = []
    for i, column in enumerate(zip(names, *cells, strict=True)):
        pieces = [piece.rstrip() for text in column[: None if i < texts else 1] for piece in _pieces(text)]
        least.append(max(_cells(text) for text in (*pieces, *(() if i < texts else column[1:]), "")))
    return least


def _fitted(names: list[str], cells: _Rows, texts: int, width: int, gap: int) -> list[str] | None:
    """The lines of a table that breaks texts and headings where it has to; None if that is not enough.

    >>> _fitted(["a b", "c"], [["model_of_words", "1"]], 1, 12, 2)
    ['a b        c', '────────────', 'model_of_  1', 'words']
    """
    widths = _widths(names, cells, texts, width, gap)
    return None if widths is None else _drawn(names, cells, texts, widths, gap)


def _widths(names: list[str], cells: _Rows, texts: int, width: int, gap: int) -> list[int] | None:
    """The widths of columns that fit; None if none do."""
    least = _least(names, cells, texts)
    widths = [max(map(_cells, column)) for column in zip(names, *cells, strict=True)]
    if _total(least, gap) > width:
        return None
    while _total(widths, gap) > width:  # headings of numbers give way before texts, the widest first
        wide = [i for i in range(len(widths)) if widths[i] > least[i]]
        widths[max(wide, key=lambda i: (i >= texts, widths[i]))] -= 1
    return widths


def _named_above(names: list[str], cells: _Rows, texts: int, width: int, gap: int) -> list[str] | None:
    """The lines of a table in which the first text of a row stands above the rest; None if that is not enough.

    >>> _named_above(["a", "b"], [["model_of_words", "12,345,678"]], 1, 15, 2)
    ['a', '           b', '────────────', 'model_of_words', '  12,345,678']
    """
    heads, rests = ["", *names[1:]], [["", *row[1:]] for row in cells]
    widths = _widths(heads, rests, texts, width, gap)
    if widths is None:
        return None
    lines = [names[0], *_drawn(heads, [], texts, widths, gap)]
    for (name, *_), rest in zip(cells, rests, strict=True):
        lines += [*(_folded(name, width) if name else []), *_body(rest, texts, widths, gap)]
    return lines


def _drawn(names: list[str], cells: _Rows, texts: int, widths: Sequence[int], gap: int) -> list[str]:
    """The lines of a table, without blanks at their ends; headings stand low."""
    head = [_folded(name, width) for name, width in zip(names, widths, strict=True)]
    tall = max(map(len, head))
    lines = _row([[""] * (tall - len(part)) + part for part in head], texts, widths, gap)
    lines.append("─" * _total(widths, gap))
    for row in cells:
        lines += _body(row, texts, widths, gap)
    return lines


def _body(row: list[str], texts: int, widths: Sequence[int], gap: int) -> list[str]:
    return _row([_folded(cell, width) for cell, width in zip(row, widths, strict=True)], texts, widths, gap)


def _row(columns: list[list[str]], texts: int, widths: Sequence[int], gap: int) -> list[str]:
    lines = []
    for number in range(max(map(len, columns))):
        line = ""
        for i, (column, width) in enumerate(zip(columns, widths, strict=True)):
            text = column[number] if number < len(column) else ""
            blank = " " * (width - _cells(text))
            line += (text + blank if i < texts else blank + text) + " " * gap
        lines.append(line.rstrip())
    return lines


def _folded(text: str, width: int) -> list[str]:
    """A text in lines of at most a width, broken between words; a word that is longer stands alone.

    >>> _folded("vit_large.in1k.npz", 8), _folded("0.123 to 0.456", 8)
    (['vit_', 'large.in1k.npz'], ['0.123 to', '0.456'])
    """
    lines = [""]
    for piece in _pieces(text):
        if lines[-1] and _cells((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _side_by_side(names: list[str], cells: _Rows, texts: int, width: int) -> list[str]:
    """The lines of several tables, each with the texts and as many of the other columns as fit."""
    least = _least(names, cells, texts)
    for i, column in enumerate(zip(names, *cells, strict=True)):
        if i < texts:  # a third of the width, if it takes so much, is for texts
            least[i] = max(least[i], min(max(map(_cells, column)), width // (3 * texts)))
    lines: list[str] = []
    for part in _parts(least, max(1, texts), width):
        headings, rows = [names[i] for i in part], [[row[i] for i in part] for row in cells]
        forms = [form for form in _forms(headings, rows, texts, width) if form is not None]
        too_wide = _drawn(headings, rows, texts, _least(headings, rows, texts), _GAPS[1])
        lines += ["", *min(forms, key=len, default=too_wide)]
    return lines[1:]


def _parts(least: Sequence[int], first: int, width: int) -> list[list[int]]:
    """Which columns stand side by side: each time the first ones, and as many more as fit.

    >>> _parts([10, 9, 9, 9], 1, 22), _parts([10, 9, 9, 9], 1, 80)
    ([[0, 1], [0, 2], [0, 3]], [[0, 1, 2, 3]])
    """
    parts = [list(range(first))]
    for i in range(first, len(least)):
        if len(parts[-1]) > first and _total([least[j] for j in (*parts[-1], i)], _GAPS[1]) > width:
            parts.append(list(range(first)))
        parts[-1].append(i)
    return parts
