"""A report: findings as one HTML file."""

import platform
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

from reassess import __version__
from reassess.comparison.findings import Findings
from reassess.comparison.summary import summary
from reassess.core.checks import check_type
from reassess.errors import DataError
from reassess.formats.files import as_path, suffix_of, writing
from reassess.report.chart import Chart
from reassess.report.explorers import explorers
from reassess.report.gallery import thumbnails
from reassess.report.mistake_gallery import cards, choose, mistake_gallery
from reassess.report.page import Page, Provenance, render
from reassess.report.sections import sections

__all__ = ["REPORT_SUFFIXES", "ShownMistakes", "provenance", "write_page", "write_report"]

REPORT_SUFFIXES = (".html", ".htm")
_PACKAGES = ("numpy", "matplotlib")
_Track = Callable[[Sequence[Any], str], Iterable[Any]]


@dataclass(frozen=True)
class ShownMistakes:
    """How many images a page shows with their mistakes or labels, and how many pictures it has of them.

    Parameters
    ----------
    images, pictures
        Images that are shown, and pictures among them.
    missing, unreadable
        Images that are not in the folder, or whose file cannot be read or is too large.
    """

    images: int
    pictures: int
    missing: int
    unreadable: int


def write_report(
    path: str | Path,
    findings: Findings,
    *,
    title: str | None = None,
    images: str | Path | None = None,
    mistakes: int = 60,
    seed: int = 0,
    files: Mapping[str, str] | None = None,
    command: str = "",
    inputs: Sequence[Mapping[str, str | None]] = (),
    force: bool = False,
    track: _Track = lambda items, _: items,
) -> ShownMistakes | None:
    """Write all about some models to one HTML page that needs no network and no other file.

    Parameters
    ----------
    path
        The page, html or htm.
    findings
        The models, with their evaluations.
    title
        Of the page; by default it names the model, or says how many there are.
    images
        The folder of the images, or a zip or tar of them: mistakes are then shown with pictures, and so are images
        whose original label is not valid or that have no valid class.
    mistakes, seed
        So many mistakes of each model are shown, and so many other images, drawn at random with this seed.
    files
        The file of each model, where the page is to name it.
    command, inputs
        How the page was made: a command line, and files as (name, path, sha256). Of absolute paths the page shows the
        last part only.
    force
        Overwrite a page that exists.
    track
        Passes on the parts of a step of the work, of which it is told the name, so that progress can be shown.

    Returns
    -------
    ShownMistakes
        What is shown of the mistakes; None without `images`.

    Raises
    ------
    DataError
        The findings hold no evaluations, or the path is no page.
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
    >>> "one, re-assessed" in path.read_text()
    True
    """
    check_type(Findings, findings, what="findings", fix="Findings.from_predictions(MODELS, LABELS)")
    path = as_path(path)
    suffix_of(path, REPORT_SUFFIXES, "a report")
    if not findings.evaluations:
        raise DataError(
            "no-evaluations", "findings have no evaluations", fix="make them with Findings.from_predictions"
        )
    gallery = None
    if images is not None:
        choice = choose(findings, mistakes, seed=seed)
        chosen = cards(findings, choice.rows)
        pictures = thumbnails(
            Path(images),
            [card.image for card in chosen],
            match=findings.panel.match,
            track=lambda names: track(names, "making pictures"),
        )
        gallery = mistake_gallery(findings, choice, chosen, pictures)
    sentences = summary(findings)  # draws raters, with a progress of its own
    models, count = findings.models, len(findings.panel.images)
    file_of = files or {}
    page = Page(
        title=title or (f"{len(models):,} models, re-assessed" if len(models) > 1 else f"{models[0]}, re-assessed"),
        subtitle=f"Judged by re-assessed labels on {count:,} images.",
        sections=sections(findings, track=lambda kinds: track(kinds, "finding results")),
        summary=sentences,
        explorers=explorers(findings),
        gallery=gallery,
        provenance=provenance(command, inputs),
        classes=findings.classes,
        detected={
            f"{name} ({_named(file_of[name])})" if name in file_of else name: evaluation.detected
            for name, evaluation in findings.evaluations.items()
        },
    )
    write_page(path, page, force=force, track=lambda charts: track(charts, "drawing charts"))
    if gallery is None:
        return None
    shown = gallery.pictures
    return ShownMistakes(
        images=len(gallery.cards),
        pictures=len(shown.pictures),
        missing=shown.missing,
        unreadable=shown.unreadable,
    )


def provenance(command: str, inputs: Sequence[Mapping[str, str | None]]) -> Provenance:
    """How a page was made; of absolute paths the last part only."""
    return Provenance(
        command=shlex.join("=".join(map(_named, part.split("="))) for part in shlex.split(command)),
        inputs=[dict(entry) | {"path": _named(str(entry["path"]))} for entry in inputs],
        versions=_versions(),
    )


def write_page(
    path: Path, page: Page, *, force: bool, track: Callable[[Sequence[Chart]], Iterable[Chart]] = iter
) -> None:
    """Write a page; `track` as for `render`."""
    html = render(page, track=track)
    with writing(path, force=force) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")


def _named(path: str) -> str:
    """The last part of an absolute path, which says nothing of the machine; any other text as it is."""
    return PurePath(path).name if PurePath(path).is_absolute() else path


def _versions() -> dict[str, str]:
    installed = {package: version(package) for package in _PACKAGES if find_spec(package)}
    return {"reassess": __version__, "Python": platform.python_version(), **installed}
