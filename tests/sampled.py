"""A simulated benchmark of 2,000 images with known label sets, and samples of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from reassess.core import LabelSets, Predictions, Questions, Tasks
from reassess.evaluation import draw_images, guess_correct, make_strata, name_sample

N_IMAGES, N_CLASSES = 2000, 10
IMAGES = tuple(f"{i:04}.png" for i in range(N_IMAGES))
MODELS = ("a.npz", "b.npz", "c.npz")


@dataclass(frozen=True, eq=False)
class SimulatedBenchmark:
    """Three models, original labels and the label set of each image by the questions of a sample."""

    top1: np.ndarray  # (models, images)
    confidences: np.ndarray
    original: np.ndarray  # (images,)
    sets: tuple[tuple[int, ...], ...]

    @property
    def labels(self) -> LabelSets:
        return LabelSets.from_lists(IMAGES, self.sets)

    @property
    def original_labels(self) -> LabelSets:
        return LabelSets.from_lists(IMAGES, self.original[:, None].tolist())

    @property
    def is_valid(self) -> np.ndarray:
        return np.array([[class_id in self.sets[i] for i, class_id in enumerate(row)] for row in self.top1.tolist()])

    @property
    def has_valid(self) -> np.ndarray:
        return np.array([bool(classes) for classes in self.sets])

    @property
    def valid_shares(self) -> np.ndarray:
        """The true share of all images whose first class is valid, for each model."""
        return self.is_valid.mean(axis=1)

    def predictions(self, *models: int) -> list[tuple[str, Predictions]]:
        return [(MODELS[i], Predictions.from_ids(self.top1[i], images=IMAGES)) for i in models]

    def draw(
        self,
        n: int,
        *,
        seed: int = 0,
        purpose: str = "accuracy",
        models: Sequence[int] = (0, 1),
        pilot: int = 0,
        rule: tuple[str, ...] = ("top-1", "original"),
    ) -> Tasks:
        """Draw a sample; the questions are each model's top class and the original label."""
        rows = list(models)
        guesses = guess_correct(self.top1[rows], self.confidences[rows], self.original)
        strata = make_strata(self.top1[rows], guesses, self.original, purpose=purpose)
        drawn = draw_images(strata, pilot, seed=seed) if pilot else None
        drawn = draw_images(strata, n - pilot, seed=seed, earlier=drawn)
        sample = name_sample(drawn, IMAGES, purpose=purpose, seed=seed, input_hashes=(), question_rule=rule)
        classes = [sorted({*self.top1[rows, i].tolist(), int(self.original[i])}) for i in drawn.images.tolist()]
        sizes = [len(class_ids) for class_ids in classes]
        questions = Questions.from_columns(np.repeat(sample.images, sizes).tolist(), np.concatenate(classes))
        return Tasks(questions, np.append(0, np.cumsum(sizes)), np.arange(n), ["all of the image"] * n, sample=sample)

    def labels_of(self, tasks: Tasks, rows: Sequence[int] | None = None) -> LabelSets:
        """Return the label sets of the drawn images, or of some of them, in drawn order."""
        names = tasks.sample.images if rows is None else [tasks.sample.images[row] for row in rows]
        return LabelSets.from_lists(names, [self.sets[int(name[:4])] for name in names])


@cache
def simulate_benchmark() -> SimulatedBenchmark:
    """Simulate models whose confidence tells how often they are wrong, with 8 % wrong original labels."""
    rng = np.random.default_rng(7)
    truth = rng.integers(0, N_CLASSES, N_IMAGES)

    def with_mistakes(probability: "float | np.ndarray") -> np.ndarray:
        other = (truth + rng.integers(1, N_CLASSES, N_IMAGES)) % N_CLASSES
        return np.where(rng.random(N_IMAGES) < probability, other, truth)

    doubts = rng.random((3, N_IMAGES))
    top1 = np.array([with_mistakes(2 * share * doubt) for share, doubt in zip((0.2, 0.1, 0.12), doubts, strict=True)])
    original = with_mistakes(0.08)
    second = np.where(rng.random(N_IMAGES) < 0.15, (truth + 1) % N_CLASSES, truth)
    is_empty = rng.random(N_IMAGES) < 0.05
    sets = []
    for i in range(N_IMAGES):
        asked = {*top1[:, i].tolist(), int(original[i])}
        sets.append(() if is_empty[i] else tuple(sorted({int(truth[i]), int(second[i])} & asked)))
    return SimulatedBenchmark(top1, 1 - doubts, original, tuple(sets))


def with_hashes(tasks: Tasks, hashes: Sequence[str]) -> Tasks:
    """Return the tasks of a sample that was drawn with files of these hashes."""
    assert tasks.sample is not None
    return replace(tasks, sample=replace(tasks.sample, input_hashes=tuple(hashes)))
