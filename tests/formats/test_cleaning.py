"""Clean lists, details of cleaning, and matrices of label errors."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reassess.core import Classes, Cleaning, LabelNoise
from reassess.errors import OutputError
from reassess.formats import read_clean_list, write_clean_list, write_cleaning_details, write_noise
from reassess.formats.files import read_lines
from tests.helpers import Refused

NAMED = Classes.from_texts(["cat", "dog"])


def cleaning(classes: Classes = NAMED, images: tuple[str, ...] = ("cat/ä b.png", "x,y.png", "z.png")) -> Cleaning:
    return Cleaning(
        images=images,
        class_ids=np.array([0, 1, 1], np.int32),
        is_kept=np.array([True, False, True]),
        label_quality=np.array([0.75, 0.25, np.nan]),
        suggested_class_ids=np.array([0, 0, -1], np.int32),
        reasons=("the label is likely", "another class is likelier", "why, so"),
        classes=classes,
    )


def test_clean_list_has_one_image_per_line(tmp_path: Path) -> None:
    path = tmp_path / "clean.txt"
    write_clean_list(path, cleaning())
    assert path.read_bytes() == "cat/ä b.png\nz.png\n".encode()
    assert read_lines(path) == list(cleaning().kept_images)
    assert read_clean_list(path).images == cleaning().kept_images
    with pytest.raises(OutputError):
        write_clean_list(path, cleaning())
    write_clean_list(path, cleaning(), force=True)


def test_clean_list_is_read_as_selection(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfcat/2.png\r\n\r\ncat/1.png\r\n")
    selection = read_clean_list(str(path))
    assert (selection.images, selection.other_images) == (("cat/2.png", "cat/1.png"), None)
    assert selection.selected_rows(["cat/1.png", "dog/1.png", "cat/2.png"]).tolist() == [0, 2]


def test_name_with_line_break_raises(refused_text: Refused, tmp_path: Path) -> None:
    path = tmp_path / "clean.txt"
    assert refused_text(write_clean_list, path, cleaning(images=("a.png", "b.png", "c\nd.png"))) == (
        "image name contains a line break\n  where:   DIR/clean.txt, row 1\n  found:   'c\\nd.png'\n"
        "  fix:     rename the image: a list has one name per line"
    )
    assert not path.exists()


def test_details_have_a_row_per_image_and_null_if_unknown(tmp_path: Path) -> None:
    path = tmp_path / "details.csv"
    write_cleaning_details(path, cleaning())
    assert path.read_text(encoding="utf-8") == (
        "image,class,label_quality,suggested,reason,kept\ncat/ä b.png,cat,0.75,cat,the label is likely,1\n"
        '"x,y.png",dog,0.25,cat,another class is likelier,0\nz.png,dog,,,"why, so",1\n'
    )


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_classes_without_names_are_written_as_ids(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"details{suffix}"
    write_cleaning_details(path, cleaning(Classes(2)))
    table = pl.read_parquet(path) if suffix == ".parquet" else pl.read_ndjson(path)
    assert table.rows() == [
        ("cat/ä b.png", 0, 0.75, 0, "the label is likely", 1),
        ("x,y.png", 1, 0.25, 0, "another class is likelier", 0),
        ("z.png", 1, None, None, "why, so", 1),
    ]


def test_noise_has_a_row_per_true_class_and_label(tmp_path: Path) -> None:
    path = tmp_path / "noise.csv"
    write_noise(path, LabelNoise(0.2, np.array([[6.0, 2.0], [0.0, 2.0]]), 1.0, NAMED))
    assert path.read_text() == (
        "true_class,label,images,share\ncat,cat,6.0,0.75\ncat,dog,2.0,0.25\ndog,cat,0.0,0.0\ndog,dog,2.0,1.0\n"
    )


@pytest.mark.parametrize(("write", "name"), [(write_clean_list, "clean.csv"), (write_cleaning_details, "details.txt")])
def test_wrong_suffix_raises(refused: Refused, write: object, name: str, tmp_path: Path) -> None:
    assert refused(write, tmp_path / name, cleaning()) == f"wrong-suffix at {name}"
