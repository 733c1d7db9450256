"""The rating page in a browser: keys, zoom, going back, and phones."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from reassess.annotation import Rules
from reassess.core import Classes, Hierarchy
from tests.annotation.app.browsing import Work, check_page
from tests.annotation.app.test_browser import SEEN, WIDTH, answer_all, panel, shown, wait_for_next, wait_for_text

NAMES = ("acoustic guitar", "electric guitar", "banjo", "cello", "violin", "drum", "marimba", "flute", "oboe", "harp")
INSTRUMENTS = Classes(10, names=NAMES, definitions=tuple(f"what a {name} is, in one sentence" for name in NAMES))
FAMILIES = {"strings": (2, 3, 4, 9), "others": (5, 6, 7, 8)}
TREE = Hierarchy(
    {one: ("instrument", "strings", "guitar", NAMES[one]) for one in (0, 1)}
    | {one: ("instrument", family, NAMES[one]) for family, members in FAMILIES.items() for one in members}
)


@pytest.fixture
def instruments(work: Callable[..., Work]) -> Callable[..., Work]:
    """A served campaign with images of eight instruments."""

    def begin(images: int = 3, **plan: Any) -> Work:
        return work(sizes=(8,) * images, classes=INSTRUMENTS, name="Instruments", **plan)

    return begin


@pytest.fixture
def phone(instruments: Callable[..., Work]) -> tuple[Work, Any]:
    """A campaign on a phone in landscape."""
    begun = instruments()
    size = {"width": 740, "height": 360}
    return begun, begun.sign_in("ann", view=begun.browse(viewport=size, has_touch=True, is_mobile=True))


def press_all(view: Any, keys: list[str]) -> int:
    """Press keys, and return their number."""
    for key in keys:
        view.keyboard.press(key)
    return len(keys)


@pytest.mark.parametrize("goes_on", [False, True])
def test_eight_classes_with_one_valid_class_need_three_keys(instruments: Callable[..., Work], goes_on: bool) -> None:
    begun = instruments(images=8)
    view = begun.sign_in("ann", view=begun.browse())
    shown(view)
    if goes_on:
        press_all(view, ["?"])
        view.check("#advance")
        press_all(view, ["Escape"])
        view.reload()  # the browser remembers it
    for number in range(1, 9):
        address = shown(view)
        keys = [str(number), *(["y", "r"] if goes_on else ["o", "Enter"])]
        assert press_all(view, keys) == 3
        wait_for_next(view, address)
    panel(view, "finished")
    assert begun.kept() == [0] * 56 + [2] * 8
    assert view.inner_text("#summary") == "You gave 64 answers about 8 images in 1 minute."
    check_page(view)


def test_surplus_key_does_not_answer_for_next_image(instruments: Callable[..., Work]) -> None:
    begun = instruments()
    view = begun.sign_in("ann", view=begun.browse())
    address = shown(view)
    view.evaluate("localStorage.setItem('reassess advance', 'on')")
    view.reload()
    assert shown(view) == address
    press_all(view, ["r", "n", "n"])
    wait_for_next(view, address)
    assert view.locator("#rows [aria-pressed=true]").count() == 0
    press_all(view, ["u"])  # changing an answer does not leave an earlier image
    wait_for_text(view, "#stage", "Previous image")
    press_all(view, ["m", "1", "y"])
    view.wait_for_timeout(400)
    assert shown(view) == address


def test_second_half_of_a_double_click_does_not_answer_for_the_next_image(work: Callable[..., Work]) -> None:
    begun = work(sizes=(1, 1))
    view = begun.sign_in("ann", view=begun.browse())
    view.evaluate("localStorage.setItem('reassess advance', 'on')")
    view.clock.install()
    view.reload()
    address = shown(view)
    view.clock.pause_at(time.time() + 3600)
    view.locator("[data-answer='2']:visible").click()
    view.clock.run_for(250)  # then the page advances
    wait_for_next(view, address)
    shown(view)
    view.locator("[data-answer='2']:visible").click()
    assert view.locator("#rows [aria-pressed=true]").count() == 0
    view.clock.run_for(500)
    view.locator("[data-answer='0']:visible").click()
    view.clock.run_for(250)
    panel(view, "finished")
    assert begun.kept() == [0, 2]


def test_rater_can_go_back_several_images_without_skipped_ones(
    instruments: Callable[..., Work],
) -> None:
    begun = instruments(images=12)
    view = begun.sign_in("ann")
    seen = []
    for number in range(11):
        seen.append(shown(view))
        press_all(view, ["c", "Enter"] if number == 9 else ["r", "Enter"])
        wait_for_next(view, seen[-1])
    last = shown(view)
    for steps, address in enumerate([seen[10], *seen[8:1:-1]], 1):
        press_all(view, ["u"])
        wait_for_text(view, "#stage", "Previous image" if steps == 1 else f"{steps} images back")
        assert shown(view) == address
    press_all(view, ["u"])
    wait_for_text(view, "#notice", "You can go back at most 8 images.")
    press_all(view, ["1", "y"])
    for address in [*seen[3:9], seen[10], last]:
        press_all(view, ["Enter"])
        view.wait_for_selector(f"#image img[src='{address}']")
    assert view.locator("#rows [aria-pressed=true]").count() == 0
    press_all(view, ["r", "Enter"])
    panel(view, "finished")
    assert begun.kept() == [0] * 87 + [2]


def test_rows_can_be_answered_while_image_is_enlarged(instruments: Callable[..., Work]) -> None:
    view = instruments().sign_in("ann")
    address = shown(view)
    names = view.locator(".row .name span").all_inner_texts()
    press_all(view, ["z"])
    for number, name in enumerate(names[:3]):
        assert view.locator("#zoomed .name > *").all_inner_texts() == [str(number + 1), name]
        press_all(view, ["m"])
    view.locator("#zoom-question").get_by_role("button", name="Yes").click()
    check_page(view)
    press_all(view, ["2"])
    assert view.locator("#zoom-question [aria-pressed=true]").all_inner_texts() == ["Maybe"]
    press_all(view, ["Enter"])  # some classes have no answer
    wait_for_text(view, "#notice", "Answer every class first.")
    assert view.locator("#notice").evaluate("(one) => one.matches(':popover-open')")  # above the dialog
    press_all(view, ["r"])
    assert view.locator("#rows [aria-pressed=true]").all_inner_texts() == ["Maybe"] * 3 + ["Yes"] + ["No"] * 4
    press_all(view, ["Enter"])
    wait_for_next(view, address)
    assert not view.is_visible("#zoomed")


def test_whole_image_is_shown_while_key_is_held(instruments: Callable[..., Work]) -> None:
    view = instruments().sign_in("ann")
    shown(view)
    view.keyboard.down("w")
    assert view.is_visible("#zoomed")
    whole = view.evaluate(WIDTH)
    view.keyboard.up("w")
    assert not view.is_visible("#zoomed")
    press_all(view, ["z", "+", "ArrowRight", "ArrowDown"])
    before = view.evaluate(WIDTH), view.evaluate(SEEN)
    assert before[0] > whole
    view.keyboard.down("w")
    assert view.evaluate(WIDTH) == whole
    view.evaluate("dispatchEvent(new Event('blur'))")  # the key is released in another window
    assert view.evaluate(WIDTH) == before[0]
    assert view.evaluate(SEEN) == pytest.approx(before[1], abs=0.01)


def test_enlarged_image_follows_mouse_and_fingers(phone: tuple[Work, Any]) -> None:
    _, view = phone
    shown(view)
    press_all(view, ["z", "+", "+"])
    width = view.evaluate(WIDTH)
    box = view.locator("#zoom-view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    part = view.evaluate(SEEN)
    view.mouse.move(x, y)
    view.mouse.down()
    view.mouse.move(x + 90, y + 40, steps=5)
    view.mouse.up()
    moved = view.evaluate(SEEN)
    assert part[0] - moved[0] == pytest.approx(90 / width, abs=0.01)
    assert part[1] - moved[1] == pytest.approx(40 / (width * 3 / 4), abs=0.02)

    session = view.context.new_cdp_session(view)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", (x, y))
    touch("touchMove", (x - 90, y - 40))
    touch("touchEnd")
    assert view.evaluate(SEEN) == pytest.approx(part, abs=0.02)
    touch("touchStart", (x - 40, y), (x + 40, y))
    touch("touchMove", (x - 60, y), (x + 60, y))
    touch("touchEnd")
    assert view.evaluate(WIDTH) == pytest.approx(1.5 * width, rel=0.02)
    assert view.evaluate(SEEN) == pytest.approx(part, abs=0.02)  # the part between the fingers stays between them


def test_landscape_phone_shows_image_beside_answers(phone: tuple[Work, Any]) -> None:
    begun, view = phone
    address = shown(view)
    image, side = (view.locator(selector).bounding_box() for selector in ("#image", "#side"))
    assert image["x"] + image["width"] <= side["x"]
    assert image["height"] > 300
    for key in "12345678":
        press_all(view, [key])
        assert view.locator(".row.current").evaluate(IS_WHOLE)
    for button in view.locator("header button, .actions button").all():
        assert button.evaluate(IS_WHOLE)
    check_page(view)
    narrow = begun.sign_in("ben", view=begun.browse(viewport={"width": 740, "height": 360}))  # with a keyboard
    shown(narrow)
    for page in (view, narrow):
        assert len({button.bounding_box()["y"] for button in page.locator(".others button").all()}) == 1
    for dialog, name in (("help", "Help"), ("suggest", "Suggest a class"), ("zoomed", "Zoom")):
        view.get_by_role("button", name=name).tap()
        view.wait_for_selector(f"#{dialog}[open]")
        assert view.locator(f"#{dialog}").evaluate(IS_WHOLE)
        check_page(view)
        view.keyboard.press("Escape")
    view.locator(".row.current").get_by_role("button", name="Yes").tap()
    view.get_by_role("button", name="No to the rest").tap()
    view.get_by_role("button", name="Next image").tap()
    wait_for_next(view, address)
    view.wait_for_timeout(100)
    assert begun.kept() == [0] * 7 + [2]


# Whether an element is completely on the screen.
IS_WHOLE = """(one) => {
  const { left, right, top, bottom } = one.getBoundingClientRect();
  return left >= 0 && top >= 0 && right <= innerWidth + 1 && bottom <= innerHeight + 1;
}"""


def test_page_suggests_a_break_after_half_an_hour(instruments: Callable[..., Work]) -> None:
    begun = instruments()
    view = begun.sign_in("ann", view=begun.browse())
    view.clock.install()
    view.reload()
    shown(view)
    hint = view.locator("#break")

    def answer_after(minutes: int) -> bool:
        """Answer at these times; return whether the hint is shown afterwards."""
        for _ in range(minutes // 4):
            view.clock.fast_forward("04:00")
            press_all(view, ["1", "ymn"[random.randrange(3)]])
            press_all(view, ["1", "ymn"[random.randrange(3)]])
        return hint.is_visible()

    assert not answer_after(28)
    assert answer_after(8)
    assert "take a break of 5 minutes" in hint.inner_text()
    check_page(view)
    hint.get_by_role("button", name="Dismiss").click()
    assert not answer_after(28)
    view.clock.fast_forward("06:00")  # a break
    assert not answer_after(28)
    assert answer_after(8)


def test_progress_and_summary_name_the_answers_and_their_time(instruments: Callable[..., Work]) -> None:
    begun = instruments(images=4, practice=1, raters=("ann",), rules=Rules(golden_share=0.0))
    view = begun.sign_in("ann")
    wait_for_text(view, "#stage", "Practice: 1 of 1")
    address = answer_all(view, "m")
    press_all(view, ["Enter"])
    view.wait_for_selector(".truth:visible")
    press_all(view, ["Enter"])
    for number in range(1, 5):
        wait_for_next(view, address)
        pace = ", about 1 minute at this pace" if number == 4 else ""
        if number < 4:
            wait_for_text(view, "#stage", f"{number} done, at most {5 - number} left for you{pace}")
        address = answer_all(view, "y")
        if number == 4:
            view.reload()
            wait_for_text(view, "#stage", "5 done")
        press_all(view, ["Enter"])
    panel(view, "finished")
    summary = (
        "You gave 34 answers about 5 images in 1 minute. In practice, you agreed with the experts on 1 of 2 answers."
    )
    wait_for_text(view, "#summary", summary)


def test_class_search_finds_typing_errors_and_similar_classes(instruments: Callable[..., Work]) -> None:
    begun = instruments(hierarchy=TREE)
    view = begun.sign_in("ann")
    shown(view)
    press_all(view, ["s"])
    names, headings = view.locator("#suggest-list b"), view.locator("#suggest-list .heading")
    assert (names.all_inner_texts(), headings.all_inner_texts()) == (
        ["oboe", "harp"],
        ["Similar to the classes of this image"],
    )
    view.keyboard.type("hrap")
    assert names.all_inner_texts() == ["harp"]
    assert view.locator("[aria-selected=true] p").inner_text() == "what a harp is, in one sentence"
    view.fill("#suggest-text", "guitr")
    assert view.inner_text("#suggest-notice") == "acoustic guitar is already in the list."
    assert (names.all_inner_texts(), headings.all_inner_texts()) == (["harp"], ["Similar to acoustic guitar"])
    check_page(view)
    press_all(view, ["Enter"])
    wait_for_text(view, "#notice", "Thank you. Other raters will be asked about harp.")


def test_name_with_one_error_in_long_word_is_found_first(instruments: Callable[..., Work]) -> None:
    """The error is a letter too many, missing, wrong, or swapped with the next, also at the beginning."""
    view = instruments().sign_in("ann")
    shown(view)
    chance, typed = random.Random(0), []
    for _ in range(300):
        name, letter = chance.choice([name for name in NAMES if len(name) > 4]), chance.choice("abcdefgh")
        size = len(name.split()[-1])  # in the last word, which has the error
        place = len(name) - chance.randint(2, size)
        head, at, then, tail = name[:place], name[place], name[place + 1], name[place + 2 :]
        texts = letter + at + then, then, letter + then, then + at
        typed.append((name, head + chance.choice(texts) + tail))
    found = view.evaluate(RANKED, [list(NAMES), [error for _, error in typed]])
    for (name, error), names in zip(typed, found, strict=True):
        assert name in names[:2], error


RANKED = """async ([names, typed]) => {
  const { ClassRanking } = await import("/static/class_ranking.js");
  const ranking = new ClassRanking(names.map((name, id) => ({ id, name, synonyms: [], path: [] })));
  return typed.map((text) => ranking.find(text).map(({ name }) => name));
}"""


def test_help_lists_every_key(work: Callable[..., Work]) -> None:
    view = work().sign_in("ann")
    shown(view)
    press_all(view, ["?"])
    rows = view.evaluate("import('/static/keys.js').then(({ SHORTCUTS }) => SHORTCUTS)")
    terms = view.locator("#shortcuts dt").all_inner_texts()
    assert [term.startswith(row["name"]) for term, row in zip(terms, rows, strict=True)] == [True] * len(rows)
    assert view.evaluate("(one => one.scrollHeight <= one.clientHeight)(document.querySelector('#help'))")
