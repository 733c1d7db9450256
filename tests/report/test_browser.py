"""The page in a browser: nothing leaves the file, sort and search work, and axe finds nothing to object to."""

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reassess.comparison.findings import Findings
from reassess.core.classes import Classes
from reassess.report.charts import CHARTS
from tests.report.cases import HOSTILE, IMAGES, findings, leaderboard
from tests.report.test_page import page

WIDTHS = (1366, 360)
SCHEMES = ("light", "dark")
NAMES = ("cat", "dog", "=1+1", "eel", "newt", f"owl {HOSTILE}")


@pytest.fixture(scope="module")
def browser(needs: Callable[[str], None]) -> Iterator[Any]:
    """Chromium of the system, without a window."""
    for package in ("playwright", "axe_playwright_python"):
        needs(package)
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


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
def opened(browser: Any, file: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page; whatever it complains of, or asks for elsewhere, fails the test."""
    complaints: list[str] = []
    pages: list[Any] = []

    def open_page(width: int = 1366, scheme: str = "light", **options: Any) -> Any:
        view = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        view.on("console", lambda message: complaints.append(message.text))
        view.on("pageerror", lambda error: complaints.append(str(error)))
        view.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}") or dialog.dismiss())
        view.on("request", lambda request: complaints.append(request.url) if elsewhere(request.url) else None)
        pages.append(view)
        view.goto(file.as_uri())
        return view

    def elsewhere(url: str) -> bool:
        return url != file.as_uri() and not url.startswith(("data:", "blob:"))

    yield open_page
    for view in pages:
        view.close()
    assert complaints == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_no_violation_and_nothing_is_wider_than_the_screen(
    opened: Callable[..., Any], width: int, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    view = opened(width, scheme)
    view.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    violations = Axe().run(view).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in violations] == []
    assert view.evaluate("document.documentElement.scrollWidth") <= width


def rows(view: Any, key: str) -> list[list[str]]:
    return view.eval_on_selector_all(
        f"#{key} tbody tr", "(rows) => rows.map((r) => [...r.cells].map((c) => c.innerText))"
    )


def test_classes_are_sorted_by_any_column_and_back(opened: Callable[..., Any], results: Findings) -> None:
    view = opened()
    accuracy = [float(row[4]) for row in rows(view, "classes")]
    assert accuracy == sorted(accuracy)
    heading = view.locator("#classes thead button", has_text="images")
    heading.click()
    images = [int(row[2]) for row in rows(view, "classes")]
    assert images == sorted(results.evaluations["one"].per_class.images.tolist(), reverse=True)
    assert view.get_attribute("#classes th[aria-sort=descending]", "class") == "n"
    heading.focus()
    view.keyboard.press("Enter")
    assert [int(row[2]) for row in rows(view, "classes")] == sorted(images)
    view.locator("#classes thead button", has_text="class").first.click()
    assert [row[0] for row in rows(view, "classes")][1:3] == ["cat", "dog"]


def test_search_keeps_the_rows_that_hold_the_words(opened: Callable[..., Any]) -> None:
    view = opened()
    view.fill("#classes input", "CAT")
    kept = rows(view, "classes")
    assert kept
    assert all("cat" in row[0] or "cat" in row[6] for row in kept)
    assert view.inner_text("#classes [role=status]") == f"{len(kept)} of {len(kept)} rows"
    view.fill("#classes input", "no such class")
    assert rows(view, "classes") == []
    view.fill("#classes input", "")
    assert len(rows(view, "classes")) == 6


def test_another_model_shows_its_own_numbers(opened: Callable[..., Any], results: Findings) -> None:
    view = opened()
    view.select_option("#classes select", label=HOSTILE)
    hits = {row[1]: row[3] for row in rows(view, "classes")}
    assert hits == {str(i): f"{n:,}" for i, n in enumerate(results.evaluations[HOSTILE].per_class.hits.tolist())}


def saved(view: Any, press: Callable[[], None]) -> list[list[str]]:
    with view.expect_download() as download:
        press()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def test_each_table_is_saved_with_all_its_digits(opened: Callable[..., Any], results: Findings) -> None:
    keys = opened().eval_on_selector_all("button[data-csv]", "(buttons) => buttons.map((one) => one.dataset.csv)")
    assert set(keys) > set(CHARTS)
    tables = {}
    for key in keys:
        view = opened()  # one page may save ten files before Chromium asks
        tables[key] = saved(view, view.locator(f"button[data-csv={key}]").click)
        assert len(tables[key]) > 1
    table = tables["accuracy"]
    assert table[0][:2] == ["model", "re-assessed top-1 %"]
    values = {row[0]: float(row[1]) for row in table[1:]}
    assert values == {model: 100 * evaluation.real[1].value for model, evaluation in results.evaluations.items()}


def test_a_name_that_looks_like_a_formula_is_saved_as_a_text(opened: Callable[..., Any]) -> None:
    view = opened()
    table = saved(view, view.locator("#classes [data-role=csv]").click)
    names = {row[0] for row in table[1:]}
    assert "'=1+1" in names
    assert "=1+1" not in names
    assert f"owl {HOSTILE}" in names


def test_the_gallery_shows_the_mistakes_of_a_model(opened: Callable[..., Any]) -> None:
    view = opened()
    everything = view.locator(".gallery li:visible").count()
    view.select_option("#gallery select", label=HOSTILE)
    visible = view.locator(".gallery li:visible")
    assert 0 < visible.count() < everything
    for i in range(visible.count()):
        verdicts = visible.nth(i).locator("dd .wrong").count()
        assert verdicts >= 1


def test_charts_follow_the_page_into_the_dark(opened: Callable[..., Any]) -> None:
    def colour(scheme: str) -> list[int]:
        text = opened(scheme=scheme).locator(".chart svg text").first
        return text.evaluate("(e) => getComputedStyle(e).fill.match(/[0-9]+/g).map(Number)")

    assert max(colour("light")) < 80
    assert min(colour("dark")) > 180


def test_the_page_prints_in_dark_on_light_with_nothing_to_press(opened: Callable[..., Any], tmp_path: Path) -> None:
    view = opened(scheme="dark")
    view.emulate_media(media="print", color_scheme="dark")
    assert view.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not view.locator("button.csv:visible").count()
    assert view.locator("#classes thead button:visible").count(), "which are the headings"
    assert view.locator(".gallery li:visible").count() == view.locator(".gallery li").count()
    view.pdf(path=tmp_path / "page.pdf", format="A4")
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


def test_without_scripts_all_but_the_long_tables_is_there(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    view = context.new_page()
    view.goto(file.as_uri())
    assert view.locator("#headline tbody tr").count() >= 3
    assert "This table needs JavaScript." in view.inner_text("#classes")
    assert not view.locator("button:visible").count()
    context.close()


def test_pictures_of_the_page_for_those_who_look(opened: Callable[..., Any], tmp_path: Path) -> None:
    folder = Path(os.environ.get("REASSESS_SCREENSHOTS", tmp_path))
    for width in WIDTHS:
        for scheme in SCHEMES:
            opened(width, scheme).screenshot(path=folder / f"report-{width}-{scheme}.png", full_page=True)
            assert (folder / f"report-{width}-{scheme}.png").stat().st_size > 50_000
