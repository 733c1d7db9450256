"""All that is found of some models: what `reassess compare`, the report and its charts show."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregate import METHODS, parse_method
from reassess.aggregation.golden import golden_truth
from reassess.aggregation.golden_items import golden_part, with_golden_votes
from reassess.aggregation.measured_curves import MeasuredCurve, measure_curves
from reassess.aggregation.recipe import calibrated_recipe, real_scores
from reassess.aggregation.relabelling import Relabelling, likely_recipes, relabel
from reassess.aggregation.thresholds import Goal, operating_point
from reassess.comparison.co_occurrence import CoOccurrence, co_occurrence
from reassess.comparison.differences import EveryPair, every_pair
from reassess.comparison.label_uncertainty import LabelUncertainty, label_uncertainty
from reassess.comparison.labelling_bias import LabellingBias, labelling_biases
from reassess.comparison.model_or_label import Preference, preferences
from reassess.comparison.pairs import NO_ORIGINAL, Comparison, compare
from reassess.comparison.panel import Panel
from reassess.comparison.placement import Placement, original_level, place
from reassess.comparison.ranking import Ranking, rank_models
from reassess.comparison.taxonomy import Taxonomy, taxonomies
from reassess.comparison.trends import Trend, trend
from reassess.core.benchmark import USUAL_THRESHOLD, Benchmark, benchmark_of
from reassess.core.checks import check_unique
from reassess.core.classes import Classes
from reassess.core.image_names import Match
from reassess.core.labels import LabelSets
from reassess.core.leaderboard import Entry, Leaderboard
from reassess.core.predictions import Predictions
from reassess.core.scores import UNKNOWN_METHOD, Scores
from reassess.core.votes import Votes
from reassess.errors import DataError, Missing, ReassessWarning, at
from reassess.evaluation.class_list import ClassList
from reassess.evaluation.class_list_search import find_class_list
from reassess.evaluation.evaluation_words import FIX_CLASS_LIST, class_list_in_words, heading
from reassess.evaluation.measure import find_outcomes, summarize
from reassess.evaluation.outcomes import Outcomes
from reassess.evaluation.result import NONE_SCORED, Evaluation
from reassess.numeric.proportion import Proportion
from reassess.text import Listed, Shown

__all__ = ["Findings"]

_MOST_MODELS = 100  # of which every pair is compared; of more, neighbours in the ranking
_NONE_SCORED = Missing(NONE_SCORED)
_NO_SCORES = Missing("no scores are at hand")
_NO_LABELS = Missing(NO_ORIGINAL)
_NO_LEADERBOARD = Missing("no leaderboard was given")


@dataclass(frozen=True, eq=False, repr=False)
class Findings(Shown):
    """Models on the same images, and what judges them. Each part is found when it is first used.

    Parameters
    ----------
    panel
        The models on the images that all have seen.
    labels, original, scores
        What the models are judged by.
    evaluations
        The evaluation of each model on its own images, the best in the panel first; empty where only the panel counts.
    class_lists
        The class list to which a model's ids belong, of each model of which the images confirm another one.
    benchmark
        Whose images they are.
    votes, experts, rater_golden
        The raters' votes, the experts' votes on golden questions, and the raters' votes on these; by default the
        latter are among the votes. Golden questions without other votes count by these, see
        `reassess.with_golden_votes`.
    threshold
        At which the label sets were cut from the scores.
    score_source
        What the scores are called.
    in_sample
        Whether the experts' votes are known to have made the scores, where neither these nor the votes say so.
    leaderboard
        Public results.
    collapsed
        As for `reassess.taxonomies`.
    groups
        The group of each class, for kinds of mistakes and for results given apart; the latter are given by the
        benchmark's own groups by default.
    replicates
        How many bootstrap replicates of images, and as many of images and raters, are drawn.
    seed
        Of the draws.
    track
        Passes on the numbers of replicates that draw raters, so that progress can be shown.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [1], [1]])
    >>> models = {"one": Predictions.from_ids([2, 1, 1]), "two": Predictions.from_ids([1, 1, 0])}
    >>> findings = Findings.from_predictions(models, labels)
    >>> findings.models, findings.ranking.real
    (('one', 'two'), (Proportion(hits=3, n=3), Proportion(hits=1, n=3)))
    >>> findings.uncertainty
    Missing(why='no votes are at hand')
    """

    panel: Panel
    labels: LabelSets
    original: LabelSets | None = None
    scores: Scores | None = None
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    class_lists: Mapping[str, ClassList] = field(default_factory=dict)
    benchmark: Benchmark = field(default_factory=Benchmark)
    votes: Votes | None = None
    experts: Votes | None = None
    rater_golden: Votes | None = None
    threshold: float = USUAL_THRESHOLD
    score_source: str = "scores"
    in_sample: bool | None = None
    leaderboard: Leaderboard | None = None
    collapsed: npt.NDArray[np.integer] | None = None
    groups: Mapping[int, str] | None = None
    replicates: int = 1000
    seed: int = 0
    track: Callable[[Sequence[int]], Iterable[int]] = iter

    @classmethod
    def from_predictions(
        cls,
        models: Mapping[str, Predictions] | Iterable[tuple[str, Predictions]],
        labels: LabelSets,
        *,
        original: LabelSets | None = None,
        scores: Scores | None = None,
        benchmark: Benchmark | None = None,
        votes: Votes | None = None,
        experts: Votes | None = None,
        rater_golden: Votes | None = None,
        threshold: float = threshold,
        score_source: str = score_source,
        in_sample: bool | None = None,
        leaderboard: Leaderboard | None = None,
        collapsed: npt.NDArray[np.integer] | None = None,
        groups: Mapping[int, str] | None = None,
        replicates: int = replicates,
        seed: int = seed,
        track: Callable[[Sequence[int]], Iterable[int]] = iter,
        match: Match = "path",
        ignore_unknown: bool = False,
    ) -> "Findings":
        """Evaluate models and put them on the images that all have seen.

        A model whose ids are those of another class list is measured as it is, with a `ReassessWarning`.

        Parameters
        ----------
        models
            Predictions by the model's name. Of (name, predictions) pairs one is held at a time.
        labels, original, scores, experts, benchmark, match, ignore_unknown
            As for `reassess.evaluate`.
        votes, rater_golden, threshold, score_source, in_sample, leaderboard, collapsed, groups
            What else is known, see `Findings`.
        replicates, seed, track
            How the bootstrap is drawn, see `Findings`.

        Raises
        ------
        DataError
            As for `reassess.evaluate`; no image is common to all models.
        """
        benchmark = benchmark_of(labels.images) if benchmark is None else benchmark
        outcomes, evaluations, class_lists = _evaluate_each(
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
        hits = dict(zip(panel.models, np.count_nonzero(panel.valid, axis=1).tolist(), strict=True))
        return cls(
            panel=panel,
            labels=labels,
            original=original,
            scores=scores,
            evaluations={model: evaluations[model] for model in sorted(hits, key=lambda model: (-hits[model], model))},
            class_lists=class_lists,
            benchmark=benchmark,
            votes=votes,
            experts=experts,
            rater_golden=rater_golden,
            threshold=threshold,
            score_source=score_source,
            in_sample=in_sample,
            leaderboard=leaderboard,
            collapsed=collapsed,
            groups=groups,
            replicates=replicates,
            seed=seed,
            track=track,
        )

    @property
    def _headline(self) -> str:
        return f"Findings({len(self.models):,} models, {len(self.panel.images):,} images)"

    def _list(self) -> Listed:
        panel = self.panel
        hits = dict(zip(panel.models, panel.valid.sum(axis=1).tolist(), strict=True))
        real = {model: Proportion(hits[model], int(np.count_nonzero(panel.scored))) for model in self.models}
        return Listed(
            ("model", f"{heading(self.labels.title)} top-1"),
            len(real),
            ((model, str(one)) for model, one in real.items()),
        )

    @property
    def models(self) -> tuple[str, ...]:
        """The models: the best first, or as in the panel where there are no evaluations."""
        return tuple(self.evaluations) or self.panel.models

    @property
    def classes(self) -> Classes:
        """The classes of the labels."""
        return self.labels.classes

    @property
    def top_k(self) -> list[int]:
        """Every k for which hits were counted."""
        return sorted({k for evaluation in self.evaluations.values() for k in evaluation.real})

    @cached_property
    def ranking(self) -> Ranking | Missing:
        """The models in order of ReaL accuracy, with intervals of their ranks."""
        if len(self.models) < 2:
            return Missing("there is one model")
        if not self.panel.scored.any():
            return _NONE_SCORED
        return rank_models(self.panel, tests=self.tests, replicates=self.replicates, seed=self.seed)

    @cached_property
    def pairs(self) -> tuple[Comparison, ...]:
        """Every two models compared, in the order of the panel; of many, neighbours in the ranking."""
        models = self.panel.models
        if len(models) > _MOST_MODELS and not isinstance(self.ranking, Missing):
            return self.ranking.neighbours
        return tuple(self.compare(a, b) for a, b in combinations(models, 2))

    @cached_property
    def tests(self) -> EveryPair:
        """Every two models tested, over raters too where these can be drawn anew, and corrected for their number."""
        return every_pair(self.panel, None if isinstance(self.uncertainty, Missing) else self.uncertainty)

    def compare(self, a: str, b: str) -> Comparison:
        """Two of the models compared, by these tests."""
        return compare(self.panel, a, b, among=self.tests)

    @cached_property
    def uncertainty(self) -> LabelUncertainty | Missing:
        """What is left of the accuracies if the raters are drawn anew too."""
        if isinstance(self.raters_alone, Missing):
            return self.raters_alone
        if not self.panel.scored.any():
            return _NONE_SCORED
        if isinstance(self.relabelling, Missing):
            return self.relabelling
        drawn: dict[str, Any] = {"replicates": self.replicates, "seed": self.seed, "track": self.track}
        return label_uncertainty(self.panel, self.relabelling, **drawn)

    @cached_property
    def _rated(self) -> Votes | None:
        """The raters' votes, of which the scores were made."""
        return None if self.votes is None else with_golden_votes(self.votes, self.rater_golden, self.experts)

    @cached_property
    def raters_alone(self) -> Scores | Missing:
        """The scores that the raters' votes give without the original label, by matrices like the benchmark's."""
        if self._rated is None:
            return Missing("no votes are at hand")
        if self._rated.classes is not None:
            return Missing("the votes are for one class an image, and not on (image, class) questions")
        if self.experts is None:
            return Missing("no golden answers are at hand, on which to measure the raters")
        try:
            golden = golden_part(self._rated, self.experts, self.rater_golden)
            rules = self.benchmark.recipe or calibrated_recipe()
            recipe = calibrated_recipe(smoothing=rules.smoothing, pooling=rules.pooling)
            return real_scores(self._rated, self.experts, golden, None, recipe=recipe)
        except DataError as error:
            return Missing.because(error)

    @cached_property
    def relabelling(self) -> Relabelling | Missing:
        """How the label sets follow from the votes."""
        if isinstance(self.raters_alone, Missing):
            return self.raters_alone
        assert self._rated is not None
        assert self.experts is not None
        votes = self._rated, self.experts, golden_part(self._rated, self.experts, self.rater_golden)
        recipes = likely_recipes(self.benchmark.recipe)
        try:
            return relabel(self.labels, *votes, self.original, threshold=self.threshold, recipes=recipes)
        except DataError as error:
            return Missing.because(error)

    @cached_property
    def curves(self) -> tuple[MeasuredCurve, ...] | Missing:
        """Precision and recall of the scores.

        Where it is known how they follow from votes and golden answers, they are made again without the image that is
        judged, too; but for those of EM, which would take long.
        """
        if self.scores is None:
            return _NO_SCORES
        if self.experts is None:
            return Missing("no golden answers are at hand")
        try:
            first, *again = self._measured(self.scores, self.experts)
            goal = Goal("threshold", self.threshold)
            chosen = operating_point(first.curve, goal, self.scores, original=self.original)
        except DataError as error:
            return Missing.because(error)
        return replace(first, chosen=chosen), *again  # the threshold was not chosen on the others

    def _measured(self, scores: Scores, experts: Votes) -> tuple[MeasuredCurve, ...]:
        """The curve of the scores, and if they can be made again, of those made without the judged image."""
        golden = golden_truth(experts, among=[scores.questions])
        rated = self._rated
        if rated is not None:
            golden = golden.without_unrated(rated, [scores])
        measure = partial(measure_curves, self.score_source, scores, golden, in_sample=self.in_sample)
        if rated is None or scores.method == UNKNOWN_METHOD or METHODS[parse_method(scores.method)[0]].of_all_votes:
            return measure()
        try:
            golden_votes = golden_part(rated, experts, self.rater_golden)
            return measure(
                votes=rated,
                experts=experts,
                rater_golden=golden_votes,
                original=self.original,
                leave_out="image",
            )
        except DataError:  # such as votes on other items, or too few golden images
            return measure()

    @cached_property
    def taxonomies(self) -> tuple[Taxonomy, ...]:
        """The mistakes of each model by kind."""
        by_kind = taxonomies(
            self.panel,
            self.labels,
            scores=self.scores,
            experts=self.experts,
            collapsed=self.collapsed,
            groups=self.groups,
        )
        by_model = {one.model: one for one in by_kind}
        return tuple(by_model[model] for model in self.models)

    @cached_property
    def preferences(self) -> tuple[Preference, ...] | Missing:
        """Whose class is preferred, each model's or the original label's."""
        if self.original is None or not self.panel.original_known.any():
            return _NO_LABELS
        if self.scores is None:
            return _NO_SCORES
        found = preferences(self.panel, self.original, self.scores, self._alone, groups=self._label_groups)
        by_model = {one.model: one for one in found}
        return tuple(by_model[model] for model in self.models)

    @cached_property
    def biases(self) -> tuple[LabellingBias, ...] | Missing:
        """How often each model says the original label where other classes are valid too."""
        if self.original is None or not self.panel.original_known.any():
            return _NO_LABELS
        found = labelling_biases(self.panel, self.labels, self.original, self._alone, groups=self._label_groups)
        by_model = {one.model: one for one in found}
        return tuple(by_model[model] for model in self.models)

    @property
    def _alone(self) -> Scores | None:
        return None if isinstance(self.raters_alone, Missing) else self.raters_alone

    @property
    def _label_groups(self) -> Mapping[int, str] | None:
        """The groups by whose original labels results are given apart."""
        return self.benchmark.groups if self.groups is None else self.groups

    @cached_property
    def co_occurrence(self) -> CoOccurrence:
        """Which classes are valid together."""
        return co_occurrence(self.labels)

    @cached_property
    def level(self) -> Proportion | None:
        """ReaL accuracy of the original labels themselves, over all images that have both."""
        return None if self.original is None else original_level(self.labels, self.original)

    @property
    def level_percent(self) -> float | None:
        """The same in percent."""
        value = None if self.level is None else self.level.value
        return None if value is None else 100 * value

    @cached_property
    def trend(self) -> Trend | Missing:
        """The lines of the leaderboard."""
        return _NO_LEADERBOARD if self.leaderboard is None else trend(self.leaderboard)

    @cached_property
    def placements(self) -> tuple[Placement, ...]:
        """Where the models stand on the leaderboard."""
        if self.leaderboard is None:
            return ()
        entries = []
        for model, evaluation in self.evaluations.items():
            original, real = evaluation.original_accuracy(1), evaluation.real.get(1)
            if original is not None and real is not None and original.value is not None and real.value is not None:
                entries.append(Entry(model=model, original=100 * original.value, real=100 * real.value))
        return tuple(place(self.leaderboard, entry) for entry in entries)


