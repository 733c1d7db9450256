"""Model or label: where a model disagrees with the original label, whose class did the raters find more valid?

Scores may count the original label itself as a voter, as ReaL's do on animals. So the question is also put to scores
that were made from the raters alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.comparison_words import NO_RATERS_ALONE
from reassess.comparison.panel import Panel, check_panel
from reassess.core import LabelSets, Match, Scores
from reassess.core.image_names import join
from reassess.numeric import Proportion
from reassess.text import Shown, percent

_Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class PreferenceCounts:
    """On how many images the model's class has the higher score, both the same, or the original label the higher."""

    model: int
    tied: int
    label: int

    @property
    def preferred(self) -> Proportion:
        """The model's class has the higher score, of all images on which the two were compared."""
        return Proportion(self.model, self.model + self.tied + self.label)

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        low, high = self.preferred.interval or (None, None)
        counts = {"rated": self.preferred.n, "preferred": self.model, "tied": self.tied, "label": self.label}
        return counts | {"low": low, "high": high}


@dataclass(frozen=True, repr=False)
class Disagreements(Shown):
    """Images on which a model's first class is not the original label."""

    images: int  # Their number
    unrated_images: int  # Of these images, those without a rated class
    by_scores: PreferenceCounts  # Which class has the higher score, on the images for which the model's class was rated
    # The same by scores of the raters alone, on the images for which they rated the model's class; None without such
    # scores
    by_raters: PreferenceCounts | None

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "disagreements": self.images,
            **self.by_scores.to_json(),
            "unrated_images": self.unrated_images,
            "raters_only": None if self.by_raters is None else self.by_raters.to_json(),
        }


@dataclass(frozen=True, repr=False)
class Preference(Shown):
    """Whose class is preferred, one model's or that of the original labels."""

    model: str  # Name of the model
    total: Disagreements  # All images on which they disagree
    # The same by group of the original label: of ImageNet, animals and others; else empty
    by_group: Mapping[str, Disagreements] = field(default_factory=dict)

    def __str__(self) -> str:
        rated, total = self.total.by_scores.preferred.n, self.total.images
        text = f"{self.model}: {total:,} disagreements with the original labels, {rated:,} of them rated"
        alone = "" if self.total.by_raters is None else _in_words("; raters alone: ", self.total.by_raters)
        return text + _in_words(": ", self.total.by_scores) + alone

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold; what is null has its reason beside it."""
        document = {"file": self.model, **self.total.to_json(), "interval": "95 %, Wilson, over images"}
        if self.total.by_raters is None:
            document["raters_only_reason"] = NO_RATERS_ALONE
        return document | {"by_group": {name: part.to_json() for name, part in self.by_group.items()}}


def preferences(
    panel: Panel,
    original: LabelSets,
    scores: Scores,
    raters: Scores | None = None,
    *,
    groups: Mapping[int, str] | None = None,
) -> tuple[Preference, ...]:
    """For each model, whose class is preferred where it disagrees with the original label.

    The model's class must have been rated. If the original label was not, it counts as if its score were 0.

    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, figure 1.
    """
    check_panel(panel)
    scores = scores.in_classes(original.classes)
    raters = None if raters is None else raters.in_classes(original.classes)
    known = np.flatnonzero(panel.original_known)
    own = original.indices[original.indptr[panel.original_rows[known]]]
    images = [panel.images[image] for image in known.tolist()]
    judge = _Judge.of(scores, images, own, panel.match)
    alone = None if raters is None else _Judge.of(raters, images, own, panel.match)
    group_of = groups or {}
    group = np.array([group_of.get(class_id, "") for class_id in own.tolist()])

    def disagreements(top1: _Ints, among: npt.NDArray[np.bool_]) -> Disagreements:
        images = np.flatnonzero(among & (top1 != own))
        return Disagreements(
            images=images.size,
            unrated_images=int(np.count_nonzero(judge.rows[images] < 0)),
            by_scores=judge.count(images, top1[images]),
            by_raters=None if alone is None else alone.count(images, top1[images]),
        )

    everywhere = np.ones(known.size, bool)
    names = list(dict.fromkeys(group_of.values()))
    return tuple(
        Preference(
            model=model,
            total=disagreements(top1, everywhere),
            by_group={name: disagreements(top1, group == name) for name in names},
        )
        for model, top1 in zip(panel.models, panel.top1[:, known], strict=True)
    )


@dataclass(frozen=True, eq=False)
class _Judge:
    """Scores, where each of some images stands among them, -1 if not at all, and the score of its original label."""

    scores: Scores
    rows: npt.NDArray[np.int64]
    of_label: npt.NDArray[np.float64]

    @classmethod
    def of(cls, scores: Scores, images: Sequence[str], labels: _Ints, match: Match) -> "_Judge":
        rows = join(images, scores.questions.images, match=match, known_where="the scores")
        return cls(scores=scores, rows=rows, of_label=np.nan_to_num(scores.at(rows, labels)))

    def count(self, images: npt.NDArray[np.int64], predicted: _Ints) -> PreferenceCounts:
        """Compare predicted classes of some images, where they were rated, with the original labels."""
        of_model, of_label = self.scores.at(self.rows[images], predicted), self.of_label[images]
        return PreferenceCounts(
            model=int(np.count_nonzero(of_model > of_label)),
            tied=int(np.count_nonzero(of_model == of_label)),
            label=int(np.count_nonzero(of_model < of_label)),
        )


def _in_words(start: str, counts: PreferenceCounts) -> str:
    """Shares for the model and for the label; nothing where no image was rated."""
    preferred = counts.preferred
    if preferred.value is None or preferred.interval is None:
        return ""
    low, high = map(percent, preferred.interval)
    share = f"{start}{percent(preferred.value)} % for the model [{low}, {high}]"
    return f"{share}, {percent(counts.label / preferred.n)} % for the label"
