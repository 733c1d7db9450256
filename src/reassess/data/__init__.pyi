from .loading import load_classes as load_classes
from .loading import load_collapsed as load_collapsed
from .loading import load_labels as load_labels
from .loading import load_multi_labels as load_multi_labels
from .loading import load_original as load_original
from .loading import load_scores as load_scores
from .loading import load_votes as load_votes
