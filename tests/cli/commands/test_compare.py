"""`reassess compare`: own benchmarks, ImageNet's real files, and errors."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from reassess.core import LabelSets
from tests.helpers import RealFile, Runner, message_of, results_of, write_csv

N = 60
IMAGES = [f"{i:02}.jpg" for i in range(N)]
# Class 0 is valid on all images except the last ten. Class 1 is valid, and the original label, on every second image.
LABELS = {name: ([0, 1] if i % 2 else [0]) if i < N - 10 else [] for i, name in enumerate(IMAGES)}
ORIGINAL = {name: i % 2 for i, name in enumerate(IMAGES)}
GOOD = dict.fromkeys(IMAGES, 0)
FITTED = {name: i % 2 if i % 5 else 2 for i, name in enumerate(IMAGES)}


@pytest.fixture
def bench(folder: Path) -> Path:
    """A user's own benchmark: labels, original labels, and models."""
    Path("labels.json").write_text(json.dumps(LABELS))
    Path("original.json").write_text(json.dumps(ORIGINAL))
    write_csv("good.csv", "image,prediction", GOOD.items())
    write_csv("fitted.csv", "image,prediction", FITTED.items())
    return folder


OPTIONS = ("--labels", "labels.json", "--original", "original.json")


def test_two_models_are_compared_by_both_labels(bench: Path, run: Runner) -> None:
    """By hand: good is correct on 50 images, fitted on 40. By original labels: 30 and 48."""
    results = results_of(run, "compare", "good.csv", "fitted.csv", *OPTIONS)
    (pair,) = results["pairs"]
    numbers = ("images", "common_images", "real_difference", "only_a", "only_b", "both", "original_difference")
    assert [pair[name] for name in ("a", "b", *numbers)] == ["good.csv", "fitted.csv", 50, 60, 0.2, 10, 0, 40, -0.3]
    assert TABLE.startswith(f"{pair['verdict']}\n")
    assert results["not_shared"] == {"good.csv": 0, "fitted.csv": 0}
    assert (results["label_set"], results["common_images"], results["scored"]) == ("reassessed", 60, 50)
    assert results["label_uncertainty"] is None
    assert results["label_uncertainty_reason"] == "votes are missing"
    assert [entry["file"] for entry in results["ranking"]["models"]] == ["good.csv", "fitted.csv"]


TABLE = """\
good.csv is better than fitted.csv; by original labels fitted.csv is better than good.csv; the lead changes \
significantly, p = 6e-08
a: good.csv
b: fitted.csv

labels             images     a %     b %    a - b               95 %        p   only a   only b
────────────────────────────────────────────────────────────────────────────────────────────────
reassessed             50   100.0   80.00   +20.00   +10.00 to +32.00    0.002       10        0
original               60   50.00   80.00   -30.00   -46.67 to -13.33   0.0014        6       24
original, scored       50   50.00   80.00   -30.00   -48.00 to -12.00   0.0041        5       20
change                 50       -       -   +50.00   +36.00 to +64.00    6e-08        -        -

labelling bias   group   images   original %             95 %   chance %         p   raters %
─────────────────────────────────────────────────────────────────────────────────────────────
good.csv         all         25         0.00    0.00 to 13.32      50.00     6e-08          -
fitted.csv       all         20        100.0   83.89 to 100.0      50.00   1.9e-06          -
"""


def test_table_of_two_models_is_written(bench: Path, run: Runner) -> None:
    out = run("compare", "good.csv", "fitted.csv", *OPTIONS).out
    assert out.startswith(TABLE)
    assert "label uncertainty is not measured: votes are missing (`reassess annotate`)\n" in out
    assert run("compare", "good.csv", "fitted.csv", *OPTIONS, "--quiet").out == TABLE


def test_three_models_are_ranked_and_compared_in_pairs(bench: Path, run: Runner) -> None:
    write_csv("worse.csv", "image,prediction", dict.fromkeys(IMAGES, 2).items())
    files = ("worse.csv", "good.csv", "fitted.csv")
    results = results_of(run, "compare", *files, *OPTIONS, "--seed", "4")
    assert [(pair["a"], pair["b"]) for pair in results["pairs"]] == [
        ("worse.csv", "good.csv"),
        ("worse.csv", "fitted.csv"),
        ("good.csv", "fitted.csv"),
    ]
    assert results["pairs_are"] == "all"
    ranking = results["ranking"]
    assert [(entry["file"], entry["rank"], entry["original_rank"]) for entry in ranking["models"]] == [
        ("good.csv", 1, 2),
        ("fitted.csv", 2, 1),
        ("worse.csv", 3, 3),
    ]
    assert (ranking["replicates"], ranking["seed"]) == (1000, 4)
    assert ranking["gaps"]["reversed"] == [{"better_by_original": "fitted.csv", "other": "good.csv"}]
    lines = run("compare", *files, *OPTIONS).out.splitlines()
    assert lines[2].split()[:6] == ["good.csv", "1", "1", "to", "1", "100.0"]
    assert "differences by original labels that are reversed: 1 (fitted.csv before good.csv)" in lines
    assert "fitted.csv is better than worse.csv, also by original labels" in lines


