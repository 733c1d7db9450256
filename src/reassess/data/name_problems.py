"""Problems with names: images that a part of a benchmark lists twice, or that are missing from another part."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from reassess.core import Match
from reassess.core.image_names import image_keys, suggest_match
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.data.image_folders import IMAGE_SUFFIXES
from reassess.errors import Fix

_VOTE_PARTS = ("votes", "golden", "rater-golden")
_EXAMPLES = 3


@dataclass(frozen=True)
class NameProblem:
    """Names that one part lists twice, or that are missing from another part."""

    thing: str  # image or class
    what: str  # the problem, as the end of a sentence that begins with the number of names
    count: int  # number of names
    examples: tuple[str, ...]  # the first three names
    fix: Fix | str | None = None  # how to fix it, if that is known


def name_problem(thing: str, what: str, names: Sequence[str], *, fix: Fix | str | None = None) -> NameProblem:
    """Describe a problem by the number of its names, and the first names."""
    return NameProblem(thing=thing, what=what, count=len(names), examples=tuple(names[:_EXAMPLES]), fix=fix)


def repeated_names(part: str, images: Sequence[str]) -> Iterator[NameProblem]:
    """Find images that a part lists twice: spelled differently, or with different suffixes."""
    keys = [key.casefold() for key in image_keys(images)]
    spellings = _equal_keys(images, keys)
    if spellings:
        yield name_problem("image", f"twice in {part}, with different case or slashes", spellings)
    name_of = dict(zip(keys, images, strict=True))
    suffixes = _equal_keys(list(name_of.values()), [_without_suffix(key) for key in name_of])
    if suffixes:
        yield name_problem("image", f"in {part} with two suffixes", suffixes)


def _equal_keys(names: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Join the names of each key that several names have: "a.png and A.png"."""
    names_of: dict[str, list[str]] = {}
    for name, key in zip(names, keys, strict=True):
        names_of.setdefault(key, []).append(name)
    return [" and ".join(sorted(names)) for names in names_of.values() if len(names) > 1]


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}" in IMAGE_SUFFIXES else name


def image_mismatches(images: Mapping[str, tuple[str, ...]], match: Match) -> Iterator[NameProblem]:
    """Find images that are in one part but missing from another.

    Labels and scores are compared with the images, or else with the original labels; votes with all other parts.
    """
    reference = next((part for part in ("images", "original") if part in images), None)
    if reference is not None:
        for part in ("original", "labels", "scores"):
            if part in images and part != reference:
                yield from _missing_images(images, part, [reference], match)
        for part in ("original", "labels"):
            if part in images and part != reference:
                yield from _missing_images(images, reference, [part], match)
    other_parts = [part for part in images if part not in _VOTE_PARTS]
    if other_parts:
        for part in _VOTE_PARTS:
            if part in images:
                yield from _missing_images(images, part, other_parts, match)


def _missing_images(
    images: Mapping[str, tuple[str, ...]], part: str, references: Sequence[str], match: Match
) -> Iterator[NameProblem]:
    """Find images of a part that are in none of the reference parts."""
    names = images[part]
    known_names = tuple(chain.from_iterable(images[reference] for reference in references))
    known_keys = set(image_keys(known_names, match))
    missing = [name for name, key in zip(names, image_keys(names, match), strict=True) if key not in known_keys]
    if missing:
        fix = suggest_match(names, known_names, missing=missing, match=match, settings_file=SETTINGS_FILE)
        yield name_problem("image", f"in {part} and not in {' or '.join(references)}", missing, fix=fix)
