"""`reassess fetch`: download known data, or list it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from reassess.cli.command_run import CommandRun, add_common_options
from reassess.cli.help_pages import Choice, Command
from reassess.cli.screen import print_table
from reassess.data import SOURCES, KnownFile, Source, fetch_source_files, find_all_files_of_source


@click.command(
    cls=Command, docs="docs/data.md", examples=["reassess fetch", "reassess fetch imagenet-real imagenet-original"]
)
@click.argument("source_names", type=Choice(list(SOURCES)), metavar="[NAME...]", nargs=-1)
@add_common_options
def fetch(run: CommandRun, source_names: tuple[str, ...]) -> None:
    """Download known data; without a name, list it.

    A file that is already on this computer is not downloaded again.
    """
    if source_names:
        _print_paths(run, {name: fetch_source_files(name, progress=not run.quiet) for name in source_names})
    else:
        _print_sources(run)


def _print_sources(run: CommandRun) -> None:
    sources = [
        (source, find_all_files_of_source(source.name) or (None,) * len(source.files)) for source in SOURCES.values()
    ]
    if run.json:
        run.print_json("fetch", [_source_to_json(run, source, paths) for source, paths in sources])
        return
    rows = [
        (source.name, source.licence, path or f"{file.name} is {_explain_download(file)}")
        for source, paths in sources
        for file, path in zip(source.files, paths, strict=True)
    ]
    print_table(("name", "licence", "where"), rows, n_text_columns=3)
    run.add_note("hashes and citations: --json")


def _print_paths(run: CommandRun, paths_by_source: dict[str, tuple[Path, ...]]) -> None:
    if run.json:
        run.print_json("fetch", [_source_to_json(run, SOURCES[name], paths) for name, paths in paths_by_source.items()])
        return
    for path in (path for paths in paths_by_source.values() for path in paths):
        click.echo(path)


def _source_to_json(run: CommandRun, source: Source, paths: Iterable[Path | None]) -> dict[str, Any]:
    files = [
        {"file": file.name, "sha256": file.sha256, "path": str(run.add_input(source.name, path)) if path else None}
        for file, path in zip(source.files, paths, strict=True)
    ]
    fields = {"name": source.name, "description": source.description}
    return fields | {"licence": source.licence, "citation": source.citation, "files": files}


def _explain_download(file: KnownFile) -> str:
    origins = ["its public repository"] if file.url else []
    origins += [f"the package {file.wheel.package}"] if file.wheel else []
    return f"missing; available from {' or '.join(origins)}"
