"""nginx in front of servers, with the configuration of docs/serving."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SERVING = Path(__file__).parents[3] / "docs" / "serving"
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
    """nginx in front of servers: http or https at one port, and a redirect to https at another port."""

    folder: Path
    scheme: str
    port: int
    plain_port: int

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/rating/"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def file_of(folder: Path, served: Sequence[int], scheme: str, port: int, plain_port: int) -> str:
    """Return the configuration from the docs, with paths of this computer."""
    text = (SERVING / "nginx.conf").read_text()
    tls = " ssl" if scheme == "https" else ""
    others = "".join(f"server 127.0.0.1:{port} fail_timeout=2s;\n" for port in served[1:])
    places = {
        r" +listen \[::\].*\n": "",
        r"listen 80;": f"listen 127.0.0.1:{plain_port};",
        r"listen 443 ssl;": f"listen 127.0.0.1:{port}{tls};",
        r"/etc/letsencrypt/live/rate\.example\.org": str(folder),
        r"/var/log/nginx": str(folder),
        r"client_header_timeout 10s;": "client_header_timeout 1s;",
        r"server 127\.0\.0\.1:8001 ": f"server 127.0.0.1:{served[0]} ",
        r" *server 127\.0\.0\.1:8002 .*\n": others,
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


@contextmanager
def running_nginx(folder: Path, served: Sequence[int], scheme: str) -> Iterator[Front]:
    """Start nginx in front of servers at these ports, with http or https."""
    nginx = program("nginx", "nginx")
    front = Front(folder, scheme, free_port(), free_port())
    make_certificate(folder)
    text = file_of(folder, served, scheme, front.port, front.plain_port)
    (folder / "whole.conf").write_text(_AROUND.format(text))
    argv = [nginx, "-p", folder, "-c", "whole.conf", "-e", "error.log"]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for_port(process, front)
            yield front
        finally:
            process.terminate()


def _wait_for_port(process: "subprocess.Popen[bytes]", front: Front) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", front.port)).close()
            return
        except ConnectionRefusedError:
            assert process.poll() is None, (front.folder / "error.log").read_text()
            time.sleep(0.02)
