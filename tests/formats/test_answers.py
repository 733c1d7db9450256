"""Answers to (image, class) questions are read by one rule; errors count unknown answers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Votes
from reassess.formats import read_vote_file, write_votes
from tests.helpers import WORDS, code_of, fault_of, save_npz, warned

GIVE_ALL = "list all answers, from invalid to valid: answers=[...], or answers in benchmark.json"
TYPO = ["no", "no", "yes", "yess", " Yes"]


def write(path: Path, answers: list[Any], *, heading: str = "image,class", item: str = "a.png,7") -> Path:
    rows = [f"{item},rater {row},{answer}" for row, answer in enumerate(answers)]
    path.write_text("\n".join([f"{heading},rater,answer", *rows]) + "\n")
    return path


def read(folder: Path, votes: list[Any], **options: Any) -> Votes:
    return read_vote_file(write(folder / "v.csv", votes), **options)


def answers_of(votes: Votes) -> list[Any]:
    return [votes.answers[answer] for answer in votes.answer_ids]


SPELLINGS = st.sampled_from(WORDS).flatmap(
    lambda word: st.tuples(
        st.just(word),
        st.sampled_from([word, word.upper(), word.title(), f" {word}", f"{word}\t", f"\u00a0{word.upper()}\u2003"]),
    )
)


@given(st.lists(SPELLINGS, min_size=1, max_size=8))
def test_no_maybe_and_yes_ignore_case_and_blanks(
    tmp_path_factory: pytest.TempPathFactory, answers: list[tuple[str, str]]
) -> None:
    votes = read(tmp_path_factory.mktemp("spellings"), [spelling for _, spelling in answers])
    assert votes.answers == WORDS
    assert answers_of(votes) == [word for word, _ in answers]


def test_plain_items_have_only_answers_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", ["Yes", "no ", "yes"], heading="item", item="x")
    assert (read_vote_file(path).answers, answers_of(read_vote_file(path))) == (("no", "yes"), ["yes", "no", "yes"])
    path = write(tmp_path / "v.csv", ["Yes", "yes", "dog"], heading="item", item="x")
    assert read_vote_file(path).answers == ("Yes", "dog", "yes")


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (TYPO, "'yess' (1 vote); known answers: 'no' (2 votes), 'yes' (1 vote), ' Yes' (1 vote)"),
        (["ja", "nein", "ja"], "'ja' (2 votes), 'nein' (1 vote)"),
        (["1", "0.5", "0"], "'0.5' (1 vote); known answers: 1 (1 vote), 0 (1 vote)"),
        (["1", "yes"], "1 (1 vote); known answers: 'yes' (1 vote)"),
        (["true", "false"], "'true' (1 vote), 'false' (1 vote)"),
    ],
)
def test_answers_of_unknown_order_raise(tmp_path: Path, answers: list[str], found: str) -> None:
    assert fault_of(read, tmp_path, answers) == ("unknown-answer-order", found)


def test_answers_option_sets_order_ignoring_case(tmp_path: Path) -> None:
    votes = read(tmp_path, ["JA", "nein ", "Ja"], answers=["nein", "vielleicht", "ja"])
    assert (votes.answers, answers_of(votes)) == (("nein", "vielleicht", "ja"), ["ja", "nein", "ja"])
    accents = read(tmp_path, ["Peut-e\u0302tre", "OUI"], answers=["non", "peut-\u00eatre", "oui"])
    assert answers_of(accents) == ["peut-\u00eatre", "oui"]
    found = "'jein' (1 vote); known answers: 'ja' (1 vote)"
    assert fault_of(read, tmp_path, ["ja", "jein"], answers=["nein", "ja"]) == ("unknown-answer", found)


def test_answers_on_another_known_scale_keep_it(tmp_path: Path) -> None:
    """For example, experts answer yes and raters answer 1."""
    assert read(tmp_path, ["Yes"], answers=[0, 1]).answers == WORDS
    assert read(tmp_path, ["0", "1"], answers=WORDS).answers == (0, 1)


def test_whole_numbers_keep_values_and_order(tmp_path: Path) -> None:
    assert read(tmp_path, ["1", "0", "1"]).answers == (0, 1)
    assert read(tmp_path, ["0"], answers=[0, 1]).answers == (0, 1)
    with warned(
        f"{tmp_path / 'v.csv'}: assuming that these are all answers, from invalid to valid: -1, 2, 4\n"
        f"  fix: if other answers were possible, {GIVE_ALL}"
    ):
        votes = read(tmp_path, ["4", "-1", "2"])
    assert (votes.answers, answers_of(votes)) == ((-1, 2, 4), [4, -1, 2])


def test_single_answer_raises(tmp_path: Path) -> None:
    for code in ("0", "1"):
        assert code_of(read, tmp_path, [code, code]) == "unknown-answer-order"
    path = save_npz(tmp_path / "v.npz", tensor=np.ones((1, 1, 1)), info=np.array([["a.png", "7"]]), ids=[1])
    assert code_of(read_vote_file, path) == "unknown-answer-order"


def test_order_that_contradicts_known_order_raises(tmp_path: Path) -> None:
    assert code_of(read, tmp_path, ["no"], answers=["yes", "no"]) == "wrong-answer-order"
    assert code_of(read, tmp_path, ["ja"], answers=["Ja", "ja"]) == "duplicate-name"


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
def test_answers_survive_round_trip(tmp_path: Path, suffix: str) -> None:
    votes = read(tmp_path, ["ja", "nein"], answers=["nein", "vielleicht", "ja"])
    write_votes(tmp_path / f"w{suffix}", votes)
    again = read_vote_file(tmp_path / f"w{suffix}", answers=None if suffix == ".npz" else votes.answers)
    assert (again.answers, answers_of(again)) == (votes.answers, ["ja", "nein"])
