"""What a comparison found, in words that every output shares."""

from collections.abc import Iterator

from reassess.comparison.label_uncertainty import LabelUncertainty
from reassess.comparison.pairs import Comparison
from reassess.comparison.panel import Panel
from reassess.comparison.ranking import Ranking
from reassess.errors import Missing
from reassess.text import counted, some

DIFFERENCE_EXPLAINED = (
    "95 % of a difference: percentile bootstrap over images; "
    "p: exact McNemar test; for the change, exact sign-flip test"
)
NO_RATERS_ALONE = "scores from the raters alone are missing"
TOO_FEW_FAMILIES = "too few families of models"
HOLM_EXPLAINED = "Holm p: for the difference from the next model, corrected for all pairs of models, like all verdicts"


def probability_in_words(pair: Comparison, uncertainty: LabelUncertainty) -> str:
    """In how many replicates of images and raters which model is better; the one with more hits comes first."""
    first, second = (pair.a, pair.b) if pair.real.only_a >= pair.real.only_b else (pair.b, pair.a)
    share = 100 * uncertainty.probability(first, second)
    if share == 50 and not any(pair.real.counts.values()):  # ties of replicates count as one half
        return f"{first} and {second} are level in all replicates (images and raters resampled)"
    return f"{first} is ahead of {second} in {share:.1f} % of replicates (images and raters resampled)"


def gaps_in_words(ranking: Ranking, *, most: int = 5) -> Iterator[str]:
    """Say how many pairs differ significantly by original and by reassessed labels; nothing without original labels."""
    gaps = ranking.gaps
    if gaps is None:
        return
    models = ranking.models
    gains = some([f"{models[gaining]} gains on {models[other]}" for gaining, other in gaps.changed.tolist()], most=most)
    yield (
        f"of {counted(gaps.pairs, 'pair')} of models, {gaps.by_original:,} differ significantly by original labels, "
        f"{gaps.by_real:,} by reassessed labels; the lead changes significantly in {len(gaps.changed):,}"
        + (f" ({gains})" if gains else "")
    )
    for change, pairs in (("vanish", gaps.vanished), ("are reversed", gaps.reversed)):
        if len(pairs):
            named = [f"{models[better]} before {models[other]}" for better, other in pairs.tolist()]
            yield f"differences by original labels that {change}: {len(pairs):,} ({some(named, most=most)})"


def unlike_images(panel: Panel) -> Iterator[str]:
    """Say that accuracies on each model's own images are not a ranking; nothing if all models have the same images."""
    if any(panel.not_shared):
        yield (
            "each model is measured on its own images (not a ranking: the images differ); the order is by the "
            f"{len(panel.images):,} images that all models share"
        )


def not_shared_in_words(panel: Panel) -> Iterator[str]:
    """Count the images of each model that another model does not have."""
    for model, count in zip(panel.models, panel.not_shared, strict=True):
        if count:
            yield f"{model}: {counted(count, 'image')} not shared: missing from another model's predictions"


def ranks_explained(ranking: Ranking) -> str:
    """How the intervals of ranks were made."""
    return f"percentile bootstrap over images, {ranking.replicates:,} replicates, seed {ranking.seed}"


def uncertainty_explained(uncertainty: LabelUncertainty | Missing) -> Iterator[str]:
    """Say how images and raters were resampled, and what it does to labels and accuracies; or why it was not done."""
    if isinstance(uncertainty, Missing):
        yield f"the uncertainty of the labels is not measured: {uncertainty}"
        return
    yield (
        f"raters resampled: {uncertainty.replicates:,} replicates, seed {uncertainty.seed}, of images and of "
        f"{uncertainty.raters:,} raters; label sets are made again from the votes (threshold "
        f"{uncertainty.threshold:g})"
    )
    sets = uncertainty.sets_to_json()
    yield (
        f"{sets['rated_images']:,} rated images: {sets['labels']:,} labels, {sets['empty_images']:,} images without; "
        f"in replicates {sets['labels_in_replicates']:,.0f} labels, {sets['empty_images_in_replicates']:,.0f} images "
        "without"
    )
    biases = [f"{100 * bias:+.2f}" for bias in (uncertainty.bias.min(), uncertainty.bias.max())]
    yield (
        "true labels: accuracy by labels without raters' errors, if these are independent; "
        f"it differs by {' to '.join(dict.fromkeys(biases))} points"
    )
