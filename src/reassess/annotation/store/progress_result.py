"""The progress of a campaign and of its people."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.annotation.practice_round import PracticeRound
from reassess.annotation.store.practice import PracticeResult
from reassess.numeric import BalancedAccuracy

_FLAG_MEANINGS = {
    "uninformative": "95 % interval of bits per vote includes 0",
    "one answer": "99 % of at least 20 votes are the same answer",
    "few": "under 20 golden votes for one truth, or on under 20 images",
}


@dataclass(frozen=True, eq=False)
class RaterProgress:
    """The answers, accuracy and flags of one person."""

    id: int
    name: str
    role: str
    stage: str
    is_excluded: bool
    has_link: bool
    vote_counts: npt.NDArray[np.int64]  # counted votes: no, maybe, yes
    n_answers: int  # all answers, including answers that do not count as votes
    median_seconds: float | None  # per answer
    confusion: npt.NDArray[np.int64]  # answers to golden questions, shape (truths, answers)
    golden_accuracy: BalancedAccuracy  # of answers to golden questions, without practice
    practice_result: PracticeResult | None
    flags: tuple[str, ...]
    last_answer_time: float | None

    @property
    def n_votes(self) -> int:
        """Number of counted votes."""
        return int(self.vote_counts.sum())

    def to_json(self) -> dict[str, Any]:
        """Return the progress of a person as a dict for JSON output."""
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "stage": self.stage,
            "excluded": self.is_excluded,
            "linked": self.has_link,
            "answers": self.vote_counts.tolist(),
            "n_answers": self.n_answers,
            "seconds": self.median_seconds,
            "confusion": self.confusion.tolist(),
            "golden": self.golden_accuracy.to_json(),
            "practice": self.practice_result and self.practice_result.to_json(),
            "flags": list(self.flags),
            "last": self.last_answer_time,
            "votes": self.n_votes,
        }


@dataclass(frozen=True, eq=False)
class Progress:
    """Counts of questions and votes in a campaign, and the progress of its people."""

    name: str  # shown at the top of the rating page
    is_paused: bool
    now: float  # seconds
    n_open_questions: int
    n_questions_closed_by_rule: int
    n_questions_closed_by_votes: int
    n_votes: int  # counted votes
    max_votes_needed: int  # how many more votes the open questions need, at most
    n_questions_without_rater: int  # open questions that no rater is left to answer
    n_votes_last_hour: int
    n_votes_last_day: int  # of the last 24 hours
    expected_end: float | None  # in seconds
    skipped_images: tuple[tuple[str, int], ...]  # image names, each with the number of people who skipped the image
    n_golden_invalid: int
    n_golden_valid: int
    n_golden_unknown: int  # golden questions without a known truth: too few experts have answered
    n_golden_without_majority: int  # at most half of the experts gave the answer that became the truth
    tempering_power: float  # how often each vote counts for the probability of a question
    n_tempering_questions: int  # golden questions that the power was found by; 0 if it is 1 so far
    practice_round: PracticeRound
    people: tuple[RaterProgress, ...]  # sorted by id

    @property
    def n_questions(self) -> int:
        """Number of questions that raters vote on."""
        return self.n_open_questions + self.n_questions_closed_by_rule + self.n_questions_closed_by_votes

    @property
    def n_golden(self) -> int:
        """Number of golden questions, including practice questions."""
        return self.n_golden_invalid + self.n_golden_valid + self.n_golden_unknown

    @property
    def flag_notes(self) -> list[str]:
        """The meaning of each flag that was raised on a rater, one line per flag."""
        flags = {flag for person in self.people for flag in person.flags}
        return [f"{flag}: {meaning}" for flag, meaning in _FLAG_MEANINGS.items() if flag in flags]

    def to_json(self) -> dict[str, Any]:
        """Return the progress of a campaign as a dict for JSON output."""
        return {
            "name": self.name,
            "paused": self.is_paused,
            "now": self.now,
            "open": self.n_open_questions,
            "closed_by_rule": self.n_questions_closed_by_rule,
            "closed_by_votes": self.n_questions_closed_by_votes,
            "votes": self.n_votes,
            "votes_needed": self.max_votes_needed,
            "waiting": self.n_questions_without_rater,
            "last_hour": self.n_votes_last_hour,
            "last_day": self.n_votes_last_day,
            "ends": self.expected_end,
            "skipped": self.skipped_images,
            "golden_invalid": self.n_golden_invalid,
            "golden_valid": self.n_golden_valid,
            "golden_unknown": self.n_golden_unknown,
            "golden_split": self.n_golden_without_majority,
            "tempering_power": self.tempering_power,
            "tempering_questions": self.n_tempering_questions,
            "practice": self.practice_round.to_json(),
            "raters": [person.to_json() for person in self.people],
            "questions": self.n_questions,
        }
