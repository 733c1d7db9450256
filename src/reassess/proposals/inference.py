"""Run models on images: batch by batch, shard by shard, so that an interruption costs little."""

from collections.abc import Callable, Sequence
from pathlib import Path

from reassess.core.benchmark import Benchmark, benchmark_of
from reassess.core.checks import check_range, check_several
from reassess.data.benchmark_folders import part_path
from reassess.data.image_sources import ImageSource, open_images
from reassess.data.loading import load_classes
from reassess.errors import DataError, Fix, MissingPackageError
from reassess.formats.files import write_atomically
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.model_runs import ImagePredictions, ModelRun, Opener, check_room, name_of
from reassess.proposals.run_files import check_files, files_of
from reassess.proposals.shard_scoring import refuse_unreadable, score_shards
from reassess.proposals.unfinished_runs import Unfinished
from reassess.text import counted, some

__all__ = ["predict"]

_MOST_WORKERS = 1000


def _ignore(*_: object) -> None:
    """Tell nobody."""


def predict(
    models: Sequence[str | ModelSource | ImageModel],
    output: str | Path,
    *,
    images: str | Path | None = None,
    benchmark: Benchmark | None = None,
    file_format: str | None = None,
    batch: int = 64,
    workers: int = 0,
    device: str | None = None,
    strict: bool = False,
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
        in a text file beside it; or a table with the 20 best classes. Of several a folder, with a file for each. In
        npy, a class that is none of a model's outputs has the score 0 if all scores are from 0 to 1, and else -inf.
    images
        A folder, zip, tar or list, see `open_images`; by default the benchmark's.
    benchmark
        To which the images belong; by default the known one of which they are.
    file_format
        That of the files of several models: npy, as by default, csv, tsv, jsonl or parquet.
    batch
        How many images a model is given at once.
    workers
        How many processes decode images meanwhile. With 1 or more, a script must call this under
        ``if __name__ == "__main__"``.
    device
        As for `open_model`; goes to the models that take one.
    strict
        Stop at an image that cannot be read.
    force
        Overwrite files that exist.
    tell
        Is told what is about to be done, a line at a time.
    progress
        Is told the name of a model, how many images it is through with, and how many there are.

    Raises
    ------
    DataError
        A model cannot be had or fails; its outputs are not the benchmark's classes; score is NaN or does not fit; no
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
    pillow = _pillow_version()
    check_range(batch, 1, what="batch")
    check_range(workers, 0, _MOST_WORKERS, what="number of workers")
    check_several(models, what="models")
    unfinished = Unfinished(Path(output))
    files = files_of([name_of(source) for source in models], unfinished.output, file_format)
    pictures = open_images(_place(images, benchmark))

    def may_replace(path: Path) -> bool:
        return force or unfinished.has_written(path)

    check_files(files, unfinished.output, pictures, benchmark, may_replace)
    opened = Opener(models, device=device)
    runs = _prepared(models, files, opened, pictures, benchmark, unfinished, batch)
    check_room(runs, unfinished, tell)
    _tell_unknown_outputs(runs, tell)
    record = {"batch": batch, "pillow": pillow, "models": {run.name: run.facts for run in runs}}
    with unfinished.begun(record, pictures, [run.shards for run in runs]):
        _tell_what_is_there(runs, unfinished, tell)
        for run in runs:
            _score(run, opened, pictures, batch=batch, workers=workers, strict=strict, progress=progress)
        with write_atomically(before=unfinished.note_outputs, mark=unfinished.mark):
            results = tuple(run.write(pictures, may_replace) for run in runs)
        unfinished.end()
    return results


def _pillow_version() -> str:
    try:
        import PIL
    except ImportError as error:
        raise MissingPackageError("pillow", extra="onnx", purpose="reading images") from error
    version: str = PIL.__version__
    return version


def _place(images: str | Path | None, benchmark: Benchmark | None) -> Path:
    if images is not None:
        return Path(images)
    if benchmark is None:
        raise DataError(
            "no-images", "images are missing", fix=Fix("{images}, or a benchmark that has images", images="PLACE")
        )
    return part_path(benchmark, "images", needed_by="predict")


def _prepared(
    models: Sequence[str | ModelSource | ImageModel],
    files: Sequence[Path],
    opened: Opener,
    pictures: ImageSource,
    benchmark: Benchmark | None,
    unfinished: Unfinished,
    batch: int,
) -> list[ModelRun]:
    classes = load_classes(benchmark_of(pictures.names) if benchmark is None else benchmark)
    runs = []
    for source, file in zip(models, files, strict=True):
        model = opened(source)
        kept = model if len(models) == 1 else source  # several need not be in memory together
        runs.append(ModelRun.prepared(kept, model, pictures, file, unfinished.shards(file), batch, classes))
    return runs


def _tell_unknown_outputs(runs: Sequence[ModelRun], tell: Callable[[str], object]) -> None:
    for run in runs:
        if run.outputs.unknown:
            tell(f"{run.name}: {run.outputs.unknown_in_words()}")


def _tell_what_is_there(runs: Sequence[ModelRun], unfinished: Unfinished, tell: Callable[[str], object]) -> None:
    """Say how much is finished, without the shards that are damaged, which are removed."""
    damaged = [path for run in runs for path in run.shards.remove_damaged()]
    if damaged:
        names = some([path.relative_to(unfinished.folder) for path in damaged], most=3)
        tell(f"{unfinished.folder}: {counted(len(damaged), 'damaged shard')} made anew: {names}")
    if done := sum(run.shards.count - len(run.shards.pending()) for run in runs):
        tell(
            f"{unfinished.folder}: goes on after {done:,} of {counted(sum(run.shards.count for run in runs), 'shard')}"
        )


def _score(
    run: ModelRun,
    opened: Opener,
    pictures: ImageSource,
    *,
    batch: int,
    workers: int,
    strict: bool,
    progress: Callable[[str, int, int], object],
) -> None:
    """Make the shards of a model that are not there."""
    run.shards.folder.mkdir(exist_ok=True)
    if run.shards.pending():
        model = opened(run.source)
        score_shards(
            model, pictures, run.shards, run.outputs, batch=batch, workers=workers, strict=strict, progress=progress
        )
    if strict:
        reasons = {row: reason for shard in run.shards.read() for row, reason in shard.reasons.items()}
        refuse_unreadable(pictures, reasons)
