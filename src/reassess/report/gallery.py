"""Images to look at, each with what is known of it, as a page shows them; what they are is told by who gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reassess.report.thumbnails import Thumbnails

__all__ = ["Card", "Entry", "Gallery", "Line"]


@dataclass(frozen=True)
class Entry:
    """One thing that is known of an image.

    Parameters
    ----------
    text, note
        What it is, and a remark on it in small letters.
    verdict, says
        Whether it is marked as right or wrong, and the word for those who do not see the mark.
    """

    text: str
    note: str = ""
    verdict: Literal["right", "wrong", ""] = ""
    says: str = ""


@dataclass(frozen=True)
class Line:
    """A term, such as a label or a model, and what an image has under it."""

    term: str
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Card:
    """An image, and what is shown of it.

    Parameters
    ----------
    image
        Its name.
    lines
        What is known of it.
    classes
        Names of the classes by which it is found.
    mistakes
        The kind of mistake of each model that makes one.
    about
        Which of the gallery's `about` hold of it.
    doubtful
        Whether its votes are doubtful.
    """

    image: str
    lines: Sequence[Line]
    classes: Sequence[str]
    mistakes: Mapping[str, str] = field(default_factory=dict)
    about: Sequence[str] = ()
    doubtful: bool = False


@dataclass(frozen=True, eq=False)
class Gallery:
    """The images that a page shows, and by what a reader can choose among them besides the class.

    Parameters
    ----------
    intro
        What the images are, in sentences.
    cards, pictures
        The images, and small pictures of them.
    models, kinds
        Models whose mistakes can be chosen, and the kinds of mistakes: their keys and words.
    about
        What else images can be chosen by: keys and words.
    has_votes
        Whether doubtful votes can be chosen.
    """

    intro: str
    cards: Sequence[Card]
    pictures: Thumbnails
    models: Sequence[str] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    has_votes: bool = False
