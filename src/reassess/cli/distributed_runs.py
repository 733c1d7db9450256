"""The options --share and --dask, which divide a run over processes and machines."""

import logging
import signal
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import click

from reassess.cli.command_run import CommandRun
from reassess.cli.options import ParsedType
from reassess.cli.packages import check_packages
from reassess.data.shards import ShardCounts
from reassess.data.shares import RunShare
from reassess.data.unfinished_runs import UnfinishedRun
from reassess.errors import DataError
from reassess.text import count_noun

_LOCAL = "local:"
_SECONDS_TO_CONNECT = 15
_SECONDS_WITHOUT_WORKERS = 60  # of local:N, while workers that ended are replaced
_MAX_LOCAL_WORKERS = 1000
_RETRIES = 3  # of a task that fails; Dask itself repeats the tasks of a lost worker
_GPU = "GPU"  # name of the resource, if the workers of a cluster declare it

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
    help="Compute on a Dask cluster, or on N processes of this machine.",
)


def reject_share_with_cluster(share: RunShare | None, cluster: str | None, workers: int | None) -> None:
    """Raise a usage error if `--dask` is combined with `--share` or `--workers`."""
    if cluster is not None and (share is not None or workers is not None):
        raise click.UsageError(f"--dask and --{'workers' if share is None else 'share'} cannot be combined.")


@contextmanager
def open_executor(cluster: str | None) -> Iterator[Executor | None]:
    """Connect to a Dask cluster, or start one on this machine, and yield its executor; None without a cluster."""
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
            yield _make_executor(client)
        return
    n_workers = _parse_worker_count(cluster)
    with ExitStack() as stack:
        stack.callback(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        local = _start_local_cluster(stack, n_workers)
        client = stack.enter_context(Client(local))
        stack.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C, while the cluster stops
        yield _make_executor(client)


def _start_local_cluster(stack: ExitStack, n_workers: int) -> Any:
    """Start a cluster whose processes ignore Ctrl-C, since the main process stops them."""
    import dask
    from distributed import LocalCluster

    environment = dict(dask.config.get("distributed.nanny.pre-spawn-environ"))
    environment.pop("MALLOC_TRIM_THRESHOLD_", None)  # with it, memory for each image is slow to allocate
    settings = {
        "distributed.scheduler.no-workers-timeout": _SECONDS_WITHOUT_WORKERS,
        "distributed.nanny.pre-spawn-environ": environment,
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


def _make_executor(client: Any) -> Executor:
    """Return the executor of a cluster; a task takes one GPU, if the workers declare GPUs as a resource."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    has_gpus = bool(workers) and all(_GPU in (worker.get("resources") or {}) for worker in workers)
    executor: Executor = client.get_executor(
        pure=False, retries=_RETRIES, **({"resources": {_GPU: 1}} if has_gpus else {})
    )
    return executor


def _connect_to_dask(address: str) -> Any:
    """Return a client of a cluster; raise `DataError` if the cluster does not answer or has no workers."""
    from distributed import Client

    client = None
    try:
        client = Client(address, timeout=_SECONDS_TO_CONNECT)
        client.wait_for_workers(1, timeout=_SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:  # among them all errors about time
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
    return client


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
