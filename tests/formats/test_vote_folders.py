"""Votes in a folder of Parquet files, compared with the same votes in one file and in memory."""

import shutil
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.aggregation import aggregate
from reassess.core import Questions, Votes
from reassess.core.items import StoredItems
from reassess.errors import DataError, OutputError
from reassess.formats import read_vote_file, read_vote_folder
from reassess.numeric.arrays import create_mapped_array

WORDS = ("no", "maybe", "yes")


def make_table(n_items: int, *, on_questions: bool, is_shuffled: bool, seed: int = 0) -> pl.DataFrame:
    """Make votes, some of them by the same rater on the same item, and some items without votes."""
    rng = np.random.default_rng(seed)
    item = np.repeat(np.arange(n_items), rng.integers(1, 5, n_items))
    order = rng.permutation(item.size) if is_shuffled else np.arange(item.size)
    item, rater = item[order], rng.integers(0, 6, item.size)
    answer = np.where(rng.random(item.size) < 0.7, 2 * (item % 2), rng.integers(0, 3, item.size))
    names = {"item": [f"item {i}" for i in item]}
    if on_questions:
        names = {"image": [f"{i // 3}.png" for i in item], "class": [("dog", "cat", "cow")[i % 3] for i in item]}
    table = pl.DataFrame({**names, "rater": [f"r{i}" for i in rater], "answer": [WORDS[i] for i in answer]})
    has_vote = pl.Series(rng.random(item.size) < 0.95)
    return table.with_columns(pl.when(has_vote).then(pl.col(name)).alias(name) for name in ("rater", "answer"))


def write_parts(table: pl.DataFrame, folder: Path, cuts: list[int], row_group_size: int) -> None:
    bounds = [0, *sorted(cut % len(table) for cut in cuts), len(table)]
    for number, (start, stop) in enumerate(pairwise(bounds)):
        if stop > start:
            table[start:stop].write_parquet(folder / f"{number:03}.parquet", row_group_size=row_group_size)


def assert_equal_votes(stored: Votes, votes: Votes) -> None:
    assert isinstance(stored.items, StoredItems)
    assert (stored.raters, stored.answers) == (votes.raters, votes.answers)
    for name in ("indptr", "rater_ids", "answer_ids"):
        assert np.array_equal(getattr(stored, name), getattr(votes, name))
    items = stored.items.take_items(np.arange(len(votes.items)))
    assert np.array_equal(stored.find_positions(votes.items), np.arange(len(votes.items)))
    if isinstance(votes.items, Questions):
        assert isinstance(items, Questions)
        assert (items.images, items.classes) == (votes.items.images, votes.items.classes)
        assert np.array_equal(items.class_ids, votes.items.class_ids)
    else:
        assert items == votes.items


@settings(max_examples=15)
@given(
    st.integers(1, 60),
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(0, 200), max_size=5),
    st.integers(1, 50),
    st.integers(0, 9),
)
def test_votes_do_not_depend_on_the_split_into_files(
    n_items: int, on_questions: bool, is_shuffled: bool, cuts: list[int], row_group_size: int, seed: int
) -> None:
    table = make_table(n_items, on_questions=on_questions, is_shuffled=is_shuffled, seed=seed)
    if table["rater"].is_null().all():
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "votes").mkdir()
        write_parts(table, folder / "votes", cuts, row_group_size)
        table.write_parquet(folder / "votes.parquet")
        stored = read_vote_folder(folder / "votes", temporary_folder=folder)
        assert_equal_votes(stored, read_vote_file(folder / "votes.parquet"))
        assert sorted(path.name for path in folder.iterdir()) == ["votes", "votes.parquet"]


