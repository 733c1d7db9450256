"""Are the labels of an image-classification benchmark right, and how good is a model, judged by labels that are?

The public names, each loaded when it is first used, so that ``import reassess`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reassess.accuracy import top1_hits as top1_hits
    from reassess.aggregation import Aggregation as Aggregation
    from reassess.aggregation import by_calibration as by_calibration
    from reassess.aggregation import by_em as by_em
    from reassess.aggregation import by_majority as by_majority
    from reassess.aggregation import by_mean as by_mean
    from reassess.aggregation import by_recipe as by_recipe
    from reassess.asking import OpenQuestions as OpenQuestions
    from reassess.asking import open_questions as open_questions
    from reassess.classes import Classes as Classes
    from reassess.comparison import Comparison as Comparison
    from reassess.comparison import compare as compare
    from reassess.curves import Curve as Curve
    from reassess.curves import precision_recall as precision_recall
    from reassess.dawid_skene import Fit as Fit
    from reassess.dawid_skene import fit as fit
    from reassess.errors import ConvergenceWarning as ConvergenceWarning
    from reassess.errors import DataError as DataError
    from reassess.errors import MissingPackageError as MissingPackageError
    from reassess.errors import OutputError as OutputError
    from reassess.errors import ReassessError as ReassessError
    from reassess.errors import ReassessWarning as ReassessWarning
    from reassess.errors import SourceError as SourceError
    from reassess.evaluation import evaluate as evaluate
    from reassess.formats.class_tables import read_collapsed as read_collapsed
    from reassess.formats.class_tables import read_groups as read_groups
    from reassess.formats.labels import read_labels as read_labels
    from reassess.formats.labels import read_original as read_original
    from reassess.formats.labels import write_labels as write_labels
    from reassess.formats.leaderboards import read_leaderboard as read_leaderboard
    from reassess.formats.multi_labels import read_multi_labels as read_multi_labels
    from reassess.formats.open_questions import write_open_questions as write_open_questions
    from reassess.formats.posteriors import read_posterior as read_posterior
    from reassess.formats.posteriors import write_posterior as write_posterior
    from reassess.formats.predictions import read_predictions as read_predictions
    from reassess.formats.predictions import write_predictions as write_predictions
    from reassess.formats.rater_model import read_rater_model as read_rater_model
    from reassess.formats.rater_model import write_rater_model as write_rater_model
    from reassess.formats.scores import read_scores as read_scores
    from reassess.formats.scores import write_scores as write_scores
    from reassess.formats.votes import read_votes as read_votes
    from reassess.formats.votes import write_votes as write_votes
    from reassess.golden import Golden as Golden
    from reassess.golden import golden_truth as golden_truth
    from reassess.label_changes import LabelDiff as LabelDiff
    from reassess.label_changes import label_diff as label_diff
    from reassess.labelling_bias import LabellingBias as LabellingBias
    from reassess.labelling_bias import labelling_biases as labelling_biases
    from reassess.labels import LabelSets as LabelSets
    from reassess.leaderboard import Entry as Entry
    from reassess.leaderboard import Leaderboard as Leaderboard
    from reassess.loading import imagenet_collapsed as imagenet_collapsed
    from reassess.loading import load_labels as load_labels
    from reassess.loading import load_multi_labels as load_multi_labels
    from reassess.loading import load_original as load_original
    from reassess.loading import load_scores as load_scores
    from reassess.loading import load_votes as load_votes
    from reassess.model_or_label import Preference as Preference
    from reassess.model_or_label import preferences as preferences
    from reassess.multi_labels import MultiLabelAccuracy as MultiLabelAccuracy
    from reassess.multi_labels import MultiLabels as MultiLabels
    from reassess.multi_labels import multi_label_accuracy as multi_label_accuracy
    from reassess.operating_points import Goal as Goal
    from reassess.operating_points import OperatingPoint as OperatingPoint
    from reassess.operating_points import operating_point as operating_point
    from reassess.panel import Panel as Panel
    from reassess.placement import Placement as Placement
    from reassess.placement import place as place
    from reassess.posteriors import Posterior as Posterior
    from reassess.posteriors import posterior as posterior
    from reassess.predictions import Predictions as Predictions
    from reassess.questions import Questions as Questions
    from reassess.ranking import Ranking as Ranking
    from reassess.ranking import rank_models as rank_models
    from reassess.rater_model import RaterModel as RaterModel
    from reassess.rater_model import calibrate as calibrate
    from reassess.relabelling import Relabelling as Relabelling
    from reassess.relabelling import relabel as relabel
    from reassess.running import RealAccuracy as RealAccuracy
    from reassess.scores import Scores as Scores
    from reassess.sheet import Sheet as Sheet
    from reassess.sheet import gather as gather
    from reassess.tally import Evaluation as Evaluation
    from reassess.taxonomy import Taxonomy as Taxonomy
    from reassess.taxonomy import taxonomies as taxonomies
    from reassess.thresholds import label_sets as label_sets
    from reassess.trends import Band as Band
    from reassess.trends import Trend as Trend
    from reassess.trends import trend as trend
    from reassess.uncertainty import LabelUncertainty as LabelUncertainty
    from reassess.uncertainty import label_uncertainty as label_uncertainty
    from reassess.votes import Votes as Votes

__version__ = "0.1.0"

_ROOM_OF = {
    "Aggregation": "aggregation",
    "Band": "trends",
    "Classes": "classes",
    "Comparison": "comparison",
    "ConvergenceWarning": "errors",
    "Curve": "curves",
    "DataError": "errors",
    "Entry": "leaderboard",
    "Evaluation": "tally",
    "Fit": "dawid_skene",
    "Goal": "operating_points",
    "Golden": "golden",
    "LabelDiff": "label_changes",
    "LabelSets": "labels",
    "LabelUncertainty": "uncertainty",
    "LabellingBias": "labelling_bias",
    "Leaderboard": "leaderboard",
    "MissingPackageError": "errors",
    "MultiLabelAccuracy": "multi_labels",
    "MultiLabels": "multi_labels",
    "OpenQuestions": "asking",
    "OperatingPoint": "operating_points",
    "OutputError": "errors",
    "Panel": "panel",
    "Placement": "placement",
    "Posterior": "posteriors",
    "Predictions": "predictions",
    "Preference": "model_or_label",
    "Questions": "questions",
    "Ranking": "ranking",
    "RaterModel": "rater_model",
    "RealAccuracy": "running",
    "ReassessError": "errors",
    "ReassessWarning": "errors",
    "Relabelling": "relabelling",
    "Scores": "scores",
    "Sheet": "sheet",
    "SourceError": "errors",
    "Taxonomy": "taxonomy",
    "Trend": "trends",
    "Votes": "votes",
    "by_calibration": "aggregation",
    "by_em": "aggregation",
    "by_majority": "aggregation",
    "by_mean": "aggregation",
    "by_recipe": "aggregation",
    "calibrate": "rater_model",
    "compare": "comparison",
    "evaluate": "evaluation",
    "fit": "dawid_skene",
    "gather": "sheet",
    "golden_truth": "golden",
    "imagenet_collapsed": "loading",
    "label_diff": "label_changes",
    "label_sets": "thresholds",
    "label_uncertainty": "uncertainty",
    "labelling_biases": "labelling_bias",
    "load_labels": "loading",
    "load_multi_labels": "loading",
    "load_original": "loading",
    "load_scores": "loading",
    "load_votes": "loading",
    "multi_label_accuracy": "multi_labels",
    "open_questions": "asking",
    "operating_point": "operating_points",
    "place": "placement",
    "posterior": "posteriors",
    "precision_recall": "curves",
    "preferences": "model_or_label",
    "rank_models": "ranking",
    "read_collapsed": "formats.class_tables",
    "read_groups": "formats.class_tables",
    "read_labels": "formats.labels",
    "read_leaderboard": "formats.leaderboards",
    "read_multi_labels": "formats.multi_labels",
    "read_original": "formats.labels",
    "read_posterior": "formats.posteriors",
    "read_predictions": "formats.predictions",
    "read_rater_model": "formats.rater_model",
    "read_scores": "formats.scores",
    "read_votes": "formats.votes",
    "relabel": "relabelling",
    "taxonomies": "taxonomy",
    "top1_hits": "accuracy",
    "trend": "trends",
    "write_labels": "formats.labels",
    "write_open_questions": "formats.open_questions",
    "write_posterior": "formats.posteriors",
    "write_predictions": "formats.predictions",
    "write_rater_model": "formats.rater_model",
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
