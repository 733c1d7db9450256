"""The choice of candidates: the classes of each image to ask about.

After the outline in Beyer et al., arXiv 2006.07159, section 3: the candidates of an image are its original label, the
first class of each model, and its pairs among the N most probable (image, class) pairs of a model over all images. By
our own rule, N is the same for all models: the largest N with at most the allowed number of candidates per image.
Images are not rated if all models agree with the original label.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core import (
    ORIGINAL_SOURCE,
    Benchmark,
    Candidates,
    Classes,
    LabelSets,
    Match,
    Predictions,
    ProposalResult,
    ProposingModel,
)
from reassess.core.checks import check_number, check_type, check_unique
from reassess.core.labels import check_one_label_each
from reassess.errors import DataError, Fix
from reassess.numeric.arrays import encode_pairs
from reassess.proposals.model_rows import BestPairs, ImageNumbers, JoinedModel, best_pairs, join_model

_Bools = npt.NDArray[np.bool_]
USUAL_PER_IMAGE = 7.4  # as in the votes of ReaL
_Ints = npt.NDArray[np.int64]
_Models = Mapping[str, Predictions] | Iterable[tuple[str, Predictions]]


@dataclass(frozen=True)
class _ImageTable:
    """All images, in the order of the candidates, with the models that predict and send them.

    Symbols: n images, K models by name.
    """

    names: tuple[str, ...]
    original: npt.NDArray[np.int64]  # (n,): original label; -1 for none
    predicts: _Bools  # (n, K): whether each model predicts each image
    sends: _Bools  # (n, K): whether each model sends each image to raters

    @classmethod
    def of(cls, models: Sequence[JoinedModel], index: ImageNumbers, labels: LabelSets) -> "_ImageTable":
        """Create the table of numbered images, in the order of the candidates.

        A model sends an image if its first class differs from the original label or is not a class. It sends an image
        without an original label if its first class is a class.
        """
        original = np.full(len(index.names), -1)
        original[index.places[index.numbers(labels.images)]] = labels.indices
        predicts, sends = (np.zeros((original.size, len(models)), bool) for _ in range(2))
        for column, model in enumerate(models):
            rows = np.flatnonzero(model.images >= 0)
            at = model.images[rows]
            predicts[at, column] = True
            sends[at, column] = model.top1[rows] != original[at]
        return cls(
            tuple(index.names[number] for number in np.argsort(index.places).tolist()), original, predicts, sends
        )

    @cached_property
    def is_predicted(self) -> _Bools:
        """Whether any model predicts each image."""
        return np.asarray(self.predicts.any(axis=1))

    @cached_property
    def to_raters(self) -> _Bools:
        """Whether raters are asked about each image."""
        return np.asarray(self.sends.any(axis=1))

    @cached_property
    def is_set_aside(self) -> _Bools:
        """Whether each image is set aside, since all models that predict it agree with the original label."""
        return self.is_predicted & ~self.to_raters & (self.original >= 0)

    def set_aside(self, classes: Classes) -> LabelSets:
        """Return the images that are set aside, with their original labels."""
        rows = np.flatnonzero(self.is_set_aside)
        names = [self.names[row] for row in rows.tolist()]
        return LabelSets.from_pairs(names, np.arange(rows.size), self.original[rows], classes)


def propose(
    models: _Models,
    original: LabelSets | None = None,
    *,
    per_image: float = USUAL_PER_IMAGE,
    benchmark: Benchmark | None = None,
    match: Match = "path",
    ignore_unknown: bool = False,
) -> ProposalResult:
    """Choose candidates per image: the original label, first classes, and the most probable of each model.

    Parameters
    ----------
    models
        Predictions by model name; or an iterable of pairs (name, predictions) that can be read twice, so that only one
        model is in memory at a time. Scores may be memory-mapped. Models may have different images. If predictions
        have only ids, only the first class is a candidate.
    original
        Original labels; without them, every image needs questions.
    per_image
        Mean number of candidates per image, over the images that go to raters; the maximum.
    benchmark
        The benchmark of the images. Its images and the images of the original labels are known; without such images,
        all images of the models are known.
    match, ignore_unknown
        As for `reassess.evaluate`.

    Returns
    -------
    ProposalResult
        The candidates. They do not depend on the order of the models or of their rows.

    Raises
    ------
    DataError
        There are no models; a model is named twice, is named "original", or has no known image; original labels and
        first classes already exceed `per_image`; or predictions and original labels do not match, as for
        `reassess.evaluate`.

    Examples
    --------
    >>> original = LabelSets.from_lists(["a.png", "b.png"], [[0], [1]])
    >>> scores = np.array([[0.9, 0.1, 0.0], [0.5, 0.3, 0.2]])
    >>> models = {
    ...     "one": Predictions.from_scores(scores, ["a.png", "b.png"]),
    ...     "two": Predictions.from_ids([0, 1], ["a.png", "b.png"]),
    ... }
    >>> result = propose(models, original, per_image=2)
    >>> result
    images           2, 1 set aside
    candidates       2, 2.00 per image
    N                3
    >>> result.candidates.questions.images, result.candidates.questions.class_ids.tolist()
    (('b.png',), [0, 1])

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 3, in outline.
    """
    check_number(per_image, 1, value_name="number of candidates per image")
    if isinstance(models, Iterator):
        raise DataError("not-repeatable", "models can be read only once", fix="give a dict, or list(models)")
    benchmark = Benchmark() if benchmark is None else benchmark
    labels = LabelSets.from_lists([], [], benchmark.classes) if original is None else original
    check_one_label_each(labels)
    index = ImageNumbers(match, labels.images, benchmark.images)
    unordered = [
        join_model(name, predictions, index, labels, ignore_unknown, benchmark)
        for name, predictions in _pairs_of(models)
    ]
    _check_names([model.name for model in unordered])
    places = index.places
    joined = {model.name: model.renumbered(places) for model in sorted(unordered, key=lambda model: model.name)}
    images = _ImageTable.of(list(joined.values()), index, labels)
    to_raters, is_set_aside, is_predicted = images.to_raters, images.is_set_aside, images.is_predicted
    fixed = _fixed_pairs(joined.values(), images)
    limit = _limit(per_image, int(np.count_nonzero(to_raters)), fixed.size)
    best = {
        name: best_pairs(predictions.in_classes(labels.classes), joined[name], to_raters, limit + 1)
        for name, predictions in _pairs_of(models)
        if predictions.scores is not None
    }
    most_probable = _most_probable(best.values(), fixed, limit)
    return ProposalResult(
        candidates=_candidates(joined, images, best, most_probable, labels.classes),
        set_aside_labels=images.set_aside(labels.classes),
        n_pairs_per_model=most_probable,
        allowed_candidates_per_image=per_image,
        models=tuple(_proposing_model(model, int(np.count_nonzero(is_predicted))) for model in joined.values()),
        is_predicted=np.concatenate([images.predicts[to_raters], images.predicts[is_set_aside]]),
        is_sent=images.sends[to_raters],
        n_unseen=int(np.count_nonzero(~is_predicted)),
        n_without_class=int(np.count_nonzero(is_predicted & ~to_raters & ~is_set_aside)),
        n_without_original=int(np.count_nonzero(to_raters & (images.original < 0))),
    )


def _pairs_of(models: _Models) -> Iterable[tuple[str, Predictions]]:
    for pair in models.items() if isinstance(models, Mapping) else models:
        check_type(tuple, pair, value_name="a model with its name", fix="{NAME: PREDICTIONS}")
        check_type(Predictions, pair[1])
        yield pair


def _check_names(names: list[str]) -> None:
    if not names:
        raise DataError("missing-models", "models are missing", fix="add at least one")
    check_unique(names, value_name="a model")
    if ORIGINAL_SOURCE in names:
        raise DataError(
            "reserved-name",
            "model has the name of the original labels",
            found=ORIGINAL_SOURCE,
            fix="rename the model",
        )


def _proposing_model(model: JoinedModel, images: int) -> ProposingModel:
    """Count the images that a model misses, of all models' images, and its unknown images."""
    known = int(np.count_nonzero(model.images >= 0))
    return ProposingModel(
        name=model.name, kind=model.kind, n_missing_images=images - known, n_unknown_images=model.images.size - known
    )


