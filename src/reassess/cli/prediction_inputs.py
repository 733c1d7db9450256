"""Read models' predictions with the options of `add_prediction_options`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from reassess.cli.command_run import INPUT_PATH_TYPE, CommandRun, with_progress
from reassess.cli.evaluation_inputs import EvaluationInputs, suggest_other_benchmark, suggest_other_benchmark_in_errors
from reassess.core import IMAGENET, Benchmark, Predictions, class_folder_order
from reassess.core.classes import NAMES_MIXED_WITH_IDS
from reassess.core.image_names import image_keys, suggest_image_number_fix
from reassess.data import to_benchmark_names
from reassess.data.benchmark_folders import PART_INSTRUCTIONS
from reassess.errors import DataError, ReassessError, add_error_place
from reassess.evaluation import find_class_list
from reassess.evaluation.evaluation_words import describe_class_list, describe_ruled_out_class_lists
from reassess.formats import read_predictions
from reassess.formats.files import exists, read_lines
from reassess.formats.predictions import find_image_names_file
from reassess.formats.predictions.output_lists import read_output_classes
from reassess.formats.predictions.prediction_tables import read_image_names
from reassess.formats.result_files import strip_common_folders
from reassess.text import join_first

_ROW_ORDERS = ("class-folder", "validation")
_AUTO_CLASS_LIST = "auto"
# Parameters of options that evaluate, compare and report have in common.
_SHARED_OPTIONS = (
    "benchmark",
    "labels",
    "original",
    "row_names",
    "output_classes",
    "unknown_class",
    "extract",
    "match",
    "ignore_unknown",
    "sample",
    "anytime",
)


def iter_predictions(
    run: CommandRun, files: Sequence[Path], inputs: EvaluationInputs
) -> Iterator[tuple[str, Predictions]]:
    """Read the files one by one, and yield the name and the predictions of each file.

    The name of a file is its path. If there are several absolute paths, their common folders are removed, except in
    JSON.
    """
    for path in files:
        run.check_not_an_output(path)
    paths = list(map(str, files))
    names = dict(zip(files, paths if run.json or len(paths) == 1 else strip_common_folders(paths), strict=True))
    rows = {
        path: select_value_for_name(str(path), paths, run.reading_options.row_names, "--names", _ROW_ORDERS)
        for path in files
    }
    lists = {
        path: select_value_for_name(
            str(path), paths, run.reading_options.output_classes, "--classes", (_AUTO_CLASS_LIST,)
        )
        for path in files
    }
    for path in with_progress(run, files, "reading"):
        yield names[path], _read_predictions(run, path, inputs, rows[path], lists[path])


def repeat_arguments_for_next_command(files: Sequence[Path]) -> list[str]:
    """Return the files and options of this command that the suggested next command should repeat."""
    context = click.get_current_context()
    words = [f"./{file}" if str(file).startswith("-") else str(file) for file in files]
    for option in context.command.params:
        name = str(option.name)
        if name in _SHARED_OPTIONS and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            values = value[: 1 if name == "labels" else None] if isinstance(value, tuple) else [value]
            for option_value in values:
                text = (
                    str(option_value.folder or option_value.name)
                    if isinstance(option_value, Benchmark)
                    else str(option_value)
                )
                words += [option.opts[0], *([] if option_value is True else [text])]
    return words


def select_value_for_name(
    name: str,
    possible_names: Sequence[str],
    option_values: Sequence[str],
    option_name: str,
    special_values: Sequence[str] = (),
) -> str | Path | None:
    """Return the value for one name from an option with values ``[NAME=]FILE``; None if it has no such value.

    A value without a name is for all names. The value is a file, or one of `special_values`.
    """
    own_values = [text.removeprefix(f"{name}=") for text in option_values if text.startswith(f"{name}=")]
    common_values = [
        text for text in option_values if not text.startswith(tuple(f"{value_name}=" for value_name in possible_names))
    ]
    files = own_values or common_values
    if len(files) > 1:
        raise click.UsageError(f"{option_name} is given twice for {name}.")
    for text in common_values:
        if "=" in text and not exists(text):
            unknown_name = text.rpartition("=")[0]
            raise click.UsageError(
                f"{option_name} is given for {unknown_name}, which is not one of {join_first(possible_names)}."
            )
    if not files or files[0] in special_values:
        return files[0] if files else None
    return Path(INPUT_PATH_TYPE.convert(files[0], click.Option([option_name]), None))


def _read_predictions(
    run: CommandRun,
    path: Path,
    inputs: EvaluationInputs,
    image_names_source: str | Path | None,
    class_list_source: str | Path | None,
) -> Predictions:
    """Read a file of predictions.

    `image_names_source` is a file of image names, or the name of an order. `class_list_source` is a file, or ``auto``.
    """
    image_names = (
        read_lines(run.add_input("names", image_names_source)) if isinstance(image_names_source, Path) else None
    )
    output_classes = (
        _read_class_list(run.add_input("classes", class_list_source)) if isinstance(class_list_source, Path) else None
    )
    predictions = _read_prediction_file(run, path, inputs, image_names, output_classes)
    if isinstance(image_names_source, str):
        predictions = _name_rows_by_order(predictions, image_names_source, inputs, path)
    if (
        class_list_source == _AUTO_CLASS_LIST
        and (detected := _detect_class_list(run, path, predictions, inputs)) is not None
    ):
        return _read_prediction_file(run, path, inputs, image_names, detected)
    return predictions


def _read_class_list(path: Path) -> list[str]:
    """Read the class of each output. A table of outputs is an error, since only `predict` accepts it."""
    classes = read_output_classes(path)
    if isinstance(classes, dict):
        raise DataError(
            "unused-option",
            "a table of outputs works only with `predict`, which sums the outputs of each class",
            where=path,
            fix="run `reassess predict MODEL --classes TABLE`; or list the class of each output, one per line",
        )
    return classes


def _detect_class_list(
    run: CommandRun, path: Path, predictions: Predictions, inputs: EvaluationInputs
) -> list[str] | None:
    """Detect the class list of a model's outputs; None if the labels have the same class list."""
    with add_error_place(path):
        outcomes = inputs.compute_outcomes(
            predictions,
            inputs.labels,
            allow_other_class_list=True,
            name=str(path),
            **inputs.make_image_matching_arguments(run),
        )
    class_list = find_class_list(outcomes, inputs.labels, inputs.original)
    if class_list is None:
        run.add_note(f"{path}: {describe_ruled_out_class_lists(outcomes, inputs.labels, inputs.original)}")
        return None
    run.add_note(f"{path}: {describe_class_list(class_list, inputs.labels.classes)}")
    return class_list.output_names(predictions, inputs.labels.classes)


