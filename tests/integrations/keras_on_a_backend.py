"""The Keras metric: counts equal a plain sort; test_keras.py runs this file once for each backend."""

import runpy
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import ops

from reassess import evaluate
from reassess.core import LabelSets, Predictions
from reassess.evaluation import multi_hot, padded_ids
from reassess.integrations.keras import RealAccuracyMetric
from reassess.numeric import Proportion
from tests.helpers import bits_of_bfloat16, code_of, fault_of, message
from tests.integrations.batches import CLASSES, expected_counts, forms_of, sets_of, values_of
from tests.integrations.compiled_laws import IDS, ZEROS, CompiledLaws, Counts

EXAMPLE = Path(__file__).parents[2] / "examples" / "keras_metric.py"
BACKEND = keras.backend.backend()
COMPILED = {"torch": [False], "jax": [True], "tensorflow": [False, True]}[BACKEND]
ONE_MODE = COMPILED[-1:]  # for tests that need only one mode
if BACKEND != "tensorflow":
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # Keras would import it to compare types, which takes seconds


def no_loss(target: object, scores: object) -> object:
    """Return 0 for targets that losses do not support, such as padded ids."""
    return ops.zeros_like(scores[:, 0])


def model_of(
    classes: int, *metrics: RealAccuracyMetric, weighted: list[RealAccuracyMetric] | None = None, jit: bool = False
) -> Any:
    """Create a model whose scores are its input."""
    model = keras.Sequential([keras.Input((classes,)), keras.layers.Identity()])
    model.compile(loss=no_loss, metrics=list(metrics), weighted_metrics=weighted, jit_compile=jit)
    return model


@cache
def compiled_step(top_k: tuple[int, ...]) -> Callable[[Any, Any], Any]:
    """Compile the sums of a batch at each k in JAX, which would else compile each operation separately."""
    import jax

    metrics = [RealAccuracyMetric(k) for k in top_k]
    return jax.jit(lambda *batch: [m.stateless_update_state(m.stateless_reset_state(), *batch) for m in metrics])


def count_once(valid: Any, scores: Any, top_k: Sequence[int] = (1,)) -> list[RealAccuracyMetric]:
    """Create a metric for each k, and count one batch."""
    metrics = [RealAccuracyMetric(k) for k in top_k]
    if BACKEND == "jax":
        for metric, (sums,) in zip(metrics, compiled_step(tuple(top_k))(valid, scores), strict=True):
            metric.sums.assign(sums)
    else:
        for metric in metrics:
            metric.update_state(valid, scores)
    return metrics


class TestRealAccuracyMetric(CompiledLaws):
    """The metric, compiled in JAX but not in other backends."""

    @pytest.fixture(params=["float16", "bfloat16", "float32", *([] if BACKEND == "jax" else ["float64"])])
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def tensor(self, values: npt.ArrayLike, kind: str) -> Any:
        if kind == "bfloat16":
            return ops.view(ops.convert_to_tensor(bits_of_bfloat16(values)), "bfloat16")
        return ops.convert_to_tensor(np.asarray(values).astype(kind))

    def count(self, scores: Any, valid: Any, top_k: Sequence[int] = (1,)) -> Counts:
        metrics = count_once(valid, scores, top_k)
        last = metrics[-1]
        return Counts(
            [int(m.hits) for m in metrics],
            *map(int, (last.n_scored, last.n_without_valid_class, last.n_nan, last.n_with_invalid_target)),
        )

    def read_accuracy(self, scores: Any, valid: Any) -> Any:
        (metric,) = count_once(valid, scores)
        assert np.isnan(float(metric.result()))
        return metric.counts()


