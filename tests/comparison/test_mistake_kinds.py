"""Kinds of mistakes match a slow reference, and add up to all mistakes."""

import json
from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison import ClassifiedMistakes, Panel, classify_mistakes
from reassess.comparison.mistake_kinds import ERROR_KINDS
from reassess.core import Benchmark, Classes, JudgedMistakes, LabelSets, Predictions, Questions, Scores
from reassess.evaluation import evaluate
from tests.helpers import RealVotes, scores_of

IMAGES = [f"{i}.png" for i in range(25)]
CLASSES = 8


def slow_kinds(
    predicted: dict[str, int],
    sets: dict[str, frozenset[int]],
    *,
    rated: set[tuple[str, int]],
    collapsed: set[tuple[int, int]],
    groups: dict[int, str],
    often: int,
) -> dict[str, str]:
    """Find the kind of each mistake, image by image, from the definitions."""
    together = Counter(frozenset(pair) for valid in sets.values() for pair in combinations(valid, 2))
    kinds = {}
    for image, class_id in predicted.items():
        valid = sets[image]
        if not valid or class_id in valid:
            continue
        if any((valid_id, class_id) in collapsed for valid_id in valid):
            kinds[image] = "collapsed"
        elif any(together[frozenset((valid_id, class_id))] >= often for valid_id in valid):
            kinds[image] = "co_occurring"
        elif class_id in groups and groups[class_id] in {groups[valid_id] for valid_id in valid if valid_id in groups}:
            kinds[image] = "same_group"
        elif not any(name == image for name, _ in rated):
            kinds[image] = "never_rated"
        else:
            kinds[image] = "remaining" if (image, class_id) in rated else "not_asked"
    return kinds


@given(st.integers(0, 2**32 - 1))
def test_kinds_match_reference_in_any_order_of_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sets = {image: frozenset(rng.integers(0, CLASSES, rng.integers(0, 3)).tolist()) for image in IMAGES}
    predicted = dict(zip(IMAGES, rng.integers(0, CLASSES, len(IMAGES)).tolist(), strict=True))
    rated = [(str(i), int(c)) for i in rng.permutation(IMAGES)[:20] for c in rng.permutation(CLASSES)[:3]]
    collapsed = np.array(
        [(a, b) for a in range(CLASSES) for b in range(CLASSES) if a != b and rng.random() < 0.04], int
    )
    groups = {c: str(rng.choice(["x", "y", "z"])) for c in range(CLASSES) if rng.random() < 0.5}
    labels = LabelSets.from_lists(IMAGES, [sorted(sets[image]) for image in IMAGES], Classes(CLASSES))
    shuffled = Predictions.from_ids([predicted[i] for i in reversed(IMAGES)], images=IMAGES[::-1])
    panel = Panel.from_predictions({"one": shuffled}, labels)
    options = {"collapsed_pairs": collapsed.reshape(-1, 2), "groups": groups, "min_images": 2}
    (mistakes,) = classify_mistakes(panel, labels, scores=scores_of(dict.fromkeys(rated, 0.1)), **options)
    expected = slow_kinds(
        predicted, sets, rated=set(rated), collapsed={tuple(p) for p in collapsed.tolist()}, groups=groups, often=2
    )
    assert {image: ERROR_KINDS[kind] for image, kind in zip(mistakes.images, mistakes.kinds, strict=True)} == expected
    assert mistakes.predicted_ids.tolist() == [predicted[image] for image in mistakes.images]
    assert mistakes.counts == {kind: Counter(expected.values())[kind] for kind in ERROR_KINDS}
    assert sum(mistakes.counts.values()) == len(mistakes)


def test_missing_kinds_have_reasons_instead_of_counts() -> None:
    labels = LabelSets.from_lists(["a", "b"], [[0], [1]], Classes(3, names=("cup", "mug", "pot")))
    panel = Panel.from_ids(["one"], np.array([[2, 2]]), labels)
    (mistakes,) = classify_mistakes(panel, labels)
    missing = dict.fromkeys(("collapsed", "same_group", "not_asked", "never_rated"))
    assert mistakes.counts == missing | {"co_occurring": 0, "no_class": 0, "remaining": 2}
    assert list(mistakes.counts) == list(ERROR_KINDS)
    pot = {"class": 2, "name": "pot"}
    assert mistakes.to_json(labels.classes, max_examples=1) == {
        "file": "one",
        "mistakes": 2,
        **mistakes.counts,
        "not_asked_reason": "scores are missing",
        "never_rated_reason": "scores are missing",
        "collapsed_reason": "table of collapsed classes is missing",
        "same_group_reason": "groups of classes are missing",
        "examples": {kind: [] for kind in ERROR_KINDS} | {"remaining": [{"image": "a", "predicted": pot}]},
    }
    json.dumps(mistakes.to_json(labels.classes), allow_nan=False)


