"""The class list of a model's ids, if it differs from the labels'."""

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
    """Another class list, confirmed by the images."""

    class_of: Ids  # class of each id, every class once; int64, shape (classes,)
    order_name: str | None  # name of a known order; None for any other order
    # Correct images with the ids as given, and with the list. For a known order, these are all images with one label;
    # for any other order, the confirming half of the images, with the list from the choosing half.
    correct_as_given: Proportion
    correct_by_list: Proportion
    # Highest exact p-value against the ids as given and every other rival; for a known order, multiplied by the number
    # of known orders.
    p_value: float
    # Ids whose class the images do not determine, because they have too few images, or about as many of another class.
    # Their class in the list is the best guess. Empty for a known order.
    undecided: tuple[UndecidedClass, ...]
    has_class_names: bool = False  # whether the predictions name their classes; ids then number these names

    def __repr__(self) -> str:
        return (
            f"ClassList({self.order_name or 'unnamed order'}: {format_percent(self.correct_by_list.value or 0)} % "
            "correct "
            f"instead of {format_percent(self.correct_as_given.value or 0)} %, {len(self.undecided):,} of "
            f"{len(self.class_of):,} classes undecided)"
        )

    @property
    def n_moved(self) -> int:
        """Number of ids whose class in the list has another id."""
        return int(np.count_nonzero(self.class_of != np.arange(len(self.class_of))))

    def classes_of_outputs(self, predictions: Predictions) -> Ids:
        """Return the class of each output of a model, int64, shape (outputs,); -1 for no class."""
        if predictions.output_class_ids is not None:
            ids = predictions.output_class_ids
        elif predictions.ids is not None:
            check_range(predictions.ids, -1, _MAX_OUTPUTS - 1, value_name="class id", where="row {}, column {}".format)
            ids = np.arange(max(len(self.class_of), int(predictions.ids.max(initial=0)) + 1))
        else:
            ids = np.arange(predictions.max_k)
        is_listed = (ids >= 0) & (ids < len(self.class_of))
        return np.where(is_listed, self.class_of[np.where(is_listed, ids, 0)], ids)

    def output_names(self, predictions: Predictions, classes: Classes) -> list[str]:
        """Return the class name of each output, in the form that ``--classes`` reads."""
        if predictions.has_class_names:
            texts = [classes.class_file_line(class_id) for class_id in range(len(classes.texts))]
            return [f"{text}\t{texts[class_id]}" for text, class_id in zip(texts, self.class_of, strict=True)]
        outputs = self.classes_of_outputs(predictions).tolist()
        return [classes.no_class_text if class_id < 0 else classes.class_file_line(class_id) for class_id in outputs]

    def to_json(self, classes: Classes) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "order": self.order_name,
            "before": self.correct_as_given.to_json(),
            "after": self.correct_by_list.to_json(),
            "p_value": self.p_value,
            "moved": self.n_moved,
            "class_of": self.class_of.tolist(),
            "undecided": [each.to_json(classes) for each in self.undecided],
        }