@pytest.mark.parametrize(("policy", "jit"), [("float32", BACKEND == "jax"), ("mixed_bfloat16", BACKEND != "torch")])
def test_model_counts_equal_evaluate(policy: str, jit: bool) -> None:
    """With 1,000 classes, whose ids are not exact in bfloat16, and a smaller last batch."""
    rng = np.random.default_rng(3)
    scores = rng.choice(np.arange(8), (300, 1000)).astype(np.float32)  # exact in bfloat16
    names = [f"{i}.png" for i in range(300)]
    sets = [rng.choice(1000, rng.integers(0, 4), replace=False).tolist() for _ in names]
    labels, rows = LabelSets.from_lists(names, sets), np.arange(300)
    expected = evaluate(Predictions.from_scores(scores, names), labels, top_k=(1, 400))
    ids = padded_ids(labels, rows)
    assert ids.max() > 512
    keras.mixed_precision.set_global_policy(policy)
    try:
        for valid in (ids, multi_hot(labels, rows, 1000)):
            metrics = RealAccuracyMetric(1), RealAccuracyMetric(400)
            metrics_by_name = model_of(1000, *metrics, jit=jit).evaluate(
                scores, valid, batch_size=128, verbose=0, return_dict=True
            )
            for metric in metrics:
                assert metric.counts() == expected.real_accuracy[metric.k]
                assert metrics_by_name[metric.name] == pytest.approx(expected.real_accuracy[metric.k].value)
            assert float(metric.n_without_valid_class) == expected.n_empty
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("jit", ONE_MODE)
def test_fit_resets_counts_in_each_epoch(jit: bool) -> None:
    rng = np.random.default_rng(4)
    points = rng.normal(size=(64, 5)).astype(np.float32)
    hot = (points @ rng.normal(size=(5, 4)) > 0.5).astype(np.float32)
    hot[:3] = 0
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, activation="sigmoid")])
    metric = RealAccuracyMetric(2)
    model.compile("adam", "binary_crossentropy", metrics=[metric], jit_compile=jit)
    history = model.fit(points, hot, batch_size=24, epochs=2, validation_data=(points, hot), verbose=0).history
    scores, valid = np.asarray(ops.convert_to_numpy(model(points))), [np.flatnonzero(row).tolist() for row in hot]
    hits, n, _ = expected_counts(scores, valid, [2])
    assert history["val_real_top2"][-1] == pytest.approx(hits / n)
    assert len(history["real_top2"]) == 2
    assert model.evaluate(points, hot, verbose=0)[1] == pytest.approx(hits / n)
    assert metric.counts() == Proportion(hits, n)


@pytest.mark.parametrize("jit", COMPILED)
def test_image_with_weight_0_is_ignored(jit: bool) -> None:
    values, sets = values_of("float32", 80).astype(np.float32), sets_of(80)
    weights = np.arange(80) % 3 > 0
    rows = np.flatnonzero(weights)
    hits, n, empty = expected_counts(values[rows], [sets[i] for i in rows], [1])
    values[::3] = np.nan
    ids = forms_of(sets)["ids"]
    ids[::3] = 99
    for sample_weight in (weights.astype(np.float32), weights[:, None].astype(np.float64)):
        metric = RealAccuracyMetric()
        model = model_of(CLASSES, weighted=[metric], jit=jit)
        model.evaluate(values, ids, batch_size=32, sample_weight=sample_weight, verbose=0)
        assert metric.counts() == Proportion(hits, n)
        assert float(metric.n_without_valid_class) == empty


def test_weights_apply_to_hits_and_images() -> None:
    values, sets = values_of("float32", 80).astype(np.float32), sets_of(80)
    weights = np.random.default_rng(5).choice([0.0, 0.5, 1.0, 2.25], 80)
    metric = RealAccuracyMetric(2)
    metric.update_state(forms_of(sets)["ids"], values, sample_weight=weights)
    hits, total, _ = weights @ [expected_counts(values[[i]], [sets[i]], [2]) for i in range(80)]
    assert float(metric.result()) == pytest.approx(hits / total)
    assert float(metric.n_without_valid_class) == sum(
        not row for row, weight in zip(sets, weights, strict=True) if weight
    )
    assert message(metric.counts) == (
        "hits of images with fractional weights cannot be counted\n"
        "  allowed: weights that are whole numbers\n"
        f"  found:   {hits} of {total}\n"
        "  fix:     use result(), the weighted accuracy"
    )
    metric.reset_state()
    metric.update_state(forms_of(sets)["multi-hot"], values, sample_weight=3)
    hits, n, _ = expected_counts(values, sets, [2])
    assert metric.counts() == Proportion(3 * hits, 3 * n)


def test_ids_beyond_32_bits_are_ill_formed() -> None:
    """JAX truncates them before the metric sees them."""
    if BACKEND != "jax":
        metric = RealAccuracyMetric()
        metric.update_state(np.array([[2**32], [-(2**63)], [2**32 - 1], [1]]), np.zeros((4, 4), np.float32))
        assert (float(metric.n_with_invalid_target), float(metric.n_without_valid_class)) == (3, 3)


