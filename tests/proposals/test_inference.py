"""Running models on images: the files, unreadable images, and interrupted runs."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from reassess import Benchmark, Classes, ImageModel, predict, read_predictions
from reassess.errors import DataError, ReassessWarning
from reassess.formats import files
from reassess.proposals import PredictionSummary
from reassess.proposals.model_runs import ModelOpener
from reassess.proposals.run_files import list_output_files
from tests.helpers import code_of, fault_of, message, number_of, picture, write_files

pytestmark = pytest.mark.usefixtures("report_extra")

NUMBERS = {"a/1.jpg": 1, "a/2.jpg": 2, "b/1.png": 3, "b/c d.png": 4, "é/ü.png": 5}
CLASSES = Classes(3, names=("cat", "dog", "cup"))


def colours(pictures: list[Any]) -> npt.NDArray[np.float64]:
    """Compute scores that identify each image and output."""
    return np.array([[number_of(picture), -number_of(picture), 0.5] for picture in pictures], np.float64)


MODEL = ImageModel("colours", colours)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    kinds = {".jpg": "JPEG", ".png": "PNG"}
    contents = {name: picture(number, kinds[Path(name).suffix]) for name, number in NUMBERS.items()}
    return write_files(tmp_path / "images", contents)


def run(images: Path, output: Path, model: ImageModel = MODEL, **options: Any) -> PredictionSummary:
    (result,) = predict([model], output, images=images, **options)
    return result


def tiled(scores: list[float], **options: Any) -> ImageModel:
    """Make a model with the same scores for every image."""
    return ImageModel("tiled", lambda pictures: np.tile(np.array(scores, float), (len(pictures), 1)), **options)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("batch", "workers"), [(1, 0), (2, 2), (64, 0)])
def test_images_have_their_own_scores(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, workers: int
) -> None:
    monkeypatch.setattr("reassess.proposals.shard_scoring._MIN_SECONDS", 0)
    result = run(images, tmp_path / "out.npy", batch_size=batch, workers=workers)
    scores, names = np.load(tmp_path / "out.npy"), (tmp_path / "out.txt").read_text().splitlines()
    assert scores.dtype == np.float16
    assert {name: row.tolist() for name, row in zip(names, scores, strict=True)} == {
        name: [number, -number, 0.5] for name, number in NUMBERS.items()
    }
    assert (result.n_images, result.unreadable, result.n_outputs) == (5, (), 3)
    assert names_in(tmp_path) == ["images", "out.npy", "out.txt"]


def test_folder_and_archives_give_equal_files(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reassess.proposals.shard_scoring._MIN_SECONDS", 0)
    monkeypatch.setattr("reassess.proposals.shard_scoring._IMAGES_PER_PART", 2)
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as pack, tarfile.open(tmp_path / "i.tar", "w") as tape:
        for path in sorted(images.rglob("*.*"), reverse=True):
            pack.write(path, path.relative_to(images))
            tape.add(path, str(path.relative_to(images)))
    contents = []
    for place, workers in ((images, 0), (images, 1), (tmp_path / "i.zip", 0), (tmp_path / "i.tar", 1)):
        run(place, tmp_path / "out.npy", workers=workers, force=True)
        contents.append([(tmp_path / name).read_bytes() for name in ("out.npy", "out.txt")])
    assert all(content == contents[0] for content in contents)


def test_image_list_sets_images_and_order(images: Path, tmp_path: Path) -> None:
    names = ["images/b/1.png", "images/a/2.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(names))
    run(tmp_path / "list.txt", tmp_path / "out.npy")
    assert (tmp_path / "out.txt").read_text().splitlines() == names
    assert np.load(tmp_path / "out.npy")[:, 0].tolist() == [3, 2]


NAMED = Benchmark(classes=CLASSES)


@pytest.mark.parametrize(
    ("model", "benchmark", "expected"),
    [
        (tiled([1, -1, 0.5]), NAMED, ("cat", "cup", "dog", 1, 0.5, -1)),
        (tiled([1, -1, 0.5], outputs=["dog", "background", "cat"]), NAMED, ("dog", "cat", 1, 0.5)),
        (tiled([1, -1, 0.5], outputs=["x", "y", "z"]), None, ("x", "z", "y", 1, 0.5, -1)),
        (tiled([*range(30)]), None, (*range(29, 9, -1), *range(29, 9, -1))),
    ],
)
def test_table_contains_20_best_classes_by_name(
    images: Path, tmp_path: Path, model: ImageModel, benchmark: Benchmark | None, expected: tuple[object, ...]
) -> None:
    run(images, tmp_path / "out.parquet", model, benchmark=benchmark)
    assert pl.read_parquet(tmp_path / "out.parquet").row(0) == ("a/1.jpg", *expected)
    if expected[0] == "cat":
        assert read_predictions(tmp_path / "out.parquet", CLASSES).top_classes(3)[0].tolist() == [[0, 2, 1]] * 5


@pytest.mark.parametrize(
    ("scores", "outputs", "expected", "without"),
    [
        ([1, -1, 0.5], ["dog", "background", "cat"], [0.5, 1, -np.inf], (1, 1)),
        (
            [0.25, 0.75],
            ["dog", "cat"],
            [0.75, 0.25, 0],
            (0, 1),
        ),  # in rows of probabilities, a class without an output has 0
    ],
)
def test_outputs_are_sorted_by_class(
    images: Path, tmp_path: Path, scores: list[float], outputs: list[str], expected: list[float], without: object
) -> None:
    result = run(images, tmp_path / "out.npy", tiled(scores, outputs=outputs), benchmark=NAMED)
    assert np.load(tmp_path / "out.npy")[0].tolist() == expected
    assert (result.n_outputs, (result.n_outputs_without_class, result.n_classes_without_output)) == (
        len(scores),
        without,
    )


def test_probabilities_add_up_to_1_without_unknown_outputs(images: Path, tmp_path: Path) -> None:
    rows = np.array([[0.5, 0.125, 0.375], [0.0, 1.0, 0.0], [3.0, 1.0, 2.0], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]])
    model = ImageModel("sure", lambda pictures: rows[: len(pictures)], outputs=["dog", "-", "cat"])
    result = run(images, tmp_path / "out.npy", model, benchmark=Benchmark(classes=Classes(2, names=("cat", "dog"))))
    assert result.n_top1_changed_by_rounding == 0
    written = np.load(tmp_path / "out.npy").astype(float)
    expected = [[3 / 7, 4 / 7], [0.5, 0.5], [2, 3], [0.5, 0.5], [1, 0]]
    assert written == pytest.approx(np.array(expected), abs=5e-4)


def summed_one_by_one(row: npt.NDArray[np.float32], classes: list[int], count: int) -> list[np.float32]:
    """Sum probabilities by class in float32, output by output; -1 is not a class."""
    sums, total = [np.float32(0)] * count, np.float32(0)
    for weight, class_id in zip(row, classes, strict=True):
        if class_id >= 0:
            sums[class_id] += weight
    for weight in sums:
        total += weight
    with_output = sorted({*classes} - {-1})
    even = [np.float32((k in with_output) / len(with_output)) for k in range(count)]
    return [weight / total for weight in sums] if total > 0 else even


@pytest.mark.parametrize("kind", ["logits", "probabilities", "logits beyond float32"])
@pytest.mark.parametrize("batch", [1, 2, 64])
@pytest.mark.parametrize("seed", range(3))
def test_probabilities_of_outputs_with_same_class_are_summed(
    images: Path, tmp_path: Path, kind: str, batch: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    classes = rng.integers(-1, 2, 40).tolist()  # no output is a cup
    scores_: npt.NDArray[np.floating] = rng.normal(0, 4, (5, 40)).astype(np.float32)
    if kind == "probabilities":
        scores_ = np.exp(scores_) / np.exp(scores_).sum(axis=1, keepdims=True)
        scores_[4] = np.array(classes) < 0  # all probability is outside of the classes
        scores_[4] /= scores_[4].sum()
    if kind == "logits beyond float32":
        scores_ = scores_.astype(np.float64) * 1e300
    outputs = ["-" if k < 0 else CLASSES.names[k] for k in classes]
    rows = {number: scores_[number - 1] for number in NUMBERS.values()}
    model = ImageModel(
        "fine", lambda pictures: np.array([rows[number_of(picture)] for picture in pictures]), outputs=outputs
    )
    result = run(images, tmp_path / "out.npy", model, benchmark=Benchmark(classes=CLASSES), batch_size=batch)
    assert (result.has_summed_outputs, result.n_outputs, result.n_classes_without_output) == (True, 40, 1)
    assert result.n_outputs_without_class == classes.count(-1)
    best = scores_[:, np.array(classes) >= 0].max(axis=1, keepdims=True)
    weights = scores_ if kind == "probabilities" else np.exp(np.clip(scores_ - best, -1000, 0).astype(np.float32))
    expected = np.array([summed_one_by_one(row, classes, 3) for row in weights])
    written = np.load(tmp_path / "out.npy")
    assert [row.tolist() for row in written] == [
        expected[NUMBERS[name] - 1].astype(np.float16).tolist()
        for name in (tmp_path / "out.txt").read_text().splitlines()
    ]


def test_first_image_decides_for_all_scores_of_summed_outputs(images: Path, tmp_path: Path) -> None:
    summed: dict[str, Any] = {"benchmark": NAMED, "batch_size": 1}
    first, *others = NUMBERS.values()

    def model(row: list[float], rest: list[float]) -> ImageModel:
        rows = {number: row if number == first else rest for number in (first, *others)}
        return ImageModel(
            "odd",
            lambda pictures: np.array([rows[number_of(one)] for one in pictures], float),
            outputs=["cat", "cat", "dog"],
        )

    softmax = run(images, tmp_path / "logits.npy", model([3, 1, 2], [0.5, 0.25, 0.25]), **summed)
    assert softmax.has_softmax_before_sum
    assert np.load(tmp_path / "logits.npy")[-1] == pytest.approx([0.6953, 0.3047, 0], abs=1e-3), (
        "no row is an exception"
    )
    with pytest.warns(ReassessWarning, match="^odd: scores are in .0, 1. and do not add up to 1, as of sigmoids"):
        run(images, tmp_path / "sigmoid.npy", model([0.9, 0.8, 0.1], [0.5, 0.25, 0.25]), **summed)
    sure = run(images, tmp_path / "sure.npy", model([0.5, 0.25, 0.25], [0.5, 0.2, 0.2]), **summed)
    assert not sure.has_softmax_before_sum
    assert np.load(tmp_path / "sure.npy")[-1] == pytest.approx([7 / 9, 2 / 9, 0], abs=1e-3)
    assert code_of(run, images, tmp_path / "out.npy", model([0.5, 0.25, 0.25], [3, 1, 2]), **summed) == (
        "not-a-distribution"
    )


def test_output_list_is_part_of_interrupted_run(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: str, done: int, total: int) -> None:
        if done > 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("reassess.proposals.model_runs._IMAGES_PER_SHARD", 1)
    of: dict[str, Any] = {"benchmark": Benchmark(classes=CLASSES), "batch_size": 1}
    with pytest.raises(KeyboardInterrupt):
        run(images, tmp_path / "out.npy", tiled([1, 2, 3], outputs=["cat", "cat", "dog"]), progress=stop, **of)
    other = tiled([1, 3, 2, 1], outputs={0: "cat", 1: "dog", 2: "cup", 3: "cup"})
    assert fault_of(run, images, tmp_path / "out.npy", other, **of)[0] == "different-run"
    shutil.rmtree(tmp_path / "out.npy.unfinished")
    run(images, tmp_path / "out.npy", other, **of)
    assert np.load(tmp_path / "out.npy")[0] == pytest.approx([0.0826, 0.6104, 0.3071], abs=1e-3)


def test_numbered_outputs_are_outputs_of_model_and_give_each_class(images: Path, tmp_path: Path) -> None:
    output, benchmark = tmp_path / "out.npy", Benchmark(classes=CLASSES)
    assert code_of(run, images, output, tiled([1, 2], outputs={2: "cat"}), benchmark=benchmark) == "out-of-range"
    table = {0: "cat", 1: "dog", 2: "cop", 3: "cop"}
    assert fault_of(run, images, output, tiled([1, 2, 3, 4], outputs=table), benchmark=benchmark) == (
        "unknown-class",
        "not a class: 'cop' (did you mean cup?)\nwithout an output: cup",
    )
    assert code_of(run, images, output, tiled([1, 2], outputs={0: "cat", 1: "dog"}), benchmark=benchmark) == (
        "missing-classes"
    )
    assert code_of(run, images, output, tiled([1, 2], outputs=["x", "x"])) == "duplicate-class"


@pytest.mark.parametrize(
    ("scores", "outputs", "moved"),
    [
        ([10.001, 10.0, 0.0], ["cup", "cat", "dog"], 5),  # equal as float16, and cat comes first
        ([10.0, 10.001, 0.0], ["cup", "cat", "dog"], 0),
        ([20.0, 10.0, 10.001], ["-", "cat", "dog"], 5),
        ([20.0, 10.0, 10.5], ["-", "cat", "dog"], 0),
        ([1.0, 1e-9, 2e-9], ["-", "cat", "dog"], 0),
    ],
)
def test_images_with_another_best_class_in_float16_are_counted(
    images: Path, tmp_path: Path, scores: list[float], outputs: list[str], moved: int
) -> None:
    result = run(images, tmp_path / "out.npy", tiled(scores, outputs=outputs), benchmark=NAMED)
    assert result.n_top1_changed_by_rounding == moved
    best = np.load(tmp_path / "out.npy").argmax(axis=1)
    of_classes = [value for value, name in zip(scores, outputs, strict=True) if name != "-"]
    model_says = [name for name in outputs if name != "-"][int(np.argmax(of_classes))]
    assert (CLASSES.names[best[0]] != model_says) == bool(moved)


def test_outputs_with_unknown_names_are_named(images: Path, tmp_path: Path) -> None:
    names = ["dog", "dogg", "background", "-", "pencil", "cow", "dogg"]
    model = ImageModel("six", lambda pictures: np.zeros((len(pictures), 7)), outputs=names)
    lines: list[str] = []
    result = run(images, tmp_path / "out.npy", model, benchmark=Benchmark(classes=CLASSES), report=lines.append)
    assert lines[1] == (
        "six: 4 names of outputs are not classes, so these outputs are not used: "
        "'dogg' (did you mean dog?), 'background', 'pencil' and 1 more"
    )
    assert result.unknown_outputs == ("dogg", "background", "pencil", "cow")
    assert (result.n_outputs_without_class, result.n_classes_without_output) == (6, 2)


def test_unreadable_images_are_listed(images: Path, tmp_path: Path) -> None:
    run(images, tmp_path / "whole.npy", batch_size=2)
    write_files(images, {"a/0.jpg": b"", "a/10.png": b"GIF89", "b/2.jpg": picture(3)[:-20], "z.gif": b"no picture"})
    (images / "loop.png").symlink_to("loop.png")
    result = run(images, tmp_path / "out.npy", batch_size=2)
    assert np.load(tmp_path / "out.npy").tolist() == np.load(tmp_path / "whole.npy").tolist()
    assert (tmp_path / "out.txt").read_bytes() == (tmp_path / "whole.txt").read_bytes()
    assert dict(result.unreadable) == {
        "a/0.jpg": "file is empty",
        "a/10.png": "not an image in a known format",
        "b/2.jpg": "image file is truncated (2 bytes not processed)",
        "loop.png": "image is not a file",
        "z.gif": "not an image in a known format",
    }
    assert repr(result) == "PredictionSummary(5 images by colours in out.npy, 5 cannot be read)"
    assert "<td>a/0.jpg</td><td>file is empty</td>" in result._repr_html_()


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def bright(scores: Callable[[list[Any]], Any]) -> ImageModel:
    return ImageModel("bright", scores)


@pytest.mark.parametrize(
    ("options", "code", "found"),
    [
        ({"images": None}, "missing-images", None),
        (
            {"images": "broken"},
            "unreadable-image",
            "a.png: file is empty\nb.png: not an image in a known format",
        ),
        ({"batch_size": 0}, "out-of-range", "0"),
        ({"workers": -1}, "out-of-range", "-1"),
        ({"device": "cuda"}, "unused-option", "cuda"),
        ({"benchmark": Benchmark(classes=Classes(2))}, "wrong-outputs", "3"),
        ({"model": ImageModel("colours", colours, outputs=["a", "b"])}, "wrong-outputs", "3"),
        ({"model": ImageModel("colours", colours, outputs=["a", " ", "b"])}, "missing-value", None),
        ({"model": bright(lambda pictures: np.array([len(pictures)]))}, "wrong-type", "int64 (1,)"),
        ({"model": bright(lambda pictures: len(pictures) / 0)}, "model-failed", None),
        ({"model": bright(lambda pictures: np.where(colours(pictures) == 4, np.nan, 0))}, "not-a-number", None),
        ({"model": bright(lambda pictures: np.full((len(pictures), 2), 1e5))}, "out-of-range", "100000.0"),
        ({"model": bright(lambda pictures: np.zeros((len(pictures),) * 2))}, "wrong-shape", "shape (2, 2)"),
        ({"model": bright(lambda _: np.zeros((1, 4)))}, "wrong-length", "1"),
        ({"output": "out.svg"}, "wrong-suffix", ".svg"),
    ],
)
def test_invalid_runs_raise(
    images: Path, tmp_path: Path, options: dict[str, Any], code: str, found: str | None
) -> None:
    write_files(tmp_path / "broken", {"a.png": b"", "b.png": b"x"})
    options = {"images": images, "output": "out.npy", "model": MODEL, "batch_size": 2, **options}
    if isinstance(options["images"], str):
        options["images"] = tmp_path / options["images"]
    model, output = options.pop("model"), tmp_path / options.pop("output")
    code_found = fault_of(predict, [model], output, **options)
    assert code_found == (code, code_found[1] if found is None else found)
    assert names_in(tmp_path) == ["broken", "images"]


@pytest.mark.parametrize("name", ["out.npy", "out.txt", "out.csv"])
def test_existing_file_raises_before_any_work(images: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    output = (tmp_path / name).with_suffix(".csv" if name == "out.csv" else ".npy")
    assert code_of(run, images, output, ImageModel("bright", interrupt)) == "output-exists"
    assert (tmp_path / name).read_text() == "mine"
    run(images, output, force=True)
    assert (tmp_path / name).read_text(errors="ignore") != "mine"


def test_unwritable_output_raises_before_any_work(images: Path, tmp_path: Path) -> None:
    model = ImageModel("bright", interrupt)
    assert code_of(run, images, tmp_path / "no/out.npy", model) == "folder-not-found"
    assert code_of(predict, TWO, tmp_path / "no/out", images=images) == "folder-not-found"
    (tmp_path / "list.csv").write_text("image\nimages/a/1.jpg\n")
    assert code_of(run, tmp_path / "list.csv", tmp_path / "list.csv", model, force=True) == "output-is-input"
    (images / "a\nb.png").write_bytes(picture(1, "PNG"))
    assert fault_of(predict, TWO, tmp_path / "o", images=images) == ("invalid-name", "'a\\nb.png'")
    run(images, tmp_path / "o.parquet")


def test_output_among_benchmark_images_raises(images: Path, tmp_path: Path) -> None:
    benchmark = Benchmark(classes=CLASSES, folder=tmp_path, sources={"images": str(images)})
    packed = Benchmark(classes=CLASSES, folder=tmp_path, sources={"images": str(tmp_path / "images.zip")})
    for output, models in (("images/out.npy", [MODEL]), ("images/a/out.npy", [MODEL]), ("images/out", TWO)):
        assert code_of(predict, models, tmp_path / output, benchmark=benchmark, force=True) == "reserved-output"
    assert code_of(predict, TWO, tmp_path / "images", images=images, benchmark=packed) == "reserved-output"
    run(images, images / "out.npy")


@pytest.mark.parametrize(
    ("models", "takes"), [(["python:m:f", "onnx:m.onnx"], "onnx:m.onnx"), (["python:m:f"], "python:m:f")]
)
def test_device_is_for_models_that_take_one(monkeypatch: pytest.MonkeyPatch, models: list[str], takes: str) -> None:
    devices: dict[str, str | None] = {}
    monkeypatch.setattr(
        "reassess.proposals.model_runs.open_model", lambda source, *, device: devices.update({source: device})
    )
    opener = ModelOpener([*models, MODEL], device="cuda")
    for model in models:
        opener(model)
    assert devices == {model: "cuda" if model == takes else None for model in models}


def test_disk_space_is_checked_before_any_work(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = SimpleNamespace(free=59)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    assert fault_of(run, images, tmp_path / "out.npy") == ("disk-full", "59 bytes")
    free.free = 60  # 5 images x 3 outputs x 2 bytes, in shards and in the file
    lines: list[str] = []
    run(images, tmp_path / "out.npy", report=lines.append)
    assert lines == ["5 images; the run needs 60 bytes of disk space, with temporary files"]


def test_duplicate_models_raise_and_output_is_a_folder(images: Path, tmp_path: Path) -> None:
    other = ImageModel("other", colours)
    assert fault_of(predict, [MODEL, MODEL], tmp_path / "o", images=images) == ("duplicate-name", "colours")
    assert code_of(predict, [], tmp_path / "o", images=images) == "missing-models"
    (tmp_path / "there").touch()
    for name in ("o.npy", "o.parquet", "there"):
        assert code_of(predict, [MODEL, other], tmp_path / name, images=images) == "output-is-folder"


@pytest.mark.parametrize("output", ["", ".", "/", "..", "there/.."])
@pytest.mark.parametrize("models", [[MODEL], [MODEL, ImageModel("other", colours)]])
def test_output_without_name_raises(images: Path, output: str, models: list[ImageModel]) -> None:
    assert code_of(predict, models, output, images=images) == "invalid-name"


def test_onnx_files_with_same_name_have_separate_outputs(tmp_path: Path) -> None:
    def named(*models: str) -> list[str]:
        return [path.name for path in list_output_files(models, tmp_path / "out")]

    assert named("onnx:a/m.onnx", "onnx:b/m.onnx") == ["onnx-a-m.npy", "onnx-b-m.npy"]
    assert named("onnx:m.onnx", "onnx:b/m.onnx", "timm:m.a1") == ["onnx-m.npy", "onnx-b-m.npy", "timm-m.a1.npy"]
    assert named("onnx:/x/a/m.onnx", "onnx:/y/a/m.onnx") == ["onnx-x-a-m.npy", "onnx-y-a-m.npy"]
    assert named("onnx:a b/m.onnx", "onnx:c/n.onnx") == ["onnx-m.npy", "onnx-n.npy"]
    assert code_of(named, "timm:a/m", "timm:a-m") == "duplicate-name"


def test_two_paths_of_onnx_file_are_one_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, {"a/m.onnx": b""})
    (tmp_path / "link.onnx").symlink_to("a/m.onnx")
    for other in ("a/../a/m.onnx", f"{tmp_path}/a/m.onnx", "link.onnx"):
        found = fault_of(list_output_files, ["onnx:a/m.onnx", "timm:m", f"onnx:{other}"], tmp_path / "out")
        assert found == ("two-outputs-one-file", f"onnx:a/m.onnx and onnx:{other}")


@pytest.fixture
def interrupted(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Interrupt a run after this number of shards of two images."""
    monkeypatch.setattr("reassess.proposals.model_runs._IMAGES_PER_SHARD", 2)

    def make(shards: int, model: ImageModel = MODEL, **options: Any) -> Path:
        def progress(_: str, done: int, total: int) -> None:
            assert total == len(NUMBERS)
            if done > 2 * shards:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(images, tmp_path / "out.npy", model, batch_size=2, progress=progress, **options)
        return tmp_path / "out.npy"

    return make


