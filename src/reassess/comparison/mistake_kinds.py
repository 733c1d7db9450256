"""Kinds of mistakes: a mistake is a top-1 class that is not in the image's (nonempty) label set.

Each mistake gets the first of these kinds that applies:

1. collapsed: the predicted class is another name for a valid class, or includes it, by a table of such classes.
2. co_occurring: the predicted class and a valid class are often valid together, on other images.
3. same_group: the predicted class and a valid class are in the same group of classes.
4. no_class: the prediction is not a class.
5. not_asked, never_rated: nobody was asked about the predicted class, or about the image at all, as
   `reassess.evaluation.kinds_of_invalid_classes` says.
6. remaining: no other kind applies; raters were asked about the predicted class.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.panel import Panel, check_panel
from reassess.core import Benchmark, Classes, JudgedMistakes, LabelSets, Scores, Votes, find_predefined_benchmark
from reassess.core.checks import check_type
from reassess.evaluation import MISTAKE_KINDS, kinds_of_invalid_classes
from reassess.evaluation.evaluation_words import MISTAKE_NAMES, describe_mistake_counts
from reassess.numeric.arrays import encode_pairs, freeze
from reassess.text import ListTable, Printable, format_percent

_KINDS_FROM_SCORES = ("not_asked", "never_rated")
ERROR_KINDS = ("collapsed", "co_occurring", "same_group", "no_class", *_KINDS_FROM_SCORES, "remaining")
ERROR_KIND_NAMES = {
    "collapsed": "collapsed",
    "co_occurring": "co-occurring",
    "same_group": "same group",
    **{kind: MISTAKE_NAMES[kind] for kind in ("no_class", *_KINDS_FROM_SCORES)},
    "remaining": "other",
}
# Of ReaL's pairs of classes that are valid together on three images of a random half, 77 % are also valid together in
# the other half; of pairs on two images, 59 %; of pairs on one image, 21 %.
MIN_CO_OCCURRENCES = 3
_Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False, repr=False)
class CoOccurrence(Printable):
    """Pairs of classes that are valid for the same image; pairs with most images come first, ties by class id."""

    class_pairs: npt.NDArray[np.int32]  # int32, shape (pairs, 2): class ids, the lower first
    image_counts: npt.NDArray[np.int64]  # int64, shape (pairs,): number of images whose label set contains both

    def __post_init__(self) -> None:
        freeze(self, "class_pairs", "image_counts")

    def __len__(self) -> int:
        return len(self.class_pairs)

    @property
    def _headline(self) -> str:
        most = self.image_counts.max(initial=0)
        return f"CoOccurrence({len(self):,} pairs of classes, the most frequent on {most:,} images)"

    def _notebook_table(self) -> ListTable:
        both = zip(self.class_pairs, self.image_counts, strict=True)
        rows = ((f"{first}", f"{second}", f"{images:,}") for (first, second), images in both)
        return ListTable(("class id", "class id", "images"), len(self), rows)

    def select_frequent_pairs(self, min_images: int) -> npt.NDArray[np.int32]:
        """Return the pairs that are valid together on at least `min_images` images; int32, shape (pairs, 2)."""
        return self.class_pairs[self.image_counts >= min_images]

    def to_json(self, classes: Classes, *, max_pairs: int = 20) -> list[dict[str, Any]]:
        """Return a JSON object for each of the `max_pairs` most frequent pairs."""
        return [
            {"classes": [classes.id_and_name(class_id) for class_id in pair], "images": images}
            for pair, images in zip(
                self.class_pairs[:max_pairs].tolist(), self.image_counts[:max_pairs].tolist(), strict=True
            )
        ]


def co_occurrence(labels: LabelSets) -> CoOccurrence:
    """Count, for every pair of classes, the images whose label set contains both.

    Parameters
    ----------
    labels
        The label sets.

    Returns
    -------
    CoOccurrence

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 5.
    """
    check_type(LabelSets, labels)
    parts = [np.empty((0, 2), np.int32)]
    for size in range(2, int(labels.sizes.max(initial=0)) + 1):
        sets, _ = labels.classes_of_rows(np.flatnonzero(labels.sizes == size))
        parts.append(sets.reshape(-1, size)[:, np.stack(np.triu_indices(size, 1), axis=1)].reshape(-1, 2))
    pairs, images = np.unique(np.concatenate(parts), axis=0, return_counts=True)
    order = np.argsort(-images, kind="stable")
    return CoOccurrence(class_pairs=pairs[order], image_counts=images[order])


@dataclass(frozen=True, eq=False, repr=False)
class ClassifiedMistakes(Printable):
    """The mistakes of one model, each with its kind."""

    model: str  # name
    images: tuple[str, ...]  # names of the images with a mistake
    predicted_ids: _Ints  # int32, shape (mistakes,): the model's first class
    kinds: npt.NDArray[np.int8]  # int8, shape (mistakes,): the first kind that applies, index into `ERROR_KINDS`
    reasons: Mapping[str, str] = field(default_factory=dict)  # why a kind was not determined, by kind
    # Category and severity of each mistake, None if nobody judged it; empty without judged mistakes.
    judgements: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        freeze(self, "predicted_ids", "kinds")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> dict[str, int | None]:
        """Number of mistakes of each kind; None for a kind that could not be determined."""
        counts = np.bincount(self.kinds, minlength=len(ERROR_KINDS)).tolist()
        return {kind: None if kind in self.reasons else n for kind, n in zip(ERROR_KINDS, counts, strict=True)}

    def examples(self, kind: str, *, max_examples: int = 5) -> tuple[tuple[str, int], ...]:
        """Return the first images with a kind of mistake, each with the id of the predicted class."""
        rows = np.flatnonzero(self.kinds == ERROR_KINDS.index(kind))[:max_examples].tolist()
        return tuple((self.images[row], int(self.predicted_ids[row])) for row in rows)

    @property
    def _headline(self) -> str:
        return f"{self.model}: {len(self):,} mistakes: {describe_mistake_counts(self.counts, ERROR_KIND_NAMES)}"

    def _notebook_table(self) -> ListTable:
        counts = {kind: n for kind, n in self.counts.items() if n is not None}
        rows = ((ERROR_KIND_NAMES[kind], f"{n:,}", format_percent(n / (len(self) or 1))) for kind, n in counts.items())
        return ListTable(("kind", "mistakes", "%"), len(counts), rows)

    def to_json(self, classes: Classes, *, max_examples: int = 5) -> dict[str, Any]:
        """Return a JSON object, with at most `max_examples` examples of each kind, and a reason for each null."""
        return {
            "file": self.model,
            "mistakes": len(self),
            **self.counts,
            **{f"{kind}_reason": reason for kind, reason in self.reasons.items()},
            **({"judged": dict(Counter(filter(None, self.judgements)).most_common())} if self.judgements else {}),
            "examples": {
                kind: [
                    {"image": image, "predicted": classes.id_and_name(class_id) if class_id >= 0 else None}
                    for image, class_id in self.examples(kind, max_examples=max_examples)
                ]
                for kind in ERROR_KINDS
            },
        }


def classify_mistakes(
    panel: Panel,
    labels: LabelSets,
    *,
    scores: Scores | None = None,
    experts: Votes | None = None,
    benchmark: Benchmark | None = None,
    collapsed_pairs: npt.NDArray[np.integer] | None = None,
    groups: Mapping[int, str] | None = None,
    min_images: int = MIN_CO_OCCURRENCES,
    judged: JudgedMistakes | None = None,
) -> tuple[ClassifiedMistakes, ...]:
    """Find the kind of each mistake, for each model.

    Parameters
    ----------
    panel
        The models. A mistake is a first class that is not in a non-empty label set.
    labels
        The label sets of the panel.
    scores
        Scores of the questions that raters were asked; without them, not_asked and never_rated count as remaining.
    experts
        The experts' votes; their questions count as asked, too.
    benchmark
        The benchmark of the images; by default the known benchmark of the panel's images.
    collapsed_pairs
        Integers, shape (pairs, 2): an image of the first class is also an image of the second. Two names of one class
        are two pairs, one in each order. By default the benchmark's pairs.
    groups
        The group of each class, by class id; a class may have no group. By default the benchmark's groups.
    min_images
        Two classes co-occur if at least this number of label sets contains both.
    judged
        Judged mistakes, for `ClassifiedMistakes.judgements`.

    Returns
    -------
    tuple of ClassifiedMistakes, in the order of the models.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png", "d.png"], [[0, 2], [2], [1], []])
    >>> panel = Panel.from_predictions({"one": np.array([1, 0, 3, 3])}, labels)
    >>> print(classify_mistakes(panel, labels, groups={0: "cup", 1: "cup"}, min_images=1)[0])
    one: 3 mistakes: 1 co-occurring, 1 same group, 1 other
    """
    check_panel(panel)
    scores = None if scores is None else scores.convert_to_classes(labels.classes)
    experts = None if experts is None else experts.convert_to_classes(labels.classes)
    judged = None if judged is None else judged.convert_to_classes(labels.classes)
    benchmark = find_predefined_benchmark(panel.images) if benchmark is None else benchmark
    collapsed_pairs = benchmark.find_collapsed_classes(labels.classes) if collapsed_pairs is None else collapsed_pairs
    groups = benchmark.find_class_groups(labels.classes) if groups is None else groups
    relations = _ClassRelations.from_labels(labels, collapsed_pairs, groups or {}, min_images)
    reasons = {} if scores is not None else dict.fromkeys(_KINDS_FROM_SCORES, "scores are missing")
    if collapsed_pairs is None:
        reasons["collapsed"] = "table of collapsed classes is missing"
    if groups is None:
        reasons["same_group"] = "groups of classes are missing"
    results = []
    for model, top1, is_valid in zip(panel.models, panel.top1, panel.is_valid, strict=True):
        rows = np.flatnonzero(panel.is_scored & ~is_valid)
        images, predicted = tuple(panel.images[row] for row in rows.tolist()), top1[rows]
        masks = relations.find_predictions_by_relation_to_labels(labels, panel.label_rows[rows], predicted)
        fits = [*masks.values(), predicted < 0]
        if scores is not None:
            kinds_by_scores = kinds_of_invalid_classes(images, predicted, scores, experts, match=panel.match)
            fits += [kinds_by_scores == MISTAKE_KINDS.index(kind) for kind in _KINDS_FROM_SCORES]
        kinds = np.select(fits, range(len(fits)), len(ERROR_KINDS) - 1).astype(np.int8)
        judgements: tuple[str | None, ...] = ()
        if judged is not None:
            positions = judged.find_positions(images, predicted, match=panel.match)
            judgements = tuple(map(judged.describe, positions.tolist()))
        results.append(
            ClassifiedMistakes(
                model=model,
                images=images,
                predicted_ids=predicted,
                kinds=kinds,
                reasons=reasons,
                judgements=judgements,
            )
        )
    return tuple(results)


@dataclass(frozen=True, eq=False)
class _ClassRelations:
    """Relations of classes, for fast lookup: pairs that count as one class, pairs often valid together, groups."""

    collapsed_pair_keys: npt.NDArray[np.int64]  # keys of pairs
    co_occurring_pair_keys: npt.NDArray[np.int64]  # keys of pairs
    grouped_class_ids: npt.NDArray[np.int64]  # ids of the classes with a group, sorted
    group_numbers: npt.NDArray[np.int64]  # number of the group, for each of these classes

    @classmethod
    def from_labels(
        cls,
        labels: LabelSets,
        collapsed_pairs: npt.NDArray[np.integer] | None,
        groups: Mapping[int, str],
        min_images: int,
    ) -> "_ClassRelations":
        """Collect the relations; two classes co-occur if they are valid together on `min_images` images."""
        pairs = co_occurrence(labels).select_frequent_pairs(min_images)
        number = {name: i for i, name in enumerate(sorted(set(groups.values())))}
        return cls(
            collapsed_pair_keys=_encode_class_pairs(
                np.empty((0, 2), np.int32) if collapsed_pairs is None else collapsed_pairs
            ),
            co_occurring_pair_keys=_encode_class_pairs(np.concatenate([pairs, pairs[:, ::-1]])),
            grouped_class_ids=np.array(sorted(groups), np.int64),
            group_numbers=np.array([number[groups[class_id]] for class_id in sorted(groups)], np.int64),
        )

    def find_group_numbers(self, class_ids: _Ints) -> npt.NDArray[np.int64]:
        """Return the number of each class's group; -1 for a class without a group."""
        has_group = np.isin(class_ids, self.grouped_class_ids)
        numbers = np.full(len(class_ids), -1)
        numbers[has_group] = self.group_numbers[np.searchsorted(self.grouped_class_ids, class_ids[has_group])]
        return numbers

    def find_predictions_by_relation_to_labels(
        self, labels: LabelSets, label_rows: npt.NDArray[np.int64], predicted_ids: _Ints
    ) -> dict[str, npt.NDArray[np.bool_]]:
        """For each relation of classes, find predictions whose class has this relation to a valid class of the image.

        The keys are the kinds of mistakes collapsed, co_occurring and same_group; masks are bool, shape (mistakes,).
        """
        valid, sizes = labels.classes_of_rows(label_rows)
        instead = np.repeat(predicted_ids, sizes)
        pairs, group = encode_pairs(valid, instead), self.find_group_numbers(valid)
        is_related = {
            "collapsed": np.isin(pairs, self.collapsed_pair_keys),
            "co_occurring": np.isin(pairs, self.co_occurring_pair_keys),
            "same_group": (group >= 0) & (group == self.find_group_numbers(instead)),
        }
        first_classes = np.cumsum(sizes) - sizes
        return {kind: np.logical_or.reduceat(mask, first_classes) for kind, mask in is_related.items()}


def _encode_class_pairs(pairs: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Encode each pair of class ids as one number, for lookup."""
    return encode_pairs(pairs[:, 0], pairs[:, 1])
