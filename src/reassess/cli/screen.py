"""What commands print: tables for a terminal or a pipe, and messages whose fixes name options."""

import os
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from textwrap import wrap

import click

from reassess.errors import Fix, ReassessError, ReassessWarning
from reassess.text import plain, shortened

_GAPS = 3, 2  # between columns; the second if the first is too wide
_FEW_ROWS = 4  # may become columns
_SHORT = 12  # letters of a name that stays together
_LONGEST = 24  # letters of a word in the first column that stay together
_LONG = 80  # letters of a word in a cell, except paths and names of files
_LONG_WORD = re.compile(rf"(?<!\S)[^\s/]{{{_LONG + 1},}}(?!\S)(?<!\.\w{{3}})(?<!\.\w{{4}})(?<!\.parquet)")
_PIPED = 100  # columns, if the output is not a terminal
# Lines break at white space. A blank inside a number becomes another character; in a name, white space that takes no
# room marks where it may break: after a sign that joins words.
_BLANK, _NO_BREAK = "\ue000", re.compile(r"(?<=\d) (?=%)|(?<=sha256) |(?<=[=<>]) (?=[\d.])| (?=[=<>]+ [\d.])")
_OPTION = re.compile(r"(?<= )--?[a-z][a-z-]* (?=[^- ])")
_BREAK, _JOINTS = "\x1f", re.compile(r"(?<=\w[-_/])(?=\D)|(?<=/)")
# What is bold stands between two signs that take no room.
_BOLD, _BOLD_END = "\x01", "\x02"
_Columns = list[list[str]]  # each with its heading first


def on_terminal(*, err: bool = False) -> bool:
    """Whether a terminal shows standard output, or standard error."""
    stream = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty()  # None: closed


def output_width(*, err: bool = False) -> int:
    """The columns of standard output, or standard error: COLUMNS, or the terminal's, or 100."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if on_terminal(err=err):
        try:
            return os.get_terminal_size((sys.stderr if err else sys.stdout).fileno()).columns or _PIPED
        except (OSError, ValueError):  # not a terminal of the system
            pass
    return _PIPED


def say(text: str, *, err: bool = False) -> None:
    """Print a line or lines to standard output or standard error, broken between words; a longer word stays whole."""
    lines = plain(text).split("\n")
    _print(lambda width: "\n".join(part for line in lines for part in _broken(line, width)), err=err)


def say_command(text: str) -> None:
    """Print a command of the shell, whose lines go on after a backslash, so that it can be copied.

    An option and its value stay together, and so does a quoted word.
    """
    line = re.sub(rf"""{_OPTION.pattern}|"'"|'[^']*'""", lambda found: found[0].replace(" ", _BLANK), plain(text))
    _print(lambda width: " \\\n".join(_broken(line, width if len(line) <= width else width - 2)))


def in_shell(words: Iterable[str]) -> str:
    r"""Join words to a command of the shell, in one line.

    >>> print(in_shell(["reassess", "show", "it's.csv", "a\nb.csv"]))
    reassess show 'it'"'"'s.csv' $'a\nb.csv'
    """
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    signs = {"\n": r"\n", "\t": r"\t", "\\": r"\\", "'": r"\x27"}
    escaped = (signs.get(c, c if c.isprintable() else "".join(f"\\x{b:02x}" for b in os.fsencode(c))) for c in word)
    return f"$'{''.join(escaped)}'"


def _print(drawn: Callable[[int], str], *, err: bool = False) -> None:
    """Print what is drawn for the width of an output."""
    click.echo(drawn(output_width(err=err)), err=err)


def _broken(line: str, width: int) -> list[str]:
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
    breakable = _breakable if text_columns == 1 else str

    def prepared(column: int, cell: str) -> str:
        is_whole = column >= text_columns or (column == 0 and len(cell) <= _SHORT)
        return cell.replace(" ", _BLANK) if is_whole else breakable(cell)

    texts = [[_breakable(_in_one_line(heading)) for heading in headings]]
    for row in rows:
        cells = ("-" if cell is None else _in_one_line(str(cell)) for cell in row)
        texts.append([prepared(*cell) for cell in enumerate(cells)])
    if title is not None:
        say(title)
    columns = [list(column) for column in zip(*texts, strict=True)]
    if on_terminal() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb":
        bold = [heading in best for heading in headings]
        columns = [_with_bold(column) if is_bold else column for column, is_bold in zip(columns, bold, strict=True)]
    _print(lambda width: "\n\n".join(_tables(columns, text_columns, width)))


def _in_one_line(text: str) -> str:
    """The text of a cell: control characters are escaped, and long words are shortened."""
    escaped = plain(text).replace("\n", r"\n").replace("\t", r"\t")
    return _LONG_WORD.sub(lambda found: shortened(found[0], _LONG), escaped)


def _with_bold(column: list[str]) -> list[str]:
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


