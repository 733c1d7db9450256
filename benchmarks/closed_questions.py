"""Count wrong answers among the questions that a stop rule closes, with and without tempering.

`python benchmarks/closed_questions.py` prints the table, for simulated questions and, if their votes are available,
ReaL's golden questions.
"""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from reassess import Questions, Votes, aggregate, golden_truth, read_votes
from reassess.aggregation import GoldenPredictions, measure_stop_errors, predict_golden_questions
from reassess.core import RaterModel, StopRule
from reassess.data import find_all_files_of_source

RULES = StopRule(0.01, 0.99), StopRule(0.02, 0.98), StopRule(0.05, 0.95)
ORDERS, FOLDS, PER_QUESTION = 60, 10, 5
HARD = (0.0, 0.1, 0.2)  # shares of simulated questions that are hard for all raters
_Ints = npt.NDArray[np.int64]
_Test = tuple[float, GoldenPredictions]  # a power, and other questions where it is used


def split_real() -> Iterator[_Test]:
    """For each fold of ReaL's golden images, yield the power by all other golden images, and the fold's questions."""
    golden = golden_truth(read_votes("imagenet-real-golden"))
    votes = read_votes("imagenet-real-raters-golden")
    votes = votes.select_items(votes.find_positions(golden.questions))
    predictions = predict_golden_questions(votes, golden.is_valid.astype(int))
    fold = (np.random.default_rng(0).permutation(len(votes.images)) % FOLDS)[golden.questions.image_ids]
    for number in range(FOLDS):
        others = take_questions(predictions, np.flatnonzero(fold != number))
        yield others.find_power(PER_QUESTION), take_questions(predictions, np.flatnonzero(fold == number))


def take_questions(predictions: GoldenPredictions, rows: _Ints) -> GoldenPredictions:
    """Select questions at some rows."""
    return GoldenPredictions(
        predictions.votes.select_items(rows),
        predictions.truth_ids[rows],
        predictions.log_priors[rows],
        predictions.log_likelihoods[np.isin(predictions.votes.item_ids, rows)],
    )


def simulate(seed: int, hard: float) -> _Test:
    """Simulate golden and other questions, where half of the hard questions mislead all raters."""
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

    rater_golden, votes = take_votes(0, golden, raters), take_votes(golden, golden + main, PER_QUESTION)
    rows = np.arange(golden)
    experts = Votes.from_columns(rater_golden.items, rows, 0 * rows, 2 * valid[:golden], ("expert",), names)
    model = aggregate(votes, "calibrated", experts=experts, rater_golden=rater_golden).model
    power = predict_golden_questions(rater_golden, valid[:golden].astype(int)).find_power(PER_QUESTION)
    return power, predict_by_model(votes, model, valid[golden:].astype(int))


def predict_by_model(votes: Votes, model: RaterModel, truth_ids: _Ints) -> GoldenPredictions:
    """Return the probability of each vote on simulated questions by the raters' matrices."""
    probabilities = model.matrices_of(votes.raters)[votes.rater_ids, :, votes.answer_ids]
    log_priors = np.tile(np.log(model.prior), (truth_ids.size, 1))
    return GoldenPredictions(votes, truth_ids, log_priors, np.log(probabilities))


def print_errors(name: str, tests: Sequence[_Test]) -> None:
    """Print a row for each rule, without and with tempering."""
    n_questions = sum(len(questions) for _, questions in tests)
    for tempered in (False, True):
        mean_power = np.mean([power for power, _ in tests]) if tempered else 1.0
        errors = [
            measure_stop_errors(
                questions,
                RULES,
                power=power if tempered else 1.0,
                max_votes_per_question=PER_QUESTION,
                n_orders=ORDERS,
            )
            for power, questions in tests
        ]
        for rule, of_rule in zip(RULES, zip(*errors, strict=True), strict=True):
            as_invalid, as_valid, valid, invalid = (
                sum(getattr(each, field) for each in of_rule)
                for field in (
                    "closed_as_invalid",
                    "closed_as_valid",
                    "valid_closed_as_invalid",
                    "invalid_closed_as_valid",
                )
            )
            closed = as_invalid + as_valid
            shares = (
                closed / n_questions,
                valid / max(as_invalid, 1),
                invalid / max(as_valid, 1),
                (valid + invalid) / closed,
            )
            cells = " | ".join(f"{100 * share:.1f}" for share in shares)
            print(f"| {name} | {mean_power:.2f} | {rule.low:g}, {rule.high:g} | {cells} |", flush=True)


def main() -> None:
    """Print the percentages of wrong answers among closed questions."""
    print("| questions | power | rule | closed % | closed as invalid: valid % | closed as valid: invalid % | wrong % |")
    print("|---|---|---|---|---|---|---|")
    if find_all_files_of_source("imagenet-real-golden") is not None:
        print_errors("ReaL's golden", list(split_real()))
    for share in HARD:
        print_errors(f"simulated, {share:.0%} hard", [simulate(seed, share) for seed in range(5)])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
