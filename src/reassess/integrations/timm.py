"""A drop-in replacement for timm's ReaL evaluator. It matches images to labels by name.

Import it instead of ``timm.data.RealLabelsImagenet``, or run timm's unchanged validation script with it::

    python -m reassess.integrations.timm validate.py /data/imagenet/val --model resnet50 --real-labels real.json
"""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.data import read_labels
from reassess.errors import DataError, require_package
from reassess.evaluation import RealAccuracy

__all__ = ["RealLabelsImagenet"]


class RealLabelsImagenet:
    """ReaL accuracy, with the constructor and the methods of ``timm.data.RealLabelsImagenet``.

    The images can be any of ImageNet's validation images, in any order, with any folder and extension, and with or
    without the class in the name.

    Parameters
    ----------
    filenames
        Names of the images, in the order of their predictions.
    real_json
        A label file, or a known source; by default ReaL.
    topk
        The values of k.

    Raises
    ------
    DataError
        An image is listed twice or is not in the labels, or the file does not contain labels.

    Examples
    --------
    >>> real = RealLabelsImagenet(["val/ILSVRC2012_val_00000003.JPEG", "val/ILSVRC2012_val_00000004_n02093859.png"])
    >>> real.add_result(np.eye(1000, dtype=np.float32)[[231, 0]])
    >>> real.get_accuracy(k=1)
    50.0
    """

    def __init__(
        self, filenames: Sequence[str], real_json: str | Path | None = None, topk: Sequence[int] = (1, 5)
    ) -> None:
        labels = read_labels(real_json or "imagenet-real").evaluation_labels
        self.filenames = list(filenames)
        self.topk = topk
        self.sample_idx = 0
        self.metric = RealAccuracy(topk, labels=labels, images=self.filenames)

    def add_result(self, output: npt.ArrayLike, filenames: Sequence[str] | None = None) -> None:
        """Count the hits of a batch.

        Parameters
        ----------
        output
            Scores of shape (n, 1000).
        filenames
            Names of the batch's images; by default the next names in the constructor's list.

        Raises
        ------
        DataError
            There are more predictions than images, a name is not in the constructor's list, or a score is NaN.
        """
        if filenames is not None:
            return self.metric.update(output, filenames)
        last = self.sample_idx + len(output)  # type: ignore[arg-type]
        if last > len(self.filenames):
            raise DataError(
                "wrong-length",
                "more predictions than images",
                allowed=f"{len(self.filenames):,}, the number of file names",
                found=f"{last:,}",
            )
        self.metric.update(output, np.arange(self.sample_idx, last))
        self.sample_idx = last
        return None

    def get_accuracy(self, k: int | None = None) -> float | dict[int, float]:
        """Compute ReaL accuracy at k, or at each k, in percent; NaN if no image has a valid class."""
        values = {k: part.value for k, part in self.metric.counts().items()}
        percent = {k: float("nan") if value is None else 100 * value for k, value in values.items()}
        return percent if k is None else percent[k]


def _run_validation_script(path: str) -> None:
    """Run timm's validation script with this evaluator instead of timm's."""
    with require_package("timm", extra="timm", purpose="timm's validation script"):
        import timm.data
    timm.data.RealLabelsImagenet = RealLabelsImagenet
    runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.stderr.write("usage: python -m reassess.integrations.timm validate.py [arguments of validate.py]\n")
        sys.exit(2)
    del sys.argv[0]
    _run_validation_script(sys.argv[0])
