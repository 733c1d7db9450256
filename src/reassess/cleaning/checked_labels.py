"""Labels that people checked: which are correct, and what that tells about all labels."""

import math
import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit, stdtrit

from reassess.aggregation import Golden, golden_truth
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.core import CheckedLabels, Sample, Votes
from reassess.core.checks import check_type
from reassess.core.image_names import join
from reassess.errors import DataError, ReassessWarning
from reassess.text import counted

_Floats = npt.NDArray[np.float64]
_BY_MODEL = 0.01  # standard error of the model's share: what it was off by where people's mistakes are known
_EDGE = 1e-9  # a probability is at least so far from 0 and 1 when it is moved
_FAR = 40.0  # in log-odds
_ALL = 0.95  # of the labels, that a sample of all is drawn from, as far as its weights tell


def known_labels(held_out: HeldOutPredictions, checked: Golden | None) -> npt.NDArray[np.int8]:
    """1 if the label of an image is known to be correct, -1 if it is known to be wrong, else 0; int8, (images,)."""
    known = np.zeros(len(held_out.labels), np.int8)
    if checked is None:
        return known
    classes = held_out.labels.classes.unite(checked.questions.classes)
    labels, pairs = held_out.labels.in_classes(classes), checked.questions.in_classes(classes)
    rows = join(pairs.images, labels.images, where="the checked labels", known_where="the labels")[pairs.image_ids]
    of_label = (rows >= 0) & (labels.indices[rows] == pairs.class_ids)
    known[rows[of_label]] = np.where(checked.valid[of_label], 1, -1)
    if not known.any():
        raise DataError(
            "missing-golden",
            "no label was checked",
            allowed="answers about an image and its label",
            found=f"{len(pairs):,} questions on {len(pairs.images):,} images",
            fix="check the labels of a random sample of the images",
        )
    _warn_of_others(checked, rows, of_label)
    return known


def checked_truth(answers: Votes) -> Golden:
    """Compute which labels are correct, by more than half of their answers; ties are not used.

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
        Some labels have as many answers yes as others.

    Examples
    --------
    >>> from reassess.core.questions import Questions
    >>> pairs = Questions.from_columns(["a.png", "b.png"], np.array([1, 2]))
    >>> answers = Votes.from_columns(pairs, np.array([0, 1]), np.zeros(2, int), np.array([1, 0]), "x", ("no", "yes"))
    >>> checked_truth(answers)
    Golden(2 questions on 2 images, 1 valid)
    """
    check_type(Votes, answers)
    if answers.classes is None:
        counts = answers.counts()
        is_even = (answers.sizes > 0) & (2 * counts[:, -1] == answers.sizes)
        if is_even.any():
            text = f"{counted(int(is_even.sum()), 'checked label')} not used: as many answers are yes as not"
            warnings.warn(text, ReassessWarning, stacklevel=2)
            answers = answers.restrict(np.flatnonzero(~is_even))
    return golden_truth(answers)


def _warn_of_others(checked: Golden, rows: npt.NDArray[np.int64], of_label: npt.NDArray[np.bool_]) -> None:
    """Warn of answers that are not about a label."""
    if checked.exclusive:  # each image with every class
        others = np.unique(checked.questions.image_ids[rows < 0]).size
        text = f"{others:,} of {counted(len(checked.questions.images), 'checked image')} not used: no label"
    else:
        others = int(np.count_nonzero(~of_label))
        text = f"{others:,} of {counted(of_label.size, 'checked question')} not used: not about an image's label"
    if others:
        warnings.warn(text, ReassessWarning, stacklevel=4)


@dataclass(frozen=True)
class DrawnLabels:
    """The checked labels that were drawn at random."""

    weights: _Floats  # (images,): number of labels that each checked label stands for; 0 if it was not drawn
    strata: npt.NDArray[np.int64]  # (images,)
    covered: float  # share of the labels that were drawn from
    has_all_strata: bool = True  # whether a label of each stratum is known

    @classmethod
    def of(cls, held_out: HeldOutPredictions, known: npt.NDArray[np.int8], sample: Sample | None) -> "DrawnLabels":
        """The known labels that are in a sample; they stand for drawn labels that are not known, too."""
        weights, strata = np.zeros(known.size), np.zeros(known.size, np.int64)
        if sample is None:
            return cls(weights, strata, 0.0)
        rows = join(sample.images, held_out.labels.images, where="the sample", known_where="the labels")
        represented = float(sample.weights[rows >= 0].sum())
        if represented > known.size / _ALL:
            raise DataError(
                "out-of-range",
                "probabilities of being drawn are too low",
                where="the checked labels",
                allowed=f"the {counted(known.size, 'label')}, as the sum of 1 / probability",
                found=f"{represented:,.0f} labels",
                fix="use the probabilities of the draw",
            )
        is_left = (rows >= 0) & (known[rows] != 0)
        drawn = sample.reduced(is_left, of=rows >= 0)
        weights[rows[is_left]] = drawn.weights
        _, strata[rows[is_left]] = np.unique(np.array(drawn.strata, np.str_), return_inverse=True)
        covered = float(drawn.weights.sum()) / known.size  # less if no label of a stratum is known
        has_all_strata = {*drawn.strata} == {sample.strata[row] for row in np.flatnonzero(rows >= 0).tolist()}
        return cls(weights, strata, min(1.0, covered), has_all_strata)


