"""Tasks: each question in exactly one task, few tasks of similar sizes, and splits at the widest gaps."""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, Hierarchy, Questions, Tasks, Votes
from reassess.proposals import make_tasks, seconds_per_vote
from reassess.proposals.task_grouping import _split_class_order, _swap_classes_between_tasks
from tests.helpers import code_of, fault_of, votes_of

NAMES = ("tabby", "poodle", "mug", "cup", "collie", "vase")
CLASSES = Classes(6, names=NAMES)
TREE = Hierarchy.from_pairs(
    [
        *[("poodle", "dog"), ("collie", "dog"), ("tabby", "cat"), ("dog", "animal"), ("cat", "animal")],
        *[("mug", "vessel"), ("cup", "vessel"), ("animal", "thing"), ("vessel", "thing")],
    ],
    CLASSES,
)


def drawn(seed: int, images: int = 9, classes: int = 30) -> Questions:
    rng = np.random.default_rng(seed)
    pairs = [(f"{i}.png", int(c)) for i in range(images) for c in rng.permutation(classes)[: rng.integers(0, 25)]]
    pairs = [pairs[row] for row in rng.permutation(len(pairs))] or [("0.png", 1)]
    return Questions.from_columns([image for image, _ in pairs], np.array([c for _, c in pairs]))


def listed(tasks: Tasks) -> list[tuple[str, list[str], str]]:
    classes = tasks.questions.classes
    return [
        (tasks.image_of(task), [classes.short_name(c) for c in tasks.class_ids_of(task).tolist()], tasks.reasons[task])
        for task in range(len(tasks))
    ]


def pairs_of(questions: Questions) -> list[tuple[str, int]]:
    return [(questions.images[i], c) for i, c in zip(questions.image_ids, questions.class_ids.tolist(), strict=True)]


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.booleans())
def test_every_question_is_in_exactly_one_task(seed: int, size: int, by_tree: bool) -> None:
    questions = drawn(seed)
    tree = Hierarchy({c: tuple(str(c % k) for k in (2, 4, 8)) for c in range(25)}) if by_tree else None
    tasks = make_tasks(questions, size=size, hierarchy=tree)
    assert sorted(pairs_of(tasks.questions)) == sorted(pairs_of(questions))
    assert tasks.sizes.max() <= size
    assert tasks.task_numbers.tolist() == list(range(len(tasks)))
    assert [tasks.image_of(task) for task in range(len(tasks))] == sorted(
        (tasks.image_of(task) for task in range(len(tasks))), key=questions.images.index
    )
    for image in questions.images:
        sizes = [int(tasks.sizes[task]) for task in range(len(tasks)) if tasks.image_of(task) == image]
        assert len(sizes) == -(-sum(sizes) // size)
        assert max(sizes) - min(sizes) <= 1
    for task in range(len(tasks)):
        assert (np.diff(tasks.class_ids_of(task)) > 0).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_tasks_do_not_depend_on_order_of_questions(seed: int, size: int) -> None:
    questions = drawn(seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(questions))
    order = order[np.argsort(questions.image_ids[order], kind="stable")]
    again = Questions(questions.images, questions.image_ids[order], questions.class_ids[order])
    assert listed(make_tasks(questions, size=size)) == listed(make_tasks(again, size=size))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=11), st.integers(1, 6))
def test_splits_have_widest_gaps_of_all_even_splits(gaps: list[int], size: int) -> None:
    n = len(gaps) + 1
    parts = _split_class_order(np.arange(n), np.array(gaps, float), size)
    count = -(-n // size)
    assert np.concatenate(parts).tolist() == list(range(n))
    ends = [int(part[-1]) for part in parts[:-1]]
    every = [
        [end - 1 for end in cut]
        for cut in combinations(range(1, n), count - 1)
        if max(sizes := np.diff([0, *cut, n]).tolist()) - min(sizes) <= 1
    ]
    assert ends in every
    assert sum(gaps[end] for end in ends) == max(sum(gaps[end] for end in cut) for cut in every)


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(1, 3))
def test_no_exchange_reduces_distances(seed: int, n: int, tasks: int) -> None:
    rng = np.random.default_rng(seed)
    distances = rng.integers(0, 5, (n, n)).astype(float)
    distances = np.triu(distances, 1) + np.triu(distances, 1).T
    task = rng.integers(0, tasks, n)
    before, sizes = within(task, distances), np.bincount(task)
    _swap_classes_between_tasks(task, distances)
    assert np.bincount(task).tolist() == sizes.tolist()
    assert within(task, distances) <= before
    for first, second in combinations(range(n), 2):
        changed = task.copy()
        changed[[first, second]] = task[[second, first]]
        assert within(changed, distances) >= within(task, distances)


def within(task: npt.NDArray[Any], distances: npt.NDArray[Any]) -> float:
    return sum(distances[i, j] for i, j in combinations(range(task.size), 2) if task[i] == task[j])


