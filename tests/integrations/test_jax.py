"""JAX: the counts are those of a plain sort, in every type and form, compiled, masked, mapped, sharded and summed."""

import functools
import importlib
import operator
import subprocess
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.errors import DataError, MissingPackageError
from reassess.labels import LabelSets
from reassess.targets import multi_hot, padded_ids
from tests.references import ranking

CLASSES, WIDTH = 23, 3
TOP_K = (1, 2, 5)
# Few values, so that ties are everywhere; each is exact in every type but where it is the type's own smallest.
VALUES = (-np.inf, -2.5, -1.0, -0.0, 0.0, 2.0**-14, 1.0, 1.0078125, 65280.0, np.inf)
SMALLEST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149}


@pytest.fixture(scope="module")
def room(needs: Callable[[str], None]) -> ModuleType:
    needs("jax")
    return importlib.import_module("reassess.integrations.jax")


@pytest.fixture(scope="module")
def jnp(room: ModuleType) -> ModuleType:
    return room.jnp


def sets_of(rng: np.random.Generator, n: int) -> list[list[int]]:
    return [sorted(rng.choice(CLASSES, rng.integers(0, WIDTH + 1), replace=False).tolist()) for _ in range(n)]


def forms_of(sets: Sequence[Sequence[int]], classes: int = CLASSES) -> dict[str, npt.NDArray]:
    labels = LabelSets.from_lists([f"{i}.png" for i in range(len(sets))], sets)
    rows = np.arange(len(sets))
    hot, ids = multi_hot(labels, rows, classes), padded_ids(labels, rows)
    unordered = np.stack([np.random.default_rng(i).permutation(row) for i, row in enumerate(ids)])
    return {
        "multi-hot": hot,
        "multi-hot floats": hot.astype(np.float32),
        "multi-hot integers": hot.astype(np.int64),
        "ids": ids,
        "ids among padding": unordered,
        "short ids": ids.astype(np.int8),
        "wide ids": np.pad(ids, [(0, 0), (2, 3)], constant_values=-1),
    }


def expected_counts(values: npt.ArrayLike, sets: Sequence[Sequence[int]], top_k: Sequence[int] = TOP_K) -> list[int]:
    """Hits at each k, images with a valid class, images without."""
    orders = [ranking(row) for row in np.asarray(values, np.float64).tolist()]
    hits = [sum(bool(set(order[:k]) & set(valid)) for order, valid in zip(orders, sets, strict=True)) for k in top_k]
    return [*hits, sum(map(bool, sets)), sum(not valid for valid in sets)]


