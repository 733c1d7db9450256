"""All that is known of some models, from which a page and its charts are made; each part is found when first used."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import PurePath

import numpy as np
import numpy.typing as npt

from reassess.aggregation.operating_points import MeasuredCurve
from reassess.aggregation.relabelling import Relabelling
from reassess.comparison.label_uncertainty import LabelUncertainty, label_uncertainty
from reassess.comparison.labelling_bias import LabellingBias, labelling_biases
from reassess.comparison.model_or_label import Preference, preferences
from reassess.comparison.pairs import NO_ORIGINAL, Comparison, compare
from reassess.comparison.panel import Panel
from reassess.comparison.placement import Placement, place
from reassess.comparison.ranking import Ranking, rank_models
from reassess.comparison.taxonomy import Taxonomy, taxonomies
from reassess.comparison.trends import Trend, trend
from reassess.core.classes import Classes
from reassess.core.image_names import join
from reassess.core.labels import LabelSets
from reassess.core.leaderboard import Entry, Leaderboard
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.evaluation.result import Evaluation
from reassess.numeric.proportion import Proportion

__all__ = ["Findings", "short_names"]

_EVERY_PAIR = 4  # models of which every pair is compared; of more, neighbours in the ranking
_NONE_SCORED = "no image is scored"


@dataclass(frozen=True, eq=False)
class Findings:
    """Models, and what they are judged by; a text says why a part is missing.

    Parameters
    ----------
    evaluations
        The evaluation of each model, the best first.
    panel
        The same models on the images that all have seen.
    files
        The file of each model.
    labels, original, scores
        What the models are judged by.
    votes, experts, raters
        The raters' votes, the experts' answers, and what the raters alone make of the votes.
    again
        How the labels follow from the votes.
    curves
        Precision and recall of the scores; and of the same made again without the image that is judged.
    board
        A public leaderboard.
    collapsed, groups
        As for `reassess.comparison.taxonomy.taxonomies`.
    """

    evaluations: Mapping[str, Evaluation]
    panel: Panel
    files: Mapping[str, str]
    labels: LabelSets
    original: LabelSets | None = None
    scores: Scores | None = None
    votes: Votes | None = None
    experts: Votes | None = None
    raters: Scores | None = None
    again: Relabelling | str = "no votes are at hand"
    curves: tuple[MeasuredCurve, ...] | str = "no golden answers are at hand"
    board: Leaderboard | str = "no leaderboard was given"
    collapsed: npt.NDArray[np.integer] | None = None
    groups: Mapping[int, str] | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """The models, the best first."""
        return tuple(self.evaluations)

    @property
    def classes(self) -> Classes:
        """The classes of the labels."""
        return self.labels.classes

    @property
    def topk(self) -> list[int]:
        """Every k for which hits were counted."""
        return sorted({k for result in self.evaluations.values() for k in result.real})

    @cached_property
    def ranking(self) -> Ranking | str:
        """The models in order of ReaL accuracy, with intervals of their ranks."""
        if len(self.models) < 2:
            return "there is one model"
        return rank_models(self.panel) if self.panel.scored.any() else _NONE_SCORED

    @cached_property
    def pairs(self) -> tuple[Comparison, ...] | str:
        """Every two models compared, the better one first; of many, neighbours in the ranking."""
        if isinstance(self.ranking, str):
            return self.ranking
        if len(self.models) > _EVERY_PAIR:
            return self.ranking.neighbours
        return tuple(compare(self.panel, a, b) for a, b in combinations(self.ranking.models, 2))

    @cached_property
    def unsure(self) -> LabelUncertainty | str:
        """What is left of the accuracies if the raters too are drawn anew."""
        if isinstance(self.again, str):
            return self.again
        return label_uncertainty(self.panel, self.again) if self.panel.scored.any() else _NONE_SCORED

    @cached_property
    def taxonomies(self) -> tuple[Taxonomy, ...]:
        """The mistakes of each model by kind."""
        each = taxonomies(self.panel, self.labels, scores=self.scores, collapsed=self.collapsed, groups=self.groups)
        found = {one.model: one for one in each}
        return tuple(found[model] for model in self.models)

    @cached_property
    def preferences(self) -> tuple[Preference, ...] | str:
        """Whose class is preferred, each model's or the original label's."""
        if self.original is None or not self.panel.original_known.any():
            return NO_ORIGINAL
        if self.scores is None:
            return "no scores are at hand"
        found = {one.model: one for one in preferences(self.panel, self.original, self.scores, self.raters)}
        return tuple(found[model] for model in self.models)

    @cached_property
    def biases(self) -> tuple[LabellingBias, ...] | str:
        """How often each model says the original label where others are valid too."""
        if self.original is None or not self.panel.original_known.any():
            return NO_ORIGINAL
        found = {one.model: one for one in labelling_biases(self.panel, self.labels, self.original)}
        return tuple(found[model] for model in self.models)

    @cached_property
    def level(self) -> Proportion | None:
        """ReaL accuracy of the original labels themselves, over all images that have both."""
        if self.original is None:
            return None
        rows = join(self.labels.images, self.original.images, known_where="the original labels")
        scored = np.flatnonzero((rows >= 0) & (self.labels.sizes > 0))
        valid, sizes = self.labels.of_rows(scored)
        own = self.original.indices[self.original.indptr[rows[scored]]]
        return Proportion(int(np.count_nonzero(valid == np.repeat(own, sizes))), scored.size)

    @property
    def level_percent(self) -> float | None:
        """The same in percent."""
        value = None if self.level is None else self.level.value
        return None if value is None else 100 * value

    @cached_property
    def trend(self) -> Trend | str:
        """The lines of the leaderboard."""
        return self.board if isinstance(self.board, str) else trend(self.board)

    @cached_property
    def placements(self) -> tuple[Placement, ...]:
        """Where the models stand on the leaderboard."""
        if isinstance(self.board, str):
            return ()
        return tuple(place(self.board, entry) for entry in self._entries())

    def _entries(self) -> list[Entry]:
        entries = []
        for model, result in self.evaluations.items():
            original = (result.original or {}).get(1)
            real = result.real.get(1)
            if original is not None and real is not None and original.value is not None and real.value is not None:
                entries.append(Entry(model, 100 * original.value, 100 * real.value))
        return entries


def short_names(files: list[str]) -> dict[str, str]:
    """A name for the model of each file: its file name without the suffix, or, if two share one, the whole path.

    >>> short_names(["runs/a.npz", "runs/b.npz", "old/b.npz"])
    {'runs/a.npz': 'a', 'runs/b.npz': 'runs/b.npz', 'old/b.npz': 'old/b.npz'}
    """
    stems = [PurePath(file).stem for file in files]
    return {file: stem if stems.count(stem) == 1 else file for file, stem in zip(files, stems, strict=True)}
