"""The posterior rule: the probability that each label is correct by a `NoiseModel`, and warnings about the models."""

import math
import warnings

import numpy as np
import numpy.typing as npt

from reassess.aggregation import Golden
from reassess.cleaning.checked_labels import DrawnLabels, corrected, known_labels
from reassess.cleaning.class_candidates import ClassCandidates
from reassess.cleaning.held_out import HeldOutPredictions, cleaning_of
from reassess.cleaning.held_out_files import HeldOutFile
from reassess.cleaning.noise_model import NoiseModel, fit_noise
from reassess.core import Cleaning, LabelNoise, Sample
from reassess.core.image_names import image_keys
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.evaluation.probabilities import probability_blocks

_FEW, _MUCH = 0.5, 0.3  # labels that are first, and wrong labels: mistakes of poor models were seen to count as these
_OFTEN, _HARDLY = 0.1, 1 / 8  # images whose label is not first, and how many of these have a wrong label at least
_UNSURE_PART, _UNSURE, _TOO_GOOD = 0.1, 0.8, 0.98  # images that models are least sure of: part, certainty, labels
_MANY, _LOOKED_AT = 100, 5_000  # images: no warnings about fewer; rows of a file at most
_TOO_SURE, _SOME, _PERFECT = 0.6, 0.06, 0.999  # sharpening, and mistakes, of poor models; labels that are first
_PART_NEVER_SURE, _SURE_CLASS, _A_FEW = 0.25, 0.95, 20  # classes; certainty of their surest images; images of a class
_SURE = 0.9999
_Floats = npt.NDArray[np.float64]


def by_posterior(
    held_out: HeldOutPredictions,
    *,
    threshold: float,
    precision: float | None,
    checked: Golden | None,
    sample: Sample | None,
    seed: int,
) -> Cleaning:
    """Keep an image if its label is probably correct."""
    by_name = np.array(sorted(range(len(held_out.labels)), key=image_keys(held_out.labels.images).__getitem__))
    images = ClassCandidates.of(held_out).of_rows(by_name)  # so that the order of the labels changes nothing
    known = known_labels(held_out, checked)
    _warn_of_scores(held_out)
    model, found = fit_noise(images, seed=seed)
    label_quality, suggested = np.empty(by_name.size), np.empty(by_name.size, np.int32)
    label_quality[by_name], suggested[by_name] = found.correct, found.likeliest
    share, of_checked = float(1 - label_quality.mean()), None
    if checked is not None:
        label_quality, of_checked = corrected(label_quality, known, DrawnLabels.of(held_out, known, sample))
        labels = held_out.labels.indices
        suggested = np.where(known > 0, labels, np.where((known < 0) & (suggested == labels), -1, suggested))
    if of_checked is None or of_checked.interval is None:
        _warn_of_models(images, model, 1 - float(found.correct.mean()))
    else:
        share = float(1 - label_quality.mean())
    least = threshold if precision is None else _least_for(precision, label_quality)
    kept = label_quality >= least
    return cleaning_of(
        held_out,
        kept=kept,
        label_quality=label_quality,
        suggested=suggested,
        reasons=_reasons(held_out, known, kept, suggested),
        noise=LabelNoise(
            share=share,
            counts=found.counts,
            sharpening=model.sharpening,
            classes=held_out.labels.classes,
            checked=of_checked,
        ),
    )


def _warn_of_scores(held_out: HeldOutPredictions) -> None:
    """Warn if a file has outputs of sigmoids, or only the best class."""
    certain = [_is_certain(file) for file in held_out.files]
    least = 0 if all(certain) and len(held_out.labels) >= _MANY else _MANY  # a fold may be certain by chance
    for file, is_certain in zip(held_out.files, certain, strict=True):
        if file.kind == "bounded":
            text = "scores are in [0, 1] and do not add up to 1, like outputs of sigmoids, so too few labels seem wrong"
            advice = Fix("give logits, or probabilities that add up to 1")
        elif is_certain and file.rows.size >= least:
            text = "one class of each image has probability 1, so correct labels are dropped if the model is wrong"
            advice = Fix("give probabilities of all classes, or {method}", method='"consistent"')
        else:
            continue
        warnings.warn(ReassessWarning(f"{file.name}: {text}", advice), stacklevel=3)


def _is_certain(file: HeldOutFile) -> bool:
    rows = np.unique(np.linspace(0, file.rows.size, _LOOKED_AT, endpoint=False).astype(np.int64))
    blocks = probability_blocks(file.predictions, rows, as_they_are=file.kind == "probabilities")
    return all((values.max(axis=1) >= _SURE).all() for _, values in blocks)


