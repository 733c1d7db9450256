"""Models in ONNX files, in each layout, type and batch that they may take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import ModelSource, predict
from reassess.proposals import open_model
from reassess.proposals.onnx_models import _hash
from tests.helpers import code_of, fault_of, in_one_line, message, python, write_files

pytestmark = pytest.mark.usefixtures("report_extra")

SIDE, OUTPUTS = 8, 4
WEIGHTS = np.random.default_rng(0).normal(size=(3 * SIDE * SIDE, OUTPUTS)).astype(np.float32)
TRANSFORM = f"size = {SIDE}\ncrop = {SIDE}\nmean = [0.5, 0.4, 0.3]\ndeviation = [0.25, 0.25, 0.25]\n"


@pytest.fixture(autouse=True)
def _needs(needs: Callable[[str], None]) -> None:
    needs("onnxruntime")
    needs("onnx")


def write_model(path: Path, shape: list[Any], dtype: type = np.float32, inputs: int = 1) -> Path:
    """A model that flattens its input and multiplies it by the weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    sizes = [size for size in shape[1:] if isinstance(size, int)]
    fits = len(sizes) < 3 or np.prod(sizes) == len(WEIGHTS)
    weights = WEIGHTS if fits else np.zeros((np.prod(sizes), OUTPUTS), np.float32)
    kind = {np.float32: TensorProto.FLOAT, np.float16: TensorProto.FLOAT16, np.uint8: TensorProto.UINT8}[dtype]
    given = [helper.make_tensor_value_info(f"x{n}", kind, shape) for n in range(inputs)]
    nodes = [
        helper.make_node("Flatten", ["x0"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["cast", "weights"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        given,
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, OUTPUTS])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    from PIL import Image

    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(1)
    for n in range(5):
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(tmp_path / f"images/{n}.png")
    write_files(tmp_path, {"t.toml": TRANSFORM})
    return tmp_path / "images"


def expected_scores(images: Path, *, last: bool) -> Any:
    from PIL import Image

    pixels = np.stack([np.asarray(Image.open(path)) for path in sorted(images.iterdir())]) / 255
    scaled = (pixels - [0.5, 0.4, 0.3]) / 0.25
    return (scaled if last else scaled.transpose(0, 3, 1, 2)).reshape(5, -1) @ WEIGHTS


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        (["n", 3, SIDE, SIDE], np.float32),
        ([None, 3, "h", "w"], np.float32),
        (["n", SIDE, SIDE, 3], np.float32),
        ([1, 3, SIDE, SIDE], np.float32),
        ([4, SIDE, SIDE, 3], np.float32),
        (["n", 3, SIDE, SIDE], np.float16),
    ],
)
@pytest.mark.parametrize("batch", [1, 3, 64])
def test_scores_are_those_of_the_model(images: Path, tmp_path: Path, shape: list[Any], dtype: type, batch: int) -> None:
    model = write_model(tmp_path / "m.onnx", shape, dtype)
    source = ModelSource(f"onnx:{model}", transform=tmp_path / "t.toml")
    predict([source], tmp_path / "out.npy", images=images, batch_size=batch)
    expected = expected_scores(images, last=shape[-1] == 3)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=2e-3, atol=2e-2)


def test_torch_is_not_needed(images: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "m.onnx", ["n", 3, SIDE, SIDE])
    code = (
        "import sys; from reassess.cli import main\n"
        "if __name__ == '__main__':\n"
        "    code = main(sys.argv[1:])\n"
        "    print(code, sorted({'torch', 'timm', 'torchvision'} & sys.modules.keys()))\n"
    )
    (tmp_path / "go.py").write_text(code)
    argv = ["predict", "onnx:m.onnx", "--transform", "t.toml", "--images", "images", "-o", "out.npy", "--workers", "1"]
    assert python("go.py", *argv, cwd=tmp_path).out.splitlines()[-1] == "0 []"


