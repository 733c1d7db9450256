"""What a campaign is made of, as files hold it: tasks, golden questions, experts' votes and original labels."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from reassess.cli.common import Call
from reassess.cli.part_inputs import find_part, matched, read_classes_of, read_original_of
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.benchmark import Benchmark, benchmark_of
from reassess.core.classes import Classes
from reassess.core.common_classes import Classed
from reassess.core.items import Id
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.tasks import Tasks
from reassess.core.votes import Votes
from reassess.data.joined_parts import in_one_benchmark, warn_of_other_images
from reassess.data.loading import load_votes
from reassess.errors import DataError, at
from reassess.formats.candidate_files import read_candidates
from reassess.formats.task_files import read_tasks
from reassess.proposals.task_grouping import make_tasks

__all__ = ["CampaignParts", "load_campaign_parts", "load_experts", "with_unanswered"]

_Noun = TypeVar("_Noun", Questions, Votes | None, LabelSets | None)


@dataclass(frozen=True)
class CampaignParts:
    """What a campaign is made of, in one list of classes and with the benchmark's names of images.

    Parameters
    ----------
    benchmark
        Whose images they are.
    tasks
        What raters are to vote on.
    golden_tasks
        Golden questions, in tasks that are no larger; None if there are none.
    experts
        Experts' votes on golden questions; None if there are none.
    original
        The labels as they were; None if they are not known.
    """

    benchmark: Benchmark
    tasks: Tasks
    golden_tasks: Tasks | None
    experts: Votes | None
    original: LabelSets | None

    @property
    def images(self) -> tuple[str, ...]:
        """The names of all images that people are asked about."""
        golden = () if self.golden_tasks is None else self.golden_tasks.questions.images
        return tuple(dict.fromkeys((*self.tasks.questions.images, *golden)))

    def renamed(self, names: Mapping[str, str]) -> "CampaignParts":
        """The same with other names for the images: those of `images` are given."""

        def noun(one: _Noun) -> _Noun:
            return one if one is None else one.renamed([names.get(name, name) for name in one.images])

        def tasks(one: Tasks) -> Tasks:
            return replace(one, questions=noun(one.questions))

        golden = None if self.golden_tasks is None else tasks(self.golden_tasks)
        experts, original = noun(self.experts), noun(self.original)
        return replace(self, tasks=tasks(self.tasks), golden_tasks=golden, experts=experts, original=original)


def load_campaign_parts(
    call: Call,
    benchmark: Benchmark | None,
    tasks: Path,
    golden: str | None,
    golden_questions: Path | None,
) -> CampaignParts:
    """Read what a campaign is made of."""
    classes = None if benchmark is None else read_classes_of(call, benchmark)
    asked = read_tasks(call.read("tasks", tasks), classes)
    if benchmark is None:
        benchmark = benchmark_of(asked.questions.images)
        classes = read_classes_of(call, benchmark)
    benchmark = matched(call, benchmark)
    given: dict[str, tuple[Path, Classed]] = {"tasks": (tasks, asked.questions)}
    if (of_original := read_original_of(call, benchmark, None, classes)) is not None:
        given["original"] = of_original
    if (of_experts := find_part(call, benchmark, "golden", golden)) is not None:
        order = call.reading.answers or benchmark.answers
        given["golden"] = (
            of_experts,
            load_experts(of_experts, answers=order, classes=classes, once=True),
        )
    if golden_questions is not None:
        given["questions"] = (
            golden_questions,
            read_candidates(call.read("questions", golden_questions), classes).questions,
        )
    named = {f"{path} ({part})": noun for part, (path, noun) in given.items()}
    parts: dict[str, Any] = dict(zip(given, in_one_benchmark(named, benchmark, classes).values(), strict=True))
    files = {part: str(path) for part, (path, _) in given.items()}
    warn_of_other_images(parts, files, benchmark)
    experts = _experts(parts, files)
    most = int(asked.sizes.max())
    return CampaignParts(
        benchmark=benchmark,
        tasks=replace(asked, questions=parts["tasks"]),
        golden_tasks=None if experts is None else make_tasks(cast("Questions", experts.items), size=most),
        experts=experts if experts else None,
        original=parts.get("original"),
    )


def load_experts(path: Path, *, classes: Classes | None, answers: tuple[Id, ...] | None, once: bool = False) -> Votes:
    """The experts' votes of a file; the error for questions without votes leads to the option that takes them."""
    try:
        return load_votes(path, answers=answers, classes=classes, once=once)
    except DataError as error:
        with suppress(DataError):
            read_candidates(path, classes)
            error.fix = "give questions that experts are to answer in the campaign with --golden-questions"
        raise


def _experts(parts: Mapping[str, Any], files: Mapping[str, str]) -> Votes | None:
    """Golden questions with the experts' votes on them, of which some or all may have none; None without questions."""
    experts = None
    if "golden" in parts:
        with at(files["golden"]):
            experts = _on_questions(parts["golden"])
    if "questions" in parts:
        return with_unanswered(experts, parts["questions"])
    return experts


def with_unanswered(experts: Votes | None, questions: Questions) -> Votes:
    """Experts' votes, if there are any, and golden questions on which there may be none."""
    none = np.zeros(0, np.int64)
    answers = KNOWN_ANSWERS if experts is None else experts.answers
    unanswered = Votes.from_columns(questions, none, none, none, (), answers)
    return unanswered if experts is None else experts.append(unanswered)


def _on_questions(golden: Votes) -> Votes:
    """Experts' votes with the answers no, maybe and yes to questions, all of which have a vote."""
    if not isinstance(golden.items, Questions):
        raise DataError(
            "not-on-questions",
            "golden answers are not on (image, class) questions, as tasks are",
            fix="give votes with the columns image, class, rater and answer; or --golden none",
        )
    golden.require_raters("a golden answer")
    return golden.restrict(np.flatnonzero(golden.sizes)).with_answers(KNOWN_ANSWERS)
