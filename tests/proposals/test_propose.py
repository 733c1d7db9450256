"""Candidates: N compared with a sort of all pairs, for any order of models and rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.core import (
    ORIGINAL_SOURCE,
    Benchmark,
    Candidates,
    Classes,
    LabelSets,
    Predictions,
    ProposalResult,
    UnknownClasses,
)
from reassess.core.probabilities import class_probabilities
from reassess.proposals import propose
from tests.helpers import code_of, fault_of, labels_of, message

NAMES = [f"{number:02}.png" for number in range(14)]
CLASSES = 4


@dataclass(frozen=True)
class Slow:
    """Candidates by definition, from all sorted pairs of every model."""

    most_probable: int
    rows: set[tuple[str, int, str]]
    set_aside: set[str]


def slow(models: Mapping[str, Predictions], original: Mapping[str, int], per_image: float) -> Slow:
    """Find N by trying all values, from no pairs to all pairs."""
    tops = {
        name: dict(zip(model.images, model.top_classes(1)[0][:, 0].tolist(), strict=True))
        for name, model in models.items()
    }
    images = sorted({image for top in tops.values() for image in top})
    first_classes = {image: {top[image] for top in tops.values() if image in top} for image in images}
    aside = {image for image in images if first_classes[image] == {original.get(image)}}
    to_raters = [image for image in images if image not in aside]
    fixed = {(image, original[image], ORIGINAL_SOURCE) for image in to_raters if image in original}
    fixed |= {(image, top[image], name) for name, top in tops.items() for image in to_raters if image in top}
    place = {name: number for number, name in enumerate([*original, *(name for name in NAMES if name not in original)])}
    ordered = {}
    for name, model in models.items():
        if model.scores is not None:
            rows, columns = np.divmod(np.arange(len(model) * CLASSES), CLASSES)
            values = class_probabilities(model, rows, columns).tolist()
            pairs = zip(values, (model.images[row] for row in rows), columns.tolist(), strict=True)
            ordered[name] = sorted(pairs, key=lambda pair: (-pair[0], place[pair[1]], pair[2]))
    best, chosen = 0, fixed
    for most in range(1 + max(map(len, ordered.values()), default=0)):
        proposed = fixed | {
            (image, class_id, name)
            for name, pairs in ordered.items()
            for _, image, class_id in pairs[:most]
            if image in set(to_raters)
        }
        if len({row[:2] for row in proposed}) <= per_image * len(to_raters):
            best, chosen = most, proposed
    return Slow(best, chosen, aside)


def rows_of(candidates: Candidates) -> set[tuple[str, int, str]]:
    """Return image, class and source of each row."""
    questions = candidates.questions
    pairs = [(questions.images[i], int(c)) for i, c in zip(questions.image_ids, questions.class_ids, strict=True)]
    ids = zip(candidates.question_ids, candidates.source_ids, strict=True)
    return {(*pairs[question], candidates.sources[source]) for question, source in ids}


def drawn(seed: int) -> tuple[dict[str, Predictions], LabelSets]:
    """Draw models with few values, which gives many ties; some have missing images, and one has only ids."""
    rng = np.random.default_rng(seed)
    original = labels_of({name: [int(rng.integers(CLASSES))] for name in NAMES if rng.random() < 0.9})
    models = {}
    for number in range(int(rng.integers(1, 5))):
        images = [name for name in rng.permutation(NAMES).tolist() if rng.random() < 0.9] or NAMES[:1]
        scores = rng.choice([0.0, 1.0, 2.0, 5.0], (len(images), CLASSES))
        rows = original.find(images)
        is_known = rows >= 0
        scores[is_known, original.indices[rows[is_known]]] += rng.integers(0, 5, int(is_known.sum()))
        if number == 3:
            models["ids"] = Predictions.from_ids(scores.argmax(axis=1), images)
        else:
            models[f"model {number}"] = Predictions.from_scores(scores.astype(np.float16), images)
    return models, original


@pytest.mark.filterwarnings("ignore:.* agrees with the original labels")
@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(1, CLASSES + 1), st.sampled_from([3, 1024]))
def test_candidates_equal_sort_of_all_pairs(seed: int, per_image: float, block: int) -> None:
    models, original = drawn(seed)
    labels = {name: original[name][0] for name in original.images}
    benchmark = Benchmark(load_images=lambda: tuple(NAMES))
    expected = slow(models, labels, per_image)
    fixed, to_raters = {row[:2] for row in expected.rows}, {row[0] for row in expected.rows}
    if len(fixed) > per_image * len(to_raters):
        assert code_of(propose, models, original, per_image=per_image, benchmark=benchmark) == "too-many"
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reassess.core.probabilities._BLOCK_ROWS", block)  # images that are read at a time
        found = propose(models, original, per_image=per_image, benchmark=benchmark)
    assert rows_of(found.candidates) == expected.rows
    assert found.n_pairs_per_model == expected.most_probable
    assert set(found.set_aside_labels.images) == expected.set_aside
    assert found.mean_candidates_per_image is None or found.mean_candidates_per_image <= per_image
    check_ranks(found.candidates, models)


def check_ranks(candidates: Candidates, models: Mapping[str, Predictions]) -> None:
    """Check that ranks and probabilities equal the model's; the original label has none."""
    for row, (question, source) in enumerate(zip(candidates.question_ids, candidates.source_ids, strict=True)):
        image, class_id = candidates.questions.image_ids[question], candidates.questions.class_ids[question]
        model = models.get(candidates.sources[source])
        if model is None or model.scores is None:
            assert candidates.ranks[row] == (model is not None)
            assert np.isnan(candidates.probabilities[row])
            continue
        at = model.images.index(candidates.questions.images[image])
        assert model.top_classes(CLASSES)[0][at, candidates.ranks[row] - 1] == class_id
        assert candidates.probabilities[row] == class_probabilities(model, np.array([at]), np.array([class_id]))[0]


