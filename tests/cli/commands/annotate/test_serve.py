"""`reassess annotate serve` and `demo`: pages are served until Ctrl-C."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.annotation_load import PageClient
from tests.helpers import Runner, message_of


@contextmanager
def started(*argv: str, lines: int = 1) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """Start a command that runs until it is stopped, and read its first lines."""
    command = [sys.executable, "-m", "reassess", "annotate", *argv]
    own = dict(os.environ)  # without the COLUMNS that readline sets, which Python does not see
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=own)
    try:
        yield process, [process.stdout.readline().rstrip() for _ in range(lines)]
    finally:
        process.kill()
        process.communicate()


def page(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as response:
        return response.read().decode()


def test_file_has_everything_after_server_stops(create: Runner, run: Runner) -> None:
    create()
    with started("serve", "pets.db", "--address", "127.0.0.1:0", lines=2) as (process, (line, links)):
        found = re.fullmatch(r"pets: (http://127\.0\.0\.1:\d+/)", line)
        assert found, line
        how = "reassess annotate invite --address URL (--force: new links)"
        assert links == f"create links with the server's address: {how}"
        assert "<title>pets" in page(f"{found[1]}sign-in")
        token = re.search("sign-in#(.*)", run("annotate", "invite", "pets.db", "ann").out)[1]
        PageClient(found[1], token).close()
        assert Path("pets.db-wal").stat().st_size
        again = run("annotate", "serve", "pets.db", "--address", "127.0.0.1:0")
        assert (again.code, f"  found:   process {process.pid}\n" in again.err) == (1, True)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out.splitlines()[-1]) == (130, "Stopped.")
    assert not list(Path().glob("pets.db-*"))
    Path("pets.db").rename("moved.db")
    assert "ann" in run("status", "moved.db").out


def test_moved_images_are_served_behind_a_proxy(create: Runner, run: Runner) -> None:
    create()
    Path("pets/images").rename("moved")
    moved = message_of(run("annotate", "serve", "pets.db"))
    assert moved.endswith("pets/images\n  fix:     move them back, or give their new place: --images FOLDER\n")
    Path("other").mkdir()
    shutil.copy("moved/0.png", "other/0.png")
    missing = run("annotate", "serve", "pets.db", "--images", "other")
    assert missing.err.endswith("  fix:     add them, or give the folder, zip or tar of all images: --images PLACE\n")
    token = re.search("sign-in#(\\S+)", run("annotate", "invite", "pets.db", "ann").out)[1]
    with started("serve", "pets.db", "--address", "127.0.0.1:0/rating", "--images", "moved") as (_, (line,)):
        found = re.fullmatch(r"pets: (http://127\.0\.0\.1:\d+/); the proxy serves the campaign under /rating", line)
        assert found, line
        client = PageClient(found[1], token)
        assert client.fetch(client.post("next", {"held": []})["task"]["image"])
        client.close()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8000", "is not an address HOST:PORT or HOST:PORT/PATH."),
        ("x:1//evil", "'//evil' is not a path of a site: a path such as /rating: letters, digits"),
    ],
)
def test_invalid_addresses_are_usage_errors(run: Runner, address: str, expected: str) -> None:
    assert expected in message_of(run("annotate", "serve", "none.db", "--address", address), 2)


def test_the_demo_prints_links_for_a_rater_and_the_owner() -> None:
    with started("demo", lines=3) as (process, lines):
        rater, owner = (
            re.fullmatch(rf"{role}: (\S+/)sign-in#(\S+)", line)
            for role, line in zip(("rater", "owner"), lines, strict=False)
        )
        assert lines[2] == "stop with Ctrl-C"
        client = PageClient(rater[1], rater[2])
        task = client.post("next", {"held": []})["task"]
        assert task["practice"]
        assert len(task["rows"]) == 5
        assert client.fetch(task["image"])
        client.close()
        assert "Which shapes are there?" in page(f"{owner[1]}sign-in")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert "Traceback" not in out
