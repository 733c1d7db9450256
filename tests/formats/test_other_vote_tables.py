"""Votes of crowd-kit and cleanlab: tables and matrices are read and written, and both libraries accept them."""

from pathlib import Path

import numpy as np
import pytest

from reassess.core import Classes, Questions, Votes
from reassess.formats import read_vote_file, write_votes
from tests.helpers import File, Needs, Refused

PETS = Classes(3, names=("cat", "dog", "rabbit"))
RATERS = ("ann", 7, "cy")


def draw_class_votes() -> Votes:
    truth = np.repeat(np.arange(12) % 3, 3)
    rng = np.random.default_rng(0)
    answers = np.where(rng.random(36) < 0.8, truth, rng.integers(0, 3, 36))
    is_kept = np.arange(36) % 5 > 0
    images = [f"{n}.png" for n in range(12)]
    columns = np.repeat(np.arange(12), 3)[is_kept], np.tile(np.arange(3), 12)[is_kept], answers[is_kept]
    return Votes.from_columns(images, *columns, RATERS, PETS.names, classes=PETS)


def draw_question_votes() -> Votes:
    questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([0, 1, 2]), PETS)
    items, raters = np.repeat(np.arange(3), 3), np.tile(np.arange(3), 3)
    return Votes.from_columns(questions, items, raters, [2, 2, 1, 0, 0, 0, 2, 0, 2], RATERS, ("no", "maybe", "yes"))


def rows_of(votes: Votes) -> list[tuple[str, str, str]]:
    pairs = [(votes.describe_item(row), *vote) for row in range(len(votes.items)) for vote in votes.votes_on(row)]
    return sorted((item, str(rater), str(answer)) for item, rater, answer in pairs)


# --- reading --------------------------------------------------------------------------------------------------------


def test_tasks_whose_labels_are_classes_are_images(file: File) -> None:
    path = file("v.csv", "task,worker,label\na.png,1,cat\na.png,2,dog\n")
    assert rows_of(read_vote_file(path, classes=PETS)) == [("image a.png", "1", "cat"), ("image a.png", "2", "dog")]
    assert read_vote_file(path).classes is None
    path = file("w.csv", "task,annotator,label\nq1,1,0\nq2,1,1\n")  # numbers can mean anything
    assert read_vote_file(path, classes=PETS).classes is None


@pytest.mark.parametrize(
    "text",
    [
        "image,ann,bo\na.png,cat,\nb.png,dog,rabbit\nc.png,,\n",
        ",ann,bo\na.png,cat,\nb.png,dog,rabbit\nc.png,,\n",
        "image,ann,bo\na.png,0.0,\nb.png,1.0,2.0\nc.png,,\n",
        "image,ann,bo\na.png,0,\nb.png,1,2\nc.png,,\n",
    ],
)
def test_matrix_has_a_column_per_rater(file: File, text: str) -> None:
    votes = read_vote_file(file("v.csv", text), classes=PETS)
    assert rows_of(votes) == [
        ("image a.png", "ann", "cat"),
        ("image b.png", "ann", "dog"),
        ("image b.png", "bo", "rabbit"),
    ]
    assert votes.images == ("a.png", "b.png", "c.png")


def test_matrix_and_counts_are_told_apart_by_headings_and_cells(file: File, refused: Refused) -> None:
    numbered = file("v.csv", "image,0,1\na.png,2,\nb.png,1,1\n")  # raters 0 and 1, since counts have no empty cells
    assert rows_of(read_vote_file(numbered, classes=PETS)) == [
        ("image a.png", "0", "rabbit"),
        ("image b.png", "0", "dog"),
        ("image b.png", "1", "dog"),
    ]
    assert read_vote_file(file("c.csv", "image,0,1\na.png,2,0\nb.png,1,1\n"), classes=PETS).is_anonymous
    with_names = file("w.csv", "image,who,answered\na.png,ann,cat\nb.png,bo,dog\n")
    assert refused(read_vote_file, with_names, classes=PETS) == "unknown-column at w.csv"
    assert refused(read_vote_file, file("d.csv", "image,cat,dog\na.png,2,\n"), classes=PETS).startswith("missing-value")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,ann,bo\na.png,cat,cow\nb.png,cat,dog\n", "unknown-class at v.csv"),
        ("image,ann,bo\na.png,0,5\n", "out-of-range at v.csv"),
        ("image,ann,bo\na.png,cat,dog\na.png,cat,dog\n", "duplicate-image at v.csv, line 3"),
    ],
)
def test_bad_matrix_is_refused(file: File, refused: Refused, text: str, expected: str) -> None:
    assert refused(read_vote_file, file("v.csv", text), classes=PETS) == expected


# --- writing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["v.crowdkit.csv", "v.cleanlab.csv", "v.crowdkit.parquet"])
def test_written_votes_for_classes_are_read_back(tmp_path: Path, name: str) -> None:
    votes = draw_class_votes()
    write_votes(tmp_path / name, votes)
    assert rows_of(read_vote_file(tmp_path / name, classes=PETS)) == rows_of(votes)


def test_written_votes_on_questions_are_read_back(tmp_path: Path) -> None:
    votes = draw_question_votes()
    write_votes(tmp_path / "v.crowdkit.csv", votes)
    assert (tmp_path / "v.crowdkit.csv").read_text().splitlines()[:2] == [
        "task,image,class,worker,label",
        "0,a.png,cat,ann,yes",
    ]
    assert rows_of(read_vote_file(tmp_path / "v.crowdkit.csv", classes=PETS)) == rows_of(votes)


def test_matrix_stores_one_class_per_image_and_rater(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "v.cleanlab.csv"
    assert refused(write_votes, path, draw_question_votes()) == "not-in-matrix at v.cleanlab.csv"
    votes = draw_class_votes()
    assert refused(write_votes, path, votes.append(votes)) == "not-in-matrix at v.cleanlab.csv"


@pytest.mark.filterwarnings("ignore:The (inplace|copy) keyword")  # of pandas, in crowd-kit
def test_crowdkit_accepts_the_table(tmp_path: Path, needs: Needs) -> None:
    needs("crowdkit")
    import pandas
    from crowdkit.aggregation import DawidSkene, MajorityVote

    write_votes(tmp_path / "v.crowdkit.csv", draw_question_votes())
    table = pandas.read_csv(tmp_path / "v.crowdkit.csv")
    assert MajorityVote().fit_predict(table).tolist() == ["yes", "no", "yes"]
    assert len(DawidSkene().fit_predict(table)) == 3


def test_cleanlab_accepts_the_matrix(tmp_path: Path, needs: Needs) -> None:
    needs("cleanlab")
    import pandas
    from cleanlab.multiannotator import get_label_quality_multiannotator

    votes = draw_class_votes()
    write_votes(tmp_path / "v.cleanlab.csv", votes)
    matrix = pandas.read_csv(tmp_path / "v.cleanlab.csv", index_col="image")
    pred_probs = np.full((12, 3), 1 / 3)
    result = get_label_quality_multiannotator(matrix, pred_probs, verbose=False)
    assert result["label_quality"]["num_annotations"].tolist() == votes.sizes.tolist()
