"""A benchmark: a set of images, its classes, and the sources of its files; ImageNet is predefined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import permutations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.core.classes import ID_ONLY_CLASSES, Classes
from reassess.core.image_names import Match, are_validation_images, image_keys, validation_image_names
from reassess.core.items import Id
from reassess.core.labels import LabelSets
from reassess.core.questions import StopRule


@dataclass(frozen=True)
class ScoreRecipe:
    """Settings of a method that computes scores from votes. All other parameters are estimated from golden answers."""

    min_experts: int | None  # experts who must answer yes for a valid golden question; None: more than half
    min_experts_on_original: int | None  # the same, to measure the accuracy of original labels
    # The original label counts as a vote only on classes with a lower id than this; None: on all classes.
    n_classes_with_original_vote: int | None
    smoothing: float  # added to each cell of each confusion matrix's counts
    pooling: float  # votes of the average rater added to each row of each matrix's counts


_CLASSES, _ANIMALS = 1000, 398  # ids count from 0 in the order of sorted wnids; the classes of animals come first
REAL_RECIPE = ScoreRecipe(
    min_experts=3, min_experts_on_original=2, n_classes_with_original_vote=_ANIMALS, smoothing=1.0, pooling=0.0
)


USUAL_THRESHOLD = 0.8  # the threshold of ReaL

# The pairs of the known source imagenet-collapsed, which gives the reason for each pair. The classes of each group are
# equivalent, so both directions of a pair are listed.
_EQUIVALENT_CLASSES = (
    (356, 357, 358, 359),
    (620, 681),
    (638, 639),
    (657, 744),
    (664, 782),
    (836, 837),
)
_SUBCLASS_PAIRS = (249, 248), (250, 248), (385, 101), (386, 101), (435, 876), (482, 848), (504, 968)
_COLLAPSED_PAIRS = np.array(
    sorted([*_SUBCLASS_PAIRS, *(pair for alike in _EQUIVALENT_CLASSES for pair in permutations(alike, 2))])
)
_COLLAPSED_PAIRS.flags.writeable = False


def _return_none(_: Classes) -> None:
    return None


def _find_imagenet_classes_merged_in_labels(classes: Classes) -> npt.NDArray[np.int64] | None:
    return None if classes.has_local_ids or classes.count not in (None, _CLASSES) else _COLLAPSED_PAIRS


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A set of images, its classes, and the sources of its labels, scores, votes and other files.

    Parameters
    ----------
    name
        Name of the benchmark; empty for unknown images.
    classes
        Its classes. If only their number is known, the part `classes` contains their names.
    load_images
        A function that returns the names of all images, in the order of files whose rows have no image names.
    sources
        Source of each part: the name of a known source, or a path. Parts are classes, images, original, labels,
        scores, votes, golden, rater-golden, groups, collapsed and judged; a part may be missing.
    default_groups
        Group of each class, for separate results by group, if `find_class_groups` returns None. May be empty.
    find_collapsed_classes, find_class_groups
        Functions of a class list that return tables for kinds of mistakes: pairs of classes where each image of the
        first class also shows the second, and the group of each class. They return None if the table is missing or does
        not fit the class list.
    recipe
        Settings of the published method that made its scores from its votes; None if unknown.
    threshold
        The lowest score of a valid class; None if no threshold was chosen.
    method
        How its scores were made from its votes, as in `reassess aggregate --method`; None if unknown.
    match
        The part of an image name that identifies the image; None if not chosen.
    answers
        All possible answers of its votes, in order; None if the votes show them.
    stop
        The rule that closed questions while votes were collected; None if all questions got the same number of votes.
    folder
        The folder of its parts; None for a predefined benchmark.

    Examples
    --------
    >>> IMAGENET
    Benchmark(imagenet, 1,000 classes, 50,000 images)
    >>> IMAGENET.sources["labels"]
    'imagenet-real'
    """

    _THING = "benchmark"
    _HOW_TO_GET = "open_benchmark(NAME or FOLDER)"

    name: str = ""
    classes: Classes = ID_ONLY_CLASSES
    load_images: Callable[[], tuple[str, ...]] = tuple
    sources: Mapping[str, str] = field(default_factory=dict)
    default_groups: Mapping[int, str] = field(default_factory=dict)
    find_collapsed_classes: Callable[[Classes], npt.NDArray[np.int64] | None] = _return_none
    find_class_groups: Callable[[Classes], Mapping[int, str] | None] = _return_none
    recipe: ScoreRecipe | None = None
    threshold: float | None = None
    method: str | None = None
    match: Match | None = None
    answers: tuple[Id, ...] | None = None
    stop: StopRule | None = None
    folder: Path | None = None

    @property
    def images(self) -> tuple[str, ...]:
        """Names of all images in order; empty if unknown."""
        return self.load_images()

    def __repr__(self) -> str:
        classes = "unknown" if self.classes.count is None else f"{self.classes.count:,}"
        return f"Benchmark({self.name or 'without a name'}, {classes} classes, {len(self.images):,} images)"


IMAGENET = Benchmark(
    name="imagenet",
    classes=Classes(_CLASSES),
    load_images=validation_image_names,
    sources={
        "classes": "imagenet-classes",
        "labels": "imagenet-real",
        "original": "imagenet-original",
        "scores": "imagenet-real-scores",
        "votes": "imagenet-real-raters",
        "golden": "imagenet-real-golden",
        "rater-golden": "imagenet-real-raters-golden",
        "collapsed": "imagenet-collapsed",
        "judged": "imagenet-mistakes",
    },
    default_groups={class_id: "animals" if class_id < _ANIMALS else "others" for class_id in range(_CLASSES)},
    find_collapsed_classes=_find_imagenet_classes_merged_in_labels,
    recipe=REAL_RECIPE,
    method="imagenet-real",
)


def find_predefined_benchmark(images: Sequence[str]) -> Benchmark:
    """Return the predefined benchmark that contains all images. If there is none, return an empty benchmark."""
    return IMAGENET if are_validation_images(images) else Benchmark()


@lru_cache(maxsize=1)  # called with the same labels for every model
def class_folder_order(original: LabelSets) -> npt.NDArray[np.int64]:
    """Return the order in which programs list images in class folders: by folder, then by file name.

    Folders are sorted as text. The folders come from the image names if these have more than one folder. Otherwise the
    folder of a class is its wnid or name; if only ids are known, it is the id, sorted as a number.

    Parameters
    ----------
    original
        Original labels, in any order.

    Returns
    -------
    int64, shape (images,): position in `original` of each image in this order.

    Examples
    --------
    >>> class_folder_order(LabelSets.from_lists(["1.JPEG", "2.JPEG", "3.JPEG"], [[5], [2], [5]]))
    array([1, 0, 2])
    >>> classes = Classes(2, names=("bee", "ant"))
    >>> class_folder_order(LabelSets.from_lists(["1.png", "2.png"], [[0], [1]], classes))
    array([1, 0])
    """
    names = [name.replace("\\", "/") for name in original.images]
    folders: list[str] | list[int] = [name.rpartition("/")[0] for name in names]
    if len(set(folders)) < 2:
        texts, ids = original.classes.wnids_or_names, original.indices.tolist()
        folders = [texts[class_id] for class_id in ids] if texts else ids
    keys = image_keys([name.rpartition("/")[2] for name in names])
    order = np.lexsort((np.array(keys), np.array(folders)))
    order.flags.writeable = False
    return order
