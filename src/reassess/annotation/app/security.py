"""Security headers, CSRF tokens, and a rate limit for wrong links."""

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

_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_SECURITY_HEADERS = {
    "content-security-policy": _CONTENT_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class SecurityHeaders:
    """Middleware that adds headers, so that pages load nothing from other sites and cannot be embedded.

    Browsers cache scripts and styles, but check each time for changes. They cache other responses only if a route
    allows it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and add the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_SECURITY_HEADERS)
                headers.setdefault("cache-control", "no-cache" if "etag" in headers else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def compute_csrf_token(session_secret: str) -> str:
    """Compute the CSRF token of a session; the token does not reveal the secret."""
    return sha256(f"csrf{session_secret}".encode()).hexdigest()


def check_csrf_token(request: Request, session_secret: str) -> None:
    """Refuse a request with status 403 unless a page of this session sent it."""
    token = request.headers.get("X-CSRF-Token", "")
    if not compare_digest(token.encode(), compute_csrf_token(session_secret).encode()):
        raise HTTPException(403, "the page belongs to another session: reload it")


_NETWORK_BITS = 64  # leading bits of an IPv6 address that identify a network; its owner chooses the other bits


@dataclass
class SignInLimit:
    """Rate limit for wrong sign-in tokens, in the memory of the server."""

    max_per_address: int = 10  # all IPv6 addresses of a network count as one address
    max_total: int = 300  # also the maximum number of stored attempts
    window_seconds: float = 60.0
    _wrong_attempts: deque[tuple[float, str]] = field(default_factory=deque, repr=False)

    def find_wait_seconds(self, address: str, now: float) -> int:
        """Return how many seconds an address must wait before its next sign-in attempt; 0 if it may try now."""
        while self._wrong_attempts and not 0 <= now - self._wrong_attempts[0][0] < self.window_seconds:
            self._wrong_attempts.popleft()
        network = _network_of_address(address)
        all_times = [time for time, _ in self._wrong_attempts]
        own_times = [time for time, attempt_network in self._wrong_attempts if attempt_network == network]
        for times, limit in ((own_times, self.max_per_address), (all_times, self.max_total)):
            if len(times) >= limit:
                return max(1, math.ceil(times[-limit] + self.window_seconds - now))
        return 0

    def count_sign_in_attempt(self, address: str, now: float) -> None:
        """Count a sign-in attempt before its token is checked; `remove_attempt_with_correct_token` undoes this.

        Otherwise, many attempts at the same time could pass the limit.
        """
        self._wrong_attempts.append((now, _network_of_address(address)))

    def remove_attempt_with_correct_token(self, address: str, now: float) -> None:
        """Remove a sign-in attempt from the count of wrong attempts, because its token is correct."""
        if (counted := (now, _network_of_address(address))) in self._wrong_attempts:
            self._wrong_attempts.remove(counted)


def _network_of_address(address: str) -> str:
    """Return the network of an IPv6 address (its first 64 bits); return an IPv4 address unchanged."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return address
    return str(ip.ipv4_mapped or int(ip) >> 128 - _NETWORK_BITS)
