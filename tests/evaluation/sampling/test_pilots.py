"""Pilots, samples by image name, and the questions about drawn images."""

from dataclasses import replace

import numpy as np
import pytest

from reassess.core import Classes, Questions, Sample
from reassess.errors import DataError
from reassess.evaluation import (
    ImageSample,
    Strata,
    draw_images,
    estimate_ratio,
    find_pilot,
    find_sample_size,
    learn_from_pilot,
    list_sample_questions,
    locate_sample,
    name_sample,
    plan_sample,
    rescale_variances,
    smallest_sample,
)
from tests.helpers import Refused

IMAGES = tuple(f"{number}.png" for number in range(1000))
STRATA = Strata(np.repeat([0, 1], [800, 200]), np.array([0.1, 0.2]), np.arange(2), np.zeros(2, bool), 0.12)
HASHES = ("aa", "bb")


def named(drawn: ImageSample) -> Sample:
    return name_sample(
        drawn, IMAGES, purpose="accuracy", seed=3, input_hashes=HASHES, question_rule=("top-1", "original")
    )


PILOT = draw_images(STRATA, 60, seed=3)


def find(pilot: Sample, strata: Strata = STRATA, images: tuple[str, ...] = IMAGES) -> ImageSample:
    return find_pilot(pilot, strata, images, purpose="accuracy", input_hashes=HASHES)


def test_pilot_is_found_again_in_any_order_of_the_images() -> None:
    both = draw_images(STRATA, 40, seed=3, earlier=PILOT)
    again = locate_sample(named(both), IMAGES)
    for name in ("images", "strata", "batches", "probabilities", "stratum_sizes", "is_settled"):
        assert getattr(again, name).tolist() == getattr(both, name).tolist()
    mirrored = locate_sample(named(both), IMAGES[::-1])
    assert (999 - mirrored.images).tolist() == both.images.tolist()
    assert find(named(PILOT)).images.tolist() == PILOT.images.tolist()


def test_other_samples_are_not_this_pilot(refused: Refused) -> None:
    pilot = named(PILOT)
    assert refused(find, replace(pilot, design=None)) == "wrong-sample"
    assert refused(find, replace(pilot, input_hashes=("aa",))) == "sample-other-predictions"
    assert refused(find, replace(pilot, purpose="labels")) == "wrong-sample"
    assert refused(find, pilot, images=IMAGES[:-1]) in ("wrong-sample", "sample-unknown-image")
    assert refused(find, pilot.with_images([f"x{name}" for name in pilot.images])).startswith("sample-unknown-image")
    assert refused(find, pilot, replace(STRATA, ids=STRATA.ids[::-1])) == "wrong-sample"
    assert refused(find, pilot, replace(STRATA, ids=np.repeat([0, 1], [801, 199]))) == "wrong-sample"


def test_answers_correct_the_variances_of_the_estimate() -> None:
    rng = np.random.default_rng(0)
    correct, valid = rng.random((2, 60)) < [[0.9], [0.6]], rng.random(60) < 0.8
    hits = correct.astype(float)
    outcomes = {
        "accuracy": hits,
        "difference": hits[:1] - hits[1:],
        "labels": (~valid)[None].astype(float),
    }
    for purpose, rows in outcomes.items():
        expected = rescale_variances(STRATA, PILOT.strata, rows).variances
        learned = learn_from_pilot(STRATA, PILOT, purpose=purpose, is_correct=correct, is_original_valid=valid)
        assert learned.variances == pytest.approx(expected)


def test_expected_half_width_with_a_pilot_is_the_measured_one() -> None:
    is_correct = np.random.default_rng(1).random(1000) < np.where(STRATA.ids == 0, 0.887, 0.724)
    drawn = draw_images(STRATA, 340, seed=5, earlier=PILOT)
    estimate = estimate_ratio(drawn, is_correct[drawn.images], np.ones(400))
    plan = plan_sample(STRATA, 400, earlier=PILOT)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(plan.half_width, rel=0.15)
    assert find_sample_size(STRATA, plan.half_width, earlier=PILOT).n == 400
    assert smallest_sample(STRATA, PILOT) == 64
    assert find_sample_size(STRATA, 1.0, earlier=PILOT).n == 64


def test_questions_are_asked_once_and_only_about_drawn_images() -> None:
    classes = Classes(4, names=("cat", "dog", "cup", "fox"))
    names = ["C.png", "b.png", "c.png", "c.png", "a.png"]
    candidates = Questions.from_columns(names, np.array([0, 3, 3, 1, 1]), classes)
    top1, original = np.array([[0, 1, 1], [0, -1, 2]]), np.array([1, 1, 1])
    questions, rule = list_sample_questions(
        np.array([2, 0]), ["a.png", "b.png", "c.png"], top1, original, classes=classes, candidates=candidates
    )
    asked = [(questions.images[i], c) for i, c in zip(questions.image_ids, questions.class_ids.tolist(), strict=True)]
    assert asked == [("c.png", 1), ("c.png", 2), ("c.png", 3), ("a.png", 0), ("a.png", 1)]
    assert rule == ("top-1", "original", "candidates")
    with pytest.raises(DataError, match="image of the sample has no candidates") as caught:
        list_sample_questions(
            np.array([2, 0]), ["x.png", "b.png", "c.png"], top1, original, classes=classes, candidates=candidates
        )
    assert caught.value.where == "image x.png"
    unknown, rule = list_sample_questions(np.array([1]), ["a.png", "b.png", "c.png"], top1, original)
    assert (unknown.class_ids.tolist(), rule) == ([1], ("top-1", "original"))
