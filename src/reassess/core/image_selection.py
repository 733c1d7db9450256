"""Which images of a data set are wanted, by their names: those on a list, or the training part of a fold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_several, first_repeat
from reassess.core.image_names import Match, image_keys, unique_images
from reassess.core.name_fits import how_they_fit
from reassess.errors import DataError
from reassess.text import some

__all__ = ["TRAINING_PATTERN", "ImageSelection", "selection_keys"]

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
        What the selection is called in messages.

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
    thing: str = "the list"

    def __post_init__(self) -> None:
        check_several(self.images, what="names of images")
        if not self.images:
            raise DataError("no image is wanted", where=self.thing)
        unique_images((*self.images, *(self.others or ())), self.thing)

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
        kept = self.wanted(names, match=match, ignore_unknown=ignore_unknown)
        rows = np.flatnonzero(kept)
        self._refuse_none(rows, names, match)
        keys = selection_keys([names[row] for row in rows.tolist()], match)
        if repeat := first_repeat(keys):
            before, again = (names[rows[position]] for position in repeat)
            raise DataError(
                f"two images have a name that is on {self.thing}",
                found=f"{before} and {again}",
                mend="rename one of them" if match == "path" else 'rename one of them, or join by match="path"',
            )
        return rows

    def wanted(
        self, names: Sequence[str], *, match: Match = "path", ignore_unknown: bool = False
    ) -> npt.NDArray[np.bool_]:
        """Whether each of some images is wanted; bool, shape (names,). Arguments as for `rows`; all may be unwanted."""
        wanted, known = self._keys(match)
        keys = selection_keys(names, match)
        if known is not None and not ignore_unknown:
            unknown = [name for name, key in zip(names, keys, strict=True) if key not in known]
            if unknown:
                raise self.unknown(unknown, len(names), match)
        return np.fromiter((key in wanted for key in keys), bool, len(keys))

    def missing(self, names: Sequence[str], *, match: Match = "path") -> tuple[str, ...]:
        """The wanted images that a data set does not hold."""
        there = set(selection_keys(names, match))
        keys = selection_keys(self.images, match)
        return tuple(name for name, key in zip(self.images, keys, strict=True) if key not in there)

    def unknown(self, names: Sequence[str], total: int, match: Match) -> DataError:
        """The error that says that images of a data set are not known."""
        known = (*self.images, *(self.others or ()))
        return DataError(
            f"{len(names):,} of {total:,} images are unknown to {self.thing}",
            allowed=f"names such as {some(known, most=2)}",
            found=some(names, most=3),
            mend=f"{how_they_fit(names, known, match=match) or 'check the names'}; "
            "or leave such images out with ignore_unknown=True",
        )

    def keys(self, match: Match) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What identifies each wanted image, and each other one; `DataError` if two are alike."""
        names = (*self.images, *(self.others or ()))
        keys = selection_keys(names, match)
        if repeat := first_repeat(keys):
            before, again = (names[position] for position in repeat)
            raise DataError(
                f"two images of {self.thing} have the same {match}", found=f"{before} and {again}",
                mend='join by the whole path (match="path")',
            )  # fmt: skip
        return keys[: len(self.images)], keys[len(self.images) :]

    @cached_property
    def _by_match(self) -> dict[Match, tuple[frozenset[str], frozenset[str] | None]]:
        return {}

    def _keys(self, match: Match) -> tuple[frozenset[str], frozenset[str] | None]:
        if match not in self._by_match:
            wanted, others = self.keys(match)
            known = None if self.others is None else frozenset((*wanted, *others))
            self._by_match[match] = frozenset(wanted), known
        return self._by_match[match]

    def _refuse_none(self, rows: npt.NDArray[np.int64], names: Sequence[str], match: Match) -> None:
        if rows.size:
            return
        fits = how_they_fit(self.images, names, match=match) if names else None
        raise DataError(
            f"no image of the data set is on {self.thing}",
            allowed=f"names such as {some(self.images, most=2)}",
            found=some(names, most=2) or "no image",
            mend=fits or "give a data set of the training images",
        )
