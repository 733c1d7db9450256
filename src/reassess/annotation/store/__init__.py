"""The database of a campaign. Each change is one transaction; no other package contains SQL."""

from reassess.errors import require_package

with require_package("sqlalchemy", extra="annotate", purpose="a campaign"):
    import sqlalchemy  # noqa: F401
