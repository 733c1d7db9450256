"""The class list of a model's ids, if it differs from the labels'."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.core.checks import check_range
from reassess.numeric import Proportion
from reassess.text import percent

Ids = npt.NDArray[np.int64]
_MOST_OUTPUTS = 1 << 20  # in a list


@dataclass(frozen=True)
class UndecidedClass:
    """An output whose class the images do not determine."""

    output: int  # The id, as the model gives it
    class_id: int  # Its class in the list, as the best guess
    images: int  # Images of this class that the model gave this id
    # rival, rival_images: The class of another id that may be the right one, and images of that class with this id;
    # None and 0 without another
    rival: int | None
    rival_images: int

    def to_json(self, classes: Classes) -> dict[str, Any]:
        """The object that JSON documents hold."""
        rival = None if self.rival is None else classes.id_and_name(self.rival) | {"images": self.rival_images}
        return {"output": self.output, **classes.id_and_name(self.class_id), "images": self.images, "rival": rival}


@dataclass(frozen=True, eq=False)
class ClassList:
    """Another class list, confirmed by the images."""

    class_of: Ids  # int64, shape (classes,): the class of each id; every class once
    order: str | None  # Name of a known order; None for any other
    # before, after: Images that are correct with the ids as given, and with the list: all images with one label for
    # a known order, otherwise the confirming half, with the list that the other half chose
    before: Proportion
    after: Proportion
    # Exact p-value: the highest against the ids as given and every other rival; for a known order, times the number
    # of known orders
    p_value: float
    # Ids whose class the images do not determine: too few images, or as many for another class. The list has a best
    # guess. A known order has none
    undecided: tuple[UndecidedClass, ...]
    by_name: bool = False  # Whether the predictions name their classes: then the ids are those of the names

    def __repr__(self) -> str:
        return (
            f"ClassList({self.order or 'unnamed order'}: {percent(self.after.value or 0)} % correct instead of "
            f"{percent(self.before.value or 0)} %, {len(self.undecided):,} of {len(self.class_of):,} classes undecided)"
        )

    @property
    def moved(self) -> int:
        """Number of ids that are another class than their own."""
        return int(np.count_nonzero(self.class_of != np.arange(len(self.class_of))))

    def of_outputs(self, predictions: Predictions) -> Ids:
        """The class of each of a model's outputs, int64, shape (outputs,); -1 for an output that is not a class."""
        if predictions.columns is not None:
            given = predictions.columns
        elif predictions.ids is not None:
            check_range(predictions.ids, -1, _MOST_OUTPUTS - 1, what="class id", where="row {}, column {}".format)
            given = np.arange(max(len(self.class_of), int(predictions.ids.max(initial=0)) + 1))
        else:
            given = np.arange(predictions.depth)
        is_listed = (given >= 0) & (given < len(self.class_of))
        return np.where(is_listed, self.class_of[np.where(is_listed, given, 0)], given)

    def names(self, predictions: Predictions, classes: Classes) -> list[str]:
        """The name of each output, as `read_predictions` and ``--classes`` read it."""
        if predictions.by_name:
            texts = [classes.line_text(class_id) for class_id in range(len(classes.texts))]
            return [f"{text}\t{texts[class_id]}" for text, class_id in zip(texts, self.class_of, strict=True)]
        outputs = self.of_outputs(predictions).tolist()
        return [classes.no_class if class_id < 0 else classes.line_text(class_id) for class_id in outputs]

    def to_json(self, classes: Classes) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "order": self.order,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "p_value": self.p_value,
            "moved": self.moved,
            "class_of": self.class_of.tolist(),
            "undecided": [each.to_json(classes) for each in self.undecided],
        }
