"""What a next round of rating should ask: predicted (image, class) pairs that nobody was asked about."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_unique
from reassess.core.classes import Classes
from reassess.core.image_names import image_keys, join
from reassess.core.labels import LabelSets
from reassess.core.open_questions import OpenQuestions
from reassess.core.predictions import Predictions
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.errors import at
from reassess.evaluation.class_ranks import check_top_k
from reassess.evaluation.outcomes import UNKNOWN, Outcomes
from reassess.evaluation.probabilities import class_probabilities
from reassess.numeric.arrays import pair_keys

__all__ = ["open_questions"]


def open_questions(
    each: Iterable[tuple[str, Predictions, Outcomes]], labels: LabelSets, scores: Scores | None, *, top: int = 1
) -> OpenQuestions:
    """Find the predicted pairs that are in no label set and that nobody was asked about.

    Parameters
    ----------
    each
        Name of each model, what it said, and what `reassess.evaluation.find_outcomes` found. One is held at a time, and
        images need not be the same.
    labels
        The label sets with which all were examined.
    scores
        The pairs that were rated; None if none were: then images without a label set were never rated.
    top
        How many of a model's best classes count as predicted.

    Raises
    ------
    DataError
        A model is named twice, or holds fewer than `top` classes an image.

    Examples
    --------
    >>> from reassess.evaluation.measure import find_outcomes
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [], [1]])
    >>> asked = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([0, 2, 1]))
    >>> rated = Scores(asked, np.array([0.9, 0.8, 0.1]))
    >>> models = {name: Predictions.from_ids(ids) for name, ids in {"one": [1, 1, 2], "two": [1, 0, 1]}.items()}
    >>> each = [(name, predictions, find_outcomes(predictions, labels)) for name, predictions in models.items()]
    >>> questions = open_questions(each, labels, rated)
    >>> [(questions.image(row), questions.named_by(row), questions.reason(row)) for row in range(len(questions))]
    [('a.png', ['one', 'two'], 'never proposed'),
     ('b.png', ['two'], 'never proposed'),
     ('c.png', ['one'], 'image never rated')]
    """
    scores = None if scores is None else scores.in_classes(labels.classes)
    models: list[str] = []
    unknown: list[int] = []
    parts = [np.empty(0, _PAIR)]
    images = _Images({}, [])
    for name, predictions, outcomes in each:
        with at(name):
            check_top_k((top,), predictions.depth)
            predictions = predictions.in_classes(labels.classes)
        rows, pairs = _open(predictions, outcomes, labels, scores, top)
        pairs["image"] = images.numbers(rows, outcomes, labels)
        pairs["model"] = len(models)
        parts.append(pairs)
        models.append(name)
        unknown.append(int(np.count_nonzero(outcomes.state == UNKNOWN)))
    check_unique(models, thing="a model")
    return _ordered(tuple(models), tuple(unknown), np.concatenate(parts), images, labels.classes)


# A class that a model names and that nobody was asked about; rank 0 is its first class.
_PAIR = np.dtype(
    [("image", "i8"), ("class", "i4"), ("model", "i8"), ("rank", "i8"), ("probability", "f8"), ("never_rated", "?")]
)


@dataclass(frozen=True)
class _Images:
    """The images of open pairs: position by key, and name."""

    position: dict[str, int]
    names: list[str]

    def numbers(self, rows: npt.NDArray[np.int64], outcomes: Outcomes, labels: LabelSets) -> list[int]:
        """Positions of some images, named as in the label sets, else by what comes first of the models' names."""
        keys, numbers = image_keys(outcomes.images, outcomes.match), []
        for row, known in zip(rows.tolist(), outcomes.label_rows[rows].tolist(), strict=True):
            name = labels.images[known] if known >= 0 else outcomes.images[row]
            number = self.position.setdefault(keys[row], len(self.names))
            if number == len(self.names):
                self.names.append(name)
            self.names[number] = min(name, self.names[number])
            numbers.append(number)
        return numbers


def _open(
    predictions: Predictions, outcomes: Outcomes, labels: LabelSets, scores: Scores | None, top: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]:
    """The pairs of a model that are not valid and that nobody was asked about, and the row of each."""
    known = np.flatnonzero(outcomes.state != UNKNOWN)
    best = outcomes.top1[known, None] if top == 1 else predictions.best(top, known)[0]
    place, ranks = np.nonzero(best >= 0)
    rows, class_ids = known[place], best[place, ranks]
    settled = np.isin(pair_keys(outcomes.label_rows[rows], class_ids), pair_keys(labels.image_ids, labels.indices))
    rated = outcomes.label_rows[rows] >= 0
    if scores is not None:
        score_rows = join(outcomes.images, scores.questions.images, match=outcomes.match, known_where="the scores")[
            rows
        ]
        settled |= scores.asked(score_rows, class_ids)
        rated = score_rows >= 0
    kept = np.flatnonzero(~settled)
    pairs = np.empty(kept.size, _PAIR)
    pairs["class"], pairs["rank"], pairs["never_rated"] = class_ids[kept], ranks[kept], ~rated[kept]
    pairs["probability"] = class_probabilities(predictions, rows[kept], class_ids[kept])
    return rows[kept], pairs


def _ordered(
    models: tuple[str, ...], unknown: tuple[int, ...], pairs: npt.NDArray[np.void], images: _Images, classes: Classes
) -> OpenQuestions:
    """Each pair once, with all that the models say of it, the most informative first."""
    # In an order that does not depend on that of the models, so that sums round alike.
    pairs = pairs[np.lexsort((pairs["probability"], pairs["class"], pairs["image"]))]
    _, start, pair = np.unique(pair_keys(pairs["image"], pairs["class"]), return_index=True, return_inverse=True)

    def total(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.asarray(np.bincount(pair, values, start.size), np.float64)

    known = ~np.isnan(pairs["probability"])
    named, first, given = np.bincount(pair, minlength=start.size), total(pairs["rank"] == 0), total(known)
    probability = np.full(start.size, np.nan)
    np.divide(total(np.where(known, pairs["probability"], 0)), given, out=probability, where=given > 0)
    by_key = np.empty(len(images.names), np.int64)
    by_key[[images.position[key] for key in sorted(images.position)]] = np.arange(by_key.size)
    image, class_id = pairs["image"][start], pairs["class"][start]
    order = np.lexsort(
        (class_id, by_key[image], total(pairs["rank"]) / named, -np.nan_to_num(probability, nan=-1), -named, -first)
    )
    named_by = np.zeros((start.size, len(models)), bool)
    named_by[pair, pairs["model"]] = True
    questions = Questions(
        images=tuple(images.names), image_ids=image[order].astype(np.int32), class_ids=class_id[order], classes=classes
    )
    return OpenQuestions(
        questions=questions,
        models=models,
        named=named_by[order],
        first=first[order].astype(np.int64),
        probability=probability[order],
        never_rated=pairs["never_rated"][start][order],
        unknown=unknown,
    )
