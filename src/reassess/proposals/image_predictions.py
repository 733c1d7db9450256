"""What became of a model's run on images."""

from dataclasses import dataclass
from pathlib import Path

from reassess.text import Listed, Shown, counted

__all__ = ["ImagePredictions"]


@dataclass(frozen=True, repr=False)
class ImagePredictions(Shown):
    """What became of a model's run.

    Parameters
    ----------
    model
        What it is called.
    file
        The file of its predictions.
    images
        How many images it holds.
    unreadable
        The images that could not be read, each with the reason.
    outputs
        How many outputs the model has.
    without_class, without_output
        Outputs that are no class of the benchmark, and classes that are no output.
    unknown_outputs
        What such outputs are called, but for dashes, which say that an output is no class.
    moved
        Images of which another class is the best once scores are rounded to float16.
    """

    model: str
    file: Path
    images: int
    unreadable: tuple[tuple[str, str], ...]
    outputs: int
    without_class: int
    without_output: int
    unknown_outputs: tuple[str, ...]
    moved: int

    @property
    def _headline(self) -> str:
        unreadable = f", {len(self.unreadable):,} cannot be read" if self.unreadable else ""
        return f"ImagePredictions({counted(self.images, 'image')} by {self.model} in {self.file.name}{unreadable})"

    def _list(self) -> Listed | None:
        return Listed(("image", "cannot be read"), len(self.unreadable), self.unreadable) if self.unreadable else None
