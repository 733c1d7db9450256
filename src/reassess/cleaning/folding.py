"""Split images into folds: as many of each class in each fold, and duplicates of an image together."""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from reassess.core import Duplicates, Folds, LabelSets
from reassess.core.checks import check_number, check_several, check_type
from reassess.core.image_names import image_keys
from reassess.errors import DataError, ReassessWarning
from reassess.text import counted, some

USUAL_FOLDS = 10  # as many as the paper has
_Ints = npt.NDArray[np.int64]


def make_folds(
    labels: LabelSets, *, k: int = USUAL_FOLDS, duplicates: Sequence[Sequence[str]] = (), seed: int = 0
) -> Folds:
    """Split images into folds, at random within each class.

    The folds depend on the names, the classes, the duplicates and the seed, and not on the order of the images. Of each
    class and of all images, the folds have equally many, except for one image and for duplicates.

    Parameters
    ----------
    labels
        The class of each image: label sets of one class each.
    k
        Number of folds, 2 or more.
    duplicates
        Groups of image names, such as `groups_within` gives. Each group is in one fold, so that no model is trained on
        a copy of an image that it predicts; groups that share an image are one. Images without a label are ignored.
    seed
        Of the random order.

    Returns
    -------
    Numbers 0 to k - 1, the images in the order of `labels`.

    Raises
    ------
    DataError
        An image has no class or several; or there are fewer images, duplicates counted once, than folds.

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
    check_type(LabelSets, labels)
    check_number(k, 2, what="number of folds", whole=True)
    check_number(seed, 0, what="seed", whole=True)
    check_several(duplicates, what="groups of images", fix="groups_within(DUPLICATES, SET)")
    for group in duplicates:
        check_several(group, what="names of images")
    class_ids = single_classes(labels)
    order, starts = _units(labels.images, duplicates)
    if starts.size < k:
        raise DataError(
            "too-many",
            "fewer images than folds",
            allowed=f"{k:,} or more" + (", duplicates counted once" if len(duplicates) else ""),
            found=f"{starts.size:,}",
            fix="ask for fewer folds",
        )
    _tell_small_classes(labels, class_ids, k)
    numbers = np.empty(len(labels), np.int64)
    numbers[order] = _dealt(class_ids[order], starts, k, np.random.default_rng(seed))
    return Folds(labels.images, numbers)


def groups_within(duplicates: Duplicates, name: str) -> list[tuple[str, ...]]:
    """List the duplicates of one set, a group for each number; `DataError` for a set without a row."""
    check_type(Duplicates, duplicates, what="duplicates")
    duplicates.images_of(name)  # refuses a set without a row
    groups: dict[int, list[str]] = defaultdict(list)
    for row in np.flatnonzero((duplicates.set_ids == duplicates.sets.index(name)) & (duplicates.groups > 0)).tolist():
        groups[int(duplicates.groups[row])].append(duplicates.images[row])
    return [tuple(images) for images in groups.values() if len(images) > 1]


def single_classes(labels: LabelSets) -> npt.NDArray[np.int32]:
    """int32, shape (images,): the only class of each image; `DataError` where an image has none or several."""
    odd = labels.sizes != 1
    if odd.any():
        row = int(np.argmax(odd))
        raise DataError(
            "not-one-label",
            "image does not have exactly one label",
            where=f"image {labels.images[row]}",
            allowed="one class for each image",
            found=counted(int(labels.sizes[row]), "class", "classes"),
            fix=f"leave such images out: {int(np.count_nonzero(odd)):,} of {len(labels):,}",
        )
    return labels.indices


def _units(images: tuple[str, ...], duplicates: Sequence[Sequence[str]]) -> tuple[_Ints, _Ints]:
    """The images in units that stay together, in the order of their first names; and where each unit begins.

    Units, and the images within one, are sorted by what identifies an image: nothing depends on the order of `images`.
    """
    keys = image_keys(images)
    by_key = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
    rank_of = {keys[row]: rank for rank, row in enumerate(by_key.tolist())} if duplicates else {}
    first = np.arange(by_key.size)  # by rank: the rank of the first image of its unit
    flat = iter(image_keys(tuple(chain.from_iterable(duplicates))))
    links = [[rank_of[key] for key in islice(flat, len(group)) if key in rank_of] for group in duplicates]
    if any(len(group) > 1 for group in links):
        first = _united(links, by_key.size)
    by_unit = np.lexsort((np.arange(by_key.size), first))
    return by_key[by_unit], np.flatnonzero(np.diff(first[by_unit], prepend=-1))


def _united(groups: Sequence[Sequence[int]], count: int) -> _Ints:
    """The smallest number that groups, and groups that share a number, connect with each number below `count`."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    heads = np.repeat([group[0] for group in groups if group], [len(group) for group in groups if group])
    members = np.fromiter(chain.from_iterable(groups), np.int64)
    links = coo_array((np.ones(members.size, np.int8), (heads, members)), shape=(count, count))
    component = connected_components(links, directed=False)[1]
    first: _Ints = np.unique(component, return_index=True)[1][component]
    return first


