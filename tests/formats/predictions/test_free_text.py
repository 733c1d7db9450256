"""Predictions as texts that a model wrote: which names count, and what is counted as wrong."""

import json
import random
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, FreeText, LabelSets, Predictions, UnknownClasses
from reassess.errors import ReassessWarning
from reassess.evaluation import evaluate
from reassess.formats import read_predictions, write_predictions
from tests.helpers import File, Refused, message, warned

CLASSES = Classes(
    6,
    wnids=("n00000001", "n00000002", "n00000003", "n00000004", "n00000005", "n00000006"),
    names=("tabby, tabby cat", "tiger cat", "crane", "crane", "flamingo", "tench, Tinca tinca"),
    synonyms=((), ("toyger",), (), (), (), ()),
)
TABBY, TIGER_CAT, BIRD, _, FLAMINGO, TENCH = range(6)
NAMES_ONLY = Classes.from_texts(["tench", "text"])


def write(folder: Path, *texts: str | None, name: str = "answers.jsonl", **keys: Any) -> Path:
    lines = [json.dumps({"image": f"{row}.jpg", "text": text, **keys}) for row, text in enumerate(texts)]
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def read(path: Path, classes: Classes = CLASSES, **options: Any) -> Predictions:
    """Read predictions without warnings."""
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        return read_predictions(path, classes, **options)


def first_ids(predictions: Predictions) -> list[list[int]]:
    """Return the ids of each row up to the last class."""
    return [
        row[: max((k + 1 for k, i in enumerate(row) if i >= 0), default=1)] for row in predictions.class_ids.tolist()
    ]


# --- extract --------------------------------------------------------------------------------------------------------

TEXTS = (
    "It is a tabby, or perhaps a tiger cat.",
    "toyger",
    "Tabby? No: flamingo, tabby cat, tiger cats.",
    "a crane, a tench or n00000003",
    "no idea",
)


@pytest.mark.parametrize(
    ("extract", "unknown_class", "ids"),
    [
        ("first", "wrong", [[TABBY], [TIGER_CAT], [TABBY], [-1], [-1]]),
        ("last", "wrong", [[TIGER_CAT], [TIGER_CAT], [TIGER_CAT], [BIRD], [-1]]),
        (
            "all",
            "wrong",
            [[TABBY, TIGER_CAT], [TIGER_CAT], [TABBY, FLAMINGO, TIGER_CAT], [-1, TENCH, BIRD], [-1]],
        ),
        ("first", "drop", [[TABBY], [TIGER_CAT], [TABBY], [TENCH], [-1]]),
        ("all", "drop", [[TABBY, TIGER_CAT], [TIGER_CAT], [TABBY, FLAMINGO, TIGER_CAT], [TENCH, BIRD], [-1]]),
    ],
)
def test_extract_chooses_among_the_classes_of_a_text(
    tmp_path: Path, extract: str, unknown_class: str, ids: list[list[int]]
) -> None:
    predictions = read(write(tmp_path, *TEXTS), extract=extract, unknown_class=unknown_class)
    assert first_ids(predictions) == ids
    assert predictions.max_k == (20 if extract == "all" else 1)
    assert predictions.free_text is not None
    assert (predictions.free_text.extract, predictions.free_text.n_with_several_names) == (extract, 3)


def test_last_is_the_last_place_of_a_class(tmp_path: Path) -> None:
    path = write(tmp_path, "tabby, flamingo, tabby")
    assert read(path, extract="last").class_ids.tolist() == [[TABBY]]
    assert first_ids(read(path, extract="all")) == [[TABBY, FLAMINGO]]


def test_all_gives_top_k_and_recall_of_texts_with_different_numbers_of_classes(tmp_path: Path) -> None:
    """A text with two classes has no third class, so top-5 accuracy is known."""
    predictions = read(write(tmp_path, *TEXTS), extract="all")
    labels = LabelSets.from_lists(
        [f"{row}.jpg" for row in range(5)], [[TIGER_CAT], [TABBY, TIGER_CAT], [TIGER_CAT], [TENCH], [TENCH]], CLASSES
    )
    result = evaluate(predictions, labels, top_k=(1, 2, 3, 5))
    assert {k: accuracy.hits for k, accuracy in result.real_accuracy.items()} == {1: 1, 2: 3, 3: 4, 5: 4}
    assert result.recall_at_size == (0 + 0.5 + 0 + 0 + 0) / 5


