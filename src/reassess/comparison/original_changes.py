"""Images whose label set differs from their original label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core import Id, LabelSets, Questions, Scores, Votes, align_classes
from reassess.core.checks import check_type
from reassess.core.class_votes import count_chosen_classes
from reassess.core.image_names import match_images
from reassess.core.labels import check_one_label_each
from reassess.numeric.arrays import freeze
from reassess.text import ListTable, Printable

if TYPE_CHECKING:
    import polars as pl

# Only other classes are valid; no class is valid; the original label and other classes are valid.
ORIGINAL_CHANGE_KINDS = ("other", "none", "more")
_SEPARATOR = "; "
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class OriginalLabelChanges(Printable):
    """The images whose label set differs from their original label."""

    labels: LabelSets
    original: LabelSets  # in the classes of the labels
    n_images: int  # number of images with a label set and an original label
    label_rows: _Ints  # int64, shape (changed images,): positions in `labels`
    original_rows: _Ints  # int64, shape (changed images,): positions in `original`
    kinds: npt.NDArray[np.int8]  # int8, shape (changed images,): index into `ORIGINAL_CHANGE_KINDS`

    def __post_init__(self) -> None:
        freeze(self, "label_rows", "original_rows", "kinds")

    def __len__(self) -> int:
        return self.label_rows.size

    @property
    def counts(self) -> dict[str, int]:
        """Number of changed images for each of `ORIGINAL_CHANGE_KINDS`."""
        return dict(
            zip(
                ORIGINAL_CHANGE_KINDS,
                np.bincount(self.kinds, minlength=len(ORIGINAL_CHANGE_KINDS)).tolist(),
                strict=True,
            )
        )

    @property
    def _headline(self) -> str:
        other, none, more = self.counts.values()
        return (
            f"label sets that differ from the original label: {len(self):,} of {self.n_images:,} "
            f"({other:,} with other classes, {none:,} empty, {more:,} with it and others)"
        )

    def _notebook_table(self) -> ListTable:
        label = self.labels.classes.short_name
        return ListTable(
            ("image", "original", "new"),
            len(self),
            (
                (image, label(original), _SEPARATOR.join(map(label, self.labels[image] or ())))
                for image, original in zip(self._image_names, self._original_ids.tolist(), strict=True)
            ),
        )

    def table(self, *, scores: Scores | None = None, votes: Votes | None = None) -> "pl.DataFrame":
        """Return a table with a row for each image whose label set differs from its original label.

        Parameters
        ----------
        scores
            The probability that each class is valid.
        votes
            The raters' votes.

        Returns
        -------
        polars.DataFrame. Columns: image; original (the class, by id or name as in files); change (one of
        `ORIGINAL_CHANGE_KINDS`); new (the valid classes, the highest score first, separated by `"; "`); score and votes
        of the original label; new_scores and new_votes of the valid classes. Scores and votes are null if they are
        missing, or if raters were not asked. If classes have ids and names, original_name and new_names follow
        original and new.
        """
        import polars as pl

        classes = self.labels.classes
        class_ids, sizes = self.labels.classes_of_rows(self.label_rows)
        change_positions = np.repeat(np.arange(len(self)), sizes)
        new_scores = self._scores_of_classes(scores, change_positions, class_ids)
        order = np.lexsort((class_ids, -np.nan_to_num(new_scores, nan=-1.0), change_positions))
        class_ids, new_scores = class_ids[order], new_scores[order]
        originals, rows = self._original_ids, np.arange(len(self))

        def join_values_of_each_image(values: Sequence[object]) -> list[str]:
            ends = zip(np.cumsum(sizes).tolist(), sizes.tolist(), strict=True)
            return [_SEPARATOR.join(map(str, values[end - size : end])) for end, size in ends]

        def make_column_of_joined_texts(texts: Sequence[str]) -> "pl.Series":
            joined = join_values_of_each_image(texts)
            return pl.Series([text if text.strip(_SEPARATOR) else None for text in joined], dtype=pl.String)

        columns: dict[str, object] = {"image": self._image_names, "original": classes.to_column(originals)}
        if has_names := bool(classes.names) and classes.names_to_write != classes.names:
            columns["original_name"] = [classes.short_name(i) for i in originals.tolist()]
        columns["change"] = [ORIGINAL_CHANGE_KINDS[kind] for kind in self.kinds.tolist()]
        columns["new"] = join_values_of_each_image(classes.to_column(class_ids).to_list())
        if has_names:
            columns["new_names"] = join_values_of_each_image([classes.short_name(i) for i in class_ids.tolist()])
        columns["score"] = pl.Series(self._scores_of_classes(scores, rows, originals)).fill_nan(None)
        columns["votes"] = pl.Series(self._vote_texts(votes, rows, originals), dtype=pl.String)
        columns["new_scores"] = make_column_of_joined_texts(
            ["" if score != score else f"{score:.6g}" for score in new_scores]
        )
        columns["new_votes"] = make_column_of_joined_texts(
            [text or "" for text in self._vote_texts(votes, change_positions, class_ids)]
        )
        return pl.DataFrame(columns)

    @property
    def _image_names(self) -> list[str]:
        return [self.labels.images[row] for row in self.label_rows.tolist()]

    @property
    def _original_ids(self) -> npt.NDArray[np.int32]:
        return self.original.indices[self.original_rows]

    def _scores_of_classes(
        self, scores: Scores | None, change_positions: _Ints, class_ids: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float64]:
        """Look up the scores of classes of changed images; NaN if raters were not asked about a class."""
        if scores is None:
            return np.full(change_positions.size, np.nan)
        scores = scores.convert_to_classes(self.labels.classes)
        rows = match_images(self._image_names, scores.images, known_where="the scores")
        return scores.scores_of(rows[change_positions], class_ids)

    def _vote_texts(
        self, votes: Votes | None, change_positions: _Ints, class_ids: npt.NDArray[np.int32]
    ) -> list[str | None]:
        """Format the answers about classes of changed images, such as "4 no, 1 yes"."""
        if votes is None or not change_positions.size:
            return [None] * change_positions.size
        votes = votes.convert_to_classes(self.labels.classes)
        rows = match_images(self._image_names, votes.images, known_where="the votes")[change_positions]
        if votes.classes is not None:
            questions, chosen = count_chosen_classes(votes)
            rows = match_images(self._image_names, questions.images, known_where="the votes")[change_positions]
            items = questions.find_positions(rows, class_ids)
            totals = np.bincount(questions.image_ids, chosen).astype(int)
            counts = np.where(items >= 0, chosen[items], 0).tolist()
            return [f"{n} of {totals[row]}" if row >= 0 else None for n, row in zip(counts, rows.tolist(), strict=True)]
        assert isinstance(votes.items, Questions)
        items = votes.items.find_positions(rows, class_ids)
        asked = np.unique(items[items >= 0])
        counts_by_item = dict(zip(asked.tolist(), votes.select_items(asked).counts().tolist(), strict=True))
        return [self._format_counts(counts_by_item.get(item), votes.answers) for item in items.tolist()]

    @staticmethod
    def _format_counts(counts: list[int] | None, answers: Sequence[Id]) -> str | None:
        if counts is None:
            return None
        return ", ".join(f"{n} {answer}" for n, answer in zip(counts, answers, strict=True) if n)


def original_changes(labels: LabelSets, original: LabelSets) -> OriginalLabelChanges:
    """Find the images whose label set differs from their original label.

    Parameters
    ----------
    labels
        Label sets. Images without a label set, or without an original label, do not count.
    original
        Original labels.

    Raises
    ------
    DataError
        An image does not have exactly one original label, or a class is missing from the other class list.

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
    check_one_label_each(original)
    labels, original = align_classes({"the label sets": labels, "the original labels": original}).values()
    original_rows = match_images(
        labels.images, original.images, where="the label sets", known_where="the original labels"
    )
    has_original = original_rows >= 0
    original_ids = np.where(has_original, original.indices[original_rows] if len(original) else -1, -1)
    is_original = labels.indices == np.repeat(original_ids, labels.sizes)
    is_valid = np.bincount(labels.image_ids[is_original], minlength=len(labels)) > 0
    kinds = np.where(labels.sizes == 0, 1, np.where(is_valid, 2, 0))
    rows = np.flatnonzero(has_original & ~(is_valid & (labels.sizes == 1)))
    return OriginalLabelChanges(
        labels=labels,
        original=original,
        n_images=int(np.count_nonzero(has_original)),
        label_rows=rows,
        original_rows=original_rows[rows],
        kinds=kinds[rows].astype(np.int8),
    )
