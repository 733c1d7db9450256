"""What the label sets of a file are called."""

from pathlib import Path

from reassess.data.catalogue import SOURCES
from reassess.formats.files import sha256

__all__ = ["label_set_name"]

_REAL = "ReaL"
_OF_REAL = ("imagenet-real", "imagenet-real-scores")


def label_set_name(path: Path) -> str:
    """What label sets are called that are read from a file, or cut from the scores in it.

    Parameters
    ----------
    path
        A file of labels or scores.

    Returns
    -------
    ReaL for the files of ImageNet ReaL, which are known by their hash wherever they lie; for those of another known
    source its name; else the file's name without the suffix, which stays where the name would be ReaL's.

    Raises
    ------
    OSError
        The file cannot be read.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "pets.json"
    >>> _ = path.write_text('{"tom.jpg": [0]}')
    >>> label_set_name(path)
    'pets'
    """
    digest = sha256(path)
    for name, source in SOURCES.items():
        if source.files[0].sha256 == digest:
            return _REAL if name in _OF_REAL else name
    return path.name if path.stem.casefold() == _REAL.casefold() else path.stem
