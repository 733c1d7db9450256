"""The page of an owner in a browser: a whole campaign by keyboard alone."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reassess import read_votes
from reassess.annotation.assignment import Rules
from reassess.annotation.store.campaigns import pause, resume
from reassess.annotation.store.given_answers import GivenAnswer, save_answers
from reassess.annotation.store.people import admit, find_person, make_link
from reassess.annotation.store.turns import Turn, next_turn
from reassess.core.stop_rule import StopRule
from tests.annotation.app.browsing import VIEWS, Work, check_page
from tests.annotation.app.sites import HOSTILE


def answer_all(work: Work, name: str, no: int = 2) -> None:
    """Somebody answers whatever is left for them: yes, or something else where experts say no."""
    campaign, person = work.site.campaign, work.site.ids[name]
    while isinstance(turn := next_turn(campaign, person, 1e9), Turn):
        save_answers(
            campaign, person, [GivenAnswer(row.question, 2 if row.class_id % 2 else no, 1.5) for row in turn.rows], 1e9
        )


def go_to(view: Any, name: str) -> None:
    """Move the focus with the tabulator until it is on a button or field of this name."""
    for _ in range(150):
        view.keyboard.press("Tab")
        found = view.evaluate(
            "(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || "
            "document.activeElement.name || '').trim()"
        )
        if found.startswith(name):
            return
    raise AssertionError(f"the focus comes to no {name}")


def shown_link(begun: Work, view: Any) -> str:
    """The link that the page shows, which is closed then."""
    view.wait_for_selector("#link[open]")
    link = view.input_value("#link-text")
    assert link.startswith(f"{begun.server.address}sign-in#")
    check_page(view)
    view.keyboard.press("Escape")
    view.wait_for_selector("#link", state="hidden")
    assert view.input_value("#link-text") == ""
    return link


def open_link(begun: Work, link: str) -> None:
    """Somebody signs in by a link, in a browser of their own."""
    begun.contexts.append(begun.browser.new_context())
    page = begun.tab(begun.contexts[-1])
    page.goto(link)
    page.wait_for_url(begun.server.address)


def exported_raters(path: Path) -> list[str]:
    """The raters of the votes in an export."""
    with zipfile.ZipFile(path) as packed:
        packed.extract("export/votes.parquet", path.parent)
    return [str(name) for name in read_votes(path.parent / "export" / "votes.parquet").raters]


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_owner_through_a_whole_campaign_by_keyboard_alone(
    width: int, scheme: str, work: Callable[..., Work], tmp_path: Path
) -> None:
    begun = work(sizes=(3, 2), practice=1, rules=Rules(per_question=2, golden_share=0.9))
    campaign, shots = begun.site.campaign, Path(os.environ.get("REASSESS_SHOTS", tmp_path))
    answer_all(begun, "ann")
    view = begun.sign_in("kim", width, scheme, page="owner")
    check_page(view)
    go_to(view, "How ann answers golden questions")
    view.keyboard.press("Enter")
    view.wait_for_selector("details[open]")
    check_page(view)
    go_to(view, "Pause")
    view.keyboard.press("Enter")
    view.wait_for_selector("text=Resume")
    check_page(view)
    go_to(view, "Resume")
    view.keyboard.press("Enter")
    view.wait_for_selector("button:has-text('Pause')")

    go_to(view, "Exclude ann")
    view.keyboard.press("Enter")
    view.wait_for_selector("#sure[open]")
    check_page(view)
    view.keyboard.press("Escape")
    view.wait_for_selector("#sure", state="hidden")
    assert not find_person(campaign, "ann").excluded
    view.keyboard.press("Enter")  # the focus is where it was
    view.wait_for_selector("#sure[open]")
    view.keyboard.press("Enter")
    view.wait_for_selector("text=rater, excluded")
    assert find_person(campaign, "ann").excluded
    check_page(view)
    go_to(view, "Include ann again")
    view.keyboard.press("Enter")
    view.wait_for_selector("text=rater, excluded", state="detached")
    go_to(view, "Admit ben")
    view.keyboard.press("Enter")
    view.wait_for_selector("text=rater, practice", state="detached")
    assert find_person(campaign, "ben").stage == "rating"

    go_to(view, "name")
    view.keyboard.type(f"zoe {HOSTILE}")
    view.keyboard.press("Tab")
    view.keyboard.type("expert")
    view.keyboard.press("Tab")
    view.keyboard.press("Enter")
    link = shown_link(begun, view)
    view.wait_for_selector("text=zoe <img")
    assert find_person(campaign, f"zoe {HOSTILE}").role == "expert"
    open_link(begun, link)
    go_to(view, "New link for ann")
    view.keyboard.press("Enter")
    view.wait_for_selector("#sure[open]")
    check_page(view)
    view.keyboard.press("Enter")
    link = shown_link(begun, view)
    view.wait_for_selector("text=made a link for ann >> nth=1")
    assert view.evaluate("document.activeElement.ariaLabel") == "New link for ann"
    open_link(begun, link)
    go_to(view, "Revoke the link of ann")
    view.keyboard.press("Enter")
    view.wait_for_selector("#sure[open]")
    check_page(view)
    view.keyboard.press("Enter")
    view.wait_for_selector("text=revoked the link of ann")
    assert not find_person(campaign, "ann").linked
    go_to(view, "Delete ben")
    view.keyboard.press("Enter")
    view.wait_for_selector("#sure[open]")
    check_page(view)
    view.keyboard.press("Shift+Tab")  # from no, which is chosen first
    view.keyboard.press("Enter")
    view.wait_for_selector("text=deleted the name of deleted")

    for button, name in (("Export votes", "rater"), ("Export with rater names", "ann")):
        go_to(view, button)
        with view.expect_download() as download:
            view.keyboard.press("Enter")
        download.value.save_as(tmp_path / "export.zip")
        assert name in str(exported_raters(tmp_path / "export.zip"))
    check_page(view)
    view.screenshot(path=shots / f"owner-{width}-{scheme}.png", full_page=True)
    go_to(view, "Sign out")
    view.keyboard.press("Enter")
    view.wait_for_url("**/sign-in")


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_parts_of_lists_are_turned_to_by_keyboard(
    width: int, scheme: str, work: Callable[..., Work], tmp_path: Path
) -> None:
    begun = work(sizes=(6,) * 5)
    answer_all(begun, "ann")
    for _ in range(12):
        pause(begun.site.campaign, 1e9)
        resume(begun.site.campaign, 1e9)
    view = begun.sign_in("kim", width, scheme, page="owner")
    go_to(view, "More questions: most uncertain questions")
    check_page(view)
    view.keyboard.press("Enter")
    view.wait_for_url("**/owner?questions=25#uncertain")
    view.wait_for_selector("[aria-labelledby=uncertain] >> text=26 to 30")
    assert view.locator("[aria-labelledby=uncertain] tbody tr").count() == 5
    assert 0 <= view.locator("#uncertain").bounding_box()["y"] < 768  # where it was
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.closest('[aria-labelledby=uncertain]') !== null")
    check_page(view)
    go_to(view, "Earlier entries: activity")
    view.keyboard.press("Enter")
    view.wait_for_url("**/owner?questions=25&log=25#log")
    shots = Path(os.environ.get("REASSESS_SHOTS", tmp_path))
    view.screenshot(path=shots / f"parts-{width}-{scheme}.png")
    go_to(view, "Pause")
    view.keyboard.press("Enter")
    view.wait_for_selector("text=Resume")  # the numbers are new, and what is chosen is chosen still
    assert view.locator("[aria-labelledby=uncertain] tbody tr").count() == 5
    assert view.locator("[aria-labelledby=log] tbody").inner_text().endswith("created the campaign")
    go_to(view, "Previous questions: most uncertain questions")
    view.keyboard.press("Enter")
    view.wait_for_url("**/owner?log=25&questions=0#uncertain")
    assert view.locator("[aria-labelledby=uncertain] tbody tr").count() == 25


def test_a_link_is_shown_until_it_is_closed_although_the_session_has_ended(work: Callable[..., Work]) -> None:
    begun = work(sizes=(2,))
    view = begun.sign_in("kim", page="owner")

    def answer_and_end(route: Any) -> None:
        answer = route.fetch()
        make_link(begun.site.campaign, begun.site.ids["kim"], 1e9)
        route.fulfill(response=answer)

    view.route("**/owner/invite", answer_and_end)
    view.get_by_role("button", name="New link for ann").click()
    view.keyboard.press("Enter")
    view.wait_for_selector("#link[open]")
    view.wait_for_timeout(1_000)
    assert view.input_value("#link-text").startswith(f"{begun.server.address}sign-in#")
    view.keyboard.press("Escape")
    view.wait_for_url("**/sign-in")


def test_a_button_says_that_it_works_for_as_long_as_that_takes(work: Callable[..., Work], tmp_path: Path) -> None:
    begun, held = work(sizes=(2,)), []
    view = begun.sign_in("kim", page="owner")
    view.evaluate(PATIENCE)
    view.route("**/owner/people/exclude", lambda route: held.append(route))
    button = view.get_by_role("button", name="Exclude ann")
    button.click()
    view.keyboard.press("Enter")
    view.wait_for_selector("[aria-busy=true]")
    assert button.get_attribute("aria-busy") == "true"
    check_page(view)
    view.screenshot(path=Path(os.environ.get("REASSESS_SHOTS", tmp_path)) / "busy.png")
    button.click()  # once is enough
    view.get_by_role("button", name="Pause").click()
    assert view.locator("#sure").is_hidden()
    assert view.evaluate("patience") == [120_000]
    (request,) = held
    request.continue_()
    view.wait_for_selector("text=rater, excluded")
    assert view.locator("[aria-busy]").count() == 0
    view.get_by_role("button", name="Pause").click()
    view.wait_for_selector("text=Resume")


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_what_cannot_be_undone_looks_so_and_no_is_chosen_first(
    width: int, scheme: str, work: Callable[..., Work], tmp_path: Path
) -> None:
    begun = work(sizes=(2,))
    view = begun.sign_in("kim", width, scheme, page="owner")
    delete = view.get_by_role("button", name="Delete ann")
    color = "(one) => getComputedStyle(one).color"
    assert delete.evaluate(color) != view.get_by_role("button", name="New link for ann").evaluate(color)
    delete.click()
    view.wait_for_selector("#sure[open]")
    check_page(view)
    shots = Path(os.environ.get("REASSESS_SHOTS", tmp_path))
    view.screenshot(path=shots / f"delete-{width}-{scheme}.png")
    view.keyboard.press("Enter")
    view.wait_for_selector("#sure", state="hidden")
    assert find_person(begun.site.campaign, "ann")
    delete.click()
    view.locator("#sure").get_by_role("button", name="Yes").click()
    view.wait_for_selector("text=deleted the name of deleted")


@pytest.mark.parametrize("width", [width for width, _ in VIEWS])
def test_people_are_invited_beside_their_table_and_a_name_that_is_taken_is_told_in_lines(
    work: Callable[..., Work], width: int
) -> None:
    view = work(sizes=(2,)).sign_in("kim", width, page="owner")
    form, people = (view.locator(one).bounding_box() for one in ("#invite", "[aria-label='Table of people']"))
    assert 0 <= people["y"] - (form["y"] + form["height"]) < 40
    name = view.locator("#invite input")
    name.fill("ann")
    view.keyboard.press("Enter")
    view.wait_for_selector("#notice:not(:empty)")
    told = ["person already exists", "  found:   ann", "  fix:     choose another name"]
    assert view.locator("#notice").text_content().split("\n") == told
    assert view.inner_text("#notice").count("\n") == 2
    check_page(view)
    view.get_by_role("button", name="Pause").click()
    view.wait_for_selector("text=Resume")
    assert name.input_value() == "ann"  # what was typed is there still, although the numbers are new
    assert view.inner_text("#notice") == ""


@pytest.mark.parametrize("scheme", [scheme for _, scheme in VIEWS])
def test_a_table_that_is_wider_than_the_screen_has_a_shadow_where_it_goes_on(
    work: Callable[..., Work], scheme: str, tmp_path: Path
) -> None:
    begun = work(sizes=(3,), rules=Rules(per_question=1, golden_share=0.0))
    answer_all(begun, "ann")
    view = begun.sign_in("kim", 360, scheme, page="owner")
    table = view.locator("[aria-label='Table of people']")
    assert table.evaluate("(one) => one.scrollWidth > one.clientWidth")
    shots = Path(os.environ.get("REASSESS_SHOTS", tmp_path))
    for is_at_end in (False, True):
        table.evaluate("(one, end) => { one.scrollLeft = end ? one.scrollWidth : 0; }", is_at_end)
        path = shots / f"shadow-{scheme}-{'end' if is_at_end else 'begin'}.png"
        table.screenshot(path=path)
        with Image.open(path) as shot:
            paper = shot.convert("RGB").getpixel((shot.width // 2, 1))
            assert (shot.convert("RGB").getpixel((shot.width - 1, 1)) == paper) == is_at_end
    check_page(view)


@pytest.mark.parametrize("width", [1280, 1366])
def test_the_buttons_of_a_person_stand_in_one_row(work: Callable[..., Work], width: int) -> None:
    begun = work(sizes=(2,), practice=1, raters=("ann", "somebody of a longer name"))
    view = begun.sign_in("kim", width, page="owner")
    for cell in view.locator(".actions-of:has(button)").all():
        assert len({button.bounding_box()["y"] for button in cell.locator("button").all()}) == 1
    assert view.evaluate("(one => one.scrollWidth <= one.clientWidth)(document.querySelector('.wide'))")


def test_no_word_is_broken_on_a_narrow_screen(work: Callable[..., Work]) -> None:
    begun = work(sizes=(3, 2), practice=1, rules=Rules(per_question=3, golden_share=0.9, stop=StopRule(0.2, 0.8)))
    for name in ("ann", "ben"):
        admit(begun.site.campaign, begun.site.ids[name], 1e9)
        answer_all(begun, name, no=0)
    answer_all(begun, "eva")
    view = begun.sign_in("kim", 360, page="owner")
    view.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert "closed by the stop rule" in view.inner_text("main")
    assert view.evaluate(BROKEN) == []
    check_page(view)


def test_the_numbers_stay_up_to_date_and_what_is_open_stays_open(work: Callable[..., Work]) -> None:
    begun = work(sizes=(3, 2), rules=Rules(golden_share=0.9))
    answer_all(begun, "ann")
    view = begun.sign_in("kim", page="owner")
    view.click("summary >> nth=0")
    answer_all(begun, "ben")
    view.wait_for_selector("text=How ben answers golden questions", timeout=20_000)
    assert view.locator("details[open]").count() == 1


def test_the_numbers_are_asked_for_again_only_once_they_have_come(work: Callable[..., Work]) -> None:
    view = work(sizes=(2,)).sign_in("kim", page="owner")
    view.clock.install()
    view.reload()
    view.evaluate(SLOW)
    view.clock.run_for(60_000)
    assert view.evaluate("looks.length") == 1
    view.get_by_role("button", name="Pause").click()
    while not view.evaluate("changes"):
        view.wait_for_timeout(50)
    assert view.evaluate("looks.length") == 1
    view.evaluate("() => looks[0]()")
    while view.evaluate("looks.length") < 2:  # that of the button waited for the first
        view.wait_for_timeout(50)
    view.evaluate("() => looks[1]()")
    view.wait_for_selector("text=Resume")
    view.clock.run_for(10_000)
    assert view.evaluate("looks.length") == 3


# Words of the page that stand on more than one line.
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

# Notes for how long each request is waited for.
PATIENCE = """() => {
  const real = AbortSignal.timeout.bind(AbortSignal);
  window.patience = [];
  AbortSignal.timeout = (wait) => { patience.push(wait); return real(wait); };
}"""

# Holds back each look at the numbers until its place in `looks` is called.
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