def _breakable(text: str) -> str:
    return _JOINTS.sub(_BREAK, text)


def _tables(columns: _Columns, texts: int, width: int) -> list[str]:
    """The table; or several with some of the columns each, where one is too wide."""
    if (table := _fitted(columns, texts, width)) is not None:
        return [table]
    if 0 < texts < len(columns) and len(columns[0]) <= 1 + _FEW_ROWS:
        turned = [list(row) for row in zip(*columns, strict=True)]
        if (table := _fitted(turned, 1, width)) is not None:
            return [table]
    first = max(1, texts)
    parts = [columns[:first]]
    if _fitted(parts[0], texts, width) is None:  # a name is wider than the output: it reaches over the edge
        return [_drawn(columns, texts, _reduced(_least(columns, texts), texts, width), _GAPS[1])]
    for column in columns[first:]:
        if len(parts[-1]) > first and _fitted([*parts[-1], column], texts, width) is None:
            parts.append(columns[:first])
        parts[-1].append(column)
    return [_fitted(part, texts, width) or _drawn(part, texts, _least(part, texts), _GAPS[1]) for part in parts]


def _fitted(columns: _Columns, texts: int, width: int) -> str | None:
    """The table if it fits, with broken headings and texts where it must; None if a word or number would break."""
    whole = [max(map(_letters, column)) for column in columns]
    for widths in (whole, _least(columns, texts)):
        for gap in _GAPS:
            more = width - _total(widths, gap)
            if more >= 0:
                return _drawn(columns, texts, _widened(columns, widths, whole[:texts], more), gap)
    return None


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _least(columns: _Columns, texts: int) -> list[int]:
    """The least width of each column: its longest number, or the longest word of a text or heading."""
    least = []
    longest = _LONGEST if texts == 1 else sys.maxsize
    for i, column in enumerate(columns):
        words = re.split(f"[ {_BREAK}]", " ".join(column if i < texts else column[:1]))
        numbers = [] if i < texts else column[1:]
        least.append(max([min(longest, max(map(_letters, words))), *map(_letters, numbers)]))
    return least


def _widened(columns: _Columns, widths: Sequence[int], whole: Sequence[int], more: int) -> list[int]:
    """The widths with some letters more for texts, first where the most lines are."""
    widened = list(widths)
    letters = [Counter(map(_letters, column)) for column in columns[: len(whole)]]
    for _ in range(more):
        narrow = [i for i in range(len(whole)) if widened[i] < whole[i]]
        if not narrow:
            break
        lines = {i: sum(count * -(-length // widened[i]) for length, count in letters[i].items()) for i in narrow}
        widened[max(narrow, key=lines.__getitem__)] += 1
    return widened


def _reduced(widths: Sequence[int], texts: int, width: int) -> list[int]:
    """The widths with less for the widest text, so that the table fits but for words that are longer."""
    reduced = list(widths)
    widest = max(range(texts), key=lambda i: reduced[i])
    reduced[widest] = max(_LONGEST, reduced[widest] - max(0, _total(widths, _GAPS[1]) - width))
    return reduced


def _letters(text: str) -> int:
    """The width of a text on a terminal, where some signs take two columns."""
    if text.isascii():
        return len(text) - sum(map(text.count, (_BREAK, _BOLD, _BOLD_END)))
    from rich.cells import cell_len

    return cell_len(text)


def _drawn(columns: _Columns, texts: int, widths: Sequence[int], gap: int) -> str:
    """The table with columns of these widths; a word of several texts that is longer reaches over the edge."""
    lines = []
    for number, row in enumerate(zip(*columns, strict=True)):
        is_heading = number == 0
        cells = [
            _wrapped(cell, width, fold=texts == 1) if i < texts or is_heading else [cell]
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        tall = max(map(len, cells))
        for k in range(tall):
            parts = []
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
                line = k - tall + len(cell) if is_heading else k  # headings stand on the line below them
                part = cell[line] if 0 <= line < len(cell) else ""
                blank = " " * (width - _letters(part))
                parts.append(part + blank if i < texts else blank + part)
            lines.append((" " * gap).join(parts).rstrip())
        if is_heading:
            lines.append("─" * _total(widths, gap))
    drawn = "\n".join(lines).replace(_BREAK, "").replace(_BLANK, " ")
    return drawn.replace(_BOLD, "\x1b[1m").replace(_BOLD_END, "\x1b[0m")


def _wrapped(text: str, width: int, *, fold: bool) -> list[str]:
    """The lines of a cell; a word that is longer than the column breaks anywhere if it may."""
    lines, line = [], ""
    for piece in re.findall(f"[^ {_BREAK}]*[ {_BREAK}]|[^ {_BREAK}]+", text):
        if line and _letters(line) + _letters(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        while fold and _letters(piece.rstrip()) > width:
            cut = next(n for n in range(len(piece), 0, -1) if n == 1 or _letters(piece[:n]) <= width)
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
