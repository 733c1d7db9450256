"""Labels that people checked: which are correct, and what that tells about all labels."""

import math
import warnings

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit, stdtrit

from reassess.aggregation import Golden, golden_truth
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.core import CheckedLabels, Votes
from reassess.core.checks import check_type
from reassess.core.image_names import join
from reassess.errors import DataError, ReassessWarning
from reassess.text import counted

_Floats = npt.NDArray[np.float64]
_BY_MODEL = 0.01  # standard error of the model's share: what it was off by where people's mistakes are known
_EDGE = 1e-9  # a probability is at least so far from 0 and 1 when it is moved
_FAR = 40.0  # in log-odds


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


def corrected(label_quality: _Floats, known: npt.NDArray[np.int8]) -> tuple[_Floats, CheckedLabels]:
    """Correct the share of wrong labels by the checked ones, and move the probabilities to agree with it.

    The share by the model is off by the mean of (wrong - probability of wrong) over the checked labels: unbiased for a
    random sample, whatever the model is worth. Where the 99 % interval of the corrected share holds the model's own,
    the two are weighed by their standard errors; else only the corrected one counts. The probabilities of unchecked
    labels are moved together, on the scale of log-odds; checked labels get 0 or 1. A difference estimator: Cochran,
    "Sampling Techniques" (1977), section 7.
    """
    rows = np.flatnonzero(known)
    wrong, expected = known[rows] < 0, 1 - label_quality[rows]
    by_model, off = float(1 - label_quality.mean()), float((wrong - expected).mean())
    error = _standard_error(wrong - expected, expected) * math.sqrt(1 - rows.size / known.size)
    half, far = (error * float(stdtrit(max(1, rows.size - 1), level)) for level in (0.975, 0.995))
    corrected_share = float(np.clip(by_model + off, 0, 1))
    checked = CheckedLabels(
        checked=rows.size,
        wrong=int(np.count_nonzero(wrong)),
        by_model=by_model,
        corrected=corrected_share,
        interval=(max(0.0, corrected_share - half), min(1.0, corrected_share + half)),
        agree=abs(off) <= far,
    )
    weight = _BY_MODEL**2 / (_BY_MODEL**2 + error**2) if checked.agree else 1.0
    share = float(np.clip(by_model + weight * off, *checked.interval))
    return _moved(label_quality, known, 1 - share), checked


def _standard_error(off: _Floats, expected: _Floats) -> float:
    """Of a mean, by the sample with one wrong label more, and not below what the model itself expects.

    For a small sample may show nothing. It is taken for a small part of all.
    """
    by_sample = float(np.append(off, 1 - expected.mean()).var(ddof=1))
    return math.sqrt(max(by_sample, float((expected * (1 - expected)).mean())) / off.size)


def _moved(label_quality: _Floats, known: npt.NDArray[np.int8], mean: float) -> _Floats:
    """The probabilities with another mean."""
    odds = logit(np.clip(label_quality, _EDGE, 1 - _EDGE))

    def moved(by: float) -> _Floats:
        return np.where(known == 0, expit(odds + by), known > 0)

    low, high = -_FAR, _FAR
    if not moved(low).mean() < mean < moved(high).mean():
        return moved(low if moved(low).mean() >= mean else high)
    return moved(float(brentq(lambda by: moved(by).mean() - mean, low, high)))
