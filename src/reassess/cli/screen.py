"""Print tables, wrapped text and commands, and rewrite fixes for the command line."""

import os
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import click

from reassess.errors import Fix, ReassessError, ReassessWarning
from reassess.formats.result_files import short_model_names, write_result
from reassess.text import escape_controls, shorten

_COLUMN_GAPS = 3, 2  # spaces between columns; the smaller gap is for tables that do not fit
_MAX_TRANSPOSED_ROWS = 4  # a wide table with at most this many rows is transposed
_MAX_UNBROKEN_NAME = 12  # names with at most this many letters are not broken
_MAX_UNBROKEN_WORD = 24  # words in the first column are not broken below this many letters
_MAX_WORD_LETTERS = 80  # longer words in cells are shortened, except paths and file names
_LONG_WORD_PATTERN = re.compile(
    rf"(?<!\S)[^\s/]{{{_MAX_WORD_LETTERS + 1},}}(?!\S)(?<!\.\w{{3}})(?<!\.\w{{4}})(?<!\.parquet)"
)
_DEFAULT_WIDTH = 100  # columns, if the output is not a terminal
# Lines break at white space. Spaces where a line must not break, as in "97.5 %", are replaced by _PROTECTED_SPACE for
# wrapping.
# _BREAK_MARK has no width: it marks where a long name may break, such as after a hyphen.
_PROTECTED_SPACE = "\ue000"
_UNBREAKABLE_SPACES = re.compile(r"(?<=\d) (?=%)|(?<=sha256) |(?<=[=<>]) (?=[\d.])| (?=[=<>]+ [\d.])")
_OPTION_AND_VALUE = re.compile(r"(?<= )--?[a-z][a-z-]* (?=[^- ])")
_BREAK_MARK, _BREAK_POSITIONS = "\x1f", re.compile(r"(?<=\w[-_/])(?=\D)|(?<=/)")
# Markers around bold text; they have no width.
_BOLD_START, _BOLD_END = "\x01", "\x02"
_Columns = list[list[str]]  # each column starts with its heading


def is_terminal(*, err: bool = False) -> bool:
    """Return whether standard output (with `err`, standard error) is a terminal."""
    stream = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty()  # None: the stream is closed


def output_line_width(*, err: bool = False) -> int:
    """Return the width of the output in columns: COLUMNS if set, or the terminal's width, or 100."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    if is_terminal(err=err):
        try:
            return os.get_terminal_size((sys.stderr if err else sys.stdout).fileno()).columns or _DEFAULT_WIDTH
        except (OSError, ValueError):  # the stream has no file descriptor, or is not a terminal
            pass
    return _DEFAULT_WIDTH


def print_text(text: str, *, err: bool = False) -> None:
    """Print lines to standard output or, with `err`, standard error. Long lines are wrapped."""
    lines = escape_controls(text).split("\n")
    _print_rendered(
        lambda width: "\n".join(wrapped_line for line in lines for wrapped_line in _wrap_line(line, width)), err=err
    )


def print_command(text: str) -> None:
    """Print a shell command that can be copied. A long command continues after a backslash.

    An option and its value stay on one line. A quoted word stays on one line too.
    """
    line = re.sub(
        rf"""{_OPTION_AND_VALUE.pattern}|"'"|'[^']*'""",
        lambda match: match[0].replace(" ", _PROTECTED_SPACE),
        escape_controls(text),
    )
    _print_rendered(lambda width: " \\\n".join(_wrap_line(line, width if len(line) <= width else width - 2)))


def join_shell_words(words: Iterable[str]) -> str:
    r"""Join words to a shell command on one line.

    >>> print(join_shell_words(["reassess", "show", "it's.csv", "a\nb.csv"]))
    reassess show 'it'"'"'s.csv' $'a\nb.csv'
    """
    return " ".join(map(_quote_word, words))


