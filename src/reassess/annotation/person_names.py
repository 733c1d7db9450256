"""What people and campaigns may be called."""

from collections.abc import Iterable
from unicodedata import category

from reassess.errors import DataError
from reassess.text import composed

__all__ = ["check_name", "refuse_alike"]

_LONGEST_NAME = 200
_NO_LETTERS = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, what is not seen, halves of letters, ends of lines
_JOINERS = "\u200c\u200d"  # which some scripts need between letters


def check_name(name: str) -> None:
    """`DataError` unless a name can be that of a person or a campaign: one line of text that can be seen."""
    if all(category(letter)[0] in "CZ" for letter in name):
        raise DataError("a name is needed that can be seen", found=ascii(name))
    if len(name) > _LONGEST_NAME:
        raise DataError("the name is too long", allowed=f"up to {_LONGEST_NAME} letters", found=f"{len(name)} letters")
    if wrong := [letter for letter in name if category(letter) in _NO_LETTERS and letter not in _JOINERS]:
        raise DataError(
            "the name holds what is no letter",
            found=f"{wrong[0]!a} in {name!a}",
            mend="write it in one line of text",
        )
    if name != name.strip():
        raise DataError("the name has blanks around it", found=repr(name), mend=f"leave them out: {name.strip()!r}")


def refuse_alike(name: str, others: Iterable[str]) -> None:
    """`DataError` for a name that looks nearly the same as another one."""
    for other in others:
        if other != name and _as_seen(other) == _as_seen(name):
            raise DataError(
                "there is somebody whose name looks nearly the same, and nobody could tell them apart",
                found=f"{name}, beside {other}",
                mend="write it in the same way if they are one person; or take another name",
            )


def _as_seen(name: str) -> str:
    """A name without what is hardly seen in it: capitals, joiners, and forms of one letter."""
    return composed(name.translate(dict.fromkeys(map(ord, _JOINERS))).casefold())
