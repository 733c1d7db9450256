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
    """What a sample says about a model: the share of all images whose first class is valid, and accuracies."""

    model: str
    valid: SampleEstimate  # the share of all images whose first class is valid
    real_accuracy: SampleEstimate | None  # among images with a valid class; None unless all candidates were asked
    original_accuracy: Proportion | None  # by the original labels of all images
    detected_input: str  # how the predictions were read and joined

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "file": self.model,
            "valid": self.valid.to_json(),
            "real": None if self.real_accuracy is None else self.real_accuracy.to_json(),
            "original": None if self.original_accuracy is None else self.original_accuracy.to_json(),
            "detected": self.detected_input,
        }


@dataclass(frozen=True)
class SampledDifference:
    """The difference of two models in the share of all images whose first class is valid."""

    model_a: str
    model_b: str
    estimate: SampleEstimate  # of the first model's share - the second model's share
    holm_p_value: float | None  # corrected for all pairs of models; None at all times

    @property
    def winner_sign(self) -> int:
        """1 if the first model is significantly better, -1 if the second model is, otherwise 0.

        An interval that holds at all times is not corrected for several pairs.
        """
        assert self.estimate.interval is not None
        low, high = self.estimate.interval
        is_significant = low > 0 or high < 0 if self.holm_p_value is None else self.holm_p_value < SIGNIFICANCE_LEVEL
        return int(np.sign(self.estimate.value or 0)) if is_significant else 0

    @property
    def verdict(self) -> str:
        """A sentence that says which model is better, and by how much."""
        assert self.estimate.value is not None
        assert self.estimate.interval is not None
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
            "valid_difference": self.estimate.to_json(),
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
