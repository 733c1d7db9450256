"""Every example runs, and prints its main result."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from tests.helpers import Needs, RealFile

EXAMPLES = Path(__file__).parent.parent / "examples"
EXPECTED = {
    "digits_loop.py": " ambiguous questions, ",
    "huggingface_labels.py": "42,164 of 46,837, 90.02 %",
    "jax_accuracy.py": "42,164 of 46,837",
    "photographs.py": "coffee.png: espresso",
    "tensorflow_labels.py": "42,164 of 46,837, 90.02 %",
    "tfds_build.py": "27 of 265 answers are yes",
    "timm_validate.py": "top-1 90.023 %, top-5 90.055 %",
    "torchmetrics_distributed.py": "process 1: 5,000 images, ReaL top-1 0.904276 of 9,402",
    "torchvision_evaluate.py": "'real_n': 7",
}
# Its test is in test_docs.py, which compares its whole output with docs/python.md, or in keras_on_a_backend.py.
TESTED_ELSEWHERE = ("demo.py", "keras_metric.py")
LONG = ("cifar10_proposals.py", "train_on_clean.py")  # train for minutes; docs show their output
DATA = ("real.json", "validation_labels.txt", "scores.npz", "raters.npz")


def test_every_example_is_tested() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("[!_]*.py")) == sorted([*EXPECTED, *TESTED_ELSEWHERE, *LONG])


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", EXPECTED)
def test_example_prints_its_main_result(
    name: str,
    needs: Needs,
    real_file: RealFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for package in re.findall(r"^(?:import|from) ([a-z_0-9]+)", (EXAMPLES / name).read_text(), re.MULTILINE):
        needs(package)
    for file in DATA:
        real_file(file)
    for variable, value in (("CUDA_VISIBLE_DEVICES", ""), ("TF_CPP_MIN_LOG_LEVEL", "3")):
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert EXPECTED[name] in capfd.readouterr().out  # also what child processes print
