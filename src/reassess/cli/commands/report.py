"""`reassess report`: all about some models on one page."""

import platform
import shlex
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from reassess import __version__
from reassess.cli.common import Call, call_options, print_table
from reassess.cli.findings_inputs import findings_options, load_findings
from reassess.cli.inputs import FILE
from reassess.comparison.findings import Findings
from reassess.core.image_names import Match
from reassess.formats.files import check_output, sha256, suffix_of, writing
from reassess.report.content import sections
from reassess.report.explorers import explorers
from reassess.report.gallery import cards, choose
from reassess.report.page import Gallery, Page, Provenance, render
from reassess.report.thumbnails import thumbnails

__all__ = ["report"]

_SUFFIXES = (".html", ".htm")
_PACKAGES = ("numpy", "matplotlib")


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("-o", "--output", required=True, type=FILE, metavar="PAGE", help="The page: html.")
@click.option("--images", type=FILE, metavar="DIR", help="The folder of the images: mistakes are shown with pictures.")
@click.option(
    "--mistakes",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    metavar="N",
    help="With --images, so many mistakes of each model are shown, drawn at random.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of that draw.")
@findings_options
@call_options
def report(
    call: Call,
    files: tuple[Path, ...],
    output: Path,
    images: Path | None,
    mistakes: int,
    seed: int,
    **reading: Any,
) -> None:
    """Put all about some models on one page.

    Each FILE holds one model's predictions, as for evaluate. PAGE needs no network and no other file: accuracies with
    intervals, comparisons, kinds of mistakes, classes, confusions, how good the labels are, and where all of it comes
    from; charts give their numbers as CSV.
    """
    suffix_of(output, _SUFFIXES, "a report")
    check_output(output, force=call.force)
    found = load_findings(call, files, **reading)
    gallery = None if images is None else _gallery(found, images, mistakes, seed, reading["match"])
    html = render(_page(call, found, gallery))
    call.keep_inputs(output)
    with writing(output, force=call.force) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")
    if call.json:
        call.print_document("report", _to_json(found, output, gallery))
    else:
        _print(call, found, output, gallery)


def _gallery(found: Findings, images: Path, mistakes: int, seed: int, match: Match) -> Gallery:
    choice = choose(found, mistakes, seed=seed)
    chosen = cards(found, choice.rows)
    return Gallery(choice, chosen, thumbnails(images, [card.image for card in chosen], match=match))


def _page(call: Call, found: Findings, gallery: Gallery | None) -> Page:
    models, images = len(found.models), len(found.panel.images)
    inputs = [entry | {"sha256": sha256(Path(str(entry["path"])))} for entry in call.inputs]
    command = shlex.join(["reassess", *click.get_current_context().find_root().obj])
    versions = {"reassess": __version__, "Python": platform.python_version()}
    versions |= {package: version(package) for package in _PACKAGES if find_spec(package)}
    return Page(
        title=f"{models:,} models, re-assessed" if models > 1 else f"{found.models[0]}, re-assessed",
        subtitle=f"Judged by re-assessed labels on {images:,} images.",
        sections=sections(found),
        explorers=explorers(found),
        gallery=gallery,
        provenance=Provenance(command, inputs, versions),
        classes=found.classes,
        detected={f"{name} ({found.files[name]})": result.detected for name, result in found.evaluations.items()},
    )


def _counts(gallery: Gallery) -> dict[str, int]:
    pictures = gallery.pictures
    return {
        "images": len(gallery.cards),
        "pictures": len(pictures.pictures),
        "missing": pictures.missing,
        "unreadable": pictures.unreadable,
    }


def _to_json(found: Findings, output: Path, gallery: Gallery | None) -> dict[str, Any]:
    return {
        "output": str(output),
        "bytes": output.stat().st_size,
        "models": [{"name": name, "file": found.files[name]} for name in found.models],
        "gallery": None if gallery is None else _counts(gallery),
        **({} if gallery is not None else {"gallery_reason": "no folder of images was given"}),
    }


def _print(call: Call, found: Findings, output: Path, gallery: Gallery | None) -> None:
    rows = []
    for name, result in found.evaluations.items():
        parts = (result.real.get(1), (result.original or {}).get(1))
        values = [None if part is None or part.value is None else f"{100 * part.value:.2f}" for part in parts]
        rows.append([name, *values])
    print_table(["model", "ReaL top-1 %", "original top-1 %"], rows)
    call.note(f"{output}: {len(rows):,} model{'s' if len(rows) > 1 else ''} on one page")
    if gallery is None:
        call.note("mistakes are not shown: no folder of images was given (--images DIR)")
        return
    counts = _counts(gallery)
    call.note(f"{counts['images']:,} images with mistakes are shown, {counts['pictures']:,} of them with a picture")
    if counts["missing"] or counts["unreadable"]:
        call.note(f"no picture: {counts['missing']:,} are not in the folder, {counts['unreadable']:,} cannot be read")
