"""Some images of a torchvision or timm dataset, chosen by name; other classes, and targets for a loss, by name too."""

import os
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from reassess.core import ImageSelection, Match, TrainingTargets
from reassess.core.checks import check_type
from reassess.core.image_selection import selection_keys, warn_missing, warn_unexpected
from reassess.data import resolve
from reassess.errors import DataError, importing
from reassess.formats.files import read_lines
from reassess.integrations._new_classes import new_classes

__all__ = ["CleanTraining", "RelabelledImages", "SelectedImages", "TargetImages", "image_names"]

with importing("torch", extra="torchvision", purpose="a subset of a dataset"):
    import torch
    from torch.utils.data import Subset


def image_names(dataset: Any) -> list[str]:
    """The path of each image of a dataset, below its root.

    Parameters
    ----------
    dataset
        A dataset with the paths of its images in ``samples``, such as torchvision's ImageFolder and ImageNet; with
        ``filenames()``, such as timm's; or a subset of one.

    Raises
    ------
    DataError
        The dataset does not say which files its images are.

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
        folder = os.path.join(os.fspath(root), "") if root else ""  # noqa: PTH118 - as it is written in the paths
        return [os.fspath(path).removeprefix(folder) for path, *_ in dataset.samples]
    if callable(getattr(dataset, "filenames", None)):
        return [os.fspath(name) for name in dataset.filenames()]
    raise DataError(
        "missing-image-names",
        "dataset does not give the files of its images",
        allowed="one with samples, such as torchvision's ImageFolder, or with filenames(), such as timm's",
        found=type(dataset).__name__,
    )


class SelectedImages(Subset):
    """The images of a dataset that a selection names, in the dataset's order.

    Parameters
    ----------
    dataset
        As for `image_names`.
    selection
        Which images are wanted, such as ``folds.training(0)``.
    match
        Which part of a name identifies an image: its path below the dataset's root, its file name, or that without
        its extension.
    ignore_unknown
        Leave out images that the folds do not know instead of stopping; they are counted in a warning.

    Attributes
    ----------
    samples, targets, classes, class_to_idx
        As those of the dataset, of the chosen images, where it has them.
    transform
        That of the dataset; to set it here changes no other part of the same dataset.
    missing
        Number of wanted images that the dataset does not hold.

    Raises
    ------
    DataError
        The dataset does not say which files its images are; no wanted image is there; two images have the name of one;
        images are not known to the selection.

    Warns
    -----
    ReassessWarning
        The dataset lacks wanted images; or images are left out that are not known.

    Examples
    --------
    >>> from torchvision.datasets import FakeData
    >>> import numpy as np
    >>> from reassess.core import Folds
    >>> dataset = FakeData(size=3)
    >>> dataset.samples = [("cat/1.png", 0), ("cat/2.png", 0), ("dog/1.png", 1)]
    >>> folds = Folds(("cat/1.png", "cat/2.png", "dog/1.png"), np.array([0, 1, 0]))
    >>> SelectedImages(dataset, folds.held_out(0)).samples
    [('cat/1.png', 0), ('dog/1.png', 1)]
    >>> SelectedImages(dataset, folds.training(0)).samples
    [('cat/2.png', 0)]
    """

    dataset: Any
    indices: Sequence[int]
    _all_wanted = True  # whether an image that the dataset lacks is worth a warning

    def __init__(
        self, dataset: Any, selection: ImageSelection, *, match: Match = "path", ignore_unknown: bool = False
    ) -> None:
        check_type(ImageSelection, selection, what="selection", fix="read_clean_list(FILE) or ImageSelection(images)")
        names = image_names(dataset)
        rows = selection.rows(names, match=match, ignore_unknown=ignore_unknown)
        super().__init__(dataset, rows.tolist())
        self._take_parts()
        depth = 2 if type(self) is SelectedImages else 3
        self.missing = warn_missing(names, selection, match, depth=depth) if self._all_wanted else 0
        warn_unexpected(names, selection, match, depth=depth)

    def __repr__(self) -> str:
        lines = [
            f"Dataset {type(self).__name__}",
            f"Number of datapoints: {len(self):,} of {len(self.dataset):,}",
            f"On the list and not here: {self.missing:,}",
        ]
        return "\n    ".join(lines)

    def __getitem__(self, index: Any) -> Any:
        """The item of the dataset."""
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The items of a batch."""
        return [self[index] for index in indices]

    @property
    def transform(self) -> Any:
        """The function of an image."""
        return getattr(self.dataset, "transform", None)

    @transform.setter
    def transform(self, function: Any) -> None:
        self.dataset = copy(self.dataset)
        self.dataset.transform = function

    def _take_parts(self) -> None:
        """What some datasets have beside their images."""
        dataset = self.dataset
        if hasattr(dataset, "samples"):
            self.samples = [dataset.samples[index] for index in self.indices]
            self.targets = [target for _, target, *_ in self.samples]
        for name in ("classes", "class_to_idx"):
            if hasattr(dataset, name):
                setattr(self, name, getattr(dataset, name))