def test_models_are_compared_on_common_images(bench: Path, run: Runner) -> None:
    write_csv("part.csv", "image,prediction", list(FITTED.items())[:20][::-1])
    results = results_of(run, "compare", "good.csv", "part.csv", *OPTIONS)
    assert (results["common_images"], results["not_shared"]) == (20, {"good.csv": 40, "part.csv": 0})
    assert (results["pairs"][0]["images"], results["pairs"][0]["only_a"]) == (20, 4)
    out = run("compare", "good.csv", "part.csv", *OPTIONS).out
    assert "good.csv: 40 images not shared: missing from another model's predictions\n" in out


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["good.csv"], "Give at least two models; for one model, use `reassess evaluate`."),
        ([], "Missing argument 'A B...'."),
        (["good.csv", "fitted.csv", "--seed", "-1"], "Invalid value for '--seed': -1 is not in the range x>=0."),
    ],
)
def test_impossible_calls_are_usage_errors(bench: Path, run: Runner, argv: list[str], text: str) -> None:
    assert message_of(run("compare", *argv, "--labels", "labels.json"), 2).splitlines()[-1] == f"Error: {text}"


def test_missing_original_labels_give_null_and_a_reason(bench: Path, run: Runner) -> None:
    results = results_of(run, "compare", "good.csv", "fitted.csv", "--labels", "labels.json")
    (pair,) = results["pairs"]
    assert pair["original_difference"] is None
    assert pair["original_reason"] == "original labels of these images are missing"
    assert pair["verdict"] == "good.csv is better than fitted.csv"
    assert results["ranking"]["gaps"] is None
    out = run("compare", "good.csv", "fitted.csv", "--labels", "labels.json").out
    assert "no comparison by original labels: original labels of these images are missing\n" in out


def test_unscored_images_give_null(bench: Path, run: Runner) -> None:
    for name, answers in (("x.csv", GOOD), ("y.csv", FITTED)):
        write_csv(name, "image,prediction", list(answers.items())[-10:])
    results = results_of(run, "compare", "x.csv", "y.csv", "--labels", "labels.json")
    (pair,) = results["pairs"]
    assert (pair["images"], pair["real_difference"], pair["low"], pair["p_value"]) == (0, None, None, None)
    assert pair["real_reason"] == "no image is scored"
    assert (results["ranking"], results["ranking_reason"]) == (None, "no image is scored")
    result = run("compare", "x.csv", "y.csv", "--labels", "labels.json")
    assert "x.csv and y.csv cannot be compared: no image is scored\n" in result.out
    write_csv("z.csv", "image,prediction", list(GOOD.items())[-10:])
    result = run("compare", "x.csv", "y.csv", "z.csv", "--labels", "labels.json")
    assert result.out.startswith("models cannot be compared: no image is scored\n")


def test_details_list_images_that_one_model_gets_right(bench: Path, run: Runner) -> None:
    argv = ("compare", "good.csv", "fitted.csv", *OPTIONS, "--details", "only.csv")
    assert run(*argv).code == 0
    with Path("only.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "image": "00.jpg",
        "correct": "good.csv",
        "wrong": "fitted.csv",
        "correct_class": "0",
        "wrong_class": "2",
    }
    assert [row["image"] for row in rows] == [f"{i:02}.jpg" for i in range(0, 50, 5)]


