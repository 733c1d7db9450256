"""Fitting to the labelling: where several classes are valid, how often does a model say the one that was the label?

A model that knows the valid classes and not how images were labelled would say any of them. One that says the original
label far more often has learned how the labels were made, or that labels name what is most prominent: so does one who
says the class of which the raters are surest, which stands beside chance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.comparison_words import NO_RATERS_ALONE
from reassess.comparison.differences import p_text
from reassess.comparison.panel import Panel, check_panel
from reassess.core import Classes, LabelSets, Match, Scores
from reassess.core.image_names import join
from reassess.numeric import Proportion
from reassess.numeric.arrays import freeze
from reassess.numeric.proportions import chance_p_value
from reassess.text import Listed, Shown, percent

_NO_IMAGES = "on no image of several valid classes are the prediction and the original label both valid"


@dataclass(frozen=True, repr=False)
class Choices(Shown):
    """How often a model picks the original label, on images where both it and the prediction are valid."""

    # By number of valid classes: images on which the model says the original label, of all such images
    by_label_count: Mapping[int, Proportion]
    # Images on which the original label is the raters' favourite: the valid class of the highest score by the
    # raters alone, of equals the one of the lowest id. Of all images of which every valid class was rated; None
    # without their scores
    favourite: Proportion | None = None

    @property
    def original_chosen(self) -> Proportion:
        """Images on which the model says the original label, of all."""
        return sum(self.by_label_count.values(), Proportion(0, 0))

    @property
    def chance(self) -> float | None:
        """How often a model would that says any of an image's valid classes at random; None without images."""
        images = self.original_chosen.n
        return math.fsum(part.n / size for size, part in self.by_label_count.items()) / images if images else None

    @property
    def p_value(self) -> float | None:
        """Exact two-sided p-value: as many images or more, or fewer, by chance; None without images."""
        images = {size: part.n for size, part in self.by_label_count.items()}
        return chance_p_value(self.original_chosen.hits, images) if images else None

    @property
    def percents(self) -> tuple[str, str, str]:
        """How often the original label is chosen: by the model, by chance, and by the raters' favourite, in percent."""
        favourite = None if self.favourite is None else self.favourite.value
        shares = self.original_chosen.value, self.chance, favourite
        chosen, chance, preferred = ("-" if share is None else percent(share) for share in shares)
        return chosen, chance, preferred

    def __str__(self) -> str:
        chosen, favourite = self.original_chosen, self.favourite
        if chosen.value is None or chosen.interval is None:
            return _NO_IMAGES
        low, high = map(percent, chosen.interval)
        text = f"on {chosen.hits:,} of {chosen.n:,} images, {percent(chosen.value)} % [{low}, {high}]"
        p_value = self.p_value or 1.0
        chance = f"{percent(self.chance or 0)} %, p {p_text(p_value)}"
        if favourite is None or favourite.value is None:
            return f"{text}; by chance {chance}"
        return f"{text}; by chance {chance}; by the raters' favourite {percent(favourite.value)} %"

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold; what is null has its reason beside it."""
        chosen, favourite = self.original_chosen, self.favourite
        document = {
            "images": chosen.n,
            **_chosen_to_json(chosen),
            "chance": self.chance,
            "p_value": self.p_value,
            "raters_favourite": None if favourite is None else {"images": favourite.n, **_chosen_to_json(favourite)},
            "by_label_count": [
                {"labels": size, "images": part.n, "original_chosen": part.hits}
                for size, part in self.by_label_count.items()
            ],
        }
        document |= {} if chosen.n else {"chance_reason": _NO_IMAGES}
        return document | ({} if favourite is not None else {"raters_favourite_reason": NO_RATERS_ALONE})


def _chosen_to_json(chosen: Proportion) -> dict[str, Any]:
    low, high = chosen.interval or (None, None)
    return {"original_chosen": chosen.hits, "low": low, "high": high}


@dataclass(frozen=True, eq=False, repr=False)
class LabellingBias(Shown):
    """How often one model says the original label, on images with several valid classes, this one and the label's."""

    model: str  # Name of the model
    total: Choices  # On all such images
    # int32, shape (pairs, 2): class ids, the lower first, of which one is the original label of an image and one
    # is what the model says of it, both valid; pairs of most images first, then by class id
    pairs: npt.NDArray[np.int32]
    # int64, shape (pairs, 2, 2): images by which of the two is the original label and which the model says. An
    # image on which the model says the original label counts for the pair of it with each of the other valid
    # classes
    counts: npt.NDArray[np.int64]
    # The same as `total` by group of the original label: of ImageNet, animals and others; else empty
    by_group: Mapping[str, Choices] = field(default_factory=dict)

    def __post_init__(self) -> None:
        freeze(self, "pairs", "counts")

    def _list(self) -> Listed:
        parts = {"all": self.total, **self.by_group}
        rows = ((name, f"{part.original_chosen.n:,}", *part.percents) for name, part in parts.items())
        headings = ("classes", "images", "original label chosen, %", "by chance, %", "by the raters' favourite, %")
        return Listed(headings, len(parts), rows)

    @property
    def _headline(self) -> str:
        return f"{self.model}: how often it says the original label, where several classes are valid"

    def __str__(self) -> str:
        if not self.total.original_chosen.n:
            return f"{self.model}: {self.total}"
        groups = [f"{self.model}, {name}: {part}" for name, part in self.by_group.items() if part.original_chosen.n]
        total = f"{self.model}: says the original label, where several classes are valid, {self.total}"
        return "\n".join([total, *groups])

    def to_json(self, classes: Classes, *, most: int = 20) -> dict[str, Any]:
        """The object that JSON documents hold, with the `most` frequent pairs; what is null has its reason beside."""
        return {
            "file": self.model,
            **self.total.to_json(),
            "interval": "95 %, Wilson, over images",
            "test": "two-sided, Poisson binomial: any valid class at random",
            "by_group": {name: part.to_json() for name, part in self.by_group.items()},
            "pairs": [
                self._pair_to_json(pair, counts, classes)
                for pair, counts in zip(self.pairs[:most].tolist(), self.counts[:most].tolist(), strict=True)
            ],
        }

    @staticmethod
    def _pair_to_json(pair: list[int], counts: list[list[int]], classes: Classes) -> dict[str, Any]:
        (both_first, second_instead), (first_instead, both_second) = counts
        return {
            "classes": [classes.id_and_name(class_id) for class_id in pair],
            "images": both_first + second_instead + first_instead + both_second,
            "original_chosen": both_first + both_second,
            "original": [both_first + second_instead, first_instead + both_second],
            "predicted": [both_first + first_instead, second_instead + both_second],
        }


