"""Agreement of two label sets: images where they are equal, overlap, are disjoint, or have no label."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, LabelSets, Match, MultiLabels, align_classes
from reassess.core.image_names import match_images
from reassess.core.multi_labels import encode_labels_as_numbers
from reassess.numeric.arrays import encode_pairs, freeze
from reassess.text import ListTable, Printable, count_noun, format_percent

AGREEMENTS = ("equal", "overlap", "disjoint", "first_unlabelled", "second_unlabelled", "both_unlabelled")
VERDICT_NAMES = ("valid", "unclear", "wrong", "not_named")
_N_BOTH_LABELLED = 3  # in the first three of AGREEMENTS, both label sets have a label
_CLASS_ID_MASK = np.int64(0xFFFFFFFF)
_LabelKeys = npt.NDArray[np.int64]


class _Verdicts(NamedTuple):
    """(image, class) pairs with a verdict."""

    pair_keys: _LabelKeys  # sorted keys of the pairs, see `encode_labels_as_numbers`
    verdict_ids: npt.NDArray[np.int64]  # of each pair, index into `VERDICT_NAMES`


@dataclass(frozen=True, eq=False, repr=False)
class LabelAgreement(Printable):
    """Agreement of two label sets on every image that is in at least one of them."""

    images: tuple[str, ...]  # image names: of the first label set, then images that are only in the second
    # int8, shape (images,): index into `AGREEMENTS`. The sets of valid classes are equal; overlap (they share a class
    # but are not equal); or are disjoint. Or a label set has no valid class for the image: it is unlabelled, also if
    # the image is not in the label set.
    agreements: npt.NDArray[np.int8]
    class_ids: npt.NDArray[np.int32]  # classes that are valid for an image in either label set, ascending
    # int64, shape (classes, 5): number of images where the class is valid in either label set, by `AGREEMENTS` without
    # the last
    counts_by_class: npt.NDArray[np.int64]
    # int64, shape (4, 4): number of (image, class) pairs by the verdict of the first label set (row) and of the second
    # (column), in the order of `VERDICT_NAMES`. Counted are images in both, and classes that either names. Plain label
    # sets have only the verdicts valid and not named
    verdict_counts: npt.NDArray[np.int64]
    classes: Classes  # the common class list

    def __post_init__(self) -> None:
        freeze(self, "agreements", "class_ids", "counts_by_class", "verdict_counts")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> dict[str, int]:
        """Number of images for each of `AGREEMENTS`."""
        return dict(zip(AGREEMENTS, np.bincount(self.agreements, minlength=len(AGREEMENTS)).tolist(), strict=True))

    @property
    def share_of_equal_label_sets(self) -> float | None:
        """Share of images with equal label sets, among images that have labels in both; None without such images."""
        both = int(np.count_nonzero(self.agreements < _N_BOTH_LABELLED))
        return self.counts["equal"] / both if both else None

    def images_with_agreement(self, agreement: str) -> tuple[str, ...]:
        """Return the names of the images with one of `AGREEMENTS`, such as "disjoint"."""
        rows = np.flatnonzero(self.agreements == AGREEMENTS.index(agreement))
        return tuple(self.images[row] for row in rows.tolist())

    def _notebook_table(self) -> ListTable:
        counts, total = self.counts, len(self.images) or 1
        rows = ((name.replace("_", " "), f"{n:,}", format_percent(n / total)) for name, n in counts.items())
        return ListTable(("the valid classes", "images", "%"), len(counts), rows)

    @property
    def _headline(self) -> str:
        n = self.counts
        share = (
            "" if self.share_of_equal_label_sets is None else f" ({format_percent(self.share_of_equal_label_sets)} %)"
        )
        both = count_noun(sum(list(n.values())[:_N_BOTH_LABELLED]), "image")
        first, second, neither = (count_noun(n[name], "image") for name in AGREEMENTS[_N_BOTH_LABELLED:])
        return (
            f"{both} with labels in both: {n['equal']:,} equal{share}, {n['overlap']:,} overlap, "
            f"{n['disjoint']:,} disjoint\n"
            f"unlabelled: {first} in the first, {second} in the second, {neither} in both"
        )

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "images": len(self),
            **self.counts,
            "crosstab": {
                first: dict(zip(VERDICT_NAMES, row, strict=True))
                for first, row in zip(VERDICT_NAMES, self.verdict_counts.tolist(), strict=True)
            },
            "by_class": [
                self.classes.id_and_name(class_id) | dict(zip(AGREEMENTS, row, strict=False))
                for class_id, row in zip(self.class_ids.tolist(), self.counts_by_class.tolist(), strict=True)
            ],
        }


def label_agreement(
    first: LabelSets | MultiLabels, second: LabelSets | MultiLabels, *, match: Match = "path"
) -> LabelAgreement:
    """Measure how far two label sets agree, by image and by class.

    Parameters
    ----------
    first, second
        Label sets, or reviewers' verdicts on each image. Of verdicts, the valid classes are compared, also on
        problematic images; `LabelAgreement.verdict_counts` also counts unclear and wrong classes. Images are joined by
        name, and classes by wnid or name if both have them, otherwise by id.
    match
        Which part of a name identifies an image; see `evaluate`.

    Returns
    -------
    LabelAgreement

    Raises
    ------
    DataError
        The class lists differ, or an image name is ambiguous.

    Notes
    -----
    Some verdicts are only about the original labels, such as the source `imagenet-ecologists`, and say nothing about
    other classes. Then overlap is not a disagreement, and a class that is not named need not be wrong.
    """
    first, second = align_classes({"the first label set": first, "the second label set": second}).values()
    a, b = _select_valid_labels(first), _select_valid_labels(second)
    rows = match_images(
        b.images, a.images, match=match, where="the second label set", known_where="the first label set"
    )
    only_b = np.flatnonzero(rows < 0)
    is_shared = np.zeros(len(a) + only_b.size, bool)
    is_shared[rows[rows >= 0]] = True
    rows[only_b] = len(a) + np.arange(only_b.size)
    keys = encode_labels_as_numbers(a), encode_pairs(rows[b.image_ids], b.indices)
    state = _find_agreement_of_images(*keys, len(is_shared))
    class_ids, by_class = _count_by_class(np.union1d(*keys), state)
    return LabelAgreement(
        images=a.images + tuple(b.images[row] for row in only_b.tolist()),
        agreements=state,
        class_ids=class_ids,
        counts_by_class=by_class,
        verdict_counts=_count_verdict_pairs(
            _find_verdicts(first, np.arange(len(a))), _find_verdicts(second, rows), is_shared
        ),
        classes=a.classes,
    )


def _select_valid_labels(labels: LabelSets | MultiLabels) -> LabelSets:
    """Return the valid classes of each image as label sets."""
    return labels.valid if isinstance(labels, MultiLabels) else labels


def _find_agreement_of_images(first_keys: _LabelKeys, second_keys: _LabelKeys, n_images: int) -> npt.NDArray[np.int8]:
    """Return how two label sets agree on each image, as an index of `AGREEMENTS`.

    A label set is given as sorted keys of its (image, class) pairs, see `encode_labels_as_numbers`.
    """
    in_both = np.intersect1d(first_keys, second_keys, assume_unique=True)
    n_first, n_second, n_both = (
        np.bincount(keys >> 32, minlength=n_images) for keys in (first_keys, second_keys, in_both)
    )
    fits = {
        "both_unlabelled": (n_first == 0) & (n_second == 0),
        "first_unlabelled": n_first == 0,
        "second_unlabelled": n_second == 0,
        "disjoint": n_both == 0,
        "equal": (n_both == n_first) & (n_both == n_second),
    }
    places = [AGREEMENTS.index(name) for name in fits]
    return np.select(list(fits.values()), places, AGREEMENTS.index("overlap")).astype(np.int8)


def _count_by_class(
    keys: _LabelKeys, agreements: npt.NDArray[np.int8]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return the distinct classes, and for each class the number of images with each of `AGREEMENTS`."""
    class_ids, place = np.unique(keys & _CLASS_ID_MASK, return_inverse=True)
    width = len(AGREEMENTS) - 1  # a label exists, so the image is not unlabelled in both
    counts = np.bincount(place * width + agreements[keys >> 32], minlength=class_ids.size * width)
    return class_ids.astype(np.int32), counts.reshape(-1, width)


