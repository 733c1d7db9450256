"""Checked labels: the corrected share and its interval, and the shifted probabilities."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation import GoldenQuestions
from reassess.cleaning import decide_checked_labels
from reassess.cleaning.checked_labels import DrawnLabels, adjust_to_checked_labels, find_label_verdicts
from reassess.core import Classes, Questions, Sample, Votes
from reassess.errors import ReassessWarning
from tests.cleaning.simulated import held_out_of
from tests.helpers import fault_of


def population(shift: float, count: int = 20_000) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Simulate probabilities that labels are correct, with shifted log-odds, and which labels are wrong."""
    rng = np.random.default_rng(0)
    odds = rng.normal(2.5, 2.5, count)
    wrong = rng.random(count) > 1 / (1 + np.exp(-odds))
    return 1 / (1 + np.exp(-odds - shift)), wrong


def simple_sample(known: npt.NDArray[np.int8]) -> DrawnLabels:
    """Make drawn labels, where the known labels are a simple random sample."""
    count = np.count_nonzero(known)
    return DrawnLabels(np.where(known != 0, known.size / max(count, 1), 0.0), np.zeros(known.size, np.int64), 1.0)


def known_of(wrong: npt.NDArray[np.bool_], size: int, seed: int) -> npt.NDArray[np.int8]:
    rows = np.random.default_rng(seed).permutation(wrong.size)[:size]
    known = np.zeros(wrong.size, np.int8)
    known[rows] = np.where(wrong[rows], -1, 1)
    return known


@pytest.mark.parametrize("shift", [-1.0, 0.0, 0.8])
@pytest.mark.parametrize("size", [100, 2_000])
def test_interval_covers_the_share_of_wrong_labels(shift: float, size: int) -> None:
    """The expected coverage is 95 %; for 200 draws, three standard errors are 4.6 points."""
    label_quality, wrong = population(shift)
    covered, off = 0, []
    for seed in range(200):
        known = known_of(wrong, size, seed)
        shifted, checked = adjust_to_checked_labels(label_quality, known, simple_sample(known))
        assert checked.interval is not None
        assert checked.corrected_wrong_share is not None
        low, high = checked.interval
        covered += low <= wrong.mean() <= high
        off.append(checked.corrected_wrong_share - wrong.mean())
        assert 0 <= low <= checked.corrected_wrong_share <= high <= 1
        assert checked.n_checked == size
        between = sorted(
            [
                checked.wrong_share_by_model if checked.is_model_share_plausible else checked.corrected_wrong_share,
                checked.corrected_wrong_share,
            ]
        )
        # A mean of both shares if people and model agree.
        assert between[0] - 1e-6 <= 1 - shifted.mean() <= between[1] + 1e-6
    assert 0.90 <= covered / 200 <= 0.99
    assert abs(np.mean(off)) < 3 * np.std(off) / np.sqrt(200) + 1e-4  # unbiased


def test_probabilities_have_the_corrected_mean_and_checked_ones_are_certain() -> None:
    label_quality, wrong = population(1.0)
    known = known_of(wrong, 2_000, 1)
    shifted, checked = adjust_to_checked_labels(label_quality, known, simple_sample(known))
    assert not checked.is_model_share_plausible
    assert 1 - shifted.mean() == pytest.approx(checked.corrected_wrong_share, abs=1e-9)
    assert (shifted[known > 0] == 1).all()
    assert (shifted[known < 0] == 0).all()
    others = np.flatnonzero(known == 0)
    order = np.argsort(label_quality[others], kind="stable")
    assert (np.diff(shifted[others][order]) >= 0).all()


def test_share_is_exact_if_all_labels_are_checked() -> None:
    label_quality, wrong = population(0.0, count=500)
    known = known_of(wrong, 500, 0)
    shifted, checked = adjust_to_checked_labels(label_quality, known, simple_sample(known))
    assert shifted.tolist() == (~wrong).astype(float).tolist()
    assert checked.interval == (pytest.approx(wrong.mean()), pytest.approx(wrong.mean()))


@pytest.mark.parametrize("is_correct", [True, False])
def test_one_checked_label_gives_a_wide_interval(is_correct: bool) -> None:
    label_quality, _ = population(0.0, count=50)
    known = np.zeros(50, np.int8)
    known[7] = 1 if is_correct else -1
    shifted, checked = adjust_to_checked_labels(label_quality, known, simple_sample(known))
    assert shifted[7] == is_correct
    assert ((shifted >= 0) & (shifted <= 1)).all()
    assert checked.interval[1] - checked.interval[0] > 0.5


HELD_OUT = held_out_of(np.eye(3)[[0, 1, 2, 0]] * 0.7 + 0.1, [0, 1, 2, 0], images=["a.png", "b.png", "c.png", "d.png"])


def test_only_questions_about_the_label_of_an_image_are_used() -> None:
    pairs = Questions.from_columns(["a.png", "b.png", "b.png", "c.png", "x.png"], np.array([0, 0, 1, 0, 0]))
    with pytest.warns(ReassessWarning, match="^3 of 5 checked questions not used: not about an image's label$"):
        known = find_label_verdicts(HELD_OUT, GoldenQuestions(pairs, np.array([True, True, False, True, True])))
    assert known.tolist() == [1, -1, 0, 0]
    assert find_label_verdicts(HELD_OUT, None).tolist() == [0, 0, 0, 0]


