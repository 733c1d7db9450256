"""From votes to scores, by one of four methods: each takes votes and gives an `Aggregation`.

Of votes for one class an image, each gives the probability of each class as that of an (image, class) question.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.baselines import class_shares, majority, mean
from reassess.aggregation.calibration import POOLING, calibrate, natural_truths
from reassess.aggregation.candidate_classes import ManyClassesFit, calibrated_on_candidates, fit_many_classes
from reassess.aggregation.dawid_skene import Pinned, fit_dawid_skene
from reassess.aggregation.expert_truth import ExpertTruth, expert_truth
from reassess.aggregation.golden_items import golden_part, with_more_votes
from reassess.aggregation.posteriors import many_classes, posterior
from reassess.aggregation.recipe import real_model, real_scores
from reassess.aggregation.support import GoldenTrial, try_on_golden, warn_of_doubt, warn_unless_clear
from reassess.core.benchmark import REAL_RECIPE, Recipe
from reassess.core.checks import check_type
from reassess.core.items import Id, take_items
from reassess.core.labels import LabelSets
from reassess.core.posterior import Posterior
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY, RaterModel
from reassess.core.scores import Scores
from reassess.core.votes import Votes, in_common_classes
from reassess.errors import DataError, ReassessWarning
from reassess.text import Shown, some

__all__ = [
    "Aggregation",
    "by_calibration",
    "by_em",
    "by_majority",
    "by_mean",
    "by_recipe",
    "calibrated_recipe",
    "fit_em",
    "likely_recipes",
]

_CONTRADICTED = 0.2  # of many classes, the share of items with a clear majority that is worth a warning
_CHECK_TOLERANCE, _CHECK_ITERATIONS = 1e-4, 300  # of fits that only check the one that is asked for
_AN_ITEM = 0.5  # a truth that is expected of fewer items is one that EM has given up


@dataclass(frozen=True, repr=False)
class Aggregation(Shown):
    """What a method made of the votes.

    Parameters
    ----------
    posterior
        The probability of each truth, or answer, for each item. Of votes for one class an image, the items are the
        (image, class) questions of classes that someone chose or that have at least 1e-6, and the truths invalid and
        valid.
    model
        The raters' matrices and the prior; None for a method without.
    facts
        What else there is to say, by name.
    golden
        The experts' answers by which it was made; None for a method that used none.
    by_experts
        The truth of the golden items by which it was made; None without them.
    """

    posterior: Posterior
    model: RaterModel | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    golden: Votes | None = None
    by_experts: ExpertTruth | None = None

    @property
    def scores(self) -> Scores:
        """The probability of the last truth, or answer, of (image, class) questions; `DataError` for plain items.

        They say which questions, or images, experts' answers made them.
        """
        scores = self.posterior.scores(self.posterior.truths[-1])
        if self.golden is None:
            return scores
        if self.golden.classes is None:
            return replace(scores, golden=self.golden.find(scores.questions) >= 0)
        on_images = self.golden.find(scores.images) >= 0
        return replace(scores, golden=on_images[scores.questions.image_ids])


def by_recipe(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, *, recipe: Recipe = REAL_RECIPE
) -> Aggregation:
    """As ImageNet ReaL's scores were made; parameters as of `recipe.real_scores`."""
    check_type(Votes, votes, experts, rater_golden)
    model = real_model(experts, rater_golden, original, recipe=recipe)
    scores = real_scores(votes, experts, rater_golden, original, recipe=recipe)
    values = np.stack([1 - scores.values, scores.values], axis=1)
    result = Posterior(items=scores.questions, truths=VALIDITY, values=values)
    truth = expert_truth(experts, at_least=recipe.experts_at_least)
    _warn_of_one_truth(truth)
    return Aggregation(posterior=result, model=model, golden=experts, by_experts=truth)


