"""Votes in another language are read correctly, and typos are errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess.data import update_benchmark
from reassess.formats import read_score_file
from tests.helpers import Runner, message_of, output_of, results_of, write_csv, write_files

HEADINGS = "image,class,rater,answer"
GERMAN = ("nein", "vielleicht", "ja")
ENGLISH = ("no", "maybe", "yes")
GIVE_ALL = "list all answers, from invalid to valid: --answers A,B,..., or answers in benchmark.json"


def benchmark(name: str, votes: tuple[str, ...], golden: tuple[str, ...]) -> Path:
    """Write a benchmark of 20 images and 2 classes: votes of three raters, and golden answers of experts."""
    rng = np.random.default_rng(0)
    rows, golden_rows, original, predicted = [], [], [], []
    for number in range(20):
        image, true_class = f"{number:02d}.png", int(rng.choice(2))
        original.append((image, ("cat", "dog")[true_class if number % 5 else 1 - true_class]))
        predicted.append((image, ("cat", "dog")[true_class if number % 7 else 1 - true_class]))
        for class_id, class_name in enumerate(("cat", "dog")):
            truth = 2 * (class_id == true_class)
            for rater in ("ann", "bo", "cy"):
                answer = truth if rng.random() < 0.8 else int(rng.choice(3))
                rows.append((image, class_name, rater, votes[answer]))
            if number < 8:
                golden_rows += [(image, class_name, expert, golden[truth]) for expert in ("eve", "flo")]
    folder = Path(name)
    folder.mkdir()
    write_csv(folder / "votes.csv", HEADINGS, rows)
    write_csv(folder / "golden.csv", HEADINGS, golden_rows)
    write_csv(folder / "original.csv", "image,class", original)
    write_csv("p.csv", "image,prediction", predicted)
    write_csv("q.csv", "image,prediction", original)
    return folder


def test_commands_read_votes_in_another_language(folder: Path, run: Runner) -> None:
    """The order of answers is given only once, since benchmark.json stores it."""
    benchmark("english", ENGLISH, ENGLISH)
    benchmark("deutsch", GERMAN, ("Nein", "", "JA"))
    benchmark("mixed", GERMAN, ("NO", "", " Yes"))
    answer_options = {"english": (), **dict.fromkeys(("deutsch", "mixed"), ("--answers", ",".join(GERMAN)))}
    results: dict[str, list[Any]] = {}
    for name, answers in answer_options.items():
        results[name] = found = []
        given = "--benchmark", name, "--quiet"
        for method in ("majority", "mean", "em", "calibrated"):
            output_of(run("aggregate", *given, "--method", method, "-o", f"{name}/scores.csv", "--force", *answers))
            found.append((method, read_score_file(f"{name}/scores.csv").values.tolist()))
        assert run("labels", *given, "--threshold", "0.5", "-o", f"{name}/labels.csv").code == 0
        for command, *files in (("compare", "p.csv", "q.csv"), ("show", "03.png")):
            assert run(command, *files, *given).code == 0, command
        output_of(run("report", "p.csv", "q.csv", *given, "--chart", "curve", "-o", "curve.svg", "--force"))
        found.append([one["average_precision"] for one in results_of(run, "curve", *given)])
        found.append(results_of(run, "evaluate", "p.csv", *given)[0]["mistakes"])
        found.append(results_of(run, "raters", *given)["raters"])
    assert results["deutsch"] == results["mixed"] == results["english"]
    assert Path("deutsch/benchmark.json").read_text().count('"ja"') == 1


def test_status_lists_answers(folder: Path, run: Runner) -> None:
    benchmark("pets", ("No", "maybe", "YES"), ("0", "", "1"))
    parts = {one["part"]: one for one in results_of(run, "status", "pets")["parts"]}
    assert parts["votes"]["answers"] == {"no": 56, "maybe": 10, "yes": 54}
    assert parts["golden"]["answers"] == {"0": 16, "1": 16}
    output_text = run("status", "pets").out
    assert "2 classes; answers no 56, maybe 10, yes 54" in output_text
    assert "2 classes; answers 0 16, 1 16" in output_text


def test_commands_report_a_typo_in_the_same_words(folder: Path, run: Runner) -> None:
    benchmark("pets", ENGLISH, ENGLISH)
    assert run("aggregate", "--benchmark", "pets", "--method", "majority", "-o", "pets/scores.csv").code == 0
    assert run("labels", "--benchmark", "pets", "--threshold", "0.5", "-o", "pets/labels.csv").code == 0
    votes = Path("pets/votes.csv")
    votes.write_text(votes.read_text().replace("19.png,dog,cy,yes", "19.png,dog,cy,yess"))
    expected = "Error: unknown answer\n  where:   pets/votes.csv, line 121\n"
    for command in (
        ("aggregate", "--method", "majority", "-o", "s.csv"),
        ("aggregate", "--method", "em", "-o", "s.csv"),
        ("raters",),
        ("curve",),
        ("compare", "p.csv", "q.csv"),
        ("report", "p.csv", "-o", "r.html"),
        ("show", "03.png"),
        ("status", "pets"),
    ):
        result = run(*command, *([] if command[0] == "status" else ["--benchmark", "pets"]))
        assert (result.code, result.err.startswith(expected)) == (1, True), command
        assert result.err.endswith(f"  fix:     correct it, or {GIVE_ALL}\n")


@pytest.mark.parametrize("answers", ["a,a", "maybe", "", "a,,b"])
def test_answers_must_be_two_or_more_different_words(run: Runner, answers: str) -> None:
    run_result = run("raters", "votes.csv", "--answers", answers)
    assert (
        run_result.code,
        run_result.err.endswith("is not a list of two or more different answers, such as no,maybe,yes.\n"),
    ) == (
        2,
        True,
    )


@pytest.mark.parametrize("command", ["aggregate", "raters", "curve"])
def test_answers_missing_from_all_votes_are_an_error(folder: Path, run: Runner, command: str) -> None:
    """Otherwise they would be ignored, since each file keeps its own scale."""
    benchmark("pets", ENGLISH, ("0", "", "1"))
    assert run("aggregate", "--benchmark", "pets", "-o", "pets/scores.csv").code == 0
    output = ("-o", "s.csv", "--force") if command == "aggregate" else ()
    failure = run(command, "--benchmark", "pets", *output, "--answers", ",".join(GERMAN))
    assert (failure.code, failure.error, failure.out) == (1, "unused-option", "")
    assert failure.err == (
        "Error: no vote has one of the answers in --answers\n"
        "  where:   pets/votes.csv, pets/golden.csv\n"
        "  allowed: no, maybe, yes, 0, 1\n"
        "  found:   nein, vielleicht, ja\n"
        "  fix:     correct or remove the answers in --answers\n"
    )
    assert not Path("s.csv").exists()
    assert run(command, "--benchmark", "pets", *output, "--answers", "0,1").code == 0
    update_benchmark("pets", answers=GERMAN)
    assert run(command, "--benchmark", "pets", *output).err.startswith(
        "Error: no vote has one of the answers in benchmark.json\n"
    )


def test_golden_answers_can_all_be_no(folder: Path, run: Runner) -> None:
    write_csv("labels.csv", "image,class", [("a", "cat")])
    write_csv("scores.csv", "image,class,score", [("a", "cat", 0.9), ("a", "dog", 0.3)])
    Path("pets").mkdir()
    for file in ("labels.csv", "scores.csv"):
        Path(file).rename(Path("pets") / file)
    write_csv("pets/golden.csv", HEADINGS, [("a", "dog", "eve", "no")])
    write_csv("p.csv", "image,prediction", [("a", "dog")])
    (model,) = results_of(run, "evaluate", "p.csv", "--benchmark", "pets")
    assert {kind for kind, count in model["mistakes"].items() if count} == {"rejected_by_experts"}


def test_votes_and_golden_answers_of_different_kinds_are_an_error(folder: Path, run: Runner) -> None:
    write_csv("choices.csv", "image,rater,answer", [("a", "x", "cat"), ("b", "y", "dog")])
    write_csv("golden.csv", HEADINGS, [("a", "cat", "eve", "yes")])
    for command in (("aggregate", "choices.csv", "-o", "t.csv"), ("raters", "choices.csv")):
        assert message_of(run(*command, "--golden", "golden.csv")) == (
            "Error: votes of different kinds cannot be joined\n"
            "  where:   choices.csv and golden.csv\n"
            "  found:   one class for each image, and answers to (image, class) questions\n"
            "  fix:     use the columns image and class in both files, or only image in both, or item in both\n"
        )
    write_files(
        folder,
        {
            f"pets/{to}.csv": Path(f"{file}.csv").read_text()
            for file, to in zip(("choices", "golden"), ("votes", "golden"), strict=True)
        },
    )
    run_result = run("status", "pets")
    assert (run_result.code, "votes of different kinds cannot be joined\n" in run_result.err) == (1, True)


def test_golden_none_ignores_golden_answers(folder: Path, run: Runner) -> None:
    benchmark("pets", ENGLISH, ENGLISH)
    given = "--benchmark", "pets", "--force", "-o"
    assert run("aggregate", *given, "with.csv").code == 0
    assert run("aggregate", *given, "without.csv", "--golden", "none").code == 0
    Path("pets/golden.csv").unlink()
    assert run("aggregate", *given, "alone.csv").code == 0
    assert Path("without.csv").read_bytes() == Path("alone.csv").read_bytes() != Path("with.csv").read_bytes()
    assert run("aggregate", *given, "m.csv", "--golden", "none", "--method", "majority").code == 0
    for argv, text in (
        (
            ("--method", "calibrated", "--benchmark", "pets"),
            "Method calibrated measures raters on golden answers: give --golden.",
        ),
        (("--method", "imagenet-real"), "Method imagenet-real measures raters on golden answers: give --golden."),
    ):
        failure = run("aggregate", *argv, "--golden", "none", "-o", "c.csv")
        assert (failure.code, failure.err.splitlines()[-1]) == (2, f"Error: {text}")


def test_undecided_golden_items_are_named(folder: Path, run: Runner) -> None:
    choices = [(image, rater, "cat") for image in "abc" for rater in "xy"] + [("c", "z", "dog")]
    write_csv("votes.csv", "image,rater,answer", choices)
    experts = [("a", "eve", "cat"), ("b", "eve", "cat"), ("b", "flo", "dog"), ("c", "eve", "dog")]
    write_csv("golden.csv", "image,rater,answer", experts)
    note = "1 golden item undecided (no answer of more than half of the experts): image b"
    golden = {"rule": "answer of more than half of the experts", "items": 2, "undecided": 1}
    for argv in (
        ("aggregate", "votes.csv", "--method", "calibrated", "--force", "-o", "scores.csv"),
        ("aggregate", "votes.csv", "--method", "em", "--force", "-o", "em.csv"),
        ("raters", "votes.csv"),
    ):
        assert note in run(*argv, "--golden", "golden.csv").out.splitlines(), argv
        assert results_of(run, argv[0], *argv[1:], "--golden", "golden.csv")["golden"] == golden
    assert note in run("curve", "scores.csv", "--golden", "golden.csv").out.splitlines()
    (curve,) = results_of(run, "curve", "scores.csv", "--golden", "golden.csv")
    assert curve["golden"] == {"questions": 4, "valid": 2, "rule": golden["rule"], "undecided": 1, "unrated": 0}


def test_commands_warn_about_a_misspelled_image(folder: Path, run: Runner) -> None:
    pets = benchmark("pets", ENGLISH, ENGLISH)
    for number in range(20):
        (pets / "images").mkdir(exist_ok=True)
        (pets / "images" / f"{number:02d}.png").touch()
    votes = pets / "votes.csv"
    votes.write_text(votes.read_text().replace("07.png,dog,bo", "70.png,dog,bo"))
    given = "--benchmark", "pets", "--quiet"
    where = "1 of 21 images not in the image folder of pets: 70.png\n"
    aggregate_result = run("aggregate", *given, "-o", "pets/scores.csv")
    assert (aggregate_result.code, aggregate_result.err) == (0, f"Warning: pets/votes.csv: {where}")
    labels_result = run("labels", *given, "--threshold", "0.5", "-o", "pets/labels.csv")
    assert (labels_result.code, labels_result.err) == (0, f"Warning: pets/scores.csv: {where}")
    evaluate_result = run("evaluate", "p.csv", *given)
    assert evaluate_result.code == 0
    assert evaluate_result.err == f"Warning: pets/labels.csv: {where}Warning: pets/scores.csv: {where}"
