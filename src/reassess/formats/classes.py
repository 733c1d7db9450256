"""Lists of classes as files."""

from pathlib import Path

from reassess.classes import Classes
from reassess.errors import DataError, some
from reassess.formats.files import read_lines

__all__ = ["read_classes"]


def read_classes(wnids: Path, lemmas: Path) -> Classes:
    """Classes from a list of wnids, one a line in the order of the class ids, and a table of the words for each wnid.

    Parameters
    ----------
    wnids
        Text, one wnid a line.
    lemmas
        Text, a line a wnid: the wnid, a tab, the words, separated by commas. It may hold more wnids than are classes.
    """
    order = read_lines(wnids)
    name_of = dict(line.split("\t", 1) for line in read_lines(lemmas) if "\t" in line)
    missing = [wnid for wnid in order if wnid not in name_of]
    if missing:
        raise DataError("a class has no name", where=lemmas, found=some(missing))
    return Classes(len(order), tuple(order), tuple(name_of[wnid] for wnid in order))
