"""The rating page in a browser: by keyboard, without a connection, in two tabs."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from reassess.annotation import ExampleImage, create_sign_in_token, exclude_rater, pause, resume
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.schema import suggestions, turns
from reassess.core import Classes
from tests.annotation.app.browsing import VIEWS, Work, check_page, look, resize, wait_until
from tests.annotation.app.sites import HOSTILE
from tests.pictures import scene

_IS_IMAGE = "(one) => one.name.includes('/images/') && one.responseEnd > 0"


def shown(view: Any) -> str:
    """Return the address of the image on the screen."""
    view.wait_for_selector("#image img:visible")
    return view.locator("#image img").get_attribute("src")


def wait_for_next(view: Any, before: str) -> None:
    """Wait until another image, or no image, is on the screen."""
    view.wait_for_selector(f"#image img[src='{before}']", state="hidden")


def wait_for_images(view: Any, count: int) -> None:
    """Wait until a page has loaded `count` images; the next image is loaded in advance."""
    wait_until(view, f"performance.getEntriesByType('resource').filter({_IS_IMAGE}).length >= {count}")


def wait_for_text(view: Any, selector: str, text: str) -> None:
    """Wait until an element begins with a text."""
    view.locator(selector).filter(has_text=text).wait_for(state="attached")


def answer_all(view: Any, keys: str = "y") -> str:
    """Answer all rows of an image by keys, and return the address of the image."""
    address = shown(view)
    for number in range(view.locator(".row").count()):
        view.keyboard.press(keys[number % len(keys)])
    assert view.get_attribute("#next", "aria-disabled") == "false"
    return address


def wait_for_answers(campaign: Work, expected: list[int]) -> None:
    """Wait until the server has exactly these answers, shorter than a page's pause before the next try."""
    end = time.monotonic() + 2
    while campaign.kept() != expected and time.monotonic() < end:
        time.sleep(0.05)
    assert campaign.kept() == expected


def panel(view: Any, name: str) -> None:
    view.wait_for_selector(f"[data-panel={name}]:visible")


def test_rater_can_finish_campaign_by_keyboard(work: Callable[..., Work], tmp_path: Path) -> None:
    example = tmp_path / "example.png"
    scene(3).save(example)
    examples = [ExampleImage(0, example.read_bytes(), "image/png")] * 3
    campaign = work(
        sizes=(5, 3, 2), practice=1, practice_bar=0.5, consent_text="<b>Do</b> you agree?", examples=examples
    )
    view = campaign.sign_in("ann")
    panel(view, "consent")
    assert "<b>Do</b> you agree?" in view.inner_text("[data-panel=consent]")
    look(view, "consent")
    view.keyboard.press("Enter")

    address = shown(view)
    for name in view.locator(".row .name span").all_inner_texts():
        view.keyboard.press({"circle": "n", "square": "y"}[name])  # the experts' answers
    assert view.inner_text("#stage") == "Practice: 1 of 1"
    view.keyboard.press("Enter")
    view.wait_for_selector(".truth:visible")
    assert view.locator(".truth").all_inner_texts() == ["Experts agree."] * 2
    colours = "(buttons) => new Set(buttons.map((one) => getComputedStyle(one).backgroundColor)).size"
    assert view.eval_on_selector_all(".choices [aria-pressed=true]", colours) == 1  # no red beside a correct No
    look(view, "practice")
    view.keyboard.press("Enter")
    wait_for_next(view, address)

    wait_for_text(view, "#stage", "1 done, at most 3 left for you")
    look(view, "image")
    for key, dialog in (("?", "help"), ("z", "zoomed"), ("c", "skip-image"), ("s", "suggest")):
        view.keyboard.press(key)
        view.wait_for_selector(f"#{dialog}:visible")
        look(view, dialog)
        view.keyboard.press("Escape")
        view.wait_for_selector(f"#{dialog}", state="hidden")

    rows = view.locator(".row")
    count = rows.count()
    view.keyboard.press("ArrowDown")
    assert "current" in rows.nth(1).get_attribute("class")
    view.keyboard.press("1")
    view.keyboard.press("m")
    view.keyboard.press("Enter")
    assert view.inner_text("#notice") == "Answer every class first."
    for _ in range(count - 1):
        view.keyboard.press("n")
    look(view, "answered")
    pressed = view.locator("[aria-pressed=true]").all_inner_texts()
    assert pressed == ["Maybe", *["No"] * (count - 1)]
    view.keyboard.press("s")
    view.keyboard.type("lin")
    view.keyboard.press("Enter")
    view.wait_for_selector("#suggest", state="hidden")
    assert view.inner_text("#notice") == "Thank you. Other raters will be asked about line."
    address = shown(view)
    view.keyboard.press("Enter")
    wait_for_next(view, address)

    view.keyboard.press("u")
    wait_for_text(view, "#stage", "Previous image")
    assert shown(view) == address
    assert view.locator("[aria-pressed=true]").all_inner_texts() == pressed
    view.keyboard.press("1")
    view.keyboard.press("y")
    view.keyboard.press("Enter")
    wait_for_next(view, address)
    second = view.locator(".row").count()
    address = answer_all(view)
    view.keyboard.press("Enter")
    wait_for_next(view, address)

    view.keyboard.press("c")
    view.keyboard.press("Enter")
    panel(view, "finished")
    look(view, "finished")
    assert Counter(campaign.kept()) == {0: 1 + count - 1, 2: 1 + 1 + second}
    with connect_for_reading(campaign.site.campaign.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(suggestions)) == 1
        assert connection.scalar(select(func.count()).select_from(turns).where(turns.c.state == "skipped")) == 1


