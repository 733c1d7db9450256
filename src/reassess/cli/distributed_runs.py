"""The options --share and --dask, which divide a run over processes and machines."""

import logging
import signal
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from reassess.cli.command_run import CommandRun
from reassess.cli.options import ParsedType
from reassess.cli.packages import check_packages
from reassess.data.shards import ShardCounts
from reassess.data.shares import RunShare
from reassess.data.unfinished_runs import UnfinishedRun
from reassess.errors import DataError, ReassessWarning
from reassess.text import count_noun

_LOCAL = "local:"
_SECONDS_TO_CONNECT = 15
_SECONDS_BETWEEN_CHECKS = 5.0  # whether a cluster elsewhere has workers
_SECONDS_WITHOUT_WORKERS = 60  # of local:N, while workers that ended are replaced
_MAX_LOCAL_WORKERS = 1000
# So that glibc keeps the memory of a batch of images for the next batch, since new memory from the system is slow.
_MEMORY_SETTINGS = {"MALLOC_ARENA_MAX": 1, "MALLOC_MMAP_THRESHOLD_": 2**25, "MALLOC_TRIM_THRESHOLD_": 2**28}
_RETRIES = 3  # of a task that fails; Dask itself repeats the tasks of a lost worker
_GPU = "GPU"  # name of the resource, if the workers of a cluster declare it
_ADDRESSES = "tcp://HOST:PORT; tls://HOST:PORT, with certificates in Dask's configuration; or local:N"
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C, and the end of a batch job

share_option = click.option(
    "--share",
    type=ParsedType("share", RunShare.parse),
    metavar="I/N",
    help="Compute only one of N shares: 0/4 is the first of four. auto/4 reads the number of the share from "
    "SLURM_ARRAY_TASK_ID, RANK or JOB_COMPLETION_INDEX. When all shares are done, the command without "
    "--share writes the output.",
)
dask_option = click.option(
    "--dask",
    "cluster",
    metavar="ADDRESS|local:N",
    help="Compute on a Dask cluster, or on N processes of this computer.",
)


def reject_share_with_cluster(share: RunShare | None, cluster: str | None, workers: int | None) -> None:
    """Raise a usage error if `--dask` is combined with `--share` or `--workers`."""
    if cluster is not None and (share is not None or workers is not None):
        raise click.UsageError(f"--dask and --{'workers' if share is None else 'share'} cannot be combined.")


@contextmanager
def open_executor(cluster: str | None) -> Iterator[Executor | None]:
    """Connect to a Dask cluster, or start one on this computer, and yield its executor; None without a cluster."""
    if cluster is None:
        yield None
        return
    check_packages("dask", "--dask")
    from distributed import Client

    for name in logging.root.manager.loggerDict:
        if name.startswith("distributed"):  # errors that matter are raised
            logging.getLogger(name).setLevel(logging.CRITICAL)
    if cluster != "local" and not cluster.startswith(_LOCAL):
        with _connect_to_dask(cluster) as client:
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            needs_gpu = bool(workers) and all(map(_has_gpu, workers))
            with _warn_without_workers(client, cluster, needs_gpu=needs_gpu):
                yield _make_executor(client, needs_gpu=needs_gpu)
        return
    n_workers = _parse_worker_count(cluster)
    with ExitStack() as stack:
        for number in _STOP_SIGNALS:
            stack.callback(signal.signal, number, signal.getsignal(number))
        with _postpone_stop_signals():
            local = _start_local_cluster(stack, n_workers)
        client = stack.enter_context(Client(local))
        for number in _STOP_SIGNALS:  # a second Ctrl-C, while the cluster stops
            stack.callback(signal.signal, number, signal.SIG_IGN)
        yield _make_executor(client)


@contextmanager
def _postpone_stop_signals() -> Iterator[None]:
    """Handle Ctrl-C and SIGTERM at the end of the block, since Dask cannot stop a cluster that has not started."""
    received: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: received.append(number)) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])


def _start_local_cluster(stack: ExitStack, n_workers: int) -> Any:
    """Start a cluster whose processes ignore Ctrl-C, since the main process stops them."""
    import dask
    from distributed import LocalCluster

    environment = {**dask.config.get("distributed.nanny.pre-spawn-environ"), **_MEMORY_SETTINGS}
    settings = {
        "distributed.scheduler.no-workers-timeout": _SECONDS_WITHOUT_WORKERS,
        "distributed.nanny.pre-spawn-environ": environment,
        "distributed.worker.profile.enabled": False,  # it takes 5 % of a worker's time
        "distributed.admin.tick.interval": "1s",  # of a check whose warnings are not shown
    }
    stack.enter_context(dask.config.set(settings))
    resource_tracker.ensure_running()  # it unblocks SIGINT in the thread that starts it
    # The threads of the cluster inherit that SIGINT is blocked, and so do all processes that these threads start.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return stack.enter_context(
            LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _parse_worker_count(cluster: str) -> int:
    text = cluster.removeprefix(_LOCAL)
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_LOCAL_WORKERS:
        raise click.UsageError(
            f"--dask {_LOCAL}N needs a number of processes from 1 to {_MAX_LOCAL_WORKERS}, such as {_LOCAL}2."
        )
    return int(text)


