"""The class of each output of a model, in the benchmark's class list."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.core.class_names import are_wnids
from reassess.errors import DataError, Fix
from reassess.evaluation.probabilities import ScoreKind, probability_row_masks, raise_if_out_of_range
from reassess.formats.predictions.output_lists import (
    LIST_OUTPUTS,
    OUTPUT_LIST,
    list_output_classes,
    map_outputs,
    refuse_blank_lines,
)
from reassess.text import count_noun, join_first, shorten, suggest_name

_EXAMPLES, _LONG = 3, 60  # names in a message, and letters of each
_LOWEST = -1000.0  # its exponential is 0 in float32


@dataclass(frozen=True, eq=False)
class OutputClasses:
    """The classes of a model's outputs."""

    classes: Classes  # the class list of the benchmark, or the outputs themselves
    # (outputs,): the class of each output, -1 for none; None if they are the classes in their order. Of outputs that
    # have the same class, the probabilities are summed.
    columns: npt.NDArray[np.int64] | None
    unknown: tuple[str, ...] = ()  # names of outputs that no class has, except dashes; each once
    kind: ScoreKind = "logits"  # by the scores of the first image; matters if outputs are summed

    @classmethod
    def of(
        cls, first: npt.NDArray[Any], names: Sequence[str] | Mapping[int, str] | None, classes: Classes
    ) -> "OutputClasses":
        """The classes of the outputs, with the scores of the first image, shape (1, outputs)."""
        outputs = first.shape[1]
        is_table = isinstance(names, Mapping)
        if names is not None:
            names = list_output_classes(names, outputs)
            refuse_blank_lines(names)
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
        if classes.count is None:
            return cls(_named(outputs, names), None)
        (within,), (adding_up,) = probability_row_masks(first)
        kind: ScoreKind = "probabilities" if adding_up else "bounded" if within else "logits"
        columns = map_outputs(classes, names, where=OUTPUT_LIST, is_summed=True, requires_known=not is_table)
        unknown = [name for name, column in zip(names, columns, strict=True) if column < 0 and name.strip(" -")]
        result = cls(classes, columns, tuple(dict.fromkeys(unknown)), kind)
        if is_table:
            result._refuse_incomplete_table()
        else:
            result._refuse_misspelt_names()
        return result

    def unknown_in_words(self) -> str:
        """Text about the names of outputs that no class has."""
        names = count_noun(len(self.unknown), "name of outputs is not a class", "names of outputs are not classes")
        return f"{names}, so these outputs are not used: {self._unknown_names()}"

    def _unknown_names(self) -> str:
        """Names of outputs that no class has, the first with the most similar class."""
        labels = [self.classes.short_name(class_id) for class_id in range(self.classes.count or 0)]
        near = [(name, suggest_name(name, (*labels, *self.classes.wnids))) for name in self.unknown[:_EXAMPLES]]
        shown = [repr(shorten(name, _LONG)) + (f" ({question})" if question else "") for name, question in near]
        return join_first([*shown, *self.unknown[_EXAMPLES:]], max_items=_EXAMPLES)

    def _refuse_misspelt_names(self) -> None:
        """Refuse a name that is spelt like a class without an output, or like any class if outputs are summed."""
        # Of two wnids, one is always like the other. Lists of a large model name many classes of no interest.
        is_open = np.full(self.classes.count or 0, self.are_summed)
        is_open |= ~np.isin(np.arange(is_open.size), self._with_output)
        labels = [self.classes.short_name(class_id) for class_id in np.flatnonzero(is_open).tolist()]
        misspelt = [name for name in self.unknown if not are_wnids([name]) and suggest_name(name, labels)]
        if misspelt:
            raise DataError(
                "unknown-class",
                "unknown class",
                where=OUTPUT_LIST,
                allowed=self.classes.allowed_names_text,
                found=replace(self, unknown=tuple(misspelt))._unknown_names(),
                fix='correct the names, or write "-" for outputs that are not classes',
            )

    def _refuse_incomplete_table(self) -> None:
        """Refuse a table with a name that is not a class, or without an output of a class: both are slips."""
        without = np.setdiff1d(np.arange(self.classes.count or 0), self._with_output).tolist()
        found = [f"not a class: {self._unknown_names()}"] if self.unknown else []
        found += [
            f"without an output: {join_first([self.classes.short_name(k) for k in without], max_items=_EXAMPLES)}"
        ] * bool(without)
        if found:
            raise DataError(
                "unknown-class" if self.unknown else "missing-classes",
                "table of outputs does not have the classes of the benchmark",
                where=OUTPUT_LIST,
                allowed=f"each of the {self.classes.count:,} classes, with at least one output",
                found="\n".join(found),
                fix="correct the names, and add a line for each class; in a list with one line per output, a class may "
                "have no output",
            )

    @property
    def without_class(self) -> int:
        """Number of outputs that are not classes."""
        return 0 if self.columns is None else int(np.count_nonzero(self.columns < 0))

    @property
    def without_output(self) -> int:
        """Number of classes without an output."""
        if self.columns is None or self.classes.count is None:
            return 0
        return self.classes.count - self._with_output.size

    @cached_property
    def are_summed(self) -> bool:
        """Whether several outputs have the same class."""
        return self.columns is not None and self._with_output.size < self.columns.size - self.without_class

    def width(self, outputs: int) -> int:
        """Return the number of scores to store per image: one per output, or one per class if they are summed."""
        return self.classes.count or outputs if self.are_summed else outputs

    @property
    def facts(self) -> dict[str, str]:
        """What summed scores depend on."""
        if not self.are_summed:
            return {}
        assert self.columns is not None
        return {"classes": hashlib.sha256(self.columns.tobytes()).hexdigest(), "scores": self.kind}

    def check_kind(self, scores: npt.NDArray[Any], names: Sequence[str]) -> None:
        """Refuse scores that are not probabilities, if outputs are summed and those of the first image are."""
        if self.are_summed and self.kind == "probabilities":
            raise_if_out_of_range(scores, names)

    def of_classes(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The scores that are kept: without probabilities of outputs that are not classes, and summed by class.

        In a row of probabilities, the classes' are divided by their sum, or made equal if all are 0, and the others
        become 0. Other scores stay as they are; but if outputs are summed, all rows are probabilities if the first
        image's are, and otherwise all are taken as logits.
        """
        return self._summed(scores) if self.are_summed else self._shared_out(scores)

    def _summed(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The probability of each class, float32, shape (images, classes); 0 for a class without an output.

        Sums are in float32, over the outputs of a class in their order, then over the classes in their order, so that
        no row depends on its batch.
        """
        assert self.columns is not None
        are_probabilities = self.kind == "probabilities"
        values = scores.astype(np.float32) if are_probabilities else _exponentials(scores, self._are_classes)
        sums = np.zeros((len(scores), self.classes.count or 0), np.float32)
        for outputs in self._rounds:
            sums[:, self.columns[outputs]] += values[:, outputs]
        total = np.cumsum(sums, axis=1)[:, -1:]
        even = np.isin(np.arange(sums.shape[1]), self._with_output) / np.float32(self._with_output.size)
        return np.where(total > 0, sums / np.where(total > 0, total, 1), even).astype(np.float32)

    @cached_property
    def _rounds(self) -> list[npt.NDArray[np.int64]]:
        """Outputs with a class, in rounds: first outputs of all classes, second outputs, and so on."""
        assert self.columns is not None
        rest = np.flatnonzero(self._are_classes)
        rounds = []
        while rest.size:
            first = np.sort(np.unique(self.columns[rest], return_index=True)[1])
            rounds.append(rest[first])
            rest = np.delete(rest, first)
        return rounds

    def _shared_out(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        rows = (
            np.flatnonzero(probability_row_masks(scores)[1]) if self.without_class and len(scores) else np.empty(0, int)
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
        """Find the best stored score of a class in each row; for equal scores, the lower class id."""
        if self.columns is None or self.are_summed:
            return np.asarray(scores.argmax(axis=1))
        order = np.argsort(self.columns, kind="stable")[self.without_class :]
        return np.asarray(order[scores[:, order].argmax(axis=1)])

    @property
    def _are_classes(self) -> npt.NDArray[np.bool_]:
        assert self.columns is not None
        return self.columns >= 0

    @cached_property
    def _with_output(self) -> npt.NDArray[np.int64]:
        """Ids of the classes with an output, ascending."""
        assert self.columns is not None
        return np.unique(self.columns[self._are_classes])

    def ordered(self, scores: npt.NDArray[np.float16], *, empty: float) -> npt.NDArray[np.float16]:
        """Sort stored scores by class, shape (images, classes); a class without an output gets `empty`."""
        if self.columns is None or self.are_summed:
            return scores
        are_classes = self._are_classes
        by_class = np.full((len(scores), self.classes.count or 0), empty, np.float16)
        by_class[:, self.columns[are_classes]] = scores[:, are_classes]
        return by_class

    def predictions(self, scores: npt.NDArray[np.float16], images: Sequence[str]) -> Predictions:
        """Convert stored scores to predictions."""
        columns = None if self.are_summed else self.columns
        return Predictions.from_scores(scores, images, output_class_ids=columns, classes=self.classes)


def _named(outputs: int, names: Sequence[str]) -> Classes:
    """Make a class list from the names of outputs."""
    if len(set(names)) < len(names):
        repeated = next(name for row, name in enumerate(names) if name in names[:row])
        raise DataError(
            "duplicate-class",
            "two outputs have the same class, and the order of the classes is unknown",
            where=OUTPUT_LIST,
            found=f"{repeated!r}, {names.count(repeated):,} times",
            fix=Fix("list the classes in classes.txt of a benchmark folder: {benchmark}", benchmark="FOLDER"),
        )
    return Classes(outputs, names=tuple(names))


def _exponentials(scores: npt.NDArray[Any], are_classes: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Compute numbers proportional to the softmax, 1 for the best class; 0 if all logits are -inf."""
    logits = scores.astype(np.promote_types(scores.dtype, np.float32))  # float64 may not fit into float32
    best = logits[:, are_classes].max(axis=1, keepdims=True, initial=-np.inf)
    # The difference of equal infinite logits is 0 here, not NaN.
    difference = np.subtract(logits, best, out=np.zeros_like(logits), where=logits != best)
    return np.where(np.isneginf(best), 0, np.exp(np.clip(difference, _LOWEST, 0).astype(np.float32)))
