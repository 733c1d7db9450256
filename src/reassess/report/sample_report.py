"""A page about the answers to a sample of images: valid first classes, differences, and wrong original labels."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from reassess.comparison import SampledDifference, SampleFindings
from reassess.comparison.sample_words import (
    ORIGINAL_LABEL_NAMES,
    VALID_SHARE,
    describe_images_without_valid_class,
    describe_used_images,
    explain_sample_results,
)
from reassess.core.checks import check_type
from reassess.errors import MissingResult
from reassess.evaluation import SampleEstimate
from reassess.evaluation.evaluation_words import shorten_label_set_name
from reassess.formats.files import as_path, check_suffix
from reassess.report.chart import (
    COUNT,
    P_VALUE,
    PERCENT,
    POINTS,
    TEXT,
    Chart,
    Section,
    Table,
    hidden_items_note,
    interval_to_percent,
    make_interval_chart,
    make_missing_section,
    make_table,
    proportion_to_percent,
    to_percent,
)
from reassess.report.chart_figures import MAX_DRAWN, Intervals, MeasuredValue, as_sentence
from reassess.report.figures import FIGURE_SUFFIXES, save_figure
from reassess.report.page import Page
from reassess.report.writing import REPORT_SUFFIXES, make_report_sources, write_page
from reassess.text import count_noun, format_percent, format_percent_interval, join_and

_PLAIN_SAMPLE = "as many images without strata"
_TITLES = {
    "accuracy": "Valid first classes, estimated from a sample",
    "difference": "Which model is better?",
    "labels": "Wrong original labels, estimated from a sample",
}
_PURPOSES = {
    "accuracy": f"{VALID_SHARE}, for each model",
    "difference": "differences between models",
    "labels": "the share of wrong original labels",
}
_QUESTION_RULES = {
    "top-1": "the first class of each model",
    "original": "the original label",
    "candidates": "the candidates",
}


def write_sample_report(
    path: str | Path,
    findings: SampleFindings,
    *,
    command: str = "",
    inputs: Sequence[Mapping[str, str | None]] = (),
    force: bool = False,
) -> None:
    """Write an HTML page about the results of a sample, or only a figure: of differences, or of valid first classes.

    Parameters
    ----------
    path
        html or htm for the page; svg, png or pdf for the figure.
    findings
        The results.
    command, inputs
        How the page was made, as for `write_report`.
    force
        Replace an existing file.

    Raises
    ------
    DataError
        The path has another suffix.
    MissingPackageError
        jinja2 or matplotlib is not installed.
    OutputError
        The file exists and `force` is not given, or cannot be written.
    """
    check_type(SampleFindings, findings, value_name="findings", fix="SampleFindings.from_predictions(...)")
    path = as_path(path)
    check_suffix(path, (*REPORT_SUFFIXES, *FIGURE_SUFFIXES), "a report about a sample")
    purpose = findings.answered.drawn.purpose
    if path.suffix.lower() in FIGURE_SUFFIXES:
        is_about_pairs = purpose == "difference" and len(findings.names) > 1
        chart = (_make_difference_chart if is_about_pairs else _make_accuracy_chart)(findings)
        save_figure(path, chart.draw, title=chart.title, size=chart.size, force=force)
        return
    sections = {
        "accuracy": _make_accuracy_section(findings),
        **({"difference": _make_difference_section(findings)} if len(findings.names) > 1 else {}),
        "labels": _make_original_label_section(findings),
    }
    sentences = dict(_summarize(findings))
    first = [key for key in sections if key == purpose]
    order = [*first, *(key for key in sections if key not in first)]
    page = Page(
        title=_TITLES.get(purpose, _TITLES["accuracy"]),
        subtitle=f"Estimated for {count_noun(findings.answered.n_images, 'image')} from the labels of "
        f"{len(findings.answered.images):,}.",
        summary=[f"{sentences[key]}." for key in order if key in sentences],
        sections=[*(sections[key] for key in order), _make_sample_section(findings)],
        sources=make_report_sources(command, inputs),
        format_descriptions={model.model: model.detected_input for model in findings.models},
    )
    write_page(path, page, force=force)


def _summarize(findings: SampleFindings) -> Iterator[tuple[str, str]]:
    """Yield a purpose and a sentence with its main result."""
    best = findings.models[0]
    yield "accuracy", f"The first class of {best.model} is valid for {_format_share(best.valid)} of all images"
    if findings.neighbour_differences:
        yield "difference", _capitalize_verdict(findings.neighbour_differences[0].verdict)
    labels = findings.original_labels
    if not isinstance(labels, MissingResult) and labels["wrong"].value is not None:
        yield "labels", f"Wrong original labels: {_format_share(labels['wrong'])}"


def _format_share(estimate: SampleEstimate) -> str:
    assert estimate.value is not None
    assert estimate.interval is not None
    return f"{format_percent(estimate.value)} % (95 % interval: {format_percent_interval(estimate.interval)})"


def _capitalize_verdict(verdict: str) -> str:
    """Capitalize a verdict, unless it begins with the name of a model."""
    return re.sub("^no significant", "No significant", verdict)


def _make_accuracy_section(findings: SampleFindings) -> Section:
    text = (
        f"Valid: {VALID_SHARE}. '{_PLAIN_SAMPLE.capitalize()}': the interval to expect if all images had equal "
        "probabilities of being drawn. Accuracies by original labels are measured on all images."
    )
    notes = [describe_images_without_valid_class(findings), *explain_sample_results(findings)]
    if findings.n_unasked:
        notes.append(
            f"{count_noun(findings.n_unasked, 'class', 'classes')} ignored: the sample does not ask about them"
        )
    if findings.answered.drawn.purpose == "difference":
        notes.append("most images of the sample are images where predictions differ, so these shares are less precise")
    return Section(
        key="accuracy",
        title="Valid first classes",
        paragraphs=[text],
        charts=[_make_accuracy_chart(findings)],
        notes=[as_sentence(note) for note in notes if note],
    )


def _make_accuracy_chart(findings: SampleFindings) -> Chart:
    drawn = findings.models[:MAX_DRAWN]
    series = {
        "first class is valid": [_to_mark(model.valid) for model in drawn],
        _PLAIN_SAMPLE: [_to_plain_mark(model.valid) for model in drawn],
        "first class is the original label": [proportion_to_percent(model.original_accuracy) for model in drawn],
    }
    columns = {"model": TEXT, "valid %": PERCENT, "valid 95 %": PERCENT}
    if findings.are_candidates_asked:
        label_set = shorten_label_set_name(findings.label_set)
        columns |= {f"{label_set} %": PERCENT, f"{label_set} 95 %": PERCENT}
    columns |= {"original %": PERCENT, "without strata, ± points": PERCENT, "images without strata": COUNT}
    rows = [
        [
            model.model,
            *_estimate_cells(model.valid),
            *([] if model.real_accuracy is None else _estimate_cells(model.real_accuracy)),
            to_percent(None if model.original_accuracy is None else model.original_accuracy.value),
            to_percent(model.valid.plain_half_width),
            model.valid.plain_n,
        ]
        for model in findings.models
    ]
    intervals = Intervals(
        groups=[model.model for model in drawn],
        series={name: marks for name, marks in series.items() if any(marks)},
        axis_title="% of all images (95 % intervals)",
        number_format=PERCENT,
    )
    numbers = make_table("sample-accuracy", _TITLES["accuracy"], columns, rows)
    return make_interval_chart(intervals, numbers, hidden_items_note(len(findings.models)))


def _make_difference_section(findings: SampleFindings) -> Section:
    return Section(
        key="differences",
        title="Differences between models",
        paragraphs=[f"{_capitalize_verdict(pair.verdict)}." for pair in findings.neighbour_differences],
        charts=[_make_difference_chart(findings)],
        notes=["In parentheses: 95 % intervals."],
    )


def _make_difference_chart(findings: SampleFindings) -> Chart:
    pairs = findings.differences[:MAX_DRAWN]
    columns = {"a": TEXT, "b": TEXT, "a - b, points": POINTS, "95 %": POINTS}
    if findings.planned is None:
        columns |= {"p": P_VALUE, "Holm p": P_VALUE}
    columns |= {"without strata, ± points": PERCENT, "images without strata": COUNT}
    rows = [
        [
            pair.model_a,
            pair.model_b,
            *_estimate_cells(pair.estimate),
            *([] if findings.planned is not None else [pair.estimate.p_value, pair.holm_p_value]),
            to_percent(pair.estimate.plain_half_width),
            pair.estimate.plain_n,
        ]
        for pair in findings.differences
    ]
    intervals = Intervals(
        groups=[_format_pair(pair) for pair in pairs],
        series={
            "valid": [_to_mark(pair.estimate) for pair in pairs],
            _PLAIN_SAMPLE: [_to_plain_mark(pair.estimate, least=-100) for pair in pairs],
        },
        axis_title="difference in valid first classes, points (95 % intervals)",
        number_format=POINTS,
        reference_line=(0.0, "no difference"),
    )
    numbers = make_table("sample-differences", "Differences between models, from a sample", columns, rows)
    return make_interval_chart(intervals, numbers, hidden_items_note(len(findings.differences), "pairs"))


def _format_pair(pair: SampledDifference) -> str:
    return f"{pair.model_a} minus {pair.model_b}"


def _make_original_label_section(findings: SampleFindings) -> Section:
    title, labels = "Wrong original labels", findings.original_labels
    if isinstance(labels, MissingResult):
        return make_missing_section("original-labels", title, labels)
    rows = [[ORIGINAL_LABEL_NAMES[name], *_estimate_cells(share)] for name, share in labels.items()]
    columns = {"original label": TEXT, "share %": PERCENT, "95 %": PERCENT}
    return Section(
        key="original-labels",
        title=title,
        paragraphs=["The share of all images, estimated from the answers about the original labels of the sample."],
        tables=[make_table("original-labels", "Original labels", columns, rows)],
    )


def _make_sample_section(findings: SampleFindings) -> Section:
    design, sample = findings.answered.drawn.design, findings.answered.drawn
    assert design is not None
    questions = join_and([_QUESTION_RULES.get(rule, rule) for rule in design.question_rule])
    text = f"The sample was drawn to estimate {_PURPOSES.get(sample.purpose, sample.purpose)}. Raters were asked about "
    return Section(
        key="sample",
        title="The sample",
        paragraphs=[f"{text}{questions}.", as_sentence(describe_used_images(findings.answered))],
        tables=[_make_stratum_table(findings)],
    )


def _make_stratum_table(findings: SampleFindings) -> Table:
    """Make a table of the strata: their images, and how many of these were drawn and used."""
    answered = findings.answered
    design = answered.drawn.design
    assert design is not None
    drawn, used = Counter(answered.drawn.strata), Counter(answered.drawn.strata[: len(answered.images)])
    sizes = zip(design.stratum_names, design.stratum_sizes.tolist(), strict=True)
    rows = [[name, size, drawn[name], used[name]] for name, size in sizes]
    columns = {"stratum": TEXT, "images": COUNT, "drawn": COUNT, "used": COUNT}
    return make_table("strata", "Strata", columns, rows)


def _to_mark(estimate: SampleEstimate) -> MeasuredValue | None:
    if estimate.value is None:
        return None
    return MeasuredValue(100 * estimate.value, interval_to_percent(estimate.interval))


def _to_plain_mark(estimate: SampleEstimate, least: float = 0) -> MeasuredValue | None:
    """Return an estimate with the interval of a plain sample of as many images."""
    if estimate.value is None or estimate.plain_half_width is None:
        return None
    value, half_width = 100 * estimate.value, 100 * estimate.plain_half_width
    return MeasuredValue(value, (max(value - half_width, least), min(value + half_width, 100)))


def _estimate_cells(estimate: SampleEstimate) -> list[float | tuple[float, float] | None]:
    return [to_percent(estimate.value), interval_to_percent(estimate.interval)]
