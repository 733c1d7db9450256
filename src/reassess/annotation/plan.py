"""The plan of a campaign, before it is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation import original_label_votes
from reassess.annotation.assignment import Rules
from reassess.annotation.person_names import check_name
from reassess.annotation.practice_round import PracticeRound, draw_practice_tasks
from reassess.annotation.running_posterior import decide_truth, estimate_priors_by_label
from reassess.core import KNOWN_ANSWERS, Hierarchy, LabelSets, Questions, Scores, Tasks, Votes
from reassess.core.checks import check_number, check_range, check_unicode
from reassess.core.labels import check_one_label_each
from reassess.errors import DataError, Fix
from reassess.text import count_noun

_MAX_EXPERTS = 1_000
_MAX_CLASSES = 8  # per task; the page has a key for each class


@dataclass(frozen=True)
class ExampleImage:
    """An example image of a class, shown to raters."""

    class_id: int
    content: bytes  # a PNG or JPEG file
    media_type: str  # image/png or image/jpeg


@dataclass(frozen=True, eq=False)
class CampaignPlan:
    """The tasks and settings of a new campaign; `DataError` if they contradict each other."""

    tasks: Tasks  # for raters to vote on
    name: str = ""  # shown at the top of the rating page
    rules: Rules = field(default_factory=Rules)
    golden_tasks: Tasks | None = None
    sample_tasks: Tasks | None = None  # all tasks of the sample that `tasks` is a batch of, see `reassess sample`
    expert_votes: Votes | None = None
    min_experts: int | None = None  # experts who must agree; None: more than half of those who answered
    n_practice_tasks: int = 0
    practice_bar: float | None = None  # balanced accuracy needed to pass practice; None: every rater passes
    original_labels: LabelSets | None = None
    has_original_votes: bool = False  # whether each original label counts as one vote
    model_scores: Scores | None = None  # probabilities of valid by votes of models, for questions without experts
    consent_text: str = ""  # text that people must agree to first
    examples: Sequence[ExampleImage] = ()
    hierarchy: Hierarchy | None = None  # to offer similar classes to raters who suggest a class
    image_hashes: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of image files, by image name
    images_path: str | None = None  # folder or archive of the images; None if unknown
    settings: Mapping[str, Any] = field(default_factory=dict)  # settings of the benchmark, as in its benchmark.json

    def __post_init__(self) -> None:
        check_number(self.n_practice_tasks, 0, is_whole=True, value_name="number of practice tasks")
        if self.min_experts is not None:
            check_number(self.min_experts, 1, _MAX_EXPERTS, is_whole=True, value_name="number of experts")
        for tasks in filter(None, (self.tasks, self.golden_tasks)):
            _check_task_sizes(tasks)
        check_unicode([self.name], value_name="the name of the campaign")
        if self.name:
            check_name(self.name)
        check_unicode([self.images_path or ""], value_name="the path of the images")
        if self.practice_bar is not None:
            check_range(self.practice_bar, 0, 1, value_name="share of practice questions")
        if self.has_original_votes and self.original_labels is None:
            raise DataError(
                "missing-original",
                "original labels are missing, so they cannot count as votes",
                fix="add original labels, or do not count them as votes",
            )
        if self.has_original_votes and self.model_scores is not None:
            raise DataError(
                "unused-option",
                "original labels cannot count as votes beside votes of models",
                fix="use only one of them",
            )
        if self.original_labels is not None:
            check_one_label_each(self.original_labels)
            object.__setattr__(
                self, "original_labels", self.original_labels.convert_to_classes(self.tasks.questions.classes)
            )
        golden = self.golden_tasks
        if golden is None:
            self._refuse_missing_golden_questions()
        elif golden.questions.classes != self.tasks.questions.classes:
            raise DataError(
                "different-classes",
                "golden tasks and tasks have different class lists",
                fix="use one class list for both",
            )
        elif (common := _find_golden_questions_in_main_tasks(golden, self.tasks)).size:
            raise DataError(
                "duplicate-question",
                "question is both golden and in the tasks",
                where=golden.questions.describe_question(int(common[0])),
                found=f"{common.size:,} of {count_noun(len(golden.questions), 'golden question')}",
                fix="make the tasks again, without the golden questions; or use golden questions about other images",
            )
        elif self.n_practice_tasks > (
            limit := len(golden) - (kept := int(_count_tasks_by_image(golden).max(initial=0)))
        ):
            reason = f"{count_noun(len(golden.questions), 'golden question is', 'golden questions are')} in "
            reason += f"{count_noun(len(golden), 'task')}, and {kept:,} must remain"
            raise DataError(
                "missing-golden",
                "no golden task is left for raters who passed practice",
                allowed=f"at most {count_noun(limit, 'practice task')}, since {reason}",
                found=self.n_practice_tasks,
                fix="use golden questions on more images, or fewer practice tasks",
            )
        elif self.n_practice_tasks > (free := int(self.practice_task_mask.sum())):
            raise DataError(
                "missing-golden",
                "too few images for practice: an image with a main task cannot be used",
                allowed=f"at most {count_noun(free, 'practice task')}",
                found=self.n_practice_tasks,
                fix="add golden questions on images without main tasks, or use fewer practice tasks",
            )
        elif self.practice_round.is_impossible_to_pass or (self.n_practice_tasks and self.practice_task_mask.all()):
            practice = self.practice_round
            raise DataError(
                "missing-golden",
                "a pass mark needs valid and invalid practice questions, and golden questions outside practice",
                found=f"{practice.n_valid_questions:,} valid and {practice.n_invalid_questions:,} invalid "
                "practice questions",
                fix=Fix(
                    "add golden questions with the missing truth (valid or invalid), or remove the pass mark "
                    "({practice_bar})",
                    practice_bar=None,
                ),
            )

    def _refuse_missing_golden_questions(self) -> None:
        """Raise `DataError` if a setting of this plan needs golden questions."""
        for is_used, feature in (
            (self.rules.stop_rule is not None, "a stop rule"),
            (self.n_practice_tasks > 0, "a practice round"),
            (self.has_original_votes, "a vote of original labels"),
            (self.model_scores is not None, "votes of models"),
        ):
            if is_used:
                raise DataError(
                    "missing-golden",
                    f"{feature} needs golden questions",
                    found="no golden questions",
                    fix=f"add golden questions, or remove {feature}",
                )

    @cached_property
    def truths(self) -> tuple[int | None, ...]:
        """Truth of each golden question: 1 valid, 0 invalid, None if unknown."""
        if self.golden_tasks is None:
            return ()
        if self.expert_votes is None:
            return (None,) * len(self.golden_tasks.questions)
        if self.min_experts is not None:
            check_range(
                self.min_experts,
                1,
                max(map(len, self._expert_answers_by_question), default=0),
                value_name="number of experts",
            )
        return tuple(decide_truth(answers, self.min_experts) for answers in self._expert_answers_by_question)

    @cached_property
    def n_golden_without_majority(self) -> int:
        """Number of golden questions where at most half of the experts gave the answer that became the truth."""
        if self.expert_votes is None:
            return 0
        return sum(
            truth is not None and 2 * answers.count(truth * (len(KNOWN_ANSWERS) - 1)) <= len(answers)
            for truth, answers in zip(self.truths, self._expert_answers_by_question, strict=True)
        )

    @cached_property
    def _expert_answers_by_question(self) -> list[list[int]]:
        """A list of the experts' answers (0 no, 1 maybe, 2 yes) per golden question."""
        answers: list[list[int]] = [
            [] for _ in range(0 if self.golden_tasks is None else len(self.golden_tasks.questions))
        ]
        for (position, _), answer in self.expert_answers.items():
            answers[position].append(answer)
        return answers

    @cached_property
    def expert_answers(self) -> dict[tuple[int, str], int]:
        """The experts' answers (0 no, 1 maybe, 2 yes) as a dict.

        A key is the position of a golden question and the name of an expert.
        """
        if self.golden_tasks is None or self.expert_votes is None:
            return {}
        experts = self.expert_votes.with_possible_answers(KNOWN_ANSWERS)
        rows = experts.find_positions(self.golden_tasks.questions).tolist()
        answers: dict[tuple[int, str], int] = {}
        for position, row in enumerate(rows):
            for expert, answer in experts.votes_on(row) if row >= 0 else ():
                number = KNOWN_ANSWERS.index(str(answer))
                if (first_answer := answers.setdefault((position, str(expert)), number)) != number:
                    raise DataError(
                        "two-answers",
                        "expert gives two answers to a golden question",
                        where=self.golden_tasks.questions.describe_question(position),
                        found=f"{expert}: {KNOWN_ANSWERS[first_answer]}, then {answer}",
                        fix="keep one of the two answers",
                    )
        return answers

    @cached_property
    def practice_task_mask(self) -> npt.NDArray[np.bool_]:
        """Whether each golden task is for practice; bool, shape (golden tasks,)."""
        golden = self.golden_tasks
        if golden is None:
            return np.zeros(0, bool)
        has_main_tasks = self.tasks.questions.rows_of(golden.questions.images) >= 0
        return draw_practice_tasks(
            golden,
            self.truths,
            has_main_tasks,
            self.n_practice_tasks,
            seed=self.rules.seed,
            needs_valid_and_invalid=self.practice_bar is not None,
        )

    @property
    def practice_round(self) -> PracticeRound:
        """The practice round, with the truths that are known before the campaign starts."""
        truths: list[int | None] = []
        unanswered = 0
        if self.golden_tasks is not None:
            ends = self.golden_tasks.indptr.tolist()
            for task in np.flatnonzero(self.practice_task_mask).tolist():
                task_truths = self.truths[ends[task] : ends[task + 1]]
                truths += task_truths
                unanswered += task_truths.count(None) == len(task_truths)
        return PracticeRound(
            int(self.practice_task_mask.sum()), unanswered, truths.count(0), truths.count(1), self.practice_bar
        )

    def count_golden_by_truth(self) -> tuple[int, int]:
        """Count the invalid and the valid golden questions, without practice questions."""
        return self._truths_outside_practice.count(0), self._truths_outside_practice.count(1)

    @property
    def n_golden_outside_practice(self) -> int:
        """Number of golden questions that are not for practice."""
        return 0 if self.golden_tasks is None else int(self.golden_tasks.sizes[~self.practice_task_mask].sum())

    @property
    def uncheckable_error(self) -> float | None:
        """Golden questions cannot show that the error of the stop rule is below this; None if the rule allows it.

        If none of n closed golden questions is wrong, the upper limit of the error is 1 - 0.05^(1/n), with 95 %
        confidence.
        """
        rule, n_questions = self.rules.stop_rule, self.n_golden_outside_practice
        if rule is None or not n_questions:
            return None
        limit: float = 1 - 0.05 ** (1 / n_questions)
        return limit if limit > max(rule.low, 1 - rule.high) else None

    @property
    def _truths_outside_practice(self) -> list[int | None]:
        """The truth of each golden question outside practice; None for practice questions and for unknown truths."""
        practice = (
            () if self.golden_tasks is None else np.repeat(self.practice_task_mask, self.golden_tasks.sizes).tolist()
        )
        return [None if is_practice else t for t, is_practice in zip(self.truths, practice, strict=True)]

    def estimate_priors(self, questions: Questions) -> list[float | None]:
        """Estimate the probability that the class of each question is valid, from original labels or models.

        The probability is None for images without an original label, and for all images if original labels do not count
        as votes. With votes of models, it is None for questions without such votes, and for golden questions.
        """
        if self.model_scores is not None:
            if self.golden_tasks is not None and questions is self.golden_tasks.questions:
                return [None] * len(questions)
            rows = self.model_scores.questions.rows_of(questions.images)[questions.image_ids]
            values = self.model_scores.scores_of(rows, questions.class_ids).tolist()
            return [None if np.isnan(value) else value for value in values]
        if not self.has_original_votes or self.original_labels is None or self.golden_tasks is None:
            return [None] * len(questions)
        golden_labels = _match_original_labels(self.golden_tasks.questions, self.original_labels)
        valid = estimate_priors_by_label(zip(self._truths_outside_practice, golden_labels, strict=True))
        return [
            None if label is None else valid[label] for label in _match_original_labels(questions, self.original_labels)
        ]


