"""What a metric adds to an evaluation: each integration beside timm's evaluator, and beside the model's own work.

The labels are real, the scores random; batches of 256, on the CPU: metrics on one thread, the model on all.
"""

import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest

from reassess import LabelSets, RealAccuracy, load_labels
from reassess.sources import fetch
from reassess.targets import multi_hot, padded_ids

BATCH, BATCHES, CLASSES = 256, 40, 1_000
Update = Callable[[Any, Any], object]


@pytest.fixture(scope="module")
def labels() -> LabelSets:
    return load_labels("imagenet-real")


@pytest.fixture(scope="module")
def stream(labels: LabelSets) -> dict[str, list[Any]]:
    """Scores, and what a data loader would give beside them, batch by batch."""
    import torch

    torch.set_num_threads(1)
    rng, rows = np.random.default_rng(0), np.arange(BATCH * BATCHES).reshape(BATCHES, BATCH)
    return {
        "scores": [torch.from_numpy(rng.standard_normal((BATCH, CLASSES), np.float32)) for _ in rows],
        "numbers": [torch.from_numpy(batch) for batch in rows],
        "names": [[labels.images[row] for row in batch] for batch in rows],
        "multi-hot": [torch.from_numpy(multi_hot(labels, batch)) for batch in rows],
        "padded ids": [torch.from_numpy(padded_ids(labels, batch)) for batch in rows],
    }


@pytest.fixture(scope="module")
def resnet50() -> float:
    """Seconds that a batch takes a ResNet-50 on this machine, from the median of some of 32 images."""
    import torch
    from torchvision.models import resnet50

    torch.set_num_threads(os.cpu_count() or 1)
    model, images, part = resnet50().eval(), torch.zeros(32, 3, 224, 224), []
    with torch.inference_mode():
        for _ in range(4):
            start = time.perf_counter()
            model(images)
            part.append(time.perf_counter() - start)
    torch.set_num_threads(1)
    return BATCH / len(images) * median(part[1:])


def running(**joined: Any) -> Update:
    return RealAccuracy(**joined).update


def torchmetrics(**joined: Any) -> Update:
    from reassess.integrations.torchmetrics import RealAccuracy as Metric

    return Metric(**joined).update


def timm(images: list[str], **_: Any) -> Update:
    from reassess.integrations.timm import RealLabelsImagenet

    evaluator = RealLabelsImagenet(images, fetch("imagenet-real"))
    return lambda scores, _: evaluator.add_result(scores)


def jax() -> Update:
    from jax import jit

    from reassess.integrations.jax import count_hits

    compiled = jit(count_hits, static_argnames="top_k")
    return lambda scores, valid: compiled(scores.numpy(), valid.numpy()).hits.block_until_ready()


def keras() -> Update:
    """As a compiled step of Keras runs it, on JAX."""
    os.environ["KERAS_BACKEND"] = "jax"
    from jax import jit

    from reassess.integrations.keras import RealAccuracy as Metric

    metric = Metric(k=1)
    step, state = jit(metric.stateless_update_state), [variable.value for variable in metric.variables]

    def update(scores: Any, valid: Any) -> None:
        state[:] = step(state, valid.numpy(), scores.numpy())
        state[0].block_until_ready()

    return update


CASES = [
    *(
        (metric, target)
        for metric in (running, torchmetrics)
        for target in ("numbers", "names", "multi-hot", "padded ids")
    ),
    (timm, "numbers"),
    (jax, "multi-hot"),
    (jax, "padded ids"),
    (keras, "multi-hot"),
    (keras, "padded ids"),
]


@pytest.mark.parametrize(("metric", "target"), CASES, ids=lambda part: getattr(part, "__name__", part))
def test_a_metric_adds_little(
    row: Any, labels: LabelSets, stream: dict[str, list[Any]], resnet50: float, metric: Any, target: str
) -> None:
    from timm.data import RealLabelsImagenet

    names, path = list(labels.images), str(fetch("imagenet-real"))
    joined = {"numbers": {"labels": labels, "images": names}, "names": {"labels": labels}}.get(target, {})
    seconds: list[float] = []

    def work() -> None:
        update = metric(**joined)
        update(stream["scores"][0], stream[target][0])  # whatever is compiled or looked up once
        start = time.perf_counter()
        for scores, judges in zip(stream["scores"], stream[target], strict=True):
            update(scores, judges)
        seconds.append((time.perf_counter() - start) / BATCHES)

    def theirs() -> None:
        evaluator = RealLabelsImagenet(names, path)
        start = time.perf_counter()
        for scores in stream["scores"]:
            evaluator.add_result(scores)
        timm_seconds.append((time.perf_counter() - start) / BATCHES)

    timm_seconds: list[float] = []
    for _ in range(7):
        theirs()
        work()
    name = f"{metric.__name__}, {target}, a batch of {BATCH}"
    row(name, median(seconds), "timm RealLabelsImagenet", median(timm_seconds), ">= 10")
    row(name, median(seconds), "ResNet-50 forward", resnet50, "<= 0.02")
