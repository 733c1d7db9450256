"""Golden items, to measure raters: the raters' votes on them, and the experts' truth."""

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em_inputs import default_possible_truths
from reassess.aggregation.golden import ExpertTruth, expert_truth
from reassess.core import VALIDITY, Benchmark, Id, Items, Questions, Votes
from reassess.core.answers import extend_to_no_maybe_yes
from reassess.core.checks import check_range, check_type
from reassess.core.image_names import match_images
from reassess.core.items import StoredItems, are_questions, describe_item, require_questions
from reassess.core.votes import align_votes
from reassess.errors import DataError, ReassessWarning
from reassess.numeric.arrays import allocate_like
from reassess.text import Printable, join_first


@dataclass(frozen=True, eq=False, repr=False)
class GoldenVotesWithTruth(Printable):
    """Raters' votes on golden items, and the truth of each item."""

    _THING, _HOW_TO_GET = "golden votes", "golden_votes(EXPERTS, VOTES)"

    votes: Votes
    truth_ids: npt.NDArray[np.integer]  # position of each item's truth among the truths; -1 if unknown
    expert_truth: ExpertTruth | None = None  # None if the truth has another source
    truths: tuple[Id, ...] = ()  # the possible truths of an item; empty if the caller chooses them


def golden_votes(experts: Votes, votes: Votes, *, min_experts: int | None = None) -> GoldenVotesWithTruth:
    """Find the truth of the items that raters voted on, from the experts' votes.

    (image, class) questions are invalid or valid, and experts may use another scale of answers than the raters. The
    truth of other items is one of the raters' answers.

    Parameters
    ----------
    experts
        The experts' votes on golden items.
    votes
        The raters' votes. The truth of an item without experts' votes is unknown. Of votes that `read_vote_folder`
        read, only the votes on the experts' items are kept.
    min_experts
        Number of experts who must say yes for a question to be valid, or agree on an item's answer; by default more
        than half of the item's experts.

    Raises
    ------
    DataError
        `min_experts` is more than the number of experts; or an expert's answer is not a class, and raters cannot give
        it.

    Examples
    --------
    >>> item, answers = np.zeros(3, int), ("no", "yes")
    >>> experts = Votes.from_columns(("x",), item, np.arange(3), np.array([0, 0, 1]), (1, 2, 3), answers)
    >>> golden = golden_votes(experts, experts)
    >>> golden.truth_ids, golden.truths, golden.expert_truth.rule
    (array([0]), ('no', 'yes'), 'answer of more than half of the experts')
    """
    check_type(Votes, experts, votes)
    if isinstance(votes.items, StoredItems):
        found = votes.find_positions(experts.items)
        votes = votes.select_items(np.sort(found[found >= 0]))
    rows = experts.find_positions(votes.items)
    experts, votes = align_votes(experts, votes)
    truths = default_possible_truths(votes)
    truth = expert_truth(experts, truths, min_experts=min_experts)
    truth_ids = np.where(rows >= 0, truth.truth_ids[rows], -1)
    return GoldenVotesWithTruth(votes, truth_ids, expert_truth=truth, truths=truths)


def find_allowed_golden_answers(rater_votes: Votes) -> tuple[Id, ...] | None:
    """Return the answers allowed in golden votes: no, maybe, yes if raters use only these, else the raters' answers.

    Golden votes are read with these answers, so experts who never say maybe or yes have the same answers as the raters.
    If votes name classes, the result is None: an expert may choose a class that no rater chose.
    """
    if rater_votes.classes is not None:
        return None
    is_on_questions = are_questions(rater_votes.items)
    return extend_to_no_maybe_yes(rater_votes.answers) if is_on_questions else rater_votes.answers


