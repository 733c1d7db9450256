"""The outcome of each image: its labels, the prediction, and the rank of the best valid class."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets, Match, Predictions, UnknownClasses
from reassess.core.checks import check_is_collection
from reassess.core.image_names import image_keys, match_images, suggest_image_number_fix, suggest_match_fix
from reassess.core.labels import DEFAULT_LABEL_SET_NAME, check_one_label_each
from reassess.errors import DataError, Fix
from reassess.evaluation.class_ranks import best_ranks, ranks_and_top1
from reassess.numeric.arrays import concatenate_ranges
from reassess.text import Printable, join_first

STATES = ("labelled", "empty", "unlabelled", "unknown", "excluded")
LABELLED, EMPTY, UNLABELLED, UNKNOWN, EXCLUDED = range(len(STATES))
_CHECK_NAMES = Fix("check the names, or do not count such images: {ignore_unknown}", ignore_unknown=True)


class _Ranks(NamedTuple):
    """The fields of `Outcomes` that compare labels and predictions: arrays of shape (rows,)."""

    top1: npt.NDArray[np.int32]
    best_ranks: npt.NDArray[np.int32]
    n_valid_found: npt.NDArray[np.int32]
    original_ranks: npt.NDArray[np.int32]
    is_original_valid: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class Outcomes(Printable):
    """The outcome of each row of a model's predictions: arrays of shape (rows,), -1 for a missing value."""

    images: tuple[str, ...]  # names of the images
    # Index of `STATES`: labelled has valid classes; empty is rated, without a valid class; unlabelled is known, but
    # unrated.
    states: npt.NDArray[np.int8]
    label_rows: npt.NDArray[np.int64]  # position of the image in the label sets
    original_rows: npt.NDArray[np.int64]  # position of the image in the original labels
    top1: npt.NDArray[np.int32]  # the model's top-1 class; -1 if its first prediction is not a class
    # Rank of the best valid class, from 0; if no predicted id is valid, the number of ids.
    best_ranks: npt.NDArray[np.int32]
    # For n valid classes, the number of valid classes among the model's first n; -1 also if it predicts fewer than n.
    n_valid_found: npt.NDArray[np.int32]
    original_ranks: npt.NDArray[np.int32]  # rank of the original label, like `best_ranks`
    is_original_valid: npt.NDArray[np.bool_]  # whether the original label is a valid class; False if it is missing
    has_original: bool  # whether original labels were used, even if they are of other images
    max_k: int  # number of known classes of each row; rank `max_k` means that the class comes later
    match: Match  # how images were joined
    detected_input: str  # how the predictions were read and joined, as text
    label_set: str = DEFAULT_LABEL_SET_NAME  # name of the label sets
    unknown_classes: UnknownClasses = field(default_factory=UnknownClasses)  # predictions with unknown class names
    has_class_names: bool = False  # whether the predictions name their classes

    def __len__(self) -> int:
        return len(self.images)

    def select_rows(self, rows: npt.NDArray[np.int64]) -> "Outcomes":
        """Return the outcomes of the given rows, in the given order."""
        columns = ("states", "label_rows", "original_rows", *_Ranks._fields)
        images = tuple(self.images[row] for row in rows.tolist())
        return replace(self, images=images, **{name: getattr(self, name)[rows] for name in columns})

    def mark_excluded(self, images: Sequence[str]) -> "Outcomes":
        """Return a copy where the named images are marked as excluded; unknown names are ignored."""
        check_is_collection(images, value_name="names of images", fix="DUPLICATES.images_duplicated_elsewhere(SET)")
        if hasattr(images, "columns"):  # iteration over a table gives the names of its columns
            raise DataError(
                "wrong-type",
                "a table was passed instead of image names",
                fix='pass its column of image names: TABLE["image"]',
            )
        keys = set(image_keys(images, self.match))
        if not keys:
            return self
        excluded = np.fromiter((key in keys for key in image_keys(self.images, self.match)), bool, len(self))
        none = ("label_rows", "original_rows", "best_ranks", "n_valid_found", "original_ranks")
        columns: dict[str, Any] = {
            name: np.where(excluded, -1, getattr(self, name)).astype(getattr(self, name).dtype) for name in none
        }
        columns["is_original_valid"] = self.is_original_valid & ~excluded
        return replace(self, states=np.where(excluded, EXCLUDED, self.states).astype(np.int8), **columns)


