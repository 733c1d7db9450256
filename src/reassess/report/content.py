"""What a page shows: sections of words, charts, tables and notes, made from findings; nothing here knows HTML."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reassess.errors import some
from reassess.report.chart import Chart, percent, percents, table
from reassess.report.charts import CHARTS
from reassess.report.findings import Findings
from reassess.report.mistake_charts import KINDS_IN_WORDS
from reassess.report.tables import COUNT, P_VALUE, PERCENT, TEXT, Cell, Table
from reassess.tally import Evaluation

__all__ = ["Section", "sections"]

_Charts = Mapping[str, Chart | str]
_ABOUT = {
    "leaderboard": (
        "On the leaderboard",
        "Grey points are public results, a star is a model of this report. Expected is the accuracy on the line "
        "through the rows nearest in original accuracy; 95 % of models like it lie in the interval beside it.",
    ),
    "label-count": (
        "By number of valid classes",
        "Images that show several things have several valid classes, and a prediction of any of them is right. Lines "
        "are 95 % Wilson intervals over images. The highest numbers of classes, of few images, are drawn together; the "
        "numbers below the chart keep them apart.",
    ),
    "model-or-label": (
        "Model or label?",
        "On images where the model's first class is not the original label, and raters were asked about the model's "
        "class: whose class has the higher score? The published scores of ImageNet count the original label itself as "
        "a voter on animal classes; the raters alone do not.",
    ),
    "labelling-bias": (
        "Fitting to the labelling",
        "On images with several valid classes, of which the model says one and the original label is one: how often "
        "are the two the same? A model that knew the valid classes but nothing of how images were labelled would do no "
        "better than chance. Lines are 95 % Wilson intervals over images; p is of chance, exact and two-sided.",
    ),
    "curve": (
        "Precision and recall of the labels",
        "How good the labels themselves are: scores of (image, class) pairs against what experts found. In-sample: the "
        "scores were made with the very answers that judge them; where that is so, a second curve is of scores made "
        "again without the image that is judged. Bands and crosses are 95 % bootstrap intervals over images.",
    ),
}
_MISTAKES = {
    "expert_rejected": "rejected by experts",
    "rejected": "rated and rejected",
    "never_proposed": "class never proposed",
    "never_rated": "image never rated",
}


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the page; a wide table comes first, the others beside or below the charts."""

    key: str
    title: str
    words: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    wide: Table | None = None


def sections(found: Findings) -> list[Section]:
    """The parts of the page in their order; a part that cannot be shown says why."""
    charts = {kind: make(found) for kind, make in CHARTS.items()}
    return [
        _headline(found, charts),
        *([] if len(found.models) < 2 else [_comparison(found, charts)]),
        *([] if isinstance(found.board, str) else [_about(charts, "leaderboard")]),
        _about(charts, "label-count"),
        _mistakes(found, charts),
        *(_about(charts, kind) for kind in ("model-or-label", "labelling-bias", "curve")),
    ]


def _about(charts: _Charts, kind: str) -> Section:
    title, words = _ABOUT[kind]
    chart = charts[kind]
    if isinstance(chart, str):
        return Section(kind, title, notes=[f"Not shown: {chart}."])
    return Section(kind, title, [words], [chart])


def _headline(found: Findings, charts: _Charts) -> Section:
    columns = {"model": TEXT}
    for k in found.topk:
        columns |= {f"ReaL top-{k} %": PERCENT, f"ReaL top-{k} 95 %": PERCENT}
    columns |= {f"original top-{k} %": PERCENT for k in found.topk}
    columns |= {"soft %": PERCENT, "recall at set size %": PERCENT, "scored": COUNT, "left out": COUNT}
    rows = [_accuracies(model, result, found.topk) for model, result in found.evaluations.items()]
    words = (
        "ReaL accuracy: of the images with a valid class, the share for which one of the model's first k classes is "
        "valid. Intervals are 95 % Wilson intervals: they cover the choice of images, not the doubts about the labels."
    )
    scatter = charts["scatter"]
    notes = [*_left_out(found), *_missing(found)]
    if isinstance(scatter, str):
        notes.append(f"No chart of both accuracies: {scatter}.")
    shown = [] if isinstance(scatter, str) else [scatter]
    return Section("headline", "Accuracy", [words], shown, (), notes, table("accuracy", "Accuracy", columns, rows))


def _accuracies(model: str, result: Evaluation, topk: Sequence[int]) -> list[Cell]:
    cells: list[Cell] = [model]
    for k in topk:
        part = result.real.get(k)
        cells += [None, None] if part is None else [percent(part.value), percents(part.interval)]
    by_original = [(result.original or {}).get(k) for k in topk]
    cells += [None if part is None else percent(part.value) for part in by_original]
    soft = None if result.soft is None else percent(result.soft.accuracy)
    return [*cells, soft, percent(result.recall_at_size), result.scored, result.images - result.scored]


