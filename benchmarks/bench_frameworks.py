"""Time that a metric adds to an evaluation: each integration against timm's evaluator and the model's forward pass.

ReaL labels and random scores, in batches of 256 on the CPU: metrics use one core, the model uses all. Each update gets
new scores and targets, as from a data loader and a model; making them is not timed.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pytest

from reassess import LabelSets, RealAccuracy, read_labels
from reassess.data import fetch
from reassess.evaluation import multi_hot, padded_ids

BATCH, BATCHES, FEATURES, CLASSES = 256, 40, 64, 1_000


@pytest.fixture(scope="module")
def labels() -> LabelSets:
    return read_labels("imagenet-real")


@pytest.fixture(scope="module")
def targets(labels: LabelSets) -> dict[str, list[Any]]:
    """Targets of each batch, in each form that a data loader may return."""
    rows = np.arange(BATCH * BATCHES).reshape(BATCHES, BATCH)
    return {
        "numbers": [*rows],
        "names": [[labels.images[row] for row in batch] for batch in rows],
        "multi-hot": [multi_hot(labels, batch) for batch in rows],
        "padded ids": [padded_ids(labels, batch) for batch in rows],
    }


@pytest.fixture(scope="module")
def resnet50() -> Iterator[float]:
    """Seconds of a ResNet-50's forward pass on all cores, per batch; metrics run on one core afterwards.

    The seconds are extrapolated from passes of 32 images.
    """
    import torch
    from torchvision.models import resnet50

    torch.set_num_threads(os.cpu_count() or 1)
    model, images, seconds = resnet50().eval(), torch.zeros(32, 3, 224, 224), []
    with torch.inference_mode():
        for _ in range(4):
            start = time.perf_counter()
            model(images)
            seconds.append(time.perf_counter() - start)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})  # before the frameworks start, so that they use one core
    yield BATCH / len(images) * median(seconds[1:])
    os.sched_setaffinity(0, cores)


@dataclass
class TimedMetric:
    """A metric's update, and functions that create scores and targets for its framework."""

    update: Callable[[Any, Any], object]
    compute_scores: Callable[[], Any]
    to_tensor: Callable[[Any], Any]

    def seconds(self, targets: list[Any]) -> float:
        """Return the median seconds of an update, without the first, which may compile."""
        seconds = []
        for target in targets:
            names = isinstance(target, list)
            copy = [name.encode().decode() for name in target] if names else self.to_tensor(target)
            scores = self.compute_scores()
            start = time.perf_counter()
            self.update(scores, copy)
            seconds.append(time.perf_counter() - start)
        return median(seconds[1:])


def of_torch(update: Callable[[Any, Any], object]) -> TimedMetric:
    import torch

    torch.set_num_threads(1)
    features, weights = torch.randn(BATCH, FEATURES), torch.randn(FEATURES, CLASSES)
    return TimedMetric(update, lambda: features @ weights, torch.tensor)


def of_jax(update: Callable[[Any, Any], object]) -> TimedMetric:
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    features, weights = (jnp.asarray(rng.random(shape)) for shape in ((BATCH, FEATURES), (FEATURES, CLASSES)))
    return TimedMetric(
        update, lambda: (features @ weights).block_until_ready(), lambda target: jnp.array(target).block_until_ready()
    )


def reassess(**options: Any) -> TimedMetric:
    return of_torch(RealAccuracy(**options).update)


def torchmetrics(**options: Any) -> TimedMetric:
    from reassess.integrations.torchmetrics import RealAccuracyMetric as Metric

    return of_torch(Metric(**options).update)


def timm(images: list[str], **_: Any) -> TimedMetric:
    from reassess.integrations.timm import RealLabelsImagenet

    evaluator = RealLabelsImagenet(images, fetch("imagenet-real"))
    return of_torch(lambda scores, _: evaluator.add_result(scores))


def jax() -> TimedMetric:
    from jax import block_until_ready, jit

    from reassess.integrations.jax import count_hits

    compiled = jit(count_hits, static_argnames="top_k")
    return of_jax(lambda scores, valid: block_until_ready(compiled(scores, valid)))


def sum_with_jax() -> TimedMetric:
    """JAX only reads the scores and the targets."""
    from jax import block_until_ready, jit

    compiled = jit(lambda scores, valid: (scores.sum(), valid.sum()))
    return of_jax(lambda scores, valid: block_until_ready(compiled(scores, valid)))


def keras() -> TimedMetric:
    """The compiled update of Keras on JAX."""
    os.environ["KERAS_BACKEND"] = "jax"
    from jax import jit

    from reassess.integrations.keras import RealAccuracyMetric as Metric

    metric = Metric(k=1)
    step, state = jit(metric.stateless_update_state), [variable.value for variable in metric.variables]

    def update(scores: Any, valid: Any) -> None:
        state[:] = step(state, valid, scores)
        state[0].block_until_ready()

    return of_jax(update)


CASES = [
    *(
        (metric, target)
        for metric in (reassess, torchmetrics)
        for target in ("numbers", "names", "multi-hot", "padded ids")
    ),
    (timm, "numbers"),
    (jax, "multi-hot"),
    (jax, "padded ids"),
    (keras, "multi-hot"),
    (keras, "padded ids"),
]


@pytest.mark.parametrize(("metric", "target"), CASES, ids=lambda part: getattr(part, "__name__", part))
def test_metric_adds_little_time(
    row: Any, labels: LabelSets, targets: dict[str, list[Any]], resnet50: float, metric: Any, target: str
) -> None:
    from timm.data import RealLabelsImagenet

    names, path = list(labels.images), str(fetch("imagenet-real"))
    options = {"numbers": {"labels": labels, "images": names}, "names": {"labels": labels}}.get(target, {})
    timm_seconds, metric_seconds = [], []
    for _ in range(7):
        evaluator = RealLabelsImagenet(names, path)
        timm_seconds.append(of_torch(lambda scores, _: evaluator.add_result(scores)).seconds(targets["numbers"]))  # noqa: B023
        metric_seconds.append(metric(**options).seconds(targets[target]))
    name = f"{metric.__name__}, {target}, batch of {BATCH}"
    row(name, median(metric_seconds), "timm RealLabelsImagenet", median(timm_seconds), ">= 5")
    row(name, median(metric_seconds), "ResNet-50 forward", resnet50, "<= 0.02")
    if target == "multi-hot" and metric in (jax, keras):
        sums = median(sum_with_jax().seconds(targets[target]) for _ in range(7))
        row(name, median(metric_seconds), "JAX's sums of scores and targets", sums, "<= 1.5")
