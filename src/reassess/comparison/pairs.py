"""Compare two models on the same images, by reassessed and by original labels."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.differences import AccuracyChange, Difference, EveryPair
from reassess.comparison.panel import Panel, check_panel
from reassess.core import Classes
from reassess.core.checks import check_known
from reassess.core.labels import UNNAMED
from reassess.evaluation.evaluation_words import heading
from reassess.evaluation.result import NONE_SCORED
from reassess.numeric import Proportion
from reassess.text import Shown

if TYPE_CHECKING:
    import polars as pl


NO_ORIGINAL = "original labels of these images are missing"


@dataclass(frozen=True, repr=False)
class Paired(Difference):
    """Hits of two models on the same images, by one kind of labels; see `Difference` for the interval and the test."""

    # both, only_a, only_b: Number of images that both models get right, only the first, and only the second
    both: int
    only_a: int
    only_b: int

    @property
    def counts(self) -> Mapping[int, int]:
        """Number of images that only the first model gets right, as 1, and only the second, as -1."""
        return {1: self.only_a, -1: self.only_b}

    @property
    def a(self) -> Proportion:
        """Accuracy of the first model."""
        return Proportion(self.both + self.only_a, self.n)

    @property
    def b(self) -> Proportion:
        """Accuracy of the second model."""
        return Proportion(self.both + self.only_b, self.n)


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Two models on the same images."""

    # a, b: Names of the models
    a: str
    b: str
    images: int  # Number of images in the predictions of both
    real: Paired  # By reassessed labels, on the images whose label set is not empty
    original: Paired | None  # By original labels, on the images that have one; None if none has
    original_scored: Paired | None = None  # The same, on the images of `real` that have one
    change: AccuracyChange | None = None  # What `real` adds to that, on the same images
    label_set: str = UNNAMED  # What the label sets are called

    @property
    def verdict(self) -> str:
        """Which model is better, in words that claim no more than the corrected p-values do."""
        if not self.real.n:
            return f"{self.a} and {self.b} cannot be compared: {NONE_SCORED}"
        words = self._in_words(self.real)
        if self.original is None:
            return words
        better, by_original = self.real.better, self.original.better
        if better == by_original:
            words += ", also by original labels" if better else ", by reassessed or original labels"
        elif not by_original:
            words += "; no significant difference by original labels"
        else:
            words += f"; by original labels {self._in_words(self.original)}"
        if self.change is None or (better == by_original and (better or not self.change.better)):
            return words
        changes = "changes" if self.change.better else "does not change"
        return f"{words}; the lead {changes} significantly, p {self.change.p_texts()['corrected']}"

    def _in_words(self, pair: Paired) -> str:
        if not pair.better:
            return f"no significant difference between {self.a} and {self.b}"
        first, second = (self.a, self.b) if pair.better > 0 else (self.b, self.a)
        return f"{first} is better than {second}"

    @property
    def _headline(self) -> str:
        return self.verdict

    @property
    def rows(self) -> dict[str, Paired | AccuracyChange]:
        """The differences that there are, by what tables call them."""
        few = None if self.original is None or self.real.n == self.original.n else self.original_scored
        parts = {"original": self.original, "original, scored": few, "change": self.change}
        return {heading(self.label_set): self.real} | {name: part for name, part in parts.items() if part is not None}

    def _summary(self) -> Iterator[tuple[str, str]]:
        for name, part in self.rows.items() if self.real.n else ():
            images = f"of {part.n:,} images"
            only = f" {part.only_a:,} only {self.a}, {part.only_b:,} only {self.b}" if isinstance(part, Paired) else ""
            points = f"{100 * (part.difference or 0):+.2f} points"
            yield name, f"{points} {_bounds(part.interval)}, p {part.p_texts()['p_value']}; {images}{only}"
            if part.raters_interval is not None:
                yield (
                    f"{name}, raters resampled",
                    f"{points} {_bounds(part.raters_interval)}, p {part.p_texts()['raters_p_value']}",
                )

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold; what is null has its reason beside it."""
        real, original, scored, change = self.real, self.original, self.original_scored, self.change
        low, high = real.interval or (None, None)
        original_low, original_high = (None if original is None else original.interval) or (None, None)
        document = {
            "a": self.a,
            "b": self.b,
            "common_images": self.images,
            "images": real.n,
            "interval": "95 %, percentile bootstrap, over images; of raters: 95 %, normal, over images and raters",
            "real_difference": real.difference,
            "low": low,
            "high": high,
            "p_value": real.p_value,
            "holm": real.corrected,
            "raters": real.raters_to_json(),
            "only_a": real.only_a,
            "only_b": real.only_b,
            "both": real.both,
            "original_images": 0 if original is None else original.n,
            "original_difference": None if original is None else original.difference,
            "original_low": original_low,
            "original_high": original_high,
            "original_p_value": None if original is None else original.p_value,
            "original_holm": None if original is None else original.corrected,
            "change": None,
            "verdict": self.verdict,
        }
        if change is not None and scored is not None:
            low, high = change.interval or (None, None)
            document["change"] = {
                "images": change.n,
                "original_difference": scored.difference,
                "difference": change.difference,
                "low": low,
                "high": high,
                "p_value": change.p_value,
                "holm": change.corrected,
                "raters": change.raters_to_json(),
            }
        if not real.n:
            document["real_reason"] = NONE_SCORED
        if original is None:
            document["original_reason"] = NO_ORIGINAL
        return document


def compare(panel: Panel, a: str, b: str, *, among: EveryPair | None = None) -> Comparison:
    """Compare two models on the same images.

    Parameters
    ----------
    panel
        The models on the images that they share.
    a, b
        Names of two of the models.
    among
        Tests of every two models of the panel, including these two: the verdict is corrected for their number, and
        covers raters too if those tests do. By default, only these two are tested, over images.

    Returns
    -------
    Comparison
        Its differences are a - b, so a positive one favours `a`.

    Raises
    ------
    DataError
        The panel has no model of that name.

    Examples
    --------
    >>> from reassess import LabelSets
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [], [1]])
    >>> panel = Panel.from_predictions({"one": np.array([2, 0, 1]), "two": np.array([1, 1, 1])}, labels)
    >>> compare(panel, "one", "two").real
    Paired(n=2, deviation=None, holm=None, both=1, only_a=1, only_b=0)
    """
    check_panel(panel)
    check_known([a, b], panel.models, thing="model")
    pair = panel.models.index(a), panel.models.index(b)
    scored, known = panel.scored, panel.original_known
    both = scored & known
    real, original, change = (
        {} if tests is None else tests.of(*pair)
        for tests in ((None,) * 3 if among is None else (among.real, among.original, among.change))
    )
    return Comparison(
        a=a,
        b=b,
        images=len(panel.images),
        real=_paired(panel.valid, pair, scored, **real),
        original=_paired(panel.original_hit, pair, known, **original) if known.any() else None,
        original_scored=_paired(panel.original_hit, pair, both) if both.any() else None,
        change=_change(panel, pair, both, **change) if both.any() else None,
        label_set=panel.label_set,
    )


def _paired(
    hits: npt.NDArray[np.bool_], pair: tuple[int, int], images: npt.NDArray[np.bool_], **tested: float | None
) -> Paired:
    a, b = hits[list(pair)][:, images]
    both, of_a, of_b = (int(np.count_nonzero(part)) for part in (a & b, a, b))
    return Paired(n=a.size, both=both, only_a=of_a - both, only_b=of_b - both, **tested)


def _change(
    panel: Panel, pair: tuple[int, int], images: npt.NDArray[np.bool_], **tested: float | None
) -> AccuracyChange:
    real, original = (hits[list(pair)][:, images].astype(np.int8) for hits in (panel.valid, panel.original_hit))
    changes, counts = np.unique((real[0] - real[1]) - (original[0] - original[1]), return_counts=True)
    of_value = zip(changes.tolist(), counts.tolist(), strict=True)
    return AccuracyChange(
        n=int(np.count_nonzero(images)), changes={value: count for value, count in of_value if value}, **tested
    )


def _bounds(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else "[{:+.2f}, {:+.2f}]".format(*(100 * bound for bound in interval))


def disagreements_table(panel: Panel, pairs: Iterable[tuple[str, str]], classes: Classes) -> "pl.DataFrame":
    """A table with a row for each pair of models and image where one is correct by its label set and the other is not.

    Columns: image, correct and wrong (names of the models), correct_class and wrong_class (their first classes, by id
    or by name as in the files; null for a prediction that is not a class).
    """
    import polars as pl

    tables = []
    for pair in pairs:
        rows = {name: panel.models.index(name) for name in pair}
        for correct, wrong in (pair, pair[::-1]):
            images = np.flatnonzero(panel.valid[rows[correct]] & ~panel.valid[rows[wrong]])
            tables.append(
                pl.DataFrame(
                    {
                        "image": [panel.images[image] for image in images.tolist()],
                        "correct": pl.repeat(correct, images.size, eager=True),
                        "wrong": pl.repeat(wrong, images.size, eager=True),
                        "correct_class": classes.column(panel.top1[rows[correct], images]),
                        "wrong_class": classes.column(panel.top1[rows[wrong], images]),
                    },
                    schema_overrides={"image": pl.String},
                )
            )
    return pl.concat(tables)
