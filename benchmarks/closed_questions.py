"""Count wrong answers among the questions that a stop rule closes.

`PYTHONPATH=. python benchmarks/closed_questions.py` prints the table, for simulated questions and, if their votes are
available, ReaL's golden questions.
"""

import warnings

import numpy as np
import numpy.typing as npt

from reassess import Questions, Votes, aggregate, read_votes
from reassess.data import find_all_files_of_source
from tests.aggregation.closed_questions import count_closed_by_truth, count_closed_golden

ORDERS = 60  # random orders of ReaL's votes
HARD = (0.0, 0.1, 0.2)  # shares of simulated questions that are hard for all raters


def count_real() -> npt.NDArray[np.int64]:
    """Count ReaL's closed golden questions, judged by rater models without the golden answers about their image."""
    votes, experts = read_votes("imagenet-real-raters"), read_votes("imagenet-real-golden")
    return count_closed_golden(votes, experts, read_votes("imagenet-real-raters-golden"), orders=ORDERS)


def count_simulated(seed: int, hard: float) -> npt.NDArray[np.int64]:
    """Count closed questions in a simulation, where half of the hard questions mislead all raters."""
    rng = np.random.default_rng(seed)
    raters, golden, main = 20, 400, 4_000
    valid, is_misleading = rng.random(golden + main) < 0.3, rng.random(golden + main) < hard / 2
    sees = rng.random((raters, valid.size)) < rng.beta(16, 2, raters)[:, None]
    answers = np.where(rng.random(sees.shape) < 0.05, 1, 2 * (sees == (valid ^ is_misleading)))  # no, maybe, yes
    rater_order = np.argsort(rng.random((valid.size, raters)), axis=1)
    names = ("no", "maybe", "yes")

    def take_votes(first: int, last: int, per_question: int) -> Votes:
        items = Questions.from_columns([f"{row}.png" for row in range(first, last)], np.zeros(last - first, int))
        rater_ids = rater_order[first:last, :per_question].ravel()
        rows = np.repeat(np.arange(last - first), per_question)
        return Votes.from_columns(items, rows, rater_ids, answers[rater_ids, first + rows], range(raters), names)

    rater_golden, votes = take_votes(0, golden, raters), take_votes(golden, golden + main, 5)
    rows = np.arange(golden)
    experts = Votes.from_columns(rater_golden.items, rows, 0 * rows, 2 * valid[:golden], ("expert",), names)
    model = aggregate(votes, "calibrated", experts=experts, rater_golden=rater_golden).model
    return count_closed_by_truth(votes, valid[golden:], [(np.arange(main), model)])


def print_closed() -> None:
    """Print the percentages of wrong answers among closed questions."""
    print(
        "\n| questions | closed as invalid: valid % | closed as valid: invalid % | closed: wrong % |\n|---|---|---|---|"
    )
    tables = {f"simulated, {share:.0%} hard": sum(count_simulated(seed, share) for seed in range(5)) for share in HARD}
    if find_all_files_of_source("imagenet-real-golden") is not None:
        tables = {"ReaL's golden": count_real()} | tables
    for name, counts in tables.items():
        wrong = counts[0, 1], counts[1, 0]  # valid questions closed as invalid, and invalid questions closed as valid
        shares = (*(wrong / counts.sum(axis=1)), sum(wrong) / counts.sum())
        print(f"| {name} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print_closed()
