"""A classifier as one more rater: its probabilities are combined with the probabilities that come from votes.

The combined probability of truth s of item i is

    q'[i, s] ∝ (q[i, s] / p[s])**k  c[i, s]**m  exp(b[s])

with the posterior q of the votes, the prior p of the truths, and the classifier's probability c. For an (image, class)
question, c is the classifier's probability of the class if s is valid, and 1 minus it if s is invalid. Two steps find
the powers k and m and the offsets b:

1. By votes: k is 1, and m and b maximize the likelihood of the votes on all items without golden answers. It is the
   product over items of the sum over s of (q[i, s] / p[s]) c'[i, s], where c' is c**m exp(b), divided by its sum.
   Votes do not show mistakes that the classifier shares with raters, for example if it was trained on their labels.
   So half of the evidence is used: c' is replaced by the geometric mean of c' and p.
2. With golden answers, k, m and b maximize the likelihood of the truths of golden items, which are predicted without
   their golden answers, as in tempering. The result of step 1 is the mean of the prior of log k, log m and b; its
   standard deviations are log 2 for the powers and 0.5 for the offsets. So a few golden items change little.

An item without a prediction has c' = p.

Sources: weighted products of probabilities are logarithmic opinion pools, Genest and Zidek, Statistical Science 1
(1986); scaling a classifier's logits by a power and offsets is the calibration of Platt (1999) and of Guo et al., ICML
2017.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregation_result import Aggregation
from reassess.aggregation.tempering import (
    GoldenPrediction,
    TruthOdds,
    compute_for_all_classes,
    make_odds,
    predict_golden_truths,
)
from reassess.core import VALIDITY, Classes, Id, Items, Predictions, Questions, Votes, classes_of
from reassess.core.image_names import match_images
from reassess.core.items import are_questions, find_items, hash_names, list_names
from reassess.core.predictions import raise_nan_error
from reassess.core.probabilities import output_classes, probability_blocks, score_kind
from reassess.core.votes import align_votes
from reassess.errors import DataError
from reassess.text import join_first

_POWER_SD, _OFFSET_SD = np.log(2), 0.5  # of the priors in step 2
_MIN_PROBABILITY = 1e-6  # lower probabilities of the classifier count as this, because float16 rounds them to 0
_MAX_PROBABILITIES = 1 << 23  # items * truths that step 1 uses; it draws items if there are more
_MIN_CHECKED_IMAGES, _SIGNIFICANCE_LEVEL = 100, 0.01  # of the check of the classes' order
_TINY = np.finfo(float).tiny

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class _Pool(NamedTuple):
    """The powers and offsets of the combined probability."""

    vote_power: float
    classifier_power: float
    offsets: Floats  # shape (truths,)

    def compute_logits(self, odds: TruthOdds, logs: "_ClassifierLogs") -> Floats:
        """Compute the logarithm of the combined probability of each truth, up to a constant per item."""
        of_classifier = self.classifier_power * logs.values + self.offsets
        own = np.where(logs.is_predicted[:, None], of_classifier, odds.log_prior)
        return np.asarray(self.vote_power * odds.log_ratios + own)


class _ClassifierLogs(NamedTuple):
    """The logarithm of a classifier's probability of each truth."""

    values: Floats  # shape (items, truths); 0 for items without a prediction
    is_predicted: Bools  # shape (items,)