def test_page_sends_answers_and_fetches_the_next_task_in_one_request(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(2,) * 5)
    view = campaign.sign_in("ann")
    wait_for_images(view, 2)
    urls: list[str] = []
    view.on("request", lambda request: urls.append(request.url))
    for _ in range(5):
        address = answer_all(view)
        view.keyboard.press("Enter")
        wait_for_next(view, address)
    panel(view, "finished")
    assert campaign.kept() == [2] * 10
    # One at the end; a slow page sends answers before the rater continues.
    assert sum(url.endswith("/next") for url in urls) < 5


def test_image_is_shown_after_progress_is_known(work: Callable[..., Work]) -> None:
    """A response after the first answers would count their image twice."""
    campaign = work(sizes=(1, 1, 1))
    view = campaign.window.first_tab()
    requests: list[Any] = []
    view.route("**/progress", lambda route: requests.append(route))
    with view.expect_response("**/images/*"):
        campaign.sign_in("ann")
    view.wait_for_timeout(100)
    assert not view.is_visible("#image img")
    requests[0].continue_()
    shown(view)
    wait_for_text(view, "#stage", "0 done, at most 3 left for you")


def test_answers_without_connection_are_sent_later(work: Callable[..., Work]) -> None:
    """Actions that need a connection say so."""
    campaign = work(sizes=(2, 2, 2, 2))
    view = campaign.sign_in("ann")
    address = shown(view)
    wait_for_images(view, 2)
    view.context.set_offline(True)
    for keys, close in ((("c", "Enter"), None), (("s", "s", "Enter"), "Escape"), (("u",), None)):
        for key in keys:
            view.keyboard.press(key)
        wait_for_text(view, "#suggest-notice" if close else "#notice", "No connection.")
        if close:
            view.keyboard.press(close)
    assert answer_all(view) == address
    view.keyboard.press("Enter")
    wait_for_next(view, address)
    view.keyboard.press("n")
    wait_for_text(view, "#saving", "3 answers not sent yet")
    view.keyboard.press("n")
    view.keyboard.press("Enter")
    panel(view, "offline")
    assert view.inner_text("#saving") == "4 answers not sent yet"
    check_page(view)
    view.get_by_role("button", name="Sign out").click()
    wait_for_text(view, "#notice", "Some answers are not sent yet. Please sign out after they are sent.")
    assert campaign.kept() == []
    view.context.set_offline(False)
    address = answer_all(view)
    assert view.inner_text("#saving") == ""
    assert campaign.kept() == [0, 0, 2, 2]
    view.keyboard.press("c")
    view.keyboard.press("Enter")
    wait_for_text(view, "#notice", "Image skipped.")
    wait_for_next(view, address)


