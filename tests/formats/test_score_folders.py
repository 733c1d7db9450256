"""Folders of scores: files that are missing, damaged, or do not fit the other files."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from reassess.errors import DataError
from reassess.formats import read_score_folder
from reassess.formats.score_folders import count_labels

FIRST, SECOND = (f"scores-0000{number}-of-00002.parquet" for number in range(2))
COPY_AGAIN = "  fix:     copy the whole folder again, or compute the scores again"


def make_table(images: str = "abc") -> pl.DataFrame:
    return pl.DataFrame({"image": list(images), "class": "cat", "score": [0.2, 0.5, 1.0]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of scores."""
    for name, images in ((FIRST, "abc"), (SECOND, "xyz")):
        make_table(images).write_parquet(tmp_path / name, metadata={"method": "em"})
    return tmp_path


def replace_second(folder: Path, table: pl.DataFrame, method: str = "em") -> None:
    table.write_parquet(folder / SECOND, metadata={"method": method})


def test_all_files_are_read_in_the_order_of_their_names(folder: Path) -> None:
    replace_second(folder, make_table("xyz").select("score", "class", "image"))
    scores = read_score_folder(folder)
    assert scores.questions.images == tuple("abcxyz")
    assert scores.values.tolist() == [0.2, 0.5, 1.0] * 2
    assert scores.method == "em"
    assert read_score_folder(folder, ["y", "b"]).questions.images == ("b", "y")
    assert count_labels(folder, 0.5) == (4, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda folder: (folder / FIRST).unlink(),
            "folder does not have exactly the files of scores that were written\n"
            f"  where:   DIR\n  allowed: {FIRST}, {SECOND}\n  found:   no {FIRST}\n{COPY_AGAIN}",
        ),
        (
            lambda folder: (folder / SECOND).rename(folder / "scores.parquet"),
            "folder does not have exactly the files of scores that were written\n"
            f"  where:   DIR\n  allowed: {FIRST}, {SECOND}\n  found:   no {SECOND}; also scores.parquet\n{COPY_AGAIN}",
        ),
        (
            lambda folder: make_table().write_parquet(folder / "a.parquet"),
            "folder does not have exactly the files of scores that were written\n"
            "  where:   DIR\n  allowed: names such as scores-00000-of-00001.parquet\n"
            f"  found:   also a.parquet, {FIRST}, {SECOND}\n{COPY_AGAIN}",
        ),
        (
            lambda folder: replace_second(folder, make_table(), "majority"),
            "files of the folder have scores of different methods\n"
            f"  where:   DIR/{SECOND}\n  allowed: em, as in {FIRST}\n  found:   majority\n{COPY_AGAIN}",
        ),
        (
            lambda folder: replace_second(folder, make_table().with_columns(z=1)),
            "files of the folder have different columns\n"
            f"  where:   DIR/{SECOND}\n  allowed: image (String), class (String), score (Float64), as in {FIRST}\n"
            f"  found:   image (String), class (String), score (Float64), z (Int32)\n{COPY_AGAIN}",
        ),
        (
            lambda folder: replace_second(folder, make_table().with_columns(score=pl.lit("0.5"))),
            "files of the folder have different columns\n"
            f"  where:   DIR/{SECOND}\n  allowed: image (String), class (String), score (Float64), as in {FIRST}\n"
            f"  found:   image (String), class (String), score (String)\n{COPY_AGAIN}",
        ),
        *(
            (
                lambda folder, score=score: replace_second(folder, make_table().with_columns(score=pl.lit(score))),
                f"score out of range\n  where:   DIR/{SECOND}, row 1, column score\n  allowed: 0 to 1\n"
                f"  found:   {score}",
            )
            for score in (float("nan"), 2.0, -2.0)
        ),
        *(
            (
                lambda folder, name=name: replace_second(
                    folder, make_table().with_columns(pl.col(name).replace(make_table()[name][1], None))
                ),
                f"value is missing\n  where:   DIR/{SECOND}, row 2{column}\n"
                "  fix:     fill in the value, or delete the row",
            )
            for name, column in (("image", ", column image"), ("score", ", column score"))
        ),
    ],
)
def test_files_that_do_not_fit_are_named(folder: Path, change: Callable[[Path], object], message: str) -> None:
    change(folder)
    for read in (
        read_score_folder,
        lambda folder: read_score_folder(folder, ["a"]),
        lambda folder: count_labels(folder, 0.5),
    ):
        with pytest.raises(DataError) as caught:
            read(folder)
        assert str(caught.value).replace(str(folder), "DIR") == message


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("abc", "question is asked twice\n  where:   DIR, image a, class cat\n  found:   rows 0 and 3"),
        (
            ("x/a", "x\\a", "z"),
            "image is listed twice\n  where:   DIR, the questions\n  found:   x/a and x\\a\n"
            "  fix:     keep one row per image",
        ),
    ],
)
def test_repeated_questions_are_named(folder: Path, images: list[str], message: str) -> None:
    replace_second(folder, make_table(images))
    for selected in (None, ["b"]):
        with pytest.raises(DataError) as caught:
            read_score_folder(folder, selected)
        assert str(caught.value).replace(str(folder), "DIR") == message


def test_questions_with_equal_hashes_are_compared_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.DataFrame, "hash_rows", lambda table: pl.zeros(len(table), pl.UInt64, eager=True))
    assert read_score_folder(folder, ["b"]).values.tolist() == [0.5]
    replace_second(folder, make_table("xbz").with_columns(pl.lit(" cat").alias("class")))
    with pytest.raises(DataError, match="question is asked twice") as caught:
        read_score_folder(folder, ["a"])
    assert (caught.value.where, caught.value.found) == (f"{folder}, image b, class cat", "rows 1 and 4")


def test_images_with_two_spellings_are_counted_once(folder: Path) -> None:
    for name, image in ((FIRST, "x/a"), (SECOND, "x\\a")):
        table = pl.DataFrame({"image": [image], "class": [name], "score": [0.0]})
        table.write_parquet(folder / name, metadata={"method": "em"})
    assert count_labels(folder, 0.5) == (0, 1)
