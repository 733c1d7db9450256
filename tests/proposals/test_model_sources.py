"""Models by name."""

import pytest

from reassess import ModelSource
from reassess.errors import DataError
from reassess.proposals import open_model
from tests.helpers import code_of


@pytest.mark.parametrize("name", ["resnet18", "./my_models.py", "x/m.onnx", "keras:resnet18", "timm:", "python:", ""])
def test_unknown_library_raises(name: str) -> None:
    with pytest.raises(DataError) as caught:
        open_model(name)
    assert caught.value.code == "unknown-model"
    fixes = {
        "resnet18": "timm:resnet18",
        "./my_models.py": "python:my_models:FUNCTION",
        "x/m.onnx": "onnx:x/m.onnx",
    }
    assert caught.value.fix == (f"did you mean {fixes[name]}?" if name in fixes else None)


@pytest.mark.parametrize(("name", "code"), [("python:m:f", "unused-option"), ("onnx:m.onnx", "unused-option")])
def test_checkpoint_is_only_for_timm_and_torchvision(name: str, code: str) -> None:
    assert code_of(open_model, ModelSource(name, checkpoint="w.pth")) == code


@pytest.mark.parametrize("package", ["timm", "torchvision", "onnxruntime"])
def test_missing_library_is_named_with_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    extra, model = ("onnx", "onnx:m.onnx") if package == "onnxruntime" else (package, f"{package}:resnet18")
    with pytest.raises(ImportError) as caught:
        open_model(model)
    purpose = "a model in an ONNX file" if extra == "onnx" else f"a model of {package}"
    assert str(caught.value) == (
        f"package {package} is missing (for {purpose})\n  fix:     pip install 'reassess[{extra}]'"
    )
