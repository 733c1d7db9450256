"""The outcome of each image, as a table."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets, MultiLabels, Scores, Votes
from reassess.core.checks import check_type
from reassess.evaluation.mistakes import MISTAKE_KINDS, mistake_kinds, validity
from reassess.evaluation.multi_label_accuracy import VERDICTS, verdicts
from reassess.evaluation.outcomes import LABELLED, STATES, Outcomes

if TYPE_CHECKING:
    import polars as pl


def outcomes_table(
    each: Mapping[str, Outcomes],
    labels: LabelSets,
    *,
    original: LabelSets | None = None,
    scores: Scores | None = None,
    experts: Votes | None = None,
    reviewed: MultiLabels | None = None,
) -> "pl.DataFrame":
    """A table with a row for each model and image.

    Parameters
    ----------
    each
        The outcome of each image, by the model's name.
    labels, original, scores, experts
        As for `reassess.evaluate`.
    reviewed
        Label sets with unclear, wrong or problematic labels too.

    Returns
    -------
    polars.DataFrame. Columns: file (the model's name), image, state (labelled, empty, unlabelled, unknown, excluded),
    labels (how many classes are valid), valid (their names, separated by ``; ``), original (the original label, by id
    or by name as in the files; null without original labels), original_name, top1 (the model's first class, in the
    same way; null if it is not a class), top1_name, correct (top-1 is valid; null unless the state is labelled),
    rank (of the best valid class, from 1; null where it comes after all that are known), valid_found (of n valid
    classes, how many are among the first n), original_rank (of the original label, as rank), label_error (the top-1 is
    valid, and is not the original label, so that it is a mistake by the original label alone; null unless both labels
    are known); from scores, else null: score (P(top-1 is
    valid)), mistake (the kind of a wrong top-1, one of `reassess.evaluation.MISTAKE_KINDS`). With reviewed label sets
    also verdict: the reviewers' verdict on the top-1, or why the image is not scored, one of
    `reassess.evaluation.VERDICTS`.

    Examples
    --------
    >>> from reassess import Predictions, find_outcomes
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[0, 2], []])
    >>> outcomes = find_outcomes(Predictions.from_ids([[1, 2], [0, 1]]), labels)
    >>> outcomes_table({"one": outcomes}, labels).select("file", "image", "state", "top1", "correct", "rank").rows()
    [('one', 'a.png', 'labelled', 1, False, 2), ('one', 'b.png', 'empty', 0, None, None)]
    """
    check_type(Mapping, each, what="outcomes of each model", fix="{NAME: find_outcomes(PREDICTIONS, LABELS)}")
    import polars as pl

    scores = None if scores is None else scores.in_classes(labels.classes)
    experts = None if experts is None else experts.in_classes(labels.classes)
    original = None if original is None else original.in_classes(labels.classes)
    called = labels.classes.label
    names = pl.Series(
        [*("; ".join(map(called, labels[image] or ())) for image in labels.images), None], dtype=pl.String
    )
    tables = []
    for file, outcomes in each.items():
        labelled = outcomes.state == LABELLED
        sizes = np.append(labels.sizes, -1)[outcomes.label_rows]
        kinds = np.full(len(outcomes), -1) if scores is None else mistake_kinds(outcomes, scores, experts)
        valid = np.full(len(outcomes), np.nan) if scores is None else validity(outcomes, scores)[0]
        before = np.full(len(outcomes), -1)
        if original is not None and len(original):
            before = np.where(outcomes.original_rows >= 0, original.indices[outcomes.original_rows], -1)
        tables.append(
            pl.DataFrame(
                {
                    "file": pl.repeat(file, len(outcomes), eager=True),
                    "image": list(outcomes.images),
                    "state": [STATES[state] for state in outcomes.state.tolist()],
                    "labels": _nullable(sizes),
                    "valid": names.gather(outcomes.label_rows),
                    "original": labels.classes.column(before),
                    "original_name": _names(called, before),
                    "top1": labels.classes.column(outcomes.top1),
                    "top1_name": _names(called, outcomes.top1),
                    "correct": pl.Series(outcomes.rank == 0).set(pl.Series(~labelled), None),
                    "rank": _known_rank(outcomes.rank, outcomes.depth),
                    "valid_found": _nullable(outcomes.overlap),
                    "original_rank": _known_rank(outcomes.original_rank, outcomes.depth),
                    "label_error": pl.Series(outcomes.label_errors).set(
                        pl.Series(~labelled | (outcomes.original_rank < 0)), None
                    ),
                    "score": pl.Series(valid).fill_nan(None),
                    "mistake": pl.Series([*MISTAKE_KINDS, None], dtype=pl.String).gather(kinds),
                }
            )
        )
        if reviewed is not None:
            verdict = pl.Series(VERDICTS).gather(verdicts(outcomes, reviewed))
            tables[-1] = tables[-1].with_columns(verdict=verdict)
    return pl.concat(tables)


def _names(called: Callable[[int], str], class_ids: npt.NDArray[np.integer]) -> "pl.Series":
    import polars as pl

    return pl.Series([called(i) if i >= 0 else None for i in class_ids.tolist()], dtype=pl.String)


def _known_rank(ranks: npt.NDArray[np.int32], depth: int) -> "pl.Series":
    """Ranks from 1, null where the class is not among the first `depth` that are known."""
    return _nullable(np.where((ranks >= 0) & (ranks < depth), ranks + 1, -1))


def _nullable(values: npt.NDArray[np.integer]) -> "pl.Series":
    """A column in which -1 stands for nothing."""
    import polars as pl

    return pl.Series(values).set(pl.Series(values < 0), None)
