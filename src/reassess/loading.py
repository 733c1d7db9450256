"""Known data and files by name: each function takes a path, or the name of a known source, and returns a noun.

ImageNet is known by its images: a label set whose images are all validation images has ImageNet's 1,000 classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reassess.classes import Classes
from reassess.errors import DataError
from reassess.formats.archives import MAX_BYTES
from reassess.formats.classes import read_classes
from reassess.formats.labels import read_labels, read_original
from reassess.formats.scores import read_scores
from reassess.formats.votes import read_votes
from reassess.imagenet import CLASSES
from reassess.items import Id
from reassess.labels import LabelSets
from reassess.names import are_validation_images
from reassess.questions import Questions
from reassess.scores import Scores
from reassess.sources import find_all, resolve
from reassess.votes import Votes

__all__ = [
    "expert_share",
    "imagenet_classes",
    "load_labels",
    "load_original",
    "load_scores",
    "load_votes",
    "with_imagenet_classes",
]


def imagenet_classes() -> Classes:
    """ImageNet's 1,000 classes, with wnids and names where this machine has the list of them."""
    paths = find_all("imagenet-classes")
    return CLASSES if paths is None else read_classes(*paths)


def load_labels(source: str | Path = "imagenet-real", *, offline: bool = False) -> LabelSets:
    """Label sets of a file or a known source.

    ``load_labels("imagenet-real")`` is ``LabelSets(50,000 images, 57,553 labels, 3,163 empty)``.
    """
    return with_imagenet_classes(read_labels(resolve(str(source), offline=offline)))


def load_original(source: str | Path = "imagenet-original", *, offline: bool = False) -> LabelSets:
    """Original labels of a file or a known source: label sets of one class each."""
    return with_imagenet_classes(read_original(resolve(str(source), offline=offline)))


def load_scores(
    source: str | Path = "imagenet-real-scores", *, offline: bool = False, max_bytes: int = MAX_BYTES
) -> Scores:
    """Scores of a file or a known source."""
    return read_scores(resolve(str(source), offline=offline), max_bytes=max_bytes)


def load_votes(
    source: str | Path = "imagenet-real-raters",
    *,
    answers: Sequence[Id] | None = None,
    offline: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Votes:
    """Votes of a file or a known source; `answers` as for `formats.votes.read_votes`."""
    return read_votes(resolve(str(source), offline=offline), answers=answers, max_bytes=max_bytes)


def expert_share(experts: Votes) -> Scores:
    """Share of the experts who said yes, of each question that they judged."""
    if not isinstance(experts.items, Questions):
        raise DataError("the experts did not judge (image, class) questions", mend="give a file with image and class")
    judged = np.flatnonzero(experts.sizes)
    kept = experts.restrict(judged)
    assert isinstance(kept.items, Questions)
    return Scores(kept.items, kept.fractions()[:, kept.answer_id("yes")])


def with_imagenet_classes(labels: LabelSets) -> LabelSets:
    """The same label sets in ImageNet's classes, if all images are ImageNet validation images."""
    return labels.in_classes(imagenet_classes()) if are_validation_images(labels.images) else labels