def _dealt(class_ids: npt.NDArray[np.integer], starts: _Ints, k: int, generator: np.random.Generator) -> _Ints:
    """The fold of each image: first of duplicates, the most first, then, class by class, of all others."""
    sizes = np.diff(starts, append=class_ids.size)
    shuffled = generator.permutation(sizes.size)
    single, several = shuffled[sizes[shuffled] == 1], shuffled[sizes[shuffled] > 1]
    folds, totals = np.empty(class_ids.size, np.int64), np.zeros(k, np.int64)
    held: dict[int, _Ints] = defaultdict(lambda: np.zeros(k, np.int64))
    for unit in several[np.argsort(-sizes[several], kind="stable")].tolist():
        rows = slice(starts[unit], starts[unit] + sizes[unit])
        present, counts = np.unique(class_ids[rows], return_counts=True)
        of_classes = np.sum([held[class_id] for class_id in present.tolist()], axis=0)
        fold = int(np.lexsort((totals, of_classes))[0])
        for class_id, count in zip(present.tolist(), counts.tolist(), strict=True):
            held[class_id][fold] += count
        folds[rows] = fold
        totals[fold] += sizes[unit]
    rows = starts[single]
    rows = rows[np.argsort(class_ids[rows], kind="stable")]  # of a class they stay shuffled
    for of_class in np.split(rows, np.flatnonzero(np.diff(class_ids[rows])) + 1):
        if of_class.size:
            of_duplicates = held.pop(int(class_ids[of_class[0]]), np.zeros(k, np.int64))
            folds[of_class] = _levelled(of_duplicates, totals, of_class.size)
            totals += np.bincount(folds[of_class], minlength=k)
    return folds


def _levelled(held: _Ints, totals: _Ints, count: int) -> _Ints:
    """The folds of a number of images: each goes to the fold with the fewest of its class, then of all images."""
    low, high = 0, count  # folds are filled up to this level, then get one each
    while low < high:
        level = (low + high + 1) // 2
        enough = int(np.maximum(held.min() + level - held, 0).sum()) <= count
        low, high = (level, high) if enough else (low, level - 1)
    filled = np.maximum(held.min() + low - held, 0)
    after = held + filled
    rest = count - int(filled.sum())
    filled[np.lexsort((totals + filled, after))[:rest]] += 1
    return np.repeat(np.arange(held.size), filled)


def _tell_small_classes(labels: LabelSets, class_ids: npt.NDArray[np.int32], k: int) -> None:
    present, counts = np.unique(class_ids, return_counts=True)
    small = [labels.classes.label(class_id) for class_id in present[counts < k].tolist()]
    if small:
        one, several = "class has", "classes have"
        text = f"{counted(len(small), one, several)} fewer images than the {k} folds: {some(small, most=3)}"
        warnings.warn(text, ReassessWarning, stacklevel=3)
