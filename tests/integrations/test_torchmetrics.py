"""The torchmetrics metric: its states, torchmetrics' features, and the states of two processes."""

import pickle
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
        self.state = "best_ranks" if joined else "hits"

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


def test_two_processes_that_share_an_image_equal_one(case: Case) -> None:
    """The example torchmetrics_distributed.py starts processes; here one process has the states of both."""
    from torch.utils.data import DistributedSampler

    def gather(state: Any, group: object) -> list[Any]:
        """Return this state of each process."""
        assert group is None
        (name,) = {name for metric in metrics for name, value in metric.metric_state.items() if value is state}
        return [metric.metric_state[name] for metric in metrics]

    metrics = [case.metric(dist_sync_fn=gather, distributed_available_fn=lambda: True) for _ in range(2)]
    for rank, metric in enumerate(metrics):
        rows = np.array(list(DistributedSampler(range(N), num_replicas=2, rank=rank, shuffle=True, seed=1)))
        assert 2 * len(rows) == N + 1
        for batch in np.array_split(rows, 3):
            metric.update(*case.batch(batch))
    first, second = ({name: value.item() for name, value in metric.compute().items()} for metric in metrics)
    assert first == second
    whole = expected()
    if case.joined:
        assert first == {"real_top1": whole[1].value, "real_top3": whole[3].value, "real_n": whole[1].n}
    else:
        assert first["real_n"] - whole[1].n in (0, 1)  # targets do not show which image came twice
