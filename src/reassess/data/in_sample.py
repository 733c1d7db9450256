"""Whether scores were made with the golden answers that judge them, where the files are known ones."""

from pathlib import Path

from reassess.core.benchmark import IMAGENET, Benchmark
from reassess.data.sources import SOURCES
from reassess.formats.files import sha256

__all__ = ["known_in_sample"]

_BY_GOLDEN = ("calibrated", "em")  # em keeps golden items at their truth


def known_in_sample(scores: Path, golden: Path, *, benchmark: Benchmark = IMAGENET) -> bool | None:
    """Whether scores are known to have been made with the golden answers that judge them.

    Parameters
    ----------
    scores, golden
        The file of the scores, and that of the experts' votes.
    benchmark
        To which the images belong.

    Returns
    -------
    True if both files are, byte for byte, those of a known benchmark, or those of a benchmark's folder whose
    benchmark.json names a method that uses golden answers; False if it names another; None where nothing is known.

    Examples
    --------
    >>> from reassess import resolve
    >>> known_in_sample(resolve("imagenet-real-scores"), resolve("imagenet-real-golden"))
    True
    """
    if benchmark.folder is not None:
        own = (_is_part(benchmark, part, path) for part, path in (("scores", scores), ("golden", golden)))
        return benchmark.method in _BY_GOLDEN if benchmark.method and all(own) else None
    for part, path in (("scores", scores), ("golden", golden)):
        source = SOURCES.get(benchmark.sources.get(part, ""))
        if source is None or sha256(path) != source.files[0].sha256:
            return None
    return True


def _is_part(benchmark: Benchmark, part: str, path: Path) -> bool:
    """Whether a file is that of a part of a benchmark's folder, however its path is spelled, or a copy of it."""
    own = benchmark.sources.get(part)
    return own is not None and (path.samefile(own) or sha256(path) == sha256(Path(own)))
