"""What the page of a rater asks of the server, asked by a program."""

import json
import re
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from reassess.errors import DataError

__all__ = ["PageClient"]

_TIMEOUT = 60.0  # seconds
_CSRF = re.compile(r'<meta name="csrf" content="([0-9a-f]+)">')


class PageClient:
    """Somebody who is signed in, with one connection that is kept open.

    Parameters
    ----------
    address
        Of the pages, such as ``http://127.0.0.1:8000/``.
    token
        Of a personal link.

    Raises
    ------
    DataError
        The server cannot be reached, or refuses the token.
    """

    def __init__(self, address: str, token: str) -> None:
        parts = urlsplit(address)
        self._path = parts.path.rstrip("/")
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)
        self._headers = {"Content-Type": "application/json"}
        self.took: dict[str, list[float]] = {}  # seconds of each request that was answered, by what was asked
        self.statuses: dict[int, int] = {}  # how often the server gave each status, after they had entered
        self.not_shown = 0  # pictures that were asked for in vain
        try:
            self._enter(address, token)
        except (OSError, HTTPException) as error:
            self.close()
            raise DataError("server-failed", "server is not reachable", where=address, found=str(error)) from error
        except DataError:
            self.close()
            raise

    def _enter(self, address: str, token: str) -> None:
        self._send("POST", "enter", {"token": token})
        response = self._connection.getresponse()
        said = response.read().decode(errors="replace")
        if response.status != 204:
            raise DataError("link-refused", "server rejects a sign-in link", where=address, found=said)
        self._headers["Cookie"] = response.getheader("Set-Cookie", "").partition(";")[0]
        self._send("GET", "", None)
        found = _CSRF.search(self._connection.getresponse().read().decode(errors="replace"))
        if found is None:
            raise DataError("wrong-page", "page is not a rater's page", where=address)
        self._headers["X-CSRF-Token"] = found[1]

    def ask(self, what: str, said: dict[str, Any]) -> dict[str, Any]:
        """What the server answers; empty if it answers nothing."""
        begin = time.perf_counter()
        status, body = self._exchange("POST", what, said)
        self.took.setdefault(what, []).append(time.perf_counter() - begin)
        if status >= 500:
            raise ConnectionError(f"status {status}")
        if status >= 300:
            found = f"status {status}, {body.decode(errors='replace')}"
            raise DataError("request-rejected", "server rejects an answer", where=what, found=found)
        return json.loads(body) if body else {}

    def say_and_lose(self, what: str, said: dict[str, Any]) -> None:
        """Send something, and lose the connection before the answer comes."""
        with suppress(OSError, HTTPException):
            self._send("POST", what, said)
        self._connection.close()

    def fetch(self, path: str) -> int:
        """Number of bytes of a picture; 0 if the server does not show it."""
        status, body = self._exchange("GET", path, None)
        if status == 200:
            return len(body)
        self.not_shown += 1
        return 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _exchange(self, method: str, path: str, said: dict[str, Any] | None) -> tuple[int, bytes]:
        """The status and the body of what the server answers; `ConnectionError` if the connection is lost."""
        try:
            self._send(method, path, said)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise ConnectionError(str(error)) from error
        self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
        return response.status, body

    def _send(self, method: str, path: str, said: dict[str, Any] | None) -> None:
        body = None if said is None else json.dumps(said).encode()
        self._connection.request(method, f"{self._path}/{path}", body, self._headers)
