"""Tables of candidates: round trips, columns, and errors."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import NOT_ASKED, UNRATED, Candidates, Classes, Duplicates, Questions
from reassess.formats import read_candidates, write_candidates, write_duplicates, write_tasks
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.proposals import make_tasks
from tests.helpers import fault_of

NAMED = Classes(3, names=("cat", "dog", "cup"))


def rows_of(candidates: Candidates) -> list[tuple[Any, ...]]:
    questions = candidates.questions
    return [
        (
            questions.images[questions.image_ids[question]],
            questions.classes.short_name(int(questions.class_ids[question])),
            candidates.sources[source],
            int(rank),
            None if np.isnan(probability) else float(probability),
        )
        for question, source, rank, probability in zip(
            candidates.question_ids, candidates.source_ids, candidates.ranks, candidates.probabilities, strict=True
        )
    ]


def draw_candidates(seed: int, classes: Classes) -> Candidates:
    rng = np.random.default_rng(seed)
    images = ["b.png", "a.png", "ü, 1.png"]
    rows = np.array(
        [(i, c, s) for i in range(3) for c in range(3) for s in range(3) if rng.random() < 0.6] or [(0, 0, 0)]
    )
    is_original = rows[:, 2] == 0
    return Candidates.from_columns(
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
def test_written_file_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int, suffix: str, by_name: bool
) -> None:
    classes = NAMED if by_name else Classes()
    path, candidates = tmp_path_factory.mktemp("p") / f"candidates{suffix}", draw_candidates(seed, classes)
    write_candidates(path, candidates)
    again = read_candidates(path, classes)
    assert rows_of(again) == sorted(rows_of(candidates), key=lambda row: row[0])
    assert again.sources == candidates.sources
    write_candidates(path.with_stem("again"), again)
    assert rows_of(read_candidates(path.with_stem("again"), classes)) == rows_of(again)


def test_columns_are_as_documented(tmp_path: Path) -> None:
    candidates = Candidates.from_columns(
        ["a.png"], np.zeros(2, int), np.array([2, 2]), ["vit", "original"], np.arange(2), np.array([1, 0]),
        np.array([0.75, np.nan]), NAMED,
    )  # fmt: skip
    write_candidates(tmp_path / "p.csv", candidates)
    assert (tmp_path / "p.csv").read_text() == (
        "image,class,source,rank,probability\na.png,cup,original,,\na.png,cup,vit,1,0.75\n"
    )


def test_ranks_and_probabilities_are_optional(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("class,source,image\n1,vit,b.png\n0,vit,a.png\n1,original,b.png\n0,vit,b.png\n")
    assert rows_of(read_candidates(tmp_path / "p.csv")) == [
        ("a.png", "0", "vit", 0, None),
        ("b.png", "0", "vit", 0, None),
        ("b.png", "1", "original", 0, None),
        ("b.png", "1", "vit", 0, None),
    ]


def test_headings_are_written_without_candidates(tmp_path: Path) -> None:
    none = np.zeros(0, int)
    write_candidates(tmp_path / "p.csv", Candidates.from_columns((), none, none, (), none))
    assert (tmp_path / "p.csv").read_text() == "image,class,source,rank,probability\n"


ROWS = [
    *["2.png,dog,vit", "2.png,dog,original", "2.png,cup,vit", "2.png,cat,bit", "a/1.png,cup,vit"],
    *["10.png,cat,original", "10.png,cup,vit"],
]


def pairs_of(questions: Questions) -> list[tuple[str, int]]:
    return [(questions.images[i], c) for i, c in zip(questions.image_ids, questions.class_ids.tolist(), strict=True)]


@given(st.permutations(ROWS))
def test_order_of_rows_with_sources_does_not_matter(rows: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        path.write_text("\n".join(["image,class,source", *rows]))
        write_tasks(path.with_name("t.jsonl"), make_tasks(read_candidates(path).questions, size=2))
        lines = path.with_name("t.jsonl").read_text().splitlines()
    tasks = [(json.loads(line)["image"], [each["class"] for each in json.loads(line)["classes"]]) for line in lines]
    assert tasks == [("10.png", ["cat", "cup"]), ("2.png", ["cat", "cup"]), ("2.png", ["dog"]), ("a/1.png", ["cup"])]


def test_candidates_without_sources_keep_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(
        '{"image": "b.png", "class": "dog", "models": ["a"], "reason": "not asked about"}\n'
        '{"image": "00012", "class": "cup", "models": [], "reason": "not asked about"}\n'
    )
    found = read_candidates(path, NAMED)
    assert (pairs_of(found.questions), found.sources) == ([("b.png", 1), ("00012", 2)], ())


def test_wrong_labels_give_label_and_suggested_class(tmp_path: Path) -> None:
    text = "image,class,suggested,label_quality,reason\nb.png,dog,cat,0.1,x\na.png,cup,,,x\nc.png,cat,cat,0.4,x\n"
    (tmp_path / "wrong.csv").write_text(text)
    found = read_candidates(tmp_path / "wrong.csv", NAMED)
    assert pairs_of(found.questions) == [("b.png", 1), ("b.png", 0), ("a.png", 2), ("c.png", 0)]


def test_unasked_candidates_are_written_one_per_row(tmp_path: Path) -> None:
    rows = np.array([[0, 0, 0], [0, 0, 1], [0, 2, 0]])
    candidates = replace(
        Candidates.from_columns(
            ["a.png"],
            *rows.T[:2],
            ["one", "two"],
            rows[:, 2],
            np.array([1, 1, 2]),
            np.array([0.5, np.nan, 0.25]),
            NAMED,
        ),
        reasons=(NOT_ASKED, UNRATED),
    )
    write_candidates(tmp_path / "q.csv", candidates)
    lines = (tmp_path / "q.csv").read_text().splitlines()
    assert lines == [
        "image,class,wnid,name,models,first,probability,reason",
        "a.png,cat,,cat,one; two,2,0.5,not asked about",
        "a.png,cup,,cup,one,0,0.25,unrated image",
    ]
    write_candidates(tmp_path / "first.csv", candidates, limit=1)
    assert (tmp_path / "first.csv").read_text().splitlines() == lines[:2]


@pytest.mark.parametrize(
    ("text", "code", "found"),
    [
        ("image,label\na.png,dog\n", "missing-column", "image, label"),
        ("image,class\na.png,dog\na.png,dog\n", "duplicate-question", "rows 0 and 1"),
        ("image,class,source\na.png,0,vit\na.png,0,\n", "missing-value", None),
        ("image,class,source,rank\na.png,0,vit,0\n", "out-of-range", "0"),
        ("image,class,source,rank\na.png,0,vit,first\n", "not-a-number", "'first'"),
        ("image,class,source,probability\na.png,0,original,\na.png,0,vit,1.5\n", "out-of-range", "1.5"),
        ("image,class,source,probability\na.png,0,vit,high\n", "not-a-number", "'high'"),
        ("image,class,source\na.png,0,vit\na.png,0,vit\n", "duplicate-question", None),
        ("image,class,source\na.png,3,vit\n", "out-of-range", "3"),
        ("image,class,rater,answer\na.png,0,ann,yes\n", "not-candidates", None),
    ],
)
def test_table_without_candidates_raises(tmp_path: Path, text: str, code: str, found: str | None) -> None:
    (tmp_path / "p.csv").write_text(text)
    assert fault_of(read_candidates, tmp_path / "p.csv", NAMED) == (code, found)


def test_labels_of_duplicates_are_candidates(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    labels = ("x", "y; z", "y", None, "w")
    duplicates = Duplicates.from_columns("vvvvv", "abcde", [2, 2, 1, 1, 0], ["exact"] * 4 + ["tiny"], labels)
    write_duplicates(path, duplicates)
    assert "2,exact,x,y; z\n" in path.read_text()
    questions = read_candidates(path).questions
    assert questions.images == ("a", "b")
    names = [questions.classes.short_name(class_id) for class_id in questions.class_ids.tolist()]
    assert names == ["x", "y; z", "y; z", "x"]


def test_duplicates_of_several_sets_are_not_candidates(tmp_path: Path) -> None:
    write_duplicates(tmp_path / "d.csv", Duplicates.from_columns("vw", "ab", [1, 1], ["exact"] * 2, "xy"))
    assert fault_of(read_candidates, tmp_path / "d.csv") == ("not-candidates", "v, w")
