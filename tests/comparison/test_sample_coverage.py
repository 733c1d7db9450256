"""How often intervals from samples of ImageNet's images contain the truth, with ReaL's label sets as answers."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.sampling_cells import list_best_classes, simulate_imagenet
from reassess.comparison import SampleFindings
from reassess.core import LabelSets, Tasks
from reassess.evaluation import (
    Strata,
    draw_images,
    find_question_facts,
    guess_correct,
    list_sample_questions,
    make_strata,
    name_sample,
)
from reassess.numeric import Proportion
from tests.evaluation.simulated_models import simulate_predictions

N_SAMPLES, SIZE, PLAIN_SIZE = 200, 500, 1000
LEAST_COVERED = 185  # with coverage 0.95, fewer of 200 intervals contain the truth with probability 0.04
N_IMAGES = 50_000
NAMES = [str(image) for image in range(N_IMAGES)]
_Ints = npt.NDArray[np.int64]


def measure_coverage(top1: _Ints, original: _Ints, sets: list[list[int]], strata: Strata) -> tuple[int, float, float]:
    """Return how many intervals contain the truth, their mean width, and the width of a plain sample's interval."""
    is_valid = [class_id in classes for class_id, classes in zip(top1.tolist(), sets, strict=True)]
    truth, n_covered, widths = np.mean(is_valid), 0, []
    for seed in range(N_SAMPLES):
        drawn = draw_images(strata, SIZE, seed=seed)
        questions, rule = list_sample_questions(drawn.images, NAMES, top1[None], original)
        sample = name_sample(drawn, NAMES, purpose="accuracy", seed=seed, input_hashes=(), question_rule=rule)
        facts = find_question_facts(questions, drawn.images, ["model"], top1[None], original)
        n = len(questions)
        tasks = Tasks(questions, np.arange(n + 1), np.arange(n), [""] * n, sample=sample, facts=facts)
        answers = [{int(top1[i]), int(original[i])}.intersection(sets[i]) for i in drawn.images.tolist()]
        findings = SampleFindings.from_tasks(tasks, LabelSets.from_lists(sample.images, map(sorted, answers)))
        low, high = findings.models[0].valid.interval or (np.nan, np.nan)
        n_covered += int(low <= truth <= high)
        widths.append(high - low)
    low, high = Proportion(round(PLAIN_SIZE * truth), PLAIN_SIZE).interval
    return n_covered, float(np.mean(widths)), high - low


@pytest.fixture(scope="module")
def answers(real_file: Callable[[str], Path]) -> list[list[int]]:
    """The valid classes of each image."""
    for name in ("scores.npz", "validation_labels.txt"):  # of `simulate_imagenet`
        real_file(name)
    sets: list[list[int]] = json.loads(real_file("real.json").read_text())
    return sets


def test_intervals_of_models_with_scores_cover_the_share_of_valid_classes_and_are_narrow(
    answers: list[list[int]],
) -> None:
    """500 images are as good as a plain sample of 1,000, if the confidence is known."""
    population = simulate_imagenet()
    for name, (top1, confidences, _) in population.models.items():
        guesses = guess_correct(top1[None], confidences[None], population.original)
        strata = make_strata(top1[None], guesses, population.original)
        n_covered, width, plain_width = measure_coverage(top1, population.original, answers, strata)
        assert n_covered >= LEAST_COVERED, name
        assert width < plain_width, name


def test_intervals_of_lists_of_five_classes_cover_the_share_of_valid_classes_and_are_narrow(
    answers: list[list[int]],
) -> None:
    """Without scores, the place of the original label in the list tells where answers are uncertain."""
    original = simulate_imagenet().original
    lists = list_best_classes(original, 0.3)
    guesses = guess_correct(lists[None, :, 0], original=original)
    strata = make_strata(
        lists[None, :, 0], guesses, original, is_original_listed=(lists == original[:, None]).any(axis=1)[None]
    )
    n_covered, width, plain_width = measure_coverage(lists[:, 0], original, answers, strata)
    assert n_covered >= LEAST_COVERED
    assert width < plain_width


def test_intervals_of_first_classes_alone_cover_the_share_of_valid_classes(answers: list[list[int]]) -> None:
    """Only agreement with the original label is known."""
    original = simulate_imagenet().original
    top1 = simulate_predictions(np.random.default_rng(0), original, 0.92)
    strata = make_strata(top1[None], guess_correct(top1[None], original=original), original)
    assert measure_coverage(top1, original, answers, strata)[0] >= LEAST_COVERED