def test_what_is_no_model_for_these_pictures_is_refused(images: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    source = ModelSource(f"onnx:{path}", transform=tmp_path / "t.toml")
    allowed = f"one input of floats, (images, 3, {SIDE}, {SIDE}) as the transform says"
    for shape, dtype, inputs, found in (
        (["n", 3, 16, 16], np.float32, 1, "tensor(float) ['n', 3, 16, 16]"),
        (["n", 1, SIDE, SIDE], np.float32, 1, "tensor(float) ['n', 1, 8, 8]"),
        (["n", 3 * SIDE * SIDE], np.float32, 1, "tensor(float) ['n', 192]"),
        (["n", 3, SIDE, SIDE], np.uint8, 1, "tensor(uint8) ['n', 3, 8, 8]"),
        (["n", 3, SIDE, SIDE], np.float32, 2, "tensor(float) ['n', 3, 8, 8]; tensor(float) ['n', 3, 8, 8]"),
    ):
        write_model(path, shape, dtype, inputs)
        assert message(open_model, source) == (
            f"ONNX file does not take images\n  where:   {path}\n  allowed: {allowed}\n  found:   {found}\n"
            "  fix:     give crop in the transform as the model takes it"
        )


def test_an_onnx_file_needs_a_transform(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", ["n", 3, SIDE, SIDE])
    assert code_of(open_model, f"onnx:{path}") == "no-transform"


def test_a_file_that_is_no_model_is_refused(images: Path, tmp_path: Path) -> None:
    write_files(tmp_path, {"m.onnx": b"no model"})
    source = ModelSource(f"onnx:{tmp_path}/m.onnx", transform=tmp_path / "t.toml")
    text = message(open_model, source)
    assert text.startswith(f"ONNX file cannot be loaded\n  where:   {tmp_path}/m.onnx\n")
    assert text.endswith("\n  fix:     export it anew")
    assert in_one_line(message(open_model, "onnx:none.onnx")).startswith("file not found")
    source = ModelSource("onnx:none.pb", transform=tmp_path / "t.toml")
    assert message(open_model, source).startswith("wrong kind of file for an ONNX model")


def test_a_device_that_onnxruntime_has_not_is_refused(images: Path, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", ["n", 3, SIDE, SIDE])
    source = ModelSource(f"onnx:{path}", transform=tmp_path / "t.toml")
    for device in ("mps", "", "cuda:1"):
        assert message(open_model, source, device=device) == (
            f"onnxruntime does not have this device\n  allowed: cpu\n  found:   {device}"
        )


def write_outside(path: Path, weights: str) -> Path:
    """A model whose weights lie in a file beside it."""
    import onnx

    model = onnx.load(write_model(path, ["n", 3, SIDE, SIDE]))
    onnx.save(model, path, save_as_external_data=True, location=weights, size_threshold=0)
    assert (path.parent / weights).stat().st_size >= WEIGHTS.nbytes
    return path


def test_weights_in_files_of_their_own_tell_models_apart(images: Path, tmp_path: Path) -> None:
    path = write_outside(tmp_path / "m.onnx", "weights.bin")
    source = ModelSource(f"onnx:{path}", transform=tmp_path / "t.toml")
    before = open_model(source).facts
    write_files(tmp_path, {"m.onnx.npy": b"an output", "m.onnx.data": b"no weights"})
    assert open_model(source).facts == before
    held = (tmp_path / "weights.bin").read_bytes()
    (tmp_path / "weights.bin").write_bytes(held[:-4] + b"1234")
    assert open_model(source).facts["weights"] != before["weights"]
    (tmp_path / "weights.bin").unlink()
    assert message(open_model, source).startswith("ONNX file cannot be loaded")


def test_weights_in_a_constant_or_a_graph_within_a_node_tell_models_apart(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    tensor = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="deep.bin")
    constant = helper.make_node("Constant", [], ["w"], value=tensor)
    branch = helper.make_graph([constant], "branch", [], [helper.make_tensor_value_info("w", TensorProto.FLOAT, [1])])
    choice = helper.make_node("If", ["is"], ["y"], then_branch=branch, else_branch=branch)
    for node in (constant, choice):
        onnx.save(helper.make_model(helper.make_graph([node], "g", [], [])), tmp_path / "m.onnx")
        hashes = []
        for content in (b"0123", b"4567"):
            (tmp_path / "deep.bin").write_bytes(content)
            hashes.append(_hash(tmp_path / "m.onnx"))
        assert hashes[0] != hashes[1]


def test_a_file_of_several_outputs_is_refused(images: Path, tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    path = write_model(tmp_path / "m.onnx", ["n", 3, SIDE, SIDE])
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, [None, len(WEIGHTS)]))
    onnx.save(model, path)
    assert fault_of(open_model, ModelSource(f"onnx:{path}", transform=tmp_path / "t.toml")) == (
        "several-outputs",
        "scores, flat",
    )
