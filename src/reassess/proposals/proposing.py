"""The choice of candidates: the classes of each image to ask about.

After the outline in Beyer et al., arXiv 2006.07159, section 3: the candidates of an image are its original label, the
most probable class of each model, and its pairs among the N most probable (image, class) pairs of a model over all
images. By our own rule, N is the same for all models: the largest N with at most the allowed number of candidates per
image. Images are not rated if all models agree with the original label.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

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
from reassess.proposals.model_rows import (
    ImageNumbering,
    MostProbablePairs,
    NumberedPredictions,
    assign_image_numbers_to_predictions,
    find_most_probable_pairs,
)

_Bools = npt.NDArray[np.bool_]
DEFAULT_PER_IMAGE = 7.4  # as in the votes of ReaL
_Ints = npt.NDArray[np.int64]
_Models = Mapping[str, Predictions] | Iterable[tuple[str, Predictions]]


@dataclass(frozen=True)
class _ImageTable:
    """All images in the order of the candidates, and what each model does with each image.

    Symbols: n images, K models sorted by name.
    """

    names: tuple[str, ...]
    original_ids: npt.NDArray[np.int64]  # (n,): original label; -1 for none
    is_predicted_by: _Bools  # (n, K): whether each model predicts each image
    is_sent_by: _Bools  # (n, K): whether each model sends each image to raters

    @classmethod
    def from_models(
        cls, models: Sequence[NumberedPredictions], numbering: ImageNumbering, labels: LabelSets
    ) -> "_ImageTable":
        """Create the table of all numbered images from the models' predictions and original labels.

        A model sends an image if its first class differs from the original label or is not a class. It sends an image
        without an original label if its first class is a class.
        """
        original = np.full(len(numbering.names), -1)
        original[numbering.candidate_positions[numbering.assign_image_numbers(labels.images)]] = labels.indices
        predicts, sends = (np.zeros((original.size, len(models)), bool) for _ in range(2))
        for column, model in enumerate(models):
            rows = np.flatnonzero(model.image_numbers >= 0)
            at = model.image_numbers[rows]
            predicts[at, column] = True
            sends[at, column] = model.top1_ids[rows] != original[at]
        return cls(
            tuple(numbering.names[number] for number in np.argsort(numbering.candidate_positions).tolist()),
            original,
            predicts,
            sends,
        )

    @cached_property
    def is_predicted(self) -> _Bools:
        """For each image, whether at least one model predicts it."""
        return np.asarray(self.is_predicted_by.any(axis=1))

    @cached_property
    def is_sent_to_raters(self) -> _Bools:
        """For each image, whether at least one model sends it to raters."""
        return np.asarray(self.is_sent_by.any(axis=1))

    @cached_property
    def needs_no_rater(self) -> _Bools:
        """Whether each image needs no raters, because all models that predict the image predict its original label."""
        return self.is_predicted & ~self.is_sent_to_raters & (self.original_ids >= 0)

    def labels_of_images_set_aside(self, classes: Classes) -> LabelSets:
        """Return the original labels of the images that need no raters."""
        rows = np.flatnonzero(self.needs_no_rater)
        names = [self.names[row] for row in rows.tolist()]
        return LabelSets.from_pairs(names, np.arange(rows.size), self.original_ids[rows], classes)


def propose(
    models: _Models,
    original: LabelSets | None = None,
    *,
    per_image: float = DEFAULT_PER_IMAGE,
    benchmark: Benchmark | None = None,
    match: Match = "path",
    ignore_unknown: bool = False,
) -> ProposalResult:
    """Choose candidates per image: the original label, and the most probable classes of each model.

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
        raise DataError(
            "not-repeatable", "models are an iterator, which can be read only once", fix="give a dict or a list"
        )
    benchmark = Benchmark() if benchmark is None else benchmark
    labels = LabelSets.from_lists([], [], benchmark.classes) if original is None else original
    check_one_label_each(labels)
    numbering = ImageNumbering(match, labels.images, benchmark.images)
    unordered = [
        assign_image_numbers_to_predictions(name, predictions, numbering, labels, ignore_unknown, benchmark)
        for name, predictions in _iterate_models(models)
    ]
    _check_model_names([model.name for model in unordered])
    places = numbering.candidate_positions
    numbered_models = {model.name: model.renumber(places) for model in sorted(unordered, key=lambda model: model.name)}
    images = _ImageTable.from_models(list(numbered_models.values()), numbering, labels)
    to_raters, needs_no_rater, is_predicted = images.is_sent_to_raters, images.needs_no_rater, images.is_predicted
    always_included_keys = _find_always_included_keys(numbered_models.values(), images)
    max_candidates = _compute_max_candidates(per_image, int(np.count_nonzero(to_raters)), always_included_keys.size)
    best_pairs = {
        name: find_most_probable_pairs(
            predictions.convert_to_classes(labels.classes), numbered_models[name], to_raters, max_candidates + 1
        )
        for name, predictions in _iterate_models(models)
        if predictions.scores is not None
    }
    n_pairs_per_model = _choose_n_pairs_per_model(best_pairs.values(), always_included_keys, max_candidates)
    return ProposalResult(
        candidates=_make_candidates(numbered_models, images, best_pairs, n_pairs_per_model, labels.classes),
        set_aside_labels=images.labels_of_images_set_aside(labels.classes),
        n_pairs_per_model=n_pairs_per_model,
        allowed_candidates_per_image=per_image,
        models=tuple(
            _summarize_model(model, int(np.count_nonzero(is_predicted))) for model in numbered_models.values()
        ),
        is_predicted=np.concatenate([images.is_predicted_by[to_raters], images.is_predicted_by[needs_no_rater]]),
        is_sent_to_raters=images.is_sent_by[to_raters],
        n_without_prediction=int(np.count_nonzero(~is_predicted)),
        n_without_class=int(np.count_nonzero(is_predicted & ~to_raters & ~needs_no_rater)),
        n_without_original_label=int(np.count_nonzero(to_raters & (images.original_ids < 0))),
    )


