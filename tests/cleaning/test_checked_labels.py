"""Labels that people checked: how good the corrected share and its interval are, and what becomes of probabilities."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation import Golden
from reassess.cleaning import checked_truth
from reassess.cleaning.checked_labels import DrawnLabels, corrected, known_labels
from reassess.core import Classes, Questions, Sample, Votes
from reassess.errors import ReassessWarning
from tests.cleaning.simulated import held_out_of
from tests.helpers import fault_of


def population(shift: float, count: int = 20_000) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Probabilities that labels are right, and which are wrong; the log-odds are off by a shift."""
    rng = np.random.default_rng(0)
    odds = rng.normal(2.5, 2.5, count)
    wrong = rng.random(count) > 1 / (1 + np.exp(-odds))
    return 1 / (1 + np.exp(-odds - shift)), wrong


def simple(known: npt.NDArray[np.int8]) -> DrawnLabels:
    """The known labels are a simple random sample."""
    count = np.count_nonzero(known)
    return DrawnLabels(np.where(known != 0, known.size / max(count, 1), 0.0), np.zeros(known.size, np.int64), 1.0)


def known_of(wrong: npt.NDArray[np.bool_], size: int, seed: int) -> npt.NDArray[np.int8]:
    rows = np.random.default_rng(seed).permutation(wrong.size)[:size]
    known = np.zeros(wrong.size, np.int8)
    known[rows] = np.where(wrong[rows], -1, 1)
    return known


@pytest.mark.parametrize("shift", [-1.0, 0.0, 0.8])
@pytest.mark.parametrize("size", [100, 2_000])
def test_the_interval_covers_the_share_of_wrong_labels(shift: float, size: int) -> None:
    """95 % of 200 draws, but for what 200 draws can be off by (three standard errors are 4.6 points)."""
    label_quality, wrong = population(shift)
    covered, off = 0, []
    for seed in range(200):
        known = known_of(wrong, size, seed)
        moved, checked = corrected(label_quality, known, simple(known))
        assert checked.interval is not None
        assert checked.corrected is not None
        low, high = checked.interval
        covered += low <= wrong.mean() <= high
        off.append(checked.corrected - wrong.mean())
        assert 0 <= low <= checked.corrected <= high <= 1
        assert checked.checked == size
        between = sorted([checked.by_model if checked.agree else checked.corrected, checked.corrected])
        assert between[0] - 1e-6 <= 1 - moved.mean() <= between[1] + 1e-6  # both count where people and model agree
    assert 0.90 <= covered / 200 <= 0.99
    assert abs(np.mean(off)) < 3 * np.std(off) / np.sqrt(200) + 1e-4  # it is unbiased


def test_probabilities_have_the_corrected_mean_and_checked_ones_are_certain() -> None:
    label_quality, wrong = population(1.0)
    known = known_of(wrong, 2_000, 1)
    moved, checked = corrected(label_quality, known, simple(known))
    assert not checked.agree
    assert 1 - moved.mean() == pytest.approx(checked.corrected, abs=1e-9)
    assert (moved[known > 0] == 1).all()
    assert (moved[known < 0] == 0).all()
    others = np.flatnonzero(known == 0)
    order = np.argsort(label_quality[others], kind="stable")
    assert (np.diff(moved[others][order]) >= 0).all()


def test_all_labels_checked_leave_nothing_to_estimate() -> None:
    label_quality, wrong = population(0.0, count=500)
    known = known_of(wrong, 500, 0)
    moved, checked = corrected(label_quality, known, simple(known))
    assert moved.tolist() == (~wrong).astype(float).tolist()
    assert checked.interval == (pytest.approx(wrong.mean()), pytest.approx(wrong.mean()))


@pytest.mark.parametrize("right", [True, False])
def test_a_single_checked_label_is_little_evidence(right: bool) -> None:
    label_quality, _ = population(0.0, count=50)
    known = np.zeros(50, np.int8)
    known[7] = 1 if right else -1
    moved, checked = corrected(label_quality, known, simple(known))
    assert moved[7] == right
    assert ((moved >= 0) & (moved <= 1)).all()
    assert checked.interval[1] - checked.interval[0] > 0.5


HELD_OUT = held_out_of(np.eye(3)[[0, 1, 2, 0]] * 0.7 + 0.1, [0, 1, 2, 0], images=["a.png", "b.png", "c.png", "d.png"])