def test_rejected_answer_is_reported_and_blocks_no_other(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(3,))
    view = campaign.sign_in("ann")
    shown(view)
    view.evaluate(FOREIGN, view.get_attribute("meta[name=person]", "content"))
    answer_all(view)
    view.keyboard.press("Enter")
    panel(view, "finished")
    assert campaign.kept() == [2, 2, 2]
    assert view.inner_text("#saving") == "The server rejected 1 answer. Discard"
    assert campaign.complaints == [
        "The server rejected the answer to question 7: unknown question\n  found:   question 7"
    ]
    campaign.complaints.clear()
    look(view, "refused")
    requests: list[str] = []
    view.on("request", lambda request: requests.append(request.url))
    view.evaluate("dispatchEvent(new Event('online'))")  # all unsent answers are sent after this
    view.get_by_role("button", name="Discard").click()
    view.wait_for_selector("#saving:empty", state="attached")
    view.reload()
    panel(view, "finished")
    assert view.inner_text("#saving") == ""
    assert not any(url.endswith("/answers") for url in requests)


def test_saved_answer_is_not_reported_as_rejected(work: Callable[..., Work]) -> None:
    """The server saves the answer, but cannot give the next task."""
    campaign = work(sizes=(1, 1, 1))
    view = campaign.sign_in("ann")
    wait_for_images(view, 2)

    def fail_after_saving(route: Any) -> None:
        response = route.fetch()
        is_combined = "held" in route.request.post_data_json
        route.fulfill(response=response, **({"status": 400, "json": {"error": "damaged"}} if is_combined else {}))

    view.route("**/answers", fail_after_saving)
    address = answer_all(view)
    view.keyboard.press("Enter")
    wait_for_next(view, address)
    wait_for_images(view, 3)
    wait_for_answers(campaign, [2])
    assert view.inner_text("#saving") == ""
    campaign.complaints.clear()  # of the browser, about status 400


# Put an answer into the outbox that the server rejects.
FOREIGN = """(person) => new Promise((done) => {
  const request = indexedDB.open(`reassess ${location.pathname}`, 1);
  request.onsuccess = () => {
    const change = request.result.transaction("answers", "readwrite");
    change.objectStore("answers").put({ person, question: 7, revision: 0, answer: 1, seconds: 1 });
    change.oncomplete = done;
  };
})"""


def test_killed_and_restarted_server_loses_nothing(work: Callable[..., Work]) -> None:
    """A tab closed meanwhile loses nothing either."""
    campaign = work(sizes=(2, 2, 2), is_killed=True)
    view = campaign.sign_in("ann")
    address = answer_all(view)
    wait_for_images(view, 2)
    campaign.server.kill()
    view.keyboard.press("Enter")
    wait_for_next(view, address)
    answer_all(view, "n")
    view.keyboard.press("Enter")
    panel(view, "offline")
    assert view.inner_text("#saving") == "4 answers not sent yet"
    campaign.server.start()
    shown(view)
    assert campaign.kept() == [0, 0, 2, 2]
    view.context.set_offline(True)
    view.keyboard.press("m")
    wait_for_text(view, "#saving", "1 answer not sent yet")
    view.close()
    campaign.window.context.set_offline(False)
    again = campaign.another_tab()
    again.goto(campaign.server.address)
    shown(again)
    assert again.locator("[aria-pressed=true]").all_inner_texts() == ["Maybe"]
    assert campaign.kept() == [0, 0, 1, 2, 2]
    again.keyboard.press("m")
    again.keyboard.press("Enter")
    panel(again, "finished")
    assert campaign.kept() == [0, 0, 1, 1, 2, 2]


def test_answer_is_sent_when_tab_is_closed_right_away(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(3,))
    view = campaign.sign_in("ann")
    shown(view)
    view.keyboard.press("y")
    view.keyboard.press("m")
    view.close()
    wait_for_answers(campaign, [1, 2])


