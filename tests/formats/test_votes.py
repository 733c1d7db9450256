"""Vote files: round trips and errors."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, Questions, Votes
from reassess.formats import read_vote_file, write_votes
from tests.helpers import WORDS, RealFile, Refused, votes_of

INFO = np.array([["a.png", "7"], ["a.png", "3"], ["b.png", "7"]])
TENSOR = np.zeros((2, 3, 3))
TENSOR[0, 0, 2] = TENSOR[0, 2, 0] = TENSOR[1, 0, 1] = 1
IDS = np.array([12, 5])


def save(path: Path, **changed: object) -> Path:
    arrays = {"tensor": TENSOR, "info": INFO, "ids": IDS, **changed}
    np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def votes_by_item(votes: Votes) -> Any:
    return [(votes.describe_item(row), votes.votes_on(row)) for row in range(len(votes.items))]


EXPECTED = [
    ("image a.png, class 7", ((12, "yes"), (5, "maybe"))),
    ("image a.png, class 3", ()),
    ("image b.png, class 7", ((12, "no"),)),
]


# --- archives -------------------------------------------------------------------------------------------------------


def test_archive_is_read_and_written_reproducibly(tmp_path: Path) -> None:
    votes = read_vote_file(save(tmp_path / "v.npz"))
    assert votes_by_item(votes) == EXPECTED
    assert votes.answers == WORDS
    assert votes.raters == (12, 5)
    assert votes_by_item(read_vote_file(save(tmp_path / "w.npz", tensor=np.where(TENSOR == 0, -0.0, 1.0)))) == EXPECTED
    for name in ("a.npz", "b.npz"):
        write_votes(tmp_path / name, votes)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", ">i4", "float32", ">f8", "int64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_tensor_of_any_dtype_and_order_is_read(tmp_path: Path, dtype: str, order: str) -> None:
    tensor = np.array(TENSOR, dtype=dtype, order=order)
    assert (
        votes_by_item(read_vote_file(save(tmp_path / "v.npz", tensor=tensor, info=np.array(INFO, order=order))))
        == EXPECTED
    )


def test_uncompressed_archive_with_rater_names_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", tensor=TENSOR, info=INFO.astype("<U40"), ids=np.array(["ann", "7"]))
    votes = read_vote_file(tmp_path / "v.npz")
    assert votes.raters == ("ann", 7)
    assert votes.items.images == ("a.png", "b.png")


def test_answers_are_named_by_array_or_caller_or_numbered(tmp_path: Path) -> None:
    assert read_vote_file(save(tmp_path / "a.npz", tensor=TENSOR[:, :, 1:])).answers == (0, 1)
    assert read_vote_file(save(tmp_path / "b.npz", answers=np.array(["x", "y", "4"]))).answers == ("x", "y", 4)
    assert read_vote_file(save(tmp_path / "c.npz"), answers=("x", "y", "z")).answers == ("x", "y", "z")


def test_archive_of_several_blocks_survives_round_trip(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    shape = 7, 40_000, 3
    expected = generator.integers(-1, 3, shape[:2])
    tensor = (expected[:, :, None] == np.arange(3)).astype(float)
    images = [f"{i // 3:06d}.png" for i in range(shape[1])]
    info = np.stack([images, (np.arange(shape[1]) % 3).astype(str)], axis=1)
    votes = read_vote_file(save(tmp_path / "v.npz", tensor=tensor, info=info, ids=np.arange(7)))
    rebuilt = np.full(shape[:2], -1)
    rebuilt[votes.rater_ids, votes.item_ids] = votes.answer_ids
    assert np.array_equal(rebuilt, expected)
    write_votes(tmp_path / "w.npz", votes)
    with np.load(tmp_path / "w.npz") as written:
        assert np.array_equal(written["tensor"], tensor)
        assert np.array_equal(written["info"], info)


@pytest.mark.parametrize("name", ["golden.npz", "raters_golden.npz"])
def test_published_archives_survive_round_trip(real_file: RealFile, tmp_path: Path, name: str) -> None:
    write_votes(tmp_path / name, read_vote_file(real_file(name)))
    with np.load(real_file(name)) as published, np.load(tmp_path / name) as written:
        assert list(published) == list(written)
        for array in published:
            assert published[array].dtype == written[array].dtype
            assert np.array_equal(published[array], written[array])


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"tensor": TENSOR[:, :2]}, "not-votes at v.npz, array tensor"),
        ({"tensor": TENSOR.astype("complex64")}, "not-votes at v.npz, array tensor"),
        ({"tensor": np.where(TENSOR == 0, 0, np.nan)}, "not-votes at v.npz, rater 12, image a.png, class 7"),
        ({"tensor": np.ones(3)}, "not-votes at v.npz, array tensor"),
        ({"tensor": TENSOR * 0.5}, "not-votes at v.npz, rater 12, image a.png, class 7"),
        ({"tensor": np.ones((2, 3, 3))}, "two-answers at v.npz, rater 12, image a.png, class 7"),
        ({"info": INFO[:, 0]}, "wrong-shape at v.npz, array info"),
        ({"info": np.array([["a", "1"], ["a", "cat"], ["b", "2"]])}, "ids-and-names at v.npz"),
        ({"info": INFO[[0, 1, 0]]}, "duplicate-question at v.npz, image a.png, class 7"),
        ({"ids": np.array([1.0, 2.0])}, "wrong-type at v.npz, array ids"),
        ({"ids": np.array([4, 4])}, "duplicate-name at v.npz"),
        *(({name: None}, "missing-array at v.npz") for name in ("ids", "tensor", "info")),
        ({"answers": np.array(["no", "yes"])}, "wrong-length at v.npz"),
        ({"answers": np.array([0.2, 0.5, 1.9])}, "wrong-type at v.npz, array answers"),
        ({"ids": np.array([{}, {}], object)}, "pickle at v.npz, array ids"),
        ({"tensor": np.array([[[{}]]], object)}, "pickle at v.npz, array tensor"),
    ],
)
def test_invalid_archive_raises(refused: Refused, tmp_path: Path, changed: Any, code: str) -> None:
    assert refused(read_vote_file, save(tmp_path / "v.npz", **changed)) == code


@pytest.mark.parametrize("name", ["tensor", "info"])
def test_truncated_array_raises(refused: Refused, tmp_path: Path, name: str) -> None:
    path = tmp_path / "short.npz"
    with zipfile.ZipFile(save(tmp_path / "v.npz")) as source, zipfile.ZipFile(path, "w") as file:
        for member in source.namelist():
            content = source.read(member)
            file.writestr(member, content[:-20] if member == f"{name}.npy" else content)
    assert refused(read_vote_file, path) == f"damaged-file at short.npz, array {name}"


def plain_votes(**changed: Any) -> Any:
    fields = {"items": ("x",), "raters": (1,), "rows": [(0, 0, 0)], "seconds": None, **changed}
    columns = np.array(fields["rows"]).T
    return Votes.from_columns(fields["items"], *columns, fields["raters"], WORDS, seconds=fields["seconds"])


ONE_QUESTION = Questions.from_columns(["a.png"], np.array([1]))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, "archives store only votes on (image, class) questions"),
        ({"items": ONE_QUESTION, "seconds": np.array([2.0])}, "archives cannot store times of votes"),
        ({"items": ONE_QUESTION, "raters": (1, "ann")}, "archives store ids of one type: numbers or text"),
        ({"items": ONE_QUESTION, "rows": [(0, 0, 0), (0, 0, 1)]}, "archives store one vote per rater and item"),
    ],
)
def test_votes_that_do_not_fit_in_an_archive_are_not_written(
    refused_text: Refused, tmp_path: Path, changed: Any, message: str
) -> None:
    text = refused_text(write_votes, tmp_path / "v.npz", plain_votes(**changed))
    assert text.startswith(f"{message}\n  where:   DIR/v.npz\n")
    assert text.endswith("  fix:     write a .parquet or .csv table")
    assert not list(tmp_path.iterdir())


def test_existing_vote_file_needs_force(refused: Refused, tmp_path: Path) -> None:
    path = save(tmp_path / "v.npz")
    votes = read_vote_file(path)
    assert refused(write_votes, path, votes) == "output-exists at v.npz"
    write_votes(path, votes, force=True)
    assert votes_by_item(read_vote_file(path)) == EXPECTED
    assert refused(read_vote_file, tmp_path / "v.txt") == "wrong-suffix at v.txt"


# --- tables ---------------------------------------------------------------------------------------------------------


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "v.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("head", ["item,rater,answer", "task,worker,label", "question,worker,answer"])
def test_table_is_read_under_each_known_heading(tmp_path: Path, head: str) -> None:
    votes = read_vote_file(table(tmp_path, f"{head}\nx,ann,yes\ny,007,no\nx,7,no\nz,,\n"))
    assert votes_by_item(votes) == [
        ("item x", (("ann", "yes"), (7, "no"))),
        ("item y", (("007", "no"),)),
        ("item z", ()),
    ]
    assert votes.answers == ("no", "yes")


def test_times_of_votes_are_read(tmp_path: Path) -> None:
    text = "image,class,rater,answer,seconds\na,3,1,yes,2.5\nb,3,1,no,\na,3,2,maybe,1\na,4,2,no,4\n"
    votes = read_vote_file(table(tmp_path, text))
    assert votes_by_item(votes) == [
        ("image a, class 3", ((1, "yes"), (2, "maybe"))),
        ("image b, class 3", ((1, "no"),)),
        ("image a, class 4", ((2, "no"),)),
    ]
    assert votes.answers == WORDS
    assert np.array_equal(votes.seconds, [2.5, 1, np.nan, 4], equal_nan=True)


def test_numeric_answers_keep_values_and_texts_are_sorted(tmp_path: Path) -> None:
    assert read_vote_file(table(tmp_path, "item,rater,answer\nx,1,10\nx,2,2\n")).answers == (2, 10)
    assert read_vote_file(table(tmp_path, "item,rater,answer\nx,1,dog\nx,2,cat\n")).answers == ("cat", "dog")
    path = table(tmp_path, "item,rater,answer\nx,1,dog\nx,2,cat\n")
    assert read_vote_file(path, answers=("dog", "cat", "emu")).answers == ("dog", "cat", "emu")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@given(data=st.data())
def test_tables_survive_round_trip(tmp_path_factory: pytest.TempPathFactory, suffix: str, data: Any) -> None:
    path = tmp_path_factory.mktemp("tables") / f"v{suffix}"
    rows = data.draw(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=20))
    items = data.draw(st.sampled_from([("x", 3, "03"), Questions.from_columns(list("aab"), np.array([1, 2, 1]))]))
    seconds = data.draw(st.sampled_from([None, np.arange(len(rows)) + 0.5]))
    votes = Votes.from_columns(items, *np.array(rows).T, ("ann", 7, "07"), WORDS, seconds=seconds)
    write_votes(path, votes)
    again = read_vote_file(path, answers=WORDS)
    assert votes_by_item(again) == votes_by_item(votes)
    assert (again.seconds is None) == (votes.seconds is None)
    assert votes.seconds is None or np.array_equal(again.seconds, votes.seconds)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("item,answer\nx,no\n", "missing-column at v.csv"),
        ("thing,rater,answer\nx,1,no\n", "missing-column at v.csv"),
        ("filename,class,worker,response\na.png,cat,1,no\n", "missing-column at v.csv"),
        ("image,rater,answer\na.png,1,Yes\na.png,2,no\n", "missing-column at v.csv"),
        ("item,rater,answer\n", "empty-file at v.csv"),
        ("item,rater,answer\nx,,\n", "missing-votes at v.csv"),
        ("item,rater,answer\nx,1,no\nx,,no\n", "missing-value at v.csv, line 3, column rater"),
        ("item,rater,answer\nx,1,\n", "missing-value at v.csv, line 2, column answer"),
        ("item,rater,answer\nx,1,no\n,1,no\n", "missing-value at v.csv, line 3, column item"),
        ("image,class,rater,answer\na,cat,1,no\na,7,1,no\n", "ids-and-names at v.csv"),
        ('image,class,rater,answer\na,cat,1,no\na," ",1,no\n', "missing-value at v.csv, line 3, column class"),
        ("image,class,rater,answer\na,-1,1,no\n", "out-of-range at v.csv, image a"),
        ("item,rater,answer,seconds\nx,1,no,fast\n", "not-a-number at v.csv, line 2, column seconds"),
        ("item,rater,answer,seconds\nx,1,no,-3\n", "out-of-range at v.csv, vote 0"),
    ],
)
def test_invalid_table_raises(refused: Refused, tmp_path: Path, text: str, code: str) -> None:
    assert refused(read_vote_file, table(tmp_path, text)) == code


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".jsonl", ".parquet"])
def test_class_names_survive_round_trip(tmp_path: Path, suffix: str) -> None:
    questions = Questions.from_columns(["b", "a", "a"], np.array([1, 0, 1]), Classes.from_texts(["dog", "cat"]))
    votes = votes_of([(0, 0, 1), (1, 0, 0), (1, 1, 1), (2, 1, 0)], questions, ("x", "y"), ("no", "yes"))
    write_votes(tmp_path / f"votes{suffix}", votes)
    result = read_vote_file(tmp_path / f"votes{suffix}", answers=("no", "yes"))
    assert (result.items.classes, result.counts().tolist()) == (questions.classes, votes.counts().tolist())
    classes = Classes(3, names=("dog", "bird", "cat"))
    with_classes = read_vote_file(tmp_path / f"votes{suffix}", answers=("no", "yes"), classes=classes).items
    assert [
        (with_classes.images[i], classes.names[c])
        for i, c in zip(with_classes.image_ids, with_classes.class_ids, strict=True)
    ] == [
        ("b", "dog"),
        ("a", "cat"),
        ("a", "dog"),
    ]


def test_two_answers_of_a_rater_raise_with_once(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("item,rater,answer\nx,ann,no\n\ny,ann,yes\nx,bo,yes\nx,ann,NO\nx,ann,yes\n")
    assert read_vote_file(path).counts().tolist() == [[2, 2], [0, 1]]
    assert refused(read_vote_file, path, raise_if_contradictory=True) == "two-answers at v.csv, line 6"
