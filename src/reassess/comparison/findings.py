"""All results about models that `reassess compare`, the report and its charts show."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.differences import PairwiseTests, compare_every_pair
from reassess.comparison.label_findings import SCORES_MISSING, LabelFindings
from reassess.comparison.label_uncertainty import LabelUncertainty, label_uncertainty
from reassess.comparison.labelling_bias import LabellingBias, labelling_biases
from reassess.comparison.mistake_kinds import ClassifiedMistakes, classify_mistakes
from reassess.comparison.model_or_label import ModelDisagreements, model_or_label_preferences
from reassess.comparison.pairs import ORIGINAL_LABELS_MISSING, Comparison, compare
from reassess.comparison.panel import Panel
from reassess.comparison.placement import Placement, place_models
from reassess.comparison.ranking import Ranking, rank_models
from reassess.comparison.trends import Trend, fit_trend
from reassess.core import (
    Benchmark,
    LabelSets,
    Leaderboard,
    LeaderboardRow,
    Match,
    Predictions,
    Scores,
    Votes,
    find_predefined_benchmark,
)
from reassess.core.checks import check_unique
from reassess.errors import MissingResult, add_error_place
from reassess.evaluation import Evaluation, FoundClassList, Outcomes, find_class_list, find_outcomes, summarize
from reassess.evaluation.evaluation_words import shorten_label_set_name, warn_if_other_class_list
from reassess.evaluation.result import NONE_SCORED
from reassess.numeric import Proportion
from reassess.text import ListTable

_MAX_MODELS_FOR_ALL_PAIRS = 100  # with more models, only neighbours in the ranking are compared
_NONE_SCORED = MissingResult(NONE_SCORED)
_ORIGINAL_LABELS_MISSING = MissingResult(ORIGINAL_LABELS_MISSING)
_NO_VALID_CHOICES = MissingResult(
    "on images whose original label is one of several valid classes, no model predicts a valid class"
)
_LEADERBOARD_MISSING = MissingResult("a leaderboard is missing")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Findings(LabelFindings):
    """Results about models on the same images, and about the labels; each is computed when it is first used.

    Parameters
    ----------
    panel
        The models on the images that they share.
    labels, original, scores
        The labels and scores by which the models are evaluated.
    evaluations
        The evaluation of each model on its own images, the best in the panel first; empty if only the panel is given.
    class_lists
        The class list of each model whose ids are from another list.
    benchmark
        The benchmark of the images.
    votes, experts, rater_golden_votes
        The raters' votes, the experts' votes on golden questions, and the raters' golden votes, if they are in a
        separate file. Golden questions without other votes use them, see `reassess.with_golden_votes`.
    threshold
        Threshold of the label sets.
    score_source
        Name of the scores.
    in_sample
        Whether the scores were made with the experts' votes, if the files do not record it.
    leaderboard
        Public results.
    collapsed_pairs
        As for `reassess.classify_mistakes`; by default the benchmark's.
    groups
        The group of each class, for kinds of mistakes and for results by group; by default the benchmark's.
    replicates
        Number of bootstrap replicates of images, and of images and raters.
    seed
        Seed of the replicates.
    show_progress
        A function that wraps the iterable over blocks of replicates that resample raters, to show progress.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [1], [1]])
    >>> models = {"one": Predictions.from_ids([2, 1, 1]), "two": Predictions.from_ids([1, 1, 0])}
    >>> findings = Findings.from_predictions(models, labels)
    >>> findings.models, findings.ranking.real_accuracies
    (('one', 'two'), (Proportion(hits=3, n=3), Proportion(hits=1, n=3)))
    >>> findings.uncertainty
    MissingResult(reason='votes are missing')
    """

    panel: Panel
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    class_lists: Mapping[str, FoundClassList] = field(default_factory=dict)
    leaderboard: Leaderboard | None = None
    collapsed_pairs: npt.NDArray[np.integer] | None = None
    replicates: int = 1000
    seed: int = 0
    show_progress: Callable[[Sequence[int]], Iterable[int]] = iter

    @classmethod
    def from_predictions(
        cls,
        models: Mapping[str, Predictions] | Iterable[tuple[str, Predictions]],
        labels: LabelSets,
        *,
        original: LabelSets | None = None,
        scores: Scores | None = None,
        benchmark: Benchmark | None = None,
        experts: Votes | None = None,
        match: Match | None = None,
        ignore_unknown: bool = False,
        **findings_fields: Any,
    ) -> "Findings":
        """Evaluate models, and find the images that they share.

        If a model's ids are from another class list, they are not converted, and a `ReassessWarning` is given.

        Parameters
        ----------
        models
            Predictions by the model's name; or (name, predictions) pairs, one in memory at a time.
        labels, original, scores, experts, benchmark, match, ignore_unknown
            As for `reassess.evaluate`.
        **findings_fields
            Other fields of `Findings`, such as `votes`, `leaderboard` and `seed`. By default the threshold is the
            benchmark's, if it has one.

        Raises
        ------
        DataError
            As for `reassess.evaluate`; or the models share no image.
        """
        benchmark = find_predefined_benchmark(labels.images) if benchmark is None else benchmark
        outcomes, evaluations, class_lists = _evaluate_models(
            models.items() if isinstance(models, Mapping) else models,
            labels,
            original=original,
            scores=scores,
            experts=experts,
            benchmark=benchmark,
            match=match,
            ignore_unknown=ignore_unknown,
        )
        panel = Panel.from_outcomes(outcomes)
        if benchmark.threshold is not None:
            findings_fields.setdefault("threshold", benchmark.threshold)
        hits = dict(zip(panel.models, np.count_nonzero(panel.is_valid, axis=1).tolist(), strict=True))
        return cls(
            panel=panel,
            labels=labels,
            original=original,
            scores=scores,
            evaluations={model: evaluations[model] for model in sorted(hits, key=lambda model: (-hits[model], model))},
            class_lists=class_lists,
            benchmark=benchmark,
            experts=experts,
            **findings_fields,
        )

    @property
    def _headline(self) -> str:
        return f"Findings({len(self.models):,} models, {len(self.panel.images):,} images)"

    def _notebook_table(self) -> ListTable:
        panel = self.panel
        hits = dict(zip(panel.models, panel.is_valid.sum(axis=1).tolist(), strict=True))
        real = {model: Proportion(hits[model], int(np.count_nonzero(panel.is_scored))) for model in self.models}
        return ListTable(
            ("model", f"{shorten_label_set_name(self.labels.title)} top-1"),
            len(real),
            ((model, str(accuracy)) for model, accuracy in real.items()),
        )

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models, the best first; if there are no evaluations, in the order of the panel."""
        return tuple(self.evaluations) or self.panel.models

    @property
    def top_k(self) -> list[int]:
        """The values of k for which there are top-k accuracies, ascending."""
        return sorted({k for evaluation in self.evaluations.values() for k in evaluation.real_accuracy})

    @cached_property
    def ranking(self) -> Ranking | MissingResult:
        """Models in order of ReaL accuracy, with intervals of their ranks."""
        if len(self.models) < 2:
            return MissingResult("there is only one model")
        if not self.panel.is_scored.any():
            return _NONE_SCORED
        return rank_models(self.panel, tests=self.pairwise_tests, replicates=self.replicates, seed=self.seed)

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Comparisons of all pairs of models; with more than 100 models, only of neighbours in the ranking."""
        models = self.panel.models
        if len(models) > _MAX_MODELS_FOR_ALL_PAIRS and not isinstance(self.ranking, MissingResult):
            return self.ranking.neighbours
        return tuple(self.compare(a, b) for a, b in combinations(models, 2))

    @cached_property
    def pairwise_tests(self) -> PairwiseTests:
        """Tests of all pairs of models, with Holm's correction; if possible, they account for the choice of raters."""
        return compare_every_pair(self.panel, None if isinstance(self.uncertainty, MissingResult) else self.uncertainty)

    def compare(self, a: str, b: str) -> Comparison:
        """Compare two models, with p-values corrected for all pairs."""
        return compare(self.panel, a, b, tests=self.pairwise_tests)

    @cached_property
    def uncertainty(self) -> LabelUncertainty | MissingResult:
        """Accuracies of the models in bootstrap samples of images and raters."""
        if isinstance(self.scores_from_raters, MissingResult):
            return self.scores_from_raters
        if not self.panel.is_scored.any():
            return _NONE_SCORED
        if isinstance(self.label_resampler, MissingResult):
            return self.label_resampler
        return label_uncertainty(
            self.panel,
            self.label_resampler,
            replicates=self.replicates,
            seed=self.seed,
            show_progress=self.show_progress,
        )

    @cached_property
    def classified_mistakes(self) -> tuple[ClassifiedMistakes, ...]:
        """Mistakes of each model by kind."""
        by_kind = classify_mistakes(
            self.panel,
            self.labels,
            scores=self.scores,
            experts=self.experts,
            benchmark=self.benchmark,
            collapsed_pairs=self.collapsed_pairs,
            groups=self.groups,
        )
        by_model = {mistakes.model: mistakes for mistakes in by_kind}
        return tuple(by_model[model] for model in self.models)

    @cached_property
    def model_or_label_preferences(self) -> tuple[ModelDisagreements, ...] | MissingResult:
        """How often raters prefer each model's class to the original label."""
        if self.original is None or not self.panel.has_original_label.any():
            return _ORIGINAL_LABELS_MISSING
        if self.scores is None:
            return SCORES_MISSING
        results = model_or_label_preferences(
            self.panel, self.original, self.scores, self._rater_scores_or_none, groups=self._original_label_groups
        )
        by_model = {result.model: result for result in results}
        return tuple(by_model[model] for model in self.models)

    @cached_property
    def labelling_biases(self) -> tuple[LabellingBias, ...] | MissingResult:
        """How often each model picks the original label if several classes are valid."""
        if self.original is None or not self.panel.has_original_label.any():
            return _ORIGINAL_LABELS_MISSING
        results = labelling_biases(
            self.panel, self.labels, self.original, self._rater_scores_or_none, groups=self._original_label_groups
        )
        if not any(result.total.original_pick_share.n for result in results):
            return _NO_VALID_CHOICES
        by_model = {result.model: result for result in results}
        return tuple(by_model[model] for model in self.models)

    @cached_property
    def trend(self) -> Trend | MissingResult:
        """Trend lines of the leaderboard."""
        return _LEADERBOARD_MISSING if self.leaderboard is None else fit_trend(self.leaderboard)

    @cached_property
    def leaderboard_placements(self) -> tuple[Placement, ...]:
        """Positions of the models on the leaderboard."""
        if self.leaderboard is None:
            return ()
        entries = []
        for model, evaluation in self.evaluations.items():
            original, real = evaluation.original_accuracy_at(1), evaluation.real_accuracy.get(1)
            if original is not None and real is not None and original.value is not None and real.value is not None:
                entries.append(
                    LeaderboardRow(
                        model=model, original_accuracy=100 * original.value, reassessed_accuracy=100 * real.value
                    )
                )
        return place_models(self.leaderboard, entries)


def _evaluate_models(
    models: Iterable[tuple[str, Predictions]],
    labels: LabelSets,
    *,
    original: LabelSets | None,
    scores: Scores | None,
    experts: Votes | None,
    **options: Any,
) -> tuple[dict[str, Outcomes], dict[str, Evaluation], dict[str, FoundClassList]]:
    """Evaluate each model on its own images; also return each class list that differs from the labels'."""
    outcomes: dict[str, Outcomes] = {}
    evaluations: dict[str, Evaluation] = {}
    class_lists: dict[str, FoundClassList] = {}
    for name, predictions in models:
        check_unique([*outcomes, name], value_name="a model")
        with add_error_place(name):
            outcomes[name] = find_outcomes(
                predictions, labels, original=original, scores=scores, name=name, allow_other_class_list=True, **options
            )
            evaluations[name] = summarize(outcomes[name], labels, scores=scores, experts=experts)
        class_list = find_class_list(outcomes[name], labels, original)
        if class_list is not None:
            class_lists[name] = class_list
            warn_if_other_class_list(name, class_list, labels.classes, stacklevel=3)
    return outcomes, evaluations, class_lists
