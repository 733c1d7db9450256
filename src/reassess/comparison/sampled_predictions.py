"""Join the predictions of a model, and original labels, with the answered images of a sample."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets, Match, Predictions, QuestionFacts, Questions
from reassess.core.image_names import match_images
from reassess.errors import DataError, MissingResult
from reassess.evaluation import AnsweredImages, Outcomes, find_outcomes
from reassess.evaluation.outcomes import images_of_rows
from reassess.numeric import Proportion
from reassess.text import count_noun, join_first


class SampledPredictions(NamedTuple):
    """What is known about a model."""

    is_valid: npt.NDArray[np.bool_]  # whether its top class is valid, for each used image; shape (n,)
    original_accuracy: Proportion | None  # by the original labels of all images
    detected_input: str  # how the predictions were read and joined


def join_with_sample(
    name: str,
    predictions: Predictions,
    answered: AnsweredImages,
    questions: Questions,
    facts: QuestionFacts | None,
    labels: LabelSets,
    original: LabelSets | None,
    match: Match,
) -> SampledPredictions:
    """Join a model's predictions of all images with the answered images of a sample.

    `questions` are the questions about the drawn images, in the classes of the labels.
    """
    outcomes = _find_outcomes(name, predictions, labels, original, match)
    rows = _rows_of_drawn_images(outcomes, answered.drawn.images, answered.n_images)
    if facts is not None:
        _check_model_is_of_sample(outcomes.top1[rows], answered.drawn.images, questions, facts)
    _check_predictions_were_asked(outcomes, rows, answered.drawn.images, questions)
    return SampledPredictions(
        is_valid=outcomes.best_ranks[rows[: len(answered.images)]] == 0,
        original_accuracy=_measure_original_accuracy(outcomes),
        detected_input=outcomes.detected_input,
    )


def _find_outcomes(
    name: str, predictions: Predictions, labels: LabelSets, original: LabelSets | None, match: Match
) -> Outcomes:
    """Join predictions of all images with the label sets of some images."""
    if predictions.images is None:  # rows have the order of all images, not of the images of the sample
        predictions = predictions.with_images(images_of_rows(predictions, original))
    return find_outcomes(predictions, labels, original=original, match=match, ignore_unknown=True, name=name)


def _rows_of_drawn_images(outcomes: Outcomes, drawn: Sequence[str], n_images: int) -> npt.NDArray[np.int64]:
    """Return the row of each drawn image; raise if the model does not predict an image."""
    rows = match_images(drawn, outcomes.images, match=outcomes.match, where="the sample", known_where="the predictions")
    if len(outcomes) < n_images:
        raise DataError(
            "wrong-sample",
            "the sample was drawn from more images than the model predicts",
            allowed=count_noun(n_images, "image"),
            found=count_noun(len(outcomes), "image"),
            fix="use the predictions that the sample was drawn with",
        )
    if missing := [drawn[row] for row in np.flatnonzero(rows < 0).tolist()]:
        raise DataError(
            "missing-images",
            "drawn images are missing from the predictions",
            found=f"{len(missing):,} of {len(drawn):,}: {join_first(missing, max_items=3)}",
            fix="use the predictions that the sample was drawn with",
        )
    return rows


def _check_predictions_were_asked(
    outcomes: Outcomes, rows: npt.NDArray[np.int64], drawn: Sequence[str], questions: Questions
) -> None:
    """Raise if the model predicts a class of a drawn image that is not in the image's tasks."""
    image_rows = match_images(
        drawn, questions.images, match=outcomes.match, where="the sample", known_where="the tasks"
    )
    top1 = outcomes.top1[rows]
    is_missing = (questions.find_positions(image_rows, top1) < 0) & (top1 >= 0)
    if is_missing.any():
        row, n_images = int(np.argmax(is_missing)), int(np.count_nonzero(is_missing))
        raise DataError(
            "sample-class-not-asked",
            "the sample does not ask about a predicted class",
            where=f"image {drawn[row]}",
            found=f"class {questions.classes.short_name(int(top1[row]))}; {count_noun(n_images, 'such image')}",
            fix="use the predictions that the sample was drawn with, or draw a new sample",
        )


def _check_model_is_of_sample(
    top1: npt.NDArray[np.integer], drawn: Sequence[str], questions: Questions, facts: QuestionFacts
) -> None:
    """Raise unless a model of the sample predicts the same class for each drawn image."""
    rows = match_images(questions.images, drawn, where="the tasks")[questions.image_ids]
    expected = np.full((len(facts.models), len(drawn)), -1)
    asked, models = np.nonzero(facts.is_predicted)
    expected[models, rows[asked]] = questions.class_ids[asked]
    n_different = np.count_nonzero(expected != top1, axis=1)
    if n_different.all():
        closest = int(np.argmin(n_different))
        raise DataError(
            "sample-other-predictions",
            "the sample was drawn with other predictions",
            allowed=f"the first classes of a model of the sample: {join_first(facts.models, max_items=5)}",
            found=f"other classes for {n_different[closest]:,} of {len(drawn):,} drawn images than "
            f"{facts.models[closest]}, the most similar model",
            fix="use the predictions that the sample was drawn with, or draw a new sample",
        )


