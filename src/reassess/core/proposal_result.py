"""Results of `propose` and `choose_models`: candidates, and subsets of models."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.candidates import ORIGINAL_SOURCE, Candidates
from reassess.core.checks import check_is_collection, check_known, check_shape
from reassess.core.labels import LabelSets
from reassess.numeric import Proportion
from reassess.numeric.arrays import freeze
from reassess.text import Printable, count_noun


@dataclass(frozen=True)
class ProposingModel:
    """A model that proposed candidates."""

    name: str
    # "ids", or the kind of its scores: "probabilities", "logits", or "bounded" (from 0 to 1, but the sum is not 1),
    # which are used as logits.
    kind: str
    n_missing_images: int  # images that another model predicts, but not this one
    n_unknown_images: int  # images that this model predicts, but that are not in the list of images; they are not used

    def to_json(self) -> dict[str, Any]:
        """Return the name, the kind and the counts as a dict for JSON output."""
        return {
            "name": self.name,
            "kind": self.kind,
            "missing": self.n_missing_images,
            "unknown": self.n_unknown_images,
        }


@dataclass(frozen=True, eq=False, repr=False)
class ProposalResult(Printable):
    """The candidates for images that go to raters, and the images that need no question.

    Symbols: R images that go to raters, A images that need no question, Q candidates, K models.
    """

    _THING, _HOW_TO_GET = "proposal", "propose(MODELS, ORIGINAL)"

    candidates: Candidates  # for the images that go to raters
    # The original labels of images that need no question, since all models agree with the original label.
    set_aside_labels: LabelSets
    n_pairs_per_model: int  # N: the N most probable (image, class) pairs of each model are candidates
    allowed_candidates_per_image: float  # the largest allowed mean of candidates per image
    models: tuple[ProposingModel, ...]  # by name, including models without candidates
    is_predicted: npt.NDArray[np.bool_]  # (R + A, K): whether each model predicts each image; images for raters first
    # (R, K): whether each model on its own would send each image to raters: its top-1 differs from the original label,
    # or the image has no original label and the top-1 is a class of the benchmark.
    is_sent_to_raters: npt.NDArray[np.bool_]
    n_without_prediction: int  # known images that no model predicts; they are not used
    # Images without an original label whose top-1 is not a class of the benchmark for any model; they are not used.
    n_without_class: int
    n_without_original_label: int  # images that go to raters without an original label

    def __post_init__(self) -> None:
        images, models = len(self.candidates.questions.images), len(self.models)
        check_shape(self.is_predicted, (images + len(self.set_aside_labels), models), value_name="is_predicted")
        check_shape(self.is_sent_to_raters, (images, models), value_name="is_sent_to_raters")
        freeze(self, "is_predicted", "is_sent_to_raters")

    @property
    def n_images(self) -> int:
        """Number of all images: the images that go to raters plus the images that need no question."""
        return len(self.is_predicted)

    @property
    def mean_candidates_per_image(self) -> float | None:
        """Mean number of candidates per image that raters see; None without images."""
        images = len(self.candidates.questions.images)
        return len(self.candidates) / images if images else None

    @property
    def model_names(self) -> tuple[str, ...]:
        """Names of the models, in the order of the columns of `is_predicted`."""
        return tuple(model.name for model in self.models)

    @property
    def is_proposed_by_model(self) -> npt.NDArray[np.bool_]:
        """Whether each model proposes each candidate; bool, shape (Q, K)."""
        of_source, sources = self.candidates.is_proposed_by_source, self.candidates.sources
        proposes = np.zeros((len(self.candidates), len(self.models)), bool)
        for column, name in enumerate(self.model_names):
            if name in sources:
                proposes[:, column] = of_source[:, sources.index(name)]
        return proposes

    @property
    def is_original(self) -> npt.NDArray[np.bool_]:
        """Whether each candidate is an original label; bool, shape (Q,)."""
        rows = [source == ORIGINAL_SOURCE for source in self.candidates.sources]
        return np.asarray(self.candidates.is_proposed_by_source[:, rows].any(axis=1))

    def candidates_of_models(self, models: Iterable[str]) -> Candidates:
        """Return the candidates if only a subset of models is used: on fewer images, and with fewer classes per image.

        The N most probable pairs of each model stay the same.
        """
        check_is_collection(models, value_name="models")
        subset = set(models)
        check_known(sorted(subset), self.model_names, value_name="model")
        candidates = self.candidates
        columns = [name in subset for name in self.model_names]
        is_sent = np.asarray(self.is_sent_to_raters[:, columns].any(axis=1))
        in_subset = np.array([source in subset or source == ORIGINAL_SOURCE for source in candidates.sources], bool)
        image = candidates.questions.image_ids[candidates.question_ids]
        return candidates.select_rows(np.flatnonzero(in_subset[candidates.source_ids] & is_sent[image]))

    def to_json(self) -> dict[str, Any]:
        """Return the counts, the candidates per image and the models as a dict for JSON output."""
        return {
            "images": self.n_images,
            "set_aside": len(self.set_aside_labels),
            "to_raters": len(self.candidates.questions.images),
            "without_original": self.n_without_original_label,
            "unseen": self.n_without_prediction,
            "without_class": self.n_without_class,
            "candidates": len(self.candidates),
            "per_image": self.mean_candidates_per_image,
            "per_image_allowed": self.allowed_candidates_per_image,
            "most_probable": self.n_pairs_per_model,
            "models": [model.to_json() for model in self.models],
        }

    def _summary_lines(self) -> list[tuple[str, str]]:
        mean = "none" if self.mean_candidates_per_image is None else f"{self.mean_candidates_per_image:.2f} per image"
        return [
            ("images", f"{self.n_images:,}, {len(self.set_aside_labels):,} set aside"),
            ("candidates", f"{len(self.candidates):,}, {mean}"),
            ("N", f"{self.n_pairs_per_model:,}"),
        ]


@dataclass(frozen=True)
class ModelSubset:
    """Numbers of candidates of a subset of models and of the original labels, with their recall and precision.

    The N most probable pairs of each model are candidates, with the N of all models.
    """

    models: tuple[str, ...]  # names of the models
    recall: Proportion  # share of valid golden questions that are candidates
    precision: Proportion  # share of valid questions among the candidates with golden answers
    n_without_golden_answer: int  # candidates on golden images without a golden answer
    n_candidates: int  # candidates for all images that these models send to raters
    n_images: int  # images that these models send to raters
    n_missing_images: int  # images that only other models predict: they have no candidates, not even the original label

    @property
    def mean_candidates_per_image(self) -> float | None:
        """Mean number of candidates per image that raters see if only these models are used; None without images."""
        return self.n_candidates / self.n_images if self.n_images else None

    def to_json(self) -> dict[str, Any]:
        """Return the models, counts, recall and precision as a dict for JSON output."""
        return {
            "models": list(self.models),
            "candidates": self.n_candidates,
            "images": self.n_images,
            "per_image": self.mean_candidates_per_image,
            "recall": _proportion_json(self.recall),
            "precision": _proportion_json(self.precision),
            "without_golden": self.n_without_golden_answer,
            "missing": self.n_missing_images,
        }


@dataclass(frozen=True, repr=False)
class ModelChoice(Printable):
    """A subset of models with few candidates, whose recall is at least the target with 90 % confidence.

    Golden images are split at random into a search and a check set. The search finds the best subsets of models. They
    are tested on the check set, in order of falling number of candidates, starting with all models. The test stops at
    the first subset whose recall bound is below the target, and the last subset that passed is chosen. So the recall of
    the chosen models is below the target in at most 10 % of random draws of golden images.
    """

    target_recall: float  # the target
    chosen: ModelSubset | None  # measured on the check set; None if the bound of all models is below the target
    recall_bound: float | None  # lower 90 % confidence bound of the chosen models' recall; None if none are chosen
    highest_target: float  # the highest possible target: the bound of all models' recall on all golden images
    recall_of_all_models: Proportion  # share of valid golden questions that are candidates of any model
    all_models: ModelSubset  # all models together, measured on the check set
    # The best subsets of the search: no subset with as few candidates has more valid golden questions (after a greedy
    # search: the best in its order). From the fewest candidates to all models, measured on the check set.
    frontier: tuple[ModelSubset, ...]
    n_subsets: int  # number of searched subsets
    is_exact: bool  # whether all subsets were searched; else the search was greedy, and better subsets may exist
    n_search_images: int  # golden images of the search set
    n_check_images: int  # golden images of the check set
    n_valid_not_candidates: int  # valid golden questions that are not candidates of a model or the original label
    n_set_aside: int  # golden images that need no question: only their original label counts as a candidate
    n_not_predicted: int  # golden images without candidates of any model

    @property
    def search_method(self) -> str:
        """How the subset was searched: exact or greedy."""
        return "exact" if self.is_exact else "greedy"

    @property
    def recall_of_chosen_or_all_models(self) -> Proportion:
        """Recall of the chosen subset, or of all models if no subset was chosen."""
        if self.chosen is None or self.chosen == self.all_models:
            return self.recall_of_all_models
        return self.chosen.recall

    def to_json(self) -> dict[str, Any]:
        """Return the chosen subset, and how it was searched, as a dict for JSON output."""
        return {
            "target_recall": self.target_recall,
            "search": self.search_method,
            "subsets": self.n_subsets,
            "search_images": self.n_search_images,
            "check_images": self.n_check_images,
            "chosen": None if self.chosen is None else self.chosen.to_json(),
            "recall_bound": self.recall_bound,
            "highest_bound": self.highest_target,
            "recall": _proportion_json(self.recall_of_all_models),
            "all_models": self.all_models.to_json(),
            "not_candidates": self.n_valid_not_candidates,
            "set_aside": self.n_set_aside,
            "not_predicted": self.n_not_predicted,
            "frontier": [subset.to_json() for subset in self.frontier],
        }

    def _summary_lines(self) -> list[tuple[str, str]]:
        search = ("search", f"{self.search_method}, {count_noun(self.n_subsets, 'subset')}")
        if self.chosen is None:
            return [
                ("chosen", "none"),
                ("recall", _format_proportion(self.recall_of_chosen_or_all_models, self.highest_target)),
                search,
            ]
        return [
            ("chosen", ", ".join(self.chosen.models)),
            ("recall", _format_proportion(self.recall_of_chosen_or_all_models, self.recall_bound)),
            ("candidates", f"{self.chosen.n_candidates:,} for {count_noun(self.chosen.n_images, 'image')}"),
            search,
        ]


def _proportion_json(share: Proportion) -> dict[str, Any]:
    return {"hits": share.hits, "n": share.n, "value": share.value}


def _format_proportion(share: Proportion, bound: float | None) -> str:
    value = "none" if share.value is None else f"{share.value:.4f}"
    return f"{value} ({share.hits:,} of {share.n:,}), at least {bound:.4f}"