def test_pairs_of_an_image_and_its_label_are_known_and_no_others() -> None:
    pairs = Questions.from_columns(["a.png", "b.png", "b.png", "c.png", "x.png"], np.array([0, 0, 1, 0, 0]))
    with pytest.warns(ReassessWarning, match="^3 of 5 checked questions not used: not about an image's label$"):
        known = known_labels(HELD_OUT, Golden(pairs, np.array([True, True, False, True, True])))
    assert known.tolist() == [1, -1, 0, 0]
    assert known_labels(HELD_OUT, None).tolist() == [0, 0, 0, 0]


def test_classes_of_checked_pairs_are_those_of_their_names() -> None:
    labels = HELD_OUT.labels.in_classes(Classes(3, names=("dog", "cat", "eel")))
    held_out = replace(HELD_OUT, labels=labels, classes=3)
    pairs = Questions.from_columns(["a.png", "a.png"], np.array([0, 1]), Classes.from_texts(["cat", "dog"]))
    with pytest.warns(ReassessWarning, match="^1 of 2 checked questions not used"):
        known = known_labels(held_out, Golden(pairs, np.array([False, True])))
    assert known.tolist() == [1, 0, 0, 0]


def test_checked_images_without_a_label_are_counted() -> None:
    chosen = Votes.from_columns(
        ("a.png", "x.png"), np.array([0, 1]), np.zeros(2, int), np.array([0, 1]), "e", (0, 1), classes=Classes(3)
    )
    with pytest.warns(ReassessWarning, match="^1 of 2 checked images not used: no label$"):
        assert known_labels(HELD_OUT, checked_truth(chosen)).tolist() == [1, 0, 0, 0]


def test_pairs_on_which_people_are_even_are_left_out() -> None:
    pairs = Questions.from_columns(["a.png", "b.png", "c.png"], np.array([0, 1, 2]))
    says = np.array([1, 1, 0, 1, 0, 0])
    answers = Votes.from_columns(pairs, np.repeat([0, 1, 2], 2), np.tile([0, 1], 3), says, "xy", ("no", "yes"))
    with pytest.warns(ReassessWarning, match="^1 checked label not used: as many answers are yes as not$"):
        checked = checked_truth(answers)
    assert known_labels(HELD_OUT, checked).tolist() == [1, 0, -1, 0]


def test_answers_on_other_pairs_alone_are_refused() -> None:
    golden = Golden(Questions.from_columns(["a.png", "x.png"], np.array([1, 0])), np.array([True, False]))
    assert fault_of(known_labels, HELD_OUT, golden) == ("missing-golden", "2 questions on 2 images")


@pytest.mark.parametrize("checked", [3, 40, 400])
def test_the_share_lies_in_its_own_interval(checked: int) -> None:
    rng = np.random.default_rng(checked)
    for wrong in (0.0, 0.03, 0.15, 0.4):
        label_quality = np.clip(1 - rng.exponential(0.02, 4_000), 0, 1)  # of a model that is too sure
        known = np.zeros(4_000, np.int8)
        known[:checked] = np.where(rng.random(checked) < wrong, -1, 1)
        moved, found = corrected(label_quality, known, simple(known))
        low, high = found.interval
        assert low - 1e-6 <= 1 - moved.mean() <= high + 1e-6


def test_few_checked_labels_of_which_none_is_wrong_do_not_promise_much() -> None:
    known = np.zeros(4_000, np.int8)
    known[:36] = 1
    _, found = corrected(np.full(4_000, 0.999), known, simple(known))
    assert found.interval[1] > 0.05  # 3 of 36 would be the rule of three


@pytest.mark.parametrize(
    ("sizes", "is_known", "gives_share"),
    [
        ((50, 46), (True, True), True),  # 96 % of the labels
        ((50, 44), (True, True), False),  # 94 %
        ((97, 3), (True, False), False),  # 97 %, but a stratum is unknown
    ],
)
def test_a_share_needs_a_sample_of_all_labels(
    sizes: tuple[int, int], is_known: tuple[bool, bool], gives_share: bool
) -> None:
    """Two images of each stratum are drawn, of 100 images."""
    images = tuple(f"{row}.png" for row in range(100))
    held_out = held_out_of(np.eye(2)[[0, 1] * 50] * 0.8 + 0.1, [0, 1] * 50, images=list(images))
    sample = Sample(images[:4], np.repeat([2 / size for size in sizes], 2), ("large", "large", "small", "small"))
    known = np.zeros(100, np.int8)
    known[:4] = np.repeat(is_known, 2)
    drawn = DrawnLabels.of(held_out, known, sample)
    assert drawn.covered == pytest.approx(sum(size for size, one in zip(sizes, is_known, strict=True) if one) / 100)
    _, checked = corrected(np.full(100, 0.9), known, drawn)
    assert (checked.corrected is not None) is gives_share