class RelabelledImages(SelectedImages):
    """A dataset in which some images, by name, have another class than before.

    Parameters
    ----------
    dataset
        As for `image_names`; its items are (image, class).
    classes_of
        The class of each image that gets another: its number in the dataset, or its name in ``class_to_idx``.
    match
        As for `SelectedImages`.

    Attributes
    ----------
    relabelled
        Number of images whose class is another one now, where the dataset has ``targets``.

    Raises
    ------
    DataError
        As for `SelectedImages`; or a class is none of the dataset.

    Examples
    --------
    >>> from torchvision.datasets import FakeData
    >>> dataset = FakeData(size=2, num_classes=2)
    >>> dataset.samples, dataset.class_to_idx = [("1.png", 0), ("2.png", 0)], {"cat": 0, "dog": 1}
    >>> RelabelledImages(dataset, {"2.png": "dog"}).targets
    [0, 1]
    """

    def __init__(self, dataset: Any, classes_of: Mapping[str, int | str], *, match: Match = "path") -> None:
        selection, ids = new_classes(classes_of, getattr(dataset, "class_to_idx", None))
        names = image_names(dataset)
        super().__init__(dataset, selection, match=match)
        found = selection.find(names, match=match)
        self._class_of = {index: ids[found[index]].item() for index in self.indices}
        before = getattr(self, "targets", [])
        self.relabelled = sum(
            self._class_of[index] != target for index, target in zip(self.indices, before, strict=False)
        )
        self.indices = range(len(names))
        self._take_parts()
        if hasattr(self, "samples"):
            parts = [(path, self._class_of.get(row, target)) for row, (path, target, *_) in enumerate(self.samples)]
            self.samples, self.targets = parts, [target for _, target in parts]

    def __getitem__(self, index: Any) -> Any:
        """The item of the dataset, with its new class."""
        image, target, *others = super().__getitem__(index)
        if (new := self._class_of.get(range(len(self))[index])) is not None:
            change = getattr(self.dataset, "target_transform", None)
            target = new if change is None else change(new)
        return (image, target, *others)


class TargetImages(SelectedImages):
    """The images of a dataset that have a target, each with it: float32 of shape (classes,), for a loss.

    Parameters
    ----------
    dataset
        As for `image_names`; its own targets are not used.
    targets
        What `reassess.training_targets` gives. Images that it left out are left out.
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

    _all_wanted = False  # a part of a dataset may be trained on

    def __init__(
        self, dataset: Any, targets: TrainingTargets, *, match: Match = "path", ignore_unknown: bool = False
    ) -> None:
        check_type(TrainingTargets, targets, what="targets", fix="training_targets(...)")
        super().__init__(dataset, targets.selection, match=match, ignore_unknown=ignore_unknown)
        self._of = targets
        names = image_names(dataset)
        self._rows = targets.selection.find([names[index] for index in self.indices], match=match)

    def __getitem__(self, index: Any) -> Any:
        """The image and its target."""
        return super().__getitem__(index)[0], torch.from_numpy(self._of.of_rows(self._rows[[index]])[0])


class CleanTraining(SelectedImages):
    """The images of a dataset whose file names are on a list, in the dataset's order.

    Parameters
    ----------
    dataset
        As for `image_names`.
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
