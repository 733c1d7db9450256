"""A server with the OpenAI chat protocol: requests with an image, repeated after failures that may pass."""

import asyncio
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit

from reassess.core import KNOWN_ANSWERS
from reassess.errors import DataError, require_package
from reassess.text import escape_controls, shorten

KEY_VARIABLE = "OPENAI_API_KEY"
_TIMEOUT_SECONDS = 300.0  # of one try; a server may load the model first
_MAX_TRIES = 8
_FIRST_DELAY_SECONDS, _MAX_DELAY_SECONDS = 0.5, 60.0  # each delay is twice the one before
_MAX_RETRY_AFTER_SECONDS = 3600.0
_MAX_JITTER_SECONDS = 0.5  # after Retry-After, so that waiting requests do not start at the same moment
_MIN_SECRET_LETTERS = 8  # shorter keys are placeholders, such as EMPTY
_MAX_TOKENS_WITH_LOGPROBS = 1000  # per answer: the last ones, since the thoughts of a model come first
_N_ALTERNATIVES = 5
_MAX_MESSAGE_LETTERS = 300
_MAX_TOKENS = 1 << 40  # of one answer; a larger number is a mistake of the server
# What Python raises when a JSON document does not have the expected form.
_WRONG_FORM = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
_PASSING_STATUS = (408, 409, 425, 429)  # and all from 500
_PAUSING_STATUS = (429, 503)  # their Retry-After applies to all requests
_FATAL_STATUS = {401: "key is missing or wrong", 403: "access is not allowed", 404: "address or model is not found"}

OPTIONAL_FIELDS: Mapping[str, Sequence[str]] = {  # with words that name the field in messages of servers
    "logprobs": ("logprob",),
    "response_format": ("response_format", "schema", "structured", "grammar", "guided"),
    "temperature": ("temperature",),
}


