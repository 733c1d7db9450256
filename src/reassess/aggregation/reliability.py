"""Reliability of each rater, and of the raters as a group."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.aggregation.agreement import (
    Dependence,
    default_metric,
    find_dependent_raters,
    image_or_item_ids,
    krippendorff_alpha,
)
from reassess.aggregation.calibration import calibrate
from reassess.aggregation.dawid_skene import fit_dawid_skene
from reassess.aggregation.em_inputs import default_possible_truths
from reassess.aggregation.golden_items import GoldenVotesWithTruth
from reassess.aggregation.reliability_result import FLAGS, Rater, Reliability
from reassess.aggregation.shared_errors import measure_shared_errors
from reassess.aggregation.vote_folds import select_evenly_spaced_rows
from reassess.core import VALIDITY, Id, Votes
from reassess.core.answers import merge_answers
from reassess.core.checks import check_number, check_type
from reassess.core.items import StoredItems
from reassess.core.votes import align_votes
from reassess.errors import DataError, DependentRatersWarning
from reassess.numeric import Information, Proportion
from reassess.numeric.information import draw_resample_counts, measure_vote_information
from reassess.text import count_noun, join_first

_MIN_ONE_ANSWER_SHARE = 0.99  # a rater with this share of one answer is flagged
_MIN_FOR_BOOTSTRAP = 20  # with fewer votes on a truth, or fewer images, bootstrap intervals are too narrow
_MIN_VOTES_FOR_FLAG = 20  # fewer votes are often all the same answer, also by a good rater
_MIN_EXPECTED_ITEMS = 0.5  # EM has dropped a truth if it expects fewer items with it
_MAX_GROUPS = 400  # groups per resample; more do not improve the intervals
_MAX_CELLS = 1 << 24
_MAX_NAMED_PAIRS = 3

Floats = npt.NDArray[np.float64]


def rater_reliability(
    votes: Votes,
    golden: GoldenVotesWithTruth | None = None,
    *,
    truths: Sequence[Id] | None = None,
    resamples: int = 1_000,
    seed: int = 0,
) -> Reliability:
    """Measure the accuracy and information of each rater, and the agreement of all raters.

    Parameters
    ----------
    votes
        The raters' ordinary votes (without golden votes).
    golden
        Votes on golden items and their truth, as `reassess.golden_votes` returns them. They are not combined with the
        main votes, but may be the same votes. Without golden answers, confusion matrices and prior come from EM on the
        votes, which measures a rater by the answers of all raters.
    truths
        The possible truths of an item; by default taken from the golden votes, or else `default_possible_truths`.
    resamples, seed
        Number of resamples of the bootstrap, and its seed. It draws images, or items if they are plain; more than 400
        are first divided into 400 random groups, which it draws.

    Warns
    -----
    DependentRatersWarning
        Pairs of raters agree far more than their confusion matrices predict.

    Raises
    ------
    DataError
        Votes are missing, or no golden item with a known truth has a vote; the votes have no raters; the truth does
        not fit the golden items; without golden answers, there are too few items for EM.

    Notes
    -----
    Sources: Krippendorff (2011) for alpha, see `krippendorff_alpha`; Dawid and Skene (1979) for EM, see
    `fit_dawid_skene`; for the test of dependent raters, see `find_dependent_raters`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = np.tile([0, 0, 1], 100)
    >>> answer_ids = np.stack([truth, rng.integers(0, 2, 300)])
    >>> rows = np.indices(answer_ids.shape).reshape(2, -1)
    >>> votes = Votes.from_columns(range(300), rows[1], rows[0], answer_ids.ravel(), ("ann", "bo"), ("cat", "dog"))
    >>> result = rater_reliability(votes, GoldenVotesWithTruth(votes, truth))
    >>> result
    Reliability(2 raters, 1 flagged, nominal alpha -0.061)
    >>> [(rater.rater, rater.accuracy.hits, rater.flags) for rater in result.raters_by_information]
    [('bo', 143, ('uninformative',)), ('ann', 300, ())]
    """
    check_type(GoldenVotesWithTruth, golden, is_optional=True)
    check_type(Votes, votes)
    check_number(seed, 0, value_name="seed", is_whole=True)
    votes.require_raters("measuring raters")
    if golden is not None:
        golden.votes.require_raters("measuring raters")
        truths = golden.truths if truths is None else truths
    names = tuple(truths or default_possible_truths(votes))
    has_own_golden = golden is not None and not np.shares_memory(golden.votes.rater_ids, votes.rater_ids)
    votes, measured_votes = align_votes(votes, votes if golden is None else golden.votes)
    is_subset = set(measured_votes.answers) <= set(votes.answers)
    answers = votes.answers if is_subset else merge_answers(votes.answers, measured_votes.answers)
    votes, measured_votes = votes.with_possible_answers(answers), measured_votes.with_possible_answers(answers)
    sample, n_sampled_items = votes, None
    if isinstance(votes.items, StoredItems):
        sample = votes.select_items(select_evenly_spaced_rows(len(votes.items)))
        n_sampled_items = len(sample.items) if len(sample.items) < len(votes.items) else None
        has_own_golden = False
        measured_votes = sample if golden is None else measured_votes
    weights = (
        _em_truth_probabilities(sample, names)
        if golden is None
        else _golden_truth_probabilities(measured_votes, golden.truth_ids, names)
    )
    is_correct = None if golden is None else find_correct_answers(names, answers, votes.answer_weights)
    measures = dict(_measure_raters(measured_votes, weights, resamples, seed))
    self_agreement = _measure_self_agreement(votes, measured_votes) if has_own_golden else {}
    shared_errors = None
    if golden is not None and is_correct is not None:
        shared_errors = measure_shared_errors(measured_votes, golden.truth_ids, names, is_correct)
    metric = default_metric(votes)
    result = Reliability(
        raters=tuple(_make_raters(votes, len(names), measures, is_correct, self_agreement)),
        truths=names,
        answers=answers,
        prior=weights.sum(axis=0) / weights.sum(),
        has_golden_truth=golden is not None,
        metric=metric,
        alpha=krippendorff_alpha(votes, metric=metric),
        dependence=find_dependent_raters(sample),
        golden_dependence=find_dependent_raters(measured_votes) if has_own_golden else None,
        n_sampled_items=n_sampled_items,
        shared_errors=shared_errors,
    )
    for test, where in ((result.dependence, "votes"), (result.golden_dependence, "golden votes")):
        if test is not None and test.pairs:
            warnings.warn(_describe_dependence(test, where), DependentRatersWarning, stacklevel=2)
    return result


def rater_flags(
    golden: GoldenVotesWithTruth | None,
    answer_counts: Mapping[Id, npt.NDArray[np.integer]],
    *,
    resamples: int = 1_000,
    seed: int = 0,
) -> dict[Id, tuple[str, ...]]:
    """Find the flags of each rater, such as "one answer"; `answer_counts` has the number of votes per answer."""
    measures: dict[Id, _RaterStatistics] = {}
    if golden is not None:
        truths = tuple(golden.truths or default_possible_truths(golden.votes))
        weights = _golden_truth_probabilities(golden.votes, golden.truth_ids, truths)
        measures = dict(_measure_raters(golden.votes, weights, resamples, seed))
    none = np.zeros(0, np.int64)
    return {
        name: tuple(_find_flags(answer_counts.get(name, none), measures.get(name)))
        for name in dict.fromkeys((*answer_counts, *measures))
    }


def find_correct_answers(
    truths: Sequence[Id], answers: Sequence[Id], weights: Sequence[float] | None
) -> npt.NDArray[np.bool_] | None:
    """Return which answers are correct for each truth; None if a truth has no correct answer.

    For invalid and valid, these are the answers of weight 0 and 1 by `Votes.answer_weights`, such as no and yes; maybe
    is always wrong. For other truths, it is the answer with the same name. None if a truth has no correct answer.
    """
    if tuple(truths) == VALIDITY:
        weight = np.array(weights or [np.nan] * len(answers))
        is_correct = np.stack([weight == 0, weight == 1])
    else:
        is_correct = np.array([[answer == truth for answer in answers] for truth in truths])
    return is_correct if is_correct.any(axis=1).all() else None


@dataclass(frozen=True, eq=False)
class _RaterStatistics:
    """A rater's confusion counts, and the information in the rater's votes, on items whose truth is known."""

    confusion_counts: Floats
    information: Information
    has_few_votes: bool  # too few votes on a truth, or too few images


def _em_truth_probabilities(votes: Votes, truths: tuple[Id, ...]) -> Floats:
    """Compute the probability of each truth by EM on the votes, shape (items, truths)."""
    weights = fit_dawid_skene(votes, truths=truths).posterior.values
    most_expected_items = weights.sum(axis=0).max()
    if most_expected_items <= _MIN_EXPECTED_ITEMS:
        raise DataError(
            "too-few",
            "too few items for EM, so raters cannot be measured",
            allowed=f"a truth that EM expects for more than {_MIN_EXPECTED_ITEMS} items",
            found=f"EM expects each truth for at most {most_expected_items:.2g} of "
            f"{count_noun(len(votes.items), 'item')}; truths: {join_first(truths)}",
            fix="give votes on more items, or golden answers",
        )
    return weights


def _golden_truth_probabilities(golden: Votes, truth: npt.NDArray[np.integer], truths: tuple[Id, ...]) -> Floats:
    """Return a row per item: 1 in the column of a golden item's truth, otherwise 0; shape (items, truths)."""
    prior = calibrate(golden, truth, truths=truths, pooling=0).prior
    if prior.max() == 1:
        raise DataError(
            "one-truth",
            "all golden items have the same truth, so raters cannot be measured",
            allowed="golden items of at least two truths",
            found=f"only {truths[int(np.argmax(prior))]}",
            fix="add golden answers on other items, or remove them all",
        )
    one_hot: Floats = np.eye(len(truths) + 1)[truth][:, :-1]
    return one_hot


