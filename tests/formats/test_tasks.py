"""Tasks as JSON lines: what is written is read again, and what is none is refused in whole sentences."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core.classes import Classes
from reassess.core.questions import Questions
from reassess.core.tasks import Tasks
from reassess.formats.task_files import read_tasks, write_tasks
from reassess.proposals.task_grouping import make_tasks
from tests.helpers import message

NAMED = Classes(3, names=("cat", "dog", "cup, beaker"))
FORM = '{"task": 0, "image": "a.png", "classes": [{"class": 7, "name": "cock"}], "reason": "all of the image"}'


def drawn(seed: int, classes: Classes) -> Tasks:
    rng = np.random.default_rng(seed)
    pairs = [(image, c) for image in ("b.png", "a.png", 'ü "1"\n.png') for c in range(3) if rng.random() < 0.7]
    pairs = pairs or [("a.png", 0)]
    questions = Questions.from_columns([image for image, _ in pairs], np.array([c for _, c in pairs]), classes)
    return make_tasks(questions, size=2)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, seed: int, by_name: bool) -> None:
    path = tmp_path_factory.mktemp("t") / "tasks.jsonl"
    tasks = drawn(seed, NAMED if by_name else Classes())
    write_tasks(path, tasks)
    again = read_tasks(path, NAMED if by_name else None)
    assert again.questions.images == tasks.questions.images
    for name in ("image_ids", "class_ids"):
        assert getattr(again.questions, name).tolist() == getattr(tasks.questions, name).tolist()
    assert (again.indptr.tolist(), again.numbers.tolist(), list(again.reasons)) == (
        tasks.indptr.tolist(),
        tasks.numbers.tolist(),
        list(tasks.reasons),
    )
    write_tasks(path.with_stem("again"), again)
    assert path.with_stem("again").read_bytes() == path.read_bytes()


def test_the_lines_are_as_documented(tmp_path: Path) -> None:
    questions = Questions.from_columns(["a.png", "a.png"], np.array([2, 0]), NAMED)
    write_tasks(tmp_path / "t.jsonl", make_tasks(questions))
    assert (tmp_path / "t.jsonl").read_text() == (
        '{"task": 0, "image": "a.png", "classes": [{"class": "cat", "name": "cat"}, '
        '{"class": "cup, beaker", "name": "cup, beaker"}], "reason": "all of the image"}\n'
    )


def test_classes_with_wnids_are_written_by_id_and_other_keys_are_not_read(tmp_path: Path) -> None:
    classes = Classes(2, wnids=("n00000001", "n00000002"), names=("cat", "dog"))
    write_tasks(tmp_path / "t.jsonl", make_tasks(Questions.from_columns(["a.png"], np.array([1]), classes)))
    text = (tmp_path / "t.jsonl").read_text()
    assert '{"class": 1, "name": "dog"}' in text
    (tmp_path / "t.jsonl").write_text("\n" + text.replace('"task": 0', '"task": 12, "note": [1]') + "\n")
    tasks = read_tasks(tmp_path / "t.jsonl", classes)
    assert (tasks.numbers.tolist(), tasks.class_ids(0).tolist()) == ([12], [1])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[1]", f"line is not a task\n  where:   DIR, line 1\n  allowed: an object, as in {FORM}\n  found:   [1]"),
        (
            '{"image": "a.png", "class": "cat"}',
            "line is a question, not a task\n  where:   DIR, line 1\n"
            "  fix:     make tasks of questions with reassess tasks",
        ),
        (
            '{"task": true, "image": "a.png", "classes": [{"class": 1}]}',
            f"line is not a task\n  where:   DIR, line 1\n  allowed: task: a whole number from 0, as in {FORM}\n"
            "  found:   true",
        ),
        (
            '{"task": 0, "image": "", "classes": [{"class": 1}]}',
            f"line is not a task\n  where:   DIR, line 1\n  allowed: image: the name of an image, as in {FORM}\n"
            '  found:   ""',
        ),
        (
            '{"task": 0, "image": "a.png", "classes": []}',
            "line is not a task\n  where:   DIR, line 1\n"
            f"  allowed: classes: a list of objects, each with a class, as in {FORM}\n  found:   []",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}, {"class": "cat"}]}',
            "line is not a task\n  where:   DIR, line 1\n"
            f'  allowed: class: an id from 0, or text, in all of the list, as in {FORM}\n  found:   [1, "cat"]',
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}], "reason": 5}',
            f"line is not a task\n  where:   DIR, line 1\n  allowed: reason: text, as in {FORM}\n  found:   5",
        ),
        (
            '{"task": 0, "image": "a.png", "image": "b.png"}',
            "a key is named twice\n  where:   DIR, line 1\n  found:   image\n  fix:     leave one out",
        ),
        (
            '{"task": 0,',
            "line is not JSON\n  where:   DIR, line 1\n"
            "  found:   Expecting property name enclosed in double quotes: line 1 column 12 (char 11)\n"
            "  fix:     write the file again",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": "1"}]}\n\n'
            '{"task": 1, "image": "a.png", "classes": [{"class": "cow"}]}',
            "a class is not one of the benchmark's\n  where:   DIR, line 3\n"
            "  allowed: names such as 'cat', 'dog', 'cup, beaker'\n  found:   cow\n"
            "  fix:     check the spelling, or add the class to the list of classes",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}]}\n'
            '{"task": 1, "image": "a.png", "classes": [{"class": 1}]}',
            "question is asked twice\n  where:   DIR, image a.png, class dog\n  found:   lines 1 and 2\n"
            "  fix:     leave one out",
        ),
        (
            '\n{"task": 0, "image": "a.png", "classes": [{"class": 1}, {"class": 1}]}',
            "question is asked twice\n  where:   DIR, image a.png, class dog\n  found:   line 2, twice\n"
            "  fix:     leave one out",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}]}\n'
            '{"task": 1, "image": "a.png", "classes": [{"class": 3}]}',
            "class id out of range\n  where:   DIR, line 2\n  allowed: 0 to 2\n  found:   3",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": "cat"}, {"class": " "}]}',
            "line is not a task\n  where:   DIR, line 1\n"
            f'  allowed: class: an id from 0, or text, in all of the list, as in {FORM}\n  found:   ["cat", " "]',
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}]}\n'
            '{"task": 0, "image": "b.png", "classes": [{"class": 1}]}',
            "task 0 stands twice\n  where:   DIR\n  found:   lines 1 and 2\n  fix:     number the tasks anew",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1}]}\n'
            '{"task": 1, "image": "b.png", "classes": [{"class": "cat"}]}',
            "classes are neither all ids nor all names\n  where:   DIR\n  allowed: whole numbers, or text",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 0, "name": "cat"}, {"class": 1}]}\n'
            '{"task": 1, "image": "b.png", "classes": [{"class": 1, "name": "cock"}]}',
            "class 1 has another name in the benchmark\n  where:   DIR, line 2\n  allowed: dog\n  found:   cock\n"
            "  fix:     make the tasks again, by questions of this benchmark",
        ),
        (
            '{"task": 0, "image": "a.png", "classes": [{"class": 1, "name": NaN}]}',
            f"line is not a task\n  where:   DIR, line 1\n  allowed: name: text, as in {FORM}\n  found:   [NaN]",
        ),
        ("\n", f"file has no tasks\n  where:   DIR\n  allowed: lines such as {FORM}\n  fix:     write it again"),
    ],
)
def test_what_are_no_tasks_is_refused(tmp_path: Path, line: str, expected: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(line)
    assert message(read_tasks, path, NAMED).replace(str(path), "DIR") == expected


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    assert message(read_tasks, tmp_path / "t.csv").replace(str(tmp_path), "DIR") == (
        "wrong kind of file for tasks\n  where:   DIR/t.csv\n  allowed: .jsonl\n  found:   .csv"
    )