class UnansweredError(Exception):
    """A request without an answer: the server rejects this request, or fails each time."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind  # "rejected" or "failed"
        super().__init__(message)


@dataclass(frozen=True)
class Reply:
    """The answer of a server to one request."""

    text: str
    refusal: str | None
    finish: str  # why the text ends: stop, length or content_filter
    tokens: tuple[int, int]  # of the request and of the answer
    has_usage: bool  # whether the server reports tokens
    logprobs: list[list[Any]] | None  # by token: text, log-probability, alternatives


class ChatServer:
    """A server with the OpenAI chat protocol, and a model that it serves.

    The key comes from the environment variable OPENAI_API_KEY. It is replaced in everything that the server writes.
    """

    def __init__(self, endpoint: str, model: str, *, seed: int) -> None:
        check_endpoint(endpoint)
        with require_package("openai", extra="machine", purpose="asking a model"):
            from openai import AsyncOpenAI
        self.endpoint, self.model, self.seed = endpoint, model, seed
        self.fields = tuple(OPTIONAL_FIELDS)  # that are sent
        self._key = _read_key()
        self._secret = self._key if len(self._key) >= _MIN_SECRET_LETTERS else ""
        self._client_type = AsyncOpenAI
        self._pause_ends = 0.0

    async def __aenter__(self) -> "ChatServer":
        self._client = self._client_type(
            base_url=self.endpoint,
            api_key=self._key or "none",
            max_retries=0,  # with another wait, and without a limit on Retry-After
            timeout=_TIMEOUT_SECONDS,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def ask(
        self, image_url: str, text: str, *, answer_keys: Sequence[str], number: int, is_probe: bool = False
    ) -> Reply:
        """Ask about an image, and try again after a failure that may pass.

        `answer_keys` are the keys of the JSON object with the answers. The seed and `number` determine how long to wait
        after a failure. Raise `UnansweredError` if the server rejects this request, or fails each time, and `DataError`
        if it will reject all requests. A probe is sent only once if no server listens.
        """
        body = self._make_body(image_url, text, answer_keys)
        for attempt in range(_MAX_TRIES):
            pause = self._pause_ends - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause + self._draw_jitter(number, attempt))
            try:
                return await self._ask_once(body)
            except _PassingError as error:
                if attempt == _MAX_TRIES - 1 or (is_probe and error.is_unreachable):
                    raise UnansweredError("failed", str(error)) from error
                await asyncio.sleep(self._find_delay(error, number, attempt))
        raise AssertionError("unreachable")

    def _find_delay(self, error: "_PassingError", number: int, attempt: int) -> float:
        """Return the seconds to wait: Retry-After, or an exponential back-off, both with jitter."""
        if error.retry_after is not None:
            if error.status in _PAUSING_STATUS:
                self._pause_ends = max(self._pause_ends, time.monotonic() + error.retry_after)
            return error.retry_after + self._draw_jitter(number, attempt)
        jitter = Random(f"{self.seed} {number} {attempt}").uniform(0.5, 1)
        return jitter * min(_FIRST_DELAY_SECONDS * float(2**attempt), _MAX_DELAY_SECONDS)

    def _draw_jitter(self, number: int, attempt: int) -> float:
        """Draw the seconds to wait after a pause of the server has ended."""
        return Random(f"{self.seed} {number} {attempt}").uniform(0, _MAX_JITTER_SECONDS)

    def _make_body(self, image_url: str, text: str, answer_keys: Sequence[str]) -> dict[str, Any]:
        image = {"type": "image_url", "image_url": {"url": image_url}}
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": [image, {"type": "text", "text": text}]}],
        }
        if "temperature" in self.fields:
            body["temperature"] = 0
        if "logprobs" in self.fields:
            body |= {"logprobs": True, "top_logprobs": _N_ALTERNATIVES}
        if "response_format" in self.fields:
            body["response_format"] = {"type": "json_schema", "json_schema": make_answer_format(answer_keys)}
        return body

    async def _ask_once(self, body: Mapping[str, Any]) -> Reply:
        from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError

        try:
            # The method for chats would copy the body, with the image, field by field, and check the response.
            content = await self._client.post("/chat/completions", body=body, cast_to=str)
        except APIStatusError as error:
            raise self._explain_status(error) from None  # the original error can show the key
        except APITimeoutError:
            raise _PassingError(f"no answer after {_TIMEOUT_SECONDS:g} s") from None
        except APIConnectionError as error:
            reason = f"{error.__cause__ or error}"
            raise _PassingError(self._hide_key(reason or "connection lost"), is_unreachable=True) from None
        except OpenAIError as error:
            raise _PassingError(self._hide_key(str(error))) from None
        try:
            return _read_reply(self._hide_key(json.loads(content)), self._secret)
        except _WRONG_FORM:
            raise _PassingError("response is not in the chat protocol") from None

    def _explain_status(self, error: Any) -> "Exception":
        """Convert an error status to the exception to raise."""
        status: int = error.status_code
        message = _shorten(self._hide_key(_read_error_message(error.response)))
        if status in _FATAL_STATUS:
            fix = "check the address of the server, and the name of the model"
            if status in (401, 403):
                fix = f"set the environment variable {KEY_VARIABLE}"
            return DataError(
                "server-refused",
                f"server refuses the request: {_FATAL_STATUS[status]}",
                where=self.endpoint,
                found=f"status {status}: {message}",
                fix=fix,
            )
        if status in _PASSING_STATUS or status >= 500:
            retry_after = _parse_retry_after(error.response.headers.get("retry-after"))
            return _PassingError(f"status {status}: {message}", status=status, retry_after=retry_after)
        return UnansweredError("rejected", f"status {status}: {message}")

    def _hide_key(self, value: Any) -> Any:
        """Replace the key in all texts of a JSON document."""
        if isinstance(value, str):
            return _replace_secret(value, self._secret)
        if isinstance(value, list):
            return [self._hide_key(each) for each in value]
        if isinstance(value, dict):
            return {self._hide_key(name): self._hide_key(each) for name, each in value.items()}
        return value


class _PassingError(Exception):
    """A failure that may pass, such as a lost connection."""

    def __init__(
        self, message: str, *, status: int = 0, retry_after: float | None = None, is_unreachable: bool = False
    ) -> None:
        self.status, self.retry_after, self.is_unreachable = status, retry_after, is_unreachable
        super().__init__(message)


def check_endpoint(endpoint: str) -> None:
    """Raise `DataError` unless an endpoint is an address of a server, without a password or key in it."""
    try:
        parts = urlsplit(endpoint)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address, parts = False, urlsplit("")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise DataError(
            "not-an-address",
            "address of the server has more than a host and a path",
            allowed="http://localhost:8000/v1",
            fix=f"give a key in the environment variable {KEY_VARIABLE}",  # `found` would print the key
        )
    if not is_address:
        raise DataError(
            "not-an-address", "not the address of a server", allowed="http://localhost:8000/v1", found=endpoint
        )


def make_answer_format(answer_keys: Sequence[str]) -> dict[str, Any]:
    """Make the JSON schema of answers: an object with no, maybe or yes for each key."""
    answer = {"type": "string", "enum": list(KNOWN_ANSWERS)}
    schema = {
        "type": "object",
        "properties": dict.fromkeys(answer_keys, answer),
        "required": list(answer_keys),
        "additionalProperties": False,
    }
    return {"name": "answers", "strict": True, "schema": schema}


def _read_key() -> str:
    """Read the key from the environment; an empty text without one."""
    key = os.environ.get(KEY_VARIABLE, "")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise DataError(
            "invalid-key",
            "key contains characters that cannot be sent",
            where=KEY_VARIABLE,
            allowed="letters, digits and punctuation",
            fix="copy the key again, without line breaks or blanks",
        )
    return key


def _replace_secret(text: str, secret: str) -> str:
    return text.replace(secret, "[key]") if secret else text


def _read_reply(document: dict[str, Any], secret: str) -> Reply:
    """Read a response of the chat protocol; raise an error of Python if it is in another form.

    `secret` is replaced in a text whose parts contain it only together.
    """
    choice = document["choices"][0]
    message = choice["message"]
    usage = document.get("usage") or {}
    tokens = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    text, refusal = message.get("content") or "", message.get("refusal")
    if isinstance(text, list):  # parts of text
        text = _replace_secret("".join(part.get("text") or "" for part in text), secret)
    if not isinstance(text, str) or not 0 <= min(tokens) <= max(tokens) < _MAX_TOKENS:
        raise ValueError
    return Reply(
        text=text,
        refusal=None if not refusal else str(refusal),
        finish=str(choice.get("finish_reason") or ""),
        tokens=tokens,
        has_usage=sum(tokens) > 0,
        logprobs=_read_logprobs(choice.get("logprobs"), secret),
    )


def _read_logprobs(logprobs: Any, secret: str) -> list[list[Any]] | None:
    """Return the token, its log-probability and its alternatives, for the last tokens.

    Return None if they are missing, are in another form, or contain the secret.
    """
    try:
        if secret and secret in "".join(str(token["token"]) for token in logprobs["content"]):
            return None
        return [
            [
                str(token["token"]),
                _to_finite(token["logprob"]),
                {str(other["token"]): _to_finite(other["logprob"]) for other in token.get("top_logprobs") or ()},
            ]
            for token in logprobs["content"][-_MAX_TOKENS_WITH_LOGPROBS:]
        ] or None
    except _WRONG_FORM:
        return None


def _to_finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _read_error_message(response: Any) -> str:
    """Return the message in the body of an error."""
    try:
        document = json.loads(response.content)
        error = document.get("error", document)
        message = error if isinstance(error, str) else error.get("message") or error.get("detail") or error
        return message if isinstance(message, str) else json.dumps(message)
    except (ValueError, AttributeError, RecursionError):
        return str(response.text)


def _shorten(message: str) -> str:
    return shorten(escape_controls(" ".join(message.split())), _MAX_MESSAGE_LETTERS) or "no message"


def _parse_retry_after(text: str | None) -> float | None:
    """Parse the header Retry-After, seconds or a date; None if it is missing or invalid."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except _WRONG_FORM:  # such as a date without a time zone
            return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None
