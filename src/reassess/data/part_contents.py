"""What is kept of a part of a benchmark that was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reassess.core.classes import Classes
from reassess.core.items import Id
from reassess.core.labels import LabelSets
from reassess.core.multi_labels import MultiLabels
from reassess.core.questions import Questions
from reassess.core.votes import Votes

__all__ = ["PartContents"]


@dataclass(frozen=True)
class PartContents:
    """How much of what a part holds, and which names it uses.

    Parameters
    ----------
    counts
        How many, by what they are.
    images
        The images that it names.
    classes
        Those that it names, or the list in which it was read; None if it is not about classes.
    answers
        How often each answer was given.
    """

    counts: Mapping[str, int]
    images: tuple[str, ...] = ()
    classes: Classes | None = None
    answers: Mapping[Id, int] = field(default_factory=dict)

    @classmethod
    def of_labels(cls, labels: LabelSets | MultiLabels) -> "PartContents":
        """Of label sets; of multi-labels, the valid classes."""
        valid = labels.valid if isinstance(labels, MultiLabels) else labels
        counts = {"images": len(valid), "labels": valid.indices.size, "classes": np.unique(valid.indices).size}
        if valid.empty_images:
            counts["empty sets"] = valid.empty_images
        return cls(counts=counts, images=valid.images, classes=valid.classes)

    @classmethod
    def of_questions(cls, questions: Questions) -> "PartContents":
        """Of questions."""
        counts = {
            "questions": len(questions),
            "images": len(questions.images),
            "classes": np.unique(questions.class_ids).size,
        }
        return cls(counts=counts, images=questions.images, classes=questions.classes)

    @classmethod
    def of_votes(cls, votes: Votes) -> "PartContents":
        """Of votes; answers that are classes are not counted one by one."""
        items = votes.items
        if isinstance(items, Questions):
            held = cls.of_questions(items)
        elif votes.classes is not None:
            counts = {"images": len(items), "classes": len(votes.answers)}
            held = cls(counts=counts, images=votes.images, classes=votes.classes)
        else:
            held = cls(counts={"items": len(items)})
        counts = {"votes": len(votes), "raters": len(votes.raters), **held.counts}
        if votes.classes is not None:
            return replace(held, counts=counts)
        given = np.bincount(votes.answer_ids, minlength=len(votes.answers)).tolist()
        return replace(held, counts=counts, answers=dict(zip(votes.answers, given, strict=True)))

    @classmethod
    def of_images(cls, images: tuple[str, ...]) -> "PartContents":
        """Of images."""
        return cls(counts={"images": len(images)}, images=images)

    @classmethod
    def of_groups(cls, groups: Mapping[int, str]) -> "PartContents":
        """Of groups of classes."""
        return cls(counts={"classes": len(groups), "groups": len(set(groups.values()))})
