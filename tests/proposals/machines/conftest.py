"""A folder with images and tasks, and runs of a model on them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reassess.core import Tasks
from reassess.data import open_benchmark
from reassess.formats import read_tasks
from reassess.proposals import MachineRating, rate
from tests.helpers import picture, write_files
from tests.proposals.machines.stub_server import MODEL, Asked, Response, Stub, stub_server

CLASSES = "name,synonyms,definition\ncat,kitty,a small animal\ndog,,\ncar,auto;automobile,with wheels\n"
N_IMAGES = 5
TRUTH = {"cat": "yes", "dog": "no", "car": "maybe"}
ALL = {"no": N_IMAGES, "maybe": N_IMAGES, "yes": N_IMAGES}
Serve = Callable[[Callable[[Asked], Response]], Stub]
Ask = Callable[..., MachineRating]


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tasks:
    """Tasks about five images: three classes of each image in one task."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr("reassess.proposals.machines.chat._FIRST_DELAY_SECONDS", 0.001)
    monkeypatch.setattr("reassess.proposals.machines.chat._MAX_JITTER_SECONDS", 0.001)
    classes = '[{"class": "cat"}, {"class": "dog"}, {"class": "car"}]'
    lines = [f'{{"task": {n}, "image": "{n}.png", "classes": {classes}}}\n' for n in range(N_IMAGES)]
    images = {f"b/images/{n}.png": picture(n, "PNG") for n in range(N_IMAGES)}
    write_files(tmp_path, {"b/classes.csv": CLASSES, "tasks.jsonl": "".join(lines), **images})
    return read_tasks("tasks.jsonl", open_benchmark("b").classes)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers, which stop at the end of the test."""
    with ExitStack() as stack:
        yield lambda respond: stack.enter_context(stub_server(respond))


@pytest.fixture
def ask(tasks: Tasks) -> Ask:
    """Let the model of a server answer the tasks."""

    def call(stub: Stub, output: str = "votes.csv", **options: object) -> MachineRating:
        return rate(tasks, "b/images", output, **{"model": MODEL, "endpoint": stub.endpoint, **options})

    return call
