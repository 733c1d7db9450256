"""Compute scores from votes: one function for every method, and the choice of the default method."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from reassess.aggregation.aggregation_result import Aggregation
from reassess.aggregation.golden import expert_truth
from reassess.aggregation.golden_items import align_with_golden, count_votes_on
from reassess.aggregation.methods import (
    CLASSIFIER,
    DEPENDENCE,
    METHODS,
    STACKING,
    TEMPERING,
    check_option,
    compute_by_method,
    format_method,
    unused_option_error,
)
from reassess.core import VALIDITY, LabelSets, Predictions, Votes
from reassess.core.checks import check_known, check_type
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.text import join_and

AUTO = "auto"
# These options have no effect without experts' golden votes.
_NEEDS_EXPERTS = {
    "original": "original labels",
    "rater_golden": "raters' golden votes",
    "min_experts": "a minimum number of experts",
    TEMPERING: "tempering",
    DEPENDENCE: "dependence",
}


def aggregate(
    votes: Votes,
    method: str = AUTO,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    truths_are_answers: bool | None = None,
    min_experts: int | None = None,
    smoothing: float | None = None,
    pooling: float | None = None,
    tempering: bool | None = None,
    dependence: bool | None = None,
    weights: Mapping[str, float] | None = None,
    classifier: Predictions | None = None,
) -> Aggregation:
    """Compute scores from votes.

    Methods
    -------
    - ``calibrated`` measures each rater on golden items, and then computes the posterior of each item by Bayes' rule.
    - ``em`` estimates the raters' matrices, the prior and the posteriors from the votes, see `fit_dawid_skene`. Golden
      items keep the experts' truth.
    - ``onecoin`` is ``em`` for a simpler model, where each rater has one accuracy.
    - ``ibcc`` and ``ebcc`` fit the model of ``em`` by variational Bayes, see `fit_bcc`. With ``ebcc``, each truth has
      subtypes, so that raters can make the same mistakes on the items of a subtype.
    - ``stacking`` is the weighted mean of ``majority``, ``onecoin``, ``em`` and ``ebcc``; with golden answers, also of
      ``calibrated``. The weights depend on how well each method predicts votes and truths that it has not seen. Then
      the probabilities are raised to a power. Raters who seem to copy from each other count as one, see `find_copies`.
      Votes of raters who always give the same answer are not used.
    - ``majority`` computes the share of each answer; for (image, class) questions, the share of yes.
    - ``mean`` computes the mean answer: no 0, maybe 0.5, yes 1. Answers that are numbers are scaled to 0 to 1; other
      answers are evenly spaced.
    - ``imagenet-real`` computes scores as ImageNet ReaL did: by ``calibrated``, with the options of ImageNet ReaL.
    - ``auto`` is stacking; calibrated with original labels, or if experts decided the truth of all items with votes;
      and majority for votes without the names of raters.

    Parameters
    ----------
    votes
        The votes. Votes for one class per image give a score to each (image, class) question.
    method
        The name of a method.
    experts
        The experts' votes on golden items.
    rater_golden
        The raters' votes on golden items; by default taken from `votes`.
    original
        Original labels, which vote as one more rater on (image, class) questions. For calibrated and imagenet-real.
    truths_are_answers
        If True, the truth of an item is one of the answers; if False, it is valid or invalid. By default False for
        (image, class) questions, and True otherwise. For the methods with a rater model.
    min_experts
        Number of experts who must agree; by default more than half of the item's experts, for imagenet-real 3.
    smoothing
        Pseudo-votes added to each cell of each rater's counts; by default 0, for imagenet-real 1.
    pooling
        Pseudo-votes added to each row of each rater's counts, distributed as in the mean matrix; for ibcc and ebcc, as
        in the rater's own matrix by onecoin. By default 4, for imagenet-real 0. Must be above 0 for ibcc and ebcc,
        unless smoothing is.
    tempering
        If True, probabilities are made less or more certain, so that they agree with golden answers. By default False;
        stacking always does this.
    dependence
        If True, votes of raters that err together on golden items count less. For calibrated; by default False.
    weights
        For stacking: the weight of each method, and ``power``, the exponent. By default, they are found by predictions
        of unseen votes, which depend on the names of raters and images.
    classifier
        A classifier's scores of images, which count as one more rater: its probabilities are combined with those of the
        method, with powers chosen by votes and golden answers. A classifier that was trained on the labels of these
        images needs held-out predictions. For the methods with a rater model.

    Returns
    -------
    Aggregation
        `scores` record how they were made, `posterior` has the probability of each truth of each item, `model` the
        raters' matrices, and `facts` other results, such as the reason for the choice of ``auto``.

    Raises
    ------
    DataError
        The method is unknown; it does not take an option, or a required option is missing; no golden item has a vote;
        the method needs a rater model, and the votes have no raters, or more than 4,096 classes.

    Warns
    -----
    ReassessWarning
        By em: a truth has no item left, or em decides against the majority of the votes, and neither the votes nor
        golden items support this. By calibrated and imagenet-real: all golden items have the same truth. By stacking:
        raters seem to copy from each other. By all methods: the experts' votes are the raters' votes.
    ConvergenceWarning
        EM did not converge.

    Examples
    --------
    >>> import numpy as np
    >>> item, rater = np.repeat(np.arange(9), 3), np.tile(np.arange(3), 9)
    >>> answer = np.where(rater == 2, 0, item % 2)
    >>> votes = Votes.from_columns(range(9), item, rater, answer, ("ann", "bo", "cy"), ("cat", "dog"))
    >>> aggregate(votes, method="majority").posterior.most_likely()
    array([0, 1, 0, 1, 0, 1, 0, 1, 0])
    >>> one = np.zeros(4, int)
    >>> experts = Votes.from_columns(range(4), np.arange(4), one, np.arange(4) % 2, ("eve",), ("cat", "dog"))
    >>> aggregate(votes, experts=experts).method
    'stacking'
    """
    check_type(Votes, votes)
    check_known([method], (AUTO, *METHODS), value_name="method")
    arguments: dict[str, Any] = {
        "experts": experts,
        "rater_golden": rater_golden,
        "original": original,
        "truths_are_answers": truths_are_answers,
        "min_experts": min_experts,
        "smoothing": smoothing,
        "pooling": pooling,
        "tempering": tempering,
        "dependence": dependence,
        "weights": weights,
        CLASSIFIER: classifier,
    }
    options = {name: check_option(name, value) for name, value in arguments.items() if value is not None}
    for name in (TEMPERING, DEPENDENCE):
        if not options.get(name):
            options.pop(name, None)  # as by default
    name, reason = _choose_default_method(votes, options) if method == AUTO else (method, "")
    _check_options(name, options)
    result = _run_method(name, votes, options, reason)
    result.warn_if_unreliable()
    if experts is not None:
        _warn_if_experts_are_raters(votes, experts)
    return result


def _check_options(method_name: str, options: Mapping[str, Any]) -> None:
    """Raise `DataError` if a method does not take an option, or if golden answers are missing."""
    method = METHODS[method_name]
    unused = [option for option in options if option not in method.options]
    if unused:
        raise unused_option_error(method_name, unused[0])
    if TEMPERING in options and CLASSIFIER in options:
        raise DataError(
            "unused-option",
            "with a classifier, golden answers always temper the probabilities",
            fix=Fix("remove {tempering}", tempering=None),
        )
    if any(need not in options for need in method.required_options):
        raise DataError(
            "missing-golden",
            f"method {method_name} needs golden answers",
            fix="give the experts' votes on golden items, or choose another method",
        )
    unusable = [] if "experts" in options else [words for name, words in _NEEDS_EXPERTS.items() if name in options]
    if unusable:
        raise DataError(
            "missing-golden",
            "experts' golden votes are missing",
            found=f"{join_and(unusable)}, only used together with experts' golden votes",
            fix="give the experts' votes on golden items, or remove these options",
        )


def _warn_if_experts_are_raters(votes: Votes, experts: Votes) -> None:
    """Warn if the experts' votes are the raters' votes, for example if the same file was given twice."""
    if (
        votes.raters == experts.raters
        and np.array_equal(votes.indptr, experts.indptr)
        and np.array_equal(votes.rater_ids, experts.rater_ids)
        and np.array_equal(votes.find_positions(experts.items), np.arange(len(votes.items)))
        and [votes.answers[i] for i in votes.answer_ids] == [experts.answers[i] for i in experts.answer_ids]
    ):
        warnings.warn(
            "the experts' votes are the raters' votes, so they do not show how accurate the raters are: golden answers "
            "must come from other people",
            ReassessWarning,
            stacklevel=3,
        )


# --- the default method -----------------------------------------------------------------------------------------------


def _choose_default_method(votes: Votes, options: Mapping[str, Any]) -> tuple[str, str]:
    """Choose a method for votes and golden answers; also return the reason, or "" if it is the usual method."""
    if "original" in options:
        return "calibrated", "only calibrated takes original labels as votes"
    experts = options.get("experts")
    if experts is None:
        return ("majority", "votes without raters") if votes.is_anonymous else (STACKING, "")
    votes.require_raters("a rater model")
    arguments = (options.get(name) for name in ("rater_golden", "truths_are_answers"))
    votes, experts, _, are_answers = align_with_golden(votes, experts, *arguments)
    truth = expert_truth(experts, votes.answers if are_answers else VALIDITY, min_experts=options.get("min_experts"))
    if 0 < len(votes) == count_votes_on(experts.items, votes)[truth.truth_ids >= 0].sum():
        return "calibrated", "all items with votes are golden, and stacking would repeat the golden answers"
    return STACKING, ""


def _run_method(method_name: str, votes: Votes, options: Mapping[str, Any], reason: str = "") -> Aggregation:
    """Compute scores with a method; record the method, its options and the reason why the method was chosen."""
    result = compute_by_method(method_name, votes, **options)
    facts = {"choice": f"{method_name}: {reason}"} if reason else {}
    return replace(result, method=format_method(method_name, options, votes), facts=facts | result.facts)
