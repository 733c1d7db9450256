"""The charts of a page by kind; `reassess plot` draws the same ones."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from reassess.comparison.findings import Findings
from reassess.core.checks import check_instance, check_known
from reassess.core.missing import Missing
from reassess.errors import DataError
from reassess.formats.files import as_path
from reassess.report.accuracy_charts import difference_chart, label_count_chart, leaderboard_chart, scatter_chart
from reassess.report.chart import Chart, table
from reassess.report.curve_figure import curves_on
from reassess.report.figures import save_figure
from reassess.report.mistake_charts import bias_chart, preference_chart, taxonomy_chart
from reassess.report.style import SQUARE
from reassess.report.tables import COUNT, SHARE, TEXT
from reassess.text import nearest

__all__ = ["CHARTS", "write_chart"]


def _curve_chart(findings: Findings) -> Chart | Missing:
    """Precision and recall of the scores behind the labels."""
    if isinstance(findings.curves, Missing):
        return findings.curves
    rows = []
    for measured in findings.curves:
        curve = measured.curve
        values = curve.thresholds, curve.precision, curve.recall, curve.kept
        rows += [[measured.name, *row] for row in zip(*(column.tolist() for column in values), strict=True)]
    columns = {"scores": TEXT, "threshold": SHARE, "precision": SHARE, "recall": SHARE, "kept": COUNT}
    numbers = table("curve", "Precision and recall of the labels", columns, rows)
    draw = partial(curves_on, lines=findings.curves)
    return Chart(key=numbers.key, title=numbers.title, draw=draw, size=SQUARE, table=numbers)


CHARTS: dict[str, Callable[[Findings], Chart | Missing]] = {
    "scatter": scatter_chart,
    "leaderboard": leaderboard_chart,
    "differences": difference_chart,
    "label-count": label_count_chart,
    "taxonomy": taxonomy_chart,
    "model-or-label": preference_chart,
    "labelling-bias": bias_chart,
    "curve": _curve_chart,
}


def write_chart(path: str | Path, kind: str, findings: Findings, *, force: bool = False) -> Chart:
    """Draw one chart of the report into a file.

    Parameters
    ----------
    path
        An svg, png or pdf file.
    kind
        One of `CHARTS`.
    findings
        What it shows.
    force
        Overwrite a file that exists.

    Returns
    -------
    Chart
        What was drawn, with its numbers.

    Raises
    ------
    DataError
        There is no such kind, or the findings have nothing to draw.
    MissingPackageError
        matplotlib is not installed.
    OutputError
        The file exists and `force` is not given, or cannot be written.
    """
    check_instance(findings, Findings, what="findings", mend="Findings.from_predictions(MODELS, LABELS)")
    check_known([kind], CHARTS, thing="kind of chart", mend=nearest(kind, CHARTS))
    chart = CHARTS[kind](findings)
    if isinstance(chart, Missing):
        raise DataError(f"there is no {kind} chart of this: {chart}")
    save_figure(as_path(path), chart.draw, title=chart.title, size=chart.size, force=force)
    return chart
