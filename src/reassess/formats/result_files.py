"""Tables of results: CSV with all digits, LaTeX and Markdown with the digits that a command prints."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from reassess.formats.files import check_suffix, write_to_temporary
from reassess.text import escape_controls

Value = str | int | float | None
_Lines = list[list[str]]
_INTERVAL = "95 %"  # in the heading of every interval
_LATEX_ESCAPES = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
)
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
_MINUS = re.compile(r"(?<![^ ])-(?=[\d.])")  # of a number, also in "-0.34 to -0.12"
_LIGATURE = re.compile(r"(?<=-)-|(?<=[`?!])`|(?<=')'|(?<=,),")
_LEADING_BRACKET = re.compile(r"^(?=[\[*])")  # LaTeX would read it as an argument of the previous \\


class PrintedNumbers(str):
    """A number or an interval as printed; `values` has the number, or both bounds, with all digits."""

    __slots__ = ("values",)
    values: tuple[Value, ...]

    def __new__(cls, text: str, *values: Value) -> "PrintedNumbers":
        """Create a `PrintedNumbers`. `values` is one number, or the lower and the upper bound of an interval."""
        printed = super().__new__(cls, text)
        printed.values = values
        return printed


def format_count(count: int) -> PrintedNumbers:
    """Format a count with commas between thousands.

    >>> cell = format_count(46837)
    >>> cell, cell.values
    ('46,837', (46837,))
    """
    return PrintedNumbers(f"{count:,}", count)


def write_result(
    path: str | Path,
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    n_text_columns: int = 1,
    force: bool = False,
) -> None:
    """Write a table of results as CSV, LaTeX or Markdown, by suffix.

    Parameters
    ----------
    path
        A csv, tex or md file.
    headings
        The headings of the columns, with units.
    rows
        Texts, numbers and `PrintedNumbers`; None is an empty cell.
    n_text_columns
        Number of columns with texts. They come first; the other columns contain numbers.
    force
        Overwrite an existing file.

    Raises
    ------
    DataError
        The file has another suffix.
    OutputError
        The file exists, or cannot be written.
    """
    write = _FORMATS[check_suffix(Path(path), RESULT_SUFFIXES, "a table of results")]
    text = write(_make_headings_unique(list(headings)), rows, n_text_columns)
    with write_to_temporary(Path(path), force=force) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def _make_headings_unique(headings: list[str]) -> list[str]:
    """Make headings unique: a repeated heading, such as "95 %", gets the heading on its left as prefix.

    >>> _make_headings_unique(["top-1 %", "95 %", "top-5 %", "95 %"])
    ['top-1 %', 'top-1 %, 95 %', 'top-5 %', 'top-5 %, 95 %']
    """
    return [f"{headings[i - 1]}, {name}" if headings.count(name) > 1 else name for i, name in enumerate(headings)]


def _format_csv(headings: list[str], rows: Sequence[Sequence[object]], _: int) -> str:
    """Format a table as CSV, with all digits and two columns per interval.

    >>> cells = ["a", PrintedNumbers("66.67", 66.6666), PrintedNumbers("1 to 2", 1.0, 2.0)]
    >>> print(_format_csv(["file", "%", "95 %"], [cells], 1), end="")
    file,%,"95 %, low","95 %, high"
    a,66.6666,1.0,2.0
    """
    values = [[cell.values if isinstance(cell, PrintedNumbers) else (cell,) for cell in row] for row in rows]
    min_widths = [2 if _INTERVAL in name else 1 for name in headings]
    widths = [max([min_widths[i], *(len(row[i]) for row in values)]) for i in range(len(headings))]
    names = [
        [f"{name}, low", f"{name}, high"] if width == 2 else [name]
        for name, width in zip(headings, widths, strict=True)
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(text for name in names for text in name)
    for row in values:
        padded = [(*cell, *[None] * (width - len(cell))) for cell, width in zip(row, widths, strict=True)]
        writer.writerow(
            escape_controls(value) if isinstance(value, str) else value for cell in padded for value in cell
        )
    return file.getvalue()


def _format_cells(headings: list[str], rows: Sequence[Sequence[object]]) -> _Lines:
    """Return the rows of a table, first the headings; each cell is a text without line breaks."""
    return [
        headings,
        *(["" if cell is None else " ".join(escape_controls(str(cell)).split()) for cell in row] for row in rows),
    ]


def _format_markdown(headings: list[str], rows: Sequence[Sequence[object]], n_text_columns: int) -> str:
    head, *body = ([_MARKDOWN_SPECIAL.sub(r"\\\1", cell) for cell in line] for line in _format_cells(headings, rows))
    rule = ["---" if i < n_text_columns else "---:" for i in range(len(headings))]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *body))


def _format_latex(headings: list[str], rows: Sequence[Sequence[object]], n_text_columns: int) -> str:
    r"""Format a table as a tabular environment, with the rules of the package booktabs.

    >>> print(_format_latex(["file", "top-1 %"], [["a_b", PrintedNumbers("68.49", 68.4912)]], 1), end="")
    % \usepackage{booktabs}
    \begin{tabular}{lr}
    \toprule
    file & top-1 \% \\
    \midrule
    a\_b & 68.49 \\
    \bottomrule
    \end{tabular}
    """
    head, *body = (
        _LEADING_BRACKET.sub("{}", " & ".join(_escape_latex(cell, i >= n_text_columns) for i, cell in enumerate(line)))
        + r" \\"
        for line in _format_cells(headings, rows)
    )
    columns = "l" * n_text_columns + "r" * (len(headings) - n_text_columns)
    table = [
        r"% \usepackage{booktabs}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "".join(f"{line}\n" for line in table)


def _escape_latex(text: str, is_number: bool) -> str:
    """Escape a text for LaTeX; the minus of a number becomes a minus sign, and a missing number a dash."""
    escaped = _LIGATURE.sub(r"{}\g<0>", text.translate(_LATEX_ESCAPES))
    return (_MINUS.sub("$-$", escaped) or "--") if is_number else escaped


_FORMATS: dict[str, Callable[[list[str], Sequence[Sequence[object]], int], str]] = {
    ".csv": _format_csv,
    ".tex": _format_latex,
    ".md": _format_markdown,
}
RESULT_SUFFIXES = tuple(_FORMATS)


def short_model_names(files: list[str]) -> dict[str, str]:
    """Map each file to a name of its model: the file's stem, or its path if several files have this stem.

    >>> short_model_names(["runs/a.npz", "runs/b.npz", "old/b.npz"])
    {'runs/a.npz': 'a', 'runs/b.npz': 'runs/b.npz', 'old/b.npz': 'old/b.npz'}
    >>> list(short_model_names(["/home/ann/runs/b.npz", "/home/ann/old/b.npz"]).values())
    ['runs/b.npz', 'old/b.npz']
    """
    stems = [PurePath(file).stem for file in files]
    paths = strip_common_folders(files)
    names = zip(files, stems, paths, strict=True)
    return {file: stem if stems.count(stem) == 1 and stem not in paths else path for file, stem, path in names}


def strip_common_folders(files: list[str]) -> list[str]:
    """Shorten absolute paths by the folders that they all share; return other paths unchanged.

    >>> strip_common_folders(["/home/ann/runs/b.npz", "/home/ann/old/b.npz"])
    ['runs/b.npz', 'old/b.npz']
    """
    if not files or not all(PurePath(file).is_absolute() for file in files):
        return files
    parts = [PurePath(file).parts for file in files]
    folders = list(zip(*(path_parts[:-1] for path_parts in parts), strict=False))
    shared = next((place for place, names in enumerate(folders) if len(set(names)) > 1), len(folders))
    return [PurePath(*path_parts[shared:]).as_posix() for path_parts in parts]
