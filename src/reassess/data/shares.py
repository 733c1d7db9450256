"""Shares of a run: each process computes one share of the shards, also on several machines."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from reassess.errors import DataError
from reassess.text import join_first

# The number of a process among its equals, as set by SLURM job arrays, torchrun and Kubernetes Jobs.
_INDEX_VARIABLES = ("SLURM_ARRAY_TASK_ID", "RANK", "JOB_COMPLETION_INDEX")
_SHARE_PATTERN = re.compile(r"(auto|[0-9]{1,9})/([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class RunShare:
    """The shards that one of several processes computes: shard `index`, then every `n_shares`-th shard."""

    index: int  # from 0
    n_shares: int

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str] = os.environ) -> "RunShare":
        """Parse a share, such as 0/4 for the first of four shares. With auto/4, the environment has the number.

        >>> RunShare.parse("2/4"), RunShare.parse("auto/4", {"RANK": "1"})
        (RunShare(index=2, n_shares=4), RunShare(index=1, n_shares=4))
        """
        match = _SHARE_PATTERN.fullmatch(text)
        if match is None:
            raise DataError(
                "wrong-syntax",
                "not a share of the run",
                allowed="write 0/4 (the first of four), or auto/4; N is at least 1",
                found=text,
            )
        n_shares = int(match[2])
        index_text, source = (match[1], "") if match[1] != "auto" else _find_share_number_in_environment(environment)
        if not index_text.isdecimal() or int(index_text) >= n_shares:
            raise DataError(
                "out-of-range",
                "number of this share of the run is out of range",
                where=source or None,
                allowed=f"0 to {n_shares - 1}",
                found=index_text,
                fix=f"count shares from 0: sbatch --array=0-{n_shares - 1}" if "SLURM" in source else None,
            )
        return cls(int(index_text), n_shares)

    def includes(self, shard_number: int) -> bool:
        """Return whether a shard is in this share, so that this process must compute the shard."""
        return shard_number % self.n_shares == self.index

    def __str__(self) -> str:
        return f"share {self.index} of {self.n_shares}"


def _find_share_number_in_environment(environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the value of the environment variable with this process's share number, and the variable's name."""
    found = {name: environment[name] for name in _INDEX_VARIABLES if environment.get(name)}
    if not found:
        raise DataError(
            "missing-share",
            "no environment variable says which share of the run this process computes",
            allowed=f"one of the variables {join_first(_INDEX_VARIABLES)}",
            fix="name the share, such as 0/4",
        )
    if len(set(found.values())) > 1:
        values = join_first([f"{name}={value}" for name, value in found.items()])
        raise DataError(
            "different-shares",
            "environment variables disagree on which share of the run this process computes",
            found=values,
            fix="name the share, such as 0/4",
        )
    name, index = next(iter(found.items()))
    return index, name
