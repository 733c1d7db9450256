"""Findings on a small simulated benchmark with votes and experts, for tests of reports."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from reassess.comparison import Findings, Panel
from reassess.core import Classes, LabelSets, Leaderboard, LeaderboardRow, Predictions, Questions, Scores, Votes
from reassess.evaluation import find_outcomes, summarize

IMAGES, CLASSES = 400, 6
HOSTILE = "</script><img src=x onerror=alert(1)>&\"'{{123456*3}}"
FIRST_BYTES = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}  # of a figure, by suffix


def findings(
    *models: str,
    classes: Classes | None = None,
    images: tuple[str, ...] | None = None,
    complete: bool = True,
    board: Leaderboard | None = None,
    seed: int = 0,
    name: str = "",
) -> Findings:
    """Simulate models of falling accuracy, down to 30 %; `complete`: with original labels, scores, votes, experts."""
    rng = np.random.default_rng(seed)
    names = images or tuple(f"{i:03d}.png" for i in range(IMAGES))
    sets = [sorted(rng.choice(CLASSES, rng.choice([0, 1, 1, 1, 2, 3]), replace=False).tolist()) for _ in names]
    labels = LabelSets.from_lists(names, sets, classes or Classes(CLASSES), name=name)
    original_ids = [[valid[0] if valid and rng.random() < 0.8 else int(rng.integers(CLASSES))] for valid in sets]
    original = LabelSets.from_lists(names, original_ids, labels.classes) if complete else None
    scores, votes, experts = _simulate_votes(names, sets, rng) if complete else (None, None, None)
    outcomes, results = {}, {}
    for i, model in enumerate(models or ("one",)):
        is_correct = rng.random(len(names)) < max(0.9 - 0.1 * i, 0.3)
        predicted = np.where(
            is_correct, [valid[0] if valid else 0 for valid in sets], rng.integers(CLASSES, size=len(names))
        )
        ranked = np.stack([predicted, (predicted + 1) % CLASSES, (predicted + 2) % CLASSES], axis=1)
        outcomes[model] = find_outcomes(
            Predictions.from_ids(ranked, images=names), labels, original=original, scores=scores
        )
        results[model] = summarize(outcomes[model], labels, scores=scores)
    ordered = sorted(results, key=lambda model: (-(results[model].real_accuracy[1].value or 0), model))
    return Findings(
        evaluations={model: results[model] for model in ordered},
        panel=Panel.from_outcomes(outcomes),
        labels=labels,
        original=original,
        scores=scores,
        votes=votes,
        experts=experts,
        threshold=0.5,
        score_source="scores.csv",
        leaderboard=board,
    )


def _simulate_votes(
    names: Sequence[str], sets: Sequence[Sequence[int]], rng: np.random.Generator
) -> tuple[Scores, Votes, Votes]:
    """Simulate votes of three raters and two experts on every class of the first half of the images."""
    half = range(len(names) // 2)
    questions = Questions.from_columns(
        [names[i] for i in half for _ in range(CLASSES)], np.tile(range(CLASSES), len(half))
    )
    valid = np.array([c in sets[i] for i in half for c in range(CLASSES)])
    values = np.clip(0.6 * valid + 0.4 * rng.random(valid.size), 0, 1)
    scores = Scores(questions, values)
    rows = np.arange(valid.size)

    def votes(raters: tuple[str, ...], error: float) -> Votes:
        answers_of_raters = [valid ^ (rng.random(valid.size) < error) for _ in raters]
        rater_ids = np.repeat(range(len(raters)), valid.size)
        answers = np.concatenate(answers_of_raters).astype(np.int64)
        return Votes.from_columns(questions, np.tile(rows, len(raters)), rater_ids, answers, raters, ("no", "yes"))

    return scores, votes(("r1", "r2", "r3"), 0.1), votes(("x1", "x2"), 0.02)


def assert_no_overlap(axes: Any) -> None:
    """Assert that no label of a figure overlaps another label."""
    axes.figure.draw_without_rendering()  # the file has another resolution
    boxes = [text.get_window_extent() for text in axes.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def leaderboard() -> Leaderboard:
    rng = np.random.default_rng(1)
    original = rng.uniform(50, 90, 60)
    real = original + 4 + rng.normal(0, 0.5, 60)
    entries = [LeaderboardRow(f"m{i}", x, y) for i, (x, y) in enumerate(zip(original, real, strict=True))]
    return Leaderboard(tuple(entries), family_pattern=re.compile(".+"))
