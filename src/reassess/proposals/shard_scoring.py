"""The shards of a run, each made of a few batches of images that a model scores."""

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
from reassess.data.image_sources import read_picture
from reassess.data.worker_processes import in_processes
from reassess.errors import DataError, at
from reassess.proposals.image_models import ImageModel
from reassess.proposals.output_classes import OutputClasses
from reassess.proposals.preprocessing import Transform
from reassess.proposals.shards import Shard, Shards

Pixels = npt.NDArray[np.uint8]
_PART = 8  # images that a process decodes at a time
_AHEAD = 2  # batches
_LEAST_SECONDS = 5  # of decoding that are worth processes of its own, which take one or two to start
_Batches = Generator[list[Pixels | str], None, None]


@dataclass(frozen=True)
class Decoder:
    """Decodes images by their rows, as a transform says, or whole without one."""

    images: ImageSource
    transform: Transform | None

    def __call__(self, row: int) -> Pixels | str:
        """The pixels of an image, uint8, shape (height, width, 3); or why it cannot be read."""
        return read_picture(self.images, row, np.asarray if self.transform is None else self.transform.cut)


def decoded(decode: Decoder, batches: Sequence[range], workers: int) -> _Batches:
    """What each batch of rows is decoded to, batch by batch."""
    if workers == 0 or not batches:
        yield from _ahead(decode, batches, 0)
        return
    few = batches[0][:_PART]
    start = time.perf_counter()
    first = [decode(row) for row in few]
    seconds = (time.perf_counter() - start) / len(few)
    rest = [batches[0][len(few) :], *batches[1:]]
    takes_long = seconds * sum(map(len, rest)) > _LEAST_SECONDS
    with closing(_ahead(decode, rest, workers if takes_long else 0)) as results:
        yield first + next(results)
        yield from results


def _ahead(decode: Decoder, batches: Sequence[range], workers: int) -> _Batches:
    """The batches; processes decode some of them ahead, or this one without workers."""
    parts = [list(_parts(batch)) for batch in batches]
    ahead = _AHEAD * max(map(len, parts), default=1)
    flat = [part for of_batch in parts for part in of_batch]
    with closing(in_processes(partial(_decode_rows, decode), flat, workers, ahead=max(ahead, 1))) as results:
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
    """Make the shards of a model that are not there; `width` is how many outputs it has.

    A batch is of the same images wherever the run was interrupted, so that sums in it round alike.
    """
    pending = shards.pending()
    spans = [shards.rows(number) for number in pending]
    batches = [[span[at : at + batch_size] for at in range(0, len(span), batch_size)] for span in spans]
    total = len(images)
    done = total - sum(map(len, spans))
    results = decoded(Decoder(images, model.transform), list(chain.from_iterable(batches)), workers)
    with closing(results):
        for number, of_shard in zip(pending, batches, strict=True):
            parts = []
            for rows, result in zip(of_shard, results, strict=False):  # the rest of the results is of other shards
                parts.append(_scored(model, images, rows, result, width, outputs))
                done += len(rows)
                progress(model.name, done, total)
            shards.write(number, Shard.joined(parts))


def _scored(
    model: ImageModel,
    images: ImageSource,
    rows: range,
    result: Sequence[Pixels | str],
    width: int,
    outputs: OutputClasses,
) -> Shard:
    """The scores of a batch."""
    reasons = {row: each for row, each in zip(rows, result, strict=True) if isinstance(each, str)}
    read = [row for row in rows if row not in reasons]
    pixels = [each for each in result if not isinstance(each, str)]
    scores = model.scores(pixels) if pixels else np.empty((0, width))
    names = [images.names[row] for row in read]
    with at(model.name):
        check_shape(scores, (len(read), width), what="the scores, which was another one before")
        _refuse_nan(scores, names)
        outputs.check_kind(scores, names)
        kept = outputs.of_classes(scores)
        halves = _halves(kept, names)
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
            allowed="any number, and +inf or -inf",
            fix="find out why the model returns NaN for this image",
        )


def _halves(scores: npt.NDArray[Any], names: Sequence[str]) -> npt.NDArray[np.float16]:
    """Scores as float16; `DataError` if one is larger than any float16."""
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
            fix="let the model give smaller scores, such as probabilities",
        )
    return halves
