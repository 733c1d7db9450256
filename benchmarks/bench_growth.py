"""That reading takes time in proportion to the rows: 8 times the rows at most 12 times as long, also where it fails.

The garbage collector runs as seldom as in a command. JSON documents go beyond it: `json.loads` alone takes 18 times as
long for 200,000 rows as for 25,000, since what it makes lies no longer in the caches of the processor.
"""

import contextlib
import gc
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import reassess
from reassess import ReassessError

ROWS, TIMES, MOST = 25_000, 8, 12
ROUNDS = 3


def lines(heading: str, form: str) -> Callable[[int], Iterable[str]]:
    """A heading, if any, and a line for each number, in which it stands as i, and as c within 100 classes."""
    return lambda n: [*filter(None, [heading]), *(form.format(i=i, c=i % 100) for i in range(n))]


def one_line(before: str, form: str, between: str, after: str = "") -> Callable[[int], Iterable[str]]:
    """All numbers in one line."""
    return lambda n: [before + between.join(form.format(i=i) for i in range(n)) + after]


CASES: dict[str, tuple[str, Callable[[int], Iterable[str]], Callable[[Path], object]]] = {
    "labels, names": ("csv", lines("image,class", "{i}.png,cat {c}"), reassess.read_labels),
    "labels, as many names as images": ("csv", lines("image,class", "{i}.png,cat {i}"), reassess.read_labels),
    "labels, JSON lines": ("jsonl", lines("", '{{"image": "{i}.png", "class": {c}}}'), reassess.read_labels),
    "labels, JSON": ("json", one_line("{", '"{i}.png": [1, 2]', ", ", "}"), reassess.read_labels),
    "labels, each key twice": (
        "json",
        one_line("{", '"{i}.png": [1], "{i}.png": [2]', ", ", "}"),
        reassess.read_labels,
    ),
    "original labels": ("csv", lines("image,class", "{i}.png,cat {c}"), reassess.read_original),
    "an image again and again": ("csv", lines("image,class", "a.png,{i}"), reassess.read_original),
    "scores": ("csv", lines("image,class,score", "{i}.png,cat {c},0.5"), reassess.read_scores),
    "votes": ("csv", lines("image,class,rater,answer", "{i}.png,cat {c},r{c},yes"), reassess.read_votes),
    "votes, as many answers as items": ("csv", lines("item,rater,answer", "{i},r{c},a{i}"), reassess.read_votes),
    "votes, as many raters as items": ("csv", lines("image,class,rater,answer", "{i},c,r{i},no"), reassess.read_votes),
    "counts, as many classes as columns": (
        "csv",
        lambda n: [",".join(["image", *(f"c{i}" for i in range(n // 10))]), ",".join(["a.png", *["1"] * (n // 10)])],
        reassess.read_votes,
    ),
    "counts, as many columns as images": (
        "csv",
        lambda n: [
            ",".join(["image", "class", *(f"c{i}" for i in range(int(n**0.5)))]),
            *(",".join([f"{i}.png", "c0", *["1"] * int(n**0.5)]) for i in range(int(n**0.5))),
        ],
        reassess.read_votes,
    ),
    "predictions": ("csv", lines("image,prediction", "{i}.png,{c}"), reassess.read_predictions),
    "predictions by name": ("csv", lines("image,prediction", "{i}.png,cat {c}"), reassess.read_predictions),
    "predictions, a column a class": (
        "csv",
        lambda n: [",".join(["image", *(f"c{i}" for i in range(n // 10))]), ",".join(["a.png", *["0.5"] * (n // 10)])],
        reassess.read_predictions,
    ),
    "classes": ("txt", lines("", "cat {i}"), reassess.read_classes),
    "classes, all called alike": ("txt", lines("", "cat"), reassess.read_classes),
    "classes, alike but for capitals": ("txt", lines("", "cAt {i}\nCat {i}"), reassess.read_classes),
    "several labels an image": (
        "csv",
        lines(
            "id,correct_multi_labels,unclear_multi_labels,wrong_multi_labels,is_problematic", '{i}.png,"1,2",3,4,False'
        ),
        reassess.read_labels,
    ),
}


def seconds(read: Callable[[Path], object], path: Path) -> float:
    """The shortest of some times; a file that is refused takes time too."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with contextlib.suppress(ReassessError), warnings.catch_warnings(action="ignore"):
            read(path)
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.parametrize("name", CASES)
def test_eight_times_the_rows(row: Any, tmp_path: Path, name: str) -> None:
    suffix, content, read = CASES[name]
    taken = []
    gc.set_threshold(100_000)
    for n in (ROWS, TIMES * ROWS):
        path = tmp_path / f"{n}.{suffix}"
        path.write_text("\n".join(content(n)) + "\n")
        taken.append(seconds(read, path))
    row(f"{TIMES * ROWS:,} rows: {name}", taken[1], f"{ROWS:,} rows", taken[0], f"<= {MOST}")