def test_classes_under_one_parent_are_in_one_task() -> None:
    questions = Questions.from_columns(["a.png"] * 6 + ["b.png"], np.array([0, 1, 2, 3, 4, 5, 5]), CLASSES)
    assert listed(make_tasks(questions, size=2, hierarchy=TREE)) == [
        ("a.png", ["tabby", "vase"], "no common parent"),
        ("a.png", ["poodle", "collie"], "under dog"),
        ("a.png", ["mug", "cup"], "under vessel"),
        ("b.png", ["vase"], "all of the image"),
    ]
    assert listed(make_tasks(questions, size=3, hierarchy=TREE))[:2] == [
        ("a.png", ["tabby", "poodle", "collie"], "under animal"),
        ("a.png", ["mug", "cup", "vase"], "no common parent"),
    ]
    assert listed(make_tasks(questions, size=1, hierarchy=TREE))[0] == ("a.png", ["tabby"], "the rest of the image")


def test_classes_proposed_together_are_in_one_task() -> None:
    together = [("x.png", 0), ("x.png", 3), ("y.png", 1), ("y.png", 2), ("z.png", 1), ("z.png", 2)]
    pairs = [*[("a.png", c) for c in (3, 2, 1, 0)], *together]
    questions = Questions.from_columns([image for image, _ in pairs], np.array([c for _, c in pairs]), CLASSES)
    assert listed(make_tasks(questions, size=2))[:2] == [
        ("a.png", ["tabby", "cup"], "each pair on 2 images or more"),
        ("a.png", ["poodle", "mug"], "each pair on 3 images or more"),
    ]
    alone = Questions.from_columns(["a.png"] * 3, np.arange(3), CLASSES)
    assert [why for *_, why in listed(make_tasks(alone, size=2))] == [
        "a pair only on this image",
        "the rest of the image",
    ]


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_reasons_of_tasks_are_correct(seed: int, size: int) -> None:
    questions = drawn(seed, classes=12)
    classes_of: dict[str, set[int]] = {}
    for image, class_id in pairs_of(questions):
        classes_of.setdefault(image, set()).add(class_id)
    tasks = make_tasks(questions, size=size)
    for task, reason in enumerate(tasks.reasons):
        own = tasks.class_ids_of(task).tolist()
        pairs = [sum({*pair} <= classes_ for classes_ in classes_of.values()) for pair in combinations(own, 2)]
        if len(own) == len(classes_of[tasks.image_of(task)]):
            assert reason == "all of the image"
        elif len(own) == 1:
            assert reason == "the rest of the image"
        elif min(pairs) == 1:
            assert reason == "a pair only on this image"
        else:
            assert reason == f"each pair on {min(pairs)} images or more"


def test_sparse_table_gives_same_tasks_and_no_questions_give_none(monkeypatch: pytest.MonkeyPatch) -> None:
    few = listed(make_tasks(drawn(3)))
    monkeypatch.setattr("reassess.proposals.task_grouping._MAX_DENSE_CLASSES", 3)
    assert listed(make_tasks(drawn(3))) == few
    assert fault_of(make_tasks, drawn(0), size=0) == ("out-of-range", "0")
    nothing = make_tasks(Questions.from_columns([], np.zeros(0, int)))
    assert (len(nothing), nothing.effort(5).hours) == (0, None)


def test_golden_questions_are_not_in_tasks() -> None:
    """If experts chose one class per image, all questions on their images are golden."""
    classes = Classes.from_texts(["cat", "dog", "fox"])
    questions = Questions.from_columns(
        ["a.png", "a.png", "b.png", "b.png", "c.png"], np.array([0, 1, 1, 2, 2]), classes
    )
    own = Questions.from_columns(
        ["b.png", "c.png", "c.png"], np.array([1, 1, 2]), Classes.from_texts(["cow", "dog", "fox"])
    )
    tasks = make_tasks(questions, golden=votes_of([(0, 0, 0), (1, 0, 2), (2, 0, 0)], own))
    assert listed(tasks) == [("a.png", ["cat", "dog"], "all of the image"), ("b.png", ["fox"], "all of the image")]
    chosen = votes_of([(0, 0, 0)], ("b.png",), answers=("fox",), classes=Classes.from_texts(["fox"]))
    assert [image for image, *_ in listed(make_tasks(questions, golden=chosen))] == ["a.png", "c.png"]


def timed(seconds: list[float]) -> Votes:
    rows = [(0, rater, 0) for rater in range(len(seconds))]
    return votes_of(rows, ("x",), tuple(range(len(seconds))), ("no",), seconds=np.array(seconds))


def test_longest_times_count_as_99th_percentile() -> None:
    assert seconds_per_vote(timed([2.0] * 200 + [4000.0])) == pytest.approx(2.0)
    assert seconds_per_vote(timed([1.0, 3.0, np.nan])) == pytest.approx((1 + 2.98) / 2)
    for votes in (timed([np.nan]), votes_of([(0, 0, 0)])):
        assert code_of(seconds_per_vote, votes) == "missing-seconds"
