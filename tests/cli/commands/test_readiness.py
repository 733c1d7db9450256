"""What `reassess data check` calls ready runs, and what it does not call so fails, whatever is wrong with the parts."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from reassess.cli.commands.readiness import COMMANDS
from tests.helpers import Run, write_csv

NAMES = ("cat", "dog", "eel")
IMAGES = [f"i{row}.png" for row in range(12)]
TRUTH = [row % 3 for row in range(12)]
VOTES = "image,class,rater,answer"
# Each command as it is called on the folder pets.
CALLS: Mapping[str, list[str]] = {
    "evaluate": ["evaluate", "p.csv"],
    "compare": ["compare", "p.csv", "q.csv", "--replicates", "40"],
    "report": ["report", "p.csv", "-o", "r.html", "--force"],
    "aggregate": ["aggregate", "-o", "x.csv", "--force"],
    "raters": ["raters"],
    "labels": ["labels", "--threshold", "0.5", "-o", "l.csv", "--force"],
    "curve": ["curve"],
    "predict": ["predict", "python:tests.fuzz.brightness:scores", "--workers", "0", "-o", "x.npy", "--force"],
    "propose": ["propose", "p.csv", "-o", "proposals.csv", "--force"],
    "questions": ["questions", "p.csv", "-o", "q.jsonl", "--force"],
    "show": ["show", "i3.png"],
}


@pytest.fixture
def pets(folder: Path) -> Path:
    """A benchmark with every part that commands need, and two models."""
    rng = np.random.default_rng(0)
    Path("pets").mkdir()
    Path("pets/classes.txt").write_text("".join(f"{name}\n" for name in NAMES))
    named = [(image, NAMES[truth]) for image, truth in zip(IMAGES, TRUTH, strict=True)]
    write_csv("pets/labels.csv", "image,class", named)
    write_csv("pets/original.csv", "image,class", named)
    scores = [
        (image, name, 0.9 if name == NAMES[truth] else 0.2)
        for image, truth in zip(IMAGES, TRUTH, strict=True)
        for name in NAMES
    ]
    write_csv("pets/scores.csv", "image,class,score", scores)
    write_csv("pets/votes.csv", VOTES, votes(IMAGES, "abc", 0.9, rng))
    write_csv("pets/golden.csv", VOTES, votes(IMAGES[:6], "xyz", 1.0, rng))
    write_csv("p.csv", "image,prediction", named)
    write_csv("q.csv", "image,prediction", [*named[:9], *((image, "cat") for image in IMAGES[9:])])
    return Path("pets")


def votes(images: list[str], raters: str, right: float, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Answers to the question of each class of each image."""
    return [
        (image, name, rater, "yes" if (name == NAMES[int(image[1:-4]) % 3]) == (rng.random() < right) else "no")
        for image in images
        for name in NAMES
        for rater in raters
    ]


def chosen(images: list[str], raters: str) -> list[tuple[str, ...]]:
    """The class that each rater chose for each image."""
    return [(image, rater, NAMES[int(image[1:-4]) % 3]) for image in images for rater in raters]


def rewrite(part: str, headings: str, *rows: tuple[object, ...]) -> None:
    write_csv(f"pets/{part}.csv", headings, rows)


def settings(text: str) -> None:
    Path("pets/benchmark.json").write_text(text)


def without(*files: str) -> None:
    for file in files:
        Path("pets", file).unlink()


def by_id(part: str) -> None:
    """Classes by number in one file, where no list says which is which."""
    without("classes.txt")
    text = Path(f"pets/{part}.csv").read_text()
    for class_id, name in enumerate(NAMES):
        text = text.replace(f",{name}", f",{class_id}")
    Path(f"pets/{part}.csv").write_text(text)


def one_class(*parts: str) -> None:
    """Raters, and perhaps experts, who choose one class of all."""
    for part, images, raters in (("votes", IMAGES, "abc"), ("golden", IMAGES[:6], "xyz")):
        if part in parts:
            rewrite(part, "image,rater,answer", *chosen(images, raters))


def counts() -> None:
    rewrite("votes", "image,class,count", *((image, name, 5) for image, _, name in chosen(IMAGES, "a")))


