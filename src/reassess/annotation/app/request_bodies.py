"""The types of request bodies; msgspec checks each body against its type."""

import asyncio
import json
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from reassess.errors import DataError
from reassess.formats.json_files import unique_key_hook

MAX_BODY_BYTES = 65_536
_TIMEOUT_SECONDS = 30.0  # seconds for a whole body; the page waits for 20 seconds
_Body = TypeVar("_Body", bound=Struct)

StoredInteger = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]  # the range of an integer column of the database
LargeNumber = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]  # a task or question; the range of integers in JavaScript
Seconds = Annotated[float, Meta(ge=0, lt=1e9)]
TaskIds = Annotated[list[LargeNumber], Meta(max_length=10)]


class EmptyBody(Struct):
    """An empty request body."""


class SignInToken(Struct):
    """The token of a personal link."""

    token: str


class LoadedTasks(Struct):
    """The ids of the tasks that the rating page has already loaded."""

    task_ids: TaskIds = msgspec.field(name="held")


class Answer(Struct):
    """One answer to a question, as sent in the body of a request."""

    question_id: LargeNumber = msgspec.field(name="question")
    answer: StoredInteger
    revision: StoredInteger
    seconds: Seconds | None = None


class Answers(Struct):
    """Several answers.

    With `reveal_truths`, the response has the experts' answers to a complete practice task. With `loaded_task_ids`, it
    has the next task.
    """

    answers: Annotated[list[Answer], Meta(max_length=500)]
    reveal_truths: bool = msgspec.field(default=True, name="reveal")
    loaded_task_ids: TaskIds | None = msgspec.field(default=None, name="held")


class SkippedTask(Struct):
    """A task whose image a person skips."""

    task_id: LargeNumber = msgspec.field(name="task")


class SuggestedClass(Struct):
    """A class that a person suggests for the image of a task."""

    task_id: LargeNumber = msgspec.field(name="task")
    class_id: StoredInteger = msgspec.field(name="class")


class Invitation(Struct):
    """The name and role of a new person, or the id of a person who needs a new link."""

    name: str | None = None
    role: Literal["rater", "expert", "owner"] | None = None
    person_id: StoredInteger | None = msgspec.field(default=None, name="person")

    def __post_init__(self) -> None:
        if (self.name is None or self.role is None) == (self.person_id is None):
            raise ValueError("give either a name and a role, or a person")


class PersonId(Struct):
    """The id of a person."""

    person_id: StoredInteger = msgspec.field(name="person")


class ExportOptions(Struct):
    """The options of an export: whether raters keep their names."""

    with_rater_names: bool = msgspec.field(default=False, name="names")


async def read_body(request: Request, body_type: type[_Body]) -> _Body:
    """Read the JSON body of a request, and convert it to a type.

    The request must have the content type of JSON, which forms on other sites cannot send.
    """
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "the request body is not application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    raise HTTPException(413, f"the request body has more than {MAX_BODY_BYTES:,} bytes")
    except ClientDisconnect as error:  # the client does not get this response
        raise HTTPException(400, "the request body is incomplete") from error
    except TimeoutError:
        detail = f"the request body took more than {_TIMEOUT_SECONDS:.0f} seconds"
        raise HTTPException(408, detail, {"Connection": "close"}) from None
    try:
        # msgspec itself would accept a duplicate key, and use its last value.
        document = json.loads(
            body, object_pairs_hook=unique_key_hook("the request body"), parse_constant=_refuse_json_constant
        )
        return msgspec.convert(document, body_type)
    except DataError:
        raise
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise HTTPException(400, f"the request body is invalid: {error}") from error


def _refuse_json_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
