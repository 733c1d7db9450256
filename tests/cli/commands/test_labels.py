"""`reassess labels`: label sets from scores, and comparisons of label sets."""

import csv
import json
from pathlib import Path

import pytest

from reassess import read_labels
from reassess.core import LabelSets
from tests.helpers import RealFile, Runner, document_of, message_of, output_of, results_of, write_files

SCORES = "image,class,score\na.png,1,0.9\na.png,2,0.8\nb.png,1,0.3\n"
MAKE = ("labels", "scores.csv", "--threshold", "0.8", "-o", "l.json")


@pytest.fixture
def scores(folder: Path) -> Path:
    (folder / "scores.csv").write_text(SCORES)
    (folder / "original.json").write_text('{"b.png": 7, "c.png": 8}')
    return folder


def test_classes_at_the_threshold_are_valid(scores: Path, run: Runner) -> None:
    assert run(*MAKE).out == (
        "l.json: 2 labels on 2 images (threshold 0.8)\n"
        "1 rated image has no valid class\n"
        "unrated images are omitted\n"
        "next: reassess evaluate FILE... --labels l.json\n"
    )
    assert json.loads((scores / "l.json").read_text()) == {"a.png": [1, 2], "b.png": []}
    assert run(*MAKE, "--force", "--quiet").out == ""
    document = document_of(run("labels", "scores.csv", "--threshold", "0.8", "-o", "l.csv", "--json"), "labels")
    assert [entry["name"] for entry in document["inputs"]] == ["scores"]
    counts = {"images": 2, "labels": 2, "empty_images": 1, "unrated_images": 0}
    missing = {"original_labels": None, "original_labels_reason": "original labels are missing"}
    assert document["results"] == {"file": "l.csv", "threshold": 0.8} | counts | missing
    assert document["next"] == "reassess evaluate FILE... --labels l.csv"


def test_unrated_images_keep_their_original_label(scores: Path, run: Runner) -> None:
    assert run(*MAKE, "--original", "original.json").out.splitlines()[:3] == [
        "l.json: 3 labels on 3 images (threshold 0.8)",
        "1 rated image has no valid class",
        "1 unrated image keeps its original label",
    ]
    assert json.loads((scores / "l.json").read_text()) == {"b.png": [], "c.png": [8], "a.png": [1, 2]}
    Path("b").mkdir()
    assert (
        "to ask about more classes of images without a valid class: reassess propose FILE... --unasked --top-k 3 "
        "--benchmark b -o more.csv\n"
    ) in run(*MAKE, "--benchmark", "b", "--force").out.replace("\n  ", " ")
    assert run(*MAKE, "--original", "none", "--force").code == 0
    assert set(json.loads((scores / "l.json").read_text())) == {"a.png", "b.png"}


def test_changed_labels_are_listed_with_scores_and_votes(scores: Path, run: Runner) -> None:
    """Images without an original label are not counted; the class with the highest score comes first."""
    write_files(
        scores / "b",
        {
            "scores.csv": SCORES + "d.png,1,0.85\nd.png,2,0.99\ne.png,1,0.9\n",
            "original.csv": "image,class\na.png,3\nb.png,1\nc.png,8\nd.png,1\n",
            "votes.csv": "image,class,rater,answer\na.png,1,ann,yes\na.png,1,bo,no\nb.png,1,ann,no\n",
        },
    )
    argv = ("labels", "--benchmark", "b", "--threshold", "0.8", "-o", "l.json")
    out = output_of(run(*argv, "--details", "d.csv"))
    counts = (
        "label sets that differ from the original label: 3 of 4 (1 with other classes, 1 empty, 1 with it and others)"
    )
    assert f"{counts}\nd.csv: 3 rows\n" in out
    assert (scores / "d.csv").read_text() == (
        "image,original,change,new,score,votes,new_scores,new_votes\n"
        'a.png,3,other,1; 2,,,0.9; 0.8,"1 no, 1 yes; "\n'
        'b.png,1,none,"",0.3,1 no,,\n'
        "d.png,1,more,2; 1,0.85,,0.99; 0.85,\n"
    )
    Path("l.json").unlink()
    details_result = output_of(run(*argv[:-2], "--details", "alone.csv"))
    assert (Path("l.json").exists(), Path("alone.csv").read_text()) == (False, Path("d.csv").read_text())
    assert details_result.startswith("6 labels on 5 images (threshold 0.8); -o LABELS writes them\n")
    assert "next" not in details_result
    write_files(scores / "b", {"golden.csv": "image,class,rater,answer\nz.png,1,eve,yes\n"})
    assert run(*argv, "--details", "d.csv", "--force").code == 0, "experts answered on other images"
    golden = "".join(f"{line},{int(line[:2] in ('d.', 'b.'))}\n" for line in SCORES.splitlines()[1:])
    golden = f"image,class,score,golden\n{golden}d.png,1,0.85,1\nd.png,2,0.99,1\ne.png,1,0.9,1\n"
    (scores / "b/scores.csv").write_text(golden)
    out = output_of(run(*argv, "--details", "d.csv", "--force"))
    assert "d.csv: 3 rows, 1 without raters' votes: experts decided\n" in out, (
        "b.png also has votes, and e.png is unchanged"
    )
    document = document_of(run(*argv, "--force", "--json"), "labels")
    assert document["results"]["original_labels"] == {"images": 4, "changed": {"other": 1, "none": 1, "more": 1}}
    run_result = run(*argv, "--force", "--original", "none", "--details", "d.csv")
    assert (run_result.code, run_result.error) == (1, "missing-labels")


