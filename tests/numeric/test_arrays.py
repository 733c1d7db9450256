"""Arrays of other libraries are read without a copy, bfloat16 as bits; arrays without values raise."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess import LabelSets, Predictions, evaluate
from reassess.numeric.arrays import convert_to_numpy, rank_descending
from tests.helpers import Needs, code_of, fault_of, message

SCORES = np.array([[0.5, 2.0, -1.0], [3.0, 0.25, 3.0]], np.float32)
BITS = (SCORES.view(np.int32) >> 16).astype(np.int16)  # each is exact in bfloat16
LABELS = LabelSets.from_lists(["a.png", "b.png"], [[1], [2]])


class OnlyDLPack:
    """An array that supports only the DLPack protocol."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


@pytest.fixture(params=["torch", "jax", "tensorflow"])
def library(request: pytest.FixtureRequest, needs: Needs) -> Callable[[npt.NDArray[Any]], Any]:
    needs(request.param)
    module = import_module({"jax": "jax.numpy"}.get(request.param, request.param))
    make: Any = getattr(module, {"torch": "from_numpy", "jax": "asarray", "tensorflow": "constant"}[request.param])
    return make


def address(array: npt.NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def test_tensor_on_cpu_is_not_copied(library: Callable[[npt.NDArray[Any]], Any], tmp_path: Path) -> None:
    tensor = library(SCORES)
    first, second = convert_to_numpy(tensor)[0], convert_to_numpy(tensor)[0]
    np.testing.assert_array_equal(first, SCORES)
    assert address(first) == address(second)
    assert address(convert_to_numpy(OnlyDLPack(SCORES))[0]) == address(SCORES)
    np.save(tmp_path / "scores.npy", SCORES)
    assert isinstance(convert_to_numpy(np.load(tmp_path / "scores.npy", mmap_mode="r"))[0], np.memmap)


def test_bfloat16_is_read_as_bits(library: Callable[[npt.NDArray[Any]], Any]) -> None:
    tensor = library(SCORES)
    if type(tensor).__module__.startswith("tensorflow"):
        tensor = import_module("tensorflow").cast(tensor, "bfloat16")
    else:
        tensor = tensor.bfloat16() if hasattr(tensor, "bfloat16") else tensor.astype("bfloat16")
    array, are_bits = convert_to_numpy(tensor)
    assert are_bits
    np.testing.assert_array_equal(array, BITS)


def test_evaluate_gives_same_result_for_tensors_and_arrays(library: Callable[[npt.NDArray[Any]], Any]) -> None:
    for array in (SCORES, SCORES.astype(np.float16), np.array([1, 2], np.int32), np.array([[1, 0], [0, 2]])):
        expected = evaluate(array, LABELS)
        assert evaluate(library(array), LABELS).to_json() == expected.to_json()


def test_torch_tensor_shares_memory_and_may_be_bfloat16(needs: Needs) -> None:
    needs("torch")
    import torch

    tensor = torch.from_numpy(SCORES)
    assert address(convert_to_numpy(tensor)[0]) == address(SCORES)
    np.testing.assert_array_equal(convert_to_numpy(torch.from_numpy(SCORES).requires_grad_())[0], SCORES)
    assert evaluate(tensor.bfloat16(), LABELS).real_accuracy[1].hits == 1  # the lower class wins the tie
    assert Predictions.from_scores(tensor.bfloat16()).dtype == "bfloat16"
    assert code_of(Predictions.from_ids, tensor.bfloat16()) == "wrong-type"
    assert fault_of(Predictions.from_scores, tensor[0].bfloat16()) == ("wrong-type", "bfloat16 (3,)")


def test_tensor_without_values_raises_wrong_type(needs: Needs) -> None:
    needs("torch")
    needs("jax")
    import jax
    import torch

    assert message(convert_to_numpy, torch.zeros(2, 3, device="meta")).splitlines()[:2] == [
        "numpy cannot read this array",
        "  allowed: an array with values, on the CPU or a device that numpy can copy from",
    ]
    within = jax.jit(lambda scores: convert_to_numpy(scores)[0])
    assert message(within, SCORES).endswith(
        "\n  fix:     in a compiled function (tf.function, jax.jit), use the functions of reassess.integrations"
    )
    assert code_of(convert_to_numpy, [[1, 2], [3]]) == "wrong-type"


@given(st.lists(st.floats(0, 5) | st.sampled_from([1.0, 2.0]), min_size=1, max_size=12))
def test_rank_is_one_plus_number_of_higher_values(values: list[float]) -> None:
    assert rank_descending(np.array(values)).tolist() == [
        1 + sum(other > value for other in values) for value in values
    ]
