"""Which images to keep: those whose label is probably right, by what models say of them when they are held out."""

import math
import warnings
from typing import Literal

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden import Golden
from reassess.cleaning.candidates import ClassCandidates
from reassess.cleaning.checked_labels import corrected, known_labels
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.cleaning.kept_images import cleaning_of
from reassess.cleaning.posterior import fit_noise
from reassess.core.checks import check_number, check_type
from reassess.core.cleaning import Cleaning
from reassess.core.image_names import image_keys
from reassess.core.label_noise import LabelNoise
from reassess.errors import DataError, ReassessWarning

__all__ = ["USUAL_KEEP", "CleaningMethod", "clean_by_posterior"]

CleaningMethod = Literal["posterior", "consistent", "confident"]
USUAL_KEEP = 0.5
_FEW = 0.5  # images of which the label is first: of fewer, mistakes of the models were seen to count as wrong labels
_Floats = npt.NDArray[np.float64]


def clean_by_posterior(
    held_out: HeldOutPredictions,
    *,
    keep: float = USUAL_KEEP,
    precision: float | None = None,
    checked: Golden | None = None,
    seed: int = 0,
) -> Cleaning:
    """Keep an image if its label is probably right.

    A matrix of mistakes, the shares of the true classes, and a calibration of the model are estimated together; it is
    assumed that the model's mistakes and those of the labels are independent, but for a pull of both towards what an
    image looks like. See `docs/cleaning.md` for how far that holds.

    Parameters
    ----------
    held_out
        Scores; of several repetitions or models, the mean logarithm of the probabilities counts.
    keep
        The least probability that the label is right, in [0, 1].
    precision
        In place of `keep`: keep as many images as possible, the likeliest labels first, so that this share of the kept
        labels is expected to be right; in [0, 1].
    checked
        Whether the label of an image, as a pair of image and class, is valid: of a random sample of images that people
        looked at. The estimated share of wrong labels is then corrected by it, and gets an interval.
    seed
        Of the sample of images on which the calibration is found, where there are more than 50,000.

    Raises
    ------
    DataError
        A file holds ids alone; a number is out of range; no checked pair is the label of an image; the precision cannot
        be reached; or no image of a class is kept.

    Warns
    -----
    ReassessWarning
        A class loses more than a third of its images; or, without `checked`, the models name few of the labels first.

    Examples
    --------
    >>> from reassess import LabelSets, Predictions
    >>> labels = LabelSets.from_lists([f"{i}.png" for i in range(300)], [[i % 3] for i in range(300)])
    >>> says = np.eye(3)[np.arange(300) % 3] * 0.9 + 0.1 / 3
    >>> says[0] = [0.01, 0.01, 0.98]  # which is labelled 0
    >>> held_out = HeldOutPredictions.of({"model": Predictions.from_scores(says, labels.images)}, labels)
    >>> cleaning = clean_by_posterior(held_out)
    >>> np.flatnonzero(~cleaning.kept), cleaning.suggested[0]
    (array([0]), np.int32(2))

    Notes
    -----
    After Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm" (1979), with
    the model in the place of one rater and the label of the other; the calibration and the pull are our own.
    """
    check_type(held_out, HeldOutPredictions, what="the held-out predictions", mend="HeldOutPredictions.of(...)")
    check_number(keep, 0, 1, what="least probability that a label is right")
    if precision is not None:
        check_number(precision, 0, 1, what="share of right labels among the kept ones")
    if checked is not None:
        check_type(checked, Golden, what="the checked labels", mend="checked_truth(ANSWERS)")
    check_number(seed, 0, what="seed", whole=True)
    by_name = np.array(sorted(range(len(held_out.labels)), key=image_keys(held_out.labels.images).__getitem__))
    images = ClassCandidates.of(held_out).of_rows(by_name)  # so that the order of the labels changes nothing
    known = known_labels(held_out, checked)
    if checked is None:
        _warn_of_poor_models(images)
    model, found = fit_noise(images, seed=seed)
    p_right, suggested = np.empty(by_name.size), np.empty(by_name.size, np.int32)
    p_right[by_name], suggested[by_name] = found.right, found.likeliest
    of_checked = None
    if checked is not None:
        p_right, of_checked = corrected(p_right, known)
        labels = held_out.labels.indices
        suggested = np.where(known > 0, labels, np.where((known < 0) & (suggested == labels), -1, suggested))
    least = keep if precision is None else _least_for(precision, p_right)
    kept = p_right >= least
    return cleaning_of(
        held_out,
        kept=kept,
        p_right=p_right,
        suggested=suggested,
        reasons=_reasons(held_out, known, kept, suggested),
        noise=LabelNoise(
            share=float(1 - p_right.mean()),
            counts=found.counts,
            sharpening=model.sharpening,
            classes=held_out.labels.classes,
            checked=of_checked,
        ),
    )


def _warn_of_poor_models(images: ClassCandidates) -> None:
    share = float((np.argmax(images.logs, axis=1) == images.place).mean())
    if share < _FEW:
        text = f"the label is the most probable class of {100 * share:.1f} % of the images only"
        advice = "the mistakes of a poor model are taken for wrong labels: have people check a sample of the labels"
        warnings.warn(f"{text}; {advice}", ReassessWarning, stacklevel=3)


def _least_for(precision: float, p_right: _Floats) -> float:
    """The least probability of the longest list, the likeliest first, whose mean reaches a precision."""
    ordered = np.sort(p_right)[::-1]
    reached = np.cumsum(ordered) / np.arange(1, ordered.size + 1) >= precision
    last = np.append(ordered[1:] != ordered[:-1], True)  # equal ones are kept together
    rows = np.flatnonzero(reached & last)
    if not rows.size:
        raise DataError(
            "not even the most certain labels are right as often",
            allowed=f"a precision of up to {math.floor(1e4 * ordered[0]) / 1e4:.4f}",
            found=precision,
            mend="ask for less",
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
