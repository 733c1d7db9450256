"""Schema version 3: a campaign stores the tasks of its sample, its tempering power, and how this was found."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns of this schema version; the power of an earlier campaign is 1 until it is renewed."""
    op.add_column("campaign", sa.Column("sample", sa.Text()))
    for name, column_type, value in (
        ("tempering_power", sa.Float(), "1"),
        ("tempering_questions", sa.Integer(), "0"),
        ("tempering_answers", sa.Integer(), "0"),
    ):
        op.add_column("campaign", sa.Column(name, column_type, nullable=False, server_default=value))
