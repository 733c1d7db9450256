"""A table of the outcome of each image."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core import JudgedMistakes, LabelSets, MultiLabels, Scores, Votes
from reassess.core.checks import check_type
from reassess.evaluation.mistakes import MISTAKE_KINDS, mistake_kinds, validity_probabilities
from reassess.evaluation.multi_label_accuracy import VERDICTS, verdicts
from reassess.evaluation.outcomes import LABELLED, STATES, Outcomes

if TYPE_CHECKING:
    import polars as pl


def outcomes_table(
    models: Mapping[str, Outcomes],
    labels: LabelSets,
    *,
    original: LabelSets | None = None,
    scores: Scores | None = None,
    experts: Votes | None = None,
    multi_labels: MultiLabels | None = None,
    judged: JudgedMistakes | None = None,
) -> "pl.DataFrame":
    """Make a table with a row for each model and image.

    Parameters
    ----------
    models
        The outcomes of each model, by its name.
    labels, original, scores, experts
        As for `reassess.evaluate`.
    multi_labels
        Reviews of the label sets, which also have unclear, wrong and problematic labels.
    judged
        Judged mistakes of other models. A judgement applies if a model's top-1 class is the judged class of the image.

    Returns
    -------
    polars.DataFrame with these columns:

    - file: the model's name
    - image: name of the image
    - state: labelled, empty, unlabelled, unknown or excluded
    - labels: number of valid classes
    - valid: names of the valid classes, separated by `"; "`
    - original: the original label, as id or name like in the files; null without an original label
    - original_name: name of the original label
    - top1: the model's top-1 class, as id or name like in the files; null if the first prediction is not a class
    - top1_name: name of the model's top-1 class
    - correct: whether top1 is valid; null unless the state is labelled
    - rank: rank of the best valid class, from 1; null if it comes after all known ranks
    - valid_found: for n valid classes, the number of valid classes among the model's first n
    - original_rank: rank of the original label, like rank
    - label_error: whether the original label is not valid; null if the image has no valid class or no original label
    - score: P(top1 is valid); null without scores
    - mistake: kind of a wrong top1, one of `reassess.evaluation.MISTAKE_KINDS`; null without scores
    - verdict: only with `multi_labels`; the reviewers' verdict on top1, or why the image is not scored, one of
      `reassess.evaluation.VERDICTS`
    - judged_category, judged_severity: only with `judged`; the judgement of top1, null without a judgement

    Examples
    --------
    >>> from reassess import Predictions, find_outcomes
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[0, 2], []])
    >>> outcomes = find_outcomes(Predictions.from_ids([[1, 2], [0, 1]]), labels)
    >>> outcomes_table({"one": outcomes}, labels).select("file", "image", "state", "top1", "correct", "rank").rows()
    [('one', 'a.png', 'labelled', 1, False, 2), ('one', 'b.png', 'empty', 0, None, None)]
    """
    check_type(Mapping, models, value_name="outcomes of each model", fix="{NAME: find_outcomes(PREDICTIONS, LABELS)}")
    import polars as pl

    scores = None if scores is None else scores.convert_to_classes(labels.classes)
    experts = None if experts is None else experts.convert_to_classes(labels.classes)
    original = None if original is None else original.convert_to_classes(labels.classes)
    judged = None if judged is None else judged.convert_to_classes(labels.classes)
    name_of = labels.classes.short_name
    names = pl.Series(
        [*("; ".join(map(name_of, labels[image] or ())) for image in labels.images), None], dtype=pl.String
    )
    tables = []
    for file, outcomes in models.items():
        labelled = outcomes.states == LABELLED
        no_original = pl.Series(~labelled | (outcomes.original_rows < 0))
        sizes = np.append(labels.sizes, -1)[outcomes.label_rows]
        kinds = np.full(len(outcomes), -1) if scores is None else mistake_kinds(outcomes, scores, experts)
        valid = np.full(len(outcomes), np.nan) if scores is None else validity_probabilities(outcomes, scores).of_top1
        original_ids = np.full(len(outcomes), -1)
        if original is not None and len(original):
            original_ids = np.where(outcomes.original_rows >= 0, original.indices[outcomes.original_rows], -1)
        tables.append(
            pl.DataFrame(
                {
                    "file": pl.repeat(file, len(outcomes), eager=True),
                    "image": list(outcomes.images),
                    "state": [STATES[state] for state in outcomes.states.tolist()],
                    "labels": _nullable_column(sizes),
                    "valid": names.gather(outcomes.label_rows),
                    "original": labels.classes.to_column(original_ids),
                    "original_name": _name_column(name_of, original_ids),
                    "top1": labels.classes.to_column(outcomes.top1),
                    "top1_name": _name_column(name_of, outcomes.top1),
                    "correct": pl.Series(outcomes.best_ranks == 0).set(pl.Series(~labelled), None),
                    "rank": _rank_column(outcomes.best_ranks, outcomes.max_k),
                    "valid_found": _nullable_column(outcomes.n_valid_found),
                    "original_rank": _rank_column(outcomes.original_ranks, outcomes.max_k),
                    "label_error": pl.Series(~outcomes.is_original_valid).set(no_original, None),
                    "score": pl.Series(valid).fill_nan(None),
                    "mistake": pl.Series([*MISTAKE_KINDS, None], dtype=pl.String).gather(kinds),
                }
            )
        )
        if multi_labels is not None:
            verdict = pl.Series(VERDICTS).gather(verdicts(outcomes, multi_labels))
            tables[-1] = tables[-1].with_columns(verdict=verdict)
        if judged is not None:
            positions = judged.find_positions(outcomes.images, outcomes.top1, match=outcomes.match)
            tables[-1] = tables[-1].with_columns(
                judged_category=pl.Series([*judged.categories, None], dtype=pl.String).gather(positions),
                judged_severity=pl.Series([*judged.severities, None], dtype=pl.String).gather(positions),
            )
    return pl.concat(tables)


def _name_column(get_name: Callable[[int], str], class_ids: npt.NDArray[np.integer]) -> "pl.Series":
    """Make a column of class names; null for id -1."""
    import polars as pl

    return pl.Series([get_name(i) if i >= 0 else None for i in class_ids.tolist()], dtype=pl.String)


def _rank_column(ranks: npt.NDArray[np.int32], max_k: int) -> "pl.Series":
    """Make a column of ranks from 1; null if the class is not among the top `max_k` classes."""
    return _nullable_column(np.where((ranks >= 0) & (ranks < max_k), ranks + 1, -1))


def _nullable_column(values: npt.NDArray[np.integer]) -> "pl.Series":
    """Make a column where -1 becomes null."""
    import polars as pl

    return pl.Series(values).set(pl.Series(values < 0), None)
