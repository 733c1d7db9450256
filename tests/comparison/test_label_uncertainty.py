"""Resampled images and raters: counts in replicates, and coverage of the intervals."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from reassess.aggregation import LabelResampler
from reassess.comparison import LabelUncertainty, Panel, compare_every_pair, label_uncertainty
from reassess.core import LabelSets, Questions
from tests.helpers import code_of, message
from tests.studies import PLAIN, Study, draw, true_accuracies

SMALL = replace(PLAIN, images=60)


@pytest.fixture(scope="module")
def small() -> Study:
    return draw(1, SMALL)


def test_replicates_match_loop_over_images_and_raters(small: Study) -> None:
    """The reference makes label sets one by one, and evaluates models image by image."""
    panel, again, _ = small
    uncertainty = label_uncertainty(panel, again, replicates=40, seed=5)
    rng = np.random.default_rng(5)
    questions = again.questions
    draws = [(np.arange(30), np.arange(60))]
    draws += [(rng.integers(0, 30, 30), rng.integers(0, 60, 60)) for _ in range(40)]
    for replicate, (raters, images) in enumerate(draws):
        kept = again.find_questions_that_reach_threshold(np.bincount(raters, minlength=30)[None])[:, 0]
        sets: dict[str, set[int]] = {name: set() for name in panel.images}
        for row in np.flatnonzero(kept).tolist():
            sets[questions.images[questions.image_ids[row]]].add(int(questions.class_ids[row]))
        names = [panel.images[i] for i in images.tolist()]
        assert uncertainty.n_scored[replicate] == sum(bool(sets[name]) for name in names)
        assert uncertainty.n_labels[replicate] == sum(map(len, sets.values()))
        assert uncertainty.n_images_without_labels[replicate] == sum(not each for each in sets.values())
        for model in range(3):
            predicted = panel.top1[model]
            hits = sum(int(predicted[i]) in sets[panel.images[i]] for i in images.tolist())
            assert uncertainty.hits[replicate, model] == hits


def test_unrated_images_keep_labels(small: Study) -> None:
    panel, again, labels = small
    names = [*labels.images, "unrated.png", "empty.png"]
    more = LabelSets.from_lists(names, [*(labels[name] for name in labels.images), [2], []])
    ids = np.concatenate([panel.top1, [[2, 0], [1, 0], [2, 0]]], axis=1)
    uncertainty = label_uncertainty(Panel.from_ids("abc", ids, more), again, replicates=40)
    assert uncertainty.n_rated_images == 60
    assert uncertainty.n_scored[0] == np.count_nonzero(panel.is_scored) + 1
    assert (uncertainty.hits[0] - np.count_nonzero(panel.is_valid, axis=1)).tolist() == [1, 0, 1]
    assert uncertainty.n_images_without_labels[0] == labels.n_empty_images, "of the rated images"
    assert uncertainty.n_labels[0] == labels.indices.size


def test_panel_may_have_fewer_images(small: Study) -> None:
    panel, again, labels = small
    rows = np.arange(59, 19, -1)
    part = LabelSets.from_lists([labels.images[i] for i in rows], [labels[labels.images[i]] for i in rows])
    result = label_uncertainty(Panel.from_ids("abc", panel.top1[:, rows], part), again, replicates=40)
    assert (result.n_rated_images, result.n_labels[0], result.n_images_without_labels[0]) == (
        40,
        part.indices.size,
        part.n_empty_images,
    )


def test_swapped_models_give_negated_differences(small: Study) -> None:
    """A model is better than its copy with probability one half."""
    panel, again, labels = small
    result = label_uncertainty(panel, again, replicates=50, seed=2)
    swapped = label_uncertainty(Panel.from_ids("cba", panel.top1[::-1], labels), again, replicates=50, seed=2)
    low, high = result.difference_interval("a", "b")
    assert result.difference_interval("b", "a") == (-high, -low)
    assert result.probability_ahead("a", "b") + result.probability_ahead("b", "a") == 1
    for model in "abc":
        assert result.accuracy_interval(model) == swapped.accuracy_interval(model)
    assert result.difference_interval("a", "b") == pytest.approx(swapped.difference_interval("a", "b"))
    assert label_uncertainty(panel, again, replicates=50, seed=3).accuracy_interval("a") != result.accuracy_interval(
        "a"
    )
    copies = label_uncertainty(Panel.from_ids("ab", panel.top1[[0, 0]], labels), again, replicates=40)
    assert (copies.probability_ahead("a", "b"), copies.difference_interval("a", "b")) == (0.5, (0, 0))


def test_bias_matches_loop_over_redrawn_votes(small: Study) -> None:
    """The reference draws answers one by one, with the current label sets as the truth."""
    panel, again, _ = small
    rng, questions = np.random.default_rng([3, 1]), again.questions
    truths = again.find_questions_that_reach_threshold(np.ones((1, 30), int))[:, 0]
    by_question = np.argsort(again.item_ids, kind="stable")
    shares = []
    for _ in range(100):
        log_odds = again.base_log_odds.copy()
        for vote, uniform in zip(by_question.tolist(), rng.random(by_question.size).tolist(), strict=True):
            question, rater = again.item_ids[vote], again.rater_answer_codes[vote] // 3
            answer = int(np.searchsorted(again.matrices[rater, int(truths[question])].cumsum(), uniform, side="right"))
            invalid, valid = again.matrices[rater, :, min(answer, 2)]
            log_odds[question] += np.log(valid / invalid)
        sets: dict[str, set[int]] = {name: set() for name in panel.images}
        for row in np.flatnonzero(1 / (1 + np.exp(-log_odds)) >= 0.8).tolist():
            sets[questions.images[questions.image_ids[row]]].add(int(questions.class_ids[row]))
        scored = [i for i, name in enumerate(panel.images) if sets[name]]
        shares.append([np.mean([int(top1[i]) in sets[panel.images[i]] for i in scored]) for top1 in panel.top1])
    expected = np.mean(shares, axis=0) - panel.is_valid.sum(axis=1) / panel.is_scored.sum()
    assert label_uncertainty(panel, again, replicates=40, seed=3).bias == pytest.approx(expected)


def test_original_hits_are_counted_on_scored_images(small: Study) -> None:
    panel, again, labels = small
    original = LabelSets.from_lists(labels.images[:50], [[i % 4] for i in range(50)])
    panel = Panel.from_ids("abc", panel.top1, labels, original=original)
    uncertainty = label_uncertainty(panel, again, replicates=40, seed=5)
    rng, questions = np.random.default_rng(5), again.questions
    for replicate in range(1, 41):
        raters, images = rng.integers(0, 30, 30), rng.integers(0, 60, 60)
        kept = again.find_questions_that_reach_threshold(np.bincount(raters, minlength=30)[None])[:, 0]
        scored = {questions.images[questions.image_ids[row]] for row in np.flatnonzero(kept).tolist()}
        rows = [i for i in images.tolist() if panel.images[i] in scored and i < 50]
        assert uncertainty.n_original_scored[replicate] == len(rows)
        for model in range(3):
            assert uncertainty.original_hits[replicate, model] == sum(panel.top1[model, i] == i % 4 for i in rows)
    real, by_original = (
        uncertainty.hits.T / uncertainty.n_scored,
        uncertainty.original_hits.T / uncertainty.n_original_scored,
    )
    changes = (real - by_original)[:, 1:]
    for a, b in ((0, 1), (2, 0)):
        expected = np.std(changes[a] - changes[b], ddof=1)
        assert uncertainty.lead_change_standard_deviations[a, b] == pytest.approx(expected)


@pytest.mark.parametrize("n_original", [0, 1])
def test_pairs_are_tested_with_at_most_one_original_label(small: Study, n_original: int) -> None:
    panel, again, labels = small
    original = LabelSets.from_lists(labels.images[:n_original], [[0]] * n_original)
    panel = Panel.from_ids("abc", panel.top1, labels, original=original)
    tests = compare_every_pair(panel, label_uncertainty(panel, again, replicates=40))
    assert (tests.lead_change_tests is None) == (n_original == 0)
    assert n_original == 0 or np.isfinite(tests.lead_change_tests.standard_errors).all()


def test_accuracy_interval_is_corrected_for_bias_and_clipped() -> None:
    samples = np.arange(41)
    hits = np.stack([np.append(50, samples), np.append(98, 60 + samples)], axis=1)
    ones, bias = np.full(42, 100), np.array([-0.03, -0.5])
    uncertainty = LabelUncertainty(("a", "b"), hits, ones, hits, ones, bias, ones, ones, 9, 5, 0.8, 0)
    assert uncertainty.n_replicates == 41
    assert uncertainty.mean_accuracy_change_in_replicates("a") == pytest.approx(0.2 - 0.5)
    spread = 1.959964 * np.std(samples / 100, ddof=1)
    assert uncertainty.accuracy_interval("a") == pytest.approx((0.53 - spread, 0.53 + spread))
    assert uncertainty.accuracy_interval("b") == (1, 1)
    assert uncertainty.difference_interval("a", "b") == pytest.approx((-0.48, -0.48)), "equal in all replicates"
    assert uncertainty.difference_standard_deviations.tolist() == [[0, 0], [0, 0]]


def test_intervals_have_nominal_coverage() -> None:
    """Of 60 intervals, 57 should contain the accuracy by true labels; here at least 55 must.

    By label sets from 30 raters' votes, accuracies are 3 points too low. benchmarks/bench_coverage.py has more studies,
    and other designs.
    """
    truth = true_accuracies(PLAIN, 200_000)
    expected = [*truth, truth[0] - truth[1], truth[0] - truth[2]]
    covered, estimates = np.zeros(5), []
    for seed in range(60):
        panel, again, _ = draw(seed)
        result = label_uncertainty(panel, again, replicates=100, seed=seed)
        intervals = [result.accuracy_interval(model) for model in "abc"]
        intervals += [result.difference_interval("a", other) for other in "bc"]
        covered += [low <= value <= high for (low, high), value in zip(intervals, expected, strict=True)]
        estimates.append(panel.is_valid.sum(axis=1) / panel.is_scored.sum())
    assert (covered >= 55).all(), covered
    assert (truth - np.mean(estimates, axis=0) > 0.025).all(), "the label sets are not the truth"


def test_json_contains_models_pairs_and_label_sets(small: Study) -> None:
    panel, again, labels = small
    uncertainty = label_uncertainty(panel, again, replicates=40, seed=7)
    document = uncertainty.to_json([("b", "a")])
    low, high = uncertainty.difference_interval("b", "a")
    assert document["pairs"] == [
        {"a": "b", "b": "a", "low": low, "high": high, "probability_a": uncertainty.probability_ahead("b", "a")}
    ]
    assert [entry["file"] for entry in document["models"]] == ["a", "b", "c"]
    assert document["models"][0]["bias"] == uncertainty.bias[0]
    assert document["sets"] == {
        "rated_images": 60,
        "labels": labels.indices.size,
        "labels_in_replicates": float(uncertainty.n_labels[1:].mean()),
        "empty_images": labels.n_empty_images,
        "empty_images_in_replicates": float(uncertainty.n_images_without_labels[1:].mean()),
    }
    assert (document["replicates"], document["seed"], document["threshold"], document["raters"]) == (40, 7, 0.8, 30)


def test_track_gets_start_of_each_block(small: Study) -> None:
    replicates: list[int] = []

    def track(items: Iterable[int]) -> Iterable[int]:
        for item in items:
            replicates.append(item)
            yield item

    label_uncertainty(*small[:2], replicates=40, show_progress=track)
    assert replicates == [0]
    label_uncertainty(*small[:2], replicates=150, show_progress=track)
    assert replicates == [0, 0, 64, 128]


def test_bad_input_raises(small: Study) -> None:
    panel, again, labels = small
    assert code_of(label_uncertainty, panel, again, replicates=39) == "too-few"
    empty, other = (Panel.from_ids("abc", panel.top1, LabelSets.from_lists(labels.images, [s] * 60)) for s in ([], [0]))
    assert code_of(label_uncertainty, empty, again, replicates=40) == "none-scored"
    assert message(label_uncertainty, other, again, replicates=40) == (
        "models were evaluated with label sets that were not made from these votes\n"
        "  fix:     evaluate them with label sets from these votes"
    )


def test_replicates_without_scored_image_are_dropped() -> None:
    """One image has one vote, by one of 99 raters, who is drawn in about 63 of 100 replicates."""
    matrices = np.array([[[0.9, 0.1], [0.1, 0.9]]] * 99)
    items = Questions(("a.png",), np.zeros(1, np.int32), np.zeros(1, np.int32))
    again = LabelResampler(items, np.array([0]), np.array([1]), matrices, np.ones(99, bool), np.zeros(1), 0.8)
    panel = Panel.from_ids("ab", np.zeros((2, 1), int), LabelSets.from_lists(["a.png"], [[0]]))
    assert 100 < label_uncertainty(panel, again, replicates=200).n_replicates < 150
    assert code_of(label_uncertainty, panel, again, replicates=40) == "too-few"
