"""`reassess sample`: the task file, what is printed, pilots, campaigns and errors."""

import json
import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")

from reassess.annotation import (
    GivenAnswer,
    Turn,
    begin_next_turn,
    open_campaign,
    read_image_names_by_address,
    save_answers,
    skip_task,
)
from reassess.evaluation import locate_sample
from reassess.formats import read_tasks, write_tasks
from tests.helpers import (
    Needs,
    Runner,
    document_of,
    in_one_line,
    message_of,
    output_of,
    write_csv,
    write_files,
)

N = 2_000
IMAGES = [f"{number:04}.png" for number in range(N)]
DIFFERENCE = ["sample", "a.npz", "b.npz", "--benchmark", "pets", "--for", "difference", "--seed", "0"]
ACCURACY = ["sample", "a.npz", "--benchmark", "pets", "--for", "accuracy", "--seed", "0"]
_RNG = np.random.default_rng(0)
TRUTH = _RNG.integers(0, 5, N)
ORIGINAL = np.where(_RNG.random(N) < 0.1, (TRUTH + 1) % 5, TRUTH)


def answer_tasks(person: int, n: int = 1_000) -> list[str]:
    """Answer up to n tasks that a person gets in the campaign c.db with the truth; return their images in order."""
    with closing(open_campaign("c.db")) as campaign:
        names = read_image_names_by_address(campaign)
        images: list[str] = []
        while len(images) < n and isinstance(turn := begin_next_turn(campaign, person, 1e9), Turn):
            images.append(names[turn.image_address])
            truth = TRUTH[IMAGES.index(images[-1])]
            given = [GivenAnswer(row.question_id, 2 if row.class_id == truth else 0, 2.0, 0) for row in turn.questions]
            save_answers(campaign, person, given, 1e9)
    return images


@pytest.fixture
def pets(folder: Path) -> Path:
    """A benchmark of 2,000 images, two models with scores, and one with ids only."""
    write_files(folder, {"pets/classes.txt": "cat\ndog\ncup\nmug\nfox\n"})
    rng = np.random.default_rng(1)
    for name, skill in (("a", 1.6), ("b", 1.3)):
        scores = rng.normal(size=(N, 5)).astype(np.float32)
        scores[np.arange(N), TRUTH] += skill + rng.normal(size=N)
        np.savez(f"{name}.npz", scores=scores, names=IMAGES)
        np.savez(f"{name}_ids.npz", ids=scores.argmax(axis=1), names=IMAGES)
    write_labels("pets/original.csv", dict(zip(IMAGES, ORIGINAL.tolist(), strict=True)))
    return folder


def write_labels(path: str, labels: dict[str, int]) -> None:
    names = ("cat", "dog", "cup", "mug", "fox")
    write_csv(path, "image,class", [(image, names[label]) for image, label in labels.items()])


def draw(run: Runner, argv: list[str], output: str = "ask.jsonl") -> list[dict[str, Any]]:
    """Draw a sample, and return the lines of the task file."""
    output_of(run(*argv, "-o", output, "--force"))
    return [json.loads(line) for line in Path(output).read_text().splitlines()]


def answer(path: str, images: list[str]) -> None:
    """Write the true labels of some images."""
    write_labels(path, {image: int(TRUTH[IMAGES.index(image)]) for image in images})


