"""Original labels from class folders, where each image is in the folder of its class."""

from collections.abc import Sequence

from reassess.core import Benchmark, Classes, LabelSets
from reassess.core.checks import check_type
from reassess.core.classes import UNKNOWN_CLASS_NAME, warn_about_case_variants
from reassess.errors import DataError
from reassess.text import join_first

WRITE_ORIGINAL_FIX = "write original.csv, with the columns image and class"


def has_class_folders(benchmark: Benchmark) -> bool:
    """Return whether a benchmark has class folders, and no file of original labels."""
    return (
        benchmark.folder is not None and "original" not in benchmark.sources and are_in_class_folders(benchmark.images)
    )


def labels_from_folders(images: Sequence[str], classes: Classes | None = None) -> LabelSets:
    """Read original labels from class folders: the class of an image is the name of its folder.

    Parameters
    ----------
    images
        Names of images, as `list_images` returns them.
    classes
        The classes of the benchmark. Folders are matched by name or wnid, never by id. By default, the classes are the
        names of the folders, sorted as text; names that differ only in case are different classes, with a
        `ReassessWarning`.

    Returns
    -------
    LabelSets with one class per image.

    Raises
    ------
    DataError
        An image is not in a folder, or the folders are at different depths; a folder matches no class or two classes;
        or the names of folders are numbers, and no class list says whether these numbers are ids.

    Examples
    --------
    >>> original = labels_from_folders(["pets/dog/rex.png", "pets/cat/tom.jpg"])
    >>> original.classes.names, original.indices
    (('cat', 'dog'), array([1, 0], dtype=int32))
    """
    check_type(Classes, classes, is_optional=True)
    example_at_depth = {name.count("/"): name for name in reversed(images)}
    if len(example_at_depth) != 1 or 0 in example_at_depth:
        raise DataError(
            "not-in-class-folders",
            "class folders are at different depths" if len(example_at_depth) > 1 else "images are not in class folders",
            allowed="each image in the folder of its class, all at one depth",
            found=join_first([example_at_depth[depth] for depth in sorted(example_at_depth)]) or "no image",
            fix="put each image into the folder of its class, or list the classes of the images in original.csv",
        )
    folders = [name.split("/")[-2] for name in images]
    if classes is None:
        classes = _classes_from_folder_names(folders)
        warn_about_case_variants(classes, where="class folders")
    id_of = {folder: classes.find(folder) for folder in dict.fromkeys(folders)}
    unknown = [folder for folder, class_id in id_of.items() if class_id is None]
    if unknown:
        raise DataError(
            "unknown-class",
            UNKNOWN_CLASS_NAME,
            allowed=classes.allowed_names_text,
            found=f"class folders {join_first(sorted(unknown), max_items=3)}",
            fix="rename the folder, or add its name to the list of classes; or, if the folders are not classes, "
            f"{WRITE_ORIGINAL_FIX}",
        )
    return LabelSets.from_lists(images, ([id_of[folder] or 0] for folder in folders), classes)


def _classes_from_folder_names(folder_names: Sequence[str]) -> Classes:
    """Make a class list from folder names, sorted as text; raise if they are numbers."""
    try:
        return Classes.from_texts(folder_names, has_local_ids=False)
    except DataError as error:
        error.fix = (
            "rename the folders, such as 'class 10', or 00, 01, 02; or write classes.txt, with each number on its own "
            f"line, counted from 0; or, if the folders are not classes, {WRITE_ORIGINAL_FIX}"
        )
        raise


def are_in_class_folders(images: Sequence[str]) -> bool:
    """Return whether images are in two or more folders; a single folder does not count as a class."""
    return len({name.rpartition("/")[0] for name in images}) > 1
