"""The tables of a campaign.

A task is a group of questions about one image. A turn gives a task to one rater, who gets its open questions. The turn
reserves a vote slot on each question until the rater answers it or skips the image, or until the lease ends. Each
question counts its votes. Answers to a question that has enough votes are saved, but do not count. The answers of
experts to a golden question decide its truth. Raters cannot recognise golden tasks, since the ids of tasks and
questions and the addresses of images are random. Tasks of the kind `practice` are only for new raters, who see the
experts' answers afterwards.
"""

import re
from pathlib import Path
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    inspect,
    select,
)

from reassess.annotation.addresses import hide_password
from reassess.annotation.store.database import RESTORE_FIX
from reassess.errors import DataError
from reassess.text import join_first


class TaskKind:
    """The kinds of tasks, as stored."""

    # Main tasks collect votes, and experts answer golden and practice tasks.

    MAIN, GOLDEN, PRACTICE = "main", "golden", "practice"


class Role:
    """The roles of people, as stored."""

    RATER, EXPERT, OWNER = "rater", "expert", "owner"


class RaterStage:
    """The stages of a rater, as stored."""

    PRACTICE, RATING, FAILED = "practice", "rating", "failed"


class TurnState:
    """The states of a task that was given to a person (a turn), as stored.

    "suggested": the rater suggested the class of the task, so the task is not shown to them.
    """

    ASKED, DONE, SKIPPED, EXPIRED, EXCLUDED, SUGGESTED = "asked", "done", "skipped", "expired", "excluded", "suggested"


WITHDRAWN = "withdrawn"  # reason why a question ended: only excluded raters suggested it

# SQLite stores rows in the order of an integer primary key.
_LargeInteger = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _add_partial_index(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> None:
    """Add an index that contains only the rows that meet a condition."""
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


campaign = Table(
    "campaign",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("per_question", Integer, nullable=False),  # votes per question; with a stop rule, the maximum
    Column("stop_low", Float),
    Column("stop_high", Float),
    Column("golden_share", Float, nullable=False),
    Column("lease", Float, nullable=False),
    Column("seed", _LargeInteger, nullable=False),
    Column("original_votes", Boolean, nullable=False),  # whether each original label counts as one vote
    Column("paused", Boolean, nullable=False, default=False),
    Column("golden_invalid", Integer, nullable=False, default=0),  # golden questions by truth, without practice
    Column("golden_valid", Integer, nullable=False, default=0),
    Column("at_least", Integer),  # experts who must agree; null: more than half
    Column("bar", Float),  # balanced accuracy needed to pass practice
    Column("consent", String, nullable=False, default=""),  # text that people must agree to first
    Column("settings", JSON, nullable=False),  # settings of the benchmark
    Column("images", String),  # folder or archive of the images
    Column("classes", Integer),  # number of classes in the list; null without a list
    Column("has_local_ids", Boolean, nullable=False),  # whether ids are positions in one file's sorted names
    Column("sample", Text),  # the lines of the task file of a sample, with all batches; null without a sample
    # How often each vote counts for a question's probability, and how many golden questions, and answers of raters to
    # them, this was found by.
    Column("tempering_power", Float, nullable=False, default=1.0, server_default="1"),
    Column("tempering_questions", Integer, nullable=False, default=0, server_default="0"),
    Column("tempering_answers", Integer, nullable=False, default=0, server_default="0"),
)
classes = Table(
    "classes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("wnid", String),
    Column("definition", String),
    Column("synonyms", JSON, nullable=False),
    Column("path", JSON),  # numbers of its ancestors in a hierarchy, the root first
)
images = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("address", String, nullable=False, unique=True),  # random
    Column("sha256", String),  # null until the file is read
    Column("original", Integer),  # class id; null if unknown
)
unasked = Table(
    "unasked",  # images of the benchmark without questions, which keep their original label
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("original", Integer, nullable=False),  # class id
)
examples = Table(
    "examples",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("class_id", Integer, ForeignKey("classes.id"), nullable=False, index=True),
    Column("address", String, nullable=False, unique=True),
    Column("content", LargeBinary, nullable=False),  # PNG or JPEG, without metadata
    Column("media_type", String, nullable=False),
)
tasks = Table(
    "tasks",
    metadata,
    Column("id", _LargeInteger, primary_key=True, autoincrement=False),
    Column("image", Integer, ForeignKey("images.id"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("free", Integer, nullable=False),  # 0 if no further rater can get the task
    Column("probability", Float),  # probability that the image was drawn; null if it was not drawn at random
    Column("stratum", String),
    UniqueConstraint("kind", "position"),
)
_add_partial_index("ix_tasks_free", tasks.c.kind, tasks.c.position, where=tasks.c.free > 0)
questions = Table(
    "questions",
    metadata,
    Column("id", _LargeInteger, primary_key=True, autoincrement=False),
    Column("task", _LargeInteger, ForeignKey("tasks.id"), nullable=False, index=True),
    Column("class_id", Integer, ForeignKey("classes.id"), nullable=False),
    Column("golden", Boolean, nullable=False),  # whether experts answer it, also for practice; votes on it do not count
    Column("truth", Integer),  # of a golden question: 0 invalid, 1 valid; null while unknown
    Column("votes", Integer, nullable=False, default=0),
    Column("reserved", Integer, nullable=False, default=0),
    Column("prior", Float),  # probability of valid before votes of people; null: share of valid golden questions
    Column("valid", Float, nullable=False),  # probability of valid, from counted votes; not used for golden questions
    Column("ended", String),  # rule, votes or withdrawn; null while open
)
people = Table(
    "people",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("stage", String, nullable=False, default=RaterStage.RATING),
    Column("token", String, unique=True),  # its SHA-256
    Column("excluded", Boolean, nullable=False, default=False),
    # After an exclusion or inclusion: votes on questions up to this number are recounted; null: all votes.
    Column("recounted", _LargeInteger),
    Column("consented", Float),  # time of the consent
)
sessions = Table(
    "sessions",
    metadata,
    Column("secret", String, primary_key=True),  # its SHA-256
    Column("person", Integer, ForeignKey("people.id"), nullable=False, index=True),
    Column("expires", Float, nullable=False),
)
cursors = Table(
    "cursors",
    metadata,
    Column("person", Integer, ForeignKey("people.id"), primary_key=True),
    Column("position", Integer, nullable=False, default=0),  # where the search for the next main task starts
    Column("turns", Integer, nullable=False, default=0),  # number of turns
    Column("draws", Integer, nullable=False, default=0),  # number of different tasks; it decides which tasks are golden
)
turns = Table(
    "turns",
    metadata,
    Column("person", Integer, ForeignKey("people.id"), primary_key=True),
    Column("task", _LargeInteger, ForeignKey("tasks.id"), primary_key=True),
    Column("number", Integer, nullable=False),  # number of earlier turns of the person
    Column("shown", JSON, nullable=False),  # ids of the shown questions
    Column("state", String, nullable=False),
    Column("expires", Float, nullable=False),
)
_add_partial_index("ix_turns_asked", turns.c.person, turns.c.expires, where=turns.c.state == TurnState.ASKED)
_add_partial_index("ix_turns_expired", turns.c.person, where=turns.c.state == TurnState.EXPIRED)
answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),  # in the order of arrival
    Column("question", _LargeInteger, ForeignKey("questions.id"), nullable=False),
    Column("person", Integer, ForeignKey("people.id"), nullable=False),
    Column("revision", Integer, nullable=False),  # number of changes
    Column("answer", Integer, nullable=False),
    Column("seconds", Float),
    Column("at", Float, nullable=False),
    Column("counted", Boolean, nullable=False),
    UniqueConstraint("question", "person"),
)
suggestions = Table(
    "suggestions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person", Integer, ForeignKey("people.id"), nullable=False),
    Column("task", _LargeInteger, ForeignKey("tasks.id"), nullable=False),  # a task that was shown to the person
    Column("class_id", Integer, ForeignKey("classes.id"), nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("person", "task", "class_id"),
)
golden_counts = Table(
    "golden_counts",
    metadata,
    Column("person", Integer, ForeignKey("people.id"), primary_key=True),
    Column("truth", Integer, primary_key=True),
    Column("answer", Integer, primary_key=True),
    Column("n", Integer, nullable=False),
)
log = Table(
    "log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("person", Integer, ForeignKey("people.id")),  # person who acted; null for the command line
    Column("what", String, nullable=False),
    Column("detail", JSON, nullable=False),
)
_APPEND_ONLY_SQL = {
    "sqlite": [
        f"CREATE TRIGGER log_no_{change} BEFORE {change} ON log BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
        for change in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION log_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'the log only grows'; END$$",
        "CREATE TRIGGER log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON log "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_only_grows()",
    ],
}
for _dialect, _statements in _APPEND_ONLY_SQL.items():
    for _statement in _statements:
        event.listen(log, "after_create", DDL(_statement).execute_if(dialect=_dialect))