def test_benchmark_without_a_threshold_needs_the_option(scores: Path, run: Runner) -> None:
    error = message_of(run("labels", "--benchmark", ".", "-o", "labels.json"), 2)
    assert f"Give --threshold T: {scores.name} has no threshold yet." in error
    result = run("labels", "--benchmark", ".", "-o", "labels.json", "--threshold", "0.8")
    assert result.out.endswith("next: reassess evaluate FILE... --benchmark .\n")
    assert json.loads((scores / "benchmark.json").read_text())["threshold"] == 0.8


def test_published_labels_are_reproduced(
    real_labels: LabelSets, real_original: LabelSets, real_file: RealFile, tmp_path: Path, run: Runner
) -> None:
    """From the known scores, written as a list of lists."""
    real_file("scores.npz"), real_file("validation_labels.txt")
    out = tmp_path / "real.json"
    details = tmp_path / "changed.csv"
    result = run("labels", "imagenet-real-scores", "--threshold", "0.8", "-o", out, "--details", details)
    assert result.out.splitlines()[:5] == [
        f"{out}: 57,553 labels on 50,000 images (threshold 0.8)",
        "3,163 rated images have no valid class",
        "25,111 unrated images keep their original label",
        "label sets that differ from the original label: 14,284 of 50,000 (4,673 with other classes, 3,163 empty, "
        "6,448 with it and others)",
        f"{details}: 14,284 rows",
    ]
    changed = {row["image"]: row for row in csv.DictReader(details.read_text().splitlines())}
    original, labels = real_original.classes_by_image(), real_labels.classes_by_image()
    assert changed.keys() == {image for image, valid in labels.items() if valid != original[image]}
    for image, row in changed.items():
        assert {int(part) for part in row["new"].split("; ") if part} == labels[image]
        assert {int(row["original"])} == original[image]
    assert isinstance(json.loads(out.read_text()), list)
    assert read_labels(out).classes_by_image() == real_labels.classes_by_image()


@pytest.fixture
def three(folder: Path) -> Path:
    """Two label sets, and a label set with verdicts."""
    (folder / "a.json").write_text(json.dumps({"a.png": [1, 2], "b.png": [3], "c.png": [], "e.png": [4]}))
    (folder / "b.json").write_text(json.dumps({"a.png": [2, 4], "b.png": [3], "d.png": [5], "e.png": []}))
    (folder / "c.csv").write_text("image,class,answer\na.png,1,valid\na.png,2,wrong\ne.png,4,unclear\n")
    return folder


def test_two_label_sets_show_agreement_and_changes(three: Path, run: Runner) -> None:
    lines = run("labels", "a.json", "b.json").out.splitlines()
    headings = ["equal", "overlap", "disjoint", "equal %", "first unlabelled", "second unlabelled", "both unlabelled"]
    assert lines[0] == "   ".join(["first ", "second", "images", *headings])
    assert lines[2].split() == ["a.json", "b.json", "5", "1", "1", "0", "50.00", "1", "1", "1"]
    cells = {name.strip(): number for name, number in (line.rsplit(maxsplit=1) for line in lines[6:16])}
    expected = {"images in both": "3", "images with changed labels": "2", "became empty": "1", "labels added": "1"}
    assert cells.items() >= (expected | {"Jaccard index of the labels": "0.4000"}).items()
    assert [line.split() for line in lines[19:21]] == [["4", "4", "1", "1"], ["1", "1", "0", "1"]]


