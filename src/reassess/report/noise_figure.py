"""The mistakes that labels have most often, as a figure."""

from functools import partial
from pathlib import Path

from reassess.core.label_noise import LabelNoise
from reassess.errors import DataError
from reassess.report.figures import Drawing, save_figure
from reassess.report.style import LONGEST
from reassess.text import about, plain, shortened

__all__ = ["draw_noise"]

_MOST = 20
_WIDTH, _LINE, _AROUND = 8.0, 0.24, 1.0  # inches of the figure, of a bar, and around the bars
_BAR = "#0072b2"


def draw_noise(path: Path, noise: LabelNoise, *, force: bool = False) -> None:
    """Draw the 20 mistakes that labels have most often, by the number of images that is expected.

    Parameters
    ----------
    path
        An svg, png or pdf file.
    noise
        As `clean_by_posterior` estimates it.
    force
        Overwrite a file that exists.

    Raises
    ------
    DataError
        No label is wrong, by the estimate.
    MissingPackageError
        matplotlib is not installed.
    OutputError
        The file exists, or cannot be written.
    """
    shown = len(noise.largest(_MOST))
    if not shown:
        raise DataError("there is no mistake to draw", where=path, found="no label is wrong, by the estimate")
    size = _WIDTH, _AROUND + _LINE * shown
    save_figure(path, partial(_noise_on, noise=noise), title="Mistakes of labels", size=size, force=force)


def _noise_on(drawing: Drawing, noise: LabelNoise) -> None:
    largest, label = noise.largest(_MOST), noise.classes.label
    names = [plain(shortened(f"{label(truth)}, called {label(given)}", LONGEST)) for truth, given, *_ in largest]
    counts = [count for *_, count, _ in largest]
    bars = drawing.axes.barh(range(len(largest)), counts, color=_BAR, height=0.7)
    written = [f"{about(count)} ({100 * share:.1f} % of the class)" for *_, count, share in largest]
    drawing.axes.bar_label(bars, written, padding=3)
    drawing.words += [f"{name}: {text}" for name, text in zip(names, written, strict=True)]
    drawing.axes.set_yticks(range(len(largest)), names)
    drawing.axes.invert_yaxis()
    drawing.axes.set_xlim(0, 1.6 * max(counts))
    drawing.axes.xaxis.set_major_formatter(lambda value, _: about(value))
    drawing.axes.set_xlabel(f"expected images; {100 * noise.share:.2f} % of all labels are wrong, by the estimate")
