"""Candidates: which classes of each image are worth a question.

After the outline in Beyer et al., arXiv 2006.07159, section 3: the candidates of an image are its original label, the
first class of each model, and its pairs among the N most probable (image, class) pairs of a model over all images. N,
by a rule of our own, is the same for all models, and the largest that keeps to the allowed number of candidates per
image. Images are not rated if all models agree with the original label.
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
from reassess.core.labels import check_original
from reassess.errors import DataError, Fix
from reassess.numeric.arrays import pair_keys
from reassess.proposals.model_rows import BestPairs, ImageNumbers, Seen, best_pairs, see

_Bools = npt.NDArray[np.bool_]
USUAL_PER_IMAGE = 7.4  # what the votes of ReaL have
_Ints = npt.NDArray[np.int64]
_Models = Mapping[str, Predictions] | Iterable[tuple[str, Predictions]]


@dataclass(frozen=True)
class _AskedImages:
    """All images, in the order of the candidates.

    Symbols: n images, K models by name.
    """

    names: tuple[str, ...]  # their names
    original: npt.NDArray[np.int64]  # (n,): original label; -1 for none
    holds: _Bools  # (n, K): whether each model holds each image
    sends: _Bools  # (n, K): whether each model by itself would send each image to raters

    @classmethod
    def of(cls, models: Sequence[Seen], index: ImageNumbers, labels: LabelSets) -> "_AskedImages":
        """The images of an index, which numbers them in the order of the candidates.

        A model sends an image if its first class is not the original label, also where it is not a class; and an image
        without an original label if its first class is one.
        """
        original = np.full(len(index.names), -1)
        original[index.places[index.numbers(labels.images)]] = labels.indices
        holds, sends = (np.zeros((original.size, len(models)), bool) for _ in range(2))
        for model, one in enumerate(models):
            rows = np.flatnonzero(one.images >= 0)
            at = one.images[rows]
            holds[at, model] = True
            sends[at, model] = one.top1[rows] != original[at]
        return cls(tuple(index.names[number] for number in np.argsort(index.places).tolist()), original, holds, sends)

    @cached_property
    def held(self) -> _Bools:
        """Whether a model holds each image."""
        return np.asarray(self.holds.any(axis=1))

    @cached_property
    def to_raters(self) -> _Bools:
        """Whether raters are asked about each image."""
        return np.asarray(self.sends.any(axis=1))

    @cached_property
    def agreed(self) -> _Bools:
        """Whether each image is set aside, since all models that hold it agree with the original label."""
        return self.held & ~self.to_raters & (self.original >= 0)

    def set_aside(self, classes: Classes) -> LabelSets:
        """The images that are set aside, with their original labels."""
        rows = np.flatnonzero(self.agreed)
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
    """Propose classes for every image: the original label, first classes, and the most probable pairs of each model.

    Parameters
    ----------
    models
        The predictions of each model, by its name; or pairs of both that can be iterated over twice, so that one model
        is in memory at a time. Scores may be mapped from disk. Models need not have the same images. Of ids, only the
        first class is a candidate.
    original
        Original labels, if there are any; without them every image needs questions.
    per_image
        Candidates per image, on average over the images that go to raters.
    benchmark
        The benchmark of the images: its images and those of the original labels are known. If neither has any, all
        images of the models are known.
    match, ignore_unknown
        As for `reassess.evaluate`.

    Returns
    -------
    ProposalResult
        The same whatever the order of the models and of their rows.

    Raises
    ------
    DataError
        No model is given; one is named twice, or "original", or has no known image; original labels and first classes
        are already too many; a model and the original labels do not fit, as for `reassess.evaluate`.

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
    check_number(per_image, 1, what="number of candidates an image")
    if isinstance(models, Iterator):
        raise DataError("not-repeatable", "models can be read only once", fix="give a dict, or list(models)")
    benchmark = Benchmark() if benchmark is None else benchmark
    labels = LabelSets.from_lists([], [], benchmark.classes) if original is None else original
    check_original(labels)
    index = ImageNumbers(match, labels.images, benchmark.images)
    seen = [see(name, given, index, labels, ignore_unknown, benchmark) for name, given in _each(models)]
    _check_names([one.name for one in seen])
    places = index.places
    placed = {one.name: one.moved(places) for one in sorted(seen, key=lambda one: one.name)}
    images = _AskedImages.of(list(placed.values()), index, labels)
    to_raters, agreed, held = images.to_raters, images.agreed, images.held
    fixed = _fixed_pairs(placed.values(), images)
    limit = _limit(per_image, int(np.count_nonzero(to_raters)), fixed.size)
    best = {
        name: best_pairs(given.in_classes(labels.classes), placed[name], to_raters, limit + 1)
        for name, given in _each(models)
        if given.scores is not None
    }
    most_probable = _most_probable(best.values(), fixed, limit)
    return ProposalResult(
        candidates=_candidates(placed, images, best, most_probable, labels.classes),
        set_aside=images.set_aside(labels.classes),
        most_probable=most_probable,
        per_image=per_image,
        models=tuple(_model(one, int(np.count_nonzero(held))) for one in placed.values()),
        predicts=np.concatenate([images.holds[to_raters], images.holds[agreed]]),
        sends=images.sends[to_raters],
        unseen=int(np.count_nonzero(~held)),
        without_class=int(np.count_nonzero(held & ~to_raters & ~agreed)),
        without_original=int(np.count_nonzero(to_raters & (images.original < 0))),
    )


