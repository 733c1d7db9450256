"""How sure a comparison is if the labels may err too: a bootstrap over images and raters.

Each replicate draws images and raters, with replacement. A rater who is drawn twice votes twice; the votes are made
into label sets again, and cut at the same threshold. How far accuracies and differences spread over the replicates is
their uncertainty. Where the replicates lie is not: fewer different raters speak in one than in the original, so that
its label sets are poorer and accuracies shift.

What the raters' errors do to an accuracy is found in another way. The label sets are taken as the truth, the same
raters answer all questions anew by their confusion matrices, and label sets are made of the answers. By these the
accuracies are off by the bias. The accuracy by the labels without the raters' errors is estimated as the measured one
less the bias. A bias of two models largely cancels out in their difference, which is not corrected.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation import Relabelling
from reassess.comparison.panel import Panel, check_panel
from reassess.core.checks import check_number
from reassess.core.image_names import join
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.numeric.bootstrap import check_replicates, normal_interval, times_drawn
from reassess.text import Shown

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]
_Times = npt.NDArray[np.uint8]
_BLOCK = 64  # replicates that are made together
_REDRAWS = 100  # of which the bias is the mean
_ROUNDING = 1e-12  # of a variance


class ReplicateCounts(NamedTuple):
    """What was counted in each of B replicates, of M models."""

    # hits, n: int64, shapes (B, M) and (B,): hits of each model, and scored images
    hits: _Ints
    n: _Ints
    # original_hits, original_n: The same by original labels, on the scored images that have one
    original_hits: _Ints
    original_n: _Ints
    # labels, empty: int64, shape (B,): labels of the rated images, and rated images without a label, each image
    # taken once
    labels: _Ints
    empty: _Ints

    def where(self, replicates: _Bools) -> "ReplicateCounts":
        """The counts of some of the replicates."""
        return ReplicateCounts(*(part[replicates] for part in self))


@dataclass(frozen=True, eq=False)
class Recount:
    """Where the verdict on each model's first class of each image is to be found. Symbols: M models, N images."""

    panel: Panel  # The models
    # int32, shape (rated images, M): position of the question about that class, or the number of questions where
    # it was not asked, so that the class is never valid
    places: npt.NDArray[np.int32]
    # int64, shape (questions,): position of the question's image in the panel, or N where it is not there
    columns: _Ints
    rated: _Bools  # bool, shape (N,): whether raters were asked about the image; on any other the verdict stays

    @classmethod
    def of(cls, panel: Panel, relabelling: Relabelling) -> "Recount":
        """Find the questions about the first classes of the models."""
        questions, images = relabelling.questions, len(panel.images)
        rows = join(panel.images, questions.images, match=panel.match, where="the panel", known_where="the votes")
        rated = rows >= 0
        places = np.empty((int(np.count_nonzero(rated)), len(panel.models)), np.int32)
        for model, top1 in enumerate(panel.top1):
            asked = questions.find(rows[rated], top1[rated])
            places[:, model] = np.where(asked >= 0, asked, len(questions))
        column_of = np.full(len(questions.images), images)
        column_of[rows[rated]] = np.flatnonzero(rated)
        return cls(panel, places, column_of[questions.image_ids], rated)

    def count(self, kept: _Bools, times: npt.NDArray[np.uint8]) -> ReplicateCounts:
        """Count hits and labels in B replicates."""
        from reassess.numeric.resampling_kernels import add_sizes, recount

        panel, replicates = self.panel, len(times)
        sizes = np.zeros((len(panel.images) + 1, replicates), np.int16)
        add_sizes(self.columns, kept, sizes)
        hits, original_hits = np.zeros((2, len(panel.models), replicates), np.int32)
        sums = np.zeros((4, replicates), np.int32)
        judged = panel.scored, panel.valid, panel.original_known, panel.original_hit
        recount(self.places, kept, sizes, times, self.rated, *judged, hits, original_hits, sums)
        n, original_n, labels, empty = sums.astype(np.int64)
        return ReplicateCounts(
            hits=hits.T.astype(np.int64),
            n=n,
            original_hits=original_hits.T.astype(np.int64),
            original_n=original_n,
            labels=labels,
            empty=empty,
        )


