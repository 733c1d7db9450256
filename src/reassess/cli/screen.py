"""What commands print: tables for a terminal or a pipe, and messages whose fixes name options."""

import re
import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from shutil import get_terminal_size
from textwrap import wrap

import click

from reassess.errors import Fix, ReassessError, ReassessWarning
from reassess.text import plain

_GAPS = 3, 2  # between columns; the second if the first is too wide
_FEW_ROWS = 4  # may become columns
_LONGEST = 24  # letters of a word in a text that stay together
# Lines break at white space. A blank inside a number becomes another character; in a name, white space that takes no
# room marks where it may break: after a sign that joins words.
_BLANK, _NO_BREAK = "\ue000", re.compile(r"(?<=\d) (?=%)|(?<=[=<>]) (?=[\d.])| (?=[=<>]+ [\d.])")
_BREAK, _JOINTS = "\x1f", re.compile(r"(?<=\w[-_/])(?=\D)|(?<=/)")
_Columns = list[list[str]]  # each with its heading first


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
    """The parts of a line, all but the first moved in; "97.5 %" and "p = 0.5" stay together."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    kept = _NO_BREAK.sub(_BLANK, line)
    parts = wrap(kept, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]
    return [part.replace(_BLANK, " ") for part in parts]


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None, text_columns: int = 1
) -> None:
    """Print a table with `text_columns` columns of text and then columns of numbers, which never break.

    In a narrow terminal, headings and texts break first. If that is not enough, few rows become columns; otherwise the
    table comes in parts that all begin with its columns of text.
    """
    texts = [[_breakable(plain(heading)) for heading in headings]]
    for row in rows:
        cells = ["-" if cell is None else plain(str(cell)) for cell in row]
        numbers = (cell.replace(" ", _BLANK) for cell in cells[text_columns:])
        texts.append([*map(_breakable, cells[:text_columns]), *numbers])
    if title is not None:
        say(title)
    click.echo("\n\n".join(_tables([list(column) for column in zip(*texts, strict=True)], text_columns)))


def _breakable(text: str) -> str:
    return _JOINTS.sub(_BREAK, text)


def _tables(columns: _Columns, texts: int) -> list[str]:
    """The table; or several with some of the columns each, where one is too wide."""
    width = terminal_width()
    if (table := _fitted(columns, texts, width)) is not None:
        return [table]
    if texts == 1 and len(columns[0]) <= 1 + _FEW_ROWS:
        turned = [list(row) for row in zip(*columns, strict=True)]
        if (table := _fitted(turned, texts, width)) is not None:
            return [table]
    first = max(1, texts)
    parts = [columns[:first]]
    for column in columns[first:]:
        if len(parts[-1]) > first and _fitted([*parts[-1], column], texts, width) is None:
            parts.append(columns[:first])
        parts[-1].append(column)
    return [_fitted(part, texts, width) or _drawn(part, texts, _least(part, texts), _GAPS[1]) for part in parts]


def _fitted(columns: _Columns, texts: int, width: int | None) -> str | None:
    """The table if it fits, with broken headings and texts where it must; None if a number would have to break."""
    for widths in ([max(map(_letters, column)) for column in columns], _least(columns, texts)):
        for gap in _GAPS:
            if width is None:
                return _whole(columns, texts, widths, gap)
            if _total(widths, gap) <= width:
                return _drawn(columns, texts, widths, gap, width)
    return None


def _whole(columns: _Columns, texts: int, widths: Sequence[int], gap: int) -> str:
    """The table with every line whole, as `_drawn` draws it but without loading Rich, which takes 50 ms."""
    padded = []
    for i, (column, width) in enumerate(zip(columns, widths, strict=True)):
        blanks = [" " * (width - _letters(cell)) for cell in column]
        padded.append([cell + blank if i < texts else blank + cell for cell, blank in zip(column, blanks, strict=True)])
    heading, *rows = [(" " * gap).join(row).rstrip() for row in zip(*padded, strict=True)]
    return "\n".join([heading, "─" * _total(widths, gap), *rows]).replace(_BREAK, "").replace(_BLANK, " ")


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _least(columns: _Columns, texts: int) -> list[int]:
    """The least width of each column: its longest number, or the longest word of a text or heading."""
    least = []
    for i, column in enumerate(columns):
        words = re.split(f"[ {_BREAK}]", " ".join(column if i < texts else column[:1]))
        numbers = [] if i < texts else column[1:]
        least.append(max([min(_LONGEST, max(map(_letters, words))), *map(_letters, numbers)]))
    return least


def _letters(text: str) -> int:
    """The width of a text on a terminal, where some signs take two columns."""
    from rich.cells import cell_len

    return cell_len(text)


def _drawn(columns: _Columns, texts: int, widths: Sequence[int], gap: int, width: int | None = None) -> str:
    """The table by Rich: numbers and their headings in columns of these widths, texts in what is left."""
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    file = StringIO()
    console = Console(file=file, width=width or _total(widths, gap), markup=False, emoji=False, highlight=False)
    headings = [Text(column[0]).wrap(console, max(1, widths[i])) for i, column in enumerate(columns)]
    tall = max(map(len, headings[texts:]), default=1)
    line_below_headings = Box("    \n    \n ── \n" + 5 * "    \n")
    table = Table(box=line_below_headings, show_edge=False, pad_edge=False, padding=(0, 1, 0, gap - 2))
    for i, (column, lines) in enumerate(zip(columns, headings, strict=True)):
        if i < texts:
            table.add_column("\n" * (tall - 1) + column[0], overflow="fold")
        else:
            low = "\n" * (tall - len(lines)) + "\n".join(line.plain.rstrip() for line in lines)
            table.add_column(low, justify="right", no_wrap=True)
    for row in zip(*(column[1:] for column in columns), strict=True):
        table.add_row(*row)
    console.print(table)
    drawn = file.getvalue().replace(_BREAK, "").replace(_BLANK, " ")
    return "\n".join(line.rstrip() for line in drawn.splitlines()).lstrip("\n")


_CHOICES = ("match", "original", "pooling", "unknown_class", "workers")  # of the same name and value
OPTIONS = {
    **{name: f"--{name.replace('_', '-')} {{}}" for name in _CHOICES},
    "answers": "--answers {}",
    "at_least": "--golden-at-least {}",
    "checkpoint": "--checkpoint {}",
    "duplicates": "--duplicates {}",
    "class_folder_order": "--names class-folder",
    "find_class_list": "--classes auto",
    "force": "--force",
    "ignore_unknown": "--ignore-unknown",
    "images": "--images {}",
    "label_agreement": "reassess labels A B",
    "method": "--method {}",
    "names": "--names FILE",
    "outputs": "--classes FILE",
    "per_image": "--per-image {}",
    "top_k": "--top-k {}",
    "transform": "--transform {}",
}


def fix_in_options(fix: Fix | str) -> str:
    """A fix with its arguments as options."""
    return fix.render(_option) if isinstance(fix, Fix) else fix


def _option(name: str, value: object) -> str:
    text = {"None": "none", "[...]": "A,B,..."}.get(str(value), str(value))
    return OPTIONS[name].format(text.strip('[]"').replace(", ", ","))


def in_options(message: ReassessError | ReassessWarning) -> str:
    """The text of an error or a warning, with its fix in options."""
    if message.fix is not None:
        message.fix = fix_in_options(message.fix)
    return str(message)
