"""The same scores of 5,000 images through every integration, in shuffled batches: the integers of `reassess.evaluate`.

The labels reach a metric by way of the integrations that add labels; the scores reach it as tensors of each framework.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess import LabelSets, Predictions, RealAccuracy, evaluate
from reassess.core.image_names import image_keys
from reassess.evaluation import multi_hot, padded_ids
from tests.helpers import python

N, CLASSES, BATCH = 5_000, 1_000, 256
PARTS = {"float32": N, "bfloat16": 1_300}  # how many images of each type of scores
Counted = list[int]  # hits at 1, hits at 5, images with a valid class


@dataclass(frozen=True)
class Stream:
    """Scores of some validation images in a shuffled order, full of ties, each exact in bfloat16."""

    scores: npt.NDArray[np.float32]
    names: tuple[str, ...]
    labels: LabelSets
    file: Path  # scores and padded ids of all images

    def batches(self) -> Iterator[tuple[npt.NDArray[np.float32], tuple[str, ...], npt.NDArray[np.int64]]]:
        """Scores, names, and positions in the label sets."""
        rows = self.labels.find(self.names)
        for start in range(0, len(self.names), BATCH):
            part = slice(start, start + BATCH)
            yield self.scores[part], self.names[part], rows[part]

    def some(self, n: int) -> "Stream":
        return Stream(self.scores[:n], self.names[:n], self.labels, self.file)


@pytest.fixture(scope="module")
def stream(real_labels: LabelSets, tmp_path_factory: pytest.TempPathFactory) -> Stream:
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(real_labels))[:N]
    scores = np.round(rng.standard_normal((N, CLASSES)) * 8).astype(np.float32) / 8
    ids, sizes = real_labels.of_rows(rows)
    scores[np.repeat(np.arange(N), sizes), ids] += rng.integers(0, 5, ids.size)
    file = tmp_path_factory.mktemp("stream") / "stream.npz"
    np.savez(file, scores=scores, valid=padded_ids(real_labels, rows))
    return Stream(scores, tuple(real_labels.images[row] for row in rows), real_labels, file)


def counted(metric: Any) -> Counted:
    counts = metric.counts()
    return [counts[1].hits, counts[5].hits, counts[1].n]


def torch_scores(scores: npt.NDArray[np.float32], kind: str) -> Any:
    import torch

    return torch.from_numpy(scores).to(getattr(torch, kind))


def plain(stream: Stream, kind: str, folder: Path) -> Counted:
    metric = RealAccuracy(labels=stream.labels)
    for scores, names, _ in stream.batches():
        metric.update(torch_scores(scores, kind), names)
    return counted(metric)


def of_torchmetrics(target: str) -> Callable[..., Counted]:
    def count(stream: Stream, kind: str, folder: Path) -> Counted:
        import torch

        from reassess.integrations.torchmetrics import RealAccuracyMetric as Metric

        joined = {"numbers": {"labels": stream.labels, "images": stream.names}, "names": {"labels": stream.labels}}
        metric, start = Metric(**joined.get(target, {})), 0
        for scores, names, rows in stream.batches():
            given = {
                "names": names,
                "numbers": torch.arange(start, start + len(names)),
                "multi-hot": torch.from_numpy(multi_hot(stream.labels, rows, CLASSES)),
                "padded": torch.from_numpy(padded_ids(stream.labels, rows)),
            }
            metric.update(torch_scores(scores, kind), given[target])
            start += len(names)
        return counted(metric)

    return count


def with_timm(stream: Stream, kind: str, folder: Path) -> Counted:
    from reassess.integrations.timm import RealLabelsImagenet

    valid = {name: stream.labels[name] for name in stream.names}
    (folder / "labels.json").write_text(json.dumps(valid))
    evaluator = RealLabelsImagenet(stream.names, folder / "labels.json")
    for scores, _, _ in stream.batches():
        evaluator.add_result(torch_scores(scores, kind))
    counts = counted(evaluator.metric)
    percent = {1: 100 * counts[0] / counts[2], 5: 100 * counts[1] / counts[2]}
    assert evaluator.get_accuracy() == pytest.approx(percent, rel=1e-14)
    return counts


def with_torchvision(stream: Stream, kind: str, folder: Path) -> Counted:
    from torch.utils.data import DataLoader

    from reassess.integrations.torchvision import ImageNetReaL

    _make_images(folder, stream.names)
    dataset = ImageNetReaL(
        folder,
        labels=stream.labels,
        encoding="padded",
        loader=str,
        transform=lambda _: 0,
    )
    row_of = dict(zip(image_keys(stream.names), range(len(stream.names)), strict=True))
    rows = np.array([row_of[key] for key in image_keys(dataset.images)])
    metric, start = RealAccuracy(), 0
    for _, target in DataLoader(dataset, batch_size=BATCH):
        metric.update(torch_scores(stream.scores[rows[start : start + len(target)]], kind), target)
        start += len(target)
    assert start == len(stream.names)
    return counted(metric)


def with_tensorflow(stream: Stream, kind: str, folder: Path) -> Counted:
    import tensorflow as tf

    from reassess.integrations.tensorflow import with_real_labels

    dataset = tf.data.Dataset.from_tensor_slices({"file_name": list(stream.names), "scores": stream.scores})
    metric = RealAccuracy()
    for batch in with_real_labels(dataset.batch(BATCH), stream.labels, encoding="multi-hot"):
        metric.update(tf.cast(batch["scores"], kind), batch["real_label"])
    return counted(metric)


def with_tfds(stream: Stream, kind: str, folder: Path) -> Counted:
    """Built of the images, which TFDS shuffles."""
    import tensorflow_datasets as tfds

    import reassess.integrations.tfds  # noqa: F401

    _make_images(folder, stream.names)
    tfds.disable_progress_bar()
    builder = tfds.builder("imagenet_real/subset", data_dir=folder / "built")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=folder))
    row_of = {name: row for row, name in enumerate(stream.names)}
    metric = RealAccuracy()
    decoders = {"image": tfds.decode.SkipDecoding()}
    for example in tfds.as_numpy(builder.as_dataset(split="validation", decoders=decoders)):
        scores = stream.scores[[row_of[example["file_name"].decode()]]]
        valid = example["real_label"]
        metric.update(torch_scores(scores, kind), np.pad(valid, (0, 9 - valid.size), constant_values=-1)[None])
    return counted(metric)


def with_huggingface(stream: Stream, kind: str, folder: Path) -> Counted:
    import datasets

    from reassess.integrations.huggingface import with_real_labels

    paths = [name.replace(".JPEG", "_n01440764.JPEG") for name in stream.names]
    images = [{"bytes": b"", "path": path} for path in paths]
    dataset = datasets.Dataset.from_dict({"image": images}).cast_column("image", datasets.Image(decode=False))
    lists = with_real_labels(dataset, stream.labels)["real_label"]
    metric = RealAccuracy()
    for start in range(0, len(paths), BATCH):
        valid = [ids + [-1] * (9 - len(ids)) for ids in lists[start : start + BATCH]]
        metric.update(torch_scores(stream.scores[start : start + BATCH], kind), valid)
    return counted(metric)


def with_jax(target: str) -> Callable[..., Counted]:
    def count(stream: Stream, kind: str, folder: Path) -> Counted:
        import jax
        import jax.numpy as jnp

        from reassess.integrations.jax import count_hits

        compiled, total = jax.jit(count_hits), None
        for scores, names, rows in stream.batches():
            encode = multi_hot if target == "multi-hot" else padded_ids
            missing = BATCH - len(names)  # the last batch is filled up, as a compiled function wants it
            valid = np.pad(encode(stream.labels, rows), [(0, missing), (0, 0)])
            batch = jnp.asarray(np.pad(scores, [(0, missing), (0, 0)])).astype(kind)
            counts = compiled(batch, valid, mask=np.arange(BATCH) < len(names))
            total = counts if total is None else total + counts
        return [*total.hits.tolist(), int(total.n)]

    return count


KERAS = """
import json
import sys
import numpy as np
from keras import ops
from reassess.integrations.keras import RealAccuracyMetric

