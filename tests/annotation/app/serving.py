"""Servers of a campaign: in a separate process, which can be killed and restarted, or in a thread."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from unittest.mock import patch

import uvicorn
from starlette.types import ASGIApp

from reassess.annotation import serve
from reassess.annotation.app import server

_SERVE = """
import sys
from reassess.annotation import make_app, lock_campaign_file, open_campaign, serve
from reassess.annotation.app import server
from reassess.data import open_images

campaign, images, port, root_path, seconds = sys.argv[1:]
server._HEAD_SECONDS = float(seconds)
with lock_campaign_file(campaign):
    app = make_app(open_campaign(campaign), open_images(images))
    serve(app, port=int(port), root_path=root_path or None, report_address=lambda address: print(address, flush=True))
"""


@dataclass
class Server:
    """The server of a campaign from `make_site`, in a separate process."""

    folder: Path
    port: int = 0
    root_path: str = ""
    seconds: float = 10.0  # for the head of a request
    campaign: str = ""  # address of the database; the default is the file in the folder
    name: str = ""  # differs between servers of a folder
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def out(self) -> Path:
        """Standard output: the address."""
        return self.folder / f"out{self.name}"

    @property
    def log(self) -> Path:
        """Standard error: the log, with requests."""
        return self.folder / f"log{self.name}"

    def start(self) -> None:
        """Start the server, at the same port as before."""
        campaign = self.campaign or str(self.folder / "campaign")
        options = [str(self.folder / "images"), str(self.port), self.root_path, str(self.seconds)]
        argv = [sys.executable, "-c", _SERVE, campaign, *options]
        with self.out.open("w") as out, self.log.open("a") as log:
            self.process = subprocess.Popen(argv, stdout=out, stderr=log)
        while "\n" not in (output := self.out.read_text()):
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        self.port = int(output.split(":")[2].split("/")[0])

    def kill(self) -> None:
        """Kill the server with SIGKILL, if it runs."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Stop the server."""
        self.process.terminate()
        self.process.wait(20)


class ThreadServer:
    """The server of an application, in a thread of the tests."""

    def __init__(self, app: ASGIApp, root_path: str | None = None) -> None:
        begun: SimpleQueue[uvicorn.Server] = SimpleQueue()
        addresses: SimpleQueue[str] = SimpleQueue()

        class Noted(uvicorn.Server):
            def __init__(self, config: uvicorn.Config) -> None:
                super().__init__(config)
                begun.put(self)

        options = {"port": 0, "root_path": root_path, "report_address": addresses.put}
        self._thread = Thread(target=serve, args=[app], kwargs=options, daemon=True)
        with (
            patch.object(uvicorn, "Server", Noted),
            patch.object(sys, "setswitchinterval"),
            patch.object(server, "_log_to_stderr"),  # the tests' process keeps its own log
        ):
            self._thread.start()
            self.address = addresses.get(timeout=20)
            self._server = begun.get(timeout=20)

    @property
    def port(self) -> int:
        return int(self.address.split(":")[2].split("/")[0])

    def kill(self) -> None:
        """Stop the server without waiting for requests."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(20)
