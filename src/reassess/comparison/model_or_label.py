"""Model or label: which class do raters prefer if a model disagrees with the original label?

Scores may count the original label as a vote, as ReaL's scores do on animals. So the comparison is also made with
scores from only the raters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.comparison_words import RATER_SCORES_MISSING
from reassess.comparison.panel import Panel, check_panel
from reassess.core import LabelSets, Match, Scores
from reassess.core.image_names import match_images
from reassess.numeric import Proportion
from reassess.text import Printable, format_percent

_Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class PreferenceCounts:
    """Numbers of images where the model's class scores higher, the original label scores higher, or they tie."""

    n_prefer_model: int
    n_ties: int
    n_prefer_original: int

    @property
    def share_preferring_model(self) -> Proportion:
        """Share of compared images where the model's class has a higher score than the original label."""
        return Proportion(self.n_prefer_model, self.n_prefer_model + self.n_ties + self.n_prefer_original)

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        low, high = self.share_preferring_model.interval or (None, None)
        counts = {
            "rated": self.share_preferring_model.n,
            "preferred": self.n_prefer_model,
            "tied": self.n_ties,
            "label": self.n_prefer_original,
        }
        return counts | {"low": low, "high": high}


@dataclass(frozen=True, repr=False)
class Disagreements(Printable):
    """Images where a model's top class is not the original label, and which of the two classes is preferred."""

    n_images: int  # number of these images
    n_unrated_images: int  # number of these images without a rated class
    preferences_by_scores: PreferenceCounts  # preference by scores, on images where the model's class was rated
    # Preference by scores from only the raters; None without these scores.
    preferences_by_raters: PreferenceCounts | None

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "disagreements": self.n_images,
            **self.preferences_by_scores.to_json(),
            "unrated_images": self.n_unrated_images,
            "raters_only": None if self.preferences_by_raters is None else self.preferences_by_raters.to_json(),
        }


@dataclass(frozen=True, repr=False)
class ModelDisagreements(Printable):
    """How often a model's class is preferred to the original label, in total and by group of classes."""

    model: str  # name of the model
    total: Disagreements  # all images where they disagree
    # `total` by group of the original label: for ImageNet, animals and others; else empty
    by_group: Mapping[str, Disagreements] = field(default_factory=dict)

    def __str__(self) -> str:
        rated, total = self.total.preferences_by_scores.share_preferring_model.n, self.total.n_images
        text = f"{self.model}: {total:,} disagreements with the original labels, {rated:,} of them rated"
        raters_only = (
            ""
            if self.total.preferences_by_raters is None
            else _format_preference("; only raters: ", self.total.preferences_by_raters)
        )
        return text + _format_preference(": ", self.total.preferences_by_scores) + raters_only

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output; the reason for each null has its own key."""
        document = {"file": self.model, **self.total.to_json(), "interval": "95 %, Wilson, over images"}
        if self.total.preferences_by_raters is None:
            document["raters_only_reason"] = RATER_SCORES_MISSING
        return document | {"by_group": {name: part.to_json() for name, part in self.by_group.items()}}


def model_or_label_preferences(
    panel: Panel,
    original: LabelSets,
    scores: Scores,
    rater_scores: Scores | None = None,
    *,
    groups: Mapping[int, str] | None = None,
) -> tuple[ModelDisagreements, ...]:
    """Compare scores of the model's class and of the original label, on images where they disagree.

    Images count only if the model's class was rated. If the original label was not rated, its score counts as 0.

    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, figure 1.
    """
    check_panel(panel)
    scores = scores.convert_to_classes(original.classes)
    rater_scores = None if rater_scores is None else rater_scores.convert_to_classes(original.classes)
    rows = np.flatnonzero(panel.has_original_label)
    own = original.indices[original.indptr[panel.original_rows[rows]]]
    names_of_images = [panel.images[image] for image in rows.tolist()]
    by_scores = _LabelScores.from_scores(scores, names_of_images, own, panel.match)
    by_raters = (
        None if rater_scores is None else _LabelScores.from_scores(rater_scores, names_of_images, own, panel.match)
    )
    group_of = groups or {}
    group = np.array([group_of.get(class_id, "") for class_id in own.tolist()])

    def count_disagreements(top1: _Ints, is_in_group: npt.NDArray[np.bool_]) -> Disagreements:
        """Count disagreements and preferences in a group of images."""
        images = np.flatnonzero(is_in_group & (top1 != own))
        return Disagreements(
            n_images=images.size,
            n_unrated_images=int(np.count_nonzero(by_scores.score_rows[images] < 0)),
            preferences_by_scores=by_scores.count_preferences(images, top1[images]),
            preferences_by_raters=None if by_raters is None else by_raters.count_preferences(images, top1[images]),
        )

    all_images = np.ones(rows.size, bool)
    names = list(dict.fromkeys(group_of.values()))
    return tuple(
        ModelDisagreements(
            model=model,
            total=count_disagreements(top1, all_images),
            by_group={name: count_disagreements(top1, group == name) for name in names},
        )
        for model, top1 in zip(panel.models, panel.top1[:, rows], strict=True)
    )


@dataclass(frozen=True, eq=False)
class _LabelScores:
    """For each image, the score of its original label, and its row in the scores (-1 if missing)."""

    scores: Scores
    score_rows: npt.NDArray[np.int64]
    label_scores: npt.NDArray[np.float64]

    @classmethod
    def from_scores(cls, scores: Scores, images: Sequence[str], label_ids: _Ints, match: Match) -> "_LabelScores":
        """Look up the row of each image in the scores, and the score of its original label."""
        rows = match_images(images, scores.questions.images, match=match, known_where="the scores")
        return cls(scores=scores, score_rows=rows, label_scores=np.nan_to_num(scores.scores_of(rows, label_ids)))

    def count_preferences(self, images: npt.NDArray[np.int64], predicted_ids: _Ints) -> PreferenceCounts:
        """Count images by whether the predicted class or the original label has the higher score."""
        predicted_scores, label_scores = (
            self.scores.scores_of(self.score_rows[images], predicted_ids),
            self.label_scores[images],
        )
        return PreferenceCounts(
            n_prefer_model=int(np.count_nonzero(predicted_scores > label_scores)),
            n_ties=int(np.count_nonzero(predicted_scores == label_scores)),
            n_prefer_original=int(np.count_nonzero(predicted_scores < label_scores)),
        )


def _format_preference(prefix: str, counts: PreferenceCounts) -> str:
    """State how often the model's class is preferred, and how often the label; "" if no image was rated."""
    preferred = counts.share_preferring_model
    if preferred.value is None or preferred.interval is None:
        return ""
    low, high = map(format_percent, preferred.interval)
    share = f"{prefix}{format_percent(preferred.value)} % for the model [{low}, {high}]"
    return f"{share}, {format_percent(counts.n_prefer_original / preferred.n)} % for the label"
