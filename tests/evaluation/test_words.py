"""Texts about evaluations: models with the same note share one sentence."""

from dataclasses import replace

import numpy as np

from reassess.comparison import Panel
from reassess.comparison.mistake_kinds import ERROR_KIND_NAMES, ERROR_KINDS
from reassess.core import LabelSets, Predictions, Questions, Scores
from reassess.evaluation import MISTAKE_KINDS, Evaluation, evaluate
from reassess.evaluation.evaluation_words import MISTAKE_NAMES, describe_missing_results
from reassess.evaluation.result import NONE_SCORED, describe_images_not_scored, describe_soft_accuracy_ceiling
from tests.helpers import message

IMAGES = ["a.png", "b.png", "c.png"]
LABELS = LabelSets.from_lists(IMAGES, [[0, 2], [], [1]])
ORIGINAL = LabelSets.from_lists(IMAGES, [[0], [1], [1]])
SCORES = Scores(Questions.from_columns(["a.png", "a.png", "c.png"], np.array([0, 2, 1])), np.array([0.9, 0.8, 0.85]))


def measured(images: list[str] = IMAGES, scores: Scores | None = SCORES) -> Evaluation:
    return evaluate(Predictions.from_ids([0] * len(images), images=images), LABELS, original=ORIGINAL, scores=scores)


def without(**reasons: str) -> Evaluation:
    return replace(measured(), missing_reasons=reasons)


def test_models_with_the_same_missing_part_share_a_sentence() -> None:
    some_without = {"one": without(soft="no scores"), "two": without(), "three": without(soft="no scores")}
    assert list(describe_missing_results(some_without)) == ["no soft for one and three: no scores"]
    all_without = {name: without(soft="no scores", recall_at_size="too deep") for name in ("one", "two")}
    assert list(describe_missing_results(all_without)) == ["no soft: no scores", "no recall at size: too deep"]
    differ = {"one": without(soft="no scores"), "two": without(soft="unrated")}
    assert list(describe_missing_results(differ)) == ["no soft for one: no scores", "no soft for two: unrated"]
    assert list(describe_missing_results({"one": without()})) == []


def test_ceiling_is_computed_on_the_images_of_each_model() -> None:
    both, first, no_scores = measured(), measured(["a.png"]), measured(scores=None)
    assert describe_soft_accuracy_ceiling([both, both, no_scores]) == "no model can exceed 0.8750"
    assert describe_soft_accuracy_ceiling([first, both]) == "no model can exceed 0.8750 or 0.9000"
    assert describe_soft_accuracy_ceiling([no_scores, measured(["b.png"])]) == ""


def test_note_about_images_not_scored_has_reasons() -> None:
    assert describe_images_not_scored(measured()) == "1 image not scored (empty label set)"
    assert describe_images_not_scored(measured(["c.png"])) == "1 of 2 labelled images without a prediction"
    many = replace(measured(), n_empty=1234, n_unlabelled=2, n_unknown=3)
    assert describe_images_not_scored(many) == "1,239 images not scored (1,234 empty label set, 2 unrated, 3 unknown)"
    none = evaluate(Predictions.from_ids([0] * 3, images=IMAGES), LABELS, exclude=IMAGES)
    assert describe_images_not_scored(none) == "3 images not scored (excluded)"
    assert str(measured()).endswith("not scored             1 image not scored (empty label set)")
    assert str(replace(measured(), n_empty=0)).endswith("not scored             none")


def test_kinds_of_mistakes_have_the_same_words_everywhere() -> None:
    assert tuple(MISTAKE_NAMES) == MISTAKE_KINDS
    assert tuple(ERROR_KIND_NAMES) == ERROR_KINDS
    assert {kind: ERROR_KIND_NAMES[kind] for kind in ERROR_KINDS if kind in MISTAKE_KINDS} == {
        kind: MISTAKE_NAMES[kind] for kind in ("no_class", "not_asked", "never_rated")
    }


def test_panel_without_a_scored_image_raises() -> None:
    panel = Panel.from_predictions({"one": np.array([0, 0, 0])}, LABELS)
    panel.check_has_scored_images()
    assert message(replace(panel, is_scored=np.zeros(3, bool)).check_has_scored_images) == (
        f"{NONE_SCORED}\n  fix:     use predictions on images with valid labels"
    )
