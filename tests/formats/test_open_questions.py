"""Questions read from a table of them, or from proposals."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core.classes import Classes
from reassess.core.questions import Questions
from reassess.formats import read_questions
from reassess.formats.task_files import write_tasks
from reassess.proposals.task_grouping import make_tasks

ROWS = [
    *["2.png,dog,vit", "2.png,dog,original", "2.png,cup,vit", "2.png,cat,bit", "a/1.png,cup,vit"],
    *["10.png,cat,original", "10.png,cup,vit"],
]
NAMED = Classes(3, names=("cat", "dog", "cup"))


def pairs_of(questions: Questions) -> list[tuple[str, int]]:
    return [(questions.images[i], c) for i, c in zip(questions.image_ids, questions.class_ids.tolist(), strict=True)]


def test_questions_keep_the_order_of_their_file(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(
        '{"image": "b.png", "class": "dog", "models": ["a"], "reason": "never proposed"}\n'
        '{"image": "00012", "class": "cup", "models": [], "reason": "never proposed"}\n'
    )
    assert pairs_of(read_questions(path, NAMED)) == [("b.png", 1), ("00012", 2)]


def test_a_pair_of_several_sources_is_one_question_and_images_stand_by_name(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("image,class,source\nb.png,dog,vit\nb.png,dog,original\na.png,cup,vit\nb.png,cat,vit\n")
    assert pairs_of(read_questions(path, NAMED)) == [("a.png", 2), ("b.png", 0), ("b.png", 1)]


@given(st.permutations(ROWS))
def test_the_order_of_the_rows_of_proposals_means_nothing(rows: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        path.write_text("\n".join(["image,class,source", *rows]))
        write_tasks(path.with_name("t.jsonl"), make_tasks(read_questions(path), size=2))
        lines = path.with_name("t.jsonl").read_text().splitlines()
    tasks = [(json.loads(line)["image"], [each["class"] for each in json.loads(line)["classes"]]) for line in lines]
    assert tasks == [("10.png", ["cat", "cup"]), ("2.png", ["cat", "cup"]), ("2.png", ["dog"]), ("a/1.png", ["cup"])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,class\na.png,dog\na.png,dog\n", "duplicate-question at q.csv, image a.png, class dog"),
        ("image,label\na.png,dog\n", "missing-column at q.csv"),
        (
            "image,class,source\na.png,dog,vit\na.png,dog,vit\n",
            "duplicate-question at q.csv, image a.png, class dog, source vit",
        ),
    ],
)
def test_what_are_no_questions_is_refused(
    refused: Callable[..., str], tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "q.csv").write_text(text)
    assert refused(read_questions, tmp_path / "q.csv", NAMED) == expected


def test_a_file_of_another_kind_is_refused(refused_text: Callable[..., str], tmp_path: Path) -> None:
    assert refused_text(read_questions, tmp_path / "q.npz") == (
        "wrong kind of file for questions or proposals\n"
        "  where:   DIR/q.npz\n"
        "  allowed: .csv, .tsv, .jsonl, .parquet\n"
        "  found:   .npz"
    )
