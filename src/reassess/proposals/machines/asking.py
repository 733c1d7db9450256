"""Send the open requests of a run to a server, several at a time, and write each answer to the journal."""

import asyncio
import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.data import ImageSource
from reassess.data.image_copies import strip_metadata
from reassess.errors import DataError, Fix
from reassess.proposals.machines.chat import ChatServer, UnansweredError
from reassess.proposals.machines.journal import Journal
from reassess.proposals.machines.probe import ProbeResult, probe_server
from reassess.proposals.machines.prompts import Prompt
from reassess.proposals.machines.request_plan import Request, RequestPlan
from reassess.text import count_noun

_MIN_FAILURES_IN_A_ROW = 20  # the run stops after as many failures, and one for each request at a time
UNREADABLE = "unreadable image"


@dataclass(frozen=True, eq=False)
class Questionnaire:
    """Everything that the content of requests depends on."""

    plan: RequestPlan
    prompt: Prompt
    class_texts: Mapping[int, str]  # by class id
    images: ImageSource  # the images of the tasks, in their order

    def render(self, request: Request) -> str:
        """Return the text of a request."""
        return self.prompt.render([self.class_texts[class_id] for class_id in self.class_ids(request)], request.answers)

    def class_ids(self, request: Request) -> list[int]:
        """Return the class ids of a request, in the order of its prompt."""
        return [int(self.plan.tasks.questions.class_ids[row]) for row in request.question_rows]

    def class_names(self, request: Request) -> list[str]:
        """Return the class names of a request, in the order of its prompt."""
        return [self.plan.tasks.questions.classes.short_name(class_id) for class_id in self.class_ids(request)]

    def answer_keys(self, request: Request) -> list[str]:
        """Return the keys of the JSON object with the answers."""
        if self.plan.per == "question":
            return ["answer"]
        return [str(number) for number in range(1, len(request.question_rows) + 1)]


