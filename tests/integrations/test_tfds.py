"""ReaL in TFDS: images have the labels, scores and votes of their name, although TFDS shuffles."""

import os
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reassess.core import Classes, LabelSets, Questions, Scores, Votes
from reassess.data import benchmark_classes, read_votes
from tests.helpers import (
    ORIGINAL_CLASSES,
    WORDS,
    Needs,
    RealFile,
    code_of,
    message,
    number_of,
    picture,
    validation_name,
    write_files,
    write_tar,
)

NUMBERS = [3, 8, 2, 5, 1, 7, 4, 6, 9, 10]
VALID = {1: [65], 2: [], 3: [231, 230], 4: [809], 5: [516, 850], 6: [57], 7: [], 8: [700, 3], 9: [674], 10: [332]}
SCORED = [(8, 700, 0.9), (3, 231, 0.95), (8, 3, 0.85), (3, 230, 1.0), (8, 415, 0.1), (2, 970, 0.25), (7, 334, 0.5)]
VOTES = [(0, "yes"), (1, "maybe"), (0, "yes"), (0, "no"), (2, "yes"), (3, "yes"), (3, "yes"), (4, "no"), (6, "maybe")]
RATED = {2, 3, 7, 8}  # question 5, about image 2, has no vote


def lists(sets: dict[int, list[int]]) -> LabelSets:
    return LabelSets.from_lists([validation_name(number) for number in sets], sets.values(), Classes(1000))


LABELS = lists(VALID)
ORIGINAL = lists({number: [class_id] for number, class_id in ORIGINAL_CLASSES.items()})
QUESTIONS = Questions.from_columns(
    [validation_name(n) for n, _, _ in SCORED], np.array([class_id for _, class_id, _ in SCORED])
)
SCORES = Scores(QUESTIONS, np.array([score for *_, score in SCORED]))
COUNTS = Votes.from_columns(
    QUESTIONS,
    np.array([question for question, _ in VOTES]),
    np.arange(len(VOTES)),
    np.array([WORDS.index(answer) for _, answer in VOTES]),
    raters=tuple(range(len(VOTES))),
    answers=WORDS,
)


@pytest.fixture(scope="module")
def tfds(needs: Needs) -> ModuleType:
    needs("tensorflow")
    needs("tensorflow_datasets")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import_module("reassess.integrations.tfds")
    tfds = import_module("tensorflow_datasets")
    tfds.disable_progress_bar()
    return tfds


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch, tfds: ModuleType) -> None:
    """Replace the known sources by data on ten images."""
    readers = {"labels": LABELS, "original_labels": ORIGINAL, "scores": SCORES, "votes": COUNTS}
    for name, data in readers.items():
        monkeypatch.setattr(f"reassess.integrations.tfds.read_{name}", lambda data=data: data)


def tar(folder: Path, numbers: Iterable[int] = NUMBERS) -> Any:
    write_tar(folder / "ILSVRC2012_img_val.tar", {validation_name(number): picture(number) for number in numbers})
    return folder


def flat(folder: Path, numbers: Iterable[int] = NUMBERS) -> Path:
    return write_files(folder, {validation_name(number): picture(number) for number in numbers})


def class_folders(folder: Path, numbers: Iterable[int] = NUMBERS) -> Path:
    paths = {number: f"val/n{ORIGINAL_CLASSES[number]:08d}/{validation_name(number)}" for number in numbers}
    return write_files(folder, {path: picture(number) for number, path in paths.items()})


def build(tfds: ModuleType, tmp_path: Path, manual_dir: Path, config: str = "", **options: Any) -> Any:
    builder = tfds.builder(f"imagenet_real{config}", data_dir=tmp_path / "data", **options)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    return builder


def read(tfds: ModuleType, builder: Any) -> dict[int, dict[str, Any]]:
    """Read the examples by image number."""
    if builder.info.file_format.value == "array_record":
        rows = list(builder.as_data_source("validation"))
    else:
        rows = list(tfds.as_numpy(builder.as_dataset("validation", shuffle_files=True)))
    numbers = [int(row["file_name"].decode().removesuffix(".JPEG")[-8:]) for row in rows]
    assert numbers != sorted(numbers), "TFDS should shuffle"
    return dict(zip(numbers, rows, strict=True))


def columns(feature: Any) -> list[tuple[Any, ...]]:
    """Convert a sequence of dicts, which TFDS reads as a dict of sequences, to rows."""
    return list(zip(*(np.asarray(column).tolist() for column in feature.values()), strict=True))


def check(rows: Any) -> None:
    for number, row in rows.items():
        assert number_of(row["image"]) == number
        assert int(row["original_label"]) == ORIGINAL_CLASSES[number]
        assert np.asarray(row["real_label"]).tolist() == sorted(VALID[number])
        asked = sorted(
            (class_id, score, question) for question, (n, class_id, score) in enumerate(SCORED) if n == number
        )
        assert list(row["scores"]) == ["class", "score"]
        assert columns(row["scores"]) == [(class_id, np.float32(score)) for class_id, score, _ in asked]
        votes = {question: [answer for q, answer in VOTES if q == question] for _, _, question in asked}
        expected = [(class_id, *(votes[question].count(a) for a in WORDS)) for class_id, _, question in asked]
        assert columns({key: row["votes"][key] for key in ("class", *WORDS)}) == expected
        assert bool(row["rated"]) == (number in RATED)


