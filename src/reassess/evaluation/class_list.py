"""The class list of a model's ids, if it is not the class list of the labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.core.checks import check_range
from reassess.numeric import Proportion
from reassess.text import format_percent

Ids = npt.NDArray[np.int64]
_MAX_OUTPUTS = 1 << 20  # limit for the length of a class list


@dataclass(frozen=True)
class UndecidedClass:
    """An output whose class the images do not determine."""

    output: int  # id in the model's own numbering
    class_id: int  # class of the id in the list: the best guess
    n_images: int  # images of this class that have this id as prediction
    rival_class_id: int | None  # class of another id that could be the correct one; None if there is none
    n_rival_images: int  # images of the rival class that have this id as prediction

    def to_json(self, classes: Classes) -> dict[str, Any]:
        """Return a dict for JSON output."""
        rival = (
            None
            if self.rival_class_id is None
            else classes.id_and_name(self.rival_class_id) | {"images": self.n_rival_images}
        )
        return {"output": self.output, **classes.id_and_name(self.class_id), "images": self.n_images, "rival": rival}


@dataclass(frozen=True, eq=False)
class ClassList:
    """The class list that a model's ids follow, if it is not the class list of the labels.

    The list is found by images with labels: most predictions on them are correct with this list.
    """

    class_of_id: Ids  # class of each id, every class once; int64, shape (classes,)
    order_name: str | None  # name of a known order; None for any other order
    # Share of correct images if the ids are not converted, and if they are converted with the list. For a known order,
    # the images are all images with one label; for any other order, the confirming half of the images, with the list
    # from the choosing half.
    accuracy_without_list: Proportion
    accuracy_with_list: Proportion
    # Highest exact p-value against the unchanged ids and every other rival; for a known order, multiplied by the number
    # of known orders.
    p_value: float
    # Ids whose class the images do not determine, because they have too few images, or about as many of another class.
    # Their class in the list is the best guess. Empty for a known order.
    undecided_classes: tuple[UndecidedClass, ...]
    has_class_names: bool = False  # whether the predictions name their classes; ids then number these names

    def __repr__(self) -> str:
        return (
            f"ClassList({self.order_name or 'unnamed order'}: {format_percent(self.accuracy_with_list.value or 0)} % "
            "correct "
            f"instead of {format_percent(self.accuracy_without_list.value or 0)} %, {len(self.undecided_classes):,} of "
            f"{len(self.class_of_id):,} classes undecided)"
        )

    @property
    def n_reassigned_ids(self) -> int:
        """Number of ids that mean another class in this list than in the class list of the labels."""
        return int(np.count_nonzero(self.class_of_id != np.arange(len(self.class_of_id))))

    def classes_of_outputs(self, predictions: Predictions) -> Ids:
        """Return the class of each output of a model, int64, shape (outputs,); -1 for no class."""
        if predictions.output_class_ids is not None:
            ids = predictions.output_class_ids
        elif predictions.ids is not None:
            check_range(predictions.ids, -1, _MAX_OUTPUTS - 1, value_name="class id", where="row {}, column {}".format)
            ids = np.arange(max(len(self.class_of_id), int(predictions.ids.max(initial=0)) + 1))
        else:
            ids = np.arange(predictions.max_k)
        is_listed = (ids >= 0) & (ids < len(self.class_of_id))
        return np.where(is_listed, self.class_of_id[np.where(is_listed, ids, 0)], ids)

    def output_names(self, predictions: Predictions, classes: Classes) -> list[str]:
        """Return the class name of each output, in the form that ``--classes`` reads."""
        if predictions.has_class_names:
            texts = [classes.class_file_line(class_id) for class_id in range(len(classes.wnids_or_names))]
            return [f"{text}\t{texts[class_id]}" for text, class_id in zip(texts, self.class_of_id, strict=True)]
        outputs = self.classes_of_outputs(predictions).tolist()
        no_class = classes.text_for_no_class
        return [no_class if class_id < 0 else classes.class_file_line(class_id) for class_id in outputs]

    def to_json(self, classes: Classes) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "order": self.order_name,
            "before": self.accuracy_without_list.to_json(),
            "after": self.accuracy_with_list.to_json(),
            "p_value": self.p_value,
            "moved": self.n_reassigned_ids,
            "class_of": self.class_of_id.tolist(),
            "undecided": [undecided.to_json(classes) for undecided in self.undecided_classes],
        }
