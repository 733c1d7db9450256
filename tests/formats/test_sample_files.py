"""The columns probability and stratum of votes: what is written is read again, and what cannot be is refused."""

from pathlib import Path

import numpy as np
import pytest

from reassess import read_votes, write_votes
from reassess.core import Questions, Sample, Votes
from reassess.formats import read_sample
from tests.helpers import Refused

HEADER = "image,class,rater,answer,probability,stratum\n"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_sample_that_is_written_with_votes_is_read_again(tmp_path: Path, suffix: str) -> None:
    """An image that was not drawn has neither a probability nor a stratum; the votes are as without."""
    asked = Questions.from_columns(["b.png", "b.png", "a.png", "c.png"], np.array([0, 1, 0, 1]))
    votes = Votes.from_columns(asked, np.arange(4), np.zeros(4, int), np.full(4, 2), ("eve",), ("no", "maybe", "yes"))
    sample = Sample(("c.png", "b.png", "x.png"), np.array([1 / 3, 0.5, 1]), ("low", "high", "low"))
    path = tmp_path / f"golden{suffix}"
    write_votes(path, votes, sample=sample)
    again = read_sample(path)
    assert again is not None
    found = zip(again.images, again.probabilities.tolist(), again.strata, strict=True)
    assert sorted(found) == [("b.png", 0.5, "high"), ("c.png", 1 / 3, "low")]
    write_votes(tmp_path / f"plain{suffix}", votes)
    assert read_sample(tmp_path / f"plain{suffix}") is None
    assert [read_votes(one).votes_on(2) for one in (path, tmp_path / f"plain{suffix}")] == [(("eve", "yes"),)] * 2


def test_a_probability_of_a_model_is_none_of_a_draw(tmp_path: Path) -> None:
    path = tmp_path / "candidates.csv"
    path.write_text("image,class,source,rank,probability\na.png,cat,vit,1,0.5\n")
    assert read_sample(path) is None
    path.write_text("image,class,source,answer,probability\na.png,cat,web,yes,0.5\n")
    assert len(read_sample(path)) == 1, "votes may have a column source of their own"


@pytest.mark.parametrize("headings", ["Probability,stratum", "probability,Stratum", " PROBABILITY,stratum"])
def test_heading_with_other_capitals_raises(tmp_path: Path, refused: Refused, headings: str) -> None:
    path = tmp_path / "golden.csv"
    path.write_text(HEADER.replace("probability,stratum", headings) + "a.png,cat,eve,yes,0.5,all\n")
    assert refused(read_sample, path) == "unknown-column at golden.csv"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("a.png,cat,eve,yes,0.5,all\na.png,dog,eve,no,0.25,all\n", "two-probabilities at golden.csv, line 3"),
        ("a.png,cat,eve,yes,0.5,low\na.png,dog,eve,no,0.5,high\n", "two-probabilities at golden.csv, line 3"),
        ("a.png,cat,eve,yes,0,all\n", "out-of-range at golden.csv, image a.png"),
        ("a.png,cat,eve,yes,1.5,all\n", "out-of-range at golden.csv, image a.png"),
        ("a.png,cat,eve,yes,often,all\n", "not-a-number at golden.csv, line 2"),
    ],
)
def test_impossible_probabilities_are_refused(tmp_path: Path, refused: Refused, rows: str, expected: str) -> None:
    path = tmp_path / "golden.csv"
    path.write_text(HEADER + rows)
    assert refused(read_sample, path).startswith(expected)


def test_images_without_an_answer_leave_their_stratum_to_the_others() -> None:
    chances = np.array([0.5, 0.5, 0.1, 0.1, 0.2])
    sample = Sample(tuple("abcde"), chances, ("high", "high", "low", "low", "middle"))
    left = sample.keep_images(np.array([True, False, True, True, False]))
    weights = dict(zip(left.images, left.weights.tolist(), strict=True))
    assert weights == pytest.approx({"a": 4, "c": 10, "d": 10})
    assert left.strata == ("high", "low", "low")
