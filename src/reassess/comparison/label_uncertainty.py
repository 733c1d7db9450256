"""How sure a comparison is if the labels may err too: a bootstrap over images and raters.

Each replicate draws images and raters, with replacement. A rater who is drawn twice votes twice; the votes are made
into label sets again, and cut at the same threshold. Fewer different raters speak in a replicate than in the original,
so that its label sets differ from the original ones not at random alone: some images lose their labels, and accuracies
shift. The shift belongs to the resampling, not to the models. So intervals are those of the percentiles, moved back by
the mean shift, and the shift is reported.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.relabelling import Relabelling
from reassess.comparison.panel import Panel
from reassess.core.image_names import join
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.numeric.bootstrap import check_replicates, percentile_bounds, times_drawn

__all__ = ["LabelUncertainty", "label_uncertainty"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelUncertainty:
    """Accuracies of models in replicates of images and raters. Symbols: M models, B replicates with a scored image.

    Parameters
    ----------
    models
        Names of the models.
    hits, n
        int64, shapes (B + 1, M) and (B + 1,): hits of each model and scored images, first of the original.
    labels, empty
        int64, shape (B + 1,): labels of the rated images, and rated images without a label, each image taken once;
        first of the original.
    rated
        Number of images that were rated; any other keeps its labels.
    raters
        Number of raters.
    threshold
        At which label sets were cut.
    seed
        Of the draws.
    """

    models: tuple[str, ...]
    hits: _Ints
    n: _Ints
    labels: _Ints
    empty: _Ints
    rated: int
    raters: int
    threshold: float
    seed: int

    def __post_init__(self) -> None:
        freeze(self, "hits", "n", "labels", "empty")

    @property
    def replicates(self) -> int:
        """Number of replicates."""
        return len(self.n) - 1

    def interval(self, model: str) -> tuple[float, float]:
        """95 % interval of a model's ReaL accuracy, over images and raters."""
        return _bounds(self._moved(self._column(model)), 0, 1)

    def shift(self, model: str) -> float:
        """How far the model's accuracy in the replicates lies from the original one, on average."""
        samples = self._column(model) / self.n
        return float(samples[1:].mean() - samples[0])

    def difference_interval(self, a: str, b: str) -> tuple[float, float]:
        """95 % interval of the difference in ReaL accuracy, a - b, over images and raters."""
        return _bounds(self._moved(self._column(a) - self._column(b)), -1, 1)

    def probability(self, a: str, b: str) -> float:
        """Probability that `a` is better than `b`: the share of replicates in which it is, equals counting half."""
        difference = self._moved(self._column(a) - self._column(b))
        return float(np.mean((np.sign(difference) + 1) / 2))

    def to_json(self, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The object that JSON documents hold, with some pairs of models."""
        return {
            "interval": "95 %, percentile bootstrap moved back by the mean shift, over images and raters",
            "replicates": self.replicates,
            "seed": self.seed,
            "threshold": self.threshold,
            "raters": self.raters,
            "models": [
                {"file": model, **_named(self.interval(model)), "shift": self.shift(model)} for model in self.models
            ],
            "pairs": [
                {"a": a, "b": b, **_named(self.difference_interval(a, b)), "probability_a": self.probability(a, b)}
                for a, b in pairs
            ],
            "sets": self.sets_to_json(),
        }

    def sets_to_json(self) -> dict[str, Any]:
        """Labels and rated images without a label: of the original, and the mean over replicates."""
        return {
            "rated_images": self.rated,
            "labels": int(self.labels[0]),
            "labels_in_replicates": float(self.labels[1:].mean()),
            "empty_images": int(self.empty[0]),
            "empty_images_in_replicates": float(self.empty[1:].mean()),
        }

    def _column(self, model: str) -> _Ints:
        return self.hits[:, self.models.index(model)]

    def _moved(self, hits: _Ints) -> _Floats:
        """The share in each replicate, moved so that the mean is the share in the original."""
        samples = hits / self.n
        return np.asarray(samples[1:] - samples[1:].mean() + samples[0])


def label_uncertainty(
    panel: Panel,
    relabelling: Relabelling,
    *,
    replicates: int = 200,
    seed: int = 0,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> LabelUncertainty:
    """Measure models again and again on resampled images, by the votes of resampled raters.

    Images that were not rated keep the labels that they have; so does the original label its vote. The experts'
    answers, and with them the raters' matrices, are given.

    Parameters
    ----------
    panel
        The models, judged by the label sets that `relabelling` makes at equal weights.
    relabelling
        How label sets follow from votes.
    replicates
        How many to draw, at least 40.
    seed
        Of the draws.
    track
        Goes through the numbers of the replicates, and may show how far the work has come.

    Returns
    -------
    LabelUncertainty

    Raises
    ------
    DataError
        The panel was judged by other label sets; no image of it is scored; too few replicates, or too few with a scored
        image.

    Examples
    --------
    >>> from reassess import LabelSets, Questions
    >>> images = [f"{i}.png" for i in range(50)]
    >>> questions = Questions.from_columns(images, np.zeros(50, int))
    >>> matrices = np.array([[[0.9, 0.1], [0.2, 0.8]]] * 3)  # of three raters, each of whom says yes to every question
    >>> votes = np.repeat(np.arange(50), 3), np.tile([1, 3, 5], 50)
    >>> again = Relabelling(questions, *votes, matrices, np.ones(3, bool), np.zeros(50), threshold=0.8)
    >>> labels = LabelSets.from_lists(images, [[0]] * 50)
    >>> predicted = {"one": np.zeros(50, int), "two": np.repeat([0, 1], 25)}
    >>> uncertainty = label_uncertainty(Panel.from_predictions(predicted, labels), again)
    >>> uncertainty.probability("one", "two"), uncertainty.interval("one")
    (1.0, (1.0, 1.0))

    Notes
    -----
    Source: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007), for resampling both sides of a
    crossed design; Efron and Tibshirani, "An introduction to the bootstrap" (1993), section 10.2, for the shift.
    """
    check_replicates(replicates)
    panel.check_scored()
    table = _Table.of(panel, relabelling)
    rng = np.random.default_rng(seed)
    images = len(panel.images)
    counted = [table.count(np.ones(relabelling.raters, np.int64), np.ones(images, np.int64))]
    for _ in track(range(replicates)):
        times = times_drawn(rng, relabelling.raters)
        counted.append(table.count(times, times_drawn(rng, images)))
    hits, n, labels, empty = (np.array(part, np.int64) for part in zip(*counted, strict=True))
    if n[0] != np.count_nonzero(panel.scored) or (hits[0] != np.count_nonzero(panel.valid, axis=1)).any():
        raise DataError("the panel was judged by other labels than the votes give", mend="judge it by these")
    has_images = n > 0
    check_replicates(int(np.count_nonzero(has_images)) - 1)
    rated = int(np.count_nonzero(table.rated))
    return LabelUncertainty(
        models=panel.models,
        hits=hits[has_images],
        n=n[has_images],
        labels=labels[has_images],
        empty=empty[has_images],
        rated=rated,
        raters=relabelling.raters,
        threshold=relabelling.threshold,
        seed=seed,
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """Where the verdict on each model's first class of each image is to be found.

    Those on rated images stand in one column: of every question, and then one that is never valid. Those on other
    images stay.

    Parameters
    ----------
    relabelling
        How label sets follow from votes.
    places
        int64, shape (M, rated images): position of the verdict in that column.
    valid
        float32, shape (M, other images): 1 if the class is valid, else 0; sums, far below 2 ** 24, are exact.
    columns
        int64, shape (questions,): position of the question's image in the panel, or N where it is not there.
    rated
        bool, shape (N,).
    scored
        bool, shape (N,): whether an image that was not rated is scored.
    """

    relabelling: Relabelling
    places: _Ints
    valid: npt.NDArray[np.float32]
    columns: _Ints
    rated: npt.NDArray[np.bool_]
    scored: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, panel: Panel, relabelling: Relabelling) -> "_Table":
        questions, never_valid, images = relabelling.questions, len(relabelling.questions), len(panel.images)
        rows = join(panel.images, questions.images, match=panel.match, where="the panel", known_where="the votes")
        rated = rows >= 0
        places = np.empty((len(panel.models), int(np.count_nonzero(rated))), np.int64)
        for place, top1 in zip(places, panel.top1, strict=True):
            asked = questions.find(rows[rated], top1[rated])
            place[:] = np.where(asked >= 0, asked, never_valid)
        column_of = np.full(len(questions.images), images)
        column_of[rows[rated]] = np.flatnonzero(rated)
        valid = panel.valid[:, ~rated].astype(np.float32)
        return cls(
            relabelling=relabelling,
            places=places,
            valid=valid,
            columns=column_of[questions.image_ids],
            rated=rated,
            scored=panel.scored & ~rated,
        )

    def count(self, rater_times: _Ints, image_times: _Ints) -> tuple[_Ints, int, int, int]:
        """Hits of each model, scored images, labels, and images without, if raters and images count so many times."""
        kept = self.relabelling.kept(rater_times)
        sizes = np.bincount(self.columns[kept], minlength=len(self.rated) + 1)[:-1]  # by the votes
        verdicts = np.append(kept * np.append(image_times, 0)[self.columns], 0)
        hits = (self.valid @ image_times[~self.rated].astype(np.float32)).astype(np.int64)
        hits += [verdicts.take(place).sum() for place in self.places]
        scored = np.where(self.rated, sizes > 0, self.scored)
        return hits, int(image_times[scored].sum()), int(sizes.sum()), int(np.count_nonzero(self.rated & (sizes == 0)))


def _bounds(samples: _Floats, least: float, most: float) -> tuple[float, float]:
    low, high = percentile_bounds(np.clip(samples, least, most))
    return float(low), float(high)


def _named(interval: tuple[float, float]) -> dict[str, float]:
    return dict(zip(("low", "high"), interval, strict=True))
