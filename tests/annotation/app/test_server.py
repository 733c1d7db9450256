"""The server: its address, its log, and its lock."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from reassess.annotation import lock_campaign_file, serve, upgrade_campaign
from tests.annotation.app.serving import Server
from tests.annotation.app.sites import make_site
from tests.helpers import message


def test_log_names_server_and_contains_no_token(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    server = Server(tmp_path)
    server.start()
    for path in ("", f"sign-in?token={site.tokens['ann']}"):
        with urllib.request.urlopen(server.address + path, timeout=10) as response:
            assert response.status == 200
    server.stop()
    assert server.process.returncode == -signal.SIGTERM
    log = server.log.read_text()
    assert re.findall(r'"(.*?)" (\d+)', log) == [
        ("GET / HTTP/1.1", "303"),
        ("GET /sign-in HTTP/1.1", "200"),
        ("GET /sign-in HTTP/1.1", "200"),
    ]
    assert all(f": [{socket.gethostname()}:{server.port}] " in line for line in log.splitlines())
    assert site.tokens["ann"] not in log + server.out.read_text()


def test_server_starts_without_imports_of_owner_page() -> None:
    code = "import sys; from reassess.annotation.app import application; print({'numba', 'scipy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_file_has_one_server_and_is_not_upgraded_while_served(tmp_path: Path) -> None:
    make_site(tmp_path)
    link = tmp_path / "link" / "pets.db"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "campaign")
    server = Server(tmp_path)
    server.start()
    for change in (serve_nothing, upgrade_campaign):
        for place in (tmp_path / "campaign", link):
            assert message(change, place) == (
                "campaign is used by another process\n"
                f"  where:   {place}\n"
                f"  found:   process {server.process.pid}\n"
                "  fix:     stop that process, or use PostgreSQL"
            )
    server.kill()
    with lock_campaign_file(link):
        assert (tmp_path / "campaign.lock").read_text() == str(os.getpid())
    assert len({*upgrade_campaign(link), *upgrade_campaign(link)}) == 1
    assert list(link.parent.iterdir()) == [link]


def test_server_starts_while_another_process_writes(tmp_path: Path) -> None:
    """The other process holds the lock briefly, to check for a server."""
    make_site(tmp_path)
    with (tmp_path / "campaign.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        release = threading.Timer(0.2, fcntl.flock, [lock, fcntl.LOCK_UN])
        release.start()
        try:
            serve_nothing(tmp_path / "campaign")
        finally:
            release.join()


def test_file_with_hard_links_is_not_served(tmp_path: Path) -> None:
    """Each name would have its own log of answers, and one log would be lost."""
    make_site(tmp_path)
    other = tmp_path / "other"
    other.hardlink_to(tmp_path / "campaign")
    assert message(serve_nothing, other) == (
        "campaign file has several names\n"
        f"  where:   {other}\n"
        "  allowed: 1 name\n"
        "  found:   2 hard links\n"
        "  fix:     delete the other names, or serve a copy made by `reassess annotate backup`"
    )
    other.unlink()
    serve_nothing(tmp_path / "campaign")


def test_database_can_have_many_servers_and_missing_file_raises(tmp_path: Path) -> None:
    with lock_campaign_file("postgresql://somewhere/campaign"), lock_campaign_file("postgresql://somewhere/campaign"):
        pass
    assert message(serve_nothing, tmp_path / "none.db").startswith("campaign not found\n")
    assert list(tmp_path.iterdir()) == []


def serve_nothing(address: Path) -> None:
    with lock_campaign_file(address):
        pass


def test_used_address_raises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert message(serve, None, port=port) == not_served("127.0.0.1", port, "Address already in use")


def not_served(host: str, port: int, found: str) -> str:
    return (
        "address cannot be served\n"
        f"  where:   host {host!r}, port {port}\n"
        f"  found:   {found}\n"
        "  fix:     choose another port, or a name or address of this computer"
    )


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("", "the host name is empty or not printable"),
        ("127.0.0.1:9000", "Name or service not known"),
        ("[::1]", "Name or service not known"),
        ("192.0.2.1", "Cannot assign requested address"),
        ("a\udcff", "the host name is empty or not printable"),
    ],
)
def test_name_or_address_of_other_machine_raises(host: str, found: str) -> None:
    assert message(serve, None, host=host, port=0) == not_served(host, 0, found)


@pytest.mark.parametrize(
    "path",
    ["rating", "//evil", "/a//b", "/..", "/a/../b", "/.", "/é", "/a?b", "/a#b", "/a b", "/a\n", "/%2e", "\\a", "?"],
)
def test_invalid_root_path_raises(path: str) -> None:
    assert message(serve, None, root_path=path) == (
        "not a path of a site\n"
        "  allowed: a path such as /rating: letters, digits and -._~ after each slash, no dot directly after a slash\n"
        f"  found:   {path!r}"
    )