def _first_pairs(model: JoinedModel, images: _ImageTable) -> _Ints:
    """Find the rows of a model whose first class is a candidate."""
    is_known = (model.images >= 0) & (model.top1 >= 0)
    return np.flatnonzero(is_known & images.to_raters[model.images])


def _fixed_pairs(models: Iterable[JoinedModel], images: _ImageTable) -> _Ints:
    """Return the keys of pairs that are candidates for every N: original labels and first classes."""
    labelled = np.flatnonzero(images.to_raters & (images.original >= 0))
    keys = [encode_pairs(labelled, images.original[labelled])]
    for model in models:
        rows = _first_pairs(model, images)
        keys.append(encode_pairs(model.images[rows], model.top1[rows]))
    return np.unique(np.concatenate(keys))


def _limit(per_image: float, images: int, fixed: int) -> int:
    """Compute the largest number of candidates with a mean of at most `per_image` per image."""
    limit = math.floor(per_image * images)
    limit += (limit + 1) / images <= per_image if images else 0  # the product may be rounded down
    if fixed > limit:
        raise DataError(
            "too-many",
            "original labels and top-1 predictions already exceed the number of candidates per image",
            allowed=f"{per_image:g} per image",
            found=f"{fixed / images:.2f} per image, on {images:,} images that go to raters",
            fix=Fix("allow more: {per_image}; or use fewer models", per_image=math.ceil(100 * fixed / images) / 100),
        )
    return limit


