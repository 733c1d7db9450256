"""The first section: how good is each model, and how sure is that?"""

from collections.abc import Iterator, Sequence

from reassess.comparison.findings import Findings
from reassess.comparison.words import replicates_explained, shift_explained
from reassess.core.missing import Missing
from reassess.evaluation.result import Evaluation
from reassess.evaluation.words import left_out_in_words
from reassess.report.chart import Chart, Section, percent, percents, table
from reassess.report.tables import COUNT, PERCENT, TEXT, Cell
from reassess.text import some

__all__ = ["headline"]


def headline(found: Findings, scatter: Chart | Missing) -> Section:
    """Every model with its accuracies and intervals; what was left out, and why a number is missing."""
    uncertainty = found.uncertainty
    columns = {"model": TEXT}
    for k in found.top_k:
        columns |= {f"ReaL top-{k} %": PERCENT, f"ReaL top-{k} 95 %": PERCENT}
        if k == 1 and not isinstance(uncertainty, Missing):
            columns |= {"95 %, raters too": PERCENT}
    columns |= {f"original top-{k} %": PERCENT for k in found.top_k}
    columns |= {"soft %": PERCENT, "recall at set size %": PERCENT, "scored": COUNT, "left out": COUNT}
    rows = [_accuracies(model, result, found) for model, result in found.evaluations.items()]
    words = (
        "ReaL accuracy: of the images with a valid class, the share for which one of the model's first k classes is "
        "valid. 95 %: Wilson intervals, which cover the choice of images"
    )
    covered = "; raters too: bootstrap intervals that cover doubts about the labels."
    words += "." if isinstance(uncertainty, Missing) else covered
    notes = [*_left_out(found), *_missing(found), *_doubts(found)]
    if isinstance(scatter, Missing):
        notes.append(f"No chart of both accuracies: {scatter}.")
    shown = [] if isinstance(scatter, Missing) else [scatter]
    return Section("headline", "Accuracy", [words], shown, (), notes, table("accuracy", "Accuracy", columns, rows))


def _accuracies(model: str, result: Evaluation, found: Findings) -> list[Cell]:
    cells: list[Cell] = [model]
    for k in found.top_k:
        part = result.real.get(k)
        cells += [None, None] if part is None else [percent(part.value), percents(part.interval)]
        if k == 1 and not isinstance(found.uncertainty, Missing):
            cells.append(percents(found.uncertainty.interval(model)))
    by_original = [(result.original or {}).get(k) for k in found.top_k]
    cells += [None if part is None else percent(part.value) for part in by_original]
    soft = None if result.soft is None else percent(result.soft.accuracy)
    return [*cells, soft, percent(result.recall_at_size), result.scored, result.images - result.scored]


def _left_out(found: Findings) -> Iterator[str]:
    """What was left out, of models that share it together."""
    models: dict[str, list[str]] = {}
    for model, evaluation in found.evaluations.items():
        if left_out := left_out_in_words(evaluation):
            models.setdefault(left_out, []).append(model)
    for left_out, names in models.items():
        yield f"Images left out, {_those(names, found)}: {left_out}."


def _missing(found: Findings) -> Iterator[str]:
    """The ceiling of soft accuracy, and why a cell is empty."""
    soft = [result.soft for result in found.evaluations.values() if result.soft is not None]
    ceilings = sorted({f"{100 * part.ceiling:.2f}" for part in soft if part.ceiling is not None})
    if ceilings:
        yield (
            "Soft: the mean probability that the first class is valid; the best that any model can reach is "
            f"{' or '.join(ceilings)} %."
        )
    without: dict[tuple[str, str], list[str]] = {}
    for model, result in found.evaluations.items():
        for name, why in result.reasons.items():
            without.setdefault((name.replace("_", " "), why), []).append(model)
    for (name, why), those in without.items():
        yield f"No {name}, {_those(those, found)}: {why}."


def _doubts(found: Findings) -> Iterator[str]:
    """How images and raters were drawn anew, and what that does to the label sets."""
    uncertainty = found.uncertainty
    if isinstance(uncertainty, Missing):
        yield f"The uncertainty of the labels is not measured: {uncertainty}."
        return
    yield (
        f"Raters too: {replicates_explained(uncertainty)}; on the images that all models have seen. "
        f"{shift_explained(uncertainty).capitalize()}."
    )


def _those(models: Sequence[str], found: Findings) -> str:
    return "all models" if len(models) == len(found.models) > 1 else some(models)
