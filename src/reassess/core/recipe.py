"""The rules by which scores of a calibrated kind follow from votes."""

from dataclasses import dataclass

__all__ = ["REAL_RECIPE", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """The rules by which scores follow from votes; every other number is measured on the golden answers.

    Parameters
    ----------
    experts_at_least
        So many experts who say yes make a golden pair valid; None for more than half of those who answered it.
    original_experts_at_least
        The same, where the original label is measured.
    original_below
        The original label votes on classes with a lower id; None if on all.
    smoothing
        Added to each cell of each confusion matrix's counts.
    pooling
        Number of votes, shared out as all raters' votes are, that are added to each row of each matrix's counts.

    Examples
    --------
    >>> REAL_RECIPE
    Recipe(experts_at_least=3, original_experts_at_least=2, original_below=398, smoothing=1.0, pooling=0.0)
    """

    experts_at_least: int | None
    original_experts_at_least: int | None
    original_below: int | None
    smoothing: float
    pooling: float


_ANIMALS = 398  # ImageNet's classes of animals come first: the original label votes on those alone
REAL_RECIPE = Recipe(
    experts_at_least=3, original_experts_at_least=2, original_below=_ANIMALS, smoothing=1.0, pooling=0.0
)
