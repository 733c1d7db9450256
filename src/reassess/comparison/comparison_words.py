"""What a comparison found, in words that every output shares."""

from collections.abc import Iterator

from reassess.comparison.label_uncertainty import LabelUncertainty
from reassess.comparison.pairs import Comparison
from reassess.comparison.panel import Panel
from reassess.comparison.ranking import Ranking
from reassess.errors import Missing
from reassess.text import some

__all__ = [
    "DIFFERENCE_EXPLAINED",
    "HOLM_EXPLAINED",
    "NO_RATERS_ALONE",
    "TOO_FEW_FAMILIES",
    "gaps_in_words",
    "not_shared_in_words",
    "probability_in_words",
    "ranks_explained",
    "uncertainty_explained",
    "unlike_images",
]

DIFFERENCE_EXPLAINED = (
    "95 % of a difference: percentile bootstrap over images; p: McNemar's exact test, of the change exact sign flips"
)
NO_RATERS_ALONE = "no scores from the raters alone are at hand"
TOO_FEW_FAMILIES = "too few families of models"
HOLM_EXPLAINED = "Holm p: of the difference from the next model, corrected for all pairs of models, as are all verdicts"


def probability_in_words(pair: Comparison, uncertainty: LabelUncertainty) -> str:
    """In how many replicates of images and raters which model is better; the one with more hits comes first."""
    first, second = (pair.a, pair.b) if pair.real.only_a >= pair.real.only_b else (pair.b, pair.a)
    share = 100 * uncertainty.probability(first, second)
    if share == 50 and not any(pair.real.counts.values()):  # ties of replicates count as one half
        return f"with images and raters resampled, neither of {first} and {second} is ahead"
    return f"with images and raters resampled, {first} is ahead of {second} in {share:.1f} % of replicates"


def gaps_in_words(ranking: Ranking, *, most: int = 5) -> Iterator[str]:
    """What becomes of the gaps by original labels, with a few pairs; nothing where there are no such labels."""
    gaps = ranking.gaps
    if gaps is None:
        return
    models = ranking.models
    gains = some([f"{models[gaining]} gains on {models[other]}" for gaining, other in gaps.changed.tolist()], most=most)
    yield (
        f"of {gaps.pairs:,} pairs of models, the original labels tell {gaps.by_original:,} apart, the re-assessed "
        f"labels {gaps.by_real:,}; the lead changes by more than noise in {len(gaps.changed):,}"
        + (f" ({gains})" if gains else "")
    )
    for change, pairs in (("vanish", gaps.vanished), ("are reversed", gaps.reversed)):
        if len(pairs):
            named = [f"{models[better]} before {models[other]}" for better, other in pairs.tolist()]
            yield f"gaps by the original labels that {change}: {len(pairs):,} ({some(named, most=most)})"


def unlike_images(panel: Panel) -> Iterator[str]:
    """That accuracies on each model's own images make no ranking; nothing where all models have seen the same."""
    if any(panel.not_shared):
        yield (
            f"each model is measured on its own images, which differ, so that this is no ranking; the order is that on "
            f"the {len(panel.images):,} images that all models have seen"
        )


def not_shared_in_words(panel: Panel) -> Iterator[str]:
    """How many images of each model are left out, since another model has not seen them."""
    for model, count in zip(panel.models, panel.not_shared, strict=True):
        if count:
            are, them = ("image is", "it") if count == 1 else ("images are", "them")
            yield f"{model}: {count:,} {are} left out because another model has not seen {them}"


def ranks_explained(ranking: Ranking) -> str:
    """How the intervals of ranks were made."""
    return f"percentile bootstrap over images, {ranking.replicates:,} replicates, seed {ranking.seed}"


def uncertainty_explained(uncertainty: LabelUncertainty | Missing) -> Iterator[str]:
    """How images and raters were drawn anew, what this does to label sets and accuracies; or why it was not done."""
    if isinstance(uncertainty, Missing):
        yield f"the uncertainty of the labels is not measured: {uncertainty}"
        return
    yield (
        f"raters too: {uncertainty.replicates:,} replicates, seed {uncertainty.seed}, of images and of "
        f"{uncertainty.raters:,} raters; label sets are made again from the votes at threshold "
        f"{uncertainty.threshold:g}"
    )
    sets = uncertainty.sets_to_json()
    yield (
        f"of {sets['rated_images']:,} rated images, replicates have {sets['labels_in_replicates']:,.0f} labels "
        f"(the original {sets['labels']:,}) and {sets['empty_images_in_replicates']:,.0f} images without "
        f"({sets['empty_images']:,})"
    )
    biases = [f"{100 * bias:+.2f}" for bias in (uncertainty.bias.min(), uncertainty.bias.max())]
    yield (
        "true labels: the accuracy by labels free of the raters' errors, if these are independent; "
        f"they change accuracies by {' to '.join(dict.fromkeys(biases))} points"
    )
