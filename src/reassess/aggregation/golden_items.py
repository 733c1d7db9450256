"""Golden items on which raters are measured: the raters' votes on them, and the truth by the experts."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em_inputs import natural_truths
from reassess.aggregation.golden import ExpertTruth, expert_truth
from reassess.core import Benchmark, Id, Items, Questions, Votes
from reassess.core.answers import full_scale
from reassess.core.checks import check_range, check_type
from reassess.core.image_names import join
from reassess.core.items import as_questions, describe
from reassess.core.votes import align_votes
from reassess.errors import DataError, ReassessWarning
from reassess.text import Shown, some


@dataclass(frozen=True, eq=False, repr=False)
class GoldenVotes(Shown):
    """Raters' votes on golden items, and the truth of each item."""

    _THING, _HOW_TO_GET = "golden votes", "golden_votes(EXPERTS, VOTES)"

    votes: Votes
    truth: npt.NDArray[np.integer]  # position of each item's truth among the truths; -1 if unknown
    by_experts: ExpertTruth | None = None  # None if the truth comes from elsewhere
    truths: tuple[Id, ...] = ()  # what an item can be; empty if the caller says so


def golden_votes(experts: Votes, raters: Votes, *, at_least: int | None = None) -> GoldenVotes:
    """Raters' votes on golden items with the truth by the experts.

    (image, class) questions are invalid or valid, and experts may answer on another scale than the raters; any other
    item is one of the raters' answers.

    Parameters
    ----------
    experts
        The experts' votes on golden items.
    raters
        The raters' votes; an item that no expert judged has no known truth.
    at_least
        Number of experts who must say yes for a pair to be valid, or give an item's answer; by default more than half
        of those who answered the item.

    Raises
    ------
    DataError
        No such number of experts; an expert gave an answer that raters cannot give, if that is no class.

    Examples
    --------
    >>> item, answers = np.zeros(3, int), ("no", "yes")
    >>> experts = Votes.from_columns(("x",), item, np.arange(3), np.array([0, 0, 1]), (1, 2, 3), answers)
    >>> golden = golden_votes(experts, experts)
    >>> golden.truth, golden.truths, golden.by_experts.rule
    (array([0]), ('no', 'yes'), 'an answer of more than half of its experts')
    """
    check_type(Votes, experts, raters)
    rows = experts.find(raters.items)
    experts, raters = align_votes(experts, raters)
    truths = natural_truths(raters)
    truth = expert_truth(experts, truths, at_least=at_least)
    return GoldenVotes(raters, np.where(rows >= 0, truth.values[rows], -1), by_experts=truth, truths=truths)


def golden_answers(votes: Votes) -> tuple[Id, ...] | None:
    """The answers that votes on golden items can hold, in order: the raters', and all of no, maybe, yes.

    By them votes are read, so that experts who never say maybe, or yes, have the raters' answers. None for classes,
    since an expert may choose one that no rater did.
    """
    if votes.classes is not None:
        return None
    return full_scale(votes.answers) if isinstance(votes.items, Questions) else votes.answers


def golden_part(votes: Votes, experts: Votes, rater_golden: Votes | None = None) -> Votes:
    """The raters' votes on golden items, to measure the raters: `rater_golden`, or else those among `votes`."""
    if rater_golden is not None:
        return rater_golden
    rows = votes.find(experts.items)
    if not (rows >= 0).any():
        raise DataError(
            "missing-golden",
            "no golden item has a vote",
            fix="check that all files name the items alike, or give the raters' votes on golden items",
        )
    lost = np.flatnonzero(rows < 0).tolist()
    if lost:
        examples = some([describe(experts.items, row) for row in lost], most=3)
        of_all = f"{len(lost):,} of {len(experts.items):,} golden items"
        text = f"{of_all} are not among the votes, and are not used: {examples}"
        warnings.warn(text, ReassessWarning, stacklevel=2)
    return votes.restrict(rows[rows >= 0])


