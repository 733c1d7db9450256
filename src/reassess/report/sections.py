"""The sections of a page (words, charts, tables, notes), made from findings and independent of HTML."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reassess.comparison import Comparison, Findings
from reassess.comparison.comparison_words import (
    DIFFERENCE_EXPLAINED,
    HOLM_EXPLAINED,
    gaps_in_words,
    largest_in_words,
    not_shared_in_words,
    probability_in_words,
    ranks_explained,
    uncertainty_explained,
    unlike_images,
)
from reassess.comparison.taxonomy import KINDS_IN_WORDS
from reassess.errors import Missing
from reassess.evaluation import Evaluation
from reassess.evaluation.evaluation_words import (
    FIX_CLASS_LIST,
    MISTAKES_IN_WORDS,
    class_list_in_words,
    class_names_missing,
    heading,
    missing_in_words,
)
from reassess.evaluation.result import NONE_SCORED, ceiling_in_words, not_scored_in_words
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
    bounds_in_percent,
    in_percent,
    missing_section,
    table,
)
from reassess.report.chart_figures import sentence
from reassess.report.charts import CHARTS
from reassess.text import counted, together

# A page is read by those who use the command line, and by others.
_FIX = FIX_CLASS_LIST.render(lambda name, _: f"--classes auto, or {name} in Python")
_MOST_VERDICTS = 5  # about neighbours
_Charts = Mapping[str, Chart | Missing]
_ABOUT = {
    "leaderboard": (
        "Among published models",
        "Grey points are public results, stars are the models of this report. The expected accuracy is on the line "
        "through the rows nearest in original accuracy; the interval contains 95 % of models with the same original "
        "accuracy from families that are not among the public results.",
    ),
    "label-count": (
        "Accuracy by number of valid classes",
        "Images with several objects have several valid classes. Any of them counts as correct. Lines are 95 % Wilson "
        "intervals over images. The chart pools the highest numbers of classes, which have few images; the table lists "
        "each number.",
    ),
    "model-or-label": (
        "Model or label?",
        "Where the model's first class and the original label differ and raters were asked about the model's class, "
        "which of the two classes scores higher? Scores may count the original label itself as a vote; the raters "
        "alone do not.",
    ),
    "labelling-bias": (
        "Labelling bias",
        "If several classes are valid, how often does the model pick the original label? An unbiased model does so "
        "only by chance. A model that picks the class with the most certain votes does so as often as the raters' "
        "favourite is the original label. Counted on images where both the prediction and the original label are "
        "valid. Lines are 95 % Wilson intervals over images; p: exact two-sided test against chance.",
    ),
    "curve": (
        "Precision and recall of the labels",
        "How good are the labels? Scores of (image, class) questions are compared with the answers of experts. "
        "In-sample: these answers also made the scores; if the scores can be made again, a second curve shows scores "
        "made without the judged image. Bands and crosses are 95 % bootstrap intervals over images.",
    ),
}


def headline(findings: Findings, scatter: Chart | Missing) -> Section:
    """Every model with its accuracies and intervals; images not scored, and reasons for missing numbers."""
    uncertainty, judge = findings.uncertainty, heading(findings.labels.title)
    columns = {"model": TEXT}
    for k in findings.top_k:
        columns |= {f"{judge} top-{k} %": PERCENT, f"{judge} top-{k} 95 %": PERCENT}
        if k == 1 and not isinstance(uncertainty, Missing):
            columns |= {"true labels, 95 %": PERCENT}
    columns |= {f"original top-{k} %": PERCENT for k in findings.top_k}
    columns |= {"original top-1 %, scored images": PERCENT}
    columns |= {"soft": SHARE, "recall at size": SHARE, "scored": COUNT, "not scored": COUNT}
    rows = [_accuracies(model, result, findings) for model, result in findings.evaluations.items()]
    words = (
        f"Top-k accuracy by the {findings.labels.title} labels: among images with a valid class, the share where one "
        "of the model's first k classes is valid. The 95 % intervals are Wilson intervals; they cover only the choice "
        "of images."
    )
    if not isinstance(uncertainty, Missing):
        words += (
            ' The intervals "true labels" are for accuracy by labels without raters\' errors, if these are independent;'
            " they cover the choice of images and of raters."
        )
    notes = [*map(sentence, unlike_images(findings.panel)), *_other_class_lists(findings), *_not_scored(findings)]
    if ceiling := ceiling_in_words(findings.evaluations.values()):
        notes.append(f"Soft: the mean probability that the first class is valid; {ceiling}.")
    notes += map(sentence, missing_in_words(findings.evaluations))
    notes.append(" ".join(map(sentence, uncertainty_explained(uncertainty))))
    if words_on_names := class_names_missing(findings.benchmark, findings.classes):
        notes.append(sentence(words_on_names))
    if isinstance(scatter, Missing):
        notes.append(f"No chart of both accuracies: {scatter}.")
    shown = [] if isinstance(scatter, Missing) else [scatter]
    wide = table("accuracy", "Accuracy", columns, rows)
    wide = replace(wide, is_ranking=not any(findings.panel.n_not_shared))
    return Section(key="headline", title="Accuracy", words=[words], charts=shown, notes=notes, wide=wide)


def _accuracies(model: str, result: Evaluation, findings: Findings) -> list[Cell]:
    cells: list[Cell] = [model]
    for k in findings.top_k:
        part = result.real.get(k)
        cells += [None, None] if part is None else [in_percent(part.value), bounds_in_percent(part.interval)]
        if k == 1 and not isinstance(findings.uncertainty, Missing):
            cells.append(bounds_in_percent(findings.uncertainty.accuracy_interval(model)))
    by_original = [result.original_accuracy(k) for k in findings.top_k]
    by_original.append((result.original_scored or {}).get(1))
    cells += [None if part is None else in_percent(part.value) for part in by_original]
    soft = None if result.soft is None else result.soft.accuracy
    return [*cells, soft, result.recall_at_size, result.scored, result.images - result.scored]


def _other_class_lists(findings: Findings) -> Iterator[str]:
    """Models whose ids are from another class list: their numbers are for the file as it is."""
    for model, other in findings.class_lists.items():
        words = f"{class_list_in_words(other, findings.classes)}\nfix: {_FIX}"
        yield f"{model}: " + "; ".join(" ".join(line.split()) for line in words.splitlines()) + "."


def _not_scored(findings: Findings) -> Iterator[str]:
    """Count images that are not scored; models with the same counts share a sentence."""
    models: dict[str, list[str]] = {}
    for model, result in findings.evaluations.items():
        if words := not_scored_in_words(result):
            models.setdefault(words, []).append(model)
    for counts, names in models.items():
        yield f"{counts}." if len(names) == len(findings.models) else f"{together(names)}: {counts}."


def standing(findings: Findings, chart: Chart | Missing) -> Section:
    """Verdicts, differences and ranks of several models."""
    ranking = findings.ranking
    key, title = "comparison", "Which is better?"
    if isinstance(chart, Missing):
        return missing_section(key, title, chart)
    assert not isinstance(ranking, Missing)
    words = [_verdict(pair, findings) for pair in ranking.neighbours[:_MOST_VERDICTS]]
    if (more := len(ranking.neighbours) - _MOST_VERDICTS) > 0:
        pairs = counted(more, "more pair of neighbours is", "more pairs of neighbours are")
        words.append(f"{pairs} in the table of ranks.")
    if len(ranking) > 2 and ranking.ranks[-1] > 1:
        words.append(f"{largest_in_words(findings.compare(ranking.models[0], ranking.models[-1]))}.")
    if ranking.gaps is not None and ranking.gaps.n_pairs > 1:
        words += map(sentence, gaps_in_words(ranking, max_pairs=1))
    notes = [
        f"On the {len(findings.panel.images):,} images that all models share. {DIFFERENCE_EXPLAINED}. A difference is "
        "significant if its interval (with raters resampled, if available) excludes 0, and its p-value, corrected by "
        "Holm for all pairs of models, is below 0.05."
    ]
    notes += [f"{text}." for text in not_shared_in_words(findings.panel)]
    if len(findings.models) == 2:
        return Section(key=key, title=title, words=words, charts=[chart], notes=notes)
    notes.append(f"Rank, 95 %: {ranks_explained(ranking)}. {HOLM_EXPLAINED}.")
    return Section(key=key, title=title, words=words, charts=[chart], tables=[_ranks(findings)], notes=notes)


def _verdict(pair: Comparison, findings: Findings) -> str:
    """Which of two models is better, and how probable that is when images and raters are resampled."""
    words = re.sub("^no significant", "No significant", pair.verdict)  # other verdicts begin with a name
    if isinstance(findings.uncertainty, Missing):
        return f"{words}."
    return f"{words}; {probability_in_words(pair, findings.uncertainty)}."


def _ranks(findings: Findings) -> Table:
    ranking = findings.ranking
    assert not isinstance(ranking, Missing)
    intervals = list(zip(ranking.rank_low.tolist(), ranking.rank_high.tolist(), strict=True))
    by_original = [None] * len(ranking) if ranking.original_ranks is None else ranking.original_ranks.tolist()
    columns = (
        ranking.models,
        ranking.ranks.tolist(),
        intervals,
        by_original,
        [*(pair.real.holm_p_value for pair in ranking.neighbours), None],
    )
    by_judge = f"rank by {heading(findings.labels.title)}"
    forms = {"model": TEXT, by_judge: COUNT, "95 %": COUNT, "rank by original": COUNT, "Holm p": P_VALUE}
    return table("ranks", "Ranks", forms, list(zip(*columns, strict=True)))


def sections(findings: Findings, *, track: Callable[[Sequence[str]], Iterable[str]] = iter) -> list[Section]:
    """The sections of the page in order; a section that cannot be shown gives the reason."""
    charts = {kind: CHARTS[kind](findings) for kind in track(list(CHARTS))}
    return [
        headline(findings, charts["scatter"]),
        *([] if len(findings.models) < 2 else [standing(findings, charts["differences"])]),
        *([] if findings.leaderboard is None else [_about(charts, "leaderboard")]),
        _about(charts, "label-count"),
        _mistakes(findings, charts),
        *([] if findings.original is None else [label_errors(findings)]),
        *(_about(charts, kind) for kind in ("model-or-label", "labelling-bias", "curve")),
    ]


def _about(charts: _Charts, kind: str) -> Section:
    title, words = _ABOUT[kind]
    chart = charts[kind]
    if isinstance(chart, Missing):
        return missing_section(kind, title, chart)
    return Section(key=kind, title=title, words=[words], charts=[chart])


def _mistakes(findings: Findings, charts: _Charts) -> Section:
    chart, title = charts["taxonomy"], "Kinds of mistakes"
    words = (
        "A mistake is a first class that is not valid, on an image with at least one valid class. Each mistake has the "
        "first kind that applies. Collapsed: another name for a valid class, or a class that includes it. "
        "Co-occurring: often valid together with a valid class, on other images. Same group: in the same group as a "
        "valid class. Not asked about: raters were asked about the image, but not about the class. On unrated images: "
        "raters were not asked about the image. Other: asked about and rejected; without scores, any other mistake."
    )
    reasons = {kind: why for one in findings.taxonomies for kind, why in one.reasons.items()}
    notes = [f"On the {len(findings.panel.images):,} images that all models share."]
    notes += [f"Not counted: {KINDS_IN_WORDS[kind]}: {why}." for kind, why in reasons.items()]
    known = [(model, result.mistakes) for model, result in findings.evaluations.items() if result.mistakes is not None]
    rows = [[model, *(getattr(part, name) for name in MISTAKES_IN_WORDS)] for model, part in known]
    columns = {"model": TEXT} | dict.fromkeys(MISTAKES_IN_WORDS.values(), COUNT)
    title_known = "All mistakes, by the raters' answers about the predicted class"
    tables = [table("known", title_known, columns, rows)] if rows else []
    if isinstance(chart, Missing):
        return missing_section("taxonomy", title, chart)
    return Section(key="taxonomy", title=title, words=[words], charts=[chart], tables=tables, notes=notes)


def label_errors(findings: Findings) -> Section:
    """Mistakes by original labels that are correct by the label sets."""
    if not findings.panel.is_scored.any():
        return missing_section("label-errors", "Label errors", Missing(NONE_SCORED))
    judge = heading(findings.labels.title)
    words = (
        "A model's first class may differ from the original label and still be valid: the original label is wrong, or "
        "one of several valid classes. Such a mistake by original labels is an error of the label, not of the model."
    )
    columns = {"model": TEXT, "mistakes by original labels": COUNT, f"correct by {judge}": COUNT}
    columns |= {f"wrong by {judge}": COUNT, "not scored": COUNT}
    rows: list[list[Cell]] = []
    for model, result in findings.evaluations.items():
        part, all_images, scored = (
            result.label_errors,
            result.original_accuracy(1),
            (result.original_scored or {}).get(1),
        )
        if part is None or all_images is None or scored is None:
            continue
        wrong = scored.n - scored.hits - part.hits
        rows.append([model, part.n, part.hits, wrong, part.n - part.hits - wrong])
    notes = ["Not scored: images without a valid class, which no answer can be correct for."] if rows else []
    if any(findings.panel.n_not_shared):
        notes.append("Each model on its own images.")
    tables = [table("label-errors", "Mistakes by original labels", columns, rows)] if rows else []
    return Section(key="label-errors", title="Label errors", words=[words], tables=tables, notes=notes)
