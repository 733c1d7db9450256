"""Names of label sets in tables: ReaL for ImageNet's, and the file name for others."""

import json
from pathlib import Path

import pytest

from tests.helpers import RealFile, Runner, results_of, validation_name, write_csv

N = 40
LABELS = {f"{i:02}.jpg": [i % 3, 3] if i % 4 else [] for i in range(N)}
ORIGINAL = {name: i % 5 for i, name in enumerate(LABELS)}
MODELS = {"a.csv": 7, "b.csv": 4, "c.csv": 2}  # wrong on every 7th, 4th and 2nd image
LABEL_OPTIONS = ("--labels", "pets.json", "--original", "original.json")
ALONE = ("--original", "none", "--scores", "none")


@pytest.fixture
def bench(folder: Path) -> Path:
    """Label sets, original labels and three models."""
    for name in ("pets.json", "a_long_name_of_pets.json"):
        Path(name).write_text(json.dumps(LABELS))
    Path("original.json").write_text(json.dumps(ORIGINAL))
    for file, every in MODELS.items():
        write_csv(file, "image,prediction", [(name, i % 3 if i % every else 4) for i, name in enumerate(LABELS)])
    return folder


def table(run: Runner, *argv: str) -> list[str]:
    """Return the lines that a command prints; warnings may only tell that models agree by chance."""
    run_result = run(*argv, "--quiet")
    assert run_result.code == 0
    assert all("no better than chance" in line for line in run_result.err.splitlines())
    return [line.rstrip() for line in run_result.out.splitlines()]


def test_columns_are_named_after_the_label_set(bench: Path, run: Runner, report_extra: None) -> None:
    for heading, row, argv in (
        ("file    pets top-1 %             95 %   original top-1 %   soft  ", 0, ("evaluate", *MODELS)),
        ("class   name   most often instead   images   pets top-1 %   pred", 5, ("evaluate", "a.csv", "--by", "class")),
        ("valid labels   images   pets top-1 %             95 %", 5, ("evaluate", "a.csv", "--by", "label-count")),
        ("pets                   30   86.67   66.67   +20.00    +0.00 to +40", 6, ("compare", "a.csv", "c.csv")),
        ("file    rank   rank, 95 %   pets %             95 %   original %  ", 0, ("compare", *MODELS)),
        ("model   pets top-1 %   original top-1 %", 0, ("report", "a.csv", "-o", "r.html")),
    ):
        assert table(run, *argv, *LABEL_OPTIONS)[row].startswith(heading)


def test_columns_of_imagenet_labels_are_named_real(bench: Path, run: Runner, real_file: RealFile) -> None:
    path = real_file("real.json")
    label_options, files = ("--labels", str(path), *ALONE), [f"real_{file}" for file in MODELS]
    first = [valid[0] if valid else 0 for valid in json.loads(path.read_text())[:N]]
    for file, every in zip(files, MODELS.values(), strict=True):
        rows = [(validation_name(i + 1), valid if i % every else 999) for i, valid in enumerate(first)]
        write_csv(file, "image,prediction", rows)
    assert table(run, "evaluate", *files, *label_options)[0].startswith("file         ReaL top-1 %  ")
    assert table(run, "compare", *files[:2], *label_options[:4])[6].startswith("ReaL  ")
    assert "   ReaL %  " in table(run, "compare", *files, *label_options[:4])[0]
    (result,) = results_of(run, "evaluate", files[0], *label_options)
    assert result["label_set"] == "ReaL"


def test_long_label_set_names_are_shortened_in_headings(bench: Path, run: Runner) -> None:
    heading, *_ = table(run, "evaluate", *MODELS, "--labels", "a_long_name_of_pets.json")
    assert heading.startswith("file    a_long…f_pets top-1 %  ")
    results = results_of(run, "compare", *MODELS, "--labels", "a_long_name_of_pets.json")
    assert results["label_set"] == "a_long_name_of_pets"


def test_headings_of_labels_from_scores_contain_the_threshold(bench: Path, run: Runner) -> None:
    rows = [(name, class_id, 0.9) for name, valid in LABELS.items() for class_id in valid or [0]]
    write_csv("tableware.csv", "image,class,score", rows)
    score_options = ("--scores", "tableware.csv", "--original", "none", "--threshold")
    assert table(run, "evaluate", "a.csv", *score_options, "0.75")[0].startswith("file    tableware at 0.75 top-1 %")
    for name, heading_start in (("scores", "scores at 0.5"), ("long_name_of_scores", "long…ores at 0.5")):
        write_csv(f"{name}.csv", "image,class,score", rows)
        (heading, *_) = table(run, "evaluate", "a.csv", "--scores", f"{name}.csv", *score_options[2:], "0.5")
        assert heading.startswith(f"file    {heading_start} top-1 %")
    results = results_of(run, "evaluate", "a.csv", *score_options, "0.75,0.95")
    assert [result["label_set"] for result in results] == ["tableware at 0.75", "tableware at 0.95"]


def test_label_set_named_original_is_quoted_in_headings(bench: Path, run: Runner) -> None:
    Path("sets").mkdir()
    Path("sets/original.json").write_text(json.dumps(LABELS))
    label_options = ("--labels", "sets/original.json", "--original", "original.json")
    assert table(run, "evaluate", "a.csv", *label_options)[0].startswith('file    "original" top-1 %')
