"""What a metric within a compiled graph asks of a batch.

Shapes and types are checked while the graph is compiled. Nothing can be raised within it: images that are wrong are
counted there, and the host raises.
"""

from collections.abc import Sequence

from reassess.core.checks import check_length
from reassess.errors import DataError
from reassess.evaluation.batch_targets import is_multi_hot

_SCORE_TYPES = ("bfloat16", "float16", "float32", "float64")


def check_batch(
    scores: Sequence[int | None], scores_dtype: str, target: Sequence[int | None], target_dtype: str
) -> bool:
    """Whether the target is multi-hot, of scores and a target of these shapes and types; else it is padded ids."""
    if len(scores) != 2 or not scores[1] or scores_dtype not in _SCORE_TYPES:
        raise DataError(
            "wrong-type",
            "scores must be floats, one row per image and one column per class",
            allowed=f"{', '.join(_SCORE_TYPES)} of shape (images, classes)",
            found=f"{scores_dtype} {tuple(scores)}",
        )
    is_hot = is_multi_hot(target, target_dtype, scores[1])
    if scores[0] is not None and target[0] is not None:
        check_length(target[0], scores[0], things="targets", each="row of scores")
    return is_hot


def refuse_rounding(given: str, kept: str) -> None:
    """Raise `DataError` if a framework keeps scores in a narrower type than it was given."""
    if given != kept:
        raise DataError(
            "rounded-scores",
            "scores would be rounded, which makes ties",
            allowed=kept,
            found=given,
            fix=f"give {kept}, or let the framework keep {given}; in JAX, set jax_enable_x64",
        )


def refuse_counted(nan: int, ill_formed: int) -> None:
    """Raise the `DataError` for images that a graph has found wrong."""
    if nan:
        raise DataError(
            "not-a-number",
            "score is NaN",
            allowed="any number, and +inf or -inf",
            found=f"NaN in the scores of images: {nan:,}",
            fix="find out why the model returns NaN",
        )
    if ill_formed:
        raise DataError(
            "wrong-target",
            "valid classes are neither multi-hot nor ids padded with -1",
            allowed="0 or 1 for each class; or ids below the number of classes, each once, then -1",
            found=f"other numbers, or an id twice, for images: {ill_formed:,}",
            fix="a multi-hot target has as many columns as the scores, ids have fewer; -1 needs a signed type",
        )
