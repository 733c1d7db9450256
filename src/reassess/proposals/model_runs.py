"""The run of one model: opening the model, the disk space of its scores, and its file of predictions."""

import shutil
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reassess.core import Classes
from reassess.data import ImageSource
from reassess.data.executors import map_in_executor
from reassess.data.run_records import describe_changes
from reassess.data.shards import Shard, Shards
from reassess.data.unfinished_runs import UnfinishedRun
from reassess.errors import DataError, OutputError, ReassessError, add_error_place
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.onnx_models import open_onnx
from reassess.proposals.output_classes import OutputClasses
from reassess.proposals.python_models import open_python
from reassess.proposals.run_files import is_array_file, write_output_file
from reassess.proposals.shard_scoring import Decoder, ShardScorer
from reassess.proposals.torch_models import open_timm, open_torchvision
from reassess.text import ListTable, Printable, count_noun, format_bytes, join_first

_OPENERS = {"timm": open_timm, "torchvision": open_torchvision, "onnx": open_onnx, "python": open_python}
_IMAGES_PER_SHARD = 256  # images, rounded down to whole batches
_BYTES_PER_SCORE = 2  # per score
AnyModel = str | ModelSource | ImageModel


@dataclass(frozen=True, repr=False)
class PredictionSummary(Printable):
    """The result of running a model on images: its file, and counts of images and outputs."""

    model: str  # name of the model
    file: Path  # file of its predictions
    n_images: int  # number of images in the file
    unreadable: tuple[tuple[str, str], ...]  # images that could not be read, each with the reason
    n_outputs: int
    has_summed_outputs: bool  # whether several outputs have the same class, so that their probabilities are summed
    has_softmax_before_sum: bool  # whether the scores are not probabilities, so that they are summed after a softmax
    n_outputs_without_class: int  # outputs that are not classes of the benchmark
    n_classes_without_output: int
    n_classes: int  # of the benchmark, or else the outputs
    unknown_outputs: tuple[str, ...]  # names of outputs that are not classes, except dashes
    n_top1_changed_by_rounding: int  # images whose best class changes when scores are rounded to float16

    @property
    def _headline(self) -> str:
        unreadable = f", {len(self.unreadable):,} cannot be read" if self.unreadable else ""
        return (
            f"PredictionSummary({count_noun(self.n_images, 'image')} by {self.model} in {self.file.name}{unreadable})"
        )

    def _notebook_table(self) -> ListTable | None:
        return (
            ListTable(("image", "cannot be read"), len(self.unreadable), self.unreadable) if self.unreadable else None
        )


def model_name(source: AnyModel) -> str:
    """Return the name of a model."""
    return source if isinstance(source, str) else source.name


def select_models_for_option(models: Sequence[str], option: str) -> list[str]:
    """Select the models that support an option. If no model supports it, select all models."""
    return [model for model in models if ModelSource(model).takes_option(option)] or list(models)


def _suggest_full_name(name: str) -> str | None:
    """Suggest the name of a model together with its library, such as timm:resnet18."""
    if not name or ":" in name:
        return None
    library = {".py": f"python:{Path(name).stem}:FUNCTION", ".onnx": f"onnx:{name}"}
    return f"did you mean {library.get(Path(name).suffix, f'timm:{name}')}?"


def open_model(source: str | ModelSource, *, device: str | None = None) -> ImageModel:
    """Open a model with its weights and its preprocessing.

    Opening a Python function runs the code of its module. `device` is a PyTorch device, such as ``cuda``; by default a
    GPU, if there is one. On a GPU, the model computes in mixed precision.
    """
    if isinstance(source, str):
        source = ModelSource(source)
    kind, _, name = source.name.partition(":")
    if kind not in _OPENERS or not name:
        raise DataError(
            "unknown-model",
            "not a model",
            where=source.name,
            allowed="timm:NAME, torchvision:NAME, onnx:FILE or python:module:function",
            fix=_suggest_full_name(source.name),
        )
    with redirect_stdout(sys.stderr):  # keep prints of libraries out of the result
        return _OPENERS[kind](source, name, device)


