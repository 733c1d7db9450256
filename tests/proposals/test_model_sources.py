"""A model by its name."""

from pathlib import Path

import pytest

from reassess import ModelSource, open_model
from tests.helpers import message

ALLOWED = "\n  allowed: timm:NAME, torchvision:NAME, onnx:FILE or python:module:function"


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("resnet18", "\n  fix:     did you mean timm:resnet18?"),
        ("keras:resnet18", ""),
        ("timm:", ""),
        ("python:", ""),
        ("", ""),
    ],
)
def test_a_name_without_a_known_library_is_refused(name: str, fix: str) -> None:
    where = f"\n  where:   {name}"
    assert message(open_model, name) == f"not a model{where}{ALLOWED}{fix}"


@pytest.mark.parametrize("name", ["python:m:f", "onnx:m.onnx"])
def test_a_checkpoint_is_of_timm_and_torchvision_alone(name: str, tmp_path: Path) -> None:
    source = ModelSource(name, checkpoint="w.pth")
    expected = {"python": "a function takes no checkpoint", "onnx": "ONNX files have their own weights"}
    assert message(open_model, source).startswith(expected[name.partition(":")[0]])


@pytest.mark.parametrize("package", ["timm", "torchvision", "onnxruntime"])
def test_a_library_that_is_not_installed_is_named_with_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    extra, model = ("onnx", "onnx:m.onnx") if package == "onnxruntime" else (package, f"{package}:resnet18")
    with pytest.raises(ImportError) as caught:
        open_model(model)
    purpose = "a model in an ONNX file" if extra == "onnx" else f"a model of {package}"
    assert str(caught.value) == (
        f"package {package} is missing (for {purpose})\n  fix:     pip install 'reassess[{extra}]'"
    )
