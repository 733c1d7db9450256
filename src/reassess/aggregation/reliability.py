"""How far each rater can be relied on, and the raters as a whole."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.aggregation.agreement import Dependence, alpha, cluster_ids, dependence, natural_metric
from reassess.aggregation.calibration import calibrate
from reassess.aggregation.dawid_skene import fit_dawid_skene
from reassess.aggregation.em_inputs import natural_truths
from reassess.aggregation.golden_items import GoldenVotes
from reassess.aggregation.reliability_result import FLAGS, Rater, Reliability
from reassess.core import VALIDITY, Id, Votes
from reassess.core.answers import merge_answers
from reassess.core.checks import check_number, check_type
from reassess.core.votes import align_votes
from reassess.errors import DataError, DependenceWarning
from reassess.numeric import Information, Proportion
from reassess.numeric.information import measure, resampling
from reassess.text import some

_ONE_ANSWER = 0.99  # the share of one answer from which a rater is flagged
_FEW = 20  # with fewer votes on a truth, or on fewer images, bootstrap intervals are too narrow
_ALIKE = 20  # so many first votes are seldom alike, also where most items are invalid
_AN_ITEM = 0.5  # a truth that is expected of fewer items is one that EM has given up
_MOST_GROUPS = 400  # that a resample draws: more would make it no better
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
    """Measure each rater, and the raters as a whole.

    Parameters
    ----------
    votes
        The votes of the main job.
    golden
        Votes on golden items and the truth of each, as `reassess.golden_votes` gives them. They stay apart from the
        main votes, and may be the main votes. Without golden answers confusion matrices and prior come from EM on the
        votes, in which a rater is judged by what all raters say.
    truths
        What an item can be; by default as the golden votes say, or else `natural_truths`.
    resamples, seed
        Of the bootstrap. It draws images (of plain items, items), of more than 400 random groups of them.

    Warns
    -----
    DependenceWarning
        Pairs of raters agree far more than their confusion matrices predict.

    Raises
    ------
    DataError
        There are no votes, or none on a golden item of known truth; it is not known who voted; the truth does not fit
        the golden items; without golden answers, there are too few items for EM to tell one truth from another.

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
    >>> [(one.rater, one.right.hits, one.flags) for one in result.ranked]
    [('bo', 143, ('uninformative',)), ('ann', 300, ())]
    """
    check_type(GoldenVotes, golden, optional=True)
    check_type(Votes, votes)
    check_number(seed, 0, what="seed", whole=True)
    for given in (votes, *([] if golden is None else [golden.votes])):
        given.require_raters("measuring raters")
    if truths is None and golden is not None:
        truths = golden.truths
    names = tuple(truths or natural_truths(votes))
    apart = golden is not None and not np.shares_memory(golden.votes.rater_ids, votes.rater_ids)
    votes, judged = align_votes(votes, votes if golden is None else golden.votes)
    is_whole = set(judged.answers) <= set(votes.answers)
    answers = votes.answers if is_whole else merge_answers(votes.answers, judged.answers)
    votes, judged = votes.with_answers(answers), judged.with_answers(answers)
    weights = _em_weights(votes, names) if golden is None else _golden_weights(judged, golden.truth, names)
    right = None if golden is None else right_answers(names, answers, votes.weights)
    measures = dict(_measures(judged, weights, resamples, seed))
    repeated = _repeated(votes, judged) if apart else {}
    metric = natural_metric(votes)
    result = Reliability(
        raters=tuple(_raters(votes, len(names), measures, right, repeated)),
        truths=names,
        answers=answers,
        prior=weights.sum(axis=0) / weights.sum(),
        golden=golden is not None,
        metric=metric,
        alpha=alpha(votes, metric=metric),
        dependence=dependence(votes),
        golden_dependence=dependence(judged) if apart else None,
    )
    for dependent, where in ((result.dependence, "votes"), (result.golden_dependence, "golden votes")):
        if dependent is not None and dependent.pairs:
            warnings.warn(_in_words(dependent, where), DependenceWarning, stacklevel=2)
    return result


def rater_flags(
    golden: GoldenVotes | None, answers: Mapping[Id, npt.NDArray[np.integer]], *, resamples: int = 1_000, seed: int = 0
) -> dict[Id, tuple[str, ...]]:
    """The flags that `rater_reliability` gives, without all else that it measures."""
    measures: dict[Id, _Measure] = {}
    if golden is not None:
        truths = tuple(golden.truths or natural_truths(golden.votes))
        weights = _golden_weights(golden.votes, golden.truth, truths)
        measures = dict(_measures(golden.votes, weights, resamples, seed))
    none = np.zeros(0, np.int64)
    return {
        name: tuple(_flags(answers.get(name, none), measures.get(name)))
        for name in dict.fromkeys((*answers, *measures))
    }


def right_answers(
    truths: Sequence[Id], answers: Sequence[Id], weights: Sequence[float] | None
) -> npt.NDArray[np.bool_] | None:
    """Which answers are right for each truth, bool, shape (truths, answers).

    For invalid and valid: the answers of weight 0 and 1 by `Votes.weights`, such as no and yes; maybe is right for
    neither. Else the answer that is named as the truth. None if for some truth no answer is right.
    """
    if tuple(truths) == VALIDITY:
        speaks = np.array(weights or [np.nan] * len(answers))
        right = np.stack([speaks == 0, speaks == 1])
    else:
        right = np.array([[answer == truth for answer in answers] for truth in truths])
    return right if right.any(axis=1).all() else None


@dataclass(frozen=True, eq=False)
class _Measure:
    """How a rater answered on items of known truth."""

    confusion: Floats
    information: Information
    few: bool


def _em_weights(votes: Votes, truths: tuple[Id, ...]) -> Floats:
    """The probability of each truth by EM on the votes, shape (items, truths)."""
    weights = fit_dawid_skene(votes, truths=truths).posterior.values
    if weights.sum(axis=0).max() <= _AN_ITEM:
        raise DataError(
            "too-few",
            "too few items for EM to distinguish the truths, so raters cannot be measured",
            allowed="more than half an item of some truth",
            found=f"items: {len(votes.items):,}; truths: {some(truths)}",
            fix="give votes on more items, or golden answers",
        )
    return weights


def _golden_weights(golden: Votes, truth: npt.NDArray[np.integer], truths: tuple[Id, ...]) -> Floats:
    """1 for the truth of each golden item, shape (items, truths); 0 for all truths where it is not known."""
    prior = calibrate(golden, truth, truths=truths, pooling=0).prior
    if prior.max() == 1:
        raise DataError(
            "one-truth",
            "all golden items have the same truth, so raters cannot be measured",
            allowed="items of two truths or more",
            found=f"only {truths[int(np.argmax(prior))]}",
            fix="give golden answers on other items too, or none",
        )
    one_hot: Floats = np.eye(len(truths) + 1)[truth][:, :-1]
    return one_hot


def _measures(votes: Votes, weights: Floats, resamples: int, seed: int) -> Iterator[tuple[Id, _Measure]]:
    """Each rater who voted on an item of known truth; `weights` are those of the truths, shape (items, truths)."""
    group_of, groups = _groups(votes, weights, seed)
    known = group_of >= 0
    items = np.stack([np.bincount(group_of[known], column, groups) for column in weights[known].T], axis=1, dtype=float)
    drawn = resampling(groups, resamples=resamples, seed=seed)
    clusters, item_ids = cluster_ids(votes), votes.item_ids
    for row, own in enumerate(_by_rater(votes)):
        judged = own[known[item_ids[own]]]
        if not judged.size:
            continue
        on = item_ids[judged]
        counts = _counts(group_of[on], votes.answer_ids[judged], weights[on], (groups, len(votes.answers)))
        on_truth = counts.sum(axis=(0, 2))[items.sum(axis=0) >= _AN_ITEM]
        few = bool(on_truth.min() < _FEW) or np.unique(clusters[on]).size < _FEW
        yield (
            votes.raters[row],
            _Measure(confusion=counts.sum(axis=0), information=measure(counts, items, drawn), few=few),
        )


def _groups(votes: Votes, weights: Floats, seed: int) -> tuple[npt.NDArray[np.int64], int]:
    """The group of each item, -1 where its truth is not known, and how many groups there are: images, or some."""
    known = weights.any(axis=1)
    clusters, cluster = np.unique(cluster_ids(votes)[known], return_inverse=True)
    cells = weights.shape[1] * len(votes.answers)
    most = int(np.clip(_MOST_CELLS // cells, _FEW, _MOST_GROUPS))
    group_of = np.full(known.size, -1)
    shuffled = (
        np.random.default_rng(seed).permutation(clusters.size) if clusters.size > most else np.arange(clusters.size)
    )
    group_of[known] = shuffled[cluster] % most
    return group_of, min(clusters.size, most)


def _by_rater(votes: Votes) -> list[npt.NDArray[np.int64]]:
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
    """Votes of a rater by group, truth and answer; each vote counts with the weights of its item's truths."""
    cells = group_ids * shape[1] + answer_ids
    parts = [np.bincount(cells, column, shape[0] * shape[1]).reshape(shape) for column in weights.T]
    return np.stack(parts, axis=1)