def _most_probable(best: Iterable[BestPairs], fixed: _Ints, limit: int) -> int:
    """Compute N, the number of most probable pairs of each model that can be candidates."""
    best = list(best)
    if not best:
        return 0
    keys = np.concatenate([encode_pairs(pairs.images, pairs.class_ids) for pairs in best])
    places = np.concatenate([pairs.places for pairs in best])
    new = ~np.isin(keys, fixed)
    keys, places = keys[new], places[new]
    order = np.lexsort((places, keys))
    first = np.ones(order.size, bool)
    first[1:] = np.diff(keys[order]) > 0
    appears = np.sort(places[order][first])  # the smallest N with each further pair
    further = limit - fixed.size
    return int(appears[further]) - 1 if appears.size > further else max(pairs.pairs for pairs in best)


def _candidates(
    models: Mapping[str, JoinedModel],
    images: _ImageTable,
    best: Mapping[str, BestPairs],
    most_probable: int,
    classes: Classes,
) -> Candidates:
    labelled = np.flatnonzero(images.to_raters & (images.original >= 0))
    zeros = np.zeros(labelled.size, np.int64)
    parts = [(labelled, images.original[labelled], zeros, zeros, np.full(labelled.size, np.nan))]
    for source, name in enumerate(models, 1):
        image_ids, class_ids, ranks, probabilities = _proposed_by(models[name], images, best.get(name), most_probable)
        parts.append((image_ids, class_ids, np.full(image_ids.size, source), ranks, probabilities))
    image_ids, class_ids, source_ids, ranks, probabilities = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Candidates.from_rows(
        images.names, image_ids, class_ids, [ORIGINAL_SOURCE, *models], source_ids, ranks, probabilities, classes
    )


def _proposed_by(
    model: JoinedModel, images: _ImageTable, best: BestPairs | None, most_probable: int
) -> tuple[_Ints, _Ints, _Ints, npt.NDArray[np.float64]]:
    """Return the images, classes, ranks and probabilities of the candidates of a model."""
    rows = _first_pairs(model, images)
    image_ids, class_ids = model.images[rows], model.top1[rows].astype(np.int64)
    if best is None:
        return image_ids, class_ids, np.ones(rows.size, np.int64), np.full(rows.size, np.nan)
    further = np.flatnonzero(best.places <= most_probable)
    is_first = np.isin(encode_pairs(best.images[further], best.class_ids[further]), encode_pairs(image_ids, class_ids))
    further = further[~is_first]
    image_ids = np.concatenate([image_ids, best.images[further]])
    class_ids = np.concatenate([class_ids, best.class_ids[further]])
    probabilities = np.concatenate([best.top1_probabilities[rows], best.probabilities[further]])
    order = np.argsort(image_ids, kind="stable")  # the first class of each image, then others by probability
    starts = np.flatnonzero(np.diff(image_ids[order], prepend=-1))
    sizes = np.diff(starts, append=order.size)
    ranks = 1 + np.arange(order.size) - np.repeat(starts, sizes)
    return image_ids[order], class_ids[order], ranks, probabilities[order]
