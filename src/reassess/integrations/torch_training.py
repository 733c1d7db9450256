"""Selection, relabelling and training targets of images in torchvision and timm datasets, by name."""

import os
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from reassess.core import ImageSelection, Match, TrainingTargets
from reassess.core.checks import check_type
from reassess.core.image_selection import image_keys_without_class, warn_of_missing_images, warn_of_unselected_images
from reassess.data import resolve_path_or_source
from reassess.errors import DataError, require_package
from reassess.formats.files import read_lines
from reassess.integrations._new_classes import to_selection_and_class_ids

__all__ = ["CleanTrainingImages", "RelabelledImages", "SelectedImages", "TargetImages", "image_names"]

with require_package("torch", extra="torchvision", purpose="a subset of a dataset"):
    import torch
    from torch.utils.data import Subset


def image_names(dataset: Any) -> list[str]:
    """Return the path of each image of a dataset, relative to its root.

    Parameters
    ----------
    dataset
        A dataset with image paths in ``samples``, such as torchvision's ImageFolder and ImageNet, or with
        ``filenames()``, such as timm's; or a subset of such a dataset.

    Raises
    ------
    DataError
        The dataset has no image file names.

    Examples
    --------
    >>> from torchvision.datasets import FakeData
    >>> dataset = FakeData(size=2)
    >>> dataset.root = "train"
    >>> dataset.samples = [("train/cat/1.png", 0), ("train/dog/2.png", 1)]
    >>> image_names(dataset)
    ['cat/1.png', 'dog/2.png']
    """
    if isinstance(dataset, Subset):
        names = image_names(dataset.dataset)
        return [names[index] for index in dataset.indices]
    if hasattr(dataset, "samples"):
        root = getattr(dataset, "split_folder", getattr(dataset, "root", None)) or ""
        folder = os.path.join(os.fspath(root), "") if root else ""  # noqa: PTH118 - a Path would normalize the prefix
        return [os.fspath(path).removeprefix(folder) for path, *_ in dataset.samples]
    if callable(getattr(dataset, "filenames", None)):
        return [os.fspath(name) for name in dataset.filenames()]
    raise DataError(
        "missing-image-names",
        "dataset has no image file names",
        allowed="a dataset with samples, such as torchvision's ImageFolder, or with filenames(), such as timm's",
        found=type(dataset).__name__,
    )


