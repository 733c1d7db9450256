from pathlib import Path

import numpy as np
import pytest

from reassess.core import Posterior
from reassess.formats import write_posterior
from tests.helpers import read_posterior


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_posterior_survives_round_trip(suffix: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).dirichlet(np.ones(2), 3)
    write_posterior(tmp_path / f"p{suffix}", Posterior(("7", "a, b", '"'), ("no", "yes"), values))
    posterior = read_posterior(tmp_path / f"p{suffix}")
    assert (posterior.items, posterior.truths) == (("7", "a, b", '"'), ("no", "yes"))
    assert (posterior.values == values).all()
