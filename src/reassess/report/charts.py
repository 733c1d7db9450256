"""Charts of a report by kind; `reassess report --chart` draws one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from reassess.comparison import Findings, PreferenceCounts
from reassess.comparison.mistake_kinds import ERROR_KIND_NAMES, ERROR_KINDS
from reassess.core.checks import check_known, check_type
from reassess.errors import DataError, MissingResult
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
    hidden_items_note,
    interval_to_percent,
    make_interval_chart,
    make_stack_chart,
    make_table,
    proportion_cells,
    proportion_to_percent,
    to_percent,
)
from reassess.report.chart_figures import MAX_DRAWN, MAX_NAME_LENGTH, SQUARE_SIZE, Intervals, Stacks
from reassess.report.curve_figures import plot_curves
from reassess.report.figures import save_figure
from reassess.text import count_noun, shorten, suggest_name

_HALF_NAME_LENGTH = MAX_NAME_LENGTH // 2


def mistake_kinds_chart(findings: Findings) -> Chart | MissingResult:
    """Create a chart of each model's mistakes by kind."""
    all_mistakes = findings.classified_mistakes
    if not any(map(len, all_mistakes)):
        return MissingResult("no model makes a mistake" if findings.panel.is_scored.any() else NONE_SCORED)
    rows = [
        [mistakes.model, ERROR_KIND_NAMES[kind], n, to_percent(n / len(mistakes)) if len(mistakes) else None]
        for mistakes in all_mistakes
        for kind in ERROR_KINDS
        if (n := mistakes.counts[kind]) is not None
    ]
    drawn_mistakes = all_mistakes[:MAX_DRAWN]
    parts = {
        ERROR_KIND_NAMES[kind]: [mistakes.counts[kind] or 0 for mistakes in drawn_mistakes] for kind in ERROR_KINDS
    }
    columns = {"model": TEXT, "kind": TEXT, "mistakes": COUNT, "% of the model's mistakes": PERCENT}
    numbers = make_table("taxonomy", "Kinds of mistakes", columns, rows)
    stacks = Stacks(
        groups=[mistakes.model for mistakes in drawn_mistakes], counts_by_part=parts, axis_title="mistakes (images)"
    )
    return make_stack_chart(stacks, numbers, hidden_items_note(len(all_mistakes)))


def model_or_label_chart(findings: Findings) -> Chart | MissingResult:
    """Create a chart of whether raters prefer a model's class or the original label, if these differ."""
    if isinstance(findings.model_or_label_preferences, MissingResult):
        return findings.model_or_label_preferences
    rows: list[list[Cell]] = []
    bars: dict[str, PreferenceCounts] = {}
    for preference in findings.model_or_label_preferences:
        for classes, part in {"all": preference.total, **preference.by_group}.items():
            for vote_source, verdicts in {
                "scores": part.preferences_by_scores,
                "only raters": part.preferences_by_raters,
            }.items():
                if verdicts is None:
                    continue
                share = verdicts.share_preferring_model
                counts = part.n_images, share.n, verdicts.n_prefer_model, verdicts.n_ties, verdicts.n_prefer_original
                preferred = to_percent(share.value), interval_to_percent(share.interval)
                rows.append([preference.model, classes, vote_source, *counts, *preferred])
                if classes == "all" and len(bars) < MAX_DRAWN:
                    bars[f"{shorten(preference.model, _HALF_NAME_LENGTH)}, {vote_source}"] = verdicts
    if not any(verdicts.share_preferring_model.n for verdicts in bars.values()):
        return MissingResult(
            "raters were not asked about any class that a model predicts instead of the original label"
        )
    parts = {
        "the model's class": [verdicts.n_prefer_model for verdicts in bars.values()],
        "tie": [verdicts.n_ties for verdicts in bars.values()],
        "the original label": [verdicts.n_prefer_original for verdicts in bars.values()],
    }
    columns = {"model": TEXT, "classes": TEXT, "by": TEXT, "differ": COUNT, "compared": COUNT}
    columns |= {"for the model": COUNT, "tie": COUNT, "for the label": COUNT}
    columns |= {"model's class preferred, %": PERCENT, "95 %": PERCENT}
    numbers = make_table("model-or-label", "Which class do raters prefer?", columns, rows)
    stacks = Stacks(groups=list(bars), counts_by_part=parts, axis_title="images where model and original label differ")
    note = hidden_items_note(sum(row[1] == "all" for row in rows), "comparisons")
    return make_stack_chart(stacks, numbers, note)


