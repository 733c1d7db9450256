"""Two models on the same images: counts, verdicts and symmetry."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.comparison import Comparison, LeadChange, PairedHits, Panel, compare, disagreements_table
from reassess.core import Classes, LabelSets, Predictions, UnknownClasses
from tests.helpers import message, numbered_labels
from tests.references import signed_sums

pytestmark = pytest.mark.filterwarnings("ignore:.* agrees with the original labels on")  # random models

LABELS = numbered_labels([[0], [0, 1], [], [2], [1], [2], [0], [2, 3]])
ORIGINAL = LabelSets.from_lists([f"{i}.png" for i in range(1, 8)], [[1], [0], [3], [1], [1], [0], [2]])
PREDICTED = {"one": np.array([0, 0, 0, 2, 1, 1, 0, 3]), "two": np.array([0, 2, 0, 3, 1, 2, 1, 3])}
PANEL = Panel.from_predictions(PREDICTED, LABELS, original=ORIGINAL)

SAME, A, B = PairedHits(1000, 800, 50, 50), PairedHits(1000, 800, 90, 30), PairedHits(1000, 800, 30, 90)
FEW = PairedHits(1000, 800, 7, 1)  # the interval excludes 0, but p is 0.07
MANY = replace(A, holm_p_value=0.05)


def test_hits_are_counted_on_images_with_labels() -> None:
    """By hand: both models are correct on images 0, 4 and 7, only one on 1, 3 and 6, only two on 5."""
    comparison = compare(PANEL, "one", "two")
    assert (comparison.model_a, comparison.model_b, comparison.n_images) == ("one", "two", 8)
    assert comparison.real_hits == PairedHits(n_images=7, n_both=3, n_only_a=3, n_only_b=1)
    assert comparison.original_hits == PairedHits(n_images=7, n_both=2, n_only_a=2, n_only_b=1)
    real = comparison.real_hits
    assert (real.accuracy_a.hits, real.accuracy_b.hits, real.mean_difference, real.p_value) == (
        6,
        4,
        2 / 7,
        pytest.approx(0.625),
    )
    only = disagreements_table(PANEL, [("one", "two")], Classes())
    assert only.select("image", "correct").rows() == [(f"{i}.png", "one") for i in (1, 3, 6)] + [("5.png", "two")]
    same = compare(PANEL, "one", "one")
    assert (same.real_hits.mean_difference, same.real_hits.interval, same.real_hits.p_value) == (0, (0, 0), 1)
    assert message(compare, PANEL, "one", "three") == "unknown model\n  allowed: one, two\n  found:   'three'"


def test_unknown_top_class_is_null_in_disagreements() -> None:
    labels, jar = numbered_labels([[0, 3], [1]]), UnknownClasses(1, ("jar",))
    models = {n: Predictions.from_ids(ids, unknown_classes=jar) for n, ids in {"m": [-1, 1], "n": [3, -1]}.items()}
    table = disagreements_table(Panel.from_predictions(models, labels), [("m", "n")], labels.classes)
    assert table.rows() == [("1.png", "m", "n", 1, None), ("0.png", "n", "m", 3, None)]


@given(st.integers(0, 2**32 - 1))
def test_swapped_models_give_negated_differences(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = LabelSets.from_lists([str(i) for i in range(300)], [[i % 3] if i % 7 else [] for i in range(300)])
    original = LabelSets.from_lists(labels.images, [[i % 3] for i in range(300)]) if seed % 2 else None
    predicted = {name: np.where(rng.random(300) < 0.3, np.arange(300) % 3, rng.integers(0, 4, 300)) for name in "ab"}
    panel = Panel.from_predictions(predicted, labels, original=original)
    real, swapped = compare(panel, "a", "b").real_hits, compare(panel, "b", "a").real_hits
    assert (real.n_only_a, real.n_only_b, real.n_both) == (swapped.n_only_b, swapped.n_only_a, swapped.n_both)
    assert real.mean_difference == -swapped.mean_difference
    assert real.interval == tuple(-bound for bound in reversed(swapped.interval))
    assert real.p_value == swapped.p_value
    assert real.winner_sign == -swapped.winner_sign
    assert disagreements_table(panel, [("a", "b")], Classes())["correct"].to_list().count("a") == real.n_only_a


@pytest.mark.parametrize(
    ("real", "original", "verdict"),
    [
        (A, None, "a is better than b"),
        (B, None, "b is better than a"),
        (SAME, None, "no significant difference between a and b"),
        (A, A, "a is better than b, also by original labels"),
        (SAME, SAME, "no significant difference between a and b, by reassessed or original labels"),
        (B, SAME, "b is better than a; no significant difference by original labels"),
        (SAME, B, "no significant difference between a and b; by original labels b is better than a"),
        (A, B, "a is better than b; by original labels b is better than a"),
        (FEW, None, "no significant difference between a and b"),
        (PairedHits(1, 0, 1, 0), None, "no significant difference between a and b"),
        (MANY, B, "no significant difference between a and b; by original labels b is better than a"),
        (replace(A, holm_p_value=0.049), MANY, "a is better than b; no significant difference by original labels"),
        (replace(A, standard_error=0.04), None, "no significant difference between a and b"),
        (replace(A, standard_error=0.03), None, "a is better than b"),
        (replace(FEW, standard_error=0.0001), None, "no significant difference between a and b"),
        (PairedHits(0, 0, 0, 0), A, "a and b cannot be compared: no image is scored"),
    ],
)
def test_verdict_follows_corrected_tests(real: PairedHits, original: PairedHits | None, verdict: str) -> None:
    assert Comparison("a", "b", 1000, real, original).verdict == verdict


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (LeadChange(900, {1: 60, -1: 20}), "; the lead changes significantly, p = 8.6e-06"),
        (LeadChange(900, {1: 60, -1: 50}), "; the lead does not change significantly, p = 0.39"),
        (LeadChange(900, {1: 60, -1: 20}, holm_p_value=0.05), "; the lead does not change significantly, p = 0.05"),
        (
            LeadChange(900, {1: 60, -1: 20}, standard_error=0.03),
            "; the lead does not change significantly, p = 0.14",
        ),
        (LeadChange(9000, {2: 5000}), "; the lead changes significantly, p < 1e-300"),
    ],
)
def test_verdict_includes_change_of_lead_if_labels_disagree(change: LeadChange, words: str) -> None:
    base = "a is better than b; no significant difference by original labels"
    assert Comparison("a", "b", 1000, A, SAME, SAME, change).verdict == base + words
    assert Comparison("a", "b", 1000, A, A, A, change).verdict == "a is better than b, also by original labels"
    neither = "no significant difference between a and b, by reassessed or original labels"
    assert Comparison("a", "b", 1000, SAME, SAME, SAME, change).verdict == neither + (
        words if change.winner_sign else ""
    )


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_change_matches_loop_over_images(seed: int) -> None:
    """The reference uses scored images with an original label."""
    rng = np.random.default_rng(seed)
    names = [str(i) for i in range(40)]
    valid = {name: set(rng.integers(0, 3, rng.integers(0, 3)).tolist()) for name in names}
    label = {name: int(rng.integers(0, 3)) for name in names[:30]}
    predicted = {
        model: {name: label.get(name, 0) if rng.random() < 0.5 else int(rng.integers(0, 3)) for name in names}
        for model in "ab"  # more often correct than by chance, because other models raise
    }
    panel = Panel.from_predictions(
        {model: np.array(list(of_model.values())) for model, of_model in predicted.items()},
        LabelSets.from_lists(names, [sorted(valid[name]) for name in names]),
        original=LabelSets.from_lists(list(label), [[class_id] for class_id in label.values()]),
    )
    both = [name for name in label if valid[name]]
    leads = [
        [(predicted["a"][name] in sets) - (predicted["b"][name] in sets) for name in both for sets in (by(name),)]
        for by in (lambda name: valid[name], lambda name: {label[name]})
    ]
    changes = Counter(real - original for real, original in zip(*leads, strict=True))
    comparison = compare(panel, "a", "b")
    assert comparison.lead_change.n_images == comparison.original_hits_on_scored_images.n_images == len(both)
    assert dict(comparison.lead_change.n_images_by_change_in_hits) == {
        value: count for value, count in changes.items() if value
    }
    assert comparison.lead_change.mean_difference == pytest.approx((sum(leads[0]) - sum(leads[1])) / len(both))
    assert comparison.original_hits_on_scored_images.mean_difference == pytest.approx(sum(leads[1]) / len(both))
    sums = signed_sums([abs(value) for value in changes.elements() if value])
    total = abs(sum(changes.elements()))
    extreme = sum(ways for other, ways in sums.items() if abs(other) >= total)
    assert comparison.lead_change.p_value == pytest.approx(extreme / sum(sums.values()))


@given(st.integers(0, 2**32 - 1))
def test_better_follows_interval_over_images_and_raters(seed: int) -> None:
    """No model is better if the interval includes 0."""
    rng = np.random.default_rng(seed)
    pair = PairedHits(1000, 700, *rng.integers(0, 100, 2).tolist(), standard_error=float(rng.uniform(0, 0.05)))
    low, high = pair.interval_over_raters
    if low <= 0 <= high:
        assert pair.winner_sign == 0
    elif pair.p_value < 0.05:
        assert pair.winner_sign == np.sign(pair.mean_difference)
    assert pair.p_value_over_raters >= pair.p_value
    assert (low + high) / 2 == pytest.approx(pair.mean_difference)


def test_json_contains_counts_and_reasons() -> None:
    comparison = compare(PANEL, "one", "two")
    real, original, change = comparison.real_hits, comparison.original_hits, comparison.lead_change
    assert -1 <= real.interval[0] < 2 / 7 < real.interval[1] <= 1
    assert comparison.to_json() == {
        "a": "one",
        "b": "two",
        "common_images": 8,
        "images": 7,
        "interval": "95 %, percentile bootstrap, over images; of raters: 95 %, normal, over images and raters",
        "real_difference": 2 / 7,
        **dict(zip(("low", "high"), real.interval, strict=True)),
        "p_value": pytest.approx(0.625),
        "holm": real.p_value,
        "raters": None,
        "only_a": 3,
        "only_b": 1,
        "both": 3,
        "original_images": 7,
        "original_difference": 1 / 7,
        **dict(zip(("original_low", "original_high"), original.interval, strict=True)),
        "original_p_value": 1,
        "original_holm": 1,
        "change": {
            "images": 6,
            "original_difference": 1 / 6,
            "difference": change.mean_difference,
            **dict(zip(("low", "high"), change.interval, strict=True)),
            "p_value": change.p_value,
            "holm": change.p_value,
            "raters": None,
        },
        "verdict": "no significant difference between one and two, by reassessed or original labels",
    }
    empty = Panel.from_predictions(PREDICTED, LabelSets.from_lists(LABELS.images, [[]] * 8))
    document = compare(empty, "one", "two").to_json()
    of_original = [f"original_{name}" for name in ("difference", "low", "high", "p_value", "holm")]
    nulls = ["real_difference", "low", "high", "p_value", "holm", "raters", *of_original, "change"]
    assert [name for name, value in document.items() if value is None] == nulls
    assert document["real_reason"] == "no image is scored"
    assert document["original_reason"] == "original labels of these images are missing"


def test_names_are_escaped_in_html() -> None:
    """A p-value that underflows is not printed as 0."""
    html = Comparison("<a>", "b", 1000, A, None, label_set="<pets>")._repr_html_()
    assert html == (
        "<p>&lt;a&gt; is better than b</p><table><tr><th>&lt;pets&gt;</th>"
        "<td>+6.00 points [+3.90, +8.10], p = 3.8e-08; "
        "of 1,000 images 90 only &lt;a&gt;, 30 only b</td></tr></table>"
    )
    text = str(Comparison("a", "b", 9000, PairedHits(9000, 0, 5000, 0), None))
    assert text.splitlines()[1].endswith("p < 1e-300; of 9,000 images 5,000 only a, 0 only b")
