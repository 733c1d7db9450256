"""Candidates for a next round, compared with a slow reference, in an order independent of the files."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import NOT_ASKED, UNRATED, Candidates, LabelSets, Predictions, Scores, UnknownClasses
from reassess.evaluation import find_outcomes
from reassess.proposals import unasked_candidates
from tests.helpers import code_of, scores_of

IMAGES = [f"{i:02}.png" for i in range(12)]
CLASSES = 5


def ask(
    models: Mapping[str, Predictions], labels: LabelSets, scores: Scores, top: int = 1, **options: object
) -> Candidates:
    each = (
        (name, predictions, find_outcomes(predictions, labels, scores=scores, **options))
        for name, predictions in models.items()
    )
    return unasked_candidates(each, labels, scores, top_k=top)


def listed(questions: Candidates) -> list[tuple[Any, ...]]:
    first, mean = questions.n_models_ranking_first, questions.mean_probabilities
    return [
        (
            questions.image_of(row),
            int(questions.questions.class_ids[row]),
            questions.sources_of(row),
            int(first[row]),
            None if np.isnan(mean[row]) else round(float(mean[row]), 9),
            questions.reasons[row],
        )
        for row in range(len(questions))
    ]


def slow(
    rankings: dict[str, dict[str, list[int]]],
    probabilities: dict[str, dict[str, list[float]]],
    sets: dict[str, set[int]],
    rated: set[tuple[str, int]],
    top: int,
) -> list[tuple[Any, ...]]:
    """Find candidates pair by pair, by definition."""
    rows = []
    for image in IMAGES:
        for class_id in range(CLASSES):
            ranks = {
                model: ranked[image].index(class_id)
                for model, ranked in rankings.items()
                if image in ranked and class_id in ranked[image][:top]
            }
            if not ranks or class_id in sets.get(image, ()) or (image, class_id) in rated:
                continue
            values = [probabilities[model][image][class_id] for model in ranks if model in probabilities]
            mean = sum(values) / len(values) if values else None
            first = sum(rank == 0 for rank in ranks.values())
            reason = NOT_ASKED if image in {name for name, _ in rated} else UNRATED
            key = (
                -first,
                -len(ranks),
                -1 if mean is None else -mean,
                sum(ranks.values()) / len(ranks),
                image,
                class_id,
            )
            key = (*key[:2], 1 if mean is None else round(-mean, 12), *key[3:])
            rounded = None if mean is None else round(mean, 9)
            rows.append((key, (image, class_id, sorted(ranks), first, rounded, reason)))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_candidates_equal_slow_reference_in_any_file_order(seed: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    sets = {image: set(rng.integers(0, CLASSES, rng.integers(0, 3)).tolist()) for image in IMAGES[:10]}
    rated = [(image, c) for image in IMAGES if rng.random() < 0.6 for c in rng.permutation(CLASSES)[:2].tolist()]
    labels = LabelSets.from_lists(list(sets), [sorted(ids) for ids in sets.values()])
    models, rankings, probabilities = {}, {}, {}
    for name in ("a", "b", "c", "d"):
        images = [image for image in rng.permutation(IMAGES[:10]).tolist() if rng.random() < 0.8] or IMAGES[:1]
        values = rng.permuted(np.tile([0.5, 0.125, 0.125, 0.125, 0.125], (len(images), 1)), axis=1)  # exact
        order = np.argsort(-values, axis=1, kind="stable")
        rankings[name] = dict(zip(images, order.tolist(), strict=True))
        if name in "ab":
            models[name] = Predictions.from_scores(values, images=images)
            probabilities[name] = dict(zip(images, values.tolist(), strict=True))
        else:
            models[name] = Predictions.from_ids(order[:, :top], images=images)
    questions = ask(models, labels, scores_of(dict.fromkeys(rated, 0.1)), top)
    assert listed(questions) == slow(rankings, probabilities, sets, set(rated), top)
    backwards = ask(dict(reversed(models.items())), labels, scores_of(dict.fromkeys(rated, 0.1)), top)
    assert listed(backwards) == listed(questions)


def test_known_image_without_label_set_is_asked_about() -> None:
    labels = LabelSets.from_lists(["a.png"], [[0]])
    predictions = Predictions.from_ids([1, 1, 1], images=["a.png", "rated.png", "unknown.png"])
    questions = ask({"one": predictions}, labels, scores_of({("rated.png", 0): 0.1}), ignore_unknown=True)
    assert listed(questions) == [("a.png", 1, ["one"], 1, None, UNRATED), ("rated.png", 1, ["one"], 1, None, NOT_ASKED)]
    assert repr(questions) == "Candidates(2 candidates for 2 images, from one)"


def test_images_have_names_of_label_sets_or_first_model() -> None:
    labels = LabelSets.from_lists(["ILSVRC2012_val_00000001.JPEG"], [[0]])
    names = ["val/ILSVRC2012_val_00000001.png", "val/ILSVRC2012_val_00000002.png"]
    models = {"one": Predictions.from_ids([1, 1], images=names)}
    models["two"] = Predictions.from_ids([1, 1], images=[name.removeprefix("val/") for name in names])
    questions = ask(models, labels, scores_of({}))
    assert [row[:3] for row in listed(questions)] == [
        ("ILSVRC2012_val_00000001.JPEG", 1, ["one", "two"]),
        ("ILSVRC2012_val_00000002.png", 1, ["one", "two"]),
    ]


def test_unknown_first_class_is_not_asked_about() -> None:
    labels, jar = LabelSets.from_lists(["a", "b"], [[0], [0]]), UnknownClasses(2, ("jar",))
    models = {"one": Predictions.from_ids([[-1, 1], [0, -1]], images=["a", "b"], unknown_classes=jar)}
    assert [(*row[:2], row[3]) for row in listed(ask(models, labels, scores_of({}), 2))] == [("a", 1, 0)]
    assert listed(ask(models, labels, scores_of({}), 1)) == []
    outputs = {"one": Predictions.from_ids([[2, 1], [0, 2]], images=["a", "b"], output_class_ids=np.array([0, 1, -1]))}
    assert [row[:2] for row in listed(ask(outputs, labels, scores_of({}), 2))] == [("a", 1)]
    assert len(unasked_candidates([], labels, scores_of({}))) == 0


def test_too_large_top_k_and_duplicate_model_raise() -> None:
    labels = LabelSets.from_lists(["a"], [[0]])
    predictions = Predictions.from_ids([1], images=["a"])
    assert code_of(ask, {"one": predictions}, labels, scores_of({}), 2) == "out-of-range"
    twice = [("one", predictions, find_outcomes(predictions, labels))] * 2
    assert code_of(unasked_candidates, twice, labels, scores_of({})) == "duplicate-name"
