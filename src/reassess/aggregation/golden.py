"""Golden truth: questions of which experts have said whether the class is valid."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.aggregation.baselines import majority
from reassess.aggregation.calibration import expert_truth, more_than_half, natural_truths
from reassess.core.benchmark import Benchmark
from reassess.core.checks import check_all, check_range, check_shape
from reassess.core.classes import Classes
from reassess.core.image_names import join
from reassess.core.items import Id, Items, as_questions, describe, find_items, take_items, unite_items
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY
from reassess.core.scores import Scores
from reassess.core.votes import KNOWN_ANSWERS, Votes, in_common_classes
from reassess.errors import DataError, ReassessWarning
from reassess.numeric.arrays import freeze, runs
from reassess.text import some

__all__ = [
    "Golden",
    "GoldenVotes",
    "agreed_answer",
    "golden_answers",
    "golden_part",
    "golden_sources",
    "golden_truth",
    "golden_votes",
    "votes_on_questions",
]


@dataclass(frozen=True, eq=False)
class Golden:
    """Whether each of some (image, class) questions is valid.

    Parameters
    ----------
    questions
        The golden pairs.
    valid
        bool, shape (questions,).
    exclusive
        Whether the experts chose one class for each image, so that a class without a score has 0, if its image has
        scores.

    Raises
    ------
    DataError
        There is no pair, or no valid one; or the truth has another shape.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> Golden(questions, np.array([True, False, True]))
    Golden(3 pairs on 2 images, 2 valid)
    """

    questions: Questions
    valid: npt.NDArray[np.bool_]
    exclusive: bool = False

    def __post_init__(self) -> None:
        check_shape(self.valid, (len(self.questions),), what="the truth of golden pairs")
        if not self.valid.size:
            raise DataError("there is no golden pair", mend="without golden pairs there is nothing to measure by")
        if not self.valid.any():
            raise DataError(
                "no golden pair is valid",
                found=f"{len(self):,} pairs that are not valid",
                mend="without a valid pair there is no recall: let fewer experts be enough, or judge more pairs",
            )
        freeze(self, "valid")

    def __len__(self) -> int:
        return self.valid.size

    def __repr__(self) -> str:
        images = len(self.questions.images)
        return f"Golden({len(self):,} pairs on {images:,} images, {self.positives:,} valid)"

    @property
    def positives(self) -> int:
        """Number of valid pairs, at least 1."""
        return int(np.count_nonzero(self.valid))

    def rows_in(self, items: Items, what: str) -> npt.NDArray[np.int64]:
        """Position of each golden pair among other items, int64, shape (questions,).

        Raises
        ------
        DataError
            A pair is not there; `what`, such as "the scores", says where.
        """
        rows = find_items(items, self.questions)
        check_all(
            rows >= 0,
            what=f"golden pairs that are not in {what}",
            name_of=self.questions.at,
            mend="take both from one release, or leave these pairs out of the golden answers",
        )
        return rows

    def values_of(self, scores: Scores) -> npt.NDArray[np.float64]:
        """Score of each golden pair, float64, shape (questions,); see `exclusive`.

        Raises
        ------
        DataError
            A pair, or of exclusive classes an image, has no score.
        """
        if not self.exclusive:
            return np.asarray(scores.values[self.rows_in(scores.questions, "the scores")])
        check_all(
            scores.questions.rows_of(self.questions.images) >= 0,
            what="golden images that are not in the scores",
            name_of=lambda row: f"image {self.questions.images[row]}",
            mend="take both from one release, or leave these images out of the golden answers",
        )
        rows = find_items(scores.questions, self.questions)
        return np.where(rows >= 0, scores.values[rows], 0.0)


def golden_truth(experts: Votes, *, at_least: int | None = None, among: Sequence[Questions] = ()) -> Golden:
    """The truth by the experts: a pair is valid if enough of them said yes, or chose its class for its image.

    Parameters
    ----------
    experts
        The experts' votes on (image, class) questions, of which one without a vote is left out; or for one class an
        image, of which one without enough votes for a class is left out.
    at_least
        Number of votes for yes that make a pair valid, or for a class that make it the only valid one of its image; by
        default more than half of the most votes on an item.
    among
        Of votes for one class an image: the questions of each file of scores to be judged; those about golden images
        are golden pairs, and so is the class that the experts chose. Other votes have their own questions.

    Raises
    ------
    DataError
        The votes are on plain items; no such number of experts; no pair is valid.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png"], np.array([1, 2]))
    >>> yes = np.array([1, 1, 0, 0, 1, 0])
    >>> experts = Votes.from_columns(questions, np.repeat([0, 1], 3), np.tile([0, 1, 2], 2), yes, "xyz", ("no", "yes"))
    >>> golden_truth(experts)
    Golden(2 pairs on 1 images, 1 valid)

    Notes
    -----
    Source: Beyer et al., arXiv 2006.07159, section 3.2.
    """
    if experts.classes is None:
        as_questions(experts.items, what="the experts' votes")
    if not len(experts):
        raise DataError("the experts gave no votes", mend="give the golden answers")
    if experts.classes is not None:
        return _golden_classes(experts, among, at_least)
    experts = experts.with_answers(golden_answers(experts) or experts.answers)
    truth = expert_truth(experts, at_least=more_than_half(experts) if at_least is None else at_least)
    judged = np.flatnonzero(truth >= 0)
    return Golden(as_questions(take_items(experts.items, judged)), truth[judged] == 1)


def _golden_classes(experts: Votes, among: Sequence[Questions], at_least: int | None) -> Golden:
    """Of each golden image, the questions about it; the class that the experts chose is valid, and no other."""
    enough = more_than_half(experts) if at_least is None else at_least
    check_range(enough, 1, int(experts.sizes.max()), what="number of experts")
    most = agreed_answer(experts, at_least=enough)
    known = np.flatnonzero(most >= 0)
    chosen = Questions(
        images=tuple(experts.images[row] for row in known.tolist()),
        image_ids=np.arange(known.size, dtype=np.int32),
        class_ids=experts.class_ids[most[known]].astype(np.int32),
        classes=experts.classes or Classes(),
    )
    pairs: Items = chosen
    for asked in among:
        on_golden = join(asked.images, chosen.images, where="the questions", known_where="the golden answers")
        rows = np.flatnonzero(on_golden[asked.image_ids] >= 0)
        pairs, _ = unite_items(pairs, take_items(asked, rows))
    valid = find_items(chosen, pairs) >= 0
    return Golden(as_questions(pairs), valid, exclusive=True)


def votes_on_questions(votes: Votes, questions: Questions) -> Votes:
    """Votes for one class an image as votes on questions: yes to the chosen class, and no to each other of the image.

    Parameters
    ----------
    votes
        Votes for one class an image.
    questions
        On these; a vote on an image with no question is left out, and a question on an image without votes has none.

    Examples
    --------
    >>> zero, classes = np.zeros(1, int), Classes.from_texts(["cat", "dog"])
    >>> votes = Votes.from_columns(("a.png",), zero, zero, zero, ("ann",), ("dog",), classes=classes)
    >>> questions = Questions.from_columns(["a.png", "a.png"], np.array([0, 1]), classes)
    >>> votes_on_questions(votes, questions).counts().tolist()
    [[1, 0], [0, 1]]
    """
    classes = questions.classes if votes.classes is None else votes.classes.unite(questions.classes)
    votes, questions = votes.in_classes(classes), questions.in_classes(classes)
    image_rows = votes.find(questions.images)[questions.image_ids]
    sizes = np.where(image_rows >= 0, votes.sizes[image_rows], 0)
    given = runs(votes.indptr[image_rows], sizes)  # the votes on the image of each question, one question after another
    item_ids = np.repeat(np.arange(len(questions)), sizes)
    answer_ids = votes.class_ids[votes.answer_ids[given]] == questions.class_ids[item_ids]
    return Votes.from_columns(
        items=questions,
        item_ids=item_ids,
        rater_ids=votes.rater_ids[given],
        answer_ids=answer_ids.astype(np.uint8),
        raters=votes.raters,
        answers=("no", "yes"),
    )


@dataclass(frozen=True, eq=False)
class GoldenVotes:
    """Raters' votes on golden items, and the truth of each item.

    Parameters
    ----------
    votes
        The raters' votes.
    truth
        Integers, shape (golden items,): position of each item's truth among the truths; -1 where it is not known.
    rule
        How the truth follows from the experts' votes, in words.
    truths
        What an item can be; empty where whoever measures the raters says so.
    """

    votes: Votes
    truth: npt.NDArray[np.integer]
    rule: str = ""
    truths: tuple[Id, ...] = ()


def golden_votes(experts: Votes, raters: Votes, *, at_least: int | None = None) -> GoldenVotes:
    """Raters' votes on golden items with the truth by the experts.

    (image, class) questions that the raters answer with no, maybe, yes are invalid or valid; any other item is one of
    the raters' answers.

    Parameters
    ----------
    experts
        The experts' votes on golden items.
    raters
        The raters' votes; an item that no expert judged has no known truth.
    at_least
        Number of experts who must say yes for a pair to be valid, or give an item's answer; by default more than half.

    Raises
    ------
    DataError
        No such number of experts; an expert gave an answer that raters cannot give, if that is no class.

    Examples
    --------
    >>> item, answers = np.zeros(3, int), ("no", "yes")
    >>> experts = Votes.from_columns(("x",), item, np.arange(3), np.array([0, 0, 1]), (1, 2, 3), answers)
    >>> golden = golden_votes(experts, experts)
    >>> golden.truth, golden.truths, golden.rule
    (array([0]), ('no', 'yes'), 'the answer of most experts, and of at least 2')
    """
    experts, raters = in_common_classes(experts, raters)
    experts = experts.with_answers(golden_answers(raters) or raters.answers)
    truths = natural_truths(raters)
    enough = more_than_half(experts) if at_least is None else at_least
    if truths == VALIDITY:
        rule = f"valid: at least {enough} of {experts.sizes.max(initial=0)} experts said yes"
        truth = expert_truth(experts, at_least=enough)
    else:
        rule = f"the answer of most experts, and of at least {enough}"
        truth = agreed_answer(experts, at_least=enough)
    rows = experts.find(raters.items)
    return GoldenVotes(votes=raters, truth=np.where(rows >= 0, truth[rows], -1), rule=rule, truths=truths)


def agreed_answer(experts: Votes, *, at_least: int) -> npt.NDArray[np.int64]:
    """The answer of most experts, and of at least so many, to each item, as its position; -1 where there is none."""
    most = majority(experts)
    return np.where(~most.ties & (most.counts.max(axis=1) >= at_least), most.winners, -1)


def golden_answers(votes: Votes) -> tuple[Id, ...] | None:
    """The answers that votes on golden items can hold, in order: all known ones for invalid and valid, or the raters'.

    By them votes are read, so that experts who never say maybe, or yes, have the raters' answers. None for classes,
    since an expert may choose one that no rater did.

    Parameters
    ----------
    votes
        The raters' votes.

    Examples
    --------
    >>> item = np.zeros(1, int)
    >>> golden_answers(Votes.from_columns(("x",), item, item, item, ("ann",), ("cat", "dog")))
    ('cat', 'dog')
    >>> question = Questions.from_columns(["a.png"], np.array([1]))
    >>> golden_answers(Votes.from_columns(question, item, item, item, ("ann",), ("no",)))
    ('no', 'maybe', 'yes')
    """
    if votes.classes is not None:
        return None
    return KNOWN_ANSWERS if natural_truths(votes) == VALIDITY else votes.answers


def golden_part(votes: Votes, experts: Votes, rater_golden: Votes | None = None) -> Votes:
    """The raters' votes on golden items, on which the raters are measured: those that are apart, or else among `votes`.

    Parameters
    ----------
    votes
        The raters' votes of the main job.
    experts
        The experts' votes on golden items.
    rater_golden
        The raters' votes on golden items, where these are apart.

    Raises
    ------
    DataError
        No golden item is among those of `votes`.

    Examples
    --------
    >>> two = np.array([0, 1])
    >>> votes = Votes.from_columns(("x", "y"), two, np.zeros(2, int), two, ("ann",), ("no", "yes"))
    >>> experts = votes.restrict(np.array([1]))
    >>> golden_part(votes, experts)
    Votes(1 votes by 1 raters on 1 items, answers no, yes)
    """
    if rater_golden is not None:
        return rater_golden
    rows = votes.find(experts.items)
    if not (rows >= 0).any():
        raise DataError(
            "no golden item was voted on",
            mend="check that all files name the items alike, or give the raters' votes on golden items",
        )
    lost = np.flatnonzero(rows < 0).tolist()
    if lost:
        examples = some([describe(experts.items, row) for row in lost], most=3)
        of_all = f"{len(lost):,} of {len(experts.items):,} golden items"
        text = f"{of_all} are not among the votes, and are not used: {examples}"
        warnings.warn(text, ReassessWarning, stacklevel=2)
    return votes.restrict(rows[rows >= 0])


def golden_sources(benchmark: Benchmark, golden: str | None = None) -> dict[str, str]:
    """Where the votes on golden items come from.

    Parameters
    ----------
    benchmark
        To which the images belong.
    golden
        Where the experts' votes come from: the name of a known source, or a path; by default the benchmark's own.

    Returns
    -------
    Names of known sources, or paths, by part as in `Benchmark.sources`: `golden`, the experts' votes, where there are
    some; and `rater-golden`, the raters' votes on the same items, where these are apart. The benchmark's go with its
    own experts' votes alone: with others, the raters' votes on golden items are those among their votes.

    Examples
    --------
    >>> from reassess.core.benchmark import IMAGENET
    >>> golden_sources(IMAGENET)
    {'golden': 'imagenet-real-golden', 'rater-golden': 'imagenet-real-raters-golden'}
    >>> golden_sources(IMAGENET, "mine.csv")
    {'golden': 'mine.csv'}
    """
    if golden not in (None, benchmark.sources.get("golden")):
        return {"golden": golden}
    return {part: benchmark.sources[part] for part in ("golden", "rater-golden") if part in benchmark.sources}
