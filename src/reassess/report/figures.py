"""Shared by all figures: one style, placed names, and files with a title and a description."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from io import BytesIO, StringIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.errors import ReassessWarning, importing
from reassess.formats.files import suffix_of, writing
from reassess.report.label_placing import Label, place
from reassess.text import plain, some

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE_SUFFIXES = (".svg", ".png", ".pdf")
_NEEDED = dict.fromkeys(FIGURE_SUFFIXES, ("matplotlib",)) | dict.fromkeys((".html", ".htm"), ("jinja2", "matplotlib"))
_PURPOSES = {"jinja2": "making a report", "matplotlib": "drawing a figure"}
Size = tuple[float, float]
SIZE: Size = (7.2, 5.4)  # inches
_LEFT, _LETTER = 0.5, 0.068  # inches left of the axes, and of a letter of a heading
_EDGE, _TITLE_LINE, _TITLE_LETTER = 0.06, 0.17, 0.09  # inches around a title, of its lines, and of a letter
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "text.parse_math": False,  # names may hold dollars
    "text.hinting": "none",  # so that a text has the same width when it is placed and when it is saved
    "svg.hashsalt": "reassess",
}
_BOXES = "Last Resort"  # fonts that have a box for every letter


def _lend_fonts(figure: "Figure", texts: Iterable[str]) -> set[str]:
    """Add fallback fonts for characters missing from a figure's font."""
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


