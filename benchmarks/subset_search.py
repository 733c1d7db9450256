"""How near the search among too many models comes to the best subset, and how long it takes.

`PYTHONPATH=. python benchmarks/subset_search.py` prints the numbers of docs/proposals.md. Searches among 15 to 20
simulated models, up to 4 of them noisy and up to 7 nearly copies of others, are held against all of their subsets. And
50 models are chosen from, by golden answers to all of their proposals.
"""

import math
import time

import numpy as np

from reassess import Candidates, Golden, LabelSets, Predictions, choose_models, propose
from reassess.proposals.local_search import Changes, local_search
from tests.proposals.simulated_pairs import of_every_subset, simulated

CASES, RECALLS = 190, (0.8, 0.9, 0.95, 0.99)
FEWEST_MODELS, MODELS_AND_MORE = 15, 6
COPIES, NOISY = 8, 5  # numbers of them, from none
MANY, IMAGES, CLASSES, SEEDS = 50, 4_000, 100, 6


def ratios_of(case: int) -> list[float]:
    """The proposals of what the search finds, as shares of the fewest that reach the same recall, by recall."""
    models = FEWEST_MODELS + case % MODELS_AND_MORE
    proposals, hits = simulated(case, models, 200, copies=case % COPIES, noisy=case % NOISY)
    counts, reached = of_every_subset(proposals), of_every_subset(hits)
    shares = []
    for recall in RECALLS:
        need = math.ceil(recall * int(reached.max()))
        found = [
            subset for subset in local_search(Changes(proposals), Changes(hits), need) if hits.count(subset) >= need
        ]
        shares.append(min(map(proposals.count, found)) / int(counts[reached >= need].min()))
    return shares


def print_ratios() -> None:
    ratios = np.concatenate([ratios_of(case) for case in range(CASES)])
    more = 100 * (ratios - 1)
    print(f"{ratios.size} choices, of which {100 * np.mean(more == 0):.1f} % have the fewest proposals of all subsets")
    print(f"the others have {more[more > 0].mean():.1f} % more on average, {more.max():.1f} % at most; ", end="")
    print(f"all together {more.mean():.3f} %", flush=True)


def many_models(seed: int) -> Candidates:
    """What models of different skill propose, of which every fifth is nearly a copy of the one before."""
    rng = np.random.default_rng(seed)
    truth, also = rng.integers(0, CLASSES, (2, IMAGES))
    names, rows = [f"{row:04}.jpg" for row in range(IMAGES)], np.arange(IMAGES)
    shared, scores = rng.standard_normal((IMAGES, CLASSES)), np.zeros((IMAGES, CLASSES))
    models = {}
    for model in range(MANY):
        if model % 5 == 4:
            scores = scores + 0.1 * rng.standard_normal(scores.shape)
        else:
            skill = rng.uniform(2, 6)
            scores = shared + rng.uniform(0.3, 0.8) * rng.standard_normal(scores.shape)
            scores[rows, truth] += skill
            scores[rows, also] += skill / 2
        models[f"model-{model:02}"] = Predictions.from_scores(scores.astype(np.float16), names)
    original = np.where(rng.random(IMAGES) < 0.1, rng.integers(0, CLASSES, IMAGES), truth)
    return propose(models, LabelSets.from_pairs(names, rows, original))


def print_seconds() -> None:
    taken = []
    for seed in range(SEEDS):
        candidates = many_models(seed)
        rng = np.random.default_rng(seed)
        share = candidates.proposals.by_source.mean(axis=1)
        golden = Golden(candidates.proposals.questions, rng.random(share.size) < share)
        start, start_of_work = time.perf_counter(), time.process_time()
        choice = choose_models(candidates, golden)
        taken.append(time.process_time() - start_of_work)
        print(f"{MANY} models, {IMAGES:,} images, {share.size:,} golden answers: {choice.subsets:,} subsets, ", end="")
        print(f"{taken[-1]:.1f} s of work in {time.perf_counter() - start:.1f} s", flush=True)
    print(f"{min(taken):.1f} to {max(taken):.1f} s of work")


if __name__ == "__main__":
    print_ratios()
    print_seconds()
