"""Questions that were never asked: predicted (image, class) pairs that nobody judged."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.questions import Questions
from reassess.numeric.arrays import freeze
from reassess.text import Listed, Shown

__all__ = ["OpenQuestions"]


@dataclass(frozen=True, eq=False, repr=False)
class OpenQuestions(Shown):
    """Questions that were never asked, the most informative first. Symbols: Q questions, M models.

    Most informative is what most models put first; then what most models name at all; then the higher mean probability
    (those without one last); then the better mean rank; then the image's key and the class id.

    Parameters
    ----------
    questions
        The questions; images are named as in the label sets, or as a model names them.
    models
        Name of each model.
    named
        bool, shape (Q, M): whether the model names the class among its best.
    first
        int64, shape (Q,): how many models put the class first.
    probability
        float64, shape (Q,): mean probability over the models that name the class and give scores; NaN where none does.
    never_rated
        bool, shape (Q,): whether the image was never rated; else it was, and nobody proposed the class.
    unknown
        How many images of each model are left out, because no file knows them.
    """

    questions: Questions
    models: tuple[str, ...]
    named: npt.NDArray[np.bool_]
    first: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float64]
    never_rated: npt.NDArray[np.bool_]
    unknown: tuple[int, ...]

    def __post_init__(self) -> None:
        freeze(self, "named", "first", "probability", "never_rated")

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def _headline(self) -> str:
        rated = int(np.count_nonzero(~self.never_rated))
        return f"OpenQuestions({len(self):,} questions, {rated:,} on rated images, {len(self.models):,} models)"

    def _list(self) -> Listed:
        classes, class_ids = self.questions.classes, self.questions.class_ids.tolist()
        rows = (
            (self.image(row), classes.label(class_id), self.reason(row), f"{self.first[row]:,}")
            for row, class_id in enumerate(class_ids)
        )
        return Listed(("image", "class", "reason", "first for"), len(self), rows)

    def image(self, row: int) -> str:
        """Name of the image of a question."""
        return self.questions.images[int(self.questions.image_ids[row])]

    def named_by(self, row: int) -> list[str]:
        """The models that name the class of a question, in the order of their names."""
        return sorted(self.models[model] for model in np.flatnonzero(self.named[row]).tolist())

    def reason(self, row: int) -> str:
        """Why a question is open."""
        return "image never rated" if self.never_rated[row] else "never proposed"