def corrected(label_quality: _Floats, known: npt.NDArray[np.int8], drawn: DrawnLabels) -> tuple[_Floats, CheckedLabels]:
    """Correct the share of wrong labels by checked ones, and move the probabilities to agree with it.

    The share by the model is off by the mean of (wrong - probability of wrong) over the checked labels that were drawn
    at random, each with its weight. Where the 99 % interval of the corrected share holds the model's own, the two are
    weighed by their standard errors; else only the corrected one counts. The probabilities of unchecked labels are
    moved together, on the scale of log-odds; checked labels get 0 or 1. Labels that were not drawn at random say
    nothing about others: without a sample of all labels, the others stay as they are.

    A difference estimator with Hajek's weights. Cochran, "Sampling Techniques" (1977), section 7; Saerndal, Swensson
    and Wretman, "Model Assisted Survey Sampling" (1992), section 6.
    """
    wrong, expected = known < 0, 1 - label_quality
    by_model = float(expected.mean())
    checked = CheckedLabels(
        checked=int(np.count_nonzero(known)),
        wrong=int(np.count_nonzero(wrong)),
        drawn=int(np.count_nonzero(drawn.weights)),
        by_model=by_model,
        covered=drawn.covered,
    )
    if drawn.covered < _ALL or not drawn.has_all_strata or not checked.drawn:
        return np.where(known == 0, label_quality, known > 0), checked
    off, error, freedom = _weighted_mean(wrong - expected, expected, drawn)
    half, far = (error * float(stdtrit(freedom, level)) for level in (0.975, 0.995))
    corrected_share = float(np.clip(by_model + off, 0, 1))
    interval = max(0.0, corrected_share - half), min(1.0, corrected_share + half)
    checked = replace(checked, corrected=corrected_share, interval=interval, agree=abs(off) <= far)
    weight = _BY_MODEL**2 / (_BY_MODEL**2 + error**2) if checked.agree else 1.0
    share = float(np.clip(by_model + weight * off, *interval))
    return _moved(label_quality, known, 1 - share), checked


def _weighted_mean(off: _Floats, expected: _Floats, drawn: DrawnLabels) -> tuple[float, float, float]:
    """The weighted mean over drawn labels, its standard error, and the degrees of freedom of that (Satterthwaite).

    In each stratum the variance is that of the sample with one wrong label more, weighted by the share of the stratum,
    and not below what the model itself expects: a small sample may show no wrong label.
    """
    rows = np.flatnonzero(drawn.weights)
    total, mean, variances, freedom = float(drawn.weights.sum()), 0.0, [], []
    for stratum in np.unique(drawn.strata[rows]).tolist():
        own = rows[drawn.strata[rows] == stratum]
        weights, values, probable = drawn.weights[own], off[own], expected[own]
        relative = weights / weights.mean()
        share = float(weights.sum()) / total
        mean += share * float((relative * values).mean())
        seen, scale = np.append(values, 1 - np.average(probable, weights=weights)), np.append(relative, share)
        residuals = scale * (seen - np.average(seen, weights=scale))
        by_sample = float((residuals**2).sum()) / own.size
        by_model = float((relative * probable * (1 - probable)).mean())
        rest = max(0.0, 1 - own.size / float(weights.sum()))  # none if all labels of the stratum were checked
        variances.append(share**2 * max(by_sample, by_model) / own.size * rest)
        freedom.append(max(1, own.size - 1))
    variance = sum(variances)
    parts = sum(part**2 / n for part, n in zip(variances, freedom, strict=True))
    return mean, math.sqrt(variance), variance**2 / parts if parts else float(rows.size)


def _moved(label_quality: _Floats, known: npt.NDArray[np.int8], mean: float) -> _Floats:
    """The probabilities with another mean."""
    odds = logit(np.clip(label_quality, _EDGE, 1 - _EDGE))

    def moved(by: float) -> _Floats:
        return np.where(known == 0, expit(odds + by), known > 0)

    low, high = -_FAR, _FAR
    if not moved(low).mean() < mean < moved(high).mean():
        return moved(low if moved(low).mean() >= mean else high)
    return moved(float(brentq(lambda by: moved(by).mean() - mean, low, high)))