def _left_out(found: Findings) -> Iterator[str]:
    """What was left out, of models that share it together."""
    models: dict[str, list[str]] = {}
    for model, result in found.evaluations.items():
        parts = {"with no valid class": result.empty, "never rated": result.unlabelled, "unknown": result.unknown}
        left_out = [f"{n:,} {what}" for what, n in parts.items() if n]
        if missing := result.scorable - result.scored:
            left_out.append(f"{missing:,} of the {result.scorable:,} labelled images have no prediction")
        if left_out:
            models.setdefault(", ".join(left_out), []).append(model)
    for what, those in models.items():
        yield f"Images left out, {_those(those, found)}: {what}."


def _missing(found: Findings) -> Iterator[str]:
    """The ceiling of soft accuracy, and why a cell is empty."""
    soft = [result.soft for result in found.evaluations.values() if result.soft is not None]
    ceilings = sorted({f"{100 * part.ceiling:.2f}" for part in soft if part.ceiling is not None})
    if ceilings:
        yield (
            "Soft: the mean probability that the first class is valid; the best that any model can reach is "
            f"{' or '.join(ceilings)} %."
        )
    without: dict[tuple[str, str], list[str]] = {}
    for model, result in found.evaluations.items():
        for name, why in result.reasons.items():
            without.setdefault((name.replace("_", " "), why), []).append(model)
    for (name, why), those in without.items():
        yield f"No {name}, {_those(those, found)}: {why}."


def _those(models: Sequence[str], found: Findings) -> str:
    return "all models" if len(models) == len(found.models) > 1 else some(models)


def _comparison(found: Findings, charts: _Charts) -> Section:
    chart, ranking = charts["differences"], found.ranking
    key, title = "comparison", "Which is better?"
    if isinstance(chart, str) or isinstance(ranking, str):
        return Section(key, title, notes=[f"Not shown: {chart}."])
    words = [*(f"{pair.verdict}." for pair in ranking.neighbours), *_gaps(found)]
    notes = [
        f"On the {len(found.panel.images):,} images that all models have seen. Lines are 95 % percentile bootstrap "
        "intervals over images; one that holds 0 does not tell the two models apart. p is of McNemar's exact test."
    ]
    notes += [
        f"{model}: {n:,} images left out, which another model has not seen."
        for model, n in zip(found.panel.models, found.panel.left_out, strict=True)
        if n
    ]
    if len(found.models) == 2:
        return Section(key, title, words, [chart], notes=notes)
    notes.append(
        f"Rank, 95 %: percentile bootstrap over images, {ranking.replicates:,} replicates, seed {ranking.seed}. Holm "
        "p: McNemar's against the next model, corrected for the number of neighbours."
    )
    return Section(key, title, words, [chart], [_ranks(found)], notes)


def _gaps(found: Findings) -> Iterator[str]:
    """What becomes of the gaps by original labels."""
    ranking = found.ranking
    if isinstance(ranking, str) or ranking.gaps is None or ranking.gaps.pairs < 2:
        return
    gaps = ranking.gaps
    yield (
        f"Of {gaps.pairs:,} pairs of models, the original labels tell {gaps.by_original:,} apart, and the re-assessed "
        f"ones {gaps.by_real:,}."
    )
    for what, pairs in (("vanish", gaps.vanished), ("turn round", gaps.reversed)):
        if len(pairs):
            named = [f"{ranking.models[better]} before {ranking.models[other]}" for better, other in pairs.tolist()]
            yield f"Gaps by original labels that {what}: {some(named)}."


def _ranks(found: Findings) -> Table:
    ranking = found.ranking
    assert not isinstance(ranking, str)
    intervals = list(zip(ranking.low.tolist(), ranking.high.tolist(), strict=True))
    by_original = [None] * len(ranking) if ranking.original_ranks is None else ranking.original_ranks.tolist()
    columns = ranking.models, ranking.ranks.tolist(), intervals, by_original, [*ranking.holm, None]
    forms = {"model": TEXT, "rank by ReaL": COUNT, "95 %": COUNT, "rank by original": COUNT, "Holm p": P_VALUE}
    return table("ranks", "Ranks", forms, list(zip(*columns, strict=True)))


def _mistakes(found: Findings, charts: _Charts) -> Section:
    chart = charts["taxonomy"]
    assert not isinstance(chart, str)
    words = (
        "A mistake is a first class outside the valid ones of an image that has any. Each is of the first kind that "
        "fits: another name for a valid class, or one that includes it; a class that is often valid together with a "
        "valid one, on other images; a class of the same group; a class that nobody was asked about; an image that was "
        "never rated; the rest, of which raters were asked."
    )
    reasons = {kind: why for one in found.taxonomies for kind, why in one.reasons.items()}
    notes = [f"On the {len(found.panel.images):,} images that all models have seen."]
    notes += [f"Not looked up: {KINDS_IN_WORDS[kind]}: {why}." for kind, why in reasons.items()]
    known = [(model, result.mistakes) for model, result in found.evaluations.items() if result.mistakes is not None]
    rows = [[model, *(getattr(part, name) for name in _MISTAKES)] for model, part in known]
    columns = {"model": TEXT} | dict.fromkeys(_MISTAKES.values(), COUNT)
    tables = [table("known", "All mistakes by what is known of the predicted class", columns, rows)] if rows else []
    return Section("taxonomy", "Mistakes by kind", [words], [chart], tables, notes)
