"""The sections of a report, with paragraphs, charts, tables and notes, before they become HTML."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reassess.comparison import Comparison, Findings
from reassess.comparison.comparison_words import (
    DIFFERENCE_EXPLANATION,
    HOLM_EXPLANATION,
    describe_images_not_shared,
    describe_largest_difference,
    describe_lead_probability,
    describe_significant_differences,
    explain_label_uncertainty,
    explain_rank_intervals,
    explain_ranking_by_shared_images,
)
from reassess.comparison.mistake_kinds import ERROR_KIND_NAMES
from reassess.errors import MissingResult
from reassess.evaluation import Evaluation
from reassess.evaluation.evaluation_words import (
    FIX_CLASS_LIST,
    MISTAKE_NAMES,
    describe_class_list,
    describe_missing_class_names,
    describe_missing_results,
    shorten_label_set_name,
)
from reassess.evaluation.result import NONE_SCORED, describe_images_not_scored, describe_soft_accuracy_ceiling
from reassess.report.chart import (
    COUNT,
    P_VALUE,
    PERCENT,
    SHARE,
    TEXT,
    Cell,
    Chart,
    Section,
    Table,
    interval_to_percent,
    make_missing_section,
    make_table,
    to_percent,
)
from reassess.report.chart_figures import as_sentence
from reassess.report.charts import CHARTS
from reassess.text import count_noun, join_and

# Readers of a report may use the command line or Python.
_CLASS_LIST_FIX = FIX_CLASS_LIST.render(lambda name, _: f"--classes auto, or {name} in Python")
_MAX_VERDICTS = 5  # about neighbours in the ranking
_Charts = Mapping[str, Chart | MissingResult]
_CHART_SECTIONS = {
    "leaderboard": (
        "Among published models",
        "Grey points are public results, stars are the models of this report. The expected accuracy is on the line "
        "through the rows nearest in original accuracy; the interval contains 95 % of models with the same original "
        "accuracy from families that are not among the public results.",
    ),
    "label-count": (
        "Accuracy by number of valid classes",
        "Images with several objects have several valid classes. Any of them counts as correct. Lines are 95 % Wilson "
        "intervals, with the images as a random sample. The chart pools the highest numbers of classes, which have few "
        "images; the table lists each number.",
    ),
    "model-or-label": (
        "Model or label?",
        "Where the model's first class and the original label differ and raters were asked about the model's class, "
        "which of the two classes scores higher? Scores may count the original label itself as a vote. 'Only raters' "
        "leaves this vote out.",
    ),
    "labelling-bias": (
        "Labelling bias",
        "If several classes are valid, how often does the model pick the original label? An unbiased model does so "
        "only by chance. For comparison: how often the original label is the raters' top class, the "
        "class with the most certain votes. Counted on images where both the prediction and the original label are "
        "valid. Lines are 95 % Wilson intervals, with the images as a random sample; p: exact two-sided test against "
        "chance.",
    ),
    "curve": (
        "Precision and recall of the labels",
        "How good are the labels? Scores of (image, class) questions are compared with the answers of experts. "
        "In-sample: these answers also made the scores; if the scores can be made again, a second curve shows scores "
        "made without the judged image. Bands and crosses are 95 % bootstrap intervals over images.",
    ),
}


def _make_accuracy_section(findings: Findings, scatter: Chart | MissingResult) -> Section:
    """Make the section with the accuracies of all models."""
    uncertainty, label_set = findings.uncertainty, shorten_label_set_name(findings.labels.title)
    columns = {"model": TEXT}
    for k in findings.top_k:
        columns |= {f"{label_set} top-{k} %": PERCENT, f"{label_set} top-{k} 95 %": PERCENT}
        if k == 1 and not isinstance(uncertainty, MissingResult):
            columns |= {"true labels, 95 %": PERCENT}
    columns |= {f"original top-{k} %": PERCENT for k in findings.top_k}
    columns |= {"original top-1 %, scored images": PERCENT}
    columns |= {"soft": SHARE, "recall at size": SHARE, "scored": COUNT, "not scored": COUNT}
    rows = [_accuracy_cells(model, result, findings) for model, result in findings.evaluations.items()]
    text = (
        f"Top-k accuracy by the {findings.labels.title} labels: among images with a valid class, the share where one "
        "of the model's first k classes is valid. The 95 % intervals are Wilson intervals; they cover only the choice "
        "of images."
    )
    if not isinstance(uncertainty, MissingResult):
        text += (
            ' The intervals "true labels" are for accuracy by labels without raters\' errors, if these are independent;'
            " they cover the choice of images and of raters."
        )
    notes = [
        *map(as_sentence, explain_ranking_by_shared_images(findings.panel)),
        *_describe_class_lists(findings),
        *_describe_images_not_scored(findings),
    ]
    if ceiling := describe_soft_accuracy_ceiling(findings.evaluations.values()):
        notes.append(f"Soft accuracy: the mean probability that the first predicted class is valid; {ceiling}.")
    notes += map(as_sentence, describe_missing_results(findings.evaluations))
    notes.append(" ".join(map(as_sentence, explain_label_uncertainty(uncertainty))))
    if missing_names := describe_missing_class_names(findings.benchmark, findings.classes):
        notes.append(as_sentence(missing_names))
    if isinstance(scatter, MissingResult):
        notes.append(f"The chart of original and reassessed accuracy is missing: {scatter}.")
    charts = [] if isinstance(scatter, MissingResult) else [scatter]
    wide_table = make_table("accuracy", "Accuracy", columns, rows)
    wide_table = replace(wide_table, is_ranking=not any(findings.panel.n_not_shared))
    return Section(
        key="headline", title="Accuracy", paragraphs=[text], charts=charts, notes=notes, wide_table=wide_table
    )


def _accuracy_cells(model: str, result: Evaluation, findings: Findings) -> list[Cell]:
    cells: list[Cell] = [model]
    for k in findings.top_k:
        part = result.real_accuracy.get(k)
        cells += [None, None] if part is None else [to_percent(part.value), interval_to_percent(part.interval)]
        if k == 1 and not isinstance(findings.uncertainty, MissingResult):
            cells.append(interval_to_percent(findings.uncertainty.accuracy_interval(model)))
    by_original = [result.original_accuracy_at(k) for k in findings.top_k]
    by_original.append((result.original_accuracy_on_scored or {}).get(1))
    cells += [None if part is None else to_percent(part.value) for part in by_original]
    soft = None if result.soft_accuracy is None else result.soft_accuracy.accuracy
    return [*cells, soft, result.recall_at_size, result.n_scored, result.n_images - result.n_scored]


def _describe_class_lists(findings: Findings) -> Iterator[str]:
    """Describe the class list of each model whose ids are not from the class list of the benchmark."""
    for model, class_list in findings.class_lists.items():
        text = f"{describe_class_list(class_list, findings.classes)}\nfix: {_CLASS_LIST_FIX}"
        yield f"{model}: " + "; ".join(" ".join(line.split()) for line in text.splitlines()) + "."


def _describe_images_not_scored(findings: Findings) -> Iterator[str]:
    """Describe how many images are not scored, in one sentence for all models with the same counts."""
    models: dict[str, list[str]] = {}
    for model, result in findings.evaluations.items():
        if counts := describe_images_not_scored(result):
            models.setdefault(counts, []).append(model)
    for counts, names in models.items():
        yield f"{counts}." if len(names) == len(findings.models) else f"{join_and(names)}: {counts}."


def _make_comparison_section(findings: Findings, chart: Chart | MissingResult) -> Section:
    """Make the section with verdicts, differences and ranks of several models."""
    ranking = findings.ranking
    key, title = "comparison", "Which model is better?"
    if isinstance(chart, MissingResult):
        return make_missing_section(key, title, chart)
    assert not isinstance(ranking, MissingResult)
    paragraphs = [_format_verdict(pair, findings) for pair in ranking.neighbours[:_MAX_VERDICTS]]
    if (n_more := len(ranking.neighbours) - _MAX_VERDICTS) > 0:
        pairs = count_noun(n_more, "more pair of neighbours", "more pairs of neighbours")
        paragraphs.append(f"See the table of ranks for {pairs}.")
    if len(ranking) > 2 and ranking.ranks[-1] > 1:
        paragraphs.append(f"{describe_largest_difference(findings.compare(ranking.models[0], ranking.models[-1]))}.")
    if ranking.gaps is not None and ranking.gaps.n_pairs > 1:
        paragraphs += map(as_sentence, describe_significant_differences(ranking, max_pairs=1))
    notes = [
        f"On the {len(findings.panel.images):,} images that all models share. {DIFFERENCE_EXPLANATION}. A difference "
        "is "
        "significant if its interval (with raters resampled, if available) excludes 0, and its p-value, corrected by "
        "Holm for all pairs of models, is below 0.05."
    ]
    notes += [f"{text}." for text in describe_images_not_shared(findings.panel)]
    if len(findings.models) == 2:
        return Section(key=key, title=title, paragraphs=paragraphs, charts=[chart], notes=notes)
    notes.append(f"95 % interval of a rank: {explain_rank_intervals(ranking)}. {HOLM_EXPLANATION}.")
    tables = [_make_rank_table(findings)]
    return Section(key=key, title=title, paragraphs=paragraphs, charts=[chart], tables=tables, notes=notes)


def _format_verdict(pair: Comparison, findings: Findings) -> str:
    """Say which of two models is better, and how often it leads if images and raters are resampled."""
    verdict = re.sub("^no significant", "No significant", pair.verdict)  # other verdicts begin with a name
    if isinstance(findings.uncertainty, MissingResult):
        return f"{verdict}."
    return f"{verdict}; {describe_lead_probability(pair, findings.uncertainty)}."


def _make_rank_table(findings: Findings) -> Table:
    ranking = findings.ranking
    assert not isinstance(ranking, MissingResult)
    intervals = list(zip(ranking.rank_low.tolist(), ranking.rank_high.tolist(), strict=True))
    by_original = [None] * len(ranking) if ranking.original_ranks is None else ranking.original_ranks.tolist()
    columns = (
        ranking.models,
        ranking.ranks.tolist(),
        intervals,
        by_original,
        [*(pair.real_hits.holm_p_value for pair in ranking.neighbours), None],
    )
    rank = f"rank by {shorten_label_set_name(findings.labels.title)}"
    forms = {"model": TEXT, rank: COUNT, "95 %": COUNT, "rank by original": COUNT, "Holm p": P_VALUE}
    return make_table("ranks", "Ranks", forms, list(zip(*columns, strict=True)))


def make_sections(
    findings: Findings, *, show_progress: Callable[[Sequence[str]], Iterable[str]] = iter
) -> list[Section]:
    """Make the sections of the report in order; a section without results gives the reason."""
    charts = {kind: CHARTS[kind](findings) for kind in show_progress(list(CHARTS))}
    return [
        _make_accuracy_section(findings, charts["scatter"]),
        *([] if len(findings.models) < 2 else [_make_comparison_section(findings, charts["differences"])]),
        *([] if findings.leaderboard is None else [_make_chart_section(charts, "leaderboard")]),
        _make_chart_section(charts, "label-count"),
        _make_mistake_section(findings, charts),
        *([] if findings.original is None else [_make_original_label_section(findings)]),
        *(_make_chart_section(charts, kind) for kind in ("model-or-label", "labelling-bias", "curve")),
    ]


def _make_chart_section(charts: _Charts, kind: str) -> Section:
    title, text = _CHART_SECTIONS[kind]
    chart = charts[kind]
    if isinstance(chart, MissingResult):
        return make_missing_section(kind, title, chart)
    return Section(key=kind, title=title, paragraphs=[text], charts=[chart])


def _make_mistake_section(findings: Findings, charts: _Charts) -> Section:
    chart, title = charts["taxonomy"], "Kinds of mistakes"
    text = (
        "A mistake is a first class that is not valid, on an image with at least one valid class. Each mistake has the "
        "first kind that applies. Collapsed: another name for a valid class, or a class that includes it. "
        "Co-occurring: often valid together with a valid class, on other images. Same group: in the same group as a "
        "valid class. Not asked about: raters were asked about the image, but not about the class. On unrated images: "
        "raters were not asked about the image. Other: asked about and rejected; without scores, any other mistake."
    )
    reasons = {kind: reason for mistakes in findings.classified_mistakes for kind, reason in mistakes.reasons.items()}
    notes = [f"On the {len(findings.panel.images):,} images that all models share."]
    notes += [f"Not counted: {ERROR_KIND_NAMES[kind]}: {reason}." for kind, reason in reasons.items()]
    evaluations = findings.evaluations.items()
    mistakes = [(model, result.mistakes) for model, result in evaluations if result.mistakes is not None]
    rows = [[model, *part.n_images_by_kind.values()] for model, part in mistakes]
    columns = {"model": TEXT} | dict.fromkeys(MISTAKE_NAMES.values(), COUNT)
    table_title = "All mistakes, by the raters' answers about the predicted class"
    tables = [make_table("known", table_title, columns, rows)] if rows else []
    if isinstance(chart, MissingResult):
        return make_missing_section("taxonomy", title, chart)
    return Section(key="taxonomy", title=title, paragraphs=[text], charts=[chart], tables=tables, notes=notes)


def _make_original_label_section(findings: Findings) -> Section:
    """Make the section on predictions that differ from the original label, by which of the two are valid."""
    if not findings.panel.is_scored.any():
        return make_missing_section("label-errors", "Label errors", MissingResult(NONE_SCORED))
    text = (
        "The model's first class differs from the original label of these images. A label error is an original label "
        "that is not valid. Only prediction valid: a label error, and the model is correct. Both valid: the image "
        "shows several classes, and the model is correct too. Only original valid: the model is wrong. Neither valid: "
        "the model is wrong, and the original label is a label error too."
    )
    names = (
        "mistakes by original labels",
        "only prediction valid",
        "both valid",
        "only original valid",
        "neither valid",
    )
    columns = {"model": TEXT} | dict.fromkeys((*names, "not scored"), COUNT)
    counts = {model: result.mistakes_by_original for model, result in findings.evaluations.items()}
    rows: list[list[Cell]] = [
        [model, part.n_all, *vars(part).values()] for model, part in counts.items() if part is not None
    ]
    notes = ["Not scored: images without a valid class; no prediction is correct for them."] if rows else []
    if any(findings.panel.n_not_shared):
        notes.append("Each model is measured on its own images.")
    tables = [make_table("label-errors", "Mistakes by original labels", columns, rows)] if rows else []
    return Section(key="label-errors", title="Label errors", paragraphs=[text], tables=tables, notes=notes)
