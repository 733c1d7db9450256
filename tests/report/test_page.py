"""The page as HTML: nothing is loaded, nothing is executed that came from a file, the same bytes from run to run."""

import json
import re
from base64 import b64encode
from collections import Counter
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from reassess.comparison import Findings
from reassess.comparison.summary import summary
from reassess.core import Classes
from reassess.report import CHARTS
from reassess.report.gallery import Thumbnail, Thumbnails
from reassess.report.mistake_gallery import cards, choose, mistake_gallery
from reassess.report.page import Page, ReportSources, bound, explorers, render
from reassess.report.sections import sections
from tests.report.cases import HOSTILE, IMAGES, findings, leaderboard

pytestmark = pytest.mark.usefixtures("report_extra")

PICTURE = (  # a grey square
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGNgYGDACzCMSgMAAgABAKu3jBYA"
    "AAAASUVORK5CYII="
)
_VOID = {"meta", "link", "img", "input", "wbr"}
_LOADING = {"src", "href", "data", "action", "formaction", "poster", "srcset", "xlink:href"}


class Reader(HTMLParser):
    """The elements of a page, its ids, and its text by element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "every element is closed in order"

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def data(self) -> dict[str, Any]:
        (text,) = [text for tag, text in self.texts if tag == "script" and text.startswith("{")]
        return json.loads(text)


def page(results: Findings, *, pictures: bool = True, command: str = "reassess report one.npy -o r.html") -> str:
    choice = choose(results, 5)
    shown = cards(results, choice.rows)
    pictures_by_image = {card.image: Thumbnail(PICTURE, 8, 8) for card in shown[1:]}
    return render(
        Page(
            title="2 models, reassessed",
            subtitle="Judged by reassessed labels.",
            summary=summary(results),
            sections=sections(results),
            explorers=explorers(results),
            gallery=mistake_gallery(results, choice, shown, Thumbnails(pictures_by_image, 1, 0)) if pictures else None,
            sources=ReportSources(command, [{"name": "labels", "path": "l.json", "sha256": "00ff"}], {"reassess": "0"}),
            classes=results.classes,
            detected={"one": "npy of ids"},
        )
    )


def three() -> Findings:
    return findings("one", "two", "three", board=leaderboard())


@cache
def whole() -> str:
    """A page with every part."""
    return page(three())


def test_ids_are_unique_and_what_is_referred_to_is_there() -> None:
    elements = Reader(whole()).elements
    ids = Counter(attrs["id"] for _, attrs in elements if "id" in attrs)
    assert [name for name, n in ids.items() if n > 1] == []
    for _, attrs in elements:
        for name in (attrs.get("aria-labelledby") or "").split():
            assert name in ids
        if (href := attrs.get("href") or "").startswith("#"):
            assert href[1:] in ids


def test_nothing_is_loaded() -> None:
    text = whole()
    for tag, attrs in Reader(text).elements:
        for name in _LOADING & attrs.keys():
            assert (attrs[name] or "").startswith(("#", "data:")), f"{tag} {name}"
    assert re.findall(r"url\((?!#)|@import", text) == []
    outside = re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    assert "http" not in outside.replace("http-equiv", "")


def test_every_chart_says_what_it_is_and_gives_its_numbers() -> None:
    text = whole()
    reader = Reader(text)
    images = [attrs for tag, attrs in reader.elements if tag == "svg"]
    assert len(images) == len(CHARTS)
    assert all(attrs["role"] == "img" for attrs in images)
    titles = [text for tag, text in reader.texts if tag == "desc"]
    assert len(titles) == len(CHARTS)
    assert all(len(words) > 60 for words in titles)
    tables = reader.data()["tables"]
    asked_for = [attrs["data-csv"] or "" for _, attrs in reader.elements if "data-csv" in attrs]
    assert sorted(asked_for) == sorted(tables)
    assert set(CHARTS) <= set(tables)
    assert tables["scatter"]["rows"][0][0] == "one"


def test_the_same_findings_give_the_same_bytes() -> None:
    assert whole() == page(three())


def test_names_from_files_stay_names() -> None:
    """A name is no template, and its control characters are written out."""
    names = tuple(f"{HOSTILE}{i}" for i in range(6))
    images = tuple(f"{HOSTILE}/{i}.png" for i in range(IMAGES))
    results = findings(f"one\x1b[2J\u202e{HOSTILE}", f"=cmd|{HOSTILE}", classes=Classes(6, names=names), images=images)
    text = page(results, command=f"reassess report {HOSTILE}")
    reader = Reader(text)
    counts = Counter(tag for tag, _ in reader.elements)
    assert (counts["script"], counts["noscript"]) == (2, 3)
    cards_with_filters = [attrs for _, attrs in reader.elements if "data-filters" in attrs]
    assert counts["img"] == len(cards_with_filters), "one has no picture, and one is enlarged"
    assert all(not name.startswith("on") for _, attrs in reader.elements for name in attrs)
    assert str(123456 * 3) not in text
    assert reader.data()["classes"]["0"] == names[0].split(",")[0]
    assert f"=cmd|{HOSTILE}" in reader.data()["explorers"]["classes"]["rows"]
    assert re.findall("[\x1b\u202e]", text) == []
    assert "one\\x1b[2J\\u202e" in text


def test_a_page_without_pictures_or_other_files_is_whole() -> None:
    text = page(findings("one", complete=False), pictures=False)
    assert Reader(text).open == []
    assert "Images to review" not in text
    assert "Not shown: scores are missing." in text
    assert "1 of these images are not in the image folder" in " ".join(whole().split())


def test_the_page_begins_with_its_findings() -> None:
    texts = [text.strip() for tag, text in Reader(whole()).texts if tag == "li"]
    assert texts[: len(summary(three()))] == [bound(sentence) for sentence in summary(three())]
    assert 3 <= len(summary(three())) <= 6


def test_only_the_style_and_the_script_of_the_page_are_allowed() -> None:
    reader = Reader(whole())
    (policy,) = [attrs["content"] for _, attrs in reader.elements if "http-equiv" in attrs]
    for directive, element in (("script-src", "script"), ("style-src-elem", "style")):
        text = [text for tag, text in reader.texts if tag == element][-1]
        digest = b64encode(sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")


def test_colours_are_variables_that_have_a_value_in_light_and_in_dark() -> None:
    text = whole()
    used = set(re.findall(r"var\((--c[0-9a-f]{6})\)", text))
    assert len(used) > 5
    for name in used:
        assert len(re.findall(rf"^{name}: #[0-9a-f]{{6}};$", text, re.MULTILINE)) == 2
    svgs = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert re.findall(r"[:\"]\s*#[0-9a-f]{6}\b", svgs) == []
