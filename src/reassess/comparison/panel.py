"""Top classes of several models on the same images, and whether they are correct."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets, Match, Predictions
from reassess.core.checks import check_range, check_shape, check_type, check_unique
from reassess.core.class_names import MAX_CLASSES
from reassess.core.classes import require_known_class_ids
from reassess.core.image_names import image_keys, match_images
from reassess.core.labels import DEFAULT_LABEL_SET_NAME
from reassess.errors import DataError, Fix, MissingResult
from reassess.evaluation import Outcomes, find_outcomes, top1_hits
from reassess.evaluation.outcomes import LABELLED
from reassess.evaluation.result import NONE_SCORED
from reassess.numeric.arrays import freeze
from reassess.text import ListTable, Printable, join_first


@dataclass(frozen=True, eq=False, repr=False)
class Panel(Printable):
    """Top classes of several models on the same images. Symbols: M models, N images.

    Parameters
    ----------
    models
        Names of the models, without duplicates.
    images
        Names of the images, as in the predictions of the first model.
    top1
        int32, shape (M, N): class id of each model's top class.
    is_valid
        bool, shape (M, N): whether the top class is in the image's label set; False if the set is empty or missing.
    is_scored
        bool, shape (N,): whether the image has a nonempty label set; ReaL accuracy counts these images.
    is_original_hit
        bool, shape (M, N): whether the top class is the original label; False if the original label is missing.
    is_original_valid
        bool, shape (N,): whether the original label is in the image's label set; False if either is missing.
    label_rows, original_rows
        int64, shape (N,): position of the image in the label sets and in the original labels; -1 if it is missing.
    n_not_shared
        Number of images of each model that are missing from another model's predictions.
    match
        How images are joined with other files.
    label_set
        Name of the label sets.

    Raises
    ------
    DataError
        Models are missing, or a model is named twice.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0, 2], [], [1]])
    >>> Panel.from_predictions({"one": np.array([2, 0, 0]), "two": np.array([1, 1, 1])}, labels)
    Panel(2 models, 3 images, 2 scored)
    """

    models: tuple[str, ...]
    images: tuple[str, ...]
    top1: npt.NDArray[np.int32]
    is_valid: npt.NDArray[np.bool_]
    is_scored: npt.NDArray[np.bool_]
    is_original_hit: npt.NDArray[np.bool_]
    is_original_valid: npt.NDArray[np.bool_]
    label_rows: npt.NDArray[np.int64]
    original_rows: npt.NDArray[np.int64]
    n_not_shared: tuple[int, ...]
    match: Match = "path"
    label_set: str = DEFAULT_LABEL_SET_NAME

    def __post_init__(self) -> None:
        _check_model_names(self.models)
        arrays = ("is_valid", "is_scored", "is_original_hit", "is_original_valid", "label_rows", "original_rows")
        freeze(self, "top1", *arrays)

    @classmethod
    def from_outcomes(cls, outcomes: Mapping[str, Outcomes] | Iterable[tuple[str, Outcomes]]) -> "Panel":
        """Combine the results of several models, on the images that all models predict.

        Parameters
        ----------
        outcomes
            Results of `reassess.find_outcomes` by name of the model, with the same labels. If they are (name, outcomes)
            pairs, one is in memory at a time.

        Returns
        -------
        Panel
            Images are sorted by key, so their order does not depend on the predictions.

        Raises
        ------
        DataError
            The models have no image in common, or were evaluated with different labels.
        """
        columns: list[_ModelColumn] = []
        first: Outcomes | None = None
        for name, model_outcomes in outcomes.items() if isinstance(outcomes, Mapping) else outcomes:
            first = model_outcomes if first is None else first
            columns.append(_make_model_column(name, model_outcomes, first))
        models = tuple(column.model for column in columns)
        _check_model_names(models)
        assert first is not None
        common = np.flatnonzero(np.logical_and.reduce([column.has_image for column in columns]))
        if not common.size:
            _raise_no_common_images(columns)
        rows = common[_order_by_key([first.images[row] for row in common.tolist()], first.match)]
        return cls(
            models=models,
            images=tuple(first.images[row] for row in rows.tolist()),
            top1=np.stack([column.top1[rows] for column in columns]),
            is_valid=np.stack([column.is_valid[rows] for column in columns]),
            is_scored=(first.states == LABELLED)[rows],
            is_original_hit=np.stack([column.is_original_hit[rows] for column in columns]),
            is_original_valid=first.is_original_valid[rows],
            label_rows=first.label_rows[rows],
            original_rows=first.original_rows[rows],
            n_not_shared=tuple(column.n_images - rows.size for column in columns),
            match=first.match,
            label_set=first.label_set,
        )

    @classmethod
    def from_predictions(
        cls,
        predictions: Mapping[str, Predictions | npt.NDArray[Any]],
        labels: LabelSets,
        *,
        original: LabelSets | None = None,
        match: Match = "path",
        ignore_unknown: bool = False,
    ) -> "Panel":
        """Evaluate several models, and combine the results on the images that all models predict.

        Parameters
        ----------
        predictions
            The predictions by name of the model.
        labels, original, match, ignore_unknown
            As for `reassess.evaluate`.

        Raises
        ------
        DataError
            As for `reassess.evaluate`; or the models have no image in common.
        """
        options: dict[str, Any] = {"original": original, "match": match, "ignore_unknown": ignore_unknown}
        return cls.from_outcomes(
            (name, find_outcomes(model_predictions, labels, **options))
            for name, model_predictions in predictions.items()
        )

    @classmethod
    def from_ids(
        cls,
        models: Sequence[str],
        top1: npt.NDArray[np.integer],
        labels: LabelSets,
        *,
        original: LabelSets | None = None,
    ) -> "Panel":
        """Create a `Panel` from the models' top classes on all images of the label sets, in the order of the images.

        Parameters
        ----------
        models
            Names of the models.
        top1
            Integers, shape (M, N): class ids.
        labels, original
            The label sets of the N images, and their original labels.

        Raises
        ------
        DataError
            The shape of `top1` is not (models, images); an id is out of range; or the labels have only class names, so
            that ids have no meaning.

        Examples
        --------
        >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[0, 2], [1]])
        >>> Panel.from_ids(["one", "two"], np.array([[2, 0], [1, 1]]), labels).is_valid
        array([[ True, False],
               [False,  True]])
        """
        _check_top1(models, top1, labels)
        label_rows = _order_by_key(labels.images)
        ids = top1.astype(np.int32, copy=False)
        if (np.diff(label_rows) < 0).any():
            ids = ids[:, label_rows]
        images = tuple(labels.images[row] for row in label_rows.tolist())
        original_rows, original_hit = np.full(len(labels), -1), np.zeros(ids.shape, bool)
        original_ids = np.full((1, len(labels)), -1, np.int32)
        if original is not None:
            original = original.convert_to_classes(labels.classes)
            original_rows = match_images(images, original.images, known_where="the original labels")
            original_hit = _is_top1_in_labels(ids, original, original_rows)
            has_original = original_rows >= 0
            original_ids[:, has_original] = original.indices[original.indptr[original_rows[has_original]]]
        return cls(
            models=tuple(models),
            images=images,
            top1=ids,
            is_valid=_is_top1_in_labels(ids, labels, label_rows),
            is_scored=labels.sizes[label_rows] > 0,
            is_original_hit=original_hit,
            is_original_valid=_is_top1_in_labels(original_ids, labels, label_rows)[0],
            label_rows=label_rows,
            original_rows=original_rows,
            n_not_shared=(0,) * len(models),
            label_set=labels.title,
        )

    @property
    def is_only_prediction_valid(self) -> npt.NDArray[np.bool_]:
        """Whether a model's top class is valid, and the original label is not; bool, shape (M, N)."""
        return self.is_valid & self.has_original_label & ~self.is_original_valid

    @property
    def has_original_label(self) -> npt.NDArray[np.bool_]:
        """Whether each image has an original label, so that it counts in original accuracy; bool, shape (N,)."""
        return self.original_rows >= 0

    def check_has_scored_images(self) -> None:
        """Raise `DataError` if no image is scored."""
        if not self.is_scored.any():
            raise DataError("none-scored", NONE_SCORED, fix="use predictions on images with valid labels")

    @property
    def _headline(self) -> str:
        scored = int(np.count_nonzero(self.is_scored))
        return f"Panel({len(self.models):,} models, {len(self.images):,} images, {scored:,} scored)"

    def _notebook_table(self) -> ListTable:
        hits = (
            np.count_nonzero(self.is_valid, axis=1),
            np.count_nonzero(self.is_original_hit, axis=1),
            self.n_not_shared,
        )
        counts = zip(self.models, *hits, strict=True)
        rows = (
            (model, f"{real:,}", f"{original:,}", f"{not_shared:,}") for model, real, original, not_shared in counts
        )
        return ListTable(
            ("model", "correct", "correct by original labels", "images not shared"), len(self.models), rows
        )


