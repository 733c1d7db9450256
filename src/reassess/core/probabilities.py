"""The probability that a model gives a class, from probabilities or from other scores.

**The rule.** Scores are probabilities if all of them are in [0, 1], and if the scores of each row, over all outputs,
add up to 1 within 0.01. This tolerance is larger than the rounding error of float16, of bfloat16, and of three decimals
for up to 20 classes. All other scores are treated as logits: their softmax gives the probabilities. This includes the
outputs of sigmoids, which are in [0, 1] but do not add up to 1. Their softmax keeps the order of the classes of an
image, but is not the probability that the model gives to a class. `score_kind` returns "bounded" for them, and the
command line prints a note.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from reassess.core.predictions import Predictions, raise_nan_error
from reassess.errors import DataError
from reassess.numeric.arrays import as_floats, release_memory

ScoreKind = Literal["probabilities", "bounded", "logits"]

_BLOCK_ROWS = 1024
_ROWS_BETWEEN_RELEASES = 64 * _BLOCK_ROWS  # rows after which the memory of a mapped file is released
_SUM_TOLERANCE = 0.01
_ONE_KIND_FIX = "give the probabilities of each image, or logits of all"
_Floats = npt.NDArray[np.float64]


def class_probabilities(
    predictions: Predictions, rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]
) -> _Floats:
    """Return the probability that the model gives to one class of each row.

    The softmax ignores outputs without a class.
    """
    if predictions.scores is None:
        return np.full(rows.size, np.nan)
    place = np.searchsorted(output_classes(predictions), class_ids)
    as_they_are = score_kind(predictions) == "probabilities"
    parts = [
        np.take_along_axis(values, place[part, None], axis=1)[:, 0]
        for part, values in probability_blocks(predictions, rows, has_probabilities=as_they_are)
    ]
    return np.concatenate([np.empty(0), *parts])


def score_kind(predictions: Predictions, *, raise_if_mixed: bool = False) -> ScoreKind:
    """Return the kind of scores.

    - logits: a score is outside [0, 1];
    - probabilities: all scores are in [0, 1], and each row sums to 1;
    - bounded: all scores are in [0, 1], but a row does not sum to 1.

    Reading stops early at a score outside [0, 1], if no row so far sums to 1. With `raise_if_mixed`, raise if some rows
    are probabilities and others are not: if any row of bounded scores sums to 1, or if most rows of logits sum to 1.
    """
    assert predictions.scores is not None
    kind: ScoreKind = "probabilities"
    n_rows_that_sum_to_1, odd = 0, -1
    for start in range(0, len(predictions), _BLOCK_ROWS):
        scores = as_floats(predictions.scores[start : start + _BLOCK_ROWS])
        if start % _ROWS_BETWEEN_RELEASES == 0:
            release_memory(predictions.scores)
        is_between_0_and_1, sums_to_1 = check_rows(scores)
        n_rows_that_sum_to_1 += int(np.count_nonzero(sums_to_1))
        if odd < 0 and not sums_to_1.all():
            odd = start + int(np.argmin(sums_to_1))
        if not is_between_0_and_1.all():
            kind = "logits"
        elif not sums_to_1.all() and kind == "probabilities":
            kind = "bounded"
        if kind == "logits" and not n_rows_that_sum_to_1:
            return kind
    if raise_if_mixed and odd >= 0 and n_rows_that_sum_to_1 > (0 if kind == "bounded" else len(predictions) / 2):
        _raise_mixed_kinds(predictions, odd, n_rows_that_sum_to_1)
    return kind


class RowChecks(NamedTuple):
    """Properties of each row of scores; bool, shape (rows,)."""

    is_between_0_and_1: npt.NDArray[np.bool_]  # all scores are in [0, 1]
    is_distribution: npt.NDArray[np.bool_]  # all scores are in [0, 1], and they add up to 1


def check_rows(scores: npt.NDArray[Any]) -> RowChecks:
    """Check which rows of scores are in [0, 1], and which rows are probabilities."""
    is_between_0_and_1 = (scores.min(axis=1) >= 0) & (scores.max(axis=1) <= 1)
    with np.errstate(invalid="ignore"):  # of infinities
        adds_up = np.abs(scores.sum(axis=1, dtype=np.float64) - 1) <= _SUM_TOLERANCE
    return RowChecks(is_between_0_and_1, is_between_0_and_1 & adds_up)


def raise_if_out_of_range(scores: npt.NDArray[Any], names: Sequence[str]) -> None:
    """Raise if an image has scores outside [0, 1]."""
    outside = (scores.min(axis=1, initial=0) < -_SUM_TOLERANCE) | (scores.max(axis=1, initial=0) > 1 + _SUM_TOLERANCE)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            "not-a-distribution",
            "scores of an image are not probabilities, but scores of the first image are",
            where=f"image {names[row]}",
            allowed="0 to 1",
            found=f"{scores[row].min():.4g} to {scores[row].max():.4g}",
            fix=_ONE_KIND_FIX,
        )


def _raise_mixed_kinds(predictions: Predictions, row: int, n_rows_that_sum_to_1: int) -> NoReturn:
    """Raise an error because a row does not sum to 1, although other rows do."""
    assert predictions.scores is not None
    scores = as_floats(predictions.scores[row]).astype(np.float64)
    if np.isnan(scores).any():
        raise_nan_error(predictions, row)
    with np.errstate(invalid="ignore"):  # of infinities
        total = scores.sum()
    raise DataError(
        "not-a-distribution",
        "scores of an image do not add up to 1, but scores of other images do",
        where=f"row {row}" if predictions.images is None else f"image {predictions.images[row]}",
        allowed=f"0 to 1, and a sum of 1 within {_SUM_TOLERANCE}",
        found=f"{scores.min():.4g} to {scores.max():.4g}, and a sum of {total:.4g}; "
        f"{n_rows_that_sum_to_1:,} of {len(predictions):,} images have a sum of 1",
        fix=_ONE_KIND_FIX,
    )


def output_classes(predictions: Predictions) -> npt.NDArray[np.int64]:
    """Return the ids of the classes that have an output, in the order of the columns of `probability_blocks`."""
    assert predictions.scores is not None
    if predictions.output_class_ids is None:
        return np.arange(predictions.scores.shape[1])
    return np.sort(predictions.output_class_ids[predictions.output_class_ids >= 0])


def probability_blocks(
    predictions: Predictions, rows: npt.NDArray[np.integer], *, has_probabilities: bool
) -> Iterator[tuple[slice, _Floats]]:
    """Yield pairs: a slice of `rows`, and the probabilities of these rows for each class that has an output."""
    assert predictions.scores is not None
    outputs = None
    if predictions.output_class_ids is not None:
        outputs = np.argsort(predictions.output_class_ids, kind="stable")
        outputs = outputs[predictions.output_class_ids[outputs] >= 0]
    for start in range(0, rows.size, _BLOCK_ROWS):
        part = slice(start, start + _BLOCK_ROWS)
        scores = as_floats(predictions.scores[rows[part]])
        if start % _ROWS_BETWEEN_RELEASES == 0:
            release_memory(predictions.scores)
        chosen = scores if outputs is None else np.take(scores, outputs, axis=1)
        values = np.ascontiguousarray(chosen, np.float64)  # then sums do not depend on the memory layout
        yield part, values if has_probabilities else _softmax(values)


def _softmax(scores: _Floats) -> _Floats:
    """Compute the softmax of each row, also of infinite scores."""
    best = scores.max(axis=1, keepdims=True)
    if np.isfinite(best).all():
        weights = np.exp(scores - best)
    else:  # the difference of equal infinite scores is 0 here, not NaN
        weights = np.exp(np.subtract(scores, best, out=np.zeros_like(scores), where=scores != best))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights)
