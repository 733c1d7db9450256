"""One line of a task file."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from reassess.core.class_names import MAX_CLASSES
from reassess.errors import DataError
from reassess.formats.json_files import unique_key_hook
from reassess.text import shorten

MAX_NUMBER = 2**63 - 1
TASK_EXAMPLE = '{"task": 0, "image": "a.png", "classes": [{"class": 7, "name": "cock"}], "reason": "all of the image"}'
_MAX_QUOTED_LENGTH = 60  # characters of a bad value in a message


class ClassFacts(NamedTuple):
    """What a line says about a class that it asks about."""

    models: list[int]  # the models whose first class it is, as positions in the first line
    is_original: bool
    is_valid: bool | None  # None if this is not known yet


@dataclass(frozen=True)
class TaskLine:
    """A task that was read from a line of a file."""

    line_number: int  # from 1
    where: str
    number: int  # of the task
    image: str
    classes: list[int | str]
    names: list[str | None]
    facts: list[ClassFacts]
    reason: str
    is_golden: bool
    probability: float | None
    stratum: str
    batch: int | None


def parse_json(text: str, where: str) -> Any:
    """Parse a line; raise `DataError` if it is not JSON."""
    try:
        return json.loads(text, object_pairs_hook=unique_key_hook(where))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            "not-json", "line is not JSON", where=where, found=str(error), fix="write the line again"
        ) from error


def read_task(task: Any, line_number: int, where: str) -> TaskLine:
    """Read a task from a parsed line; raise `DataError` if it is not a task."""
    if not isinstance(task, dict):
        raise _task_error(where, "an object", task)
    if "class" in task and not task.keys() & {"task", "classes"}:
        raise DataError("not-a-task", "line is a question, not a task", where=where, fix="reassess tasks CANDIDATES")
    image: Any = task.get("image")
    number, reason, class_objects = task.get("task", -1), task.get("reason", ""), task.get("classes")
    is_golden, probability, stratum = task.get("golden", False), task.get("probability"), task.get("stratum", "")
    batch = task.get("batch")
    objects = (
        class_objects
        if isinstance(class_objects, list) and all(isinstance(value, dict) for value in class_objects)
        else []
    )
    class_texts, names = ([value.get(key) for value in objects] for key in ("class", "name"))
    are_texts = all(isinstance(text, str) and text.strip() for text in class_texts)
    are_classes = are_texts or all(is_whole_number_up_to(text, MAX_CLASSES - 1) for text in class_texts)
    for fits, allowed, found_value in (
        (is_whole_number_up_to(number, MAX_NUMBER), "task: a whole number from 0", number),
        (isinstance(image, str) and image, "image: the name of an image", image),
        (isinstance(reason, str), "reason: text", reason),
        (objects, "classes: a list of objects, each with a class", class_objects),
        (are_classes, "class: an id from 0, or text, in all of the list", class_texts),
        (all(name is None or isinstance(name, str) for name in names), "name: text", names),
        (all(map(_has_facts, objects)), "models: a list of whole numbers; original, valid: true or false", objects),
        (isinstance(is_golden, bool), "golden: true or false", is_golden),
        (
            probability is None or _is_positive_probability(probability),
            "probability: above 0, and at most 1",
            probability,
        ),
        (isinstance(stratum, str), "stratum: text", stratum),
        (batch is None or is_whole_number_up_to(batch, MAX_NUMBER), "batch: a whole number from 0", batch),
    ):
        if not fits:
            raise _task_error(where, allowed, found_value)
    facts = [ClassFacts(value.get("models", []), value.get("original", False), value.get("valid")) for value in objects]
    return TaskLine(
        line_number, where, number, image, class_texts, names, facts, reason, is_golden, probability, stratum, batch
    )


def _has_facts(value: dict[str, Any]) -> bool:
    """Return whether the optional keys of a class have values of the right type."""
    models = value.get("models", [])
    return (
        isinstance(models, list)
        and all(is_whole_number_up_to(model, MAX_NUMBER) for model in models)
        and isinstance(value.get("original", False), bool)
        and isinstance(value.get("valid", False), bool)
    )


def _is_positive_probability(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _task_error(where: str, allowed: str, found_value: Any) -> DataError:
    return DataError(
        "not-a-task",
        "line is not a task",
        where=where,
        allowed=f"{allowed}, as in {TASK_EXAMPLE}",
        found=shorten(json.dumps(found_value), _MAX_QUOTED_LENGTH),
    )


def is_whole_number_up_to(value: Any, maximum: int) -> bool:
    """Return whether a value of a JSON document is a whole number from 0 to a maximum."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= maximum
