"""The owner page in a browser: a whole campaign by keyboard."""

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reassess import read_votes
from reassess.annotation import Rules, admit_rater, create_sign_in_token, find_person, pause, resume
from reassess.core import StopRule
from tests.annotation.app.browsing import VIEWS, Work, check_page, look, resize, wait_until
from tests.annotation.app.sites import HOSTILE


def answer_all(work: Work, name: str, no: int = 2) -> None:
    """Let a person answer all tasks: yes, or another answer where experts answer no."""
    work.site.answer_all(name, lambda row: 2 if row.class_id % 2 else no)


def check_tabulator(view: Any) -> None:
    """Check that Tab reaches all links, buttons, fields and wide tables of a page, in order."""
    expected, found = view.evaluate(f"{FIELDS}.map({NAME})"), []
    for _ in expected:
        view.keyboard.press("Tab")
        found.append(view.evaluate(f"({NAME})(document.activeElement)"))
    assert found == expected


def go_to(view: Any, name: str) -> None:
    """Move the focus to a link, button or field with this name."""
    view.evaluate(f"(name) => {FIELDS}.find((one) => ({NAME})(one).startsWith(name)).focus()", name)


def shown_link(begun: Work, view: Any) -> str:
    """Return the link in the dialog, and close the dialog."""
    view.wait_for_selector("#link[open]")
    link = view.input_value("#link-text")
    assert link.startswith(f"{begun.server.address}sign-in#")
    view.keyboard.press("Escape")
    view.wait_for_selector("#link", state="hidden")
    wait_until(view, "document.querySelector('#link-text').value === ''")
    return link


def open_link(begun: Work, link: str) -> None:
    """Sign a person in by a link, in a separate browser."""
    page = begun.browse()
    page.goto(link)
    page.wait_for_url(begun.server.address)


def press(view: Any, button: str, then: str = "", state: str = "visible") -> None:
    """Press a button by keyboard, and wait for its effect."""
    go_to(view, button)
    view.keyboard.press("Enter")
    if then:
        view.wait_for_selector(then, state=state)


def exported_raters(path: Path) -> list[str]:
    """Read the raters of the votes in an export."""
    with zipfile.ZipFile(path) as packed:
        packed.extract("export/votes.parquet", path.parent)
    return [str(name) for name in read_votes(path.parent / "export" / "votes.parquet").raters]


