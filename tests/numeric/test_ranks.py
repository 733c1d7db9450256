"""Ranks, against their definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.numeric.arrays import ranks

columns = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


@given(columns)
def test_a_rank_is_one_and_the_number_of_higher_values(pairs: list[tuple[int, int]]) -> None:
    values = [float(first) for first, _ in pairs]
    assert ranks(np.array(values)).tolist() == [1 + sum(other > value for other in values) for value in values]