def test_collapsed_pair_applies_in_one_direction() -> None:
    labels = LabelSets.from_lists(["mug", "cup"], [[0], [1]])
    panel = Panel.from_ids(["one"], np.array([[1, 0]]), labels)
    (mistakes,) = classify_mistakes(panel, labels, collapsed_pairs=np.array([[0, 1]]))
    assert mistakes.counts["collapsed"] == 1
    assert mistakes.examples("collapsed") == (("mug", 1),)


def test_output_without_class_has_its_own_kind() -> None:
    labels = LabelSets.from_lists(["a"], [[0]], Classes(3))
    predictions = Predictions.from_ids([3], images=["a"], output_class_ids=np.array([0, 1, 2, -1]))
    panel = Panel.from_predictions({"one": predictions}, labels)
    (mistakes,) = classify_mistakes(panel, labels, groups={0: "x"}, collapsed_pairs=np.array([[0, 1]]))
    assert mistakes.counts["no_class"] == 1
    assert mistakes.to_json(labels.classes)["examples"]["no_class"] == [{"image": "a", "predicted": None}]


def test_judged_mistakes_are_counted_and_named_in_examples() -> None:
    labels = LabelSets.from_lists(["a", "b", "c"], [[0], [1], [1]], Classes(3))
    panel = Panel.from_ids(["one"], np.array([[2, 2, 1]]), labels)
    questions = Questions.from_columns(["b", "a", "c"], np.array([2, 1, 1]))
    judged = JudgedMistakes(questions, ("Fine-grained", "Spurious", "Spurious"), ("Minor", "Major", "Major"))
    (mistakes,) = classify_mistakes(panel, labels, judged=judged)
    assert mistakes.judgements == (None, "Fine-grained, Minor")
    document = mistakes.to_json(labels.classes)
    assert document["judged"] == {"Fine-grained, Minor": 1}
    assert "judged" not in classify_mistakes(panel, labels)[0].to_json(labels.classes)


@pytest.fixture(scope="module")
def original_mistakes(real_labels: LabelSets, real_original: LabelSets, real_scores: Scores) -> ClassifiedMistakes:
    panel = Panel.from_ids(["original"], real_original.indices[None], real_labels, original=real_original)
    return classify_mistakes(panel, real_labels, scores=real_scores)[0]


def test_mistakes_of_original_labels_by_kind(original_mistakes: Any, real_labels: LabelSets) -> None:
    counts = dict.fromkeys(ERROR_KINDS, 0) | {"collapsed": 138, "co_occurring": 1_789, "remaining": 2_746}
    assert original_mistakes.counts == counts | {"same_group": None}
    assert len(original_mistakes) == 46_837 - 42_164
    (image, class_id), *_ = original_mistakes.examples("collapsed")
    assert (image, class_id, real_labels[image]) == ("ILSVRC2012_val_00000468.JPEG", 744, (657,))


def test_kinds_without_tables_of_classes_are_those_of_evaluate(
    real_labels: LabelSets, real_original: LabelSets, real_scores: Scores, real_votes: RealVotes
) -> None:
    experts = real_votes("golden.npz")
    rng = np.random.default_rng(0)
    predicted = np.where(rng.random(50_000) < 0.3, rng.integers(0, 1000, 50_000), real_original.indices)
    panel = Panel.from_ids(["one"], predicted[None], real_labels)
    for golden in (None, experts):
        (classified,) = classify_mistakes(
            panel, real_labels, scores=real_scores, experts=golden, benchmark=Benchmark(), min_images=10**6
        )
        mistakes = evaluate(predicted, real_labels, original=real_original, scores=real_scores, experts=golden).mistakes
        counts = {
            "no_class": mistakes.n_no_class,
            "not_asked": mistakes.n_not_asked,
            "never_rated": mistakes.n_never_rated,
            "remaining": mistakes.n_asked_and_rejected
            + (mistakes.n_expert_valid or 0)
            + (mistakes.n_rejected_by_experts or 0),
        }
        assert classified.counts == counts | {"collapsed": None, "co_occurring": 0, "same_group": None}
