"""Growth of reading times: 8 times the rows may take at most 12 times as long, also in files with errors.

The garbage collector runs as rarely as in a command. JSON documents exceed the limit: `json.loads` itself takes 18
times as long for 200,000 rows as for 25,000, since its objects no longer fit into the processor's caches.
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

ROWS, FACTOR, LIMIT = 25_000, 8, 12
ROUNDS = 3


def lines(heading: str, form: str) -> Callable[[int], Iterable[str]]:
    """Return a function that writes n lines: `form` with the line's number as i, and one of 100 classes as c."""
    return lambda n: [*filter(None, [heading]), *(form.format(i=i, c=i % 100) for i in range(n))]


def one_line(before: str, form: str, between: str, after: str = "") -> Callable[[int], Iterable[str]]:
    """Return a function that writes one line: `form` for each number i below n, joined."""
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
    "original labels": ("csv", lines("image,class", "{i}.png,cat {c}"), reassess.read_original_labels),
    "original labels, the same image in all rows": (
        "csv",
        lines("image,class", "a.png,{i}"),
        reassess.read_original_labels,
    ),
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
    "predictions, a column per class": (
        "csv",
        lambda n: [",".join(["image", *(f"c{i}" for i in range(n // 10))]), ",".join(["a.png", *["0.5"] * (n // 10)])],
        reassess.read_predictions,
    ),
    "classes": ("txt", lines("", "cat {i}"), reassess.read_classes),
    "classes, all names equal": ("txt", lines("", "cat"), reassess.read_classes),
    "classes, names equal except for case": ("txt", lines("", "cAt {i}\nCat {i}"), reassess.read_classes),
    "several labels per image": (
        "csv",
        lines(
            "id,correct_multi_labels,unclear_multi_labels,wrong_multi_labels,is_problematic", '{i}.png,"1,2",3,4,False'
        ),
        reassess.read_labels,
    ),
}


def time_reading(read: Callable[[Path], object], path: Path) -> float:
    """Return the shortest of several times; errors are ignored."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with contextlib.suppress(ReassessError), warnings.catch_warnings(action="ignore"):
            read(path)
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.parametrize("name", CASES)
def test_reading_time_grows_in_proportion_to_rows(row: Any, tmp_path: Path, name: str) -> None:
    suffix, content, read = CASES[name]
    seconds = []
    gc.set_threshold(100_000)
    for n in (ROWS, FACTOR * ROWS):
        path = tmp_path / f"{n}.{suffix}"
        path.write_text("\n".join(content(n)) + "\n")
        seconds.append(time_reading(read, path))
    row(f"{FACTOR * ROWS:,} rows: {name}", seconds[1], f"{ROWS:,} rows", seconds[0], f"<= {LIMIT}")
