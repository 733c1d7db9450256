"""Shares of a run."""

from collections.abc import Mapping

import pytest

from reassess.data.shares import RunShare
from reassess.errors import DataError
from tests.helpers import code_of


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("0/1", {}, (0, 1)),
        ("3/4", {"RANK": "1"}, (3, 4)),
        ("auto/4", {"SLURM_ARRAY_TASK_ID": "2"}, (2, 4)),
        ("auto/4", {"JOB_COMPLETION_INDEX": "3", "RANK": ""}, (3, 4)),
        ("auto/4", {"SLURM_ARRAY_TASK_ID": "2", "RANK": "2"}, (2, 4)),
    ],
)
def test_share_comes_from_text_or_environment(
    text: str, environment: Mapping[str, str], expected: tuple[int, int]
) -> None:
    share = RunShare.parse(text, environment)
    assert (share.index, share.n_shares) == expected


@pytest.mark.parametrize(
    ("text", "environment", "code"),
    [
        *((text, {}, "wrong-syntax") for text in ("", "1", "1/", "/2", "-1/2", "1/0", "a/2", "1/2/3", "auto", "1.0/2")),
        ("4/4", {}, "out-of-range"),
        ("auto/4", {"SLURM_ARRAY_TASK_ID": "4"}, "out-of-range"),
        ("auto/4", {"RANK": "-1"}, "out-of-range"),
        ("auto/4", {}, "missing-share"),
        ("auto/4", {"SLURM_ARRAY_TASK_ID": "2", "RANK": "0"}, "different-shares"),
    ],
)
def test_invalid_share_raises(text: str, environment: Mapping[str, str], code: str) -> None:
    assert code_of(RunShare.parse, text, environment) == code


def test_array_for_slurm_is_advised() -> None:
    with pytest.raises(DataError, match=r"count shares from 0: sbatch --array=0-7$"):
        RunShare.parse("auto/8", {"SLURM_ARRAY_TASK_ID": "8"})


@pytest.mark.parametrize("count", [1, 2, 7])
def test_each_shard_belongs_to_one_share(count: int) -> None:
    shares = [RunShare(index, count) for index in range(count)]
    assert all(sum(share.includes(number) for share in shares) == 1 for number in range(30))
