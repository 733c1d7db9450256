"""Texts as a page sets them: a number stays with its unit, and a long name breaks between its parts."""

import re
from typing import TYPE_CHECKING

from reassess.text import plain

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["bound", "set_heading", "set_text"]

_FREE = "\N{NO-BREAK SPACE}"
_UNIT = re.compile(r"(?<=\d) (?=%|points?\b)|(?<=\bp) (?=[=<]|below)|(?<=\bp [=<]) (?=\d)|(?<=\bp below) (?=\d)")
_WHOLE = re.compile(rf"\btop-\d+(?:{_FREE}%)?|\bre-assessed\b", re.IGNORECASE)  # their hyphen is no place to break
_LONGEST = 12  # letters of a word that fits into a narrow column
_JOINT = re.compile(r"(?<=[^\W_][_./-])(?=\w)")


def bound(text: str) -> str:
    r"""A text in which no line can end between a number and its unit.

    >>> bound("77.29 % of them, p = 0.5") == "77.29\u00a0% of them, p\u00a0=\u00a00.5"
    True
    """
    return _UNIT.sub(_FREE, text)


def set_text(text: str) -> "Markup":
    r"""A text as a part of a page: escaped, numbers bound to their units, and long names with places to break.

    >>> print(set_text("tf_efficientnet_b7.ns_jft_in1k <b>"))
    tf_<wbr>efficientnet_<wbr>b7.<wbr>ns_<wbr>jft_<wbr>in1k &lt;b&gt;
    """
    from markupsafe import Markup

    words = re.split(r"(\s+)", bound(plain(text)))
    return Markup().join(Markup("<wbr>").join(_parts(word)) for word in words)


def set_heading(text: str) -> "Markup":
    r"""The heading of a column, which is narrow: `set_text`, but no line ends at the hyphen of its words.

    >>> print(set_heading("ReaL top-1, of all"))
    ReaL <span class="whole">top-1</span>, of all
    """
    from markupsafe import Markup

    return Markup(_WHOLE.sub(r'<span class="whole">\g<0></span>', str(set_text(text))))


def _parts(word: str) -> list[str]:
    return _JOINT.split(word) if len(word) > _LONGEST else [word]
