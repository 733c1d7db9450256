"""The page and the figure of a sample show the numbers of the findings."""

from pathlib import Path
from typing import Any

import pytest

from reassess.comparison import SampleFindings
from reassess.core import LabelSets
from reassess.report import write_sample_report
from tests.helpers import code_of
from tests.report.test_page import Reader
from tests.sampled import simulate_benchmark

pytestmark = pytest.mark.usefixtures("report_extra")

BENCH = simulate_benchmark()


def find_results(*models: int, n: int = 300, **options: Any) -> SampleFindings:
    tasks = BENCH.draw(n, models=models, purpose="accuracy" if len(models) == 1 else "difference")
    return SampleFindings.from_predictions(
        BENCH.predictions(*models), BENCH.labels_of(tasks), tasks, original=BENCH.original_labels, **options
    )


def read_page(path: Path) -> Reader:
    return Reader(path.read_text(encoding="utf-8"))


def text_of(reader: Reader) -> str:
    return " ".join(" ".join(text for tag, text in reader.texts if tag not in ("script", "style")).split())


@pytest.mark.parametrize("anytime", [False, True])
def test_page_has_the_estimates_of_models_pairs_and_labels(tmp_path: Path, anytime: bool) -> None:
    findings = find_results(0, 1, 2, is_anytime=anytime)
    write_sample_report(tmp_path / "page.html", findings, command="reassess report a.npz -o page.html")
    reader = read_page(tmp_path / "page.html")
    text = text_of(reader)
    for model in findings.models:
        assert f"{100 * model.valid.value:.2f}" in text
        assert f"{100 * model.original_accuracy.value:.2f}" in text
    for pair in findings.neighbour_differences:
        assert pair.verdict in text
    for name, share in findings.original_labels.items():
        assert f"{100 * share.value:.2f}" in text, name
    assert "300 of 300 drawn images used; they stand for 2,000 images." in text
    assert ("holds at all looks together" in text) == anytime
    links = [attributes["href"] for tag, attributes in reader.elements if tag == "a" and "href" in attributes]
    assert {"#accuracy", "#differences", "#original-labels", "#sample"} <= set(links)


def test_strata_show_how_many_images_were_drawn_and_used(tmp_path: Path) -> None:
    tasks = BENCH.draw(300, models=(0, 1), purpose="difference")
    labels = BENCH.labels_of(tasks, range(200))
    findings = SampleFindings.from_predictions(BENCH.predictions(0, 1), labels, tasks, is_anytime=True)
    write_sample_report(tmp_path / "page.html", findings)
    text = text_of(read_page(tmp_path / "page.html"))
    design = tasks.sample.design
    used = tasks.sample.strata[:200]
    for name, size in zip(design.stratum_names, design.stratum_sizes.tolist(), strict=True):
        assert f"{name} {size:,} {tasks.sample.strata.count(name)} {used.count(name)}" in text
    assert "Not shown: original labels are missing." in text


def test_one_model_without_valid_classes(tmp_path: Path) -> None:
    tasks = BENCH.draw(60, models=(0,))
    labels = LabelSets.from_lists(tasks.sample.images, [[]] * 60)
    findings = SampleFindings.from_predictions(BENCH.predictions(0), labels, tasks)
    write_sample_report(tmp_path / "page.html", findings)
    write_sample_report(tmp_path / "figure.svg", findings)
    assert "100.0" in text_of(read_page(tmp_path / "page.html"))


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_figure_has_the_accuracies_or_differences(tmp_path: Path, suffix: str) -> None:
    one, two = find_results(0), find_results(0, 1)
    for name, findings in (("one", one), ("two", two)):
        write_sample_report(tmp_path / f"{name}{suffix}", findings)
    content = [(tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "two")]
    assert content[0] != content[1]
    if suffix == ".svg":
        assert f"{100 * one.models[0].valid.value:.2f}".encode() in content[0]
        assert f"+{100 * two.differences[0].estimate.value:.2f}".encode() in content[1]


def test_other_suffix_is_an_error(tmp_path: Path) -> None:
    assert code_of(write_sample_report, tmp_path / "page.txt", find_results(0)) == "wrong-suffix"
