"""A folder exported by a campaign: golden questions have votes of experts and golden votes of raters."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reassess.aggregation import (
    GoldenPredictions,
    aggregate,
    calibrated_recipe,
    golden_truth,
    label_sets,
    predict_golden_questions,
    replay_stops,
    with_golden_votes,
)
from reassess.aggregation.recipe import score_by_recipe
from reassess.comparison import Findings
from reassess.core import Classes, Predictions, StopRule, Votes
from reassess.data import read_original_labels, read_votes
from reassess.errors import MissingResult
from tests.helpers import Runner, output_of, results_of, write_files

RATERS, CLASSES = ("ann", "bo", "cy"), ("cat", "dog")
MAIN, GOLDEN, IN_PART = 12, 8, 1  # images
LINES = (
    "votes on 16 golden questions are from the separate file rater-golden\n",
    "votes on 16 golden items are from the separate file rater-golden: 3.0 per item (other items: 2.5)\n",
    "not used: 2 golden questions on images where raters have not answered all golden questions\n",
)


@pytest.fixture
def rated_folder(folder: Path) -> Path:
    """A benchmark with 2 or 3 votes per question, and 3 on golden questions; the last image is partly rated."""
    rng = np.random.default_rng(0)
    votes: dict[str, list[tuple[str, str, str, str]]] = {"votes": [], "rater-golden": [], "golden": []}
    original = ""
    for image in range(MAIN + GOLDEN + IN_PART):
        truth = CLASSES[int(rng.integers(2))]
        original += f"{image}.png,{truth if rng.random() < 0.8 else 'cat'}\n"
        for name, (number, rater) in product(CLASSES, enumerate(RATERS)):
            is_yes = name == truth if rng.random() < 0.8 else name != truth
            row = (f"{image}.png", name, rater, "yes" if is_yes else "no")
            if image < MAIN and number < 2 + image % 2:
                votes["votes"].append(row)
            elif MAIN <= image < MAIN + GOLDEN or (image >= MAIN and name == "cat"):
                votes["rater-golden"].append(row)
        if image >= MAIN:
            votes["golden"] += [(f"{image}.png", name, "eve", "yes" if name == truth else "no") for name in CLASSES]
    for part, rows in votes.items():
        (folder / "rated").mkdir(exist_ok=True)
        pl.DataFrame(rows, ["image", "class", "rater", "answer"], orient="row").write_csv(f"rated/{part}.csv")
    write_files(folder, {"rated/classes.txt": "cat\ndog\n", "rated/original.csv": f"image,class\n{original}"})
    return folder / "rated"


def parts() -> Iterator[Votes]:
    """Read raters' votes, experts' votes, and raters' golden votes."""
    for part in ("votes", "golden", "rater-golden"):
        yield read_votes(f"rated/{part}.csv", classes=Classes.from_texts(CLASSES))


@pytest.mark.parametrize(
    "options", ["calibrated", "calibrated --original rated/original.csv", "em", "mean", "majority"]
)
def test_all_methods_score_golden_images(rated_folder: Path, run: Runner, options: str) -> None:
    argv = ("aggregate", "--benchmark", "rated", "--method", *options.split())
    uses_experts = options not in ("mean", "majority")
    told = output_of(run(*argv, "-o", "rated/scores.csv"))
    assert LINES[0] in told
    assert (
        "decided by experts: 2 golden questions on 1 image, since raters have not answered all questions of these "
        "images\n" in told
    ) is uses_experts
    scores = pl.read_csv("rated/scores.csv")
    by_experts = 2 * IN_PART * uses_experts
    assert len(scores) == 2 * (MAIN + GOLDEN) + by_experts
    command_results = results_of(run, *argv, "-o", "again.csv")
    assert (command_results["by_golden_votes"], command_results["by_experts"]) == (2 * GOLDEN, by_experts)
    labels = run("labels", "--benchmark", "rated", "--threshold", "0.5", "-o", "rated/labels.csv")
    unrated = "0 unrated images keep their" if uses_experts else "1 unrated image keeps its"
    assert f"{unrated} original label" in labels.out
    last = f"{MAIN + GOLDEN}.png"
    decided = scores.filter(image=last).sort("score").select("class", "score").rows()
    valid = pl.read_csv("rated/golden.csv").filter(image=last, answer="yes")["class"].item()
    (invalid,) = {*CLASSES} - {valid}
    assert decided == ([(invalid, 0.0), (valid, 1.0)] if uses_experts else [])
    out = output_of(run("curve", "--benchmark", "rated", "--leave-out", "image"))
    assert LINES[1] in out
    assert LINES[2] in out
    assert ("each image left out" in out) is uses_experts
    assert run("status", "rated").code == 0
    assert f"{GOLDEN + MAIN - 1}.png" in run("show", f"{GOLDEN + MAIN - 1}.png", "--benchmark", "rated").out


