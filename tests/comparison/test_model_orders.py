"""Orders of models by several label sets match plain Python on sets and exact counts of signs."""

from collections import Counter
from fractions import Fraction
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reassess.comparison import ModelOrders, OrderChange, compare_orders
from reassess.core import LabelSets, Predictions
from reassess.evaluation import Outcomes, find_outcomes
from tests.helpers import code_of, labels_of
from tests.references import signed_sums

Sets = dict[str, set[int]]
Predicted = dict[str, dict[str, int]]

IMAGES = st.sampled_from("abcdefgh")
LABELS = st.dictionaries(IMAGES, st.sets(st.integers(0, 2), max_size=2), min_size=4)
MODEL = st.dictionaries(IMAGES, st.integers(0, 3), min_size=5)
MODELS = st.dictionaries(st.sampled_from(["one", "two", "three", "four"]), MODEL, min_size=1)
LABEL_SETS = st.dictionaries(st.sampled_from(["old", "new", "other"]), LABELS, min_size=2)


def outcomes_of(models: Predicted, labels: dict[str, LabelSets]) -> dict[str, dict[str, Outcomes]]:
    """Outcomes by label set and model, on images in the label set."""
    return {
        name: {
            model: find_outcomes(Predictions.from_ids(list(ids.values()), list(ids)), sets, ignore_unknown=True)
            for model, ids in models.items()
        }
        for name, sets in labels.items()
    }


def orders_of(models: Predicted, label_sets: dict[str, Sets]) -> ModelOrders:
    return compare_orders(outcomes_of(models, {name: labels_of(sets) for name, sets in label_sets.items()}))


def common_images(models: Predicted, label_sets: dict[str, Sets]) -> list[str]:
    """Images in all predictions, with a valid class in all label sets."""
    shared = set.intersection(*(set(ids) for ids in models.values()))
    return sorted(image for image in shared if all(sets.get(image) for sets in label_sets.values()))


def sign(value: int) -> int:
    return (value > 0) - (value < 0)


def slow_change(models: Predicted, first: Sets, second: Sets, images: list[str]) -> dict[str, Any]:
    """Compute the change from the definitions, for each pair of models and each image."""
    leads, p_values = [], []
    for a, b in combinations(models, 2):
        by_image = [
            [(models[a][image] in sets[image]) - (models[b][image] in sets[image]) for image in images]
            for sets in (first, second)
        ]
        changes = [before - after for before, after in zip(*by_image, strict=True)]
        sums = signed_sums([abs(change) for change in changes])
        extreme = sum(times for total, times in sums.items() if abs(total) >= abs(sum(changes)))
        leads.append([sum(by_set) for by_set in by_image])
        p_values.append(float(Fraction(extreme, sum(sums.values()))))
    ordered = [Counter(sign(lead[column]) != 0 for lead in leads)[True] for column in (0, 1)]
    agreement = sum(sign(before) * sign(after) for before, after in leads)
    return {
        "leads": leads,
        "p_values": p_values,
        "tau_b": agreement / sqrt(ordered[0] * ordered[1]) if all(ordered) else None,
        "changes_places": [before * after < 0 for before, after in leads],
    }


def slow_holm(p_values: list[float]) -> list[float]:
    ordered = sorted(p_values)
    steps = [min(1.0, (len(ordered) - i) * p) for i, p in enumerate(ordered)]
    return [max(steps[: ordered.index(p) + 1]) for p in p_values]


@given(MODELS, LABEL_SETS)
def test_orders_match_python_sets(models: Predicted, label_sets: dict[str, Sets]) -> None:
    images = common_images(models, label_sets)
    assume(images)
    orders = orders_of(models, label_sets)
    assert (orders.label_sets, orders.models) == (tuple(label_sets), tuple(models))
    assert list(orders.images) == images
    shared = set.intersection(*(set(ids) for ids in models.values()))
    assert orders.n_scored.tolist() == [sum(bool(sets.get(image)) for image in shared) for sets in label_sets.values()]
    for name, sets in label_sets.items():
        for model, ids in models.items():
            accuracy = orders.accuracy(name, model)
            assert (accuracy.hits, accuracy.n) == (sum(ids[i] in sets[i] for i in images), len(images))
    assert [(change.first_label_set, change.second_label_set) for change in orders.order_changes] == list(
        combinations(label_sets, 2)
    )
    slow = [
        slow_change(models, label_sets[change.first_label_set], label_sets[change.second_label_set], images)
        for change in orders.order_changes
    ]
    for change, expected in zip(orders.order_changes, slow, strict=True):
        assert change.n_images == len(images)
        assert change.leads.tolist() == expected["leads"]
        assert change.p_values.tolist() == pytest.approx(expected["p_values"], rel=1e-12)
        assert change.has_changed_leader.tolist() == expected["changes_places"]
        assert change.tau_b == (None if expected["tau_b"] is None else pytest.approx(expected["tau_b"], rel=1e-12))
    corrected = [p for change in orders.order_changes for p in change.holm_p_values.tolist()]
    assert corrected == pytest.approx(slow_holm([p for part in slow for p in part["p_values"]]), rel=1e-12)


