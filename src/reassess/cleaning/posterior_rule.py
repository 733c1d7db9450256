"""The method "posterior", which uses a `NoiseModel`, with its warnings about scores and poor models."""

import math
import warnings

import numpy as np
import numpy.typing as npt

from reassess.aggregation import GoldenQuestions
from reassess.cleaning.checked_labels import DrawnLabels, adjust_to_checked_labels, find_label_verdicts
from reassess.cleaning.class_candidates import ClassCandidates
from reassess.cleaning.held_out import HeldOutPredictions, make_cleaning_result
from reassess.cleaning.held_out_files import HeldOutFile
from reassess.cleaning.noise_model import NoiseModel, fit_noise_model
from reassess.core import Cleaning, LabelNoise, Sample
from reassess.core.image_names import image_keys
from reassess.core.probabilities import probability_blocks
from reassess.errors import DataError, Fix, ReassessWarning

# Measured limits of the warnings about models. A label is "first" if it is the model's most probable class.
_MIN_FIRST_SHARE = 0.5  # share of first labels; if it is lower, the mistakes of a poor model count as wrong labels
_MAX_WRONG_SHARE = 0.3  # share of wrong labels; if it is higher, the mistakes of a poor model count as wrong labels
_MIN_NOT_FIRST_SHARE = 0.1  # share of labels that are not first, for a warning about few wrong labels
_MIN_WRONG_PER_NOT_FIRST = 1 / 8  # of the labels that are not first, this share must be wrong
_EXTREME_SHARE = 0.1  # share of images that are the least certain, and the most certain
_MAX_RELATIVE_CERTAINTY = 0.8  # certainty of the least certain images, relative to the most certain
_MAX_UNCERTAIN_FIRST_SHARE = 0.98  # share of first labels among the least certain images, if models know the labels
_MIN_EXPONENT = 0.6  # calibration exponent of overconfident models
_MIN_MISTAKE_SHARE = 0.06  # share of mistakes of overconfident models
_MAX_FIRST_SHARE = 0.999  # share of first labels, if models know the labels or images are easy
_MIN_LOOKALIKE_RATE = 0.1  # share of labels that follow their image, for a warning
_MAX_UNCERTAIN_CLASS_SHARE = 0.25  # share of classes without certain images
_MIN_CLASS_CERTAINTY = 0.95  # certainty of the most certain images of a class
_MIN_CLASS_SIZE = 20  # smallest number of images of a class
_MIN_IMAGES = 100  # there are no warnings about fewer images
_MAX_CHECKED_ROWS = 5_000  # largest number of rows of a file
_MIN_CERTAIN_PROBABILITY = 0.9999  # certainty that counts as probability 1
_Floats = npt.NDArray[np.float64]


def clean_by_posterior(
    held_out: HeldOutPredictions,
    *,
    threshold: float,
    precision: float | None,
    golden: GoldenQuestions | None,
    sample: Sample | None,
    seed: int,
) -> Cleaning:
    """Keep images whose labels are probably correct according to a model of label noise."""
    by_name = np.array(sorted(range(len(held_out.labels)), key=image_keys(held_out.labels.images).__getitem__))
    # Sorted by name, so that the order of the labels does not matter.
    images = ClassCandidates.from_held_out(held_out).select_rows(by_name)
    verdicts = find_label_verdicts(held_out, golden)
    _warn_about_scores(held_out)
    model, expected = fit_noise_model(images, seed=seed)
    label_quality, suggested_ids = np.empty(by_name.size), np.empty(by_name.size, np.int32)
    label_quality[by_name], suggested_ids[by_name] = expected.label_quality, expected.likeliest_ids
    share, checked_labels = float(1 - label_quality.mean()), None
    if golden is not None:
        drawn_labels = DrawnLabels.from_sample(held_out, verdicts, sample, golden.questions.images)
        label_quality, checked_labels = adjust_to_checked_labels(label_quality, verdicts, drawn_labels)
        labels = held_out.labels.indices
        suggested_ids = np.where(
            verdicts > 0, labels, np.where((verdicts < 0) & (suggested_ids == labels), -1, suggested_ids)
        )
    if checked_labels is None or checked_labels.interval is None:
        _warn_about_models(images, model, 1 - float(expected.label_quality.mean()))
    else:
        share = float(1 - label_quality.mean())
    min_quality = threshold if precision is None else _find_threshold(precision, label_quality)
    is_kept = label_quality >= min_quality
    return make_cleaning_result(
        held_out,
        is_kept=is_kept,
        label_quality=label_quality,
        suggested_ids=suggested_ids,
        reasons=_explain_decisions(held_out, verdicts, is_kept, suggested_ids),
        noise=LabelNoise(
            wrong_share=share,
            counts=expected.counts_by_truth_and_label,
            calibration_exponent=model.calibration_exponent,
            classes=held_out.labels.classes,
            checked_labels=checked_labels,
        ),
    )


