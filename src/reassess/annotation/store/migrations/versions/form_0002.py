"""Classes have their place in a hierarchy, so that a page can offer similar ones."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; the classes of earlier campaigns have no place."""
    op.add_column("classes", sa.Column("path", sa.JSON()))
