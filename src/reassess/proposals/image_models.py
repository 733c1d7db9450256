"""Models that score images: their names and files, and the scores that they return for a batch of images."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length
from reassess.errors import DataError, ReassessError, add_error_place
from reassess.numeric.arrays import as_floats, as_scores
from reassess.proposals.preprocessing import Transform

_OPTIONS_BY_KIND = {  # the options of each kind of model
    "timm": ("checkpoint", "transform", "device"),
    "torchvision": ("checkpoint", "transform", "device"),
    "onnx": ("transform", "device"),
}


@dataclass(frozen=True)
class ModelSource:
    """The name and the files of a model that `open_model` can open.

    Parameters
    ----------
    name
        ``timm:NAME``, ``torchvision:NAME``, ``onnx:FILE`` or ``python:module:function``.
    checkpoint
        File with the weights of a timm or torchvision model; None for the library's weights.
    transform
        File with its preprocessing, see `read_transform`; None for the model's own configuration. ``onnx`` models need
        a file. ``python`` functions take whole images, so they have no transform.
    outputs
        Class of each output: wnid, class name or class id, or - for an output that is not a class; or a dict with the
        classes of some outputs by number. The probabilities of outputs with the same class are summed. None if the
        outputs are the benchmark's classes in order.

    Examples
    --------
    >>> ModelSource("timm:resnet18", checkpoint="pets.pth", outputs=["dog", "cat", "-"])
    ModelSource(name='timm:resnet18', checkpoint='pets.pth', transform=None, outputs=['dog', 'cat', '-'])
    """

    name: str
    checkpoint: str | Path | None = None
    transform: str | Path | None = None
    outputs: Sequence[str] | Mapping[int, str] | None = None

    def takes_option(self, option: str) -> bool:
        """Return whether this kind of model supports an option: ``checkpoint``, ``transform`` or ``device``.

        >>> ModelSource("onnx:m.onnx").takes_option("device"), ModelSource("python:m:f").takes_option("device")
        (True, False)
        """
        return option in _OPTIONS_BY_KIND.get(self.name.partition(":")[0], ())


@dataclass(frozen=True, eq=False, repr=False)
class ImageModel:
    """An opened model: a function that computes scores, with its preprocessing.

    Parameters
    ----------
    name
        Name of the model.
    function
        Returns the scores of a batch, floats of shape (images, outputs). With a `transform`, its argument is pixels
        that are cropped and not scaled yet, uint8 of shape (images, height, width, 3). Without a transform, it is a
        list of RGB images of Pillow.
    transform
        Preprocessing of images.
    outputs
        As for `ModelSource`.
    identifying_facts
        Values by name that identify the model, such as a hash of its weights: an interrupted run continues only with
        the same facts.

    Examples
    --------
    >>> from PIL import Image
    >>> model = ImageModel("light", lambda images: np.array([[np.asarray(image).mean()] for image in images]))
    >>> model.compute_scores([np.full((8, 8, 3), 200, np.uint8)])
    array([[200.]])
    """

    name: str
    function: Callable[[Any], Any]
    transform: Transform | None = None
    outputs: Sequence[str] | Mapping[int, str] | None = None
    identifying_facts: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"ImageModel({self.name})"

    def compute_scores(self, pixels: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[Any]:
        """Compute the scores of images, shape (images, outputs).

        `pixels` are images that the transform has cropped, or whole images without a transform.
        """
        with add_error_place(self.name):
            scores = as_floats(as_scores(self._call_function(pixels)))
            check_length(len(scores), len(pixels), plural_name="rows of scores", item_name="image")
        return scores

    def _call_function(self, pixels: Sequence[npt.NDArray[np.uint8]]) -> Any:
        """Call the model's function; raise `DataError` if the function fails."""
        try:
            return self.function(self._make_batch(pixels))
        except (ReassessError, MemoryError):
            raise
        except (Exception, SystemExit) as error:  # user code may raise anything
            last = traceback.extract_tb(error.__traceback__)[-1]
            raise DataError(
                "model-failed",
                "model fails on a batch",
                found=f"{type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno})",
                fix="use a smaller batch, which needs less memory" if "memory" in str(error) else None,
            ) from error

    def _make_batch(self, pixels: Sequence[npt.NDArray[np.uint8]]) -> Any:
        """Stack cropped pixels to an array; if the model has no transform, make a list of Pillow images."""
        if self.transform is not None:
            return np.stack(pixels)
        from PIL import Image

        return [Image.fromarray(image) for image in pixels]