def _measure_raters(
    votes: Votes, truth_probabilities: Floats, n_resamples: int, seed: int
) -> Iterator[tuple[Id, _RaterStatistics]]:
    """Measure raters on items with known truth; yield each rater's id and results."""
    group_ids, n_groups = _draw_bootstrap_groups(votes, truth_probabilities, seed)
    has_truth = group_ids >= 0
    columns = [np.bincount(group_ids[has_truth], column, n_groups) for column in truth_probabilities[has_truth].T]
    items = np.stack(columns, axis=1, dtype=float)
    draws = draw_resample_counts(n_groups, n_resamples=n_resamples, seed=seed)
    clusters, item_ids = image_or_item_ids(votes), votes.item_ids
    for row, of_rater in enumerate(_vote_rows_by_rater(votes)):
        rows = of_rater[has_truth[item_ids[of_rater]]]
        if not rows.size:
            continue
        rated_items = item_ids[rows]
        counts = _sum_vote_weights_by_group(
            group_ids[rated_items],
            votes.answer_ids[rows],
            truth_probabilities[rated_items],
            n_groups,
            len(votes.answers),
        )
        votes_on_truth = counts.sum(axis=(0, 2))[items.sum(axis=0) >= _MIN_EXPECTED_ITEMS]
        has_few_votes = (
            bool(votes_on_truth.min() < _MIN_FOR_BOOTSTRAP)
            or np.unique(clusters[rated_items]).size < _MIN_FOR_BOOTSTRAP
        )
        information = measure_vote_information(counts, items, draws)
        yield (
            votes.raters[row],
            _RaterStatistics(confusion_counts=counts.sum(axis=0), information=information, has_few_votes=has_few_votes),
        )


