"""Which models are worth asking for proposals: what every subset, or those of a search, would reach."""

from dataclasses import dataclass
from typing import Any

from reassess.numeric.proportion import Proportion
from reassess.text import Shown, counted

__all__ = ["HeldOut", "ModelChoice", "ModelSubset"]


@dataclass(frozen=True)
class ModelSubset:
    """What some of the models propose, together with the original labels, with the N of all models.

    Parameters
    ----------
    models
        Their names.
    recall
        Of the valid golden pairs, those that are proposed.
    precision
        Of the golden pairs that are proposed, those that are valid.
    unjudged
        Number of pairs that are proposed on golden images and are no golden pairs.
    proposals
        Number of proposals for all images that these models send to raters.
    images
        Number of these images.
    lacking
        Number of images that other models hold and none of these does. Nothing is proposed there, and not even the
        original label counts as proposed.

    Examples
    --------
    >>> subset = ModelSubset(("vit",), Proportion(8, 10), Proportion(8, 16), 3, 300, 100, 0)
    >>> subset.per_image, subset.recall.value
    (3.0, 0.8)
    """

    models: tuple[str, ...]
    recall: Proportion
    precision: Proportion
    unjudged: int
    proposals: int
    images: int
    lacking: int

    @property
    def per_image(self) -> float | None:
        """Proposals an image that goes to raters, on average; None if none does."""
        return self.proposals / self.images if self.images else None

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "models": list(self.models),
            "proposals": self.proposals,
            "images": self.images,
            "per_image": self.per_image,
            "recall": _in_json(self.recall),
            "precision": _in_json(self.precision),
            "unjudged": self.unjudged,
            "lacking": self.lacking,
        }


@dataclass(frozen=True)
class HeldOut:
    """What a choice reaches on images that had no part in it: chosen on all folds but one, and measured on that one.

    Parameters
    ----------
    folds
        How many parts the golden images were cut into.
    recall, precision
        Of the held-out images of all folds together.
    recall_interval, precision_interval
        95 %, percentile bootstrap over golden images, of the choices as they were made; where the share is all or none,
        of which every replicate would be the same, Wilson's over those images; None where there is nothing to measure.
        It covers which images are golden, not that on others other models would have been chosen.
    proposals
        Mean number of proposals of what was chosen.
    short
        In how many folds no subset reached the recall that was asked for, so that the highest recall was chosen.
    same
        In how many folds the same models were chosen as on all images.

    Examples
    --------
    >>> held_out = HeldOut(10, Proportion(7, 10), (0.5, 0.9), Proportion(7, 7), (0.65, 1.0), 280.0, 0, 9)
    >>> held_out.by_wilson
    ('precision',)
    """

    folds: int
    recall: Proportion
    recall_interval: tuple[float, float] | None
    precision: Proportion
    precision_interval: tuple[float, float] | None
    proposals: float
    short: int
    same: int

    @property
    def by_wilson(self) -> tuple[str, ...]:
        """Of which of recall and precision the interval is Wilson's, since all or none are hits."""
        shares = {"recall": self.recall, "precision": self.precision}
        return tuple(name for name, share in shares.items() if share.n and share.hits in (0, share.n))

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        intervals = {
            "recall": self.recall_interval or (None, None),
            "precision": self.precision_interval or (None, None),
        }
        return {
            "folds": self.folds,
            "short": self.short,
            "same": self.same,
            "proposals": self.proposals,
            "recall": _in_json(self.recall),
            "precision": _in_json(self.precision),
            "low": {name: low for name, (low, _) in intervals.items()},
            "high": {name: high for name, (_, high) in intervals.items()},
        }


@dataclass(frozen=True, repr=False)
class ModelChoice(Shown):
    """The models that reach a recall with the fewest proposals.

    Parameters
    ----------
    wanted
        The recall that was asked for.
    chosen
        What was chosen, measured on the images on which it was chosen; None if no subset reaches the recall.
    held_out
        What such a choice reaches on other images; None if nothing was chosen, or if there are too few golden images
        for folds.
    all_models
        What all models together reach.
    frontier
        The subsets of which none with as few proposals has a higher recall, from the fewest proposals on; of a
        heuristic search, among those that it came by.
    subsets
        How many were looked at.
    exhaustive
        Whether these are all that there are; else the search was heuristic, and there may be better ones.
    never_proposed
        Number of valid golden pairs that no model proposes, and that are not the original label.
    set_aside
        Number of golden images that all models set aside: there the original label alone counts as proposed.
    left_out
        Number of golden images of which no model says anything: none holds them, or none names a class of the benchmark
        and there is no original label.

    Examples
    --------
    >>> one = ModelSubset(("vit",), Proportion(8, 10), Proportion(8, 16), 3, 300, 100, 0)
    >>> both = ModelSubset(("bit", "vit"), Proportion(9, 10), Proportion(9, 20), 3, 400, 100, 0)
    >>> ModelChoice(0.8, one, None, both, (one, both), 3, True, 1, 0, 0)
    chosen           vit
    recall           0.8000 (8 of 10)
    proposals        300 for 100 images
    search           exhaustive, 3 subsets
    """

    wanted: float
    chosen: ModelSubset | None
    held_out: HeldOut | None
    all_models: ModelSubset
    frontier: tuple[ModelSubset, ...]
    subsets: int
    exhaustive: bool
    never_proposed: int
    set_aside: int
    left_out: int

    @property
    def search(self) -> str:
        """How it was searched, in a word."""
        return "exhaustive" if self.exhaustive else "heuristic"

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "wanted": self.wanted,
            "search": self.search,
            "subsets": self.subsets,
            "chosen": None if self.chosen is None else self.chosen.to_json(),
            "held_out": None if self.held_out is None else self.held_out.to_json(),
            "all_models": self.all_models.to_json(),
            "never_proposed": self.never_proposed,
            "set_aside": self.set_aside,
            "left_out": self.left_out,
            "frontier": [subset.to_json() for subset in self.frontier],
        }

    def _summary(self) -> list[tuple[str, str]]:
        search = ("search", f"{self.search}, {counted(self.subsets, 'subset')}")
        if self.chosen is None:
            return [("chosen", "none"), ("recall", f"up to {_in_words(self.all_models.recall)}"), search]
        rows = [("chosen", ", ".join(self.chosen.models)), ("recall", _in_words(self.chosen.recall))]
        if self.held_out is not None:
            rows.append(("held out", _in_words(self.held_out.recall)))
        proposals = f"{self.chosen.proposals:,} for {counted(self.chosen.images, 'image')}"
        return [*rows, ("proposals", proposals), search]


def _in_json(share: Proportion) -> dict[str, Any]:
    return {"hits": share.hits, "n": share.n, "value": share.value}


def _in_words(share: Proportion) -> str:
    value = "none" if share.value is None else f"{share.value:.4f}"
    return f"{value} ({share.hits:,} of {share.n:,})"
