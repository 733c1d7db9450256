"""Labelling bias: how often a model picks the original label if several classes are valid.

A model that knows the valid classes, but not how images were labelled, picks any of them by chance. A model that picks
the original label far more often has learned how the labels were made, or that labels name the most prominent object.
For comparison, the same share is computed for the raters' top class: the valid class that they are most certain of.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.comparison.comparison_words import RATER_SCORES_MISSING
from reassess.comparison.differences import format_p_value
from reassess.comparison.panel import Panel, check_panel
from reassess.core import Classes, LabelSets, Match, Scores
from reassess.core.image_names import match_images
from reassess.numeric import Proportion
from reassess.numeric.arrays import freeze
from reassess.numeric.proportions import chance_p_value
from reassess.text import ListTable, Printable, format_percent

_NO_IMAGES_REASON = "no image with several valid classes has a valid prediction and a valid original label"


class OriginalLabelShareTexts(NamedTuple):
    """How often the original label is picked: by the model, by chance and by the raters; as texts in percent."""

    original_pick_share: str
    chance_share: str
    raters_share: str


@dataclass(frozen=True, repr=False)
class OriginalLabelPickShares(Printable):
    """How often the original label is picked from several valid classes: by a model, by chance, by the raters.

    Images count if they have several valid classes, and if the original label and the model's class are valid.
    """

    # by number of valid classes: images where the model picks the original label, among all these images
    original_pick_share_by_label_count: Mapping[int, Proportion]
    # how often the original label is the raters' top class, among images whose valid classes were all rated; the
    # top class is the valid class with the highest score from only the raters (lowest id in a tie). None without scores
    raters_share: Proportion | None = None

    @property
    def original_pick_share(self) -> Proportion:
        """Share of images where the model predicts the original label, although other classes are valid too."""
        return sum(self.original_pick_share_by_label_count.values(), Proportion(0, 0))

    @property
    def chance_share(self) -> float | None:
        """Expected share if a valid class is picked at random; None without images."""
        images, shares = self.original_pick_share.n, self.original_pick_share_by_label_count
        return math.fsum(share.n / size for size, share in shares.items()) / images if images else None

    @property
    def p_value(self) -> float | None:
        """Exact two-sided p-value, if the null hypothesis is a random pick of a valid class; None without images."""
        images = {size: part.n for size, part in self.original_pick_share_by_label_count.items()}
        return chance_p_value(self.original_pick_share.hits, images) if images else None

    @property
    def formatted_shares(self) -> OriginalLabelShareTexts:
        """The shares as texts: in percent, or "-" if unknown."""
        by_raters = None if self.raters_share is None else self.raters_share.value
        shares = self.original_pick_share.value, self.chance_share, by_raters
        return OriginalLabelShareTexts(*("-" if share is None else format_percent(share) for share in shares))

    def __str__(self) -> str:
        share, raters_share = self.original_pick_share, self.raters_share
        if share.value is None or share.interval is None:
            return _NO_IMAGES_REASON
        low, high = map(format_percent, share.interval)
        text = f"on {share.hits:,} of {share.n:,} images, {format_percent(share.value)} % [{low}, {high}]"
        p_value = self.p_value or 1.0
        chance = f"{format_percent(self.chance_share or 0)} %, p {format_p_value(p_value)}"
        if raters_share is None or raters_share.value is None:
            return f"{text}; by chance {chance}"
        return f"{text}; by chance {chance}; by the raters' top class {format_percent(raters_share.value)} %"

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output; the reason for each null has its own key."""
        share, raters_share = self.original_pick_share, self.raters_share
        document = {
            "images": share.n,
            **_original_label_share_to_json(share),
            "chance": self.chance_share,
            "p_value": self.p_value,
            "raters_favourite": None
            if raters_share is None
            else {"images": raters_share.n, **_original_label_share_to_json(raters_share)},
            "by_label_count": [
                {"labels": size, "images": part.n, "original_chosen": part.hits}
                for size, part in self.original_pick_share_by_label_count.items()
            ],
        }
        document |= {} if share.n else {"chance_reason": _NO_IMAGES_REASON}
        return document | ({} if raters_share is not None else {"raters_favourite_reason": RATER_SCORES_MISSING})


