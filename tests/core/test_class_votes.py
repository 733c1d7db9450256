"""Votes for one class an image: joined by image, moved from list to list, and as probabilities of questions."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, Posterior, Questions, Votes
from reassess.core.votes import align_votes
from tests.helpers import Refused, validation_name, votes_of

NAMES = ("ant", "bee", "cow")
IMAGES = ("a.png", "b.png", validation_name(3))


def chosen(rows: Any, answers: Any = NAMES, images: tuple[str, ...] = IMAGES, classes: Classes | None = None) -> Votes:
    """Votes from rows of an image, a rater and an answer, each by its place."""
    classes = classes or Classes.from_texts(answers)
    return votes_of(rows, images, ("ann", "bo"), answers, classes=classes)


def counted(rows: Any) -> Votes:
    """The same without raters."""
    item_ids, _, answer_ids = np.array(rows, np.int64).reshape(-1, 3).T
    classes = Classes.from_texts(NAMES)
    return Votes.from_columns(IMAGES, item_ids, np.full(item_ids.size, -1), answer_ids, (), NAMES, classes=classes)


ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 2)), max_size=30)


@given(ROWS)
def test_counts_by_class_are_those_of_a_plain_loop(rows: Any) -> None:
    expected = Counter((IMAGES[image], answer) for image, _, answer in rows)
    for votes in (chosen(rows), counted(rows)):
        questions, counts = votes.counts_by_class()
        keys = [
            (questions.images[i], c) for i, c in zip(questions.image_ids, questions.class_ids.tolist(), strict=True)
        ]
        assert dict(zip(keys, counts.tolist(), strict=True)) == expected


@given(ROWS, ROWS)
def test_appending_adds_the_counts_whatever_the_list_of_each(first: Any, second: Any) -> None:
    """The second votes name classes of which the first list lacks one, and stand in another order."""
    other = votes_of(
        second, IMAGES[::-1], ("cy", "ann"), ("dog", "bee", "ant"), classes=Classes.from_texts(["dog", "bee", "ant"])
    )
    both = chosen(first).append(other)
    named = Counter((IMAGES[i], NAMES[a]) for i, _, a in first)
    named.update((IMAGES[2 - i], ("dog", "bee", "ant")[a]) for i, _, a in second)
    table = both.counts().tolist()
    got = {(i, a): n for i, row in zip(both.images, table, strict=True) for a, n in zip(both.answers, row, strict=True)}
    assert {key: count for key, count in got.items() if count} == named
    assert both.answers == ("ant", "bee", "cow", "dog")


def test_images_are_joined_as_images_are() -> None:
    votes = chosen([(2, 0, 0)])
    assert votes.find(("c.png", f"val/{validation_name(3, '.png')}", "b.png")).tolist() == [-1, 2, 1]
    assert len(votes.append(chosen([(2, 1, 0)], images=("x", "y", validation_name(3, ".png")))).items) == 5


def test_counts_and_votes_keep_apart(refused: Refused) -> None:
    assert len(counted([(0, 0, 0)]).append(counted([(0, 0, 1)]))) == 2
    for other in (counted([(0, 0, 0)]), votes_of([(0, 0, 0)])):
        assert refused(chosen([(0, 0, 0)]).append, other) == "different-votes"
    assert refused(chosen([]).find, Questions.from_columns(["a.png"], np.array([1]))) == "different-votes"


def test_who_voted_is_asked_of_counts_in_vain(refused: Refused) -> None:
    assert refused(counted([(0, 0, 0)]).on, 0) == "missing-raters"
    assert counted([(0, 0, 1), (2, 0, 1)]).restrict(np.array([2])).counts().tolist() == [[0, 1, 0]]
    assert counted([]).on(0) == ()  # nobody voted, which is known


def test_a_list_with_wnids_calls_classes_by_them_and_one_without_names_by_id() -> None:
    votes = chosen([(0, 0, 0), (1, 0, 2)])
    listed = Classes(4, wnids=tuple(f"n0000000{i}" for i in range(4)), names=("cow", "bee", "emu", "ant"))
    moved = votes.in_classes(listed)
    assert (moved.answers, moved.class_ids.tolist()) == (("n00000003", "n00000001", "n00000000"), [3, 1, 0])
    assert moved.counts().tolist() == votes.counts().tolist()
    ids = chosen([(0, 0, 1)], answers=(2, 0, 1), classes=Classes(3))
    assert ids.class_ids.tolist() == [2, 0, 1]
    assert ids.in_classes(Classes(4, names=("w", "x", "y", "z"))).answers == ("y", "w", "x")


def test_wnids_and_ids_meet_only_where_the_list_is_whole_and_names_and_ids_never(refused: Refused) -> None:
    wnids = ("n00000001", "n00000002", "n00000003")
    called, ids = (
        chosen([(0, 0, 1)], answers=answers, classes=classes)
        for answers, classes in ((wnids, Classes.from_texts(wnids)), ((2, 0, 1), Classes(3)))
    )
    one, two = align_votes(called, ids)
    assert one.answers == two.answers == wnids
    assert (one.counts()[0].tolist(), two.counts()[0].tolist()) == ([0, 1, 0], [1, 0, 0])
    unknown = chosen([(0, 0, 1)], answers=(2, 0, 1), classes=Classes())
    named = chosen([(0, 0, 1)])
    for numbered in (ids, unknown):
        assert refused(align_votes, named, numbered) == "names-without-list"
    plain = votes_of([(0, 0, 0)])
    assert align_votes(named, plain) == (named, plain)


@pytest.mark.parametrize(("answers", "classes"), [(("ant", "elk"), Classes.from_texts(NAMES)), ((0, 3), Classes(3))])
def test_an_answer_that_is_no_class_is_refused(refused: Refused, answers: Any, classes: Classes) -> None:
    assert refused(chosen, [(0, 0, 0)], answers, classes=classes) == "unknown-answer"
    assert refused(chosen, [(0, 0, 0)], images=Questions.from_columns(["a.png"], np.array([1]))) == "not-classes"
    assert refused(lambda: votes_of([]).class_ids) == "not-classes"


# --- posteriors -----------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.sampled_from([0.0, 1e-9, 9e-7, 1e-6, 0.3, 1.0]), min_size=3, max_size=3), max_size=3))
def test_each_class_is_a_question_with_its_probability(weights: list[list[float]]) -> None:
    weights = [row for row in weights if sum(row)]
    values = np.array(weights, float).reshape(-1, 3)
    values /= np.maximum(values.sum(axis=1, keepdims=True), 1e-300)
    posterior = Posterior(IMAGES[: len(values)], NAMES[::-1], values, classes=Classes.from_texts(NAMES))
    scores = posterior.scores()
    kept = np.argwhere(values >= 1e-6)
    assert scores.questions.image_ids.tolist() == kept[:, 0].tolist()
    assert scores.questions.class_ids.tolist() == (2 - kept[:, 1]).tolist()
    assert scores.values.tolist() == [values[row, column] for row, column in kept.tolist()]
    assert (np.bincount(scores.questions.image_ids, scores.values, len(values)) >= 1 - 3e-6).all()


def test_a_class_that_was_asked_is_a_question_at_any_probability(refused: Refused) -> None:
    posterior = Posterior(("a",), NAMES, np.array([[1.0, 0.0, 0.0]]), classes=Classes.from_texts(NAMES))
    asked = posterior.on_questions(always=np.array([[False, False, True]]))
    assert (asked.items.class_ids.tolist(), asked.of("valid").tolist()) == ([0, 2], [1.0, 0.0])
    assert asked.values.sum(axis=1).tolist() == [1.0, 1.0]
    assert refused(Posterior(("a",), NAMES, np.eye(3)[:1]).on_questions) == "not-classes"
