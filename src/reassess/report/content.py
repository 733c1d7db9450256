"""What a page shows: sections of words, charts, tables and notes, made from findings; nothing here knows HTML."""

from collections.abc import Mapping

from reassess.comparison.findings import Findings
from reassess.core.missing import Missing
from reassess.evaluation.words import MISTAKES_IN_WORDS
from reassess.report.accuracy_section import headline
from reassess.report.chart import Chart, Section, table
from reassess.report.charts import CHARTS
from reassess.report.comparison_section import standing
from reassess.report.mistake_charts import KINDS_IN_WORDS
from reassess.report.tables import COUNT, TEXT

__all__ = ["sections"]

_Charts = Mapping[str, Chart | Missing]
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


def sections(found: Findings) -> list[Section]:
    """The parts of the page in their order; a part that cannot be shown says why."""
    charts = {kind: make(found) for kind, make in CHARTS.items()}
    return [
        headline(found, charts["scatter"]),
        *([] if len(found.models) < 2 else [standing(found, charts["differences"])]),
        *([] if found.leaderboard is None else [_about(charts, "leaderboard")]),
        _about(charts, "label-count"),
        _mistakes(found, charts),
        *(_about(charts, kind) for kind in ("model-or-label", "labelling-bias", "curve")),
    ]


def _about(charts: _Charts, kind: str) -> Section:
    title, words = _ABOUT[kind]
    chart = charts[kind]
    if isinstance(chart, Missing):
        return Section(kind, title, notes=[f"Not shown: {chart}."])
    return Section(kind, title, [words], [chart])


def _mistakes(found: Findings, charts: _Charts) -> Section:
    chart = charts["taxonomy"]
    words = (
        "A mistake is a first class outside the valid ones of an image that has any. Each is of the first kind that "
        "fits: another name for a valid class, or one that includes it; a class that is often valid together with a "
        "valid one, on other images; a class of the same group; a class that nobody was asked about; an image that was "
        "never rated; and the rest."
    )
    reasons = {kind: why for one in found.taxonomies for kind, why in one.reasons.items()}
    notes = [f"On the {len(found.panel.images):,} images that all models have seen."]
    notes += [f"Not looked up: {KINDS_IN_WORDS[kind]}: {why}." for kind, why in reasons.items()]
    known = [(model, result.mistakes) for model, result in found.evaluations.items() if result.mistakes is not None]
    rows = [[model, *(getattr(part, name) for name in MISTAKES_IN_WORDS)] for model, part in known]
    columns = {"model": TEXT} | dict.fromkeys(MISTAKES_IN_WORDS.values(), COUNT)
    tables = [table("known", "All mistakes by what is known of the predicted class", columns, rows)] if rows else []
    if isinstance(chart, Missing):
        return Section("taxonomy", "Mistakes by kind", notes=[f"Not shown: {chart}."])
    return Section("taxonomy", "Mistakes by kind", [words], [chart], tables, notes)
