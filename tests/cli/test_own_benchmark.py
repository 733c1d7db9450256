"""Evaluation on a user's own benchmark with class names, without scores and votes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import Run, Runner, document_of

LABELS = {"1.jpg": ["mug", "cup"], "2.jpg": ["plate"], "3.jpg": [], "4.jpg": ["bowl"]}


@pytest.fixture
def bench(folder: Path) -> Path:
    """Labels and original labels by class name."""
    Path("labels.json").write_text(json.dumps(LABELS))
    Path("original.csv").write_text("image,class\n1.jpg,cup\n2.jpg,bowl\n3.jpg,cup\n4.jpg,bowl\n")
    return folder


def hits(call: Run, part: str = "real") -> dict[str, tuple[int, int]]:
    assert (call.code, call.err) == (0, "")
    (result,) = document_of(call, "evaluate")["results"]
    return {k: (ratio["hits"], ratio["n"]) for k, ratio in result[part].items()}


def test_all_forms_of_predictions_give_equal_accuracy(bench: Path, run: Runner) -> None:
    """Predictions as names, scores with named columns, scores in sorted order, and ids with a class list."""
    Path("names.csv").write_text("image,prediction\n1.jpg,mug\n2.jpg,bowl\n3.jpg,cup\n4.jpg,bowl\n")
    Path("headed.csv").write_text(
        "image,mug,saucer,bowl,cup,plate\n1.jpg,5,9,0,0,0\n2.jpg,0,9,5,0,0\n3.jpg,0,0,0,1,0\n4.jpg,0,0,5,0,0\n"
    )
    np.save("sorted.npy", np.eye(4, dtype=np.float32)[[2, 0, 1, 0]])  # bowl, cup, mug, plate
    np.savez("ids.npz", ids=np.array([3, 1, 2, 1]), names=["1.jpg", "2.jpg", "3.jpg", "4.jpg"])
    Path("outputs.txt").write_text("saucer\nbowl\ncup\nmug\n")
    for argv in (["names.csv"], ["headed.csv"], ["sorted.npy"], ["ids.npz", "--classes", "outputs.txt"]):
        label_options = ("--labels", "labels.json", "--original", "original.csv")
        result = run("evaluate", *argv, *label_options, "--top-k", "1", "--json")
        if argv == ["headed.csv"]:
            text = "a column that is not a class has the highest score in 2 of 4 rows; such columns are ignored: saucer"
            assert result.err == f"Warning: headed.csv: {text}\n"
            result = replace(result, err="")
        assert hits(result) == {"1": (2, 3)}
        assert hits(result, "original") == {"1": (3, 4)}
