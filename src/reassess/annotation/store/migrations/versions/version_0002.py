"""Schema version 2: tasks have the stratum and the sampling probability of their image; classes have ancestors."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns of this schema version; they are null in the rows of earlier campaigns."""
    op.add_column("tasks", sa.Column("probability", sa.Float()))
    op.add_column("tasks", sa.Column("stratum", sa.String()))
    op.add_column("classes", sa.Column("path", sa.JSON()))
