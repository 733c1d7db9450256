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
from reassess.core.probabilities import ScoreKind, check_rows, raise_if_out_of_range
from reassess.errors import DataError, Fix
from reassess.formats.predictions.output_lists import (
    LIST_OUTPUTS,
    OUTPUT_LIST,
    list_output_classes,
    map_outputs,
    refuse_blank_lines,
)
from reassess.text import count_noun, join_first, shorten, suggest_name

_MAX_NAMES, _MAX_NAME_LENGTH = 3, 60  # names in a message, and letters of each
_MIN_EXPONENT = -1000.0  # its exponential is 0 in float32


@dataclass(frozen=True, eq=False)
class OutputClasses:
    """The class of each output of a model, in the benchmark's class list."""

    classes: Classes  # the class list of the benchmark, or the outputs themselves
    # (outputs,): the class of each output, -1 for none; None if they are the classes in their order. Of outputs that
    # have the same class, the probabilities are summed.
    output_class_ids: npt.NDArray[np.int64] | None
    unknown_names: tuple[str, ...] = ()  # names of outputs that no class has, except dashes; each once
    score_kind: ScoreKind = "logits"  # by the scores of the first image; matters if outputs are summed

    @classmethod
    def from_first_scores(
        cls, first_scores: npt.NDArray[Any], names: Sequence[str] | Mapping[int, str] | None, classes: Classes
    ) -> "OutputClasses":
        """Map the outputs to classes by name; the first image's scores show the number of outputs."""
        outputs = first_scores.shape[1]
        is_table = isinstance(names, Mapping)
        if names is not None:
            names = list_output_classes(names, outputs)
            refuse_blank_lines(names)
        allowed = classes.count if names is None else len(names)
        if allowed not in (None, outputs):
            noun = "classes of the benchmark" if names is None else "names of outputs"
            raise DataError(
                "wrong-outputs",
                "wrong number of outputs",
                allowed=f"{allowed:,}, as many as there are {noun}",
                found=f"{outputs:,}",
                fix=LIST_OUTPUTS if names is None else "list every output, in order",
            )
        if names is None:
            return cls(classes, None)
        if classes.count is None:
            return cls(_make_class_list(outputs, names), None)
        (within,), (adding_up,) = check_rows(first_scores)
        kind: ScoreKind = "probabilities" if adding_up else "bounded" if within else "logits"
        columns = map_outputs(
            classes, names, where=OUTPUT_LIST, may_share_class=True, requires_known_class=not is_table
        )
        unknown = [name for name, column in zip(names, columns, strict=True) if column < 0 and name.strip(" -")]
        result = cls(classes, columns, tuple(dict.fromkeys(unknown)), kind)
        if is_table:
            result._refuse_incomplete_output_table()
        else:
            result._refuse_misspelt_names()
        return result

    def describe_unknown_names(self) -> str:
        """Describe the names of outputs that are not classes, as a sentence."""
        names = count_noun(
            len(self.unknown_names), "name of outputs is not a class", "names of outputs are not classes"
        )
        return f"{names}, so these outputs are not used: {self._format_unknown_names()}"

    def _format_unknown_names(self) -> str:
        """Format the names of outputs that are not classes, each with the most similar class."""
        labels = [self.classes.short_name(class_id) for class_id in range(self.classes.count or 0)]
        similar_names = [
            (name, suggest_name(name, (*labels, *self.classes.wnids))) for name in self.unknown_names[:_MAX_NAMES]
        ]
        named_examples = [
            repr(shorten(name, _MAX_NAME_LENGTH)) + (f" ({question})" if question else "")
            for name, question in similar_names
        ]
        return join_first([*named_examples, *self.unknown_names[_MAX_NAMES:]], max_items=_MAX_NAMES)

    def _refuse_misspelt_names(self) -> None:
        """Raise `DataError` if the name of an output looks like a misspelt class."""
        # Of two wnids, one is always like the other. Lists of a large model name many classes of no interest.
        is_open = np.full(self.classes.count or 0, self.has_summed_outputs)
        is_open |= ~np.isin(np.arange(is_open.size), self._ids_with_output)
        labels = [self.classes.short_name(class_id) for class_id in np.flatnonzero(is_open).tolist()]
        misspelt = [name for name in self.unknown_names if not are_wnids([name]) and suggest_name(name, labels)]
        if misspelt:
            raise DataError(
                "unknown-class",
                "unknown class",
                where=OUTPUT_LIST,
                allowed=self.classes.allowed_names_text,
                found=replace(self, unknown_names=tuple(misspelt))._format_unknown_names(),
                fix='correct the names, or write "-" for outputs that are not classes',
            )

    def _refuse_incomplete_output_table(self) -> None:
        """Raise `DataError` if the table of output names has an unknown name, or no output for a class."""
        class_ids = np.setdiff1d(np.arange(self.classes.count or 0), self._ids_with_output).tolist()
        faults = [f"not a class: {self._format_unknown_names()}"] if self.unknown_names else []
        faults += [
            f"without an output: {join_first([self.classes.short_name(k) for k in class_ids], max_items=_MAX_NAMES)}"
        ] * bool(class_ids)
        if faults:
            raise DataError(
                "unknown-class" if self.unknown_names else "missing-classes",
                "table of outputs does not name exactly the classes of the benchmark",
                where=OUTPUT_LIST,
                allowed=f"at least one output for each of the {self.classes.count:,} classes",
                found="\n".join(faults),
                fix="correct the names, and add a line for each missing class; or use a list with one line per "
                "output, where a class may have no output",
            )

    @property
    def n_outputs_without_class(self) -> int:
        """Number of outputs that are not classes."""
        return 0 if self.output_class_ids is None else int(np.count_nonzero(self.output_class_ids < 0))

    @property
    def n_classes_without_output(self) -> int:
        """Number of classes without an output."""
        if self.output_class_ids is None or self.classes.count is None:
            return 0
        return self.classes.count - self._ids_with_output.size

    @cached_property
    def has_summed_outputs(self) -> bool:
        """Whether several outputs have the same class."""
        return (
            self.output_class_ids is not None
            and self._ids_with_output.size < self.output_class_ids.size - self.n_outputs_without_class
        )

    def stored_scores_per_image(self, n_outputs: int) -> int:
        """Return the number of scores to store per image: one per output, or one per class if outputs are summed."""
        return self.classes.count or n_outputs if self.has_summed_outputs else n_outputs

    @property
    def identifying_facts(self) -> dict[str, str]:
        """If outputs are summed: a dict with a hash of their classes and the kind of scores. Otherwise empty."""
        if not self.has_summed_outputs:
            return {}
        assert self.output_class_ids is not None
        return {"classes": hashlib.sha256(self.output_class_ids.tobytes()).hexdigest(), "scores": self.score_kind}

    def check_score_kind(self, scores: npt.NDArray[Any], names: Sequence[str]) -> None:
        """Raise `DataError` if probabilities are expected, and a score is not a probability."""
        if self.has_summed_outputs and self.score_kind == "probabilities":
            raise_if_out_of_range(scores, names)

    def to_stored_scores(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Convert a model's scores to stored scores: drop outputs that are not classes, and sum by class.

        In a row of probabilities, the probabilities of classes are divided by their sum, or made equal if all are 0.
        The other probabilities become 0. Scores that are not probabilities stay as they are. If outputs are summed, the
        scores of the first image decide whether all rows are read as probabilities or as logits.
        """
        return self._sum_by_class(scores) if self.has_summed_outputs else self._divide_by_class_sum(scores)

    def _sum_by_class(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Compute the probability of each class, float32, shape (images, classes).

        Sums are in float32, over the outputs of a class in their order, then over the classes in their order, so that
        no row depends on its batch.
        """
        assert self.output_class_ids is not None
        are_probabilities = self.score_kind == "probabilities"
        values = (
            scores.astype(np.float32)
            if are_probabilities
            else _softmax_numerators(scores, self._is_output_in_class_list)
        )
        sums = np.zeros((len(scores), self.classes.count or 0), np.float32)
        for outputs in self._output_groups:
            sums[:, self.output_class_ids[outputs]] += values[:, outputs]
        total = np.cumsum(sums, axis=1)[:, -1:]
        equal_shares = np.isin(np.arange(sums.shape[1]), self._ids_with_output) / np.float32(self._ids_with_output.size)
        return np.where(total > 0, sums / np.where(total > 0, total, 1), equal_shares).astype(np.float32)

    @cached_property
    def _output_groups(self) -> list[npt.NDArray[np.int64]]:
        """Groups of outputs: the first output of each class, then the second output of each class, and so on."""
        assert self.output_class_ids is not None
        remaining = np.flatnonzero(self._is_output_in_class_list)
        groups = []
        while remaining.size:
            first_positions = np.sort(np.unique(self.output_class_ids[remaining], return_index=True)[1])
            groups.append(remaining[first_positions])
            remaining = np.delete(remaining, first_positions)
        return groups

    def _divide_by_class_sum(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Normalize rows of probabilities over the outputs with a class; do not change rows of other scores."""
        rows = (
            np.flatnonzero(check_rows(scores).is_distribution)
            if self.n_outputs_without_class and len(scores)
            else np.empty(0, int)
        )
        if not rows.size:
            return scores
        class_values = np.where(self._is_output_in_class_list, scores[rows].astype(np.float64), 0)
        sums = class_values.sum(axis=1, keepdims=True)
        equal_shares = self._is_output_in_class_list / np.count_nonzero(self._is_output_in_class_list)
        divided = scores.astype(np.float64)
        divided[rows] = np.where(sums > 0, class_values / np.where(sums > 0, sums, 1), equal_shares)
        return divided

    def find_best_columns(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Find the column of each row's highest stored score; outputs that are not classes are ignored."""
        if self.output_class_ids is None or self.has_summed_outputs:
            return np.asarray(scores.argmax(axis=1))
        order = np.argsort(self.output_class_ids, kind="stable")[self.n_outputs_without_class :]
        return np.asarray(order[scores[:, order].argmax(axis=1)])

    @property
    def _is_output_in_class_list(self) -> npt.NDArray[np.bool_]:
        """Whether each output belongs to a class of the list; bool, shape (outputs,)."""
        assert self.output_class_ids is not None
        return self.output_class_ids >= 0

    @cached_property
    def _ids_with_output(self) -> npt.NDArray[np.int64]:
        """Ids of the classes that have an output, ascending."""
        assert self.output_class_ids is not None
        return np.unique(self.output_class_ids[self._is_output_in_class_list])

    def arrange_columns_by_class(
        self, scores: npt.NDArray[np.float16], *, missing_score: float
    ) -> npt.NDArray[np.float16]:
        """Return stored scores with a column per class; a class without an output gets `missing_score`."""
        if self.output_class_ids is None or self.has_summed_outputs:
            return scores
        are_classes = self._is_output_in_class_list
        by_class = np.full((len(scores), self.classes.count or 0), missing_score, np.float16)
        by_class[:, self.output_class_ids[are_classes]] = scores[:, are_classes]
        return by_class

    def to_predictions(self, scores: npt.NDArray[np.float16], images: Sequence[str]) -> Predictions:
        """Convert stored scores to predictions."""
        columns = None if self.has_summed_outputs else self.output_class_ids
        return Predictions.from_scores(scores, images, output_class_ids=columns, classes=self.classes)


def _make_class_list(n_outputs: int, names: Sequence[str]) -> Classes:
    """Make a class list from the names of outputs."""
    if len(set(names)) < len(names):
        repeated = next(name for row, name in enumerate(names) if name in names[:row])
        raise DataError(
            "duplicate-class",
            "two outputs have the same class, so the outputs cannot serve as the class list",
            where=OUTPUT_LIST,
            found=f"{repeated!r}, {names.count(repeated):,} times",
            fix=Fix("list the classes in classes.txt of a benchmark folder: {benchmark}", benchmark="FOLDER"),
        )
    return Classes(n_outputs, names=tuple(names))


def _softmax_numerators(scores: npt.NDArray[Any], is_class: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Compute numbers proportional to the softmax over classes, 1 for the best class."""
    logits = scores.astype(np.promote_types(scores.dtype, np.float32))  # float64 may not fit into float32
    highest_logits = logits[:, is_class].max(axis=1, keepdims=True, initial=-np.inf)
    # The difference of equal infinite logits is 0 here, not NaN.
    difference = np.subtract(logits, highest_logits, out=np.zeros_like(logits), where=logits != highest_logits)
    return np.where(np.isneginf(highest_logits), 0, np.exp(np.clip(difference, _MIN_EXPONENT, 0).astype(np.float32)))
