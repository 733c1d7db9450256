"""Sentences about comparisons, shared by all outputs."""

from collections.abc import Iterator

from reassess.comparison.label_uncertainty import LabelUncertainty
from reassess.comparison.pairs import Comparison
from reassess.comparison.panel import Panel
from reassess.comparison.ranking import Ranking
from reassess.errors import MissingResult
from reassess.text import count_noun, join_first

DIFFERENCE_EXPLANATION = (
    "95 % of a difference: percentile bootstrap over images; "
    "p: exact McNemar test; for the change, exact sign-flip test"
)
RATER_SCORES_MISSING = "scores from only the raters are missing"
TOO_FEW_FAMILIES = "too few families of models"
HOLM_EXPLANATION = (
    "Holm p: for the difference from the next model, corrected for all pairs of models, like all verdicts"
)


def describe_lead_probability(pair: Comparison, uncertainty: LabelUncertainty) -> str:
    """State in how many bootstrap samples, in percent, the model with the higher accuracy is also ahead."""
    first, second = (
        (pair.model_a, pair.model_b)
        if pair.real_hits.n_only_a >= pair.real_hits.n_only_b
        else (pair.model_b, pair.model_a)
    )
    share = 100 * uncertainty.probability_ahead(first, second)
    if share == 50 and not any(pair.real_hits.counts.values()):  # a tie in a replicate counts as one half
        return f"{first} and {second} are level in all replicates (images and raters resampled)"
    return f"{first} is ahead of {second} in {share:.1f} % of replicates (images and raters resampled)"


def describe_largest_difference(pair: Comparison) -> str:
    """State the difference in accuracy between the best and the worst of several models, with its interval."""
    hits = pair.real_hits
    low, high = hits.interval_over_raters or hits.interval or (None, None)
    bounds = "" if low is None or high is None else f" ({100 * low:.2f} to {100 * high:.2f})"
    p_value = hits.format_p_values()["corrected_p_value"]
    difference = f"{100 * (hits.mean_difference or 0):.2f} points{bounds}, p {p_value}"
    return f"Largest difference: {pair.model_a} is ahead of {pair.model_b} by {difference}"


def describe_significant_differences(ranking: Ranking, *, max_pairs: int = 5) -> Iterator[str]:
    """State how many pairs of models differ significantly, and list the pairs whose lead changes significantly."""
    gaps = ranking.gaps
    if gaps is None:
        return
    models = ranking.models
    gains = join_first(
        [f"{models[first]} gains on {models[second]}" for first, second in gaps.changed_pairs.tolist()],
        max_items=max_pairs,
    )
    yield (
        f"pairs of models that differ significantly: {gaps.n_by_original:,} of {gaps.n_pairs:,} by original "
        f"labels, {gaps.n_by_real:,} by reassessed labels; the lead changes significantly in "
        f"{len(gaps.changed_pairs):,}" + (f" ({gains})" if gains else "")
    )
    for change, pairs in (("vanish", gaps.vanished_pairs), ("are reversed", gaps.reversed_pairs)):
        if len(pairs):
            names = [f"{models[better]} before {models[worse]}" for better, worse in pairs.tolist()]
            first_names = join_first(names, max_items=max_pairs)
            yield f"differences by original labels that {change}: {len(pairs):,} ({first_names})"


def explain_ranking_by_shared_images(panel: Panel) -> Iterator[str]:
    """If models are measured on different images, explain that the ranking uses only shared images."""
    if any(panel.n_not_shared):
        yield (
            "each model is measured on its own images (not a ranking: the images differ); the order is by the "
            f"{len(panel.images):,} images that all models share"
        )


def describe_images_not_shared(panel: Panel) -> Iterator[str]:
    """State how many images of each model are missing from another model's predictions."""
    for model, count in zip(panel.models, panel.n_not_shared, strict=True):
        if count:
            yield f"{model}: {count_noun(count, 'image')} not shared: missing from another model's predictions"


def explain_rank_intervals(ranking: Ranking) -> str:
    """Explain in words how the intervals of ranks were computed."""
    return f"percentile bootstrap over images, {ranking.replicates:,} replicates, seed {ranking.seed}"


def explain_label_uncertainty(uncertainty: LabelUncertainty | MissingResult) -> Iterator[str]:
    """Explain how images and raters were resampled, and how labels changed; or why raters were not resampled."""
    if isinstance(uncertainty, MissingResult):
        yield f"label uncertainty is not measured: {uncertainty}"
        return
    yield (
        f"raters resampled: {uncertainty.n_replicates:,} replicates of images and of {uncertainty.n_raters:,} raters, "
        f"seed {uncertainty.seed}; label sets are made again from the votes (threshold {uncertainty.threshold:g})"
    )
    sets = uncertainty.label_counts_to_json()
    yield (
        f"{sets['rated_images']:,} rated images: {sets['labels']:,} labels, {sets['empty_images']:,} images without "
        f"labels; in replicates {sets['labels_in_replicates']:,.0f} labels, "
        f"{sets['empty_images_in_replicates']:,.0f} images without labels"
    )
    biases = [f"{100 * bias:+.2f}" for bias in (uncertainty.bias.min(), uncertainty.bias.max())]
    yield (
        "true labels: estimated accuracy by labels without raters' errors, if these are independent; raters' errors "
        f"change the accuracy by {' to '.join(dict.fromkeys(biases))} points"
    )