class ModelOpener:
    """Opens models by name, and uses the chosen device for the models that take a device."""

    def __init__(self, models: Sequence[AnyModel], *, device: str | None) -> None:
        ready = [model.name for model in models if isinstance(model, ImageModel)]
        if device is not None and len(ready) == len(models):
            raise DataError(
                "unused-option",
                "device cannot be chosen for a model that is already open",
                where=join_first(ready, max_items=3),
                found=device,
            )
        self._with_device = select_models_for_option([model_name(model) for model in models], "device")
        self._device = device

    def device_of(self, source: AnyModel) -> str | None:
        """Return the chosen device of a model; None if none was chosen, or if the model takes no device."""
        return self._device if model_name(source) in self._with_device else None

    def __call__(self, source: AnyModel) -> ImageModel:
        """Open a model, unless it is ready to run."""
        if isinstance(source, ImageModel):
            return source
        return open_model(source, device=self.device_of(source))


@dataclass(frozen=True, eq=False)
class ModelRun:
    """The run of one model: its files, its output classes, and everything that its scores depend on."""

    source: AnyModel
    opened_model: ImageModel | None  # None if it is opened again, since several models may not fit into memory
    file: Path  # file of the predictions
    shards: Shards  # files with the scores
    scorer: ShardScorer
    identifying_facts: dict[str, Any]  # everything that the scores depend on

    @classmethod
    def from_model(
        cls,
        source: AnyModel,
        model: ImageModel,
        images: ImageSource,
        file: Path,
        folder: Path,
        batch_size: int,
        classes: Classes,
        *,
        keeps_model: bool,
    ) -> "ModelRun":
        """Prepare to run an opened model. The first image is scored, to find the number of outputs."""
        first_scores = model.compute_scores([_decode_first_image(Decoder(images, model.transform))])
        with add_error_place(model.name):
            outputs = OutputClasses.from_first_scores(first_scores, model.outputs, classes)
        scorer = ShardScorer(outputs, first_scores.shape[1], batch_size)
        shard_size = max(_IMAGES_PER_SHARD // batch_size, 1) * batch_size
        return cls(
            source=source,
            opened_model=model if keeps_model else None,
            file=file,
            shards=Shards(images, folder, shard_size, scorer.has_valid_scores),
            scorer=scorer,
            identifying_facts={
                **_identify_model(model),
                "outputs": scorer.n_outputs,
                **outputs.identifying_facts,
            },
        )

    @property
    def output_classes(self) -> OutputClasses:
        """The classes of the model's outputs."""
        return self.scorer.output_classes

    @property
    def name(self) -> str:
        """Name of the model."""
        return model_name(self.source)

    @property
    def n_bytes(self) -> int:
        """Number of bytes that the shards and the output file of the run need on disk."""
        width = self.output_classes.stored_scores_per_image(self.scorer.n_outputs)
        columns = width + ((self.output_classes.classes.count or width) if is_array_file(self.file) else width)
        return len(self.shards.images) * columns * _BYTES_PER_SCORE

    def score_in_executor(
        self, executor: Executor, shard_numbers: Sequence[int], device: str | None
    ) -> Generator[tuple[int, int], None, None]:
        """Compute and write shards in an executor; after each shard, yield its number and number of images."""
        source = _with_absolute_paths(self.source)

        def make_task(number: int) -> _ScoringTask:
            rows = self.shards.rows_of_shard(number)
            images = self.shards.images.select(rows)
            return _ScoringTask(source, device, self.scorer, self.identifying_facts, images, rows)

        with closing(map_in_executor(executor, _score_in_worker, shard_numbers, make_task)) as results:
            for number, shard in results:
                self.shards.check_worker_read_same_files(shard)
                self.shards.write(number, shard)
                yield number, len(shard.rows)

    def write_predictions(self, may_replace: Callable[[Path], bool]) -> PredictionSummary:
        """Write the file of predictions from the complete shards."""
        names = self.shards.images.names
        written = write_output_file(self.file, self.shards, self.output_classes, may_replace)
        return PredictionSummary(
            model=self.name,
            file=self.file,
            n_images=written.n_images,
            unreadable=tuple((names[row], reason) for row, reason in written.unreadable_reasons.items()),
            n_outputs=self.scorer.n_outputs,
            has_summed_outputs=self.output_classes.has_summed_outputs,
            has_softmax_before_sum=self.output_classes.has_summed_outputs
            and self.output_classes.score_kind != "probabilities",
            n_outputs_without_class=self.output_classes.n_outputs_without_class,
            n_classes_without_output=self.output_classes.n_classes_without_output,
            n_classes=self.output_classes.classes.count or self.scorer.n_outputs,
            unknown_outputs=self.output_classes.unknown_names,
            n_top1_changed_by_rounding=written.n_top1_changed_by_rounding,
        )


@dataclass(frozen=True, eq=False)
class _ScoringTask:
    """A shard to compute in a worker, which opens the model itself."""

    source: AnyModel
    device: str | None
    scorer: ShardScorer
    identifying_facts: Mapping[str, Any]  # that the worker's model must have too
    images: ImageSource  # only the images of the shard
    rows: range  # of the shard


def _with_absolute_paths(source: AnyModel) -> AnyModel:
    """Make the paths of a model's files absolute, for workers in another folder."""
    if isinstance(source, ImageModel):
        return source
    source = ModelSource(source) if isinstance(source, str) else source
    kind, _, name = source.name.partition(":")
    return replace(
        source,
        name=f"onnx:{Path(name).absolute()}" if kind == "onnx" else source.name,
        checkpoint=None if source.checkpoint is None else Path(source.checkpoint).absolute(),
        transform=None if source.transform is None else Path(source.transform).absolute(),
    )


def _score_in_worker(task: _ScoringTask) -> Shard:
    """Compute a shard; raise `DataError` if the worker has another model than the run."""
    try:
        model = task.source if isinstance(task.source, ImageModel) else _open_or_reuse_model(task.source, task.device)
    except ReassessError as error:  # the main process has opened the same model
        error.where = "on a worker" if error.where is None else f"{error.where}, on a worker"
        if error.problem == "module not found":
            error.fix = "start workers in the folder of the module, or set PYTHONPATH there"
        raise
    facts = _identify_model(model)
    expected = {name: task.identifying_facts.get(name) for name in facts}
    if changes := [*describe_changes(expected, facts)]:
        raise DataError(
            "different-worker",
            "worker has another model, device or package version",
            where=model.name,
            found="\n".join(changes)
            .replace(" before", " expected")
            .replace(" now", " on the worker")
            .replace(" changed", " not the same on the worker"),
            fix="use the same packages, files and kind of device on all workers",
        )
    return task.scorer.score_images_of_shard(model, task.images, task.rows)


_opened_models: dict[str, ImageModel] = {}  # the last model that a worker has opened


def _open_or_reuse_model(source: str | ModelSource, device: str | None) -> ImageModel:
    """Open a model. If this process has just opened the same model, return the open model."""
    key = f"{source!r} {device}"
    if key not in _opened_models:
        _opened_models.clear()  # two models may not fit into memory
        _opened_models[key] = open_model(source, device=device)
    return _opened_models[key]


def _identify_model(model: ImageModel) -> dict[str, Any]:
    """Return everything about an opened model that its scores depend on."""
    import PIL

    transform = None if model.transform is None else model.transform.to_json()
    return {**model.identifying_facts, "transform": transform, "pillow": PIL.__version__}


def _decode_first_image(decode: Decoder) -> Any:
    """Decode the first image that can be read."""
    images = decode.images
    results = (decode(row)[0] for row in range(len(images)))
    first_image = next((result for result in results if not isinstance(result, str)), None)
    if first_image is None:
        reasons = [f"{name}: {decode(row)[0]}" for row, name in enumerate(images.names[:3])]
        raise DataError("unreadable-image", "no image can be read", where=images.source_path, found="\n".join(reasons))
    return first_image


def check_disk_space(runs: Sequence[ModelRun], unfinished: UnfinishedRun, report: Callable[[str], object]) -> None:
    """Report how much disk space the runs need, and raise `OutputError` if the disk has less."""
    used_bytes = sum(path.stat().st_size for path in unfinished.folder.rglob("[!.]*.npz"))  # without temporary files
    needed_bytes = sum(run.n_bytes for run in runs)
    folder = unfinished.folder.parent
    free_bytes = shutil.disk_usage(folder).free
    images = count_noun(len(runs[0].shards.images), "image")
    report(f"{images}; the run needs {format_bytes(needed_bytes)} of disk space, with temporary files")
    if needed_bytes - used_bytes > free_bytes:
        raise OutputError(
            "disk-full",
            "not enough disk space for the scores",
            where=folder,
            allowed=f"{format_bytes(needed_bytes - used_bytes)} free",
            found=format_bytes(free_bytes),
            fix="free space on the disk, or choose another folder",
        )
