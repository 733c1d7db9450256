"""`reassess report`: pages, charts and errors."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from reassess.comparison import Findings
from reassess.core import LabelSets
from reassess.data import open_benchmark, read_labels, read_original_labels
from reassess.formats import read_predictions
from reassess.report import CHARTS, Chart
from tests.helpers import RealFile, Runner, document_of, output_of, results_of, write_csv, write_files

pytestmark = pytest.mark.usefixtures("report_extra")


@pytest.fixture
def here(folder: Path) -> Path:
    """A user's own benchmark and two models."""
    labels = {f"{i}.png": [["cat"], ["dog", "cat"], []][i % 3] for i in range(30)}
    write_files(folder, {"labels.json": json.dumps(labels), "original.json": json.dumps(dict.fromkeys(labels, "cat"))})
    for model, every in (("one", 4), ("two", 2)):
        rows = [(image, "dog" if i % every == 0 else "cat") for i, image in enumerate(labels)]
        write_csv(folder / f"{model}.csv", "image,prediction", rows)
    return folder


BOTH = ["one.csv", "two.csv", "--labels", "labels.json", "--original", "original.json"]


def test_report_works_for_own_benchmark(here: Path, run: Runner) -> None:
    out = output_of(run("report", *BOTH, "-o", "r.html"))
    text = (here / "r.html").read_text()
    assert "reassess report one.csv two.csv --labels labels.json" in text
    assert "r.html: 2 models on one page\n" in out
    assert "without a gallery of mistakes: images are missing (--images DIR)" in out
    evaluated = results_of(run, "evaluate", *BOTH)
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)[0])
    accuracies = {row[0]: row[1] for row in data["tables"]["accuracy"]["rows"]}
    assert accuracies == {
        evaluation["file"].removesuffix(".csv"): 100 * evaluation["real"]["1"]["accuracy"] for evaluation in evaluated
    }
    for entry in document_of(run("evaluate", *BOTH, "--json"), "evaluate")["inputs"]:
        assert entry["sha256"] in text


@pytest.mark.parametrize("kind", ["taxonomy", "differences", "label-count", "labelling-bias"])
def test_python_and_command_line_give_equal_numbers(here: Path, run: Runner, kind: str) -> None:
    """Both read groups, collapsed classes and the join of images from the benchmark."""
    files = {
        "groups.csv": "class,group\ndog,big\nhound,big\n",
        "collapsed.csv": "class,also\ndog,cat\n",
        "classes.txt": "cat\ndog\nhound\n",
        "benchmark.json": '{"match": "name"}',
        "labels.json": (here / "labels.json").read_text().replace('["cat"]', '["dog"]'),
    }
    benchmark = open_benchmark(write_files(here / "pets", files | {"original.json": Path("original.json").read_text()}))
    models = []
    for model in ("one.csv", "two.csv"):
        write_csv(model, "image,prediction", [(f"x/{i}.png", "hound" if i % 4 else "cat") for i in range(30)])
        models.append((Path(model).stem, read_predictions(model, classes=benchmark.classes)))
    labels = read_labels(benchmark.sources["labels"], classes=benchmark.classes)
    original = read_original_labels(benchmark.sources["original"], classes=benchmark.classes)
    findings = Findings.from_predictions(models, labels, original=original, benchmark=benchmark)
    results = results_of(run, "report", "one.csv", "two.csv", "--benchmark", "pets", "--chart", kind, "-o", "f.svg")
    assert isinstance(chart := CHARTS[kind](findings), Chart)
    assert json.loads(json.dumps(chart.table.csv_rows)) == results["rows"]
    if kind == "taxonomy":
        assert {row[1] for row in results["rows"] if row[2]} == {"collapsed", "same group"}


def test_report_places_models_on_a_leaderboard(here: Path, run: Runner) -> None:
    """Five rows of one family are too few for an expected accuracy."""
    write_csv(here / "board.csv", "model,original,real", [(f"cnn{i}", 40 + 5 * i, 50 + 4 * i) for i in range(5)])
    results = results_of(run, "report", *BOTH, "--chart", "leaderboard", "--leaderboard", "board.csv", "-o", "f.svg")
    column = results["columns"].index("expected ReaL %")
    assert [row[column] for row in results["rows"]] == [None, None]


def test_report_has_no_absolute_paths(here: Path, run: Runner) -> None:
    files = [str(here / name) for name in ("one.csv", "two.csv")]
    run("report", *files, *BOTH[2:], "-o", str(here / "r.html"))
    text = (here / "r.html").read_text()
    assert "<h1>2 models, reassessed</h1>" in text
    assert str(here) not in text
    assert "reassess report one.csv two.csv" in text


