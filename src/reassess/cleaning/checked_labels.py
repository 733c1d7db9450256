"""Labels that people checked: which of them are correct, and the share of wrong labels among all labels."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit, stdtrit

from reassess.aggregation import GoldenQuestions, golden_truth
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.core import CheckedLabels, Sample, Votes
from reassess.core.checks import check_type
from reassess.core.image_names import match_images
from reassess.errors import DataError, ReassessWarning
from reassess.numeric import Estimate
from reassess.text import count_noun

_Floats = npt.NDArray[np.float64]
_MODEL_SHARE_ERROR = (
    0.01  # standard error of the model's share: its usual error on data where the wrong labels are known
)
_PROBABILITY_MARGIN = 1e-9  # probabilities keep this distance from 0 and 1 before they are shifted
_MAX_SHIFT = 40.0  # largest shift, in log-odds
_MAX_EXACT_COUNT = 1e9  # labels; larger counts are printed with few digits
_MIN_COVERED_SHARE = 0.95  # a sample of all labels must represent this share of them, by its weights


def find_label_verdicts(held_out: HeldOutPredictions, golden: GoldenQuestions | None) -> npt.NDArray[np.int8]:
    """Return 1 for each label that was checked as correct, -1 for a wrong label, and 0 for an unchecked label."""
    verdicts = np.zeros(len(held_out.labels), np.int8)
    if golden is None:
        return verdicts
    classes = held_out.labels.classes.merge(golden.questions.classes)
    labels, pairs = held_out.labels.convert_to_classes(classes), golden.questions.convert_to_classes(classes)
    rows = match_images(pairs.images, labels.images, where="the checked labels", known_where="the labels")[
        pairs.image_ids
    ]
    is_label = (rows >= 0) & (labels.indices[rows] == pairs.class_ids)
    verdicts[rows[is_label]] = np.where(golden.is_valid[is_label], 1, -1)
    if not verdicts.any():
        raise DataError(
            "missing-golden",
            "no answer decides whether an image's label is correct",
            allowed="decided questions whose class is the label of their image",
            found=f"decided questions about other images or classes: {len(pairs):,}",
            fix="check the labels of a random sample of the images",
        )
    _warn_about_unused_answers(golden, rows, is_label)
    return verdicts


def decide_checked_labels(answers: Votes) -> GoldenQuestions:
    """Decide which checked labels are correct: those where most answers are yes. Ties are not used.

    Parameters
    ----------
    answers
        Votes on the label of each image, as (image, class) questions; or votes for one class per image.

    Raises
    ------
    DataError
        As for `golden_truth`.

    Warns
    -----
    ReassessWarning
        A label has as many answers yes as other answers.

    Examples
    --------
    >>> from reassess.core.questions import Questions
    >>> pairs = Questions.from_columns(["a.png", "b.png"], np.array([1, 2]))
    >>> answers = Votes.from_columns(pairs, np.array([0, 1]), np.zeros(2, int), np.array([1, 0]), "x", ("no", "yes"))
    >>> decide_checked_labels(answers)
    GoldenQuestions(2 questions on 2 images, 1 valid)
    """
    check_type(Votes, answers)
    if answers.classes is None:
        counts = answers.counts()
        is_even = (answers.sizes > 0) & (2 * counts[:, -1] == answers.sizes)
        if is_even.any():
            text = f"{count_noun(int(is_even.sum()), 'checked label')} not used: as many answers are yes as not"
            warnings.warn(text, ReassessWarning, stacklevel=2)
            answers = answers.select_items(np.flatnonzero(~is_even))
    return golden_truth(answers)


def _warn_about_unused_answers(
    golden: GoldenQuestions, rows: npt.NDArray[np.int64], is_label: npt.NDArray[np.bool_]
) -> None:
    """Warn that answers are not used, because they are not about the label of an image."""
    if golden.has_one_class_per_image:  # the questions are all classes of each image
        unused = np.unique(golden.questions.image_ids[rows < 0]).size
        text = f"{unused:,} of {count_noun(len(golden.questions.images), 'checked image')} not used: no label"
    else:
        unused = int(np.count_nonzero(~is_label))
        text = f"{unused:,} of {count_noun(is_label.size, 'checked question')} not used: not about an image's label"
    if unused:
        warnings.warn(text, ReassessWarning, stacklevel=4)


@dataclass(frozen=True)
class DrawnLabels:
    """The checked labels that were drawn at random."""

    weights: _Floats  # (images,): number of labels that each checked label represents; 0 if it was not drawn
    strata: npt.NDArray[np.int64]  # (images,)
    represented_share: float  # share of all labels that the drawn labels represent
    has_all_strata: bool = True  # whether a label of each stratum is known
    n_images_without_verdict: int = 0  # drawn images that have answers, but none about their label

    @classmethod
    def from_sample(
        cls,
        held_out: HeldOutPredictions,
        verdicts: npt.NDArray[np.int8],
        sample: Sample | None,
        answered_images: Sequence[str] = (),
    ) -> "DrawnLabels":
        """Find the checked labels of a random sample, and how many labels each of them represents."""
        weights, strata = np.zeros(verdicts.size), np.zeros(verdicts.size, np.int64)
        if sample is None:
            return cls(weights, strata, 0.0)
        rows = match_images(sample.images, held_out.labels.images, where="the sample", known_where="the labels")
        represented = float(sample.weights[rows >= 0].sum())
        if represented > verdicts.size / _MIN_COVERED_SHARE:
            raise DataError(
                "out-of-range",
                "the checked labels have too low probabilities of being drawn",
                allowed=f"a sum of 1 / probability of about {verdicts.size:,}, the number of labels",
                found=f"a sum of {represented:{',.0f' if represented < _MAX_EXACT_COUNT else '.3g'}}",
                fix="use the probabilities of the draw",
            )
        is_used = (rows >= 0) & (verdicts[rows] != 0)
        drawn_sample = sample.keep_images(is_used, is_represented=rows >= 0)
        weights[rows[is_used]] = drawn_sample.weights
        _, strata[rows[is_used]] = np.unique(np.array(drawn_sample.strata, np.str_), return_inverse=True)
        represented_share = float(drawn_sample.weights.sum()) / verdicts.size  # lower if a stratum has no known label
        has_all_strata = {*drawn_sample.strata} == {sample.strata[row] for row in np.flatnonzero(rows >= 0).tolist()}
        is_answered = np.isin(np.arange(rows.size), sample.rows_of(answered_images))
        n_images_without_verdict = int(np.count_nonzero(is_answered & (rows >= 0) & ~is_used))
        return cls(weights, strata, min(1.0, represented_share), has_all_strata, n_images_without_verdict)


def adjust_to_checked_labels(
    label_quality: _Floats, verdicts: npt.NDArray[np.int8], drawn_labels: DrawnLabels
) -> tuple[_Floats, CheckedLabels]:
    """Correct the estimated share of wrong labels by the checked labels, and shift the probabilities to match it.

    The model estimates a share of wrong labels. Its error is the weighted mean of (1 if wrong, else 0) - (probability
    of wrong), over the checked labels that were drawn at random; the corrected share is the estimate plus this error.
    If the 99 % interval of the corrected share contains the model's share, the result is the mean of the two shares,
    weighted by their inverse variances; otherwise, it is the corrected share. The probabilities of all unchecked labels
    are shifted by the same log-odds; checked labels get 0 or 1. Labels that were not drawn at random say nothing about
    other labels: without a sample of all labels, the other probabilities do not change.

    This is a difference estimator with Hajek's weights. Cochran, "Sampling Techniques" (1977), section 7; Saerndal,
    Swensson and Wretman, "Model Assisted Survey Sampling" (1992), section 6.
    """
    wrong, expected = verdicts < 0, 1 - label_quality
    by_model = float(expected.mean())
    checked = CheckedLabels(
        n_checked=int(np.count_nonzero(verdicts)),
        n_wrong=int(np.count_nonzero(wrong)),
        n_drawn=int(np.count_nonzero(drawn_labels.weights)),
        wrong_share_by_model=by_model,
        represented_share=drawn_labels.represented_share,
        n_other_answers=drawn_labels.n_images_without_verdict,
    )
    if (
        drawn_labels.represented_share < _MIN_COVERED_SHARE
        or not drawn_labels.has_all_strata
        or drawn_labels.n_images_without_verdict
        or not checked.n_drawn
    ):
        return np.where(verdicts == 0, label_quality, verdicts > 0), checked
    estimate = _estimate_mean_model_error(wrong - expected, expected, drawn_labels)
    model_error, error = estimate.value, estimate.standard_error
    half_width, max_model_error = (error * float(stdtrit(estimate.df, level)) for level in (0.975, 0.995))
    corrected_wrong_share = float(np.clip(by_model + model_error, 0, 1))
    interval = max(0.0, corrected_wrong_share - half_width), min(1.0, corrected_wrong_share + half_width)
    checked = replace(
        checked,
        corrected_wrong_share=corrected_wrong_share,
        interval=interval,
        is_model_share_plausible=abs(model_error) <= max_model_error,
    )
    weight = _MODEL_SHARE_ERROR**2 / (_MODEL_SHARE_ERROR**2 + error**2) if checked.is_model_share_plausible else 1.0
    share = float(np.clip(by_model + weight * model_error, *interval))
    return _shift_to_mean(label_quality, verdicts, 1 - share), checked


def _estimate_mean_model_error(model_errors: _Floats, probabilities: _Floats, drawn_labels: DrawnLabels) -> Estimate:
    """Estimate the mean of the model's errors over all labels, from the drawn labels."""
    # A small sample may have no wrong label. Therefore, the variance of each stratum is computed from the sample plus
    # one wrong label, weighted by the share of the stratum, and it is at least the variance that the model expects.
    rows = np.flatnonzero(drawn_labels.weights)
    total, mean, variances, freedom = float(drawn_labels.weights.sum()), 0.0, [], []
    for stratum in np.unique(drawn_labels.strata[rows]).tolist():
        in_stratum = rows[drawn_labels.strata[rows] == stratum]
        weights, values, probable = (
            drawn_labels.weights[in_stratum],
            model_errors[in_stratum],
            probabilities[in_stratum],
        )
        relative = weights / weights.mean()
        share = float(weights.sum()) / total
        mean += share * float((relative * values).mean())
        extended = np.append(values, 1 - np.average(probable, weights=weights))
        scale = np.append(relative, share)
        residuals = scale * (extended - np.average(extended, weights=scale))
        by_sample = float((residuals**2).sum()) / in_stratum.size
        by_model = float((relative * probable * (1 - probable)).mean())
        unchecked = max(0.0, 1 - in_stratum.size / float(weights.sum()))  # finite population correction
        variances.append(share**2 * max(by_sample, by_model) / in_stratum.size * unchecked)
        freedom.append(max(1, in_stratum.size - 1))
    variance = sum(variances)
    parts = sum(part**2 / n for part, n in zip(variances, freedom, strict=True))
    return Estimate(mean, math.sqrt(variance), df=variance**2 / parts if parts else float(rows.size))


def _shift_to_mean(label_quality: _Floats, verdicts: npt.NDArray[np.int8], mean: float) -> _Floats:
    """Shift the log-odds of unchecked labels so that the mean of all probabilities equals `mean`."""
    odds = logit(np.clip(label_quality, _PROBABILITY_MARGIN, 1 - _PROBABILITY_MARGIN))

    def probabilities_after(shift: float) -> _Floats:
        return np.where(verdicts == 0, expit(odds + shift), verdicts > 0)

    low, high = -_MAX_SHIFT, _MAX_SHIFT
    if not probabilities_after(low).mean() < mean < probabilities_after(high).mean():
        return probabilities_after(low if probabilities_after(low).mean() >= mean else high)
    return probabilities_after(float(brentq(lambda shift: probabilities_after(shift).mean() - mean, low, high)))