def _each(models: _Models) -> Iterable[tuple[str, Predictions]]:
    for pair in models.items() if isinstance(models, Mapping) else models:
        check_type(tuple, pair, what="a model with its name", fix="{NAME: PREDICTIONS}")
        check_type(Predictions, pair[1])
        yield pair


def _check_names(names: list[str]) -> None:
    if not names:
        raise DataError("missing-models", "models are missing", fix="give at least one")
    check_unique(names, thing="a model")
    if ORIGINAL_SOURCE in names:
        raise DataError(
            "reserved-name",
            "model has the name of the original labels",
            found=ORIGINAL_SOURCE,
            fix="give it another name",
        )


def _model(seen: Seen, images: int) -> ProposingModel:
    """A model, with how many of all models' images it lacks, and how many of its own images no file knows."""
    known = int(np.count_nonzero(seen.images >= 0))
    return ProposingModel(name=seen.name, kind=seen.kind, missing=images - known, unknown=seen.images.size - known)


def _first_pairs(seen: Seen, images: _AskedImages) -> _Ints:
    """The rows of a model whose first class is proposed."""
    known = (seen.images >= 0) & (seen.top1 >= 0)
    return np.flatnonzero(known & images.to_raters[seen.images])


def _fixed_pairs(seen: Iterable[Seen], images: _AskedImages) -> _Ints:
    """Keys of the pairs that are proposed whatever N is: original labels and first classes."""
    named = np.flatnonzero(images.to_raters & (images.original >= 0))
    keys = [pair_keys(named, images.original[named])]
    for one in seen:
        rows = _first_pairs(one, images)
        keys.append(pair_keys(one.images[rows], one.top1[rows]))
    return np.unique(np.concatenate(keys))


def _limit(per_image: float, images: int, fixed: int) -> int:
    """The largest number of candidates whose mean over the images is allowed."""
    limit = math.floor(per_image * images)
    limit += (limit + 1) / images <= per_image if images else 0  # the product may have been rounded down
    if fixed > limit:
        raise DataError(
            "too-many",
            "original labels and top-1 predictions already exceed the number of candidates per image",
            allowed=f"{per_image:g} an image",
            found=f"{fixed / images:.2f} an image, on {images:,} images that go to raters",
            fix=Fix("allow more: {per_image}; or leave models out", per_image=math.ceil(100 * fixed / images) / 100),
        )
    return limit


def _most_probable(best: Iterable[BestPairs], fixed: _Ints, limit: int) -> int:
    """N: how many of the most probable pairs of each model can be proposed."""
    best = list(best)
    if not best:
        return 0
    keys = np.concatenate([pair_keys(one.images, one.class_ids) for one in best])
    places = np.concatenate([one.places for one in best])
    new = ~np.isin(keys, fixed)
    keys, places = keys[new], places[new]
    order = np.lexsort((places, keys))
    first = np.ones(order.size, bool)
    first[1:] = np.diff(keys[order]) > 0
    appears = np.sort(places[order][first])  # the smallest N that proposes each further pair
    room = limit - fixed.size
    return int(appears[room]) - 1 if appears.size > room else max(one.pairs for one in best)


def _candidates(
    seen: Mapping[str, Seen], images: _AskedImages, best: Mapping[str, BestPairs], most_probable: int, classes: Classes
) -> Candidates:
    named = np.flatnonzero(images.to_raters & (images.original >= 0))
    zeros = np.zeros(named.size, np.int64)
    parts = [(named, images.original[named], zeros, zeros, np.full(named.size, np.nan))]
    for source, name in enumerate(seen, 1):
        image_ids, class_ids, ranks, probabilities = _proposed_by(seen[name], images, best.get(name), most_probable)
        parts.append((image_ids, class_ids, np.full(image_ids.size, source), ranks, probabilities))
    image_ids, class_ids, source_ids, ranks, probabilities = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Candidates.from_rows(
        images.names, image_ids, class_ids, [ORIGINAL_SOURCE, *seen], source_ids, ranks, probabilities, classes
    )


def _proposed_by(
    seen: Seen, images: _AskedImages, best: BestPairs | None, most_probable: int
) -> tuple[_Ints, _Ints, _Ints, npt.NDArray[np.float64]]:
    """Images, classes, ranks and probabilities of what one model proposes."""
    rows = _first_pairs(seen, images)
    image_ids, class_ids = seen.images[rows], seen.top1[rows].astype(np.int64)
    if best is None:
        return image_ids, class_ids, np.ones(rows.size, np.int64), np.full(rows.size, np.nan)
    further = np.flatnonzero(best.places <= most_probable)
    is_first = np.isin(pair_keys(best.images[further], best.class_ids[further]), pair_keys(image_ids, class_ids))
    further = further[~is_first]
    image_ids = np.concatenate([image_ids, best.images[further]])
    class_ids = np.concatenate([class_ids, best.class_ids[further]])
    probabilities = np.concatenate([best.top1_probabilities[rows], best.probabilities[further]])
    order = np.argsort(image_ids, kind="stable")  # the first class of an image, then others as they are probable
    starts = np.flatnonzero(np.diff(image_ids[order], prepend=-1))
    sizes = np.diff(starts, append=order.size)
    ranks = 1 + np.arange(order.size) - np.repeat(starts, sizes)
    return image_ids[order], class_ids[order], ranks, probabilities[order]
