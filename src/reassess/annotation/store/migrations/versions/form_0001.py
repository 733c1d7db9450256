"""The first form of the tables of a campaign. It must not change after a release: later forms build on it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, UniqueConstraint

revision = "0001"
down_revision = None

_LARGE = sa.BigInteger().with_variant(Integer(), "sqlite")
_ONLY_GROWS = {
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


def upgrade() -> None:
    """Create all tables."""
    _tables().create_all(op.get_bind())
    for statement in _ONLY_GROWS[op.get_context().dialect.name]:
        op.execute(statement)


def _column(name: str, kind: sa.types.TypeEngine | type, *more: ForeignKey, optional: bool = False) -> Column:
    return Column(name, kind, *more, nullable=optional)


def _key(
    name: str, kind: sa.types.TypeEngine | type = Integer, *more: ForeignKey, autoincrement: bool | str = "auto"
) -> Column:
    return Column(name, kind, *more, primary_key=True, autoincrement=autoincrement)


def _person(*, optional: bool = False) -> Column:
    return _column("person", Integer, ForeignKey("people.id"), optional=optional)


def _tables() -> sa.MetaData:
    names = "%(table_name)s_%(column_0_N_name)s"
    tables = sa.MetaData(
        naming_convention={"ix": f"ix_{names}", "uq": f"uq_{names}", "fk": f"fk_{names}", "pk": "pk_%(table_name)s"}
    )
    Table(
        *("campaign", tables, _key("id")),
        *(_column("name", String), _column("per_question", Integer)),
        *(_column(name, Float, optional=True) for name in ("stop_low", "stop_high")),
        *(_column(name, Float) for name in ("golden_share", "lease")),
        *(_column("seed", _LARGE), _column("original_votes", Boolean), _column("paused", Boolean)),
        *(_column(name, Integer) for name in ("golden_invalid", "golden_valid")),
        *(_column("at_least", Integer, optional=True), _column("bar", Float, optional=True)),
        *(_column("consent", String), _column("settings", sa.JSON), _column("images", String, optional=True)),
        *(_column("classes", Integer, optional=True), _column("has_local_ids", Boolean)),
    )
    Table(
        *("classes", tables, _key("id")),
        *(_column(name, String, optional=True) for name in ("name", "wnid", "definition")),
        _column("synonyms", sa.JSON),
    )
    Table(
        *("images", tables, _key("id"), _column("name", String), _column("address", String)),
        *(_column("sha256", String, optional=True), _column("original", Integer, optional=True)),
        *(UniqueConstraint("name"), UniqueConstraint("address")),
    )
    Table(
        *("unasked", tables, _key("id"), _column("name", String), _column("original", Integer)),
        UniqueConstraint("name"),
    )
    Table(
        *("people", tables, _key("id")),
        *(_column(name, String) for name in ("name", "role", "stage")),
        *(_column("token", String, optional=True), _column("excluded", Boolean)),
        *(_column("recounted", _LARGE, optional=True), _column("consented", Float, optional=True)),
        *(UniqueConstraint("name"), UniqueConstraint("token")),
    )
    Table(
        *("cursors", tables, _key("person", Integer, ForeignKey("people.id"))),
        *(_column(name, Integer) for name in ("position", "turns", "draws")),
    )
    examples = Table(
        *("examples", tables, _key("id"), _column("class_id", Integer, ForeignKey("classes.id"))),
        *(_column("address", String), _column("content", sa.LargeBinary), _column("media_type", String)),
        UniqueConstraint("address"),
    )
    Index("ix_examples_class_id", examples.c.class_id)
    Table(
        *("golden_counts", tables, _key("person", Integer, ForeignKey("people.id"))),
        *(_key("truth"), _key("answer"), _column("n", Integer)),
    )
    Table(
        *("log", tables, _key("id"), _column("at", Float), _person(optional=True)),
        *(_column("what", String), _column("detail", sa.JSON)),
    )
    sessions = Table("sessions", tables, _key("secret", String), _person(), _column("expires", Float))
    Index("ix_sessions_person", sessions.c.person)
    tasks = Table(
        *("tasks", tables, _key("id", _LARGE, autoincrement=False)),
        *(_column("image", Integer, ForeignKey("images.id")), _column("kind", String)),
        *(_column("position", Integer), _column("free", Integer), UniqueConstraint("kind", "position")),
    )
    is_free = tasks.c.free > 0
    Index("ix_tasks_free", tasks.c.kind, tasks.c.position, sqlite_where=is_free, postgresql_where=is_free)
    Index("ix_tasks_image", tasks.c.image)
    questions = Table(
        *("questions", tables, _key("id", _LARGE, autoincrement=False)),
        *(_column("task", _LARGE, ForeignKey("tasks.id")), _column("class_id", Integer, ForeignKey("classes.id"))),
        *(_column("golden", Boolean), _column("truth", Integer, optional=True)),
        *(_column("votes", Integer), _column("reserved", Integer)),
        *(_column("prior", Float, optional=True), _column("valid", Float), _column("ended", String, optional=True)),
    )
    Index("ix_questions_task", questions.c.task)
    Table(
        *("suggestions", tables, _key("id"), _person(), _column("task", _LARGE, ForeignKey("tasks.id"))),
        *(_column("class_id", Integer, ForeignKey("classes.id")), _column("at", Float)),
        UniqueConstraint("person", "task", "class_id"),
    )
    turns = Table(
        *("turns", tables, _key("person", Integer, ForeignKey("people.id"))),
        *(_key("task", _LARGE, ForeignKey("tasks.id")), _column("number", Integer), _column("shown", sa.JSON)),
        *(_column("state", String), _column("expires", Float)),
    )
    asked, expired = turns.c.state == "asked", turns.c.state == "expired"
    Index("ix_turns_asked", turns.c.person, turns.c.expires, sqlite_where=asked, postgresql_where=asked)
    Index("ix_turns_expired", turns.c.person, sqlite_where=expired, postgresql_where=expired)
    Table(
        *("answers", tables, _key("id"), _column("question", _LARGE, ForeignKey("questions.id")), _person()),
        *(_column("revision", Integer), _column("answer", Integer), _column("seconds", Float, optional=True)),
        *(_column("at", Float), _column("counted", Boolean), UniqueConstraint("question", "person")),
    )
    return tables
