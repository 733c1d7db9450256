"""Creating a campaign from its plan."""

from collections.abc import Collection, Iterator
from itertools import chain
from operator import itemgetter
from pathlib import Path
from secrets import randbelow, token_hex
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from reassess.annotation.addresses import is_server_address
from reassess.annotation.plan import CampaignPlan
from reassess.annotation.running_posterior import estimate_rater_model
from reassess.annotation.store import schema
from reassess.annotation.store.campaign_files import check_replaceable, temporary_campaign_file
from reassess.annotation.store.database import convert_database_errors, enable_wal, use_engine
from reassess.annotation.store.people import insert_person
from reassess.annotation.store.schema import RaterStage, Role, TaskKind, store_schema_version
from reassess.core import Tasks
from reassess.errors import add_error_place
from reassess.formats.task_files import format_tasks

_ADDRESS_BYTES = 16  # bytes of the random address of an image
_MAX_ID = 1 << 48  # in the range of integers in JavaScript


def create_campaign(address: str | Path, plan: CampaignPlan, *, now: float = 0.0, force: bool = False) -> None:
    """Create a campaign from a plan: an SQLite file, or tables in an empty database.

    With `force`, replace a file, unless it is a campaign with answers of people.
    """
    check_replaceable(address)
    if is_server_address(address):
        with convert_database_errors(address), use_engine(address) as engine, engine.begin() as connection:
            _write_tables(connection, plan, now)
        return
    with temporary_campaign_file(Path(address), force=force) as temporary:
        enable_wal(temporary)
        with use_engine(temporary) as engine, engine.begin() as connection:
            _write_tables(connection, plan, now)


def draw_random_ids(n_ids: int) -> list[int]:
    """Draw distinct random ids for tasks or questions."""
    ids: dict[int, None] = {}
    while len(ids) < n_ids:
        ids[randbelow(_MAX_ID)] = None
    return list(ids)


def _write_tables(connection: Connection, plan: CampaignPlan, now: float) -> None:
    """Create the tables of a campaign, and fill them from a plan."""
    schema.metadata.create_all(connection)
    store_schema_version(connection)
    if connection.dialect.name == "postgresql":
        connection.connection.dbapi_connection.prepare_threshold = 1  # many rows are inserted faster
    rules, counts = plan.rules, plan.count_golden_by_truth()
    row: dict[str, Any] = {"per_question": rules.votes_per_question, "lease": rules.lease_seconds}
    row |= {"golden_share": rules.golden_share, "seed": rules.seed}
    row |= {"name": plan.name, "at_least": plan.min_experts, "bar": plan.practice_bar}
    row |= {"consent": plan.consent_text, "original_votes": plan.has_original_votes, "images": plan.images_path}
    row |= {"classes": plan.tasks.questions.classes.count, "has_local_ids": plan.tasks.questions.classes.has_local_ids}
    row |= {"id": 1, "golden_invalid": counts[0], "golden_valid": counts[1], "settings": dict(plan.settings)}
    row["sample"] = None if plan.sample_tasks is None else "\n".join(format_tasks(plan.sample_tasks))
    row |= {
        name: None if rules.stop_rule is None else getattr(rules.stop_rule, name[5:])
        for name in ("stop_low", "stop_high")
    }
    connection.execute(schema.campaign.insert(), row)
    task_groups = [plan.tasks] if plan.golden_tasks is None else [plan.tasks, plan.golden_tasks]
    image_ids = {
        name: row
        for row, name in enumerate(
            dict.fromkeys(chain(*(task_group.questions.images for task_group in task_groups))), 1
        )
    }
    images = [
        {
            "id": row,
            "name": name,
            "address": token_hex(_ADDRESS_BYTES),
            "sha256": plan.image_hashes.get(name),
            "original": label,
        }
        for (name, row), label in zip(image_ids.items(), _find_original_labels(plan, list(image_ids)), strict=True)
    ]
    _insert_rows(connection, schema.images, images)
    _insert_rows(connection, schema.unasked, _make_rows_of_unasked_images(plan, image_ids))
    _insert_rows(connection, schema.classes, list(_make_class_rows(plan, task_groups)))
    examples = [{**vars(example), "address": token_hex(_ADDRESS_BYTES)} for example in plan.examples]
    _insert_rows(connection, schema.examples, examples)
    valid = float(estimate_rater_model([], counts, []).prior[1])
    for task_group in task_groups:
        questions = _make_question_rows(plan, task_group, valid)
        tasks = _make_task_rows(plan, task_group, image_ids)
        for question, task in zip(
            questions, np.repeat(np.arange(len(task_group)), task_group.sizes).tolist(), strict=True
        ):
            question["task"] = tasks[task]["id"]
        _insert_rows(connection, schema.tasks, sorted(tasks, key=itemgetter("id")))
        _insert_rows(connection, schema.questions, sorted(questions, key=itemgetter("id")))
        if task_group is plan.golden_tasks:
            _insert_expert_answers(connection, plan, [question["id"] for question in questions], now)
    connection.execute(schema.log.insert(), {"at": now, "person": None, "what": "create", "detail": {}})
    if connection.dialect.name == "postgresql":
        # Without these statistics, PostgreSQL would read whole tables for each task. With statistics of tables that are
        # still empty, it would do so too.
        connection.execute(text("ANALYZE images, tasks, questions"))