def _quote_word(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    signs = {"\n": r"\n", "\t": r"\t", "\\": r"\\", "'": r"\x27"}
    escaped = (signs.get(c, c if c.isprintable() else "".join(f"\\x{b:02x}" for b in os.fsencode(c))) for c in word)
    return f"$'{''.join(escaped)}'"


def _print_rendered(render: Callable[[int], str], *, err: bool = False) -> None:
    """Print the text that `render` makes for the width of the output."""
    click.echo(render(output_line_width(err=err)), err=err)


def _wrap_line(line: str, width: int) -> list[str]:
    """Wrap a line, and indent its continuation. "97.5 %" and "p = 0.5" stay on one line."""
    if len(line) <= width:
        return [line.replace(_PROTECTED_SPACE, " ")]
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    protected = _UNBREAKABLE_SPACES.sub(_PROTECTED_SPACE, line)
    wrapped_lines = wrap(
        protected, max(1, width), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]
    return [wrapped_line.replace(_PROTECTED_SPACE, " ") for wrapped_line in wrapped_lines]


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    n_text_columns: int = 1,
    best_columns: Collection[str] = (),
) -> None:
    """Print a table: `n_text_columns` columns of text, then columns of numbers.

    A table that is too wide is fitted in steps. Headings and texts are wrapped between words; numbers are not. If there
    is one text column, its names are also wrapped after hyphens, underscores and slashes. A table with few rows is
    transposed, and a larger one is split into parts that repeat the text columns. On a terminal, the highest number of
    each column in `best_columns` is bold.
    """
    break_name = _mark_line_breaks if n_text_columns == 1 else str

    def format_cell(column: int, cell: str) -> str:
        is_whole = column >= n_text_columns or (column == 0 and len(cell) <= _MAX_UNBROKEN_NAME)
        return cell.replace(" ", _PROTECTED_SPACE) if is_whole else break_name(cell)

    texts = [[_mark_line_breaks(_to_one_line(heading)) for heading in headings]]
    for row in rows:
        cells = ("-" if cell is None else _to_one_line(str(cell)) for cell in row)
        texts.append([format_cell(*cell) for cell in enumerate(cells)])
    if title is not None:
        print_text(title)
    columns = [list(column) for column in zip(*texts, strict=True)]
    if is_terminal() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb":
        bold = [heading in best_columns for heading in headings]
        columns = [
            _mark_highest_bold(column) if is_bold else column for column, is_bold in zip(columns, bold, strict=True)
        ]
    _print_rendered(lambda width: "\n\n".join(_split_table_to_fit(columns, n_text_columns, width)))


def _to_one_line(text: str) -> str:
    """Escape the control characters of a cell, and shorten its long words."""
    escaped = escape_controls(text).replace("\n", r"\n").replace("\t", r"\t")
    return _LONG_WORD_PATTERN.sub(lambda match: shorten(match[0], _MAX_WORD_LETTERS), escaped)


def _mark_highest_bold(column: list[str]) -> list[str]:
    """Make the highest number of a column bold, if the column has several numbers."""
    numbers = [_parse_number(cell) for cell in column[1:]]
    values = [number for number in numbers if number is not None]
    if len(values) < 2:
        return column
    bold = (
        f"{_BOLD_START}{cell}{_BOLD_END}" if number == max(values) else cell
        for cell, number in zip(column[1:], numbers, strict=True)
    )
    return [column[0], *bold]


def _parse_number(cell: str) -> float | None:
    try:
        return float(cell.replace(",", ""))
    except ValueError:
        return None


def _mark_line_breaks(text: str) -> str:
    return _BREAK_POSITIONS.sub(_BREAK_MARK, text)


