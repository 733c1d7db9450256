"""Which models are worth asking for candidates: recall and number of candidates of subsets."""

from dataclasses import dataclass
from typing import Any

from reassess.numeric import Proportion
from reassess.text import Shown, counted


@dataclass(frozen=True)
class ModelSubset:
    """What some of the models propose, together with the original labels, with the N of all models."""

    models: tuple[str, ...]  # their names
    recall: Proportion  # share of the valid golden questions that are candidates
    precision: Proportion  # share of the golden questions among the candidates that are valid
    without_golden: int  # number of candidates on golden images without a golden answer
    candidates: int  # number of candidates for all images that these models send to raters
    images: int  # number of these images
    missing: int  # number of images that only other models predict: they have no candidate, not even the original label

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
    """

    target_recall: float  # the recall that was asked for
    # Measured on the images of the check; None if the golden answers do not show the recall for all models.
    chosen: ModelSubset | None
    # The recall that the golden answers show for the chosen models, with 90 % confidence; None if none are chosen.
    recall_bound: float | None
    highest_bound: float  # the same for all models, on all golden images: no higher recall can be asked for
    recall: Proportion  # share of the valid golden questions that are candidates of any model
    all_models: ModelSubset  # what all models together reach on the images of the check
    # The best subsets of the search: none with as few candidates reaches as many of its golden labels; of a greedy
    # search, the best of its order. From the fewest candidates to all models, each measured on the images of the check.
    frontier: tuple[ModelSubset, ...]
    subsets: int  # how many were searched
    exact: bool  # whether these are all subsets; else the search was greedy, and there may be better ones
    search_images: int  # golden images of the search
    check_images: int  # golden images of the check
    # number of valid golden questions that are not candidates: no model names the class, and it is not original.
    not_candidates: int
    set_aside: int  # number of golden images that need no question: only their original label counts as a candidate
    not_predicted: int  # number of golden images without a candidate of any model

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
