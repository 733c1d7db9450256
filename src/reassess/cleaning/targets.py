"""Training targets from label sets or scores: multi-hot, uniform over valid classes, or probabilities."""

import warnings
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets, Loss, Scores, TrainingTargets
from reassess.core.checks import check_known, check_number, check_type
from reassess.errors import DataError, ReassessWarning
from reassess.text import count_noun, join_first

TargetKind = Literal["multi-hot", "uniform", "scores"]
_REQUIRED_LOSSES: dict[TargetKind, Loss] = {"multi-hot": "sigmoid", "uniform": "soft-max"}


def training_targets(
    labels: LabelSets | Scores,
    kind: TargetKind,
    *,
    loss: Loss | None = None,
    smoothing: float = 0.0,
    n_classes: int | None = None,
) -> TrainingTargets:
    """Make targets to train a model.

    An image without a valid class gets no target: `images_without_target` lists such images, and a warning counts them.

    Parameters
    ----------
    labels
        Label sets; or scores, for the kind ``scores``, where a class without a score counts as 0.
    kind
        ``multi-hot``: 1 for each valid class, for a sigmoid loss. ``uniform``: 1/n for each of the n valid classes, for
        a soft-max loss. ``scores``: P(class valid), for a sigmoid loss, where each class is a separate question; for a
        soft-max loss, where an image has one class, P(class valid) divided by its sum over the classes of the image.
    loss
        ``sigmoid`` or ``soft-max``; needed for ``scores``, which can be used for both.
    smoothing
        Label smoothing s, 0 to 1: a target y becomes (1 - s) y + s/2 for a sigmoid loss, which has two outcomes for
        each class, and (1 - s) y + s/C for a soft-max loss with C classes.
    n_classes
        Number of classes; by default the number that the labels declare.

    Raises
    ------
    DataError
        The kind, the loss and the labels do not match; smoothing is out of range; the labels do not declare the number
        of classes, and `n_classes` is missing; a class id is too large; or no image has a valid class.

    Warns
    -----
    ReassessWarning
        An image has no valid class.

    Examples
    --------
    >>> from reassess.core.classes import Classes
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[0, 2], [1]], Classes(4))
    >>> training_targets(labels, "multi-hot").to_array()
    array([[1., 0., 1., 0.],
           [0., 1., 0., 0.]], dtype=float32)
    >>> training_targets(labels, "uniform", smoothing=0.2).to_array()
    array([[0.45, 0.05, 0.45, 0.05],
           [0.05, 0.85, 0.05, 0.05]], dtype=float32)

    Notes
    -----
    Smoothing equals that of BinaryCrossentropy in Keras, and of the soft-max losses of PyTorch, Keras, timm and optax.
    Multi-hot targets for a sigmoid loss: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 6.
    """
    check_known([kind], get_args(TargetKind), value_name="kind of target")
    check_type(Scores if kind == "scores" else LabelSets, labels)
    loss = _choose_loss(kind, loss)
    check_number(smoothing, 0, 1, value_name="smoothing")
    if isinstance(labels, Scores):
        class_list = labels.questions.classes
        images, indptr, ids, values = _sort_scores(labels)
    else:
        class_list, images, indptr, ids = labels.classes, labels.images, labels.indptr, labels.indices
        values = np.ones(ids.size)
    n_classes = class_list.count if n_classes is None else n_classes
    if n_classes is None:
        raise DataError(
            "missing-class-count", "labels do not declare the number of classes", fix="pass the number of classes"
        )
    check_number(n_classes, 1, value_name="number of classes", is_whole=True)
    sums = np.bincount(np.repeat(np.arange(len(images)), np.diff(indptr)), values, len(images))
    has_target = sums > 0
    if not has_target.any():
        raise DataError("no-valid-class", "no image has a valid class", found=count_noun(len(images), "image"))
    sizes = np.diff(indptr)
    is_used = np.repeat(has_target, sizes)
    shares = values[is_used] / (np.repeat(sums[has_target], sizes[has_target]) if loss == "soft-max" else 1)
    background = smoothing / (n_classes if loss == "soft-max" else 2)
    without_target = tuple(images[row] for row in np.flatnonzero(~has_target).tolist())
    if without_target:
        text = f"{len(without_target):,} of {count_noun(len(images), 'image')} without a valid class get no target: "
        warnings.warn(f"{text}{join_first(without_target, max_items=3)}", ReassessWarning, stacklevel=2)
    return TrainingTargets(
        images=tuple(images[row] for row in np.flatnonzero(has_target).tolist()),
        indptr=np.concatenate([[0], np.cumsum(sizes[has_target])]),
        indices=ids[is_used],
        values=((1 - smoothing) * shares + background).astype(np.float32),
        background_value=background,
        n_classes=n_classes,
        loss=loss,
        images_without_target=without_target,
    )


def _choose_loss(kind: TargetKind, requested_loss: Loss | None) -> Loss:
    """Return the loss for a kind of targets; raise if `requested_loss` does not fit the kind."""
    if requested_loss is not None:
        check_known([requested_loss], get_args(Loss), value_name="loss")
    needed = _REQUIRED_LOSSES.get(kind)
    loss = needed or requested_loss
    if loss is None:
        raise DataError(
            "missing-option",
            "loss is missing, and each loss needs other targets",
            allowed=" or ".join(f"loss={loss!r}" for loss in get_args(Loss)),
            fix="choose the loss",
        )
    if needed is not None and requested_loss not in (None, needed):
        raise DataError("wrong-loss", f"{kind} targets need another loss", allowed=needed, found=requested_loss)
    return loss


class _SortedScores(NamedTuple):
    """Scores sorted by image and class: image i has ``values[indptr[i]:indptr[i + 1]]``."""

    images: tuple[str, ...]
    indptr: npt.NDArray[np.int64]
    class_ids: npt.NDArray[np.int32]
    values: npt.NDArray[np.float64]


def _sort_scores(scores: Scores) -> _SortedScores:
    """Sort scores by image and class."""
    questions = scores.questions
    order = np.lexsort((questions.class_ids, questions.image_ids))
    sizes = np.bincount(questions.image_ids, minlength=len(questions.images))
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    return _SortedScores(questions.images, indptr, questions.class_ids[order].astype(np.int32), scores.values[order])
