"""The second section: which model is better?"""

from collections.abc import Iterator

from reassess.comparison.findings import Findings
from reassess.comparison.pairs import Comparison
from reassess.report.chart import Chart, Section, table
from reassess.report.tables import COUNT, P_VALUE, TEXT, Table
from reassess.text import some

__all__ = ["standing"]

_MOST_VERDICTS = 5  # on neighbours


def standing(found: Findings, chart: Chart | str) -> Section:
    """Verdicts, differences and ranks of several models."""
    ranking = found.ranking
    key, title = "comparison", "Which is better?"
    if isinstance(chart, str) or isinstance(ranking, str):
        return Section(key, title, notes=[f"Not shown: {chart}."])
    words = [_verdict(pair, found) for pair in ranking.neighbours[:_MOST_VERDICTS]]
    if (more := len(ranking.neighbours) - _MOST_VERDICTS) > 0:
        words.append(f"{more:,} more neighbours: see the ranks.")
    words += _gaps(found)
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


def _verdict(pair: Comparison, found: Findings) -> str:
    """Which of two models is better, and how sure that is if the raters too are drawn anew."""
    if isinstance(found.unsure, str):
        return f"{pair.verdict}."
    chance = found.unsure.probability(pair.a, pair.b)
    return f"{pair.verdict}. Images and raters drawn anew, {pair.a} is ahead with probability {chance:.3f}."


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
