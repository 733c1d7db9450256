"""Let a model answer tasks."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reassess.core import Match, Tasks, Votes
from reassess.core.checks import check_range, check_type, check_unicode
from reassess.core.image_names import match_images
from reassess.data import ImageSource, open_images
from reassess.data.run_records import describe_how_to_start_again
from reassess.data.unfinished_runs import UnfinishedRun
from reassess.errors import DataError, Fix, require_package
from reassess.formats import write_votes
from reassess.formats.files import atomic_writes, check_output, check_suffix, write_to_temporary
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.proposals.machines.asking import Asker, Questionnaire, read_image_file
from reassess.proposals.machines.chat import ChatServer
from reassess.proposals.machines.estimates import RatingEstimate, estimate_questionnaire
from reassess.proposals.machines.journal import JOURNAL, Journal
from reassess.proposals.machines.model_votes import CountedVotes, count_votes, name_rater
from reassess.proposals.machines.probe import ProbeResult
from reassess.proposals.machines.prompts import Prompt, describe_classes, read_prompt
from reassess.proposals.machines.request_plan import RequestPlan, digest_tasks
from reassess.text import Printable, count_noun, join_first

MAX_CONCURRENCY = 1024
MAX_REPEATS = 100


@dataclass(frozen=True, repr=False)
class MachineRating(Printable):
    """The votes of a model, and what happened while it was asked."""

    rater: str  # id of the model with its prompt and settings
    votes: Votes
    file: Path
    answers_file: Path  # everything that the model answered
    n_requests: int
    answer_counts: Mapping[str, int]  # answers to questions by answer, then what is not an answer, such as "refused"
    n_differing_questions: int  # questions whose repeats have different answers
    tokens: tuple[int, int]  # of the requests and of the answers; both 0 if the server does not report them
    is_format_enforced: bool  # whether the server allows only answers in the requested format
    has_logprobs: bool  # whether the server sent log-probabilities
    refused_fields: tuple[str, ...]  # fields of requests that the server rejected, so that they were not sent
    first_failure: str  # why the first request without an answer has none; empty if there is none

    @property
    def _headline(self) -> str:
        return f"MachineRating({count_noun(len(self.votes), 'vote')} by {self.rater} in {self.file.name})"


def rate(
    tasks: Tasks,
    images: str | Path,
    output: str | Path,
    *,
    model: str,
    endpoint: str,
    prompt: Prompt | None = None,
    repeats: int = 1,
    concurrency: int = 8,
    max_tokens: int | None = None,
    seed: int = 0,
    match: Match = "path",
    force: bool = False,
    report: Callable[[str], object] = lambda _: None,
    progress: Callable[[int, int, int], object] = lambda *_: None,
) -> MachineRating:
    """Let a model answer tasks, and write its votes.

    The server has the OpenAI chat protocol. A request has an image, and then the prompt with the name, synonyms and
    definition of the class, or of all classes of a task. The key of the server, if it needs one, is in the environment
    variable OPENAI_API_KEY.

    Until the end, the folder ``OUTPUT.unfinished`` contains the answers. An interrupted run continues if this function
    is called again with the same arguments. `endpoint`, `concurrency` and `max_tokens` may change.

    Parameters
    ----------
    tasks
        The tasks, whose classes have names.
    images
        A folder, zip, tar or list of the images.
    output
        Votes: csv, tsv, jsonl or parquet. All answers of the model are written next to it, to ``NAME.answers.jsonl``.
    model, endpoint
        The model's name at the server, and the server's address, such as ``http://localhost:8000/v1``.
    prompt
        What to ask; by default ``read_prompt()``, which asks about one class per request.
    repeats
        How often each question is asked, each time in another order. The answers are combined to one vote.
    concurrency
        The number of requests at a time.
    max_tokens
        The run stops before it needs more tokens.
    seed
        Determines the order of requests, classes and answers, and the waits after failures.
    match
        The part of an image name that identifies the image.
    force
        Overwrite existing files.
    report
        Called with lines about the work ahead.
    progress
        Called with the number of answered requests, the number of requests, and the tokens so far.

    Raises
    ------
    DataError
        The classes have no names; an image is missing; the server cannot be reached, rejects the key or the model,
        fails many times in a row, or fails at each try of a request; the tokens are used up; the unfinished run has
        other settings. After failures of the server, call this function again: it asks only what has no answer.
    OutputError
        A file exists without `force`, or cannot be written.
    """
    output = Path(output)
    check_range(concurrency, 1, MAX_CONCURRENCY, value_name="number of requests at a time")
    if max_tokens is not None:
        check_range(max_tokens, 1, value_name="number of tokens")
    check_model_name(model)
    check_output_files(output, force=force)
    questionnaire = prepare_questionnaire(tasks, images, prompt=prompt, repeats=repeats, seed=seed, match=match)
    server = ChatServer(endpoint, model, seed=seed)
    unfinished = _unfinished_run(output)
    answers_file = name_answers_file(output)

    def may_replace(path: Path) -> bool:
        return force or unfinished.has_written_output(path)

    image_sets, settings = {"images": questionnaire.images}, _identify_run(questionnaire, model)
    with unfinished.start_or_continue(settings, image_sets, [], None):
        with Journal.open(unfinished.folder / JOURNAL, len(questionnaire.plan)) as journal:
            if journal.n_answered:
                n_requests = count_noun(len(questionnaire.plan), "request")
                report(f"{unfinished.folder}: continues after {journal.n_answered:,} of {n_requests}")
                _check_images_are_unchanged(questionnaire.images, journal, unfinished.folder)
            asker = Asker(questionnaire, server, journal, concurrency, max_tokens, progress)
            probe = _run_async(asker.ask_all)
            rater = name_rater(
                model, questionnaire.prompt.digest, questionnaire.plan.repeats, questionnaire.plan.per, probe
            )
            with atomic_writes(
                before_move=unfinished.record_outputs_and_remove_old_outputs,
                temporary_prefix=unfinished.temporary_prefix,
            ):
                with (
                    write_to_temporary(answers_file, force=may_replace(answers_file)) as temporary,
                    temporary.open("wb") as file,
                ):
                    counted = count_votes(questionnaire, journal, asker.unanswered, rater, file)
                write_votes(output, counted.votes, force=may_replace(output))
        unfinished.remove_folder()
    return _summarize(counted, rater, output, answers_file, probe, asker)


def _summarize(
    counted: CountedVotes, rater: str, output: Path, answers_file: Path, probe: ProbeResult, asker: Asker
) -> MachineRating:
    return MachineRating(
        rater=rater,
        votes=counted.votes,
        file=output,
        answers_file=answers_file,
        n_requests=len(asker.questionnaire.plan),
        answer_counts=counted.answer_counts,
        n_differing_questions=counted.n_differing_questions,
        tokens=(counted.tokens[0] + probe.tokens[0], counted.tokens[1] + probe.tokens[1]),
        is_format_enforced=probe.is_format_enforced,
        has_logprobs=probe.has_logprobs,
        refused_fields=probe.refused_fields,
        first_failure=asker.first_failure,
    )


def estimate_rating(
    tasks: Tasks,
    images: str | Path,
    *,
    prompt: Prompt | None = None,
    repeats: int = 1,
    seed: int = 0,
    match: Match = "path",
) -> RatingEstimate:
    """Estimate the requests and tokens that `rate` would need, without a server.

    The arguments have the same meaning as in `rate`. `DataError` if the classes have no names, or an image is missing.
    """
    return estimate_questionnaire(
        prepare_questionnaire(tasks, images, prompt=prompt, repeats=repeats, seed=seed, match=match)
    )


def prepare_questionnaire(
    tasks: Tasks, images: str | Path, *, prompt: Prompt | None, repeats: int, seed: int, match: Match
) -> Questionnaire:
    """Check the arguments of a run, and prepare its requests."""
    with require_package("pillow", extra="machine", purpose="reading images"):
        import PIL  # noqa: F401 - only to check that it is installed
    check_type(Tasks, tasks)
    check_range(repeats, 1, MAX_REPEATS, value_name="number of repeats")
    check_range(seed, 0, value_name="seed")
    prompt = prompt or read_prompt()
    questions = tasks.questions
    if not len(questions):
        raise DataError("empty", "tasks have no questions", fix="give tasks with at least one question")
    class_texts = describe_classes(questions.classes, sorted(set(questions.class_ids.tolist())))
    return Questionnaire(
        RequestPlan(tasks, prompt.per, repeats, seed),
        prompt,
        class_texts,
        _select_images(open_images(images), questions.images, match),
    )


def name_answers_file(output: Path) -> Path:
    """Return the file for everything that a model answered, next to the votes."""
    return output.with_name(f"{output.stem}.answers.jsonl")


def _unfinished_run(output: Path) -> UnfinishedRun:
    return UnfinishedRun("rate", output, JOURNAL)


def check_output_files(output: Path, *, force: bool) -> None:
    """Raise `OutputError` if the votes or the answers cannot be written, or exist without `force`.

    Files that an interrupted run wrote are replaced.
    """
    check_suffix(output, TABLE_SUFFIXES, "votes")
    for path in (output, name_answers_file(output)):
        check_output(path, force=force or _unfinished_run(output).has_written_output(path))


def check_model_name(model: str) -> None:
    """Raise `DataError` if a model name is empty, or cannot be a part of a rater's id."""
    check_unicode([model], value_name="the name of the model")
    if not model.strip() or not model.isprintable():
        raise DataError("invalid-name", "name of the model is empty or has control characters", found=repr(model))


