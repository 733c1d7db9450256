"""The report as HTML: it loads nothing, runs no code from files, and is reproducible."""

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
from reassess.comparison.summary import summarize_findings
from reassess.core import Classes
from reassess.report import CHARTS
from reassess.report.gallery import Thumbnail, Thumbnails
from reassess.report.mistake_gallery import make_cards, make_mistake_gallery, sample_images
from reassess.report.page import Page, ReportSources, add_no_break_spaces, make_interactive_tables, render_page
from reassess.report.sections import make_sections
from tests.report.cases import HOSTILE, IMAGES, findings, leaderboard

pytestmark = pytest.mark.usefixtures("report_extra")

PICTURE = (  # a grey square
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGNgYGDACzCMSgMAAgABAKu3jBYA"
    "AAAASUVORK5CYII="
)
_VOID = {"meta", "link", "img", "input", "wbr"}
_LOADING = {"src", "href", "data", "action", "formaction", "poster", "srcset", "xlink:href"}


class Reader(HTMLParser):
    """A parser that collects the elements and texts of a page."""

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
        assert self.open.pop() == tag, "elements are closed in order"

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def data(self) -> dict[str, Any]:
        (text,) = [text for tag, text in self.texts if tag == "script" and text.startswith("{")]
        return json.loads(text)


def page(results: Findings, *, gallery: bool = True, command: str = "reassess report one.npy -o r.html") -> str:
    choice = sample_images(results, 5)
    cards = make_cards(results, choice.rows)
    thumbnails = Thumbnails({card.image: Thumbnail(PICTURE, 8, 8) for card in cards[1:]}, 1, 0)
    return render_page(
        Page(
            title="2 models, reassessed",
            subtitle="Judged by reassessed labels.",
            summary=summarize_findings(results),
            sections=make_sections(results),
            interactive_tables=make_interactive_tables(results),
            gallery=make_mistake_gallery(results, choice, cards, thumbnails) if gallery else None,
            sources=ReportSources(command, [{"name": "labels", "path": "l.json", "sha256": "00ff"}], {"reassess": "0"}),
            classes=results.classes,
            format_descriptions={"one": "npy of ids"},
        )
    )


def three() -> Findings:
    return findings("one", "two", "three", board=leaderboard())


@cache
def whole_page() -> str:
    """Render a page with all parts."""
    return page(three())


def test_ids_are_unique_and_references_exist() -> None:
    elements = Reader(whole_page()).elements
    ids = Counter(attrs["id"] for _, attrs in elements if "id" in attrs)
    assert [name for name, n in ids.items() if n > 1] == []
    for _, attrs in elements:
        for name in (attrs.get("aria-labelledby") or "").split():
            assert name in ids
        if (href := attrs.get("href") or "").startswith("#"):
            assert href[1:] in ids


def test_page_loads_nothing() -> None:
    text = whole_page()
    for tag, attrs in Reader(text).elements:
        for name in _LOADING & attrs.keys():
            assert (attrs[name] or "").startswith(("#", "data:")), f"{tag} {name}"
    assert re.findall(r"url\((?!#)|@import", text) == []
    without_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    assert "http" not in without_namespaces.replace("http-equiv", "")


def test_charts_have_descriptions_and_numbers() -> None:
    text = whole_page()
    reader = Reader(text)
    images = [attrs for tag, attrs in reader.elements if tag == "svg"]
    assert len(images) == len(CHARTS)
    assert all(attrs["role"] == "img" for attrs in images)
    descriptions = [text for tag, text in reader.texts if tag == "desc"]
    assert len(descriptions) == len(CHARTS)
    assert all(len(description) > 60 for description in descriptions)
    tables = reader.data()["tables"]
    downloads = [attrs["data-csv"] or "" for _, attrs in reader.elements if "data-csv" in attrs]
    assert sorted(downloads) == sorted(tables)
    assert set(CHARTS) <= set(tables)
    assert tables["scatter"]["rows"][0][0] == "one"


def test_page_is_reproducible() -> None:
    assert whole_page() == page(three())


def test_names_from_files_are_escaped() -> None:
    """Names do not act as templates, and their control characters are escaped."""
    names = tuple(f"{HOSTILE}{i}" for i in range(6))
    images = tuple(f"{HOSTILE}/{i}.png" for i in range(IMAGES))
    results = findings(f"one\x1b[2J\u202e{HOSTILE}", f"=cmd|{HOSTILE}", classes=Classes(6, names=names), images=images)
    text = page(results, command=f"reassess report {HOSTILE}")
    reader = Reader(text)
    counts = Counter(tag for tag, _ in reader.elements)
    assert (counts["script"], counts["noscript"]) == (2, 3)
    cards_with_filters = [attrs for _, attrs in reader.elements if "data-filters" in attrs]
    assert counts["img"] == len(cards_with_filters), "one card has no image, and the dialog has an image element"
    assert all(not name.startswith("on") for _, attrs in reader.elements for name in attrs)
    assert str(123456 * 3) not in text
    assert reader.data()["classes"]["0"] == names[0].split(",")[0]
    assert f"=cmd|{HOSTILE}" in reader.data()["explorers"]["classes"]["rows"]
    assert re.findall("[\x1b\u202e]", text) == []
    assert "one\\x1b[2J\\u202e" in text


def test_page_without_gallery_and_other_files_is_complete() -> None:
    text = page(findings("one", complete=False), gallery=False)
    assert Reader(text).open == []
    assert "Images to review" not in text
    assert "Not shown: scores are missing." in text
    assert "Images not shown: 1 missing from the image folder." in " ".join(whole_page().split())


def test_page_starts_with_the_summary() -> None:
    texts = [text.strip() for tag, text in Reader(whole_page()).texts if tag == "li"]
    assert texts[: len(summarize_findings(three()))] == [
        add_no_break_spaces(sentence) for sentence in summarize_findings(three())
    ]
    assert 3 <= len(summarize_findings(three())) <= 6


def test_policy_allows_only_the_style_and_the_script_of_the_page() -> None:
    reader = Reader(whole_page())
    (policy,) = [attrs["content"] for _, attrs in reader.elements if "http-equiv" in attrs]
    for directive, element in (("script-src", "script"), ("style-src-elem", "style")):
        text = [text for tag, text in reader.texts if tag == element][-1]
        digest = b64encode(sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")


def test_colours_are_variables_with_a_light_and_a_dark_value() -> None:
    text = whole_page()
    used = set(re.findall(r"var\((--c[0-9a-f]{6})\)", text))
    assert len(used) > 5
    for name in used:
        assert len(re.findall(rf"^{name}: #[0-9a-f]{{6}};$", text, re.MULTILINE)) == 2
    svgs = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert re.findall(r"[:\"]\s*#[0-9a-f]{6}\b", svgs) == []
