"""The files of a run: their names, whether they can be written, and the scores of all shards in them."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.core import Benchmark
from reassess.core.checks import check_unique, first_repeat
from reassess.core.predictions import MOST_IDS
from reassess.data import ImageSource, check_place
from reassess.errors import DataError, OutputError
from reassess.formats import write_predictions
from reassess.formats.files import check_output, exists, suffix_of, writing
from reassess.formats.image_lists import name_lines
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.proposals.output_classes import OutputClasses
from reassess.proposals.shards import Shards

_ARRAY = ".npy"
_SUFFIXES = (_ARRAY, *TABLE_SUFFIXES)


def is_array(file: Path) -> bool:
    """Whether a file holds all scores, and not the best classes."""
    return file.suffix.lower() == _ARRAY


def files_of(names: Sequence[str], output: Path) -> list[Path]:
    """The file of each model: of one the output itself; of several an npy file in it."""
    check_unique(names, thing="a model")
    if repeat := first_repeat([_identity(name) for name in names]):
        raise DataError(
            "two-outputs-one-file",
            "two models have the same output file",
            found=" and ".join(names[at] for at in repeat),
            fix="name it once",
        )
    if not names:
        raise DataError(
            "missing-models",
            "models are missing",
            allowed="timm:NAME, torchvision:NAME, onnx:FILE, python:module:function",
        )
    if output.name in ("", ".."):  # nothing beside it can be called after it
        raise OutputError("invalid-name", "output has no file name", where=output, fix="name a file or a folder in it")
    if len(names) == 1:
        suffix_of(output, _SUFFIXES, "predictions of images")
        return [output]
    if output.suffix.lower() in _SUFFIXES or (exists(output) and not output.is_dir()):
        fix = f"name it {output.with_suffix('')}" if output.suffix.lower() in _SUFFIXES else "choose another name"
        raise OutputError("output-is-folder", "for several models, the output is a folder", where=output, fix=fix)
    files = [output / f"{name}{_ARRAY}" for name in _file_names(names)]
    check_unique(files, thing="an output", fix="run the models one by one")
    return files


def _identity(model: str) -> str:
    """What is equal for two names of one model: an ONNX file may be given by several paths."""
    kind, _, name = model.partition(":")
    return f"{kind}:{os.path.realpath(name)}" if kind == "onnx" else model


def _file_names(models: Sequence[str]) -> list[str]:
    """File name for each model, without suffix; ONNX files with as many folders as needed to differ."""
    most = max(len(Path(model).parts) for model in models)
    for parts in range(1, most + 1):
        names = [_file_name(model, parts) for model in models]
        if len(set(names)) == len(names):
            break
    return names


def _file_name(model: str, parts: int) -> str:
    """File name for a model: an ONNX file by the last parts of its path."""
    kind, _, name = model.partition(":")
    if kind == "onnx":
        path = Path(name)
        name = "-".join([*path.parent.parts, path.stem][-parts:])
    called = re.sub(r"[^\w.-]", "-", name)
    return f"{kind}-{called}" if called else kind


def check_files(
    files: Sequence[Path],
    output: Path,
    images: ImageSource,
    benchmark: Benchmark | None,
    may_replace: Callable[[Path], bool],
) -> None:
    """Refuse, before any work, files that cannot be written, or that would spoil the benchmark or the images."""
    is_folder = output not in files  # of several models
    written = [*files, *(file.with_suffix(".txt") for file in files if is_array(file))]  # a txt names the images
    for path in (*([output] if is_folder else []), *written):
        if benchmark is not None:
            check_place(path, benchmark)
        if exists(path) and path.samefile(images.place):
            raise OutputError(
                "output-is-input", "output is the file with the image names", where=path, fix="choose another name"
            )
    if is_folder and not exists(output):
        check_output(output)
    else:
        for path in written:
            check_output(path, force=may_replace(path))
    for file in filter(is_array, files):
        name_lines(file, images.names)


def write_shards(
    file: Path, shards: Shards, outputs: OutputClasses, names: Sequence[str], may_replace: Callable[[Path], bool]
) -> tuple[int, dict[int, str], int]:
    """Write the scores of a model's shards; the files appear together with other models'."""
    rows: list[int] = []
    reasons: dict[int, str] = {}
    moved = 0
    are_probabilities = True
    for shard in shards.read():
        rows += shard.rows.tolist()
        reasons |= shard.reasons
        moved += shard.moved
        are_probabilities &= bool(((shard.scores >= 0) & (shard.scores <= 1)).all())
    images = tuple(names[row] for row in rows)
    file.parent.mkdir(exist_ok=True)
    if is_array(file):
        empty = 0.0 if are_probabilities else -np.inf
        ordered = (outputs.ordered(shard.scores, empty=empty) for shard in shards.read())
        with writing(file, force=may_replace(file)) as temporary:
            _save(temporary, ordered, len(rows))
        beside = file.with_suffix(".txt")
        with writing(beside, force=may_replace(beside)) as temporary:
            temporary.write_text(name_lines(file, images), encoding="utf-8")
    else:
        path = shards.folder / "scores.npy"
        _save(path, (shard.scores for shard in shards.read()), len(rows))
        scores = outputs.predictions(np.load(path, mmap_mode="r"), images)
        write_predictions(file, scores, top_k=MOST_IDS, force=may_replace(file))
    return len(rows), reasons, moved


def _save(path: Path, parts: Iterator[npt.NDArray[np.float16]], rows: int) -> None:
    """Write parts of scores in order, with one part in memory at a time."""
    first = next(parts)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(rows, first.shape[1]))
    start = 0
    for part in chain([first], parts):
        array[start : start + len(part)] = part
        start += len(part)
    array.flush()