def test_finished_shards_are_not_computed_again(images: Path, tmp_path: Path, interrupted: Callable[..., Path]) -> None:
    output = interrupted(1)
    seen: list[int] = []
    lines: list[str] = []

    def function(pictures: list[Any]) -> npt.NDArray[np.float64]:
        seen.extend(map(number_of, pictures))
        return colours(pictures)

    def progress(_: str, done: int, total: int) -> None:
        counts.append((done, total))

    counts: list[tuple[int, int]] = []
    run(images, output, ImageModel("colours", function), batch_size=2, report=lines.append, progress=progress)
    assert seen == [1, 3, 4, 5], "the first again, which tells the number of outputs, then those of the other shards"
    assert lines[1:] == [f"{output}.unfinished: continues after 1 of 3 shards"]
    assert counts == [(4, 5), (5, 5)]
    run(images, tmp_path / "whole.npy", batch_size=2)
    assert output.read_bytes() == (tmp_path / "whole.npy").read_bytes()


@pytest.mark.parametrize("shard", [1, 2, 3, 4, 64])
def test_batches_do_not_depend_on_interruption(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard: int
) -> None:
    monkeypatch.setattr("reassess.proposals.model_runs._IMAGES_PER_SHARD", shard)
    seen: list[list[int]] = []

    def function(pictures: list[Any]) -> npt.NDArray[np.float64]:
        seen.append(list(map(number_of, pictures)))
        return colours(pictures)

    run(images, tmp_path / "out.npy", ImageModel("colours", function), batch_size=2)
    assert seen[1:] == [[1, 2], [3, 4], [5]]


