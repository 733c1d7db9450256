"""What all figures have in common: style, positions of labels, and files with a title and a description."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from io import BytesIO, StringIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.errors import ReassessWarning, require_package
from reassess.formats.files import check_suffix, write_to_temporary
from reassess.report.label_placing import LabelBox, find_label_positions
from reassess.text import escape_controls, join_first

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE_SUFFIXES = (".svg", ".png", ".pdf")
_NEEDED_PACKAGES = dict.fromkeys(FIGURE_SUFFIXES, ("matplotlib",)) | dict.fromkeys(
    (".html", ".htm"), ("jinja2", "matplotlib")
)
_PACKAGE_PURPOSES = {"jinja2": "making a report", "matplotlib": "drawing a figure"}
FigureSize = tuple[float, float]
DEFAULT_SIZE: FigureSize = (7.2, 5.4)  # inches
_LEFT_MARGIN, _CHARACTER_WIDTH = 0.5, 0.068  # inches: space left of the axes, width of a heading's character
# Inches: space around a title, height, character width.
_TITLE_MARGIN, _TITLE_LINE_HEIGHT, _TITLE_CHARACTER_WIDTH = 0.06, 0.17, 0.09
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "text.parse_math": False,  # names may contain dollar signs
    "text.hinting": "none",  # text must have the same width when its position is chosen and when it is saved
    "svg.hashsalt": "reassess",
}
_BOX_FONT_PREFIX = "Last Resort"  # fonts that have a box for every character


class _FallbackFonts(NamedTuple):
    """Font families for the characters of a figure that are missing from its font."""

    families: list[str]
    missing_characters: set[str]  # characters that no installed font has


def _add_fallback_fonts(figure: "Figure", label_texts: Iterable[str]) -> _FallbackFonts:
    """Add fonts to a figure for the characters of its texts and labels that are missing from its font."""
    from matplotlib import rcParams
    from matplotlib.text import Text

    figure_texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    characters = set().union(*(text.get_text() for text in figure_texts), *label_texts)
    fonts = _find_fallback_fonts({character for character in characters if character.isprintable()})
    if fonts.families:
        rcParams["font.family"] = [*rcParams["font.family"], *fonts.families]
        for text in figure_texts:
            text.set_fontfamily(rcParams["font.family"])
    return fonts


def _find_fallback_fonts(characters: set[str]) -> _FallbackFonts:
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    families: list[str] = []
    missing_characters = characters - _font_characters(str(findfont(FontProperties())))
    for entry in sorted(fontManager.ttflist, key=lambda entry: (entry.name, entry.fname)):
        if not missing_characters:
            break
        if not entry.name.startswith(_BOX_FONT_PREFIX) and (
            available := missing_characters & _font_characters(entry.fname)
        ):
            families.append(entry.name)
            missing_characters -= available
    return _FallbackFonts(families, missing_characters)


@cache
def _font_characters(path: str) -> frozenset[str]:
    """Return the characters that a font can show; empty for a bitmap font."""
    from matplotlib.font_manager import get_font

    try:
        font = get_font(path)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()


@dataclass
class Drawing:
    """Axes of a figure, with labels that get their positions after drawing, and texts for the description."""

    axes: "Axes"
    # The text, anchors and style of each label.
    labels: list[tuple[str, npt.NDArray[np.float64], dict[str, Any]]] = field(default_factory=list)
    obstacles: list[npt.NDArray[np.float64]] = field(default_factory=list)  # points that labels should not cover
    descriptions: list[str] = field(default_factory=list)

    def add_label(self, text: str, anchors: npt.NDArray[np.float64], **style: Any) -> None:
        """Add a label that will point at one of the anchors, which are points in data coordinates."""
        self.labels.append((escape_controls(text), anchors, style))

    def draw_line(
        self,
        points: npt.NDArray[np.float64],
        format_code: str | None = None,
        *,
        n_obstacles: int | None = None,
        **style: Any,
    ) -> None:
        """Draw a line or points with a format code of matplotlib, such as "o-", and a style.

        Labels will avoid the points, or `n_obstacles` points along the line.
        """
        self.axes.plot(*points.T, *([] if format_code is None else [format_code]), **style)
        self.obstacles.append(points if n_obstacles is None else points_along(points, n_obstacles))

    def write_heading(self, text: str) -> None:
        """Write a heading above the axes, wrapped to their width."""
        figure = self.axes.get_figure(root=True)
        assert figure is not None
        characters = int((figure.get_figwidth() - _LEFT_MARGIN) / _CHARACTER_WIDTH)
        self.axes.set_title("\n".join(wrap(text, characters)), fontsize=9, loc="left")

    def write_text(self, y: float, text: str) -> None:
        """Write a text at height `y`, at the left edge of the axes."""
        style: dict[str, Any] = {
            "transform": self.axes.get_yaxis_transform(),
            "verticalalignment": "center",
            "zorder": 7,
        }
        background = {"facecolor": "#ffffff", "edgecolor": "none", "pad": 1.0}
        self.axes.text(0, y, escape_controls(text), bbox=background, **style)

    def draw_legend(self, handles: Sequence["Artist"], names: Sequence[str], *, columns: int = 1) -> None:
        """Draw a legend above the figure."""
        style: dict[str, Any] = {"frameon": False, "borderpad": 0, "labelspacing": 0.3, "columnspacing": 1.2}
        figure = self.axes.get_figure(root=True)
        assert figure is not None
        figure.legend(handles, list(map(escape_controls, names)), loc="outside upper left", ncols=columns, **style)


DrawFunction = Callable[[Drawing], None]


def check_packages(suffix: str) -> None:
    """Raise `MissingPackageError` if a package for files with this suffix is missing."""
    for package in _NEEDED_PACKAGES.get(suffix, ()):
        with require_package(package, extra="report", purpose=_PACKAGE_PURPOSES[package]):
            import_module(package)


def save_figure(
    path: Path, draw: DrawFunction, *, title: str, size: FigureSize = DEFAULT_SIZE, force: bool = False
) -> None:
    """Draw a figure, and write it to a file; the same input always gives the same bytes."""
    suffix = check_suffix(path, FIGURE_SUFFIXES, "a figure")
    file = BytesIO()  # matplotlib's PDF writer does not raise an OSError on a full disk, so it gets a buffer
    with _render_figure(draw, size, title=title) as (figure, description):
        figure.savefig(
            file, format=suffix.removeprefix("."), dpi=200, metadata=_make_metadata(suffix, title, description)
        )
    with write_to_temporary(path, force=force) as temporary:
        temporary.write_bytes(file.getvalue())


class SvgFigure(NamedTuple):
    """A figure as an SVG document, with its description for readers who cannot see it."""

    svg: str
    description: str


def render_svg(draw: DrawFunction, *, size: FigureSize = DEFAULT_SIZE) -> SvgFigure:
    """Draw a figure as SVG with a transparent background."""
    with _render_figure(draw, size, has_svg_text=True) as (figure, description):
        file = StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return SvgFigure(file.getvalue(), description)


@contextmanager
def _render_figure(
    draw: DrawFunction, size: FigureSize, *, title: str = "", has_svg_text: bool = False
) -> "Iterator[tuple[Figure, str]]":
    """Draw a figure, and find positions for its labels; yield the figure with its description."""
    check_packages(".svg")
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = _STYLE | {"svg.fonttype": "none" if has_svg_text else "path"}  # a path is an outline of the text
    with rc_context(style), warnings.catch_warnings():
        # matplotlib warns about each missing character in each text; one warning below replaces these.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        lines = wrap(escape_controls(title), int((size[0] - 2 * _TITLE_MARGIN) / _TITLE_CHARACTER_WIDTH))
        title_height = _TITLE_LINE_HEIGHT * len(lines) + 2 * _TITLE_MARGIN if lines else 0.0
        figure = Figure(figsize=(size[0], size[1] + title_height))
        FigureCanvasAgg(figure)
        figure_box = (0.0, 0.0, 1.0, size[1] / (size[1] + title_height))  # left, bottom, width and height
        figure.set_layout_engine("constrained", rect=figure_box)
        _draw_title(figure, lines)
        drawing = Drawing(figure.add_subplot())
        draw(drawing)
        missing_characters = _add_fallback_fonts(figure, [text for text, _, _ in drawing.labels]).missing_characters
        if missing_characters and not has_svg_text:  # text on a page uses the fonts of the reader's browser
            problem = f"no installed font has {join_first(sorted(missing_characters))}: the figure shows boxes"
            fix = "install a font with these characters, such as a Noto font"
            warnings.warn(ReassessWarning(problem, fix), stacklevel=2)
        engine = figure.get_layout_engine()
        assert engine is not None
        engine.execute(figure)
        for legend in figure.legends:
            legend.set_bbox_to_anchor(figure_box, figure.transFigure)
        figure.set_layout_engine(None)  # positions of labels are in pixels, so nothing may move from here on
        if drawing.labels:
            _position_labels(drawing)
        yield figure, _describe_figure(drawing)


def _draw_title(figure: "Figure", lines: Sequence[str]) -> None:
    """Write a title above the figure."""
    width, height = figure.get_size_inches()
    style: dict[str, Any] = {"fontsize": 10, "fontweight": "bold", "verticalalignment": "top"}
    title = figure.text(_TITLE_MARGIN / width, 1 - _TITLE_MARGIN / height, "\n".join(lines), **style)
    title.set_in_layout(False)


def points_along(line: npt.NDArray[np.float64], n_points: int) -> npt.NDArray[np.float64]:
    """Return `n_points` points at equal distances along a line; `line` has shape (points, 2)."""
    lengths = np.append(0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T)))
    distances = np.linspace(0, lengths[-1], n_points)
    return np.column_stack([np.interp(distances, lengths, column) for column in line.T])


def _describe_figure(drawing: Drawing) -> str:
    """Describe a figure: its heading, axes and labels, and the descriptions that were added while drawing."""
    axes = drawing.axes
    parts = {
        "": axes.get_title(loc="left"),
        "Horizontal axis: ": axes.get_xlabel(),
        "Vertical axis: ": axes.get_ylabel(),
    }
    sentences = [prefix + text.replace("\n", " ") for prefix, text in parts.items() if text]
    if drawing.labels:
        sentences.append("Labels: " + ". ".join(text.replace("\n", ", ") for text, _, _ in drawing.labels))
    return "".join(f"{sentence}. " for sentence in [*sentences, *map(escape_controls, drawing.descriptions)]).rstrip()


def _make_metadata(suffix: str, title: str, description: str) -> dict[str, Any]:
    """Create the metadata of a file; a date is omitted, so that the same input gives the same bytes."""
    kinds: dict[str, dict[str, Any]] = {
        ".svg": {"Title": title, "Description": description, "Date": None},
        ".png": {"Title": title, "Description": description},
        ".pdf": {"Title": title, "Subject": description, "CreationDate": None},
    }
    return kinds[suffix]


def _position_labels(drawing: Drawing) -> None:
    axes = drawing.axes
    to_pixels, to_data = axes.transData.transform, axes.transData.inverted().transform
    # Labels with one anchor go first; a curve has many anchors, so its label finds a position later.
    names = sorted(drawing.labels, key=lambda name: len(name[1]))
    texts = [axes.text(0, 0, text, linespacing=1.15, **style) for text, _, style in names]
    sizes = [text.get_window_extent() for text in texts]
    labels = [
        LabelBox(anchors=np.asarray(to_pixels(anchors)), width=size.width, height=size.height)
        for (_, anchors, _), size in zip(names, sizes, strict=True)
    ]
    frame = axes.get_window_extent()
    area = frame.x0 + 4, frame.y0 + 4, frame.x1 - 4, frame.y1 - 4
    positions = find_label_positions(labels, np.asarray(to_pixels(np.concatenate(drawing.obstacles))), area)
    for text, label, (corner, anchor) in zip(texts, labels, positions, strict=True):
        start = np.clip(anchor, corner, np.add(corner, (label.width, label.height)))
        side = ("left", "center", "right")[int(2.99 * (start[0] - corner[0]) / label.width)]  # where the line ends
        text.set(position=tuple(to_data(corner)), verticalalignment="bottom", multialignment=side, zorder=7)
        axes.plot(*to_data(np.stack([start, anchor])).T, "-", color=text.get_color(), linewidth=0.6, zorder=6)
