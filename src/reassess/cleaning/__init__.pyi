from .cleaning import USUAL_KEEP as USUAL_KEEP
from .cleaning import CleaningMethod as CleaningMethod
from .cleaning import clean_by_confident_learning as clean_by_confident_learning
from .cleaning import clean_by_consistency as clean_by_consistency
from .cleaning import clean_by_posterior as clean_by_posterior
from .folding import USUAL_FOLDS as USUAL_FOLDS
from .folding import make_folds as make_folds
from .held_out import HeldOutPredictions as HeldOutPredictions
