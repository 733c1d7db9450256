"""Write findings as an HTML report."""

import platform
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

from reassess import __version__
from reassess.comparison import Findings
from reassess.comparison.summary import summarize_findings
from reassess.core.checks import check_type
from reassess.errors import DataError
from reassess.formats.files import as_path, check_suffix, write_to_temporary
from reassess.report.chart import Chart
from reassess.report.gallery import make_thumbnails
from reassess.report.mistake_gallery import make_cards, make_mistake_gallery, sample_images
from reassess.report.page import Page, ReportSources, make_interactive_tables, render_page
from reassess.report.sections import make_sections
from reassess.report.short_page import render_short_page

REPORT_SUFFIXES = (".html", ".htm")
_VERSIONED_PACKAGES = ("numpy", "matplotlib")
_TrackFunction = Callable[[Sequence[Any], str], Iterable[Any]]


@dataclass(frozen=True)
class GalleryCounts:
    """Numbers of images in the gallery of a page, with and without a thumbnail."""

    n_images: int  # all images of the gallery
    n_thumbnails: int  # images with a thumbnail
    n_missing: int  # images not in the folder
    n_unreadable: int  # images that cannot be read, or are too large


def write_report(
    path: str | Path,
    findings: Findings,
    *,
    title: str | None = None,
    images: str | Path | None = None,
    max_mistakes: int = 60,
    seed: int = 0,
    file_names: Mapping[str, str] | None = None,
    command: str = "",
    inputs: Sequence[Mapping[str, str | None]] = (),
    is_short: bool = False,
    force: bool = False,
    show_progress: _TrackFunction = lambda items, _: items,
) -> GalleryCounts | None:
    """Write an HTML report about one or more models; it needs no network and no other file.

    Parameters
    ----------
    path
        The output file, html or htm.
    findings
        The models, with their evaluations.
    title
        Title of the page; by default the model, or the number of models.
    images
        The folder, zip or tar of the images. With it, the page has a gallery of mistakes, of images whose original
        label is not valid, and of images without a valid class.
    max_mistakes, seed
        The gallery shows at most `max_mistakes` mistakes of each model, and as many images of each other kind. They are
        drawn at random with this seed.
    file_names
        The file of each model, which the page names.
    command, inputs
        How the page was made: a command line, and files with the keys name, path and sha256. The page shows only the
        last part of an absolute path.
    is_short
        Write one printed page for an appendix: tables without charts and images.
    force
        Replace an existing page.
    show_progress
        A function of the items of a step and the name of the step. It returns the items, and shows the progress of the
        iteration.

    Returns
    -------
    GalleryCounts
        The numbers of images in the gallery; None without a gallery.

    Raises
    ------
    DataError
        The findings contain no evaluated model, or the path is not html.
    MissingPackageError
        jinja2 or matplotlib is not installed.
    OutputError
        The file exists and `force` is not given, or cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from tempfile import mkdtemp
    >>> from reassess import LabelSets, Predictions
    >>> names = [f"{i}.png" for i in range(4)]
    >>> labels = LabelSets.from_lists(names, [[0], [1], [0, 1], []])
    >>> findings = Findings.from_predictions({"one": Predictions.from_ids([0, 0, 1, 1], images=names)}, labels)
    >>> path = Path(mkdtemp()) / "report.html"
    >>> write_report(path, findings)
    >>> "one, reassessed" in path.read_text()
    True
    """
    check_type(Findings, findings, value_name="findings", fix="Findings.from_predictions(MODELS, LABELS)")
    path = as_path(path)
    check_suffix(path, REPORT_SUFFIXES, "a report")
    if not findings.evaluations:
        raise DataError("missing-models", "findings contain no evaluated model", fix="use Findings.from_predictions")
    title = title or _default_title(findings)
    if is_short:
        _write_html(
            path,
            render_short_page(findings, title, summarize_findings(findings), make_report_sources(command, inputs)),
            force=force,
        )
        return None
    gallery = None
    if images is not None:
        sample = sample_images(findings, max_mistakes, seed=seed)
        mistake_cards = make_cards(findings, sample.rows)
        pictures = make_thumbnails(
            Path(images),
            [card.image for card in mistake_cards],
            match=findings.panel.match,
            show_progress=lambda names: show_progress(names, "reading images"),
        )
        gallery = make_mistake_gallery(findings, sample, mistake_cards, pictures)
    sentences = summarize_findings(findings)  # resamples raters, and shows its own progress
    count = len(findings.panel.images)
    file_of = file_names or {}
    page = Page(
        title=title,
        subtitle=f"Evaluated with reassessed labels on {count:,} images.",
        sections=make_sections(findings, show_progress=lambda kinds: show_progress(kinds, "finding results")),
        summary=sentences,
        interactive_tables=make_interactive_tables(findings),
        gallery=gallery,
        sources=make_report_sources(command, inputs),
        classes=findings.classes,
        format_descriptions={
            f"{name} ({_hide_folders(file_of[name])})" if name in file_of else name: evaluation.detected_input
            for name, evaluation in findings.evaluations.items()
        },
    )
    write_page(path, page, force=force, show_chart_progress=lambda charts: show_progress(charts, "drawing charts"))
    if gallery is None:
        return None
    thumbnails = gallery.thumbnails
    return GalleryCounts(
        n_images=len(gallery.cards),
        n_thumbnails=len(thumbnails.by_image),
        n_missing=thumbnails.n_missing,
        n_unreadable=thumbnails.n_unreadable,
    )


def _default_title(findings: Findings) -> str:
    models = findings.models
    return f"{len(models):,} models, reassessed" if len(models) > 1 else f"{models[0]}, reassessed"


def make_report_sources(command: str, inputs: Sequence[Mapping[str, str | None]]) -> ReportSources:
    """Record the command, inputs and versions that made a page; shorten absolute paths to their last part."""
    installed = {package: version(package) for package in _VERSIONED_PACKAGES if find_spec(package)}
    return ReportSources(
        command=shlex.join("=".join(map(_hide_folders, part.split("="))) for part in shlex.split(command)),
        inputs=[dict(entry) | {"path": _hide_folders(str(entry["path"]))} for entry in inputs],
        versions={"reassess": __version__, "Python": platform.python_version(), **installed},
    )


def write_page(
    path: Path, page: Page, *, force: bool, show_chart_progress: Callable[[Sequence[Chart]], Iterable[Chart]] = iter
) -> None:
    """Write a page to a file; `show_chart_progress` shows progress while it iterates over the charts."""
    _write_html(path, render_page(page, show_chart_progress=show_chart_progress), force=force)


def _write_html(path: Path, html: str, *, force: bool) -> None:
    with write_to_temporary(path, force=force) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")


def _hide_folders(path: str) -> str:
    """Return the last part of an absolute path, to keep folders private; return other text unchanged."""
    return PurePath(path).name if PurePath(path).is_absolute() else path
