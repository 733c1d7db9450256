"""Pictures as pixels for a model: decoded in this process, or ahead of it in others, while the model computes."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from multiprocessing import connection, get_context, parent_process
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.data.image_sources import ImageSource
from reassess.data.pictures import open_picture, rgb
from reassess.errors import DataError
from reassess.proposals.preprocessing import Transform

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
        from PIL import UnidentifiedImageError

        try:
            file = self.images.file(row)
            if _is_empty(file):
                return "the file is empty"
            with open_picture(file) as picture:
                picture = rgb(picture)
                return np.asarray(picture) if self.transform is None else self.transform.cut(picture)
        except MemoryError:
            raise
        except DataError as error:
            return error.what if error.found is None else f"{error.what}: {error.found}"
        except UnidentifiedImageError:
            return "this is no picture of a known format"
        except OSError as error:
            return error.strerror or str(error)
        except Exception as error:  # Pillow raises whatever its parts raise on damaged files
            return f"the picture is damaged: {error}"


def _is_empty(file: str | BytesIO) -> bool:
    return not file.getbuffer().nbytes if isinstance(file, BytesIO) else Path(file).stat().st_size == 0


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
        yield from _here(decode, batches)
        return
    few = batches[0][:_PART]
    start = time.perf_counter()
    first = [decode(row) for row in few]
    seconds = (time.perf_counter() - start) / len(few)
    rest = [batches[0][len(few) :], *batches[1:]]
    takes_long = seconds * sum(map(len, rest)) > _LEAST_SECONDS
    results = _in_processes(decode, rest, workers) if takes_long else _here(decode, rest)
    with closing(results):
        yield first + next(results)
        yield from results


def _here(decode: Decoder, batches: Iterable[range]) -> _Batches:
    for batch in batches:
        yield [decode(row) for row in batch]


def _in_processes(decode: Decoder, batches: Sequence[range], workers: int) -> _Batches:
    parts = [(number, part) for number, batch in enumerate(batches) for part in _parts(batch)]
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(decode,))
    try:
        yield from _in_order(pool, parts, len(batches))
    except BrokenProcessPool as error:
        raise DataError(
            "a process that decodes images was ended",
            mend="use fewer workers, or none with workers=0; in a script, call this under if __name__ == '__main__'",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _parts(batch: range) -> Iterable[range]:
    return (batch[at : at + _PART] for at in range(0, len(batch), _PART))


def _in_order(
    pool: ProcessPoolExecutor, parts: Sequence[tuple[int, range]], count: int
) -> Iterator[list[Pixels | str]]:
    """The batches, of which some are decoded ahead of the one that is given."""
    waiting: deque[tuple[int, Future[list[Pixels | str]]]] = deque()
    rest = iter(parts)
    following = next(rest, None)
    for number in range(count):
        while following is not None and following[0] < number + _AHEAD:
            waiting.append((following[0], pool.submit(_decode_rows, following[1])))
            following = next(rest, None)
        batch: list[Pixels | str] = []
        while waiting and waiting[0][0] == number:
            batch += waiting.popleft()[1].result()
        yield batch


_own: list[Decoder] = []  # of a process that decodes


def _begin(decode: Decoder) -> None:
    """Make this process ready; it ends with the one that began it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _own.append(decode)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _decode_rows(rows: range) -> list[Pixels | str]:
    return [_own[0](row) for row in rows]
