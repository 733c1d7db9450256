"""A report of one printed page, for an appendix: tables without charts, and notes on labels and images."""

from collections.abc import Iterator, Sequence
from importlib.resources import files

from reassess.comparison import Findings
from reassess.comparison.comparison_words import DIFFERENCE_EXPLANATION, explain_ranking_by_shared_images
from reassess.comparison.differences import Difference
from reassess.comparison.mistake_kinds import ERROR_KIND_NAMES, ERROR_KINDS
from reassess.errors import MissingResult
from reassess.evaluation.evaluation_words import describe_missing_results, shorten_label_set_name
from reassess.evaluation.result import describe_images_not_scored, describe_soft_accuracy_ceiling
from reassess.numeric.bootstrap import MIN_NORMAL_P_VALUE
from reassess.report.accuracy_charts import select_pairs
from reassess.report.chart import (
    COUNT,
    P_VALUE,
    PERCENT,
    POINTS,
    SHARE,
    TEXT,
    Cell,
    Table,
    interval_to_percent,
    make_table,
    to_percent,
)
from reassess.report.chart_figures import as_sentence
from reassess.report.page import ReportSources, make_content_policy, make_template_environment
from reassess.text import count_noun, group_files_with_same_text, shorten

_MAX_MODELS = 8  # the best models; more would not fit on one page
# Letters of the name of a model or file, and of each of two models in a cell.
_MAX_NAME_LENGTH, _MAX_PAIR_NAME_LENGTH = 26, 16
_MAX_COMMAND_LENGTH = 400  # letters
_MAX_INPUTS = 14
_HASH_DIGITS = 12


def render_short_page(findings: Findings, title: str, summary: Sequence[str], sources: ReportSources) -> str:
    """Render findings as HTML that prints on one A4 page."""
    from markupsafe import Markup

    environment = make_template_environment()
    style = (files("reassess.report") / "templates" / "short.css").read_text(encoding="utf-8")
    tables = _make_accuracy_table(findings), _make_difference_table(findings), _make_mistake_table(findings)
    inputs = [
        f"{file['name']} {shorten(str(file['path']), _MAX_NAME_LENGTH)} ({str(file['sha256'])[:_HASH_DIGITS]})"
        for file in sources.inputs
    ]
    if (n_more := len(inputs) - _MAX_INPUTS) > 0:
        inputs = [*inputs[:_MAX_INPUTS], f"and {count_noun(n_more, 'more file')}"]
    rendered: str = environment.get_template("short.html").render(
        title=title,
        summary=[_shorten_names(sentence, findings.models) for sentence in summary],
        tables=[table for table in tables if table is not None],
        notes=list(_make_notes(findings)),
        inputs=inputs,
        command=shorten(sources.command, _MAX_COMMAND_LENGTH),
        sources=sources,
        policy=make_content_policy(style, ""),
        style=Markup(style),
    )
    return rendered


def _shorten_names(text: str, models: Sequence[str]) -> str:
    """Shorten long names of models in a sentence."""
    for model in sorted(models, key=len, reverse=True):
        text = text.replace(model, shorten(model, _MAX_NAME_LENGTH))
    return text


def _format_model(findings: Findings, model: str) -> str:
    """Return a model's number in the table of accuracies, and its shortened name."""
    return f"{findings.models.index(model) + 1}\N{NO-BREAK SPACE}{shorten(model, _MAX_NAME_LENGTH)}"


def _format_model_short(findings: Findings, model: str) -> str:
    """Return a model's number and the beginning of its name, for cells with two models."""
    number, name = (
        findings.models.index(model) + 1,
        model if len(model) <= _MAX_PAIR_NAME_LENGTH else f"{model[:_MAX_PAIR_NAME_LENGTH].rstrip('._-')}…",
    )
    return f"{number}\N{NO-BREAK SPACE}{name}"


def _make_accuracy_table(findings: Findings) -> Table:
    label_set, uncertainty = shorten_label_set_name(findings.labels.title), findings.uncertainty
    columns = {"model": TEXT}
    for k in findings.top_k:
        columns |= {f"{label_set} top-{k} %": PERCENT, f"top-{k}, 95 %": PERCENT}
    columns |= {} if isinstance(uncertainty, MissingResult) else {"true labels, 95 %": PERCENT}
    columns |= {f"original top-{k} %": PERCENT for k in findings.top_k}
    columns |= {"soft": SHARE, "scored": COUNT, "not scored": COUNT}
    rows: list[list[Cell]] = []
    for model in findings.models[:_MAX_MODELS]:
        result = findings.evaluations[model]
        cells: list[Cell] = [_format_model(findings, model)]
        for k in findings.top_k:
            part = result.real_accuracy.get(k)
            cells += [None, None] if part is None else [to_percent(part.value), interval_to_percent(part.interval)]
        if not isinstance(uncertainty, MissingResult):
            cells.append(interval_to_percent(uncertainty.accuracy_interval(model)))
        by_original = (result.original_accuracy_at(k) for k in findings.top_k)
        cells += [None if part is None else to_percent(part.value) for part in by_original]
        soft = None if result.soft_accuracy is None else result.soft_accuracy.accuracy
        rows.append([*cells, soft, result.n_scored, result.n_images - result.n_scored])
    return make_table("accuracy", "Accuracy", columns, rows)


