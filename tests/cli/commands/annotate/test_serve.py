"""`reassess annotate serve` and `demo`: pages are there until Ctrl-C, and what cannot be served is refused."""

import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reassess.annotation.page_client import PageClient
from tests.helpers import Run

Create = Callable[..., Run]


@contextmanager
def started(*argv: str, lines: int = 1) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """A command that runs until it is told to end, and its first lines."""
    command = [sys.executable, "-m", "reassess", "annotate", *argv]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process, [process.stdout.readline().rstrip() for _ in range(lines)]
    finally:
        process.kill()
        process.communicate()


def enter(address: str, invited: str) -> None:
    """Enter by the link of somebody who was invited."""
    PageClient(address, re.search("sign-in#(.*)", invited)[1]).close()


def page(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as response:
        return response.read().decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_pages_are_served_until_it_is_told_to_end_and_all_is_in_the_file_then(
    create: Create, run: Callable[..., Run], number: signal.Signals
) -> None:
    create("--name", "Cats?")
    with started("serve", "pets.db", "--port", "0") as (process, (line,)):
        found = re.fullmatch(r"Cats\?: (http://127\.0\.0\.1:\d+/)", line)
        assert found, line
        assert "<title>Cats?" in page(f"{found[1]}enter")
        enter(found[1], run("annotate", "invite", "pets.db", "ann").out)
        assert Path("pets.db-wal").stat().st_size
        process.send_signal(number)
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out.splitlines()[-1]) == (130, "Stopped.")
    assert not list(Path().glob("pets.db-*"))
    Path("pets.db").rename("moved.db")
    assert "ann" in run("annotate", "status", "moved.db").out


def test_below_a_path_of_a_proxy_it_says_what_the_proxy_asks(create: Create) -> None:
    create()
    with started("serve", "pets.db", "--port", "0", "--root-path", "/rating") as (_, (line,)):
        found = re.fullmatch(r"pets: below /rating of the proxy, which asks (http://127\.0\.0\.1:\d+/)", line)
        assert found, line
        assert "<title>pets" in page(f"{found[1]}enter")


def test_images_that_moved_are_found_and_others_are_refused(create: Create, run: Callable[..., Run]) -> None:
    create()
    Path("pets/images").rename("moved")
    gone = run("annotate", "serve", "pets.db", "--port", "0")
    assert gone.code == 1
    assert "pets/images" in gone.err
    Path("other").mkdir()
    shutil.copy("moved/0.png", "other/0.png")
    assert run("annotate", "serve", "pets.db", "--images", "other").err == (
        "Error: images of the campaign are missing\n"
        "  where:   other\n"
        "  found:   without 7 images: 1.png, 2.png, 3.png and 4 more\n"
        "  fix:     put them there, or give the folder, zip or tar that holds all of them\n"
    )
    invited = run("annotate", "invite", "pets.db", "ann").out
    token = re.search("sign-in#(\\S+)", invited)[1]
    with started("serve", "pets.db", "--port", "0", "--images", "moved") as (_, (line,)):
        client = PageClient(line.split()[-1], token)
        task = client.ask("next", {"held": []})["task"]
        assert client.fetch(task["image"]) > 0
        client.close()


def test_a_campaign_is_served_once(create: Create, run: Callable[..., Run]) -> None:
    create()
    with started("serve", "pets.db", "--port", "0") as (process, _):
        assert run("annotate", "serve", "pets.db", "--port", "0").err == (
            "Error: campaign is in use\n"
            "  where:   pets.db\n"
            f"  found:   process {process.pid}\n"
            "  fix:     stop it first; for several servers, keep the campaign in PostgreSQL\n"
        )


@pytest.mark.parametrize("path", ["rating", "//evil", "/a/../b"])
def test_a_root_path_that_is_none_is_a_usage_error(run: Callable[..., Run], path: str) -> None:
    result = run("annotate", "serve", "none.db", "--root-path", path)
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith(
        f"Error: Invalid value for '--root-path': {path!r} is not a path of a site: a path such as /rating: after each "
        "slash letters, digits and -._~, not a point first\n"
    )


@pytest.mark.usefixtures("folder")
def test_there_is_nothing_to_serve(run: Callable[..., Run]) -> None:
    result = run("annotate", "serve", "none.db")
    assert (result.code, result.err.partition("\n")[0]) == (1, "Error: campaign not found")


def test_the_demo_gives_a_link_to_a_rater_and_to_the_owner() -> None:
    with started("demo", "--no-browser", lines=3) as (process, lines):
        rater, owner = (
            re.fullmatch(rf"{role}: (\S+/)sign-in#(\S+)", line)
            for role, line in zip(("rater", "owner"), lines, strict=False)
        )
        assert lines[2] == "stop with Ctrl-C"
        client = PageClient(rater[1], rater[2])
        shown = client.ask("next", {"held": []})["task"]
        assert shown["practice"]
        assert len(shown["rows"]) == 5
        assert client.fetch(shown["image"]) > 1_000
        client.close()
        assert "Which shapes are there?" in page(f"{owner[1]}enter")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert "Traceback" not in out
