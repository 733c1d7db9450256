"""Results about models, and about original labels, from the answers to a sample of images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.sampled_predictions import (
    SampledPredictions,
    check_original_labels,
    find_original_groups,
    find_original_kinds,
    find_valid_predictions,
    join_with_sample,
    make_original_labels,
)
from reassess.comparison.sampled_results import SampledDifference, SampledGroup, SampledModel
from reassess.core import LabelSets, Match, Predictions, Questions, Scores, Tasks
from reassess.core.checks import check_unique
from reassess.errors import DataError, MissingResult, add_error_place
from reassess.evaluation import (
    AnsweredImages,
    SampleEstimate,
    add_known_answers,
    estimate_ratio,
    expect_images_needed,
    find_answered_images,
    image_weights,
    keep_asked_classes,
)
from reassess.numeric import Proportion
from reassess.numeric.arrays import freeze
from reassess.numeric.proportions import adjust_p_values
from reassess.text import Printable

# Original labels: not valid, of these with other valid classes, and without a valid class; valid together with others.
ORIGINAL_LABEL_KINDS = ("wrong", "other", "none", "more")
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class SampleFindings(Printable):
    """Results about models, and about original labels, from the answers to a sample of images.

    Parameters
    ----------
    names
        Names of the models. Symbols: M models, n images.
    answered
        The images of the sample that are used.
    is_valid
        bool, shape (M, n): whether each model's top class is valid.
    has_valid
        bool, shape (n,): whether a class of the image that was asked about is valid.
    original_kinds
        int8, shape (n,): 0 if exactly the original label is valid, 1 if other classes are valid and it is not, 2 if no
        class is valid, 3 if it is valid together with others, -1 without an original label.
    original_accuracies
        The accuracy of each model by original labels, on all images; None without original labels.
    detected_inputs
        How the predictions of each model were read.
    label_set
        Name of the label sets.
    planned
        If a number of images, intervals are valid after every image, and narrowest near this number.
    n_unasked
        Number of classes in label sets that nobody was asked about; they are ignored.
    original_groups
        The group of each image's original label, n names or None; empty without groups.

    Examples
    --------
    >>> from reassess.core import Questions, Sample, SampleDesign
    >>> images = tuple("abcdefgh")
    >>> models = {
    ...     name: Predictions.from_ids(np.array(ids), images=images)
    ...     for name, ids in {"one": [0, 1] * 4, "two": [0, 1, 0, 1, 1, 1, 0, 0]}.items()
    ... }
    >>> design = SampleDesign(np.zeros(6, int), ("1",), np.array([8]), np.zeros(1, bool), 6)
    >>> sample = Sample(images[:6], np.full(6, 6 / 8), ("1",) * 6, design=design)
    >>> questions = Questions.from_columns([*images[:6], "e"], np.array([0, 1, 0, 1, 0, 1, 1]))
    >>> tasks = Tasks(questions, np.arange(8), np.arange(7), [""] * 7, sample=sample)
    >>> labels = LabelSets.from_lists(images[:6], [[0], [1], [], [1], [0], [1]])
    >>> findings = SampleFindings.from_predictions(models.items(), labels, tasks)
    >>> [round(model.valid.value, 3) for model in findings.models]
    [0.833, 0.667]
    """

    names: tuple[str, ...]
    answered: AnsweredImages
    is_valid: _Bools
    has_valid: _Bools
    original_kinds: npt.NDArray[np.int8] | MissingResult
    original_accuracies: tuple[Proportion | None, ...]
    detected_inputs: tuple[str, ...]
    label_set: str
    planned: int | None = None
    n_unasked: int = 0
    original_groups: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        freeze(self, "is_valid", "has_valid")

    @classmethod
    def from_predictions(
        cls,
        models: Iterable[tuple[str, Predictions]],
        labels: LabelSets,
        tasks: Tasks,
        *,
        original: LabelSets | None = None,
        groups: Mapping[int, str] | None = None,
        scores: Scores | None = None,
        open_questions: Questions | None = None,
        is_anytime: bool = False,
        match: Match = "path",
        ignore_unknown: bool = False,
    ) -> "SampleFindings":
        """Evaluate models with the label sets of the images of a sample.

        Parameters
        ----------
        models
            Name and predictions of each model. The sample was drawn with these predictions.
        labels
            The label sets of the answered images, and of no other images. Answers to earlier batches that are in the
            tasks are added, and classes that nobody was asked about are ignored.
        tasks
            The tasks that `reassess sample` wrote.
        original
            The original labels of all images.
        groups
            Group of each class, for the share of wrong original labels by group.
        scores, open_questions
            The answered questions, and questions that will get more votes, see `find_answered_images`.
        is_anytime
            Whether the intervals are valid after every image.
        match
            Join images by path, file name or stem.
        ignore_unknown
            Ignore label sets of images that were not drawn.

        Raises
        ------
        DataError
            See `find_answered_images`. Or a drawn image is missing from the predictions; a model predicts a class of a
            drawn image that nobody was asked about; a model, or the original labels, are not those that the sample was
            drawn with; or a model is named twice.
        """
        labels = add_known_answers(labels, tasks, match=match)
        answered = find_answered_images(
            tasks, labels, scores, open_questions=open_questions, match=match, ignore_unknown=ignore_unknown
        )
        n_labels = labels.indices.size
        labels = keep_asked_classes(labels, tasks, match=match)
        design = answered.drawn.design
        assert design is not None
        original = None if original is None else original.convert_to_classes(labels.classes)
        questions = tasks.questions.convert_to_classes(labels.classes)
        if original is not None and tasks.facts is not None:
            check_original_labels(original, answered.drawn.images, questions, tasks.facts, match)
        joined: dict[str, SampledPredictions] = {}
        for name, predictions in models:
            check_unique([*joined, name], value_name="a model")
            with add_error_place(name):
                joined[name] = join_with_sample(
                    name, predictions, answered, questions, tasks.facts, labels, original, match
                )
        return cls(
            names=tuple(joined),
            answered=answered,
            is_valid=np.array([model.is_valid for model in joined.values()]),
            has_valid=labels.sizes[answered.label_rows] > 0,
            original_kinds=find_original_kinds(answered, labels, original, design.question_rule, match),
            original_accuracies=tuple(model.original_accuracy for model in joined.values()),
            detected_inputs=tuple(model.detected_input for model in joined.values()),
            label_set=labels.title,
            planned=design.planned if is_anytime else None,
            n_unasked=n_labels - labels.indices.size,
            original_groups=()
            if original is None or not groups
            else find_original_groups(answered, original, groups, match),
        )

    @classmethod
    def from_tasks(cls, tasks: Tasks, labels: LabelSets, *, is_anytime: bool = False) -> "SampleFindings":
        """Evaluate the models that the tasks name, as `from_predictions`, but without accuracies by original labels.

        Raises
        ------
        DataError
            See `find_answered_images`, or the tasks do not say what the models predict.
        """
        labels = add_known_answers(labels, tasks)
        answered = find_answered_images(tasks, labels)
        design, facts = answered.drawn.design, tasks.facts
        if design is None or facts is None:
            raise DataError(
                "wrong-sample",
                "tasks do not say what the models predict",
                allowed="a file that `reassess sample` wrote",
                found="tasks without models",
                fix="use the predictions too",
            )
        questions = tasks.questions.convert_to_classes(labels.classes)
        return cls(
            names=facts.models,
            answered=answered,
            is_valid=find_valid_predictions(questions, facts, answered, labels),
            has_valid=labels.sizes[answered.label_rows] > 0,
            original_kinds=find_original_kinds(
                answered, labels, make_original_labels(questions, facts), design.question_rule, "path"
            ),
            original_accuracies=(None,) * len(facts.models),
            detected_inputs=("",) * len(facts.models),
            label_set=labels.title,
            planned=design.planned if is_anytime else None,
        )

    @property
    def _headline(self) -> str:
        return f"SampleFindings({len(self.names):,} models, {len(self.answered.images):,} images of a sample)"

    @property
    def n_empty(self) -> int:
        """Number of used images where no class that was asked about is valid."""
        return int(np.count_nonzero(~self.has_valid))

    @cached_property
    def empty_share(self) -> SampleEstimate:
        """The share of images where no class that was asked about is valid."""
        return self._estimate_share(~self.has_valid, np.ones(self.has_valid.size))

    @property
    def are_candidates_asked(self) -> bool:
        """Whether raters were asked about all candidates, so that the images with a valid class are known."""
        design = self.answered.drawn.design
        return design is not None and "candidates" in design.question_rule

    @cached_property
    def models(self) -> tuple[SampledModel, ...]:
        """The estimates of each model, the model with the largest share of valid first classes first."""
        everything = np.ones(self.has_valid.size)
        models = [
            SampledModel(
                model=self.names[i],
                valid=self._estimate_share(self.is_valid[i], everything),
                real_accuracy=self._estimate_share(self.is_valid[i], self.has_valid)
                if self.are_candidates_asked
                else None,
                original_accuracy=self.original_accuracies[i],
                detected_input=self.detected_inputs[i],
            )
            for i in self._order
        ]
        return tuple(models)

    @cached_property
    def differences(self) -> tuple[SampledDifference, ...]:
        """The difference of each pair of models; the first model of a pair is the better one."""
        sample = self.answered.sample
        pairs = list(combinations(self._order, 2))
        estimates = [
            estimate_ratio(
                sample,
                self.is_valid[first].astype(int) - self.is_valid[second],
                np.ones(self.has_valid.size),
                is_difference=True,
                planned=self.planned,
            )
            for first, second in pairs
        ]
        p_values = [estimate.p_value for estimate in estimates if estimate.p_value is not None]
        corrected = adjust_p_values(p_values).tolist() if len(p_values) == len(pairs) else [None] * len(pairs)
        return tuple(
            SampledDifference(self.names[first], self.names[second], estimate, p_value)
            for (first, second), estimate, p_value in zip(pairs, estimates, corrected, strict=True)
        )

    @property
    def neighbour_differences(self) -> tuple[SampledDifference, ...]:
        """The differences of models that follow each other in `models`."""
        models = [model.model for model in self.models]
        neighbours = set(pairwise(models))
        return tuple(pair for pair in self.differences if (pair.model_a, pair.model_b) in neighbours)

    def expect_images_needed(self, pair: SampledDifference) -> int | None:
        """Estimate after how many images a difference is significant at all looks, if it stays the same.

        None without a difference, or if the intervals are for one look.
        """
        value, interval = pair.estimate.value, pair.estimate.interval
        if not value or interval is None or self.planned is None:
            return None
        margin = value - interval[0] if value > 0 else interval[1] - value
        n, n_images = len(self.answered.images), self.answered.n_images
        return expect_images_needed(abs(value), margin, n, self.planned, most=n_images)

    @cached_property
    def original_labels(self) -> Mapping[str, SampleEstimate] | MissingResult:
        """The share of original labels of each of `ORIGINAL_LABEL_KINDS`, of all images with an original label."""
        kinds = self.original_kinds
        if isinstance(kinds, MissingResult):
            return kinds
        selected = {"wrong": (kinds == 1) | (kinds == 2), "other": kinds == 1, "none": kinds == 2, "more": kinds == 3}
        return {name: self._estimate_share(selected[name], kinds >= 0) for name in ORIGINAL_LABEL_KINDS}

    @cached_property
    def wrong_labels_by_group(self) -> Mapping[str, SampledGroup]:
        """The share of wrong original labels in each group of classes that has an image of the sample."""
        kinds = self.original_kinds
        if isinstance(kinds, MissingResult):
            return {}
        is_wrong, groups = (kinds == 1) | (kinds == 2), np.array(self.original_groups, object)
        shares = {}
        for group in sorted({name for name in self.original_groups if name is not None}):
            is_in_group = (groups == group) & (kinds >= 0)
            if is_in_group.any():
                n_images = int(np.count_nonzero(is_in_group))
                shares[group] = SampledGroup(n_images, self._estimate_share(is_wrong, is_in_group))
        return shares

    @cached_property
    def _order(self) -> list[int]:
        """The models, the best first."""
        totals = (self.is_valid @ image_weights(self.answered.sample)).tolist()
        return sorted(range(len(totals)), key=lambda i: -totals[i])

    def _estimate_share(self, numerators: _Bools, denominators: npt.NDArray[Any]) -> SampleEstimate:
        return estimate_ratio(self.answered.sample, numerators & (denominators > 0), denominators, planned=self.planned)
