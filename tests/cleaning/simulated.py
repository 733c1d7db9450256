"""Simulated held-out predictions, and labels with known mistakes."""

import numpy as np
import numpy.typing as npt

from reassess.cleaning import HeldOutPredictions
from reassess.cleaning.class_candidates import ClassCandidates
from reassess.core import Classes, LabelSets, Predictions

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def names_of(count: int) -> list[str]:
    return [f"train/{row:05d}.png" for row in range(count)]


def labels_of_classes(class_ids: npt.ArrayLike, classes: int, images: list[str] | None = None) -> LabelSets:
    """Make label sets with one class for each image."""
    ids = np.asarray(class_ids)
    return LabelSets.from_lists(images or names_of(ids.size), ids[:, None].tolist(), Classes(classes))


def held_out_of(scores: Floats, class_ids: npt.ArrayLike, *, images: list[str] | None = None) -> HeldOutPredictions:
    """Make held-out predictions: one file with the scores of all images."""
    labels = labels_of_classes(class_ids, scores.shape[1], images)
    return HeldOutPredictions.from_predictions({"heldout.npz": Predictions.from_scores(scores, labels.images)}, labels)


def candidates_of(scores: Floats, class_ids: npt.ArrayLike) -> ClassCandidates:
    """Make candidates from scores: all classes of each image."""
    ids = np.broadcast_to(np.arange(scores.shape[1], dtype=np.int32), scores.shape)
    logs = np.log(np.maximum(scores, 1e-6)).astype(np.float32)
    no_tails = np.full((len(scores), 2), -np.inf, np.float32)
    return ClassCandidates(ids, logs, np.asarray(class_ids, np.int32), no_tails, scores.shape[1])


def simulate(count: int, classes: int, sureness: float, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Simulate calibrated probabilities, and draw true classes from them."""
    logits = rng.normal(0, sureness, (count, classes))
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores = weights / weights.sum(axis=1, keepdims=True)
    truth = (rng.random((count, 1)) > np.cumsum(scores, axis=1)[:, :-1]).sum(axis=1)
    return scores, truth


def wrong_labels(truth: Ints, classes: int, share: float, kind: str, rng: np.random.Generator) -> Ints:
    """Make labels with a share of mistakes: any other class, or the next class, for all or for even classes."""
    wrong = rng.permutation(truth.size) < round(share * truth.size)
    if kind == "some pairs":
        wrong = (truth % 2 == 0) & (rng.random(truth.size) < share / (truth % 2 == 0).mean())
    step = rng.integers(1, classes, truth.size) if kind == "uniform" else np.ones(truth.size, np.int64)
    return np.asarray(np.where(wrong, (truth + step) % classes, truth))


def matrix_of(truth: Ints, labels: Ints, classes: int) -> Floats:
    """Compute the share of each label among the images of a true class."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (truth, labels), 1)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))
