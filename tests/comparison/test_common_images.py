"""The images that all of several models have seen, whatever the order of their rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison import on_common_images
from reassess.core import Predictions
from reassess.errors import Missing
from reassess.evaluation import find_outcomes, summarize
from tests.helpers import numbered_labels

LABELS = numbered_labels([[i % 3] for i in range(6)])
SEEN = st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True)


@given(st.lists(SEEN, min_size=1, max_size=4))
def test_each_model_is_judged_on_what_all_have_seen(seen: list[list[int]]) -> None:
    said = {str(i): dict(zip(rows, np.arange(len(rows)) % 3, strict=True)) for i, rows in enumerate(seen)}
    outcomes = {
        model: find_outcomes(Predictions.from_ids(list(of.values()), [LABELS.images[i] for i in of]), LABELS)
        for model, of in said.items()
    }
    shared = set.intersection(*map(set, seen))
    found = on_common_images(outcomes)
    if all(set(rows) == shared for rows in seen):
        assert found is None
    elif not shared:
        assert found == Missing("models have no image in common")
    else:
        for model, outcome in found.items():
            assert set(outcome.images) == {LABELS.images[i] for i in shared}
            assert summarize(outcome, LABELS).real[1].hits == sum(said[model][i] == i % 3 for i in shared)
