"""Lists of images, one name a line: those that cleaning keeps, and the names of the rows of an npy file."""

from collections.abc import Sequence
from pathlib import Path

from reassess.core import Cleaning, ImageSelection
from reassess.core.checks import check_type
from reassess.errors import DataError, at
from reassess.formats.files import as_path, read_lines, suffix_of, writing

CLEAN_LIST_SUFFIXES = (".txt",)


def read_clean_list(path: str | Path) -> ImageSelection:
    r"""Read the images that are kept, as a selection for the datasets of every framework.

    Parameters
    ----------
    path
        A txt file with one image name a line, such as `write_clean_list` writes; empty lines are skipped.

    Raises
    ------
    DataError
        The file has another suffix, is not UTF-8 text, names no image, or names one twice.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp(), "clean.txt")
    >>> _ = path.write_text("cat/1.png\ncat/3.png\n")
    >>> read_clean_list(path).rows(["cat/1.png", "cat/2.png", "cat/3.png"])
    array([0, 2])
    """
    path = as_path(path)
    suffix_of(path, CLEAN_LIST_SUFFIXES, "a clean list")
    names = tuple(name for line in read_lines(path) if (name := line.removesuffix("\r")))
    with at(path):
        return ImageSelection(names)


def write_clean_list(path: str | Path, cleaning: Cleaning, *, force: bool = False) -> None:
    """Write the names of the images that are kept, one a line, in order, as ``fnames_clean.txt`` lists ImageNet's.

    Parameters
    ----------
    path
        A txt file.
    cleaning
        Which images are kept.
    force
        Overwrite an existing file.

    Raises
    ------
    DataError
        The file has another suffix, or a name contains a line break.
    OutputError
        The file exists, or cannot be written.
    """
    path = as_path(path)
    check_type(Cleaning, cleaning)
    suffix_of(path, CLEAN_LIST_SUFFIXES, "a clean list")
    lines = name_lines(path, cleaning.kept_images, fix="rename it: a list has lines")
    with writing(path, force=force) as temporary:
        temporary.write_text(lines, encoding="utf-8", newline="\n")


def name_lines(path: Path, names: Sequence[str], *, fix: str | None = None) -> str:
    """Return the text of a list of images; `DataError` if a name does not fit on a line."""
    broken = next((row for row, name in enumerate(names) if "\n" in name or "\r" in name), None)
    if broken is not None:
        raise DataError(
            "invalid-name",
            "image name contains a line break",
            where=f"{path}, row {broken}",
            found=repr(names[broken]),
            fix=fix or "write a table, such as .parquet",
        )
    return "".join(f"{name}\n" for name in names)
