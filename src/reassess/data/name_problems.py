"""Names of images that one part of a benchmark lists twice, or that are in one part and not in another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from reassess.core import Match
from reassess.core.image_names import image_keys, suggest_match
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.data.image_folders import PICTURE_SUFFIXES
from reassess.errors import Fix

_OF_VOTES = ("votes", "golden", "rater-golden")
_EXAMPLES = 3


@dataclass(frozen=True)
class NameProblem:
    """Names that one part lists twice, or that are missing from another part."""

    thing: str  # what they name: image or class
    what: str  # what is wrong, as the end of a sentence that begins with their number
    count: int  # how many there are
    examples: tuple[str, ...]  # the first three
    fix: Fix | str | None = None  # what to do, if that is known


def name_problem(thing: str, what: str, names: Sequence[str], *, fix: Fix | str | None = None) -> NameProblem:
    """The count of some names, and the first of them."""
    return NameProblem(thing=thing, what=what, count=len(names), examples=tuple(names[:_EXAMPLES]), fix=fix)


def repeated_names(part: str, images: Sequence[str]) -> Iterator[NameProblem]:
    """The images that a part lists twice, in another spelling or with another suffix."""
    keys = [key.casefold() for key in image_keys(images)]
    spellings = _alike(images, keys)
    if spellings:
        yield name_problem("image", f"twice in {part}, but for capitals and slashes", spellings)
    one_of = dict(zip(keys, images, strict=True))
    suffixes = _alike(list(one_of.values()), [_without_suffix(key) for key in one_of])
    if suffixes:
        yield name_problem("image", f"in {part} with two suffixes", suffixes)


def _alike(names: Sequence[str], keys: Sequence[str]) -> list[str]:
    """The names that have one key, for each key that several have."""
    names_of: dict[str, list[str]] = {}
    for name, key in zip(names, keys, strict=True):
        names_of.setdefault(key, []).append(name)
    return [" and ".join(sorted(names)) for names in names_of.values() if len(names) > 1]


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}" in PICTURE_SUFFIXES else name


def image_mismatches(images: Mapping[str, tuple[str, ...]], match: Match) -> Iterator[NameProblem]:
    """Images in one part and not in another: what is judged against the images, votes against all else."""
    whole = next((part for part in ("images", "original") if part in images), None)
    if whole is not None:
        for part in ("original", "labels", "scores"):
            if part in images and part != whole:
                yield from _one_sided(images, part, [whole], f"not in {whole}", match)
        for part in ("original", "labels"):
            if part in images and part != whole:
                yield from _one_sided(images, whole, [part], f"not in {part}", match)
    judged = [part for part in images if part not in _OF_VOTES]
    if judged:
        for part in _OF_VOTES:
            if part in images:
                yield from _one_sided(images, part, judged, f"not in {' or '.join(judged)}", match)


def _one_sided(
    images: Mapping[str, tuple[str, ...]], part: str, others: Sequence[str], where: str, match: Match
) -> Iterator[NameProblem]:
    names = images[part]
    known = tuple(chain.from_iterable(images[other] for other in others))
    there = set(image_keys(known, match))
    lost = [name for name, key in zip(names, image_keys(names, match), strict=True) if key not in there]
    if lost:
        fix = suggest_match(names, known, missing=lost, match=match, setting=SETTINGS_FILE)
        yield name_problem("image", f"in {part} and {where}", lost, fix=fix)
