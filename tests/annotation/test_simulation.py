"""Raters, clock, retries, crashes and restarts by one seed, against the real store: what must hold, holds."""

import os
from pathlib import Path

import pytest

from tests.annotation.campaigns import Simulation

_STEPS = 400
_RUNS = int(os.environ.get("REASSESS_SIMULATED_STEPS", "20_000")) // _STEPS


@pytest.mark.parametrize("seed", range(_RUNS))
def test_no_vote_is_lost_doubled_or_too_many_and_no_lease_blocks(memory_folder: Path, seed: int) -> None:
    """A seed that fails replays: pytest -k '[SEED]'."""
    simulation = Simulation.begun(memory_folder, seed)
    for step in range(_STEPS):
        simulation.step()
        if step % 20 == 0:
            simulation.check()
    simulation.finish()
    simulation.check_end()