@dataclass(frozen=True)
class _ModelColumn:
    """The results of one model, arranged in the order of the first model's images."""

    model: str
    images_text: str  # number and examples of its images, for messages
    n_images: int  # number of its images
    has_image: npt.NDArray[np.bool_]  # whether the image is in its predictions
    top1: npt.NDArray[np.int32]
    is_valid: npt.NDArray[np.bool_]
    is_original_hit: npt.NDArray[np.bool_]


def check_panel(value: object) -> None:
    """Raise `DataError` unless the value is a `Panel`."""
    check_type(Panel, value, value_name="models on the same images", fix="Panel.from_predictions(MODELS, LABELS)")


def _check_model_names(models: tuple[str, ...]) -> None:
    if not models:
        raise DataError("missing-models", "no model was given", fix="give the predictions of at least one model")
    check_unique(models, value_name="a model")


def _check_top1(models: Sequence[str], top1: npt.NDArray[np.integer], labels: LabelSets) -> None:
    check_shape(top1, (len(models), len(labels)), value_name="the top-1 classes", kind="integers")
    require_known_class_ids(labels.classes, where="the top-1 classes")
    check_range(
        top1,
        0,
        (labels.classes.count or MAX_CLASSES) - 1,
        value_name="class id",
        where=lambda model, image: f"model {models[model]}, image {labels.images[image]}",
    )