@dataclass(eq=False)
class Asker:
    """Sends the open requests of a run."""

    questionnaire: Questionnaire
    server: ChatServer
    journal: Journal
    concurrency: int
    max_tokens: int | None
    progress: Callable[[int, int, int], object]  # requests answered, all requests, tokens so far
    unanswered: dict[int, str] = field(default_factory=dict)  # why a request has no answer, by its number
    first_messages: dict[str, str] = field(default_factory=dict)  # why the first request of each such kind has none
    _n_failures_in_a_row: int = 0
    _n_in_flight: int = 0

    async def ask_all(self) -> ProbeResult:
        """Probe the server if the journal has no probe yet, and send all open requests."""
        self._images = _EncodedImages(self.questionnaire.images, self.concurrency)
        async with self.server:
            probe = await self._probe()
            self.server.fields = tuple(name for name in self.server.fields if name not in probe.refused_fields)
            if self.max_tokens is not None and not probe.has_usage:
                raise DataError(
                    "unknown-tokens",
                    "server does not report how many tokens it uses",
                    where=self.server.endpoint,
                    fix="run without a token budget",
                )
            was_tried = self.journal.is_tried.copy()
            open_requests = self._open_requests(was_tried)
            await _run_together([self._ask_some(open_requests) for _ in range(self.concurrency)])
        if next(open_requests, None) is not None:
            raise self._budget_error()
        n_failed = sum(kind == "failed" and not was_tried[number] for number, kind in self.unanswered.items())
        if n_failed:
            raise self._failed_error(n_failed)
        return probe

    @property
    def first_failure(self) -> str:
        """Why the first request without an answer has none; empty if there is none."""
        return next(iter(self.first_messages.values()), "")

    def _open_requests(self, is_tried: npt.NDArray[np.bool_]) -> Iterator[Request]:
        """Yield the requests without an answer; last those that an earlier part of the run asked in vain."""
        plan, journal = self.questionnaire.plan, self.journal
        new = (request for request in plan if not is_tried[request.number])
        tried = (request for request in plan if is_tried[request.number])
        return (request for request in chain(new, tried) if not journal.is_answered(request.number))

    async def _probe(self) -> ProbeResult:
        if self.journal.probe is not None:
            return ProbeResult.from_json(self.journal.probe)
        probe = await probe_server(self.server, await self._find_readable_image())
        self.journal.add_probe(probe.to_json())
        return probe

    async def _find_readable_image(self) -> str:
        """Return the first image that can be read."""
        first_error: DataError | None = None
        for request in self.questionnaire.plan:
            try:
                return (await self._images.get(request.image_row)).url
            except DataError as error:
                first_error = first_error or error
        assert first_error is not None  # tasks have at least one question
        raise first_error

    async def _ask_some(self, open_requests: Iterator[Request]) -> None:
        """Take requests from an iterator that several tasks share, until it ends or the token budget is used up."""
        while self._fits_budget():
            request = next(open_requests, None)
            if request is None:
                return
            self._n_in_flight += 1
            try:
                await self._ask(request)
            finally:
                self._n_in_flight -= 1

    def _fits_budget(self) -> bool:
        """Return whether one more request fits, if each request in flight needs as many tokens as the longest."""
        needed = self.journal.n_tokens + (self._n_in_flight + 1) * self.journal.most_tokens
        return self.max_tokens is None or (needed <= self.max_tokens and self.journal.n_tokens < self.max_tokens)

    async def _ask(self, request: Request) -> None:
        """Send a request, and write the answer to the journal."""
        questionnaire = self.questionnaire
        prompt = questionnaire.render(request)
        try:
            image = await self._images.get(request.image_row)
        except DataError as error:
            self._set_unanswered(request, UNREADABLE, f"{error.where}: {error.found or error.problem}")
            return
        try:
            reply = await self.server.ask(
                image.url, prompt, answer_keys=questionnaire.answer_keys(request), number=request.number
            )
        except UnansweredError as error:
            self._set_unanswered(request, error.kind, str(error))
            self.journal.add_try(request.number, error.kind)
            self._count_failure(error)
            return
        self._n_failures_in_a_row = 0
        answer = {name: value for name, value in asdict(reply).items() if name != "has_usage"}
        self.journal.add(
            {
                "request": request.number,
                "image": questionnaire.images.names[request.image_row],
                "image_sha256": image.file_hash,
                "classes": questionnaire.class_names(request),
                "repeat": request.repeat,
                "prompt": prompt,
                **answer,
            }
        )
        self.progress(self.journal.n_answered, len(questionnaire.plan), self.journal.n_tokens)

    def _set_unanswered(self, request: Request, kind: str, message: str) -> None:
        self.first_messages.setdefault(kind, message)
        self.unanswered[request.number] = kind

    def _count_failure(self, error: UnansweredError) -> None:
        """Raise if many requests failed, and none was answered since the first of them.

        A server that has answered works, so a request that it rejects is not a failure of the server.
        """
        if error.kind == "rejected" and self.journal.n_answered:
            return
        self._n_failures_in_a_row += 1
        if self._n_failures_in_a_row >= _MIN_FAILURES_IN_A_ROW + self.concurrency:
            raise DataError(
                "server-failed",
                f"the last {self._n_failures_in_a_row} requests got no answer",
                where=self.server.endpoint,
                found=str(error),
                fix="check the server, and run the same command again",
            )

    def _failed_error(self, n_failed: int) -> DataError:
        return DataError(
            "server-failed",
            f"server failed at each try of {count_noun(n_failed, 'request')}, so no votes are written",
            where=self.server.endpoint,
            found=self.first_messages["failed"],
            fix="check the server, and run the same command again, which asks only what has no answer",
        )

    def _budget_error(self) -> DataError:
        n_answered, n_requests = self.journal.n_answered, len(self.questionnaire.plan)
        return DataError(
            "no-tokens-left",
            "token budget is used up",
            allowed=f"at most {self.max_tokens:,} tokens",
            found=f"{self.journal.n_tokens:,} tokens for {n_answered:,} of {count_noun(n_requests, 'request')}",
            fix=Fix(
                "raise the budget, and run the command again: {max_tokens}", max_tokens=self._estimate_all_tokens()
            ),
        )

    def _estimate_all_tokens(self) -> int:
        """Estimate the tokens of the whole run from the answered requests, and add 10 %."""
        mean = self.journal.n_tokens / max(self.journal.n_answered, 1)
        return round(1.1 * mean * len(self.questionnaire.plan))


class _EncodedImage(NamedTuple):
    """An image for requests."""

    url: str  # a data URL, which contains the image without metadata
    file_hash: str  # SHA-256 of the file


class _EncodedImages:
    """Encodes images, and keeps the last few: requests about an image follow one another."""

    def __init__(self, images: ImageSource, n_kept: int) -> None:
        self._images, self._n_kept = images, n_kept
        self._tasks: OrderedDict[int, asyncio.Task[_EncodedImage]] = OrderedDict()

    async def get(self, row: int) -> _EncodedImage:
        """Encode an image; raise `DataError` if the image cannot be read."""
        if row not in self._tasks:
            self._tasks[row] = asyncio.create_task(asyncio.to_thread(self._encode, row))
            if len(self._tasks) > self._n_kept:
                self._tasks.popitem(last=False)
        return await asyncio.shield(self._tasks[row])

    def _encode(self, row: int) -> _EncodedImage:
        content = read_image_file(self._images, row)
        copy, media_type = strip_metadata(content, self._images.names[row])
        url = f"data:{media_type};base64,{base64.b64encode(copy).decode()}"
        return _EncodedImage(url, hashlib.sha256(content).hexdigest())


def read_image_file(images: ImageSource, row: int) -> bytes:
    """Read the file of an image; raise `DataError` if it cannot be read."""
    try:
        return images.read_file(row)
    except OSError as error:
        name = images.names[row]
        raise DataError("unreadable-image", "image cannot be read", where=name, found=error.strerror) from error


async def _run_together(coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run coroutines together; if one raises an error, cancel the others, and raise this error."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
