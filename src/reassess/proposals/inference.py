"""Run models on images: batch by batch, shard by shard, so that an interruption costs little."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.benchmark import Benchmark, benchmark_of
from reassess.core.checks import check_range, check_several, check_shape, check_unique
from reassess.core.classes import Classes
from reassess.core.predictions import MOST_IDS, Predictions, refuse_nan
from reassess.data.benchmark_folders import part_path
from reassess.data.image_sources import ImageSource, open_images
from reassess.data.loading import load_classes
from reassess.errors import DataError, MissingPackageError, OutputError, at
from reassess.formats.files import all_or_none, check_output, exists, suffix_of, writing
from reassess.formats.predictions import name_lines, write_predictions
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.proposals.decoding import Decoder, Pixels, decoded
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.model_sources import open_model
from reassess.proposals.output_classes import OutputClasses
from reassess.proposals.shards import Shard, Shards, begin_run, end_run
from reassess.text import Shown, counted, in_bytes

__all__ = ["PREDICTED_SUFFIXES", "ImagePredictions", "predict"]

PREDICTED_SUFFIXES = (".npy", *TABLE_SUFFIXES)
_SHARD = 256  # images, as whole batches
_BYTES = 2  # of a score


def _ignore(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, repr=False)
class ImagePredictions(Shown):
    """What became of a model's run.

    Parameters
    ----------
    model
        What it is called.
    file
        The file of its predictions.
    images
        How many images it holds.
    unreadable
        The images that could not be read, each with the reason.
    outputs
        How many outputs the model has.
    without_class, without_output
        Outputs that are no class of the benchmark, and classes that are no output.
    """

    model: str
    file: Path
    images: int
    unreadable: tuple[tuple[str, str], ...]
    outputs: int
    without_class: int
    without_output: int


@dataclass(frozen=True)
class _Settings:
    """How models are run."""

    batch: int
    workers: int
    device: str | None
    strict: bool
    offline: bool
    progress: Callable[[str, int, int], object]

    @property
    def shard(self) -> int:
        """Images of a shard: whole batches, so that no batch hangs on where a run was interrupted."""
        return max(_SHARD // self.batch, 1) * self.batch

    def opened(self, source: str | ModelSource | ImageModel) -> ImageModel:
        """A model that is ready to run."""
        if isinstance(source, ImageModel):
            return source
        return open_model(source, device=self.device, offline=self.offline)


@dataclass(frozen=True, eq=False)
class _Task:
    """A model to be run on images, and where its scores go."""

    source: str | ModelSource | ImageModel
    file: Path
    shards: Shards
    outputs: OutputClasses
    width: int
    run: dict[str, Any]

    @property
    def name(self) -> str:
        """What the model is called."""
        return _name(self.source)

    def bytes(self, images: int) -> int:
        """What its shards and its file take."""
        columns = self.width + (self.outputs.classes.count or self.width if self.file.suffix == ".npy" else self.width)
        return images * columns * _BYTES


def predict(
    models: Sequence[str | ModelSource | ImageModel],
    output: str | Path,
    *,
    images: str | Path | None = None,
    benchmark: Benchmark | None = None,
    batch: int = 64,
    workers: int = 0,
    device: str | None = None,
    strict: bool = False,
    offline: bool = False,
    force: bool = False,
    tell: Callable[[str], object] = _ignore,
    progress: Callable[[str, int, int], object] = _ignore,
) -> tuple[ImagePredictions, ...]:
    """Run models on images, and write what they predict.

    A run that was interrupted goes on if it is called again: what was finished lies in a folder beside `output` that is
    called as it is and ``.unfinished``, until the end.

    Parameters
    ----------
    models
        Each by its name, such as ``timm:resnet50``, with its files, or ready to run.
    output
        Of one model a file: npy, float16 scores in the order of the benchmark's classes, with the names of the images
        in a text file beside it; or a table with the 20 best classes. Of several a folder, with an npy file for each.
        In npy, a class that is none of a model's outputs has the score 0 if all scores are from 0 to 1, and else -inf.
    images
        A folder, zip, tar or list, see `open_images`; by default the benchmark's.
    benchmark
        To which the images belong; by default the known one of which they are.
    batch
        How many images a model is given at once.
    workers
        How many processes decode images meanwhile. With 1 or more, a script must call this under
        ``if __name__ == "__main__"``.
    device
        As for `open_model`.
    strict
        Stop at an image that cannot be read.
    offline
        Use no network for weights.
    force
        Overwrite files that exist.
    tell
        Is told what is about to be done, a line at a time.
    progress
        Is told the name of a model, how many images it is through with, and how many there are.

    Raises
    ------
    DataError
        A model cannot be had or fails; its outputs are not the benchmark's classes; a score is NaN or does not fit; no
        image can be read; or a run that was interrupted was of another model, option or image.
    OutputError
        A file exists, or the disk has no room.
    MissingPackageError
        Pillow, or the library of a model, is not installed.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from PIL import Image
    >>> folder = Path(mkdtemp())
    >>> for name in ("black", "white"):
    ...     Image.new("RGB", (8, 8), name).save(folder / f"{name}.png")
    >>> model = ImageModel("light", lambda pictures: np.array([[np.asarray(each).mean(), 100] for each in pictures]))
    >>> (run,) = predict([model], folder / "light.npy", images=folder)
    >>> run.images, np.load(run.file).argmax(axis=1)
    (2, array([1, 0]))
    """
    try:
        import PIL
    except ImportError as error:
        raise MissingPackageError("pillow", extra="onnx", purpose="reading images") from error
    check_range(batch, 1, what="batch")
    check_range(workers, 0, what="number of workers")
    settings = _Settings(batch, workers, device, strict, offline, progress)
    output = Path(output)
    files = _files(models, output)
    pictures = open_images(_place(images, benchmark))
    for file in files:
        _check_file(file, pictures, force)
    known = load_classes(benchmark_of(pictures.names) if benchmark is None else benchmark)
    folder = output.with_name(f"{output.name}.unfinished")
    tasks = []
    for number, (source, file) in enumerate(zip(models, files, strict=True)):
        model = settings.opened(source)
        shards = Shards(folder / f"{number:03d}", -(-len(pictures) // settings.shard))
        tasks.append(_task(source if len(models) > 1 else model, model, pictures, file, shards, known))
    _check_room(tasks, len(pictures), folder, tell)
    run = {"batch": batch, "pillow": PIL.__version__, "models": {task.name: task.run for task in tasks}}
    if begin_run(folder, run, pictures):
        done = sum(task.shards.count - len(task.shards.pending()) for task in tasks)
        tell(f"{folder}: {done:,} of {counted(sum(task.shards.count for task in tasks), 'shard')} are finished")
    for task in tasks:
        task.shards.folder.mkdir(exist_ok=True)
        _run(task, pictures, settings)
    results = tuple(_written(task, pictures, settings, folder, force) for task in tasks)
    end_run(folder)
    return results


def _name(source: str | ModelSource | ImageModel) -> str:
    return source if isinstance(source, str) else source.name


def _place(images: str | Path | None, benchmark: Benchmark | None) -> Path:
    if images is not None:
        return Path(images)
    if benchmark is None:
        raise DataError("no images were given", mend="images=PLACE, or a benchmark that has images")
    return part_path(benchmark, "images", needed_by="predict")


def _files(models: Sequence[str | ModelSource | ImageModel], output: Path) -> list[Path]:
    """The file of each model."""
    check_several(models, what="models")
    names = [_name(source) for source in models]
    check_unique(names, thing="a model")
    if len(names) == 1:
        suffix_of(output, PREDICTED_SUFFIXES, "predictions of images")
        return [output]
    if not names:
        raise DataError("no model was given", allowed="timm:NAME, torchvision:NAME, onnx:FILE, python:module:function")
    if output.suffix.lower() in PREDICTED_SUFFIXES or (exists(output) and not output.is_dir()):
        raise OutputError("of several models the output is a folder", where=output, mend=f"name it {output.stem}")
    files = [output / f"{_file_name(name)}.npy" for name in names]
    check_unique(files, thing="an output", mend="run the models one by one")
    return files


def _file_name(model: str) -> str:
    """What the file of a model is called, without suffix.

    >>> _file_name("timm:resnet18.a1_in1k"), _file_name("onnx:models/lite0.onnx")
    ('timm-resnet18.a1_in1k', 'onnx-lite0')
    """
    kind, _, name = model.partition(":")
    called = Path(name).stem if kind == "onnx" else re.sub(r"[^\w.-]", "-", name)
    return f"{kind}-{called}" if called else kind


def _check_file(file: Path, pictures: ImageSource, force: bool) -> None:
    """Refuse, before any work, a file that cannot be written."""
    is_array = file.suffix.lower() == ".npy"
    if is_array:
        name_lines(file, pictures.names)
    if exists(file.parent) or exists(file):
        for path in (file, file.with_suffix(".txt")) if is_array else (file,):
            check_output(path, force=force)
    else:
        check_output(file.parent)  # the folder of several


def _task(
    source: str | ModelSource | ImageModel,
    model: ImageModel,
    pictures: ImageSource,
    file: Path,
    shards: Shards,
    classes: Classes,
) -> _Task:
    """What is to be done with a model, of which one picture tells how many outputs it has."""
    decode = Decoder(pictures, model.transform)
    results = map(decode, range(len(pictures)))
    first = next((result for result in results if not isinstance(result, str)), None)
    if first is None:
        reasons = [f"{name}: {decode(row)}" for row, name in enumerate(pictures.names[:3])]
        raise DataError("not one image can be read", where=pictures.place, found="\n".join(reasons))
    width = model.scores([first]).shape[1]
    with at(model.name):
        outputs = OutputClasses.of(width, model.outputs, classes)
    transform = None if model.transform is None else model.transform.to_json()
    run = {**model.facts, "transform": transform, "outputs": width}
    return _Task(source, file, shards, outputs, width, run)


def _check_room(tasks: Sequence[_Task], images: int, folder: Path, tell: Callable[[str], object]) -> None:
    """Say how much room the scores take, and refuse to begin where there is less."""
    there = sum(path.stat().st_size for path in folder.rglob("*.npz"))
    needed = sum(task.bytes(images) for task in tasks)
    free = shutil.disk_usage(folder.parent).free
    tell(f"{counted(images, 'image')}; their scores take {in_bytes(needed)}")
    if needed - there > free:
        raise OutputError(
            "the disk has no room for the scores",
            where=folder.parent,
            allowed=f"{in_bytes(needed - there)} free",
            found=in_bytes(free),
            mend="make room, or choose another folder",
        )


def _run(task: _Task, pictures: ImageSource, settings: _Settings) -> None:
    """Make the shards of a model that are not there."""
    pending = task.shards.pending()
    if not pending:
        return
    model, total = settings.opened(task.source), len(pictures)
    spans = [range(number * settings.shard, min((number + 1) * settings.shard, total)) for number in pending]
    batches = [[span[at : at + settings.batch] for at in range(0, len(span), settings.batch)] for span in spans]
    done = total - sum(map(len, spans))
    results = decoded(Decoder(pictures, model.transform), list(chain.from_iterable(batches)), settings.workers)
    with closing(results):
        for number, of_shard in zip(pending, batches, strict=True):
            parts = []
            for rows, result in zip(of_shard, results, strict=False):
                parts.append(_scored(task, model, pictures, rows, result, settings.strict))
                done += len(rows)
                settings.progress(task.name, done, total)
            task.shards.write(number, Shard.joined(parts))


def _scored(
    task: _Task, model: ImageModel, pictures: ImageSource, rows: range, result: Sequence[Pixels | str], strict: bool
) -> Shard:
    """The scores of a batch."""
    reasons = {row: each for row, each in zip(rows, result, strict=True) if isinstance(each, str)}
    if strict:
        _refuse_unreadable(pictures, reasons)
    read = [row for row in rows if row not in reasons]
    pixels = [each for each in result if not isinstance(each, str)]
    scores = model.scores(pixels) if pixels else np.empty((0, task.width))
    names = [pictures.names[row] for row in read]
    with at(task.name):
        check_shape(scores, (len(read), task.width), what="the scores, which was another one before")
        return Shard(np.array(read, np.int64), _halves(scores, names), reasons)


def _halves(scores: npt.NDArray[Any], names: Sequence[str]) -> npt.NDArray[np.float16]:
    """Scores as float16; `DataError` if one is NaN or larger than any float16."""
    has_nan = np.isnan(scores).any(axis=1)
    if has_nan.any():
        refuse_nan(Predictions.from_scores(scores, names), int(np.argmax(has_nan)))
    with np.errstate(over="ignore"):
        halves = scores.astype(np.float16)
    too_large = (np.isinf(halves) & np.isfinite(scores)).any(axis=1)
    if too_large.any():
        row = int(np.argmax(too_large))
        raise DataError(
            "a score does not fit float16",
            where=f"image {names[row]}",
            allowed="-65504 to 65504",
            found=float(scores[row, np.argmax(np.abs(scores[row]))]),
            mend="let the model give smaller scores, such as probabilities",
        )
    return halves


def _refuse_unreadable(pictures: ImageSource, reasons: Mapping[int, str]) -> None:
    for row, reason in reasons.items():
        raise DataError(
            "an image cannot be read",
            where=f"{pictures.place}, {pictures.names[row]}",
            found=reason,
            mend="mend it, or leave out all that cannot be read with strict=False",
        )


def _written(task: _Task, pictures: ImageSource, settings: _Settings, folder: Path, force: bool) -> ImagePredictions:
    """Write the file of a model's predictions."""
    rows: list[int] = []
    reasons: dict[int, str] = {}
    are_probabilities = True
    for shard in task.shards.read():
        rows += shard.rows.tolist()
        reasons |= shard.reasons
        are_probabilities &= bool(((shard.scores >= 0) & (shard.scores <= 1)).all())
    if settings.strict:
        _refuse_unreadable(pictures, reasons)
    names = tuple(pictures.names[row] for row in rows)
    task.file.parent.mkdir(exist_ok=True)
    if task.file.suffix.lower() == ".npy":
        empty = 0.0 if are_probabilities else -np.inf
        ordered = (task.outputs.ordered(shard.scores, empty=empty) for shard in task.shards.read())
        with all_or_none():
            with writing(task.file, force=force) as temporary:
                _save(temporary, ordered, len(rows))
            with writing(task.file.with_suffix(".txt"), force=force) as temporary:
                temporary.write_text(name_lines(task.file, names), encoding="utf-8")
    else:
        path = folder / "scores.npy"
        _save(path, (shard.scores for shard in task.shards.read()), len(rows))
        scores = task.outputs.predictions(np.load(path, mmap_mode="r"), names)
        write_predictions(task.file, scores, top_k=MOST_IDS, force=force)
    return ImagePredictions(
        model=task.name,
        file=task.file,
        images=len(rows),
        unreadable=tuple((pictures.names[row], reason) for row, reason in sorted(reasons.items())),
        outputs=task.width,
        without_class=task.outputs.without_class,
        without_output=task.outputs.without_output,
    )


def _save(path: Path, parts: Iterator[npt.NDArray[np.float16]], rows: int) -> None:
    """Write scores that follow one another, of which one part is in memory at a time."""
    first = next(parts)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(rows, first.shape[1]))
    start = 0
    for part in chain([first], parts):
        array[start : start + len(part)] = part
        start += len(part)
    array.flush()
