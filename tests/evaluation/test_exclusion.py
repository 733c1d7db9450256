"""Excluded images: they change accuracy, and appear only in their own count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess import LabelSets, MultiLabels, Predictions, Proportion, evaluate, find_outcomes, outcomes_table
from reassess.evaluation import (
    ExclusionEffect,
    exclusion_effects_by_k,
    find_image_set_name,
    multi_label_accuracy_of_outcomes,
    summarize,
)
from reassess.evaluation.outcomes import EXCLUDED, LABELLED
from tests.helpers import code_of, message

IMAGES = [f"{n}.png" for n in range(12)]
SETS = [[n % 3] if n % 4 else [] for n in range(12)]
LABELS = LabelSets.from_lists(IMAGES, SETS)
ORIGINAL = LabelSets.from_lists(IMAGES, [[(n + n // 6) % 3] for n in range(12)])
IDS = np.arange(12) * 5 % 7 % 3


@pytest.mark.filterwarnings("ignore:the model agrees")  # by chance, which does not matter here
@given(st.sets(st.sampled_from(IMAGES)))
def test_result_equals_evaluation_without_the_excluded_images(excluded: set[str]) -> None:
    remaining = [n for n in range(12) if IMAGES[n] not in excluded]
    names = [IMAGES[n] for n in remaining]
    part = LabelSets.from_lists(names, [SETS[n] for n in remaining])
    original = LabelSets.from_lists(names, [ORIGINAL[IMAGES[n]] for n in remaining])
    result = evaluate(Predictions.from_ids(IDS, IMAGES), LABELS, original=ORIGINAL, exclude=sorted(excluded))
    if not remaining:
        assert (result.n_excluded, result.n_scored, result.n_scorable) == (12, 0, 0)
        return
    expected = evaluate(Predictions.from_ids(IDS[remaining], names), part, original=original)
    assert result.n_images == 12
    assert result.n_excluded == len(excluded)
    for name in (
        "real_accuracy",
        "original_accuracy",
        "original_accuracy_on_scored",
        "by_label_count",
        "n_empty",
        "n_unlabelled",
        "n_scorable",
        "n_scored",
    ):
        assert getattr(result, name) == getattr(expected, name), name
    not_scored = result.to_json()["not_scored"]
    assert result.n_scored + sum(not_scored.values()) == 12
    assert ("excluded" in not_scored) == bool(excluded)


def test_excluded_names_are_matched_like_rows_and_unknown_names_are_ignored() -> None:
    outcomes = find_outcomes(Predictions.from_ids(IDS, [f"x/{name}" for name in IMAGES]), LABELS, match="name")
    assert np.flatnonzero(outcomes.mark_excluded(["y/1.png", "no.png"]).states == EXCLUDED).tolist() == [1]
    assert outcomes.mark_excluded([]).states.tolist() == outcomes.states.tolist()


def test_excluded_images_have_their_own_state_in_tables_sums_and_verdicts() -> None:
    outcomes = find_outcomes(Predictions.from_ids(IDS, IMAGES), LABELS).mark_excluded(["1.png", "4.png"])
    table = outcomes_table({"one": outcomes}, LABELS)
    assert table["state"].to_list()[:5] == ["empty", "excluded", "labelled", "labelled", "excluded"]
    assert table["correct"].to_list()[1] is None
    whole = summarize(outcomes, LABELS)
    assert (whole.n_excluded, (whole + whole).n_excluded) == (2, 4)
    none = LabelSets.from_lists(IMAGES, [[]] * 12)
    accuracy_of_verdicts = multi_label_accuracy_of_outcomes(
        outcomes, MultiLabels(LABELS, none, none, np.zeros(12, bool)), None
    )
    assert accuracy_of_verdicts.n_unknown == 0
    assert accuracy_of_verdicts.n_valid + accuracy_of_verdicts.n_unreviewed == int(
        np.count_nonzero(outcomes.states == LABELLED)
    )


def test_difference_and_interval_agree_with_both_accuracies() -> None:
    change = ExclusionEffect(Proportion(700, 1000), Proportion(600, 900))
    assert change.accuracy_on_excluded == Proportion(100, 100)
    assert change.difference == pytest.approx(600 / 900 - 700 / 1000)
    low, high = change.interval
    assert low < change.difference < high < 0
    mirrored = ExclusionEffect(Proportion(300, 1000), Proportion(300, 900))
    assert mirrored.interval == pytest.approx((-high, -low))
    assert change.to_json()["rest"] == Proportion(600, 900).to_json()
    predictions = Predictions.from_ids(np.stack([IDS, (IDS + 1) % 3], axis=1), IMAGES)
    whole, rest = (evaluate(predictions, LABELS, top_k=(1, 2), exclude=names) for names in ([], ["1.png"]))
    assert exclusion_effects_by_k(whole, rest) == {
        k: ExclusionEffect(whole.real_accuracy[k], rest.real_accuracy[k]) for k in (1, 2)
    }


def test_interval_is_missing_without_images_on_either_side() -> None:
    for everything, rest, difference in (((7, 10), (7, 10), 0.0), ((7, 10), (0, 0), None), ((0, 0), (0, 0), None)):
        change = ExclusionEffect(Proportion(*everything), Proportion(*rest))
        assert (change.difference, change.interval) == (difference, None)


@pytest.mark.parametrize(
    ("n", "excluded", "accuracy", "excluded_accuracy"), [(2000, 100, 0.8, 0.9), (500, 20, 0.7, 0.95)]
)
def test_interval_covers_the_true_change_in_about_95_percent(
    n: int, excluded: int, accuracy: float, excluded_accuracy: float
) -> None:
    """Draw images of both kinds 4,000 times; the true change is that of infinitely many images."""
    rng = np.random.default_rng(0)
    truth = accuracy - ((n - excluded) * accuracy + excluded * excluded_accuracy) / n
    rest_hits = rng.binomial(n - excluded, accuracy, 4000).tolist()
    excluded_hits = rng.binomial(excluded, excluded_accuracy, 4000).tolist()
    covered = 0
    for rest, hits in zip(rest_hits, excluded_hits, strict=True):
        low, high = ExclusionEffect(Proportion(rest + hits, n), Proportion(rest, n - excluded)).interval
        covered += low <= truth <= high
    assert 0.935 <= covered / 4000 <= 0.975


def test_set_of_images_is_found_by_names() -> None:
    sets = {"train": ["a.png", "z.png"], "val": ["a.png", "b.png"], "other": ["y.png"]}
    assert find_image_set_name(sets, ["a.png", "b.png", "c.png"]) == "val"
    assert find_image_set_name(sets, ["y.png"]) == "other"
    assert find_image_set_name({"x": ["v/1.png"], "w": ["v/2.png"]}, ["2.png"], match="name") == "w"
    assert message(find_image_set_name, {"train": ["a.png"], "val": ["a.png"]}, ["a.png"]) == (
        "these images are in several sets of the table of duplicates\n  found:   train, val"
    )
    assert (
        code_of(find_image_set_name, {"t": ["a.png", "b.png"], "v": ["a.png", "c.png"]}, ["a.png"]) == "ambiguous-set"
    )
    assert message(find_image_set_name, {"val": ["x/1.png", "x/2.png"]}, ["1.png", "2.png"]) == (
        "the table of duplicates contains none of these images\n  allowed: names such as 1.png, 2.png\n"
        '  found:   x/1.png, x/2.png in 1 image set: val\n  fix:     the names match by name; use match="name"'
    )
    assert message(find_image_set_name, {"val": ["q.png"]}, ["1.png"]).endswith("fix:     scan these images too")
