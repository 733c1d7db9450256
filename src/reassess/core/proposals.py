"""Proposals: the (image, class) pairs about which raters will be asked, and who proposed each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length, check_range, check_text, check_unique
from reassess.core.classes import Classes
from reassess.core.questions import Questions
from reassess.errors import DataError
from reassess.numeric.arrays import freeze, pair_keys
from reassess.text import counted

__all__ = ["ORIGINAL_SOURCE", "Proposals"]

ORIGINAL_SOURCE = "original"  # what the original labels are called among the sources


@dataclass(frozen=True, eq=False)
class Proposals:
    """Pairs of an image and a class, each with those who proposed it: the original label, or a model.

    Symbols: Q pairs, P rows, one for each pair and source that proposed it.

    Parameters
    ----------
    questions
        The pairs, each once: by image, and the classes of an image by id.
    sources
        Who proposes: `original` if original labels do, then the models by name.
    question_ids, source_ids
        int32, shape (P,): positions in `questions` and `sources`, by pair and then by source.
    ranks
        int32, shape (P,): place of the class among those of the image in the order of the model, from 1; 0 where there
        is none, as for the original label.
    probabilities
        float64, shape (P,): what the model says of the class, in [0, 1]; NaN where it is not known.

    Raises
    ------
    DataError
        A source is named twice, a source proposes a pair twice, nobody proposes a pair, a rank is negative, or a
        probability is out of range.

    Examples
    --------
    >>> images, class_ids, sources = np.array([0, 1, 0, 0]), np.array([7, 2, 3, 7]), np.array([0, 1, 1, 1])
    >>> proposals = Proposals.from_rows(["a.png", "b.png"], images, class_ids, ["original", "vit"], sources)
    >>> proposals
    Proposals(3 proposals for 2 images, from original, vit)
    >>> proposals.by_source.tolist()
    [[False, True], [True, True], [False, True]]
    """

    questions: Questions
    sources: tuple[str, ...]
    question_ids: npt.NDArray[np.int32]
    source_ids: npt.NDArray[np.int32]
    ranks: npt.NDArray[np.int32]
    probabilities: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        check_text(self.sources, what="the name of a source")
        check_unique(self.sources, thing="a source")
        check_range(self.ranks, 0, what="rank", where=self.at)
        known = ~np.isnan(self.probabilities)
        check_range(np.where(known, self.probabilities, 0), 0, 1, what="probability", where=self.at)
        keys = pair_keys(self.question_ids, self.source_ids)
        same = np.flatnonzero(np.diff(keys) <= 0)
        if same.size:
            raise DataError(
                "duplicate-question", "source proposes a class twice for one image", where=self.at(int(same[0]))
            )
        if np.unique(self.question_ids).size != len(self.questions):
            raise DataError("no-source", "candidate has no source", fix="leave it out")
        freeze(self, "question_ids", "source_ids", "ranks", "probabilities")

    @classmethod
    def from_rows(
        cls,
        images: Sequence[str],
        image_ids: npt.NDArray[np.integer],
        class_ids: npt.NDArray[np.integer],
        sources: Sequence[str],
        source_ids: npt.NDArray[np.integer],
        ranks: npt.NDArray[np.integer] | None = None,
        probabilities: npt.NDArray[np.floating] | None = None,
        classes: Classes | None = None,
    ) -> "Proposals":
        """Proposals from rows in any order, one for each pair and source.

        Parameters
        ----------
        images, sources
            Names, the images in the order in which the pairs will stand; those without a row are left out.
        image_ids, class_ids, source_ids, ranks, probabilities
            Of each row, shape (P,); without ranks or probabilities, none is known.
        classes
            The classes that the ids are those of.
        """
        classes = classes or Classes()
        for things, part in (("class ids", class_ids), ("sources", source_ids)):
            check_length(len(part), len(image_ids), things=things, each="row")
        check_range(
            class_ids, 0, classes.largest_id, what="class id", where=lambda row: f"image {images[int(image_ids[row])]}"
        )
        ranks = np.zeros(len(image_ids), np.int32) if ranks is None else ranks
        probabilities = np.full(len(image_ids), np.nan) if probabilities is None else probabilities
        named = np.unique(source_ids).tolist()
        names = ordered_sources([sources[source] for source in named])
        place = np.zeros(len(sources), np.int32)
        place[named] = [names.index(sources[source]) for source in named]
        order = np.lexsort((place[source_ids], class_ids, image_ids))
        keys, question_ids = np.unique(pair_keys(image_ids[order], class_ids[order]), return_inverse=True)
        held, of_pairs = np.unique(keys >> 32, return_inverse=True)
        questions = Questions(
            images=tuple(images[row] for row in held.tolist()),
            image_ids=of_pairs.astype(np.int32),
            class_ids=(keys & (2**32 - 1)).astype(np.int32),
            classes=classes,
        )
        return cls(
            questions=questions,
            sources=names,
            question_ids=question_ids.astype(np.int32),
            source_ids=place[source_ids[order]],
            ranks=ranks[order].astype(np.int32),
            probabilities=probabilities[order].astype(np.float64),
        )

    def __len__(self) -> int:
        return len(self.questions)

    def __repr__(self) -> str:
        sources = f", from {', '.join(self.sources)}" if self.sources else ""
        images = counted(len(self.questions.images), "image")
        return f"Proposals({counted(len(self), 'proposal')} for {images}{sources})"

    @property
    def models(self) -> tuple[str, ...]:
        """The sources but for the original labels."""
        return tuple(source for source in self.sources if source != ORIGINAL_SOURCE)

    @property
    def by_source(self) -> npt.NDArray[np.bool_]:
        """Whether each source proposes each pair; bool, shape (Q, sources)."""
        proposes = np.zeros((len(self), len(self.sources)), bool)
        proposes[self.question_ids, self.source_ids] = True
        return proposes

    def at(self, row: int) -> str:
        """A row in words, for messages."""
        return f"{self.questions.at(int(self.question_ids[row]))}, source {self.sources[int(self.source_ids[row])]}"

    def part(self, rows: npt.NDArray[np.integer]) -> "Proposals":
        """The proposals of some rows alone; images and sources without any are left out."""
        questions, at = self.questions, self.question_ids[rows]
        return Proposals.from_rows(
            questions.images,
            questions.image_ids[at],
            questions.class_ids[at],
            self.sources,
            self.source_ids[rows],
            self.ranks[rows],
            self.probabilities[rows],
            questions.classes,
        )


def ordered_sources(names: Collection[str]) -> tuple[str, ...]:
    """Sources in the order of a file: the original labels, then the models by name.

    >>> ordered_sources({"vit", "original", "alexnet"})
    ('original', 'alexnet', 'vit')
    """
    return tuple(sorted(names, key=lambda name: (name != ORIGINAL_SOURCE, name)))
