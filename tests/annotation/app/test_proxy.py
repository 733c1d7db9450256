"""The pages behind nginx, below a path, and as a service, with the files of docs/serving."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.annotation.app.browsing import Work
from tests.annotation.app.serving import Server
from tests.annotation.app.sites import Site, make_site

SERVING = Path(__file__).parents[3] / "docs" / "serving"
JSON = "application/json"
MOST_TRIES = 10
# The configuration around the file, for the user who runs the tests.
_AROUND = """
daemon off;
master_process off;
pid nginx.pid;
events {{}}
http {{
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
{}
}}
"""


def program(name: str, package: str) -> str:
    """Return the path of a program; skip the test without it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return found


@dataclass
class Front:
    """nginx in front of a server: http or https at one port, and a redirect to https at another port."""

    folder: Path
    scheme: str
    port: int
    plain_port: int

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/rating/"


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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def file_of(folder: Path, served: int, scheme: str, port: int, plain_port: int) -> str:
    """Return the configuration from the docs, with paths of this machine."""
    text = (SERVING / "nginx.conf").read_text()
    tls = " ssl" if scheme == "https" else ""
    places = {
        r" +listen \[::\].*\n": "",
        r"listen 80;": f"listen 127.0.0.1:{plain_port};",
        r"listen 443 ssl;": f"listen 127.0.0.1:{port}{tls};",
        r"/etc/letsencrypt/live/rate\.example\.org": str(folder),
        r"/var/log/nginx": str(folder),
        r"client_header_timeout 10s;": "client_header_timeout 1s;",
        r"proxy_pass http://127\.0\.0\.1:8000/;": f"proxy_pass http://127.0.0.1:{served}/;",
    }
    for place, here in places.items():
        text, count = re.subn(place, here, text)
        assert count, place
    return text


def make_certificate(folder: Path) -> None:
    """Create a self-signed certificate."""
    openssl = program("openssl", "openssl")
    files = ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*command, "-days", "1", "-subj", "/CN=rate.example.org", *files], check=True, capture_output=True)


@pytest.fixture(scope="module")
def put_in_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int, str], Front]]:
    """Start nginx in front of a server at a port, with http or https."""
    nginx = program("nginx", "nginx")
    begun: list[subprocess.Popen[bytes]] = []

    def put(served: int, scheme: str) -> Front:
        front = Front(tmp_path_factory.mktemp("nginx"), scheme, free_port(), free_port())
        make_certificate(front.folder)
        text = file_of(front.folder, served, scheme, front.port, front.plain_port)
        (front.folder / "whole.conf").write_text(_AROUND.format(text))
        argv = [nginx, "-p", front.folder, "-c", "whole.conf", "-e", "error.log"]
        begun.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL))
        while True:
            try:
                socket.create_connection(("127.0.0.1", front.port)).close()
                return front
            except ConnectionRefusedError:
                assert begun[-1].poll() is None, (front.folder / "error.log").read_text()
                time.sleep(0.02)

    yield put
    for process in begun:
        process.terminate()
        process.wait(20)


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
    unit = (SERVING / "reassess-annotate.service").read_text()
    assert "ExecStart=/opt/reassess/bin/reassess annotate serve " in unit
    file = tmp_path / "reassess-annotate.service"
    file.write_text(unit.replace("/opt/reassess/bin/reassess", shutil.which("true")))
    verified = subprocess.run([analyze, "verify", "--man=no", file], capture_output=True, text=True)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    exposure = [analyze, "security", "--offline=true", "--no-pager", "--threshold=20", file]
    assert subprocess.run(exposure, capture_output=True).returncode == 0