def _make_executor(client: Any, *, needs_gpu: bool = False) -> Executor:
    """Return the executor of a cluster; with `needs_gpu`, a task takes one GPU of its worker."""
    resources = {"resources": {_GPU: 1}} if needs_gpu else {}
    executor: Executor = client.get_executor(pure=False, retries=_RETRIES, **resources)
    return executor


def _has_gpu(worker: Mapping[str, Any]) -> bool:
    """Return whether a worker, as the scheduler describes it, declares GPUs as a resource."""
    return _GPU in (worker.get("resources") or {})


def _connect_to_dask(address: str) -> Any:
    """Return a client of a cluster; raise `DataError` if the cluster does not answer or has no workers."""
    from distributed import Client

    if not _is_address(address):
        raise DataError("not-an-address", "not the address of a Dask cluster", allowed=_ADDRESSES, found=repr(address))
    client = None
    try:
        client = Client(address, timeout=_SECONDS_TO_CONNECT)
        client.wait_for_workers(1, timeout=_SECONDS_TO_CONNECT)
    except OSError as error:  # among them all errors about time
        if client is not None:
            client.close()
        raise DataError(
            "cluster-not-found",
            "Dask cluster does not answer" if client is None else "Dask cluster has no workers",
            where=address,
            found=str(error) or type(error).__name__
            if client is None
            else f"no worker in {_SECONDS_TO_CONNECT} seconds",
            fix="check the address of the scheduler" if client is None else f"start workers: dask worker {address}",
        ) from error
    except Exception as error:  # each protocol raises other types of errors
        raise DataError(
            "cluster-not-found",
            "Dask cannot use this address",
            where=address,
            allowed=_ADDRESSES,
            found=f"{type(error).__name__}: {error}",
        ) from error
    return client


def _is_address(text: str) -> bool:
    """Return whether a text has the form HOST:PORT or PROTOCOL://HOST:PORT."""
    try:
        url = urlsplit(text if "://" in text else f"tcp://{text}")
        return bool(url.scheme and url.hostname and url.port)
    except ValueError:  # such as a port that is not a number
        return False


@contextmanager
def _warn_without_workers(client: Any, address: str, *, needs_gpu: bool) -> Iterator[None]:
    """In the block, warn once if a cluster has lost all workers that can compute tasks."""
    from tornado.ioloop import PeriodicCallback

    async def check() -> None:
        has_workers = True
        with suppress(Exception):  # if the scheduler is lost, the tasks raise an error
            workers = (await client.scheduler.identity())["workers"].values()
            has_workers = any(_has_gpu(worker) or not needs_gpu for worker in workers)
        if not has_workers:
            checks.stop()
            kind, option = (" with a GPU", f" --resources {_GPU}=1") if needs_gpu else ("", "")
            problem = f"no worker{kind} is connected to {address}; the command waits for workers"
            warnings.warn(ReassessWarning(problem, f"start workers: dask worker {address}{option}"), stacklevel=1)

    checks = PeriodicCallback(check, 1000 * _SECONDS_BETWEEN_CHECKS)
    client.loop.add_callback(checks.start)
    try:
        yield
    finally:
        client.loop.add_callback(checks.stop)


def print_share(run: CommandRun, command: str, share: RunShare, output: Path, counts: ShardCounts) -> None:
    """Print how many shards of a run are done, and what to do when all shares are done."""
    folder = UnfinishedRun(command, output).folder
    if run.json:
        run.print_json(command, {"share": share.index, "shares": share.n_shares, **counts._asdict()})
        return
    result = "is done"
    if share.index >= counts.shards:
        shards, shares = count_noun(counts.shards, "shard"), count_noun(counts.shards, "share")
        result = f"has no shards, because the run has only {shards} (use at most {shares})"
    run.print_line(
        f"{folder}: {share} {result}; finished shards of the whole run: {counts.done:,} of {counts.shards:,}"
    )
    run.add_note(f"when all shares are done, the same command without --share writes {output}")
