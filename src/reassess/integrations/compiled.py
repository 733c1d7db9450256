"""A compiled graph cannot raise: what is wrong with its inputs it counts, and the host raises."""

from reassess.errors import DataError

__all__ = ["refuse_counted"]


def refuse_counted(nan: int, ill_formed: int) -> None:
    """Raise the `DataError` for images that a graph has found wrong.

    Parameters
    ----------
    nan
        Number of images with a score that is NaN.
    ill_formed
        Number of images whose valid classes are neither multi-hot nor ids padded with -1.

    Examples
    --------
    >>> refuse_counted(0, 0)
    >>> refuse_counted(2, 0)
    Traceback (most recent call last):
        ...
    reassess.errors.DataError: a score is NaN
      allowed: any number, and +inf or -inf
      found:   NaN in the scores of images: 2
      to mend: find out why the model returns NaN
    """
    if nan:
        raise DataError(
            "a score is NaN",
            allowed="any number, and +inf or -inf",
            found=f"NaN in the scores of images: {nan:,}",
            mend="find out why the model returns NaN",
        )
    if ill_formed:
        raise DataError(
            "valid classes are neither multi-hot nor ids padded with -1",
            allowed="0 or 1 for each class; or ids below the number of classes, each once, then -1",
            found=f"other numbers, or an id twice, for images: {ill_formed:,}",
            mend="a multi-hot target has as many columns as the scores, ids have fewer; -1 needs a signed type",
        )
