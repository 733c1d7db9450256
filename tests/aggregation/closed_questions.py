"""Count questions that a stop rule closes correctly and wrongly: a slow reference."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.aggregation import posterior
from reassess.core import RaterModel, StopRule, Votes

_Ints = npt.NDArray[np.int64]


def count_closed_by_truth(
    votes: Votes,
    valid: npt.NDArray[np.bool_],
    models: Sequence[tuple[_Ints, RaterModel]],
    *,
    rule: StopRule,
    power: float,
    max_votes: int,
    orders: int,
) -> _Ints:
    """Count closed questions by result (row: invalid, valid) and by truth (column), in random orders of the votes.

    Each model is used for the questions at its rows. Each vote counts `power` times.
    """
    counts = np.zeros((2, 2), np.int64)
    for rows, model in models:
        part = votes.select_items(rows)
        for order in range(orders):
            shuffled = np.lexsort((np.random.default_rng((order, rows[0])).random(len(part)), part.item_ids))
            position = np.arange(len(part)) - part.indptr[part.item_ids[shuffled]]
            is_open = np.ones(rows.size, bool)
            for most in range(rule.min_votes, max_votes + 1):
                first = shuffled[position < most]
                ids = (part.item_ids[first], part.rater_ids[first], part.answer_ids[first])
                first_votes = Votes.from_columns(part.items, *ids, part.raters, part.answers)
                values = model.prior * (posterior(first_votes, model).values / model.prior) ** power
                probability = values[:, 1] / values.sum(axis=1)
                closed = is_open & rule.is_closed(probability, np.minimum(most, part.sizes))
                np.add.at(counts, ((probability[closed] > 0.5).astype(int), valid[rows][closed].astype(int)), 1)
                is_open &= ~closed
    return counts
