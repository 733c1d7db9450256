"""JAX: the counts are those of a plain sort, in every type and form, compiled, masked, mapped, sharded and summed."""

import functools
import importlib
import operator
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.errors import DataError
from tests.helpers import SMALLEST, python
from tests.integrations.batches import (
    CLASSES,
    ILL_FORMED,
    ILL_FORMED_MESSAGE,
    NAN_MESSAGE,
    NO_SCORES,
    NO_TARGET,
    ROUNDED,
    TOP_K,
    expected_counts,
    forms_of,
    sets_of,
    values_of,
)


@pytest.fixture(scope="module")
def room(needs: Callable[[str], None]) -> ModuleType:
    needs("jax")
    return importlib.import_module("reassess.integrations.jax")


@pytest.fixture(scope="module")
def jnp(room: ModuleType) -> ModuleType:
    return room.jnp


def numbers(counts: Any) -> list[int]:
    assert int(counts.nan) == int(counts.ill_formed) == 0
    assert {str(leaf.dtype) for leaf in (counts.hits, counts.n, counts.empty, counts.nan)} == {"int32"}
    return [*counts.hits.tolist(), int(counts.n), int(counts.empty)]


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_counts_are_those_of_a_plain_sort_in_every_type_and_form(room: ModuleType, jnp: ModuleType, kind: str) -> None:
    values, sets = values_of(kind, 300), sets_of(300)
    scores = jnp.asarray(values.astype(jnp.dtype(kind)))
    expected = expected_counts(values, sets)
    for form, valid in forms_of(sets).items():
        assert numbers(room.count_hits(scores, valid, top_k=TOP_K)) == expected, form


@pytest.mark.parametrize("classes", [1, 2, 12, 34, 160])
def test_counts_are_those_of_a_plain_sort_whatever_blocks_a_row_falls_into(room: ModuleType, classes: int) -> None:
    rng, top_k = np.random.default_rng(classes), range(1, classes + 1)
    values = rng.choice([-np.inf, -1.0, -0.0, 0.0, 1.0], (60, classes), p=[0.3, 0.3, 0.2, 0.1, 0.1])
    sets = [np.flatnonzero(rng.random(classes) < 2 / classes).tolist() for _ in values]
    expected = expected_counts(values, sets, top_k)
    for form in ("multi-hot", "multi-hot floats"):
        valid = forms_of(sets, classes)[form]
        assert numbers(room.count_hits(values.astype(np.float32), valid, top_k=top_k)) == expected, form


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_denormals_are_numbers(room: ModuleType, jnp: ModuleType, kind: str) -> None:
    """XLA itself takes them for zero."""
    tiny = SMALLEST[kind]
    values = np.array([[0.0, -tiny, tiny, 2 * tiny], [-2 * tiny, -tiny, -3 * tiny, -4 * tiny]]).astype(jnp.dtype(kind))
    for valid in (np.array([[3], [1]]), np.array([[0, 0, 0, 1], [0, 1, 0, 0]])):
        assert room.count_hits(jnp.asarray(values), valid, top_k=(1,)).hits.tolist() == [2]
    assert kind == "float16" or int(jnp.argmax(jnp.asarray(values)[1] + 0)) == 0  # the test can fail


def test_minus_zero_equals_zero(room: ModuleType, jnp: ModuleType) -> None:
    scores = jnp.array([[-0.0, 0.0, -1.0], [0.0, -0.0, -1.0]])
    assert room.count_hits(scores, np.array([[1, 2], [1, 2]]), top_k=(1, 2)).hits.tolist() == [0, 2]


@given(data=st.data())
def test_any_floats_count_as_a_plain_sort(room: ModuleType, jnp: ModuleType, data: st.DataObject) -> None:
    floats = st.floats(allow_nan=False, width=32) | st.sampled_from([0.0, -0.0])
    values = data.draw(st.lists(st.lists(floats, min_size=5, max_size=5), min_size=4, max_size=4))
    sets = data.draw(st.lists(st.lists(st.integers(0, 4), unique=True, max_size=3), min_size=4, max_size=4))
    scores = jnp.asarray(np.array(values, np.float32))
    ids = np.array([row + [-1] * (3 - len(row)) for row in sets])
    expected = expected_counts(values, sets)
    assert numbers(room.count_hits(scores, ids, top_k=TOP_K)) == expected
    assert numbers(room.count_hits(scores, forms_of(sets, 5)["multi-hot"], top_k=TOP_K)) == expected