def test_report_shows_images_that_are_found(here: Path, run: Runner) -> None:
    from PIL import Image

    (here / "images").mkdir()
    for i in range(0, 30, 2):
        Image.new("RGB", (40, 30)).save(here / "images" / f"{i}.png")
    result = run("report", *BOTH, "-o", "r.html", "--images", "images", "--limit", "3", "--json")
    gallery = document_of(result, "report")["results"]["gallery"]
    text = (here / "r.html").read_text()
    assert gallery["images"] == gallery["pictures"] + gallery["missing"] == text.count("data-filters=")
    assert text.count("data:image/webp;base64,") == gallery["pictures"]
    assert gallery["unreadable"] == 0
    if gallery["missing"]:
        assert f"Images not shown: {gallery['missing']} missing from the image folder." in " ".join(text.split())


def test_wrong_calls_are_rejected_before_any_work(here: Path, run: Runner) -> None:
    assert run("report", *BOTH).code == 2
    assert run("report", *BOTH, "-o", "r.html", "--short", "--chart", "taxonomy").code == 2
    assert run("report", *BOTH, "-o", "r.html", "--images", "away").error == "folder-not-found"
    assert not (here / "r.html").exists()


def test_single_chart_is_drawn(here: Path, run: Runner) -> None:
    result = run("report", *BOTH, "--chart", "differences", "-o", "f.png")
    assert (result.code, result.out) == (0, "f.png: Differences between models, on the same images\n")
    assert (here / "f.png").stat().st_size > 1000


def test_chart_that_cannot_be_drawn_has_a_reason(here: Path, run: Runner) -> None:
    result = run("report", *BOTH, "--chart", "curve", "-o", "f.svg")
    assert (result.error, result.err) == (
        "nothing-to-show",
        "Error: curve chart cannot be drawn\n  found:   scores are missing\n",
    )
    assert not (here / "f.svg").exists()
    assert run("report", *BOTH, "--chart", "pie", "-o", "f.svg").code == 2


@pytest.fixture
def imagenet(
    real_file: RealFile,
    real_labels: LabelSets,
    real_original: LabelSets,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """Two noisy models of ImageNet's validation images: ranked ids, and one id per image."""
    for name in ("scores.npz", "raters.npz", "golden.npz", "raters_golden.npz"):
        real_file(name)
    rng = np.random.default_rng(0)
    n = len(real_labels)
    at = np.minimum(real_labels.indptr[:-1], real_labels.indices.size - 1)
    valid = np.where(real_labels.sizes > 0, real_labels.indices[at], real_original.indices)
    for name, wrong in (("best", 0.1), ("worst", 0.2)):
        predicted = np.where(rng.random(n) < 0.5, valid, real_original.indices)
        predicted = np.where(rng.random(n) < wrong, np.clip(predicted + rng.integers(-5, 6, n), 0, 999), predicted)
        ranked = (predicted[:, None] + np.arange(5)) % 1000
        np.savez(
            tmp_path / f"{name}.npz", ids=ranked if name != "worst" else predicted, names=np.array(real_labels.images)
        )
    monkeypatch.chdir(tmp_path)
    return ["best.npz", "worst.npz"]


def test_report_of_two_imagenet_models_is_small_and_complete(imagenet: list[str], run: Runner) -> None:
    output_of(run("report", *imagenet, "-o", "r.html"))
    text = Path("r.html").read_text()
    assert len(text.encode()) < 2_000_000
    assert "Not shown" not in text
    assert text.count("<svg") == len(CHARTS) - 1, "all but the leaderboard, which was not given"
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)[0])
    assert len(data["explorers"]["classes"]["rows"]["best"]) == 1000
    curves = {row[0] for row in data["tables"]["curve"]["rows"]}
    assert curves == {"imagenet-real-scores, in-sample", "imagenet-real-scores, each image left out"}


def test_researcher_tasks_take_one_command_and_two_options(imagenet: list[str], run: Runner) -> None:
    """Best model, significance, label errors, a table and an appendix; all results agree."""
    commands_needed = {
        "model": ["evaluate", *imagenet],
        "difference": ["compare", *imagenet],
        "errors": ["evaluate", *imagenet, "--details", "errors.csv"],
        "table": ["evaluate", *imagenet, "-o", "table.tex"],
        "appendix": ["report", *imagenet, "--short", "-o", "appendix.html"],
    }
    out = {name: output_of(run(*argv)) for name, argv in commands_needed.items()}
    assert max(sum(word.startswith("-") for word in argv) for argv in commands_needed.values()) <= 2
    assert out["model"].splitlines()[2].startswith("best.npz")
    assert out["difference"].startswith("best.npz is better than worst.npz")
    rows = csv.DictReader(Path("errors.csv").read_text().splitlines())
    errors = Counter(row["file"] for row in rows if row["correct"] == row["label_error"] == "true")
    page = Path("appendix.html").read_text()
    assert errors.keys() == set(imagenet)
    for file, count in errors.items():
        line = rf"^{file}: [\d,]+ of [\d,]+ mistakes by original labels are correct by ReaL: {count:,} images with "
        assert re.search(line, out["errors"], re.MULTILINE)
        assert f"{Path(file).stem} & " in Path("table.tex").read_text()
        assert f">{count:,}</td>" in page
    assert "both on the scored images; the column of original labels is on all shared images. Holm p" in page
