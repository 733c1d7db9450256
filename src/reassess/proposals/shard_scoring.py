"""Scoring images with a model, a few batches per shard."""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_shape
from reassess.data import ImageSource
from reassess.data.image_sources import read_image
from reassess.data.worker_processes import map_in_processes
from reassess.errors import DataError, add_place_to_errors
from reassess.proposals.image_models import ImageModel
from reassess.proposals.output_classes import OutputClasses
from reassess.proposals.preprocessing import Transform
from reassess.proposals.shards import Shard, Shards

Pixels = npt.NDArray[np.uint8]
_PART = 8  # images that a process decodes at a time
_AHEAD = 2  # batches to decode ahead
_MIN_SECONDS = 5  # estimated decoding time to start processes, whose start takes one or two seconds
_Batches = Generator[list[Pixels | str], None, None]


@dataclass(frozen=True)
class Decoder:
    """A decoder of images by row; it applies a transform, if there is one."""

    images: ImageSource
    transform: Transform | None

    def __call__(self, row: int) -> Pixels | str:
        """Decode an image as uint8 of shape (height, width, 3), or return why it cannot be read."""
        return read_image(self.images, row, np.asarray if self.transform is None else self.transform.cut)


def decode_batches(decode: Decoder, batches: Sequence[range], workers: int) -> _Batches:
    """Decode batches of rows, and yield them in order; processes decode if that is worth starting them."""
    if workers == 0 or not batches:
        yield from _decode_ahead(decode, batches, 0)
        return
    sample = batches[0][:_PART]
    start = time.perf_counter()
    first = [decode(row) for row in sample]
    seconds = (time.perf_counter() - start) / len(sample)
    rest = [batches[0][len(sample) :], *batches[1:]]
    takes_long = seconds * sum(map(len, rest)) > _MIN_SECONDS
    with closing(_decode_ahead(decode, rest, workers if takes_long else 0)) as results:
        yield first + next(results)
        yield from results


def _decode_ahead(decode: Decoder, batches: Sequence[range], workers: int) -> _Batches:
    """Decode batches in other processes, some batches ahead; without workers, in this process."""
    parts = [list(_parts(batch)) for batch in batches]
    ahead = _AHEAD * max(map(len, parts), default=1)
    flat = [part for of_batch in parts for part in of_batch]
    with closing(map_in_processes(partial(_decode_rows, decode), flat, workers, ahead=max(ahead, 1))) as results:
        for of_batch in parts:
            yield [pixels for _ in of_batch for pixels in next(results)]


def _parts(batch: range) -> Iterable[range]:
    return (batch[at : at + _PART] for at in range(0, len(batch), _PART))


def _decode_rows(decode: Decoder, rows: range) -> list[Pixels | str]:
    return [decode(row) for row in rows]


def score_shards(
    model: ImageModel,
    images: ImageSource,
    shards: Shards,
    outputs: OutputClasses,
    width: int,
    *,
    batch_size: int,
    workers: int,
    progress: Callable[[str, int, int], object],
) -> None:
    """Compute the missing shards of a model with `width` outputs.

    Batches do not depend on where a run was interrupted, so that floating-point sums in a batch are the same.
    """
    pending = shards.pending()
    spans = [shards.rows(number) for number in pending]
    batches = [[span[at : at + batch_size] for at in range(0, len(span), batch_size)] for span in spans]
    total = len(images)
    done = total - sum(map(len, spans))
    results = decode_batches(Decoder(images, model.transform), list(chain.from_iterable(batches)), workers)
    with closing(results):
        for number, of_shard in zip(pending, batches, strict=True):
            parts = []
            for rows, result in zip(of_shard, results, strict=False):  # further results are for later shards
                parts.append(_score_batch(model, images, rows, result, width, outputs))
                done += len(rows)
                progress(model.name, done, total)
            shards.write(number, Shard.joined(parts))


def _score_batch(
    model: ImageModel,
    images: ImageSource,
    rows: range,
    result: Sequence[Pixels | str],
    width: int,
    outputs: OutputClasses,
) -> Shard:
    """Compute the scores of a batch, as a part of a shard."""
    reasons = {row: decoded for row, decoded in zip(rows, result, strict=True) if isinstance(decoded, str)}
    read = [row for row in rows if row not in reasons]
    pixels = [decoded for decoded in result if not isinstance(decoded, str)]
    scores = model.scores(pixels) if pixels else np.empty((0, width))
    names = [images.names[row] for row in read]
    with add_place_to_errors(model.name):
        check_shape(scores, (len(read), width), value_name="the scores, which was another one before")
        _refuse_nan(scores, names)
        outputs.check_kind(scores, names)
        kept = outputs.of_classes(scores)
        halves = _as_float16(kept, names)
    moved = int(np.count_nonzero(outputs.best(halves) != outputs.best(kept)))
    return Shard(np.array(read, np.int64), halves, reasons, moved)


def _refuse_nan(scores: npt.NDArray[Any], names: Sequence[str]) -> None:
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


def _as_float16(scores: npt.NDArray[Any], names: Sequence[str]) -> npt.NDArray[np.float16]:
    """Convert scores to float16; `DataError` if a score is larger than any float16."""
    with np.errstate(over="ignore"):
        halves = scores.astype(np.float16)
    too_large = (np.isinf(halves) & np.isfinite(scores)).any(axis=1)
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
    return halves
