"""Label sets recomputed from the same votes with other rater weights, thousands of times for a bootstrap."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.aggregation.methods import parse_method
from reassess.aggregation.recipe import calibrated_recipe, estimate_rater_and_label_models, original_label_votes
from reassess.core import REAL_RECIPE, LabelSets, Questions, ScoreRecipe, Votes
from reassess.core.checks import check_range
from reassess.core.image_names import match_images
from reassess.core.items import require_questions
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import DataError, Fix
from reassess.numeric.arrays import freeze
from reassess.text import Printable

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_LOG_ODDS_TOLERANCE = 1e-9  # tolerance for log odds


@dataclass(frozen=True, eq=False, repr=False)
class LabelResampler(Printable):
    """The input to recompute label sets from resampled votes: votes, raters' matrices and a threshold.

    Symbols: R raters, A answers.
    """

    questions: Questions
    item_ids: npt.NDArray[np.int64]  # position of each vote's question
    rater_answer_codes: npt.NDArray[np.int64]  # rater * A + answer of each vote
    matrices: _Floats  # probability of each answer, for invalid and valid questions; shape (R, 2, A)
    has_own_matrix: npt.NDArray[np.bool_]  # whether a rater has an own matrix; other raters have the mean of these
    base_log_odds: _Floats  # log odds of "valid" of each question, from the prior and the original label's vote
    threshold: float  # classes with at least this probability are in the label set

    def __post_init__(self) -> None:
        freeze(self, "item_ids", "rater_answer_codes", "matrices", "has_own_matrix", "base_log_odds")

    @property
    def n_raters(self) -> int:
        """Number of raters."""
        return len(self.matrices)

    def find_questions_that_reach_threshold(self, rater_weights: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Return which questions reach the threshold if each rater's votes have a weight.

        `rater_weights` has shape (B, R), for B replicates; the result has shape (questions, B).
        """
        from reassess.numeric.resampling_kernels import mark_kept_questions

        weights = np.stack(
            [self._log_likelihood_ratios(of_raters) * of_raters[:, None] for of_raters in rater_weights], axis=-1
        )
        is_kept = np.empty((len(self.base_log_odds), len(rater_weights)), bool)
        mark_kept_questions(
            *self._answer_codes_sorted_by_question,
            weights.reshape(-1, len(rater_weights)),
            self.base_log_odds,
            self._min_log_odds,
            is_kept,
        )
        return is_kept

    def simulate_questions_that_reach_threshold(
        self, is_valid: npt.NDArray[np.bool_], n_replicates: int, rng: np.random.Generator
    ) -> npt.NDArray[np.bool_]:
        """Simulate that the same raters answer again; return which questions reach the threshold.

        `is_valid`, shape (questions,), says which questions are valid. Answers are drawn independently from the raters'
        matrices. The result has shape (questions, replicates).
        """
        from reassess.numeric.resampling_kernels import redraw_answers_and_mark_kept_questions

        indptr, codes = self._answer_codes_sorted_by_question
        raters = (codes // self.matrices.shape[-1]).astype(np.uint32)
        cumulative, weights = (
            self.matrices.cumsum(axis=-1),
            self._log_likelihood_ratios(np.ones(self.n_raters, np.int64)),
        )
        draws, is_kept = np.empty(len(codes)), np.empty((len(self.base_log_odds), n_replicates), bool)
        for replicate_column in is_kept.T:
            rng.random(out=draws)
            redraw_answers_and_mark_kept_questions(
                indptr,
                raters,
                cumulative,
                weights,
                self.base_log_odds,
                self._min_log_odds,
                is_valid,
                draws,
                replicate_column,
            )
        return is_kept

    def _log_likelihood_ratios(self, rater_weights: npt.NDArray[np.integer]) -> _Floats:
        """Compute log P(answer | valid) - log P(answer | invalid), shape (R, A)."""
        matrices = self.matrices
        own_weights = rater_weights * self.has_own_matrix
        if own_weights.any() and not self.has_own_matrix.all():
            mean = np.tensordot(own_weights / own_weights.sum(), matrices, axes=1)
            matrices = np.where(self.has_own_matrix[:, None, None], matrices, mean)
        return np.asarray(np.log(matrices[:, 1] / matrices[:, 0]))

    @cached_property
    def _answer_codes_sorted_by_question(self) -> tuple[_Ints, _Ints]:
        """Votes sorted by question: the position of each question's first vote, and the `rater_answer_codes`."""
        from reassess.numeric.vote_kernels import fill_order_by_id

        indptr, order = (
            np.zeros(len(self.base_log_odds) + 1, np.int64),
            np.empty(len(self.rater_answer_codes), np.int64),
        )
        fill_order_by_id(self.item_ids, indptr, order)
        return indptr, self.rater_answer_codes[order]

    @cached_property
    def _min_log_odds(self) -> float:
        """The lowest log odds that, converted to a rounded score, are not below the threshold."""
        low, high = -800.0, 800.0
        with np.errstate(over="ignore"):
            while low < (middle := (low + high) / 2) < high:
                low, high = (low, middle) if 1 / (1 + np.exp(-middle)) >= self.threshold else (middle, high)
        return high if self.threshold > 0 else -np.inf


def find_label_resampler(
    labels: LabelSets,
    votes: Votes,
    experts: Votes,
    rater_golden: Votes,
    original: LabelSets | None,
    *,
    threshold: float,
    recipes: Sequence[ScoreRecipe] = (REAL_RECIPE,),
) -> LabelResampler:
    """Find the scoring method and options that made the label sets, to recompute them from resampled votes.

    Each recipe is tried with the original label as one more rater, and without. `label_uncertainty` can then resample
    the votes, and make label sets from them.

    Parameters
    ----------
    labels
        The label sets; only rated images are compared.
    votes
        The raters' votes on (image, class) questions.
    experts
        The experts' votes on golden questions.
    rater_golden
        The raters' votes on golden questions.
    original
        Original labels, which may have voted as one more rater; None if they did not.
    threshold
        The threshold of the label sets, in [0, 1].
    recipes
        The recipes to try. A recipe that needs more experts than there are is skipped, unless all recipes do.

    Returns
    -------
    LabelResampler

    Raises
    ------
    DataError
        No recipe makes these label sets; the threshold is not in [0, 1]; raters' golden votes are on questions without
        experts' votes.

    Examples
    --------
    Two raters say yes to the first question and no to the second. Each was correct on three of four golden questions.

    >>> questions = Questions.from_columns(["a.png", "a.png"], np.array([0, 1]))
    >>> golden = Questions.from_columns(["b.png"] * 4, np.arange(4))
    >>> answers, both, four = ("no", "yes"), np.array([0, 1]), np.arange(4)
    >>> yes = np.array([1, 1, 0, 0])
    >>> votes = Votes.from_columns(questions, np.repeat(both, 2), np.tile(both, 2), yes, "xy", answers)
    >>> experts = Votes.from_columns(golden, four, np.zeros(4, int), yes, "e", answers)
    >>> mostly = np.tile([1, 1, 0, 1], 2)
    >>> rated = Votes.from_columns(golden, np.tile(four, 2), np.repeat(both, 4), mostly, "xy", answers)
    >>> labels = LabelSets.from_lists(["a.png"], [[0]])
    >>> minimums = {"min_experts": 1, "min_experts_on_original": 1}
    >>> rules = ScoreRecipe(**minimums, n_classes_with_original_vote=None, smoothing=1.0, pooling=0.0)
    >>> resampler = find_label_resampler(labels, votes, experts, rated, None, threshold=0.6, recipes=[rules])
    >>> resampler.find_questions_that_reach_threshold(np.array([[1, 1], [0, 0]]))
    array([[ True, False],
           [False, False]])

    Notes
    -----
    Source of the default recipe: Beyer et al., arXiv 2006.07159, section 3.
    """
    check_range(threshold, 0, 1, value_name="threshold")
    labels = labels.convert_to_classes(require_questions(votes.items).classes)
    differing_counts = []
    for recipe, original_labels in _applicable_recipes(recipes, experts, original):
        resampler = _make_label_resampler(votes, experts, rater_golden, original_labels, recipe, threshold)
        differing_counts.append(_count_differing_images(labels, resampler))
        if not differing_counts[-1]:
            return resampler
    raise DataError(
        "different-labels",
        "label sets cannot be computed again from these votes",
        allowed=f"label sets that the ReaL recipe makes from these votes at threshold {threshold:g}",
        found=f"{min(differing_counts):,} of {len(resampler.questions.images):,} rated images get other label sets",
        fix=Fix(
            "use the votes, golden answers, original labels and threshold that made the label sets, or make scores "
            "with {method}",
            method='"calibrated"',
        ),
    )


def likely_recipes(
    published_recipe: ScoreRecipe | None = None, method: str = UNKNOWN_METHOD
) -> tuple[ScoreRecipe, ...]:
    """Return the recipes to try for given label sets: the published recipe and that of ``calibrated``."""
    recipes = [] if published_recipe is None else [published_recipe]
    if method.partition(", ")[0] == "calibrated":
        options = parse_method(method)[1]
        options.pop("original", None)
        if options.keys() <= {"min_experts", "smoothing", "pooling"}:  # otherwise the scores are not Bayes' rule
            recipes.append(calibrated_recipe(**options))
    return tuple(dict.fromkeys([*recipes, calibrated_recipe()]))


def _applicable_recipes(
    recipes: Sequence[ScoreRecipe], experts: Votes, original: LabelSets | None
) -> Iterator[tuple[ScoreRecipe, LabelSets | None]]:
    """Yield each scoring method for which there are enough experts, once with and once without original labels."""
    max_experts = int(experts.sizes.max(initial=0))
    for recipe in [recipe for recipe in recipes if (recipe.min_experts or 1) <= max_experts] or recipes:
        if original is not None:
            yield recipe, original
        yield recipe, None


def _make_label_resampler(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, recipe: ScoreRecipe, threshold: float
) -> LabelResampler:
    """Prepare to compute label sets from resampled votes, with the scoring method and options of `recipe`."""
    questions = require_questions(votes.items)
    model = estimate_rater_and_label_models(experts, rater_golden, original, recipe).model_of_raters_and_original_label
    model_votes = votes.with_possible_answers(model.answers)
    measured_raters = model.raters if original is None else model.raters[:-1]
    raters = tuple(dict.fromkeys((*votes.raters, *measured_raters)))
    with np.errstate(divide="ignore"):  # all golden questions may be valid
        base = np.full(len(questions), np.log(model.prior[1] / model.prior[0]))
    if original is not None:
        label_votes = original_label_votes(
            questions, original, class_id_limit=recipe.n_classes_with_original_vote, answers=model.answers
        )
        ratios = np.log(model.matrices[-1, 1] / model.matrices[-1, 0])
        base += np.bincount(label_votes.item_ids, ratios[label_votes.answer_ids], len(questions))
    return LabelResampler(
        questions=questions,
        item_ids=votes.item_ids,
        rater_answer_codes=model_votes.rater_ids.astype(np.int64) * len(model.answers) + model_votes.answer_ids,
        matrices=model.matrices_of(raters),
        has_own_matrix=np.isin(raters, measured_raters) | (recipe.pooling > 0),
        base_log_odds=base,
        threshold=threshold,
    )


def _count_differing_images(labels: LabelSets, resampler: LabelResampler) -> int:
    """Count rated images whose label set changes when labels are made again with equal rater weights."""
    equal_weights, questions = np.ones((1, resampler.n_raters), np.int64), resampler.questions
    # Scores that equal the threshold within rounding may be in the label set or not.
    shifted = (
        replace(resampler, base_log_odds=resampler.base_log_odds + shift)
        for shift in (-_LOG_ODDS_TOLERANCE, _LOG_ODDS_TOLERANCE)
    )
    (is_certain,), (is_possible,) = (each.find_questions_that_reach_threshold(equal_weights).T for each in shifted)
    rows = match_images(questions.images, labels.images, where="the votes")
    is_in = rows >= 0
    classes, sizes = labels.classes_of_rows(rows[is_in])
    label_pairs = np.repeat(np.flatnonzero(is_in), sizes) << 32 | classes
    pairs = questions.image_ids.astype(np.int64) << 32 | questions.class_ids
    differing = np.concatenate(
        [np.setdiff1d(pairs[is_certain], label_pairs), np.setdiff1d(label_pairs, pairs[is_possible])]
    )
    return np.union1d(differing >> 32, np.flatnonzero(~is_in)).size
