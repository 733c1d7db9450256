"""Candidates for a next round of rating: predicted classes that raters were never asked about."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from reassess.core import NOT_ASKED, UNRATED, Candidates, Classes, LabelSets, Predictions, Questions, Scores
from reassess.core.candidates import sort_sources
from reassess.core.checks import check_unique
from reassess.core.image_names import match_images
from reassess.core.probabilities import class_probabilities
from reassess.errors import add_error_place
from reassess.evaluation import Outcomes
from reassess.evaluation.class_ranks import normalize_top_k
from reassess.evaluation.outcomes import UNKNOWN
from reassess.numeric.arrays import encode_pairs
from reassess.proposals.model_rows import ImageNumbering

# A predicted class that raters were not asked about; rank 0 is the first class of the model.
_PAIR_DTYPE = np.dtype(
    [("image", "i8"), ("class", "i4"), ("model", "i8"), ("rank", "i8"), ("probability", "f8"), ("unrated", "?")]
)


def unasked_candidates(
    models: Iterable[tuple[str, Predictions, Outcomes]], labels: LabelSets, scores: Scores | None, *, top_k: int = 1
) -> Candidates:
    """Find predicted classes that are in no label set and that raters were never asked about.

    The most informative candidates come first. They are sorted by the number of models that rank them first, by the
    number of models that predict them, by mean probability (candidates without a probability come last), by mean rank,
    by the image's key, and by class id.

    Parameters
    ----------
    models
        Name, predictions and outcomes (`reassess.evaluation.find_outcomes`) of each model. One model is in memory at a
        time. Models may have different images.
    labels
        The label sets of all outcomes.
    scores
        The rated questions; without them, images without a label set are unrated.
    top_k
        Number of best classes of a model that count as predicted.

    Raises
    ------
    DataError
        A model is named twice, or has fewer than `top_k` classes for an image.

    Examples
    --------
    >>> from reassess.evaluation.measure import find_outcomes
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [], [1]])
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([0, 2, 1]))
    >>> scores = Scores(questions, np.array([0.9, 0.8, 0.1]))
    >>> predictions = {name: Predictions.from_ids(ids) for name, ids in {"one": [1, 1, 2], "two": [1, 0, 1]}.items()}
    >>> models = [(name, of_model, find_outcomes(of_model, labels)) for name, of_model in predictions.items()]
    >>> result = unasked_candidates(models, labels, scores)
    >>> [(result.image_of(row), result.sources_of(row), result.reasons[row]) for row in range(len(result))]
    [('a.png', ['one', 'two'], 'not asked about'),
     ('b.png', ['two'], 'not asked about'),
     ('c.png', ['one'], 'unrated image')]
    """
    scores = None if scores is None else scores.convert_to_classes(labels.classes)
    names: list[str] = []
    parts = [np.empty(0, _PAIR_DTYPE)]
    numbering = ImageNumbering()
    for name, predictions, outcomes in models:
        with add_error_place(name):
            normalize_top_k((top_k,), predictions.max_k)
            predictions = predictions.convert_to_classes(labels.classes)
        rows, pairs = _find_unasked_pairs(predictions, outcomes, labels, scores, top_k)
        with_labels = zip(rows.tolist(), outcomes.label_rows[rows].tolist(), strict=True)
        image_names = [labels.images[label] if label >= 0 else outcomes.images[row] for row, label in with_labels]
        pairs["image"] = numbering.assign_image_numbers(image_names, outcomes.match)
        pairs["model"] = len(names)
        parts.append(pairs)
        names.append(name)
    check_unique(names, value_name="a model")
    return _merge_and_sort_pairs(names, np.concatenate(parts), numbering, labels.classes)


def _find_unasked_pairs(
    predictions: Predictions, outcomes: Outcomes, labels: LabelSets, scores: Scores | None, top_k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]:
    """Find a model's predicted classes that raters were not asked about, with their rows."""
    known_rows = np.flatnonzero(outcomes.states != UNKNOWN)
    best_classes = outcomes.top1[known_rows, None] if top_k == 1 else predictions.top_classes(top_k, known_rows)[0]
    place, ranks = np.nonzero(best_classes >= 0)
    rows, class_ids = known_rows[place], best_classes[place, ranks]
    is_settled = np.isin(
        encode_pairs(outcomes.label_rows[rows], class_ids), encode_pairs(labels.image_ids, labels.indices)
    )
    is_rated = outcomes.label_rows[rows] >= 0
    if scores is not None:
        score_rows = match_images(
            outcomes.images, scores.questions.images, match=outcomes.match, known_where="the scores"
        )[rows]
        is_settled |= scores.is_asked(score_rows, class_ids)
        is_rated = score_rows >= 0
    new_rows = np.flatnonzero(~is_settled)
    pairs = np.empty(new_rows.size, _PAIR_DTYPE)
    pairs["class"], pairs["rank"], pairs["unrated"] = class_ids[new_rows], ranks[new_rows], ~is_rated[new_rows]
    pairs["probability"] = class_probabilities(predictions, rows[new_rows], class_ids[new_rows])
    return rows[new_rows], pairs


def _merge_and_sort_pairs(
    models: list[str], pairs: npt.NDArray[np.void], numbering: ImageNumbering, classes: Classes
) -> Candidates:
    """Merge equal pairs of several models, and sort them, the most informative pair first."""
    _, start, question_numbers = np.unique(
        encode_pairs(pairs["image"], pairs["class"]), return_index=True, return_inverse=True
    )
    image, class_id = pairs["image"][start], pairs["class"][start]
    model_count = np.bincount(question_numbers, minlength=start.size)
    mean_rank = np.bincount(question_numbers, pairs["rank"], start.size) / model_count
    unordered = _make_candidates(
        models,
        pairs,
        question_numbers,
        Questions(tuple(numbering.names), _to_int32(image), _to_int32(class_id), classes),
    )
    probability = np.nan_to_num(unordered.mean_probabilities, nan=-1)
    order = np.lexsort(
        (
            class_id,
            numbering.candidate_positions[image],
            mean_rank,
            -probability,
            -model_count,
            -unordered.n_models_ranking_first,
        )
    )
    place = np.argsort(order)
    questions = Questions(tuple(numbering.names), _to_int32(image[order]), _to_int32(class_id[order]), classes)
    reasons = np.where(pairs["unrated"][start][order], UNRATED, NOT_ASKED).tolist()
    return replace(_make_candidates(models, pairs, place[question_numbers], questions), reasons=tuple(reasons))


def _make_candidates(
    models: list[str], pairs: npt.NDArray[np.void], question_numbers: npt.NDArray[np.int64], questions: Questions
) -> Candidates:
    """Create candidates from pairs; `question_numbers` has the number of the question of each pair."""
    sources = sort_sources(models)
    source = np.array([sources.index(name) for name in models], np.int64)[pairs["model"]]
    order = np.lexsort((source, question_numbers))
    return Candidates(
        questions=questions,
        sources=sources,
        question_ids=_to_int32(question_numbers[order]),
        source_ids=_to_int32(source[order]),
        ranks=_to_int32(pairs["rank"][order] + 1),
        probabilities=pairs["probability"][order],
    )


def _to_int32(numbers: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """Convert numbers to int32."""
    return numbers.astype(np.int32)
