"""Letters that the font of figures lacks are taken from other fonts that are installed."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from reassess.errors import ReassessWarning
from reassess.text import some

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["lend_fonts", "no_notes_on_letters", "warn_of_missing"]

_BOXES = "Last Resort"  # fonts that have a box for every letter


def lend_fonts(figure: "Figure", texts: Iterable[str]) -> set[str]:
    """Let the texts of a figure, and those that are still to be written, use other fonts for letters that theirs lacks.

    Parameters
    ----------
    figure
        A matplotlib figure, drawn within an ``rc_context``, whose default fonts this changes.
    texts
        What is still to be written.

    Returns
    -------
    set
        The letters that no installed font has.
    """
    from matplotlib import rcParams
    from matplotlib.text import Text

    written = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    letters = {letter for text in (*(one.get_text() for one in written), *texts) for letter in text}
    families, missing = _families_for({letter for letter in letters if letter.isprintable()})
    if families:
        rcParams["font.family"] = [*rcParams["font.family"], *families]
        for text in written:
            text.set_fontfamily(rcParams["font.family"])
    return missing


def warn_of_missing(letters: set[str]) -> None:
    """Say that a figure shows letters as boxes, if there are any."""
    if letters:
        text = (
            f"no installed font has {some(sorted(letters))}: the figure shows boxes instead; install a font that has "
            "these letters, such as one of the Noto fonts"
        )
        warnings.warn(text, ReassessWarning, stacklevel=2)


@contextmanager
def no_notes_on_letters() -> Iterator[None]:
    """Without the warning that matplotlib gives of every missing letter in every text."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def _families_for(letters: set[str]) -> tuple[list[str], set[str]]:
    """The font families that have letters which the default font lacks, and the letters that none has."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    families: list[str] = []
    missing = letters - _letters_of(str(findfont(FontProperties())))
    for entry in sorted(fontManager.ttflist, key=lambda one: (one.name, one.fname)):
        if not missing:
            break
        if not entry.name.startswith(_BOXES) and (found := missing & _letters_of(entry.fname)):
            families.append(entry.name)
            missing -= found
    return families, missing


@cache
def _letters_of(path: str) -> frozenset[str]:
    """The letters of a font; none of one that cannot be drawn at every size."""
    from matplotlib.font_manager import get_font

    try:
        font = get_font(path)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
