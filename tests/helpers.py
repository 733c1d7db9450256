"""What several files of tests share: small inputs, refusals, documents of commands, and fresh processes."""

import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from rich.cells import cell_len

from reassess.aggregation import Curve, Golden
from reassess.cli.screen import output_width
from reassess.core import Classes, Items, LabelSets, Posterior, Questions, Scores, Votes
from reassess.errors import ReassessError, ReassessWarning

# The types of fixtures.
Refused = Callable[..., str]
File = Callable[..., Path]
RealFile = Callable[[str], Path]
RealVotes = Callable[[str], Votes]
Needs = Callable[[str], None]

WORDS = ("no", "maybe", "yes")
GOOD = b"the known bytes\n"  # of a file whose hash is known
GOOD_SHA = hashlib.sha256(GOOD).hexdigest()
# The original class of each of the first ten validation images of ImageNet.
ORIGINAL_CLASSES = {1: 65, 2: 970, 3: 230, 4: 809, 5: 516, 6: 57, 7: 334, 8: 415, 9: 674, 10: 332}
# Few scores, so that ties are everywhere; each is exact in every type, and the smallest of each type in its own.
EXACT_VALUES = (-np.inf, -2.5, -1.0, -0.0, 0.0, 2.0**-14, 1.0, 1.0078125, 65280.0, np.inf)
SMALLEST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 5e-324}

# A curve on three golden pairs, of which the one of the lowest score is not valid.
CURVE = Curve(
    Golden(Questions.from_columns(["a", "a", "b"], np.array([1, 2, 1])), np.array([True, False, True])),
    np.array([0.9, 0.6, 0.7]),
)
# What messages of several readers say.
NAME_OUTPUTS = "name the class of each output with outputs=[...], one wnid or name per line"
PICKLED = (
    "file contains pickled Python objects, which are never loaded: unpickling can run any code\n"
    "  where:   DIR/{}\n"
    "  allowed: arrays of numbers or text\n"
    "  fix:     save plain arrays, such as np.save(path, array.astype('float32')) or names.astype(str)"
)


def message(function: Callable[..., object], *args: object, **options: object) -> str:
    """The whole message with which a call is refused."""
    with pytest.raises(ReassessError) as caught:
        function(*args, **options)
    return str(caught.value)


@contextmanager
def warned(*texts: str) -> Iterator[None]:
    """A block that warns with these texts, and with no others."""
    with pytest.warns(ReassessWarning) as caught:
        yield
    assert [str(warning.message) for warning in caught] == list(texts)


def fault_of(function: Callable[..., object], *args: object, **options: object) -> tuple[str, str | None]:
    """The code of the error that a call raises, and what it found."""
    with pytest.raises(ReassessError) as caught:
        function(*args, **options)
    error = caught.value
    return error.code, None if error.found is None else str(error.found)


def code_of(function: Callable[..., object], *args: object, **options: object) -> str:
    """The code of the error that a call raises."""
    with pytest.raises(ReassessError) as caught:
        function(*args, **options)
    return caught.value.code


def labels_of(sets: Mapping[str, Iterable[int]], classes: Classes | None = None) -> LabelSets:
    """The valid classes of each image."""
    return LabelSets.from_lists(list(sets), [list(ids) for ids in sets.values()], classes)


def scores_of(values: Mapping[tuple[str, int], float]) -> Scores:
    """The score of each pair of an image and a class."""
    images, classes = [image for image, _ in values], np.array([class_id for _, class_id in values], np.int64)
    return Scores(Questions.from_columns(images, classes), np.array(list(values.values()), np.float64))


def votes_of(
    rows: Sequence[Sequence[int]],
    items: Items = ("x", "y", "z"),
    raters: Sequence[Hashable] = ("ann", "bo"),
    answers: Sequence[Hashable] = WORDS,
    **options: Any,
) -> Votes:
    """Votes from rows of an item, a rater and an answer, each by its place."""
    return Votes.from_columns(items, *np.array(rows, np.int64).reshape(-1, 3).T, raters, answers, **options)


def numbered_labels(sets: Sequence[Iterable[int]], classes: Classes | None = None) -> LabelSets:
    """The valid classes of 0.png, 1.png and so on."""
    return labels_of({f"{row}.png": ids for row, ids in enumerate(sets)}, classes)


def validation_name(number: int, suffix: str = ".JPEG") -> str:
    """The file name of a validation image of ImageNet."""
    return f"ILSVRC2012_val_{number:08d}{suffix}"


def read_posterior(path: Path) -> Posterior:
    """The posterior in a table, with a row for each item and answer."""
    table = {".csv": pl.read_csv, ".jsonl": pl.read_ndjson, ".parquet": pl.read_parquet}[path.suffix](path)
    items, truths = (tuple(table[name].unique(maintain_order=True)) for name in ("item", "answer"))
    return Posterior(items, truths, table["probability"].to_numpy().reshape(len(items), len(truths)))


