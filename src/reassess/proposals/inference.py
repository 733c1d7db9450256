"""Running models on images, in batches and shards, so that an interrupted run can continue."""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path

from reassess.core import Benchmark, find_predefined_benchmark
from reassess.core.checks import check_is_collection, check_range
from reassess.data import ImageSource, benchmark_classes, find_part_path, open_images
from reassess.data.shards import ShardCounts
from reassess.data.shares import RunShare
from reassess.data.unfinished_runs import UnfinishedRun
from reassess.errors import DataError, Fix, ReassessWarning, require_package
from reassess.formats.files import atomic_writes
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.model_runs import ModelOpener, ModelRun, PredictionSummary, check_disk_space, model_name
from reassess.proposals.run_files import check_output_files, list_output_files
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
    executor: Executor | None = None,
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
        Number of additional processes that decode images. With 1 or more, a script must call this under
        ``if __name__ == "__main__"``.
    executor
        An executor whose workers open the models and compute the scores, such as
        ``distributed.Client(ADDRESS).get_executor()``. The models are given by name, or can be pickled.
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
    run = _Run.prepare(models, output, None, images, benchmark, batch_size, workers, device, force, report)
    with run.start_or_continue(share=None):
        run.remove_damaged_shards_and_report(None, report)
        run.report_finished_shards(None, report)
        for model_run in run.model_runs:
            run.compute_scores(model_run, workers=workers, executor=executor, share=None, progress=progress)
        with atomic_writes(
            before_move=run.unfinished.record_outputs_and_remove_old_outputs,
            temporary_prefix=run.unfinished.temporary_prefix,
        ):
            results = tuple(model_run.write_predictions(run.may_replace) for model_run in run.model_runs)
        run.unfinished.remove_folder()
    return results


def predict_share(
    models: Sequence[str | ModelSource | ImageModel],
    output: str | Path,
    share: RunShare,
    *,
    images: str | Path | None = None,
    benchmark: Benchmark | None = None,
    batch_size: int = 64,
    workers: int = 0,
    device: str | None = None,
    force: bool = False,
    report: Callable[[str], object] = lambda _: None,
    progress: Callable[[str, int, int], object] = lambda *_: None,
) -> ShardCounts:
    """Compute a share of the scores that `predict` needs, in the folder ``OUTPUT.unfinished``."""
    run = _Run.prepare(models, output, share, images, benchmark, batch_size, workers, device, force, report)
    with run.start_or_continue(share):
        run.remove_damaged_shards_and_report(share, report)
        run.report_finished_shards(share, report)
        for model_run in run.model_runs:
            run.compute_scores(model_run, workers=workers, executor=None, share=share, progress=progress)
        return ShardCounts.from_run(model_run.shards for model_run in run.model_runs)


