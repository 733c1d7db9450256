"""Split texts and class names into words, and compare words; docs/free-text.md documents the rules."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

_LETTER = r"[^\W_]"
_HYPHENS = "-_\u2010\u2011"
_JOINT, _LINE_END = "\ue001", "\ue000"  # private characters; a blank stands on both sides of a token
_APOSTROPHE = re.compile(rf"['\u2019\u02bc\u00b4\uff07](?<={_LETTER}.)(?={_LETTER}|[{_HYPHENS}])")
_HYPHEN = re.compile(rf"[{_HYPHENS}](?<={_LETTER}.)(?={_LETTER})")
_ABBREVIATION = re.compile(  # as in "St. Bernard"
    r"\.(?:(?<=\b[^\W\d_]\.)|(?<=\b[^\W\d_][^\W\d_]\.))(?=[^\S\n\r]+[^\W\d_])"
)
_ACCENT = re.compile("[\u0300-\u036f]")
_MIN_STEM = 3  # letters of a singular, so that "its" is not the plural of "it"
_IRREGULAR_ENDINGS = {
    "men": "man",
    "mice": "mouse",
    "geese": "goose",
    "feet": "foot",
    "teeth": "tooth",
    "children": "child",
    "oxen": "ox",
}


class _TokenOfCharacter(dict[int, str]):
    """For `str.translate`: keep letters, digits and marks; write other characters as tokens between blanks."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category[0] in "LMN":
            token = character
        elif category == "Cf":  # such as a soft hyphen or a zero-width blank
            token = ""
        elif character in "\n\r\v\f\x85" or category in ("Zl", "Zp"):
            token = f" {_LINE_END} "
        else:
            token = " " if character.isspace() else f" {character} "
        self[code] = token
        return token


_TOKEN_OF_CHARACTER = _TokenOfCharacter()


class Words(NamedTuple):
    """The words and punctuation marks of a text, and the positions of words with a hyphen after them."""

    tokens: list[str]
    before_hyphen: frozenset[int]


def split_words(text: str) -> Words:
    """Split a text into words, without case, and punctuation marks; a hyphen inside a word splits it.

    >>> split_words("Man-eating SHARK, or potter's wheel")
    Words(tokens=['man', 'eating', 'shark', ',', 'or', 'potters', 'wheel'], before_hyphen=frozenset({0}))
    """
    text = _APOSTROPHE.sub("", text)
    if text.isascii():
        text = text.lower()
    else:
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = _ABBREVIATION.sub("", text)
    tokens = _HYPHEN.sub(_JOINT, text).translate(_TOKEN_OF_CHARACTER).split()
    if _JOINT not in tokens:
        return Words(tokens, frozenset())
    words: list[str] = []
    joints = set()
    for token in tokens:
        if token == _JOINT:
            joints.add(len(words) - 1)
        else:
            words.append(token)
    return Words(words, frozenset(joints))


def is_word(token: str) -> bool:
    """Return whether a token has a letter or digit."""
    return any(map(str.isalnum, token))


@lru_cache(maxsize=100_000)
def remove_accents(word: str) -> str:
    """Remove the accents of Latin, Greek and Cyrillic letters.

    >>> remove_accents("consommé")
    'consomme'
    """
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFD", word)))


def list_singulars(word: str) -> set[str]:
    """List the words whose English plural may be this word; in lower case.

    >>> sorted(list_singulars("foxes")), sorted(list_singulars("tabbies")), list_singulars("glass")
    (['fox', 'foxe'], ['tabbie', 'tabby'], set())
    """
    singulars = {
        word.removesuffix(plural) + singular for plural, singular in _IRREGULAR_ENDINGS.items() if word.endswith(plural)
    }
    if word.endswith("s") and not word.endswith("ss"):
        stem = word[:-1]
        if len(stem) >= _MIN_STEM:
            singulars.add(stem)
        if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")) and len(stem) > _MIN_STEM:
            singulars.add(word[:-2])
        if word.endswith("ies") and len(stem) > _MIN_STEM:
            singulars.add(word[:-3] + "y")
        if word.endswith("ves") and len(stem) > _MIN_STEM:
            singulars |= {word[:-3] + "f", word[:-3] + "fe"}
    return singulars
