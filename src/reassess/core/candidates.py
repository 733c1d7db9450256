"""What models propose for a set of images, and how that came about."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.labels import LabelSets
from reassess.core.proposals import ORIGINAL_SOURCE, Proposals
from reassess.text import Shown

__all__ = ["Candidates", "ProposingModel"]


@dataclass(frozen=True)
class ProposingModel:
    """What one model had to do with the proposals.

    Parameters
    ----------
    name
        What it is called.
    kind
        "ids", or what its scores are: "probabilities", "logits", of which the softmax was taken, or "bounded". That is
        from 0 to 1 without adding up to 1, and taken for logits.
    lacking
        Number of images that another model holds and this one does not: there it has no say.
    unknown
        Number of its images that no file knows, which are left out.
    """

    name: str
    kind: str
    lacking: int
    unknown: int


@dataclass(frozen=True, eq=False, repr=False)
class Candidates(Shown):
    """The proposals for the images that go to raters, and what was decided about all images.

    Parameters
    ----------
    proposals
        For the images that go to raters.
    set_aside
        The images on which all models that hold them agree with the original label: that label alone.
    most_probable
        N: so many of the most probable pairs of each model are proposed.
    per_image
        How many proposals an image were allowed, on average.
    models
        By name.
    keep_agreed
        Whether images on which all agree go to raters too.
    unseen
        Number of known images that no model holds, which are left out.
    without_original
        Number of images that go to raters without an original label.
    """

    proposals: Proposals
    set_aside: LabelSets
    most_probable: int
    per_image: float
    models: tuple[ProposingModel, ...]
    keep_agreed: bool
    unseen: int
    without_original: int

    @property
    def images(self) -> int:
        """Number of images that a model holds: those that go to raters and those that are set aside."""
        return len(self.proposals.questions.images) + len(self.set_aside)

    @property
    def mean_per_image(self) -> float | None:
        """Proposals an image that goes to raters, on average; None if none does."""
        images = len(self.proposals.questions.images)
        return len(self.proposals) / images if images else None

    @property
    def dissent(self) -> npt.NDArray[np.bool_]:
        """Whether each model sends each image to the raters; bool, shape (images of the proposals, models).

        It does where its first class is not the original label. An image without an original label, or any image if
        agreed ones are kept, is sent by all.
        """
        proposals = self.proposals
        is_model = np.array([source != ORIGINAL_SOURCE for source in proposals.sources], bool)
        first = (proposals.ranks == 1) & is_model[proposals.source_ids]
        by_original = np.zeros(len(proposals), bool)
        by_original[proposals.question_ids[~is_model[proposals.source_ids]]] = True
        other = np.flatnonzero(first & ~by_original[proposals.question_ids])
        sends = np.zeros((len(proposals.questions.images), len(proposals.sources)), bool)
        sends[proposals.questions.image_ids[proposals.question_ids[other]], proposals.source_ids[other]] = True
        named = np.zeros(len(sends), bool)
        named[proposals.questions.image_ids[by_original]] = True
        sends[~named | np.bool_(self.keep_agreed)] = True
        return np.asarray(sends[:, is_model])

    def of_models(self, models: Iterable[str]) -> Proposals:
        """What some of the models would have proposed with the same N, on the images which they send to raters."""
        proposals, chosen = self.proposals, set(models)
        columns = [position for position, model in enumerate(proposals.models) if model in chosen]
        sent = np.asarray(self.dissent[:, columns].any(axis=1))
        kept = np.array([source in chosen or source == ORIGINAL_SOURCE for source in proposals.sources], bool)
        image = proposals.questions.image_ids[proposals.question_ids]
        return proposals.part(np.flatnonzero(kept[proposals.source_ids] & sent[image]))

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "images": self.images,
            "set_aside": len(self.set_aside),
            "to_raters": len(self.proposals.questions.images),
            "without_original": self.without_original,
            "unseen": self.unseen,
            "proposals": len(self.proposals),
            "per_image": self.mean_per_image,
            "per_image_allowed": self.per_image,
            "most_probable": self.most_probable,
            "models": [vars(model) for model in self.models],
        }

    def _summary(self) -> list[tuple[str, str]]:
        mean = "none" if self.mean_per_image is None else f"{self.mean_per_image:.2f} an image"
        return [
            ("images", f"{self.images:,}, of which {len(self.set_aside):,} are set aside"),
            ("proposals", f"{len(self.proposals):,}, {mean}"),
            ("N", f"{self.most_probable:,}"),
        ]
