"""ReaL's votes aggregated by several methods and libraries: python benchmarks/other_libraries.py.

For each method, prints the average precision on the golden questions, and the Jaccard index between its labels and
ReaL's, both at threshold 0.8.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from crowdkit.aggregation import DawidSkene, MajorityVote, OneCoinDawidSkene

from reassess import Questions, Scores, Votes, fit_dawid_skene, read_original_labels, read_scores, read_votes
from reassess.aggregation import aggregate, golden_truth, imagenet_real_scores, precision_recall

THRESHOLD = 0.8
Values = npt.NDArray[np.float64]


def crowd_kit(aggregator: object, votes: Votes) -> Values:
    """Return P(yes) from crowd-kit's posterior over the three answers."""
    table = pd.DataFrame({"task": votes.item_ids, "worker": votes.rater_ids, "label": votes.answer_ids})
    posterior = aggregator.fit_predict_proba(table)  # type: ignore[attr-defined]
    return posterior.sort_index()[votes.answers.index("yes")].to_numpy()


def list_methods(votes: Votes) -> Iterator[tuple[str, Callable[[], Values]]]:
    """Yield the name of each method, and a function that computes its scores."""
    experts, golden = read_votes("imagenet-real-golden"), read_votes("imagenet-real-raters-golden")
    original = read_original_labels()
    yield "the recipe", lambda: imagenet_real_scores(votes, experts, golden, original).values
    yield "the recipe without the original label", lambda: imagenet_real_scores(votes, experts, golden, None).values
    yield "EM, valid or not", lambda: fit_dawid_skene(votes).posterior.probabilities_of("valid")
    yield (
        "EM, valid or not, without pooling",
        lambda: fit_dawid_skene(votes, pooling=0).posterior.probabilities_of("valid"),
    )
    yield "EM, three answers", lambda: fit_dawid_skene(votes, truths=votes.answers).posterior.probabilities_of("yes")
    yield (
        "EM, three answers, without pooling",
        lambda: fit_dawid_skene(votes, truths=votes.answers, pooling=0).posterior.probabilities_of("yes"),
    )
    yield "mean of 0, 0.5, 1", lambda: aggregate(votes, "mean").scores.values
    yield "share of yes", lambda: votes.answer_shares()[:, votes.answers.index("yes")]
    yield "crowd-kit MajorityVote", lambda: crowd_kit(MajorityVote(), votes)
    yield "crowd-kit DawidSkene", lambda: crowd_kit(DawidSkene(), votes)
    yield "crowd-kit DawidSkene, 300 iterations", lambda: crowd_kit(DawidSkene(n_iter=300, tol=-np.inf), votes)
    yield "crowd-kit OneCoinDawidSkene", lambda: crowd_kit(OneCoinDawidSkene(), votes)


def main() -> None:
    """Print the table."""
    votes, is_published = read_votes(), read_scores().values >= THRESHOLD
    assert isinstance(votes.items, Questions)
    golden = golden_truth(read_votes("imagenet-real-golden"), at_least=3)
    print("| aggregation | average precision | pairs kept | Jaccard with ReaL | seconds |\n|---|---|---|---|---|")
    for name, compute in list_methods(votes):
        start = time.perf_counter()
        values = np.clip(compute(), 0, 1)
        seconds = time.perf_counter() - start
        is_label = values >= THRESHOLD
        jaccard = np.count_nonzero(is_label & is_published) / np.count_nonzero(is_label | is_published)
        curve = precision_recall(Scores(votes.items, values), golden)
        print(f"| {name} | {curve.average_precision:.4f} | {is_label.sum():,} | {jaccard:.3f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
