"""The pages behind nginx, below a path, and as a service, with the files of docs/serving."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.annotation.app.browsing import Work
from tests.annotation.app.proxying import SERVING, Front, free_port, program, running_nginx
from tests.annotation.app.serving import Server
from tests.annotation.app.sites import Site, make_site

JSON = "application/json"
MOST_TRIES = 10


class Answer(NamedTuple):
    """A response."""

    status: int
    headers: HTTPMessage
    body: bytes


def ask(address: str, payload: object = None, *, client: str = "127.0.0.1", **headers: str) -> Answer:
    """Send a request from a client with its own address."""
    parts, options = urlsplit(address), {"timeout": 10, "source_address": (client, 0)}
    if parts.scheme == "https":
        connection = HTTPSConnection(parts.netloc, context=ssl._create_unverified_context(), **options)
    else:
        connection = HTTPConnection(parts.netloc, **options)
    body = None if payload is None else json.dumps(payload)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(connection):
        connection.request("GET" if body is None else "POST", parts.path, body, {"Content-Type": JSON} | named)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


@pytest.fixture(scope="module")
def put_in_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int, str], Front]]:
    """Start nginx in front of a server at a port, with http or https."""
    with ExitStack() as stack:
        yield lambda port, scheme: stack.enter_context(running_nginx(tmp_path_factory.mktemp("nginx"), [port], scheme))


@dataclass
class ProxiedCampaign:
    """A campaign served below /rating, and the nginx in front of it, by scheme."""

    site: Site
    server: Server
    fronts: dict[str, Front]


@pytest.fixture(scope="module")
def behind(
    tmp_path_factory: pytest.TempPathFactory, put_in_front: Callable[[int, str], Front]
) -> Iterator[ProxiedCampaign]:
    folder = tmp_path_factory.mktemp("behind")
    site, server = make_site(folder), Server(folder, root_path="/rating")
    server.start()
    yield ProxiedCampaign(site, server, {scheme: put_in_front(server.port, scheme) for scheme in ("http", "https")})
    server.kill()
    site.campaign.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_rater_works_below_root_path(behind: ProxiedCampaign, scheme: str) -> None:
    site, server, front = behind.site, behind.server, behind.fronts[scheme]
    there = ask(front.address[:-1])
    assert (there.status, there.headers["Location"]) == (301, front.address)
    first = ask(front.address)
    assert (first.status, first.headers["Location"]) == (303, "/rating/sign-in")
    assert ask(f"{front.address}static/sign_in.js").status == 200
    signed_in = ask(f"{front.address}sign-in", {"token": site.tokens["ann"]})
    ending = "; Secure" if scheme == "https" else ""
    assert signed_in.status == 204
    assert re.fullmatch(
        rf"reassess-[0-9a-f]{{16}}=[\w-]{{43}}; HttpOnly; Max-Age=\d+; Path=/rating; SameSite=lax{ending}",
        signed_in.headers["Set-Cookie"],
    )
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    page = ask(front.address, Cookie=cookie)
    own = {"Cookie": cookie, "X_CSRF_Token": re.search(b'"csrf" content="(.*?)"', page.body)[1].decode()}
    task = json.loads(ask(f"{front.address}next", {"held": []}, **own).body)["task"]
    image = ask(front.address + task["image"], Cookie=cookie)
    assert (image.status, image.headers["Content-Type"]) == (200, "image/png")
    new_answers = [{"question": row["question"], "answer": 2, "revision": 0, "seconds": 1} for row in task["rows"]]
    assert len(json.loads(ask(f"{front.address}answers", {"answers": new_answers}, **own).body)["saved"]) == len(
        new_answers
    )
    assert ask(front.address.replace("rating", "elsewhere")).status == 404
    log = (front.folder / "rating.log").read_text()
    assert '"POST /rating/sign-in HTTP/1.1" 204' in log
    assert site.tokens["ann"] not in log + server.out.read_text() + server.log.read_text()


def test_http_redirects_to_https(behind: ProxiedCampaign) -> None:
    front = behind.fronts["https"]
    moved = ask(f"http://127.0.0.1:{front.plain_port}/rating/sign-in", Host="rate.example.org")
    assert (moved.status, moved.headers["Location"]) == (301, "https://rate.example.org/rating/sign-in")


@pytest.mark.parametrize("begun", [b"", b"GET /rating/ HTTP/1.1\r\nHost: rate.example.org\r\nX-Half: "])
def test_incomplete_request_is_cut_off(behind: ProxiedCampaign, begun: bytes) -> None:
    front = behind.fronts["http"]
    for port in (front.port, front.plain_port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(begun)
            assert connection.recv(1) == b""


def test_tries_are_counted_by_real_client_address(behind: ProxiedCampaign) -> None:
    site, server, front = behind.site, behind.server, behind.fronts["http"]
    sign_in, wrong = f"{front.address}sign-in", {"token": "wrong"}
    for number in range(MOST_TRIES):
        tried = ask(sign_in, wrong, client="127.0.0.2", X_Forwarded_For=f"192.0.2.{number}")
        assert tried.status == 403
    forged = {"X_Forwarded_For": "192.0.2.99", "X_Real_IP": "192.0.2.99", "Forwarded": "for=192.0.2.99"}
    assert ask(sign_in, wrong, client="127.0.0.2", **forged).status == 429
    assert ask(f"{server.address}sign-in", wrong, client="127.0.0.2", **forged).status == 429
    assert ask(sign_in, wrong, client="127.0.0.3").status == 403
    assert ask(sign_in, {"token": site.tokens["ann"]}, client="127.0.0.2").status == 204


def test_client_cannot_claim_https(behind: ProxiedCampaign) -> None:
    site, front = behind.site, behind.fronts["http"]
    signed_in = ask(f"{front.address}sign-in", {"token": site.tokens["ann"]}, X_Forwarded_Proto="https")
    assert "Secure" not in signed_in.headers["Set-Cookie"]


def test_too_large_body_does_not_reach_server(behind: ProxiedCampaign) -> None:
    server, front = behind.server, behind.fronts["http"]
    assert ask(f"{front.address}sign-in", {"token": "x" * 64_000}).status == 403
    assert ask(f"{front.address}sign-in", {"token": "x" * 66_000}).status == 413
    assert " 413 " not in server.log.read_text()


def test_server_that_is_down_gets_no_requests(behind: ProxiedCampaign, tmp_path: Path) -> None:
    with running_nginx(tmp_path, [free_port(), behind.server.port], "http") as front:
        for _ in range(4):
            assert ask(f"{front.address}sign-in", {"token": behind.site.tokens["ben"]}).status == 204


@pytest.mark.parametrize(
    ("path", "status"), [("answers", 400), ("next", 400), ("", 303), ("sign-in", 502), ("owner/invite", 502)]
)
def test_request_is_sent_again_only_if_it_can_arrive_twice(
    behind: ProxiedCampaign, tmp_path: Path, path: str, status: int
) -> None:
    """The first server receives the request, and ends without a response. The second one rejects an empty body."""
    with socket.create_server(("127.0.0.1", 0)) as failing:

        def fail() -> None:
            connection, _ = failing.accept()
            with connection:
                assert connection.recv(1) != b""

        ports = [failing.getsockname()[1], behind.server.port]
        with ThreadPoolExecutor(1) as pool, running_nginx(tmp_path, ports, "http") as front:
            failed = pool.submit(fail)
            response = ask(front.address + path, None if path == "" else {})
            failed.result(10)
    assert response.status == status


def test_rater_works_in_browser_below_root_path(
    work: Callable[..., Work], put_in_front: Callable[[int, str], Front]
) -> None:
    begun = work(root_path="/rating")
    front = put_in_front(begun.server.port, "https")
    view = begun.browse(ignore_https_errors=True)
    view.goto(f"{front.address}sign-in#{begun.site.tokens['ann']}")
    view.wait_for_url(front.address)
    for _ in range(3):
        view.wait_for_selector("#image img:visible")
        before = view.locator("#image img").get_attribute("src")
        assert view.evaluate("document.querySelector('#image img').naturalWidth") == 320
        for _ in range(view.locator(".row").count()):
            view.keyboard.press("y")
        view.keyboard.press("Enter")
        view.wait_for_selector(f"#image img[src='{before}']", state="hidden")
    view.wait_for_selector("[data-panel=finished]:visible")
    assert begun.kept() == [2] * 6


def test_systemd_accepts_unit_file(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    unit = (SERVING / "reassess-annotate@.service").read_text()
    assert "ExecStart=/opt/reassess/bin/reassess annotate serve ${CAMPAIGN} --address 127.0.0.1:%i/rating\n" in unit
    (tmp_path / "reassess-annotate@.service").write_text(
        unit.replace("/opt/reassess/bin/reassess", shutil.which("true"))
    )
    file = tmp_path / "reassess-annotate@8001.service"
    verified = subprocess.run([analyze, "verify", "--man=no", file], capture_output=True, text=True)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    exposure = [analyze, "security", "--offline=true", "--no-pager", "--threshold=20", file]
    assert subprocess.run(exposure, capture_output=True).returncode == 0


def test_compose_accepts_file_and_nginx_knows_its_servers() -> None:
    compose = [program("docker-compose", "docker-compose"), "--file", SERVING / "compose.yaml"]
    environment = os.environ | {"POSTGRES_PASSWORD": "secret"}
    services = json.loads(
        subprocess.check_output([*compose, "config", "--format=json"], env=environment, cwd=SERVING, text=True)
    )["services"]
    commands = [service["command"] for name, service in services.items() if name.startswith("server")]
    ports = [command[command.index("--address") + 1] for command in commands]
    assert ports == [f"127.0.0.1:{port}/rating" for port in (8001, 8002)]
    nginx = (SERVING / "nginx.conf").read_text()
    assert re.findall(r"^    server (\S+) ", nginx, re.MULTILINE) == [port.removesuffix("/rating") for port in ports]
