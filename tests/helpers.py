"""Shared test helpers: small inputs, errors, output of commands, and new processes."""

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

from reassess.aggregation import Curve, GoldenQuestions
from reassess.cli.screen import output_line_width
from reassess.core import Classes, Items, LabelSets, Posterior, Questions, Scores, Votes
from reassess.errors import ReassessError, ReassessWarning
from reassess.formats import read_vote_file

# The types of fixtures.
Refused = Callable[..., str]
File = Callable[..., Path]
RealFile = Callable[[str], Path]
RealVotes = Callable[[str], Votes]
Needs = Callable[[str], None]

WORDS = ("no", "maybe", "yes")
GOOD = b"the known bytes\n"  # a file with a known hash
GOOD_SHA = hashlib.sha256(GOOD).hexdigest()
# The original class of each of the first ten validation images of ImageNet.
ORIGINAL_CLASSES = {1: 65, 2: 970, 3: 230, 4: 809, 5: 516, 6: 57, 7: 334, 8: 415, 9: 674, 10: 332}
# A few scores, so that ties are frequent. Each is exact in every type.
EXACT_VALUES = (-np.inf, -2.5, -1.0, -0.0, 0.0, 2.0**-14, 1.0, 1.0078125, 65280.0, np.inf)
# The smallest positive number of each type.
SMALLEST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 5e-324}

# A curve from three golden questions; the question with the lowest score is invalid.
CURVE = Curve(
    GoldenQuestions(Questions.from_columns(["a", "a", "b"], np.array([1, 2, 1])), np.array([True, False, True])),
    np.array([0.9, 0.6, 0.7]),
)
# Parts of messages of several readers.
NAME_OUTPUTS = "name the class of each output with outputs=[...], one wnid or name per line"
PICKLED = (
    "file contains pickled Python objects, which are never loaded: unpickling can run any code\n"
    "  where:   DIR/{}\n"
    "  allowed: arrays of numbers or text\n"
    "  fix:     save plain arrays, such as np.save(path, array.astype('float32')) or names.astype(str)"
)


def message(function: Callable[..., object], *args: object, **options: object) -> str:
    """Return the message of the error that a call raises."""
    with pytest.raises(ReassessError) as caught:
        function(*args, **options)
    return str(caught.value)


@contextmanager
def warned(*texts: str) -> Iterator[None]:
    """Check that the block gives exactly these warnings."""
    with pytest.warns(ReassessWarning) as caught:
        yield
    assert [str(warning.message) for warning in caught] == list(texts)


def fault_of(function: Callable[..., object], *args: object, **options: object) -> tuple[str, str | None]:
    """Return the code of the error that a call raises, and its `found`."""
    with pytest.raises(ReassessError) as caught:
        function(*args, **options)
    error = caught.value
    return error.code, None if error.found is None else str(error.found)


def code_of(function: Callable[..., object], *args: object, **options: object) -> str:
    """Return the code of the error that a call raises."""
    with pytest.raises(ReassessError) as caught:
        function(*args, **options)
    return caught.value.code


def labels_of(sets: Mapping[str, Iterable[int]], classes: Classes | None = None) -> LabelSets:
    """Make label sets from the class ids of each image."""
    return LabelSets.from_lists(list(sets), [list(ids) for ids in sets.values()], classes)


def scores_of(values: Mapping[tuple[str, int], float]) -> Scores:
    """Make scores from the score of each (image, class) pair."""
    images, classes = [image for image, _ in values], np.array([class_id for _, class_id in values], np.int64)
    return Scores(Questions.from_columns(images, classes), np.array(list(values.values()), np.float64))


def votes_of(
    rows: Sequence[Sequence[int]],
    items: Items = ("x", "y", "z"),
    raters: Sequence[Hashable] = ("ann", "bo"),
    answers: Sequence[Hashable] = WORDS,
    **options: Any,
) -> Votes:
    """Make votes from rows of item, rater and answer numbers."""
    return Votes.from_columns(items, *np.array(rows, np.int64).reshape(-1, 3).T, raters, answers, **options)


def numbered_labels(sets: Sequence[Iterable[int]], classes: Classes | None = None) -> LabelSets:
    """Make label sets of the images 0.png, 1.png and so on."""
    return labels_of({f"{row}.png": ids for row, ids in enumerate(sets)}, classes)


def validation_name(number: int, suffix: str = ".JPEG") -> str:
    """Return the file name of a validation image of ImageNet."""
    return f"ILSVRC2012_val_{number:08d}{suffix}"


def read_posterior(path: Path) -> Posterior:
    """Read a posterior from a table with a row per item and answer."""
    table = {".csv": pl.read_csv, ".jsonl": pl.read_ndjson, ".parquet": pl.read_parquet}[path.suffix](path)
    items, truths = (tuple(table[name].unique(maintain_order=True)) for name in ("item", "answer"))
    return Posterior(items, truths, table["probability"].to_numpy().reshape(len(items), len(truths)))


