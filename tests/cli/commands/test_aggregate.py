import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess.aggregation import aggregate, label_sets
from reassess.data import read_original_labels
from reassess.formats import read_label_file, read_score_file
from tests.helpers import RealFile, Runner, document_of, message_of, read_posterior, write_files

VOTES = "image,class,rater,answer\na.png,cat,ann,yes\nb.png,dog,bo,no\n"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Votes of three raters on four items, one item with a tie."""
    rows = ["item,rater,answer"]
    rows += [
        f"{item},{rater},{answer}"
        for item, answers in (("p", "aab"), ("q", "bbb"), ("r", "aaa"))
        for rater, answer in zip("xyz", answers, strict=True)
    ]
    rows += ["s,x,a", "s,y,b"]
    path = tmp_path / "votes.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_imagenet_real_reproduces_published_scores_and_labels(run: Runner, real_file: RealFile, tmp_path: Path) -> None:
    published = read_score_file(real_file("scores.npz"))
    real, original = read_label_file(real_file("real.json")), read_original_labels(real_file("validation_labels.txt"))
    output = tmp_path / "scores.npz"
    result = run("aggregate", "--method", "imagenet-real", "-o", output)
    assert result.code == 0
    assert result.out.splitlines()[1] == "prior: invalid 0.7815, valid 0.2185"
    scores = read_score_file(output)
    assert len(scores) == 184_962
    assert np.abs(scores.values - published.values).max() < 1e-12
    assert scores.questions.images == published.questions.images
    assert label_sets(scores, 0.8, original=original).classes_by_image() == real.classes_by_image()


def test_votes_on_items_give_a_table_of_probabilities(run: Runner, plain: Path, tmp_path: Path) -> None:
    output = tmp_path / "shares.csv"
    result = run("aggregate", plain, "--method", "majority", "-o", output)
    assert (result.code, result.out) == (
        0,
        f"{output}: 4 items, 11 votes by 3 raters, method majority\nties: 1\n",
    )
    assert output.read_text().splitlines()[:3] == [
        "item,answer,probability",
        "p,a,0.6666666666666666",
        "p,b,0.3333333333333333",
    ]


def test_default_method_uses_golden_answers(run: Runner, plain: Path, tmp_path: Path) -> None:
    golden, output = tmp_path / "golden.csv", tmp_path / "p.csv"
    golden.write_text("item,rater,answer\np,expert,b\nq,expert,b\nr,expert,a\n")
    lines = run("aggregate", plain, "--golden", golden, "-o", output).out.splitlines()
    assert lines[0] == f"{output}: 4 items, 11 votes by 3 raters, method stacking"
    assert [line.split(":")[0] for line in lines[1:] if not line.startswith(" ")] == [
        "prior",
        "weights",
        "tempering power",
    ]
    posterior = read_posterior(output)
    assert posterior.values[posterior.items.index("p")].tolist() == [0, 1]  # the expert's answer, against two raters
    results = document_of(run("aggregate", plain, "--golden", golden, "-o", output, "--json", "--force"), "aggregate")
    assert results["results"]["method"] == "stacking"
    assert sum(results["results"]["weights"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--method", "em"], "Give VOTES, or --benchmark."),
        (
            ["VOTES", "--method", "mean", "--pooling", "1"],
            "Method mean does not use --pooling. Methods that use it: calibrated, em, ibcc, ebcc and imagenet-real.",
        ),
        (["VOTES", "--tempering"], "Stacking always tempers: remove --tempering, or choose another method."),
        (["VOTES", "--method", "calibrated"], "Method calibrated measures raters on golden answers: give --golden."),
    ],
)
def test_incompatible_options_are_usage_errors(
    run: Runner, plain: Path, tmp_path: Path, argv: list[str], message: str
) -> None:
    output = tmp_path / "out.csv"
    paths = {"VOTES": plain, "OUT": output}
    error = message_of(run("aggregate", *[paths.get(word, word) for word in argv], "-o", output), 2)
    assert error.endswith(f"Error: {message}\n")
    assert not output.exists()


def test_imagenet_real_needs_votes_on_questions(run: Runner, plain: Path, tmp_path: Path) -> None:
    run_result = run("aggregate", plain, "--method", "imagenet-real", "-o", tmp_path / "out.npz")
    assert (run_result.code, run_result.err.splitlines()[0]) == (
        1,
        f"Error: the votes of {plain} do not answer (image, class) questions",
    )


def test_repeated_votes_are_counted(run: Runner, plain: Path, tmp_path: Path) -> None:
    plain.write_text(plain.read_text() + "s,x,b\n")
    run_result = run("aggregate", plain, "--method", "majority", "-o", tmp_path / "shares.csv").out
    assert "\n1 repeated vote (same rater and item), all counted\n" in run_result


def test_next_command_writes_to_a_new_file(run: Runner, plain: Path, tmp_path: Path, folder: Path) -> None:
    Path("c.csv").write_text("image,rater,answer\na.png,ann,cup\nb.png,ann,mug\n")
    for place in ("labels.json", "labels-2.json"):
        assert f"-o {place}\n" in run("aggregate", "c.csv", "--method", "majority", "-o", "s.csv", "--force").out
        Path(place).touch()


def test_changed_votes_stop_aggregate(run: Runner, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the benchmark would store the hash of the wrong votes."""

    def compute(*args: Any, **options: Any) -> Any:
        write_files(folder, {"pets/votes.csv": VOTES + "b.png,dog,ann,yes\n"})
        return aggregate(*args, **options)

    monkeypatch.setattr("reassess.cli.aggregate_inputs.aggregate", compute)
    write_files(folder, {"pets/votes.csv": VOTES})
    run_result = run("aggregate", "--benchmark", "pets", "--method", "majority", "-o", "pets/scores.csv")
    assert (run_result.code, run_result.error, Path("pets/scores.csv").exists()) == (1, "changed-input", False)