def labelling_biases(
    panel: Panel,
    labels: LabelSets,
    original: LabelSets,
    raters: Scores | None = None,
    *,
    groups: Mapping[int, str] | None = None,
) -> tuple[LabellingBias, ...]:
    """For each model, how often it says the original label where several classes are valid, that and what it says too.

    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 5.
    """
    check_panel(panel)
    several = np.flatnonzero(panel.scored & panel.original_known)
    own = original.indices[original.indptr[panel.original_rows[several]]]
    valid, sizes = labels.of_rows(panel.label_rows[several])
    own_is_valid = np.zeros(several.size, bool)
    own_is_valid[np.repeat(np.arange(several.size), sizes)[valid == np.repeat(own, sizes)]] = True
    judged = own_is_valid & (sizes > 1)
    several, own, sizes = several[judged], own[judged], sizes[judged]
    valid, _ = labels.of_rows(panel.label_rows[several])
    favourites = None
    if raters is not None:
        names = [panel.images[image] for image in several.tolist()]
        favourites = _favourites(names, valid, sizes, raters.in_classes(original.classes), panel.match)
    group_of = groups or {}
    group = np.array([group_of.get(class_id, "") for class_id in own.tolist()])

    def choices(chosen: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> Choices:
        images, hits = np.bincount(sizes[among]), np.bincount(sizes[among & chosen], minlength=sizes.max(initial=0) + 1)
        by_size = {size: Proportion(int(hits[size]), int(images[size])) for size in np.flatnonzero(images).tolist()}
        if favourites is None:
            return Choices(by_size)
        known = among & (favourites >= 0)
        return Choices(by_size, Proportion(int(np.sum(favourites[known] == own[known])), int(known.sum())))

    biases = []
    for model, top1, is_valid in zip(panel.models, panel.top1[:, several], panel.valid[:, several], strict=True):
        each = np.repeat(is_valid, sizes)
        pairs, counts = _count_pairs(np.repeat(own, sizes)[each], valid[each], np.repeat(top1, sizes)[each])
        by_group = {name: choices(top1 == own, is_valid & (group == name)) for name in dict.fromkeys(group_of.values())}
        total = choices(top1 == own, is_valid)
        biases.append(LabellingBias(model=model, total=total, pairs=pairs, counts=counts, by_group=by_group))
    return tuple(biases)


def _favourites(
    images: Sequence[str], valid: npt.NDArray[np.int32], sizes: npt.NDArray[np.int64], raters: Scores, match: Match
) -> npt.NDArray[np.int32]:
    """The class of the highest score of the valid classes of each image; -1 if one of these was not rated."""
    rows = join(images, raters.questions.images, match=match, known_where="the scores")
    scores = raters.at(np.repeat(rows, sizes), valid)
    image = np.repeat(np.arange(len(images)), sizes)
    order = np.lexsort((-scores, image))  # of equals, the lower class id stays first
    favourites: npt.NDArray[np.int32] = valid[order[np.cumsum(sizes) - sizes]]
    favourites[image[np.isnan(scores)]] = -1
    return favourites


def _count_pairs(
    own: npt.NDArray[np.int32], other: npt.NDArray[np.int32], predicted: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Pairs of valid classes, and how often each of the two was the original label and was said.

    Given are, for each valid class of each image, the original label, the class, and what the model says of the image.
    """
    kept = (other != own) & ((predicted == own) | (predicted == other))
    own, other, predicted = own[kept], other[kept], predicted[kept]
    both = np.stack([np.minimum(own, other), np.maximum(own, other)], axis=1)
    pairs, number = np.unique(both, axis=0, return_inverse=True)
    counts = np.zeros((len(pairs), 2, 2), np.int64)
    np.add.at(counts, (number, (own != both[:, 0]).astype(int), (predicted != both[:, 0]).astype(int)), 1)
    order = np.argsort(-counts.sum(axis=(1, 2)), kind="stable")
    return pairs[order], counts[order]
