"""Read what `reassess sample` draws from: predictions, original labels, candidates and the answers to a pilot."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.cli.command_run import CommandRun
from reassess.cli.evaluation_inputs import EvaluationInputs
from reassess.cli.prediction_inputs import iter_predictions
from reassess.comparison import Panel
from reassess.core import LabelSets, Questions, Sample, Tasks
from reassess.core.image_names import match_images
from reassess.core.probabilities import class_probabilities
from reassess.data import read_scores, to_benchmark_names
from reassess.errors import DataError, Fix, add_error_place
from reassess.evaluation import (
    ImageSample,
    Outcomes,
    Purpose,
    Strata,
    add_scores_to_guesses,
    find_pilot,
    guess_correct,
    guess_label_valid,
    learn_from_pilot,
)
from reassess.formats import read_candidates, read_tasks
from reassess.formats.files import sha256
from reassess.text import count_noun, format_percent, join_first

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]

_N_LISTED = 5  # first classes of a model without scores that are searched for the original label


@dataclass(frozen=True)
class ModelPredictions:
    """The predictions of several models for the images that all of them predict, in the order of the files."""

    panel: Panel
    confidences: _Floats  # (models, images): the probability of the top-1 class; 0 for a model without scores
    has_scores: tuple[bool, ...]  # of each model
    is_original_listed: _Bools  # (models, images): among the first classes of a model without scores
    hashes: tuple[str, ...]  # SHA-256 of the files
    original: npt.NDArray[np.int64]  # (images,): the original label

    @property
    def order_by_hash(self) -> npt.NDArray[np.int64]:
        """The models, sorted by hash: strata must not depend on the order of the files."""
        return np.argsort(np.array(self.hashes), kind="stable")


class _Confidences(NamedTuple):
    images: tuple[str, ...]
    values: _Floats  # (images,)
    are_known: bool
    is_original_listed: _Bools  # (images,)


def read_model_predictions(run: CommandRun, files: tuple[Path, ...], inputs: EvaluationInputs) -> ModelPredictions:
    """Read the files; `DataError` if an image has no original label, or the models have no image in common."""
    if inputs.original is None:
        raise DataError(
            "missing-original",
            "original labels are missing",
            allowed="one original label for each image",
            fix="give --benchmark FOLDER with original labels, or --original FILE",
        )
    confidences: list[_Confidences] = []

    def iter_outcomes() -> Iterator[tuple[str, Outcomes]]:
        for name, predictions in iter_predictions(run, files, inputs):
            with add_error_place(name):
                converted = predictions.convert_to_classes(inputs.labels.classes)
                outcomes = inputs.compute_outcomes(
                    converted, inputs.labels, name=name, **inputs.make_image_matching_arguments(run)
                )
                values = class_probabilities(converted, np.arange(len(converted)), outcomes.top1)
                if run.reading_options.ignore_unknown:
                    is_known = outcomes.original_rows >= 0
                    values, n_all = values[is_known], len(outcomes)
                    outcomes = outcomes.select_rows(np.flatnonzero(is_known))
                    if len(outcomes) < n_all:
                        run.add_note(f"{name}: {count_noun(n_all - len(outcomes), 'unknown image')} ignored")
            has_scores = converted.scores is not None
            ranks = outcomes.original_ranks
            is_listed = (ranks >= 0) & (ranks < min(_N_LISTED, outcomes.max_k)) & (not has_scores)
            values = values if has_scores else np.zeros(len(outcomes))
            confidences.append(_Confidences(outcomes.images, values, has_scores, is_listed))
            yield name, outcomes

    panel = Panel.from_outcomes(iter_outcomes())
    if missing := np.flatnonzero(~panel.has_original_label).tolist():
        raise DataError(
            "missing-original",
            "predicted image has no original label",
            where=f"image {panel.images[missing[0]]}",
            found=f"{count_noun(len(missing), 'image')} of {len(panel.images):,} without an original label",
            fix=Fix("add the labels, or ignore unknown images: {ignore_unknown}", ignore_unknown=True),
        )
    rows = [match_images(panel.images, part.images, match=panel.match) for part in confidences]
    return ModelPredictions(
        panel=panel,
        confidences=np.stack([part.values[of_image] for part, of_image in zip(confidences, rows, strict=True)]),
        has_scores=tuple(part.are_known for part in confidences),
        is_original_listed=np.stack(
            [part.is_original_listed[of_image] for part, of_image in zip(confidences, rows, strict=True)]
        ),
        hashes=tuple(sha256(file) for file in files),
        original=inputs.original.indices[panel.original_rows].astype(np.int64),
    )


def read_candidate_questions(
    run: CommandRun, path: Path, inputs: EvaluationInputs, models: ModelPredictions
) -> Questions:
    """Read candidates, with the benchmark's image names; `DataError` if they are about other images."""
    questions = read_candidates(run.add_input("candidates", path), inputs.labels.classes).questions
    questions = questions.with_images(to_benchmark_names(questions.images, inputs.benchmark))
    if not (match_images(questions.images, models.panel.images, match=models.panel.match) >= 0).any():
        raise DataError(
            "nothing-in-common",
            "candidates and predictions have no image in common",
            where=path,
            allowed=f"names such as {join_first(models.panel.images, max_items=2)}",
            found=join_first(questions.images, max_items=2),
            fix="use candidates of this benchmark",
        )
    return questions.convert_to_classes(inputs.labels.classes)


