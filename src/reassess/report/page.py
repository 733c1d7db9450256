"""Render a page as one HTML file that needs no network and no other file; with long tables to sort and search."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from reassess.comparison import Findings
from reassess.core import Classes
from reassess.evaluation import Evaluation
from reassess.report.chart import COUNT, PERCENT, Chart, Column, Section, Table
from reassess.report.figures import check_packages
from reassess.report.gallery import Card, Gallery
from reassess.report.inline_svg import inline_figure, palette
from reassess.text import plain

if TYPE_CHECKING:
    from markupsafe import Markup

_MOST_MODELS = 20  # the best
_MOST_CONFUSIONS = 300  # of a model
_MOST_ERRORS = 5000  # label errors, of all models
_FREE = "\N{NO-BREAK SPACE}"
_UNIT = re.compile(r"(?<=\d) (?=%|points?\b)|(?<=\bp) (?=[=<]|below)|(?<=\bp [=<]) (?=\d)|(?<=\bp below) (?=\d)")
_WHOLE = re.compile(rf"\btop-\d+(?:{_FREE}%)?", re.IGNORECASE)  # no line ends at its hyphen
_LONGEST = 12  # letters of a word that fits into a narrow column
_JOINT = re.compile(r"(?<=[^\W_][_./-])(?=\w)")
_MOST_ROWS = 60  # of a chart's table on the page; its CSV file has all
NAME_OF_UNKNOWN = "unknown class"


@dataclass(frozen=True, eq=False)
class Explorer:
    """A long table for each model; the page shows one at a time."""

    # key, title, words, notes: As of a section
    key: str
    title: str
    words: str
    columns: tuple[Column, ...]  # The columns
    rows: dict[str, list[list[Any]]]  # The rows of each model; the first column names the row
    named: tuple[int, ...]  # Positions of the columns that hold class ids, one or a list
    order: tuple[int, bool]  # The column by which the rows are sorted at first, and whether the highest comes first
    notes: Sequence[str]


def explorers(findings: Findings) -> list[Explorer]:
    """The long tables; of many models, those of the best."""
    models = findings.models[:_MOST_MODELS]
    hidden = len(findings.models) - len(models)
    notes = [f"The {len(models)} best models; {hidden:,} more are not shown here."] if hidden else []
    results = {model: findings.evaluations[model] for model in models}
    errors = _label_errors(findings, models)
    return [*([] if errors is None else [errors]), _classes(results, notes), _confusions(results, notes)]


def _label_errors(findings: Findings, models: Sequence[str]) -> Explorer | None:
    """The images of each model's label errors; None if there are none, or no original labels."""
    panel, labels = findings.panel, findings.labels
    if findings.original is None or not panel.is_label_error.any():
        return None
    before = findings.original.in_classes(labels.classes).indices
    most = _MOST_ERRORS // len(models)
    rows: dict[str, list[list[Any]]] = {}
    notes = []
    for model in models:
        at = panel.models.index(model)
        found = np.flatnonzero(panel.is_label_error[at])
        if found.size > most:
            notes.append(
                f"The first {most:,} of {found.size:,} images of {model}; reassess evaluate --details lists all."
            )
        rows[model] = [
            [
                panel.images[row],
                int(before[panel.original_rows[row]]),
                int(panel.top1[at, row]),
                labels.indices[slice(*labels.indptr[panel.label_rows[row] :][:2])].tolist(),
            ]
            for row in found[:most].tolist()
        ]
    return Explorer(
        key="error-images",
        title="Images with label errors",
        words="Images where the model's first class is valid and differs from the original label.",
        columns=(Column("image"), Column("original label"), Column("model's class"), Column("valid classes")),
        rows=rows,
        named=(1, 2, 3),
        order=(0, False),
        notes=notes,
    )


def _classes(results: dict[str, Evaluation], notes: Sequence[str]) -> Explorer:
    return Explorer(
        key="classes",
        title="Classes",
        words="For each class, the images for which it is valid. Hits: images whose first predicted class is any valid "
        "class. Predicted: images whose first predicted class is this class. With 50 images, an accuracy of 80 % has a "
        "95 % interval of 67 to 89 %.",
        columns=(
            *(Column("class"), Column("id", COUNT), Column("images", COUNT), Column("hits", COUNT)),
            *(Column("accuracy %", PERCENT), Column("predicted", COUNT)),
            *(Column("most often instead"), Column("times", COUNT)),
        ),
        rows={model: _class_rows(result) for model, result in results.items()},
        named=(0, 6),
        order=(4, False),
        notes=notes,
    )


def _class_rows(result: Evaluation) -> list[list[Any]]:
    """Class, id, images, hits, accuracy, predictions, the most frequent confusion, and how often."""
    part = result.per_class
    instead: dict[int, tuple[int, int]] = {}
    for valid, predicted, times in part.confusions:
        instead.setdefault(valid, (predicted, times))
    rows = []
    for i, images, hits, predictions in part.count_rows:
        counts = images, hits, round(100 * hits / images, 2), predictions
        rows.append([i, i, *counts, *instead.get(i, (None, None))])
    return rows


