"""The long tables of a page, to sort and search: classes and confusions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reassess.comparison import Findings
from reassess.evaluation import Evaluation
from reassess.report.report_tables import COUNT, PERCENT, Column

_MOST_MODELS = 20  # the best
_MOST_CONFUSIONS = 300  # of a model


@dataclass(frozen=True, eq=False)
class Explorer:
    """A long table for each model; the page shows one at a time."""

    # key, title, words, notes: As of a section
    key: str
    title: str
    words: str
    columns: tuple[Column, ...]  # The columns
    rows: dict[str, list[list[Any]]]  # The rows of each model; the columns in `named` hold class ids
    named: tuple[int, ...]  # Positions of the columns that hold a class; the first of them names the row
    order: tuple[int, bool]  # The column by which the rows are sorted at first, and whether the highest comes first
    notes: Sequence[str]


def explorers(findings: Findings) -> list[Explorer]:
    """The long tables; of many models, those of the best."""
    models = findings.models[:_MOST_MODELS]
    hidden = len(findings.models) - len(models)
    notes = [f"The {len(models)} best models; {hidden:,} more are not shown here."] if hidden else []
    results = {model: findings.evaluations[model] for model in models}
    return [_classes(results, notes), _confusions(results, notes)]


def _classes(results: dict[str, Evaluation], notes: Sequence[str]) -> Explorer:
    counts = {"images": COUNT, "hits": COUNT, "accuracy %": PERCENT, "predicted": COUNT}
    return Explorer(
        key="classes",
        title="Classes",
        words="For each class, the images for which it is valid. Hits: images whose first predicted class is any valid "
        "class. Predicted: images whose first predicted class is this class. With 50 images, an accuracy of 80 % has a "
        "95 % interval of 67 to 89 %.",
        columns=(
            *(Column("class"), Column("id", COUNT)),
            *(Column(name, form) for name, form in counts.items()),
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
    for i, images, hits, predictions in part.rows:
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
