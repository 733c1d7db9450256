"""A table of results that can be printed, and written as CSV, LaTeX or Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reassess.cli.options import output_option
from reassess.cli.prediction_inputs import short_names
from reassess.cli.screen import print_table
from reassess.formats.result_files import write_result


@dataclass(frozen=True)
class ResultTable:
    """Headings and rows: first `text_columns` columns of text, then numbers; None is an empty cell.

    `best` names the columns whose highest number is the best.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[object]]
    text_columns: int = 1
    best: Sequence[str] = ()

    def print(self) -> None:
        """Print the table."""
        print_table(self.headings, self.rows, text_columns=self.text_columns, best=self.best)

    def write(self, path: Path, *, force: bool = False) -> None:
        """Write the table in the format of the suffix. In tex and md, files become short model names."""
        headings, rows = self.headings, self.rows
        if headings[0] == "file" and path.suffix.lower() != ".csv":
            names = short_names(list(dict.fromkeys(str(row[0]) for row in rows)))
            headings, rows = ["model", *headings[1:]], [[names[str(row[0])], *row[1:]] for row in rows]
        write_result(path, headings, rows, text_columns=self.text_columns, force=force)


table_option = output_option("TABLE", "Write the table: csv, tex or md.", required=False)