def _split_table_to_fit(columns: _Columns, n_text_columns: int, width: int) -> list[str]:
    """Render a table. A table that is too wide is transposed, or its columns are split into tables."""
    if (table := _fit_table(columns, n_text_columns, width)) is not None:
        return [table]
    if 0 < n_text_columns < len(columns) and len(columns[0]) <= 1 + _MAX_TRANSPOSED_ROWS:
        transposed = [list(row) for row in zip(*columns, strict=True)]
        if (table := _fit_table(transposed, 1, width)) is not None:
            return [table]
    n_repeated_columns = max(1, n_text_columns)
    column_groups = [columns[:n_repeated_columns]]
    # A name is wider than the output, so its line will be too long.
    if _fit_table(column_groups[0], n_text_columns, width) is None:
        return [
            _render_table(
                columns,
                n_text_columns,
                _narrow_widest_column(_minimum_widths(columns, n_text_columns), n_text_columns, width),
                _COLUMN_GAPS[1],
            )
        ]
    for column in columns[n_repeated_columns:]:
        if (
            len(column_groups[-1]) > n_repeated_columns
            and _fit_table([*column_groups[-1], column], n_text_columns, width) is None
        ):
            column_groups.append(columns[:n_repeated_columns])
        column_groups[-1].append(column)
    return [
        _fit_table(column_group, n_text_columns, width)
        or _render_table(column_group, n_text_columns, _minimum_widths(column_group, n_text_columns), _COLUMN_GAPS[1])
        for column_group in column_groups
    ]


def _fit_table(columns: _Columns, n_text_columns: int, width: int) -> str | None:
    """Render a table with wrapped headings and texts; None if a word or number does not fit."""
    full_widths = [max(map(_display_width, column)) for column in columns]
    for widths in (full_widths, _minimum_widths(columns, n_text_columns)):
        for gap in _COLUMN_GAPS:
            extra_width = width - _table_width(widths, gap)
            if extra_width >= 0:
                return _render_table(
                    columns,
                    n_text_columns,
                    _widen_columns(columns, widths, full_widths[:n_text_columns], extra_width),
                    gap,
                )
    return None