def join_and_rank(
    predictions: Predictions,
    labels: LabelSets,
    *,
    original: LabelSets | None = None,
    known_image_lists: Sequence[Sequence[str]] = (),
    match: Match = "path",
    ignore_unknown: bool = False,
) -> Outcomes:
    """Join a model's predictions with the labels, and rank the valid classes and original label of each image."""
    if original is not None:
        check_one_label_each(original)
    images = images_of_rows(predictions, labels)
    if predictions.images is None:
        label_rows, joined = np.arange(len(labels)), "joined by position, in the order of the label set"
    else:
        label_rows, joined = match_images(images, labels.images, match=match), f"joined by {match}"
    original_rows = np.full(len(images), -1)
    if original is not None:
        original_rows = match_images(images, original.images, match=match, known_where="the original labels")
    state = _image_states(labels, label_rows, original_rows >= 0)
    for known_images in known_image_lists:
        _mark_unrated(state, images, known_images, match)
    unknown = np.flatnonzero(state == UNKNOWN)
    if unknown.size and not ignore_unknown:
        known_names = tuple(chain(labels.images, *known_image_lists))
        missing_names = [images[row] for row in unknown.tolist()]
        match_fix = suggest_match_fix(images, known_names, missing=missing_names, match=match)
        raise_if_unknown(images, unknown, labels.images or known_names, match_fix)
    find_class_count(predictions, labels, original)
    ranks = _rank_labels(predictions, labels, original, images, state, label_rows, original_rows)
    return Outcomes(
        images=images,
        states=state,
        label_rows=label_rows,
        original_rows=original_rows,
        **ranks._asdict(),
        has_original=original is not None,
        max_k=predictions.max_k,
        match=match,
        detected_input=f"{predictions.detected_format}, {joined}{_describe_missing_outputs(predictions, labels)}",
        label_set=labels.title,
        unknown_classes=predictions.unknown_classes,
        has_class_names=predictions.has_class_names,
    )


def _mark_unrated(
    states: npt.NDArray[np.int8], images: tuple[str, ...], known_images: Sequence[str], match: Match
) -> None:
    """Change the state of images from unknown to unrated if `known_images` contains them."""
    missing = np.flatnonzero(states == UNKNOWN)
    if missing.size:
        rows = match_images(
            [images[row] for row in missing.tolist()], known_images, match=match, known_where="the known images"
        )
        states[missing[rows >= 0]] = UNLABELLED


def _describe_missing_outputs(predictions: Predictions, labels: LabelSets) -> str:
    """Say how many classes have no output; "" if every class has an output, or if this is unknown."""
    columns, count = predictions.output_class_ids, labels.classes.count
    missing = 0 if columns is None or count is None else count - int(np.count_nonzero(columns >= 0))
    return f"; {missing:,} classes without an output" if missing else ""


def images_of_rows(predictions: Predictions, labels: LabelSets | None) -> tuple[str, ...]:
    """Return the image name of each row; predictions without names have the order of the label sets."""
    if predictions.images is not None:
        return predictions.images
    if labels is None or len(predictions) != len(labels):
        raise DataError(
            "missing-image-names",
            "image names are missing, and the number of rows differs",
            allowed=None if labels is None else f"{len(labels):,} rows",
            found=f"{len(predictions):,} rows",
            fix=Fix("name the image of each row: {image_names}, or in the file itself", image_names="[...]"),
        )
    return labels.images


def _image_states(
    labels: LabelSets, label_rows: npt.NDArray[np.int64], is_known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int8]:
    """Return the state of each image as an index of `STATES`; `is_known` are images with an original label."""
    state = np.where(is_known, UNLABELLED, UNKNOWN).astype(np.int8)
    rated = label_rows >= 0
    state[rated] = np.where(labels.sizes[label_rows[rated]] > 0, LABELLED, EMPTY)
    return state


def raise_if_unknown(
    images: tuple[str, ...],
    unknown_rows: npt.NDArray[np.int64],
    known_images: Sequence[str],
    fix: Fix | str | None = None,
) -> None:
    """Raise if any row has an unknown image; the message gives one of `known_images` as an example."""
    if not unknown_rows.size:
        return
    names = [images[row] for row in unknown_rows.tolist()]
    raise DataError(
        "unknown-image",
        f"{len(names):,} of {len(images):,} images are not in the label sets",
        allowed=join_first(known_images, max_items=1) if known_images else "no names: the label sets contain no images",
        found=join_first(names, max_items=3),
        fix=suggest_image_number_fix(names) or fix or _CHECK_NAMES,
    )


