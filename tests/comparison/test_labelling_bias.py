"""Labelling bias matches a slow reference."""

import json
from collections import Counter
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import imagenet_real_scores
from reassess.comparison import LabellingBias, Panel, labelling_biases
from reassess.core import IMAGENET, Classes, LabelSets, Scores
from reassess.data import read_votes
from reassess.numeric import Proportion
from reassess.numeric.proportions import wilson_interval
from tests.helpers import RealFile, scores_of

Images = dict[str, tuple[set[int], int, int]]  # valid classes, original label, prediction


def slow(images: Images) -> tuple[dict[int, list[int]], Fraction, Counter[tuple[int, int, int, int]]]:
    """Return [hits, n] by number of valid classes, the sum of chances, and counts of each pair of classes."""
    by_size: dict[int, list[int]] = {}
    chance, pairs = Fraction(0), Counter[tuple[int, int, int, int]]()
    for valid, original, predicted in images.values():
        if len(valid) < 2 or not {original, predicted} <= valid:
            continue
        counts = by_size.setdefault(len(valid), [0, 0])
        counts[0] += predicted == original
        counts[1] += 1
        chance += Fraction(1, len(valid))
        others = valid - {original} if predicted == original else {predicted}
        pairs.update((*sorted((original, other)), original, predicted) for other in others)
    return by_size, chance, pairs


def measured(images: Images, raters: Scores | None = None, groups: dict[int, str] | None = None) -> LabellingBias:
    labels = LabelSets.from_lists(list(images), [sorted(valid) for valid, _, _ in images.values()])
    original = LabelSets.from_lists(list(images), [[own] for _, own, _ in images.values()])
    predicted = np.array([[predicted for _, _, predicted in images.values()]], int).reshape(1, len(images))
    panel = Panel.from_ids(["one"], predicted, labels, original=original)
    return labelling_biases(panel, labels, original, raters, groups=groups)[0]


CLASS = st.integers(0, 5)
IMAGES = st.lists(st.tuples(st.sets(CLASS, max_size=4), CLASS, CLASS), max_size=25).map(
    lambda rows: {f"{i}.png": row for i, row in enumerate(rows)}
)


@given(IMAGES, st.randoms(use_true_random=False))
def test_counts_match_reference_in_any_order_of_images(images: Images, random: Random) -> None:
    by_size, chance, pairs = slow(images)
    rows = list(images.items())
    random.shuffle(rows)
    bias = measured(dict(rows))
    assert bias.total.original_pick_share_by_label_count == {
        size: Proportion(*by_size[size]) for size in sorted(by_size)
    }
    n = sum(count for _, count in by_size.values())
    assert bias.total.original_pick_share == Proportion(sum(hits for hits, _ in by_size.values()), n)
    assert bias.total.chance_share == (pytest.approx(float(chance / n)) if n else None)
    assert (bias.total.p_value is None) == (n == 0)
    counted: Counter[Any] = Counter()
    for (a, b), counts in zip(bias.class_pairs.tolist(), bias.pair_counts.tolist(), strict=True):
        for i, original in enumerate((a, b)):
            counted.update(
                {(a, b, original, predicted): counts[i][j] for j, predicted in enumerate((a, b)) if counts[i][j]}
            )
    assert counted == pairs
    total = [sum(map(sum, counts)) for counts in bias.pair_counts.tolist()]
    assert total == sorted(total, reverse=True)


def test_images_count_only_if_prediction_and_original_label_are_valid() -> None:
    images = {
        "one valid class": ({1}, 1, 1),
        "the original label is not valid": ({1, 2}, 3, 1),
        "the prediction is not valid": ({1, 2}, 1, 3),
        "no valid class": (set(), 1, 1),
    }
    assert measured(images).total.original_pick_share == Proportion(0, 0)
    assert str(measured(images)) == (
        "one: no image with several valid classes has a valid prediction and a valid original label"
    )
    labels, original = LabelSets.from_lists(["a", "b"], [[0, 1], [0, 1]]), LabelSets.from_lists(["b"], [[1]])
    panel = Panel.from_ids(["one"], np.array([[0, 0]]), labels, original=original)
    assert labelling_biases(panel, labels, original)[0].total.original_pick_share == Proportion(0, 1)


def test_json_counts_original_and_predicted_class_of_each_pair() -> None:
    images = {"a": ({0, 1}, 0, 1), "b": ({0, 1}, 1, 1), "c": ({0, 1, 2}, 0, 0)}
    document = measured(images).to_json(Classes(3, names=("cup", "mug", "pot")), max_pairs=1)
    low, high = wilson_interval(2, 3)
    assert document == {
        "file": "one",
        "images": 3,
        "original_chosen": 2,
        "low": low,
        "high": high,
        "interval": "95 %, Wilson, over images",
        "chance": (1 / 2 + 1 / 2 + 1 / 3) / 3,
        "p_value": pytest.approx(5 / 6),
        "test": "two-sided, Poisson binomial: any valid class at random",
        "raters_favourite": None,
        "raters_favourite_reason": "scores from only the raters are missing",
        "by_group": {},
        "by_label_count": [
            {"labels": 2, "images": 2, "original_chosen": 1},
            {"labels": 3, "images": 1, "original_chosen": 1},
        ],
        "pairs": [
            {
                "classes": [{"class": 0, "name": "cup"}, {"class": 1, "name": "mug"}],
                "images": 3,
                "original_chosen": 2,
                "original": [2, 1],
                "predicted": [1, 2],
            }
        ],
    }
    nothing = measured({}).to_json(Classes())
    assert (nothing["chance"], nothing["p_value"], nothing["low"]) == (None, None, None)
    assert nothing["chance_reason"].startswith("no image with several valid classes")
    json.dumps([document, nothing], allow_nan=False)


