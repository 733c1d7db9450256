"""What a report and its charts call the label sets that judge: ReaL only where that is their name."""

from collections.abc import Iterator

import pytest

from reassess.comparison import Findings
from reassess.report import CHARTS, Chart
from reassess.report.figures import figure_as_svg
from reassess.report.sections import sections
from tests.report.cases import findings, leaderboard


def judged(name: str) -> Findings:
    return findings("one", "two", "three", board=leaderboard(), name=name)


def texts(results: Findings) -> Iterator[str]:
    """Every text of the page, with the headings of its tables, and the descriptions of the charts."""
    for section in sections(results):
        yield from (section.title, *section.words, *section.notes)
        for table in (*section.tables, *(chart.table for chart in section.charts), section.wide):
            if table is not None:
                yield from (table.title, *table.columns_in_full)
                yield from (cell for row in table.rows for cell in row if isinstance(cell, str))
        for chart in section.charts:
            yield from (chart.title, chart.note, *figure_as_svg(chart.draw, size=chart.size))


@pytest.mark.parametrize("name", ["", "original", "95"])
def test_real_is_named_only_where_the_leaderboard_is(name: str, report_extra: None) -> None:
    of_leaderboard = ("expected ReaL %", "top-1 accuracy by the reassessed labels (ReaL), %")
    for text in texts(judged(name)):
        for part in of_leaderboard:
            text = text.replace(part, "")
        assert "ReaL" not in text


def test_a_report_by_other_label_sets_differs_in_their_name_alone(report_extra: None) -> None:
    """Drawings apart, where names of unlike width may find another place."""
    real, pets = ([text for text in texts(judged(name)) if "<svg" not in text] for name in ("ReaL", "pets"))
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
def test_tables_of_numbers_are_headed_by_the_name(name: str, heading: str) -> None:
    results = judged(name)
    tables = {kind: chart.table for kind, make in CHARTS.items() if isinstance(chart := make(results), Chart)}
    names = {kind: [column.name for column in table.columns] for kind, table in tables.items()}
    of_titles = "Reassessed" if heading == "reassessed" else heading
    assert tables["scatter"].title == f"{of_titles} accuracy over original accuracy"
    parts = ("%", "95 %, low", "95 %, high", "hits", "n")
    assert tables["scatter"].columns_in_full == ["model", *(f"{by} {p}" for by in ("original", heading) for p in parts)]
    assert [row[2] for row in tables["differences"].rows] == [heading, "original", "original, scored", "change"] * 3
    assert tables["label-count"].title == f"{of_titles} accuracy by number of valid classes"
    assert names["label-count"] == ["model", "valid classes", f"{heading} top-1 %", "95 %", "hits", "images"]
    assert names["leaderboard"] == [
        *("model", f"{heading} %", "rank", "original %", "original rank", "of"),
        *("expected ReaL %", "95 %", "above it, points"),
    ]
    accuracy, comparison = sections(results)[:2]
    wide = [column.name for column in accuracy.wide.columns]
    assert wide[:4] == ["model", f"{heading} top-1 %", f"{heading} top-1 95 %", "original top-1 %"]
    assert accuracy.words[0].startswith(f"Top-k accuracy by the {results.labels.title} labels: ")
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
def test_axes_are_headed_by_the_name(name: str, axis: str, report_extra: None) -> None:
    charts = {kind: CHARTS[kind](judged(name)) for kind in ("scatter", "label-count")}
    words = {kind: figure_as_svg(chart.draw, size=chart.size)[1] for kind, chart in charts.items()}
    assert f"Up: {axis}. " in words["scatter"]
    shown = {"": "reassessed", "ReaL": "ReaL"}.get(name, r"pe\x1bts")
    assert f"Across: {shown} top-1 accuracy, %. " in words["label-count"]
