"""`reassess curve`: measures, thresholds, stop rules, figures and errors."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from reassess.aggregation import METHODS
from reassess.data import read_scores
from reassess.formats import write_scores
from tests.helpers import Needs, RealFile, Runner, message_of, output_of, results_of, write_files

GOLDEN = "image,class,rater,answer\n" + "".join(
    f"{image},{class_id},{expert},{'yes' if valid else 'no'}\n"
    for image, class_id, valid in [("a", 1, True), ("a", 2, False), ("b", 1, True), ("c", 1, False)]
    for expert in ("x", "y", "z")
)
SCORES = "image,class,score\na,1,0.9\na,2,0.6\nb,1,0.7\nc,1,0.2\nd,1,0.8\n"
VOTES = "image,class,rater,answer\n" + "".join(
    f"{row},{rater},{answer}\n"
    for row, answers in [("a,1", "yyy"), ("a,2", "nmn"), ("b,1", "ymy"), ("c,1", "nny")]
    for rater, answer in zip(
        ("ann", "bo", "cy"), ({"y": "yes", "n": "no", "m": "maybe"}[x] for x in answers), strict=True
    )
)
IMAGENET = ("scores.npz", "golden.npz", "raters.npz", "raters_golden.npz", "validation_labels.txt")


@pytest.fixture
def here(folder: Path) -> Path:
    """A small benchmark in the working folder."""
    return write_files(
        folder, {"scores.csv": SCORES, "golden.csv": GOLDEN, "F/golden.csv": GOLDEN, "F/votes.csv": VOTES}
    )


@pytest.fixture(scope="module")
def real(real_file: RealFile) -> None:
    """Make the real files known by name."""
    for name in IMAGENET:
        real_file(name)


def test_json_contains_the_curve(here: Path, run: Runner) -> None:
    assert results_of(run, "curve", "scores.csv", "--golden", "golden.csv") == [
        {
            "file": "scores.csv",
            "rule": None,
            "average_precision": 1.0,
            "in_sample": None,
            "points": [
                {"threshold": 0.9, "precision": 1.0, "recall": 0.5},
                {"threshold": 0.7, "precision": 1.0, "recall": 1.0},
                {"threshold": 0.6, "precision": 2 / 3, "recall": 1.0},
                {"threshold": 0.2, "precision": 0.5, "recall": 1.0},
            ],
            "chosen": None,
            "golden": {
                "questions": 4,
                "valid": 2,
                "rule": "valid: more than half of its experts said yes",
                "undecided": 0,
                "unrated": 0,
            },
        }
    ]


def test_chosen_threshold_has_labels_and_intervals(here: Path, run: Runner) -> None:
    (curve,) = results_of(run, "curve", "scores.csv", "--golden", "golden.csv", "--choose", "recall=0.8")
    chosen = curve["chosen"]
    assert (chosen["threshold"], chosen["precision"], chosen["recall"]) == (0.7, 1.0, 1.0)
    low = pytest.approx(0.025 ** (1 / 2))  # exact, for two questions about two images
    assert (chosen["low"], chosen["high"]) == ({"precision": low, "recall": low}, {"precision": 1.0, "recall": 1.0})
    assert (chosen["labels"], chosen["empty_images"]) == (3, 1)


def test_original_labels_are_a_rule(here: Path, run: Runner) -> None:
    (here / "F/original.csv").write_text("image,class\na,1\nb,2\nc,1\ne,5\n")
    (here / "F/votes.csv").unlink()
    argv = ["scores.csv", "--benchmark", "F", "--choose", "recall=0.8"]
    curve, rule = results_of(run, "curve", *argv)
    assert curve["chosen"]["labels"] == 4
    assert (rule["file"], rule["rule"]) == ("F/original.csv", "original label")
    assert rule["points"] == [{"variant": "original label", "threshold": None, "precision": 0.5, "recall": 0.5}]


def test_votes_give_simple_rules(here: Path, run: Runner) -> None:
    argv = ["scores.csv", "--benchmark", "F"]
    _, yes, both, share = results_of(run, "curve", *argv)
    assert (yes["rule"], both["rule"], share["rule"]) == ("one rater: yes", "one rater: yes or maybe", "share of yes")
    assert [(p["variant"], p["precision"], p["recall"]) for p in yes["points"]] == [
        ("ann", 1.0, 1.0),
        ("bo", 1.0, 0.5),
        ("cy", 2 / 3, 1.0),
    ]
    assert [(p["variant"], p["precision"], p["recall"]) for p in both["points"]][1] == ("bo", 2 / 3, 1.0)
    assert [p["variant"] for p in share["points"]] == ["3 of 3 yes", "2 of 3 yes", "1 of 3 yes"]
    assert all(rule["in_sample"] is False and rule["chosen"] is None for rule in (yes, both, share))


def test_golden_votes_of_raters_come_from_votes_or_a_file(here: Path, run: Runner) -> None:
    """With both, scores can be made again without the measured image."""
    (here / "F/votes.csv").write_text(VOTES + "d,1,ann,yes\nd,1,bo,no\n")
    assert run("aggregate", "--benchmark", "F", "-o", "made.npz").code == 0
    argv = ["made.npz", "--benchmark", "F"]
    in_sample, out_of_sample, *rules = results_of(run, "curve", *argv, "--leave-out", "image")
    assert (in_sample["in_sample"], out_of_sample["in_sample"]) == (True, False)
    assert in_sample["points"] != out_of_sample["points"]
    assert results_of(run, "curve", *argv) == [in_sample, *rules]
    (here / "F/rater-golden.csv").write_text(VOTES)
    separate = results_of(run, "curve", *argv, "--leave-out", "image")
    assert [entry | {"file": None} for entry in separate] == [
        entry | {"file": None} for entry in (in_sample, out_of_sample, *rules)
    ]
    assert [rule["file"] for rule in rules] == ["F/votes.csv"] * 3
    assert [rule["file"] for rule in separate[2:]] == ["F/rater-golden.csv"] * 2 + ["F/votes.csv"]


def test_two_files_are_in_one_table(here: Path, run: Runner) -> None:
    (here / "other.csv").write_text(SCORES.replace("0.6", "0.95"))
    out = output_of(run("curve", "scores.csv", "other.csv", "--benchmark", "F", "--choose", "f1"))
    lines = out.splitlines()
    assert lines[2].split()[:3] == ["scores.csv", "1.0000", "0.7"]
    assert lines[3].split()[:3] == ["other.csv", "0.5833", "0.7"]
    assert "\n4 golden questions on 3 images, 2 valid\n" in out


def test_points_are_written(here: Path, run: Runner) -> None:
    argv = ["curve", "scores.csv", "--benchmark", "F", "--choose", "f1", "-o", "p.csv"]
    assert run(*argv).code == 0
    table = pl.read_csv(here / "p.csv")
    rules = ["one rater: yes"] * 3 + ["one rater: yes or maybe"] * 3 + ["share of yes"] * 3
    assert table["rule"].to_list() == [None] * 4 + rules
    assert table["file"].to_list() == ["scores.csv"] * 4 + ["F/votes.csv"] * 9
    assert table["chosen"].to_list() == [False, True] + [False] * 11
    assert run("curve", "scores.csv", "--golden", "golden.csv", "-o", "p.parquet").code == 0
    types = pl.read_parquet_schema("p.parquet")
    assert (types["rule"], types["in_sample"], types["hits"]) == (pl.String, pl.Boolean, pl.Int64), "empty or not"


@pytest.fixture
def calibrated(here: Path, run: Runner) -> list[str]:
    """The start of a command line for calibrated scores."""
    argv = ["aggregate", "--benchmark", "F", "-o", "calibrated.npz"]
    assert run(*argv).code == 0
    return ["curve", "calibrated.npz", "--benchmark", "F"]


def test_calibration_is_printed_written_and_in_json(here: Path, run: Runner) -> None:
    command = ("curve", "scores.csv", "--golden", "golden.csv", "--calibration")
    text = output_of(run(*command, "-o", "bins.csv"))
    assert "calibration of scores.csv" in text
    (curve,) = results_of(run, *command)
    bins = curve["calibration"]["bins"]
    assert [(each["low"], each["questions"], each["valid"]) for each in bins] == [
        (0.2, 1, 0),
        (0.6, 1, 0),
        (0.7, 1, 1),
        (0.9, 1, 1),
    ]
    assert f"log loss {curve['calibration']['log_loss']:.4f}" in text
    table = pl.read_csv(here / "bins.csv")
    assert table.drop("scores").to_dicts() == bins
    assert table["scores"].unique().to_list() == ["scores.csv"]


def test_output_is_of_calibration_or_stop_rules(here: Path, run: Runner) -> None:
    command = ("curve", "scores.csv", "--golden", "golden.csv", "--calibration", "--stop", "0.1,0.9", "-o", "f.svg")
    assert "give --calibration or --stop, not both" in message_of(run(*command), 2)


def test_stop_rule_is_replayed_with_default_rules(calibrated: list[str], run: Runner) -> None:
    out = output_of(run(*calibrated, "--stop", "0.3,0.7", "--choose", "threshold=0.6"))
    table = out[out.index("stop rule") :]
    headings = "stop rule      votes used %   questions changed   images changed   labels in common %\n"
    assert table.startswith(headings)
    rows = [line.split() for line in table.splitlines()[2:10]]
    assert [" ".join(row[:2]) for row in rows][-2:] == ["0.2, 0.8", "0.3, 0.7"]
    assert rows[-1][2] == "66.67"  # two of three votes per question
    assert table.splitlines()[10].startswith("calibrated.npz, stop rule 0.3, 0.7: 66.67 % of 12 votes used; ")
    assert "threshold of labels: 0.6; at least 2 votes per question" in table


def test_replays_are_in_json_and_in_a_table(calibrated: list[str], run: Runner) -> None:
    results = results_of(run, *calibrated, "--stop", "0.3,0.7", "-o", "rules.csv")
    replays = [row for row in results if "stop" in row]
    assert [row["file"] for row in replays] == ["calibrated.npz"] * 8
    assert replays[-1]["stop"]["taken"] == [8] * 10
    table = pl.read_csv("rules.csv")
    assert table["share_taken"].to_list() == [row["stop"]["share_taken"] for row in replays]
    assert table["threshold"].unique().to_list() == [0.8]
    golden = [row["stop"]["golden"] for row in replays]
    assert table["golden_wrong"].to_list() == [each["share_wrong"] for each in golden]
    assert table["golden_wrong_high"].to_list() == [each["high"] for each in golden]
    assert table.row(-1, named=True)["questions_changed"] == sum(replays[-1]["stop"]["changed"]) / 10


def test_replays_are_drawn(calibrated: list[str], run: Runner, needs: Needs) -> None:
    needs("matplotlib")
    assert run(*calibrated, "--stop", "0.3,0.7", "-o", "stop.svg").code == 0
    assert "0.3, 0.7" in Path("stop.svg").read_text()


CLASS_VOTES = "image,rater,answer\n" + "".join(
    f"{image},{rater},{answer}\n"
    for image, answers in {"a": ("cat", "cat", "dog"), "b": ("dog", "dog", "dog"), "d": ("cat", "dog", "cat")}.items()
    for rater, answer in zip(("ann", "bo", "cy"), answers, strict=True)
)


@pytest.mark.parametrize(
    "files",
    [
        {"votes.csv": VOTES + "d,1,ann,yes\nd,1,bo,no\n", "golden.csv": GOLDEN},
        {"votes.csv": CLASS_VOTES, "golden.csv": "image,rater,answer\na,eve,cat\nb,eve,dog\n"},
    ],
    ids=["votes on questions", "votes for classes"],
)
@pytest.mark.parametrize(
    ("method", "expected"), [("em", True), ("calibrated", True), ("majority", False), ("mean", False)]
)
def test_scores_are_in_sample_if_golden_answers_made_them(
    method: str, expected: bool, files: dict[str, str], folder: Path, run: Runner
) -> None:
    write_files(folder, {f"F/{name}": text for name, text in files.items()} | {"copy.csv": files["golden.csv"]})
    assert run("aggregate", "--benchmark", "F", "--method", method, "-o", "F/scores.csv").code == 0
    calls = [(), (folder / "F/scores.csv",), ("--golden", folder / "F/golden.csv"), ("--golden", "copy.csv")]
    for argv in calls:
        curve, *_ = results_of(run, "curve", "--benchmark", "F", *argv)
        assert curve["in_sample"] is expected
    curve_output = run("curve", "--benchmark", "F").out
    assert ("in-sample: the golden answers used here also made the scores\n" in curve_output) is expected
    assert ("for out-of-sample scores: --leave-out image" in curve_output) is expected
    leave_out_output = run("curve", "--benchmark", "F", "--leave-out", "image").out
    assert ("F/scores.csv, each image left out" in leave_out_output) is expected
    unchanged_note = "F/scores.csv: made without golden answers, so --leave-out changes nothing\n"
    assert (unchanged_note in leave_out_output) is not expected


def test_replaced_scores_have_an_unknown_method(here: Path, run: Runner) -> None:
    assert run("aggregate", "--benchmark", "F", "-o", "F/scores.csv").code == 0
    assert read_scores("F/scores.csv").method == "calibrated"
    assert "votes, golden" in run("status", "F").out
    (here / "F/scores.csv").write_text(SCORES)
    assert read_scores("F/scores.csv").method == "unknown"
    assert "votes, golden" not in run("status", "F").out


def test_stored_method_is_kept(here: Path, run: Runner) -> None:
    assert run("aggregate", "--benchmark", "F", "-o", "made.parquet").code == 0
    failure = run("curve", "made.parquet", "--benchmark", "F", "--method", "mean")
    assert (failure.code, "made.parquet was made by calibrated" in failure.err) == (2, True)
    write_scores(here / "later.npz", replace(read_scores("made.parquet"), method="glad, steps=9"))
    assert run("curve", "later.npz", "--benchmark", "F").code == 0
    result = run("curve", "later.npz", "--benchmark", "F", "--leave-out", "image")
    assert (result.error, "  found:   glad, steps=9\n" in result.err) == ("unknown-method", True)


# --- wrong calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "Error: Give SCORES, or --benchmark."),
        (
            ["scores.csv"],
            "Error: Give --golden or --benchmark: only ImageNet's validation images have known golden answers.",
        ),
        (
            ["scores.csv", "--golden", "golden.csv", "--choose", "precision=2"],
            "Error: Invalid value for '--choose': 'precision=2': unknown way to choose a threshold (allowed: "
            "precision=P, recall=R or threshold=T, each from 0 to 1; or f1; found: precision=2)\n",
        ),
        (
            ["scores.csv", "--golden", "golden.csv", "--leave-out", "images"],
            "Error: Invalid value for '--leave-out': 'images' is not 'image' or a number of folds.\n",
        ),
        (
            ["scores.csv", "--golden", "golden.csv", "--stop", "0.1,0.9"],
            "Error: --stop needs the votes that made the scores: give --benchmark.",
        ),
        (
            ["scores.csv", "--golden", "golden.csv", "--stop", "0.9,0.1"],
            "Error: Invalid value for '--stop': '0.9,0.1' is not a stop rule: LOW,HIGH: two probabilities, the lower "
            "one first, such as 0.05,0.95\n",
        ),
        (["scores.csv", "--golden", "none"], "Error: curve needs golden answers, so --golden cannot be none."),
    ],
)
def test_usage_error_has_exit_code_2(argv: list[str], expected: str, here: Path, run: Runner) -> None:
    assert expected in message_of(run("curve", *argv), 2)


ARGUMENTS = ["scores.csv", "--golden", "golden.csv"]
BAD = {
    "a precision that cannot be": (
        {"scores.csv": SCORES.replace("0.6", "0.95")},
        [*ARGUMENTS, "--choose", "precision=0.9"],
        "no threshold reaches this precision\n"
        "  where:   scores.csv\n"
        "  allowed: up to 0.6666666666666666, at threshold 0.7\n"
        "  found:   0.9\n",
    ),
    "unknown method": (
        {},
        ["scores.csv", "--benchmark", "F", "--leave-out", "image"],
        "method that made the scores is not recorded\n"
        "  where:   scores.csv\n"
        f"  allowed: {', '.join(METHODS)}\n"
        "  fix:     name the method: --method NAME\n",
    ),
    "a stop rule for shares of votes": (
        {},
        ["scores.csv", "--benchmark", "F", "--stop", "0.1,0.9", "--method", "majority"],
        "stop rule needs scores made with a rater model\n"
        "  where:   scores.csv\n"
        "  found:   majority\n"
        "  fix:     make the scores with --method calibrated or em\n",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_invalid_input_has_exit_code_1_and_one_message(name: str, here: Path, run: Runner) -> None:
    files, argv, message = BAD[name]
    for file, text in files.items():
        (here / file).write_text(text)
    result = run("curve", *argv)
    assert (result.code, result.out, result.err) == (1, "", f"Error: {message}")


# --- the published data ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("real")
def test_published_scores_are_measured_by_name(run: Runner) -> None:
    curve, original = results_of(run, "curve", "imagenet-real-scores", "--choose", "threshold=0.8")
    assert (curve["file"], curve["in_sample"]) == ("imagenet-real-scores", True)
    assert round(curve["average_precision"], 5) == 0.89324
    chosen = curve["chosen"]
    assert (round(chosen["precision"], 5), round(chosen["recall"], 5)) == (0.89767, 0.77823)
    assert [chosen[side][name] for name in ("precision", "recall") for side in ("low", "high")] == pytest.approx(
        [0.858, 0.934, 0.724, 0.830], abs=0.002
    )
    assert (chosen["labels"], chosen["empty_images"]) == (57_553, 3_163)
    assert (original["file"], original["rule"]) == ("imagenet-original", "original label")
    (point,) = original["points"]
    assert (round(point["precision"], 3), round(point["recall"], 3)) == (0.787, 0.492)


@pytest.mark.parametrize(("method", "has_note"), [("stacking", True), ("em", False)])
def test_note_if_replayed_labels_are_not_those_of_the_scores(
    here: Path, run: Runner, method: str, has_note: bool
) -> None:
    assert run("aggregate", "--benchmark", "F", "--method", method, "-o", "F/scores.csv").code == 0
    text = output_of(run("curve", "--benchmark", "F", "--stop", "0.1,0.9"))
    assert (f"makes labels by the raters' matrices, not by the scores of {method}" in text) == has_note
