"""Estimates for all images from a sample: of a model, of a pair of models, and of a group of original labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reassess.comparison.differences import SIGNIFICANCE_LEVEL
from reassess.evaluation import SampleEstimate
from reassess.numeric import Proportion
from reassess.text import count_noun


@dataclass(frozen=True)
class SampledModel:
    """The accuracy of a model, estimated for all images."""

    model: str
    accuracy: SampleEstimate  # images without a valid class do not count
    accuracy_with_empty: SampleEstimate  # images without a valid class count as wrong
    original_accuracy: Proportion | None  # by the original labels of all images
    detected_input: str  # how the predictions were read and joined

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "file": self.model,
            "real": self.accuracy.to_json(),
            "real_with_empty": self.accuracy_with_empty.to_json(),
            "original": None if self.original_accuracy is None else self.original_accuracy.to_json(),
            "detected": self.detected_input,
        }


@dataclass(frozen=True)
class SampledDifference:
    """The difference between the accuracies of two models, estimated for all images."""

    model_a: str
    model_b: str
    estimate: SampleEstimate  # of the first model's accuracy - the second model's accuracy
    holm_p_value: float | None  # corrected for all pairs of models; None at all times, or without a value

    @property
    def winner_sign(self) -> int:
        """1 if the first model is significantly better, -1 if the second model is, otherwise 0.

        An interval that is valid at all times is not corrected for several pairs.
        """
        if self.estimate.interval is None:
            return 0
        low, high = self.estimate.interval
        is_significant = low > 0 or high < 0 if self.holm_p_value is None else self.holm_p_value < SIGNIFICANCE_LEVEL
        return int(np.sign(self.estimate.value or 0)) if is_significant else 0

    @property
    def verdict(self) -> str:
        """A sentence that says which model is better, and by how much."""
        if self.estimate.value is None or self.estimate.interval is None:
            return f"{self.model_a} and {self.model_b} cannot be compared: no image of the sample has a valid class"
        sign = -1 if self.winner_sign < 0 else 1
        low, high = sorted(100 * sign * end for end in self.estimate.interval)
        points = f"{100 * sign * self.estimate.value:.2f} points ({low:.2f} to {high:.2f})"
        images = f"{count_noun(self.estimate.n, 'image')} asked"
        if not self.winner_sign:
            return f"no significant difference between {self.model_a} and {self.model_b}: {points}, {images}"
        first, second = (self.model_a, self.model_b) if sign > 0 else (self.model_b, self.model_a)
        return f"{first} is ahead of {second} by {points}, {images}"

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "a": self.model_a,
            "b": self.model_b,
            "real_difference": self.estimate.to_json(),
            "p_value": self.estimate.p_value,
            "holm": self.holm_p_value,
            "better": {1: self.model_a, -1: self.model_b, 0: None}[self.winner_sign],
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class SampledGroup:
    """The share of wrong original labels in a group of classes, estimated for all images of the group."""

    n_images: int  # of the sample, with an original label in the group
    wrong: SampleEstimate

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {"images": self.n_images, "wrong": self.wrong.to_json()}
