"""The class list of a model: found where it is another one, for certain, and never where it is not.

Models are simulated on ImageNet's original labels.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from reassess.core import Classes, LabelSets, Predictions, class_folder_order
from reassess.evaluation import ClassList, Outcomes, class_list_search, evaluate, find_class_list, find_outcomes
from reassess.evaluation.class_list import UndecidedClass
from reassess.evaluation.class_list_search import known_orders
from reassess.evaluation.evaluation_words import no_list_in_words
from reassess.evaluation.outcomes import join_and_rank
from reassess.formats import read_predictions
from reassess.formats.predictions.output_lists import map_outputs
from reassess.numeric import Proportion
from tests.evaluation.simulated_models import simulated
from tests.helpers import code_of, fault_of, message, python

Ids = npt.NDArray[np.int64]
CLASSES = 1000
TEXT = "class numbers sorted as text: 0, 1, 10, 100"


def as_text(classes: int) -> Ids:
    """The class of each id where folders called by class number are sorted as text."""
    return np.array(sorted(range(classes), key=str))


def labels_of(truth: Sequence[int] | Ids, classes: Classes | None = None) -> LabelSets:
    return LabelSets.from_lists([f"{i}.png" for i in range(len(truth))], [[int(c)] for c in truth], classes)


def searched(said: Sequence[int] | Ids, labels: LabelSets, original: LabelSets | None = None) -> ClassList | None:
    outcomes = join_and_rank(Predictions.from_ids(np.asarray(said)), labels, original=original)
    return find_class_list(outcomes, labels, original)


class Benchmark:
    """ImageNet's original labels, joined once."""

    def __init__(self, original: LabelSets) -> None:
        self.original = original
        self.truth = original.indices.astype(np.int64)
        self.joined = join_and_rank(Predictions.from_ids(original.indices), original, original=original)

    def outcomes(self, said: Ids) -> Outcomes:
        return replace(self.joined, top1=said.astype(np.int32))

    def find(self, said: Ids) -> ClassList | None:
        return find_class_list(self.outcomes(said), self.original, self.original)


@pytest.fixture(scope="module")
def imagenet(real_original: LabelSets) -> Benchmark:
    return Benchmark(real_original)


# Other class lists are found


LISTS = {"devkit-like": np.random.default_rng(2012).permutation(CLASSES), "text": as_text(CLASSES)} | {
    f"random {seed}": np.random.default_rng(seed).permutation(CLASSES) for seed in range(3)
}


@pytest.mark.parametrize("name", LISTS)
def test_another_list_is_found_and_99_percent_of_its_classes_are_right(name: str, imagenet: Benchmark) -> None:
    class_of = LISTS[name]
    rng = np.random.default_rng([class_of[0], class_of[1]])
    said = simulated(rng, imagenet.truth, rng.uniform(0.4, 0.9))
    other = imagenet.find(np.argsort(class_of)[said])
    right = other.class_of == class_of
    assert np.mean(right) >= 0.99
    assert sorted(other.class_of) == list(range(CLASSES))
    assert set(np.flatnonzero(~right)) <= {each.output for each in other.undecided}
    assert other.order == (TEXT if name == "text" else None)
    assert other.p_value == 1e-300
    assert other.after.value == pytest.approx(np.mean(said == imagenet.truth), abs=0.02)
    images = 50_000 if name == "text" else 25_000
    assert (other.before.value < 0.02, other.before.n, other.after.n) == (True, images, images)


@pytest.mark.parametrize("seed", range(3))
def test_of_a_model_that_knows_some_classes_badly_the_wrong_ones_are_undecided(seed: int, imagenet: Benchmark) -> None:
    """Of a model that is 40 % accurate, and 10 % for some classes, no list can be told whole."""
    rng = np.random.default_rng(seed)
    class_of = rng.permutation(CLASSES)
    said = simulated(rng, imagenet.truth, 0.4, unequal=1, persistence=0.4)
    other = imagenet.find(np.argsort(class_of)[said])
    wrong = set(np.flatnonzero(other.class_of != class_of))
    undecided = {each.output for each in other.undecided}
    assert (len(wrong) <= 40, len(wrong - undecided) <= 2, len(undecided) <= 350) == (True, True, True)


NAMES = tuple(f"{word} {i}" for i in range(250) for word in ("Dog", "cat", "Ant", "bee"))
ORDERS = known_orders(Classes(CLASSES, names=NAMES), CLASSES)


