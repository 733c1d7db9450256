"""`reassess questions`: in process, on a user's own data and on the real files."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reassess.core.labels import LabelSets
from reassess.formats.score_files import read_scores
from reassess.formats.tables import read_table
from tests.helpers import Run, document_of

ARGV = ["questions", "a.csv", "b.csv", "--labels", "labels.json", "--scores", "scores.csv", "-o", "out.jsonl"]


@pytest.fixture
def shop(folder: Path) -> Path:
    """A user's own benchmark: three rated images, one never rated, and two models."""
    Path("labels.json").write_text('{"1.jpg": [0, 1], "2.jpg": [2], "3.jpg": [], "4.jpg": [1]}')
    Path("scores.csv").write_text(
        "image,class,score\n1.jpg,0,0.9\n1.jpg,1,0.8\n2.jpg,2,0.9\n2.jpg,0,0.1\n3.jpg,0,0.2\n"
    )
    Path("a.csv").write_text("image,prediction_1,prediction_2\n1.jpg,2,0\n2.jpg,0,1\n3.jpg,1,0\n4.jpg,2,1\n")
    Path("b.csv").write_text("image,0,1,2\n1.jpg,0.7,0.2,0.1\n3.jpg,0.1,0.6,0.3\n4.jpg,0.5,0.3,0.2\n")
    return folder


def test_questions_are_shown_and_written_the_most_informative_first(shop: Path, run: Callable[..., Run]) -> None:
    result = run(*ARGV)
    assert (result.code, result.err) == (0, "")
    table, notes = result.out.split("\n\n")[0], result.out
    assert table.splitlines()[2].split() == ["3.jpg", "1", "1", "never", "proposed", "2", "2", "0.600"]
    assert [line.split()[0] for line in table.splitlines()[2:6]] == ["3.jpg", "4.jpg", "1.jpg", "4.jpg"]
    assert "out.jsonl: 4 questions, the most informative first\n" in notes
    assert (
        "4 predicted pairs were in no label set and never asked about: 2 never proposed, 2 on images never rated\n"
    ) in notes
    assert [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()] == [
        {
            "image": image,
            "class": class_id,
            "wnid": None,
            "name": None,
            "models": models,
            "first": len(models),
            "probability": probability,
            "reason": reason,
        }
        for image, class_id, models, probability, reason in (
            ("3.jpg", 1, ["a.csv", "b.csv"], 0.6, "never proposed"),
            ("4.jpg", 0, ["b.csv"], 0.5, "image never rated"),
            ("1.jpg", 2, ["a.csv"], None, "never proposed"),
            ("4.jpg", 2, ["a.csv"], None, "image never rated"),
        )
    ]


def test_the_order_of_the_files_means_nothing(shop: Path, run: Callable[..., Run]) -> None:
    run(*ARGV)
    first = Path("out.jsonl").read_bytes()
    assert run("questions", "b.csv", "a.csv", *ARGV[3:], "--force").code == 0
    assert Path("out.jsonl").read_bytes() == first