def test_strata_and_expected_interval_are_printed(pets: Path, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run` fails if a line is wider than 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = output_of(run(*DIFFERENCE, "--size", "200", "-o", "ask.jsonl")).splitlines()
    assert lines[0] == "stratum   images   drawn   original accuracy %   guessed valid %"
    assert [line.split()[0] for line in lines[2:5]] == ["settled", "1", "2"]
    drawn = [int(line.split()[2]) for line in lines[2:] if line.split()[0] in ("settled", *map(str, range(1, 20)))]
    assert sum(drawn) == 200
    start = next(number for number, line in enumerate(lines) if line.startswith("ask.jsonl: "))
    assert lines[start].startswith("ask.jsonl: 200 images of 2,000, ")
    assert lines[start + 1].startswith("expected: difference in valid % within about ")
    assert lines[-1] == "next: reassess annotate create campaign.db ask.jsonl --benchmark pets"


def test_each_image_has_the_questions_of_the_rule(pets: Path, run: Runner) -> None:
    write_csv("more.csv", "image,class,source", [(image, "fox", "vit") for image in IMAGES])
    first, *tasks = draw(run, [*DIFFERENCE, "--size", "300", "--candidates", "more.csv"])
    assert first["sample"]["question_rule"] == ["top-1", "original", "candidates"]
    names = ("cat", "dog", "cup", "mug", "fox")
    top1 = [np.load(f"{model}_ids.npz")["ids"] for model in "ab"]
    for task in tasks:
        row = IMAGES.index(task["image"])
        classes = {int(column[row]) for column in (*top1, ORIGINAL)} | {4}
        assert [entry["class"] for entry in task["classes"]] == [names[class_id] for class_id in sorted(classes)]
    assert len({task["image"] for task in tasks}) == len(tasks) == 300
    assert first["sample"]["questions"] == sum(len(task["classes"]) for task in tasks)


def test_probabilities_are_shares_of_the_strata(pets: Path, run: Runner) -> None:
    first, *tasks = draw(run, [*DIFFERENCE, "--size", "200"])
    assert {task["batch"] for task in tasks} == {0}
    for stratum in first["sample"]["strata"]:
        probabilities = [task["probability"] for task in tasks if task["stratum"] == stratum["name"]]
        assert probabilities == [len(probabilities) / stratum["images"]] * len(probabilities)
    settled = next(stratum for stratum in first["sample"]["strata"] if stratum["settled"])
    top1 = [np.load(f"{model}_ids.npz")["ids"] for model in "ab"]
    assert settled == {"name": "settled", "images": int((top1[0] == top1[1]).sum()), "settled": True}
    sample = read_tasks("ask.jsonl").sample
    assert sample is not None
    assert [IMAGES[row] for row in locate_sample(sample, IMAGES).images.tolist()] == list(sample.images)


def test_seed_decides_the_draw_and_order_of_files_does_not(pets: Path, run: Runner) -> None:
    lines = draw(run, [*DIFFERENCE, "--size", "100"])
    swapped = [DIFFERENCE[0], "b.npz", "a.npz", *DIFFERENCE[3:], "--size", "100"]
    assert draw(run, swapped, "swapped.jsonl") == lines
    other = draw(run, [*DIFFERENCE[:-1], "1", "--size", "100"])
    assert [task["image"] for task in other[1:]] != [task["image"] for task in lines[1:]]
    seeds = [draw(run, [*DIFFERENCE[:-2], "--size", "100"])[0]["sample"]["seed"] for _ in range(2)]
    assert seeds[0] != seeds[1]


def test_half_width_in_points_gives_the_size(pets: Path, run: Runner) -> None:
    sizes = []
    for half_width in ("2", "4"):
        results = document_of(
            run(*ACCURACY, "--halfwidth", half_width, "-o", f"{half_width}.jsonl", "--json"), "sample"
        )["results"]
        assert results["expected"]["half_width"] == pytest.approx(float(half_width) / 100, rel=0.01)
        assert results["expected"]["plain_images"] > results["images"]
        sizes.append(results["images"])
    assert sizes[0] > 2.5 * sizes[1]


def test_document_contains_everything_that_is_printed(pets: Path, run: Runner) -> None:
    document = document_of(run(*ACCURACY, "--size", "100", "-o", "ask.jsonl", "--json"), "sample")
    results = document["results"]
    assert [entry["path"] for entry in document["inputs"]] == ["pets/classes.txt", "pets/original.csv", "a.npz"]
    counts = {name: results[name] for name in ("output", "for", "seed", "images", "pilot_images", "all_images")}
    assert counts == {
        "output": "ask.jsonl",
        "for": "accuracy",
        "seed": 0,
        "images": 100,
        "pilot_images": 0,
        "all_images": 2_000,
    }
    (model,) = results["models"]
    accuracy = float((np.load("a_ids.npz")["ids"] == ORIGINAL).mean())
    assert model == {
        "name": "a.npz",
        "sha256": document["inputs"][-1]["sha256"],
        "original_accuracy": pytest.approx(accuracy),
        "has_scores": True,
    }
    mean = sum(stratum["agreement"] * stratum["images"] for stratum in results["strata"]) / N
    assert mean == pytest.approx(accuracy)
    assert sum(stratum["drawn"] for stratum in results["strata"]) == 100


def test_without_scores_agreement_alone_makes_strata(pets: Path, run: Runner) -> None:
    argv = ["sample", "a_ids.npz", "--benchmark", "pets", "--for", "labels", "--size", "100", "-o", "ask.jsonl"]
    text = output_of(run(*argv))
    assert (
        "a_ids.npz: without scores, strata only follow the place of the original label among the first classes\n"
        in text
    )
    assert "100 images of 2,000, " in text
    assert "2 strata\nexpected: share of wrong original labels within about " in text
    assert re.search(r"a plain sample would need about 1\d\d images", " ".join(text.split()))


def test_lists_of_first_classes_make_strata_by_the_place_of_the_original_label(pets: Path, run: Runner) -> None:
    """Of 6 places, five are in the first classes that are searched; with one class, only agreement is known."""
    rng = np.random.default_rng(2)
    place = rng.choice(6, N, p=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    lists = (ORIGINAL[:, None] + np.arange(6) - place[:, None]) % 6  # the original label at its place
    write_files(pets, {"pets/classes.txt": "cat\ndog\ncup\nmug\nfox\nowl\n"})
    argv = ["--benchmark", "pets", "--for", "accuracy", "--size", "200"]
    for k, kinds in ((1, [place == 0, place > 0]), (6, [place == 0, (place > 0) & (place < 5), place == 5])):
        np.savez("lists.npz", ids=lists[:, :k], names=IMAGES)
        strata = draw(run, ["sample", "lists.npz", *argv])[0]["sample"]["strata"]
        assert sorted(stratum["images"] for stratum in strata) == sorted(int(kind.sum()) for kind in kinds)


def test_images_that_a_file_misses_are_not_in_the_set(pets: Path, run: Runner) -> None:
    scores = np.load("b.npz")["scores"]
    np.savez("b.npz", scores=scores[500:], names=IMAGES[500:])
    text = output_of(run(*DIFFERENCE, "--size", "100", "-o", "ask.jsonl"))
    assert "100 images of 1,500" in text
    assert "the estimate will be about the 1,500 images in all files; up to 500 images of a file are not in" in text
    assert all(task["image"] >= "0500" for task in map(json.loads, Path("ask.jsonl").read_text().splitlines()[1:]))


def test_all_images_give_an_exact_estimate(pets: Path, run: Runner) -> None:
    text = output_of(run(*ACCURACY, "--size", str(N), "-o", "ask.jsonl"))
    assert "all images are in the sample, so the estimate will be exact\n" in text


@pytest.mark.parametrize("purpose", ["accuracy", "difference", "labels"])
def test_pilot_is_the_first_batch_of_the_new_file(pets: Path, run: Runner, purpose: str) -> None:
    argv = ["sample", "a.npz", "b.npz", "--benchmark", "pets", "--for", purpose]
    pilot = draw(run, [*argv, "--size", "100", "--seed", "7"], "pilot.jsonl")
    answer("answers.csv", [task["image"] for task in pilot[1:]])
    lines = draw(run, [*argv, "--size", "250", "--pilot", "pilot.jsonl", "--labels", "answers.csv"], "both.jsonl")
    assert lines[0]["sample"]["seed"] == 7
    assert lines[0]["sample"]["planned"] == 250
    assert [task["batch"] for task in lines[1:]] == [0] * 100 + [1] * 150
    facts = [task.pop("classes") for task in lines[1:101]]
    asked = [task.pop("classes") for task in pilot[1:]]
    assert lines[1:101] == pilot[1:]
    for task, answered, before in zip(pilot[1:], facts, asked, strict=True):
        truth = ("cat", "dog", "cup", "mug", "fox")[TRUTH[IMAGES.index(task["image"])]]
        assert answered == [known | {"valid": known["class"] == truth} for known in before]
    assert lines[0]["sample"]["strata"] == pilot[0]["sample"]["strata"]


@pytest.mark.parametrize("purpose", ["labels", "accuracy"])
def test_scores_of_questions_draw_more_images_whose_answer_is_uncertain(pets: Path, run: Runner, purpose: str) -> None:
    """The scores are 0.5 for the first 200 images, and certain for the other images."""
    names = ("cat", "dog", "cup", "mug", "fox")
    top1 = np.load("a_ids.npz")["ids"]
    rows = [
        (image, names[class_id], 0.5 if row < 200 else 1.0)
        for row, image in enumerate(IMAGES)
        for class_id in sorted({int(ORIGINAL[row]), int(top1[row])})
    ]
    write_csv("scores.csv", "image,class,score", rows)
    argv = ["sample", "a.npz", "--benchmark", "pets", "--for", purpose, "--size", "200", "--seed", "1"]
    plain = draw(run, argv)[1:]
    tasks = draw(run, [*argv, "--scores", "scores.csv"])[1:]
    n_uncertain = [sum(IMAGES.index(task["image"]) < 200 for task in lines) for lines in (plain, tasks)]
    assert n_uncertain[1] > 1.4 * n_uncertain[0]
    assert "guesses use scores of 100.0 % of the " in output_of(
        run(*argv, "--scores", "scores.csv", "-o", "ask.jsonl", "--force")
    )
    answer("labels.csv", [task["image"] for task in tasks])
    pilot = ["--pilot", "ask.jsonl", "--labels", "labels.csv"]
    size = [word if word != "200" else "400" for word in argv]
    again = draw(run, [*size, *pilot, "--scores", "scores.csv"], "more.jsonl")
    assert len(again) - 1 == 400
    assert "original labels or scores" in message_of(run(*size, *pilot, "-o", "x.jsonl"))
    write_csv("others.csv", "image,class,score", [("x.png", "cat", 1.0)])
    assert "no original label, has a score" in message_of(run(*argv, "--scores", "others.csv", "-o", "x.jsonl"))


def test_pilot_narrows_the_expected_interval(pets: Path, run: Runner) -> None:
    """The expected interval with a pilot is computed for both batches; half widths count both."""
    pilot = draw(run, [*DIFFERENCE, "--size", "100"], "pilot.jsonl")
    answer("answers.csv", [task["image"] for task in pilot[1:]])
    argv = [*DIFFERENCE, "--pilot", "pilot.jsonl", "--labels", "answers.csv", "--json", "--force", "-o", "both.jsonl"]
    results = document_of(run(*argv, "--size", "300"), "sample")["results"]
    assert (results["images"], results["pilot_images"]) == (300, 100)
    width = results["expected"]["half_width"]
    again = document_of(run(*argv, "--halfwidth", str(100 * width)), "sample")["results"]
    assert again["images"] == 300


def test_campaign_asks_in_drawn_order_and_only_about_the_last_batch(pets: Path, run: Runner, needs: Needs) -> None:
    needs("sqlalchemy")
    pilot = draw(run, [*DIFFERENCE, "--size", "100"], "pilot.jsonl")
    answer("answers.csv", [task["image"] for task in pilot[1:]])
    lines = draw(run, [*DIFFERENCE, "--size", "150", "--pilot", "pilot.jsonl", "--labels", "answers.csv"])
    text = output_of(run("annotate", "create", "c.db", "ask.jsonl", "--benchmark", "pets", "--golden", "none"))
    assert text.startswith("c.db: 50 tasks, ")
    assert "ask.jsonl: 100 images of earlier batches are not in the campaign, because they are answered already" in text
    output_of(run("annotate", "invite", "c.db", "ann"))
    assert answer_tasks(1) == [task["image"] for task in lines[101:]]


def test_drawn_golden_questions_leave_the_other_tasks_in_drawn_order(pets: Path, run: Runner, needs: Needs) -> None:
    needs("sqlalchemy")
    lines = draw(run, [*DIFFERENCE, "--size", "60"])
    output_of(run("annotate", "create", "c.db", "ask.jsonl", "--benchmark", "pets", "--golden", "10", "--seed", "3"))
    output_of(run("annotate", "invite", "c.db", "ann", "eve:expert"))
    golden = set(answer_tasks(2))
    assert 2 < len(golden) < 20
    ordinary = [image for image in answer_tasks(1) if image not in golden]
    assert ordinary == [task["image"] for task in lines[1:] if task["image"] not in golden]


def make_campaign(run: Runner, *options: str) -> None:
    """Make a campaign of ask.jsonl with one vote per question, for the rater ann and the expert eve."""
    create = ["annotate", "create", "c.db", "ask.jsonl", "--benchmark", "pets", "--seed", "3"]
    output_of(run(*create, *(options if "--per-question" in options else ["--per-question", "1", *options])))
    output_of(run("annotate", "invite", "c.db", "ann", "eve:expert"))


@pytest.mark.parametrize(("purpose", "n"), [("difference", 70), ("accuracy", 150), ("labels", 100)])
def test_status_shows_what_compare_finds_from_the_answers_so_far(
    pets: Path, run: Runner, needs: Needs, purpose: str, n: int
) -> None:
    needs("sqlalchemy")
    draw(run, ["sample", "b.npz", "a.npz", *DIFFERENCE[3:6], purpose, "--seed", "0", "--size", "150"])
    make_campaign(run)
    images = answer_tasks(1, n)
    answer("answers.csv", images)
    compare = ["compare", "a.npz", "b.npz", "--benchmark", "pets", "--sample", "ask.jsonl", "--labels", "answers.csv"]
    expected = document_of(run(*compare, "--anytime", "--json"), "compare")["results"]
    sample = document_of(run("status", "c.db", "--json"), "status")["results"]["sample"]
    for found, other in zip(sample["pairs"], expected["pairs"], strict=True):
        assert (f"{found['a']}.npz", f"{found['b']}.npz") == (other["a"], other["b"])
        assert found["valid_difference"] == pytest.approx(other["valid_difference"])
    for found, other in zip(sample["models"], expected["models"], strict=True):
        assert found["valid"] == pytest.approx(other["valid"])
    assert sample["original_labels"] == expected["original_labels"]
    assert sample["sample"] | {"unasked_classes": ANY} == expected["sample"]
    assert sample["sample"]["used"] == n
    text = in_one_line(output_of(run("status", "c.db")))
    assert f"sample: {n} of 150 drawn images used; they stand for 2,000 images" in text
    if purpose == "difference":
        assert sample["pairs"][0]["verdict"] in text
        assert "if the difference stays the same, about " in text
        assert sample["pairs"][0]["images_needed"] > n
    else:
        value = sample["models"][0]["valid"] if purpose == "accuracy" else sample["original_labels"]["wrong"]
        name = "a, images whose first class is valid" if purpose == "accuracy" else "wrong original labels"
        assert f"{name}: {100 * value['value']:.2f} % ({100 * value['low']:.2f} to {100 * value['high']:.2f})" in text
        assert ("points with all 150 images" in text) == (n < 150)


def test_status_uses_the_answers_to_the_pilot(pets: Path, run: Runner, needs: Needs) -> None:
    needs("sqlalchemy")
    pilot = draw(run, [*DIFFERENCE, "--size", "100"], "pilot.jsonl")
    answer("answers.csv", [task["image"] for task in pilot[1:]])
    lines = draw(run, [*DIFFERENCE, "--size", "200", "--pilot", "pilot.jsonl", "--labels", "answers.csv"])
    make_campaign(run)
    assert results_so_far(run)["sample"]["used"] == 100
    answer_tasks(1)
    sample = results_so_far(run)["sample"]
    assert (sample["used"], sample["first_without_answer"]) == (200, None)
    answer("new.csv", [task["image"] for task in lines[101:]])
    compare = ["compare", "a.npz", "b.npz", "--benchmark", "pets", "--sample", "ask.jsonl", "--labels", "new.csv"]
    expected = document_of(run(*compare, "--anytime", "--json"), "compare")["results"]
    assert results_so_far(run)["pairs"][0]["valid_difference"] == pytest.approx(
        expected["pairs"][0]["valid_difference"]
    )


def test_status_uses_the_answers_of_experts_to_golden_questions(pets: Path, run: Runner, needs: Needs) -> None:
    needs("sqlalchemy")
    draw(run, [*ACCURACY, "--size", "150"])
    make_campaign(run, "--golden", "5")
    answer_tasks(1)
    before = results_so_far(run)["sample"]
    golden = answer_tasks(2)
    assert before["first_without_answer"] in golden
    after = results_so_far(run)["sample"]
    assert (after["used"], after["first_without_answer"]) == (150, None)


def export_labels(run: Runner) -> None:
    """Export the campaign c.db, and make label sets as the commands suggest."""
    output_of(run("annotate", "export", "c.db", "-o", "rated"))
    output_of(run("aggregate", "--benchmark", "rated", "-o", "rated/scores.csv"))
    output_of(run("labels", "--benchmark", "rated", "-o", "rated/labels.csv"))


def test_exported_campaign_gives_the_results_of_its_status(pets: Path, run: Runner, needs: Needs) -> None:
    """One rater has answered 80 images, another one 50 of these; two votes are needed."""
    needs("sqlalchemy")
    draw(run, [*DIFFERENCE, "--size", "150"])
    make_campaign(run, "--per-question", "2")
    output_of(run("annotate", "invite", "c.db", "bo"))
    answer_tasks(1, 80)
    answer_tasks(3, 50)
    expected = results_so_far(run)
    assert expected["sample"]["used"] == 50
    export_labels(run)
    compare = ["compare", "a.npz", "b.npz", "--benchmark", "rated", "--json"]
    results = document_of(run(*compare, "--anytime"), "compare")["results"]
    assert results["pairs"][0]["valid_difference"] == pytest.approx(expected["pairs"][0]["valid_difference"])
    assert results["sample"]["used"] == 50
    assert "if you stopped because of results that you have seen, use --anytime" in in_one_line(
        output_of(run("evaluate", "a.npz", "--benchmark", "rated"))
    )
    plain = document_of(run(*compare, "--sample", "none"), "compare")["results"]
    assert "sample" not in plain
    message = message_of(run("evaluate", "a.npz", "--benchmark", "rated", "--by", "class"), 2)
    assert "--by cannot be used with --sample of the benchmark (rated/sample.jsonl): give --sample none too." in message
    output_of(run("report", "a.npz", "b.npz", "--benchmark", "rated", "-o", "page.html"))
    assert "<h1>Which model is better?</h1>" in Path("page.html").read_text()


def test_image_that_all_raters_skip_has_no_valid_class(pets: Path, run: Runner, needs: Needs) -> None:
    needs("sqlalchemy")
    draw(run, [*ACCURACY, "--size", "60"])
    make_campaign(run)
    images = answer_tasks(1, 20)
    with closing(open_campaign("c.db")) as campaign:
        turn = begin_next_turn(campaign, 1, 1e9)
        assert isinstance(turn, Turn)
        skip_task(campaign, 1, turn.task_id, 1e9)
    images += answer_tasks(1)
    sample = results_so_far(run)["sample"]
    assert (sample["used"], sample["first_without_answer"], len(images)) == (60, None, 59)
    export_labels(run)
    results = document_of(run("evaluate", "a.npz", "--benchmark", "rated", "--anytime", "--json"), "evaluate")
    assert (results["sample"]["used"], results["sample"]["empty"]) == (60, sample["empty"])


def test_status_of_a_file_without_models_shows_progress(pets: Path, run: Runner, needs: Needs) -> None:
    needs("sqlalchemy")
    draw(run, [*ACCURACY, "--size", "60"])
    tasks = read_tasks("ask.jsonl")
    write_tasks("ask.jsonl", replace(tasks, facts=None), force=True)
    make_campaign(run)
    answer_tasks(1)
    text = in_one_line(output_of(run("status", "c.db")))
    assert text.startswith("sample: no results yet: tasks do not say what the models predict")
    assert "questions: 0 open" in text


def results_so_far(run: Runner) -> dict[str, Any]:
    """Return what `reassess status` says about the sample of a campaign."""
    results: dict[str, Any] = document_of(run("status", "c.db", "--json"), "status")["results"]["sample"]
    return results


def test_status_says_how_many_answers_the_first_results_need(pets: Path, run: Runner, needs: Needs) -> None:
    needs("sqlalchemy")
    draw(run, [*DIFFERENCE, "--size", "150"])
    make_campaign(run)
    answer_tasks(1, 10)
    text = in_one_line(output_of(run("status", "c.db")))
    needed = int(text.partition("needed: the first ")[2].split()[0])
    assert 10 < needed < 40
    results = document_of(run("status", "c.db", "--json"), "status")["results"]
    assert results["sample"] is None
    assert "; image 11, " in results["sample_reason"]
    answer_tasks(1, needed - 10)
    assert f"sample: {needed} of 150 drawn images used" in in_one_line(output_of(run("status", "c.db")))


@pytest.mark.parametrize(
    ("argv", "code", "expected"),
    [
        ([*ACCURACY], 2, "Error: Give either --size N or --halfwidth W."),
        ([*ACCURACY, "--size", "9", "--halfwidth", "2"], 2, "Error: Give either --size N or --halfwidth W."),
        ([*ACCURACY[:5], "difference", "--size", "99"], 2, "Error: --for difference needs at least two models."),
        ([*ACCURACY, "--size", "99", "--labels", "x.csv"], 2, "Error: --labels needs --pilot"),
        ([*DIFFERENCE, "--size", "20"], 1, "Error: sample is too small\n  allowed: --size 31 to 2,000\n"),
        ([*DIFFERENCE, "--size", "2001"], 1, "Error: sample has more images than there are\n"),
        ([*ACCURACY, "--size", "99", "--original", "none"], 1, "Error: original labels are missing\n"),
        (
            ["sample", "a.npz", "a_ids.npz", *DIFFERENCE[3:], "--size", "99"],
            1,
            "Error: all models predict the same class for every image\n",
        ),
        (
            [*ACCURACY, "--size", "99", "--candidates", "other.csv"],
            1,
            "Error: candidates and predictions have no image",
        ),
    ],
)
def test_wrong_options_and_inputs(pets: Path, run: Runner, argv: list[str], code: int, expected: str) -> None:
    write_csv("other.csv", "image,class,source", [("other.png", "fox", "vit")])
    assert expected in message_of(run(*argv, "-o", "ask.jsonl"), code)
    assert not Path("ask.jsonl").exists()


def test_image_without_an_original_label_is_named(pets: Path, run: Runner) -> None:
    write_labels("pets/original.csv", dict(zip(IMAGES[1:], ORIGINAL[1:].tolist(), strict=True)))
    write_labels("pets/labels.csv", dict(zip(IMAGES, TRUTH.tolist(), strict=True)))
    text = output_of(run(*ACCURACY, "--size", "50", "--ignore-unknown", "-o", "pilot.jsonl"))
    assert "50 images of 1,999" in text
    assert "a.npz: 1 unknown image ignored\n" in text
    text = message_of(run(*ACCURACY, "--size", "99", "--pilot", "pilot.jsonl", "-o", "ask.jsonl"))
    assert "predicted image has no original label\n  where:   image 0000.png\n" in text


def test_pilot_with_other_questions_is_refused(pets: Path, run: Runner) -> None:
    pilot = draw(run, [*ACCURACY, "--size", "60"], "pilot.jsonl")
    answer("answers.csv", [task["image"] for task in pilot[1:]])
    write_csv("more.csv", "image,class", [(image, "fox") for image in IMAGES])
    argv = [*ACCURACY, "--size", "120", "--pilot", "pilot.jsonl", "--labels", "answers.csv", "-o", "both.jsonl"]
    message = message_of(run(*argv, "--candidates", "more.csv"))
    assert message.startswith("Error: the pilot has other questions\n  where:   pilot.jsonl, image ")
    assert not Path("both.jsonl").exists()


def test_third_batch_uses_the_answers_in_the_file(pets: Path, run: Runner) -> None:
    pilot = draw(run, [*ACCURACY, "--size", "60"], "pilot.jsonl")
    answer("answers.csv", [task["image"] for task in pilot[1:]])
    both = draw(run, [*ACCURACY, "--size", "120", "--pilot", "pilot.jsonl", "--labels", "answers.csv"], "both.jsonl")
    answer("second.csv", [task["image"] for task in both[61:]])
    lines = draw(run, [*ACCURACY, "--size", "200", "--pilot", "both.jsonl", "--labels", "second.csv"], "all.jsonl")
    assert [task["batch"] for task in lines[1:]] == [0] * 60 + [1] * 60 + [2] * 80
    assert all("valid" in entry for task in lines[1:121] for entry in task["classes"])


def test_wrong_pilots_are_refused(pets: Path, run: Runner) -> None:
    pilot = draw(run, [*DIFFERENCE, "--size", "100"], "pilot.jsonl")
    images = [task["image"] for task in pilot[1:]]
    answer("answers.csv", images)
    answer("some.csv", images[:-3])
    options = ["--size", "200", "--labels", "answers.csv", "-o", "ask.jsonl", "--pilot"]

    def refusal(argv: list[str], *more: str) -> str:
        return message_of(run(*argv, *options, *more)).splitlines()[0]

    assert refusal([*DIFFERENCE[:-3], "accuracy"], "pilot.jsonl") == "Error: the pilot was drawn for another purpose"
    other = ["sample", "a.npz", "b_ids.npz", *DIFFERENCE[3:]]
    assert refusal(other, "pilot.jsonl") == "Error: the pilot was drawn with other predictions"
    text = message_of(run(*DIFFERENCE, *options, "pilot.jsonl", "--labels", "some.csv"))
    assert text.startswith(f"Error: image of the pilot has no label set\n  where:   some.csv, image {images[-3]}\n")
    write_files(pets, {"plain.jsonl": '{"task": 0, "image": "0000.png", "classes": [{"class": "cat"}]}\n'})
    assert refusal(DIFFERENCE, "plain.jsonl") == "Error: task file has no sample"
    changed = dict(zip(IMAGES, np.where(np.arange(N) % 3, ORIGINAL, TRUTH).tolist(), strict=True))
    write_labels("pets/original.csv", changed)
    assert refusal(DIFFERENCE, "pilot.jsonl") == "Error: the pilot was drawn from other strata"
    Path("short.jsonl").write_text("\n".join(Path("pilot.jsonl").read_text().splitlines()[:50]))
    assert refusal(DIFFERENCE, "short.jsonl").startswith("Error: description of the random draw, in the first line")