def test_all_has_at_most_20_names(tmp_path: Path) -> None:
    names = [f"class {chr(ord('a') + i)}" for i in range(20)]
    wnids = [f"n{i:08d}" for i in range(22)]
    path = write(tmp_path, ", ".join([*names, "crane", *wnids]))
    classes = Classes(22, wnids=tuple(wnids), names=(*names, "crane", "crane"))
    predictions = read(path, classes, extract="all")
    assert predictions.class_ids.tolist() == [list(range(20))]
    assert predictions.unknown_classes == UnknownClasses()


# --- counts ---------------------------------------------------------------------------------------------------------

COUNTED = ("no idea", "crane", " ", "a tench", "no  idea", "Two cranes", None, "No idea", "flamingo, crane")


def test_texts_without_a_class_and_ambiguous_names_are_counted(tmp_path: Path) -> None:
    """A missing text is an empty text. A name that does not count is not counted either."""
    path = write(tmp_path, *COUNTED)
    words = (
        "5 texts without a class, counted as wrong: '' (2), 'no idea' (2), 'No idea' (1); "
        "2 ambiguous names, counted as wrong: crane (2)"
    )
    fix = 'name the classes as in the class list, or add synonyms to it, or unknown_class="error"'
    with warned(f"{path}: {words}\n  fix: {fix}"):
        predictions = read_predictions(path, CLASSES)
    assert predictions.class_ids[:, 0].tolist() == [-1, -1, -1, TENCH, -1, -1, -1, -1, FLAMINGO]
    assert predictions.free_text == FreeText("first", 1, {"": 2, "no idea": 2, "No idea": 1}, {"crane": 2})
    assert predictions.unknown_classes == UnknownClasses(7, ("", "no idea", "No idea", "crane"))
    assert predictions.detected_format == (
        f"jsonl, image names from 'image', first class in 'text' (1 text with several classes); {words}"
    )


def test_dropped_names_are_counted(tmp_path: Path) -> None:
    predictions = read(write(tmp_path, "crane, tench", "crane", "no idea", "tench"), unknown_class="drop")
    assert first_ids(predictions) == [[TENCH], [-1], [-1], [TENCH]]
    assert predictions.detected_format.endswith(
        "; 1 text without a class, counted as wrong: 'no idea' (1); 2 ambiguous names, dropped: crane (2); "
        "1 image without another class, counted as wrong"
    )


def test_error_counts_texts_and_names(tmp_path: Path) -> None:
    assert message(read_predictions, write(tmp_path, *COUNTED), CLASSES, unknown_class="error") == (
        "texts name no class, or an ambiguous class\n"
        f"  where:   {tmp_path}/answers.jsonl, column text\n"
        "  allowed: wnids such as n00000001, names such as 'tabby'\n"
        "  found:   5 texts without a class: '' (2), 'no idea' (2), 'No idea' (1); 2 ambiguous names: crane (2)\n"
        '  fix:     name the classes as in the class list, or add synonyms to it, or unknown_class="wrong"'
    )
    assert read(write(tmp_path, "tench", "flamingo, crane"), unknown_class="error").unknown_classes == UnknownClasses()


def test_long_texts_are_shortened_in_messages_only(tmp_path: Path) -> None:
    text = "I see nothing but grass. " * 20
    predictions = read(write(tmp_path, text, "tench"))
    assert predictions.free_text is not None
    assert predictions.free_text.without_class == {text.strip(): 1}
    assert "'I see nothing but grass. I see…rass. I see nothing but grass.' (1)" in predictions.detected_format
    assert len(predictions.detected_format) < 200


@given(
    st.lists(st.sampled_from([*TEXTS, *COUNTED[:6], "tench"]), max_size=12),
    st.sampled_from(["first", "last", "all"]),
    st.sampled_from(["wrong", "drop"]),
    st.randoms(use_true_random=False),
)
def test_order_of_lines_does_not_matter(
    scratch: Path, texts: list[str], extract: str, unknown_class: str, generator: random.Random
) -> None:
    path = write(scratch, *texts, "tench")
    options = {"extract": extract, "unknown_class": unknown_class}
    before = read(path, **options)
    lines = path.read_text().splitlines()
    generator.shuffle(lines)
    path.write_text("\n".join(lines))
    after = read(path, **options)

    assert before.images is not None
    assert after.images is not None
    assert dict(zip(before.images, before.class_ids.tolist(), strict=True)) == dict(
        zip(after.images, after.class_ids.tolist(), strict=True)
    )
    assert (before.free_text, before.detected_format, before.unknown_classes) == (
        after.free_text,
        after.detected_format,
        after.unknown_classes,
    )


# --- files ----------------------------------------------------------------------------------------------------------


