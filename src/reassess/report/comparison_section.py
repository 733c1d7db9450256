"""The second section: differences between models."""

from reassess.comparison.findings import Findings
from reassess.comparison.pairs import Comparison
from reassess.comparison.words import (
    DIFFERENCE_EXPLAINED,
    HOLM_EXPLAINED,
    gaps_in_words,
    panel_left_out,
    probability_in_words,
    ranks_explained,
)
from reassess.core.missing import Missing
from reassess.evaluation.words import heading
from reassess.report.chart import Chart, Section, missing_section, table
from reassess.report.style import sentence
from reassess.report.tables import COUNT, P_VALUE, TEXT, Table
from reassess.text import counted

__all__ = ["standing"]

_MOST_VERDICTS = 5  # on neighbours


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
    if ranking.gaps is not None and ranking.gaps.pairs > 1:
        words += map(sentence, gaps_in_words(ranking, most=1))
    notes = [
        f"On the {len(findings.panel.images):,} images that all models have seen. {DIFFERENCE_EXPLAINED}. "
        "The two models cannot be told apart where the interval that counts raters too, or the other where there is "
        "none, contains 0, nor where the p-value, corrected by Holm for all pairs of models, is 0.05 or more."
    ]
    notes += [f"{text}." for text in panel_left_out(findings.panel)]
    if len(findings.models) == 2:
        return Section(key=key, title=title, words=words, charts=[chart], notes=notes)
    notes.append(f"Rank, 95 %: {ranks_explained(ranking)}. {HOLM_EXPLAINED}.")
    return Section(key=key, title=title, words=words, charts=[chart], tables=[_ranks(findings)], notes=notes)


def _verdict(pair: Comparison, findings: Findings) -> str:
    """Which of two models is better, and how probable that is when images and raters are resampled."""
    if isinstance(findings.uncertainty, Missing):
        return f"{pair.verdict}."
    return f"{pair.verdict}; {probability_in_words(pair, findings.uncertainty)}."


def _ranks(findings: Findings) -> Table:
    ranking = findings.ranking
    assert not isinstance(ranking, Missing)
    intervals = list(zip(ranking.low.tolist(), ranking.high.tolist(), strict=True))
    by_original = [None] * len(ranking) if ranking.original_ranks is None else ranking.original_ranks.tolist()
    columns = (
        ranking.models,
        ranking.ranks.tolist(),
        intervals,
        by_original,
        [*(pair.real.holm for pair in ranking.neighbours), None],
    )
    by_judge = f"rank by {heading(findings.labels.title)}"
    forms = {"model": TEXT, by_judge: COUNT, "95 %": COUNT, "rank by original": COUNT, "Holm p": P_VALUE}
    return table("ranks", "Ranks", forms, list(zip(*columns, strict=True)))
