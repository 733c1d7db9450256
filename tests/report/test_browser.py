"""The report in a browser: it loads nothing, sort, search and filters work, and axe finds no violation."""

import csv
import io
import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reassess.comparison import Findings
from reassess.core import Classes
from reassess.report import CHARTS, write_report
from reassess.report.sections import make_sections
from tests.report.cases import HOSTILE, IMAGES, findings, leaderboard
from tests.report.test_page import page

Open = Callable[..., Any]
WIDTHS = (1366, 360)
NAMES = ("cat", "dog", "=1+1", "eel", "newt", f"owl {HOSTILE}")


@pytest.fixture(scope="module")
def results() -> Findings:
    images = tuple(f"{HOSTILE}/{i}.png" for i in range(IMAGES))
    return findings("one", HOSTILE, "three", classes=Classes(6, names=NAMES), images=images, board=leaderboard())


@pytest.fixture(scope="module")
def file(results: Findings, report_extra: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(results), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Open]:
    """A function that opens the page; console messages, errors, dialogs and requests fail the test."""
    messages: list[str] = []
    pages: list[Any] = []

    def open_page(width: int = 1366, scheme: str = "light", **options: Any) -> Any:
        view = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        view.on("console", lambda message: messages.append(message.text))
        view.on("pageerror", lambda error: messages.append(str(error)))
        view.on("dialog", lambda dialog: messages.append(f"dialog: {dialog.message}") or dialog.dismiss())
        view.on("request", lambda request: messages.append(request.url) if is_external(request.url) else None)
        pages.append(view)
        view.goto(file.as_uri())
        return view

    def is_external(url: str) -> bool:
        return url != file.as_uri() and not url.startswith(("data:", "blob:"))

    yield open_page
    for view in pages:
        view.close()
    assert messages == []


@pytest.mark.parametrize(("width", "scheme"), [(1366, "dark"), (360, "light")])
def test_page_is_accessible_and_not_wider_than_the_screen(opened: Open, width: int, scheme: str) -> None:
    """With REASSESS_SCREENSHOTS, a screenshot is saved in that folder."""
    from axe_playwright_python.sync_playwright import Axe

    view = opened(width, scheme)
    if folder := os.environ.get("REASSESS_SCREENSHOTS"):
        view.screenshot(path=Path(folder) / f"report-{width}-{scheme}.png", full_page=True)
    view.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    violations = Axe().run(view).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in violations] == []
    assert view.evaluate("document.documentElement.scrollWidth") <= width


