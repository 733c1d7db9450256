"""JAX: the counts are those of a plain sort, in every type and form, compiled, masked, mapped, sharded and summed."""

import functools
import importlib
import operator
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import Needs, fault_of, message, python
from tests.integrations.batches import CLASSES, TOP_K, expected_counts, forms_of, sets_of
from tests.integrations.compiled_laws import IDS, ZEROS, CompiledLaws, Counted


@pytest.fixture(scope="module")
def room(needs: Needs) -> ModuleType:
    needs("jax")
    return importlib.import_module("reassess.integrations.jax")


@pytest.fixture(scope="module")
def jnp(room: ModuleType) -> ModuleType:
    return room.jnp


def numbers(counts: Any) -> list[int]:
    assert int(counts.nan) == int(counts.ill_formed) == 0
    assert {str(leaf.dtype) for leaf in (counts.hits, counts.n, counts.empty, counts.nan)} == {"int32"}
    return [*counts.hits.tolist(), int(counts.n), int(counts.empty)]


class TestCountHits(CompiledLaws):
    """`count_hits`, not compiled by the caller."""

    @pytest.fixture(params=["float16", "bfloat16", "float32"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture(autouse=True)
    def take(self, room: ModuleType) -> None:
        self.room = room

    def tensor(self, values: npt.ArrayLike, kind: str) -> Any:
        return self.room.jnp.asarray(np.asarray(values).astype(self.room.jnp.dtype(kind)))

    def count(self, scores: Any, valid: Any, top_k: Sequence[int] = (1,)) -> Counted:
        counts = self.room.count_hits(scores, valid, top_k=top_k)
        assert counts.numbers.dtype == "int32"
        return Counted(counts.hits.tolist(), *map(int, (counts.n, counts.empty, counts.nan, counts.ill_formed)))

    def refuse(self, scores: Any, valid: Any) -> Any:
        return self.room.accuracy(self.room.count_hits(scores, valid, top_k=(1,)))


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


def test_shards_of_several_devices_count_as_one_and_64_bits_are_exact(needs: Needs) -> None:
    needs("jax")
    variables = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    assert python("-W", "ignore::DeprecationWarning", "-c", ON_FOUR_DEVICES, **variables).out == "done\n"


def test_a_masked_nan_does_not_count_and_ill_formed_classes_are_explained(room: ModuleType) -> None:
    scores, valid = np.array([[0, np.nan], [1, 0]], np.float32), np.array([[1], [1]])
    assert int(room.count_hits(scores, valid, mask=np.array([0, 1]), top_k=(1,)).nan) == 0
    assert message(room.accuracy, room.count_hits(ZEROS, np.array([[0], [1], [4]]), top_k=(1,))) == (
        "valid classes are neither multi-hot nor ids padded with -1\n"
        "  allowed: 0 or 1 for each class; or ids below the number of classes, each once, then -1\n"
        "  found:   other numbers, or an id twice, for images: 1\n"
        "  fix:     a multi-hot target has as many columns as the scores, ids have fewer; -1 needs a signed type"
    )


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_a_valid_class_of_the_least_nan_is_a_valid_class(room: ModuleType, kind: str) -> None:
    """No float orders below it; blocks before its own have no valid class."""
    scores, hot = np.zeros((1, 32), kind), np.arange(32)[None] == 20
    scores.view(f"i{scores.itemsize}")[0, 20] = -1
    for valid in (hot, np.array([[20]])):
        assert room.count_hits(scores, valid, top_k=(12, 32)).numbers.tolist() == [0, 1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("scores", "options", "fault"),
    [
        (ZEROS, {"mask": IDS > 0}, ("wrong-shape", "shape (3, 1)")),
        (ZEROS.astype(np.float64), {}, ("rounded-scores", "float64")),
    ],
)
def test_bad_input_is_one_error(
    room: ModuleType, scores: npt.NDArray[Any], options: Any, fault: tuple[str, str]
) -> None:
    assert fault_of(room.count_hits, scores, IDS, **{"top_k": (1,), **options}) == fault


def test_bad_scores_are_an_error_with_advice_also_while_a_function_is_compiled(room: ModuleType) -> None:
    assert message(room.jax.jit(room.count_hits), ZEROS[0], IDS) == (
        "scores must be floats, one row per image and one column per class\n"
        "  allowed: bfloat16, float16, float32, float64 of shape (images, classes)\n"
        "  found:   float32 (4,)"
    )
    assert message(room.count_hits, ZEROS.astype(np.float64), IDS) == (
        "scores would be rounded, which makes ties\n"
        "  allowed: float32\n"
        "  found:   float64\n"
        "  fix:     give float32, or let the framework keep float64; in JAX, set jax_enable_x64"
    )


def test_nothing_to_score_is_none(room: ModuleType) -> None:
    scores = np.zeros((3, 6), np.float32)
    for valid in (np.full((3, 2), -1), np.zeros((3, 0), np.int32), np.zeros((3, 6), bool)):
        assert room.accuracy(room.count_hits(scores, valid)) == {1: None, 5: None}
    assert room.accuracy(room.count_hits(scores[:0], np.zeros((0, 6), bool))) == {1: None, 5: None}


def test_only_counts_of_the_same_k_that_are_added_up_give_an_accuracy(room: ModuleType) -> None:
    scores, valid = np.zeros((2, 3, 6), np.float32), np.zeros((2, 3, 1), np.int32)
    apart = room.jax.vmap(room.count_hits)(scores, valid)
    assert message(room.accuracy, apart) == ("counts cannot be added up\n  allowed: one n\n  found:   n of shape (2,)")
    one, other = (room.count_hits(scores[0], valid[0], top_k=k) for k in ((1,), (2, 1, 2)))
    assert message(operator.add, one, other) == ("hits are counted for different k\n  allowed: (1,)\n  found:   (1, 2)")
