"""Images whose label set differs from the original label: the wrong labels, and the new classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core import Id, LabelSets, Match, Questions, Scores, Votes, align_classes
from reassess.core.checks import check_type
from reassess.core.class_votes import counts_by_class
from reassess.core.image_names import join
from reassess.core.labels import check_original
from reassess.numeric.arrays import freeze
from reassess.text import Listed, Shown, counted

if TYPE_CHECKING:
    import polars as pl

CHANGES = ("other", "none", "more")  # other classes are valid; no class is; the original label and others are
_SEPARATOR = "; "
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class OriginalChanges(Shown):
    """The images whose label set differs from their original label."""

    labels: LabelSets
    original: LabelSets  # in the classes of the labels
    n_images: int  # number of images with a label set and an original label
    # label_rows, original_rows: int64, shape (changed images,): their positions in `labels` and in `original`
    label_rows: _Ints
    original_rows: _Ints
    kinds: npt.NDArray[np.int8]  # int8, shape (changed images,): index into `CHANGES`

    def __post_init__(self) -> None:
        freeze(self, "label_rows", "original_rows", "kinds")

    def __len__(self) -> int:
        return self.label_rows.size

    @property
    def counts(self) -> dict[str, int]:
        """Number of changed images by kind, in the order of `CHANGES`."""
        return dict(zip(CHANGES, np.bincount(self.kinds, minlength=len(CHANGES)).tolist(), strict=True))

    @property
    def _headline(self) -> str:
        other, none, more = self.counts.values()
        return (
            f"label sets that differ from the original label: {len(self):,} of {self.n_images:,} "
            f"({other:,} with other classes, {none:,} empty, {more:,} with it and others)"
        )

    def _list(self) -> Listed:
        label = self.labels.classes.label
        return Listed(
            ("image", "original", "new"),
            len(self),
            (
                (image, label(before), _SEPARATOR.join(map(label, self.labels[image] or ())))
                for image, before in zip(self._image_names, self._original_ids.tolist(), strict=True)
            ),
        )

    def table(self, *, scores: Scores | None = None, votes: Votes | None = None) -> "pl.DataFrame":
        """Make a table with a row for each changed image, in the order of the label sets.

        Parameters
        ----------
        scores
            The probability that each class is valid.
        votes
            The raters' votes.

        Returns
        -------
        polars.DataFrame. Columns: image; original (the class, by id or by name as in files); change (one of `CHANGES`);
        new (the valid classes, the highest score first, separated by ``; ``); score and votes, on the original label;
        new_scores and new_votes, on the classes in new. Without scores, or votes, or where raters were not asked, they
        are null. Where classes have ids and names, original_name and new_names follow original and new.
        """
        import polars as pl

        classes = self.labels.classes
        class_ids, sizes = self.labels.of_rows(self.label_rows)
        change_rows = np.repeat(np.arange(len(self)), sizes)
        new_scores = self._scores_of_classes(scores, change_rows, class_ids)
        order = np.lexsort((class_ids, -np.nan_to_num(new_scores, nan=-1.0), change_rows))
        class_ids, new_scores = class_ids[order], new_scores[order]
        each, here = self._original_ids, np.arange(len(self))

        def join_by_image(texts: Sequence[object]) -> list[str]:
            ends = np.cumsum(sizes).tolist()
            return [
                _SEPARATOR.join(map(str, texts[end - size : end]))
                for end, size in zip(ends, sizes.tolist(), strict=True)
            ]

        def join_or_null(texts: Sequence[str]) -> "pl.Series":
            return pl.Series(
                [cell if cell.strip(_SEPARATOR) else None for cell in join_by_image(texts)], dtype=pl.String
            )

        columns: dict[str, object] = {"image": self._image_names, "original": classes.column(each)}
        if has_names := bool(classes.names) and classes.in_files != classes.names:
            columns["original_name"] = [classes.label(i) for i in each.tolist()]
        columns["change"] = [CHANGES[kind] for kind in self.kinds.tolist()]
        columns["new"] = join_by_image(classes.column(class_ids).to_list())
        if has_names:
            columns["new_names"] = join_by_image([classes.label(i) for i in class_ids.tolist()])
        columns["score"] = pl.Series(self._scores_of_classes(scores, here, each)).fill_nan(None)
        columns["votes"] = pl.Series(self._vote_texts(votes, here, each), dtype=pl.String)
        columns["new_scores"] = join_or_null(["" if score != score else f"{score:.6g}" for score in new_scores])
        columns["new_votes"] = join_or_null([text or "" for text in self._vote_texts(votes, change_rows, class_ids)])
        return pl.DataFrame(columns)

    @property
    def _image_names(self) -> list[str]:
        return [self.labels.images[row] for row in self.label_rows.tolist()]

    @property
    def _original_ids(self) -> npt.NDArray[np.int32]:
        return self.original.indices[self.original_rows]

    def _scores_of_classes(
        self, scores: Scores | None, change_rows: _Ints, class_ids: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float64]:
        """Return the score of each class of a changed image; NaN if raters were not asked about it."""
        if scores is None:
            return np.full(change_rows.size, np.nan)
        scores = scores.in_classes(self.labels.classes)
        rows = join(self._image_names, scores.images, known_where="the scores")
        return scores.at(rows[change_rows], class_ids)

    def _vote_texts(
        self, votes: Votes | None, change_rows: _Ints, class_ids: npt.NDArray[np.int32]
    ) -> list[str | None]:
        """Count the answers about each class of a changed image in words, such as "4 no, 1 yes"."""
        if votes is None or not change_rows.size:
            return [None] * change_rows.size
        votes = votes.in_classes(self.labels.classes)
        rows = join(self._image_names, votes.images, known_where="the votes")[change_rows]
        if votes.classes is not None:
            questions, chosen = counts_by_class(votes)
            rows = join(self._image_names, questions.images, known_where="the votes")[change_rows]
            found = questions.find(rows, class_ids)
            of_image = np.bincount(questions.image_ids, chosen).astype(int)
            counts = np.where(found >= 0, chosen[found], 0).tolist()
            return [
                f"{n} of {of_image[row]}" if row >= 0 else None for n, row in zip(counts, rows.tolist(), strict=True)
            ]
        assert isinstance(votes.items, Questions)
        found = votes.items.find(rows, class_ids)
        there = np.unique(found[found >= 0])
        counts_of = dict(zip(there.tolist(), votes.restrict(there).counts().tolist(), strict=True))
        return [self._answer_counts_in_words(counts_of.get(row), votes.answers) for row in found.tolist()]

    @staticmethod
    def _answer_counts_in_words(counts: list[int] | None, answers: Sequence[Id]) -> str | None:
        if counts is None:
            return None
        return ", ".join(f"{n} {answer}" for n, answer in zip(counts, answers, strict=True) if n)


def original_changes(labels: LabelSets, original: LabelSets) -> OriginalChanges:
    """Find the images whose label set differs from their original label.

    Parameters
    ----------
    labels
        Label sets. Images without one, or without an original label, are not counted.
    original
        Original labels.

    Raises
    ------
    DataError
        An image does not have exactly one original label, or a class of one is not in the other's class list.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png", "d.png"], [[0, 1], [1], [], [2]])
    >>> original = LabelSets.from_lists(["a.png", "b.png", "c.png", "d.png"], [[0], [0], [0], [2]])
    >>> changes = original_changes(labels, original)
    >>> changes
    label sets that differ from the original label: 3 of 4 (1 with other classes, 1 empty, 1 with it and others)
    >>> changes.table().select("image", "original", "change", "new").rows()
    [('a.png', 0, 'more', '0; 1'), ('b.png', 0, 'other', '1'), ('c.png', 0, 'none', '')]
    """
    check_type(LabelSets, labels, original)
    check_original(original)
    labels, original = align_classes({"the label sets": labels, "the original labels": original}).values()
    original_rows = join(labels.images, original.images, where="the label sets", known_where="the original labels")
    known = original_rows >= 0
    before = np.where(known, original.indices[original_rows] if len(original) else -1, -1)
    is_original = labels.indices == np.repeat(before, labels.sizes)
    holds = np.bincount(labels.image_ids[is_original], minlength=len(labels)) > 0
    kinds = np.where(labels.sizes == 0, 1, np.where(holds, 2, 0))
    rows = np.flatnonzero(known & ~(holds & (labels.sizes == 1)))
    return OriginalChanges(
        labels=labels,
        original=original,
        n_images=int(np.count_nonzero(known)),
        label_rows=rows,
        original_rows=original_rows[rows],
        kinds=kinds[rows].astype(np.int8),
    )


def unrated_in_words(labels: LabelSets, original: LabelSets | None, scores: Scores | None, *, match: Match) -> str:
    """State how many images were rated, if all others keep their original label; else empty."""
    if original is None or scores is None:
        return ""
    unrated = np.flatnonzero(join(labels.images, scores.images, match=match) < 0)
    originals = join([labels.images[row] for row in unrated.tolist()], original.images, match=match)
    ids, sizes = labels.of_rows(unrated)
    if not unrated.size or (originals < 0).any() or (sizes != 1).any() or (ids != original.indices[originals]).any():
        return ""
    count = len(labels) - unrated.size
    others = "one keeps its" if unrated.size == 1 else f"{unrated.size:,} keep their"
    return (
        f"{count:,} of {counted(len(labels), 'image')} {'was' if count == 1 else 'were'} rated; "
        f"the other {others} original label, unchecked"
    )