def _insert_rows(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _find_original_labels(plan: CampaignPlan, image_names: list[str]) -> list[int | None]:
    """Return the original class id of each image; None if unknown."""
    if plan.original_labels is None:
        return [None] * len(image_names)
    class_ids = plan.original_labels.indices.tolist()
    return [class_ids[row] if row >= 0 else None for row in plan.original_labels.find(image_names).tolist()]


def _make_rows_of_unasked_images(plan: CampaignPlan, asked_images: Collection[str]) -> list[dict[str, Any]]:
    """Make a row for each image that has an original label but no question."""
    if plan.original_labels is None:
        return []
    labels = zip(plan.original_labels.images, plan.original_labels.indices.tolist(), strict=True)
    return [{"name": name, "original": label} for name, label in labels if name not in asked_images]


def _make_class_rows(plan: CampaignPlan, task_groups: list[Tasks]) -> Iterator[dict[str, Any]]:
    """Make a row for each class of the class list; without a list, for each class with a question or example."""
    classes = plan.tasks.questions.classes
    example_ids = np.array([example.class_id for example in plan.examples], np.int64)
    ids = (
        range(classes.count or 0)
        or np.unique(
            np.concatenate([example_ids, *(task_group.questions.class_ids for task_group in task_groups)])
        ).tolist()
    )
    numbers: dict[str, int] = {}  # by ancestor in the hierarchy
    for class_id in ids:
        yield {
            "id": class_id,
            "name": classes.names[class_id] if classes.names else None,
            "wnid": classes.wnids[class_id] if classes.wnids else None,
            "synonyms": list(classes.synonyms[class_id]) if classes.synonyms else [],
            "definition": classes.definitions[class_id] if classes.definitions else None,
            "path": [numbers.setdefault(name, len(numbers)) for name in _find_ancestors(plan, class_id)],
        }


def _find_ancestors(plan: CampaignPlan, class_id: int) -> tuple[str, ...]:
    """Return the names of the ancestors of a class in the hierarchy, the root first."""
    return () if plan.hierarchy is None else plan.hierarchy.path_from_root(class_id)[:-1]


def _make_task_rows(plan: CampaignPlan, tasks: Tasks, image_ids: dict[str, int]) -> list[dict[str, Any]]:
    """Make a row per task, with positions drawn by the seed; tasks about a drawn sample keep their order."""
    golden = tasks is plan.golden_tasks
    kinds = (
        np.where(plan.practice_task_mask, TaskKind.PRACTICE, TaskKind.GOLDEN).tolist()
        if golden
        else [TaskKind.MAIN] * len(tasks)
    )
    names, sample = tasks.questions.images, tasks.sample
    # An estimate can only use the first images of the drawn order, so raters get these first.
    has_drawn_order = sample is not None and sample.design is not None
    rng = np.random.default_rng(plan.rules.seed)
    position = (np.arange(len(tasks)) if has_drawn_order else rng.permutation(len(tasks))).tolist()
    images = tasks.questions.image_ids[tasks.indptr[:-1]].tolist()
    columns = zip(draw_random_ids(len(tasks)), images, kinds, position, strict=True)
    sample_rows = [-1] * len(names) if sample is None else sample.rows_of(names).tolist()
    probabilities = [None if row < 0 or sample is None else float(sample.probabilities[row]) for row in sample_rows]
    strata = [None if row < 0 or sample is None else sample.strata[row] for row in sample_rows]
    return [
        {
            "id": task,
            "image": image_ids[names[image]],
            "kind": kind,
            "position": position,
            "free": int(not golden),
            "probability": probabilities[image],
            "stratum": strata[image],
        }
        for task, image, kind, position in columns
    ]


def _make_question_rows(plan: CampaignPlan, tasks: Tasks, default_prior: float) -> list[dict[str, Any]]:
    """Make a row per question, in the order of the tasks."""
    golden, questions = tasks is plan.golden_tasks, tasks.questions
    truths = plan.truths if golden else [None] * len(questions)
    ids, class_ids = draw_random_ids(len(questions)), questions.class_ids.tolist()
    columns = zip(ids, class_ids, truths, plan.estimate_priors(questions), strict=True)
    return [
        {
            "id": question,
            "class_id": class_id,
            "golden": golden,
            "truth": truth,
            "prior": prior,
            "valid": default_prior if prior is None else prior,
        }
        for question, class_id, truth, prior in columns
    ]


def _insert_expert_answers(connection: Connection, plan: CampaignPlan, golden_ids: list[int], now: float) -> None:
    """Insert the experts and their answers to the golden questions, whose ids are `golden_ids`."""
    expert_answers = plan.expert_answers
    person = {}
    with add_error_place("the experts' votes"):
        for name in dict.fromkeys(name for _, name in expert_answers):
            person[name] = insert_person(connection, name, Role.EXPERT, RaterStage.RATING)
    shared_values = {"revision": 0, "at": now, "counted": False}
    rows = [
        {"question": golden_ids[position], "person": person[name], "answer": answer, **shared_values}
        for (position, name), answer in expert_answers.items()
    ]
    _insert_rows(connection, schema.answers, rows)