def test_alpha_and_self_agreement_use_main_votes(rated_folder: Path, run: Runner) -> None:
    """Alpha uses only main votes, and golden votes do not count for self-agreement."""
    with_golden_votes_result = results_of(run, "raters", "--benchmark", "rated")
    main_votes_result = results_of(run, "raters", "rated/votes.csv")
    assert with_golden_votes_result["alpha"] == main_votes_result["alpha"]
    assert [one["self_agreement"] for one in with_golden_votes_result["raters"]] == [None] * 3


@pytest.mark.parametrize("original", [("--method", "calibrated"), ("--original", "rated/original.csv")])
def test_golden_votes_are_not_replayed(rated_folder: Path, run: Runner, original: tuple[str, ...]) -> None:
    assert run("aggregate", "--benchmark", "rated", *original, "-o", "rated/scores.csv").code == 0
    argv = ("curve", "--benchmark", "rated", "--stop", "0.2,0.8")
    told = [one["stop"] for one in results_of(run, *argv) if "stop" in one]
    votes, experts, golden = parts()
    is_original = "--original" in original
    labels = read_original_labels("rated/original.csv", classes=Classes.from_texts(CLASSES)) if is_original else None
    _, model, first = score_by_recipe(votes, experts, golden, labels, recipe=calibrated_recipe())
    rules = [StopRule(one["low"], one["high"]) for one in told]
    predictions = predict_golden(votes, experts, golden)
    replays = replay_stops(votes, model, rules, threshold=0.8, initial_votes=first, golden=predictions)
    assert told[0]["tempering_power"] < 1
    if not is_original:  # original labels are the first votes on golden questions too
        assert told == [replay.to_json() for replay in replays]
    assert told[0]["votes"] == len(votes)
    out = run(*argv).out
    assert "votes on golden questions are not among the used votes, because a golden question never closes\n" in out
    assert f"tempering power: {told[0]['tempering_power']:.2f} (by 16 golden questions)\n" in out
    assert (
        "golden answers support none of these rules; 16 golden questions cannot support an error below 36.9 %\n" in out
    )


def predict_golden(votes: Votes, experts: Votes, golden: Votes) -> GoldenPredictions:
    """Predict the golden questions of images where raters have answered all golden questions."""
    truth, rated_votes = golden_truth(experts), with_golden_votes(votes, golden, experts)
    rows = rated_votes.find_positions(truth.questions)
    rated = rated_votes.select_items(rows[rows >= 0])
    return predict_golden_questions(rated, truth.is_valid[rows >= 0].astype(int))


def test_tasks_ignore_golden_votes(rated_folder: Path, run: Runner) -> None:
    """Only main questions with three votes are replayed; golden votes would change the mean."""
    write_files(rated_folder.parent, {"p.csv": "image,class,source\n0.png,cat,m\n12.png,cat,m\n"})
    argv = ("tasks", "p.csv", "--benchmark", "rated", "--per-question", "3", "--stop", "0.2,0.8", "-o", "t.jsonl")
    with_golden = results_of(run, *argv)
    assert with_golden["questions"] == 1
    votes, experts, golden = parts()
    rated_votes = with_golden_votes(votes, golden, experts)
    model = aggregate(rated_votes, experts=experts, rater_golden=golden).model
    (replay,) = replay_stops(
        votes.select_items(np.flatnonzero(votes.sizes >= 3)),
        model,
        [StopRule(0.2, 0.8)],
        threshold=0.8,
        max_votes_per_question=3,
        golden=predict_golden(votes, experts, golden),
    )
    assert with_golden["votes_per_question"] == pytest.approx(replay.n_used_votes.mean() / MAIN)


