"""Whether two label sets agree: on how many images they are equal, overlap or are disjoint, and what the rest is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, LabelSets, Match, MultiLabels, align_classes
from reassess.core.image_names import join
from reassess.core.multi_labels import label_keys
from reassess.numeric.arrays import freeze, pair_keys
from reassess.text import Listed, Shown, counted, percent

AGREEMENTS = ("equal", "overlap", "disjoint", "first_unlabelled", "second_unlabelled", "both_unlabelled")
CROSSTAB = ("valid", "unclear", "wrong", "not_named")
_BOTH_LABELLED = 3  # of AGREEMENTS, the first
_CLASS_IDS = np.int64(0xFFFFFFFF)
_Pairs = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class LabelAgreement(Shown):
    """How far two label sets agree, on every image that one of them holds."""

    # Names of the images: those of the first label set, then those that only the second holds
    images: tuple[str, ...]
    # int8, shape (images,): index into `AGREEMENTS`. The valid classes are equal; overlap, which is to share a
    # class and not be equal; or are disjoint; or one of the two is silent: it has no valid class for the image,
    # or does not hold it
    state: npt.NDArray[np.int8]
    class_ids: npt.NDArray[np.int32]  # int32, shape (classes,): the classes that are valid in either, ascending
    # int64, shape (classes, 5): for each of these, the images of which it is valid in either, by `AGREEMENTS`; of
    # the last there are none
    by_class: npt.NDArray[np.int64]
    # int64, shape (4, 4): pairs of an image and a class that one of the two names, on the images that both hold,
    # by what the first (row) and the second (column) say, in the order of `CROSSTAB`. Plain label sets say valid,
    # or do not name a class
    crosstab: npt.NDArray[np.int64]
    classes: Classes  # The classes that both are in

    def __post_init__(self) -> None:
        freeze(self, "state", "class_ids", "by_class", "crosstab")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> dict[str, int]:
        """Number of images of each of `AGREEMENTS`."""
        return dict(zip(AGREEMENTS, np.bincount(self.state, minlength=len(AGREEMENTS)).tolist(), strict=True))

    @property
    def equal_share(self) -> float | None:
        """Images whose sets are equal, of those that have labels in both, in [0, 1]; None where there are none."""
        both = int(np.count_nonzero(self.state < _BOTH_LABELLED))
        return self.counts["equal"] / both if both else None

    def images_of(self, agreement: str) -> tuple[str, ...]:
        """The images of one of `AGREEMENTS`, by name."""
        return tuple(self.images[row] for row in np.flatnonzero(self.state == AGREEMENTS.index(agreement)).tolist())

    def _list(self) -> Listed:
        counts, total = self.counts, len(self.images) or 1
        rows = ((name.replace("_", " "), f"{n:,}", percent(n / total)) for name, n in counts.items())
        return Listed(("the valid classes", "images", "%"), len(counts), rows)

    @property
    def _headline(self) -> str:
        n = self.counts
        share = "" if self.equal_share is None else f" ({percent(self.equal_share)} %)"
        both = counted(sum(list(n.values())[:_BOTH_LABELLED]), "image")
        silent = [counted(n[name], "image") for name in AGREEMENTS[_BOTH_LABELLED:]]
        return (
            f"{both} with labels in both: {n['equal']:,} equal{share}, {n['overlap']:,} overlap, "
            f"{n['disjoint']:,} disjoint\n"
            f"unlabelled: the first on {silent[0]}, the second on {silent[1]}, both on {silent[2]}"
        )

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "images": len(self),
            **self.counts,
            "crosstab": {
                first: dict(zip(CROSSTAB, row, strict=True))
                for first, row in zip(CROSSTAB, self.crosstab.tolist(), strict=True)
            },
            "by_class": [
                self.classes.id_and_name(class_id) | dict(zip(AGREEMENTS, row, strict=False))
                for class_id, row in zip(self.class_ids.tolist(), self.by_class.tolist(), strict=True)
            ],
        }


def label_agreement(
    first: LabelSets | MultiLabels, second: LabelSets | MultiLabels, *, match: Match = "path"
) -> LabelAgreement:
    """How far two label sets agree, image by image and class by class.

    Parameters
    ----------
    first, second
        Label sets, or what reviewers said of each image: of these the valid classes are compared, those of problematic
        images too, and `LabelAgreement.crosstab` also counts what is unclear or wrong. Images are joined by name, and
        classes by wnid or name where both have them, else by id.
    match
        Which part of a name identifies an image; see `evaluate`.

    Returns
    -------
    LabelAgreement

    Raises
    ------
    DataError
        The two are of different classes; or an image name is ambiguous.

    Notes
    -----
    Verdicts on the original labels alone, such as those of the source `imagenet-ecologists`, tell nothing of other
    classes: there overlap is no disagreement, and a label that is not named is not known to be wrong.
    """
    first, second = align_classes({"the first label set": first, "the second label set": second}).values()
    a, b = _valid(first), _valid(second)
    rows = join(b.images, a.images, match=match, where="the second label set", known_where="the first label set")
    only_b = np.flatnonzero(rows < 0)
    is_shared = np.zeros(len(a) + only_b.size, bool)
    is_shared[rows[rows >= 0]] = True
    rows[only_b] = len(a) + np.arange(only_b.size)
    keys = label_keys(a), pair_keys(rows[b.image_ids], b.indices)
    state = _states(*keys, len(is_shared))
    class_ids, by_class = _by_class(np.union1d(*keys), state)
    return LabelAgreement(
        images=a.images + tuple(b.images[row] for row in only_b.tolist()),
        state=state,
        class_ids=class_ids,
        by_class=by_class,
        crosstab=_crosstab(_said_of(first, np.arange(len(a))), _said_of(second, rows), is_shared),
        classes=a.classes,
    )


def _valid(labels: LabelSets | MultiLabels) -> LabelSets:
    return labels.valid if isinstance(labels, MultiLabels) else labels


def _states(first: _Pairs, second: _Pairs, images: int) -> npt.NDArray[np.int8]:
    """Index into `AGREEMENTS` of each image, from the keys of both's labels."""
    in_both = np.intersect1d(first, second, assume_unique=True)
    n_first, n_second, n_both = (np.bincount(keys >> 32, minlength=images) for keys in (first, second, in_both))
    fits = {
        "both_unlabelled": (n_first == 0) & (n_second == 0),
        "first_unlabelled": n_first == 0,
        "second_unlabelled": n_second == 0,
        "disjoint": n_both == 0,
        "equal": (n_both == n_first) & (n_both == n_second),
    }
    places = [AGREEMENTS.index(name) for name in fits]
    return np.select(list(fits.values()), places, AGREEMENTS.index("overlap")).astype(np.int8)


