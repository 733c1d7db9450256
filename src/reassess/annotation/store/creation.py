"""Creating a campaign from its plan."""

from collections.abc import Collection, Iterator
from itertools import chain
from operator import itemgetter
from pathlib import Path
from secrets import randbelow, token_hex
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from reassess.annotation.addresses import is_server
from reassess.annotation.plan import CampaignPlan
from reassess.annotation.running_posterior import current_model
from reassess.annotation.store import schema
from reassess.annotation.store.campaign_files import check_replaceable, writing_campaign
from reassess.annotation.store.database import database_errors, enable_wal, opened
from reassess.annotation.store.people import insert_person
from reassess.annotation.store.schema import Kind, Role, Stage, note_form
from reassess.core import Tasks
from reassess.errors import add_place_to_errors

_ADDRESS = 16  # bytes of the random address of an image
_LARGEST_ID = 1 << 48  # in the range of integers in JavaScript


def create_campaign(address: str | Path, plan: CampaignPlan, *, now: float = 0.0, force: bool = False) -> None:
    """Create a campaign: an SQLite file, or tables in an empty database.

    With `force`, replace a file, unless it is a campaign with answers of people.
    """
    check_replaceable(address)
    if is_server(address):
        with database_errors(address), opened(address) as engine, engine.begin() as connection:
            _fill(connection, plan, now)
        return
    with writing_campaign(Path(address), force=force) as temporary:
        enable_wal(temporary)
        with opened(temporary) as engine, engine.begin() as connection:
            _fill(connection, plan, now)


def random_ids(count: int) -> list[int]:
    """Draw distinct random numbers, in random order."""
    ids: dict[int, None] = {}
    while len(ids) < count:
        ids[randbelow(_LARGEST_ID)] = None
    return list(ids)


def _fill(connection: Connection, plan: CampaignPlan, now: float) -> None:
    schema.metadata.create_all(connection)
    note_form(connection)
    rules, counts = plan.rules, plan.golden_counts()
    row = {name: getattr(rules, name) for name in ("per_question", "golden_share", "lease", "seed")}
    row |= {name: getattr(plan, name) for name in ("name", "at_least", "bar", "consent", "original_votes", "images")}
    row |= {"classes": plan.tasks.questions.classes.count, "has_local_ids": plan.tasks.questions.classes.has_local_ids}
    row |= {"id": 1, "golden_invalid": counts[0], "golden_valid": counts[1], "settings": dict(plan.settings)}
    row |= {name: None if rules.stop is None else getattr(rules.stop, name[5:]) for name in ("stop_low", "stop_high")}
    connection.execute(schema.campaign.insert(), row)
    parts = [plan.tasks] if plan.golden_tasks is None else [plan.tasks, plan.golden_tasks]
    number = {name: row for row, name in enumerate(dict.fromkeys(chain(*(part.questions.images for part in parts))), 1)}
    images = [
        {"id": row, "name": name, "address": token_hex(_ADDRESS), "sha256": plan.hashes.get(name), "original": label}
        for (name, row), label in zip(number.items(), _labels(plan, list(number)), strict=True)
    ]
    _insert(connection, schema.images, images)
    _insert(connection, schema.unasked, _unasked(plan, number))
    _insert(connection, schema.classes, list(_classes(plan, parts)))
    examples = [{**vars(example), "address": token_hex(_ADDRESS)} for example in plan.examples]
    _insert(connection, schema.examples, examples)
    valid = float(current_model([], counts, []).prior[1])
    for part in parts:
        questions = _questions(plan, part, valid)
        tasks = _tasks(plan, part, number)
        for question, task in zip(questions, np.repeat(np.arange(len(part)), part.sizes).tolist(), strict=True):
            question["task"] = tasks[task]["id"]
        _insert(connection, schema.tasks, sorted(tasks, key=itemgetter("id")))
        _insert(connection, schema.questions, sorted(questions, key=itemgetter("id")))
        if part is plan.golden_tasks:
            _insert_experts(connection, plan, [question["id"] for question in questions], now)
    connection.execute(schema.log.insert(), {"at": now, "person": None, "what": "create", "detail": {}})
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE"))  # without statistics, PostgreSQL would read whole tables for each task


