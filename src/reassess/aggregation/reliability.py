"""Reliability of each rater, and of the raters as a group."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.aggregation.agreement import Dependence, alpha, cluster_ids, default_metric, dependence
from reassess.aggregation.calibration import calibrate
from reassess.aggregation.dawid_skene import fit_dawid_skene
from reassess.aggregation.em_inputs import default_truths
from reassess.aggregation.golden_items import GoldenVotes
from reassess.aggregation.reliability_result import FLAGS, Rater, Reliability
from reassess.core import VALIDITY, Id, Votes
from reassess.core.answers import merge_answers
from reassess.core.checks import check_number, check_type
from reassess.core.votes import align_votes
from reassess.errors import DataError, DependenceWarning
from reassess.numeric import Information, Proportion
from reassess.numeric.information import draw_resamples, measure_information
from reassess.text import join_first

_ONE_ANSWER = 0.99  # a rater with this share of one answer is flagged
_FEW = 20  # with fewer votes on a truth, or fewer images, bootstrap intervals are too narrow
_FEWEST_VOTES = 20  # fewer votes are often all the same answer, also by a good rater
_HALF_ITEM = 0.5  # EM has dropped a truth if it expects fewer items with it
_MOST_GROUPS = 400  # groups per resample; more do not improve the intervals
_MOST_CELLS = 1 << 24
_MOST_NAMED = 3

Floats = npt.NDArray[np.float64]


def rater_reliability(
    votes: Votes,
    golden: GoldenVotes | None = None,
    *,
    truths: Sequence[Id] | None = None,
    resamples: int = 1_000,
    seed: int = 0,
) -> Reliability:
    """Measure the accuracy and information of each rater, and the agreement of all raters.

    Parameters
    ----------
    votes
        The votes of the main job.
    golden
        Votes on golden items and their truth, as `reassess.golden_votes` returns them. They are not combined with the
        main votes, but may be the same votes. Without golden answers, confusion matrices and prior come from EM on the
        votes, which measures a rater by the answers of all raters.
    truths
        The possible truths of an item; by default taken from the golden votes, or else `default_truths`.
    resamples, seed
        Number of resamples of the bootstrap, and its seed. It draws images, or items if they are plain; more than 400
        are first divided into 400 random groups, which it draws.

    Warns
    -----
    DependenceWarning
        Pairs of raters agree far more than their confusion matrices predict.

    Raises
    ------
    DataError
        Votes are missing, or no golden item with a known truth has a vote; the votes have no raters; the truth does
        not fit the golden items; without golden answers, there are too few items for EM to distinguish the truths.

    Notes
    -----
    Sources: Krippendorff (2011) for alpha, see `alpha`; Dawid and Skene (1979) for EM, see `fit_dawid_skene`; for the
    test of dependent raters, see `dependence`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = np.tile([0, 0, 1], 100)
    >>> answer_ids = np.stack([truth, rng.integers(0, 2, 300)])
    >>> rows = np.indices(answer_ids.shape).reshape(2, -1)
    >>> votes = Votes.from_columns(range(300), rows[1], rows[0], answer_ids.ravel(), ("ann", "bo"), ("cat", "dog"))
    >>> result = rater_reliability(votes, GoldenVotes(votes, truth))
    >>> result
    Reliability(2 raters, 1 flagged, nominal alpha -0.061)
    >>> [(rater.rater, rater.correct.hits, rater.flags) for rater in result.ranked]
    [('bo', 143, ('uninformative',)), ('ann', 300, ())]
    """
    check_type(GoldenVotes, golden, is_optional=True)
    check_type(Votes, votes)
    check_number(seed, 0, value_name="seed", is_whole=True)
    votes.require_raters("measuring raters")
    if golden is not None:
        golden.votes.require_raters("measuring raters")
        truths = golden.truths if truths is None else truths
    names = tuple(truths or default_truths(votes))
    has_own_golden = golden is not None and not np.shares_memory(golden.votes.rater_ids, votes.rater_ids)
    votes, measured = align_votes(votes, votes if golden is None else golden.votes)
    is_subset = set(measured.answers) <= set(votes.answers)
    answers = votes.answers if is_subset else merge_answers(votes.answers, measured.answers)
    votes, measured = votes.with_answers(answers), measured.with_answers(answers)
    weights = _em_weights(votes, names) if golden is None else _golden_weights(measured, golden.truth, names)
    is_correct = None if golden is None else correct_answers(names, answers, votes.answer_weights)
    measures = dict(_measure_raters(measured, weights, resamples, seed))
    self_agreement = _self_agreement(votes, measured) if has_own_golden else {}
    metric = default_metric(votes)
    result = Reliability(
        raters=tuple(_raters(votes, len(names), measures, is_correct, self_agreement)),
        truths=names,
        answers=answers,
        prior=weights.sum(axis=0) / weights.sum(),
        golden=golden is not None,
        metric=metric,
        alpha=alpha(votes, metric=metric),
        dependence=dependence(votes),
        golden_dependence=dependence(measured) if has_own_golden else None,
    )
    for test, where in ((result.dependence, "votes"), (result.golden_dependence, "golden votes")):
        if test is not None and test.pairs:
            warnings.warn(_describe(test, where), DependenceWarning, stacklevel=2)
    return result


def rater_flags(
    golden: GoldenVotes | None, answers: Mapping[Id, npt.NDArray[np.integer]], *, resamples: int = 1_000, seed: int = 0
) -> dict[Id, tuple[str, ...]]:
    """Return only the flags of `rater_reliability`; `answers` counts each rater's answers."""
    measures: dict[Id, _Measure] = {}
    if golden is not None:
        truths = tuple(golden.truths or default_truths(golden.votes))
        weights = _golden_weights(golden.votes, golden.truth, truths)
        measures = dict(_measure_raters(golden.votes, weights, resamples, seed))
    none = np.zeros(0, np.int64)
    return {
        name: tuple(_flags(answers.get(name, none), measures.get(name)))
        for name in dict.fromkeys((*answers, *measures))
    }


