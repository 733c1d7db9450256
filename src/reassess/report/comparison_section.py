"""The second section: differences between models."""

from collections.abc import Iterator

from reassess.comparison.findings import Findings
from reassess.comparison.pairs import Comparison
from reassess.report.chart import Chart, Section, table
from reassess.report.tables import COUNT, P_VALUE, TEXT, Table
from reassess.text import some

__all__ = ["standing"]

_MOST_VERDICTS = 5  # on neighbours


def standing(findings: Findings, chart: Chart | str) -> Section:
    """Verdicts, differences and ranks of several models."""
    ranking = findings.ranking
    key, title = "comparison", "Which is better?"
    if isinstance(chart, str) or isinstance(ranking, str):
        return Section(key=key, title=title, notes=[f"Not shown: {chart}."])
    words = [_verdict(pair, findings) for pair in ranking.neighbours[:_MOST_VERDICTS]]
    if (more := len(ranking.neighbours) - _MOST_VERDICTS) > 0:
        words.append(f"{more:,} more pairs of neighbours are in the table of ranks.")
    words += _gaps(findings)
    notes = [
        f"On the {len(findings.panel.images):,} images that all models have seen. Lines are 95 % percentile bootstrap "
        "intervals over images; where one contains 0, the two models cannot be told apart. p: McNemar's exact test."
    ]
    notes += [
        f"{model}: {n:,} images are left out because another model has not seen them."
        for model, n in zip(findings.panel.models, findings.panel.left_out, strict=True)
        if n
    ]
    if len(findings.models) == 2:
        return Section(key=key, title=title, words=words, charts=[chart], notes=notes)
    notes.append(
        f"Ranks: 95 % percentile bootstrap intervals over images, {ranking.replicates:,} replicates, seed "
        f"{ranking.seed}. Holm p: McNemar's test against the next model, corrected for the number of tests."
    )
    return Section(key=key, title=title, words=words, charts=[chart], tables=[_ranks(findings)], notes=notes)


def _verdict(pair: Comparison, findings: Findings) -> str:
    """Which of two models is better, and how probable that is when images and raters are resampled."""
    if isinstance(findings.unsure, str):
        return f"{pair.verdict}."
    chance = findings.unsure.probability(pair.a, pair.b)
    return f"{pair.verdict}. When images and raters are resampled, {pair.a} is ahead with probability {chance:.3f}."


def _gaps(findings: Findings) -> Iterator[str]:
    """Which gaps by the original labels remain by the re-assessed ones."""
    ranking = findings.ranking
    if isinstance(ranking, str) or ranking.gaps is None or ranking.gaps.pairs < 2:
        return
    gaps = ranking.gaps
    yield (
        f"Of {gaps.pairs:,} pairs of models, the original labels tell {gaps.by_original:,} apart, the re-assessed "
        f"labels {gaps.by_real:,}."
    )
    for change, pairs in (("vanish", gaps.vanished), ("are reversed", gaps.reversed)):
        if len(pairs):
            named = [f"{ranking.models[better]} before {ranking.models[other]}" for better, other in pairs.tolist()]
            yield f"Gaps by the original labels that {change} by the re-assessed ones: {some(named)}."


def _ranks(findings: Findings) -> Table:
    ranking = findings.ranking
    assert not isinstance(ranking, str)
    intervals = list(zip(ranking.low.tolist(), ranking.high.tolist(), strict=True))
    by_original = [None] * len(ranking) if ranking.original_ranks is None else ranking.original_ranks.tolist()
    columns = ranking.models, ranking.ranks.tolist(), intervals, by_original, [*ranking.holm, None]
    forms = {"model": TEXT, "rank by ReaL": COUNT, "95 %": COUNT, "rank by original": COUNT, "Holm p": P_VALUE}
    return table("ranks", "Ranks", forms, list(zip(*columns, strict=True)))
