"""Proposals as tables: what is written is read again, and what cannot be is refused in whole sentences."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core.classes import Classes
from reassess.core.proposals import Proposals
from reassess.formats import read_proposals, write_proposals
from reassess.formats.tables import TABLE_SUFFIXES

NAMED = Classes(3, names=("cat", "dog", "cup"))


def listed(proposals: Proposals) -> list[tuple[object, ...]]:
    questions = proposals.questions
    return [
        (
            questions.images[questions.image_ids[question]],
            questions.classes.label(int(questions.class_ids[question])),
            proposals.sources[source],
            int(rank),
            None if np.isnan(probability) else float(probability),
        )
        for question, source, rank, probability in zip(
            proposals.question_ids, proposals.source_ids, proposals.ranks, proposals.probabilities, strict=True
        )
    ]


def drawn(seed: int, classes: Classes) -> Proposals:
    rng = np.random.default_rng(seed)
    images = ["b.png", "a.png", "ü, 1.png"]
    rows = np.array(
        [(i, c, s) for i in range(3) for c in range(3) for s in range(3) if rng.random() < 0.6] or [(0, 0, 0)]
    )
    is_original = rows[:, 2] == 0
    return Proposals.from_rows(
        images,
        rows[:, 0],
        rows[:, 1],
        ["original", "vit", "alex"],
        rows[:, 2],
        np.where(is_original, 0, rng.integers(1, 4, len(rows))),
        np.where(is_original | (rng.random(len(rows)) < 0.2), np.nan, rng.random(len(rows))),
        classes,
    )


@given(st.integers(0, 2**32 - 1), st.sampled_from(TABLE_SUFFIXES), st.booleans())
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, seed: int, suffix: str, by_name: bool
) -> None:
    classes = NAMED if by_name else Classes()
    path, proposals = tmp_path_factory.mktemp("p") / f"proposals{suffix}", drawn(seed, classes)
    write_proposals(path, proposals)
    again = read_proposals(path, classes)
    assert listed(again) == listed(proposals)
    assert again.sources == proposals.sources
    write_proposals(path.with_stem("again"), again)
    assert path.with_stem("again").read_bytes() == path.read_bytes()


def test_the_columns_are_as_documented(tmp_path: Path) -> None:
    proposals = Proposals.from_rows(
        ["a.png"], np.zeros(2, int), np.array([2, 2]), ["vit", "original"], np.arange(2), np.array([1, 0]),
        np.array([0.75, np.nan]), NAMED,
    )  # fmt: skip
    write_proposals(tmp_path / "p.csv", proposals)
    assert (tmp_path / "p.csv").read_text() == (
        "image,class,source,rank,probability\na.png,cup,original,,\na.png,cup,vit,1,0.75\n"
    )


def test_rows_may_be_in_any_order_and_ranks_and_probabilities_left_out(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("class,source,image\n1,vit,b.png\n0,vit,a.png\n1,original,b.png\n0,vit,b.png\n")
    assert listed(read_proposals(tmp_path / "p.csv")) == [
        ("b.png", "0", "vit", 0, None),
        ("b.png", "1", "original", 0, None),
        ("b.png", "1", "vit", 0, None),
        ("a.png", "0", "vit", 0, None),
    ]


def test_no_proposals_are_written_with_their_headings(tmp_path: Path) -> None:
    none = np.zeros(0, int)
    write_proposals(tmp_path / "p.csv", Proposals.from_rows((), none, none, (), none))
    assert (tmp_path / "p.csv").read_text() == "image,class,source,rank,probability\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,class\na.png,0\n", "missing-column at p.csv"),
        ("image,class,source\na.png,0,vit\na.png,0,\n", "missing-value at p.csv, line 3, column source"),
        ("image,class,source,rank\na.png,0,vit,0\n", "out-of-range at p.csv, line 2, column rank"),
        ("image,class,source,rank\na.png,0,vit,first\n", "not-a-number at p.csv, line 2, column rank"),
        (
            "image,class,source,probability\na.png,0,original,\na.png,0,vit,1.5\n",
            "out-of-range at p.csv, line 3, column probability",
        ),
        ("image,class,source,probability\na.png,0,vit,high\n", "not-a-number at p.csv, line 2, column probability"),
        (
            "image,class,source\na.png,0,vit\na.png,0,vit\n",
            "duplicate-question at p.csv, image a.png, class cat, source vit",
        ),
        ("image,class,source\na.png,3,vit\n", "out-of-range at p.csv, image a.png"),
    ],
)
def test_what_are_no_proposals_is_refused(
    refused: Callable[..., str], tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "p.csv").write_text(text)
    assert refused(read_proposals, tmp_path / "p.csv", NAMED) == expected


def test_a_value_that_is_no_number_is_refused_in_parquet(refused: Callable[..., str], tmp_path: Path) -> None:
    table = {"image": ["a.png"], "class": [0], "source": ["vit"], "probability": [[0.5]]}
    pl.DataFrame(table).write_parquet(tmp_path / "p.parquet")
    assert refused(read_proposals, tmp_path / "p.parquet") == ("not-a-number at p.parquet, row 1, column probability")