@pytest.mark.filterwarnings("ignore:.* agrees with the original labels")
@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
def test_candidates_do_not_depend_on_order_of_models_and_rows(seed: int, random: Any) -> None:
    models, original = drawn(seed)
    benchmark = Benchmark(load_images=lambda: tuple(NAMES))
    shuffled = {}
    for name in random.sample(list(models), len(models)):
        model = models[name]
        rows = np.array(random.sample(range(len(model)), len(model)))
        images = [model.images[row] for row in rows]
        shuffled[name] = (
            Predictions.from_ids(model.ids[rows], images)
            if model.scores is None
            else Predictions.from_scores(model.scores[rows], images)
        )
    result, shuffled_result = (
        propose(models_, original, per_image=5, benchmark=benchmark) for models_ in (models, shuffled)
    )
    assert same(result, shuffled_result)
    result, shuffled_result = (propose(models_, per_image=5) for models_ in (models, shuffled))
    assert same(result, shuffled_result)


def same(first: ProposalResult, second: ProposalResult) -> bool:
    arrays = ("question_ids", "source_ids", "ranks", "probabilities")
    return (
        first.to_json() == second.to_json()
        and first.candidates.questions.images == second.candidates.questions.images
        and first.set_aside_labels.images == second.set_aside_labels.images
        and first.candidates.questions.class_ids.tolist() == second.candidates.questions.class_ids.tolist()
        and all(
            getattr(first.candidates, name).tobytes() == getattr(second.candidates, name).tobytes() for name in arrays
        )
    )


def scores_for(rows: npt.ArrayLike, images: list[str]) -> Predictions:
    return Predictions.from_scores(np.array(rows, np.float64), images)


def test_image_missing_from_a_model_is_set_aside_if_others_agree() -> None:
    original = labels_of({"a.png": [0], "b.png": [0], "c.png": [0]})
    models = {
        "one": scores_for([[0.9, 0.1], [0.8, 0.2]], ["a.png", "b.png"]),
        "two": scores_for([[0.3, 0.7]], ["b.png"]),
    }
    found = propose(models, original, per_image=2)
    assert found.set_aside_labels.images == ("a.png",)
    assert found.n_without_prediction == 1
    assert [(model.name, model.kind, model.n_missing_images, model.n_unknown_images) for model in found.models] == [
        ("one", "probabilities", 0, 0),
        ("two", "probabilities", 1, 0),
    ]
    assert str(found) == ("images           2, 1 set aside\ncandidates       2, 2.00 per image\nN                4")


def test_unknown_images_are_counted_or_raise() -> None:
    original = labels_of({"a.png": [0]})
    models = {"one": scores_for([[0.1, 0.9], [0.8, 0.2]], ["a.png", "z.png"])}
    found = propose(models, original, per_image=2, ignore_unknown=True)
    assert (found.models[0].n_unknown_images, found.n_images) == (1, 1)
    assert fault_of(propose, models, original) == ("unknown-image", "z.png")
    assert fault_of(found.candidates_of_models, ["one", "two"]) == ("unknown-name", "'two'")
    assert fault_of(found.candidates_of_models, "one") == ("wrong-type", "'one'")


