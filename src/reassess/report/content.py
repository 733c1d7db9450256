"""What a page shows: sections of words, tables and charts, made from findings; nothing here knows HTML."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from reassess.errors import some
from reassess.report.charts import CHARTS, Chart
from reassess.report.findings import Findings
from reassess.report.tables import COUNT, PERCENT, POINTS, SHARE, Cell, Column, Table
from reassess.tally import Evaluation

__all__ = ["Explorer", "Section", "explorers", "sections"]

_MOST_EXPLORED = 20  # models, the best, whose classes and confusions the page holds
_MOST_CONFUSIONS = 300  # of a model
_MISTAKES = {
    "expert_rejected": "rejected by experts",
    "rejected": "rated and rejected",
    "never_proposed": "class never proposed for the image",
    "never_rated": "image never rated",
}


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the page."""

    key: str
    title: str
    words: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Explorer:
    """A long table for each model, of which the page shows one, sorted and searched by the reader.

    Parameters
    ----------
    key, title, words
        As of a section.
    columns
        The columns.
    rows
        The rows of each model; a class stands as its id, in the columns `named`.
    named
        Positions of the columns that hold a class.
    order
        The column by which the rows are sorted at first, and whether the highest comes first.
    """

    key: str
    title: str
    words: Sequence[str]
    columns: tuple[Column, ...]
    rows: dict[str, list[list[Any]]]
    named: tuple[int, ...]
    order: tuple[int, bool]
    notes: Sequence[str] = field(default=())


def sections(found: Findings) -> list[Section]:
    """The parts of the page in their order; a part that cannot be shown says why."""
    charts: dict[str, Chart | str] = {kind: make(found) for kind, make in CHARTS.items()}
    return [
        _headline(found, charts),
        *([] if len(found.models) < 2 else [_comparison(found, charts)]),
        *([] if isinstance(found.board, str) else [_section_of(charts, "leaderboard", _ABOUT_LEADERBOARD)]),
        _section_of(charts, "label-count", _ABOUT_LABEL_COUNT),
        _mistakes(found, charts),
        _section_of(charts, "model-or-label", _ABOUT_PREFERENCES),
        _section_of(charts, "labelling-bias", _ABOUT_BIAS),
        _section_of(charts, "curve", _ABOUT_CURVE),
    ]


_ABOUT_LEADERBOARD = (
    "Grey points are public results. A star is a model of this report. Expected is the accuracy on the line through the "
    "rows nearest in original accuracy; 95 % of models of that original accuracy lie in the interval beside it."
)
_ABOUT_LABEL_COUNT = (
    "Images that show several things have several valid classes, and a prediction of any of them is right. Lines are "
    "95 % Wilson intervals over images."
)
_ABOUT_PREFERENCES = (
    "On images where the model's first class is not the original label, and raters were asked about the model's class: "
    "whose class has the higher score? The published scores of ImageNet count the original label itself as a voter on "
    "animal classes; the raters alone do not."
)
_ABOUT_BIAS = (
    "On images with several valid classes, of which the model says one and the original label is one: how often are "
    "the two the same? A model that knew the valid classes but nothing of how images were labelled would do no better "
    "than chance. Lines are 95 % Wilson intervals over images; p is of chance, exact and two-sided."
)
_ABOUT_CURVE = (
    "How good the labels themselves are: scores of (image, class) pairs against what experts found. The shaded band is "
    "the 95 % bootstrap interval over images of precision at each threshold."
)
_TITLES = {
    "leaderboard": "On the leaderboard",
    "label-count": "By number of valid classes",
    "model-or-label": "Model or label?",
    "labelling-bias": "Fitting to the labelling",
    "curve": "Precision and recall of the labels",
}


def _section_of(charts: dict[str, Chart | str], kind: str, about: str) -> Section:
    chart = charts[kind]
    if isinstance(chart, str):
        return Section(kind, _TITLES[kind], notes=[f"Not shown: {chart}."])
    return Section(kind, _TITLES[kind], [about], [chart])


