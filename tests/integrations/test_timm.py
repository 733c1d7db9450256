"""The replacement of timm's evaluator gives the same accuracy as timm and as `evaluate`."""

import runpy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import LabelSets, Predictions, evaluate
from reassess.core.image_names import validation_image_names
from reassess.integrations.timm import RealLabelsImagenet
from tests.helpers import Needs, RealFile, code_of, message

RNG = np.random.default_rng(0)
SCORES = RNG.standard_normal((300, 1000)).astype(np.float32)
NAMES = validation_image_names()


@pytest.fixture
def scores(real_labels: LabelSets) -> Any:
    """Scores of the first 300 validation images, many of them correct."""
    logits = SCORES.copy()
    for row in range(0, 300, 2):
        valid = real_labels[NAMES[row]]
        if valid:
            logits[row, valid[-1]] = 9.0
    return logits


def test_accuracy_on_all_images_in_order_equals_timm(needs: Needs, real_file: RealFile) -> None:
    needs("timm")
    import torch
    from timm.data import RealLabelsImagenet as TimmLabels

    file = str(real_file("real.json"))
    ours, theirs = RealLabelsImagenet(NAMES, file), TimmLabels(list(NAMES), file)
    rng = torch.Generator().manual_seed(0)
    for start in range(0, 50_000, 5_000):
        output = torch.randn(min(5_000, 50_000 - start), 1000, generator=rng)
        ours.add_result(output)
        theirs.add_result(output)
    assert ours.get_accuracy() == pytest.approx(theirs.get_accuracy(), rel=1e-12)
    assert ours.get_accuracy(k=5) == pytest.approx(theirs.get_accuracy(k=5), rel=1e-12)


def test_accuracy_on_some_images_equals_evaluate(scores: Any, real_labels: LabelSets, real_file: RealFile) -> None:
    """Batches come in the order of the constructor's names, or with their own names."""
    rows = np.random.default_rng(1).permutation(300)[:200]
    names = [f"val/n01440764/{NAMES[row][:-5]}_n01440764.png" for row in rows]
    expected = evaluate(Predictions.from_scores(scores[rows], names), real_labels, top_k=(1, 3)).real_accuracy
    assert 0 < expected[1].hits < expected[1].n < 200
    in_order, by_name = (RealLabelsImagenet(names, str(real_file("real.json")), topk=(1, 3)) for _ in range(2))
    assert np.isnan(in_order.get_accuracy(k=1))
    for batch in np.array_split(np.arange(200), 7):
        in_order.add_result(scores[rows[batch]])
    for batch in np.array_split(np.random.default_rng(2).permutation(200), 3):
        by_name.add_result(scores[rows[batch]], [NAMES[row] for row in rows[batch]])
    assert in_order.get_accuracy() == by_name.get_accuracy() == {k: 100 * part.value for k, part in expected.items()}
    assert by_name.get_accuracy(3) == 100 * expected[3].value


def test_too_many_outputs_or_unknown_names_raise(real_file: RealFile) -> None:
    evaluator = RealLabelsImagenet(NAMES[:3], real_file("real.json"))
    evaluator.add_result(SCORES[:2])
    assert message(evaluator.add_result, SCORES[:2]) == (
        "more predictions than images\n  allowed: 3, the number of file names\n  found:   4"
    )
    assert code_of(RealLabelsImagenet, ["tom.jpg"], real_file("real.json")) == "unknown-image"


def run_module(monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    """Run `python -m reassess.integrations.timm` in this process."""
    timm_data = import_module("timm.data")
    monkeypatch.setattr(timm_data, "RealLabelsImagenet", timm_data.RealLabelsImagenet)  # undone after the test
    monkeypatch.setattr("sys.argv", ["timm.py", *argv])
    runpy.run_path(str(import_module("reassess.integrations.timm").__file__), run_name="__main__")


def test_unchanged_validation_script_uses_replacement(
    needs: Needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs("timm")
    script = tmp_path / "validate.py"
    script.write_text(
        "import sys\n"
        "from timm.data import RealLabelsImagenet\n"
        "if __name__ == '__main__':\n"
        "    print(RealLabelsImagenet.__module__, sys.argv[1:])\n"
    )
    run_module(monkeypatch, str(script), "--real-labels", "real.json")
    assert capsys.readouterr().out == "__main__ ['--real-labels', 'real.json']\n"
    with pytest.raises(SystemExit, match="2"):
        run_module(monkeypatch)
    assert (
        capsys.readouterr().err
        == "usage: python -m reassess.integrations.timm validate.py [arguments of validate.py]\n"
    )
