"""`reassess evaluate --sample` and `reassess compare --sample`, on a simulated benchmark of 2,000 images."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reassess.comparison import SampleFindings
from reassess.core import Tasks
from reassess.evaluation import find_question_facts
from reassess.formats import write_tasks
from reassess.formats.files import sha256
from tests.helpers import (
    Needs,
    Runner,
    document_of,
    in_one_line,
    message_of,
    output_of,
    results_of,
    write_csv,
    write_files,
)
from tests.sampled import IMAGES, MODELS, simulate_benchmark, with_hashes

BENCH = simulate_benchmark()
OPTIONS = ("--sample", "tasks.jsonl", "--labels", "labels.json", "--original", "original.json")


def write_sample(tasks: Tasks, rows: "list[int] | None" = None) -> Tasks:
    """Write the tasks of a sample, the label sets of its answered images, and return the tasks."""
    tasks = with_hashes(tasks, [sha256(Path(name)) for name in MODELS])
    write_tasks("tasks.jsonl", tasks, force=True)
    labels = BENCH.labels_of(tasks, rows).classes_by_image()
    Path("labels.json").write_text(json.dumps({name: sorted(classes) for name, classes in labels.items()}))
    return tasks


@pytest.fixture
def tasks(folder: Path) -> Tasks:
    """A folder with three models, original labels, and a completely answered sample of 300 images."""
    for name, top1 in zip(MODELS, BENCH.top1, strict=True):
        np.savez(name, ids=top1, names=np.array(IMAGES))
    Path("original.json").write_text(json.dumps(dict(zip(IMAGES, BENCH.original.tolist(), strict=True))))
    return write_sample(BENCH.draw(300, models=(0, 1, 2)))


def find_expected(tasks: Tasks, *models: int, is_anytime: bool = False) -> SampleFindings:
    return SampleFindings.from_predictions(
        BENCH.predictions(*models),
        BENCH.labels_of(tasks),
        tasks,
        original=BENCH.original_labels,
        is_anytime=is_anytime,
    )


def test_evaluate_prints_accuracies_and_wrong_original_labels(tasks: Tasks, run: Runner) -> None:
    out = output_of(run("evaluate", "a.npz", "b.npz", *OPTIONS))
    assert out.startswith(TABLE)
    assert in_one_line(out).endswith(
        "valid: the share of all images whose first class is valid "
        "estimated: what relabelling these 2,000 images with the same questions would give; not estimated: other "
        "images, and classes that nobody was asked about "
        "95 %: holds for one look, at a number of images that does not depend on the answers "
        "if you look more than once, use --anytime "
        "plain, ±: half width of the interval from as many images drawn without strata; plain images: how many such "
        "images are as precise "
        "next: reassess compare a.npz b.npz --labels labels.json --original original.json --sample tasks.jsonl"
    )


TABLE = """\
file    valid %             95 %   original %   plain, ±   plain images
───────────────────────────────────────────────────────────────────────
b.npz     82.97   79.71 to 85.79        83.10       3.94            457
a.npz     75.20   72.22 to 77.96        73.85       4.52            609

