"""The web application of a campaign: its pages and the requests that they send."""

from reassess.errors import MissingPackageError

try:
    import jinja2  # noqa: F401
    import msgspec  # noqa: F401
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as error:
    raise MissingPackageError(str(error.name), extra="annotate", purpose="the pages of a campaign") from error