def test_classes_of_checked_questions_are_matched_by_name() -> None:
    labels = HELD_OUT.labels.convert_to_classes(Classes(3, names=("dog", "cat", "eel")))
    held_out = replace(HELD_OUT, labels=labels, n_classes=3)
    pairs = Questions.from_columns(["a.png", "a.png"], np.array([0, 1]), Classes.from_texts(["cat", "dog"]))
    with pytest.warns(ReassessWarning, match="^1 of 2 checked questions not used"):
        known = find_label_verdicts(held_out, GoldenQuestions(pairs, np.array([False, True])))
    assert known.tolist() == [1, 0, 0, 0]


def test_checked_images_without_a_label_are_counted() -> None:
    chosen = Votes.from_columns(
        ("a.png", "x.png"), np.array([0, 1]), np.zeros(2, int), np.array([0, 1]), "e", (0, 1), classes=Classes(3)
    )
    with pytest.warns(ReassessWarning, match="^1 of 2 checked images not used: no label$"):
        assert find_label_verdicts(HELD_OUT, decide_checked_labels(chosen)).tolist() == [1, 0, 0, 0]


def test_ties_of_answers_are_not_used() -> None:
    pairs = Questions.from_columns(["a.png", "b.png", "c.png"], np.array([0, 1, 2]))
    answer_ids = np.array([1, 1, 0, 1, 0, 0])
    answers = Votes.from_columns(pairs, np.repeat([0, 1, 2], 2), np.tile([0, 1], 3), answer_ids, "xy", ("no", "yes"))
    with pytest.warns(ReassessWarning, match="^1 checked label not used: as many answers are yes as not$"):
        checked = decide_checked_labels(answers)
    assert find_label_verdicts(HELD_OUT, checked).tolist() == [1, 0, -1, 0]


def test_answers_without_any_label_raise() -> None:
    golden = GoldenQuestions(Questions.from_columns(["a.png", "x.png"], np.array([1, 0])), np.array([True, False]))
    assert fault_of(find_label_verdicts, HELD_OUT, golden) == (
        "missing-golden",
        "decided questions about other images or classes: 2",
    )


@pytest.mark.parametrize("checked", [3, 40, 400])
def test_share_is_inside_its_interval(checked: int) -> None:
    rng = np.random.default_rng(checked)
    for wrong in (0.0, 0.03, 0.15, 0.4):
        label_quality = np.clip(1 - rng.exponential(0.02, 4_000), 0, 1)  # an overconfident model
        known = np.zeros(4_000, np.int8)
        known[:checked] = np.where(rng.random(checked) < wrong, -1, 1)
        shifted, result = adjust_to_checked_labels(label_quality, known, simple_sample(known))
        low, high = result.interval
        assert low - 1e-6 <= 1 - shifted.mean() <= high + 1e-6


def test_interval_is_wide_if_few_checked_labels_are_all_correct() -> None:
    known = np.zeros(4_000, np.int8)
    known[:36] = 1
    _, result = adjust_to_checked_labels(np.full(4_000, 0.999), known, simple_sample(known))
    assert result.interval[1] > 0.05  # the rule of three gives 3 / 36


@pytest.mark.parametrize(
    ("sizes", "is_known", "gives_share"),
    [
        ((50, 46), (True, True), True),  # 96 % of the labels
        ((50, 44), (True, True), False),  # 94 %
        ((97, 3), (True, False), False),  # 97 %, but a stratum is unknown
    ],
)
def test_share_needs_a_sample_of_all_labels(
    sizes: tuple[int, int], is_known: tuple[bool, bool], gives_share: bool
) -> None:
    """Two images of each stratum are drawn, of 100 images."""
    images = tuple(f"{row}.png" for row in range(100))
    held_out = held_out_of(np.eye(2)[[0, 1] * 50] * 0.8 + 0.1, [0, 1] * 50, images=list(images))
    sample = Sample(images[:4], np.repeat([2 / size for size in sizes], 2), ("large", "large", "small", "small"))
    known = np.zeros(100, np.int8)
    known[:4] = np.repeat(is_known, 2)
    drawn = DrawnLabels.from_sample(held_out, known, sample)
    known_sizes = [size for size, has_label in zip(sizes, is_known, strict=True) if has_label]
    assert drawn.represented_share == pytest.approx(sum(known_sizes) / 100)
    _, checked = adjust_to_checked_labels(np.full(100, 0.9), known, drawn)
    assert (checked.corrected_wrong_share is not None) is gives_share
    for chance, found in ((0.001, "a sum of 4,000"), (1e-300, "a sum of 4e+300")):
        too_low = replace(sample, probabilities=np.full(4, chance))
        assert fault_of(DrawnLabels.from_sample, held_out, known, too_low) == ("out-of-range", found)


def test_answers_only_about_other_classes_are_not_missing_at_random() -> None:
    """Experts said of d.png only that another class is not in it; c.png has no answer."""
    images = HELD_OUT.labels.images
    sample = Sample(images, np.ones(4), ("",) * 4)
    for answered, others in ((images[:2], 0), ((*images[:2], "d.png", "x.png"), 1)):
        drawn = DrawnLabels.from_sample(HELD_OUT, np.array([1, -1, 0, 0], np.int8), sample, answered)
        assert (drawn.represented_share, drawn.n_images_without_verdict) == (1.0, others)
        _, checked = adjust_to_checked_labels(np.full(4, 0.9), np.array([1, -1, 0, 0], np.int8), drawn)
        assert (checked.corrected_wrong_share is None, checked.n_other_answers) == (others > 0, others)
