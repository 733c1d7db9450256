"""Several sets of images, each called after its folder or archive."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from reassess.core.checks import check_several, check_text
from reassess.data.image_sources import ImageSource, open_images
from reassess.errors import DataError
from reassess.formats.tables import TABLE_SUFFIXES

__all__ = ["names_of_sets", "open_sets"]

_SUFFIXES = (".zip", ".tar", ".txt", *TABLE_SUFFIXES)


def open_sets(places: Sequence[str | Path]) -> dict[str, ImageSource]:
    """The images of each place by the name of its set, see `names_of_sets`; sorted by that name."""
    check_several(places, what="places of images")
    if not places:
        raise DataError("no-images", "images are missing", fix="name a folder, zip or tar for each set of images")
    _refuse_overlap([Path(place) for place in places])
    # A link is called by its own name.
    names = names_of_sets([os.path.abspath(place) for place in places])  # noqa: PTH100
    check_text(names, what="the name of a set")
    return {name: open_images(place) for name, place in sorted(zip(names, places, strict=True))}


def names_of_sets(paths: Sequence[str]) -> tuple[str, ...]:
    """What sets of images are called: by the last part of the path without the suffix of an archive or list.

    Where that is no name for each, by the last part with the suffix, or by as many parts as are needed.

    Examples
    --------
    >>> names_of_sets(["/data/train", "/data/val.zip"]), names_of_sets(["/data/val", "/data/val.zip"])
    (('train', 'val'), ('val', 'val.zip'))
    >>> names_of_sets(["/a/images", "/b/images"])
    ('a/images', 'b/images')
    """
    last = [PurePath(path) for path in paths]
    names = [path.stem if path.suffix.lower() in _SUFFIXES else path.name for path in last]
    parts = 0
    while len(set(names)) < len(names):
        parts += 1
        names = [PurePath(*path.parts[-parts:]).as_posix() for path in last]
    return tuple(names)


def _refuse_overlap(places: Sequence[Path]) -> None:
    """Refuse a place that is another one too, or lies in it: each of its images would repeat itself."""
    resolved = [Path(os.path.realpath(place)) for place in places]
    for i, place in enumerate(places):
        for j, other in enumerate(places):
            if i < j and resolved[i] == resolved[j]:
                raise DataError(
                    "duplicate-set", "set of images is given twice", found=f"{place} and {other}", fix="give it once"
                )
            if resolved[j] in resolved[i].parents:
                raise DataError(
                    "nested-set",
                    "set of images is inside another set",
                    found=f"{place} in {other}",
                    fix="give the inner folders, each as a set, or the outer one alone",
                )