def _raise_no_common_images(columns: list[_ModelColumn]) -> NoReturn:
    most = 5
    lines = [f"{column.model}: {column.images_text}" for column in columns[:most]]
    more = [f"and {len(columns) - most:,} more models"] if len(columns) > most else []
    raise DataError(
        "nothing-in-common",
        "models have no image in common",
        found="\n".join(lines + more),
        fix=Fix("use the same image names, or match images by another part of the name: {match}", match='"name"'),
    )


def _make_model_column(model: str, outcomes: Outcomes, first_outcomes: Outcomes) -> _ModelColumn:
    """Arrange a model's results in the order of the first model's images."""
    rows = match_images(
        first_outcomes.images, outcomes.images, match=outcomes.match, where="the first model", known_where=model
    )
    is_in = rows >= 0
    for first_rows, model_rows in (
        (first_outcomes.label_rows, outcomes.label_rows),
        (first_outcomes.original_rows, outcomes.original_rows),
    ):
        if (first_rows[is_in] != model_rows[rows[is_in]]).any():
            raise DataError(
                "different-labels",
                "models were evaluated with different labels",
                where=model,
                fix="evaluate all models with the same labels",
            )
    # A missing image has row -1, so it gets the appended value.
    return _ModelColumn(
        model=model,
        images_text=f"{len(outcomes):,} images"
        + (f", such as {join_first(outcomes.images, max_items=2)}" if len(outcomes) else ""),
        n_images=len(outcomes),
        has_image=is_in,
        top1=np.append(outcomes.top1, np.int32(-1))[rows],
        is_valid=np.append(outcomes.best_ranks == 0, False)[rows],
        is_original_hit=np.append(outcomes.original_ranks == 0, False)[rows],
    )


def _order_by_key(images: Sequence[str], match: Match = "path") -> npt.NDArray[np.int64]:
    """Return the positions of the images, sorted by the part of the name that identifies an image."""
    return np.array(sorted(range(len(images)), key=image_keys(images, match).__getitem__), np.int64)


def _is_top1_in_labels(
    top1: npt.NDArray[np.int32], labels: LabelSets, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return whether each top class is a label of its image; `rows`: each image's row in the labels, or -1."""
    has_row = np.flatnonzero(rows >= 0)
    targets, sizes = labels.classes_of_rows(rows[has_row])
    counts = np.zeros(rows.size, np.int64)
    counts[has_row] = sizes
    return top1_hits(top1, np.concatenate([[0], np.cumsum(counts)]), targets)


def restrict_to_common_images(outcomes: Mapping[str, Outcomes]) -> dict[str, Outcomes] | MissingResult | None:
    """Restrict the outcomes of several models to the images that all models predict.

    The result is None if all models predict the same images, and `MissingResult` if they have no image in common.
    """
    first = next(iter(outcomes.values()))
    rows = {
        model: match_images(
            first.images, model_outcomes.images, match=model_outcomes.match, where="the first model", known_where=model
        )
        for model, model_outcomes in outcomes.items()
    }
    common = np.logical_and.reduce([model_rows >= 0 for model_rows in rows.values()])
    shared = int(np.count_nonzero(common))
    if all(len(model_outcomes) == shared for model_outcomes in outcomes.values()):
        return None
    if not shared:
        return MissingResult("models have no image in common")
    return {model: outcomes[model].select_rows(model_rows[common]) for model, model_rows in rows.items()}