def _measure_original_accuracy(outcomes: Outcomes) -> Proportion | None:
    has_original = outcomes.original_rows >= 0
    if not has_original.any():
        return None
    return Proportion(int(np.count_nonzero(outcomes.original_ranks[has_original] == 0)), int(has_original.sum()))


def find_original_kinds(
    answered: AnsweredImages,
    labels: LabelSets,
    original: LabelSets | None,
    question_rule: Sequence[str],
    match: Match,
) -> npt.NDArray[np.int8] | MissingResult:
    """Return the kind of each used image's original label, as in `SampleFindings`."""
    if original is None:
        return MissingResult("original labels are missing")
    if "original" not in question_rule:
        return MissingResult("the sample does not ask about original labels")
    rows = match_images(
        answered.images, original.images, match=match, where="the sample", known_where="the original labels"
    )
    has_original = rows >= 0
    class_ids, sizes = labels.classes_of_rows(answered.label_rows)
    images = np.repeat(np.arange(sizes.size), sizes)
    originals = np.where(has_original, original.indices[rows], -1)
    is_valid = np.bincount(images[class_ids == originals[images]], minlength=sizes.size) > 0
    kinds = np.where(sizes == 0, 2, np.where(is_valid, np.where(sizes > 1, 3, 0), 1))
    return np.where(has_original, kinds, -1).astype(np.int8)


def find_original_groups(
    answered: AnsweredImages, original: LabelSets, groups: Mapping[int, str], match: Match
) -> tuple[str | None, ...]:
    """Return the group of each used image's original label; None without an original label or group."""
    rows = match_images(
        answered.images, original.images, match=match, where="the sample", known_where="the original labels"
    )
    return tuple(groups.get(int(original.indices[row])) if row >= 0 else None for row in rows.tolist())


def check_original_labels(
    original: LabelSets, drawn: Sequence[str], questions: Questions, facts: QuestionFacts, match: Match
) -> None:
    """Raise if an original label of a drawn image is not the one that the sample was drawn with."""
    rows = match_images(drawn, original.images, match=match, where="the sample", known_where="the original labels")
    given = np.where(rows >= 0, original.indices[rows], -1)
    asked = np.full(len(drawn), -1)
    image_of_question = match_images(questions.images, drawn, where="the tasks")[questions.image_ids]
    asked[image_of_question[facts.is_original]] = questions.class_ids[facts.is_original]
    is_different = (given != asked) & (given >= 0) & (asked >= 0)
    if is_different.any():
        row = int(np.argmax(is_different))
        raise DataError(
            "sample-other-original",
            "the sample was drawn with other original labels",
            where=f"image {drawn[row]}",
            allowed=f"class {questions.classes.short_name(int(asked[row]))}",
            found=f"class {questions.classes.short_name(int(given[row]))}; "
            f"{count_noun(int(np.count_nonzero(is_different)), 'such image')} of {len(drawn):,}",
            fix="use the original labels that the sample was drawn with, or draw a new sample",
        )


def find_valid_predictions(
    questions: Questions, facts: QuestionFacts, answered: AnsweredImages, labels: LabelSets
) -> npt.NDArray[np.bool_]:
    """Return whether the class that each model predicts is valid, for each used image; shape (models, n)."""
    rows = match_images(questions.images, answered.images, where="the tasks")[questions.image_ids]
    largest_key = 1 + max(int(questions.class_ids.max(initial=0)), int(labels.indices.max(initial=0)))
    keys = np.where(rows >= 0, answered.label_rows[rows], -1) * largest_key + questions.class_ids
    is_in_set = (rows >= 0) & np.isin(keys, labels.image_ids * largest_key + labels.indices)
    is_valid = np.zeros((len(facts.models), len(answered.images)), np.bool_)
    asked, models = np.nonzero(facts.is_predicted & is_in_set[:, None])
    is_valid[models, rows[asked]] = True
    return is_valid


def make_original_labels(questions: Questions, facts: QuestionFacts) -> LabelSets | None:
    """Return the original label of each image of tasks; None if the tasks have no original labels."""
    of_question = np.flatnonzero(facts.is_original).tolist()
    if not of_question:
        return None
    images, class_ids = questions.image_ids, questions.class_ids
    return LabelSets.from_lists(
        [questions.images[images[question]] for question in of_question],
        [[int(class_ids[question])] for question in of_question],
        questions.classes,
    )