def _original_label_share_to_json(proportion: Proportion) -> dict[str, Any]:
    low, high = proportion.interval or (None, None)
    return {"original_chosen": proportion.hits, "low": low, "high": high}


@dataclass(frozen=True, eq=False, repr=False)
class LabellingBias(Printable):
    """How often a model picks the original label if several classes are valid, in total and by pair of classes."""

    model: str  # name of the model
    total: OriginalLabelPickShares  # all images with several valid classes, and a valid prediction and original label
    # int32, shape (pairs, 2): pairs of valid classes, by class id with the lower first. One is the original label, and
    # one is the model's class. Pairs with most images first, then by class id.
    class_pairs: npt.NDArray[np.int32]
    # int64, shape (pairs, 2, 2): number of images of each pair; the row is the original label, the column the model's
    # class. If the model picks the original label, the image counts for the pairs with each other valid class.
    pair_counts: npt.NDArray[np.int64]
    # `total` by group of the original label: for ImageNet, animals and others; else empty
    by_group: Mapping[str, OriginalLabelPickShares] = field(default_factory=dict)

    def __post_init__(self) -> None:
        freeze(self, "class_pairs", "pair_counts")

    def _notebook_table(self) -> ListTable:
        parts = {"all": self.total, **self.by_group}
        rows = ((name, f"{part.original_pick_share.n:,}", *part.formatted_shares) for name, part in parts.items())
        headings = ("classes", "images", "original label chosen, %", "by chance, %", "by the raters' top class, %")
        return ListTable(headings, len(parts), rows)

    @property
    def _headline(self) -> str:
        return f"{self.model}: how often it picks the original label if several classes are valid"

    def __str__(self) -> str:
        if not self.total.original_pick_share.n:
            return f"{self.model}: {self.total}"
        groups = [f"{self.model}, {name}: {part}" for name, part in self.by_group.items() if part.original_pick_share.n]
        total = f"{self.model}: picks the original label, if several classes are valid, {self.total}"
        return "\n".join([total, *groups])

    def to_json(self, classes: Classes, *, max_pairs: int = 20) -> dict[str, Any]:
        """Return a dict for JSON output, with the `max_pairs` most frequent pairs; each null has a reason."""
        return {
            "file": self.model,
            **self.total.to_json(),
            "interval": "95 %, Wilson, over images",
            "test": "two-sided, Poisson binomial: any valid class at random",
            "by_group": {name: part.to_json() for name, part in self.by_group.items()},
            "pairs": [
                self._pair_to_json(pair, counts, classes)
                for pair, counts in zip(
                    self.class_pairs[:max_pairs].tolist(), self.pair_counts[:max_pairs].tolist(), strict=True
                )
            ],
        }

    @staticmethod
    def _pair_to_json(class_pair: list[int], counts: list[list[int]], classes: Classes) -> dict[str, Any]:
        (both_first, second_instead), (first_instead, both_second) = counts
        return {
            "classes": [classes.id_and_name(class_id) for class_id in class_pair],
            "images": both_first + second_instead + first_instead + both_second,
            "original_chosen": both_first + both_second,
            "original": [both_first + second_instead, first_instead + both_second],
            "predicted": [both_first + first_instead, second_instead + both_second],
        }


