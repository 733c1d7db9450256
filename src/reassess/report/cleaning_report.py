"""A page of labels that are probably wrong, with their images."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from reassess.core import Cleaning, Match
from reassess.core.checks import check_range
from reassess.errors import DataError
from reassess.formats.files import as_path, check_suffix
from reassess.report.gallery import Card, CardEntry, CardLine, Gallery, make_thumbnails
from reassess.report.page import Page
from reassess.report.writing import REPORT_SUFFIXES, GalleryCounts, make_report_sources, write_page
from reassess.text import count_noun, format_percent

_MAX_IMAGES = 200
_MIN_PRINTED_SHARE = 0.0001  # smaller probabilities are written "less than 0.01 %"
_EVEN_PROBABILITY = 0.5


def write_wrong_label_page(
    path: str | Path,
    cleaning: Cleaning,
    images: str | Path,
    *,
    max_images: int = _MAX_IMAGES,
    match: Match = "path",
    command: str = "",
    inputs: Sequence[Mapping[str, str | None]] = (),
    force: bool = False,
    show_progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> GalleryCounts:
    """Write an HTML page of probably wrong labels with their images, the least likely label first."""
    path = as_path(path)
    check_suffix(path, REPORT_SUFFIXES, "a page")
    check_range(max_images, 1, value_name="number of images to show")
    rows = cleaning.dropped_rows[:max_images]
    if not rows.size:
        raise DataError("nothing-to-show", "no label is wrong, so the page would be empty", fix="write no page")
    names = [cleaning.images[row] for row in rows.tolist()]
    pictures = make_thumbnails(as_path(images), names, match=match, show_progress=show_progress)
    dropped = int(np.count_nonzero(~cleaning.is_kept))
    is_ranked = not np.isnan(cleaning.label_quality).all()
    order = ", the least likely first" if is_ranked else ""
    last_entry = "the probability that the label is correct" if is_ranked else "why it is probably wrong"
    page = Page(
        title="Labels that are probably wrong",
        subtitle=f"{rows.size:,} of {count_noun(dropped, 'wrong label')}{order}.",
        gallery=Gallery(
            introduction=f"Under each image: its label, a likelier class, and {last_entry}. This may be far off if the "
            "model is poor or has learned the mistakes.",
            cards=[_make_card(cleaning, row) for row in rows.tolist()],
            thumbnails=pictures,
        ),
        sources=make_report_sources(command, inputs),
        classes=cleaning.classes,
    )
    write_page(path, page, force=force)
    return GalleryCounts(rows.size, len(pictures.by_image), pictures.n_missing, pictures.n_unreadable)


def _make_card(cleaning: Cleaning, row: int) -> Card:
    label, suggested = int(cleaning.class_ids[row]), int(cleaning.suggested_class_ids[row])
    name_of = cleaning.classes.short_name
    label_quality = float(cleaning.label_quality[row])
    text = "not certain enough" if label_quality >= _EVEN_PROBABILITY else "probably wrong"
    lines = [CardLine("Label", [CardEntry(name_of(label), verdict="wrong", verdict_text=text)])]
    if suggested >= 0 and suggested != label:
        lines.append(CardLine("Likelier", [CardEntry(name_of(suggested))]))
    if not math.isnan(label_quality):
        lines.append(CardLine("The label is correct", [CardEntry(_format_probability(label_quality))]))
    else:
        lines.append(CardLine("Why", [CardEntry(cleaning.reasons[row])]))
    return Card(cleaning.images[row], lines, [name_of(class_id) for class_id in {label, suggested} if class_id >= 0])


def _format_probability(probability: float) -> str:
    if not probability:
        return "no, by people who checked it"
    return f"{format_percent(probability)} %" if probability >= _MIN_PRINTED_SHARE else "less than 0.01 %"
