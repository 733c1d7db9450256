"""The server of a campaign's pages."""

import logging
import socket
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from reassess.annotation.addresses import root_path_of
from reassess.errors import DataError

__all__ = ["serve"]

_PROXY = "127.0.0.1"  # whose word on a request's address and scheme is taken
# As uvicorn's own, but that nothing of it stands where a program reads the address.
_LOGGING = deepcopy(uvicorn.config.LOGGING_CONFIG)
_LOGGING["handlers"]["access"]["stream"] = "ext://sys.stderr"
_TURN = 0.001  # seconds until a thread lets others go on: requests wait for the database, and for one another, often
_GRACE = 10  # seconds for requests that have begun when the server is stopped


def serve(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    root_path: str = "",
    started: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve pages until the process is told to stop.

    Parameters
    ----------
    app
        The application.
    host, port
        Where; 0 is any free port.
    root_path
        The path below which a proxy shows the pages, such as ``/rating``; the proxy takes it away.
    started
        Is told the address at which the server can be asked; below a root path, by the proxy alone.

    Raises
    ------
    DataError
        The address is taken, or none of this machine; the root path is no path of a site.

    Notes
    -----
    What a proxy says of the client's address and scheme is taken from one on this machine alone. The log holds no part
    of an address after its ``?``.
    """
    config = uvicorn.Config(
        app,
        log_config=_LOGGING,
        root_path=root_path_of(root_path),
        lifespan="off",
        ws="none",
        proxy_headers=True,
        forwarded_allow_ips=_PROXY,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    logging.getLogger("uvicorn.access").addFilter(_without_query)
    name = f"[{host}]" if ":" in host else host
    with _listen(host, port) as listening:
        started(f"http://{name}:{listening.getsockname()[1]}/")
        sys.setswitchinterval(_TURN)
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if not host or not host.isprintable():  # an empty one would be every address of this machine
            raise ValueError("no name")
        listening = socket.create_server((host, port), family=family, backlog=2048)
        # Connections have it from here: asyncio sets it only on sockets that it makes, and without it a response waits
        # up to 40 ms for the client's acknowledgement of its first part.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, ValueError) as error:
        raise DataError(
            "the address cannot be served",
            where=f"host {host!r}, port {port}",
            found=str(getattr(error, "strerror", error)).partition(" (while")[0],
            mend="choose another --port, or a --host of this machine, which is a name or an address alone",
        ) from error


def _without_query(record: logging.LogRecord) -> bool:
    """Take away what stands after the ? of an address in an entry of the access log."""
    if isinstance(record.args, tuple):
        cut: list[Any] = [str(one).partition("?")[0] if place == 2 else one for place, one in enumerate(record.args)]
        record.args = tuple(cut)
    return True
