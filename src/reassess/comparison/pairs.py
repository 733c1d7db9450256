"""Comparison of two models on the same images, by reassessed and by original labels."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.differences import Difference, DifferenceTests, LeadChange, PairwiseTests
from reassess.comparison.panel import Panel, check_panel
from reassess.core import Classes
from reassess.core.checks import check_known
from reassess.core.labels import DEFAULT_LABEL_SET_NAME
from reassess.evaluation.evaluation_words import shorten_label_set_name
from reassess.evaluation.result import NONE_SCORED
from reassess.numeric import Proportion
from reassess.text import Printable

if TYPE_CHECKING:
    import polars as pl


ORIGINAL_LABELS_MISSING = "original labels of these images are missing"


@dataclass(frozen=True, repr=False)
class PairedHits(Difference):
    """Number of correct predictions of two models on the same images; see `Difference` for interval and test."""

    n_both: int  # number of images where both models are correct
    n_only_a: int  # number of images where only the first model is correct
    n_only_b: int  # number of images where only the second model is correct

    @property
    def counts(self) -> Mapping[int, int]:
        """Numbers of images where only the first (key 1) or only the second model (key -1) is correct."""
        return {1: self.n_only_a, -1: self.n_only_b}

    @property
    def accuracy_a(self) -> Proportion:
        """Accuracy of the first model."""
        return Proportion(self.n_both + self.n_only_a, self.n_images)

    @property
    def accuracy_b(self) -> Proportion:
        """Accuracy of the second model."""
        return Proportion(self.n_both + self.n_only_b, self.n_images)


@dataclass(frozen=True, repr=False)
class Comparison(Printable):
    """Comparison of two models on the same images."""

    model_a: str  # name of the first model
    model_b: str  # name of the second model
    n_images: int  # number of images in both predictions
    real_hits: PairedHits  # by reassessed labels, on images with a nonempty label set
    original_hits: PairedHits | None  # by original labels, on images with an original label; None without such images
    original_hits_on_scored_images: PairedHits | None = None  # by original labels, on images that have both labels
    lead_change: LeadChange | None = None  # change of the lead from original to reassessed labels, on the same images
    label_set: str = DEFAULT_LABEL_SET_NAME  # name of the label sets

    @property
    def verdict(self) -> str:
        """A sentence that says which model is better by reassessed and original labels, and how its lead changes."""
        if not self.real_hits.n_images:
            return f"{self.model_a} and {self.model_b} cannot be compared: {NONE_SCORED}"
        words = self._describe_difference(self.real_hits)
        if self.original_hits is None:
            return words
        better, by_original = self.real_hits.winner_sign, self.original_hits.winner_sign
        if better == by_original:
            words += ", also by original labels" if better else ", by reassessed or original labels"
        elif not by_original:
            words += "; no significant difference by original labels"
        else:
            words += f"; by original labels {self._describe_difference(self.original_hits)}"
        if self.lead_change is None or (better == by_original and (better or not self.lead_change.winner_sign)):
            return words
        changes = "changes" if self.lead_change.winner_sign else "does not change"
        return f"{words}; the lead {changes} significantly, p {self.lead_change.format_p_values()['corrected_p_value']}"

    def _describe_difference(self, pair: PairedHits) -> str:
        if not pair.winner_sign:
            return f"no significant difference between {self.model_a} and {self.model_b}"
        first, second = (self.model_a, self.model_b) if pair.winner_sign > 0 else (self.model_b, self.model_a)
        return f"{first} is better than {second}"

    @property
    def _headline(self) -> str:
        return self.verdict

    @property
    def differences_by_name(self) -> dict[str, PairedHits | LeadChange]:
        """The differences that are not None, by their names in tables."""
        scored = (
            None
            if self.original_hits is None or self.real_hits.n_images == self.original_hits.n_images
            else self.original_hits_on_scored_images
        )
        parts = {"original": self.original_hits, "original, scored": scored, "change": self.lead_change}
        return {shorten_label_set_name(self.label_set): self.real_hits} | {
            name: part for name, part in parts.items() if part is not None
        }

    def _summary_lines(self) -> Iterator[tuple[str, str]]:
        for name, part in self.differences_by_name.items() if self.real_hits.n_images else ():
            images = f"of {part.n_images:,} images"
            only = (
                f" {part.n_only_a:,} only {self.model_a}, {part.n_only_b:,} only {self.model_b}"
                if isinstance(part, PairedHits)
                else ""
            )
            points = f"{100 * (part.mean_difference or 0):+.2f} points"
            p_values = part.format_p_values()
            yield name, f"{points} {_format_interval(part.interval)}, p {p_values['p_value']}; {images}{only}"
            if part.interval_over_raters is not None:
                interval = _format_interval(part.interval_over_raters)
                yield f"{name}, raters resampled", f"{points} {interval}, p {p_values['p_value_over_raters']}"

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output; the reason for each null has its own key."""
        real, original, scored, change = (
            self.real_hits,
            self.original_hits,
            self.original_hits_on_scored_images,
            self.lead_change,
        )
        low, high = real.interval or (None, None)
        original_low, original_high = (None if original is None else original.interval) or (None, None)
        document = {
            "a": self.model_a,
            "b": self.model_b,
            "common_images": self.n_images,
            "images": real.n_images,
            "interval": "95 %, percentile bootstrap, over images; of raters: 95 %, normal, over images and raters",
            "real_difference": real.mean_difference,
            "low": low,
            "high": high,
            "p_value": real.p_value,
            "holm": real.corrected_p_value,
            "raters": real.rater_uncertainty_to_json(),
            "only_a": real.n_only_a,
            "only_b": real.n_only_b,
            "both": real.n_both,
            "original_images": 0 if original is None else original.n_images,
            "original_difference": None if original is None else original.mean_difference,
            "original_low": original_low,
            "original_high": original_high,
            "original_p_value": None if original is None else original.p_value,
            "original_holm": None if original is None else original.corrected_p_value,
            "change": None,
            "verdict": self.verdict,
        }
        if change is not None and scored is not None:
            low, high = change.interval or (None, None)
            document["change"] = {
                "images": change.n_images,
                "original_difference": scored.mean_difference,
                "difference": change.mean_difference,
                "low": low,
                "high": high,
                "p_value": change.p_value,
                "holm": change.corrected_p_value,
                "raters": change.rater_uncertainty_to_json(),
            }
        if not real.n_images:
            document["real_reason"] = NONE_SCORED
        if original is None:
            document["original_reason"] = ORIGINAL_LABELS_MISSING
        return document


