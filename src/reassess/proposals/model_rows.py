"""What each model says of the images: its first classes, and its most probable (image, class) pairs over all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.core import Benchmark, LabelSets, Match, Predictions
from reassess.core.image_names import image_keys, suggest_match
from reassess.errors import DataError, at
from reassess.evaluation import find_outcomes
from reassess.evaluation.outcomes import UNKNOWN
from reassess.evaluation.probabilities import kind_of_scores, output_classes, probability_blocks
from reassess.numeric.arrays import Descending, Largest
from reassess.text import some

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


class ImageNumbers:
    """The images, by number: the known ones in their order; if none are known, the models' images."""

    def __init__(self, match: Match = "path", *known: Sequence[str]) -> None:
        self.match = match
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self.known = any(known)
        for names in known:
            self.numbers(names)

    def numbers(self, names: Sequence[str], match: Match | None = None) -> _Ints:
        """The number of each image; one that is new gets the next. Of several spellings the first by name is kept."""
        numbers = np.empty(len(names), np.int64)
        for row, (name, key) in enumerate(zip(names, image_keys(names, match or self.match), strict=True)):
            number = numbers[row] = self._number.setdefault(key, len(self.names))
            if number == len(self.names):
                self.names.append(name)
            elif not self.known:
                self.names[number] = min(name, self.names[number])
        return numbers

    @property
    def places(self) -> _Ints:
        """The place of each number in the order of the candidates: by key where the images were not known."""
        places = np.arange(len(self.names))
        if not self.known:
            places[[self._number[key] for key in sorted(self._number)]] = np.arange(places.size)
        return places


@dataclass(frozen=True)
class Seen:
    """One model, as far as its first classes go."""

    name: str  # of the model
    images: _Ints  # the number of the image of each row; -1 for one that no file knows
    top1: npt.NDArray[np.int32]  # its first class; -1 if that is not a class
    kind: str  # what its scores are, as `kind_of_scores` says; "ids" if it has ids only

    def moved(self, places: _Ints) -> "Seen":
        """The same with another number for each image."""
        return replace(self, images=np.where(self.images >= 0, places[self.images], -1))


def see(
    name: str,
    predictions: Predictions,
    index: ImageNumbers,
    original: LabelSets,
    ignore_unknown: bool,
    benchmark: Benchmark,
) -> Seen:
    """Join a model with the images, and find its first classes."""
    with at(name):
        outcomes = find_outcomes(
            predictions,
            original,
            original=original if len(original) else None,
            benchmark=benchmark,
            match=index.match,
            ignore_unknown=ignore_unknown,
            also_known=[] if index.known else [predictions.images or ()],
            name=name,
        )
        known = np.flatnonzero(outcomes.state != UNKNOWN)
        if not known.size:
            raise _no_image(outcomes.images, index)
        images = np.full(len(outcomes), -1)
        images[known] = index.numbers([outcomes.images[row] for row in known.tolist()])
        kind = "ids" if predictions.scores is None else kind_of_scores(predictions)
    return Seen(name=name, images=images, top1=outcomes.top1, kind=kind)


def _no_image(images: Sequence[str], index: ImageNumbers) -> DataError:
    """The error for a model that would have no say at all."""
    return DataError(
        "nothing-in-common",
        "no image of the model is known",
        allowed=f"names such as {some(index.names, most=2)}" if index.names else None,
        found=some(images, most=2) if images else "no image",
        fix=suggest_match(images, index.names, match=index.match) or "check the names, or remove the model",
    )


@dataclass(frozen=True)
class BestPairs:
    """The most probable pairs of one model on the images that go to raters, the most probable first."""

    images: _Ints
    class_ids: _Ints
    # Place of the pair among all of the model's pairs, on any image, from 1. Of equal probabilities the image that
    # comes first is before the others, and then the lower class id.
    places: _Ints
    probabilities: _Floats
    top1_probabilities: _Floats  # of each of the model's rows; NaN if raters are not asked about its image
    pairs: int  # all pairs of known images and of classes with an output


def best_pairs(predictions: Predictions, seen: Seen, to_raters: npt.NDArray[np.bool_], most: int) -> BestPairs:
    """The `most` most probable pairs on images that go to raters, in one pass over the scores.

    First the rows of these images, which set how probable a pair must be; then the others, whose pairs only count for
    the places.
    """
    classes = output_classes(predictions)
    width = int(classes[-1]) + 1
    rows = np.argsort(seen.images, kind="stable")
    rows = rows[seen.images[rows] >= 0]
    asked = to_raters[seen.images[rows]]
    first, top1 = np.full(len(predictions), np.nan), np.searchsorted(classes, seen.top1)
    as_they_are = seen.kind == "probabilities"

    largest = Largest(most)
    for part, values in probability_blocks(predictions, rows[asked], as_they_are=as_they_are):
        of_part = rows[asked][part]
        first[of_part] = np.take_along_axis(values, top1[of_part, None], axis=1)[:, 0]
        at = np.flatnonzero(values > largest.above)
        row, column = np.divmod(at, classes.size)
        largest.add(values.ravel()[at], seen.images[of_part][row] * width + classes[column])
    probabilities, positions = largest.ordered()

    before, kept = np.zeros(positions.size + 1, np.int64), Descending(probabilities, positions, to_raters.size * width)
    lowest = probabilities[-1] if positions.size else np.inf
    for part, values in probability_blocks(predictions, rows[~asked], as_they_are=as_they_are):
        at = np.flatnonzero(values >= lowest)
        row, column = np.divmod(at, classes.size)
        others = seen.images[rows[~asked][part]][row] * width + classes[column]
        before += np.bincount(kept.before(values.ravel()[at], others), minlength=before.size)
    return BestPairs(
        images=positions // width,
        class_ids=positions % width,
        places=1 + np.arange(positions.size) + np.cumsum(before[:-1]),
        probabilities=probabilities,
        top1_probabilities=first,
        pairs=rows.size * classes.size,
    )