@given(cuts=st.lists(st.integers(0, 40), max_size=4).map(sorted))
def test_batches_padded_to_one_size_add_up_to_the_whole(room: ModuleType, jnp: ModuleType, cuts: list[int]) -> None:
    """Whatever stands in a masked row does no harm, be it NaN or no class."""
    rng = np.random.default_rng(2)
    values, sets = rng.choice([0.0, 1.0, 2.0], (40, CLASSES)).astype(np.float32), sets_of(40)
    ids = forms_of(sets)["ids"]
    parts = []
    for rows in np.split(np.arange(40), cuts):
        scores, valid = np.full((40, CLASSES), np.nan, np.float32), np.full((40, ids.shape[1]), 99)
        scores[: rows.size], valid[: rows.size] = values[rows], ids[rows]
        parts.append(room.count_hits(scores, valid, mask=np.arange(40) < rows.size, top_k=TOP_K))
    total = functools.reduce(operator.add, parts)
    assert numbers(total) == expected_counts(values, sets)
    hits, n = total.hits.tolist(), int(total.n)
    assert room.accuracy(total) == {k: hit / n for k, hit in zip(TOP_K, hits, strict=True)}


def test_batches_can_be_mapped_and_scanned(room: ModuleType, jnp: ModuleType) -> None:
    rng = np.random.default_rng(3)
    values, sets = rng.choice([0.0, 1.0, 2.0], (60, CLASSES)).astype(np.float32), sets_of(60)
    scores = values.reshape(4, 15, CLASSES)
    expected = expected_counts(values, sets, (1, 5))
    for form in ("multi-hot", "ids"):
        valid = forms_of(sets)[form].reshape(4, 15, -1)
        batches = room.jax.jit(room.jax.vmap(room.count_hits))(scores, valid)
        assert batches.hits.shape == (4, 2)
        assert numbers(room.jax.tree.map(lambda leaf: leaf.sum(0), batches)) == expected, form

    def step(total: object, batch: tuple[object, object]) -> tuple[object, None]:
        return total + room.count_hits(*batch), None

    start = room.jax.tree.map(lambda leaf: jnp.zeros_like(leaf[0]), batches)
    total, _ = room.jax.lax.scan(step, start, (scores, valid))
    assert numbers(total) == expected


ON_FOUR_DEVICES = """
import numpy as np, jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from reassess.integrations.jax import accuracy, count_hits
assert jax.device_count() == 4
rng = np.random.default_rng(4)
scores = rng.choice([0.0, 1.0, 2.0], (64, 23)).astype(np.float32)
hot = rng.random((64, 23)) < 0.05
ids = np.argsort(~hot, axis=1, kind="stable")[:, :6]
ids = np.where(np.take_along_axis(hot, ids, axis=1), ids, -1)
mask = np.arange(64) < 50
mesh = Mesh(np.array(jax.devices()), ("images",))
rows = NamedSharding(mesh, P("images"))
read = lambda c: [*c.hits.tolist(), int(c.n), int(c.empty), int(c.nan), int(c.ill_formed)]
for valid in (hot, ids):
    batch = scores, valid, mask
    count = lambda s, v, m: count_hits(s, v, mask=m)
    whole = read(count(*batch))
    assert whole[3] > 0 and whole[0] < whole[1], whole
    sharded = jax.jit(count)(*(jax.device_put(part, rows) for part in batch))
    assert read(sharded) == whole
    summed = jax.pmap(lambda *part: jax.lax.psum(count(*part), "i"), axis_name="i")
    apart = summed(*(part.reshape(4, 16, *part.shape[1:]) for part in batch))
    assert read(jax.tree.map(lambda leaf: leaf[0], apart)) == whole
scores = scores.astype(np.float64)
jax.config.update("jax_enable_x64", True)
scores[:, 3] = scores[:, 4] + 1e-12
scores[0] = np.arange(23) * -5e-324
for valid in (hot, ids):
    found = count_hits(scores, valid)
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = [int(np.take_along_axis(hot, order[:, :k], axis=1).any(axis=1).sum()) for k in (1, 5)]
    assert found.hits.tolist() == hits and str(found.hits.dtype) == "int32", (found, hits)
for ids, counts in ([2**32], [1, 1]), ([-(2**63)], [1, 1]), ([2**64 - 1], [1, 0]):
    found = count_hits(scores[:1], np.array([ids]), top_k=(1,))
    assert [int(found.empty), int(found.ill_formed)] == counts, (ids, found)
print("done")
"""


def test_shards_of_several_devices_count_as_one_and_64_bits_are_exact(needs: Callable[[str], None]) -> None:
    needs("jax")
    variables = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    assert python("-W", "ignore::DeprecationWarning", "-c", ON_FOUR_DEVICES, **variables).out == "done\n"