def test_findings_include_golden_images(rated_folder: Path) -> None:
    """Labels and curves use the votes on all rated images."""
    votes, experts, golden = parts()
    rated_votes = with_golden_votes(votes, golden, experts)
    result = aggregate(rated_votes, "calibrated", experts=experts, rater_golden=golden)
    scores = result.scores_with_experts(votes)
    assert len(scores) == len(result.scores) + 2 * IN_PART
    labels = label_sets(scores, 0.8)
    models = {"one": Predictions.from_ids(np.zeros(len(labels), int), labels.images, classes=labels.classes)}
    known = {"scores": scores, "votes": votes, "experts": experts, "rater_golden_votes": golden}
    findings = Findings.from_predictions(models, labels, **known, threshold=0.8)
    assert not isinstance(findings.label_resampler, MissingResult)
    assert findings.label_resampler.questions.images == scores.images[: MAIN + GOLDEN]  # experts decide the last one
    assert not isinstance(findings.precision_recall_curves, MissingResult)
    given, out_of_sample = findings.precision_recall_curves
    assert (given.curve.in_sample, out_of_sample.curve.in_sample) == (True, False)
    assert given.curve.golden.n_unrated == len(golden_truth(experts)) - 2 * GOLDEN


@pytest.mark.parametrize(
    ("golden", "main", "options", "decided"),
    [
        ({"cat": "no", "dog": "yes"}, (), "", True),
        ({"cat": "no", "dog": ""}, (), "", False),
        ({"cat": "no", "dog": "yes no"}, (), "", False),  # a tie
        ({"cat": "no no", "dog": "yes yes"}, (), "--golden-at-least 2", True),
        ({"cat": "no", "dog": "yes yes"}, (), "--golden-at-least 2", False),
        ({"cat": "no"}, ("dog",), "", False),  # else the raters' votes for dog would be lost
    ],
)
@pytest.mark.parametrize("apart", [False, True])
def test_experts_decide_images_that_only_they_answered_about_in_full(
    rated_folder: Path,
    run: Runner,
    golden: dict[str, str],
    main: tuple[str, ...],
    options: str,
    decided: bool,
    apart: bool,
) -> None:
    with (rated_folder / "golden.csv").open("a") as file:
        for name, answers in golden.items():
            who = [f"{rater},{answer}" for rater, answer in zip("xy", answers.split(), strict=False)] or [","]
            file.writelines(f"new.png,{name},{one}\n" for one in who)
    with (rated_folder / "votes.csv").open("a") as file:
        file.writelines(f"new.png,{name},ann,yes\n" for name in main)
    with (rated_folder / "original.csv").open("a") as file:
        file.write("new.png,dog\n")
    if apart:
        (rated_folder / "rater-golden.csv").unlink()
    argv = ("aggregate", "--benchmark", "rated", "--method", "em", *options.split())
    result = run(*argv, "-o", "rated/scores.csv")
    scores = pl.read_csv("rated/scores.csv").filter(image="new.png").sort("class").select("class", "score").rows()
    assert scores == ([("cat", 0.0), ("dog", 1.0)] if decided else [])
    assert ("golden questions have no raters' votes" in result.err) is bool(main)
    unrated = (0 if decided else 1) + (options != "") * (GOLDEN * apart + IN_PART)
    assert json.loads(run(*argv, "-o", "again.csv", "--json").out)["results"]["golden_unrated"] == unrated
    assert ("unrated: neither raters nor experts have answered all golden questions there\n" in result.out) is (
        unrated > 0
    )
    assert run("labels", "--benchmark", "rated", "--threshold", "0.5", "-o", "rated/labels.csv").code == 0
    assert pl.read_csv("rated/labels.csv").filter(image="new.png")["class"].to_list() == ["dog"]


@pytest.mark.parametrize("prefix", ["", "other/"])
def test_experts_decide_images_without_golden_votes(rated_folder: Path, run: Runner, prefix: str) -> None:
    """If names differ only by a folder, golden images may be misspelt, which is an error."""
    (rated_folder / "rater-golden.csv").unlink()
    golden = pl.read_csv("rated/golden.csv")
    if prefix:
        numbers = golden["image"].str.strip_suffix(".png").cast(int) - MAIN
        golden = golden.with_columns(image=prefix + numbers.cast(str) + ".png")
    golden.write_csv("rated/golden.csv")
    result = run("aggregate", "--benchmark", "rated", "-o", "rated/scores.csv")
    assert result.error == ("nothing-in-common" if prefix else None)
    if not prefix:
        decided = 2 * (GOLDEN + IN_PART)
        assert f"decided by experts: {decided} golden questions on 9 images" in result.out
        scores = pl.read_csv("rated/scores.csv")
        assert (len(scores), set(scores["score"][-decided:])) == (2 * MAIN + decided, {0.0, 1.0})
        assert run("aggregate", "--benchmark", "rated", "--golden", "none", "-o", "main.csv").code == 0
        assert len(pl.read_csv("main.csv")) == 2 * MAIN
