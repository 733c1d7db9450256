"""Tasks know with which probability their image was drawn, and from which stratum."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns, which are null for tasks of before."""
    op.add_column("tasks", sa.Column("probability", sa.Float()))
    op.add_column("tasks", sa.Column("stratum", sa.String()))
