"""The style of the charts of a page: narrow enough for a phone, with colours that differ in lightness."""

from typing import NamedTuple

WIDTH = 4.5  # inches: letters of 9 points have 9 pixels on a screen of 360 pixels
SQUARE = (WIDTH, 4.3)
INK, MUTED, GRID = "#222222", "#666666", "#e4e4e4"
MOST_DRAWN = 12  # models, or pairs of them; the table beside a chart has all
LONGEST = 42  # characters that fit into the width


class Series(NamedTuple):
    """How the values of one series are drawn."""

    colour: str
    marker: str


SERIES = (
    Series("#0060a0", "o"),
    Series("#b34700", "s"),
    Series("#000000", "D"),
    Series("#7b3294", "^"),
    Series("#4d7c0f", "v"),
    Series("#6e6e6e", "P"),
)
# Colours of neighbouring parts of a bar; each differs in lightness from the one before.
KINDS = ("#14406b", "#c9a227", "#5b8fbf", "#e8b7c8", "#8c2d19", "#d9d9d9", "#6e6e6e")


def number(value: float, form: str) -> str:
    """A number with the minus sign that the axes of charts use."""
    return format(value, form).replace("-", "\N{MINUS SIGN}")


def sentence(text: str) -> str:
    """Words that other outputs show in a line of their own, as a sentence of a page."""
    return f"{text[0].upper()}{text[1:]}."
