"""Simulated raters in a copy of a campaign, to estimate votes, working hours and the accuracy of labels."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import event, update

from reassess.annotation.sample_answers import compute_campaign_scores
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.export import export_votes
from reassess.annotation.store.given_answers import GivenAnswer, save_answers
from reassess.annotation.store.people import add_people, save_consent
from reassess.annotation.store.progress import measure_progress
from reassess.annotation.store.progress_result import Progress
from reassess.annotation.store.schema import Role
from reassess.annotation.store.shown_items import read_golden_truths, read_image_names_by_address
from reassess.annotation.store.transactions import open_transaction
from reassess.annotation.store.turns import Turn, begin_next_turn
from reassess.core import KNOWN_ANSWERS, USUAL_THRESHOLD, VALIDITY, LabelSets, Scores, Votes
from reassess.errors import DataError

ConfusionMatrix = Sequence[Sequence[float]]  # probabilities of no, maybe and yes, for invalid and for valid classes
TruthFunction = Callable[[str, int], bool]  # returns whether a class is valid, by image name and class id
_PERFECT_MATRIX = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
_RETRY_SECONDS = 30.0  # seconds until a page asks for a task again


@dataclass(frozen=True, eq=False)
class Simulation:
    """The result of a simulation: the raters' answers, and the accuracy of the labels from their votes."""

    n_raters: int
    n_failed_raters: int  # raters below the bar in practice
    n_tasks: int
    n_answers: int  # answers of the simulated raters, also to golden questions
    n_expert_answers: int  # correct answers of a simulated expert, if golden questions waited for experts
    working_hours: float  # total working time of all raters
    elapsed_hours: float  # time until the last answer
    progress: Progress
    max_total_votes: int  # if each question gets all its votes
    n_unneeded_answers: int  # answers to questions that had enough votes
    threshold: float  # classes with at least this score are valid
    n_correct_labels: int  # correct labels; here and below, of questions that had no votes before
    n_valid_missed: int  # valid classes that are not labels
    n_invalid_kept: int  # invalid classes that are labels

    @property
    def n_newly_voted_questions(self) -> int:
        """Number of questions that had no votes before the simulation, and have votes now."""
        return self.n_correct_labels + self.n_valid_missed + self.n_invalid_kept

    def to_json(self) -> dict[str, Any]:
        """Return the simulation as a dict for JSON output."""
        return {
            "raters": self.n_raters,
            "failed": self.n_failed_raters,
            "tasks": self.n_tasks,
            "answers": self.n_answers,
            "expert_answers": self.n_expert_answers,
            "hours": self.working_hours,
            "elapsed_hours": self.elapsed_hours,
            "votes_at_most": self.max_total_votes,
            "not_needed": self.n_unneeded_answers,
            "questions": self.progress.n_questions,
            "open": self.progress.n_open_questions,
            "closed_by_rule": self.progress.n_questions_closed_by_rule,
            "closed_by_votes": self.progress.n_questions_closed_by_votes,
            "votes": self.progress.n_votes,
            "labels": {
                "threshold": self.threshold,
                "voted": self.n_newly_voted_questions,
                "correct": self.n_correct_labels,
                "valid_missed": self.n_valid_missed,
                "invalid_kept": self.n_invalid_kept,
            },
        }


