"""EM (expectation-maximization): how each rater answers, and what is true, from votes alone or with some known truths.

Symbols: N items, R raters, T truths, A answers; q[i, t] the posterior, p[t] the prior, pi[r, t, a] the matrices,
m[t, a] the mean matrix, K the pooling, s the smoothing.

- E-step: q[i, t] is p[t] times the product of pi[r, t, a] over the item's votes, normalised over t.
- M-step: pi[r, t, a] is the expected number of votes a by rater r on items of truth t, plus s + K m[t, a], normalised
  over a; p[t] is the sum of q[i, t] over the items that tell something (with a vote, or pinned), plus K / T,
  normalised over t.
- Objective: log likelihood of the votes, plus the sum of (s + K m[t, a]) log pi[r, t, a], plus the sum of
  (K / T) log p[t]. This is the log density of Dirichlet priors up to a constant. No step lets the objective fall. A
  pinned item counts with its posterior's mean of log(p times pi). If the prior is given, the last sum is missing.
- The mean matrix is fitted first, by the same EM with all votes taken as those of one rater and `typical_matrix` in
  place of m. It then stays, and EM on the raters starts from it. So the objective has no part that moves.

With K = 0 and s = 0 this is the method as published. It takes few votes for proof: with less than some votes for each
cell of a matrix it may name one truth for most items. Pooling is what a rater's row has before its first vote: K votes
that are divided as all raters' votes are.

This module has what all rater models share: the loop, the M-step of a matrix, and where EM starts. `dawid_skene` keeps
whole matrices, `candidate_classes` only the cells where votes meet candidates, and `calibration` takes one M-step on
golden items and one E-step.

Source: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
Statistics 28 (1979), equations 2.3 to 2.5. The priors are those of Kim and Ghahramani, "Bayesian classifier
combination", AISTATS 2012, with a mean that is fitted.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from reassess.core import VALIDITY, Id, Questions, Votes
from reassess.core.checks import check_distribution, check_range, check_shape
from reassess.errors import ConvergenceWarning, DataError
from reassess.text import Shown, some

POOLING = 4.0
TOLERANCE = 1e-6  # of posteriors
MAX_ITERATIONS = 2_000
_LEAST_PSEUDO_VOTES, _MOST_PSEUDO_VOTES = 1e-9, 10**12
_MOST_CELLS = 1 << 24  # of all raters' matrices: 128 MiB each time that EM holds them
_MOST_CLASSES = 4_096  # one matrix of so many classes fits easily
_MOST_TRUTHS = 256  # matrices of single raters are still small

Floats = npt.NDArray[np.float64]
Block = TypeVar("Block")
Parameters = TypeVar("Parameters")
_Block = TypeVar("_Block", contravariant=True)


# --- the loop ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ExpectedCounts:
    """What an E-step found in each part of a block: sufficient statistics, which add up."""

    votes: Floats  # expected votes, shape (parts, ...): of raters, answers and truths, or of a sparse model's cells
    items: Floats  # expected items of each truth, shape (parts, T)
    log_likelihood: Floats  # shape (parts,)
    change: Floats  # the largest change of a posterior, shape (parts,)


class Steps(Protocol[_Block, Parameters]):
    """The steps of EM for one rater model. A block is any run of parts; parts depend on the votes alone."""

    def expect(self, block: _Block, parameters: Parameters) -> ExpectedCounts:
        """E-step: replace the posteriors of a block, and count what they add up to."""

    def maximize(self, votes: Floats, items: Floats) -> Parameters:
        """M-step: the parameters of the highest objective, from expected votes and items."""

    def bound(self, parameters: Parameters) -> float:
        """What the objective adds to the log likelihood."""


def sum_in_order(counts: Iterable[ExpectedCounts]) -> tuple[Floats, Floats, float, float]:
    """Add the parts in their order, so that threads and machines do not change a digit."""
    columns = zip(*((one.votes, one.items, one.log_likelihood, one.change) for one in counts), strict=True)
    votes, items, log_likelihood, change = (np.concatenate(part) if len(part) > 1 else part[0] for part in columns)
    # np.sum adds log likelihoods in pairs; one after another they would differ in the last digit.
    return votes.sum(axis=0), items.sum(axis=0), float(log_likelihood.sum()), float(change.max())


def iterate(
    steps: Steps[Block, Parameters],
    blocks: Sequence[Block],
    parameters: Parameters,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    run: Callable[[Callable[[Block], ExpectedCounts], Sequence[Block]], Iterable[ExpectedCounts]] = map,
) -> tuple[Parameters, Floats, Floats, bool]:
    """Repeat both steps: parameters, expected votes, the objective at each E-step, and whether EM converged.

    The parameters are those of the last E-step, so that they, posteriors and objective belong together.
    """
    history: list[float] = []
    while True:
        counts = run(partial(steps.expect, parameters=parameters), blocks)
        votes, items, log_likelihood, change = sum_in_order(counts)
        history.append(log_likelihood + steps.bound(parameters))
        if change < tolerance or len(history) == max_iterations:
            return parameters, votes, np.array(history), change < tolerance
        parameters = steps.maximize(votes, items)


def warn_unless_converged(converged: bool, max_iterations: int, tolerance: float, fix: str) -> None:
    """Warn the caller of the calling function that EM was stopped."""
    if not converged:
        warnings.warn(
            f"EM was stopped after {max_iterations:,} iterations, before its posteriors changed by less than "
            f"{tolerance:g}: {fix}",
            ConvergenceWarning,
            stacklevel=3,
        )


# --- matrices ---------------------------------------------------------------------------------------------------------


def row_shares(counts: npt.NDArray[np.floating | np.integer], pseudo_votes: Floats | float) -> Floats:
    """M-step: share of each answer (last axis), with `pseudo_votes` added; uniform if there is nothing to share."""
    smoothed = counts + pseudo_votes
    sums = smoothed.sum(axis=-1, keepdims=True)
    # A uniform row tells nothing, and is what equal pseudo-votes give as they go to 0.
    shares = np.full_like(smoothed, 1 / counts.shape[-1])
    np.divide(smoothed, sums, out=shares, where=sums > 0)
    return shares


def typical_matrix(shares: Floats) -> Floats:
    """How a rater is taken to answer before any vote: half by the truth, half at random.

    >>> typical_matrix(np.eye(2)).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    return (row_shares(shares.T, 0.0) + 1 / len(shares)) / 2


