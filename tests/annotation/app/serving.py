"""A server in a process of its own, which can be killed and started again."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_SERVE = """
import sys
from reassess.annotation.app import server
from reassess.annotation.app.application import make_app
from reassess.annotation.app.server import serve
from reassess.annotation.store.campaigns import open_campaign
from reassess.annotation.store.campaign_files import only_process
from reassess.data.image_sources import open_images

folder, port, root_path, seconds = sys.argv[1:]
server._HEAD_SECONDS = float(seconds)
with only_process(folder + "/campaign"):
    app = make_app(open_campaign(folder + "/campaign"), open_images(folder + "/images"))
    serve(app, port=int(port), root_path=root_path or None, started=lambda address: print(address, flush=True))
"""


@dataclass
class Server:
    """The server of a campaign that `make_site` made."""

    folder: Path
    port: int = 0
    root_path: str = ""
    seconds: float = 10.0  # for the head of a request
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def out(self) -> Path:
        """What it said: its address."""
        return self.folder / "out"

    @property
    def log(self) -> Path:
        """What else it said, and what was asked."""
        return self.folder / "log"

    def start(self) -> None:
        """Start it, at the port that it had before."""
        argv = [sys.executable, "-c", _SERVE, str(self.folder), str(self.port), self.root_path, str(self.seconds)]
        with self.out.open("w") as out, self.log.open("a") as log:
            self.process = subprocess.Popen(argv, stdout=out, stderr=log)
        while "\n" not in (said := self.out.read_text()):
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        self.port = int(said.split(":")[2].split("/")[0])

    def kill(self) -> None:
        """Kill it, if it runs, in a way that it cannot catch."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end."""
        self.process.terminate()
        self.process.wait(20)
