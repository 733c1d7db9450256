"""Results about labels, scores and votes that do not depend on models."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from reassess.aggregation import (
    METHODS,
    Goal,
    LabelResampler,
    MeasuredCurve,
    calibrated_recipe,
    find_label_resampler,
    golden_truth,
    imagenet_real_scores,
    likely_recipes,
    measure_curves,
    operating_point,
    parse_method,
    select_golden_votes,
    with_golden_votes,
)
from reassess.comparison.mistake_kinds import CoOccurrence, co_occurrence
from reassess.comparison.placement import measure_original_label_accuracy
from reassess.core import USUAL_THRESHOLD, Benchmark, Classes, LabelSets, Scores, Votes
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import DataError, MissingResult
from reassess.evaluation.evaluation_words import describe_rated_images
from reassess.numeric import Proportion
from reassess.text import Printable

SCORES_MISSING = MissingResult("scores are missing")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LabelFindings(Printable):
    """Results about the labels that models are evaluated with; `Findings` describes the fields."""

    labels: LabelSets
    original: LabelSets | None = None
    scores: Scores | None = None
    benchmark: Benchmark = field(default_factory=Benchmark)
    votes: Votes | None = None
    experts: Votes | None = None
    rater_golden_votes: Votes | None = None
    threshold: float = USUAL_THRESHOLD
    score_source: str = "scores"
    in_sample: bool | None = None
    groups: Mapping[int, str] | None = None

    @property
    def classes(self) -> Classes:
        """The classes of the labels."""
        return self.labels.classes

    @cached_property
    def _votes_behind_scores(self) -> Votes | None:
        """The raters' votes that made the scores, and golden votes on questions without other votes."""
        return None if self.votes is None else with_golden_votes(self.votes, self.rater_golden_votes, self.experts)

    @cached_property
    def scores_from_raters(self) -> Scores | MissingResult:
        """Scores from only the raters' votes, without original labels, by the benchmark's scoring method."""
        if self._votes_behind_scores is None:
            return MissingResult("votes are missing")
        if self._votes_behind_scores.classes is not None:
            return MissingResult("votes are for one class per image, not on (image, class) questions")
        if self.experts is None:
            return MissingResult("experts' answers to golden questions are missing, so raters cannot be measured")
        try:
            golden = select_golden_votes(self._votes_behind_scores, self.experts, self.rater_golden_votes)
            rules = self.benchmark.recipe or calibrated_recipe()
            recipe = calibrated_recipe(smoothing=rules.smoothing, pooling=rules.pooling)
            return imagenet_real_scores(self._votes_behind_scores, self.experts, golden, None, recipe=recipe)
        except DataError as error:
            return MissingResult.from_error(error)

    @cached_property
    def label_resampler(self) -> LabelResampler | MissingResult:
        """The resampler that computes the label sets again from resampled votes."""
        if isinstance(self.scores_from_raters, MissingResult):
            return self.scores_from_raters
        assert self._votes_behind_scores is not None
        assert self.experts is not None
        votes = (
            self._votes_behind_scores,
            self.experts,
            select_golden_votes(self._votes_behind_scores, self.experts, self.rater_golden_votes),
        )
        method = UNKNOWN_METHOD if self.scores is None else self.scores.method
        recipes = likely_recipes(self.benchmark.recipe, method)
        try:
            return find_label_resampler(self.labels, *votes, self.original, threshold=self.threshold, recipes=recipes)
        except DataError as error:
            known_method = METHODS.get(method.partition(", ")[0])
            if known_method is not None and "experts" not in known_method.required_options:
                return MissingResult(
                    f"raters can be resampled only for scores made by calibrated; these scores were made by {method}"
                )
            return MissingResult.from_error(error)

    @cached_property
    def precision_recall_curves(self) -> tuple[MeasuredCurve, ...] | MissingResult:
        """Precision-recall curves of the scores: in-sample and, if possible, out-of-sample.

        For out-of-sample scores, one golden image at a time is left out. This is skipped for EM, where it takes too
        long.
        """
        if self.scores is None:
            return SCORES_MISSING
        if self.experts is None:
            return MissingResult("golden answers are missing")
        try:
            first, *out_of_sample = self._measure_curves(self.scores, self.experts)
            goal = Goal("threshold", self.threshold)
            chosen = operating_point(first.curve, goal, self.scores, original=self.original)
        except DataError as error:
            return MissingResult.from_error(error)
        return replace(first, operating_point=chosen), *out_of_sample  # the threshold is marked only on the first curve

    def _measure_curves(self, scores: Scores, experts: Votes) -> tuple[MeasuredCurve, ...]:
        """Measure the curve of the scores, and the out-of-sample curve if possible."""
        golden = golden_truth(experts, scored_questions=[scores.questions])
        rated = self._votes_behind_scores
        if rated is not None:
            golden = golden.without_unrated_questions(rated, [scores])
        measure = partial(measure_curves, self.score_source, scores, golden, in_sample=self.in_sample)
        if rated is None or scores.method == UNKNOWN_METHOD or METHODS[parse_method(scores.method)[0]].uses_all_votes:
            return measure()
        try:
            golden_votes = select_golden_votes(rated, experts, self.rater_golden_votes)
            return measure(
                votes=rated, experts=experts, rater_golden=golden_votes, original=self.original, leave_out="image"
            )
        except DataError:  # for example votes on other items, or too few golden images
            return measure()

    @property
    def _rater_scores_or_none(self) -> Scores | None:
        """The scores from only the raters' votes, without original labels; None if they cannot be computed."""
        return None if isinstance(self.scores_from_raters, MissingResult) else self.scores_from_raters

    @property
    def _original_label_groups(self) -> Mapping[int, str] | None:
        """The group of each class, for results by group of the original label."""
        if self.groups is not None:
            return self.groups
        return self.benchmark.find_class_groups(self.classes) or self.benchmark.default_groups

    @cached_property
    def co_occurrence(self) -> CoOccurrence:
        """Pairs of classes that are valid for the same images."""
        return co_occurrence(self.labels)

    @cached_property
    def original_label_accuracy(self) -> Proportion | None:
        """ReaL accuracy of the original labels, over images that also have a nonempty label set."""
        return None if self.original is None else measure_original_label_accuracy(self.labels, self.original)

    @cached_property
    def rated_images_text(self) -> str:
        """Sentence with the number of rated images, if unrated images keep their original label; otherwise ""."""
        match = self.benchmark.match or "path"
        return describe_rated_images(self.labels, self.original, self.scores, match=match)

    @property
    def original_label_percent(self) -> float | None:
        """ReaL accuracy of the original labels, in percent."""
        value = None if self.original_label_accuracy is None else self.original_label_accuracy.value
        return None if value is None else 100 * value
