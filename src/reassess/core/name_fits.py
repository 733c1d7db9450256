"""How names of images that are not found would be: by another part of the name, or in another spelling."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from urllib.parse import unquote

from reassess.core.image_names import MATCHES, Match, image_keys

__all__ = ["how_they_fit"]

_Keys = Callable[[Sequence[str]], Sequence[str]]
_SPELLINGS: Mapping[str, _Keys] = {
    "but for capitals: spell them alike": lambda names: [name.casefold() for name in names],
    "if %20 and the like are read as characters: write the names as they are": lambda names: list(map(unquote, names)),
}


def how_they_fit(
    names: Iterable[str],
    known: Iterable[str],
    *,
    lost: Sequence[str] | None = None,
    match: Match = "path",
    setting: str = "",
) -> str | None:
    """How most of the names that are not among the known ones would be there, and what to do; in words for messages.

    Parameters
    ----------
    names
        Names of images; one may stand twice.
    known
        Those among which they are looked up; one may stand twice.
    lost
        The names that are not there; by default all of them.
    match
        By which they are not there.
    setting
        The file in which a benchmark says how its images are joined, if it has one.

    Returns
    -------
    None where no way fits more than half of the lost names, or where that way takes two names for one.

    Examples
    --------
    >>> how_they_fit(["a/1.png", "a/2.png"], ["1.png", "2.png"])
    'they fit by name: match="name"'
    >>> how_they_fit(["Cat.png", "b.png", "c.png"], ["cat.png", "b.png"], lost=["Cat.png"])
    'they fit but for capitals: spell them alike'
    >>> how_they_fit(["a/1.png", "b/1.png"], ["1.png"])
    """
    names, known = (tuple(dict.fromkeys(image_keys(tuple(each)))) for each in (names, known))
    lost = names if lost is None else image_keys(lost)
    for other in MATCHES:
        if other != match and (fits := _fits(names, known, lost, partial(image_keys, match=other))):
            in_file = f', or "match": "{other}" in {setting}' if setting else ""
            return f'{fits} by {other}: match="{other}"{in_file}'
    for words, spelled in _SPELLINGS.items():
        if fits := _fits(names, known, lost, spelled):
            return f"{fits} {words}"
    return None


def _fits(names: Sequence[str], known: Sequence[str], lost: Sequence[str], keys_of: _Keys) -> str | None:
    """How many of the lost names have the key of a known one, in words; None if too few, or if two share a key."""
    there = set(keys_of(known))
    n = sum(key in there for key in keys_of(lost))
    if 2 * n <= len(lost) or len(there) < len(known) or len(set(keys_of(names))) < len(names):
        return None
    return "they fit" if n == len(lost) else f"{n:,} of {len(lost):,} fit"
