"""A table of results that a command prints, and writes as csv, LaTeX or Markdown."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reassess.cli.options import output_option
from reassess.cli.screen import print_table
from reassess.formats.files import writing
from reassess.text import plain

_LATEX = re.compile(r"[&%$#_{}]")
_LATEX_WORDS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_Lines = list[list[str]]


@dataclass(frozen=True)
class ResultTable:
    """Headings and rows; the first `text_columns` columns are texts, the others numbers. None is an empty cell.

    In columns named in `best`, the highest number is the best.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[object]]
    text_columns: int = 1
    best: Sequence[str] = ()

    def print(self) -> None:
        """Print it for a terminal or a pipe."""
        print_table(self.headings, self.rows, text_columns=self.text_columns, best=self.best)

    def write(self, path: Path, *, force: bool = False) -> None:
        """Write it in the format of the path's suffix."""
        cells = [["" if cell is None else plain(str(cell)) for cell in row] for row in self.rows]
        text = _FORMATS[path.suffix.lower()]([_distinct(list(self.headings)), *cells], self.text_columns)
        with writing(path, force=force) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")


def _distinct(headings: list[str]) -> list[str]:
    """Put the heading before it in front of a heading that occurs again, such as of an interval.

    >>> _distinct(["top-1 %", "95 %", "top-5 %", "95 %"])
    ['top-1 %', 'top-1 %, 95 %', 'top-5 %', 'top-5 %, 95 %']
    """
    return [f"{headings[i - 1]}, {name}" if headings.count(name) > 1 else name for i, name in enumerate(headings)]


def _as_csv(lines: _Lines, _: int) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()


def _as_markdown(lines: _Lines, texts: int) -> str:
    rule = ["---" if i < texts else "---:" for i in range(len(lines[0]))]
    escaped = ([cell.replace("|", r"\|") for cell in line] for line in [lines[0], rule, *lines[1:]])
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def _as_latex(lines: _Lines, texts: int) -> str:
    r"""A tabular with the rules of booktabs.

    >>> print(_as_latex([["file", "top-1 %"], ["a_b", "68.49"]], 1), end="")
    \begin{tabular}{lr}
    \toprule
    file & top-1 \% \\
    \midrule
    a\_b & 68.49 \\
    \bottomrule
    \end{tabular}
    """
    head, *body = (f"{' & '.join(map(_in_latex, line))} \\\\" for line in lines)
    columns = "".join("l" if i < texts else "r" for i in range(len(lines[0])))
    parts = [
        f"\\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "".join(f"{line}\n" for line in parts)


def _in_latex(text: str) -> str:
    return "".join(_LATEX_WORDS.get(sign) or _LATEX.sub(r"\\\g<0>", sign) for sign in text)


_FORMATS: dict[str, Callable[[_Lines, int], str]] = {".csv": _as_csv, ".tex": _as_latex, ".md": _as_markdown}
RESULT_SUFFIXES = tuple(_FORMATS)


table_option = output_option("TABLE", "Write the table: csv, tex or md.", required=False)
