"""What `reassess compare` prints: tables and what they mean, or the results of the JSON document."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from reassess.cli.common import Call, percent, percents, print_table, say
from reassess.comparison.co_occurrence import CoOccurrence
from reassess.comparison.label_uncertainty import LabelUncertainty
from reassess.comparison.labelling_bias import LabellingBias
from reassess.comparison.model_or_label import Preference
from reassess.comparison.pairs import NO_ORIGINAL, Comparison, Paired
from reassess.comparison.panel import Panel
from reassess.comparison.ranking import Gaps, Ranking
from reassess.core.classes import Classes
from reassess.text import some

__all__ = ["Compared", "print_compared", "to_json"]

_Part = TypeVar("_Part")
_NONE_SCORED = "no image is scored"


@dataclass(frozen=True, eq=False)
class Compared:
    """All that a comparison found; a text says why a part is missing."""

    panel: Panel
    pairs: Sequence[Comparison]
    ranking: Ranking | None
    unsure: LabelUncertainty | str
    preferences: Sequence[Preference] | str
    biases: Sequence[LabellingBias] | str
    together: CoOccurrence
    classes: Classes
    detected: dict[str, str]


def to_json(found: Compared) -> dict[str, Any]:
    """The results of the JSON document; what is null has its reason beside it."""
    panel, unsure = found.panel, found.unsure
    results: dict[str, Any] = {
        "common_images": len(panel.images),
        "scored": int(np.count_nonzero(panel.scored)),
        "left_out": dict(zip(panel.models, panel.left_out, strict=True)),
        "detected": found.detected,
        "pairs_are": "all" if len(found.pairs) == math.comb(len(panel.models), 2) else "neighbours in the ranking",
        "pairs": [pair.to_json() for pair in found.pairs],
        "co_occurrence": found.together.to_json(found.classes),
    }
    parts: dict[str, Any] = {
        "ranking": _NONE_SCORED if found.ranking is None else found.ranking.to_json(),
        "label_uncertainty": unsure if isinstance(unsure, str) else unsure.to_json([(p.a, p.b) for p in found.pairs]),
        "model_or_label": _each(found.preferences, lambda part: part.to_json()),
        "labelling_bias": _each(found.biases, lambda part: part.to_json(found.classes)),
    }
    for name, part in parts.items():
        results |= {name: None, f"{name}_reason": part} if isinstance(part, str) else {name: part}
    return results


def _each(parts: Sequence[_Part] | str, to_json: Callable[[_Part], dict[str, Any]]) -> list[dict[str, Any]] | str:
    return parts if isinstance(parts, str) else [to_json(part) for part in parts]


def print_compared(call: Call, found: Compared) -> None:
    """Two models as one comparison, more as a ranking; then what the numbers mean."""
    if len(found.panel.models) == 2:
        _print_pair(found.pairs[0], found.unsure)
    elif found.ranking is not None:
        _print_ranking(found.ranking, found.unsure)
    else:
        say(f"the models cannot be compared: {_NONE_SCORED}")
    for parts in (found.preferences, found.biases):
        for part in () if isinstance(parts, str) else parts:
            say(str(part))
    for line in _footnotes(found):
        call.note(line)


def _print_pair(pair: Comparison, unsure: LabelUncertainty | str) -> None:
    headings = ["labels", "images", "a %", "b %", "a - b", "95 %", "McNemar p", "only a", "only b"]
    rows = [_paired("ReaL", pair.real)]
    if isinstance(unsure, LabelUncertainty):
        bounds = _points(unsure.difference_interval(pair.a, pair.b))
        rows.append(["ReaL, images and raters", None, None, None, None, bounds, None, None, None])
    if pair.original is not None:
        rows.append(_paired("original", pair.original))
    print_table(headings, rows)
    say(f"a: {pair.a}\nb: {pair.b}\n{pair.verdict}")
    if isinstance(unsure, LabelUncertainty):
        say(_with_raters(pair, unsure))


def _with_raters(pair: Comparison, unsure: LabelUncertainty) -> str:
    """What is left of the verdict if the raters too are drawn anew."""
    first, second = (pair.a, pair.b) if pair.real.only_a >= pair.real.only_b else (pair.b, pair.a)
    low, high = unsure.difference_interval(first, second)
    doubt = " (the interval holds 0)" if low <= 0 <= high else ""
    chance = unsure.probability(first, second)
    return f"images and raters drawn anew: {first} is better than {second} with probability {chance:.3f}{doubt}"


def _paired(name: str, pair: Paired) -> list[str | None]:
    shares = [percent(part.value) for part in (pair.a, pair.b)]
    difference = None if pair.difference is None else f"{100 * pair.difference:+.2f}"
    tests = [_points(pair.interval), _p_value(pair.p_value)]
    return [name, f"{pair.n:,}", *shares, difference, *tests, f"{pair.only_a:,}", f"{pair.only_b:,}"]


def _print_ranking(ranking: Ranking, unsure: LabelUncertainty | str) -> None:
    columns: dict[str, list[str | None]] = {
        "file": list(ranking.models),
        "rank": [str(rank) for rank in ranking.ranks],
        "rank, 95 %": [f"{low} to {high}" for low, high in zip(ranking.low, ranking.high, strict=True)],
        "ReaL %": [percent(part.value) for part in ranking.real],
        "95 %": [percents(part.interval) for part in ranking.real],
    }
    if isinstance(unsure, LabelUncertainty):
        columns["95 %, raters too"] = [percents(unsure.interval(model)) for model in ranking.models]
    if ranking.original is not None and ranking.original_ranks is not None:
        columns["original %"] = [percent(part.value) for part in ranking.original]
        columns["original rank"] = [str(rank) for rank in ranking.original_ranks]
    ahead = [pair.real for pair in ranking.neighbours]
    columns["ahead of next"] = [*(_points(pair.interval) for pair in ahead), None]
    columns["Holm p"] = [*(_p_value(p) for p in ranking.holm), None]
    print_table(list(columns), zip(*columns.values(), strict=True))
    for pair in ranking.neighbours:
        say(pair.verdict)
    if ranking.gaps is not None:
        for line in _gaps(ranking.models, ranking.gaps):
            say(line)


def _gaps(models: tuple[str, ...], gaps: Gaps) -> Iterator[str]:
    """What becomes of the gaps by original labels."""
    yield (
        f"of {gaps.pairs:,} pairs of models, the original labels tell {gaps.by_original:,} apart, and the re-assessed "
        f"ones {gaps.by_real:,}"
    )
    for what, pairs in (("vanish", gaps.vanished), ("turn round", gaps.reversed)):
        if len(pairs):
            named = [f"{models[better]} before {models[other]}" for better, other in pairs.tolist()]
            yield f"gaps by original labels that {what}: {len(pairs):,} ({some(named)})"


def _footnotes(found: Compared) -> Iterator[str]:
    """What the numbers mean, what was left out, and why a part is missing."""
    yield "95 % of a difference: percentile bootstrap over images; p: McNemar's exact test"
    if len(found.panel.models) > 2 and found.ranking is not None:
        drawn = f"{found.ranking.replicates:,} replicates, seed {found.ranking.seed}"
        yield f"95 % of an accuracy: Wilson; of a rank: percentile bootstrap over images, {drawn}"
        yield "Holm p: McNemar's, corrected for the number of neighbours"
    if isinstance(found.unsure, LabelUncertainty):
        yield from _of_raters(found.unsure)
    else:
        yield f"the uncertainty of the labels is not measured: {found.unsure}"
    if not found.panel.original_known.any():
        yield f"no comparison by original labels: {NO_ORIGINAL}"
    elif isinstance(found.preferences, str):
        yield f"model or label: {found.preferences}"
    if len(found.together):
        yield f"classes that are valid together on most images: {some(list(_together(found)), most=3)}"
    for model, left_out in zip(found.panel.models, found.panel.left_out, strict=True):
        if left_out:
            yield f"{model}: {left_out:,} images left out, which another model has not seen"
        yield f"{model}: {found.detected[model]}"


def _together(found: Compared) -> Iterator[str]:
    for pair, images in zip(found.together.pairs.tolist(), found.together.images.tolist(), strict=True):
        yield f"{' and '.join(map(found.classes.label, pair))} ({images:,})"


def _of_raters(unsure: LabelUncertainty) -> Iterator[str]:
    sets = unsure.to_json([])["sets"]
    shifts = [unsure.shift(model) for model in unsure.models]
    yield (
        f"images and raters: {unsure.replicates:,} replicates, seed {unsure.seed}, of images and of {unsure.raters:,} "
        f"raters; label sets made of their votes at threshold {unsure.threshold:g}"
    )
    yield (
        f"  of {sets['rated_images']:,} rated images, replicates have {sets['labels_in_replicates']:,.0f} labels "
        f"(the original {sets['labels']:,}) and {sets['empty_images_in_replicates']:,.0f} images without "
        f"({sets['empty_images']:,})"
    )
    low, high = (f"{100 * shift:+.2f}" for shift in (min(shifts), max(shifts)))
    moved = low if low == high else f"{low} to {high}"
    yield f"  that shifts accuracies by {moved} points, by which the intervals are moved back"


def _points(interval: tuple[float, float] | None) -> str | None:
    return None if interval is None else "{:+.2f} to {:+.2f}".format(*(100 * bound for bound in interval))


def _p_value(p: float | None) -> str | None:
    return None if p is None else f"{p:.2g}" if p else "< 1e-300"
