"""Results of `propose` and `choose_models`: candidates, images that need no question, and subsets of models."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.candidates import ORIGINAL_SOURCE, Candidates
from reassess.core.checks import check_known, check_several, check_shape
from reassess.core.labels import LabelSets
from reassess.numeric import Proportion
from reassess.numeric.arrays import freeze
from reassess.text import Shown, counted


@dataclass(frozen=True)
class ProposingModel:
    """A model's part in the candidates."""

    name: str
    # "ids", or the kind of its scores: "probabilities", "logits", or "bounded": from 0 to 1 without adding up to 1, and
    # taken as logits.
    kind: str
    missing: int  # number of images that another model predicts and this one does not
    unknown: int  # number of its images that no file knows, which are not used


@dataclass(frozen=True, eq=False, repr=False)
class ProposalResult(Shown):
    """The candidates for the images that go to raters, and what was decided about all images.

    Symbols: R images that go to raters, A that are set aside, Q candidates, K models.
    """

    _THING, _HOW_TO_GET = "proposal", "propose(MODELS, ORIGINAL)"

    candidates: Candidates  # for the images that go to raters
    # The images that need no question, since all their models agree with the original label; with that label.
    set_aside: LabelSets
    most_probable: int  # N: number of the most probable pairs of each model that are candidates
    per_image: float  # candidates per image that were allowed, on average
    models: tuple[ProposingModel, ...]  # by name, also models without a candidate
    holds: npt.NDArray[np.bool_]  # (R + A, K): whether each model predicts each image, first images that go to raters
    # (R, K): whether each model by itself would send each image to raters: its first class is not the original label,
    # or there is no original label and its first class is one of the benchmark's.
    sends: npt.NDArray[np.bool_]
    unseen: int  # number of known images that no model predicts, which are not used
    # number of images without an original label and without a model whose first class is one of the benchmark's; they
    # are not used either.
    without_class: int
    without_original: int  # number of images that go to raters without an original label

    def __post_init__(self) -> None:
        images, models = len(self.candidates.questions.images), len(self.models)
        check_shape(self.holds, (images + len(self.set_aside), models), what="what models hold")
        check_shape(self.sends, (images, models), what="what models send to raters")
        freeze(self, "holds", "sends")

    @property
    def images(self) -> int:
        """Number of images that go to raters or are set aside."""
        return len(self.holds)

    @property
    def mean_per_image(self) -> float | None:
        """Candidates an image that goes to raters, on average; None if none does."""
        images = len(self.candidates.questions.images)
        return len(self.candidates) / images if images else None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the models, in the order of the columns of `holds`."""
        return tuple(model.name for model in self.models)

    @property
    def proposes(self) -> npt.NDArray[np.bool_]:
        """Whether each model proposes each pair; bool, shape (Q, K)."""
        of_source, sources = self.candidates.by_source, self.candidates.sources
        proposes = np.zeros((len(self.candidates), len(self.models)), bool)
        for column, name in enumerate(self.names):
            if name in sources:
                proposes[:, column] = of_source[:, sources.index(name)]
        return proposes

    @property
    def are_original(self) -> npt.NDArray[np.bool_]:
        """Whether each pair is an original label; bool, shape (Q,)."""
        rows = [source == ORIGINAL_SOURCE for source in self.candidates.sources]
        return np.asarray(self.candidates.by_source[:, rows].any(axis=1))

    def of_models(self, models: Iterable[str]) -> Candidates:
        """What some of the models propose with the same N, on the images which they send to raters."""
        check_several(models, what="models")
        chosen = set(models)
        check_known(sorted(chosen), self.names, thing="model")
        candidates = self.candidates
        sent = np.asarray(self.sends[:, [name in chosen for name in self.names]].any(axis=1))
        kept = np.array([source in chosen or source == ORIGINAL_SOURCE for source in candidates.sources], bool)
        image = candidates.questions.image_ids[candidates.question_ids]
        return candidates.part(np.flatnonzero(kept[candidates.source_ids] & sent[image]))

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "images": self.images,
            "set_aside": len(self.set_aside),
            "to_raters": len(self.candidates.questions.images),
            "without_original": self.without_original,
            "unseen": self.unseen,
            "without_class": self.without_class,
            "candidates": len(self.candidates),
            "per_image": self.mean_per_image,
            "per_image_allowed": self.per_image,
            "most_probable": self.most_probable,
            "models": [vars(model) for model in self.models],
        }

    def _summary(self) -> list[tuple[str, str]]:
        mean = "none" if self.mean_per_image is None else f"{self.mean_per_image:.2f} per image"
        return [
            ("images", f"{self.images:,}, {len(self.set_aside):,} set aside"),
            ("candidates", f"{len(self.candidates):,}, {mean}"),
            ("N", f"{self.most_probable:,}"),
        ]


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
