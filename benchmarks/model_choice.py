"""Quality of the choice of models by `choose_models`, in simulations.

`PYTHONPATH=. python benchmarks/model_choice.py` prints the numbers of docs/proposals.md:

1. how many more candidates the greedy order needs than the best of all subsets, for 15 to 18 models
2. how often the true recall of the chosen models is below the target, when golden images are drawn at random from
   10,000 images with one to five valid classes
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess import LabelSets, Predictions, choose_models, propose
from reassess.aggregation import GoldenQuestions
from reassess.core import ProposalResult, Questions
from reassess.proposals.proposed_pairs import GoldenPairs, ImageClassPairs, find_golden_pairs
from reassess.proposals.subset_search import _measure_all_subsets, _measure_greedy_search, measure_model_subsets

CASES, RECALLS = 160, (0.8, 0.9, 0.95, 0.99)
FEWEST_MODELS, MODELS_AND_MORE = 15, 4
COPIES, NOISY = 8, 5  # 0 to 7 models are near copies, 0 to 4 are noisy

IMAGES, IMAGE_CLASSES, MODELS, RUNS = 10_000, 60, 8, 1_000  # RUNS: draws of golden images
GOLDEN = (50, 200, 1_000)  # images
# Share of images with several classes, are these classes harder to see, target recall.
TARGETS = ((0.6, False, 0.9), (0.6, True, 0.9))

CLASSES = 10  # possible classes per image; the first is the original label


def simulate_pairs(
    seed: int, models: int, images: int, copies: int, noisy: int
) -> tuple[ImageClassPairs, ImageClassPairs]:
    """Simulate models; return all pairs, and the valid golden pairs, for half of the images.

    Some models are near copies of others, and some propose many invalid classes.
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
    has_question = members.any(axis=1) & sends.any(axis=1)
    original = is_original[:, None]  # an image without questions keeps its original label
    return ImageClassPairs(members, sends).take_rows(has_question), ImageClassPairs(
        members | original, sends | original
    ).take_rows(golden)


def candidate_ratios(case: int) -> list[float]:
    """Return the candidates of the greedy order divided by the fewest with the same recall, for each recall."""
    models = FEWEST_MODELS + case % MODELS_AND_MORE
    pairs, valid = simulate_pairs(case, models, 200, copies=case % COPIES, noisy=case % NOISY)
    best, greedy = _measure_all_subsets(pairs, valid), _measure_greedy_search(pairs, valid)
    targets = [math.ceil(recall * int(best.n_hits.max())) for recall in RECALLS]
    fewest = [[int(search.n_candidates[search.n_hits >= hits].min()) for hits in targets] for search in (greedy, best)]
    return [greedy_fewest / best_fewest for greedy_fewest, best_fewest in zip(*fewest, strict=True)]


def print_ratios() -> None:
    ratios = np.concatenate([candidate_ratios(case) for case in range(CASES)])
    more = 100 * (ratios - 1)
    print(f"{ratios.size} choices: {100 * np.mean(more == 0):.1f} % have the fewest candidates of all subsets")
    print(
        f"candidates more than the fewest: mean {more.mean():.1f} %, 95th percentile {np.quantile(more, 0.95):.1f} %, "
        f"maximum {more.max():.1f} %"
    )