@given(MODELS, LABEL_SETS, st.randoms(use_true_random=False))
def test_order_of_inputs_does_not_matter(models: Predicted, label_sets: dict[str, Sets], random: Any) -> None:
    assume(common_images(models, label_sets))

    def shuffled(items: dict[str, Any]) -> dict[str, Any]:
        return dict(random.sample(list(items.items()), len(items)))

    mixed = orders_of(
        {model: shuffled(ids) for model, ids in shuffled(models).items()},
        {name: shuffled(sets) for name, sets in shuffled(label_sets).items()},
    )
    assert set(facts(mixed)) == set(facts(orders_of(models, label_sets)))


def facts(orders: ModelOrders) -> list[tuple[object, ...]]:
    """Results for each pair of models and label sets, independent of their order."""
    rows: list[tuple[object, ...]] = [(orders.images,)]
    for change in orders.order_changes:
        numbers = change.leads.tolist(), change.p_values.tolist()
        for pair, lead, p_value in zip(combinations(change.models, 2), *numbers, strict=True):
            direction = -1 if pair[0] > pair[1] else 1
            by_set = sorted(
                zip((change.first_label_set, change.second_label_set), (direction * hits for hits in lead), strict=True)
            )
            rows.append((*sorted(pair), *by_set, round(p_value, 12)))
    return rows


OLD = {str(i): {0} for i in range(40)}
NEW = {str(i): {1} if i < 20 else {0} for i in range(40)} | {"only new": {0}}
MODELS_OF_TEXT: Predicted = {
    "zero": dict.fromkeys(OLD, 0) | {"only new": 0},
    "one": {i: 1 if int(i) < 20 else 0 for i in OLD} | {"only new": 0},
    "half": {i: 0 if int(i) < 30 else 2 for i in OLD} | {"only new": 0},
}


def test_text_counts_and_lists_pairs_that_change_places() -> None:
    orders = orders_of(MODELS_OF_TEXT, {"old": OLD, "new": NEW})
    assert str(orders) == (
        "top-1 accuracy on 40 images that all models and all label sets share:\n"
        "old: zero 100.0 %, half 75.00 %, one 50.00 %\n"
        "new: one 100.0 %, zero 50.00 %, half 25.00 %\n"
        "old and new: Kendall's tau-b -0.333, 2 of 3 pairs change places\n"
        "significant changes of a lead: 2; in 2 of these, the pair changes places\n"
        "who is ahead by old, then by new; Holm p of the change:\n"
        "  zero by 50.00, then one by 50.00 points: significant, p = 5.7e-06\n"
        "  half by 25.00, then one by 75.00 points: significant, p = 5.7e-06"
    )


def test_text_of_two_models_names_who_is_ahead() -> None:
    two = {name: MODELS_OF_TEXT[name] for name in ("one", "half")}
    few = {name: {i: sets[i] for i in ("0", "1", "30")} for name, sets in (("old", OLD), ("new", NEW))}
    assert str(orders_of(two, few)) == (
        "top-1 accuracy on 3 images that all models and all label sets share:\n"
        "old: half 66.67 %, one 33.33 %\n"
        "new: one 100.0 %, half 0.00 %\n"
        "who is ahead by old, then by new; Holm p of the change:\n"
        "  half by 33.33, then one by 100.00 points: not significant, p = 0.5"
    )
    same = {"a": two["one"], "b": two["one"]}
    assert str(orders_of(same, few)).splitlines()[-1] == "  neither, then neither points: not significant, p = 1"
    one = str(orders_of({"one": two["one"]}, few)).splitlines()
    assert one[1:] == ["old: one 33.33 %", "new: one 100.0 %"]


