"""Running models on images, in batches and shards, so that an interrupted run can continue."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from reassess.core import Benchmark, benchmark_of
from reassess.core.checks import check_is_collection, check_range
from reassess.data import ImageSource, benchmark_classes, find_part_path, open_images
from reassess.errors import DataError, Fix, ReassessWarning, require_package
from reassess.formats.files import atomic_writes
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.model_runs import ModelOpener, ModelRun, PredictionSummary, check_disk_space, model_name
from reassess.proposals.run_files import check_output_files, list_output_files
from reassess.proposals.shard_scoring import score_shards
from reassess.proposals.unfinished_runs import UnfinishedRun
from reassess.text import count_noun, join_first

_MAX_WORKERS = 1000
_BOUNDED_SCORES_WARNING = (
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
    report: Callable[[str], object] = lambda _: None,
    progress: Callable[[str, int, int], object] = lambda *_: None,
) -> tuple[PredictionSummary, ...]:
    """Run models on images, and write their predictions to files.

    An interrupted run continues when you call it again: until the end, the folder ``OUTPUT.unfinished`` beside `output`
    contains the finished part.

    Parameters
    ----------
    models
        Each model by name, such as ``timm:resnet50``, as a `ModelSource` with files, or as an `ImageModel`.
    output
        For one model, a file: npy with float16 scores in the order of the benchmark's classes, and a text file beside
        it with the names of the images; or a table with the 20 best classes. For several models, a folder with a file
        for each model. In npy, a class without an output has the score 0 if all scores are in [0, 1], otherwise -inf.
    images
        A folder, zip, tar or list, see `open_images`; by default the images of the benchmark.
    benchmark
        The benchmark of the images; by default the known benchmark with these images.
    batch_size
        Number of images per batch.
    workers
        Number of processes that decode images. With 1 or more, a script must call this under
        ``if __name__ == "__main__"``.
    device
        As for `open_model`, for the models that take a device.
    force
        Replace existing files.
    report
        Called with a line of text about each step.
    progress
        Called with the name of a model, the number of its finished images, and the number of all images.

    Raises
    ------
    DataError
        A model cannot be opened or fails; its outputs are not the benchmark's classes; a score is NaN or too large; no
        image can be read; or an interrupted run had other models, options or images.
    OutputError
        A file exists, or would replace another part of the benchmark; or the disk is full.
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
    >>> model = ImageModel("light", lambda images: np.array([[np.asarray(image).mean(), 100] for image in images]))
    >>> (run,) = predict([model], folder / "light.npy", images=folder)
    >>> run.n_images, np.load(run.file).argmax(axis=1)
    (2, array([1, 0]))
    """
    with require_package("pillow", extra="onnx", purpose="reading images"):
        import PIL
    check_range(batch_size, 1, value_name="batch size")
    check_range(workers, 0, _MAX_WORKERS, value_name="number of workers")
    check_is_collection(models, value_name="models")
    unfinished = UnfinishedRun(Path(output))
    files = list_output_files([model_name(source) for source in models], unfinished.output)
    image_source = open_images(_choose_images_path(images, benchmark))

    def may_replace(path: Path) -> bool:
        """Return whether a file may be replaced."""
        return force or unfinished.has_written(path)

    check_output_files(files, unfinished.output, image_source, benchmark, may_replace)
    opener = ModelOpener(models, device=device)
    runs = _prepare_runs(models, files, opener, image_source, benchmark, unfinished, batch_size)
    check_disk_space(runs, unfinished, report)
    for run in runs:
        if run.output_classes.unknown_names:
            report(f"{run.name}: {run.output_classes.describe_unknown_names()}")
        if run.output_classes.has_summed_outputs and run.output_classes.score_kind == "bounded":
            warnings.warn(f"{run.name}: {_BOUNDED_SCORES_WARNING}", ReassessWarning, stacklevel=2)
    record = {
        "batch_size": batch_size,
        "pillow": PIL.__version__,
        "models": {run.name: run.identifying_facts for run in runs},
    }
    with unfinished.locked_run(record, image_source, [run.shards for run in runs]):
        _remove_damaged_and_report_shards(runs, unfinished, report)
        for run in runs:
            run.shards.folder.mkdir(exist_ok=True)
            if run.shards.missing_shard_numbers():
                score_shards(
                    opener(run.source),  # not in a variable, so that its memory is free for the next model
                    image_source,
                    run.shards,
                    run.output_classes,
                    run.identifying_facts["outputs"],
                    batch_size=batch_size,
                    workers=workers,
                    progress=progress,
                )
        with atomic_writes(
            before_move=unfinished.record_outputs_and_remove_old, temporary_prefix=unfinished.temporary_prefix
        ):
            results = tuple(run.write_predictions(image_source, may_replace) for run in runs)
        unfinished.remove_folder()
    return results


def _choose_images_path(images: str | Path | None, benchmark: Benchmark | None) -> Path:
    """Return the path of the images: the argument, or the images of the benchmark."""
    if images is not None:
        return Path(images)
    if benchmark is None:
        raise DataError(
            "missing-images",
            "images are missing",
            fix=Fix("{images}, or use a benchmark that contains images", images="PLACE"),
        )
    return find_part_path(benchmark, "images", needed_by="predict")


def _prepare_runs(
    models: Sequence[str | ModelSource | ImageModel],
    files: Sequence[Path],
    opener: ModelOpener,
    images: ImageSource,
    benchmark: Benchmark | None,
    unfinished: UnfinishedRun,
    batch_size: int,
) -> list[ModelRun]:
    """Prepare the run of each model."""
    classes = benchmark_classes(benchmark_of(images.names) if benchmark is None else benchmark)
    runs = []
    for source, file in zip(models, files, strict=True):
        model = opener(source)
        reusable = model if len(models) == 1 else source  # several models may not fit into memory together
        runs.append(
            ModelRun.from_model(reusable, model, images, file, unfinished.shard_folder(file), batch_size, classes)
        )
    return runs


def _remove_damaged_and_report_shards(
    runs: Sequence[ModelRun], unfinished: UnfinishedRun, report: Callable[[str], object]
) -> None:
    """Remove damaged shards, and report how many shards are finished."""
    damaged = [path for run in runs for path in run.shards.remove_damaged()]
    if damaged:
        names = join_first([path.relative_to(unfinished.folder) for path in damaged], max_items=3)
        report(f"{unfinished.folder}: {count_noun(len(damaged), 'damaged shard')} computed again: {names}")
    if done := sum(run.shards.n_shards - len(run.shards.missing_shard_numbers()) for run in runs):
        count = count_noun(sum(run.shards.n_shards for run in runs), "shard")
        report(f"{unfinished.folder}: continues after {done:,} of {count}")
