"""How well another class list is found, and how seldom where there is none: the numbers of docs/class-order.md.

    python -m benchmarks.class_lists

Models are simulated on ImageNet's original labels, see `tests.evaluation.simulated_models`, and on labels of few
classes. It takes a quarter of an hour.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from reassess import Classes, LabelSets, Predictions, find_class_list, find_outcomes, read_original
from reassess.data import benchmark_classes
from reassess.evaluation import ClassList
from reassess.evaluation.class_list_search import known_orders
from tests.evaluation.simulated_models import Ids, simulate_predictions

ACCURACIES = (0.15, 0.4, 0.55, 0.7, 0.9)
CLASSES = benchmark_classes()
ORIGINAL = read_original().in_classes(CLASSES)


class Images:
    """Some images with one label each, joined once."""

    def __init__(self, names: Sequence[str], truth: Ids, classes: Classes) -> None:
        self.truth, self.classes = truth, classes
        self.labels = LabelSets.from_lists(names, truth[:, None].tolist(), classes)
        self.joined = find_outcomes(Predictions.from_ids(truth, names), self.labels)

    def find(self, said: Ids) -> ClassList | None:
        return find_class_list(replace(self.joined, top1=said.astype(np.int32)), self.labels)


def of_imagenet(rng: np.random.Generator, images: int) -> Images:
    rows = rng.choice(len(ORIGINAL), images, replace=False)
    return Images([ORIGINAL.images[row] for row in rows], ORIGINAL.indices[rows].astype(np.int64), CLASSES)


def of_few(images: int, classes: int) -> Images:
    return Images([f"{i}.png" for i in range(images)], np.arange(images) % classes, Classes(classes))


def show(title: str, headings: Iterable[object], rows: Iterable[Iterable[object]]) -> None:
    print(f"\n{title}", "\t".join(map(str, headings)), sep="\n", flush=True)
    for row in rows:
        print("\t".join(map(str, row)), flush=True)


def any_order(rng: np.random.Generator) -> Iterator[list[object]]:
    for images in (300, 1000, 3000, 5000, 10_000, 20_000, 50_000):
        cells: list[object] = [images]
        for accuracy in ACCURACIES[1:]:
            found, right, undecided, too_high = 0, [], [], []
            for _ in range(10):
                some, order = of_imagenet(rng, images), rng.permutation(1000)
                said = simulate_predictions(rng, some.truth, accuracy)
                other = some.find(np.argsort(order)[said])
                if other is not None:
                    found += 1
                    right.append(np.mean(other.class_of == order))
                    undecided.append(len(other.undecided) / 1000)
                    corrected = np.mean(other.class_of[np.argsort(order)[said]] == some.truth)
                    too_high.append(corrected - np.mean(said == some.truth))
            means = "/".join(f"{100 * np.mean(part):.1f}" for part in (right, undecided, too_high)) if found else "-"
            cells.append(f"{found}: {means}")
        yield cells


def known_order(rng: np.random.Generator) -> Iterator[list[object]]:
    orders = known_orders(CLASSES, 1000)
    for images in (30, 50, 100, 150, 300, 1000, 5000, 50_000):
        cells: list[object] = [images]
        for accuracy in ACCURACIES:
            found = 0
            for _ in range(5):
                some = of_imagenet(rng, images)
                for name, order in orders.items():
                    other = some.find(np.argsort(order)[simulate_predictions(rng, some.truth, accuracy)])
                    found += other is not None and other.order == name
            cells.append(f"{found} of {5 * len(orders)}")
        yield cells


def false_finds(rng: np.random.Generator) -> Iterator[list[object]]:
    for images in (300, 1000, 5000, 50_000):
        found = np.zeros(4, int)
        for count in range(200):
            if count % 20 == 0:
                some = of_imagenet(rng, images)
            shape = {"distance": rng.choice([1.05, 4, 10]), "exchanged": int(rng.integers(0, 200)), "persistence": 0.45}
            honest, poor, chance = (
                simulate_predictions(rng, some.truth, accuracy, unequal=1, **shape)
                for accuracy in (rng.uniform(0.4, 0.9), 0.15, rng.uniform(0.01, 0.05))
            )
            for kind, said in enumerate((honest, poor, chance, rng.permutation(honest))):
                found[kind] += some.find(said) is not None
        yield [images, *found]


def few_classes(rng: np.random.Generator) -> Iterator[list[object]]:
    for classes in (2, 3, 4, 5, 10):
        for images in (50, 100, 200, 500, 1000):
            some = of_few(images, classes)
            cells: list[object] = [f"{classes} classes, {images} images"]
            for accuracy in (*ACCURACIES[1:], "chance"):
                found = 0
                for _ in range(100):
                    order = rng.permutation(classes)
                    while (order == np.arange(classes)).any():
                        order = rng.permutation(classes)
                    right = rng.random(images) < (0 if accuracy == "chance" else accuracy)
                    others = rng.integers(0, classes, images)
                    wrong = (
                        others if accuracy == "chance" else (some.truth + rng.integers(1, classes, images)) % classes
                    )
                    said = np.argsort(order)[np.where(right, some.truth, wrong)]
                    found += some.find(said) is not None
                cells.append(found)
            yield cells


def seconds(rng: np.random.Generator) -> Iterator[list[object]]:
    every = Images(ORIGINAL.images, ORIGINAL.indices.astype(np.int64), CLASSES)
    for accuracy in ACCURACIES:
        said = simulate_predictions(rng, every.truth, accuracy)
        kinds = said, np.argsort(sorted(range(1000), key=str))[said], rng.permutation(1000)[said], rng.permutation(said)
        cells: list[object] = [accuracy]
        for ids in kinds:
            start = time.perf_counter()
            every.find(ids)
            cells.append(f"{time.perf_counter() - start:.2f}")
        yield cells


if __name__ == "__main__":
    draw = np.random.default_rng(0)
    show("Seconds for 50,000 ids", ["accuracy", "honest", "sorted as text", "permuted", "wrong rows"], seconds(draw))
    show("A known order, found by its name", ["images", *ACCURACIES], known_order(draw))
    title = "Any order of 1,000 classes, found of 10: % of classes right / undecided / accuracy by the list too high"
    show(title, ["images", *ACCURACIES[1:]], any_order(draw))
    kinds = ["images", "40 to 90 % accurate", "15 %", "1 to 5 %", "wrong rows"]
    show("Found of 200 models without another list", kinds, false_finds(draw))
    show("Of few classes, all of them moved, found of 100", ["", *ACCURACIES[1:], "by chance"], few_classes(draw))
