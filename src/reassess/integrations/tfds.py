"""ReaL in TensorFlow Datasets: images with labels, scores and votes, joined by file name.

Once this module is imported, ``tfds.load("imagenet_real")`` builds and loads the dataset.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reassess.core import KNOWN_ANSWERS, LabelSets, Questions
from reassess.data import SOURCES, read_labels, read_original_labels, read_scores, read_votes
from reassess.data.image_archives import TarImages
from reassess.data.image_folders import FolderImages, find_validation_images
from reassess.errors import DataError, add_error_place, require_package
from reassess.evaluation.outcomes import raise_if_unknown
from reassess.text import join_first

with require_package("tensorflow-datasets", extra="tfds", purpose="a dataset of TFDS"):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.datasets.imagenet2012.imagenet_common import label_names_file

__all__ = ["ImagenetReal"]

_Columns = dict[str, npt.NDArray[Any]]
_Examples = Iterator[tuple[str, dict[str, Any]]]
_DESCRIPTION = """\
ImageNet's validation images with the labels of "Are we done with ImageNet?": the set of valid classes of each image,
possibly empty; and the votes on each class that raters were asked about, with the probability that it is valid.
"""


class ImagenetReal(tfds.core.GeneratorBasedBuilder):
    """ImageNet's validation images with reassessed labels, scores and votes; ``imagenet_real`` in TFDS.

    TFDS's ``imagenet2012_real`` has the same features, except ``rated``, ``scores`` and ``votes``.

    - ``image``, ``file_name``: the unchanged JPEG, and its name.
    - ``original_label``: the original ImageNet class, a ClassLabel with wnids.
    - ``real_label``: the valid classes, ascending; empty if no class is valid.
    - ``rated``: whether raters were asked about the image. If not, its valid class is its original label.
    - ``scores``: ``class`` and ``score`` (float32, the probability that it is valid) of each question.
    - ``votes``: ``class`` and the numbers of raters who answered ``no``, ``maybe`` and ``yes`` to each question.

    Questions are sorted by class. The configuration ``full`` needs all 50,000 images, ``subset`` uses the available
    images. `manual_dir` must contain the published ``ILSVRC2012_img_val.tar``, or its images in a folder ``val``, with
    or without class folders. Labels, scores and votes are fetched if needed.

    Raises
    ------
    DataError
        Images are missing (in ``full``, any of them), an image is there twice, or it is not from ImageNet.
        ``download_and_prepare`` raises this and the next error.
    FetchError
        Labels, scores or votes cannot be fetched from any source.

    Examples
    --------
    >>> tfds.builder_cls("imagenet_real").__name__, sorted(ImagenetReal.builder_configs)
    ('ImagenetReal', ['full', 'subset'])

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 3.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="full", description="All 50,000 images."),
        tfds.core.BuilderConfig(name="subset", description="Only the images that you placed in manual_dir."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "manual_dir must contain ILSVRC2012_img_val.tar, which registered users get from https://image-net.org, "
        "or its images in a folder val, with or without class folders."
    )

    def _info(self) -> Any:
        label = tfds.features.ClassLabel(names_file=label_names_file())
        features = {
            "image": tfds.features.Image(encoding_format="jpeg"),
            "original_label": label,
            "real_label": tfds.features.Sequence(label),
            "file_name": tfds.features.Text(),
            "rated": np.bool_,
            "scores": tfds.features.Sequence({"class": label, "score": np.float32}),
            "votes": tfds.features.Sequence({"class": label, "no": np.int32, "maybe": np.int32, "yes": np.int32}),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "real_label"),
            homepage="https://github.com/google-research/reassessed-imagenet",
            citation=SOURCES["imagenet-real"].citation,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, _Examples]:
        images = find_validation_images(
            Path(dl_manager.manual_dir), lambda path: path.lower().endswith((".jpeg", ".jpg"))
        )
        labels = read_labels().evaluation_labels
        names = tuple(path.rpartition("/")[2] for path in images.paths)
        with add_error_place(images.source_path):
            _check_images(names, labels, needs_all_images=self.builder_config.name == "full")
        return {"validation": self._generate_examples(images, names, labels)}

    def _generate_examples(
        self, images: FolderImages | TarImages, names: tuple[str, ...], labels: LabelSets
    ) -> _Examples:
        original = read_original_labels()
        original_ids = original.indices[original.find(names)]
        columns = zip(names, _scores_by_image(names), _votes_by_image(names), strict=True)
        for row, (name, scores, votes) in enumerate(columns):
            features = {
                "image": images.image_file(row),
                "original_label": original_ids[row],
                "real_label": labels[name],
            }
            features |= {"file_name": name, "rated": votes["class"].size > 0, "scores": scores, "votes": votes}
            yield name, features


def _check_images(names: tuple[str, ...], labels: LabelSets, *, needs_all_images: bool) -> None:
    """Raise if an image is unknown, or if an image is missing from a dataset that needs all images."""
    rows = labels.find(names)
    raise_if_unknown(names, np.flatnonzero(rows < 0), labels.images, "keep only validation images there")
    missing = np.setdiff1d(np.arange(len(labels)), rows)
    if needs_all_images and missing.size:
        raise DataError(
            "missing-images",
            f"{missing.size:,} of {len(labels):,} images are missing",
            found=f"no {join_first([labels.images[row] for row in missing.tolist()], max_items=3)}",
            fix="get all images, or build only the available images: tfds.load('imagenet_real/subset')",
        )


def _scores_by_image(images: Sequence[str]) -> list[_Columns]:
    """Return the columns ``class`` and ``score`` of each image."""
    scores = read_scores()
    class_ids, values = scores.questions.class_ids, scores.values
    return [{"class": class_ids[rows], "score": values[rows]} for rows in _rows_by_image(scores.questions, images)]


def _votes_by_image(images: Sequence[str]) -> list[_Columns]:
    """Return the column ``class`` of each image, and a column of counts for each answer."""
    votes = read_votes()
    assert isinstance(votes.items, Questions)  # the known source has votes on questions
    counts = votes.counts()
    columns: _Columns = {"class": votes.items.class_ids}
    columns |= {answer: counts[:, votes.answer_id(answer)] for answer in KNOWN_ANSWERS}
    return [{name: column[rows] for name, column in columns.items()} for rows in _rows_by_image(votes.items, images)]


def _rows_by_image(questions: Questions, images: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    """Return the rows of the questions about each image, sorted by class; empty for an unrated image."""
    order = np.lexsort((questions.class_ids, questions.image_ids))
    ends = np.cumsum(np.bincount(questions.image_ids, minlength=len(questions.images)))
    by_image = np.split(order, ends)  # and one more at the end, empty, for row -1
    return [by_image[row] for row in questions.rows_of(images)]