@dataclass(frozen=True)
class _Classifier:
    """A classifier's predictions of the possible truths of items."""

    predictions: Predictions  # in the class list of the votes
    truth_class_ids: Ints | None  # class id of each possible truth; None for (image, class) questions
    has_probabilities: bool  # whether the scores are probabilities; otherwise they are logits

    @classmethod
    def from_predictions(cls, predictions: Predictions, truths: tuple[Id, ...], classes: Classes) -> "_Classifier":
        """Check the predictions, and convert them to the class list of the votes."""
        if predictions.scores is None or predictions.images is None:
            missing = "scores" if predictions.scores is None else "image names"
            raise DataError(
                f"missing-{missing.replace(' ', '-')}",
                f"a classifier needs predictions with {missing}",
                found=predictions.detected_format,
                fix="write an npz file with the arrays scores and names",
            )
        predictions = predictions.convert_to_classes(classes)
        class_ids = None if truths == VALIDITY else classes.answers_to_ids(truths)
        return cls(predictions, class_ids, score_kind(predictions) != "logits")

    def read_logs(self, items: Items) -> _ClassifierLogs:
        """Read the classifier's probabilities for items."""
        names = items.images if isinstance(items, Questions) else [str(name) for name in list_names(items)]
        assert self.predictions.images is not None
        rows = match_images(names, self.predictions.images)
        if isinstance(items, Questions):
            return self._read_logs_of_questions(rows[items.image_ids], items)
        assert self.truth_class_ids is not None
        columns = self._find_columns(self.truth_class_ids)
        return self._read_logs(rows, lambda _, probabilities: probabilities[:, columns], self.truth_class_ids.size)

    def _read_logs_of_questions(self, rows: Ints, questions: Questions) -> _ClassifierLogs:
        columns = self._find_columns(questions.class_ids)[rows >= 0]

        def select_class(part: slice, probabilities: Floats) -> Floats:
            """Return the probability that each question's class is invalid, and that it is valid."""
            valid = np.take_along_axis(probabilities, columns[part, None], axis=1)
            return np.concatenate([1 - valid, valid], axis=1)

        return self._read_logs(rows, select_class, len(VALIDITY))

    def _read_logs(self, rows: Ints, select: Callable[[slice, Floats], Floats], n_truths: int) -> _ClassifierLogs:
        """Read rows of the predictions, -1 for items without a prediction; `select` chooses probabilities of truths."""
        predicted = np.flatnonzero(rows >= 0)
        values = np.zeros((rows.size, n_truths))
        blocks = probability_blocks(self.predictions, rows[predicted], has_probabilities=self.has_probabilities)
        for part, probabilities in blocks:
            chosen = select(part, probabilities)
            if np.isnan(chosen).any():
                raise_nan_error(self.predictions, int(rows[predicted][part][np.isnan(chosen).any(axis=1)][0]))
            values[predicted[part]] = np.log(np.maximum(chosen, _MIN_PROBABILITY))
        return _ClassifierLogs(values, rows >= 0)

    def _find_columns(self, class_ids: npt.NDArray[np.integer]) -> Ints:
        """Find the column of each class in `probability_blocks`."""
        outputs = output_classes(self.predictions)
        columns = np.searchsorted(outputs, class_ids)
        is_missing = np.append(outputs, -1)[columns] != class_ids
        if is_missing.any():
            missing = np.unique(class_ids[is_missing]).tolist()
            raise DataError(
                "missing-classes",
                "the classifier has no output for a class of the votes",
                allowed=f"a score for each of the {np.unique(class_ids).size:,} classes",
                found=join_first([self.predictions.classes.short_name(class_id) for class_id in missing]),
                fix="name the class of each output in the file of predictions, or remove the votes on these classes",
            )
        return np.asarray(columns)


def compute_with_classifier(
    compute: Callable[..., Aggregation], votes: Votes, options: Mapping[str, Any], *, predictions: Predictions
) -> Aggregation:
    """Compute the result of a method, and combine it with a classifier; `compute` runs the method.

    Raises
    ------
    DataError
        The votes are not about classes of images; the predictions have no scores or no image names, lack a class, or
        have no image in common with the votes.
    """
    if votes.classes is not None:
        experts = options.get("experts")
        aligned = votes if experts is None else align_votes(votes, experts)[0]
        assert aligned.classes is not None
        run = partial(_compute, compute, predictions=predictions, classes=aligned.classes)
        return compute_for_all_classes(run, votes, options)
    if not are_questions(votes.items):
        raise DataError(
            "not-on-questions",
            "a classifier needs votes on classes of images",
            found=f"votes on items such as {join_first(list_names(votes.items), max_items=1)}",
            fix="if items are images, use the column image instead of item",
        )
    return _compute(compute, votes, options, predictions=predictions, classes=classes_of(votes))


def _compute(
    compute: Callable[..., Aggregation],
    votes: Votes,
    options: Mapping[str, Any],
    *,
    predictions: Predictions,
    classes: Classes,
) -> Aggregation:
    """Compute the result of a method for plain items or questions, and combine it with a classifier."""
    result = compute(votes, **options)
    items, truths = result.posterior.items, result.posterior.truths
    classifier = _Classifier.from_predictions(predictions, truths, classes)
    logs, odds = classifier.read_logs(items), make_odds(result.posterior, result.model)
    if not logs.is_predicted.any():
        raise DataError(
            "nothing-in-common",
            "the classifier's predictions and the votes have no image in common",
            found=f"{join_first(predictions.images or (), max_items=2)}; and "
            f"{join_first(votes.images or [str(name) for name in list_names(items)], max_items=2)}",
            fix="use predictions of the images that raters voted on",
        )
    is_fitted = _find_items_to_fit(result, votes) & logs.is_predicted
    if classifier.truth_class_ids is not None:
        _check_class_order(odds, logs, is_fitted)
    pool = _fit_to_votes(odds, logs, items, is_fitted)
    facts: dict[str, Any] = {"without_prediction": int(np.count_nonzero(~logs.is_predicted))}
    if options.get("experts") is not None:
        golden = list(predict_golden_truths(compute, votes, options, result))
        golden_logs = [classifier.read_logs(each.items) for each in golden]
        pool = _fit_to_truths(pool, golden, golden_logs)
        facts["predicted_golden_items"] = sum(len(each.items) for each in golden)
    facts |= {"vote_power": pool.vote_power, "classifier_power": pool.classifier_power}
    values = _softmax(pool.compute_logits(odds, logs))
    return replace(result, posterior=replace(result.posterior, values=values), facts=result.facts | facts)


def _find_items_to_fit(result: Aggregation, votes: Votes) -> Bools:
    """Find the items with votes and without golden answers; bool, shape (items of the posterior,)."""
    rows = votes.find_positions(result.posterior.items)
    is_used = (rows >= 0) & (votes.sizes[rows] > 0)
    if result.expert_votes is not None:
        is_used &= find_items(result.expert_votes.items, result.posterior.items) < 0
    return np.asarray(is_used)