def select_golden_votes(votes: Votes, experts: Votes, rater_golden: Votes | None = None) -> Votes:
    """Return the raters' votes on golden items: `rater_golden`, or if it is None, those in `votes`."""
    if rater_golden is not None:
        return rater_golden
    rows = votes.find_positions(experts.items)
    if not (rows >= 0).any():
        raise DataError(
            "missing-golden",
            "no golden item has a vote",
            fix="use the same item names in all files, or give the raters' votes on golden items",
        )
    missing = np.flatnonzero((rows < 0) & (experts.sizes > 0)).tolist()
    if missing:
        examples = join_first([describe_item(experts.items, row) for row in missing], max_items=3)
        share = f"{len(missing):,} of {len(experts.items):,} golden items"
        text = f"{share} have no votes and are not used: {examples}"
        warnings.warn(text, ReassessWarning, stacklevel=2)
    return votes.select_items(rows[rows >= 0])


class _AlignedVotes(NamedTuple):
    """Raters' ordinary votes, experts' votes and raters' golden votes, with common answers and classes."""

    votes: Votes
    experts: Votes
    rater_golden: Votes
    truths_are_answers: bool


def align_with_golden(
    votes: Votes, experts: Votes, rater_golden: Votes | None, truths_are_answers: bool | None
) -> _AlignedVotes:
    """Convert the three sets of votes so that they share one list of answers and one list of classes."""
    check_type(Votes, votes, experts)
    are_answers = default_possible_truths(votes) != VALIDITY if truths_are_answers is None else truths_are_answers
    golden = select_golden_votes(votes, experts, rater_golden).with_no_maybe_yes()
    votes, experts, golden = align_votes(votes.with_no_maybe_yes(), experts, golden)
    return _AlignedVotes(votes, experts, golden, are_answers)


def with_golden_votes(votes: Votes, rater_golden: Votes | None, experts: Votes | None = None) -> Votes:
    """Add the raters' golden votes to the votes, but only on golden items without other votes.

    A campaign asks its golden questions separately, so the raters' votes on them (golden votes) may be in a separate
    file. With these votes, golden questions are scored like all other questions. If a golden item has ordinary votes,
    only its ordinary votes are used.

    If an image has no ordinary votes on golden questions, and one of its golden questions has no votes at all, all
    votes on the image are removed, including votes on classes that raters suggested. Otherwise its label set would be
    missing classes that nobody was asked about. The experts' answers may still decide the image, see
    `Aggregation.scores_with_experts`.

    Parameters
    ----------
    votes
        The raters' ordinary votes (without golden votes).
    rater_golden
        The raters' votes on golden items, if they are in a separate file. Votes by raters are not combined with counts
        of votes without raters.
    experts
        The experts' votes; they define the golden questions of each image.

    Returns
    -------
    The same votes if there is nothing to add or remove; otherwise new items come after the items of `votes`.

    Raises
    ------
    DataError
        The votes are on items of different kinds.

    Examples
    --------
    >>> both, zero = np.array([0, 1]), np.zeros(2, int)
    >>> votes = Votes.from_columns(("x", "y"), both, zero, both, ("ann",), ("no", "yes"))
    >>> golden = Votes.from_columns(("y", "z"), both, zero, zero, ("ann",), ("no", "yes"))
    >>> rated = with_golden_votes(votes, golden)
    >>> rated.items, rated.votes_on(1), rated.votes_on(2)
    (('x', 'y', 'z'), (('ann', 'yes'),), (('ann', 'no'),))
    """
    check_type(Votes, votes)
    check_type(Votes, rater_golden, experts, is_optional=True)
    if rater_golden is None or rater_golden.is_anonymous != votes.is_anonymous:
        return votes
    if experts is not None and isinstance(rater_golden.items, Questions):
        incomplete_images = _find_images_with_unanswered_golden(votes, rater_golden, experts)
        if unrated := sorted(set(incomplete_images).intersection(votes.images)):
            text = (
                f"golden questions have no raters' votes, so other votes on their images are not used "
                f"({len(unrated):,}): {join_first(unrated, max_items=3)}"
            )
            warnings.warn(text, ReassessWarning, stacklevel=2)
        votes, rater_golden = (_remove_images(each, incomplete_images) for each in (votes, rater_golden))
    is_new = (count_votes_on(rater_golden.items, votes) == 0) & (rater_golden.sizes > 0)
    return votes.append(rater_golden.select_items(np.flatnonzero(is_new))) if is_new.any() else votes


