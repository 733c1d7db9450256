"""How good a choice of models is.

`PYTHONPATH=. python benchmarks/model_choice.py` prints the numbers of docs/proposals.md: how many result the greedy
order needs beside the best of all subsets, among 15 to 18 simulated models; and the recall of chosen models: how often
it is below the target, over draws of golden images from 10,000 simulated images with one to five valid classes.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess import LabelSets, Predictions, choose_models, propose
from reassess.aggregation import Golden
from reassess.core import ProposalResult, Questions
from reassess.proposals.proposed_pairs import GoldenPairs, Pairs, golden_pairs
from reassess.proposals.subset_search import _measure_all, _measure_greedy, find_subsets

CASES, RECALLS = 160, (0.8, 0.9, 0.95, 0.99)
FEWEST_MODELS, MODELS_AND_MORE = 15, 4
COPIES, NOISY = 8, 5  # numbers of them, from none

DRAWN, KINDS, CHOSEN_FROM, RUNS = 10_000, 60, 8, 1_000  # images, classes, models, draws of golden images
GOLDEN = (50, 200, 1_000)  # images
# Share of images with several classes, whether these show each class less plainly, and the target.
TARGETS = ((0.6, False, 0.9), (0.6, True, 0.9))

CLASSES = 10  # that are thought of, an image; the first is the original label


def simulated(seed: int, models: int, images: int, copies: int, noisy: int) -> tuple[Pairs, Pairs]:
    """All pairs of simulated models, and the valid golden ones: half of the images are golden.

    Some models are nearly copies of others, and some propose whatever they come by.
    """
    rng = np.random.default_rng(seed)
    own, pairs = models - copies, images * CLASSES
    image, is_original = np.repeat(np.arange(images), CLASSES), np.tile(np.arange(CLASSES) == 0, images)
    doubt, hard = rng.beta(1, 2, images), rng.random(pairs)
    skill, noise = rng.uniform(0.35, 0.9, own), rng.uniform(0.02, 0.15, own)
    noisiest = rng.choice(own, noisy, replace=False)
    skill[noisiest], noise[noisiest] = rng.uniform(0.3, 0.7, noisy), rng.uniform(0.3, 0.6, noisy)
    valid = rng.random(pairs) < np.where(is_original, 0.85, 0.12)
    seen = np.clip(skill * (1.3 - hard[:, None]), 0, 1)
    members = rng.random((pairs, own)) < np.where(valid[:, None], seen, noise * 2 * doubt[image][:, None])
    sends = rng.random((images, own)) < np.clip(0.1 + doubt[:, None] * np.where(noise > 0.25, 1.3, 0.5), 0, 1)
    copied, changed = rng.integers(0, own, copies), rng.choice([0, 0.01, 0.05], copies)
    members = np.hstack([members, members[:, copied] ^ (rng.random((pairs, copies)) < changed / 2)])
    sends = np.hstack([sends, sends[:, copied] ^ (rng.random((images, copies)) < changed)])
    order = rng.permutation(models)
    members, sends = members[:, order] | is_original[:, None], sends[image][:, order]
    golden = valid & (rng.random(images) < 0.5)[image]
    asked = members.any(axis=1) & sends.any(axis=1)
    kept = is_original[:, None]  # what is not sent keeps its original label
    return Pairs(members, sends).take(asked), Pairs(members | kept, sends | kept).take(golden)


def ratios_of(case: int) -> list[float]:
    """The candidates of the greedy order, as shares of the fewest that reach the same recall, by recall."""
    models = FEWEST_MODELS + case % MODELS_AND_MORE
    pairs, valid = simulated(case, models, 200, copies=case % COPIES, noisy=case % NOISY)
    every, greedy = _measure_all(pairs, valid), _measure_greedy(pairs, valid)
    needs = [math.ceil(recall * int(every.hits.max())) for recall in RECALLS]
    fewest = [[int(found.candidates[found.hits >= need].min()) for need in needs] for found in (greedy, every)]
    return [mine / best for mine, best in zip(*fewest, strict=True)]


def print_ratios() -> None:
    ratios = np.concatenate([ratios_of(case) for case in range(CASES)])
    more = 100 * (ratios - 1)
    print(
        f"{ratios.size} choices: {100 * np.mean(more == 0):.1f} % have the fewest candidates of all subsets; ", end=""
    )
    print(
        f"{more.mean():.1f} % more on average, {np.quantile(more, 0.95):.1f} % in 19 of 20, {more.max():.1f} % at most"
    )


@dataclass(frozen=True)
class Population:
    """Images whose valid classes are all known, and what models propose for them."""

    names: list[str]
    valid: npt.NDArray[np.bool_]
    result: ProposalResult

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
        return float(everything.pairs.proposed_by(np.isin(self.result.names, models)).mean())


def chosen_as_before(population: Population, golden: Golden, target: float) -> tuple[str, ...] | None:
    """The models with the fewest candidates whose recall on the golden images that found them reaches the target."""
    judged = golden_pairs(population.result, golden)
    need = math.ceil(target * len(judged.valid) - 1e-9)
    found = find_subsets(population.result, judged)
    rows = [row for row in found.frontier.tolist() if found.hits[row] >= need]
    return tuple(np.array(population.result.names)[found.subset(rows[0])]) if rows else None


def print_recalls() -> None:
    """How often the true recall of chosen models is below the target."""
    print(
        "| all models | target | golden images | chosen % | fewer than all % | candidates, % of all | below target % |",
        end="",
    )
    print(" highest recall shown, median | best on the images that found them: below target % |")
    print("|---|---|---|---|---|---|---|---|---|")
    known: dict[tuple[float, bool], Population] = {}
    for several, is_hard, target in TARGETS:
        if (several, is_hard) not in known:
            known = {(several, is_hard): Population.drawn(several, is_hard)}
        (population,) = known.values()
        result = population.result
        everything = golden_pairs(result, population.golden(np.arange(DRAWN)))
        of_all = population.recall(result.names, everything)
        for size in GOLDEN:
            rng = np.random.default_rng(size)
            choices, before = [], []
            for _ in range(RUNS):
                golden = population.golden(rng.choice(DRAWN, size, replace=False))
                choices.append(choose_models(result, golden, recall=target))
                before.append(chosen_as_before(population, golden, target))
            chosen = [choice.chosen for choice in choices if choice.chosen is not None]
            fewer = [subset for subset in chosen if subset.models != result.names]
            below = [population.recall(subset.models, everything) < target for subset in chosen]
            below_before = [population.recall(models, everything) < target for models in before if models is not None]
            shares = [100 * subset.candidates / choices[0].all_models.candidates for subset in chosen]
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
    print_ratios()
    print_recalls()
