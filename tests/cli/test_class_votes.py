"""Votes for one class per image, from the file of votes to label sets, a curve, raters and a report."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from reassess.core import Classes, Scores
from reassess.data import read_original_labels, read_scores
from reassess.formats import read_label_file
from tests.helpers import RealFile, Runner, document_of, in_one_line, message_of, output_of, results_of, write_files
from tests.references import average_precision

VOTES = "image,rater,answer\n" + "".join(
    f"{image},{rater},{answer}\n"
    for image, answers in [
        ("a.png", ["cat", "cat", "dog"]),
        ("b.png", ["dog", "dog", "dog"]),
        ("c.png", ["fox", "fox", "dog"]),
        ("d.png", ["cat", "dog", "fox"]),
    ]
    for rater, answer in zip(["ann", "bo", "cy"], answers, strict=True)
)
GOLDEN = "image,rater,answer\na.png,eve,cat\nb.png,eve,dog\nd.png,eve,hen\n"
COUNTS = "image,class,cat,dog\na.png,cat,2,1\nb.png,dog,0,3\n"


@pytest.fixture
def here(folder: Path) -> Path:
    """Votes, golden answers and counts by class name, in the working folder."""
    return write_files(folder, {"votes.csv": VOTES, "golden.csv": GOLDEN, "counts.csv": COUNTS})


def test_scores_are_written_by_image_and_class_name(here: Path, run: Runner) -> None:
    out = output_of(run("aggregate", "votes.csv", "--method", "majority", "-o", "scores.csv"))
    assert out == (
        "scores.csv: 8 scores, 12 votes by 3 raters, method majority\n"
        "without a class list, the classes are the 3 class names in the votes, sorted: cat, dog, fox\n"
        "ties: 1\n"
        "next: reassess labels scores.csv --threshold 0.8 -o labels.json\n"
    )
    assert Path("scores.csv").read_text().splitlines()[:4] == [
        "image,class,probability",
        "a.png,cat,0.6666666666666666",
        "a.png,dog,0.3333333333333333",
        "b.png,dog,1.0",
    ]


@pytest.mark.parametrize(("scores", "labels"), [("s.csv", "l.json"), ("s.npz", "l.csv"), ("s.parquet", "l.parquet")])
def test_class_names_are_kept_from_votes_to_label_sets(here: Path, run: Runner, scores: str, labels: str) -> None:
    output_of(run("aggregate", "votes.csv", "--method", "majority", "-o", scores))
    output_of(run("labels", scores, "--threshold", "0.5", "-o", labels))
    label_sets = read_label_file(labels)
    named = {image: [label_sets.classes.names[i] for i in ids] for image, ids in label_sets.classes_by_image().items()}
    assert named == {"a.png": ["cat"], "b.png": ["dog"], "c.png": ["fox"], "d.png": []}


def test_commands_that_need_raters_reject_counts(here: Path, run: Runner) -> None:
    out = output_of(run("aggregate", "counts.csv", "--method", "majority", "-o", "s.csv"))
    assert out.startswith("s.csv: 3 scores, 6 votes by unknown raters, method majority\n")
    json_out = document_of(run("aggregate", "counts.csv", "--method", "mean", "-o", "u.csv", "--json"), "aggregate")
    assert (json_out["results"]["raters"], json_out["results"]["items"]) == (None, 2)
    for argv in (["aggregate", "counts.csv", "--method", "em", "-o", "t.csv"], ["raters", "counts.csv"]):
        assert "needs votes with raters\n  found:   counts of votes, without raters\n" in message_of(run(*argv))
    assert not Path("t.csv").exists()


def test_default_method_of_counts_is_majority(here: Path, run: Runner) -> None:
    out = output_of(run("aggregate", "counts.csv", "-o", "s.csv"))
    assert out.startswith("s.csv: 3 scores, 6 votes by unknown raters, method majority\n")
    write_files(here, {"F/votes.csv": COUNTS, "F/golden.csv": GOLDEN.replace("d.png,eve,hen\n", "")})
    output_of(run("aggregate", "--benchmark", "F", "-o", "F/scores.csv"))
    assert Path("F/scores.csv").read_text() == Path("s.csv").read_text()
    assert json.loads(Path("F/benchmark.json").read_text())["method"] == "majority"
    assert results_of(run, "curve", "--benchmark", "F")[0]["in_sample"] is False


def test_show_lists_classes_and_who_chose_them(here: Path, run: Runner) -> None:
    """Raters could choose every class, so a predicted class that nobody chose was asked and rejected."""
    write_files(
        here,
        {
            "labels.json": '{"a.png": ["cat"], "b.png": ["dog"]}',
            "model.csv": "image,prediction_1,prediction_2\na.png,fox,cat\n",
            "counts.csv": "image,class,count\na.png,cat,31\na.png,dog,19\nb.png,fox,50\n",
        },
    )
    output_of(run("aggregate", "votes.csv", "--method", "majority", "-o", "s.csv"))
    Path("b").mkdir()
    for file, part in (("labels.json", "labels.json"), ("s.csv", "scores.csv"), ("golden.csv", "golden.csv")):
        Path(file).rename(f"b/{part}")
    Path("votes.csv").rename("b/votes.csv")
    output_text = output_of(run("show", "a.png", "model.csv", "--benchmark", "b"))
    assert [line.rstrip() for line in output_text.splitlines()] == [
        "image      a.png",
        "original   unknown",
        "valid      0 cat",
        "",
        "class   name   probability   valid   votes    raters    experts",
        "───────────────────────────────────────────────────────────────",
        "0       cat    0.6667        valid   2 of 3   ann, bo   1 of 1",
        "1       dog    0.3333                1 of 3   cy        0 of 1",
        "Raters chose one class per image; all chosen classes are listed.",
        "",
        "model.csv: 2 fox (rejected by experts); 0 cat (valid)",
    ]
    Path("b/golden.csv").unlink()
    Path("counts.csv").rename("b/votes.csv")
    output_of_counts = output_of(run("show", "a.png", "model.csv", "--benchmark", "b"))
    assert "0       cat    0.6667        valid   31 of 50" in output_of_counts
    assert "\nmodel.csv: 2 fox (asked and rejected); 0 cat (valid)\n" in output_of_counts


# --- ten classes, by name and by id ---------------------------------------------------------------------------------

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]  # not in sorted order
PEOPLE = ("ann", "bo", "cy", "di")


def numbered(count: int, share_correct: float, seed: int) -> list[tuple[str, int]]:
    """Draw the class of each image, which is correct with a given probability."""
    rng = np.random.default_rng(seed)
    return [
        (f"{image}.png", image % 10 if rng.random() < share_correct else int(rng.integers(10)))
        for image in range(count)
    ]


def write_digits(folder: Path, *, named: bool) -> Path:
    """Write 40 images of 10 classes, votes of 4 raters and an expert, and 2 models: by class name or id."""
    format_class = NAMES.__getitem__ if named else str
    votes = "".join(
        f"{image},{rater},{format_class(chosen)}\n"
        for seed, rater in enumerate(PEOPLE)
        for image, chosen in numbered(40, 0.5, seed)
    )
    golden = "".join(f"{image},eve,{format_class(c)}\n" for image, c in numbered(40, 1.0, 0)[::3])
    original = "".join(f"{image},{format_class(c)}\n" for image, c in numbered(40, 0.9, 8))
    model, other = ("".join(f"{image},{format_class(c)}\n" for image, c in numbered(40, 0.7, seed)) for seed in (9, 10))
    return write_files(
        folder,
        {
            "votes.csv": "image,rater,answer\n" + votes,
            "golden.csv": "image,rater,answer\n" + golden,
            "original.csv": "image,class\n" + original,
            "model.csv": "image,prediction\n" + model,
            "other.csv": "image,prediction\n" + other,
        }
        | ({"classes.txt": "\n".join(NAMES) + "\n"} if named else {}),
    )


def numbers(document: Any) -> Any:
    """Replace class names by class ids, and remove other texts."""
    if isinstance(document, dict):
        return {numbers(key) or key: numbers(value) for key, value in document.items()}
    if isinstance(document, list):
        return [numbers(value) for value in document]
    if isinstance(document, str):
        return NAMES.index(document) if document in NAMES else int(document) if document.isdigit() else None
    return document


@pytest.mark.filterwarnings("ignore:em gives no item the truth")
def test_class_names_and_ids_give_equal_results(folder: Path, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = []
    for named in (True, False):
        monkeypatch.chdir(write_digits(folder / str(named), named=named))
        at = ("--benchmark", ".")
        assert run("aggregate", *at, "--method", "em", "-o", "scores.csv").code == 0
        assert run("labels", *at, "--threshold", "0.5", "-o", "labels.csv").code == 0
        commands = [
            ["evaluate", "model.csv", *at],
            ["curve", *at, "--leave-out", "3", "--choose", "f1"],
            ["raters", *at],
            ["show", "0.png", *at, "model.csv"],
            ["compare", "model.csv", "other.csv", *at],
        ]
        command_results = {argv[0]: numbers(json.loads(run(*argv, "--json").out)["results"]) for argv in commands}
        read = read_scores("scores.csv", classes=Classes(10, names=tuple(NAMES)) if named else None)
        pairs = zip(read.questions.image_ids.tolist(), read.questions.class_ids.tolist(), strict=True)
        documents.append(command_results | {"scores": dict(zip(pairs, read.values.tolist(), strict=True))})
    for command, by_name in documents[0].items():
        assert by_name == documents[1][command], command
    assert documents[0]["evaluate"][0]["mistakes"]["not_asked"] == 0


@pytest.mark.parametrize(("method", "named"), [("calibrated", True), ("calibrated", False), ("majority", True)])
def test_leave_out_equals_aggregating_without_the_golden_answer(
    folder: Path, run: Runner, method: str, named: bool
) -> None:
    """For each golden image, aggregate again with a file of the other golden answers."""
    write_digits(folder / "F", named=named)
    assert run("aggregate", "--benchmark", "F", "--method", method, "-o", "F/scores.csv").code == 0
    header, *rows = Path("F/golden.csv").read_text().splitlines()
    truth = {row.split(",")[0]: row.split(",")[2] for row in rows}
    given = pl.read_csv("F/scores.csv", infer_schema=False)
    rated_pairs = {(image, name) for image, name in given.select("image", "class").iter_rows() if image in truth}
    scores_again: dict[tuple[str, str], float] = {}
    for omitted_image in truth:
        Path("F/golden.csv").write_text(
            "\n".join([header, *(row for row in rows if row.split(",")[0] != omitted_image)])
        )
        assert run("aggregate", "--benchmark", "F", "--method", method, "-o", "again.csv", "--force").code == 0
        table = pl.read_csv("again.csv", infer_schema=False).filter(pl.col("image") == omitted_image)
        scores_again |= {
            (image, name): float(p) for image, name, p in table.select("image", "class", "probability").rows()
        }
    Path("F/golden.csv").write_text("\n".join([header, *rows]))
    names = NAMES if named else sorted({name for _, name in rated_pairs | set(scores_again) | set(truth.items())})
    pairs = [(image, name) for image in truth for name in names]
    valid, values = [truth[image] == name for image, name in pairs], [scores_again.get(pair, 0.0) for pair in pairs]
    curves = [one for one in results_of(run, "curve", "--benchmark", "F", "--leave-out", "image") if not one["rule"]]
    if method == "majority":
        assert [one["in_sample"] for one in curves] == [False]
    else:
        assert [one["in_sample"] for one in curves] == [True, False]
        assert curves[0]["average_precision"] >= curves[1]["average_precision"]
    assert curves[-1]["average_precision"] == pytest.approx(average_precision(valid, values), abs=1e-9)
    assert [point["threshold"] for point in curves[-1]["points"]] == pytest.approx(sorted(set(values), reverse=True))


def test_chart_marks_in_sample_curves(folder: Path, run: Runner) -> None:
    """Calibrated scores have a second curve, where each image is left out."""
    write_digits(folder / "F", named=True)
    for method, out_of_sample_marks in (("calibrated", ["each image left out"]), ("em", []), ("majority", None)):
        argv = ["--benchmark", "F", "--method", method, "-o", "F/scores.csv", "--force"]
        assert run("aggregate", *argv).code == 0
        assert run("labels", "--benchmark", "F", "--threshold", "0.5", "-o", "F/labels.csv", "--force").code == 0
        expected_marks = None if out_of_sample_marks is None else ["in-sample", *out_of_sample_marks]
        chart = document_of(
            run("report", "--chart", "curve", "F/model.csv", "--benchmark", "F", "-o", "p.svg", "--force", "--json"),
            "report",
        )["results"]
        curves = {str(row[chart["columns"].index("scores")]) for row in chart["rows"]}
        assert curves == ({"scores"} if expected_marks is None else {f"scores, {mark}" for mark in expected_marks})


# --- CIFAR-10 -------------------------------------------------------------------------------------------------------


def share_wrong(computed: Scores, original: Path) -> float:
    """Compute the share of images whose most probable class (in ties, the lower id) is not the original label."""
    truth = read_original_labels(original)
    questions = computed.questions
    assert questions.classes.names == truth.classes.names
    order = np.lexsort((questions.class_ids, -computed.values, questions.image_ids))
    images, first = np.unique(questions.image_ids[order], return_index=True)
    best = questions.class_ids[order][first]
    rows = truth.find([questions.images[image] for image in images])
    return float(np.mean(best != truth.indices[truth.indptr[rows]]))


@pytest.fixture
def cifar_votes(real_file: RealFile, tmp_path: Path) -> Path:
    """CIFAR-10N's votes, one class per image."""
    path = tmp_path / "votes.parquet"
    pl.read_parquet(real_file("train-votes.parquet")).rename({"item": "image"}).write_parquet(path)
    return path


