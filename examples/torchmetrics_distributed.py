"""ReaL accuracy over two processes: the sampler repeats an image, which still counts once.

    python examples/torchmetrics_distributed.py

Instead of a model, the script measures the original labels, as scores that are 1 for one class.
"""

import tempfile

import torch
import torch.distributed as dist
from torch.nn.functional import one_hot
from torch.utils.data import DistributedSampler

from reassess import read_labels, read_original_labels
from reassess.integrations.torchmetrics import RealAccuracyMetric

PROCESSES, IMAGES, BATCH = 2, 9_999, 256


def evaluate(rank: int, rendezvous: str) -> None:
    """Evaluate a part of the images; runs in each process."""
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=PROCESSES)
    original = read_original_labels()
    names = original.images[:IMAGES]
    real = RealAccuracyMetric(labels=read_labels(), images=names)  # added
    sampler = torch.tensor(list(DistributedSampler(range(IMAGES), PROCESSES, rank)))
    for indices in sampler.split(BATCH):
        scores = one_hot(torch.from_numpy(original.indices[indices]).long(), 1000).float()
        real.update(scores, indices)  # added
    accuracy = real.compute()
    print(f"process {rank}: {len(sampler):,} images, ReaL top-1 {accuracy['real_top1']:.6f} of {accuracy['real_n']:,}")
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(evaluate, (f"{folder}/rendezvous",), nprocs=PROCESSES)
