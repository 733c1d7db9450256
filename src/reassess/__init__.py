"""Are the labels of an image-classification benchmark right, and how good is a model, judged by labels that are?

The public names, each loaded when it is first used, so that ``import reassess`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reassess.classes import Classes as Classes
    from reassess.errors import DataError as DataError
    from reassess.errors import MissingPackageError as MissingPackageError
    from reassess.errors import OutputError as OutputError
    from reassess.errors import ReassessError as ReassessError
    from reassess.errors import ReassessWarning as ReassessWarning
    from reassess.errors import SourceError as SourceError
    from reassess.labels import LabelSets as LabelSets
    from reassess.predictions import Predictions as Predictions
    from reassess.questions import Questions as Questions
    from reassess.scores import Scores as Scores

__version__ = "0.1.0"

_ROOM_OF = {
    "Classes": "classes",
    "DataError": "errors",
    "LabelSets": "labels",
    "MissingPackageError": "errors",
    "OutputError": "errors",
    "Predictions": "predictions",
    "Questions": "questions",
    "ReassessError": "errors",
    "ReassessWarning": "errors",
    "Scores": "scores",
    "SourceError": "errors",
}
__all__ = [*_ROOM_OF, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
