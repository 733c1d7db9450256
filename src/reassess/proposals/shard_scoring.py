"""Scoring images with a model, a few batches per shard."""

import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_shape
from reassess.data import ImageSource
from reassess.data.image_sources import FileVersions, UnreadableReason, process_image
from reassess.data.shards import Shard, Shards
from reassess.data.worker_processes import map_in_processes
from reassess.errors import DataError, add_error_place
from reassess.proposals.image_models import ImageModel
from reassess.proposals.output_classes import OutputClasses
from reassess.proposals.preprocessing import Transform

Pixels = npt.NDArray[np.uint8]
_IMAGES_PER_PART = 8  # images that a process decodes at a time
_BATCHES_AHEAD = 2  # batches to decode ahead
SCORES, IS_TOP1_CHANGED = "scores", "is_top1_changed"  # results in a shard
_MIN_SECONDS = 2  # estimated decoding time to start processes, whose start takes about half a second
DecodedImage = tuple[Pixels | UnreadableReason, FileVersions]
_Batches = Generator[list[DecodedImage], None, None]


@dataclass(frozen=True)
class Decoder:
    """Decodes images by row, and applies a transform, if there is one."""

    images: ImageSource
    transform: Transform | None

    def __call__(self, row: int) -> DecodedImage:
        """Decode an image as uint8 of shape (height, width, 3), or return why it cannot be read.

        Also return the file's version, see `process_image`.
        """
        return process_image(self.images, row, np.asarray if self.transform is None else self.transform.resize_and_crop)


def decode_batches(decode: Decoder, batches: Sequence[range], workers: int) -> _Batches:
    """Decode batches of images and yield them in order, in processes if this is faster."""
    if workers == 0 or not batches:
        yield from _decode_ahead(decode, batches, 0)
        return
    sample = batches[0][:_IMAGES_PER_PART]
    start = time.perf_counter()
    first_images = [decode(row) for row in sample]
    seconds = (time.perf_counter() - start) / len(sample)
    remaining_batches = [batches[0][len(sample) :], *batches[1:]]
    takes_long = seconds * sum(map(len, remaining_batches)) > _MIN_SECONDS
    with closing(_decode_ahead(decode, remaining_batches, workers if takes_long else 0)) as results:
        yield first_images + next(results)
        yield from results


def _decode_ahead(decode: Decoder, batches: Sequence[range], workers: int) -> _Batches:
    """Decode batches in processes, a few batches ahead; without workers, in this process."""
    parts = [list(_split_batch(batch)) for batch in batches]
    ahead = _BATCHES_AHEAD * max(map(len, parts), default=1)
    flat = [part for batch_parts in parts for part in batch_parts]
    with closing(map_in_processes(partial(_decode_rows, decode), flat, workers, max_pending=max(ahead, 1))) as results:
        for batch_parts in parts:
            yield [pixels for _ in batch_parts for pixels in next(results)]


def _split_batch(batch: range) -> Iterable[range]:
    """Split a batch of rows into the parts that a process decodes."""
    return (batch[at : at + _IMAGES_PER_PART] for at in range(0, len(batch), _IMAGES_PER_PART))


def _decode_rows(decode: Decoder, rows: range) -> list[DecodedImage]:
    """Decode some rows."""
    return [decode(row) for row in rows]


