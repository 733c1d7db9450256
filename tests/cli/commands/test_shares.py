"""The options --share and --dask of `reassess predict` and `reassess scan`, also in several processes."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reassess.cli.distributed_runs import open_executor
from reassess.data.executors import map_in_executor
from reassess.errors import DataError
from tests.helpers import Needs, Runner, message_of, output_of, picture, results_of, write_files

pytestmark = pytest.mark.usefixtures("report_extra")

N_IMAGES = 600
CODE = """
import numpy as np, os, time
from pathlib import Path

def scores(pictures):
    return np.array([[picture.getpixel((0, 0))[0], 100] for picture in pictures], float)

def waiting(pictures):
    waiting.n_calls += 1
    while waiting.n_calls > 4 and not Path("go").exists():  # after the first image and the two batches of a shard
        time.sleep(0.01)
    return scores(pictures)

waiting.n_calls = 0

def slow(pictures):
    time.sleep(0.3)
    return scores(pictures)

def broken(pictures):
    if len(pictures) > 1:
        Path(f"call {time.time_ns()}").touch()
        raise ValueError("no such layer")
    return scores(pictures)

def deadly(pictures):
    if len(pictures) > 1 and not Path("killed").exists():
        Path("killed").touch()
        os._exit(9)
    return scores(pictures)
"""
MODEL = "python:cluster_models:scores"
ADDRESSES = "tcp://HOST:PORT; tls://HOST:PORT, with certificates in Dask's configuration; or local:N"
OPTIONS = ("--images", "images", "--batch-size", "100")


@pytest.fixture
def images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """600 images in three shards of 200, and a module with models that processes can import."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(folder)
    pictures = [picture(number, "PNG") for number in range(12)]
    files = {f"images/{number:03d}.png": pictures[number % 12] for number in range(N_IMAGES)}
    yield write_files(folder, {"cluster_models.py": CODE, **files})
    sys.modules.pop("cluster_models", None)


