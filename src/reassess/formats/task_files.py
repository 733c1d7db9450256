"""Task files: JSON lines with a task on each line, and files for Label Studio."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reassess.core import Classes, Questions, Tasks, Votes
from reassess.core.checks import check_range, check_type, find_first_duplicate
from reassess.errors import DataError, add_error_place
from reassess.formats.files import as_path, check_suffix, read_lines, write_to_temporary
from reassess.formats.label_studio_tasks import LABEL_STUDIO_SUFFIX, write_label_studio_tasks
from reassess.formats.question_columns import class_ids_from_column, mixed_ids_error
from reassess.formats.sample_lines import class_keys, make_facts, make_header, make_sample, sample_keys
from reassess.formats.task_lines import TASK_EXAMPLE, TaskLine, parse_json, read_task

TASK_SUFFIXES = (".jsonl",)


def read_tasks(path: str | Path, classes: Classes | None = None) -> Tasks:
    r"""Read tasks from a file in the format of `write_tasks`.

    Parameters
    ----------
    path
        JSON lines: ``task`` (a whole number from 0, each once), ``image``, ``classes`` (a list of objects, each with
        ``class``, an id, wnid or name, and its ``name``, which may be missing) and ``reason`` (text; may be missing).
        ``golden`` (true: experts answer it too), and ``probability``, ``stratum`` and ``batch`` of an image that was
        drawn at random, may be missing. The first line may say how images were drawn: ``{"sample": {"for": "golden",
        "seed": 0, "images": 1, "questions": 2, "predictions": []}}``. For `reassess sample`, it also has ``models``,
        ``planned`` (number of images), ``question_rule`` and ``strata``, and images are in drawn order. The objects of
        ``classes`` then have ``models`` (whose first class it is, as positions in the list of models), ``original``
        (true: it is the original label) and, if it is answered already, ``valid``. Other keys are not read.
    classes
        The classes of the benchmark.

    Raises
    ------
    DataError
        A line is not a task; a name is not a class, or fits two classes; a class has another name in the benchmark; a
        question is in two tasks.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "tasks.jsonl"
    >>> _ = path.write_text('{"task": 0, "image": "a.png", "classes": [{"class": 7}, {"class": 3}]}\n')
    >>> read_tasks(path)
    Tasks(1 task, 2 questions, 1 image)
    """
    path = as_path(path)
    check_type(Classes, classes, is_optional=True)
    check_suffix(path, TASK_SUFFIXES, "tasks", fix="make tasks from a table of candidates: reassess tasks")
    return parse_tasks(read_lines(path), classes, path)


def parse_tasks(texts: Iterable[str], classes: Classes | None, path: Path) -> Tasks:
    """Make tasks from the lines of a task file."""
    drawn, lines = _read_task_lines(texts, path)
    if not lines:
        raise DataError(
            "empty-file",
            "file has no tasks",
            where=path,
            allowed=f"lines such as {TASK_EXAMPLE}",
            fix="write the file again",
        )
    sizes = np.array([len(line.classes) for line in lines])
    line_of_question = [line for line in lines for _ in line.classes]
    with add_error_place(path):
        class_ids, classes = _find_class_ids(path, lines, classes)
    check_range(class_ids, 0, classes.largest_id, value_name="class id", where=lambda row: line_of_question[row].where)
    _check_class_names(lines, class_ids.tolist(), classes)
    _refuse_repeated_tasks(path, lines)
    _refuse_repeated_questions(path, line_of_question, class_ids.tolist(), classes)
    position: dict[str, int] = {}
    image_ids = np.array([position.setdefault(line.image, len(position)) for line in lines], np.int32)
    with add_error_place(path):
        questions = Questions(
            images=tuple(position), image_ids=np.repeat(image_ids, sizes), class_ids=class_ids, classes=classes
        )
        golden = np.array([line.is_golden for line in lines])
        return Tasks(
            questions=questions,
            indptr=np.concatenate([[0], np.cumsum(sizes)]),
            task_numbers=np.array([line.number for line in lines], np.int64),
            reasons=tuple(line.reason for line in lines),
            is_golden=golden if golden.any() else None,
            sample=make_sample(path, lines, drawn),
            facts=make_facts(lines, drawn),
        )


def _read_task_lines(texts: Iterable[str], path: Path) -> tuple[dict[str, Any], list[TaskLine]]:
    """Read the tasks, and the settings of the random draw if the first line has them."""
    drawn: dict[str, Any] | None = None
    lines: list[TaskLine] = []
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        where = f"{path}, line {number}"
        task = parse_json(text, where)
        if not lines and drawn is None and isinstance(task, dict) and isinstance(task.get("sample"), dict):
            drawn = task["sample"]
        else:
            lines.append(read_task(task, number, where))
    return drawn or {}, lines


def _check_class_names(lines: Sequence[TaskLine], class_ids: Sequence[int], classes: Classes) -> None:
    """Raise if a class has another name in the benchmark, because the tasks use another class list."""
    if not classes.names:
        return
    named = ((line, *names) for line in lines for names in zip(line.classes, line.names, strict=True))
    for (line, class_text, name), class_id in zip(named, class_ids, strict=True):
        # If names were unknown when the tasks were written, the name is the id or wnid again.
        if name not in (None, str(class_text), classes.short_name(class_id)):
            raise DataError(
                "other-class-name",
                f"class {class_id} has another name in the benchmark",
                where=line.where,
                allowed=classes.short_name(class_id),
                found=name,
                fix="make the tasks again, from questions of this benchmark",
            )


def _refuse_repeated_tasks(path: Path, lines: Sequence[TaskLine]) -> None:
    if repeat := find_first_duplicate([line.number for line in lines]):
        raise DataError(
            "duplicate-task",
            f"task {lines[repeat[0]].number} is listed twice",
            where=path,
            found=_describe_both_lines(*(lines[place] for place in repeat)),
            fix="give each task its own id",
        )


def _refuse_repeated_questions(
    path: Path, line_of_question: Sequence[TaskLine], class_ids: Sequence[int], classes: Classes
) -> None:
    if repeat := find_first_duplicate(
        [(line.image, class_id) for line, class_id in zip(line_of_question, class_ids, strict=True)]
    ):
        first, again = (line_of_question[place] for place in repeat)
        raise DataError(
            "duplicate-question",
            "question is asked twice",
            where=f"{path}, image {first.image}, class {classes.short_name(class_ids[repeat[0]])}",
            found=_describe_both_lines(first, again),
            fix="remove one of the two questions",
        )


def _describe_both_lines(first: TaskLine, second: TaskLine) -> str:
    return (
        f"line {first.line_number}, twice" if first is second else f"lines {first.line_number} and {second.line_number}"
    )


def _find_class_ids(
    path: Path, lines: Sequence[TaskLine], classes: Classes | None
) -> "tuple[np.ndarray[Any, np.dtype[np.int32]], Classes]":
    import polars as pl

    class_texts = [text for line in lines for text in line.classes]
    if len({type(text) for text in class_texts}) > 1:
        raise mixed_ids_error(path)
    dtype = pl.String if isinstance(class_texts[0], str) else pl.Int64
    try:
        class_ids, classes = class_ids_from_column(path, pl.Series("class", class_texts, dtype), classes)
    except DataError as error:
        if error.code == "unknown-class" and classes is not None:
            unknown_places = (
                line.where for line in lines if any(classes.id_of(str(text), where="") < 0 for text in line.classes)
            )
            error.where = next(unknown_places)
        raise
    return class_ids.astype(np.int32), classes


def write_tasks(path: str | Path, tasks: Tasks, *, model_votes: Votes | None = None, force: bool = False) -> None:
    r"""Write tasks, one per line, or as a file for Label Studio.

    A line is ``{"task": 0, "image": "a.png", "classes": [{"class": 7, "name": "cock"}], "reason": "all of the
    image"}``: the number of the task, the image, the classes to ask about, and the reason to ask about them in one
    task. Each class has its id (or its name, if classes are written by name) and a short name for people. Golden tasks
    have ``"golden": true``. If images were drawn at random, their tasks have ``probability`` (of being drawn),
    ``stratum`` and, if the sample has a design, ``batch``. The first line then says how the sample was drawn. For tasks
    of `reassess sample`, each class also has the keys that `read_tasks` lists.

    For Label Studio, ``pets.labelstudio.json`` has the tasks to import, and ``pets.labelstudio.xml`` the labelling
    configuration of the project. `read_votes` reads the votes in its export.

    Parameters
    ----------
    path
        JSON lines, or a name that ends in .labelstudio.json.
    tasks
        The tasks. The same tasks give the same bytes.
    model_votes
        Answers of models, which become predictions in Label Studio. A file of JSON lines does not store them.
    force
        Overwrite existing files.

    Raises
    ------
    DataError
        The file has another suffix.
    OutputError
        A file exists, or cannot be written; or the tasks were drawn at random, which Label Studio cannot store.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "tasks.jsonl"
    >>> questions = Questions.from_columns(["a.png"], np.array([1]), Classes(2, names=("cat", "dog")))
    >>> write_tasks(path, Tasks(questions, np.array([0, 1]), np.arange(1), ["all of the image"]))
    >>> print(path.read_text().strip())
    {"task": 0, "image": "a.png", "classes": [{"class": "dog", "name": "dog"}], "reason": "all of the image"}
    """
    check_type(Tasks, tasks)
    path = as_path(path)
    if check_suffix(path, (*TASK_SUFFIXES, LABEL_STUDIO_SUFFIX), "tasks") == LABEL_STUDIO_SUFFIX:
        write_label_studio_tasks(path, tasks, model_votes, force=force)
        return
    with (
        write_to_temporary(path, force=force) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(f"{line}\n" for line in format_tasks(tasks))


def format_tasks(tasks: Tasks) -> Iterator[str]:
    """Return the lines of a task file."""
    questions, facts = tasks.questions, tasks.facts
    class_texts = questions.classes.to_column(questions.class_ids).to_list()
    classes = [
        {"class": name, "name": questions.classes.short_name(class_id)}
        | ({} if facts is None else class_keys(facts, question))
        for question, (name, class_id) in enumerate(zip(class_texts, questions.class_ids.tolist(), strict=True))
    ]
    ends = tasks.indptr.tolist()
    sample, golden = tasks.sample, tasks.golden_mask.tolist()
    drawn = np.full(len(questions.images), -1) if sample is None else sample.rows_of(questions.images)
    if sample is not None:
        n_questions = int(np.count_nonzero(drawn[questions.image_ids] >= 0))
        header = make_header(sample, facts, np.unique(drawn[drawn >= 0]).size, n_questions)
        yield json.dumps({"sample": header}, ensure_ascii=False)
    for task, number in enumerate(tasks.task_numbers.tolist()):
        line: dict[str, Any] = {
            "task": number,
            "image": tasks.image_of(task),
            "classes": classes[ends[task] : ends[task + 1]],
            "reason": tasks.reasons[task],
        }
        if golden[task]:
            line["golden"] = True
        if sample is not None and (row := int(drawn[questions.image_ids[ends[task]]])) >= 0:
            line |= sample_keys(sample, row)
        yield json.dumps(line, ensure_ascii=False)
