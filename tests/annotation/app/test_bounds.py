"""Clients that send too much, or stop in the middle of a request, are cut off and use few resources."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.annotation.app.serving import Server
from tests.annotation.app.sites import make_site

HEAD = b"GET /sign-in HTTP/1.1\r\nHost: x\r\n"
TOO_LARGE = b"HTTP/1.1 431 "


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("bounds")
    make_site(folder).campaign.close()
    begun = Server(folder, seconds=0.5)
    begun.start()
    yield begun
    begun.kill()
    assert "Traceback" not in begun.log.read_text()


def memory(server: Server) -> int:
    """Return the memory of the process, in bytes."""
    (line,) = [
        line_ for line_ in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if "VmRSS" in line_
    ]
    return int(line.split()[1]) << 10


def send(server: Server, head: bytes, part: Callable[[int], bytes] = lambda _: b"", most: int = 0) -> tuple[bytes, int]:
    """Send up to `most` bytes; return the response, and the number of bytes sent until the connection was closed."""
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        try:
            connection.sendall(head)
            while sent < most:
                more = part(sent)
                connection.sendall(more)
                sent += len(more)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            return received(connection), sent
        except ConnectionResetError:
            return b"", sent


def received(connection: socket.socket) -> bytes:
    """Receive until the connection is closed."""
    found = b""
    while more := connection.recv(65_536):
        found += more
    return found


def header(sent: int) -> bytes:
    return b"X-%d: %s\r\n" % (sent, b"a" * 1_000)


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (HEAD, header),
        (HEAD, lambda _: b"X: y\r\n" * 10_000),
        (HEAD + b"X: ", lambda _: b"a" * 65_536),
        (HEAD + b"Cookie: ", lambda _: b"a=b; " * 10_000),
        (b"GET /sign-in?", lambda _: b"a=b&" * 10_000),
        (b"", lambda _: b"A" * 65_536),
        (b"", lambda _: HEAD + b"\r\n"),  # without waiting for a response
        (HEAD + b"Content-Length: 1000000000000\r\n\r\n", lambda _: b"a" * 65_536),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", lambda _: b"1\r\na\r\n" * 10_000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", lambda _: b"1;" + b"a" * 65_536),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", header),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", lambda _: b"a" * 65_536),
    ],
)
def test_endless_request_is_cut_off_and_uses_no_memory(
    server: Server, head: bytes, part: Callable[[int], bytes]
) -> None:
    before = memory(server)
    _, sent = send(server, head, part, most=200_000_000)
    assert sent < 30_000_000  # bytes in buffers that the server has not read
    assert memory(server) < before + 50_000_000


@pytest.mark.parametrize(
    "headers", [b"X: " + b"a" * 16_384, b"X: y\r\n" * 101, b"Cookie: " + b"a=b; " * 4_000, header(0) * 20]
)
def test_too_large_head_gets_status_431(server: Server, headers: bytes) -> None:
    found, _ = send(server, HEAD + headers + b"\r\n\r\n")
    assert found.startswith(TOO_LARGE)
    found, _ = send(server, HEAD.replace(b"/sign-in", b"/sign-in?" + b"a" * 16_384) + b"\r\n")
    assert found.startswith(TOO_LARGE)


def test_requests_of_pages_are_accepted(server: Server) -> None:
    """Also a body in the same packet as its head, and several requests on one connection."""
    headers = {"Content-Type": "application/json", "Cookie": "a" * 8_000}
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        for _ in range(30):
            connection.request("POST", "/sign-in", json.dumps({"token": "x" * 64_000}), headers)
            response = connection.getresponse()
            assert response.status in (403, 429)
            response.read()


def test_incomplete_head_is_cut_off(server: Server) -> None:
    """Also after a complete request."""
    start, connections = time.monotonic(), []
    for before in (b"", HEAD + b"\r\n"):
        for begun in (b"", b"G", HEAD, HEAD + b"X-Half: "):
            connections.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            connections[-1].sendall(before + begun)
    for connection in connections:
        with connection:
            received(connection)
    assert time.monotonic() - start < 8


def test_slow_head_is_cut_off(server: Server) -> None:
    def slowly(sent: int) -> bytes:
        time.sleep(0.1)
        return b"a"

    _, sent = send(server, HEAD + b"X: ", slowly, most=50)
    assert sent < 20


def test_interrupted_body_is_no_server_error(server: Server) -> None:
    post = HEAD.replace(b"GET", b"POST") + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    for path in (b"/sign-in", b"/next", b"/answers", b"/owner/pause"):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(post.replace(b"/sign-in", path))
    assert send(server, HEAD + b"Connection: close\r\n\r\n")[0].startswith(b"HTTP/1.1 200 ")
    time.sleep(0.2)
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    "path",
    ["/static/%00", "/static/%ff", "/static/" + "a" * 5_000, "/images/%00", "/static/..%2f..%2fsecrets", "/%00?%00"],
)
def test_address_with_null_byte_is_no_server_error(server: Server, path: str) -> None:
    found, _ = send(server, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert found.startswith(b"HTTP/1.1 40")


def test_thousand_idle_connections_block_nobody_for_long(server: Server) -> None:
    connections = []
    try:
        for _ in range(900):
            connections.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
        time.sleep(1.5)
        assert send(server, HEAD + b"Connection: close\r\n\r\n")[0].startswith(b"HTTP/1.1 200 ")
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("root_path", ["", "/rating"])
def test_local_client_sets_address_only_as_proxy(tmp_path: Path, root_path: str) -> None:
    """Headers can only put an address into the log."""
    make_site(tmp_path).campaign.close()
    server = Server(tmp_path, root_path=root_path)
    server.start()
    forged = ["192.0.2.7", "2001:db8::7", '1.2.3.4 - "GET /forged', "a", "fe80::1%x forged", "", "9.9.9.9, 192.0.2.8"]
    for headers_ in forged:
        head = HEAD + f"X-Forwarded-For: {headers_}\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n".encode()
        assert send(server, head)[0].startswith(b"HTTP/1.1 200 ")
    server.stop()
    lines = [line.split() for line in server.log.read_text().splitlines() if "GET" in line]
    expected = ["192.0.2.7:0", "2001:db8::7:0", *[None] * 4, "192.0.2.8:0"] if root_path else [None] * 7
    for words, address in zip(lines, expected, strict=True):
        assert words[2] == address or (address is None and words[2].startswith("127.0.0.1:"))
        assert words[3:] == ["-", '"GET', f"{root_path}/sign-in", 'HTTP/1.1"', "200"]
