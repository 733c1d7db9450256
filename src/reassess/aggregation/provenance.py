"""How scores follow from votes, and the same scores made again without what judges them: an honest curve."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregate import by_calibration, by_majority, by_mean, fit_em, likely_recipes
from reassess.aggregation.golden_items import golden_part
from reassess.aggregation.recipe import makings, model_with_labels, scores_by_experts
from reassess.core.benchmark import Recipe
from reassess.core.checks import check_range
from reassess.core.image_names import join
from reassess.core.items import Items, as_questions, find_items, take_items
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.rater_model import RaterModel
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError, ReassessWarning
from reassess.text import Shown

__all__ = ["Making", "Provenance", "find_provenance", "known_provenance", "likely_makings"]

_SAME = 1e-6  # scores in a table may be rounded


@dataclass(frozen=True, eq=False)
class Making:
    """A way in which scores may have been made of votes.

    Parameters
    ----------
    maker
        Of the raters' votes, the experts' votes, and the raters' votes on golden items: what makes scores of the
        experts' votes, or of some of them, again and again.
    by_golden
        Whether the golden answers make the scores.
    of_all_votes
        Whether the scores of an image depend on the votes on other images, beside those on golden items.
    model
        Of the same votes as `maker`: the rater model behind the scores, and the votes of the original labels on the
        questions, None without them. None for a way without a rater model.
    """

    maker: Callable[[Votes, Votes, Votes], Callable[[Votes], Scores]]
    by_golden: bool = True
    of_all_votes: bool = False
    model: Callable[[Votes, Votes, Votes], tuple[RaterModel | None, Votes | None]] | None = None

    def make(self, votes: Votes, experts: Votes, rater_golden: Votes) -> Scores:
        """The scores of the raters' votes, the experts' votes, and the raters' votes on golden items."""
        return self.maker(votes, experts, rater_golden)(experts)


def likely_makings(
    votes: Votes,
    experts: Votes,
    original: LabelSets | None = None,
    *,
    published: Recipe | None = None,
    at_least: int | None = None,
    em: bool = False,
) -> Iterator[Making]:
    """The ways in which scores of unknown making may have been made: each method with its usual options.

    Parameters
    ----------
    votes
        The raters' votes.
    experts
        The experts' votes on golden items.
    original
        Original labels: scores of (image, class) questions are tried with them as one more rater, and without.
    published
        The rules of the images' benchmark.
    at_least
        A number of experts that may have been asked for.
    em
        Whether to try EM too, with golden items and without, which may take long.

    Examples
    --------
    >>> from reassess.core.classes import Classes
    >>> one, classes = np.zeros(1, int), Classes.from_texts(["cat"])
    >>> votes = Votes.from_columns(("a.png",), one, one, one, ("ann",), ("cat",), classes=classes)
    >>> [(making.by_golden, making.of_all_votes) for making in likely_makings(votes, votes, em=True)]
    [(False, False), (True, False), (False, True), (True, True)]
    """
    calibrated, fitted = partial(by_calibration, at_least=at_least), partial(fit_em, at_least=at_least)
    yield Making(lambda votes, *_: lambda _: by_majority(votes).scores, by_golden=False)
    if votes.classes is None:
        yield Making(lambda votes, *_: lambda _: by_mean(votes).scores, by_golden=False)
        recipes = likely_recipes(published, at_least=at_least)
        for recipe, labels in makings(recipes, experts, original):
            yield Making(
                partial(scores_by_experts, original=labels, recipe=recipe),
                model=partial(model_with_labels, original=labels, recipe=recipe),
            )
    if votes.anonymous:
        return
    if votes.classes is not None:
        yield Making(lambda votes, _, golden: lambda some: calibrated(votes, some, rater_golden=golden).scores)
    if em:
        yield Making(
            lambda votes, *_: lambda _: fit_em(votes)[0].scores,
            by_golden=False,
            of_all_votes=True,
            model=lambda votes, *_: (fit_em(votes)[0].model, None),
        )
        yield Making(
            lambda votes, _, golden: lambda some: fitted(votes, experts=some, rater_golden=golden)[0].scores,
            of_all_votes=True,
            model=lambda votes, experts, golden: (
                fitted(votes, experts=experts, rater_golden=golden)[0].model,
                None,
            ),
        )


