"""Measure stop rules: saved votes, and closed questions whose answer differs from the full vote or the experts.

`python benchmarks/closed_questions.py [FOLDER...]` prints the table of docs/votes.md for ReaL's golden questions, and
for public crowds with two answers: folders with label.csv and truth.csv. The full vote of ReaL's golden questions is
five random votes, as many as its other questions have; of the crowds, it is all votes. The golden questions are divided
into ten folds by image. The tempering power of each fold is found on the other folds, and the confusion matrices that
judge the votes on an image are from all other images.
"""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reassess import Questions, Votes, golden_truth, read_votes
from reassess.aggregation import GoldenPredictions, predict_golden_questions
from reassess.core import StopRule
from reassess.numeric.proportions import share_interval

RULES = tuple(StopRule(low, 1 - low) for low in (0.01, 0.02, 0.05, 0.1, 0.2))
ORDERS, FOLDS = 20, 10
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


def predict_real() -> GoldenPredictions:
    """Predict ReaL's golden questions from the raters' votes."""
    golden = golden_truth(read_votes("imagenet-real-golden"))
    votes = read_votes("imagenet-real-raters-golden")
    votes = votes.select_items(votes.find_positions(golden.questions))
    return predict_golden_questions(votes, golden.is_valid.astype(int))


def predict_crowd(folder: Path) -> GoldenPredictions:
    """Predict the items of a public crowd with two answers, as questions that are valid if the second one is true."""
    votes, truth_rows = (pd.read_csv(folder / name, dtype=str) for name in ("label.csv", "truth.csv"))
    answers = sorted(votes["label"].unique())
    assert len(answers) == 2, f"{folder}: {len(answers)} answers; stop rules need two"
    truth = dict(zip(truth_rows["item"], truth_rows["truth"], strict=True))
    votes = votes[votes["item"].isin(list(truth))].drop_duplicates(["item", "worker"])
    rows, items = pd.factorize(votes["item"])
    raters, names = pd.factorize(votes["worker"])
    questions = Questions.from_columns(list(items), np.zeros(len(items), int))
    is_second = (votes["label"] == answers[1]).to_numpy(int)
    all_votes = Votes.from_columns(questions, rows, raters, is_second, list(names), ("no", "yes"))
    truth_ids = np.array([int(truth[name] == answers[1]) for name in all_votes.items.images])
    return predict_golden_questions(all_votes, truth_ids)


def find_powers(predictions: GoldenPredictions, most: int) -> _Floats:
    """Find the tempering power of each question on the folds of other images."""
    images = predictions.votes.items.image_ids
    fold = (np.random.default_rng(0).permutation(int(images.max()) + 1) % FOLDS)[images]
    powers = np.empty(len(predictions))
    for number in range(FOLDS):
        rows = np.flatnonzero(fold != number)
        others = GoldenPredictions(
            predictions.votes.select_items(rows),
            predictions.truth_ids[rows],
            predictions.log_priors[rows],
            predictions.log_likelihoods[np.isin(predictions.votes.item_ids, rows)],
        )
        powers[fold == number] = others.find_power(most)
    return powers


def close_questions(
    predictions: GoldenPredictions, powers: _Floats, most: int, seed: int
) -> Iterator[tuple[int, _Ints, _Ints]]:
    """For each rule, yield the number of used votes, and each question's answer by the rule and by the full vote.

    An answer is 1 (valid) or 0; by the rule, -1 if the question is not closed. The votes are in a random order.
    """
    votes, n_questions = predictions.votes, len(predictions)
    is_kept = predictions.count_earlier_votes() < most
    items = votes.item_ids[is_kept]
    ratios = np.diff(predictions.log_likelihoods[predictions.draw_order((0, seed))[is_kept]])[:, 0]
    prior = np.diff(predictions.log_priors)[:, 0]
    total = np.cumsum(ratios)
    starts = np.searchsorted(items, np.arange(n_questions))
    so_far = total - np.append(0.0, total)[starts][items]
    n_votes = np.arange(items.size) - starts[items] + 1
    p_valid = 1 / (1 + np.exp(-prior[items] - powers[items] * so_far))
    by_all = (prior + np.bincount(items, ratios, minlength=n_questions) > 0).astype(int)
    for rule in RULES:
        closes = np.flatnonzero(rule.is_closed(p_valid, n_votes))
        closed, first = np.unique(items[closes], return_index=True)
        first = closes[first]
        by_rule = np.full(n_questions, -1)
        by_rule[closed] = p_valid[first] >= rule.high
        used = np.minimum(votes.sizes, most)
        used[closed] = n_votes[first]
        yield int(used.sum()), by_rule, by_all


def print_rows(name: str, predictions: GoldenPredictions, most: int | None = None) -> None:
    """Print a row for each rule: means over random orders of the votes, and an interval over images."""
    most = most or int(predictions.votes.sizes.max())
    powers = find_powers(predictions, most)
    is_valid, images = predictions.truth_ids, predictions.votes.items.image_ids
    n_votes = int(np.minimum(predictions.votes.sizes, most).sum())
    used, counts = np.zeros(len(RULES)), np.zeros((len(RULES), 4, len(predictions)), np.int64)
    for seed in range(ORDERS):
        for row, (n_used, by_rule, by_all) in enumerate(close_questions(predictions, powers, most, seed)):
            is_closed = by_rule >= 0
            used[row] += n_used / ORDERS
            counts[row] += is_closed & np.array([is_closed, by_rule != by_all, by_all != is_valid, by_rule != is_valid])
    for rule, share_used, (closed, *others) in zip(RULES, used / n_votes, counts, strict=True):
        shares = [1 - share_used, closed.mean() / ORDERS, *(count.sum() / closed.sum() for count in others)]
        wrong, of = (np.bincount(images, values).astype(np.int64) for values in (others[-1], closed))
        low, high = share_interval(wrong, of)
        cells = [f"{rule.low:g}, {rule.high:g}", *(f"{100 * share:.1f}" for share in shares)]
        print(f"| {name} | {' | '.join(cells)} | {100 * low:.1f} to {100 * high:.1f} |", flush=True)


def main() -> None:
    """Print the table."""
    print(
        "| votes | rule | votes saved % | closed % | rule and all votes differ % | all votes wrong % | rule wrong % "
        "| rule wrong, 95 % |"
    )
    print("|---|---|---|---|---|---|---|---|")
    print_rows("ReaL's golden", predict_real(), most=5)
    for argument in sys.argv[1:]:
        print_rows(Path(argument).name, predict_crowd(Path(argument)))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