def correct_answers(
    truths: Sequence[Id], answers: Sequence[Id], weights: Sequence[float] | None
) -> npt.NDArray[np.bool_] | None:
    """Return which answers are correct for each truth, bool, shape (truths, answers).

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
class _Measure:
    """Results of a rater on items whose truth is known."""

    confusion: Floats
    information: Information
    has_few: bool  # too few votes on a truth, or too few images


def _em_weights(votes: Votes, truths: tuple[Id, ...]) -> Floats:
    """The probability of each truth by EM on the votes, shape (items, truths)."""
    weights = fit_dawid_skene(votes, truths=truths).posterior.values
    if weights.sum(axis=0).max() <= _HALF_ITEM:
        raise DataError(
            "too-few",
            "too few items for EM to distinguish the truths, so raters cannot be measured",
            allowed="more than half an expected item for a truth",
            found=f"items: {len(votes.items):,}; truths: {join_first(truths)}",
            fix="give votes on more items, or golden answers",
        )
    return weights


def _golden_weights(golden: Votes, truth: npt.NDArray[np.integer], truths: tuple[Id, ...]) -> Floats:
    """1 for the truth of each golden item, shape (items, truths); 0 everywhere if the truth is unknown."""
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


def _measure_raters(votes: Votes, weights: Floats, resamples: int, seed: int) -> Iterator[tuple[Id, _Measure]]:
    """Measure raters with votes on items of known truth; `weights` are P(truth), shape (items, truths)."""
    group_of, groups = _groups(votes, weights, seed)
    has_truth = group_of >= 0
    columns = [np.bincount(group_of[has_truth], column, groups) for column in weights[has_truth].T]
    items = np.stack(columns, axis=1, dtype=float)
    draws = draw_resamples(groups, n_resamples=resamples, seed=seed)
    clusters, item_ids = cluster_ids(votes), votes.item_ids
    for row, of_rater in enumerate(_rows_by_rater(votes)):
        rows = of_rater[has_truth[item_ids[of_rater]]]
        if not rows.size:
            continue
        on = item_ids[rows]
        counts = _counts(group_of[on], votes.answer_ids[rows], weights[on], (groups, len(votes.answers)))
        votes_on_truth = counts.sum(axis=(0, 2))[items.sum(axis=0) >= _HALF_ITEM]
        has_few = bool(votes_on_truth.min() < _FEW) or np.unique(clusters[on]).size < _FEW
        information = measure_information(counts, items, draws)
        yield votes.raters[row], _Measure(confusion=counts.sum(axis=0), information=information, has_few=has_few)


def _groups(votes: Votes, weights: Floats, seed: int) -> tuple[npt.NDArray[np.int64], int]:
    """The bootstrap group of each item (an image, or several), -1 if its truth is unknown; and their number."""
    has_truth = weights.any(axis=1)
    clusters, cluster = np.unique(cluster_ids(votes)[has_truth], return_inverse=True)
    cells = weights.shape[1] * len(votes.answers)
    most = int(np.clip(_MOST_CELLS // cells, _FEW, _MOST_GROUPS))
    group_of = np.full(has_truth.size, -1)
    shuffled = (
        np.random.default_rng(seed).permutation(clusters.size) if clusters.size > most else np.arange(clusters.size)
    )
    group_of[has_truth] = shuffled[cluster] % most
    return group_of, min(clusters.size, most)


def _rows_by_rater(votes: Votes) -> list[npt.NDArray[np.int64]]:
    """Positions of the votes of each rater."""
    order = np.argsort(votes.rater_ids, kind="stable")
    ends = np.cumsum(np.bincount(votes.rater_ids, minlength=len(votes.raters)))
    return np.split(order, ends[:-1])


def _counts(
    group_ids: npt.NDArray[np.int64],
    answer_ids: npt.NDArray[np.unsignedinteger],
    weights: Floats,
    shape: tuple[int, int],
) -> Floats:
    """Votes of a rater by group, truth and answer; each vote has the weights of its item's truths."""
    cells = group_ids * shape[1] + answer_ids
    parts = [np.bincount(cells, column, shape[0] * shape[1]).reshape(shape) for column in weights.T]
    return np.stack(parts, axis=1)


