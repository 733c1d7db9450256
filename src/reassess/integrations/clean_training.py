"""The training images that are worth keeping, as a subset of a torchvision dataset."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reassess.core import ImageSelection, Match
from reassess.core.image_selection import selection_keys
from reassess.data import resolve
from reassess.formats.files import read_lines
from reassess.integrations.torch_training import SelectedImages

__all__ = ["CleanTraining"]


class CleanTraining(SelectedImages):
    """The images of a dataset whose file names are on a list, in the dataset's order.

    Parameters
    ----------
    dataset
        A dataset with the paths of its images in ``samples``, such as torchvision's ImageFolder and ImageNet; or with
        ``filenames()``, such as timm's.
    files
        File names or paths, such as ``n01440764_10026.JPEG``; or a text file of them, one a line, or the name of a
        known source.
    match
        Which part of a name identifies an image: ``stem``, the file name without its extension, as ImageNet's names are
        of their own kind; ``name``, the file name; or ``path``, the path below the dataset's folder, as in lists of
        ``reassess clean`` whose images have one file name in several class folders.

    Attributes
    ----------
    samples, targets, classes, class_to_idx
        As those of the dataset, of the kept images.
    missing
        Number of names in the list that are not in the dataset.

    Raises
    ------
    DataError
        The dataset does not say which files its images are; no image is in the list; or two images have a
        name that is.
    SourceError
        No place has the list.

    Warns
    -----
    ReassessWarning
        The dataset does not hold all images in the list.

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

    def __init__(
        self, dataset: Any, files: str | Path | Iterable[str | Path] = "imagenet-train-clean", *, match: Match = "stem"
    ) -> None:
        lines = read_lines(resolve(str(files))) if isinstance(files, str | Path) else files
        names = [name for line in lines if (name := os.fspath(line).strip())]
        listed = tuple(dict.fromkeys(selection_keys(names, match)))
        super().__init__(dataset, ImageSelection(tuple(sorted(listed))), match=match)
