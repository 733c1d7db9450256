"""The images that only one of two models gets right, as a table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reassess.comparison.pairs import only_right
from reassess.comparison.panel import Panel
from reassess.core.classes import Classes

if TYPE_CHECKING:
    import polars as pl

__all__ = ["disagreements_table"]


def disagreements_table(
    panel: Panel, pairs: Iterable[tuple[str, str]], classes: Classes | None = None
) -> "pl.DataFrame":
    """A table with a row for each pair of models and image that one gets right by its label set and the other does not.

    Parameters
    ----------
    panel
        The models.
    pairs
        Names of two models each.
    classes
        The classes of the labels; without, classes are given by id.

    Returns
    -------
    polars.DataFrame. Columns: image, right and wrong (names of the models), right_class and wrong_class (the classes
    that they put first, by id or as files name them; null for what is no class).

    Examples
    --------
    >>> from reassess import LabelSets, Predictions
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[0, 2], [1]])
    >>> models = {"one": Predictions.from_ids([2, 1]), "two": Predictions.from_ids([1, 1])}
    >>> disagreements_table(Panel.from_predictions(models, labels), [("one", "two")]).rows()
    [('a.png', 'one', 'two', 2, 1)]
    """
    import polars as pl

    classes = classes or Classes()
    tables = []
    for pair in pairs:
        for right, wrong in (pair, pair[::-1]):
            images = only_right(panel, right, wrong)
            first_class = {name: panel.top1[panel.models.index(name), images] for name in pair}
            tables.append(
                pl.DataFrame(
                    {
                        "image": [panel.images[image] for image in images.tolist()],
                        "right": pl.repeat(right, images.size, eager=True),
                        "wrong": pl.repeat(wrong, images.size, eager=True),
                        "right_class": classes.column(first_class[right]),
                        "wrong_class": classes.column(first_class[wrong]),
                    },
                    schema_overrides={"image": pl.String},
                )
            )
    return pl.concat(tables)
