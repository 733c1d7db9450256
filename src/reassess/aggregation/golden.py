"""Golden truth: questions of which experts have said whether the class is valid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import expert_truth, more_than_half
from reassess.aggregation.golden_items import agreed_answer, golden_answers
from reassess.core.checks import check_all, check_range, check_shape
from reassess.core.classes import Classes
from reassess.core.image_names import join
from reassess.core.items import Items, as_questions, find_items, take_items, unite_items
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError
from reassess.numeric.arrays import freeze, runs

__all__ = [
    "Golden",
    "golden_truth",
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

    def including(self, questions: Questions) -> "Golden":
        """Where experts chose one class of an image, further questions on golden images as pairs that are not valid.

        Other golden pairs stay as they are: of them experts judged each.
        """
        if not self.exclusive:
            return self
        on_golden = join(
            questions.images, self.questions.images, where="the questions", known_where="the golden answers"
        )
        asked = take_items(questions, np.flatnonzero(on_golden[questions.image_ids] >= 0))
        pairs, _ = unite_items(self.questions, asked)
        valid = np.zeros(len(pairs), bool)
        valid[: len(self)] = self.valid
        return Golden(as_questions(pairs), valid, exclusive=True)

    def made(self, scores: Scores) -> bool | None:
        """Whether experts' answers about a golden pair made its score; None where the scores do not say."""
        if scores.golden is None:
            return None
        rows = find_items(scores.questions, self.questions)
        return bool(scores.golden[rows[rows >= 0]].any())


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
    golden = Golden(chosen, np.ones(known.size, bool), exclusive=True)
    for asked in among:
        golden = golden.including(asked)
    return golden


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
