"""A server in a process of its own, which can be killed and started again."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

_SERVE = """
import sys
from reassess.annotation.app.application import make_app
from reassess.annotation.app.server import only_server, serve
from reassess.annotation.store.campaigns import open_campaign
from reassess.data.image_sources import open_images

folder, port, root_path = sys.argv[1:]
with only_server(folder + "/campaign"):
    app = make_app(open_campaign(folder + "/campaign"), open_images(folder + "/images"))
    serve(app, port=int(port), root_path=root_path, started=lambda address: print(address, flush=True))
"""


@dataclass
class Server:
    """The server of a campaign that `make_site` made."""

    folder: Path
    port: int = 0
    root_path: str = ""
    process: "subprocess.Popen[str] | None" = None
    reading: "Thread | None" = None
    log: str = ""  # of requests, once it has ended

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it, at the port that it had before."""
        argv = [sys.executable, "-c", _SERVE, str(self.folder), str(self.port), self.root_path]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, text=True)
        said = self.process.stdout.readline()
        self.port = int(said.split(":")[2].split("/")[0])
        self.reading = Thread(target=self._read, daemon=True)  # a server whose output nobody reads comes to a halt
        self.reading.start()

    def _read(self) -> None:
        self.log = self.process.stdout.read()

    def kill(self) -> None:
        """Kill it, if it runs, in a way that it cannot catch."""
        if self.process.poll() is None:
            self.process.kill()
            self._wait()

    def stop(self) -> None:
        """Ask it to end."""
        self.process.terminate()
        self._wait()

    def _wait(self) -> None:
        self.process.wait(timeout=20)
        self.reading.join()
        self.process.stdout.close()
