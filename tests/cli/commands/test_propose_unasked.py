"""`reassess propose --unasked` on a user's own data and on the real files."""

import json
from pathlib import Path

import numpy as np
import pytest

from reassess.core import LabelSets
from reassess.formats import read_score_file
from reassess.formats.tables import read_table
from tests.helpers import Needs, Runner, document_of, message_of, output_of

ARGV = ["propose", "a.csv", "b.csv", "--unasked", "--benchmark", "shop", "-o", "out.jsonl"]


@pytest.fixture
def shop(folder: Path) -> Path:
    """A user's own benchmark: three rated images, one unrated image, and two models."""
    Path("shop").mkdir()
    Path("shop/labels.json").write_text('{"1.jpg": [0, 1], "2.jpg": [2], "3.jpg": [], "4.jpg": [1]}')
    Path("shop/scores.csv").write_text(
        "image,class,score\n1.jpg,0,0.9\n1.jpg,1,0.8\n2.jpg,2,0.9\n2.jpg,0,0.1\n3.jpg,0,0.2\n"
    )
    Path("a.csv").write_text("image,prediction_1,prediction_2\n1.jpg,2,0\n2.jpg,0,1\n3.jpg,1,0\n4.jpg,2,1\n")
    Path("b.csv").write_text("image,0,1,2\n1.jpg,0.7,0.2,0.1\n3.jpg,0.1,0.6,0.3\n4.jpg,0.5,0.3,0.2\n")
    return folder


def test_unasked_candidates_are_sorted_by_information(shop: Path, run: Runner) -> None:
    out = output_of(run(*ARGV))
    table, notes = out.split("\n\n")[0], out
    assert table.splitlines()[2].split() == ["3.jpg", "1", "1", "not", "asked", "about", "2", "2", "0.600"]
    assert [line.split()[0] for line in table.splitlines()[2:6]] == ["3.jpg", "4.jpg", "1.jpg", "4.jpg"]
    assert "out.jsonl: 4 candidates, the most informative first\n" in notes
    assert (
        "raters were not asked about 4 predicted classes that are not labels: 2 on rated images, 2 on unrated images\n"
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
            ("3.jpg", 1, ["a.csv", "b.csv"], 0.6, "not asked about"),
            ("4.jpg", 0, ["b.csv"], 0.5, "unrated image"),
            ("1.jpg", 2, ["a.csv"], None, "not asked about"),
            ("4.jpg", 2, ["a.csv"], None, "unrated image"),
        )
    ]


def test_top_k_and_limit_change_the_candidates(shop: Path, run: Runner) -> None:
    output_of(run(*ARGV, "--top-k", "2", "--limit", "2", "--quiet"))
    assert len(Path("out.jsonl").read_text().splitlines()) == 2
    document = document_of(run(*ARGV, "--top-k", "2", "--limit", "2", "--json", "--force"), "propose")
    assert [entry["path"] for entry in document["inputs"]] == ["shop/labels.json", "shop/scores.csv", "a.csv", "b.csv"]
    assert document["results"] == {
        "output": "out.jsonl",
        "candidates": 6,
        "written": 2,
        "not_asked": 4,
        "unrated": 2,
        "top_k": 2,
        "models": [{"file": "a.csv", "candidates": 4, "unknown": 0}, {"file": "b.csv", "candidates": 3, "unknown": 0}],
    }


def test_unknown_images_are_counted(shop: Path, run: Runner) -> None:
    Path("a.csv").write_text("image,prediction\n9.jpg,2\n1.jpg,0\n")
    assert run(*ARGV).code == 1
    out = output_of(run("propose", "a.csv", *ARGV[3:], "--ignore-unknown"))
    assert "out.jsonl: 0 candidates" in out
    assert "a.csv: 1 unknown image not used\n" in out
    assert Path("out.jsonl").read_text() == ""


def test_votes_without_scores_are_an_error(shop: Path, run: Runner) -> None:
    Path("my shop").mkdir()
    Path("my shop/original.json").write_text('{"1.jpg": 0, "2.jpg": 2, "3.jpg": 0, "4.jpg": 1}')
    Path("my shop/votes.csv").write_text("image,class,rater,answer\n1.jpg,2,ann,no\n1.jpg,2,bo,no\n")
    argv = ["propose", "a.csv", "--unasked", "--benchmark", "my shop", "-o", "out.jsonl"]
    assert message_of(run(*argv)) == (
        "Error: scores are missing, so it is unknown which classes raters were asked about\n"
        "  fix:     reassess aggregate --benchmark 'my shop' -o 'my shop/scores.csv'\n"
    )
    assert run("aggregate", "--benchmark", "my shop", "-o", "my shop/scores.csv").code == 0
    assert run(*argv, "--force").code == 0
    questions_read = {
        (line["image"], line["class"]) for line in map(json.loads, Path("out.jsonl").read_text().splitlines())
    }
    assert ("1.jpg", 2) not in questions_read
    assert len(questions_read) == 3


def test_unasked_candidates_of_imagenet_have_names(
    needs: Needs, tmp_path: Path, run: Runner, real_original: LabelSets, real_labels: LabelSets
) -> None:
    needs("timm")
    rng = np.random.default_rng(0)
    predicted = np.where(rng.random(50_000) < 0.05, rng.integers(0, 1000, 50_000), real_original.indices)
    np.savez(tmp_path / "a.npz", ids=predicted, names=real_original.images)
    output_of(run("propose", tmp_path / "a.npz", "--unasked", "-o", tmp_path / "out.jsonl", "--limit", "5", "--quiet"))
    classes = real_labels.classes
    for line in (tmp_path / "out.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert (row["wnid"], row["name"]) == (classes.wnids[row["class"]], classes.short_name(row["class"]))
        assert predicted[real_labels.find([row["image"]])[0]] == row["class"]
    questions_with_scores = read_table(tmp_path / "out.jsonl").with_row_index("score").select("image", "class", "score")
    questions_with_scores.with_columns(score=0.5).write_csv(tmp_path / "rated.csv")
    assert len(read_score_file(tmp_path / "rated.csv")) == 5