def test_accuracy_without_valid_classes_is_nan() -> None:
    scores = np.zeros((3, 6), np.float32)
    for valid in (np.full((3, 2), -1), np.zeros((3, 0), np.int32), np.zeros((3, 6), bool)):
        (metric,) = count_once(valid, scores)
        metric.update_state(valid[:0], scores[:0], sample_weight=np.zeros(0))
        assert np.isnan(float(metric.result()))
        assert metric.counts() == Proportion(0, 0)


@pytest.mark.parametrize("weight", [np.ones((3, 4)), np.ones(2)])
def test_wrong_shape_of_weights_raises(weight: npt.NDArray[Any]) -> None:
    metric = RealAccuracyMetric()
    fault = fault_of(metric.update_state, IDS, ZEROS, sample_weight=weight)
    assert fault == ("wrong-shape", f"shape {weight.shape}")
    assert float(metric.n_scored) == 0


@pytest.mark.parametrize("jit", COMPILED)
def test_wrong_width_of_multi_hot_raises_in_a_model(jit: bool) -> None:
    model = model_of(4, RealAccuracyMetric(), jit=jit)
    assert code_of(model.evaluate, ZEROS, np.zeros((3, 5), np.float32), verbose=0) == "wrong-target"


def test_scores_are_exact_or_raise() -> None:
    metric, scores = RealAccuracyMetric(), np.array([[1.0, 1.0 + 1e-12]])
    if BACKEND == "jax":
        assert code_of(metric.update_state, [[1]], scores) == "rounded-scores"
    else:
        metric.update_state([[1]], scores)
        assert metric.counts() == Proportion(1, 1)


def test_metric_is_restored_from_configuration() -> None:
    metric = RealAccuracyMetric(3, name="top3")
    config = keras.saving.serialize_keras_object(metric)
    assert config["registered_name"] == "reassess>RealAccuracyMetric"
    for copy in (RealAccuracyMetric.from_config(metric.get_config()), keras.saving.deserialize_keras_object(config)):
        assert (type(copy), copy.k, copy.name, copy.dtype) == (RealAccuracyMetric, 3, "top3", "float32")
    assert RealAccuracyMetric(7).name == "real_top7"
    assert code_of(RealAccuracyMetric, 0) == "out-of-range"
    assert message(RealAccuracyMetric, dtype="bfloat16") == (
        "hits cannot be summed exactly in this dtype\n  allowed: float32 or float64\n  found:   bfloat16"
    )


def test_saved_model_keeps_its_metric(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    points, hot = rng.normal(size=(30, 5)).astype(np.float32), rng.random((30, 4)) < 0.4
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
    model.compile("sgd", "mse", metrics=[RealAccuracyMetric(2)])
    before = model.evaluate(points, hot, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(points, hot, verbose=0, return_dict=True) == before
    assert 0 < before["real_top2"] < 1


def test_example_prints_its_main_result(real_labels: LabelSets, capsys: pytest.CaptureFixture[str]) -> None:
    if BACKEND != "tensorflow":  # the backend unless KERAS_BACKEND is set
        return
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out.startswith("real_top1: 42,164 of 46,837, 90.02 %\nreal_top5: ")


def test_targets_of_unknown_width_are_padded_ids() -> None:
    """As from padded batches of tf.data; a batch of empty sets has no columns."""
    if BACKEND != "tensorflow":
        return
    import tensorflow as tf

    values, sets = values_of("float32", 60).astype(np.float32), sorted(sets_of(60), key=len)
    assert not any(sets[:4])
    rows = tf.data.Dataset.from_tensor_slices((values, tf.ragged.constant(sets, dtype=tf.int32)))
    batches = rows.map(lambda scores, ids: (scores, ids)).padded_batch(4, padding_values=(0.0, -1))
    assert batches.element_spec[1].shape.as_list() == [None, None]
    hits, n, empty = expected_counts(values, sets, [1])
    for jit in COMPILED:
        metric = RealAccuracyMetric()
        model_of(CLASSES, metric, jit=jit).evaluate(batches, verbose=0)
        assert metric.counts() == Proportion(hits, n)
        assert float(metric.n_without_valid_class) == empty