@pytest.mark.parametrize("name", ORDERS)
def test_of_a_known_order_150_images_of_1_000_classes_are_enough(name: str) -> None:
    rng = np.random.default_rng(len(name))
    for _ in range(5):
        truth = rng.integers(0, CLASSES, 150)
        said = np.argsort(ORDERS[name])[simulated(rng, truth, 0.55)]
        other = searched(said, labels_of(truth, Classes(CLASSES, names=NAMES)))
        assert (other.order, other.class_of.tolist(), other.undecided) == (name, ORDERS[name].tolist(), ())
        assert (other.after.n, other.before.n, other.p_value < 5e-5) == (150, 150, True)


def test_the_known_orders_are_those_that_readers_of_folders_and_counters_from_1_make() -> None:
    too_high = "ids that are one too high: they count from 1, or 0 is a background"
    too_low = "ids that are one too low: the first class is missing"
    assert {name: order.tolist() for name, order in known_orders(Classes(), 12).items()} == {
        TEXT: [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9],
        "class numbers from 1 sorted as text: 1, 10, 100": [0, 9, 10, 11, 1, 2, 3, 4, 5, 6, 7, 8],
        too_high: [11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        too_low: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0],
    }
    one, two, nine, ten = "Img1, the first", "img2", "Img9", "img10"
    folders = Classes.from_texts([ten, nine, two, one])
    assert {name: [folders.names[i] for i in order] for name, order in known_orders(folders, 4).items()} == {
        "class names sorted without regard to capitals": [one, ten, two, nine],
        "class names sorted with their numbers in order: 2 before 10": [one, nine, two, ten],
        too_high: [two, one, nine, ten],
        too_low: [nine, ten, two, one],
    }
    assert known_orders(Classes(), 2) == {}


def test_an_order_that_is_plainly_better_than_a_known_one_takes_its_place() -> None:
    """Class names were sorted, but 20 of 100 classes were called otherwise then."""
    rng = np.random.default_rng(12)
    names = tuple(f"class {word:02d}" for word in rng.permutation(100))
    as_known = np.argsort(names)
    order = as_known.copy()
    order[40:60] = np.roll(order[40:60], 7)
    truth = np.arange(3000) % 100
    said = np.argsort(order)[simulated(rng, truth, 0.8, classes=100, exchanged=0)]
    other = searched(said, labels_of(truth, Classes(100, names=names)))
    assert (other.order, other.class_of.tolist()) == (None, order.tolist())
    few = rng.choice(3000, 150, replace=False)
    other = searched(said[few], labels_of(truth[few], Classes(100, names=names)))
    assert (other.order, other.class_of.tolist()) == ("class names sorted as text", as_known.tolist())


def test_the_order_of_rows_changes_nothing(imagenet: Benchmark) -> None:
    rng = np.random.default_rng(1)
    said = rng.permutation(CLASSES)[simulated(rng, imagenet.truth, 0.5)]
    rows = rng.permutation(50_000)
    images = np.array(imagenet.original.images)[rows].tolist()
    shuffled = join_and_rank(Predictions.from_ids(said[rows], images), imagenet.original, original=imagenet.original)
    a, b = imagenet.find(said), find_class_list(shuffled, imagenet.original, imagenet.original)
    assert a.to_json(Classes()) == b.to_json(Classes())


# Nothing is found where nothing is wrong


def test_of_200_honest_models_none_is_found(imagenet: Benchmark) -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        shape = {"distance": rng.choice([1.2, 4, 10]), "exchanged": rng.integers(0, 60), "persistence": 0.45}
        said = simulated(rng, imagenet.truth, rng.uniform(0.4, 0.9), unequal=1, **shape)
        assert imagenet.find(said) is None


@pytest.mark.parametrize(("low", "high"), [(0.15, 0.15), (0.01, 0.05)], ids=["15 %", "1 to 5 %"])
def test_of_50_poor_models_none_is_found(low: float, high: float, imagenet: Benchmark) -> None:
    """Also of those that exchange 200 pairs of classes more often than they know them."""
    rng = np.random.default_rng(4)
    for _ in range(50):
        accuracy, exchanged = rng.uniform(low, high), rng.choice([0, 10, 60, 200])
        said = simulated(rng, imagenet.truth, accuracy, unequal=1, distance=rng.choice([1.05, 1.2, 4, 10]))
        taken = (imagenet.truth < 2 * exchanged) & (rng.random(said.size) < 0.45)
        assert imagenet.find(np.where(taken, imagenet.truth ^ 1, said)) is None