def _make_difference_table(findings: Findings) -> Table | None:
    """Make a table of differences between pairs of models, with corrected p-values."""
    pairs = select_pairs(findings)
    if isinstance(pairs, MissingResult):
        return None
    label_set = shorten_label_set_name(findings.labels.title)
    columns = {"difference, points": TEXT}
    for name in (label_set, "original", "change"):
        columns |= {name: POINTS, f"{name}, 95 %": POINTS, f"{name}, Holm p": P_VALUE}
    rows: list[list[Cell]] = []
    for pair in pairs[: _MAX_MODELS - 1]:
        names = (_format_model_short(findings, model) for model in (pair.model_a, pair.model_b))
        parts = (pair.real_hits, pair.original_hits, pair.lead_change)
        rows.append([" minus ".join(names), *(cell for part in parts for cell in _significance_cells(part))])
    return make_table("differences", "Differences between models, on the same images", columns, rows)


def _significance_cells(difference: Difference | None) -> tuple[Cell, Cell, Cell]:
    if difference is None:
        return None, None, None
    interval = interval_to_percent(difference.interval_over_raters or difference.interval)
    return to_percent(difference.mean_difference), interval, difference.corrected_p_value


def _make_mistake_table(findings: Findings) -> Table | None:
    """Make a table of mistakes by original labels and by the label sets, by kind."""
    by_model = {mistakes.model: mistakes for mistakes in findings.classified_mistakes}
    models = findings.models[:_MAX_MODELS]
    counts = {model: by_model[model].counts for model in models}
    kinds = [kind for kind in ERROR_KINDS if any(counts[model][kind] for model in models)]
    label_set = shorten_label_set_name(findings.labels.title)
    columns = {"model": TEXT, "mistakes by original labels": COUNT, "only prediction valid": COUNT}
    columns |= {"both valid": COUNT}
    columns |= {f"mistakes by {label_set}": COUNT} | {ERROR_KIND_NAMES[kind]: COUNT for kind in kinds}
    rows: list[list[Cell]] = []
    for model in models:
        part = findings.evaluations[model].mistakes_by_original
        by_original: list[Cell] = (
            [None, None, None] if part is None else [part.n_all, part.n_only_prediction_valid, part.n_both_valid]
        )
        by_kind = [counts[model][kind] for kind in kinds]
        rows.append([_format_model(findings, model), *by_original, len(by_model[model]), *by_kind])
    return make_table("mistakes", "Mistakes", columns, rows)


def _make_notes(findings: Findings) -> Iterator[str]:
    """Explain the labels, images and numbers of the tables."""
    panel, labels, uncertainty = findings.panel, findings.labels, findings.uncertainty
    if (hidden := len(findings.models) - _MAX_MODELS) > 0:
        yield f"The {_MAX_MODELS} best of {len(findings.models):,} models; {hidden:,} more are not shown."
    label_set = shorten_label_set_name(labels.title)
    yield (
        f"Labels: {labels.title}, {labels.indices.size:,} valid classes on {len(labels):,} images, "
        f"{labels.n_empty_images:,} of them without a valid class, so not scored. Top-k accuracy: share of scored "
        "images "
        "where one of the first k classes is valid; 95 %: Wilson intervals, with the images as a random sample."
    )
    if not isinstance(uncertainty, MissingResult):
        yield (
            "True labels, and differences: intervals over images and raters "
            f"({uncertainty.n_replicates:,} replicates, seed {uncertainty.seed}, {uncertainty.n_raters:,} raters)."
        )
    if len(findings.models) > 1:
        yield (
            f"{DIFFERENCE_EXPLANATION}. Change: the difference by {label_set} less the difference by original labels, "
            "both "
            "on the scored images; the column of original labels is on all shared images. Holm p: corrected for all "
            f"pairs of models; with raters resampled at least {MIN_NORMAL_P_VALUE:g}. "
            f"Differences and kinds of mistakes are on the {len(panel.images):,} images that all models share."
        )
    yield (
        "Only prediction valid: the model's first class is valid, and the original label is not, so it is a label "
        "error. Both valid: the first class differs from the original label, and both are valid. Mistakes by "
        f"{label_set}: first classes that are not valid, on scored images; each has the first kind that applies."
    )
    if ceiling := describe_soft_accuracy_ceiling(findings.evaluations.values()):
        yield f"Soft accuracy: the mean probability that the first class is valid; {ceiling}."
    evaluations = {model: findings.evaluations[model] for model in findings.models[:_MAX_MODELS]}
    yield from map(as_sentence, explain_ranking_by_shared_images(panel))
    not_scored = group_files_with_same_text(
        {_format_model(findings, model): describe_images_not_scored(result) for model, result in evaluations.items()}
    )
    if text := "; ".join(part.removeprefix("all files: ") for part in not_scored):
        yield f"{text}."
    yield from map(as_sentence, describe_missing_results(evaluations))
