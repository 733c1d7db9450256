"""What `reassess compare` prints, as tables and as JSON."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from reassess.cli.common import Call, percent, percents, print_table, say
from reassess.comparison.differences import Change, Difference
from reassess.comparison.findings import Findings
from reassess.comparison.label_uncertainty import LabelUncertainty
from reassess.comparison.pairs import NO_ORIGINAL, Comparison, Paired
from reassess.comparison.ranking import Ranking
from reassess.comparison.words import (
    DIFFERENCE_EXPLAINED,
    HOLM_EXPLAINED,
    gaps_in_words,
    panel_left_out,
    probability_in_words,
    ranks_explained,
    uncertainty_explained,
)
from reassess.core.missing import Missing
from reassess.evaluation.words import heading
from reassess.text import some

__all__ = ["print_compared", "to_json"]

_Part = TypeVar("_Part")


def to_json(findings: Findings) -> dict[str, Any]:
    """The results of the JSON document; what is null has its reason beside it."""
    panel, uncertainty, ranking = findings.panel, findings.uncertainty, findings.ranking
    pairs = [(pair.a, pair.b) for pair in findings.pairs]
    results: dict[str, Any] = {
        "label_set": findings.labels.title,
        "common_images": len(panel.images),
        "scored": int(np.count_nonzero(panel.scored)),
        "left_out": dict(zip(panel.models, panel.left_out, strict=True)),
        "detected": {model: findings.evaluations[model].detected for model in panel.models},
        "class_lists": {
            model: other.to_json(findings.classes) if (other := findings.class_lists.get(model)) else None
            for model in panel.models
        },
        "pairs_are": "all" if len(pairs) == math.comb(len(panel.models), 2) else "neighbours in the ranking",
        "pairs": [pair.to_json() for pair in findings.pairs],
        "co_occurrence": findings.co_occurrence.to_json(findings.classes),
    }
    parts: dict[str, Any] = {
        "ranking": ranking if isinstance(ranking, Missing) else ranking.to_json(),
        "label_uncertainty": uncertainty if isinstance(uncertainty, Missing) else uncertainty.to_json(pairs),
        "model_or_label": _each(findings.preferences, lambda part: part.to_json()),
        "labelling_bias": _each(findings.biases, lambda part: part.to_json(findings.classes)),
    }
    for name, part in parts.items():
        results |= {name: None, f"{name}_reason": part.why} if isinstance(part, Missing) else {name: part}
    return results


def _each(
    parts: Sequence[_Part] | Missing, to_json: Callable[[_Part], dict[str, Any]]
) -> list[dict[str, Any]] | Missing:
    return parts if isinstance(parts, Missing) else [to_json(part) for part in parts]


def print_compared(call: Call, findings: Findings) -> None:
    """Two models as one comparison, more as a ranking; then what the numbers mean."""
    if len(findings.panel.models) == 2:
        _print_pair(findings.pairs[0], findings.uncertainty)
    elif isinstance(findings.ranking, Missing):
        say(f"the models cannot be compared: {findings.ranking}")
    else:
        _print_ranking(findings.ranking, findings.uncertainty, heading(findings.labels.title))
    for parts in (findings.preferences, findings.biases):
        for part in () if isinstance(parts, Missing) else parts:
            say(str(part))
    for line in _footnotes(findings):
        call.note(line)


def _print_pair(pair: Comparison, uncertainty: LabelUncertainty | Missing) -> None:
    headings = ["labels", "images", "a %", "b %", "a - b", "95 %", "p", "only a", "only b"]
    rows = []
    for name, part in pair.rows.items():
        rows.append(_difference(name, part))
        if part.deviation is not None:
            tested = _points(part.raters_interval), _p_cell(part, "raters_p_value")
            rows.append([f"{name}, raters too", None, None, None, None, *tested, None, None])
    print_table(headings, rows)
    say(f"a: {pair.a}\nb: {pair.b}\n{pair.verdict}")
    if not isinstance(uncertainty, Missing):
        say(probability_in_words(pair, uncertainty))


def _difference(name: str, part: Paired | Change) -> list[str | None]:
    difference = None if part.difference is None else f"{100 * part.difference:+.2f}"
    cells = [difference, _points(part.interval), _p_cell(part, "p_value")]
    if isinstance(part, Change):
        return [name, f"{part.n:,}", None, None, *cells, None, None]
    shares = percent(part.a.value), percent(part.b.value)
    return [name, f"{part.n:,}", *shares, *cells, f"{part.only_a:,}", f"{part.only_b:,}"]


def _print_ranking(ranking: Ranking, uncertainty: LabelUncertainty | Missing, judge: str) -> None:
    columns: list[tuple[str, list[str | None]]] = [
        ("file", list(ranking.models)),
        ("rank", [str(rank) for rank in ranking.ranks]),
        ("rank, 95 %", [f"{low} to {high}" for low, high in zip(ranking.low, ranking.high, strict=True)]),
        (f"{judge} %", [percent(part.value) for part in ranking.real]),
        ("95 %", [percents(part.interval) for part in ranking.real]),
    ]
    if not isinstance(uncertainty, Missing):
        columns.append(("true labels, 95 %", [percents(uncertainty.interval(model)) for model in ranking.models]))
    if ranking.original is not None and ranking.original_ranks is not None:
        columns.append(("original %", [percent(part.value) for part in ranking.original]))
        columns.append(("original rank", [str(rank) for rank in ranking.original_ranks]))
    ahead = [pair.real for pair in ranking.neighbours]
    columns.append(("ahead of next", [*(_points(pair.raters_interval or pair.interval) for pair in ahead), None]))
    columns.append(("Holm p", [*(_p_cell(pair, "corrected") for pair in ahead), None]))
    headings, cells = zip(*columns, strict=True)
    print_table(headings, zip(*cells, strict=True))
    for pair in ranking.neighbours:
        say(pair.verdict)
    for line in gaps_in_words(ranking):
        say(line)


def _footnotes(findings: Findings) -> Iterator[str]:
    """What the numbers mean, what was left out, and why a part is missing."""
    panel, ranking = findings.panel, findings.ranking
    yield DIFFERENCE_EXPLAINED
    if len(panel.models) > 2 and not isinstance(ranking, Missing):
        yield f"95 % of an accuracy: Wilson; of a rank: {ranks_explained(ranking)}"
        yield HOLM_EXPLAINED
    yield from uncertainty_explained(findings.uncertainty)
    if not panel.original_known.any():
        yield f"no comparison by original labels: {NO_ORIGINAL}"
    elif isinstance(findings.preferences, Missing):
        yield f"model or label: {findings.preferences}"
    together, label = findings.co_occurrence, findings.classes.label
    if len(together):
        pairs = zip(together.pairs.tolist(), together.images.tolist(), strict=True)
        named = [f"{label(first)} and {label(second)} ({images:,})" for (first, second), images in pairs]
        yield f"classes that are valid together on most images: {some(named, most=3)}"
    yield from panel_left_out(panel)
    for model in panel.models:
        yield f"{model}: {findings.evaluations[model].detected}"


def _points(interval: tuple[float, float] | None) -> str | None:
    return None if interval is None else "{:+.2f} to {:+.2f}".format(*(100 * bound for bound in interval))


def _p_cell(part: Difference, name: str) -> str | None:
    text = part.p_texts().get(name)
    return None if text is None else text.removeprefix("= ")
