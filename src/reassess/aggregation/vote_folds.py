"""Folds of votes, and selections of votes and items."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden_items import split_into_folds
from reassess.core import Questions, Votes
from reassess.core.items import list_names, rank_names

N_FOLDS = 5  # of votes
_MAX_SELECTED_ITEMS = 1 << 16  # of votes that do not fit in memory, only this number of items is checked


def assign_vote_folds(votes: Votes) -> npt.NDArray[np.int64]:
    """Assign each vote to a fold by its rater and item (or image), independently of their order; shape (votes,)."""
    rng = np.random.default_rng(0)
    item_folds = rng.integers(0, N_FOLDS, len(votes.items))[rank_items_by_image_name(votes)]
    rater_folds = rng.integers(0, N_FOLDS, len(votes.raters))[rank_names(votes.raters)]
    return np.asarray((item_folds[votes.item_ids] + rater_folds[votes.rater_ids]) % N_FOLDS)


def split_into_folds_by_image(votes: Votes, rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]] | None:
    """Split some items into folds, by image or name; None if there are fewer images than folds."""
    units, unit = np.unique(rank_items_by_image_name(votes)[rows], return_inverse=True)
    if units.size < N_FOLDS:
        return None
    folds = split_into_folds(units.size, N_FOLDS)[unit]
    return [rows[folds == fold] for fold in range(N_FOLDS)]


def select_votes(votes: Votes, is_kept: npt.NDArray[np.bool_]) -> Votes:
    """Select some of the votes, and keep all items and raters."""
    return replace(
        votes,
        indptr=np.concatenate([[0], np.cumsum(is_kept)])[votes.indptr],
        rater_ids=votes.rater_ids[is_kept],
        answer_ids=votes.answer_ids[is_kept],
        seconds=None,
    )


def rank_items_by_image_name(votes: Votes) -> npt.NDArray[np.int64]:
    """Return the alphabetical rank of each item's name; the name of an (image, class) question is its image."""
    if isinstance(votes.items, Questions):
        return rank_names(votes.items.images)[votes.items.image_ids]
    return rank_names(list_names(votes.items))


def select_evenly_spaced_rows(n_items: int) -> npt.NDArray[np.int64]:
    """Return the rows of all items, or of at most 65,536 items at even distances if there are more."""
    return np.arange(0, n_items, max(1, -(-n_items // _MAX_SELECTED_ITEMS)))
