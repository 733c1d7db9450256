"""`reassess plot`: one chart of the report as a file."""

from pathlib import Path
from typing import Any

import click

from reassess.cli.common import Call, call_options
from reassess.cli.findings_inputs import findings_options, load_findings
from reassess.cli.inputs import FILE
from reassess.core.missing import Missing
from reassess.errors import DataError
from reassess.formats.files import check_output, suffix_of
from reassess.report.charts import CHARTS
from reassess.report.figures import FIGURE_SUFFIXES, save_figure

__all__ = ["plot"]


@click.command()
@click.argument("kind", type=click.Choice(list(CHARTS)))
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("-o", "--output", required=True, type=FILE, metavar="FIGURE", help="A figure: svg, png or pdf.")
@findings_options
@call_options
def plot(call: Call, kind: str, files: tuple[Path, ...], output: Path, **reading: Any) -> None:
    """Draw one chart of the report.

    Each FILE holds one model's predictions, as for evaluate and report. KIND is the chart.
    """
    suffix_of(output, FIGURE_SUFFIXES, "a figure")
    check_output(output, force=call.force)
    chart = CHARTS[kind](load_findings(call, files, **reading))
    if isinstance(chart, Missing):
        raise DataError(f"there is no {kind} chart of this: {chart}")
    call.keep_inputs(output)
    save_figure(output, chart.draw, title=chart.title, size=chart.size, force=call.force)
    if call.json:
        table = chart.table
        results = {"output": str(output), "kind": kind, "title": chart.title}
        call.print_document("plot", results | {"columns": table.columns_in_full, "rows": table.rows_in_full})
    else:
        call.note(f"{output}: {chart.title}")
        if chart.note:
            call.note(chart.note)
