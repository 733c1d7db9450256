"""Votes for one class per image: joins by image, conversion of class lists, and posteriors."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, Posterior, Questions, Votes
from reassess.core.class_votes import count_chosen_classes
from reassess.core.votes import align_votes
from tests.helpers import Refused, validation_name, votes_of

NAMES = ("ant", "bee", "cow")
IMAGES = ("a.png", "b.png", validation_name(3))


def class_votes(
    rows: Any, answers: Any = NAMES, images: tuple[str, ...] = IMAGES, classes: Classes | None = None
) -> Votes:
    """Create votes from rows of positions: image, rater, answer."""
    classes = classes or Classes.from_texts(answers)
    return votes_of(rows, images, ("ann", "bo"), answers, classes=classes)


def anonymous_votes(rows: Any) -> Votes:
    """Create the same votes without raters."""
    item_ids, _, answer_ids = np.array(rows, np.int64).reshape(-1, 3).T
    classes = Classes.from_texts(NAMES)
    return Votes.from_columns(IMAGES, item_ids, np.full(item_ids.size, -1), answer_ids, (), NAMES, classes=classes)


ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 2)), max_size=30)


@given(ROWS)
def test_counts_by_class_equal_plain_loop(rows: Any) -> None:
    expected = Counter((IMAGES[image], answer) for image, _, answer in rows)
    for votes in (class_votes(rows), anonymous_votes(rows)):
        questions, counts = count_chosen_classes(votes)
        keys = [
            (questions.images[i], c) for i, c in zip(questions.image_ids, questions.class_ids.tolist(), strict=True)
        ]
        assert dict(zip(keys, counts.tolist(), strict=True)) == expected


@given(ROWS, ROWS)
def test_append_adds_counts_of_different_class_lists(first: Any, second: Any) -> None:
    """The second class list has another order, and a class that is missing from the first."""
    other = votes_of(
        second, IMAGES[::-1], ("cy", "ann"), ("dog", "bee", "ant"), classes=Classes.from_texts(["dog", "bee", "ant"])
    )
    both = class_votes(first).append(other)
    expected = Counter((IMAGES[i], NAMES[a]) for i, _, a in first)
    expected.update((IMAGES[2 - i], ("dog", "bee", "ant")[a]) for i, _, a in second)
    table = both.counts().tolist()
    got = {(i, a): n for i, row in zip(both.images, table, strict=True) for a, n in zip(both.answers, row, strict=True)}
    assert {key: count for key, count in got.items() if count} == expected
    assert both.answers == ("ant", "bee", "cow", "dog")


def test_class_votes_are_joined_by_image_name() -> None:
    votes = class_votes([(2, 0, 0)])
    assert votes.find_positions(("c.png", f"val/{validation_name(3, '.png')}", "b.png")).tolist() == [-1, 2, 1]
    assert len(votes.append(class_votes([(2, 1, 0)], images=("x", "y", validation_name(3, ".png")))).items) == 5


def test_counts_and_votes_cannot_be_joined(refused: Refused) -> None:
    assert len(anonymous_votes([(0, 0, 0)]).append(anonymous_votes([(0, 0, 1)]))) == 2
    for other in (anonymous_votes([(0, 0, 0)]), votes_of([(0, 0, 0)])):
        assert refused(class_votes([(0, 0, 0)]).append, other) == "different-votes"
    assert (
        refused(class_votes([]).find_positions, Questions.from_columns(["a.png"], np.array([1]))) == "different-votes"
    )


def test_counts_have_no_raters(refused: Refused) -> None:
    assert refused(anonymous_votes([(0, 0, 0)]).votes_on, 0) == "missing-raters"
    assert anonymous_votes([(0, 0, 1), (2, 0, 1)]).select_items(np.array([2])).counts().tolist() == [[0, 1, 0]]
    assert anonymous_votes([]).votes_on(0) == ()  # without votes, no rater is unknown


def test_answers_are_wnids_if_known_else_names_else_ids() -> None:
    votes = class_votes([(0, 0, 0), (1, 0, 2)])
    classes = Classes(4, wnids=tuple(f"n0000000{i}" for i in range(4)), names=("cow", "bee", "emu", "ant"))
    converted = votes.convert_to_classes(classes)
    assert (converted.answers, converted.class_ids.tolist()) == (("n00000003", "n00000001", "n00000000"), [3, 1, 0])
    assert converted.counts().tolist() == votes.counts().tolist()
    ids = class_votes([(0, 0, 1)], answers=(2, 0, 1), classes=Classes(3))
    assert ids.class_ids.tolist() == [2, 0, 1]
    assert ids.convert_to_classes(Classes(4, names=("w", "x", "y", "z"))).answers == ("y", "w", "x")


def test_complete_wnids_match_ids_and_names_never_do(refused: Refused) -> None:
    wnids = ("n00000001", "n00000002", "n00000003")
    by_wnid, by_id = (
        class_votes([(0, 0, 1)], answers=answers, classes=classes)
        for answers, classes in ((wnids, Classes.from_texts(wnids)), ((2, 0, 1), Classes(3)))
    )
    first, second = align_votes(by_wnid, by_id)
    assert first.answers == second.answers == wnids
    assert (first.counts()[0].tolist(), second.counts()[0].tolist()) == ([0, 1, 0], [1, 0, 0])
    unlisted = class_votes([(0, 0, 1)], answers=(2, 0, 1), classes=Classes())
    by_name = class_votes([(0, 0, 1)])
    for votes in (by_id, unlisted):
        assert refused(align_votes, by_name, votes) == "names-without-list"
    plain = votes_of([(0, 0, 0)])
    assert align_votes(by_name, plain) == (by_name, plain)


@pytest.mark.parametrize(("answers", "classes"), [(("ant", "elk"), Classes.from_texts(NAMES)), ((0, 3), Classes(3))])
def test_answer_that_is_not_a_class_raises(refused: Refused, answers: Any, classes: Classes) -> None:
    assert refused(class_votes, [(0, 0, 0)], answers, classes=classes) == "unknown-answer"
    assert refused(class_votes, [(0, 0, 0)], images=Questions.from_columns(["a.png"], np.array([1]))) == "not-classes"
    assert refused(lambda: votes_of([]).class_ids) == "not-classes"


# --- posteriors -----------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.sampled_from([0.0, 1e-9, 9e-7, 1e-6, 0.3, 1.0]), min_size=3, max_size=3), max_size=3))
def test_each_class_becomes_a_question_with_its_probability(weights: list[list[float]]) -> None:
    weights = [row for row in weights if sum(row)]
    values = np.array(weights, float).reshape(-1, 3)
    values /= np.maximum(values.sum(axis=1, keepdims=True), 1e-300)
    posterior = Posterior(IMAGES[: len(values)], NAMES[::-1], values, classes=Classes.from_texts(NAMES))
    scores = posterior.to_scores()
    cells = np.argwhere(values >= 1e-6)
    assert scores.questions.image_ids.tolist() == cells[:, 0].tolist()
    assert scores.questions.class_ids.tolist() == (2 - cells[:, 1]).tolist()
    assert scores.values.tolist() == [values[row, column] for row, column in cells.tolist()]
    assert (np.bincount(scores.questions.image_ids, scores.values, len(values)) >= 1 - 3e-6).all()


def test_class_to_include_becomes_a_question_at_any_probability(refused: Refused) -> None:
    posterior = Posterior(("a",), NAMES, np.array([[1.0, 0.0, 0.0]]), classes=Classes.from_texts(NAMES))
    converted = posterior.to_question_posterior(is_always_asked=np.array([[False, False, True]]))
    assert (converted.items.class_ids.tolist(), converted.probabilities_of("valid").tolist()) == ([0, 2], [1.0, 0.0])
    assert converted.values.sum(axis=1).tolist() == [1.0, 1.0]
    assert refused(Posterior(("a",), NAMES, np.eye(3)[:1]).to_question_posterior) == "not-classes"