@dataclass(frozen=True, eq=False)
class ShardScorer:
    """Computes the scores of images with a model that has `n_outputs` outputs, shard by shard.

    Batches do not depend on where a run was interrupted, so that floating-point sums in a batch are the same.
    """

    output_classes: OutputClasses
    n_outputs: int
    batch_size: int

    def score_shards(
        self, model: ImageModel, shards: Shards, shard_numbers: Sequence[int], workers: int
    ) -> Generator[tuple[int, int], None, None]:
        """Compute and write shards of a model; after each batch, yield the shard's number and the batch's size."""
        batches = [self._split_into_batches(shards.rows_of_shard(number)) for number in shard_numbers]
        results = decode_batches(Decoder(shards.images, model.transform), list(chain.from_iterable(batches)), workers)
        with closing(results):
            for number, shard_batches in zip(shard_numbers, batches, strict=True):
                parts = []
                for rows, result in zip(shard_batches, results, strict=False):  # further results are for later shards
                    parts.append(self._score_batch(model, shards.images, rows, rows, result))
                    yield number, len(rows)
                shards.write(number, Shard.from_parts(parts))

    def score_images_of_shard(self, model: ImageModel, images: ImageSource, shard_rows: range) -> Shard:
        """Compute a shard; `images` has only the images of this shard."""
        decode = Decoder(images, model.transform)
        batches = zip(self._split_into_batches(range(len(images))), self._split_into_batches(shard_rows), strict=True)
        return Shard.from_parts(
            [
                self._score_batch(model, images, source_rows, rows, [decode(row) for row in source_rows])
                for source_rows, rows in batches
            ]
        )

    def has_valid_scores(self, shard: Shard) -> bool:
        """Return whether a shard has scores of this model, and no other scores."""
        if set(shard.results) != {SCORES, IS_TOP1_CHANGED}:
            return False
        scores, is_changed = shard.results[SCORES], shard.results[IS_TOP1_CHANGED]
        n_columns = self.output_classes.stored_scores_per_image(self.n_outputs)
        return (
            scores.dtype == np.float16
            and is_changed.dtype == np.bool_
            and scores.shape[1:] == (n_columns,)
            and is_changed.ndim == 1
            and not np.isnan(scores).any()
        )

    def _split_into_batches(self, rows: range) -> list[range]:
        """Split rows into batches."""
        return [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]

    def _score_batch(
        self,
        model: ImageModel,
        images: ImageSource,
        source_rows: range,
        shard_rows: range,
        decoded_images: Sequence[DecodedImage],
    ) -> Shard:
        """Compute the scores of a decoded batch, as a part of a shard.

        `source_rows` are the rows of the batch in `images`, `shard_rows` the rows among all images of the run.
        """
        results, file_versions = zip(*decoded_images, strict=True)
        reasons = {row: result for row, result in zip(shard_rows, results, strict=True) if isinstance(result, str)}
        pixels = [result for result in results if not isinstance(result, str)]
        scores = model.compute_scores(pixels) if pixels else np.empty((0, self.n_outputs))
        names = [
            images.names[row] for row, result in zip(source_rows, results, strict=True) if not isinstance(result, str)
        ]
        with add_error_place(model.name):
            check_shape(scores, (len(names), self.n_outputs), value_name="the scores, which was another one before")
            _refuse_nan(scores, names)
            self.output_classes.check_score_kind(scores, names)
            stored_scores = self.output_classes.to_stored_scores(scores)
            rounded_scores = _to_float16(stored_scores, names)
        is_changed = self.output_classes.find_best_columns(rounded_scores) != self.output_classes.find_best_columns(
            stored_scores
        )
        return Shard(
            shard_rows, np.stack(file_versions), reasons, {SCORES: rounded_scores, IS_TOP1_CHANGED: is_changed}
        )


def _refuse_nan(scores: npt.NDArray[Any], names: Sequence[str]) -> None:
    """Raise `DataError` if a score is NaN."""
    is_nan = np.isnan(scores)
    if is_nan.any():
        row, output = np.argwhere(is_nan)[0].tolist()
        raise DataError(
            "not-a-number",
            "score is NaN",
            where=f"image {names[row]}, output {output}",
            allowed="any number, +inf or -inf",
            fix="find out why the model returns NaN for this image",
        )


def _to_float16(scores: npt.NDArray[Any], names: Sequence[str]) -> npt.NDArray[np.float16]:
    """Convert scores to float16, and raise `DataError` if a score is too large."""
    with np.errstate(over="ignore"):
        rounded_scores = scores.astype(np.float16)
    too_large = (np.isinf(rounded_scores) & np.isfinite(scores)).any(axis=1)
    if too_large.any():
        row = int(np.argmax(too_large))
        raise DataError(
            "out-of-range",
            "score does not fit float16",
            where=f"image {names[row]}",
            allowed="-65504 to 65504",
            found=float(scores[row, np.argmax(np.abs(scores[row]))]),
            fix="change the model to return smaller scores, such as probabilities",
        )
    return rounded_scores
