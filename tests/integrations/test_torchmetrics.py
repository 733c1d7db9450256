"""The torchmetrics metric: its states, torchmetrics' features, and two processes."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import LabelSets, Predictions, evaluate
from reassess.evaluation import multi_hot
from reassess.numeric import Proportion
from tests.helpers import Needs, code_of

N, CLASSES = 41, 6  # odd, so that a sampler for two processes repeats an image
NAMES = [f"{row:02d}.png" for row in range(N)]
RNG = np.random.default_rng(0)
SCORES = RNG.integers(-2, 3, (N, CLASSES)).astype(np.float32)
LABELS = LabelSets.from_lists(NAMES, [RNG.permutation(CLASSES)[: RNG.integers(0, 4)].tolist() for _ in range(N)])


class Case:
    """A metric that joins images by name or gets the valid classes as targets, and its batches."""

    def __init__(self, joined: bool) -> None:
        self.joined = joined
        self.state = "ranks" if joined else "hits"

    def metric(self, **options: Any) -> Any:
        from reassess.integrations.torchmetrics import RealAccuracyMetric

        join = {"labels": LABELS, "images": NAMES} if self.joined else {}
        return RealAccuracyMetric(top_k=(1, 3), **join, **options)

    def batch(self, rows: Any) -> tuple[Any, Any]:
        import torch

        target = rows if self.joined else multi_hot(LABELS, rows, CLASSES)
        return torch.from_numpy(SCORES[rows]), torch.from_numpy(target)


@pytest.fixture(params=[True, False], ids=["joined", "targets"])
def case(request: pytest.FixtureRequest, needs: Needs) -> Case:
    needs("torchmetrics")
    return Case(request.param)


def expected() -> dict[int, Any]:
    return evaluate(Predictions.from_scores(SCORES, NAMES), LABELS, top_k=(1, 3)).real_accuracy


def test_state_is_integer_with_the_right_reduction(case: Case) -> None:
    """Without images the accuracy is NaN."""
    counter = case.metric()
    state, reduction = counter.metric_state[case.state], counter._reductions[case.state].__name__
    expected = ("torch.int32", "dim_zero_max") if case.joined else ("torch.int64", "dim_zero_sum")
    assert (str(state.dtype), reduction) == expected
    counter.update(*case.batch(np.arange(0)))
    assert np.isnan(counter.compute()["real_top1"].item())
    assert counter.compute()["real_n"].item() == 0


def test_forward_returns_batch_and_state_survives_clone_pickle_and_dtype(case: Case) -> None:
    import torch

    counter = case.metric()
    batches = [counter(*case.batch(rows)) for rows in np.array_split(np.arange(N), 5)]
    assert sum(int(values["real_n"]) for values in batches) == expected()[1].n
    assert {name: value.item() for name, value in counter.compute().items()} == {
        "real_top1": expected()[1].value,
        "real_top3": expected()[3].value,
        "real_n": expected()[1].n,
    }
    counter.set_dtype(torch.float64).half()
    for copy in (counter, counter.clone(), pickle.loads(pickle.dumps(counter))):
        assert copy.counts() == expected()
        assert copy.compute()["real_n"].dtype == torch.int64
    counter.reset()
    assert counter.counts()[1].n == 0


@pytest.mark.parametrize("every_step", [True, False])
def test_invalid_batch_in_forward_changes_nothing(case: Case, every_step: bool) -> None:
    import torch

    counter = case.metric(dist_sync_on_step=every_step)
    counter(*case.batch(np.arange(20)))
    before = {name: value for name, value in vars(counter).items() if name != "never_equal"}
    state = counter.metric_state[case.state].clone()
    scores, target = case.batch(np.arange(20, N))
    with_nan = torch.where(torch.arange(N - 20)[:, None] == 9, torch.nan, -scores)
    assert code_of(counter, with_nan, target) == "not-a-number"
    assert all(vars(counter)[name] is value for name, value in before.items())
    torch.testing.assert_close(counter.metric_state[case.state], state)
    counter(scores, target)
    assert counter.counts() == expected()


def test_saved_state_does_not_change_when_a_loaded_metric_continues(case: Case) -> None:
    """Positions can be read-only arrays."""
    counter, numbers = case.metric(), np.arange(20)
    numbers.flags.writeable = False
    counter.persistent(True)
    counter.update(SCORES[numbers], numbers if case.joined else case.batch(numbers)[1])
    saved = counter.state_dict()
    for _ in range(2):
        loaded = case.metric()
        loaded.load_state_dict(saved)
        loaded.update(*case.batch(np.arange(20, N)))
        assert loaded.counts() == expected()


def test_state_reset_in_inference_mode_can_be_updated_outside(case: Case) -> None:
    import torch

    counter = case.metric()
    with torch.inference_mode():
        counter(*case.batch(np.arange(N)))
        counter.reset()
    counter.update(*case.batch(np.arange(20)))
    counter(*case.batch(np.arange(20, N)))
    assert counter.counts() == expected()


def test_collection_does_not_merge_metrics_with_equal_first_batch(needs: Needs) -> None:
    needs("torchmetrics")
    import torch
    from torchmetrics import MetricCollection

    from reassess.integrations.torchmetrics import RealAccuracyMetric

    scores = torch.tensor([[1.0, 0.0, 0.0], [0.5, 1.0, 0.0]])
    ks = MetricCollection({"top1": RealAccuracyMetric([1]), "top2": RealAccuracyMetric([2])})
    label_sets = [LabelSets.from_lists(["a.png", "b.png"], lists) for lists in ([[0], [0]], [[0], [1]])]
    labels = MetricCollection({str(i): RealAccuracyMetric([1], labels=sets) for i, sets in enumerate(label_sets)})
    for row in range(2):
        ks.update(scores[[row]], torch.tensor([[0]]))
        labels.update(scores[[row]], [["a.png", "b.png"][row]])
    assert ks["top1"].counts() | ks["top2"].counts() == {1: Proportion(1, 2), 2: Proportion(2, 2)}
    assert [labels[name].counts()[1].hits for name in ("0", "1")] == [1, 2]


def run_process(rank: int, folder: str) -> None:
    """Run one of two processes of a distributed evaluation, and write its results to a file."""
    import torch.distributed as dist
    from torch.utils.data import DistributedSampler

    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    sampler = DistributedSampler(range(N), num_replicas=2, rank=rank, shuffle=True, seed=1)
    rows, lines = np.array(list(sampler)), {}
    for joined in (True, False):
        case = Case(joined)
        counter = case.metric()
        for batch in np.array_split(rows, 3):
            counter.update(*case.batch(batch))
        values = counter.compute()
        lines[case.state] = [len(rows), *(values[name].item() for name in ("real_top1", "real_top3", "real_n"))]
    Path(folder, f"result-{rank}").write_text(json.dumps(lines))
    dist.destroy_process_group()


def test_two_processes_that_share_an_image_equal_one(needs: Needs, tmp_path: Path) -> None:
    needs("torchmetrics")
    import torch.multiprocessing

    torch.multiprocessing.spawn(run_process, (str(tmp_path),), nprocs=2)
    first, second = (json.loads((tmp_path / f"result-{rank}").read_text()) for rank in range(2))
    assert first == second
    rows, *values = first["ranks"]
    whole = expected()
    assert 2 * rows == N + 1
    assert values == [whole[1].value, whole[3].value, whole[1].n]
    assert first["hits"][-1] - whole[1].n in (0, 1)  # targets do not show which image came twice
