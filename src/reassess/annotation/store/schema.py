"""The tables of a campaign.

A task is some questions on one image. A rater is shown those that are open: that is their turn. A turn reserves a place
on each question that it shows, until they answer, say that they cannot judge, or the lease ends. A question holds the
number of its counted votes, so that no more are counted than were asked for; what comes late is kept and not counted.
Golden questions are those that experts answer too, from which the truth follows. Nothing that a rater sees tells their
tasks from others: numbers of tasks and questions, and the addresses of images, are drawn at random. Those of the kind
`practice` are for new raters alone, who are shown what is right.
"""

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
)

__all__ = [
    "ASKED",
    "DONE",
    "EXPERT",
    "EXPIRED",
    "FAILED",
    "GOLDEN",
    "KEEPER",
    "MAIN",
    "PRACTICE",
    "RATER",
    "RATING",
    "SUGGESTED",
    "UNFIT",
    "VOIDED",
    "WITHDRAWN",
    "answers",
    "campaign",
    "classes",
    "cursors",
    "examples",
    "golden_counts",
    "images",
    "log",
    "metadata",
    "people",
    "questions",
    "sessions",
    "suggestions",
    "tasks",
    "turns",
    "unasked",
]

MAIN, GOLDEN, PRACTICE = "main", "golden", "practice"  # kinds of tasks; the last is also a stage of a rater
RATING, FAILED = "rating", "failed"  # stages of a rater after their practice round
RATER, EXPERT, KEEPER = "rater", "expert", "keeper"  # roles
# States of turns. A turn that is suggested was never shown: the rater asked the question themselves.
ASKED, DONE, UNFIT, EXPIRED, VOIDED, SUGGESTED = "asked", "done", "unfit", "expired", "voided", "suggested"
WITHDRAWN = "withdrawn"  # why a question ended that only voided raters suggested

_Large = BigInteger().with_variant(Integer, "sqlite")  # of which a primary key is the table's own order

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
    Column("seed", _Large, nullable=False),
    Column("original_votes", Boolean, nullable=False),  # whether each original label is a vote before all others
    Column("paused", Boolean, nullable=False, default=False),
    Column("golden_invalid", Integer, nullable=False, default=0),  # questions of golden tasks, of each truth
    Column("golden_valid", Integer, nullable=False, default=0),
    Column("at_least", Integer),  # so many experts make the truth; null for more than half
    Column("bar", Float),  # the share of practice questions that a rater must answer as the experts did
    Column("consent", String, nullable=False, default=""),  # what people agree to before they begin
    Column("settings", JSON, nullable=False),  # of the benchmark
    Column("images", String),  # where they lie
    Column("classes", Integer),  # number of classes in the list; null if there is none, and an id is all that is known
    Column("ranked", Boolean, nullable=False),  # whether an id means nothing outside the campaign
)
classes = Table(
    "classes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("wnid", String),
    Column("definition", String),
    Column("synonyms", JSON, nullable=False),
)
images = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("address", String, nullable=False, unique=True),  # which tells nothing of the name
    Column("sha256", String),  # null until it has been read
    Column("original", Integer),  # the class that it had; null if that is not known
)
unasked = Table(
    "unasked",  # images of the benchmark that are in no task, which keep their label
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("original", Integer, nullable=False),  # the class that it had
)
examples = Table(
    "examples",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("class_id", Integer, ForeignKey("classes.id"), nullable=False, index=True),
    Column("address", String, nullable=False, unique=True),
    Column("picture", LargeBinary, nullable=False),  # PNG or JPEG, without metadata
    Column("media_type", String, nullable=False),
)
tasks = Table(
    "tasks",
    metadata,
    Column("id", _Large, primary_key=True, autoincrement=False),
    Column("image", Integer, ForeignKey("images.id"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("free", Integer, nullable=False),  # to how many more raters all its open questions can be shown
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
    Column("id", _Large, primary_key=True, autoincrement=False),
    Column("task", _Large, ForeignKey("tasks.id"), nullable=False, index=True),
    Column("class_id", Integer, ForeignKey("classes.id"), nullable=False),
    Column("golden", Boolean, nullable=False),  # or of a practice task: experts answer it, and no vote on it counts
    Column("truth", Integer),  # of a golden one: 0 invalid, 1 valid; null as long as it does not follow
    Column("votes", Integer, nullable=False, default=0),
    Column("reserved", Integer, nullable=False, default=0),
    Column("prior", Float),  # probability that it is valid, by its original label; null for the share of golden ones
    Column("valid", Float, nullable=False),  # the same, by the counted votes; of a golden one, by some raters' answers
    Column("ended", String),  # "rule", "votes" or "withdrawn"; null while it is open
)
people = Table(
    "people",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("stage", String, nullable=False, default=RATING),
    Column("token", String, unique=True),  # its SHA-256
    Column("voided", Boolean, nullable=False, default=False),
    # Since they were voided or restored, votes on questions up to this number were counted anew; null if all were.
    Column("recounted", _Large),
    Column("consented", Float),  # when
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
    Column("position", Integer, nullable=False, default=0),  # where the search for their next main task begins
    Column("turns", Integer, nullable=False, default=0),  # number of turns that they have had
    Column("draws", Integer, nullable=False, default=0),  # the same, but each task once: which is golden
)
turns = Table(
    "turns",
    metadata,
    Column("person", Integer, ForeignKey("people.id"), primary_key=True),
    Column("task", _Large, ForeignKey("tasks.id"), primary_key=True),
    Column("number", Integer, nullable=False),  # which of the person's turns it is
    Column("shown", JSON, nullable=False),  # the questions
    Column("state", String, nullable=False),
    Column("expires", Float, nullable=False),
)
Index(
    "ix_turns_asked",
    turns.c.person,
    turns.c.expires,
    sqlite_where=turns.c.state == ASKED,
    postgresql_where=turns.c.state == ASKED,
)
Index(
    "ix_turns_expired",
    turns.c.person,
    sqlite_where=turns.c.state == EXPIRED,
    postgresql_where=turns.c.state == EXPIRED,
)
answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),  # in the order in which they came
    Column("question", _Large, ForeignKey("questions.id"), nullable=False),
    Column("person", Integer, ForeignKey("people.id"), nullable=False),
    Column("revision", Integer, nullable=False),  # how often they have changed it
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
    Column("task", _Large, ForeignKey("tasks.id"), nullable=False),  # that they were shown
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
    Column("person", Integer, ForeignKey("people.id")),  # who did it; null for the command line
    Column("what", String, nullable=False),
    Column("detail", JSON, nullable=False),
)
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
for _dialect, _statements in _ONLY_GROWS.items():
    for _statement in _statements:
        event.listen(log, "after_create", DDL(_statement).execute_if(dialect=_dialect))