def test_owner_can_run_campaign_by_keyboard(work: Callable[..., Work], tmp_path: Path) -> None:
    begun = work(sizes=(3, 2), practice=1, rules=Rules(votes_per_question=2, golden_share=0.9))
    campaign = begun.site.campaign
    answer_all(begun, "ann")
    view = begun.sign_in("kim", page="owner")
    busy = "(is_on) => document.querySelector('main').toggleAttribute('aria-busy', is_on)"
    view.evaluate(busy, True)  # so that no update of the numbers moves the focus meanwhile
    check_tabulator(view)
    view.evaluate(busy, False)
    press(view, "How ann answers golden questions", "details[open]")
    look(view, "owner-begin")
    press(view, "Pause", "text=Resume")
    check_page(view)
    press(view, "Resume", "button:has-text('Pause')")

    press(view, "Exclude ann", "#sure[open]")
    view.keyboard.press("Escape")
    view.wait_for_selector("#sure", state="hidden")
    assert not find_person(campaign, "ann").is_excluded
    view.keyboard.press("Enter")  # the focus stays
    view.wait_for_selector("#sure[open]")
    view.keyboard.press("Enter")
    view.wait_for_selector("text=rater, excluded")
    assert find_person(campaign, "ann").is_excluded
    press(view, "Include again: ann", "text=rater, excluded", "detached")
    press(view, "Admit ben", "text=rater, practice", "detached")
    assert find_person(campaign, "ben").stage == "rating"

    go_to(view, "name")
    view.keyboard.type(f"zoe {HOSTILE}")
    view.keyboard.press("Tab")
    view.keyboard.type("expert")
    view.keyboard.press("Tab")
    view.keyboard.press("Enter")
    view.wait_for_selector("#link[open]")
    check_page(view)
    link = shown_link(begun, view)
    view.wait_for_selector("text=zoe <img")
    assert find_person(campaign, f"zoe {HOSTILE}").role == "expert"
    open_link(begun, link)
    press(view, "New link for ann", "#sure[open]")
    view.keyboard.press("Enter")
    link = shown_link(begun, view)
    view.wait_for_selector("text=made a link for ann >> nth=1")
    assert view.evaluate("document.activeElement.ariaLabel") == "New link for ann"
    open_link(begun, link)
    press(view, "Revoke link of ann", "#sure[open]")
    view.keyboard.press("Enter")
    view.wait_for_selector("text=revoked the link of ann")
    assert not find_person(campaign, "ann").has_link
    color = "(one) => getComputedStyle(one).color"
    named = partial(view.get_by_role, "button")
    assert named(name="Delete ben").evaluate(color) != named(name="New link for ben").evaluate(color)
    press(view, "Delete ben", "#sure[open]")
    look(view, "delete")
    view.keyboard.press("Shift+Tab")  # the focus starts on No
    view.keyboard.press("Enter")
    view.wait_for_selector("text=deleted the name of deleted")

    for button, name in (("Export votes", "rater"), ("Export with rater names", "ann")):
        with view.expect_download() as download:
            press(view, button)
        download.value.save_as(tmp_path / "export.zip")
        assert name in str(exported_raters(tmp_path / "export.zip"))
    look(view, "owner")
    press(view, "Sign out")
    view.wait_for_url("**/sign-in")


def test_pages_of_lists_are_reachable_by_keyboard(work: Callable[..., Work]) -> None:
    begun = work(sizes=(6,) * 5)
    answer_all(begun, "ann")
    for _ in range(12):
        pause(begun.site.campaign, 1e9)
        resume(begun.site.campaign, 1e9)
    view = begun.sign_in("kim", page="owner")
    press(view, "More questions: most uncertain questions")
    view.wait_for_url("**/owner?questions=25#uncertain")
    view.wait_for_selector("[aria-labelledby=uncertain] >> text=26 to 30")
    assert view.locator("[aria-labelledby=uncertain] tbody tr").count() == 5
    assert 0 <= view.locator("#uncertain").bounding_box()["y"] < 768  # the focus stays
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.closest('[aria-labelledby=uncertain]') !== null")
    look(view, "parts")
    press(view, "Earlier entries: activity")
    view.wait_for_url("**/owner?questions=25&log=25#log")
    press(view, "Pause", "text=Resume")  # the numbers are new, and the selection stays
    assert view.locator("[aria-labelledby=uncertain] tbody tr").count() == 5
    assert view.locator("[aria-labelledby=log] tbody").inner_text().endswith("created the campaign")
    press(view, "Previous questions: most uncertain questions")
    view.wait_for_url("**/owner?log=25&questions=0#uncertain")
    assert view.locator("[aria-labelledby=uncertain] tbody tr").count() == 25


def test_link_stays_visible_after_session_ends(work: Callable[..., Work]) -> None:
    begun = work(sizes=(2,))
    view = begun.sign_in("kim", page="owner")

    def answer_and_end(route: Any) -> None:
        answer = route.fetch()
        create_sign_in_token(begun.site.campaign, begun.site.ids["kim"], 1e9)
        route.fulfill(response=answer)

    view.route("**/owner/invite", answer_and_end)
    view.get_by_role("button", name="New link for ann").click()
    view.keyboard.press("Enter")
    view.wait_for_selector("#link[open]")
    view.wait_for_timeout(300)
    assert view.input_value("#link-text").startswith(f"{begun.server.address}sign-in#")
    view.keyboard.press("Escape")
    view.wait_for_url("**/sign-in")


