"""Which images of a data set are wanted, by their names: those on a list, or the training part of a fold."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_several, first_repeat
from reassess.core.image_names import WHOLE_PATH, Match, how_they_fit, image_keys, unique_images
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.text import some

__all__ = ["TRAINING_PATTERN", "ImageSelection", "selection_keys", "tell_missing", "tell_unknown"]

TRAINING_PATTERN = r"^(n[0-9]{8}_[0-9]+)_n[0-9]{8}$"  # a stem of ImageNet's training images, the class at its end


def selection_keys(names: Sequence[str], match: Match) -> tuple[str, ...]:
    """What identifies each image of a data set, as `image_keys`; of a stem, a class at its end is no part.

    >>> selection_keys(["train/n01440764_10026_n01440764.JPEG"], "stem")
    ('n01440764_10026',)
    """
    keys = image_keys(names, match)
    return tuple(re.sub(TRAINING_PATTERN, r"\1", key) for key in keys) if match == "stem" else keys


@dataclass(frozen=True, eq=False)
class ImageSelection:
    """Names of the images that are wanted of a data set.

    Parameters
    ----------
    images
        The wanted images, no image twice.
    others
        Images that are known and not wanted, such as those of other folds. None: whatever is not wanted need not be
        known.
    thing
        What the selection is called in messages: the ...

    Raises
    ------
    DataError
        No image is wanted; or an image is named twice.

    Examples
    --------
    >>> selection = ImageSelection(("b.png", "c.png"), others=("a.png",))
    >>> selection.rows(["a.png", "b.png", "c.png"])
    array([1, 2])
    """

    images: tuple[str, ...]
    others: tuple[str, ...] | None = None
    thing: str = "list"

    def __post_init__(self) -> None:
        check_several(self.images, what="names of images")
        if self.others is not None:
            check_several(self.others, what="names of images")
        if not self.images:
            raise DataError("empty-selection", "selection is empty", where=f"the {self.thing}")
        unique_images((*self.images, *(self.others or ())), f"the {self.thing}")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        of = "" if self.others is None else f" of {len(self) + len(self.others):,}"
        return f"ImageSelection({len(self):,}{of} images, {self.thing})"

    def rows(
        self, names: Sequence[str], *, match: Match = "path", ignore_unknown: bool = False
    ) -> npt.NDArray[np.int64]:
        """Positions of the wanted images among the names of a data set, in its order; int64, shape (wanted and there,).

        Parameters
        ----------
        names
            The name of each image of the data set.
        match
            Which part of a name identifies an image. By stem, ``n01440764_10026_n01440764`` is ``n01440764_10026``.
        ignore_unknown
            Leave out images that the selection does not know, where it knows `others`, instead of stopping.

        Raises
        ------
        DataError
            No wanted image is there; two images have the name of a wanted one, or two names of the selection are alike;
            an image of the data set is not known.
        """
        found = self.find(names, match=match, ignore_unknown=ignore_unknown)
        rows = np.flatnonzero(found >= 0)
        self._refuse_none(rows, names, match)
        if again := first_repeat(found[rows].tolist()):
            before, after = (names[rows[position]] for position in again)
            raise DataError(
                "ambiguous-image",
                f"two images have a name that is on the {self.thing}",
                found=f"{before} and {after}",
                fix="rename one of them" if match == "path" else WHOLE_PATH,
            )
        return rows

    def find(
        self, names: Sequence[str], *, match: Match = "path", ignore_unknown: bool = False
    ) -> npt.NDArray[np.int64]:
        """Position among the wanted images of each of some names, -1 of one that is not wanted; int64, shape (names,).

        Arguments as for `rows`; a name may stand twice, and all may be unwanted.
        """
        check_several(names, what="names of images")
        found = self._found(names, match)
        if self.others is not None and not ignore_unknown and (found < -1).any():
            raise self._unknown([names[row] for row in np.flatnonzero(found < -1).tolist()], len(names), match)
        return np.maximum(found, -1)

    def unknown(self, names: Sequence[str], *, match: Match = "path") -> tuple[str, ...]:
        """The images of a data set that are neither wanted nor known as others; none where others need not be known."""
        if self.others is None:
            return ()
        return tuple(names[row] for row in np.flatnonzero(self._found(names, match) < -1).tolist())

    def missing(self, names: Sequence[str], *, match: Match = "path") -> tuple[str, ...]:
        """The wanted images that a data set does not hold."""
        there = set(selection_keys(names, match))
        keys = selection_keys(self.images, match)
        return tuple(name for name, key in zip(self.images, keys, strict=True) if key not in there)

    def positions(self, match: Match) -> Mapping[str, int]:
        """Position among the wanted images by what identifies each, -1 for the others; `DataError` if two are alike."""
        if match not in self._positions:
            names = (*self.images, *(self.others or ()))
            keys = selection_keys(names, match)
            if again := first_repeat(keys):
                raise DataError(
                    "ambiguous-image",
                    f"two images of the {self.thing} have the same {match}",
                    found=f"{names[again[0]]} and {names[again[1]]}",
                    fix=WHOLE_PATH,
                )
            wanted = len(self.images)
            self._positions[match] = {key: row if row < wanted else -1 for row, key in enumerate(keys)}
        return self._positions[match]

    def _found(self, names: Sequence[str], match: Match) -> npt.NDArray[np.int64]:
        """As `find`, and -2 of one that is neither wanted nor among the others."""
        keys = selection_keys(names, match)
        return np.fromiter(map(self.positions(match).get, keys, repeat(-2)), np.int64, len(keys))

    @cached_property
    def _positions(self) -> dict[Match, Mapping[str, int]]:
        return {}

    def _unknown(self, names: Sequence[str], total: int, match: Match) -> DataError:
        known = (*self.images, *(self.others or ()))
        return DataError(
            "unknown-images",
            f"{len(names):,} of {total:,} images are not on the {self.thing}",
            allowed=f"names such as {some(known, most=2)}",
            found=some(names, most=3),
            fix=Fix.join(
                "; or ",
                how_they_fit(names, known, match=match) or "check the names",
                Fix("do not use such images: {ignore_unknown}", ignore_unknown=True),
            ),
        )

    def _refuse_none(self, rows: npt.NDArray[np.int64], names: Sequence[str], match: Match) -> None:
        if rows.size:
            return
        fits = how_they_fit(self.images, names, match=match) if names else None
        raise DataError(
            "no-common-image",
            f"no image of the dataset is on the {self.thing}",
            allowed=f"names such as {some(self.images, most=2)}",
            found=some(names, most=2) or "no image",
            fix=fits or "give a data set of the training images",
        )


def tell_missing(names: Sequence[str], selection: ImageSelection, match: Match, *, depth: int) -> int:
    """Warn of wanted images that a data set lacks, and say how many there are."""
    missing = selection.missing(names, match=match)
    if missing:
        text = f"{len(missing):,} of the {len(selection):,} images on the {selection.thing} are not in the data set"
        warnings.warn(f"{text}: {some(missing, most=3)}", ReassessWarning, stacklevel=depth + 1)
    return len(missing)


def tell_unknown(names: Sequence[str], selection: ImageSelection, match: Match, *, depth: int) -> None:
    """Warn of images of a data set that are left out, as the selection does not know them; as for `tell_missing`."""
    unknown = selection.unknown(names, match=match)
    if unknown:
        text = f"{len(unknown):,} of {len(names):,} images are unknown to the {selection.thing} and left out"
        warnings.warn(f"{text}: {some(unknown, most=3)}", ReassessWarning, stacklevel=depth + 1)