def _evaluate_each(
    models: Iterable[tuple[str, Predictions]],
    labels: LabelSets,
    *,
    original: LabelSets | None,
    scores: Scores | None,
    experts: Votes | None,
    **joining: Any,
) -> tuple[dict[str, Outcomes], dict[str, Evaluation], dict[str, ClassList]]:
    """Outcomes and evaluation of each model on its own images; and the class list of each whose ids are of another one.

    Parameters are those of `Findings.from_predictions`; `joining` says whose the images are, and how they are joined.
    """
    outcomes: dict[str, Outcomes] = {}
    evaluations: dict[str, Evaluation] = {}
    class_lists: dict[str, ClassList] = {}
    for name, predictions in models:
        check_unique([*outcomes, name], thing="a model")
        with at(name):
            outcomes[name] = find_outcomes(
                predictions,
                labels,
                original=original,
                scores=scores,
                called=name,
                any_class_list=True,
                **joining,
            )
            evaluations[name] = summarize(outcomes[name], labels, scores=scores, experts=experts)
        other = find_class_list(outcomes[name], labels, original)
        if other is not None:
            class_lists[name] = other
            words = f"{name}: {class_list_in_words(other, labels.classes)}"
            warnings.warn(ReassessWarning(words, FIX_CLASS_LIST), stacklevel=3)
    return outcomes, evaluations, class_lists