@pytest.mark.parametrize("is_secure", [True, False])
def test_link_can_be_copied_with_and_without_https(work: Callable[..., Work], is_secure: bool) -> None:
    begun = work(sizes=(2,))
    view = begun.sign_in("kim", page="owner", view=begun.browse(permissions=["clipboard-read", "clipboard-write"]))
    if not is_secure:
        view.evaluate("() => Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    press(view, "New link for ann", "#sure[open]")
    view.keyboard.press("Enter")
    view.wait_for_selector("#link[open]")
    press(view, "Copy", "#link-copied:not(:empty)")
    assert view.inner_text("#link-copied") == "Copied."
    check_page(view)
    link = shown_link(begun, view)
    view.fill("#invite [name=name]", "")
    view.keyboard.press("ControlOrMeta+v")
    assert view.input_value("#invite [name=name]") == link


def test_listed_questions_have_thumbnails(work: Callable[..., Work]) -> None:
    begun = work(sizes=(3, 2), golden_type="png")
    answer_all(begun, "ann")
    view = begun.sign_in("kim", page="owner")
    images = view.locator("[aria-labelledby=uncertain] tbody img")
    assert images.count() == 5
    for image in images.all():
        image.scroll_into_view_if_needed()
        wait_until(view, "[...document.querySelectorAll('tbody img')].every((one) => one.complete)")
        assert image.evaluate("(one) => [one.naturalWidth, one.naturalHeight]") == [160, 120]


def test_button_is_busy_while_its_action_runs(work: Callable[..., Work]) -> None:
    begun, requests = work(sizes=(2,)), []
    view = begun.sign_in("kim", page="owner")
    view.evaluate(PATIENCE)
    view.route("**/owner/people/exclude", lambda route: requests.append(route))
    button = view.get_by_role("button", name="Exclude ann")
    button.click()
    view.keyboard.press("Enter")
    view.wait_for_selector("[aria-busy=true]")
    assert button.get_attribute("aria-busy") == "true"
    check_page(view)
    button.click()  # one request is enough
    view.get_by_role("button", name="Pause").click()
    assert view.locator("#sure").is_hidden()
    assert view.evaluate("patience") == [120_000]
    (request,) = requests
    request.continue_()
    view.wait_for_selector("text=rater, excluded")
    assert view.locator("[aria-busy]").count() == 0
    view.get_by_role("button", name="Pause").click()
    view.wait_for_selector("text=Resume")


def test_existing_name_is_reported_in_several_lines(
    work: Callable[..., Work],
) -> None:
    view = work(sizes=(2,)).sign_in("kim", page="owner")
    for width, _ in VIEWS:
        resize(view, width)
        form, people = (
            view.locator(selector).bounding_box() for selector in ("#invite", "[aria-label='Table of people']")
        )
        assert 0 <= people["y"] - (form["y"] + form["height"]) < 40
    name = view.locator("#invite input")
    name.fill("ann")
    view.keyboard.press("Enter")
    view.wait_for_selector("#notice:not(:empty)")
    lines = ["person already exists", "  found:   ann", "  fix:     choose another name"]
    assert view.locator("#notice").text_content().split("\n") == lines
    assert view.inner_text("#notice").count("\n") == 2
    look(view, "taken")
    view.get_by_role("button", name="Pause").click()
    view.wait_for_selector("text=Resume")
    assert name.input_value() == "ann"  # the typed text stays, although the numbers are new
    assert view.inner_text("#notice") == ""


def test_tables_fit_screen_without_broken_words(work: Callable[..., Work], tmp_path: Path) -> None:
    """The buttons of a person are in one row. On a narrow screen, a table that continues has a shadow."""
    rules = Rules(votes_per_question=3, golden_share=0.9, stop_rule=StopRule(0.2, 0.8))
    begun = work(sizes=(3, 2), practice=1, rules=rules, raters=("ann", "ben", "somebody of a longer name"))
    for name in ("ann", "ben"):
        admit_rater(begun.site.campaign, begun.site.ids[name], 1e9)
        answer_all(begun, name, no=0)
    answer_all(begun, "eva")
    view = begun.sign_in("kim", page="owner")
    for width in (1280, 1366):
        resize(view, width)
        for cell in view.locator(".actions-of:has(button)").all():
            assert len({button.bounding_box()["y"] for button in cell.locator("button").all()}) == 1
        assert view.evaluate("(one => one.scrollWidth <= one.clientWidth)(document.querySelector('.wide'))")
    table = view.locator("[aria-label='Table of people']")
    for scheme in ("light", "dark"):
        resize(view, 360, scheme)
        assert table.evaluate("(one) => one.scrollWidth > one.clientWidth")
        for is_at_end in (False, True):
            table.evaluate("(one, end) => { one.scrollLeft = end ? one.scrollWidth : 0; }", is_at_end)
            table.screenshot(path=tmp_path / "table.png")
            with Image.open(tmp_path / "table.png") as shot:
                paper = shot.convert("RGB").getpixel((shot.width // 2, 1))
                assert (shot.convert("RGB").getpixel((shot.width - 1, 1)) == paper) == is_at_end
    view.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert "closed by the stop rule" in view.inner_text("main")
    assert view.evaluate(BROKEN) == []
    check_page(view)


def test_numbers_are_updated_one_request_at_a_time(
    work: Callable[..., Work],
) -> None:
    """Open details stay open."""
    begun = work(sizes=(3, 2), rules=Rules(golden_share=0.9))
    answer_all(begun, "ann")
    view = begun.sign_in("kim", page="owner", view=begun.browse())
    view.clock.install()
    view.reload()
    view.click("summary >> nth=0")
    answer_all(begun, "ben")
    view.clock.run_for(10_000)
    view.wait_for_selector("text=How ben answers golden questions")
    assert view.locator("details[open]").count() == 1
    view.evaluate(SLOW)
    view.clock.run_for(60_000)
    assert view.evaluate("looks.length") == 1
    view.get_by_role("button", name="Pause").click()
    wait_until(view, "changes")
    assert view.evaluate("looks.length") == 1
    view.evaluate("() => looks[0]()")
    wait_until(view, "looks.length === 2")  # the request of the button waited for the first request
    view.evaluate("() => looks[1]()")
    view.wait_for_selector("text=Resume")
    view.clock.run_for(10_000)
    assert view.evaluate("looks.length") == 3


# The elements that Tab reaches, and their names.
FIELDS = """[...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
  .filter((one) => one.checkVisibility() && (document.querySelector("dialog[open]") ?? document).contains(one))"""
NAME = "(one) => (one.getAttribute('aria-label') || one.innerText || one.name || '').trim()"

# Words of the page that are broken into several lines.
BROKEN = r"""() => {
  const broken = [], texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const { 0: word, index } of texts.currentNode.data.matchAll(/\S+/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, index);
      range.setEnd(texts.currentNode, index + word.length);
      if (new Set([...range.getClientRects()].map((part) => part.top)).size > 1) broken.push(word);
    }
  }
  return broken;
}"""

# Record the timeout of each request.
PATIENCE = """() => {
  const real = AbortSignal.timeout.bind(AbortSignal);
  window.patience = [];
  AbortSignal.timeout = (wait) => { patience.push(wait); return real(wait); };
}"""

# Hold back each request for numbers until the test calls its entry in `looks`.
SLOW = """() => {
  const real = window.fetch;
  window.looks = [];
  window.changes = 0;
  window.fetch = (path, options = {}) => {
    const answer = real(path, options);
    if (options.method === "POST") return answer.finally(() => { changes += 1; });
    return new Promise((done) => looks.push(() => done(answer)));
  };
}"""
