"""The JAX metric: counts equal a plain sort, also if compiled, masked, mapped or sharded."""

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
from tests.integrations.compiled_laws import IDS, ZEROS, CompiledLaws, Counts


@pytest.fixture(scope="module")
def integration(needs: Needs) -> ModuleType:
    needs("jax")
    return importlib.import_module("reassess.integrations.jax")


@pytest.fixture(scope="module")
def jnp(integration: ModuleType) -> ModuleType:
    return integration.jnp


def numbers(counts: Any) -> list[int]:
    assert int(counts.n_nan) == int(counts.n_with_invalid_target) == 0
    assert {str(leaf.dtype) for leaf in (counts.hits, counts.n, counts.n_without_valid_class, counts.n_nan)} == {
        "int32"
    }
    return [*counts.hits.tolist(), int(counts.n), int(counts.n_without_valid_class)]


class TestCountHits(CompiledLaws):
    """`count_hits`, without compilation by the caller."""

    @pytest.fixture(params=["float16", "bfloat16", "float32"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture(autouse=True)
    def set_integration(self, integration: ModuleType) -> None:
        self.integration = integration

    def tensor(self, values: npt.ArrayLike, kind: str) -> Any:
        return self.integration.jnp.asarray(np.asarray(values).astype(self.integration.jnp.dtype(kind)))

    def count(self, scores: Any, valid: Any, top_k: Sequence[int] = (1,)) -> Counts:
        counts = self.integration.count_hits(scores, valid, top_k=top_k)
        assert counts.stacked_counts.dtype == "int32"
        return Counts(
            counts.hits.tolist(),
            *map(int, (counts.n, counts.n_without_valid_class, counts.n_nan, counts.n_with_invalid_target)),
        )

    def read_accuracy(self, scores: Any, valid: Any) -> Any:
        return self.integration.accuracy(self.integration.count_hits(scores, valid, top_k=(1,)))


@given(data=st.data())
def test_counts_of_any_floats_equal_plain_sort(integration: ModuleType, jnp: ModuleType, data: st.DataObject) -> None:
    floats = st.floats(allow_nan=False, width=32) | st.sampled_from([0.0, -0.0])
    values = data.draw(st.lists(st.lists(floats, min_size=5, max_size=5), min_size=4, max_size=4))
    sets = data.draw(st.lists(st.lists(st.integers(0, 4), unique=True, max_size=3), min_size=4, max_size=4))
    scores = jnp.asarray(np.array(values, np.float32))
    ids = np.array([row + [-1] * (3 - len(row)) for row in sets])
    expected = expected_counts(values, sets)
    assert numbers(integration.count_hits(scores, ids, top_k=TOP_K)) == expected
    assert numbers(integration.count_hits(scores, forms_of(sets, 5)["multi-hot"], top_k=TOP_K)) == expected


@given(cuts=st.lists(st.integers(0, 40), max_size=4).map(sorted))
def test_counts_of_padded_batches_add_up(integration: ModuleType, jnp: ModuleType, cuts: list[int]) -> None:
    """Masked rows are ignored, even with NaN and invalid classes."""
    rng = np.random.default_rng(2)
    values, sets = rng.choice([0.0, 1.0, 2.0], (40, CLASSES)).astype(np.float32), sets_of(40)
    ids = forms_of(sets)["ids"]
    parts = []
    for rows in np.split(np.arange(40), cuts):
        scores, valid = np.full((40, CLASSES), np.nan, np.float32), np.full((40, ids.shape[1]), 99)
        scores[: rows.size], valid[: rows.size] = values[rows], ids[rows]
        parts.append(integration.count_hits(scores, valid, mask=np.arange(40) < rows.size, top_k=TOP_K))
    total = functools.reduce(operator.add, parts)
    assert numbers(total) == expected_counts(values, sets)
    hits, n = total.hits.tolist(), int(total.n)
    assert integration.accuracy(total) == {k: hit / n for k, hit in zip(TOP_K, hits, strict=True)}


def test_counts_work_in_vmap_and_scan(integration: ModuleType, jnp: ModuleType) -> None:
    rng = np.random.default_rng(3)
    values, sets = rng.choice([0.0, 1.0, 2.0], (60, CLASSES)).astype(np.float32), sets_of(60)
    scores = values.reshape(4, 15, CLASSES)
    expected = expected_counts(values, sets, (1, 5))
    for form in ("multi-hot", "ids"):
        valid = forms_of(sets)[form].reshape(4, 15, -1)
        batches = integration.jax.jit(integration.jax.vmap(integration.count_hits))(scores, valid)
        assert batches.hits.shape == (4, 2)
        assert numbers(integration.jax.tree.map(lambda leaf: leaf.sum(0), batches)) == expected, form

    def step(total: object, batch: tuple[object, object]) -> tuple[object, None]:
        return total + integration.count_hits(*batch), None

    start = integration.jax.tree.map(lambda leaf: jnp.zeros_like(leaf[0]), batches)
    total, _ = integration.jax.lax.scan(step, start, (scores, valid))
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
read = lambda c: [*c.hits.tolist(), int(c.n), int(c.n_without_valid_class), int(c.n_nan), int(c.n_with_invalid_target)]
for valid in (hot, ids):
    batch = scores, valid, mask
    count = lambda s, v, m: count_hits(s, v, mask=m)
    whole = read(count(*batch))
    assert whole[3] > 0 and whole[0] < whole[1], whole
    sharded = jax.jit(count)(*(jax.device_put(part, rows) for part in batch))
    assert read(sharded) == whole
    summed = jax.pmap(lambda *part: jax.lax.psum(count(*part), "i"), axis_name="i")
    by_device = summed(*(part.reshape(4, 16, *part.shape[1:]) for part in batch))
    assert read(jax.tree.map(lambda leaf: leaf[0], by_device)) == whole
scores = scores.astype(np.float64)
jax.config.update("jax_enable_x64", True)
scores[:, 3] = scores[:, 4] + 1e-12
scores[0] = np.arange(23) * -5e-324
for valid in (hot, ids):
    counts_64 = count_hits(scores, valid)
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = [int(np.take_along_axis(hot, order[:, :k], axis=1).any(axis=1).sum()) for k in (1, 5)]
    assert counts_64.hits.tolist() == hits and str(counts_64.hits.dtype) == "int32", (counts_64, hits)
for ids, expected in ([2**32], [1, 1]), ([-(2**63)], [1, 1]), ([2**64 - 1], [1, 0]):
    counts_64 = count_hits(scores[:1], np.array([ids]), top_k=(1,))
    assert [int(counts_64.n_without_valid_class), int(counts_64.n_with_invalid_target)] == expected, (ids, counts_64)
print("done")
"""


def test_counts_are_equal_on_four_devices_and_exact_with_64_bits(needs: Needs) -> None:
    needs("jax")
    variables = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    assert python("-W", "ignore::DeprecationWarning", "-c", ON_FOUR_DEVICES, **variables).out == "done\n"


def test_masked_nan_is_ignored_and_ill_formed_classes_raise(integration: ModuleType) -> None:
    scores, valid = np.array([[0, np.nan], [1, 0]], np.float32), np.array([[1], [1]])
    assert int(integration.count_hits(scores, valid, mask=np.array([0, 1]), top_k=(1,)).n_nan) == 0
    assert message(integration.accuracy, integration.count_hits(ZEROS, np.array([[0], [1], [4]]), top_k=(1,))) == (
        "valid classes are neither multi-hot nor ids padded with -1\n"
        "  allowed: 0 or 1 for each class; or distinct ids below the number of classes, then -1\n"
        "  found:   other numbers, or duplicate ids, for 1 image\n"
        "  fix:     for multi-hot, use as many columns as the scores; for ids, use fewer columns and a signed type"
    )


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_valid_class_with_the_lowest_nan_is_counted(integration: ModuleType, kind: str) -> None:
    """Its key is the lowest of all floats, and earlier blocks of the row have no valid class."""
    scores, hot = np.zeros((1, 32), kind), np.arange(32)[None] == 20
    scores.view(f"i{scores.itemsize}")[0, 20] = -1
    for valid in (hot, np.array([[20]])):
        assert integration.count_hits(scores, valid, top_k=(12, 32)).stacked_counts.tolist() == [0, 1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("scores", "options", "fault"),
    [
        (ZEROS, {"mask": IDS > 0}, ("wrong-shape", "shape (3, 1)")),
        (ZEROS.astype(np.float64), {}, ("rounded-scores", "float64")),
    ],
)
def test_invalid_mask_or_rounded_scores_raise(
    integration: ModuleType, scores: npt.NDArray[Any], options: Any, fault: tuple[str, str]
) -> None:
    assert fault_of(integration.count_hits, scores, IDS, **{"top_k": (1,), **options}) == fault


def test_error_about_scores_is_complete_also_in_jit(integration: ModuleType) -> None:
    assert message(integration.jax.jit(integration.count_hits), ZEROS[0], IDS) == (
        "scores must be floats, one row per image and one column per class\n"
        "  allowed: bfloat16, float16, float32, float64 of shape (images, classes)\n"
        "  found:   float32 (4,)"
    )
    assert message(integration.count_hits, ZEROS.astype(np.float64), IDS) == (
        "scores would be rounded, which creates ties\n"
        "  allowed: float32\n"
        "  found:   float64\n"
        "  fix:     convert the scores to float32 yourself, or enable float64 in the framework (in JAX: jax_enable_x64)"
    )


def test_accuracy_without_valid_classes_is_none(integration: ModuleType) -> None:
    scores = np.zeros((3, 6), np.float32)
    for valid in (np.full((3, 2), -1), np.zeros((3, 0), np.int32), np.zeros((3, 6), bool)):
        assert integration.accuracy(integration.count_hits(scores, valid)) == {1: None, 5: None}
    assert integration.accuracy(integration.count_hits(scores[:0], np.zeros((0, 6), bool))) == {1: None, 5: None}


def test_counts_must_be_added_up_and_have_the_same_k(integration: ModuleType) -> None:
    scores, valid = np.zeros((2, 3, 6), np.float32), np.zeros((2, 3, 1), np.int32)
    batches = integration.jax.vmap(integration.count_hits)(scores, valid)
    assert message(integration.accuracy, batches) == (
        "counts must be summed over batches and devices first\n  allowed: n as a single number\n"
        "  found:   n as an array of shape (2,)"
    )
    first, second = (integration.count_hits(scores[0], valid[0], top_k=k) for k in ((1,), (2, 1, 2)))
    assert message(operator.add, first, second) == (
        "hits are counted for different k\n  allowed: (1,)\n  found:   (1, 2)"
    )
