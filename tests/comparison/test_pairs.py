"""Two models on the same images: counts, verdicts in words, and laws of symmetry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison.pairs import Comparison, Paired, compare, only_right
from reassess.comparison.panel import Panel
from reassess.core.labels import LabelSets
from reassess.errors import DataError
from tests.helpers import numbered_labels

LABELS = numbered_labels([[0], [0, 1], [], [2], [1], [2], [0], [2, 3]])
ORIGINAL = LabelSets.from_lists([f"{i}.png" for i in range(1, 8)], [[1], [0], [3], [1], [1], [0], [2]])
PREDICTED = {"one": np.array([0, 0, 0, 2, 1, 1, 0, 3]), "two": np.array([0, 2, 0, 3, 1, 2, 1, 3])}
PANEL = Panel.from_predictions(PREDICTED, LABELS, original=ORIGINAL)

SAME, A, B = Paired(1000, 800, 50, 50), Paired(1000, 800, 90, 30), Paired(1000, 800, 30, 90)
FEW = Paired(1000, 800, 7, 1)  # of which the interval leaves out 0


def test_hits_are_counted_on_the_images_that_each_kind_of_labels_knows() -> None:
    """By hand: of the seven images that are not empty, 0, 4 and 7 are right for both, 1, 3, 6 for one, 5 for two."""
    comparison = compare(PANEL, "one", "two")
    assert (comparison.a, comparison.b, comparison.images) == ("one", "two", 8)
    assert comparison.real == Paired(n=7, both=3, only_a=3, only_b=1)
    assert comparison.original == Paired(n=7, both=2, only_a=2, only_b=1)
    assert comparison.real.a.hits == 6
    assert comparison.real.b.hits == 4
    assert comparison.real.difference == 2 / 7
    assert comparison.real.p_value == pytest.approx(0.625)
    assert only_right(PANEL, "one", "two").tolist() == [1, 3, 6]
    assert only_right(PANEL, "two", "one").tolist() == [5]


@given(st.integers(0, 2**32 - 1))
def test_swapping_the_models_turns_everything_round(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = LabelSets.from_lists([str(i) for i in range(300)], [[i % 3] if i % 7 else [] for i in range(300)])
    original = LabelSets.from_lists(labels.images, [[i % 3] for i in range(300)]) if seed % 2 else None
    panel = Panel.from_predictions({name: rng.integers(0, 4, 300) for name in "ab"}, labels, original=original)
    one, two = compare(panel, "a", "b"), compare(panel, "b", "a")
    assert (one.real.only_a, one.real.only_b, one.real.both) == (two.real.only_b, two.real.only_a, two.real.both)
    assert one.real.difference == -two.real.difference
    assert one.real.interval == tuple(-bound for bound in reversed(two.real.interval))
    assert one.real.p_value == two.real.p_value
    assert one.real.better == -two.real.better
    assert one.real.only_a == len(only_right(panel, "a", "b"))


def test_a_model_and_itself_cannot_be_told_apart() -> None:
    comparison = compare(PANEL, "one", "one")
    assert (comparison.real.difference, comparison.real.interval, comparison.real.p_value) == (0, (0, 0), 1)
    assert comparison.verdict == "one and one cannot be told apart, nor by the original labels"


@pytest.mark.parametrize(
    ("real", "original", "verdict"),
    [
        (A, None, "a is better than b"),
        (B, None, "b is better than a"),
        (SAME, None, "a and b cannot be told apart"),
        (A, A, "a is better than b, also by the original labels"),
        (SAME, SAME, "a and b cannot be told apart, nor by the original labels"),
        (B, SAME, "b is better than a; the original labels cannot tell them apart"),
        (SAME, B, "a and b cannot be told apart; the original labels say that b is better than a"),
        (A, B, "a is better than b; the original labels say the opposite"),
        (FEW, None, "a is better than b (but McNemar's exact test is not sure: p = 0.07)"),
        (Paired(1, 0, 1, 0), None, "a is better than b (but McNemar's exact test is not sure: p = 1)"),
        (
            SAME,
            FEW,
            "a and b cannot be told apart; the original labels say that a is better than b (but McNemar's exact test "
            "is not sure: p = 0.07)",
        ),
        (Paired(0, 0, 0, 0), A, "a and b cannot be compared: no image is scored"),
    ],
)
def test_a_verdict_claims_what_the_intervals_allow(real: Paired, original: Paired | None, verdict: str) -> None:
    assert Comparison("a", "b", 1000, real, original).verdict == verdict


def test_the_json_object_holds_the_counts_and_says_why_a_part_is_null() -> None:
    document = compare(PANEL, "one", "two").to_json()
    low, high = document["low"], document["high"]
    assert -1 <= low < 2 / 7 < high <= 1
    assert document == {
        "a": "one",
        "b": "two",
        "common_images": 8,
        "images": 7,
        "interval": "95 %, percentile bootstrap, over images",
        "real_difference": 2 / 7,
        "low": low,
        "high": high,
        "p_value": pytest.approx(0.625),
        "only_a": 3,
        "only_b": 1,
        "both": 3,
        "original_images": 7,
        "original_difference": 1 / 7,
        "original_low": document["original_low"],
        "original_high": document["original_high"],
        "original_p_value": 1,
        "verdict": "one and two cannot be told apart, nor by the original labels",
    }
    empty = Panel.from_predictions(PREDICTED, LabelSets.from_lists(LABELS.images, [[]] * 8))
    document = compare(empty, "one", "two").to_json()
    of_original = [f"original_{name}" for name in ("difference", "low", "high", "p_value")]
    nulls = ["real_difference", "low", "high", "p_value", *of_original]
    assert [name for name, value in document.items() if value is None] == nulls
    assert document["real_reason"] == "no image is scored"
    assert document["original_reason"] == "no original labels of these images are at hand"


def test_a_comparison_is_shown_in_words_and_in_a_notebook_without_markup_of_names() -> None:
    html = Comparison("<a>", "b", 1000, A, None, label_set="<pets>")._repr_html_()
    assert html == (
        "<p>&lt;a&gt; is better than b</p><table><tr><th>&lt;pets&gt;</th>"
        "<td>+6.00 points [+3.90, +8.10], McNemar p = 3.8e-08; "
        "of 1,000 images 90 only &lt;a&gt;, 30 only b</td></tr></table>"
    )


def test_a_model_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DataError) as caught:
        compare(PANEL, "one", "three")
    assert str(caught.value) == "unknown model\n  allowed: one, two\n  found:   'three'"


def test_the_original_labels_beat_a_copy_with_errors_by_as_many_hits_as_were_spoilt(
    real_labels: LabelSets, real_original: LabelSets
) -> None:
    """The published labels: 42,164 of 46,837 original labels are valid."""
    ids = real_original.indices
    spoilt = np.where(np.arange(ids.size) % 100 == 0, (ids + 500) % 1000, ids)
    panel = Panel.from_predictions({"original": ids, "spoilt": spoilt}, real_labels, original=real_original)
    comparison = compare(panel, "original", "spoilt")
    assert (comparison.original.n, comparison.original.only_a, comparison.original.only_b) == (50_000, 500, 0)
    assert comparison.original.a.hits == 50_000
    assert (comparison.real.n, comparison.real.a.hits) == (46_837, 42_164)
    valid = real_labels.sets()
    lost = sum(
        int(ids[row]) in valid[real_original.images[row]] and int(spoilt[row]) not in valid[real_original.images[row]]
        for row in range(0, 50_000, 100)
    )
    assert comparison.real.only_a == lost
    assert comparison.verdict == "original is better than spoilt, also by the original labels"
