"""Models in ONNX files, with each layout, type and batch size."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import ModelSource, predict
from reassess.proposals import open_model
from reassess.proposals.onnx_models import _hash_model_files
from tests.helpers import Needs, code_of, fault_of, python, write_files

pytestmark = pytest.mark.usefixtures("report_extra")

SIDE, OUTPUTS = 8, 4
WEIGHTS = np.random.default_rng(0).normal(size=(3 * SIDE * SIDE, OUTPUTS)).astype(np.float32)
TRANSFORM = f"size = {SIDE}\ncrop = {SIDE}\nmean = [0.5, 0.4, 0.3]\ndeviation = [0.25, 0.25, 0.25]\n"


@pytest.fixture(autouse=True)
def _needs(needs: Needs) -> None:
    needs("onnxruntime")
    needs("onnx")


def write_model(path: Path, shape: list[Any], dtype: type = np.float32, inputs: int = 1) -> Path:
    """Write a model that flattens its input and multiplies it by the weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    sizes = [size for size in shape[1:] if isinstance(size, int)]
    fits = len(sizes) < 3 or np.prod(sizes) == len(WEIGHTS)
    weights = WEIGHTS if fits else np.zeros((np.prod(sizes), OUTPUTS), np.float32)
    kind = {np.float32: TensorProto.FLOAT, np.float16: TensorProto.FLOAT16, np.uint8: TensorProto.UINT8}[dtype]
    inputs_ = [helper.make_tensor_value_info(f"x{n}", kind, shape) for n in range(inputs)]
    nodes = [
        helper.make_node("Flatten", ["x0"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["cast", "weights"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        inputs_,
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, OUTPUTS])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


@pytest.fixture
def source(tmp_path: Path) -> ModelSource:
    """Return the model m.onnx in the folder of the test, with its transform."""
    write_files(tmp_path, {"t.toml": TRANSFORM})
    return ModelSource(f"onnx:{tmp_path}/m.onnx", transform=tmp_path / "t.toml")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    from PIL import Image

    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(1)
    for n in range(5):
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(tmp_path / f"images/{n}.png")
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
def test_scores_equal_scores_of_model(
    images: Path, tmp_path: Path, source: ModelSource, shape: list[Any], dtype: type
) -> None:
    write_model(tmp_path / "m.onnx", shape, dtype)
    expected = expected_scores(images, last=shape[-1] == 3)
    for batch in (1, 3, 64):
        predict([source], tmp_path / "out.npy", images=images, batch_size=batch, force=True)
        np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=2e-3, atol=2e-2)


def test_onnx_needs_no_torch(images: Path, tmp_path: Path, source: ModelSource) -> None:
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


FLOATS = "tensor(float) ['n', 3, 8, 8]"


@pytest.mark.parametrize(
    ("shape", "dtype", "inputs", "found"),
    [
        (["n", 3, 16, 16], np.float32, 1, "tensor(float) ['n', 3, 16, 16]"),
        (["n", 1, SIDE, SIDE], np.float32, 1, "tensor(float) ['n', 1, 8, 8]"),
        (["n", 3 * SIDE * SIDE], np.float32, 1, "tensor(float) ['n', 192]"),
        (["n", 3, SIDE, SIDE], np.uint8, 1, "tensor(uint8) ['n', 3, 8, 8]"),
        (["n", 3, SIDE, SIDE], np.float32, 2, f"{FLOATS}; {FLOATS}"),
    ],
)
def test_invalid_onnx_models_raise(source: ModelSource, shape: list[Any], dtype: type, inputs: int, found: str) -> None:
    write_model(Path(source.name.removeprefix("onnx:")), shape, dtype, inputs)
    assert fault_of(open_model, source) == ("wrong-input", found)


def test_unusable_files_and_devices_raise(source: ModelSource, tmp_path: Path) -> None:
    write_model(tmp_path / "m.onnx", ["n", 3, SIDE, SIDE])
    for device in ("mps", "", "cuda:1"):
        assert fault_of(open_model, source, device=device) == ("unknown-device", device)
    assert code_of(open_model, source.name) == "no-transform"
    write_files(tmp_path, {"m.onnx": b"no model"})
    assert code_of(open_model, source) == "unreadable-file"
    assert code_of(open_model, "onnx:none.onnx") == "file-not-found"
    assert code_of(open_model, ModelSource("onnx:none.pb", transform=tmp_path / "t.toml")) == "wrong-suffix"


def write_outside(path: Path, weights: str) -> Path:
    """Write a model with its weights in a separate file."""
    import onnx

    model = onnx.load(write_model(path, ["n", 3, SIDE, SIDE]))
    onnx.save(model, path, save_as_external_data=True, location=weights, size_threshold=0)
    assert (path.parent / weights).stat().st_size >= WEIGHTS.nbytes
    return path


def test_external_weights_distinguish_models(source: ModelSource, tmp_path: Path) -> None:
    write_outside(tmp_path / "m.onnx", "weights.bin")
    before = open_model(source).identifying_facts
    write_files(tmp_path, {"m.onnx.npy": b"an output", "m.onnx.data": b"no weights"})
    assert open_model(source).identifying_facts == before
    weights = (tmp_path / "weights.bin").read_bytes()
    (tmp_path / "weights.bin").write_bytes(weights[:-4] + b"1234")
    assert open_model(source).identifying_facts["weights"] != before["weights"]
    (tmp_path / "weights.bin").unlink()
    assert code_of(open_model, source) == "unreadable-file"


def test_nested_weights_distinguish_models(tmp_path: Path) -> None:
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
            hashes.append(_hash_model_files(tmp_path / "m.onnx"))
        assert hashes[0] != hashes[1]


def test_several_outputs_raise(source: ModelSource, tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    path = write_model(tmp_path / "m.onnx", ["n", 3, SIDE, SIDE])
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, [None, len(WEIGHTS)]))
    onnx.save(model, path)
    assert fault_of(open_model, source) == ("several-outputs", "scores, flat")