def test_one_question_is_singular(folder: Path, run: Runner) -> None:
    Path("farm").mkdir()
    vote = "image,class,rater,answer\na.jpg,hen,ann,yes\n"
    for part in ("votes", "golden"):
        Path(f"farm/{part}.csv").write_text(vote)
    benchmark_options = ("--benchmark", "farm")
    aggregate_output = run("aggregate", *benchmark_options, "--method", "majority", "-o", "farm/scores.csv").out
    assert aggregate_output.startswith("farm/scores.csv: 1 question, 1 vote by 1 rater, method majority\n")
    assert "without a class list, the classes are the 1 class name in the votes, sorted: hen\n" in aggregate_output
    labels_output = run("labels", *benchmark_options, "--threshold", "0.5", "-o", "farm/labels.csv").out
    assert labels_output.startswith(
        "farm/labels.csv: 1 label on 1 image (threshold 0.5)\n0 rated images have no valid class\n"
    )
    assert "\n1 golden question on 1 image, 1 valid\n" in run("curve", *benchmark_options).out


def test_tempering_is_recorded_and_needs_golden_answers(run: Runner, plain: Path, folder: Path) -> None:
    golden = "\n".join(f"{item},eve,{answer}" for item, answer in zip("pqrs", "abab", strict=True))
    write_files(folder, {"golden.csv": f"item,rater,answer\n{golden}\n"})
    command = ("aggregate", plain, "--method", "em", "--tempering", "-o", "scores.csv")
    assert message_of(run(*command)).startswith("Error: experts' golden votes are missing\n")
    assert "allowed: at least 5" in message_of(run(*command, "--golden", "golden.csv"))
    assert "Method majority does not use --tempering" in message_of(
        run("aggregate", plain, "--method", "majority", "--tempering", "-o", "scores.csv"), 2
    )


