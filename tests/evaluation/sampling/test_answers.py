"""Which images of a sample are answered, and errors about labels that do not belong to the sample."""

from dataclasses import replace

import numpy as np
import pytest

from reassess.core import LabelSets, Tasks
from reassess.errors import DataError
from reassess.evaluation import find_answered_images
from tests.sampled import IMAGES, simulate_benchmark


@pytest.fixture
def tasks() -> Tasks:
    return simulate_benchmark().draw(100)


def label(names: "list[str] | tuple[str, ...]") -> LabelSets:
    return LabelSets.from_lists(names, [[0]] * len(names))


def test_all_answered_images_are_used_in_drawn_order(tasks: Tasks) -> None:
    drawn = tasks.sample.images
    answered = find_answered_images(tasks, label(sorted(drawn)))
    assert answered.images == drawn
    assert [sorted(drawn)[row] for row in answered.label_rows.tolist()] == list(drawn)
    assert answered.to_json() == {
        "all_images": 2000,
        "drawn": 100,
        "answered": 100,
        "used": 100,
        "first_without_answer": None,
        "class_without_answer": None,
        "ignored": 0,
    }


def test_first_batch_is_used_while_the_second_has_too_few_answers() -> None:
    tasks = simulate_benchmark().draw(100, pilot=40)
    answered = find_answered_images(tasks, label(tasks.sample.images[:45]))
    assert (len(answered.images), answered.n_answered) == (40, 45)


def test_labels_of_other_images_are_refused_or_ignored(tasks: Tasks) -> None:
    other = next(name for name in IMAGES if name not in tasks.sample.images)
    labels = label([*tasks.sample.images, other])
    with pytest.raises(DataError) as caught:
        find_answered_images(tasks, labels)
    assert str(caught.value) == (
        "images with a label set were not drawn\n"
        f"  allowed: the 100 drawn images, such as {tasks.sample.images[0]}\n"
        f"  found:   1 other image: {other}\n"
        "  fix:     make label sets only from answers about the sample: reassess labels SCORES --original none; or "
        "ignore other images: ignore_unknown=True"
    )
    answered = find_answered_images(tasks, labels, ignore_unknown=True)
    assert (len(answered.images), answered.n_ignored) == (100, 1)


def test_image_that_was_answered_twice_is_refused(tasks: Tasks) -> None:
    first = tasks.sample.images[0]
    labels = label([*tasks.sample.images, f"again/{first}"])
    with pytest.raises(DataError, match="two images have the same name"):
        find_answered_images(tasks, labels, match="name")


def test_too_few_answers_are_refused(tasks: Tasks) -> None:
    labels = label(tasks.sample.images[:12])
    with pytest.raises(DataError) as caught:
        find_answered_images(tasks, labels)
    needed = next(n for n in range(100) if _can_use(tasks, n))
    assert (caught.value.code, caught.value.found) == (
        "too-few-images",
        f"the first 12; image 13, {tasks.sample.images[12]}, has no answer",
    )
    assert caught.value.allowed == f"the first {needed} or more of the 100 drawn images"


def _can_use(tasks: Tasks, n: int) -> bool:
    try:
        find_answered_images(tasks, label(tasks.sample.images[:n]))
    except DataError:
        return False
    return True


def test_tasks_without_a_design_are_refused(tasks: Tasks) -> None:
    assert tasks.sample is not None
    labels = label(tasks.sample.images)
    for other, found in (
        (replace(tasks, sample=None), "tasks without a sample"),
        (replace(tasks, sample=replace(tasks.sample, purpose="golden", design=None)), "a sample for golden"),
    ):
        with pytest.raises(DataError, match="tasks were not drawn for an estimate") as caught:
            find_answered_images(other, labels)
        assert caught.value.found == found


def test_images_are_joined_by_name_if_asked(tasks: Tasks) -> None:
    labels = label([f"folder/{name}" for name in tasks.sample.images])
    assert np.array_equal(find_answered_images(tasks, labels, match="name").label_rows, np.arange(100))
