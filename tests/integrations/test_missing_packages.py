"""Each integration names its missing package, and how to install it."""

import sys
from importlib import import_module

import pytest

from reassess.errors import MissingPackageError
from reassess.integrations.timm import _run_validation_script
from tests.helpers import Needs

WITHOUT = {
    "torch_training": ("torch", "torch is missing (for a subset of a dataset)", "torchvision"),
    "huggingface": ("datasets", "datasets is missing (for a column of labels)", "huggingface"),
    "jax": ("jax", "jax is missing (for counting hits in JAX)", "jax"),
    "keras": ("keras", "keras is missing (for RealAccuracyMetric)", "keras"),
    "tensorflow": ("tensorflow", "tensorflow is missing (for labels in a tf.data pipeline)", "tensorflow"),
    "tfds": ("tensorflow_datasets", "tensorflow-datasets is missing (for a dataset of TFDS)", "tfds"),
    "timm": ("timm", "timm is missing (for timm's validation script)", "timm"),
    "torchmetrics": (
        "torchmetrics",
        "torchmetrics is missing (for RealAccuracyMetric (reassess.RealAccuracy counts the same without it))",
        "torchmetrics",
    ),
    "torchvision": ("torchvision", "torchvision is missing (for a dataset of torchvision)", "torchvision"),
}


@pytest.mark.parametrize("module", WITHOUT)
def test_missing_package_is_named_with_its_extra(module: str, needs: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    if module == "torchvision":  # without torch, the error is about torch
        needs("torch")
    package, text, extra = WITHOUT[module]
    for name in {package, *(name for name in sys.modules if name.startswith(f"{package}."))}:
        monkeypatch.setitem(sys.modules, name, None)
    for name in {module, "torch_training"}:
        monkeypatch.delitem(sys.modules, f"reassess.integrations.{name}", raising=False)
    with pytest.raises(MissingPackageError) as caught:
        _run_validation_script("validate.py") if module == "timm" else import_module(f"reassess.integrations.{module}")
    assert str(caught.value) == f"package {text}\n  fix:     pip install 'reassess[{extra}]'"
