"""Selections of images of a dataset, by name: a list, or the training part of a fold."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_is_collection, find_first_duplicate
from reassess.core.image_names import JOIN_BY_WHOLE_PATH, Match, check_image_names, image_keys, suggest_match
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.text import join_first

TRAINING_PATTERN = r"^(n[0-9]{8}_[0-9]+)_n[0-9]{8}$"  # stem of an ImageNet training image, with its class at the end


def selection_keys(names: Sequence[str], match: Match) -> tuple[str, ...]:
    """Return image keys as `image_keys` does, but remove a class (``_n01440764``) at the end of a stem."""
    keys = image_keys(names, match)
    return tuple(re.sub(TRAINING_PATTERN, r"\1", key) for key in keys) if match == "stem" else keys


@dataclass(frozen=True, eq=False)
class ImageSelection:
    """Names of selected images of a dataset.

    Parameters
    ----------
    images
        The selected images, without duplicates.
    other_images
        Images that are accepted but not selected, such as images of other folds. None: all other images are accepted.
    selection_name
        Name of the selection in messages, after "the".

    Raises
    ------
    DataError
        No image is selected, or an image is named twice.

    Examples
    --------
    >>> selection = ImageSelection(("b.png", "c.png"), other_images=("a.png",))
    >>> selection.rows(["a.png", "b.png", "c.png"])
    array([1, 2])
    """

    images: tuple[str, ...]
    other_images: tuple[str, ...] | None = None
    selection_name: str = "list"

    def __post_init__(self) -> None:
        check_is_collection(self.images, value_name="names of images")
        if self.other_images is not None:
            check_is_collection(self.other_images, value_name="names of images")
        if not self.images:
            raise DataError("empty", "selection is empty", where=f"the {self.selection_name}")
        check_image_names((*self.images, *(self.other_images or ())), f"the {self.selection_name}")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        of = "" if self.other_images is None else f" of {len(self) + len(self.other_images):,}"
        return f"ImageSelection({len(self):,}{of} images, {self.selection_name})"

    def rows(
        self, names: Sequence[str], *, match: Match = "path", ignore_unknown: bool = False
    ) -> npt.NDArray[np.int64]:
        """Find the selected images in a dataset; return their rows in the order of the dataset; int64.

        Parameters
        ----------
        names
            Names of the dataset's images.
        match
            The part of a name that identifies an image. By stem, ``n01440764_10026_n01440764`` is ``n01440764_10026``.
        ignore_unknown
            Skip unknown images instead of stopping. If `other_images` is None, no image is unknown.
        """
        positions = self.find(names, match=match, ignore_unknown=ignore_unknown)
        rows = np.flatnonzero(positions >= 0)
        self._check_not_empty(rows, names, match)
        if again := find_first_duplicate(positions[rows].tolist()):
            before, after = (names[rows[position]] for position in again)
            raise DataError(
                "ambiguous-image",
                f"two images match the same name in the {self.selection_name}",
                found=f"{before} and {after}",
                fix="rename one of them" if match == "path" else JOIN_BY_WHOLE_PATH,
            )
        return rows

    def find(
        self, names: Sequence[str], *, match: Match = "path", ignore_unknown: bool = False
    ) -> npt.NDArray[np.int64]:
        """Return the position of each name in the selection, -1 if not selected; int64, shape (names,).

        Arguments as for `rows`. A name may be listed twice, and it is not an error if no name is selected.
        """
        check_is_collection(names, value_name="names of images")
        positions = self._find_or_unknown(names, match)
        if self.other_images is not None and not ignore_unknown and (positions < -1).any():
            raise self._unknown_images_error(
                [names[row] for row in np.flatnonzero(positions < -1).tolist()], len(names), match
            )
        return np.maximum(positions, -1)

    def unexpected_names(self, names: Sequence[str], *, match: Match = "path") -> tuple[str, ...]:
        """Return the images of a dataset that are not in the selection or `other_images`; empty if it is None."""
        if self.other_images is None:
            return ()
        return tuple(names[row] for row in np.flatnonzero(self._find_or_unknown(names, match) < -1).tolist())

    def images_missing_from(self, names: Sequence[str], *, match: Match = "path") -> tuple[str, ...]:
        """Return the selected images that are missing from a dataset."""
        dataset_keys = set(selection_keys(names, match))
        keys = selection_keys(self.images, match)
        return tuple(name for name, key in zip(self.images, keys, strict=True) if key not in dataset_keys)

    def positions(self, match: Match) -> Mapping[str, int]:
        """Map keys to positions in the selection, -1 for `other_images`; `DataError` if two keys are equal."""
        if match not in self._positions:
            names = (*self.images, *(self.other_images or ()))
            keys = selection_keys(names, match)
            if again := find_first_duplicate(keys):
                raise DataError(
                    "ambiguous-image",
                    f"two images of the {self.selection_name} have the same {match}",
                    found=f"{names[again[0]]} and {names[again[1]]}",
                    fix=JOIN_BY_WHOLE_PATH,
                )
            selected = len(self.images)
            self._positions[match] = {key: row if row < selected else -1 for row, key in enumerate(keys)}
        return self._positions[match]

    def _find_or_unknown(self, names: Sequence[str], match: Match) -> npt.NDArray[np.int64]:
        """Find positions as `find` does, but -2 for names neither selected nor in `other_images`."""
        keys = selection_keys(names, match)
        return np.fromiter(map(self.positions(match).get, keys, repeat(-2)), np.int64, len(keys))

    @cached_property
    def _positions(self) -> dict[Match, Mapping[str, int]]:
        return {}

    def _unknown_images_error(self, names: Sequence[str], n_images: int, match: Match) -> DataError:
        known = (*self.images, *(self.other_images or ()))
        return DataError(
            "unknown-image",
            f"{len(names):,} of {n_images:,} images are not in the {self.selection_name}",
            allowed=f"names such as {join_first(known, max_items=2)}",
            found=join_first(names, max_items=3),
            fix=Fix.join(
                "; or ",
                suggest_match(names, known, match=match) or "correct the names",
                Fix("skip such images: {ignore_unknown}", ignore_unknown=True),
            ),
        )

    def _check_not_empty(self, rows: npt.NDArray[np.int64], names: Sequence[str], match: Match) -> None:
        if rows.size:
            return
        fix = suggest_match(self.images, names, match=match) if names else None
        raise DataError(
            "nothing-in-common",
            f"no image of the dataset is in the {self.selection_name}",
            allowed=f"names such as {join_first(self.images, max_items=2)}",
            found=join_first(names, max_items=2) or "no image",
            fix=fix or "use a dataset with the training images",
        )


def warn_missing(names: Sequence[str], selection: ImageSelection, match: Match, *, stack_level: int) -> int:
    """Warn about selected images that are missing from a dataset; return their number."""
    missing = selection.images_missing_from(names, match=match)
    if missing:
        text = (
            f"{len(missing):,} of the {len(selection):,} images in the {selection.selection_name} are not in the "
            "dataset"
        )
        warnings.warn(f"{text}: {join_first(missing, max_items=3)}", ReassessWarning, stacklevel=stack_level + 1)
    return len(missing)


def warn_unexpected(names: Sequence[str], selection: ImageSelection, match: Match, *, stack_level: int) -> None:
    """Warn about images of a dataset that are unknown to the selection, and not used."""
    unknown = selection.unexpected_names(names, match=match)
    if unknown:
        text = f"{len(unknown):,} of {len(names):,} images are unknown to the {selection.selection_name} and not used"
        warnings.warn(f"{text}: {join_first(unknown, max_items=3)}", ReassessWarning, stacklevel=stack_level + 1)