PARTS = ("labels", "original", "scores", "votes", "golden")
VARIANTS: Mapping[str, Sequence[tuple[object, ...]]] = {
    "all is well": [],
    **{f"{part} of no form": [(rewrite, part, "image,klass", ("x", "y"))] for part in PARTS},
    "a group of no class": [(rewrite, "groups", "class,group", ("fox", "x"))],
    "a collapsed class that is none": [(rewrite, "collapsed", "class,also", ("fox", "cat"))],
    "rater-golden of no class": [(rewrite, "rater-golden", VOTES, ("i0.png", "fox", "r", "yes"))],
    "an archive that is none": [(rewrite, "images", "x"), (os.rename, "pets/images.csv", "pets/images.zip")],
    "no list": [(without, "classes.txt")],
    **{f"{part} by id, and no list": [(by_id, part)] for part in ("votes", "golden", "scores")},
    "one class an image, and golden questions": [(one_class, "votes")],
    "one class an image": [(one_class, "votes", "golden")],
    "counts": [(counts,)],
    "counts without golden answers": [(counts,), (without, "golden.csv")],
    "golden answers that are no alone": [(rewrite, "golden", VOTES, ("i0.png", "cat", "x", "no"))],
    "votes on plain items": [(rewrite, "votes", "item,rater,answer", ("a", "x", 1))],
    "two original labels": [(rewrite, "original", "image,class", ("i0.png", "cat"), ("i0.png", "dog"))],
    "labels of other images": [(rewrite, "labels", "image,class", ("z.png", "cat"))],
    "golden answers on other images": [(rewrite, "golden", VOTES, ("z.png", "cat", "x", "yes"))],
    "one name of two images": [
        (settings, '{"match": "name"}'),
        (rewrite, "labels", "image,class", ("a/i0.png", "cat"), ("b/i0.png", "dog")),
    ],
    "no scores": [(without, "scores.csv")],
    "votes and no scores or labels": [(without, "scores.csv", "labels.csv")],
    "no scores, votes or labels": [(without, "scores.csv", "votes.csv", "labels.csv")],
    "a method without its golden answers": [(settings, '{"method": "calibrated"}'), (without, "golden.csv")],
    "a mean of unknown answers": [
        (settings, '{"method": "mean"}'),
        (rewrite, "votes", VOTES, ("i0.png", "cat", "a", "good")),
    ],
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_ready_runs_and_what_is_not_fails(
    variant: str, pets: Path, run: Callable[..., Run], report_extra: None
) -> None:
    for change, *given in VARIANTS[variant]:
        cast("Callable[..., object]", change)(*given)
    done = run("data", "check", "--benchmark", "pets", "--json")
    commands = json.loads(done.out)["results"]["commands"]
    assert [one["command"] for one in commands] == list(CALLS) == list(COMMANDS)
    fails = {name: run(*argv, "--benchmark", "pets", "--quiet").code != 0 for name, argv in CALLS.items()}
    assert {one["command"]: not one["ready"] for one in commands} == fails
    assert done.code == (
        1 if any(not one["ready"] and not one["lacks"] for one in commands) or "Error" in done.err else 0
    )
    for one in commands:
        assert (one["error"] is None) == (one["ready"] or bool(one["lacks"]))
        assert one["error"] is None or f"Error: {one['error']}\n" in done.err


def test_the_table_says_why_a_command_fails_and_the_error_is_shown_once(pets: Path, run: Callable[..., Run]) -> None:
    rewrite("golden", VOTES, ("z.png", "cat", "x", "yes"))
    done = run("data", "check", "--benchmark", "pets")
    assert done.code == 1
    states = dict(
        line.split(maxsplit=1)
        for line in map(str.rstrip, done.out.splitlines())
        if line.split()[:1] and line.split()[0] in CALLS
    )
    apart = "fails, see below: two files have no image in common"
    assert states == dict.fromkeys(CALLS, apart) | {"labels": "ready", "predict": "images not here", "propose": "ready"}
    assert done.err.count("two files have no image in common") == 3
    assert (
        "Error: two files have no image in common\n"
        "  where:   pets/labels.csv (labels) and pets/golden.csv (golden)\n"
        "  found:   i0.png, i1.png and 10 more; and z.png\n"
        "  fix:     check that both files are of the same images, or leave one of them out\n"
    ) in done.err


def test_what_is_wrong_with_a_part_is_said_once_whatever_a_command_would_call_it(
    pets: Path, run: Callable[..., Run]
) -> None:
    """Of an answer with a typo, commands that read no votes do not know the scale."""
    rewrite("golden", VOTES, ("i0.png", "cat", "x", "yes"), ("i0.png", "dog", "x", "noo"))
    done = run("data", "check", "--benchmark", "pets")
    assert done.code == 1
    assert done.err.count("Error: ") == done.err.count("pets/golden.csv, line 3") == 1
    assert done.err.startswith("Error: unknown answer\n")
    states = [" ".join(line.split()) for line in done.out.splitlines() if "fails, see below" in line]
    assert {state.split(maxsplit=1)[1] for state in states} == {"fails, see below: unknown answer"}
    assert "evaluate" in {state.split()[0] for state in states}
