"""The names of items in a temporary file, for votes that do not fit in memory."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Id, Items, Questions
from reassess.core.classes import ID_ONLY_CLASSES
from reassess.core.image_names import VALIDATION_PATTERN, check_image_names, image_keys
from reassess.core.items import StoredItems, different_items_error, parse_ids
from reassess.errors import DataError
from reassess.formats.votes.temporary_tables import TemporaryTable
from reassess.numeric.arrays import create_mapped_array, split_rows

if TYPE_CHECKING:
    import polars as pl

ITEM, IMAGE, CLASS = "item", "image", "class"
ROWS_PER_BLOCK = 1 << 18
_HASHES_TO_COMPARE = 1000  # hashes of several questions, whose names are compared in memory
_KEY, _ROW, _SOUGHT = "key", "row", "sought"


class TextIds:
    """Integer ids of texts, in order of first appearance. Texts have the same id if `normalize` makes them equal."""

    def __init__(self, normalize: Callable[[str], str] = str) -> None:
        self.ids: dict[str, int] = {}
        self._normalize = normalize

    def find_or_add(self, texts: "pl.Series") -> npt.NDArray[np.int64]:
        """Return the integer id of each text; new texts get the next ids."""
        import polars as pl

        unique = texts.unique(maintain_order=True)
        ids = [self.ids.setdefault(self._normalize(text), len(self.ids)) for text in unique.to_list()]
        return texts.replace_strict(unique, pl.Series(ids, dtype=pl.Int64), return_dtype=pl.Int64).to_numpy()


class StoredNames(StoredItems):
    """The names of (image, class) questions, or of other items, in a file, in the order of the items.

    The columns of `names` are image and class (a position in `class_ids`), or only item.
    """

    def __init__(
        self, folder: Path, names: TemporaryTable, class_ids: npt.NDArray[np.int64], classes: Classes | None
    ) -> None:
        self.are_questions = classes is not None
        self.classes = classes or ID_ONLY_CLASSES
        self._folder, self._names, self._class_ids = folder, names, class_ids

    def __len__(self) -> int:
        return len(self._names)

    def iterate_blocks_as_columns(self) -> Iterator[tuple[slice, "dict[str, pl.Series]"]]:
        """Yield blocks of items, each with the columns of an output file: image and class, or item."""
        for start, frame in self._names.iterate_blocks():
            columns = {name: frame[name] for name in (IMAGE if self.are_questions else ITEM,)}
            if self.are_questions:
                columns[CLASS] = self.classes.to_column(self._class_ids[frame[CLASS].to_numpy()].astype(np.int32))
            yield slice(start, start + len(frame)), columns

    def check_image_names(self, where: str) -> None:
        """Raise `DataError` if two different names mean the same image, see `image_keys`."""
        import polars as pl

        key = image_key_column().alias(_KEY)
        hashes = create_mapped_array(self._folder, (2, len(self)), np.uint64)
        n_images = 0
        for _, frame in self._names.iterate_blocks():
            images = frame.select(IMAGE, key).unique(IMAGE)
            for row, name in zip(hashes, (IMAGE, _KEY), strict=True):
                row[n_images : n_images + len(images)] = images[name].hash().to_numpy()
            n_images += len(images)
        n_names, n_keys = (_count_distinct(row[:n_images]) for row in hashes)
        if n_names == n_keys:
            return
        images = pl.concat([frame.select(IMAGE, key).unique() for _, frame in self._names.iterate_blocks()]).unique()
        repeated = images.filter(pl.col(_KEY).is_duplicated()).sort(_KEY, IMAGE)
        check_image_names(repeated[IMAGE].head(2).to_list(), where)

    def refuse_repeated_questions(self, where: str) -> None:
        """Raise `DataError` if two rows have the same image and class, see also `check_image_names`."""
        import polars as pl

        hashes = create_mapped_array(self._folder, len(self), np.uint64)
        for start, frame in self._names.iterate_blocks():
            hashes[start : start + len(frame)] = frame.hash_rows().to_numpy()
        hashes.sort()
        for rows in split_rows(len(self)):
            later = hashes[rows.start + 1 : rows.stop + 1]
            repeated = np.unique(later[later == hashes[rows][: len(later)]])
            for group in split_rows(len(repeated), _HASHES_TO_COMPARE):
                self._refuse_repeated_questions_with_hashes(pl.Series(repeated[group]), where)

    def _refuse_repeated_questions_with_hashes(self, hashes: "pl.Series", where: str) -> None:
        """Compare the names of questions with these hashes, since different questions can have the same hash."""
        import polars as pl

        tables = []
        for start, frame in self._names.iterate_blocks():
            rows = frame.with_row_index(_ROW, start).filter(frame.hash_rows().is_in(hashes.implode()))
            tables.append(rows.group_by(IMAGE, CLASS, maintain_order=True).head(2))
        rows = pl.concat(tables).filter(pl.struct(IMAGE, CLASS).is_duplicated())
        if not rows.is_empty():
            image, class_row = rows.row(0, named=True)[IMAGE], rows[CLASS][0]
            first, second = rows.filter((pl.col(IMAGE) == image) & (pl.col(CLASS) == class_row))[_ROW].head(2)
            raise DataError(
                "duplicate-question",
                "question is asked twice",
                where=f"{where}, image {image}, class {self.classes.short_name(int(self._class_ids[class_row]))}",
                found=f"rows {first} and {second}",
            )

    def find_positions(self, items: Items) -> npt.NDArray[np.int64]:
        """Find the position of each of `items` in this object, -1 for an item that is not there."""
        import polars as pl

        if isinstance(items, StoredItems) or isinstance(items, Questions) != self.are_questions:
            raise different_items_error()
        if isinstance(items, Questions):
            classes = self.classes.merge(items.classes)
            own_ids, sought = self.classes.convert_ids(self._class_ids, classes)[0], items.convert_to_classes(classes)
            images = pl.Series(image_keys(sought.images), dtype=pl.String).gather(sought.image_ids)
            table = pl.DataFrame({IMAGE: images, CLASS: sought.class_ids.astype(np.int64)})
        else:
            own_ids = self._class_ids
            table = pl.DataFrame({ITEM: pl.Series([str(name) for name in items], dtype=pl.String)})
        rows = np.full(len(items), -1)
        table = table.with_row_index(_SOUGHT)
        for start, frame in self._names.iterate_blocks():
            keys = frame.with_row_index(_ROW, start)
            if self.are_questions:
                class_ids = pl.Series(own_ids[frame[CLASS].to_numpy()], dtype=pl.Int64)
                keys = keys.with_columns(image_key_column(), class_ids.alias(CLASS))
            hits = keys.join(table, on=[name for name in table.columns if name != _SOUGHT], how="inner")
            rows[hits[_SOUGHT].to_numpy()] = hits[_ROW].to_numpy()
        return rows

    def contains_images(self, images: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Return whether each image has a question."""
        import polars as pl

        keys = pl.Series(image_keys(tuple(images)), dtype=pl.String)
        is_found = np.zeros(len(keys), np.bool_)
        for _, frame in self._names.iterate_blocks():
            is_found |= keys.is_in(frame.select(image_key_column()).to_series().unique().implode()).to_numpy()
        return is_found

    def take_items(self, rows: npt.NDArray[np.integer]) -> Questions | tuple[Id, ...]:
        """Read the items at `rows` into memory, in the order of `rows`."""
        import polars as pl

        if not len(rows):
            return Questions.from_columns([], [], self.classes) if self.are_questions else ()
        order = np.argsort(rows, kind="stable")
        ordered = np.asarray(rows, np.int64)[order]
        parts = []
        for start, frame in self._names.iterate_blocks_with_rows(ordered):
            first, last = np.searchsorted(ordered, (start, start + len(frame)))
            parts.append(frame[ordered[first:last] - start])
        place = np.empty_like(order)
        place[order] = np.arange(order.size)
        table = pl.concat(parts)[place]
        if not self.are_questions:
            return parse_ids(table[ITEM].to_list())
        return Questions.from_columns(table[IMAGE].to_list(), self._class_ids[table[CLASS].to_numpy()], self.classes)

    def keep_items(self, is_kept: npt.NDArray[np.bool_]) -> "StoredNames":
        """Select items, without reading all of them into memory."""
        import polars as pl

        names = TemporaryTable(self._folder, ROWS_PER_BLOCK)
        for start, frame in self._names.iterate_blocks():
            names.append(frame.filter(pl.Series(is_kept[start : start + len(frame)])))
        return StoredNames(self._folder, names, self._class_ids, self.classes if self.are_questions else None)


def _count_distinct(values: npt.NDArray[np.uint64]) -> int:
    """Sort the values in place, and count different values."""
    values.sort()
    later_rows = (slice(max(rows.start, 1), rows.stop) for rows in split_rows(len(values)))
    differences = (values[rows] != values[rows.start - 1 : rows.stop - 1] for rows in later_rows)
    return sum(map(np.count_nonzero, differences), start=min(1, len(values)))


def image_key_column() -> "pl.Expr":
    """Return the key of each image, with the same result as `image_keys`."""
    import polars as pl

    path = pl.col(IMAGE).str.replace_all("\\", "/", literal=True).str.normalize("NFC")
    return pl.coalesce(pl.col(IMAGE).str.extract(f"({VALIDATION_PATTERN})(?:[^0-9]|$)"), path).alias(IMAGE)
