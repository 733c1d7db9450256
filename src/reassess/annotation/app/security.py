"""Headers that protect the pages, the token that a change needs, and a rate limit for wrong links."""

import math
from collections import deque
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class SecureHeaders:
    """Middleware: pages load nothing from other sites, and no other site can embed them.

    Browsers store no response without permission. They store scripts and styles, and check each time for changes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("cache-control", "no-cache" if "etag" in headers else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def csrf_of(secret: str) -> str:
    """Compute the token that pages of a session send; the secret cannot be computed from it."""
    return sha256(f"csrf{secret}".encode()).hexdigest()


def check_csrf(request: Request, secret: str) -> None:
    """Refuse a request that no page of this session sent, with status 403."""
    token = request.headers.get("X-CSRF-Token", "")
    if not compare_digest(token.encode(), csrf_of(secret).encode()):
        raise HTTPException(403, "the page belongs to another session: reload it")


_NETWORK_BITS = 64  # leading bits of an IPv6 address; the owner of the network chooses the others


@dataclass
class Tries:
    """Rate limit for wrong sign-in tokens, in the memory of the server."""

    per_address: int = 10  # IPv6 addresses of one network with 64 bits count as one
    in_total: int = 300  # also the most that are stored
    seconds: float = 60.0
    _wrong: deque[tuple[float, str]] = field(default_factory=deque, repr=False)

    def count(self, address: str, now: float) -> int:
        """Count a try as wrong, and return 0; after too many, return the seconds to wait, and count nothing.

        A try counts before it is known whether it is wrong, so that many tries at once are not all answered.
        """
        while self._wrong and not 0 <= now - self._wrong[0][0] < self.seconds:
            self._wrong.popleft()
        origin = _origin(address)
        all_times = [at for at, _ in self._wrong]
        own_times = [at for at, of in self._wrong if of == origin]
        for times, most in ((own_times, self.per_address), (all_times, self.in_total)):
            if len(times) >= most:
                return max(1, math.ceil(times[-most] + self.seconds - now))
        self._wrong.append((now, origin))
        return 0

    def take_back(self, address: str, now: float) -> None:
        """Remove a try that was correct."""
        if (one := (now, _origin(address))) in self._wrong:
            self._wrong.remove(one)


def _origin(address: str) -> str:
    """The part of an address that one owner's addresses share."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or int(found) >> 128 - _NETWORK_BITS)
