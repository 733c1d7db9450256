"""Tasks have the probability that their image was drawn, and its stratum; classes have a place in a hierarchy."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns of this schema version; they are null in the rows of earlier campaigns."""
    op.add_column("tasks", sa.Column("probability", sa.Float()))
    op.add_column("tasks", sa.Column("stratum", sa.String()))
    op.add_column("classes", sa.Column("path", sa.JSON()))