def _table_width(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _minimum_widths(columns: _Columns, n_text_columns: int) -> list[int]:
    """Return the minimum width of each column: the width of its longest number or word."""
    widths = []
    max_word_width = _MAX_UNBROKEN_WORD if n_text_columns == 1 else sys.maxsize
    for i, column in enumerate(columns):
        words = re.split(f"[ {_BREAK_MARK}]", " ".join(column if i < n_text_columns else column[:1]))
        numbers = [] if i < n_text_columns else column[1:]
        widths.append(max([min(max_word_width, max(map(_display_width, words))), *map(_display_width, numbers)]))
    return widths


def _widen_columns(columns: _Columns, widths: Sequence[int], full_widths: Sequence[int], extra_width: int) -> list[int]:
    """Distribute extra width over the text columns, always to the column with the most lines."""
    widened = list(widths)
    letters = [Counter(map(_display_width, column)) for column in columns[: len(full_widths)]]
    for _ in range(extra_width):
        narrow_columns = [i for i in range(len(full_widths)) if widened[i] < full_widths[i]]
        if not narrow_columns:
            break
        lines = {
            i: sum(count * -(-length // widened[i]) for length, count in letters[i].items()) for i in narrow_columns
        }
        widened[max(narrow_columns, key=lines.__getitem__)] += 1
    return widened


def _narrow_widest_column(widths: Sequence[int], n_text_columns: int, width: int) -> list[int]:
    """Narrow the widest text column until the table fits, but not below the width `_MAX_UNBROKEN_WORD`."""
    narrowed = list(widths)
    widest_column = max(range(n_text_columns), key=lambda i: narrowed[i])
    narrowed[widest_column] = max(
        _MAX_UNBROKEN_WORD, narrowed[widest_column] - max(0, _table_width(widths, _COLUMN_GAPS[1]) - width)
    )
    return narrowed


def _display_width(text: str) -> int:
    """Return the width of a text on a terminal, where some characters take two columns."""
    if text.isascii():
        return len(text) - sum(map(text.count, (_BREAK_MARK, _BOLD_START, _BOLD_END)))
    from rich.cells import cell_len

    return cell_len(text)


def _render_table(columns: _Columns, n_text_columns: int, widths: Sequence[int], gap: int) -> str:
    """Render a table with these column widths. A single text column may cut long words."""
    lines = []
    for number, row in enumerate(zip(*columns, strict=True)):
        is_heading = number == 0
        cells = [
            _wrap_cell(cell, width, cuts_long_words=n_text_columns == 1) if i < n_text_columns or is_heading else [cell]
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        height = max(map(len, cells))
        for k in range(height):
            texts = []
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
                line = k - height + len(cell) if is_heading else k  # headings are aligned at the bottom
                text = cell[line] if 0 <= line < len(cell) else ""
                blank = " " * (width - _display_width(text))
                texts.append(text + blank if i < n_text_columns else blank + text)
            lines.append((" " * gap).join(texts).rstrip())
        if is_heading:
            lines.append("─" * _table_width(widths, gap))
    table = "\n".join(lines).replace(_BREAK_MARK, "").replace(_PROTECTED_SPACE, " ")
    return table.replace(_BOLD_START, "\x1b[1m").replace(_BOLD_END, "\x1b[0m")


def _wrap_cell(text: str, width: int, *, cuts_long_words: bool) -> list[str]:
    """Wrap the text of a cell. With `cuts_long_words`, cut words that are longer than the column."""
    lines, line = [], ""
    for piece in re.findall(f"[^ {_BREAK_MARK}]*[ {_BREAK_MARK}]|[^ {_BREAK_MARK}]+", text):
        if line and _display_width(line) + _display_width(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        while cuts_long_words and _display_width(piece.rstrip()) > width:
            cut = next(n for n in range(len(piece), 0, -1) if n == 1 or _display_width(piece[:n]) <= width)
            lines.append(piece[:cut])
            piece = piece[cut:]
        line += piece
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


# Options named like the argument.
_OPTIONS_NAMED_LIKE_ARGUMENTS = (
    "match",
    "original",
    "pooling",
    "unknown_class",
    "workers",
)
OPTION_TEMPLATES = {
    **{name: f"--{name.replace('_', '-')} {{}}" for name in _OPTIONS_NAMED_LIKE_ARGUMENTS},
    "answers": "--answers {}",
    "benchmark": "--benchmark {}",
    "min_experts": "--golden-at-least {}",
    "checkpoint": "--checkpoint {}",
    "duplicates": "--duplicates {}",
    "class_folder_order": "--names class-folder",
    "find_class_list": "--classes auto",
    "dependence": "--dependence",
    "force": "--force",
    "ignore_unknown": "--ignore-unknown",
    "image_names": "--names FILE",
    "images": "--images {}",
    "leave_out": "--leave-out {}",
    "label_agreement": "reassess labels A B",
    "max_tokens": "--max-tokens {}",
    "method": "--method {}",
    "outputs": "--classes FILE",
    "per_image": "--per-image {}",
    "practice_bar": "--bar {}",
    "tempering": "--tempering",
    "top_k": "--top-k {}",
    "transform": "--transform {}",
}


def format_fix(fix: Fix | str) -> str:
    """Format a fix with options of the command line instead of Python arguments."""
    return fix.render(_format_option) if isinstance(fix, Fix) else fix


def _format_option(name: str, value: object) -> str:
    text = {"None": "none", "[...]": "A,B,..."}.get(str(value), str(value))
    return OPTION_TEMPLATES[name].format(text.strip('[]"').replace(", ", ","))


def format_message(message: ReassessError | ReassessWarning) -> str:
    """Format an error or warning, with options of the command line instead of Python arguments."""
    if message.fix is not None:
        message.fix = format_fix(message.fix)
    return str(message)


@dataclass(frozen=True)
class ResultTable:
    """A table: headings, and rows with `n_text_columns` cells of text, then numbers.

    An empty cell is None. In the columns `best_columns`, the highest number is the best.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[object]]
    n_text_columns: int = 1
    best_columns: Sequence[str] = ()

    def print(self) -> None:
        """Print the table."""
        print_table(self.headings, self.rows, n_text_columns=self.n_text_columns, best_columns=self.best_columns)

    def write(self, path: Path, *, force: bool = False) -> None:
        """Write the table to a file. The suffix of the file name determines the format.

        In tex and md, short model names replace the paths of prediction files.
        """
        headings, rows = self.headings, self.rows
        if headings[0] == "file" and path.suffix.lower() != ".csv":
            names = short_model_names(list(dict.fromkeys(str(row[0]) for row in rows)))
            headings, rows = ["model", *headings[1:]], [[names[str(row[0])], *row[1:]] for row in rows]
        write_result(path, headings, rows, n_text_columns=self.n_text_columns, force=force)