def original_label_bias_chart(findings: Findings) -> Chart | MissingResult:
    """Create a chart of how often a model picks the original label if other classes are valid too."""
    if isinstance(findings.labelling_biases, MissingResult):
        return findings.labelling_biases
    rows: list[list[Cell]] = []
    for bias in findings.labelling_biases:
        for classes, part in {"all": bias.total, **bias.by_group}.items():
            by_raters = None if part.raters_share is None else to_percent(part.raters_share.value)
            compared_with = to_percent(part.chance_share), part.p_value, by_raters
            rows.append([bias.model, classes, *proportion_cells(part.original_pick_share), *compared_with])
    columns = {"model": TEXT, "classes": TEXT, "original label picked, %": PERCENT, "95 %": PERCENT, "picked": COUNT}
    columns |= {"images": COUNT, "by chance, %": PERCENT, "p": P_VALUE, "by the raters' top class, %": PERCENT}
    numbers = make_table("labelling-bias", "How often the original label is picked", columns, rows)
    drawn_biases = [bias.total for bias in findings.labelling_biases[:MAX_DRAWN]]
    marks = {"the model": [proportion_to_percent(part.original_pick_share) for part in drawn_biases]}
    if any(part.raters_share for part in drawn_biases):
        marks["the raters' top class"] = [
            None if part.raters_share is None else proportion_to_percent(part.raters_share) for part in drawn_biases
        ]
    intervals = Intervals(
        groups=[
            f"{shorten(bias.model, _HALF_NAME_LENGTH)}: {count_noun(part.original_pick_share.n, 'image')}"
            for bias, part in zip(findings.labelling_biases, drawn_biases, strict=False)
        ],
        series=marks,
        axis_title="original label picked among the valid classes, %",
        number_format=".1f",
        chance_markers=([to_percent(part.chance_share) for part in drawn_biases], "any valid class at random"),
    )
    return make_interval_chart(intervals, numbers, hidden_items_note(len(findings.labelling_biases)))


def _precision_recall_chart(findings: Findings) -> Chart | MissingResult:
    """Create a chart of precision and recall of the scores that made the labels."""
    if isinstance(findings.precision_recall_curves, MissingResult):
        return findings.precision_recall_curves
    rows = []
    for measured in findings.precision_recall_curves:
        curve = measured.curve
        values = curve.thresholds, curve.precision, curve.recall, curve.n_kept_questions
        rows += [[measured.name, *row] for row in zip(*(column.tolist() for column in values), strict=True)]
    columns = {"scores": TEXT, "threshold": SHARE, "precision": SHARE, "recall": SHARE, "kept": COUNT}
    numbers = make_table("curve", "Precision and recall of the labels", columns, rows)
    draw = partial(plot_curves, curves=findings.precision_recall_curves)
    return Chart(draw, SQUARE_SIZE, numbers)


CHARTS: dict[str, Callable[[Findings], Chart | MissingResult]] = {
    "scatter": scatter_chart,
    "leaderboard": leaderboard_chart,
    "differences": difference_chart,
    "label-count": label_count_chart,
    "taxonomy": mistake_kinds_chart,
    "model-or-label": model_or_label_chart,
    "labelling-bias": original_label_bias_chart,
    "curve": _precision_recall_chart,
}


def write_chart(path: str | Path, kind: str, findings: Findings, *, force: bool = False) -> Chart:
    """Draw one chart of the report, and write it to a file.

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
    if isinstance(chart, MissingResult):
        raise DataError("nothing-to-show", f"{kind} chart cannot be drawn", found=chart.reason)
    save_figure(as_path(path), chart.draw, title=chart.title, size=chart.size, force=force)
    return chart
