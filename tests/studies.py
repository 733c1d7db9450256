"""Simulated studies of which the truth is known: raters vote on (image, class) questions, models are judged by it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation import LabelResampler, find_label_resampler, imagenet_real_scores, label_sets
from reassess.comparison import Panel
from reassess.core import LabelSets, Questions, ScoreRecipe, Votes
from tests.helpers import WORDS

RULES = ScoreRecipe(
    min_experts=2, min_experts_on_original=2, n_classes_with_original_vote=None, smoothing=1.0, pooling=0.0
)
_Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Design:
    """How studies are made.

    Parameters
    ----------
    images, classes
        How many images, and how many classes are asked about on each.
    raters, votes
        How many raters, and how many of them vote on a question.
    busy
        Standard deviation of the logarithm of how much a rater does.
    golden
        Number of golden questions.
    invalid, valid
        How often raters say no, maybe and yes to invalid and to valid questions, on average.
    alike
        How alike raters are: concentration of their matrices.
    threshold
        At which label sets are cut.
    unrated
        Share of the images on which nobody voted; class 0 alone is valid there, and is their label.
    first, others
        Probability that class 0, and any other class, is valid.
    hard
        Share of the questions that nobody can answer: raters say the same to valid and to invalid ones.
    """

    images: int = 500
    classes: int = 4
    raters: int = 30
    votes: int = 5
    busy: float = 0.0
    golden: int = 200
    invalid: tuple[float, ...] = (0.85, 0.1, 0.05)
    valid: tuple[float, ...] = (0.2, 0.2, 0.6)
    alike: float = 12.0
    threshold: float = 0.8
    unrated: float = 0.0
    first: float = 0.8
    others: float = 0.35
    hard: float = 0.0


PLAIN = Design()
REAL = Design(
    images=1500,
    classes=7,
    raters=85,
    busy=1.0,
    golden=1000,
    invalid=(0.88, 0.07, 0.05),
    valid=(0.25, 0.17, 0.58),
    unrated=0.5,
    first=0.75,
    others=0.08,
)
DESIGNS: Mapping[str, Design] = {
    "30 raters": PLAIN,
    "10 raters": replace(PLAIN, raters=10),
    "3 votes, threshold 0.5": replace(PLAIN, votes=3, threshold=0.5, busy=0.5),
    "15 votes, threshold 0.5": replace(PLAIN, images=300, raters=60, votes=15, threshold=0.5),
    "good raters, threshold 0.5": replace(
        PLAIN, threshold=0.5, alike=30, invalid=(0.95, 0.03, 0.02), valid=(0.05, 0.1, 0.85)
    ),
    "as ReaL, 1,500 images": REAL,
    "as ReaL, 20,000 images": replace(REAL, images=20_000),
    "10 % of questions too hard": replace(PLAIN, hard=0.1),
}


class Study(NamedTuple):
    """The models judged by the label sets, how these follow from the votes, and the label sets."""

    panel: Panel
    label_resampler: LabelResampler
    labels: LabelSets


def draw(seed: int, design: Design = PLAIN) -> Study:
    """Fresh images, raters, golden questions and models."""
    rng = np.random.default_rng(seed)
    truth, rated = _truth(rng, design)
    names = tuple(f"{i:05}.png" for i in range(design.images))
    rows, classes = np.flatnonzero(rated), design.classes
    images = tuple(names[i] for i in rows.tolist())
    asked = Questions(images, np.repeat(np.arange(rows.size), classes), np.tile(np.arange(classes), rows.size))
    means = np.array([design.invalid, design.valid])
    matrices = np.stack([rng.dirichlet(design.alike * mean, design.raters) for mean in means], axis=1)
    valid = truth[rows].ravel()
    work = np.exp(design.busy * rng.normal(size=design.raters))
    chosen = np.argsort(rng.exponential(size=(len(asked), design.raters)) / work, axis=1)[:, : design.votes]
    shares = matrices[chosen, valid[:, None].astype(int)]
    hard = rng.random(len(asked)) < design.hard
    shares[hard] = means.mean(axis=0)
    item_ids = np.repeat(np.arange(len(asked)), design.votes)
    raters = tuple(range(design.raters))
    votes = Votes.from_columns(asked, item_ids, chosen.ravel(), by_chance(rng, shares).ravel(), raters, WORDS)
    experts, golden = _golden(rng, design, matrices, float(valid.mean()))
    labels = label_sets(imagenet_real_scores(votes, experts, golden, None, recipe=RULES), design.threshold)
    label_resampler = find_label_resampler(
        labels, votes, experts, golden, None, threshold=design.threshold, recipes=[RULES]
    )
    of_all = [labels[name] if is_rated else [0] for name, is_rated in zip(names, rated, strict=True)]
    sets = LabelSets.from_lists(names, [sorted(classes or ()) for classes in of_all])
    return Study(Panel.from_ids("abc", _models(rng, truth), sets), label_resampler, sets)


def true_accuracies(design: Design, images: int = 1_000_000) -> _Array:
    """Accuracies of the three models by the truth, over so many images."""
    rng = np.random.default_rng(0)
    truth, _ = _truth(rng, replace(design, images=images))
    with_none = np.concatenate([truth, np.zeros((images, 1), bool)], axis=1)
    right = with_none[np.arange(images), _models(rng, truth)]
    return np.asarray(right[:, truth.any(axis=1)].mean(axis=1))


def by_chance(rng: np.random.Generator, shares: _Array) -> _Array:
    """An answer drawn from each row of shares."""
    return np.asarray((rng.random((*shares.shape[:-1], 1)) > shares.cumsum(axis=-1)[..., :-1]).sum(axis=-1))


def _truth(rng: np.random.Generator, design: Design) -> tuple[_Array, _Array]:
    """Which classes are valid for each image, and which images are rated."""
    truth = rng.random((design.images, design.classes)) < design.others
    truth[:, 0] = rng.random(design.images) < design.first
    rated = rng.random(design.images) >= design.unrated
    truth[~rated] = np.arange(design.classes) == 0
    return truth, rated


def _models(rng: np.random.Generator, truth: _Array) -> _Array:
    """Models a and b, nearly as good and often alike, and c, which is worse; class ids, one past the last for none."""
    images, classes = truth.shape
    ease = rng.normal(size=images)

    def model(level: float) -> _Array:
        knows = ease + level + rng.normal(size=images) > 0
        valid = np.where(truth.any(axis=1), (truth * rng.random(truth.shape)).argmax(axis=1), classes)
        return np.where(knows, valid, rng.integers(0, classes + 1, images))

    first = model(1.0)
    second = np.where(rng.random(images) < 0.6, first, model(0.95))
    return np.stack([first, second, model(0.4)])


def _golden(rng: np.random.Generator, design: Design, matrices: _Array, share: float) -> tuple[Votes, Votes]:
    """Three experts who are right, and all raters, on golden questions of which this share is valid."""
    questions, raters = design.golden, design.raters
    items = Questions(("golden",), np.zeros(questions, np.int32), np.arange(questions, dtype=np.int32))
    valid = rng.random(questions) < share
    answers = np.where(np.repeat(valid, 3), 2, 0)
    experts = Votes.from_columns(
        items, np.repeat(np.arange(questions), 3), np.tile(np.arange(3), questions), answers, "xyz", WORDS
    )
    who, which = np.repeat(np.arange(raters), questions), np.tile(np.arange(questions), raters)
    said = by_chance(rng, matrices[who, valid[which].astype(int)])
    return experts, Votes.from_columns(items, which, who, said, tuple(range(raters)), WORDS)
