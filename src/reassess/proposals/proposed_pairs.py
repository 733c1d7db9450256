"""Golden pairs and all proposals, each with the models that decide whether raters are asked about it.

Symbols: K models, S a subset of them. With the N of all models, S sends an image to raters if one of S does not agree
with the original label, and then proposes the original label and what one of S proposes.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden import Golden
from reassess.core.candidates import Candidates
from reassess.core.image_names import image_keys
from reassess.core.proposals import ORIGINAL_SOURCE
from reassess.errors import DataError

__all__ = ["GoldenPairs", "Pairs", "all_pairs", "golden_pairs"]

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """Pairs of an image and a class, of which S proposes one if one of S proposes it and one sends its image.

    Parameters
    ----------
    members
        bool, shape (n, K): the models that propose the pair; all where it is the original label.
    sends
        bool, shape (n, K): the models that send its image to raters; all where that does not matter.
    """

    members: _Bools
    sends: _Bools

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

    @cached_property
    def _packed(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """`members` and `sends` in bits."""
        return np.packbits(self.members, axis=1), np.packbits(self.sends, axis=1)

    def lost_without(self, subset: _Bools) -> _Ints:
        """How many of the pairs that a subset proposes it would not propose without each model; int64, shape (K,)."""
        proposed = self.proposed_by(subset)
        lost = np.zeros((np.count_nonzero(proposed), subset.size), bool)
        for part in (self.members[proposed], self.sends[proposed]):
            alone = part[:, subset].sum(axis=1) == 1
            lost |= part & alone[:, None]
        return np.asarray(lost.sum(axis=0) * subset)


@dataclass(frozen=True)
class GoldenPairs:
    """The pairs on golden images: what experts judged, and what is proposed beside it.

    Parameters
    ----------
    pairs
        The golden pairs. The original label counts as proposed by every subset; so it does where it is not sent to
        raters, since the image keeps it.
    valid
        bool: whether each is valid.
    images
        int64: the image of each, by number.
    unjudged
        The proposals on golden images that are no golden pairs.
    never_proposed, set_aside, left_out
        As in `ModelChoice`.
    """

    pairs: Pairs
    valid: _Bools
    images: _Ints
    unjudged: Pairs
    never_proposed: int
    set_aside: int
    left_out: int

    @property
    def count(self) -> int:
        """Number of golden images."""
        return 1 + int(self.images.max(initial=-1))

    def of_images(self, images: _Bools) -> "GoldenPairs":
        """The golden pairs of some images, bool of shape (images,), which keep their numbers."""
        rows = images[self.images]
        return replace(self, pairs=self.pairs.part(rows), valid=self.valid[rows], images=self.images[rows])


def all_pairs(candidates: Candidates) -> tuple[Pairs, Pairs]:
    """All proposals; and the images, each as one pair that all models propose."""
    proposals, dissent = candidates.proposals, candidates.dissent
    members, original = _members(candidates)
    sends = dissent[proposals.questions.image_ids]
    return Pairs(members | original[:, None], sends), Pairs(np.ones_like(dissent), dissent)


def golden_pairs(candidates: Candidates, golden: Golden) -> GoldenPairs:
    """The golden pairs of images that a model holds, images in an order that is not that of the file.

    Raises
    ------
    DataError
        No such image is golden, or no pair of them is valid.
    """
    proposals, aside = candidates.proposals, candidates.set_aside
    asked = golden.questions.in_classes(proposals.questions.classes)
    rows, kept = proposals.questions.rows_of(asked.images), aside.find(asked.images)
    there, aside_images = (rows >= 0) | (kept >= 0), int(np.count_nonzero(kept >= 0))
    number = np.full(len(asked.images), -1)
    keys = np.array(image_keys(asked.images), object)
    number[np.flatnonzero(there)[np.argsort(keys[there], kind="stable")]] = np.arange(np.count_nonzero(there))
    judged = np.flatnonzero(there[asked.image_ids])
    image, class_id = asked.image_ids[judged], asked.class_ids[judged]
    _check(golden.valid[judged], len(asked.images))

    members, original = _members(candidates)
    found = proposals.questions.find(rows[image], class_id)
    is_original = (found >= 0) & original[found] if original.size else np.zeros(found.size, bool)
    is_kept = np.flatnonzero(kept[image] >= 0)
    judged_aside = aside.indices[kept[image][is_kept]] == class_id[is_kept]
    is_original[is_kept] = judged_aside
    of_models = np.zeros((judged.size, members.shape[1]), bool)
    of_models[found >= 0] = members[found[found >= 0]]
    sends = np.zeros_like(of_models)
    sends[rows[image] >= 0] = candidates.dissent[rows[image][rows[image] >= 0]]
    is_never = ~is_original & ~of_models.any(axis=1)
    return GoldenPairs(
        pairs=Pairs(of_models | is_original[:, None], sends | is_original[:, None]),
        valid=golden.valid[judged],
        images=number[image],
        unjudged=_unjudged(candidates, rows[rows >= 0], found[found >= 0], aside_images - int(judged_aside.sum())),
        never_proposed=int(np.count_nonzero(is_never & golden.valid[judged])),
        set_aside=aside_images,
        left_out=int(np.count_nonzero(~there)),
    )


def _members(candidates: Candidates) -> tuple[_Bools, _Bools]:
    """Which models propose each pair, bool, shape (pairs, K); and whether it is an original label."""
    by_source = candidates.proposals.by_source
    is_model = np.array([source != ORIGINAL_SOURCE for source in candidates.proposals.sources], bool)
    return by_source[:, is_model], np.asarray(by_source[:, ~is_model].any(axis=1))


def _unjudged(candidates: Candidates, images: _Ints, golden: _Ints, aside: int) -> Pairs:
    """The proposals on some images but for those that are golden; and as many original labels of images set aside."""
    questions = candidates.proposals.questions
    on_golden = np.zeros(len(questions.images), bool)
    on_golden[images] = True
    rest = on_golden[questions.image_ids]
    rest[golden] = False
    members, original = (part[rest] for part in _members(candidates))
    sends = candidates.dissent[questions.image_ids[rest]]
    kept = np.ones((aside, members.shape[1]), bool)
    return Pairs(np.concatenate([members | original[:, None], kept]), np.concatenate([sends | original[:, None], kept]))


def _check(valid: _Bools, images: int) -> None:
    if not valid.size:
        raise DataError(
            "no golden image is among those that the models hold",
            found=f"{images:,} golden images",
            mend="check that all files name the images alike, or run the models on the golden images",
        )
    if not valid.any():
        raise DataError(
            "no golden pair on the models' images is valid",
            found=f"{valid.size:,} pairs that are not valid",
            mend="without a valid pair there is no recall: judge more pairs",
        )
