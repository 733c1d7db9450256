"""Tasks for Label Studio: a file of tasks to import, and the labelling configuration of the project."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reassess.core import Tasks, Votes
from reassess.errors import OutputError
from reassess.formats.files import atomic_writes, check_output, write_to_temporary
from reassess.formats.label_studio import (
    ANSWER_CONTROL,
    CLASS_KEY,
    IMAGE_KEY,
    IMAGE_NAME_KEY,
    LOCAL_FILES,
    QUESTIONS_KEY,
)

LABEL_STUDIO_SUFFIX = ".labelstudio.json"
_IMAGES_FOLDER = "images"  # of a benchmark folder
_CONFIGURATION = f"""<View>
  <Image name="image" value="${IMAGE_KEY}"/>
  <Header value="Is this class in the image?"/>
  <Repeater on="${QUESTIONS_KEY}" indexFlag="{{{{idx}}}}">
    <Header size="5" value="${QUESTIONS_KEY}[{{{{idx}}}}].name"/>
    <Choices name="{ANSWER_CONTROL}{{{{idx}}}}" toName="image" choice="single-radio" required="true" showInline="true">
      <Choice value="no"/>
      <Choice value="maybe"/>
      <Choice value="yes"/>
    </Choices>
  </Repeater>
</View>
"""


def write_label_studio_tasks(path: Path, tasks: Tasks, model_votes: Votes | None, *, force: bool = False) -> None:
    """Write tasks to import, and the labelling configuration with the suffix xml; see `reassess.write_tasks`."""
    if tasks.sample is not None:
        raise OutputError(
            "sampled-tasks",
            "tasks for Label Studio cannot store how images were drawn at random",
            where=path,
            fix="write a .jsonl file, or do not draw golden questions",
        )
    configuration = path.with_suffix(".xml")
    check_output(configuration, force=force)
    with atomic_writes():
        with write_to_temporary(path, force=force) as temporary:
            records = list(_iterate_records(tasks, model_votes))
            temporary.write_text(json.dumps(records, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        with write_to_temporary(configuration, force=force) as temporary:
            temporary.write_text(_CONFIGURATION, encoding="utf-8")


def _iterate_records(tasks: Tasks, model_votes: Votes | None) -> Iterator[dict[str, Any]]:
    """Yield the object of each task: its data, and the answers of models as predictions."""
    questions = tasks.questions
    class_texts = questions.classes.to_column(questions.class_ids).to_list()
    names = [questions.classes.short_name(class_id) for class_id in questions.class_ids.tolist()]
    ends = tasks.indptr.tolist()
    rows = None if model_votes is None else model_votes.find_positions(questions).tolist()
    for task, number in enumerate(tasks.task_numbers.tolist()):
        own = range(ends[task], ends[task + 1])
        image = tasks.image_of(task)
        data = {
            IMAGE_KEY: f"{LOCAL_FILES}?d={quote(f'{_IMAGES_FOLDER}/{image}')}",
            IMAGE_NAME_KEY: image,
            QUESTIONS_KEY: [{CLASS_KEY: class_texts[row], "name": names[row]} for row in own],
            "task": number,
            "reason": tasks.reasons[task],
        }
        record: dict[str, Any] = {"data": data}
        if model_votes is not None and rows is not None:
            record["predictions"] = _make_predictions(model_votes, [rows[row] for row in own])
        yield record


def _make_predictions(votes: Votes, rows: list[int]) -> list[dict[str, Any]]:
    """Return a prediction per model, with its answers to the questions of a task; -1 is a question without votes."""
    results: dict[str, list[dict[str, Any]]] = {}
    for position, row in enumerate(rows):
        for model, answer in votes.votes_on(row) if row >= 0 else ():
            results.setdefault(str(model), []).append(
                {
                    "id": f"{ANSWER_CONTROL}{position}",
                    "from_name": f"{ANSWER_CONTROL}{position}",
                    "to_name": "image",
                    "type": "choices",
                    "value": {"choices": [str(answer)]},
                }
            )
    return [{"model_version": model, "result": result} for model, result in results.items()]