class Guesses(NamedTuple):
    """Guessed probabilities that decide which images are drawn, shape (models, images)."""

    of_predictions: _Floats  # that each model's prediction is correct
    of_outcomes: _Floats  # for strata: the same; for labels with scores, that the original label is valid
    of_labels: _Floats  # (images,): that the original label is valid


def make_guesses(
    run: CommandRun, models: ModelPredictions, inputs: EvaluationInputs, scores_source: str | None, purpose: Purpose
) -> Guesses:
    """Guess which predictions are correct, with scores of the questions if they are given."""
    panel = models.panel
    guesses = guess_correct(panel.top1, models.confidences, models.original)
    of_labels = guess_label_valid(panel.top1, guesses, models.original)
    if scores_source is None:
        return Guesses(guesses, guesses, of_labels)
    path = run.find_or_download_source("scores", scores_source)
    scores = read_scores(path, classes=inputs.labels.classes).convert_to_classes(inputs.labels.classes)
    scores = scores.with_images(to_benchmark_names(scores.images, inputs.benchmark))
    of_predictions, share = add_scores_to_guesses(guesses, scores, panel.images, panel.top1, match=panel.match)
    (of_outcomes, of_labels), label_share = add_scores_to_guesses(
        np.stack([guesses.mean(axis=0), of_labels]),
        scores,
        panel.images,
        np.stack([models.original, models.original]),
        match=panel.match,
    )
    if not share and not label_share:
        raise DataError(
            "nothing-in-common",
            "no predicted class, and no original label, has a score",
            where=path,
            allowed=f"scores of classes of images such as {join_first(panel.images, max_items=2)}",
            found=f"images such as {join_first(scores.images, max_items=2)}",
            fix="use scores of this benchmark, about the models' first classes and the original labels",
        )
    is_for_labels = purpose == "labels"
    noun, used = ("original labels", label_share) if is_for_labels else ("predictions", share)
    run.add_note(f"guesses use scores of {format_percent(used)} % of the {noun}")
    of_outcomes = np.broadcast_to(of_outcomes, guesses.shape) if is_for_labels else of_predictions
    return Guesses(of_predictions, of_outcomes, of_labels)


class PilotFile(NamedTuple):
    """The task file of a pilot, with the benchmark's image names."""

    path: Path
    tasks: Tasks
    sample: Sample


class Pilot(NamedTuple):
    """A pilot's images, and the strata with variances that its answers corrected."""

    images: ImageSample
    seed: int | None
    strata: Strata