def fallback_of(matrices: Floats, pseudo_votes: Floats, *, pooled: bool) -> Floats:
    """The matrix of a rater without votes: what the pseudo-votes alone give, or without pooling the mean matrix."""
    return row_shares(pseudo_votes, 0.0) if pooled else matrices.mean(axis=0)


def code_table(matrices: Floats) -> Floats:
    """Matrices (raters, truths, answers) as the kernels read them: shape (raters * answers, truths)."""
    return np.ascontiguousarray(matrices.transpose(0, 2, 1)).reshape(-1, matrices.shape[1])


def vote_codes(votes: Votes) -> npt.NDArray[Any]:
    """One number per vote, rater * answers + answer, of the smallest type that fits; votes need raters."""
    votes.require_raters("a rater model")
    cells = len(votes.raters) * len(votes.answers)
    codes: npt.NDArray[Any] = votes.rater_ids.astype(np.uint16 if cells <= 1 << 16 else np.int64)
    codes *= len(votes.answers)
    np.add(codes, votes.answer_ids, out=codes, casting="unsafe")  # the type fits: it holds every code
    return codes


def as_prior(prior: npt.ArrayLike, truths: int) -> Floats:
    """Check a prior, and return it as float64, shape (truths,)."""
    values = np.array(prior, np.float64)
    check_shape(values, (truths,), what="the prior")
    check_distribution(values, what="the prior")
    return values


# --- limits -----------------------------------------------------------------------------------------------------------


def check_truths(truths: Sequence[Id]) -> None:
    """Raise `DataError` if there are more truths than matrices of single raters can have."""
    if len(truths) > _MOST_TRUTHS:
        raise _too_many("truths", _MOST_TRUTHS, len(truths))


def many_classes(votes: Votes) -> bool:
    """Whether the answers are too many for matrices of the raters; `DataError` if they are too many for one matrix."""
    classes = len(votes.answers)
    if classes > _MOST_CLASSES:
        raise _too_many("classes", _MOST_CLASSES, classes)
    return classes > _MOST_TRUTHS or len(votes.raters) * classes**2 > _MOST_CELLS


def _too_many(what: str, most: int, found: int) -> DataError:
    return DataError(
        "too-many",
        f"too many {what} for a rater model",
        allowed=f"up to {most:,}",
        found=f"{found:,}",
        fix="take the majority, or split the items into groups with fewer answers",
    )


