"""ReaL accuracy as a torchmetrics metric; `reassess.RealAccuracy` works without torchmetrics."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from reassess.core import LabelSets
from reassess.errors import require_package
from reassess.evaluation.class_ranks import count_hits, hit_proportions, normalize_top_k
from reassess.evaluation.streaming import UNSEEN_RANK, index_images, rank_batch
from reassess.numeric import Proportion

_PURPOSE = "RealAccuracyMetric (reassess.RealAccuracy counts the same without it)"
with require_package("torchmetrics", extra="torchmetrics", purpose=_PURPOSE):
    import torch
    from torchmetrics import Metric

__all__ = ["RealAccuracyMetric"]


class RealAccuracyMetric(Metric):
    """ReaL accuracy over batches, exact with any number of processes.

    Parameters
    ----------
    top_k, labels, images, ignore_unknown
        See `reassess.RealAccuracy`.
    **options
        Options of `torchmetrics.Metric`, such as `sync_on_compute`.

    Raises
    ------
    DataError
        See `reassess.RealAccuracy`.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[1, 2], [2]])
    >>> metric = RealAccuracyMetric(top_k=[1], labels=labels, images=["b.png", "a.png"])
    >>> metric.update(torch.tensor([[0.5, 0.1, 0.4], [0.1, 0.7, 0.2]]), torch.tensor([0, 1]))
    >>> metric.compute()
    {'real_top1': tensor(0.5000, dtype=torch.float64), 'real_n': tensor(2)}

    Notes
    -----
    With `labels`, the state is the rank of each image's best valid class, merged by maximum, so an image that a sampler
    sends to two processes counts once. Without `labels`, the state is the hits at each k and the number of images,
    merged by sum; a repeated image counts each time.
    """

    full_state_update = False
    higher_is_better = True
    is_differentiable = False

    hits: torch.Tensor
    best_ranks: torch.Tensor

    def __init__(
        self,
        top_k: Sequence[int] = (1, 5),
        *,
        labels: LabelSets | None = None,
        images: Sequence[str] | None = None,
        ignore_unknown: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.top_k = normalize_top_k(top_k)
        self.image_index = index_images(labels, images, ignore_unknown=ignore_unknown)
        # A MetricCollection merges metrics whose states are equal after one batch. A NaN is never equal.
        self.add_state("never_equal", torch.tensor(float("nan")), dist_reduce_fx="sum")
        if self.image_index is None:
            self.add_state("hits", torch.zeros(len(self.top_k) + 1, dtype=torch.int64), dist_reduce_fx="sum")
        else:
            best_ranks = torch.full((len(self.image_index.images),), UNSEEN_RANK, dtype=torch.int32)
            self.add_state("best_ranks", best_ranks, dist_reduce_fx="max")

    def update(self, scores: npt.ArrayLike, target: Any) -> None:
        """Count a batch; see `reassess.RealAccuracy.update`. Tensors on other devices are copied to the CPU."""
        positions, best_ranks = rank_batch(self.image_index, self.top_k, scores, target)
        name = "hits" if positions is None else "best_ranks"
        state = getattr(self, name)
        if state.is_inference() and not torch.is_inference_mode_enabled():  # after a reset in inference mode
            state = state.clone()
            setattr(self, name, state)
        if positions is None:
            state.add_(torch.from_numpy(count_hits(best_ranks, self.top_k)).to(state.device))
        else:
            index, value = (torch.from_numpy(part).to(state.device) for part in (positions, best_ranks))
            state.scatter_reduce_(0, index, value, "amax")

    def forward(self, scores: npt.ArrayLike, target: Any) -> dict[str, torch.Tensor]:
        """Count a batch, and return its result; if this raises an error, the batch is not counted."""
        before = self.__dict__.copy()  # torchmetrics replaces the states and other attributes during the call
        try:
            values: dict[str, torch.Tensor] = super().forward(scores, target)
        except BaseException:
            self.__dict__.update(before)
            raise
        return values

    def set_dtype(self, dst_type: str | torch.dtype) -> "RealAccuracyMetric":  # noqa: ARG002
        """Ignore a change of the dtype: the states are integers."""
        return self

    def _load_from_state_dict(self, *arguments: Any) -> None:
        """Load copies of the states, since they are updated in place."""
        super()._load_from_state_dict(*arguments)
        for name in self._defaults:
            setattr(self, name, getattr(self, name).clone())

    def counts(self) -> dict[int, Proportion]:
        """Return the number of hits by k, and of images with a valid class.

        Before torchmetrics synchronises the processes, these are the images of this process only.
        """
        state = (self.hits if self.image_index is None else self.best_ranks).cpu().numpy()
        return hit_proportions(
            state if self.image_index is None else self.image_index.count_hits(state, self.top_k), self.top_k
        )

    def compute(self) -> dict[str, torch.Tensor]:
        """Compute ReaL accuracy at each k over all processes, and the number of images with a valid class.

        The accuracy is NaN if no image has a valid class.
        """
        counts = self.counts()
        nan, dtype = float("nan"), torch.float32 if self.device.type == "mps" else torch.float64  # Metal has no float64
        values = {f"real_top{k}": nan if part.value is None else part.value for k, part in counts.items()}
        n = torch.tensor(counts[self.top_k[0]].n, device=self.device)
        return {k: torch.tensor(v, dtype=dtype, device=self.device) for k, v in values.items()} | {"real_n": n}
