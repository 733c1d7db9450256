"""Valid names of people and campaigns."""

from collections.abc import Iterable
from unicodedata import category, normalize
from unicodedata import name as name_of_letter

from reassess.errors import DataError

_MAX_NAME_LENGTH = 200
_FORBIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, invisible characters, lone surrogates, line ends
_EAST_ASIAN_SCRIPTS = ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO")
_JOINERS = "\u200c\u200d"  # needed between letters of some scripts
# Cyrillic and Greek letters that look like Latin ones, by Unicode's confusables data (UTS 39), and Greek kappa, tau and
# chi, which look like k, t and x in many fonts.
_LATIN_LOOKALIKES = str.maketrans(
    "аеорсухіѕјԁԛԝһАВЕІЈКМНОРСТУХЅԚԜαικνορτυχγσΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxisjdqwhABEIJKMHOPCTYXSQWaikvoptuxyoABEZHIKMNOPTYX",
)


def check_name(name: str) -> None:
    """Raise `DataError` unless a name of a person or campaign is one line of visible text."""
    if all(category(letter)[0] in "CZ" for letter in name):
        raise DataError("invalid-name", "name has no visible letter", found=ascii(name))
    if len(name) > _MAX_NAME_LENGTH:
        raise DataError(
            "invalid-name",
            "name is too long",
            allowed=f"up to {_MAX_NAME_LENGTH} letters",
            found=f"{len(name)} letters",
        )
    if wrong := [letter for letter in name if category(letter) in _FORBIDDEN_CATEGORIES and letter not in _JOINERS]:
        raise DataError(
            "invalid-name",
            "name contains an unusual character",
            found=f"{wrong[0]!a} in {name!a}",
            fix="use one line of visible text",
        )
    if name != name.strip():
        raise DataError("invalid-name", "name starts or ends with a space", found=repr(name), fix=f"{name.strip()!r}")


def refuse_similar_name(name: str, existing_names: Iterable[str]) -> None:
    """Raise `DataError` for a name that is too similar to another name, or mixes scripts within a word.

    A word may mix Latin with Chinese, Japanese or Korean letters, which look different.
    """
    for word in normalize("NFKC", name).split():
        scripts = sorted({script for letter in word for script in _scripts_of_letter(letter)})
        if len(scripts) > 1 and scripts != ["East Asian", "Latin"]:
            raise DataError(
                "invalid-name",
                "a word in the name mixes letters of different scripts, which can look the same",
                allowed="one script per word",
                found=f"{name!a}: {' and '.join(scripts)}",
                fix="write each word in one script",
            )
    key, latin_key = _normalize_name(name), _normalize_name_to_latin(name)
    for existing in existing_names:
        if existing != name and (_normalize_name(existing) == key or _normalize_name_to_latin(existing) == latin_key):
            raise DataError(
                "similar-name",
                "name is too similar to another name",
                found=f"{name!r}, like {existing!r}",
                fix=f"write {existing!r} if it is the same person",
            )


def _scripts_of_letter(letter: str) -> list[str]:
    """Return the script (writing system, such as Latin) of a letter in a list; empty if it has no script.

    Chinese, Japanese and Korean count as one script.
    """
    if category(letter)[0] != "L" or category(letter) == "Lm":
        return []
    script_name = name_of_letter(letter, "unknown").split()[0]
    return ["East Asian" if script_name in _EAST_ASIAN_SCRIPTS else script_name.capitalize()]


def _normalize_name(name: str) -> str:
    """Normalize a name: names that differ only in capitals or the width of letters become equal."""
    if name.isascii():
        return name.lower()
    plain = normalize("NFKC", name.translate(dict.fromkeys(map(ord, _JOINERS))))
    return normalize("NFKC", plain.casefold())


def _normalize_name_to_latin(name: str) -> str:
    """Replace letters that look like Latin letters, then normalize the name with `_normalize_name`."""
    if name.isascii():
        return _normalize_name(name)
    return _normalize_name(normalize("NFKD", name).translate(_LATIN_LOOKALIKES))
