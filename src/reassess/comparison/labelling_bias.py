"""Fitting to the labelling: where several classes are valid, how often does a model say the one that was the label?

A model that knows the valid classes and not how images were labelled would say any of them. One that says the original
label far more often has learned how the labels were made, or that labels name what is most prominent.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.panel import Panel
from reassess.core.classes import Classes
from reassess.core.labels import LabelSets
from reassess.numeric.arrays import freeze
from reassess.numeric.exact_tests import SMALLEST, chance_p_value
from reassess.numeric.proportion import Proportion

__all__ = ["LabellingBias", "labelling_biases"]

_NO_IMAGES = "on no image of several valid classes are the prediction and the original label both valid"


@dataclass(frozen=True, eq=False)
class LabellingBias:
    """How often one model says the original label, on images with several valid classes, this one and the label's.

    Parameters
    ----------
    model
        Name of the model.
    by_label_count
        By number of valid classes: images on which the model says the original label, of all such images.
    pairs
        int32, shape (pairs, 2): class ids, the lower first, of which one is the original label of an image and one is
        what the model says of it, both valid; pairs of most images first, then by class id.
    counts
        int64, shape (pairs, 2, 2): images by which of the two is the original label and which the model says. An image
        on which the model says the original label counts for the pair of it with each of the other valid classes.

    Examples
    --------
    >>> none = np.empty((0, 2), np.int32), np.empty((0, 2, 2), np.int64)
    >>> print(LabellingBias("one", {2: Proportion(30, 40), 4: Proportion(6, 8)}, *none))
    one: says the original label on 36 of 48 images with several valid classes, 75.0 % [61.2, 85.1]; by chance
    45.8 %, p = 5.4e-05
    """

    model: str
    by_label_count: Mapping[int, Proportion]
    pairs: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        freeze(self, "pairs", "counts")

    @property
    def original_chosen(self) -> Proportion:
        """Images on which the model says the original label, of all."""
        return sum(self.by_label_count.values(), Proportion(0, 0))

    @property
    def chance(self) -> float | None:
        """How often a model would that says any of an image's valid classes at random; None without images."""
        images = self.original_chosen.n
        return math.fsum(part.n / size for size, part in self.by_label_count.items()) / images if images else None

    @property
    def p_value(self) -> float | None:
        """Exact two-sided p-value: as many images or more, or fewer, by chance; None without images."""
        images = {size: part.n for size, part in self.by_label_count.items()}
        return chance_p_value(self.original_chosen.hits, images) if images else None

    def __str__(self) -> str:
        chosen = self.original_chosen
        if chosen.value is None or chosen.interval is None:
            return f"{self.model}: {_NO_IMAGES}"
        low, high = (f"{100 * bound:.1f}" for bound in chosen.interval)
        share = f"{100 * chosen.value:.1f} % [{low}, {high}]"
        text = f"{self.model}: says the original label on {chosen.hits:,} of {chosen.n:,} images"
        p_value = self.p_value or 1.0
        chance = f"{100 * (self.chance or 0):.1f} %, p {'<=' if p_value <= SMALLEST else '='} {p_value:.2g}"
        return f"{text} with several valid classes, {share}; by chance {chance}"

    def to_json(self, classes: Classes, *, most: int = 20) -> dict[str, Any]:
        """The object that JSON documents hold, with the `most` frequent pairs; what is null has its reason beside."""
        chosen = self.original_chosen
        low, high = chosen.interval or (None, None)
        document = {
            "file": self.model,
            "images": chosen.n,
            "original_chosen": chosen.hits,
            "low": low,
            "high": high,
            "interval": "95 %, Wilson, over images",
            "chance": self.chance,
            "p_value": self.p_value,
            "test": "two-sided, Poisson binomial: any valid class at random",
            "by_label_count": [
                {"labels": size, "images": part.n, "original_chosen": part.hits}
                for size, part in self.by_label_count.items()
            ],
            "pairs": [
                self._pair_to_json(pair, counts, classes)
                for pair, counts in zip(self.pairs[:most].tolist(), self.counts[:most].tolist(), strict=True)
            ],
        }
        return document | ({} if chosen.n else {"chance_reason": _NO_IMAGES})

    @staticmethod
    def _pair_to_json(pair: list[int], counts: list[list[int]], classes: Classes) -> dict[str, Any]:
        (both_first, second_instead), (first_instead, both_second) = counts
        return {
            "classes": [classes.named(class_id) for class_id in pair],
            "images": both_first + second_instead + first_instead + both_second,
            "original_chosen": both_first + both_second,
            "original": [both_first + second_instead, first_instead + both_second],
            "predicted": [both_first + first_instead, second_instead + both_second],
        }


