"""Count questions that a stop rule closes correctly and wrongly."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.aggregation import aggregate, golden_truth, posterior
from reassess.core import RaterModel, StopRule, Votes
from reassess.core.items import require_questions

RULE = StopRule(0.01, 0.99)
_Ints = npt.NDArray[np.int64]


def count_closed_by_truth(
    votes: Votes, valid: npt.NDArray[np.bool_], models: Sequence[tuple[_Ints, RaterModel]], *, orders: int = 10
) -> _Ints:
    """Count closed questions by result (row: invalid, valid) and by truth (column), in random orders of the votes.

    Each model is used for the questions at its rows.
    """
    counts = np.zeros((2, 2), np.int64)
    for rows, model in models:
        part = votes.select_items(rows)
        for order in range(orders):
            shuffled = np.lexsort((np.random.default_rng((order, rows[0])).random(len(part)), part.item_ids))
            position = np.arange(len(part)) - part.indptr[part.item_ids[shuffled]]
            is_open = np.ones(rows.size, bool)
            for most in range(RULE.min_votes, int(part.sizes.max()) + 1):
                first = shuffled[position < most]
                ids = (part.item_ids[first], part.rater_ids[first], part.answer_ids[first])
                first_votes = Votes.from_columns(part.items, *ids, part.raters, part.answers)
                probability = posterior(first_votes, model).probabilities_of("valid")
                closed = is_open & RULE.is_closed(probability, np.full(rows.size, most))
                np.add.at(counts, ((probability[closed] > 0.5).astype(int), valid[rows][closed].astype(int)), 1)
                is_open &= ~closed
    return counts


def count_closed_golden(votes: Votes, experts: Votes, rater_golden: Votes, *, orders: int = 10) -> _Ints:
    """Count closed golden questions, by models without the golden answers on the image; see `count_closed_by_truth`."""
    votes, golden = votes.select_items(votes.find_positions(experts.items)), golden_truth(experts)
    questions = require_questions(experts.items)
    rows = golden.questions.rows_of(questions.images)[questions.image_ids]
    models = []
    for image in range(len(questions.images)):
        others = experts.without_votes_on(np.array([image]))
        model = aggregate(votes, "calibrated", experts=others, rater_golden=rater_golden).model
        models.append((np.flatnonzero(questions.image_ids == image), model))
    return count_closed_by_truth(
        votes, golden.is_valid[golden.questions.find_positions(rows, questions.class_ids)], models, orders=orders
    )