def _find_verdicts(labels: LabelSets | MultiLabels, image_positions: npt.NDArray[np.int64]) -> _Verdicts:
    """Return the (image, class) pairs that occur in the labels, each with its verdict."""
    parts = [labels.valid, labels.unclear, labels.wrong] if isinstance(labels, MultiLabels) else [labels]
    keys = np.concatenate([encode_pairs(image_positions[part.image_ids], part.indices) for part in parts])
    verdicts = np.repeat(np.arange(len(parts)), [part.indices.size for part in parts])
    order = np.argsort(keys)
    return _Verdicts(keys[order], verdicts[order])


def _count_verdict_pairs(
    first: _Verdicts, second: _Verdicts, is_shared: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Count (image, class) pairs on shared images by the verdicts of the first and of the second label set."""
    pairs = np.union1d(first.pair_keys, second.pair_keys)
    pairs = pairs[is_shared[pairs >> 32]]
    size = len(VERDICT_NAMES)
    both = np.full((2, pairs.size), VERDICT_NAMES.index("not_named"))
    for verdicts, (keys, key_verdicts) in zip(both, (first, second), strict=True):
        is_named = np.isin(pairs, keys)
        verdicts[is_named] = key_verdicts[np.searchsorted(keys, pairs[is_named])]
    return np.bincount(both[0] * size + both[1], minlength=size * size).reshape(size, size)
