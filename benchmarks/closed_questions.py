"""Questions that a stop rule closes: how many of them are wrong.

`PYTHONPATH=. python benchmarks/closed_questions.py` prints the table: ReaL's golden questions, if their votes are here,
and simulated ones.
"""

import warnings

import numpy as np
import numpy.typing as npt

from reassess import Questions, Votes, aggregate, read_votes
from reassess.data import find_all
from tests.aggregation.closed_questions import count_closed_by_truth, count_closed_golden

ORDERS = 60  # of ReaL's votes
HARD = (0.0, 0.1, 0.2)  # shares of simulated questions that all find hard


def of_real() -> npt.NDArray[np.int64]:
    """ReaL's golden questions, each image judged without the golden answers about it."""
    votes, experts = read_votes("imagenet-real-raters"), read_votes("imagenet-real-golden")
    return count_closed_golden(votes, experts, read_votes("imagenet-real-raters-golden"), orders=ORDERS)


def of_simulated(seed: int, hard: float) -> npt.NDArray[np.int64]:
    """Simulated questions; in the picture of a hard one all raters see the same, which is wrong for half of them."""
    rng = np.random.default_rng(seed)
    raters, golden, asked = 20, 400, 4_000
    valid, is_misleading = rng.random(golden + asked) < 0.3, rng.random(golden + asked) < hard / 2
    sees = rng.random((raters, valid.size)) < rng.beta(16, 2, raters)[:, None]
    answers = np.where(rng.random(sees.shape) < 0.05, 1, 2 * (sees == (valid ^ is_misleading)))  # no, maybe, yes
    cast = np.argsort(rng.random((valid.size, raters)), axis=1)
    names = ("no", "maybe", "yes")

    def votes(first: int, last: int, each: int) -> Votes:
        items = Questions.from_columns([f"{row}.png" for row in range(first, last)], np.zeros(last - first, int))
        who = cast[first:last, :each].ravel()
        rows = np.repeat(np.arange(last - first), each)
        return Votes.from_columns(items, rows, who, answers[who, first + rows], range(raters), names)

    rater_golden, main = votes(0, golden, raters), votes(golden, golden + asked, 5)
    ones = np.arange(golden)
    experts = Votes.from_columns(rater_golden.items, ones, 0 * ones, 2 * valid[:golden], ("expert",), names)
    model = aggregate(main, "calibrated", experts=experts, rater_golden=rater_golden).model
    return count_closed_by_truth(main, valid[golden:], [(np.arange(asked), model)])


def print_closed() -> None:
    """Of questions that the rule closes, how many are wrong."""
    print(
        "\n| questions | closed as invalid: valid % | closed as valid: invalid % | closed: wrong % |\n|---|---|---|---|"
    )
    tables = {f"simulated, {share:.0%} hard": sum(of_simulated(seed, share) for seed in range(5)) for share in HARD}
    if find_all("imagenet-real-golden") is not None:
        tables = {"ReaL's golden": of_real()} | tables
    for name, ((right_low, wrong_low), (wrong_high, right_high)) in tables.items():
        wrong, every = wrong_low + wrong_high, right_low + wrong_low + wrong_high + right_high
        shares = (wrong_low / (right_low + wrong_low), wrong_high / (wrong_high + right_high), wrong / every)
        print(f"| {name} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print_closed()
