"""Count the modules that a command uses from its input file to its output: python -m benchmarks.walks.

Records each call of a function of the package while a command runs on a small file (`sys.setprofile`), except during
imports. A step goes from the module of one call to the module of the next call. A step or a call is upward if it goes
to a room on a higher floor: a step also after a lower room returns, a call only if a lower room calls back.
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
    """Read the floor of each room from import-linter's contract in pyproject.toml; 0 is the lowest."""
    contracts = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return {room.strip(): floor for floor, rooms in enumerate(reversed(layers)) for room in rooms.split("|")}


def record_calls(argv: Sequence[str]) -> list[tuple[str, str]]:
    """Run a command; return the module of each function called, and the module of its caller."""
    calls: list[tuple[str, str]] = []
    import_depth = 0

    def record(frame: FrameType, event: str, _: object) -> None:
        nonlocal import_depth
        if frame.f_code.co_name == "<module>":
            import_depth += (event == "call") - (event == "return")
        elif event == "call" and not import_depth and (module := _module(frame)):
            caller = frame.f_back
            while caller is not None and not _module(caller):
                caller = caller.f_back
            calls.append((module, module if caller is None else _module(caller)))

    with redirect_stdout(StringIO()):
        sys.setprofile(record)
        code = main(argv)
        sys.setprofile(None)
    assert code == 0, argv
    return calls


def _module(frame: FrameType) -> str:
    """Return the module of a frame without the package's name; empty outside the package."""
    package, _, module = frame.f_globals.get("__name__", "").partition(".")
    return module if package == "reassess" else ""


def print_walks() -> None:
    """Print the number of modules, steps and upward calls of each command."""
    floor = floors()
    for name, argv in WALKS.items():
        calls = record_calls(argv)
        modules = [module for module, _ in calls]
        steps = {step for step in pairwise(modules) if step[0] != step[1]}
        upward_steps, upward_calls = (
            sum(floor[b.split(".")[0]] > floor[a.split(".")[0]] for a, b in pairs)
            for pairs in (steps, {(caller, module) for module, caller in calls})
        )
        counts = f"{len(set(modules))} modules; {len(steps)} steps, {upward_steps} upward; {upward_calls} upward calls"
        print(f"{name}: {counts}")
        if "-v" in sys.argv:
            print(" ", ", ".join(dict.fromkeys(modules)))


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, text in FILES.items():
            Path(name).write_text(text, encoding="utf-8")
        print_walks()