@pytest.mark.parametrize("sign", [1, -1], ids=["plus", "minus"])
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_nan_of_either_sign_is_an_error_even_where_no_class_is_valid(
    room: ModuleType, jnp: ModuleType, kind: str, sign: int
) -> None:
    values = np.zeros((3, 4))
    values[0, 0], values[1, 2] = np.inf, np.copysign(np.nan, sign)
    scores = jnp.asarray(values.astype(jnp.dtype(kind)))
    for valid in (np.array([[1], [2], [0]]), np.array([[1], [-1], [0]]), np.eye(3, 4)):
        counts = room.count_hits(scores, valid, top_k=(1,))
        assert int(counts.nan) == 1
        with pytest.raises(DataError) as caught:
            room.accuracy(counts + counts)
        assert str(caught.value) == NAN_MESSAGE.format(2)
        assert int(room.count_hits(scores, valid, mask=np.array([1, 0, 1]), top_k=(1,)).nan) == 0


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_a_valid_class_of_the_least_nan_is_a_valid_class(room: ModuleType, kind: str) -> None:
    """No float orders below it; blocks before its own have no valid class."""
    scores, hot = np.zeros((1, 32), kind), np.arange(32)[None] == 20
    scores.view(f"i{scores.itemsize}")[0, 20] = -1
    for valid in (hot, np.array([[20]])):
        assert room.count_hits(scores, valid, top_k=(12, 32)).numbers.tolist() == [0, 1, 1, 0, 1, 0]


@pytest.mark.parametrize("valid", ILL_FORMED.values(), ids=ILL_FORMED.keys())
def test_valid_classes_that_are_ill_formed_are_an_error(
    room: ModuleType, jnp: ModuleType, valid: npt.NDArray[Any]
) -> None:
    counts = room.jax.jit(functools.partial(room.count_hits, top_k=(1,)))(jnp.zeros((3, 4)), valid)
    assert int(counts.ill_formed) == 1
    with pytest.raises(DataError) as caught:
        room.accuracy(counts)
    assert str(caught.value) == ILL_FORMED_MESSAGE


ZEROS, IDS = np.zeros((3, 4), np.float32), np.array([[0], [1], [-1]])


@pytest.mark.parametrize(
    ("scores", "valid", "options", "message"),
    [
        (ZEROS, np.zeros((3, 5), np.float32), {}, NO_TARGET.format("float32 (3, 5)")),
        (ZEROS, np.zeros((3, 5), bool), {}, NO_TARGET.format("bool (3, 5)")),
        (ZEROS, np.array([0, 1, 2], np.int32), {}, NO_TARGET.format("int32 (3,)")),
        (ZEROS, IDS[:2], {}, "wrong number of targets\n  allowed: 3, one for each row of scores\n  found:   2"),
        (ZEROS, IDS, {"mask": IDS > 0}, "wrong shape of the mask\n  allowed: shape (3,)\n  found:   shape (3, 1)"),
        (ZEROS.astype(np.int32), IDS, {}, NO_SCORES.format("int32 (3, 4)")),
        (ZEROS.astype(np.int64), IDS, {}, NO_SCORES.format("int32 (3, 4)")),
        (ZEROS[0], IDS, {}, NO_SCORES.format("float32 (4,)")),
        (ZEROS[:, :0], IDS, {}, NO_SCORES.format("float32 (3, 0)")),
        (ZEROS, IDS, {"top_k": (5,)}, "k out of range\n  allowed: 1 to 4, as many as the predictions hold for each "
         "image\n  found:   5"),
        (ZEROS.astype(np.float64), IDS, {}, ROUNDED),
    ],
)  # fmt: skip
def test_bad_input_is_one_error(
    room: ModuleType, scores: npt.NDArray[Any], valid: npt.NDArray[Any], options: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        room.count_hits(scores, valid, **{"top_k": (1,), **options})
    assert str(caught.value) == message


def test_bad_shapes_are_an_error_while_a_function_is_compiled(room: ModuleType) -> None:
    with pytest.raises(DataError, match="neither multi-hot nor ids"):
        room.jax.jit(room.count_hits)(np.zeros((3, 6), np.float32), np.zeros((3, 5), np.float32))


def test_nothing_to_score_is_none(room: ModuleType) -> None:
    nothing = {1: None, 5: None}
    scores = np.zeros((3, 6), np.float32)
    assert room.accuracy(room.count_hits(scores, np.full((3, 2), -1))) == nothing
    assert room.accuracy(room.count_hits(scores, np.zeros((3, 0), np.int32))) == nothing
    assert room.accuracy(room.count_hits(scores[:0], np.zeros((0, 6), bool))) == nothing


def test_only_counts_of_the_same_k_that_are_added_up_give_an_accuracy(room: ModuleType) -> None:
    scores, valid = np.zeros((2, 3, 6), np.float32), np.zeros((2, 3, 1), np.int32)
    apart = room.jax.vmap(room.count_hits)(scores, valid)
    with pytest.raises(DataError) as caught:
        room.accuracy(apart)
    assert str(caught.value) == "counts cannot be added up\n  allowed: one n\n  found:   n of shape (2,)"
    with pytest.raises(DataError) as caught:
        room.count_hits(scores[0], valid[0], top_k=(1,)) + room.count_hits(scores[0], valid[0], top_k=(2, 1, 2))
    assert str(caught.value) == "hits are counted for different k\n  allowed: (1,)\n  found:   (1, 2)"
