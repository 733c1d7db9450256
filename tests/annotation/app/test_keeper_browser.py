"""The page of a keeper in a browser: a whole campaign by keyboard alone."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reassess.annotation.assignment import Rules
from reassess.annotation.store.people import admit, find_person
from reassess.annotation.store.turns import Turn, next_turn
from reassess.annotation.store.votes import GivenAnswer, keep_answers
from reassess.core.stop_rule import StopRule
from tests.annotation.app.browsing import SCHEMES, WIDTHS, Work, check_page
from tests.annotation.app.sites import HOSTILE


def answer_all(work: Work, name: str, no: int = 2) -> None:
    """Somebody answers whatever is left for them: yes, or something else where experts say no."""
    campaign, person = work.site.campaign, work.site.ids[name]
    while isinstance(turn := next_turn(campaign, person, 1e9), Turn):
        keep_answers(
            campaign, person, [GivenAnswer(row.question, 2 if row.class_id % 2 else no, 1.5) for row in turn.rows], 1e9
        )


def go_to(view: Any, name: str) -> None:
    """Move the focus with the tabulator until it is on a button or field of this name."""
    for _ in range(80):
        view.keyboard.press("Tab")
        found = view.evaluate(
            "(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || "
            "document.activeElement.name || '').trim()"
        )
        if found.startswith(name):
            return
    raise AssertionError(f"the focus comes to no {name}")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_keeper_through_a_whole_campaign_by_keyboard_alone(
    width: int, scheme: str, work: Callable[..., Work], tmp_path: Path
) -> None:
    begun = work(sizes=(3, 2))
    answer_all(begun, "ann")
    view = begun.enter("kim", width, scheme, page="keeper")
    check_page(view)
    view.keyboard.press("Tab")
    go_to(view, "Pause")
    view.keyboard.press("Enter")
    view.wait_for_selector("text=Go on asking")
    go_to(view, "Go on asking")
    view.keyboard.press("Enter")
    view.wait_for_selector("button:has-text('Pause')")

    go_to(view, "Void the votes of ann")
    view.keyboard.press("Enter")
    view.wait_for_selector("#sure[open]")
    check_page(view)
    view.keyboard.press("Escape")
    view.wait_for_selector("#sure", state="hidden")
    assert not find_person(begun.site.campaign, "ann").voided
    view.keyboard.press("Enter")  # the focus is where it was
    view.wait_for_selector("#sure[open]")
    view.keyboard.press("Enter")
    view.wait_for_selector("text=rater, voided")
    assert find_person(begun.site.campaign, "ann").voided
    go_to(view, "Restore the votes of ann")
    view.keyboard.press("Enter")
    view.wait_for_selector("text=rater, voided", state="detached")

    go_to(view, "name")
    view.keyboard.type(f"zoe {HOSTILE}")
    view.keyboard.press("Enter")
    view.wait_for_selector("#link[open]")
    link = view.input_value("#link-text")
    assert link.startswith(f"{begun.server.address}enter#")
    check_page(view)
    view.keyboard.press("Escape")
    view.wait_for_selector("#link", state="hidden")
    assert view.input_value("#link-text") == ""
    view.wait_for_selector("text=zoe <img")
    other = begun.browser.new_context()
    begun.contexts.append(other)
    page = begun.tab(other)
    page.goto(link)
    page.wait_for_url(begun.server.address)

    view.keyboard.press("Tab")
    go_to(view, "Export votes")
    with view.expect_download() as download:
        view.keyboard.press("Enter")
    download.value.save_as(tmp_path / "export.zip")
    assert "export/votes.parquet" in zipfile.ZipFile(tmp_path / "export.zip").namelist()
    shots = Path(os.environ.get("REASSESS_SHOTS", tmp_path))
    view.screenshot(path=shots / f"keeper-{width}-{scheme}.png", full_page=True)
    go_to(view, "Leave")
    view.keyboard.press("Enter")
    view.wait_for_url("**/enter")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_what_cannot_be_undone_looks_so_and_no_is_chosen_first(
    width: int, scheme: str, work: Callable[..., Work], tmp_path: Path
) -> None:
    begun = work(sizes=(2,))
    view = begun.enter("kim", width, scheme, page="keeper")
    forget = view.get_by_role("button", name="Delete the name of ann")
    color = "(one) => getComputedStyle(one).color"
    assert forget.evaluate(color) != view.get_by_role("button", name="New link for ann").evaluate(color)
    forget.click()
    view.wait_for_selector("#sure[open]")
    check_page(view)
    shots = Path(os.environ.get("REASSESS_SHOTS", tmp_path))
    view.screenshot(path=shots / f"forget-{width}-{scheme}.png")
    view.keyboard.press("Enter")
    view.wait_for_selector("#sure", state="hidden")
    assert find_person(begun.site.campaign, "ann")
    forget.click()
    view.locator("#sure").get_by_role("button", name="Yes").click()
    view.wait_for_selector("text=deleted the name of forgotten")


@pytest.mark.parametrize("width", WIDTHS)
def test_people_are_invited_beside_their_table_and_a_name_that_is_taken_is_told_in_lines(
    work: Callable[..., Work], width: int
) -> None:
    view = work(sizes=(2,)).enter("kim", width, page="keeper")
    form, people = (view.locator(one).bounding_box() for one in ("#invite", "[aria-label='Table of people']"))
    assert 0 <= people["y"] - (form["y"] + form["height"]) < 40
    name = view.locator("#invite input")
    name.fill("ann")
    view.keyboard.press("Enter")
    view.wait_for_selector("#notice:not(:empty)")
    told = ["there is somebody of that name", "  found:   ann", "  to mend: take another name"]
    assert view.locator("#notice").text_content().split("\n") == told
    assert view.inner_text("#notice").count("\n") == 2
    check_page(view)
    view.get_by_role("button", name="Pause").click()
    view.wait_for_selector("text=Go on asking")
    assert name.input_value() == "ann"  # what was typed is there still, although the numbers are new
    assert view.inner_text("#notice") == ""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_table_that_is_wider_than_the_screen_has_a_shadow_where_it_goes_on(
    work: Callable[..., Work], scheme: str, tmp_path: Path
) -> None:
    begun = work(sizes=(3,), rules=Rules(votes=1, golden_rate=0.0))
    answer_all(begun, "ann")
    view = begun.enter("kim", 360, scheme, page="keeper")
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
    view = begun.enter("kim", width, page="keeper")
    for cell in view.locator(".actions-of").all():
        assert len({button.bounding_box()["y"] for button in cell.locator("button").all()}) == 1
    assert view.evaluate("(one => one.scrollWidth <= one.clientWidth)(document.querySelector('.wide'))")


def test_no_word_is_broken_on_a_narrow_screen(work: Callable[..., Work]) -> None:
    begun = work(sizes=(3, 2), practice=1, rules=Rules(votes=3, golden_rate=0.9, stop=StopRule(0.2, 0.8)))
    for name in ("ann", "ben"):
        admit(begun.site.campaign, begun.site.ids[name], 1e9)
        answer_all(begun, name, no=0)
    answer_all(begun, "eva")
    view = begun.enter("kim", 360, page="keeper")
    view.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert "closed by the rule" in view.inner_text("main")
    assert view.evaluate(BROKEN) == []
    check_page(view)


def test_the_numbers_stay_up_to_date_and_what_is_open_stays_open(work: Callable[..., Work]) -> None:
    begun = work(sizes=(3, 2), rules=Rules(golden_rate=0.9))
    answer_all(begun, "ann")
    view = begun.enter("kim", page="keeper")
    view.click("summary >> nth=0")
    answer_all(begun, "ben")
    view.wait_for_selector("text=How ben answers golden questions", timeout=20_000)
    assert view.locator("details[open]").count() == 1


def test_the_numbers_are_asked_for_again_only_once_they_have_come(work: Callable[..., Work]) -> None:
    view = work(sizes=(2,)).enter("kim", page="keeper")
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
    view.wait_for_selector("text=Go on asking")
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
