"""Leaderboards: ranks, invalid rows, and the numbers of timm's public tables."""

import re
from typing import Any

import numpy as np
import polars as pl
import pytest

from reassess.core import Leaderboard, LeaderboardRow
from tests.helpers import RealFile, Refused

IMAGENET, REAL = "results-imagenet.csv", "results-imagenet-real.csv"
LEVEL = 100 * 42_164 / 46_837


def test_ties_share_the_better_rank_and_rises_are_rank_differences() -> None:
    board = Leaderboard(
        (LeaderboardRow("a", 76.0, 84.6), LeaderboardRow("b", 79.5, 84.6), LeaderboardRow("c", 80.0, 82.9))
    )
    assert board.original_ranks.tolist() == [3, 2, 1]
    assert board.reassessed_ranks.tolist() == [1, 1, 3]
    assert board.rank_gains.tolist() == [2, 1, -2]


def test_best_first_sorts_ties_by_original_accuracy_then_name() -> None:
    entries = (
        LeaderboardRow("d", 1.0, 2.0),
        LeaderboardRow("c", 1.0, 3.0),
        LeaderboardRow("a", 0.5, 3.0),
        LeaderboardRow("b", 1.0, 3.0),
    )
    board = Leaderboard(entries)
    assert [board.entries[row].model for row in board.rows_by_reassessed_accuracy] == ["b", "c", "a", "d"]


def test_model_has_one_row_per_image_size_and_counts_once() -> None:
    board = Leaderboard(
        (LeaderboardRow("a", 76.0, 84.6, 224), LeaderboardRow("a", 77.0, 85.0, 288), LeaderboardRow("b", 80.0, 86.0))
    )
    assert repr(board) == "Leaderboard(3 rows, 2 models)"
    assert board.model_ids.tolist() == [0, 0, 1]
    assert [str(entry) for entry in board.entries] == ["a at 224", "a at 288", "b"]


@pytest.mark.parametrize(
    ("pattern", "families", "without_family"),
    [
        (None, ["vit", "resnet", "convnextv", "vit", "17", "größe"], 1),
        (r"[a-z]+", ["vit", "resnet", "timm", "runs", "17", "gr"], 1),
        (r"^(tf_)?([a-z]+)", ["vit_b", "resnet18.a1", "timm/convnextv2_tiny", "runs/vit-2.npz", "17", "größe-1"], 6),
        (r"\d+", ["vit_b", "18", "2", "2", "17", "1"], 1),
    ],
)
def test_family_is_first_match_of_pattern_or_its_first_group(
    pattern: str | None, families: list[str], without_family: int
) -> None:
    names = ["vit_b", "resnet18.a1", "timm/convnextv2_tiny", "runs/vit-2.npz", "17", "größe-1"]
    entries = tuple(LeaderboardRow(name, 76.0, 84.6) for name in names)
    board = Leaderboard(entries) if pattern is None else Leaderboard(entries, family_pattern=re.compile(pattern))
    assert list(board.families) == families
    assert board.n_models_without_family == without_family
    assert [families.index(family) for family in families] == [
        board.family_ids.tolist().index(number) for number in board.family_ids
    ]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (("a", 76.0, np.nan, 224), "out-of-range at a at 224"),
        (("a", 100.1, 90.0), "out-of-range at a"),
        (("a", 76.0, 90.0, 0), "out-of-range at a"),
        (("a", 76.0, 90.0, 224, np.inf), "out-of-range at a at 224"),
        (("a", 76.0, 90.0, None, -4.0), "out-of-range at a"),
    ],
)
def test_invalid_row_raises(refused: Refused, row: Any, code: str) -> None:
    assert refused(LeaderboardRow, *row) == code


def test_empty_leaderboard_or_duplicate_model_raises(refused_text: Refused) -> None:
    rows = tuple(LeaderboardRow(name, 76.0, 80.0) for name in "aba")
    assert refused_text(Leaderboard, ()) == "leaderboard has no model"
    assert refused_text(Leaderboard, rows) == (
        "model is named twice\n  where:   a\n  fix:     keep one row for each model and image size"
    )


# --- the public tables ----------------------------------------------------------------------------------------------


def test_public_tables_have_1556_rows_of_1266_models(real_leaderboard: Leaderboard) -> None:
    assert (len(real_leaderboard), real_leaderboard.n_models, real_leaderboard.dropped_row_counts) == (1_556, 1_266, {})
    assert sum(np.bincount(real_leaderboard.model_ids) > 1) == 290
    assert {entry.model: entry.parameters for entry in real_leaderboard.entries}[
        "eva_giant_patch14_336.clip_ft_in1k"
    ] == 1013.01


def test_105_models_exceed_original_labels_and_best_has_91_144(real_leaderboard: Leaderboard) -> None:
    assert int((real_leaderboard.reassessed_accuracies > LEVEL).sum()) == 105
    best = real_leaderboard.entries[real_leaderboard.rows_by_reassessed_accuracy[0]]
    assert (
        (best.reassessed_accuracy, best.original_accuracy)
        == (91.144, 90.056)
        == (real_leaderboard.reassessed_accuracies.max(), real_leaderboard.original_accuracies.max())
    )


def test_rises_equal_public_table_except_for_ties(real_leaderboard: Leaderboard, real_file: RealFile) -> None:
    """The public table gives ties different ranks, which differ by at most 3 places."""
    table = pl.read_csv(real_file(REAL), infer_schema_length=None)
    rises = dict(zip(zip(table["model"], table["img_size"], strict=True), table["rank_diff"], strict=True))
    expected = np.array([int(rises[entry.model, entry.image_size]) for entry in real_leaderboard.entries])
    assert np.abs(real_leaderboard.rank_gains - expected).max() <= 3
    is_unique = np.ones(len(real_leaderboard), bool)
    for values in (real_leaderboard.original_accuracies, real_leaderboard.reassessed_accuracies):
        _, which, count = np.unique(values, return_inverse=True, return_counts=True)
        is_unique &= count[which] == 1
    assert is_unique.sum() > 500
    assert np.array_equal(real_leaderboard.rank_gains[is_unique], expected[is_unique])
