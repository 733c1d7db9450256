"""What commands print: tables for a terminal or a pipe, and messages whose fixes name options."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from textwrap import wrap

import click

from reassess.errors import Fix, ReassessError, ReassessWarning
from reassess.text import plain

_GAPS = 3, 2  # between columns; the second if the first is too wide
_FEW_ROWS = 4  # may become columns
_SHORT = 12  # letters of a name that stays together
_LONGEST = 24  # letters of a word in the first column that stay together
_PIPED = 100  # columns, if the output is not a terminal
# Lines break at white space. A blank inside a number becomes another character; in a name, white space that takes no
# room marks where it may break: after a sign that joins words.
_BLANK, _NO_BREAK = "\ue000", re.compile(r"(?<=\d) (?=%)|(?<=sha256) |(?<=[=<>]) (?=[\d.])| (?=[=<>]+ [\d.])")
_OPTION = re.compile(r"(?<= )--?[a-z][a-z-]* (?=[^- ])")
_BREAK, _JOINTS = "\x1f", re.compile(r"(?<=\w[-_/])(?=\D)|(?<=/)")
# What is bold stands between two signs that take no room.
_BOLD, _BOLD_END = "\x01", "\x02"
_Columns = list[list[str]]  # each with its heading first


def is_terminal(*, err: bool = False) -> bool:
    """Whether a terminal shows standard output, or standard error."""
    stream = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty()  # None: closed


def output_width(*, err: bool = False) -> int:
    """The columns of standard output, or standard error: COLUMNS, or the terminal's, or 100."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if is_terminal(err=err):
        try:
            return os.get_terminal_size((sys.stderr if err else sys.stdout).fileno()).columns or _PIPED
        except (OSError, ValueError):  # not a terminal of the system
            pass
    return _PIPED


def print_text(text: str, *, err: bool = False) -> None:
    """Print a line or lines to standard output or standard error, broken between words; a longer word stays whole."""
    lines = plain(text).split("\n")
    _print(lambda width: "\n".join(part for line in lines for part in _wrap_line(line, width)), err=err)


def print_command(text: str) -> None:
    """Print a command of the shell, whose lines go on after a backslash, so that it can be copied.

    An option and its value stay together.
    """
    line = _OPTION.sub(lambda found: found[0].replace(" ", _BLANK), plain(text))
    _print(lambda width: " \\\n".join(_wrap_line(line, width if len(line) <= width else width - 2)))


def _print(drawn: Callable[[int], str], *, err: bool = False) -> None:
    """Print what is drawn for the width of an output."""
    click.echo(drawn(output_width(err=err)), err=err)


def _wrap_line(line: str, width: int) -> list[str]:
    """The parts of a line, all but the first moved in; "97.5 %" and "p = 0.5" stay together."""
    if len(line) <= width:
        return [line.replace(_BLANK, " ")]
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    kept = _NO_BREAK.sub(_BLANK, line)
    parts = wrap(kept, max(1, width), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]
    return [part.replace(_BLANK, " ") for part in parts]


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    text_columns: int = 1,
    best: Collection[str] = (),
) -> None:
    """Print a table with `text_columns` columns of text and then columns of numbers, which never break.

    Where it is too wide, headings and texts break first, between words; the names in a single column of text also
    break after a sign. If that is not enough, few rows become columns; otherwise the table comes in parts that all
    begin with its columns of text. On a terminal, the highest number of a column named in `best` is bold.
    """
    breakable = _mark_breaks if text_columns == 1 else str

    def prepared(column: int, cell: str) -> str:
        is_whole = column >= text_columns or (column == 0 and len(cell) <= _SHORT)
        return cell.replace(" ", _BLANK) if is_whole else breakable(cell)

    texts = [[_mark_breaks(plain(heading)) for heading in headings]]
    for row in rows:
        cells = ("-" if cell is None else plain(str(cell)) for cell in row)
        texts.append([prepared(*cell) for cell in enumerate(cells)])
    if title is not None:
        print_text(title)
    columns = [list(column) for column in zip(*texts, strict=True)]
    if is_terminal() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb":
        bold = [heading in best for heading in headings]
        columns = [_mark_bold(column) if is_bold else column for column, is_bold in zip(columns, bold, strict=True)]
    _print(lambda width: "\n\n".join(_split_to_fit(columns, text_columns, width)))


def _mark_bold(column: list[str]) -> list[str]:
    """The column with its highest number bold; as it is with a single number."""
    numbers = [_number(cell) for cell in column[1:]]
    known = [number for number in numbers if number is not None]
    if len(known) < 2:
        return column
    bold = (
        f"{_BOLD}{cell}{_BOLD_END}" if number == max(known) else cell
        for cell, number in zip(column[1:], numbers, strict=True)
    )
    return [column[0], *bold]


def _number(cell: str) -> float | None:
    try:
        return float(cell.replace(",", ""))
    except ValueError:
        return None


def _mark_breaks(text: str) -> str:
    return _JOINTS.sub(_BREAK, text)


