"""The most probable classes of each image, compared with plain Python."""

import math

import numpy as np
import pytest

from reassess.numeric.label_noise_kernels import select_candidates


@pytest.mark.parametrize("candidates", [1, 2, 5, 8, 9])
@pytest.mark.parametrize("levels", [2, 4, 1_000])
def test_candidates_equal_plain_python(candidates: int, levels: int) -> None:
    """With few levels most probabilities are ties, which go to the lower ids."""
    rng = np.random.default_rng(levels)
    probabilities = rng.integers(1, levels + 1, (200, 9)) / levels
    labels = rng.integers(0, 9, 200).astype(np.int32)
    ids, logs = np.full((200, candidates), -1, np.int32), np.full((200, candidates), np.nan, np.float32)
    place, tails = np.full(200, -1, np.int32), np.full((200, 2), np.nan, np.float32)
    select_candidates(probabilities, labels, ids, logs, place, tails)
    for row, (of_row, label) in enumerate(zip(probabilities.tolist(), labels.tolist(), strict=True)):
        by_priority = sorted(range(9), key=lambda k: (k != label, -of_row[k], k))
        expected, rest = sorted(by_priority[:candidates]), [of_row[k] for k in by_priority[candidates:]]
        assert ids[row].tolist() == expected
        assert expected[place[row]] == label
        assert logs[row] == pytest.approx([math.log(of_row[k]) for k in expected], abs=1e-6)
        sums = [math.log(sum(rest)), math.log(sum(p * p for p in rest))] if rest else [-math.inf, -math.inf]
        assert tails[row] == pytest.approx(sums, abs=1e-6)
