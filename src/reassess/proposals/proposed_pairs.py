"""Golden questions and candidates, each with the models that propose it.

Symbols: K models; S, a subset of them; a pair is an image and a class. S proposes the pairs of `propose` with the
models of S only and the N of all models:

- S sends an image to raters if a model of S that predicts the image does not agree with the original label. Then S
  proposes the original label, and every pair that a model of S proposes.
- An image that S predicts and does not send keeps its original label.
- An image that no model of S predicts has no candidate, not even its original label.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.aggregation import GoldenQuestions
from reassess.core import ProposalResult, Questions
from reassess.core.image_names import image_keys
from reassess.errors import DataError
from reassess.numeric.proportions import share_lower_bound
from reassess.text import count_noun

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ImageClassPairs:
    """(image, class) pairs, the models that propose each pair, and the models that send its image to raters.

    A model sends an image to raters if the most probable class of the model is not the original label.

    A set S of models proposes a pair if a model of S proposes it, and a model of S sends its image.
    """

    is_proposed: _Bools  # (n, K): the models that propose the pair
    is_sent_to_raters: _Bools  # (n, K): the models that send the image of the pair to raters

    def __len__(self) -> int:
        return len(self.is_proposed)

    def take_rows(self, rows: npt.NDArray[np.generic]) -> "ImageClassPairs":
        """Select the pairs at some rows."""
        return ImageClassPairs(self.is_proposed[rows], self.is_sent_to_raters[rows])

    def is_proposed_by(self, model_subset: _Bools) -> _Bools:
        """Return whether a subset of models, bool of shape (K,), proposes each pair."""
        bits = np.packbits(model_subset)
        members, sends = ((packed & bits).any(axis=1) for packed in self._bits_of_proposed_and_sent_pairs)
        return np.asarray(members & sends)

    def count_proposed_by(self, model_subset: _Bools) -> int:
        """Count the pairs that a subset of models proposes."""
        return int(np.count_nonzero(self.is_proposed_by(model_subset)))

    @cached_property
    def _bits_of_proposed_and_sent_pairs(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """The arrays `is_proposed` and `is_sent_to_raters`, as bits: 8 models per byte."""
        return np.packbits(self.is_proposed, axis=1), np.packbits(self.is_sent_to_raters, axis=1)


@dataclass(frozen=True)
class GoldenPairs:
    """The (image, class) pairs on golden images: golden questions, and unanswered candidates."""

    # The golden questions. Every model that predicts an image counts as proposing its original label, since the image
    # keeps that label if it is not sent to raters.
    pairs: ImageClassPairs
    is_valid: _Bools  # whether each pair is valid
    image_numbers: _Ints  # image number of each pair
    # Candidates without a golden answer on golden images, and original labels that these images keep.
    unanswered: ImageClassPairs
    unanswered_image_numbers: _Ints  # image number of each of these pairs
    n_valid_not_candidates: int  # this and the next two counts as in `ModelChoice`
    n_set_aside: int
    n_not_predicted: int

    @property
    def n_images(self) -> int:
        """Number of golden images."""
        return 1 + int(self.image_numbers.max(initial=-1))

    def select_images(self, is_selected: _Bools) -> "GoldenPairs":
        """Select the pairs of some images; image numbers stay the same."""
        rows, rows_without = is_selected[self.image_numbers], is_selected[self.unanswered_image_numbers]
        return replace(
            self,
            pairs=self.pairs.take_rows(rows),
            is_valid=self.is_valid[rows],
            image_numbers=self.image_numbers[rows],
            unanswered=self.unanswered.take_rows(rows_without),
            unanswered_image_numbers=self.unanswered_image_numbers[rows_without],
        )

    def recall_lower_bound(self, model_subset: _Bools, *, confidence: float) -> float:
        """Compute a lower confidence bound for the recall of a subset of models."""
        counts = [
            np.bincount(self.image_numbers[mask], minlength=self.n_images)
            for mask in (self.is_valid & self.pairs.is_proposed_by(model_subset), self.is_valid)
        ]
        return share_lower_bound(*counts, confidence=confidence)


def find_pairs_sent_to_raters(result: ProposalResult) -> ImageClassPairs:
    """Return all pairs on the images that go to raters, see `ImageClassPairs`.

    Each model counts as proposing the original labels.
    """
    sends = result.is_sent_to_raters[result.candidates.questions.image_ids]
    return ImageClassPairs(result.is_proposed_by_model | result.is_original[:, None], sends)


def find_golden_pairs(result: ProposalResult, golden: GoldenQuestions) -> GoldenPairs:
    """Find the pairs on golden images that a model predicts."""
    questions, pairs = _pairs_including_original_labels(result)
    golden_questions = golden.questions.convert_to_classes(questions.classes)
    rows = questions.rows_of(golden_questions.images)
    predicted_images = np.flatnonzero(rows >= 0)
    image_numbers = np.full(len(golden_questions.images), -1)
    keys = np.array(image_keys(golden_questions.images), object)
    image_numbers[predicted_images[np.argsort(keys[predicted_images], kind="stable")]] = np.arange(
        predicted_images.size
    )
    used_rows = np.flatnonzero(image_numbers[golden_questions.image_ids] >= 0)
    is_valid, image = golden.is_valid[used_rows], golden_questions.image_ids[used_rows]
    _check_has_valid_question(is_valid, len(golden_questions.images))

    pair_rows = questions.find_positions(rows[image], golden_questions.class_ids[used_rows])
    number_of = np.full(len(questions.images), -1)
    number_of[rows[predicted_images]] = image_numbers[predicted_images]
    without_golden = number_of[questions.image_ids] >= 0
    without_golden[pair_rows[pair_rows >= 0]] = False
    return GoldenPairs(
        pairs=_take_pairs(pairs, pair_rows),
        is_valid=is_valid,
        image_numbers=image_numbers[image],
        unanswered=pairs.take_rows(without_golden),
        unanswered_image_numbers=number_of[questions.image_ids[without_golden]],
        n_valid_not_candidates=int(np.count_nonzero(is_valid & (pair_rows < 0))),
        n_set_aside=int(np.count_nonzero(rows >= len(result.is_sent_to_raters))),
        n_not_predicted=int(np.count_nonzero(rows < 0)),
    )


def _pairs_including_original_labels(result: ProposalResult) -> tuple[Questions, ImageClassPairs]:
    """Return all (image, class) pairs that models may propose, including original labels."""
    proposed, set_aside, original = result.candidates.questions, result.set_aside_labels, result.is_original[:, None]
    count, classes = len(proposed.images), result.candidates.questions.classes
    questions = Questions(
        images=(*proposed.images, *set_aside.images),
        image_ids=np.concatenate([proposed.image_ids, count + np.arange(len(set_aside), dtype=np.int32)]),
        class_ids=np.concatenate([proposed.class_ids, set_aside.indices]),
        classes=classes,
    )
    predicts = result.is_predicted[questions.image_ids]
    candidates = slice(len(proposed))
    members, sends = predicts.copy(), predicts.copy()
    members[candidates] = np.where(original, predicts[candidates], result.is_proposed_by_model)
    sends[candidates] = np.where(original, predicts[candidates], result.is_sent_to_raters[proposed.image_ids])
    return questions, ImageClassPairs(members, sends)


def _take_pairs(pairs: ImageClassPairs, rows: _Ints) -> ImageClassPairs:
    """Select the pairs at some rows; row -1 gives a pair that no model proposes."""
    is_pair = (rows >= 0)[:, None]
    return ImageClassPairs(pairs.is_proposed[rows] & is_pair, pairs.is_sent_to_raters[rows] & is_pair)


def _check_has_valid_question(is_valid: _Bools, n_images: int) -> None:
    """Raise `DataError` if models predict no golden image, or no golden question is valid."""
    if not is_valid.size:
        raise DataError(
            "missing-golden",
            "models have no predictions for golden images",
            found=f"{n_images:,} golden images",
            fix="use the same image names in all files, or run the models on the golden images",
        )
    if not is_valid.any():
        raise DataError(
            "missing-golden",
            "all golden questions on the models' images have an invalid class",
            found=count_noun(is_valid.size, "invalid golden question"),
            fix="answer more golden questions: recall needs a question with a valid class",
        )
