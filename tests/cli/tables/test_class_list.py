"""`reassess evaluate` on models whose ids are those of another class list: what it says, writes, and leaves alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import Run, document_of

Evaluate = Callable[..., Run]

TRUTH = np.arange(240) % 12
ROLLED = np.roll(np.arange(12), -1)  # the class of each id: the next one, and of the last the first
NAMES = [f"n{i:08d}" for i in range(12)]
RIGHT = "100.00 % (96.90 to 100.00; 120 of 120)"
WRONG = "0.00 % (0.00 to 3.10; 0 of 120)"
BY_IT = f"  right by it:    {RIGHT} of the images that did not choose it, p = 2e-36\n"
AS_GIVEN = f"  right as given: {WRONG}\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_known_data: None) -> Path:
    """A benchmark of 240 images and 12 classes by id, an honest model, and one of which each id stands for the next."""
    monkeypatch.chdir(tmp_path)
    Path("labels.json").write_text(json.dumps({f"{i}.png": [int(c)] for i, c in enumerate(TRUTH)}))
    Path("named.json").write_text(json.dumps({f"{i}.png": [NAMES[c]] for i, c in enumerate(TRUTH)}))
    np.save("honest.npy", TRUTH)
    np.save("rolled.npy", (TRUTH - 1) % 12)
    return tmp_path


def accuracy(done: Run) -> float:
    return document_of(done, "evaluate")["results"][0]["real"]["1"]["accuracy"]


def test_a_warning_says_how_sure_it_is_and_how_to_mend_it(shop: Path, run: Evaluate) -> None:
    done = run("evaluate", "rolled.npy", "honest.npy", "--labels", "labels.json")
    assert done.code == 0
    assert done.err == (
        "Warning: rolled.npy: the ids are those of another class list\n" + BY_IT + AS_GIVEN + "  to mend:        "
        "add --write-classes classes.txt, then pass --classes classes.txt in its place\n"
    )
    assert [line.split()[:2] for line in done.out.splitlines()[2:4]] == [
        ["honest.npy", "100.00"],
        ["rolled.npy", "0.00"],
    ]


def test_the_list_is_written_and_mends(shop: Path, run: Evaluate) -> None:
    argv = ["evaluate", "rolled.npy", "--labels", "labels.json"]
    done = run(*argv, "--write-classes", "classes.txt", "--quiet")
    assert (done.code, done.err) == (
        0,
        "Warning: rolled.npy: the ids are those of another class list\n" + BY_IT + AS_GIVEN + "  to mend:        "
        "pass --classes classes.txt, which holds the class of each output\n",
    )
    assert Path("classes.txt").read_text().split() == [str(c) for c in ROLLED]
    assert accuracy(run(*argv, "--classes", "classes.txt", "--json")) == 1


def test_a_list_that_was_given_is_mended_too(shop: Path, run: Evaluate) -> None:
    """Labels that name their classes, and a list of the outputs that is wrong, with an output of no class."""
    Path("wrong.txt").write_text("\n".join([*NAMES, "spoon"]))
    argv = ["evaluate", "rolled.npy", "--labels", "named.json"]
    run(*argv, "--classes", "wrong.txt", "--write-classes", "right.txt")
    assert Path("right.txt").read_text().split() == [*(NAMES[c] for c in ROLLED), "-"]
    assert accuracy(run(*argv, "--classes", "right.txt", "--json")) == 1
    before = Path("wrong.txt").read_text()
    done = run(*argv, "--classes", "wrong.txt", "--write-classes", "wrong.txt", "--force")
    assert done.err == (
        "Error: the output file is one of the inputs\n  where:   wrong.txt\n  to mend: choose another name\n"
    )
    assert Path("wrong.txt").read_text() == before


def test_a_table_of_ids_is_mended_by_the_list_and_one_of_names_is_not(shop: Path, run: Evaluate) -> None:
    for path, names in (("ids.csv", [str(i) for i in range(12)]), ("names.csv", NAMES)):
        rows = "".join(f"{i}.png,{names[(c - 1) % 12]}\n" for i, c in enumerate(TRUTH))
        Path(path).write_text(f"image,prediction\n{rows}")
    argv = ["evaluate", "ids.csv", "--labels", "labels.json"]
    run(*argv, "--write-classes", "classes.txt")
    assert accuracy(run(*argv, "--classes", "classes.txt", "--json")) == 1
    done = run("evaluate", "names.csv", "--labels", "named.json", "--write-classes", "no.txt", "--quiet")
    assert done.err == (
        "Warning: names.csv: the ids are those of another class list\n" + BY_IT + AS_GIVEN + "  to mend:        "
        "the file says itself, and wrongly, which output is which class: correct it by class_of in --json\n"
    )
    assert not Path("no.txt").exists()


def test_the_document_holds_the_finding_or_null(shop: Path, run: Evaluate) -> None:
    done = run("evaluate", "honest.npy", "rolled.npy", "--labels", "labels.json", "--json")
    honest, rolled = json.loads(done.out)["results"]
    assert (honest["class_list"], rolled["file"]) == (None, "rolled.npy")
    bound = 1.959963984540054**2 / (120 + 1.959963984540054**2)
    part: dict[str, Any] = rolled["class_list"]
    assert part == {
        "order": None,
        "before": {"hits": 0, "n": 120, "accuracy": 0, "low": 0, "high": pytest.approx(bound)},
        "after": {"hits": 120, "n": 120, "accuracy": 1, "low": pytest.approx(1 - bound), "high": 1},
        "p_value": pytest.approx(2 * 0.5**120),
        "moved": 12,
        "class_of": ROLLED.tolist(),
        "undecided": [],
    }


def test_undecided_classes_and_a_known_order_are_named(shop: Path, run: Evaluate) -> None:
    """Images of two classes are taken for either, half and half; 12 folders sorted as text are a known order."""
    said = (TRUTH - 1) % 12
    said[TRUTH == 3], said[TRUTH == 4] = np.arange(20) % 2 + 2, np.arange(20) % 2 + 2
    np.save("unclear.npy", said)
    done = run("evaluate", "unclear.npy", "--labels", "named.json", "--classes", "names.txt")
    assert done.code == 1  # there is no such list
    Path("names.txt").write_text("\n".join(NAMES))
    done = run("evaluate", "unclear.npy", "--labels", "named.json", "--classes", "names.txt", "--quiet")
    (line,) = (line for line in done.err.splitlines() if "undecided" in line)
    assert line.startswith("  undecided:      2 classes: ")
    assert {name.strip() for name in line.split(":")[2].split(",")} == {NAMES[3], NAMES[4]}
    np.save("text.npy", np.argsort(sorted(range(12), key=str))[TRUTH])
    done = run("evaluate", "text.npy", "--labels", "labels.json", "--quiet")
    assert done.err.splitlines()[0] == (
        "Warning: text.npy: the ids are those of another class list: class numbers sorted as text: 0, 1, 10, 100"
    )


def test_nothing_is_written_where_nothing_is_wrong(shop: Path, run: Evaluate) -> None:
    done = run("evaluate", "honest.npy", "--labels", "labels.json", "--write-classes", "classes.txt")
    assert (done.code, done.err) == (
        0,
        "Warning: honest.npy: the images confirm no other class list, and classes.txt is not written\n",
    )
    assert not Path("classes.txt").exists()


def test_a_list_that_exists_is_overwritten_only_by_force_and_is_text(shop: Path, run: Evaluate) -> None:
    Path("classes.txt").write_text("precious")
    argv = ["evaluate", "rolled.npy", "--labels", "labels.json", "--write-classes"]
    done = run(*argv, "classes.txt")
    assert done.code == 1
    assert done.err.startswith("Error: the output file exists\n  where:   classes.txt\n")
    assert Path("classes.txt").read_text() == "precious"
    run(*argv, "classes.txt", "--force")
    assert Path("classes.txt").read_text().split() == [str(c) for c in ROLLED]
    assert run(*argv, "classes.csv").err.startswith("Error: wrong kind of file for a list of classes\n")


def test_a_list_is_that_of_one_model(shop: Path, run: Evaluate) -> None:
    done = run("evaluate", "rolled.npy", "honest.npy", "--labels", "labels.json", "--write-classes", "classes.txt")
    assert (done.code, done.err.splitlines()[-1]) == (2, "Error: --write-classes goes with one FILE.")


def test_each_threshold_holds_the_finding(shop: Path, run: Evaluate) -> None:
    rows = "".join(f"{i}.png,{c},0.9\n" for i, c in enumerate(TRUTH))
    Path("scores.csv").write_text(f"image,class,score\n{rows}")
    done = run("evaluate", "rolled.npy", "--labels", "scores.csv", "--threshold", "0.5,0.8", "--json")
    assert [part["class_list"]["class_of"] for part in json.loads(done.out)["results"]] == [ROLLED.tolist()] * 2


def test_at_chance_evaluate_measures_and_other_commands_refuse(shop: Path, run: Evaluate) -> None:
    """With 150 classes, agreement by chance is an error of every command but this one."""
    truth = np.arange(1500) % 150
    Path("many.json").write_text(json.dumps({f"{i}.png": [int(c)] for i, c in enumerate(truth)}))
    order = np.random.default_rng(0).permutation(150)
    np.save("lost.npy", order[truth])
    np.save("honest.npy", truth)
    Path("original.json").write_text(json.dumps({f"{i}.png": int(c) for i, c in enumerate(truth)}))
    judged = ["--labels", "many.json", "--original", "original.json"]
    done = run("evaluate", "lost.npy", *judged, "--write-classes", "classes.txt")
    assert done.code == 0
    assert Path("classes.txt").read_text().split() == [str(c) for c in np.argsort(order)]
    refused = run("compare", "lost.npy", "honest.npy", *judged)
    assert refused.code == 1
    assert refused.err == (
        "Error: the predictions agree with the original labels no more than chance would\n"
        "  where:   lost.npy\n"
        "  allowed: well above 0.67%\n"
        f"  found:   {np.mean(order[truth] == truth):.2%} as given ({np.sum(order[truth] == truth)} of 1,500); 100.00% "
        "with the classes in another order, on the half of the images that did not choose it\n"
        "  to mend: let reassess evaluate FILE --write-classes OUT write that order, then pass --classes OUT\n"
    )