@pytest.mark.parametrize(
    ("votes", "method", "expected"),
    [("test-counts.csv", "majority", 0.0079), ("", "majority", 0.0882), ("", "em", 0.0846)],
)
def test_error_of_people_on_cifar_10_equals_the_published_value(
    run: Runner, real_file: RealFile, cifar_votes: Path, tmp_path: Path, votes: str, method: str, expected: float
) -> None:
    path = real_file(votes) if votes else cifar_votes
    original = path if votes else real_file("train-original.csv")
    output_of(run("aggregate", path, "--method", method, "-o", tmp_path / "scores.parquet"))
    assert share_wrong(read_scores(tmp_path / "scores.parquet"), original) == pytest.approx(expected, abs=5e-5)


def test_classifier_counts_as_a_rater_also_by_the_stored_method(here: Path, run: Runner) -> None:
    write_files(
        here,
        {
            "bench/votes.csv": VOTES,
            "bench/classes.csv": "name\ncat\ndog\nfox\n",
            "model.csv": "image,fox,cat,dog\na.png,0.1,0.2,0.7\nb.png,0.0,0.1,0.9\nc.png,0.8,0.1,0.1\n",
            "two.csv": "image,cat,dog\na.png,0.2,0.8\n",
        },
    )
    aggregate = ("aggregate", "--benchmark", "bench", "-o", "bench/scores.csv")
    out = output_of(run(*aggregate, "--method", "onecoin", "--classifier", "model.csv"))
    assert "classifier power: " in out
    assert "(chosen by votes)\n" in out
    assert "without prediction: 1 image\n" in out
    assert message_of(run(*aggregate, "--force"), 2).endswith(
        "Error: The benchmark's method, onecoin, used a classifier: give --classifier, or --method.\n"
    )
    again = output_of(run(*aggregate, "--classifier", "model.csv", "--force"))
    assert again.splitlines()[0] == out.splitlines()[0]
    error = message_of(run(*aggregate, "--classifier", "two.csv", "--force"))
    assert "no output for a class" in error
    write_files(here, {"folders.csv": "image,cat,dog,fox\nx/a.png,0.1,0.2,0.7\nx/b.png,0.1,0.8,0.1\n"})
    error = message_of(run(*aggregate, "--classifier", "folders.csv", "--force"))
    assert "the names match by name; use --match name" in in_one_line(error)
    twice = run(*aggregate, "--classifier", "model.csv", "--classifier", "two.csv", "--force")
    assert message_of(twice, 2).endswith("Error: --classifier is given more than once, but takes one file.\n")
