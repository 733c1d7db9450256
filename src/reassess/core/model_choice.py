"""Which models are worth asking for candidates: what every subset, or those of a search, would reach."""

from dataclasses import dataclass
from typing import Any

from reassess.numeric.proportion import Proportion
from reassess.text import Shown, counted

__all__ = ["ModelChoice", "ModelSubset"]


@dataclass(frozen=True)
class ModelSubset:
    """What some of the models propose, together with the original labels, with the N of all models.

    Parameters
    ----------
    models
        Their names.
    recall
        Of the valid golden pairs, those that are proposed.
    precision
        Of the golden pairs that are proposed, those that are valid.
    without_golden
        Number of pairs that are proposed on golden images and are no golden pairs.
    candidates
        Number of candidates for all images that these models send to raters.
    images
        Number of these images.
    missing
        Number of images that other models hold and none of these does. Nothing is proposed there, and not even the
        original label counts as proposed.

    Examples
    --------
    >>> subset = ModelSubset(("vit",), Proportion(8, 10), Proportion(8, 16), 3, 300, 100, 0)
    >>> subset.per_image, subset.recall.value
    (3.0, 0.8)
    """

    models: tuple[str, ...]
    recall: Proportion
    precision: Proportion
    without_golden: int
    candidates: int
    images: int
    missing: int

    @property
    def per_image(self) -> float | None:
        """Candidates an image that goes to raters, on average; None if none does."""
        return self.candidates / self.images if self.images else None

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "models": list(self.models),
            "candidates": self.candidates,
            "images": self.images,
            "per_image": self.per_image,
            "recall": _in_json(self.recall),
            "precision": _in_json(self.precision),
            "without_golden": self.without_golden,
            "missing": self.missing,
        }


@dataclass(frozen=True, repr=False)
class ModelChoice(Shown):
    """The models whose recall is shown to reach a target, with few candidates.

    Golden images are split at random. Subsets are searched on one part, and checked on the other, from all models to
    fewer candidates, until one is not shown to reach the target. The subset before it is chosen. So models are chosen
    whose recall is below the target in at most 10 % of all draws of golden images.

    Parameters
    ----------
    target_recall
        The recall that was asked for.
    chosen
        What was chosen, measured on the images of the check; None if the golden answers do not show the recall for all
        models.
    recall_bound
        The recall that the golden answers show for the chosen models, with 90 % confidence; None if none are chosen.
    highest_bound
        The same for all models, on all golden images: no higher recall can be asked for.
    recall
        The share of the valid golden pairs that all models propose.
    all_models
        What all models together reach on the images of the check.
    frontier
        The subsets that the search found best: none with as few candidates reaches as many of its golden labels; of a
        greedy search, among those of its order. From the fewest candidates to all models, each measured on the
        images of the check.
    subsets
        How many were searched.
    exact
        Whether these are all that there are; else the search was greedy, and there may be better ones.
    search_images, check_images
        Number of golden images in either part.
    not_candidates
        Number of valid golden pairs that no model proposes, and that are not the original label.
    set_aside
        Number of golden images that all models set aside: there the original label alone counts as proposed.
    not_predicted
        Number of golden images of which no model says anything: none holds them, or none names a class of the benchmark
        and there is no original label.

    Examples
    --------
    >>> one = ModelSubset(("vit",), Proportion(8, 10), Proportion(8, 16), 3, 300, 100, 0)
    >>> both = ModelSubset(("bit", "vit"), Proportion(9, 10), Proportion(9, 20), 3, 400, 100, 0)
    >>> ModelChoice(0.5, one, 0.55, 0.77, Proportion(14, 15), both, (one, both), 3, True, 5, 10, 1, 0, 0)
    chosen           vit
    recall           0.8000 (8 of 10), at least 0.5500
    candidates        300 for 100 images
    search           exact, 3 subsets
    """

    target_recall: float
    chosen: ModelSubset | None
    recall_bound: float | None
    highest_bound: float
    recall: Proportion
    all_models: ModelSubset
    frontier: tuple[ModelSubset, ...]
    subsets: int
    exact: bool
    search_images: int
    check_images: int
    not_candidates: int
    set_aside: int
    not_predicted: int

    @property
    def search(self) -> str:
        """How it was searched, in a word."""
        return "exact" if self.exact else "greedy"

    @property
    def shown_recall(self) -> Proportion:
        """The recall whose bound is given: of the chosen subset on the check; of all models on all golden images."""
        return self.recall if self.chosen is None or self.chosen == self.all_models else self.chosen.recall

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "target_recall": self.target_recall,
            "search": self.search,
            "subsets": self.subsets,
            "search_images": self.search_images,
            "check_images": self.check_images,
            "chosen": None if self.chosen is None else self.chosen.to_json(),
            "recall_bound": self.recall_bound,
            "highest_bound": self.highest_bound,
            "recall": _in_json(self.recall),
            "all_models": self.all_models.to_json(),
            "not_candidates": self.not_candidates,
            "set_aside": self.set_aside,
            "not_predicted": self.not_predicted,
            "frontier": [subset.to_json() for subset in self.frontier],
        }

    def _summary(self) -> list[tuple[str, str]]:
        search = ("search", f"{self.search}, {counted(self.subsets, 'subset')}")
        if self.chosen is None:
            return [("chosen", "none"), ("recall", _in_words(self.shown_recall, self.highest_bound)), search]
        return [
            ("chosen", ", ".join(self.chosen.models)),
            ("recall", _in_words(self.shown_recall, self.recall_bound)),
            ("candidates", f"{self.chosen.candidates:,} for {counted(self.chosen.images, 'image')}"),
            search,
        ]


def _in_json(share: Proportion) -> dict[str, Any]:
    return {"hits": share.hits, "n": share.n, "value": share.value}


def _in_words(share: Proportion, bound: float | None) -> str:
    value = "none" if share.value is None else f"{share.value:.4f}"
    return f"{value} ({share.hits:,} of {share.n:,}), at least {bound:.4f}"