CURRENT_SCHEMA_VERSION = "0003"  # the latest version in the folder `migrations`
# Alembic's table with the schema version.
_version_table = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def store_schema_version(connection: Connection) -> None:
    """Store the current schema version in a new campaign."""
    _version_table.create(connection)
    connection.execute(_version_table.insert().values(version_num=CURRENT_SCHEMA_VERSION))


def check_schema_version(connection: Connection, address: str | Path) -> None:
    """Raise `DataError` unless the tables of a campaign have the current schema version and all columns."""
    version, place = read_schema_version(connection, address), hide_password(address)
    if version != CURRENT_SCHEMA_VERSION:
        is_earlier = version < CURRENT_SCHEMA_VERSION
        raise DataError(
            "other-version",
            f"campaign was created by {'an earlier' if is_earlier else 'a later'} version of reassess",
            where=place,
            allowed=f"schema version {CURRENT_SCHEMA_VERSION}",
            found=f"schema version {version}",
            fix=f"reassess annotate backup {place} -o COPY --upgrade" if is_earlier else "install that version",
        )
    tables = inspect(connection).get_multi_columns(filter_names=list(metadata.tables))
    existing = {f"{table}.{column['name']}" for (_, table), columns in tables.items() for column in columns}
    columns = [str(column) for table in metadata.sorted_tables for column in table.columns]
    if missing := [column for column in columns if column not in existing]:
        raise DataError(
            "damaged-campaign",
            "columns are missing in the tables of the campaign",
            where=place,
            found=join_first(missing, max_items=3),
            fix=RESTORE_FIX,
        )


def read_schema_version(connection: Connection, address: str | Path) -> str:
    """Read the schema version of a campaign's tables; raise `DataError` if it is unknown."""
    place, tables = hide_password(address), inspect(connection)
    if not all(tables.has_table(table.name) for table in (_version_table, campaign)):
        raise DataError("not-a-campaign", "not a campaign", where=place, fix="reassess annotate create")
    versions: list[str] = list(connection.scalars(select(_version_table.c.version_num)))
    if len(versions) != 1 or not re.fullmatch(r"(?!0000)\d{4}", str(versions[0])):
        raise DataError(
            "other-version",
            "schema version of the campaign is unknown",
            where=place,
            allowed=f"one schema version, 0001 or later, in the table {_version_table.name}",
            found=join_first([str(version) for version in versions]) or "none",
            fix=RESTORE_FIX,
        )
    return versions[0]
