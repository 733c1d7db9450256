"""ReaL in TensorFlow Datasets: images, original and valid classes, scores and votes, all joined by file name.

Once this module is imported, ``tfds.load("imagenet_real")`` builds and loads the dataset.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reassess.core import KNOWN_ANSWERS, LabelSets, Questions
from reassess.data import SOURCES, read_labels, read_original, read_scores, read_votes
from reassess.data.image_archives import TarImages
from reassess.data.image_folders import FolderImages, find_images
from reassess.errors import DataError, at, importing
from reassess.evaluation.outcomes import refuse_unknown
from reassess.text import some

with importing("tensorflow-datasets", extra="tfds", purpose="a dataset of TFDS"):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.datasets.imagenet2012.imagenet_common import label_names_file

__all__ = ["ImagenetReal"]

_Columns = dict[str, npt.NDArray[Any]]
_Examples = Iterator[tuple[str, dict[str, Any]]]
_DESCRIPTION = """\
ImageNet's validation images with the labels of "Are we done with ImageNet?": for each image the set of its valid
classes, possibly empty; for each class that raters were asked about, the probability that it is valid, and their votes.
"""


class ImagenetReal(tfds.core.GeneratorBasedBuilder):
    """ImageNet's validation images with their reassessed labels, scores and votes; TFDS knows it as ``imagenet_real``.

    The features are those of TFDS's own ``imagenet2012_real``, and three more.

    - ``image``, ``file_name``: the JPEG as it is, and its name.
    - ``original_label``: the class that ImageNet gave, a ClassLabel named by wnid.
    - ``real_label``: the valid classes, ascending; empty where raters found none.
    - ``rated``: whether raters were asked about the image. If not, its valid class is its original label.
    - ``scores``: ``class`` and ``score`` (float32, the probability that it is valid) of each question that was asked.
    - ``votes``: ``class`` and the number of raters who answered ``no``, ``maybe`` and ``yes`` to each question.

    Questions are in the order of their classes. The configuration ``full`` demands all 50,000 images, ``subset`` takes
    those that are there. In `manual_dir` lies ``ILSVRC2012_img_val.tar`` as it is published, or its images in a folder
    ``val``, with or without class folders. Labels, scores and votes are fetched if need be.

    Raises
    ------
    DataError
        There are no images; one is there twice, or is none of ImageNet's; in ``full``, images are missing. This and the
        next are raised by ``download_and_prepare``.
    SourceError
        No place has the labels, scores or votes.

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
        tfds.core.BuilderConfig(name="subset", description="The images that manual_dir holds."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "manual_dir should hold ILSVRC2012_img_val.tar, as https://image-net.org gives it to registered users, "
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
        images = find_images(Path(dl_manager.manual_dir), lambda path: path.lower().endswith((".jpeg", ".jpg")))
        labels = read_labels().evaluation_labels
        names = tuple(path.rpartition("/")[2] for path in images.paths)
        with at(images.place):
            _check_names(names, labels, complete=self.builder_config.name == "full")
        return {"validation": self._generate_examples(images, names, labels)}

    def _generate_examples(
        self, images: FolderImages | TarImages, names: tuple[str, ...], labels: LabelSets
    ) -> _Examples:
        original = read_original()
        original_ids = original.indices[original.find(names)]
        answered = zip(names, _scores_of_each(names), _votes_of_each(names), strict=True)
        for row, (name, scores, votes) in enumerate(answered):
            features = {"image": images.source(row), "original_label": original_ids[row], "real_label": labels[name]}
            features |= {"file_name": name, "rated": votes["class"].size > 0, "scores": scores, "votes": votes}
            yield name, features


def _check_names(names: tuple[str, ...], labels: LabelSets, *, complete: bool) -> None:
    rows = labels.find(names)
    refuse_unknown(names, np.flatnonzero(rows < 0), labels.images, "keep only validation images there")
    missing = np.setdiff1d(np.arange(len(labels)), rows)
    if complete and missing.size:
        raise DataError(
            "missing-images",
            f"{missing.size:,} of {len(labels):,} images are missing",
            found=f"no {some([labels.images[row] for row in missing.tolist()], most=3)}",
            fix="get all images, or build those that are there: tfds.load('imagenet_real/subset')",
        )


def _scores_of_each(images: Sequence[str]) -> list[_Columns]:
    scores = read_scores()
    class_ids, values = scores.questions.class_ids, scores.values
    return [{"class": class_ids[rows], "score": values[rows]} for rows in _about_each(scores.questions, images)]


def _votes_of_each(images: Sequence[str]) -> list[_Columns]:
    votes = read_votes()
    assert isinstance(votes.items, Questions)  # the known source holds no other votes
    counts = votes.counts()
    columns: _Columns = {"class": votes.items.class_ids}
    columns |= {answer: counts[:, votes.answer_id(answer)] for answer in KNOWN_ANSWERS}
    return [{name: column[rows] for name, column in columns.items()} for rows in _about_each(votes.items, images)]


def _about_each(questions: Questions, images: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    """Positions of the questions about each image, by class; none for an image that is unrated."""
    order = np.lexsort((questions.class_ids, questions.image_ids))
    ends = np.cumsum(np.bincount(questions.image_ids, minlength=len(questions.images)))
    by_image = np.split(order, ends)  # one more than there are images, the last of no question
    return [by_image[row] for row in questions.rows_of(images)]
