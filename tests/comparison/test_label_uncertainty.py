"""Resampled images and raters: what the replicates hold, and how often the intervals hold the truth."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation.recipe import real_scores
from reassess.aggregation.relabelling import Relabelling, relabel
from reassess.aggregation.thresholds import label_sets
from reassess.comparison.label_uncertainty import LabelUncertainty, label_uncertainty
from reassess.comparison.panel import Panel
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.recipe import Recipe
from reassess.core.votes import Votes
from tests.helpers import WORDS, message

RULES = Recipe(experts_at_least=2, original_experts_at_least=2, original_below=None, smoothing=1.0, pooling=0.0)
RATERS, GOLDEN, CLASSES, THRESHOLD = 30, 200, 4, 0.8


def by_chance(rng: np.random.Generator, shares: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An answer drawn from each row of shares."""
    return (rng.random((*shares.shape[:-1], 1)) > shares.cumsum(axis=-1)[..., :-1]).sum(axis=-1)


def study(seed: int, images: int = 500) -> tuple[Panel, Relabelling, LabelSets]:
    """Two models judged by labels of fresh images and raters: 4 questions an image, 5 of 30 raters on each."""
    rng = np.random.default_rng(seed)
    truth = rng.random((images, CLASSES)) < 0.35
    truth[:, 0] |= rng.random(images) < 0.8
    names = tuple(f"{i:05}.png" for i in range(images))
    items = Questions(names, np.repeat(np.arange(images), CLASSES), np.tile(np.arange(CLASSES), images))
    invalid, valid = (rng.dirichlet(12 * np.array(mean), RATERS) for mean in ((0.85, 0.1, 0.05), (0.2, 0.2, 0.6)))
    matrices = np.stack([invalid, valid], axis=1)
    chosen = np.argsort(rng.random((len(items), RATERS)), axis=1)[:, :5]
    answers = by_chance(rng, matrices[chosen, truth.reshape(-1, 1).astype(int)])
    votes = Votes.from_columns(
        items, np.repeat(np.arange(len(items)), 5), chosen.ravel(), answers.ravel(), tuple(range(RATERS)), WORDS
    )
    pairs = Questions(("golden",), np.zeros(GOLDEN, np.int32), np.arange(GOLDEN, dtype=np.int32))
    is_valid = rng.random(GOLDEN) < 0.35
    golden_answers = np.where(np.repeat(is_valid, 3), 2, 0)
    experts = Votes.from_columns(
        pairs, np.repeat(np.arange(GOLDEN), 3), np.tile(np.arange(3), GOLDEN), golden_answers, "xyz", WORDS
    )
    voters, which = np.repeat(np.arange(RATERS), GOLDEN), np.tile(np.arange(GOLDEN), RATERS)
    golden = Votes.from_columns(
        pairs, which, voters, by_chance(rng, matrices[voters, is_valid[which].astype(int)]), tuple(range(RATERS)), WORDS
    )
    labels = label_sets(real_scores(votes, experts, golden, None, recipe=RULES), THRESHOLD)
    again = relabel(labels, votes, experts, golden, None, threshold=THRESHOLD, recipes=[RULES])
    first = np.where(rng.random(images) < 0.75, 0, rng.integers(0, CLASSES, images))
    other = np.where(rng.random(images) < 0.72, 0, rng.integers(0, CLASSES, images))
    second = np.where(rng.random(images) < 0.7, first, other)
    return Panel.from_ids("ab", np.stack([first, second]), labels), again, labels


@pytest.fixture(scope="module")
def small() -> tuple[Panel, Relabelling, LabelSets]:
    return study(1, images=60)


