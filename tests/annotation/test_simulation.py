"""Raters, clock, retries, crashes and restarts by one seed, against the real store: what must hold, holds."""

import os
from pathlib import Path

import pytest

from tests.annotation.campaigns import Simulation

_STEPS = 400
_RUNS = int(os.environ.get("REASSESS_SIMULATED_STEPS", "20_000")) // _STEPS


def simulate(address: str | Path, seed: int) -> None:
    simulation = Simulation.begun(address, seed)
    for step in range(_STEPS):
        simulation.step()
        if step % 20 == 0:
            simulation.check()
    simulation.finish()
    simulation.check_end()
    simulation.campaign.close()


@pytest.mark.parametrize("seed", range(_RUNS))
def test_no_vote_is_lost_doubled_or_too_many_and_no_lease_blocks(memory_folder: Path, seed: int) -> None:
    """A seed that fails replays: pytest tests/annotation -k 'blocks and [SEED]'."""
    simulate(memory_folder / "campaign.db", seed)


@pytest.mark.parametrize("seed", range(2))
def test_the_same_holds_on_a_server(database: str, seed: int) -> None:
    simulate(database, seed)
