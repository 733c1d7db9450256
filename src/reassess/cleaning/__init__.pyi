from .folding import USUAL_FOLDS as USUAL_FOLDS
from .folding import groups_within as groups_within
from .folding import make_folds as make_folds
from .targets import TargetKind as TargetKind
from .targets import training_targets as training_targets
