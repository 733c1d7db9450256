"""One model of a run: what is needed to run it, what its scores take, and the file that its shards become."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reassess.core.classes import Classes
from reassess.data.image_sources import ImageSource
from reassess.errors import DataError, OutputError, at
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.model_sources import open_model, takers
from reassess.proposals.output_classes import OutputClasses
from reassess.proposals.run_files import is_array, write_shards
from reassess.proposals.shard_scoring import Decoder
from reassess.proposals.shards import Shards
from reassess.proposals.unfinished_runs import Unfinished
from reassess.text import Listed, Shown, counted, in_bytes, some

__all__ = [
    "ImagePredictions",
    "ModelRun",
    "Opener",
    "check_room",
    "name_of",
]


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
    unknown_outputs
        What such outputs are called, but for dashes, which say that an output is no class.
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
    unknown_outputs: tuple[str, ...]
    moved: int

    @property
    def _headline(self) -> str:
        unreadable = f", {len(self.unreadable):,} cannot be read" if self.unreadable else ""
        return f"ImagePredictions({counted(self.images, 'image')} by {self.model} in {self.file.name}{unreadable})"

    def _list(self) -> Listed | None:
        return Listed(("image", "cannot be read"), len(self.unreadable), self.unreadable) if self.unreadable else None


_SHARD = 256  # images, as whole batches
_BYTES = 2  # of a score

Source = str | ModelSource | ImageModel


def name_of(source: Source) -> str:
    """What a model is called."""
    return source if isinstance(source, str) else source.name


class Opener:
    """Opens the models of a run.

    Parameters
    ----------
    models
        All of them.
    device
        Goes to those that take one.

    Raises
    ------
    DataError
        There is a device, and every model is ready to run.
    """

    def __init__(self, models: Sequence[Source], *, device: str | None) -> None:
        ready = [model.name for model in models if isinstance(model, ImageModel)]
        if device is not None and len(ready) == len(models):
            raise DataError(
                "device-not-used", "a loaded model takes no device", where=some(ready, most=3), found=device
            )
        self._takers = takers([name_of(model) for model in models], "device")
        self._device = device

    def __call__(self, source: Source) -> ImageModel:
        """A model that is ready to run."""
        if isinstance(source, ImageModel):
            return source
        device = self._device if name_of(source) in self._takers else None
        return open_model(source, device=device)


@dataclass(frozen=True, eq=False)
class ModelRun:
    """A model to be run on images, and where its scores go.

    Parameters
    ----------
    source
        The model: ready to run, or to be opened again, where several need not be in memory together.
    file
        The file of its predictions.
    shards, outputs
        Its scores, and the classes of its outputs.
    facts
        What its scores depend on.
    """

    source: Source
    file: Path
    shards: Shards
    outputs: OutputClasses
    facts: dict[str, Any]

    @classmethod
    def prepared(
        cls,
        source: Source,
        model: ImageModel,
        pictures: ImageSource,
        file: Path,
        folder: Path,
        batch: int,
        classes: Classes,
    ) -> "ModelRun":
        """What is needed to run a model, of which one picture tells how many outputs it has."""
        width = model.scores([_first_picture(Decoder(pictures, model.transform))]).shape[1]
        with at(model.name):
            outputs = OutputClasses.of(width, model.outputs, classes)
        transform = None if model.transform is None else model.transform.to_json()
        return cls(
            source=source,
            file=file,
            shards=Shards(folder, len(pictures), max(_SHARD // batch, 1) * batch, width),
            outputs=outputs,
            facts={**model.facts, "transform": transform, "outputs": width},
        )

    @property
    def name(self) -> str:
        """What the model is called."""
        return name_of(self.source)

    @property
    def bytes(self) -> int:
        """What its shards and its file take."""
        width = self.shards.outputs
        columns = width + ((self.outputs.classes.count or width) if is_array(self.file) else width)
        return self.shards.images * columns * _BYTES

    def write(self, pictures: ImageSource, may_replace: Callable[[Path], bool]) -> ImagePredictions:
        """Write the file, of shards that are all there."""
        images, reasons, moved = write_shards(self.file, self.shards, self.outputs, pictures.names, may_replace)
        return ImagePredictions(
            model=self.name,
            file=self.file,
            images=images,
            unreadable=tuple((pictures.names[row], reason) for row, reason in reasons.items()),
            outputs=self.shards.outputs,
            without_class=self.outputs.without_class,
            without_output=self.outputs.without_output,
            unknown_outputs=self.outputs.unknown,
            moved=moved,
        )


def _first_picture(decode: Decoder) -> Any:
    pictures = decode.images
    results = map(decode, range(len(pictures)))
    first = next((result for result in results if not isinstance(result, str)), None)
    if first is None:
        reasons = [f"{name}: {decode(row)}" for row, name in enumerate(pictures.names[:3])]
        raise DataError("unreadable-images", "no image can be read", where=pictures.place, found="\n".join(reasons))
    return first


def check_room(runs: Sequence[ModelRun], unfinished: Unfinished, tell: Callable[[str], object]) -> None:
    """Say how much room the scores take, and refuse to begin where there is less."""
    there = sum(path.stat().st_size for path in unfinished.folder.rglob("*.npz"))
    needed = sum(run.bytes for run in runs)
    folder = unfinished.folder.parent
    free = shutil.disk_usage(folder).free
    tell(f"{counted(runs[0].shards.images, 'image')}; their scores take {in_bytes(needed)}")
    if needed - there > free:
        raise OutputError(
            "disk-full",
            "not enough disk space for the scores",
            where=folder,
            allowed=f"{in_bytes(needed - there)} free",
            found=in_bytes(free),
            fix="make room, or choose another folder",
        )
