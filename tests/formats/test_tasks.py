"""Tasks as JSON lines: round trips, keys, and errors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, Questions, Sample, SampleDesign, Tasks
from reassess.formats import read_tasks, write_tasks
from reassess.proposals import make_tasks
from tests.helpers import Refused

NAMED = Classes(3, names=("cat", "dog", "cup, beaker"))


def draw_tasks(seed: int, classes: Classes) -> Tasks:
    rng = np.random.default_rng(seed)
    pairs = [(image, c) for image in ("b.png", "a.png", 'ü "1"\n.png') for c in range(3) if rng.random() < 0.7]
    pairs = pairs or [("a.png", 0)]
    questions = Questions.from_columns([image for image, _ in pairs], np.array([c for _, c in pairs]), classes)
    tasks = make_tasks(questions, size=2)
    names = tuple(name for name in questions.images if rng.random() < 0.5)
    if not names:
        return tasks
    chances, strata = rng.uniform(0.1, 1, len(names)), tuple(rng.choice(["low", 'hi "gh"'], len(names)).tolist())
    sample = Sample(names, chances, strata, "golden", int(seed), ("ab12",))
    return tasks.mark_sample_as_golden(sample) if rng.random() < 0.5 else replace(tasks, sample=sample)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_written_file_is_read_back(tmp_path_factory: pytest.TempPathFactory, seed: int, by_name: bool) -> None:
    path = tmp_path_factory.mktemp("t") / "tasks.jsonl"
    tasks = draw_tasks(seed, NAMED if by_name else Classes())
    write_tasks(path, tasks)
    again = read_tasks(path, NAMED if by_name else None)
    assert again.questions.images == tasks.questions.images
    for name in ("image_ids", "class_ids"):
        assert getattr(again.questions, name).tolist() == getattr(tasks.questions, name).tolist()
    assert (again.indptr.tolist(), again.task_numbers.tolist(), list(again.reasons)) == (
        tasks.indptr.tolist(),
        tasks.task_numbers.tolist(),
        list(tasks.reasons),
    )
    assert again.golden_mask.tolist() == tasks.golden_mask.tolist()
    assert (again.sample is None) == (tasks.sample is None)
    if tasks.sample is not None and again.sample is not None:
        rows = again.sample.rows_of(tasks.sample.images)
        assert again.sample.probabilities[rows].tolist() == tasks.sample.probabilities.tolist()
        assert [again.sample.strata[row] for row in rows.tolist()] == list(tasks.sample.strata)
        assert again.sample.seed == tasks.sample.seed
    write_tasks(path.with_stem("again"), again)
    assert path.with_stem("again").read_bytes() == path.read_bytes()


def test_lines_are_as_documented(tmp_path: Path) -> None:
    questions = Questions.from_columns(["a.png", "a.png"], np.array([2, 0]), NAMED)
    write_tasks(tmp_path / "t.jsonl", make_tasks(questions))
    assert (tmp_path / "t.jsonl").read_text() == (
        '{"task": 0, "image": "a.png", "classes": [{"class": "cat", "name": "cat"}, '
        '{"class": "cup, beaker", "name": "cup, beaker"}], "reason": "all of the image"}\n'
    )


def test_classes_with_wnids_are_written_as_ids(tmp_path: Path) -> None:
    classes = Classes(2, wnids=("n00000001", "n00000002"), names=("cat", "dog"))
    write_tasks(tmp_path / "t.jsonl", make_tasks(Questions.from_columns(["a.png"], np.array([1]), classes)))
    text = (tmp_path / "t.jsonl").read_text()
    assert '{"class": 1, "name": "dog"}' in text
    (tmp_path / "t.jsonl").write_text("\n" + text.replace('"task": 0', '"task": 12, "note": [1]') + "\n")
    tasks = read_tasks(tmp_path / "t.jsonl", classes)
    assert (tasks.task_numbers.tolist(), tasks.class_ids_of(0).tolist()) == ([12], [1])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[1]", "not-a-task at t.jsonl, line 1"),
        ('{"image": "a.png", "class": "cat"}', "not-a-task at t.jsonl, line 1"),
        ('{"task": true, "image": "a.png", "classes": [{"class": 1}]}', "not-a-task at t.jsonl, line 1"),
        ('{"task": 0, "image": "", "classes": [{"class": 1}]}', "not-a-task at t.jsonl, line 1"),
        ('{"task": 0, "image": "a.png", "classes": []}', "not-a-task at t.jsonl, line 1"),
        ('{"task": 0, "image": "a.png", "classes": [{"class": 1}], "golden": 1}', "not-a-task at t.jsonl, line 1"),
        ('{"task": 0, "image": "a.png", "classes": [{"class": 1}], "probability": 0}', "not-a-task at t.jsonl, line 1"),
        ('{"sample": {}}\n{"sample": {}}', "not-a-task at t.jsonl, line 2"),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}], "probability": 0.5}\n'
            '{"task": 1, "image": "a.png", "classes": [{"class": 0}]}',
            "two-probabilities at t.jsonl, line 2",
        ),
        ('{"task": 0, "image": "a.png", "classes": [{"class": 1}, {"class": "cat"}]}', "not-a-task at t.jsonl, line 1"),
        ('{"task": 0, "image": "a.png", "classes": [{"class": 1}], "reason": 5}', "not-a-task at t.jsonl, line 1"),
        ('{"task": 0, "image": "a.png", "image": "b.png"}', "duplicate-name at t.jsonl, line 1"),
        ('{"task": 0,', "not-json at t.jsonl, line 1"),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": "1"}]}\n\n'
            '{"task": 1, "image": "a.png", "classes": [{"class": "cow"}]}',
            "unknown-class at t.jsonl, line 3",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}]}\n'
            '{"task": 1, "image": "a.png", "classes": [{"class": 1}]}',
            "duplicate-question at t.jsonl, image a.png, class dog",
        ),
        (
            '\n{"task": 0, "image": "a.png", "classes": [{"class": 1}, {"class": 1}]}',
            "duplicate-question at t.jsonl, image a.png, class dog",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}]}\n'
            '{"task": 1, "image": "a.png", "classes": [{"class": 3}]}',
            "out-of-range at t.jsonl, line 2",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": "cat"}, {"class": " "}]}',
            "not-a-task at t.jsonl, line 1",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}]}\n'
            '{"task": 0, "image": "b.png", "classes": [{"class": 1}]}',
            "duplicate-task at t.jsonl",
        ),
        *(
            (
                f'{{"sample": {{{first}}}}}\n'
                '{"task": 0, "image": "a.png", "classes": [{"class": 1}], "probability": 0.5}',
                "wrong-sample at t.jsonl",
            )
            for first in ('"images": 2', '"questions": 0', '"seed": -1', '"for": 1', '"predictions": [1]')
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}]}\n'
            '{"task": 1, "image": "b.png", "classes": [{"class": "cat"}]}',
            "ids-and-names at t.jsonl",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 0, "name": "cat"}, {"class": 1}]}\n'
            '{"task": 1, "image": "b.png", "classes": [{"class": 1, "name": "cock"}]}',
            "other-class-name at t.jsonl, line 2",
        ),
        ('{"task": 0, "image": "a.png", "classes": [{"class": 1, "name": NaN}]}', "not-a-task at t.jsonl, line 1"),
    ],
)
def test_invalid_tasks_raise(refused: Refused, tmp_path: Path, line: str, expected: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(line)
    assert refused(read_tasks, path, NAMED) == expected
    assert refused(read_tasks, tmp_path / "t.csv") == "wrong-suffix at t.csv"


DESIGN = SampleDesign(
    np.array([0, 0, 0, 0, 1]),
    ("settled", "1"),
    np.array([10, 5]),
    np.array([True, False]),
    5,
    ("top-1", "candidates"),
)
DRAWN = Sample(
    ("c.png", "a.png", "d.png", "e.png", "b.png"),
    np.array([0.2, 0.4, 0.2, 0.4, 1 / 3]),
    ("settled", "1", "settled", "1", "1"),
    "difference",
    4,
    ("ab",),
    DESIGN,
)


def write_drawn(path: Path) -> str:
    names = ["c.png", "a.png", "a.png", "d.png", "e.png", "b.png"]
    pairs = Questions.from_columns(names, np.array([0, 1, 2, 0, 1, 1]), NAMED)
    write_tasks(path, replace(make_tasks(pairs), sample=DRAWN))
    return path.read_text()


def test_design_of_a_sample_is_read_back_in_drawn_order(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    first = write_drawn(path).splitlines()[0]
    assert first == (
        '{"sample": {"for": "difference", "seed": 4, "images": 5, "questions": 6, "predictions": ["ab"], "planned": 5, '
        '"question_rule": ["top-1", "candidates"], "strata": [{"name": "settled", "images": 10, "settled": true}, '
        '{"name": "1", "images": 5, "settled": false}]}}'
    )
    again = read_tasks(path, NAMED).sample
    assert again is not None
    assert again.design is not None
    assert (again.images, again.strata, again.design.question_rule) == (
        DRAWN.images,
        DRAWN.strata,
        DESIGN.question_rule,
    )
    for name in ("batches", "stratum_sizes", "is_settled"):
        assert getattr(again.design, name).tolist() == getattr(DESIGN, name).tolist()
    assert (again.design.planned, again.design.n_images) == (5, 15)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"planned": 5', '"planned": 4', "wrong-sample at t.jsonl"),
        ('"planned": 5, ', "", "wrong-sample at t.jsonl"),
        ('"for": "difference"', '"for": "golden"', "wrong-sample at t.jsonl"),
        ('["top-1", "candidates"]', '["top-1", "top-1"]', "wrong-sample at t.jsonl"),
        ('"probability": 0.2', '"probability": 0.25', "wrong-sample at t.jsonl, image c.png"),
        ('"images": 10', '"images": 11', "wrong-sample at t.jsonl, image c.png"),
        ('"images": 10', f'"images": {2**62}', "out-of-range at t.jsonl"),
        ('"settled": false', '"settled": true', "wrong-sample at t.jsonl"),
        ('"task": 2', '"task": 9', "wrong-sample at t.jsonl, line 4"),
        ('["top-1", "candidates"]', "[1]", "wrong-sample at t.jsonl"),
        ('"settled": true', '"settled": 1', "wrong-sample at t.jsonl"),
        ('"images": 10', '"images": 0', "out-of-range at t.jsonl"),
        ('"name": "settled"', '"name": "1"', "duplicate-name at t.jsonl"),
        ('"stratum": "settled"', '"stratum": "2"', "unknown-name at t.jsonl, image c.png"),
        ('"1", "images": 5', '"1", "images": 1', "wrong-sample at t.jsonl, stratum 1"),
        (', "batch": 1', "", "wrong-sample at t.jsonl, line 6"),
        ('"batch": 1', '"batch": -1', "not-a-task at t.jsonl, line 6"),
        ('"batch": 1', '"batch": 2', "wrong-sample at t.jsonl"),
    ],
)
def test_wrong_design_is_refused(tmp_path: Path, old: str, new: str, expected: str, refused: Refused) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(write_drawn(path).replace(old, new, 1))
    assert refused(read_tasks, path, NAMED) == expected


def test_lines_out_of_drawn_order_are_refused(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "t.jsonl"
    first, *lines = write_drawn(path).splitlines()
    path.write_text("\n".join([first, *reversed(lines)]))
    assert refused(read_tasks, path, NAMED) == "wrong-sample at t.jsonl, line 2"