def _warn_about_scores(held_out: HeldOutPredictions) -> None:
    """Warn if scores look like outputs of sigmoids, or give all probability to one class."""
    certain = [_has_one_hot_scores(file) for file in held_out.files]
    # A small fold can be certain by chance.
    min_rows = 0 if all(certain) and len(held_out.labels) >= _MIN_IMAGES else _MIN_IMAGES
    for file, is_certain in zip(held_out.files, certain, strict=True):
        if file.score_kind == "bounded":
            text = "scores are in [0, 1] and do not add up to 1, like outputs of sigmoids, so too few labels seem wrong"
            advice = Fix("pass logits, or probabilities that add up to 1")
        elif is_certain and file.label_rows.size >= min_rows:
            text = "one class of each image has probability 1, so correct labels are dropped if the model is wrong"
            advice = Fix("pass probabilities of all classes, or use {method}", method='"consistent"')
        else:
            continue
        warnings.warn(ReassessWarning(f"{file.name}: {text}", advice), stacklevel=3)


def _has_one_hot_scores(file: HeldOutFile) -> bool:
    """Return whether one class has almost all probability in each row of a sample of rows."""
    rows = np.unique(np.linspace(0, file.label_rows.size, _MAX_CHECKED_ROWS, endpoint=False).astype(np.int64))
    blocks = probability_blocks(file.predictions, rows, has_probabilities=file.score_kind == "probabilities")
    return all((values.max(axis=1) >= _MIN_CERTAIN_PROBABILITY).all() for _, values in blocks)


def _warn_about_models(images: ClassCandidates, model: NoiseModel, wrong_share: float) -> None:
    """Warn if the models look poor, or if they seem to be trained on the images that they predict."""
    certainty, is_first = (
        images.calibrate(1.0).max(axis=1),
        np.argmax(images.log_probabilities, axis=1) == images.label_columns,
    )
    unsure = np.argsort(certainty, kind="stable")[: math.ceil(_EXTREME_SHARE * certainty.size)]
    first_share, first_of_unsure = float(is_first.mean()), float(is_first[unsure].mean())
    sample = "have people check a sample of the labels"
    held_out = "check that no model was trained on the images that it predicts, or on copies of them"
    if model.lookalike_rate >= _MIN_LOOKALIKE_RATE:
        text = (
            f"about {100 * model.lookalike_rate:.1f} % of the labels seem to be wrong classes that their images look "
        )
        text += f"like; models can learn such mistakes, and then too few or too many labels seem wrong: {sample}"
    elif first_share < _MIN_FIRST_SHARE:
        text = f"the label is the most probable class for only {100 * first_share:.1f} % of the images"
        text += f"; the mistakes of a poor model count as wrong labels: {sample}"
    elif wrong_share > _MAX_WRONG_SHARE:
        text = (
            f"{100 * wrong_share:.1f} % of the labels seem wrong; the mistakes of a poor model look the same: {sample}"
        )
    elif certainty.size < _MIN_IMAGES:
        return
    elif model.calibration_exponent < _MIN_EXPONENT and 1 - first_share - wrong_share > _MIN_MISTAKE_SHARE:
        text = "the models are too certain: to calibrate them, their probabilities are raised to the power "
        text += f"{model.calibration_exponent:.2f}; the share of wrong labels can be far off: {sample}"
    elif first_of_unsure >= _MAX_UNCERTAIN_FIRST_SHARE and certainty[
        unsure
    ].mean() < _MAX_RELATIVE_CERTAINTY * np.quantile(certainty, 1 - _EXTREME_SHARE):
        text = f"where the models are least sure, they agree with {100 * first_of_unsure:.1f} % of the labels, like "
        text += f"models that know the labels: {held_out}"
    elif certainty.size >= 10 * _MIN_IMAGES and first_share >= _MAX_FIRST_SHARE:
        text = (
            f"the models agree with {100 * first_share:.2f} % of the labels: the images are easy, or the models know "
            "the "
        )
        text += f"labels: {held_out}"
    elif 1 - first_share >= _MIN_NOT_FIRST_SHARE and wrong_share < _MIN_WRONG_PER_NOT_FIRST * (1 - first_share):
        text = f"the models prefer another class for {100 * (1 - first_share):.1f} % of the images, but only "
        text += f"{100 * wrong_share:.1f} % of the labels seem wrong: {held_out}, and {sample}"
    elif (never_sure := _count_uncertain_classes(images, model)) > _MAX_UNCERTAIN_CLASS_SHARE * images.n_classes:
        text = f"the models are hardly ever certain of {never_sure} of {images.n_classes} classes; if many labels of a "
        text += f"class are wrong in the same way, models that learned them agree with them: {sample}"
    else:
        return
    warnings.warn(text, ReassessWarning, stacklevel=3)


