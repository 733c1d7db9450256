"""The answered images of a sample: which of them an estimate may use."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets, Match, Questions, Sample, Scores, Tasks
from reassess.core.checks import check_type
from reassess.core.image_names import match_images
from reassess.errors import DataError, Fix
from reassess.evaluation.sampling.drawing import ImageSample
from reassess.evaluation.sampling.image_weights import count_usable
from reassess.evaluation.sampling.named_samples import as_image_sample
from reassess.text import count_noun, join_first

_Bools = npt.NDArray[np.bool_]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AnsweredImages:
    """The images at the beginning of a sample whose questions are all answered.

    Attributes
    ----------
    images
        Names of the images that can be used, in drawn order.
    sample
        These images as estimates need them, shape (n,). `sample.images` are positions in the drawn order.
    label_rows
        Position of each image in the label sets, int64, shape (n,).
    drawn
        The whole sample.
    n_answered
        Number of answered images, also after an image without an answer.
    open_image
        Name of the first drawn image without an answer; None if all images are answered.
    open_class
        Name of the class of this image that nobody answered; None if the image has no label set.
    n_ignored
        Number of images in the label sets that were not drawn.
    """

    images: tuple[str, ...]
    sample: ImageSample
    label_rows: _Ints
    drawn: Sample
    n_answered: int
    open_image: str | None
    open_class: str | None
    n_ignored: int

    @property
    def n_images(self) -> int:
        """Number of images of the whole set."""
        return int(self.sample.stratum_sizes.sum())

    def to_json(self) -> dict[str, Any]:
        """Return the counts as a dict for JSON output."""
        return {
            "all_images": self.n_images,
            "drawn": len(self.drawn),
            "answered": self.n_answered,
            "used": len(self.images),
            "first_without_answer": self.open_image,
            "class_without_answer": self.open_class,
            "ignored": self.n_ignored,
        }


def find_answered_images(
    tasks: Tasks,
    labels: LabelSets,
    scores: Scores | None = None,
    *,
    open_questions: Questions | None = None,
    match: Match = "path",
    ignore_unknown: bool = False,
) -> AnsweredImages:
    """Find the longest beginning of the drawn order whose images are all answered.

    Later answers are not used: easy images are answered first, so they would bias the estimate.

    Parameters
    ----------
    tasks
        The tasks that `reassess sample` wrote.
    labels
        The label sets of the answered images, and of no other images; see `add_known_answers`.
    scores
        The answered questions. An image is answered if it has a label set and all its questions have a score, or if it
        has an empty label set and no score. Without scores, a label set is enough.
    open_questions
        Questions that will get more votes, although they may have scores.
    match
        Join images by path, file name or stem.
    ignore_unknown
        Ignore label sets of images that were not drawn.

    Raises
    ------
    DataError
        The tasks were not drawn by `reassess sample`; an image with a label set was not drawn; or too few images at the
        beginning of the drawn order are answered.

    Examples
    --------
    >>> from reassess.core import Questions, SampleDesign
    >>> names, classes = ["d", "a", "c", "b"], np.array([0, 1, 0, 1])
    >>> design = SampleDesign(np.zeros(4, int), ("1",), np.array([9]), np.zeros(1, bool), 4)
    >>> drawn = Sample(tuple(names), np.full(4, 4 / 9), ("1",) * 4, design=design)
    >>> questions = Questions.from_columns(names, classes)
    >>> tasks = Tasks(questions, np.arange(5), np.arange(4), [""] * 4, sample=drawn)
    >>> labels = LabelSets.from_lists(["a", "b", "d"], [[1], [], [0]])
    >>> answered = find_answered_images(tasks, labels)
    >>> answered.images, answered.n_answered, answered.open_image
    (('d', 'a'), 3, 'c')
    """
    check_type(Tasks, tasks)
    check_type(LabelSets, labels)
    drawn = _require_sample(tasks)
    sample = as_image_sample(drawn, np.arange(len(drawn)))
    n_ignored = _count_unknown_images(labels, drawn, match, ignore_unknown)
    label_rows = match_images(
        drawn.images, labels.images, match=match, where="the sample", known_where="the label sets"
    )
    open_rows = _find_open_questions(tasks, labels, scores, open_questions, match)
    question_images = match_images(tasks.questions.images, drawn.images, match=match, where="the tasks")
    has_open = np.zeros(len(drawn), bool)
    rows_of_open = question_images[tasks.questions.image_ids[open_rows]]
    has_open[rows_of_open[rows_of_open >= 0]] = True
    is_open = (label_rows < 0) | has_open
    first_open = int(np.argmax(is_open)) if is_open.any() else len(drawn)
    usable = count_usable(sample.first(first_open))
    if not usable:
        raise _too_few_images(sample, first_open, drawn, np.flatnonzero(~is_open))
    open_class = None
    if first_open < len(drawn) and label_rows[first_open] >= 0:
        question = int(open_rows[np.argmax(rows_of_open == first_open)])
        open_class = tasks.questions.classes.short_name(int(tasks.questions.class_ids[question]))
    return AnsweredImages(
        images=drawn.images[:usable],
        sample=sample.first(usable),
        label_rows=label_rows[:usable],
        drawn=drawn,
        n_answered=int(np.count_nonzero(~is_open)),
        open_image=drawn.images[first_open] if first_open < len(drawn) else None,
        open_class=open_class,
        n_ignored=n_ignored,
    )


def keep_asked_classes(labels: LabelSets, tasks: Tasks, *, match: Match = "path") -> LabelSets:
    """Remove classes from the label sets of drawn images if the tasks do not ask about them.

    Otherwise, an image could have a valid class only because it is in label sets that were made with other questions.

    Examples
    --------
    >>> from reassess.core import Questions
    >>> tasks = Tasks(Questions.from_columns(["a"], np.array([0])), np.array([0, 1]), np.arange(1), [""])
    >>> keep_asked_classes(LabelSets.from_lists(["a", "b"], [[0, 3], [3]]), tasks)["a"]
    (0,)
    """
    questions = tasks.questions.convert_to_classes(labels.classes)
    rows = match_images(labels.images, questions.images, match=match, where="the label sets", known_where="the tasks")[
        labels.image_ids
    ]
    is_kept = (questions.find_positions(rows, labels.indices) >= 0) | (rows < 0)
    if is_kept.all():
        return labels
    images, class_ids = labels.image_ids[is_kept], labels.indices[is_kept]
    return LabelSets.from_pairs(labels.images, images, class_ids, labels.classes, name=labels.name)


def add_known_answers(labels: LabelSets, tasks: Tasks, *, match: Match = "path") -> LabelSets:
    """Add label sets of the images of earlier batches, whose answers are in the tasks, unless they have label sets.

    Examples
    --------
    >>> from reassess.core import QuestionFacts, Questions
    >>> questions = Questions.from_columns(["a", "b", "b"], np.array([0, 0, 1]))
    >>> facts = QuestionFacts(("vit",), np.ones((3, 1), bool), np.zeros(3, bool), np.array([-1, 0, 1], np.int8))
    >>> tasks = Tasks(questions, np.array([0, 1, 3]), np.arange(2), [""] * 2, facts=facts)
    >>> add_known_answers(LabelSets.from_lists(["a"], [[]]), tasks)["b"]
    (1,)
    """
    if tasks.facts is None or not (tasks.facts.answers >= 0).any():
        return labels
    questions, answers = tasks.questions.convert_to_classes(labels.classes), tasks.facts.answers
    has_open = np.bincount(questions.image_ids, answers < 0, len(questions.images)) > 0
    label_rows = match_images(
        questions.images, labels.images, match=match, where="the tasks", known_where="the label sets"
    )
    _refuse_other_answers(labels, label_rows, questions, answers, has_open)
    added = np.flatnonzero(~has_open & (label_rows < 0))
    new_rows = np.full(len(questions.images), -1)
    new_rows[added] = len(labels) + np.arange(added.size)
    rows = new_rows[questions.image_ids]
    is_added = (rows >= 0) & (answers == 1)
    return LabelSets.from_pairs(
        [*labels.images, *(questions.images[image] for image in added.tolist())],
        np.append(labels.image_ids, rows[is_added]),
        np.append(labels.indices, questions.class_ids[is_added]),
        labels.classes,
        name=labels.name,
    )


def _refuse_other_answers(
    labels: LabelSets, label_rows: _Ints, questions: Questions, answers: npt.NDArray[np.int8], has_open: _Bools
) -> None:
    """Raise if a label set differs from the answers about an earlier batch, which are in the tasks."""
    rows = label_rows[questions.image_ids]
    base = 1 + max(int(questions.class_ids.max(initial=0)), int(labels.indices.max(initial=0)))
    is_in_set = np.isin(rows * base + questions.class_ids, labels.image_ids * base + labels.indices)
    is_different = (rows >= 0) & ~has_open[questions.image_ids] & (is_in_set != (answers == 1))
    if is_different.any():
        question = int(np.argmax(is_different))
        texts = ("invalid", "valid")
        raise DataError(
            "two-answers",
            "label set differs from the answer in the task file",
            where=questions.describe_question(question),
            allowed=f"{texts[int(answers[question])]}, as in the task file",
            found=f"{texts[int(is_in_set[question])]}; {count_noun(int(is_different.sum()), 'such answer')}",
            fix="leave out the label sets of the earlier images, or draw the last batch again with the new answers",
        )


def _require_sample(tasks: Tasks) -> Sample:
    """Return the sample of tasks that `reassess sample` wrote."""
    drawn = tasks.sample
    if drawn is None or drawn.design is None:
        raise DataError(
            "wrong-sample",
            "tasks were not drawn for an estimate",
            allowed="a file that `reassess sample` wrote",
            found="tasks without a sample" if drawn is None else f"a sample for {drawn.purpose or 'another purpose'}",
            fix="reassess sample PREDICTIONS -o TASKS",
        )
    return drawn


def _count_unknown_images(labels: LabelSets, drawn: Sample, match: Match, ignore_unknown: bool) -> int:
    """Count images with a label set that were not drawn; raise unless they are ignored."""
    rows = match_images(labels.images, drawn.images, match=match, where="the label sets", known_where="the sample")
    unknown = [labels.images[row] for row in np.flatnonzero(rows < 0).tolist()]
    if unknown and not ignore_unknown:
        raise DataError(
            "sample-unknown-image",
            "images with a label set were not drawn",
            allowed=f"the {count_noun(len(drawn), 'drawn image')}, such as {drawn.images[0]}",
            found=f"{count_noun(len(unknown), 'other image')}: {join_first(unknown, max_items=3)}",
            fix=Fix(
                "make label sets only from answers about the sample: reassess labels SCORES --original none; or ignore "
                "other images: {ignore_unknown}",
                ignore_unknown=True,
            ),
        )
    return len(unknown)


def _find_open_questions(
    tasks: Tasks, labels: LabelSets, scores: Scores | None, open_questions: Questions | None, match: Match
) -> _Ints:
    """Return the positions of questions that are open, or have no score; empty label sets need no scores."""
    questions = tasks.questions.convert_to_classes(labels.classes)
    is_open = np.zeros(len(questions), bool)
    if scores is not None:
        scores = scores.convert_to_classes(labels.classes)
        rows = match_images(
            questions.images, scores.questions.images, match=match, where="the tasks", known_where="the scores"
        )[questions.image_ids]
        label_rows = match_images(questions.images, labels.images, match=match, where="the tasks")
        is_empty = (label_rows >= 0) & (np.append(labels.sizes, 1)[label_rows] == 0)
        is_open |= ~scores.is_asked(rows, questions.class_ids) & ~(is_empty[questions.image_ids] & (rows < 0))
    if open_questions is not None:
        open_questions = open_questions.convert_to_classes(labels.classes)
        rows = match_images(questions.images, open_questions.images, match=match, where="the tasks")
        is_open |= open_questions.find_positions(rows[questions.image_ids], questions.class_ids) >= 0
    return np.flatnonzero(is_open if tasks.facts is None else is_open & (tasks.facts.answers < 0))


def _too_few_images(sample: ImageSample, n_answered: int, drawn: Sample, answered: _Ints) -> DataError:
    sizes = range(n_answered + 1, len(sample))
    needed = next((n for n in sizes if count_usable(sample.first(n))), len(sample))
    return DataError(
        "too-few-images",
        "too few images at the beginning of the sample are answered",
        allowed=f"the first {needed:,} or more of the {count_noun(len(sample), 'drawn image')}",
        found=f"the first {n_answered:,}"
        + (f"; image {n_answered + 1:,}, {drawn.images[n_answered]}, has no answer" if n_answered < len(drawn) else "")
        + (f"; {count_noun(n_later, 'later image')} answered" if (n_later := answered.size - n_answered) else ""),
        fix="answer the tasks in their order",
    )
