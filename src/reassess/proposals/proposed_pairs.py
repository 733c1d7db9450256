"""Golden pairs and all candidates, each with the models that decide whether raters are asked about it.

Symbols: K models, S a subset of them. S proposes what `propose` would with the models of S only and the N of
all models. S sends an image to raters if one of S that holds it does not agree with the original label; then it
proposes the original label and what one of S proposes. An image that S holds and does not send keeps its original
label. An image that none of S holds has no candidate, not even its original label.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.aggregation import Golden
from reassess.core import ProposalResult, Questions
from reassess.core.image_names import image_keys
from reassess.errors import DataError
from reassess.numeric.proportions import lower_bound

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """Pairs of an image and a class. S proposes one if one of S proposes it and one sends its image."""

    members: _Bools  # (n, K): the models that propose the pair
    sends: _Bools  # (n, K): the models that send its image to raters

    def __len__(self) -> int:
        return len(self.members)

    def part(self, rows: npt.NDArray[np.generic]) -> "Pairs":
        """Some of the pairs."""
        return Pairs(self.members[rows], self.sends[rows])

    def proposed_by(self, subset: _Bools) -> _Bools:
        """Whether a subset, bool of shape (K,), proposes each pair."""
        wanted = np.packbits(subset)
        members, sends = ((part & wanted).any(axis=1) for part in self._packed)
        return np.asarray(members & sends)

    def count(self, subset: _Bools) -> int:
        """How many of the pairs a subset proposes."""
        return int(np.count_nonzero(self.proposed_by(subset)))

    @cached_property
    def _packed(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """`members` and `sends` in bits."""
        return np.packbits(self.members, axis=1), np.packbits(self.sends, axis=1)


@dataclass(frozen=True)
class GoldenPairs:
    """The pairs on golden images: what experts judged, and what is proposed beside it."""

    # The original label counts as proposed by every model that has the image, also if the image is not sent to raters,
    # since it then keeps that label.
    pairs: Pairs
    valid: _Bools  # whether each is valid
    images: _Ints  # the image of each, by number
    # Candidates on golden images without a golden answer, and the original labels that stay there.
    without_golden: Pairs
    without_golden_images: _Ints  # the image of each of them, by number
    not_candidates: int  # this and the following as in `ModelChoice`
    set_aside: int
    not_predicted: int

    @property
    def count(self) -> int:
        """Number of golden images."""
        return 1 + int(self.images.max(initial=-1))

    def of_images(self, images: _Bools) -> "GoldenPairs":
        """The golden pairs of some images, bool of shape (images,), which keep their numbers."""
        rows, others = images[self.images], images[self.without_golden_images]
        return replace(
            self,
            pairs=self.pairs.part(rows),
            valid=self.valid[rows],
            images=self.images[rows],
            without_golden=self.without_golden.part(others),
            without_golden_images=self.without_golden_images[others],
        )

    def recall_bound(self, subset: _Bools, *, confidence: float) -> float:
        """The recall that a subset has at least, as far as these images show it."""
        counts = [
            np.bincount(self.images[part], minlength=self.count)
            for part in (self.valid & self.pairs.proposed_by(subset), self.valid)
        ]
        return lower_bound(*counts, confidence=confidence)


def sent_pairs(result: ProposalResult) -> Pairs:
    """All pairs that go to raters; an original label does with its image, whoever sends that."""
    sends = result.sends[result.candidates.questions.image_ids]
    return Pairs(result.proposes | result.is_original[:, None], sends)


def golden_pairs(result: ProposalResult, golden: Golden) -> GoldenPairs:
    """The golden pairs of images that a model holds, images in an order that is not that of the file."""
    questions, pairs = _kept_pairs(result)
    asked = golden.questions.in_classes(questions.classes)
    rows = questions.rows_of(asked.images)
    there = np.flatnonzero(rows >= 0)
    number = np.full(len(asked.images), -1)
    keys = np.array(image_keys(asked.images), object)
    number[there[np.argsort(keys[there], kind="stable")]] = np.arange(there.size)
    judged = np.flatnonzero(number[asked.image_ids] >= 0)
    valid, image = golden.valid[judged], asked.image_ids[judged]
    _check(valid, len(asked.images))

    found = questions.find(rows[image], asked.class_ids[judged])
    number_of = np.full(len(questions.images), -1)
    number_of[rows[there]] = number[there]
    without_golden = number_of[questions.image_ids] >= 0
    without_golden[found[found >= 0]] = False
    return GoldenPairs(
        pairs=_at(pairs, found),
        valid=valid,
        images=number[image],
        without_golden=pairs.part(without_golden),
        without_golden_images=number_of[questions.image_ids[without_golden]],
        not_candidates=int(np.count_nonzero(valid & (found < 0))),
        set_aside=int(np.count_nonzero(rows >= len(result.sends))),
        not_predicted=int(np.count_nonzero(rows < 0)),
    )


def _kept_pairs(result: ProposalResult) -> tuple[Questions, Pairs]:
    """All pairs that a subset may propose, and the original labels of all images, which stay where they are held."""
    proposed, aside, original = result.candidates.questions, result.set_aside, result.is_original[:, None]
    asked, classes = len(proposed.images), result.candidates.questions.classes
    questions = Questions(
        images=(*proposed.images, *aside.images),
        image_ids=np.concatenate([proposed.image_ids, asked + np.arange(len(aside), dtype=np.int32)]),
        class_ids=np.concatenate([proposed.class_ids, aside.indices]),
        classes=classes,
    )
    holds = result.predicts[questions.image_ids]
    of_proposals = slice(len(proposed))
    members, sends = holds.copy(), holds.copy()
    members[of_proposals] = np.where(original, holds[of_proposals], result.proposes)
    sends[of_proposals] = np.where(original, holds[of_proposals], result.sends[proposed.image_ids])
    return questions, Pairs(members, sends)


def _at(pairs: Pairs, rows: _Ints) -> Pairs:
    """The pairs at some rows; one that nobody proposes at -1."""
    there = (rows >= 0)[:, None]
    return Pairs(pairs.members[rows] & there, pairs.sends[rows] & there)


def _check(valid: _Bools, images: int) -> None:
    if not valid.size:
        raise DataError(
            "missing-golden",
            "models have no golden image",
            found=f"{images:,} golden images",
            fix="check that all files name the images alike, or run the models on the golden images",
        )
    if not valid.any():
        raise DataError(
            "missing-golden",
            "no golden question on the models' images is valid",
            found=f"{valid.size:,} pairs that are not valid",
            fix="recall needs a valid golden question: answer more",
        )