def labelling_biases(panel: Panel, labels: LabelSets, original: LabelSets) -> tuple[LabellingBias, ...]:
    """For each model, how often it says the original label where several classes are valid, that and what it says too.

    Parameters
    ----------
    panel
        The models.
    labels, original
        The label sets and the original labels with which the panel was made.

    Returns
    -------
    tuple of LabellingBias, in the order of the models.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [1], [0, 1, 2]])
    >>> original = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0], [1], [2]])
    >>> panel = Panel.from_predictions({"one": np.array([0, 1, 1])}, labels, original=original)
    >>> bias = labelling_biases(panel, labels, original)[0]
    >>> bias.original_chosen, round(bias.chance, 9), bias.p_value
    (Proportion(hits=1, n=2), 0.416666667, 1.0)
    >>> bias.pairs.tolist(), bias.counts.tolist()
    ([[0, 2], [1, 2]], [[[1, 0], [0, 0]], [[0, 0], [1, 0]]])

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 5.
    """
    several = np.flatnonzero(panel.scored & panel.original_known)
    several = several[labels.sizes[panel.label_rows[several]] > 1]
    own = original.indices[original.indptr[panel.original_rows[several]]]
    valid, sizes = labels.of_rows(panel.label_rows[several])
    own_is_valid = np.zeros(several.size, bool)
    own_is_valid[np.repeat(np.arange(several.size), sizes)[valid == np.repeat(own, sizes)]] = True
    several, own = several[own_is_valid], own[own_is_valid]
    return tuple(
        _bias(model, labels, panel.label_rows[several][is_valid], own[is_valid], predicted[is_valid])
        for model, predicted, is_valid in zip(
            panel.models, panel.top1[:, several], panel.valid[:, several], strict=True
        )
    )


def _bias(
    model: str,
    labels: LabelSets,
    rows: npt.NDArray[np.int64],
    own: npt.NDArray[np.int32],
    predicted: npt.NDArray[np.int32],
) -> LabellingBias:
    """The bias on some images, of which the original label and what the model says are among the valid classes."""
    valid, sizes = labels.of_rows(rows)
    images = np.bincount(sizes)
    hits = np.bincount(sizes[predicted == own], minlength=images.size)
    by_size = {size: Proportion(int(hits[size]), int(images[size])) for size in np.flatnonzero(images).tolist()}
    own, predicted = np.repeat(own, sizes), np.repeat(predicted, sizes)
    kept = (valid != own) & ((predicted == own) | (predicted == valid))
    pairs, counts = _count_pairs(own[kept], valid[kept], predicted[kept])
    return LabellingBias(model=model, by_label_count=by_size, pairs=pairs, counts=counts)


def _count_pairs(
    own: npt.NDArray[np.int32], other: npt.NDArray[np.int32], predicted: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Pairs of classes, and how often each of the two was the original label and was said."""
    both = np.stack([np.minimum(own, other), np.maximum(own, other)], axis=1)
    pairs, number = np.unique(both, axis=0, return_inverse=True)
    counts = np.zeros((len(pairs), 2, 2), np.int64)
    np.add.at(counts, (number, (own != both[:, 0]).astype(int), (predicted != both[:, 0]).astype(int)), 1)
    order = np.argsort(-counts.sum(axis=(1, 2)), kind="stable")
    return pairs[order], counts[order]
