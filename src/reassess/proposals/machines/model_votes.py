"""From the journal of a run to votes, and to counts of answers and of what is not an answer."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from reassess.core import KNOWN_ANSWERS, Votes
from reassess.proposals.machines.answer_texts import read_answer, read_task_answers
from reassess.proposals.machines.asking import Questionnaire
from reassess.proposals.machines.journal import Journal, encode_line
from reassess.proposals.machines.probe import ProbeResult
from reassess.proposals.machines.request_plan import Request

_REFUSED, _CUT_OFF, _EMPTY = "refused", "cut off", "empty"
_N_DIGEST_DIGITS = 8


@dataclass(frozen=True)
class CountedVotes:
    """The votes of a machine, and counts of its answers."""

    votes: Votes  # at most one on each question
    answer_counts: Mapping[str, int]  # answers to questions, with repeats, by answer; then what is not an answer
    n_differing_questions: int  # questions whose repeats have different answers
    tokens: tuple[int, int]  # of the requests and of the answers, without the probe


def name_rater(model: str, prompt_digest: str, repeats: int, per: str, probe: ProbeResult) -> str:
    """Return the rater id of a machine: the model, and a short hash of its prompt and settings."""
    settings = {"prompt": prompt_digest, "per": per, "repeats": repeats, **probe.settings}
    return f"{model}#{hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:_N_DIGEST_DIGITS]}"


def count_votes(
    questionnaire: Questionnaire, journal: Journal, unanswered: Mapping[int, str], rater: str, answers_file: BinaryIO
) -> CountedVotes:
    """Combine the answers of the journal to votes, and copy the journal to a file, in the order of the requests.

    With no = 0, maybe = 1/2 and yes = 1, the mean of the repeats is rounded to the nearest of the three; a mean halfway
    between two of them is maybe. Repeats without an answer do not count, and a question without any gets no vote.
    """
    questions = questionnaire.plan.tasks.questions
    sums, n_answers = np.zeros(len(questions), np.int64), np.zeros(len(questions), np.int64)
    lowest, highest = np.full(len(questions), len(KNOWN_ANSWERS)), np.full(len(questions), -1)
    counts: Counter[str] = Counter()
    tokens = np.zeros(2, np.int64)
    for request in questionnaire.plan:
        entry = journal.read(request.number)
        if entry is None:
            counts[unanswered[request.number]] += len(request.question_rows)
            continue
        answers_file.write(encode_line(entry))
        tokens += entry["tokens"]
        answers = _read_answers(questionnaire, request, entry)
        counts.update(answers)
        for row, answer in zip(request.question_rows, answers, strict=True):
            if answer in KNOWN_ANSWERS:
                position = KNOWN_ANSWERS.index(answer)
                sums[row] += position
                n_answers[row] += 1
                lowest[row], highest[row] = min(lowest[row], position), max(highest[row], position)
    answered = np.flatnonzero(n_answers)
    means = sums[answered] / n_answers[answered]  # 0 for no to 2 for yes
    answer_ids = np.where(means < 0.5, 0, np.where(means > 1.5, 2, 1))
    return CountedVotes(
        votes=Votes.from_columns(
            questions, answered, np.zeros_like(answered), answer_ids, raters=(rater,), answers=KNOWN_ANSWERS
        ),
        answer_counts={
            **{answer: counts[answer] for answer in KNOWN_ANSWERS},
            **{kind: counts[kind] for kind in sorted(counts) if kind not in KNOWN_ANSWERS},
        },
        n_differing_questions=int((lowest[answered] < highest[answered]).sum()),
        tokens=(int(tokens[0]), int(tokens[1])),
    )


def _read_answers(questionnaire: Questionnaire, request: Request, entry: Mapping[str, Any]) -> list[str]:
    """Read the answer to each question of a request, or why it is not an answer."""
    n_questions, text = len(request.question_rows), entry["text"]
    if entry["refusal"] or entry["finish"] == "content_filter":
        return [_REFUSED] * n_questions
    if not text.strip():
        return [_CUT_OFF if entry["finish"] == "length" else _EMPTY] * n_questions
    if questionnaire.plan.per == "question":
        answers = [read_answer(text)]
    else:
        answers = read_task_answers(text, questionnaire.class_names(request))
    if entry["finish"] == "length":
        return [answer if answer in KNOWN_ANSWERS else _CUT_OFF for answer in answers]
    return answers
