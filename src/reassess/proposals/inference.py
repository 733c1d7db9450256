"""Run models on images: batch by batch, shard by shard, so that an interruption costs little."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from reassess.core import Benchmark, benchmark_of
from reassess.core.checks import check_range, check_several
from reassess.data import ImageSource, benchmark_classes, open_images, part_path
from reassess.errors import DataError, Fix, ReassessWarning, importing
from reassess.formats.files import write_atomically
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.model_runs import ImagePredictions, ModelRun, Opener, check_room, name_of
from reassess.proposals.run_files import check_files, files_of
from reassess.proposals.shard_scoring import score_shards
from reassess.proposals.unfinished_runs import Unfinished
from reassess.text import counted, some

_MOST_WORKERS = 1000
_BOUNDED = (
    "scores are in [0, 1] and do not add up to 1, as of sigmoids; they are taken as logits, so the sums of outputs are "
    "not the model's probabilities"
)


def predict(
    models: Sequence[str | ModelSource | ImageModel],
    output: str | Path,
    *,
    images: str | Path | None = None,
    benchmark: Benchmark | None = None,
    batch_size: int = 64,
    workers: int = 0,
    device: str | None = None,
    force: bool = False,
    tell: Callable[[str], object] = lambda _: None,
    progress: Callable[[str, int, int], object] = lambda *_: None,
) -> tuple[ImagePredictions, ...]:
    """Run models on images, and write what they predict.

    An interrupted run goes on if it is called again: until the end, a folder beside `output` with its name and
    ``.unfinished`` keeps what is finished.

    Parameters
    ----------
    models
        Each by its name, such as ``timm:resnet50``, with its files, or ready to run.
    output
        Of one model a file: npy, float16 scores in the order of the benchmark's classes, with the names of the images
        in a text file beside it; or a table with the 20 best classes. Of several a folder, with a file for each. In
        npy, a class without an output has the score 0 if all scores are from 0 to 1, and else -inf.
    images
        A folder, zip, tar or list, see `open_images`; by default the benchmark's.
    benchmark
        The benchmark of the images; by default the known one that has them.
    batch_size
        Images that a model gets at once.
    workers
        How many processes decode images meanwhile. With 1 or more, a script must call this under
        ``if __name__ == "__main__"``.
    device
        As for `open_model`; goes to the models that take one.
    force
        Overwrite files that exist.
    tell
        Called with each line of text about the next step.
    progress
        Called with the name of a model, the number of its finished images, and of all.

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
    >>> model = ImageModel("light", lambda images: np.array([[np.asarray(each).mean(), 100] for each in images]))
    >>> (run,) = predict([model], folder / "light.npy", images=folder)
    >>> run.images, np.load(run.file).argmax(axis=1)
    (2, array([1, 0]))
    """
    with importing("pillow", extra="onnx", purpose="reading images"):
        import PIL
    check_range(batch_size, 1, what="batch size")
    check_range(workers, 0, _MOST_WORKERS, what="number of workers")
    check_several(models, what="models")
    unfinished = Unfinished(Path(output))
    files = files_of([name_of(source) for source in models], unfinished.output)
    listed = open_images(_place(images, benchmark))

    def may_replace(path: Path) -> bool:
        return force or unfinished.has_written(path)

    check_files(files, unfinished.output, listed, benchmark, may_replace)
    opened = Opener(models, device=device)
    runs = _prepared(models, files, opened, listed, benchmark, unfinished, batch_size)
    check_room(runs, unfinished, tell)
    for run in runs:
        if run.outputs.unknown:
            tell(f"{run.name}: {run.outputs.unknown_in_words()}")
        if run.outputs.are_summed and run.outputs.kind == "bounded":
            warnings.warn(f"{run.name}: {_BOUNDED}", ReassessWarning, stacklevel=2)
    record = {"batch_size": batch_size, "pillow": PIL.__version__, "models": {run.name: run.facts for run in runs}}
    with unfinished.begun(record, listed, [run.shards for run in runs]):
        _tell_what_is_there(runs, unfinished, tell)
        for run in runs:
            run.shards.folder.mkdir(exist_ok=True)
            if run.shards.pending():  # the model gets no name, so that it is gone when the next one is opened
                score_shards(
                    opened(run.source),
                    listed,
                    run.shards,
                    run.outputs,
                    run.facts["outputs"],
                    batch_size=batch_size,
                    workers=workers,
                    progress=progress,
                )
        with write_atomically(before=unfinished.note_outputs, mark=unfinished.mark):
            results = tuple(run.write(listed, may_replace) for run in runs)
        unfinished.end()
    return results


def _place(images: str | Path | None, benchmark: Benchmark | None) -> Path:
    if images is not None:
        return Path(images)
    if benchmark is None:
        raise DataError(
            "missing-images", "images are missing", fix=Fix("{images}, or a benchmark that has images", images="PLACE")
        )
    return part_path(benchmark, "images", needed_by="predict")


def _prepared(
    models: Sequence[str | ModelSource | ImageModel],
    files: Sequence[Path],
    opened: Opener,
    images: ImageSource,
    benchmark: Benchmark | None,
    unfinished: Unfinished,
    batch_size: int,
) -> list[ModelRun]:
    classes = benchmark_classes(benchmark_of(images.names) if benchmark is None else benchmark)
    runs = []
    for source, file in zip(models, files, strict=True):
        model = opened(source)
        kept = model if len(models) == 1 else source  # several need not be in memory together
        runs.append(ModelRun.prepared(kept, model, images, file, unfinished.shards(file), batch_size, classes))
    return runs


def _tell_what_is_there(runs: Sequence[ModelRun], unfinished: Unfinished, tell: Callable[[str], object]) -> None:
    """Say how much is finished, without the shards that are damaged, which are removed."""
    damaged = [path for run in runs for path in run.shards.remove_damaged()]
    if damaged:
        names = some([path.relative_to(unfinished.folder) for path in damaged], most=3)
        tell(f"{unfinished.folder}: {counted(len(damaged), 'damaged shard')} made anew: {names}")
    if done := sum(run.shards.count - len(run.shards.pending()) for run in runs):
        count = counted(sum(run.shards.count for run in runs), "shard")
        tell(f"{unfinished.folder}: goes on after {done:,} of {count}")