@pytest.fixture
def voted_benchmark(bench: Path, run: Runner) -> Path:
    """The benchmark with labels made from votes of ten raters: two questions per image, with four votes each."""
    rng = np.random.default_rng(3)
    votes = ["image,class,rater,answer"]
    for image in IMAGES:
        for class_id in (0, 1):
            for rater in rng.permutation(10)[:4].tolist():
                right = rng.random() < 0.85
                valid = class_id in LABELS[image]
                votes.append(f"{image},{class_id},r{rater},{'yes' if valid == right else 'no'}")
    experts = ["image,class,rater,answer"]
    for image in IMAGES[::3]:
        for class_id in (0, 1):
            expected = "yes" if class_id in LABELS[image] else "no"
            experts += [f"{image},{class_id},e{expert},{expected}" for expert in range(3)]
    Path("b").mkdir()
    Path("b/votes.csv").write_text("\n".join(votes) + "\n")
    Path("b/golden.csv").write_text("\n".join(experts) + "\n")
    Path("b/original.json").write_text(json.dumps(ORIGINAL))
    argv = ("aggregate", "b/votes.csv", "--method", "calibrated", "--golden", "b/golden.csv", "-o", "scores.csv")
    assert run(*argv).code == 0
    argv = ("labels", "scores.csv", "--threshold", "0.6", "--original", "none", "-o", "b/labels.json")
    assert run(*argv).code == 0
    Path("b/benchmark.json").write_text('{"threshold": 0.6}')
    return bench


VOTED = ("--benchmark", "b")


def test_votes_resample_images_and_raters(voted_benchmark: Path, run: Runner) -> None:
    argv = ("compare", "good.csv", "fitted.csv", *VOTED)
    results = results_of(run, *argv)
    unsure = results["label_uncertainty"]
    assert "label_uncertainty_reason" not in results
    assert (unsure["replicates"], unsure["seed"], unsure["threshold"], unsure["raters"]) == (1000, 0, 0.6, 10)
    assert unsure["sets"]["rated_images"] == 60
    (pair,), (of_images,) = unsure["pairs"], results["pairs"]
    assert (pair["a"], pair["b"]) == ("good.csv", "fitted.csv")
    assert pair["low"] < of_images["real_difference"] < pair["high"]
    assert pair["low"] < of_images["low"] < of_images["high"] < pair["high"]
    # The share of replicates agrees with the normal interval, up to the error of 1,000 draws.
    assert pair["probability_a"] == pytest.approx(1 - of_images["raters"]["p_value"] / 2, abs=0.02)
    out = run(*argv).out
    assert "raters resampled: 1,000 replicates of images and of 10 raters, seed 0" in out
    (share,) = re.findall(r"good.csv is ahead of fitted.csv in (.+) % of replicates \(images and raters", out)
    assert float(share) > 80
    assert "\nreassessed, raters resampled " in out
    assert "\nchange, raters resampled " in out
    Path("copy.csv").write_text(Path("good.csv").read_text())
    out = run("compare", "good.csv", "copy.csv", "fitted.csv", *VOTED).out
    assert "true labels, 95 %" in out
    assert "no significant difference between copy.csv and good.csv, by reassessed or original labels\n" in out


def test_document_has_preferences_and_labelling_bias(voted_benchmark: Path, run: Runner) -> None:
    Path("scores.csv").rename("b/scores.csv")
    results = results_of(run, "compare", "good.csv", "fitted.csv", *VOTED)
    good, fitted = results["model_or_label"]
    assert (good["file"], good["disagreements"], good["rated"], good["unrated_images"]) == ("good.csv", 30, 30, 0)
    assert (fitted["disagreements"], fitted["rated"]) == (12, 0), "class 2 was not rated"
    assert good["raters_only"]["rated"] == 30
    biases = results["labelling_bias"]
    assert [(bias["file"], bias["chance"]) for bias in biases] == [("good.csv", 0.5), ("fitted.csv", 0.5)]
    assert 0 < biases[0]["images"] == results["co_occurrence"][0]["images"]
    assert biases[0]["raters_favourite"]["images"] == biases[0]["images"]
    Path("b/votes.csv").unlink()
    results_by_votes = results_of(run, "compare", "good.csv", "fitted.csv", *VOTED)
    assert results_by_votes["model_or_label"][0]["raters_only"] is None
    assert results_by_votes["labelling_bias"][0]["raters_favourite"] is None
    assert results_by_votes["labelling_bias"][0]["raters_favourite_reason"] == "scores from only the raters are missing"
    out = run("compare", "good.csv", "fitted.csv", *VOTED).out
    assert "\ngood.csv             30      30     50.00   33.15 to 66.85     50.00\n" in out
    assert "\nfitted.csv           12       0         -                -         -\n" in out


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"votes.csv": None}, "votes are missing"),
        ({"golden.csv": None}, "experts' answers to golden questions are missing, so raters cannot be measured"),
        ({"golden.csv": f"image,class,rater,answer\n{IMAGES[0]},2,e1,yes\n"}, "no golden item has a vote"),
        (
            {"benchmark.json": "{}"},
            "label sets cannot be computed again from these votes: 6 of 60 rated images get other label sets",
        ),
        (
            {"benchmark.json": '{"method": "em"}', "scores.csv": f"image,class,score\n{IMAGES[0]},0,1\n"},
            "raters can be resampled only for scores made by calibrated; these scores were made by em",
        ),
    ],
)
def test_unmeasured_label_uncertainty_has_a_reason(
    voted_benchmark: Path, run: Runner, files: dict[str, str | None], reason: str
) -> None:
    for name, text in files.items():
        Path("b", name).unlink() if text is None else Path("b", name).write_text(text)
    results = results_of(run, "compare", "good.csv", "fitted.csv", *VOTED)
    assert results["label_uncertainty"] is None
    assert results["label_uncertainty_reason"].startswith(reason)
    new_scores = " (`reassess aggregate --method calibrated --benchmark b -o b/scores.csv"
    how = {
        "votes": " (`reassess annotate`)",
        "experts'": " (`reassess annotate create --golden N`, and `reassess annotate invite CAMPAIGN NAME:expert`)",
        "label": f"{new_scores}`, then `reassess labels`)",
        "scores": f"{new_scores} --force`, then `reassess labels`)",
    }
    out = run("compare", "good.csv", "fitted.csv", *VOTED, "--verbose").out
    assert f"{reason}{how.get(reason.split()[0], '')}" in out.replace("\n  ", " ")