def write_files(folder: Path, contents: Mapping[str, str | bytes]) -> Path:
    """Write the content of each path below a folder, which comes back."""
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def write_tar(path: Path, contents: Mapping[str, bytes], form: int = tarfile.GNU_FORMAT) -> Path:
    """Write an uncompressed archive with the content of each member, in their order."""
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_csv(path: str | Path, headings: str, rows: Iterable[Iterable[object]]) -> Path:
    """Write a table, its headings joined by commas."""
    with Path(path).open("w", newline="") as file:
        csv.writer(file).writerows([headings.split(","), *rows])
    return Path(path)


def save_npz(path: Path, **arrays: object) -> Path:
    """Write an archive, objects included."""
    np.savez(path, allow_pickle=True, **arrays)
    return path


def bits_of_bfloat16(values: npt.ArrayLike) -> npt.NDArray[np.int16]:
    """The bits of values that bfloat16 holds exactly, whatever numpy's own cast may do to denormals."""
    bits = np.asarray(values, np.float32).view(np.int32)
    assert not (bits & 0xFFFF).any() or np.isnan(np.asarray(values)).any(), "not exact in bfloat16"
    return (bits >> 16).astype(np.int16)


def no_package(name: str) -> None:
    """In place of `find_spec`, where no package is installed."""


def no_network(*_: object, **__: object) -> None:
    """In place of a download that must not be tried."""
    raise AssertionError("the network was used")


def picture(number: int, kind: str = "JPEG") -> bytes:
    """An image of 32 x 32 whose colour is that of the number, so that a mix-up shows."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (32, 32), (20 * number, 255 - 20 * number, 77)).save(file, kind)
    return file.getvalue()


def number_of(image: npt.ArrayLike) -> int:
    """The number whose picture this is."""
    red, _, blue = np.asarray(image).reshape(-1, 3).mean(axis=0)
    assert blue == pytest.approx(77, abs=4)
    return round(red / 20)


@dataclass(frozen=True)
class Run:
    """What a command gave back; `error` is the code of its error."""

    code: int
    out: str
    err: str
    error: str | None = field(default=None, compare=False)


Runner = Callable[..., Run]  # the type of the fixture that runs a command


def output_of(result: Run) -> str:
    """What a command that goes well prints; it warns of nothing."""
    assert (result.code, result.err) == (0, "")
    return result.out


def message_of(result: Run, code: int = 1) -> str:
    """The error of a command that is refused with this exit code, and prints nothing else."""
    assert (result.code, result.out) == (code, "")
    return result.err


def document_of(result: Run, command: str) -> Any:
    """The document of a command that went well: strict JSON, and of the schema of this command."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    document = json.loads(output_of(result), parse_constant=refuse)
    assert (document["schema"], document["version"]) == (f"reassess/{command}", 1)
    return document


def results_of(run: Callable[..., Run], command: str, *argv: object) -> Any:
    """The results in the document of a command that goes well."""
    return document_of(run(command, *argv, "--json"), command)["results"]


def python(*argv: str | Path, code: int = 0, cwd: Path | None = None, **environment: str) -> Run:
    """Run Python in a process of its own, which must end with this code."""
    command, variables = [sys.executable, *map(str, argv)], {**os.environ, **environment}
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=variables)
    assert result.returncode == code, result.stdout + result.stderr
    return Run(result.returncode, result.stdout, result.stderr)


def print_fitting(drawn: Callable[[int], str], *, err: bool = False) -> None:
    """Print what a command draws; in 80 and 100 columns nothing is lost, and only a long name reaches over the edge."""
    whole = Counter(re.sub(r"[\s─]", "", drawn(10_000)))
    for width in (80, 100):
        lines = [line for line in drawn(width).splitlines() if cell_len(line) > width]
        assert [line for line in lines if max(map(len, line.split())) <= 32] == []
        assert not whole - Counter(drawn(width))
    click.echo(drawn(output_width() if "COLUMNS" in os.environ else 10_000), err=err)


def in_one_line(text: str) -> str:
    """A text without its line breaks and runs of blanks."""
    return " ".join(text.split())


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    """The commands at and below one, by the words that call them."""
    if not isinstance(command, click.Group):
        return {path: command}
    context = click.Context(command)
    commands: dict[tuple[str, ...], click.Command] = {}
    for name in command.list_commands(context):
        commands |= leaves(command.get_command(context, name), (*path, name))
    return commands


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium of the system, without a window; the test is skipped where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]) as browser,
    ):
        yield browser