def _warn_of_models(images: ClassCandidates, model: NoiseModel, share: float) -> None:
    """Say if models look poor, or as if they had been trained on the images that they judge."""
    certainty, is_first = images.probabilities(1.0).max(axis=1), np.argmax(images.logs, axis=1) == images.place
    unsure = np.argsort(certainty, kind="stable")[: math.ceil(_UNSURE_PART * certainty.size)]
    first, first_of_unsure = float(is_first.mean()), float(is_first[unsure].mean())
    sample = "have people check a sample of the labels"
    held_out = "check that no model was trained on the images that it judges, or on copies of them"
    if first < _FEW:
        text = f"the label is the most probable class of {100 * first:.1f} % of the images only"
        text += f"; the mistakes of a poor model are taken for wrong labels: {sample}"
    elif share > _MUCH:
        text = f"{100 * share:.1f} % of the labels seem wrong; the mistakes of a poor model look the same: {sample}"
    elif certainty.size < _MANY:
        return
    elif model.sharpening < _TOO_SURE and 1 - first - share > _SOME:
        text = "the models are too certain: they are calibrated only if their probabilities are raised to the power "
        text += f"{model.sharpening:.2f}; the share of wrong labels may be far off: {sample}"
    elif first_of_unsure >= _TOO_GOOD and certainty[unsure].mean() < _UNSURE * np.quantile(certainty, 1 - _UNSURE_PART):
        text = f"where the models are least sure, they agree with {100 * first_of_unsure:.1f} % of the labels, like "
        text += f"models that know the labels: {held_out}"
    elif certainty.size >= 10 * _MANY and first >= _PERFECT:
        text = f"the models agree with {100 * first:.2f} % of the labels: the images are easy, or the models know the "
        text += f"labels: {held_out}"
    elif 1 - first >= _OFTEN and share < _HARDLY * (1 - first):
        text = f"the models prefer another class for {100 * (1 - first):.1f} % of the images, but only "
        text += f"{100 * share:.1f} % of the labels seem wrong: {held_out}, and {sample}"
    elif (never_sure := _classes_never_sure(images, model)) > _PART_NEVER_SURE * images.classes:
        text = f"the models are hardly ever certain of {never_sure} of {images.classes} classes; if many labels of a "
        text += f"class are wrong in the same way, models that learned them agree with them: {sample}"
    else:
        return
    warnings.warn(text, ReassessWarning, stacklevel=3)


def _classes_never_sure(images: ClassCandidates, model: NoiseModel) -> int:
    """Number of classes whose surest images are not certain either."""
    chances = images.probabilities(model.sharpening, model.biases)
    best = np.argmax(chances, axis=1)[:, None]
    first, top = np.take_along_axis(images.ids, best, axis=1)[:, 0], np.take_along_axis(chances, best, axis=1)[:, 0]
    by_class = np.split(top[np.lexsort((top, first))], np.cumsum(np.bincount(first, minlength=images.classes))[:-1])
    surest = (float(np.quantile(of_class, 1 - _UNSURE_PART)) for of_class in by_class if of_class.size >= _A_FEW)
    return sum(certainty < _SURE_CLASS for certainty in surest)


def _least_for(precision: float, label_quality: _Floats) -> float:
    """The least probability of the longest list, the likeliest first, whose mean reaches a precision."""
    ordered = np.sort(label_quality)[::-1]
    reached = np.cumsum(ordered) / np.arange(1, ordered.size + 1) >= precision
    last = np.append(ordered[1:] != ordered[:-1], True)  # equal ones are kept together
    rows = np.flatnonzero(reached & last)
    if not rows.size:
        raise DataError(
            "not-reached",
            "no threshold reaches this precision",
            allowed=f"a precision of up to {math.floor(1e4 * ordered[0]) / 1e4:.4f}",
            found=precision,
            fix="ask for less",
        )
    return float(ordered[rows[-1]])


def _reasons(
    held_out: HeldOutPredictions,
    known: npt.NDArray[np.int8],
    kept: npt.NDArray[np.bool_],
    suggested: npt.NDArray[np.int32],
) -> tuple[str, ...]:
    words = (
        "another class is likelier",
        "the label is not likely enough",
        "likely enough, though another class is likelier",
        "the label is likely",
        "checked by people",
    )
    is_label = suggested == held_out.labels.indices
    reason = np.where(known != 0, 4, 2 * kept.astype(np.int64) + is_label)
    return tuple(words[number] for number in reason.tolist())