@dataclass
class Drawing:
    """The axes, the names still to be placed, the points they should not cover, and a description in words."""

    axes: "Axes"
    names: list[tuple[str, npt.NDArray[np.float64], dict[str, Any]]] = field(default_factory=list)
    drawn: list[npt.NDArray[np.float64]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def name(self, text: str, anchors: npt.NDArray[np.float64], **style: Any) -> None:
        """Add a name that points at one of some places, in units of the axes."""
        self.names.append((plain(text), anchors, style))

    def line(self, at: npt.NDArray[np.float64], *form: str, places: int | None = None, **style: Any) -> None:
        """Draw some points, or the line through them; names should not cover them, or `places` along the line."""
        self.axes.plot(*at.T, *form, **style)
        self.drawn.append(at if places is None else along(at, places))

    def heading(self, text: str) -> None:
        """Write a heading above the axes, in lines that fit."""
        figure = self.axes.get_figure(root=True)
        assert figure is not None
        letters = int((figure.get_figwidth() - _LEFT) / _LETTER)
        self.axes.set_title("\n".join(wrap(text, letters)), fontsize=9, loc="left")

    def above(self, y: float, text: str) -> None:
        """Write a text at a height, from the left edge of the axes."""
        place: dict[str, Any] = {
            "transform": self.axes.get_yaxis_transform(),
            "verticalalignment": "center",
            "zorder": 7,
        }
        ground = {"facecolor": "#ffffff", "edgecolor": "none", "pad": 1.0}
        self.axes.text(0, y, plain(text), bbox=ground, **place)

    def key(self, handles: Sequence["Artist"], names: Sequence[str], *, columns: int = 1) -> None:
        """Draw a legend above the figure."""
        style: dict[str, Any] = {"frameon": False, "borderpad": 0, "labelspacing": 0.3, "columnspacing": 1.2}
        figure = self.axes.get_figure(root=True)
        assert figure is not None
        figure.legend(handles, list(map(plain, names)), loc="outside upper left", ncols=columns, **style)


Draw = Callable[[Drawing], None]


def check_packages(suffix: str) -> None:
    """Raise `MissingPackageError` if a package is missing that makes figures, or pages, of a suffix."""
    for package in _NEEDED.get(suffix, ()):
        with importing(package, extra="report", purpose=_PURPOSES[package]):
            import_module(package)


def save_figure(path: Path, draw: Draw, *, title: str, size: Size = SIZE, force: bool = False) -> None:
    """Draw a figure into a file; the same input always gives the same bytes."""
    suffix = suffix_of(path, FIGURE_SUFFIXES, "a figure")
    file = BytesIO()  # and not the path: of a full disk matplotlib's PDF raises what is no error of the system
    with _drawn(draw, size, title=title) as (figure, words):
        figure.savefig(file, format=suffix.removeprefix("."), dpi=200, metadata=_metadata(suffix, title, words))
    with writing(path, force=force) as temporary:
        temporary.write_bytes(file.getvalue())


def figure_as_svg(draw: Draw, *, size: Size = SIZE) -> tuple[str, str]:
    """A figure as an svg document with text as text and a transparent background; and its description in words."""
    with _drawn(draw, size, is_text=True) as (figure, words):
        file = StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return file.getvalue(), words


@contextmanager
def _drawn(draw: Draw, size: Size, *, title: str = "", is_text: bool = False) -> "Iterator[tuple[Figure, str]]":
    """A figure with its names placed, and its description; with a title above, and text in svg as text or outlines."""
    check_packages(".svg")
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = _STYLE | {"svg.fonttype": "none" if is_text else "path"}
    with rc_context(style), warnings.catch_warnings():
        # One warning below replaces the one that matplotlib gives of every missing letter in every text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        lines = wrap(plain(title), int((size[0] - 2 * _EDGE) / _TITLE_LETTER))
        above = _TITLE_LINE * len(lines) + 2 * _EDGE if lines else 0.0
        figure = Figure(figsize=(size[0], size[1] + above))
        FigureCanvasAgg(figure)
        below = (0.0, 0.0, 1.0, size[1] / (size[1] + above))  # left, bottom, width and height
        figure.set_layout_engine("constrained", rect=below)
        _draw_title(figure, lines)
        drawing = Drawing(figure.add_subplot())
        draw(drawing)
        missing = _lend_fonts(figure, [name for name, _, _ in drawing.names])
        if missing and not is_text:  # a page is shown in the fonts of those who read it
            text = (
                f"no installed font has {some(sorted(missing))}: the figure shows boxes instead; install a font that "
                "has these letters, such as one of the Noto fonts"
            )
            warnings.warn(text, ReassessWarning, stacklevel=2)
        engine = figure.get_layout_engine()
        assert engine is not None
        engine.execute(figure)
        for legend in figure.legends:
            legend.set_bbox_to_anchor(below, figure.transFigure)
        figure.set_layout_engine(None)  # names are placed in pixels, so nothing may move from here on
        if drawing.names:
            _place_names(drawing)
        yield figure, _in_words(drawing)


def _draw_title(figure: "Figure", lines: Sequence[str]) -> None:
    """Write a title into the row above all else."""
    width, height = figure.get_size_inches()
    style: dict[str, Any] = {"fontsize": 10, "fontweight": "bold", "verticalalignment": "top"}
    title = figure.text(_EDGE / width, 1 - _EDGE / height, "\n".join(lines), **style)
    title.set_in_layout(False)


def along(at: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Places at even distances along the line through some points, shape (points, 2)."""
    lengths = np.append(0.0, np.cumsum(np.hypot(*np.diff(at, axis=0).T)))
    wanted = np.linspace(0, lengths[-1], count)
    return np.column_stack([np.interp(wanted, lengths, column) for column in at.T])


def _in_words(drawing: Drawing) -> str:
    """The description: the heading, the axes, every name, and the words added while drawing."""
    axes = drawing.axes
    parts = {"": axes.get_title(loc="left"), "Across: ": axes.get_xlabel(), "Up: ": axes.get_ylabel()}
    words = [prefix + text.replace("\n", " ") for prefix, text in parts.items() if text]
    if drawing.names:
        words.append("Named: " + ". ".join(text.replace("\n", ", ") for text, _, _ in drawing.names))
    return "".join(f"{sentence}. " for sentence in [*words, *map(plain, drawing.words)]).rstrip()


def _metadata(suffix: str, title: str, description: str) -> dict[str, Any]:
    """Metadata for a kind of file, without the date, so that the same input gives the same bytes."""
    kinds: dict[str, dict[str, Any]] = {
        ".svg": {"Title": title, "Description": description, "Date": None},
        ".png": {"Title": title, "Description": description},
        ".pdf": {"Title": title, "Subject": description, "CreationDate": None},
    }
    return kinds[suffix]


def _place_names(drawing: Drawing) -> None:
    axes = drawing.axes
    to_pixels, to_data = axes.transData.transform, axes.transData.inverted().transform
    # Names with one possible place go first; a curve still finds a place for its name later.
    names = sorted(drawing.names, key=lambda name: len(name[1]))
    texts = [axes.text(0, 0, text, linespacing=1.15, **style) for text, _, style in names]
    sizes = [text.get_window_extent() for text in texts]
    labels = [
        Label(anchors=np.asarray(to_pixels(anchors)), width=size.width, height=size.height)
        for (_, anchors, _), size in zip(names, sizes, strict=True)
    ]
    frame = axes.get_window_extent()
    area = frame.x0 + 4, frame.y0 + 4, frame.x1 - 4, frame.y1 - 4
    spots = place(labels, np.asarray(to_pixels(np.concatenate(drawing.drawn))), area)
    for text, label, (corner, anchor) in zip(texts, labels, spots, strict=True):
        start = np.clip(anchor, corner, np.add(corner, (label.width, label.height)))
        side = ("left", "center", "right")[int(2.99 * (start[0] - corner[0]) / label.width)]  # where the line ends
        text.set(position=tuple(to_data(corner)), verticalalignment="bottom", multialignment=side, zorder=7)
        axes.plot(*to_data(np.stack([start, anchor])).T, "-", color=text.get_color(), linewidth=0.6, zorder=6)
