"""The server: its address, its log, and that it is the only one."""

import os
import re
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from reassess.annotation.app.server import only_server, serve
from reassess.errors import DataError
from tests.annotation.app.serving import Server
from tests.annotation.app.sites import make_site


def get(address: str, **headers: str) -> "tuple[int, str]":
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10) as response:
        return response.status, response.read().decode()


def test_pages_are_served_and_the_log_holds_no_token(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    server = Server(tmp_path)
    server.start()
    assert get(server.address)[0] == 200
    assert get(f"{server.address}enter?token={site.tokens['ann']}")[0] == 200
    server.stop()
    assert server.process.returncode == -signal.SIGTERM
    out = server.log.read_text()
    assert re.findall(r'"(.*?)" (\d+)', out) == [
        ("GET / HTTP/1.1", "303"),
        ("GET /enter HTTP/1.1", "200"),
        ("GET /enter HTTP/1.1", "200"),
    ]
    assert site.tokens["ann"] not in out + server.log.read_text()


def test_below_a_path_of_a_proxy_every_address_stays_below_it(tmp_path: Path) -> None:
    make_site(tmp_path)
    server = Server(tmp_path, root_path="/rating/")
    server.start()
    request = urllib.request.Request(server.address)
    with pytest.raises(urllib.error.HTTPError) as redirected:
        urllib.request.build_opener(NoRedirect).open(request, timeout=10)
    with redirected.value as response:
        assert response.headers["Location"] == "/rating/enter"
    assert "static/enter.js" in get(f"{server.address}enter")[1]
    assert get(f"{server.address}static/enter.js")[0] == 200
    server.stop()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def test_two_servers_of_one_file_are_one_too_many(tmp_path: Path) -> None:
    make_site(tmp_path)
    server = Server(tmp_path)
    server.start()
    with pytest.raises(DataError) as refused, only_server(tmp_path / "campaign"):
        pass
    assert str(refused.value) == (
        "another server has this campaign open\n"
        f"  where:   {tmp_path / 'campaign'}\n"
        f"  found:   process {server.process.pid}\n"
        "  to mend: stop it first; for several servers, keep the campaign in PostgreSQL"
    )
    server.kill()
    with only_server(tmp_path / "campaign"):
        assert (tmp_path / "campaign.lock").read_text() == str(os.getpid())
    with only_server("postgresql://somewhere/campaign"), only_server("postgresql://somewhere/campaign"):
        pass


def test_an_address_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DataError) as refused:
            serve(None, port=port)
    assert str(refused.value) == (
        "the address cannot be served\n"
        f"  where:   127.0.0.1:{port}\n"
        "  found:   Address already in use\n"
        "  to mend: choose another --port, or a --host of this machine"
    )
