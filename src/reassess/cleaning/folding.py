"""Stratified folds, where all duplicates of an image are in one fold."""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import Duplicates, Folds, LabelSets
from reassess.core.checks import check_is_collection, check_number, check_type
from reassess.core.image_names import image_keys
from reassess.errors import DataError, ReassessWarning
from reassess.text import count_noun, join_first

USUAL_FOLDS = 10  # as in the paper
_Ints = npt.NDArray[np.int64]


def make_folds(
    labels: LabelSets, *, k: int = USUAL_FOLDS, duplicates: Sequence[Sequence[str]] = (), seed: int = 0
) -> Folds:
    """Split images into folds at random, stratified by class.

    The folds depend on the names, the classes, the duplicates and the seed, but not on the order of the images. Without
    duplicates, the number of images of a class differs by at most 1 between folds, and so does the number of images.

    Parameters
    ----------
    labels
        The class of each image: label sets with one class each.
    k
        Number of folds, 2 or more.
    duplicates
        Groups of image names, as from `duplicate_groups`. Each group is in one fold, so that no model is trained on a
        copy of an image that it predicts. Groups that share an image are merged. Images without a label are ignored.
    seed
        Seed of the random order.

    Returns
    -------
    Fold numbers 0 to k - 1, with the images in the order of `labels`.

    Raises
    ------
    DataError
        An image does not have exactly one class; or there are fewer images than folds, where duplicates count once.

    Warns
    -----
    ReassessWarning
        A class has fewer than `k` images, and is missing from some folds.

    Examples
    --------
    >>> labels = LabelSets.from_lists([f"{i}.png" for i in range(6)], [[0], [0], [0], [1], [1], [1]])
    >>> folds = make_folds(labels, k=3)
    >>> folds
    Folds(6 images in 3 folds of 2 to 2)
    >>> np.bincount(folds.fold_numbers[:3]).tolist()
    [1, 1, 1]

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 6, where ten folds are held out in
    turn.
    """
    check_type(LabelSets, labels)
    check_number(k, 2, value_name="number of folds", is_whole=True)
    check_number(seed, 0, value_name="seed", is_whole=True)
    check_is_collection(duplicates, value_name="groups of images", fix="duplicate_groups(DUPLICATES, SET)")
    for group in duplicates:
        check_is_collection(group, value_name="names of images")
    class_ids = single_class_ids(labels)
    order, starts = _sort_by_duplicate_group(labels.images, duplicates)
    if starts.size < k:
        raise DataError(
            "too-many",
            "fewer images than folds",
            allowed=f"{k:,} or more" + (", duplicates counted once" if len(duplicates) else ""),
            found=f"{starts.size:,}",
            fix="use fewer folds",
        )
    _warn_about_small_classes(labels, class_ids, k)
    numbers = np.empty(len(labels), np.int64)
    numbers[order] = _assign_folds(class_ids[order], starts, k, np.random.default_rng(seed))
    return Folds(labels.images, numbers)


def duplicate_groups(duplicates: Duplicates, set_name: str) -> list[tuple[str, ...]]:
    """List the groups of duplicates in one set of images; raise for an unknown set."""
    check_type(Duplicates, duplicates, value_name="duplicates")
    duplicates.images_of(set_name)  # raises for a set without a row
    groups: dict[int, list[str]] = defaultdict(list)
    for row in np.flatnonzero(
        (duplicates.set_ids == duplicates.sets.index(set_name)) & (duplicates.group_numbers > 0)
    ).tolist():
        groups[int(duplicates.group_numbers[row])].append(duplicates.images[row])
    return [tuple(images) for images in groups.values() if len(images) > 1]


def single_class_ids(labels: LabelSets) -> npt.NDArray[np.int32]:
    """Return the class id of each image; raise if an image does not have exactly one class."""
    is_wrong = labels.sizes != 1
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise DataError(
            "not-one-label",
            "image does not have exactly one label",
            where=f"image {labels.images[row]}",
            allowed="one class for each image",
            found=count_noun(int(labels.sizes[row]), "class", "classes"),
            fix=f"remove such images: {int(np.count_nonzero(is_wrong)):,} of {len(labels):,}",
        )
    return labels.indices


class _ImagesByDuplicateGroup(NamedTuple):
    """Images sorted by group. A group is an image with all its duplicates."""

    positions: _Ints  # positions of the images
    group_starts: _Ints  # where each group starts in `positions`


