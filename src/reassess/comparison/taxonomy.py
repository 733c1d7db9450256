"""What kind of mistake: each prediction outside a non-empty label set gets the first kind that fits.

1. collapsed: the predicted class is another name for a valid one, or includes it: a table of such classes is given.
2. co_occurring: the predicted class and a valid one are often valid together, on other images.
3. same_group: the predicted class and a valid one are of one group: groups of classes are given.
4. never_proposed: the image was rated, and nobody was asked about the predicted class.
5. never_rated: the image was never rated.
6. remaining: raters were asked, and rejected the predicted class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.co_occurrence import co_occurrence
from reassess.comparison.panel import Panel
from reassess.core.classes import Classes
from reassess.core.image_names import join
from reassess.core.labels import LabelSets
from reassess.core.scores import Scores
from reassess.evaluation.words import MISTAKES_IN_WORDS
from reassess.numeric.arrays import freeze, pair_keys

__all__ = ["ERROR_KINDS", "KINDS_IN_WORDS", "OFTEN", "Taxonomy", "taxonomies"]

ERROR_KINDS = ("collapsed", "co_occurring", "same_group", "never_proposed", "never_rated", "remaining")
KINDS_IN_WORDS = {
    "collapsed": "collapsed",
    "co_occurring": "co-occurring",
    "same_group": "same group",
    "never_proposed": MISTAKES_IN_WORDS["never_proposed"],
    "never_rated": MISTAKES_IN_WORDS["never_rated"],
    "remaining": "remaining",
}

# Of ReaL's pairs of classes that are valid together on three images of a random half, 77 % are so in the other half
# too; on two images, 59 %, and on one, 21 %.
OFTEN = 3

_OF_SCORES = ("never_proposed", "never_rated")
_Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """The mistakes of one model by kind.

    Parameters
    ----------
    model
        Name of the model.
    images
        Names of the images on which it is mistaken.
    predicted
        int32, shape (mistakes,): class id that the model puts first.
    kinds
        int8, shape (mistakes,): the first that fits, index into `ERROR_KINDS`.
    reasons
        Kinds for which nothing was looked up, and why.

    Examples
    --------
    >>> kinds = np.array([5, 0, 5], np.int8)
    >>> taxonomy = Taxonomy("one", ("a.png", "b.png", "c.png"), np.array([3, 1, 2], np.int32), kinds)
    >>> print(taxonomy)
    one: 3 mistakes: 1 collapsed, 0 co-occurring, 0 same group, 0 never proposed, 0 on images never rated, 2 remaining
    >>> taxonomy.examples("remaining", most=1)
    (('a.png', 3),)
    """

    model: str
    images: tuple[str, ...]
    predicted: _Ints
    kinds: npt.NDArray[np.int8]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        freeze(self, "predicted", "kinds")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> dict[str, int | None]:
        """Number of mistakes of each kind, None of a kind for which nothing was looked up; they add up to all."""
        counts = np.bincount(self.kinds, minlength=len(ERROR_KINDS)).tolist()
        return {kind: None if kind in self.reasons else n for kind, n in zip(ERROR_KINDS, counts, strict=True)}

    def examples(self, kind: str, *, most: int = 5) -> tuple[tuple[str, int], ...]:
        """The first few images of a kind, each with the predicted class."""
        rows = np.flatnonzero(self.kinds == ERROR_KINDS.index(kind))[:most].tolist()
        return tuple((self.images[row], int(self.predicted[row])) for row in rows)

    def __str__(self) -> str:
        words = (f"{n:,} {KINDS_IN_WORDS[kind]}" for kind, n in self.counts.items() if n is not None)
        return f"{self.model}: {len(self):,} mistakes: {', '.join(words)}"

    def to_json(self, classes: Classes, *, most: int = 5) -> dict[str, Any]:
        """The object that JSON documents hold, with at most so many examples of a kind; a null has its reason."""
        return {
            "file": self.model,
            "mistakes": len(self),
            **self.counts,
            **{f"{kind}_reason": why for kind, why in self.reasons.items()},
            "examples": {
                kind: [
                    {"image": image, "predicted": classes.named(class_id) if class_id >= 0 else None}
                    for image, class_id in self.examples(kind, most=most)
                ]
                for kind in ERROR_KINDS
            },
        }


def taxonomies(
    panel: Panel,
    labels: LabelSets,
    *,
    scores: Scores | None = None,
    collapsed: npt.NDArray[np.integer] | None = None,
    groups: Mapping[int, str] | None = None,
    often: int = OFTEN,
) -> tuple[Taxonomy, ...]:
    """For each model, its mistakes by the first kind that fits.

    Parameters
    ----------
    panel
        The models; their mistakes are first classes outside a label set that is not empty.
    labels
        The label sets with which the panel was made.
    scores
        The rated (image, class) pairs; without them, what nobody was asked about remains with the rest.
    collapsed
        Integers, shape (pairs, 2): an image of the first class is also one of the second. Classes that are one stand
        twice, in either order.
    groups
        The group of a class, by class id; a class may have none.
    often
        Two classes co-occur if so many label sets hold both.

    Returns
    -------
    tuple of Taxonomy, in the order of the models.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png", "d.png"], [[0, 2], [2], [1], []])
    >>> panel = Panel.from_predictions({"one": np.array([1, 0, 3, 3])}, labels)
    >>> print(taxonomies(panel, labels, groups={0: "cup", 1: "cup"}, often=1)[0])
    one: 3 mistakes: 1 co-occurring, 1 same group, 1 remaining
    """
    scores = None if scores is None else scores.in_classes(labels.classes)
    known = _Known.of(panel, labels, scores, collapsed, groups or {}, often)
    reasons = {} if scores is not None else dict.fromkeys(_OF_SCORES, "no scores are at hand")
    if collapsed is None:
        reasons["collapsed"] = "no table of collapsed classes is at hand"
    if groups is None:
        reasons["same_group"] = "no groups of classes are given"
    return tuple(
        _taxonomy(model, panel, labels, known, top1, np.flatnonzero(panel.scored & ~is_valid), reasons)
        for model, top1, is_valid in zip(panel.models, panel.top1, panel.valid, strict=True)
    )


@dataclass(frozen=True, eq=False)
class _Known:
    """What is looked up: keys of pairs of classes, the group of each class, and the rated pairs of each image."""

    collapsed: npt.NDArray[np.int64]
    co_occurring: npt.NDArray[np.int64]
    group_ids: npt.NDArray[np.int64]
    scores: Scores | None
    score_rows: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls,
        panel: Panel,
        labels: LabelSets,
        scores: Scores | None,
        collapsed: npt.NDArray[np.integer] | None,
        groups: Mapping[int, str],
        often: int,
    ) -> "_Known":
        pairs = co_occurrence(labels).at_least(often)
        classes = 1 + max(*groups, int(panel.top1.max(initial=-1)), int(labels.indices.max(initial=-1)))
        score_rows = np.full(len(panel.images), -1)
        if scores is not None:
            score_rows = join(panel.images, scores.questions.images, match=panel.match, known_where="the scores")
        return cls(
            collapsed=_keys(np.empty((0, 2), np.int32) if collapsed is None else collapsed),
            co_occurring=_keys(np.concatenate([pairs, pairs[:, ::-1]])),
            group_ids=_group_ids(groups, classes),
            scores=scores,
            score_rows=score_rows,
        )


def _taxonomy(
    model: str,
    panel: Panel,
    labels: LabelSets,
    known: _Known,
    top1: _Ints,
    images: npt.NDArray[np.int64],
    reasons: Mapping[str, str],
) -> Taxonomy:
    """The mistakes that a model makes on some images."""
    predicted, score_rows = top1[images], known.score_rows[images]
    valid, sizes = labels.of_rows(panel.label_rows[images])
    instead = np.repeat(predicted, sizes)
    pairs, group = pair_keys(valid, instead), known.group_ids[valid]
    fits = [
        np.isin(pairs, known.collapsed),
        np.isin(pairs, known.co_occurring),
        (group >= 0) & (group == known.group_ids[instead]),
    ]
    fits = [np.logical_or.reduceat(fit, np.cumsum(sizes) - sizes) for fit in fits]
    if known.scores is not None:
        unasked = known.scores.questions.find(score_rows, predicted) < 0
        fits += [unasked & (score_rows >= 0), score_rows < 0]
    kinds = np.select(fits, range(len(fits)), len(ERROR_KINDS) - 1).astype(np.int8)
    return Taxonomy(
        model=model,
        images=tuple(panel.images[image] for image in images.tolist()),
        predicted=predicted,
        kinds=kinds,
        reasons=reasons,
    )


def _keys(pairs: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    return pair_keys(pairs[:, 0], pairs[:, 1])


def _group_ids(groups: Mapping[int, str], classes: int) -> npt.NDArray[np.int64]:
    """A number for the group of each class, -1 where it has none; last, where -1 finds it, that of no class."""
    number = {name: i for i, name in enumerate(sorted(set(groups.values())))}
    ids = np.full(classes + 1, -1)
    ids[list(groups)] = [number[name] for name in groups.values()]
    return ids