def _select_images(images: ImageSource, names: tuple[str, ...], match: Match) -> ImageSource:
    """Select the images of the tasks, in their order; raise `DataError` if an image is missing."""
    rows = match_images(
        names, images.names, match=match, where="the tasks", known_where=str(images.source_path)
    ).tolist()
    missing = [name for name, row in zip(names, rows, strict=True) if row < 0]
    if missing:
        raise DataError(
            "missing-images",
            "images of the tasks are missing",
            where=images.source_path,
            found=f"{count_noun(len(missing), 'image')} missing: {join_first(missing, max_items=3)}",
            fix=Fix("add them, or give the folder, zip or tar of all images: {images}", images="PLACE"),
        )
    return ImageSource(
        images.source_path,
        tuple(images.names[row] for row in rows),
        images.files,
        tuple(images.rows[row] for row in rows),
    )


def _identify_run(questionnaire: Questionnaire, model: str) -> dict[str, Any]:
    """Return everything that the requests of a run depend on, except the images."""
    plan = questionnaire.plan
    class_texts = json.dumps(sorted(questionnaire.class_texts.items()))
    return {
        "model": model,
        "prompt": questionnaire.prompt.digest,
        "per": plan.per,
        "repeats": plan.repeats,
        "seed": plan.seed,
        "tasks": digest_tasks(plan.tasks),
        "classes": hashlib.sha256(class_texts.encode()).hexdigest(),
    }


def _check_images_are_unchanged(images: ImageSource, journal: Journal, folder: Path) -> None:
    """Raise `DataError` if an image that requests were answered about has changed."""
    changed = []
    for row, name in enumerate(images.names):
        if name in journal.image_hashes:
            try:
                is_same = hashlib.sha256(read_image_file(images, row)).hexdigest() == journal.image_hashes[name]
            except DataError:
                is_same = False
            changed += [] if is_same else [name]
    if changed:
        raise DataError(
            "different-run",
            "images have changed",
            where=folder,
            found=f"{count_noun(len(changed), 'image')} changed: {join_first(changed, max_items=3)}",
            fix=f"restore the images to continue, or {describe_how_to_start_again(folder)}",
        )


def _run_async(function: Callable[[], Any]) -> Any:
    """Run an async function; in a thread if an event loop is running, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(function())
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(lambda: asyncio.run(function())).result()
