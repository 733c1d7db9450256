"""`reassess release`: package a benchmark for publication."""

from pathlib import Path

import click

from reassess.cli.command_run import CommandRun, add_common_options
from reassess.cli.help_pages import Command
from reassess.cli.options import output_option
from reassess.cli.screen import print_table
from reassess.data import open_benchmark
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.release import Release, write_release
from reassess.text import count_noun, join_first


@click.command(
    cls=Command,
    docs="docs/release.md",
    examples=["reassess release pets -o pets-1.0", "reassess release pets -o pets-1.0 --hash-names --force"],
)
@click.argument("benchmark", metavar="NAME|FOLDER", envvar="REASSESS_BENCHMARK")
@output_option("FOLDER", "The folder of the release. With --force, an earlier release is replaced.")
@click.option("--images", "with_images", is_flag=True, help="Also release the images, as images.zip.")
@click.option("--hash-names", is_flag=True, help="Replace image names by hashes.")
@add_common_options
def release(run: CommandRun, benchmark: str, output: Path, with_images: bool, hash_names: bool) -> None:
    """Package a benchmark for publication.

    Votes, golden answers, scores, labels, original labels and classes are written as Parquet and CSV. Raters get
    numbers instead of names. The release also has Croissant metadata with responsible-AI fields, a dataset card for
    Hugging Face, a datasheet with measured numbers, CITATION.cff and hashes. Facts that only you know come from the key
    release of benchmark.json.

    Parts that do not fit together are an error: labels that the scores do not give at the threshold, or scores that the
    votes do not give.
    """
    written = write_release(benchmark, output, with_images=with_images, hash_names=hash_names, force=run.force)
    folder = open_benchmark(benchmark).folder
    if written.missing_facts and folder is not None:
        options = (*(["--images"] if with_images else []), *(["--hash-names"] if hash_names else []))
        run.suggest_command("release", benchmark, "-o", output, *options, "--force")
    else:
        run.suggest_command("status", output)
    if run.json:
        run.print_json("release", _to_json(written))
    else:
        _print_release(run, written, folder)


def _print_release(run: CommandRun, written: Release, folder: Path | None) -> None:
    images = "no images" if written.n_images is None else count_noun(written.n_images, "image")
    run.print_line(f"{written.folder}: {count_noun(len(written.tables), 'table')} as Parquet and CSV, {images}")
    if not run.quiet:
        rows = [(table.part, table.contents, f"{table.n_rows:,}") for table in written.tables]
        print_table(("table", "contents", "rows"), rows, n_text_columns=2)
    run.print_line(f"{written.rebuilding[0].lower()}{written.rebuilding[1:].removesuffix('.')}")
    if written.not_released:
        run.print_line(f"not released: {join_first(written.not_released, max_items=10)}")
    if written.missing_facts:
        place = "" if folder is None else f" (write it into {folder / SETTINGS_FILE}, key release)"
        keys = join_first(written.missing_facts, max_items=len(written.missing_facts))
        run.print_line(f"only the owner can say{place}: {keys}")


def _to_json(written: Release) -> dict[str, object]:
    return {
        "output": str(written.folder),
        "name": written.name,
        "tables": {table.part: table.n_rows for table in written.tables},
        "images": written.n_images,
        "rebuilding": written.rebuilding,
        "missing_facts": list(written.missing_facts),
        "not_released": list(written.not_released),
    }
