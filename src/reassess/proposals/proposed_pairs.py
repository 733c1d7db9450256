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

from reassess.aggregation import Golden
from reassess.core import ProposalResult, Questions
from reassess.core.image_names import image_keys
from reassess.errors import DataError
from reassess.numeric.proportions import share_lower_bound
from reassess.text import count_noun

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """Pairs of an image and a class.

    S proposes a pair if a model of S proposes it and a model of S sends its image.
    """

    members: _Bools  # (n, K): the models that propose the pair
    sends: _Bools  # (n, K): the models that send its image to raters

    def __len__(self) -> int:
        return len(self.members)

    def take(self, rows: npt.NDArray[np.generic]) -> "Pairs":
        """Select some of the pairs."""
        return Pairs(self.members[rows], self.sends[rows])

    def proposed_by(self, subset: _Bools) -> _Bools:
        """Return whether a subset, bool of shape (K,), proposes each pair."""
        bits = np.packbits(subset)
        members, sends = ((packed & bits).any(axis=1) for packed in self._packed)
        return np.asarray(members & sends)

    def count(self, subset: _Bools) -> int:
        """Count the pairs that a subset proposes."""
        return int(np.count_nonzero(self.proposed_by(subset)))

    @cached_property
    def _packed(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """`members` and `sends`, packed into bits."""
        return np.packbits(self.members, axis=1), np.packbits(self.sends, axis=1)


@dataclass(frozen=True)
class GoldenPairs:
    """The pairs on golden images: golden questions, and candidates without a golden answer."""

    # The golden questions. Every model that predicts an image counts as proposing its original label, since the image
    # keeps that label if it is not sent to raters.
    pairs: Pairs
    valid: _Bools  # whether each pair is valid
    images: _Ints  # image number of each pair
    # Candidates without a golden answer on golden images, and original labels that these images keep.
    without_golden: Pairs
    without_golden_images: _Ints  # image number of each of these pairs
    not_candidates: int  # this and the next two counts as in `ModelChoice`
    set_aside: int
    not_predicted: int

    @property
    def count(self) -> int:
        """Number of golden images."""
        return 1 + int(self.images.max(initial=-1))

    def of_images(self, images: _Bools) -> "GoldenPairs":
        """Select the pairs of some images, bool of shape (images,); image numbers stay the same."""
        rows, rows_without = images[self.images], images[self.without_golden_images]
        return replace(
            self,
            pairs=self.pairs.take(rows),
            valid=self.valid[rows],
            images=self.images[rows],
            without_golden=self.without_golden.take(rows_without),
            without_golden_images=self.without_golden_images[rows_without],
        )

    def recall_bound(self, subset: _Bools, *, confidence: float) -> float:
        """Compute a lower confidence bound of the recall of a subset."""
        counts = [
            np.bincount(self.images[mask], minlength=self.count)
            for mask in (self.valid & self.pairs.proposed_by(subset), self.valid)
        ]
        return share_lower_bound(*counts, confidence=confidence)


def sent_pairs(result: ProposalResult) -> Pairs:
    """Return all pairs that go to raters; an original label goes with its image, which any model may send."""
    sends = result.is_sent[result.candidates.questions.image_ids]
    return Pairs(result.is_proposed_by_model | result.is_original[:, None], sends)


def golden_pairs(result: ProposalResult, golden: Golden) -> GoldenPairs:
    """Find the pairs on golden images that a model predicts, with images numbered by key."""
    questions, pairs = _pairs_with_original(result)
    golden_questions = golden.questions.in_classes(questions.classes)
    rows = questions.rows_of(golden_questions.images)
    predicted = np.flatnonzero(rows >= 0)
    number = np.full(len(golden_questions.images), -1)
    keys = np.array(image_keys(golden_questions.images), object)
    number[predicted[np.argsort(keys[predicted], kind="stable")]] = np.arange(predicted.size)
    used = np.flatnonzero(number[golden_questions.image_ids] >= 0)
    valid, image = golden.valid[used], golden_questions.image_ids[used]
    _check(valid, len(golden_questions.images))

    pair_rows = questions.find(rows[image], golden_questions.class_ids[used])
    number_of = np.full(len(questions.images), -1)
    number_of[rows[predicted]] = number[predicted]
    without_golden = number_of[questions.image_ids] >= 0
    without_golden[pair_rows[pair_rows >= 0]] = False
    return GoldenPairs(
        pairs=_take_or_empty(pairs, pair_rows),
        valid=valid,
        images=number[image],
        without_golden=pairs.take(without_golden),
        without_golden_images=number_of[questions.image_ids[without_golden]],
        not_candidates=int(np.count_nonzero(valid & (pair_rows < 0))),
        set_aside=int(np.count_nonzero(rows >= len(result.is_sent))),
        not_predicted=int(np.count_nonzero(rows < 0)),
    )


def _pairs_with_original(result: ProposalResult) -> tuple[Questions, Pairs]:
    """Return all pairs that a subset may propose, with the original labels of all images."""
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
    sends[candidates] = np.where(original, predicts[candidates], result.is_sent[proposed.image_ids])
    return questions, Pairs(members, sends)


def _take_or_empty(pairs: Pairs, rows: _Ints) -> Pairs:
    """Select the pairs at some rows; row -1 gives a pair that no model proposes."""
    is_pair = (rows >= 0)[:, None]
    return Pairs(pairs.members[rows] & is_pair, pairs.sends[rows] & is_pair)


def _check(valid: _Bools, images: int) -> None:
    if not valid.size:
        raise DataError(
            "missing-golden",
            "models predict no golden image",
            found=f"{images:,} golden images",
            fix="use the same image names in all files, or run the models on the golden images",
        )
    if not valid.any():
        raise DataError(
            "missing-golden",
            "no golden question on the models' images is valid",
            found=count_noun(valid.size, "invalid golden question"),
            fix="answer more golden questions: recall needs a valid one",
        )