def _iterate_models(models: _Models) -> Iterable[tuple[str, Predictions]]:
    """Yield the name and predictions of each model, with their types checked."""
    for pair in models.items() if isinstance(models, Mapping) else models:
        check_type(tuple, pair, value_name="a model with its name", fix="{NAME: PREDICTIONS}")
        check_type(Predictions, pair[1])
        yield pair


def _check_model_names(names: list[str]) -> None:
    """Raise `DataError` for missing, duplicate or reserved names of models."""
    if not names:
        raise DataError("missing-models", "no model was given", fix="add at least one model")
    check_unique(names, value_name="a model")
    if ORIGINAL_SOURCE in names:
        raise DataError(
            "reserved-name",
            "model has the name of the original labels",
            found=ORIGINAL_SOURCE,
            fix="rename the model",
        )


def _summarize_model(model: NumberedPredictions, n_images: int) -> ProposingModel:
    """Count the images that a model does not predict, and the unknown images that it predicts."""
    n_known = int(np.count_nonzero(model.image_numbers >= 0))
    return ProposingModel(
        name=model.name,
        kind=model.score_kind,
        n_missing_images=n_images - n_known,
        n_unknown_images=model.image_numbers.size - n_known,
    )


def _find_rows_with_top1_candidate(model: NumberedPredictions, images: _ImageTable) -> _Ints:
    """Find the rows of a model's predictions whose most probable class is a candidate."""
    is_known = (model.image_numbers >= 0) & (model.top1_ids >= 0)
    return np.flatnonzero(is_known & images.is_sent_to_raters[model.image_numbers])


def _find_always_included_keys(models: Iterable[NumberedPredictions], images: _ImageTable) -> _Ints:
    """Return the keys of the pairs that are always candidates: original labels and top-1 classes."""
    labelled = np.flatnonzero(images.is_sent_to_raters & (images.original_ids >= 0))
    keys = [encode_pairs(labelled, images.original_ids[labelled])]
    for model in models:
        rows = _find_rows_with_top1_candidate(model, images)
        keys.append(encode_pairs(model.image_numbers[rows], model.top1_ids[rows]))
    return np.unique(np.concatenate(keys))


def _compute_max_candidates(per_image: float, n_images: int, n_always_included: int) -> int:
    """Compute the maximum number of candidates; raise `DataError` if `n_always_included` exceeds it."""
    max_candidates = math.floor(per_image * n_images)
    max_candidates += (max_candidates + 1) / n_images <= per_image if n_images else 0  # the product may be rounded down
    if n_always_included > max_candidates:
        raise DataError(
            "too-many",
            "original labels and top-1 predictions are more candidates than allowed",
            allowed=f"{per_image:g} candidates per image",
            found=f"{n_always_included / n_images:.2f} candidates per image, on {n_images:,} images that go to raters",
            fix=Fix(
                "allow more: {per_image}; or use fewer models",
                per_image=math.ceil(100 * n_always_included / n_images) / 100,
            ),
        )
    return max_candidates


