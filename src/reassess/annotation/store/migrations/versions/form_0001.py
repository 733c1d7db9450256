"""The first form of the tables of a campaign."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_LARGE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
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
    """Make all tables."""
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("stop_low", sa.Float(), nullable=True),
        sa.Column("stop_high", sa.Float(), nullable=True),
        sa.Column("golden_rate", sa.Float(), nullable=False),
        sa.Column("lease", sa.Float(), nullable=False),
        sa.Column("seed", _LARGE, nullable=False),
        sa.Column("original_votes", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("golden_invalid", sa.Integer(), nullable=False),
        sa.Column("golden_valid", sa.Integer(), nullable=False),
        sa.Column("at_least", sa.Integer(), nullable=True),
        sa.Column("bar", sa.Float(), nullable=True),
        sa.Column("consent", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("images", sa.String(), nullable=True),
        sa.Column("classes", sa.Integer(), nullable=True),
        sa.Column("ranked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_campaign"),
    )
    op.create_table(
        "classes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("wnid", sa.String(), nullable=True),
        sa.Column("definition", sa.String(), nullable=True),
        sa.Column("synonyms", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_classes"),
    )
    op.create_table(
        "images",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("original", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.UniqueConstraint("address", name="uq_images_address"),
        sa.UniqueConstraint("name", name="uq_images_name"),
    )
    op.create_table(
        "unasked",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("original", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_unasked"),
        sa.UniqueConstraint("name", name="uq_unasked_name"),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("voided", sa.Boolean(), nullable=False),
        sa.Column("recounted", _LARGE, nullable=True),
        sa.Column("consented", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("name", name="uq_people_name"),
        sa.UniqueConstraint("token", name="uq_people_token"),
    )
    op.create_table(
        "cursors",
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("draws", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_cursors_person"),
        sa.PrimaryKeyConstraint("person", name="pk_cursors"),
    )
    op.create_table(
        "examples",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["class_id"], ["classes.id"], name="fk_examples_class_id"),
        sa.PrimaryKeyConstraint("id", name="pk_examples"),
        sa.UniqueConstraint("address", name="uq_examples_address"),
    )
    op.create_index("ix_examples_class_id", "examples", ["class_id"], unique=False)
    op.create_table(
        "golden_counts",
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("truth", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_golden_counts_person"),
        sa.PrimaryKeyConstraint("person", "truth", "answer", name="pk_golden_counts"),
    )
    op.create_table(
        "log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_log_person"),
        sa.PrimaryKeyConstraint("id", name="pk_log"),
    )
    op.create_table(
        "sessions",
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_sessions_person"),
        sa.PrimaryKeyConstraint("secret", name="pk_sessions"),
    )
    op.create_index("ix_sessions_person", "sessions", ["person"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("id", _LARGE, autoincrement=False, nullable=False),
        sa.Column("image", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("free", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["images.id"], name="fk_tasks_image"),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.UniqueConstraint("kind", "position", name="uq_tasks_kind_position"),
    )
    op.create_index(
        "ix_tasks_free",
        "tasks",
        ["kind", "position"],
        unique=False,
        sqlite_where=sa.text("free > 0"),
        postgresql_where=sa.text("free > 0"),
    )
    op.create_index("ix_tasks_image", "tasks", ["image"], unique=False)
    op.create_table(
        "questions",
        sa.Column("id", _LARGE, autoincrement=False, nullable=False),
        sa.Column("task", _LARGE, nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("golden", sa.Boolean(), nullable=False),
        sa.Column("truth", sa.Integer(), nullable=True),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("prior", sa.Float(), nullable=True),
        sa.Column("valid", sa.Float(), nullable=False),
        sa.Column("ended", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["class_id"], ["classes.id"], name="fk_questions_class_id"),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name="fk_questions_task"),
        sa.PrimaryKeyConstraint("id", name="pk_questions"),
    )
    op.create_index("ix_questions_task", "questions", ["task"], unique=False)
    op.create_table(
        "suggestions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("task", _LARGE, nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["class_id"], ["classes.id"], name="fk_suggestions_class_id"),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_suggestions_person"),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name="fk_suggestions_task"),
        sa.PrimaryKeyConstraint("id", name="pk_suggestions"),
        sa.UniqueConstraint("person", "task", "class_id", name="uq_suggestions_person_task_class_id"),
    )
    op.create_table(
        "turns",
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("task", _LARGE, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_turns_person"),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name="fk_turns_task"),
        sa.PrimaryKeyConstraint("person", "task", name="pk_turns"),
    )
    op.create_index(
        "ix_turns_asked",
        "turns",
        ["person", "expires"],
        unique=False,
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_index(
        "ix_turns_expired",
        "turns",
        ["person"],
        unique=False,
        sqlite_where=sa.text("state = 'expired'"),
        postgresql_where=sa.text("state = 'expired'"),
    )
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("question", _LARGE, nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_answers_person"),
        sa.ForeignKeyConstraint(["question"], ["questions.id"], name="fk_answers_question"),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
        sa.UniqueConstraint("question", "person", name="uq_answers_question_person"),
    )
    for statement in _ONLY_GROWS[op.get_context().dialect.name]:
        op.execute(statement)