def test_json_compares_label_sets_in_pairs(three: Path, run: Runner) -> None:
    results = results_of(run, "labels", "a.json", "b.json", "c.csv")
    pairs = [("a.json", "b.json"), ("a.json", "c.csv"), ("b.json", "c.csv")]
    assert [(entry["first"], entry["second"]) for entry in results] == pairs
    states = ("images", "equal", "overlap", "disjoint", "first_unlabelled", "second_unlabelled", "both_unlabelled")
    assert [[entry[state] for state in states] for entry in results] == [
        [5, 1, 1, 0, 1, 1, 1],
        [4, 0, 1, 0, 0, 2, 1],
        [4, 0, 0, 1, 0, 2, 1],
    ]
    assert results[1]["crosstab"]["valid"] == {"valid": 1, "unclear": 1, "wrong": 1, "not_named": 0}
    assert results[0]["diff"]["by_image"] == [
        {"image": "a.png", "added": [4], "removed": [1]},
        {"image": "e.png", "added": [], "removed": [4]},
    ]


def test_verdicts_and_classes_are_printed(three: Path, run: Runner) -> None:
    out = run("labels", "a.json", "c.csv", "--by", "class").out
    assert (
        "\nclasses by verdict, on images in both sets: a.json in rows, c.csv in columns\n"
        "        valid   unclear   wrong\n"
        "───────────────────────────────\n"
        "valid       1         1       1\n"
        "\n"
        "a.json and c.csv\n"
        "class   name   equal   overlap   disjoint   first unlabelled   second unlabelled\n"
    ) in out
    assert [line.split() for line in out.splitlines()[-4:-2]] == [list("1101000"), list("2201000")]


def test_agreement_by_class_is_written_as_a_table(three: Path, run: Runner) -> None:
    argv = ("labels", "a.json", "b.json", "-o")
    assert run(*argv, "classes.csv").code == 0
    rows = ("1,1,0,1,0,0,0", "2,2,0,1,0,0,0", "3,3,1,0,0,0,0", "4,4,0,1,0,0,1", "5,5,0,0,0,1,0")
    assert (three / "classes.csv").read_text() == (
        "first,second,class,name,equal,overlap,disjoint,first_unlabelled,second_unlabelled\n"
        + "".join(f"a.json,b.json,{row}\n" for row in rows)
    )


def test_verdicts_on_original_labels_have_no_changes(real_file: RealFile, run: Runner) -> None:
    real_file("Biodiversity_ImageNet_Image_data.csv"), real_file("validation_labels.txt")
    argv = ["labels", "imagenet-real", "imagenet-ecologists"]
    document = document_of(run(*argv, "--json"), "labels")
    assert [entry["name"] for entry in document["inputs"]] == [*argv[1:], "imagenet-original"]
    (result,) = document["results"]
    assert [result[state] for state in ("equal", "overlap", "disjoint")] == [9_965, 521, 401]
    assert (result["diff"], result["diff_reason"]) == (
        None,
        "reviewers judged only some classes, so other classes may be valid too",
    )


NEEDS = "Error: Give SCORES (or --benchmark), --threshold T and -o LABELS. To compare label sets, give several SETS."
ONE = "Error: With several SETS, --threshold, --original and --details cannot be used."


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], NEEDS),
        (["s.csv"], "Error: --threshold T is missing. To compare label sets, give several SETS."),
        (
            ["s.csv", "--threshold", "0.8"],
            "Error: Give -o LABELS, or --details TABLE to list only the changed labels.",
        ),
        (["s.csv", "-o", "l.json"], "Error: --threshold T is missing. To compare label sets, give several SETS."),
        (["s.csv", "t.csv", "--threshold", "0.8", "-o", "l.json"], ONE),
        (["a.json", "b.json", "--original", "none"], ONE),
        (["a.json", "b.json", "--details", "d.csv"], ONE),
        (["s.csv", "--threshold", "0.8", "-o", "l.json", "--by", "class"], "Error: --by needs several SETS."),
        (["s.csv", "--threshold", "x", "-o", "l.json"], "Error: Invalid value for '--threshold'"),
    ],
)
def test_usage_error_has_exit_code_2(argv: list[str], expected: str, run: Runner) -> None:
    assert expected in message_of(run("labels", *argv), 2)
