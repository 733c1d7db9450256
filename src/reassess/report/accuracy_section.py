"""The first section: the accuracies of each model and their uncertainty."""

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


def headline(findings: Findings, scatter: Chart | Missing) -> Section:
    """Every model with its accuracies and intervals; images left out, and reasons for missing numbers."""
    uncertainty = findings.uncertainty
    columns = {"model": TEXT}
    for k in findings.top_k:
        columns |= {f"ReaL top-{k} %": PERCENT, f"ReaL top-{k} 95 %": PERCENT}
        if k == 1 and not isinstance(uncertainty, Missing):
            columns |= {"95 %, raters too": PERCENT}
    columns |= {f"original top-{k} %": PERCENT for k in findings.top_k}
    columns |= {"soft %": PERCENT, "recall at set size %": PERCENT, "scored": COUNT, "left out": COUNT}
    rows = [_accuracies(model, result, findings) for model, result in findings.evaluations.items()]
    words = (
        "ReaL top-k accuracy is the share of images for which one of the model's first k classes is valid, of all "
        "images with a valid class. The 95 % intervals are Wilson intervals; they cover the choice of images only."
    )
    if not isinstance(uncertainty, Missing):
        words += ' The intervals "raters too" are bootstrap intervals; they also cover the uncertainty of the labels.'
    notes = [*_left_out(findings), *_missing(findings), *_resampling(findings)]
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
    by_original = [(result.original or {}).get(k) for k in findings.top_k]
    cells += [None if part is None else percent(part.value) for part in by_original]
    soft = None if result.soft is None else percent(result.soft.accuracy)
    return [*cells, soft, percent(result.recall_at_size), result.scored, result.images - result.scored]


def _left_out(findings: Findings) -> Iterator[str]:
    """Images left out; models with the same counts share a sentence."""
    models: dict[str, list[str]] = {}
    for model, result in findings.evaluations.items():
        if left_out := left_out_in_words(result):
            models.setdefault(left_out, []).append(model)
    for counts, names in models.items():
        yield f"Images left out for {_models_in_words(names, findings)}: {counts}."


def _missing(findings: Findings) -> Iterator[str]:
    """The ceiling of soft accuracy, and the reasons for empty cells."""
    soft = [result.soft for result in findings.evaluations.values() if result.soft is not None]
    ceilings = sorted({f"{100 * part.ceiling:.2f}" for part in soft if part.ceiling is not None})
    if ceilings:
        yield (
            "Soft accuracy is the mean probability that the first class is valid; the highest possible value is "
            f"{' or '.join(ceilings)} %."
        )
    without: dict[tuple[str, str], list[str]] = {}
    for model, result in findings.evaluations.items():
        for name, reason in result.reasons.items():
            without.setdefault((name.replace("_", " "), reason), []).append(model)
    for (name, reason), names in without.items():
        yield f"No {name} for {_models_in_words(names, findings)}: {reason}."


def _resampling(findings: Findings) -> Iterator[str]:
    """How images and raters were resampled, and how this shifts the accuracies."""
    uncertainty = findings.uncertainty
    if isinstance(uncertainty, Missing):
        yield f"The uncertainty of the labels is not measured: {uncertainty}."
        return
    yield (
        f"Raters too: {replicates_explained(uncertainty)}; on the images that all models have seen. "
        f"{shift_explained(uncertainty).capitalize()}."
    )


def _models_in_words(models: Sequence[str], findings: Findings) -> str:
    return "all models" if len(models) == len(findings.models) > 1 else some(models)
