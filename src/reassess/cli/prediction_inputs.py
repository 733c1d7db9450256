"""Models' predictions, read as the options of `prediction_options` say."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import click

from reassess.cli.common import Call, tracked
from reassess.cli.inputs import FILE
from reassess.cli.judges import OWN_LABELS, Judges, taken_for_imagenet
from reassess.core.benchmark import IMAGENET, class_folder_order
from reassess.core.classes import NAMES_BESIDE_IDS
from reassess.core.image_names import image_keys, numbering_mistake
from reassess.core.predictions import Predictions
from reassess.data.benchmark_folders import MADE_BY
from reassess.data.joined_parts import benchmark_names
from reassess.errors import DataError, ReassessError, at
from reassess.formats.files import exists, read_lines
from reassess.formats.image_lists import names_beside
from reassess.formats.predictions import read_predictions
from reassess.formats.predictions.id_columns import UnknownClass
from reassess.formats.predictions.prediction_tables import read_image_names
from reassess.text import some

__all__ = [
    "each_prediction",
    "own_file",
    "relative_names",
    "short_names",
]


def short_names(files: list[str]) -> dict[str, str]:
    """A name for the model of each file: its file name without the suffix, or, if two share one, the path.

    >>> short_names(["runs/a.npz", "runs/b.npz", "old/b.npz"])
    {'runs/a.npz': 'a', 'runs/b.npz': 'runs/b.npz', 'old/b.npz': 'old/b.npz'}
    >>> list(short_names(["/home/ann/runs/b.npz", "/home/ann/old/b.npz"]).values())
    ['runs/b.npz', 'old/b.npz']
    """
    stems = [PurePath(file).stem for file in files]
    paths = relative_names(files)
    named = zip(files, stems, paths, strict=True)
    return {file: stem if stems.count(stem) == 1 and stem not in paths else path for file, stem, path in named}


def relative_names(files: list[str]) -> list[str]:
    """The paths of files, of absolute ones without the folders that all of them share.

    >>> relative_names(["/home/ann/runs/b.npz", "/home/ann/old/b.npz"])
    ['runs/b.npz', 'old/b.npz']
    """
    if not files or not all(PurePath(file).is_absolute() for file in files):
        return files
    parts = [PurePath(file).parts for file in files]
    folders = list(zip(*(each[:-1] for each in parts), strict=False))
    shared = next((place for place, names in enumerate(folders) if len(set(names)) > 1), len(folders))
    return [PurePath(*each[shared:]).as_posix() for each in parts]


def each_prediction(
    call: Call,
    files: Sequence[Path],
    judges: Judges,
    *,
    name_lists: Sequence[str],
    class_lists: Sequence[str],
    **reading: Any,
) -> Iterator[tuple[str, Predictions]]:
    """Each file and its predictions, one file in memory at a time, as the options of `prediction_options` say.

    Several files are called by their paths without the folders that all share; in a JSON document as they were given.
    """
    for path in files:
        call.keep(path)
    given = list(map(str, files))
    names = dict(zip(files, given if call.json or len(given) == 1 else relative_names(given), strict=True))
    named = {path: own_file(str(path), given, name_lists, "--names") for path in files}
    lists = {path: own_file(str(path), given, class_lists, "--classes") for path in files}
    for path in tracked(call, files, "reading"):
        yield names[path], _load_predictions(call, path, judges, names=named[path], classes=lists[path], **reading)


def own_file(name: str, names: Sequence[str], given: Sequence[str], option: str) -> Path | None:
    """The file that an option gives for one of some names: that of this name, and else the one that is of no name."""
    own = [text.removeprefix(f"{name}=") for text in given if text.startswith(f"{name}=")]
    of_all = [text for text in given if not text.startswith(tuple(f"{other}=" for other in names))]
    files = own or of_all
    if len(files) > 1:
        raise click.UsageError(f"{option} is given twice for {name}.")
    for text in of_all:
        if "=" in text and not exists(text):
            other = text.rpartition("=")[0]
            raise click.UsageError(f"{option} is given for {other}, which is none of {some(names)}.")
    return Path(FILE.convert(files[0], click.Option([option]), None)) if files else None


def _load_predictions(
    call: Call,
    path: Path,
    judges: Judges,
    *,
    names: Path | None,
    order: str | None,
    classes: Path | None,
    unknown_class: UnknownClass,
    max_bytes: int,
) -> Predictions:
    try:
        predictions = read_predictions(
            call.read("predictions", path),
            judges.labels.classes,
            names=None if names is None else read_lines(call.read("names", names)),
            outputs=None if classes is None else read_lines(call.read("classes", classes)),
            unknown_class=unknown_class,
            max_bytes=max_bytes,
        )
    except DataError as error:
        if error.code in ("ids-of-names", "names-without-list") and judges.naming is not None:
            error.where = f"{error.where} and {judges.naming}"
            error.found = error.found if error.code == "ids-of-names" else f"{error.found}, and ids"
            error.code, error.what = "names-beside-ids", NAMES_BESIDE_IDS
        if judges.by_default:
            _refuse_other_images(path, _images_alone(path), judges)
        with taken_for_imagenet(judges.by_default):
            raise
    if judges.by_default:
        _refuse_other_images(path, predictions.images, judges)
    if names is None and predictions.images is not None and (beside := names_beside(path)) is not None:
        call.read("names", beside)
    if predictions.images is not None:
        with at(path):
            predictions = predictions.named(benchmark_names(predictions.images, judges.benchmark))
    return predictions if order is None else _in_order(predictions, order, judges, path)


def _images_alone(path: Path) -> tuple[str, ...] | None:
    """The images of a table of which nothing else could be read; None of another file, or where it names none."""
    try:
        return read_image_names(path)
    except ReassessError:
        return None


def _refuse_other_images(path: Path, images: tuple[str, ...] | None, judges: Judges) -> None:
    """Refuse images of which ImageNet's label sets, by which models are judged by default, hold none."""
    if images and set(image_keys(images)).isdisjoint(image_keys(judges.labels.images)):
        raise DataError(
            "no-labels",
            "images are not from ImageNet, and labels are missing",
            where=path,
            allowed=f"names such as {some(judges.labels.images, most=1)}",
            found=some(images, most=3),
            fix=numbering_mistake(images) or OWN_LABELS,
        )


def _in_order(predictions: Predictions, order: str, judges: Judges, path: Path) -> Predictions:
    """The predictions of a file without names, named in the order that was given."""
    if predictions.images is not None:
        raise DataError(
            "names-in-file", "file has image names, so rows need no order", where=path, fix="leave --order out"
        )
    images = _images_in_order(order, judges)
    if len(images) != len(predictions):
        raise DataError(
            "wrong-length",
            f"number of rows differs from the number of images in {order} order",
            where=path,
            allowed=f"{len(images):,} rows",
            found=f"{len(predictions):,} rows",
            fix="name the images of the rows (--names FILE)",
        )
    return predictions.named(images, detected=f"{predictions.detected}, rows in {order} order")


def _images_in_order(order: str, judges: Judges) -> tuple[str, ...]:
    """The images in the order in which a file lists them without names."""
    if order == "validation":
        return IMAGENET.images
    if judges.original is None:
        raise DataError(
            "no-original-labels",
            "class-folder order needs original labels, which are missing",
            fix=f"reassess data fetch {IMAGENET.sources['original']}, or pass --original FILE"
            if judges.benchmark.folder is None
            else f"pass --original FILE, or {MADE_BY['original']}",
        )
    return tuple(judges.original.images[row] for row in class_folder_order(judges.original).tolist())