def test_answers_are_sent_when_browser_database_is_readable_again(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(3, 2))
    view = campaign.sign_in("ann")
    address = shown(view)
    view.evaluate(UNREADABLE)
    answer_all(view)
    view.keyboard.press("u")
    wait_for_text(view, "#notice", "No connection.")
    view.evaluate("() => { IDBObjectStore.prototype.getAll = readable; }")
    view.keyboard.press("Enter")
    wait_for_next(view, address)
    wait_for_answers(campaign, [2, 2, 2])


# Answers cannot be read from the database until `readable` is restored.
UNREADABLE = """() => {
  window.readable = IDBObjectStore.prototype.getAll;
  IDBObjectStore.prototype.getAll = () => { throw new DOMException("no", "UnknownError"); };
}"""


def test_only_last_tab_is_active_and_answers_are_saved_once(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(3, 2))
    first = campaign.sign_in("ann")
    address = shown(first)
    first.keyboard.press("y")
    second = campaign.another_tab()
    second.goto(campaign.server.address)
    panel(first, "elsewhere")
    check_page(first)
    assert shown(second) == address
    assert second.locator("[aria-pressed=true]").count() == 1
    answer_all(second, "n")
    first.bring_to_front()
    first.keyboard.press("Enter")  # go on here
    panel(second, "elsewhere")
    assert shown(first)
    while not first.is_visible("[data-panel=finished]"):
        before = answer_all(first)
        first.keyboard.press("Enter")
        wait_for_next(first, before)
        first.wait_for_selector("#rating:visible, [data-panel=finished]:visible")
    assert len(campaign.kept()) == 5


def test_answers_after_session_wait_for_same_person(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(2, 2))
    view = campaign.sign_in("ann")
    shown(view)
    campaign.site.tokens["ann"] = create_sign_in_token(campaign.site.campaign, campaign.site.ids["ann"], 1e9)
    view.keyboard.press("y")
    panel(view, "signed-out")
    check_page(view)
    assert view.inner_text("#saving") == "1 answer not sent yet"
    for name in ("ben", "ann"):
        shown(campaign.sign_in(name, view=view))
    assert (campaign.kept("ben"), campaign.kept("ann")) == ([], [2])
    assert view.locator("[aria-pressed=true]").all_inner_texts() == ["Yes"]


def test_answers_belong_to_person_who_signed_in_last(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(2, 2))
    view = campaign.sign_in("ann")
    shown(view)
    answer_all(campaign.sign_in("ben", view=campaign.another_tab()), "n")
    view.bring_to_front()
    panel(view, "elsewhere")
    view.keyboard.press("Enter")
    panel(view, "signed-out")
    assert campaign.kept("ann") == []


def test_page_explains_why_there_is_no_task(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(2,), raters=("ann", "ben", "cas"))
    pause(campaign.site.campaign, 1e9)
    view = campaign.sign_in("ann")
    panel(view, "paused")
    check_page(view)
    resume(campaign.site.campaign, 1e9)
    view.reload()
    shown(view)
    shown(campaign.sign_in("ben", view=campaign.browse()))
    third = campaign.sign_in("cas", view=campaign.browse())
    panel(third, "waiting")
    check_page(third)
    exclude_rater(campaign.site.campaign, campaign.site.ids["ann"], 1e9)
    view.reload()
    panel(view, "excluded")
    check_page(view)
    view.get_by_role("button", name="Sign out").click()
    view.wait_for_url(f"{campaign.server.address}sign-in")
    check_page(view)
    view.goto(campaign.server.address)
    view.wait_for_url(f"{campaign.server.address}sign-in")


def test_wrong_link_is_reported(work: Callable[..., Work]) -> None:
    campaign = work()
    view = campaign.sign_in("ann")
    view.goto(f"{campaign.server.address}sign-in#wrong")
    wait_for_text(view, "#notice", "This link is not valid")
    assert "#" not in view.url
    check_page(view)
    view.fill("#link", f"{campaign.server.address}sign-in#{campaign.site.tokens['ben']}")
    view.keyboard.press("Enter")
    view.wait_for_url(campaign.server.address)


