"""Shares of a run, which several processes compute, also on several machines."""

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
class Share:
    """One of several shares of the shards of a run: every `count`-th shard."""

    index: int  # from 0
    count: int

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str] = os.environ) -> "Share":
        """Parse a share: I/N, where I counts from 0; or auto/N, where I comes from the environment.

        >>> Share.parse("2/4"), Share.parse("auto/4", {"RANK": "1"})
        (Share(index=2, count=4), Share(index=1, count=4))
        """
        match = _SHARE_PATTERN.fullmatch(text)
        if match is None:
            raise DataError("wrong-syntax", "not a share", allowed="I/N, such as 0/4, or auto/N", found=text)
        count = int(match[2])
        index_text, source = (match[1], "") if match[1] != "auto" else _find_index(environment)
        if not index_text.isdecimal() or int(index_text) >= count:
            raise DataError(
                "out-of-range",
                "number of the share out of range",
                where=source or None,
                allowed=f"0 to {count - 1}",
                found=index_text,
                fix="count shares from 0, for example with sbatch --array=0-3" if "SLURM" in source else None,
            )
        return cls(int(index_text), count)

    def includes(self, shard_number: int) -> bool:
        """Return whether a shard belongs to this share."""
        return shard_number % self.count == self.index

    def __str__(self) -> str:
        return f"share {self.index} of {self.count}"


def _find_index(environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the index that an environment variable contains, and the name of the variable."""
    found = {name: environment[name] for name in _INDEX_VARIABLES if environment.get(name)}
    if not found:
        raise DataError(
            "missing-share",
            "number of the share is not in the environment",
            allowed=f"one of the variables {join_first(_INDEX_VARIABLES)}",
            fix="give I/N",
        )
    if len(set(found.values())) > 1:
        values = join_first([f"{name}={value}" for name, value in found.items()])
        raise DataError(
            "different-shares", "environment has different numbers for the share", found=values, fix="give I/N"
        )
    name, index = next(iter(found.items()))
    return index, name