def _headline(found: Findings, charts: dict[str, Chart | str]) -> Section:
    topk = found.topk
    columns = [Column("model")]
    for k in topk:
        columns += [Column(f"ReaL top-{k} %", PERCENT), Column(f"ReaL top-{k} 95 %", PERCENT)]
    for k in topk:
        columns += [Column(f"original top-{k} %", PERCENT)]
    columns += [Column("soft %", PERCENT), Column("recall at set size %", PERCENT), Column("scored", COUNT), Column("left out", COUNT)]
    rows = [_headline_row(model, result, topk) for model, result in found.evaluations.items()]
    scatter = charts["scatter"]
    notes = [*_left_out(found), *_missing(found)]
    if isinstance(scatter, str):
        notes.append(f"No chart of both accuracies: {scatter}.")
    words = [
        "ReaL accuracy: of the images with a valid class, the share for which one of the model's first k classes is "
        "valid. Intervals are 95 % Wilson intervals: they cover the choice of images, not the uncertainty of the labels."
    ]
    shown = [] if isinstance(scatter, str) else [scatter]
    return Section("headline", "Accuracy", words, shown, [Table("headline", "Accuracy", tuple(columns), rows)], notes)


def _headline_row(model: str, result: Evaluation, topk: list[int]) -> list[Cell]:
    cells: list[Cell] = [model]
    for k in topk:
        part = result.real.get(k)
        cells.append(None if part is None or part.value is None else 100 * part.value)
        bounds = None if part is None else part.interval
        cells.append(None if bounds is None else (100 * bounds[0], 100 * bounds[1]))
    for k in topk:
        part = (result.original or {}).get(k)
        cells.append(None if part is None or part.value is None else 100 * part.value)
    soft = None if result.soft is None or result.soft.accuracy is None else 100 * result.soft.accuracy
    recall = None if result.recall_at_size is None else 100 * result.recall_at_size
    return [*cells, soft, recall, result.scored, result.images - result.scored]


def _left_out(found: Findings) -> Iterator[str]:
    for model, result in found.evaluations.items():
        parts = {"with no valid class": result.empty, "never rated": result.unlabelled, "unknown": result.unknown}
        left_out = [f"{n:,} {what}" for what, n in parts.items() if n]
        if missing := result.scorable - result.scored:
            left_out.append(f"{missing:,} of the {result.scorable:,} labelled images have no prediction")
        if left_out:
            yield f"{model}: left out: {', '.join(left_out)}."


def _missing(found: Findings) -> Iterator[str]:
    """The ceiling of soft accuracy, and why a column is empty."""
    results = found.evaluations.values()
    ceilings = {f"{100 * r.soft.ceiling:.2f}" for r in results if r.soft is not None and r.soft.ceiling is not None}
    if ceilings:
        yield (
            "Soft: the mean probability that the first class is valid; the best that any model can reach is "
            f"{' or '.join(sorted(ceilings))} %."
        )
    for name, why in dict.fromkeys((name, why) for result in results for name, why in result.reasons.items()):
        yield f"No {name.replace('_', ' ')}: {why}."


def _comparison(found: Findings, charts: dict[str, Chart | str]) -> Section:
    chart, ranking = charts["differences"], found.ranking
    if isinstance(chart, str) or isinstance(found.pairs, str) or isinstance(ranking, str):
        return Section("comparison", "Which is better?", notes=[f"Not shown: {chart}."])
    words = [f"{pair.verdict}." for pair in ranking.neighbours]
    if (gaps := ranking.gaps) is not None and gaps.pairs > 1:
        words.append(
            f"Of {gaps.pairs:,} pairs of models, the original labels tell {gaps.by_original:,} apart, and the "
            f"re-assessed ones {gaps.by_real:,}."
        )
        for what, pairs in (("vanish", gaps.vanished), ("turn round", gaps.reversed)):
            if len(pairs):
                named = [f"{ranking.models[better]} before {ranking.models[other]}" for better, other in pairs.tolist()]
                words.append(f"Gaps by original labels that {what}: {some(named)}.")
    notes = [
        f"On the {len(found.panel.images):,} images that all models have seen. Lines are 95 % percentile bootstrap "
        "intervals over images; an interval that holds 0 does not tell the two models apart. p is of McNemar's exact test."
    ]
    if len(found.models) > 2:
        notes.append(
            f"Rank, 95 %: percentile bootstrap over images, {ranking.replicates:,} replicates, seed {ranking.seed}. "
            "Holm p: McNemar's against the next model, corrected for the number of neighbours."
        )
    notes += [
        f"{model}: {n:,} images left out, which another model has not seen."
        for model, n in zip(found.panel.models, found.panel.left_out, strict=True)
        if n
    ]
    tables = [_ranks(found)] if len(found.models) > 2 else []
    return Section("comparison", "Which is better?", words, [chart], tables, notes)