@pytest.mark.parametrize("batch_rows", [1, 7, 64])
def test_votes_do_not_depend_on_batches_and_partitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    for name, value in (("vote_batches._BATCH_ROWS", batch_rows), ("vote_folders._SEGMENTS_PER_PART", 20)):
        monkeypatch.setattr(f"reassess.formats.votes.{name}", value)
    monkeypatch.setattr("reassess.formats.votes.vote_folders.ROWS_PER_BLOCK", 11)
    for is_shuffled in (False, True):
        folder = tmp_path / str(is_shuffled)
        folder.mkdir()
        table = make_table(90, on_questions=True, is_shuffled=is_shuffled)
        table.write_parquet(folder / "all.parquet")
        stored = read_vote_folder(folder, temporary_folder=tmp_path)
        assert_equal_votes(stored, read_vote_file(folder / "all.parquet"))
        assert isinstance(stored.items, StoredItems)
        rows = np.array([80, 3, 41])
        assert stored.select_items(rows).votes_on(1) == stored.votes_on(3)


@pytest.mark.parametrize("on_questions", [True, False])
@pytest.mark.parametrize(
    ("method", "threads"),
    [
        *[("em", 1), ("em", 2), ("calibrated", 2), ("mean", 2), ("majority", 2), ("auto", 2)],
        *[("onecoin", 2), ("ibcc", 2), ("ebcc", 2), ("stacking", 2)],
    ],
)
def test_methods_give_the_same_numbers_as_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_questions: bool, method: str, threads: int
) -> None:
    monkeypatch.setattr("reassess.numeric.jit.thread_count", lambda: threads)
    table = make_table(150, on_questions=on_questions, is_shuffled=True)
    table.write_parquet(tmp_path / "votes.parquet")
    votes = read_vote_file(tmp_path / "votes.parquet")
    (tmp_path / "parts").mkdir()
    write_parts(table, tmp_path / "parts", [40, 170], 30)
    stored = read_vote_folder(tmp_path / "parts", temporary_folder=tmp_path)
    golden = votes.select_items(np.flatnonzero(votes.sizes > 1)[::4])
    if method not in ("mean", "majority"):
        compare(stored, votes, lambda each: aggregate(each, method, experts=golden).posterior.values)
    if method != "calibrated":
        compare(stored, votes, lambda each: aggregate(each, method).posterior.values)


def compare(stored: Votes, votes: Votes, compute: Callable[[Votes], np.ndarray]) -> None:
    results = []
    for each in (stored, votes):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            results.append((compute(each).tolist(), [str(warning.message) for warning in caught]))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("damage", "code", "where"),
    [
        (lambda folder: (folder / "b.csv").write_text("item,rater,answer\nx,r,no\n"), "wrong-suffix", "b.csv"),
        (lambda folder: (folder / "b.parquet").write_text("not Parquet"), "unreadable-file", "b.parquet"),
        (lambda folder: (folder / "b.parquet").touch(), "empty-file", "b.parquet"),
        (lambda folder: write(folder, {"item": ["x"], "rater": ["r"]}), "different-columns", "b.parquet"),
        (
            lambda folder: pl.DataFrame({"item": ["x"], "rater": [7.0], "answer": ["no"]}).write_parquet(
                folder / "b.parquet"
            ),
            *("different-columns", "column rater"),
        ),
        (lambda folder: write(folder, {"item": [None], "rater": ["r"], "answer": ["no"]}), "missing-value", "row 1"),
        (lambda folder: write(folder, {"item": ["x"], "rater": [None], "answer": ["no"]}), "missing-value", "row 1"),
        (shutil.rmtree, "file-not-found", ""),
        (lambda folder: (folder / "a.parquet").unlink(), "empty-folder", ""),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, damage: Callable[[Path], object], code: str, where: str) -> None:
    folder = tmp_path / "votes"
    folder.mkdir()
    make_table(20, on_questions=False, is_shuffled=False).write_parquet(folder / "a.parquet")
    damage(folder)
    with pytest.raises(DataError) as caught:
        read_vote_folder(folder, temporary_folder=tmp_path)
    assert caught.value.code == code
    assert where in str(caught.value.where)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sub/", "folder of votes has a subfolder\n  where:   PATH\n  fix:     move its files into the folder"),
        (
            "b.csv",
            "wrong kind of file for a folder of votes\n  where:   PATH\n  allowed: .parquet\n  found:   .csv\n"
            "  fix:     move the file to another folder, or let its name start with _",
        ),
    ],
)
def test_other_contents_of_a_folder_are_refused_unless_their_name_is_ignored(
    tmp_path: Path, name: str, message: str
) -> None:
    folder = tmp_path / "votes"
    folder.mkdir()
    write(folder, {"item": ["x"], "rater": ["r"], "answer": ["no"]})
    path = folder / name
    path.mkdir() if name.endswith("/") else path.write_text("x")
    with pytest.raises(DataError) as caught:
        read_vote_folder(folder, temporary_folder=tmp_path)
    assert str(caught.value) == message.replace("PATH", str(path))
    path.rename(folder / f"_{path.name}")
    assert len(read_vote_folder(folder, temporary_folder=tmp_path)) == 1