def numbers(counts: object) -> list[int]:
    assert int(counts.nan) == int(counts.ill_formed) == 0
    assert {str(leaf.dtype) for leaf in (counts.hits, counts.n, counts.empty, counts.nan)} == {"int32"}
    return [*counts.hits.tolist(), int(counts.n), int(counts.empty)]


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_counts_are_those_of_a_plain_sort_in_every_type_and_form(room: ModuleType, jnp: ModuleType, kind: str) -> None:
    rng = np.random.default_rng(1)
    tiny = SMALLEST[kind]
    values = rng.choice([*VALUES, tiny, -tiny, 2 * tiny], (300, CLASSES))
    values[0], values[1], values[2], values[3, ::2] = 0.0, -np.inf, np.inf, -0.0
    sets = sets_of(rng, len(values))
    scores = jnp.asarray(values.astype(jnp.dtype(kind)))
    expected = expected_counts(values, sets)
    for form, valid in forms_of(sets).items():
        assert numbers(room.count_hits(scores, valid, top_k=TOP_K)) == expected, form


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
    values, sets = rng.choice([0.0, 1.0, 2.0], (40, CLASSES)).astype(np.float32), sets_of(rng, 40)
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
    values, sets = rng.choice([0.0, 1.0, 2.0], (60, CLASSES)).astype(np.float32), sets_of(rng, 60)
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
print("done")
"""


def test_shards_of_several_devices_count_as_one_and_64_bits_are_exact(needs: Callable[[str], None]) -> None:
    needs("jax")
    environment = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu", "PATH": ""}
    program = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", ON_FOUR_DEVICES]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr


def test_the_original_labels_score_as_published(
    room: ModuleType, jnp: ModuleType, real_labels: LabelSets, real_original: LabelSets
) -> None:
    parts = []
    for rows in np.split(np.arange(50_000), 10):
        scores = room.jax.nn.one_hot(real_original.indices[rows], 1000, dtype=jnp.bfloat16)
        hot = room.count_hits(scores, multi_hot(real_labels, rows, 1000))
        parts.append(room.count_hits(scores, padded_ids(real_labels, rows)))
        assert numbers(hot) == numbers(parts[-1])
    total = functools.reduce(operator.add, parts)
    assert numbers(total)[::2] == [42_164, 46_837]
    assert int(total.empty) == 3163


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
        assert str(caught.value) == (
            "a score is NaN\n"
            "  allowed: any number, and +inf or -inf\n"
            "  found:   NaN in the scores of images: 2\n"
            "  to mend: find out why the model returns NaN"
        )
        assert int(room.count_hits(scores, valid, mask=np.array([1, 0, 1]), top_k=(1,)).nan) == 0


@pytest.mark.parametrize(
    "valid",
    [
        np.array([[0], [1], [4]]),  # out of range
        np.array([[0], [1], [-2]]),
        np.array([[0], [1], [255]], np.uint8),  # -1 of an unsigned type
        np.array([[0, 1], [1, -1], [2, 2]]),  # twice
        np.array([[0, 0, 1], [-1, -1, -1], [0, -1, -1]]),  # multi-hot of another width
        np.array([[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 2, 0]]),
        np.array([[0, 1, 0, 0], [0, 0, 0, 1], [0, np.nan, 0, 0]]),
        np.array([[0, 1, 0, 0], [0, 0, 0, 1], [-1, -1, -1, -1]]),  # ids as wide as the scores
    ],
    ids=["above", "below", "unsigned", "twice", "another width", "two", "nan", "ids"],
)
def test_valid_classes_that_are_ill_formed_are_an_error(room: ModuleType, jnp: ModuleType, valid: npt.NDArray) -> None:
    counts = room.jax.jit(functools.partial(room.count_hits, top_k=(1,)))(jnp.zeros((3, 4)), valid)
    assert int(counts.ill_formed) == 1
    with pytest.raises(DataError) as caught:
        room.accuracy(counts)
    assert str(caught.value) == (
        "valid classes are neither multi-hot nor ids padded with -1\n"
        "  allowed: 0 or 1 for each class; or ids below the number of classes, each once, then -1\n"
        "  found:   other numbers, or an id twice, for images: 1\n"
        "  to mend: a multi-hot target has as many columns as the scores, ids have fewer; -1 needs a signed type"
    )


NO_TARGET = (
    "the target is neither multi-hot nor ids padded with -1\n"
    "  allowed: 0 or 1 of shape (images, 4), or integers of shape (images, most classes of an image)\n"
    "  found:   {}\n"
    "  to mend: the label of one class that a folder reader gives is not the set of valid classes"
)
NO_SCORES = (
    "scores must be floats, one row an image and one column a class\n"
    "  allowed: bfloat16, float16, float32, float64 of shape (images, classes)\n"
    "  found:   {}"
)
ZEROS, IDS = np.zeros((3, 4), np.float32), np.array([[0], [1], [-1]])


@pytest.mark.parametrize(
    ("scores", "valid", "options", "message"),
    [
        (ZEROS, np.zeros((3, 5), np.float32), {}, NO_TARGET.format("float32 (3, 5)")),
        (ZEROS, np.zeros((3, 5), bool), {}, NO_TARGET.format("bool (3, 5)")),
        (ZEROS, np.array([0, 1, 2], np.int32), {}, NO_TARGET.format("int32 (3,)")),
        (ZEROS, IDS[:2], {}, "not one target a row of scores\n  allowed: 3 rows\n  found:   shape (2,)"),
        (ZEROS, IDS, {"mask": IDS >= 0}, "not one mask a row of scores\n  allowed: 3 rows\n  found:   shape (3, 1)"),
        (ZEROS.astype(np.int32), IDS, {}, NO_SCORES.format("int32 (3, 4)")),
        (ZEROS[0], IDS, {}, NO_SCORES.format("float32 (4,)")),
        (ZEROS[:, :0], IDS, {}, NO_SCORES.format("float32 (3, 0)")),
        (ZEROS, IDS, {"top_k": (5,)}, "k is out of range\n  allowed: 1 to 4, as many as the predictions hold for each "
         "image\n  found:   5"),
        (ZEROS.astype(np.float64), IDS, {}, "JAX would round the scores, and ties would appear\n"
         "  allowed: float32\n  found:   float64\n  to mend: jax.config.update(\"jax_enable_x64\", True)"),
    ],
)  # fmt: skip
def test_bad_input_is_one_error(
    room: ModuleType, scores: npt.NDArray, valid: npt.NDArray, options: dict[str, object], message: str
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
    assert str(caught.value) == "counts are not added up\n  allowed: one n\n  found:   n of shape (2,)"
    with pytest.raises(DataError) as caught:
        room.count_hits(scores[0], valid[0], top_k=(1,)) + room.count_hits(scores[0], valid[0], top_k=(2, 1, 2))
    assert str(caught.value) == "hits are counted for different k\n  allowed: (1,)\n  found:   (1, 2)"


def test_without_jax_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "reassess.integrations.jax", raising=False)
    with pytest.raises(MissingPackageError) as caught:
        importlib.import_module("reassess.integrations.jax")
    assert str(caught.value) == (
        "counting hits in JAX needs the package jax, which is not installed\n  to mend: pip install 'reassess[jax]'"
    )
