"""Preference for the model's class or the original label matches a slow reference."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import imagenet_real_scores as real_scores_of
from reassess.comparison import (
    Disagreements,
    ModelDisagreements,
    Panel,
    PreferenceCounts,
    model_or_label_preferences,
)
from reassess.core import IMAGENET, LabelSets, Scores
from reassess.core.image_names import validation_image_names
from reassess.data import read_votes
from reassess.numeric.proportions import wilson_interval
from tests.helpers import RealFile, scores_of

ANIMALS = 398  # classes with lower ids are animals

IMAGES = [f"{i}.png" for i in range(30)]


def random_scores(rng: np.random.Generator, images: list[str]) -> dict[tuple[str, int], float]:
    """Scores of some classes of some images, with many ties."""
    return {
        (image, class_id): float(rng.choice([0.0, 0.3, 0.8]))
        for image in images
        if rng.random() < 0.7
        for class_id in rng.permutation(5)[: rng.integers(1, 5)].tolist()
    }


def slow(predicted: dict[str, int], original: dict[str, int], scores: dict[tuple[str, int], float]) -> Disagreements:
    """Count image by image, from the definition."""
    images = unrated = model = tied = label = 0
    for image, class_id in predicted.items():
        if image not in original or class_id == original[image]:
            continue
        images += 1
        unrated += not any(name == image for name, _ in scores)
        if (image, class_id) in scores:
            of_model, of_label = scores[image, class_id], scores.get((image, original[image]), 0.0)
            model, tied, label = (
                model + (of_model > of_label),
                tied + (of_model == of_label),
                label + (of_model < of_label),
            )
    return Disagreements(images, unrated, PreferenceCounts(model, tied, label), None)


@given(st.integers(0, 2**32 - 1))
def test_preferences_match_reference_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted = dict(zip(IMAGES, rng.integers(0, 5, 30).tolist(), strict=True))
    original = {image: int(rng.integers(0, 5)) for image in rng.permutation(IMAGES)[:25].tolist()}
    scores, rater_scores = random_scores(rng, IMAGES), random_scores(rng, IMAGES)
    labels = LabelSets.from_lists(rng.permutation(IMAGES).tolist(), [[0]] * 30)
    originals = LabelSets.from_lists(list(original), [[class_id] for class_id in original.values()])
    panel = Panel.from_ids(
        ["one"], np.array([[predicted[image] for image in labels.images]]), labels, original=originals
    )
    (preference,) = model_or_label_preferences(panel, originals, scores_of(scores), scores_of(rater_scores))
    by_raters = slow(predicted, original, rater_scores).preferences_by_scores
    expected = slow(predicted, original, scores)
    assert preference.total == Disagreements(
        expected.n_images, expected.n_unrated_images, expected.preferences_by_scores, by_raters
    )
    assert preference.by_group == {}
    shuffled = scores_of({pair: scores[pair] for pair in [list(scores)[i] for i in rng.permutation(len(scores))]})
    assert model_or_label_preferences(panel, originals, shuffled)[0].total == expected


def test_original_label_not_asked_about_counts_as_score_0() -> None:
    labels = LabelSets.from_lists(["a", "b"], [[0], [0]])
    panel = Panel.from_ids(["one"], np.array([[1, 2]]), labels, original=labels)
    (preference,) = model_or_label_preferences(panel, labels, scores_of({("a", 1): 0.1, ("b", 2): 0.0}))
    assert preference.total == Disagreements(2, 0, PreferenceCounts(1, 1, 0), None)


def test_images_are_grouped_by_original_label() -> None:
    names = validation_image_names()[:3]
    original = LabelSets.from_lists(names, [[ANIMALS - 1], [ANIMALS], [ANIMALS]])
    panel = Panel.from_ids(["one"], np.array([[0, 0, ANIMALS]]), original, original=original)
    scores = scores_of({(names[0], 0): 1.0, (names[1], 0): 0.5, (names[1], 398): 0.9})
    (preference,) = model_or_label_preferences(panel, original, scores, groups=IMAGENET.default_groups)
    assert preference.by_group["animals"] == Disagreements(1, 0, PreferenceCounts(1, 0, 0), None)
    assert preference.by_group["others"] == Disagreements(1, 0, PreferenceCounts(0, 0, 1), None)
    assert IMAGENET.recipe.n_classes_with_original_vote == ANIMALS


def test_json_contains_counts_intervals_and_reasons() -> None:
    part = Disagreements(10, 3, PreferenceCounts(3, 1, 2), PreferenceCounts(2, 1, 3))
    document = ModelDisagreements("one.npz", part).to_json()
    low, high = wilson_interval(3, 6)
    counts = {"rated": 6, "preferred": 3, "tied": 1, "label": 2, "low": low, "high": high}
    assert document | {"file": "one.npz", "disagreements": 10, "unrated_images": 3, **counts} == document
    low, high = wilson_interval(2, 6)
    assert document["raters_only"] == {"rated": 6, "preferred": 2, "tied": 1, "label": 3, "low": low, "high": high}
    nothing = ModelDisagreements("one.npz", Disagreements(0, 0, PreferenceCounts(0, 0, 0), None)).to_json()
    assert (nothing["low"], nothing["raters_only"]) == (None, None)
    assert nothing["raters_only_reason"] == "scores from only the raters are missing"
    json.dumps(document, allow_nan=False)
    unrated = Disagreements(4, 4, PreferenceCounts(0, 0, 0), PreferenceCounts(0, 0, 0))
    assert str(ModelDisagreements("one", unrated)) == "one: 4 disagreements with the original labels, 0 of them rated"


def test_original_label_vote_changes_scores_only_on_animals(
    real_labels: LabelSets, real_original: LabelSets, real_scores: Scores, real_file: RealFile
) -> None:
    """The models are the original labels, and the class with the second highest published score, if there is one."""
    files = [real_file(name) for name in ("raters.npz", "golden.npz", "raters_golden.npz")]
    rater_scores = real_scores_of(*map(read_votes, files), None)
    questions = real_scores.questions
    order = np.lexsort((questions.class_ids, -real_scores.values, questions.image_ids))
    second = np.searchsorted(questions.image_ids[order], np.arange(len(questions.images))) + 1
    predicted = np.stack([real_original.indices] * 2)
    predicted[1, real_labels.find(questions.images)] = questions.class_ids[order][second]
    panel = Panel.from_ids(["own", "second"], predicted, real_labels, original=real_original)
    own, preference = model_or_label_preferences(
        panel, real_original, real_scores, rater_scores, groups=IMAGENET.default_groups
    )
    assert own.total == Disagreements(0, 0, PreferenceCounts(0, 0, 0), PreferenceCounts(0, 0, 0))
    animals, others = preference.by_group["animals"], preference.by_group["others"]
    assert (
        preference.total.n_images
        == animals.n_images + others.n_images
        == preference.total.preferences_by_scores.share_preferring_model.n
    )
    assert preference.total.n_unrated_images == 0
    by_raters, by_scores = animals.preferences_by_raters, animals.preferences_by_scores
    assert by_raters.share_preferring_model.hits > by_scores.share_preferring_model.hits
    # The published score of an animal includes the original label's "no", also if the label is not an animal.
    assert (
        abs(others.preferences_by_raters.n_prefer_model - others.preferences_by_scores.n_prefer_model)
        <= 0.002 * others.n_images
    )
