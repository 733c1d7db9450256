"""Votes: grouping by item, counts, selections, and joins by id."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Questions, Votes
from reassess.core.answers import sort_answers
from reassess.core.items import find_items, merge_items, parse_id
from reassess.formats import read_vote_file, write_votes
from tests.helpers import WORDS, RealFile, RealVotes, Refused, message


def votes_by_name(
    rows: Sequence[tuple[Any, Any, Any]],
    items: Any = None,
    raters: Sequence[str | int] | None = None,
    answers: Sequence[str | int] = WORDS,
    seconds: npt.NDArray[Any] | None = None,
) -> Votes:
    """Create votes from (item, rater, answer) rows in any order."""
    items = tuple(dict.fromkeys(row[0] for row in rows)) if items is None else items
    raters = tuple(dict.fromkeys(row[1] for row in rows)) if raters is None else raters
    ids = [(items.index(item), raters.index(rater), answers.index(answer)) for item, rater, answer in rows]
    columns = np.array(ids, np.int64).reshape(-1, 3).T
    return Votes.from_columns(items, *columns, raters, answers, seconds=seconds)


def rows_of(votes: Votes) -> list[Any]:
    return [(votes.items[i], rater, answer) for i in range(len(votes.items)) for rater, answer in votes.votes_on(i)]


ROWS = st.lists(
    st.tuples(st.sampled_from("uvwxyz"), st.sampled_from(["ann", "bo", 3]), st.sampled_from(WORDS)), max_size=40
)


@given(ROWS)
def test_votes_are_grouped_by_item_in_order(rows: Any) -> None:
    votes = votes_by_name(rows)
    assert rows_of(votes) == sorted(rows, key=lambda row: votes.items.index(row[0]))
    assert len(votes) == len(rows)


@given(ROWS)
def test_counts_equal_plain_loop(rows: Any) -> None:
    votes = votes_by_name(rows, items=tuple("uvwxyz"))
    by_item = Counter((item, answer) for item, _, answer in rows)
    by_rater = Counter((rater, answer) for _, rater, answer in rows)
    assert votes.counts().tolist() == [[by_item[item, answer] for answer in WORDS] for item in votes.items]
    assert votes.counts_by_rater().tolist() == [[by_rater[rater, answer] for answer in WORDS] for rater in votes.raters]
    sizes = votes.sizes.tolist()
    expected = [[by_item[i, a] / n if n else 0 for a in WORDS] for i, n in zip(votes.items, sizes, strict=True)]
    assert votes.answer_shares().tolist() == expected


@given(ROWS, st.permutations("uvwxyz"), st.integers(0, 6))
def test_restrict_keeps_votes_of_selected_items(rows: Any, items: Any, count: int) -> None:
    votes = votes_by_name(rows, items=tuple("uvwxyz"))
    part = votes.select_items(votes.find_positions(tuple(items[:count])))
    assert part.items == tuple(items[:count])
    assert Counter(rows_of(part)) == Counter(row for row in rows if row[0] in items[:count])


@given(ROWS, st.sets(st.integers(0, 5)))
def test_without_removes_votes_and_keeps_items(rows: Any, positions: set[int]) -> None:
    votes = votes_by_name(rows, items=tuple("uvwxyz"))
    part = votes.without_votes_on(np.array(sorted(positions), int))
    assert (part.items, part.raters) == (votes.items, votes.raters)
    assert rows_of(part) == [row for row in rows_of(votes) if "uvwxyz".index(row[0]) not in positions]


@given(ROWS, ROWS)
def test_append_keeps_all_votes_and_joins_by_id(first: Any, second: Any) -> None:
    joined = votes_by_name(first).append(votes_by_name(second))
    assert Counter(rows_of(joined)) == Counter([*first, *second])
    assert set(joined.raters) == {row[1] for row in [*first, *second]}


def test_append_joins_questions_by_image_name() -> None:
    first = Votes.from_columns(
        Questions.from_columns(["a", "b"], np.array([1, 1])), *np.array([[0, 1], [0, 0], [2, 0]]), ("ann",), WORDS
    )
    second = Votes.from_columns(
        Questions.from_columns(["c", "b", "b"], np.array([4, 2, 1])),
        *np.array([[0, 1, 2], [0, 1, 0], [1, 1, 1]]),
        ("bo", "ann"),
        WORDS,
    )
    joined = first.append(second)
    words = [(joined.describe_item(row), joined.votes_on(row)) for row in range(len(joined.items))]
    assert words == [
        ("image a, class 1", (("ann", "yes"),)),
        ("image b, class 1", (("ann", "no"), ("bo", "maybe"))),
        ("image c, class 4", (("bo", "maybe"),)),
        ("image b, class 2", (("ann", "maybe"),)),
    ]


def test_restrict_keeps_only_images_with_questions() -> None:
    questions = Questions.from_columns(["a", "b", "c"], np.array([1, 2, 3]))
    votes = Votes.from_columns(questions, *np.array([[0, 1, 2], [0, 0, 0], [2, 1, 0]]), ("ann",), WORDS)
    part = votes.select_items(np.array([2, 0]))
    assert part.items.images == ("a", "c")
    assert [part.describe_item(row) for row in range(2)] == ["image c, class 3", "image a, class 1"]


def test_seconds_stay_with_their_votes() -> None:
    votes = votes_by_name(
        [("y", 1, "no"), ("x", 1, "yes"), ("y", 2, "no")], items=("x", "y"), seconds=np.array([3.0, 1, 2])
    )
    assert votes.seconds.tolist() == [1, 3, 2]
    assert votes.select_items(np.array([1])).seconds.tolist() == [3, 2]
    assert votes.without_votes_on(np.array([0])).seconds.tolist() == [3, 2]
    joined = votes.append(votes_by_name([("x", 1, "no")])).seconds
    assert joined[[0, 2, 3]].tolist() == [1, 3, 2]
    assert np.isnan(joined[1])


def test_sort_answers_uses_known_order() -> None:
    assert sort_answers(["yes", "maybe", "no"]) == WORDS
    assert sort_answers(["yes", "no"]) == ("no", "yes")
    assert sort_answers([3, 1]) == (1, 3)
    assert sort_answers(["dog", "cat", 3]) == (3, "cat", "dog")


def test_append_merges_answers_in_order() -> None:
    few, many = votes_by_name([("x", 1, "no")], answers=("no", "yes")), votes_by_name([("x", 2, "maybe")])
    assert few.append(many).answers == many.append(few).answers == WORDS
    assert rows_of(few.append(many)) == [("x", 1, "no"), ("x", 2, "maybe")]
    numbers = votes_by_name([("x", 1, 2)], answers=(2, 5)).append(votes_by_name([("x", 1, 3)], answers=(3,)))
    assert numbers.answers == (2, 3, 5)


def test_id_is_a_number_only_in_usual_notation() -> None:
    assert [parse_id(text) for text in ("7", "-7", "0")] == [7, -7, 0]
    for text in ("07", "-0", "7.0", "", "-", "٣", "1" * 30):
        assert parse_id(text) == text


def test_votes_can_have_more_than_256_answers() -> None:
    answers = tuple(range(300))
    votes = votes_by_name([("x", 1, 299), ("x", 2, 0)], answers=answers)
    assert votes.votes_on(0) == ((1, 299), (2, 0))


def columns(**changed: object) -> dict[str, Any]:
    defaults = {
        "items": ("x", "y"),
        "indptr": np.array([0, 1, 2]),
        "rater_ids": np.array([0, 0], np.int32),
        "answer_ids": np.array([0, 1], np.uint8),
        "raters": ("ann",),
        "answers": ("no", "yes"),
    }
    return {**defaults, **changed}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"items": ("x", "x")}, "duplicate-name"),
        ({"raters": (3, 3)}, "duplicate-name"),
        ({"answers": ("no", "no")}, "duplicate-name"),
        ({"indptr": np.array([0, 3, 2])}, "wrong-indptr"),
        ({"answer_ids": np.array([0], np.uint8)}, "wrong-shape"),
        ({"rater_ids": np.array([0, 1], np.int32)}, "out-of-range at item y"),
        ({"answer_ids": np.array([2, 0], np.uint8)}, "out-of-range at item x"),
        ({"seconds": np.array([1.0, -2])}, "out-of-range at vote 1"),
    ],
)
def test_inconsistent_columns_raise(refused: Refused, changed: Any, code: str) -> None:
    assert refused(Votes, **columns(**changed)) == code


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"item_ids": np.zeros((2, 1), int)}, "wrong-shape"),
        ({"item_ids": np.array([0, 2])}, "out-of-range at vote 1"),
        ({"rater_ids": np.zeros((2, 2), int)}, "wrong-shape"),
        ({"answer_ids": np.zeros(3, int)}, "wrong-shape"),
        ({"answer_ids": np.array([0.0, 1.5])}, "wrong-type"),
        ({"seconds": np.ones(1)}, "wrong-shape"),
        ({"rater_ids": np.array([0, 1 << 32])}, "out-of-range at item x"),
        ({"answer_ids": np.array([256, 0])}, "out-of-range at item y"),
        ({"answer_ids": np.array([0, -255])}, "out-of-range at item x"),
    ],
)
def test_columns_are_checked_before_the_cast(refused: Refused, changed: Any, code: str) -> None:
    """In a byte, 256 is 0 and -255 is 1."""
    columns = {"item_ids": np.array([1, 0]), "rater_ids": np.array([0, 0]), "answer_ids": np.array([0, 1])} | changed
    assert refused(Votes.from_columns, ("x", "y"), **columns, raters=("ann",), answers=("no", "yes")) == code


def test_unknown_answer_raises(refused: Refused) -> None:
    votes = votes_by_name([("x", 1, "maybe"), ("x", 1, "no")])
    assert refused(votes.answer_id, "sure") == refused(votes.with_possible_answers, ("no", "yes")) == "unknown-name"


def test_votes_with_other_answer_order_or_item_kind_cannot_be_joined() -> None:
    first, second = (votes_by_name([("x", 1, "a")], answers=answers) for answers in (("a", "b"), ("b", "a")))
    assert message(first.append, second).startswith("votes have answers in different orders\n")
    assert message(find_items, Questions.from_columns(["a"], np.array([1])), ("a",)) == (
        "votes on (image, class) questions and votes on other items cannot be joined\n"
        "  fix:     use the columns image and class in both tables, or the column item in both"
    )


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9), unique=True))
def test_unite_items_contains_both_lists(first: list[int], second: list[int]) -> None:
    united, rows = merge_items(tuple(first), tuple(second))
    assert united[: len(first)] == tuple(first)
    assert [united[row] for row in rows] == second
    assert set(united) == {*first, *second}


# --- published numbers ----------------------------------------------------------------------------------------------


def test_released_votes_have_published_counts(real_votes: RealVotes) -> None:
    votes = real_votes("raters.npz")
    assert repr(votes) == "Votes(924,810 votes by 85 raters on 184,962 items, answers no, maybe, yes)"
    assert (votes.sizes == 5).all()
    assert votes.counts().sum(axis=0).tolist() == [729_424, 78_942, 116_444]
    by_rater = votes.counts_by_rater().sum(axis=1)
    assert (by_rater.min(), by_rater.max()) == (6, 50_720)
    pairs = np.bincount(votes.items.image_ids)
    assert (len(pairs), pairs.min(), pairs.max()) == (24_889, 2, 56)


def test_released_golden_votes_have_published_counts(real_votes: RealVotes) -> None:
    experts, raters = real_votes("golden.npz"), real_votes("raters_golden.npz")
    main = real_votes("raters.npz")
    assert (len(experts.items), len(experts.items.images), len(experts.raters)) == (1_135, 155, 5)
    assert experts.counts().sum(axis=0).tolist() == [4_439, 0, 1_236]
    assert raters.counts().sum(axis=0).tolist() == [69_288, 6_497, 12_745]
    assert (raters.counts_by_rater().sum(axis=1) == 1_135).all()
    assert (main.find_positions(experts.items) >= 0).all()
    assert set(raters.raters) < set(main.raters)
    assert set(main.raters) - set(raters.raters) == {189, 111, 132, 146, 134, 153, 167}
    assert not set(experts.raters) & set(main.raters)


def test_raters_agree_with_themselves_on_4795_of_5497_items(real_votes: RealVotes) -> None:
    main, golden = real_votes("raters.npz"), real_votes("raters_golden.npz")
    main = main.select_items(main.find_positions(golden.items))
    first, second = (
        {(i, rater): answer for i in range(len(votes.items)) for rater, answer in votes.votes_on(i)}
        for votes in (main, golden)
    )
    both = first.keys() & second.keys()
    assert (len(both), sum(first[pair] == second[pair] for pair in both)) == (5_497, 4_795)
    assert len(main.append(golden)) == len(main) + len(golden)


def test_example_of_1979_has_published_counts(real_file: RealFile) -> None:
    votes = read_vote_file(Path(real_file("anesthesia-1979.csv")))
    assert repr(votes) == "Votes(315 votes by 5 raters on 45 items, answers 1, 2, 3, 4)"
    assert votes.counts_by_rater().sum(axis=1).tolist() == [135, 45, 45, 45, 45]


def test_items_can_be_a_range(tmp_path: Path) -> None:
    votes = Votes.from_columns(range(3), *np.array([[2, 0, 1], [0, 0, 0]]).T, ("ann",), WORDS)
    assert [votes.describe_item(row) for row in range(3)] == ["item 0", "item 1", "item 2"]
    assert votes.select_items(np.array([2])).items == (2,)
    assert votes.find_positions((2, 7)).tolist() == [2, -1]
    assert votes.append(votes_by_name([(7, "bo", "no")])).items == (0, 1, 2, 7)
    write_votes(tmp_path / "v.csv", votes)
    assert read_vote_file(tmp_path / "v.csv").items == (0, 1, 2)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_few_votes_are_grouped_like_many(rows: list[tuple[int, int, int]]) -> None:
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    few = Votes.from_columns(tuple(range(5)), *columns, ("a", "b", "c"), WORDS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reassess.core.vote_columns._MIN_VOTES_FOR_KERNEL", 0)
        many = Votes.from_columns(tuple(range(5)), *columns, ("a", "b", "c"), WORDS)
    for name in ("indptr", "rater_ids", "answer_ids"):
        assert getattr(few, name).tolist() == getattr(many, name).tolist()
    expected = [(rater, answer) for item in range(5) for row, rater, answer in rows if row == item]
    assert list(zip(few.rater_ids.tolist(), few.answer_ids.tolist(), strict=True)) == expected