def compare(panel: Panel, a: str, b: str, *, tests: PairwiseTests | None = None) -> Comparison:
    """Compare two models on the same images.

    Parameters
    ----------
    panel
        The models on their common images.
    a, b
        Names of two of the models.
    tests
        Tests of all pairs of models of the panel. The verdict is then corrected for all pairs, and covers raters too if
        the tests do. By default, only these two models are tested, over images.

    Returns
    -------
    Comparison
        Differences are a - b, so a positive difference favours `a`.

    Raises
    ------
    DataError
        A name is not a model of the panel.

    Examples
    --------
    >>> from reassess import LabelSets
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [], [1]])
    >>> panel = Panel.from_predictions({"one": np.array([2, 0, 1]), "two": np.array([1, 1, 1])}, labels)
    >>> compare(panel, "one", "two").real_hits
    PairedHits(n_images=2, standard_error=None, holm_p_value=None, n_both=1, n_only_a=1, n_only_b=0)
    """
    check_panel(panel)
    check_known([a, b], panel.models, value_name="model")
    pair = panel.models.index(a), panel.models.index(b)
    scored, has_original = panel.is_scored, panel.has_original_label
    both = scored & has_original
    tests_by_kind: tuple[DifferenceTests | None, ...] = (None, None, None)
    if tests is not None:
        tests_by_kind = tests.reassessed_tests, tests.original_tests, tests.lead_change_tests
    real, original, change = ({} if kind is None else kind.results_of_pair(*pair) for kind in tests_by_kind)
    return Comparison(
        model_a=a,
        model_b=b,
        n_images=len(panel.images),
        real_hits=_count_paired_hits(panel.is_valid, pair, scored, **real),
        original_hits=_count_paired_hits(panel.is_original_hit, pair, has_original, **original)
        if has_original.any()
        else None,
        original_hits_on_scored_images=_count_paired_hits(panel.is_original_hit, pair, both) if both.any() else None,
        lead_change=_count_lead_changes(panel, pair, both, **change) if both.any() else None,
        label_set=panel.label_set,
    )


def _count_paired_hits(
    hits: npt.NDArray[np.bool_],
    model_rows: tuple[int, int],
    is_counted: npt.NDArray[np.bool_],
    **test_results: float | None,
) -> PairedHits:
    """Count correct predictions of two models on the images where `is_counted` is True."""
    a, b = hits[list(model_rows)][:, is_counted]
    both, hits_a, hits_b = (int(np.count_nonzero(mask)) for mask in (a & b, a, b))
    return PairedHits(n_images=a.size, n_both=both, n_only_a=hits_a - both, n_only_b=hits_b - both, **test_results)


def _count_lead_changes(
    panel: Panel, model_rows: tuple[int, int], is_counted: npt.NDArray[np.bool_], **test_results: float | None
) -> LeadChange:
    """Count images by the change of the first model's lead in hits, from original to reassessed labels."""
    real, original = (
        hits[list(model_rows)][:, is_counted].astype(np.int8) for hits in (panel.is_valid, panel.is_original_hit)
    )
    changes, counts = np.unique((real[0] - real[1]) - (original[0] - original[1]), return_counts=True)
    changes_and_counts = zip(changes.tolist(), counts.tolist(), strict=True)
    return LeadChange(
        n_images=int(np.count_nonzero(is_counted)),
        n_images_by_change_in_hits={value: count for value, count in changes_and_counts if value},
        **test_results,
    )


def _format_interval(interval: tuple[float, float] | None) -> str:
    """Format an interval in points, such as [+0.10, +0.30]."""
    return "" if interval is None else "[{:+.2f}, {:+.2f}]".format(*(100 * bound for bound in interval))


def disagreements_table(panel: Panel, pairs: Iterable[tuple[str, str]], classes: Classes) -> "pl.DataFrame":
    """Create a table of images where one model of a pair is correct and the other is wrong, by the label sets.

    There is a row per pair and image. Columns: image; correct and wrong (names of the models); correct_class and
    wrong_class (their top classes, by id or by name as in the files; null if a prediction is not a class).
    """
    import polars as pl

    tables = []
    for pair in pairs:
        rows = {name: panel.models.index(name) for name in pair}
        for correct, wrong in (pair, pair[::-1]):
            images = np.flatnonzero(panel.is_valid[rows[correct]] & ~panel.is_valid[rows[wrong]])
            tables.append(
                pl.DataFrame(
                    {
                        "image": [panel.images[image] for image in images.tolist()],
                        "correct": pl.repeat(correct, images.size, eager=True),
                        "wrong": pl.repeat(wrong, images.size, eager=True),
                        "correct_class": classes.to_column(panel.top1[rows[correct], images]),
                        "wrong_class": classes.to_column(panel.top1[rows[wrong], images]),
                    },
                    schema_overrides={"image": pl.String},
                )
            )
    return pl.concat(tables)