# --- the raters' top class -------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
def test_raters_top_class_is_valid_class_with_highest_score(seed: int) -> None:
    """Images count only if all valid classes are rated; in a tie, the lower class id is the top class."""
    rng = Random(seed)
    sets = [rng.sample(range(6), rng.randint(1, 4)) for _ in range(25)]
    images = {
        f"{i}.png": (set(valid), rng.choice([*valid, 0]), rng.choice([*valid, 5])) for i, valid in enumerate(sets)
    }
    scores = {(image, c): rng.choice([0.2, 0.5, 0.9]) for image in images for c in range(6) if rng.random() < 0.9}
    groups = {c: "low" if c < 3 else "high" for c in range(6)}
    bias = measured(images, scores_of({("elsewhere", 0): 0.5, **scores}), groups)
    hits: Counter[str] = Counter()
    rated: Counter[str] = Counter()
    for image, (valid, original, predicted) in images.items():
        if len(valid) < 2 or not {original, predicted} <= valid or any((image, c) not in scores for c in valid):
            continue
        top_class = min(valid, key=lambda c: (-scores[image, c], c))
        for group in ("all", groups[original]):
            hits[group] += top_class == original
            rated[group] += 1
    assert bias.total.raters_share == Proportion(hits["all"], rated["all"])
    for group, part in bias.by_group.items():
        assert part.raters_share == Proportion(hits[group], rated[group])
    for name in ("original_pick_share", "raters_share"):
        parts = [getattr(part, name) for part in bias.by_group.values()]
        assert sum(parts, Proportion(0, 0)) == getattr(bias.total, name)


def test_text_has_a_line_for_each_group() -> None:
    images = {"a": ({0, 1}, 0, 0), "b": ({0, 1}, 1, 0), "c": ({4, 5}, 5, 5)}
    scores = scores_of({("a", 0): 0.8, ("a", 1): 0.9, ("b", 0): 0.8, ("b", 1): 0.9})
    bias = measured(images, scores, {0: "animals", 1: "animals", 2: "plants", 4: "others", 5: "others"})
    assert str(bias) == (
        "one: picks the original label, if several classes are valid, on 2 of 3 images, 66.67 % [20.77, 93.85]; by "
        "chance 50.00 %, p = 1; by the raters' top class 50.00 %\n"
        "one, animals: on 1 of 2 images, 50.00 % [9.45, 90.55]; by "
        "chance 50.00 %, p = 1; by the raters' top class 50.00 %\n"
        "one, others: on 1 of 1 images, 100.0 % [20.65, 100.0]; by "
        "chance 50.00 %, p = 1"
    )
    document, (low, high) = bias.to_json(Classes()), wilson_interval(1, 2)
    assert document["raters_favourite"] == {"images": 2, "original_chosen": 1, "low": low, "high": high}
    plants, others = (document["by_group"][group] for group in ("plants", "others"))
    assert (plants["chance"], plants["images"]) == (None, 0)
    assert others["raters_favourite"] == {"images": 0, "original_chosen": 0, "low": None, "high": None}


def test_raters_top_class_exceeds_chance_on_imagenet_except_animals(
    real_labels: LabelSets, real_original: LabelSets, real_file: RealFile
) -> None:
    files = [real_file(name) for name in ("raters.npz", "golden.npz", "raters_golden.npz")]
    rater_scores = imagenet_real_scores(*map(read_votes, files), None)
    panel = Panel.from_ids(["own"], real_original.indices[None], real_labels, original=real_original)
    (bias,) = labelling_biases(panel, real_labels, real_original, rater_scores, groups=IMAGENET.default_groups)
    animals, others = bias.by_group["animals"], bias.by_group["others"]
    assert animals.raters_share == Proportion(435, 1_366)  # 31.8 %
    assert others.raters_share == Proportion(2_691, 5_082)  # 53.0 %
    assert (round(animals.chance_share, 3), round(others.chance_share, 4)) == (0.484, 0.4315)
    assert bias.total.raters_share == Proportion(3_126, 6_448)


def test_original_labels_always_pick_themselves(real_labels: LabelSets, real_original: LabelSets) -> None:
    panel = Panel.from_ids(["own"], real_original.indices[None], real_labels, original=real_original)
    (bias,) = labelling_biases(panel, real_labels, real_original)
    assert bias.total.original_pick_share == Proportion(6_448, 6_448)
    assert bias.total.chance_share == pytest.approx(0.443, abs=0.0005)
    assert str(bias).endswith("100.0 % [99.94, 100.0]; by chance 44.26 %, p < 1e-300")
    assert not bias.pair_counts[:, [0, 1], [1, 0]].any()
