"""cleanlab's confident learning, for comparison."""

import numpy as np

from reassess.cleaning.candidates import ClassCandidates
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.cleaning.kept_images import cleaning_of
from reassess.core.checks import check_type
from reassess.core.cleaning import Cleaning
from reassess.errors import MissingPackageError

__all__ = ["clean_by_confident_learning"]


def clean_by_confident_learning(held_out: HeldOutPredictions) -> Cleaning:
    """Keep an image if cleanlab's confident learning does not call its label an issue; for comparison.

    Raises
    ------
    MissingPackageError
        cleanlab is not installed.
    DataError
        As for `clean_by_posterior`.

    Notes
    -----
    Source: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021).
    """
    check_type(held_out, HeldOutPredictions, what="the held-out predictions", mend="HeldOutPredictions.of(...)")
    try:
        from cleanlab.filter import find_label_issues
    except ImportError as error:
        raise MissingPackageError("cleanlab", extra="confident", purpose="confident learning") from error
    probabilities = ClassCandidates.of(held_out, most=held_out.classes)
    rows = np.exp(probabilities.logs.astype(np.float64))
    rows /= rows.sum(axis=1, keepdims=True)
    labels = held_out.labels.indices
    if held_out.classes == 1:  # of which it knows none
        kept = np.ones(labels.size, np.bool_)
    else:
        kept = ~find_label_issues(labels.astype(np.int64), rows, n_jobs=1)
    suggested = np.argmax(rows, axis=1).astype(np.int32)
    return cleaning_of(
        held_out,
        kept=kept,
        p_right=np.full(labels.size, np.nan),
        suggested=suggested,
        reasons=tuple("no issue by confident learning" if k else "an issue by confident learning" for k in kept),
    )
