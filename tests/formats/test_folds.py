"""Tables of folds: round trips, columns, and errors."""

from pathlib import Path

import numpy as np
import pytest

from reassess.core import Folds
from reassess.formats import read_folds, write_folds
from reassess.formats.tables import TABLE_SUFFIXES
from tests.helpers import Refused

FOLDS = Folds(("001.png", "ü, 1.png", 'a/"q".png', "b.png"), np.array([1, 0, 12, 0]))


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_written_file_is_read_back(tmp_path: Path, suffix: str) -> None:
    write_folds(tmp_path / f"f{suffix}", FOLDS)
    read = read_folds(tmp_path / f"f{suffix}")
    assert (read.images, read.fold_numbers.tolist()) == (FOLDS.images, FOLDS.fold_numbers.tolist())
    assert read.fold_numbers.dtype == np.int64


def test_columns_are_as_documented_and_others_are_ignored(tmp_path: Path) -> None:
    write_folds(tmp_path / "f.csv", Folds(("a.png", "b.png"), np.array([1, 0])))
    assert (tmp_path / "f.csv").read_text() == "image,fold\na.png,1\nb.png,0\n"
    (tmp_path / "g.csv").write_text("class,fold,image\ncat,3,b.png\ndog,0,a.png\n")
    assert read_folds(tmp_path / "g.csv").images_of(3) == ("b.png",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,fold\na.png,0\nb.png,\n", "missing-value at f.csv, line 3, column fold"),
        ('image,fold\na.png,0\n"",1\n', "missing-value at f.csv, line 3, column image"),
        ("image,fold\na.png,0\nb.png,1.5\n", "not-a-number at f.csv, line 3, column fold"),
        ("image,fold\na.png,0\nb.png,1\na.png,1\n", "duplicate-image at f.csv, the folds"),
    ],
)
def test_invalid_folds_raise(refused: Refused, tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "f.csv").write_text(text)
    assert refused(read_folds, tmp_path / "f.csv") == expected
