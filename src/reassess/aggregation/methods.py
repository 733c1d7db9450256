"""From votes to scores, by one of four methods: each takes votes and gives an `Aggregation`."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reassess.aggregation.baselines import majority, mean
from reassess.aggregation.calibration import calibrate, expert_answer, expert_truth, natural_truths
from reassess.aggregation.dawid_skene import Pinned, fit_dawid_skene
from reassess.aggregation.posteriors import posterior
from reassess.aggregation.recipe import real_model, real_scores
from reassess.core.items import take_items
from reassess.core.labels import LabelSets
from reassess.core.posterior import Posterior
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY, RaterModel
from reassess.core.recipe import REAL_RECIPE, Recipe
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError, ReassessWarning
from reassess.text import some

__all__ = [
    "Aggregation",
    "by_calibration",
    "by_em",
    "by_majority",
    "by_mean",
    "by_recipe",
    "calibrated_recipe",
    "golden_part",
]


@dataclass(frozen=True)
class Aggregation:
    """What a method made of the votes.

    Parameters
    ----------
    posterior
        The probability of each truth, or answer, for each item.
    model
        The raters' matrices and the prior; None for a method without.
    facts
        What else there is to say, by name.
    """

    posterior: Posterior
    model: RaterModel | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def scores(self) -> Scores:
        """The probability of the last truth, or answer, of (image, class) questions; `DataError` for plain items."""
        return self.posterior.scores(self.posterior.truths[-1])


def by_recipe(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, *, recipe: Recipe = REAL_RECIPE
) -> Aggregation:
    """As ImageNet ReaL's scores were made; parameters as of `recipe.real_scores`."""
    model = real_model(experts, rater_golden, original, recipe=recipe)
    scores = real_scores(votes, experts, rater_golden, original, recipe=recipe)
    values = np.stack([1 - scores.values, scores.values], axis=1)
    return Aggregation(posterior=Posterior(scores.questions, VALIDITY, values), model=model)


def by_calibration(
    votes: Votes,
    experts: Votes,
    *,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    truths_are_answers: bool | None = None,
    at_least: int | None = None,
    smoothing: float = 1.0,
) -> Aggregation:
    """Measure each rater on golden items, then take one Bayes posterior.

    Parameters
    ----------
    votes
        The votes to aggregate.
    experts
        The experts' votes on golden items.
    rater_golden
        The raters' votes on golden items; by default those among `votes`.
    original
        Original labels, which vote as one more rater, on (image, class) questions.
    truths_are_answers
        Whether an item can be any of the answers, instead of valid or invalid; by default as `natural_truths` says.
    at_least
        So many experts make the truth; by default more than half of the highest number on an item.
    smoothing
        Added to each cell of each matrix's counts.

    Raises
    ------
    DataError
        No golden item was voted on; original labels are given for plain items.
    """
    if truths_are_answers is None:
        truths_are_answers = natural_truths(votes) != VALIDITY
    golden = rater_golden if rater_golden is not None else golden_part(votes, experts)
    if isinstance(votes.items, Questions) and not truths_are_answers:
        recipe = calibrated_recipe(experts, at_least=at_least, smoothing=smoothing)
        return by_recipe(votes, experts, golden, original, recipe=recipe)
    if original is not None:
        raise DataError("original labels vote on valid or invalid (image, class) pairs only", mend="leave them out")
    m = _most(experts) if at_least is None else at_least
    rows = experts.find(golden.items)
    truth = _truth(experts.with_answers(votes.answers) if truths_are_answers else experts, truths_are_answers, m)
    truths = votes.answers if truths_are_answers else VALIDITY
    model = calibrate(golden, np.where(rows >= 0, truth[rows], -1), truths=truths, smoothing=smoothing)
    return Aggregation(posterior=posterior(votes, model), model=model)


def calibrated_recipe(experts: Votes, *, at_least: int | None = None, smoothing: float = 1.0) -> Recipe:
    """The rules of `by_calibration` for (image, class) questions; parameters as there."""
    m = _most(experts) if at_least is None else at_least
    return Recipe(experts_at_least=m, original_experts_at_least=m, original_below=None, smoothing=smoothing)


def by_em(
    votes: Votes,
    *,
    experts: Votes | None = None,
    truths_are_answers: bool | None = None,
    at_least: int | None = None,
    smoothing: float = 1.0,
) -> Aggregation:
    """Find matrices, prior and posteriors from the votes alone; golden items stay at the experts' truth.

    Parameters are those of `by_calibration`. Warns of a truth that no item is left to.
    """
    if truths_are_answers is None:
        truths_are_answers = natural_truths(votes) != VALIDITY
    truths = votes.answers if truths_are_answers else VALIDITY
    pinned = None
    if experts is not None:
        m = _most(experts) if at_least is None else at_least
        truth = _truth(experts.with_answers(votes.answers) if truths_are_answers else experts, truths_are_answers, m)
        rows = votes.find(experts.items)
        pinned = Pinned.to_truths(rows[rows >= 0], truth[rows >= 0], truths=len(truths))
    fitted = fit_dawid_skene(votes, truths=truths, smoothing=smoothing, pinned=pinned)
    facts = {"iterations": fitted.iterations, "converged": fitted.converged, "objective": fitted.objective}
    lost = [
        str(truth) for truth, share in zip(truths, fitted.model.prior, strict=True) if share * len(votes.items) < 0.5
    ]
    if lost:
        warnings.warn(
            f"em leaves no item to {some(lost)}: the raters' mistakes explain every vote without it. Golden items, or "
            f"less smoothing than {smoothing:g} where items are few, keep truths apart",
            ReassessWarning,
            stacklevel=2,
        )
    return Aggregation(posterior=fitted.posterior, model=fitted.model, facts=facts)


def by_majority(votes: Votes) -> Aggregation:
    """The share of each answer; of (image, class) questions, that of the last answer. Ties are counted."""
    most = majority(votes)
    voted = np.flatnonzero(votes.sizes)
    shares = Posterior(take_items(votes.items, voted), votes.answers, most.fractions[voted])
    facts = {"ties": int(np.count_nonzero(most.ties)), "without_votes": len(votes.items) - voted.size}
    return Aggregation(posterior=shares, facts=facts)


def by_mean(votes: Votes) -> Aggregation:
    """The mean of no 0, maybe 0.5, yes 1."""
    voted = np.flatnonzero(votes.sizes)
    kept = votes.restrict(voted)
    values = mean(kept)
    if not ((values >= 0) & (values <= 1)).all():
        raise DataError(
            "the mean of these answers is no probability",
            allowed="no, maybe, yes, or codes from 0 to 1",
            found=some(votes.answers),
            mend="take em or majority",
        )
    result = Posterior(kept.items, VALIDITY, np.stack([1 - values, values], axis=1))
    return Aggregation(posterior=result, facts={"without_votes": len(votes.items) - voted.size})


def _most(experts: Votes) -> int:
    return int(experts.sizes.max(initial=0)) // 2 + 1


def _truth(experts: Votes, truths_are_answers: bool, at_least: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return expert_answer(experts, at_least=at_least) if truths_are_answers else expert_truth(experts, at_least=at_least)


def golden_part(votes: Votes, experts: Votes) -> Votes:
    """The votes on golden items; `DataError` if there is none."""
    rows = votes.find(experts.items)
    if not (rows >= 0).any():
        raise DataError(
            "no golden item was voted on",
            mend="check that both files name the items alike, or give the raters' own golden answers",
        )
    return votes.restrict(rows[rows >= 0])
