"""Valid names of people and campaigns."""

from collections.abc import Iterable
from unicodedata import category, normalize
from unicodedata import name as name_of_letter

from reassess.errors import DataError

_LONGEST_NAME = 200
_NO_LETTERS = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, invisible characters, lone surrogates, line ends
_EAST_ASIAN = ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO")
_JOINERS = "\u200c\u200d"  # needed between letters of some scripts
# Cyrillic and Greek letters that look like Latin ones, by Unicode's confusables data (UTS 39), and Greek kappa, tau and
# chi, which look like k, t and x in many fonts.
_LATIN_LOOKS = str.maketrans(
    "аеорсухіѕјԁԛԝһАВЕІЈКМНОРСТУХЅԚԜαικνορτυχγσΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxisjdqwhABEIJKMHOPCTYXSQWaikvoptuxyoABEZHIKMNOPTYX",
)


def check_name(name: str) -> None:
    """Raise `DataError` unless a name is one line of visible text."""
    if all(category(letter)[0] in "CZ" for letter in name):
        raise DataError("invalid-name", "name has no visible letter", found=ascii(name))
    if len(name) > _LONGEST_NAME:
        raise DataError(
            "invalid-name", "name is too long", allowed=f"up to {_LONGEST_NAME} letters", found=f"{len(name)} letters"
        )
    if wrong := [letter for letter in name if category(letter) in _NO_LETTERS and letter not in _JOINERS]:
        raise DataError(
            "invalid-name",
            "name contains an unusual character",
            found=f"{wrong[0]!a} in {name!a}",
            fix="use one line of visible text",
        )
    if name != name.strip():
        raise DataError("invalid-name", "name starts or ends with a space", found=repr(name), fix=f"{name.strip()!r}")


def refuse_alike(name: str, others: Iterable[str]) -> None:
    """Raise `DataError` for a name that is too similar to another one, or mixes scripts within a word.

    A word may mix Latin with Chinese, Japanese or Korean letters, which look different.
    """
    for word in normalize("NFKC", name).split():
        scripts = sorted({script for letter in word for script in _script(letter)})
        if len(scripts) > 1 and scripts != ["East Asian", "Latin"]:
            raise DataError(
                "invalid-name",
                "name mixes letters of different scripts in one word, and some look the same",
                allowed="words of one script each",
                found=f"{name!a}: {' and '.join(scripts)}",
                fix="write each word in one script",
            )
    seen, drawn = _as_seen(name), _as_drawn(name)
    for other in others:
        if other != name and (_as_seen(other) == seen or _as_drawn(other) == drawn):
            raise DataError(
                "similar-name",
                "name is too similar to another name",
                found=f"{name!r}, like {other!r}",
                fix=f"write {other!r} if both are one person",
            )


def _script(letter: str) -> list[str]:
    """The script of a letter, from its Unicode name; scripts that are written together count as one."""
    if category(letter)[0] != "L" or category(letter) == "Lm":
        return []
    script = name_of_letter(letter, "unknown").split()[0]
    return ["East Asian" if script in _EAST_ASIAN else script.capitalize()]


def _as_seen(name: str) -> str:
    """A name without details that are hard to see: capitals, joiners, width and other forms of a letter."""
    if name.isascii():
        return name.lower()
    plain = normalize("NFKC", name.translate(dict.fromkeys(map(ord, _JOINERS))))
    return normalize("NFKC", plain.casefold())


def _as_drawn(name: str) -> str:
    """A name with Latin letters in place of similar ones, for comparison."""
    if name.isascii():
        return _as_seen(name)
    return _as_seen(normalize("NFKD", name).translate(_LATIN_LOOKS))
