"""Votes in an export of Label Studio: JSON with a task per object, or JSON_MIN with an annotation per object.

The rules, with an example each, are in docs/exchange.md.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from reassess.core import Classes, Id, Votes
from reassess.core.answers import are_known_answers
from reassess.core.checks import check_unicode, find_first_duplicate
from reassess.errors import DataError, ReassessWarning
from reassess.formats.json_files import wrong_json_error
from reassess.formats.label_studio import (
    ANSWER_CONTROL,
    IMAGE_NAME_KEY,
    LabelStudioTask,
    find_rater,
    read_export,
    read_task_data,
)
from reassess.formats.votes.vote_tables import votes_from_table
from reassess.text import count_noun, join_first

if TYPE_CHECKING:
    import polars as pl


_ALLOWED = "an export of Label Studio: a list of tasks with annotations (JSON), or of annotations (JSON_MIN)"
_CHOICES = "choices: a list of texts"
_ANSWER_NAME = re.compile(rf"{ANSWER_CONTROL}(0|[1-9][0-9]{{,5}})")
_MIN_KEYS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"}
_REGION_KEYS = {"x", "start", "brushDataRow", "rle", "ranges"}  # of a choice about a region of an image


class _Annotation(NamedTuple):
    """What a rater submitted for a task."""

    task: LabelStudioTask
    rater: Id
    seconds: float | None
    choices: dict[str, list[str]]  # by control
    is_used: bool = True  # False for ground truth if votes are read, and for votes if ground truth is read


class _Vote(NamedTuple):
    image: str
    class_text: Id | None  # None if the answer is a class
    rater: Id
    answer: str
    seconds: float | None = None


_Rule = Callable[[_Annotation, dict[str, list[str]]], list[_Vote]]


def read_label_studio_votes(
    path: Path,
    answers: Sequence[Id] | None,
    classes: Classes | None,
    *,
    golden: bool = False,
    raise_if_contradictory: bool = False,
) -> Votes:
    """Read votes from an export of Label Studio; see `reassess.read_votes`."""
    export = read_export(path, _ALLOWED, "votes")
    unused: Counter[str] = Counter()
    is_minimal = all("annotation_id" in record and "annotations" not in record for record in export)
    if is_minimal and golden:
        raise DataError(
            "missing-votes",
            "JSON_MIN does not say which annotations are ground truth",
            where=path,
            fix="export the project as JSON",
        )
    read = _read_minimal if is_minimal else _read_full
    annotations = list(read(path, export, golden, unused))
    _refuse_two_annotations(annotations)
    _refuse_shared_names(annotations)
    votes = list(_iterate_votes(path, annotations, answers, classes, unused))
    not_used = _describe_unused(unused)
    if not votes:
        raise DataError(
            "missing-votes",
            "no annotation is ground truth" if golden else "export has no votes",
            where=path,
            found=not_used or "tasks without annotations",
            fix="mark experts' annotations as ground truth in Label Studio, and export again"
            if golden
            else "export annotated tasks as JSON; a project with other tags than Choices has no votes",
        )
    if not_used and not golden:
        warnings.warn(f"{path}: not used: {not_used}", ReassessWarning, stacklevel=2)
    table = _make_table(path, votes)
    return votes_from_table(path, table, answers, classes, raise_if_contradictory=raise_if_contradictory)


def _describe_unused(unused: Counter[str]) -> str:
    nouns = [count_noun(count, *nouns.split("|")) for nouns, count in unused.items() if count]
    return join_first(nouns, max_items=len(nouns))


def _read_full(path: Path, export: list[dict[str, Any]], golden: bool, unused: Counter[str]) -> Iterator[_Annotation]:
    """Yield the submitted annotations of tasks; with `golden`, only ground truth is used, and otherwise all others."""
    for number, record in enumerate(export, 1):
        where = f"{path}, task {record.get('id', number)}"
        annotations = record.get("annotations")
        if not isinstance(annotations, list) or not all(isinstance(value, dict) for value in annotations):
            raise wrong_json_error("votes", record, where=where, allowed=_ALLOWED)
        task = read_task_data(where, record.get("data"))
        unused["draft"] += _count(record.get("drafts"))
        unused["prediction"] += _count(record.get("predictions"))
        if not annotations:
            unused["task without annotations|tasks without annotations"] += 1
        for annotation in annotations:
            is_truth = bool(annotation.get("ground_truth"))
            is_used = is_truth is golden
            rater = find_rater(annotation.get("completed_by"))
            if annotation.get("was_cancelled"):
                unused["skipped annotation"] += 1
            elif is_used and rater is None:
                unused["annotation without completed_by|annotations without completed_by"] += 1
            else:
                if is_truth and not golden:
                    unused["ground truth annotation (golden answers)|ground truth annotations (golden answers)"] += 1
                choices = _read_choices(where, annotation.get("result"), unused if is_used else Counter())
                seconds = _read_seconds(annotation.get("lead_time"), unused if is_used else Counter())
                yield _Annotation(task, "" if rater is None else rater, seconds, choices, is_used)


def _count(values: Any) -> int:
    return len(values) if isinstance(values, list) else 0


def _read_seconds(value: Any, unused: Counter[str]) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value < float("inf"):
        return float(value)
    if value is not None:
        unused["lead_time that is not a duration|lead_times that are not durations"] += 1
    return None


def _read_choices(where: str, result: Any, unused: Counter[str]) -> dict[str, list[str]]:
    """Return the choices of an annotation, by control; count answers of other kinds."""
    choices: dict[str, list[str]] = {}
    if not isinstance(result, list) or not all(isinstance(value, dict) for value in result):
        raise wrong_json_error("results of an annotation", result, where=where, allowed="a list of objects")
    for entry in result:
        value, kind, control = entry.get("value"), entry.get("type"), str(entry.get("from_name"))
        if kind != "choices":
            unused[f"{kind} result"] += 1
        elif not isinstance(value, dict) or not _are_texts(value.get("choices")):
            raise wrong_json_error("choices", value, where=where, allowed=_CHOICES)
        elif value.keys() & _REGION_KEYS:
            unused["choice about a region|choices about regions"] += 1
        else:
            choices[control] = list(dict.fromkeys((*choices.get(control, ()), *value["choices"])))
    return choices


def _are_texts(values: Any) -> TypeGuard[list[str]]:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _read_minimal(path: Path, export: list[dict[str, Any]], _: bool, unused: Counter[str]) -> Iterator[_Annotation]:
    """Yield the annotations of JSON_MIN: each object has the data of a task and the answers of an annotator."""
    for number, record in enumerate(export, 1):
        where = f"{path}, task {record.get('id', number)}"
        data = {key: value for key, value in record.items() if key not in _MIN_KEYS}
        task = read_task_data(where, data)
        if task.questions:
            raise DataError(
                "missing-votes",
                "JSON_MIN has no answers to repeated controls",
                where=where,
                fix="export the project as JSON",
            )
        rater = find_rater(record.get("annotator"))
        if rater is None:
            unused["annotation without annotator|annotations without annotator"] += 1
            continue
        values = {key: value for key, value in data.items() if key not in task.data_keys}
        listed = {key: value.get("choices") if isinstance(value, dict) else [value] for key, value in values.items()}
        for value in values.values():
            if isinstance(value, dict) and "choices" in value and not _are_texts(value["choices"]):
                raise wrong_json_error("choices", value, where=where, allowed=_CHOICES)
        choices = {key: list(chosen) for key, chosen in listed.items() if _are_texts(chosen)}
        yield _Annotation(task, rater, _read_seconds(record.get("lead_time"), unused), choices)


def _refuse_two_annotations(annotations: Sequence[_Annotation]) -> None:
    """Raise if an annotator has two annotations of a task."""
    used = [annotation for annotation in annotations if annotation.is_used]
    if repeat := find_first_duplicate([(annotation.task.where, annotation.rater) for annotation in used]):
        first, again = (used[place] for place in repeat)
        raise DataError(
            "two-annotations",
            "annotator has two annotations of a task",
            where=f"{first.task.where}, annotator {first.rater}",
            found=" and ".join(join_first(list(value.choices.values())) or "no answer" for value in (first, again)),
            fix="delete one of them in Label Studio, and export again",
        )


def _iterate_votes(
    path: Path,
    annotations: Sequence[_Annotation],
    answers: Sequence[Id] | None,
    classes: Classes | None,
    unused: Counter[str],
) -> Iterator[_Vote]:
    """Yield the votes of annotations; count annotations without answers, and answers of other controls.

    Annotations that are not used count when the kind of votes is inferred, so that golden answers are of the same kind.
    """
    if any(annotation.task.questions for annotation in annotations):
        used = [_select_answers_to_questions(annotation) for annotation in annotations]
        make: _Rule = _votes_on_questions
    else:
        control = _find_control(path, annotations, answers, classes)
        used = [{key: value for key, value in row.choices.items() if key == control} for row in annotations]
        make = _find_rule(annotations, used)
    for annotation, own in zip(annotations, used, strict=True):
        if not annotation.is_used:
            continue
        for control in annotation.choices:
            if control not in own:
                unused[f"value of {control!r}|values of {control!r}"] += 1
        votes = make(annotation, own)
        if not votes:
            unused["annotation without an answer|annotations without an answer"] += 1
        for vote in votes:
            seconds = None if annotation.seconds is None else annotation.seconds / len(votes)
            yield vote._replace(seconds=seconds)


def _find_rule(annotations: Sequence[_Annotation], used: Sequence[dict[str, list[str]]]) -> _Rule:
    """Return how the choices of a project become votes, see docs/exchange.md."""
    chosen = list(dict.fromkeys(choice for row in used for choices in row.values() for choice in choices))
    if any(len(choices) > 1 for row in used for choices in row.values()):
        return partial(_votes_on_each_class, chosen)
    if are_known_answers(chosen) and all(row.task.class_text is not None for row in annotations):
        return _votes_on_class_of_task
    return _votes_for_one_class


def _select_answers_to_questions(annotation: _Annotation) -> dict[str, list[str]]:
    numbers = {key: _ANSWER_NAME.fullmatch(key) for key in annotation.choices}
    n_questions = len(annotation.task.questions)
    return {key: annotation.choices[key] for key, number in numbers.items() if number and int(number[1]) < n_questions}


def _votes_on_questions(annotation: _Annotation, used: dict[str, list[str]]) -> list[_Vote]:
    """Return the answers to the questions that `write_tasks` wrote."""
    task = annotation.task
    return [
        _Vote(task.image, task.questions[int(key.removeprefix(ANSWER_CONTROL))], annotation.rater, choice)
        for key, choices in used.items()
        for choice in choices
    ]


def _votes_on_each_class(chosen: list[str], annotation: _Annotation, used: dict[str, list[str]]) -> list[_Vote]:
    """Return yes for each class that a rater chose, and no for all other classes, if several can be chosen."""
    own = {choice for choices in used.values() for choice in choices}
    return [_Vote(annotation.task.image, c, annotation.rater, "yes" if c in own else "no") for c in chosen]


def _votes_on_class_of_task(annotation: _Annotation, used: dict[str, list[str]]) -> list[_Vote]:
    task = annotation.task
    return [_Vote(task.image, task.class_text, annotation.rater, choices[0]) for choices in used.values() if choices]


def _votes_for_one_class(annotation: _Annotation, used: dict[str, list[str]]) -> list[_Vote]:
    return [_Vote(annotation.task.image, None, annotation.rater, choices[0]) for choices in used.values() if choices]


def _find_control(
    path: Path, annotations: Sequence[_Annotation], answers: Sequence[Id] | None, classes: Classes | None
) -> str | None:
    """Return the name of the only control, or of the only control whose choices are all classes or answers."""
    chosen: dict[str, set[str]] = {}
    for annotation in annotations:
        for control, choices in annotation.choices.items():
            chosen.setdefault(control, set()).update(choices)
    fitting = list(chosen)
    if len(chosen) > 1 and classes is not None and classes.wnids_or_names:
        fitting = [control for control, texts in chosen.items() if all(map(classes.has_class, texts))]
    elif len(chosen) > 1 and answers:
        allowed = set(map(str, answers))
        fitting = [control for control, texts in chosen.items() if texts <= allowed]
    if chosen and len(fitting) != 1:
        raise DataError(
            "several-controls",
            "project has several controls with choices, and it is unclear which one has the votes",
            where=path,
            allowed="one control, or one whose choices are all in the class list",
            found=join_first(
                [f"{control} ({join_first(sorted(texts), max_items=3)})" for control, texts in chosen.items()]
            ),
            fix="give the class list, for example with --benchmark FOLDER",
        )
    return next(iter(fitting), None)


def _refuse_shared_names(annotations: Sequence[_Annotation]) -> None:
    """Raise if two images have the same name, since uploaded files have lost their folders."""
    urls: dict[str, str] = {}
    for task in (annotation.task for annotation in annotations):
        if urls.setdefault(task.image, task.image_url) != task.image_url:
            raise DataError(
                "duplicate-image",
                "two addresses have the same image name",
                where=task.where,
                found=f"{urls[task.image]} and {task.image_url}",
                fix=f"give each task the name of its image, as {IMAGE_NAME_KEY!r} in its data",
            )


def _make_table(path: Path, votes: Sequence[_Vote]) -> "pl.DataFrame":
    """Return a table with a row per vote, as `votes_from_table` reads it."""
    import polars as pl

    images, class_texts, raters, answers, seconds = zip(*votes, strict=True)
    texts = dict.fromkeys(map(str, (*images, *class_texts, *answers)))
    check_unicode(list(texts), value_name="a text", where=path)
    columns: dict[str, Any] = {"image": images}
    if class_texts[0] is not None:
        are_ids = all(isinstance(text, int) for text in class_texts)
        columns["class"] = pl.Series(class_texts if are_ids else list(map(str, class_texts)))
    columns |= {"rater": list(map(str, raters)), "answer": answers}
    if any(value is not None for value in seconds):
        columns["seconds"] = pl.Series(seconds, dtype=pl.Float64)
    return pl.DataFrame(columns)
