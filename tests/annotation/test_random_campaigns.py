"""Random campaigns by one seed, with crashes and restarts, keep the invariants."""

import os
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
from sqlalchemy import select

from reassess.annotation.store import choosing, creation, excluding
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.schema import answers
from tests.annotation.random_campaign import Simulation

_STEPS = 400
_RUNS = int(os.environ.get("REASSESS_SIMULATED_STEPS", "8_000")) // _STEPS


def simulate(address: str | Path, seed: int) -> list[tuple[object, ...]]:
    """Run a simulation that depends only on the seed; return the saved answers."""
    is_seeded = patch.object(creation, "randbelow", Random(seed).randrange)
    # So that cursors move in a small campaign, and an exclusion needs many transactions.
    with is_seeded, patch.object(choosing, "_MAX_SEARCH_LAG", seed % 3), patch.object(excluding, "_MAX_QUESTIONS", 2):
        simulation = Simulation.begun(address, seed)
        for step in range(_STEPS):
            simulation.step()
            if step % 20 == 0:
                simulation.check()
            if step % 80 == 0:
                simulation.check_progress()
        simulation.finish()
        simulation.check_end()
    with connect_for_reading(simulation.campaign.engine) as connection:
        saved: list[tuple[object, ...]] = [
            tuple(row) for row in connection.execute(select(answers).order_by(answers.c.id))
        ]
    simulation.campaign.close()
    return saved


@pytest.mark.parametrize("seed", range(_RUNS))
def test_random_campaign_keeps_invariants(memory_folder: Path, seed: int) -> None:
    """To replay a failing seed, with the same number of steps: pytest tests/annotation -k 'invariants and [SEED]'."""
    simulate(memory_folder / "campaign.db", seed)


@pytest.mark.parametrize("seed", range(2))
def test_random_campaign_on_server_keeps_invariants(database: str, seed: int) -> None:
    simulate(database, seed)


def test_equal_seeds_give_equal_runs(memory_folder: Path) -> None:
    assert simulate(memory_folder / "one.db", 3) == simulate(memory_folder / "two.db", 3)