@pytest.mark.parametrize("images", [40, 300, 1000, 5000])
def test_few_images_of_honest_and_of_poor_models_show_no_list(images: int) -> None:
    """Also of models that nearly always take a class for its neighbour, half of them for that above."""
    rng = np.random.default_rng(images)
    truth = rng.integers(0, CLASSES, images)
    labels = labels_of(truth, Classes(CLASSES, names=NAMES))
    joined = join_and_rank(Predictions.from_ids(truth), labels)
    for accuracy in rng.permutation([0.01, 0.05, 0.15, 0.4, 0.9] * 5):
        said = simulated(rng, truth, accuracy, unequal=1, distance=rng.choice([1.01, 4]), exchanged=200)
        for ids in (said, np.roll(said, 1)):
            assert find_class_list(replace(joined, top1=ids.astype(np.int32)), labels) is None


def test_predictions_joined_to_wrong_images_fit_no_list(imagenet: Benchmark) -> None:
    rng = np.random.default_rng(5)
    for _ in range(10):
        said = simulated(rng, imagenet.truth, rng.uniform(0.4, 0.9))
        for rows in (class_folder_order(imagenet.original), np.roll(np.arange(50_000), 1), rng.permutation(50_000)):
            assert imagenet.find(said[rows]) is None
    assert imagenet.find(np.full(50_000, 7)) is None  # always the same class


@pytest.mark.parametrize(("classes", "images"), [(3, 30), (10, 100), (2, 60)])
def test_small_benchmarks_give_fewer_false_finds_than_stated(classes: int, images: int) -> None:
    """1 in 10,000 at most, so of 2,000 models that guess, or are worse than that in no certain way, none."""
    rng = np.random.default_rng(classes)
    truth = np.arange(images) % classes
    labels = labels_of(truth)
    joined = join_and_rank(Predictions.from_ids(truth), labels)
    for accuracy in rng.choice([0.2, 0.5, 0.8], 2000) if classes > 2 else np.full(2000, 0.5):
        wrong = (truth + rng.integers(1, classes, images)) % classes
        said = np.where(rng.random(images) < accuracy, truth, wrong)
        assert find_class_list(replace(joined, top1=said.astype(np.int32)), labels) is None


# Small benchmarks


def test_fewer_than_32_images_cannot_confirm_an_order_without_a_name() -> None:
    """Of 16 images that only the list makes right, the exact test gives 2 / 2**16 = 0.00003; of 15, 0.00006."""
    for images, is_there in ((31, False), (32, True)):
        truth = np.arange(images) % 2
        assert (searched(1 - truth, labels_of(truth)) is not None) == is_there


def test_classes_without_images_keep_their_ids_where_they_can() -> None:
    """No image tells of ids 5 to 7; id 5 cannot keep class 5, which is that of id 0."""
    class_of = np.array([5, 0, 1, 2, 3])
    said = np.arange(200) % 5
    other = searched(said, labels_of(class_of[said], Classes(8)))
    assert other.class_of.tolist() == [5, 0, 1, 2, 3, 4, 6, 7]
    assert [(each.output, each.images, each.rival) for each in other.undecided] == [(i, 0, None) for i in (5, 6, 7)]


def test_no_list_is_made_of_all_outputs_up_to_a_large_id() -> None:
    sorted_as_text = sorted(range(20), key=str)
    labels = labels_of(np.arange(400) % 20, Classes(20))
    ids = np.array([[sorted_as_text.index(i % 20), 2**31 - 1] for i in range(400)])
    other = find_class_list(join_and_rank(Predictions.from_ids(ids[:, :1]), labels), labels)
    assert fault_of(other.of_outputs, Predictions.from_ids(ids)) == ("out-of-range", "2147483647")


def test_fewer_outputs_than_classes_and_predictions_of_no_class() -> None:
    """The model has 6 outputs for 8 classes, and the last of them is no class: its images are right by no list."""
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 8, 800)
    columns = np.array([1, 2, 3, 4, 0, -1])
    output_of = np.array([0, 1, 2, 3, 4, 5, 5, 5])  # what it should have been: the classes in order
    labels = labels_of(truth, Classes(8))
    said = Predictions.from_ids(output_of[truth], columns=columns)
    outcomes = join_and_rank(said, labels)
    other = find_class_list(outcomes, labels)
    assert other.of_outputs(said).tolist() == [0, 1, 2, 3, 4, -1]
    assert other.names(said, labels.classes) == ["0", "1", "2", "3", "4", "-"]
    assert other.after.value == pytest.approx(np.mean(truth < 5), abs=0.02)
    assert other.before.hits == 0