def test_unrated_images_are_counted(voted_benchmark: Path, run: Runner) -> None:
    rows = Path("scores.csv").read_text().splitlines()
    Path("b/scores.csv").write_text("\n".join(row for row in rows if not row.startswith(IMAGES[7])) + "\n")
    labels = {**json.loads(Path("b/labels.json").read_text()), IMAGES[7]: [ORIGINAL[IMAGES[7]]]}
    Path("b/labels.json").write_text(json.dumps(labels))
    assert (
        f"{len(IMAGES) - 1} of {len(IMAGES)} images were rated; the other one keeps its original label, unchecked; "
        "this favours models that chose the images to rate"
    ) in run("compare", "good.csv", "fitted.csv", *VOTED).out.replace("\n  ", " ")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_original: LabelSets, real_file: RealFile) -> list[str]:
    """The original labels of ImageNet, and a copy where every hundredth label is wrong."""
    for name in ("real.json", "scores.npz", "raters.npz", "golden.npz", "raters_golden.npz"):
        real_file(name)
    monkeypatch.chdir(tmp_path)
    ids = real_original.indices
    np.savez("original.npz", ids=ids, names=real_original.images)
    spoilt = np.where(np.arange(ids.size) % 100 == 0, (ids + 500) % 1000, ids)
    np.savez("spoilt.npz", ids=spoilt, names=real_original.images)
    return ["original.npz", "spoilt.npz"]


def test_original_labels_beat_a_spoilt_copy(models: list[str], run: Runner) -> None:
    """The original labels: 42,164 of 46,837; the uncertainty of the labels by the published votes."""
    results = results_of(run, "compare", *models)
    (pair,) = results["pairs"]
    assert (pair["images"], pair["both"] + pair["only_a"], pair["only_b"]) == (46_837, 42_164, 0)
    assert (pair["original_difference"], pair["original_images"]) == (0.01, 50_000)
    assert pair["p_value"] == pytest.approx(2.0 ** (1 - pair["only_a"]))
    sets = results["label_uncertainty"]["sets"]
    assert (sets["rated_images"], sets["labels"], sets["empty_images"]) == (24_889, 32_442, 3_163)
    assert sets["empty_images_in_replicates"] > 3_163
    (unsure,) = results["label_uncertainty"]["pairs"]
    assert unsure["low"] < pair["real_difference"] < unsure["high"]
    assert unsure["probability_a"] == 1


def test_written_p_value_can_be_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Runner) -> None:
    """2^-1099 is smaller than all p-values that can be computed."""
    monkeypatch.chdir(tmp_path)
    names = [f"{number}.png" for number in range(1100)]
    for name, class_id in (("labels.csv", 0), ("right.csv", 0), ("wrong.csv", 1)):
        heading = "class" if name == "labels.csv" else "prediction"
        write_csv(name, f"image,{heading}", ((each, class_id) for each in names))
    labels = ("--labels", "labels.csv", "--original", "none")
    assert run("compare", "right.csv", "wrong.csv", *labels, "-o", "out.csv").code == 0
    assert "< 1e-300" in Path("out.csv").read_text()
