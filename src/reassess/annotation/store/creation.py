"""A campaign is made, and people are added to it."""

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import IntegrityError, OperationalError

from reassess.aggregation.expert_truth import expert_truth
from reassess.annotation.assignment import Rules
from reassess.annotation.judging import current_model
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import is_server, open_engine
from reassess.annotation.store.schema import GOLDEN, MAIN
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.classes import Classes
from reassess.core.rater_model import VALIDITY
from reassess.core.tasks import Tasks
from reassess.core.votes import Votes
from reassess.errors import DataError, OutputError
from reassess.formats.files import writing

__all__ = ["GoldenTasks", "add_person", "create_campaign"]

_ADDRESS = 16  # bytes
GoldenTasks = tuple[Tasks, Votes]


def create_campaign(
    address: str | Path,
    tasks: Tasks,
    *,
    name: str = "",
    rules: Rules | None = None,
    golden: GoldenTasks | None = None,
    at_least: int | None = None,
    force: bool = False,
) -> None:
    """Make a campaign.

    Parameters
    ----------
    address
        The path of an SQLite file, or an address that begins with ``postgresql://``.
    tasks
        What raters are to vote on.
    name
        What raters read above the page.
    rules
        The rules; by default the usual ones.
    golden
        Tasks of golden questions, and the experts' votes on these.
    at_least
        So many experts make the truth; by default more than half of those who answered.
    force
        Overwrite a file.

    Raises
    ------
    DataError
        The golden tasks and the experts' votes are on different questions, or in another list of classes than the
        tasks; the truth of a golden question does not follow from the experts' votes; a stop rule has no golden tasks.
    OutputError
        The file exists or cannot be written; the database holds a campaign.
    """
    rules = rules or Rules()
    if rules.stop is not None and golden is None:
        raise DataError(
            "a stop rule needs golden questions, by which the raters are measured",
            found="no golden questions",
            mend="give the experts' votes with golden, or leave the stop rule out",
        )
    truth = None if golden is None else _truth(tasks, golden, at_least)
    if is_server(address):
        engine = open_engine(address)
        try:
            with engine.begin() as connection:
                if inspect(connection).has_table(schema.campaign.name):
                    raise OutputError("the database holds a campaign", where=address, mend="take another database")
                _fill(connection, tasks, golden, truth, name, rules)
        finally:
            engine.dispose()
        return
    with writing(Path(address), force=force) as temporary:
        engine = open_engine(temporary)
        try:
            with engine.begin() as connection:
                _fill(connection, tasks, golden, truth, name, rules)
        except OperationalError as error:  # such as of a full disk
            raise OSError(str(error.orig)) from error
        finally:
            engine.dispose()  # which brings what is in the write-ahead log into the file


def add_person(campaign: Campaign, name: str, role: str = "rater") -> int:
    """Add a rater, an expert or a keeper; their number.

    Raises
    ------
    DataError
        There is somebody of that name.
    """
    try:
        with campaign.engine.begin() as connection:
            added = schema.people.insert().values(name=name, role=role).returning(schema.people.c.id)
            person = connection.execute(added).scalar_one()
            connection.execute(schema.cursors.insert().values(person=person))
            cells = [(truth, answer) for truth in range(len(VALIDITY)) for answer in range(len(KNOWN_ANSWERS))]
            counts = [{"person": person, "truth": truth, "answer": answer, "n": 0} for truth, answer in cells]
            connection.execute(schema.golden_counts.insert(), counts)
    except IntegrityError as error:
        raise DataError("there is somebody of that name", found=name, mend="take another name") from error
    return int(person)


