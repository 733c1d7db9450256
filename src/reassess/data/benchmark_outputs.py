"""What commands write into a benchmark's folder: a part of it, or what cannot be taken for one."""

import os
from pathlib import Path

from reassess.core import Benchmark
from reassess.data.benchmark_folders import part_named
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.errors import Fix, OutputError
from reassess.formats.files import exists


def check_place(output: Path, benchmark: Benchmark, part: str | None = None) -> None:
    """Raise `OutputError` if an output would replace, or look like, a part of a benchmark other than `part`."""
    folder = benchmark.folder
    if folder is None:
        return
    fix = "choose another name or folder" + (f", such as {part}{output.suffix}" if part else "")
    for other, source in benchmark.sources.items():
        if other != part and exists(source) and exists(output) and output.samefile(source):
            raise OutputError("output-is-input", f"output is the {other} of the benchmark", where=output, fix=fix)
    images = Path(benchmark.sources.get("images", folder / "images"))
    if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(images)):
        raise OutputError("reserved-output", "output would be among the images of the benchmark", where=output, fix=fix)
    if os.path.realpath(output.parent) != os.path.realpath(folder):
        return
    if output.name.lower() == SETTINGS_FILE:
        raise OutputError("reserved-output", "in a benchmark folder, this file has the settings", where=output, fix=fix)
    called = part_named(output)
    if called is None:
        return
    if called != output.stem:
        raise OutputError("reserved-output", "output name is almost that of a benchmark part", where=output, fix=fix)
    if called != part:
        raise OutputError(
            "reserved-output", f"in a benchmark folder, a file {called} is another part of it", where=output, fix=fix
        )
    there = benchmark.sources.get(part)
    if there is not None and Path(there).name != output.name:
        raise OutputError(
            "duplicate-part",
            "benchmark would have two files of one part",
            where=output,
            found=Path(there).name,
            fix=Fix(f"write {Path(there).name} ({{force}}), or remove it first", force=True),
        )