def test_without_original_labels_the_sets_of_one_class_count() -> None:
    rng = np.random.default_rng(9)
    truth = rng.integers(0, 20, 600)
    sets = [[int(c)] if i % 3 else [] if i % 2 else [int(c), (int(c) + 1) % 20] for i, c in enumerate(truth)]
    images = [f"{i}.png" for i in range(600)]
    labels = LabelSets.from_lists(images, sets)
    class_of = rng.permutation(20)
    other = searched(np.argsort(class_of)[truth], labels)
    assert other.class_of.tolist() == class_of.tolist()
    assert other.after == Proportion(200, 200)


def test_original_labels_count_before_label_sets_and_more_than_5_000_classes_are_left_alone() -> None:
    truth = np.arange(300) % 3
    said = (truth + 1) % 3
    assert searched(said, labels_of(said)) is None
    assert searched(said, labels_of(said), labels_of(truth)).class_of.tolist() == [2, 0, 1]
    assert searched(said, labels_of(truth, Classes(5000))) is not None
    assert searched(said, labels_of(truth, Classes(5001))) is None


# The rule, by slow references


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.floats(0, 1))
def test_the_list_is_confirmed_by_the_half_that_did_not_choose_it(seed: int, classes: int, accuracy: float) -> None:
    """By brute force: among all orders of the classes, with loops over images and scipy's binomial test."""
    rng = np.random.default_rng(seed)
    images = int(rng.integers(30, 200))
    truth, order = rng.integers(0, classes, images), rng.permutation(classes)
    truth[0] = classes - 1
    said = np.where(rng.random(images) < accuracy, order[truth], rng.integers(0, classes, images))
    labels = labels_of(truth, Classes(classes))
    known = best_known(said, truth, classes)
    other = searched(said, labels)
    first, second = class_list_search._halves(labels.images, truth)
    assert sorted([*first, *second]) == list(range(images))
    assert all(abs(np.sum(truth[first] == c) - np.sum(truth[second] == c)) <= 1 for c in range(classes))
    pairs = class_list_search._Pairs(said[first], truth[first], classes)
    chosen = class_list_search._assign(pairs.counts()).tolist()
    best = max(sum(right(by, said[first], truth[first])) for by in permutations(range(classes)))
    assert sum(right(chosen, said[first], truth[first])) == best
    rivals = [list(range(classes)), list(runner_up(said[first], truth[first], chosen))]
    confirmed = all(is_far_better(chosen, rival, said[second], truth[second], all_ids=True) for rival in rivals)
    if confirmed and known is not None:
        gains = differences(chosen, known, said[second], truth[second])
        confirmed = p_value(gains) < 5e-5 and sum(gains) > 0
    assert (other is not None) == (confirmed or known is not None)
    if other is not None:
        rows = second if confirmed else range(images)
        by = chosen if confirmed else known
        assert (other.order is None) == confirmed
        assert other.after == Proportion(sum(right(by, said[rows], truth[rows])), len(rows))
        assert other.before == Proportion(sum(right(range(classes), said[rows], truth[rows])), len(rows))


def best_known(said: Ids, truth: Ids, classes: int) -> list[int] | None:
    """The known order of nameless classes that all images confirm: ids one too high or one too low."""
    if classes < 3:
        return None
    shifts = [[*range(classes)[-1:], *range(classes)[:-1]], [*range(classes)[1:], 0]]
    by = max(shifts, key=lambda shift: sum(right(shift, said, truth)))
    rivals = [list(range(classes)), *(shift for shift in shifts if shift != by)]
    return by if all(is_far_better(by, rival, said, truth, orders=2) for rival in rivals) else None


def right(class_of: Sequence[int], said: Ids, truth: Ids) -> list[int]:
    return [int(class_of[one] == c) for one, c in zip(said, truth, strict=True)]


def differences(by: Sequence[int], rival: Sequence[int], said: Ids, truth: Ids) -> list[int]:
    return [one - other for one, other in zip(right(by, said, truth), right(rival, said, truth), strict=True)]