def with_golden_votes(votes: Votes, rater_golden: Votes | None, experts: Votes | None = None) -> Votes:
    """The raters' votes, and on golden items that have none their golden votes: what scores are made of.

    In a campaign golden questions are asked as golden alone; so their scores come about as those of all others. Golden
    items that have votes in the main job are scored by these. An image of which some golden questions have no vote, and
    none has one in the main job, stays unrated, even if it has votes on classes that raters suggested: its label set
    would lack the classes that nobody was asked about.

    Parameters
    ----------
    votes
        The raters' votes of the main job.
    rater_golden
        The raters' votes on golden items, where these are apart. Votes of raters and counts of votes without raters are
        not joined.
    experts
        The experts' votes: by them it is known which golden questions an image has.

    Returns
    -------
    The votes themselves where there is no such item or image; else new items come after those of `votes`.

    Raises
    ------
    DataError
        The votes are on things of different kinds.

    Examples
    --------
    >>> both, zero = np.array([0, 1]), np.zeros(2, int)
    >>> votes = Votes.from_columns(("x", "y"), both, zero, both, ("ann",), ("no", "yes"))
    >>> golden = Votes.from_columns(("y", "z"), both, zero, zero, ("ann",), ("no", "yes"))
    >>> rated = with_golden_votes(votes, golden)
    >>> rated.items, rated.on(1), rated.on(2)
    (('x', 'y', 'z'), (('ann', 'yes'),), (('ann', 'no'),))
    """
    check_type(Votes, votes)
    check_type(Votes, rater_golden, experts, optional=True)
    if rater_golden is None or rater_golden.anonymous != votes.anonymous:
        return votes
    if experts is not None and isinstance(rater_golden.items, Questions):
        in_part = _rated_in_part(votes, rater_golden, experts)
        if lost := sorted(set(in_part).intersection(votes.images)):
            text = f"golden questions have no votes, so images stay unrated ({len(lost):,}): {some(lost, most=3)}"
            warnings.warn(text, ReassessWarning, stacklevel=2)
        votes, rater_golden = (_without_images(each, in_part) for each in (votes, rater_golden))
    is_new = (votes_on(rater_golden.items, votes) == 0) & (rater_golden.sizes > 0)
    return votes.append(rater_golden.restrict(np.flatnonzero(is_new))) if is_new.any() else votes


def with_more_votes(votes: Votes, golden: Votes, rows: npt.NDArray[np.integer]) -> Votes:
    """Votes, and golden votes on the items at some rows by raters who have no vote on the item yet."""
    if golden.anonymous or not len(golden):
        return votes
    position = {name: i for i, name in enumerate(votes.raters)}
    raters = np.array([position.get(name, -1) for name in golden.raters], np.int64)[golden.rater_ids]
    items = votes.find(golden.items)[golden.item_ids]
    pairs = votes.item_ids * np.int64(len(votes.raters)) + votes.rater_ids
    is_new = (raters < 0) | ~np.isin(items * np.int64(len(votes.raters)) + raters, pairs)
    kept = np.flatnonzero(np.isin(items, rows) & is_new)
    if not kept.size:
        return votes
    columns = golden.item_ids[kept], golden.rater_ids[kept], golden.answer_ids[kept]
    more = Votes.from_columns(golden.items, *columns, golden.raters, golden.answers, classes=golden.classes)
    return votes.append(more.restrict(np.flatnonzero(more.sizes)))


def votes_on(items: Items, votes: Votes) -> npt.NDArray[np.int64]:
    """Number of votes on each item."""
    return np.append(votes.sizes, 0)[votes.find(items)]


def _rated_in_part(votes: Votes, rater_golden: Votes, experts: Votes) -> list[str]:
    """Images with a golden question without any vote, and no golden question among the votes of the main job."""
    asked = as_questions(experts.items)
    in_main_job = votes_on(asked, votes) > 0
    unanswered = ~in_main_job & (votes_on(asked, rater_golden) == 0) & (experts.sizes > 0)
    in_part = np.setdiff1d(asked.image_ids[unanswered], asked.image_ids[in_main_job])
    return [asked.images[image] for image in in_part.tolist()]


def _without_images(votes: Votes, left_out: list[str]) -> Votes:
    """Votes without those on some images."""
    asked = as_questions(votes.items)
    kept = (join(asked.images, left_out) < 0)[asked.image_ids]
    return votes if kept.all() else votes.restrict(np.flatnonzero(kept))


def golden_sources(benchmark: Benchmark, golden: str | None = None) -> dict[str, str]:
    """Where the votes on golden items come from: known names or paths, by part as in `Benchmark.sources`.

    The benchmark's own raters' golden votes go only with its own experts' votes. With other experts' votes, the raters'
    golden votes are those among their votes.
    """
    if golden not in (None, benchmark.sources.get("golden")):
        return {"golden": golden}
    return {part: benchmark.sources[part] for part in ("golden", "rater-golden") if part in benchmark.sources}


def image_folds(images: int, folds: int, *, seed: int = 0) -> npt.NDArray[np.int64]:
    """A fold for each image, at random and as even as can be."""
    check_range(folds, 2, images, what="number of folds", high_is="the number of images")
    return np.random.default_rng(seed).permutation(np.arange(images) % folds)
