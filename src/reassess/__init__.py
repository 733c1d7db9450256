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
    from reassess.evaluation import Evaluation as Evaluation
    from reassess.evaluation import evaluate as evaluate
    from reassess.formats.labels import read_labels as read_labels
    from reassess.formats.labels import read_original as read_original
    from reassess.formats.labels import write_labels as write_labels
    from reassess.formats.predictions import read_predictions as read_predictions
    from reassess.formats.predictions import write_predictions as write_predictions
    from reassess.formats.scores import read_scores as read_scores
    from reassess.formats.scores import write_scores as write_scores
    from reassess.formats.votes import read_votes as read_votes
    from reassess.formats.votes import write_votes as write_votes
    from reassess.labels import LabelSets as LabelSets
    from reassess.loading import load_labels as load_labels
    from reassess.loading import load_original as load_original
    from reassess.loading import load_scores as load_scores
    from reassess.loading import load_votes as load_votes
    from reassess.predictions import Predictions as Predictions
    from reassess.questions import Questions as Questions
    from reassess.scores import Scores as Scores
    from reassess.sheet import Sheet as Sheet
    from reassess.sheet import gather as gather
    from reassess.thresholds import label_sets as label_sets
    from reassess.votes import Votes as Votes

__version__ = "0.1.0"

_ROOM_OF = {
    "Classes": "classes",
    "DataError": "errors",
    "Evaluation": "evaluation",
    "LabelSets": "labels",
    "MissingPackageError": "errors",
    "OutputError": "errors",
    "Predictions": "predictions",
    "Questions": "questions",
    "ReassessError": "errors",
    "ReassessWarning": "errors",
    "Scores": "scores",
    "Sheet": "sheet",
    "SourceError": "errors",
    "Votes": "votes",
    "evaluate": "evaluation",
    "gather": "sheet",
    "label_sets": "thresholds",
    "load_labels": "loading",
    "load_original": "loading",
    "load_scores": "loading",
    "load_votes": "loading",
    "read_labels": "formats.labels",
    "read_original": "formats.labels",
    "read_predictions": "formats.predictions",
    "read_scores": "formats.scores",
    "read_votes": "formats.votes",
    "write_labels": "formats.labels",
    "write_predictions": "formats.predictions",
    "write_scores": "formats.scores",
    "write_votes": "formats.votes",
}
__all__ = [*_ROOM_OF, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
