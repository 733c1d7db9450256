"""From label sets or scores to targets for a loss: multi-hot, uniform over the valid classes, or probabilities."""

import warnings
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets, Loss, Scores, TrainingTargets
from reassess.core.checks import check_known, check_number, check_type
from reassess.errors import DataError, ReassessWarning
from reassess.text import counted, some

TargetKind = Literal["multi-hot", "uniform", "scores"]
_LOSS_OF: dict[TargetKind, Loss] = {"multi-hot": "sigmoid", "uniform": "soft-max"}


def training_targets(
    labels: LabelSets | Scores,
    kind: TargetKind,
    *,
    loss: Loss | None = None,
    smoothing: float = 0.0,
    classes: int | None = None,
) -> TrainingTargets:
    """Targets to train a model on.

    An image without a valid class has no target: it is listed in `without_target`, and a warning counts it.

    Parameters
    ----------
    labels
        Label sets; or, for ``scores``, scores; a class without a score counts as 0.
    kind
        ``multi-hot``: 1 for each valid class, for a sigmoid loss. ``uniform``: 1/n for each of the n valid classes, for
        a soft-max loss. ``scores``: for a sigmoid loss, P(class valid) as it is, since each class is a question of its
        own; for a soft-max loss, divided by the sum of the image, since it asks which one class it is.
    loss
        ``sigmoid`` or ``soft-max``; needed for ``scores``, which can be used for both.
    smoothing
        A share s, 0 to 1, that is taken from what the labels say: y becomes (1 - s) y + s/2 for a sigmoid loss, which
        has two outcomes for each class, and (1 - s) y + s/C for a soft-max loss of C classes.
    classes
        How many classes there are; by default as many as the labels declare.

    Raises
    ------
    DataError
        The kind, the loss and the labels do not fit; smoothing is out of range; the number of classes is neither given
        nor declared, or smaller than a class id; no image has a valid class.

    Warns
    -----
    ReassessWarning
        Images have no valid class.

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
    Smoothing is that of Keras's BinaryCrossentropy, and of the soft-max losses of PyTorch, Keras, timm and optax.
    Multi-hot targets for a sigmoid loss: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 6.
    """
    check_known([kind], get_args(TargetKind), thing="kind of target")
    check_type(Scores if kind == "scores" else LabelSets, labels)
    loss = _loss(kind, loss)
    check_number(smoothing, 0, 1, what="smoothing")
    if isinstance(labels, Scores):
        known = labels.questions.classes
        images, indptr, ids, values = _of_scores(labels)
    else:
        known, images, indptr, ids = labels.classes, labels.images, labels.indptr, labels.indices
        values = np.ones(ids.size)
    classes = known.count if classes is None else classes
    if classes is None:
        raise DataError(
            "missing-class-count", "labels do not give the number of classes", fix="give the number of classes"
        )
    check_number(classes, 1, what="number of classes", whole=True)
    sums = np.bincount(np.repeat(np.arange(len(images)), np.diff(indptr)), values, len(images))
    kept = sums > 0
    if not kept.any():
        raise DataError("no-valid-class", "no image has a valid class", found=counted(len(images), "image"))
    sizes = np.diff(indptr)
    of_kept = np.repeat(kept, sizes)
    shares = values[of_kept] / (np.repeat(sums[kept], sizes[kept]) if loss == "soft-max" else 1)
    background = smoothing / (classes if loss == "soft-max" else 2)
    without_target = tuple(images[row] for row in np.flatnonzero(~kept).tolist())
    if without_target:
        text = f"{len(without_target):,} of {counted(len(images), 'image')} without a valid class get no target: "
        warnings.warn(f"{text}{some(without_target, most=3)}", ReassessWarning, stacklevel=2)
    return TrainingTargets(
        images=tuple(images[row] for row in np.flatnonzero(kept).tolist()),
        indptr=np.concatenate([[0], np.cumsum(sizes[kept])]),
        indices=ids[of_kept],
        values=((1 - smoothing) * shares + background).astype(np.float32),
        background=background,
        classes=classes,
        loss=loss,
        without_target=without_target,
    )


def _loss(kind: TargetKind, given: Loss | None) -> Loss:
    """The loss of a kind of targets; `DataError` unless the one that is given fits."""
    if given is not None:
        check_known([given], get_args(Loss), thing="loss")
    own = _LOSS_OF.get(kind)
    loss = own or given
    if loss is None:
        raise DataError(
            "missing-option",
            "loss is missing: scores can become targets of both losses",
            allowed=" or ".join(f"loss={loss!r}" for loss in get_args(Loss)),
            fix="give the loss",
        )
    if own is not None and given not in (None, own):
        raise DataError("wrong-loss", f"{kind} targets do not fit this loss", allowed=own, found=given)
    return loss


def _of_scores(
    scores: Scores,
) -> tuple[tuple[str, ...], npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Images, and the scored classes of each with their scores."""
    questions = scores.questions
    order = np.lexsort((questions.class_ids, questions.image_ids))
    sizes = np.bincount(questions.image_ids, minlength=len(questions.images))
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    return questions.images, indptr, questions.class_ids[order].astype(np.int32), scores.values[order]
