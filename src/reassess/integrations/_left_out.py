"""What a selection of images wants and a data set lacks, and what a data set holds that the selection does not know."""

import warnings
from collections.abc import Sequence

from reassess.core.image_names import Match
from reassess.core.image_selection import ImageSelection
from reassess.errors import ReassessWarning
from reassess.text import some

__all__ = ["tell_left_out"]


def tell_left_out(names: Sequence[str], selection: ImageSelection, match: Match, *, depth: int) -> int:
    """Warn of wanted images that a data set lacks, and of its images that are not known; how many of the first.

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
    unknown = selection.unknown(names, match=match)
    if unknown:
        text = f"{len(unknown):,} of {len(names):,} images are unknown to the {selection.thing} and left out"
        warnings.warn(f"{text}: {some(unknown, most=3)}", ReassessWarning, stacklevel=depth + 1)
    return len(missing)
