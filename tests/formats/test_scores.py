"""Score files: exact round trips, and errors."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, Questions, Scores
from reassess.data import read_scores, update_benchmark
from reassess.formats import read_score_file, write_scores
from tests.helpers import File, RealFile, Refused, save_npz, scores_of

SUFFIXES = (".npz", ".csv", ".tsv", ".jsonl", ".parquet")
INFO = np.array([["a.png", "7"], ["b.png", "3"]])
odd_names = st.sampled_from(["00012.png", "a b, c.png", 'say "hi".png', "12", "é/日本.png"])
names = odd_names | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=10)
questions = st.dictionaries(st.tuples(names, st.integers(0, 2**31 - 1)), st.floats(0, 1), min_size=1, max_size=8)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(questions)
def test_scores_survive_round_trip(scratch: Path, suffix: Any, table: Any) -> None:
    path, scores = scratch / f"scores{suffix}", scores_of(table)
    write_scores(path, scores, force=True)
    result = read_score_file(path)
    assert result.questions.images == scores.questions.images
    assert np.array_equal(result.questions.image_ids, scores.questions.image_ids)
    assert np.array_equal(result.questions.class_ids, scores.questions.class_ids)
    assert result.values.tobytes() == scores.values.tobytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(questions, st.data())
def test_exclusive_and_golden_survive_round_trip(scratch: Path, suffix: Any, table: Any, data: Any) -> None:
    golden = data.draw(st.none() | st.lists(st.booleans(), min_size=len(table), max_size=len(table)).map(np.array))
    shared = {key: value / len(table) for key, value in table.items()}  # at most 1 per image
    scores = replace(scores_of(shared), is_exclusive=data.draw(st.booleans()), is_golden=golden)
    write_scores(scratch / f"scores{suffix}", scores, force=True)
    result = read_score_file(scratch / f"scores{suffix}")
    assert (result.is_exclusive, result.values.tolist()) == (scores.is_exclusive, scores.values.tolist())
    assert (result.is_golden is None) if golden is None else np.array_equal(result.is_golden, golden)


def test_probability_and_golden_are_column_names(tmp_path: Path) -> None:
    scores = replace(
        scores_of({("a.png", 7): 0.75, ("b.png", 3): 1.0}), is_exclusive=True, is_golden=np.array([True, False])
    )
    write_scores(tmp_path / "a.csv", scores)
    assert (tmp_path / "a.csv").read_text() == "image,class,probability,golden\na.png,7,0.75,1\nb.png,3,1.0,0\n"
    write_scores(tmp_path / "a.npz", scores)
    with np.load(tmp_path / "a.npz") as arrays:
        assert set(arrays) == {"probability", "info", "golden"}


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_real_scores_survive_round_trip(real_file: RealFile, real_scores: Scores, tmp_path: Path, suffix: Any) -> None:
    write_scores(tmp_path / f"scores{suffix}", real_scores)
    scores = read_score_file(tmp_path / f"scores{suffix}")
    assert len(scores) == 184_962
    assert scores.questions.images == real_scores.questions.images
    assert np.array_equal(scores.questions.image_ids, real_scores.questions.image_ids)
    assert np.array_equal(scores.questions.class_ids, real_scores.questions.class_ids)
    assert np.array_equal(scores.values, real_scores.values)


def test_written_arrays_equal_the_published_arrays(real_file: RealFile, real_scores: Scores, tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.npz", real_scores)
    with np.load(real_file("scores.npz")) as old, np.load(tmp_path / "scores.npz") as new:
        assert (set(new), new["method"]) == ({"tensor", "info", "method"}, "imagenet-real")
        for name in ("tensor", "info"):
            assert new[name].dtype == old[name].dtype
            assert np.array_equal(new[name], old[name])


def test_empty_scores_survive_round_trip(tmp_path: Path) -> None:
    write_scores(tmp_path / "none.npz", scores_of({}))
    assert len(read_score_file(tmp_path / "none.npz")) == 0


@pytest.mark.parametrize("key", ["tensor", "scores"])
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8"])
@pytest.mark.parametrize("info", [INFO, INFO.astype(">U5"), INFO.astype("U40"), np.asfortranarray(INFO)])
def test_every_archive_layout_is_read(tmp_path: Path, key: str, dtype: str, info: Any) -> None:
    scores = read_score_file(save_npz(tmp_path / "a.npz", **{key: np.array([0.5, 0.25], dtype), "info": info}))
    assert [scores.questions.describe_question(row) for row in range(2)] == [
        "image a.png, class 7",
        "image b.png, class 3",
    ]
    assert scores.values.tolist() == [0.5, 0.25]


def test_numbers_are_ids_and_image_names_stay_text(file: File, tmp_path: Path) -> None:
    info = np.array([["a", "7"], ["b", "+3"], ["c", " 4.0"]])
    scores = read_score_file(save_npz(tmp_path / "a.npz", tensor=np.array([0.1, 0.2, 0.3]), info=info))
    assert scores.questions.class_ids.tolist() == [7, 3, 4]
    scores = read_score_file(file("a.csv", '"image","class","score"\n"00012","7","0.5"\n'))
    assert (scores.questions.describe_question(0), scores.values.tolist()) == ("image 00012, class 7", [0.5])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("image,class,score\na,1,.5\nb,1,\n", "missing-value at a.csv, line 3, column score"),
        ("image,class,score\na,1,.5\nb,1,nan\n", "out-of-range at a.csv, line 3, column score"),
        ("image,class,score\na,-1,.5\n", "out-of-range at a.csv, image a"),
        ("image,class,score\na,4294967297,.5\na,1,.5\n", "out-of-range at a.csv, image a"),
        ("image,class,score\na,n01440764,.5\na,7,.5\n", "ids-and-names at a.csv"),
        ("image,class,score\n,1,.5\n", "missing-value at a.csv, line 2, column image"),
        ("image,class,score\na,,.5\n", "missing-value at a.csv, line 2, column class"),
        ("image,class,score,golden\na,1,0.9,1\nb,1,0.9,\n", "missing-value at a.csv, line 3, column golden"),
    ],
)
def test_table_without_scores_raises(refused: Refused, file: File, content: str, expected: str) -> None:
    assert refused(read_score_file, file("a.csv", content)) == expected


def info_of(*ids: Any) -> npt.NDArray[Any]:
    return np.array([[f"{row}.png", class_id] for row, class_id in enumerate(ids)])


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"info": INFO}, "missing-array at a.npz"),
        ({"scores": np.zeros(2)}, "missing-array at a.npz"),
        ({"tensor": np.zeros(3), "info": INFO}, "wrong-shape at a.npz"),
        ({"tensor": np.zeros((85, 2, 3)), "info": INFO}, "wrong-shape at a.npz, array tensor"),
        ({"tensor": np.zeros(2, int), "info": INFO}, "wrong-type at a.npz, array tensor"),
        ({"tensor": np.zeros(2), "info": INFO.astype("S")}, "wrong-type at a.npz, array info"),
        ({"tensor": np.zeros(2), "info": INFO.ravel()}, "wrong-shape at a.npz, array info"),
        ({"tensor": np.zeros(2), "info": info_of("7", "cat")}, "ids-and-names at a.npz"),
        ({"tensor": np.zeros(2), "info": info_of("7", "")}, "missing-value at a.npz"),
        ({"tensor": np.zeros(2), "info": info_of("7", "-1")}, "out-of-range at a.npz"),
        ({"tensor": np.zeros(2), "info": info_of("7", "1.5")}, "out-of-range at a.npz"),
        ({"tensor": np.zeros(2), "info": info_of("7", "2147483648")}, "out-of-range at a.npz, array info, row 1"),
        ({"tensor": np.zeros(2), "info": info_of("7", "4294967303")}, "out-of-range at a.npz, array info, row 1"),
        ({"tensor": np.zeros(2), "info": info_of("7", "70000000000000000000007")}, "out-of-range at a.npz"),
        ({"tensor": np.array([0.5, np.nan]), "info": INFO}, "out-of-range at a.npz, image b.png, class 3"),
        (
            {"tensor": np.zeros(2), "info": np.array([["a", "1"], ["a", "1"]])},
            "duplicate-question at a.npz, image a, class 1",
        ),
        ({"tensor": np.zeros(2), "info": INFO.astype(object)}, "pickle at a.npz, array info"),
    ],
)
def test_archive_without_scores_raises(refused: Refused, tmp_path: Path, arrays: dict[str, Any], expected: Any) -> None:
    assert refused(read_score_file, save_npz(tmp_path / "a.npz", **arrays)) == expected


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".tsv", ".jsonl", ".parquet"])
def test_class_names_survive_round_trip(tmp_path: Path, suffix: str) -> None:
    """With a class list, or with the names of the file as class list."""
    file, again, with_list = (tmp_path / f"{name}{suffix}" for name in ("scores", "again", "listed"))
    questions = Questions.from_columns(
        ["b.png", "a.png", "a.png"], np.array([1, 0, 1]), Classes.from_texts(["dog", "cat"])
    )
    scores = Scores(questions, np.array([0.5, 0.25, 1.0]))
    write_scores(file, scores)
    result = read_score_file(file)
    assert (result.questions.classes, result.values.tolist()) == (questions.classes, [0.5, 0.25, 1.0])
    assert [result.questions.describe_question(row) for row in range(3)] == [
        "image b.png, class dog",
        "image a.png, class cat",
        "image a.png, class dog",
    ]
    write_scores(again, result)
    assert again.read_bytes() == file.read_bytes()
    classes = Classes(3, names=("dog", "bird", "cat"))
    result = read_score_file(file, classes=classes)
    assert (result.questions.class_ids.tolist(), result.questions.classes) == ([0, 2, 0], classes)
    write_scores(with_list, result)
    assert with_list.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("method", ["unknown", "em", "calibrated, original=true, pooling=2.0"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_method_is_stored_in_npz_and_parquet(tmp_path: Path, suffix: str, method: str) -> None:
    write_scores(tmp_path / f"scores{suffix}", replace(scores_of({("a.png", 1): 0.5}), method=method))
    expected = method if suffix in (".npz", ".parquet") else "unknown"
    assert read_score_file(tmp_path / f"scores{suffix}").method == expected
    update_benchmark(tmp_path, method="mean")
    assert read_scores(tmp_path / f"scores{suffix}").method == ("mean" if expected == "unknown" else method)


def test_published_scores_are_recognized_by_content(real_file: RealFile, tmp_path: Path) -> None:
    copy = tmp_path / "mine.npz"
    copy.write_bytes(real_file("scores.npz").read_bytes())
    assert read_score_file(copy).method == "unknown"
    assert read_scores(copy).method == read_scores("imagenet-real-scores").method == "imagenet-real"