def _check_class_order(odds: TruthOdds, logs: _ClassifierLogs, is_fitted: Bools) -> None:
    """Raise if the classes that a classifier and votes prefer agree no better than by chance."""
    from scipy.stats import binom

    n_truths = logs.values.shape[1]
    of_classifier = logs.values[is_fitted].argmax(axis=1)
    of_votes = (odds.log_prior + odds.log_ratios)[is_fitted].argmax(axis=1)
    n_agreeing = int(np.count_nonzero(of_classifier == of_votes))
    shares = [np.bincount(classes, minlength=n_truths) / max(classes.size, 1) for classes in (of_classifier, of_votes)]
    chance = float(shares[0] @ shares[1])
    if of_votes.size < _MIN_CHECKED_IMAGES:
        return
    is_by_chance = binom.sf(n_agreeing - 1, of_votes.size, chance) > _SIGNIFICANCE_LEVEL
    # If nearly all images have one class, even a good classifier is hardly above chance: then it is not far below 1.
    is_low = binom.cdf(n_agreeing, of_votes.size, (1 + chance) / 2) < _SIGNIFICANCE_LEVEL
    if is_by_chance and is_low:
        raise DataError(
            "different-classes",
            "the classifier and the votes agree no better than by chance",
            allowed=f"well above {100 * chance:.2f} %",
            found=f"{100 * n_agreeing / of_votes.size:.2f} % of {of_votes.size:,} images",
            fix="check that the outputs are in the order of the class list, or name their classes in the file",
        )


def _fit_to_votes(odds: TruthOdds, logs: _ClassifierLogs, items: Items, is_used: Bools) -> _Pool:
    """Find the classifier's power and offsets that predict the votes best, and halve the evidence (step 1)."""
    n_truths = logs.values.shape[1]
    max_items = _MAX_PROBABILITIES // n_truths
    if is_used.sum() > max_items:
        is_used = is_used & (hash_names(items) < np.uint64(max_items * 2**64 // int(is_used.sum())))
    likelihoods = np.exp(odds.log_ratios[is_used] - odds.log_ratios[is_used].max(axis=1, keepdims=True))
    center = np.zeros(1 + n_truths)
    weights = _minimize([logs.values[is_used]], likelihoods, center, 1.0, 1.0) if is_used.any() else center
    offsets = (weights[1:] + np.asarray(odds.log_prior).reshape(-1, n_truths).mean(axis=0)) / 2
    return _Pool(1.0, float(np.exp(weights[0])) / 2, offsets)


def _fit_to_truths(pool: _Pool, golden: Sequence[GoldenPrediction], logs: Sequence[_ClassifierLogs]) -> _Pool:
    """Find the powers and offsets that predict the truths of golden items best (step 2)."""
    features = [
        np.concatenate([each.odds.log_ratios for each in golden]),
        np.concatenate([each.values for each in logs]),
    ]
    is_used = np.concatenate([each.is_predicted for each in logs])
    truth_ids = np.concatenate([each.truth_ids for each in golden])[is_used]
    truths = np.eye(pool.offsets.size)[truth_ids]
    center = np.concatenate([[0.0, np.log(pool.classifier_power)], pool.offsets])
    weights = _minimize([feature[is_used] for feature in features], truths, center, _POWER_SD, _OFFSET_SD)
    return _Pool(float(np.exp(weights[0])), float(np.exp(weights[1])), weights[2:])


def _minimize(
    features: Sequence[Floats], likelihoods: Floats, center: Floats, power_sd: float, offset_sd: float
) -> Floats:
    """Find log powers of features, shape (items, truths), and offsets of truths that maximize a likelihood.

    It is the product over items of the sum over truths of `likelihoods` times the softmax of the weighted sum of
    features and offsets, with a normal prior around `center`.
    """
    from scipy.optimize import minimize

    n_powers, n_truths = len(features), likelihoods.shape[1]
    scale = np.repeat([power_sd, offset_sd], [n_powers, n_truths])

    def loss_and_gradient(weights: Floats) -> tuple[float, Floats]:
        """Return the negative log posterior density of the weights, and its gradient."""
        powers, distance = np.exp(weights[:n_powers]), (weights - center) / scale
        logits = sum((p * feature for p, feature in zip(powers, features, strict=True)), weights[n_powers:])
        probabilities = _softmax(np.asarray(logits))
        joint = probabilities * likelihoods
        totals = np.maximum(joint.sum(axis=1, keepdims=True), _TINY)
        excess = probabilities - joint / totals
        slopes = [p * float((excess * feature).sum()) for p, feature in zip(powers, features, strict=True)]
        gradient = np.concatenate([slopes, excess.sum(axis=0)])
        return float(distance @ distance) / 2 - float(np.log(totals).sum()), gradient + distance / scale

    bounds = [(c - 10, c + 10) for c in center]
    return np.asarray(minimize(loss_and_gradient, center, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _softmax(logits: Floats) -> Floats:
    values = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(values / values.sum(axis=1, keepdims=True))
