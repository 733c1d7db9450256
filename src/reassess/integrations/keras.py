"""ReaL accuracy as a metric of Keras 3, on any backend."""

from typing import Any

from reassess.errors import DataError, MissingPackageError
from reassess.evaluation.class_ranks import check_top_k
from reassess.integrations._compiled import check_batch, refuse_counted, refuse_rounding
from reassess.numeric import Proportion

try:
    import keras
    from keras import ops
    from keras.backend import standardize_dtype
except ImportError as error:
    package = error.name if error.name in ("jax", "tensorflow", "torch") else "keras"  # a backend is a package too
    raise MissingPackageError(package, extra=package, purpose="RealAccuracyMetric") from error

from reassess.integrations._keras_ranks import rank_best

__all__ = ["RealAccuracyMetric"]

_Tensor = Any  # of the backend


@keras.saving.register_keras_serializable(package="reassess")
class RealAccuracyMetric(keras.metrics.Metric):
    """ReaL accuracy at k: the share of images for which any of the k highest classes is valid; NaN where there is none.

    Parameters
    ----------
    k
        How many of the highest classes may hit.
    name
        By default ``real_top`` and k.
    dtype
        Of the sums: float32 by default, in which whole numbers are exact below 2^24 (16,777,216 images), or float64.

    Raises
    ------
    DataError
        k is no positive whole number; sums in this dtype would not be exact.

    Examples
    --------
    >>> metric = RealAccuracyMetric(k=1)
    >>> metric.update_state([[1, 2], [2, -1], [-1, -1]], [[0.1, 0.7, 0.2], [0.5, 0.1, 0.4], [0.2, 0.2, 0.6]])
    >>> float(metric.result()), metric.counts()
    (0.5, Proportion(hits=1, n=2))

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 4.
    """

    def __init__(self, k: int = 1, name: str | None = None, dtype: str | None = None) -> None:
        (self.k,) = check_top_k((k,))
        super().__init__(name=name or f"real_top{k}", dtype=dtype or "float32")
        if self.dtype not in ("float32", "float64"):
            raise DataError(
                "wrong-type", "sums in this dtype are not exact", allowed="float32 or float64", found=self.dtype
            )
        self.sums = self.add_variable(shape=(5,), initializer="zeros", dtype=self.dtype, name="sums")

    @property
    def hits(self) -> _Tensor:
        """Images of which any of the k highest classes is valid, weighted."""
        return self.sums[0]

    @property
    def total(self) -> _Tensor:
        """Images with a valid class, weighted."""
        return self.sums[1]

    @property
    def empty(self) -> _Tensor:
        """Images without one, in neither `hits` nor `total`."""
        return self.sums[2]

    @property
    def nan(self) -> _Tensor:
        """Images with a score that is NaN."""
        return self.sums[3]

    @property
    def ill_formed(self) -> _Tensor:
        """Images whose valid classes hold an id twice or out of range, or another number than 0 and 1."""
        return self.sums[4]

    def update_state(self, y_true: _Tensor, y_pred: _Tensor, sample_weight: _Tensor | None = None) -> None:
        """Count a batch.

        Parameters
        ----------
        y_true
            The valid classes. As wide as the scores: multi-hot, 0 or 1 for each class. Otherwise integers, shape
            (images, most classes of an image): class ids, and -1 where there are no more of them.
        y_pred
            Floats of shape (images, classes): a higher score ranks first, equal scores by class id.
        sample_weight
            Weight of each image, shape (images,) or (images, 1). Whatever stands in an image of weight 0 is ignored.

        Raises
        ------
        DataError
            Shapes or types are not as above; k is larger than the number of classes. What only the values tell, a NaN
            or an id out of range, makes the result NaN, and `counts` raises.
        """
        scores, target = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
        dtype = standardize_dtype(scores.dtype)
        is_hot = check_batch(scores.shape, dtype, target.shape, standardize_dtype(target.dtype))
        refuse_rounding(standardize_dtype(getattr(y_pred, "dtype", dtype)), dtype)
        images, classes = scores.shape
        check_top_k((self.k,), classes)
        if images == 0:  # of which two of the backends find no maximum
            return
        rank, is_empty, is_nan, is_ill_formed = rank_best(scores, target, is_hot)
        weight = self._weights(sample_weight, images, is_empty)
        one = ops.ones_like(weight)
        of_each = ops.stack([weight, weight, one, one, one], axis=1)
        counted = ops.stack([~is_empty & (rank < self.k), ~is_empty, is_empty, is_nan, is_ill_formed], axis=1)
        self.sums.assign_add(ops.sum(ops.where(counted & (weight != 0)[:, None], of_each, 0), axis=0))

    def result(self) -> _Tensor:
        """ReaL accuracy, in [0, 1]; NaN if no image has a valid class, a score was NaN or valid classes ill-formed."""
        is_wrong = self.nan + self.ill_formed > 0
        return ops.where(is_wrong, float("nan"), ops.divide(self.hits, self.total))

    def counts(self) -> Proportion:
        """Hits among the images that have a valid class, each weighted by a whole number or not at all.

        Raises
        ------
        DataError
            A score was NaN, valid classes were ill-formed, or a weight was no whole number.
        """
        hits, total, nan, ill_formed = (float(s) for s in (self.hits, self.total, self.nan, self.ill_formed))
        refuse_counted(int(nan), int(ill_formed))
        if not (hits.is_integer() and total.is_integer()):
            raise DataError(
                "no-count",
                "weighted images have no count",
                allowed="weights that are whole numbers",
                found=f"{hits} of {total}",
                fix="result() is the weighted accuracy",
            )
        return Proportion(int(hits), int(total))

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the same metric of, without its counts."""
        return {**super().get_config(), "k": self.k}

    def _weights(self, given: _Tensor | None, images: int | None, like: _Tensor) -> _Tensor:
        weight = ops.cast(1 if given is None else given, self.dtype)
        shape = tuple(weight.shape)
        if shape and (shape[1:] not in ((), (1,)) or (None not in (shape[0], images) and shape[0] != images)):
            raise DataError(
                "wrong-shape", "wrong shape of the weights", allowed=f"shape ({images},)", found=f"shape {shape}"
            )
        return ops.broadcast_to(ops.reshape(weight, (-1,)), ops.shape(like))
