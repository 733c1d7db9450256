"""Charts of reports: texts fit, values are drawn exactly, and missing charts have a reason."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reassess.comparison import ClassifiedMistakes, Findings
from reassess.comparison.mistake_kinds import ERROR_KIND_NAMES, ERROR_KINDS
from reassess.core import Classes, LabelSets, Leaderboard, Predictions
from reassess.errors import MissingResult
from reassess.report import CHARTS, write_chart
from reassess.report.accuracy_figures import ModelPoint, plot_scatter
from reassess.report.chart_figures import (
    SQUARE_SIZE,
    Intervals,
    MeasuredValue,
    Stacks,
    compute_intervals_size,
    compute_stacks_size,
    plot_intervals,
    plot_stacks,
)
from reassess.report.charts import mistake_kinds_chart
from reassess.report.figures import save_figure
from reassess.report.inline_svg import invert_lightness, render_inline_svg
from reassess.report.sections import make_sections
from tests.helpers import message, numbered_labels
from tests.report.cases import findings, leaderboard

pytestmark = pytest.mark.usefixtures("report_extra")

DrawFigure = Callable[..., Any]
THREE = findings("one", "two", "three", board=leaderboard())


@pytest.fixture
def draw_figure(drawings: list[Any], tmp_path: Path) -> DrawFigure:
    """A function that draws and saves a figure, and returns its axes."""
    import matplotlib

    def draw_figure(draw: Any, size: Any, title: str = "t") -> Any:
        save_figure(tmp_path / "f.svg", draw, title=title, size=size, force=True)
        axes = drawings[-1].axes
        with matplotlib.rc_context({"text.hinting": "none"}):  # the setting of saved figures
            axes.get_figure().canvas.draw()  # places the texts of legends, which the SVG renderer measures differently
        return axes

    return draw_figure


def texts_of(axes: Any) -> list[Any]:
    """Return all visible texts, including those of legends and ticks."""
    ticks = [tick.label1 for axis in (axes.xaxis, axes.yaxis) for tick in axis._update_ticks()]
    figure = axes.get_figure()
    texts = [*figure.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts, *ticks]
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    return [text for text in texts if text.get_text()]


@pytest.mark.parametrize("kind", CHARTS)
@pytest.mark.parametrize("title", ["", "the chart's", "A long title that needs " + "many, many lines " * 8])
def test_texts_of_a_chart_stay_inside_and_do_not_overlap(kind: str, title: str, draw_figure: DrawFigure) -> None:
    chart = CHARTS[kind](THREE)
    axes = draw_figure(chart.draw, chart.size, chart.title if title == "the chart's" else title)
    texts, frame = texts_of(axes), axes.get_figure().bbox
    assert len(texts) > 5
    boxes = [text.get_window_extent() for text in texts]
    for i, box in enumerate(boxes):
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= frame.x1 + 1
        assert box.y1 <= frame.y1 + 1
        overlapping = [texts[j].get_text() for j in range(i) if box.padded(-1).overlaps(boxes[j].padded(-1))]
        assert overlapping == [], texts[i].get_text()


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("one", "two", "one minus two"),
        ("resnet50.a1_in1k", "vit_large_patch14_clip_336", "resnet50.a1_in1k minus vit_large…_clip_336"),
        ("eva02_large_patch14_448.mim_m38m_ft_in22k_in1k", "tf_efficientnet_b7.ns_jft_in1k",
         "eva02_la…22k_in1k minus tf_effic…jft_in1k"),
    ],
)  # fmt: skip
def test_heading_shortens_names_but_no_other_words(a: str, b: str, words: str, draw_figure: DrawFigure) -> None:
    chart = CHARTS["differences"](findings(a, b))
    axes = draw_figure(chart.draw, chart.size)
    assert words in [text.get_text() for text in axes.texts]


def test_line_of_equal_accuracies_goes_from_edge_to_edge(draw_figure: DrawFigure) -> None:
    """The level of the original labels extends the axes first."""
    points = [ModelPoint("one", MeasuredValue(70.0, (69.0, 71.0)), MeasuredValue(68.0, (67.0, 69.0)))]
    axes = draw_figure(partial(plot_scatter, points=points, original_label_percent=95.0, label_set="x"), SQUARE_SIZE)
    (diagonal,) = [line.get_xdata() for line in axes.lines if line.get_linestyle() == ":"]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert (left, right) == pytest.approx((69 - 0.1, 71 + 0.1))
    assert diagonal.tolist() == [max(left, bottom), min(right, top)]


def make_scatter(count: int) -> Any:
    points = [ModelPoint(f"model {i}", MeasuredValue(70.0 + 2 * i), MeasuredValue(60.0 + i)) for i in range(count)]
    return partial(plot_scatter, points=points, original_label_percent=None, label_set="x")


@pytest.mark.parametrize(("models", "name"), [(6, "model 5\n80.00, x 65.00"), (7, "model 6"), (11, "model 9")])
def test_scatter_names_ten_models(models: int, name: str, draw_figure: DrawFigure) -> None:
    axes = draw_figure(make_scatter(models), SQUARE_SIZE)
    names = [text.get_text() for text in axes.texts if text.get_text().startswith("model")]
    assert len(names) == min(models, 10)
    assert name in names


def test_leader_line_starts_at_the_label(draw_figure: DrawFigure) -> None:
    axes = draw_figure(make_scatter(5), SQUARE_SIZE)
    to_pixels = axes.transData.transform
    texts = [text for text in axes.texts if text.get_text().startswith("model")]
    leaders = [line for line in axes.lines if line.get_linewidth() == 0.6 and line.get_zorder() == 6]
    for text in texts:
        box = text.get_window_extent()
        starts = [to_pixels(line.get_xydata())[0] for line in leaders if line.get_color() == text.get_color()]
        ((x, _),) = starts
        side = {"left": box.x0, "center": (box.x0 + box.x1) / 2, "right": box.x1}[text._multialignment]
        assert abs(x - side) <= box.width / 3 + 1


def test_inline_figures_have_unique_ids() -> None:
    """Text is not outlined and uses the fonts of the page; a style element would apply to the whole page."""
    svgs = [render_inline_svg(CHARTS["scatter"](THREE).draw, key=key, title="T", size=(4, 4)) for key in ("a", "b")]
    first, second = (set(re.findall('id="(.*?)"', svg)) for svg in svgs)
    assert first
    assert not first & second
    assert svgs[0].startswith("<svg ")
    assert [part in svgs[0] for part in ("<text", "<?xml", "font-family", "<style")] == [True, False, False, False]


def test_intervals_are_drawn_to_their_ends_and_bars_from_0(draw_figure: DrawFigure) -> None:
    """Values below 0 have the minus sign of the axis."""

    def draw_mark(mark: MeasuredValue, form: str, **options: Any) -> Any:
        intervals = Intervals(["g"], {"s": [mark]}, "x", form, **options)
        return draw_figure(partial(plot_intervals, intervals=intervals), compute_intervals_size(intervals))

    axes = draw_mark(MeasuredValue(2.0, (1.0, 4.0)), ".1f", reference_line=(0.0, "none"))
    assert [1.0, 4.0] in [np.asarray(line.get_xdata()).tolist() for line in axes.lines]
    left, right = axes.get_xlim()
    assert left < 0 < 4 < right
    assert [text.get_text() for text in axes.texts] == ["g", "2.0"]
    axes = draw_mark(MeasuredValue(-5.967, (-7.0, -4.0)), "+.2f")
    assert [text.get_text() for text in axes.texts] == ["g", "\N{MINUS SIGN}5.97"]
    assert "\N{MINUS SIGN}" in "".join(text.get_text() for text in axes.get_xticklabels())
    stacks = Stacks(["one", "two"], {"a": [900, 1000], "b": [100, 50]}, "images")
    axes = draw_figure(partial(plot_stacks, stacks=stacks), compute_stacks_size(stacks))
    assert (axes.get_xlim()[0], sorted(bar.get_width() for bar in axes.patches)) == (0, [50, 100, 900, 1000])


def findings_by_size(images: dict[int, int]) -> Findings:
    """Make findings with the given number of images for each number of valid classes."""
    sets = [list(range(size)) for size, n in images.items() for _ in range(n)]
    predictions = Predictions.from_ids(np.zeros(len(sets), np.int64))
    return Findings.from_predictions({"one": predictions}, numbered_labels(sets, Classes(9)))


@pytest.mark.parametrize(
    ("images", "headings"),
    [
        ({1: 20, 2: 12, 3: 5}, ["1 valid class: 20 images", "2 valid classes: 12 images", "3 valid classes: 5 images"]),
        ({1: 30, 2: 5, 3: 1}, ["1 valid class: 30 images", "2 or more valid classes: 6 images"]),
        ({1: 4, 2: 1}, ["1 valid class: 4 images", "2 valid classes: 1 image"]),
        ({2: 3, 4: 20, 6: 1, 7: 1}, ["2 valid classes: 3 images", "4 valid classes: 20 images", "6 or more valid cl"]),
        ({1: 5000, 2: 99, 3: 30, 4: 30}, ["1 valid class: 5,000 im", "2 valid classes: 99 im", "3 or more valid cla"]),
        ({1: 20000, 2: 100, 3: 99}, ["1 valid class: 20,000 im", "2 valid classes: 100 im", "3 valid classes: 99 im"]),
        ({1: 20000, 2: 99, 3: 99}, ["1 valid class: 20,000 images", "2 or more valid classes: 198 images"]),
    ],
)
def test_highest_numbers_of_classes_with_few_images_are_pooled(
    images: dict[int, int], headings: list[str], draw_figure: DrawFigure
) -> None:
    chart = CHARTS["label-count"](findings_by_size(images))
    axes = draw_figure(chart.draw, chart.size)
    texts = [text.get_text() for text in axes.texts if "valid class" in text.get_text()]
    assert len(texts) == len(headings)
    assert all(map(str.startswith, texts, headings))


def test_kind_of_mistake_always_has_the_same_colour(draw_figure: DrawFigure) -> None:
    def legend(**counts: int) -> dict[str, str]:
        """Return the colour of each kind in the legend."""
        kinds = np.repeat([ERROR_KINDS.index(kind) for kind in counts], list(counts.values())).astype(np.int8)
        images, predicted = tuple(f"{i}.png" for i in range(len(kinds))), np.zeros(len(kinds), np.int32)
        chart = mistake_kinds_chart(
            SimpleNamespace(classified_mistakes=[ClassifiedMistakes("one", images, predicted, kinds)])
        )
        (box,) = draw_figure(chart.draw, chart.size).get_figure().legends
        names = [text.get_text() for text in box.get_texts()]
        return dict(zip(names, [str(bar.get_facecolor()) for bar in box.get_patches()], strict=True))

    all_kinds = legend(**dict.fromkeys(ERROR_KINDS, 5))
    assert list(all_kinds) == list(ERROR_KIND_NAMES.values())
    assert len(set(all_kinds.values())) == len(ERROR_KINDS)
    two_kinds = legend(co_occurring=4, remaining=3)
    assert two_kinds == {name: all_kinds[name] for name in ("co-occurring", "other")}


def test_missing_chart_has_a_reason() -> None:
    bare = findings("one", complete=False)
    reasons = {kind: chart.reason for kind in CHARTS if isinstance(chart := CHARTS[kind](bare), MissingResult)}
    assert reasons == {
        "scatter": "no model has both accuracies: original labels are missing, or no image is scored",
        "leaderboard": "a leaderboard is missing",
        "differences": "there is only one model",
        "model-or-label": "original labels of these images are missing",
        "labelling-bias": "original labels of these images are missing",
        "curve": "scores are missing",
    }


def test_charts_without_values_are_not_drawn_but_a_leaderboard_of_one_row_is(tmp_path: Path) -> None:
    labels = LabelSets.from_lists(["a.png", "b.png"], [[], []], Classes(2))
    original = LabelSets.from_lists(labels.images, [[0], [1]], Classes(2))
    unscored = Findings.from_predictions({"one": Predictions.from_ids([0, 1])}, labels, original=original)
    assert {kind: str(CHARTS[kind](unscored)) for kind in ("label-count", "taxonomy", "labelling-bias")} == {
        "label-count": "no image is scored",
        "taxonomy": "no image is scored",
        "labelling-bias": "on images whose original label is one of several valid classes, no model predicts a "
        "valid class",
    }
    assert all("Not shown" in section.notes[0] for section in make_sections(unscored) if section.key != "headline")
    chart = CHARTS["leaderboard"](findings("one", board=Leaderboard(leaderboard().entries[:1])))
    save_figure(tmp_path / "f.svg", chart.draw, title=chart.title, size=chart.size)
    assert chart.table.rows[0][-1] is None


def test_dark_page_has_bright_colours_of_the_same_hue() -> None:
    def luminance(colour: str) -> float:
        shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    background = luminance(invert_lightness("#ffffff"))
    for colour in ("#222222", "#666666", "#0060a0", "#b34700", "#000000", "#7b3294", "#a00000"):
        contrast = (luminance(invert_lightness(colour)) + 0.05) / (background + 0.05)
        assert contrast >= 4.5, colour
    blue = invert_lightness("#0060a0")
    assert int(blue[5:], 16) > int(blue[1:3], 16)


def test_chart_shows_the_first_models_and_its_table_all() -> None:
    many = findings(*(f"m{i:02d}" for i in range(15)))
    for kind in ("differences", "taxonomy", "labelling-bias", "model-or-label", "label-count", "scatter"):
        chart = CHARTS[kind](many)
        assert re.search(r"its table (names|has) all (models|pairs|comparisons)\.$", chart.note)
        assert CHARTS[kind](THREE).note == ""
        models = {row[0] for row in chart.table.rows} | {row[1] for row in chart.table.rows}
        assert models >= set(many.models)


def test_unknown_kind_of_chart_raises_and_lists_the_kinds(tmp_path: Path) -> None:
    expected = f"unknown kind of chart\n  allowed: {', '.join(CHARTS)}\n  found:   'nope'"
    assert message(write_chart, tmp_path / "a.svg", "nope", THREE) == expected
