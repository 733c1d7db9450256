"""Models' predictions, read as the options of `prediction_options` say."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

import click
from click.core import ParameterSource

from reassess.cli.call import FILE, Call, tracked
from reassess.cli.judges import Judges, own_labels, taken_for_imagenet
from reassess.core import IMAGENET, Benchmark, Predictions, class_folder_order
from reassess.core.classes import NAMES_BESIDE_IDS
from reassess.core.image_names import image_keys, numbering_mistake
from reassess.data import benchmark_names
from reassess.data.benchmark_folders import MADE_BY
from reassess.errors import DataError, ReassessError, at
from reassess.evaluation import find_class_list
from reassess.evaluation.evaluation_words import class_list_in_words, no_list_in_words
from reassess.formats import read_predictions
from reassess.formats.files import exists, read_lines
from reassess.formats.predictions import find_names_file
from reassess.formats.predictions.output_lists import read_output_classes
from reassess.formats.predictions.prediction_tables import read_image_names
from reassess.text import some

_ORDERS = ("class-folder", "validation")
_AUTO = "auto"
_SHARED = ("benchmark", "labels", "original", "names", "classes", "unknown_class", "match", "ignore_unknown")


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


def each_prediction(call: Call, files: Sequence[Path], judges: Judges) -> Iterator[tuple[str, Predictions]]:
    """Each file and its predictions, one file in memory at a time, as the options of `prediction_options` say.

    Several files are called by their paths without the folders that all share; in a JSON document as they were given.
    """
    for path in files:
        call.keep(path)
    given = list(map(str, files))
    names = dict(zip(files, given if call.json or len(given) == 1 else relative_names(given), strict=True))
    rows = {path: own_value(str(path), given, call.reading.row_names, "--names", _ORDERS) for path in files}
    lists = {path: own_value(str(path), given, call.reading.output_classes, "--classes", (_AUTO,)) for path in files}
    for path in tracked(call, files, "reading"):
        yield names[path], _read_predictions(call, path, judges, rows[path], lists[path])


def same_inputs(files: Sequence[Path]) -> list[str]:
    """The same files and benchmark, read in the same way, as words of another command line."""
    context = click.get_current_context()
    words = [f"./{file}" if str(file).startswith("-") else str(file) for file in files]
    for option in context.command.params:
        name = str(option.name)
        if name in _SHARED and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            given = value[: 1 if name == "labels" else None] if isinstance(value, tuple) else [value]
            for each in given:
                text = str(each.folder or each.name) if isinstance(each, Benchmark) else str(each)
                words += [option.opts[0], *([] if each is True else [text])]
    return words


def own_value(
    name: str, names: Sequence[str], given: Sequence[str], option: str, words: Sequence[str] = ()
) -> str | Path | None:
    """What an option gives for one of some names: a word, or a file; that of this name, or else that of no name."""
    own = [text.removeprefix(f"{name}=") for text in given if text.startswith(f"{name}=")]
    of_all = [text for text in given if not text.startswith(tuple(f"{other}=" for other in names))]
    files = own or of_all
    if len(files) > 1:
        raise click.UsageError(f"{option} is given twice for {name}.")
    for text in of_all:
        if "=" in text and not exists(text):
            other = text.rpartition("=")[0]
            raise click.UsageError(f"{option} is given for {other}, which is none of {some(names)}.")
    if not files or files[0] in words:
        return files[0] if files else None
    return Path(FILE.convert(files[0], click.Option([option]), None))


def _read_predictions(
    call: Call, path: Path, judges: Judges, rows: str | Path | None, outputs: str | Path | None
) -> Predictions:
    """The predictions of a file; `rows` is a file of image names or an order, `outputs` a file of classes or auto."""
    names = read_lines(call.read("names", rows)) if isinstance(rows, Path) else None
    classes = _listed_classes(call.read("classes", outputs)) if isinstance(outputs, Path) else None
    predictions = _read_named(call, path, judges, names, classes)
    if isinstance(rows, str):
        predictions = _in_order(predictions, rows, judges, path)
    if outputs == _AUTO and (other := _other_class_list(call, path, predictions, judges)) is not None:
        return _read_named(call, path, judges, names, other)
    return predictions


def _listed_classes(path: Path) -> list[str]:
    """The class of each output; a table, which may have several outputs of a class, is refused."""
    classes = read_output_classes(path)
    if isinstance(classes, dict):
        raise DataError(
            "unused-option",
            "a table of outputs is only for predict, which adds up the outputs of each class",
            where=path,
            fix="reassess predict MODEL --classes TABLE; or list the class of each output, one per line",
        )
    return classes


def _other_class_list(call: Call, path: Path, predictions: Predictions, judges: Judges) -> list[str] | None:
    """The class of each output by the class list that the images confirm; None if they confirm no other one."""
    with at(path):
        outcomes = judges.outcomes(
            predictions, judges.labels, any_class_list=True, name=str(path), **judges.joining(call)
        )
    other = find_class_list(outcomes, judges.labels, judges.original)
    if other is None:
        call.note(f"{path}: {no_list_in_words(outcomes, judges.labels, judges.original)}")
        return None
    call.note(f"{path}: {class_list_in_words(other, judges.labels.classes)}")
    return other.output_names(predictions, judges.labels.classes)


def _read_named(
    call: Call, path: Path, judges: Judges, names: Sequence[str] | None, outputs: Sequence[str] | None
) -> Predictions:
    """The predictions of a file, with the benchmark's names of images."""
    try:
        predictions = read_predictions(
            call.read("predictions", path),
            judges.labels.classes,
            names=names,
            outputs=outputs,
            unknown_class=call.reading.unknown_class,
        )
    except DataError as error:
        if error.code in ("ids-of-names", "names-without-list") and judges.naming is not None:
            error.where = f"{error.where} and {judges.naming}"
            error.found = error.found if error.code == "ids-of-names" else f"{error.found}, and ids"
            error.code, error.what = "ids-and-names", NAMES_BESIDE_IDS
        if judges.by_default:
            _refuse_other_images(path, _images_alone(path), judges)
        with taken_for_imagenet(judges.by_default):
            raise
    if judges.by_default:
        _refuse_other_images(path, predictions.images, judges)
    if names is None and predictions.images is not None and (beside := find_names_file(path)) is not None:
        call.read("names", beside)
    if predictions.images is not None:
        with at(path):
            predictions = predictions.with_images(benchmark_names(predictions.images, judges.benchmark))
    return predictions


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
            "unknown-image",
            "images are not from ImageNet, and labels are missing",
            where=path,
            allowed=f"names such as {some(judges.labels.images, most=1)}",
            found=some(images, most=3),
            fix=numbering_mistake(images) or own_labels(),
        )


def _in_order(predictions: Predictions, order: str, judges: Judges, path: Path) -> Predictions:
    """The predictions of a file without names, named in the order that was given."""
    if predictions.images is not None:
        raise DataError(
            "unused-option", "file has image names, so rows need no order", where=path, fix="do not give --names"
        )
    images = _images_in_order(order, judges)
    if len(images) != len(predictions):
        raise DataError(
            "wrong-length",
            f"number of rows differs from the number of images in {order} order",
            where=path,
            allowed=f"{len(images):,} rows",
            found=f"{len(predictions):,} rows",
            fix="--names FILE",
        )
    return predictions.with_images(images, detected=f"{predictions.detected}, rows in {order} order")


def _images_in_order(order: str, judges: Judges) -> tuple[str, ...]:
    """The images in the order in which a file lists them without names."""
    if order == "validation":
        return IMAGENET.images
    if judges.original is None:
        raise DataError(
            "missing-original",
            "class-folder order needs original labels, which are missing",
            fix=f"reassess fetch {IMAGENET.sources['original']}, or pass --original FILE"
            if judges.benchmark.folder is None
            else f"pass --original FILE, or {MADE_BY['original']}",
        )
    return tuple(judges.original.images[row] for row in class_folder_order(judges.original).tolist())
