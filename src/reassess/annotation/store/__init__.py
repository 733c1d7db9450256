"""All that speaks SQL: what is kept of a campaign, and each change of it as one transaction."""

from reassess.errors import MissingPackageError

try:
    import sqlalchemy  # noqa: F401
except ImportError as error:
    raise MissingPackageError("sqlalchemy", extra="annotate", purpose="a campaign") from error