@dataclass(frozen=True, eq=False, repr=False)
class Provenance(Shown):
    """The votes, the golden answers and the way in which scores were shown to be made of them.

    Parameters
    ----------
    votes, experts, rater_golden
        The raters' votes, the experts' votes on golden items, and the raters' votes on these.
    making
        How the scores were made.
    """

    votes: Votes
    experts: Votes
    rater_golden: Votes
    making: Making

    @property
    def golden_images(self) -> int:
        """Number of images of golden items."""
        return len(self.experts.images)

    def left_out(
        self, folds: npt.NDArray[np.integer] | None = None, *, track: Callable[[Sequence[int]], Iterable[int]] = iter
    ) -> Scores:
        """Scores of the golden items, those of each image made without the golden answers about it.

        The votes on the image stay. Golden items that are not among the votes have no scores.

        Parameters
        ----------
        folds
            Integers, shape (golden images,): the golden answers on images of one number are left out together; by
            default those on each image alone.
        track
            Passes on the numbers of folds, so that progress can be shown.

        Raises
        ------
        DataError
            There is one golden image, or one fold, so that no golden answer is left.
        """
        fold_of = np.arange(self.golden_images) if folds is None else np.asarray(folds)
        numbers = np.unique(fold_of).tolist()
        check_range(len(numbers), 2, what="number of golden images, or folds")
        items = self.experts.items
        fold = fold_of[items.image_ids] if isinstance(items, Questions) else fold_of
        rows = self.votes.find(items)
        parts = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReassessWarning)
            make = self.making.maker(self.votes, self.experts, self.rater_golden)
            for number in track(numbers):
                out = np.flatnonzero(fold == number)
                scores = make(self.experts.without(out))
                parts.append(_scores_of(scores, take_items(self.votes.items, rows[out][rows[out] >= 0])))
        return _together(parts, self.experts.images)


def _scores_of(scores: Scores, items: Items) -> Scores:
    """The scores of some questions, or of those about some images."""
    questions = scores.questions
    if isinstance(items, Questions):
        rows = find_items(questions, items)
    else:
        rows = np.flatnonzero(np.isin(questions.image_ids, questions.rows_of([str(image) for image in items])))
    return Scores(as_questions(take_items(questions, rows)), scores.values[rows], exclusive=scores.exclusive)


def _together(parts: list[Scores], images: Sequence[str]) -> Scores:
    """Scores of different images in one, in the order of some names of these images."""
    names = [part.images[image] for part in parts for image in part.questions.image_ids.tolist()]
    class_ids = np.concatenate([part.questions.class_ids for part in parts])
    questions = Questions.from_columns(names, class_ids, parts[0].questions.classes)
    order = np.lexsort((class_ids, join(questions.images, images)[questions.image_ids]))
    values = np.concatenate([part.values for part in parts])[order]
    return Scores(as_questions(take_items(questions, order)), values, exclusive=parts[0].exclusive)


def find_provenance(
    scores: Scores, votes: Votes, experts: Votes, rater_golden: Votes, makings: Iterable[Making]
) -> Provenance:
    """Show in which way scores were made of votes.

    Parameters
    ----------
    scores
        The scores; they are compared on the golden items, or, where they depend on all votes, everywhere.
    votes, experts, rater_golden
        The raters' votes, the experts' votes on golden items, and the raters' votes on these.
    makings
        The ways to try, such as `likely_makings`; one that these votes do not allow does not count.

    Raises
    ------
    DataError
        The scores were made in none of the ways; no golden item is among the votes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReassessWarning)  # they were given when the scores were made
        golden = golden_part(votes, experts)
        nearest, refused = np.inf, ""
        for making in makings:
            given = votes if making.of_all_votes else golden
            try:
                remade = making.make(given, experts, rater_golden)
            except DataError as error:
                refused = refused or f"; and one way is none: {error.what}"
                continue
            farthest = _farthest(remade.in_classes(scores.questions.classes), scores)
            if farthest <= _SAME:
                return Provenance(votes=given, experts=experts, rater_golden=rater_golden, making=making)
            nearest = min(nearest, farthest)
    raise DataError(
        "unknown-method",
        "method that made these scores was not found",
        allowed=f"a difference of at most {_SAME:g} on every golden item",
        found=(f"{nearest:.3g}" if np.isfinite(nearest) else "golden items without a score") + refused,
        fix="give the votes, golden answers and original labels of which they were made; scores that were made with "
        "other options, such as another pooling, cannot be made again",
    )


def _farthest(remade: Scores, scores: Scores) -> float:
    """The greatest difference of scores that were made again from those that were given; infinite where one lacks."""
    questions = remade.questions
    given = scores.at(scores.questions.rows_of(questions.images)[questions.image_ids], questions.class_ids)
    return float(np.nan_to_num(np.abs(remade.values - given), nan=np.inf).max(initial=0.0 if len(remade) else np.inf))


def known_provenance(
    scores: Scores, votes: Votes, experts: Votes, rater_golden: Votes, makings: Iterable[Making]
) -> Provenance | None:
    """As `find_provenance`, and None where the scores cannot be shown to follow from the votes."""
    try:
        return find_provenance(scores, votes, experts, rater_golden, makings)
    except DataError:
        return None