def test_texts_are_read_from_every_table(tmp_path: Path) -> None:
    import polars as pl

    table = pl.DataFrame({"file_name": ["a.jpg", "b.jpg", "c.jpg"], "text": ['A "tabby",\nsurely', None, "tench"]})
    table.write_csv(tmp_path / "t.csv")
    table.write_csv(tmp_path / "t.tsv", separator="\t")
    table.write_ndjson(tmp_path / "t.jsonl")
    table.write_parquet(tmp_path / "t.parquet")
    for suffix in ("csv", "tsv", "jsonl", "parquet"):
        predictions = read(tmp_path / f"t.{suffix}")
        assert (predictions.images, predictions.class_ids.tolist()) == (
            ("a.jpg", "b.jpg", "c.jpg"),
            [[TABBY], [-1], [TENCH]],
        )


def test_other_keys_and_the_true_label_are_ignored(tmp_path: Path) -> None:
    for keys in ({"model": "vlm", "tokens": 12, "tench": 3, "logprobs": [0.5]}, {"label": "flamingo"}, {"index": 7}):
        assert read(write(tmp_path, "a tench", **keys)).class_ids.tolist() == [[TENCH]]


@pytest.mark.parametrize(
    "keys",
    [
        {"class": "tench"},
        {"prediction": 5},
        {"top1": "tench"},
        {"prediction_1": "tench", "prediction_2": "crane"},
        {"tench": 0.5, "flamingo": 0.25},
    ],
)
def test_texts_beside_other_predictions_are_an_error(refused: Refused, tmp_path: Path, keys: dict[str, Any]) -> None:
    path = write(tmp_path, "a tench", **keys)
    assert refused(read_predictions, path, CLASSES) == "ambiguous-column at answers.jsonl"
    assert f"found:   text, {', '.join(keys)}\n" in message(read_predictions, path, CLASSES)


def test_lines_with_either_key_are_an_error(refused: Refused, file: File) -> None:
    path = file("p.jsonl", '{"image": "a", "text": "tench"}\n{"image": "b", "class": "tench"}\n')
    assert refused(read_predictions, path, CLASSES) == "ambiguous-column at p.jsonl"


def test_numbers_in_a_column_text_are_scores_of_a_class(file: File) -> None:
    path = file("p.csv", "image,tench,text\na,0.25,0.75\n")
    assert read(path, NAMES_ONLY).top_classes(2)[0].tolist() == [[1, 0]]


def test_lists_are_not_texts(refused: Refused, file: File) -> None:
    path = file("p.jsonl", '{"image": "a", "text": ["tench"]}\n')
    assert refused(read_predictions, path, CLASSES) == "wrong-type at p.jsonl, column text"


@pytest.mark.parametrize("classes", [None, Classes(5)])
def test_class_list_without_names_is_an_error(refused: Refused, tmp_path: Path, classes: Classes | None) -> None:
    path = write(tmp_path, "a tench")
    assert refused(read_predictions, path, classes) == "names-without-list at answers.jsonl, column text"


def test_wnids_are_found_without_names_but_names_are_not(tmp_path: Path) -> None:
    wnids = Classes(6, wnids=CLASSES.wnids)
    assert read(write(tmp_path, "n00000003.", "a tench"), wnids).class_ids.tolist() == [[2], [-1]]
    text = message(read_predictions, write(tmp_path, "a tench"), wnids)
    assert text.startswith("no text names a class\n")
    assert "fix:     list the class names" in text


def test_texts_without_any_class_are_an_error(refused: Refused, tmp_path: Path) -> None:
    for texts in (["no idea", None], ["crane"]):
        for unknown_class in ("wrong", "drop", "error"):
            path = write(tmp_path, *texts)
            assert refused(read_predictions, path, CLASSES, unknown_class=unknown_class) == (
                "unknown-class at answers.jsonl, column text"
            )


def test_unknown_value_of_extract_is_an_error(refused: Refused, tmp_path: Path) -> None:
    assert refused(read_predictions, write(tmp_path, "tench"), CLASSES, extract="second") == "unknown-name"


def test_classes_of_texts_are_written_to_tables(refused: Refused, tmp_path: Path) -> None:
    texts = read(write(tmp_path, "tench", "tabby, flamingo"), extract="all")
    assert refused(write_predictions, tmp_path / "p.npy", texts) == "missing-outputs at p.npy"
    write_predictions(tmp_path / "first.npy", read(write(tmp_path, "tench", "tabby, flamingo")))
    assert read(tmp_path / "first.npy").class_ids.tolist() == [[TENCH], [TABBY]]
