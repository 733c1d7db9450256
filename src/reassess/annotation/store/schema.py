"""The tables of a campaign.

A task is some questions on one image. A rater is shown those that are open: that is their turn. A turn reserves a place
on each question that it shows, until they answer, say that they cannot judge, or the lease ends. A question holds the
number of its counted votes, so that no more are counted than were asked for; what comes late is kept and not counted.
Tasks of the kind `golden` are of questions of which the truth is known; nothing that a rater sees tells them apart.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

__all__ = [
    "ASKED",
    "EXPIRED",
    "GOLDEN",
    "MAIN",
    "answers",
    "campaign",
    "classes",
    "cursors",
    "expert_answers",
    "golden_counts",
    "images",
    "log",
    "metadata",
    "people",
    "questions",
    "tasks",
    "turns",
]

MAIN, GOLDEN = "main", "golden"  # kinds of tasks
ASKED, EXPIRED = "asked", "expired"  # states of turns

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

campaign = Table(
    "campaign",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("votes", Integer, nullable=False),
    Column("stop_low", Float),
    Column("stop_high", Float),
    Column("golden_rate", Float, nullable=False),
    Column("lease", Float, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("paused", Boolean, nullable=False, default=False),
    Column("golden_invalid", Integer, nullable=False),  # number of golden questions of each truth
    Column("golden_valid", Integer, nullable=False),
)
classes = Table(
    "classes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("wnid", String),
    Column("definition", String),
)
images = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("address", String, nullable=False, unique=True),  # which tells nothing of the name
    Column("sha256", String),
)
tasks = Table(
    "tasks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("image", Integer, ForeignKey("images.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("free", Integer, nullable=False),  # places on its open questions, all together
    UniqueConstraint("kind", "position"),
)
Index(
    "ix_tasks_free",
    tasks.c.kind,
    tasks.c.position,
    sqlite_where=tasks.c.free > 0,
    postgresql_where=tasks.c.free > 0,
)
questions = Table(
    "questions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task", Integer, ForeignKey("tasks.id"), nullable=False, index=True),
    Column("class_id", Integer, ForeignKey("classes.id"), nullable=False),
    Column("truth", Integer),  # 0 invalid, 1 valid; null if it is not known
    Column("votes", Integer, nullable=False, default=0),
    Column("reserved", Integer, nullable=False, default=0),
    Column("valid", Float, nullable=False),  # probability, by the counted votes
    Column("ended", String),  # "rule" or "votes"; null while it is open
)
people = Table(
    "people",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("token", String, unique=True),  # its SHA-256
    Column("voided", Boolean, nullable=False, default=False),
)
cursors = Table(
    "cursors",
    metadata,
    Column("person", Integer, ForeignKey("people.id"), primary_key=True),
    Column("position", Integer, nullable=False, default=0),  # no main task before it is free for them
    Column("turns", Integer, nullable=False, default=0),  # number of turns that they have had
)
turns = Table(
    "turns",
    metadata,
    Column("person", Integer, ForeignKey("people.id"), primary_key=True),
    Column("task", Integer, ForeignKey("tasks.id"), primary_key=True),
    Column("shown", JSON, nullable=False),  # the questions
    Column("state", String, nullable=False),  # asked; done, unfit, expired or voided
    Column("expires", Float, nullable=False),
)
Index(
    "ix_turns_asked",
    turns.c.expires,
    sqlite_where=turns.c.state == ASKED,
    postgresql_where=turns.c.state == ASKED,
)
answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),  # in the order in which they came
    Column("key", String, nullable=False, unique=True),  # made where the answer was given: sent twice, it is one
    Column("question", Integer, ForeignKey("questions.id"), nullable=False),
    Column("person", Integer, ForeignKey("people.id"), nullable=False),
    Column("answer", Integer, nullable=False),
    Column("seconds", Float),
    Column("at", Float, nullable=False),
    Column("counted", Boolean, nullable=False),
    UniqueConstraint("question", "person"),
)
expert_answers = Table(
    "expert_answers",
    metadata,
    Column("question", Integer, ForeignKey("questions.id"), primary_key=True),
    Column("expert", String, primary_key=True),
    Column("answer", Integer, nullable=False),
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
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("detail", JSON, nullable=False),
)
