"""The predictions of each model for the images: first classes, and most probable (image, class) pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.core import Benchmark, LabelSets, Match, Predictions
from reassess.core.image_names import image_keys, suggest_match
from reassess.errors import DataError, add_place_to_errors
from reassess.evaluation import find_outcomes
from reassess.evaluation.outcomes import UNKNOWN
from reassess.evaluation.probabilities import output_classes, probability_blocks, score_kind
from reassess.numeric.arrays import DescendingValues, LargestValues
from reassess.text import join_first

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


class ImageNumbers:
    """Numbers of the known images in their order, or of all images of the models if none are known."""

    def __init__(self, match: Match = "path", *known: Sequence[str]) -> None:
        self.match = match
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self.are_known = any(known)
        for names in known:
            self.numbers(names)

    def numbers(self, names: Sequence[str], match: Match | None = None) -> _Ints:
        """Return the number of each image; a new image gets the next number.

        If models spell the name of an image differently, the alphabetically first name is kept.
        """
        numbers = np.empty(len(names), np.int64)
        for row, (name, key) in enumerate(zip(names, image_keys(names, match or self.match), strict=True)):
            number = numbers[row] = self._number.setdefault(key, len(self.names))
            if number == len(self.names):
                self.names.append(name)
            elif not self.are_known:
                self.names[number] = min(name, self.names[number])
        return numbers

    @property
    def places(self) -> _Ints:
        """Position of each number in the order of the candidates: by key if the images were not known."""
        places = np.arange(len(self.names))
        if not self.are_known:
            places[[self._number[key] for key in sorted(self._number)]] = np.arange(places.size)
        return places


@dataclass(frozen=True)
class JoinedModel:
    """The first classes of a model, joined with the images."""

    name: str
    images: _Ints  # the number of the image of each row; -1 for an unknown image
    top1: npt.NDArray[np.int32]  # the first class of each row; -1 if it is not a class
    kind: str  # the kind of its scores, see `score_kind`; "ids" without scores

    def renumbered(self, places: _Ints) -> "JoinedModel":
        """Return a copy with other numbers of the images."""
        return replace(self, images=np.where(self.images >= 0, places[self.images], -1))


def join_model(
    name: str,
    predictions: Predictions,
    index: ImageNumbers,
    original: LabelSets,
    ignore_unknown: bool,
    benchmark: Benchmark,
) -> JoinedModel:
    """Join the predictions of a model with the images, and find its first classes."""
    with add_place_to_errors(name):
        outcomes = find_outcomes(
            predictions,
            original,
            original=original if len(original) else None,
            benchmark=benchmark,
            match=index.match,
            ignore_unknown=ignore_unknown,
            known_images=[] if index.are_known else [predictions.images or ()],
            name=name,
        )
        rows = np.flatnonzero(outcomes.state != UNKNOWN)
        if not rows.size:
            raise _no_image(outcomes.images, index)
        images = np.full(len(outcomes), -1)
        images[rows] = index.numbers([outcomes.images[row] for row in rows.tolist()])
        kind = "ids" if predictions.scores is None else score_kind(predictions)
    return JoinedModel(name=name, images=images, top1=outcomes.top1, kind=kind)


def _no_image(images: Sequence[str], index: ImageNumbers) -> DataError:
    """Create the error for a model without a known image."""
    return DataError(
        "nothing-in-common",
        "no image of the model is known",
        allowed=f"names such as {join_first(index.names, max_items=2)}" if index.names else None,
        found=join_first(images, max_items=2) if images else "no image",
        fix=suggest_match(images, index.names, match=index.match) or "check the names, or remove the model",
    )


@dataclass(frozen=True)
class BestPairs:
    """The most probable (image, class) pairs of a model on images for raters, sorted by probability."""

    images: _Ints
    class_ids: _Ints
    # Rank of the pair among all pairs of the model, on any image, from 1. Pairs with equal probabilities are sorted by
    # image and then by class id.
    places: _Ints
    probabilities: _Floats
    top1_probabilities: _Floats  # of each row of the model; NaN if its image does not go to raters
    pairs: int  # number of all pairs of known images and classes with an output


def best_pairs(predictions: Predictions, model: JoinedModel, to_raters: npt.NDArray[np.bool_], limit: int) -> BestPairs:
    """Find the `limit` most probable pairs on images that go to raters, in one pass over the scores.

    The images that go to raters are read first, which sets the lowest probability. The other images are read only to
    count the pairs before each rank.
    """
    classes = output_classes(predictions)
    width = int(classes[-1]) + 1
    rows = np.argsort(model.images, kind="stable")
    rows = rows[model.images[rows] >= 0]
    goes_to_raters = to_raters[model.images[rows]]
    first, top1 = np.full(len(predictions), np.nan), np.searchsorted(classes, model.top1)
    as_they_are = model.kind == "probabilities"

    largest = LargestValues(limit)
    for part, values in probability_blocks(predictions, rows[goes_to_raters], is_probabilities=as_they_are):
        of_part = rows[goes_to_raters][part]
        first[of_part] = np.take_along_axis(values, top1[of_part, None], axis=1)[:, 0]
        at = np.flatnonzero(values > largest.above)
        row, column = np.divmod(at, classes.size)
        largest.add(values.ravel()[at], model.images[of_part][row] * width + classes[column])
    probabilities, positions = largest.in_descending_order()

    before, ranking = (
        np.zeros(positions.size + 1, np.int64),
        DescendingValues(probabilities, positions, to_raters.size * width),
    )
    lowest = probabilities[-1] if positions.size else np.inf
    for part, values in probability_blocks(predictions, rows[~goes_to_raters], is_probabilities=as_they_are):
        at = np.flatnonzero(values >= lowest)
        row, column = np.divmod(at, classes.size)
        other_positions = model.images[rows[~goes_to_raters][part]][row] * width + classes[column]
        before += np.bincount(ranking.count_preceding(values.ravel()[at], other_positions), minlength=before.size)
    return BestPairs(
        images=positions // width,
        class_ids=positions % width,
        places=1 + np.arange(positions.size) + np.cumsum(before[:-1]),
        probabilities=probabilities,
        top1_probabilities=first,
        pairs=rows.size * classes.size,
    )