def _count_uncertain_classes(images: ClassCandidates, model: NoiseModel) -> int:
    """Count the classes where even the most confident predictions are uncertain."""
    compared = images if model.profiles is None else images.compare_with_profiles(model.profiles)
    chances = compared.calibrate(model.calibration_exponent, model.biases)
    best = np.argmax(chances, axis=1)[:, None]
    first_ids, top = (
        np.take_along_axis(images.class_ids, best, axis=1)[:, 0],
        np.take_along_axis(chances, best, axis=1)[:, 0],
    )
    by_class = np.split(
        top[np.lexsort((top, first_ids))], np.cumsum(np.bincount(first_ids, minlength=images.n_classes))[:-1]
    )
    class_certainties = (
        float(np.quantile(certainty, 1 - _EXTREME_SHARE)) for certainty in by_class if certainty.size >= _MIN_CLASS_SIZE
    )
    return sum(certainty < _MIN_CLASS_CERTAINTY for certainty in class_certainties)


def _find_threshold(precision: float, label_quality: _Floats) -> float:
    """Find the lowest threshold of label quality where the kept labels have the required precision."""
    ordered = np.sort(label_quality)[::-1]
    reached = np.cumsum(ordered) / np.arange(1, ordered.size + 1) >= precision
    is_last = np.append(ordered[1:] != ordered[:-1], True)  # equal values are kept together
    rows = np.flatnonzero(reached & is_last)
    if not rows.size:
        raise DataError(
            "not-reached",
            "no threshold reaches the requested precision",
            allowed=f"a precision of up to {math.floor(1e4 * ordered[0]) / 1e4:.4f}",
            found=precision,
            fix="use a lower precision",
        )
    return float(ordered[rows[-1]])


def _explain_decisions(
    held_out: HeldOutPredictions,
    verdicts: npt.NDArray[np.int8],
    is_kept: npt.NDArray[np.bool_],
    suggested_ids: npt.NDArray[np.int32],
) -> tuple[str, ...]:
    """Return the reason why each image is kept or dropped."""
    words = (
        "another class is likelier",
        "the label is not likely enough",
        "likely enough, though another class is likelier",
        "the label is likely",
        "checked by people",
    )
    is_label = suggested_ids == held_out.labels.indices
    reason = np.where(verdicts != 0, 4, 2 * is_kept.astype(np.int64) + is_label)
    return tuple(words[number] for number in reason.tolist())
