"""Pictures as pixels for a model: decoded in this process, or ahead of it in others, while the model computes."""

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


def decoded(decode: Decoder, batches: Sequence[range], workers: int) -> Generator[list[Pixels | str], None, None]:
    """What each batch of rows is decoded to, batch by batch.

    Parameters
    ----------
    decode
        Decodes one row.
    batches
        The rows of each batch.
    workers
        How many processes decode, a few batches ahead; 0 for this process, which also decodes very few images itself.

    Raises
    ------
    DataError
        A process was ended from outside, such as for want of memory.
    """
    if sum(map(len, batches)) <= _PART:
        workers = 0
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