def test_finished_models_are_not_run_again(images: Path, tmp_path: Path) -> None:
    runs: list[str] = []

    def counted(name: str) -> ImageModel:
        def function(pictures: list[Any]) -> npt.NDArray[np.float64]:
            runs.append(name)
            if runs == ["a", "b", "a", "b"]:
                raise KeyboardInterrupt
            return colours(pictures)

        return ImageModel(name, function)

    with pytest.raises(KeyboardInterrupt):
        predict([counted("a"), counted("b")], tmp_path / "out", images=images)
    assert not (tmp_path / "out").exists()
    runs.clear()
    predict([counted("a"), counted("b")], tmp_path / "out", images=images)
    assert runs == ["a", "b", "b"], "each once for its outputs, and b for its scores"


@pytest.mark.parametrize(
    ("options", "write", "found"),
    [
        ({"batch_size": 3}, [], "batch_size: 2 before, 3 now"),
        ({"model": ImageModel("new", colours)}, [], "models: colours before, new now"),
        (
            {"model": ImageModel("colours", colours, identifying_facts={"weights": "0f"})},
            [],
            "models, colours, weights: none before",
        ),
        ({}, ["a/1.jpg"], "1 image changed: a/1.jpg"),
        ({}, ["a/0.jpg", "b/0.jpg"], "2 images new: a/0.jpg, b/0.jpg"),
    ],
)
def test_changed_model_option_or_image_is_named(
    images: Path, interrupted: Callable[..., Path], options: dict[str, Any], write: list[str], found: str
) -> None:
    output = interrupted(1)
    write_files(images, {name: picture(7) for name in write})
    code, fault = fault_of(run, images, output, **{"model": MODEL, "batch_size": 2, **options})
    assert (code, fault[: len(found)]) == ("different-run", found)
    assert not output.exists()