def _split_to_fit(columns: _Columns, texts: int, width: int) -> list[str]:
    """The table; or several with some of the columns each, where one is too wide."""
    if (table := _fit_table(columns, texts, width)) is not None:
        return [table]
    if 0 < texts < len(columns) and len(columns[0]) <= 1 + _FEW_ROWS:
        turned = [list(row) for row in zip(*columns, strict=True)]
        if (table := _fit_table(turned, 1, width)) is not None:
            return [table]
    first = max(1, texts)
    parts = [columns[:first]]
    if _fit_table(parts[0], texts, width) is None:  # a name is wider than the output: it reaches over the edge
        return [_render(columns, texts, _narrow(_minimum_widths(columns, texts), texts, width), _GAPS[1])]
    for column in columns[first:]:
        if len(parts[-1]) > first and _fit_table([*parts[-1], column], texts, width) is None:
            parts.append(columns[:first])
        parts[-1].append(column)
    return [
        _fit_table(part, texts, width) or _render(part, texts, _minimum_widths(part, texts), _GAPS[1]) for part in parts
    ]


def _fit_table(columns: _Columns, texts: int, width: int) -> str | None:
    """The table if it fits, with broken headings and texts where it must; None if a word or number would break."""
    whole = [max(map(_display_width, column)) for column in columns]
    for widths in (whole, _minimum_widths(columns, texts)):
        for gap in _GAPS:
            more = width - _table_width(widths, gap)
            if more >= 0:
                return _render(columns, texts, _widen(columns, widths, whole[:texts], more), gap)
    return None


def _table_width(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _minimum_widths(columns: _Columns, texts: int) -> list[int]:
    """The least width of each column: its longest number, or the longest word of a text or heading."""
    least = []
    longest = _LONGEST if texts == 1 else sys.maxsize
    for i, column in enumerate(columns):
        words = re.split(f"[ {_BREAK}]", " ".join(column if i < texts else column[:1]))
        numbers = [] if i < texts else column[1:]
        least.append(max([min(longest, max(map(_display_width, words))), *map(_display_width, numbers)]))
    return least


def _widen(columns: _Columns, widths: Sequence[int], whole: Sequence[int], more: int) -> list[int]:
    """The widths with some letters more for texts, first where the most lines are."""
    widened = list(widths)
    letters = [Counter(map(_display_width, column)) for column in columns[: len(whole)]]
    for _ in range(more):
        narrow = [i for i in range(len(whole)) if widened[i] < whole[i]]
        if not narrow:
            break
        lines = {i: sum(count * -(-length // widened[i]) for length, count in letters[i].items()) for i in narrow}
        widened[max(narrow, key=lines.__getitem__)] += 1
    return widened


def _narrow(widths: Sequence[int], texts: int, width: int) -> list[int]:
    """The widths with less for the widest text, so that the table fits but for words that are longer."""
    reduced = list(widths)
    widest = max(range(texts), key=lambda i: reduced[i])
    reduced[widest] = max(_LONGEST, reduced[widest] - max(0, _table_width(widths, _GAPS[1]) - width))
    return reduced


def _display_width(text: str) -> int:
    """The width of a text on a terminal, where some signs take two columns."""
    if text.isascii():
        return len(text) - sum(map(text.count, (_BREAK, _BOLD, _BOLD_END)))
    from rich.cells import cell_len

    return cell_len(text)


def _render(columns: _Columns, texts: int, widths: Sequence[int], gap: int) -> str:
    """The table with columns of these widths; a word of several texts that is longer reaches over the edge."""
    lines = []
    for number, row in enumerate(zip(*columns, strict=True)):
        is_heading = number == 0
        cells = [
            _wrap_cell(cell, width, fold=texts == 1) if i < texts or is_heading else [cell]
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        tall = max(map(len, cells))
        for k in range(tall):
            parts = []
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
                line = k - tall + len(cell) if is_heading else k  # headings stand on the line below them
                part = cell[line] if 0 <= line < len(cell) else ""
                blank = " " * (width - _display_width(part))
                parts.append(part + blank if i < texts else blank + part)
            lines.append((" " * gap).join(parts).rstrip())
        if is_heading:
            lines.append("─" * _table_width(widths, gap))
    drawn = "\n".join(lines).replace(_BREAK, "").replace(_BLANK, " ")
    return drawn.replace(_BOLD, "\x1b[1m").replace(_BOLD_END, "\x1b[0m")


def _wrap_cell(text: str, width: int, *, fold: bool) -> list[str]:
    """The lines of a cell; a word that is longer than the column breaks anywhere if it may."""
    lines, line = [], ""
    for piece in re.findall(f"[^ {_BREAK}]*[ {_BREAK}]|[^ {_BREAK}]+", text):
        if line and _display_width(line) + _display_width(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        while fold and _display_width(piece.rstrip()) > width:
            cut = next(n for n in range(len(piece), 0, -1) if n == 1 or _display_width(piece[:n]) <= width)
            lines.append(piece[:cut])
            piece = piece[cut:]
        line += piece
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


_CHOICES = ("match", "original", "pooling", "unknown_class", "workers")  # of the same name and value
OPTIONS = {
    **{name: f"--{name.replace('_', '-')} {{}}" for name in _CHOICES},
    "answers": "--answers {}",
    "benchmark": "--benchmark {}",
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


def format_fix(fix: Fix | str) -> str:
    """A fix with its arguments as options."""
    return fix.render(_option) if isinstance(fix, Fix) else fix


def _option(name: str, value: object) -> str:
    text = {"None": "none", "[...]": "A,B,..."}.get(str(value), str(value))
    return OPTIONS[name].format(text.strip('[]"').replace(", ", ","))


def format_message(message: ReassessError | ReassessWarning) -> str:
    """The text of an error or a warning, with its fix in options."""
    if message.fix is not None:
        message.fix = format_fix(message.fix)
    return str(message)
