"""The torchmetrics metric: its states, its way through torchmetrics' own machinery, and two real processes."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import LabelSets, Predictions, evaluate
from reassess.errors import DataError
from reassess.evaluation import multi_hot
from reassess.numeric import Proportion

N, CLASSES = 41, 6  # odd, so that a sampler for two processes repeats an image
NAMES = [f"{row:02d}.png" for row in range(N)]
RNG = np.random.default_rng(0)
SCORES = RNG.integers(-2, 3, (N, CLASSES)).astype(np.float32)
LABELS = LabelSets.from_lists(NAMES, [RNG.permutation(CLASSES)[: RNG.integers(0, 4)].tolist() for _ in range(N)])


@pytest.fixture
def metric(needs: Callable[[str], None]) -> Callable[..., Any]:
    needs("torchmetrics")
    from reassess.integrations.torchmetrics import RealAccuracyMetric

    return lambda **options: RealAccuracyMetric(top_k=(1, 3), **options)


def expected() -> dict[int, Any]:
    return evaluate(Predictions.from_scores(SCORES, NAMES), LABELS, top_k=(1, 3)).real


def batches() -> list[tuple[Any, Any]]:
    import torch

    return [(torch.from_numpy(SCORES[rows]), torch.from_numpy(rows)) for rows in np.array_split(np.arange(N), 5)]


def test_the_states_are_integers_that_are_reduced_as_they_should_be(metric: Callable[..., Any]) -> None:
    import torch

    streamed, joined = metric(), metric(labels=LABELS)
    assert (streamed.hits.dtype, streamed._reductions["hits"].__name__) == (torch.int64, "dim_zero_sum")
    assert (joined.ranks.dtype, joined._reductions["ranks"].__name__) == (torch.int32, "dim_zero_max")


def test_accuracy_is_that_of_evaluate(metric: Callable[..., Any]) -> None:
    counter = metric(labels=LABELS, images=NAMES)
    for scores, rows in batches():
        counter.update(scores, rows)
    assert counter.counts() == expected()
    values = counter.compute()
    assert {name: value.item() for name, value in values.items()} == {
        "real_top1": expected()[1].value,
        "real_top3": expected()[3].value,
        "real_n": expected()[1].n,
    }


def batch_of(joined: bool, rows: Any) -> tuple[Any, Any]:
    import torch

    return torch.from_numpy(SCORES[rows]), torch.from_numpy(rows if joined else multi_hot(LABELS, rows, CLASSES))


@pytest.mark.parametrize("joined", [True, False])
def test_forward_gives_the_batch_and_keeps_the_whole(metric: Callable[..., Any], joined: bool) -> None:
    import torch

    counter = metric(labels=LABELS, images=NAMES) if joined else metric()
    of_batches = []
    for scores, rows in batches():
        target = rows if joined else torch.from_numpy(multi_hot(LABELS, rows.numpy(), CLASSES))
        of_batches.append(counter(scores, target))
    assert sum(int(values["real_n"]) for values in of_batches) == expected()[1].n
    assert counter.counts() == expected()


def test_a_metric_survives_reset_clone_and_pickle(metric: Callable[..., Any]) -> None:
    counter = metric(labels=LABELS, images=NAMES)
    for scores, rows in batches():
        counter.update(scores, rows)
    for copy in (counter.clone(), pickle.loads(pickle.dumps(counter))):
        assert copy.counts() == expected()
    counter.reset()
    assert counter.counts()[1].n == 0


def test_nothing_seen_is_not_a_number(metric: Callable[..., Any]) -> None:
    counter = metric()
    counter.update(np.empty((0, CLASSES)), np.empty((0, 1), int))
    assert np.isnan(counter.compute()["real_top1"].item())
    assert counter.compute()["real_n"].item() == 0


def test_a_refused_batch_is_not_counted(metric: Callable[..., Any]) -> None:
    import torch

    counter = metric(labels=LABELS)
    with pytest.raises(DataError, match="score is NaN"):
        counter.update(torch.full((1, CLASSES), torch.nan), NAMES[:1])
    assert counter.counts()[1].n == 0


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("every_step", [True, False])
def test_a_batch_that_forward_refuses_changes_nothing(
    metric: Callable[..., Any], joined: bool, every_step: bool
) -> None:
    import torch

    counter = metric(dist_sync_on_step=every_step, **({"labels": LABELS, "images": NAMES} if joined else {}))
    counter(*batch_of(joined, np.arange(20)))
    before = {name: value for name, value in vars(counter).items() if name != "apart"}
    kept = counter.metric_state["ranks" if joined else "hits"].clone()
    scores, target = batch_of(joined, np.arange(20, N))
    with pytest.raises(DataError, match="score is NaN"):
        counter(torch.where(torch.arange(N - 20)[:, None] == 9, torch.nan, -scores), target)
    assert all(vars(counter)[name] is value for name, value in before.items())
    torch.testing.assert_close(counter.metric_state["ranks" if joined else "hits"], kept)
    counter(scores, target)
    assert counter.counts() == expected()


@pytest.mark.parametrize("joined", [True, False])
def test_what_is_counted_is_whole_whatever_type_is_asked_for(metric: Callable[..., Any], joined: bool) -> None:
    import torch

    counter = metric(**({"labels": LABELS, "images": NAMES} if joined else {}))
    counter.update(*batch_of(joined, np.arange(20)))
    counter.set_dtype(torch.float64).half()
    counter.update(*batch_of(joined, np.arange(20, N)))
    assert counter.counts() == expected()
    assert counter.compute()["real_n"].dtype == torch.int64


@pytest.mark.parametrize("joined", [True, False])
def test_a_saved_state_stays_as_it_is_though_one_that_loaded_it_goes_on(
    metric: Callable[..., Any], joined: bool
) -> None:
    options = {"labels": LABELS, "images": NAMES} if joined else {}
    counter = metric(**options)
    counter.persistent(True)
    counter.update(*batch_of(joined, np.arange(20)))
    saved = counter.state_dict()
    for _ in range(2):
        other = metric(**options)
        other.load_state_dict(saved)
        other.update(*batch_of(joined, np.arange(20, N)))
        assert other.counts() == expected()


def test_a_tensor_without_values_is_refused(metric: Callable[..., Any]) -> None:
    import torch

    with pytest.raises(DataError, match="numpy cannot read this array"):
        metric().update(torch.zeros(1, CLASSES), torch.zeros(1, CLASSES, device="meta"))


@pytest.mark.parametrize("joined", [True, False])
def test_a_state_reset_in_inference_mode_may_be_updated_outside_of_it(metric: Callable[..., Any], joined: bool) -> None:
    import torch

    counter = metric(labels=LABELS) if joined else metric()
    scores, target = torch.from_numpy(SCORES), NAMES if joined else multi_hot(LABELS, np.arange(N), CLASSES)
    with torch.inference_mode():
        counter(scores, target)
        counter.reset()
    counter.update(scores[:20], target[:20])
    counter(scores[20:], target[20:])
    assert counter.counts() == expected()


def test_metrics_of_a_collection_are_kept_apart_though_the_first_batch_is_the_same_to_them(
    needs: Callable[[str], None],
) -> None:
    needs("torchmetrics")
    import torch
    from torchmetrics import MetricCollection

    from reassess.integrations.torchmetrics import RealAccuracyMetric

    scores = torch.tensor([[1.0, 0.0, 0.0], [0.5, 1.0, 0.0]])
    ks = MetricCollection({"top1": RealAccuracyMetric([1]), "top2": RealAccuracyMetric([2])})
    others = [LabelSets.from_lists(["a.png", "b.png"], lists) for lists in ([[0], [0]], [[0], [1]])]
    labels = MetricCollection({str(i): RealAccuracyMetric([1], labels=each) for i, each in enumerate(others)})
    for row in range(2):
        ks.update(scores[[row]], torch.tensor([[0]]))
        labels.update(scores[[row]], [["a.png", "b.png"][row]])
    assert ks["top1"].counts() | ks["top2"].counts() == {1: Proportion(1, 2), 2: Proportion(2, 2)}
    assert [labels[name].counts()[1].hits for name in ("0", "1")] == [1, 2]


def test_numbers_may_lie_in_memory_that_cannot_be_written(metric: Callable[..., Any]) -> None:
    counter, numbers = metric(labels=LABELS, images=NAMES), np.arange(N)
    numbers.flags.writeable = False
    counter.update(SCORES, numbers)
    assert counter.counts() == expected()


def in_one_of_two_processes(rank: int, folder: str) -> None:
    """What a process of a distributed evaluation does, joined and not; it writes what it found to a file."""
    import torch
    import torch.distributed as dist
    from torch.utils.data import DistributedSampler

    from reassess.integrations.torchmetrics import RealAccuracyMetric

    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    sampler = DistributedSampler(range(N), num_replicas=2, rank=rank, shuffle=True, seed=1)
    rows, lines = np.array(list(sampler)), {}
    for joined in (True, False):
        counter = RealAccuracyMetric(top_k=(1, 3), **({"labels": LABELS, "images": NAMES} if joined else {}))
        for batch in np.array_split(rows, 3):
            target = batch if joined else multi_hot(LABELS, batch, CLASSES)
            counter.update(torch.from_numpy(SCORES[batch]), torch.from_numpy(target))
        values = counter.compute()
        numbers = [len(rows), *(values[name].item() for name in ("real_top1", "real_top3", "real_n"))]
        lines["joined" if joined else "apart"] = numbers
    Path(folder, f"found-{rank}").write_text(json.dumps(lines))
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def of_two_processes(needs: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes found."""
    needs("torchmetrics")
    import torch.multiprocessing

    folder = tmp_path_factory.mktemp("processes")
    torch.multiprocessing.spawn(in_one_of_two_processes, (str(folder),), nprocs=2)
    return [json.loads((folder / f"found-{rank}").read_text()) for rank in range(2)]


@pytest.mark.parametrize("joined", [True, False])
def test_two_processes_that_share_an_image_find_the_same_as_one(
    of_two_processes: list[dict[str, Any]], joined: bool
) -> None:
    first, second = (lines["joined" if joined else "apart"] for lines in of_two_processes)
    assert first == second
    rows, *values = first
    assert 2 * rows == N + 1
    whole = expected()
    if joined:
        assert values == [whole[1].value, whole[3].value, whole[1].n]
    else:  # nothing tells which image came twice
        assert values[2] - whole[1].n in (0, 1)