def test_a_replicate_judges_resampled_images_by_the_votes_of_resampled_raters(
    small: tuple[Panel, Relabelling, LabelSets],
) -> None:
    """Against label sets made one by one and models judged image by image."""
    panel, again, _ = small
    uncertainty = label_uncertainty(panel, again, replicates=40, seed=5)
    rng = np.random.default_rng(5)
    questions = again.questions
    draws = [(np.arange(30), np.arange(60))]
    draws += [(rng.integers(0, 30, 30), rng.integers(0, 60, 60)) for _ in range(40)]
    for replicate, (raters, images) in enumerate(draws):
        kept = again.kept(np.bincount(raters, minlength=30))
        sets: dict[str, set[int]] = {name: set() for name in panel.images}
        for row in np.flatnonzero(kept).tolist():
            sets[questions.images[questions.image_ids[row]]].add(int(questions.class_ids[row]))
        drawn = [panel.images[i] for i in images.tolist()]
        assert uncertainty.n[replicate] == sum(bool(sets[name]) for name in drawn)
        assert uncertainty.labels[replicate] == sum(map(len, sets.values()))
        assert uncertainty.empty[replicate] == sum(not each for each in sets.values())
        for model in range(2):
            predicted = panel.top1[model]
            hits = sum(int(predicted[i]) in sets[panel.images[i]] for i in images.tolist())
            assert uncertainty.hits[replicate, model] == hits


def test_images_that_were_not_rated_keep_their_labels(small: tuple[Panel, Relabelling, LabelSets]) -> None:
    panel, again, labels = small
    names = [*labels.images, "unrated.png", "empty.png"]
    more = LabelSets.from_lists(names, [*(labels[name] for name in labels.images), [2], []])
    ids = np.concatenate([panel.top1, [[2, 0], [1, 0]]], axis=1)
    uncertainty = label_uncertainty(Panel.from_ids("ab", ids, more), again, replicates=40)
    assert uncertainty.rated == 60
    assert uncertainty.n[0] == np.count_nonzero(panel.scored) + 1
    assert (uncertainty.hits[0] - np.count_nonzero(panel.valid, axis=1)).tolist() == [1, 0]
    assert uncertainty.empty[0] == labels.empty_images, "of the rated images"
    assert uncertainty.labels[0] == labels.indices.size


def test_a_panel_of_some_of_the_images_is_judged_on_these(small: tuple[Panel, Relabelling, LabelSets]) -> None:
    panel, again, labels = small
    rows = np.arange(59, 19, -1)
    part = LabelSets.from_lists([labels.images[i] for i in rows], [labels[labels.images[i]] for i in rows])
    uncertainty = label_uncertainty(Panel.from_ids("ab", panel.top1[:, rows], part), again, replicates=40)
    assert (uncertainty.rated, uncertainty.labels[0], uncertainty.empty[0]) == (
        40,
        part.indices.size,
        part.empty_images,
    )


def test_swapping_the_models_turns_everything_round(small: tuple[Panel, Relabelling, LabelSets]) -> None:
    panel, again, labels = small
    one = label_uncertainty(panel, again, replicates=50, seed=2)
    two = label_uncertainty(Panel.from_ids("ba", panel.top1[::-1], labels), again, replicates=50, seed=2)
    low, high = one.difference_interval("a", "b")
    assert one.difference_interval("b", "a") == (-high, -low)
    assert one.probability("a", "b") + one.probability("b", "a") == 1
    for model in "ab":
        assert one.interval(model) == two.interval(model)
    assert one.difference_interval("a", "b") == two.difference_interval("a", "b")
    assert label_uncertainty(panel, again, replicates=50, seed=3).interval("a") != one.interval("a")


def test_a_model_and_its_copy_are_better_with_probability_one_half(small: tuple[Panel, Relabelling, LabelSets]) -> None:
    panel, again, labels = small
    twice = Panel.from_ids("ab", panel.top1[[0, 0]], labels)
    uncertainty = label_uncertainty(twice, again, replicates=40)
    assert uncertainty.probability("a", "b") == 0.5
    assert uncertainty.difference_interval("a", "b") == (0, 0)


def test_intervals_are_moved_back_by_the_shift_and_stay_within_what_there_is() -> None:
    samples = np.arange(41)
    hits = np.stack([np.append(50, samples), np.append(98, 60 + samples)], axis=1)
    ones = np.full(42, 100)
    uncertainty = LabelUncertainty(("a", "b"), hits, ones, ones, ones, 9, 5, 0.8, 0)
    assert uncertainty.replicates == 41
    assert uncertainty.shift("a") == pytest.approx(0.2 - 0.5)
    assert uncertainty.interval("a") == pytest.approx((0.31, 0.69)), "1 and 39 of 0 to 40, moved up by 30"
    assert uncertainty.interval("b") == pytest.approx((0.79, 1))