def read_pilot_file(run: CommandRun, path: Path, inputs: EvaluationInputs) -> PilotFile:
    """Read the tasks of a pilot."""
    tasks = read_tasks(run.add_input("pilot", path), inputs.labels.classes)
    if tasks.sample is None:
        raise DataError(
            "wrong-sample",
            "task file has no sample",
            where=path,
            allowed="a file that `reassess sample` wrote",
            fix="use the task file of the pilot",
        )
    sample = tasks.sample.with_images(to_benchmark_names(tasks.sample.images, inputs.benchmark))
    questions = tasks.questions
    questions = questions.with_images(to_benchmark_names(questions.images, inputs.benchmark))
    return PilotFile(path, replace(tasks, questions=questions, sample=sample), sample)


def learn_from_pilot_file(
    pilot: PilotFile, strata: Strata, models: ModelPredictions, inputs: EvaluationInputs, purpose: Purpose
) -> Pilot:
    """Correct the variances of the strata by the answers to a pilot, the label sets of `inputs`."""
    sample, panel = pilot.sample, models.panel
    with add_error_place(pilot.path):
        images = find_pilot(sample, strata, panel.images, purpose=purpose, input_hashes=models.hashes)
    rows = panel.label_rows[images.images]
    if unanswered := np.flatnonzero(rows < 0).tolist():
        raise DataError(
            "missing-labels",
            "image of the pilot has no label set",
            where=f"{inputs.files['labels']}, image {sample.images[unanswered[0]]}",
            found=f"{count_noun(len(unanswered), 'image')} of {len(sample):,} without a label set",
            fix="wait until all questions of the pilot are answered, and make the labels again",
        )
    class_ids, sizes = inputs.labels.classes_of_rows(rows)
    is_original = class_ids == np.repeat(models.original[images.images], sizes)
    corrected = learn_from_pilot(
        strata,
        images,
        purpose=purpose,
        is_correct=panel.is_valid[:, images.images],
        is_original_valid=np.bincount(np.repeat(np.arange(len(images)), sizes)[is_original], minlength=len(images)) > 0,
    )
    return Pilot(images, sample.seed, corrected)


def check_pilot_questions(pilot: PilotFile, questions: Questions, n_images: int) -> None:
    """Raise if raters were asked other questions about the pilot's images, the first `n_images` of `questions`."""
    before = set(_list_questions(pilot.tasks.questions, len(pilot.tasks.questions.images)))
    now = set(_list_questions(questions, n_images))
    if before != now:
        image, name = min(before ^ now)
        raise DataError(
            "wrong-sample",
            "the pilot has other questions",
            where=f"{pilot.path}, image {image}, class {name}",
            found="a new question" if (image, name) in now else "a question that would not be asked now",
            fix="use the same candidates (--candidates) and predictions as for the pilot",
        )


def _list_questions(questions: Questions, n_images: int) -> Iterator[tuple[str, str]]:
    """List the questions about the first images, by names of image and class."""
    for image, class_id in zip(questions.image_ids.tolist(), questions.class_ids.tolist(), strict=True):
        if image < n_images:
            yield questions.images[image], questions.classes.short_name(class_id)


def find_answers(
    run: CommandRun, questions: Questions, labels: LabelSets, label_rows: npt.NDArray[np.integer]
) -> npt.NDArray[np.int8]:
    """Return the answer to each question about the first images, whose rows among label sets are given; else -1."""
    class_ids, sizes = labels.classes_of_rows(label_rows)
    asked = questions.find_positions(np.repeat(np.arange(label_rows.size), sizes), class_ids)
    answers = np.where(questions.image_ids < label_rows.size, 0, -1).astype(np.int8)
    answers[asked[asked >= 0]] = 1
    if n_unasked := int(np.count_nonzero(asked < 0)):
        run.add_note(f"{count_noun(n_unasked, 'label')} of the pilot ignored: nobody was asked about these classes")
    return answers
