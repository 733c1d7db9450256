"""Render a page as one HTML file that needs no network and no other file."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from reassess.core.classes import Classes
from reassess.errors import MissingPackageError
from reassess.evaluation.image_sheet import ImageSheet
from reassess.evaluation.words import KNOWN_IN_WORDS
from reassess.report.chart import Chart, Section
from reassess.report.explorers import Explorer
from reassess.report.gallery import Card, Choice
from reassess.report.inline_svg import inline_figure, palette
from reassess.report.tables import Table
from reassess.report.thumbnails import Thumbnails
from reassess.text import plain

__all__ = ["Gallery", "Page", "Provenance", "render"]

_MOST_ROWS = 60  # of a chart's table on the page; its CSV file has all
_NO_CLASS = "none of the classes"


@dataclass(frozen=True)
class Provenance:
    """How the page was made: the command, the input files with their hashes, and the versions."""

    command: str
    inputs: Sequence[Mapping[str, str | None]]
    versions: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Gallery:
    """Mistakes to look at; without pictures where no folder was given."""

    choice: Choice
    cards: Sequence[Card]
    pictures: Thumbnails


@dataclass(frozen=True, eq=False)
class Page:
    """All that a page shows."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    explorers: Sequence[Explorer]
    gallery: Gallery | None
    provenance: Provenance
    classes: Classes
    detected: Mapping[str, str]


def render(page: Page) -> str:
    """The page as HTML; the same page always gives the same bytes.

    Raises
    ------
    MissingPackageError
        jinja2 or matplotlib is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise MissingPackageError("jinja2", extra="report", purpose="making a report") from error
    charts = [chart for section in page.sections for chart in section.charts]
    drawn = {c.key: inline_figure(c.draw, key=f"chart-{c.key}", title=c.title, size=c.size).svg for c in charts}
    environment = Environment(
        loader=PackageLoader("reassess.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    folder = files("reassess.report") / "templates"
    texts = {name: Markup((folder / f"page.{name}").read_text(encoding="utf-8")) for name in ("css", "js")}
    rendered: str = environment.get_template("page.html").render(
        page=page,
        charts={key: Markup(svg) for key, svg in drawn.items()},
        palette=palette(list(drawn.values())),
        cards=[] if page.gallery is None else [_card(card, page) for card in page.gallery.cards],
        data=Markup(_as_json(_data(page, charts))),
        most_rows=_MOST_ROWS,
        thinned=_thinned,
        **texts,
    )
    return rendered


def _thinned(table: Table) -> list[list[str]]:
    """Rows of a table at even distances, no more than `_MOST_ROWS`, as text."""
    rows = table.written()
    step = -(-len(rows) // _MOST_ROWS) or 1
    return rows[::step]


def _data(page: Page, charts: Sequence[Chart]) -> dict[str, Any]:
    """The data of the page's script."""
    tables = [chart.table for chart in charts]
    tables += [table for section in page.sections for table in (*section.tables, section.wide) if table is not None]
    return {
        "tables": {table.key: {"columns": table.columns_in_full, "rows": table.rows_in_full} for table in tables},
        "explorers": {
            one.key: {
                "columns": [column.name for column in one.columns],
                "forms": [column.form for column in one.columns],
                "named": one.named,
                "order": one.order,
                "rows": one.rows,
            }
            for one in page.explorers
        },
        "classes": _class_names(page),
        "noClass": _NO_CLASS,
    }


def _class_names(page: Page) -> list[str]:
    """The name of every class up to the highest id in a long table."""
    ids = (row[i] for one in page.explorers for rows in one.rows.values() for row in rows for i in one.named)
    return [page.classes.label(i) for i in range(1 + max((i for i in ids if i is not None), default=-1))]


def _as_json(data: Any) -> str:
    """A JSON document that cannot end the element it stands in."""
    text = json.dumps(_plain(data), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _plain(data: Any) -> Any:
    if isinstance(data, str):
        return plain(data)
    if isinstance(data, dict):
        return {plain(key): _plain(value) for key, value in data.items()}
    return [_plain(value) for value in data] if isinstance(data, list | tuple) else data


def _card(card: Card, page: Page) -> dict[str, Any]:
    """What the gallery shows of an image."""
    assert page.gallery is not None
    sheet, label = card.sheet, page.classes.label
    known = _known(sheet)

    def named(class_id: int) -> str:
        return label(class_id) if class_id >= 0 else _NO_CLASS

    def verdict(class_id: int) -> str:
        """What raters answered about a predicted class, or what is known of it; nothing of what is no class."""
        return known.get(class_id) or (KNOWN_IN_WORDS.get(card.known.get(class_id, ""), "") if class_id >= 0 else "")

    return {
        "image": card.image,
        "picture": page.gallery.pictures.pictures.get(card.image),
        "original": None if sheet.original is None else label(sheet.original),
        "valid": [(label(i), known.get(i, "")) for i in sheet.valid or ()],
        "predictions": [(model, named(i), is_valid, verdict(i)) for model, i, is_valid in card.predictions],
        "mistaken": json.dumps([model for model, _, is_valid in card.predictions if not is_valid]),
    }


def _known(sheet: ImageSheet) -> dict[int, str]:
    """Score and votes of each proposed class, in words."""
    known = {}
    for one in sheet.candidates or ():
        parts = [] if one.score is None else [f"score {one.score:.2f}"]
        for who, given, choosers in (("", one.votes, sheet.raters), ("experts ", one.experts, sheet.experts)):
            counts = Counter(str(answer) for _, answer in given)
            if choosers:
                parts.append(f"{who or 'raters '}{len(given)} of {choosers}")
            elif counts:
                parts.append(who + ", ".join(f"{n} {answer}" for answer, n in counts.most_common()))
        known[one.class_id] = "; ".join(parts)
    return known
