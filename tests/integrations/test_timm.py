"""The drop-in for timm's evaluator: the same numbers as timm's where timm can, and by name where it cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import LabelSets, Predictions, evaluate
from reassess.core.image_names import validation_names
from reassess.errors import DataError
from reassess.integrations.timm import RealLabelsImagenet
from tests.helpers import python

RNG = np.random.default_rng(0)
SCORES = RNG.standard_normal((300, 1000)).astype(np.float32)
NAMES = validation_names()


@pytest.fixture
def scores(real_labels: LabelSets) -> Any:
    """Scores of the first 300 validation images, of which many are right."""
    logits = SCORES.copy()
    for row in range(0, 300, 2):
        valid = real_labels[NAMES[row]]
        if valid:
            logits[row, valid[-1]] = 9.0
    return logits


def test_all_images_in_order_count_as_timm_counts_them(
    needs: Callable[[str], None], real_file: Callable[[str], Path]
) -> None:
    needs("timm")
    import torch
    from timm.data import RealLabelsImagenet as Theirs

    file = str(real_file("real.json"))
    ours, theirs = RealLabelsImagenet(NAMES, file), Theirs(list(NAMES), file)
    rng = torch.Generator().manual_seed(0)
    for start in range(0, 50_000, 5_000):
        output = torch.randn(min(5_000, 50_000 - start), 1000, generator=rng)
        ours.add_result(output)
        theirs.add_result(output)
    assert ours.get_accuracy() == pytest.approx(theirs.get_accuracy(), rel=1e-12)
    assert ours.get_accuracy(k=5) == pytest.approx(theirs.get_accuracy(k=5), rel=1e-12)


def test_some_images_in_any_order_under_any_name_count_as_evaluate_counts_them(
    scores: Any, real_labels: LabelSets, real_file: Callable[[str], Path]
) -> None:
    rows = np.random.default_rng(1).permutation(300)[:200]
    names = [f"val/n01440764/{NAMES[row][:-5]}_n01440764.png" for row in rows]
    evaluator = RealLabelsImagenet(names, real_file("real.json"))
    for batch in np.array_split(np.arange(200), 7):
        evaluator.add_result(scores[rows[batch]])
    expected = evaluate(Predictions.from_scores(scores[rows], names), real_labels).real
    assert 0 < expected[1].hits < expected[1].n < 200
    assert evaluator.get_accuracy() == {k: 100 * part.value for k, part in expected.items()}


def test_a_shuffled_stream_says_which_images_come(
    scores: Any, real_labels: LabelSets, real_file: Callable[[str], Path]
) -> None:
    evaluator = RealLabelsImagenet(NAMES[:300], str(real_file("real.json")), topk=(1, 3))
    for batch in np.array_split(np.random.default_rng(2).permutation(300), 3):
        evaluator.add_result(scores[batch], [NAMES[row] for row in batch])
    expected = evaluate(Predictions.from_scores(scores, NAMES[:300]), real_labels, top_k=(1, 3)).real
    assert evaluator.get_accuracy() == {k: 100 * part.value for k, part in expected.items()}
    assert evaluator.get_accuracy(3) == 100 * expected[3].value


def test_before_the_first_batch_there_is_no_number(real_file: Callable[[str], Path]) -> None:
    assert np.isnan(RealLabelsImagenet(NAMES, real_file("real.json")).get_accuracy(k=1))


def test_more_outputs_than_images_are_refused(real_file: Callable[[str], Path]) -> None:
    evaluator = RealLabelsImagenet(NAMES[:3], real_file("real.json"))
    evaluator.add_result(SCORES[:2])
    with pytest.raises(DataError) as raised:
        evaluator.add_result(SCORES[:2])
    assert str(raised.value) == (
        "more outputs than images\n  allowed: 3, as many as there are file names\n  found:   4"
    )


def test_names_of_no_validation_image_are_refused(real_file: Callable[[str], Path]) -> None:
    with pytest.raises(DataError, match="1 of 1 images are not in the label sets"):
        RealLabelsImagenet(["tom.jpg"], real_file("real.json"))


def test_a_validation_script_runs_with_it_as_it_is(
    needs: Callable[[str], None], real_file: Callable[[str], Path], tmp_path: Path
) -> None:
    needs("timm")
    script = tmp_path / "validate.py"
    script.write_text(
        "import sys\n"
        "from timm.data import RealLabelsImagenet\n"
        "if __name__ == '__main__':\n"
        "    print(RealLabelsImagenet.__module__, sys.argv[1:])\n"
    )
    result = python("-m", "reassess.integrations.timm", script, "--real-labels", "real.json")
    assert result.out.split("\n")[0] == "__main__ ['--real-labels', 'real.json']"


def test_run_without_a_script_it_says_how(needs: Callable[[str], None]) -> None:
    needs("timm")
    result = python("-m", "reassess.integrations.timm", code=2)
    assert result.err == "usage: python -m reassess.integrations.timm validate.py [what validate.py takes]\n"