@dataclass(frozen=True)
class Population:
    """Images whose valid classes are all known, and the candidates that models propose for them."""

    names: list[str]
    valid: npt.NDArray[np.bool_]
    result: ProposalResult

    @classmethod
    def draw(cls, several_share: float, is_hard: bool) -> "Population":
        """Draw images, and models of different skill that recognise clearly visible classes best."""
        rng = np.random.default_rng(0)
        count = 1 + rng.binomial(4, several_share / 4, IMAGES) * (rng.random(IMAGES) < several_share)
        order = rng.random((IMAGES, IMAGE_CLASSES)).argsort(axis=1)
        valid = order.argsort(axis=1) < count[:, None]
        visibility = rng.gamma(6, 1 / 6, IMAGES) / (np.sqrt(count) if is_hard else 1)
        names, rows = [f"{row:05}.jpg" for row in range(IMAGES)], np.arange(IMAGES)
        shared = rng.standard_normal(valid.shape)
        models = {}
        for model in range(MODELS):
            scores = 0.7 * shared + 0.7 * rng.standard_normal(valid.shape)
            scores += rng.uniform(2.5, 5) * visibility[:, None] * valid * rng.uniform(0.75, 1, valid.shape)
            models[f"model-{model}"] = Predictions.from_scores((1.5 * scores).astype(np.float16), names)
        original = np.where(rng.random(IMAGES) < 0.1, rng.integers(0, IMAGE_CLASSES, IMAGES), order[:, 0])
        return cls(names, valid, propose(models, LabelSets.from_pairs(names, rows, original), per_image=6))

    def golden(self, images: npt.NDArray[np.int64]) -> GoldenQuestions:
        """Return the valid pairs of some images."""
        rows, class_ids = np.nonzero(self.valid[images])
        names = [self.names[images[row]] for row in rows]
        return GoldenQuestions(Questions.from_columns(names, class_ids), np.ones(rows.size, bool))

    def recall(self, models: tuple[str, ...], all_pairs: GoldenPairs) -> float:
        """Return the true recall of some models."""
        return float(all_pairs.pairs.is_proposed_by(np.isin(self.result.model_names, models)).mean())


def choose_without_check(population: Population, golden: GoldenQuestions, target: float) -> tuple[str, ...] | None:
    """Return the models with the fewest candidates and the target recall, both on the same golden images."""
    pairs = find_golden_pairs(population.result, golden)
    needed_hits = math.ceil(target * len(pairs.is_valid) - 1e-9)
    subsets = measure_model_subsets(population.result, pairs)
    rows = [row for row in subsets.frontier_rows.tolist() if subsets.n_hits[row] >= needed_hits]
    return tuple(np.array(population.result.model_names)[subsets.models_of_subset(rows[0])]) if rows else None


def print_recalls() -> None:
    """Print how often the true recall of the chosen models is below the target."""
    print("| recall of all models | target | golden images | models chosen % | fewer than all models chosen % ", end="")
    print("| candidates, % of all models' | below target % | highest recall bound, median ", end="")
    print("| chosen without a check: below target % |")
    print("|---|---|---|---|---|---|---|---|---|")
    populations: dict[tuple[float, bool], Population] = {}
    for several_share, is_hard, target in TARGETS:
        if (several_share, is_hard) not in populations:  # keep one in memory
            populations = {(several_share, is_hard): Population.draw(several_share, is_hard)}
        (population,) = populations.values()
        result = population.result
        all_pairs = find_golden_pairs(result, population.golden(np.arange(IMAGES)))
        recall_of_all = population.recall(result.model_names, all_pairs)
        for size in GOLDEN:
            rng = np.random.default_rng(size)
            choices, unchecked = [], []
            for _ in range(RUNS):
                golden = population.golden(rng.choice(IMAGES, size, replace=False))
                choices.append(choose_models(result, golden, recall=target))
                unchecked.append(choose_without_check(population, golden, target))
            chosen = [choice.chosen for choice in choices if choice.chosen is not None]
            fewer = [subset for subset in chosen if subset.models != result.model_names]
            below = [population.recall(subset.models, all_pairs) < target for subset in chosen]
            unchecked_below = [
                population.recall(models, all_pairs) < target for models in unchecked if models is not None
            ]
            shares = [100 * subset.n_candidates / choices[0].all_models.n_candidates for subset in chosen]
            cells = [
                f"{recall_of_all:.3f}",
                f"{target}",
                f"{size:,}",
                *(f"{100 * len(choice) / RUNS:.1f}" for choice in (chosen, fewer)),
            ]
            cells += [f"{np.mean(shares):.0f}" if shares else "-", f"{100 * sum(below) / RUNS:.1f}"]
            cells += [
                f"{np.median([choice.highest_target for choice in choices]):.3f}",
                f"{100 * sum(unchecked_below) / RUNS:.1f}",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    print_ratios()
    print_recalls()
