"""`reassess scan`: what repeats itself in sets of images, and what cannot be used."""

from pathlib import Path

import click

from reassess.cli.common import Call, call_options, counting, usable_cores
from reassess.cli.help_pages import Command
from reassess.cli.inputs import FILE, OUTPUT
from reassess.cli.tables.scan_table import print_scan, scan_to_json
from reassess.data.scanning import SMALLEST_SIDE, scan_images
from reassess.formats.noun_tables import REPEATS_SUFFIXES, write_repeats

__all__ = ["scan"]


@click.command(
    cls=Command,
    docs="docs/scan.md",
    examples=[
        "reassess scan photos pets/images --near -o repeats.csv",
        "reassess scan pets/images --smallest-side 64 -o small.csv",
    ],
)
@click.argument("places", nargs=-1, required=True, type=FILE, metavar="DIR|LIST|ZIP|TAR...")
@click.option(
    "-o",
    "--output",
    type=OUTPUT,
    required=True,
    metavar="OUT",
    help="Write what was found: csv, tsv or parquet, with the columns set, image, repeat (the number of the group) and "
    "kind.",
)
@click.option("--near", is_flag=True, help="Also find images that look the same.")
@click.option(
    "--smallest-side",
    type=click.IntRange(1),
    default=SMALLEST_SIDE,
    show_default=True,
    metavar="N",
    help="A picture with a side of fewer pixels is tiny.",
)
@click.option(
    "--workers", type=click.IntRange(0), metavar="N", help="Processes that read images.  [default: one a core]"
)
@call_options
def scan(
    call: Call, places: tuple[Path, ...], output: Path, near: bool, smallest_side: int, workers: int | None
) -> None:
    """Find duplicate, unreadable, empty and tiny images.

    Each place is a set of images, called after its folder or archive. Exact repeats have equal pixels, whatever their
    file formats. For evaluate --exclude, which leaves out the images of a benchmark that another set repeats.
    """
    call.check_output(output, REPEATS_SUFFIXES, "repeats", benchmark=None)
    for place in places:
        if place.is_file():
            call.read("images", place)
    with counting(call) as progress:
        found = scan_images(
            places,
            near=near,
            smallest_side=smallest_side,
            workers=usable_cores() if workers is None else workers,
            progress=progress,
        )
    write_repeats(output, found.repeats, force=call.force)
    if call.json:
        call.print_document("scan", {"output": str(output), "near": near, **scan_to_json(found)})
    else:
        print_scan(call, found, output, near=near)