def test_the_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """At 500 images; the truth is the mean over studies with other images and other raters."""
    studies = (study(seed)[0] for seed in range(300))
    accuracies = np.array([panel.valid.sum(axis=1) / panel.scored.sum() for panel in studies])
    truth = accuracies.mean(axis=0)
    covered = np.zeros(3)
    for seed in range(60):
        panel, again, _ = study(1000 + seed)
        uncertainty = label_uncertainty(panel, again, replicates=100, seed=seed)
        intervals = uncertainty.interval("a"), uncertainty.interval("b"), uncertainty.difference_interval("a", "b")
        for i, ((low, high), value) in enumerate(zip(intervals, (*truth, truth[0] - truth[1]), strict=True)):
            covered[i] += low <= value <= high
    assert (covered / 60 >= 0.93).all(), covered


def test_the_json_object_holds_models_pairs_and_what_became_of_the_sets(
    small: tuple[Panel, Relabelling, LabelSets],
) -> None:
    panel, again, labels = small
    uncertainty = label_uncertainty(panel, again, replicates=40, seed=7)
    document = uncertainty.to_json([("b", "a")])
    low, high = uncertainty.difference_interval("b", "a")
    assert document["pairs"] == [
        {"a": "b", "b": "a", "low": low, "high": high, "probability_a": uncertainty.probability("b", "a")}
    ]
    assert [entry["file"] for entry in document["models"]] == ["a", "b"]
    assert document["sets"] == {
        "rated_images": 60,
        "labels": labels.indices.size,
        "labels_in_replicates": float(uncertainty.labels[1:].mean()),
        "empty_images": labels.empty_images,
        "empty_images_in_replicates": float(uncertainty.empty[1:].mean()),
    }
    assert (document["replicates"], document["seed"], document["threshold"], document["raters"]) == (40, 7, 0.8, 30)


def test_the_work_can_be_followed(small: tuple[Panel, Relabelling, LabelSets]) -> None:
    replicates: list[int] = []

    def track(items: Iterable[int]) -> Iterable[int]:
        for item in items:
            replicates.append(item)
            yield item

    label_uncertainty(*small[:2], replicates=40, track=track)
    assert replicates == list(range(40))


def test_what_cannot_be_measured_is_an_error(small: tuple[Panel, Relabelling, LabelSets]) -> None:
    panel, again, labels = small
    assert (
        message(label_uncertainty, panel, again, replicates=39)
        == "too few replicates for a 95 % interval\n  allowed: 40 or more\n  found:   39"
    )
    empty = Panel.from_ids("ab", panel.top1, LabelSets.from_lists(labels.images, [[]] * 60))
    assert message(label_uncertainty, empty, again, replicates=40).startswith("no image is scored\n")
    other = Panel.from_ids("ab", panel.top1, LabelSets.from_lists(labels.images, [[0]] * 60))
    assert message(label_uncertainty, other, again, replicates=40) == (
        "the panel was judged by other labels than the votes give\n  to mend: judge it by these"
    )


def test_replicates_without_a_scored_image_do_not_count() -> None:
    """One image with one vote, by one of 99 raters: drawn in about 63 of 100 replicates."""
    matrices = np.array([[[0.9, 0.1], [0.1, 0.9]]] * 99)
    items = Questions(("a.png",), np.zeros(1, np.int32), np.zeros(1, np.int32))
    again = Relabelling(items, np.array([0]), np.array([1]), matrices, np.ones(99, bool), np.zeros(1), 0.8)
    panel = Panel.from_ids("ab", np.zeros((2, 1), int), LabelSets.from_lists(["a.png"], [[0]]))
    assert 100 < label_uncertainty(panel, again, replicates=200).replicates < 150
    assert message(label_uncertainty, panel, again, replicates=40).startswith(
        "too few replicates for a 95 % interval\n"
    )
