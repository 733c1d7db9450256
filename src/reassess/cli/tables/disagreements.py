"""The images that only one of two models gets right, as a table."""

from collections.abc import Iterable
from pathlib import Path

from reassess.comparison.pairs import only_right
from reassess.comparison.panel import Panel
from reassess.formats.tables import write_table

__all__ = ["write_disagreements"]


def write_disagreements(path: Path, panel: Panel, pairs: Iterable[tuple[str, str]], *, force: bool = False) -> None:
    """Write a row for each pair of models and image that one gets right by its label set and the other does not.

    Columns: image, right and wrong (names of the models), right_class and wrong_class (the classes that they put
    first).
    """
    import polars as pl

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
                        "right_class": first_class[right],
                        "wrong_class": first_class[wrong],
                    },
                    schema_overrides={"image": pl.String},
                )
            )
    write_table(path, pl.concat(tables), force=force)