def p_value(gains: list[int]) -> float:
    only, other = gains.count(1), gains.count(-1)
    return binomtest(only, only + other).pvalue if only + other else 1


def is_far_better(
    by: Sequence[int], rival: Sequence[int], said: Ids, truth: Ids, *, all_ids: bool = False, orders: int = 1
) -> bool:
    gains = differences(by, rival, said, truth)
    by_id = {
        one: sum(gain for each, gain in zip(said, gains, strict=True) if each == one) for one in set(said.tolist())
    }
    better, ids = sum(gain > 0 for gain in by_id.values()), len(by_id) if all_ids else sum(map(bool, by_id.values()))
    twice = sum(right(by, said, truth)) >= 2 * sum(right(rival, said, truth))
    return twice and better >= 0.75 * ids and orders * p_value(gains) < 5e-5


def runner_up(said: Ids, truth: Ids, chosen: Sequence[int]) -> Iterator[int]:
    for i, own in enumerate(chosen):
        images = {c: int(np.sum((said == i) & (truth == c))) for c in range(len(chosen)) if c != own}
        yield max(images, key=lambda c: images[c]) if max(images.values()) else -1


def test_classes_that_the_model_takes_for_each_other_are_undecided() -> None:
    """Of sunglass and sunglasses, the images say no more than a coin would."""
    names = ("sunglass", "sunglasses", *"abcdefgh")
    class_of = [1, 6, 9, 2, 7, 3, 8, 5, 4, 0]
    counts = {(i, class_of[i]): 50 for i in range(1, 9)} | {(0, 1): 26, (0, 0): 24, (9, 0): 26, (9, 1): 24}
    said, truth = np.repeat(np.array(list(counts)), list(counts.values()), axis=0).T
    other = searched(said, labels_of(truth, Classes(10, names=names)))
    assert other.class_of.tolist() == class_of
    assert other.undecided == (
        UndecidedClass(output=0, class_id=1, images=26, rival=0, rival_images=24),
        UndecidedClass(output=9, class_id=0, images=26, rival=1, rival_images=24),
    )
    assert other.to_json(Classes(10, names=names))["undecided"][0] == {
        "output": 0,
        "class": 1,
        "name": "sunglasses",
        "images": 26,
        "rival": {"class": 0, "name": "sunglass", "images": 24},
    }


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_an_id_is_undecided_if_a_swap_is_not_far_less_likely(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.choice([0.3, 3, 30]), (classes, classes)).astype(np.int32)
    class_of, unlike = rng.permutation(classes), rng.random(classes) < 0.2
    counts[np.arange(classes), class_of] += rng.poisson(8, classes).astype(np.int32)
    expected = []
    for i in range(classes):
        for j in set(range(classes)) - {i}:
            kept = counts[i, class_of[i]] + counts[j, class_of[j]]
            both = kept + counts[i, class_of[j]] + counts[j, class_of[i]]
            if unlike[i] or both == 0 or binomtest(int(kept), int(both), alternative="greater").pvalue > 0.01:
                expected.append(i)
                break
    undecided = class_list_search._undecided(counts, class_of, unlike)
    assert [each.output for each in undecided] == expected
    for each in undecided:
        assert (each.class_id, each.images) == (class_of[each.output], counts[each.output, each.class_id])
        assert each.rival_images == (0 if each.rival is None else counts[each.output, each.rival])


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_ids_without_images_keep_their_class_or_take_the_free_ones_in_order(seed: int, classes: int) -> None:
    counts = np.random.default_rng(seed).poisson(0.3, (classes, classes)).astype(np.int32)
    class_of = class_list_search._assign(counts).tolist()
    assert sorted(class_of) == list(range(classes))
    unseen = [i for i in range(classes) if not counts[i, class_of[i]]]
    free = {class_of[i] for i in unseen}
    assert all(class_of[i] == i for i in unseen if i in free)
    others = [class_of[i] for i in unseen if i not in free]
    assert others == sorted(others)


def test_all_images_choose_the_list_that_is_written() -> None:
    """Of four classes with one image each, only two have it in the choosing half."""
    class_of = np.array([*range(1, 10), 0, 12, 13, 10, 11])
    said = np.r_[np.arange(500) % 10, 10:14]
    other = searched(said, labels_of(class_of[said]))
    assert other.class_of.tolist() == class_of.tolist()
    assert [each.output for each in other.undecided] == [10, 11, 12, 13]


