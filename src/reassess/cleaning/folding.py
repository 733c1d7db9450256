"""Cutting images into folds: as many of each class in each fold, and repeats of an image together."""

import warnings
from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from reassess.cleaning.held_out import single_labels
from reassess.core.checks import check_range
from reassess.core.folds import Folds
from reassess.core.image_names import join
from reassess.core.labels import LabelSets
from reassess.errors import DataError, ReassessWarning
from reassess.text import counted, some

__all__ = ["USUAL_FOLDS", "make_folds"]

USUAL_FOLDS = 10  # as many as the paper has
_Ints = npt.NDArray[np.int64]


def make_folds(
    labels: LabelSets, *, k: int = USUAL_FOLDS, repeats: Sequence[Sequence[str]] = (), seed: int = 0
) -> Folds:
    """Folds of images, drawn at random within each class.

    The folds depend on the names, the classes, the repeats and the seed, and not on the order of the images. Of each
    class and of all images, the folds hold equally many, but for one image and what repeats ask for.

    Parameters
    ----------
    labels
        The class of each image: label sets of one class each.
    k
        Number of folds, 2 or more.
    repeats
        Images that show the same, in groups of names: all of a group are in one fold, so that no model is trained on an
        image that it is asked about. Images that have no label here are not looked at.
    seed
        Of the random order.

    Returns
    -------
    Numbers 0 to k - 1, the images in the order of `labels`.

    Raises
    ------
    DataError
        An image has no class or several; there are fewer images, or groups of repeats, than folds; an image is in two
        groups of repeats.

    Warns
    -----
    ReassessWarning
        A class has fewer than `k` images, so that it is missing in some folds.

    Examples
    --------
    >>> labels = LabelSets.from_lists([f"{i}.png" for i in range(6)], [[0], [0], [0], [1], [1], [1]])
    >>> folds = make_folds(labels, k=3)
    >>> folds
    Folds(6 images in 3 folds of 2 to 2)
    >>> np.bincount(folds.numbers[:3]).tolist()
    [1, 1, 1]

    Notes
    -----
    Ten folds of a model without people's labels, held out in turn: Beyer et al., "Are we done with ImageNet?", arXiv
    2006.07159, section 6.
    """
    check_range(k, 2, what="number of folds")
    class_ids = single_labels(labels)
    order, starts = _units(labels.images, repeats)
    if starts.size < k:
        raise DataError("fewer images than folds", allowed=f"{k:,} or more, repeats counted once", found=starts.size)
    _tell_small_classes(labels, class_ids, k)
    sizes = np.diff(starts, append=order.size)
    numbers = np.empty(len(labels), np.int64)
    numbers[order] = np.repeat(_dealt(class_ids[order[starts]], sizes, k, seed), sizes)
    return Folds(labels.images, numbers)


def _units(images: tuple[str, ...], repeats: Sequence[Sequence[str]]) -> tuple[_Ints, _Ints]:
    """The images in units that stay together, by name; and where each unit begins.

    Units are ordered by their first name, and so are the images within one: nothing depends on the order of `images`.
    """
    by_name = np.array(sorted(range(len(images)), key=images.__getitem__), np.int64)
    rank = np.empty_like(by_name)
    rank[by_name] = np.arange(by_name.size)
    unit = rank.copy()  # the rank of the first image of its unit
    rows = join(list(chain.from_iterable(repeats)), images)
    group = np.repeat(np.arange(len(repeats)), list(map(len, repeats)))
    rows, group = np.unique(np.stack([rows, group])[:, rows >= 0], axis=1)  # by image
    twice = np.flatnonzero(np.diff(rows) == 0)
    if twice.size:
        raise DataError("an image is in two groups of repeats", where=f"image {images[rows[twice[0]]]}")
    first = np.full(len(repeats), by_name.size)
    np.minimum.at(first, group, rank[rows])
    unit[rows] = first[group]
    order = np.lexsort((rank, unit))
    return order, np.flatnonzero(np.diff(unit[order], prepend=-1))


def _dealt(class_ids: npt.NDArray[np.integer], sizes: _Ints, k: int, seed: int) -> _Ints:
    """The fold of each unit: of each class the large units first, each to the fold with the fewest of the class."""
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(sizes.size)
    order = shuffled[np.lexsort((-sizes[shuffled], class_ids[shuffled]))]  # stable: equal ones stay shuffled
    fold_of, totals = np.empty(sizes.size, np.int64), np.zeros(k, np.int64)
    for units in np.split(order, np.flatnonzero(np.diff(class_ids[order])) + 1):
        held = np.zeros(k, np.int64)
        many = int(np.count_nonzero(sizes[units] > 1))
        for unit in units[:many].tolist():
            fold = int(np.lexsort((totals + held, held))[0])
            fold_of[unit] = fold
            held[fold] += sizes[unit]
        fold_of[units[many:]] = _levelled(held, totals, units.size - many)
        totals += np.bincount(fold_of[units], weights=sizes[units], minlength=k).astype(np.int64)
    return fold_of


def _levelled(held: _Ints, totals: _Ints, count: int) -> _Ints:
    """The folds to which so many images go, one by one: to that with the fewest of the class, then of all images."""
    highest = -(-(count + int(held.sum())) // held.size)
    levels = held[:, None] + np.arange(highest - held.min())
    places = np.lexsort((np.broadcast_to((totals + held)[:, None], levels.shape).ravel(), levels.ravel()))[:count]
    return places // levels.shape[1] if count else places


def _tell_small_classes(labels: LabelSets, class_ids: npt.NDArray[np.int32], k: int) -> None:
    present, counts = np.unique(class_ids, return_counts=True)
    small = [labels.classes.label(class_id) for class_id in present[counts < k].tolist()]
    if small:
        text = f"{counted(len(small), 'class', 'classes')} with fewer images than the {k} folds: {some(small, most=3)}"
        warnings.warn(text, ReassessWarning, stacklevel=3)
