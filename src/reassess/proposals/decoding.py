"""Pictures as pixels for a model: decoded in this process, or ahead of it in others, while the model computes."""

import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.data.image_sources import ImageSource
from reassess.data.picture_reading import read_picture
from reassess.data.worker_processes import in_processes
from reassess.proposals.preprocessing import Transform

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Decoder", "Pixels", "decoded"]

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
        return read_picture(self.images, row, self._pixels)

    def _pixels(self, picture: "Image.Image") -> Pixels:
        return np.asarray(picture) if self.transform is None else self.transform.cut(picture)


def decoded(decode: Decoder, batches: Sequence[range], workers: int) -> _Batches:
    """What each batch of rows is decoded to, batch by batch.

    Parameters
    ----------
    decode
        Decodes one row.
    batches
        The rows of each batch.
    workers
        How many processes decode, a few batches ahead; 0 for this process. It also decodes the first few images, and
        then all of them, if that takes about as little time as to start a process.

    Raises
    ------
    DataError
        A process was ended from outside, such as for want of memory.
    """
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
    """The batches, of which some are decoded by processes ahead of the one that is given; of no worker, in this one."""
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