def test_original_labels_in_another_order_of_classes_are_put_into_that_of_the_labels() -> None:
    truth = np.arange(300) % 3
    labels = labels_of(truth, Classes(3, names=("bowl", "cup", "mug")))
    original = labels_of(2 - truth, Classes(3, names=("mug", "cup", "bowl")))
    outcomes = find_outcomes((truth + 1) % 3, labels, original=original, any_class_list=True)
    assert find_class_list(outcomes, labels, original).class_of.tolist() == [2, 0, 1]


# The list mends


@pytest.mark.parametrize("kind", ["ids", "scores", "table", "list"])
def test_the_names_of_the_outputs_mend_the_file(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    wnids = tuple(f"n{i:08d}" for i in range(30))
    classes, truth = Classes(30, wnids=wnids, names=("crane",) * 30), rng.integers(0, 30, 600)
    labels, order = labels_of(truth, classes), rng.permutation(30)
    said, outputs = np.argsort(order)[truth], None
    path = tmp_path / ("model.csv" if kind == "table" else "model.npy")
    if kind == "table":
        path.write_text("image,prediction\n" + "".join(f"{i}.png,{c}\n" for i, c in enumerate(said)))
    elif kind == "ids":
        np.save(path, np.stack([said, (said + 1) % 30], axis=1))
    else:
        scores = np.zeros((600, 31 if kind == "list" else 30), np.float16)
        scores[np.arange(600), said] = 1
        np.save(path, scores)
        outputs = [*wnids, "no class"] if kind == "list" else None
    given = read_predictions(path, classes, outputs=outputs)
    other = find_class_list(find_outcomes(given, labels), labels)
    names = other.names(given, classes)
    assert names == [wnids[c] for c in order] + (["-"] if kind == "list" else [])
    mended = read_predictions(path, classes, outputs=names)
    assert evaluate(mended, labels).real[1] == Proportion(600, 600)
    assert find_class_list(find_outcomes(mended, labels), labels) is None


def test_outputs_are_called_by_name_where_the_labels_alone_name_the_classes_and_by_id_where_nothing_does() -> None:
    other = ClassList(np.array([1, 0]), None, Proportion(1, 10), Proportion(9, 10), 1e-5, ())
    said = Predictions.from_ids([0, 1, 3])
    assert other.names(said, Classes()) == ["1", "0", "2", "3"]
    scores = Predictions.from_scores(np.zeros((1, 2)))
    assert other.names(scores, Classes(2, names=("cup", "mug"), has_local_ids=True)) == ["mug", "cup"]
    assert other.names(scores, Classes(2, names=("crane", "crane"))) == ["1", "0"]
    classes = Classes(2, names=("ant", "bee\nwax"), has_local_ids=True)
    assert message(other.names, Predictions.from_ids([0, 1]), classes) == (
        "class name cannot be in a list with one name per line\n  found:   'bee\\nwax'"
    )
    assert repr(other) == ("ClassList(unnamed order: 90.00 % correct instead of 10.00 %, 0 of 2 classes undecided)")
    document = other.to_json(Classes())
    assert json.loads(json.dumps(document)) == document
    assert (document["order"], document["moved"], document["class_of"]) == (None, 2, [1, 0])


@given(order=st.permutations(range(6)), ranked=st.booleans())
def test_outputs_are_called_so_that_they_are_read_back(order: list[int], ranked: bool) -> None:
    other = ClassList(np.array(order), None, Proportion(0, 9), Proportion(9, 9), 1e-5, ())
    listed = ("0", "bee\nwax", "-", "dog, hound", "4.0", "1,000")
    names = ("ant", "bee", "cat", "dog", "eel", "fox") if ranked else listed
    classes = Classes(6, names=names, has_local_ids=ranked)
    written = other.names(Predictions.from_ids(list(range(6))), classes)
    assert map_outputs(classes, "\n".join(written).split("\n"), where="classes.txt").tolist() == order
    some_are_none = Predictions.from_ids([1, 2], columns=np.array([-1, 3, 0]))
    written = other.names(some_are_none, classes)
    assert map_outputs(classes, written, where="classes.txt").tolist() == [-1, order[3], order[0]]


# Errors and cost


def test_outcomes_and_labels_that_do_not_belong_together_are_refused() -> None:
    labels = labels_of(np.arange(40) % 4)
    outcomes = find_outcomes(np.arange(40) % 4, labels, original=labels)
    mixed = LabelSets.from_lists(labels.images[::-1], [[0]] * 40)
    assert message(find_class_list, outcomes, mixed) == (
        "outcomes are from other labels\n  found:   40 of 40: 0.png, 1.png, 2.png and 37 more\n"
        "  fix:     pass the result of find_outcomes, and the same labels as to find_outcomes"
    )
    assert message(find_class_list, outcomes, labels, mixed).startswith("outcomes are from other original")
    unlike, double = (LabelSets.from_lists(labels.images, [ids] * 40, Classes(3)) for ids in ([0], [0, 1]))
    other = LabelSets.from_lists([f"{i}.jpg" for i in range(30)], [[0]] * 30)
    for arguments, code in (
        ((np.arange(40), labels), "wrong-type"),
        ((outcomes, [0, 1]), "wrong-type"),
        ((outcomes, labels, "imagenet-original"), "wrong-type"),
        ((outcomes, other), code_of(find_class_list, outcomes, mixed)),
        ((replace(outcomes, top1=outcomes.top1[:30]), labels), "wrong-shape"),
        ((replace(outcomes, top1=outcomes.top1 / 2), labels), "wrong-type"),
        ((outcomes, labels, double), "not-one-label"),
        ((outcomes, unlike), "out-of-range"),
    ):
        assert code_of(find_class_list, *arguments) == code


def test_what_the_images_could_show_is_said_of_their_number() -> None:
    def words(images: int, classes: int) -> str:
        labels = labels_of(np.arange(images) % 3, Classes(classes))
        return no_list_in_words(join_and_rank(Predictions.from_ids(np.zeros(images, int)), labels), labels)

    assert words(300, 1000) == (
        "no other known order of the classes; 300 images of 1,000 classes may be too few for an unknown order: "
        "that takes about 20,000 images, for a model that is correct on 40 %"
    )
    assert "that takes about 500 images, for a model that is correct on 70 %" in words(499, 4)
    assert words(2000, 100) == "no other order of the classes makes the model correct on 40 % or more"
    assert words(300, 5001) == "orders of more than 5,000 classes are not searched"


def test_ids_of_another_list_are_an_error_that_names_it_unless_they_may_pass(imagenet: Benchmark) -> None:
    rng, original = np.random.default_rng(11), imagenet.original
    said = rng.permutation(CLASSES)[simulated(rng, imagenet.truth, 0.7)]
    hits, other = np.count_nonzero(said == imagenet.truth), imagenet.find(said)
    assert message(evaluate, said, original, original=original) == (
        "predictions agree with the original labels no better than chance\n"
        "  allowed: well above 0.10 %\n"
        f"  found:   {100 * hits / 50_000:.2f} % as given ({hits} of 50,000); {100 * other.after.value:.2f} % "
        "with the classes in another order, on the half of the images not used to find it\n"
        "  fix:     read the file with the class list of find_class_list"
    )
    passed = find_outcomes(said, original, original=original, any_class_list=True)
    assert np.count_nonzero(passed.original_rank == 0) == hits
    guess = rng.integers(0, CLASSES, 50_000)
    refused = message(find_outcomes, guess, original, original=original, any_class_list=True)
    assert "no known order of the images matches, and no other order of the classes makes the model correct" in refused
    few = rng.choice(50_000, 300, replace=False)
    images = np.array(original.images)[few].tolist()
    as_text_300 = np.argsort(as_text(CLASSES))[simulated(rng, imagenet.truth[few], 0.55)]
    for ids, words in (
        (as_text_300, "with the classes in the order of class numbers sorted as text: 0, 1, 10, 100\n"),
        (said[few], "300 images of 1,000 classes may be too few"),
    ):
        assert words in message(evaluate, Predictions.from_ids(ids, images), original, original=original)


def test_the_solver_is_loaded_only_where_something_may_be_wrong() -> None:
    code = (
        "import sys, numpy as np\n"
        "from reassess import LabelSets, find_class_list, find_outcomes\n"
        "labels = LabelSets.from_lists([str(i) for i in range(90)], [[i % 9] for i in range(90)])\n"
        "for shift in (0, 1):\n"
        "    outcomes = find_outcomes(np.arange(shift, 90 + shift) % 9, labels)\n"
        "    print(find_class_list(outcomes, labels) is not None, 'scipy.optimize' in sys.modules)"
    )
    assert python("-c", code).out == "False False\nTrue True\n"
