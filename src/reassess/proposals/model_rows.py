"""The predictions of each model for the images: top-1 classes, and most probable (image, class) pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.core import Benchmark, LabelSets, Match, Predictions
from reassess.core.image_names import image_keys, suggest_match_fix
from reassess.core.probabilities import output_classes, probability_blocks, score_kind
from reassess.errors import DataError, add_error_place
from reassess.evaluation import find_outcomes
from reassess.evaluation.outcomes import UNKNOWN
from reassess.numeric.arrays import LargestValues, SortedScores
from reassess.text import join_first

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


class ImageNumbering:
    """Numbers the images: by position among the known images, or in the order in which models name the images."""

    def __init__(self, match: Match = "path", *known_names: Sequence[str]) -> None:
        self.match = match
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self.has_known_images = any(known_names)
        for names in known_names:
            self.assign_image_numbers(names)

    def assign_image_numbers(self, names: Sequence[str], match: Match | None = None) -> _Ints:
        """Return the number of each image; a new image gets the next free number.

        If models spell the name of an image differently, the alphabetically first name is kept.
        """
        numbers = np.empty(len(names), np.int64)
        for row, (name, key) in enumerate(zip(names, image_keys(names, match or self.match), strict=True)):
            number = numbers[row] = self._number.setdefault(key, len(self.names))
            if number == len(self.names):
                self.names.append(name)
            elif not self.has_known_images:
                self.names[number] = min(name, self.names[number])
        return numbers

    @property
    def candidate_positions(self) -> _Ints:
        """Position of each image in the candidates. Known images keep their order; other images are sorted by key."""
        positions = np.arange(len(self.names))
        if not self.has_known_images:
            positions[[self._number[key] for key in sorted(self._number)]] = np.arange(positions.size)
        return positions


@dataclass(frozen=True)
class NumberedPredictions:
    """The image number and the most probable class of each row of a model's predictions."""

    name: str
    image_numbers: _Ints  # the number of the image of each row; -1 for an unknown image
    top1_ids: npt.NDArray[np.int32]  # the most probable class of each row; -1 if this output is not a class
    score_kind: str  # the kind of the model's scores, see `score_kind`; "ids" without scores

    def renumber(self, positions: _Ints) -> "NumberedPredictions":
        """Return a copy where image number i is replaced by `positions[i]`."""
        return replace(self, image_numbers=np.where(self.image_numbers >= 0, positions[self.image_numbers], -1))


def assign_image_numbers_to_predictions(
    name: str,
    predictions: Predictions,
    numbering: ImageNumbering,
    original: LabelSets,
    ignore_unknown: bool,
    benchmark: Benchmark,
) -> NumberedPredictions:
    """Find the image number and the most probable class of each row of a model's predictions."""
    with add_error_place(name):
        outcomes = find_outcomes(
            predictions,
            original,
            original=original if len(original) else None,
            benchmark=benchmark,
            match=numbering.match,
            ignore_unknown=ignore_unknown,
            known_image_lists=[] if numbering.has_known_images else [predictions.images or ()],
            name=name,
        )
        rows = np.flatnonzero(outcomes.states != UNKNOWN)
        if not rows.size:
            raise _no_known_image_error(outcomes.images, numbering)
        images = np.full(len(outcomes), -1)
        images[rows] = numbering.assign_image_numbers([outcomes.images[row] for row in rows.tolist()])
        kind = "ids" if predictions.scores is None else score_kind(predictions)
    return NumberedPredictions(name=name, image_numbers=images, top1_ids=outcomes.top1, score_kind=kind)


def _no_known_image_error(images: Sequence[str], numbering: ImageNumbering) -> DataError:
    """Create the error for a model that predicts none of the known images."""
    return DataError(
        "nothing-in-common",
        "model has predictions only for unknown images",
        allowed=f"names such as {join_first(numbering.names, max_items=2)}" if numbering.names else None,
        found=join_first(images, max_items=2) if images else "no image",
        fix=suggest_match_fix(images, numbering.names, match=numbering.match) or "check the names, or remove the model",
    )


@dataclass(frozen=True)
class MostProbablePairs:
    """The most probable (image, class) pairs of a model on images for raters, sorted by probability."""

    image_numbers: _Ints
    class_ids: _Ints
    # Ranks, from 1, among all pairs of the model on any image. Pairs with equal probabilities are sorted by image, then
    # by class id.
    ranks: _Ints
    probabilities: _Floats
    top1_probabilities_by_row: _Floats  # by row of the predictions; NaN if the image does not go to raters
    n_pairs: int  # number of all pairs of known images and classes with an output


def find_most_probable_pairs(
    predictions: Predictions, numbered: NumberedPredictions, is_sent_to_raters: npt.NDArray[np.bool_], max_pairs: int
) -> MostProbablePairs:
    """Find the `max_pairs` most probable (image, class) pairs of a model on images for raters.

    The images that go to raters are read first; their pairs give the lowest probability that matters. The other
    images are read only to count how many of their pairs are more probable than each of these pairs.
    """
    classes = output_classes(predictions)
    width = int(classes[-1]) + 1
    rows = np.argsort(numbered.image_numbers, kind="stable")
    rows = rows[numbered.image_numbers[rows] >= 0]
    goes_to_raters = is_sent_to_raters[numbered.image_numbers[rows]]
    first, top1 = np.full(len(predictions), np.nan), np.searchsorted(classes, numbered.top1_ids)
    is_probabilities = numbered.score_kind == "probabilities"

    largest = LargestValues(max_pairs)
    for part, values in probability_blocks(predictions, rows[goes_to_raters], has_probabilities=is_probabilities):
        part_rows = rows[goes_to_raters][part]
        first[part_rows] = np.take_along_axis(values, top1[part_rows, None], axis=1)[:, 0]
        positions_above = np.flatnonzero(values > largest.lower_bound)
        row, column = np.divmod(positions_above, classes.size)
        largest.add_batch(
            values.ravel()[positions_above], numbered.image_numbers[part_rows][row] * width + classes[column]
        )
    probabilities, positions = largest.in_descending_order()

    before, ranking = (
        np.zeros(positions.size + 1, np.int64),
        SortedScores(probabilities, positions, is_sent_to_raters.size * width),
    )
    lowest = probabilities[-1] if positions.size else np.inf
    for part, values in probability_blocks(predictions, rows[~goes_to_raters], has_probabilities=is_probabilities):
        positions_above = np.flatnonzero(values >= lowest)
        row, column = np.divmod(positions_above, classes.size)
        other_positions = numbered.image_numbers[rows[~goes_to_raters][part]][row] * width + classes[column]
        before += np.bincount(
            ranking.count_scores_ranked_before(values.ravel()[positions_above], other_positions), minlength=before.size
        )
    return MostProbablePairs(
        image_numbers=positions // width,
        class_ids=positions % width,
        ranks=1 + np.arange(positions.size) + np.cumsum(before[:-1]),
        probabilities=probabilities,
        top1_probabilities_by_row=first,
        n_pairs=rows.size * classes.size,
    )