def _insert(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _labels(plan: CampaignPlan, images: list[str]) -> list[int | None]:
    """Return the original label of each image; None if unknown."""
    if plan.original is None:
        return [None] * len(images)
    class_ids = plan.original.indices.tolist()
    return [class_ids[row] if row >= 0 else None for row in plan.original.find(images).tolist()]


def _unasked(plan: CampaignPlan, with_questions: Collection[str]) -> list[dict[str, Any]]:
    """List the original labels of images without questions."""
    if plan.original is None:
        return []
    labels = zip(plan.original.images, plan.original.indices.tolist(), strict=True)
    return [{"name": name, "original": label} for name, label in labels if name not in with_questions]


def _classes(plan: CampaignPlan, parts: list[Tasks]) -> Iterator[dict[str, Any]]:
    """Yield all classes of the class list; without a list, the classes of questions and examples."""
    classes = plan.tasks.questions.classes
    example_ids = np.array([example.class_id for example in plan.examples], np.int64)
    ids = (
        range(classes.count or 0)
        or np.unique(np.concatenate([example_ids, *(part.questions.class_ids for part in parts)])).tolist()
    )
    numbers: dict[str, int] = {}  # by ancestor in the hierarchy
    for class_id in ids:
        yield {
            "id": class_id,
            "name": classes.names[class_id] if classes.names else None,
            "wnid": classes.wnids[class_id] if classes.wnids else None,
            "synonyms": list(classes.synonyms[class_id]) if classes.synonyms else [],
            "definition": classes.definitions[class_id] if classes.definitions else None,
            "path": [numbers.setdefault(name, len(numbers)) for name in _ancestors(plan, class_id)],
        }


def _ancestors(plan: CampaignPlan, class_id: int) -> tuple[str, ...]:
    return () if plan.hierarchy is None else plan.hierarchy.path(class_id)[:-1]


def _tasks(plan: CampaignPlan, part: Tasks, number: dict[str, int]) -> list[dict[str, Any]]:
    """List tasks, with positions drawn by the seed."""
    golden = part is plan.golden_tasks
    kinds = np.where(plan.is_practice, Kind.PRACTICE, Kind.GOLDEN).tolist() if golden else [Kind.MAIN] * len(part)
    position = np.random.default_rng(plan.rules.seed).permutation(len(part)).tolist()
    free = 0 if golden else plan.rules.free(votes=0, reserved=0)
    images = part.questions.image_ids[part.indptr[:-1]].tolist()
    columns = zip(random_ids(len(part)), images, kinds, position, strict=True)
    names, sample = part.questions.images, part.sample
    sample_rows = [-1] * len(names) if sample is None else sample.rows_of(names).tolist()
    probabilities = [None if row < 0 or sample is None else float(sample.probabilities[row]) for row in sample_rows]
    strata = [None if row < 0 or sample is None else sample.strata[row] for row in sample_rows]
    return [
        {
            "id": task,
            "image": number[names[image]],
            "kind": kind,
            "position": position,
            "free": free,
            "probability": probabilities[image],
            "stratum": strata[image],
        }
        for task, image, kind, position in columns
    ]


def _questions(plan: CampaignPlan, part: Tasks, valid: float) -> list[dict[str, Any]]:
    """List the questions of tasks, in their order."""
    golden, questions = part is plan.golden_tasks, part.questions
    truths = plan.truth if golden else [None] * len(questions)
    ids, class_ids = random_ids(len(questions)), questions.class_ids.tolist()
    columns = zip(ids, class_ids, truths, plan.priors(questions), strict=True)
    return [
        {
            "id": question,
            "class_id": class_id,
            "golden": golden,
            "truth": truth,
            "prior": prior,
            "valid": valid if prior is None else prior,
        }
        for question, class_id, truth, prior in columns
    ]


def _insert_experts(connection: Connection, plan: CampaignPlan, numbers: list[int], now: float) -> None:
    """Insert experts and their answers; `numbers` are the ids of the golden questions."""
    expert_answers = plan.expert_answers
    person = {}
    with add_place_to_errors("the experts' votes"):
        for name in dict.fromkeys(name for _, name in expert_answers):
            person[name] = insert_person(connection, name, Role.EXPERT, Stage.RATING)
    rest = {"revision": 0, "at": now, "counted": False}
    rows = [
        {"question": numbers[place], "person": person[name], "answer": answer, **rest}
        for (place, name), answer in expert_answers.items()
    ]
    _insert(connection, schema.answers, rows)
