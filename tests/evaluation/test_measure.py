"""`evaluate` equals simple references on random and on real data, and obeys the laws of accuracy."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, LabelSets, Predictions, Scores, Votes
from reassess.core.image_names import match_images, validation_image_names
from reassess.data import read_votes
from reassess.evaluation import MISTAKE_KINDS, Evaluation, MistakesByOriginal, evaluate
from reassess.evaluation.result import describe_mistakes_by_original
from reassess.numeric import Proportion
from tests.helpers import RealFile, message, numbered_labels, scores_of
from tests.references import Tally, kind_of_mistake_by_original, published_snippet, ranking, tally

# Random models are at chance level.
pytestmark = pytest.mark.filterwarnings("ignore:.* agrees with the original labels on")

CLASSES = 9


def experts_of(shares: Mapping[tuple[str, int], float]) -> Votes:
    """Make votes of five experts, with the share of yes for each (image, class)."""
    questions = scores_of(shares).questions
    yes = np.array([[expert < round(5 * share) for expert in range(5)] for share in shares.values()], int)
    experts = np.tile(np.arange(5), len(shares))
    return Votes.from_columns(
        questions, np.repeat(np.arange(len(shares)), 5), experts, yes.ravel(), "abcde", ("no", "yes")
    )


@dataclass(frozen=True)
class World:
    """A small random benchmark, in plain Python and in types of reassess, and scores of a model with many ties."""

    sets: dict[str, frozenset[int]]
    original: dict[str, int]
    proposed: dict[str, dict[int, float]]
    golden: dict[str, dict[int, float]]
    rows: dict[str, list[float]]

    @property
    def labels(self) -> LabelSets:
        return LabelSets.from_lists(list(self.sets), [list(ids) for ids in self.sets.values()], Classes(CLASSES))

    @property
    def nouns(self) -> dict[str, object]:
        original = LabelSets.from_lists(list(self.original), [[c] for c in self.original.values()], Classes(CLASSES))
        scores, experts = (
            {(image, class_id): value for image, row in table.items() for class_id, value in row.items()}
            for table in (self.proposed, self.golden)
        )
        return {"original": original, "scores": scores_of(scores), "experts": experts_of(experts)}

    def as_scores(self, images: list[str] | None = None) -> Predictions:
        images = list(self.rows) if images is None else images
        table = np.array([self.rows[name] for name in images], np.float32).reshape(-1, CLASSES)
        return Predictions.from_scores(table, images)

    def as_ids(self, k: int) -> Predictions:
        ids = np.array([ranking(row)[:k] for row in self.rows.values()])
        return Predictions.from_ids(ids, list(self.rows))

    def tally(self, top_k: tuple[int, ...], images: list[str] | None = None) -> Tally:
        rankings = {name: ranking(self.rows[name]) for name in (self.rows if images is None else images)}
        nouns = {"original": self.original, "scores": self.proposed, "experts": self.golden}
        return tally(rankings, self.sets, top_k=top_k, **nouns)


def some_classes(rng: np.random.Generator, sizes: list[int]) -> list[int]:
    return rng.choice(CLASSES, rng.choice(sizes), replace=False).tolist()


def random_world(seed: int, *, images: int = 50) -> World:
    rng = np.random.default_rng(seed)
    names = [f"{'abc'[i % 3]}/{i}.png" for i in range(images)]
    labelled, predicted = (rng.permutation(names)[: images - 10].tolist() for _ in range(2))
    sets = {name: frozenset(some_classes(rng, [0, 1, 1, 2, 4])) for name in labelled}
    rated = rng.permutation(names)[: images // 2].tolist()
    original = {name: int(rng.integers(CLASSES)) for name in names if name in sets or rng.random() < 0.3}
    proposed = {name: {c: float(rng.random()) for c in some_classes(rng, [1, 3, 6])} for name in rated}
    golden = {
        name: {c: float(rng.choice([0.0, 0.4, 0.6])) for c in proposed[name] if rng.random() < 0.5} | {0: 0.0}
        for name in rated[: images // 4]
    } | {name: {1: 0.6} for name in names if name not in rated[3:]}
    rows = {name: rng.choice([-np.inf, -1, -0.0, 0.0, 0.5, 2, np.inf], CLASSES).tolist() for name in predicted}
    # Without this, the agreement of a model could be at chance level.
    for name in [name for name in predicted if name in original][::3]:
        rows[name][original[name]] = np.inf
    return World(sets, original, proposed, golden, rows)


def assert_counts(result: Evaluation, expected: Tally) -> None:
    images = (result.n_images, result.n_empty, result.n_unlabelled, result.n_unknown)
    assert images == (expected.images, expected.empty, expected.unlabelled, expected.unknown)
    assert result.n_images == result.n_scored + sum(images[1:])
    assert result.real_accuracy == {k: Proportion(*counts) for k, counts in expected.real.items()}
    assert result.original_accuracy == {k: Proportion(*counts) for k, counts in expected.original.items()}
    sizes = {size: [part.n_images, part.n_valid_found] for size, part in result.by_label_count.items()}
    assert sizes == expected.by_size
    for k, part in result.real_accuracy.items():
        assert sum(by_size.hits_by_k[k] for by_size in result.by_label_count.values()) == part.hits
    assert {c: list(counts) for c, *counts in result.per_class.class_counts} == expected.of_class
    assert {(valid, predicted): n for valid, predicted, n in result.per_class.confusions} == expected.instead
    by_original, top1 = result.mistakes_by_original.to_json(), result.original_accuracy[1]
    n_mistakes, n_valid = by_original.pop("images"), by_original.pop("prediction_valid")
    assert {kind: n for kind, n in by_original.items() if n} == expected.mistakes_by_original
    assert n_mistakes == sum(by_original.values()) == top1.n - top1.hits
    assert n_valid == by_original["only_prediction_valid"] + by_original["both_valid"]
    assert result.recall_at_size == near(expected.recall)
    assert (result.soft_accuracy.accuracy, result.soft_accuracy.highest_possible_accuracy) == (
        near(expected.soft),
        near(expected.ceiling),
    )
    assert result.mistakes.n_images_by_kind == {kind: expected.mistakes[kind] for kind in MISTAKE_KINDS}


def near(value: Fraction | None) -> object:
    return None if value is None else pytest.approx(float(value), rel=1e-12)


# The simple reference


@given(seed=st.integers(0, 2**32 - 1))
def test_scores_and_ids_equal_the_reference_in_any_order_of_rows(seed: int) -> None:
    world = random_world(seed)
    options = {"ignore_unknown": True, **world.nouns}
    result = evaluate(world.as_scores(), world.labels, top_k=(1, 2, 5, 9), **options)
    assert_counts(result, world.tally((1, 2, 5, 9)))
    assert_counts(evaluate(world.as_ids(5), world.labels, top_k=(1, 3, 5), **options), world.tally((1, 3, 5)))
    shuffled = np.random.default_rng(seed).permutation(list(world.rows)).tolist()
    assert evaluate(world.as_scores(shuffled), world.labels, top_k=(1, 2, 5, 9), **options) == result


def test_reordered_outputs_and_outputs_without_a_class_give_the_same_evaluation() -> None:
    """Ties are still broken by class id."""
    world = random_world(2)
    columns = np.array([3, 8, -1, 0, 5, 1, -1, 7, 2, 6, 4])
    table = np.full((len(world.rows), columns.size), np.inf, np.float32)
    table[:, columns >= 0] = np.array(list(world.rows.values()))[:, columns[columns >= 0]]
    predictions = Predictions.from_scores(table, list(world.rows), output_class_ids=columns)
    result = evaluate(predictions, world.labels, top_k=(1, 5), ignore_unknown=True, **world.nouns)
    assert_counts(result, world.tally((1, 5)))


# Laws


@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_batches_add_up(seed: int, cuts: list[int]) -> None:
    """Batches can be empty, or without a scored image."""
    world = random_world(seed)
    images, bounds = list(world.rows), [0, *sorted(cuts), 40]
    parts = [
        evaluate(world.as_scores(images[a:b]), world.labels, top_k=(1, 5), ignore_unknown=True, **world.nouns)
        for a, b in pairwise(bounds)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert_counts(total, world.tally((1, 5)))
    whole = evaluate(world.as_scores(), world.labels, top_k=(1, 5), ignore_unknown=True, **world.nouns)
    assert total.to_json() == json.loads(json.dumps(whole.to_json()), object_hook=with_near_floats)


def with_near_floats(document: dict[str, object]) -> dict[str, object]:
    floats = {name: pytest.approx(part, rel=1e-12) for name, part in document.items() if isinstance(part, float)}
    return document | floats


# The real data

LIST_LENGTHS = {0: 3163, 1: 39394, 2: 5408, 3: 1319, 4: 411, 5: 161, 6: 88, 7: 41, 8: 13, 9: 2}


def test_real_labels_equal_the_published_labels(real_labels: LabelSets, real_file: RealFile) -> None:
    """Some lists of the file are not sorted, and are read as sets."""
    assert dict(enumerate(np.bincount(real_labels.sizes).tolist())) == LIST_LENGTHS
    assert real_labels.images == validation_image_names()
    assert (len(real_labels) - real_labels.n_empty_images, real_labels.indices.size) == (46_837, 57_553)
    assert real_labels.classes.count == 1000
    lists = json.loads(real_file("real.json").read_text())
    assert sum(ids != sorted(ids) for ids in lists) == 3957
    assert list(real_labels.classes_by_image().values()) == [frozenset(ids) for ids in lists]


def test_unrated_images_have_exactly_their_original_label(
    real_labels: LabelSets, real_original: LabelSets, real_scores: Scores
) -> None:
    rated = real_scores.questions.rows_of(real_labels.images) >= 0
    assert (np.count_nonzero(rated), np.count_nonzero(~rated)) == (24_889, 25_111)
    unrated = np.flatnonzero(~rated)
    classes, sizes = real_labels.classes_of_rows(unrated)
    assert (sizes == 1).all()
    np.testing.assert_array_equal(classes, real_original.indices[unrated])


def test_original_labels_as_a_model_have_the_accuracy_of_the_paper(
    real_labels: LabelSets, real_original: LabelSets, real_scores: Scores, real_file: RealFile
) -> None:
    experts = read_votes(real_file("golden.npz"))
    predictions = Predictions.from_ids(real_original.indices, real_original.images)
    result = evaluate(predictions, real_labels, original=real_original, scores=real_scores, experts=experts)
    assert result.real_accuracy == {1: Proportion(42_164, 46_837)}
    assert f"{result.real_accuracy[1].value:.4%}" == "90.0228%"
    assert result.original_accuracy == {1: Proportion(50_000, 50_000)}
    counts = (result.n_images, result.n_scored, result.n_empty, result.n_unlabelled, result.n_unknown)
    assert counts == (50_000, 46_837, 3163, 0, 0)
    assert (f"{result.soft_accuracy.accuracy:.4f}", f"{result.soft_accuracy.highest_possible_accuracy:.4f}") == (
        "0.9139",
        "0.9947",
    )
    assert {0: 3163} | {size: part.n_images for size, part in result.by_label_count.items()} == LIST_LENGTHS
    assert sum(result.mistakes.n_images_by_kind.values()) == 46_837 - 42_164
    assert result.mistakes.n_never_rated == 0  # the label of an unrated image is its original label
    assert result.recall_at_size is None
    assert result.missing_reasons["recall_at_size"] == "some images have more labels than predicted ids (1)"


def test_original_labels_are_less_accurate_on_rated_images(
    real_labels: LabelSets, real_original: LabelSets, real_scores: Scores
) -> None:
    rated = np.flatnonzero(real_scores.questions.rows_of(real_labels.images) >= 0)
    names = [real_labels.images[row] for row in rated.tolist()]
    result = evaluate(Predictions.from_ids(real_original.indices[rated], names), real_labels, original=real_original)
    assert f"{result.real_accuracy[1].value:.2%}" == "78.49%"
    assert result.n_scored == 24_889 - 3163


def test_evaluate_equals_the_published_snippet_on_the_real_labels(real_labels: LabelSets, real_file: RealFile) -> None:
    """Evaluate all images, and a random subset in batches; test_timm.py compares with timm."""
    lists, names = json.loads(real_file("real.json").read_text()), np.array(validation_image_names())
    rng = np.random.default_rng(5)
    top1 = rng.integers(0, 1000, 50_000)
    expected = published_snippet(zip(names, top1.tolist(), strict=True), lists)
    assert evaluate(top1, real_labels).real_accuracy == {1: Proportion(*expected)}
    order = rng.permutation(50_000)[:5000]
    first, *others = (
        evaluate(Predictions.from_ids(top1[rows], names[rows].tolist()), real_labels)
        for rows in np.split(order, [100, 100, 2600])
    )
    subset = published_snippet([(names[row], top1[row]) for row in order.tolist()], lists)
    assert sum(others, first).real_accuracy == {1: Proportion(*subset)}


def test_mistakes_by_original_labels_equal_counts_by_sets_on_the_real_labels(
    real_labels: LabelSets, real_original: LabelSets, real_scores: Scores, real_file: RealFile
) -> None:
    """The model predicts the original label, another class that raters were asked about, or a random class."""
    lists = json.loads(real_file("real.json").read_text())
    wnids = real_file("validation_labels.txt").read_text().split()
    class_of = {wnid: i for i, wnid in enumerate(sorted(set(wnids)))}
    rng = np.random.default_rng(3)
    asked: list[list[int]] = [[class_of[wnid]] for wnid in wnids]
    questions = real_scores.questions.convert_to_classes(real_labels.classes)
    rows = match_images(questions.images, real_labels.images)
    for row, class_id in zip(rows[questions.image_ids].tolist(), questions.class_ids.tolist(), strict=True):
        asked[row].append(class_id)
    top1 = [int(rng.choice([*classes, rng.integers(1000)])) for classes in asked]
    expected = Counter(
        kind_of_mistake_by_original(predicted, class_of[wnid], valid)
        for predicted, wnid, valid in zip(top1, wnids, lists, strict=True)
        if predicted != class_of[wnid]
    )
    counts = evaluate(np.array(top1), real_labels, original=real_original).mistakes_by_original.to_json()
    assert counts == {"images": expected.total(), "prediction_valid": counts["prediction_valid"], **expected}
    assert counts["prediction_valid"] == expected["only_prediction_valid"] + expected["both_valid"]
    assert len(expected) == 5
    assert min(expected.values()) > 100


# Missing parts have a reason, and the JSON is valid

IMAGES = ["a.png", "b.png", "c.png", "d.png"]
LABELS = LabelSets.from_lists(IMAGES, [[0, 2], [], [1], [3]])
ORIGINAL = LabelSets.from_lists(IMAGES, [[0], [1], [2], [3]])


def test_part_without_its_input_is_null_with_a_reason() -> None:
    def real(hits: int, n: int, low: float, high: float) -> dict[str, object]:
        near_low, near_high = (pytest.approx(bound, abs=5e-5) for bound in (low, high))
        return {"1": {"hits": hits, "n": n, "accuracy": hits / n, "low": near_low, "high": near_high}}

    document = evaluate(np.array([2, 0, 0, 3]), LABELS).to_json()
    assert document == {
        "images": 4,
        "scored": 3,
        "not_scored": {"empty": 1, "unlabelled": 0, "unknown": 0},
        "scorable": 3,
        "detected": "ids, joined by position, in the order of the label set",
        "unknown_classes": {"predictions": 0, "names": 0},
        "interval": "95 %, Wilson, over images",
        "label_set": "reassessed",
        "real": real(2, 3, 0.2077, 0.9385),
        **dict.fromkeys(["original", "original_scored", "soft", "recall_at_size", "mistakes", "mistakes_by_original"]),
        "original_reason": "original labels are missing",
        "original_scored_reason": "original labels are missing",
        "mistakes_by_original_reason": "original labels are missing",
        "soft_reason": "scores are missing",
        "recall_at_size_reason": "some images have more labels than predicted ids (1)",
        "mistakes_reason": "scores are missing",
        "by_label_count": [
            {"labels": 1, "n": 2, "real": real(1, 2, 0.0945, 0.9055), "recall_at_size": 0.5},
            {"labels": 2, "n": 1, "real": real(1, 1, 0.2065, 1), "recall_at_size": None},
        ],
    }


def test_soft_accuracy_needs_the_original_label_of_a_scored_unrated_image() -> None:
    scores = scores_of({("a.png", 0): 0.9})
    result = evaluate(np.array([0, 0, 1, 3]), LABELS, scores=scores)
    assert result.soft_accuracy is None
    assert result.to_json()["soft_reason"] == "image c.png is unrated, and its original label is missing"


def test_ratios_are_null_and_never_nan_without_scored_images() -> None:
    scores = scores_of({("b.png", 0): 0.1})
    predictions = Predictions.from_ids([1], ["b.png"])
    document = evaluate(predictions, LABELS, original=ORIGINAL, scores=scores).to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    no_images = {"hits": 0, "n": 0, "accuracy": None, "low": None, "high": None}
    assert (document["scored"], document["real"]) == (0, {"1": no_images})
    assert (document["soft"], document["soft_reason"]) == (None, "no image is scored")
    assert (document["recall_at_size"], document["recall_at_size_reason"]) == (None, "no image is scored")
    assert document["mistakes"] == dict.fromkeys(MISTAKE_KINDS, 0) | dict.fromkeys(
        ["expert_valid", "rejected_by_experts"]
    )
    result = evaluate(Predictions.from_ids(np.empty((0, 2), int), []), LABELS)
    assert (result.n_images, result.n_scored, result.real_accuracy) == (0, 0, {1: Proportion(0, 0)})
    assert str(result).startswith("reassessed top-1 - (no images)")
    result = evaluate(np.array([0, 0, 1, 3]), LABELS, original=LabelSets.from_lists([], []))
    assert result.original_accuracy == {1: Proportion(0, 0)}


def test_evaluation_prints_its_counts_in_a_terminal_and_in_a_notebook() -> None:
    """The first line has the name of the label sets."""
    scores = scores_of({("a.png", 0): 0.9, ("a.png", 2): 0.8, ("b.png", 0): 0.1})
    table = np.eye(4, dtype=np.float32)[[2, 0, 0, 3]]
    named = {
        name: evaluate(table, replace(LABELS, name=name), original=ORIGINAL, scores=scores, top_k=(1, 2))
        for name in ("ReaL", "", "<pets>")
    }
    text = (
        "ReaL top-1             66.67 % [20.77, 93.85] (2 of 3)\n"
        "ReaL top-2             100.0 % [43.85, 100.0] (3 of 3)\n"
        "original top-1         25.00 % [4.56, 69.94] (1 of 4)\n"
        "original top-2         75.00 % [30.06, 95.44] (3 of 4)\n"
        "original top-1, scored 33.33 % [6.15, 79.23] (1 of 3)\n"
        "original top-2, scored 66.67 % [20.77, 93.85] (2 of 3)\n"
        "soft ReaL              0.6000; no model can exceed 0.9667\n"
        "recall at size         0.6667\n"
        "original labels        1 of 3 mistakes by original labels is correct by ReaL: 1 image with an original label "
        "that is valid too\n"
        "scored                 3 of 3 images with labels\n"
        "not scored             1 image not scored (empty label set)"
    )
    assert str(named["ReaL"]) == text
    assert "<th>ReaL top-1</th><td>66.67 % [20.77, 93.85] (2 of 3)</td>" in named["ReaL"]._repr_html_()
    assert str(named[""]) == text.replace("ReaL top-1      ", "reassessed top-1").replace(
        "ReaL top-2      ", "reassessed top-2"
    ).replace("soft ReaL      ", "soft reassessed").replace("by ReaL", "by reassessed labels")
    assert str(named["<pets>"]).splitlines()[0] == "<pets> top-1           66.67 % [20.77, 93.85] (2 of 3)"
    assert "<th>&lt;pets&gt; top-1</th>" in named["<pets>"]._repr_html_()
    assert [evaluation.to_json()["label_set"] for evaluation in named.values()] == ["ReaL", "reassessed", "<pets>"]


def test_default_ks_depend_on_the_depth_of_the_predictions_and_the_classes() -> None:
    def ks(predictions: Predictions | npt.NDArray[Any], **options: object) -> list[int]:
        return list(evaluate(predictions, LABELS, **options).real_accuracy)

    assert ks(np.zeros(4, int)) == [1]
    assert ks(np.tile([0, 1, 2, 3, 4], (4, 1))) == [1, 5]
    assert ks(np.zeros((4, 4), np.float32), top_k=[3, 1, 3]) == [1, 3]
    for classes, usual in ((9, [1]), (10, [1, 5])):
        labels = LABELS.convert_to_classes(Classes(classes))
        assert list(evaluate(np.zeros((4, classes), np.float32), labels).real_accuracy) == usual


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ((0, 0, 0, 0, 0), ""),
        ((0, 0, 1, 0, 0), "0 of 1 mistake by original labels is correct by reassessed labels"),
        ((0, 0, 0, 1, 1), "0 of 2 mistakes by original labels are correct by reassessed labels"),
        (
            (1, 0, 1, 0, 1),
            "1 of 3 mistakes by original labels is correct by reassessed labels: 1 image with a label error (the "
            "original label is not valid)",
        ),
        (
            (2, 1234, 0, 0, 0),
            "1,236 of 1,236 mistakes by original labels are correct by reassessed labels: 2 images with a label error "
            "(the original label is not valid) and 1,234 images with an original label that is valid too",
        ),
    ],
)
def test_mistakes_by_original_labels_are_counted_in_a_sentence(counts: tuple[int, ...], sentence: str) -> None:
    result = evaluate(np.zeros(4, int), LABELS, original=ORIGINAL)
    result = replace(result, mistakes_by_original=MistakesByOriginal(*counts))
    assert describe_mistakes_by_original(result) == sentence


@pytest.mark.parametrize("k", [0, -1, 3])
def test_k_larger_than_the_depth_of_the_predictions_raises(k: int) -> None:
    assert message(evaluate, np.tile([0, 1], (4, 1)), LABELS, top_k=(1, k)) == (
        "k out of range\n  allowed: 1 to 2, the number of classes that the predictions contain for each image\n"
        f"  found:   {k}"
    )


def test_sum_keeps_parts_that_both_have_and_needs_the_same_labels() -> None:
    scores = scores_of({("a.png", 0): 0.9, ("a.png", 2): 0.8, ("b.png", 0): 0.1})
    first = evaluate(Predictions.from_ids([0], ["a.png"]), LABELS, original=ORIGINAL, scores=scores)
    total = first + evaluate(Predictions.from_ids([1], ["c.png"]), LABELS)
    assert total.real_accuracy == {1: Proportion(2, 2)}
    assert (total.original_accuracy, total.soft_accuracy, total.mistakes) == (None, None, None)
    assert total.to_json()["soft_reason"] == "scores are missing"
    named = evaluate(np.array([2, 0, 0, 3]), replace(LABELS, name="pets"))
    assert (named + named).label_set == "pets"
    for different in (named, evaluate(np.array([0]), LabelSets.from_lists(["x.png"], [[0]]))):
        assert message(first.__add__, different) == (
            "evaluations with different labels or different k cannot be added up"
        )


def test_experts_who_chose_one_class_reject_all_others() -> None:
    """For a.png, two of three experts chose 1; for b.png, half chose 2; for c.png, nobody voted."""
    images = ["a.png", "b.png", "c.png"]
    labels = LabelSets.from_lists(images, [[0], [0], [0]])
    scores = scores_of({(image, class_id): 0.1 for image in images for class_id in (1, 2, 3)})
    rows = np.array([(0, 0, 1), (0, 1, 1), (0, 2, 2), (1, 0, 2), (1, 1, 1)]).T
    experts = Votes.from_columns(tuple(images), *rows, "xyz", (0, 1, 2), classes=Classes())

    def kinds(*top1: int) -> tuple[int | None, int | None, int]:
        mistakes = evaluate(
            Predictions.from_ids(list(top1), images=images), labels, scores=scores, experts=experts
        ).mistakes
        return mistakes.n_expert_valid, mistakes.n_rejected_by_experts, mistakes.n_asked_and_rejected

    assert kinds(1, 0, 0) == (1, 0, 0)  # most experts chose class 1 for a.png
    assert kinds(2, 0, 0) == (0, 1, 0)
    assert kinds(3, 3, 3) == (0, 2, 1)  # no expert chose class 3
    assert kinds(1, 2, 1) == (1, 1, 1)  # half of the experts are not a majority


def test_scores_and_experts_are_joined_like_predictions() -> None:
    """With a match by stem, an image that was rated with another folder and suffix does not count as unrated."""
    predictions = Predictions.from_ids([1, 1, 3, 1], ["x/a.jpg", "x/b.jpg", "x/c.jpg", "x/d.jpg"])
    original = replace(ORIGINAL, images=tuple(f"y/{name}" for name in IMAGES))
    scores = scores_of(
        {("z/a.gif", 0): 0.9, ("z/a.gif", 1): 0.25, ("z/c.gif", 1): 0.8, ("z/d.gif", 3): 0.8, ("z/d.gif", 1): 0.2}
    )
    experts = experts_of({("z/d.gif", 1): 0.0})
    result = evaluate(predictions, LABELS, original=original, scores=scores, experts=experts, match="stem")
    expected = ("rejected_by_experts", "asked_and_rejected", "not_asked")
    assert result.mistakes.n_images_by_kind == dict.fromkeys(MISTAKE_KINDS, 0) | dict.fromkeys(expected, 1)
    assert result.soft_accuracy.accuracy == pytest.approx((0.25 + 0.0 + 0.2) / 3)


def test_answers_of_experts_override_raters() -> None:
    scores = scores_of({("a.png", 1): 0.3, ("a.png", 0): 0.9, ("c.png", 0): 0.3, ("c.png", 1): 0.9, ("d.png", 3): 0.9})
    experts = experts_of({("a.png", 1): 0.6, ("c.png", 0): 0.4, ("d.png", 2): 0.2})
    result = evaluate(np.array([1, 0, 0, 2]), LABELS, scores=scores, experts=experts)
    assert result.mistakes.n_images_by_kind == dict.fromkeys(MISTAKE_KINDS, 0) | {
        "expert_valid": 1,
        "rejected_by_experts": 2,
    }


def test_wrong_type_of_predictions_raises() -> None:
    for value, found in (("model.npz", "'model.npz'"), (Path("m"), repr(Path("m"))), ({"a.png": 1}, "dict")):
        assert message(evaluate, value, numbered_labels([[0]])) == (
            "not predictions\n  allowed: an array of class ids or of scores, or Predictions\n"
            f"  found:   {found}\n  fix:     read a file with reassess.read_predictions"
        )