def _by_class(keys: _Pairs, state: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The classes of some labels, and how many images of each state each has."""
    class_ids, place = np.unique(keys & _CLASS_IDS, return_inverse=True)
    width = len(AGREEMENTS) - 1  # some class is valid, so that not both are silent
    counts = np.bincount(place * width + state[keys >> 32], minlength=class_ids.size * width)
    return class_ids.astype(np.int32), counts.reshape(-1, width)


def _said_of(labels: LabelSets | MultiLabels, rows: npt.NDArray[np.int64]) -> tuple[_Pairs, _Pairs]:
    """Keys of the classes that a label set names, ascending, and index into `CROSSTAB` of what it says of each."""
    parts = [labels.valid, labels.unclear, labels.wrong] if isinstance(labels, MultiLabels) else [labels]
    keys = np.concatenate([pair_keys(rows[part.image_ids], part.indices) for part in parts])
    crosstab = np.repeat(np.arange(len(parts)), [part.indices.size for part in parts])
    order = np.argsort(keys)
    return keys[order], crosstab[order]


def _crosstab(
    first: tuple[_Pairs, _Pairs], second: tuple[_Pairs, _Pairs], is_shared: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Count the pairs that either names, on shared images, by what both say."""
    named = np.union1d(first[0], second[0])
    named = named[is_shared[named >> 32]]
    size = len(CROSSTAB)
    both = np.full((2, named.size), CROSSTAB.index("not_named"))
    for said, (keys, crosstab) in zip(both, (first, second), strict=True):
        known = np.isin(named, keys)
        said[known] = crosstab[np.searchsorted(keys, named[known])]
    return np.bincount(both[0] * size + both[1], minlength=size * size).reshape(size, size)