@pytest.mark.parametrize(("layout", "file_format"), [(tar, None), (class_folders, "array_record")])
def test_features_are_joined_by_name(
    tfds: ModuleType, sources: None, tmp_path: Path, layout: Any, file_format: str | None
) -> None:
    (tmp_path / "manual").mkdir()
    builder = build(tfds, tmp_path, layout(tmp_path / "manual"), file_format=file_format)
    rows = read(tfds, builder)
    assert sorted(rows) == sorted(NUMBERS)
    check(rows)
    if file_format is None:
        pairs = list(tfds.as_numpy(builder.as_dataset("validation[:40%]", as_supervised=True)))
        assert [ids.tolist() for _, ids in pairs] == [sorted(VALID[number_of(image)]) for image, _ in pairs]
        assert len(pairs) == 4


def test_features_are_those_in_tfds_and_three_more(tfds: ModuleType, needs: Needs, tmp_path: Path) -> None:
    needs("timm")  # for its list of class names
    ours = tfds.builder("imagenet_real", data_dir=tmp_path).info.features
    theirs = tfds.builder("imagenet2012_real", data_dir=tmp_path).info.features
    assert {key: repr(ours[key]) for key in theirs} == {key: repr(feature) for key, feature in theirs.items()}
    assert set(ours) - set(theirs) == {"rated", "scores", "votes"}
    for label in (ours["original_label"], ours["real_label"].feature, ours["votes"]["class"]):
        assert tuple(label.names) == tuple(theirs["original_label"].names) == benchmark_classes().wnids


def test_missing_images_raise_except_in_subset(tfds: ModuleType, sources: None, tmp_path: Path) -> None:
    flat(tmp_path, [4, 8, 2, 6, 10])
    assert message(lambda: build(tfds, tmp_path, tmp_path)) == (
        "5 of 10 images are missing\n"
        f"  where:   {tmp_path}\n"
        f"  found:   no {validation_name(1)}, {validation_name(3)}, {validation_name(5)} and 2 more\n"
        "  fix:     get all images, or build only the available images: tfds.load('imagenet_real/subset')"
    )
    rows = read(tfds, build(tfds, tmp_path, tmp_path, "/subset"))
    assert sorted(rows) == [2, 4, 6, 8, 10]
    check(rows)


def test_folder_with_other_or_no_images_raises(tfds: ModuleType, sources: None, tmp_path: Path) -> None:
    assert code_of(build, tfds, tmp_path, tmp_path) == "missing-images"
    tar(tmp_path, NUMBERS[:3])
    (tmp_path / "val").mkdir()
    flat(tmp_path / "val", NUMBERS[:3])
    (tmp_path / "val" / "tom.jpg").write_bytes(picture(1))
    assert message(lambda: build(tfds, tmp_path, tmp_path, "/subset")) == (
        "1 of 4 images are not in the label sets\n"
        f"  where:   {tmp_path / 'val'}\n"
        f"  allowed: {validation_name(1)} and 9 more\n"
        "  found:   tom.jpg\n"
        "  fix:     keep only validation images there"
    )


def test_labels_scores_and_votes_equal_known_sources(
    tfds: ModuleType,
    tmp_path: Path,
    real_file: RealFile,
    real_labels: LabelSets,
    real_original: LabelSets,
    real_scores: Scores,
) -> None:
    real_file("raters.npz")
    votes = read_votes()
    rows = read(tfds, build(tfds, tmp_path, flat(tmp_path, range(1, 13)), "/subset"))
    assert sorted(rows) == list(range(1, 13))
    for number, row in rows.items():
        assert row["real_label"].tolist() == list(real_labels[validation_name(number)])
        assert (row["original_label"],) == real_original[validation_name(number)]
        asked = np.flatnonzero(
            np.array(real_scores.questions.images)[real_scores.questions.image_ids] == validation_name(number)
        )
        scores = zip(real_scores.questions.class_ids[asked].tolist(), real_scores.values[asked], strict=True)
        assert dict(columns(row["scores"])) == {class_id: np.float32(score) for class_id, score in scores}
        assert [class_id for class_id, _ in columns(row["scores"])] == row["votes"]["class"].tolist()
        for class_id, *counts in columns({key: row["votes"][key] for key in ("class", *WORDS)}):
            question = votes.items.find_positions(votes.items.rows_of([validation_name(number)]), np.array([class_id]))[
                0
            ]
            assert counts == [sum(answer == a for _, answer in votes.votes_on(question)) for a in WORDS]
        assert row["rated"] == (len(asked) > 0)
    assert 0 < sum(row["rated"] for row in rows.values()) < 12
