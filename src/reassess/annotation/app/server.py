"""The HTTP server of a campaign's pages."""

import gc
import logging
import socket
import sys
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from reassess.annotation.addresses import parse_root_path
from reassess.errors import DataError

_PROXY_ADDRESS = "127.0.0.1"  # the address of a trusted proxy
_MAX_HEAD_BYTES = 16_384  # bytes of a request before its body; the limit of nginx and Node.js
_MAX_HEADERS = 100
_MAX_REQUEST_BYTES = 1 << 20  # bytes; the application has a lower limit for bodies
_MAX_WAITING_REQUESTS = 16  # requests on a connection that wait for a response
_MAX_CONNECTIONS = 800  # a process can usually open 1,024 files
_HEAD_SECONDS, _REQUEST_SECONDS = 10.0, 60.0  # time limits, from the start of a request
_LOGGERS = ("reassess.annotation", "uvicorn", "uvicorn.access")
_SWITCH_SECONDS = 0.001  # until a thread yields; short, since requests often wait for the database and for each other
_GRACE_SECONDS = 10  # for running requests when the server stops


def serve(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    root_path: str | None = None,
    report_address: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve an application until the process is stopped; `report_address` receives the URL.

    `port` 0 chooses a free port. `root_path` is the path of the pages behind a proxy, such as ``/rating`` or ``/``;
    None without a proxy. With a root path, the client's address and scheme come from the headers of a proxy on this
    computer. Each line of the log names this computer and the port, because several servers can write to one log. The
    log omits the part of an address after ``?``. Requests that are too large or too slow are cut off.
    """
    config = uvicorn.Config(
        app if root_path is None else _ProxyHeaders(app),
        log_config=None,
        root_path=parse_root_path(root_path or ""),
        lifespan="off",
        http=_LimitedConnection,
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    name = f"[{host}]" if ":" in host else host
    with _open_socket(host, port) as listening:
        actual_port = listening.getsockname()[1]
        _log_to_stderr(f"{socket.gethostname()}:{actual_port}")
        report_address(f"http://{name}:{actual_port}/")
        sys.setswitchinterval(_SWITCH_SECONDS)
        gc.freeze()  # garbage collection would check the objects of all modules, which stops all requests for 65 ms
        uvicorn.Server(config).run(sockets=[listening])


def _log_to_stderr(server_name: str) -> None:
    """Write log messages to standard error, because programs read the server's URL from standard output."""
    # uvicorn's own configuration would close the handlers of other libraries, and absl's handler would close a stream
    # that belongs to others. uvicorn's formatters take more time.
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"%(levelname)s: [{server_name}] %(message)s"))
    for logger in map(logging.getLogger, _LOGGERS):
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    logging.getLogger("uvicorn.access").addFilter(_strip_url_query)


class _LimitedConnection(HttpToolsProtocol):  # httptools has no types
    """A connection that limits the size and time of a request, which uvicorn does not do.

    The head of a request is everything before its body.
    """

    _close_timer: TimerHandle | None = None
    _time_limit: float | None = None  # in seconds, of the timer
    _n_bytes = 0  # since the last complete request
    _is_in_head, _head_bytes, _is_large = True, 0, False

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self._set_time_limit(_HEAD_SECONDS)
        if len(self.connections) > _MAX_CONNECTIONS:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_time_limit(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._n_bytes += len(data)
        super().data_received(data)
        limit = _HEAD_SECONDS if self._is_in_head else _REQUEST_SECONDS
        self._set_time_limit(limit if self._n_bytes else None)
        if self._is_in_head and self._n_bytes > _MAX_HEAD_BYTES and not self.transport.is_closing():
            self._is_large = True
            self.send_400_response("")
        elif self._n_bytes > _MAX_REQUEST_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count the bytes of a header, and refuse the request if there are too many."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes + len(self.url) > _MAX_HEAD_BYTES or len(self.headers) >= _MAX_HEADERS:
            self._is_large = True
            raise ValueError("the request head is too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= _MAX_WAITING_REQUESTS:
            raise ValueError("the client sends too many requests without waiting for a response")
        super().on_headers_complete()
        self._is_in_head = False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_in_head, self._n_bytes = True, 0

    def send_400_response(self, msg: str) -> None:
        """Refuse a request: with status 431 if it is too large, otherwise 400."""
        if self._is_large:
            self.transport.write(STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _set_time_limit(self, seconds: float | None) -> None:
        """Set when to close the connection, in seconds from now, unless this limit is set; None removes the limit."""
        if seconds == self._time_limit:
            return
        self._time_limit = seconds
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._close_timer = None if seconds is None else self.loop.call_later(seconds, self.transport.close)


class _ProxyHeaders:
    """Middleware that takes the client's address and scheme from the headers of a proxy on this computer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request. If it comes from the proxy, first set the address and scheme of the client."""
        if scope["client"] and scope["client"][0] == _PROXY_ADDRESS:
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            if _is_ip_address(address := headers.get(b"x-forwarded-for", "").rpartition(",")[2].strip()):
                scope["client"] = (address, 0)
            if (scheme := headers.get(b"x-forwarded-proto", "")) in ("http", "https"):
                scope["scheme"] = scheme
        await self._app(scope, receive, send)


def _is_ip_address(text: str) -> bool:
    """Return whether a text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # any text may follow a %


def _open_socket(host: str, port: int) -> socket.socket:
    """Open a listening socket; raise `DataError` if the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if not host or not host.isprintable():  # an empty name would mean all addresses of this computer
            raise ValueError("the host name is empty or not printable")
        listening = socket.create_server((host, port), family=family, backlog=2048)
        # Connections inherit this option. asyncio sets it only on sockets that it creates. Without it, a response waits
        # up to 40 ms for the client's acknowledgement of the first part.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, ValueError) as error:
        raise DataError(
            "wrong-address",
            "address cannot be served",
            where=f"host {host!r}, port {port}",
            found=str(getattr(error, "strerror", error)).partition(" (while")[0],
            fix="choose another port, or a name or address of this computer",
        ) from error


def _strip_url_query(record: logging.LogRecord) -> bool:
    """Remove the query of a URL (after ?) from an entry of the access log; return True to log the entry."""
    if isinstance(record.args, tuple):
        values: list[Any] = list(record.args)
        values[2:3] = [str(address).partition("?")[0] for address in values[2:3]]
        record.args = tuple(values)
    return True
