"""Commands that read several files: paths can be spelled differently, and a file cannot be repeated."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import Runner, message_of, write_csv, write_files

pytestmark = pytest.mark.usefixtures("report_extra")

COUNT = 24
NAMES = ("cat", "dog", "fox")
# The file name that a command reads, and its other arguments.
COMMANDS: dict[str, tuple[str, list[str], list[str]]] = {
    "evaluate": ("m.npz", ["evaluate"], ["--benchmark", "pets"]),
    "compare": ("m.npz", ["compare"], ["--benchmark", "pets", "--details", "out.csv"]),
    "report --chart": ("m.npz", ["report"], ["--benchmark", "pets", "--chart", "taxonomy", "-o", "out.svg"]),
    "propose --unasked": ("m.npz", ["propose"], ["--benchmark", "pets", "--unasked", "-o", "out.csv"]),
    "propose": ("m.npz", ["propose"], ["--benchmark", "pets", "-o", "out.csv"]),
    "clean": ("m.npz", ["clean"], ["--benchmark", "pets", "-o", "out.txt"]),
    "show": ("m.npz", ["show", "00.png"], ["--benchmark", "pets"]),
    "labels": ("l.json", ["labels"], ["--benchmark", "pets"]),
    "curve": ("s.csv", ["curve"], ["--benchmark", "pets", "-o", "out.csv"]),
    "leaderboard": ("t.csv", ["leaderboard"], []),
}


@pytest.fixture
def here(folder: Path) -> Path:
    """A benchmark, and two folders with a model, label sets, scores and a leaderboard."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, COUNT)
    images = [f"{row:02}.png" for row in range(COUNT)]
    original = np.where(rng.random(COUNT) < 0.2, (truth + 1) % 3, truth)
    write_files(
        folder, {"pets/classes.txt": "cat\ndog\nfox\n", "pets/scores.csv": "image,class,score\n00.png,cat,0.9\n"}
    )
    write_csv("pets/original.csv", "image,class", zip(images, (NAMES[c] for c in original), strict=True))
    pairs = [(row, c) for row in range(COUNT) for c in range(3)]
    answers = [(images[row], NAMES[c], "x", "yes" if truth[row] == c else "no") for row, c in pairs]
    write_csv("pets/golden.csv", "image,class,rater,answer", answers)
    Path("pets/labels.json").write_text(json.dumps({i: [NAMES[c]] for i, c in zip(images, truth, strict=True)}))
    for number, name in enumerate(("one", "two words")):
        Path(name).mkdir()
        scores = rng.normal(size=(COUNT, 3)) + (1 + number) * np.eye(3)[truth]
        np.savez(f"{name}/m.npz", scores=scores.astype(np.float32), names=images)
        label_sets = {i: [NAMES[c]] if rng.random() < 0.8 else [] for i, c in zip(images, truth, strict=True)}
        Path(f"{name}/l.json").write_text(json.dumps(label_sets))
        rows = [(images[row], NAMES[c], round(rng.random(), 3)) for row, c in pairs]
        write_csv(f"{name}/s.csv", "image,class,score", rows)
        rows = [(f"{'ab'[number]}{i}", 70 + i + number / 2, round(78 + 0.7 * i + rng.random(), 2)) for i in range(15)]
        write_csv(f"{name}/t.csv", "model,original,real", rows)
    Path("link").symlink_to("one")
    return folder


SPELLINGS: dict[str, Callable[[str, str], list[str]]] = {
    "absolute": lambda here, file: [f"{here}/one/{file}", f"{here}/two words/{file}"],
    "absolute, one name": lambda here, file: [f"{here}/one/{file}", f"{here}/one/again-{file}"],
    "absolute with two slashes": lambda here, file: [f"/{here}/one/{file}", f"{here}/two words/{file}"],
    "absolute with ..": lambda here, file: [f"{here}/two words/../one/{file}", f"{here}/two words/{file}"],
    "with dots": lambda _, file: [f"./one/../one/{file}", f"one/../two words/{file}"],
    "through a link": lambda _, file: [f"link/{file}", f"two words/{file}"],
    "one absolute": lambda here, file: [f"{here}/one/{file}", f"two words/{file}"],
}


@pytest.mark.parametrize(
    ("command", "spelling"),
    [*(("evaluate", spelling) for spelling in SPELLINGS), *((command, "one absolute") for command in COMMANDS)],
)
def test_spelling_of_paths_does_not_change_results(here: Path, run: Runner, command: str, spelling: str) -> None:
    file, before, after = COMMANDS[command]
    Path(f"one/again-{file}").write_bytes(Path(f"two words/{file}").read_bytes())
    plain = run(*before, f"one/{file}", f"two words/{file}", *after, *_force(after))
    result = run(*before, *SPELLINGS[spelling](str(here), file), *after, *_force(after))
    assert (result.code, result.err) == (plain.code, plain.err) == (0, plain.err)
    assert numbers(result.out) == numbers(plain.out)


def _force(arguments: list[str]) -> list[str]:
    return ["--force"] if {"-o", "--details"} & set(arguments) else []


def numbers(text: str) -> list[str]:
    """Return the sorted numbers of an output, except numbers in hashes, paths and names."""
    return sorted(re.findall(r"(?<![\w/.-])\d[\d.,]*(?![\w/])", text))


@pytest.mark.parametrize(
    ("command", "again"),
    [
        *(("evaluate", again) for again in ("one/{}", "./one/{}", "two words/../one/{}", "{here}/one/{}")),
        *((command, "link/{}") for command in COMMANDS),
    ],
)
def test_repeated_file_is_a_usage_error(here: Path, run: Runner, command: str, again: str) -> None:
    file, before, after = COMMANDS[command]
    second = again.format(file, here=here)
    error = message_of(run(*before, f"one/{file}", second, *after), 2)
    words = f"one/{file} is given twice" if str(Path(second)) == f"one/{file}" else "are the same file"
    assert words in error, error
    assert not Path("out.csv").exists()


def test_models_have_unique_names(here: Path, run: Runner) -> None:
    """The name of m.npz.npz without its suffix is the name of another file."""
    model = Path("one/m.npz").read_bytes()
    for name in ("m.npz", "m.npz.npz"):
        Path(name).write_bytes(model)
    np.save("m.npy", np.load("one/m.npz")["scores"])
    Path("m.txt").write_text("\n".join(np.load("one/m.npz")["names"]) + "\n")
    result = run("propose", "m.npz", "m.npy", "m.npz.npz", "--benchmark", "pets", "-o", "out.csv", "--json")
    assert result.code == 0, result.err
    assert [one["name"] for one in json.loads(result.out)["results"]["models"]] == ["m.npy", "m.npz", "m.npz.npz"]