def _choose_n_pairs_per_model(
    best_pairs: Iterable[MostProbablePairs], always_included_keys: _Ints, max_candidates: int
) -> int:
    """Compute N, the largest number of pairs per model that gives at most `max_candidates` candidates."""
    best_pairs = list(best_pairs)
    if not best_pairs:
        return 0
    keys = np.concatenate([encode_pairs(pairs.image_numbers, pairs.class_ids) for pairs in best_pairs])
    ranks = np.concatenate([pairs.ranks for pairs in best_pairs])
    is_new = ~np.isin(keys, always_included_keys)
    keys, ranks = keys[is_new], ranks[is_new]
    order = np.lexsort((ranks, keys))
    first = np.ones(order.size, bool)
    first[1:] = np.diff(keys[order]) > 0
    first_ranks = np.sort(ranks[order][first])  # the smallest N with each further pair
    n_further = max_candidates - always_included_keys.size
    return (
        int(first_ranks[n_further]) - 1 if first_ranks.size > n_further else max(pairs.n_pairs for pairs in best_pairs)
    )


def _make_candidates(
    models: Mapping[str, NumberedPredictions],
    images: _ImageTable,
    best_pairs: Mapping[str, MostProbablePairs],
    n_pairs_per_model: int,
    classes: Classes,
) -> Candidates:
    """Create the candidates from the original labels and the candidates of each model."""
    labelled = np.flatnonzero(images.is_sent_to_raters & (images.original_ids >= 0))
    zeros = np.zeros(labelled.size, np.int64)
    parts = [(labelled, images.original_ids[labelled], zeros, zeros, np.full(labelled.size, np.nan))]
    for source, name in enumerate(models, 1):
        image_ids, class_ids, ranks, probabilities = _list_model_candidates(
            models[name], images, best_pairs.get(name), n_pairs_per_model
        )
        parts.append((image_ids, class_ids, np.full(image_ids.size, source), ranks, probabilities))
    image_ids, class_ids, source_ids, ranks, probabilities = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Candidates.from_columns(
        images.names, image_ids, class_ids, [ORIGINAL_SOURCE, *models], source_ids, ranks, probabilities, classes
    )


class _ModelCandidates(NamedTuple):
    """The candidates of a model. Each array has one entry per candidate."""

    image_ids: _Ints
    class_ids: _Ints
    ranks: _Ints
    probabilities: npt.NDArray[np.float64]


def _list_model_candidates(
    model: NumberedPredictions, images: _ImageTable, best_pairs: MostProbablePairs | None, n_pairs_per_model: int
) -> _ModelCandidates:
    """List the candidates of a model, sorted by image."""
    rows = _find_rows_with_top1_candidate(model, images)
    image_ids, class_ids = model.image_numbers[rows], model.top1_ids[rows].astype(np.int64)
    if best_pairs is None:
        return _ModelCandidates(image_ids, class_ids, np.ones(rows.size, np.int64), np.full(rows.size, np.nan))
    further_rows = np.flatnonzero(best_pairs.ranks <= n_pairs_per_model)
    is_first = np.isin(
        encode_pairs(best_pairs.image_numbers[further_rows], best_pairs.class_ids[further_rows]),
        encode_pairs(image_ids, class_ids),
    )
    further_rows = further_rows[~is_first]
    image_ids = np.concatenate([image_ids, best_pairs.image_numbers[further_rows]])
    class_ids = np.concatenate([class_ids, best_pairs.class_ids[further_rows]])
    probabilities = np.concatenate([best_pairs.top1_probabilities_by_row[rows], best_pairs.probabilities[further_rows]])
    order = np.argsort(image_ids, kind="stable")  # the first class of each image, then its other classes by probability
    starts = np.flatnonzero(np.diff(image_ids[order], prepend=-1))
    sizes = np.diff(starts, append=order.size)
    ranks = 1 + np.arange(order.size) - np.repeat(starts, sizes)
    return _ModelCandidates(image_ids[order], class_ids[order], ranks, probabilities[order])