@dataclass(frozen=True, eq=False, repr=False)
class LabelUncertainty(Shown):
    """Accuracies of models in replicates of images and raters. Symbols: M models, B replicates with a scored image."""

    models: tuple[str, ...]  # Names of the models
    # hits, n: int64, shapes (B + 1, M) and (B + 1,): hits of each model and scored images, first of the original
    hits: _Ints
    n: _Ints
    # original_hits, original_n: The same by original labels, on the scored images that have one
    original_hits: _Ints
    original_n: _Ints
    bias: _Floats  # float64, shape (M,): what the raters' errors add to the accuracy of each model
    # labels, empty: int64, shape (B + 1,): labels of the rated images, and rated images without a label, each
    # image taken once; first of the original
    labels: _Ints
    empty: _Ints
    rated: int  # Number of images that were rated; any other keeps its labels
    raters: int  # Number of raters
    threshold: float  # At which label sets were cut
    seed: int  # Of the draws

    def __post_init__(self) -> None:
        freeze(self, "hits", "n", "original_hits", "original_n", "bias", "labels", "empty")

    @property
    def replicates(self) -> int:
        """Number of replicates."""
        return len(self.n) - 1

    def interval(self, model: str) -> tuple[float, float]:
        """95 % interval, over images and raters, of a model's accuracy by the labels without the raters' errors."""
        column = self.models.index(model)
        samples = self._accuracies[:, column]
        return normal_interval(samples[0] - self.bias[column], float(samples[1:].std(ddof=1)), 0)

    def shift(self, model: str) -> float:
        """How far the model's accuracy in the replicates lies from the original one, on average."""
        samples = self._accuracies[:, self.models.index(model)]
        return float(samples[1:].mean() - samples[0])

    def difference_interval(self, a: str, b: str) -> tuple[float, float]:
        """95 % interval, over images and raters, of the difference in ReaL accuracy, a - b."""
        first, second = self.models.index(a), self.models.index(b)
        difference = self._accuracies[0, first] - self._accuracies[0, second]
        return normal_interval(difference, self.deviations[first, second])

    @cached_property
    def deviations(self) -> _Floats:
        """Standard deviation, over images and raters, of the difference in accuracy of every two models; (M, M)."""
        return _deviations(self._accuracies[1:])

    @cached_property
    def change_deviations(self) -> _Floats:
        """The same of the change of these differences, from original labels to these, on the same images; (M, M)."""
        known = self.original_n > 0
        known[0] = False
        original = self.original_hits[known] / self.original_n[known, None]
        return _deviations(self._accuracies[known] - original)

    def probability(self, a: str, b: str) -> float:
        """Share of the replicates in which `a` is better than `b`, moved by their mean shift; equals count half."""
        difference = self._accuracies[:, self.models.index(a)] - self._accuracies[:, self.models.index(b)]
        moved = difference[1:] - difference[1:].mean() + difference[0]
        return float(np.mean((np.sign(moved) + 1) / 2))

    def to_json(self, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The object that JSON documents hold, with some pairs of models."""
        return {
            "interval": "95 %, normal, by the bootstrap's standard deviation over images and raters; of a model: of "
            "its accuracy by labels free of the raters' errors",
            "replicates": self.replicates,
            "seed": self.seed,
            "threshold": self.threshold,
            "raters": self.raters,
            "models": [
                {"file": model, **_named(self.interval(model)), "bias": bias, "shift": self.shift(model)}
                for model, bias in zip(self.models, self.bias.tolist(), strict=True)
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

    @cached_property
    def _accuracies(self) -> _Floats:
        return np.asarray(self.hits / self.n[:, None])


def label_uncertainty(
    panel: Panel,
    relabelling: Relabelling,
    *,
    replicates: int = 1000,
    seed: int = 0,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> LabelUncertainty:
    """Measure models again and again on resampled images, by the votes of resampled raters.

    Images that were not rated keep the labels that they have; so does the original label its vote. The experts'
    answers, and with them the raters' matrices, are given. Raters are taken to err independently of each other, and
    models not to have learned the raters' errors.

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
        Goes through the numbers at which blocks of replicates begin, and may show how far the work has come.

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
    crossed design; Efron and Tibshirani, "An introduction to the bootstrap" (1993), sections 6.5 and 10.2, for the
    parametric bootstrap and the estimate of a bias.
    """
    check_panel(panel)
    check_replicates(replicates)
    check_number(seed, 0, what="seed", whole=True)
    panel.check_scored()
    images, recount = len(panel.images), Recount.of(panel, relabelling)
    as_given = relabelling.reweight(np.ones((1, relabelling.raters), np.int64)), np.ones((1, images), np.uint8)
    counted = [recount.count(*as_given)]
    if counted[0].n[0] != np.count_nonzero(panel.scored) or (counted[0].hits[0] != panel.valid.sum(axis=1)).any():
        raise DataError(
            "different-labels",
            "panel was evaluated with label sets that the votes do not give",
            fix="judge it by these",
        )
    rng = np.random.default_rng(seed)
    for start in track(range(0, replicates, _BLOCK)):
        counted.append(recount.count(*_draw(relabelling, images, min(_BLOCK, replicates - start), rng)))
    counts = ReplicateCounts(*map(np.concatenate, zip(*counted, strict=True)))
    counts = counts.where(counts.n > 0)
    check_replicates(len(counts.n) - 1)
    return LabelUncertainty(
        models=panel.models,
        **counts._asdict(),
        bias=_bias(recount, relabelling, counts.hits[0] / counts.n[0], seed),
        rated=int(np.count_nonzero(recount.rated)),
        raters=relabelling.raters,
        threshold=relabelling.threshold,
        seed=seed,
    )


def _draw(relabelling: Relabelling, images: int, count: int, rng: np.random.Generator) -> tuple[_Bools, _Times]:
    """Which questions are kept in so many replicates, and how often each image counts."""
    raters, times = np.empty((count, relabelling.raters), np.int64), np.empty((count, images), np.uint8)
    for of_raters, of_images in zip(raters, times, strict=True):
        of_raters[:], of_images[:] = times_drawn(rng, relabelling.raters), times_drawn(rng, images)
    return relabelling.reweight(raters), times


def _bias(recount: Recount, relabelling: Relabelling, accuracies: _Floats, seed: int) -> _Floats:
    """How far accuracies are off by label sets of votes resampled, if the label sets that there are be the truth."""
    rng = np.random.default_rng([seed, 1])
    truths = relabelling.reweight(np.ones((1, relabelling.raters), np.int64))[:, 0]
    kept = relabelling.redraw(truths, _REDRAWS, rng)
    counts = recount.count(kept, np.ones((_REDRAWS, len(recount.rated)), np.uint8))
    counts = counts.where(counts.n > 0)
    check_replicates(len(counts.n))
    return np.asarray((counts.hits / counts.n[:, None]).mean(axis=0) - accuracies)


def _deviations(samples: _Floats) -> _Floats:
    """Standard deviation of the difference of every two columns; shape (M, M)."""
    covariance = np.atleast_2d(np.cov(samples, rowvar=False))
    variances = np.diag(covariance)
    sums = variances[:, None] + variances
    squares = sums - 2 * covariance
    return np.sqrt(np.where(squares > _ROUNDING * sums, squares, 0))


def _named(interval: tuple[float, float]) -> dict[str, float]:
    return dict(zip(("low", "high"), interval, strict=True))
