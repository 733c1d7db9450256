"""The fingerprints of all images of a scan: computed in shards, then joined in one memory-mapped array."""

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.data.executors import map_in_executor
from reassess.data.fingerprints import (
    Fingerprint,
    Fingerprints,
    fingerprint_dtype,
    make_fingerprint,
    stack_fingerprints,
)
from reassess.data.image_sources import ImageSource, UnreadableReason, process_image
from reassess.data.run_records import describe_changes
from reassess.data.shards import Shard, Shards
from reassess.data.shares import RunShare
from reassess.data.worker_processes import map_in_processes
from reassess.errors import DataError
from reassess.numeric.arrays import create_mapped_array

_BATCH_SIZE = 64  # images that a process reads at a time
_BATCHES_PER_SHARD = 4
_BATCHES_PER_WORKER = 4  # batches for each process
_MAX_IMAGES_WITHOUT_WORKERS = 256  # up to this many images are read without worker processes
_RESULT = "fingerprints"  # name of the results in shards


class _ShardId(NamedTuple):
    """Identifies one shard of one set of images."""

    set_id: int  # position of the set, from 0
    number: int  # position of the shard in its set, from 0


class _Batch(NamedTuple):
    """Some images of one shard."""

    shard: _ShardId
    rows: range


def make_scan_shards(image_sets: Mapping[str, ImageSource], folder: Path, *, needs_hashes: bool) -> list[Shards]:
    """Return the shards of each set of images, in subfolders of a folder."""
    dtype = fingerprint_dtype(needs_hashes=needs_hashes)

    def has_fingerprints(shard: Shard) -> bool:
        return list(shard.results) == [_RESULT] and shard.results[_RESULT].dtype == dtype

    shards: list[Shards] = []
    for set_id, images in enumerate(image_sets.values()):
        n_earlier = sum(part.n_shards for part in shards)
        shards.append(
            Shards(images, folder / str(set_id), _BATCHES_PER_SHARD * _BATCH_SIZE, has_fingerprints, n_earlier)
        )
    return shards


def compute_fingerprints(
    shards: Sequence[Shards],
    set_names: Sequence[str],
    *,
    needs_hashes: bool,
    workers: int,
    share: RunShare | None,
    executor: Executor | None,
    report_progress: Callable[[str, int, int], object],
) -> None:
    """Compute and write the missing shards of all sets, or only the shards in the `share` of this process."""
    missing = [
        _ShardId(set_id, number) for set_id, part in enumerate(shards) for number in part.missing_shard_numbers(share)
    ]
    totals = [part.count_images(share) for part in shards]
    n_done = list(totals)
    for set_id, number in missing:
        n_done[set_id] -= len(shards[set_id].rows_of_shard(number))
    if executor is None:
        results = _compute_in_processes(shards, missing, workers, needs_hashes=needs_hashes)
    else:
        results = _compute_in_executor(executor, shards, missing, needs_hashes=needs_hashes)
    with closing(results):
        for (set_id, number), shard in results:
            shards[set_id].write(number, shard)
            n_done[set_id] += len(shard.rows)
            report_progress(set_names[set_id], n_done[set_id], totals[set_id])


def _compute_in_processes(
    shards: Sequence[Shards], missing: Sequence[_ShardId], workers: int, *, needs_hashes: bool
) -> Generator[tuple[_ShardId, Shard], None, None]:
    """Compute the missing shards in processes of this computer, in batches, and yield the shards."""
    batches = [
        _Batch(shard, rows[start : start + _BATCH_SIZE])
        for shard in missing
        for rows in [shards[shard.set_id].rows_of_shard(shard.number)]
        for start in range(0, len(rows), _BATCH_SIZE)
    ]
    if sum(len(batch.rows) for batch in batches) <= _MAX_IMAGES_WITHOUT_WORKERS:
        workers = 0
    read = partial(_read_batch, [part.images for part in shards], needs_hashes=needs_hashes)
    with closing(
        map_in_processes(read, batches, workers, max_pending=_BATCHES_PER_WORKER * max(workers, 1))
    ) as results:
        for shard, pairs in groupby(zip(batches, results, strict=True), lambda pair: pair[0].shard):
            yield shard, Shard.from_parts([part for _, part in pairs])


def _compute_in_executor(
    executor: Executor, shards: Sequence[Shards], missing: Sequence[_ShardId], *, needs_hashes: bool
) -> Generator[tuple[_ShardId, Shard], None, None]:
    """Compute the missing shards in an executor, and yield each shard when it arrives."""

    def select_shard_images(shard: _ShardId) -> tuple[ImageSource, range]:
        rows = shards[shard.set_id].rows_of_shard(shard.number)
        return shards[shard.set_id].images.select(rows), rows

    with closing(
        map_in_executor(
            executor,
            partial(_compute_shard, needs_hashes=needs_hashes, versions=list_versions()),
            missing,
            select_shard_images,
        )
    ) as results:
        for shard_id, shard in results:
            shards[shard_id.set_id].check_worker_read_same_files(shard)
            yield shard_id, shard