def write_pets(folder: Path) -> None:
    """Votes of four raters on 40 questions, and an expert's golden answers on half of them."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 40)
    rows = [
        f"{item}.png,cat,{rater},{'yes' if truth[item] ^ (rng.random() < 0.2) else 'no'}"
        for item in range(40)
        for rater in "wxyz"
    ]
    golden = [f"{item}.png,cat,eve,{'yes' if truth[item] else 'no'}" for item in range(20)]
    files = {"votes": rows, "golden": golden}
    write_files(
        folder, {f"pets/{name}.csv": "\n".join(["image,class,rater,answer", *part]) for name, part in files.items()}
    )


def test_benchmark_keeps_its_method_with_all_options(run: Runner, folder: Path) -> None:
    write_pets(folder)
    command = ("aggregate", "--benchmark", "pets", "-o", "pets/scores.csv", "--force")
    options = ("--method", "em", "--tempering", "--pooling", "2", "--golden-at-least", "1")
    assert run(*command, *options).code == 0
    method = "em, min_experts=1, tempering=true, pooling=2.0"
    first = read_score_file(Path("pets/scores.csv"))
    for _ in range(2):
        assert run(*command).code == 0
        assert json.loads(Path("pets/benchmark.json").read_text())["method"] == method
        assert read_score_file(Path("pets/scores.csv")).values.tolist() == first.values.tolist()
    assert run(*command, "--pooling", "3").code == 0
    assert json.loads(Path("pets/benchmark.json").read_text())["method"] == method.replace("2.0", "3.0")
    assert run(*command, "--golden", "none").code == 0
    assert json.loads(Path("pets/benchmark.json").read_text())["method"] == "em, pooling=3.0"


def test_tempering_needs_raters_votes_on_golden_questions(run: Runner, folder: Path) -> None:
    write_pets(folder)
    header, *votes = Path("pets/votes.csv").read_text().splitlines()
    others = [line for line in votes if int(line.partition(".")[0]) >= 20]
    Path("pets/votes.csv").write_text("\n".join([header, *others]))
    command = ("aggregate", "--benchmark", "pets", "-o", "pets/scores.csv", "--method", "em")
    assert message_of(run(*command, "--tempering")) == (
        "Error: tempering needs raters' votes on golden questions, but only experts answered these questions\n"
        "  fix:     give --method em without --tempering\n"
    )
    assert run(*command).code == 0


def test_note_about_shared_mistakes_without_golden_answers(run: Runner, folder: Path) -> None:
    write_pets(folder)
    note = "\nwithout golden answers, mistakes that raters share are not visible in the probabilities\n"
    for method, golden, has_note in (("auto", "none", True), ("auto", "pets/golden.csv", False), ("em", "none", False)):
        result = run("aggregate", "pets/votes.csv", "--method", method, "--golden", golden, "-o", "p.csv", "--force")
        assert (note in result.out) is has_note


def test_long_class_names_are_shortened(run: Runner, plain: Path, tmp_path: Path) -> None:
    plain.write_text(plain.read_text().replace(",b\n", f",{'b' * 5_000}\n"))
    out = run("aggregate", plain, "--method", "em", "-o", tmp_path / "p.csv").out
    assert f"prior: a 0.5468, {'b' * 20}…{'b' * 20} 0.4532\n" in out


def test_warning_about_rater_with_a_line_break_is_one_line(run: Runner, folder: Path) -> None:
    rng = np.random.default_rng(0)
    truth, copied = rng.integers(0, 2, (2, 200))
    columns = {"ann": truth, "bo": truth ^ (rng.random(200) < 0.2), '"c\nd"': copied, "e": copied}
    rows = [f"{item},{rater},{'ny'[answers[item]]}" for rater, answers in columns.items() for item in range(200)]
    Path("votes.csv").write_text("\n".join(["item,rater,answer", *rows]) + "\n")
    error = run("aggregate", "votes.csv", "-o", "p.csv").err
    assert "c\\nd" in error


def test_help_fits_80_columns(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, run("aggregate", "--help").out.splitlines())) <= 80
