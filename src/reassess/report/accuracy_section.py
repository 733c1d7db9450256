"""The first section: the accuracies of each model and their uncertainty."""

from collections.abc import Iterator, Sequence

from reassess.comparison.findings import Findings
from reassess.evaluation.result import Evaluation
from reassess.report.chart import Chart, Section, percent, percents, table
from reassess.report.tables import COUNT, PERCENT, TEXT, Cell
from reassess.text import some

__all__ = ["headline"]


def headline(findings: Findings, scatter: Chart | str) -> Section:
    """Every model with its accuracies and intervals; images left out, and reasons for missing numbers."""
    unsure = findings.unsure
    columns = {"model": TEXT}
    for k in findings.topk:
        columns |= {f"ReaL top-{k} %": PERCENT, f"ReaL top-{k} 95 %": PERCENT}
        if k == 1 and not isinstance(unsure, str):
            columns |= {"95 %, raters too": PERCENT}
    columns |= {f"original top-{k} %": PERCENT for k in findings.topk}
    columns |= {"soft %": PERCENT, "recall at set size %": PERCENT, "scored": COUNT, "left out": COUNT}
    rows = [_accuracies(model, result, findings) for model, result in findings.evaluations.items()]
    words = (
        "ReaL top-k accuracy is the share of images for which one of the model's first k classes is valid, of all "
        "images with a valid class. The 95 % intervals are Wilson intervals; they cover the choice of images only."
    )
    if not isinstance(unsure, str):
        words += ' The intervals "raters too" are bootstrap intervals; they also cover the uncertainty of the labels.'
    notes = [*_left_out(findings), *_missing(findings), *_resampling(findings)]
    if isinstance(scatter, str):
        notes.append(f"No chart of both accuracies: {scatter}.")
    shown = [] if isinstance(scatter, str) else [scatter]
    wide = table("accuracy", "Accuracy", columns, rows)
    return Section(key="headline", title="Accuracy", words=[words], charts=shown, notes=notes, wide=wide)


def _accuracies(model: str, result: Evaluation, findings: Findings) -> list[Cell]:
    cells: list[Cell] = [model]
    for k in findings.topk:
        part = result.real.get(k)
        cells += [None, None] if part is None else [percent(part.value), percents(part.interval)]
        if k == 1 and not isinstance(findings.unsure, str):
            cells.append(percents(findings.unsure.interval(model)))
    by_original = [(result.original or {}).get(k) for k in findings.topk]
    cells += [None if part is None else percent(part.value) for part in by_original]
    soft = None if result.soft is None else percent(result.soft.accuracy)
    return [*cells, soft, percent(result.recall_at_size), result.scored, result.images - result.scored]


def _left_out(findings: Findings) -> Iterator[str]:
    """Images left out; models with the same counts share a sentence."""
    models: dict[str, list[str]] = {}
    for model, result in findings.evaluations.items():
        parts = {"with no valid class": result.empty, "never rated": result.unlabelled, "unknown": result.unknown}
        left_out = [f"{n:,} {reason}" for reason, n in parts.items() if n]
        if missing := result.scorable - result.scored:
            left_out.append(f"{missing:,} of the {result.scorable:,} labelled images have no prediction")
        if left_out:
            models.setdefault(", ".join(left_out), []).append(model)
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
    unsure = findings.unsure
    if isinstance(unsure, str):
        yield f"The uncertainty of the labels is not measured: {unsure}."
        return
    shifts = [unsure.shift(model) for model in findings.models]
    moved = " to ".join(dict.fromkeys(f"{100 * shift:+.2f}" for shift in (min(shifts), max(shifts))))
    yield (
        f"Raters too: {unsure.replicates:,} bootstrap replicates of images and of {unsure.raters:,} raters, "
        f"seed {unsure.seed}, on the images that all models have seen. In each replicate the label sets are made again "
        f"from the votes, at threshold {unsure.threshold:g}. This shifts accuracies by {moved} points; the intervals "
        "are corrected for the shift."
    )


def _models_in_words(models: Sequence[str], findings: Findings) -> str:
    return "all models" if len(models) == len(findings.models) > 1 else some(models)
