"""Whether scores were made with the golden answers that judge them, where the files are known ones."""

from pathlib import Path

from reassess.core.benchmark import IMAGENET, Benchmark
from reassess.data.sources import SOURCES
from reassess.formats.files import sha256

__all__ = ["known_in_sample"]


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
    True if both files are, byte for byte, those of a known benchmark, and None otherwise: scores that `reassess
    aggregate` made say themselves which golden answers made them, see `Scores.golden`.

    Examples
    --------
    >>> from reassess import resolve
    >>> known_in_sample(resolve("imagenet-real-scores"), resolve("imagenet-real-golden"))
    True
    """
    for part, path in (("scores", scores), ("golden", golden)):
        source = SOURCES.get(benchmark.sources.get(part, ""))
        if source is None or sha256(path) != source.files[0].sha256:
            return None
    return True
