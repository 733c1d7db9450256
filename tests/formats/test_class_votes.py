"""Votes for one class per image, with raters or as counts: round trips and errors."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, Votes
from reassess.formats import read_original_file, read_vote_file, write_votes
from tests.helpers import File, RealFile, Refused, warned

CLASSES = Classes(3, wnids=("n00000001", "n00000005", "n00000009"), names=("dog, hound", "emu", "cat"))
NAMED = "image,rater,answer\na.png,ann,dog\na.png,7,cat\n01,ann,dog\nb.png,,\n"


def table(folder: Path, text: str, name: str = "v.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def counts_of(votes: Votes) -> dict[tuple[str, Any], int]:
    """Count the votes per image and class."""
    return {
        (image, answer): count
        for image, row in zip(votes.images, votes.counts().tolist(), strict=True)
        for answer, count in zip(votes.answers, row, strict=True)
    }


# --- with raters ----------------------------------------------------------------------------------------------------


def test_class_names_make_a_class_list(tmp_path: Path) -> None:
    votes = read_vote_file(table(tmp_path, NAMED))
    assert votes.images == votes.items == ("a.png", "01", "b.png")
    assert votes.classes == Classes.from_texts(["cat", "dog"])
    assert (votes.answers, votes.class_ids.tolist(), votes.raters) == (("cat", "dog"), [0, 1], ("ann", 7))
    assert [votes.votes_on(row) for row in range(3)] == [(("ann", "dog"), (7, "cat")), (("ann", "dog"),), ()]
    assert votes.describe_item(0) == "image a.png"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_numbers_are_ids_in_every_format(tmp_path: Path, suffix: str) -> None:
    columns = pl.DataFrame({"image": ["a", "a", "b"], "rater": [1, 2, 1], "answer": [10, 2, 10]})
    path = tmp_path / f"v{suffix}"
    write = {".csv": columns.write_csv, ".jsonl": columns.write_ndjson, ".parquet": columns.write_parquet}
    write.get(suffix, lambda to: columns.write_csv(to, separator="\t"))(path)
    votes = read_vote_file(path)
    assert (votes.answers, votes.classes, votes.class_ids.tolist()) == ((2, 10), Classes(), [2, 10])


def test_answers_are_looked_up_by_wnid_name_or_id(tmp_path: Path) -> None:
    votes = read_vote_file(
        table(tmp_path, "image,rater,answer\na,1,cat\na,2,n00000001\na,3,hound\nb,1,2\n"), classes=CLASSES
    )
    assert votes.answers == ("n00000001", "n00000009")
    assert votes.counts().tolist() == [[2, 1], [0, 1]]
    assert (votes.class_ids.tolist(), votes.classes) == ([0, 2], CLASSES)


def test_answers_option_sets_order_of_classes(tmp_path: Path) -> None:
    votes = read_vote_file(table(tmp_path, NAMED), answers=("dog", "emu", "cat"))
    assert (votes.answers, votes.class_ids.tolist()) == (("dog", "emu", "cat"), [1, 2, 0])
    assert counts_of(votes)["a.png", "dog"] == 1
    assert read_vote_file(table(tmp_path, NAMED), answers=("cat", "dog"), classes=CLASSES).class_ids.tolist() == [2, 0]


def test_columns_class_and_item_decide_the_kind_of_items(tmp_path: Path) -> None:
    assert read_vote_file(table(tmp_path, "image,class,rater,answer\na,cat,1,yes\n")).classes is None
    assert read_vote_file(table(tmp_path, "image,item,rater,answer\na,x,1,cat\n")).items == ("x",)


# --- counts ---------------------------------------------------------------------------------------------------------

WIDE = "image,class,dog,cat\na,cat,1,2\nb,dog,0,0\nc,dog,3,0\n"
LONG = "image,class,count\na,dog,1\na,cat,2\nb,cat,0\nc,dog,3\n"


@pytest.mark.parametrize("text", [WIDE, LONG])
def test_counts_are_votes_of_unknown_raters(tmp_path: Path, text: str) -> None:
    votes = read_vote_file(table(tmp_path, text))
    assert str(votes) == "Votes(6 votes by unknown raters on 3 images, answers cat, dog)"
    assert (votes.raters, votes.is_anonymous, set(votes.rater_ids.tolist())) == ((), True, {-1})
    assert votes.counts().tolist() == [[2, 1], [0, 0], [0, 3]]
    assert votes.classes == Classes.from_texts(["cat", "dog"])


def test_column_class_of_counts_is_the_original_label(refused: Refused, tmp_path: Path) -> None:
    path = table(tmp_path, WIDE)
    original = read_original_file(path)
    assert (original.images, original.classes.names) == (("a", "b", "c"), ("cat", "dog"))
    assert original.indices.tolist() == [0, 1, 1]
    without = table(tmp_path, "image,dog,cat\na,1,2\n", "w.csv")
    assert refused(read_original_file, without) == "missing-column at w.csv"


def test_class_without_votes_is_an_answer(tmp_path: Path) -> None:
    for text in ("image,class,emu,cat\na,emu,0,1\nb,cat,0,2\n", "image,class,count\na,emu,0\na,cat,1\nb,cat,2\n"):
        votes = read_vote_file(table(tmp_path, text))
        assert (votes.answers, votes.counts().tolist()) == (("cat", "emu"), [[1, 0], [2, 0]])


def test_headings_are_ids_or_class_names(tmp_path: Path) -> None:
    ids = read_vote_file(table(tmp_path, "image,10,2\na,1,5\n"))
    assert (ids.answers, ids.classes, ids.counts().tolist()) == ((2, 10), Classes(), [[5, 1]])
    with_classes = read_vote_file(table(tmp_path, "image,cat,n00000001\na,1,5\n"), classes=CLASSES)
    assert (with_classes.class_ids.tolist(), with_classes.counts().tolist()) == ([0, 2], [[5, 1]])


UNCONFIRMED = "v.csv: without a class list, each of these columns counts as a class: "


@pytest.mark.parametrize(
    ("text", "columns", "answers"),
    [
        ("image,dog,cat\na,1,2\n", "dog, cat", ("cat", "dog")),
        ("image,class,dog,cat,width\na,cat,1,2,32\nb,dog,3,0,32\n", "width", ("cat", "dog", "width")),
    ],
)
def test_unconfirmed_columns_count_as_classes_with_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, columns: str, answers: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    table(Path(), text)
    with warned(UNCONFIRMED + columns):
        votes = read_vote_file("v.csv")
    assert votes.answers == answers


def test_column_missing_from_class_list_raises(refused: Refused, tmp_path: Path) -> None:
    path = table(tmp_path, "image,class,dog,width,cat,entropy\na,cat,1,32,2,0.9\n")
    for options in ({"classes": CLASSES}, {"answers": ("dog", "emu", "cat")}):
        assert refused(read_vote_file, path, **options) == "unknown-column at v.csv"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("image,dog,cat\na,1,2\nb,1,-2\n", "out-of-range at v.csv, line 3, column cat"),
        ("image,dog,cat\na,1,2\nb,0.5,2\n", "not-a-number at v.csv, line 3, column dog"),
        ("image,class,count\na,cat,many\n", "not-a-number at v.csv, line 2, column count"),
        ("image,class,count\na,cat,-1\n", "out-of-range at v.csv, line 2, column count"),
        ("image,dog,cat\na,1,2\nb,,2\n", "missing-value at v.csv, line 3, column dog"),
        ("image,dog,cat\na,1,2\nb,1,2\na,0,1\n", "duplicate-image at v.csv, line 4"),
        ("image,class,count\na,cat,1\na,dog,1\na,cat,2\n", "duplicate-class at v.csv, line 4"),
        ("image,class,dog,cat\na,dog,0,0\nb,cat,0,0\n", "missing-votes at v.csv"),
        ("image,rater,answer\na,1,cat\nb,1,7\n", "ids-and-names at v.csv"),
        ("image,cat,7\na,1,2\n", "ids-and-names at v.csv"),
        ("image,who,answered\na,ann,cat\nb,bo,cat\n", "not-a-number at v.csv, line 2, column answered"),
        ("image,rater,answer\na,1,99999999999999999999\n", "out-of-range at v.csv"),
        ("image,rater,answer\na,1,-3\n", "out-of-range at v.csv"),
        ("image,class\na,cat\n", "missing-column at v.csv"),
    ],
)
def test_invalid_table_raises(refused: Refused, tmp_path: Path, text: str, code: str) -> None:
    assert refused(read_vote_file, table(tmp_path, text)) == code
    with_classes = table(tmp_path, '{"image": "a", "class": ["cat"], "cat": 1, "dog": 0}\n', "v.jsonl")
    assert refused(read_vote_file, with_classes) == "wrong-type at v.jsonl, column class"


def test_answer_missing_from_class_list_raises(refused: Refused, tmp_path: Path) -> None:
    path = table(tmp_path, NAMED)
    assert refused(read_vote_file, path, answers=("cat", "emu")) == "unknown-class at v.csv"
    assert refused(read_vote_file, path, answers=("cat",), classes=CLASSES) == "unknown-name at v.csv"


# --- round trips ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("answers", [("cat", "dog", "emu, large"), (0, 3, 12)])
@given(data=st.data())
def test_tables_survive_round_trip(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, answers: tuple[Any, ...], data: Any
) -> None:
    rows = data.draw(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=20))
    anonymous = data.draw(st.booleans())
    classes = Classes.from_texts(answers) if isinstance(answers[0], str) else Classes()
    item_ids, rater_ids, answer_ids = np.array(rows).T
    votes = Votes.from_columns(
        ("a.png", "07", "x/é.png"),
        item_ids,
        np.full(item_ids.size, -1) if anonymous else rater_ids,
        answer_ids,
        () if anonymous else ("ann", 7, "07"),
        answers,
        classes=classes,
    )
    path = tmp_path_factory.mktemp("tables") / f"v{suffix}"
    write_votes(path, votes)
    again = read_vote_file(path, answers=answers)
    assert again.is_anonymous == anonymous
    assert (again.answers, again.classes) == (answers, classes)
    assert {key: count for key, count in counts_of(again).items() if count} == {
        key: count for key, count in counts_of(votes).items() if count
    }
    assert set(again.images) == set(votes.images)
    if not anonymous:
        assert [again.votes_on(row) for row in range(3)] == [votes.votes_on(row) for row in range(3)]


def test_counts_of_cifar_10_equal_published_counts(real_file: RealFile) -> None:
    votes = read_vote_file(real_file("test-counts.csv"))
    assert (len(votes.items), votes.sizes.min(), votes.sizes.max()) == (10_000, 47, 63)
    original = read_original_file(real_file("test-counts.csv"))
    winners = votes.class_ids[np.argmax(votes.counts(), axis=1)]
    assert original.classes == votes.classes
    assert np.mean(winners == original.indices) == pytest.approx(0.992, abs=5e-4)


@pytest.mark.parametrize("heading", ["image,class,cat,dog,count", "image,cat,dog,count"])
def test_column_count_next_to_other_numbers_raises(refused: Refused, tmp_path: Path, heading: str) -> None:
    """The column may be the total of the others, which would then count as votes for cat."""
    path = tmp_path / "c.csv"
    path.write_text(f"{heading}\na,{'cat,' if 'class' in heading else ''}3,17,20\n")
    for classes in (None, Classes.from_texts(["cat", "dog"])):
        assert refused(read_vote_file, path, classes=classes) == "ambiguous-column at c.csv"
    votes = read_vote_file(path, classes=Classes(3, names=("cat", "dog", "count")))
    assert votes.counts().tolist() == [[3, 17, 20]]


def test_columns_of_text_next_to_count_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("image,class,count,note\na,cat,3,x\na,dog,1,y\n")
    assert read_vote_file(path).counts().tolist() == [[3, 1]]


def test_yes_and_no_may_be_classes_of_a_class_list(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("image,rater,answer\na,1,yes\na,2,no\n")
    assert read_vote_file(path, classes=Classes.from_texts(["no", "yes", "both"])).answers == ("no", "yes")
    for options in ({"classes": Classes.from_texts(["no", "cat"])}, {"answers": ["no", "yes"]}):
        assert refused(read_vote_file, path, **options) == "missing-column at v.csv"


@pytest.mark.parametrize("classes", [None, Classes(2, names=("cat", "dog"))])
def test_classes_as_answers_raise_with_answers_of_questions(
    classes: Classes | None, refused: Refused, file: File
) -> None:
    table, answers = file("golden.csv", "image,rater,answer\na,ann,cat\n"), ("no", "maybe", "yes")
    assert refused(read_vote_file, table, answers=answers, classes=classes) == "not-on-questions at golden.csv"