def test_table_of_accuracies_fits_a_laptop_and_has_the_best_numbers_in_bold(opened: Open, results: Findings) -> None:
    view = opened(1280)
    table = view.locator("#headline > .scroll")
    assert table.evaluate("(box) => box.scrollWidth <= box.clientWidth")
    script = "(cells) => cells.map((cell) => Number(getComputedStyle(cell).fontWeight) > 500)"
    bold = table.locator("td").evaluate_all(script)
    accuracies = next(section for section in make_sections(results) if section.key == "headline").wide_table
    width = len(accuracies.columns) - 1
    assert {(i // width, i % width + 1) for i, is_bold in enumerate(bold) if is_bold} == accuracies.best_cells


def rows(view: Any, key: str) -> list[list[str]]:
    return view.eval_on_selector_all(
        f"#{key} tbody tr", "(rows) => rows.map((r) => [...r.cells].map((c) => c.innerText))"
    )


def test_classes_can_be_sorted_by_any_column_in_both_orders(opened: Open, results: Findings) -> None:
    view = opened()
    accuracy = [float(row[4]) for row in rows(view, "classes")]
    assert accuracy == sorted(accuracy)
    heading = view.locator("#classes thead button", has_text="images")
    heading.click()
    images = [int(row[2]) for row in rows(view, "classes")]
    assert images == sorted(results.evaluations["one"].per_class.n_images.tolist(), reverse=True)
    assert view.get_attribute("#classes th[aria-sort=descending]", "class") == "n"
    heading.focus()
    view.keyboard.press("Enter")
    assert [int(row[2]) for row in rows(view, "classes")] == sorted(images)
    view.locator("#classes thead button", has_text="class").first.click()
    assert [row[0] for row in rows(view, "classes")][1:3] == ["cat", "dog"]


def test_search_shows_rows_with_the_text(opened: Open, results: Findings) -> None:
    """Each model has its own numbers; a name that looks like a formula is saved as text."""
    view = opened()
    view.fill("#classes input", "CAT")
    matches = rows(view, "classes")
    assert matches
    assert all("cat" in row[0] or "cat" in row[6] for row in matches)
    assert view.inner_text("#classes [role=status]") == f"{len(matches)} of {len(matches)} rows"
    view.fill("#classes input", "no such class")
    assert rows(view, "classes") == []
    view.fill("#classes input", "")
    assert len(rows(view, "classes")) == 6
    names = {row[0] for row in save_csv(view, view.locator("#classes [data-role=csv]").click)[1:]}
    assert [name in names for name in ("'=1+1", "=1+1", f"owl {HOSTILE}")] == [True, False, True]
    view.select_option("#classes select", label=HOSTILE)
    hits = {row[1]: row[3] for row in rows(view, "classes")}
    assert hits == {str(i): f"{n:,}" for i, n in enumerate(results.evaluations[HOSTILE].per_class.n_hits.tolist())}


def save_csv(view: Any, press: Callable[[], None]) -> list[list[str]]:
    with view.expect_download() as download:
        press()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def test_tables_are_saved_with_all_digits(opened: Open, results: Findings) -> None:
    view = opened()
    keys = view.eval_on_selector_all("button[data-csv]", "(buttons) => buttons.map((button) => button.dataset.csv)")
    assert set(keys) > set(CHARTS)
    tables = {}
    for i, key in enumerate(keys):
        view = view if i % 8 else opened()  # Chromium asks after ten files of one page
        tables[key] = save_csv(view, view.locator(f"button[data-csv={key}]").click)
        assert len(tables[key]) > 1
    table = tables["accuracy"]
    assert table[0][:2] == ["model", "reassessed top-1 %"]
    values = {row[0]: float(row[1]) for row in table[1:]}
    assert values == {
        model: 100 * evaluation.real_accuracy[1].value for model, evaluation in results.evaluations.items()
    }


def cards(view: Any) -> list[dict[str, Any]]:
    """Return the properties of all visible cards."""
    if view.locator("#gallery-more button").is_visible():
        view.click("#gallery-more button")
    return view.eval_on_selector_all(
        ".gallery li", "(cards) => cards.filter((c) => !c.hidden).map((c) => JSON.parse(c.dataset.filters))"
    )


def test_gallery_filters_by_model_kind_labels_votes_and_class(opened: Open) -> None:
    view = opened()
    all_cards = cards(view)
    view.select_option("#gallery [data-role=show]", label=HOSTILE)
    mistakes = cards(view)
    assert mistakes == [card for card in all_cards if HOSTILE in card["mistakes"]]
    kind = mistakes[0]["mistakes"][HOSTILE]
    view.select_option("#gallery [data-role=kind]", value=kind)
    assert cards(view) == [card for card in mistakes if card["mistakes"][HOSTILE] == kind]
    assert view.inner_text("#gallery [role=status]") == f"{len(cards(view))} of {len(cards(view))} images"
    view.select_option("#gallery [data-role=kind]", value="")
    for name in ("wrong_label", "empty", f"error {HOSTILE}"):
        view.select_option("#gallery [data-role=show]", value=f"about {name}")
        assert cards(view) == [card for card in all_cards if name in card["about"]] != []
    view.select_option("#gallery [data-role=show]", value="")
    view.check("#gallery [data-role=disputed]")
    assert cards(view) == [card for card in all_cards if card["disputed"]] != []
    view.uncheck("#gallery [data-role=disputed]")
    view.fill("#gallery [data-role=class]", "CAT")
    assert cards(view) == [card for card in all_cards if "cat" in card["classes"]] != []


def test_images_can_be_enlarged_by_mouse_and_keyboard(opened: Open) -> None:
    from axe_playwright_python.sync_playwright import Axe

    view = opened()
    pictures, dialog = view.locator(".picture:visible"), view.locator("dialog")
    pictures.first.click()
    first = dialog.locator(".name").inner_text()
    assert first == pictures.first.locator("img").get_attribute("alt")
    assert dialog.locator("[data-role=previous]").is_disabled()
    view.keyboard.press("ArrowRight")
    assert dialog.locator(".name").inner_text() == pictures.nth(1).locator("img").get_attribute("alt") != first
    assert Axe().run(view, context="dialog").response["violations"] == []
    view.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert view.evaluate("document.activeElement.querySelector('img').alt") != first, (
        "the last enlarged image has the focus"
    )
    view.keyboard.press("Enter")
    assert dialog.is_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_page_is_legible_and_wide_tables_have_a_hint(opened: Open, width: int) -> None:
    """Images and the text of charts are large enough, also on a phone; captions of tables are not cut."""
    view = opened(width)
    view.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    tables = view.eval_on_selector_all(
        ".scroll",
        "(boxes) => boxes.filter((b) => b.clientWidth && !b.closest('details:not([open])'))"
        ".map((b) => [b.scrollWidth > b.clientWidth + 1, !b.previousElementSibling.hidden])",
    )
    assert all(has_hint == scrolls for scrolls, has_hint in tables)
    assert width > 360 or any(scrolls for scrolls, _ in tables)
    script = "(all) => all.filter((image) => image.offsetParent).map((image) => image.getBoundingClientRect().width)"
    assert min(view.eval_on_selector_all(".gallery img", script)) >= 112
    sizes = view.eval_on_selector_all(
        ".chart svg text",
        "(all) => all.map((text) => [text, text.getScreenCTM()])"
        ".map(([text, { a, b }]) => parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b))",
    )
    assert min(sizes) >= 9
    captions = view.eval_on_selector_all(
        ".caption",
        "(all) => all.filter((e) => e.offsetHeight).map((e) => [e.scrollWidth, e.getBoundingClientRect().right])",
    )
    assert 0 < max(max(caption) for caption in captions) <= width


LONG = (
    "eva02_large_patch14_448.mim_m38m_ft_in22k_in1k",
    "tf_efficientnet_b7.ns_jft_in1k",
    "swinv2_base_window12to24_192to384.ms_in22k_ft_in1k",
    "vit_large_patch14_clip_336.laion2b_ft_in12k_in1k",
    "convnext_base.fb_in22k_ft_in1k_384",
    "resnet50.a1_in1k",
    "mixnet_xl.ra_in1k",
)


@pytest.fixture(scope="module")
def many(report_extra: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of seven models with long names, without scores and votes."""
    path = tmp_path_factory.mktemp("many") / "report.html"
    path.write_text(page(replace(findings(*LONG), scores=None, votes=None, experts=None)), encoding="utf-8")
    return path


@pytest.fixture
def wide(browser: Any, many: Path) -> Iterator[Any]:
    """The page of seven models on a wide screen."""
    view = browser.new_page(viewport={"width": 1366, "height": 900})
    view.goto(many.as_uri())
    yield view
    view.close()


@pytest.mark.parametrize("which", ["file", "many"])
@pytest.mark.parametrize("width", [1280, 800, 390])
def test_sections_are_blocks_in_reading_order(
    wide: Any, width: int, which: str, request: pytest.FixtureRequest
) -> None:
    """All parts of a section are inside it and below its heading, and do not overlap."""
    wide.set_viewport_size({"width": width, "height": 900})
    wide.goto(request.getfixturevalue(which).as_uri())
    blocks = wide.evaluate(
        """() => [...document.querySelectorAll("main > section")].map((section) => {
             const sides = ({ left, top, right, bottom }) => [left, top, right, bottom];
             const box = (e) => sides(e.getBoundingClientRect());
             const parts = [...section.querySelectorAll(":scope > *, .body > *")];
             const shown = parts.filter((e) => e.checkVisibility() && e.offsetHeight && !e.matches(".body"));
             return [box(section), shown.map(box)];
           })"""
    )
    assert len(blocks) > 8
    assert all(above[3] <= below[1] for (above, _), (below, _) in itertools.pairwise(blocks))
    for (left, top, right, bottom), parts in blocks:
        for i, (x, y, x_end, y_end) in enumerate(parts):
            assert left <= x < x_end <= right
            assert top <= y < y_end <= bottom
            assert all(y_end <= part[1] + 1 or x_end <= part[0] or part[2] <= x for part in parts[i + 1 :])
        assert all(parts[0][3] <= part[1] + 1 for part in parts[1:]), "the heading comes first"


def text_lines(view: Any, selector: str) -> list[list[str]]:
    """Return the lines of text of each element, as the browser breaks them."""
    return view.eval_on_selector_all(
        selector,
        """(all) => all.map((element) => {
             const lines = new Map();
             const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
             for (let node = walker.nextNode(); node; node = walker.nextNode()) {
               for (let i = 0; i < node.length; i++) {
                 const range = document.createRange();
                 range.setStart(node, i); range.setEnd(node, i + 1);
                 const rect = range.getClientRects()[0];
                 const top = rect ? Math.round(rect.bottom) : -1;
                 lines.set(top, (lines.get(top) ?? "") + node.data[i]);
               }
             }
             return [...lines.values()];
           })""",
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_long_names_break_between_their_parts_and_row_heights_are_whole_pixels(wide: Any, width: int) -> None:
    """With other heights, the lines of the fixed column would not meet those of the other columns."""
    wide.set_viewport_size({"width": width, "height": 900})
    heights = wide.eval_on_selector_all("tr", "(all) => all.map((r) => r.getBoundingClientRect().height)")
    assert any(heights)
    assert all(abs(height - round(height)) < 0.02 for height in heights)
    names = text_lines(wide, "#headline > .scroll tbody th, #comparison .tables tbody th")
    assert {"".join(lines) for lines in names} == set(LONG)
    assert any(len(lines) > 1 for lines in names)
    assert all(line[-1] in "_.-/" for lines in names for line in lines[:-1])


def test_no_line_ends_between_a_number_and_its_unit(wide: Any) -> None:
    for width in range(320, 1400, 90):
        wide.set_viewport_size({"width": width, "height": 900})
        texts = text_lines(wide, ".summary li, .words p, .notes li")
        lines = [line for text in texts for line in text]
        assert lines
        assert not [line for line in lines if re.search(r"^\s*%|(^|\W)p( [=<])?\s*$", line)]


def test_text_of_charts_is_bright_on_a_dark_page(opened: Open) -> None:
    def colour(scheme: str) -> list[int]:
        text = opened(scheme=scheme).locator(".chart svg text").first
        return text.evaluate("(e) => getComputedStyle(e).fill.match(/[0-9]+/g).map(Number)")

    assert max(colour("light")) < 80
    assert min(colour("dark")) > 180


def test_print_is_dark_on_light_without_buttons(opened: Open, tmp_path: Path) -> None:
    view = opened(scheme="dark")
    view.emulate_media(media="print", color_scheme="dark")
    assert view.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not view.locator("button.csv:visible").count()
    assert view.locator("#classes thead button:visible").count(), "headings are printed"
    assert view.locator(".gallery li:visible").count() == view.locator(".gallery li").count()
    view.pdf(path=tmp_path / "page.pdf", format="A4")
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


def test_page_without_scripts_misses_only_the_long_tables(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    view = context.new_page()
    view.goto(file.as_uri())
    assert view.locator("#headline tbody tr").count() >= 3
    assert "This table needs JavaScript." in view.inner_text("#classes")
    assert not view.locator("button:visible").count()
    context.close()


@pytest.mark.parametrize("models", [1, 2, 8, 30])
def test_short_report_is_one_printed_page(browser: Any, report_extra: None, tmp_path: Path, models: int) -> None:
    """For any number of models with long names; the accuracies are those of the long report."""
    names = [f"{HOSTILE if i == 1 else LONG[i % len(LONG)]}.{i}" for i in range(models)]
    results = findings(*names)
    inputs = [{"name": "predictions", "path": f"{name}.npz", "sha256": "0" * 64} for name in names]
    path = tmp_path / "short.html"
    write_report(path, results, is_short=True, command=" ".join(["reassess report", *LONG * 4]), inputs=inputs)
    view = browser.new_page(viewport={"width": 794, "height": 1123})
    messages: list[str] = []
    view.on("console", lambda message: messages.append(message.text))
    view.goto(path.as_uri())
    assert len(re.findall(rb"/Type\s*/Page\b", view.pdf(prefer_css_page_size=True))) == 1
    tables = view.eval_on_selector_all(
        "table", "(all) => all.map((t) => [...t.rows].map((r) => [...r.cells].map((c) => c.innerText)))"
    )
    assert len(tables) == (2 if models == 1 else 3)
    accuracies = {row[0].split()[0]: row[1] for row in tables[0][1:]}
    assert accuracies == {
        str(i + 1): f"{100 * evaluation.real_accuracy[1].value:.2f}"
        for i, evaluation in enumerate(list(results.evaluations.values())[:8])
    }
    for row in tables[1][1:] if models > 1 else ():
        for number, name in (cell.split("\N{NO-BREAK SPACE}") for cell in row[0].split(" minus ")):
            model = results.models[int(number) - 1]
            assert name == model or (name.endswith("…") and model.startswith(name[:-1]) and len(name) > 12)
    errors = results.evaluations[results.models[0]].mistakes_by_original
    assert tables[-1][1][1:4] == [str(errors.n_all), str(errors.n_only_prediction_valid), str(errors.n_both_valid)]
    view.close()
    assert messages == []
