"""How often the check of agreement with the original labels detects a wrong order: python benchmarks/order_check.py.

The models are simulated, for several accuracies and sizes of benchmarks: honest ones, and the same with their rows in
class-folder order, with their rows in a random order, and with ids of another class list. Each benchmark has its images
in random order, and classes of different sizes.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from reassess import DataError, LabelSets, class_folder_order, find_outcomes

DRAWS = 100
SIZES = ((2, 200), (10, 30), (10, 60), (10, 300), (10, 1800), (100, 300))
KAPPAS = (0.0, 0.1, 0.3, 0.5, 0.9)
Ids = npt.NDArray[np.int64]


def check(labels: LabelSets, ids: Ids) -> str:
    """Check a model; return the kind of error or warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            find_outcomes(ids, labels, original=labels)
        except DataError as error:
            return "order" if "class-folder" in str(error) else "list" if "in another order" in str(error) else "error"
    return "warning" if caught else "nothing"


def draw_models(labels: LabelSets, kappa: float, classes: int, rng: np.random.Generator) -> Iterator[tuple[str, Ids]]:
    """Yield the ids of an honest model, and the same ids in other orders."""
    truth = labels.indices.astype(np.int64)
    honest = np.where(rng.random(truth.size) < kappa, truth, rng.permutation(truth))
    yield "honest", honest
    yield "class-folder", honest[class_folder_order(labels)]
    yield "unknown order", rng.permutation(honest)
    yield "class list", rng.permutation(classes)[honest]


def main() -> None:
    kinds = ("order", "list", "error", "warning", "nothing")
    print("classes", "images", "kappa", "model", *kinds, sep="\t")
    for classes, images in SIZES:
        for kappa in KAPPAS:
            results: dict[str, Counter[str]] = {}
            for draw in range(DRAWS):
                rng = np.random.default_rng([classes, images, draw])
                share = rng.dirichlet(np.full(classes, 4.0))
                truth = rng.choice(classes, images, p=share)
                names = [f"{row:05}.png" for row in range(images)]
                labels = LabelSets.from_lists(names, truth[:, None].tolist())
                for model, ids in draw_models(labels, kappa, classes, rng):
                    results.setdefault(model, Counter())[check(labels, ids)] += 1
            for model, counts in results.items():
                shares = [f"{100 * counts[kind] / DRAWS:.1f}" for kind in kinds]
                print(classes, images, kappa, model, *shares, sep="\t")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