def test_empty_folder_asks_for_files_of_votes(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_vote_folder(tmp_path, temporary_folder=tmp_path)
    assert caught.value.fix == "put Parquet files with votes there"


def write(folder: Path, columns: dict[str, list[str | None]]) -> None:
    pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).write_parquet(folder / "b.parquet")


def test_damaged_page_is_named_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    make_table(500, on_questions=False, is_shuffled=False).write_parquet(path)
    content = bytearray(path.read_bytes())
    content[60:400] = bytes(340)
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_vote_folder(tmp_path, temporary_folder=tmp_path)
    assert caught.value.code == "unreadable-file"
    assert "a.parquet" in str(caught.value.where)


def test_unknown_answer_is_named_with_its_file_and_row(tmp_path: Path) -> None:
    rows = {"image": ["a", "b"], "class": ["cat", "cat"], "rater": ["r", "r"]}
    pl.DataFrame({**rows, "answer": ["no", "yes"]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({**rows, "answer": ["no", "sure"]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="unknown answer") as caught:
        read_vote_folder(tmp_path, temporary_folder=tmp_path)
    assert str(caught.value.where) == f"{tmp_path / 'b.parquet'}, row 2"


@pytest.mark.parametrize("other", ["a\\é.png", "a/e\u0301.png", "x/ILSVRC2012_val_00000007.JPEG"])
def test_two_names_of_one_image_are_refused_as_in_one_file(tmp_path: Path, other: str) -> None:
    names = ["b.png", "a/é.png", "ILSVRC2012_val_00000007.JPEG", other]
    table = pl.DataFrame({"image": names, "class": "cat", "rater": "r", "answer": ["no", "yes", "no", "no"]})
    (tmp_path / "votes").mkdir()
    table.write_parquet(tmp_path / "one.parquet")
    for part in range(2):
        table[2 * part : 2 * part + 2].write_parquet(tmp_path / "votes" / f"{part}.parquet")
    with pytest.raises(DataError, match="listed twice") as expected:
        read_vote_file(tmp_path / "one.parquet")
    with pytest.raises(DataError, match="listed twice") as caught:
        read_vote_folder(tmp_path / "votes", temporary_folder=tmp_path)
    assert sorted(str(caught.value.found).split(" and ")) == sorted(str(expected.value.found).split(" and "))


def test_votes_for_classes_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"image": ["a"], "rater": ["r"], "answer": ["cat"]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column image without a column class") as caught:
        read_vote_folder(tmp_path, temporary_folder=tmp_path)
    assert caught.value.code == "not-on-questions"


def test_disk_without_space_is_refused_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_table(20, on_questions=False, is_shuffled=False).write_parquet(tmp_path / "a.parquet")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100})())
    with pytest.raises(OutputError, match="not enough disk space") as caught:
        read_vote_folder(tmp_path, temporary_folder=tmp_path)
    assert caught.value.code == "disk-full"


def test_disk_that_fills_up_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_table(20, on_questions=False, is_shuffled=False).write_parquet(tmp_path / "a.parquet")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1 << 60})())
    monkeypatch.setattr("os.posix_fallocate", raise_full_disk)
    with pytest.raises(OutputError) as caught:
        read_vote_folder(tmp_path, temporary_folder=tmp_path)
    assert caught.value.code == "disk-full"
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def raise_full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_mapped_array_leaves_no_file(tmp_path: Path) -> None:
    array = create_mapped_array(tmp_path, (3, 2), np.float64)
    array[1] = 2
    assert list(tmp_path.iterdir()) == []
    assert array.tolist() == [[0, 0], [2, 2], [0, 0]]