@pytest.mark.parametrize(
    ("images", "fix"),
    [
        (["x.png", "y.png"], "check the names, or remove the model"),
        (["cat/a.png", "b.png.png"], "check the names, or remove the model"),
        (["cat/a.png", "cat/b.png"], 'the names match by name; use match="name"'),
    ],
)
def test_model_of_other_images_raises(images: list[str], fix: str) -> None:
    original = labels_of({"a.png": [0], "b.png": [0]})
    models = {
        "one": scores_for([[0.1, 0.9], [0.8, 0.2]], ["a.png", "b.png"]),
        "lost": Predictions.from_ids([1, 0], images),
    }
    text = message(propose, models, original, ignore_unknown=True)
    assert text.startswith("model has predictions only for unknown images\n  where:   lost\n")
    assert text.endswith(f"  found:   {', '.join(images)}\n  fix:     {fix}")


def test_unknown_first_class_sends_image_to_raters() -> None:
    predictions = Predictions.from_ids([-1, -1], ["a.png", "b.png"], unknown_classes=UnknownClasses(2, ("jar",)))
    benchmark = Benchmark(load_images=lambda: ("a.png", "b.png"))
    found = propose({"one": predictions}, labels_of({"a.png": [0]}), benchmark=benchmark)
    assert rows_of(found.candidates) == {("a.png", 0, "original")}
    assert (found.n_without_prediction, found.n_without_class) == (0, 1)
    assert found.candidates_of_models(["one"]).questions.images == ("a.png",)


def test_without_original_labels_no_image_is_set_aside() -> None:
    models = {"b": scores_for([[0.9, 0.1]], ["b.png"]), "a": scores_for([[0.9, 0.1]], ["a.png"])}
    found = propose(models, per_image=1)
    assert found.candidates.questions.images == ("a.png", "b.png")
    assert found.candidates.sources == ("a", "b")
    assert (found.n_without_original_label, len(found.set_aside_labels), found.n_pairs_per_model) == (2, 0, 1)


def test_all_images_may_be_set_aside() -> None:
    found = propose({"one": scores_for([[0.9, 0.1]], ["a.png"])}, labels_of({"a.png": [0]}))
    assert (len(found.candidates), found.mean_candidates_per_image, found.n_images) == (0, None, 1)
    assert str(found).splitlines()[1] == "candidates       0, none"


def test_models_can_be_an_iterable_that_is_read_twice() -> None:
    class Twice:
        def __iter__(self) -> Iterator[tuple[str, Predictions]]:
            yield "one", scores_for([[0.3, 0.7]], ["a.png"])

    original = labels_of({"a.png": [0]})
    assert len(propose(Twice(), original).candidates) == 2
    assert code_of(propose, iter(Twice()), original) == "not-repeatable"


def test_classes_of_different_lists_are_joined_by_name() -> None:
    original = LabelSets.from_lists(["a.png"], [[1]], Classes(2, names=("cat", "dog")))
    predictions = Predictions.from_ids([0], ["a.png"], classes=Classes.from_texts(["dog", "cat"]))
    found = propose({"one": predictions}, original)
    assert found.candidates.questions.classes.names == ("cat", "dog")
    assert found.candidates.questions.class_ids.tolist() == [0, 1]


RIGHT, WRONG = scores_for([[1, 0]], ["a.png"]), scores_for([[0, 1]], ["a.png"])


@pytest.mark.parametrize(
    ("models", "options", "expected"),
    [
        ({}, {}, ("missing-models", None)),
        ([("one", RIGHT)] * 2, {}, ("duplicate-name", "one")),
        ({"original": RIGHT}, {}, ("reserved-name", "original")),
        ({"one": WRONG}, {"per_image": 1.5}, ("too-many", "2.00 candidates per image, on 1 images that go to raters")),
        ({"one": WRONG}, {"per_image": 0.5}, ("out-of-range", "0.5")),
    ],
)
def test_invalid_arguments_raise(models: Any, options: dict[str, Any], expected: tuple[str, object]) -> None:
    assert fault_of(propose, models, labels_of({"a.png": [0]}), **options) == expected
