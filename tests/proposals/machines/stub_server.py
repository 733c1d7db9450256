"""A small server with the OpenAI chat protocol, whose answers and faults a test chooses."""

import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "tiny-vlm"


@dataclass(frozen=True)
class Response:
    """What the server sends; `cut` bytes are missing at the end."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0


@dataclass(frozen=True)
class Asked:
    """A request that the server got."""

    body: dict[str, Any]
    headers: dict[str, str]  # names in lower case
    number: int  # from 0

    @property
    def text(self) -> str:
        """The text of the request, which follows the image."""
        image, text = self.body["messages"][0]["content"]
        assert image["image_url"]["url"].startswith("data:image/")
        return str(text["text"])

    @property
    def is_probe(self) -> bool:
        return "banana" in self.text

    @property
    def keys(self) -> list[str]:
        """The keys that the JSON schema requires; empty without a schema."""
        if "response_format" not in self.body:
            return []
        return list(self.body["response_format"]["json_schema"]["schema"]["required"])

    @property
    def names(self) -> list[str]:
        """The class names of the request, in the order of the prompt."""
        lines = self.text.split("\n\n")[0].splitlines()[1:]
        return [re.sub(r"^\d+\. ", "", line).split(":")[0].split(" (")[0] for line in lines]


def reply(text: Any, *, finish: str = "stop", logprobs: bool = True, **message: Any) -> Response:
    """Make a response of the chat protocol."""
    tokens = [{"token": "yes", "logprob": -0.1, "top_logprobs": [{"token": "no", "logprob": -2.5}]}]
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    if logprobs:
        choice["logprobs"] = {"content": tokens}
    usage = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105}
    return Response(body=json.dumps({"choices": [choice], "usage": usage}).encode())


def error(status: int, message: str, **headers: str) -> Response:
    """Make an error response."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, json.dumps({"error": {"message": message}}).encode(), named)


def obedient(answer: Callable[[str], str]) -> Callable[[Asked], Response]:
    """Answer as a server that enforces the schema, given a function from class name to answer."""

    def respond(asked: Asked) -> Response:
        if asked.is_probe:
            return reply('{"answer": "no"}')
        return reply(json.dumps(dict(zip(asked.keys, map(answer, asked.names), strict=True))))

    return respond


class Stub:
    """A running server."""

    def __init__(self, respond: Callable[[Asked], Response]) -> None:
        self.respond = respond
        self.asked: list[Asked] = []
        self.errors: list[BaseException | None] = []  # of `respond`
        self.lock = threading.Lock()
        self.endpoint = ""

    @property
    def questions(self) -> list[Asked]:
        """The requests except probes."""
        return [asked for asked in self.asked if not asked.is_probe]


@contextmanager
def stub_server(respond: Callable[[Asked], Response]) -> Iterator[Stub]:
    """Start a server, and stop it at the end of the block."""
    stub = Stub(respond)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet per response: the system delays the second of two by 40 ms

        def do_POST(self) -> None:
            n_bytes = int(self.headers["Content-Length"])
            content = self.rfile.read(n_bytes)
            if len(content) < n_bytes:  # the client stopped
                self.close_connection = True
                return
            body = json.loads(content)
            with stub.lock:
                asked = Asked(body, {name.lower(): text for name, text in self.headers.items()}, len(stub.asked))
                stub.asked.append(asked)
            response = stub.respond(asked)
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body[: len(response.body) - response.cut])
            if response.cut:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            if not isinstance(sys.exc_info()[1], ConnectionError):  # the client may stop at any moment
                stub.errors.append(sys.exc_info()[1])

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    stub.endpoint = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert stub.errors == []
