"""The method posterior: the probability that each label is correct, by a `NoiseModel`; and warnings about models."""

import math
import warnings

import numpy as np
import numpy.typing as npt

from reassess.aggregation import Golden
from reassess.cleaning.checked_labels import DrawnLabels, correct_share, known_labels
from reassess.cleaning.class_candidates import ClassCandidates
from reassess.cleaning.held_out import HeldOutPredictions, make_cleaning
from reassess.cleaning.held_out_files import HeldOutFile
from reassess.cleaning.noise_model import NoiseModel, fit_noise
from reassess.core import Cleaning, LabelNoise, Sample
from reassess.core.image_names import image_keys
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.evaluation.probabilities import probability_blocks

# Measured limits of the warnings about models. A label is "first" if it is the model's most probable class.
_FEW_FIRST = 0.5  # share of first labels; if it is lower, the mistakes of a poor model count as wrong labels
_MANY_WRONG = 0.3  # share of wrong labels; if it is higher, the mistakes of a poor model count as wrong labels
_OFTEN = 0.1  # share of labels that are not first, for a warning about few wrong labels
_HARDLY = 1 / 8  # of the labels that are not first, this share must be wrong
_UNSURE_PART = 0.1  # share of images that are the least certain, and the most certain
_UNSURE = 0.8  # certainty of the least certain images, relative to the most certain
_TOO_GOOD = 0.98  # share of first labels among the least certain images, if models know the labels
_TOO_SURE = 0.6  # sharpening of overconfident models
_SOME = 0.06  # share of mistakes of overconfident models
_PERFECT = 0.999  # share of first labels, if models know the labels or images are easy
_PART_NEVER_SURE = 0.25  # share of classes without certain images
_SURE_CLASS = 0.95  # certainty of the most certain images of a class
_A_FEW = 20  # smallest number of images of a class
_MANY = 100  # there are no warnings about fewer images
_MOST_CHECKED = 5_000  # largest number of rows of a file
_SURE = 0.9999  # certainty that counts as probability 1
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
    images = ClassCandidates.of(held_out).of_rows(by_name)  # then the order of the labels does not matter
    known = known_labels(held_out, checked)
    _warn_of_scores(held_out)
    model, expected = fit_noise(images, seed=seed)
    label_quality, suggested = np.empty(by_name.size), np.empty(by_name.size, np.int32)
    label_quality[by_name], suggested[by_name] = expected.correct, expected.likeliest
    share, checked_labels = float(1 - label_quality.mean()), None
    if checked is not None:
        drawn = DrawnLabels.of(held_out, known, sample, checked.questions.images)
        label_quality, checked_labels = correct_share(label_quality, known, drawn)
        labels = held_out.labels.indices
        suggested = np.where(known > 0, labels, np.where((known < 0) & (suggested == labels), -1, suggested))
    if checked_labels is None or checked_labels.interval is None:
        _warn_of_models(images, model, 1 - float(expected.correct.mean()))
    else:
        share = float(1 - label_quality.mean())
    least = threshold if precision is None else _threshold_for(precision, label_quality)
    kept = label_quality >= least
    return make_cleaning(
        held_out,
        kept=kept,
        label_quality=label_quality,
        suggested=suggested,
        reasons=_reasons(held_out, known, kept, suggested),
        noise=LabelNoise(
            wrong_share=share,
            counts=expected.counts,
            sharpening=model.sharpening,
            classes=held_out.labels.classes,
            checked_labels=checked_labels,
        ),
    )


def _warn_of_scores(held_out: HeldOutPredictions) -> None:
    """Warn if scores look like outputs of sigmoids, or only contain the best class."""
    certain = [_is_certain(file) for file in held_out.files]
    least = 0 if all(certain) and len(held_out.labels) >= _MANY else _MANY  # a small fold can be certain by chance
    for file, is_certain in zip(held_out.files, certain, strict=True):
        if file.kind == "bounded":
            text = "scores are in [0, 1] and do not add up to 1, like outputs of sigmoids, so too few labels seem wrong"
            advice = Fix("pass logits, or probabilities that add up to 1")
        elif is_certain and file.rows.size >= least:
            text = "one class of each image has probability 1, so correct labels are dropped if the model is wrong"
            advice = Fix("pass probabilities of all classes, or use {method}", method='"consistent"')
        else:
            continue
        warnings.warn(ReassessWarning(f"{file.name}: {text}", advice), stacklevel=3)


def _is_certain(file: HeldOutFile) -> bool:
    rows = np.unique(np.linspace(0, file.rows.size, _MOST_CHECKED, endpoint=False).astype(np.int64))
    blocks = probability_blocks(file.predictions, rows, is_probabilities=file.kind == "probabilities")
    return all((values.max(axis=1) >= _SURE).all() for _, values in blocks)


def _warn_of_models(images: ClassCandidates, model: NoiseModel, share: float) -> None:
    """Warn if models look poor, or seem to be trained on the images that they predict."""
    certainty, is_first = images.probabilities(1.0).max(axis=1), np.argmax(images.logs, axis=1) == images.place
    unsure = np.argsort(certainty, kind="stable")[: math.ceil(_UNSURE_PART * certainty.size)]
    first, first_of_unsure = float(is_first.mean()), float(is_first[unsure].mean())
    sample = "have people check a sample of the labels"
    held_out = "check that no model was trained on the images that it predicts, or on copies of them"
    if first < _FEW_FIRST:
        text = f"the label is the most probable class for only {100 * first:.1f} % of the images"
        text += f"; the mistakes of a poor model count as wrong labels: {sample}"
    elif share > _MANY_WRONG:
        text = f"{100 * share:.1f} % of the labels seem wrong; the mistakes of a poor model look the same: {sample}"
    elif certainty.size < _MANY:
        return
    elif model.sharpening < _TOO_SURE and 1 - first - share > _SOME:
        text = "the models are too certain: to calibrate them, their probabilities are raised to the power "
        text += f"{model.sharpening:.2f}; the share of wrong labels can be far off: {sample}"
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
    """Count the classes whose most certain images are still uncertain."""
    chances = images.probabilities(model.sharpening, model.biases)
    best = np.argmax(chances, axis=1)[:, None]
    first, top = np.take_along_axis(images.ids, best, axis=1)[:, 0], np.take_along_axis(chances, best, axis=1)[:, 0]
    by_class = np.split(top[np.lexsort((top, first))], np.cumsum(np.bincount(first, minlength=images.classes))[:-1])
    highest = (float(np.quantile(certainty, 1 - _UNSURE_PART)) for certainty in by_class if certainty.size >= _A_FEW)
    return sum(certainty < _SURE_CLASS for certainty in highest)


def _threshold_for(precision: float, label_quality: _Floats) -> float:
    """Find the lowest threshold where the mean quality of the kept labels reaches a precision."""
    ordered = np.sort(label_quality)[::-1]
    reached = np.cumsum(ordered) / np.arange(1, ordered.size + 1) >= precision
    last = np.append(ordered[1:] != ordered[:-1], True)  # equal values are kept together
    rows = np.flatnonzero(reached & last)
    if not rows.size:
        raise DataError(
            "not-reached",
            "no threshold reaches this precision",
            allowed=f"a precision of up to {math.floor(1e4 * ordered[0]) / 1e4:.4f}",
            found=precision,
            fix="use a lower precision",
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