def simulate(
    campaign: Campaign,
    matrices: Sequence[ConfusionMatrix],
    is_valid: TruthFunction,
    *,
    now: float,
    seconds_per_vote: float,
    seed: int = 0,
    report_answers: Callable[[int], None] = lambda _: None,
) -> Simulation:
    """Simulate raters, one per confusion matrix, until no task is left for them.

    `is_valid` returns whether a class is valid. The time of a vote has an exponential distribution with the mean
    `seconds_per_vote`. The answer to a question depends only on the seed, the rater and the question. The campaign must
    be a copy: changes are not synced to the disk, so a crash may damage the file.
    """
    votes_before = export_votes(campaign).votes
    names = [f"simulated {number}" for number in range(1, len(matrices) + 1)]
    people = add_people(campaign, names, now=now, is_simulated=True)
    name = f"{campaign.name}, simulated"  # exports have this name too
    with open_transaction(campaign) as transaction:
        transaction.connection.execute(
            update(schema.campaign).values(name=name, settings={**campaign.settings, "name": name})
        )
    event.listen(campaign.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA synchronous=OFF"))
    raters = [
        _SimulatedRater(campaign, number, person, matrix, is_valid, seed, seconds_per_vote)
        for number, (person, matrix) in enumerate(zip(people, matrices, strict=True))
    ]
    for person in people:
        save_consent(campaign, person, now)
    n_expert_answers = (
        _answer_golden_questions(campaign, is_valid, now) if measure_progress(campaign, now).n_golden_unknown else 0
    )
    queue = [(now, rater.number) for rater in raters]  # when each rater continues
    blocked: set[int] = set()  # raters without a task since the last answer
    while len(blocked) < len(queue):
        time, number = heapq.heappop(queue)
        answers_before = raters[number].n_answers
        next_time = raters[number].answer_task_and_get_end_of_next_task(time)
        new_answers = raters[number].n_answers - answers_before
        blocked = set() if new_answers else blocked - {number}
        if next_time is not None:
            heapq.heappush(queue, (next_time, number))
            if raters[number].turn is None:
                blocked.add(number)
        report_answers(new_answers)
    end = max(now, *(rater.last_answer_time for rater in raters))
    return _make_result(campaign, raters, votes_before, is_valid, start=now, end=end, n_expert_answers=n_expert_answers)


def _answer_golden_questions(campaign: Campaign, is_valid: TruthFunction, now: float) -> int:
    """Let a simulated expert answer the golden questions correctly; return the number of answers."""
    (person,) = add_people(campaign, ["simulated expert"], Role.EXPERT, now=now, is_simulated=True)
    save_consent(campaign, person, now)
    expert = _SimulatedRater(campaign, 0, person, _PERFECT_MATRIX, is_valid, 0, 0.0)
    while expert.answer_task_and_get_end_of_next_task(now) is not None:
        pass
    return expert.n_answers


class _SimulatedRater:
    """A rater who answers by a confusion matrix."""

    def __init__(
        self,
        campaign: Campaign,
        number: int,
        person_id: int,
        matrix: ConfusionMatrix,
        is_valid: TruthFunction,
        seed: int,
        seconds_per_vote: float,
    ) -> None:
        self.campaign, self.number, self.person_id, self.matrix = campaign, number, person_id, matrix
        self.is_valid, self.seed, self.seconds_per_vote = is_valid, seed, seconds_per_vote
        self.image_names = read_image_names_by_address(campaign)
        self.rng = Random(f"{seed} {number}")
        self.turn: Turn | None = None  # the turn on the screen
        self.next_turn: Turn | None = None  # the next turn, which a page fetches in advance
        self.turn_answers: list[GivenAnswer] = []
        self.n_tasks, self.n_answers, self.seconds_worked, self.last_answer_time = 0, 0, 0.0, 0.0

    def answer_task_and_get_end_of_next_task(self, now: float) -> float | None:
        """Save the answers to the current task and begin the next task; return when the next task is finished.

        If there is no task now, return the time when the rater asks again; if no task is left, return None.
        """
        if self.turn is not None:
            save_answers(self.campaign, self.person_id, self.turn_answers, now)
            self.n_tasks, self.n_answers, self.last_answer_time = (
                self.n_tasks + 1,
                self.n_answers + len(self.turn_answers),
                now,
            )
        turn, self.turn, self.next_turn = (
            self.next_turn or begin_next_turn(self.campaign, self.person_id, now),
            None,
            None,
        )
        if not isinstance(turn, Turn):
            return now + _RETRY_SECONDS if turn in ("experts", "waiting", "paused") else None
        if not turn.is_practice:
            following = begin_next_turn(self.campaign, self.person_id, now, loaded_task_ids=[turn.task_id])
            self.next_turn = following if isinstance(following, Turn) else None
        # The order of rows differs between equal campaigns, so sort them.
        rows = sorted((row for row in turn.questions if row.answer is None), key=attrgetter("class_id"))
        times = [self.rng.expovariate(1 / self.seconds_per_vote) if self.seconds_per_vote else 0.0 for _ in rows]
        self.turn, self.seconds_worked = turn, self.seconds_worked + sum(times)
        self.turn_answers = [
            GivenAnswer(
                row.question_id,
                self._draw_answer(self.image_names[turn.image_address], row.class_id),
                seconds,
                row.revision,
            )
            for row, seconds in zip(rows, times, strict=True)
        ]
        return now + sum(times)

    def _draw_answer(self, image_name: str, class_id: int) -> int:
        rng = Random(f"{self.seed} {self.number} {image_name} {class_id}")
        return rng.choices(range(len(KNOWN_ANSWERS)), self.matrix[self.is_valid(image_name, class_id)])[0]


def _make_result(
    campaign: Campaign,
    raters: Sequence[_SimulatedRater],
    votes_before: Votes,
    is_valid: TruthFunction,
    *,
    start: float,
    end: float,
    n_expert_answers: int,
) -> Simulation:
    people = {rater.person_id for rater in raters}
    progress, exported = measure_progress(campaign, end), export_votes(campaign)
    threshold = campaign.settings.get("threshold", USUAL_THRESHOLD)
    label = valid = np.zeros(0, bool)
    if len(exported.votes):
        scores = compute_campaign_scores(campaign, exported)
        # People answered by another truth, and experts alone decide other questions.
        is_new = (votes_before.find_positions(scores.questions) < 0) & (
            exported.votes.find_positions(scores.questions) >= 0
        )
        label, valid = (scores.values >= threshold)[is_new], _look_up_truths(scores, is_valid)[is_new]
    return Simulation(
        n_raters=len(raters),
        n_failed_raters=sum(rater.stage == "failed" and rater.id in people for rater in progress.people),
        n_tasks=sum(rater.n_tasks for rater in raters),
        n_answers=sum(rater.n_answers for rater in raters),
        n_expert_answers=n_expert_answers,
        working_hours=sum(rater.seconds_worked for rater in raters) / 3600,
        elapsed_hours=(end - start) / 3600,
        progress=progress,
        max_total_votes=campaign.rules.votes_per_question * progress.n_questions,
        n_unneeded_answers=exported.n_unneeded_answers,
        threshold=threshold,
        n_correct_labels=int(np.count_nonzero(label == valid)),
        n_valid_missed=int(np.count_nonzero(valid & ~label)),
        n_invalid_kept=int(np.count_nonzero(label & ~valid)),
    )


def _look_up_truths(scores: Scores, is_valid: TruthFunction) -> npt.NDArray[np.bool_]:
    """Return whether the class of each question in `scores` is valid, according to `is_valid`; shape (questions,)."""
    questions = scores.questions
    columns = zip(questions.image_ids.tolist(), questions.class_ids.tolist(), strict=True)
    return np.array([is_valid(questions.images[image], class_id) for image, class_id in columns], bool)


def check_confusion_matrix(matrix: ConfusionMatrix) -> None:
    """Raise `DataError` unless a matrix has two rows of three probabilities that add up to 1."""
    sizes = [len(row) for row in matrix]
    if sizes != [len(KNOWN_ANSWERS)] * len(VALIDITY) or not all(
        min(row) >= 0 and abs(sum(row) - 1) < 1e-6 for row in matrix
    ):
        raise DataError(
            "wrong-matrix",
            "not a confusion matrix of a rater",
            allowed="2 rows (invalid, valid) of 3 probabilities (no, maybe, yes) that add up to 1",
            found=[list(row) for row in matrix],
        )


def make_truth_function(campaign: Campaign, labels: LabelSets | None = None, *, seed: int = 0) -> TruthFunction:
    """Return a function that says whether a class of an image is valid, by labels or golden questions.

    Without labels, the truth of a question that is not golden is drawn at random: it is valid with a probability equal
    to the share of valid golden questions.
    """
    golden = read_golden_truths(campaign)
    share = sum(golden.values()) / len(golden) if golden else 0.5
    if labels is None:
        return lambda image, class_id: golden.get(
            (image, class_id), Random(f"{seed} {image} {class_id}").random() < share
        )
    valid = {}
    names = tuple(read_image_names_by_address(campaign).values())
    for name, row in zip(names, labels.find(names).tolist(), strict=True):
        if row < 0:
            raise DataError(
                "missing-labels",
                "image of the campaign is not in the labels",
                found=name,
                fix="use labels of all images",
            )
        valid[name] = set(labels.indices[labels.indptr[row] : labels.indptr[row + 1]].tolist())
    return lambda image, class_id: class_id in valid[image]
