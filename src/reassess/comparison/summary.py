"""Summary of findings in a few sentences, which claim only what corrected tests and intervals support."""

from collections.abc import Iterator

from reassess.comparison.comparison_words import describe_lead_probability, describe_significant_differences
from reassess.comparison.findings import Findings
from reassess.comparison.mistake_kinds import ERROR_KINDS
from reassess.errors import MissingResult
from reassess.evaluation.result import describe_mistakes_by_original
from reassess.numeric import Proportion
from reassess.text import count_noun, format_percent, format_percent_interval, join_and

_KIND_DESCRIPTIONS = {
    "collapsed": "another name for a valid class, or a class that includes it",
    "co_occurring": "a class that is often valid together with a valid one",
    "same_group": "a class in the same group as a valid one",
    "no_class": "an unknown class",
    "not_asked": "a class that raters were never asked about",
    "never_rated": "a class on an unrated image",
    "remaining": "a class that raters were asked about and rejected",
}


def summarize_findings(findings: Findings) -> list[str]:
    """Describe the labels, the best model and its mistakes in three to six sentences."""
    sentences = [_describe_labels(findings)]
    if findings.panel.is_scored.any():
        sentences += [
            *_describe_best_model(findings),
            *_describe_mistakes_by_original(findings),
            *_describe_mistakes(findings),
            *_describe_model_or_label_preference(findings),
        ]
    return [f"{sentence}." for sentence in sentences]


def _describe_labels(findings: Findings) -> str:
    """Describe the labels in a sentence."""
    labels, level = findings.labels, findings.original_label_accuracy
    rated = len(labels) - labels.n_empty_images
    average = f", {labels.indices.size / rated:.2f} on average" if rated else ""
    words = f"By the {labels.title} labels, {rated:,} of {count_noun(len(labels), 'image')} have a valid class{average}"
    if level is None or level.value is None:
        return words
    share = f"{format_percent(level.value)} %" if findings.rated_images_text else _format_percent(level)
    unrated = f". {findings.rated_images_text}" if findings.rated_images_text else ""
    return f"{words}{unrated}. The original label is valid for {share} of the images with a valid class"


def _describe_best_model(findings: Findings) -> Iterator[str]:
    """Yield sentences about the most accurate model, and about significant differences."""
    ranking = findings.ranking
    if isinstance(ranking, MissingResult):
        (model,) = findings.models
        real = findings.evaluations[model].real_accuracy[1] if findings.evaluations else None
        if real is not None and real.value is not None:
            yield f"{model} has an accuracy of {_format_percent(real)}"
        return
    ties = int((ranking.ranks == 1).sum())
    best, others = ranking.models[:ties], ranking.models[ties:]
    not_worse = [
        other
        for other in others
        if not all(findings.compare(best_model, other).real_hits.winner_sign for best_model in best)
    ]
    has, verb = ("has", "is") if ties == 1 else ("have", "are")
    words = f"{join_and(best)} {has} the highest accuracy, {_format_percent(ranking.real_accuracies[0])}"
    if not_worse:
        words += f", but {verb} not significantly better than {join_and(not_worse)}"
    elif others:
        rest = others[0] if len(others) == 1 else f"each of the {len(others):,} others"
        words += f", and {verb} significantly better than {rest}"
        words += "" if len(others) == 1 else ", by tests corrected for all pairs"
    if not isinstance(findings.uncertainty, MissingResult):
        words += f"; {describe_lead_probability(ranking.neighbours[0], findings.uncertainty)}"
    yield words
    if ranking.gaps is not None and ranking.gaps.n_pairs > 1:
        first = next(describe_significant_differences(ranking, max_pairs=1))
        yield f"{first[0].upper()}{first[1:]}"


def _describe_mistakes_by_original(findings: Findings) -> Iterator[str]:
    """Yield a sentence on how many predictions of the best model are wrong only by the original labels."""
    for model, evaluation in list(findings.evaluations.items())[:1]:
        if words := describe_mistakes_by_original(evaluation):
            yield f"{model}: {words}"


def _describe_mistakes(findings: Findings) -> Iterator[str]:
    """Yield a sentence about the best model's most frequent kind of mistake."""
    model = findings.models[0]
    (mistakes,) = (model_mistakes for model_mistakes in findings.classified_mistakes if model_mistakes.model == model)
    if not len(mistakes):
        yield f"{model} makes no mistake"
        return
    counts = {kind: mistakes.counts[kind] or 0 for kind in ERROR_KINDS}
    kind = max(counts, key=lambda name: counts[name])
    n, total = counts[kind], len(mistakes)
    if kind == "remaining" and findings.scores is None:
        which = f"the kind of {n:,} of them" if n < total else "its kind" if n == 1 else "their kind"
        yield f"{model} makes {count_noun(total, 'mistake')}; {which} is unknown: scores are missing"
        return
    verb = "are" if 1 < total < 2 * n else "is"
    yield f"{_describe_share(n, total)} of {model} {verb} of one kind: {_KIND_DESCRIPTIONS[kind]} ({n:,} of {total:,})"


def _describe_share(n: int, total: int) -> str:
    """Describe `n` of `total` mistakes in words, such as "Most of the mistakes"."""
    if n == total:
        return "All of the mistakes" if n > 1 else "The only mistake"
    return "Most of the mistakes" if 2 * n > total else "The largest part of the mistakes"


def _describe_model_or_label_preference(findings: Findings) -> Iterator[str]:
    """Yield a sentence: how often raters prefer the best model's class to a different original label."""
    if isinstance(findings.model_or_label_preferences, MissingResult):
        return
    best = findings.model_or_label_preferences[0]
    counts = (
        best.total.preferences_by_scores
        if best.total.preferences_by_raters is None
        else best.total.preferences_by_raters
    )
    preferring = counts.share_preferring_model
    if preferring.n:
        judges = "the scores" if best.total.preferences_by_raters is None else "raters"
        yield (
            f"Where {best.model} and the original label differ, {judges} prefer the model's class on "
            f"{_format_percent(preferring)} of {count_noun(preferring.n, 'compared image')}"
        )


def _format_percent(proportion: Proportion) -> str:
    assert proportion.value is not None
    assert proportion.interval is not None
    return f"{format_percent(proportion.value)} % ({format_percent_interval(proportion.interval)})"
