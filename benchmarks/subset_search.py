"""How good a choice of models is, and the search among too many of them.

`PYTHONPATH=. python benchmarks/subset_search.py` prints the numbers of docs/proposals.md. Searches among 15 to 20
simulated models, up to 4 of them noisy and up to 7 nearly copies of others, are held against all of their subsets. And
50 models are chosen from, by golden answers to all of their proposals.

`python benchmarks/subset_search.py recall` prints the table of the recall: how often the true recall of the chosen
models is below the target, over draws of golden images from 10,000 simulated images with one to five valid classes.
"""

import math
import sys
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess import Candidates, Golden, LabelSets, Predictions, choose_models, propose
from reassess.core.questions import Questions
from reassess.proposals.local_search import Changes, local_search
from reassess.proposals.proposed_pairs import GoldenPairs, golden_pairs
from reassess.proposals.subset_search import search_of
from tests.proposals.simulated_pairs import of_every_subset, simulated

CASES, RECALLS = 190, (0.8, 0.9, 0.95, 0.99)
FEWEST_MODELS, MODELS_AND_MORE = 15, 6
COPIES, NOISY = 8, 5  # numbers of them, from none
MANY, IMAGES, CLASSES, SEEDS = 50, 4_000, 100, 3

DRAWN, KINDS, CHOSEN_FROM, RUNS = 10_000, 60, 8, 1_000  # images, classes, models, draws of golden images
GOLDEN = (50, 200, 1_000)  # images
# Share of images with several classes, whether these show each class less plainly, and the target.
TARGETS = ((0.6, False, 0.9), (0.6, True, 0.9))


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


@dataclass(frozen=True)
class Population:
    """Images whose valid classes are all known, and what models propose for them."""

    names: list[str]
    valid: npt.NDArray[np.bool_]
    candidates: Candidates

    @classmethod
    def drawn(cls, several: float, is_hard: bool) -> "Population":
        """Models of different skill, which see a class the better the more plainly an image shows it."""
        rng = np.random.default_rng(0)
        count = 1 + rng.binomial(4, several / 4, DRAWN) * (rng.random(DRAWN) < several)
        order = rng.random((DRAWN, KINDS)).argsort(axis=1)
        valid = order.argsort(axis=1) < count[:, None]
        plain = rng.gamma(6, 1 / 6, DRAWN) / (np.sqrt(count) if is_hard else 1)
        names, rows = [f"{row:05}.jpg" for row in range(DRAWN)], np.arange(DRAWN)
        shared = rng.standard_normal(valid.shape)
        models = {}
        for model in range(CHOSEN_FROM):
            scores = 0.7 * shared + 0.7 * rng.standard_normal(valid.shape)
            scores += rng.uniform(2.5, 5) * plain[:, None] * valid * rng.uniform(0.75, 1, valid.shape)
            models[f"model-{model}"] = Predictions.from_scores((1.5 * scores).astype(np.float16), names)
        original = np.where(rng.random(DRAWN) < 0.1, rng.integers(0, KINDS, DRAWN), order[:, 0])
        return cls(names, valid, propose(models, LabelSets.from_pairs(names, rows, original), per_image=6))

    def golden(self, images: npt.NDArray[np.int64]) -> Golden:
        """All valid pairs of some images."""
        rows, class_ids = np.nonzero(self.valid[images])
        names = [self.names[images[row]] for row in rows]
        return Golden(Questions.from_columns(names, class_ids), np.ones(rows.size, bool))

    def recall(self, models: tuple[str, ...], everything: GoldenPairs) -> float:
        """The true recall of some models."""
        return float(everything.pairs.proposed_by(np.isin(self.candidates.names, models)).mean())


def chosen_as_before(population: Population, golden: Golden, target: float) -> tuple[str, ...] | None:
    """The models with the fewest proposals whose recall on the golden images that found them reaches the target."""
    judged = golden_pairs(population.candidates, golden)
    need = math.ceil(target * len(judged.valid) - 1e-9)
    found = search_of(population.candidates).find(judged, need)
    rows = [row for row in found.frontier.tolist() if found.hits[row] >= need]
    return tuple(np.array(population.candidates.names)[found.subset(rows[0])]) if rows else None


def print_recalls() -> None:
    """How often the true recall of chosen models is below the target."""
    print(
        "| all models | target | golden images | chosen % | fewer than all % | proposals, % of all | below target % |",
        end="",
    )
    print(" highest recall shown, median | best on the images that found them: below target % |")
    print("|---|---|---|---|---|---|---|---|---|")
    known: dict[tuple[float, bool], Population] = {}
    for several, is_hard, target in TARGETS:
        if (several, is_hard) not in known:
            known = {(several, is_hard): Population.drawn(several, is_hard)}
        (population,) = known.values()
        candidates = population.candidates
        everything = golden_pairs(candidates, population.golden(np.arange(DRAWN)))
        of_all = population.recall(candidates.names, everything)
        for size in GOLDEN:
            rng = np.random.default_rng(size)
            choices, before = [], []
            for _ in range(RUNS):
                golden = population.golden(rng.choice(DRAWN, size, replace=False))
                choices.append(choose_models(candidates, golden, recall=target))
                before.append(chosen_as_before(population, golden, target))
            chosen = [choice.chosen for choice in choices if choice.chosen is not None]
            fewer = [subset for subset in chosen if subset.models != candidates.names]
            below = [population.recall(subset.models, everything) < target for subset in chosen]
            below_before = [population.recall(models, everything) < target for models in before if models is not None]
            shares = [100 * subset.proposals / choices[0].all_models.proposals for subset in chosen]
            cells = [
                f"{of_all:.3f}",
                f"{target}",
                f"{size:,}",
                *(f"{100 * len(some) / RUNS:.1f}" for some in (chosen, fewer)),
            ]
            cells += [f"{np.mean(shares):.0f}" if shares else "-", f"{100 * sum(below) / RUNS:.1f}"]
            cells += [
                f"{np.median([choice.highest_bound for choice in choices]):.3f}",
                f"{100 * sum(below_before) / RUNS:.1f}",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["recall"]:
        print_recalls()
    else:
        print_ratios()
        print_seconds()
