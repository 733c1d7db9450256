"""Every public writer accepts a path as a string and as a Path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reassess
from reassess import Classes, Findings, LabelSets, Predictions, Questions, Scores, Votes, formats, report
from reassess.comparison import SampleFindings
from reassess.core import Candidates, Cleaning, Duplicates, Folds, LabelNoise, Posterior
from tests.helpers import Needs
from tests.sampled import simulate_benchmark

CLASSES = Classes(3, names=("cat", "dog", "fox"))
QUESTIONS = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([0, 1, 2]))
LABELS = LabelSets.from_lists(["a.png", "b.png"], [[0, 1], []], Classes(3))
VOTES = Votes.from_columns(QUESTIONS, np.arange(3), np.zeros(3, int), np.array([0, 1, 1]), ("ann",), ("no", "yes"))
POSTERIOR = Posterior(("x", "y"), ("cat", "dog"), np.array([[0.9, 0.1], [0.2, 0.8]]))
CANDIDATES = Candidates.from_columns(["a.png"], np.zeros(1, int), np.zeros(1, int), ["one"], np.zeros(1, int))
DUPLICATES = Duplicates.from_columns(["train", "val"], ["a.png", "b.png"], [1, 1], ["exact", "exact"])
FOLDS = Folds(("a.png", "b.png"), np.array([0, 1]))
CLEANING = Cleaning(
    images=("a.png", "b.png"),
    class_ids=np.array([0, 1], np.int32),
    is_kept=np.array([True, False]),
    label_quality=np.array([0.75, 0.25]),
    suggested_class_ids=np.array([0, 0], np.int32),
    reasons=("the label is likely", "another class is likelier"),
    classes=CLASSES,
)
NOISE = LabelNoise(0.2, np.array([[6.0, 2.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]]), 1.0, CLASSES)
PREDICTIONS = Predictions.from_ids([0, 2], images=["a.png", "b.png"])
FINDINGS = Findings.from_predictions({"one": PREDICTIONS}, LABELS)
SAMPLE = simulate_benchmark().draw(60)
SAMPLE_FINDINGS = SampleFindings.from_predictions(
    simulate_benchmark().predictions(0, 1), simulate_benchmark().labels_of(SAMPLE), SAMPLE
)

# The suffix of the file, and the other arguments of each writer.
WRITERS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "write_classes": (".csv", (CLASSES,)),
    "write_wrong_label_page": (".html", (CLEANING, Path(__file__).parent)),
    "write_chart": (".svg", ("label-count", FINDINGS)),
    "write_folds": (".csv", (FOLDS,)),
    "write_clean_list": (".txt", (CLEANING,)),
    "write_cleaning_details": (".csv", (CLEANING,)),
    "write_noise": (".csv", (NOISE,)),
    "write_labels": (".csv", (LABELS,)),
    "write_predictions": (".csv", (PREDICTIONS,)),
    "write_candidates": (".csv", (CANDIDATES,)),
    "write_duplicates": (".csv", (DUPLICATES,)),
    "write_report": (".html", (FINDINGS,)),
    "write_sample_report": (".html", (SAMPLE_FINDINGS,)),
    "write_scores": (".csv", (Scores(QUESTIONS, np.array([0.25, 0.5, 1.0])),)),
    "write_tasks": (".jsonl", (reassess.make_tasks(QUESTIONS),)),
    "write_votes": (".csv", (VOTES,)),
    "write_label_errors": (".csv", (CLEANING,)),
    "write_posterior": (".csv", (POSTERIOR,)),
}

BY_NAME: dict[str, Callable[..., Any]] = {
    name: getattr(face, name)
    for face in (formats, report)
    for name in face.__all__
    if name.startswith("write_") and name != "write_score_folder"  # it writes a folder
}


def test_every_writer_is_tested() -> None:
    assert BY_NAME.keys() == WRITERS.keys()


@pytest.mark.parametrize("name", WRITERS)
def test_writer_accepts_string_and_path(name: str, tmp_path: Path, needs: Needs) -> None:
    if name in ("write_chart", "write_report", "write_sample_report", "write_wrong_label_page"):
        needs("matplotlib")
        needs("jinja2")
    suffix, arguments = WRITERS[name]
    write = BY_NAME[name]
    write(tmp_path / f"path{suffix}", *arguments)
    write(str(tmp_path / f"text{suffix}"), *arguments)
    assert (tmp_path / f"path{suffix}").read_bytes() == (tmp_path / f"text{suffix}").read_bytes()
