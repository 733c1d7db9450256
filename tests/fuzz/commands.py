"""Every command as a target, with a benchmark folder, two models, and random options."""

import io
import json
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import click
from hypothesis import strategies as st

from reassess.cli import main, root_command
from tests.faults.inputs import INPUTS
from tests.fuzz.cases import Case, Target
from tests.fuzz.contents import contents, folders
from tests.fuzz.seeds import archives
from tests.fuzz.tables import Draw
from tests.fuzz.values import texts
from tests.helpers import leaves, picture

# The arguments of each command, and its share of all cases: charts and pages are slow.
_CALLS: Mapping[str, tuple[str, int]] = {
    "aggregate": ("-o out.csv --benchmark b", 4),
    "annotate backup": ("c.db -o out.db", 1),
    "annotate demo": ("", 1),
    "annotate serve": ("c.db --address 127.0.0.1:0", 1),
    "annotate simulate": ("c.db --raters 1", 1),
    "annotate create": ("out.db tasks.jsonl --benchmark b", 4),
    "annotate export": ("c.db -o out", 2),
    "annotate invite": ("c.db ann", 1),
    "annotate exclude": ("c.db bob", 1),
    "status": ("c.db", 1),
    "clean": ("heldout.csv --benchmark b -o out.txt", 4),
    "compare": ("one.csv two.csv --benchmark b", 2),
    "curve": ("--benchmark b", 4),
    "fetch": ("imagenet-real", 1),
    "evaluate": ("one.csv two.csv --benchmark b", 4),
    "folds": ("--benchmark b --k 2 -o out.csv", 4),
    "labels": ("--benchmark b -o out.csv", 4),
    "leaderboard": ("board.csv", 4),
    "predict": ("python:tests.fuzz.brightness:scores --benchmark b --workers 0 -o out.npy", 2),
    "propose": ("one.csv two.csv --benchmark b -o out.csv", 4),
    "rate": ("tasks.jsonl --benchmark b --images pictures --model m --endpoint http://127.0.0.1:9/v1 -o out.csv", 1),
    "raters": ("--benchmark b", 2),
    "release": ("b -o out", 2),
    "report": ("one.csv two.csv --benchmark b -o out.html", 1),
    "scan": ("pictures images.zip images.tar --workers 0 -o out.csv", 2),
    "sample": ("one.csv two.csv --benchmark b --for accuracy --size 6 -o out.jsonl", 4),
    "show": ("a.png one.csv --benchmark b", 4),
    "tasks": ("candidates.csv --benchmark b -o out.jsonl", 4),
}
_WORDS = (
    *("0", "1", "2", "-1", "0.5", "0,0.5,1", "nan", "inf", "1e308", "1e-320", "100000000000000000000", "", "none", "é"),
    *("a.png", "one.csv", "duplicates.csv", "duplicates.csv:b", "one.csv=b/classes.csv", "b/labels.csv", "b/votes.csv"),
    *("b/classes.csv", "b", "c.db", "out.csv", "out.parquet", "out.json", "out.npy", "out.png", "image", "(", "f1"),
    *("precision=0.9", "recall=nan", "threshold=0.5", "original=80,real=85", "70-80,75-90", "no,yes", "0.1,0.9"),
    *("labelling-bias", "scatter", "imagenet", "imagenet-real"),
)


@st.composite
def _cases(draw: Draw, name: str, command: click.Command) -> Case:
    files = draw(folders())
    if name == "leaderboard":
        suffix, content = draw(contents("leaderboard"))
        files |= {f"board{suffix}": content}
    if name == "tasks":
        for data_type in ("candidates", "hierarchy"):
            suffix, content = draw(contents(data_type))
            files |= {f"{'b/' if data_type == 'hierarchy' else ''}{data_type}{suffix}": content}
    if name == "clean":
        for file, data_type in (("heldout", "predictions"), ("b/folds", "folds")):
            suffix, content = draw(contents(data_type))
            files |= {f"{file}{suffix}": content}
    if name in ("evaluate", "folds"):
        suffix, content = draw(contents("duplicates"))
        files |= {f"duplicates{suffix}": content}
    if name in ("annotate create", "rate"):
        suffix, content = draw(contents("tasks"))
        files |= {f"tasks{suffix}": content}
    elif name == "status" or name.startswith("annotate"):
        files |= {"c.db": INPUTS["c.db"]}
    if name in ("rate", "scan"):
        files |= {**archives(), "pictures/a.jpg": picture(1), "pictures/b.png": picture(2, "PNG")}
    words = [*_CALLS[name][0].split(), *draw(_options(command))]
    argv = [*name.split(), *(_with_actual_suffix(word, files) for word in words)]
    is_absolute = draw(st.integers(0, 7)) == 0

    def run() -> None:  # in the folder of the case
        _run([str(Path(word).absolute()) if is_absolute and _is_file(word, files) else word for word in argv])

    return Case(files, run, f"reassess {' '.join(argv)}" + "; absolute paths" * is_absolute)


def _is_file(word: str, files: Mapping[str, bytes]) -> bool:
    """Return whether a word names a file, a folder or an output of the case."""
    return word in files or any(path.startswith(f"{word}/") for path in files) or word.startswith("out.")


def _with_actual_suffix(word: str, files: Mapping[str, bytes]) -> str:
    """Replace .csv by the suffix that was drawn for a file."""
    stem = word.removesuffix(".csv")
    return word if stem == word else next((path for path in files if path.rpartition(".")[0] == stem), word)


@st.composite
def _options(draw: Draw, command: click.Command) -> list[str]:
    """Draw up to two options of a command, each with a plausible word."""
    options = [param for param in command.params if isinstance(param, click.Option)]
    words: list[str] = []
    for option in draw(st.lists(st.sampled_from(options), max_size=2)):
        words.append(draw(st.sampled_from(option.opts)))
        if not option.is_flag:
            choices = option.type.choices if isinstance(option.type, click.Choice) else ()
            words.append(draw(st.sampled_from((*map(str, choices), *_WORDS)) | texts))
    if draw(st.integers(0, 15)) == 0:
        words.append(draw(st.sampled_from(_WORDS)))
    return words


def _run(argv: list[str]) -> None:
    """Run a command, which must exit with a known code and error, and print valid UTF-8 and JSON."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err), _no_server():
        code = main(argv)
    for stream in (out, err):
        stream.flush()
    printed, errors = (stream.buffer.getvalue().decode() for stream in (out, err))
    assert code in (0, 1, 2), f"exit code {code}"
    assert code == 0 or "Error: " in errors or argv[0] == "status", f"exit code {code} and no error: {errors}"
    assert "Traceback" not in errors, errors
    if code == 0 and "--json" in argv and "--help" not in argv:
        json.loads(printed, parse_constant=_refuse_constant)


@contextmanager
def _no_server() -> Iterator[None]:
    """Make a server stop at once, and open no browser."""
    with patch.object(webbrowser, "open"):
        try:
            import uvicorn
        except ImportError:
            yield
            return
        with patch.object(uvicorn.Server, "run"):
            yield


def _refuse_constant(constant: str) -> None:
    raise AssertionError(f"{constant} in the document")


COMMANDS: Mapping[str, Target] = {
    " ".join(words): Target(_cases(" ".join(words), command), _CALLS[" ".join(words)][1])
    for words, command in leaves(root_command).items()
}