def _read_batch(image_sets: Sequence[ImageSource], batch: _Batch, *, needs_hashes: bool) -> Shard:
    """Compute the fingerprints of a batch of images."""
    return _read_fingerprints(image_sets[batch.shard.set_id], batch.rows, batch.rows, needs_hashes=needs_hashes)


def list_versions() -> dict[str, str]:
    """Return the versions of the packages that fingerprints depend on."""
    import PIL
    import scipy

    from reassess import __version__

    return {"reassess": __version__, "pillow": PIL.__version__, "numpy": np.__version__, "scipy": scipy.__version__}


def _compute_shard(task: tuple[ImageSource, range], *, needs_hashes: bool, versions: Mapping[str, str]) -> Shard:
    """Compute the fingerprints of a shard's images; `task` has these images, and their rows in their set."""
    images, rows = task
    if changes := [*describe_changes(dict(versions), list_versions())]:
        raise DataError(
            "different-worker",
            "worker has another package version",
            found="\n".join(changes).replace(" before", " expected").replace(" now", " on the worker"),
            fix="install the same packages on all workers",
        )
    return _read_fingerprints(images, range(len(images)), rows, needs_hashes=needs_hashes)


def _read_fingerprints(images: ImageSource, source_rows: range, shard_rows: range, *, needs_hashes: bool) -> Shard:
    """Compute the fingerprints of the images at `source_rows` of `images`, as a shard.

    `shard_rows` are the rows of the same images in the whole set of images.
    """
    read = partial(make_fingerprint, needs_hashes=needs_hashes)
    results, file_versions = zip(*(process_image(images, row, read) for row in source_rows), strict=True)
    reasons = {row: result for row, result in zip(shard_rows, results, strict=True) if isinstance(result, str)}
    fingerprints = [result for result in results if isinstance(result, Fingerprint)]
    stacked = stack_fingerprints(fingerprints, needs_hashes=needs_hashes)
    return Shard(shard_rows, np.stack(file_versions), reasons, {_RESULT: stacked})


@dataclass(frozen=True, eq=False)
class FingerprintTable:
    """The fingerprints of all readable images; images are numbered in the order of their sets and names."""

    image_sets: Mapping[str, ImageSource]
    rows_by_name: Sequence[npt.NDArray[np.int64]]  # of each set: the rows of the images, sorted by name
    fingerprints: Fingerprints  # of the readable images, memory-mapped
    readable_images: npt.NDArray[np.int64]  # number of each readable image
    unreadable_reasons: Mapping[int, UnreadableReason]  # by number of the image

    @classmethod
    def from_shards(
        cls, image_sets: Mapping[str, ImageSource], shards: Sequence[Shards], folder: Path, *, needs_hashes: bool
    ) -> "FingerprintTable":
        """Join the shards of all sets in one memory-mapped array, in a temporary file in a folder."""
        rows_by_name = [
            np.array(sorted(range(len(images)), key=images.names.__getitem__), np.int64)
            for images in image_sets.values()
        ]
        starts = np.cumsum([0, *map(len, rows_by_name)])
        numbers = [np.empty(rows.size, np.int64) for rows in rows_by_name]
        for number, rows, start in zip(numbers, rows_by_name, starts.tolist(), strict=False):
            number[rows] = start + np.arange(rows.size)
        reasons = {
            int(number[row]): reason
            for number, part in zip(numbers, shards, strict=True)
            for shard in part.read_all()
            for row, reason in shard.unreadable_reasons.items()
        }
        is_readable = np.ones(int(starts[-1]), np.bool_)
        is_readable[list(reasons)] = False
        positions = np.cumsum(is_readable) - 1
        dtype = fingerprint_dtype(needs_hashes=needs_hashes)
        joined = create_mapped_array(folder, int(is_readable.sum()), dtype)
        for number, part in zip(numbers, shards, strict=True):
            for shard in part.read_all():
                joined[positions[number[shard.readable_rows]]] = shard.results[_RESULT]
        reasons = dict(sorted(reasons.items()))
        return cls(image_sets, rows_by_name, joined, np.flatnonzero(is_readable), reasons)

    def find_set_and_name(self, image_number: int) -> tuple[str, str]:
        """Return the name of the set of images that contains an image, and the name of the image."""
        for (set_name, images), rows in zip(self.image_sets.items(), self.rows_by_name, strict=True):
            if image_number < rows.size:
                return set_name, images.names[rows[image_number]]
            image_number -= rows.size
        raise IndexError(image_number)
