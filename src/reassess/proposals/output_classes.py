"""Which class each of a model's outputs is, in the benchmark's list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.errors import DataError
from reassess.evaluation.probabilities import rows_of_probabilities
from reassess.formats.predictions.output_lists import LIST_OUTPUTS, OUTPUT_LIST, map_outputs, refuse_blank_lines
from reassess.text import counted, nearest, some

_EXAMPLES = 3


@dataclass(frozen=True, eq=False)
class OutputClasses:
    """The classes of a model's outputs."""

    classes: Classes  # the benchmark's; without a number, they are whatever the outputs are
    # (outputs,): the class of each output, -1 for none; None if they are the classes in their order.
    columns: npt.NDArray[np.int64] | None
    unknown: tuple[str, ...] = ()  # names of outputs that no class has, except dashes

    @classmethod
    def of(cls, outputs: int, names: Sequence[str] | None, classes: Classes) -> "OutputClasses":
        """The classes of a number of outputs."""
        allowed = classes.count if names is None else len(names)
        if allowed not in (None, outputs):
            what = "classes of the benchmark" if names is None else "names of outputs"
            raise DataError(
                "wrong-outputs",
                "wrong number of outputs",
                allowed=f"{allowed:,}, as many as there are {what}",
                found=f"{outputs:,}",
                fix=LIST_OUTPUTS if names is None else "list every output, in order",
            )
        if names is None:
            return cls(classes, None)
        refuse_blank_lines(names)
        if classes.count is None:
            return cls(Classes(outputs, names=tuple(names)), None)
        columns = map_outputs(classes, names, where=OUTPUT_LIST)
        unknown = [name for name, column in zip(names, columns, strict=True) if column < 0 and name.strip(" -")]
        return cls(classes, columns, tuple(unknown))

    def unknown_in_words(self) -> str:
        """Text about the outputs whose name no class has, each with the most similar class."""
        labels = [self.classes.label(class_id) for class_id in range(self.classes.count or 0)]
        near = [(name, nearest(name, (*labels, *self.classes.wnids))) for name in self.unknown[:_EXAMPLES]]
        shown = [repr(name) + (f" ({question})" if question else "") for name, question in near]
        more = [repr(name) for name in self.unknown[_EXAMPLES:]]
        outputs = counted(len(self.unknown), "output has", "outputs have")
        return f"{outputs} a name that no class has, and no score in the file: {some([*shown, *more], most=_EXAMPLES)}"

    @property
    def without_class(self) -> int:
        """Number of outputs that are not classes."""
        return 0 if self.columns is None else int(np.count_nonzero(self.columns < 0))

    @property
    def without_output(self) -> int:
        """Number of classes without an output."""
        if self.columns is None or self.classes.count is None:
            return 0
        return self.classes.count - self.columns.size + self.without_class

    def shared_out(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Scores without probabilities of outputs that are not classes.

        In a row of probabilities, the classes' are divided by their sum, or made equal if all are 0, and the others
        become 0. Other scores stay as they are.
        """
        rows = (
            np.flatnonzero(rows_of_probabilities(scores)[1]) if self.without_class and len(scores) else np.empty(0, int)
        )
        if not rows.size:
            return scores
        of_class = np.where(self._are_classes, scores[rows].astype(np.float64), 0)
        sums = of_class.sum(axis=1, keepdims=True)
        even = self._are_classes / np.count_nonzero(self._are_classes)
        shared = scores.astype(np.float64)
        shared[rows] = np.where(sums > 0, of_class / np.where(sums > 0, sums, 1), even)
        return shared

    def best(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The best output that is a class; of equal ones, the lower class id."""
        if self.columns is None:
            return np.asarray(scores.argmax(axis=1))
        order = np.argsort(self.columns, kind="stable")[self.without_class :]
        return np.asarray(order[scores[:, order].argmax(axis=1)])

    @property
    def _are_classes(self) -> npt.NDArray[np.bool_]:
        assert self.columns is not None
        return self.columns >= 0

    def ordered(self, scores: npt.NDArray[np.float16], *, empty: float) -> npt.NDArray[np.float16]:
        """Scores in the order of the classes, shape (images, classes); `empty` for a class without an output."""
        if self.columns is None:
            return scores
        kept = self._are_classes
        together = np.full((len(scores), self.classes.count or 0), empty, np.float16)
        together[:, self.columns[kept]] = scores[:, kept]
        return together

    def predictions(self, scores: npt.NDArray[np.float16], images: Sequence[str]) -> Predictions:
        """Scores in the order of the outputs as predictions of the classes."""
        return Predictions.from_scores(scores, images, columns=self.columns, classes=self.classes)
