"""A report as one HTML file that needs no network and no other file."""

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
from reassess.core.classes import ID_ONLY_CLASSES
from reassess.evaluation import Evaluation
from reassess.report.chart import COUNT, PERCENT, Chart, Column, Section, Table
from reassess.report.figures import check_packages
from reassess.report.gallery import Card, Gallery
from reassess.report.inline_svg import find_light_and_dark_colours, render_inline_svg
from reassess.text import escape_controls

if TYPE_CHECKING:
    from markupsafe import Markup

_MAX_MODELS = 20  # the best models have long tables
_MAX_CONFUSIONS = 300  # per model
_MAX_LABEL_ERRORS = 5000  # label errors of all models
_NO_BREAK = "\N{NO-BREAK SPACE}"
_UNIT_SPACE_PATTERN = re.compile(
    r"(?<=\d) (?=%|points?\b)|(?<=\bp) (?=[=<]|below)|(?<=\bp [=<]) (?=\d)|(?<=\bp below) (?=\d)"
)
_UNBROKEN_PATTERN = re.compile(rf"\btop-\d+(?:{_NO_BREAK}%)?", re.IGNORECASE)  # lines must not end at this hyphen
_MAX_WORD_LENGTH = 12  # letters of a word that fits into a narrow column
_BREAK_PATTERN = re.compile(r"(?<=[^\W_][_./-])(?=\w)")
_MAX_ROWS = 60  # of a chart's table on the page; the CSV file has all
UNKNOWN_CLASS_NAME = "unknown class"


@dataclass(frozen=True, eq=False)
class InteractiveTables:
    """A page section with a long table for each model; readers can sort and search these tables."""

    key: str  # id on the page
    title: str
    description: str
    columns: tuple[Column, ...]
    rows: dict[str, list[list[Any]]]  # by model; the first column names the row
    class_id_columns: tuple[int, ...]  # positions of columns that contain a class id, or a list of class ids
    sorted_column: int  # position of the column that the rows are sorted by at first
    is_descending: bool  # whether the highest value is first
    notes: Sequence[str]


def make_interactive_tables(findings: Findings) -> list[InteractiveTables]:
    """Make the long tables of label errors, classes and confusions, for the best models."""
    models = findings.models[:_MAX_MODELS]
    hidden = len(findings.models) - len(models)
    notes = [f"The {len(models)} best models; {hidden:,} more are not shown here."] if hidden else []
    results = {model: findings.evaluations[model] for model in models}
    errors = _make_label_error_tables(findings, models)
    return [
        *([] if errors is None else [errors]),
        _make_class_tables(results, notes),
        _make_confusion_tables(results, notes),
    ]


def _make_label_error_tables(findings: Findings, models: Sequence[str]) -> InteractiveTables | None:
    """Make the tables of images with label errors; None without label errors or original labels."""
    panel, labels = findings.panel, findings.labels
    if findings.original is None or not panel.is_only_prediction_valid.any():
        return None
    original_ids = findings.original.convert_to_classes(labels.classes).indices
    max_images = _MAX_LABEL_ERRORS // len(models)
    rows: dict[str, list[list[Any]]] = {}
    notes = []
    for model in models:
        i = panel.models.index(model)
        errors = np.flatnonzero(panel.is_only_prediction_valid[i])
        if errors.size > max_images:
            notes.append(
                f"The first {max_images:,} of {errors.size:,} images of {model}; `reassess evaluate --details` "
                "lists all."
            )
        rows[model] = [
            [
                panel.images[row],
                int(original_ids[panel.original_rows[row]]),
                int(panel.top1[i, row]),
                labels.indices[slice(*labels.indptr[panel.label_rows[row] :][:2])].tolist(),
            ]
            for row in errors[:max_images].tolist()
        ]
    return InteractiveTables(
        key="error-images",
        title="Images with label errors",
        description="Images where the model's first class is valid, and the original label is not.",
        columns=(Column("image"), Column("original label"), Column("model's class"), Column("valid classes")),
        rows=rows,
        class_id_columns=(1, 2, 3),
        sorted_column=0,
        is_descending=False,
        notes=notes,
    )


