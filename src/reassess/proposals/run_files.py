"""The output files of a run: their names, checks before the run, and writing them from shards."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import Benchmark
from reassess.core.checks import check_unique, find_first_duplicate
from reassess.core.predictions import MAX_IDS_PER_ROW
from reassess.data import ImageSource, check_output_path
from reassess.data.shards import Shards
from reassess.errors import DataError, OutputError
from reassess.formats import write_predictions
from reassess.formats.files import check_output, check_suffix, exists, write_to_temporary
from reassess.formats.image_lists import format_name_lines
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.proposals.output_classes import OutputClasses
from reassess.proposals.shard_scoring import IS_TOP1_CHANGED, SCORES

_ARRAY_SUFFIX = ".npy"
_OUTPUT_SUFFIXES = (_ARRAY_SUFFIX, *TABLE_SUFFIXES)


def is_array_file(file: Path) -> bool:
    """Return whether a file is an npy array with all scores, and not a table of the best classes."""
    return file.suffix.lower() == _ARRAY_SUFFIX


def list_output_files(names: Sequence[str], output: Path) -> list[Path]:
    """List the output file of each model: `output` itself for one model, or a file in `output` for each model."""
    check_unique(names, value_name="a model")
    if repeat := find_first_duplicate([_model_key(name) for name in names]):
        raise DataError(
            "two-outputs-one-file",
            "two models have the same output file",
            found=" and ".join(names[at] for at in repeat),
            fix="name the model once",
        )
    if not names:
        raise DataError(
            "missing-models",
            "no model was given",
            allowed="timm:NAME, torchvision:NAME, onnx:FILE, python:module:function",
        )
    if output.name in ("", ".."):  # then the folder beside the output has no name
        raise OutputError(
            "invalid-name", "output path has no file name", where=output, fix="add the name of a file or folder"
        )
    if len(names) == 1:
        check_suffix(output, _OUTPUT_SUFFIXES, "predictions of images")
        return [output]
    if output.suffix.lower() in _OUTPUT_SUFFIXES or (exists(output) and not output.is_dir()):
        fix = (
            f"name it {output.with_suffix('')}" if output.suffix.lower() in _OUTPUT_SUFFIXES else "choose another name"
        )
        raise OutputError("output-is-folder", "output path must be a folder for several models", where=output, fix=fix)
    files = [output / f"{name}{_ARRAY_SUFFIX}" for name in _make_file_names(names)]
    check_unique(files, value_name="an output", fix="run the models separately")
    return files


def _model_key(model: str) -> str:
    """Return a key that is equal for two names of the same model, such as two paths of an ONNX file."""
    kind, _, name = model.partition(":")
    return f"{kind}:{os.path.realpath(name)}" if kind == "onnx" else model


def _make_file_names(models: Sequence[str]) -> list[str]:
    """Make a file name without suffix for each model; for ONNX models, add parent folders until all names differ."""
    most_parts = max(len(Path(model).parts) for model in models)
    for parts in range(1, most_parts + 1):
        names = [_make_file_name(model, parts) for model in models]
        if len(set(names)) == len(names):
            break
    return names


def _make_file_name(model: str, n_parts: int) -> str:
    """Make the file name of a model; for ONNX files, from the last parts of the path."""
    kind, _, name = model.partition(":")
    if kind == "onnx":
        path = Path(name)
        name = "-".join([*path.parent.parts, path.stem][-n_parts:])
    safe_name = re.sub(r"[^\w.-]", "-", name)
    return f"{kind}-{safe_name}" if safe_name else kind


def check_output_files(
    files: Sequence[Path],
    output: Path,
    images: ImageSource,
    benchmark: Benchmark | None,
    may_replace: Callable[[Path], bool],
) -> None:
    """Raise an error if an output file cannot be written, or would replace an input."""
    is_folder = output not in files
    all_files = [*files, *(file.with_suffix(".txt") for file in files if is_array_file(file))]  # txt: image names
    for path in (*([output] if is_folder else []), *all_files):
        if benchmark is not None:
            check_output_path(path, benchmark)
        if exists(path) and path.samefile(images.source_path):
            raise OutputError(
                "output-is-input", "output is the file with the image names", where=path, fix="choose another name"
            )
    if is_folder and not exists(output):
        check_output(output)
    else:
        for path in all_files:
            check_output(path, force=may_replace(path))
    for file in filter(is_array_file, files):
        format_name_lines(file, images.names)


class WrittenScores(NamedTuple):
    """What the output file of a model contains, and which images it does not contain."""

    n_images: int
    unreadable_reasons: dict[int, str]  # why images could not be read, by row
    n_top1_changed_by_rounding: int  # images whose best class changes when scores are rounded to float16


def write_output_file(
    file: Path, shards: Shards, output_classes: OutputClasses, may_replace: Callable[[Path], bool]
) -> WrittenScores:
    """Write the output file of a model from its shards.

    The file appears together with the files of other models, see `atomic_writes`.
    """
    rows: list[int] = []
    unreadable_reasons: dict[int, str] = {}
    n_changed = 0
    are_probabilities = True
    for shard in shards.read_all():
        rows += shard.readable_rows
        unreadable_reasons |= shard.unreadable_reasons
        scores = shard.results[SCORES]
        n_changed += int(np.count_nonzero(shard.results[IS_TOP1_CHANGED]))
        are_probabilities &= bool(((scores >= 0) & (scores <= 1)).all())
    images = tuple(shards.images.names[row] for row in rows)
    all_scores = (shard.results[SCORES] for shard in shards.read_all())
    file.parent.mkdir(exist_ok=True)
    if is_array_file(file):
        empty = 0.0 if are_probabilities else -np.inf
        ordered = (output_classes.arrange_columns_by_class(scores, missing_score=empty) for scores in all_scores)
        with write_to_temporary(file, force=may_replace(file)) as temporary:
            _write_array(temporary, ordered, len(rows))
        names_file = file.with_suffix(".txt")
        with write_to_temporary(names_file, force=may_replace(names_file)) as temporary:
            temporary.write_text(format_name_lines(file, images), encoding="utf-8")
    else:
        path = shards.folder / "scores.npy"
        _write_array(path, all_scores, len(rows))
        predictions = output_classes.to_predictions(np.load(path, mmap_mode="r"), images)
        write_predictions(file, predictions, top_k=MAX_IDS_PER_ROW, force=may_replace(file))
    return WrittenScores(len(rows), unreadable_reasons, n_changed)


def _write_array(path: Path, parts: Iterator[npt.NDArray[np.float16]], n_rows: int) -> None:
    """Write parts of scores to an npy file, with one part in memory at a time."""
    first = next(parts)
    header = {"descr": "<f2", "fortran_order": False, "shape": (n_rows, first.shape[1])}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in chain([first], parts):
            file.write(part.astype("<f2", copy=False).tobytes())