def _draw_bootstrap_groups(votes: Votes, truth_probabilities: Floats, seed: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return the bootstrap group of each item (-1 if its truth is unknown), and the number of groups."""
    has_truth = truth_probabilities.any(axis=1)
    clusters, cluster = np.unique(image_or_item_ids(votes)[has_truth], return_inverse=True)
    cells = truth_probabilities.shape[1] * len(votes.answers)
    max_groups = int(np.clip(_MAX_CELLS // cells, _MIN_FOR_BOOTSTRAP, _MAX_GROUPS))
    group_ids = np.full(has_truth.size, -1)
    shuffled = (
        np.random.default_rng(seed).permutation(clusters.size)
        if clusters.size > max_groups
        else np.arange(clusters.size)
    )
    group_ids[has_truth] = shuffled[cluster] % max_groups
    return group_ids, min(clusters.size, max_groups)


def _vote_rows_by_rater(votes: Votes) -> list[npt.NDArray[np.int64]]:
    """List the positions of each rater's votes."""
    order = np.argsort(votes.rater_ids, kind="stable")
    ends = np.cumsum(np.bincount(votes.rater_ids, minlength=len(votes.raters)))
    return np.split(order, ends[:-1])


def _sum_vote_weights_by_group(
    group_ids: npt.NDArray[np.int64],
    answer_ids: npt.NDArray[np.unsignedinteger],
    truth_probabilities: Floats,
    n_groups: int,
    n_answers: int,
) -> Floats:
    """Sum a rater's votes by group, truth and answer, weighted by the probability of the truth."""
    cells = group_ids * n_answers + answer_ids
    sums = [np.bincount(cells, column, n_groups * n_answers) for column in truth_probabilities.T]
    return np.stack([each.reshape(n_groups, n_answers) for each in sums], axis=1)


def _measure_self_agreement(votes: Votes, golden: Votes) -> dict[Id, Proportion]:
    """Measure, for each rater, how often their golden vote equals their ordinary vote on the same item."""
    rater_positions = {name: row for row, name in enumerate(votes.raters)}
    raters = np.array([rater_positions.get(name, -1) for name in golden.raters], np.int64)[golden.rater_ids]
    items = votes.find_positions(golden.items)[golden.item_ids]
    keys, first = np.unique(votes.item_ids * len(votes.raters) + votes.rater_ids, return_index=True)
    golden_keys, golden_first = np.unique(items * len(votes.raters) + raters, return_index=True)
    has_both = (items[golden_first] >= 0) & (raters[golden_first] >= 0) & np.isin(golden_keys, keys)
    golden_keys, golden_first = golden_keys[has_both], golden_first[has_both]
    same = votes.answer_ids[first[np.searchsorted(keys, golden_keys)]] == golden.answer_ids[golden_first]
    n = np.bincount(raters[golden_first], minlength=len(votes.raters))
    hits = np.bincount(raters[golden_first][same], minlength=len(votes.raters))
    return {name: Proportion(hits=int(hits[row]), n=int(n[row])) for name, row in rater_positions.items() if n[row]}


def _make_raters(
    votes: Votes,
    n_truths: int,
    measures: dict[Id, _RaterStatistics],
    is_correct: npt.NDArray[np.bool_] | None,
    self_agreement: dict[Id, Proportion],
) -> Iterator[Rater]:
    """Yield the results of raters with ordinary votes, then of raters with only golden votes."""
    rater_positions = {name: row for row, name in enumerate(votes.raters)}
    counts, votes_of = votes.counts_by_rater(), [] if votes.seconds is None else _vote_rows_by_rater(votes)
    empty = np.zeros((n_truths, len(votes.answers)))
    for name in dict.fromkeys((*votes.raters, *measures)):
        row, measure = rater_positions.get(name), measures.get(name)
        answers = np.zeros(len(votes.answers), np.int64) if row is None else counts[row]
        yield Rater(
            rater=name,
            answer_counts=answers,
            confusion_counts=empty if measure is None else measure.confusion_counts,
            accuracy=None
            if measure is None or is_correct is None
            else Proportion(
                hits=round(measure.confusion_counts[is_correct].sum()), n=round(measure.confusion_counts.sum())
            ),
            information=None if measure is None else measure.information,
            self_agreement=self_agreement.get(name),
            mean_and_median_seconds=None
            if row is None or votes.seconds is None
            else _mean_and_median(votes.seconds[votes_of[row]]),
            flags=tuple(_find_flags(answers, measure)),
        )


def _mean_and_median(seconds: Floats) -> tuple[float, float] | None:
    """Return the mean and median of the times that are not NaN; None if all are NaN."""
    times = seconds[~np.isnan(seconds)]
    return (float(times.mean()), float(np.median(times))) if times.size else None


def _find_flags(answer_counts: npt.NDArray[np.integer], measure: _RaterStatistics | None) -> Iterator[str]:
    """Yield the flags of a rater: "uninformative", "one answer" or "few"."""
    uninformative, one_answer, few = FLAGS
    if measure is not None and not measure.information.low > 0:
        yield uninformative
    if (
        answer_counts.sum() >= _MIN_VOTES_FOR_FLAG
        and answer_counts.max() >= _MIN_ONE_ANSWER_SHARE * answer_counts.sum()
    ):
        yield one_answer
    if measure is not None and measure.has_few_votes:
        yield few


def _describe_dependence(dependence: Dependence, votes_name: str) -> str:
    """Write the warning about pairs of raters that agree too often."""
    pairs = [
        f"{pair.raters[0]} and {pair.raters[1]} "
        f"({pair.n_agreements:,} of {pair.n_common:,}, {pair.expected_agreements:,.0f} expected)"
        for pair in dependence.pairs
    ]
    return (
        f"raters are not independent given the truth: in the {votes_name}, {len(pairs):,} of "
        f"{dependence.n_tested:,} pairs agree "
        "more often than their confusion matrices and the other pairs explain: "
        f"{join_first(pairs, max_items=_MAX_NAMED_PAIRS)}"
    )
