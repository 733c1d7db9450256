"""Sentences about estimates from a sample, shared by all outputs."""

import math
from collections.abc import Iterator

from reassess.comparison.sample_findings import SampleFindings
from reassess.errors import MissingResult
from reassess.evaluation import AnsweredImages, anytime_quantile
from reassess.evaluation.evaluation_words import shorten_label_set_name
from reassess.text import count_noun, format_percent, format_percent_interval

VALID_SHARE = "the share of all images whose first class is valid"
ORIGINAL_LABEL_NAMES = {
    "wrong": "wrong",
    "other": "wrong: only other classes are valid",
    "none": "wrong: no class is valid",
    "more": "valid, and other classes too",
}


def describe_used_images(answered: AnsweredImages) -> str:
    """State how many images are used, and why other drawn images are not used."""
    n_used, n_drawn = len(answered.images), len(answered.drawn)
    text = f"{n_used:,} of {count_noun(n_drawn, 'drawn image')} used; they stand for "
    text += count_noun(answered.n_images, "image")
    if answered.open_image is None:
        return text
    place = answered.drawn.images.index(answered.open_image) + 1
    if n_used < place - 1:
        return f"{text}; the next batch needs at least one image of each stratum ({place - 1:,} images answered)"
    text += f"; image {place:,} of the drawn order, {answered.open_image}, "
    text += "has no answer" if answered.open_class is None else f"has no answer about class {answered.open_class}"
    if n_later := answered.n_answered - n_used:
        text += f"; {count_noun(n_later, 'later image')} answered, but not used, because easy images are answered first"
    return text


def describe_images_without_valid_class(findings: SampleFindings) -> str:
    """State how many images have no valid class among the classes asked about, in the sample and in the whole set."""
    share = findings.empty_share
    assert share.value is not None
    assert share.interval is not None
    return (
        f"no class that raters were asked about is valid: {count_noun(findings.n_empty, 'image')} of the sample, an "
        f"estimated {format_percent(share.value)} % [{format_percent_interval(share.interval)}] of all images"
    )


def explain_sample_results(findings: SampleFindings) -> Iterator[str]:
    """Explain what is estimated, and what the intervals mean."""
    n_images = findings.answered.n_images
    yield f"valid: {VALID_SHARE}"
    if findings.are_candidates_asked:
        yield f"{shorten_label_set_name(findings.label_set)}: the accuracy among images with a valid class"
    yield (
        f"estimated: what relabelling {'this image' if n_images == 1 else f'these {n_images:,} images'} with the same "
        "questions would give; not estimated: other images, and classes that nobody was asked about"
    )
    if findings.planned is None:
        yield "95 %: holds for one look, at a number of images that does not depend on the answers"
    else:
        yield (
            f"95 %: holds at all looks together, narrowest at {count_noun(findings.planned, 'image')}; for each model "
            "and each pair of models separately"
        )
    others = {share.n for share in findings.original_accuracies if share is not None} - {n_images}
    if others:
        yield f"original: on {count_noun(max(others), 'image')} with an original label, not on the {n_images:,}"


def describe_results_so_far(findings: SampleFindings) -> Iterator[str]:
    """State the results of a sample before all its images are answered, and how many images may be needed."""
    sample, n_used = findings.answered.drawn, len(findings.answered.images)
    if sample.purpose == "difference":
        for difference in findings.neighbour_differences:
            yield difference.verdict
            if not difference.winner_sign and (needed := findings.expect_images_needed(difference)) is not None:
                yield "  " + _describe_images_needed(needed - n_used, len(sample) - n_used)
        return
    estimates = {f"{model.model}, images whose first class is valid": model.valid for model in findings.models}
    if sample.purpose == "labels" and not isinstance(findings.original_labels, MissingResult):
        estimates = {"wrong original labels": findings.original_labels["wrong"]}
    for name, estimate in estimates.items():
        if estimate.value is None or estimate.interval is None:
            continue
        low, high = estimate.interval
        text = f"{name}: {format_percent(estimate.value)} % ({format_percent_interval(estimate.interval)})"
        if findings.planned is not None and n_used < len(sample):
            factor = anytime_quantile(len(sample), findings.planned) / anytime_quantile(n_used, findings.planned)
            expected = 50 * (high - low) * factor * math.sqrt(n_used / len(sample))
            text += f"; about plus or minus {expected:.1f} points with all {len(sample):,} images"
        yield text


def _describe_images_needed(n_needed: int, n_left: int) -> str:
    """State how many more images may be needed until a difference is significant."""
    images = count_noun(n_needed, "more image")
    text = f"if the difference stays the same, about {images} {'is' if n_needed == 1 else 'are'} needed"
    if n_needed <= n_left:
        return text
    return f"{text}, but only {n_left:,} more were drawn: `reassess sample --pilot` draws more"