given, found = np.load(sys.argv[1]), {}
for kind, n in json.loads(sys.argv[2]).items():
    scores, valid = given["scores"][:n], given["valid"][:n]
    metrics = [RealAccuracyMetric(k=1), RealAccuracyMetric(k=5)]
    for start in range(0, n, 256):
        for metric in metrics:
            metric.update_state(valid[start : start + 256], ops.cast(scores[start : start + 256], kind))
    first, fifth = (metric.counts() for metric in metrics)
    found[kind] = [first.hits, fifth.hits, first.n]
print(json.dumps(found))
"""


@cache
def hits_by_keras(backend: str, file: Path) -> dict[str, Counted]:
    """Of each type of scores; a process takes seconds to begin, so that it does both."""
    variables = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    lines = python("-c", KERAS, file, json.dumps(PARTS), **variables).out.splitlines()
    counts: dict[str, Counted] = json.loads(lines[-1])
    return counts


def with_keras(backend: str) -> Callable[..., Counted]:
    def count(stream: Stream, kind: str, folder: Path) -> Counted:
        return hits_by_keras(backend, stream.file)[kind]

    return count


def _make_images(folder: Path, names: tuple[str, ...]) -> None:
    from PIL import Image

    val = folder / "val"
    val.mkdir()
    Image.new("RGB", (2, 2)).save(val / names[0], "JPEG")
    picture = (val / names[0]).read_bytes()
    for name in names[1:]:
        (val / name).write_bytes(picture)


WAYS: dict[str, tuple[list[str], Callable[..., Counted]]] = {
    "reassess.RealAccuracy": (["torch"], plain),
    **{
        f"torchmetrics, {t}": (["torchmetrics"], of_torchmetrics(t))
        for t in ("names", "numbers", "multi-hot", "padded")
    },
    "timm": (["torch"], with_timm),
    "torchvision": (["torch", "torchvision"], with_torchvision),
    "tensorflow": (["tensorflow"], with_tensorflow),
    "tfds": (["torch", "tensorflow", "tensorflow_datasets"], with_tfds),
    "huggingface": (["torch", "datasets"], with_huggingface),
    "jax, multi-hot": (["jax"], with_jax("multi-hot")),
    "jax, padded": (["jax"], with_jax("padded")),
    **{f"keras on {b}": (["keras", b], with_keras(b)) for b in ("torch", "jax", "tensorflow")},
}


JOINING = ("torchvision", "tensorflow", "tfds", "huggingface")  # which add labels, and leave the scores as they are


@pytest.mark.parametrize(("way", "kind"), [(w, k) for w in WAYS for k in PARTS if w not in JOINING or k == "float32"])
def test_hits_and_images_are_those_of_evaluate(
    way: str, kind: str, stream: Stream, needs: Callable[[str], None], real_file: Callable[[str], Path], tmp_path: Path
) -> None:
    packages, count = WAYS[way]
    for package in packages:
        needs(package)
    if way == "tfds":
        for name in ("validation_labels.txt", "scores.npz", "raters.npz"):
            real_file(name)
    given = stream.some(PARTS[kind])
    expected = evaluate(Predictions.from_scores(given.scores, given.names), given.labels).real
    assert 0 < expected[1].hits < expected[5].hits < expected[5].n < len(given.names)
    assert count(given, kind, tmp_path) == [expected[1].hits, expected[5].hits, expected[1].n]


def test_a_sort_that_breaks_ties_otherwise_would_be_noticed(stream: Stream) -> None:
    expected = evaluate(Predictions.from_scores(stream.scores, stream.names), stream.labels).real
    flipped = Predictions.from_scores(
        np.ascontiguousarray(stream.scores[:, ::-1]), stream.names, columns=np.arange(CLASSES)[::-1].copy()
    )
    assert evaluate(flipped, stream.labels).real == expected  # a class is known by its id, wherever its output stands
    highest_id_first = np.argmax(stream.scores[:, ::-1], axis=1)
    predictions = Predictions.from_ids(CLASSES - 1 - highest_id_first, stream.names)
    assert evaluate(predictions, stream.labels, top_k=[1]).real[1].hits != expected[1].hits