def _repeated(votes: Votes, golden: Votes) -> dict[Id, Proportion]:
    """How often each rater gave the same answer in the main job and as a golden answer: of two first votes."""
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
    right: npt.NDArray[np.bool_] | None,
    repeated: dict[Id, Proportion],
) -> Iterator[Rater]:
    """The rows: the raters of the votes, and then those with golden votes only."""
    position = {name: row for row, name in enumerate(votes.raters)}
    counts, votes_of = votes.counts_by_rater(), _by_rater(votes)
    empty = np.zeros((truths, len(votes.answers)))
    for name in dict.fromkeys((*votes.raters, *measures)):
        row, measure = position.get(name), measures.get(name)
        answers = np.zeros(len(votes.answers), np.int64) if row is None else counts[row]
        yield Rater(
            rater=name,
            answers=answers,
            confusion=empty if measure is None else measure.confusion,
            right=None
            if measure is None or right is None
            else Proportion(hits=round(measure.confusion[right].sum()), n=round(measure.confusion.sum())),
            information=None if measure is None else measure.information,
            repeated=repeated.get(name),
            seconds=None if row is None or votes.seconds is None else _seconds(votes.seconds[votes_of[row]]),
            flags=tuple(_flags(answers, measure)),
        )


def _seconds(seconds: Floats) -> tuple[float, float] | None:
    """Mean and median of the times that are known."""
    known = seconds[~np.isnan(seconds)]
    return (float(known.mean()), float(np.median(known))) if known.size else None


def _flags(answers: npt.NDArray[np.integer], measure: _Measure | None) -> Iterator[str]:
    uninformative, one_answer, few = FLAGS
    if measure is not None and not measure.information.low > 0:
        yield uninformative
    if answers.sum() >= _ALIKE and answers.max() >= _ONE_ANSWER * answers.sum():
        yield one_answer
    if measure is not None and measure.few:
        yield few


def _in_words(dependent: Dependence, where: str) -> str:
    named = [
        f"{pair.raters[0]} and {pair.raters[1]} ({pair.agreed:,} of {pair.common:,}, {pair.expected:,.0f} expected)"
        for pair in dependent.pairs
    ]
    return (
        f"raters are not independent given the truth: in the {where}, {len(named):,} of {dependent.tested:,} pairs "
        f"agree more than their confusion matrices predict and other pairs do: {some(named, most=_MOST_NAMED)}"
    )
