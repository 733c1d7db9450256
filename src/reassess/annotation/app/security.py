"""What each response forbids browsers, and what requests that change something must have."""

import asyncio
import json
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reassess.errors import DataError
from reassess.formats.json_files import each_once

__all__ = [
    "MOST_BYTES",
    "SecureHeaders",
    "Tries",
    "check_csrf",
    "csrf_of",
    "said_in",
    "whole_number",
]

MOST_BYTES = 65_536  # of the body of a request
_PATIENCE = 30.0  # seconds that it may take; the page waits for 20
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]


class SecureHeaders:
    """An application with headers that let its pages load nothing from elsewhere, and be in no other page.

    Browsers keep no response unless it says that they may. They keep scripts and styles, and ask each time whether
    these have changed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                headers.extend(_HEADERS)
                names = {name for name, _ in headers}
                if b"cache-control" not in names:
                    headers.append((b"cache-control", b"no-cache" if b"etag" in names else b"no-store"))
            await send(message)

        await self._app(scope, receive, send_with_headers)


def csrf_of(secret: str) -> str:
    """What a page of a session sends along; it tells nothing of the session's secret.

    >>> csrf_of("secret")[:8]
    'c0cbdcb1'
    """
    return sha256(f"csrf{secret}".encode()).hexdigest()


def check_csrf(request: Request, secret: str) -> None:
    """Refuse, with status 403, what no page of this session has sent."""
    given = request.headers.get("X-CSRF-Token", "")
    if not compare_digest(given.encode(), csrf_of(secret).encode()):
        raise HTTPException(403, "the page is of another session: load it again")


async def said_in(request: Request) -> Mapping[str, Any]:
    """The JSON object that a request brings.

    A form of another site cannot send the type that is asked for.
    """
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "the body of a request is application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise HTTPException(413, f"the body of a request has at most {MOST_BYTES:,} bytes")
    except ClientDisconnect as error:  # who hears nothing of it
        raise HTTPException(400, "the body of a request was broken off") from error
    except TimeoutError:
        detail = f"the body of a request takes at most {_PATIENCE:.0f} seconds"
        raise HTTPException(408, detail, {"Connection": "close"}) from None
    try:
        said = json.loads(body, object_pairs_hook=each_once("the body of a request"))
    except DataError:
        raise
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise HTTPException(400, "the body of a request is a JSON object")
    return said


def whole_number(found: Any, largest: int = (1 << 31) - 1) -> int:
    """A number that a request brings: by default one that the database's columns of integers hold."""
    if type(found) is not int or not 0 <= found <= largest:
        raise HTTPException(400, f"a number is a whole one from 0 to {largest}")
    return found


_OF_NETWORK = 64  # leading bits of an IPv6 address, of which the others are its owner's to choose


@dataclass
class Tries:
    """Wrong tries of the last while, which the server's memory holds.

    Parameters
    ----------
    of_one
        So many from one address are answered; IPv6 addresses of one network of 64 bits are one.
    of_all
        So many from all addresses together; no more than these are ever kept.
    seconds
        How long a try counts.

    Examples
    --------
    >>> tries = Tries(of_one=1)
    >>> tries.count("192.0.2.7", now=100.0), tries.count("192.0.2.7", now=130.0), tries.count("192.0.2.8", now=130.0)
    (0, 30, 0)
    >>> tries.take_back("192.0.2.8", now=130.0)
    >>> tries.count("192.0.2.8", now=130.0)
    0
    """

    of_one: int = 10
    of_all: int = 300
    seconds: float = 60.0
    _wrong: deque[tuple[float, str]] = field(default_factory=deque, repr=False)

    def count(self, address: str, now: float) -> int:
        """Count a try of an address as a wrong one; if there were too many, the seconds to wait, and it is not counted.

        Tries are counted before it is known whether they are wrong, so that many at the same time are not all answered.
        """
        while self._wrong and not 0 <= now - self._wrong[0][0] < self.seconds:
            self._wrong.popleft()
        origin = _origin(address)
        all_times = [at for at, _ in self._wrong]
        own_times = [at for at, of in self._wrong if of == origin]
        for times, most in ((own_times, self.of_one), (all_times, self.of_all)):
            if len(times) >= most:
                return max(1, math.ceil(times[-most] + self.seconds - now))
        self._wrong.append((now, origin))
        return 0

    def take_back(self, address: str, now: float) -> None:
        """Count a try no more: it was a right one."""
        if (one := (now, _origin(address))) in self._wrong:
            self._wrong.remove(one)


def _origin(address: str) -> str:
    """What addresses of one owner have in common."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or int(found) >> 128 - _OF_NETWORK)