def by_calibration(
    votes: Votes,
    experts: Votes,
    *,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    truths_are_answers: bool | None = None,
    at_least: int | None = None,
    smoothing: float = 0.0,
    pooling: float = POOLING,
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
        Of votes for classes, the answers are all classes that someone, or an expert, chose.
    at_least
        So many experts make the truth; by default more than half of those who answered the item.
    smoothing, pooling
        See `calibrate`.

    Raises
    ------
    DataError
        No golden item was voted on; original labels are given for items that are no (image, class) questions; it is
        not known who voted; there are more than 4,096 classes.
    """
    check_type(Votes, votes, experts)
    votes = votes.on_whole_scale()
    if truths_are_answers is None:
        truths_are_answers = natural_truths(votes) != VALIDITY
    golden = golden_part(votes, experts, rater_golden).on_whole_scale()
    votes, experts, golden = in_common_classes(votes, experts, golden)
    if isinstance(votes.items, Questions) and not truths_are_answers:
        recipe = calibrated_recipe(at_least=at_least, smoothing=smoothing, pooling=pooling)
        return by_recipe(votes, experts, golden, original, recipe=recipe)
    if original is not None:
        raise DataError(
            "votes-not-on-questions", "original labels can vote only on (image, class) questions", fix="leave them out"
        )
    truths = votes.answers if truths_are_answers else VALIDITY
    truth = expert_truth(experts, truths, at_least=at_least)
    rows = experts.find(golden.items)
    known = np.where(rows >= 0, truth.values[rows], -1)
    if truths_are_answers and many_classes(votes):
        fit = calibrated_on_candidates(votes, golden, known, smoothing=smoothing, pooling=pooling)
        facts = _without_votes(votes, fit)
        return Aggregation(posterior=fit.of(votes), facts=facts, golden=experts, by_experts=truth)
    if truths == VALIDITY:
        _warn_of_one_truth(truth)
    model = calibrate(golden, known, truths=truths, smoothing=smoothing, pooling=pooling)
    result, facts = _by_class(votes, posterior(votes, model))
    return Aggregation(posterior=result, model=model, facts=facts, golden=experts, by_experts=truth)


def calibrated_recipe(*, at_least: int | None = None, smoothing: float = 0.0, pooling: float = POOLING) -> Recipe:
    """The rules of `by_calibration` for (image, class) questions; parameters as there."""
    return Recipe(
        experts_at_least=at_least,
        original_experts_at_least=at_least,
        original_below=None,
        smoothing=smoothing,
        pooling=pooling,
    )


def likely_recipes(published: Recipe | None = None, *, at_least: int | None = None) -> tuple[Recipe, ...]:
    """The rules by which scores or label sets of unknown making may have followed from votes, each once.

    Parameters
    ----------
    published
        The rules of the images' benchmark.
    at_least
        A number of experts that may have been asked for instead.

    Returns
    -------
    The published rules; the same with `at_least`; and those of `by_calibration`.

    Examples
    --------
    >>> [recipe.experts_at_least for recipe in likely_recipes(REAL_RECIPE)]
    [3, None]
    >>> [recipe.experts_at_least for recipe in likely_recipes(REAL_RECIPE, at_least=1)]
    [3, 1, 1]
    """
    recipes = [] if published is None else [published]
    if published is not None and at_least is not None:
        recipes.append(replace(published, experts_at_least=at_least))
    return tuple(dict.fromkeys([*recipes, calibrated_recipe(at_least=at_least)]))


def by_em(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    at_least: int | None = None,
    smoothing: float = 0.0,
    pooling: float = POOLING,
) -> Aggregation:
    """Find matrices, prior and posteriors from the votes; golden items stay at the experts' truth.

    Parameters
    ----------
    votes, truths_are_answers, at_least, smoothing, pooling
        As for `by_calibration`.
    experts
        The experts' votes on golden items, or None.
    rater_golden
        The raters' votes on golden items, where these are apart. They count as votes on golden items of known truth,
        unless the rater has a vote on the item already.

    Raises
    ------
    DataError
        No golden item was voted on; it is not known who voted; there are more than 4,096 classes.

    Warns
    -----
    ReassessWarning
        A truth has no item left. Neither the votes nor golden items support that EM decides against the votes'
        majority: see `reassess.aggregation.support`; beyond 256 classes it decides so on one item in five or more.
    """
    result, warn = fit_em(
        votes,
        experts=experts,
        rater_golden=rater_golden,
        truths_are_answers=truths_are_answers,
        at_least=at_least,
        smoothing=smoothing,
        pooling=pooling,
    )
    warn(None)
    return result


def fit_em(
    votes: Votes,
    *,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    truths_are_answers: bool | None = None,
    at_least: int | None = None,
    smoothing: float = 0.0,
    pooling: float = POOLING,
) -> tuple[Aggregation, Callable[[Callable[[], GoldenTrial] | None], None]]:
    """What `by_em` returns, and a function for its warnings, which take longer than the scores.

    The function takes what returns a trial of em on golden items; if that is None, it makes one where it needs one.
    """
    check_type(Votes, votes)
    votes = votes.on_whole_scale()
    if truths_are_answers is None:
        truths_are_answers = natural_truths(votes) != VALIDITY
    golden = None
    if experts is not None:
        golden = golden_part(votes, experts, rater_golden).on_whole_scale()
        votes, experts, golden = in_common_classes(votes, experts, golden)
    truths = votes.answers if truths_are_answers else VALIDITY
    known, truth, try_em = np.full(len(votes.items), -1), None, None
    if experts is not None and golden is not None:
        truth = expert_truth(experts, truths, at_least=at_least)
        rows = votes.find(experts.items)
        known[rows[rows >= 0]] = truth.values[rows >= 0]
        em = partial(
            fit_em,
            votes,
            rater_golden=golden,
            truths_are_answers=truths_are_answers,
            at_least=at_least,
            smoothing=smoothing,
            pooling=pooling,
        )
        judges = {"em": lambda _, others: em(experts=others)[0].posterior}
        try_em = partial(try_on_golden, votes, experts, golden, truths, truth.values, judges)
        votes = with_more_votes(votes, golden, np.flatnonzero(known >= 0))
    if truths_are_answers and many_classes(votes):
        many = fit_many_classes(votes, known, smoothing=smoothing, pooling=pooling)
        facts = _facts(many.history, many.converged) | _without_votes(votes, many)
        of_many = Aggregation(posterior=many.of(votes), facts=facts, golden=experts, by_experts=truth)
        return of_many, lambda trial: _warn_of_many(votes, many, known, trial or try_em)
    pinned = None if experts is None else Pinned.to_truths(np.arange(known.size), known, truths=len(truths))
    fit = partial(fit_dawid_skene, truths=truths, smoothing=smoothing, pooling=pooling, pinned=pinned)
    fitted = fit(votes)
    result, more = _by_class(votes, fitted.posterior, experts)
    facts = _facts(fitted.history, fitted.converged) | more
    made = Aggregation(posterior=result, model=fitted.model, facts=facts, golden=experts, by_experts=truth)

    def warn(trial: Callable[[], GoldenTrial] | None) -> None:
        _warn_of_lost_truths(truths, fitted.posterior.values[votes.sizes > 0].sum(axis=0))

        def fit_some(some: Votes) -> tuple[RaterModel, Posterior]:
            of_some = fit(some, tolerance=_CHECK_TOLERANCE, max_iterations=_CHECK_ITERATIONS)
            return of_some.model, of_some.posterior

        warn_of_doubt(votes, fitted.posterior, known, fit_some, method="em", trial=trial or try_em)

    return made, warn


def _warn_of_many(
    votes: Votes,
    fit: ManyClassesFit,
    known: npt.NDArray[np.int64],
    trial: Callable[[], GoldenTrial] | None,
) -> None:
    chosen = np.unique(fit.candidates.classes)
    names = [votes.answers[i] for i in chosen.tolist()]
    _warn_of_lost_truths(names, fit.candidates.class_counts(fit.posterior)[chosen])
    against, clear = _contradicted_candidates(votes, fit, known)
    if against and against >= _CONTRADICTED * clear:
        doubt = (
            f"em contradicts more than half of the votes on {against:,} of {clear:,} items that have such a majority: "
            "look at some of them, and take majority or more pooling unless em is right there"
        )
        warn_unless_clear(doubt, "em", trial)


def _facts(history: npt.NDArray[np.float64], converged: bool) -> dict[str, Any]:
    return {"iterations": history.size, "converged": converged, "objective": float(history[-1])}


def _without_votes(votes: Votes, fit: ManyClassesFit) -> dict[str, int]:
    """How many images have no candidate."""
    return {} if votes.classes is None else {"without_votes": len(votes.items) - fit.candidates.starts.size}


def by_majority(votes: Votes) -> Aggregation:
    """The share of each answer; of (image, class) questions, that of yes, or the last of another scale, is the score.

    Ties are counted.
    """
    check_type(Votes, votes)
    if votes.classes is not None:
        return _by_share(votes)
    votes = votes.on_whole_scale()
    most = majority(votes)
    voted = np.flatnonzero(votes.sizes)
    shares = Posterior(items=take_items(votes.items, voted), truths=votes.answers, values=most.fractions[voted])
    facts = {"ties": int(np.count_nonzero(most.ties)), "without_votes": len(votes.items) - voted.size}
    return Aggregation(posterior=shares, facts=facts)


def by_mean(votes: Votes) -> Aggregation:
    """The mean of no 0, maybe 0.5, yes 1; a vote for a class is 1 for it and 0 for every other class.

    The weights of other answers to (image, class) questions go from 0 to 1 too: numbers in proportion, words evenly
    spaced.
    """
    check_type(Votes, votes)
    if votes.classes is not None:
        return _by_share(votes)
    voted = np.flatnonzero(votes.sizes)
    kept = votes.restrict(voted)
    values = mean(kept, weights=kept.weights)
    if not ((values >= 0) & (values <= 1)).all():
        raise DataError(
            "no-mean",
            "the mean of these answers is not a probability",
            allowed="no, maybe, yes, or codes from 0 to 1",
            found=some(votes.answers),
            fix="take em or majority",
        )
    result = Posterior(items=kept.items, truths=VALIDITY, values=np.stack([1 - values, values], axis=1))
    return Aggregation(posterior=result, facts={"without_votes": len(votes.items) - voted.size})


def _by_share(votes: Votes) -> Aggregation:
    """The share of each class that someone chose."""
    shares = class_shares(votes)
    valid = shares.scores.values
    values = np.stack([1 - valid, valid], axis=1)
    result = Posterior(items=shares.scores.questions, truths=VALIDITY, values=values, exclusive=True)
    without = len(votes.items) - len(shares.scores.questions.images)
    return Aggregation(posterior=result, facts={"ties": shares.ties, "without_votes": without})


def _by_class(votes: Votes, result: Posterior, golden: Votes | None = None) -> tuple[Posterior, dict[str, int]]:
    """Of votes for classes, whether each class is valid: also if it is next to impossible, but someone chose it.

    An image without votes has none, unless it is golden; how many these are is a fact. Other items stay as they are.
    """
    if result.classes is None:
        return result, {}
    given = votes.counts() > 0
    rated = votes.sizes > 0
    if golden is not None:
        rated |= golden.find(votes.items) >= 0
    rows = np.flatnonzero(rated)
    kept = replace(result, items=take_items(result.items, rows), values=result.values[rows])
    return kept.on_questions(asked=given[rows]), {"without_votes": rated.size - rows.size}


def _warn_of_one_truth(truth: ExpertTruth) -> None:
    known = np.unique(truth.values[truth.values >= 0])
    if known.size == 1:
        one, other = VALIDITY[known[0]], VALIDITY[1 - known[0]]
        warnings.warn(
            f"all golden items of known truth are {one}: how raters answer on {other} ones was not measured, and "
            "nothing tells a good rater from a bad one",
            ReassessWarning,
            stacklevel=3,
        )


def _warn_of_lost_truths(truths: Sequence[Id], items: npt.NDArray[np.float64]) -> None:
    """Warn of truths that fewer expected items have than one, of those with votes."""
    lost = [str(truth) for truth, count in zip(truths, items.tolist(), strict=True) if count < _AN_ITEM]
    if lost:
        warnings.warn(
            f"em leaves no item to {some(lost)}: the raters' mistakes explain every vote without it. Golden items keep "
            "truths apart",
            ReassessWarning,
            stacklevel=4,
        )


def _contradicted_candidates(votes: Votes, fit: ManyClassesFit, known: npt.NDArray[np.int64]) -> tuple[int, int]:
    """On how many items EM decides against more than half of the votes, and how many have such a majority of two."""
    pairs = fit.candidates
    clear = (pairs.shares() > 1 / 2) & (votes.sizes[pairs.items] > 1) & (known[pairs.items] < 0)
    against = clear & (fit.posterior < pairs.highest(fit.posterior))
    return int(np.count_nonzero(against)), int(np.count_nonzero(clear))
