"""`reassess evaluate` on models whose ids are from another class list: the warning, and --classes auto."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import Run, Runner, document_of, output_of, write_csv

TRUTH = np.arange(240) % 12
CLASS_OF_ID = np.array([7, 4, 9, 11, 0, 10, 3, 1, 5, 2, 8, 6])  # the class of each id, in an unknown order
PREDICTED_IDS = np.argsort(CLASS_OF_ID)[TRUTH]  # predicted by a model that is always correct
NAMES = [f"n{i:08d}" for i in range(12)]
ANIMALS = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibex", "jay", "kiwi", "lynx"]
CORRECT_SHARE = "100.0 % (96.90 to 100.0; 120 of 120)"
WRONG = "0.00 % (0.00 to 3.10; 0 of 120)"
CORRECT_LINE = f"  accuracy with this class list:    {CORRECT_SHARE} on the images not used to choose it, p = 2e-36\n"
AS_GIVEN = f"  accuracy without this class list: {WRONG}\n"
FIX = "  fix: read the file with the class list of --classes auto\n"
WARNED = f"Warning: lost.npy: the ids are from another class list\n{CORRECT_LINE}{AS_GIVEN}{FIX}"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_known_data: None) -> Path:
    """A benchmark of 240 images and 12 classes, a correct model, and a model with another class list."""
    monkeypatch.chdir(tmp_path)
    Path("labels.json").write_text(json.dumps({f"{i}.png": [int(c)] for i, c in enumerate(TRUTH)}))
    Path("named.json").write_text(json.dumps({f"{i}.png": [NAMES[c]] for i, c in enumerate(TRUTH)}))
    np.save("honest.npy", TRUTH)
    np.save("lost.npy", PREDICTED_IDS)
    return tmp_path


def accuracy(run_result: Run) -> float:
    return document_of(run_result, "evaluate")["results"][0]["real"]["1"]["accuracy"]


def test_class_list_warning_has_counts_and_a_fix(shop: Path, run: Runner) -> None:
    run_result = run("evaluate", "lost.npy", "honest.npy", "--labels", "labels.json")
    assert (run_result.code, run_result.err) == (0, WARNED)
    assert [line.split()[:2] for line in run_result.out.splitlines()[2:4]] == [
        ["honest.npy", "100.0"],
        ["lost.npy", "0.00"],
    ]


@pytest.mark.parametrize(
    "argv",
    [["evaluate"], ["compare"], ["report", "--chart", "label-count", "-o", "figure.svg"]],
    ids=lambda argv: argv[0],
)
def test_commands_warn_in_the_same_words(argv: list[str], shop: Path, run: Runner) -> None:
    command = [*argv, "lost.npy", "honest.npy", "--labels", "labels.json", *["--force"][: "-o" in argv]]
    run_result = run(*command)
    name = "lost" if argv[0] in ("report",) else "lost.npy"
    assert (run_result.code, run_result.err) == (0, WARNED.replace("lost.npy", name))
    output_of(run(*command, "--classes", "lost.npy=auto"))


def test_findings_contain_the_class_list(shop: Path, run: Runner) -> None:
    run_result = run("compare", "lost.npy", "honest.npy", "--labels", "labels.json", "--json")
    findings = json.loads(run_result.out)["results"]["class_lists"]
    assert (findings["honest.npy"], findings["lost.npy"]["class_of"]) == (None, CLASS_OF_ID.tolist())


def test_auto_uses_the_detected_class_list(shop: Path, run: Runner) -> None:
    argv = ["evaluate", "lost.npy", "--labels", "labels.json", "--classes", "auto"]
    assert f"lost.npy: the ids are from another class list\n{CORRECT_LINE}{AS_GIVEN}" in output_of(run(*argv))
    assert accuracy(run(*argv, "--json")) == 1


def test_auto_does_not_change_a_correct_file(shop: Path, run: Runner) -> None:
    out = output_of(run("evaluate", "honest.npy", "--labels", "labels.json", "--classes", "auto"))
    assert "honest.npy: no other predefined order of the classes matches; 240 images of 12 classes may be too" in out


@pytest.mark.parametrize(("texts", "kind"), [(NAMES, "best"), (ANIMALS, "scores")], ids=["wnids", "names"])
def test_auto_corrects_wrong_class_names(texts: list[str], kind: str, shop: Path, run: Runner) -> None:
    """Class names or column names are from a class list in another order."""
    Path("named.json").write_text(json.dumps({f"{i}.png": [texts[c]] for i, c in enumerate(TRUTH)}))
    rows = [
        [f"{i}.png", *([texts[c], texts[c - 1]] if kind == "best" else np.eye(12)[c])]
        for i, c in enumerate(PREDICTED_IDS)
    ]
    headings = ["prediction_1", "prediction_2"] if kind == "best" else texts
    write_csv("names.csv", ",".join(["image", *headings]), rows)
    argv = ["evaluate", "names.csv", "--labels", "named.json"]
    assert run(*argv, "--quiet").err == WARNED.replace("lost.npy: the ids", "names.csv: the names")
    run_result = run(*argv, "--classes", "auto", "--json")
    assert (accuracy(run_result), run_result.err) == (1, "")


def test_document_contains_the_class_list_or_null(shop: Path, run: Runner) -> None:
    run_result = run("evaluate", "honest.npy", "lost.npy", "--labels", "labels.json", "--json")
    honest, lost = json.loads(run_result.out)["results"]
    assert (honest["class_list"], lost["file"]) == (None, "lost.npy")
    bound = 1.959963984540054**2 / (120 + 1.959963984540054**2)
    part: dict[str, Any] = lost["class_list"]
    assert part == {
        "order": None,
        "before": {"hits": 0, "n": 120, "accuracy": 0, "low": 0, "high": pytest.approx(bound)},
        "after": {"hits": 120, "n": 120, "accuracy": 1, "low": pytest.approx(1 - bound), "high": 1},
        "p_value": pytest.approx(2 * 0.5**120),
        "moved": 12,
        "class_of": CLASS_OF_ID.tolist(),
        "undecided": [],
    }


def test_undecided_classes_and_known_order_are_named(shop: Path, run: Runner) -> None:
    """Two classes are predicted half and half; 12 folders sorted as text are a predefined order."""
    unclear, ids = PREDICTED_IDS.copy(), np.argsort(CLASS_OF_ID)
    for c in (3, 4):
        unclear[c == TRUTH] = np.arange(20) % 2 * (ids[4] - ids[3]) + ids[3]
    np.save("unclear.npy", unclear)
    run_result = run("evaluate", "unclear.npy", "--labels", "labels.json", "--quiet")
    (line,) = (line for line in run_result.err.splitlines() if "undecided" in line)
    assert line.startswith("  undecided:                        2 classes: ")
    np.save("text.npy", np.argsort(sorted(range(12), key=str))[TRUTH])
    run_result = run("evaluate", "text.npy", "--labels", "labels.json", "--quiet")
    assert run_result.err.splitlines()[:2] == [
        "Warning: text.npy: the ids are from another class list: class numbers sorted as text: 0, 1, 10, 100",
        "  accuracy with this class list:    100.0 % (98.42 to 100.0; 240 of 240) on the images, p = 5e-54",
    ]


def test_file_at_chance_level_is_measured_with_a_warning(shop: Path, run: Runner) -> None:
    """With 150 classes, agreement by chance is an error unless the images confirm another class list."""
    truth = np.arange(1500) % 150
    Path("many.json").write_text(json.dumps({f"{i}.png": [int(c)] for i, c in enumerate(truth)}))
    order = np.random.default_rng(0).permutation(150)
    np.save("lost.npy", order[truth])
    np.save("honest.npy", truth)
    Path("original.json").write_text(json.dumps({f"{i}.png": int(c) for i, c in enumerate(truth)}))
    many_labels = ["--labels", "many.json", "--original", "original.json"]
    assert accuracy(run("evaluate", "lost.npy", *many_labels, "--classes", "auto", "--json")) == 1
    run_result = run("compare", "lost.npy", "honest.npy", *many_labels)
    assert run_result.code == 0
    assert run_result.err.startswith("Warning: lost.npy: the ids are from another class list\n")
    np.save("random.npy", np.random.default_rng(1).integers(0, 150, 1500))
    for command in (["evaluate", "random.npy"], ["compare", "random.npy", "honest.npy"]):
        assert run(*command, *many_labels).error == "wrong-order"
