"""Candidates: (image, class) pairs to ask raters about, and their sources (original labels or models)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length, check_range, check_unicode, check_unique
from reassess.core.classes import ID_ONLY_CLASSES, Classes
from reassess.core.questions import Questions
from reassess.errors import DataError
from reassess.numeric.arrays import encode_pairs, freeze
from reassess.text import ListTable, Printable, count_noun

ORIGINAL_SOURCE = "original"  # the name of the original labels among the sources
NOT_ASKED, UNRATED = "not asked about", "unrated image"  # why raters have not judged a candidate


@dataclass(frozen=True, eq=False, repr=False)
class Candidates(Printable):
    """(image, class) pairs to ask raters about, each with its sources: the original label or models.

    Symbols: Q candidates, P rows, one for each candidate and source.

    Parameters
    ----------
    questions
        The candidates, each once: by image and class from `propose`, the most informative first from
        `unasked_candidates`.
    sources
        Names of the sources: `original` for original labels, then the models by name. Empty if sources are unknown.
    question_ids, source_ids
        int32, shape (P,): positions in `questions` and `sources`, by candidate and then by source.
    ranks
        int32, shape (P,): rank of the class among the model's candidates for the image, from 1; 0 for the original
        label, or if the rank is unknown.
    probabilities
        float64, shape (P,): the model's probability of the class, in [0, 1]; NaN if unknown.
    reasons
        Why raters have not judged each candidate: `NOT_ASKED` or `UNRATED`; None if unknown.

    Raises
    ------
    DataError
        A source is named twice, a source names a class of an image twice, a candidate has no source, a rank is
        negative, or a probability is out of range.

    Examples
    --------
    >>> images, class_ids, sources = np.array([0, 1, 0, 0]), np.array([7, 2, 3, 7]), np.array([0, 1, 1, 1])
    >>> candidates = Candidates.from_columns(["a.png", "b.png"], images, class_ids, ["original", "vit"], sources)
    >>> candidates
    Candidates(3 candidates for 2 images, from original, vit)
    >>> candidates.is_proposed_by_source.tolist()
    [[False, True], [True, True], [False, True]]
    """

    _THING = "candidates"
    _HOW_TO_GET = "propose(MODELS).candidates"

    questions: Questions
    sources: tuple[str, ...]
    question_ids: npt.NDArray[np.int32]
    source_ids: npt.NDArray[np.int32]
    ranks: npt.NDArray[np.int32]
    probabilities: npt.NDArray[np.float64]
    reasons: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_unicode(self.sources, value_name="the name of a source")
        check_unique(self.sources, value_name="a source")
        check_range(self.ranks, 0, value_name="rank", where=self.describe_row)
        known = ~np.isnan(self.probabilities)
        check_range(np.where(known, self.probabilities, 0), 0, 1, value_name="probability", where=self.describe_row)
        keys = encode_pairs(self.question_ids, self.source_ids)
        repeated_rows = np.flatnonzero(np.diff(keys) <= 0)
        if repeated_rows.size:
            raise DataError(
                "duplicate-question",
                "source names a class twice for one image",
                where=self.describe_row(int(repeated_rows[0])),
            )
        if self.sources and np.unique(self.question_ids).size != len(self.questions):
            raise DataError("missing-value", "candidate has no source", fix="remove the candidate")
        if self.reasons is not None:
            check_length(len(self.reasons), len(self), plural_name="reasons", item_name="candidate")
        freeze(self, "question_ids", "source_ids", "ranks", "probabilities")

    @classmethod
    def from_questions(cls, questions: Questions) -> "Candidates":
        """Create candidates whose sources are unknown."""
        none = np.empty(0, np.int32)
        return cls(questions, (), none, none, none, np.empty(0))

    @classmethod
    def from_columns(
        cls,
        images: Sequence[str],
        image_ids: npt.NDArray[np.integer],
        class_ids: npt.NDArray[np.integer],
        sources: Sequence[str],
        source_ids: npt.NDArray[np.integer],
        ranks: npt.NDArray[np.integer] | None = None,
        probabilities: npt.NDArray[np.floating] | None = None,
        classes: Classes | None = None,
    ) -> "Candidates":
        """Create candidates from rows in any order, one row per candidate and source.

        Images without rows are omitted; all other images keep their order. Ranks and probabilities are unknown if they
        are None.
        """
        classes = classes or ID_ONLY_CLASSES
        for plural_name, column in (("class ids", class_ids), ("sources", source_ids)):
            check_length(len(column), len(image_ids), plural_name=plural_name, item_name="row")
        check_range(
            class_ids,
            0,
            classes.largest_id,
            value_name="class id",
            where=lambda row: f"image {images[int(image_ids[row])]}",
        )
        ranks = np.zeros(len(image_ids), np.int32) if ranks is None else ranks
        probabilities = np.full(len(image_ids), np.nan) if probabilities is None else probabilities
        used = np.unique(source_ids).tolist()
        names = sort_sources([sources[source] for source in used])
        positions = np.zeros(len(sources), np.int32)
        positions[used] = [names.index(sources[source]) for source in used]
        order = np.lexsort((positions[source_ids], class_ids, image_ids))
        keys, question_ids = np.unique(encode_pairs(image_ids[order], class_ids[order]), return_inverse=True)
        image_rows, new_image_ids = np.unique(keys >> 32, return_inverse=True)
        questions = Questions(
            images=tuple(images[row] for row in image_rows.tolist()),
            image_ids=new_image_ids.astype(np.int32),
            class_ids=(keys & (2**32 - 1)).astype(np.int32),
            classes=classes,
        )
        return cls(
            questions=questions,
            sources=names,
            question_ids=question_ids.astype(np.int32),
            source_ids=positions[source_ids[order]],
            ranks=ranks[order].astype(np.int32),
            probabilities=probabilities[order].astype(np.float64),
        )

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def _headline(self) -> str:
        sources = f", from {', '.join(self.sources)}" if self.sources else ""
        images = count_noun(np.unique(self.questions.image_ids).size, "image")
        return f"Candidates({count_noun(len(self), 'candidate')} for {images}{sources})"

    def _notebook_table(self) -> ListTable:
        classes, reasons = self.questions.classes, self.reasons or [""] * len(self)
        rows = (
            (self.image_of(row), classes.short_name(class_id), ", ".join(self.sources_of(row)), reasons[row])
            for row, class_id in enumerate(self.questions.class_ids.tolist())
        )
        return ListTable(("image", "class", "named by", "reason"), len(self), rows)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models among the sources."""
        return tuple(source for source in self.sources if source != ORIGINAL_SOURCE)

    @property
    def is_proposed_by_source(self) -> npt.NDArray[np.bool_]:
        """Whether each source proposes each candidate; bool, shape (Q, sources)."""
        is_source = np.zeros((len(self), len(self.sources)), bool)
        is_source[self.question_ids, self.source_ids] = True
        return is_source

    @property
    def n_models_ranking_first(self) -> npt.NDArray[np.int64]:
        """For each candidate, the number of models that rank the candidate first; int64, shape (Q,)."""
        return np.bincount(self.question_ids[self.ranks == 1], minlength=len(self))

    @property
    def mean_probabilities(self) -> npt.NDArray[np.float64]:
        """Mean of the known probabilities of each candidate; float64, shape (Q,); NaN if all are unknown."""
        known = np.flatnonzero(~np.isnan(self.probabilities))
        # Sorted by value, so that rounding does not depend on the order of the models.
        known = known[np.lexsort((self.probabilities[known], self.question_ids[known]))]
        counts = np.bincount(self.question_ids[known], minlength=len(self))
        sums = np.bincount(self.question_ids[known], self.probabilities[known], len(self))
        means: npt.NDArray[np.float64] = np.divide(sums, counts, out=np.full(len(self), np.nan), where=counts > 0)
        return means

    def image_of(self, row: int) -> str:
        """Return the name of a candidate's image."""
        return self.questions.images[int(self.questions.image_ids[row])]

    def sources_of(self, row: int) -> list[str]:
        """Return the names of the sources that propose a candidate."""
        start, end = np.searchsorted(self.question_ids, [row, row + 1])
        return [self.sources[source] for source in self.source_ids[start:end].tolist()]

    def describe_row(self, row: int) -> str:
        """Describe the image, class and source of a row, for messages."""
        question = self.questions.describe_question(int(self.question_ids[row]))
        return f"{question}, source {self.sources[int(self.source_ids[row])]}"

    def select_rows(self, rows: npt.NDArray[np.integer]) -> "Candidates":
        """Select (candidate, source) rows; drop images, candidates and sources that have no row left."""
        questions, at = self.questions, self.question_ids[rows]
        return Candidates.from_columns(
            questions.images,
            questions.image_ids[at],
            questions.class_ids[at],
            self.sources,
            self.source_ids[rows],
            self.ranks[rows],
            self.probabilities[rows],
            questions.classes,
        )


def sort_sources(names: Collection[str]) -> tuple[str, ...]:
    """Sort the names of sources: the original labels first, then the models by name."""
    return tuple(sorted(names, key=lambda name: (name != ORIGINAL_SOURCE, name)))