def change_of(hits: list[list[int]], p_value: float) -> OrderChange:
    leads = np.array([np.subtract(a, b) for a, b in combinations(hits, 2)])
    p_values = np.full(len(leads), p_value)
    return OrderChange(
        "old", "new", tuple("abcdefgh"[: len(hits)]), 100, leads, p_values=p_values, holm_p_values=p_values
    )


def test_text_lists_five_most_significant_pairs() -> None:
    lines = str(change_of([[9, 1], [8, 2], [7, 3], [6, 4]], 0.0)).splitlines()
    assert lines[0] == "old and new: Kendall's tau-b -1.000, 6 of 6 pairs change places"
    assert lines[3] == "  a by 1.00, then b by 1.00 points: significant, p < 1e-300"
    assert (len(lines), lines[-1]) == (9, "  and 1 more")


def test_text_covers_ties_and_unchanged_orders() -> None:
    assert str(change_of([[9, 9], [8, 8], [7, 7]], 1.0)) == (
        "old and new: Kendall's tau-b 1.000, 0 of 3 pairs change places\n"
        "significant changes of a lead: 0; in 0 of these, the pair changes places"
    )
    level = change_of([[9, 9], [9, 8], [9, 7]], 1.0)
    assert str(level).splitlines()[0] == (
        "old and new: no tau-b (all models are equal by a label set), 0 of 3 pairs change places"
    )
    document = level.to_json()
    assert (document["tau_b"], document["tau_b_reason"]) == (None, "all models are equal by a label set")
    for hits, p_value, changed in (
        ([[9, 1], [8, 2]], 1.0, [True]),  # the pair changes places, not significantly
        ([[9, 3], [1, 2]], 0.01, [False]),  # only the lead changes
        ([[9, 3], [1, 2]], 1.0, []),
    ):
        assert [pair["changes_places"] for pair in change_of(hits, p_value).to_json()["changed"]] == changed


def test_json_contains_orders_and_changed_pairs() -> None:
    two = {name: MODELS_OF_TEXT[name] for name in ("zero", "one")}
    document = orders_of(two, {"old": OLD, "new": NEW}).to_json()
    by_old, by_new = document["label_sets"]
    assert [(entry["file"], entry["rank"], entry["hits"], entry["n"]) for entry in by_old["models"]] == [
        ("zero", 1, 40, 40),
        ("one", 2, 20, 40),
    ]
    assert (by_old["labels"], by_old["scored"], by_new["scored"]) == ("old", 40, 41)
    assert (document["images"], document["interval"]) == (40, "95 %, Wilson, over images")
    assert document["test"] == (
        "exact sign flips over images, Holm's correction over all pairs of models and of label sets"
    )
    p_value = pytest.approx(2 / 2**20)
    pair = {"a": "zero", "b": "one", "first_difference": 0.5, "second_difference": -0.5, "p_value": p_value}
    change = {"first": "old", "second": "new", "tau_b": -1.0, "pairs": 1, "change_places": 1, "significant": 1}
    assert document["changes"] == [change | {"changed": [pair | {"holm": p_value, "changes_places": True}]}]


def test_models_and_images_may_differ_in_order_by_label_set() -> None:
    """For example, rows have no image names, and each label set gets the rows of its own images."""
    reverse = dict(reversed(MODELS_OF_TEXT.items()))
    some_images = [*list(OLD)[5:35], "only new"]
    fewer = {model: {image: ids[image] for image in some_images} for model, ids in reverse.items()}
    by_old, by_new = outcomes_of(MODELS_OF_TEXT, {"old": labels_of(OLD)}), outcomes_of(fewer, {"new": labels_of(NEW)})
    mixed = compare_orders(by_old | by_new)
    part_of_new = {image: NEW[image] for image in some_images}
    assert facts(mixed) == facts(orders_of(MODELS_OF_TEXT, {"old": OLD, "new": part_of_new}))
    assert len(mixed.images) == 30


def test_bad_input_raises() -> None:
    one, two = ({name: MODELS_OF_TEXT[name]} for name in ("one", "half"))
    by_old, new = outcomes_of(one, {"old": labels_of(OLD)}), labels_of(NEW)
    for others, code in (
        ({}, "too-few"),
        (outcomes_of(two, {"new": new}), "different-models"),
        (outcomes_of({"one": two["half"]}, {"new": new}), "different-predictions"),
        (outcomes_of(one, {"new": labels_of({"only new": [0]})}), "nothing-in-common"),
    ):
        assert code_of(compare_orders, by_old | others) == code
