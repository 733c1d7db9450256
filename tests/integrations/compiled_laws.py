"""Common tests of metrics in compiled graphs: counts equal a plain sort, in every type and form."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from reassess.core import LabelSets
from reassess.evaluation import padded_ids
from tests.helpers import code_of, fault_of
from tests.integrations.batches import ILL_FORMED, TOP_K, denormals, expected_counts, forms_of, sets_of, values_of

ZEROS, IDS = np.zeros((3, 4), np.float32), np.array([[0], [1], [-1]])


class Counts(NamedTuple):
    """The counts of a metric: hits, images with and without a valid class, and invalid images."""

    hits: list[int]
    n: int
    empty: int
    nan: int
    invalid_target: int


class CompiledLaws:
    """Tests of `count`, which a subclass defines, as well as a fixture `kind` with its types of scores."""

    def tensor(self, values: npt.ArrayLike, kind: str) -> Any:
        """Convert scores to a tensor of a type."""
        raise NotImplementedError

    def count(self, scores: Any, valid: Any, top_k: Sequence[int] = (1,)) -> Counts:
        """Count a batch."""
        raise NotImplementedError

    def read_accuracy(self, scores: Any, valid: Any) -> Any:
        """Compute the accuracy of a batch, which raises if the batch is invalid."""
        raise NotImplementedError

    def test_counts_equal_plain_sort_in_every_type_and_form(self, kind: str) -> None:
        values, sets = values_of(kind, 300), sets_of(300)
        *hits, n, empty = expected_counts(values, sets)
        forms = forms_of(sets)
        for form, valid in forms.items() if kind == "float32" else [("ids", forms["ids"])]:
            assert self.count(self.tensor(values, kind), valid, TOP_K) == (hits, n, empty, 0, 0), form

    @pytest.mark.parametrize("classes", [1, 2, 12, 34, 160])
    def test_counts_equal_plain_sort_for_any_number_of_classes(self, classes: int) -> None:
        rng, top_k = np.random.default_rng(classes), sorted({1, classes // 3 + 1, classes})
        values = rng.choice([-np.inf, -1.0, -0.0, 0.0, 1.0], (60, classes), p=[0.3, 0.3, 0.2, 0.1, 0.1])
        sets = [np.flatnonzero(rng.random(classes) < 2 / classes).tolist() for _ in values]
        *hits, n, empty = expected_counts(values, sets, top_k)
        for form in ("multi-hot", "multi-hot floats"):
            valid = forms_of(sets, classes)[form]
            assert self.count(values.astype(np.float32), valid, top_k) == (hits, n, empty, 0, 0), form
        assert self.count(np.full((60, classes), np.nan, np.float32), valid, top_k).nan == 60

    def test_denormals_are_ranked_and_minus_zero_equals_zero(self, kind: str) -> None:
        values, sets, hits = denormals(kind)
        for valid in (np.array(sets), forms_of(sets, 4)["multi-hot"]):
            assert self.count(self.tensor(values, kind), valid) == ([hits], len(sets), 0, 0, 0)

    def test_original_labels_have_published_accuracy(self, real_labels: LabelSets, real_original: LabelSets) -> None:
        total = np.zeros(3, np.int64)
        for rows in np.split(np.arange(50_000), 10):
            scores = np.zeros((len(rows), 1000), np.float16)
            scores[np.arange(len(rows)), real_original.indices[rows]] = 1
            (hits,), n, empty, *_ = self.count(scores, padded_ids(real_labels, rows))
            total += hits, n, empty
        assert total.tolist() == [42_164, 46_837, 3163]

    def test_nan_of_either_sign_raises_even_without_valid_class(self, kind: str) -> None:
        values = np.zeros((3, 4))
        values[0, 0], values[1, 2], values[2, 3] = np.inf, np.nan, np.copysign(np.nan, -1)
        scores = self.tensor(values, kind)
        for valid in (np.array([[1], [2], [0]]), np.array([[1], [-1], [0]]), np.eye(3, 4)):
            assert self.count(scores, valid).nan == 2
            assert fault_of(self.read_accuracy, scores, valid) == ("not-a-number", "NaN in the scores of 2 images")

    @pytest.mark.parametrize("valid", ILL_FORMED.values(), ids=ILL_FORMED.keys())
    def test_ill_formed_valid_classes_raise(self, valid: npt.NDArray[Any]) -> None:
        assert self.count(ZEROS, valid).invalid_target == 1
        assert code_of(self.read_accuracy, ZEROS, valid) == "wrong-target"

    @pytest.mark.parametrize("width", [2, 15, 16, 40])
    def test_duplicate_id_is_found_at_any_width(self, width: int) -> None:
        ids = np.stack([np.random.default_rng(row).permutation(width) for row in range(4)])
        ids[0, -1], ids[1, 1:] = ids[0, 0], -1
        assert self.count(np.zeros((4, 50), np.float32), ids).invalid_target == 1

    @pytest.mark.parametrize(
        ("valid", "scores", "fault"),
        [
            (np.zeros((3, 5), np.float32), ZEROS, ("wrong-target", "float32 (3, 5)")),
            (np.zeros((3, 5), bool), ZEROS, ("wrong-target", "bool (3, 5)")),
            (IDS.astype(np.float16), ZEROS, ("wrong-target", "float16 (3, 1)")),
            (np.array([0, 1, 2], np.int32), ZEROS, ("wrong-target", "int32 (3,)")),
            (IDS[:2], ZEROS, ("wrong-length", "2")),
            (IDS, ZEROS.astype(np.int32), ("wrong-type", "int32 (3, 4)")),
            (IDS, ZEROS[0], ("wrong-type", "float32 (4,)")),
            (IDS, ZEROS[:, :0], ("wrong-type", "float32 (3, 0)")),
            (IDS[:, :0], ZEROS[:, :1], ("out-of-range", "2")),
        ],
    )
    def test_invalid_shape_or_type_raises(
        self, valid: npt.NDArray[Any], scores: npt.NDArray[Any], fault: tuple[str, str]
    ) -> None:
        assert fault_of(self.count, scores, valid, (2,)) == fault