class SelectedImages(Subset):
    """The selected images of a dataset, in the dataset's order.

    Parameters
    ----------
    dataset
        As for `image_names`.
    selection
        The images to select, such as ``folds.training_selection(0)``.
    match
        The part of a name that identifies an image: ``path`` (relative to the dataset's root), ``name`` (the file
        name), or ``stem`` (without the extension).
    ignore_unknown
        Skip images that are unknown to the folds instead of raising; a warning counts them.

    Attributes
    ----------
    samples, targets, classes, class_to_idx
        As in the dataset, for the selected images; only if the dataset has them.
    transform
        The transform of the dataset; setting it does not change other subsets of the same dataset.
    missing
        Number of selected images that are missing from the dataset.

    Raises
    ------
    DataError
        The dataset has no image file names, it contains no selected image, a selected name fits two images, or images
        are unknown to the selection.

    Warns
    -----
    ReassessWarning
        Selected images are missing from the dataset, or unknown images are skipped.

    Examples
    --------
    >>> from torchvision.datasets import FakeData
    >>> import numpy as np
    >>> from reassess.core import Folds
    >>> dataset = FakeData(size=3)
    >>> dataset.samples = [("cat/1.png", 0), ("cat/2.png", 0), ("dog/1.png", 1)]
    >>> folds = Folds(("cat/1.png", "cat/2.png", "dog/1.png"), np.array([0, 1, 0]))
    >>> SelectedImages(dataset, folds.held_out_selection(0)).samples
    [('cat/1.png', 0), ('dog/1.png', 1)]
    >>> SelectedImages(dataset, folds.training_selection(0)).samples
    [('cat/2.png', 0)]
    """

    dataset: Any
    indices: Sequence[int]
    _warns_missing = True  # whether to warn about selected images that are missing from the dataset

    def __init__(
        self, dataset: Any, selection: ImageSelection, *, match: Match = "path", ignore_unknown: bool = False
    ) -> None:
        check_type(
            ImageSelection, selection, value_name="selection", fix="read_clean_list(FILE) or ImageSelection(images)"
        )
        names = image_names(dataset)
        rows = selection.selected_rows(names, match=match, ignore_unknown=ignore_unknown)
        super().__init__(dataset, rows.tolist())
        self._copy_samples_and_classes()
        stack_level = 2 if type(self) is SelectedImages else 3
        self.missing = (
            warn_of_missing_images(names, selection, match, stack_level=stack_level) if self._warns_missing else 0
        )
        warn_of_unselected_images(names, selection, match, stack_level=stack_level)

    def __repr__(self) -> str:
        lines = [
            f"Dataset {type(self).__name__}",
            f"Number of datapoints: {len(self):,} of {len(self.dataset):,}",
            f"Missing from the dataset: {self.missing:,}",
        ]
        return "\n    ".join(lines)

    def __getitem__(self, index: Any) -> Any:
        """Return what the dataset returns for this image, such as the image and its class."""
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Return what the dataset returns for each image of a batch."""
        return [self[index] for index in indices]

    @property
    def transform(self) -> Any:
        """The image transform."""
        return getattr(self.dataset, "transform", None)

    @transform.setter
    def transform(self, new_transform: Any) -> None:
        self.dataset = copy(self.dataset)
        self.dataset.transform = new_transform

    def _copy_samples_and_classes(self) -> None:
        """Copy the selected samples and targets, and the class names, if the dataset has them."""
        dataset = self.dataset
        if hasattr(dataset, "samples"):
            self.samples = [dataset.samples[index] for index in self.indices]
            self.targets = [target for _, target, *_ in self.samples]
        for name in ("classes", "class_to_idx"):
            if hasattr(dataset, name):
                setattr(self, name, getattr(dataset, name))


class RelabelledImages(SelectedImages):
    """A dataset where some images have a new class.

    Parameters
    ----------
    dataset
        As for `image_names`; its items are (image, class).
    new_class_by_image
        New class of images by name: its id in the dataset, or its name in ``class_to_idx``.
    match
        As for `SelectedImages`.

    Attributes
    ----------
    relabelled
        Number of images whose class changed; 0 if the dataset has no ``targets``.

    Raises
    ------
    DataError
        As for `SelectedImages`; or a class is not in the dataset.

    Examples
    --------
    >>> from torchvision.datasets import FakeData
    >>> dataset = FakeData(size=2, num_classes=2)
    >>> dataset.samples, dataset.class_to_idx = [("1.png", 0), ("2.png", 0)], {"cat": 0, "dog": 1}
    >>> RelabelledImages(dataset, {"2.png": "dog"}).targets
    [0, 1]
    """

    def __init__(self, dataset: Any, new_class_by_image: Mapping[str, int | str], *, match: Match = "path") -> None:
        selection, ids = to_selection_and_class_ids(new_class_by_image, getattr(dataset, "class_to_idx", None))
        names = image_names(dataset)
        super().__init__(dataset, selection, match=match)
        rows = selection.positions_of(names, match=match)
        self._class_of = {index: ids[rows[index]].item() for index in self.indices}
        before = getattr(self, "targets", [])
        self.relabelled = sum(
            self._class_of[index] != target for index, target in zip(self.indices, before, strict=False)
        )
        self.indices = range(len(names))
        self._copy_samples_and_classes()
        if hasattr(self, "samples"):
            samples = [(path, self._class_of.get(row, target)) for row, (path, target, *_) in enumerate(self.samples)]
            self.samples, self.targets = samples, [target for _, target in samples]

    def __getitem__(self, index: Any) -> Any:
        """Return an item of the dataset. If its image has a new class, the class replaces the target of the item."""
        image, target, *rest = super().__getitem__(index)
        if (new := self._class_of.get(range(len(self))[index])) is not None:
            change = getattr(self.dataset, "target_transform", None)
            target = new if change is None else change(new)
        return (image, target, *rest)


class TargetImages(SelectedImages):
    """The images of a dataset that have a training target, with their targets: float32, shape (classes,).

    Parameters
    ----------
    dataset
        As for `image_names`; its own targets are not used.
    targets
        The result of `reassess.training_targets`. Images without a target are dropped.
    match, ignore_unknown
        As for `SelectedImages`.

    Raises
    ------
    DataError
        As for `SelectedImages`.

    Examples
    --------
    >>> from torchvision.datasets import FakeData
    >>> from reassess import Classes, LabelSets, training_targets
    >>> dataset = FakeData(size=2)
    >>> dataset.samples = [("1.png", 0), ("2.png", 0)]
    >>> labels = LabelSets.from_lists(["2.png", "1.png"], [[0, 2], [1]], Classes(3))
    >>> TargetImages(dataset, training_targets(labels, "multi-hot"))[1][1]
    tensor([1., 0., 1.])
    """

    _warns_missing = False  # targets may cover more images than the dataset

    def __init__(
        self, dataset: Any, targets: TrainingTargets, *, match: Match = "path", ignore_unknown: bool = False
    ) -> None:
        check_type(TrainingTargets, targets, value_name="targets", fix="training_targets(...)")
        super().__init__(dataset, targets.selection, match=match, ignore_unknown=ignore_unknown)
        self._all_targets = targets
        names = image_names(dataset)
        self._rows = targets.selection.positions_of([names[index] for index in self.indices], match=match)

    def __getitem__(self, index: Any) -> Any:
        """Return an image and its target."""
        return super().__getitem__(index)[0], torch.from_numpy(
            self._all_targets.targets_of_rows(self._rows[[index]])[0]
        )


class CleanTrainingImages(SelectedImages):
    """The images of a dataset whose file names are in a list, in the dataset's order.

    Parameters
    ----------
    dataset
        As for `image_names`.
    files
        File names or paths, such as ``n01440764_10026.JPEG``; or a text file with one name per line, or the name of a
        known source.
    match
        The part of a name that identifies an image: ``stem`` (the file name without its extension), since ImageNet's
        stems are unique; ``name`` (the file name); or ``path`` (relative to the dataset's folder), for lists from
        ``reassess clean`` if class folders share file names.

    Attributes
    ----------
    samples, targets, classes, class_to_idx
        As in the dataset, for the listed images.
    missing
        Number of listed images that are missing from the dataset.

    Raises
    ------
    DataError
        The dataset has no image file names, none of its images is listed, or a listed name fits two images.
    FetchError
        The list cannot be fetched from any source.

    Warns
    -----
    ReassessWarning
        Listed images are missing from the dataset.

    Examples
    --------
    >>> from torchvision.datasets import FakeData
    >>> dataset = FakeData(size=3)
    >>> dataset.samples = [(f"train/n01440764/n01440764_{i}.JPEG", 0) for i in range(3)]
    >>> dataset.classes, dataset.class_to_idx = ["n01440764"], {"n01440764": 0}
    >>> CleanTrainingImages(dataset, ["n01440764_2.JPEG", "n01440764_0.JPEG"]).samples
    [('train/n01440764/n01440764_0.JPEG', 0), ('train/n01440764/n01440764_2.JPEG', 0)]

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, on noise in the training labels.
    """

    def __init__(
        self, dataset: Any, files: str | Path | Iterable[str | Path] = "imagenet-train-clean", *, match: Match = "stem"
    ) -> None:
        lines = read_lines(resolve_path_or_source(str(files))) if isinstance(files, str | Path) else files
        names = [name for line in lines if (name := os.fspath(line).strip())]
        keys = sorted(set(image_keys_without_class(names, match)))
        super().__init__(dataset, ImageSelection(tuple(keys)), match=match)
