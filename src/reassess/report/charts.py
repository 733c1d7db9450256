"""Charts of a report by kind; `reassess report --chart` draws one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from reassess.comparison import Findings, PreferenceCounts
from reassess.comparison.taxonomy import ERROR_KIND_NAMES, ERROR_KINDS
from reassess.core.checks import check_known, check_type
from reassess.errors import DataError, Missing
from reassess.evaluation.result import NONE_SCORED
from reassess.formats.files import as_path
from reassess.report.accuracy_charts import difference_chart, label_count_chart, leaderboard_chart, scatter_chart
from reassess.report.chart import (
    COUNT,
    P_VALUE,
    PERCENT,
    SHARE,
    TEXT,
    Cell,
    Chart,
    bounds_in_percent,
    cells,
    in_percent,
    interval_chart,
    mark,
    note_hidden,
    stack_chart,
    table,
)
from reassess.report.chart_figures import LONGEST, MOST_DRAWN, SQUARE, Intervals, Stacks
from reassess.report.curve_figures import plot_curves
from reassess.report.figures import save_figure
from reassess.text import count_noun, shorten, suggest_name

_HALF = LONGEST // 2


def taxonomy_chart(findings: Findings) -> Chart | Missing:
    """Chart the mistakes of each model by kind."""
    taxonomies = findings.taxonomies
    if not any(map(len, taxonomies)):
        return Missing("no model makes a mistake" if findings.panel.is_scored.any() else NONE_SCORED)
    rows = [
        [taxonomy.model, ERROR_KIND_NAMES[kind], n, in_percent(n / len(taxonomy)) if len(taxonomy) else None]
        for taxonomy in taxonomies
        for kind in ERROR_KINDS
        if (n := taxonomy.counts[kind]) is not None
    ]
    drawn = taxonomies[:MOST_DRAWN]
    parts = {ERROR_KIND_NAMES[kind]: [taxonomy.counts[kind] or 0 for taxonomy in drawn] for kind in ERROR_KINDS}
    columns = {"model": TEXT, "kind": TEXT, "mistakes": COUNT, "% of the model's mistakes": PERCENT}
    numbers = table("taxonomy", "Kinds of mistakes", columns, rows)
    stacks = Stacks(groups=[taxonomy.model for taxonomy in drawn], parts=parts, axis="mistakes (images)")
    return stack_chart(stacks, numbers, note_hidden(len(taxonomies)))


def preference_chart(findings: Findings) -> Chart | Missing:
    """Chart which class raters prefer if a model and the original label differ."""
    if isinstance(findings.preferences, Missing):
        return findings.preferences
    rows: list[list[Cell]] = []
    bars: dict[str, PreferenceCounts] = {}
    for preference in findings.preferences:
        for classes, part in {"all": preference.total, **preference.by_group}.items():
            for judge, verdicts in {"scores": part.by_scores, "only raters": part.by_raters}.items():
                if verdicts is None:
                    continue
                share = verdicts.model_share
                counts = part.n_images, share.n, verdicts.n_model, verdicts.n_ties, verdicts.n_label
                preferred = in_percent(share.value), bounds_in_percent(share.interval)
                rows.append([preference.model, classes, judge, *counts, *preferred])
                if classes == "all" and len(bars) < MOST_DRAWN:
                    bars[f"{shorten(preference.model, _HALF)}, {judge}"] = verdicts
    if not any(verdicts.model_share.n for verdicts in bars.values()):
        return Missing("raters were not asked about any class that a model predicts instead of the original label")
    parts = {
        "the model's class": [verdicts.n_model for verdicts in bars.values()],
        "tie": [verdicts.n_ties for verdicts in bars.values()],
        "the original label": [verdicts.n_label for verdicts in bars.values()],
    }
    columns = {"model": TEXT, "classes": TEXT, "by": TEXT, "differ": COUNT, "compared": COUNT}
    columns |= {"for the model": COUNT, "tie": COUNT, "for the label": COUNT}
    columns |= {"model's class preferred, %": PERCENT, "95 %": PERCENT}
    numbers = table("model-or-label", "Which class do raters prefer?", columns, rows)
    stacks = Stacks(groups=list(bars), parts=parts, axis="images where model and original label differ")
    note = note_hidden(sum(row[1] == "all" for row in rows), "comparisons")
    return stack_chart(stacks, numbers, note)


def bias_chart(findings: Findings) -> Chart | Missing:
    """Chart how often a model picks the original label if other classes are valid too."""
    if isinstance(findings.biases, Missing):
        return findings.biases
    rows: list[list[Cell]] = []
    for bias in findings.biases:
        for classes, part in {"all": bias.total, **bias.by_group}.items():
            favourite = None if part.raters_favourite is None else in_percent(part.raters_favourite.value)
            compared_with = in_percent(part.chance_share), part.p_value, favourite
            rows.append([bias.model, classes, *cells(part.by_model), *compared_with])
    columns = {"model": TEXT, "classes": TEXT, "original label picked, %": PERCENT, "95 %": PERCENT, "picked": COUNT}
    columns |= {"images": COUNT, "by chance, %": PERCENT, "p": P_VALUE, "by the raters' favourite, %": PERCENT}
    numbers = table("labelling-bias", "How often the original label is picked", columns, rows)
    drawn = [bias.total for bias in findings.biases[:MOST_DRAWN]]
    marks = {"the model": [mark(part.by_model) for part in drawn]}
    if any(part.raters_favourite for part in drawn):
        marks["the raters' favourite"] = [
            None if part.raters_favourite is None else mark(part.raters_favourite) for part in drawn
        ]
    intervals = Intervals(
        groups=[
            f"{shorten(bias.model, _HALF)}: {count_noun(part.by_model.n, 'image')}"
            for bias, part in zip(findings.biases, drawn, strict=False)
        ],
        series=marks,
        axis="original label picked among the valid classes, %",
        form=".1f",
        chances=([in_percent(part.chance_share) for part in drawn], "any valid class at random"),
    )
    return interval_chart(intervals, numbers, note_hidden(len(findings.biases)))


def _curve_chart(findings: Findings) -> Chart | Missing:
    """Chart precision and recall of the scores that made the labels."""
    if isinstance(findings.curves, Missing):
        return findings.curves
    rows = []
    for measured in findings.curves:
        curve = measured.curve
        values = curve.thresholds, curve.precision, curve.recall, curve.kept
        rows += [[measured.name, *row] for row in zip(*(column.tolist() for column in values), strict=True)]
    columns = {"scores": TEXT, "threshold": SHARE, "precision": SHARE, "recall": SHARE, "kept": COUNT}
    numbers = table("curve", "Precision and recall of the labels", columns, rows)
    draw = partial(plot_curves, lines=findings.curves)
    return Chart(draw, SQUARE, numbers)


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
        The results to draw.
    force
        Overwrite a file that exists.

    Returns
    -------
    Chart
        The chart, with its numbers.

    Raises
    ------
    DataError
        The kind is unknown, or its results are missing from the findings.
    MissingPackageError
        matplotlib is not installed.
    OutputError
        The file exists and `force` is not given, or cannot be written.
    """
    check_type(Findings, findings, value_name="findings", fix="Findings.from_predictions(MODELS, LABELS)")
    check_known([kind], CHARTS, value_name="kind of chart", fix=suggest_name(kind, CHARTS))
    chart = CHARTS[kind](findings)
    if isinstance(chart, Missing):
        raise DataError("nothing-to-show", f"{kind} chart cannot be drawn", found=chart.reason)
    save_figure(as_path(path), chart.draw, title=chart.title, size=chart.size, force=force)
    return chart
