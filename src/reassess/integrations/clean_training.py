"""The training images that are worth keeping, as a subset of a torchvision data set."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reassess.data.sources import resolve
from reassess.errors import DataError, MissingPackageError, ReassessWarning
from reassess.formats.files import read_lines
from reassess.text import some

try:
    from torch.utils.data import Subset
except ImportError as error:
    raise MissingPackageError("torch", extra="torchvision", purpose="a subset of a data set") from error

__all__ = ["CleanTraining"]


class CleanTraining(Subset):
    """The images of a data set whose file names are on a list, in the data set's order.

    Names are compared without folder and extension.

    Parameters
    ----------
    dataset
        A data set with the paths of its images in ``samples``, such as torchvision's ImageFolder and ImageNet.
    files
        File names or paths, such as ``n01440764_10026.JPEG``; or a text file of them, one a line, or the name of a
        known source.

    Attributes
    ----------
    samples, targets, classes, class_to_idx
        As those of the data set, of the kept images.
    missing
        Number of names on the list that the data set does not hold.

    Raises
    ------
    DataError
        The data set has no ``samples``; no image is on the list; or two images have a name that is.
    SourceError
        No place has the list.

    Warns
    -----
    ReassessWarning
        The data set does not hold all images on the list.

    Examples
    --------
    >>> from torchvision.datasets import FakeData
    >>> dataset = FakeData(size=3)
    >>> dataset.samples = [(f"train/n01440764/n01440764_{i}.JPEG", 0) for i in range(3)]
    >>> dataset.classes, dataset.class_to_idx = ["n01440764"], {"n01440764": 0}
    >>> CleanTraining(dataset, ["n01440764_2.JPEG", "n01440764_0.JPEG"]).samples
    [('train/n01440764/n01440764_0.JPEG', 0), ('train/n01440764/n01440764_2.JPEG', 0)]

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, on noise in the training labels.
    """

    def __init__(self, dataset: Any, files: str | Path | Iterable[str | Path] = "imagenet-train-clean") -> None:
        if not hasattr(dataset, "samples"):
            raise DataError(
                "the data set does not say which files its images are",
                allowed="one with samples, such as torchvision's ImageFolder and ImageNet",
                found=type(dataset).__name__,
            )
        lines = read_lines(resolve(str(files))) if isinstance(files, str | Path) else files
        listed = {_stem(name) for line in lines if (name := os.fspath(line).strip())}
        position: dict[str, int] = {}
        for index, (path, _) in enumerate(dataset.samples):
            if (stem := _stem(path)) in listed and position.setdefault(stem, index) != index:
                both = f"{dataset.samples[position[stem]][0]} and {path}"
                raise DataError("two images have a name that is on the list", found=both, mend="rename one of them")
        super().__init__(dataset, list(position.values()))
        self.samples = [dataset.samples[index] for index in self.indices]
        self.targets = [target for _, target in self.samples]
        self.classes, self.class_to_idx = dataset.classes, dataset.class_to_idx
        self.missing = len(listed) - len(position)
        self._tell_missing(sorted(listed - position.keys()))

    def __repr__(self) -> str:
        lines = [
            f"Dataset {type(self).__name__}",
            f"Number of datapoints: {len(self):,} of {len(self.dataset):,}",
            f"On the list and not here: {self.missing:,}",
        ]
        return "\n    ".join(lines)

    def _tell_missing(self, missing: list[str]) -> None:
        if not self.indices:
            raise DataError(
                "no image of the data set is on the list",
                allowed=f"names such as {some(missing, most=2)}",
                found=some([path for path, _ in self.dataset.samples], most=2) or "no image",
                mend="give a data set of the training images",
            )
        if missing:
            missing_ones = (
                f"{len(missing):,} of the {len(missing) + len(self):,} images on the list are not in the data set"
            )
            warnings.warn(f"{missing_ones}: {some(missing, most=3)}", ReassessWarning, stacklevel=3)


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122 - of over a million paths
