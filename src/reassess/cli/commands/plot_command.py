"""`reassess plot`: one chart of the report as a file."""

from pathlib import Path
from typing import Any

import click

from reassess.cli.common import Call, call_options
from reassess.cli.findings_inputs import findings_options, load_findings
from reassess.cli.help_pages import Choice, Command
from reassess.cli.inputs import FILE, OUTPUT
from reassess.report.charts import CHARTS, write_chart
from reassess.report.figures import FIGURE_SUFFIXES

__all__ = ["plot"]


@click.command(
    cls=Command,
    docs="docs/report.md",
    examples=[
        "reassess plot scatter a.npz b.npz -o scatter.svg",
        "reassess plot taxonomy a.csv --benchmark pets -o mistakes.png",
    ],
)
@click.argument("kind", type=Choice(list(CHARTS)), metavar="KIND")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("-o", "--output", required=True, type=OUTPUT, metavar="FIGURE", help="A figure: svg, png or pdf.")
@findings_options
@call_options
def plot(call: Call, kind: str, files: tuple[Path, ...], output: Path, **parts: Any) -> None:
    """Draw one chart of the report.

    KIND is scatter, leaderboard, differences, label-count, taxonomy, model-or-label, labelling-bias or curve. Each FILE
    holds one model's predictions, as for evaluate and report.
    """
    call.check_output(output, FIGURE_SUFFIXES, "a figure", benchmark=parts["benchmark"])
    findings = load_findings(call, files, **parts)
    chart = write_chart(output, kind, findings, force=call.force)
    if call.json:
        table = chart.table
        results = {"output": str(output), "kind": kind, "title": chart.title}
        call.print_document("plot", results | {"columns": table.columns_in_full, "rows": table.rows_in_full})
    else:
        call.note(f"{output}: {chart.title}")
        if chart.note:
            call.note(chart.note)
