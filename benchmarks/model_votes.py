"""Count the votes of people that a campaign needs, and its wrong answers, with and without votes of models.

`python benchmarks/model_votes.py` prints the means of 8 simulated campaigns with 300 questions.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

GOLDEN, QUESTIONS, CAMPAIGNS = 60, 300, 8
ACCURACY, SHARED = 0.85, 0.8  # of the models, and the share of their answers that come from a common draw
MATRIX = "0.8,0.05,0.15/0.15,0.05,0.8"  # of people


def run(folder: Path, *argv: str) -> str:
    """Run a command of reassess in a folder."""
    command = [sys.executable, "-m", "reassess", *argv]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def write_inputs(folder: Path, seed: int) -> dict[str, bool]:
    """Write golden answers, tasks, votes of two models and the truth; return the truth of each image."""
    rng = np.random.default_rng(seed)
    images = [f"{number:03}.png" for number in range(GOLDEN + QUESTIONS)]
    truth = dict(zip(images, (rng.random(len(images)) < 0.4).tolist(), strict=True))
    common = dict(zip(images, (rng.random(len(images)) < ACCURACY).tolist(), strict=True))
    rows = {"golden": [f"{image},cat,eve,{'yes' if truth[image] else 'no'}" for image in images[:GOLDEN]], "models": []}
    for model in ("first", "second"):
        for image in images:
            is_right = common[image] if rng.random() < SHARED else rng.random() < ACCURACY
            rows["models"].append(f"{image},cat,{model},{'yes' if truth[image] == is_right else 'no'}")
    for name, lines in rows.items():
        (folder / f"{name}.csv").write_text("\n".join(["image,class,rater,answer", *lines]) + "\n")
    (folder / "truth.csv").write_text(
        "image,class\n" + "".join(f"{image},{'cat' if truth[image] else ''}\n" for image in images)
    )
    (folder / "cats").mkdir()
    (folder / "cats/classes.txt").write_text("cat\ndog\n")
    tasks = [
        {"task": number, "image": image, "classes": [{"class": "cat"}]} for number, image in enumerate(images[GOLDEN:])
    ]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    return truth


def simulate(folder: Path, truth: dict[str, bool], seed: int, *options: str) -> list[float]:
    """Return votes, closed questions in %, wrong ones among them in %, and labels that are correct in %."""
    create = ["annotate", "create", "c.db", "tasks.jsonl", "--benchmark", "cats", "--golden", "golden.csv"]
    run(folder, *create, "--stop", "0.05,0.95", "--seed", "1", "--force", *options)
    answer = ["annotate", "simulate", "c.db", "--labels", "truth.csv", "--seed", str(seed), "--matrix", MATRIX]
    results: dict[str, Any] = json.loads(run(folder, *answer, "--json", "-o", "s.db", "--force"))["results"]
    run(folder, "annotate", "export", "s.db", "-o", "export", "--force")
    with (folder / "export/question-states.csv").open() as file:
        closed = [row for row in csv.DictReader(file) if row["state"] == "closed by the stop rule"]
    wrong = [(float(row["probability"]) >= 0.5) != truth[row["image"]] for row in closed]
    correct = results["labels"]["correct"]
    return [results["votes"], 100 * len(closed) / QUESTIONS, 100 * float(np.mean(wrong)), 100 * correct / QUESTIONS]


def main() -> None:
    """Print the means of all campaigns."""
    rows: dict[str, list[list[float]]] = {"people": [], "people and models": []}
    for seed in range(CAMPAIGNS):
        with TemporaryDirectory() as place:
            truth = write_inputs(Path(place), seed)
            rows["people"].append(simulate(Path(place), truth, seed))
            rows["people and models"].append(simulate(Path(place), truth, seed, "--model-votes", "models.csv"))
    for name, values in rows.items():
        votes, closed, wrong, correct = np.mean(values, axis=0)
        print(f"{name}: {votes:.0f} votes, {closed:.1f} % closed, {wrong:.1f} % wrong, labels {correct:.1f} % correct")


if __name__ == "__main__":
    main()