def _read_prediction_file(
    run: CommandRun,
    path: Path,
    inputs: EvaluationInputs,
    image_names: Sequence[str] | None,
    output_classes: Sequence[str] | None,
) -> Predictions:
    """Read a prediction file, and rename its images to the image names of the benchmark."""
    try:
        predictions = read_predictions(
            run.add_input("predictions", path),
            inputs.labels.classes,
            image_names=image_names,
            outputs=output_classes,
            unknown_class=run.reading_options.unknown_class,
            extract=run.reading_options.extract,
        )
    except DataError as error:
        if error.code in ("ids-of-names", "names-without-list") and inputs.class_file is not None:
            error.where = f"{error.where} and {inputs.class_file}"
            error.found = error.found if error.code == "ids-of-names" else f"{error.found}, and ids"
            error.code, error.problem = "ids-and-names", NAMES_MIXED_WITH_IDS
        if inputs.is_imagenet_by_default:
            _reject_unknown_images(path, _try_read_images(path), inputs)
        with suggest_other_benchmark_in_errors(inputs.is_imagenet_by_default):
            raise
    if inputs.is_imagenet_by_default:
        _reject_unknown_images(path, predictions.images, inputs)
    if (
        image_names is None
        and predictions.images is not None
        and (names_file := find_image_names_file(path)) is not None
    ):
        run.add_input("names", names_file)
    if predictions.images is not None:
        with add_error_place(path):
            predictions = predictions.with_images(to_benchmark_names(predictions.images, inputs.benchmark))
    return predictions


def _try_read_images(path: Path) -> tuple[str, ...] | None:
    """Return the image names in a table; None if they cannot be read."""
    try:
        return read_image_names(path)
    except ReassessError:
        return None


def _reject_unknown_images(path: Path, images: tuple[str, ...] | None, inputs: EvaluationInputs) -> None:
    """Raise an error if no image is in ImageNet's label sets, which are the default labels."""
    if images and set(image_keys(images)).isdisjoint(image_keys(inputs.labels.images)):
        raise DataError(
            "unknown-image",
            "images are not from ImageNet, and labels are missing",
            where=path,
            allowed=f"names such as {join_first(inputs.labels.images, max_items=1)}",
            found=join_first(images, max_items=3),
            fix=suggest_image_number_fix(images) or suggest_other_benchmark(),
        )


def _name_rows_by_order(predictions: Predictions, order: str, inputs: EvaluationInputs, path: Path) -> Predictions:
    """Add image names to predictions without names: row i gets image i of an order."""
    if predictions.images is not None:
        raise DataError(
            "unused-option", "file has image names, so an order of rows is not needed", where=path, fix="remove --names"
        )
    images = _list_images_in_order(order, inputs)
    if len(images) != len(predictions):
        raise DataError(
            "wrong-length",
            f"number of rows differs from the number of images in {order} order",
            where=path,
            allowed=f"{len(images):,} rows",
            found=f"{len(predictions):,} rows",
            fix="--names FILE",
        )
    return predictions.with_images(images, detected_format=f"{predictions.detected_format}, rows in {order} order")


def _list_images_in_order(order: str, inputs: EvaluationInputs) -> tuple[str, ...]:
    """Return the images in the order of ImageNet's validation set or of class folders."""
    if order == "validation":
        return IMAGENET.images
    if inputs.original is None:
        raise DataError(
            "missing-original",
            "images cannot be sorted by class folder without original labels",
            fix=f"run `reassess fetch {IMAGENET.sources['original']}`, or pass --original FILE"
            if inputs.benchmark.folder is None
            else f"pass --original FILE, or {PART_INSTRUCTIONS['original']}",
        )
    return tuple(inputs.original.images[row] for row in class_folder_order(inputs.original).tolist())
