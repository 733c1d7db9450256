"""What a selection of images wants and a data set lacks, and what a data set holds that the selection does not know."""

import warnings
from collections.abc import Sequence

from reassess.core.image_names import Match
from reassess.core.image_selection import ImageSelection
from reassess.errors import ReassessWarning
from reassess.text import some

__all__ = ["tell_missing", "tell_unknown"]


def tell_missing(names: Sequence[str], selection: ImageSelection, match: Match, *, depth: int) -> int:
    """Warn of wanted images that a data set lacks, and say how many there are.

    Parameters
    ----------
    names
        The name of each image of the data set.
    selection, match
        As for `ImageSelection.rows`.
    depth
        How many calls lie between this one and the user's.
    """
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