def _ranks(found: Findings) -> Table:
    ranking = found.ranking
    assert not isinstance(ranking, str)
    originals = [None] * len(ranking) if ranking.original_ranks is None else ranking.original_ranks.tolist()
    holm = [*ranking.holm, None]
    rows = [
        [model, rank, (low, high), original, p]
        for model, rank, low, high, original, p in zip(
            ranking.models, ranking.ranks.tolist(), ranking.low.tolist(), ranking.high.tolist(), originals, holm, strict=True
        )
    ]
    names = [("rank by ReaL", COUNT), ("95 %", COUNT), ("rank by original", COUNT), ("Holm p, against the next", ".2g")]
    return Table("ranks", "Ranks", (Column("model"), *(Column(*name) for name in names)), rows)


def _mistakes(found: Findings, charts: dict[str, Chart | str]) -> Section:
    chart = charts["taxonomy"]
    assert not isinstance(chart, str)
    words = [
        "A mistake is a first class outside the valid ones of an image that has any. Each is of the first kind that "
        "fits: another name for a valid class; a class that is often valid together with a valid one, on other images; "
        "a class of the same group; a class that nobody was asked about; an image that was never rated; and the rest, "
        "which raters saw and rejected."
    ]
    reasons = dict.fromkeys(why for one in found.taxonomies for why in one.reasons.values())
    notes = [f"On the {len(found.panel.images):,} images that all models have seen."]
    notes += [f"A kind is not looked up: {why}." for why in reasons]
    known = [(model, result.mistakes) for model, result in found.evaluations.items() if result.mistakes is not None]
    columns = (Column("model"), *(Column(name, COUNT) for name in _MISTAKES.values()))
    rows = [[model, *(getattr(part, name) for name in _MISTAKES)] for model, part in known]
    tables = [Table("known", "What is known of the mistakes", columns, rows)] if rows else []
    return Section("taxonomy", "Mistakes by kind", words, [chart], tables, notes)


def explorers(found: Findings) -> list[Explorer]:
    """The long tables: classes, and what was predicted instead of which."""
    models = found.models[:_MOST_EXPLORED]
    left_out = len(found.models) - len(models)
    notes = [f"The {len(models)} best models; {left_out:,} more are not shown here."] if left_out else []
    return [
        Explorer(
            "classes",
            "Classes",
            [
                "For each class, the images of which it is a valid one; hits are those whose first class is any valid "
                "one. With some 50 images a class, an accuracy of 80 % has a 95 % interval of about 67 to 89 %."
            ],
            (
                Column("id", COUNT),
                Column("class"),
                Column("images", COUNT),
                Column("hits", COUNT),
                Column("accuracy %", ".1f"),
                Column("predicted", COUNT),
                Column("most often instead"),
                Column("times", COUNT),
            ),
            {model: _class_rows(found.evaluations[model]) for model in models},
            named=(1, 6),
            order=(4, False),
            notes=notes,
        ),
        Explorer(
            "confusions",
            "Confusions",
            [
                f"Valid class, and the class that was predicted instead, outside the valid ones; of each model the "
                f"{_MOST_CONFUSIONS} most frequent pairs. An image with several valid classes counts for each."
            ],
            (Column("valid class"), Column("predicted instead"), Column("images", COUNT)),
            {
                model: [list(row) for row in found.evaluations[model].per_class.confusions[:_MOST_CONFUSIONS]]
                for model in models
            },
            named=(0, 1),
            order=(2, True),
            notes=notes,
        ),
    ]


def _class_rows(result: Evaluation) -> list[list[Any]]:
    """id, class, images, hits, accuracy, predictions, what was said most often instead, and how often."""
    part = result.per_class
    instead: dict[int, tuple[int, int]] = {}
    for valid, said, n in part.confusions:
        instead.setdefault(valid, (said, n))
    rows = []
    for i in part.images.nonzero()[0].tolist():
        n, hits = int(part.images[i]), int(part.hits[i])
        rows.append([i, i, n, hits, round(100 * hits / n, 2), int(part.predictions[i]), *instead.get(i, (None, None))])
    return rows
