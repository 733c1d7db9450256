"""`reassess labels` cuts label sets from scores and shows what changed between two."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reassess.core.labels import LabelSets
from reassess.data.loading import load_labels
from tests.helpers import Run, document_of, results_of

SCORES = "image,class,score\na.png,1,0.9\na.png,2,0.8\nb.png,1,0.3\n"
SUMMARY = "labels on 2 images, at a threshold of 0.8\n1 rated image has no label\n"


@pytest.fixture
def scores(tmp_path: Path, no_known_data: None) -> Path:
    path = tmp_path / "scores.csv"
    path.write_text(SCORES)
    return path


def test_label_sets_are_cut_at_the_threshold(scores: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    out = tmp_path / "labels.json"
    result = run("labels", scores, "--threshold", "0.8", "-o", out)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{out}: 2 {SUMMARY}images that were never rated are left out\n"
    assert json.loads(out.read_text()) == {"a.png": [1, 2], "b.png": []}


def test_images_that_were_never_rated_keep_their_original_label(
    scores: Path, tmp_path: Path, run: Callable[..., Run]
) -> None:
    (tmp_path / "original.json").write_text('{"b.png": 7, "c.png": 8}')
    out = tmp_path / "labels.json"
    result = run("labels", scores, "--threshold", "0.8", "--original", tmp_path / "original.json", "-o", out)
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"{out}: 3 labels on 3 images, at a threshold of 0.8\n"
        "1 rated image has no label\n"
        "1 image was never rated and keeps its original label\n"
    )
    assert json.loads(out.read_text()) == {"b.png": [], "c.png": [8], "a.png": [1, 2]}


def test_a_benchmark_without_a_threshold_needs_one(scores: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    result = run("labels", "--benchmark", tmp_path, "-o", tmp_path / "labels.json")
    assert result.code == 2
    assert f"Give --threshold T: {tmp_path.name} has none yet; it is kept with the labels." in result.err


def test_json_gives_the_counts(scores: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    out = tmp_path / "labels.csv"
    document = document_of(run("labels", scores, "--threshold", "0.8", "-o", out, "--json"), "labels")
    assert [entry["name"] for entry in document["inputs"]] == ["scores"]
    assert document["results"] == {
        "file": str(out),
        "threshold": 0.8,
        "images": 2,
        "labels": 2,
        "empty_images": 1,
        "unrated_images": 0,
    }


def test_quiet_says_nothing(scores: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    result = run("labels", scores, "--threshold", "0.8", "-o", tmp_path / "l.json", "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_the_published_labels_come_out(
    real_labels: LabelSets, real_file: Callable[[str], Path], tmp_path: Path, run: Callable[..., Run]
) -> None:
    """By the name of the known scores; as a list of lists, which the original labels complete."""
    real_file("scores.npz"), real_file("validation_labels.txt")
    out = tmp_path / "real.json"
    result = run("labels", "imagenet-real-scores", "--threshold", "0.8", "-o", out)
    assert result.out == (
        f"{out}: 57,553 labels on 50,000 images, at a threshold of 0.8\n"
        "3,163 rated images have no label\n"
        "25,111 images were never rated and keep their original label\n"
    )
    assert isinstance(json.loads(out.read_text()), list)
    assert load_labels(out).sets() == real_labels.sets()
    without = tmp_path / "rated.json"
    run("labels", "imagenet-real-scores", "--threshold", "0.8", "--unrated", "omit", "-o", without)
    rated, published = load_labels(without).sets(), real_labels.sets()
    assert len(rated) == 24_889
    assert all(published[name] == ids for name, ids in rated.items())


# --- --diff ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path, no_known_data: None) -> tuple[Path, Path]:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text(json.dumps({"a.png": [1, 2], "b.png": [3], "c.png": [], "e.png": [4]}))
    second.write_text(json.dumps({"a.png": [2, 4], "b.png": [3], "d.png": [5], "e.png": []}))
    return first, second


def test_a_diff_counts_images_and_labels_and_lists_classes(pair: tuple[Path, Path], run: Callable[..., Run]) -> None:
    result = run("labels", "--diff", *pair)
    assert (result.code, result.err) == (0, "")
    cells = [line.rsplit(maxsplit=1) for line in result.out.splitlines()[2:12]]
    assert {name.strip(): number for name, number in cells} == {
        "images in both": "3",
        "images whose set changed": "2",
        "became empty": "1",
        "no longer empty": "0",
        "images in the first only": "1",
        "images in the second only": "1",
        "labels in both": "2",
        "labels added": "1",
        "labels removed": "2",
        "Jaccard index of the labels": "0.4000",
    }
    assert [line.split() for line in result.out.splitlines()[15:]] == [["4", "4", "1", "1"], ["1", "1", "0", "1"]]


def test_a_diff_as_json_lists_every_image(pair: tuple[Path, Path], run: Callable[..., Run]) -> None:
    results = results_of(run, "labels", "--diff", *pair)
    assert (results["first"], results["second"]) == tuple(map(str, pair))
    assert results["by_image"] == [
        {"image": "a.png", "added": [4], "removed": [1]},
        {"image": "e.png", "added": [], "removed": [4]},
    ]


def test_of_equal_label_sets_there_is_no_table_of_classes(pair: tuple[Path, Path], run: Callable[..., Run]) -> None:
    result = run("labels", "--diff", pair[0], pair[0])
    assert "1.0000" in result.out
    assert "class" not in result.out


def test_many_classes_are_cut_short_and_counted(tmp_path: Path, no_known_data: None, run: Callable[..., Run]) -> None:
    for name, ids in (("a", []), ("b", list(range(25)))):
        (tmp_path / f"{name}.json").write_text(json.dumps({"x.png": ids}))
    result = run("labels", "--diff", tmp_path / "a.json", tmp_path / "b.json")
    assert "the first 20 of 25 classes (--verbose shows all)\n" in result.out


# --- --agree --------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(pair: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path, Path]:
    third = tmp_path / "c.csv"
    third.write_text("image,class,answer\na.png,1,valid\na.png,2,wrong\ne.png,4,unclear\n")
    return (*pair, third)


def test_agreement_is_shown_for_every_two_label_sets(three: tuple[Path, ...], run: Callable[..., Run]) -> None:
    results = document_of(run("labels", "--agree", *three, "--json"), "labels")["results"]
    assert [(entry["first"], entry["second"]) for entry in results] == [
        tuple(map(str, pair)) for pair in ((three[0], three[1]), (three[0], three[2]), (three[1], three[2]))
    ]
    states = ("images", "equal", "overlap", "disjoint", "first_unlabelled", "second_unlabelled", "both_unlabelled")
    assert [[entry[state] for state in states] for entry in results] == [
        [5, 1, 1, 0, 1, 1, 1],
        [4, 0, 1, 0, 0, 2, 1],
        [4, 0, 0, 1, 0, 2, 1],
    ]
    assert results[1]["crosstab"]["valid"] == {"valid": 1, "unclear": 1, "wrong": 1, "not_named": 0}


def test_agreement_is_printed_with_what_reviewers_say_and_classes(
    three: tuple[Path, ...], run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(three[0].parent)
    done = run("labels", "--agree", "a.json", "c.csv", "--by", "class")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "first    second   images   equal   overlap   disjoint   equal %   first unlabelled   second unlabelled   both unlabelled",
        "────────────────────────────────────────────────────────────────────────────────────────────────────────────",
        "a.json   c.csv         4       0         1          0      0.00              0               2             1",
        "",
        "labels on the images of both: what a.json says (rows) and what c.csv says (columns)",
        "        valid   unclear   wrong",
        "───────────────────────────────",
        "valid       1         1       1",
        "",
        "a.json and c.csv",
        "class   name   equal   overlap   disjoint   first unlabelled   second unlabelled",
        "────────────────────────────────────────────────────────────────────────",
        "1       1          0         1          0              0               0",
        "2       2          0         1          0              0               0",
        "overlap: not equal, but with a common class; unlabelled: without a valid class, or missing",
        "equal %: of the images that both label",
    ]


def test_of_plain_label_sets_only_agreement_is_printed(
    pair: tuple[Path, Path], run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pair[0].parent)
    argv = ["labels", "--agree", "a.json", "b.json"]
    assert len(run(*argv).out.splitlines()) == 5
    assert len(run(*argv, "--quiet").out.splitlines()) == 3


def test_agreement_by_class_is_written_as_a_table(
    three: tuple[Path, ...], tmp_path: Path, run: Callable[..., Run]
) -> None:
    out = tmp_path / "classes.csv"
    done = run("labels", "--agree", *three[:2], "-o", out)
    assert (done.code, done.err) == (0, "")
    a, b = three[:2]
    assert out.read_text() == (
        "first,second,class,name,equal,overlap,disjoint,first_unlabelled,second_unlabelled\n"
        + "".join(
            f"{a},{b},{row}\n"
            for row in ("1,1,0,1,0,0,0", "2,2,0,1,0,0,0", "3,3,1,0,0,0,0", "4,4,0,1,0,0,1", "5,5,0,0,0,1,0")
        )
    )
    assert run("labels", "--agree", *three[:2], "-o", out).err.startswith("Error: output file exists\n")
    wrong = run("labels", "--agree", *three[:2], "-o", tmp_path / "classes.json")
    assert wrong.err.startswith("Error: wrong kind of file for a table\n")


def test_verdicts_on_original_labels_name_the_file_of_those_labels(
    real_file: Callable[[str], Path], run: Callable[..., Run]
) -> None:
    real_file("Biodiversity_ImageNet_Image_data.csv"), real_file("validation_labels.txt")
    argv = ["labels", "--agree", "imagenet-real", "imagenet-ecologists"]
    document = document_of(run(*argv, "--json"), "labels")
    assert [entry["name"] for entry in document["inputs"]] == [*argv[2:], "imagenet-original"]
    (result,) = document["results"]
    assert [result[state] for state in ("equal", "overlap", "disjoint")] == [9_965, 521, 401]
    last = "imagenet-ecologists judges one class of an image, the original label: of others it is silent\n"
    assert run(*argv).out.endswith(last)


# --- wrong calls ----------------------------------------------------------------------------------------------------

NEEDS = "Error: Give one SCORES or --benchmark, --threshold T and -o LABELS; or label sets and --diff or --agree."
SEVERAL = "Error: --agree takes two or more label sets, and of the other options --by and -o."
ALONE = "Error: --diff takes two label sets and no other option of this command."


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], NEEDS),
        (["s.csv"], NEEDS),
        (["s.csv", "--threshold", "0.8"], NEEDS),
        (["s.csv", "-o", "l.json"], NEEDS),
        (["s.csv", "t.csv", "--threshold", "0.8", "-o", "l.json"], NEEDS),
        (["--diff", "a.json"], ALONE),
        (["--diff", "a.json", "b.json", "--threshold", "0.8"], ALONE),
        (["--diff", "a.json", "b.json", "-o", "c.json"], ALONE),
        (["--diff", "a.json", "b.json", "--agree"], ALONE),
        (["--agree", "a.json"], SEVERAL),
        (["--agree", "a.json", "b.json", "--threshold", "0.8"], SEVERAL),
        (["--agree", "a.json", "b.json", "a.json"], "Error: a.json is given twice."),
        (["s.csv", "--threshold", "0.8", "-o", "l.json", "--by", "class"], "Error: --by goes with --agree."),
        (
            ["s.csv", "--threshold", "0.8", "-o", "l.json", "--unrated", "omit", "--original", "o.txt"],
            "Error: With --unrated omit, original labels have no use: leave --original out.",
        ),
        (["s.csv", "--threshold", "x", "-o", "l.json"], "Error: Invalid value for '--threshold'"),
    ],
)
def test_a_wrong_call_is_exit_code_2(argv: list[str], expected: str, run: Callable[..., Run]) -> None:
    result = run("labels", *argv)
    assert (result.code, result.out) == (2, "")
    assert expected in result.err


def test_keeping_original_labels_needs_them(scores: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    result = run("labels", scores, "--threshold", "0.8", "--unrated", "original", "-o", tmp_path / "l.json")
    assert result.code == 2
    assert result.err.endswith("Error: --unrated original needs --original for images that are not ImageNet's.\n")


@pytest.mark.parametrize("threshold", ["1.5", "-0.1", "nan"])
def test_a_threshold_that_is_no_probability_is_refused(
    threshold: str, scores: Path, tmp_path: Path, run: Callable[..., Run]
) -> None:
    result = run("labels", scores, "--threshold", threshold, "-o", tmp_path / "l.json")
    assert (result.code, result.out) == (1, "")
    assert result.err == f"Error: threshold out of range\n  allowed: 0 to 1\n  found:   {threshold}\n"
    assert not (tmp_path / "l.json").exists()


def test_a_file_that_exists_is_kept_unless_forced(scores: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    out = tmp_path / "l.json"
    out.write_text("mine")
    result = run("labels", scores, "--threshold", "0.8", "-o", out)
    assert (result.code, result.err) == (
        1,
        f"Error: output file exists\n  where:   {out}\n  fix:     choose another name, or overwrite it with --force\n",
    )
    assert out.read_text() == "mine"
    assert run("labels", scores, "--threshold", "0.8", "-o", out, "--force").code == 0
    assert out.read_text() != "mine"


def test_a_file_of_another_kind_is_refused_before_anything_is_read(tmp_path: Path, run: Callable[..., Run]) -> None:
    result = run("labels", "no-such.csv", "--threshold", "0.8", "-o", tmp_path / "l.txt")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: wrong kind of file for a label set\n"
        f"  where:   {tmp_path / 'l.txt'}\n"
        "  allowed: .json, .csv, .tsv, .jsonl, .parquet\n"
        "  found:   .txt\n"
    )


def test_an_input_is_not_overwritten_even_with_force(run: Callable[..., Run], tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("image,class,score\na,0,0.9\n")
    result = run("labels", path, "--threshold", "0.5", "-o", path, "--force")
    assert (result.code, path.read_text()) == (1, "image,class,score\na,0,0.9\n")
    assert result.err == (f"Error: output file is also an input\n  where:   {path}\n  fix:     choose another name\n")