@dataclass(frozen=True, eq=False)
class _Run:
    """A run of models on images, whose scores may be partly computed."""

    unfinished: UnfinishedRun
    images: ImageSource
    model_runs: Sequence[ModelRun]
    opener: ModelOpener
    batch_size: int
    force: bool

    @classmethod
    def prepare(
        cls,
        models: Sequence[str | ModelSource | ImageModel],
        output: str | Path,
        share: RunShare | None,
        images_path: str | Path | None,
        benchmark: Benchmark | None,
        batch_size: int,
        workers: int,
        device: str | None,
        force: bool,
        report: Callable[[str], object],
    ) -> "_Run":
        """Check the arguments and open the models, images and outputs."""
        with require_package("pillow", extra="onnx", purpose="reading images"):
            import PIL  # noqa: F401 - only to check that it is installed
        check_range(batch_size, 1, value_name="batch size")
        check_range(workers, 0, _MAX_WORKERS, value_name="number of workers")
        check_is_collection(models, value_name="models")
        unfinished = UnfinishedRun("predict", Path(output))
        files = list_output_files([model_name(source) for source in models], unfinished.output)
        images = open_images(_choose_images_path(images_path, benchmark))
        run = cls(unfinished, images, (), ModelOpener(models, device=device), batch_size, force)
        with unfinished.allow_existing_outputs(share):
            check_output_files(files, unfinished.output, images, benchmark, run.may_replace)
        run = replace(run, model_runs=_prepare_model_runs(models, files, run, benchmark))
        check_disk_space(run.model_runs, unfinished, report)
        for model_run in run.model_runs:
            outputs = model_run.output_classes
            if outputs.unknown_names:
                report(f"{model_run.name}: {outputs.describe_unknown_names()}")
            if outputs.has_summed_outputs and outputs.score_kind == "bounded":
                warnings.warn(f"{model_run.name}: {_BOUNDED_SCORES_WARNING}", ReassessWarning, stacklevel=3)
        return run

    def may_replace(self, path: Path) -> bool:
        """Return whether a file may be replaced."""
        return self.force or self.unfinished.has_written_output(path)

    def start_or_continue(self, share: RunShare | None) -> AbstractContextManager[None]:
        """Start or continue the run, and lock its folder until the end of the block."""
        models = {model_run.name: model_run.identifying_facts for model_run in self.model_runs}
        shards = [model_run.shards for model_run in self.model_runs]
        settings = {"batch_size": self.batch_size, "models": models}
        return self.unfinished.start_or_continue(settings, {"images": self.images}, shards, share)

    def compute_scores(
        self,
        model_run: ModelRun,
        *,
        workers: int,
        executor: Executor | None,
        share: RunShare | None,
        progress: Callable[[str, int, int], object],
    ) -> None:
        """Compute and write the missing shards of a model; with `share`, only the shards of this share."""
        shards, source = model_run.shards, model_run.source
        numbers = shards.missing_shard_numbers(share)
        total = shards.count_images(share)
        n_done = total - sum(len(shards.rows_of_shard(number)) for number in numbers)
        if not numbers:
            return
        results = (
            model_run.score_in_executor(executor, numbers, self.opener.device_of(source))
            if executor is not None
            else model_run.scorer.score_shards(model_run.opened_model or self.opener(source), shards, numbers, workers)
        )
        with closing(results):
            for _, n_images in results:
                n_done += n_images
                progress(model_run.name, n_done, total)

    def remove_damaged_shards_and_report(self, share: RunShare | None, report: Callable[[str], object]) -> None:
        """Remove and report damaged shards; with `share`, only of this share."""
        folder = self.unfinished.folder
        damaged = [path for model_run in self.model_runs for path in model_run.shards.remove_damaged_shards(share)]
        if damaged:
            names = join_first([path.relative_to(folder) for path in damaged], max_items=3)
            report(f"{folder}: {count_noun(len(damaged), 'damaged shard')} computed again: {names}")

    def report_finished_shards(self, share: RunShare | None, report: Callable[[str], object]) -> None:
        """Report how many shards are finished; with `share`, how many shards of this share."""
        counts = ShardCounts.from_run((model_run.shards for model_run in self.model_runs), share)
        if counts.done:
            share_text = "" if share is None else f"{share} "
            report(
                f"{self.unfinished.folder}: {share_text}continues after {counts.done:,} of "
                f"{count_noun(counts.shards, 'shard')}"
            )


def _choose_images_path(images: str | Path | None, benchmark: Benchmark | None) -> Path:
    """Return the path of the images: the argument, or the images of the benchmark."""
    if images is not None:
        return Path(images)
    if benchmark is None:
        raise DataError(
            "missing-images",
            "no images were given",
            fix=Fix("{images}, or use a benchmark that contains images", images="PLACE"),
        )
    return find_part_path(benchmark, "images", needed_by="predict")


def _prepare_model_runs(
    models: Sequence[str | ModelSource | ImageModel], files: Sequence[Path], run: _Run, benchmark: Benchmark | None
) -> list[ModelRun]:
    """Prepare the run of each model."""
    classes = benchmark_classes(find_predefined_benchmark(run.images.names) if benchmark is None else benchmark)
    model_runs: list[ModelRun] = []
    for source, file in zip(models, files, strict=True):
        folder = run.unfinished.shard_folder(file.stem)
        model_run = ModelRun.from_model(
            source,
            run.opener(source),
            run.images,
            file,
            folder,
            run.batch_size,
            classes,
            keeps_model=len(models) == 1,
        )
        n_earlier = sum(earlier.shards.n_shards for earlier in model_runs)
        model_runs.append(replace(model_run, shards=replace(model_run.shards, n_earlier_shards=n_earlier)))
    return model_runs