def _self_agreement(votes: Votes, golden: Votes) -> dict[Id, Proportion]:
    """How often a rater's first golden vote on an item equals the first vote in the main job."""
    position = {name: row for row, name in enumerate(votes.raters)}
    raters = np.array([position.get(name, -1) for name in golden.raters], np.int64)[golden.rater_ids]
    items = votes.find(golden.items)[golden.item_ids]
    keys, first = np.unique(votes.item_ids * len(votes.raters) + votes.rater_ids, return_index=True)
    golden_keys, golden_first = np.unique(items * len(votes.raters) + raters, return_index=True)
    both = (items[golden_first] >= 0) & (raters[golden_first] >= 0) & np.isin(golden_keys, keys)
    golden_keys, golden_first = golden_keys[both], golden_first[both]
    same = votes.answer_ids[first[np.searchsorted(keys, golden_keys)]] == golden.answer_ids[golden_first]
    n = np.bincount(raters[golden_first], minlength=len(votes.raters))
    hits = np.bincount(raters[golden_first][same], minlength=len(votes.raters))
    return {name: Proportion(hits=int(hits[row]), n=int(n[row])) for name, row in position.items() if n[row]}


def _raters(
    votes: Votes,
    truths: int,
    measures: dict[Id, _Measure],
    is_correct: npt.NDArray[np.bool_] | None,
    self_agreement: dict[Id, Proportion],
) -> Iterator[Rater]:
    """The raters of the main votes, then raters with only golden votes."""
    position = {name: row for row, name in enumerate(votes.raters)}
    counts, votes_of = votes.counts_by_rater(), _rows_by_rater(votes)
    empty = np.zeros((truths, len(votes.answers)))
    for name in dict.fromkeys((*votes.raters, *measures)):
        row, measure = position.get(name), measures.get(name)
        answers = np.zeros(len(votes.answers), np.int64) if row is None else counts[row]
        yield Rater(
            rater=name,
            answers=answers,
            confusion=empty if measure is None else measure.confusion,
            correct=None
            if measure is None or is_correct is None
            else Proportion(hits=round(measure.confusion[is_correct].sum()), n=round(measure.confusion.sum())),
            information=None if measure is None else measure.information,
            self_agreement=self_agreement.get(name),
            seconds=None if row is None or votes.seconds is None else _seconds(votes.seconds[votes_of[row]]),
            flags=tuple(_flags(answers, measure)),
        )


def _seconds(seconds: Floats) -> tuple[float, float] | None:
    """Mean and median of the known times."""
    times = seconds[~np.isnan(seconds)]
    return (float(times.mean()), float(np.median(times))) if times.size else None


def _flags(answers: npt.NDArray[np.integer], measure: _Measure | None) -> Iterator[str]:
    uninformative, one_answer, few = FLAGS
    if measure is not None and not measure.information.low > 0:
        yield uninformative
    if answers.sum() >= _FEWEST_VOTES and answers.max() >= _ONE_ANSWER * answers.sum():
        yield one_answer
    if measure is not None and measure.has_few:
        yield few


def _describe(test: Dependence, where: str) -> str:
    pairs = [
        f"{pair.raters[0]} and {pair.raters[1]} ({pair.agreed:,} of {pair.common:,}, {pair.expected:,.0f} expected)"
        for pair in test.pairs
    ]
    return (
        f"raters are not independent given the truth: in the {where}, {len(pairs):,} of {test.tested:,} pairs agree "
        "more often than their confusion matrices and the other pairs explain: "
        f"{join_first(pairs, max_items=_MOST_NAMED)}"
    )