def _confusions(results: dict[str, Evaluation], notes: Sequence[str]) -> Explorer:
    return Explorer(
        key="confusions",
        title="Confusions",
        words=f"A valid class and the class that was predicted instead, which is not valid: the {_MOST_CONFUSIONS} "
        "most frequent pairs of each model. An image with several valid classes counts for each of them.",
        columns=(Column("valid class"), Column("predicted instead"), Column("images", COUNT)),
        rows={
            model: [list(row) for row in result.per_class.confusions[:_MOST_CONFUSIONS]]
            for model, result in results.items()
        },
        named=(0, 1),
        order=(2, True),
        notes=notes,
    )


def bound(text: str) -> str:
    """A text in which no line can end between a number and its unit."""
    return _UNIT.sub(_FREE, text)


def set_text(text: str) -> "Markup":
    """A text as a part of a page: escaped, numbers bound to their units, and long names with places to break."""
    from markupsafe import Markup

    words = re.split(r"(\s+)", bound(plain(text)))
    return Markup().join(Markup("<wbr>").join(_parts(word)) for word in words)


def set_heading(text: str) -> "Markup":
    """The heading of a column, which is narrow: `set_text`, but no line ends at the hyphen of its words."""
    from markupsafe import Markup

    return Markup(_WHOLE.sub(r'<span class="whole">\g<0></span>', str(set_text(text))))


def _parts(word: str) -> list[str]:
    return _JOINT.split(word) if len(word) > _LONGEST else [word]


@dataclass(frozen=True)
class ReportSources:
    """How the page was made: the command, the input files with their hashes, and the versions."""

    command: str
    inputs: Sequence[Mapping[str, str | None]]
    versions: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Page:
    """Everything that a page shows; the summary is its findings in sentences."""

    title: str
    subtitle: str
    sources: ReportSources
    classes: Classes
    gallery: Gallery | None
    summary: Sequence[str] = ()
    sections: Sequence[Section] = ()
    explorers: Sequence[Explorer] = ()
    detected: Mapping[str, str] = field(default_factory=dict)


def render(page: Page, *, track: Callable[[Sequence[Chart]], Iterable[Chart]] = iter) -> str:
    """The page as HTML; the same page always gives the same bytes."""
    environment = page_environment()
    from jinja2.utils import htmlsafe_json_dumps
    from markupsafe import Markup

    charts = [chart for section in page.sections for chart in section.charts]
    drawn = {c.key: inline_figure(c.draw, key=f"chart-{c.key}", title=c.title, size=c.size) for c in track(charts)}
    folder = files("reassess.report") / "templates"
    css, js = ((folder / f"page.{suffix}").read_text(encoding="utf-8") for suffix in ("css", "js"))
    style = _colours(palette(list(drawn.values()))) + css
    rendered: str = environment.get_template("page.html").render(
        page=page,
        charts={key: Markup(svg) for key, svg in drawn.items()},
        filters=_filters,
        data=htmlsafe_json_dumps(
            _plain(_data(page, charts)), ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ),
        most_rows=_MOST_ROWS,
        thinned=_thinned,
        policy=content_policy(style, js),
        style=Markup(style),
        script=Markup(js),
    )
    return rendered


def _colours(colours: Mapping[str, tuple[str, str]]) -> str:
    """The variables of colours, light and dark."""
    light, dark = ("".join(f"{name}: {pair[i]};\n" for name, pair in colours.items()) for i in (0, 1))
    return f":root {{\n{light}}}\n@media screen and (prefers-color-scheme: dark) {{\n:root {{\n{dark}}}\n}}\n"


def page_environment() -> Any:
    """What renders the templates of pages, which escape every text; `MissingPackageError` without jinja2."""
    check_packages(".html")
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reassess.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    environment.filters |= {"set": set_text, "set_heading": set_heading}
    return environment


def content_policy(style: str, script: str) -> str:
    """The content security policy: this style and this script alone, and nothing from anywhere else."""
    of_style, of_script = (f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (style, script))
    return (
        f"default-src 'none'; script-src {of_script}; style-src-elem {of_style}; style-src-attr 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


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
        "noClass": NAME_OF_UNKNOWN,
    }


def _class_names(page: Page) -> dict[str, str]:
    """The name of every class in a long table, by id."""
    cells = [row[i] for one in page.explorers for rows in one.rows.values() for row in rows for i in one.named]
    ids = {i for cell in cells for i in (cell if isinstance(cell, list) else [cell])}
    return {str(i): page.classes.label(i) for i in sorted(ids - {None, -1})}


def _plain(data: Any) -> Any:
    if isinstance(data, str):
        return plain(data)
    if isinstance(data, dict):
        return {plain(key): _plain(value) for key, value in data.items()}
    return [_plain(value) for value in data] if isinstance(data, list | tuple) else data


def _filters(card: Card) -> str:
    """What a card can be found by, for the page's script."""
    found_by = {"mistakes": card.mistakes, "about": card.about, "classes": sorted(card.classes)}
    return json.dumps(found_by | {"disputed": card.disputed})