def test_unreadable_image_is_reported_and_names_are_escaped(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(5,))
    for path in (campaign.site.folder / "images" / "main").iterdir():
        path.write_bytes(b"broken")
    view = campaign.sign_in("ann")
    view.wait_for_selector(".not-shown:visible")
    assert HOSTILE in view.locator(".row .name span").all_inner_texts()
    about = "<b>bold</b> & more Also: </script><script>alert(2)</script>"
    assert about in view.locator(".row .about").all_inner_texts()
    check_page(view)
    view.keyboard.press("c")
    view.keyboard.press("Enter")
    panel(view, "finished")


def test_image_that_did_not_arrive_is_fetched_again(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(2, 2))
    view = campaign.sign_in("ann")
    address = shown(view)
    view.route("**/images/*", lambda route: route.abort())
    view.reload()
    panel(view, "offline")
    view.unroute("**/images/*")
    view.evaluate("dispatchEvent(new Event('online'))")
    assert shown(view) == address


def test_expert_can_change_last_image_with_mouse_after_finishing(work: Callable[..., Work]) -> None:
    campaign = work()
    view = campaign.sign_in("eva")
    shown(view)
    for row in view.locator(".row").all():
        row.get_by_role("button", name="Yes").click()
    view.locator("#next").click()
    panel(view, "finished")
    assert campaign.kept("eva") == [2, 2]
    view.keyboard.press("Backspace")
    answer_all(view, "n")
    view.keyboard.press("u")
    wait_for_text(view, "#notice", "There is no image to go back to.")
    view.keyboard.press("Enter")
    panel(view, "finished")
    assert campaign.kept("eva") == [0, 0]


def test_held_key_answers_one_row_and_shortcuts_can_be_turned_off(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(4,))
    view = campaign.sign_in("ann", view=campaign.browse())
    shown(view)
    for _ in range(5):
        view.keyboard.down("y")
    view.keyboard.up("y")
    assert view.locator("[aria-pressed=true]").count() == 1
    view.keyboard.press("?")
    view.uncheck("#keys")
    view.keyboard.press("Escape")
    view.reload()
    shown(view)
    for key in ("y", "2", "u", "?", "c"):
        view.keyboard.press(key)
    assert view.locator("[aria-pressed=true], dialog[open]").count() == 1
    for _ in range(2):  # the next row without an answer is focused
        view.keyboard.press("Tab")
    view.keyboard.press("Enter")
    assert view.locator("[aria-pressed=true]").all_inner_texts() == ["Yes", "Maybe"]


# The point of the image, across and down, in the middle of the enlarged view.
SEEN = """() => {
  const [view, image] = ["#zoom-view", "#zoom-view img"].map((one) => document.querySelector(one))
    .map((one) => one.getBoundingClientRect());
  const [x, y] = [view.left + view.width / 2, view.top + view.height / 2];
  return [(x - image.left) / image.width, (y - image.top) / image.height];
}"""


WIDTH = "document.querySelector('#zoom-view img').getBoundingClientRect().width"


def test_zoom_is_around_centre_or_pointer(work: Callable[..., Work]) -> None:
    view = work(sizes=(2,)).sign_in("ann")
    shown(view)
    for width, _ in VIEWS:
        resize(view, width)
        look_closer(view, width)


