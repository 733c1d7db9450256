"""Count the modules that a file passes on its way to the printed line: python -m benchmarks.walks.

Each call of a function of the package is noted while a command runs on a small file (`sys.setprofile`), except while a
module is imported. A step leads from the module of one call to that of the next; a call leads from the caller's module
to the called one. Both are upward if they end in a room on a higher floor: a step also where a lower room has returned,
a call only where a lower room calls back.
"""

import os
import sys
import tomllib
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from reassess.cli import main

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
FILES = {
    "labels.csv": "image,class\na.png,cat\nb.png,dog\nc.png,cat\n",
    "model.csv": "image,prediction\na.png,cat\nb.png,cat\nc.png,dog\n",
    "votes.csv": "item,rater,answer\n"
    + "".join(
        f"i{item},r{rater},{'yes' if (item + rater) % 3 else 'no'}\n" for item in range(10) for rater in range(5)
    ),
}
WALKS = {
    "predictions": ("evaluate", "model.csv", "--labels", "labels.csv", "--original", "none"),
    "votes": ("aggregate", "votes.csv", "--method", "em", "-o", "scores.csv"),
}


def floors() -> dict[str, int]:
    """The floor of each room, from the contract of import-linter in pyproject.toml; 0 is the lowest."""
    contracts = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return {room.strip(): floor for floor, rooms in enumerate(reversed(layers)) for room in rooms.split("|")}


def modules_called(argv: Sequence[str]) -> list[tuple[str, str]]:
    """The module of each call of a function of the package while a command runs, and that of its caller."""
    called: list[tuple[str, str]] = []
    importing = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal importing
        if frame.f_code.co_name == "<module>":
            importing += (event == "call") - (event == "return")
        elif event == "call" and not importing and (module := _module(frame)):
            caller = frame.f_back
            while caller is not None and not _module(caller):
                caller = caller.f_back
            called.append((module, module if caller is None else _module(caller)))

    with redirect_stdout(StringIO()):
        sys.setprofile(note)
        code = main(argv)
        sys.setprofile(None)
    assert code == 0, argv
    return called


def _module(frame: FrameType) -> str:
    """The module of a frame without the package's name; empty outside the package."""
    package, _, module = frame.f_globals.get("__name__", "").partition(".")
    return module if package == "reassess" else ""


def print_walks() -> None:
    """Print the modules and steps of each walk."""
    floor = floors()
    for name, argv in WALKS.items():
        calls = modules_called(argv)
        called = [module for module, _ in calls]
        steps = {step for step in pairwise(called) if step[0] != step[1]}
        upward, back = (
            sum(floor[b.split(".")[0]] > floor[a.split(".")[0]] for a, b in pairs)
            for pairs in (steps, {(caller, module) for module, caller in calls})
        )
        print(f"{name}: {len(set(called))} modules; {len(steps)} steps, {upward} upward; {back} upward calls")
        if "-v" in sys.argv:
            print(" ", ", ".join(dict.fromkeys(called)))


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, text in FILES.items():
            Path(name).write_text(text, encoding="utf-8")
        print_walks()