def test_unreadable_image_can_be_replaced(images: Path, tmp_path: Path, interrupted: Callable[..., Path]) -> None:
    write_files(images, {"a/2.jpg": b"", "b/1.png": b"x"})
    output = interrupted(2)
    write_files(images, {"a/2.jpg": picture(2), "b/1.png": picture(3, "PNG")})
    lines: list[str] = []
    result = run(images, output, batch_size=2, report=lines.append)
    assert (len(lines), result.n_images, result.unreadable) == (1, 5, ()), "both shards are made anew"
    run(images, tmp_path / "whole.npy", batch_size=2)
    assert output.read_bytes() == (tmp_path / "whole.npy").read_bytes()
    assert output.with_suffix(".txt").read_bytes() == (tmp_path / "whole.txt").read_bytes()


def test_image_fixed_for_one_model_only_raises(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that one model cannot crop can have scores of another model."""
    write_files(images, {"a/1.jpg": b""})
    monkeypatch.setattr("reassess.proposals.model_runs.write_output_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        predict(TWO, tmp_path / "out", images=images, batch_size=2)
    (shard,) = (tmp_path / "out.unfinished/shards/other").iterdir()
    with np.load(shard) as arrays:
        scores = np.vstack([np.zeros((1, 3), np.float16), arrays["scores"]])
    no_reasons = {"unreadable": np.empty(0, int), "reasons": np.empty(0, str)}
    rewrite(shard, scores=scores, is_top1_changed=np.zeros(5, bool), **no_reasons)
    write_files(images, {"a/1.jpg": picture(1)})
    found = fault_of(predict, TWO, tmp_path / "out", images=images, batch_size=2)
    assert found == ("different-run", "1 image changed: a/1.jpg")


def test_image_fixed_and_changed_again_raises(
    images: Path, interrupted: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(images, {"a/2.jpg": b""})
    output = interrupted(1)
    write_files(images, {"a/2.jpg": picture(2)})
    with monkeypatch.context() as patched:
        patched.setattr("reassess.proposals.model_runs.write_output_file", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(images, output, batch_size=2)
    write_files(images, {"a/2.jpg": picture(7)})
    assert fault_of(run, images, output, batch_size=2) == ("different-run", "1 image changed: a/2.jpg")


def test_interrupted_run_keeps_finished_part_and_says_so(
    images: Path, tmp_path: Path, interrupted: Callable[..., Path]
) -> None:
    output = interrupted(0)
    assert names_in(tmp_path) == ["images"]
    model = bright(lambda pictures: np.where(colours(pictures) == 4, np.nan, 0))
    with pytest.raises(DataError, match="score is NaN") as caught:
        run(images, output, model, batch_size=2)
    folder = tmp_path / "out.npy.unfinished"
    assert caught.value.__notes__ == [f"{folder} contains the finished part; run the same command again to continue."]
    (shard,) = folder.rglob("*.npz")
    shard.unlink()  # as if the process had been killed before: then other settings are allowed
    run(images, output, batch_size=3)
    assert len(np.load(output)) == 5


def test_only_files_of_a_run_are_removed(images: Path, tmp_path: Path, interrupted: Callable[..., Path]) -> None:
    own = ("images-0a1b.parquet", "outputs.json", "shards/out/0.npz")
    write_files(tmp_path, {f"out.npy.unfinished/{name}": b"" for name in own})  # left by a finished run
    run(images, tmp_path / "out.npy")
    assert names_in(tmp_path) == ["images", "out.npy", "out.txt"]
    (tmp_path / "out.npy").unlink()
    (tmp_path / "out.txt").unlink()
    output = interrupted(1)
    write_files(tmp_path, {"out.npy.unfinished/thesis.tex": "mine"})
    run(images, output, batch_size=2)
    assert names_in(tmp_path / "out.npy.unfinished") == ["thesis.tex"]
    assert code_of(run, images, output, force=True) == "output-exists"
    assert names_in(tmp_path / "out.npy.unfinished") == ["thesis.tex"]


def rewrite(path: Path, **arrays: Any) -> None:
    """Replace some arrays of a shard."""
    with np.load(path) as old_arrays:
        together = {**old_arrays, **arrays}
    np.savez(path, **together)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"text"),
        lambda path: rewrite(path, scores=np.zeros((2, 5), np.float16)),  # of another model
        lambda path: rewrite(path, scores=np.zeros((2, 3), np.float32)),
        lambda path: rewrite(path, scores=np.full((2, 3), np.nan, np.float16)),
        lambda path: rewrite(path, scores=np.zeros((1, 3), np.float16), rows=np.array([0])),  # of fewer images
        lambda path: rewrite(path, rows=np.array([1, 0])),
        lambda path: rewrite(path, rows=np.array([2, 3])),
        lambda path: rewrite(path, rows=np.array([0.0, 1.0])),
        lambda path: rewrite(path, rows=np.array(["0", "1"])),
        lambda path: rewrite(path, moved=3),
        lambda path: rewrite(path, unreadable=np.array([1])),
        lambda path: np.savez(path, rows=np.array([0, 1])),
        lambda path: np.savez(path, rows=np.array([print, 1], object), allow_pickle=True),
        lambda path: path.write_bytes(path.read_bytes().replace(b"(2, 3)", b"(9999999999, 3)")),
    ],
)
def test_damaged_shard_is_computed_again(
    images: Path, tmp_path: Path, interrupted: Callable[..., Path], damage: Callable[[Path], object]
) -> None:
    output = interrupted(2)
    damage(Path(f"{output}.unfinished/shards/out/000000.npz"))
    lines: list[str] = []
    run(images, output, batch_size=2, report=lines.append)
    assert lines[1:] == [
        f"{output}.unfinished: 1 damaged shard computed again: shards/out/000000.npz",
        f"{output}.unfinished: continues after 1 of 3 shards",
    ]
    run(images, tmp_path / "whole.npy", batch_size=2)
    assert output.read_bytes() == (tmp_path / "whole.npy").read_bytes()
    assert output.with_suffix(".txt").read_bytes() == (tmp_path / "whole.txt").read_bytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", b'{"schema": "reass'),
        ("run.json", b"[]"),
        ("run.json", b"\xff"),
        ("run.json", b"{}"),
        ("run.json", b'{"images": []}'),
        ("run.json", b'{"images": {"images": 1}}'),
        ("run.json", b'{"images": {"images": "../../secret"}}'),
        ("run.json", os.mkdir),
        ("run.json", lambda path: path.symlink_to("missing")),
        ("run.json", lambda path: path.symlink_to(path)),
        ("images.parquet", b"PAR1"),
        ("images.parquet", b""),
        ("images.parquet", None),
        ("images.parquet", {"image": ["a"]}),
        ("images.parquet", {"image": ["a"], "size": ["x"]}),
        ("images.parquet", {"size": [1]}),
    ],
)
def test_damaged_record_is_named(images: Path, interrupted: Callable[..., Path], name: str, content: Any) -> None:
    output = interrupted(1)
    (path,) = Path(f"{output}.unfinished").glob(name.replace("images", "images-*"))
    path.unlink()
    (images / "é/ü.png").unlink()  # the table of images is read only if the images differ
    if isinstance(content, dict):
        pl.DataFrame(content).write_parquet(path)
    elif callable(content):
        content(path)
    elif content is not None:
        path.write_bytes(content)
    assert message(run, images, output, batch_size=2) == (
        f"file of an unfinished run is damaged\n  where:   {path}\n"
        f"  fix:     delete the finished part and start again: rm -r {path.parent}"
    )


def test_two_runs_cannot_write_one_output(images: Path, tmp_path: Path) -> None:
    lines: list[str] = []

    def progress(*_: object) -> None:
        lines.append(message(run, images, tmp_path / "out.npy"))

    run(images, tmp_path / "out.npy", progress=progress)
    assert lines == [
        f"another process is computing this output file\n  where:   {tmp_path}/out.npy.unfinished\n"
        f"  found:   run: process {os.getpid()} on {socket.gethostname()}, active 0 s ago\n"
        "  fix:     wait for the end of that process (two minutes, if the process or its computer has failed), or "
        "choose another output file"
    ]
    assert names_in(tmp_path) == ["images", "out.npy", "out.txt"]


TWO = [MODEL, ImageModel("other", lambda pictures: 2 * colours(pictures))]


@pytest.fixture
def half_placed(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Return the files of a complete run of two models, and interrupt a run when two of four files are in place."""
    predict(TWO, tmp_path / "out", images=images)
    whole = contents_of(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    place = files._PendingFile.move_to_final_path
    placed: list[Path] = []

    def stopped(written: files._PendingFile) -> None:
        if written.requested_path.parent.name == "out":
            placed.append(written.requested_path)
        if len(placed) > 2:
            raise KeyboardInterrupt
        place(written)

    with monkeypatch.context() as patched:
        patched.setattr("reassess.formats.files._PendingFile.move_to_final_path", stopped)
        with pytest.raises(KeyboardInterrupt):
            predict(TWO, tmp_path / "out", images=images)
    assert names_in(tmp_path / "out") == ["colours.npy", "colours.txt"]
    return whole


def contents_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_run_interrupted_while_moving_files_continues(
    images: Path, tmp_path: Path, half_placed: dict[str, bytes]
) -> None:
    lines: list[str] = []
    own = {".reassess-mine.csv": b"", "mine.npy": b""}
    write_files(tmp_path / "out", own)
    predict(TWO, tmp_path / "out", images=images, report=lines.append)
    assert lines[1:] == [f"{tmp_path}/out.unfinished: continues after 2 of 2 shards"]
    assert contents_of(tmp_path / "out") == half_placed | own
    assert not (tmp_path / "out.unfinished").exists()
    assert code_of(predict, TWO, tmp_path / "out", images=images) == "output-exists"


@pytest.mark.parametrize("name", ["colours.npy", "colours.txt", "other.txt"])
def test_continued_run_keeps_files_of_others(
    images: Path, tmp_path: Path, half_placed: dict[str, bytes], name: str
) -> None:
    (tmp_path / "out" / name).write_text("mine")
    assert code_of(predict, TWO, tmp_path / "out", images=images) == "output-exists"
    assert (tmp_path / "out" / name).read_text() == "mine"


@pytest.mark.parametrize("key", ["{folder}/mine.txt", "../mine.txt", "mine.txt", "images/a/1.jpg"])
def test_only_outputs_of_the_command_are_removed(
    images: Path, tmp_path: Path, half_placed: dict[str, bytes], key: str
) -> None:
    folder = tmp_path / "out"
    mine = write_files(tmp_path.parent, {"mine.txt": "mine", f"{tmp_path.name}/mine.txt": "mine"})
    key = key.format(folder=mine)
    record = tmp_path / "out.unfinished/outputs.json"
    digest = files.sha256(tmp_path / key)
    record.write_text(json.dumps({**json.loads(record.read_text()), key: digest}))
    predict(TWO, folder, images=images)
    assert (tmp_path / key).exists()
    assert contents_of(folder) == half_placed


_KILLED = """
import sys, time
import numpy as np
from reassess import ImageModel, predict
from reassess.proposals import model_runs, shard_scoring

shard_scoring._MIN_SECONDS, model_runs._SHARD = 0, 2

def slow(pictures):
    time.sleep(0.005)
    return np.array([[np.asarray(each).mean(), 1.0, -1.0] for each in pictures])

if __name__ == "__main__":
    models = [ImageModel("slow", slow), ImageModel("other", lambda pictures: -slow(pictures))]
    predict(models, "out", images="images", batch_size=2, workers=int(sys.argv[1]))
"""


def test_killed_and_continued_run_gives_equal_files(tmp_path: Path) -> None:
    """The run is killed four times: once with a decoding process, and twice while files are moved."""
    write_files(tmp_path, {f"images/{n:03d}.png": picture(n % 12, "PNG") for n in range(60)})
    write_files(tmp_path, {"images/bad.png": b"", "go.py": _KILLED})
    subprocess.run([sys.executable, "go.py", "0"], cwd=tmp_path, check=True)
    whole = contents_of(tmp_path / "out")
    assert list(whole) == ["other.npy", "other.txt", "slow.npy", "slow.txt"]
    random, killed = Random(0), 0
    for attempt in range(4):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        command = [sys.executable, "go.py", str(int(attempt == 0))]
        before = subprocess.Popen(command, cwd=tmp_path)
        awaited = tmp_path / "out.unfinished" / ("outputs.json" if attempt % 2 else "run.json")
        while before.poll() is None and not awaited.exists():
            time.sleep(0.0005)
        time.sleep(random.uniform(0, 0.003 if attempt % 2 else 0.4))
        before.send_signal(signal.SIGKILL)
        killed += before.wait() == -signal.SIGKILL
        if (tmp_path / "out.unfinished" / "run.json").exists():  # otherwise it has ended
            subprocess.run(command, cwd=tmp_path, check=True)
            assert not (tmp_path / "out.unfinished").exists()
        assert contents_of(tmp_path / "out") == whole, attempt
        shutil.rmtree(tmp_path / "out.unfinished", ignore_errors=True)
    assert killed > 1, "else the runs are too short to be killed"