def _make_class_tables(results: dict[str, Evaluation], notes: Sequence[str]) -> InteractiveTables:
    """Make the tables of accuracy per class."""
    return InteractiveTables(
        key="classes",
        title="Classes",
        description="For each class, images where it is valid. Hits: images whose first predicted class is any valid "
        "class. Predicted: images whose first predicted class is this class. With 50 images, an accuracy of 80 % has "
        "a 95 % interval of 67 to 89 %.",
        columns=(
            *(Column("class"), Column("id", COUNT), Column("images", COUNT), Column("hits", COUNT)),
            *(Column("accuracy %", PERCENT), Column("predicted", COUNT)),
            *(Column("most often instead"), Column("times", COUNT)),
        ),
        rows={model: _class_rows(result) for model, result in results.items()},
        class_id_columns=(0, 6),
        sorted_column=4,
        is_descending=False,
        notes=notes,
    )


def _class_rows(result: Evaluation) -> list[list[Any]]:
    """Return a table row for each class: its counts, its accuracy, and its most frequent confusion."""
    part = result.per_class
    confusion_by_class: dict[int, tuple[int, int]] = {}
    for valid, predicted, times in part.confusions:
        confusion_by_class.setdefault(valid, (predicted, times))
    rows = []
    for i, images, hits, predictions in part.class_counts:
        counts = images, hits, round(100 * hits / images, 2), predictions
        rows.append([i, i, *counts, *confusion_by_class.get(i, (None, None))])
    return rows


def _make_confusion_tables(results: dict[str, Evaluation], notes: Sequence[str]) -> InteractiveTables:
    """Make the tables of the most frequent confusions."""
    return InteractiveTables(
        key="confusions",
        title="Confusions",
        description=f"Valid classes, and the invalid class that was predicted instead: the {_MAX_CONFUSIONS} most "
        "frequent pairs of each model. An image with several valid classes counts for each of them.",
        columns=(Column("valid class"), Column("predicted instead"), Column("images", COUNT)),
        rows={
            model: [list(row) for row in result.per_class.confusions[:_MAX_CONFUSIONS]]
            for model, result in results.items()
        },
        class_id_columns=(0, 1),
        sorted_column=2,
        is_descending=True,
        notes=notes,
    )


def add_no_break_spaces(text: str) -> str:
    """Put no-break spaces between numbers and their units, and around comparison signs of p-values."""
    return _UNIT_SPACE_PATTERN.sub(_NO_BREAK, text)


def typeset(text: str) -> "Markup":
    """Escape a text for the page, keep numbers and their units on one line, and allow line breaks in long names."""
    from markupsafe import Markup

    words = re.split(r"(\s+)", add_no_break_spaces(escape_controls(text)))
    return Markup().join(Markup("<wbr>").join(_split_long_word(word)) for word in words)


def typeset_heading(text: str) -> "Markup":
    """Typeset the heading of a narrow column; lines do not break inside "top-1"."""
    from markupsafe import Markup

    return Markup(_UNBROKEN_PATTERN.sub(r'<span class="whole">\g<0></span>', str(typeset(text))))


def _split_long_word(word: str) -> list[str]:
    return _BREAK_PATTERN.split(word) if len(word) > _MAX_WORD_LENGTH else [word]


@dataclass(frozen=True)
class ReportSources:
    """The command, the input files with their hashes, and the package versions that made a report."""

    command: str
    inputs: Sequence[Mapping[str, str | None]]
    versions: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Page:
    """The contents of a page, such as a report."""

    title: str
    subtitle: str
    sources: ReportSources
    classes: Classes = ID_ONLY_CLASSES
    gallery: Gallery | None = None
    summary: Sequence[str] = ()  # findings in sentences
    sections: Sequence[Section] = ()
    interactive_tables: Sequence[InteractiveTables] = ()
    format_descriptions: Mapping[str, str] = field(default_factory=dict)  # how each model's file was read


