"""Result tables: csv gives every value back, LaTeX and Markdown have the cells that are printed and nothing else."""

import csv
import io
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reassess.formats.result_files import PrintedNumbers, write_result

TEXTS = st.text(st.sampled_from("aé&%$#_{}\\~^|<>[]*`-'\",.?! \n1"), max_size=9)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
CELLS = st.one_of(
    st.none(),
    st.builds(lambda value: PrintedNumbers(f"{value:+.2f}", value), NUMBERS),
    st.builds(lambda value: PrintedNumbers(f"{value:,}", value), st.integers()),
)
INTERVALS = st.one_of(
    st.none(), st.builds(lambda low, high: PrintedNumbers(f"{low:.2f} to {high:.2f}", low, high), NUMBERS, NUMBERS)
)
ROWS = st.lists(st.tuples(TEXTS, CELLS, INTERVALS), min_size=1, max_size=4)
HEADINGS = ["fi_le", "top-1 %", "95 %"]
_SIGNS = {r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless{}": "<"}
_SIGNS |= {r"\textgreater{}": ">", r"\textbar{}": "|", "$-$": "-", "{}": ""} | {f"\\{sign}": sign for sign in "&%$#_{}"}
_LATEX = re.compile("|".join(map(re.escape, sorted(_SIGNS, key=len, reverse=True))))


def written(folder: Path, suffix: str, rows: list[tuple[object, ...]]) -> str:
    path = folder / f"t{suffix}"
    write_result(path, HEADINGS, rows, force=True)
    return path.read_text(encoding="utf-8")


def printed(rows: list[tuple[object, ...]]) -> list[list[str]]:
    return [["" if cell is None else " ".join(str(cell).split()) for cell in row] for row in rows]


@given(rows=ROWS)
def test_csv_has_all_digits_and_two_columns_for_an_interval(scratch: Path, rows: list[tuple[object, ...]]) -> None:
    headings, *lines = csv.reader(io.StringIO(written(scratch, ".csv", rows), newline=""))
    assert headings == [*HEADINGS[:2], "95 %, low", "95 %, high"]
    for line, row in zip(lines, rows, strict=True):
        values = [value for cell in row[1:] if isinstance(cell, PrintedNumbers) for value in cell.values]
        assert line[0] == row[0]
        assert [float(cell) for cell in line[1:] if cell] == [float(str(value)) for value in values]


@given(rows=ROWS)
def test_latex_has_one_cell_for_each_and_no_text_is_a_command(scratch: Path, rows: list[tuple[object, ...]]) -> None:
    needs, *lines = written(scratch, ".tex", rows).splitlines()
    assert needs == r"% \usepackage{booktabs}"
    assert lines[:2] == [r"\begin{tabular}{lrr}", r"\toprule"]
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]
    for line, cells in zip([lines[2], *lines[4:-2]], [HEADINGS, *printed(rows)], strict=True):
        body = line.removesuffix(r" \\")
        assert not body.startswith(("[", "*")), "which the end of the line before would take for its own"
        read = [_LATEX.sub(lambda sign: _SIGNS[sign[0]], cell) for cell in re.split(r"(?<!\\) ?& ?", body)]
        assert read == [cells[0], *(cell or "--" for cell in cells[1:])]
        assert not re.search("--|``|''|,,|[?!]`", body.replace(" & --", "")), "which LaTeX would write as one sign"


@given(rows=ROWS)
def test_markdown_has_one_cell_for_each(scratch: Path, rows: list[tuple[object, ...]]) -> None:
    head, rule, *lines = written(scratch, ".md", rows).splitlines()
    assert (head, rule) == (r"| fi\_le | top-1 % | 95 % |", "| --- | ---: | ---: |")
    for line, cells in zip(lines, printed(rows), strict=True):
        assert not re.search(r"(?<!\\)(?:\\\\)*[&$]", line), "which a page may read as a character or a formula"
        parts = re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]
        assert [re.sub(r"\\(.)", r"\1", part).strip() for part in parts] == [cell.strip() for cell in cells]
