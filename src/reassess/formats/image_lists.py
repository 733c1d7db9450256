"""Lists of image names, one per line: the images that cleaning keeps, or the images of an npy file."""

from collections.abc import Sequence
from pathlib import Path

from reassess.core import Cleaning, ImageSelection
from reassess.core.checks import check_type
from reassess.errors import DataError, add_error_place
from reassess.formats.files import as_path, check_suffix, read_lines, write_to_temporary

CLEAN_LIST_SUFFIXES = (".txt",)


def read_clean_list(path: str | Path) -> ImageSelection:
    r"""Read a clean list: the names of the images to keep. The result selects images in any framework.

    Parameters
    ----------
    path
        A txt file with one image name per line, as `write_clean_list` writes it; empty lines are skipped.

    Raises
    ------
    DataError
        The file has another suffix, is not UTF-8 text, has no image names, or lists an image twice.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp(), "clean.txt")
    >>> _ = path.write_text("cat/1.png\ncat/3.png\n")
    >>> read_clean_list(path).selected_rows(["cat/1.png", "cat/2.png", "cat/3.png"])
    array([0, 2])
    """
    path = as_path(path)
    check_suffix(path, CLEAN_LIST_SUFFIXES, "a clean list")
    names = tuple(name for line in read_lines(path) if (name := line.removesuffix("\r")))
    with add_error_place(path):
        return ImageSelection(names)


def write_clean_list(path: str | Path, cleaning: Cleaning, *, force: bool = False) -> None:
    """Write the names of the kept images, one per line, in order, like ``fnames_clean.txt`` for ImageNet.

    Parameters
    ----------
    path
        A txt file.
    cleaning
        The result of cleaning.
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
    check_suffix(path, CLEAN_LIST_SUFFIXES, "a clean list")
    lines = format_name_lines(path, cleaning.kept_images, fix="rename the image: a list has one name per line")
    with write_to_temporary(path, force=force) as temporary:
        temporary.write_text(lines, encoding="utf-8", newline="\n")


def format_name_lines(path: Path, names: Sequence[str], *, fix: str | None = None) -> str:
    """Format image names as text, one per line; `DataError` if a name contains a line break."""
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
