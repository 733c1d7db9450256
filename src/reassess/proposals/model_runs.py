"""The run of one model: opening the model, the disk space of its scores, and its file of predictions."""

import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reassess.core import Classes
from reassess.data import ImageSource
from reassess.errors import DataError, OutputError, add_place_to_errors
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.onnx_models import open_onnx
from reassess.proposals.output_classes import OutputClasses
from reassess.proposals.python_models import open_python
from reassess.proposals.run_files import is_array, write_shards
from reassess.proposals.shard_scoring import Decoder
from reassess.proposals.shards import Shards
from reassess.proposals.torch_models import open_timm, open_torchvision
from reassess.proposals.unfinished_runs import UnfinishedRun
from reassess.text import ListTable, Printable, count_noun, format_bytes, join_first

_OPENERS = {"timm": open_timm, "torchvision": open_torchvision, "onnx": open_onnx, "python": open_python}
_SHARD = 256  # images, rounded down to whole batches
_BYTES = 2  # per score
AnyModel = str | ModelSource | ImageModel


@dataclass(frozen=True, repr=False)
class ImagePredictions(Printable):
    """The result of a model's run."""

    model: str  # name of the model
    file: Path  # file of its predictions
    images: int  # number of images in the file
    unreadable: tuple[tuple[str, str], ...]  # images that could not be read, each with the reason
    outputs: int  # how many outputs the model has
    summed: bool  # whether several outputs have the same class, so that their probabilities are summed
    softmax: bool  # whether these are the softmax of the scores, which are not probabilities
    without_class: int  # outputs that are not classes of the benchmark
    without_output: int
    classes: int  # of the benchmark, or else the outputs
    # names of outputs that are not classes, except dashes, which stand for no class.
    unknown_outputs: tuple[str, ...]
    moved: int  # images with another best class once scores are rounded to float16

    @property
    def _headline(self) -> str:
        unreadable = f", {len(self.unreadable):,} cannot be read" if self.unreadable else ""
        return f"ImagePredictions({count_noun(self.images, 'image')} by {self.model} in {self.file.name}{unreadable})"

    def _table(self) -> ListTable | None:
        return (
            ListTable(("image", "cannot be read"), len(self.unreadable), self.unreadable) if self.unreadable else None
        )


def name_of(source: AnyModel) -> str:
    """Return the name of a model."""
    return source if isinstance(source, str) else source.name


def models_with_option(models: Sequence[str], option: str) -> list[str]:
    """List the models that take an option; if no model takes it, all models, so that opening one raises."""
    return [model for model in models if ModelSource(model).takes(option)] or list(models)


def _likely_name(name: str) -> str | None:
    """Suggest the name of a model with its library."""
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
            fix=_likely_name(source.name),
        )
    with redirect_stdout(sys.stderr):  # keep prints of libraries out of the result
        return _OPENERS[kind](source, name, device)


class Opener:
    """An opener of the models of a run; only the models that take a device get it."""

    def __init__(self, models: Sequence[AnyModel], *, device: str | None) -> None:
        ready = [model.name for model in models if isinstance(model, ImageModel)]
        if device is not None and len(ready) == len(models):
            raise DataError(
                "unused-option", "a loaded model takes no device", where=join_first(ready, max_items=3), found=device
            )
        self._with_device = models_with_option([name_of(model) for model in models], "device")
        self._device = device

    def __call__(self, source: AnyModel) -> ImageModel:
        """Open a model, unless it is ready to run."""
        if isinstance(source, ImageModel):
            return source
        device = self._device if name_of(source) in self._with_device else None
        return open_model(source, device=device)


@dataclass(frozen=True, eq=False)
class ModelRun:
    """The run of a model on images, and the files of its scores."""

    source: AnyModel  # ready to run, or to be opened again if several models may not fit into memory together
    file: Path  # file of its predictions
    shards: Shards  # its scores
    outputs: OutputClasses
    facts: dict[str, Any]  # everything that its scores depend on

    @classmethod
    def prepared(
        cls,
        source: AnyModel,
        model: ImageModel,
        images: ImageSource,
        file: Path,
        folder: Path,
        batch_size: int,
        classes: Classes,
    ) -> "ModelRun":
        """Prepare a model's run; the first image tells how many outputs the model has, and what its scores are."""
        first = model.scores([_first_image(Decoder(images, model.transform))])
        width = first.shape[1]
        with add_place_to_errors(model.name):
            outputs = OutputClasses.of(first, model.outputs, classes)
        transform = None if model.transform is None else model.transform.to_json()
        return cls(
            source=source,
            file=file,
            shards=Shards(folder, len(images), max(_SHARD // batch_size, 1) * batch_size, outputs.width(width)),
            outputs=outputs,
            facts={**model.facts, "transform": transform, "outputs": width, **outputs.facts},
        )

    @property
    def name(self) -> str:
        """Name of the model."""
        return name_of(self.source)

    @property
    def bytes(self) -> int:
        """Disk space of its shards and its file, in bytes."""
        width = self.shards.outputs
        columns = width + ((self.outputs.classes.count or width) if is_array(self.file) else width)
        return self.shards.images * columns * _BYTES

    def write(self, images: ImageSource, may_replace: Callable[[Path], bool]) -> ImagePredictions:
        """Write the file of predictions from its complete shards."""
        count, reasons, moved = write_shards(self.file, self.shards, self.outputs, images.names, may_replace)
        return ImagePredictions(
            model=self.name,
            file=self.file,
            images=count,
            unreadable=tuple((images.names[row], reason) for row, reason in reasons.items()),
            outputs=self.facts["outputs"],
            summed=self.outputs.are_summed,
            softmax=self.outputs.are_summed and self.outputs.kind != "probabilities",
            without_class=self.outputs.without_class,
            without_output=self.outputs.without_output,
            classes=self.outputs.classes.count or self.facts["outputs"],
            unknown_outputs=self.outputs.unknown,
            moved=moved,
        )


def _first_image(decode: Decoder) -> Any:
    images = decode.images
    results = map(decode, range(len(images)))
    first = next((result for result in results if not isinstance(result, str)), None)
    if first is None:
        reasons = [f"{name}: {decode(row)}" for row, name in enumerate(images.names[:3])]
        raise DataError("unreadable-image", "no image can be read", where=images.place, found="\n".join(reasons))
    return first


def check_room(runs: Sequence[ModelRun], unfinished: UnfinishedRun, tell: Callable[[str], object]) -> None:
    """Tell how much disk space shards and files need together; raise if the disk has less."""
    used = sum(path.stat().st_size for path in unfinished.folder.rglob("*.npz"))
    needed = sum(run.bytes for run in runs)
    folder = unfinished.folder.parent
    free = shutil.disk_usage(folder).free
    images = count_noun(runs[0].shards.images, "image")
    tell(f"{images}; the run needs {format_bytes(needed)} of disk space, with temporary files")
    if needed - used > free:
        raise OutputError(
            "disk-full",
            "not enough disk space for the scores",
            where=folder,
            allowed=f"{format_bytes(needed - used)} free",
            found=format_bytes(free),
            fix="free space on the disk, or choose another folder",
        )
