"""The second section: which model is better?"""

from reassess.comparison.findings import Findings
from reassess.comparison.pairs import Comparison
from reassess.comparison.words import (
    HOLM_EXPLAINED,
    gaps_in_words,
    panel_left_out,
    probability_in_words,
    ranks_explained,
)
from reassess.core.missing import Missing
from reassess.report.chart import Chart, Section, table
from reassess.report.tables import COUNT, P_VALUE, TEXT, Table

__all__ = ["standing"]

_MOST_VERDICTS = 5  # on neighbours


def standing(found: Findings, chart: Chart | Missing) -> Section:
    """Verdicts, differences and ranks of several models."""
    ranking = found.ranking
    key, title = "comparison", "Which is better?"
    if isinstance(chart, Missing) or isinstance(ranking, Missing):
        return Section(key, title, notes=[f"Not shown: {chart}."])
    words = [_verdict(pair, found) for pair in ranking.neighbours[:_MOST_VERDICTS]]
    if (more := len(ranking.neighbours) - _MOST_VERDICTS) > 0:
        words.append(f"{more:,} more neighbours: see the ranks.")
    if ranking.gaps is not None and ranking.gaps.pairs > 1:
        words += [f"{sentence[0].upper()}{sentence[1:]}." for sentence in gaps_in_words(ranking)]
    notes = [
        f"On the {len(found.panel.images):,} images that all models have seen. Lines are 95 % percentile bootstrap "
        "intervals over images; one that holds 0 does not tell the two models apart. p is of McNemar's exact test."
    ]
    notes += [f"{text}." for text in panel_left_out(found.panel)]
    if len(found.models) == 2:
        return Section(key, title, words, [chart], notes=notes)
    notes.append(f"Rank, 95 %: {ranks_explained(ranking)}. {HOLM_EXPLAINED}.")
    return Section(key, title, words, [chart], [_ranks(found)], notes)


def _verdict(pair: Comparison, found: Findings) -> str:
    """Which of two models is better, and how sure that is if the raters too are drawn anew."""
    if isinstance(found.uncertainty, Missing):
        return f"{pair.verdict}."
    return f"{pair.verdict}; {probability_in_words(pair, found.uncertainty)}."


def _ranks(found: Findings) -> Table:
    ranking = found.ranking
    assert not isinstance(ranking, Missing)
    intervals = list(zip(ranking.low.tolist(), ranking.high.tolist(), strict=True))
    by_original = [None] * len(ranking) if ranking.original_ranks is None else ranking.original_ranks.tolist()
    columns = ranking.models, ranking.ranks.tolist(), intervals, by_original, [*ranking.holm, None]
    forms = {"model": TEXT, "rank by ReaL": COUNT, "95 %": COUNT, "rank by original": COUNT, "Holm p": P_VALUE}
    return table("ranks", "Ranks", forms, list(zip(*columns, strict=True)))