def start(*argv: str, **options: Any) -> subprocess.Popen[str]:
    """Start a command in another process."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-m", "reassess", *argv], stdout=pipe, stderr=pipe, text=True, **options)


def test_shares_as_processes_give_equal_files(images: Path, run: Runner) -> None:
    assert run("predict", MODEL, *OPTIONS, "--workers", "0", "-o", "one.npy").code == 0
    share = (MODEL, *OPTIONS, "--workers", "0", "-o", "out.npy", "--share")
    processes = [start("predict", *share, f"{index}/2") for index in range(2)]
    for index, process in enumerate(processes):
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert f"out.npy.unfinished: share {index} of 2 is done; " in out
    assert output_of(run("predict", *share, "1/2")).splitlines()[-2:] == [
        "out.npy.unfinished: share 1 of 2 is done; finished shards of the whole run: 3 of 3",
        "when all shares are done, the same command without --share writes out.npy",
    ]
    assert run("predict", *share[:-1]).code == 0
    assert Path("out.npy").read_bytes() == Path("one.npy").read_bytes()
    assert Path("out.txt").read_bytes() == Path("one.txt").read_bytes()


def test_killed_share_is_taken_over(images: Path, run: Runner) -> None:
    waiting = ("python:cluster_models:waiting", *OPTIONS, "--workers", "0", "-o", "out.npy")
    process = start("predict", *waiting, "--share", "0/1")
    with process:
        while not [*Path("out.npy.unfinished").rglob("0*.npz")]:
            assert process.poll() is None
            time.sleep(0.01)
        result = run("predict", *waiting, "--share", "0/1")
        assert (result.code, result.error) == (1, "in-use")
        assert f"share 0 of 1: process {process.pid} on " in result.err
        process.send_signal(signal.SIGKILL)
    Path("go").touch()
    assert run("predict", *waiting, "--share", "0/1").code == 0
    assert run("predict", *waiting).code == 0
    assert not Path("out.npy.unfinished").exists()


@pytest.mark.parametrize("command", ["predict", "scan"])
@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("--share", "2/2"), "'2/2': number of this share of the run is out of range (allowed: 0 to 1; found: 2)"),
        (
            ("--share", "auto/2"),
            "'auto/2': no environment variable says which share of the run this process computes (allowed: one of",
        ),
        *(
            (
                ("--share", text),
                f"'{text}' is not a share of the run: write 0/4 (the first of four), or auto/4; N is at least 1",
            )
            for text in ("0", "0/0")
        ),
        (("--share", "0/2", "--dask", "local:2"), "--dask and --share cannot be combined."),
        (("--workers", "2", "--dask", "local:2"), "--dask and --workers cannot be combined."),
        (("--dask", "local"), "--dask local:N needs a number of processes from 1 to 1000, such as local:2."),
        (("--dask", "local:0"), "--dask local:N needs a number of processes from 1 to 1000, such as local:2."),
        (("--dask", "local:many"), "--dask local:N needs a number of processes from 1 to 1000, such as local:2."),
    ],
)
def test_wrong_share_or_cluster_is_a_usage_error(
    images: Path, run: Runner, command: str, argv: tuple[str, ...], text: str
) -> None:
    place = (MODEL, *OPTIONS, "-o", "out.npy") if command == "predict" else ("images", "-o", "out.csv")
    assert text in message_of(run(command, *place, *argv), code=2).replace("\n", " ").replace("  ", " ")


def test_share_without_shards_says_so(images: Path, run: Runner) -> None:
    share = ("--workers", "0", "-o", "out.npy", "--share")
    assert output_of(run("predict", MODEL, *OPTIONS, *share, "4/5")).splitlines()[1] == (
        "out.npy.unfinished: share 4 of 5 has no shards, because the run has only 3 shards (use at most 3 shares); "
        "finished shards of the whole run: 0 of 3"
    )
    (images / "first.txt").write_text("images/000.png\n")
    assert "only 1 shard (use at most 1 share)" in output_of(
        run("scan", "first.txt", "-o", "out.csv", "--workers", "0", "--share", "1/2")
    )


def test_share_that_continues_prints_its_finished_shards(images: Path, run: Runner) -> None:
    share = ("predict", MODEL, *OPTIONS, "--workers", "0", "-o", "out.npy", "--share")
    assert "continues" not in output_of(run(*share, "0/2"))
    assert "continues" not in output_of(run(*share, "1/2"))
    (finished,) = Path("out.npy.unfinished").rglob("000002.npz")
    finished.unlink()
    assert output_of(run(*share, "0/2")).splitlines()[1] == (
        "out.npy.unfinished: share 0 of 2 continues after 1 of 2 shards"
    )


def test_share_computes_its_damaged_shards_again(images: Path, run: Runner) -> None:
    share = ("predict", MODEL, *OPTIONS, "--workers", "0", "-o", "out.npy", "--share", "0/2")
    output_of(run(*share))
    (damaged,) = Path("out.npy.unfinished").rglob("000002.npz")
    damaged.write_bytes(b"")
    assert output_of(run(*share)).splitlines()[1:3] == [
        f"out.npy.unfinished: 1 damaged shard computed again: {damaged.relative_to('out.npy.unfinished')}",
        "out.npy.unfinished: share 0 of 2 continues after 1 of 2 shards",
    ]
    assert damaged.stat().st_size > 0


@pytest.mark.parametrize("command", ["predict", "scan"])
def test_share_after_the_last_command_does_not_advise_force(images: Path, run: Runner, command: str) -> None:
    name = "out.npy" if command == "predict" else "out.csv"
    argv = (command, *((MODEL, *OPTIONS) if command == "predict" else ("images",)), "--workers", "0", "-o", name)
    assert run(*argv).code == 0
    assert message_of(run(*argv, "--share", "0/1")) == (
        f"Error: output file exists already, so its run is complete\n  where:   {name}\n"
        "  fix:     to start another run, choose another name\n"
    )
    assert run(*argv, "--share", "0/2", "--force").code == 0
    assert run(*argv, "--share", "1/2").code == 0, "the run has started, so --force is not necessary"
    assert "or --force" in message_of(run(*argv))
    assert run(*argv, "--force").code == 0


def test_share_with_changed_code_or_images_says_so(images: Path, run: Runner) -> None:
    share = ("predict", MODEL, *OPTIONS, "--workers", "0", "-o", "out.npy", "--share")
    start_again = "or delete the finished part and start again: rm -r out.npy.unfinished\n"
    output_of(run(*share, "0/2"))
    (images / "cluster_models.py").write_text(f"{CODE}\n")
    sys.modules.pop("cluster_models")
    assert run(*share, "1/2").err == (
        "Error: unfinished run has other settings\n  where:   out.npy.unfinished\n"
        f"  found:   models, {MODEL}, code of the module changed\n"
        f"  fix:     use the same settings to continue, {start_again}"
    )
    (images / "cluster_models.py").write_text(CODE)
    sys.modules.pop("cluster_models")
    (images / "images/599.png").unlink()
    assert run(*share, "1/2").err == (
        "Error: images have changed\n  where:   out.npy.unfinished\n  found:   1 image missing: 599.png\n"
        f"  fix:     restore the images to continue, {start_again}"
    )


def test_share_in_json(images: Path, run: Runner) -> None:
    share = results_of(run, "scan", "images", "-o", "out.csv", "--workers", "0", "--share", "0/2")
    assert share == {"share": 0, "shares": 2, "shards": 3, "done": 2}
    assert output_of(run("scan", "images", "-o", "out.csv", "--workers", "0")).splitlines()[2].split()[:2] == [
        "images",
        "600",
    ]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Dask cluster of two processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as local_cluster:
        yield local_cluster


def test_dask_cluster_gives_equal_files(images: Path, run: Runner, needs: Needs) -> None:
    needs("distributed")
    assert run("predict", MODEL, *OPTIONS, "--workers", "0", "-o", "one.npy").code == 0
    deadly = "python:cluster_models:deadly"  # it kills the first worker that computes a batch
    assert run("predict", deadly, *OPTIONS, "--dask", "local:2", "-o", "out.npy").code == 0
    assert Path("killed").exists()
    assert Path("out.npy").read_bytes() == Path("one.npy").read_bytes()


def test_scan_on_a_dask_cluster_gives_an_equal_table(images: Path, run: Runner, needs: Needs, cluster: Any) -> None:
    needs("distributed")
    assert run("scan", "images", "--near", "-o", "one.csv", "--workers", "0").code == 0
    assert run("scan", "images", "--near", "-o", "out.csv", "--dask", cluster.scheduler_address).code == 0
    assert Path("out.csv").read_bytes() == Path("one.csv").read_bytes()


def test_command_continues_after_the_scheduler_was_killed(images: Path, run: Runner, needs: Needs) -> None:
    needs("distributed")
    dask = [sys.executable, "-m", "dask"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = [*dask, "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", "scheduler.json"]
    worker = [*dask, "worker", "--scheduler-file", "scheduler.json", "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    slow = ("predict", "python:cluster_models:slow", *OPTIONS, "-o", "out.npy")
    with subprocess.Popen(scheduler, **quiet) as first, subprocess.Popen(worker, **quiet) as second:
        try:
            while not (Path("scheduler.json").exists() and Path("scheduler.json").read_text().endswith("}")):
                assert first.poll() is None
                time.sleep(0.05)
            address = json.loads(Path("scheduler.json").read_text())["address"]
            with start(*slow, "--dask", address) as process:
                while not [*Path("out.npy.unfinished").rglob("0*.npz")]:
                    assert process.poll() is None
                    time.sleep(0.02)
                first.kill()
                _, err = process.communicate()
        finally:
            first.kill()
            second.kill()
    assert process.returncode == 1
    assert "Error: worker of the executor failed" in err
    assert "out.npy.unfinished contains the finished part; run the same command again to continue." in " ".join(
        err.split()
    )
    assert "Traceback" not in err
    assert "out.npy.unfinished: continues after" in run(*slow, "--workers", "0").out
    assert not Path("out.npy.unfinished").exists()


def test_ctrl_c_in_a_terminal_stops_a_local_cluster(images: Path, run: Runner, needs: Needs) -> None:
    needs("distributed")
    waiting = ("predict", "python:cluster_models:waiting", *OPTIONS, "-o", "out.npy", "--dask", "local:1")
    with start(*waiting, start_new_session=True) as process:
        while not [*Path("out.npy.unfinished").rglob("0*.npz")]:
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        try:
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert " ".join(err.split()).endswith(
        "Stopped. out.npy.unfinished contains the finished part; run the same command again to continue."
    )
    assert "Traceback" not in err
    Path("go").touch()
    assert "out.npy.unfinished: continues after" in run(*waiting).out
    assert not Path("out.npy.unfinished").exists()


def test_signal_while_a_local_cluster_starts_stops_it(needs: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("distributed")
    from distributed import Nanny

    start_unsafe, nannies = Nanny.start_unsafe, []

    async def start_after_signal(nanny: Nanny) -> Nanny:
        nannies.append(nanny)
        os.kill(os.getpid(), signal.SIGTERM)
        return await start_unsafe(nanny)

    monkeypatch.setattr(Nanny, "start_unsafe", start_after_signal)
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as in a command
    try:
        with pytest.raises(KeyboardInterrupt), open_executor("local:1"):
            pass
        assert signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert [nanny.status.name for nanny in nannies] == ["closed"]


def test_error_of_a_model_on_a_worker_is_not_repeated(images: Path, needs: Needs) -> None:
    needs("distributed")
    with start("predict", "python:cluster_models:broken", *OPTIONS, "-o", "out.npy", "--dask", "local:2") as process:
        _, err = process.communicate()
    assert process.returncode == 1
    line = 1 + next(number for number, text in enumerate(CODE.split("\n")) if "no such layer" in text)
    assert err.strip().split("\n") == [
        "Error: model fails on a batch",
        "  where:   python:cluster_models:broken",
        f"  found:   ValueError: no such layer (cluster_models.py, line {line})",
    ]
    assert len([*Path().glob("call *")]) <= 3  # once per shard


def test_cluster_without_workers_raises(
    images: Path, run: Runner, needs: Needs, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("distributed")
    from distributed import LocalCluster

    monkeypatch.setattr("reassess.cli.distributed_runs._SECONDS_TO_CONNECT", 1)
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as empty:
        result = run("scan", "images", "-o", "out.csv", "--dask", empty.scheduler_address)
        assert message_of(result).strip().split("\n")[-4:] == [
            "Error: Dask cluster has no workers",
            f"  where:   {empty.scheduler_address}",
            "  found:   no worker in 1 seconds",
            f"  fix:     start workers: dask worker {empty.scheduler_address}",
        ]


def test_local_cluster_that_lost_all_workers_raises(needs: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("distributed")
    from distributed import default_client

    monkeypatch.setattr("reassess.cli.distributed_runs._SECONDS_WITHOUT_WORKERS", 1)
    with open_executor("local:1") as executor:
        assert executor is not None
        default_client().cluster.scale(0)
        with pytest.raises(DataError, match="worker of the executor failed") as caught:
            [*map_in_executor(executor, abs, range(3), int)]
    assert "timed out after 1.00 s waiting" in str(caught.value.found)


def test_cluster_that_does_not_answer_raises(
    images: Path, run: Runner, needs: Needs, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("distributed")
    monkeypatch.setattr("reassess.cli.distributed_runs._SECONDS_TO_CONNECT", 1)
    result = run("scan", "images", "-o", "out.csv", "--dask", "tcp://127.0.0.1:9")
    assert (result.code, result.error) == (1, "cluster-not-found")
    assert "Dask cluster does not answer" in result.err
    assert not Path("out.csv.unfinished").exists()


@pytest.mark.parametrize("address", ["tls://127.0.0.1:9", "ucx://127.0.0.1:9", "nowhere://x:9"])
def test_address_that_dask_cannot_use_raises(images: Path, run: Runner, needs: Needs, address: str) -> None:
    needs("distributed")
    lines = message_of(run("scan", "images", "-o", "out.csv", "--dask", address)).split("\n")
    assert lines[:3] == ["Error: Dask cannot use this address", f"  where:   {address}", f"  allowed: {ADDRESSES}"]
    assert "Error: " in lines[3]
    assert not Path("out.csv.unfinished").exists()


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "scheduler.json", "tcp://127.0.0.1", "tcp://[::1", "127.0.0.1:65536", "inproc://10.0.0.1/7/1"],
)
def test_text_that_is_not_an_address_raises(images: Path, run: Runner, needs: Needs, text: str) -> None:
    needs("distributed")
    assert message_of(run("scan", "images", "-o", "out.csv", "--dask", text)) == (
        f"Error: not the address of a Dask cluster\n  allowed: {ADDRESSES}\n  found:   '{text}'\n"
    )


@pytest.mark.parametrize("resources", [{}, {"GPU": 1}])
def test_cluster_that_lost_all_workers_is_named_and_used_again(
    needs: Needs, monkeypatch: pytest.MonkeyPatch, resources: dict[str, float]
) -> None:
    needs("distributed")
    from distributed import LocalCluster

    monkeypatch.setattr("reassess.cli.distributed_runs._SECONDS_BETWEEN_CHECKS", 0.01)
    texts: list[str] = []
    with (
        LocalCluster(
            n_workers=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0", resources=resources
        ) as elsewhere,
        warnings.catch_warnings(),
        open_executor(elsewhere.scheduler_address) as executor,
    ):

        def start_worker(warning: Warning | str, *_: object) -> None:
            texts.append(str(warning))
            elsewhere.scale(1)

        monkeypatch.setattr("warnings.showwarning", start_worker)
        warnings.simplefilter("always")
        assert executor is not None
        elsewhere.scale(0)
        while not texts:  # the new worker may be connected before anybody sees that the cluster is empty
            time.sleep(0.01)
        assert [*map_in_executor(executor, abs, [-3], int)] == [(-3, 3)]
    kind, option = (" with a GPU", " --resources GPU=1") if resources else ("", "")
    address = elsewhere.scheduler_address
    assert texts == [
        f"no worker{kind} is connected to {address}; the command waits for workers\n"
        f"  fix: start workers: dask worker {address}{option}"
    ]
