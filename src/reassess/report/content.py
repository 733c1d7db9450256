"""The sections of a page (words, charts, tables, notes), made from findings and independent of HTML."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from reassess.comparison.findings import Findings
from reassess.comparison.taxonomy import KINDS_IN_WORDS
from reassess.core.missing import Missing
from reassess.evaluation.words import MISTAKES_IN_WORDS
from reassess.report.accuracy_section import headline
from reassess.report.chart import Chart, Section, missing_section, table
from reassess.report.charts import CHARTS
from reassess.report.comparison_section import standing
from reassess.report.tables import COUNT, TEXT

__all__ = ["sections"]

_Charts = Mapping[str, Chart | Missing]
_ABOUT = {
    "leaderboard": (
        "On the leaderboard",
        "Grey points are public results, stars are the models of this report. The expected accuracy is that of the "
        "line through the rows nearest in original accuracy; 95 % of models of the same original accuracy, and of "
        "families that are not among the public results, lie in the interval beside it.",
    ),
    "label-count": (
        "By number of valid classes",
        "Images that show several things have several valid classes, and a prediction of any of them is right. Lines "
        "are 95 % Wilson intervals over images. The highest numbers of classes have few images and are pooled in the "
        "chart; the table lists each number.",
    ),
    "model-or-label": (
        "Model or label?",
        "Where the model's first class is not the original label and raters were asked about the model's class: which "
        "of the two classes has the higher score? Scores may count the original label itself as a vote; the raters "
        "alone do not.",
    ),
    "labelling-bias": (
        "Fitting to the labelling",
        "On images with several valid classes, where the model predicts one of them and the original label is one of "
        "them: how often are the two the same? A model that knows the valid classes but not how the images were "
        "labelled agrees by chance only; one that says the valid class of which the raters are surest, by their votes "
        "alone, agrees as often as the raters' favourite is the original label. Lines are 95 % Wilson intervals over "
        "images; p: exact two-sided test against chance.",
    ),
    "curve": (
        "Precision and recall of the labels",
        "How good the labels themselves are: scores of (image, class) pairs against the answers of experts. In-sample "
        "means that the scores were made with the same answers that they are measured against; where they could be "
        "made again, a second curve shows scores made without the image in question. Bands and crosses are 95 % "
        "bootstrap intervals over images.",
    ),
}


def sections(findings: Findings, *, track: Callable[[Sequence[str]], Iterable[str]] = iter) -> list[Section]:
    """The sections of the page in order; a section that cannot be shown gives the reason.

    Parameters
    ----------
    findings
        What they show.
    track
        Passes on the kinds of charts, so that progress can be shown.
    """
    charts = {kind: CHARTS[kind](findings) for kind in track(list(CHARTS))}
    return [
        headline(findings, charts["scatter"]),
        *([] if len(findings.models) < 2 else [standing(findings, charts["differences"])]),
        *([] if findings.leaderboard is None else [_about(charts, "leaderboard")]),
        _about(charts, "label-count"),
        _mistakes(findings, charts),
        *(_about(charts, kind) for kind in ("model-or-label", "labelling-bias", "curve")),
    ]


def _about(charts: _Charts, kind: str) -> Section:
    title, words = _ABOUT[kind]
    chart = charts[kind]
    if isinstance(chart, Missing):
        return missing_section(kind, title, chart, half=True)
    return Section(key=kind, title=title, words=[words], charts=[chart], half=True)


def _mistakes(findings: Findings, charts: _Charts) -> Section:
    chart, title = charts["taxonomy"], "Mistakes by kind"
    words = (
        "A mistake is a first class that is not valid, on an image with at least one valid class. Each mistake is of "
        "the first kind that applies. Collapsed: another name for a valid class, or a class that includes it. "
        "Co-occurring: often valid together with a valid class, on other images. Same group: of one group with a "
        "valid class. Never proposed: nobody was asked about the class, though people were asked about the image. On "
        "images never rated: nobody was asked about the image. Remaining: none of these; where scores are at hand, "
        "people were asked about the class, and the label set leaves it out."
    )
    reasons = {kind: why for one in findings.taxonomies for kind, why in one.reasons.items()}
    notes = [f"On the {len(findings.panel.images):,} images that all models have seen."]
    notes += [f"Not counted: {KINDS_IN_WORDS[kind]}: {why}." for kind, why in reasons.items()]
    known = [(model, result.mistakes) for model, result in findings.evaluations.items() if result.mistakes is not None]
    rows = [[model, *(getattr(part, name) for name in MISTAKES_IN_WORDS)] for model, part in known]
    columns = {"model": TEXT} | dict.fromkeys(MISTAKES_IN_WORDS.values(), COUNT)
    tables = (
        [table("known", "All mistakes by what raters answered about the predicted class", columns, rows)]
        if rows
        else []
    )
    if isinstance(chart, Missing):
        return missing_section("taxonomy", title, chart, half=True)
    return Section(key="taxonomy", title=title, words=[words], charts=[chart], tables=tables, notes=notes, half=True)
