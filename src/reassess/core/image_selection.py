"""Selections of images of a dataset by name, such as a list of names, or the training part of a fold."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_is_collection, find_first_duplicate
from reassess.core.image_names import JOIN_BY_WHOLE_PATH, Match, check_image_names, image_keys, suggest_match_fix
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.text import join_first

TRAINING_PATTERN = r"^(n[0-9]{8}_[0-9]+)_n[0-9]{8}$"  # stem of an ImageNet training image, with its class at the end


def image_keys_without_class(names: Sequence[str], match: Match) -> tuple[str, ...]:
    """Return image keys as `image_keys` does, but remove a class such as ``_n01440764`` from the end of a stem."""
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
        Images that a dataset may also contain, such as images of other folds. None: it may contain any other images.
    selection_name
        Name of the selection in messages, after "the".

    Raises
    ------
    DataError
        No image is selected, or an image is named twice.

    Examples
    --------
    >>> selection = ImageSelection(("b.png", "c.png"), other_images=("a.png",))
    >>> selection.selected_rows(["a.png", "b.png", "c.png"])
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

    def selected_rows(
        self, names: Sequence[str], *, match: Match = "path", ignore_unknown: bool = False
    ) -> npt.NDArray[np.int64]:
        """Return the rows of a dataset whose images are selected, in the order of the dataset; int64.

        Parameters
        ----------
        names
            Names of the dataset's images.
        match
            The part of a name that identifies an image. By stem, ``n01440764_10026_n01440764`` is ``n01440764_10026``.
        ignore_unknown
            Skip unknown images; otherwise, they are an error. If `other_images` is None, no image is unknown.
        """
        positions = self.positions_of(names, match=match, ignore_unknown=ignore_unknown)
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

    def positions_of(
        self, names: Sequence[str], *, match: Match = "path", ignore_unknown: bool = False
    ) -> npt.NDArray[np.int64]:
        """Return the position of each image in the selection, -1 for other images; int64, shape (names,).

        Arguments as for `selected_rows`. A name may be listed twice, and it is not an error if no image is selected.
        """
        check_is_collection(names, value_name="names of images")
        positions = self._find_selection_positions(names, match)
        if self.other_images is not None and not ignore_unknown and (positions < -1).any():
            raise self._unknown_images_error(
                [names[row] for row in np.flatnonzero(positions < -1).tolist()], len(names), match
            )
        return np.maximum(positions, -1)

    def unexpected_names(self, names: Sequence[str], *, match: Match = "path") -> tuple[str, ...]:
        """Return the images of a dataset that are neither selected nor among `other_images`.

        The result is empty if `other_images` is None.
        """
        if self.other_images is None:
            return ()
        return tuple(names[row] for row in np.flatnonzero(self._find_selection_positions(names, match) < -1).tolist())

    def images_missing_from(self, names: Sequence[str], *, match: Match = "path") -> tuple[str, ...]:
        """Return the selected images that are missing from a dataset."""
        dataset_keys = set(image_keys_without_class(names, match))
        keys = image_keys_without_class(self.images, match)
        return tuple(name for name, key in zip(self.images, keys, strict=True) if key not in dataset_keys)

    def positions_by_key(self, match: Match) -> Mapping[str, int]:
        """Map the key of each image to its position in `images`, or to -1 if the image is in `other_images`.

        `DataError` if two keys are equal.
        """
        if match not in self._image_positions_by_match_and_key:
            names = (*self.images, *(self.other_images or ()))
            keys = image_keys_without_class(names, match)
            if again := find_first_duplicate(keys):
                raise DataError(
                    "ambiguous-image",
                    f"two images of the {self.selection_name} have the same {match}",
                    found=f"{names[again[0]]} and {names[again[1]]}",
                    fix=JOIN_BY_WHOLE_PATH,
                )
            selected = len(self.images)
            self._image_positions_by_match_and_key[match] = {
                key: row if row < selected else -1 for row, key in enumerate(keys)
            }
        return self._image_positions_by_match_and_key[match]

    def _find_selection_positions(self, names: Sequence[str], match: Match) -> npt.NDArray[np.int64]:
        """Return the position of each selected image, -1 for an image in `other_images`, -2 for an unknown image."""
        keys = image_keys_without_class(names, match)
        return np.fromiter(map(self.positions_by_key(match).get, keys, repeat(-2)), np.int64, len(keys))

    @cached_property
    def _image_positions_by_match_and_key(self) -> dict[Match, Mapping[str, int]]:
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
                suggest_match_fix(names, known, match=match) or "correct the names",
                Fix("skip such images: {ignore_unknown}", ignore_unknown=True),
            ),
        )

    def _check_not_empty(self, rows: npt.NDArray[np.int64], names: Sequence[str], match: Match) -> None:
        if rows.size:
            return
        fix = suggest_match_fix(self.images, names, match=match) if names else None
        raise DataError(
            "nothing-in-common",
            f"no image of the dataset is in the {self.selection_name}",
            allowed=f"names such as {join_first(self.images, max_items=2)}",
            found=join_first(names, max_items=2) or "no image",
            fix=fix or "use a dataset with the training images",
        )


def warn_of_missing_images(names: Sequence[str], selection: ImageSelection, match: Match, *, stack_level: int) -> int:
    """Warn about selected images that are missing from a dataset; return their number."""
    missing = selection.images_missing_from(names, match=match)
    if missing:
        text = (
            f"{len(missing):,} of the {len(selection):,} images in the {selection.selection_name} are not in the "
            "dataset"
        )
        warnings.warn(f"{text}: {join_first(missing, max_items=3)}", ReassessWarning, stacklevel=stack_level + 1)
    return len(missing)


def warn_of_unselected_images(
    names: Sequence[str], selection: ImageSelection, match: Match, *, stack_level: int
) -> None:
    """Warn about images of a dataset that are not used, since the selection does not know them."""
    unknown = selection.unexpected_names(names, match=match)
    if unknown:
        text = f"{len(unknown):,} of {len(names):,} images are unknown to the {selection.selection_name} and not used"
        warnings.warn(f"{text}: {join_first(unknown, max_items=3)}", ReassessWarning, stacklevel=stack_level + 1)
