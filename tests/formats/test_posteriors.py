from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Posterior, Questions
from reassess.errors import DataError
from reassess.formats import read_posterior, write_posterior

names = st.lists(st.text(min_size=1).filter(lambda text: text.strip() and "\x00" not in text), min_size=1, unique=True)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@given(items=names, truths=names, seed=st.integers(0, 99))
def test_a_posterior_comes_back_as_it_was_written(
    items: list[str], truths: list[str], seed: int, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = np.random.default_rng(seed).dirichlet(np.ones(len(truths)), len(items))
    items, truths = ([f"x{name}" for name in part] for part in (items, truths))
    path = tmp_path_factory.mktemp("posterior") / f"p{suffix}"
    write_posterior(path, Posterior(tuple(items), tuple(truths), values))
    posterior = read_posterior(path)
    assert (posterior.items, posterior.truths) == (tuple(items), tuple(truths))
    assert (posterior.values == values).all()


def test_ids_that_are_numbers_come_back_as_numbers(tmp_path: Path) -> None:
    written = Posterior((7, "007"), (1, 2), np.array([[0.25, 0.75], [1.0, 0.0]]))
    write_posterior(tmp_path / "p.csv", written)
    posterior = read_posterior(tmp_path / "p.csv")
    assert (posterior.items, posterior.truths, posterior.values.tolist()) == (
        (7, "007"),
        (1, 2),
        written.values.tolist(),
    )


def test_questions_are_written_as_scores(tmp_path: Path) -> None:
    questions = Questions.from_columns(["a"], np.array([0]))
    with pytest.raises(DataError, match="questions are written as scores"):
        write_posterior(tmp_path / "p.csv", Posterior(questions, ("invalid", "valid"), np.array([[0.5, 0.5]])))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x,a,0.5\nx,b,0.5\ny,a,1\n", "missing-answers at p.csv, item y"),
        ("x,a,0.5\nx,a,0.5\ny,b,1\n", "missing-answers at p.csv, item x"),
        ("x,a,1\n,a,1\n", "missing-value at p.csv, line 3, column item"),
        ("x,a,1\nx,,0\n", "missing-value at p.csv, line 3, column answer"),
        ("x,a,0.5\nx,b,0.4\n", "not-a-distribution at p.csv, item x"),
        ("x,a,-0.5\nx,b,1.5\n", "not-a-distribution at p.csv, item x"),
    ],
)
def test_a_table_that_is_no_posterior_is_an_error(
    refused: Callable[..., str], rows: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.csv"
    path.write_text("item,answer,probability\n" + rows)
    assert refused(read_posterior, path) == (message)


def test_a_table_of_many_items_and_answers_with_few_rows_takes_no_more_memory_than_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("item,answer,probability\n" + "".join(f"i{n},a{n},1\n" for n in range(200_000)))
    with pytest.raises(DataError, match=r"item does not have each answer once\n.*item i0\n.*answer a1\n.* 0 rows"):
        read_posterior(path)