def write_files(folder: Path, contents: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder, and return the folder."""
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def write_tar(path: Path, contents: Mapping[str, bytes], form: int = tarfile.GNU_FORMAT) -> Path:
    """Write an uncompressed tar archive with the members in order."""
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_csv(path: str | Path, headings: str, rows: Iterable[Iterable[object]]) -> Path:
    """Write a table; the headings are one text with commas."""
    with Path(path).open("w", newline="") as file:
        csv.writer(file).writerows([headings.split(","), *rows])
    return Path(path)


def save_npz(path: Path, **arrays: object) -> Path:
    """Write an npz archive, which may contain Python objects."""
    np.savez(path, allow_pickle=True, **arrays)
    return path


def bits_of_bfloat16(values: npt.ArrayLike) -> npt.NDArray[np.int16]:
    """Return the bits of exact bfloat16 values; numpy's own cast may lose denormals."""
    bits = np.asarray(values, np.float32).view(np.int32)
    assert not (bits & 0xFFFF).any() or np.isnan(np.asarray(values)).any(), "not exact in bfloat16"
    return (bits >> 16).astype(np.int16)


def no_package(name: str) -> None:
    """Replace `find_spec` to hide all packages."""


def no_network(*_: object, **__: object) -> None:
    """Replace a download that must not happen."""
    raise AssertionError("the network was used")


def picture(number: int, kind: str = "JPEG") -> bytes:
    """Return an image of 32 x 32 pixels; its colour encodes the number, so that swapped images are found."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (32, 32), (20 * number, 255 - 20 * number, 77)).save(file, kind)
    return file.getvalue()


def number_of(image: npt.ArrayLike) -> int:
    """Return the number in the colour of an image."""
    red, _, blue = np.asarray(image).reshape(-1, 3).mean(axis=0)
    assert blue == pytest.approx(77, abs=4)
    return round(red / 20)


@dataclass(frozen=True)
class Run:
    """The result of a command; `code` is its exit code, `error` the code of its error."""

    code: int
    out: str
    err: str
    error: str | None = field(default=None, compare=False)


Runner = Callable[..., Run]  # the type of the fixture that runs a command


def output_of(result: Run) -> str:
    """Return the output of a command that succeeds without warnings."""
    assert (result.code, result.err) == (0, "")
    return result.out


def message_of(result: Run, code: int = 1) -> str:
    """Return the error output of a command that fails with an exit code and prints nothing else."""
    assert (result.code, result.out) == (code, "")
    return result.err


def document_of(result: Run, command: str) -> Any:
    """Return the strict JSON document of a successful command, and check its schema."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    document = json.loads(output_of(result), parse_constant=refuse)
    assert (document["schema"], document["version"]) == (f"reassess/{command}", 1)
    return document


def results_of(run: Callable[..., Run], command: str, *argv: object) -> Any:
    """Run a command that succeeds, and return the results in its JSON document."""
    return document_of(run(command, *argv, "--json"), command)["results"]


def python(*argv: str | Path, code: int = 0, cwd: Path | None = None, **environment: str) -> Run:
    """Run Python in a new process, which must exit with a code."""
    command, variables = [sys.executable, *map(str, argv)], {**os.environ, **environment}
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=variables)
    assert result.returncode == code, result.stdout + result.stderr
    return Run(result.returncode, result.stdout, result.stderr)


def print_fitting(drawn: Callable[[int], str], *, err: bool = False) -> None:
    """Print what a command draws; in 80 and 100 columns nothing is lost, and only a long name reaches over the edge."""
    texts = {width: drawn(width) for width in (80, 100, 10_000)}
    whole = Counter(re.sub(r"[\s─]", "", texts[10_000]))
    for width in (80, 100):
        lines = [line for line in texts[width].splitlines() if cell_len(line) > width]
        assert [line for line in lines if max(map(len, line.split())) <= 32] == []
        assert not whole - Counter(texts[width])
    width = output_line_width() if "COLUMNS" in os.environ else 10_000
    click.echo(texts[width] if width in texts else drawn(width), err=err)


def in_one_line(text: str) -> str:
    """Join the lines of a text, and merge blanks."""
    return " ".join(text.split())


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    """Return all commands below a group, by the words to call them."""
    if not isinstance(command, click.Group):
        return {path: command}
    context = click.Context(command)
    commands: dict[tuple[str, ...], click.Command] = {}
    for name in command.list_commands(context):
        commands |= leaves(command.get_command(context, name), (*path, name))
    return commands


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the system's Chromium without a window; skip the test if it is not installed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]) as browser,
    ):
        yield browser


def read_public_crowd(folder: Path, max_items: int = 5_000) -> tuple[Votes, npt.NDArray[np.int64]]:
    """Read the votes of a public set on at most `max_items` random items, and the truth of each item, or -1."""
    votes = read_vote_file(folder / "label.csv")
    names = {str(answer): row for row, answer in enumerate(votes.answers)}
    truth = dict(pl.read_csv(folder / "truth.csv", infer_schema=False).rows())
    if len(votes.items) > max_items:
        votes = votes.select_items(np.random.default_rng(0).choice(len(votes.items), max_items, replace=False))
    return votes, np.array([names[truth[str(item)]] if str(item) in truth else -1 for item in votes.items])