def render_page(page: Page, *, show_chart_progress: Callable[[Sequence[Chart]], Iterable[Chart]] = iter) -> str:
    """Render a page as HTML; the same page always gives the same bytes."""
    environment = make_template_environment()
    from jinja2.utils import htmlsafe_json_dumps
    from markupsafe import Markup

    charts = [chart for section in page.sections for chart in section.charts]
    svgs = {
        c.key: render_inline_svg(c.draw, key=f"chart-{c.key}", title=c.title, size=c.size)
        for c in show_chart_progress(charts)
    }
    folder = files("reassess.report") / "templates"
    css, js = ((folder / f"page.{suffix}").read_text(encoding="utf-8") for suffix in ("css", "js"))
    style = _format_colour_variables(find_light_and_dark_colours(list(svgs.values()))) + css
    rendered: str = environment.get_template("page.html").render(
        page=page,
        charts={key: Markup(svg) for key, svg in svgs.items()},
        filters=_card_filter_values_to_json,
        data=htmlsafe_json_dumps(
            _escape_data(_make_script_data(page, charts)), ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ),
        most_rows=_MAX_ROWS,
        format_some_rows=_format_some_rows,
        policy=make_content_policy(style, js),
        style=Markup(style),
        script=Markup(js),
    )
    return rendered


def _format_colour_variables(colours: Mapping[str, tuple[str, str]]) -> str:
    """Write CSS variables with colours for light and dark pages."""
    light, dark = ("".join(f"{name}: {pair[i]};\n" for name, pair in colours.items()) for i in (0, 1))
    return f":root {{\n{light}}}\n@media screen and (prefers-color-scheme: dark) {{\n:root {{\n{dark}}}\n}}\n"


def make_template_environment() -> Any:
    """Create the jinja2 environment of the templates, which escapes all texts."""
    check_packages(".html")
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reassess.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: escape_controls(value) if type(value) is str else value,
    )
    environment.filters |= {"typeset": typeset, "typeset_heading": typeset_heading}
    return environment


def make_content_policy(style: str, script: str) -> str:
    """Write a content security policy that allows only this style, this script and inline images."""
    digests = (b64encode(sha256(text.encode()).digest()).decode() for text in (style, script))
    style_hash, script_hash = (f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {script_hash}; style-src-elem {style_hash}; style-src-attr 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _format_some_rows(table: Table) -> list[list[str]]:
    """Format a table for the page; of a long table, only every n-th row, `_MAX_ROWS` rows at most."""
    rows = table.format_cells()
    step = -(-len(rows) // _MAX_ROWS) or 1
    return rows[::step]


def _make_script_data(page: Page, charts: Sequence[Chart]) -> dict[str, Any]:
    """Return the data for the page's script."""
    tables = [chart.table for chart in charts]
    section_tables = [table for section in page.sections for table in (*section.tables, section.wide_table)]
    tables += [table for table in section_tables if table is not None]
    return {
        "tables": {table.key: {"columns": table.csv_columns, "rows": table.csv_rows} for table in tables},
        "explorers": {
            section.key: {
                "columns": [column.name for column in section.columns],
                "forms": [column.number_format for column in section.columns],
                "classColumns": section.class_id_columns,
                "order": (section.sorted_column, section.is_descending),
                "rows": section.rows,
            }
            for section in page.interactive_tables
        },
        "classes": _find_names_of_classes_in_tables(page),
        "noClass": UNKNOWN_CLASS_NAME,
    }


def _find_names_of_classes_in_tables(page: Page) -> dict[str, str]:
    """Return the names of all classes in interactive tables, by id."""
    sections = page.interactive_tables
    tables = [(section.class_id_columns, rows) for section in sections for rows in section.rows.values()]
    cells = [row[i] for class_id_columns, rows in tables for row in rows for i in class_id_columns]
    ids = {i for cell in cells for i in (cell if isinstance(cell, list) else [cell])}
    return {str(i): page.classes.short_name(i) for i in sorted(ids - {None, -1})}


def _escape_data(data: Any) -> Any:
    """Escape control characters in all texts of nested lists and dicts."""
    if isinstance(data, str):
        return escape_controls(data)
    if isinstance(data, dict):
        return {escape_controls(key): _escape_data(value) for key, value in data.items()}
    return [_escape_data(value) for value in data] if isinstance(data, list | tuple) else data


def _card_filter_values_to_json(card: Card) -> str:
    """Return the properties of a card as JSON; the page's script filters cards by these properties."""
    properties = {"mistakes": card.mistakes_by_model, "about": card.label_filter_keys}
    properties |= {"classes": sorted(card.class_names)}
    return json.dumps(properties | {"disputed": card.is_disputed})