def look_closer(view: Any, width: int) -> None:
    """Open and close the enlarged view, by keys and by the pointer."""
    view.keyboard.press("z")
    assert view.evaluate(SEEN) == pytest.approx([0.5, 0.5], abs=0.01)
    first = view.evaluate(WIDTH)
    view.keyboard.press("+")
    assert view.evaluate(WIDTH) > first
    assert view.evaluate(SEEN) == pytest.approx([0.5, 0.5], abs=0.01)
    before = view.evaluate("document.querySelector('#zoom-view').scrollLeft")
    view.keyboard.press("ArrowRight")
    wait_until(view, f"document.querySelector('#zoom-view').scrollLeft > {before}")
    for _ in range(5):
        view.keyboard.press("-")
    assert view.evaluate(WIDTH) <= width
    view.keyboard.press("z")
    assert not view.is_visible("#zoomed")
    assert view.locator("[aria-pressed=true]").count() == 0
    box = view.locator("#image img").bounding_box()
    image_width = min(box["width"], box["height"] * 4 / 3)  # of 320 and 240 pixels
    left_edge = box["x"] + (box["width"] - image_width) / 2
    view.mouse.click(left_edge + 0.4 * image_width, box["y"] + 0.5 * box["height"])
    assert view.evaluate(SEEN) == pytest.approx([0.4, 0.5], abs=0.01)
    wheel = view.locator("#zoom-view").bounding_box()
    view.mouse.move(wheel["x"] + wheel["width"] / 2, wheel["y"] + wheel["height"] / 2)
    before = view.evaluate(WIDTH)
    view.mouse.wheel(0, -100)
    wait_until(view, f"{WIDTH} > {before}")
    assert view.evaluate(SEEN) == pytest.approx([0.4, 0.5], abs=0.01)
    view.keyboard.press("z")


def test_shortcuts_and_functions_must_match(work: Callable[..., Work]) -> None:
    view = work(sizes=(2,)).sign_in("ann")
    shown(view)
    every = "...Object.fromEntries(SHORTCUTS.map(({action}) => [action, 1]))"
    for actions, error in (
        ("{}", "no function for the shortcut n: answer"),
        (f"{{{every}, other: 1}}", "no shortcut for the function other"),
    ):
        call = f"listenForShortcuts({actions}, () => true)"
        script = f"import('/static/keys.js').then(({{ listenForShortcuts, SHORTCUTS }}) => {call})"
        assert error in view.evaluate(f"{script}.catch((error) => error.message)")


def test_class_search_explains_empty_result(work: Callable[..., Work]) -> None:
    """The class is in the list already (found by a part of its name or a synonym), or no class matches."""
    view = work(sizes=(6, 2)).sign_in("ann")
    notices = {
        "squ": "square is already in the list.",
        "DISC": "circle is already in the list.",
        "zebra": "No class found.",
    }
    for by_typing in (dict.fromkeys(notices, "All classes are already in the list."), {**notices, "tri": ""}):
        address = answer_all(view)
        view.keyboard.press("s")
        for typed, notice in by_typing.items():
            view.fill("#suggest-text", typed)
            assert view.inner_text("#suggest-notice") == notice
        view.keyboard.press("Escape")
        view.keyboard.press("Enter")
        wait_for_next(view, address)


def test_touch_screen_shows_no_keys(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(3,))
    touched = campaign.browse(viewport={"width": 360, "height": 768}, has_touch=True, is_mobile=True)
    view = campaign.sign_in("ann", view=touched)
    shown(view)
    view.locator("[data-action=help]").tap()
    help_text = view.inner_text("#help")
    for button in view.locator(".actions button").all_inner_texts():
        assert button in help_text
    assert view.locator("kbd:visible").all_inner_texts() == ["1", "2", "3"]
    check_page(view)
    assert view.evaluate("(one => one.scrollHeight <= one.clientHeight)(document.querySelector('#help'))")


MANY = Classes(
    8,
    names=tuple(f"class with the long name {number}" for number in range(8)),
    synonyms=(("another name", "and one more name"),) * 8,
    definitions=("what this class is, in a sentence that takes more than one line on any page",) * 8,
)


