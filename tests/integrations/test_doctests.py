"""The examples in docstrings of the integrations run."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import reassess.integrations
from tests.helpers import Needs

PACKAGES = {
    "huggingface": "datasets",
    "huggingface_training": "datasets",
    "jax": "jax",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "tensorflow_training": "tensorflow",
    "tfds": "tensorflow_datasets",
    "timm": "timm",
    "torch_training": "torch",
    "torchmetrics": "torchmetrics",
    "torchvision": "torchvision",
}


def test_every_module_is_tested() -> None:
    folder = Path(reassess.integrations.__path__[0])
    assert {path.stem for path in folder.glob("[!_]*.py")} == set(PACKAGES)


@pytest.mark.parametrize(("module", "package"), PACKAGES.items())
def test_examples_run(module: str, package: str, needs: Needs, real_files: None) -> None:
    needs(package)
    result = doctest.testmod(import_module(f"reassess.integrations.{module}"), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
