"""Every integration counts the same hits as `reassess.evaluate`, from shuffled batches.

Labels come from the integrations that add labels, and scores are tensors of each framework. test_timm.py, test_tfds.py
and keras_on_a_backend.py test the other integrations.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess import LabelSets, Predictions, RealAccuracy, evaluate
from reassess.core.image_names import image_keys
from reassess.evaluation import multi_hot, padded_ids
from tests.helpers import Needs, picture

N, CLASSES, BATCH = 1_300, 1_000, 256
Hits = list[int]  # hits at 1, hits at 5, images with a valid class


def read_hits(metric: Any) -> Hits:
    counts = metric.counts()
    return [counts[1].hits, counts[5].hits, counts[1].n]


@dataclass(frozen=True)
class Stream:
    """Scores of some validation images in shuffled order, with many ties, exact in bfloat16."""

    scores: npt.NDArray[np.float32]
    names: tuple[str, ...]
    labels: LabelSets

    def batches(self) -> Iterator[tuple[npt.NDArray[np.float32], tuple[str, ...], npt.NDArray[np.int64]]]:
        """Iterate over scores, names, and positions in the label sets."""
        rows = self.labels.find(self.names)
        for start in range(0, len(self.names), BATCH):
            part = slice(start, start + BATCH)
            yield self.scores[part], self.names[part], rows[part]


@pytest.fixture(scope="module")
def stream(real_labels: LabelSets) -> Stream:
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(real_labels))[:N]
    scores = np.round(rng.standard_normal((N, CLASSES)) * 8).astype(np.float32) / 8
    ids, sizes = real_labels.classes_of_rows(rows)
    scores[np.repeat(np.arange(N), sizes), ids] += rng.integers(0, 5, ids.size)
    return Stream(scores, tuple(real_labels.images[row] for row in rows), real_labels)


def torch_scores(scores: npt.NDArray[np.float32], kind: str = "float32") -> Any:
    import torch

    return torch.from_numpy(scores).to(getattr(torch, kind))


def with_torchvision(stream: Stream, kind: str, folder: Path) -> Hits:
    from torch.utils.data import DataLoader

    from reassess.integrations.torchvision import ImageNetReaL

    for name in stream.names:
        (folder / name).write_bytes(picture(1))
    dataset = ImageNetReaL(folder, labels=stream.labels, encoding="padded", loader=str, transform=len)
    row_of = dict(zip(image_keys(stream.names), range(len(stream.names)), strict=True))
    rows = np.array([row_of[key] for key in image_keys(dataset.images)])
    metric, start = RealAccuracy(), 0
    for _, target in DataLoader(dataset, batch_size=BATCH):
        metric.update(torch_scores(stream.scores[rows[start : start + len(target)]]), target)
        start += len(target)
    assert start == len(stream.names)
    return read_hits(metric)


def with_tensorflow(stream: Stream, kind: str, folder: Path) -> Hits:
    import tensorflow as tf

    from reassess.integrations.tensorflow import with_real_labels

    dataset = tf.data.Dataset.from_tensor_slices({"file_name": list(stream.names), "scores": stream.scores})
    metric = RealAccuracy()
    for batch in with_real_labels(dataset.batch(BATCH), stream.labels, encoding="multi-hot"):
        metric.update(batch["scores"], batch["real_label"])
    return read_hits(metric)


def with_huggingface(stream: Stream, kind: str, folder: Path) -> Hits:
    import datasets

    from reassess.integrations.huggingface import with_real_labels

    images = [{"bytes": b"", "path": name.replace(".JPEG", "_n01440764.JPEG")} for name in stream.names]
    dataset = datasets.Dataset.from_dict({"image": images}).cast_column("image", datasets.Image(decode=False))
    lists, metric = with_real_labels(dataset, stream.labels)["real_label"], RealAccuracy()
    for start in range(0, len(images), BATCH):
        metric.update(torch_scores(stream.scores[start : start + BATCH]), lists[start : start + BATCH])
    return read_hits(metric)


def with_torchmetrics(stream: Stream, kind: str, folder: Path) -> Hits:
    from reassess.integrations.torchmetrics import RealAccuracyMetric as Metric

    joined, padded = Metric(labels=stream.labels), Metric()
    for scores, names, rows in stream.batches():
        joined.update(torch_scores(scores, kind), names)
        padded.update(torch_scores(scores, kind), padded_ids(stream.labels, rows))
    assert read_hits(joined) == read_hits(padded)
    return read_hits(joined)


def with_jax(stream: Stream, kind: str, folder: Path) -> Hits:
    import jax
    import jax.numpy as jnp

    from reassess.integrations.jax import count_hits

    compiled, total = jax.jit(count_hits), None
    for scores, names, rows in stream.batches():
        missing = BATCH - len(names)  # the last batch is padded, so that the function is compiled once
        valid = np.pad(multi_hot(stream.labels, rows, CLASSES), [(0, missing), (0, 0)])
        batch = jnp.asarray(np.pad(scores, [(0, missing), (0, 0)])).astype(kind)
        counts = compiled(batch, valid, mask=np.arange(BATCH) < len(names))
        total = counts if total is None else total + counts
    return [*total.hits.tolist(), int(total.n)]


# Required packages, types of scores, and function. Integrations that add labels do not depend on the type of scores.
INTEGRATIONS: dict[str, tuple[list[str], list[str], Callable[..., Hits]]] = {
    "torchmetrics": (["torchmetrics"], ["float32", "bfloat16"], with_torchmetrics),
    "jax": (["jax"], ["float32", "bfloat16"], with_jax),
    "torchvision": (["torch", "torchvision"], ["float32"], with_torchvision),
    "tensorflow": (["tensorflow"], ["float32"], with_tensorflow),
    "huggingface": (["torch", "datasets"], ["float32"], with_huggingface),
}


@pytest.mark.parametrize(
    ("integration", "kind"), [(name, kind) for name, (_, kinds, _) in INTEGRATIONS.items() for kind in kinds]
)
def test_hits_equal_evaluate(integration: str, kind: str, stream: Stream, needs: Needs, tmp_path: Path) -> None:
    packages, _, count = INTEGRATIONS[integration]
    for package in packages:
        needs(package)
    expected = evaluate(Predictions.from_scores(stream.scores, stream.names), stream.labels).real_accuracy
    assert 0 < expected[1].hits < expected[5].hits < expected[5].n < N
    assert count(stream, kind, tmp_path) == [expected[1].hits, expected[5].hits, expected[1].n]


def test_hits_depend_on_the_tie_break(stream: Stream) -> None:
    expected = evaluate(Predictions.from_scores(stream.scores, stream.names), stream.labels).real_accuracy
    flipped = np.ascontiguousarray(stream.scores[:, ::-1])
    predictions = Predictions.from_scores(flipped, stream.names, output_class_ids=np.arange(CLASSES)[::-1].copy())
    assert evaluate(predictions, stream.labels).real_accuracy == expected  # the order of outputs does not matter
    predictions = Predictions.from_ids(CLASSES - 1 - np.argmax(flipped, axis=1), stream.names)  # the highest id first
    assert evaluate(predictions, stream.labels, top_k=[1]).real_accuracy[1].hits != expected[1].hits
