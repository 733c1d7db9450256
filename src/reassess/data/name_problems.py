"""Image names that a benchmark part lists twice, or that are missing from another part."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from reassess.core import Match
from reassess.core.image_names import image_keys, suggest_match_fix
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.data.image_folders import IMAGE_SUFFIXES
from reassess.errors import Fix

_VOTE_PARTS = ("votes", "golden", "rater-golden")
_MAX_EXAMPLES = 3


@dataclass(frozen=True)
class NameProblem:
    """Names of images or classes that one part lists twice, or that are missing from another part."""

    name_kind: str  # image or class
    description: str  # the problem, as the end of a sentence that begins with the number of names
    count: int  # number of names
    examples: tuple[str, ...]  # the first three names
    fix: Fix | str | None = None  # how to fix it, if that is known


def make_name_problem(
    name_kind: str, description: str, names: Sequence[str], *, fix: Fix | str | None = None
) -> NameProblem:
    """Create a `NameProblem` with the number of names, and the first names as examples."""
    return NameProblem(
        name_kind=name_kind, description=description, count=len(names), examples=tuple(names[:_MAX_EXAMPLES]), fix=fix
    )


def find_repeated_names(part: str, images: Sequence[str]) -> Iterator[NameProblem]:
    """Find images that a part lists twice, with a different spelling or suffix."""
    keys = [key.casefold() for key in image_keys(images)]
    spellings = _join_names_with_same_key(images, keys)
    if spellings:
        yield make_name_problem("image", f"twice in {part}, with different case or slashes", spellings)
    name_of = dict(zip(keys, images, strict=True))
    suffixes = _join_names_with_same_key(list(name_of.values()), [_without_suffix(key) for key in name_of])
    if suffixes:
        yield make_name_problem("image", f"in {part} with two suffixes", suffixes)


def _join_names_with_same_key(names: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Join the names with the same key to one text, such as "a.png and A.png"."""
    names_of: dict[str, list[str]] = {}
    for name, key in zip(names, keys, strict=True):
        names_of.setdefault(key, []).append(name)
    return [" and ".join(sorted(names)) for names in names_of.values() if len(names) > 1]


def _without_suffix(name: str) -> str:
    """Remove the suffix of an image file from a name."""
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}" in IMAGE_SUFFIXES else name


def find_image_mismatches(images: Mapping[str, tuple[str, ...]], match: Match) -> Iterator[NameProblem]:
    """Find images that are in one part but missing from another.

    Labels and scores are compared with the images, or else with the original labels; votes with all other parts.
    """
    reference = next((part for part in ("images", "original") if part in images), None)
    if reference is not None:
        for part in ("original", "labels", "scores"):
            if part in images and part != reference:
                yield from _find_missing_images(images, part, [reference], match)
        for part in ("original", "labels"):
            if part in images and part != reference:
                yield from _find_missing_images(images, reference, [part], match)
    other_parts = [part for part in images if part not in _VOTE_PARTS]
    if other_parts:
        for part in _VOTE_PARTS:
            if part in images:
                yield from _find_missing_images(images, part, other_parts, match)


def _find_missing_images(
    images: Mapping[str, tuple[str, ...]], part: str, reference_parts: Sequence[str], match: Match
) -> Iterator[NameProblem]:
    """Find images of a part that are not in any of the reference parts."""
    names = images[part]
    known_names = tuple(chain.from_iterable(images[reference] for reference in reference_parts))
    known_keys = set(image_keys(known_names, match))
    missing_names = [name for name, key in zip(names, image_keys(names, match), strict=True) if key not in known_keys]
    if missing_names:
        fix = suggest_match_fix(names, known_names, missing=missing_names, match=match, settings_file=SETTINGS_FILE)
        yield make_name_problem("image", f"in {part} and not in {' or '.join(reference_parts)}", missing_names, fix=fix)
