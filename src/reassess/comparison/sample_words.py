"""Sentences about estimates from a sample, shared by all outputs."""

from collections.abc import Iterator

from reassess.comparison.sample_findings import SampleFindings
from reassess.evaluation import AnsweredImages
from reassess.text import count_noun, format_percent, format_percent_interval

ORIGINAL_LABEL_NAMES = {
    "wrong": "wrong",
    "other": "wrong: only other classes are valid",
    "none": "wrong: no class is valid",
    "more": "valid, and other classes too",
}


def describe_used_images(answered: AnsweredImages) -> str:
    """State how many images are used, and why other drawn images are not used."""
    n_used, n_drawn = len(answered.images), len(answered.drawn)
    text = f"{n_used:,} of {count_noun(n_drawn, 'drawn image')} used; they stand for {answered.n_images:,} images"
    if answered.open_image is None:
        return text
    place = answered.drawn.images.index(answered.open_image) + 1
    text += f"; image {place:,} of the drawn order, {answered.open_image}, "
    text += "has no answer" if answered.open_class is None else f"has no answer about class {answered.open_class}"
    if n_later := answered.n_answered - n_used:
        text += f"; {count_noun(n_later, 'later image')} answered, but not used, because easy images are answered first"
    return text


def describe_images_without_valid_class(findings: SampleFindings) -> str:
    """State how many images have no valid class, in the sample and in the whole set."""
    share = findings.empty_share
    if share.value is None or share.interval is None:
        return ""
    return (
        f"{count_noun(findings.n_empty, 'image')} of the sample without a valid class: "
        f"{format_percent(share.value)} % [{format_percent_interval(share.interval)}] of all images"
    )


def explain_sample_results(findings: SampleFindings) -> Iterator[str]:
    """Explain what is estimated, and what the intervals mean."""
    n_images = findings.answered.n_images
    yield (
        f"estimated: what relabelling these {count_noun(n_images, 'image')} with the same questions would give; not "
        "estimated: other images, and classes that nobody was asked about"
    )
    if findings.planned is None:
        yield "95 %: valid for one look, at a number of images that does not depend on the answers (see --anytime)"
    else:
        yield (
            f"95 %: valid at all looks together, narrowest at {count_noun(findings.planned, 'image')}; each model and "
            "each pair of models by itself"
        )
    others = {share.n for share in findings.original_accuracies if share is not None} - {n_images}
    if others:
        yield f"original: on {count_noun(max(others), 'image')} with an original label, not on the {n_images:,}"
    yield (
        "plain, ±: half width of the interval from as many images drawn without strata; plain images: how many such "
        "images are as precise"
    )
