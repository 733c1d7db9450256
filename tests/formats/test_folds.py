"""Folds as tables: what is written is read again, and what are no folds is refused in whole sentences."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reassess.core.folds import Folds
from reassess.formats import read_folds, write_folds
from reassess.formats.tables import TABLE_SUFFIXES
from tests.helpers import message

FOLDS = Folds(("001.png", "ü, 1.png", 'a/"q".png', "b.png"), np.array([1, 0, 12, 0]))


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    write_folds(tmp_path / f"f{suffix}", FOLDS)
    read = read_folds(tmp_path / f"f{suffix}")
    assert (read.images, read.numbers.tolist()) == (FOLDS.images, FOLDS.numbers.tolist())
    assert read.numbers.dtype == np.int64


def test_the_columns_are_as_documented_and_others_are_not_read(tmp_path: Path) -> None:
    write_folds(tmp_path / "f.csv", Folds(("a.png", "b.png"), np.array([1, 0])))
    assert (tmp_path / "f.csv").read_text() == "image,fold\na.png,1\nb.png,0\n"
    (tmp_path / "g.csv").write_text("class,fold,image\ncat,3,b.png\ndog,0,a.png\n")
    assert read_folds(tmp_path / "g.csv").images_of(3) == ("b.png",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "image,part\na.png,0\n",
            "the table has no column for the number of the fold\n  where:   DIR/f.csv\n  allowed: fold\n"
            "  found:   image, part\n  fix:     rename the column, or add it",
        ),
        (
            "image,fold\na.png,0\nb.png,\n",
            "value is missing\n  where:   DIR/f.csv, line 3, column fold\n  fix:     fill it in, or leave the row out",
        ),
        (
            'image,fold\na.png,0\n"",1\n',
            "value is missing\n  where:   DIR/f.csv, line 3, column image\n  fix:     fill it in, or leave the row out",
        ),
        (
            "image,fold\na.png,0\nb.png,1.5\n",
            "not a whole number\n  where:   DIR/f.csv, line 3, column fold\n  found:   1.5",
        ),
        (
            "image,fold\na.png,0\nb.png,-1\n",
            "number of a fold out of range\n  where:   DIR/f.csv, line 3, column fold\n  allowed: 0 or more\n"
            "  found:   -1",
        ),
        (
            "image,fold\na.png,0\nb.png,1\na.png,1\n",
            "an image is named twice\n  where:   DIR/f.csv, the folds\n  found:   a.png\n"
            "  fix:     keep one row for each image",
        ),
        (
            "image,fold\na.png,0\nb.png,0\n",
            "all images are in one fold\n  where:   DIR/f.csv\n"
            "  allowed: two folds or more, so that a model can be trained on the others\n  found:   fold 0",
        ),
    ],
)
def test_what_are_no_folds_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "f.csv").write_text(text)
    assert message(read_folds, tmp_path / "f.csv").replace(str(tmp_path), "DIR") == expected


def test_a_fold_that_is_a_list_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"image": ["a.png"], "fold": [[0]]}).write_parquet(tmp_path / "f.parquet")
    assert message(read_folds, tmp_path / "f.parquet").startswith("not a whole number\n")
