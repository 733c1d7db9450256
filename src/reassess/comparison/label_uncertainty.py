"""Uncertainty of model comparisons because labels may be wrong: a bootstrap over images and raters.

Each replicate draws images and raters with replacement. The votes of a rater who is drawn twice count twice, and label
sets are made again from the votes at the same threshold. The standard deviation of accuracies and differences over
replicates measures their uncertainty. The mean over replicates is not used: a replicate has fewer distinct raters than
the original, so its label sets are worse, and accuracies shift.

The bias of an accuracy from raters' errors is estimated by a parametric bootstrap. The label sets are taken as the
truth, the same raters answer all questions again by their confusion matrices, and label sets are made from these
answers. The bias is the mean accuracy by these label sets, minus the measured accuracy. The accuracy by labels without
raters' errors is estimated as the measured accuracy minus the bias. In the difference of two models most of the bias
cancels, so differences are not corrected.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation import LabelResampler
from reassess.comparison.panel import Panel, check_panel
from reassess.comparison.recounting import HitCounter, ReplicateCounts
from reassess.core.checks import check_number
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.numeric.bootstrap import check_replicates, draw_bootstrap_counts, normal_interval
from reassess.text import ListTable, Printable, format_percent, format_percent_interval

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]
_ImageCounts = npt.NDArray[np.uint8]
_BLOCK_REPLICATES = 64  # replicates per block
_BIAS_REPLICATES = 100  # replicates for the bias
_VARIANCE_TOLERANCE = 1e-12  # relative tolerance of a variance


@dataclass(frozen=True, eq=False, repr=False)
class LabelUncertainty(Printable):
    """Accuracies of models in bootstrap samples (replicates) of images and raters.

    Symbols: M models, B replicates that have at least one scored image. In arrays with B + 1 rows, row 0 is the
    original data.
    """

    models: tuple[str, ...]  # names
    hits: _Ints  # int64, shape (B + 1, M): hits of each model
    n_scored: _Ints  # int64, shape (B + 1,): scored images
    original_hits: _Ints  # int64, shape (B + 1, M): hits by original labels, on scored images with an original label
    n_original_scored: _Ints  # int64, shape (B + 1,): scored images with an original label
    bias: _Floats  # float64, shape (M,): estimated effect of raters' errors on the accuracy of each model
    n_labels: _Ints  # int64, shape (B + 1,): labels of rated images; each image counts once
    n_images_without_labels: _Ints  # int64, shape (B + 1,): rated images without a label; each image counts once
    n_rated_images: int  # number of rated images; other images keep their labels
    n_raters: int  # number of raters
    threshold: float  # threshold of the label sets
    seed: int  # seed of the replicates

    def __post_init__(self) -> None:
        freeze(
            self,
            "hits",
            "n_scored",
            "original_hits",
            "n_original_scored",
            "bias",
            "n_labels",
            "n_images_without_labels",
        )

    @property
    def _headline(self) -> str:
        return (
            f"LabelUncertainty({len(self.models):,} models, {self.n_replicates:,} replicates, {self.n_raters:,} raters)"
        )

    def _notebook_table(self) -> ListTable:
        rows = (
            (
                model,
                format_percent(accuracy),
                format_percent_interval(self.accuracy_interval(model)),
                f"{100 * bias:+.2f}",
            )
            for model, accuracy, bias in zip(self.models, self._accuracies[0].tolist(), self.bias.tolist(), strict=True)
        )
        return ListTable(("model", "accuracy %", "true labels, 95 %", "bias, points"), len(self.models), rows)

    @property
    def n_replicates(self) -> int:
        """Number of bootstrap samples (replicates)."""
        return len(self.n_scored) - 1

    def accuracy_interval(self, model: str) -> tuple[float, float]:
        """Compute the 95 % interval of a model's accuracy over images and raters, corrected for raters' errors."""
        column = self.models.index(model)
        samples = self._accuracies[:, column]
        return normal_interval(samples[0] - self.bias[column], float(samples[1:].std(ddof=1)), 0)

    def mean_accuracy_change_in_replicates(self, model: str) -> float:
        """Compute a model's mean accuracy over bootstrap samples (replicates) minus its measured accuracy."""
        samples = self._accuracies[:, self.models.index(model)]
        return float(samples[1:].mean() - samples[0])

    def difference_interval(self, a: str, b: str) -> tuple[float, float]:
        """Compute the 95 % interval of the difference in ReaL accuracy of a and b, over images and raters."""
        first, second = self.models.index(a), self.models.index(b)
        difference = self._accuracies[0, first] - self._accuracies[0, second]
        return normal_interval(difference, self.difference_standard_deviations[first, second])

    @cached_property
    def difference_standard_deviations(self) -> _Floats:
        """Standard deviation of each pair's difference in accuracy, over images and raters; shape (M, M)."""
        return _compute_pair_standard_deviations(self._accuracies[1:])

    @cached_property
    def lead_change_standard_deviations(self) -> _Floats:
        """For each pair of models, the standard deviation of the change in lead between labels; shape (M, M).

        The lead is the difference in accuracy. The change is the lead by reassessed labels minus the lead by original
        labels.
        """
        is_used = self.n_original_scored > 0
        is_used[0] = False
        original = self.original_hits[is_used] / self.n_original_scored[is_used, None]
        return _compute_pair_standard_deviations(self._accuracies[is_used] - original)

    def probability_ahead(self, a: str, b: str) -> float:
        """Compute the share of bootstrap samples where `a` is better than `b`; a tie counts as one half.

        The differences are shifted first, so that their mean is the measured difference.
        """
        difference = self._accuracies[:, self.models.index(a)] - self._accuracies[:, self.models.index(b)]
        shifted = difference[1:] - difference[1:].mean() + difference[0]
        return float(np.mean((np.sign(shifted) + 1) / 2))

    def to_json(self, model_pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """Return a dict for JSON output, with results for the given pairs of models."""
        return {
            "interval": "95 %, normal, with the bootstrap standard deviation over images and raters; of a model: its "
            "accuracy by labels without raters' errors",
            "replicates": self.n_replicates,
            "seed": self.seed,
            "threshold": self.threshold,
            "raters": self.n_raters,
            "models": [
                {
                    "file": model,
                    **_interval_to_json(self.accuracy_interval(model)),
                    "bias": bias,
                    "shift": self.mean_accuracy_change_in_replicates(model),
                }
                for model, bias in zip(self.models, self.bias.tolist(), strict=True)
            ],
            "pairs": [
                {
                    "a": a,
                    "b": b,
                    **_interval_to_json(self.difference_interval(a, b)),
                    "probability_a": self.probability_ahead(a, b),
                }
                for a, b in model_pairs
            ],
            "sets": self.label_counts_to_json(),
        }

    def label_counts_to_json(self) -> dict[str, Any]:
        """Return the number of labels and of images without labels; each as measured, and its mean in replicates."""
        return {
            "rated_images": self.n_rated_images,
            "labels": int(self.n_labels[0]),
            "labels_in_replicates": float(self.n_labels[1:].mean()),
            "empty_images": int(self.n_images_without_labels[0]),
            "empty_images_in_replicates": float(self.n_images_without_labels[1:].mean()),
        }

    @cached_property
    def _accuracies(self) -> _Floats:
        return np.asarray(self.hits / self.n_scored[:, None])


def label_uncertainty(
    panel: Panel,
    label_resampler: LabelResampler,
    *,
    replicates: int = 1000,
    seed: int = 0,
    show_progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> LabelUncertainty:
    """Measure the accuracy of models on resampled images, with label sets from the votes of resampled raters.

    Assumptions: unrated images keep their labels, and original labels keep their votes. The experts' answers and the
    raters' confusion matrices are fixed. Raters err independently of each other, and models have not learned the
    raters' errors.

    Parameters
    ----------
    panel
        The models, evaluated with the label sets that `label_resampler` makes at equal weights.
    label_resampler
        The recipe that makes label sets from votes.
    replicates
        Number of replicates, at least 40.
    seed
        Seed of the replicates.
    show_progress
        A function that wraps the iterable over blocks of replicates, to show progress.

    Returns
    -------
    LabelUncertainty

    Raises
    ------
    DataError
        The panel was evaluated with other label sets; none of its images is scored; there are too few replicates, or
        too few with a scored image.

    Examples
    --------
    >>> from reassess import LabelSets, Questions
    >>> images = [f"{i}.png" for i in range(50)]
    >>> questions = Questions.from_columns(images, np.zeros(50, int))
    >>> matrices = np.array([[[0.9, 0.1], [0.2, 0.8]]] * 3)  # three raters, who say yes to every question
    >>> votes = np.repeat(np.arange(50), 3), np.tile([1, 3, 5], 50)
    >>> again = LabelResampler(questions, *votes, matrices, np.ones(3, bool), np.zeros(50), threshold=0.8)
    >>> labels = LabelSets.from_lists(images, [[0]] * 50)
    >>> predicted = {"one": np.zeros(50, int), "two": np.repeat([0, 1], 25)}
    >>> uncertainty = label_uncertainty(Panel.from_predictions(predicted, labels), again)
    >>> uncertainty.probability_ahead("one", "two"), uncertainty.accuracy_interval("one")
    (1.0, (1.0, 1.0))

    Notes
    -----
    Sources: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007), for resampling both sides of a
    crossed design; Efron and Tibshirani, "An introduction to the bootstrap" (1993), sections 6.5 and 10.2, for the
    parametric bootstrap and the estimate of bias.
    """
    check_panel(panel)
    check_replicates(replicates)
    check_number(seed, 0, value_name="seed", is_whole=True)
    panel.check_has_scored_images()
    images, counter = len(panel.images), HitCounter.from_panel(panel, label_resampler)
    original = (
        label_resampler.find_questions_that_reach_threshold(np.ones((1, label_resampler.n_raters), np.int64)),
        np.ones((1, images), np.uint8),
    )
    parts = [counter.count_hits_in_replicates(*original)]
    if (
        parts[0].n_scored[0] != np.count_nonzero(panel.is_scored)
        or (parts[0].hits[0] != panel.is_valid.sum(axis=1)).any()
    ):
        raise DataError(
            "different-labels",
            "models were evaluated with label sets that were not made from these votes",
            fix="evaluate them with label sets from these votes",
        )
    rng = np.random.default_rng(seed)
    for start in show_progress(range(0, replicates, _BLOCK_REPLICATES)):
        parts.append(
            counter.count_hits_in_replicates(
                *_draw_replicates(label_resampler, images, min(_BLOCK_REPLICATES, replicates - start), rng)
            )
        )
    counts = ReplicateCounts(*map(np.concatenate, zip(*parts, strict=True)))
    counts = counts.select(counts.n_scored > 0)
    check_replicates(len(counts.n_scored) - 1)
    return LabelUncertainty(
        models=panel.models,
        **counts._asdict(),
        bias=_estimate_bias(counter, label_resampler, counts.hits[0] / counts.n_scored[0], seed),
        n_rated_images=int(np.count_nonzero(counter.is_rated)),
        n_raters=label_resampler.n_raters,
        threshold=label_resampler.threshold,
        seed=seed,
    )


def _draw_replicates(
    label_resampler: LabelResampler, n_images: int, n_replicates: int, rng: np.random.Generator
) -> tuple[_Bools, _ImageCounts]:
    """Draw samples of raters and images. Return which questions are valid, and how often each image is drawn."""
    raters, times = (
        np.empty((n_replicates, label_resampler.n_raters), np.int64),
        np.empty((n_replicates, n_images), np.uint8),
    )
    for rater_counts, image_counts in zip(raters, times, strict=True):
        rater_counts[:], image_counts[:] = (
            draw_bootstrap_counts(rng, label_resampler.n_raters),
            draw_bootstrap_counts(rng, n_images),
        )
    return label_resampler.find_questions_that_reach_threshold(raters), times


def _estimate_bias(counter: HitCounter, label_resampler: LabelResampler, accuracies: _Floats, seed: int) -> _Floats:
    """Estimate how much raters' errors change the accuracy of each model, by simulating new answers."""
    rng = np.random.default_rng([seed, 1])
    truths = label_resampler.find_questions_that_reach_threshold(np.ones((1, label_resampler.n_raters), np.int64))[:, 0]
    kept = label_resampler.simulate_questions_that_reach_threshold(truths, _BIAS_REPLICATES, rng)
    counts = counter.count_hits_in_replicates(kept, np.ones((_BIAS_REPLICATES, len(counter.is_rated)), np.uint8))
    counts = counts.select(counts.n_scored > 0)
    check_replicates(len(counts.n_scored))
    return np.asarray((counts.hits / counts.n_scored[:, None]).mean(axis=0) - accuracies)


def _compute_pair_standard_deviations(samples: _Floats) -> _Floats:
    """Compute the standard deviation of the difference of every pair of columns; shape (M, M)."""
    covariance = np.atleast_2d(np.cov(samples, rowvar=False))
    variances = np.diag(covariance)
    sums = variances[:, None] + variances
    squares = sums - 2 * covariance
    return np.sqrt(np.where(squares > _VARIANCE_TOLERANCE * sums, squares, 0))


def _interval_to_json(interval: tuple[float, float]) -> dict[str, float]:
    return dict(zip(("low", "high"), interval, strict=True))
