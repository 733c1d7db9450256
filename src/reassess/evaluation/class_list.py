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
    """An output of a model whose class cannot be determined from the images."""

    output: int  # id in the model's own numbering
    class_id: int  # class of the id in the list: the best guess
    n_images: int  # images of this class where the model predicts this id
    rival_class_id: int | None  # another class that the id could mean; None if there is none
    n_rival_images: int  # images of the rival class where the model predicts this id

    def to_json(self, classes: Classes) -> dict[str, Any]:
        """Return a dict for JSON output."""
        rival = (
            None
            if self.rival_class_id is None
            else classes.id_and_name(self.rival_class_id) | {"images": self.n_rival_images}
        )
        return {"output": self.output, **classes.id_and_name(self.class_id), "images": self.n_images, "rival": rival}


@dataclass(frozen=True, eq=False)
class FoundClassList:
    """The class list that a model's ids follow, if it is not the class list of the labels.

    The list comes from images with labels: with this list, most predictions on these images are correct.
    """

    class_of_id: Ids  # class of each id, every class once; int64, shape (classes,)
    order_name: str | None  # name of a predefined order; None for any other order
    # Share of correct images if the ids are not converted, and if they are converted with the list. For a predefined
    # order, these are all images with one label. For any other order, these are the images of the confirming half, and
    # the list is from the choosing half.
    accuracy_without_list: Proportion
    accuracy_with_list: Proportion
    # The highest exact p-value of the tests against the unchanged ids and every other rival. For a predefined order, it
    # is multiplied by the number of predefined orders.
    p_value: float
    # Ids whose class cannot be determined: they have too few images, or about as many images of another class. Their
    # class in the list is the best guess. Empty for a predefined order.
    undecided_classes: tuple[UndecidedClass, ...]
    has_class_names: bool = False  # whether the predictions name their classes; ids then number these names

    def __repr__(self) -> str:
        after, before = (
            format_percent(accuracy.value or 0) for accuracy in (self.accuracy_with_list, self.accuracy_without_list)
        )
        return (
            f"FoundClassList({self.order_name or 'unnamed order'}: {after} % correct instead of {before} %, "
            f"{len(self.undecided_classes):,} of {len(self.class_of_id):,} classes undecided)"
        )

    @property
    def n_ids_with_other_class(self) -> int:
        """Number of ids whose class in this list differs from their class in the labels."""
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
            "moved": self.n_ids_with_other_class,
            "class_of": self.class_of_id.tolist(),
            "undecided": [undecided.to_json(classes) for undecided in self.undecided_classes],
        }