original label                        share %             95 %
──────────────────────────────────────────────────────────────
wrong                                   15.33   12.67 to 18.44
wrong: only other classes are valid      7.05     6.05 to 8.19
wrong: no class is valid                 8.29    5.83 to 11.64
valid, and other classes too             0.59     0.18 to 1.94
all files: npz array 'ids' 2000, top-1 ids, joined by path
300 of 300 drawn images used; they stand for 2,000 images
no class that raters were asked about is valid: 25 images of the sample, an estimated \
8.29 % [5.83 to 11.64] of all images
"""


def test_accuracy_of_images_with_a_valid_class_has_its_own_columns_if_candidates_were_asked(
    tasks: Tasks, run: Runner, needs: Needs
) -> None:
    write_sample(BENCH.draw(300, models=(0, 1, 2), rule=("top-1", "original", "candidates")))
    (entry,) = results_of(run, "evaluate", "a.npz", *OPTIONS)
    assert entry["real"]["value"] > entry["valid"]["value"]
    out = output_of(run("evaluate", "a.npz", *OPTIONS))
    headings, _, row, *_ = out.splitlines()
    assert re.split(r"  +", headings)[1:5] == ["valid %", "95 %", "reassessed %", "95 %"]
    assert [float(row.split()[i]) for i in (1, 5)] == [
        pytest.approx(100 * entry[key]["value"], abs=0.005) for key in ("valid", "real")
    ]
    assert "\nreassessed: the accuracy among images with a valid class\n" in out
    Path("valid.json").write_bytes(Path("labels.json").read_bytes())
    named = [option.replace("labels.json", "valid.json") for option in OPTIONS]
    headings = output_of(run("evaluate", "a.npz", *named)).partition("\n")[0]
    assert re.split(r"  +", headings)[1:5] == ["valid %", "95 %", '"valid" %', "95 %"]
    needs("matplotlib")
    needs("jinja2")
    for options, column in ((OPTIONS, "reassessed 95 %"), (named, r"\"valid\" 95 %")):
        output_of(run("report", "a.npz", *options, "-o", "page.html", "--force"))
        assert column in Path("page.html").read_text()


def test_images_whose_class_is_not_in_a_group_are_counted(tasks: Tasks, run: Runner) -> None:
    classes = "".join(f"{n}\n" for n in range(max(map(max, filter(None, BENCH.sets)), default=0) + 1))
    write_files(Path(), {"bench/classes.txt": classes, "bench/groups.csv": "class,group\n0,zero\n"})
    out = output_of(run("evaluate", "a.npz", *OPTIONS, "--benchmark", "bench"))
    n_others = sum(BENCH.original[IMAGES.index(name)] != 0 for name in tasks.sample.images)
    assert f"\nnot in a group: {n_others} drawn images\n" in out


def test_json_has_the_estimates(tasks: Tasks, run: Runner) -> None:
    document = document_of(run("evaluate", "a.npz", "b.npz", *OPTIONS, "--json"), "evaluate")
    findings = find_expected(tasks, 0, 1)
    detected = {"detected": "npz array 'ids' 2000, top-1 ids, joined by path"}
    assert document["results"] == [model.to_json() | detected for model in findings.models]
    first = document["results"][0]
    assert list(first) == ["file", "valid", "real", "original", "detected"]
    assert first["real"] is None
    assert list(first["valid"]) == ["value", "low", "high", "standard_error", "n", "plain_n", "plain_half_width"]
    assert document["sample"] == {
        "for": "accuracy",
        "all_images": 2000,
        "drawn": 300,
        "answered": 300,
        "used": 300,
        "first_without_answer": None,
        "class_without_answer": None,
        "ignored": 0,
        "anytime": False,
        "planned": None,
        "unasked_classes": 0,
        "empty": findings.n_empty,
        "empty_share": findings.empty_share.to_json(),
    }
    assert list(document["original_labels"]) == ["wrong", "other", "none", "more"]
    assert [entry["name"] for entry in document["inputs"]][:3] == ["labels", "original", "sample"]


def test_compare_prints_verdicts_and_differences(tasks: Tasks, run: Runner) -> None:
    out = output_of(run("compare", *MODELS, *OPTIONS))
    findings = find_expected(tasks, 0, 1, 2)
    first, _, third = findings.differences
    assert out.startswith(f"{first.verdict}\n{third.verdict}\n\na       b ")
    assert "Holm p" in out
    results = results_of(run, "compare", *MODELS, *OPTIONS)
    assert results["pairs"] == [pair.to_json() for pair in findings.differences]
    assert [model["file"] for model in results["models"]] == ["b.npz", "c.npz", "a.npz"]
    assert results["sample"]["used"] == 300


def test_anytime_intervals_are_wider(tasks: Tasks, run: Runner) -> None:
    narrow = results_of(run, "compare", "a.npz", "b.npz", *OPTIONS)
    wide = results_of(run, "compare", "a.npz", "b.npz", *OPTIONS, "--anytime")
    (before,), (after,) = narrow["pairs"], wide["pairs"]
    assert after["valid_difference"]["low"] < before["valid_difference"]["low"]
    assert after["valid_difference"]["high"] > before["valid_difference"]["high"]
    assert (after["p_value"], after["holm"], wide["sample"]["planned"]) == (None, None, 300)
    out = output_of(run("compare", "a.npz", "b.npz", *OPTIONS, "--anytime"))
    assert "95 %: holds at all looks together, narrowest at 300 images; for each model and each pair" in out
    assert "Holm p" not in out
    out = output_of(run("evaluate", "a.npz", "b.npz", *OPTIONS, "--anytime"))
    assert out.endswith("--sample tasks.jsonl --anytime\n")


def test_images_after_the_first_open_image_are_not_used(tasks: Tasks, run: Runner) -> None:
    write_sample(tasks, [row for row in range(300) if row not in (200, 250)])
    out = in_one_line(output_of(run("evaluate", "a.npz", *OPTIONS)))
    assert (
        "200 of 300 drawn images used; they stand for 2,000 images; image 201 of the drawn order, "
        f"{tasks.sample.images[200]}, has no answer; 98 later images answered, but not used, because easy images are "
        "answered first"
    ) in out
    write_sample(tasks, list(range(3)))
    assert message_of(run("evaluate", "a.npz", *OPTIONS)).startswith(
        "Error: too few images at the beginning of the sample are answered\n"
    )


def test_scores_of_the_benchmark_tell_which_questions_are_answered(tasks: Tasks, run: Runner) -> None:
    """The benchmark has scores of the questions about 150 images; the labels contain all 300."""
    Path("pets").mkdir()
    Path("original.json").rename("pets/original.json")
    Path("labels.json").rename("pets/labels.json")
    questions = tasks.questions
    with Path("pets/scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "class", "score"])
        for image, class_id in zip(questions.image_ids.tolist(), questions.class_ids.tolist(), strict=True):
            if image < 150:
                valid = class_id in BENCH.sets[int(questions.images[image][:4])]
                writer.writerow([questions.images[image], class_id, float(valid)])
    for command in ("evaluate", "compare"):
        document = document_of(
            run(command, "a.npz", "b.npz", "--sample", "tasks.jsonl", "--benchmark", "pets", "--json"), command
        )
        sample = document["sample"] if command == "evaluate" else document["results"]["sample"]
        assert sample["used"] == 150


def test_tables_are_written(tasks: Tasks, run: Runner) -> None:
    assert output_of(run("evaluate", "a.npz", "b.npz", *OPTIONS, "-o", "models.csv"))
    assert output_of(run("compare", "a.npz", "b.npz", *OPTIONS, "-o", "pairs.csv"))
    models, pairs = (list(csv.DictReader(Path(name).read_text().splitlines())) for name in ("models.csv", "pairs.csv"))
    findings = find_expected(tasks, 0, 1)
    assert [float(row["valid %"]) for row in models] == pytest.approx(
        [100 * model.valid.value for model in findings.models], abs=0.01
    )
    assert float(pairs[0]["a - b"]) == pytest.approx(100 * findings.differences[0].estimate.value, abs=0.01)


def test_sample_of_other_predictions_is_refused(tasks: Tasks, run: Runner) -> None:
    """Files may be saved again; other classes are refused."""
    write_tasks("tasks.jsonl", add_facts(tasks), force=True)
    np.savez_compressed("again.npz", ids=BENCH.top1[0], names=np.array(IMAGES))
    results = document_of(run("evaluate", "again.npz", *OPTIONS, "--json"), "evaluate")["results"]
    assert results[0]["valid"] == find_expected(tasks, 0).models[0].valid.to_json()
    np.savez("new.npz", ids=BENCH.top1[0], names=np.array(IMAGES[::-1]))
    message = in_one_line(message_of(run("evaluate", "new.npz", *OPTIONS)))
    assert message.startswith(
        "Error: the sample was drawn with other predictions where: new.npz allowed: the first classes"
    )
    assert "of 300 drawn images than " in message


def add_facts(tasks: Tasks) -> Tasks:
    """Add what the three models predict."""
    positions = np.array([int(name[:4]) for name in tasks.questions.images])
    facts = find_question_facts(tasks.questions, positions, MODELS, BENCH.top1, BENCH.original)
    return replace(tasks, facts=facts)


def test_empty_label_sets_need_no_scores(tasks: Tasks, run: Runner) -> None:
    """Nobody could judge the third image; image 61 has a label, and no score."""
    names = tasks.sample.images
    sets = {name: list(BENCH.sets[int(name[:4])]) for name in names} | {names[2]: [], names[60]: [3]}
    Path("labels.json").write_text(json.dumps(sets))
    questions = tasks.questions
    rows = [
        (questions.images[image], class_id, 1.0)
        for image, class_id in zip(questions.image_ids.tolist(), questions.class_ids.tolist(), strict=True)
        if questions.images[image] not in (names[2], names[60])
    ]
    write_csv("scores.csv", "image,class,score", rows)
    document = document_of(run("evaluate", "a.npz", *OPTIONS, "--scores", "scores.csv", "--json"), "evaluate")
    assert (document["sample"]["used"], document["sample"]["first_without_answer"]) == (60, names[60])


def test_labels_of_all_images_are_refused(tasks: Tasks, run: Runner) -> None:
    Path("labels.json").write_text(json.dumps(dict(zip(IMAGES, BENCH.sets, strict=True))))
    message = in_one_line(message_of(run("evaluate", "a.npz", *OPTIONS)))
    assert message.startswith("Error: images with a label set were not drawn")
    assert message.endswith("reassess labels SCORES --original none; or ignore other images: --ignore-unknown")
    results = document_of(run("evaluate", "a.npz", *OPTIONS, "--ignore-unknown", "--json"), "evaluate")
    assert (results["sample"]["used"], results["sample"]["ignored"]) == (300, 1700)


def test_images_that_were_answered_twice_are_refused(tasks: Tasks, run: Runner) -> None:
    text = Path("labels.json").read_text()
    Path("labels.json").write_text(text.replace("{", f'{{"{tasks.sample.images[5]}": [], ', 1))
    assert f"{tasks.sample.images[5]}" in message_of(run("evaluate", "a.npz", *OPTIONS))


def test_tasks_without_a_sample_are_refused(tasks: Tasks, run: Runner) -> None:
    lines = Path("tasks.jsonl").read_text().splitlines()[1:]
    kept = ("task", "image", "classes", "reason")
    plain = [json.dumps({name: json.loads(line)[name] for name in kept}) for line in lines]
    Path("tasks.jsonl").write_text("\n".join(plain))
    assert message_of(run("evaluate", "a.npz", *OPTIONS)).startswith("Error: tasks were not drawn for an estimate\n")


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("evaluate", "a.npz", "--anytime"), "--anytime needs --sample."),
        (("compare", "a.npz", "b.npz", "--anytime"), "--anytime needs --sample."),
        (("evaluate", "a.npz", *OPTIONS, "--by", "class"), "--by cannot be used with --sample."),
        (("evaluate", "a.npz", *OPTIONS, "--details", "d.csv"), "--details cannot be used with --sample."),
        (("evaluate", "a.npz", *OPTIONS, "--threshold", "0.5"), "--threshold cannot be used with --sample."),
        (("evaluate", "a.npz", *OPTIONS, "--top-k", "5"), "--top-k cannot be used with --sample."),
        (("evaluate", "a.npz", *OPTIONS, "--duplicates", "d.csv"), "--duplicates cannot be used with --sample."),
        (("evaluate", "a.npz", *OPTIONS, "--labels", "b.json"), "More than one --labels cannot be used with --sample."),
        (("compare", "a.npz", "b.npz", *OPTIONS, "--details", "d.csv"), "--details cannot be used with --sample."),
        (("compare", "a.npz", "b.npz", *OPTIONS, "--seed", "0"), "--seed cannot be used with --sample."),
    ],
)
def test_options_that_make_no_sense_with_a_sample_are_refused(
    tasks: Tasks, run: Runner, argv: tuple[str, ...], problem: str
) -> None:
    assert problem in message_of(run(*argv), 2)


def test_report_writes_page_and_figure(tasks: Tasks, run: Runner, needs: Needs) -> None:
    needs("matplotlib")
    needs("jinja2")
    out = output_of(run("report", "a.npz", "b.npz", *OPTIONS, "-o", "page.html"))
    assert out.startswith(TABLE)
    assert "page.html: 2 models, estimated from a sample" in out
    page = Path("page.html").read_text()
    assert "--sample tasks.jsonl" in page
    argv = ["report", "a.npz", "b.npz", *OPTIONS, "-o", "figure.svg", "--anytime", "--json"]
    document = document_of(run(*argv), "report")
    assert document["results"]["output"] == "figure.svg"
    expected = find_expected(tasks, 0, 1, is_anytime=True).models
    assert [model["valid"] for model in document["results"]["models"]] == [each.valid.to_json() for each in expected]
    assert (document["sample"]["used"], document["sample"]["anytime"]) == (300, True)
    for option in (["--chart", "scatter"], ["--short"], ["--images", "a.npz"], ["--leaderboard", "a.npz"]):
        result = run("report", "a.npz", "b.npz", *OPTIONS, "-o", "x.html", *option)
        assert (result.code, f"{option[0]} cannot be used with --sample" in result.err) == (2, True)
