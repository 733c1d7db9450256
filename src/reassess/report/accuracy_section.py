"""The first section: the accuracies of each model and their uncertainty."""

from collections.abc import Iterator

from reassess.comparison.findings import Findings
from reassess.comparison.words import uncertainty_explained, unlike_images
from reassess.core.missing import Missing
from reassess.evaluation.result import Evaluation
from reassess.evaluation.words import (
    ceiling_in_words,
    class_list_in_words,
    heading,
    left_out_in_words,
    missing_in_words,
)
from reassess.report.chart import Chart, Section, percent, percents, table
from reassess.report.style import sentence
from reassess.report.tables import COUNT, PERCENT, SHARE, TEXT, Cell
from reassess.text import together

__all__ = ["headline"]

# A page is read by those who use the command line, and by others.
_MEND = (
    "let reassess evaluate FILE --write-classes classes.txt, or find_class_list in Python, find the list of its outputs"
)


def headline(findings: Findings, scatter: Chart | Missing) -> Section:
    """Every model with its accuracies and intervals; images left out, and reasons for missing numbers."""
    uncertainty, judge = findings.uncertainty, heading(findings.labels.title)
    columns = {"model": TEXT}
    for k in findings.top_k:
        columns |= {f"{judge} top-{k} %": PERCENT, f"{judge} top-{k} 95 %": PERCENT}
        if k == 1 and not isinstance(uncertainty, Missing):
            columns |= {"true labels, 95 %": PERCENT}
    columns |= {f"original top-{k} %": PERCENT for k in findings.top_k}
    columns |= {"original top-1 %, scored images": PERCENT}
    columns |= {"soft": SHARE, "recall at size": SHARE, "scored": COUNT, "left out": COUNT}
    rows = [_accuracies(model, result, findings) for model, result in findings.evaluations.items()]
    words = (
        f"Top-k accuracy by the {findings.labels.title} labels is the share of images for which one of the model's "
        "first k classes is valid, of all images with a valid class. The 95 % intervals are Wilson intervals; they "
        "cover the choice of images only."
    )
    if not isinstance(uncertainty, Missing):
        words += (
            ' The intervals "true labels" are of the accuracy by labels free of the raters\' errors, if these are '
            "independent; they cover the choice of images and of raters."
        )
    notes = [*map(sentence, unlike_images(findings.panel)), *_other_class_lists(findings), *_left_out(findings)]
    if ceiling := ceiling_in_words(findings.evaluations.values()):
        notes.append(f"Soft: the mean probability that the first class is valid; {ceiling}.")
    notes += map(sentence, missing_in_words(findings.evaluations))
    notes.append(" ".join(map(sentence, uncertainty_explained(uncertainty))))
    if isinstance(scatter, Missing):
        notes.append(f"No chart of both accuracies: {scatter}.")
    shown = [] if isinstance(scatter, Missing) else [scatter]
    wide = table("accuracy", "Accuracy", columns, rows)
    return Section(key="headline", title="Accuracy", words=[words], charts=shown, notes=notes, wide=wide)


def _accuracies(model: str, result: Evaluation, findings: Findings) -> list[Cell]:
    cells: list[Cell] = [model]
    for k in findings.top_k:
        part = result.real.get(k)
        cells += [None, None] if part is None else [percent(part.value), percents(part.interval)]
        if k == 1 and not isinstance(findings.uncertainty, Missing):
            cells.append(percents(findings.uncertainty.interval(model)))
    by_original = [result.original_accuracy(k) for k in findings.top_k]
    by_original.append((result.original_scored or {}).get(1))
    cells += [None if part is None else percent(part.value) for part in by_original]
    soft = None if result.soft is None else result.soft.accuracy
    return [*cells, soft, result.recall_at_size, result.scored, result.images - result.scored]


def _other_class_lists(findings: Findings) -> Iterator[str]:
    """Models whose ids are those of another class list: their numbers are of the file as it is."""
    for model, other in findings.class_lists.items():
        words = class_list_in_words(other, findings.classes, _MEND)
        yield f"{model}: " + "; ".join(" ".join(line.split()) for line in words.splitlines()) + "."


def _left_out(findings: Findings) -> Iterator[str]:
    """Images left out; models with the same counts share a sentence."""
    models: dict[str, list[str]] = {}
    for model, result in findings.evaluations.items():
        if left_out := left_out_in_words(result):
            models.setdefault(left_out, []).append(model)
    for counts, names in models.items():
        of_some = "" if len(names) == len(findings.models) else f" of {together(names)}"
        yield f"Left out{of_some}: {counts}."
