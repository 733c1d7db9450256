"""The draw of golden questions: probabilities are correct, and weighted shares are unbiased."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess import Candidates, LabelSets, draw_golden
from reassess.cleaning.checked_labels import DrawnLabels, adjust_to_checked_labels
from reassess.core import Classes
from tests.helpers import fault_of

COUNT, CLASSES = 400, 19
RNG = np.random.default_rng(1)
NAMES = [f"{number:03}.png" for number in range(COUNT)]
LABELS = RNG.integers(0, CLASSES, COUNT)
ODDS = RNG.normal(3, 2.5, COUNT)
QUALITY, WRONG = 1 / (1 + np.exp(-ODDS - 1.5)), RNG.random(COUNT) > 1 / (1 + np.exp(-ODDS))  # of an overconfident model


def candidates(order: npt.NDArray[np.int64] | None = None, *, original: bool = True) -> Candidates:
    """Make candidates: for each image its label with a probability, and another class."""
    order = np.arange(COUNT) if order is None else order
    pairs = np.stack([LABELS, (LABELS + 1) % CLASSES], axis=1)[order].ravel()
    chances = np.stack([QUALITY, 1 - QUALITY], axis=1)[order].ravel()
    images, sources = np.repeat(np.arange(COUNT), 2), np.tile([1, 0], COUNT)
    if not original:
        sources = np.zeros(2 * COUNT, int)
    names = [NAMES[row] for row in order.tolist()]
    source_names = ["vit", "original"] if original else ["vit"]
    return Candidates.from_columns(names, images, pairs, source_names, sources, None, chances, Classes(CLASSES))


def rows_of(sample: Any) -> npt.NDArray[np.int64]:
    return np.array([int(name[:3]) for name in sample.images])


def test_images_are_drawn_with_their_probability() -> None:
    counts, expected = np.zeros(COUNT), np.zeros(COUNT)
    draws = 1_500
    for seed in range(draws):
        sample = draw_golden(candidates(), 60, seed=seed)
        counts[rows_of(sample)] += 1
        expected[rows_of(sample)] = sample.probabilities
        assert (len(sample), sample.weights.sum()) == (30, pytest.approx(COUNT))
    assert (np.abs(counts / draws - expected) < 4.5 * np.sqrt(expected / draws)).all()
    assert expected[QUALITY < 0.3].mean() > 2 * expected[QUALITY > 0.9].mean()


def test_draw_does_not_depend_on_order_or_label_source() -> None:
    labels = LabelSets.from_lists(NAMES, [[label] for label in LABELS.tolist()], Classes(CLASSES))
    first = draw_golden(candidates(), 60, seed=5)
    samples = [draw_golden(candidates(RNG.permutation(COUNT)), 60, seed=5)]
    samples += [draw_golden(candidates(original=False), 60, original=labels, seed=5)]
    for other in samples:
        assert sorted(zip(first.images, first.strata, strict=True)) == sorted(
            zip(other.images, other.strata, strict=True)
        )
    assert first.images != draw_golden(candidates(), 60, seed=6).images


def test_classes_are_drawn_in_proportion_within_a_stratum() -> None:
    """Without suspicion, the number drawn from a class is proportional to its size, rounded up or down."""
    plain = Candidates.from_questions(candidates().questions)
    for seed in range(20):
        sample = draw_golden(plain, 160, original=LabelSets.from_lists(NAMES, LABELS[:, None].tolist()), seed=seed)
        assert set(sample.strata) == {"all"}
        expected = np.bincount(LABELS, minlength=CLASSES) * sample.probabilities[0]
        assert (np.abs(np.bincount(LABELS[rows_of(sample)], minlength=CLASSES) - expected) < 1).all()


@pytest.mark.parametrize("unanswered", [0.0, 0.3])
def test_share_of_wrong_labels_is_unbiased(unanswered: float) -> None:
    """Also if some drawn images have no answer; the interval has its nominal coverage."""
    held_out: Any = SimpleNamespace(labels=LabelSets.from_lists(NAMES, LABELS[:, None].tolist(), Classes(CLASSES)))
    covered, off = 0, []
    for seed in range(400):
        sample = draw_golden(candidates(), 120, seed=seed)
        rows = rows_of(sample)
        rows = rows[np.random.default_rng(seed).random(rows.size) >= unanswered]
        answered = np.zeros(COUNT, np.int8)
        answered[rows] = np.where(WRONG[rows], -1, 1)
        _, checked = adjust_to_checked_labels(QUALITY, answered, DrawnLabels.from_sample(held_out, answered, sample))
        assert checked.interval is not None
        assert checked.corrected_wrong_share is not None
        covered += checked.interval[0] <= WRONG.mean() <= checked.interval[1]
        off.append(checked.corrected_wrong_share - WRONG.mean())
    assert abs(np.mean(off)) < 3 * np.std(off) / 20
    assert covered / 400 >= 0.93
    by_hand = abs((1 - QUALITY).mean() - WRONG.mean())  # without people
    assert np.sqrt(np.mean(np.square(off))) < by_hand / 2


def test_impossible_draws_raise() -> None:
    assert fault_of(draw_golden, candidates(), 800)[0] == "all-golden"
    none = Candidates.from_questions(candidates().questions.from_columns([], []))
    assert fault_of(draw_golden, none, 1)[0] == "all-golden"
    for count in (0, 1.5):
        assert fault_of(draw_golden, candidates(), count)


@pytest.mark.parametrize("count", [1, 9, 60, 200, 300, 414])
def test_about_as_many_questions_are_drawn_as_wanted(count: int) -> None:
    """Suspicious images have 4 questions, others 1; all but one image at most."""
    sizes = np.where(QUALITY < 0.7, 4, 1)
    images = np.repeat(np.arange(COUNT), sizes)
    classes = np.concatenate([(label + np.arange(size)) % CLASSES for label, size in zip(LABELS, sizes, strict=True)])
    chances = np.where(classes == LABELS[images], QUALITY[images], (1 - QUALITY[images]) / 3)
    asked = Candidates.from_columns(
        NAMES, images, classes, ["vit"], np.zeros(images.size, int), None, chances, Classes(CLASSES)
    )
    labels = LabelSets.from_lists(NAMES, [[label] for label in LABELS.tolist()], Classes(CLASSES))
    drawn = [sizes[rows_of(draw_golden(asked, count, original=labels, seed=seed))].sum() for seed in range(40)]
    assert np.mean(drawn) == pytest.approx(count, rel=0.05, abs=2)
    assert fault_of(draw_golden, asked, images.size, original=labels)[0] == "all-golden"
