"""What all figures share: one look, names placed near what they name, and files with a title and a description."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.errors import MissingPackageError
from reassess.formats.files import suffix_of, writing
from reassess.report.placing import Label, place
from reassess.texts import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FIGURE_SUFFIXES", "Drawing", "along", "save_figure"]

FIGURE_SUFFIXES = (".svg", ".png", ".pdf")


@dataclass
class Drawing:
    """The axes, the names still to be placed, and what they should not cover."""

    axes: "Axes"
    names: list[tuple[str, npt.NDArray[np.float64], dict[str, Any]]] = field(default_factory=list)
    drawn: list[npt.NDArray[np.float64]] = field(default_factory=list)

    def name(self, text: str, anchors: npt.NDArray[np.float64], **style: Any) -> None:
        """Name what is at one of some places, in units of the axes."""
        self.names.append((plain(text), anchors, style))


def save_figure(path: Path, draw: Callable[[Drawing], None], *, title: str, force: bool = False) -> None:
    """Draw a figure into a file; what is given twice is written the same, byte for byte.

    Parameters
    ----------
    path
        An svg, png or pdf file.
    draw
        Draws on the axes, and says what is to be named.
    title
        What the figure is. The file keeps it, and a description in words of what is drawn, for those who do not see it.
    force
        Overwrite a file that exists.

    Raises
    ------
    DataError
        A figure cannot be kept in a file of this kind.
    MissingPackageError
        matplotlib is not installed.
    OutputError
        The file exists, or cannot be written.
    """
    suffix = suffix_of(path, FIGURE_SUFFIXES, "a figure")
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError("matplotlib", extra="report", purpose="drawing a figure") from error
    with rc_context(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "text.parse_math": False,  # names may hold dollars
            "svg.hashsalt": "reassess",
        }
    ):
        figure = Figure(figsize=(7.2, 5.4), layout="constrained")
        FigureCanvasAgg(figure)
        drawing = Drawing(figure.add_subplot())
        draw(drawing)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the names are placed in pixels: nothing may move any more
        _place_names(drawing)
        with writing(path, force=force) as temporary:
            figure.savefig(temporary, dpi=200, metadata=_metadata(suffix, title, _in_words(drawing)))


def along(at: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Places at even distances along the line through some points, shape (points, 2)."""
    lengths = np.append(0.0, np.cumsum(np.hypot(*np.diff(at, axis=0).T)))
    wanted = np.linspace(0, lengths[-1], count)
    return np.column_stack([np.interp(wanted, lengths, column) for column in at.T])


def _in_words(drawing: Drawing) -> str:
    """What is drawn: the heading, the axes, and every name, which says what it stands at."""
    axes = drawing.axes
    heading = axes.get_title(loc="left")
    names = ". ".join(text.replace("\n", ", ") for text, _, _ in drawing.names)
    return f"{heading}. Across: {axes.get_xlabel()}. Up: {axes.get_ylabel()}. Named: {names}."


def _metadata(suffix: str, title: str, description: str) -> dict[str, Any]:
    """Of a file of some kind; without the date, so that the same results give the same file."""
    kinds: dict[str, dict[str, Any]] = {
        ".svg": {"Title": title, "Description": description, "Date": None},
        ".png": {"Title": title, "Description": description},
        ".pdf": {"Title": title, "Subject": description, "CreationDate": None},
    }
    return kinds[suffix]


def _place_names(drawing: Drawing) -> None:
    axes = drawing.axes
    to_pixels, to_data = axes.transData.transform, axes.transData.inverted().transform
    # What can be named at one place only goes first; a curve finds a place for its name later, too.
    names = sorted(drawing.names, key=lambda name: len(name[1]))
    texts = [axes.text(0, 0, text, linespacing=1.15, **style) for text, _, style in names]
    sizes = [text.get_window_extent() for text in texts]
    labels = [
        Label(np.asarray(to_pixels(anchors)), size.width, size.height)
        for (_, anchors, _), size in zip(names, sizes, strict=True)
    ]
    frame = axes.get_window_extent()
    area = frame.x0 + 4, frame.y0 + 4, frame.x1 - 4, frame.y1 - 4
    spots = place(labels, np.asarray(to_pixels(np.concatenate(drawing.drawn))), area)
    for text, label, (corner, anchor) in zip(texts, labels, spots, strict=True):
        text.set(position=tuple(to_data(corner)), verticalalignment="bottom", zorder=7)
        start = np.clip(anchor, corner, np.add(corner, (label.width, label.height)))
        axes.plot(*to_data(np.stack([start, anchor])).T, "-", color=text.get_color(), linewidth=0.6, zorder=6)
