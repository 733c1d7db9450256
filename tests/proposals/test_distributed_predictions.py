"""`predict` in shares and in executors gives the same bytes as in one process."""

import errno
import os
import pickle
import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import ImageModel, predict, scan_images
from reassess.data.image_sources import ImageSource
from reassess.data.leases import hold_lease
from reassess.data.shards import ShardCounts
from reassess.data.shares import RunShare
from reassess.errors import DataError
from reassess.proposals import PredictionSummary, model_runs
from reassess.proposals.inference import predict_share
from tests.helpers import code_of, fault_of, number_of, picture, write_files

pytestmark = pytest.mark.usefixtures("report_extra")

N_IMAGES = 13
CODE = """
import numpy as np

def scores(pictures):
    return np.array([[picture.getpixel((0, 0))[0], 100, 7] for picture in pictures], float) / 3
"""
MODEL = "python:shared_models:scores"


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of images, one of them unreadable, with shards of two images, and a module with a model."""
    monkeypatch.setattr(model_runs, "_IMAGES_PER_SHARD", 2)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    write_files(tmp_path, {"shared_models.py": CODE})
    contents = {f"{n:02d}.png": picture(n, "PNG") for n in range(N_IMAGES)}
    yield write_files(tmp_path / "images", {**contents, "05.png": b"\x89PNG"})
    sys.modules.pop("shared_models", None)


@pytest.fixture
def expected(images: Path, tmp_path: Path) -> dict[str, bytes]:
    """The output of one process."""
    predict([MODEL], tmp_path / "one.npy", images=images, batch_size=2, workers=0)
    return {suffix: (tmp_path / f"one{suffix}").read_bytes() for suffix in (".npy", ".txt")}


def read_output(output: Path) -> dict[str, bytes]:
    return {suffix: output.with_suffix(suffix).read_bytes() for suffix in (".npy", ".txt")}


def run_share(images: Path, output: Path, index: int, count: int, **options: Any) -> ShardCounts:
    return predict_share([MODEL], output, RunShare(index, count), images=images, batch_size=2, workers=0, **options)


def join(images: Path, output: Path, **options: Any) -> PredictionSummary:
    (result,) = predict([MODEL], output, images=images, batch_size=2, workers=0, **options)
    return result


@pytest.mark.parametrize("seed", range(5))
def test_shares_in_any_number_and_order_give_equal_files(
    images: Path, tmp_path: Path, expected: dict[str, bytes], seed: int
) -> None:
    rng = random.Random(seed)
    counts = rng.sample(range(1, 9), 2)  # the number of shares changes between runs
    shares = [(index, count) for count in counts for index in range(count) if rng.random() < 0.6]
    rng.shuffle(shares)
    for index, count in [*shares, *shares[:2]]:
        assert run_share(images, tmp_path / "out.npy", index, count).shards == 7
        assert not (tmp_path / "out.npy").exists()
    result = join(images, tmp_path / "out.npy")
    assert read_output(tmp_path / "out.npy") == expected
    assert [name for name, _ in result.unreadable] == ["05.png"]
    assert not (tmp_path / "out.npy.unfinished").exists()


def test_interrupted_share_continues(images: Path, tmp_path: Path, expected: dict[str, bytes]) -> None:
    def interrupt(_name: str, n_done: int, _total: int) -> None:
        if n_done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_share(images, tmp_path / "out.npy", 1, 2, progress=interrupt)
    assert run_share(images, tmp_path / "out.npy", 1, 2).done == 3
    join(images, tmp_path / "out.npy")
    assert read_output(tmp_path / "out.npy") == expected


def test_live_process_blocks_the_same_share_and_the_whole_run(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.npy"
    run_share(images, output, 0, 2)
    leases = tmp_path / "out.npy.unfinished" / "leases"
    with hold_lease(leases, "share 1 of 2"):
        code, found = fault_of(run_share, images, output, 1, 2)
        assert code == "in-use"
        assert str(found).startswith(f"share 1 of 2: process {os.getpid()} on ")
        assert code_of(join, images, output) == "in-use"
        run_share(images, output, 0, 2)
        with pytest.raises(DataError) as caught:
            join(images, output)
        assert caught.value.fix == (
            "wait for the end of that process (two minutes, if the process or its computer has failed)"
        ), "another output would lose the finished shards"
    with hold_lease(leases, "run"):
        assert code_of(run_share, images, output, 0, 2) == code_of(join, images, output) == "in-use"
    assert join(images, output).n_images == N_IMAGES - 1


@pytest.mark.parametrize(
    "change", ["model", "batch", "images", "content", "size", "content after a share", "live share sees other sizes"]
)
def test_share_of_another_run_is_refused(images: Path, tmp_path: Path, change: str) -> None:
    output = tmp_path / "out.npy"
    run_share(images, output, 0, 2)
    model: Any = MODEL
    if change == "model":
        model = ImageModel("other", lambda pictures: np.ones((len(pictures), 3)))
    elif change == "images":
        (images / "03.png").unlink()
    elif change in ("size", "live share sees other sizes"):
        (images / "00.png").write_bytes(picture(9, "PNG") + b" ")
    elif change.startswith("content"):
        content = bytearray(picture(0, "PNG"))
        content[-1] ^= 1
        (images / "00.png").write_bytes(content)
    if change == "content after a share":
        run_share(images, output, 1, 2)  # shares compare sizes, and the whole run compares contents
        model = None
    options = {"batch_size": 1 if change == "batch" else 2, "workers": 0}
    if change == "live share sees other sizes":
        with hold_lease(tmp_path / "out.npy.unfinished" / "leases", "share 2 of 3"):
            code, found = fault_of(run_share, images, output, 0, 3)
    elif change.startswith("content"):
        code, found = fault_of(join, images, output)
    else:
        code, found = fault_of(predict_share, [model], output, RunShare(1, 2), images=images, **options)
    assert code == "different-run"
    if change == "batch":
        assert found == "batch_size: 2 before, 1 now"
    if change in ("content", "size", "content after a share", "live share sees other sizes"):
        assert found == "1 image changed: 00.png"


def test_copies_with_other_times_are_the_same_images(images: Path, tmp_path: Path, expected: dict[str, bytes]) -> None:
    run_share(images, tmp_path / "out.npy", 0, 2)
    for path in images.iterdir():
        os.utime(path, (0, 0))
    run_share(images, tmp_path / "out.npy", 1, 2)
    join(images, tmp_path / "out.npy")
    assert read_output(tmp_path / "out.npy") == expected


def test_image_that_was_unreadable_for_a_share_is_read_again(images: Path, tmp_path: Path) -> None:
    run_share(images, tmp_path / "out.npy", 0, 1)
    (images / "05.png").write_bytes(picture(5, "PNG"))
    assert join(images, tmp_path / "out.npy").unreadable == ()
    assert np.load(tmp_path / "out.npy").shape == (N_IMAGES, 3)


def test_image_with_a_read_error_is_read_again(
    images: Path, tmp_path: Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_file = ImageSource.read_file

    def fail_once(source: ImageSource, row: int) -> bytes:
        if source.names[row] == "03.png":
            raise OSError(errno.EIO, "Input/output error")
        return read_file(source, row)

    with monkeypatch.context() as patched:
        patched.setattr(ImageSource, "read_file", fail_once)
        run_share(images, tmp_path / "out.npy", 0, 1)
    join(images, tmp_path / "out.npy")
    assert read_output(tmp_path / "out.npy") == expected


def test_images_missing_on_the_machine_of_a_share_are_read_again(
    images: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    (images / "00.png").rename(tmp_path / "away.png")
    (tmp_path / "list.txt").write_text("".join(f"images/{n:02d}.png\n" for n in range(N_IMAGES)))
    options = {"images": tmp_path / "list.txt", "batch_size": 2, "workers": 0}
    predict([MODEL], tmp_path / "without.npy", **options)
    predict_share([MODEL], tmp_path / "out.npy", RunShare(0, 1), **options)
    (tmp_path / "away.png").rename(images / "00.png")
    (result,) = predict([MODEL], tmp_path / "out.npy", **options)
    assert result.n_images == N_IMAGES - 1
    assert (tmp_path / "out.npy").read_bytes() == expected[".npy"] != (tmp_path / "without.npy").read_bytes()


@pytest.mark.parametrize(
    "make_executor",
    [lambda: ThreadPoolExecutor(3), lambda: ProcessPoolExecutor(2, get_context("spawn"))],
    ids=["threads", "processes"],
)
def test_executor_gives_equal_files(
    images: Path, tmp_path: Path, expected: dict[str, bytes], make_executor: Callable[[], Executor]
) -> None:
    calls: list[tuple[str, int, int]] = []
    with make_executor() as executor:
        join(images, tmp_path / "out.npy", executor=executor, progress=lambda *call: calls.append(call))
    assert read_output(tmp_path / "out.npy") == expected
    assert calls[-1] == (MODEL, N_IMAGES, N_IMAGES)
    assert [n_done for _, n_done, _ in calls] == sorted(n_done for _, n_done, _ in calls)


class PicklingExecutor(ThreadPoolExecutor):
    """An executor that pickles its tasks, as a cluster does."""

    def __init__(self) -> None:
        super().__init__(1)
        self.tasks: list[bytes] = []

    def submit(self, *args: Any, **options: Any) -> Future[Any]:
        self.tasks.append(pickle.dumps(args))
        return super().submit(*args, **options)


def test_task_contains_only_the_names_of_its_own_images(images: Path, tmp_path: Path) -> None:
    with PicklingExecutor() as executor:
        join(images, tmp_path / "out.npy", executor=executor)
        scan_images([images], output=tmp_path / "out.csv", executor=executor)
    assert len(executor.tasks) == 7 + 1  # the shards of predict and of scan
    for number in range(N_IMAGES):
        name = f"{number:02d}.png".encode()
        assert [name in task for task in executor.tasks] == [shard == number // 2 for shard in range(7)] + [True]


class BreakingExecutor(ThreadPoolExecutor):
    """An executor that fails after some tasks."""

    def __init__(self, n_tasks: int, error: BaseException) -> None:
        super().__init__(1)
        self.n_tasks, self.error = n_tasks, error

    def submit(self, *args: Any, **options: Any) -> Future[Any]:
        self.n_tasks -= 1
        future: Future[Any] = Future()
        if self.n_tasks >= 0:
            future = super().submit(*args, **options)
            future.result()
            return future
        future.set_exception(self.error)
        return future


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (RuntimeError("scheduler lost"), "RuntimeError: scheduler lost"),
        (ModuleNotFoundError("No module named 'reassess'"), "ModuleNotFoundError: No module named 'reassess'"),
        (CancelledError(), "tasks were cancelled, as when a scheduler ends"),
    ],
)
def test_run_continues_after_an_executor_failed(
    images: Path, tmp_path: Path, expected: dict[str, bytes], error: BaseException, found: str
) -> None:
    output = tmp_path / "out.npy"
    with BreakingExecutor(4, error) as executor, pytest.raises(DataError) as caught:
        join(images, output, executor=executor)
    assert (caught.value.code, caught.value.found) == ("worker-failed", found)
    assert "contains the finished part" in "".join(caught.value.__notes__)
    assert any((tmp_path / "out.npy.unfinished").rglob("*.npz"))
    join(images, output)
    assert read_output(output) == expected


def test_error_that_follows_ctrl_c_is_not_an_error_of_the_executor(images: Path, tmp_path: Path) -> None:
    error = RuntimeError("release unlocked lock")
    error.__context__ = KeyboardInterrupt()
    with BreakingExecutor(4, error) as executor, pytest.raises(KeyboardInterrupt) as caught:
        join(images, tmp_path / "out.npy", executor=executor)
    assert "contains the finished part" in "".join(caught.value.__notes__)


def test_module_that_a_worker_cannot_import_is_named(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OtherFolder(ThreadPoolExecutor):
        def submit(self, *args: Any, **options: Any) -> Future[Any]:
            monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != str(tmp_path)])
            sys.modules.pop("shared_models", None)
            model_runs._opened_models.clear()
            return super().submit(*args, **options)

    with OtherFolder(1) as executor, pytest.raises(DataError) as caught:
        join(images, tmp_path / "out.npy", executor=executor)
    assert str(caught.value) == (
        "module not found\n"
        "  where:   python:shared_models:scores, on a worker\n"
        "  found:   No module named 'shared_models'\n"
        "  fix:     start workers in the folder of the module, or set PYTHONPATH there"
    )


def test_error_of_a_model_in_a_worker_is_raised(images: Path, tmp_path: Path) -> None:
    def fail_later(pictures: list[Any]) -> Any:
        if len(pictures) > 1:
            raise ValueError("no memory")
        return np.ones((1, 3))

    model = ImageModel("failing", fail_later)
    with ThreadPoolExecutor(1) as executor:
        arguments = {"images": images, "batch_size": 2, "workers": 0, "executor": executor}
        assert code_of(predict, [model], tmp_path / "out.npy", **arguments) == "model-failed"


def test_worker_with_another_package_version_is_refused(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OtherVersion(ThreadPoolExecutor):
        def submit(self, *args: Any, **options: Any) -> Future[Any]:
            monkeypatch.setattr("PIL.__version__", "0.1")
            return super().submit(*args, **options)

    with OtherVersion(1) as executor:
        code, found = fault_of(join, images, tmp_path / "out.npy", executor=executor)
    assert code == "different-worker"
    assert str(found).startswith("pillow: ")
    assert str(found).endswith("expected, 0.1 on the worker")


def test_worker_that_reads_other_files_is_refused(images: Path, tmp_path: Path) -> None:
    class OtherFiles(ThreadPoolExecutor):
        def submit(self, *args: Any, **options: Any) -> Future[Any]:
            write_files(images, {"02.png": b"other"})
            future = super().submit(*args, **options)
            future.result()
            write_files(images, {"02.png": picture(2, "PNG")})
            return future

    with OtherFiles(1) as executor:
        assert fault_of(join, images, tmp_path / "out.npy", executor=executor) == ("different-files", "5 bytes")


def test_model_that_identifies_images_keeps_their_order(images: Path, tmp_path: Path) -> None:
    model = ImageModel("numbers", lambda pictures: np.array([[number_of(picture), 0] for picture in pictures], float))
    with ThreadPoolExecutor(2) as executor:
        predict([model], tmp_path / "out.npy", images=images, batch_size=2, workers=0, executor=executor)
    names = (tmp_path / "out.txt").read_text().splitlines()
    assert np.load(tmp_path / "out.npy")[:, 0].tolist() == [int(name[:2]) for name in names]


def test_worker_with_other_code_is_refused(images: Path, tmp_path: Path) -> None:
    write_files(tmp_path, {"shared_models.py": f"{CODE}\nothers = scores\n"})

    class OtherCode(ThreadPoolExecutor):
        def submit(self, *args: Any, **options: Any) -> Future[Any]:
            write_files(tmp_path, {"shared_models.py": f"{CODE}\n\nothers = scores\n"})
            return super().submit(*args, **options)

    with OtherCode(1) as executor:
        options = {"images": images, "batch_size": 2, "workers": 0, "executor": executor}
        found = fault_of(predict, ["python:shared_models:others"], tmp_path / "out.npy", **options)
    assert found == ("different-worker", "code of the module not the same on the worker")
