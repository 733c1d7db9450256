"""Label sets from the same votes with other weights of the raters, fast enough to resample raters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregate import parse_method
from reassess.aggregation.recipe import calibrated_recipe, measure_by_recipe, original_votes
from reassess.core import REAL_RECIPE, LabelSets, Questions, Recipe, Votes
from reassess.core.checks import check_range
from reassess.core.image_names import match_images
from reassess.core.items import require_questions
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import DataError, Fix
from reassess.numeric.arrays import freeze
from reassess.text import Printable

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-9  # tolerance for log odds


@dataclass(frozen=True, eq=False, repr=False)
class Relabelling(Printable):
    """Votes on (image, class) questions, the raters' matrices, and the threshold of the label sets.

    Symbols: R raters, A answers.
    """

    questions: Questions
    item_ids: npt.NDArray[np.int64]  # position of each vote's question
    codes: npt.NDArray[np.int64]  # rater * A + answer of each vote
    matrices: _Floats  # probability of each answer, for invalid and valid questions; shape (R, 2, A)
    measured: npt.NDArray[np.bool_]  # whether a rater has an own matrix; other raters have the mean of these
    base: _Floats  # log odds of "valid" of each question, from the prior and the original label's vote
    threshold: float  # classes with at least this probability are in the label set

    def __post_init__(self) -> None:
        freeze(self, "item_ids", "codes", "matrices", "measured", "base")

    @property
    def raters(self) -> int:
        """Number of raters."""
        return len(self.matrices)

    def reweight(self, times: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Return which questions reach the threshold, if each rater's votes count a number of times.

        `times` has shape (B, R), for B replicates; the result has shape (questions, B).
        """
        from reassess.numeric.resampling_kernels import write_is_kept

        weights = np.stack([self._ratios(of_raters) * of_raters[:, None] for of_raters in times], axis=-1)
        kept = np.empty((len(self.base), len(times)), bool)
        write_is_kept(*self._by_question, weights.reshape(-1, len(times)), self.base, self._least_log_odds, kept)
        return kept

    def redraw(self, truths: npt.NDArray[np.bool_], replicates: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Return which questions reach the threshold, if the same raters answer again.

        `truths`, shape (questions,), says which questions are valid. Answers are drawn independently from the raters'
        matrices. The result has shape (questions, replicates).
        """
        from reassess.numeric.resampling_kernels import redraw_answers_and_write_is_kept

        indptr, codes = self._by_question
        raters = (codes // self.matrices.shape[-1]).astype(np.uint32)
        cumulative, weights = self.matrices.cumsum(axis=-1), self._ratios(np.ones(self.raters, np.int64))
        draws, kept = np.empty(len(codes)), np.empty((len(self.base), replicates), bool)
        for of_replicate in kept.T:
            rng.random(out=draws)
            redraw_answers_and_write_is_kept(
                indptr, raters, cumulative, weights, self.base, self._least_log_odds, truths, draws, of_replicate
            )
        return kept

    def _ratios(self, times: npt.NDArray[np.integer]) -> _Floats:
        """Log likelihood ratio of each rater's answers, shape (R, A)."""
        matrices = self.matrices
        own = times * self.measured
        if own.any() and not self.measured.all():
            mean = np.tensordot(own / own.sum(), matrices, axes=1)
            matrices = np.where(self.measured[:, None, None], matrices, mean)
        return np.asarray(np.log(matrices[:, 1] / matrices[:, 0]))

    @cached_property
    def _by_question(self) -> tuple[_Ints, _Ints]:
        """The codes of votes in order of questions, and where the votes on each question start."""
        from reassess.numeric.vote_kernels import group_by_id

        indptr, order = np.zeros(len(self.base) + 1, np.int64), np.empty(len(self.codes), np.int64)
        group_by_id(self.item_ids, indptr, order)
        return indptr, self.codes[order]

    @cached_property
    def _least_log_odds(self) -> float:
        """The lowest log odds whose score reaches the threshold in floating point."""
        low, high = -800.0, 800.0
        with np.errstate(over="ignore"):
            while low < (middle := (low + high) / 2) < high:
                low, high = (low, middle) if 1 / (1 + np.exp(-middle)) >= self.threshold else (middle, high)
        return high if self.threshold > 0 else -np.inf


def relabel(
    labels: LabelSets,
    votes: Votes,
    experts: Votes,
    rater_golden: Votes,
    original: LabelSets | None,
    *,
    threshold: float,
    recipes: Sequence[Recipe] = (REAL_RECIPE,),
) -> Relabelling:
    """Find the recipe that makes the label sets from the votes.

    It tries each recipe with the original label as one more rater, and without. `label_uncertainty` can then make the
    label sets again from resampled votes.

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
    Relabelling

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
    >>> rules = Recipe(**minimums, n_classes_with_original_vote=None, smoothing=1.0, pooling=0.0)
    >>> relabelling = relabel(labels, votes, experts, rated, None, threshold=0.6, recipes=[rules])
    >>> relabelling.reweight(np.array([[1, 1], [0, 0]]))
    array([[ True, False],
           [False, False]])

    Notes
    -----
    Source of the default recipe: Beyer et al., arXiv 2006.07159, section 3.
    """
    check_range(threshold, 0, 1, value_name="threshold")
    labels = labels.in_classes(require_questions(votes.items).classes)
    differing = []
    for recipe, original_labels in _candidates(recipes, experts, original):
        relabelling = _prepare(votes, experts, rater_golden, original_labels, recipe, threshold)
        differing.append(_count_differing(labels, relabelling))
        if not differing[-1]:
            return relabelling
    raise DataError(
        "different-labels",
        "label sets do not follow from the votes by method calibrated or the benchmark's recipe",
        allowed=f"label sets of the ReaL recipe at threshold {threshold:g}",
        found=f"{min(differing):,} of {len(relabelling.questions.images):,} rated images differ",
        fix=Fix(
            "use the votes, golden answers, original labels and threshold that made the label sets, or make scores "
            "with {method}",
            method='"calibrated"',
        ),
    )


def likely_recipes(published: Recipe | None = None, method: str = UNKNOWN_METHOD) -> tuple[Recipe, ...]:
    """Return the recipes that may have made label sets: the published one, and calibrated, as recorded or usual."""
    recipes = [] if published is None else [published]
    if method.partition(", ")[0] == "calibrated":
        options = parse_method(method)[1]
        recipes.append(calibrated_recipe(**{name: value for name, value in options.items() if name != "original"}))
    return tuple(dict.fromkeys([*recipes, calibrated_recipe()]))


def _candidates(
    recipes: Sequence[Recipe], experts: Votes, original: LabelSets | None
) -> Iterator[tuple[Recipe, LabelSets | None]]:
    """Each recipe with enough experts, with and without original labels; all recipes if none has enough."""
    most = int(experts.sizes.max(initial=0))
    for recipe in [recipe for recipe in recipes if (recipe.min_experts or 1) <= most] or recipes:
        if original is not None:
            yield recipe, original
        yield recipe, None


def _prepare(
    votes: Votes, experts: Votes, rater_golden: Votes, original: LabelSets | None, recipe: Recipe, threshold: float
) -> Relabelling:
    questions = require_questions(votes.items)
    model = measure_by_recipe(experts, rater_golden, original, recipe).model
    cast = votes.with_answers(model.answers)
    measured_raters = model.raters if original is None else model.raters[:-1]
    raters = tuple(dict.fromkeys((*votes.raters, *measured_raters)))
    with np.errstate(divide="ignore"):  # all golden questions may be valid
        base = np.full(len(questions), np.log(model.prior[1] / model.prior[0]))
    if original is not None:
        label_votes = original_votes(
            questions, original, below=recipe.n_classes_with_original_vote, answers=model.answers
        )
        ratios = np.log(model.matrices[-1, 1] / model.matrices[-1, 0])
        base += np.bincount(label_votes.item_ids, ratios[label_votes.answer_ids], len(questions))
    return Relabelling(
        questions=questions,
        item_ids=votes.item_ids,
        codes=cast.rater_ids.astype(np.int64) * len(model.answers) + cast.answer_ids,
        matrices=model.matrices_of(raters),
        measured=np.isin(raters, measured_raters) | (recipe.pooling > 0),
        base=base,
        threshold=threshold,
    )


def _count_differing(labels: LabelSets, relabelling: Relabelling) -> int:
    """Count rated images whose label set is missing, or differs from the votes' at equal weights."""
    once, questions = np.ones((1, relabelling.raters), np.int64), relabelling.questions
    # Scores that equal the threshold within rounding may be in the label set or not.
    shifted = (replace(relabelling, base=relabelling.base + shift) for shift in (-_ROUNDING, _ROUNDING))
    (is_certain,), (is_possible,) = (each.reweight(once).T for each in shifted)
    rows = match_images(questions.images, labels.images, where="the votes")
    is_in = rows >= 0
    classes, sizes = labels.classes_of_rows(rows[is_in])
    label_pairs = np.repeat(np.flatnonzero(is_in), sizes) << 32 | classes
    pairs = questions.image_ids.astype(np.int64) << 32 | questions.class_ids
    differing = np.concatenate(
        [np.setdiff1d(pairs[is_certain], label_pairs), np.setdiff1d(label_pairs, pairs[is_possible])]
    )
    return np.union1d(differing >> 32, np.flatnonzero(~is_in)).size