def _check_task_sizes(tasks: Tasks) -> None:
    if (large := np.flatnonzero(tasks.sizes > _MAX_CLASSES)).size:
        raise DataError(
            "too-many",
            "task has more classes than a page shows",
            where=f"task {tasks.task_numbers[large[0]]}, image {tasks.image_of(int(large[0]))}",
            allowed=f"up to {_MAX_CLASSES} classes",
            found=f"{tasks.sizes[large[0]]} classes; {large.size:,} of {count_noun(len(tasks), 'task')} are too large",
            fix=f"reassess tasks --per-task {_MAX_CLASSES}",
        )


def _count_tasks_by_image(golden_tasks: Tasks) -> npt.NDArray[np.int64]:
    """Return the number of golden tasks of each image."""
    return np.bincount(
        golden_tasks.questions.image_ids[golden_tasks.indptr[:-1]], minlength=len(golden_tasks.questions.images)
    )


def _match_original_labels(questions: Questions, original_labels: LabelSets) -> list[int | None]:
    """Return per question: 1 if its class is the original label, 0 if not, None without a label."""
    votes = original_label_votes(questions, original_labels)
    labels: list[int | None] = [None] * len(questions)
    for row, answer in zip(votes.item_ids.tolist(), votes.answer_ids.tolist(), strict=True):
        labels[row] = int(answer > 0)
    return labels


def _find_golden_questions_in_main_tasks(golden_tasks: Tasks, main_tasks: Tasks) -> npt.NDArray[np.int64]:
    """Return the positions, among the golden questions, of questions that are also in the main tasks."""
    questions = main_tasks.questions
    rows = questions.rows_of(golden_tasks.questions.images)[golden_tasks.questions.image_ids]
    return np.flatnonzero(questions.find_positions(rows, golden_tasks.questions.class_ids) >= 0)