def add_missing_golden_votes(votes: Votes, golden: Votes, item_rows: npt.NDArray[np.integer]) -> Votes:
    """Add golden votes on the items at `item_rows`, unless the rater already has a vote on the item."""
    if golden.is_anonymous or not len(golden):
        return votes
    position = {name: i for i, name in enumerate(votes.raters)}
    raters = np.array([position.get(name, -1) for name in golden.raters], np.int64)[golden.rater_ids]
    items = votes.find_positions(golden.items)[golden.item_ids]
    pinned = votes.select_items(np.unique(items[items >= 0]))
    pairs = np.unique(items[items >= 0])[pinned.item_ids] * np.int64(len(votes.raters)) + pinned.rater_ids
    is_new = (raters < 0) | ~np.isin(items * np.int64(len(votes.raters)) + raters, pairs)
    added_rows = np.flatnonzero(np.isin(items, item_rows) & is_new)
    if not added_rows.size:
        return votes
    columns = golden.item_ids[added_rows], golden.rater_ids[added_rows], golden.answer_ids[added_rows]
    added_votes = Votes.from_columns(golden.items, *columns, golden.raters, golden.answers, classes=golden.classes)
    return votes.append(added_votes.select_items(np.flatnonzero(added_votes.sizes)))


def find_truth_of_items(votes: Votes, experts: Votes, truth_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the truth of each item of `votes`, -1 if unknown, given the truth of each item of `experts`."""
    found: npt.NDArray[np.int64] = allocate_like(votes.indptr, len(votes.items), np.int64)
    found[:] = -1
    rows = votes.find_positions(experts.items)
    found[rows[rows >= 0]] = truth_ids[rows >= 0]
    return found


def count_votes_on(items: Items, votes: Votes) -> npt.NDArray[np.int64]:
    """Count the votes on each item."""
    rows = votes.find_positions(items)
    return np.where(rows >= 0, votes.indptr[rows + 1] - votes.indptr[rows], 0)


def are_golden_items_rated(experts: Votes, *rater_votes: Votes) -> bool:
    """Return whether raters voted on an item that experts answered."""
    return any((count_votes_on(experts.items, votes)[experts.sizes > 0] > 0).any() for votes in rater_votes)


def _find_images_with_unanswered_golden(votes: Votes, rater_golden: Votes, experts: Votes) -> list[str]:
    """Find images with an unanswered golden question, and without an ordinary vote on a golden question."""
    questions = require_questions(experts.items)
    is_in_main = count_votes_on(questions, votes) > 0
    is_unanswered = ~is_in_main & (count_votes_on(questions, rater_golden) == 0)
    image_ids = np.setdiff1d(questions.image_ids[is_unanswered], questions.image_ids[is_in_main])
    return [questions.images[image] for image in image_ids.tolist()]


def _remove_images(votes: Votes, images: list[str]) -> Votes:
    """Remove the votes on all questions about some images."""
    questions = require_questions(votes.items)
    is_kept = (match_images(questions.images, images) < 0)[questions.image_ids]
    return votes if is_kept.all() else votes.select_items(np.flatnonzero(is_kept))


def find_golden_vote_files(benchmark: Benchmark, golden_path: str | None = None) -> dict[str, str]:
    """Return the files of golden votes: of the experts (key ``golden``) and of the raters (key ``rater-golden``).

    The benchmark's golden votes by raters are used only with the benchmark's own experts. With other experts, golden
    votes are taken from the raters' votes.
    """
    if golden_path not in (None, benchmark.sources.get("golden")):
        return {"golden": golden_path}
    return {part: benchmark.sources[part] for part in ("golden", "rater-golden") if part in benchmark.sources}


def split_into_folds(n_images: int, n_folds: int, *, seed: int = 0) -> npt.NDArray[np.int64]:
    """Split images into random folds of equal size; return the fold of each image."""
    check_range(n_folds, 2, n_images, value_name="number of folds", high_name="the number of images")
    return np.random.default_rng(seed).permutation(np.arange(n_images) % n_folds)
