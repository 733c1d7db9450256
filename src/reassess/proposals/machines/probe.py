"""The first request of a run: does the server enforce the format of answers, and send log-probabilities?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from reassess.core import KNOWN_ANSWERS
from reassess.errors import DataError
from reassess.proposals.machines.answer_texts import read_answer, remove_thoughts
from reassess.proposals.machines.chat import OPTIONAL_FIELDS, ChatServer, Reply, UnansweredError

# An answer that the schema does not allow, so that only a server that enforces the schema sends an object.
_PROBE_TEXT = "Do not describe the image. Write only this word, without quotes or anything else: banana"
_MAX_PROBES = 3  # the first, and two more after a refusal, or an empty or cut answer
PROBE_NUMBER = -1  # in place of the number of a request


@dataclass(frozen=True)
class ProbeResult:
    """What the first request found out about a server.

    `refused_fields` are fields of requests that the server rejects, so that they are not sent. `has_usage` says whether
    the server reports how many tokens it used.
    """

    is_format_enforced: bool
    has_logprobs: bool
    has_usage: bool
    refused_fields: tuple[str, ...]
    tokens: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """Return the result as a dict for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ProbeResult":
        """Create the result from `to_json`."""
        names = ("refused_fields", "tokens")  # JSON has no tuples
        return cls(**{**document, **{name: tuple(document[name]) for name in names}})

    @property
    def settings(self) -> dict[str, bool]:
        """The settings that answers depend on."""
        return {"enforced": self.is_format_enforced, "greedy": "temperature" not in self.refused_fields}


async def probe_server(server: ChatServer, image_url: str) -> ProbeResult:
    """Send the first request, about the first image, and leave out fields that the server rejects.

    A refusal, or an empty or cut answer, shows nothing about the format; then the request is sent again, up to twice.
    Raise `DataError` if the server does not answer, or rejects the request without these fields too.
    """
    refused: list[str] = []
    server.fields = tuple(OPTIONAL_FIELDS)
    tokens = (0, 0)
    for _ in range(_MAX_PROBES):
        reply = await _send_probe(server, image_url, refused)
        tokens = tokens[0] + reply.tokens[0], tokens[1] + reply.tokens[1]
        text = remove_thoughts(reply.text)
        if text and not reply.refusal and reply.finish not in ("length", "content_filter"):
            break
    is_object = text.startswith("{") and read_answer(text) in KNOWN_ANSWERS
    return ProbeResult(
        is_format_enforced="response_format" in server.fields and is_object,
        has_logprobs=reply.logprobs is not None,
        has_usage=reply.has_usage,
        refused_fields=tuple(sorted(refused)),
        tokens=tokens,
    )


async def _send_probe(server: ChatServer, image_url: str, refused: list[str]) -> Reply:
    """Send the first request without the fields that the server rejects, which are added to `refused`."""
    while True:
        try:
            return await server.ask(image_url, _PROBE_TEXT, answer_keys=("answer",), number=PROBE_NUMBER, is_probe=True)
        except UnansweredError as error:
            if error.kind == "failed" or not server.fields:
                raise _probe_error(server, error) from None
            refused.append(_choose_refused_field(server.fields, str(error)))
            server.fields = tuple(name for name in server.fields if name != refused[-1])


def _choose_refused_field(fields: tuple[str, ...], message: str) -> str:
    """Return the field that the server's message names, or else the first field."""
    message = message.casefold()
    return next((name for name in fields if any(word in message for word in OPTIONAL_FIELDS[name])), fields[0])


def _probe_error(server: ChatServer, error: UnansweredError) -> DataError:
    if error.kind == "failed":
        return DataError(
            "server-failed",
            "server does not answer",
            where=server.endpoint,
            found=str(error),
            fix="start the server, or check its address",
        )
    return DataError(
        "server-refused",
        "server rejects a question about an image",
        where=f"{server.endpoint}, model {server.model}",
        found=str(error),
        fix="use a model that reads images",
    )