def find_class_count(predictions: Predictions, labels: LabelSets, original: LabelSets | None) -> int:
    """Return the number of classes that the labels declare, or else the largest class id plus one.

    Raise if the predictions have another number of outputs, or a larger class id.
    """
    declared = labels.classes.count
    used = 1 + max(int(part.indices.max(initial=-1)) for part in (labels, original) if part is not None)
    if predictions.output_class_ids is not None:
        predicted = int(predictions.output_class_ids.max()) + 1
        if declared is not None and predicted > declared:
            raise DataError(
                "unknown-class",
                "output has a class that is not in the benchmark",
                allowed=f"class ids 0 to {declared - 1}, and -1 for an output without a class",
                found=predicted - 1,
            )
    elif predictions.scores is not None:
        predicted = predictions.scores.shape[1]
    else:
        predicted = int(predictions.class_ids.max(initial=-1)) + 1
    if declared is None:
        if predictions.scores is not None and predictions.output_class_ids is None and predicted < used:
            _raise_wrong_output_count(
                f"at least {used:,} columns, because the labels contain class {used - 1}", predicted, ""
            )
        return max(used, predicted)
    if predicted > declared and predictions.ids is not None:
        row = int(np.argmax((predictions.class_ids >= declared).any(axis=1)))
        class_id = int(predictions.class_ids[row].max())
        fix = "ids count from 0: subtract 1 from every id" if class_id == declared else None
        raise DataError(
            "out-of-range",
            "class id out of range",
            where=f"row {row}",
            allowed=f"0 to {declared - 1}",
            found=class_id,
            fix=fix,
        )
    if predicted != declared and predictions.scores is not None and predictions.output_class_ids is None:
        background = "if the first output is a background class, pass scores[:, 1:]; else "
        _raise_wrong_output_count(f"{declared:,} columns", predicted, background if predicted == declared + 1 else "")
    return declared


def _raise_wrong_output_count(allowed_counts: str, n_outputs: int, fix: str) -> NoReturn:
    """Raise an error because the scores have a wrong number of columns."""
    raise DataError(
        "wrong-outputs",
        "wrong number of outputs",
        allowed=allowed_counts,
        found=f"{n_outputs:,} columns",
        fix=Fix(f"{fix}name the class of each output: {{outputs}}", outputs="[...]"),
    )


def _rank_labels(
    predictions: Predictions,
    labels: LabelSets,
    original: LabelSets | None,
    images: tuple[str, ...],
    state: npt.NDArray[np.int8],
    label_rows: npt.NDArray[np.int64],
    original_rows: npt.NDArray[np.int64],
) -> _Ranks:
    """Rank the valid classes and the original label of each image."""
    sizes = np.where(state == LABELLED, labels.sizes[label_rows], 0) if len(labels) else np.zeros(len(images), int)
    has_original = (original_rows >= 0).astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(sizes + has_original)])
    targets = np.empty(indptr[-1], np.int32)
    labelled, with_original = np.flatnonzero(sizes), np.flatnonzero(has_original)
    valid_at = concatenate_ranges(indptr[labelled], sizes[labelled])
    original_at = indptr[with_original + 1] - 1
    targets[valid_at], _ = labels.classes_of_rows(label_rows[labelled])
    original_ids = np.full(len(images), -1, np.int32)
    if original is not None:
        original_ids[with_original] = original.indices[original.indptr[original_rows[with_original]]]
        targets[original_at] = original_ids[with_original]
    ranks, top1 = ranks_and_top1(predictions, np.arange(len(images)), indptr, targets, images)
    starts = np.concatenate([[0], np.cumsum(sizes[labelled])])
    best, n_valid_found, original_ranks = (np.full(len(images), -1, np.int32) for _ in range(3))
    is_original_valid = np.zeros(len(images), bool)
    best[labelled] = best_ranks(ranks[valid_at], starts)
    if labelled.size:
        within = ranks[valid_at] < np.repeat(sizes[labelled], sizes[labelled])
        n_valid_found[labelled] = np.add.reduceat(within, starts[:-1], dtype=np.int32)
        is_original = targets[valid_at] == np.repeat(original_ids[labelled], sizes[labelled])
        is_original_valid[labelled] = np.logical_or.reduceat(is_original, starts[:-1])
    n_valid_found[sizes > predictions.max_k] = -1
    original_ranks[with_original] = ranks[original_at]
    return _Ranks(top1, best, n_valid_found, original_ranks, is_original_valid)
