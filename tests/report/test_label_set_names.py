"""A report and its charts use the name of the label sets; "ReaL" only if that is their name."""

from collections.abc import Iterator

import pytest

from reassess.comparison import Findings
from reassess.report import CHARTS, Chart
from reassess.report.figures import render_svg
from reassess.report.sections import make_sections
from tests.report.cases import findings, leaderboard


def with_label_sets(name: str) -> Findings:
    return findings("one", "two", "three", board=leaderboard(), name=name)


def texts(results: Findings) -> Iterator[str]:
    """Yield all texts of the page, including headings of tables and descriptions of charts."""
    for section in make_sections(results):
        yield from (section.title, *section.paragraphs, *section.notes)
        for table in (*section.tables, *(chart.table for chart in section.charts), section.wide_table):
            if table is not None:
                yield from (table.title, *table.csv_columns)
                yield from (cell for row in table.rows for cell in row if isinstance(cell, str))
        for chart in section.charts:
            yield from (chart.title, chart.note, *render_svg(chart.draw, size=chart.size))


@pytest.mark.parametrize("name", ["", "original", "95"])
def test_real_appears_only_in_the_leaderboard(name: str, report_extra: None) -> None:
    leaderboard_texts = ("expected ReaL %", "top-1 accuracy by the reassessed labels (ReaL), %")
    for text in texts(with_label_sets(name)):
        for part in leaderboard_texts:
            text = text.replace(part, "")
        assert "ReaL" not in text


def test_reports_with_two_label_sets_differ_only_in_the_name(report_extra: None) -> None:
    """Drawings are not compared: labels of different width may have other positions."""
    real, pets = ([text for text in texts(with_label_sets(name)) if "<svg" not in text] for name in ("ReaL", "pets"))
    assert real != pets
    assert [text.replace("ReaL", "pets") for text in real] == [text.replace("ReaL", "pets") for text in pets]


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("", "reassessed"),
        ("labels", "reassessed"),
        ("ReaL", "ReaL"),
        ("original", '"original"'),
        ("95", "95"),
        ("long name of sets", "long n…f sets"),
    ],
)
def test_headings_of_tables_contain_the_name(name: str, heading: str) -> None:
    results = with_label_sets(name)
    tables = {kind: chart.table for kind, make in CHARTS.items() if isinstance(chart := make(results), Chart)}
    names = {kind: [column.name for column in table.columns] for kind, table in tables.items()}
    in_titles = "Reassessed" if heading == "reassessed" else heading
    assert tables["scatter"].title == f"{in_titles} accuracy over original accuracy"
    parts = ("%", "95 %, low", "95 %, high", "hits", "n")
    assert tables["scatter"].csv_columns == ["model", *(f"{by} {p}" for by in ("original", heading) for p in parts)]
    assert [row[2] for row in tables["differences"].rows] == [heading, "original", "original, scored", "change"] * 3
    assert tables["label-count"].title == f"{in_titles} accuracy by number of valid classes"
    assert names["label-count"] == ["model", "valid classes", f"{heading} top-1 %", "95 %", "hits", "images"]
    assert names["leaderboard"] == [
        *("model", f"{heading} %", "rank", "original %", "original rank", "of"),
        *("expected ReaL %", "95 %", "above expected, points"),
    ]
    accuracy, comparison = make_sections(results)[:2]
    wide = [column.name for column in accuracy.wide_table.columns]
    assert wide[:4] == ["model", f"{heading} top-1 %", f"{heading} top-1 95 %", "original top-1 %"]
    assert accuracy.paragraphs[0].startswith(f"Top-k accuracy by the {results.labels.title} labels: ")
    ranks = [column.name for column in comparison.tables[0].columns]
    assert ranks == ["model", f"rank by {heading}", "95 %", "rank by original", "Holm p"]


@pytest.mark.parametrize(
    ("name", "axis"),
    [
        ("", "top-1 accuracy by the reassessed labels, %"),
        ("ReaL", "top-1 accuracy by the reassessed labels (ReaL), %"),
        ("pe\x1bts", r"top-1 accuracy by the reassessed labels (pe\x1bts), %"),
    ],
)
def test_titles_of_axes_contain_the_name(name: str, axis: str, report_extra: None) -> None:
    charts = {kind: CHARTS[kind](with_label_sets(name)) for kind in ("scatter", "label-count")}
    words = {kind: render_svg(chart.draw, size=chart.size)[1] for kind, chart in charts.items()}
    assert f"Vertical axis: {axis}. " in words["scatter"]
    name_on_axis = {"": "reassessed", "ReaL": "ReaL"}.get(name, r"pe\x1bts")
    assert f"Horizontal axis: {name_on_axis} top-1 accuracy, %. " in words["label-count"]