def labelling_biases(
    panel: Panel,
    labels: LabelSets,
    original: LabelSets,
    rater_scores: Scores | None = None,
    *,
    groups: Mapping[int, str] | None = None,
) -> tuple[LabellingBias, ...]:
    """Measure how often each model picks the original label if several classes are valid.

    Images count if they have several valid classes, and original label and prediction are both valid. `rater_scores`
    are scores from only the raters' votes; they give the raters' top class.

    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 5.
    """
    check_panel(panel)
    rows = np.flatnonzero(panel.is_scored & panel.has_original_label)
    own = original.indices[original.indptr[panel.original_rows[rows]]]
    valid, sizes = labels.classes_of_rows(panel.label_rows[rows])
    own_is_valid = np.zeros(rows.size, bool)
    own_is_valid[np.repeat(np.arange(rows.size), sizes)[valid == np.repeat(own, sizes)]] = True
    is_used = own_is_valid & (sizes > 1)
    rows, own, sizes = rows[is_used], own[is_used], sizes[is_used]
    valid, _ = labels.classes_of_rows(panel.label_rows[rows])
    raters_top_classes = None
    if rater_scores is not None:
        names = [panel.images[image] for image in rows.tolist()]
        raters_top_classes = _find_raters_top_classes(
            names, valid, sizes, rater_scores.convert_to_classes(original.classes), panel.match
        )
    group_of = groups or {}
    group = np.array([group_of.get(class_id, "") for class_id in own.tolist()])

    def compute_pick_shares(
        is_original_label: npt.NDArray[np.bool_], is_counted: npt.NDArray[np.bool_]
    ) -> OriginalLabelPickShares:
        """Compute how often the original label is picked, by number of valid classes."""
        counts = np.bincount(sizes[is_counted])
        hits = np.bincount(sizes[is_counted & is_original_label], minlength=sizes.max(initial=0) + 1)
        by_size = {size: Proportion(int(hits[size]), int(counts[size])) for size in np.flatnonzero(counts).tolist()}
        if raters_top_classes is None:
            return OriginalLabelPickShares(by_size)
        is_rated = is_counted & (raters_top_classes >= 0)
        return OriginalLabelPickShares(
            by_size, Proportion(int(np.sum(raters_top_classes[is_rated] == own[is_rated])), int(is_rated.sum()))
        )

    biases = []
    for model, top1, is_valid in zip(panel.models, panel.top1[:, rows], panel.is_valid[:, rows], strict=True):
        is_counted_label = np.repeat(is_valid, sizes)
        pairs, counts = _count_class_pairs(
            np.repeat(own, sizes)[is_counted_label], valid[is_counted_label], np.repeat(top1, sizes)[is_counted_label]
        )
        by_group = {
            name: compute_pick_shares(top1 == own, is_valid & (group == name))
            for name in dict.fromkeys(group_of.values())
        }
        total = compute_pick_shares(top1 == own, is_valid)
        biases.append(LabellingBias(model=model, total=total, class_pairs=pairs, pair_counts=counts, by_group=by_group))
    return tuple(biases)


def _find_raters_top_classes(
    images: Sequence[str],
    valid_ids: npt.NDArray[np.int32],
    n_valid_classes: npt.NDArray[np.int64],
    rater_scores: Scores,
    match: Match,
) -> npt.NDArray[np.int32]:
    """For each image, find its valid class with the highest score; -1 if any of its valid classes has no score."""
    rows = match_images(images, rater_scores.questions.images, match=match, known_where="the scores")
    scores = rater_scores.scores_of(np.repeat(rows, n_valid_classes), valid_ids)
    image = np.repeat(np.arange(len(images)), n_valid_classes)
    order = np.lexsort((-scores, image))  # in a tie, the lower class id stays first
    raters_top_classes: npt.NDArray[np.int32] = valid_ids[order[np.cumsum(n_valid_classes) - n_valid_classes]]
    raters_top_classes[image[np.isnan(scores)]] = -1
    return raters_top_classes


def _count_class_pairs(
    original_ids: npt.NDArray[np.int32], valid_ids: npt.NDArray[np.int32], predicted_ids: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Count images by pair of the original label and another valid class; inputs have a row per valid class."""
    kept = (valid_ids != original_ids) & ((predicted_ids == original_ids) | (predicted_ids == valid_ids))
    original_ids, valid_ids, predicted_ids = original_ids[kept], valid_ids[kept], predicted_ids[kept]
    both = np.stack([np.minimum(original_ids, valid_ids), np.maximum(original_ids, valid_ids)], axis=1)
    pairs, number = np.unique(both, axis=0, return_inverse=True)
    counts = np.zeros((len(pairs), 2, 2), np.int64)
    np.add.at(counts, (number, (original_ids != both[:, 0]).astype(int), (predicted_ids != both[:, 0]).astype(int)), 1)
    order = np.argsort(-counts.sum(axis=(1, 2)), kind="stable")
    return pairs[order], counts[order]