def _sort_by_duplicate_group(images: tuple[str, ...], duplicates: Sequence[Sequence[str]]) -> _ImagesByDuplicateGroup:
    """Sort images so that each image is next to its duplicates. They form a group."""
    # Groups, and the images of a group, are sorted by image key, so that the order of `images` does not matter.
    keys = image_keys(images)
    by_key = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
    rank_of = {keys[row]: rank for rank, row in enumerate(by_key.tolist())} if duplicates else {}
    first_ranks = np.arange(by_key.size)  # for each rank, the rank of the first image of its group
    flat = iter(image_keys(tuple(chain.from_iterable(duplicates))))
    links = [[rank_of[key] for key in islice(flat, len(group)) if key in rank_of] for group in duplicates]
    if any(len(group) > 1 for group in links):
        first_ranks = _find_first_position_in_connected_groups(links, by_key.size)
    by_group = np.lexsort((np.arange(by_key.size), first_ranks))
    return _ImagesByDuplicateGroup(by_key[by_group], np.flatnonzero(np.diff(first_ranks[by_group], prepend=-1)))


def _find_first_position_in_connected_groups(groups: Sequence[Sequence[int]], n_positions: int) -> _Ints:
    """Merge groups that overlap; return for each position the lowest position in the same merged group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    heads = np.repeat([group[0] for group in groups if group], [len(group) for group in groups if group])
    members = np.fromiter(chain.from_iterable(groups), np.int64)
    links = coo_array((np.ones(members.size, np.int8), (heads, members)), shape=(n_positions, n_positions))
    component = connected_components(links, directed=False)[1]
    first_positions: _Ints = np.unique(component, return_index=True)[1][component]
    return first_positions


def _assign_folds(
    class_ids: npt.NDArray[np.integer], group_starts: _Ints, n_folds: int, rng: np.random.Generator
) -> _Ints:
    """Assign each image to a fold, balanced by class; an image and its duplicates get the same fold."""
    sizes = np.diff(group_starts, append=class_ids.size)
    shuffled = rng.permutation(sizes.size)
    single, several = shuffled[sizes[shuffled] == 1], shuffled[sizes[shuffled] > 1]
    folds, fold_sizes = np.empty(class_ids.size, np.int64), np.zeros(n_folds, np.int64)
    # Images of a class in each fold.
    fold_counts_by_class: dict[int, _Ints] = defaultdict(lambda: np.zeros(n_folds, np.int64))
    for group in several[np.argsort(-sizes[several], kind="stable")].tolist():
        rows = slice(group_starts[group], group_starts[group] + sizes[group])
        present, counts = np.unique(class_ids[rows], return_counts=True)
        same_classes = np.sum([fold_counts_by_class[class_id] for class_id in present.tolist()], axis=0)
        fold = int(np.lexsort((fold_sizes, same_classes))[0])
        for class_id, count in zip(present.tolist(), counts.tolist(), strict=True):
            fold_counts_by_class[class_id][fold] += count
        folds[rows] = fold
        fold_sizes[fold] += sizes[group]
    rows = group_starts[single]
    rows = rows[np.argsort(class_ids[rows], kind="stable")]  # within a class, the order stays random
    for class_rows in np.split(rows, np.flatnonzero(np.diff(class_ids[rows])) + 1):
        if class_rows.size:
            duplicates = fold_counts_by_class.pop(int(class_ids[class_rows[0]]), np.zeros(n_folds, np.int64))
            folds[class_rows] = _fill_folds(duplicates, fold_sizes, class_rows.size)
            fold_sizes += np.bincount(folds[class_rows], minlength=n_folds)
    return folds


def _fill_folds(class_counts_by_fold: _Ints, fold_sizes: _Ints, n_images: int) -> _Ints:
    """Assign images of one class to folds; folds with the fewest images of the class are filled first."""
    low, high = 0, n_images  # search the level that all folds reach; the remaining images are then one per fold
    while low < high:
        level = (low + high + 1) // 2
        is_reached = int(np.maximum(class_counts_by_fold.min() + level - class_counts_by_fold, 0).sum()) <= n_images
        low, high = (level, high) if is_reached else (low, level - 1)
    added = np.maximum(class_counts_by_fold.min() + low - class_counts_by_fold, 0)
    remaining = n_images - int(added.sum())
    added[np.lexsort((fold_sizes + added, class_counts_by_fold + added))[:remaining]] += 1
    return np.repeat(np.arange(class_counts_by_fold.size), added)


def _warn_about_small_classes(labels: LabelSets, class_ids: npt.NDArray[np.int32], n_folds: int) -> None:
    """Warn about classes with fewer images than folds."""
    present, counts = np.unique(class_ids, return_counts=True)
    small = [labels.classes.short_name(class_id) for class_id in present[counts < n_folds].tolist()]
    if small:
        text = (
            f"{count_noun(len(small), 'class has', 'classes have')} fewer images than the {n_folds} folds: "
            f"{join_first(small, max_items=3)}"
        )
        warnings.warn(text, ReassessWarning, stacklevel=3)
