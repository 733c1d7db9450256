"""The database of a campaign. Each change is one transaction; only this room speaks SQL."""

from reassess.errors import MissingPackageError

try:
    import sqlalchemy  # noqa: F401
except ImportError as error:
    raise MissingPackageError("sqlalchemy", extra="annotate", purpose="a campaign") from error
