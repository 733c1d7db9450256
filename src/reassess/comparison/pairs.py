"""Which of two models is better, on the same images, by re-assessed and by original labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.panel import Panel
from reassess.core.checks import check_known
from reassess.core.labels import UNNAMED
from reassess.evaluation.words import NONE_SCORED
from reassess.numeric.bootstrap import difference_interval
from reassess.numeric.exact_tests import mcnemar
from reassess.numeric.proportion import Proportion
from reassess.text import aligned

__all__ = ["NO_ORIGINAL", "Comparison", "Paired", "compare", "only_right"]

NO_ORIGINAL = "no original labels of these images are at hand"
_LEVEL = 0.05  # of a p-value that agrees with a 95 % interval


@dataclass(frozen=True)
class Paired:
    """Hits of two models on the same images, by one kind of labels.

    Parameters
    ----------
    n
        Number of images.
    both, only_a, only_b
        On how many of them both models are right, or only the one or the other.

    Examples
    --------
    >>> pair = Paired(n=1000, both=700, only_a=70, only_b=40)
    >>> pair.difference, pair.interval, pair.better
    (0.03, (0.01, 0.051), 1)
    """

    n: int
    both: int
    only_a: int
    only_b: int

    @property
    def a(self) -> Proportion:
        """Accuracy of the first model."""
        return Proportion(self.both + self.only_a, self.n)

    @property
    def b(self) -> Proportion:
        """Accuracy of the second model."""
        return Proportion(self.both + self.only_b, self.n)

    @property
    def difference(self) -> float | None:
        """Accuracy of the first model less that of the second, in [-1, 1]; None without images."""
        return (self.only_a - self.only_b) / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % percentile bootstrap interval of the difference, over images."""
        return difference_interval(self.only_a, self.only_b, self.n)

    @property
    def p_value(self) -> float | None:
        """Exact two-sided p-value of McNemar's test; None without images."""
        return mcnemar(self.only_a, self.only_b) if self.n else None

    @property
    def better(self) -> int:
        """1 if the interval lies above 0, so that the first model is better, -1 if below, 0 if it holds 0."""
        low, high = self.interval or (0, 0)
        return int(low > 0) - int(high < 0)


