"""Take screenshots of pages for the docs: of the demo, of docs/own-images.md and of docs/report.md.

Run it with python docs/page_pictures.py; REASSESS_DATA is the folder of the ImageNet files for the report.

It needs Playwright and Chromium: pip install "reassess[annotate,browser,examples]", apt-get install chromium.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urljoin

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from reassess import annotation
from reassess.annotation.demo import CLASSES

FOLDER = Path(__file__).with_name("images")
SIZE = {"width": 1280, "height": 800}
PHONE = {"viewport": {"width": 740, "height": 360}, "has_touch": True, "is_mobile": True}  # landscape
COLOURS = 96  # few colours make small files
DEMO_IMAGES = 24
OTHER_RATERS = {"ann": 20, "ben": 12}  # images that each of them answers
RATED = 16

Shapes = Mapping[bytes, set[str]]


def pixels(file: object) -> bytes:
    return Image.open(file).convert("RGB").tobytes()


def shapes_by_image() -> Shapes:
    """Return the names of the shapes in each image of the demo, by its pixels."""
    with TemporaryDirectory() as folder:
        drawn = annotation.write_demo_images(Path(folder), DEMO_IMAGES)
        files = sorted(Path(folder).iterdir())
        return {
            pixels(file): {CLASSES.names[class_id] for class_id in class_ids}
            for file, class_ids in zip(files, drawn, strict=True)
        }


def sign_in(browser: Browser, link: str, **options: Any) -> Page:
    """Sign in with a link, and return the page."""
    page = browser.new_page(**{"viewport": SIZE, **options})
    page.goto(link)
    page.wait_for_selector("#image img:visible, #people")
    return page


def invite(owner: Page, name: str, role: str = "rater") -> str:
    """Invite a person on the owner page, and return their link."""
    owner.fill("#invite [name=name]", name)
    owner.select_option("#invite [name=role]", role)
    owner.press("#invite [name=name]", "Enter")
    owner.wait_for_selector("#link[open]")
    link = owner.input_value("#link-text")
    owner.press("#link", "Escape")
    return link


def correct_keys(page: Page, shapes: Shapes) -> str:
    """Return the keys of the correct answers for the image on the screen."""
    address = urljoin(page.url, page.locator("#image img").get_attribute("src"))
    visible = shapes[pixels(BytesIO(page.request.get(address).body()))]
    return "".join("y" if name in visible else "n" for name in page.locator(".row .name span").all_inner_texts())


def rate(page: Page, shapes: Shapes, images: int) -> None:
    """Answer images correctly, but maybe instead of yes for every fourth image."""
    for number in range(images):
        before = page.locator("#image img").get_attribute("src")
        keys = correct_keys(page, shapes)
        page.keyboard.type(keys if number % 4 else keys.replace("y", "m"), delay=100)
        page.keyboard.press("Enter")
        if page.locator("#stage").inner_text().startswith("Practice"):
            page.wait_for_selector(".truth:visible")
            page.keyboard.press("Enter")
        page.wait_for_selector(f"#image img[src='{before}']", state="hidden")


def save(page: Page, name: str) -> None:
    """Save a screenshot with few colours, as a small file."""
    shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
    shot.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)


def run_page(page: str, commands: str) -> None:
    """Run the Python code of a docs page, and the commands that match a pattern, in the current folder."""
    text = Path(__file__).with_name(page).read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for kind, title, code in re.findall(
        r'^```(python|console)(?: title="(.*?)")?\n(.*?)^```$', text, re.MULTILINE | re.DOTALL
    ):
        if kind == "console":
            for command in re.findall(rf"^\$ reassess ({commands} .*)$", code, re.MULTILINE):
                subprocess.run([sys.executable, "-m", "reassess", *shlex.split(command)], check=True)
        elif title:
            Path(title).write_text(code, encoding="utf-8")
        else:
            exec(code, names)


def save_file(browser: Browser, file: str, name: str, **size: int) -> None:
    """Save a screenshot of an HTML file."""
    page = browser.new_page(viewport=size)
    page.goto(Path(file).absolute().as_uri())
    save(page, name)


def main() -> None:
    """Simulate raters, and take screenshots of all pages."""
    shapes, command = shapes_by_image(), [sys.executable, "-m", "reassess", "annotate", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo, sync_playwright() as playwright:
        links = dict(demo.stdout.readline().strip().split(": ") for _ in ("rater", "owner"))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        owner = sign_in(browser, links["owner"])
        for name, images in OTHER_RATERS.items():
            rate(sign_in(browser, invite(owner, name)), shapes, images)
        rater = sign_in(browser, links["rater"])
        rate(rater, shapes, RATED)
        rater.keyboard.type(correct_keys(rater, shapes)[:2], delay=100)
        save(rater, "rating.png")
        rater.keyboard.press("z")
        save(rater, "zoomed.png")
        rater.keyboard.press("z")
        rater.keyboard.press("s")
        rater.keyboard.type("recktangel")
        save(rater, "search.png")
        phone = sign_in(browser, links["rater"], **PHONE)
        phone.wait_for_timeout(500)
        save(phone, "phone.png")
        save(sign_in(browser, links["owner"]), "owner.png")
        expert = sign_in(browser, invite(owner, "eve", "expert"))
        expert.keyboard.type(correct_keys(expert, shapes)[:2], delay=100)
        save(expert, "expert.png")
        with TemporaryDirectory() as folder, chdir(folder):
            run_page("own-images.md", "(?:predict|clean)")
            save_file(browser, "wrong.html", "wrong.png", width=1000, height=620)
        with TemporaryDirectory() as folder, chdir(folder):
            run_page("report.md", "report")
            save_file(browser, "report.html", "report.png", width=1280, height=1000)
        browser.close()
        demo.terminate()


if __name__ == "__main__":
    main()
