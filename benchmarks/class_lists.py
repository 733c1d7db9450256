"""How often `find_class_list` finds another class list, and falsely reports one: the numbers of docs/class-order.md.

    python -m benchmarks.class_lists

Models are simulated on ImageNet's original labels, see `tests.evaluation.simulated_models`, and on benchmarks with few
classes. It takes a quarter of an hour.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from reassess import Classes, LabelSets, Predictions, find_class_list, find_outcomes, read_original_labels
from reassess.data import benchmark_classes
from reassess.evaluation import FoundClassList
from reassess.evaluation.class_list_search import predefined_class_orders
from tests.evaluation.simulated_models import Ids, simulate_predictions

ACCURACIES = (0.15, 0.4, 0.55, 0.7, 0.9)
CLASSES = benchmark_classes()
ORIGINAL = read_original_labels().convert_to_classes(CLASSES)


class Images:
    """Images with one label each. They are joined with the labels once, for all models."""

    def __init__(self, names: Sequence[str], truth: Ids, classes: Classes) -> None:
        self.truth, self.classes = truth, classes
        self.labels = LabelSets.from_lists(names, truth[:, None].tolist(), classes)
        self.outcomes = find_outcomes(Predictions.from_ids(truth, names), self.labels)

    def find(self, ids: Ids) -> FoundClassList | None:
        return find_class_list(replace(self.outcomes, top1=ids.astype(np.int32)), self.labels)


def draw_imagenet(rng: np.random.Generator, images: int) -> Images:
    rows = rng.choice(len(ORIGINAL), images, replace=False)
    return Images([ORIGINAL.images[row] for row in rows], ORIGINAL.indices[rows].astype(np.int64), CLASSES)


def make_images(images: int, classes: int) -> Images:
    return Images([f"{i}.png" for i in range(images)], np.arange(images) % classes, Classes(classes))


def print_table(title: str, headings: Iterable[object], rows: Iterable[Iterable[object]]) -> None:
    print(f"\n{title}", "\t".join(map(str, headings)), sep="\n", flush=True)
    for row in rows:
        print("\t".join(map(str, row)), flush=True)


def measure_random_orders(rng: np.random.Generator) -> Iterator[list[object]]:
    for images in (300, 1000, 3000, 5000, 10_000, 20_000, 50_000):
        cells: list[object] = [images]
        for accuracy in ACCURACIES[1:]:
            correct, undecided, too_high = [], [], []
            for _ in range(10):
                sample, order = draw_imagenet(rng, images), rng.permutation(1000)
                ids = simulate_predictions(rng, sample.truth, accuracy)
                class_list = sample.find(np.argsort(order)[ids])
                if class_list is not None:
                    correct.append(np.mean(class_list.class_of_id == order))
                    undecided.append(len(class_list.undecided_classes) / 1000)
                    accuracy_by_list = np.mean(class_list.class_of_id[np.argsort(order)[ids]] == sample.truth)
                    too_high.append(accuracy_by_list - np.mean(ids == sample.truth))
            means = "/".join(f"{100 * np.mean(v):.1f}" for v in (correct, undecided, too_high)) if correct else "-"
            cells.append(f"{len(correct)}: {means}")
        yield cells


def measure_predefined_orders(rng: np.random.Generator) -> Iterator[list[object]]:
    orders = predefined_class_orders(CLASSES, 1000)
    for images in (30, 50, 100, 150, 300, 1000, 5000, 50_000):
        cells: list[object] = [images]
        for accuracy in ACCURACIES:
            hits = 0
            for _ in range(5):
                sample = draw_imagenet(rng, images)
                for name, order in orders.items():
                    class_list = sample.find(np.argsort(order)[simulate_predictions(rng, sample.truth, accuracy)])
                    hits += class_list is not None and class_list.order_name == name
            cells.append(f"{hits} of {5 * len(orders)}")
        yield cells


def count_false_reports(rng: np.random.Generator) -> Iterator[list[object]]:
    for images in (300, 1000, 5000, 50_000):
        reports = np.zeros(4, int)
        for count in range(200):
            if count % 20 == 0:
                sample = draw_imagenet(rng, images)
            shape = {"distance": rng.choice([1.05, 4, 10]), "exchanged": int(rng.integers(0, 200)), "persistence": 0.45}
            honest, poor, chance = (
                simulate_predictions(rng, sample.truth, accuracy, unequal=1, **shape)
                for accuracy in (rng.uniform(0.4, 0.9), 0.15, rng.uniform(0.01, 0.05))
            )
            for kind, ids in enumerate((honest, poor, chance, rng.permutation(honest))):
                reports[kind] += sample.find(ids) is not None
        yield [images, *reports]


def measure_few_classes(rng: np.random.Generator) -> Iterator[list[object]]:
    for classes in (2, 3, 4, 5, 10):
        for images in (50, 100, 200, 500, 1000):
            sample = make_images(images, classes)
            cells: list[object] = [f"{classes} classes, {images} images"]
            for accuracy in (*ACCURACIES[1:], "chance"):
                hits = 0
                for _ in range(100):
                    order = rng.permutation(classes)
                    while (order == np.arange(classes)).any():
                        order = rng.permutation(classes)
                    is_correct = rng.random(images) < (0 if accuracy == "chance" else accuracy)
                    wrong = rng.integers(0, classes, images)
                    if accuracy != "chance":
                        wrong = (sample.truth + rng.integers(1, classes, images)) % classes
                    ids = np.where(is_correct, sample.truth, wrong)
                    hits += sample.find(np.argsort(order)[ids]) is not None
                cells.append(hits)
            yield cells


def measure_seconds(rng: np.random.Generator) -> Iterator[list[object]]:
    imagenet = Images(ORIGINAL.images, ORIGINAL.indices.astype(np.int64), CLASSES)
    for accuracy in ACCURACIES:
        honest = simulate_predictions(rng, imagenet.truth, accuracy)
        as_text, permuted = np.argsort(sorted(range(1000), key=str))[honest], rng.permutation(1000)[honest]
        cells: list[object] = [accuracy]
        for ids in (honest, as_text, permuted, rng.permutation(honest)):
            start = time.perf_counter()
            imagenet.find(ids)
            cells.append(f"{time.perf_counter() - start:.2f}")
        yield cells


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    models = ["accuracy", "honest", "sorted as text", "permuted", "wrong rows"]
    print_table("Seconds for 50,000 ids", models, measure_seconds(rng))
    print_table("Known orders found, with their name", ["images", *ACCURACIES], measure_predefined_orders(rng))
    title = "Random orders: found of 10: % of classes correct/% undecided/excess accuracy in points"
    print_table(title, ["images", *ACCURACIES[1:]], measure_random_orders(rng))
    models = ["images", "40 to 90 % accurate", "15 %", "1 to 5 %", "wrong rows"]
    print_table("False reports for 200 models that use the benchmark's class list", models, count_false_reports(rng))
    title = "Few classes, each at another place: found of 100"
    print_table(title, ["", *ACCURACIES[1:], "by chance"], measure_few_classes(rng))