@dataclass(frozen=True)
class Comparison:
    """Two models on the same images.

    Parameters
    ----------
    a, b
        Names of the models.
    images
        Number of images that both have seen.
    real
        By re-assessed labels, on the images whose label set is not empty.
    original
        By original labels, on the images that have one; None if none has.
    label_set
        What the label sets are called.

    Examples
    --------
    >>> print(Comparison("one", "two", 1000, Paired(900, 700, 70, 40), Paired(1000, 600, 80, 90)))
    one is better than two; the original labels cannot tell them apart
    re-assessed      +3.33 points [+1.11, +5.67], McNemar p = 0.0054; of 900 images 70 only one, 40 only two
    original         -1.00 points [-3.60, +1.60], McNemar p = 0.49; of 1,000 images 80 only one, 90 only two
    """

    a: str
    b: str
    images: int
    real: Paired
    original: Paired | None
    label_set: str = UNNAMED

    @property
    def verdict(self) -> str:
        """Which model is better, in words that claim no more than the 95 % intervals do."""
        if not self.real.n:
            return f"{self.a} and {self.b} cannot be compared: {NONE_SCORED}"
        words = self._in_words(self.real)
        if self.original is None:
            return words
        better, by_original = self.real.better, self.original.better
        if better == by_original:
            return f"{words}, {'also' if better else 'nor'} by the original labels"
        if not by_original:
            return f"{words}; the original labels cannot tell them apart"
        by_labels = "the opposite" if better else f"that {self._in_words(self.original)}"
        return f"{words}; the original labels say {by_labels}"

    def _in_words(self, pair: Paired) -> str:
        """What the interval says, and whether the exact test, which holds for few images too, is less sure."""
        if not pair.better:
            return f"{self.a} and {self.b} cannot be told apart"
        first, second = (self.a, self.b) if pair.better > 0 else (self.b, self.a)
        p_value = pair.p_value or 0
        doubt = f" (but McNemar's exact test is not sure: p = {p_value:.2g})" if p_value > _LEVEL else ""
        return f"{first} is better than {second}{doubt}"

    def __str__(self) -> str:
        return "\n".join([self.verdict, *aligned(self._summary())])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in self._summary())
        return f"<p>{escape(self.verdict)}</p><table>{rows}</table>"

    def _summary(self) -> Iterator[tuple[str, str]]:
        for name, pair in ((self.label_set, self.real), ("original", self.original)):
            if pair is not None and pair.difference is not None and pair.interval is not None:
                low, high = (f"{100 * bound:+.2f}" for bound in pair.interval)
                points = f"{100 * pair.difference:+.2f} points [{low}, {high}], McNemar p = {pair.p_value:.2g}"
                only = f"{pair.only_a:,} only {self.a}, {pair.only_b:,} only {self.b}"
                yield name, f"{points}; of {pair.n:,} images {only}"

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold; what is null has its reason beside it."""
        real, original = self.real, self.original
        low, high = real.interval or (None, None)
        original_low, original_high = (None if original is None else original.interval) or (None, None)
        document = {
            "a": self.a,
            "b": self.b,
            "common_images": self.images,
            "images": real.n,
            "interval": "95 %, percentile bootstrap, over images",
            "real_difference": real.difference,
            "low": low,
            "high": high,
            "p_value": real.p_value,
            "only_a": real.only_a,
            "only_b": real.only_b,
            "both": real.both,
            "original_images": 0 if original is None else original.n,
            "original_difference": None if original is None else original.difference,
            "original_low": original_low,
            "original_high": original_high,
            "original_p_value": None if original is None else original.p_value,
            "verdict": self.verdict,
        }
        if not real.n:
            document["real_reason"] = NONE_SCORED
        if original is None:
            document["original_reason"] = NO_ORIGINAL
        return document


def compare(panel: Panel, a: str, b: str) -> Comparison:
    """Compare two models on the same images.

    Parameters
    ----------
    panel
        The models on the images that all of them have seen.
    a, b
        Names of two of the models.

    Returns
    -------
    Comparison
        Its differences are a - b, so that a positive one speaks for `a`.

    Raises
    ------
    DataError
        The panel holds no model of that name.

    Examples
    --------
    >>> from reassess import LabelSets
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [], [1]])
    >>> panel = Panel.from_predictions({"one": np.array([2, 0, 1]), "two": np.array([1, 1, 1])}, labels)
    >>> compare(panel, "one", "two").real
    Paired(n=2, both=1, only_a=1, only_b=0)
    """
    first, second = _row(panel, a), _row(panel, b)
    scored, known = int(np.count_nonzero(panel.scored)), int(np.count_nonzero(panel.original_known))
    real = _paired(panel.valid[first], panel.valid[second], scored)
    original = _paired(panel.original_hit[first], panel.original_hit[second], known) if known else None
    return Comparison(a=a, b=b, images=len(panel.images), real=real, original=original, label_set=panel.label_set)


def only_right(panel: Panel, a: str, b: str) -> npt.NDArray[np.int64]:
    """Positions of the images that model `a` gets right by their label set and model `b` does not."""
    return np.flatnonzero(panel.valid[_row(panel, a)] & ~panel.valid[_row(panel, b)])


def _row(panel: Panel, model: str) -> int:
    check_known([model], panel.models, thing="model")
    return panel.models.index(model)


def _paired(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_], n: int) -> Paired:
    both, of_a, of_b = (int(np.count_nonzero(hits)) for hits in (a & b, a, b))
    return Paired(n=n, both=both, only_a=of_a - both, only_b=of_b - both)
