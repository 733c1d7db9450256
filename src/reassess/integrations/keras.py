"""ReaL accuracy as a Keras 3 metric, on any backend."""

from typing import Any

from reassess.errors import DataError, MissingPackageError
from reassess.evaluation.class_ranks import normalize_top_k
from reassess.integrations._compiled import (
    check_batch_and_detect_multi_hot,
    raise_if_dtype_was_narrowed,
    raise_if_invalid,
)
from reassess.numeric import Proportion

try:
    import keras
    from keras import ops
    from keras.backend import standardize_dtype
except ImportError as error:
    package = error.name if error.name in ("jax", "tensorflow", "torch") else "keras"  # the backend can be missing too
    raise MissingPackageError(package, extra=package, purpose="RealAccuracyMetric") from error

if keras.backend.backend() == "jax":  # faster than the operations that all backends have
    from reassess.integrations._jax_ranks import find_best_ranks
else:
    from reassess.integrations._keras_ranks import find_best_ranks  # type: ignore[assignment]

__all__ = ["RealAccuracyMetric"]

_Tensor = Any  # a tensor of the backend


@keras.saving.register_keras_serializable(package="reassess")
class RealAccuracyMetric(keras.metrics.Metric):
    """ReaL accuracy at k: the share of images where one of the k classes with the highest scores is valid.

    Parameters
    ----------
    k
        Number of classes with the highest scores that count as the prediction.
    name
        By default ``real_top`` and k.
    dtype
        Type of the sums: float32 (default), where integers are exact below 2^24 (16,777,216 images), or float64.

    Raises
    ------
    DataError
        k is not a positive integer, or sums in this dtype would not be exact.

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
        (self.k,) = normalize_top_k((k,))
        super().__init__(name=name or f"real_top{k}", dtype=dtype or "float32")
        if self.dtype not in ("float32", "float64"):
            raise DataError(
                "wrong-type",
                "hits cannot be summed exactly in this dtype",
                allowed="float32 or float64",
                found=self.dtype,
            )
        self.sums = self.add_variable(shape=(5,), initializer="zeros", dtype=self.dtype, name="sums")

    @property
    def hits(self) -> _Tensor:
        """Weighted number of images where one of the k classes with the highest scores is valid."""
        return self.sums[0]

    @property
    def n_scored(self) -> _Tensor:
        """Weighted number of images with a valid class."""
        return self.sums[1]

    @property
    def n_without_valid_class(self) -> _Tensor:
        """Number of images without a valid class; `hits` and `n_scored` do not include these images."""
        return self.sums[2]

    @property
    def n_nan(self) -> _Tensor:
        """Number of images with a NaN score."""
        return self.sums[3]

    @property
    def n_with_invalid_target(self) -> _Tensor:
        """Number of images whose target has a duplicate id, an id out of range, or a number other than 0 or 1."""
        return self.sums[4]

    def update_state(self, y_true: _Tensor, y_pred: _Tensor, sample_weight: _Tensor | None = None) -> None:
        """Count the hits of a batch.

        Parameters
        ----------
        y_true
            The valid classes. With as many columns as the scores: multi-hot, 0 or 1 for each class. Otherwise integers,
            shape (images, most classes of an image): class ids, padded with -1.
        y_pred
            Floats of shape (images, classes). The highest score ranks first, ties by class id.
        sample_weight
            Weight of each image, shape (images,) or (images, 1). Images with weight 0 are ignored.

        Raises
        ------
        DataError
            A shape or type is wrong, or k is larger than the number of classes. Invalid values, such as NaN or an id
            out of range, make the result NaN; `counts` then raises.
        """
        scores, target = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
        dtype = standardize_dtype(scores.dtype)
        is_multi_hot = check_batch_and_detect_multi_hot(
            scores.shape, dtype, target.shape, standardize_dtype(target.dtype)
        )
        raise_if_dtype_was_narrowed(standardize_dtype(getattr(y_pred, "dtype", dtype)), dtype)
        images, classes = scores.shape
        normalize_top_k((self.k,), classes)
        if images == 0:  # two backends cannot compute the maximum of an empty tensor
            return
        ranks, is_empty, is_nan, is_target_invalid = find_best_ranks(scores, target, is_multi_hot)
        weight = self._broadcast_weights(sample_weight, images, is_empty)
        ones = ops.ones_like(weight)
        weights = ops.stack([weight, weight, ones, ones, ones], axis=1)
        flags = ops.stack([~is_empty & (ranks < self.k), ~is_empty, is_empty, is_nan, is_target_invalid], axis=1)
        self.sums.assign_add(ops.sum(ops.where(flags & (weight != 0)[:, None], weights, 0), axis=0))

    def result(self) -> _Tensor:
        """Compute ReaL accuracy, in [0, 1]; NaN without valid classes, or after invalid values."""
        is_wrong = self.n_nan + self.n_with_invalid_target > 0
        return ops.where(is_wrong, float("nan"), ops.divide(self.hits, self.n_scored))

    def counts(self) -> Proportion:
        """Return the number of hits, and of images with a valid class; weights must be integers.

        Raises
        ------
        DataError
            A score was NaN, valid classes were invalid, or weights were not integers.
        """
        hits, total, nan, invalid_target = (
            float(s) for s in (self.hits, self.n_scored, self.n_nan, self.n_with_invalid_target)
        )
        raise_if_invalid(int(nan), int(invalid_target))
        if not (hits.is_integer() and total.is_integer()):
            raise DataError(
                "no-count",
                "hits of images with fractional weights cannot be counted",
                allowed="weights that are whole numbers",
                found=f"{hits} of {total}",
                fix="use result(), the weighted accuracy",
            )
        return Proportion(int(hits), int(total))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments for `from_config`; they do not contain the counts."""
        return {**super().get_config(), "k": self.k}

    def _broadcast_weights(self, sample_weight: _Tensor | None, n_images: int | None, reference: _Tensor) -> _Tensor:
        """Return one weight for each image; `reference` has the shape of the result."""
        weight = ops.cast(1 if sample_weight is None else sample_weight, self.dtype)
        shape = tuple(weight.shape)
        if shape and (shape[1:] not in ((), (1,)) or (None not in (shape[0], n_images) and shape[0] != n_images)):
            raise DataError(
                "wrong-shape", "wrong shape of the weights", allowed=f"shape ({n_images},)", found=f"shape {shape}"
            )
        return ops.broadcast_to(ops.reshape(weight, (-1,)), ops.shape(reference))
