"""Arrays of other libraries are read in place on the CPU, bfloat16 by its bits; what has no values yet is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess import LabelSets, Predictions, evaluate
from reassess.errors import DataError
from reassess.numeric.arrays import as_array
from tests.helpers import refused

SCORES = np.array([[0.5, 2.0, -1.0], [3.0, 0.25, 3.0]], np.float32)
BITS = (SCORES.view(np.int32) >> 16).astype(np.int16)  # each is exact in bfloat16
LABELS = LabelSets.from_lists(["a.png", "b.png"], [[1], [2]])


class OnlyDLPack:
    """What has no other door than DLPack."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


def of_torch(array: npt.NDArray[Any]) -> Any:
    import torch

    return torch.from_numpy(array)


def of_jax(array: npt.NDArray[Any]) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(array)


def of_tensorflow(array: npt.NDArray[Any]) -> Any:
    import tensorflow as tf

    return tf.constant(array)


LIBRARIES = {"torch": of_torch, "jax": of_jax, "tensorflow": of_tensorflow}


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, needs: Callable[[str], None]) -> Callable[[npt.NDArray[Any]], Any]:
    needs(request.param)
    return LIBRARIES[request.param]


def address(array: npt.NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def test_a_tensor_is_read_where_it_lies(library: Callable[[npt.NDArray[Any]], Any]) -> None:
    tensor = library(SCORES)
    first, second = as_array(tensor)[0], as_array(tensor)[0]
    np.testing.assert_array_equal(first, SCORES)
    assert address(first) == address(second)


def test_torch_shares_the_memory_of_numpy(needs: Callable[[str], None]) -> None:
    needs("torch")
    assert address(as_array(of_torch(SCORES))[0]) == address(SCORES)


def test_what_speaks_dlpack_alone_is_read_where_it_lies() -> None:
    assert address(as_array(OnlyDLPack(SCORES))[0]) == address(SCORES)


def test_a_memory_map_stays_one(tmp_path: Path) -> None:
    np.save(tmp_path / "scores.npy", SCORES)
    assert isinstance(as_array(np.load(tmp_path / "scores.npy", mmap_mode="r"))[0], np.memmap)


def test_bfloat16_is_read_by_its_bits(library: Callable[[npt.NDArray[Any]], Any]) -> None:
    import torch

    tensor = library(SCORES)
    if isinstance(tensor, torch.Tensor):
        tensor = tensor.bfloat16()
    else:
        tensor = tensor.astype("bfloat16") if hasattr(tensor, "astype") else of_tensorflow_bfloat16(tensor)
    array, are_bits = as_array(tensor)
    assert are_bits
    np.testing.assert_array_equal(array, BITS)


def of_tensorflow_bfloat16(tensor: Any) -> Any:
    import tensorflow as tf

    return tf.cast(tensor, tf.bfloat16)


def test_a_tensor_that_requires_a_gradient_is_read(needs: Callable[[str], None]) -> None:
    needs("torch")
    np.testing.assert_array_equal(as_array(of_torch(SCORES).requires_grad_())[0], SCORES)


def test_evaluate_takes_tensors_as_it_takes_arrays(library: Callable[[npt.NDArray[Any]], Any]) -> None:
    for array in (SCORES, SCORES.astype(np.float16), np.array([1, 2], np.int32), np.array([[1, 0], [0, 2]])):
        expected = evaluate(array, LABELS)
        assert evaluate(library(array), LABELS).to_json() == expected.to_json()


def test_evaluate_takes_bfloat16(needs: Callable[[str], None]) -> None:
    needs("torch")
    result = evaluate(of_torch(SCORES).bfloat16(), LABELS)
    assert result.real[1].hits == 1  # of the tie in the second row the lower class comes first
    assert Predictions.from_scores(of_torch(SCORES).bfloat16()).dtype == "bfloat16"


def test_integers_of_bfloat16_are_no_ids(needs: Callable[[str], None]) -> None:
    needs("torch")
    with refused("wrong-type"):
        Predictions.from_ids(of_torch(SCORES).bfloat16())


def test_bfloat16_of_another_shape_is_refused_by_its_name(needs: Callable[[str], None]) -> None:
    needs("torch")
    with pytest.raises(DataError, match="scores must be floats") as raised:
        Predictions.from_scores(of_torch(SCORES[0]).bfloat16())
    assert raised.value.found == "bfloat16 (3,)"


def test_a_tensor_without_values_is_refused_in_one_way(needs: Callable[[str], None]) -> None:
    needs("torch")
    import torch

    with pytest.raises(DataError) as raised:
        as_array(torch.zeros(2, 3, device="meta"))
    assert str(raised.value).splitlines()[:2] == [
        "numpy cannot read this array",
        "  allowed: an array with its values, on the CPU or where they can be fetched from",
    ]
    assert (
        raised.value.fix
        == "within a compiled function (tf.function, jax.jit), use the functions of reassess.integrations"
    )


def test_within_a_compiled_function_there_are_no_values(needs: Callable[[str], None]) -> None:
    needs("jax")
    import jax

    with refused("wrong-type"):
        jax.jit(lambda scores: as_array(scores)[0])(SCORES)


def test_ragged_lists_are_refused() -> None:
    with refused("wrong-type"):
        as_array([[1, 2], [3]])
