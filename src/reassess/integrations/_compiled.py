"""Checks of the batches that metrics get, for code that a framework compiles to a graph.

Shapes and types are checked while the graph is compiled. A graph cannot raise errors. Therefore, it counts invalid
images, and code outside the graph raises.
"""

from collections.abc import Sequence

from reassess.core.checks import check_length
from reassess.errors import DataError
from reassess.evaluation.batch_targets import is_multi_hot
from reassess.text import count_noun

_SCORE_TYPES = ("bfloat16", "float16", "float32", "float64")


def check_batch_and_detect_multi_hot(
    scores_shape: Sequence[int | None], scores_dtype: str, target_shape: Sequence[int | None], target_dtype: str
) -> bool:
    """Check shapes and types of scores and target; return True for a multi-hot target, False for padded ids."""
    if len(scores_shape) != 2 or not scores_shape[1] or scores_dtype not in _SCORE_TYPES:
        raise DataError(
            "wrong-type",
            "scores must be floats, one row per image and one column per class",
            allowed=f"{', '.join(_SCORE_TYPES)} of shape (images, classes)",
            found=f"{scores_dtype} {tuple(scores_shape)}",
        )
    is_target_multi_hot = is_multi_hot(target_shape, target_dtype, scores_shape[1])
    if scores_shape[0] is not None and target_shape[0] is not None:
        check_length(target_shape[0], scores_shape[0], plural_name="targets", item_name="row of scores")
    return is_target_multi_hot


def raise_if_dtype_was_narrowed(scores_dtype: str, framework_dtype: str) -> None:
    """Raise if a framework has converted scores to a narrower dtype."""
    if scores_dtype != framework_dtype:
        raise DataError(
            "rounded-scores",
            "scores would be rounded, which creates ties",
            allowed=framework_dtype,
            found=scores_dtype,
            fix=f"convert the scores to {framework_dtype} yourself, or enable {scores_dtype} in the framework (in JAX: "
            "jax_enable_x64)",
        )


def raise_if_invalid(n_nan: int, n_with_invalid_target: int) -> None:
    """Raise if compiled code counted images with NaN scores or invalid targets."""
    if n_nan:
        raise DataError(
            "not-a-number",
            "score is NaN",
            allowed="any number, and +inf or -inf",
            found=f"NaN in the scores of {count_noun(n_nan, 'image')}",
            fix="find out why the model returns NaN",
        )
    if n_with_invalid_target:
        raise DataError(
            "wrong-target",
            "valid classes are neither multi-hot nor ids padded with -1",
            allowed="0 or 1 for each class; or distinct ids below the number of classes, then -1",
            found=f"other numbers, or duplicate ids, for {count_noun(n_with_invalid_target, 'image')}",
            fix="for multi-hot, use as many columns as the scores; for ids, use fewer columns and a signed type",
        )