def test_more_of_each_model_may_be_asked_about_and_fewer_written(shop: Path, run: Callable[..., Run]) -> None:
    result = run(*ARGV, "--top", "2", "--limit", "2", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert len(Path("out.jsonl").read_text().splitlines()) == 2
    document = document_of(run(*ARGV, "--top", "2", "--limit", "2", "--json", "--force"), "questions")
    assert [entry["path"] for entry in document["inputs"]] == ["labels.json", "scores.csv", "a.csv", "b.csv"]
    assert document["results"] == {
        "output": "out.jsonl",
        "questions": 6,
        "written": 2,
        "never_proposed": 4,
        "never_rated": 2,
        "top": 2,
        "models": [
            {"file": "a.csv", "questions": 4, "unknown": 0},
            {"file": "b.csv", "questions": 3, "unknown": 0},
        ],
    }


def test_unknown_images_are_counted(shop: Path, run: Callable[..., Run]) -> None:
    Path("a.csv").write_text("image,prediction\n9.jpg,2\n1.jpg,0\n")
    assert run(*ARGV).code == 1
    result = run("questions", "a.csv", *ARGV[3:], "--ignore-unknown")
    assert (result.code, result.err) == (0, "")
    assert "out.jsonl: 0 questions" in result.out
    assert "a.csv: left out: 1 unknown\n" in result.out
    assert Path("out.jsonl").read_text() == ""


def test_a_file_that_exists_is_kept_unless_forced_and_an_input_always(shop: Path, run: Callable[..., Run]) -> None:
    Path("out.jsonl").write_text("mine")
    result = run(*ARGV)
    assert result.code == 1
    assert result.err == (
        "Error: output file exists\n  where:   out.jsonl\n"
        "  fix:     choose another name, or overwrite it with --force\n"
    )
    Path("a.csv").rename("a.jsonl")
    Path("a.jsonl").write_text('{"image": "1.jpg", "prediction": 2}\n')
    result = run("questions", "a.jsonl", *ARGV[3:-1], "a.jsonl", "--force")
    assert result.code == 1
    assert result.err.startswith("Error: output file is also an input\n")


@pytest.mark.parametrize(
    ("argv", "code", "expected"),
    [
        (
            [*ARGV[:5], "-o", "out.jsonl"],
            1,
            "Error: scores are missing, so it is unknown which questions were asked\n"
            "  fix:     reassess fetch imagenet-real-scores, or pass --scores FILE with the columns image, class, "
            "score; or --scores none, if no pair was rated\n",
        ),
        (
            [*ARGV[:-1], "out.txt"],
            1,
            "Error: wrong kind of file for a list of questions\n  where:   out.txt\n"
            "  allowed: .csv, .tsv, .jsonl, .parquet\n  found:   .txt\n",
        ),
        (
            [*ARGV, "--top", "3"],
            1,
            "Error: k out of range\n  where:   a.csv\n"
            "  allowed: 1 to 2, as many as the predictions hold for each image\n  found:   3\n",
        ),
        ([*ARGV, "a.csv"], 2, "Usage: reassess questions [OPTIONS] FILE...\n"),
        (ARGV[:-2], 2, "Usage: reassess questions [OPTIONS] FILE...\n"),
    ],
)
def test_what_cannot_be_done_is_refused(
    shop: Path, run: Callable[..., Run], argv: list[str], code: int, expected: str
) -> None:
    result = run(*argv)
    assert result.code == code
    assert result.err == expected if code == 1 else result.err.startswith(expected)
    assert not Path("out.jsonl").exists()


def test_a_benchmark_with_votes_and_no_scores_does_not_say_which_pairs_were_rated(
    shop: Path, run: Callable[..., Run]
) -> None:
    Path("my shop").mkdir()
    Path("my shop/original.json").write_text('{"1.jpg": 0, "2.jpg": 2, "3.jpg": 0, "4.jpg": 1}')
    Path("my shop/votes.csv").write_text("image,class,rater,answer\n1.jpg,2,ann,no\n1.jpg,2,bo,no\n")
    argv = ["questions", "a.csv", "--benchmark", "my shop", "-o", "out.jsonl"]
    result = run(*argv)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: scores are missing, so it is unknown which questions were asked\n"
        "  fix:     reassess aggregate --benchmark 'my shop' -o 'my shop/scores.csv'; or --scores none, if no pair was "
        "rated\n"
    )
    assert "questions   scores not here\n" in run("status", "my shop").out
    assert run(*argv, "--scores", "none").code == 0
    assert run("aggregate", "--benchmark", "my shop", "-o", "my shop/scores.csv").code == 0
    assert run(*argv, "--force").code == 0
    asked = {(line["image"], line["class"]) for line in map(json.loads, Path("out.jsonl").read_text().splitlines())}
    assert ("1.jpg", 2) not in asked
    assert len(asked) == 3


def test_the_questions_written_of_real_have_names_and_can_be_read_as_questions(
    needs: Callable[[str], None],
    tmp_path: Path,
    run: Callable[..., Run],
    real_original: LabelSets,
    real_labels: LabelSets,
) -> None:
    needs("timm")
    rng = np.random.default_rng(0)
    predicted = np.where(rng.random(50_000) < 0.05, rng.integers(0, 1000, 50_000), real_original.indices)
    np.savez(tmp_path / "a.npz", ids=predicted, names=real_original.images)
    result = run("questions", tmp_path / "a.npz", "-o", tmp_path / "out.jsonl", "--limit", "5", "--quiet")
    assert (result.code, result.err) == (0, "")
    classes = real_labels.classes
    for line in (tmp_path / "out.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert (row["wnid"], row["name"]) == (classes.wnids[row["class"]], classes.label(row["class"]))
        assert predicted[real_labels.find([row["image"]])[0]] == row["class"]
    rated = read_table(tmp_path / "out.jsonl").with_row_index("score").select("image", "class", "score")
    rated.with_columns(score=0.5).write_csv(tmp_path / "rated.csv")
    assert len(read_scores(tmp_path / "rated.csv")) == 5
