"""Models of images: their names and files, and the scores that they return for a batch."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length
from reassess.errors import DataError, ReassessError, at
from reassess.numeric.arrays import as_floats, as_scores
from reassess.proposals.preprocessing import Transform

_TAKE = {  # models of each kind
    "timm": ("checkpoint", "transform", "device"),
    "torchvision": ("checkpoint", "transform", "device"),
    "onnx": ("transform", "device"),
}


@dataclass(frozen=True)
class ModelSource:
    """A model by its name, and the files that go with it.

    Parameters
    ----------
    name
        ``timm:NAME``, ``torchvision:NAME``, ``onnx:FILE`` or ``python:module:function``.
    checkpoint
        For timm and torchvision, the file of its weights; None for the library's.
    transform
        The file of its preprocessing, see `read_transform`; None for that of the model's own configuration. Models of
        ``onnx`` need one, and ``python`` functions take whole images.
    outputs
        The class of each output: wnid, class name or class id, or - for an output that is not a class; or a dict with
        the class of some outputs by number. The probabilities of outputs of one class are summed. None if the outputs
        are the benchmark's classes in their order.

    Examples
    --------
    >>> ModelSource("timm:resnet18", checkpoint="pets.pth", outputs=["dog", "cat", "-"])
    ModelSource(name='timm:resnet18', checkpoint='pets.pth', transform=None, outputs=['dog', 'cat', '-'])
    """

    name: str
    checkpoint: str | Path | None = None
    transform: str | Path | None = None
    outputs: Sequence[str] | Mapping[int, str] | None = None

    def takes(self, option: str) -> bool:
        """Whether a model of this kind takes a ``checkpoint``, a ``transform`` or a ``device``.

        >>> ModelSource("onnx:m.onnx").takes("device"), ModelSource("python:m:f").takes("device")
        (True, False)
        """
        return option in _TAKE.get(self.name.partition(":")[0], ())


@dataclass(frozen=True, eq=False, repr=False)
class ImageModel:
    """A model that is ready to run.

    Parameters
    ----------
    name
        Its name.
    function
        Gives the scores of a batch, floats of shape (images, outputs). With a `transform` it takes pixels, uint8 of
        shape (images, height, width, 3), that are cut and not scaled yet; without, a list of RGB images of Pillow.
    transform
        Its preprocessing.
    outputs
        As for `ModelSource`.
    facts
        What else tells it from another model, by name, such as a hash of its weights: a run that was interrupted goes
        on only with the same.

    Examples
    --------
    >>> from PIL import Image
    >>> model = ImageModel("light", lambda images: np.array([[np.asarray(each).mean()] for each in images]))
    >>> model.scores([np.full((8, 8, 3), 200, np.uint8)])
    array([[200.]])
    """

    name: str
    function: Callable[[Any], Any]
    transform: Transform | None = None
    outputs: Sequence[str] | Mapping[int, str] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"ImageModel({self.name})"

    def scores(self, pixels: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[Any]:
        """The scores of images, (images, outputs); `pixels` are whole images, or cropped by the transform."""
        with at(self.name):
            given = as_floats(as_scores(self._given(pixels)))
            check_length(len(given), len(pixels), things="rows of scores", each="image")
        return given

    def _given(self, pixels: Sequence[npt.NDArray[np.uint8]]) -> Any:
        try:
            return self.function(self._batch(pixels))
        except (ReassessError, MemoryError):
            raise
        except (Exception, SystemExit) as error:  # of anyone's code
            last = traceback.extract_tb(error.__traceback__)[-1]
            raise DataError(
                "model-failed",
                "model fails on a batch",
                found=f"{type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno})",
                fix="a smaller batch needs less memory" if "memory" in str(error) else None,
            ) from error

    def _batch(self, pixels: Sequence[npt.NDArray[np.uint8]]) -> Any:
        if self.transform is not None:
            return np.stack(pixels)
        from PIL import Image

        return [Image.fromarray(each) for each in pixels]