def check_pseudo_votes(smoothing: float, pooling: float) -> None:
    """Raise `DataError` unless both are 0, or such that no product vanishes and no sum overflows."""
    for value, what in ((smoothing, "smoothing"), (pooling, "pooling")):
        check_range(value, 0, _MOST_PSEUDO_VOTES, what=what)
        if 0 < value < _LEAST_PSEUDO_VOTES:
            raise DataError(
                "out-of-range", f"{what} out of range", allowed=f"0, or {_LEAST_PSEUDO_VOTES} or more", found=value
            )


def no_golden_votes() -> DataError:
    """The error for golden votes that measure no rater."""
    text, fix = "no golden item with a known truth has a vote", "check that both files name the items alike"
    return DataError("missing-golden", text, fix=fix)


def check_fit(votes: Votes, smoothing: float, pooling: float) -> None:
    """Raise `DataError` unless EM can run on the votes with these pseudo-votes."""
    if not len(votes):
        raise DataError("missing-votes", "votes are missing", fix="give votes, or judge by the prior alone")
    votes.require_raters("EM")
    check_pseudo_votes(smoothing, pooling)


# --- where EM starts, and what it leaves alone ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class Pinned(Shown):
    """Items whose truth, or its distribution, is known and stays."""

    rows: npt.NDArray[np.int64]  # positions of the items, each once
    values: Floats  # shape (pinned, truths); each row adds up to 1

    @classmethod
    def to_truths(cls, rows: npt.NDArray[np.integer], truth: npt.NDArray[np.integer], *, truths: int) -> "Pinned":
        """Pin each item to one truth, given by its position; an item whose truth is -1 stays free."""
        check_range(truth, -1, truths - 1, what="truth", where=lambda position: f"pinned item {rows[position]}")
        known = np.asarray(truth) >= 0
        return cls(rows=np.asarray(rows, np.int64)[known], values=np.eye(truths)[truth[known]])

    def check(self, votes: Votes, truths: int) -> None:
        """Raise `DataError` unless this fits some votes and a number of truths."""
        check_shape(self.rows, ("pinned",), what="the pinned rows")
        check_shape(self.values, (self.rows.size, truths), what="the pinned values")
        check_range(self.rows, 0, len(votes.items) - 1, what="pinned row", where="position {}".format)
        if np.unique(self.rows).size < self.rows.size:
            row = int(np.argmax(np.bincount(self.rows)))
            raise DataError("duplicate-item", "item is pinned twice", where=votes.at(row))
        check_distribution(self.values, what="a pinned item", where=lambda position: votes.at(int(self.rows[position])))


def natural_truths(votes: Votes) -> tuple[Id, ...]:
    """Invalid and valid for (image, class) questions; else each answer is a truth."""
    return VALIDITY if isinstance(votes.items, Questions) else votes.answers


def answer_shares(votes: Votes, truths: Sequence[Id], weights: npt.ArrayLike | None = None) -> Floats:
    """How much each answer speaks for each truth, shape (answers, truths); `weights` as in `fit_dawid_skene`."""
    answers = votes.answers
    if weights is None:
        weights = _known_shares(votes, tuple(truths))
    if weights is None:
        raise DataError(
            "unknown-answer-order",
            "order of the answers is unknown",
            allowed="no, maybe, yes for two truths; or truths that are the answers",
            found=f"answers {some(answers)}; truths {some(truths)}",
            fix="give the weight of each answer",
        )
    shares = np.array(weights, np.float64)
    if shares.shape == (len(answers),) and len(truths) == 2:
        shares = np.stack([1 - shares, shares], axis=1)
    if shares.shape != (len(answers), len(truths)):
        allowed = f"shape ({len(answers)}, {len(truths)})" + (f" or ({len(answers)},)" if len(truths) == 2 else "")
        raise DataError("wrong-shape", "wrong shape of the weights", allowed=allowed, found=f"shape {shares.shape}")
    check_distribution(shares, what="the weight of an answer", where=lambda position: f"answer {answers[position]}")
    return shares


def natural_shares(votes: Votes, truths: Sequence[Id]) -> Floats:
    """The default of `answer_shares`; if it has none, each answer speaks for all truths alike."""
    known = _known_shares(votes, tuple(truths))
    if known is None:
        return np.full((len(votes.answers), len(truths)), 1 / len(truths))
    return answer_shares(votes, truths, known)


def _known_shares(votes: Votes, truths: tuple[Id, ...]) -> npt.ArrayLike | None:
    if truths == votes.answers:
        return np.eye(len(truths))
    return votes.weights if len(truths) == len(VALIDITY) else None
