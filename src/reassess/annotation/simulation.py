"""What came of a campaign that simulated raters tried: its votes, and how right the labels are that they make."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregate import aggregate
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.export import Exported, export_votes
from reassess.annotation.store.progress import Progress, progress_of
from reassess.annotation.store.shown_items import golden_truths, image_addresses
from reassess.core.benchmark import USUAL_THRESHOLD
from reassess.core.labels import LabelSets
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError

__all__ = [
    "Trial",
    "trial_of",
    "truth_of_campaign",
]


@dataclass(frozen=True, eq=False)
class Trial:
    """What came of a campaign whose truth is known.

    Parameters
    ----------
    progress
        How far the campaign is.
    most
        Number of votes that it can get at most.
    late
        Number of answers that do not count, since their question had votes enough.
    threshold
        The score from which on a class is a label.
    right
        Number of the questions that had no votes before, and have some now, of which the label is as the truth.
    missed
        Number of valid classes among them that are no label.
    mistaken
        Number of invalid classes among them that are a label.
    """

    progress: Progress
    most: int
    late: int
    threshold: float
    right: int
    missed: int
    mistaken: int

    @property
    def voted(self) -> int:
        """Number of the questions that had no votes before, and have some now."""
        return self.right + self.missed + self.mistaken

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        states = ("questions", "open", "closed_by_rule", "closed_by_votes", "votes")
        labels = ("threshold", "voted", "right", "missed", "mistaken")
        return {
            **{name: getattr(self.progress, name) for name in states},
            "votes_at_most": self.most,
            "late": self.late,
            "labels": {name: getattr(self, name) for name in labels},
        }


def trial_of(campaign: Campaign, before: Votes, truth: Callable[[str, int], bool], now: float) -> Trial:
    """What came of a campaign whose truth is known.

    Its labels are those that the exported votes make, at the threshold of its benchmark or else the usual one.

    Parameters
    ----------
    campaign
        The campaign.
    before
        The votes that were there before, of people, for whom another truth held.
    truth
        Whether a class is valid, by the address of its image and the class id.
    now
        The time, in seconds.
    """
    progress, exported = progress_of(campaign, now), export_votes(campaign)
    threshold = campaign.settings.get("threshold", USUAL_THRESHOLD)
    label = valid = np.zeros(0, bool)
    if len(exported.votes):
        is_measured = any(rater.confusion.any() for rater in progress.raters)
        scores = _scores(campaign, exported, is_measured=is_measured)
        is_new = before.find(scores.questions) < 0
        label, valid = (scores.values >= threshold)[is_new], _truths(campaign, scores, truth)[is_new]
    return Trial(
        progress=progress,
        most=campaign.rules.votes * progress.questions,
        late=exported.late,
        threshold=threshold,
        right=int(np.count_nonzero(label == valid)),
        missed=int(np.count_nonzero(valid & ~label)),
        mistaken=int(np.count_nonzero(label & ~valid)),
    )


def _scores(campaign: Campaign, exported: Exported, *, is_measured: bool) -> Scores:
    """The scores of the votes by the default method, with golden answers if raters are measured on them."""
    if not is_measured or exported.golden is None or exported.rater_golden is None:
        return aggregate(exported.votes, "em").scores
    return aggregate(
        exported.votes,
        experts=exported.golden,
        rater_golden=exported.rater_golden,
        original=exported.original if campaign.original_votes else None,
        at_least=campaign.at_least,
    ).scores


def _truths(campaign: Campaign, scores: Scores, truth: Callable[[str, int], bool]) -> npt.NDArray[np.bool_]:
    """Whether each class with a score is valid."""
    address = {name: address for address, name in image_addresses(campaign).items()}
    asked = scores.questions
    columns = zip(asked.image_ids.tolist(), asked.class_ids.tolist(), strict=True)
    return np.array([truth(address[asked.images[image]], class_id) for image, class_id in columns], bool)


def truth_of_campaign(
    campaign: Campaign, labels: LabelSets | None = None, *, seed: int = 0
) -> Callable[[str, int], bool]:
    """Whether a class is valid, by the address of an image and the class id.

    Parameters
    ----------
    campaign
        The campaign.
    labels
        The valid classes of each image, in the campaign's list of classes; without them a class of which the truth is
        not known is valid as often as golden questions are, by chance.
    seed
        Of that chance.

    Raises
    ------
    DataError
        Labels lack an image of the campaign.
    """
    golden = golden_truths(campaign)
    share = sum(golden.values()) / len(golden) if golden else 0.5
    if labels is None:
        return lambda address, class_id: golden.get(
            (address, class_id), Random(f"{seed} {address} {class_id}").random() < share
        )
    valid = {}
    names = image_addresses(campaign)
    rows = labels.find(tuple(names.values()))
    for (address, name), row in zip(names.items(), rows.tolist(), strict=True):
        if row < 0:
            raise DataError(
                "missing-labels",
                "image of the campaign is not in the labels",
                found=name,
                fix="give the labels of all images",
            )
        valid[address] = set(labels.indices[labels.indptr[row] : labels.indptr[row + 1]].tolist())
    return lambda address, class_id: class_id in valid[address]
