"""Candidates for a next round of rating: predicted classes that raters were never asked about."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from reassess.core import NOT_ASKED, UNRATED, Candidates, Classes, LabelSets, Predictions, Questions, Scores
from reassess.core.candidates import ordered_sources
from reassess.core.checks import check_unique
from reassess.core.image_names import join
from reassess.errors import at
from reassess.evaluation import Outcomes
from reassess.evaluation.class_ranks import check_top_k
from reassess.evaluation.outcomes import UNKNOWN
from reassess.evaluation.probabilities import class_probabilities
from reassess.numeric.arrays import pair_keys
from reassess.proposals.model_rows import ImageNumbers

# A class that a model names and that raters were not asked about; rank 0 is its first class.
_PAIR = np.dtype(
    [("image", "i8"), ("class", "i4"), ("model", "i8"), ("rank", "i8"), ("probability", "f8"), ("unrated", "?")]
)


def unasked_candidates(
    each: Iterable[tuple[str, Predictions, Outcomes]], labels: LabelSets, scores: Scores | None, *, top_k: int = 1
) -> Candidates:
    """Find predicted classes that are in no label set and that raters were never asked about.

    The most informative come first: what most models rank first; then what most models name at all; then the higher
    mean probability (those without one last); then the better mean rank; then the image's key and the class id.

    Parameters
    ----------
    each
        Name of each model, its predictions, and their `reassess.evaluation.find_outcomes`. One is held at a time, and
        images need not be the same.
    labels
        The label sets of all outcomes.
    scores
        The rated questions, if there are any; without them, images without a label set are unrated.
    top_k
        How many of a model's best classes count as predicted.

    Raises
    ------
    DataError
        A model is named twice, or has fewer than `top_k` classes for an image.

    Examples
    --------
    >>> from reassess.evaluation.measure import find_outcomes
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [], [1]])
    >>> asked = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([0, 2, 1]))
    >>> rated = Scores(asked, np.array([0.9, 0.8, 0.1]))
    >>> models = {name: Predictions.from_ids(ids) for name, ids in {"one": [1, 1, 2], "two": [1, 0, 1]}.items()}
    >>> each = [(name, predictions, find_outcomes(predictions, labels)) for name, predictions in models.items()]
    >>> found = unasked_candidates(each, labels, rated)
    >>> [(found.image(row), found.named_by(row), found.reasons[row]) for row in range(len(found))]
    [('a.png', ['one', 'two'], 'not asked about'),
     ('b.png', ['two'], 'not asked about'),
     ('c.png', ['one'], 'unrated image')]
    """
    scores = None if scores is None else scores.in_classes(labels.classes)
    models: list[str] = []
    parts = [np.empty(0, _PAIR)]
    images = ImageNumbers()
    for name, predictions, outcomes in each:
        with at(name):
            check_top_k((top_k,), predictions.depth)
            predictions = predictions.in_classes(labels.classes)
        rows, pairs = _unasked(predictions, outcomes, labels, scores, top_k)
        known = zip(rows.tolist(), outcomes.label_rows[rows].tolist(), strict=True)
        names = [labels.images[label] if label >= 0 else outcomes.images[row] for row, label in known]
        pairs["image"] = images.numbers(names, outcomes.match)
        pairs["model"] = len(models)
        parts.append(pairs)
        models.append(name)
    check_unique(models, thing="a model")
    return _ordered(models, np.concatenate(parts), images, labels.classes)


def _unasked(
    predictions: Predictions, outcomes: Outcomes, labels: LabelSets, scores: Scores | None, top_k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]:
    """The pairs of a model that are not valid and that raters were not asked about, and the row of each."""
    known = np.flatnonzero(outcomes.state != UNKNOWN)
    best = outcomes.top1[known, None] if top_k == 1 else predictions.best(top_k, known)[0]
    place, ranks = np.nonzero(best >= 0)
    rows, class_ids = known[place], best[place, ranks]
    settled = np.isin(pair_keys(outcomes.label_rows[rows], class_ids), pair_keys(labels.image_ids, labels.indices))
    rated = outcomes.label_rows[rows] >= 0
    if scores is not None:
        score_rows = join(outcomes.images, scores.questions.images, match=outcomes.match, known_where="the scores")[
            rows
        ]
        settled |= scores.is_asked(score_rows, class_ids)
        rated = score_rows >= 0
    kept = np.flatnonzero(~settled)
    pairs = np.empty(kept.size, _PAIR)
    pairs["class"], pairs["rank"], pairs["unrated"] = class_ids[kept], ranks[kept], ~rated[kept]
    pairs["probability"] = class_probabilities(predictions, rows[kept], class_ids[kept])
    return rows[kept], pairs


def _ordered(models: list[str], pairs: npt.NDArray[np.void], images: ImageNumbers, classes: Classes) -> Candidates:
    """Each pair once, with its sources, the most informative first."""
    _, start, pair = np.unique(pair_keys(pairs["image"], pairs["class"]), return_index=True, return_inverse=True)
    image, class_id = pairs["image"][start], pairs["class"][start]
    named = np.bincount(pair, minlength=start.size)
    mean_rank = np.bincount(pair, pairs["rank"], start.size) / named
    unordered = _candidates(models, pairs, pair, Questions(tuple(images.names), _ids(image), _ids(class_id), classes))
    probability = np.nan_to_num(unordered.mean_probabilities, nan=-1)
    order = np.lexsort((class_id, images.places[image], mean_rank, -probability, -named, -unordered.first_counts))
    place = np.argsort(order)
    questions = Questions(tuple(images.names), _ids(image[order]), _ids(class_id[order]), classes)
    reasons = np.where(pairs["unrated"][start][order], UNRATED, NOT_ASKED).tolist()
    return replace(_candidates(models, pairs, place[pair], questions), reasons=tuple(reasons))


def _candidates(
    models: list[str], pairs: npt.NDArray[np.void], pair: npt.NDArray[np.int64], questions: Questions
) -> Candidates:
    """Candidates of pairs, each row with the number of its question."""
    sources = ordered_sources(models)
    source = np.array([sources.index(name) for name in models], np.int64)[pairs["model"]]
    order = np.lexsort((source, pair))
    return Candidates(
        questions=questions,
        sources=sources,
        question_ids=_ids(pair[order]),
        source_ids=_ids(source[order]),
        ranks=_ids(pairs["rank"][order] + 1),
        probabilities=pairs["probability"][order],
    )


def _ids(numbers: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    return numbers.astype(np.int32)