def test_expert_answers_are_in_view_and_stay_after_reload(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(2,), practice=2, golden_size=8, classes=MANY, raters=("ann",))
    view = campaign.sign_in("ann")
    for number, (width, _) in enumerate(VIEWS, 1):
        resize(view, width)
        address = answer_all(view)
        view.keyboard.press("Enter")
        stage = f"Practice: {number} of 2. You agree with the experts on 4 of 8."
        for reload in (False, True):
            if reload:
                view.reload()
            wait_for_text(view, "#stage", stage)
            assert shown(view) == address
            lines = view.locator(".truth")
            assert sorted(lines.all_inner_texts()) == ["Experts agree."] * 4 + ["Experts answered no."] * 4
            for line in lines.all():
                assert line.evaluate(IS_IN_VIEW)
        check_page(view)
        view.keyboard.press("Enter")
        wait_for_next(view, address)
    wait_for_text(view, "#stage", "2 done, at most 1 left for you")
    assert campaign.kept() == [2] * 16
    view.keyboard.press("u")
    wait_for_text(view, "#stage", stage)
    view.keyboard.press("Enter")
    wait_for_text(view, "#stage", "2 done, at most 1 left for you")


def test_practice_answers_can_be_changed_until_they_are_checked(
    work: Callable[..., Work],
) -> None:
    campaign = work(sizes=(2,), practice=1, golden_size=2, raters=("ann",))
    view = campaign.sign_in("ann")
    address = answer_all(view)
    view.reload()  # a reload sends them before it shows anything
    assert shown(view) == address
    assert campaign.kept() == [2, 2]
    assert view.locator(".truth:visible").count() == 0
    view.keyboard.press("s")
    assert (
        view.inner_text("#suggest-hint") == "During practice, your suggestion is saved, but nobody is asked about it."
    )
    view.keyboard.type("lin")
    view.keyboard.press("Enter")
    wait_for_text(view, "#notice", "Your suggestion is saved: line.")
    view.keyboard.press("1")
    view.keyboard.press("m")
    view.keyboard.press("Enter")
    wait_for_text(view, "#stage", "Practice: 1 of 1. You agree with the experts on ")
    assert view.inner_text("#stage").endswith(".5 of 2 (maybe counts half).")
    assert sorted(campaign.kept()) == [1, 2]


# Whether an element is completely on the screen, and nothing covers it.
IS_IN_VIEW = """(one) => {
  const { left, top, bottom } = one.getBoundingClientRect();
  return [top + 1, bottom - 1].every((y) => one.contains(document.elementFromPoint(left + 1, y)));
}"""


def test_image_stays_on_screen_until_rater_continues(work: Callable[..., Work]) -> None:
    campaign = work(sizes=(2, 2, 2))
    view = campaign.sign_in("ann")
    first = answer_all(view)
    view.reload()
    assert shown(view) == first
    assert view.locator("[aria-pressed=true]").all_inner_texts() == ["Yes", "Yes"]
    wait_for_text(view, "#stage", "1 done, at most 2 left for you")
    view.keyboard.press("n")
    view.keyboard.press("Enter")
    wait_for_next(view, first)
    view.reload()
    second = answer_all(view, "m")
    assert second != first
    view.keyboard.press("u")  # from an answered image to the image before
    wait_for_text(view, "#stage", "Previous image")
    assert shown(view) == first
    view.reload()
    assert shown(view) == second
    view.keyboard.press("u")
    wait_for_next(view, second)
    view.keyboard.press("Enter")
    wait_for_next(view, first)
    assert shown(view) == second
    view.keyboard.press("Enter")
    wait_for_next(view, second)
    third = answer_all(view)
    view.keyboard.press("Enter")
    panel(view, "finished")
    view.reload()
    panel(view, "finished")
    assert third not in (first, second)
    assert campaign.kept() == [0, 1, 1, 2, 2, 2]


TIMED = """async () => {
  const source = () => document.querySelector("#image img")?.getAttribute("src");
  const before = source();
  const begun = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  while (source() === before) await new Promise(requestAnimationFrame);
  await document.querySelector("#image img").decode();
  await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""


def test_next_image_appears_within_100_milliseconds(work: Callable[..., Work]) -> None:
    view = work(sizes=(4,) * 22).sign_in("ann")
    times = []
    for number in range(20):
        answer_all(view)
        wait_for_images(view, number + 2)
        view.wait_for_timeout(100)
        times.append(view.evaluate(TIMED))
    assert np.percentile(times, 95) <= 100, times
