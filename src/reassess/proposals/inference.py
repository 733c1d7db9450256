"""Run models on images: batch by batch, shard by shard, so that an interruption costs little."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from reassess.core.benchmark import Benchmark, benchmark_of
from reassess.core.checks import check_range, check_several
from reassess.core.classes import Classes
from reassess.data.benchmark_folders import part_path
from reassess.data.image_sources import ImageSource, open_images
from reassess.data.loading import load_classes
from reassess.errors import DataError, MissingPackageError, OutputError, at
from reassess.formats.files import all_or_none
from reassess.proposals.decoding import Decoder
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.model_sources import open_model
from reassess.proposals.output_classes import OutputClasses
from reassess.proposals.prediction_files import check_file, files_of, is_array, write_shards
from reassess.proposals.scoring import refuse_unreadable, score_shards
from reassess.proposals.shards import Shards, begin_run, end_run
from reassess.text import Listed, Shown, counted, in_bytes

__all__ = ["ImagePredictions", "predict"]

_SHARD = 256  # images, as whole batches
_BYTES = 2  # of a score
_MOST_WORKERS = 1000


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
    moved
        Images of which another class is the best once scores are rounded to float16.
    """

    model: str
    file: Path
    images: int
    unreadable: tuple[tuple[str, str], ...]
    outputs: int
    without_class: int
    without_output: int
    moved: int

    @property
    def _headline(self) -> str:
        unreadable = f", {len(self.unreadable):,} cannot be read" if self.unreadable else ""
        return f"ImagePredictions({counted(self.images, 'image')} by {self.model} in {self.file.name}{unreadable})"

    def _list(self) -> Listed | None:
        return Listed(("image", "cannot be read"), len(self.unreadable), self.unreadable) if self.unreadable else None


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
    def bytes(self) -> int:
        """What its shards and its file take."""
        columns = self.width + ((self.outputs.classes.count or self.width) if is_array(self.file) else self.width)
        return self.shards.images * columns * _BYTES


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
        A file exists, would take the place of another part of the benchmark, or the disk has no room.
    MissingPackageError
        Pillow, or the library of a model, is not installed.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import numpy as np
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
    check_range(workers, 0, _MOST_WORKERS, what="number of workers")
    check_several(models, what="models")
    output = Path(output)
    files = files_of([_name(source) for source in models], output)
    pictures = open_images(_place(images, benchmark))
    for file in files:
        check_file(file, pictures.names, benchmark, force=force)
    classes = load_classes(benchmark_of(pictures.names) if benchmark is None else benchmark)
    opened = partial(_opened, device=device, offline=offline)
    folder = output.parent / f"{output.name}.unfinished"
    tasks = []
    for number, (source, file) in enumerate(zip(models, files, strict=True)):
        shards = Shards(folder / f"{number:03d}", len(pictures), max(_SHARD // batch, 1) * batch)
        model = opened(source)
        kept = model if len(models) == 1 else source  # several need not be in memory together
        tasks.append(_task(kept, model, pictures, file, shards, classes))
    _check_room(tasks, folder, tell)
    run = {"batch": batch, "pillow": PIL.__version__, "models": {_name(task.source): task.run for task in tasks}}
    begin_run(folder, run, pictures)
    if done := sum(task.shards.count - len(task.shards.pending()) for task in tasks):
        tell(f"{folder}: goes on after {done:,} of {counted(sum(task.shards.count for task in tasks), 'shard')}")
    for task in tasks:
        task.shards.folder.mkdir(exist_ok=True)
        if task.shards.pending():
            score_shards(
                opened(task.source),
                pictures,
                task.shards,
                width=task.width,
                batch=batch,
                workers=workers,
                strict=strict,
                progress=progress,
            )
        if strict:
            refuse_unreadable(
                pictures, {row: reason for each in task.shards.read() for row, reason in each.reasons.items()}
            )
    with all_or_none():
        results = tuple(_written(task, pictures, force) for task in tasks)
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


def _opened(source: str | ModelSource | ImageModel, *, device: str | None, offline: bool) -> ImageModel:
    return source if isinstance(source, ImageModel) else open_model(source, device=device, offline=offline)


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


def _check_room(tasks: Sequence[_Task], folder: Path, tell: Callable[[str], object]) -> None:
    """Say how much room the scores take, and refuse to begin where there is less."""
    there = sum(path.stat().st_size for path in folder.rglob("*.npz"))
    needed = sum(task.bytes for task in tasks)
    free = shutil.disk_usage(folder.parent).free
    tell(f"{counted(tasks[0].shards.images, 'image')}; their scores take {in_bytes(needed)}")
    if needed - there > free:
        raise OutputError(
            "the disk has no room for the scores",
            where=folder.parent,
            allowed=f"{in_bytes(needed - there)} free",
            found=in_bytes(free),
            mend="make room, or choose another folder",
        )


def _written(task: _Task, pictures: ImageSource, force: bool) -> ImagePredictions:
    images, reasons, moved = write_shards(task.file, task.shards, task.outputs, pictures.names, force=force)
    return ImagePredictions(
        model=_name(task.source),
        file=task.file,
        images=images,
        unreadable=tuple((pictures.names[row], reason) for row, reason in reasons.items()),
        outputs=task.width,
        without_class=task.outputs.without_class,
        without_output=task.outputs.without_output,
        moved=moved,
    )