def _truth(tasks: Tasks, golden: GoldenTasks, at_least: int | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Whether each golden question is valid, in the order of the golden tasks."""
    asked, experts = golden[0].questions, golden[1]
    if asked.classes != tasks.questions.classes:
        raise DataError(
            "the golden tasks are in another list of classes than the tasks", mend="make both with one list of classes"
        )
    rows = experts.find(asked)
    known = np.where(rows >= 0, expert_truth(experts, at_least=at_least).values[rows], -1)
    if (known < 0).any():
        raise DataError(
            "no truth follows from the experts' votes on a golden question",
            where=asked.at(int(np.argmax(known < 0))),
            mend="leave it out of the golden tasks",
        )
    return known


def _fill(
    connection: Connection, tasks: Tasks, golden: GoldenTasks | None, truth: Any, name: str, rules: Rules
) -> None:
    schema.metadata.create_all(connection)
    counts = [0, 0] if truth is None else np.bincount(truth, minlength=len(VALIDITY)).tolist()
    stop = rules.stop
    row = {name: getattr(rules, name) for name in ("votes", "golden_rate", "lease", "seed")}
    row |= {"id": 1, "name": name, "golden_invalid": counts[0], "golden_valid": counts[1]}
    row |= {"stop_low": None if stop is None else stop.low, "stop_high": None if stop is None else stop.high}
    connection.execute(schema.campaign.insert().values(**row))
    kinds: list[tuple[str, Tasks]] = [(MAIN, tasks)]
    if golden is not None:
        kinds.append((GOLDEN, golden[0]))
    images = list(dict.fromkeys(image for _, each in kinds for image in each.questions.images))
    number = {image: row for row, image in enumerate(images, 1)}
    addressed = [{"id": row, "name": image, "address": token_hex(_ADDRESS)} for image, row in number.items()]
    _insert(connection, schema.images, addressed)
    _insert(connection, schema.classes, list(_classes(tasks.questions.classes, [each for _, each in kinds])))
    valid = float(current_model([], (counts[0], counts[1]), []).prior[1])
    first_task, first_question = 1, 1
    rng = np.random.default_rng(rules.seed)
    for kind, each in kinds:
        asked, sizes = each.questions, each.sizes
        free = rules.votes if kind == MAIN else 0
        positions = rng.permutation(len(each)).tolist()
        rows = [
            {
                "id": first_task + i,
                "image": number[each.image(i)],
                "kind": kind,
                "position": positions[i],
                "free": n * free,
            }
            for i, n in enumerate(sizes.tolist())
        ]
        _insert(connection, schema.tasks, rows)
        of_task = np.repeat(np.arange(len(each)), sizes).tolist()
        truths = [None] * len(asked) if kind == MAIN else truth.tolist()
        columns = zip(of_task, asked.class_ids.tolist(), truths, strict=True)
        inserted = [
            {"id": first_question + i, "task": first_task + task, "class_id": c, "truth": t, "valid": valid}
            for i, (task, c, t) in enumerate(columns)
        ]
        _insert(connection, schema.questions, inserted)
        if golden is not None and kind == GOLDEN:
            _insert(connection, schema.expert_answers, list(_experts(golden, first_question)))
        first_task, first_question = first_task + len(each), first_question + len(asked)


def _insert(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _classes(classes: Classes, asked: list[Tasks]) -> Iterator[dict[str, Any]]:
    """All classes of the list; of a list that is not known, those that are asked about."""
    ids = range(classes.count or 0) or np.unique(np.concatenate([each.questions.class_ids for each in asked])).tolist()
    for class_id in ids:
        yield {
            "id": class_id,
            "name": classes.names[class_id] if classes.names else None,
            "wnid": classes.wnids[class_id] if classes.wnids else None,
        }


def _experts(golden: GoldenTasks, first: int) -> Iterator[dict[str, Any]]:
    """The experts' answers to the golden questions; the last of an expert who gave several."""
    asked, experts = golden[0].questions, golden[1].with_answers(KNOWN_ANSWERS)
    for number, row in enumerate(experts.find(asked).tolist(), first):
        said = {str(expert): KNOWN_ANSWERS.index(str(answer)) for expert, answer in experts.on(row)}
        yield from ({"question": number, "expert": expert, "answer": answer} for expert, answer in said.items())
